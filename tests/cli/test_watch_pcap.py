#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-or-later
"""portwall watch --pcap, and probe: what stands in the file, byte by byte, and that tcpdump reads it."""
import os
import signal
import struct
import subprocess
import tempfile

from watchhost import ADDRESSES, PATIENCE_S, PORTWALL, TAPS, done, enter, make_guests, ping, run, send_dropped, tell, wait_until

SECTION, INTERFACE, PACKET = 0x0A0D0D0A, 1, 6
COMMENT, IF_NAME, EPB_FLAGS = 1, 2, 2
INBOUND, OUTBOUND = 1, 2


def options(data):
    found = []
    while data:
        code, size = struct.unpack_from("<HH", data)
        if not code:
            break
        found.append((code, data[4:4 + size]))
        data = data[4 + (size + 3) // 4 * 4:]
    return found


class File:
    """A pcapng file: packets as (time, device, direction, bytes, comments), up to its last complete block."""

    def __init__(self, path):
        with open(path, "rb") as f:
            data = f.read()
        self.names, self.packets, self.rest = [], [], 0
        while data:
            kind, size = struct.unpack_from("<II", data) if len(data) >= 12 else (0, 1 << 32)
            if size > len(data):
                self.rest = len(data)
                break
            assert struct.unpack_from("<I", data, size - 4)[0] == size, "a block whose ends differ"
            self.block(kind, data[8:size - 4])
            data = data[size:]

    def block(self, kind, body):
        if kind == INTERFACE:
            self.names.append(dict(options(body[8:]))[IF_NAME].decode())
        elif kind == PACKET:
            number, high, low, size, whole = struct.unpack_from("<IIIII", body)
            assert size <= whole
            found = options(body[20 + (size + 3) // 4 * 4:])
            flags = [struct.unpack("<I", value)[0] for code, value in found if code == EPB_FLAGS]
            self.packets.append((high << 32 | low, self.names[number], flags[0] & 3, body[20:20 + size],
                                 [value.decode() for code, value in found if code == COMMENT]))
        else:
            assert kind == SECTION, kind


def files(folder):
    return sorted(os.path.join(folder, name) for name in os.listdir(folder)) if os.path.isdir(folder) else []


class Watch:
    """From when it listens on."""

    def __init__(self, *words):
        self.process = subprocess.Popen([PORTWALL, "watch", "icmp or udp port 9", "--in", TAPS["a"], *words], text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.notes = []
        for line in self.process.stderr:
            self.notes.append(line.rstrip("\n"))
            if line.startswith("writing ") or line.startswith("portwall: "):
                break

    def end(self):
        out, notes = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, out + "\n".join(self.notes) + notes


def told_by_the_kernel(path):
    """One more is lost; has the kernel told of one? It need not of each."""
    send_dropped()
    return any(line.startswith("the kernel's reason: NETFILTER_DROP") for packet in File(path).packets for line in packet[4])


def packets(folder):
    watch = Watch("--pcap", folder)
    ping()
    is_told = wait_until(lambda: told_by_the_kernel(files(folder)[0]))
    watch.process.send_signal(signal.SIGINT)
    status, said = watch.end()
    tell("the run ends as without a file", status == 3, said)
    paths = files(folder)
    tell("the folder is made, and has one file", len(paths) == 1, paths)
    tell("which its owner alone reads", os.stat(paths[0]).st_mode & 0o777 == 0o600)
    tell("and is named when it begins", f"writing {paths[0]}" in said, said)
    file = File(paths[0])
    tell("the file is whole", file.rest == 0)
    where = {(name, direction) for _, name, direction, data, _ in file.packets if data[23] == 1 and data[34] == 8}
    tell("an echo request is in it at each device, in both directions",
         where == {(TAPS["a"], INBOUND), (TAPS["b"], OUTBOUND), ("a/eth0", OUTBOUND), ("b/eth0", INBOUND)}, where)
    lost = [packet for packet in file.packets if packet[3][23] == 17]
    tell("a dropped one is in it up to where it was lost", {packet[1] for packet in lost} == {"a/eth0", TAPS["a"]}, lost)
    words = lost[1][4]
    tell("with the verdict as a comment on its last frame", words and words[0].startswith("dropped at "), words)
    tell("with the rule", any("udp dport 9" in line or "guests" in line for line in words), words)
    tell("with the kernel's reason", is_told, lost)
    tell("and with no comment on the frame before", lost[0][4] == [], lost[0])
    arrived = [packet[4] for packet in file.packets if packet[3][23] == 1 and packet[3][34] == 8 and packet[4]]
    tell("what arrived says so, once a packet", len(arrived) == 1 and arrived[0][0].startswith("delivered"), arrived)
    tcpdump = subprocess.run(["tcpdump", "-nr", paths[0]], text=True, capture_output=True, check=False)
    tell("tcpdump reads it all", tcpdump.returncode == 0 and len(tcpdump.stdout.splitlines()) == len(file.packets),
         tcpdump.stdout + tcpdump.stderr)
    return paths[0]


def again(folder, first):
    with open(first, "rb") as f:
        before = f.read()
    watches = [Watch("--pcap", folder, "--count", "1", "--json") for _ in range(2)]
    ping()
    for watch in watches:
        watch.end()
    with open(first, "rb") as f:
        tell("no file is written over", f.read() == before)
    tell("each run has one of its own", len(files(folder)) == 3, files(folder))


def killed(folder):
    watch = Watch("--pcap", folder)
    ping(20)
    wait_until(lambda: len(File(files(folder)[0]).packets) >= 40)
    watch.process.send_signal(signal.SIGKILL)
    watch.end()
    file = File(files(folder)[0])
    tell("what a killed run has written can be read", len(file.packets) >= 40 and file.rest == 0, len(file.packets))


def probe(folder):
    mac = [run("ip", "netns", "exec", guest, "cat", "/sys/class/net/eth0/address").strip() for guest in ("a", "b")]
    probe = subprocess.run([PORTWALL, "probe", "--in", TAPS["a"], "--pcap", folder,
                            f"udp {ADDRESSES['a']}:1000 {ADDRESSES['b']}:9 mac {mac[0]} > {mac[1]}"],
                           text=True, capture_output=True, check=False)
    said = probe.stdout + probe.stderr
    tell("probe has --pcap, too", probe.returncode == 3 and "wrote " in said, said)
    last = File(files(folder)[0]).packets[-1]
    tell("with its packet", b"portwall probe" in last[3] and last[4][0].startswith("dropped"), last)


def errors(folder):
    with open(os.path.join(folder, "file"), "w", encoding="ascii"):
        pass
    for sentence, where, wanted in (
            ("a folder that cannot be made is an error", "no/such/folder", "cannot make the folder"),
            ("so is a file in its place", os.path.join(folder, "file"), "cannot make ")):
        status, said = Watch("--pcap", where).end()
        tell(sentence, status == 1 and wanted in said, f"{status} {said}")
    full = os.path.join(folder, "full")
    os.mkdir(full)
    run("mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", full)
    watch = Watch("--pcap", full)
    ping(8, 1400)
    status, said = watch.end()
    tell("a full disk ends the run with its error", status == 1 and "No space left" in said and "--pcap" in said, f"{status} {said}")
    file = File(files(full)[0])
    tell("and leaves a file that can be read", file.packets and file.rest == 0, f"{len(file.packets)} {file.rest}")
    run("umount", full)


def main():
    enter()
    make_guests()
    with tempfile.TemporaryDirectory() as folder:
        again(os.path.join(folder, "many"), packets(os.path.join(folder, "many")))
        killed(os.path.join(folder, "killed"))
        probe(os.path.join(folder, "probe"))
        errors(folder)
    done()


main()
