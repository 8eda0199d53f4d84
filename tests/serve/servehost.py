# SPDX-License-Identifier: GPL-2.0-or-later
"""A host with bridges and guests in network namespaces of its own, and portwall serve on it. Who imports it is moved into a new network
namespace (the host's), so that a test has no names in common with another."""
import ctypes
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

PORTWALL = os.path.realpath(os.environ["PORTWALL"])
PATIENCE_S = 120  # for a condition that has to come about; a machine may be slow
CLONE_NEWNS, CLONE_NEWNET, MS_REC, MS_PRIVATE = 0x00020000, 0x40000000, 0x4000, 1 << 18
PR_SET_CHILD_SUBREAPER = 36

libc = ctypes.CDLL(None, use_errno=True)


class Failure(Exception):
    pass


def expect(condition, what):
    if not condition:
        raise Failure(what)


def run(*command, status=0, text=None):
    result = subprocess.run(command, input=text, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            timeout=PATIENCE_S * 5, check=False)
    expect(status is None or result.returncode == status,
           f"{' '.join(command)}: status {result.returncode}, wanted {status}: {result.stdout}")
    return result.stdout


def proc_status(pid):
    """/proc/PID/status by its keys."""
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


def memory_kib(pid):
    said = proc_status(pid)
    return {key: int(said[key].split()[0]) for key in ("VmRSS", "VmHWM")}


def quantile(values, q):
    return sorted(values)[min(len(values) - 1, int(q * len(values)))]


def wait_for(what, condition):
    """Its first true value."""
    end = time.monotonic() + PATIENCE_S
    while True:
        value = condition()
        if value:
            return value
        expect(time.monotonic() < end, "waited in vain for " + what)
        time.sleep(0.02)


def enter_new_host(netns=None):
    """A namespace of links, or that of a path, and one of mounts with its own /sys and /run/netns."""
    if netns:
        with open(netns, "rb") as f:
            expect(libc.setns(f.fileno(), CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno()))
    expect(libc.unshare(CLONE_NEWNS if netns else CLONE_NEWNET | CLONE_NEWNS) == 0, os.strerror(ctypes.get_errno()))
    libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None)
    run("mount", "-t", "sysfs", "sysfs", "/sys")
    run("mount", "-t", "tmpfs", "tmpfs", "/run")
    os.mkdir("/run/netns")
    run("ip", "link", "set", "lo", "up")


def port_id(number):
    return f"{number:08x}-0000-4000-8000-{number:012x}"


def group_id(number):
    return f"{number:08x}-1111-4000-8000-{number:012x}"


def mac(number):
    return f"fa:16:3e:00:{number >> 8 & 255:02x}:{number & 255:02x}"


def device(number):
    return "tap" + port_id(number)[:11]


def address(number):
    return f"10.7.{number >> 8 & 255}.{number & 255}"


class Guest:
    """A namespace with one interface; its other end is the port's interface on the host."""

    def __init__(self, number, name=None):
        self.number, self.name, self.device = number, f"guest{number}", name or device(number)
        run("ip", "netns", "add", self.name)

    def make(self):
        run("ip", "link", "add", self.device, "type", "veth", "peer", "name", "eth0", "netns", self.name,
            "address", mac(self.number))
        run("ip", "-n", self.name, "address", "add", f"{address(self.number)}/16", "dev", "eth0")
        run("ip", "-n", self.name, "link", "set", "eth0", "up")
        run("ip", "link", "set", self.device, "up")
        return self

    def plug(self, bridge):
        run("ip", "link", "set", self.device, "master", bridge)
        return self

    def unplug(self):
        run("ip", "link", "delete", self.device)

    def exec(self, *command, status=0):
        return run("ip", "netns", "exec", self.name, *command, status=status)

    def pings(self, other, count=1, wait=1):
        """How many of count echo requests were answered."""
        said = self.exec("ping", "-n", "-i", "0.2", "-c", str(count), "-W", str(wait), address(other.number), status=None)
        return int(re.search(r"(\d+) received", said)[1])


class Service:
    """portwall serve, with files in a folder of its own that its user may write."""

    def __init__(self, **keys):
        self.dir = tempfile.mkdtemp(prefix="serve-test-", dir="/run")
        os.chmod(self.dir, 0o711)
        self.socket = self.dir + "/api.sock"
        os.mkdir(self.dir + "/store")
        shutil.chown(self.dir + "/store", "nobody", "nogroup")
        self.keys = {"socket": self.socket, "socket_group": "nogroup", "user": "nobody", "store": self.dir + "/store/store.db",
                     "host": "testhost", "closed_interfaces": "tap* vnet*", "paranoid": "yes", **keys}
        self.config = self.dir + "/serve.conf"
        self.write_config()
        self.environment = {**os.environ, "PORTWALL_SOCKET": self.socket, "PORTWALL_RUN_DIR": self.dir + "/run", "NO_COLOR": "1"}
        self.process, self.log = None, self.dir + "/log"

    def write_config(self, **keys):
        self.keys.update(keys)
        with open(self.config, "w", encoding="ascii") as f:
            f.writelines(f"{key} = {value}\n" for key, value in self.keys.items() if value is not None)

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([PORTWALL, "serve", "--config", self.config], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, env=self.environment, start_new_session=True)
        self.wait_until_ready()
        return self

    def wait_until_ready(self):
        def is_ready():
            expect(self.process.poll() is None, "it ended: " + self.said())
            try:
                status, body = self.ask("GET", "/healthz")
            except (OSError, http.client.HTTPException):
                return False
            return status == 200 and body["revision"] == body["kernel_revision"]
        wait_for("the service", is_ready)

    def stop(self, signal_number=signal.SIGTERM):
        """Its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal_number)
        status = self.process.wait(timeout=PATIENCE_S)
        return status

    def children(self):
        """The engine and the door, in the order in which they began."""
        pid = self.process.pid
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
            return [int(child) for child in f.read().split()]

    def said(self):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return f.read()

    def send(self, method, path, body=None, headers=None):
        """Status and text."""
        connection = http.client.HTTPConnection("localhost", timeout=PATIENCE_S)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(PATIENCE_S)
        connection.sock.connect(self.socket)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def ask(self, method, path, body=None):
        """Status and what the JSON says (or the text, if it is none)."""
        status, said = self.send(method, path, json.dumps(body) if isinstance(body, (dict, list)) else body)
        try:
            return status, json.loads(said)
        except ValueError:
            return status, said

    def must(self, method, path, body=None, status=(200, 201, 204)):
        got, said = self.ask(method, path, body)
        expect(got in status, f"{method} {path}: {got}: {said}")
        return said

    def portwall(self, *words, status=0, text=None):
        result = subprocess.run([PORTWALL, *words], input=text, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                env=self.environment, timeout=PATIENCE_S * 5, check=False)
        expect(status is None or result.returncode == status,
               f"portwall {' '.join(words)}: status {result.returncode}, wanted {status}: {result.stdout}")
        return result.stdout

    def apply(self, policy, *words, status=0):
        return self.portwall("apply", *words, "-", status=status, text=json.dumps(policy))

    def port_states(self):
        return {port["id"]: port["state"] for port in self.must("GET", "/v2.0/portwall/status")["ports"]}

    def wait_for_state(self, number, state):
        wait_for(f"port {number} to be {state}; it is {self.port_states()}: {self.said()[-2000:]}",
                 lambda: self.port_states().get(port_id(number)) == state)

    def is_whole(self):
        """The kernel has what the policy says, by a command that reads all and keeps nothing."""
        with tempfile.NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8") as f:
            f.write(self.must("GET", "/v2.0/portwall/policy"))
            f.flush()
            said = self.portwall("verify", f.name, "--json", status=None)
        return json.loads(said[said.index("{"):])["verdict"] == "equal", said  # warnings stand before it


def rule(direction, **keys):
    return {"direction": direction, **keys}


def policy_of(ports, rules=(), **more):
    """Ports (numbers) with one group, whose rules are these."""
    return {"security_groups": [{"id": group_id(1), "name": "all", "security_group_rules": list(rules)}],
            "ports": [{"id": port_id(n), "name": f"p{n}", "mac_address": mac(n), "fixed_ips": [{"ip_address": address(n)}],
                       "security_groups": [group_id(1)], **more} for n in ports]}


def run_tests(tests):
    """Each in a host of its own, in a process of its own; TAP. Words on the command line choose some, by what is in their names."""
    tests = [(name, test) for name, test in tests if all(word in name for word in sys.argv[1:])]
    if not tests:
        sys.exit(f"no case has {' and '.join(sys.argv[1:])} in its name")
    print(f"1..{len(tests)}", flush=True)
    n_failed = 0
    for number, (name, test) in enumerate(tests, 1):
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                expect(libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0, os.strerror(ctypes.get_errno()))
                enter_new_host()
                test()
                code = 0
            except Exception as e:  # whatever it is, it is told
                where = "" if isinstance(e, Failure) else traceback.format_exc()
                print("".join(f"# {line}\n" for line in f"{e}\n{where}".splitlines()), end="", flush=True)
            finally:
                end_all_of_mine()
                os._exit(code)
        _, status = os.waitpid(pid, 0)
        n_failed += status != 0
        print(f"{'not ' if status else ''}ok {number} - {name}", flush=True)
    sys.exit(n_failed != 0)


def descendants():
    """Of this process, by the tables of the kernel. Not by their namespace: a program that reads the whole machine, such as an
    explain of another test, is in each for a moment."""
    children = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as f:
                parent = int(f.read().rpartition(")")[2].split()[1])
        except OSError:
            continue
        children.setdefault(parent, []).append(int(pid))
    found, new = [], [os.getpid()]
    while new:
        new = [child for parent in new for child in children.get(parent, [])]
        found += new
    return found


def end_all_of_mine():
    """What the test has started, and what that has: orphans come to the test's process, which is their reaper."""
    while True:
        for pid in descendants():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        try:
            os.wait()
        except ChildProcessError:
            return
