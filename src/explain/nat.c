// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * NAT of a flow (net/netfilter/nf_nat_core.c, nf_nat_masquerade.c, nf_nat_redirect.c). A rule
 * chooses once, for the first packet; the choice is kept in the reply side of the flow's entry, and
 * every packet of the flow, in both directions, is rewritten by that. A port is kept where it
 * may be; where a flow of the snapshot has it already, also without any rule (nf_nat_alloc_null_binding),
 * the kernel takes another one, which is not known.
 */
#include <string.h>

#include "explain/internal.h"

enum nat_manip nat_manip_of(enum hook hook)
{
	return hook == HOOK_PREROUTING || hook == HOOK_OUTPUT ? MANIP_DST : MANIP_SRC;
}

static bool is_icmp(const struct packet *packet)
{
	return packet->proto == PROTO_ICMP || packet->proto == PROTO_ICMPV6;
}

/* inet_select_addr: of that device; if it has none, of the first other device by index. */
static bool select_ipv4(
	const struct netns *ns, const struct link *out, const struct addr *dst, struct addr *ret)
{
	const struct address *first = NULL, *best = NULL;

	for (size_t i = 0; i < ns->n_addresses; i++) {
		const struct address *address = &ns->addresses[i];
		struct prefix prefix = { .addr = address->peer, .len = address->len };

		if (address->local.family != FAMILY_IPV4 || address->is_secondary ||
			address->is_host_scope || address->is_link_scope)
			continue;
		if (address->index == out->index) {
			if (addr_is_zero(&prefix.addr))
				prefix.addr = address->local;
			if (prefix_contains(&prefix, dst)) {
				*ret = address->local;
				return true;
			}
			if (!first)
				first = address;
		} else if (!best || address->index < best->index) {
			best = address;
		}
	}
	if (!first)
		first = best;
	if (!first)
		return false;
	*ret = first->local;
	return true;
}

/* Addresses that ipv6_dev_get_saddr may choose. */
static bool is_candidate(const struct address *address)
{
	return address->local.family == FAMILY_IPV6 && !address->is_link_scope &&
	       !address->is_host_scope && !address->is_tentative;
}

/* Of several the kernel's choice has many rules: *ret_is_sure is false. */
static bool select_ipv6(
	const struct netns *ns, const struct link *out, struct addr *ret, bool *ret_is_sure)
{
	size_t n_here = 0, n_away = 0;
	struct addr here = { 0 }, away = { 0 };

	for (size_t i = 0; i < ns->n_addresses; i++) {
		const struct address *address = &ns->addresses[i];

		if (!is_candidate(address))
			continue;
		if (address->index == out->index && !n_here++)
			here = address->local;
		else if (address->index != out->index && !n_away++)
			away = address->local;
	}
	*ret = n_here ? here : away;
	*ret_is_sure = n_here ? n_here == 1 : n_away == 1;
	return n_here || n_away;
}

/* nf_nat_redirect_ipv6: of the destination's scope, if that is a narrow one; the widest come first. */
static bool redirect_ipv6(
	const struct netns *ns, const struct link *link, const struct addr *dst, struct addr *ret)
{
	const struct address *best = NULL;

	for (size_t i = 0; link && i < ns->n_addresses; i++) {
		const struct address *address = &ns->addresses[i];

		if (address->index != link->index || address->local.family != FAMILY_IPV6 ||
			address->is_tentative ||
			(addr_is_link_local(dst) && !addr_is_link_local(&address->local)) ||
			(addr_is_loopback(dst) && !addr_is_loopback(&address->local)))
			continue;
		if (!best ||
			(addr_is_link_local(&best->local) && !addr_is_link_local(&address->local)))
			best = address;
	}
	if (best)
		*ret = best->local;
	return best;
}

static bool first_address(
	const struct netns *ns, const struct link *link, enum family family, struct addr *ret)
{
	for (size_t i = 0; link && i < ns->n_addresses; i++) {
		const struct address *address = &ns->addresses[i];

		if (address->index != link->index || address->local.family != family ||
			address->is_link_scope)
			continue;
		*ret = address->local;
		return true;
	}
	return false;
}

struct choice {
	struct addr addr;
	struct addr min, max; /* not sure: it is one of these */
	bool has_addr, is_sure;
	bool is_network; /* of a set: all of it gets the network of the rule */
	const char *note;
};

static size_t n_primary(const struct netns *ns, const struct link *link)
{
	size_t n = 0;

	for (size_t i = 0; i < ns->n_addresses; i++)
		n += ns->addresses[i].index == link->index && !ns->addresses[i].is_secondary &&
		     ns->addresses[i].local.family == FAMILY_IPV4;
	return n;
}

static bool is_own_candidate(const struct netns *ns, const struct addr *addr)
{
	for (size_t i = 0; i < ns->n_addresses; i++)
		if (is_candidate(&ns->addresses[i]) && !addr_compare(&ns->addresses[i].local, addr))
			return true;
	return false;
}

/* Of a set: packets to one of them. */
static struct packet_set to_candidates(const struct walk *walk, const struct netns *ns)
{
	struct packet_set all = SET_EMPTY;

	for (size_t i = 0; i < ns->n_addresses; i++)
		if (is_candidate(&ns->addresses[i]))
			all = set_or(walk->sets, all,
				set_of_addr(walk->sets, FIELD_DST, &ns->addresses[i].local));
	return all;
}

/* RFC 6724, 5, rule 1: what goes to an address of the host gets that one. */
static bool choose_masquerade_ipv6(const struct walk *walk, const struct skb *skb,
	const struct link *out, struct choice *choice)
{
	const struct addr *dst = &skb->packet.dst;

	if (!skb_is_unknown(skb, FIELD_DST) && is_own_candidate(skb->ns, dst)) {
		choice->addr = *dst;
		return true;
	}
	if (!select_ipv6(skb->ns, out, &choice->addr, &choice->is_sure))
		return false;
	if (walk->sets && skb_is_unknown(skb, FIELD_DST) &&
		!set_is_empty(set_and(walk->sets, skb->set, to_candidates(walk, skb->ns))))
		choice->is_sure = false;
	return true;
}

static bool choose_masquerade(const struct walk *walk, struct skb *skb, struct choice *choice)
{
	const struct packet *packet = &skb->packet;
	const struct link *out = skb->out ? skb->out : skb->dev;
	const struct addr *next = skb_next_hop(skb);

	choice->has_addr = choice->is_sure = true;
	if (packet->src.family == FAMILY_IPV6)
		return choose_masquerade_ipv6(walk, skb, out, choice);
	if (!select_ipv4(skb->ns, out, next, &choice->addr))
		return false;
	/* which one of several depends on where it goes */
	if (next == &packet->dst && skb_is_unknown(skb, FIELD_DST))
		choice->is_sure = n_primary(skb->ns, out) < 2;
	for (size_t i = 0; i < skb->ns->n_addresses; i++)
		if (skb->ns->addresses[i].index == out->index &&
			!addr_compare(&skb->ns->addresses[i].local, &choice->addr))
			return true;
	choice->note = "the interface that it leaves by has no address: the kernel takes another "
		       "interface's";
	return true;
}

static bool choose_redirect(struct skb *skb, enum hook hook, struct choice *choice)
{
	enum family family = skb->packet.dst.family;

	choice->has_addr = choice->is_sure = true;
	if (hook == HOOK_OUTPUT) {
		choice->addr = (struct addr){ .family = family };
		if (family == FAMILY_IPV6) {
			choice->addr.bytes[15] = 1;
		} else {
			choice->addr.bytes[0] = 127;
			choice->addr.bytes[3] = 1;
		}
		return true;
	}
	if (family == FAMILY_IPV6)
		return redirect_ipv6(skb->ns, skb->dev, &skb->packet.dst, &choice->addr);
	return first_address(skb->ns, skb->dev, family, &choice->addr);
}

/* NETMAP: the bits of the network, which are the same in the whole range. */
static struct network network_of(const struct nat *nat)
{
	const struct field_value max = field_value_of_addr(&nat->addr_max);
	struct network network = { .bits = field_value_of_addr(&nat->addr_min) };

	memset(network.mask.bytes, 0xff, sizeof(network.mask.bytes));
	for (size_t i = 0; i < sizeof(max.bytes); i++) {
		network.mask.bytes[i] &= (uint8_t) ~(network.bits.bytes[i] ^ max.bytes[i]);
		network.bits.bytes[i] &= network.mask.bytes[i];
	}
	return network;
}

static struct packet_set network_set(
	const struct walk *walk, enum field field, const struct nat *nat)
{
	const struct network network = network_of(nat);

	return set_of_mask(walk->sets, field, nat->addr_min.family, &network.bits, &network.mask);
}

static struct addr in_network(const struct nat *nat, const struct addr *old)
{
	const struct network network = network_of(nat);
	struct field_value value = field_value_of_addr(old);

	for (size_t i = 0; i < sizeof(value.bytes); i++) {
		value.bytes[i] &= (uint8_t)~network.mask.bytes[i];
		value.bytes[i] |= network.bits.bytes[i];
	}
	return field_value_addr(&value, old->family);
}

/* One end of the packet, and what answers to it in the reply side of its flow. */
struct end {
	enum field field, port_field;
	struct addr *addr, *reply_addr;
	uint16_t *port, *reply_port;
	unsigned status;
};

static struct end end_of(struct skb *skb, bool is_source)
{
	struct packet *packet = &skb->packet;
	struct flow_tuple *reply = &skb->ct.entry.reply;

	if (is_source)
		return (struct end){ FIELD_SRC, FIELD_SPORT, &packet->src, &reply->dst,
			&packet->sport, &reply->dport, CT_STATUS_SRC_NAT };
	return (struct end){ FIELD_DST, FIELD_DPORT, &packet->dst, &reply->src, &packet->dport,
		&reply->sport, CT_STATUS_DST_NAT };
}

static struct packet_set addr_range(
	const struct walk *walk, enum field field, const struct choice *choice)
{
	const struct field_value min = field_value_of_addr(&choice->min);
	const struct field_value max = field_value_of_addr(&choice->max);

	return set_of_range(walk->sets, field, choice->min.family, &min, &max);
}

static struct packet_set port_range(
	const struct walk *walk, enum field field, const struct nat *nat)
{
	return set_of_numbers(walk->sets, field, nat->port_min, nat->port_max);
}

static bool maps_port(const struct walk *walk, const struct skb *skb, const struct end *end,
	const struct nat *nat)
{
	if (!nat->has_ports || is_icmp(&skb->packet))
		return false;
	if (walk->sets && skb_is_unknown(skb, end->port_field))
		return !set_is_subset(walk->sets, skb->set, port_range(walk, end->port_field, nat));
	return *end->reply_port < nat->port_min || *end->reply_port > nat->port_max;
}

static void note_addr_mapped(struct skb *skb, const struct end *end)
{
	skb->ct.entry.status |= end->status;
	skb->rewritten |= FIELD_BIT(end->field);
	skb->n_dst_mapped += end->field == FIELD_DST;
}

static void map_network(
	struct walk *walk, struct skb *skb, const struct end *end, const struct nat *nat)
{
	const struct network network = network_of(nat);

	if (set_is_subset(walk->sets, skb->set, network_set(walk, end->field, nat)))
		return;
	skb_move_network(walk, skb, end->field, &network);
	*end->reply_addr = *end->addr;
	note_addr_mapped(skb, end);
}

static void map_addr(
	struct walk *walk, struct skb *skb, const struct end *end, const struct choice *choice)
{
	if (choice->has_addr &&
		(addr_compare(end->reply_addr, &choice->addr) || skb_is_unknown(skb, end->field))) {
		*end->reply_addr = choice->addr;
		skb->packet.unknown &= ~FIELD_BIT(end->field);
		note_addr_mapped(skb, end);
	}
	if (!choice->is_sure)
		skb_free(walk, skb, end->field,
			walk->sets ? addr_range(walk, end->field, choice) : SET_FULL);
}

static void map_port(
	struct walk *walk, struct skb *skb, const struct end *end, const struct nat *nat)
{
	uint64_t bit = FIELD_BIT(end->port_field);

	if (maps_port(walk, skb, end, nat)) {
		*end->reply_port = nat->port_min;
		skb->packet.unknown &= ~bit;
		skb->ct.entry.status |= end->status;
		skb->rewritten |= bit;
		if (nat->port_min != nat->port_max)
			skb_free(walk, skb, end->port_field,
				walk->sets ? port_range(walk, end->port_field, nat) : SET_FULL);
	}
	if (nat->is_random && end->field == FIELD_SRC && proto_has_ports(skb->packet.proto)) {
		skb->rewritten |= bit;
		skb_free(walk, skb, end->port_field,
			walk->sets ? set_of_present(walk->sets, end->port_field) : SET_FULL);
	}
}

static bool choose(const struct walk *walk, struct skb *skb, enum hook hook, const struct nat *nat,
	struct choice *ret)
{
	struct end end = end_of(skb, nat_manip_of(hook) == MANIP_SRC);
	bool is_found = true;

	*ret = (struct choice){ .is_sure = true };
	switch (nat->kind) {
	case NAT_MASQUERADE:
		is_found = choose_masquerade(walk, skb, ret);
		break;
	case NAT_REDIRECT:
		is_found = choose_redirect(skb, hook, ret);
		break;
	case NAT_NETMAP:
		ret->has_addr = true;
		ret->addr = in_network(nat, end.addr);
		ret->is_network = walk->sets && skb_is_unknown(skb, end.field);
		ret->is_sure = ret->is_network || !skb_is_unknown(skb, end.field);
		break;
	default:
		ret->has_addr = nat->has_addr;
		ret->addr = nat->addr_min;
		ret->is_sure = !nat->has_addr || !addr_compare(&nat->addr_min, &nat->addr_max);
		break;
	}
	ret->min = nat->addr_min;
	ret->max = nat->addr_max;
	if (nat->kind == NAT_MASQUERADE || nat->kind == NAT_REDIRECT) {
		ret->min = (struct addr){ .family = end.addr->family };
		ret->max = ret->min;
		memset(ret->max.bytes, 0xff, ret->min.family == FAMILY_IPV6 ? 16 : 4);
	}
	if (!ret->is_sure)
		ret->note = "one of several addresses";
	return is_found;
}

/* Of a set, packets that have already what they would get, stay as they are: they are a part of their own. */
struct parting {
	const struct nat *nat;
	enum hook hook;
	struct packet_set ports;
	part_fn *go;
	const void *data;
};

static struct answer part_by_port(struct walk *walk, struct skb *skb, const void *data)
{
	const struct parting *parting = data;

	return skb_split(walk, skb, parting->ports, parting->go, parting->go, parting->data);
}

static struct answer part_by_addr(struct walk *walk, struct skb *skb, const void *data)
{
	const struct parting *parting = data;
	struct parting next = *parting;
	struct end end = end_of(skb, nat_manip_of(parting->hook) == MANIP_SRC);
	struct packet_set same = SET_EMPTY;
	struct choice choice;

	if (!choose(walk, skb, parting->hook, parting->nat, &choice))
		return parting->go(walk, skb, parting->data);
	if (choice.has_addr && choice.is_sure && skb_is_unknown(skb, end.field))
		same = choice.is_network ? network_set(walk, end.field, parting->nat)
					 : set_of_addr(walk->sets, end.field, &choice.addr);
	if (parting->nat->has_ports && skb_is_unknown(skb, end.port_field))
		next.ports = port_range(walk, end.port_field, parting->nat);
	return skb_split(walk, skb, same, part_by_port, part_by_port, &next);
}

struct answer nat_part(struct walk *walk, struct skb *skb, enum hook hook, const struct nat *nat,
	part_fn *go, const void *data)
{
	const struct parting parting = {
		.nat = nat, .hook = hook, .ports = SET_EMPTY, .go = go, .data = data
	};

	if (!walk->sets)
		return go(walk, skb, data);
	if (nat->kind == NAT_MASQUERADE && skb->packet.src.family == FAMILY_IPV6)
		return skb_split(walk, skb, to_candidates(walk, skb->ns), part_by_addr,
			part_by_addr, &parting);
	return part_by_addr(walk, skb, &parting);
}

bool nat_set_up(struct walk *walk, struct skb *skb, enum hook hook, const struct nat *nat,
	const char **ret_note)
{
	struct end end = end_of(skb, nat_manip_of(hook) == MANIP_SRC);
	struct choice choice;

	if (!choose(walk, skb, hook, nat, &choice))
		return false;
	if (walk->sets) {
		/* the flow's first packet is any of the set: what is the same in all of it counts */
		*end.reply_addr = *end.addr;
		*end.reply_port = *end.port;
		skb->n_mapped++;
	}
	if (choice.is_network)
		map_network(walk, skb, &end, nat);
	else
		map_addr(walk, skb, &end, &choice);
	map_port(walk, skb, &end, nat);
	*ret_note = choice.note;
	return true;
}

/* The ends that the packet has behind this hook, by its flow. */
static bool target(
	const struct tracking *ct, bool is_source, struct addr *ret_addr, uint16_t *ret_port)
{
	const struct conntrack_entry *entry = &ct->entry;
	unsigned needed = is_source ? CT_STATUS_SRC_NAT : CT_STATUS_DST_NAT;
	const struct flow_tuple *tuple = ct->is_reply ? &entry->orig : &entry->reply;

	/* on the way back the source is what the destination was */
	if (ct->is_reply)
		needed ^= CT_STATUS_SRC_NAT | CT_STATUS_DST_NAT;
	if (!(entry->status & needed))
		return false;
	*ret_addr = is_source ? tuple->dst : tuple->src;
	*ret_port = is_source ? tuple->dport : tuple->sport;
	return true;
}

/* What the mapping of a known flow has done. */
static void note_mapped(struct skb *skb, const struct packet *before)
{
	const struct packet *packet = &skb->packet;
	uint64_t changed = 0;

	if (addr_compare(&before->src, &packet->src))
		changed |= FIELD_BIT(FIELD_SRC);
	if (addr_compare(&before->dst, &packet->dst))
		changed |= FIELD_BIT(FIELD_DST);
	if (before->sport != packet->sport)
		changed |= FIELD_BIT(FIELD_SPORT);
	if (before->dport != packet->dport)
		changed |= FIELD_BIT(FIELD_DPORT);
	skb->rewritten |= changed;
	skb->n_mapped += changed != 0;
	skb->n_dst_mapped += (changed & FIELD_BIT(FIELD_DST)) != 0;
}

void nat_apply(struct walk *walk, struct skb *skb, enum hook hook, const char *note)
{
	bool is_source = nat_manip_of(hook) == MANIP_SRC;
	struct packet *packet = &skb->packet;
	struct packet before = *packet;
	struct addr addr;
	uint16_t port;

	if (!walk->sets && is_source && skb->ct.is_new && proto_has_ports(packet->proto) &&
		!skb_is_unknown(skb, FIELD_SPORT) && conntrack_is_taken(skb)) {
		skb->ct.entry.status |= CT_STATUS_SRC_NAT;
		packet->unknown |= FIELD_BIT(FIELD_SPORT);
		note = "another flow has this port: the kernel takes one that is free";
	}
	packet->ct_status = skb->ct.entry.status;
	if (target(&skb->ct, is_source, &addr, &port)) {
		*(is_source ? &packet->src : &packet->dst) = addr;
		if (proto_has_ports(packet->proto))
			*(is_source ? &packet->sport : &packet->dport) = port;
	}
	if (!skb->ct.is_new)
		note_mapped(skb, &before);
	if (addr_compare(&before.src, &packet->src) || addr_compare(&before.dst, &packet->dst) ||
		before.sport != packet->sport || before.dport != packet->dport ||
		before.unknown != packet->unknown)
		skb_node(walk, skb, NODE_NAT)->note = note;
}
