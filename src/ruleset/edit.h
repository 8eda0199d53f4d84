/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RULESET_EDIT_H
#define RULESET_EDIT_H

#include "ruleset/ruleset.h"

/*
 * What somebody may do to a ruleset, as a value: the ruleset as it would be, to be asked before anything is
 * done. Nothing is changed in place. host/edit.h says what may be done to a host, and by which commands.
 */
struct edit {
	const struct table *table; /* of the ruleset that is edited */
	const struct chain *chain; /* of table */
	size_t at;		   /* the new rule's place, 0: the first; at most chain->n_rules */
	const char *rule; /* as the table's program takes it, without the chain; NULL: none */
	bool replaces;	  /* the rule that stands there goes away */
};

/* A copy of rs with the rule in it (or without the one that stood there), which shares all that did not change. The
 * rule is read from its text as every other one is. */
bool ruleset_edit(struct arena *arena, const struct ruleset *rs, const struct edit *edit,
	const struct ruleset **ret, struct err *err);

/* A copy of rs with one more nft table, as nft list prints it. Errors: it is no text of nft, or one of its name is there. */
bool ruleset_add_nft_text(struct arena *arena, const struct ruleset *rs, const char *text,
	const struct ruleset **ret, struct err *err);
/* A copy without the table. */
const struct ruleset *ruleset_without(
	struct arena *arena, const struct ruleset *rs, const struct table *table);

/* One rule of that chain, as the table's program takes it. */
bool table_parse_rule(struct arena *arena, const struct table *table, const char *chain,
	const char *text, struct rule *ret, struct err *err);

/* The program that a table is written with: "iptables", "ip6tables-legacy", "ebtables", "nft". */
const char *table_program(const struct table *table);

#endif
