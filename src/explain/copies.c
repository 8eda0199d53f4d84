// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The copies of a flooded frame have one entry of conntrack: what rules, NAT and the confirmation do to
 * it for one copy, every later one finds. The kernel takes the ports in the reverse order of their
 * enslavement (br_add_if), which no listing tells, and the host last. So once a copy may have changed
 * what another asks for, every copy is walked again in every state that some order of the ports can
 * leave behind. If each goes the same way in all of them, the order is of no importance.
 *
 * Of a set every copy is walked as if it were the first one. That is right for packets of which no copy changes the mark
 * or is mapped; the others are noted, and cannot be told.
 *
 * NAT of the source is asked for whichever copy is first. That it is not asked for the others is no
 * other way, as long as it is by the same rule.
 */
#include <limits.h>
#include <string.h>

#include "explain/internal.h"

#define MAX_STATES 8 /* usually two: as it was, and as the first copy leaves it */

void copies_begin(struct walk *walk, struct skb *skb)
{
	skb->ct.copies = arena_new_one(walk->arena, struct copies);
	skb->ct.copies->entry = skb->ct.entry;
	skb->ct.copies->mark = skb->packet.ct_mark;
	if (walk->sets)
		skb->ct.copies->touched = arena_new_one(walk->arena, struct packet_set);
}

void copies_begin_set(struct skb *skb)
{
	struct copies *copies = skb->ct.copies;

	if (!copies)
		return;
	*copies->touched = SET_EMPTY;
	copies->is_mark_open = skb_is_unknown(skb, FIELD_CT_MARK);
	copies->mark_then = skb->packet.ct_mark;
}

static void note_touched(struct walk *walk, const struct skb *skb)
{
	const unsigned mapped = CT_STATUS_SRC_NAT | CT_STATUS_DST_NAT;
	const struct copies *copies = skb->ct.copies;
	struct skb touched = *skb;

	if (!((skb->ct.entry.status ^ copies->entry.status) & mapped) && !copies->is_mark_open)
		touched.set = set_minus(walk->sets, skb->set,
			set_of_number(walk->sets, FIELD_CT_MARK, copies->mark_then));
	if (!set_is_empty(touched.set))
		*copies->touched = set_or(walk->sets, *copies->touched, skb_origin(walk, &touched));
}

void copies_note(struct walk *walk, struct skb *skb)
{
	struct copies *copies = skb->ct.copies;

	if (!copies)
		return;
	if (copies->touched)
		note_touched(walk, skb);
	copies->entry = skb->ct.entry;
	copies->is_mark_changed |=
		copies->mark != skb->packet.ct_mark || skb_is_unknown(skb, FIELD_CT_MARK);
	copies->mark = skb->packet.ct_mark;
}

void copies_share(struct skb *skb)
{
	if (!skb->ct.copies)
		return;
	skb->ct.entry = skb->ct.copies->entry;
	if (!skb->ct.copies->touched)
		skb->packet.ct_mark = skb->ct.copies->mark;
	skb->packet.ct_status = skb->ct.entry.status;
}

bool copies_may_differ(const struct skb *skb, uint64_t asked)
{
	const struct copies *copies = skb->ct.copies;

	return copies &&
	       (copies->is_mark_changed || asked & FIELD_BIT(FIELD_CT_STATUS) ||
		       copies->entry.status & ~skb->ct.entry.status & CT_STATUS_SRC_NAT_DONE);
}

/* --- are two ways one? --- */

static bool steps_are_equal(const struct step *a, const struct step *b)
{
	for (; a && b; a = a->before, b = b->before)
		if (a->rule != b->rule || a->chain != b->chain)
			return false;
	return a == b;
}

/* At which depth a copy leaves the entry behind, with the namespace or through a veth. */
static unsigned depth_of_leave(const struct leaf *leaf, const struct node *from)
{
	unsigned depth = UINT_MAX;

	for (const struct node *node = leaf->last; node != from; node = node->before)
		if (node->kind == NODE_VETH || node->ns != from->ns)
			depth = node->depth;
	return depth;
}

static bool is_shared_nat(const struct node *node, unsigned leave)
{
	return node->kind == NODE_CHAIN && node->chain_type == CHAIN_NAT && node->depth < leave;
}

static const struct node *skip_nat(const struct node *node, const struct node *from, unsigned leave)
{
	while (node != from && is_shared_nat(node, leave))
		node = node->before;
	return node;
}

/* The mark and the status of the entry matter where a rule asks for them: that leads another way. */
static bool packets_are_alike(const struct packet *a, const struct packet *b)
{
	return !addr_compare(&a->src, &b->src) && !addr_compare(&a->dst, &b->dst) &&
	       a->sport == b->sport && a->dport == b->dport && a->mark == b->mark &&
	       a->ttl == b->ttl && a->tos == b->tos && a->unknown == b->unknown;
}

static bool leaves_are_alike(const struct leaf *a, const struct leaf *b, const struct node *from)
{
	unsigned leave_a = depth_of_leave(a, from), leave_b = depth_of_leave(b, from);
	const struct node *x = skip_nat(a->last, from, leave_a),
			  *y = skip_nat(b->last, from, leave_b);

	if (a->final != b->final || a->drop != b->drop)
		return false;
	while (x != from && y != from) {
		if (x->kind != y->kind || x->link != y->link || x->ns != y->ns ||
			x->chain != y->chain || !steps_are_equal(x->steps, y->steps) ||
			!packets_are_alike(x->packet, y->packet))
			return false;
		x = skip_nat(x->before, from, leave_a);
		y = skip_nat(y->before, from, leave_b);
	}
	return x == y;
}

/* --- orders --- */

/* Where one copy ends in one of the states. */
struct ends {
	struct leaf **leaves;
	size_t n;
};

struct orders {
	const struct node *from; /* where the copies part */
	struct copies states[MAX_STATES];
	size_t n_states;
	struct ends *first;		/* of each port, in the state that all find */
	VEC(const struct node *) asked; /* chains of type nat, each once */
};

static bool states_are_equal(const struct copies *a, const struct copies *b)
{
	const struct flow_tuple *x = &a->entry.reply, *y = &b->entry.reply;

	return a->entry.status == b->entry.status && a->mark == b->mark &&
	       !addr_compare(&x->src, &y->src) && !addr_compare(&x->dst, &y->dst) &&
	       x->sport == y->sport && x->dport == y->dport;
}

/* Whoever is last, the mark is the same behind it. */
static bool mark_is_settled(
	const struct orders *orders, const struct copies *found, const struct copies *left)
{
	uint32_t before = orders->states[0].mark;

	if (left->mark == found->mark)
		return true;
	for (size_t i = 0; i < orders->n_states; i++)
		if (orders->states[i].mark != before && orders->states[i].mark != left->mark)
			return false;
	return found->mark == before;
}

/* Found in one state, left in another. */
static bool add_state(struct orders *orders, const struct copies *found, const struct copies *left)
{
	if (!mark_is_settled(orders, found, left))
		return false;
	for (size_t i = 0; i < orders->n_states; i++)
		if (states_are_equal(&orders->states[i], left))
			return true;
	if (orders->n_states == MAX_STATES)
		return false;
	orders->states[orders->n_states++] = *left;
	return true;
}

/* Whoever is first, the same rules of NAT decide. */
static bool ask_nat(struct walk *walk, struct orders *orders, const struct ends *ends)
{
	for (size_t i = 0; i < ends->n; i++) {
		unsigned leave = depth_of_leave(ends->leaves[i], orders->from);

		for (const struct node *node = ends->leaves[i]->last; node != orders->from;
			node = node->before) {
			bool is_known = false;

			if (!is_shared_nat(node, leave))
				continue;
			vec_for_each (old, &orders->asked) {
				if ((*old)->chain != node->chain)
					continue;
				if (!steps_are_equal((*old)->steps, node->steps))
					return false;
				is_known = true;
			}
			if (!is_known)
				*vec_push(&orders->asked, walk->arena) = node;
		}
	}
	return true;
}

static struct ends walk_one(
	struct walk *walk, const struct skb *skb, copy_fn *send, const struct link *port)
{
	size_t first = walk->result->leaves.n;
	struct skb one = *skb;
	struct ends ends;

	copies_share(&one);
	send(walk, &one, port);
	ends.n = walk->result->leaves.n - first;
	ends.leaves = arena_new_array(walk->arena, struct leaf *, ends.n);
	memcpy(ends.leaves, walk->result->leaves.items + first, ends.n * sizeof(*ends.leaves));
	walk->result->leaves.n = first;
	return ends;
}

static bool ends_are_alike(const struct ends *a, const struct ends *b, const struct node *from)
{
	for (size_t i = 0; i < a->n && i < b->n; i++)
		if (!leaves_are_alike(a->leaves[i], b->leaves[i], from))
			return false;
	return a->n == b->n;
}

static bool try_state(struct walk *walk, const struct skb *skb, const struct link *const *ports,
	size_t n, copy_fn *send, struct orders *orders, size_t state)
{
	const struct copies found = orders->states[state];

	for (size_t i = 0; i < n; i++) {
		struct ends ends;

		*skb->ct.copies = found;
		ends = walk_one(walk, skb, send, ports[i]);
		if (!add_state(orders, &found, skb->ct.copies))
			return false;
		if (!state)
			orders->first[i] = ends;
		else if (!ends_are_alike(&orders->first[i], &ends, orders->from) ||
			 !ask_nat(walk, orders, &ends))
			return false;
	}
	return true;
}

bool copies_have_no_order(struct walk *walk, const struct skb *skb, const struct copies *before,
	const struct link *const *ports, size_t n, copy_fn *send)
{
	struct orders orders = { .from = skb->last, .states = { *before }, .n_states = 1 };
	const struct copies end = *skb->ct.copies;
	bool are_alike = true;

	orders.first = arena_new_array(walk->arena, struct ends, n);
	for (size_t i = 0; i < orders.n_states && are_alike; i++) {
		are_alike = try_state(walk, skb, ports, n, send, &orders, i);
		for (size_t k = 0; !i && orders.n_states > 1 && k < n && are_alike; k++)
			are_alike = ask_nat(walk, &orders, &orders.first[k]);
	}
	*skb->ct.copies = end;
	return are_alike;
}
