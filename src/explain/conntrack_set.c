// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What conntrack says of a set of packets: parts of it are untracked, find an entry of the snapshot or one that the walk has
 * made, or begin flows of their own. Entries of which the same is said are one part, however many they are.
 */
#include "explain/conntrack_internal.h"

struct looking {
	struct found found;
	part_fn *go;
	const void *data;
};

#define TUPLE_FIELDS                                                                               \
	(FIELD_BIT(FIELD_SRC) | FIELD_BIT(FIELD_DST) | FIELD_BIT(FIELD_SPORT) |                    \
		FIELD_BIT(FIELD_DPORT))
#define ORIG_FIELDS                                                                                \
	(FIELD_BIT(FIELD_CT_ORIG_SRC) | FIELD_BIT(FIELD_CT_ORIG_DST) |                             \
		FIELD_BIT(FIELD_CT_ORIG_SPORT) | FIELD_BIT(FIELD_CT_ORIG_DPORT))

static struct answer look_up_part(struct walk *walk, struct skb *skb, const void *data)
{
	const struct looking *looking = data;

	ct_look_up(walk, skb, &looking->found);
	/* of many flows at once the entry is one of them */
	if (skb->packet.unknown & TUPLE_FIELDS)
		skb->packet.unknown |= ORIG_FIELDS;
	return looking->go(walk, skb, looking->data);
}

static struct packet_set of_number(const struct walk *walk, enum field field, uint64_t number)
{
	return set_of_number(walk->sets, field, number);
}

/* The packets of a tuple. */
static struct packet_set tuple_set(
	const struct walk *walk, const struct flow_tuple *tuple, uint8_t proto)
{
	struct sets *sets = walk->sets;
	struct packet_set set = of_number(walk, FIELD_PROTO, proto);

	set = set_and(sets, set, set_of_addr(walk->sets, FIELD_SRC, &tuple->src));
	set = set_and(sets, set, set_of_addr(walk->sets, FIELD_DST, &tuple->dst));
	if (ct_proto_is_icmp(proto)) {
		set = set_and(sets, set, of_number(walk, FIELD_ICMP_TYPE, tuple->dport >> 8));
		return set_and(sets, set, of_number(walk, FIELD_ICMP_CODE, tuple->dport & 255));
	}
	if (!proto_has_ports(proto))
		return set;
	set = set_and(sets, set, of_number(walk, FIELD_SPORT, tuple->sport));
	return set_and(sets, set, of_number(walk, FIELD_DPORT, tuple->dport));
}

/* Packets that find entries of which conntrack says the same. */
struct alike {
	struct found found;
	struct skb as; /* one of them, found */
	struct packet_set set;
};
struct all_alike {
	VEC(struct alike);
};

#define MAX_ALIKE 64

static bool is_mapped(const struct conntrack_entry *entry)
{
	return entry->status & (CT_STATUS_SRC_NAT | CT_STATUS_DST_NAT);
}

static bool finds_alike(const struct alike *a, const struct skb *b, const struct found *found)
{
	const struct packet *x = &a->as.packet, *y = &b->packet;

	return a->found.entry && !is_mapped(a->found.entry) && !is_mapped(found->entry) &&
	       a->found.is_reply == found->is_reply && x->ct_state == y->ct_state &&
	       x->ct_mark == y->ct_mark && x->ct_status == y->ct_status &&
	       x->unknown == y->unknown && a->as.ct.is_tracked == b->ct.is_tracked &&
	       a->as.ct.is_uncertain == b->ct.is_uncertain;
}

static void add_entry(struct walk *walk, const struct skb *skb, struct all_alike *all,
	const struct found *found, struct packet_set set)
{
	const struct flow_tuple *key = found->is_reply ? &found->entry->reply : &found->entry->orig;
	struct skb as = *skb;
	struct alike *new;

	as.packet.src = key->src;
	as.packet.dst = key->dst;
	as.packet.sport = key->sport;
	as.packet.dport = key->dport;
	as.packet.unknown &= ~TUPLE_FIELDS;
	ct_fit_entry(&as, found->entry, found->is_reply);
	vec_for_each (known, all) {
		if (!finds_alike(known, &as, found))
			continue;
		known->set = set_or(walk->sets, known->set, set);
		return;
	}
	/* too many to be told apart: all that are left are one part */
	if (all->n >= MAX_ALIKE) {
		if (all->n == MAX_ALIKE)
			vec_push(all, walk->arena)->found.is_uncertain = true;
		new = &all->items[MAX_ALIKE];
		new->set = set_or(walk->sets, new->set, set);
		return;
	}
	new = vec_push(all, walk->arena);
	*new = (struct alike){ *found, as, set };
}

/* The entries of the snapshot that packets of *rest find, which are taken from it. */
static void find_alike(
	struct walk *walk, const struct skb *skb, struct packet_set *rest, struct all_alike *all)
{
	const struct packet *packet = &skb->packet;
	const struct netns *ns = skb->ns;
	struct flow_tuple tuple = ct_tuple_of(packet);
	const uint64_t ports = FIELD_BIT(FIELD_SPORT) | FIELD_BIT(FIELD_DPORT);
	uint64_t open = packet->unknown | (proto_has_ports(packet->proto) ? 0 : ports);

	for (size_t i = 0; i < ns->n_conntrack; i++) {
		const struct conntrack_entry *entry = &ns->conntrack[i];

		if (skb_is_unknown(skb, FIELD_PROTO)
				? entry->zone != packet->ct_zone
				: !ct_entry_agrees(entry, packet, &tuple, open))
			continue;
		for (int is_reply = 0; is_reply < 2; is_reply++) {
			const struct found found = { .entry = entry, .is_reply = is_reply };
			struct packet_set set;

			/* an echo request that is explained has an id of its own */
			if (!is_reply && ct_proto_is_icmp(entry->proto))
				continue;
			set = tuple_set(
				walk, is_reply ? &entry->reply : &entry->orig, entry->proto);
			set = set_and(walk->sets, *rest, set);
			if (set_is_empty(set))
				continue;
			*rest = set_minus(walk->sets, *rest, set);
			add_entry(walk, skb, all, &found, set);
		}
	}
}

/* Of an entry that this walk made: no packet of the set is of that flow any more, because of what NAT made of it. */
static bool is_apart(const struct walk *walk, const struct skb *skb, const struct walked_flow *flow)
{
	const struct conntrack_entry *entry = &flow->entry;
	const struct addr *src = &entry->reply.dst, *dst = &entry->reply.src;

	/* what was mapped had another address before (nat_part); an answer would come from where this one goes */
	if (entry->status & CT_STATUS_SRC_NAT && !skb_is_unknown(skb, FIELD_SRC) &&
		!addr_compare(&skb->packet.src, src))
		return set_is_empty(
			set_and(walk->sets, skb->set, set_of_addr(walk->sets, FIELD_DST, src)));
	if (entry->status & CT_STATUS_DST_NAT && !skb_is_unknown(skb, FIELD_DST) &&
		!addr_compare(&skb->packet.dst, dst))
		return set_is_empty(
			set_and(walk->sets, skb->set, set_of_addr(walk->sets, FIELD_SRC, dst)));
	return false;
}

/* An entry that the walk made on its way; false: none. */
static bool find_ours(const struct walk *walk, const struct skb *skb, struct found *ret)
{
	for (const struct walked_flow *flow = skb->flows; flow; flow = flow->before) {
		if (flow->ns != skb->ns || flow->entry.zone != skb->packet.ct_zone)
			continue;
		if (flow->n_mapped == skb->n_mapped)
			*ret = (struct found){ .entry = &flow->entry, .is_ours = true };
		else if (is_apart(walk, skb, flow))
			continue;
		else
			*ret = (struct found){ .is_uncertain = true };
		return true;
	}
	return false;
}

static struct answer look_up_entries(struct walk *walk, struct skb *skb, const void *data)
{
	struct looking looking = *(const struct looking *)data;
	struct all_alike all = { 0 };
	struct packet_set rest = skb->set;
	struct answer answer = { 0 };

	if (ct_is_neighbour_or_mld(&skb->packet) || find_ours(walk, skb, &looking.found))
		return look_up_part(walk, skb, &looking);
	find_alike(walk, skb, &rest, &all);
	answer = skb_part(walk, skb, rest, look_up_part, &looking);
	vec_for_each (alike, &all) {
		looking.found = alike->found;
		answer = answer_of_cases(
			walk, answer, skb_part(walk, skb, alike->set, look_up_part, &looking));
	}
	return answer;
}

/* What conntrack asks of a type of ICMP, or of TCP's flags: alike is alike. */
static unsigned kind_of(const struct skb *skb)
{
	const struct packet *packet = &skb->packet;

	if (packet->proto == PROTO_TCP)
		return (packet->tcp_flags & (TCP_SYN | TCP_ACK | TCP_FIN | TCP_RST)) |
		       (unsigned)ct_tcp_flags_are_valid(packet->tcp_flags) << 8;
	return (unsigned)ct_is_neighbour_or_mld(packet) | (unsigned)ct_is_icmp_error(packet) << 1 |
	       (unsigned)ct_may_begin(skb) << 2;
}

/* Parts it by TCP's flags or ICMP's type, of which one of each kind is put into the packet. */
static struct answer look_up_by_kind(struct walk *walk, struct skb *skb, const void *data)
{
	bool is_tcp = skb->packet.proto == PROTO_TCP;
	enum field field = is_tcp ? FIELD_TCP_FLAGS : FIELD_ICMP_TYPE;
	struct answer answer = { 0 };
	bool is_done[256] = { false };

	if (skb_is_unknown(skb, FIELD_PROTO) || !skb_is_unknown(skb, field) ||
		!(is_tcp || ct_proto_is_icmp(skb->packet.proto)))
		return look_up_entries(walk, skb, data);
	for (unsigned i = 0; i < 256; i++) {
		struct skb one = *skb, other = *skb;
		struct packet_set set = SET_EMPTY;

		if (is_done[i])
			continue;
		*(is_tcp ? &one.packet.tcp_flags : &one.packet.icmp_type) = (uint8_t)i;
		for (unsigned k = i; k < 256; k++) {
			*(is_tcp ? &other.packet.tcp_flags : &other.packet.icmp_type) = (uint8_t)k;
			if (kind_of(&other) != kind_of(&one))
				continue;
			is_done[k] = true;
			set = set_or(walk->sets, set, of_number(walk, field, k));
		}
		answer = answer_of_cases(walk, answer,
			skb_part(walk, &one, set_and(walk->sets, skb->set, set), look_up_entries,
				data));
	}
	return answer;
}

/* Protocols that conntrack looks into, each apart, then all others. */
static struct answer look_up_by_proto(struct walk *walk, struct skb *skb, const void *data)
{
	static const uint8_t protos[] = { PROTO_TCP, PROTO_UDP, PROTO_ICMP, PROTO_ICMPV6,
		PROTO_SCTP, PROTO_DCCP, PROTO_UDPLITE };
	struct packet_set rest = skb->set;
	struct answer answer = { 0 };

	if (!skb_is_unknown(skb, FIELD_PROTO))
		return look_up_by_kind(walk, skb, data);
	for (size_t i = 0; i < N_OF(protos); i++) {
		struct packet_set part =
			set_and(walk->sets, rest, of_number(walk, FIELD_PROTO, protos[i]));

		rest = set_minus(walk->sets, rest, part);
		answer = answer_of_cases(
			walk, answer, skb_part(walk, skb, part, look_up_by_kind, data));
	}
	return answer_of_cases(walk, answer, skb_part(walk, skb, rest, look_up_entries, data));
}

/*
 * Of the protocol nothing is asked: the state is as asked for, there is no entry to be found by it, and no NAT that would
 * map a flow by its ports. Then all are told the same, but for what is never tracked.
 */
static bool protos_are_alike(const struct walk *walk, const struct skb *skb)
{
	const bool *has_nat = walk->explainer->has_nat[skb->ns - walk->host->netns];

	return walk->query->has_ct_state && !skb->ns->n_conntrack &&
	       !has_nat[skb->packet.src.family];
}

static struct answer look_up_never_tracked(struct walk *walk, struct skb *skb, const void *data)
{
	if (skb_is_unknown(skb, FIELD_ICMP_TYPE))
		skb->packet.icmp_type = ICMPV6_MLD_QUERY;
	return look_up_entries(walk, skb, data);
}

static struct answer look_up_alike(struct walk *walk, struct skb *skb, const void *data)
{
	struct packet_set types;

	if (skb->packet.src.family != FAMILY_IPV6)
		return look_up_entries(walk, skb, data);
	types = set_or(walk->sets,
		set_of_numbers(walk->sets, FIELD_ICMP_TYPE, ICMPV6_MLD_QUERY, ICMPV6_REDIRECT),
		of_number(walk, FIELD_ICMP_TYPE, ICMPV6_MLDV2_REPORT));
	return skb_split(walk, skb,
		set_and(walk->sets, types, of_number(walk, FIELD_PROTO, PROTO_ICMPV6)),
		look_up_never_tracked, look_up_entries, data);
}

struct packet_set conntrack_taken_set(struct walk *walk, const struct skb *skb)
{
	const struct flow_tuple tuple = ct_tuple_of(&skb->packet);
	uint64_t open = skb->packet.unknown;
	struct packet_set all = SET_EMPTY;

	if (!proto_has_ports(skb->packet.proto) || skb_is_unknown(skb, FIELD_PROTO))
		open |= TUPLE_FIELDS & ~(FIELD_BIT(FIELD_SRC) | FIELD_BIT(FIELD_DST));
	for (size_t i = 0; i < skb->ns->n_conntrack; i++) {
		const struct conntrack_entry *entry = &skb->ns->conntrack[i];
		const struct flow_tuple *keys[] = { &entry->reply, &entry->orig };

		if (entry->zone != skb->packet.ct_zone || ct_proto_is_icmp(entry->proto) ||
			(!skb_is_unknown(skb, FIELD_PROTO) && entry->proto != skb->packet.proto))
			continue;
		for (size_t k = 0; k < N_OF(keys); k++) {
			const struct flow_tuple asked = ct_tuple_inverted(keys[k], entry->proto);
			struct packet_set set;

			if (!ct_tuple_agrees(&asked, &tuple, open))
				continue;
			set = tuple_set(walk, &asked, entry->proto);
			all = set_or(walk->sets, all, set_and(walk->sets, skb->set, set));
		}
	}
	return all;
}

struct answer ct_look_up_set(struct walk *walk, struct skb *skb, part_fn *go, const void *data)
{
	const struct looking looking = { .go = go, .data = data };

	if (skb_is_unknown(skb, FIELD_CT_STATE) && !walk->query->has_ct_state)
		return skb_split(walk, skb, set_of_ct_states(walk->sets, CT_UNTRACKED),
			look_up_part, look_up_by_proto, &looking);
	skb_push(walk, skb);
	if (ct_is_untracked(walk, &skb->packet))
		return look_up_part(walk, skb, &looking);
	return protos_are_alike(walk, skb) ? look_up_alike(walk, skb, &looking)
					   : look_up_by_proto(walk, skb, &looking);
}
