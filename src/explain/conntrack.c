// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What conntrack says of a packet (net/netfilter/nf_conntrack_core.c and the protocols' own
 * files). The entries of the snapshot are asked, and those that earlier walks made. What is not
 * known: the id of an echo request (a ping that is explained is a new one), what an ICMP error
 * quotes, and whether a segment is inside TCP's window (it is taken to be).
 */
#include <string.h>

#include "explain/conntrack_internal.h"

#define ICMP_ECHO_REPLY	  0
#define ICMP_ECHO	  8
#define ICMP_TIMESTAMP	  13
#define ICMP_INFO_REQUEST 15
#define ICMP_ADDRESS	  17
#define ICMPV6_ECHO	  128
#define ICMPV6_ECHO_REPLY 129
#define ICMPV6_NI_QUERY	  139
#define ICMPV6_NI_REPLY	  140

bool ct_proto_is_icmp(uint8_t proto)
{
	return proto == PROTO_ICMP || proto == PROTO_ICMPV6;
}

struct flow_tuple ct_tuple_of(const struct packet *packet)
{
	struct flow_tuple tuple = { .src = packet->src, .dst = packet->dst };

	if (ct_proto_is_icmp(packet->proto)) {
		tuple.dport = (uint16_t)(packet->icmp_type << 8 | packet->icmp_code);
	} else if (proto_has_ports(packet->proto)) {
		tuple.sport = packet->sport;
		tuple.dport = packet->dport;
	}
	return tuple;
}

struct flow_tuple ct_tuple_inverted(const struct flow_tuple *tuple, uint8_t proto)
{
	static const struct {
		uint8_t proto, type, answer;
	} pairs[] = {
		{ PROTO_ICMP, ICMP_ECHO, ICMP_ECHO_REPLY },
		{ PROTO_ICMP, ICMP_TIMESTAMP, ICMP_TIMESTAMP + 1 },
		{ PROTO_ICMP, ICMP_INFO_REQUEST, ICMP_INFO_REQUEST + 1 },
		{ PROTO_ICMP, ICMP_ADDRESS, ICMP_ADDRESS + 1 },
		{ PROTO_ICMPV6, ICMPV6_ECHO, ICMPV6_ECHO_REPLY },
		{ PROTO_ICMPV6, ICMPV6_NI_QUERY, ICMPV6_NI_REPLY },
	};
	struct flow_tuple inverted = {
		.src = tuple->dst, .dst = tuple->src, .sport = tuple->dport, .dport = tuple->sport
	};

	if (!ct_proto_is_icmp(proto))
		return inverted;
	inverted.sport = tuple->sport;
	inverted.dport = tuple->dport;
	for (size_t i = 0; i < N_OF(pairs); i++) {
		if (pairs[i].proto != proto)
			continue;
		if (tuple->dport >> 8 == pairs[i].type)
			inverted.dport = (uint16_t)(pairs[i].answer << 8);
		else if (tuple->dport >> 8 == pairs[i].answer)
			inverted.dport = (uint16_t)(pairs[i].type << 8);
	}
	return inverted;
}

static bool tuple_matches(
	const struct flow_tuple *key, const struct flow_tuple *tuple, uint8_t proto)
{
	if (addr_compare(&key->src, &tuple->src) || addr_compare(&key->dst, &tuple->dst))
		return false;
	if (key->dport != tuple->dport)
		return false;
	return ct_proto_is_icmp(proto) || key->sport == tuple->sport;
}

/* 1: the direction of its first packet; -1: the other; 0: not this flow. */
static int entry_direction(const struct conntrack_entry *entry, const struct packet *packet,
	const struct flow_tuple *tuple)
{
	if (entry->proto != packet->proto || entry->zone != packet->ct_zone)
		return 0;
	if (tuple_matches(&entry->orig, tuple, packet->proto))
		return 1;
	return tuple_matches(&entry->reply, tuple, packet->proto) ? -1 : 0;
}

static size_t flow_first(const struct netns *ns, const struct flow_tuple *tuple)
{
	return netns_first(ns, FLOWS_BY_ENDS, key_of_ends(&tuple->src, &tuple->dst));
}

static const struct conntrack_entry *entry_find(
	const struct skb *skb, bool *ret_is_reply, bool *ret_is_ours)
{
	struct flow_tuple tuple = ct_tuple_of(&skb->packet);
	int direction;

	for (const struct walked_flow *flow = skb->flows; flow; flow = flow->before) {
		if (flow->ns != skb->ns)
			continue;
		direction = entry_direction(&flow->entry, &skb->packet, &tuple);
		if (direction) {
			*ret_is_reply = direction < 0;
			*ret_is_ours = true;
			return &flow->entry;
		}
	}
	for (size_t i = flow_first(skb->ns, &tuple); i / 2 < skb->ns->n_conntrack;
		i = netns_next(skb->ns, FLOWS_BY_ENDS, i)) {
		direction = entry_direction(&skb->ns->conntrack[i / 2], &skb->packet, &tuple);
		/* an echo request that is explained has an id of its own */
		if (direction > 0 && ct_proto_is_icmp(skb->packet.proto))
			continue;
		if (direction) {
			*ret_is_reply = direction < 0;
			*ret_is_ours = false;
			return &skb->ns->conntrack[i / 2];
		}
	}
	return NULL;
}

static bool takes(const struct conntrack_entry *entry, const struct conntrack_entry *own)
{
	return entry->proto == own->proto && entry->zone == own->zone &&
	       (tuple_matches(&entry->reply, &own->reply, own->proto) ||
		       tuple_matches(&entry->orig, &own->reply, own->proto));
}

/* nf_conntrack_tuple_taken: does another entry answer like this flow would? */
bool conntrack_is_taken(const struct skb *skb)
{
	for (const struct walked_flow *flow = skb->flows; flow; flow = flow->before)
		if (flow->ns == skb->ns && takes(&flow->entry, &skb->ct.entry))
			return true;
	for (size_t i = flow_first(skb->ns, &skb->ct.entry.reply); i / 2 < skb->ns->n_conntrack;
		i = netns_next(skb->ns, FLOWS_BY_ENDS, i))
		if (takes(&skb->ns->conntrack[i / 2], &skb->ct.entry))
			return true;
	return false;
}

/* net/netfilter/nf_conntrack_proto_tcp.c: which flags may be together. */
bool ct_tcp_flags_are_valid(uint8_t flags)
{
	switch (flags & (TCP_FIN | TCP_SYN | TCP_RST | TCP_ACK | TCP_URG)) {
	case TCP_SYN:
	case TCP_SYN | TCP_URG:
	case TCP_SYN | TCP_ACK:
	case TCP_RST:
	case TCP_RST | TCP_ACK:
	case TCP_FIN | TCP_ACK:
	case TCP_FIN | TCP_ACK | TCP_URG:
	case TCP_ACK:
	case TCP_ACK | TCP_URG:
		return true;
	default:
		return false;
	}
}

bool ct_is_neighbour_or_mld(const struct packet *packet)
{
	return packet->proto == PROTO_ICMPV6 &&
	       ((packet->icmp_type >= ICMPV6_MLD_QUERY && packet->icmp_type <= ICMPV6_REDIRECT) ||
		       packet->icmp_type == ICMPV6_MLDV2_REPORT);
}

bool ct_is_icmp_error(const struct packet *packet)
{
	if (packet->proto == PROTO_ICMPV6)
		return packet->icmp_type < 128;
	return packet->proto == PROTO_ICMP &&
	       (packet->icmp_type == 3 || packet->icmp_type == 4 || packet->icmp_type == 5 ||
		       packet->icmp_type == 11 || packet->icmp_type == 12);
}

bool ct_may_begin(const struct skb *skb)
{
	const struct packet *packet = &skb->packet;
	uint8_t type = packet->icmp_type;

	if (packet->proto == PROTO_ICMP)
		return type == ICMP_ECHO || type == ICMP_TIMESTAMP || type == ICMP_INFO_REQUEST ||
		       type == ICMP_ADDRESS;
	if (packet->proto == PROTO_ICMPV6)
		return type == ICMPV6_ECHO || type == ICMPV6_NI_QUERY;
	if (packet->proto != PROTO_TCP)
		return true;
	if (packet->tcp_flags & (TCP_RST | TCP_FIN))
		return false;
	if (packet->tcp_flags & TCP_SYN)
		return !(packet->tcp_flags & TCP_ACK);
	return netns_sysctl_number(
		       skb->facts, skb->ns, "net.netfilter.nf_conntrack_tcp_loose", 1) != 0;
}

static bool fields_are_known(const struct skb *skb)
{
	const struct packet *packet = &skb->packet;
	uint64_t needed = FIELD_BIT(FIELD_SRC) | FIELD_BIT(FIELD_DST) | FIELD_BIT(FIELD_PROTO);

	if (proto_has_ports(packet->proto))
		needed |= FIELD_BIT(FIELD_SPORT) | FIELD_BIT(FIELD_DPORT);
	if (packet->proto == PROTO_TCP)
		needed |= FIELD_BIT(FIELD_TCP_FLAGS);
	if (ct_proto_is_icmp(packet->proto))
		needed |= FIELD_BIT(FIELD_ICMP_TYPE);
	return !(packet->unknown & needed);
}

bool ct_tuple_agrees(const struct flow_tuple *key, const struct flow_tuple *tuple, uint64_t unknown)
{
	return key->src.family == tuple->src.family &&
	       (unknown & FIELD_BIT(FIELD_SRC) || !addr_compare(&key->src, &tuple->src)) &&
	       (unknown & FIELD_BIT(FIELD_DST) || !addr_compare(&key->dst, &tuple->dst)) &&
	       (unknown & FIELD_BIT(FIELD_SPORT) || key->sport == tuple->sport) &&
	       (unknown & FIELD_BIT(FIELD_DPORT) || key->dport == tuple->dport);
}

bool ct_entry_agrees(const struct conntrack_entry *entry, const struct packet *packet,
	const struct flow_tuple *tuple, uint64_t open)
{
	return entry->proto == packet->proto && entry->zone == packet->ct_zone &&
	       (ct_tuple_agrees(&entry->orig, tuple, open) ||
		       ct_tuple_agrees(&entry->reply, tuple, open));
}

/* With addresses or ports that are open: is there an entry that some value of them would find? */
static bool may_have_entry(const struct skb *skb)
{
	const uint64_t ports = FIELD_BIT(FIELD_SPORT) | FIELD_BIT(FIELD_DPORT);
	const uint64_t ends = FIELD_BIT(FIELD_SRC) | FIELD_BIT(FIELD_DST);
	const struct packet *packet = &skb->packet;
	const struct netns *ns = skb->ns;
	struct flow_tuple tuple = ct_tuple_of(packet);
	/* an echo's id is in no packet here */
	uint64_t open = packet->unknown | (proto_has_ports(packet->proto) ? 0 : ports);
	bool has_key = !(open & ends);
	struct skb without = *skb;

	without.packet.unknown &= ~(ends | ports);
	if (!fields_are_known(&without))
		return true;
	for (const struct walked_flow *flow = skb->flows; flow; flow = flow->before)
		if (flow->ns == ns && flow->entry.proto == packet->proto &&
			flow->entry.zone == packet->ct_zone)
			return true;
	/* the index is by both ends: with one of them open there is no key to ask it by */
	for (size_t i = has_key ? flow_first(ns, &tuple) : 0; i / 2 < ns->n_conntrack;
		i = has_key ? netns_next(ns, FLOWS_BY_ENDS, i) : i + 2)
		if (ct_entry_agrees(&ns->conntrack[i / 2], packet, &tuple, open))
			return true;
	return false;
}

static void begin(struct skb *skb)
{
	struct packet *packet = &skb->packet;
	struct flow_tuple tuple = ct_tuple_of(packet);

	skb->ct.is_tracked = skb->ct.is_new = true;
	skb->ct.n_mapped = skb->n_mapped;
	skb->ct.entry = (struct conntrack_entry){
		.proto = packet->proto,
		.orig = tuple,
		.reply = ct_tuple_inverted(&tuple, packet->proto),
		.zone = packet->ct_zone,
	};
	packet->ct_state = CT_NEW;
	packet->ct_status = 0;
	packet->is_reply = false;
	packet->ct_orig_src = tuple.src;
	packet->ct_orig_dst = tuple.dst;
	packet->ct_orig_sport = tuple.sport;
	packet->ct_orig_dport = tuple.dport;
}

static void take_entry(struct skb *skb, const struct conntrack_entry *entry, bool is_reply)
{
	struct packet *packet = &skb->packet;

	skb->ct.is_tracked = true;
	skb->ct.is_reply = is_reply;
	skb->ct.entry = *entry;
	if (is_reply)
		skb->ct.entry.status |= CT_STATUS_SEEN_REPLY;
	packet->ct_mark = entry->mark;
	packet->ct_status = skb->ct.entry.status;
	packet->is_reply = is_reply;
	packet->ct_orig_src = entry->orig.src;
	packet->ct_orig_dst = entry->orig.dst;
	packet->ct_orig_sport = entry->orig.sport;
	packet->ct_orig_dport = entry->orig.dport;
	if (is_reply || entry->status & CT_STATUS_SEEN_REPLY)
		packet->ct_state = CT_ESTABLISHED;
	else if (entry->status & CT_STATUS_EXPECTED)
		packet->ct_state = CT_RELATED;
	else
		packet->ct_state = CT_NEW;
}

/*
 * What tcp_conntracks (nf_conntrack_proto_tcp.c) says of a segment of these flags in the state that
 * its connection has. Whether a SYN opens a connection anew that is over is not known.
 */
enum tcp_fit { TCP_FITS, TCP_INVALID, TCP_UNCERTAIN };
static enum tcp_fit tcp_fit(const char *state, uint8_t flags, bool is_reply)
{
	bool is_half_open = !strcmp(state, "SYN_SENT") || !strcmp(state, "SYN_SENT2");
	bool is_over = !strcmp(state, "TIME_WAIT") || !strcmp(state, "CLOSE");

	if (flags & TCP_RST)
		return TCP_FITS;
	switch (flags & (TCP_SYN | TCP_ACK | TCP_FIN)) {
	case TCP_SYN:
		if (is_over)
			return TCP_UNCERTAIN;
		return !is_reply || is_half_open ? TCP_FITS : TCP_INVALID;
	case TCP_SYN | TCP_ACK:
		if (is_reply || !strcmp(state, "SYN_RECV") || !strcmp(state, "SYN_SENT2"))
			return TCP_FITS;
		return TCP_INVALID;
	case TCP_ACK:
		return is_half_open && !is_reply ? TCP_INVALID : TCP_FITS;
	default:
		return is_half_open ? TCP_INVALID : TCP_FITS;
	}
}

/* An entry that was found, as far as its protocol takes the packet for a part of it. Gives the words. */
const char *ct_fit_entry(struct skb *skb, const struct conntrack_entry *entry, bool is_reply)
{
	struct packet *packet = &skb->packet;
	enum tcp_fit fit = TCP_FITS;

	if (packet->proto == PROTO_TCP && entry->tcp_state &&
		!ct_tcp_flags_are_valid(packet->tcp_flags))
		fit = TCP_INVALID;
	else if (packet->proto == PROTO_TCP && entry->tcp_state)
		fit = tcp_fit(entry->tcp_state, packet->tcp_flags, is_reply);
	if (fit == TCP_INVALID) {
		packet->ct_state = CT_INVALID;
		return "invalid: these TCP flags do not fit the state of its connection";
	}
	take_entry(skb, entry, is_reply);
	if (fit == TCP_UNCERTAIN) {
		packet->unknown |= FIELD_BIT(FIELD_CT_STATE);
		skb->ct.is_uncertain = true;
		return "a known flow; what these TCP flags do in its state is not known";
	}
	return is_reply ? "a known flow, the way back" : "a known flow";
}

/* Of a packet without an entry. Gives the words. */
static const char *judge(struct skb *skb)
{
	struct packet *packet = &skb->packet;
	const char *why;

	if (ct_is_icmp_error(packet)) {
		packet->unknown |= FIELD_BIT(FIELD_CT_STATE);
		return "an ICMP error: related if it quotes a known flow, else invalid";
	}
	if (packet->proto == PROTO_TCP && !ct_tcp_flags_are_valid(packet->tcp_flags)) {
		packet->ct_state = CT_INVALID;
		return "invalid: these TCP flags never go together";
	}
	if (!ct_may_begin(skb)) {
		packet->ct_state = CT_INVALID;
		return "invalid: it begins no flow and belongs to none";
	}
	begin(skb);
	if (netns_is_unread(skb->ns, "conntrack", &why)) {
		packet->unknown |= FIELD_BIT(FIELD_CT_STATE);
		skb->ct.is_uncertain = true;
		return "conntrack's entries were not read";
	}
	return "a new flow";
}

static const char *assume(struct skb *skb)
{
	struct packet *packet = &skb->packet;
	enum ct_state state = skb->packet.ct_state;

	if (state == CT_NEW) {
		begin(skb);
		return "a new flow, as asked for";
	}
	if (state != CT_INVALID && state != CT_UNTRACKED) {
		begin(skb);
		skb->ct.is_new = false;
		packet->ct_state = state;
		if (state == CT_ESTABLISHED)
			packet->ct_status |= CT_STATUS_SEEN_REPLY;
		return "the state is as asked for; NAT of that flow is taken to be none";
	}
	return "the state is as asked for";
}

bool ct_is_untracked(const struct walk *walk, const struct packet *packet)
{
	return packet->ct_state == CT_UNTRACKED && !walk->query->has_ct_state &&
	       !(packet->unknown & FIELD_BIT(FIELD_CT_STATE));
}

static struct found find(const struct walk *walk, const struct skb *skb)
{
	struct found found = { 0 };

	if (ct_is_untracked(walk, &skb->packet) || ct_is_neighbour_or_mld(&skb->packet))
		return found;
	found.is_uncertain =
		!fields_are_known(skb) && !walk->query->has_ct_state && may_have_entry(skb);
	if (!found.is_uncertain)
		found.entry = entry_find(skb, &found.is_reply, &found.is_ours);
	return found;
}

/* Gives the words. */
static const char *settle(struct walk *walk, struct skb *skb, const struct found *found)
{
	struct packet *packet = &skb->packet;
	const char *note;

	if (ct_is_untracked(walk, packet))
		return "not tracked: a rule says so";
	if (ct_is_neighbour_or_mld(packet)) {
		packet->ct_state = CT_UNTRACKED;
		return "not tracked: IPv6 neighbour discovery and multicast listeners never are";
	}
	if (found->is_uncertain) {
		packet->unknown |= FIELD_BIT(FIELD_CT_STATE);
		begin(skb);
		skb->ct.is_uncertain = true;
		return "fields that identify the flow are not known";
	}
	if (found->entry) {
		note = ct_fit_entry(skb, found->entry, found->is_reply);
		if (walk->query->has_ct_state)
			packet->ct_state = walk->query->packet.ct_state;
		return note;
	}
	if (!walk->query->has_ct_state)
		return judge(skb);
	packet->ct_state = walk->query->packet.ct_state;
	return assume(skb);
}

void ct_look_up(struct walk *walk, struct skb *skb, const struct found *found)
{
	struct packet *packet = &skb->packet;
	const char *note = settle(walk, skb, found);
	bool is_noted = found->entry || (skb->ns->ruleset && skb->ns->ruleset->n_tables);
	struct node *node;

	if (skb->ct.is_tracked)
		copies_begin(walk, skb);
	if (!(packet->unknown & FIELD_BIT(FIELD_CT_STATE)) && !packet->ct_state)
		packet->ct_state = CT_INVALID;
	if (!is_noted)
		return;
	node = skb_node(walk, skb, NODE_CONNTRACK);
	node->note = note;
	node->entry = found->is_ours ? NULL : found->entry;
}

struct answer conntrack_look_up(struct walk *walk, struct skb *skb, part_fn *go, const void *data)
{
	struct found found;

	if (skb->ct.is_looked_up)
		return go(walk, skb, data);
	skb->ct.is_looked_up = true;
	if (walk->sets)
		return ct_look_up_set(walk, skb, go, data);
	found = find(walk, skb);
	ct_look_up(walk, skb, &found);
	return go(walk, skb, data);
}

/* __nf_conntrack_confirm: from here on NAT chooses no more for it. */
void conntrack_confirm(struct walk *walk, struct skb *skb)
{
	if (!skb->ct.is_tracked || !skb->ct.is_new)
		return;
	skb->ct.entry.status |= CT_STATUS_CONFIRMED;
	copies_note(walk, skb);
}

/* A case is a world of its own: what its copies share, other cases do not see. */
void conntrack_unshare(struct walk *walk, struct skb *skb)
{
	struct copies *own;

	if (!skb->ct.copies)
		return;
	own = arena_new_one(walk->arena, struct copies);
	*own = *skb->ct.copies;
	skb->ct.copies = own;
}

/* What is known of its flow is left behind when a packet leaves a host's stack; a new flow stays. */
void conntrack_reset(struct walk *walk, struct skb *skb)
{
	struct packet *packet = &skb->packet;
	struct packet fresh = *packet;

	if (skb->ct.is_tracked && (skb->ct.is_new || skb->ct.is_reply)) {
		struct walked_flow *flow = arena_new_one(walk->arena, struct walked_flow);

		flow->before = skb->flows;
		flow->ns = skb->ns;
		flow->entry = skb->ct.entry;
		flow->entry.mark = packet->ct_mark;
		flow->n_mapped = skb->ct.n_mapped;
		if (skb->ct.is_reply)
			flow->entry.status |= CT_STATUS_SEEN_REPLY;
		flow->entry.status |= CT_STATUS_CONFIRMED;
		skb->flows = flow;
	}
	skb->ct = (struct tracking){ 0 };
	fresh.unknown &= ~FIELDS_OF_FLOW;
	fresh.ct_state = CT_INVALID;
	fresh.ct_mark = fresh.ct_zone = 0;
	fresh.ct_status = 0;
	fresh.is_reply = false;
	fresh.ct_orig_src = fresh.ct_orig_dst = (struct addr){ 0 };
	fresh.ct_orig_sport = fresh.ct_orig_dport = 0;
	*packet = fresh;
}
