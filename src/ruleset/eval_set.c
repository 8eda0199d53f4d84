// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * -m set. A set of one address is asked by its sorted prefixes. Any other is asked member by member,
 * as net/netfilter/ipset does it: of those that hold the packet the most specific counts, by the length of
 * the first network, then of the second, and a "nomatch" there says no.
 */
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

/* The packet's port as the kernel's ip_set_get_ip_port: an ICMP type and code, and 0 of what has none. */
static enum answer port_part(struct asking *asking, const struct set *set,
	const struct ipset_member *member, bool is_src)
{
	const struct packet *packet = asking->packet;
	bool is_bitmap = set->parts[0] == IPSET_PORT;
	uint16_t port = 0;

	if (!fields_known(asking, FIELD_BIT(FIELD_PROTO) | FIELD_BIT(FIELD_FRAGMENT)))
		return CANNOT_TELL;
	if (is_bitmap && packet->proto != PROTO_TCP && packet->proto != PROTO_UDP)
		return NO;
	if (!is_bitmap && packet->proto != member->proto)
		return NO;
	switch (packet->proto) {
	case PROTO_TCP:
	case PROTO_UDP:
	case PROTO_SCTP:
	case PROTO_UDPLITE:
		if (packet->is_later_fragment)
			return NO;
		if (!fields_known(asking, FIELD_BIT(is_src ? FIELD_SPORT : FIELD_DPORT)))
			return CANNOT_TELL;
		port = is_src ? packet->sport : packet->dport;
		break;
	case PROTO_ICMP:
	case PROTO_ICMPV6:
		if (packet->is_later_fragment)
			return NO;
		if (!fields_known(asking, FIELD_BIT(FIELD_ICMP_TYPE) | FIELD_BIT(FIELD_ICMP_CODE)))
			return CANNOT_TELL;
		port = (uint16_t)(packet->icmp_type * 256U + packet->icmp_code);
		break;
	default:
		break;
	}
	return answer_of(port >= member->ports.min && port <= member->ports.max);
}

static enum answer iface_part(struct asking *asking, const struct ipset_member *member, bool is_src)
{
	const struct packet *packet = asking->packet;
	const char *name;

	if (!fields_known(asking, FIELD_BIT(FIELD_PHYSDEV_IN) | FIELD_BIT(FIELD_PHYSDEV_OUT) |
					  FIELD_BIT(FIELD_IN_IFACE) | FIELD_BIT(FIELD_OUT_IFACE)))
		return CANNOT_TELL;
	if (member->is_physdev)
		name = is_src ? packet->physdev_in : packet->physdev_out;
	else
		name = is_src ? packet->in_iface : packet->out_iface;
	if (!name)
		return NO;
	return answer_of(member->is_wildcard ? text_has_prefix(name, member->name)
					     : strcmp(name, member->name) == 0);
}

static enum answer mac_part(struct asking *asking, const struct ipset_member *member, bool is_src)
{
	if (!member->has_mac)
		return CANNOT_TELL; /* the kernel learns it from the first that comes */
	if (!fields_known(asking, FIELD_BIT(is_src ? FIELD_ETH_SRC : FIELD_ETH_DST)))
		return CANNOT_TELL;
	return answer_of(
		mac_equal(is_src ? asking->packet->eth_src : asking->packet->eth_dst, member->mac));
}

static enum answer part_match(struct asking *asking, const struct set *set,
	const struct ipset_member *member, unsigned i, bool is_src, size_t *n_nets)
{
	switch (set->parts[i]) {
	case IPSET_IP:
	case IPSET_NET:
		if (!fields_known(asking, FIELD_BIT(is_src ? FIELD_SRC : FIELD_DST)))
			return CANNOT_TELL;
		return answer_of(prefix_contains(&member->nets[(*n_nets)++],
			is_src ? &asking->packet->src : &asking->packet->dst));
	case IPSET_PORT:
		return port_part(asking, set, member, is_src);
	case IPSET_MAC:
		return mac_part(asking, member, is_src);
	case IPSET_IFACE:
		return iface_part(asking, member, is_src);
	case IPSET_MARK:
		if (!fields_known(asking, FIELD_BIT(FIELD_MARK)))
			return CANNOT_TELL;
		return answer_of((asking->packet->mark & set->mark_mask) == member->mark);
	default:
		return CANNOT_TELL;
	}
}

static enum answer member_match(struct asking *asking, const struct set *set,
	const struct ipset_member *member, const struct sides *sides)
{
	enum answer answer = YES;
	size_t n_nets = 0;

	for (unsigned i = 0; i < n_parts(set); i++) {
		enum answer one = part_match(asking, set, member, i, sides->is_src[i], &n_nets);

		if (one == NO)
			return NO;
		if (one == CANNOT_TELL)
			answer = CANNOT_TELL;
	}
	return answer;
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

static enum answer members_match(
	struct asking *asking, const struct set *set, const struct sides *sides)
{
	const struct ipset_member *best = NULL;
	unsigned min_len = set->parts[0] == IPSET_NET && set->parts[1] == IPSET_IFACE
				   ? longest_net(asking, set, sides)
				   : 0;

	for (size_t i = 0; i < set->n_members; i++) {
		const struct ipset_member *member = &set->members[i];

		if (min_len && member->nets[0].len < min_len &&
			fields_known(asking, FIELD_BIT(sides->is_src[0] ? FIELD_SRC : FIELD_DST)))
			continue;
		switch (member_match(asking, set, member, sides)) {
		case NO:
			continue;
		case CANNOT_TELL:
			return CANNOT_TELL;
		case YES:
			if (!best || is_more_specific(member, best))
				best = member;
			break;
		}
	}
	return answer_of(best && !best->is_nomatch);
}

static bool is_one_address(const struct set *set)
{
	return set->kind == SET_HASH_NET || set->has_elements;
}

static enum answer set_contains(
	struct asking *asking, const char *name, const struct sides *sides, unsigned depth)
{
	const struct set *set = ruleset_set(asking->eval->rs, name);
	enum answer answer = NO;

	if (!set || set->opaque || depth == MAX_SET_DEPTH)
		return CANNOT_TELL;
	if (set->parts[0] == IPSET_SET) {
		for (size_t i = 0; i < set->n_members; i++) {
			enum answer one =
				set_contains(asking, set->members[i].name, sides, depth + 1);

			if (one == YES)
				return YES;
			if (one == CANNOT_TELL)
				answer = CANNOT_TELL;
		}
		return answer;
	}
	if (sides->n < n_parts(set))
		return NO;
	if (is_one_address(set)) {
		bool is_src = sides->is_src[0];

		if (!fields_known(asking, FIELD_BIT(is_src ? FIELD_SRC : FIELD_DST)))
			return CANNOT_TELL;
		return answer_of(set_contains_addr(
			set, is_src ? &asking->packet->src : &asking->packet->dst));
	}
	return members_match(asking, set, sides);
}

enum answer set_match_eval(struct asking *asking, const struct match *match)
{
	const struct sides sides = sides_of(match);

	return answer_inverted(set_contains(asking, match->set.name, &sides, 0), match->inverted);
}
