// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Nodes that nobody needs any more.
 *
 * They are given back where somebody says that he could do with it, and only what is named stays: by him, and by the keepers of
 * those that he works for. What is known of nodes that stay is kept too. It is done often: work on a small table, which lies in
 * the processor's cache, is faster than work on a large one by more than it costs.
 */
#include "packet/set_bdd.h"

#include <string.h>

#define COLLECT_TIMES 2

/* As many as were not marked before. */
static size_t mark(struct sets *sets, uint32_t a)
{
	struct set_node *n;

	if (a < 2 || sets->nodes[a].is_marked)
		return 0;
	n = &sets->nodes[a];
	n->is_marked = true;
	return 1 + mark(sets, n->low) + mark(sets, n->high);
}

static void unmark(struct sets *sets, uint32_t a)
{
	struct set_node *n;

	if (a < 2 || !sets->nodes[a].is_marked)
		return;
	n = &sets->nodes[a];
	n->is_marked = false;
	unmark(sets, n->low);
	unmark(sets, n->high);
}

size_t set_n_nodes(struct sets *sets, struct packet_set a)
{
	size_t n = mark(sets, a.node);

	unmark(sets, a.node);
	return n;
}

size_t sets_n_nodes(const struct sets *sets)
{
	return sets->n - sets->n_free;
}

size_t sets_n_nodes_peak(const struct sets *sets)
{
	return sets->peak;
}

/* A collection looks at every node, and work begins again with an empty cache: not for a few. */
bool sets_should_collect(const struct sets *sets)
{
	size_t n = sets_n_nodes(sets);

	/* there must be room for what comes before the next time that somebody asks */
	if (!sets->collect_min)
		return true;
	return n > sets->collect_min && (n > COLLECT_TIMES * sets->n_kept ||
						n - sets->n_kept > (sets->max - sets->n_kept) / 2);
}

void sets_push_keeper(struct sets *sets, struct set_keeper *keeper)
{
	keeper->outer = sets->keepers;
	sets->keepers = keeper;
}

void sets_pop_keeper(struct sets *sets)
{
	sets->keepers = sets->keepers->outer;
}

void sets_keep(struct sets *sets, struct packet_set set)
{
	mark(sets, set.node);
}

static bool is_kept(const struct sets *sets, uint32_t node)
{
	return node < 2 || sets->nodes[node].is_marked;
}

/* What is known of nodes that stay is as right as before. */
static void keep_cache(struct sets *sets)
{
	for (size_t i = 0; i < sets->cache_size; i++) {
		struct set_cached *c = &sets->cache[i];
		uint32_t op = c->op_a >> SET_OP_SHIFT;
		bool is_of_two = op <= OP_SPLIT || op == OP_LEAD;

		if (!is_kept(sets, c->op_a & SET_NODE_MASK) ||
			(is_of_two && !is_kept(sets, c->b)) || !is_kept(sets, c->result) ||
			!is_kept(sets, c->rest))
			*c = (struct set_cached){ 0 };
	}
}

/* From the last one to the first, so that those of low numbers, which lie together, are the first to be used again. */
static void free_unmarked(struct sets *sets)
{
	memset(sets->buckets, 0, sets->size * sizeof(*sets->buckets));
	sets->free = 0;
	sets->n_free = 0;
	for (uint32_t i = (uint32_t)sets->n - 1; i >= 2; i--) {
		struct set_node *n = &sets->nodes[i];

		if (n->is_marked) {
			n->is_marked = false;
			sets_put_into_bucket(sets, i);
			continue;
		}
		n->next = sets->free;
		sets->free = i;
		sets->n_free++;
	}
}

void sets_collect(struct sets *sets, const struct packet_set *keep, size_t n_keep)
{
	if (sets->has_failed)
		return;
	for (size_t i = 0; i < n_keep; i++)
		mark(sets, keep[i].node);
	for (const struct set_keeper *k = sets->keepers; k; k = k->outer)
		k->keep(k->data, sets);
	vec_for_each (set, &sets->remembered)
		mark(sets, (*set)->node);
	keep_cache(sets);
	free_unmarked(sets);
	sets->n_kept = sets_n_nodes(sets);
}
