/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef POLICY_YAML_H
#define POLICY_YAML_H

#include "policy/source.h"

/*
 * A YAML document as a tree whose nodes know where they stand. Scalars stay texts: what YAML 1.1
 * makes of 22:22, 010 or no is nobody's intention in a policy.
 */
enum node_kind { NODE_SCALAR, NODE_LIST, NODE_MAP };

struct node {
	struct node *next; /* in the list or mapping */
	union {
		const char *text;   /* NODE_SCALAR, never NULL */
		struct node *first; /* NODE_LIST; NODE_MAP: key, value, key, value */
	};
	uint32_t line, column; /* as in struct place */
	uint32_t n;	       /* items, or pairs of key and value */
	uint16_t width;
	uint8_t kind;
	bool is_plain; /* a scalar without quotes */
};

/*
 * Keys are scalars; an alias is a copy of the node that it names, with its children shared.
 * Depth, size and what aliases stand for are bounded (base/limits.h).
 */
bool yaml_parse(struct arena *arena, const struct source *source, const struct node **ret_root,
	struct err *err);

/* "", ~ or null without quotes. */
bool node_is_null(const struct node *node);
static inline struct place node_place(const struct node *node)
{
	return (struct place){ node->line, node->column, node->width };
}

#endif
