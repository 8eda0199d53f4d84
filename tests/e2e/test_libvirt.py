#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-or-later
"""portwall serve with machines that libvirt starts, plugs, moves and destroys."""
import json
import sys

import libvirthost
from libvirthost import Domain, Libvirt
from servehost import Guest, Service, address, device, expect, group_id, policy_of, port_id, rule, run, run_tests, wait_for

EGRESS, ICMP_IN, HTTP_IN = (rule("egress"), rule("ingress", protocol="icmp"),
                            rule("ingress", protocol="tcp", port_range_min=80, port_range_max=80))


def bridge(name):
    run("ip", "link", "add", name, "type", "bridge", "mcast_snooping", "0")
    run("ip", "link", "set", name, "up")


def host(*rules, ports=(1, 2)):
    """Service, libvirt, and a guest without libvirt; port 1 is for a machine that is not there yet."""
    bridge("br0")
    guest = Guest(2).make().plug("br0")
    service = Service().start()
    service.apply(policy_of(ports, rules))
    service.wait_for_state(1, "waiting")
    return service, Libvirt(), guest


def device_of(service, number):
    return [port["device"] for port in service.must("GET", "/v2.0/portwall/status")["ports"] if port["id"] == port_id(number)][0]


def explained(service, status, interface, source, destination):
    """What explain says of an echo request."""
    return json.loads(service.portwall("explain", "--json", "--in", interface, "icmp", source, destination, status=status))


def jumps_for(interface):
    return sorted(line for line in run("iptables-save", "-t", "filter").splitlines() if interface in line)


def received(interface):
    """How many packets a machine has sent."""
    with open(f"/sys/class/net/{interface}/statistics/rx_packets", encoding="ascii") as f:
        return int(f.read())


def check_whole(service):
    whole, said = service.is_whole()
    expect(whole, said)
    expect("event=bug" not in service.said(), service.said())


def machine_follows_its_groups():
    service, libvirt, guest = host(EGRESS, HTTP_IN)
    domain = Domain(libvirt, 1).create("--paused")  # as Nova does, to wait for the network
    service.wait_for_state(1, "active")
    expect("paused" in domain.virsh("domstate"), "it did not wait")
    expect(device_of(service, 1) == device(1), "another interface is its port's")
    domain.virsh("resume")
    wait_for("the machine to serve", lambda: domain.serves(guest))
    expect(guest.pings(domain) == 0, "a ping passes that no group allows")
    said = explained(service, 3, device(2), address(2), address(1))
    why = f"no rule of the security groups of port {device(1)} lets in icmp"
    expect(said["verdict"] == "dropped" and why in said["words"], said["words"])
    by = said["decided_by"]
    expect((by["owner"], by["port"]["device"], by["port"]["direction"]) == ("portwall", device(1), "ingress"), by)
    service.must("POST", "/v2.0/security-group-rules", {"security_group_rule": {"security_group_id": group_id(1), **ICMP_IN}})
    expect(guest.pings(domain) == 1, "a ping that a rule allows is lost: " + service.said())
    for interface, source, destination in (device(2), 2, 1), (domain.name, 1, 2):
        explained(service, 0, interface, address(source), address(destination))
    http, = [r["id"] for r in service.must("GET", "/v2.0/security-group-rules")["security_group_rules"] if r["protocol"] == "tcp"]
    service.must("DELETE", "/v2.0/security-group-rules/" + http)
    expect(not domain.serves(guest), "HTTP passes that no group allows any more")
    check_whole(service)
    findings = json.loads(service.portwall("doctor", "--json", status=None))["findings"]
    expect(not [f for f in findings if f["netns"] == ""], f"the doctor finds something wrong: {findings}")


def machine_comes_again():
    service, libvirt, guest = host(EGRESS, ICMP_IN)
    domain = Domain(libvirt, 1).create()
    wait_for("the machine", lambda: guest.pings(domain))
    service.wait_for_state(1, "active")
    before = jumps_for(device(1))
    expect(before, "it is active without rules")
    domain.virsh("destroy")
    service.wait_for_state(1, "waiting")
    expect(run("nft", "list", "table", "bridge", "portwall").count(f'"{device(1)}" : drop') == 2, "its frames are not closed ahead")
    expect(jumps_for(device(1)) == before, f"what waits for the machine is {jumps_for(device(1))}, was {before}")
    domain.create()
    wait_for("the machine that is there again", lambda: guest.pings(domain))
    expect(jumps_for(device(1)) == before, f"its rules are {jumps_for(device(1))}, were {before}")
    check_whole(service)


def interface_without_a_name():
    service, libvirt, guest = host(EGRESS, ICMP_IN, ports=(1, 2, 3))
    bridge("br1")
    elsewhere = Guest(3).make().plug("br1")
    domain = Domain(libvirt, 1, is_named=False).create()
    service.wait_for_state(1, "active")
    expect(device_of(service, 1) == "vnet0", device_of(service, 1))
    wait_for("the machine", lambda: guest.pings(domain))
    domain.change("update", "br1")
    wait_for("the machine on br1", lambda: elsewhere.pings(domain))
    expect(guest.pings(domain) == 0, "the machine is on both bridges")
    check_whole(service)

    domain.change("detach", "br1")
    service.wait_for_state(1, "waiting")
    domain.change("attach", "br0")
    service.wait_for_state(1, "active")
    wait_for("the machine that is plugged again", lambda: guest.pings(domain))
    expect(device_of(service, 1) == "vnet1", device_of(service, 1))
    check_whole(service)

    domain.change("detach", "br0")
    service.wait_for_state(1, "waiting")
    domain.number = 9  # an interface of no port
    domain.change("attach", "br0")
    wait_for("a word of it", lambda: "event=unknown-interface" in service.said() and "vnet2" in service.said())
    wait_for("the machine to send", lambda: received("vnet2"))
    expect(guest.pings(domain) == 0, "an interface of no port passes packets")
    service.apply(policy_of([1, 2, 3, 9], [EGRESS, ICMP_IN]))
    wait_for("the interface that became a port's", lambda: guest.pings(domain))
    expect("event=bug" not in service.said(), service.said())


if __name__ == "__main__":
    why = libvirthost.lacks()
    if why:
        print("1..0 # SKIP " + why)
        sys.exit()
    run_tests([
        ("a machine that Nova defined is closed before it starts, and follows its groups", machine_follows_its_groups),
        ("a machine that was destroyed is waited for, and works again", machine_comes_again),
        ("an interface that libvirt named is bound by its MAC, and when it moves, goes and comes", interface_without_a_name),
    ])
