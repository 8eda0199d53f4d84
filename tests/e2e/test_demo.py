#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""examples/demo and examples/lab from outside: what they say holds, and they leave nothing behind,
whatever happens to them. PORTWALL is the program; Open vSwitch is unpacked under build/."""
import glob
import os
import re
import signal
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DEMO, LAB = ROOT + "/examples/demo", ROOT + "/examples/lab"
WIRE = ROOT + "/examples/wire.py"
UNPACK = ROOT + "/tools/unpack-package"
BUILD = ROOT + "/build"
SECONDS_TO_END = 60
# These count something, or follow the load.
VOLATILE = re.compile(r"/(nf_conntrack_count|nf_conntrack_buckets|somaxconn|tcp_mem|udp_mem|flush|file-nr)$")


class Failure(Exception):
    pass


def expect(truth, what):
    if not truth:
        raise Failure(what)


def sysctls():
    values = {}
    for folder, _, files in os.walk("/proc/sys/net"):
        for name in files:
            path = os.path.join(folder, name)
            if not VOLATILE.search(path):
                try:
                    with open(path, "rb") as f:
                        values[path] = f.read()
                except OSError:
                    pass
    return values


def places():
    return {os.path.join(folder, name)
            for folder in ("/etc", "/run", "/var/lib", "/var/log", "/var/cache", "/usr/local/bin")
            if os.path.isdir(folder) for name in os.listdir(folder)} - {
                "/run/xtables.lock", "/run/netns", "/run/portwall"}  # also made by others at the same time


def packages():
    return subprocess.run(["dpkg-query", "-W", "openvswitch*", "libunbound*", "libxdp*"],
                          capture_output=True, text=True).stdout


def processes_of(lab):
    """Those that name the lab, and those in a network namespace that was the lab's."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                command = f.read().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if lab in command and int(pid) != os.getpid():
            found.append(command)
    return found


class Machine:
    """What this machine looked like before; check() compares."""

    def __init__(self):
        self.sysctls, self.places, self.packages = sysctls(), places(), packages()
        self.links = set(os.listdir("/sys/class/net"))

    def check(self, lab):
        now = sysctls()
        changed = [k for k, v in self.sysctls.items() if now.get(k, v) != v]
        expect(not changed, f"sysctls changed: {changed}")
        expect(("/proc/sys/net/bridge" in str(self.sysctls.keys())) == ("/proc/sys/net/bridge" in str(now.keys())),
               "br_netfilter was loaded or unloaded")
        expect(places() <= self.places, f"new files: {places() - self.places}")
        expect(packages() == self.packages, "packages were installed")
        left = [n for n in (os.listdir("/run/netns") if os.path.isdir("/run/netns") else []) if f"pw-{lab}-" in n]
        expect(not left, f"namespaces left: {left}")
        left = [n for n in os.listdir("/sys/class/net") if n not in self.links and n[:3] in ("tap", "qbr", "qvb", "qvo")]
        expect(not left, f"interfaces left: {left}")
        expect(not processes_of(lab), f"processes left: {processes_of(lab)}")
        left = glob.glob(f"{BUILD}/{lab}*") + glob.glob(f"{BUILD}/lab/{lab}")
        expect(not left, f"files left: {left}")


class Demo:
    """A running demo in a session of its own, its temporary files in a folder of their own."""

    def __init__(self, **environment):
        self.tmp = tempfile.mkdtemp(prefix="demo-test-")
        self.machine = Machine()
        self.process = subprocess.Popen(
            [DEMO], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            start_new_session=True, env={**os.environ, "TMPDIR": self.tmp, **environment})
        self.lab = f"demo-{self.process.pid}"
        self.output = ""

    def read_until(self, pattern):
        for line in self.process.stdout:
            self.output += line
            if re.search(pattern, line):
                return
        self.fail(f"the demo ended before it said '{pattern}'")

    def finish(self):
        """The exit status; what it printed is in output."""
        try:
            self.output += self.process.communicate(timeout=SECONDS_TO_END)[0]
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.fail(f"the demo did not end within {SECONDS_TO_END} s")
        return self.process.returncode

    def fail(self, what):
        raise Failure(what + "; it printed:\n" + self.output)

    def check_gone(self):
        self.machine.check(self.lab)
        expect(os.listdir(self.tmp) == [], f"temporary files left: {os.listdir(self.tmp)}")
        os.rmdir(self.tmp)


def whole_demo_holds():
    began = time.monotonic()
    demo = Demo()
    status = demo.finish()
    expect(status == 0, f"exit status {status}; it printed:\n{demo.output}")
    expect("NOT SO" not in demo.output and demo.output.count("\n  ok  ") >= 12, demo.output)
    expect("left behind: nothing" in demo.output, demo.output)
    expect("\033" not in demo.output, "colour although it does not print to a terminal")
    expect(time.monotonic() - began < 60, "it took more than a minute")
    demo.check_gone()


def interrupted(signal_number, where, to_group):
    def test():
        demo = Demo()
        if where is None:
            deadline = time.monotonic() + 20
            while not os.path.isdir(f"{BUILD}/lab/{demo.lab}/ovs") and time.monotonic() < deadline:
                time.sleep(0.01)
        else:
            demo.read_until(where)
        (os.killpg if to_group else os.kill)(demo.process.pid, signal_number)
        status = demo.finish()
        expect(status == 128 + signal_number, f"exit status {status}; it printed:\n{demo.output}")
        expect("left behind: nothing" in demo.output, demo.output)
        demo.check_gone()
    return test


def reader_goes_away():
    demo = Demo()
    demo.read_until(r"^2\. ")
    demo.process.stdout.close()
    expect(demo.process.wait(timeout=SECONDS_TO_END) != 0, "exit status 0")
    demo.check_gone()


def false_claim_ends_the_demo():
    with tempfile.TemporaryDirectory() as tmp:
        fake = tmp + "/portwall"
        with open(fake, "w", encoding="ascii") as f:
            # says that it applies the new rule, and does not
            f.write('#!/bin/sh\nif [ "$1" = apply ] && [ "$2" != --dry-run ] && grep -q ipip "$2"; then\n'
                    '\techo applied\nelse\n\texec "%s" "$@"\nfi\n' % os.environ["PORTWALL"])
        os.chmod(fake, 0o755)
        demo = Demo(PORTWALL=fake)
        status = demo.finish()
    expect(status == 1, f"exit status {status}; it printed:\n{demo.output}")
    expect(re.search("NOT SO: all five are in the VM", demo.output), demo.output)
    demo.check_gone()


def next_demo_clears_what_a_killed_one_left():
    killed = Demo()
    killed.read_until(r"^3\. ")
    os.kill(killed.process.pid, signal.SIGKILL)
    killed.process.wait()
    killed.process.stdout.close()
    expect(os.path.isdir(f"{BUILD}/lab/{killed.lab}"), "there is nothing to clear: this test tests nothing")
    demo = Demo()
    expect(demo.finish() == 0, demo.output)
    demo.check_gone()
    killed.check_gone()


def run(*command):
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=SECONDS_TO_END)


def labs_stand_beside_one_another():
    machine, names = Machine(), [f"e2e-{os.getpid()}-{i}" for i in "ab"]
    try:
        ups = [subprocess.Popen([LAB, "up", name], stdout=subprocess.DEVNULL) for name in names]
        expect([up.wait(timeout=SECONDS_TO_END) for up in ups] == [0, 0], "lab up")
        refused = run(LAB, "up", names[0])
        expect(refused.returncode == 1 and "is up already" in refused.stdout and "lab down" in refused.stdout,
               refused.stdout)
        expect(run(LAB, "down", names[0]).returncode == 0, "lab down")
        machine.check(names[0])
        reach = run("ip", "netns", "exec", f"pw-{names[1]}-director", WIRE, "reach", "10.1.0.12")
        expect(reach.returncode == 0, "taking one lab down broke the other: " + reach.stdout)
    finally:
        for name in names:
            run(LAB, "down", name)
    for name in names:
        machine.check(name)
        expect(run(LAB, "down", name).returncode == 0, "down of a lab that is down fails")


def lab_forgets_the_policy_that_was_applied():
    machine, name = Machine(), f"e2e-{os.getpid()}-d"
    in_host = ["ip", "netns", "exec", f"pw-{name}-host"]
    environment = {k: v for k, v in os.environ.items() if k != "PORTWALL_RUN_DIR"}
    try:
        expect(run(LAB, "up", name).returncode == 0, "lab up")
        cookie = run(*in_host, WIRE, "cookie").stdout.strip()
        subprocess.run([*in_host, os.environ["PORTWALL"], "apply", f"{BUILD}/lab/{name}/lab-policy.yaml"],
                       env=environment, check=True, stdout=subprocess.DEVNULL)
        expect(glob.glob(f"/run/portwall/{cookie}[.-]*"), "nothing is kept: this test tests nothing")
        run(LAB, "down", name)
        expect(not glob.glob(f"/run/portwall/{cookie}[.-]*"), "the policy of a lab that is gone is kept")
    finally:
        run(LAB, "down", name)
    machine.check(name)


def lab_goes_down_after_a_crash():
    machine, name = Machine(), f"e2e-{os.getpid()}-c"
    try:
        expect(run(LAB, "up", name).returncode == 0, "lab up")
        with open(f"{BUILD}/lab/{name}/ovs/ovs-vswitchd.pid", encoding="ascii") as f:
            os.kill(int(f.read()), signal.SIGKILL)
        # its namespaces' names are gone, its processes are not
        for ns in ("host", "vm1"):
            run("ip", "netns", "del", f"pw-{name}-{ns}")
        down = run(LAB, "down", name)
        expect(down.returncode == 0, down.stdout)
    finally:
        run(LAB, "down", name)
    machine.check(name)


def unpacking_without_network_says_so():
    before = packages()
    with tempfile.TemporaryDirectory() as tmp:
        result = run("unshare", "-n", UNPACK, "-b", tmp, "libxdp1")
        expect(result.returncode == 1, f"exit status {result.returncode}")
        expect("cannot download libxdp1" in result.stdout and "next step:" in result.stdout, result.stdout)
        expect(os.listdir(tmp + "/unpacked") == [], "something is unpacked")
    again = run(UNPACK)
    expect((again.returncode, again.stdout) == (0, ""), "it is not silent when all is there: " + again.stdout)
    expect(packages() == before, "packages were installed")


TESTS = [
    ("the whole demo holds what it claims and leaves nothing behind", whole_demo_holds),
    ("Ctrl-C while the host comes up leaves nothing behind", interrupted(signal.SIGINT, None, True)),
    ("SIGTERM while the host comes up leaves nothing behind", interrupted(signal.SIGTERM, None, False)),
    ("Ctrl-C while a policy is applied leaves nothing behind",
     interrupted(signal.SIGINT, r"\$ portwall apply", True)),
    ("SIGTERM while packets are sent leaves nothing behind", interrupted(signal.SIGTERM, r"^2\. ", False)),
    ("SIGTERM to all of it after the rule was added leaves nothing behind",
     interrupted(signal.SIGTERM, r"^4\. ", True)),
    ("a hang-up while portwall clear runs leaves nothing behind",
     interrupted(signal.SIGHUP, r"\$ portwall clear", True)),
    ("a reader that goes away leaves nothing behind", reader_goes_away),
    ("a claim that does not hold ends the demo with status 1 and leaves nothing behind",
     false_claim_ends_the_demo),
    ("the next demo clears what a killed one left", next_demo_clears_what_a_killed_one_left),
    ("labs stand beside one another and go down twice", labs_stand_beside_one_another),
    ("a lab that goes down forgets the policy that was applied", lab_forgets_the_policy_that_was_applied),
    ("a lab goes down after a crash", lab_goes_down_after_a_crash),
    ("unpacking without network says so, and is silent when all is there", unpacking_without_network_says_so),
]


def main():
    unpacked = run(UNPACK)
    if unpacked.returncode != 0:
        print("1..0 # SKIP Open vSwitch is not unpacked and cannot be downloaded: "
              + unpacked.stdout.strip().splitlines()[0])
        return
    print(f"1..{len(TESTS)}")
    n_failed = 0
    for number, (name, test) in enumerate(TESTS, 1):
        try:
            test()
            print(f"ok {number} - {name}", flush=True)
        except (Failure, OSError, subprocess.SubprocessError) as e:
            n_failed += 1
            print(f"not ok {number} - {name}")
            print("".join(f"# {line}\n" for line in str(e).splitlines()), end="", flush=True)
    sys.exit(n_failed != 0)


main()
