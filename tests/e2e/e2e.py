# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests of examples/demo and examples/lab share: the machine before and after, a running
demo, and the report. PORTWALL is the program; Open vSwitch and Docker are unpacked under build/."""
import fcntl
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
SECONDS_TO_END = 600 # only against a wait without an end: a busy machine is slow
SECONDS_TO_LEAVE = 20 # for what was told to end, or is only passing by
# Whose folders could hold what a daemon leaves behind, and the settings of the machine that Docker touches.
PLACES = ("/etc", "/opt", "/run", "/var/lib", "/var/log", "/var/cache", "/usr/local/bin")
SETTINGS = ("/proc/sys/net", "/proc/sys/kernel/keys")
# These count something, or follow the load.
VOLATILE = re.compile(r"/(nf_conntrack_count|nf_conntrack_buckets|somaxconn|tcp_mem|udp_mem|flush|file-nr)$")


class Failure(Exception):
    pass


def expect(truth, what):
    if not truth:
        raise Failure(what)


def sysctls():
    values = {}
    for folder, _, files in (step for top in SETTINGS for step in os.walk(top)):
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
            for folder in PLACES
            if os.path.isdir(folder) for name in os.listdir(folder)} - {
                "/run/xtables.lock", "/run/netns", "/run/portwall"}  # also made by others at the same time


def packages():
    return subprocess.run(["dpkg-query", "-W", "openvswitch*", "libunbound*", "libxdp*", "docker*", "containerd*", "runc*"],
                          capture_output=True, text=True).stdout


def processes_of(lab):
    """Those that name the lab, and those in its cgroup: dockerd and all that it started."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                command = f.read().replace(b"\0", b" ").decode(errors="replace")
            with open(f"/proc/{pid}/cgroup", encoding="ascii") as f:
                cgroup = f.read()
        except OSError:
            continue
        if (lab in command or f"/pw-{lab}" in cgroup) and int(pid) != os.getpid():
            found.append(f"{pid}: {command}")
    return found


def cgroups_of(lab):
    return [path for top in ("/sys/fs/cgroup", "/sys/fs/cgroup/*") for path in glob.glob(f"{top}/pw-{lab}")]


def mounts_of(lab):
    """Docker's and the lab's, of this namespace."""
    with open("/proc/self/mounts", encoding="ascii", errors="replace") as f:
        return [line for line in f if f"pw-{lab}-" in line or f"/lab/{lab}/" in line]


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
        left = [n for n in os.listdir("/sys/class/net") if n not in self.links and re.match("tap|qbr|qvb|qvo|docker0", n)]
        expect(not left, f"interfaces left: {left}")
        deadline = time.monotonic() + SECONDS_TO_LEAVE
        while (left := processes_of(lab)) and time.monotonic() < deadline:
            time.sleep(0.05)
        expect(not left, f"processes left: {left}")
        expect(not cgroups_of(lab), f"cgroups left: {cgroups_of(lab)}")
        expect(not mounts_of(lab), f"mounts left: {mounts_of(lab)}")
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


def run(*command):
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=SECONDS_TO_END)


def wait_for(words, say):
    """Until say() has the words in it."""
    deadline = time.monotonic() + SECONDS_TO_END
    while words not in (said := say()):
        expect(time.monotonic() < deadline, f"waited in vain for '{words}': {said}")
        time.sleep(0.05)


def run_tests(tests, lacks=None):
    """Runs them and reports as TAP: those whose names have a word of the command line in them, or all. "lacks" says what
    this machine has not and the tests need."""
    tests = [test for test in tests if any(word in test[0] for word in sys.argv[1:] or [""])]
    # under nohup it would be ignored here and by all that is started
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    unpacked = run(UNPACK)
    if unpacked.returncode != 0:
        lacks = ("Open vSwitch and Docker are not unpacked and cannot be downloaded: "
                 + unpacked.stdout.strip().splitlines()[0])
    if lacks:
        print("1..0 # SKIP " + lacks)
        return
    # A demo clears what a killed one left: two of these at once would clear one another's.
    turn = open(BUILD + "/.e2e-turn", "w", encoding="ascii")
    fcntl.flock(turn, fcntl.LOCK_EX)
    print(f"1..{len(tests)}", flush=True)
    n_failed = 0
    for number, (name, test) in enumerate(tests, 1):
        try:
            test()
            print(f"ok {number} - {name}", flush=True)
        except (Failure, OSError, subprocess.SubprocessError) as e:
            n_failed += 1
            print(f"not ok {number} - {name}")
            print("".join(f"# {line}\n" for line in str(e).splitlines()), end="", flush=True)
    sys.exit(n_failed != 0)
