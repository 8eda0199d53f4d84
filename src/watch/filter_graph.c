// SPDX-License-Identifier: GPL-2.0-or-later
/* libpcap's program, run with values that are not known: filter_graph.h. */
#include <string.h>

#include "watch/filter_graph.h"

#define ETHERTYPE_AT   12
#define MAX_FIELD_AT   255 /* older kernels know no bytes behind it */
#define MAX_NODES      20000
#define MAX_SPLIT_BITS 4

#define LIVE_A (1u << 16)
#define LIVE_X (1u << 17)

static const struct node node_no = { .kind = NODE_NO };
static const struct node node_yes = { .kind = NODE_YES, .depth = 1 };

bool graph_cannot(const struct graph *graph, struct err *err, const char *why)
{
	return err_input(
		err, "filter \"%s\": nftables cannot say it: %s", graph->filter->expression, why);
}

/* --- values --- */

static struct value number_value(uint32_t number)
{
	return (struct value){ .kind = VALUE_NUMBER, .plus = number };
}

static bool is_number(const struct value *value)
{
	return value->kind == VALUE_NUMBER;
}

uint32_t all_bits(uint32_t size)
{
	return size >= 4 ? UINT32_MAX : (1u << size * 8) - 1;
}

static uint32_t load_size(unsigned code)
{
	return BPF_SIZE(code) == BPF_W ? 4 : BPF_SIZE(code) == BPF_H ? 2 : 1;
}

static bool load_value(const struct graph *graph, uint64_t at, uint32_t size, struct value *ret,
	uint32_t *need, struct err *err)
{
	struct value value = { .size = size, .mask = all_bits(size) };

	if (at == ETHERTYPE_AT && size == 2) {
		value.kind = VALUE_ETHERTYPE;
		if (graph->family == FAMILY_IPV4 || graph->family == FAMILY_IPV6)
			value = number_value(
				graph->family == FAMILY_IPV4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6);
	} else if (at + size <= ETHERTYPE_AT) {
		value.kind = VALUE_LINK;
		value.at = (uint32_t)at;
		if (graph->family != FAMILY_NETDEV)
			return graph_cannot(graph, err, "there is no Ethernet header at this hook");
	} else if (at >= FRAME_HEADER) {
		value.kind = VALUE_NETWORK;
		if (at - FRAME_HEADER > MAX_FIELD_AT)
			return graph_cannot(graph, err, "it looks too far into the packet");
		value.at = (uint32_t)at - FRAME_HEADER;
		if (*need < at + size)
			*need = (uint32_t)at + size;
	} else {
		return graph_cannot(graph, err, "a field of which the EtherType is a part");
	}
	*ret = value;
	return true;
}

static bool compute_number(unsigned op, uint32_t a, uint32_t b, uint32_t *ret)
{
	switch (op) {
	case BPF_ADD:
		*ret = a + b;
		return true;
	case BPF_SUB:
		*ret = a - b;
		return true;
	case BPF_MUL:
		*ret = a * b;
		return true;
	case BPF_DIV:
		*ret = b ? a / b : 0;
		return b != 0;
	case BPF_MOD:
		*ret = b ? a % b : 0;
		return b != 0;
	case BPF_AND:
		*ret = a & b;
		return true;
	case BPF_OR:
		*ret = a | b;
		return true;
	case BPF_XOR:
		*ret = a ^ b;
		return true;
	case BPF_LSH:
		*ret = b < 32 ? a << b : 0;
		return true;
	case BPF_RSH:
		*ret = b < 32 ? a >> b : 0;
		return true;
	case BPF_NEG:
		*ret = -a;
		return true;
	default:
		return false;
	}
}

static bool shift_left(struct value *v, uint32_t by)
{
	uint64_t largest = (uint64_t)(v->mask >> v->right) << v->left;

	if (v->plus || by > 31 || largest << by > UINT32_MAX)
		return false;
	v->left += by;
	return true;
}

/* What is left of a field is nothing: then it is a number. */
static bool mask_field(struct value *v, uint32_t mask)
{
	v->mask &= mask;
	if (!v->mask)
		*v = number_value(0);
	return true;
}

static bool shift_right(struct value *v, uint32_t by)
{
	if (v->plus || v->left || v->right + by > 31)
		return false;
	v->right += by;
	return mask_field(v, UINT32_MAX << v->right);
}

/* A field, changed by a number. False: the form of struct value does not say it. */
static bool compute_field(unsigned op, uint32_t number, struct value *v)
{
	bool is_power = number && !(number & (number - 1));

	switch (op) {
	case BPF_ADD:
		v->plus += number;
		return true;
	case BPF_SUB:
		v->plus -= number;
		return true;
	case BPF_AND:
		if (v->plus || v->kind == VALUE_LENGTH)
			return false;
		return mask_field(v, (uint32_t)((uint64_t)(number >> v->left) << v->right));
	case BPF_LSH:
		return v->kind != VALUE_LENGTH && shift_left(v, number);
	case BPF_RSH:
		return v->kind != VALUE_LENGTH && shift_right(v, number);
	case BPF_MUL:
		return v->kind != VALUE_LENGTH && is_power &&
		       shift_left(v, (uint32_t)__builtin_ctz(number));
	case BPF_DIV:
		return v->kind != VALUE_LENGTH && is_power &&
		       shift_right(v, (uint32_t)__builtin_ctz(number));
	default:
		return false;
	}
}

uint32_t bits_of_field(const struct value *v, uint32_t bits)
{
	return (uint32_t)((uint64_t)(bits >> v->left) << v->right) & v->mask;
}

static uint32_t value_of_field(const struct value *v, uint32_t field)
{
	return ((field & v->mask) >> v->right << v->left) + v->plus;
}

/* --- the program with values that are not known --- */

static const struct node *find_node(
	struct graph *graph, size_t pc, const struct state *state, struct err *err);

static size_t hash_of(size_t pc, const struct state *state)
{
	const uint8_t *bytes = (const uint8_t *)state;
	uint64_t hash = pc + 1;

	for (size_t i = 0; i < sizeof(*state); i++)
		hash = (hash ^ bytes[i]) * 0x100000001b3u;
	return (hash ^ hash >> 32) % GRAPH_BUCKETS;
}

static unsigned cost_behind(const struct node *to)
{
	return to->kind == NODE_NO ? 0 : to->kind == NODE_YES ? 1 : to->depth + 1;
}

static uint64_t visits_behind(const struct node *to)
{
	return to->kind == NODE_NO ? 0 : to->kind == NODE_YES ? 1 : to->visits + 1;
}

/* Goes on along the way which leaves the fewest chains behind one another. */
static void choose_way(struct node *node)
{
	uint64_t visits = 0;

	node->depth = UINT32_MAX;
	for (size_t along = 0; along < node->n_ways; along++) {
		unsigned depth = node->ways[along].to->depth;

		for (size_t i = 0; i < node->n_ways; i++) {
			unsigned cost = i == along ? 0 : cost_behind(node->ways[i].to);

			if (cost > depth)
				depth = cost;
		}
		if (depth < node->depth) {
			node->depth = depth;
			node->along = along;
		}
	}
	for (size_t i = 0; i < node->n_ways; i++) {
		const struct node *to = node->ways[i].to;

		visits += i == node->along && to->kind != NODE_YES ? to->visits : visits_behind(to);
	}
	node->visits = visits < GRAPH_MAX_VISITS ? visits : GRAPH_MAX_VISITS;
}

static bool add_ways(struct graph *graph, struct node *node, size_t n, const size_t *pcs,
	const struct state *states, const uint32_t *fields, struct err *err)
{
	node->n_ways = n;
	node->ways = arena_new_array(graph->arena, struct way, n);
	for (size_t i = 0; i < n; i++) {
		node->ways[i].field = fields ? fields[i] : 0;
		node->ways[i].to = find_node(graph, pcs[i], &states[i], err);
		if (!node->ways[i].to)
			return false;
	}
	choose_way(node);
	return true;
}

static bool test_number(unsigned op, uint32_t a, uint32_t b)
{
	switch (op) {
	case BPF_JEQ:
		return a == b;
	case BPF_JGT:
		return a > b;
	case BPF_JGE:
		return a >= b;
	default:
		return (a & b) != 0;
	}
}

/* Each value of a small field is a way of its own, with X as a number there. */
static bool split(struct graph *graph, struct node *node, size_t pc, const struct state *state,
	const struct value *value, bool is_of_a, struct err *err)
{
	uint32_t fields[1 << MAX_SPLIT_BITS];
	size_t pcs[N_OF(fields)], n = 0;
	struct state *states = arena_new_array(graph->arena, struct state, N_OF(fields));

	if (value->kind == VALUE_LENGTH || value->kind == VALUE_ETHERTYPE ||
		__builtin_popcount(value->mask) > MAX_SPLIT_BITS)
		return graph_cannot(graph, err, "arithmetic with more than one field");
	node->kind = NODE_SPLIT;
	node->value = *value;
	/* the subsets of the mask's bits */
	for (uint32_t field = 0;; field = (field - value->mask) & value->mask) {
		if (n && !field)
			break;
		fields[n] = field;
		pcs[n] = pc;
		states[n] = *state;
		states[n].x = number_value(value_of_field(value, field));
		if (is_of_a)
			states[n].a = states[n].x;
		n++;
	}
	return add_ways(graph, node, n, pcs, states, fields, err);
}

/* How far one instruction leads. */
enum step { STEP_ON, STEP_NODE, STEP_FAILED };

struct run {
	struct graph *graph;
	struct node *node;
	size_t pc;
	struct state state;
	struct err *err;
};

static enum step on_if(bool is_right)
{
	return is_right ? STEP_ON : STEP_FAILED;
}

static enum step run_ld(struct run *run, const struct bpf_insn *op)
{
	struct state *s = &run->state;
	uint64_t at = op->k;

	switch (BPF_MODE(op->code)) {
	case BPF_IMM:
		s->a = number_value(op->k);
		return STEP_ON;
	case BPF_MEM:
		s->a = s->memory[op->k % BPF_MEMWORDS];
		return STEP_ON;
	case BPF_LEN:
		s->a = (struct value){ .kind = VALUE_LENGTH, .size = 4, .mask = UINT32_MAX };
		return STEP_ON;
	case BPF_IND:
		if (!is_number(&s->x))
			return on_if(
				graph_cannot(run->graph, run->err, "an index that is computed"));
		at = (uint64_t)s->x.plus + op->k;
		break;
	default:
		break;
	}
	return on_if(
		load_value(run->graph, at, load_size(op->code), &s->a, &run->node->need, run->err));
}

static enum step run_ldx(struct run *run, const struct bpf_insn *op)
{
	struct state *s = &run->state;
	struct value value;

	switch (BPF_MODE(op->code)) {
	case BPF_IMM:
		s->x = number_value(op->k);
		return STEP_ON;
	case BPF_MEM:
		s->x = s->memory[op->k % BPF_MEMWORDS];
		return STEP_ON;
	case BPF_MSH:
		if (!load_value(run->graph, op->k, 1, &value, &run->node->need, run->err))
			return STEP_FAILED;
		value.mask = 0xf;
		value.left = 2;
		if (!split(run->graph, run->node, run->pc + 1, s, &value, false, run->err))
			return STEP_FAILED;
		return STEP_NODE;
	default:
		return on_if(graph_cannot(run->graph, run->err, "an index that is the length"));
	}
}

static enum step run_alu(struct run *run, const struct bpf_insn *op)
{
	struct state *s = &run->state;
	uint32_t number = op->k;

	if (BPF_SRC(op->code) == BPF_X && BPF_OP(op->code) != BPF_NEG) {
		if (!is_number(&s->x))
			return on_if(graph_cannot(
				run->graph, run->err, "arithmetic with more than one field"));
		number = s->x.plus;
	}
	if (is_number(&s->a) ? compute_number(BPF_OP(op->code), s->a.plus, number, &s->a.plus)
			     : compute_field(BPF_OP(op->code), number, &s->a))
		return STEP_ON;
	return on_if(graph_cannot(run->graph, run->err, "this arithmetic"));
}

static enum step run_jump(struct run *run, const struct bpf_insn *op)
{
	struct state *s = &run->state;
	struct node *node = run->node;
	size_t pcs[2] = { run->pc + 1 + op->jt, run->pc + 1 + op->jf };
	struct state states[2] = { *s, *s };

	if (BPF_OP(op->code) == BPF_JA) {
		run->pc += op->k; /* and one */
		return STEP_ON;
	}
	node->number = op->k;
	if (BPF_SRC(op->code) == BPF_X) {
		if (!is_number(&s->x))
			return on_if(graph_cannot(run->graph, run->err, "two fields are compared"));
		node->number = s->x.plus;
	}
	if (is_number(&s->a)) {
		bool is_true = test_number(BPF_OP(op->code), s->a.plus, node->number);

		run->pc += is_true ? op->jt : op->jf;
		return STEP_ON;
	}
	if (BPF_OP(op->code) == BPF_JSET) {
		if (s->a.plus || s->a.kind == VALUE_LENGTH || s->a.kind == VALUE_ETHERTYPE)
			return on_if(graph_cannot(
				run->graph, run->err, "bits of a sum, the length or the type"));
		if (!bits_of_field(&s->a, node->number)) {
			run->pc += op->jf;
			return STEP_ON;
		}
	}
	node->kind = NODE_TEST;
	node->value = s->a;
	node->test = BPF_OP(op->code);
	return add_ways(run->graph, node, 2, pcs, states, NULL, run->err) ? STEP_NODE : STEP_FAILED;
}

static enum step run_misc(struct run *run, const struct bpf_insn *op)
{
	struct state *s = &run->state;

	if (BPF_MISCOP(op->code) == BPF_TXA) {
		s->a = s->x;
		return STEP_ON;
	}
	if (is_number(&s->a) || s->a.kind == VALUE_LENGTH || s->a.kind == VALUE_ETHERTYPE ||
		__builtin_popcount(s->a.mask) > MAX_SPLIT_BITS) {
		/* it may be used in a way that can be said, or not at all */
		s->x = s->a;
		return STEP_ON;
	}
	if (!split(run->graph, run->node, run->pc + 1, s, &s->a, true, run->err))
		return STEP_FAILED;
	return STEP_NODE;
}

static enum step run_op(struct run *run, const struct bpf_insn *op)
{
	switch (BPF_CLASS(op->code)) {
	case BPF_LD:
		return run_ld(run, op);
	case BPF_LDX:
		return run_ldx(run, op);
	case BPF_ST:
		run->state.memory[op->k % BPF_MEMWORDS] = run->state.a;
		return STEP_ON;
	case BPF_STX:
		run->state.memory[op->k % BPF_MEMWORDS] = run->state.x;
		return STEP_ON;
	case BPF_ALU:
		return run_alu(run, op);
	case BPF_JMP:
		return run_jump(run, op);
	case BPF_RET:
		run->node->kind = op->k ? NODE_YES : NODE_NO;
		return STEP_NODE;
	default:
		return run_misc(run, op);
	}
}

/* --- nodes --- */

static uint32_t memory_bit(const struct bpf_insn *op)
{
	return 1u << op->k % BPF_MEMWORDS;
}

/* What an instruction needs, of what is needed behind it. */
static uint32_t live_before(const struct bpf_insn *op, uint32_t live)
{
	switch (BPF_CLASS(op->code)) {
	case BPF_LD:
		live &= ~LIVE_A;
		if (BPF_MODE(op->code) == BPF_MEM)
			live |= memory_bit(op);
		return BPF_MODE(op->code) == BPF_IND ? live | LIVE_X : live;
	case BPF_LDX:
		live &= ~LIVE_X;
		return BPF_MODE(op->code) == BPF_MEM ? live | memory_bit(op) : live;
	case BPF_ST:
		return (live & ~memory_bit(op)) | LIVE_A;
	case BPF_STX:
		return (live & ~memory_bit(op)) | LIVE_X;
	case BPF_ALU:
	case BPF_JMP:
		if (op->code == (BPF_JMP | BPF_JA))
			return live;
		return live | LIVE_A | (BPF_SRC(op->code) == BPF_X ? LIVE_X : 0);
	case BPF_RET:
		return 0;
	default:
		return BPF_MISCOP(op->code) == BPF_TXA ? (live & ~LIVE_A) | LIVE_X
						       : (live & ~LIVE_X) | LIVE_A;
	}
}

/* Jumps go forward, so one pass from the end does. */
static void find_live(struct graph *graph)
{
	const struct program *program = &graph->filter->frame;

	graph->live = arena_new_array(graph->arena, uint32_t, program->n + 1);
	for (size_t i = program->n; i-- > 0;) {
		const struct bpf_insn *op = &program->ops[i];
		uint32_t behind = graph->live[i + 1];

		if (op->code == (BPF_JMP | BPF_JA))
			behind = graph->live[i + 1 + op->k];
		else if (BPF_CLASS(op->code) == BPF_JMP)
			behind = graph->live[i + 1 + op->jt] | graph->live[i + 1 + op->jf];
		graph->live[i] = live_before(op, behind);
	}
}

/* States that differ in what nobody asks for any more are one. */
static struct state forget_dead(const struct graph *graph, size_t pc, const struct state *state)
{
	struct state out = *state;

	if (!(graph->live[pc] & LIVE_A))
		out.a = number_value(0);
	if (!(graph->live[pc] & LIVE_X))
		out.x = number_value(0);
	for (size_t i = 0; i < BPF_MEMWORDS; i++)
		if (!(graph->live[pc] & 1u << i))
			out.memory[i] = number_value(0);
	return out;
}

/* NULL: it cannot be said. */
static const struct node *make_node(
	struct graph *graph, size_t pc, const struct state *state, struct err *err)
{
	struct node *node = arena_new_one(graph->arena, struct node);
	struct run run = { .graph = graph, .node = node, .pc = pc, .state = *state, .err = err };
	enum step step = STEP_ON;

	node->pc = pc;
	node->state = *state;
	for (; step == STEP_ON; run.pc++)
		step = run_op(&run, &graph->filter->frame.ops[run.pc]);
	if (step == STEP_FAILED)
		return NULL;
	if (node->kind == NODE_NO)
		return &node_no;
	if (node->kind == NODE_YES && !node->need)
		return &node_yes;
	/* a match that depends on the length alone is a test of the length that can only be true */
	if (node->kind == NODE_YES) {
		node->kind = NODE_SPLIT;
		node->n_ways = 1;
		node->ways = arena_new_one(graph->arena, struct way);
		node->ways[0].to = &node_yes;
		choose_way(node);
	}
	return node;
}

static const struct node *find_node(
	struct graph *graph, size_t pc, const struct state *state, struct err *err)
{
	const struct state wanted = forget_dead(graph, pc, state);
	size_t bucket = hash_of(pc, &wanted);
	const struct node *node = graph->buckets[bucket];

	while (node && (node->pc != pc || memcmp(&node->state, &wanted, sizeof(wanted)) != 0))
		node = node->next_same;
	if (node)
		return node;
	if (++graph->n_nodes > MAX_NODES) {
		graph_cannot(graph, err, "too many chains");
		return NULL;
	}
	node = make_node(graph, pc, &wanted, err);
	if (node && node != &node_no && node != &node_yes) {
		struct node *made = (struct node *)node;

		/* what its ways made may have come into the bucket since */
		made->next_same = graph->buckets[bucket];
		graph->buckets[bucket] = made;
	}
	return node;
}

const struct node *graph_make(struct graph *graph, struct err *err)
{
	const struct state state = { .a = { .kind = VALUE_NUMBER }, .x = { .kind = VALUE_NUMBER } };

	find_live(graph);
	return find_node(graph, 0, &state, err);
}
