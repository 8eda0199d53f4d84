// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The copies of a flooded frame have one entry of conntrack: what rules, NAT and the confirmation do to
 * it for one copy, every later one finds. The kernel takes the ports in the reverse order of their
 * enslavement (br_add_if), which no listing tells, and the host last. So the copies are walked in the
 * order of the list and, where one of them asks for what another may have changed, in the reverse order,
 * too: every two are then seen in either order. If all take the same ways, the order does not matter.
 * NAT of the source is asked for whichever is first: that it is another copy does not matter, that it is
 * treated otherwise does.
 */
#include <string.h>

#include "explain/internal.h"

void copies_begin(struct walk *walk, struct skb *skb)
{
	skb->ct.copies = arena_new_one(walk->arena, struct copies);
	copies_note(skb);
}

void copies_note(struct skb *skb)
{
	if (!skb->ct.copies)
		return;
	skb->ct.copies->entry = skb->ct.entry;
	skb->ct.copies->mark = skb->packet.ct_mark;
}

void copies_share(struct skb *skb)
{
	if (!skb->ct.copies)
		return;
	skb->ct.entry = skb->ct.copies->entry;
	skb->packet.ct_mark = skb->ct.copies->mark;
	skb->packet.ct_status = skb->ct.entry.status;
}

bool copies_may_differ(const struct skb *skb, uint64_t asked)
{
	return skb->ct.copies &&
	       (skb->ct.copies->is_src_done ||
		       asked & (FIELD_BIT(FIELD_CT_MARK) | FIELD_BIT(FIELD_CT_STATUS)));
}

static bool steps_are_equal(const struct step *a, const struct step *b)
{
	for (; a && b; a = a->before, b = b->before)
		if (a->rule != b->rule || a->chain != b->chain)
			return false;
	return a == b;
}

/* Chains that NAT asks are compared apart. */
static const struct node *node_skip(const struct node *node, const struct node *from)
{
	while (node && node != from && node->kind == NODE_CHAIN && node->chain_type == CHAIN_NAT)
		node = node->before;
	return node == from ? NULL : node;
}

static bool packets_are_alike(const struct packet *a, const struct packet *b)
{
	return !addr_compare(&a->src, &b->src) && !addr_compare(&a->dst, &b->dst) &&
	       a->sport == b->sport && a->dport == b->dport && a->mark == b->mark &&
	       a->ct_mark == b->ct_mark && a->ttl == b->ttl && a->tos == b->tos &&
	       a->unknown == b->unknown;
}

static bool leaves_are_alike(const struct leaf *a, const struct leaf *b, const struct node *from)
{
	const struct node *x = node_skip(a->last, from), *y = node_skip(b->last, from);

	if (a->final != b->final || a->drop != b->drop)
		return false;
	while (x && y) {
		if (x->kind != y->kind || x->link != y->link || x->ns != y->ns ||
			x->chain != y->chain || !steps_are_equal(x->steps, y->steps) ||
			!packets_are_alike(x->packet, y->packet))
			return false;
		x = node_skip(x->before, from);
		y = node_skip(y->before, from);
	}
	return x == y;
}

/* The chain of type nat number n that these ways asked; those that share a beginning ask it once. */
static const struct node *nat_node(
	struct leaf *const *leaves, size_t n_leaves, const struct node *from, size_t n)
{
	for (size_t i = 0; i < n_leaves; i++)
		for (const struct node *node = leaves[i]->last; node && node != from;
			node = node->before) {
			bool is_known = false;

			for (size_t k = 0; k < i && !is_known; k++)
				for (const struct node *old = leaves[k]->last; old && old != from;
					old = old->before)
					is_known |= old == node;
			if (is_known)
				break;
			if (node->kind == NODE_CHAIN && node->chain_type == CHAIN_NAT && !n--)
				return node;
		}
	return NULL;
}

bool copies_are_alike(
	struct leaf *const *a, struct leaf *const *b, size_t n, const struct node *from)
{
	const struct node *x, *y;

	for (size_t i = 0; i < n; i++) {
		size_t k = 0;

		while (k < n && !leaves_are_alike(a[i], b[k], from))
			k++;
		if (k == n)
			return false;
	}
	for (size_t i = 0;; i++) {
		x = nat_node(a, n, from, i);
		y = nat_node(b, n, from, i);
		if (!x || !y)
			return x == y;
		if (x->chain != y->chain || !steps_are_equal(x->steps, y->steps))
			return false;
	}
}
