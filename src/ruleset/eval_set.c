// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * -m set. A set of one address is asked by its sorted prefixes. Any other is asked member by member,
 * as net/netfilter/ipset does it: of those that hold the packet the most specific counts, by the length of
 * the first network, then of the second, and a "nomatch" there says no.
 */
#include <stdlib.h>
#include <string.h>

#include "ruleset/eval_internal.h"

#define MAX_SET_DEPTH 2 /* a list:set holds no other list:set */

/* A match with the set's dimensions: which side each is of. */
struct sides {
	unsigned n;
	bool is_src[7];
};

static struct sides sides_of(const struct match *match)
{
	struct sides sides = { .n = match->set.n_more + 1U, .is_src = { match->set.is_src } };

	for (unsigned i = 0; i < match->set.n_more && i + 1 < sizeof(sides.is_src); i++)
		sides.is_src[i + 1] = match->set.more_srcs & 1u << i;
	return sides;
}

static unsigned n_parts(const struct set *set)
{
	unsigned n = 0;

	while (n < IPSET_MAX_PARTS && set->parts[n] != IPSET_NONE)
		n++;
	return n ? n : 1; /* compiled: a hash:net */
}

static bool has_kernel_ports(uint8_t proto)
{
	return proto == PROTO_TCP || proto == PROTO_UDP || proto == PROTO_SCTP ||
	       proto == PROTO_UDPLITE;
}

/* An ICMP type and code as a port: type * 256 + code. */
static struct says icmp_ports(struct asking *asking, struct port_range ports)
{
	struct says all = says(false);

	for (unsigned type = ports.min >> 8; type <= ports.max >> 8u; type++) {
		unsigned first = type == ports.min >> 8 ? ports.min & 255u : 0;
		unsigned last = type == ports.max >> 8 ? ports.max & 255u : 255;
		struct says one = ask_number(asking, FIELD_ICMP_TYPE, type, type);

		if (one.answer != NO && (first || last < 255))
			one = says_and(
				asking, one, ask_number(asking, FIELD_ICMP_CODE, first, last));
		all = says_or(asking, all, one);
		if (all.answer == YES)
			break;
	}
	return all;
}

/* The packet's port as the kernel's ip_set_get_ip_port: an ICMP type and code, and 0 of what has none. */
static struct says port_of_proto(
	struct asking *asking, const struct ipset_member *member, uint8_t proto, enum field field)
{
	struct says is_it = ask_number(asking, FIELD_PROTO, proto, proto);

	if (is_it.answer == NO)
		return is_it;
	if (!has_kernel_ports(proto) && proto != PROTO_ICMP && proto != PROTO_ICMPV6)
		return says_and(asking, is_it, says(member->ports.min == 0));
	is_it = ask_proto(asking, proto);
	if (is_it.answer == NO)
		return is_it;
	return says_and(asking, is_it,
		has_kernel_ports(proto)
			? ask_number(asking, field, member->ports.min, member->ports.max)
			: icmp_ports(asking, member->ports));
}

static struct says port_part(struct asking *asking, const struct set *set,
	const struct ipset_member *member, bool is_src)
{
	enum field field = is_src ? FIELD_SPORT : FIELD_DPORT;

	if (set->parts[0] != IPSET_PORT)
		return port_of_proto(asking, member, member->proto, field);
	/* a bitmap has one port for both */
	return says_or(asking, port_of_proto(asking, member, PROTO_TCP, field),
		port_of_proto(asking, member, PROTO_UDP, field));
}

static struct says iface_part(struct asking *asking, const struct ipset_member *member, bool is_src)
{
	enum field field = member->is_physdev ? is_src ? FIELD_PHYSDEV_IN : FIELD_PHYSDEV_OUT
			   : is_src	      ? FIELD_IN_IFACE
					      : FIELD_OUT_IFACE;
	struct says has = says_not(asking, ask_iface(asking, field, "", false));
	const char *name = member->name;

	if (has.answer == NO)
		return has;
	if (member->is_wildcard)
		name = arena_printf(asking->eval->arena, "%s+", name);
	return says_and(asking, has, ask_iface(asking, field, name, member->is_wildcard));
}

static struct says part_match(struct asking *asking, const struct set *set,
	const struct ipset_member *member, unsigned i, bool is_src, size_t *n_nets)
{
	switch (set->parts[i]) {
	case IPSET_IP:
	case IPSET_NET:
		return ask_prefix(
			asking, is_src ? FIELD_SRC : FIELD_DST, &member->nets[(*n_nets)++]);
	case IPSET_PORT:
		return port_part(asking, set, member, is_src);
	case IPSET_MAC:
		/* the kernel learns it from the first that comes */
		if (!member->has_mac)
			return ask_unknown_of(asking, "a MAC that an ipset learns");
		return ask_mac(asking, is_src ? FIELD_ETH_SRC : FIELD_ETH_DST, member->mac);
	case IPSET_IFACE:
		return iface_part(asking, member, is_src);
	case IPSET_MARK:
		return ask_bits(asking, FIELD_MARK, member->mark, set->mark_mask);
	default:
		return ask_unknown_of(asking, "a part of an ipset");
	}
}

static struct says member_match(struct asking *asking, const struct set *set,
	const struct ipset_member *member, const struct sides *sides)
{
	struct says all = says(true);
	size_t n_nets = 0;

	for (unsigned i = 0; i < n_parts(set) && all.answer != NO; i++)
		all = says_and(
			asking, all, part_match(asking, set, member, i, sides->is_src[i], &n_nets));
	return all;
}

static bool is_more_specific(const struct ipset_member *a, const struct ipset_member *b)
{
	if (a->nets[0].len != b->nets[0].len)
		return a->nets[0].len > b->nets[0].len;
	return a->nets[1].len > b->nets[1].len;
}

/*
 * hash:net,iface looks no further than the longest prefix that holds the address, with whatever
 * interface (mtype_test_cidrs, "multi"): a shorter one with the right interface is not found.
 */
static bool is_net_iface(const struct set *set)
{
	return set->parts[0] == IPSET_NET && set->parts[1] == IPSET_IFACE;
}

static unsigned longest_net(
	const struct asking *asking, const struct set *set, const struct sides *sides)
{
	const struct packet *packet = asking->packet;
	const struct addr *addr = sides->is_src[0] ? &packet->src : &packet->dst;
	unsigned len = 0;

	for (size_t i = 0; i < set->n_members; i++) {
		const struct prefix *net = &set->members[i].nets[0];

		if (net->len > len && prefix_contains(net, addr))
			len = net->len;
	}
	return len;
}

/* Of one packet: the most specific member. */
static struct says members_match_packet(
	struct asking *asking, const struct set *set, const struct sides *sides)
{
	const struct ipset_member *best = NULL;
	unsigned min_len = 0;

	if (is_net_iface(set) && is_known(asking, sides->is_src[0] ? FIELD_SRC : FIELD_DST))
		min_len = longest_net(asking, set, sides);
	for (size_t i = 0; i < set->n_members; i++) {
		const struct ipset_member *member = &set->members[i];
		struct says one;

		if (member->nets[0].len < min_len)
			continue;
		one = member_match(asking, set, member, sides);
		if (one.answer == CANNOT_TELL)
			return one;
		if (one.answer == YES && (!best || is_more_specific(member, best)))
			best = member;
	}
	return says(best && !best->is_nomatch);
}

static int by_specific(const void *a, const void *b)
{
	const struct ipset_member *const *x = a, *const *y = b;

	if (is_more_specific(*x, *y) || is_more_specific(*y, *x))
		return is_more_specific(*x, *y) ? -1 : 1;
	return *x < *y ? -1 : *x > *y; /* as they stand */
}

/* Of a set of packets: those that a member takes. */
struct of_members {
	struct asking *asking;
	const struct set *set;
	const struct sides *sides;
};

static struct packet_set of_member(void *data, size_t i)
{
	const struct of_members *of = data;

	return member_match(of->asking, of->set, &of->set->members[i], of->sides).set;
}

static struct says one_net(
	struct asking *asking, const struct ipset_member *member, const struct sides *sides)
{
	return ask_prefix(asking, sides->is_src[0] ? FIELD_SRC : FIELD_DST, &member->nets[0]);
}

/* Of a set: members from the most specific on; each takes of what none before it took. Without exceptions
 * the order says nothing. */
static struct says members_match(
	struct asking *asking, const struct set *set, const struct sides *sides)
{
	struct of_members of = { asking, set, sides };
	struct says in = says(false), taken = says(false), longer = says(false);
	const struct ipset_member **sorted;
	bool has_exception = false;

	if (!is_of_set(asking))
		return members_match_packet(asking, set, sides);
	for (size_t i = 0; i < set->n_members; i++)
		has_exception |= set->members[i].is_nomatch;
	if (!has_exception && !is_net_iface(set))
		return says_set(set_or_all(asking->eval->sets, set->n_members, of_member, &of));
	sorted = arena_new_array(asking->eval->arena, const struct ipset_member *, set->n_members);
	for (size_t i = 0; i < set->n_members; i++)
		sorted[i] = &set->members[i];
	qsort(sorted, set->n_members, sizeof(*sorted), by_specific);
	for (size_t i = 0; i < set->n_members; i++) {
		struct says one = says_and(asking, member_match(asking, set, sorted[i], sides),
			says_not(asking, taken));

		if (!sorted[i]->is_nomatch)
			in = says_or(asking, in, one);
		if (!is_net_iface(set)) {
			taken = says_or(asking, taken, one);
			continue;
		}
		longer = says_or(asking, longer, one_net(asking, sorted[i], sides));
		if (i + 1 < set->n_members && sorted[i + 1]->nets[0].len < sorted[i]->nets[0].len)
			taken = longer;
	}
	return in;
}

static bool is_one_address(const struct set *set)
{
	return set->kind == SET_HASH_NET || set->has_elements;
}

struct of_elements {
	struct sets *sets;
	enum field field;
	const struct set *set;
};

static struct packet_set of_element(void *data, size_t i)
{
	const struct of_elements *of = data;

	return set_of_prefix(of->sets, of->field, &of->set->elements[i].prefix);
}

static struct says one_address(struct asking *asking, const struct set *set, bool is_src)
{
	enum field field = is_src ? FIELD_SRC : FIELD_DST;

	if (is_of_set(asking)) {
		struct sets *sets = asking->eval->sets;
		struct of_elements of = { sets, field, set };
		struct packet_set all;

		asking->decided |= FIELD_BIT(field);
		if (!set_recall(sets, set, field, &all)) {
			all = set_or_all(sets, set->n_elements, of_element, &of);
			set_remember(sets, set, field, all);
		}
		return says_set(all);
	}
	if (!is_known(asking, field))
		return ask_unknown_of(asking, set->name);
	return says(set_contains_addr(set, is_src ? &asking->packet->src : &asking->packet->dst));
}

static struct says set_contains(
	struct asking *asking, const char *name, const struct sides *sides, unsigned depth)
{
	const struct set *set = ruleset_set(asking->eval->rs, name);
	struct says all = says(false);

	if (!set || set->opaque || depth == MAX_SET_DEPTH)
		return ask_unknown_of(
			asking, arena_printf(asking->eval->arena, "in ipset %s", name));
	if (set->parts[0] == IPSET_SET) {
		for (size_t i = 0; i < set->n_members && all.answer != YES; i++)
			all = says_or(asking, all,
				set_contains(asking, set->members[i].name, sides, depth + 1));
		return all;
	}
	if (sides->n < n_parts(set))
		return says(false);
	if (is_one_address(set))
		return one_address(asking, set, sides->is_src[0]);
	return members_match(asking, set, sides);
}

struct says set_match_eval(struct asking *asking, const struct match *match)
{
	const struct sides sides = sides_of(match);

	return says_inverted(
		asking, set_contains(asking, match->set.name, &sides, 0), match->inverted);
}
