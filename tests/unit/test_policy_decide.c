// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "policy/policy.h"

/*
 * One host, as policy_decide sees it:
 *
 *   vm     10.0.0.11, 2001:db8:1::11, fa:16:3e:00:00:01, groups web and db
 *   v4     10.0.0.12 only; pair 10.0.0.100 with 00:00:5e:00:01:0a
 *   v6     2001:db8:1::13 only
 *   roam   no fixed address; pair 10.9.0.0/16 with its own MAC
 *   loose  10.0.0.15, a stateless group
 *   plain  10.0.0.16, port security off
 *   dhcp   10.0.0.2, network:dhcp
 *   bare   10.0.0.17, no groups
 */
static const char policy_text[] =
	"security_groups:\n"
	"- name: web\n"
	"  security_group_rules:\n"
	"  - {direction: ingress, protocol: tcp, port_range_min: 80, port_range_max: 90}\n"
	"  - {direction: ingress, protocol: icmp, icmp_type: 8, icmp_code: 0}\n"
	"  - {direction: ingress, protocol: ipip, remote_ip_prefix: 192.0.2.0/24}\n"
	"  - {direction: ingress, protocol: '0', remote_ip_prefix: 192.0.2.128/25}\n"
	"  - {direction: ingress, ethertype: IPv6, protocol: '0'}\n"
	"  - {direction: ingress, ethertype: IPv6, protocol: icmpv6, icmp_type: 128}\n"
	"  - {direction: egress, protocol: udp}\n"
	"- name: db\n"
	"  security_group_rules:\n"
	"  - {direction: ingress, protocol: tcp, port_range_min: 5432, port_range_max: 5432, "
	"remote_group: roamers}\n"
	"  - {direction: ingress, protocol: tcp, port_range_min: 22, port_range_max: 22, "
	"remote_address_group: office}\n"
	"  - {direction: ingress, ethertype: IPv6, protocol: tcp, port_range_min: 22, "
	"port_range_max: 22, remote_address_group: office}\n"
	"  - {direction: egress, ethertype: IPv6, protocol: tcp, remote_group: db}\n"
	"- name: roamers\n"
	"  security_group_rules: [{direction: egress}]\n"
	"- name: none\n"
	"  security_group_rules: [{direction: egress, remote_group: none}]\n"
	"- name: loose\n"
	"  stateful: no\n"
	"  security_group_rules: [{direction: egress}]\n"
	"address_groups:\n"
	"- {name: office, addresses: [198.51.100.0/24, '2001:db8:5::/48']}\n"
	"ports:\n"
	"- {name: vm, mac_address: 'fa:16:3e:00:00:01', security_groups: [web, db], "
	"fixed_ips: [10.0.0.11, '2001:db8:1::11']}\n"
	"- {name: v4, mac_address: 'fa:16:3e:00:00:02', security_groups: [roamers], "
	"fixed_ips: [10.0.0.12], allowed_address_pairs: [{ip_address: 10.0.0.100, mac_address: "
	"'00:00:5e:00:01:0a'}]}\n"
	"- {name: v6, mac_address: 'fa:16:3e:00:00:03', security_groups: [none], "
	"fixed_ips: ['2001:db8:1::13']}\n"
	"- {name: roam, mac_address: 'fa:16:3e:00:00:04', security_groups: [roamers], "
	"allowed_address_pairs: [{ip_address: 10.9.0.0/16}]}\n"
	"- {name: loose, mac_address: 'fa:16:3e:00:00:05', security_groups: [loose], "
	"fixed_ips: [10.0.0.15]}\n"
	"- {name: plain, fixed_ips: [10.0.0.16], port_security_enabled: false}\n"
	"- {name: dhcp, fixed_ips: [10.0.0.2], device_owner: 'network:dhcp'}\n"
	"- {name: bare, mac_address: 'fa:16:3e:00:00:07', fixed_ips: [10.0.0.17]}\n";

#define VM_MAC	  "fa:16:3e:00:00:01"
#define V4_MAC	  "fa:16:3e:00:00:02"
#define VRRP_MAC  "00:00:5e:00:01:0a"
#define V6_MAC	  "fa:16:3e:00:00:03"
#define ROAM_MAC  "fa:16:3e:00:00:04"
#define LOOSE_MAC "fa:16:3e:00:00:05"
#define BARE_MAC  "fa:16:3e:00:00:07"
#define OTHER_MAC "02:00:00:00:00:99"

#define VM_LLA "fe80::f816:3eff:fe00:1"

/* A packet in few words; is_later_fragment by frag. ct is CT_NEW when 0. */
struct wire {
	const char *port;
	enum direction direction;
	const char *src, *dst, *mac;
	uint8_t proto;
	uint16_t a, b; /* ports, or ICMP type and code */
	int ct;
	bool frag;
};

#define WIRE(the_port, the_direction, the_src, the_dst, the_mac, the_proto, the_a, the_b, ...)     \
	{                                                                                          \
		.port = (the_port), .direction = (the_direction), .src = (the_src),                \
		.dst = (the_dst), .mac = (the_mac), .proto = (the_proto), .a = (the_a),            \
		.b = (the_b), __VA_ARGS__                                                          \
	}

struct expectation {
	struct wire wire;
	enum reason reason;
	unsigned rule; /* for REASON_RULE: which of the port's groups' rules, from 1 */
};

static int setup(void **state)
{
	static struct {
		struct arena *arena;
		const struct policy *policy;
	} world;
	struct err err;

	world.arena = arena_new();
	if (!policy_parse(world.arena, "test", policy_text, strlen(policy_text), "host",
		    &world.policy, &err)) {
		fprintf(stderr, "%s\n%s\n", err.text, err.next_step);
		return -1;
	}
	*state = &world;
	return 0;
}

static int teardown(void **state)
{
	arena_free(*(struct arena **)*state);
	return 0;
}

static const struct policy_port *port_of(void **state, const char *name)
{
	const struct policy_port *port =
		policy_port_find(((const struct policy **)*state)[1], name);

	assert_non_null(port);
	return port;
}

static struct mac mac_of(const char *text)
{
	struct mac mac;

	assert_true(mac_parse(text, &mac));
	return mac;
}

static struct packet packet_of(const struct wire *wire)
{
	struct packet packet = { .proto = wire->proto,
		.ct_state = wire->ct ? (enum ct_state)wire->ct : CT_NEW,
		.is_later_fragment = wire->frag };

	assert_true(addr_parse(wire->src, &packet.src));
	assert_true(addr_parse(wire->dst, &packet.dst));
	packet.ethertype = packet.src.family == FAMILY_IPV6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4;
	packet.eth_src = mac_of(wire->mac ? wire->mac : OTHER_MAC);
	if (wire->proto == PROTO_ICMP || wire->proto == PROTO_ICMPV6) {
		packet.icmp_type = (uint8_t)wire->a;
		packet.icmp_code = (uint8_t)wire->b;
	} else {
		packet.sport = wire->a;
		packet.dport = wire->b;
	}
	return packet;
}

static const struct policy_rule *rule_of(const struct policy_port *port, unsigned n)
{
	for (size_t g = 0; g < port->n_groups; g++) {
		if (n <= port->groups[g]->n_rules)
			return &port->groups[g]->rules[n - 1];
		n -= (unsigned)port->groups[g]->n_rules;
	}
	return NULL;
}

static void check(void **state, const struct expectation *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct policy_port *port = port_of(state, cases[i].wire.port);
		struct packet packet = packet_of(&cases[i].wire);
		struct decision got = policy_decide(port, cases[i].wire.direction, &packet);
		struct text text CLEANUP(text_done) = TEXT_INIT;

		packet_print(&text, &packet);
		if (got.reason != cases[i].reason)
			fail_msg("case %zu, port %s: %s: %s, not %s", i, port->name, text.data,
				reason_name(got.reason), reason_name(cases[i].reason));
		if (got.reason == REASON_RULE)
			assert_ptr_equal(got.rule, rule_of(port, cases[i].rule));
		else
			assert_null(got.rule);
	}
}

#define IN  DIR_INGRESS
#define OUT DIR_EGRESS

static void a_new_flow_needs_a_rule_that_matches(void **state)
{
	static const struct expectation cases[] = {
		{ WIRE("vm", IN, "1.2.3.4", "10.0.0.11", NULL, 6, 40000, 80), REASON_RULE, 1 },
		{ WIRE("vm", IN, "1.2.3.4", "10.0.0.11", NULL, 6, 40000, 90), REASON_RULE, 1 },
		{ WIRE("vm", IN, "1.2.3.4", "10.0.0.11", NULL, 6, 40000, 79), DROP_NO_RULE, 0 },
		{ WIRE("vm", IN, "1.2.3.4", "10.0.0.11", NULL, 6, 40000, 91), DROP_NO_RULE, 0 },
		{ WIRE("vm", IN, "1.2.3.4", "10.0.0.11", NULL, 17, 40000, 80), DROP_NO_RULE, 0 },
		{ WIRE("vm", IN, "2001:db8::1", "2001:db8:1::11", NULL, 6, 40000, 80), DROP_NO_RULE,
			0 },
		/* ICMP: type and code; in IPv6 the type alone */
		{ WIRE("vm", IN, "1.2.3.4", "10.0.0.11", NULL, 1, 8, 0), REASON_RULE, 2 },
		{ WIRE("vm", IN, "1.2.3.4", "10.0.0.11", NULL, 1, 8, 1), DROP_NO_RULE, 0 },
		{ WIRE("vm", IN, "1.2.3.4", "10.0.0.11", NULL, 1, 13, 0), DROP_NO_RULE, 0 },
		{ WIRE("vm", IN, "2001:db8::1", "2001:db8:1::11", NULL, 58, 128, 7), REASON_RULE,
			6 },
		{ WIRE("vm", IN, "2001:db8::1", "2001:db8:1::11", NULL, 58, 129, 0), DROP_NO_RULE,
			0 },
		/* ipip is 4, whatever the host's protocols file says */
		{ WIRE("vm", IN, "192.0.2.9", "10.0.0.11", NULL, 4, 0, 0), REASON_RULE, 3 },
		{ WIRE("vm", IN, "192.0.2.9", "10.0.0.11", NULL, 94, 0, 0), DROP_NO_RULE, 0 },
		{ WIRE("vm", IN, "192.0.3.9", "10.0.0.11", NULL, 4, 0, 0), DROP_NO_RULE, 0 },
		/* 0 is one protocol, not all of them */
		{ WIRE("vm", IN, "192.0.2.129", "10.0.0.11", NULL, 0, 0, 0), REASON_RULE, 4 },
		{ WIRE("vm", IN, "192.0.2.129", "10.0.0.11", NULL, 6, 1, 2), DROP_NO_RULE, 0 },
		{ WIRE("vm", IN, "2001:db8::1", "2001:db8:1::11", NULL, 0, 0, 0), DROP_NO_RULE, 0 },
		/* egress */
		{ WIRE("vm", OUT, "10.0.0.11", "8.8.8.8", VM_MAC, 17, 5000, 53), REASON_RULE, 7 },
		{ WIRE("vm", OUT, "10.0.0.11", "8.8.8.8", VM_MAC, 6, 5000, 53), DROP_NO_RULE, 0 },
		{ WIRE("bare", OUT, "10.0.0.17", "8.8.8.8", BARE_MAC, 17, 5000, 53), DROP_NO_RULE,
			0 },
		{ WIRE("bare", IN, "8.8.8.8", "10.0.0.17", NULL, 6, 5000, 80), DROP_NO_RULE, 0 },
	};

	check(state, cases, N_OF(cases));
}

static void a_remote_is_who_is_in_it(void **state)
{
	static const struct expectation cases[] = {
		/* roamers: 10.0.0.12, 10.0.0.100 and 10.9.0.0/16 */
		{ WIRE("vm", IN, "10.0.0.12", "10.0.0.11", NULL, 6, 1, 5432), REASON_RULE, 8 },
		{ WIRE("vm", IN, "10.0.0.100", "10.0.0.11", NULL, 6, 1, 5432), REASON_RULE, 8 },
		{ WIRE("vm", IN, "10.9.255.1", "10.0.0.11", NULL, 6, 1, 5432), REASON_RULE, 8 },
		{ WIRE("vm", IN, "10.10.0.0", "10.0.0.11", NULL, 6, 1, 5432), DROP_NO_RULE, 0 },
		{ WIRE("vm", IN, "10.0.0.13", "10.0.0.11", NULL, 6, 1, 5432), DROP_NO_RULE, 0 },
		{ WIRE("vm", IN, "1.1.1.1", "10.0.0.11", NULL, 6, 1, 5432), DROP_NO_RULE, 0 },
		/* an address group restricts, family by family */
		{ WIRE("vm", IN, "198.51.100.7", "10.0.0.11", NULL, 6, 1, 22), REASON_RULE, 9 },
		{ WIRE("vm", IN, "198.51.101.7", "10.0.0.11", NULL, 6, 1, 22), DROP_NO_RULE, 0 },
		{ WIRE("vm", IN, "2001:db8:5:9::1", "2001:db8:1::11", NULL, 6, 1, 22), REASON_RULE,
			10 },
		{ WIRE("vm", IN, "2001:db8:6::1", "2001:db8:1::11", NULL, 6, 1, 22), DROP_NO_RULE,
			0 },
		/* the group it is in itself */
		{ WIRE("vm", OUT, "2001:db8:1::11", "2001:db8:1::11", VM_MAC, 6, 1, 2), REASON_RULE,
			11 },
		{ WIRE("vm", OUT, "2001:db8:1::11", "2001:db8:1::12", VM_MAC, 6, 1, 2),
			DROP_NO_RULE, 0 },
		/* none has no IPv4 member: its rule stays and matches nothing */
		{ WIRE("v6", OUT, "2001:db8:1::13", "2001:db8:1::13", V6_MAC, 6, 1, 2),
			DROP_NO_RULE, 0 },
	};

	check(state, cases, N_OF(cases));
}

static void the_source_must_be_the_ports_own(void **state)
{
	static const struct expectation cases[] = {
		{ WIRE("vm", OUT, "10.0.0.99", "8.8.8.8", VM_MAC, 17, 1, 2), DROP_SPOOF, 0 },
		{ WIRE("vm", OUT, "10.0.0.11", "8.8.8.8", OTHER_MAC, 17, 1, 2), DROP_SPOOF, 0 },
		{ WIRE("vm", OUT, "2001:db8:1::99", "2001:db8::1", VM_MAC, 6, 1, 2), DROP_SPOOF,
			0 },
		{ WIRE("vm", OUT, VM_LLA, "2001:db8:1::11", VM_MAC, 6, 1, 2), REASON_RULE, 11 },
		{ WIRE("vm", OUT, "fe80::1", "2001:db8:1::11", VM_MAC, 6, 1, 2), DROP_SPOOF, 0 },
		{ WIRE("vm", OUT, VM_LLA, "2001:db8:1::11", OTHER_MAC, 6, 1, 2), DROP_SPOOF, 0 },
		/* even what conntrack knows, and even DHCP that is not the first */
		{ WIRE("vm", OUT, "10.0.0.99", "8.8.8.8", VM_MAC, 6, 1, 2, .ct = CT_ESTABLISHED),
			DROP_SPOOF, 0 },
		{ WIRE("vm", OUT, "10.0.0.99", "10.0.0.2", VM_MAC, 17, 68, 67), DROP_SPOOF, 0 },
		/* a pair is an address and a MAC together */
		{ WIRE("v4", OUT, "10.0.0.100", "8.8.8.8", VRRP_MAC, 6, 1, 2), REASON_RULE, 1 },
		{ WIRE("v4", OUT, "10.0.0.100", "8.8.8.8", V4_MAC, 6, 1, 2), DROP_SPOOF, 0 },
		{ WIRE("v4", OUT, "10.0.0.12", "8.8.8.8", VRRP_MAC, 6, 1, 2), DROP_SPOOF, 0 },
		/* no fixed address: any, with its own MAC */
		{ WIRE("roam", OUT, "1.2.3.4", "8.8.8.8", ROAM_MAC, 6, 1, 2), REASON_RULE, 1 },
		{ WIRE("roam", OUT, "1.2.3.4", "8.8.8.8", OTHER_MAC, 6, 1, 2), DROP_SPOOF, 0 },
		{ WIRE("roam", OUT, "2001:db8::5", "2001:db8::6", ROAM_MAC, 6, 1, 2), DROP_NO_RULE,
			0 },
		/* no address of the family; a foreign MAC is told first */
		{ WIRE("v6", OUT, "10.0.0.13", "8.8.8.8", OTHER_MAC, 6, 1, 2), DROP_SPOOF, 0 },
		{ WIRE("v4", OUT, "2001:db8::5", "2001:db8::6", V4_MAC, 6, 1, 2), DROP_NO_FAMILY,
			0 },
		{ WIRE("v4", OUT, "fe80::f816:3eff:fe00:2", "ff02::2", V4_MAC, 58, 133, 0),
			DROP_NO_FAMILY, 0 },
		{ WIRE("v4", OUT, "::", "ff02::1:ff00:2", V4_MAC, 58, 135, 0), DROP_NO_FAMILY, 0 },
		{ WIRE("v6", OUT, "10.0.0.13", "8.8.8.8", V6_MAC, 6, 1, 2), DROP_NO_FAMILY, 0 },
		{ WIRE("v6", OUT, "0.0.0.0", "255.255.255.255", V6_MAC, 17, 68, 67), DROP_NO_FAMILY,
			0 },
	};

	check(state, cases, N_OF(cases));
}

static void dhcp_works_and_nobody_serves_it(void **state)
{
	static const struct expectation cases[] = {
		/* before there is an address, but from a MAC of the port */
		{ WIRE("vm", OUT, "0.0.0.0", "255.255.255.255", VM_MAC, 17, 68, 67),
			REASON_DHCP_CLIENT, 0 },
		{ WIRE("vm", OUT, "0.0.0.0", "255.255.255.255", OTHER_MAC, 17, 68, 67), DROP_SPOOF,
			0 },
		{ WIRE("v4", OUT, "0.0.0.0", "255.255.255.255", VRRP_MAC, 17, 68, 67),
			REASON_DHCP_CLIENT, 0 },
		{ WIRE("vm", OUT, "0.0.0.0", "255.255.255.255", VM_MAC, 17, 68, 67, .frag = true),
			DROP_SPOOF, 0 },
		{ WIRE("vm", OUT, "0.0.0.0", "10.0.0.2", VM_MAC, 17, 68, 67), DROP_SPOOF, 0 },
		{ WIRE("bare", OUT, "10.0.0.17", "10.0.0.2", BARE_MAC, 17, 68, 67),
			REASON_DHCP_CLIENT, 0 },
		{ WIRE("vm", OUT, "10.0.0.11", "10.0.0.12", VM_MAC, 17, 67, 68), DROP_DHCP_SERVER,
			0 },
		{ WIRE("vm", OUT, "10.0.0.11", "10.0.0.12", VM_MAC, 17, 67, 68,
			  .ct = CT_ESTABLISHED),
			DROP_DHCP_SERVER, 0 },
		{ WIRE("vm", OUT, VM_LLA, "ff02::1:2", VM_MAC, 17, 546, 547), REASON_DHCP_CLIENT,
			0 },
		{ WIRE("vm", OUT, VM_LLA, "fe80::9", VM_MAC, 17, 547, 546), DROP_DHCP_SERVER, 0 },
		/* the answer */
		{ WIRE("bare", IN, "10.0.0.2", "10.0.0.17", NULL, 17, 67, 68),
			REASON_DHCP_SERVER_IN, 0 },
		{ WIRE("bare", IN, "10.0.0.2", "255.255.255.255", NULL, 17, 67, 68),
			REASON_DHCP_SERVER_IN, 0 },
		{ WIRE("bare", IN, "10.0.0.2", "10.0.0.18", NULL, 17, 67, 68), DROP_NO_RULE, 0 },
		{ WIRE("bare", IN, "10.0.0.2", "10.0.0.17", NULL, 17, 66, 68), DROP_NO_RULE, 0 },
		{ WIRE("vm", IN, "fe80::1", "2001:db8:1::11", NULL, 17, 547, 546),
			REASON_DHCP_SERVER_IN, 0 },
		{ WIRE("vm", IN, "fe80::1", "fe80::77", NULL, 17, 547, 546), REASON_DHCP_SERVER_IN,
			0 },
		{ WIRE("vm", IN, "fe80::1", "fe80:1::77", NULL, 17, 547, 546), DROP_NO_RULE, 0 },
		{ WIRE("bare", IN, "fe80::1", "fe80::77", NULL, 17, 547, 546),
			REASON_DHCP_SERVER_IN, 0 },
		{ WIRE("v6", IN, "10.0.0.2", "255.255.255.255", NULL, 17, 67, 68),
			REASON_DHCP_SERVER_IN, 0 },
	};

	check(state, cases, N_OF(cases));
}

static void ipv6_keeps_its_icmp_and_no_vm_is_a_router(void **state)
{
	static const struct expectation cases[] = {
		{ WIRE("vm", OUT, "::", "ff02::1:ff00:11", VM_MAC, 58, 135, 0), REASON_ND, 0 },
		{ WIRE("vm", OUT, "::", "ff02::16", VM_MAC, 58, 143, 0), REASON_ND, 0 },
		{ WIRE("vm", OUT, "::", "ff02::16", VM_MAC, 58, 131, 0), REASON_ND, 0 },
		{ WIRE("vm", OUT, "::", "ff02::16", OTHER_MAC, 58, 131, 0), DROP_SPOOF, 0 },
		{ WIRE("vm", OUT, "::", "ff02::1:ff00:11", OTHER_MAC, 58, 135, 0), DROP_SPOOF, 0 },
		{ WIRE("vm", OUT, "::", "ff02::2", VM_MAC, 58, 133, 0), DROP_SPOOF, 0 },
		{ WIRE("vm", OUT, "::", "ff03::16", VM_MAC, 58, 143, 0), DROP_SPOOF, 0 },
		{ WIRE("vm", OUT, VM_LLA, "ff02::2", VM_MAC, 58, 133, 0), REASON_ND, 0 },
		{ WIRE("vm", OUT, VM_LLA, "ff02::1", VM_MAC, 58, 134, 0), DROP_RA, 0 },
		{ WIRE("vm", OUT, VM_LLA, "ff02::1", VM_MAC, 58, 134, 0, .ct = CT_ESTABLISHED),
			DROP_RA, 0 },
		{ WIRE("vm", OUT, "fe80::1", "ff02::1", VM_MAC, 58, 134, 0), DROP_SPOOF, 0 },
		{ WIRE("vm", OUT, "2001:db8:1::11", "2001:db8::1", VM_MAC, 58, 128, 0), REASON_ND,
			0 },
		{ WIRE("vm", OUT, "2001:db8:1::11", "2001:db8::1", VM_MAC, 58, 134, 0,
			  .frag = true),
			REASON_ND, 0 },
		/* in */
		{ WIRE("vm", IN, "fe80::1", "ff02::1", NULL, 58, 130, 0), REASON_ND, 0 },
		{ WIRE("vm", IN, "fe80::1", "2001:db8:1::11", NULL, 58, 135, 0), REASON_ND, 0 },
		{ WIRE("vm", IN, "fe80::1", "2001:db8:1::11", NULL, 58, 136, 0), REASON_ND, 0 },
		{ WIRE("v4", IN, "fe80::1", "fe80::2", NULL, 58, 136, 0), REASON_ND, 0 },
		{ WIRE("vm", IN, "fe80::1", "ff02::1", NULL, 58, 134, 0), REASON_RA_IN, 0 },
		{ WIRE("v4", IN, "fe80::1", "ff02::1", NULL, 58, 134, 0), DROP_NO_RULE, 0 },
		{ WIRE("roam", IN, "fe80::1", "ff02::1", NULL, 58, 134, 0), DROP_NO_RULE, 0 },
		{ WIRE("vm", IN, "fe80::1", "2001:db8:1::11", NULL, 58, 137, 0), DROP_NO_RULE, 0 },
	};

	check(state, cases, N_OF(cases));
}

static void conntrack_is_asked_in_its_place(void **state)
{
	static const struct expectation cases[] = {
		{ WIRE("vm", IN, "1.2.3.4", "10.0.0.11", NULL, 6, 80, 40000, .ct = CT_ESTABLISHED),
			REASON_ESTABLISHED, 0 },
		{ WIRE("vm", IN, "1.2.3.4", "10.0.0.11", NULL, 1, 3, 3, .ct = CT_RELATED),
			REASON_ESTABLISHED, 0 },
		{ WIRE("vm", OUT, "10.0.0.11", "1.2.3.4", VM_MAC, 6, 80, 40000,
			  .ct = CT_ESTABLISHED),
			REASON_ESTABLISHED, 0 },
		/* before the rules, so the rule's counter shows new flows */
		{ WIRE("vm", IN, "1.2.3.4", "10.0.0.11", NULL, 6, 1, 80, .ct = CT_ESTABLISHED),
			REASON_ESTABLISHED, 0 },
		/* a rule comes before invalid (LP 1460741) */
		{ WIRE("vm", IN, "1.2.3.4", "10.0.0.11", NULL, 6, 1, 80, .ct = CT_INVALID),
			REASON_RULE, 1 },
		{ WIRE("vm", IN, "1.2.3.4", "10.0.0.11", NULL, 6, 1, 81 + 20, .ct = CT_INVALID),
			DROP_INVALID, 0 },
		{ WIRE("vm", OUT, "10.0.0.11", "1.2.3.4", VM_MAC, 6, 1, 2, .ct = CT_INVALID),
			DROP_INVALID, 0 },
		/* a stateless port does not ask */
		{ WIRE("loose", IN, "1.2.3.4", "10.0.0.15", NULL, 6, 80, 4000,
			  .ct = CT_ESTABLISHED),
			DROP_NO_RULE, 0 },
		{ WIRE("loose", OUT, "10.0.0.15", "1.2.3.4", LOOSE_MAC, 6, 1, 2, .ct = CT_INVALID),
			REASON_RULE, 1 },
		{ WIRE("loose", IN, "1.2.3.4", "10.0.0.15", NULL, 6, 80, 4000, .ct = CT_INVALID),
			DROP_NO_RULE, 0 },
		{ WIRE("loose", IN, "1.2.3.4", "10.0.0.15", NULL, 6, 80, 4000, .ct = CT_UNTRACKED),
			DROP_NO_RULE, 0 },
	};

	check(state, cases, N_OF(cases));
}

static void a_later_fragment_has_no_ports(void **state)
{
	static const struct expectation cases[] = {
		{ WIRE("vm", IN, "1.2.3.4", "10.0.0.11", NULL, 6, 1, 80, .frag = true),
			DROP_NO_RULE, 0 },
		{ WIRE("vm", IN, "1.2.3.4", "10.0.0.11", NULL, 1, 8, 0, .frag = true), DROP_NO_RULE,
			0 },
		{ WIRE("vm", IN, "192.0.2.9", "10.0.0.11", NULL, 4, 0, 0, .frag = true),
			REASON_RULE, 3 },
		{ WIRE("vm", OUT, "10.0.0.11", "8.8.8.8", VM_MAC, 17, 67, 68, .frag = true),
			REASON_RULE, 7 },
	};

	check(state, cases, N_OF(cases));
}

static void ports_that_are_not_filtered_pass_everything(void **state)
{
	static const struct expectation cases[] = {
		{ WIRE("plain", OUT, "9.9.9.9", "8.8.8.8", OTHER_MAC, 6, 1, 2),
			REASON_PORT_SECURITY_OFF, 0 },
		{ WIRE("plain", IN, "9.9.9.9", "8.8.8.8", NULL, 6, 1, 2), REASON_PORT_SECURITY_OFF,
			0 },
		{ WIRE("dhcp", OUT, "10.0.0.2", "10.0.0.11", OTHER_MAC, 17, 67, 68), REASON_TRUSTED,
			0 },
		{ WIRE("dhcp", IN, "9.9.9.9", "8.8.8.8", NULL, 6, 1, 2, .ct = CT_INVALID),
			REASON_TRUSTED, 0 },
	};
	struct packet vlan = { .ethertype = ETHERTYPE_VLAN };

	check(state, cases, N_OF(cases));
	assert_int_equal(policy_decide(port_of(state, "plain"), OUT, &vlan).reason,
		REASON_PORT_SECURITY_OFF);
}

static void frames_of_other_types_are_dropped(void **state)
{
	static const uint16_t types[] = { ETHERTYPE_VLAN, ETHERTYPE_QINQ, ETHERTYPE_PPPOE, 0x88cc,
		0x0026, 0 };

	for (size_t i = 0; i < N_OF(types); i++) {
		struct packet packet = { .ethertype = types[i], .eth_src = mac_of(VM_MAC) };

		assert_int_equal(
			policy_decide(port_of(state, "vm"), OUT, &packet).reason, DROP_FRAME_TYPE);
		assert_int_equal(
			policy_decide(port_of(state, "vm"), IN, &packet).reason, DROP_FRAME_TYPE);
	}
}

static void arp_names_the_ports_own_addresses(void **state)
{
	static const struct {
		const char *port, *eth_src, *sha, *spa;
		enum reason reason;
	} cases[] = {
		{ "vm", VM_MAC, VM_MAC, "10.0.0.11", REASON_ARP },
		{ "vm", VM_MAC, VM_MAC, "0.0.0.0", REASON_ARP },
		{ "vm", VM_MAC, VM_MAC, "10.0.0.12", DROP_ARP_SPOOF },
		{ "vm", VM_MAC, OTHER_MAC, "10.0.0.11", DROP_ARP_SPOOF },
		{ "vm", OTHER_MAC, VM_MAC, "10.0.0.11", DROP_ARP_SPOOF },
		{ "vm", OTHER_MAC, OTHER_MAC, "10.0.0.11", DROP_ARP_SPOOF },
		{ "v4", V4_MAC, V4_MAC, "10.0.0.12", REASON_ARP },
		{ "v4", V4_MAC, V4_MAC, "10.0.0.100", DROP_ARP_SPOOF },
		{ "v4", VRRP_MAC, VRRP_MAC, "10.0.0.100", REASON_ARP },
		{ "v4", VRRP_MAC, VRRP_MAC, "0.0.0.0", REASON_ARP },
		{ "v4", VRRP_MAC, VRRP_MAC, "10.0.0.12", DROP_ARP_SPOOF },
		{ "roam", ROAM_MAC, ROAM_MAC, "172.16.5.5", REASON_ARP },
		{ "roam", OTHER_MAC, OTHER_MAC, "172.16.5.5", DROP_ARP_SPOOF },
		{ "v6", V6_MAC, V6_MAC, "10.0.0.13", DROP_ARP_SPOOF },
		{ "v6", V6_MAC, V6_MAC, "0.0.0.0", DROP_ARP_SPOOF },
	};

	for (size_t i = 0; i < N_OF(cases); i++) {
		struct packet packet = { .ethertype = ETHERTYPE_ARP,
			.eth_src = mac_of(cases[i].eth_src),
			.arp_sha = mac_of(cases[i].sha) };

		assert_true(addr_parse(cases[i].spa, &packet.arp_spa));
		if (policy_decide(port_of(state, cases[i].port), OUT, &packet).reason !=
			cases[i].reason)
			fail_msg("case %zu", i);
		assert_int_equal(policy_decide(port_of(state, cases[i].port), IN, &packet).reason,
			REASON_ARP);
	}
}

static void rarp_comes_from_a_mac_of_the_port(void **state)
{
	static const struct {
		const char *port, *eth_src;
		enum reason reason;
	} cases[] = { { "vm", VM_MAC, REASON_ARP }, { "vm", OTHER_MAC, DROP_ARP_SPOOF },
		{ "v4", VRRP_MAC, REASON_ARP }, { "v6", V6_MAC, REASON_ARP } };

	for (size_t i = 0; i < N_OF(cases); i++) {
		struct packet packet = { .ethertype = ETHERTYPE_RARP,
			.eth_src = mac_of(cases[i].eth_src) };

		assert_int_equal(policy_decide(port_of(state, cases[i].port), OUT, &packet).reason,
			cases[i].reason);
	}
}

static void a_flow_is_judged_by_its_first_packet_without_its_frame(void **state)
{
	static const struct {
		struct wire wire;
		bool allowed;
	} cases[] = {
		{ WIRE("vm", IN, "1.2.3.4", "10.0.0.11", NULL, 6, 40000, 80), true },
		{ WIRE("vm", IN, "1.2.3.4", "10.0.0.11", NULL, 6, 40000, 80, .ct = CT_ESTABLISHED),
			true },
		{ WIRE("vm", IN, "1.2.3.4", "10.0.0.11", NULL, 6, 40000, 22, .ct = CT_ESTABLISHED),
			false },
		{ WIRE("vm", OUT, "10.0.0.11", "8.8.8.8", OTHER_MAC, 17, 1, 53), true },
		{ WIRE("vm", OUT, "10.0.0.99", "8.8.8.8", OTHER_MAC, 17, 1, 53), false },
		{ WIRE("v4", OUT, "10.0.0.100", "8.8.8.8", OTHER_MAC, 17, 1, 53), true },
		{ WIRE("v4", OUT, "10.0.0.101", "8.8.8.8", OTHER_MAC, 17, 1, 53), false },
		{ WIRE("vm", OUT, VM_LLA, "2001:db8:1::11", OTHER_MAC, 6, 1, 2), true },
		{ WIRE("bare", OUT, "10.0.0.17", "10.0.0.2", OTHER_MAC, 17, 68, 67), true },
		{ WIRE("bare", IN, "10.0.0.2", "10.0.0.17", OTHER_MAC, 17, 67, 68), true },
		{ WIRE("bare", OUT, "10.0.0.17", "8.8.8.8", OTHER_MAC, 6, 1, 2), false },
		{ WIRE("v4", OUT, "2001:db8::5", "2001:db8::6", OTHER_MAC, 6, 1, 2), false },
		{ WIRE("plain", OUT, "1.1.1.1", "8.8.8.8", OTHER_MAC, 6, 1, 2), true },
		{ WIRE("dhcp", IN, "1.1.1.1", "8.8.8.8", OTHER_MAC, 6, 1, 2), true },
	};

	for (size_t i = 0; i < N_OF(cases); i++) {
		struct packet first = packet_of(&cases[i].wire);

		first.ethertype = 0; /* conntrack keeps no frame */
		if (policy_allows_flow(port_of(state, cases[i].wire.port), cases[i].wire.direction,
			    &first) != cases[i].allowed)
			fail_msg("case %zu", i);
	}
}

static void every_reason_has_its_own_name_and_a_sentence(void **state)
{
	(void)state;
	for (int i = 0; i < N_REASONS; i++) {
		const char *sentence = reason_sentence((enum reason)i);

		assert_non_null(reason_name((enum reason)i));
		assert_int_equal(sentence[strlen(sentence) - 1], '.');
		for (int k = 0; k < i; k++)
			assert_string_not_equal(
				reason_name((enum reason)i), reason_name((enum reason)k));
	}
	assert_false(reason_is_drop(REASON_RULE));
	assert_true(reason_is_drop(DROP_FRAME_TYPE));
	assert_true(reason_is_drop(DROP_NO_RULE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_flow_needs_a_rule_that_matches),
		cmocka_unit_test(a_remote_is_who_is_in_it),
		cmocka_unit_test(the_source_must_be_the_ports_own),
		cmocka_unit_test(dhcp_works_and_nobody_serves_it),
		cmocka_unit_test(ipv6_keeps_its_icmp_and_no_vm_is_a_router),
		cmocka_unit_test(conntrack_is_asked_in_its_place),
		cmocka_unit_test(a_later_fragment_has_no_ports),
		cmocka_unit_test(ports_that_are_not_filtered_pass_everything),
		cmocka_unit_test(frames_of_other_types_are_dropped),
		cmocka_unit_test(arp_names_the_ports_own_addresses),
		cmocka_unit_test(rarp_comes_from_a_mac_of_the_port),
		cmocka_unit_test(a_flow_is_judged_by_its_first_packet_without_its_frame),
		cmocka_unit_test(every_reason_has_its_own_name_and_a_sentence),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
