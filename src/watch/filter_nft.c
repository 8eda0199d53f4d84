// SPDX-License-Identifier: GPL-2.0-or-later
/* The chains for an expression, of the graph of its program: filter_graph.h. */
#include <inttypes.h>
#include <string.h>

#include "watch/filter_graph.h"

#define FIRST_REAL                                                                                 \
	0x600 /* smaller: a length, for which the kernel's skb->protocol has its own numbers */
#define FIRST_NO_LLC 0x5dd /* where libpcap lets them end */
#define MAX_DEPTH    12	   /* of 16; the caller has some of its own */
#define MAX_RULES    20000

/* Of a field: within [min, max]. */
struct interval {
	uint64_t min, max;
};

struct intervals {
	struct interval items[4];
	size_t n;
};

struct printing {
	struct graph graph;
	const char *prefix, *accept_chain;
	struct text *out;
	size_t n_rules;
	VEC(struct node *) chains;
};

/* --- what a test says of the field itself --- */

static void add_interval(struct intervals *out, uint64_t min, uint64_t max)
{
	if (min <= max && out->n < N_OF(out->items))
		out->items[out->n++] = (struct interval){ min, max };
}

/* Of the fields after the mask: those whose (f >> right << left) is within [min, max], which is no more than 32 bits. */
static void add_shifted(struct intervals *out, const struct value *v, uint64_t min, uint64_t max)
{
	uint64_t largest = all_bits(v->size), low_bits = ((uint64_t)1 << v->left) - 1;

	min = ((min + low_bits) >> v->left) << v->right;
	max = ((max >> v->left) << v->right) | (((uint64_t)1 << v->right) - 1);
	if (min == max && (min & ~(uint64_t)v->mask))
		return;
	add_interval(out, min, max < largest ? max : largest);
}

/* The values for which a test is true are one interval, with plus one around the end of 32 bits. */
static struct intervals where_true(const struct node *node)
{
	const struct value *v = &node->value;
	struct intervals out = { 0 };
	uint64_t n = node->number, min = n, max = UINT32_MAX;
	uint32_t from, to;

	if (node->test == BPF_JEQ)
		max = n;
	if (node->test == BPF_JGT)
		min = n + 1;
	if (min > max)
		return out;
	from = (uint32_t)min - v->plus;
	to = (uint32_t)max - v->plus;
	if (max - min == UINT32_MAX) {
		add_shifted(&out, v, 0, UINT32_MAX);
	} else if (from <= to) {
		add_shifted(&out, v, from, to);
	} else {
		add_shifted(&out, v, 0, to);
		add_shifted(&out, v, from, UINT32_MAX);
	}
	return out;
}

static struct intervals complement(const struct intervals *in, uint64_t largest)
{
	struct intervals out = { 0 };
	uint64_t next = 0;

	for (size_t i = 0; i < in->n; i++) {
		if (in->items[i].min > next)
			add_interval(&out, next, in->items[i].min - 1);
		if (in->items[i].max + 1 > next)
			next = in->items[i].max + 1;
	}
	if (next <= largest)
		add_interval(&out, next, largest);
	return out;
}

/*
 * What is below FIRST_REAL is the length of an 802.3 frame, for which skb->protocol has a number of its own, below too. An
 * interval may hold all of them or none.
 */
static bool fit_ethertype(struct intervals *intervals)
{
	for (size_t i = 0; i < intervals->n; i++) {
		struct interval *in = &intervals->items[i];

		if (in->min == FIRST_NO_LLC)
			in->min = FIRST_REAL;
		if (in->max == FIRST_NO_LLC - 1)
			in->max = FIRST_REAL - 1;
		if ((in->min && in->min < FIRST_REAL) || in->max < FIRST_REAL - 1)
			return false;
	}
	return true;
}

/* --- text --- */

static void begin_rule(struct printing *p)
{
	p->n_rules++;
	text_add(p->out, "\t\t");
}

static void print_target(struct printing *p, const struct node *to)
{
	struct node *target = (struct node *)to;

	if (to->kind == NODE_NO) {
		text_add(p->out, "return\n");
		return;
	}
	if (to->kind == NODE_YES) {
		text_addf(p->out, "goto %s\n", p->accept_chain);
		return;
	}
	if (!target->chain) {
		*vec_push(&p->chains, p->graph.arena) = target;
		target->chain = (unsigned)p->chains.n;
	}
	text_addf(p->out, "goto %s_%u\n", p->prefix, target->chain - 1);
}

static void print_field(struct printing *p, const struct value *v, uint32_t mask)
{
	if (v->kind == VALUE_ETHERTYPE)
		text_add(p->out, "meta protocol");
	else
		text_addf(p->out, "@%s,%u,%u", v->kind == VALUE_LINK ? "ll" : "nh", v->at * 8,
			v->size * 8);
	if (mask != all_bits(v->size))
		text_addf(p->out, " & 0x%x", mask);
}

/* " OP NUMBER" for a field that is not shifted by more than what the kernel counts of the frame. */
static void print_interval(struct printing *p, const struct interval *in, uint64_t largest)
{
	if (in->min == in->max)
		text_addf(p->out, " == 0x%" PRIx64 " ", in->min);
	else if (in->min == 0)
		text_addf(p->out, " <= 0x%" PRIx64 " ", in->max);
	else if (in->max == largest)
		text_addf(p->out, " >= 0x%" PRIx64 " ", in->min);
	else
		text_addf(p->out, " 0x%" PRIx64 "-0x%" PRIx64 " ", in->min, in->max);
}

static void print_length_rule(struct printing *p, const char *where, const struct interval *in,
	uint32_t uncounted, const struct node *to)
{
	struct interval counted = { in->min < uncounted ? 0 : in->min - uncounted,
		in->max == UINT32_MAX ? in->max : in->max - uncounted };

	if (in->max < uncounted)
		return;
	begin_rule(p);
	text_add(p->out, where);
	if (counted.min || counted.max < UINT32_MAX) {
		text_add(p->out, "meta length");
		print_interval(p, &counted, UINT32_MAX);
	}
	print_target(p, to);
}

/* Of the whole frame, whatever of it the kernel counts at this hook. */
static void print_length(struct printing *p, const struct interval *in, const struct node *to)
{
	if (p->graph.family != FAMILY_NETDEV) {
		print_length_rule(p, "", in, FRAME_HEADER, to);
		return;
	}
	print_length_rule(p, "meta oif 0 ", in, FRAME_HEADER, to);
	print_length_rule(p, "meta oif != 0 ", in, 0, to);
}

static void print_rules(struct printing *p, const struct value *v, const struct intervals *where,
	const struct node *to)
{
	uint64_t largest = all_bits(v->size);

	for (size_t i = 0; i < where->n; i++) {
		const struct interval *in = &where->items[i];

		if (v->kind == VALUE_LENGTH) {
			print_length(p, in, to);
			continue;
		}
		begin_rule(p);
		if (in->min || in->max < largest) {
			print_field(p, v, v->mask);
			print_interval(p, in, largest);
		}
		print_target(p, to);
	}
}

/* ... that the kernel has, too. */
static bool is_one_value(const struct value *v, const struct intervals *where)
{
	uint64_t value = where->items[0].min;

	if (where->n != 1 || where->items[0].max != value)
		return false;
	return v->kind != VALUE_LENGTH &&
	       (v->kind != VALUE_ETHERTYPE || (v->mask == 0xffff && value >= FIRST_REAL));
}

static bool print_test(struct printing *p, const struct node *node, struct err *err)
{
	const struct value *v = &node->value;
	size_t other = 1 - node->along;
	const struct node *to = node->ways[other].to;
	struct intervals where;

	if (node->test == BPF_JSET) {
		begin_rule(p);
		print_field(p, v, bits_of_field(v, node->number));
		text_add(p->out, other ? " == 0 " : " != 0 ");
		print_target(p, to);
		return true;
	}
	where = where_true(node);
	if (other && is_one_value(v, &where)) {
		begin_rule(p);
		print_field(p, v, v->mask);
		text_addf(p->out, " != 0x%" PRIx64 " ", where.items[0].min);
		print_target(p, to);
		return true;
	}
	if (other)
		where = complement(&where, all_bits(v->size));
	if (v->kind == VALUE_ETHERTYPE && (v->mask != 0xffff || !fit_ethertype(&where)))
		return graph_cannot(&p->graph, err, "lengths of 802.3 frames");
	print_rules(p, v, &where, to);
	return true;
}

static void print_split(struct printing *p, const struct node *node)
{
	for (size_t n = 0; n < node->n_ways; n++) {
		/* first the usual length of an IPv4 header, and of TCP's: 5 words */
		size_t i = (n + 5) % node->n_ways;

		if (i == node->along)
			continue;
		begin_rule(p);
		print_field(p, &node->value, node->value.mask);
		text_addf(p->out, " == 0x%x ", node->ways[i].field);
		print_target(p, node->ways[i].to);
	}
}

static bool print_chain(struct printing *p, const struct node *node, struct err *err)
{
	uint32_t known = FRAME_HEADER;

	text_addf(p->out, "\tchain %s_%u {\n", p->prefix, node->chain - 1);
	while (node->kind == NODE_TEST || node->kind == NODE_SPLIT) {
		if (node->need > known) {
			known = node->need;
			print_length(p, &(struct interval){ 0, known - 1 },
				&(struct node){ .kind = NODE_NO });
		}
		if (node->kind == NODE_SPLIT)
			print_split(p, node);
		else if (!print_test(p, node, err))
			return false;
		node = node->ways[node->along].to;
	}
	if (node->kind == NODE_YES) {
		begin_rule(p);
		print_target(p, node);
	}
	text_add(p->out, "\t}\n");
	return p->n_rules <= MAX_RULES || graph_cannot(&p->graph, err, "too many rules");
}

static bool print_all(struct printing *p, struct err *err)
{
	const struct node *root = graph_make(&p->graph, err);
	struct node *first;

	if (!root)
		return false;
	if (root->depth > MAX_DEPTH)
		return graph_cannot(&p->graph, err, "its chains would be too deep");
	if (root->visits >= GRAPH_MAX_VISITS)
		return graph_cannot(&p->graph, err, "too many ways through its chains");
	first = arena_new_one(p->graph.arena, struct node);
	*first = *root;
	first->chain = 1;
	*vec_push(&p->chains, p->graph.arena) = first;
	for (size_t i = 0; i < p->chains.n; i++) {
		if (!print_chain(p, p->chains.items[i], err))
			return false;
	}
	return true;
}

bool filter_print_nft(const struct filter *filter, enum family family, const char *prefix,
	const char *accept_chain, struct text *out, struct err *err)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct text text CLEANUP(text_done) = TEXT_INIT;
	struct printing *p = arena_new_one(arena, struct printing);

	*p = (struct printing){ .graph = { .arena = arena, .filter = filter, .family = family },
		.prefix = prefix,
		.accept_chain = accept_chain,
		.out = &text };
	if (family == FAMILY_BRIDGE || family == FAMILY_ARP)
		return graph_cannot(&p->graph, err, "no tables of this family");
	if (!print_all(p, err))
		return false;
	text_add_n(out, text.data, text.len);
	return true;
}
