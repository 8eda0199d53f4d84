# SPDX-License-Identifier: GPL-2.0-or-later
"""Two machines on a bridge, in network namespaces of this process alone, for tests of portwall watch."""
import os
import subprocess
import sys
import time

PORTWALL = os.path.realpath(os.environ["PORTWALL"])
PATIENCE_S = 120  # for a condition; a machine may be slow
ID = f"{os.getpid() % 100000:05d}"  # other tests may have devices on this kernel, too
TAPS = {"a": f"ta{ID}", "b": f"tb{ID}"}
ADDRESSES = {"a": "10.9.0.1", "b": "10.9.0.2"}


def run(*words, **options):
    return subprocess.run(words, check=True, text=True, stdout=subprocess.PIPE, **options).stdout


def enter():
    """Begins this program again where it has namespaces, and names of them, of its own."""
    if sys.argv[1:] != ["inside"]:
        os.makedirs("/run/netns", exist_ok=True)
        os.execvp("unshare", ["unshare", "--net", "--mount", sys.executable, "-B", sys.argv[0], "inside"])
    run("mount", "-t", "sysfs", "sysfs", "/sys")
    run("mount", "-t", "tmpfs", "tmpfs", "/run/netns")


def make_guests():
    run("ip", "link", "set", "lo", "up")
    run("ip", "link", "add", f"br{ID}", "type", "bridge", "mcast_snooping", "0")
    run("ip", "link", "set", f"br{ID}", "up")
    for guest, tap in TAPS.items():
        run("ip", "netns", "add", guest)
        run("ip", "link", "add", tap, "type", "veth", "peer", "name", "eth0", "netns", guest)
        run("ip", "link", "set", tap, "master", f"br{ID}", "up")
        run("ip", "-n", guest, "address", "add", ADDRESSES[guest] + "/24", "dev", "eth0")
        run("ip", "-n", guest, "link", "set", "eth0", "up")
    for guest, other in ("a", "b"), ("b", "a"):  # no ARP among the packets
        mac = run("ip", "netns", "exec", other, "cat", "/sys/class/net/eth0/address").strip()
        run("ip", "-n", guest, "neighbour", "add", ADDRESSES[other], "lladdr", mac, "dev", "eth0")
    run("nft", "-f", "-", input="table bridge guests { chain forward { type filter hook forward priority 0; udp dport 9 drop; }; }")


def ping(n=1, size=56):
    run("ip", "netns", "exec", "a", "ping", "-q", "-c", str(n), "-i", "0.05", "-W", "5", "-s", str(size), ADDRESSES["b"])


def send_dropped():
    run("ip", "netns", "exec", "a", sys.executable, "-c",
        f"import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'lost', ('{ADDRESSES['b']}', 9))")


def wait_until(question):
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        answer = question()
        if answer:
            return answer
        time.sleep(0.02)
    return None


def tell(sentence, is_true, seen=""):
    tell.n += 1
    print(f"{'ok' if is_true else 'not ok'} {tell.n} - {sentence}", flush=True)
    if not is_true:
        for line in str(seen).splitlines():
            print("# " + line)
        tell.failed = True


tell.n, tell.failed = 0, False


def done():
    print(f"1..{tell.n}")
    sys.exit(tell.failed)
