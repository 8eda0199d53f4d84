// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Decision diagrams: the nodes, each there once, and what is computed of them.
 *
 * A node is made by sets_node alone, which finds the one that is there already; therefore equal sets are equal numbers. Children
 * are always of a lower place in the order, so that recursion is as deep as there are variables, at most.
 *
 * Nothing counts references. Work makes nodes until it ends or reaches the limit; who works for long says once
 * in a while what is still needed (sets_collect). That is cheaper than counting on every step, and cannot be got wrong by
 * forgetting one.
 *
 * The cache holds one result a place and forgets what was there. When the nodes double, so does it.
 */
#include "packet/set_bdd.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_SIZE	 ((size_t)1 << 12)
#define CACHE_MAX	 ((size_t)1 << 22)
#define LARGE_PAGES_FROM ((size_t)1 << 21)

struct halves {
	uint32_t in, out;
};

static uint32_t hash3(uint32_t a, uint32_t b, uint32_t c)
{
	uint64_t h = ((uint64_t)a << 32 | b) * 0x9e3779b97f4a7c15u;

	h = (h ^ h >> 32 ^ c) * 0xbf58476d1ce4e5b9u;
	return (uint32_t)(h >> 32);
}

/* Work goes through these tables without any order: with small pages most of it would be waiting for the page tables. */
static void *table_new(size_t size)
{
	return size < LARGE_PAGES_FROM ? malloc(size) : arena_try_large_pages(size);
}

static void *table_of_zeros(size_t size)
{
	void *memory = table_new(size);

	if (memory)
		memset(memory, 0, size);
	return memory;
}

static struct set_cached *cached_in(
	struct set_cached *cache, size_t size, uint32_t op, uint32_t a, uint32_t b)
{
	return &cache[hash3(a, b, op) & (size - 1)];
}

static void cache_resize(struct sets *sets)
{
	size_t size = sets->size < CACHE_MAX ? sets->size : CACHE_MAX;
	struct set_cached *cache;

	if (size == sets->cache_size || !(cache = table_of_zeros(size * sizeof(*cache))))
		return; /* the old one is as right */
	for (size_t i = 0; i < sets->cache_size; i++) {
		const struct set_cached *old = &sets->cache[i];

		if (old->op_a)
			*cached_in(cache, size, old->op_a >> SET_OP_SHIFT,
				old->op_a & SET_NODE_MASK, old->b) = *old;
	}
	free(sets->cache);
	sets->cache = cache;
	sets->cache_size = size;
}

void sets_put_into_bucket(struct sets *sets, uint32_t node)
{
	struct set_node *n = &sets->nodes[node];
	uint32_t *bucket = &sets->buckets[hash3(n->low, n->high, n->level) & (sets->size - 1)];

	n->next = *bucket;
	*bucket = node;
}

static bool grow(struct sets *sets)
{
	size_t size = sets->size ? 2 * sets->size : FIRST_SIZE;
	struct set_node *nodes = table_new(size * sizeof(*nodes));
	uint32_t *buckets;

	if (!nodes)
		return false;
	if (sets->n)
		memcpy(nodes, sets->nodes, sets->n * sizeof(*nodes));
	free(sets->nodes);
	sets->nodes = nodes;
	if (!(buckets = table_of_zeros(size * sizeof(*buckets))))
		return false;
	free(sets->buckets);
	sets->buckets = buckets;
	sets->size = size;
	for (uint32_t i = 2; i < sets->n; i++)
		sets_put_into_bucket(sets, i);
	cache_resize(sets);
	return sets->cache;
}

bool sets_init_nodes(struct sets *sets)
{
	if (!grow(sets))
		return false;
	sets->n = 2;
	for (uint32_t i = 0; i < 2; i++)
		sets->nodes[i] = (struct set_node){ .low = i, .high = i, .level = LEVEL_END };
	return true;
}

uint16_t sets_level(const struct sets *sets, uint32_t node)
{
	return sets->nodes[node].level;
}

uint32_t sets_node(struct sets *sets, unsigned level, uint32_t low, uint32_t high)
{
	uint32_t node, hash = hash3(low, high, level);

	if (low == high || sets->has_failed)
		return low;
	for (node = sets->buckets[hash & (sets->size - 1)]; node; node = sets->nodes[node].next) {
		const struct set_node *n = &sets->nodes[node];

		if (n->low == low && n->high == high && n->level == level)
			return node;
	}
	if (sets->free) {
		node = sets->free;
		sets->free = sets->nodes[node].next;
		sets->n_free--;
	} else if (sets->n >= sets->max) {
		sets_fail(sets, ERR_LIMIT, "a set of packets needs more than %zu nodes", sets->max);
		return 0;
	} else if (sets->n == sets->size && !grow(sets)) {
		sets_fail(sets, ERR_LIMIT, "no memory for more than %zu nodes of a set of packets",
			sets->n);
		return 0;
	} else {
		node = (uint32_t)sets->n++;
	}
	sets->nodes[node] = (struct set_node){ .low = low, .high = high, .level = (uint16_t)level };
	sets_put_into_bucket(sets, node);
	if (sets->n - sets->n_free > sets->peak)
		sets->peak = sets->n - sets->n_free;
	return node;
}

static struct set_cached *cached(struct sets *sets, uint32_t op, uint32_t a, uint32_t b)
{
	return cached_in(sets->cache, sets->cache_size, op, a, b);
}

static bool is_cached(const struct set_cached *c, uint32_t op, uint32_t a, uint32_t b)
{
	return c->op_a == (op << SET_OP_SHIFT | a) && c->b == b;
}

static uint32_t remember(struct sets *sets, uint32_t op, uint32_t a, uint32_t b, uint32_t result)
{
	*cached(sets, op, a, b) = (struct set_cached){ op << SET_OP_SHIFT | a, b, result, 0 };
	return result;
}

/* What needs no look at any node; UINT32_MAX: the rest. */
static uint32_t apply_at_once(enum set_op op, uint32_t a, uint32_t b)
{
	switch (op) {
	case OP_AND:
		if (a == b || b == 1)
			return a;
		return !a || !b ? 0 : a == 1 ? b : UINT32_MAX;
	case OP_OR:
		if (a == b || !b)
			return a;
		return a == 1 || b == 1 ? 1 : !a ? b : UINT32_MAX;
	default: /* OP_MINUS */
		return !a || b == 1 || a == b ? 0 : !b ? a : UINT32_MAX;
	}
}

/* Most of what is computed of a set is the set itself, whose node need not be found. */
static uint32_t node_like(
	struct sets *sets, uint32_t like, unsigned level, uint32_t low, uint32_t high)
{
	const struct set_node *n = &sets->nodes[like];

	if (n->low == low && n->high == high && n->level == level)
		return like;
	return sets_node(sets, level, low, high);
}

/* What both say at the upper level of the two; one that does not ask it says itself. */
static unsigned open_both(const struct sets *sets, uint32_t a, uint32_t b, struct set_node *ret_a,
	struct set_node *ret_b)
{
	unsigned level;

	*ret_a = sets->nodes[a];
	*ret_b = sets->nodes[b];
	level = ret_a->level < ret_b->level ? ret_a->level : ret_b->level;
	if (ret_a->level != level)
		ret_a->low = ret_a->high = a;
	if (ret_b->level != level)
		ret_b->low = ret_b->high = b;
	return level;
}

static uint32_t apply(struct sets *sets, enum set_op op, uint32_t a, uint32_t b)
{
	uint32_t result = apply_at_once(op, a, b);
	const struct set_cached *c;
	struct set_node na, nb;
	unsigned level;

	if (result != UINT32_MAX || sets->has_failed)
		return sets->has_failed ? 0 : result;
	if (op != OP_MINUS && a > b) {
		uint32_t swapped = a;

		a = b;
		b = swapped;
	}
	c = cached(sets, op, a, b);
	if (is_cached(c, op, a, b))
		return c->result;
	level = open_both(sets, a, b, &na, &nb);
	result = apply(sets, op, na.low, nb.low);
	result = node_like(sets, a, level, result, apply(sets, op, na.high, nb.high));
	return remember(sets, op, a, b, result);
}

/* Both halves of a at once: what is looked up of a and b for one of them is there for the other. */
static struct halves split(struct sets *sets, uint32_t a, uint32_t b)
{
	struct halves low, high;
	struct set_cached *c;
	struct set_node na, nb;
	unsigned level;

	if (sets->has_failed)
		return (struct halves){ 0, 0 };
	if (!a || !b)
		return (struct halves){ 0, a };
	if (b == 1 || a == b)
		return (struct halves){ a, 0 };
	if (a == 1)
		return (struct halves){ b, apply(sets, OP_MINUS, a, b) };
	c = cached(sets, OP_SPLIT, a, b);
	if (is_cached(c, OP_SPLIT, a, b))
		return (struct halves){ c->result, c->rest };
	level = open_both(sets, a, b, &na, &nb);
	low = split(sets, na.low, nb.low);
	high = split(sets, na.high, nb.high);
	low.in = node_like(sets, a, level, low.in, high.in);
	low.out = node_like(sets, a, level, low.out, high.out);
	*cached(sets, OP_SPLIT, a, b) =
		(struct set_cached){ OP_SPLIT << SET_OP_SHIFT | a, b, low.in, low.out };
	return low;
}

struct set_parts set_split(struct sets *sets, struct packet_set a, struct packet_set b)
{
	struct halves halves = split(sets, a.node, b.node);

	return (struct set_parts){ { halves.in }, { halves.out } };
}

struct packet_set set_and(struct sets *sets, struct packet_set a, struct packet_set b)
{
	return (struct packet_set){ apply(sets, OP_AND, a.node, b.node) };
}

struct packet_set set_or(struct sets *sets, struct packet_set a, struct packet_set b)
{
	return (struct packet_set){ apply(sets, OP_OR, a.node, b.node) };
}

struct packet_set set_minus(struct sets *sets, struct packet_set a, struct packet_set b)
{
	return (struct packet_set){ apply(sets, OP_MINUS, a.node, b.node) };
}

struct packet_set set_not(struct sets *sets, struct packet_set a)
{
	return set_minus(sets, SET_FULL, a);
}

static struct packet_set or_some(struct sets *sets, size_t from, size_t to,
	struct packet_set (*one)(void *data, size_t i), void *data)
{
	size_t middle = from + (to - from) / 2;

	if (to == from + 1)
		return one(data, from);
	return set_or(
		sets, or_some(sets, from, middle, one, data), or_some(sets, middle, to, one, data));
}

struct packet_set set_or_all(
	struct sets *sets, size_t n, struct packet_set (*one)(void *data, size_t i), void *data)
{
	return n ? or_some(sets, 0, n, one, data) : SET_EMPTY;
}

bool set_is_empty(struct packet_set a)
{
	return a.node == 0;
}

bool set_is_full(struct packet_set a)
{
	return a.node == 1;
}

bool set_equal(struct packet_set a, struct packet_set b)
{
	return a.node == b.node;
}

bool set_is_subset(struct sets *sets, struct packet_set inner, struct packet_set outer)
{
	return set_is_empty(set_minus(sets, inner, outer));
}

static uint32_t forget(struct sets *sets, uint32_t a, uint32_t which)
{
	const struct set_cached *c;
	struct set_node n;
	uint32_t low, high;

	if (a < 2 || sets->has_failed)
		return sets->has_failed ? 0 : a;
	c = cached(sets, OP_FORGET, a, which);
	if (is_cached(c, OP_FORGET, a, which))
		return c->result;
	n = sets->nodes[a];
	low = forget(sets, n.low, which);
	if (!sets_is_block_in(sets, n.level, sets->forgotten.items[which])) {
		high = forget(sets, n.high, which);
		low = sets_node(sets, n.level, low, high);
	} else if (low != 1) {
		high = forget(sets, n.high, which);
		low = apply(sets, OP_OR, low, high);
	}
	return remember(sets, OP_FORGET, a, which, low);
}

struct packet_set set_forget(struct sets *sets, struct packet_set a, uint64_t fields)
{
	uint32_t which = 0;

	while (which < sets->forgotten.n && sets->forgotten.items[which] != fields)
		which++;
	if (which == sets->forgotten.n)
		*vec_push(&sets->forgotten, sets->arena) = fields;
	return (struct packet_set){ forget(sets, a.node, which) };
}

bool set_asks_extra(struct sets *sets, struct packet_set a)
{
	return !set_equal(a, set_forget(sets, a, SET_EXTRA_BITS));
}

/*
 * A set that has of c's packets what a has, and asks no variable that c does not leave open (Coudert and Madre's
 * restrict). What is not in c is put wherever fewer questions have to be asked.
 */
static uint32_t restricted(struct sets *sets, uint32_t a, uint32_t c)
{
	const struct set_cached *known;
	struct set_node na, nc;
	uint32_t result;

	if (sets->has_failed || a < 2 || c < 2)
		return a;
	known = cached(sets, OP_RESTRICT, a, c);
	if (is_cached(known, OP_RESTRICT, a, c))
		return known->result;
	na = sets->nodes[a];
	nc = sets->nodes[c];
	if (nc.level < na.level) {
		result = restricted(sets, a, apply(sets, OP_OR, nc.low, nc.high));
	} else {
		if (nc.level > na.level)
			nc.low = nc.high = c;
		if (!nc.low) {
			result = restricted(sets, na.high, nc.high);
		} else if (!nc.high) {
			result = restricted(sets, na.low, nc.low);
		} else {
			result = restricted(sets, na.low, nc.low);
			result = sets_node(
				sets, na.level, result, restricted(sets, na.high, nc.high));
		}
	}
	return remember(sets, OP_RESTRICT, a, c, result);
}

/* Fields that a packet of another protocol has not: 0 there, which nobody wants to read. */
static struct packet_set only_where_present(struct sets *sets)
{
	static const enum field fields[] = { FIELD_SPORT, FIELD_DPORT, FIELD_TCP_FLAGS,
		FIELD_ICMP_TYPE, FIELD_ICMP_CODE };
	struct packet_set all = SET_FULL;

	for (size_t i = 0; i < N_OF(fields); i++)
		all = set_and(sets, all,
			set_or(sets, set_of_present(sets, fields[i]),
				set_of_number(sets, fields[i], 0)));
	return all;
}

/* The other family's ICMP: nobody sends it, and who leaves it out need not say so. */
static struct packet_set of_own_icmp(struct sets *sets)
{
	struct packet_set v6 = set_of_family(sets, FAMILY_IPV6);
	struct packet_set not_in_v6 = set_not(sets, set_of_number(sets, FIELD_PROTO, PROTO_ICMP));
	struct packet_set not_in_v4 = set_not(sets, set_of_number(sets, FIELD_PROTO, PROTO_ICMPV6));

	return set_or(sets, set_and(sets, v6, not_in_v6), set_minus(sets, not_in_v4, v6));
}

static struct packet_set restrict_to(
	struct sets *sets, struct packet_set a, struct packet_set among, struct packet_set care)
{
	if (set_is_subset(sets, among, care))
		a.node = restricted(sets, a.node, care.node);
	return a;
}

struct packet_set set_shorten(struct sets *sets, struct packet_set a, struct packet_set among)
{
	struct packet_set now = a;

	/* what is seldom spoken of first */
	for (unsigned field = N_FIELDS; field-- > 0;) {
		struct packet_set without = set_forget(sets, now, FIELD_BIT(field));

		if (set_equal(set_and(sets, without, among), a))
			now = without;
	}
	now = restrict_to(sets, now, among, only_where_present(sets));
	return restrict_to(sets, now, among, of_own_icmp(sets));
}

struct packet_set set_assign(
	struct sets *sets, struct packet_set a, uint64_t fields, struct packet_set to)
{
	return set_and(sets, set_forget(sets, a, fields), to);
}

static uint32_t swap(struct sets *sets, uint32_t a, enum field one, enum field other)
{
	uint32_t which = (uint32_t)one << 8 | other, low, high, variable;
	unsigned block, level;
	const struct set_cached *c;
	struct set_node n;

	if (a < 2 || sets->has_failed)
		return sets->has_failed ? 0 : a;
	c = cached(sets, OP_SWAP, a, which);
	if (is_cached(c, OP_SWAP, a, which))
		return c->result;
	n = sets->nodes[a];
	low = swap(sets, n.low, one, other);
	high = swap(sets, n.high, one, other);
	block = sets_block_of(sets, n.level);
	level = n.level;
	if (block == one || block == other)
		level = level - sets_first_level(sets, block) +
			sets_first_level(sets, block == one ? other : one);
	/* the other field's place may be below what is asked here: no sets_node */
	variable = sets_node(sets, level, 0, 1);
	high = apply(sets, OP_AND, variable, high);
	low = apply(sets, OP_MINUS, low, variable);
	return remember(sets, OP_SWAP, a, which, apply(sets, OP_OR, low, high));
}

struct packet_set set_swap(struct sets *sets, struct packet_set a, enum field one, enum field other)
{
	const struct set_field *x = &sets->fields[one], *y = &sets->fields[other];

	if (x->is_enumerated || y->is_enumerated || x->n_bits != y->n_bits ||
		x->n_bits_v4 != y->n_bits_v4) {
		sets_fail(sets, ERR_INPUT, "%s and %s cannot change places", field_name(one),
			field_name(other));
		return SET_EMPTY;
	}
	return (struct packet_set){ swap(sets, a.node, one, other) };
}

static uint32_t know(struct sets *sets, uint32_t a)
{
	const struct set_cached *c;
	struct set_node n;
	uint32_t low;

	if (sets->has_failed)
		return 0;
	while (sets->nodes[a].level != LEVEL_END && sets->known[sets->nodes[a].level] < 2) {
		n = sets->nodes[a];
		a = sets->known[n.level] ? n.high : n.low;
	}
	if (a < 2)
		return a;
	c = cached(sets, OP_KNOW, a, sets->n_knows);
	if (is_cached(c, OP_KNOW, a, sets->n_knows))
		return c->result;
	n = sets->nodes[a];
	low = know(sets, n.low);
	low = sets_node(sets, n.level, low, know(sets, n.high));
	return remember(sets, OP_KNOW, a, sets->n_knows, low);
}

struct packet_set sets_know(struct sets *sets, struct packet_set a)
{
	/* each call knows something else; the number of a call tells its results from those of others */
	if (++sets->n_knows == UINT32_MAX) {
		memset(sets->cache, 0, sets->cache_size * sizeof(*sets->cache));
		sets->n_knows = 1;
	}
	return (struct packet_set){ know(sets, a.node) };
}

static bool is_below_sources(const struct sets *sets, uint32_t a)
{
	const struct set_field *src = &sets->fields[FIELD_SRC];

	return sets_level(sets, a) >= src->first + src->n_bits;
}

static void find_rows(
	struct sets *sets, uint32_t a, size_t max, struct arena *arena, struct set_rows *rows)
{
	if (sets->nodes[a].is_marked || rows->list.n > max)
		return;
	sets->nodes[a].is_marked = true;
	if (is_below_sources(sets, a)) {
		vec_push(&rows->list, arena)->node = a;
		return;
	}
	find_rows(sets, sets->nodes[a].low, max, arena, rows);
	find_rows(sets, sets->nodes[a].high, max, arena, rows);
}

static void unmark_rows(struct sets *sets, uint32_t a)
{
	if (!sets->nodes[a].is_marked)
		return;
	sets->nodes[a].is_marked = false;
	if (is_below_sources(sets, a))
		return;
	unmark_rows(sets, sets->nodes[a].low);
	unmark_rows(sets, sets->nodes[a].high);
}

bool sets_find_rows(struct sets *sets, struct packet_set a, size_t max, struct arena *arena,
	struct set_rows *ret)
{
	ret->list.n = 0;
	find_rows(sets, a.node, max, arena, ret);
	unmark_rows(sets, a.node);
	return ret->list.n <= max;
}

static uint32_t lead(struct sets *sets, uint32_t a, uint32_t row)
{
	const struct set_cached *c;
	struct set_node n;
	uint32_t low;

	if (a == row)
		return 1;
	if (is_below_sources(sets, a) || sets->has_failed)
		return 0;
	c = cached(sets, OP_LEAD, a, row);
	if (is_cached(c, OP_LEAD, a, row))
		return c->result;
	n = sets->nodes[a];
	low = lead(sets, n.low, row);
	low = sets_node(sets, n.level, low, lead(sets, n.high, row));
	return remember(sets, OP_LEAD, a, row, low);
}

struct packet_set sets_of_row(struct sets *sets, struct packet_set a, struct packet_set row)
{
	return (struct packet_set){ lead(sets, a.node, row.node) };
}
