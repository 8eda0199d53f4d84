#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""portwall watch --drops on a bridge with guests whose packets get lost in different ways.

    vm1 eth0 --- tap1 +-- br0 --+ tap2 --- eth0 vm2
                      |         + tap3 --- eth0 vm3 (isolated, as tap4's guest)
                      + tap4 --- eth0 vm4

What was sent is known exactly, so that what is counted can be compared with it.
"""
import ctypes
import json
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

PORTWALL = os.path.realpath(os.environ["PORTWALL"])
PATIENCE_S = 240  # for a condition; a machine may be slow
POLICY = """
security_groups:
  - name: web
    security_group_rules:
      - {direction: ingress, protocol: tcp, port_range_min: 80, port_range_max: 80}
      - {direction: ingress, protocol: udp, port_range_min: 9, port_range_max: 9}
      - {direction: egress, ethertype: IPv4}
ports:
"""
FLOOD = 50000
CLEAR = "\033[H\033[2J"
CLONE_NEWNET = 0x40000000


def run(*words, check=True, **more):
    return subprocess.run(words, check=check, text=True, capture_output=True, **more)


def mac(i):
    return f"fa:16:3e:00:00:0{i}"


def address(i):
    return f"10.0.0.{i}"


def in_guest(i, *words, **more):
    return run("ip", "netns", "exec", f"vm{i}", *words, **more)


def build(folder):
    run("sysctl", "-q", "net.bridge.bridge-nf-call-iptables=1", check=False)
    run("ip", "link", "set", "lo", "up")
    run("ip", "link", "add", "br0", "type", "bridge", "forward_delay", "0", "mcast_snooping", "0")
    run("sysctl", "-q", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1")
    ports = ""
    for i in range(1, 5):
        run("ip", "netns", "add", f"vm{i}")
        in_guest(i, "sysctl", "-q", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1")
        run("ip", "link", "add", f"tap{i}", "type", "veth", "peer", "name", "eth0", "address", mac(i), "netns", f"vm{i}")
        run("ip", "link", "set", f"tap{i}", "master", "br0", "up")
        in_guest(i, "ip", "address", "add", f"{address(i)}/24", "dev", "eth0")
        in_guest(i, "ip", "link", "set", "eth0", "up")
        if i < 3:
            ports += (f'  - {{name: vm{i}, device: tap{i}, mac_address: "{mac(i)}", fixed_ips: [{address(i)}], '
                      f'security_groups: [web]}}\n')
    run("ip", "link", "set", "br0", "up")
    for i in (3, 4):
        run("ip", "link", "set", f"tap{i}", "type", "bridge_slave", "isolated", "on")
    for i in range(1, 5):  # no ARP among what is counted
        for other in range(1, 5):
            if other != i:
                in_guest(i, "ip", "neighbour", "replace", address(other), "lladdr", mac(other), "dev", "eth0", "nud", "permanent")
    path = os.path.join(folder, "policy.yaml")
    with open(path, "w", encoding="utf-8") as file:
        file.write(POLICY + ports)
    run(PORTWALL, "apply", "--fix-sysctl", path)
    for i in range(1, 5):  # the bridge learns who is where: a frame of each that goes nowhere else
        send_raw(i, b"\xff" * 6 + mac_bytes(mac(i)) + b"\x88\xb5" + b"\0" * 46)


def mac_bytes(text):
    return bytes.fromhex(text.replace(":", ""))


def guest_child(i, work):
    """Does work in the guest's namespace."""
    pid = os.fork()
    if not pid:
        try:
            namespace = os.open(f"/run/netns/vm{i}", os.O_RDONLY)
            assert ctypes.CDLL(None).setns(namespace, CLONE_NEWNET) == 0
            work()
            os._exit(0)
        except BaseException as error:  # the child must not go on as the test
            print(f"# {error!r}", flush=True)
        os._exit(1)
    assert os.waitpid(pid, 0)[1] == 0


def send_udp(i, to, port, n, source=None):
    def work():
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 22)
        sock.bind((source or address(i), 4000))
        for _ in range(n):
            sock.sendto(b"x" * 18, (address(to), port))
    guest_child(i, work)


def send_raw(i, frame, n=1):
    def work():
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        sock.bind(("eth0", 0))
        for _ in range(n):
            sock.send(frame)
    guest_child(i, work)


def udp_frame(i, to, source):
    """From a source address that is not the guest's."""
    payload = b"x" * 18
    udp = struct.pack("!HHHH", 4000, 9, 8 + len(payload), 0) + payload
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 7, 0, 64, 17, 0,
                         socket.inet_aton(source), socket.inet_aton(address(to)))
    total = sum(struct.unpack("!10H", header))
    total = (total & 0xffff) + (total >> 16)
    total = ~((total & 0xffff) + (total >> 16)) & 0xffff
    header = header[:10] + struct.pack("!H", total) + header[12:]
    return mac_bytes(mac(to)) + mac_bytes(mac(i)) + b"\x08\x00" + header + udp


class Watch:
    def __init__(self, *words, program=(PORTWALL,)):
        self.process = subprocess.Popen([*program, "watch", "--drops", *words], text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        env={**os.environ, "NO_COLOR": "1"})
        self.begin = self.process.stderr.readline()

    def finish(self, number=signal.SIGINT):
        if number:
            self.process.send_signal(number)
        out, err = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, out, err

    def finish_json(self, number=signal.SIGINT):
        status, out, err = self.finish(number)
        try:
            return status, json.loads(out)
        except ValueError:
            return status, {"drops": [], "n": -1, "error": out + err}


def tell(sentence, is_true, seen=""):
    tell.n += 1
    print(f"{'ok' if is_true else 'not ok'} {tell.n} - {sentence}", flush=True)
    if not is_true:
        for line in (seen if isinstance(seen, str) else json.dumps(seen, indent=1)).splitlines():
            print(f"# {line}")
        tell.failed = True


tell.n, tell.failed = 0, False


def entry(said, **keys):
    found = [one for one in said["drops"] if all(one.get(key) == value for key, value in keys.items())]
    return found[0] if len(found) == 1 else {}


def causes():
    watch = Watch("--json")
    tell("it says what it watches", re.search(r"at 5 ports and bridges", watch.begin), watch.begin)
    send_udp(1, 2, 53, 7)                                     # no rule lets it in
    send_udp(1, 2, 9, 5)                                      # let in; nobody listens there, which is the guest's affair
    send_raw(1, udp_frame(1, 2, "10.9.9.9"), 3)               # not its address
    send_udp(4, 3, 9, 4)                                      # both are isolated
    status, said = watch.finish_json()
    tell("its exit status says that there were drops", status == 3, said)
    refused = entry(said, port="tap2", peer=address(1))
    decider = refused.get("decided_by") or {}
    tell("what no rule lets in is counted at its port, with its sender",
         refused.get("n") == 7 and refused["bytes"] == 7 * 60 and refused["reason"] == "NETFILTER_DROP", said)
    tell("the rule is named, and that it is explain who says so",
         decider.get("chain", "").endswith("sg-fallback") and refused.get("by") == "explain", refused)
    tell("it is known where it came in", refused.get("came_in") == "tap1" and refused["entry"] == "known", refused)
    change = (refused.get("change") or {}).get("all_of", [{}])[0]
    tell("a rule of the group is offered that would let it in",
         change.get("kind") == "group-rule" and "udp" in json.dumps(change) and "53" in json.dumps(change), refused)
    tell("the packet is one of those", refused.get("packet", "").startswith("udp 10.0.0.1:4000 10.0.0.2:53"), refused)
    spoofed = [one for one in said["drops"] if "10.9.9.9" in one["packet"]]
    tell("a forged address is told of the port that sends it, by its rule against that",
         len(spoofed) == 1 and spoofed[0]["n"] == 3 and spoofed[0]["came_in"] == "tap1" and spoofed[0]["port"] == "tap1"
         and spoofed[0]["peer"] == address(2) and spoofed[0]["decided_by"]["port"]["anti_spoofing"], said)
    isolated = [one for one in said["drops"] if one["packet"].startswith("udp 10.0.0.4")]
    tell("what an isolated port does not get has no rule, but that cause",
         len(isolated) == 1 and isolated[0]["n"] == 4 and isolated[0]["drop_reason"] == "bridge-isolated"
         and not isolated[0]["decided_by"], said)
    tell("that nobody listens in a guest is no loss of the host",
         said["n"] == 14 and sum(one["n"] for one in said["drops"]) == 14, said)


def unknown_sender():
    run("ip", "link", "set", "tap1", "type", "bridge_slave", "fdb_flush")
    watch = Watch("--json")
    send_udp(1, 2, 53, 1)  # by which the bridge learns where it is
    _, said = watch.finish_json()
    one = entry(said, port="tap2")
    tell("a sender that comes while it watches is looked for again",
         one.get("n") == 1 and one["came_in"] == "tap1" and one["entry"] == "known", said)


def one_port():
    watch = Watch("--json", "--in", "tap1", "--count", "2")
    tell("--in watches the devices of its path", "tap1" in watch.begin and "at tap1, tap2, tap3, tap4, br0, eth0" in watch.begin, watch.begin)
    send_udp(1, 2, 54, 2)
    status, said = watch.finish_json(None)
    tell("--count ends it", status == 3 and said["n"] == 2, said)


def nothing():
    status, said = Watch("--json", "--for", "1").finish_json(None)
    tell("without a drop the exit status is 0", status == 0 and said["n"] == 0, said)


def flood():
    watch = Watch("--json")
    send_udp(1, 2, 55, FLOOD)
    _, said = watch.finish_json()
    one = entry(said, port="tap2", peer=address(1))
    tell(f"of a flood each of {FLOOD} packets is counted", said["n"] == FLOOD and one.get("n") == FLOOD, said)
    tell("none of them found no room", said.get("lost", {}).get("totals") == 0, said)


class Screen:
    """The same on a terminal."""

    def __init__(self):
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen([PORTWALL, "watch", "--drops"], stdout=slave, stderr=slave,
                                        env={**os.environ, "NO_COLOR": "1"})
        os.close(slave)
        self.seen = ""

    def wait_for(self, is_there):
        end = time.monotonic() + PATIENCE_S
        while not is_there(self.seen) and time.monotonic() < end:
            if select.select([self.master], [], [], 1)[0]:
                try:
                    self.seen += os.read(self.master, 65536).decode()
                except OSError:  # it has ended
                    break
        return is_there(self.seen)

    def wait_for_two(self):
        """Of two that come the second was begun after now."""
        before = self.seen.count(CLEAR)
        self.wait_for(lambda seen: seen.count(CLEAR) >= before + 2)

    def finish(self):
        self.process.send_signal(signal.SIGINT)
        self.wait_for(lambda seen: False)
        self.process.wait(PATIENCE_S)
        os.close(self.master)
        return self.seen.split(CLEAR)[-1].replace("\r", "")


def changed_rules():
    screen = Screen()
    screen.wait_for(lambda seen: "Ctrl-C" in seen)
    send_udp(1, 2, 56, 3)
    tell("on a terminal it is told as it happens",
         screen.wait_for(lambda seen: re.search("3 +180 +tap2 +10.0.0.1", seen)), screen.seen)
    run("iptables", "-I", "FORWARD", "-p", "udp", "--dport", "56", "-j", "DROP")
    screen.wait_for_two()
    send_udp(1, 2, 56, 4)
    out = screen.finish()
    run("iptables", "-D", "FORWARD", "1")
    tell("what was dropped before rules changed stays with the rule of then",
         re.search(r" 3 +180 +tap2 .*\n.*\n.*\n  decided by rule \d+ of chain \S+-sg-fallback", out)
         and re.search(r" 4 +240 +tap2 .*\n.*\n.*\n  decided by rule 1 of chain FORWARD", out), out)


def words(folder):
    watch = Watch()
    send_udp(1, 2, 57, 2)
    status, out, _ = watch.finish()
    tell("a person reads the same", status == 3 and re.search(r"2 +120 +tap2 +10\.0\.0\.1", out)
         and "explain: dropped at" in out and "nothing listens, with: an ingress rule in a security group of port tap2" in out
         and "2 packets lost" in out, out)
    done = run(PORTWALL, "watch", "--drops", "icmp", check=False)
    tell("a filter is refused", done.returncode == 2 and "--in DEVICE" in done.stderr, done.stderr)
    done = run(PORTWALL, "watch", "--drops", "--in", "tap9", check=False)
    tell("a device that is not there is refused", done.returncode == 2 and "tap9" in done.stderr, done.stderr)
    done = run("setpriv", "--bounding-set=-bpf,-perfmon,-sys_admin", "--inh-caps=-bpf,-perfmon,-sys_admin",
               PORTWALL, "watch", "--drops", "--for", "1", check=False)
    tell("without the rights for it it says which it needs",
         done.returncode == 1 and "CAP_BPF" in done.stderr and "->" in done.stderr, done.stderr)


def main():
    if sys.argv[1:] != ["inside"]:
        os.execvp("unshare", ["unshare", "--net", "--mount", sys.argv[0], "inside"])
    run("mount", "-t", "sysfs", "sysfs", "/sys")
    run("mount", "--make-rprivate", "/")
    os.makedirs("/run/netns", exist_ok=True)
    run("mount", "-t", "tmpfs", "tmpfs", "/run/netns")  # names of this test alone
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PORTWALL_RUN_DIR"] = os.path.join(folder, "run")
        build(folder)
        causes()
        unknown_sender()
        one_port()
        nothing()
        flood()
        changed_rules()
        words(folder)
    print(f"1..{tell.n}")
    return tell.failed


if __name__ == "__main__":
    sys.exit(main())
