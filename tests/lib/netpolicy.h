/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_NETPOLICY_H
#define TESTS_NETPOLICY_H

/* Pieces of policy files, so that a test shows what it is about and nothing else. */

#define GROUPS		   "security_groups:\n"
#define GROUP(name, rules) "- name: " name "\n  security_group_rules:\n" rules
#define EMPTY_GROUP(name)  "- name: " name "\n  security_group_rules: []\n"
#define STATELESS_GROUP(name, rules)                                                               \
	"- name: " name "\n  stateful: false\n  security_group_rules:\n" rules

#define IN4(match)  "  - {direction: ingress, ethertype: IPv4, " match "}\n"
#define IN6(match)  "  - {direction: ingress, ethertype: IPv6, " match "}\n"
#define OUT4(match) "  - {direction: egress, ethertype: IPv4, " match "}\n"
#define OUT6(match) "  - {direction: egress, ethertype: IPv6, " match "}\n"
#define ANY	    "description: any"

#define PROTO(proto)	       "protocol: " proto
#define L4(proto, port)	       "protocol: " proto ", port_range_min: " port ", port_range_max: " port
#define L4_RANGE(proto, a, b)  "protocol: " proto ", port_range_min: " a ", port_range_max: " b
#define ICMP(proto, type)      "protocol: " proto ", port_range_min: " type
#define ICMP_CODE(proto, t, c) "protocol: " proto ", port_range_min: " t ", port_range_max: " c
#define FROM(prefix)	       ", remote_ip_prefix: '" prefix "'"
#define FROM_GROUP(name)       ", remote_group: " name
#define FROM_ADDRESSES(name)   ", remote_address_group: " name

#define OPEN_GROUP(name) GROUP(name, IN4(ANY) IN6(ANY) OUT4(ANY) OUT6(ANY))
#define OUT_GROUP(name)	 GROUP(name, OUT4(ANY) OUT6(ANY))

#define PORTS "ports:\n"
#define ID_A  "aaaaaaaa-aaaa-4000-8000-000000000001"
#define ID_B  "bbbbbbbb-bbbb-4000-8000-000000000002"
#define ID_C  "cccccccc-cccc-4000-8000-000000000003"
#define MAC_A "02:00:00:00:00:0a"
#define MAC_B "02:00:00:00:00:0b"
#define MAC_C "02:00:00:00:00:0c"

#define PORT(id, mac, ips, more)                                                                   \
	"- {id: " id ", mac_address: '" mac "', fixed_ips: [" ips "]" more "}\n"
#define IPS_A			 "10.0.0.10, '2001:db8::a'"
#define IPS_B			 "10.0.0.11, '2001:db8::b'"
#define IPS_C			 "10.0.0.12, '2001:db8::c'"
#define IN_GROUPS(names)	 ", security_groups: [" names "]"
#define PORT_A(names)		 PORT(ID_A, MAC_A, IPS_A, IN_GROUPS(names))
#define PORT_B(names)		 PORT(ID_B, MAC_B, IPS_B, IN_GROUPS(names))
#define PORT_C(names)		 PORT(ID_C, MAC_C, IPS_C, IN_GROUPS(names))
#define UNFILTERED(id, mac, ips) PORT(id, mac, ips, ", port_security_enabled: false")

#endif
