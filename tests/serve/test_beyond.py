#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-or-later
"""What Neutron's API does not have, of a real service with real packets."""
import http.client
import json
import socket
import subprocess
import threading
import time
import urllib.parse

from servehost import (PATIENCE_S, Failure, Guest, Service, address, device, expect, group_id, mac, policy_of, port_id, rule, run, run_tests, wait_for)

EGRESS = rule("egress")
ICMP_IN = rule("ingress", protocol="icmp")


def hosts(*numbers):
    run("ip", "link", "add", "br0", "type", "bridge", "mcast_snooping", "0")
    run("ip", "link", "set", "br0", "up")
    return [Guest(number).make().plug("br0") for number in numbers]


def explain(service, number, packet, status=200, **arguments):
    query = urllib.parse.urlencode({"packet": packet, **arguments})
    got, said = service.ask("GET", f"/v2.0/ports/{port_id(number)}/explain?{query}")
    expect(got == status, f"{packet} {arguments}: {got}: {said}")
    return said


def a_packet_is_explained_as_it_fares():
    one, two = hosts(1, 2)
    service = Service().start()
    packet = f"icmp {address(1)} {address(2)}"
    for rules, verdict in (([EGRESS], "dropped"), ([EGRESS, ICMP_IN], "delivered"), ([ICMP_IN], "dropped")):
        service.apply(policy_of([1, 2], rules))
        expect(bool(one.pings(two)) == (verdict == "delivered"), f"{rules}: the packets themselves fare otherwise")
        for number, direction in ((1, "egress"), (2, "ingress"), (1, None), (2, None)):
            said = explain(service, number, packet, state="new", **({"direction": direction} if direction else {}))
            expect(said["verdict"] == verdict, f"{rules} at {number} {direction}: {said['verdict']}: {said['words']}")
            expect(said["path"][0]["device"] == device(1), said["path"][0])
            if verdict == "dropped":
                port = said["decided_by"]["port"]
                where = (device(2), "ingress") if EGRESS in rules else (device(1), "egress")
                expect((port["device"], port["direction"]) == where, said["decided_by"])
    told = json.loads(service.portwall("explain", "--json", "--in", device(1), "--to", device(2), "--state", "new",
                                       packet + f" mac {mac(1)} > {mac(2)}", status=3))
    said = explain(service, 1, packet, state="new")
    expect(said == told, f"the command says {told}, the API {said}")


def a_spoofed_packet_is_told_as_such():
    hosts(1, 2)
    service = Service().start()
    service.apply(policy_of([1, 2], [EGRESS, ICMP_IN]))
    said = explain(service, 1, f"icmp 192.0.2.1 {address(2)} mac {mac(1)} > {mac(2)}")
    expect(said["verdict"] == "dropped" and said["decided_by"]["port"]["anti_spoofing"], said)


def all_packets_of_a_set_are_explained_by_parts():
    hosts(1, 2)
    service = Service().start()
    service.apply(policy_of([1, 2], [EGRESS, rule("ingress", protocol="tcp", port_range_min=22, port_range_max=22)]))
    said = explain(service, 2, f"tcp {address(1)} {address(2)}:22-23", state="new")
    by_ports = {line: part["answer"]["decided_by"] for part in said["parts"] for line in part["packets"]}
    expect(set(by_ports) == {"IPv4 dport 22", "IPv4 dport 23"}, said["parts"])
    expect(by_ports["IPv4 dport 23"]["port"] == {"device": device(2), "direction": "ingress", "anti_spoofing": False, "invalid_state": False},
           by_ports)
    # the guest is a namespace of this host: it has no socket for it, and that is no rule's doing
    expect(by_ports["IPv4 dport 22"] is None, by_ports)


def what_comes_from_elsewhere_comes_by_the_uplink():
    hosts(1, 2)
    run("ip", "link", "add", "eth7", "type", "veth", "peer", "name", "wire7")
    for name in ("eth7", "wire7"):
        run("ip", "link", "set", name, "up")
    run("ip", "link", "set", "eth7", "master", "br0")
    service = Service().start()
    service.apply(policy_of([1, 2], [EGRESS, ICMP_IN]))
    said = explain(service, 1, f"icmp 192.0.2.9 {address(1)}", state="new")
    expect(said["verdict"] == "delivered" and said["path"][0]["device"] == "eth7", said)
    run("ip", "link", "add", "eth8", "type", "veth", "peer", "name", "wire8")
    run("ip", "link", "set", "eth8", "master", "br0", "up")
    said = explain(service, 1, f"icmp 192.0.2.9 {address(1)}", status=409)["NeutronError"]
    expect("eth7" in said["message"] and "eth8" in said["message"] and "from=" in said["detail"], said)
    said = explain(service, 1, f"icmp 192.0.2.9 {address(1)}", state="new", **{"from": "eth8"})
    expect(said["path"][0]["device"] == "eth8", said)


def what_cannot_be_explained_is_told_why():
    hosts(1)
    service = Service().start()
    policy = policy_of([1, 2, 3], [EGRESS])
    policy["ports"][2]["binding:host_id"] = "elsewhere"
    service.apply(policy)
    packet = f"icmp {address(1)} {address(2)}"
    said = explain(service, 1, "tcp here there", status=400)["NeutronError"]
    expect('"here" is no address' in said["message"] and "^" in said["message"], said)
    expect("nosuch" in explain(service, 1, packet, status=400, state="nosuch")["NeutronError"]["message"], "the state")
    expect("nosuch0" in explain(service, 1, packet, status=400, **{"from": "nosuch0"})["NeutronError"]["message"], "from")
    expect(device(2) in explain(service, 2, packet, status=409)["NeutronError"]["message"], "a port without interface")
    expect("elsewhere" in explain(service, 3, packet, status=409)["NeutronError"]["message"], "a port of another host")
    explain(service, 4, packet, status=404)
    expect(explain(service, 1, packet)["verdict"], "and then it goes on")


def rules_are_shown_with_what_they_counted():
    one, two, three = hosts(1, 2, 3)
    service = Service().start()
    service.apply(policy_of([1, 2, 3], [EGRESS]))
    expect(one.pings(two) == 0, "a ping passes that no group allows")
    made = service.must("POST", "/v2.0/security-group-rules", {"security_group_rule": {
        "security_group_id": group_id(1), "direction": "ingress", "protocol": "icmp"}})["security_group_rule"]
    path = f"/v2.0/security-group-rules/{made['id']}"

    def counted():
        return service.must("GET", path)["security_group_rule"]["portwall:packets"]
    wait_for("a rule that nothing met", lambda: counted() == 0)
    # of each ping the request is a new connection, which a rule lets pass; at two ports
    expect(one.pings(two) == 1 and two.pings(three) == 1, "pings that are allowed are lost")
    wait_for("what both ports counted", lambda: counted() == 2)
    listed = {r["id"]: r for r in service.must("GET", "/v2.0/security-group-rules")["security_group_rules"]}
    expect(listed[made["id"]]["portwall:bytes"] == 2 * 84, listed)
    egress = [r["portwall:packets"] for r in listed.values() if r["direction"] == "egress"]
    expect(all(egress), listed)
    said = service.must("GET", "/v2.0/security-group-rules?fields=id&fields=portwall:packets")["security_group_rules"]
    expect({"id": made["id"], "portwall:packets": 2} in said, said)


LISTEN = """
import socket, sys, time
server = socket.create_server(("", 7))
there, _ = server.accept()
while True:
    there.sendall(there.recv(100))
"""
TALK = """
import socket, sys, time
there = socket.create_connection((sys.argv[1], 7))
while True:
    there.sendall(b"x"); there.recv(100); print("x", flush=True); time.sleep(0.1)
"""


def begin(guest, program, *words):
    return subprocess.Popen(["ip", "netns", "exec", guest.name, "/usr/bin/python3", "-c", program, *words], stdout=subprocess.PIPE)


def dry_run_tells_what_it_would_cut_and_open():
    one, two, three = hosts(1, 2, 3)
    service = Service().start()
    service.apply(policy_of([1, 2, 3], [EGRESS, ICMP_IN]))
    made = service.must("POST", "/v2.0/security-group-rules", {"security_group_rule": {
        "security_group_id": group_id(1), "direction": "ingress", "protocol": "tcp", "port_range_min": 7, "port_range_max": 7}})
    path = f"/v2.0/security-group-rules/{made['security_group_rule']['id']}"
    listener = begin(two, LISTEN)
    wait_for("the listener", lambda: ":7 " in two.exec("ss", "-tln"))
    talker = begin(one, TALK, address(2))
    expect(talker.stdout.readline() == b"x\n", "no connection")
    three.pings(two)
    before = run("iptables-save"), run("conntrack", "-L", "-p", "tcp", status=None)

    said = service.must("DELETE", path + "?dry_run=true")["portwall"]
    expect(said["flows_cut"] == 1 and len(said["flows"]) == 1, said)
    flow = said["flows"][0]
    expect({key: flow[key] for key in ("port_id", "direction", "protocol", "source", "destination", "destination_port")} ==
           {"port_id": port_id(2), "direction": "ingress", "protocol": "tcp", "source": address(1), "destination": address(2),
            "destination_port": 7}, flow)
    expect(said["opens"] == [] and said["ports_not_told"] == 0, said)
    expect({(c["port_id"], c["direction"]) for c in said["closes"]} == {(port_id(n), "ingress") for n in (1, 2, 3)}, said["closes"])
    expect(all(len(c["packets"]) == 1 and "tcp" in c["packets"][0] and "7" in c["packets"][0] for c in said["closes"]), said["closes"])
    expect(talker.stdout.readline() == b"x\n", "the dry run cut the connection")
    examples = {c["port_id"]: c["example"] for c in said["closes"]}
    expect(examples[port_id(2)].startswith("tcp ") and f" {address(2)}:7 " in examples[port_id(2)], examples)

    said = service.must("POST", "/v2.0/security-group-rules?dry_run=true", {"security_group_rule": {
        "security_group_id": group_id(1), "direction": "ingress", "protocol": "udp", "port_range_min": 53, "port_range_max": 53}})
    said = said["portwall"]
    expect(said["flows"] == [] and said["flows_cut"] == 0 and said["closes"] == [], said)
    expect(len(said["opens"]) == 3 and all("udp" in o["packets"][0] and "53" in o["packets"][0] for o in said["opens"]), said["opens"])

    said = service.must("PUT", f"/v2.0/ports/{port_id(2)}?dry_run=true", {"port": {"name": "another"}})["portwall"]
    expect(said["flows"] == said["opens"] == said["closes"] == [], said)
    said = service.must("DELETE", f"/v2.0/ports/{port_id(2)}?dry_run=true")["portwall"]
    expect(port_id(2) in {flow["port_id"] for flow in said["flows"]}, said)
    expect({c["port_id"] for c in said["closes"]} == {port_id(2)}, said["closes"])

    expect(run("iptables-save").count("-A") == before[0].count("-A"), "a dry run changed rules")
    service.must("DELETE", path)
    wait_for("the connection to be cut", lambda: "mark=" in run("conntrack", "-L", "-p", "tcp", status=None))
    for process in (talker, listener):
        process.kill()
        process.wait()


def dry_run_of_many_ports_is_bounded():
    hosts()
    service = Service().start()
    service.apply(policy_of(range(1, 61), [EGRESS]))
    said = service.must("POST", "/v2.0/security-group-rules?dry_run=true", {"security_group_rule": {
        "security_group_id": group_id(1), "direction": "ingress", "protocol": "udp"}})["portwall"]
    told = {o["port_id"] for o in said["opens"]}
    expect(0 < len(told) <= 20 and len(told) + said["ports_not_told"] == 60, f"{len(told)}, {said['ports_not_told']}")


def dry_run_tells_of_members_of_groups():
    """A port more in a group opens those whose rules name it as their remote."""
    hosts(1, 2)
    service = Service().start()
    policy = policy_of([1, 2], [EGRESS, rule("ingress", remote_group_id=group_id(2))])
    policy["security_groups"].append({"id": group_id(2), "name": "clients", "security_group_rules": []})
    service.apply(policy)
    said = service.must("PUT", f"/v2.0/ports/{port_id(2)}?dry_run=true",
                        {"port": {"security_groups": [group_id(1), group_id(2)]}})["portwall"]
    opens = {(o["port_id"], o["direction"]): o["packets"] for o in said["opens"]}
    expect(any(address(2) in line for line in opens.get((port_id(1), "ingress"), [])), said)


def explanations_do_not_keep_others_waiting():
    """Who may only read may ask for explanations: as many as he likes leave room for those who look after the host."""
    hosts(1, 2)
    service = Service().start()
    service.apply(policy_of([1, 2], [EGRESS, ICMP_IN]))
    query = urllib.parse.urlencode({"packet": "any any any"})
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(service.ask("GET", f"/v2.0/ports/{port_id(1)}/explain?{query}")))
               for _ in range(24)]
    for thread in threads:
        thread.start()
    n = 0
    while any(thread.is_alive() for thread in threads):
        got, said = service.ask("GET", "/v2.0/portwall/counters")
        expect(got == 200, f"{got}: {said}")
        n += 1
    for thread in threads:
        thread.join()
    statuses = {status for status, _ in answers}
    expect(n and 200 in statuses and statuses <= {200, 400}, statuses)
    expect(all(said["NeutronError"]["type"] == "OverLimit" for status, said in answers if status == 400), answers)


class Stream:
    """The event stream, read as far as somebody waits for something."""

    def __init__(self, service):
        self.connection = http.client.HTTPConnection("localhost")
        self.connection.sock = socket.socket(socket.AF_UNIX)
        self.connection.sock.settimeout(PATIENCE_S)
        self.connection.sock.connect(service.socket)
        self.connection.request("GET", "/v2.0/portwall/events")
        self.answer = self.connection.getresponse()
        expect(self.answer.status == 200, self.answer.status)

    def event(self, what, condition):
        """The next one of that name of which it is true."""
        name, end = None, time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            line = self.answer.readline().decode().rstrip("\n")
            if line.startswith("event: "):
                name = line[7:]
            if line.startswith("data: ") and name == what:
                said = json.loads(line[6:])
                if condition(said):
                    return said
        raise Failure(f"no such event {what}")


def drops_are_events():
    one, two = hosts(1, 2)
    service = Service().start()
    service.apply(policy_of([1, 2], [EGRESS]))
    stream = Stream(service)
    run("ip", "-n", one.name, "address", "add", "10.7.99.99/16", "dev", "eth0")
    pings = [subprocess.Popen(["ip", "netns", "exec", one.name, "ping", "-n", "-i", "0.2", "-I", source, address(2)],
                              stdout=subprocess.DEVNULL) for source in (address(1), "10.7.99.99")]

    def has(kind, direction, number):
        return lambda said: said["port_id"] == port_id(number) and [
            d for d in said["drops"] if (d["kind"], d["direction"]) == (kind, direction) and d["packets"] and d["bytes"] == 84 * d["packets"]]
    stream.event("drop", has("default-drop", "ingress", 2))
    stream.event("drop", has("spoof-drop", "egress", 1))
    for ping in pings:
        ping.kill()
        ping.wait()


def is_ours(finding):
    """Of this host's namespace: those of others, tests that run beside this one among them, are named behind an @."""
    return finding.startswith("nat-source") and "@" not in finding


def findings_are_events():
    one, _ = hosts(1, 2)
    service = Service().start()
    service.apply(policy_of([1, 2], [EGRESS, ICMP_IN]))
    run("ip", "address", "add", "192.0.2.1/24", "dev", "br0")
    run("ip", "-n", one.name, "address", "add", "10.7.99.99/16", "dev", "eth0")  # none of the port's
    masquerade = ["POSTROUTING", "-s", "10.7.0.0/16", "!", "-o", "docker0", "-j", "MASQUERADE"]
    stream = Stream(service)
    # How things stand is not told, so the rule comes behind the first look: drops are told from the second one on, and that for findings
    # began with the first one; what is asked then has come later.
    ping = subprocess.Popen(["ip", "netns", "exec", one.name, "ping", "-n", "-i", "0.2", "-I", "10.7.99.99", address(2)],
                            stdout=subprocess.DEVNULL)
    stream.event("drop", lambda said: True)
    before = service.must("GET", "/v2.0/portwall/findings")["findings"]
    expect(not [f for f in before if is_ours(f["id"])], before)
    ping.kill()
    ping.wait()
    run("iptables", "-t", "nat", "-A", *masquerade)
    said = stream.event("finding", lambda said: is_ours(said["subject"]))
    expect(said["is"] == "new" and said["severity"] and said["text"], said)
    run("iptables", "-t", "nat", "-D", *masquerade)
    said = stream.event("finding", lambda said: is_ours(said["subject"]))
    expect(said["is"] == "gone", said)


if __name__ == "__main__":
    run_tests([
        ("a packet is explained as it fares", a_packet_is_explained_as_it_fares),
        ("a spoofed packet is told as such", a_spoofed_packet_is_told_as_such),
        ("all packets of a set are explained by parts", all_packets_of_a_set_are_explained_by_parts),
        ("what comes from elsewhere comes by the uplink", what_comes_from_elsewhere_comes_by_the_uplink),
        ("what cannot be explained is told why", what_cannot_be_explained_is_told_why),
        ("explanations do not keep others waiting", explanations_do_not_keep_others_waiting),
        ("rules are shown with what they counted", rules_are_shown_with_what_they_counted),
        ("a dry run tells what it would cut and open, and does not", dry_run_tells_what_it_would_cut_and_open),
        ("a dry run of many ports tells of some, and how many more", dry_run_of_many_ports_is_bounded),
        ("a dry run tells of members of groups", dry_run_tells_of_members_of_groups),
        ("drops are events", drops_are_events),
        ("findings are events", findings_are_events),
    ])
