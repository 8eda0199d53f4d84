// SPDX-License-Identifier: GPL-2.0-or-later
#include "policy/sample.h"

#include <string.h>

#include "base/vec.h"
#include "packet/field.h"

/* Nobody's: TEST-NET-2 (RFC 5737) and the documentation prefix (RFC 3849). */
#define NOBODY_IPV4 "198.51.100.0"
#define NOBODY_IPV6 "2001:db8:ffff::"
#define PROTO_TEST  253 /* RFC 3692 */

struct sampling {
	struct arena *arena;
	const struct policy_port *port;
	VEC(struct policy_sample) samples;
};

/* From the nth on, which of these addresses is not the port's own? */
static bool is_own(const struct policy_port *port, const struct addr *addr)
{
	for (size_t i = 0; i < port->n_fixed_ips; i++)
		if (!addr_compare(&port->fixed_ips[i], addr))
			return true;
	return false;
}

static struct addr addr_plus(struct addr addr, size_t n)
{
	while (n--)
		addr = addr_next(addr, 1);
	return addr;
}

/* Behind the first, which is the network's in most prefixes, and as far on as there are samples. */
static bool pick_of_prefix(
	const struct policy_port *port, const struct prefix *prefix, size_t n, struct addr *ret)
{
	unsigned host_bits = prefix_max_len(prefix->addr.family) - prefix->len;
	size_t room = host_bits >= 8 ? 250 : ((size_t)1 << host_bits) - 1;
	struct addr addr =
		host_bits ? addr_plus(prefix->addr, 1 + n % (room ? room : 1)) : prefix->addr;

	for (size_t i = 0; i < 3 && is_own(port, &addr) && host_bits; i++)
		addr = addr_next(addr, 1);
	*ret = addr;
	return prefix_contains(prefix, &addr) && !is_own(port, &addr);
}

static bool pick_of_list(
	const struct policy_port *port, const struct prefix_list *list, size_t n, struct addr *ret)
{
	for (size_t i = 0; i < list->n; i++)
		if (pick_of_prefix(port, &list->items[(n + i) % list->n], n, ret))
			return true;
	return false;
}

static bool pick_nobody(
	const struct policy_port *port, enum family family, size_t n, struct addr *ret)
{
	struct prefix prefix = { .len = family == FAMILY_IPV4 ? 24 : 64 };

	return addr_parse(family == FAMILY_IPV4 ? NOBODY_IPV4 : NOBODY_IPV6, &prefix.addr) &&
	       pick_of_prefix(port, &prefix, n, ret);
}

static bool pick_remote(const struct policy_port *port, const struct policy_rule *rule,
	enum family family, size_t n, struct addr *ret)
{
	if (rule && rule->remote_group)
		return pick_of_list(port, &rule->remote_group->members[family], n, ret);
	if (rule && rule->remote_address_group)
		return pick_of_list(port, &rule->remote_address_group->addresses[family], n, ret);
	if (rule && rule->has_prefix && rule->prefix.len)
		return pick_of_prefix(port, &rule->prefix, n, ret);
	return pick_nobody(port, family, n, ret);
}

static bool pick_own(const struct policy_port *port, enum family family, struct addr *ret)
{
	for (size_t i = 0; i < port->n_fixed_ips; i++)
		if (port->fixed_ips[i].family == family) {
			*ret = port->fixed_ips[i];
			return true;
		}
	return false;
}

static void set_service(struct packet *packet, const struct policy_rule *rule, size_t n)
{
	/* without a rule's word, a protocol that is for experiments; a rule of any protocol allows UDP as well */
	packet->proto = !rule ? PROTO_TEST : rule->has_proto ? rule->proto : PROTO_UDP;
	packet->ttl = 64;
	packet->ct_state = CT_NEW;
	if (packet->proto == PROTO_TCP)
		packet->tcp_flags = TCP_SYN;
	if (proto_has_ports(packet->proto)) {
		packet->sport = (uint16_t)(42000 + n % 20000);
		packet->dport =
			rule && rule->has_ports ? rule->port_min : (uint16_t)(20000 + n % 20000);
	}
	if (packet->proto == PROTO_ICMP || packet->proto == PROTO_ICMPV6) {
		packet->icmp_type = rule && rule->has_icmp_type	  ? rule->icmp_type
				    : packet->proto == PROTO_ICMP ? 8
								  : 128;
		packet->icmp_code = rule && rule->has_icmp_code ? rule->icmp_code : 0;
	}
}

static void add_sample(struct sampling *sampling, const struct policy_rule *rule,
	enum direction direction, enum family family)
{
	const struct policy_port *port = sampling->port;
	size_t n = sampling->samples.n;
	struct policy_sample *sample = vec_push(&sampling->samples, sampling->arena);
	struct packet *packet = &sample->packet;
	struct addr own, remote;
	bool is_out = direction == DIR_EGRESS;
	struct mac other = { { 0x02, 0x70, 0x77, 0, (uint8_t)(n >> 8), (uint8_t)n } };

	*sample = (struct policy_sample){ .rule = rule, .direction = direction };
	if (!pick_own(port, family, &own)) {
		sample->why_not = "the port has no address of this family";
		return;
	}
	if (!pick_remote(port, rule, family, n, &remote)) {
		sample->why_not = "nobody else has an address that the rule is about";
		return;
	}
	packet->ethertype = family == FAMILY_IPV4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6;
	packet->src = is_out ? own : remote;
	packet->dst = is_out ? remote : own;
	packet->eth_src = is_out ? port->mac : other;
	packet->eth_dst = is_out ? other : port->mac;
	packet->unknown = FIELD_BIT(is_out ? FIELD_ETH_DST : FIELD_ETH_SRC);
	packet->ct_orig_src = packet->src;
	packet->ct_orig_dst = packet->dst;
	set_service(packet, rule, n);
	sample->wanted = policy_decide(port, direction, packet);
}

/* One that no rule allows says nothing where a rule allows everything. */
static void add_counter_sample(
	struct sampling *sampling, enum direction direction, enum family family)
{
	struct policy_sample *sample;

	add_sample(sampling, NULL, direction, family);
	sample = &sampling->samples.items[sampling->samples.n - 1];
	if (sample->why_not || !reason_is_drop(sample->wanted.reason))
		sampling->samples.n--;
}

void policy_samples(struct arena *arena, const struct policy_port *port, struct policy_sample **ret,
	size_t *ret_n)
{
	struct sampling sampling = { .arena = arena, .port = port };

	for (size_t g = 0; g < port->n_groups; g++)
		for (size_t r = 0; r < port->groups[g]->n_rules; r++) {
			const struct policy_rule *rule = &port->groups[g]->rules[r];

			add_sample(&sampling, rule, rule->direction, rule->ethertype);
		}
	for (int family = 0; family < N_IP_FAMILIES; family++) {
		add_counter_sample(&sampling, DIR_INGRESS, (enum family)family);
		add_counter_sample(&sampling, DIR_EGRESS, (enum family)family);
	}
	*ret = sampling.samples.items;
	*ret_n = sampling.samples.n;
}
