/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATCH_FILTER_GRAPH_H
#define WATCH_FILTER_GRAPH_H

#include "watch/filter_internal.h"

/*
 * The expression as chains of nftables: libpcap's program, run with values that are not known yet.
 *
 * A node is an instruction together with what the registers hold there. From there the program goes straight on to a test of a
 * field, which has two ways out, or to a place where it needs the value of a small field for an index (the length of an IPv4
 * header): 16 ways, one for each value, so that behind it every load is at a fixed place. The programs have no loops: the nodes are
 * a graph without circles.
 *
 * A chain follows the program from its node along one way out of each test, and sends what takes the other way to the chain of
 * that node, to accept_chain, or back. Not every node is a chain, because the kernel takes a ruleset only if no
 * packet can go through more than 16 chains, whether by jump or by goto (NFT_JUMP_STACK_SIZE). So a chain goes on along the way
 * that needs more chains behind it (as one keeps registers in an expression: Strahler's number), and what is left is at most the
 * logarithm of the number of ways.
 *
 * A load behind the packet's end ends a program with "no", also of "not ...", while a rule with such a load just does not match, and
 * the next one is asked. Therefore each load has the length of the packet asked before. That counts from the network header
 * at ingress, from the Ethernet header at egress, where a packet has a device that it leaves by.
 */

#define FRAME_HEADER 14 /* bytes of an Ethernet header */

enum value_kind {
	VALUE_NONE,
	VALUE_NUMBER,
	VALUE_LINK,
	VALUE_NETWORK,
	VALUE_ETHERTYPE,
	VALUE_LENGTH
};

/* A field f of the packet as ((f & mask) >> right << left) + plus; or a number: plus. */
struct value {
	enum value_kind kind;
	uint32_t at, size; /* bytes */
	uint32_t mask, right, left, plus;
};

struct state {
	struct value a, x, memory[BPF_MEMWORDS];
};

enum node_kind { NODE_NO, NODE_YES, NODE_TEST, NODE_SPLIT };

struct node {
	enum node_kind kind;
	size_t pc;
	struct state state; /* before pc */
	uint32_t need;	    /* bytes of the whole frame, before the test */
	struct value value;
	uint16_t test; /* TEST: BPF_JEQ, ... */
	uint32_t number;
	size_t n_ways; /* TEST: 2, first when true; SPLIT: one for each value of the field */
	struct way {
		uint32_t field; /* SPLIT */
		const struct node *to;
	} * ways;
	size_t along; /* the way that its chain goes on */
	unsigned depth;
	uint64_t visits;
	unsigned chain;		      /* + 1; 0: none yet */
	const struct node *next_same; /* hash */
};

#define GRAPH_BUCKETS 4096
#define GRAPH_MAX_VISITS                                                                           \
	200000 /* chains that the kernel looks at in all orders, to see how deep they go */

struct graph {
	struct arena *arena;
	const struct filter *filter;
	enum family family; /* of the table */
	uint32_t *live;	    /* before each instruction: what is still asked for */
	size_t n_nodes;
	struct node *buckets[GRAPH_BUCKETS];
};

/* The node that the program begins with; NULL: it cannot be said. */
const struct node *graph_make(struct graph *graph, struct err *err);
/* Returns false. */
bool graph_cannot(const struct graph *graph, struct err *err, const char *why);

uint32_t all_bits(uint32_t size);
/* Which bits of the field are these bits of the value? */
uint32_t bits_of_field(const struct value *v, uint32_t bits);

#endif
