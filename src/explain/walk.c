// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The beginning of a walk, its nodes and its ends, and how ends become one answer.
 *
 * The walk is a recursion: a stage knows what comes next and asks it, so a fork needs no list of
 * things to do; the C stack holds where every open case goes on. It is bounded by max_steps.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "explain/internal.h"

bool skb_is_unknown(const struct skb *skb, enum field field)
{
	return skb->packet.unknown & FIELD_BIT(field);
}

uint16_t packet_inner_ethertype(const struct packet *packet)
{
	if (packet->ethertype != ETHERTYPE_VLAN)
		return packet->ethertype;
	if (packet->arp_op)
		return ETHERTYPE_ARP;
	return packet->src.family == FAMILY_IPV6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4;
}

bool packet_is_tagged(const struct packet *packet)
{
	return packet->ethertype == ETHERTYPE_VLAN;
}

void packet_tag(struct packet *packet, uint16_t vlan)
{
	packet->ethertype = ETHERTYPE_VLAN;
	packet->vlan_id = vlan;
}

void packet_untag(struct packet *packet)
{
	packet->ethertype = packet_inner_ethertype(packet);
	packet->vlan_id = 0;
}

const struct addr *skb_next_hop(const struct skb *skb)
{
	bool has_gateway =
		skb->gateway.family == skb->packet.dst.family && !addr_is_zero(&skb->gateway);

	return has_gateway ? &skb->gateway : &skb->packet.dst;
}

/* skb_scrub_packet: at the way into another namespace. */
void skb_clear_mark(struct skb *skb)
{
	skb->packet.mark = 0;
	skb->packet.unknown &= ~FIELD_BIT(FIELD_MARK);
}

bool addr_is_zero(const struct addr *addr)
{
	static const uint8_t zero[16];

	return memcmp(addr->bytes, zero, sizeof(zero)) == 0;
}

bool addr_is_multicast(const struct addr *addr)
{
	return addr->family == FAMILY_IPV6 ? addr->bytes[0] == 0xff : addr->bytes[0] >> 4 == 14;
}

bool addr_has_group_mac(const struct addr *addr)
{
	static const uint8_t all[4] = { 255, 255, 255, 255 };

	return addr_is_multicast(addr) ||
	       (addr->family == FAMILY_IPV4 && !memcmp(addr->bytes, all, sizeof(all)));
}

struct mac group_mac(const struct addr *addr)
{
	const uint8_t *b = addr->bytes;

	if (!addr_is_multicast(addr))
		return (struct mac){ { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } };
	if (addr->family == FAMILY_IPV6)
		return (struct mac){ { 0x33, 0x33, b[12], b[13], b[14], b[15] } };
	return (struct mac){ { 0x01, 0x00, 0x5e, b[1] & 0x7f, b[2], b[3] } };
}

bool addr_is_loopback(const struct addr *addr)
{
	static const uint8_t one[16] = { [15] = 1 };

	if (addr->family == FAMILY_IPV6)
		return memcmp(addr->bytes, one, sizeof(one)) == 0;
	return addr->bytes[0] == 127;
}

bool addr_is_link_local(const struct addr *addr)
{
	return addr->family == FAMILY_IPV6 && addr->bytes[0] == 0xfe &&
	       (addr->bytes[1] & 0xc0) == 0x80;
}

bool mac_is_multicast(struct mac mac)
{
	return mac.bytes[0] & 1;
}

bool mac_is_broadcast(struct mac mac)
{
	return mac_equal(mac, (struct mac){ { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } });
}

/* --- nodes and ends --- */

struct node *skb_node(struct walk *walk, struct skb *skb, enum node_kind kind)
{
	struct node *node = arena_new_one(walk->arena, struct node);
	const struct node *before = skb->last;

	walk->n_steps++;
	node->before = before;
	node->kind = kind;
	node->depth = before ? before->depth + 1 : 0;
	node->branch = skb->branch;
	node->ns = skb->ns;
	node->link = skb->dev;
	node->set = skb->set;
	if (skb->dev && skb->dev->master_index)
		node->bridge = netns_link_by_index(skb->ns, skb->dev->master_index);
	/* padding that differs costs a copy, no more */
	// NOLINTNEXTLINE(bugprone-suspicious-memory-comparison,cert-exp42-c,cert-flp37-c): see above
	if (before && !memcmp(before->packet, &skb->packet, sizeof(skb->packet))) {
		node->packet = before->packet;
	} else {
		struct packet *copy = arena_new_one(walk->arena, struct packet);

		*copy = skb->packet;
		node->packet = copy;
	}
	skb->branch = BRANCH_NONE;
	skb->last = node;
	return node;
}

static struct answer end(struct walk *walk, struct skb *skb, struct leaf *leaf)
{
	struct answer answer = { .final = leaf->final, .leaf = leaf };

	if (walk->sets) {
		struct part *part = arena_new_one(walk->arena, struct part);

		*part = (struct part){ skb_origin(walk, skb), leaf };
		answer.parts = part;
		answer.n_parts = 1;
	}
	skb_node(walk, skb, NODE_END);
	conntrack_reset(walk, skb);
	leaf->rewritten = skb->rewritten;
	leaf->last = skb->last;
	leaf->flows = skb->flows;
	*vec_push(&walk->result->leaves, walk->arena) = leaf;
	return answer;
}

struct answer end_dropped(struct walk *walk, struct skb *skb, enum drop drop)
{
	struct leaf *leaf = arena_new_one(walk->arena, struct leaf);

	leaf->final = FINAL_DROPPED;
	leaf->drop = drop;
	return end(walk, skb, leaf);
}

static bool is_rewritten(const struct walk *walk, const struct skb *skb)
{
	const struct packet *a = &walk->query->packet, *b = &skb->packet;

	if (packet_inner_ethertype(a) == ETHERTYPE_ARP)
		return false;
	if (walk->sets)
		return skb->rewritten;
	return addr_compare(&a->src, &b->src) || addr_compare(&a->dst, &b->dst) ||
	       a->sport != b->sport || a->dport != b->dport;
}

struct answer end_delivered(struct walk *walk, struct skb *skb, enum place place)
{
	struct leaf *leaf = arena_new_one(walk->arena, struct leaf);

	leaf->final = is_rewritten(walk, skb) ? FINAL_REWRITTEN : FINAL_DELIVERED;
	leaf->place = place;
	return end(walk, skb, leaf);
}

struct answer end_socket(struct walk *walk, struct skb *skb, const struct socket *socket)
{
	struct leaf *leaf = arena_new_one(walk->arena, struct leaf);

	leaf->final = is_rewritten(walk, skb) ? FINAL_REWRITTEN : FINAL_DELIVERED;
	leaf->place = PLACE_SOCKET;
	leaf->socket = socket;
	return end(walk, skb, leaf);
}

struct answer end_consumed(struct walk *walk, struct skb *skb, const char *note)
{
	struct leaf *leaf = arena_new_one(walk->arena, struct leaf);

	leaf->final = FINAL_CONSUMED;
	leaf->why = note;
	return end(walk, skb, leaf);
}

bool walk_is_too_long(const struct walk *walk)
{
	return walk->n_steps > walk->max_steps ||
	       (walk->sets && sets_n_nodes(walk->sets) > LIMIT_WALK_NODES);
}

struct answer end_too_long(struct walk *walk, struct skb *skb)
{
	if (walk->n_steps > walk->max_steps)
		return end_cannot_tell(
			walk, skb, "the walk was stopped after %u steps", walk->max_steps);
	return end_cannot_tell(walk, skb,
		"the walk of the set was stopped: it has become too large; ask for less of it");
}

struct answer end_cannot_tell(struct walk *walk, struct skb *skb, const char *fmt, ...)
{
	struct leaf *leaf = arena_new_one(walk->arena, struct leaf);
	va_list ap;

	va_start(ap, fmt);
	leaf->why = arena_vprintf(walk->arena, fmt, ap);
	va_end(ap);
	leaf->final = FINAL_CANNOT_TELL;
	return end(walk, skb, leaf);
}

/* The parts of one behind those of the other. */
static void join_parts(const struct walk *walk, struct answer *a, const struct answer *b)
{
	size_t n = a->n_parts + b->n_parts;
	struct part *parts;

	if (!b->n_parts)
		return;
	parts = arena_new_array(walk->arena, struct part, n);
	if (a->n_parts)
		memcpy(parts, a->parts, a->n_parts * sizeof(*parts));
	memcpy(parts + a->n_parts, b->parts, b->n_parts * sizeof(*parts));
	a->parts = parts;
	a->n_parts = n;
}

struct answer answer_of_cases(const struct walk *walk, struct answer a, struct answer b)
{
	struct answer both = { FINAL_CANNOT_TELL, a.leaf, b.leaf, a.parts, a.n_parts };

	if (a.final == FINAL_NONE)
		return b;
	if (b.final == FINAL_NONE)
		return a;
	if (a.final == b.final) {
		if (!a.other)
			a.other = b.other;
		both = a;
	}
	if (walk->sets)
		join_parts(walk, &both, &b);
	return both;
}

struct answer answer_without(const struct walk *walk, const struct answer *a, struct packet_set set)
{
	struct part *parts = arena_new_array(walk->arena, struct part, a->n_parts);
	struct answer answer = *a;

	answer.parts = parts;
	answer.n_parts = 0;
	for (size_t i = 0; i < a->n_parts; i++) {
		struct packet_set left = set_minus(walk->sets, a->parts[i].set, set);

		if (!set_is_empty(left))
			parts[answer.n_parts++] = (struct part){ left, a->parts[i].leaf };
	}
	return answer;
}

/* Without the ends of those who throw it away as somebody else's, where there is another end. */
struct answer answer_of_receivers(const struct walk *walk, const struct answer *a)
{
	struct part *parts = arena_new_array(walk->arena, struct part, a->n_parts);
	struct packet_set others = SET_EMPTY, seen = SET_EMPTY;
	struct answer answer = *a;

	answer.parts = parts;
	answer.n_parts = 0;
	for (size_t i = 0; i < a->n_parts; i++)
		if (a->parts[i].leaf->drop != DROP_OTHER_HOST)
			others = set_or(walk->sets, others, a->parts[i].set);
	for (size_t i = 0; i < a->n_parts; i++) {
		struct part part = a->parts[i];

		if (part.leaf->drop == DROP_OTHER_HOST) {
			part.set = set_minus(walk->sets, part.set, others);
			part.set = set_minus(walk->sets, part.set, seen);
			seen = set_or(walk->sets, seen, part.set);
		}
		if (!set_is_empty(part.set))
			parts[answer.n_parts++] = part;
	}
	return answer;
}

static bool is_no_receiver(enum drop drop)
{
	return drop == DROP_OTHER_HOST || drop == DROP_LINK_DOWN || drop == DROP_NO_VLAN_DEVICE ||
	       drop == DROP_NO_PROTOCOL;
}

/* Somebody who floods wants one receiver: all the others throw the frame away. What cannot be
 * told of one copy matters only if no other copy arrives. */
static int rank(enum final final, const struct leaf *leaf)
{
	static const int ranks[] = {
		[FINAL_NONE] = 0,
		[FINAL_DROPPED] = 1,
		[FINAL_REJECTED] = 2,
		[FINAL_CONSUMED] = 4,
		[FINAL_CANNOT_TELL] = 3,
		[FINAL_DELIVERED] = 6,
		[FINAL_REWRITTEN] = 6,
	};
	int value = ranks[final];

	/* told by a rule is worth more than a device that has nothing to do with it */
	if (final == FINAL_DROPPED && is_no_receiver(leaf->drop))
		return 0;
	if (final == FINAL_DROPPED && (leaf->drop == DROP_RULE || leaf->drop == DROP_POLICY))
		return 2;
	if (value == 6 && leaf->place != PLACE_WIRE)
		return 7;
	return value;
}

/* Is the guest behind the device at its end whom the frame is for? Of a veth the other end is the guest's; libvirt gives
 * a tap the MAC of its guest with fe in front. */
static bool is_for_guest(const struct host *host, const struct leaf *leaf)
{
	const struct node *last = leaf->last;
	const struct link *link = last->link, *peer = NULL;
	const struct netns *ns;

	if (!link || !last->ns || last->packet->unknown & FIELD_BIT(FIELD_ETH_DST))
		return false;
	if (!strcmp(link->kind, "veth"))
		peer = host_veth_peer(host, last->ns, link, &ns);
	if (peer)
		return mac_equal(peer->mac, last->packet->eth_dst);
	return link->mac.bytes[0] == 0xfe &&
	       !memcmp(link->mac.bytes + 1, last->packet->eth_dst.bytes + 1, 5);
}

/* Does a tell more of the copies than b? */
static bool is_better(const struct host *host, enum final final_a, const struct leaf *a,
	enum final final_b, const struct leaf *b)
{
	int rank_a = rank(final_a, a), rank_b = rank(final_b, b);

	return rank_a != rank_b ? rank_a > rank_b : is_for_guest(host, a) && !is_for_guest(host, b);
}

bool leaf_is_better(const struct host *host, const struct leaf *a, const struct leaf *b)
{
	return is_better(host, a->final, a, b->final, b);
}

/* Of packets that both have, the better end. */
static struct answer copies_of_sets(
	const struct walk *walk, const struct answer *a, const struct answer *b)
{
	struct sets *sets = walk->sets;
	struct answer answer = { .final = a->final, .leaf = a->leaf };
	struct packet_set all_b = SET_EMPTY, all_a = SET_EMPTY;
	VEC(struct part) parts = { 0 };

	for (size_t i = 0; i < a->n_parts; i++)
		all_a = set_or(sets, all_a, a->parts[i].set);
	for (size_t k = 0; k < b->n_parts; k++) {
		all_b = set_or(sets, all_b, b->parts[k].set);
		*vec_push(&parts, walk->arena) =
			(struct part){ set_minus(sets, b->parts[k].set, all_a), b->parts[k].leaf };
	}
	for (size_t i = 0; i < a->n_parts; i++) {
		const struct part *x = &a->parts[i];

		*vec_push(&parts, walk->arena) =
			(struct part){ set_minus(sets, x->set, all_b), x->leaf };
		for (size_t k = 0; k < b->n_parts; k++) {
			const struct part *y = &b->parts[k];
			bool is_y = is_better(
				walk->host, y->leaf->final, y->leaf, x->leaf->final, x->leaf);

			*vec_push(&parts, walk->arena) =
				(struct part){ set_and(sets, x->set, y->set),
					is_y ? y->leaf : x->leaf };
		}
	}
	for (size_t i = 0; i < parts.n; i++)
		if (!set_is_empty(parts.items[i].set))
			parts.items[answer.n_parts++] = parts.items[i];
	answer.parts = parts.items;
	return answer;
}

struct answer answer_of_copies(const struct walk *walk, struct answer a, struct answer b)
{
	if (a.final == FINAL_NONE)
		return b;
	if (b.final == FINAL_NONE)
		return a;
	if (walk->sets)
		return copies_of_sets(walk, &a, &b);
	return is_better(walk->host, b.final, b.leaf, a.final, a.leaf) ? b : a;
}

/* --- the walk --- */

/* What the set does not say is what a packet begins with. */
static void skb_begin(const struct walk *walk, struct skb *skb)
{
	const uint64_t own = FIELD_BIT(FIELD_PKTTYPE) | FIELDS_OF_FLOW;

	skb->set = set_and(walk->sets, walk->set, packet_values(walk->sets, &skb->packet, own));
	skb->synced = skb->packet;
}

static struct answer receive(struct walk *walk, struct skb *skb, const void *data)
{
	(void)data;
	return device_receive(walk, skb);
}

static struct answer once(struct walk *walk)
{
	const struct query *query = walk->query;
	struct skb skb = { .packet = query->packet,
		.ns = query->ns,
		.flows = query->flows,
		.facts = &walk->facts };

	walk->n_steps = 0;
	/* as rules see it before conntrack was asked: without an entry it is invalid */
	skb.packet.ct_state = CT_INVALID;
	skb.packet.in_iface = skb.packet.out_iface = NULL;
	skb.packet.physdev_in = skb.packet.physdev_out = NULL;
	if (walk->sets)
		skb_begin(walk, &skb);
	if (query->from == FROM_PROCESS)
		return ip_send(walk, &skb);
	skb.dev = query->in;
	if (walk->sets && skb_is_unknown(&skb, FIELD_ETH_DST))
		return skb_part_by_mac(walk, &skb, true, receive, NULL);
	return device_receive(walk, &skb);
}

static struct answer run(struct arena *arena, const struct explainer *explainer,
	const struct query *query, struct sets *sets, struct packet_set set,
	struct explanation *result)
{
	struct walk walk = {
		.arena = arena,
		.facts.arena = arena,
		.explainer = explainer,
		.host = explainer->host,
		.query = query,
		.result = result,
		.max_steps = query->max_steps ? query->max_steps
			     : sets	      ? LIMIT_WALK_STEPS_SET
					      : LIMIT_WALK_STEPS,
		.sets = sets,
		.set = set,
	};

	if (sets)
		walk.spaces = arena_new_array(
			arena, struct space *, 2 * walk.host->n_netns * N_IP_FAMILIES);
	return facts_run(&walk, once);
}

const struct explanation *explain(
	struct arena *arena, const struct explainer *explainer, const struct query *query)
{
	struct explanation *result = arena_new_one(arena, struct explanation);
	struct answer answer = run(arena, explainer, query, NULL, SET_EMPTY, result);

	result->final = answer.final;
	result->leaf = answer.leaf;
	result->other = answer.other;
	return result;
}

struct answer explain_set(struct arena *arena, const struct explainer *explainer,
	const struct query *query, struct sets *sets, struct packet_set set)
{
	struct explanation *result = arena_new_one(arena, struct explanation);

	return run(arena, explainer, query, sets, set, result);
}
