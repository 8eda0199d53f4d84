#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-or-later
"""portwall group, rule, port and their like against the real service: what each verb does to the store and to packets, and what is
told of it. What a service would have to be driven into (a kernel that refuses, somebody who is faster) a stub of its API answers."""
import http.server
import json
import os
import pty
import re
import signal
import socket
import socketserver
import subprocess
import threading

from servehost import (PATIENCE_S, PORTWALL, Guest, Service, address, device, expect, mac, run, run_tests, wait_for)

NOWHERE = {"PORTWALL_SOCKET": "/run/nowhere.sock"}


def two_guests():
    run("ip", "link", "add", "br0", "type", "bridge", "mcast_snooping", "0")
    run("ip", "link", "set", "br0", "up")
    return [Guest(n).make().plug("br0") for n in (1, 2)]


def said_json(service, *words, status=0):
    return json.loads(service.portwall(*words, "--json", status=status))


def make_group(service, name, *words):
    return said_json(service, "group", "create", name, *words)["security_group"]["id"]


def make_port(service, number, *words):
    said = said_json(service, "port", "create", f"p{number}", "--device", device(number), "--mac-address", mac(number),
                     "--fixed-ip", f"ip-address={address(number)}", *words)
    return said["port"]["id"]


def state(service):
    """What the kernel enforces and what the store has, without what counts by itself."""
    rules = re.sub(r"(?m)^#.*|\[\d+:\d+\]", "", run("iptables-save") + run("ip6tables-save"))
    return rules, run("ipset", "save"), service.must("GET", "/v2.0/portwall/policy")


def rows(table):
    """A table as printed, by its titles: a dict a row. A service may have a group "default" for each project: that is left out."""
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines() if line.startswith("|")]
    found = [dict(zip(lines[0], line)) for line in lines[1:]]
    return [row for row in found if "default" not in (row.get("name"), row.get("security group"))]


def fields(table):
    return {row["field"]: row["value"] for row in rows(table) if row["field"]}


def a_rule_lets_packets_pass_and_counts_them():
    one, two = two_guests()
    service = Service().start()
    group = make_group(service, "web", "--description", "web servers")
    for number in (1, 2):
        make_port(service, number, "--security-group", "web")
    service.must("GET", "/v2.0/portwall/status")
    expect([row["status"] for row in rows(service.portwall("port", "list"))] == ["ACTIVE"] * 2, service.portwall("port", "list"))
    expect(one.pings(two) == 0, "a ping passes that no group allows")
    expect([row["protocol"] for row in rows(service.portwall("rule", "list", "web"))] == ["any", "any"], "a new group's rules")
    rule = fields(service.portwall("rule", "create", "web", "--protocol", "icmp", "--icmp-type", "8", "--icmp-code", "0",
                                   "--description", "who is there"))
    expect((rule["port range"], rule["direction"], rule["remote"], rule["security group"], rule["packets"])
           == ("type=8:code=0", "ingress", "any", "web", "0"), rule)
    expect(one.pings(two, 2) == 2, "a ping that a rule allows is lost: " + service.said())
    row = [row for row in rows(service.portwall("rule", "list", "--ingress")) if row["id"] == rule["id"]][0]
    # the first packet of a connection is the rule's, those behind it are known
    expect(int(row["packets"]) >= 1 and int(row["bytes"]) >= 84 and row["security group"] == "web", row)
    shown = service.portwall("group", "show", "web")
    expect(re.search(rf"{rule['id']}  ingress, IPv4: allow icmp type 8 code 0 from anywhere  \([1-9]", shown), shown)
    expect("web servers" in shown and group in shown, shown)
    said = service.portwall("rule", "delete", rule["id"])
    expect(said == f"deleted rule {rule['id']}\n", said)
    expect(one.pings(two) == 0, "the rule is deleted and its packets pass")


def ipip_incident():
    """As the README tells it: two machines, a tunnel between them, and no rule for its protocol."""
    one, _ = two_guests()
    service = Service().start()
    make_group(service, "vpn")
    for number in (1, 2):
        make_port(service, number, "--security-group", "vpn")
    send = ["python3", "-c", "import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_RAW, 4)\n"
            f"for _ in range(5): s.sendto(b'E' + bytes(63), ('{address(2)}', 0))"]
    one.exec("ping", "-c", "1", "-W", "1", address(2), status=None)  # learns the neighbour
    one.exec("ip", "neighbour", "replace", address(2), "lladdr", mac(2), "dev", "eth0")
    one.exec(*send)
    said = service.portwall("rule", "list", "vpn", "--protocol", "ipip")
    expect(rows(said) == [], said)
    service.portwall("rule", "create", "vpn", "--protocol", "ipip", "--remote-ip", f"{address(1)}/32")
    one.exec(*send)

    def counted():
        found = rows(service.portwall("rule", "list", "vpn", "--protocol", "ipip"))
        expect(found == rows(service.portwall("rule", "list", "vpn", "--protocol", "4")), "4 and ipip are one protocol")
        expect(len(found) == 1 and found[0]["remote"] == f"{address(1)}/32", found)
        expect(rows(service.portwall("rule", "list", "--protocol", "GRE")) == [], "rules of another protocol")
        return int(found[0]["packets"]) > 0
    wait_for("the tunnel's packets in the rule's counter", counted)


def ports_gain_and_lose_groups_and_addresses():
    one, two = two_guests()
    service = Service().start()
    base, icmp = make_group(service, "base"), make_group(service, "icmp")
    service.portwall("rule", "create", "icmp", "--protocol", "icmp")
    for number in (1, 2):
        make_port(service, number, "--security-group", "base")
    expect(one.pings(two) == 0, "a ping passes without a rule")
    said = said_json(service, "port", "set", "p2", "--security-group", "icmp")["port"]
    expect(said["security_groups"] == [base, icmp] and said["status"] == "ACTIVE", said)
    expect(one.pings(two) == 1, "set --security-group has no effect")
    revision = service.must("GET", "/v2.0/portwall/status")["revision"]
    service.portwall("port", "set", "p2", "--security-group", icmp)
    expect(service.must("GET", "/v2.0/portwall/status")["revision"] == revision, "what is there already is sent again")
    listed = [row["name"] for row in rows(service.portwall("port", "list", "--security-group", "icmp"))]
    expect(listed == ["p2"], listed)
    service.portwall("port", "unset", "p2", "--security-group", "icmp")
    expect(one.pings(two) == 0, "unset --security-group has no effect")
    said = service.portwall("port", "unset", "p2", "--security-group", "icmp", status=2)
    expect("p2 has no --security-group icmp" in said and "portwall port show p2" in said, said)
    service.portwall("port", "set", device(2), "--no-security-group", "--security-group", "icmp")
    shown = fields(service.portwall("port", "show", "p2"))
    expect(shown["security groups"] == "icmp" and shown["interface"] == device(2), shown)
    service.portwall("port", "set", "p2", "--no-security-group")
    expect(one.pings(two) == 0 and fields(service.portwall("port", "show", "p2"))["security groups"] == "", "--no-security-group")
    # an address that is not the port's: the other end has no rule that would know it
    service.portwall("port", "set", "p2", "--security-group", "icmp", "--security-group", "base")
    one.exec("ip", "address", "add", "10.7.9.9/16", "dev", "eth0")
    ping = ["ping", "-n", "-c", "1", "-W", "1", "-I", "10.7.9.9", address(2)]
    one.exec(*ping, status=1)
    service.portwall("port", "set", "p1", "--allowed-address", "ip-address=10.7.9.0/24")
    one.exec(*ping)
    service.portwall("port", "set", "p1", "--allowed-address", f"ip-address=10.7.8.8,mac-address={mac(1).upper()}")
    shown = service.portwall("port", "show", "p1")
    expect("10.7.9.0/24" in shown and "10.7.8.8" in shown, shown)
    service.portwall("port", "unset", "p1", "--allowed-address", "ip-address=10.7.9.0/24")
    one.exec(*ping, status=1)
    expect("10.7.8.8" in service.portwall("port", "show", "p1"), "unset takes what was not said")
    service.portwall("port", "set", "p1", "--no-allowed-address", "--name", "first", "--fixed-ip", "ip-address=10.7.9.9")
    one.exec(*ping)
    service.portwall("port", "unset", "first", "--fixed-ip", "ip-address=10.7.9.9")
    shown = service.portwall("port", "show", "first")
    expect("10.7.8.8" not in shown and "10.7.9.9" not in shown and address(1) in shown, shown)
    service.portwall("port", "set", "p2", "--no-security-group", "--disable-port-security")
    expect(one.pings(two) == 1, "--disable-port-security has no effect")
    service.portwall("port", "delete", "first", "p2")
    expect(rows(service.portwall("port", "list")) == [], "port delete")


def every_verb_of_groups():
    service = Service().start()
    web = make_group(service, "web", "--stateless")
    shown = fields(service.portwall("group", "show", "web"))
    expect((shown["description"], shown["stateful"], shown["id"]) == ("web", "no", web), shown)
    said = fields(service.portwall("group", "set", "web", "--name", "front", "--description", "", "--stateful"))
    expect((said["name"], said["description"], said["stateful"]) == ("front", "", "yes"), said)
    make_group(service, "db")
    if service.ask("GET", f"/v2.0/security-groups/{web}/tags")[0] == 200:
        tags = [said_json(service, "group", "set", "front", *words)["security_group"]["tags"]
                for words in (("--tag", "b", "--tag", "a"), ("--tag", "c"), ("--no-tag", "--tag", "d"), ("--no-tag",))]
        expect([sorted(said) for said in tags] == [["a", "b"], ["a", "b", "c"], ["d"], []], tags)
        tagged = said_json(service, "group", "create", "tagged", "--tag", "e")["security_group"]
        expect(tagged["tags"] == ["e"] and rows(service.portwall("group", "list", "--tags", "e"))[0]["tags"] == "e", tagged)
        service.portwall("group", "delete", "tagged")
    else:
        print("# this service keeps no tags")
    listed = rows(service.portwall("group", "list", "--long"))
    expect(sorted(row["name"] for row in listed) == ["db", "front"] and listed[0]["stateful"] == "yes", listed)
    expect([row["name"] for row in rows(service.portwall("group", "list", "--name", "db"))] == ["db"], "--name")
    # references, ranges, families
    rule = fields(service.portwall("rule", "create", "db", "--protocol", "tcp", "--dst-port", "5432:5440", "--remote-group", "front"))
    expect((rule["port range"], rule["remote"], rule["protocol"]) == ("5432:5440", "group front", "tcp"), rule)
    rule = fields(service.portwall("rule", "create", "db", "--egress", "--remote-ip", "2001:db8::/32", "--protocol", "ANY"))
    expect((rule["ethertype"], rule["direction"], rule["protocol"]) == ("IPv6", "egress", "any"), rule)
    rule = fields(service.portwall("rule", "create", "db", "--protocol", "icmpv6"))
    expect(rule["ethertype"] == "IPv6", rule)
    expect(service.portwall("rule", "set", rule["id"], "--description", "neighbours").count("neighbours") == 1, "rule set")
    expect("neighbours" in service.portwall("rule", "show", rule["id"]), "rule show")
    expect("neighbours" in service.portwall("rule", "list", "--long", "--ethertype", "ipv6"), "rule list --long")
    expect(len(rows(service.portwall("rule", "list", "db", "--egress"))) == 3, "rule list --egress")
    # in use
    said = service.portwall("rule", "create", "db", "--protocol", "icmpv6", status=1)
    expect("already exists" in said, said)
    service.portwall("group", "delete", "front", "db")
    expect(rows(service.portwall("group", "list")) == [], "group delete")


def every_verb_of_address_groups():
    one, two = two_guests()
    service = Service().start()
    make_group(service, "web")
    for number in (1, 2):
        make_port(service, number, "--security-group", "web")
    said = fields(service.portwall("address-group", "create", "office", "--address", f"{address(1)}/32", "--description", "ours"))
    expect((said["addresses"], said["description"]) == (f"{address(1)}/32", "ours"), said)
    rule = fields(service.portwall("rule", "create", "web", "--protocol", "icmp", "--remote-address-group", "office"))
    expect(rule["remote"] == "address group office", rule)
    expect(one.pings(two) == 1, "an address of the group is not let in")
    service.portwall("address-group", "unset", "office", "--address", address(1))
    expect(one.pings(two) == 0, "an address that is no longer in the group is let in")
    said = service.portwall("address-group", "unset", "office", "--address", address(1), status=2)
    expect(f"has no address {address(1)}" in said and "portwall address-group show office" in said, said)
    said = service.portwall("address-group", "set", "office", "--address", "10.7.0.0/24", "--address", "2001:db8::/32", "--name", "all")
    expect("2001:db8::/32" in said and one.pings(two) == 1, said)
    expect("in use" in service.portwall("address-group", "delete", "all", status=1), "an address group in use is deleted")
    listed = rows(service.portwall("address-group", "list"))
    expect(listed[0]["name"] == "all", listed)
    service.portwall("group", "set", "web", "--description", "x")
    service.portwall("rule", "delete", rule["id"])
    service.portwall("address-group", "delete", "all")
    expect(rows(service.portwall("address-group", "list")) == [], "address-group delete")


def every_verb_of_networks_and_subnets():
    one, two = two_guests()
    service = Service().start()
    if service.ask("GET", "/v2.0/networks")[0] == 404:
        expect("portwall: " in service.portwall("network", "list", status=2), "a service without networks is asked for them")
        print("# this service keeps no networks")
        return
    make_group(service, "web")
    service.portwall("rule", "create", "web", "--protocol", "icmp")
    shown = fields(service.portwall("network", "create", "blue", "--description", "tenants", "--disable-port-security"))
    expect((shown["description"], shown["port security"], shown["subnets"]) == ("tenants", "no", ""), shown)
    shown = fields(service.portwall("network", "set", "blue", "--name", "green", "--enable-port-security"))
    expect((shown["name"], shown["port security"]) == ("green", "yes"), shown)
    shown = fields(service.portwall("subnet", "create", "green4", "--network", "green", "--subnet-range", "10.7.0.0/16",
                                    "--allocation-pool", f"start={address(1)},end={address(2)}", "--gateway", "none"))
    expect((shown["network"], shown["subnet range"], shown["gateway"], shown["allocation pools"])
           == ("green", "10.7.0.0/16", "", f"{address(1)}-{address(2)}"), shown)
    expect("green4" in service.portwall("network", "show", "green"), "the subnets of a network")
    expect("green4" in service.portwall("network", "list"), "the subnets of networks")
    # ports get their addresses from it, in its order or as they ask
    service.portwall("port", "create", "p2", "--network", "green", "--device", device(2), "--mac-address", mac(2),
                     "--fixed-ip", f"subnet=green4,ip-address={address(2)}", "--security-group", "web")
    service.portwall("port", "create", "p1", "--network", "green", "--device", device(1), "--mac-address", mac(1),
                     "--security-group", "web")
    shown = fields(service.portwall("port", "show", "p1"))
    expect(shown["network"] == "green" and address(1) in shown["fixed ip addresses"], shown)
    expect(one.pings(two) == 1, "a ping that a rule allows is lost: " + service.said())
    shown = fields(service.portwall("subnet", "set", "green4", "--name", "first", "--gateway", "10.7.255.254"))
    expect((shown["name"], shown["gateway"]) == ("first", "10.7.255.254"), shown)
    listed = rows(service.portwall("subnet", "list", "--network", "green", "--long"))
    expect([row["name"] for row in listed] == ["first"], listed)
    service.portwall("network", "delete", "green", status=1)
    said = service.portwall("network", "show", "gren", status=2)
    expect("did you mean green? portwall network list" in said, said)
    service.portwall("port", "delete", "p1", "p2")
    expect("would delete subnet first" in service.portwall("subnet", "delete", "first", "--dry-run"), "--dry-run")
    expect("first" in service.portwall("subnet", "show", "first"), "--dry-run deleted it")
    service.portwall("subnet", "delete", "first")
    service.portwall("network", "delete", "green")
    expect(rows(service.portwall("network", "list")) == rows(service.portwall("subnet", "list")) == [], "delete")


def names_that_are_wrong_or_several():
    service = Service().start()
    first, second = make_group(service, "web"), make_group(service, "web")
    said = service.portwall("group", "show", "web", status=2)
    expect(first in said and second in said and "2 security groups have the name web" in said and "by its id" in said, said)
    expect(second in service.portwall("group", "show", second), "by id")
    make_group(service, "database")
    said = service.portwall("group", "show", "databse", status=2)
    expect("there is no security group databse" in said and "did you mean database? portwall group list" in said, said)
    said = service.portwall("rule", "create", "nothing-like-it", status=2)
    expect("there is no security group nothing-like-it" in said and "-> portwall group list shows all" in said, said)
    said = service.portwall("rule", "show", first, status=2)
    expect(f"there is no rule {first}" in said and "portwall rule list" in said, said)
    # an id that is also a name: the id is first
    make_group(service, first)
    expect(fields(service.portwall("group", "show", first))["name"] == "web", "a name goes before an id")
    # an odd name stays what it is
    odd = "a b&c=d/é?#%"
    make_group(service, odd)
    expect(fields(service.portwall("group", "show", odd))["name"] == odd, "an odd name")
    # a mistyped name among those to delete: none goes
    before = service.must("GET", "/v2.0/portwall/policy")
    service.portwall("group", "delete", odd, "databse", status=2)
    expect(service.must("GET", "/v2.0/portwall/policy") == before, "one group was deleted although another is not there")
    said = service.portwall("port", "create", "x", "--security-group", "databse", status=2)
    expect("did you mean database?" in said, said)


def dry_runs_change_nothing():
    two_guests()
    service = Service().start()
    make_group(service, "web")
    make_port(service, 1, "--security-group", "web")
    rule = fields(service.portwall("rule", "create", "web", "--protocol", "tcp", "--dst-port", "22"))["id"]
    service.portwall("address-group", "create", "office", "--address", "192.0.2.0/24")
    before = state(service)
    for words, wanted in (
            (("rule", "create", "web", "--protocol", "tcp", "--dst-port", "80"), r"would create rule of web\n.*\+ .*80"),
            (("rule", "delete", rule), rf"would delete rule {rule}\n.*- .*22"),
            (("group", "create", "new"), "would create security group new: nothing to change in the kernel"),
            (("group", "set", "web", "--name", "front"), "would change security group web"),
            (("port", "set", "p1", "--no-security-group"), r"would change port p1\n.*- "),
            (("port", "create", "p2", "--device", device(2), "--security-group", "web"), r"would create port p2\n"),
            (("port", "unset", "p1", "--security-group", "web"), r"would change port p1\n.*- "),
            (("port", "delete", "p1"), r"would delete port p1"),
            (("address-group", "set", "office", "--address", "198.51.100.7"), "would change address group office"),
            (("address-group", "delete", "office"), "would delete address group office")):
        said = service.portwall(*words, "--dry-run", "--verbose")
        expect(re.search(wanted, said), f"{words}: {said}")
        foreseen = said_json(service, *words, "--dry-run")
        expect("portwall" in json.dumps(foreseen), words)
        # what would pass is told by a service that foresees it
        if foreseen.get("portwall", {}).get("opens"):
            expect("would pass then, ingress of port" in said, said)
        expect(state(service) == before, f"{' '.join(words)} --dry-run changed something")


def bad_input_is_refused_before_anything_is_sent():
    """Where no service listens: what is refused as wrong (2) was not asked of it (1)."""
    service = Service()
    service.environment.update(NOWHERE)
    for words, wanted in (
            (("rule", "create", "web", "--protocol", "tcp", "--dst-port", "90:80"), "FIRST:LAST"),
            (("rule", "create", "web", "--protocol", "tcp", "--dst-port", "http"), "--dst-port 8000:8099"),
            (("rule", "create", "web", "--protocol", "tcp", "--dst-port", "65536"), "1 to 65535"),
            (("rule", "create", "web", "--dst-port", "80"), "protocol"),
            (("rule", "create", "web", "--protocol", "nosuch"), "nosuch"),
            (("rule", "create", "web", "--protocol", "300"), "300"),
            (("rule", "create", "web", "--protocol", "icmp", "--dst-port", "80"), "ICMP has no ports"),
            (("rule", "create", "web", "--protocol", "tcp", "--icmp-type", "8"), "for --protocol icmp"),
            (("rule", "create", "web", "--protocol", "icmp", "--icmp-type", "256"), "256"),
            (("rule", "create", "web", "--protocol", "icmp", "--icmp-code", "0"), "type"),
            (("rule", "create", "web", "--remote-ip", "192.0.2.0/33"), "192.0.2.0/33"),
            (("rule", "create", "web", "--remote-ip", "192.0.2.0/24", "--ethertype", "IPv6"), "IPv6"),
            (("rule", "create", "web", "--remote-ip", "192.0.2.0/24", "--remote-group", "web"), "one remote"),
            (("rule", "create", "web", "--ingress", "--egress"), "exclude each other"),
            (("rule", "create"), "takes GROUP"),
            (("rule", "set", "x"), "it is not said what to change"),
            (("group", "create", "a", "b"), "takes NAME"),
            (("group", "set", "web"), "it is not said what to change"),
            (("group", "set", "web", "--stateful", "--stateless"), "exclude each other"),
            (("group", "list", "--nmae", "x"), "did you mean --name"),
            (("group", "lst"), "did you mean portwall group list"),
            (("group",), "Usage: portwall group VERB"),
            (("port", "create", "x", "--mac-address", "fa:16"), "--mac-address"),
            (("port", "create", "x", "--device", "an-interface-of-too-many-letters"), "--device"),
            (("port", "create", "x", "--fixed-ip", "192.0.2.1"), "ip-address=..."),
            (("port", "create", "x", "--fixed-ip", "ip-address=192.0.2.300"), "--fixed-ip"),
            (("port", "create", "x", "--security-group", "a", "--no-security-group"), "exclude each other"),
            (("port", "set", "x", "--allowed-address", "mac-address=fa:16:3e:00:00:01"), "it has no ip-address"),
            (("port", "set", "x", "--allowed-address", "ip-address=1.2.3.4,ip-address=1.2.3.4"), "of the form"),
            (("port", "set", "x", "--allowed-address", "ip-address="), "of the form"),
            (("port", "set", "x"), "it is not said what to change"),
            (("port", "unset", "x"), "it is not said what to change"),
            (("subnet", "create", "x", "--network", "n"), "--subnet-range"),
            (("subnet", "create", "x", "--network", "n", "--subnet-range", "10.0.0.0/33"), "--subnet-range"),
            (("subnet", "set", "x", "--gateway", "first"), "auto (the first address"),
            (("subnet", "set", "x", "--allocation-pool", "start=10.0.0.1"), "two addresses"),
            (("network", "set", "x"), "it is not said what to change"),
            (("address-group", "create", "x", "--address", "somewhere"), "--address"),
            (("address-group", "unset", "x"), "it is not said what to change")):
        said = service.portwall(*words, status=2)
        expect(wanted in said and (words == ("group",) or "-> " in said or "exclude" in said or "300" in said),
               f"{words}: {said}")
    for noun in ("group", "rule", "port", "address-group"):
        said = service.portwall(noun, "list", status=1)
        expect("portwall serve does not run" in said and "systemctl start portwall" in said, said)
        expect(service.portwall("--complete", noun, "") == "", "the completion is not silent without a service")


def what_is_printed_as_json_is_what_the_api_answers():
    two_guests()
    service = Service().start()
    make_group(service, "web")
    make_port(service, 1, "--security-group", "web")
    service.portwall("address-group", "create", "office")
    for noun, path, one in (("group", "security-groups", "security_group"), ("port", "ports", "port"),
                            ("address-group", "address-groups", "address_group"),
                            ("rule", "security-group-rules", "security_group_rule")):
        listed = said_json(service, noun, "list")
        expect(listed == service.must("GET", f"/v2.0/{path}"), listed)
        object_id = next(iter(listed.values()))[0]["id"]
        expect(said_json(service, noun, "show", object_id) == service.must("GET", f"/v2.0/{path}/{object_id}"), noun)
        expect(list(said_json(service, noun, "show", object_id)) == [one], noun)
    said = subprocess.run([PORTWALL, "group", "show", "wbe", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          env=service.environment, timeout=PATIENCE_S, check=False)
    expect(json.loads(said.stdout)["error"]["next_step"].startswith("did you mean web?"), said.stdout)
    said = said_json(service, "address-group", "delete", "office")
    expect([gone["name"] for gone in said["deleted"]] == ["office"], said)


class Watch:
    """A command with --watch, and what it has printed so far."""

    def __init__(self, service, *words):
        self.process = subprocess.Popen([PORTWALL, *words, "--watch"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, env=service.environment, text=True)
        self.said = ""
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        for line in self.process.stdout:
            self.said += line

    def end(self, number=signal.SIGINT):
        self.process.send_signal(number)
        status = self.process.wait(timeout=PATIENCE_S)
        self.thread.join()
        return status


def on_terminal(service):
    """Each time replaces the one before."""
    ours, its = pty.openpty()
    process = subprocess.Popen([PORTWALL, "group", "list", "--watch"], stdin=subprocess.DEVNULL, stdout=its, stderr=its,
                               env=service.environment)
    os.close(its)
    said = b""
    try:
        while b"later" not in said:
            said += os.read(ours, 4096)
        service.portwall("group", "create", "latest")
        while b"latest" not in said:
            said += os.read(ours, 4096)
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    expect(said.startswith(b"\033[H\033[J+") and b"\r\n\033[H\033[J+" in said, said)


def watch_follows_changes_and_counters():
    one, two = two_guests()
    service = Service().start()
    make_group(service, "web")
    for number in (1, 2):
        make_port(service, number, "--security-group", "web")
    rule = fields(service.portwall("rule", "create", "web", "--protocol", "icmp"))["id"]
    watch = Watch(service, "rule", "list", "web", "--ingress")

    def counts():
        return [int(row["packets"]) for row in rows_of_blocks(watch.said) if row["id"] == rule]
    wait_for("the first table", counts)
    expect(counts() == [0], watch.said)
    shown = Watch(service, "group", "show", "web")
    json_watch = Watch(service, "group", "list", "--json")
    wait_for("the first object", lambda: "web" in shown.said)
    # each ping is a flow of its own, so that the rule counts it
    for n in range(1, 3):
        wait_for(f"counter {n}", lambda n=n: one.pings(two) == 1 and counts()[-1] >= n)
    expect(counts() == sorted(counts()) and len(set(counts())) == len(counts()), f"counters that do not rise: {counts()}")
    service.portwall("rule", "create", "web", "--protocol", "tcp", "--dst-port", "8443")
    wait_for("the new rule", lambda: "8443" in watch.said and "8443" in shown.said)
    service.portwall("group", "create", "later")
    wait_for("the new group", lambda: "later" in json_watch.said)
    expect(watch.end() == -signal.SIGINT, "Ctrl-C does not end it")
    expect("\033" not in watch.said and "\n\n" in watch.said, "blocks in a file")
    expect(json_watch.end() == -signal.SIGINT, "Ctrl-C does not end it")
    at = [json.loads(block) for block in re.split(r"\n\n(?=\{)", json_watch.said.strip())]
    expect(["later" in json.dumps(at[n]) for n in (0, -1)] == [False, True] and all(a != b for a, b in zip(at, at[1:])),
           "not each change is printed once, as JSON: " + json_watch.said)
    service.portwall("port", "delete", "p1", "p2")
    service.portwall("group", "delete", "web")
    expect(shown.process.wait(timeout=PATIENCE_S) == 2, "what was shown is gone, and it goes on")
    shown.thread.join()
    expect("there is no security group web" in shown.said, shown.said)
    on_terminal(service)
    listing = Watch(service, "group", "list")
    wait_for("the table", lambda: "later" in listing.said)
    service.stop()
    expect(listing.process.wait(timeout=PATIENCE_S) == 1, "it goes on without a service")
    listing.thread.join()
    expect("portwall:" in listing.said and "-> " in listing.said, listing.said)


def rows_of_blocks(text):
    return [row for block in text.split("\n\n") for row in rows(block) if block.count("+--") >= 3 and "|" in block] if text else []


def completion_knows_nouns_and_names():
    service = Service().start()
    make_group(service, "web")
    make_group(service, "web servers")
    make_group(service, "$(touch injected)`touch injected`")
    make_group(service, "queue")
    service.portwall("address-group", "create", "office")
    port = make_port(service, 1)
    script = service.dir + "/completion"
    with open(script, "w", encoding="utf-8") as f:
        f.write(service.portwall("completion"))
    os.symlink(PORTWALL, service.dir + "/portwall")

    def completes(*words):
        said = subprocess.run(
            ["bash", "-c", '. "$0"; COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _portwall; printf "%s\\n" "${COMPREPLY[@]}"', script,
             "portwall", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=service.dir,
            env={**service.environment, "PATH": service.dir + ":" + os.environ["PATH"]}, timeout=PATIENCE_S, check=False)
        return sorted(said.stdout.splitlines())
    for words, wanted in ((("gro",), ["group", "groups"]), (("group", "s"), ["set", "show"]), (("address-group", "uns"), ["unset"]),
                          (("group", "set", "web", "--na"), ["--name"]), (("group", "show", "web"), ["web", "web servers"]),
                          (("rule", "create", "q"), ["queue"]), (("rule", "create", "queue", "--protocol", "ipi"), ["ipip"]),
                          (("rule", "create", "queue", "--ethertype", ""), ["IPv4", "IPv6"]),
                          (("rule", "create", "queue", "--remote-group", "q"), ["queue"]),
                          (("rule", "create", "queue", "--remote-address-group", ""), ["office"]),
                          (("port", "set", "p"), ["p1"]), (("port", "delete", "tap"), [device(1)]),
                          (("port", "show", port[:30]), [port]), (("port", "set", "p1", "--security-group", "q"), ["queue"]),
                          (("show", "p"), ["p1"]), (("guard", "in"), ["install"]), (("group", "create", ""), [""]),
                          (("rule", "create", "queue", "--description", ""), [""])):
        expect(completes(*words) == wanted, f"{words}: {completes(*words)}, wanted {wanted}")
    expect("$(touch injected)`touch injected`" in completes("group", "show", ""), completes("group", "show", ""))
    expect(not os.path.exists(service.dir + "/injected"), "a name was run as a command")
    said = service.portwall("rule", "list", "--json")
    rule = json.loads(said)["security_group_rules"][0]["id"]
    expect(rule in completes("rule", "delete", ""), "ids of rules")
    service.stop()
    expect(completes("group", "show", "w") == [""], "without a service")
    # a service that hangs: the terminal does not
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(service.socket)
        deaf.listen()
        expect(service.portwall("--complete", "group", "w", status=-signal.SIGALRM) == "", "something is said of it")


def many_add_to_one_port():
    """Each reads the port and writes it: who was slower tries again, and nobody's group is lost."""
    service = Service().start()
    port = make_port(service, 1, "--no-security-group")
    groups = [make_group(service, f"g{n}") for n in range(8)]
    ends = [subprocess.Popen([PORTWALL, "port", "set", port, "--security-group", f"g{n}"], stdout=subprocess.DEVNULL,
                             env=service.environment) for n in range(8)]
    expect([end.wait(timeout=PATIENCE_S) for end in ends] == [0] * 8, "somebody gave up")
    got = said_json(service, "port", "show", port)["port"]["security_groups"]
    expect(sorted(got) == sorted(groups), f"{len(got)} of 8 groups are there")
    # its interface is not there, and list says so
    wait_for("the reason of a port that waits",
             lambda: [row["status"] == "DOWN" and row["why"].startswith("waiting: ")
                      for row in rows(service.portwall("port", "list"))] == [True])


class Stub(socketserver.ThreadingUnixStreamServer):
    """An API that answers what it is told to: (method, path without arguments) to (status, body), or to a list of them, one a request."""
    daemon_threads = True

    def __init__(self, path, answers):
        self.answers, self.asked = answers, []
        super().__init__(path, StubHandler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class StubHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def address_string(self):
        return "stub"

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.asked.append((self.command, self.path, json.loads(body) if body else None, self.headers.get("If-Match")))
        found = self.server.answers.get((self.command, self.path.split("?")[0]),
                                        (404, {"NeutronError": {"type": "HTTPNotFound", "message": "nothing here", "detail": ""}}))
        if callable(found):
            found(self)
            return
        if isinstance(found, list):
            found = found.pop(0) if len(found) > 1 else found[0]
        said = json.dumps(found[1]).encode() if found[1] is not None else b""
        self.send_response(found[0])
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)
    do_GET = do_POST = do_PUT = do_DELETE = answer


def stubbed(answers):
    service = Service()
    return service, Stub(service.socket, answers)


GROUP = {"id": "11111111-1111-4111-8111-111111111111", "name": "web", "description": "", "stateful": True, "security_group_rules": [],
         "revision_number": 4, "tags": ["old"], "project_id": "p"}
RULE = {"id": "22222222-2222-4222-8222-222222222222", "security_group_id": GROUP["id"], "direction": "ingress", "ethertype": "IPv4",
        "protocol": None, "port_range_min": None, "port_range_max": None, "remote_ip_prefix": None, "description": ""}
PORT = {"id": "33333333-3333-4333-8333-333333333333", "name": "p1", "device": "tap1", "mac_address": mac(1), "fixed_ips": [],
        "security_groups": [GROUP["id"]], "allowed_address_pairs": [], "revision_number": 7, "status": "DOWN",
        "portwall:state": "failed", "portwall:why": "the kernel refused its rules", "port_security_enabled": True}
GROUPS = {("GET", "/v2.0/security-groups"): (200, {"security_groups": [GROUP]})}


def a_port_that_the_kernel_refuses_is_told_first():
    done = {"failures": [{"port_id": PORT["id"], "why": "no such match", "next_step": ""}], "steps": 1, "changes": []}
    service, _ = stubbed({**GROUPS, ("POST", "/v2.0/security-group-rules"): (201, {"security_group_rule": RULE, "portwall": done}),
                          ("GET", f"/v2.0/security-group-rules/{RULE['id']}"): (200, {"security_group_rule": RULE}),
                          ("DELETE", f"/v2.0/security-group-rules/{RULE['id']}"): (200, {"portwall": done})})
    said = service.portwall("rule", "create", "web", status=1)
    expect(said.index(f"port {PORT['id']} is closed: no such match") < said.index("ethertype"), said)
    said = service.portwall("rule", "delete", RULE["id"], status=1)
    expect("is closed: no such match" in said and f"deleted rule {RULE['id']}" in said, said)
    expect(said_json(service, "rule", "create", "web", status=1)["portwall"]["failures"], "--json")


def who_was_slower_looks_again():
    later = {**PORT, "revision_number": 8, "security_groups": ["44444444-4444-4444-8444-444444444444"]}
    failed = (412, {"NeutronError": {"type": "RevisionNumberConstraintFailed", "message": "somebody was faster", "detail": "Look."}})
    service, stub = stubbed({**GROUPS, ("GET", "/v2.0/ports"): [(200, {"ports": [PORT]}), (200, {"ports": [later]})],
                             ("PUT", f"/v2.0/ports/{PORT['id']}"): [failed, (200, {"port": later})]})
    service.portwall("port", "set", "p1", "--no-security-group")
    service.portwall("port", "set", "p1", "--security-group", "web")
    puts = [(asked[2]["port"], asked[3]) for asked in stub.asked if asked[0] == "PUT"]
    expect(puts == [({"security_groups": []}, "revision_number=7"), ({"security_groups": []}, "revision_number=8"),
                    ({"security_groups": later["security_groups"] + [GROUP["id"]]}, "revision_number=8")], puts)
    stub.answers["PUT", f"/v2.0/ports/{PORT['id']}"] = failed
    said = service.portwall("port", "set", "p1", "--security-group", "web", status=1)
    expect("somebody was faster" in said and "-> Look." in said, said)


def what_a_service_has_more_is_shown():
    counted = {**RULE, "portwall:packets": 12, "portwall:bytes": 1008}
    network = {"id": "55555555-5555-4555-8555-555555555555", "name": "blue"}
    service, stub = stubbed({
        **GROUPS, ("GET", "/v2.0/security-group-rules"): (200, {"security_group_rules": [counted]}),
        ("GET", "/v2.0/networks"): (200, {"networks": [network]}), ("POST", "/v2.0/ports"): (201, {"port": PORT}),
        ("GET", "/v2.0/ports"): (200, {"ports": [PORT]}),
        ("PUT", f"/v2.0/security-groups/{GROUP['id']}/tags"): (200, {"tags": ["old", "new"]}),
        ("POST", "/v2.0/security-groups"): (201, {"security_group": {**GROUP, "tags": []}})})
    row = rows(service.portwall("rule", "list", "web"))[0]
    expect((row["packets"], row["bytes"]) == ("12", "1008"), row)
    expect(not [asked for asked in stub.asked if "counters" in asked[1]], "counters are asked for that the rule has")
    row = rows(service.portwall("port", "list"))[0]
    expect((row["status"], row["why"]) == ("DOWN", "failed: the kernel refused its rules"), row)
    service.portwall("port", "create", "p1", "--network", "blue", "--no-security-group", "--project", "p", "--description", "d")
    sent = [asked[2] for asked in stub.asked if asked[0] == "POST"][-1]
    expect(sent == {"port": {"name": "p1", "description": "d", "project_id": "p", "network_id": network["id"], "security_groups": []}}, sent)
    said = service.portwall("group", "set", "web", "--tag", "new")
    sent = [asked for asked in stub.asked if asked[0] == "PUT"]
    expect([asked[2] for asked in sent] == [{"tags": ["old", "new"]}] and "new" in said, sent)
    service.portwall("group", "create", "web", "--tag", "new")
    expect([asked[2] for asked in stub.asked if asked[0] == "PUT"][-1] == {"tags": ["new"]}, stub.asked)
    del stub.answers["PUT", f"/v2.0/security-groups/{GROUP['id']}/tags"]
    said = service.portwall("group", "create", "web", "--tag", "new", status=2)
    expect("security group web is created, but without its tags: nothing here" in said, said)
    service.portwall("group", "list", "--project", "p", "--tags", "old,new")
    expect(stub.asked[-1][1].startswith("/v2.0/security-groups?project_id=p&tags=old%2Cnew&fields=id&"), stub.asked[-1])
    asked = len(stub.asked)
    expect(service.portwall("--complete", "group", "w") == "web\n" and len(stub.asked) == asked + 1, "names are one request")


def counters_rise_without_an_event():
    """The stream of events is there and says nothing, not even that it is alive."""
    ended = threading.Event()

    def silent(handler):
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.end_headers()
        handler.wfile.flush()
        ended.wait()
    counted = [(200, {"security_group_rules": [{**RULE, "portwall:packets": n, "portwall:bytes": 84 * n}]}) for n in (0, 0, 1, 7)]
    service, _ = stubbed({**GROUPS, ("GET", "/v2.0/security-group-rules"): counted, ("GET", "/v2.0/portwall/events"): silent})
    watch = Watch(service, "rule", "list", "web")
    wait_for("the last of three tables", lambda: watch.said.count("+\n\n+") == 2 and "| 7 " in watch.said)
    expect(watch.end() == -signal.SIGINT, "Ctrl-C does not end it")
    expect([row["packets"] for row in rows_of_blocks(watch.said)] == ["0", "1", "7"], watch.said)
    ended.set()


def text_of_others_does_not_command_the_terminal():
    group = {**GROUP, "description": "\033[2Jgone", "tags": ["a\tb"]}
    service, _ = stubbed({("GET", "/v2.0/security-groups"): (200, {"security_groups": [group]})})
    said = service.portwall("group", "list")
    expect("\033" not in said and "?[2Jgone" in said, said)


if __name__ == "__main__":
    run_tests([
        ("a rule that is created lets packets pass, and list and show tell how many", a_rule_lets_packets_pass_and_counts_them),
        ("the IPIP incident: no rule, the rule, and its counter", ipip_incident),
        ("ports gain and lose groups and addresses, and packets follow", ports_gain_and_lose_groups_and_addresses),
        ("every verb of groups and rules", every_verb_of_groups),
        ("every verb of address groups, and packets follow", every_verb_of_address_groups),
        ("every verb of networks and subnets, and packets follow", every_verb_of_networks_and_subnets),
        ("a name that several have or nobody has is told with what helps", names_that_are_wrong_or_several),
        ("--dry-run tells what would change and changes nothing", dry_runs_change_nothing),
        ("bad input is refused before anything is sent", bad_input_is_refused_before_anything_is_sent),
        ("--json prints what the API answers", what_is_printed_as_json_is_what_the_api_answers),
        ("--watch follows changes and counters, and ends", watch_follows_changes_and_counters),
        ("the completion knows verbs, options and names, and runs none of them", completion_knows_nouns_and_names),
        ("what several add to one port at the same time is all there", many_add_to_one_port),
        ("a port that the kernel refuses is told first, with exit status 1", a_port_that_the_kernel_refuses_is_told_first),
        ("who was slower looks again, and tells when that does not end", who_was_slower_looks_again),
        ("counters, tags, networks and reasons that a service has are shown", what_a_service_has_more_is_shown),
        ("counters that rise without an event are seen by --watch", counters_rise_without_an_event),
        ("text of others does not command the terminal", text_of_others_does_not_command_the_terminal),
    ])
