#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-or-later
"""Both incidents watched live on the compute host of examples/lab, with real Open vSwitch and Docker: where a packet was seen, what
netfilter did to it, and that explain says the same."""
import json
import os
import random
import signal
import subprocess
import time

from dockerhost import BROAD, DIRECTOR, HOST, PORT1, VM1, Host
from e2e import BUILD, LAB, SECONDS_TO_END, WIRE, expect, run, run_tests

TAP, QVB, QVO = "tap" + PORT1, "qvb" + PORT1, "qvo" + PORT1


class Watch:
    """portwall watch on the host of a lab, from when it listens on."""

    def __init__(self, host, words):
        self.process = subprocess.Popen(
            [LAB, "shell", "host", host.name], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, "SHELL": "/bin/sh"}, start_new_session=True)
        self.process.stdin.write(f"echo $$ >&2; exec portwall watch {words}\n")
        self.process.stdin.close()
        self.notes = []
        for line in self.process.stderr:
            self.notes.append(line.rstrip("\n"))
            if line.startswith("watching "):
                return
        raise AssertionError(f"watch does not begin: {self.notes}")

    def pid(self):
        return next(int(line) for line in self.notes if line.isdigit())

    def end(self, status):
        out = self.process.stdout.read()
        self.notes += self.process.stderr.read().splitlines()
        self.process.wait(SECONDS_TO_END)
        expect(self.process.returncode == status, f"watch: status {self.process.returncode}, wanted {status}: {out} {self.notes}")
        return out

    def packets(self, status):
        """What it told of, and its summary."""
        lines = [json.loads(line) for line in self.end(status).splitlines()]
        return lines[:-1], lines[-1]["summary"]


def lacks():
    with open("/proc/mounts", encoding="ascii", errors="replace") as f:
        return None if any(line.split()[2] == "cgroup2" for line in f) else "no cgroup2 is mounted"


def nothing_is_left(host):
    for which in "host", "vm1", "vm2", "director":
        left = run("ip", "netns", "exec", host.netns(which), "nft", "list", "tables").stdout
        expect("portwall-watch" not in left, f"{which}: {left}")
    expect("portwall" not in run("bpftool", "prog", "show").stdout if have("bpftool") else True, "a BPF program is left")


def have(tool):
    return any(os.access(os.path.join(folder, tool), os.X_OK) for folder in os.environ["PATH"].split(":"))


def send_ipip(host):
    sent = run(WIRE, "probe", host.netns("director"), VM1, "ipip", "1", f"G={host.netns('host')}/eth1")
    expect(sent.returncode == 0 and "sent ipip 1" in sent.stdout, sent.stdout)


def places(packet):
    return {(point["device"], point["direction"]) for point in packet["points"]}


def apply(host, *more):
    """The lab's own policy, with more rules of the group of vm1."""
    with open(f"{BUILD}/lab/{host.name}/lab-policy.yaml", encoding="ascii") as f:
        policy = f.read()
    lines = []
    for line in policy.splitlines():
        lines.append(line)
        if line.strip() == "security_group_rules:" and more:
            indent = " " * (len(line) - len(line.lstrip()) + 2)
            lines += [indent + "- " + rule for rule in more]
            more = ()
    expect(not more, "the policy has no rules: " + policy)
    path = f"{BUILD}/lab/{host.name}/watched.yaml"
    with open(path, "w", encoding="ascii") as f:
        f.write("\n".join(lines) + "\n")
    host.sh(f"portwall apply {path}")


IPIP_RULE = '{direction: ingress, ethertype: IPv4, protocol: 4, remote_ip_prefix: "' + DIRECTOR + '/32"}'


def ipip_to_an_lvs_real_server():
    with Host("--docker=later") as host:
        apply(host)
        watch = Watch(host, f"--json --in {TAP} --count 1 ipip")
        send_ipip(host)
        (packet,), summary = watch.packets(3)
        expect((packet["verdict"], packet["evidence"], packet["drop_reason"]) == ("dropped", "trace", "rule"), packet)
        by = packet["decided_by"]
        expect((by["chain"], by["table"]) == ("neutron-openvswi-sg-fallback", "filter"), by)
        expect(f"no rule of the security groups of port {TAP} lets in ipip (protocol 4) from {DIRECTOR}" in packet["words"], packet["words"])
        expect(packet["kernel_reason"] == "NETFILTER_DROP at nft_do_chain", packet["kernel_reason"])
        expect(packet["differences"] == [], packet["differences"])
        seen = places(packet)
        # G and D: the NIC and the veths; not B, the tap, nor A, the machine
        expect({("eth1", "in"), (QVO, "out"), (QVB, "in")} <= seen and not [p for p in seen if p[0].startswith("tap")], seen)
        expect(packet["change"]["all_of"][0]["kind"] == "group-rule", packet["change"])
        counts = {(p["device"], p["netns"]): (p["in"], p["out"]) for p in summary["points"]}
        expect((counts["eth1", ""], counts[QVB, ""], counts[TAP, ""]) == ((1, 0), (1, 0), (0, 0)), counts)
        nothing_is_left(host)

        apply(host, IPIP_RULE)
        watch = Watch(host, f"--json --in {TAP} --count 1 ipip")
        send_ipip(host)
        (packet,), summary = watch.packets(0)
        expect((packet["verdict"], packet["differences"]) == ("delivered", []), packet)
        expect({("eth1", "in"), (QVB, "in"), (TAP, "out"), ("eth0", "in")} <= places(packet), places(packet))


def docker_rewrites_the_source():
    with Host() as host:
        apply(host)
        watch = Watch(host, f"--json --in {TAP} --count 1 'icmp and src {VM1} or icmp and dst {DIRECTOR}'")
        host.ping(DIRECTOR, 77)
        (packet,), _ = watch.packets(4)
        expect((packet["verdict"], packet["differences"]) == ("rewritten", []), packet)
        expect(f"its source {VM1} becomes {HOST}" in packet["words"], packet["words"])
        by, = packet["rewritten_by"]
        expect((by["text"], by["chain"], by["owner"]) == (BROAD, "POSTROUTING", "Docker"), by)
        sources = {node["device"]: node["packet"].split()[1] for node in packet["path"] if node["kind"] == "transmit"}
        at_tap = [node["packet"].split()[1] for node in packet["path"] if node.get("device") == TAP and node["kind"] != "nat"]
        expect(at_tap[0] == VM1 and sources[QVB] == HOST, packet["path"])
        nothing_is_left(host)


def one_probe():
    with Host("--docker=later") as host:
        apply(host)
        for words, status, verdict in ((f"--in {TAP} icmp {VM1} {DIRECTOR}", 0, "delivered"),
                                       (f"--in {TAP} tcp 172.17.0.77 {DIRECTOR}:443 syn", 3, "dropped"),
                                       (f"--in eth1 ipip {DIRECTOR} {VM1}", 3, "dropped"),
                                       (f"--in eth1 tcp {DIRECTOR} {VM1}:22", 0, "delivered")):
            packet = json.loads(host.sh("portwall probe --json " + words, status))
            expect((packet["verdict"], packet["differences"]) == (verdict, []), f"{words}: {packet}")
            expect(packet["explain"]["verdict"] == verdict, packet["explain"])
        nothing_is_left(host)


def every_rule_is_probed():
    with Host("--docker=later") as host:
        apply(host, IPIP_RULE)
        told = json.loads(host.sh("portwall probe --matrix --json --in vm1"))
        probes = [(p["direction"], p["packet"].split()[0], p["expected"], p["seen"]) for p in told["probes"] if "packet" in p]
        for wanted in (("ingress", "ipip", "passed", "passed"), ("ingress", "tcp", "passed", "passed"), ("egress", "udp", "passed", "passed"),
                       ("ingress", "253", "dropped", "dropped")):
            expect(wanted in probes, f"{wanted} is not among {probes}")
        expect(all(p["as_expected"] for p in told["probes"] if "packet" in p), told)
        # what goes to a MAC that nobody has is flooded everywhere, also where another test's namespaces come and go
        expect(all(p["explain_agrees"] for p in told["probes"] if "packet" in p and p["direction"] == "ingress"), told)
        expect([p["not_sent"] for p in told["probes"] if "not_sent" in p] == ["the port has no address of this family"] * 2, told)
        # somebody's rule before the groups, which the policy knows nothing of
        host.sh("iptables -I FORWARD -p tcp --dport 22 -j DROP")
        told = json.loads(host.sh("portwall probe --matrix --json --in " + TAP, 3))
        wrong = [p for p in told["probes"] if not p["as_expected"] and "packet" in p]
        expect([(p["seen"], p["owner"]) for p in wrong] == [("dropped", "nobody known")] and "tcp" in wrong[0]["packet"], told)
        said = host.sh("portwall probe --matrix --in vm1", 3)
        expect("1 not, 0 unknown" in said and "| <- |" in said, said)
        nothing_is_left(host)


def killed_at_any_moment():
    rng = random.Random(8)
    with Host("--docker=later") as host:
        for _ in range(12):
            process = subprocess.Popen([LAB, "shell", "host", host.name], text=True, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL, env={**os.environ, "SHELL": "/bin/sh"})
            process.stdin.write(f"exec portwall watch --in {TAP}\n")
            process.stdin.close()
            time.sleep(rng.uniform(0, 3))  # the moment is the test
            process.send_signal(signal.SIGKILL)
            process.wait(SECONDS_TO_END)
        # the kernel takes tables of a closed socket away a moment later
        time.sleep(0.5)
        nothing_is_left(host)


run_tests([
    ("IPIP to an LVS real server is seen up to the bridge, and the rule that drops it", ipip_to_an_lvs_real_server),
    ("Docker's rule is seen to rewrite the source between the tap and the bridge's port", docker_rewrites_the_source),
    ("a probe ends as explain says", one_probe),
    ("a probe for each rule of a port's groups: what is expected, and what is seen", every_rule_is_probed),
    ("killed at any moment it leaves no table and no program", killed_at_any_moment),
], lacks())
