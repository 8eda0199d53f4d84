#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-or-later
"""The second incident from outside: Docker's real daemon on the compute host of examples/lab rewrites
what a VM sends."""
import glob
import os
import re
import signal

from dockerhost import BROAD, COUNT, DIRECTOR, GUARDED, HOST, PORT1, PORT2, VM1, VM2, Host
from e2e import BUILD, LAB, Demo, expect, run, run_tests, wait_for


def docker_rewrites_the_source():
    with Host("--docker=later") as host:
        tap, qvb = "tap" + PORT1, "qvb" + PORT1
        # as with security groups: without any rule about it the kernel does not track connections
        host.sh("iptables -A FORWARD -m conntrack --ctstate INVALID -j DROP")
        at, replies = host.sources(VM2, 1, tap, qvb, "tap" + PORT2)
        expect((at, replies) == ([[VM1]] * 3, COUNT), f"before Docker: {at}, {replies} replies")

        started = run(LAB, "dockerd", host.name)
        expect(started.returncode == 0, started.stdout)
        expect("inet 172.17.0.1/16 " in host.sh("ip addr show dev docker0"), "docker0 has another address")
        expect(host.masquerade() == 0, "a packet was masqueraded before there was one")
        at, replies = host.sources(VM2, 1, tap, qvb)
        expect((at, replies) == ([[VM1]] * 2, COUNT), f"a flow that was there before Docker: {at}, {replies} replies")
        expect(host.masquerade() == 0, "Docker's rule was asked about a known flow")

        at, replies = host.sources(VM2, 2, tap, qvb, "qvb" + PORT2)
        expect((at, replies) == ([[VM1], [HOST], [HOST]], 0), f"to vm2: {at}, {replies} replies")
        expect(host.masquerade() == 1, f"Docker's rule counted {host.masquerade()} flows")
        said = host.explain(VM2, 4)
        by = said["rewritten_by"][0]
        expect((by["text"], by["chain"], by["owner"]) == (BROAD, "POSTROUTING", "Docker"), f"explain: {by}")
        expect(f"its source {VM1} becomes {HOST}" in said["words"], f"explain: {said['words']}")
        expect([node["packet"].split()[1] for node in said["path"] if node.get("device") == qvb and node["kind"] == "transmit"] ==
               [HOST], f"explain's path: {said['path']}")
        offered = [change["commands"] for change in said["change"]["all_of"]]
        expect(offered == [["iptables -t nat -I POSTROUTING 1 -o qbr+ -j RETURN"]], f"explain offers {offered}")
        expect(host.explain(DIRECTOR, 4)["verdict"] == "rewritten", "explain: to the outside")
        at, replies = host.sources(DIRECTOR, 3, tap, qvb, "eth1")
        expect((at, replies) == ([[VM1], [HOST], [HOST]], 0), f"to the outside: {at}, {replies} replies")
        expect(host.masquerade() == 2, f"Docker's rule counted {host.masquerade()} flows")


def only_where_iptables_sees_bridges():
    with Host() as host:
        def call(value):
            for port in PORT1, PORT2:
                host.sh(f"echo {value} >/sys/class/net/qbr{port}/bridge/nf_call_iptables")

        call(0)
        at, replies = host.sources(VM2, 1, "tap" + PORT1, "qvb" + PORT1)
        expect((at, replies, host.masquerade()) == ([[VM1]] * 2, COUNT, 0), f"nf_call_iptables 0: {at}, {replies} replies")
        call(1)
        at, replies = host.sources(VM2, 2, "tap" + PORT1, "qvb" + PORT1)
        expect((at, replies) == ([[VM1], [HOST]], 0), f"nf_call_iptables 1: {at}, {replies} replies")


def cure_works(cure, undo):
    def test():
        with Host() as host:
            tap, qvb = "tap" + PORT1, "qvb" + PORT1
            expect(host.container_is_seen_as() == HOST, "a container does not get out before the cure")
            expect(host.ping(VM2, 1) == 0, "there is nothing to cure")
            host.sh(cure)
            expect(host.ping(VM2, 1) == 0, "conntrack forgot the flow by itself")
            expect(host.ping(VM2, 2) == COUNT, "a new flow is not cured")
            host.forget()
            at, replies = host.sources(VM2, 1, tap, qvb, "tap" + PORT2)
            expect((at, replies) == ([[VM1]] * 3, COUNT), f"cured: {at}, {replies} replies")
            at, replies = host.sources(DIRECTOR, 3, tap, qvb, "eth1")
            expect((at, replies) == ([[VM1]] * 3, COUNT), f"cured, to the outside: {at}, {replies} replies")
            expect(host.container_is_seen_as() == HOST, "a container does not get out")
            for address in VM2, DIRECTOR:
                expect(host.explain(address, 0)["verdict"] == "delivered", f"explain does not see the cure: {address}")
            host.sh(undo)
            expect(host.ping(VM2, 4) == 0, "it was not the cure that cured")
    return test


def security_groups_and_docker():
    """The groups drop what comes from the host, and the two programs leave one another's rules alone."""
    with Host() as host:
        run_dir = f"PORTWALL_RUN_DIR={BUILD}/lab/{host.name}/run"
        host.sh(f"{run_dir} portwall apply {BUILD}/lab/{host.name}/lab-policy.yaml")
        at, replies = host.sources(VM2, 1, "qvb" + PORT2, "tap" + PORT2)
        expect((at, replies) == ([[HOST], []], 0), f"{at}, {replies} replies")
        expect(host.masquerade() == 1, "Docker's rule did not count")
        dropped = re.search(r"^\[(\d+):\d+\] -A neutron-openvswi-sg-fallback .*-j DROP$", host.sh("iptables-save -c -t filter"),
                            re.M)
        expect(dropped and dropped[1] == str(COUNT), f"sg-fallback: {dropped and dropped[0]}")
        host.sh(f"{run_dir} portwall clear")
        expect(host.masquerade() == 1, "portwall took Docker's rule along")


def host_after_a_crash():
    with Host() as host:
        host.sh("docker run -d busybox /bin/busybox sleep 1d")
        with open(f"{BUILD}/lab/{host.name}/docker/init", encoding="ascii") as f:
            init = int(f.read().split()[0])
        found = os.path.exists(f"/proc/{init}/root/run/dockerd.pid")
        expect(found, "there is no dockerd: this test tests nothing")
        for ns in ("host", "outside"):  # their names are gone, their processes are not
            run("ip", "netns", "del", host.netns(ns))
    with Host() as host:
        with open(f"{BUILD}/lab/{host.name}/docker/init", encoding="ascii") as f:
            os.kill(int(f.read().split()[0]), signal.SIGKILL)
        # to end a namespace of processes takes the kernel a while
        wait_for("not started", lambda: run(LAB, "status", host.name).stdout)
        expect(host.masquerade() == 0, "Docker's rule outlives Docker")
        again = run(LAB, "dockerd", host.name)
        expect(again.returncode == 0, again.stdout)
        expect(host.masquerade() == 0 and host.container_is_seen_as() == HOST, "the second dockerd does not work")


def down_after_the_demo_was_killed():
    demo = Demo()
    demo.read_until(r"^8\. ")
    os.kill(demo.process.pid, signal.SIGKILL)
    demo.process.wait()
    demo.process.stdout.close()
    expect(os.path.exists(f"{BUILD}/lab/{demo.lab}/docker/init"), "no dockerd runs: this test tests nothing")
    down = run(LAB, "down", demo.lab)
    expect(down.returncode == 0, down.stdout)
    for left in glob.glob(f"{BUILD}/{demo.lab}.before*"):  # the demo's own, which the next demo removes
        os.unlink(left)
    demo.check_gone()


def lacks():
    with open("/proc/mounts", encoding="ascii", errors="replace") as f:
        return None if any(line.split()[2] == "cgroup2" for line in f) else "no cgroup2 is mounted"


run_tests([
    ("Docker rewrites the source of what a new flow of a VM sends", docker_rewrites_the_source),
    ("it does so only where iptables sees what bridges forward", only_where_iptables_sees_bridges),
    ("masquerading only what came in by docker0 is a cure",
     cure_works(f"iptables -t nat -A PREROUTING -i docker0 -j MARK --set-xmark 0x10000/0x10000\n"
                f"iptables -t nat -A POSTROUTING {GUARDED}\niptables -t nat -D POSTROUTING {BROAD}",
                f"iptables -t nat -A POSTROUTING {BROAD}")),
    ("a RETURN for the VMs' bridges in front of Docker's rule is a cure",
     cure_works("iptables -t nat -I POSTROUTING -o qbr+ -j RETURN",
                "iptables -t nat -D POSTROUTING -o qbr+ -j RETURN")),
    ("security groups drop what Docker rewrote, and portwall leaves Docker's rules alone", security_groups_and_docker),
    ("a host with Docker goes down after a crash", host_after_a_crash),
    ("a lab goes down after its demo was killed with Docker running", down_after_the_demo_was_killed),
], lacks())
