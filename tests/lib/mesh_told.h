/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_MESH_TOLD_H
#define TESTS_MESH_TOLD_H

#include <string.h>

#include "explain/explain.h"
#include "unit.h"

/* What the walk told, for those that hold it against the kernel. */

#define MAX_NODES 4096

static inline bool leaves_by_wire(const struct leaf *leaf)
{
	return leaf->final == FINAL_CANNOT_TELL && strstr(leaf->why, "the other end of");
}

/* All nodes of all paths, each once: copies share their beginnings. */
static inline size_t nodes_of(const struct explanation *told, const struct node **ret)
{
	size_t n = 0;

	for (size_t i = 0; i < told->leaves.n; i++) {
		for (const struct node *node = told->leaves.items[i]->last; node;
			node = node->before) {
			size_t known = 0;

			while (known < n && ret[known] != node)
				known++;
			if (known < n)
				break;
			if (n == MAX_NODES)
				fail_msg("more than %d nodes", MAX_NODES);
			ret[n++] = node;
		}
	}
	return n;
}

static inline void print_paths(const struct explanation *told)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;

	for (size_t i = 0; i < told->leaves.n; i++) {
		const struct leaf *leaf = told->leaves.items[i];
		const struct node *nodes[256];
		size_t n = 0;

		for (const struct node *node = leaf->last; node && n < N_OF(nodes);
			node = node->before)
			nodes[n++] = node;
		while (n--) {
			text_add(&text, "#   ");
			node_print(&text, nodes[n]);
			text_add(&text, "\n");
			if (nodes[n]->kind != NODE_CHAIN)
				continue;
			for (const struct step *s = nodes[n]->steps; s; s = s->before) {
				text_addf(&text, "#       %s: ", s->chain->name);
				if (s->rule)
					table_print_rule(&text, s->table, s->rule);
				text_add(&text, s->rule ? "\n" : "policy\n");
			}
		}
		text_addf(&text, "# = %s %s %s\n", final_name(leaf->final), drop_name(leaf->drop),
			leaf->why ? leaf->why : "");
	}
	printf("%s", text.data);
}

/* By the raw sockets of a place. */
static inline bool is_heard(uint8_t proto)
{
	return proto == PROTO_TCP || proto == PROTO_UDP || proto == PROTO_SCTP ||
	       proto == PROTO_ICMP || proto == PROTO_ICMPV6;
}

#endif
