#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The traffic of examples/lab: what the VMs serve, a session that stays open, packets of any
protocol and how far they come.

  wire.py serve NAME LOG                a VM: tcp/22 with a banner and an echo; takes IPIP as an LVS
                                        real server does, and logs what was inside
  wire.py reach ADDRESS                 status 0 when tcp/22 answers
  wire.py cookie                        the number that the kernel gave to this network namespace
  wire.py hold ADDRESS                  one connection to tcp/22: prints the banner, then sends a
                                        line ten times a second until SIGTERM, then says how it went
  wire.py probe FROM-NETNS ADDRESS KIND,... COUNT POINT=NETNS/INTERFACE...
                                        sends COUNT packets of each kind and prints, for each point
                                        and kind, how many came by: "sent KIND N", "POINT KIND N"
  wire.py tell LOG                      tcp/7000 that answers with the address it sees its client at
  wire.py ping FROM-NETNS ADDRESS ID COUNT POINT=NETNS/INTERFACE...
                                        sends COUNT echo requests of the ICMP id ID and prints, for
                                        each point, the source addresses they have there: "POINT
                                        ADDRESS N"; and how many were answered: "replies N"
Frames are captured with packet sockets: what tcpdump would show at each point.
"""
import ctypes
import fcntl
import os
import select
import signal
import socket
import struct
import sys
import time

ETH_P_ALL = 3
SOL_PACKET, PACKET_ADD_MEMBERSHIP, PACKET_MR_PROMISC = 263, 1, 1
PACKET_OUTGOING = 4
SIOCGIFHWADDR = 0x8927
SO_NETNS_COOKIE = 71
PROTOCOLS = {1: "icmp", 4: "ipip", 6: "tcp", 17: "udp", 47: "gre", 94: "proto-94"}
ATF_COM = 2
SECONDS_OF_QUIET = 0.4
SECONDS_BETWEEN_PINGS, SECONDS_FOR_ARP = 0.05, 2


def enter_netns(name):
    with open("/run/netns/" + name, "rb") as f:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.setns(f.fileno(), 0) != 0:
            raise OSError(ctypes.get_errno(), "setns " + name)


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(">%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ipv4(src, dst, proto, payload, ident=0):
    def header(check):
        return struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), ident, 0, 64, proto, check,
                           socket.inet_aton(src), socket.inet_aton(dst))
    return header(checksum(header(0))) + payload


def tcp_syn(src, dst, sport, dport):
    def segment(check):
        return struct.pack(">HHIIBBHHH", sport, dport, 1, 0, 5 << 4, 2, 1024, check, 0)
    pseudo = socket.inet_aton(src) + socket.inet_aton(dst) + struct.pack(">BBH", 0, 6, 20)
    return segment(checksum(pseudo + segment(0)))


def packet(kind, src, dst, ident):
    """One packet of a kind: "ipip", "gre", "icmp", a protocol number, "tcp/PORT", "udp/PORT"."""
    name, _, port = kind.partition("/")
    if name == "ipip":  # what a director in tunnel mode forwards: a client's SYN to the service
        client, service = "203.0.113.7", "198.51.100.80"
        return ipv4(src, dst, 4, ipv4(client, service, 6, tcp_syn(client, service, 40000, 80)), ident)
    if name == "tcp":
        return ipv4(src, dst, 6, tcp_syn(src, dst, 40000 + ident % 1000, int(port)), ident)
    if name == "udp":
        return ipv4(src, dst, 17, struct.pack(">HHHH", 40000, int(port), 12, 0) + b"ping", ident)
    if name == "icmp":
        body = struct.pack(">BBHHH", 8, 0, 0, 1, ident)
        return ipv4(src, dst, 1, body[:2] + struct.pack(">H", checksum(body)) + body[4:], ident)
    proto = {v: k for k, v in PROTOCOLS.items()}.get(name)
    return ipv4(src, dst, proto, b"\0" * 16, ident)


def payload_of(frame):
    """The ethertype below a VLAN tag, and where what it says begins."""
    ethertype, at = struct.unpack(">H", frame[12:14])[0], 14
    if ethertype == 0x8100:
        ethertype, at = struct.unpack(">H", frame[16:18])[0], 18
    return ethertype, at


def kind_of(frame):
    """("ipip", IP id) of a frame, or the name of another ethertype."""
    ethertype, at = payload_of(frame)
    if ethertype != 0x0800 or len(frame) < at + 20:
        return {0x0806: "arp", 0x86DD: "ipv6"}.get(ethertype, "ethertype-%04x" % ethertype), None
    ip = frame[at:]
    proto, ident = ip[9], struct.unpack(">H", ip[4:6])[0]
    name = PROTOCOLS.get(proto, "proto-%d" % proto)
    if proto in (6, 17):
        name += "/%d" % struct.unpack(">H", ip[(ip[0] & 15) * 4 + 2:][:2])[0]
    return name, ident


def source_of(address):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.connect((address, 9))
        return s.getsockname()[0]


def hardware_address(interface):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        return fcntl.ioctl(s, SIOCGIFHWADDR, struct.pack("16s24x", interface.encode()))[18:24]


def capture(netns, interface):
    enter_netns(netns)
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    s.bind((interface, ETH_P_ALL))
    # a bridge shows what it forwards to promiscuous listeners only
    s.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP,
                 struct.pack("IHH8s", socket.if_nametoindex(interface), PACKET_MR_PROMISC, 0, b""))
    s.setblocking(False)
    return s


def probe(from_netns, address, kinds, count, *points):
    sockets, seen, macs = {}, {}, set()
    for point in points:
        name, _, place = point.partition("=")
        sockets[capture(*place.split("/"))] = name
    enter_netns(from_netns)
    src = source_of(address)
    for _, interface in socket.if_nameindex():
        macs.add(hardware_address(interface))
    out = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    kinds, ident = kinds.split(","), os.getpid() % 60000
    to_send = [kind for _ in range(int(count)) for kind in kinds]
    quiet_from = time.monotonic()
    while to_send or time.monotonic() - quiet_from < SECONDS_OF_QUIET:
        if to_send:
            ident += 1
            out.sendto(packet(to_send.pop(0), src, address, ident), (address, 0))
            quiet_from = time.monotonic()
        for s in select.select(list(sockets), [], [], 0.02)[0]:
            frame, where = s.recvfrom(65536)
            inbound_at_vm = sockets[s] == "A" and where[2] != PACKET_OUTGOING
            if not inbound_at_vm and frame[6:12] not in macs:
                continue
            kind, packet_id = kind_of(frame)
            if kind in kinds:
                quiet_from = time.monotonic()
            seen.setdefault((sockets[s], kind), []).append(packet_id)
    for kind in kinds:
        print("sent", kind, count)
    for (point, kind), ids in sorted(seen.items()):
        print(point, kind, len(ids) if ids[0] is None else len(set(ids)))


def is_neighbour_known(address):
    with open("/proc/self/net/arp", encoding="ascii") as f:
        return any(line.split()[0] == address and int(line.split()[2], 16) & ATF_COM for line in f)


def ping(from_netns, address, ident, count, *points):
    sockets, seen, replies = {}, {}, set()
    for point in points:
        name, _, place = point.partition("=")
        sockets[capture(*place.split("/"))] = name
    enter_netns(from_netns)
    # Known by what it carries: addresses and the ICMP id may be rewritten on the way.
    mark = b"portwall %8d" % os.getpid()
    out = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    to_send, began = list(range(int(count))), time.monotonic()
    quiet_from = began - SECONDS_BETWEEN_PINGS
    while to_send or time.monotonic() - quiet_from < SECONDS_OF_QUIET:
        # One after the other: of two packets that begin a connection at the same time, on two
        # processors, conntrack drops one. Those that wait for ARP go out together.
        quiet, first = time.monotonic() - quiet_from, len(to_send) == int(count)
        may_send = first or is_neighbour_known(address) or time.monotonic() - began > SECONDS_FOR_ARP
        if to_send and quiet >= SECONDS_BETWEEN_PINGS and may_send:
            number = to_send.pop(0)
            body = struct.pack(">BBHHH", 8, 0, 0, int(ident), number) + mark
            out.sendto(body[:2] + struct.pack(">H", checksum(body)) + body[4:], (address, 0))
            quiet_from = time.monotonic()
        for s in select.select([out] + list(sockets), [], [], 0.02)[0]:
            frame = s.recv(65536)
            ethertype, at = (0x0800, 0) if s is out else payload_of(frame)
            ip = frame[at:]
            if ethertype != 0x0800 or ip[9] != 1 or not ip.endswith(mark):
                continue
            source, icmp = socket.inet_ntoa(ip[12:16]), ip[(ip[0] & 15) * 4:]
            number = struct.unpack(">H", icmp[6:8])[0]
            quiet_from = time.monotonic()
            if s is not out and icmp[0] == 8:
                seen.setdefault((sockets[s], source), set()).add(number)
            elif s is out and icmp[0] == 0 and source == address:
                replies.add(number)
    for (point, source), numbers in sorted(seen.items()):
        print(point, source, len(numbers))
    print("replies", len(replies))


def tell(log):
    listener = socket.create_server(("0.0.0.0", 7000))
    with open(log, "a", buffering=1, encoding="ascii") as out:
        print("ready", file=out)
        while True:
            client, address = listener.accept()
            with client:
                client.sendall(address[0].encode() + b"\n")


def serve(name, log):
    listener = socket.create_server(("0.0.0.0", 22))
    tunnel = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_IPIP)
    clients = []
    with open(log, "a", buffering=1, encoding="ascii") as out:
        print("ready", file=out)
        while True:
            for s in select.select([listener, tunnel] + clients, [], [])[0]:
                if s is listener:
                    client = s.accept()[0]
                    client.sendall(b"SSH-2.0-portwall_lab " + name.encode() + b"\r\n")
                    clients.append(client)
                elif s is tunnel:
                    outer = s.recv(65536)
                    inner = outer[(outer[0] & 15) * 4:]
                    print("ipip from %s: %s to %s port %d" % (
                        socket.inet_ntoa(outer[12:16]), socket.inet_ntoa(inner[12:16]),
                        socket.inet_ntoa(inner[16:20]), struct.unpack(">H", inner[22:24])[0]), file=out)
                else:
                    try:
                        data = s.recv(4096)
                        s.sendall(data)
                    except OSError:
                        data = b""
                    if not data:
                        clients.remove(s)
                        s.close()


def reach(address):
    try:
        socket.create_connection((address, 22), timeout=1).close()
    except OSError as e:
        sys.exit(str(e))


def cookie():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        print(struct.unpack("Q", s.getsockopt(socket.SOL_SOCKET, SO_NETNS_COOKIE, 8))[0])


def hold(address):
    def stop(*_):
        raise KeyboardInterrupt
    signal.signal(signal.SIGTERM, stop)
    echoes, longest = 0, 0.0
    with socket.create_connection((address, 22), timeout=30) as s:
        lines = s.makefile("rb")
        print("banner", lines.readline().decode().strip(), flush=True)
        s.settimeout(20)
        try:
            while True:
                began = time.monotonic()
                s.sendall(b"line %d\n" % echoes)
                if lines.readline() != b"line %d\n" % echoes:
                    sys.exit("the session was closed after %d echoes" % echoes)
                echoes += 1
                longest = max(longest, time.monotonic() - began)
                time.sleep(0.1)
        except KeyboardInterrupt:
            print("echoes %d longest_ms %d" % (echoes, longest * 1000), flush=True)


def main():
    commands = {"serve": serve, "reach": reach, "cookie": cookie, "hold": hold, "probe": probe,
                "ping": ping, "tell": tell}
    if len(sys.argv) < 2 or sys.argv[1] not in commands:
        sys.exit(__doc__)
    commands[sys.argv[1]](*sys.argv[2:])


main()
