#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-or-later
"""portwall serve with machines that libvirt starts, plugs, moves and destroys."""
import json
import sys

import libvirthost
from libvirthost import Libvirt, Machine
from servehost import Guest, Service, device, expect, group_id, policy_of, port_id, rule, run, run_tests, wait_for

EGRESS, ICMP_IN, HTTP_IN = (rule("egress"), rule("ingress", protocol="icmp"),
                            rule("ingress", protocol="tcp", port_range_min=80, port_range_max=80))


def bridge(name):
    run("ip", "link", "add", name, "type", "bridge", "mcast_snooping", "0")
    run("ip", "link", "set", name, "up")


def host(*rules):
    """Service, libvirt, and a guest without libvirt; port 1 is for a machine that is not there yet."""
    bridge("br0")
    guest = Guest(2).make().plug("br0")
    service = Service().start()
    service.apply(policy_of([1, 2], rules))
    service.wait_for_state(1, "waiting")
    return service, Libvirt(), guest


def device_of(service, number):
    return [port["device"] for port in service.must("GET", "/v2.0/portwall/status")["ports"] if port["id"] == port_id(number)][0]


def check_whole(service):
    whole, said = service.is_whole()
    expect(whole, said)
    expect("event=bug" not in service.said(), service.said())


def machine_follows_its_groups():
    service, libvirt, guest = host(EGRESS, HTTP_IN)
    machine = Machine(libvirt, 1).create("--paused")  # as Nova does, to wait for the network
    service.wait_for_state(1, "active")
    expect("paused" in machine.virsh("domstate"), "it did not wait")
    expect(device_of(service, 1) == device(1), "another interface is its port's")
    machine.virsh("resume")
    wait_for("the machine to serve", lambda: machine.serves(guest))
    expect(guest.pings(machine) == 0, "a ping passes that no group allows")
    print(service.portwall("explain", "--in", device(2), "icmp", "10.7.0.2", "10.7.0.1", status=None))
    print(service.portwall("explain", "--json","--in", device(2), "icmp", "10.7.0.2", "10.7.0.1", status=None))
    print(service.portwall("explain", "--in", machine.name, "icmp", "10.7.0.1", "10.7.0.2", status=None))
    print(service.portwall("doctor", status=None))
    service.must("POST", "/v2.0/security-group-rules", {"security_group_rule": {"security_group_id": group_id(1), **ICMP_IN}})
    expect(guest.pings(machine) == 1, "a ping that a rule allows is lost: " + service.said())
    http, = [r["id"] for r in service.must("GET", "/v2.0/security-group-rules")["security_group_rules"] if r["protocol"] == "tcp"]
    service.must("DELETE", "/v2.0/security-group-rules/" + http)
    expect(not machine.serves(guest), "HTTP passes that no group allows any more")
    check_whole(service)


def machine_comes_again():
    service, libvirt, guest = host(EGRESS, ICMP_IN)
    machine = Machine(libvirt, 1).create()
    wait_for("the machine", lambda: guest.pings(machine))
    machine.virsh("destroy")
    service.wait_for_state(1, "waiting")
    expect(f"{device(1)}" in run("iptables-save", "-t", "filter"), "nothing waits for the machine")
    check_whole(service)
    machine.create()
    wait_for("the machine that is there again", lambda: guest.pings(machine))
    expect(service.port_states()[port_id(1)] == "active", service.said())
    check_whole(service)


def interface_without_a_name():
    service, libvirt, guest = host(EGRESS, ICMP_IN)
    bridge("br1")
    elsewhere = Guest(3).make().plug("br1")
    machine = Machine(libvirt, 1, name=None).create()
    service.wait_for_state(1, "active")
    expect(device_of(service, 1) == "vnet0", device_of(service, 1))
    wait_for("the machine", lambda: guest.pings(machine))
    print(run("ip","-br","link"), service.portwall("status"))


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
