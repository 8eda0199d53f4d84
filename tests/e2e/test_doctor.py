#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-or-later
"""The second incident, found and cured by portwall doctor, beside real Docker, which then goes on with its life: restarts, networks,
containers with published ports. What a machine's packets look like is told by tcpdump at the tap and behind the bridge."""
import json
import os
import re
import subprocess

from dockerhost import COUNT, HOST, OUTSIDE, PORT1, VM1, VM2, Host
from e2e import BUILD, LAB, SECONDS_TO_END, expect, run, run_tests, wait_for

TAP, QVB = "tap" + PORT1, "qvb" + PORT1
FINDING = "nat-source.POSTROUTING-1"
PUBLISHED = 8080
# The outside asks the container's published port, and is answered.
ASK = f"""
import socket
with socket.create_connection(("{HOST}", {PUBLISHED}), 5) as s:
    s.settimeout(5)
    s.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
    print("served" if s.recv(100).startswith(b"HTTP/") else "nothing")
"""


class Doctored(Host):
    """The host with a policy, so that machines have groups and known addresses, and a container with a published port."""

    def __enter__(self):
        super().__enter__()
        self.run_dir = f"PORTWALL_RUN_DIR={BUILD}/lab/{self.name}/run"
        self.policy = f"{BUILD}/lab/{self.name}/lab-policy.yaml"
        self.n_flows = 100
        self.portwall(f"apply {self.policy}")
        # icmp from anywhere, or vm2's groups would drop what has the host's address before anybody can see it
        self.publish()
        return self

    def portwall(self, words, status=0):
        return self.sh(f"{self.run_dir} portwall {words}", status)

    def publish(self):
        self.sh(f"docker run --detach --name pub --publish {PUBLISHED}:80 busybox "
                "/bin/busybox httpd -f -p 80")

    def served(self):
        """What the published port says to the outside."""
        result = subprocess.run(["ip", "netns", "exec", self.netns("outside"), "/usr/bin/python3", "-c", ASK],
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=SECONDS_TO_END)
        return result.stdout.strip().splitlines()[-1] if result.stdout.strip() else ""

    def doctor(self):
        found = json.loads(self.portwall("doctor --json || [ $? -ge 3 ]"))
        return {finding["id"]: finding for finding in found["findings"]}

    def flow(self, ident=None):
        """What the source of vm1's echo requests is at the tap and behind its bridge, and how many were answered."""
        if ident is None:
            self.n_flows += 1
            ident = self.n_flows
        at, replies = self.sources(VM2, ident, TAP, QVB)
        return at, replies

    def is_rewritten(self, when, ident=None):
        said = self.flow(ident)
        expect(said == ([[VM1], [HOST]], 0), f"{when}: not rewritten: {said}")

    def is_whole(self, when, ident=None):
        said = self.flow(ident)
        expect(said == ([[VM1], [VM1]], COUNT), f"{when}: {said}")

    def is_served(self, when):
        expect(self.container_is_seen_as() == HOST, f"{when}: a container does not get out as {HOST}")
        expect(self.served() == "served", f"{when}: the published port says {self.served()!r}")

    def rules(self):
        rules = self.sh("iptables-save; ip6tables-save; nft list tables")
        return re.sub(r"\[\d+:\d+\]|^#.*$", "", rules, flags=re.M)


def doctor_finds_it():
    with Doctored() as host:
        host.is_rewritten("before")
        host.is_served("before")
        found = host.doctor()
        expect(FINDING in found, f"found: {list(found)}")
        finding = found[FINDING]
        expect(finding["severity"] == "broken" and finding["owner"]["name"] == "Docker", f"{finding}")
        expect([fix["name"] for fix in finding["fixes"]] == ["guard", "return", "mark"], f"{finding['fixes']}")
        expect([fix["name"] for fix in finding["fixes"] if fix["recommended"]] == ["guard"], f"{finding['fixes']}")
        for fix in finding["fixes"][1:]:
            expect("undone" in fix["consequence"], f"what undoes it is not told: {fix}")
        witness = finding["witness"]
        expect(witness["verdict"] == "rewritten" and HOST in witness["words"], f"witness: {witness['words']}")
        before = host.rules()
        host.portwall("doctor --fix --dry-run")
        expect(host.rules() == before, "--dry-run has changed something")


def fix_works(name):
    def test():
        with Doctored() as host:
            before = host.rules()
            host.is_rewritten("before", 1)
            host.portwall(f"doctor --fix {FINDING}:{name}")
            # the flow that was rewritten, too: its entry in conntrack is gone
            host.is_whole("with the fix, the flow of before", 1)
            host.is_whole("with the fix")
            host.is_served("with the fix")
            expect(FINDING not in host.doctor(), "doctor finds it still")
            host.portwall("doctor --undo")
            expect(host.rules() == before, f"undo leaves: {host.rules()}")
            host.is_rewritten("behind undo")
    return test


def dockers_life(host, check):
    """What Docker does on a host, and what is looked at behind each of it."""
    restart = run(LAB, "dockerd", "--restart", host.name)
    expect(restart.returncode == 0, restart.stdout)
    check("dockerd has started again")
    host.sh("docker network create --subnet 172.29.0.0/24 other")
    check("a network was made")
    host.sh("docker rm --force pub")
    host.publish()
    check("a container with a published port runs")
    host.is_served("behind the restart")
    host.sh("docker rm --force pub")
    check("the container is gone")
    host.sh("docker network rm other")
    check("the network is gone")


def guard_survives():
    with Doctored() as host:
        host.portwall(f"doctor --fix {FINDING}:guard")
        dockers_life(host, host.is_whole)
        for command in ("iptables -t nat -F", "iptables-save | iptables-restore"):
            host.sh(command)
            host.is_whole(command)
        host.portwall("guard status")
        host.portwall("doctor --undo")


def fix_is_undone_by_docker(name):
    def test():
        with Doctored() as host:
            host.portwall(f"doctor --fix {FINDING}:{name}")
            host.is_whole("with the fix")
            restart = run(LAB, "dockerd", "--restart", host.name)
            expect(restart.returncode == 0, restart.stdout)
            host.is_rewritten("dockerd has started again")
            expect(any(finding.startswith("nat-source.") for finding in host.doctor()), "doctor does not find it again")
    return test


def unconfirmed_fix_is_taken_back():
    with Doctored() as host:
        before = host.rules()
        host.portwall(f"doctor --fix {FINDING}:return --confirm 2")
        host.sh("for i in $(seq 200); do iptables-save -t nat | grep -q -- '-o qbr+ -j RETURN' || exit 0; sleep 0.1; done; exit 1")
        now = host.rules()
        expect(now == before, f"it was not taken back as a whole: {now} was {before}")
        host.portwall(f"doctor --fix {FINDING}:return --confirm 600")
        host.portwall("doctor --keep")
        host.is_whole("kept")


def guard_run_tells_new_harm():
    """A process holds the guard: it outlives a flush of everything, and says once what it does not keep away."""
    with Doctored() as host:
        log = f"{BUILD}/lab/{host.name}/guard.log"

        def said():
            with open(log, encoding="utf-8") as f:
                return f.read()

        host.sh(f"{host.run_dir} portwall guard run >/dev/null 2>{log} </dev/null & echo $! >{log}.pid")
        wait_for("held by a process", lambda: host.portwall("guard status || :"))
        host.is_whole("the guard is held")
        host.sh(f"iptables -t raw -A PREROUTING -d {VM1} ! -i docker0 -j DROP")
        wait_for("event=harm finding=raw-drop", said)
        line = next(line for line in said().splitlines() if "event=harm finding=raw-drop" in line)
        expect(f"-d {VM1}/32 ! -i docker0 -j DROP" in line and "severity=broken" in line, line)
        host.sh(f"iptables -t raw -D PREROUTING -d {VM1} ! -i docker0 -j DROP")
        wait_for("event=harm-gone", said)
        host.sh("nft flush ruleset")
        host.portwall("guard status")
        host.sh(f"kill $(cat {log}.pid)")
        wait_for("free", lambda: "held" if "held by" in host.portwall("guard status || :") else "free")
        host.portwall("guard status")


def lacks():
    with open("/proc/mounts", encoding="ascii", errors="replace") as f:
        return None if any(line.split()[2] == "cgroup2" for line in f) else "no cgroup2 is mounted"


run_tests([
    ("doctor finds Docker's rule, whose it is, and three fixes", doctor_finds_it),
    ("the guard cures it, and undo takes it back", fix_works("guard")),
    ("a RETURN for the machines' bridges cures it, and undo takes it back", fix_works("return")),
    ("a mark for what comes in by docker0 cures it, and undo takes it back", fix_works("mark")),
    ("the guard survives a restart of dockerd, networks, published ports, and a flush of nat", guard_survives),
    ("a restart of dockerd undoes the RETURN, and doctor finds it again", fix_is_undone_by_docker("return")),
    ("a restart of dockerd undoes the mark, and doctor finds it again", fix_is_undone_by_docker("mark")),
    ("guard run survives a flush of everything and tells a harm that it does not keep away", guard_run_tells_new_harm),
    ("a fix that nobody confirms is taken back by itself, one that is kept stays", unconfirmed_fix_is_taken_back),
], lacks())
