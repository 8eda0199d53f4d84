/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RULESET_EDIT_H
#define RULESET_EDIT_H

#include "ruleset/ruleset.h"

/*
 * What somebody may do to the rules of a host, as a value: the ruleset as it would be, to be asked
 * before anything is done, and the command that does it. Nothing is changed in place.
 */
struct edit {
	const struct table *table; /* of the ruleset that is edited */
	const struct chain *chain; /* of table */
	size_t at;		   /* the new rule's place, 0: the first; at most chain->n_rules */
	const char *rule;	   /* as the table's program takes it, without the chain */
};

/* A copy of rs with the rule in it, which shares all that did not change. The rule is read from its
 * text as every other one is. */
bool ruleset_edit(struct arena *arena, const struct ruleset *rs, const struct edit *edit,
	const struct ruleset **ret, struct err *err);

/* "iptables -t raw -I PREROUTING 3 -s ...", "nft insert rule inet filter forward index 2 ...": for a
 * shell of the namespace that the ruleset is of. */
void edit_print_command(struct text *out, const struct edit *edit);

/* The program that a table is written with: "iptables", "ip6tables-legacy", "ebtables", "nft". */
const char *table_program(const struct table *table);

#endif
