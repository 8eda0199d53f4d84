# SPDX-License-Identifier: GPL-2.0-or-later
"""A compute host with Docker's real daemon (examples/lab), looked at with tcpdump and the counters of the rules, not with the
lab's own eyes."""
import json
import os
import re
import signal
import subprocess

from e2e import LAB, SECONDS_TO_END, WIRE, Failure, Machine, expect, run

VM1, VM2, DIRECTOR, HOST, OUTSIDE = "172.17.0.8", "172.17.0.9", "172.17.0.99", "192.0.2.10", "192.0.2.1"
PORT1, PORT2 = "3f6c1d52-8e", "b8a40e97-26"
COUNT, SECONDS_FOR_A_PACKET = 3, 2
BROAD = "-s 172.17.0.0/16 ! -o docker0 -j MASQUERADE"
GUARDED = "-s 172.17.0.0/16 ! -o docker0 -m mark --mark 0x10000/0x10000 -j MASQUERADE"


class Host:
    """A lab with Docker; gone at the end of the with-block, and checked to be gone."""

    n_hosts = 0

    def __init__(self, how="--docker"):
        Host.n_hosts += 1
        self.name, self.how = f"e2e-{os.getpid()}-k{Host.n_hosts}", how

    def __enter__(self):
        self.machine = Machine()
        up = run(LAB, "up", self.how, self.name)
        if up.returncode != 0:
            run(LAB, "down", self.name)
            raise Failure("lab up: " + up.stdout)
        return self

    def __exit__(self, kind, *_):
        down = run(LAB, "down", self.name)
        if kind is None:
            expect(down.returncode == 0, "lab down: " + down.stdout)
            self.machine.check(self.name)

    def sh(self, script, status=0):
        """What a shell on the host prints; docker and portwall are in its PATH."""
        result = subprocess.run([LAB, "shell", "host", self.name], input="set -eu\n" + script, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=SECONDS_TO_END,
                                env={**os.environ, "SHELL": "/bin/sh"})
        expect(result.returncode == status, f"{script}: status {result.returncode}: {result.stdout}")
        return result.stdout

    def netns(self, which):
        return f"pw-{self.name}-{which}"

    def ping(self, address, ident):
        """How many echo requests of vm1 were answered, all of one flow."""
        result = run(WIRE, "ping", self.netns("vm1"), address, str(ident), str(COUNT))
        expect(result.returncode == 0, result.stdout)
        return int(re.search(r"^replies (\d+)$", result.stdout, re.M)[1])

    def sources(self, address, ident, *interfaces):
        """The source addresses that vm1's echo requests of a new or an old flow have at interfaces."""
        captures = [Capture(self.netns("host"), interface) for interface in interfaces]
        replies = self.ping(address, ident)
        return [capture.sources(address) for capture in captures], replies

    def masquerade(self):
        """The packets that Docker's rule counted: one for each flow."""
        rules = self.sh("iptables-save -c -t nat")
        counts = re.findall(r"^\[(\d+):\d+\] -A POSTROUTING " + re.escape(BROAD) + "$", rules, re.M)
        expect(len(counts) == 1, "Docker's rule is not there once: " + rules)
        return int(counts[0])

    def forget(self):
        """Removes what conntrack remembers of rewritten flows of vm1."""
        self.sh(f"conntrack -D -s {VM1} -n {HOST}")

    def explain(self, address, status):
        """What portwall explain says of an echo request of vm1; reading the host, not sending it."""
        return json.loads(self.sh(f"portwall explain --json --in tap{PORT1} icmp {VM1} {address}", status))

    def container_is_seen_as(self):
        return self.sh(f"docker run --rm busybox /bin/busybox nc {OUTSIDE} 7000").strip()


class Capture:
    def __init__(self, netns, interface):
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", netns, "tcpdump", "--immediate-mode", "-nl", "-c", str(COUNT), "-i", interface,
             "icmp[icmptype] = icmp-echo"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            if line.startswith("listening on"):
                return
        raise Failure(f"tcpdump does not listen on {interface}")

    def sources(self, address):
        """It ends with the last packet, or, where fewer come by, after a while."""
        try:
            out = self.process.communicate(timeout=SECONDS_FOR_A_PACKET)[0]
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGINT)
            out = self.process.communicate(timeout=SECONDS_TO_END)[0]
        return sorted(set(re.findall(r" IP ([\d.]+) > " + re.escape(address) + ": ICMP echo request", out)))
