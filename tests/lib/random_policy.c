// SPDX-License-Identifier: GPL-2.0-or-later
#include "random_policy.h"

#include "networld.h"
#include "rulepackets.h"
#include "unit.h"

static uint32_t below(struct random *r, size_t n)
{
	return n ? random_below(r, (unsigned)n) : 0;
}

static const char *const prefixes4[] = { "10.0.0.0/24", "10.0.0.10", "10.0.0.99", "10.0.0.8/30",
	"10.1.0.0/16", "10.1.128.0/17", "0.0.0.0/0", "10.0.0.0/8", "200.0.0.0/5" };
static const char *const prefixes6[] = { "2001:db8::/64", "2001:db8::b", "2001:db8::8/126",
	"fe80::/64", "::/0", "2001:db8:1::/48", "2001:db8::99", "2000::/3" };
static const char *const port_bounds[] = { "1", "2", "7", "22", "53", "67", "68", "80", "546",
	"547", "1000", "1023", "1024", "65534", "65535" };
static const char *const group_names[] = { "g0", "g1", "g2", "g3" };

static void random_remote(struct random *r, struct text *out, bool is_v6)
{
	switch (below(r, 6)) {
	case 0:
	case 1:
		text_addf(out, ", remote_ip_prefix: '%s'",
			is_v6 ? pick(r, prefixes6) : pick(r, prefixes4));
		break;
	case 2:
		text_addf(out, ", remote_group: %s", pick(r, group_names));
		break;
	case 3:
		text_addf(out, ", remote_address_group: %s", one_in(r, 4) ? "none" : "list");
		break;
	default:
		break;
	}
}

static void random_rule(struct random *r, struct text *out)
{
	static const char *const with_ports[] = { "tcp", "udp", "tcp", "udp", "sctp", "dccp",
		"udplite", "17" };
	static const char *const without[] = { "ipip", "4", "gre", "50", "vrrp", "250", "94",
		"igmp" };
	bool is_v6 = one_in(r, 2);

	text_addf(out, "  - {direction: %s, ethertype: %s", one_in(r, 2) ? "ingress" : "egress",
		is_v6 ? "IPv6" : "IPv4");
	switch (below(r, 8)) {
	case 0:
		break; /* any protocol */
	case 1:
		text_addf(out, ", protocol: %s", is_v6 ? "icmpv6" : "icmp");
		if (one_in(r, 2))
			text_addf(out, ", port_range_min: %u",
				is_v6 ? 127 + below(r, 12) : below(r, 19));
		if (out->data[out->len - 1] != 'p' && out->data[out->len - 1] != '6' &&
			one_in(r, 2))
			text_addf(out, ", port_range_max: %u", below(r, 3));
		break;
	case 2:
	case 3:
		text_addf(out, ", protocol: %s", pick(r, without));
		break;
	default:
		text_addf(out, ", protocol: %s", pick(r, with_ports));
		if (!one_in(r, 4)) {
			size_t a = below(r, N_OF(port_bounds)), b = below(r, N_OF(port_bounds));

			text_addf(out, ", port_range_min: %s, port_range_max: %s",
				port_bounds[a < b ? a : b], port_bounds[a < b ? b : a]);
		}
	}
	random_remote(r, out, is_v6);
	text_add(out, "}\n");
}

static void random_pairs(struct random *r, struct text *out)
{
	static const char *const pairs[] = { "{ip_address: 10.1.0.0/24}", "{ip_address: 10.0.0.50}",
		"{ip_address: '2001:db8:1::/64'}",
		"{ip_address: 10.0.0.60, mac_address: '00:00:5e:00:01:05'}",
		"{ip_address: '2001:db8::60', mac_address: '00:00:5e:00:01:05'}",
		"{ip_address: 0.0.0.0/0}" };

	text_addf(out, ", allowed_address_pairs: [%s]", pick(r, pairs));
}

static void random_port(struct random *r, struct text *out, size_t i)
{
	static const char letters[] = "abc";
	char ip4[24], ip6[24];

	snprintf(ip4, sizeof(ip4), "10.0.0.%zu", 10 + i);
	snprintf(ip6, sizeof(ip6), "'2001:db8::%c'", letters[i]);
	text_addf(out, "- {id: %s, mac_address: '02:00:00:00:00:0%c', fixed_ips: [",
		world_port_id(i), letters[i]);
	switch (below(r, 8)) {
	case 0:
		break;
	case 1:
		text_add(out, ip4);
		break;
	case 2:
		text_add(out, ip6);
		break;
	default:
		text_addf(out, "%s, %s", ip4, ip6);
	}
	text_add(out, "]");
	if (one_in(r, 12)) {
		text_add(out, ", port_security_enabled: false}\n");
		return;
	}
	if (one_in(r, 16)) {
		text_add(out, ", device_owner: 'network:dhcp'}\n");
		return;
	}
	if (one_in(r, 3))
		random_pairs(r, out);
	text_add(out, ", security_groups: [");
	for (size_t g = below(r, 2), n = 0; g < N_OF(group_names); g += 1 + below(r, 3))
		text_addf(out, "%s%s", n++ ? ", " : "", group_names[g]);
	text_add(out, "]}\n");
}

void random_policy(struct random *r, struct text *out)
{
	bool is_stateless = one_in(r, 7);

	text_add(out, "address_groups:\n- {name: list, addresses: [10.1.3.0/24, 10.0.0.99, "
		      "'2001:db8:1::/48']}\n- {name: none, addresses: []}\nsecurity_groups:\n");
	for (size_t g = 0; g < N_OF(group_names); g++) {
		size_t n = below(r, 9);

		text_addf(out, "- name: %s\n  stateful: %s\n  security_group_rules:%s\n",
			group_names[g], is_stateless ? "false" : "true", n ? "" : " []");
		while (n-- > 0)
			random_rule(r, out);
	}
	text_add(out, "ports:\n");
	for (size_t i = 0; i < 3; i++)
		if (!one_in(r, 9))
			random_port(r, out, i);
	text_add(out, "- {id: 99999999-0000-4000-8000-000000000009, mac_address: "
		      "'02:00:00:00:00:99', fixed_ips: [10.0.0.200, '2001:db8::200'], "
		      "security_groups: [g3], 'binding:host_id': elsewhere}\n");
}

const struct policy_rule *random_policy_rule(struct random *r, const struct policy *policy)
{
	const struct policy_group *group;

	for (int tries = 0; tries < 8; tries++) {
		group = &policy->groups[below(r, policy->n_groups)];
		if (group->n_rules)
			return &group->rules[below(r, group->n_rules)];
	}
	return NULL;
}

struct addr random_in_prefix(struct random *r, const struct prefix *prefix)
{
	struct addr addr = prefix->addr;

	switch (below(r, 4)) {
	case 0: /* its first, or the one before */
		if (one_in(r, 2))
			addr_step(&addr, -1);
		return addr;
	case 1: /* its last, or the one behind */
		for (unsigned bit = prefix->len; bit < prefix_max_len(addr.family); bit++)
			addr.bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
		if (one_in(r, 2))
			addr_step(&addr, 1);
		return addr;
	default: /* any */
		for (unsigned bit = prefix->len; bit < prefix_max_len(addr.family); bit++)
			if (one_in(r, 2))
				addr.bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
		return addr;
	}
}

static struct addr parsed(const char *text)
{
	struct addr addr;

	assert_true(addr_parse(text, &addr));
	return addr;
}

struct addr random_policy_addr(struct random *r, enum family family)
{
	static const char *const some4[] = { "10.0.0.99", "10.0.0.200", "10.0.0.50", "10.0.0.60",
		"10.1.3.7", "255.255.255.255", "0.0.0.0", "224.0.0.22", "10.1.0.9" };
	static const char *const some6[] = { "2001:db8::99", "2001:db8::200", "2001:db8::60",
		"2001:db8:1::7", "ff02::1", "ff02::16", "::", "fe80::99",
		"fe80::200:5eff:fe00:105" };
	struct prefix prefix;

	if (one_in(r, 2))
		return parsed(family == FAMILY_IPV6 ? pick(r, some6) : pick(r, some4));
	assert_true(prefix_parse(
		family == FAMILY_IPV6 ? pick(r, prefixes6) : pick(r, prefixes4), &prefix));
	return random_in_prefix(r, &prefix);
}

void random_policy_l4(struct random *r, const struct policy_rule *rule, struct packet *p)
{
	static const uint8_t protos[] = { 6, 6, 17, 17, 1, 132, 136, 33, 4, 47, 50, 112, 250, 94,
		2 };
	static const uint16_t ports[] = { 1, 7, 22, 53, 67, 68, 80, 546, 547, 1000, 1024, 65535 };
	bool is_v6 = p->src.family == FAMILY_IPV6;

	p->proto = rule && rule->has_proto && !one_in(r, 5) ? rule->proto : pick(r, protos);
	if (p->proto == PROTO_ICMP || p->proto == PROTO_ICMPV6)
		p->proto = is_v6 ? PROTO_ICMPV6 : PROTO_ICMP;
	p->sport = one_in(r, 4) ? pick(r, ports) : (uint16_t)(10000 + below(r, 50000));
	p->dport = pick(r, ports);
	if (rule && rule->has_ports && !one_in(r, 5)) {
		uint16_t bounds[] = { rule->port_min, rule->port_max,
			(uint16_t)(rule->port_min - 1), (uint16_t)(rule->port_max + 1),
			(uint16_t)((rule->port_min + rule->port_max) / 2) };

		p->dport = pick(r, bounds);
	}
	if (p->proto == PROTO_ICMP || p->proto == PROTO_ICMPV6) {
		p->icmp_type = (uint8_t)(is_v6 ? one_in(r, 4) ? below(r, 5) : 128 + below(r, 12)
					       : below(r, 19));
		p->icmp_code = (uint8_t)below(r, 2);
		if (rule && rule->has_icmp_type && !one_in(r, 3))
			p->icmp_type = rule->icmp_type;
		if (rule && rule->has_icmp_code && !one_in(r, 3))
			p->icmp_code = rule->icmp_code;
	}
	if (!proto_has_ports(p->proto))
		p->sport = p->dport = 0;
}
