#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-or-later
"""portwall serve with real bridges and packets: what the policy says is what the kernel does, whatever happens to either."""
import os
import random
import re
import signal
import subprocess
import time

from servehost import (Guest, Service, address, device, expect, group_id, mac, policy_of, port_id, proc_status, rule, run,
                       run_tests, wait_for)

ICMP_IN = rule("ingress", protocol="icmp")
EGRESS = rule("egress")


def bridge(name="br0"):
    run("ip", "link", "add", name, "type", "bridge", "mcast_snooping", "0")
    run("ip", "link", "set", name, "up")
    return name


def two_guests():
    bridge()
    return [Guest(n).make().plug("br0") for n in (1, 2)]


def from_a_policy_to_packets():
    one, two = two_guests()
    service = Service().start()
    service.apply(policy_of([1, 2], [EGRESS]))
    service.wait_for_state(1, "active")
    expect(one.pings(two) == 0, "a ping passes that no group allows")
    service.must("POST", "/v2.0/security-group-rules", {"security_group_rule": {
        "security_group_id": group_id(1), "direction": "ingress", "protocol": "icmp"}})
    expect(one.pings(two) == 1, "a ping that a rule allows is lost: " + service.said())
    whole, said = service.is_whole()
    expect(whole, said)
    expect("equal" in service.portwall("verify", "--json"), "portwall verify asks the service for its policy")
    expect("p1" in service.portwall("show"), "portwall show does, too")
    expect("all" in service.portwall("groups"), "portwall groups does, too")
    exported = service.portwall("export")
    expect("nothing to change" in service.portwall("apply", "-", text=exported), "export prints another policy")
    said = service.portwall("status")
    expect("the kernel has the policy" in said and said.count("active") == 2, said)
    service.portwall("clear", status=1)
    expect(service.stop() == 0, service.said())
    expect(one.pings(two) == 1, "the kernel does not go on while the service is stopped")
    service.apply(policy_of([1, 2], [EGRESS]))
    expect(one.pings(two) == 0, "without a service apply does not act alone")


def groups_without_ports_need_no_commit():
    """Such a change goes past the keeper; what comes behind it must not miss it."""
    one, two = two_guests()
    service = Service(paranoid="no").start()
    service.apply(policy_of([1, 2], [EGRESS]))
    service.wait_for_state(1, "active")
    made = service.must("POST", "/v2.0/security-groups", {"security_group": {"name": "later"}})["security_group"]["id"]
    service.must("POST", "/v2.0/security-group-rules", {"security_group_rule": {
        "security_group_id": made, "direction": "ingress", "protocol": "icmp"}})
    gone = service.must("POST", "/v2.0/security-groups", {"security_group": {"name": "gone"}})["security_group"]["id"]
    would = service.must("DELETE", f"/v2.0/security-groups/{gone}?dry_run=true")["portwall"]
    expect(would["steps"] == 0 and not would["changes"], would)
    service.must("DELETE", f"/v2.0/security-groups/{gone}")
    state = service.must("GET", "/v2.0/portwall/status")
    expect(state["revision"] == state["kernel_revision"] > 1, state)
    expect(one.pings(two) == 0, "a group that no port has lets a ping pass")
    expect("equal" in service.portwall("verify", "--json"), "portwall verify misses a group")
    run("iptables", "-F")
    wait_for("the rules to be repaired", lambda: service.is_whole()[0])
    service.must("PUT", f"/v2.0/ports/{port_id(2)}", {"port": {"security_groups": [group_id(1), made]}})
    expect(one.pings(two) == 1, "a ping that the group allows is lost: " + service.said())
    service.must("PUT", f"/v2.0/ports/{port_id(2)}", {"port": {"security_groups": [group_id(1)]}})
    expect(one.pings(two) == 0, "a ping passes by a group that the port has no more")
    whole, said = service.is_whole()
    expect(whole, said)


def others_change_rules():
    one, two = two_guests()
    service = Service().start()
    service.apply(policy_of([1, 2], [EGRESS]))
    for tool, words in (("iptables -F", ["iptables", "-F"]), ("ip6tables", ["ip6tables", "-F"]),
                        ("iptables -t raw", ["iptables", "-t", "raw", "-F"]), ("nft", ["nft", "flush", "ruleset"]),
                        ("delete the bridge's table", ["nft", "delete", "table", "bridge", "portwall"]),
                        ("insert", ["iptables", "-I", "neutron-openvswi-FORWARD", "-j", "ACCEPT"]),
                        ("jump ahead", ["iptables", "-I", "FORWARD", "-j", "ACCEPT"])):
        before = service.must("GET", "/v2.0/portwall/status")["repaired"]
        run(*words)
        if tool != "jump ahead":
            wait_for(f"{tool} to be repaired: {service.said()[-3000:]}",
                     lambda: service.must("GET", "/v2.0/portwall/status")["repaired"] > before)
        expect(one.pings(two) == 0 or tool == "jump ahead", f"after {tool} packets pass")
        run("iptables", "-D", "FORWARD", "-j", "ACCEPT", status=None)
    expect(re.search(r'event=changed-by-others who="iptables \(process \d+', service.said()), service.said())
    expect("event=bug" not in service.said(), service.said())


def service_dies_at_any_moment():
    one, two = two_guests()
    service = Service().start()
    seed = int(os.environ.get("PORTWALL_SEED") or random.randrange(1 << 32))
    print(f"# PORTWALL_SEED={seed}", flush=True)
    rng = random.Random(seed)
    service.apply(policy_of([1, 2], [EGRESS]))
    last = 0
    for _ in range(int(os.environ.get("SERVE_KILLS", "12"))):
        child = subprocess.Popen(["sh", "-c", f"sleep {rng.uniform(0, 0.4):.3f}; kill -9 {rng.choice([service.process.pid, *service.children()])}"])
        acknowledged = last
        try:
            while True:
                n = acknowledged + 1
                service.must("POST", "/v2.0/security-group-rules", {"security_group_rule": {
                    "security_group_id": group_id(1), "direction": "ingress", "protocol": "tcp",
                    "port_range_min": n, "port_range_max": n}})
                acknowledged = n
        except Exception:  # whatever a client sees of a service that is killed
            pass
        child.wait()
        service.process.wait(timeout=120)
        expect(one.pings(two) == 0, "the wire is open while the service is dead")
        service.start()
        rules = service.must("GET", "/v2.0/security-group-rules")["security_group_rules"]
        ports = sorted(r["port_range_min"] for r in rules if r["protocol"] == "tcp")
        expect(ports[:acknowledged] == list(range(1, acknowledged + 1)), f"acknowledged {acknowledged}, there are {ports}")
        last = len(ports)
        whole, said = service.is_whole()
        expect(whole, said)
    expect(last > 3, f"{last} rules: it was always killed before it did something")


def connection_outlives_restarts():
    one, two = two_guests()
    service = Service().start()
    service.apply(policy_of([1, 2], [EGRESS, rule("ingress", protocol="tcp", port_range_min=7000, port_range_max=7000)]))
    server = subprocess.Popen(["ip", "netns", "exec", two.name, "python3", "-c",
                               "import socket\ns = socket.create_server(('', 7000))\nprint('up', flush=True)\nc, _ = s.accept()\n"
                               "while c.recv(100): print('got', flush=True)"], stdout=subprocess.PIPE, text=True)
    server.stdout.readline()
    client = subprocess.Popen(["ip", "netns", "exec", one.name, "python3", "-c",
                               f"import socket, time\nc = socket.create_connection(('{address(2)}', 7000))\n"
                               "while True:\n c.send(b'x')\n time.sleep(0.02)"])
    try:
        zones = run("iptables-save", "-t", "raw")
        for how in (signal.SIGTERM, signal.SIGHUP, signal.SIGKILL):
            server.stdout.readline()
            if how == signal.SIGHUP:
                before = service.said().count("event=ready")
                service.process.send_signal(how)
                wait_for("the reload", lambda before=before: service.said().count("event=ready") > before)
            else:
                service.stop(how)
                service.start()
            for _ in range(10):
                expect(server.stdout.readline() == "got\n", f"the connection has ended at {how.name}")
            expect(run("iptables-save", "-t", "raw").count("--zone") == zones.count("--zone"), "zones")
            expect([line for line in run("iptables-save", "-t", "raw").splitlines() if "zone" in line]
                   == [line for line in zones.splitlines() if "zone" in line], "zones were given anew")
    finally:
        client.kill()
        server.kill()


def interfaces_come_and_go():
    bridge()
    bridge("br1")
    two = Guest(2).make().plug("br0")
    one = Guest(1)
    service = Service().start()
    service.apply(policy_of([1, 2], [EGRESS, ICMP_IN]))
    service.wait_for_state(1, "waiting")
    one.make()
    service.wait_for_state(1, "unplugged")
    one.plug("br0")
    service.wait_for_state(1, "active")
    wait_for("packets of the new port", lambda: one.pings(two))
    one.plug("br1")
    wait_for("the move to br1", lambda: '"br1"' in service.portwall("status", "--json"))
    one.plug("br0")
    wait_for("packets of the port that came back", lambda: one.pings(two))
    one.unplug()
    service.wait_for_state(1, "waiting")
    stranger = Guest(3, "tapstranger").make().plug("br0")
    expect(stranger.pings(two) == 0, "an interface of no port passes packets")
    wait_for("a word of it", lambda: "tapstranger" in service.said())
    one.make().plug("br0")
    wait_for("packets of the port that is there again", lambda: one.pings(two))
    expect(service.is_whole()[0], service.is_whole()[1])
    expect("event=bug" not in service.said(), service.said())


def service_without_a_policy_leaves_the_host_alone():
    """It was installed on a host with machines: of the first, portwall apply made ports before; of the second nobody knows."""
    one, two = two_guests()
    bridge("br1")
    three, four = [Guest(n).make().plug("br1") for n in (3, 4)]
    service = Service()
    service.apply(policy_of([1, 2], [EGRESS]))

    def rules():
        return re.sub(r"packets \d+ bytes \d+|handle \d+", "", run("nft", "list", "ruleset"))
    before = rules()
    expect(one.pings(two) == 0, "apply alone does not enforce")
    service.start()
    expect("no-policy-yet" in service.said(), service.said())
    run("ip", "link", "set", four.device, "nomaster")
    four.plug("br1")
    wait_for("machines that no policy knows", lambda: three.pings(four))
    expect(rules() == before, "a service without a policy changed rules")
    expect(service.stop() == 0, service.said())
    service.start()
    expect(rules() == before and three.pings(four) == 1, "a second start of a service without a policy changed rules")
    service.apply(policy_of([1, 2], [EGRESS, ICMP_IN]))
    wait_for("the first policy", lambda: one.pings(two))
    wait_for("machines of no policy to be closed", lambda: three.pings(four) == 0)
    expect("event=bug" not in service.said(), service.said())
    service.apply({"security_groups": [], "ports": []})
    expect(service.stop() == 0, service.said())
    service.start()
    last_run = service.said().rsplit("event=serving", 1)[-1]
    expect("no-policy-yet" not in last_run and three.pings(four) == 0, f"a policy without ports is taken for none: {last_run}")


def port_is_found_by_its_mac():
    bridge()
    two = Guest(2).make().plug("br0")
    service = Service().start()
    policy = policy_of([1, 2], [EGRESS, ICMP_IN])
    service.apply(policy)
    one = Guest(1, "vnet7")
    one.make()
    run("ip", "link", "set", "vnet7", "address", "fe" + mac(1)[2:])
    one.plug("br0")
    service.wait_for_state(1, "active")
    wait_for("packets of the port", lambda: one.pings(two))
    states = [p for p in service.must("GET", "/v2.0/portwall/status")["ports"] if p["id"] == port_id(1)]
    expect(states[0]["device"] == "vnet7", states)


def wrong_requests_change_nothing():
    two_guests()
    service = Service().start()
    service.apply(policy_of([1, 2], [EGRESS]))
    def state():
        rules = re.sub(r"(?m)^#.*|\[\d+:\d+\]", "", run("iptables-save"))
        return rules, service.must("GET", "/v2.0/portwall/policy")
    before = state()
    for path, body, wanted in (
            ("/v2.0/security-group-rules", {"security_group_rule": {"security_group_id": group_id(9), "direction": "ingress"}}, 404),
            ("/v2.0/security-group-rules", {"security_group_rule": {"security_group_id": group_id(1), "direction": "up"}}, 400),
            ("/v2.0/security-group-rules", "{", 400), ("/v2.0/nothing", {}, 404)):
        status, said = service.ask("POST", path, body)
        expect(status == wanted, f"{path} {body}: {status} {said}")
    expect("nosuch" in service.portwall("apply", "-", status=2, text='{"ports": [{"name": "x", "nosuch": 1}]}'), "apply")
    expect("serve" in service.portwall("apply", "--prefix", "pw-", "-", status=2, text="{}"), "--prefix")
    expect(state() == before, "something was changed")


def one_service_for_a_host():
    bridge()
    service = Service().start()
    second = Service(socket=service.socket)
    said = second.portwall("serve", "--config", second.config, status=1)
    expect("another process listens" in said and "running already" in said, said)
    said = second.portwall("serve", "--config", "/nowhere", status=2)
    expect("/nowhere" in said, said)
    second.write_config(socket=second.dir + "/x.sock", user="nobodywhoisthere")
    said = second.portwall("serve", "--check", "--config", second.config, status=2)
    expect("nobodywhoisthere" in said and "serve.conf:" in said, said)


def engine_and_door_have_the_rights_they_need():
    bridge()
    service = Service().start()
    engine, door = service.children()
    expect(int(proc_status(door)["CapEff"], 16) == 0 and int(proc_status(door)["CapPrm"], 16) == 0, proc_status(door))
    expect(proc_status(door)["Uid"].split()[0] != "0" and proc_status(door)["Groups"].strip() == "", proc_status(door))
    expect(proc_status(door)["Seccomp"] == "2" and proc_status(engine)["Seccomp"] == "2", "seccomp")
    expect(proc_status(engine)["NoNewPrivs"] == "1", "no_new_privs")
    expect(int(proc_status(engine)["CapEff"], 16) & ~(1 << 12 | 1 << 13) == 0, proc_status(engine)["CapEff"])


def guard_is_one_of_its_duties():
    """The guard's table is the service's: nobody else can flush it, NAT of others does not touch what is only bridged, and it outlives the service."""
    one, two = two_guests()
    service = Service(guard="yes", guard_bridges="br0").start()
    service.apply(policy_of([1, 2], [EGRESS, ICMP_IN]))
    expect(service.must("GET", "/v2.0/portwall/status")["guard"] is True, "the guard is not held")
    run("ip", "address", "add", "192.0.2.1/24", "dev", "br0")
    run("iptables", "-t", "nat", "-A", "POSTROUTING", "-s", "10.7.0.0/16", "!", "-o", "docker0", "-j", "MASQUERADE")

    def sources():
        """Of a ping to two, as conntrack has it: who sent, and whom the answer goes to."""
        one.pings(two)
        found = re.findall(r"icmp .*?src=(\S+) .*?dst=(\S+) type=0", run("conntrack", "-L", "-p", "icmp", status=None))
        expect(found, "no connection is tracked")
        run("conntrack", "-F", status=None)
        return {address for pair in found for address in pair}
    expect(sources() == {address(1)}, "somebody else's NAT rewrites a bridged packet")
    run("nft", "flush", "ruleset", status=None)
    expect("portwall-guard" in run("nft", "list", "tables"), "others can flush the guard's table")
    expect(service.stop() == 0, service.said())
    expect("portwall-guard" in run("nft", "list", "tables"), "the guard's table went with the service: " + service.said() + run("nft", "list", "tables"))
    run("iptables", "-t", "nat", "-A", "POSTROUTING", "-s", "10.7.0.0/16", "!", "-o", "docker0", "-j", "MASQUERADE")
    expect(sources() == {address(1)}, "the table that stays does not guard")
    run("nft", "delete", "table", "inet", "portwall-guard")
    expect(sources() != {address(1)}, "without the guard nothing is rewritten either: this proves nothing")


def findings_and_metrics_are_told():
    one, two = two_guests()
    service = Service().start()
    service.apply(policy_of([1, 2], [EGRESS]))
    one.pings(two)
    metrics = service.must("GET", "/metrics")
    expect("portwall_" in metrics and "# TYPE" in metrics, metrics)
    findings = service.must("GET", "/v2.0/portwall/findings")
    expect("findings" in findings, findings)
    expect(service.must("GET", "/v2.0/portwall/verify")["verdict"] == "equal", "verify")
    counters = service.must("GET", f"/v2.0/portwall/counters?port={port_id(2)}")["counters"]
    drops = [c for c in counters if c["duty"] == "fallback" and c["direction"] == "ingress" and c["packets"]]
    expect(drops, f"the ping that was dropped is not counted: {counters}")


if __name__ == "__main__":
    run_tests([
        ("a policy comes into the kernel, and packets follow it", from_a_policy_to_packets),
        ("a change of groups that no port has is told at once, and there when a port comes", groups_without_ports_need_no_commit),
        ("what others change in our rules is put back, with their names in the log", others_change_rules),
        ("what was acknowledged survives kill -9 of each process at any moment, and the wire never opens", service_dies_at_any_moment),
        ("a connection outlives stop, reload and kill of the service", connection_outlives_restarts),
        ("interfaces are bound when they come, closed before and after", interfaces_come_and_go),
        ("a service without a policy leaves the host alone", service_without_a_policy_leaves_the_host_alone),
        ("a port without a name is found by its MAC", port_is_found_by_its_mac),
        ("wrong requests change nothing and say what is wrong", wrong_requests_change_nothing),
        ("there is one service for a socket, and a wrong configuration says where", one_service_for_a_host),
        ("the door has no right, the engine those that it needs", engine_and_door_have_the_rights_they_need),
        ("the guard is one of its duties", guard_is_one_of_its_duties),
        ("findings, proofs, counters and metrics are told over the socket", findings_and_metrics_are_told),
    ])
