#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-or-later
"""portwall serve and the real openstack client, unchanged: every command that people use on security groups."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../serve")
from openstackhost import Client  # noqa: E402
from servehost import Guest, Service, address, device, expect, mac, run, run_tests, wait_for  # noqa: E402

ENDPOINT = "http://127.0.0.1:9696"


def host(**keys):
    service = Service(listen="127.0.0.1:9696", auth="none", **keys).start()
    return service, Client(OS_AUTH_TYPE="none", OS_ENDPOINT=ENDPOINT)


def groups_and_rules():
    _, client = host()
    expect(client.json("network", "list") == [], "there is a network")
    web = client.json("security", "group", "create", "web", "--description", "web servers")
    expect((web["name"], web["description"], web["stateful"]) == ("web", "web servers", True), web)
    expect(len(web["rules"]) == 2, web)
    names = {group["Name"] for group in client.json("security", "group", "list")}
    expect(names == {"web", "default"}, names)
    loose = client.json("security", "group", "create", "loose", "--stateless")
    expect(loose["stateful"] is False and loose["description"] == "loose", loose)
    expect(client.json("security", "group", "show", "web")["id"] == web["id"], "another group")
    client.run("security", "group", "set", "web", "--description", "web tier", "--tag", "prod")
    shown = client.json("security", "group", "show", "web")
    expect((shown["description"], shown["tags"]) == ("web tier", ["prod"]), shown)
    expect([g["Name"] for g in client.json("security", "group", "list", "--tags", "prod")] == ["web"], "tags are not looked for")
    client.run("security", "group", "unset", "web", "--all-tag")
    expect(client.json("security", "group", "show", "web")["tags"] == [], "it has a tag")

    def make(*words):
        return client.json("security", "group", "rule", "create", "web", *words)
    made = [make("--protocol", "tcp", "--dst-port", "80"), make("--protocol", "tcp", "--dst-port", "8000:8099", "--remote-ip", "192.0.2.0/24"),
            make("--protocol", "ipip", "--remote-ip", "192.0.2.9/32"), make("--protocol", "4", "--remote-ip", "192.0.2.8/32"),
            make("--protocol", "icmp", "--icmp-type", "8", "--icmp-code", "0"), make("--protocol", "any", "--remote-group", "default"),
            make("--egress", "--ethertype", "IPv6", "--protocol", "ipv6-icmp", "--remote-ip", "2001:db8::/32"),
            make("--ethertype", "IPv6", "--protocol", "icmp"), make("--protocol", "udp"), make()]
    expect((made[0]["port_range_min"], made[0]["remote_ip_prefix"], made[0]["direction"]) == (80, "0.0.0.0/0", "ingress"), made[0])
    expect((made[1]["port_range_min"], made[1]["port_range_max"]) == (8000, 8099), made[1])
    expect(made[3]["protocol"] == "4" and made[7]["protocol"] == "ipv6-icmp" and made[9]["protocol"] is None, made)
    expect("Security group rule protocol nosuch not supported" in client.fails("security", "group", "rule", "create", "web", "--protocol", "nosuch"), "no reason")
    expect("protocol 300 not supported" in client.fails("security", "group", "rule", "create", "web", "--protocol", "300"), "no reason")
    expect("already exists" in client.fails("security", "group", "rule", "create", "web", "--protocol", "udp"), "it is there twice")
    client.run("security", "group", "rule", "create", "web", "--protocol", "tcp", "--dst-port", "90:80", status=2)
    listed = client.json("security", "group", "rule", "list", "web")
    expect(len(listed) == 12, listed)
    expect(len(client.json("security", "group", "rule", "list", "--protocol", "tcp", "--ingress", "web")) == 2, "not two")
    expect(len(client.json("security", "group", "rule", "list")) == 12 + 4 + 2, "not those of all groups")
    first = made[0]["id"]
    expect(client.json("security", "group", "rule", "show", first)["protocol"] == "tcp", "another rule")
    client.run("security", "group", "rule", "delete", first)
    expect("No SecurityGroupRule found" in client.fails("security", "group", "rule", "show", first), "it is still there")
    client.run("security", "group", "delete", "loose")
    expect("No SecurityGroup found for loose" in client.fails("security", "group", "show", "loose"), "it is still there")


def by_name_and_password():
    service = Service(listen="127.0.0.1:9696")
    service.write_config(users_file=service.dir + "/users")
    for name, role, project in (("ann", "admin", "default"), ("bob", "member", "shop"), ("eve", "reader", "shop"), ("zoe", "member", "other")):
        service.portwall("user", "add", name, "--role", role, "--project", project, "--config", service.config, text="correct horse\n")
    service.start()

    def client(name, password="correct horse"):
        return Client(OS_AUTH_TYPE="http_basic", OS_ENDPOINT=ENDPOINT, OS_USERNAME=name, OS_PASSWORD=password)
    bob, eve, zoe, ann = client("bob"), client("eve"), client("zoe"), client("ann")
    web = bob.json("security", "group", "create", "web")
    expect(web["project_id"] == "shop", web)
    expect({g["Name"] for g in eve.json("security", "group", "list")} == {"web", "default"}, "a reader of the project does not see it")
    expect("disallowed by policy" in eve.fails("security", "group", "create", "mine"), "a reader makes a group")
    expect("No SecurityGroup found" in zoe.fails("security", "group", "show", web["id"]), "another project sees it")
    expect(ann.json("security", "group", "show", web["id"])["name"] == "web", "an admin does not see it")
    expect("requires authentication" in client("bob", "wrong").fails("security", "group", "list"), "a wrong password is taken")
    token = service.portwall("user", "token", "bob", "terraform", "--config", service.config).split()[-1]
    by_token = Client(OS_AUTH_TYPE="admin_token", OS_ENDPOINT=ENDPOINT, OS_TOKEN=token)
    expect(by_token.json("security", "group", "show", "web")["id"] == web["id"], "a token is not taken")


def networks_and_ports():
    _, client = host()
    client.run("network", "create", "private")
    subnet = client.json("subnet", "create", "--network", "private", "--subnet-range", "10.7.0.0/16", "private4")
    expect(subnet["gateway_ip"] == "10.7.0.1", subnet)
    expect([n["Name"] for n in client.json("network", "list")] == ["private"], "another network")
    expect([s["Name"] for s in client.json("subnet", "list")] == ["private4"], "another subnet")
    client.run("security", "group", "create", "web")
    p1 = client.json("port", "create", "--network", "private", "--security-group", "web", "p1")
    expect(p1["status"] == "DOWN" and p1["fixed_ips"][0]["ip_address"] == "10.7.0.2", p1)
    p2 = client.json("port", "create", "--network", "private", "--no-security-group", "--disable-port-security", "p2")
    expect(p2["port_security_enabled"] is False and p2["security_group_ids"] == [], p2)
    expect({p["Name"] for p in client.json("port", "list")} == {"p1", "p2"}, "other ports")
    expect(client.json("port", "list", "--network", "private", "--device-owner", "compute:nova") == [], "an owner")
    default = client.json("security", "group", "show", "default")["id"]
    client.run("port", "set", "--security-group", "default", "p1")
    shown = client.json("port", "show", "p1")
    expect(len(shown["security_group_ids"]) == 2 and default in shown["security_group_ids"], shown)
    client.run("port", "unset", "--security-group", "web", "p1")
    client.run("port", "set", "--no-security-group", "--security-group", "default", "p1")
    expect(client.json("port", "show", "p1")["security_group_ids"] == [default], "other groups")
    client.run("port", "set", "--allowed-address", "ip-address=10.7.0.99,mac-address=fa:16:3e:00:00:99", "--description", "a router", "p1")
    shown = client.json("port", "show", "p1")
    expect(shown["allowed_address_pairs"] == [{"ip_address": "10.7.0.99", "mac_address": "fa:16:3e:00:00:99"}], shown)
    expect(shown["description"] == "a router", shown)
    client.run("port", "set", "--disable-port-security", "--no-security-group", "p2")
    expect("Security Group" in client.fails("security", "group", "delete", "default"), "a group in use went")
    expect("ports still in use" in client.fails("network", "delete", "private"), "a network in use went")
    client.run("port", "delete", "p1", "p2")
    client.run("subnet", "delete", "private4")
    client.run("network", "delete", "private")


def the_rest():
    service, client = host()
    client.run("address", "group", "create", "offices", "--address", "192.0.2.0/24")
    client.run("address", "group", "set", "offices", "--address", "198.51.100.0/24")
    client.run("address", "group", "unset", "offices", "--address", "192.0.2.0/24")
    expect(client.json("address", "group", "show", "offices")["addresses"] == ["198.51.100.0/24"], "other addresses")
    client.run("security", "group", "create", "web")
    client.run("security", "group", "rule", "create", "web", "--protocol", "tcp", "--dst-port", "22", "--remote-address-group", "offices")
    expect("in use" in client.fails("address", "group", "delete", "offices"), "an address group in use went")
    web = client.json("security", "group", "show", "web")
    rbac = client.json("network", "rbac", "create", "--type", "security_group", "--action", "access_as_shared", "--target-all-projects", web["id"])
    expect(service.must("GET", "/v2.0/security-groups/" + web["id"])["security_group"]["shared"], "it is not shared")
    expect([r["ID"] for r in client.json("network", "rbac", "list")] == [rbac["id"]], "another sharing")
    client.run("network", "rbac", "delete", rbac["id"])
    expect(any(e["Alias"] == "security-group" for e in client.json("extension", "list", "--network")), "no extension")


LISTEN = """import socket
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 4)
s.settimeout({})
print("ready", flush=True)
print(len(s.recv(99)))"""
SEND = """import socket
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 4)
s.sendto(bytes.fromhex("4500001400000000400400000a0700010a070002"), ("{}", 0))"""


def arrives(sender, server, patience_s):
    """Does a packet of protocol 4?"""
    with subprocess.Popen(["ip", "netns", "exec", server.name, "python3", "-c", LISTEN.format(patience_s)],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        expect(process.stdout.readline() == "ready\n", "nobody listens")
        sender.exec("python3", "-c", SEND.format(address(server.number)))
        return bool(process.stdout.read())


def incident():
    """SSH works, IPIP never arrives: no rule for protocol 4. One is added, and its counter rises."""
    service, client = host()
    run("ip", "link", "add", "br0", "type", "bridge", "mcast_snooping", "0")
    run("ip", "link", "set", "br0", "up")
    sender, server = Guest(1).make().plug("br0"), Guest(2).make().plug("br0")
    client.run("network", "create", "private")
    client.run("subnet", "create", "--network", "private", "--subnet-range", "10.7.0.0/16", "--gateway", "none", "private4")
    client.run("security", "group", "create", "lvs")
    client.run("security", "group", "rule", "create", "lvs", "--protocol", "tcp", "--dst-port", "22")
    for guest in sender, server:
        number = guest.number
        made = client.json("port", "create", "--network", "private", "--security-group", "lvs", "--mac-address", mac(number),
                           "--fixed-ip", f"ip-address={address(number)}", f"p{number}")
        service.must("PUT", "/v2.0/ports/" + made["id"], {"port": {"device": device(number)}})
    wait_for("the ports", lambda: {p["Status"] for p in client.json("port", "list")} == {"ACTIVE"})
    expect(not arrives(sender, server, 1), "IPIP passes that no rule allows")
    rules = client.json("security", "group", "rule", "list", "lvs")
    expect(not any(rule["IP Protocol"] in ("4", "ipip") for rule in rules), rules)
    made = client.json("security", "group", "rule", "create", "lvs", "--protocol", "4", "--remote-ip", address(1) + "/32")
    expect(arrives(sender, server, 20), "IPIP does not arrive that a rule allows: " + service.said())
    expect(any(rule["IP Protocol"] == "4" for rule in client.json("security", "group", "rule", "list", "lvs")), "it is not listed")
    counters = service.must("GET", "/v2.0/portwall/counters")["counters"]
    expect(any(counter["rule_id"] == made["id"] and counter["packets"] for counter in counters), counters)


if __name__ == "__main__":
    run_tests([
        ("groups and rules by the openstack client", groups_and_rules),
        ("names, passwords, tokens, roles and projects by the openstack client", by_name_and_password),
        ("networks, subnets and ports by the openstack client", networks_and_ports),
        ("address groups, sharing and extensions by the openstack client", the_rest),
        ("IPIP to a real server: no rule, a rule, its counter", incident),
    ])
