/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RULESET_PLAN_INTERNAL_H
#define RULESET_PLAN_INTERNAL_H

#include "ruleset/plan.h"
#include "base/map.h"
#include "base/vec.h"

/* What the files plan*.c share; not for others. */

/* ---- plan_diff.c: from one sequence of rules to another */

/* from[at_from .. + n_del) is replaced by to[at_to .. + n_ins). Hunks are in order, apart. */
struct hunk {
	size_t at_from, n_del, at_to, n_ins;
};

typedef VEC(struct hunk) hunk_vec;

void diff_rules(struct arena *arena, const struct rule *from, size_t n_from, const struct rule *to,
	size_t n_to, struct hunk **ret, size_t *ret_n);

/* ---- plan_rules.c: from one table of iptables to another */

/*
 * from or to is NULL: the chain is made or goes. A chain that others share (built in, or the top
 * chain) is complete on both sides: ours at the top, then what is foreign, which no hunk holds.
 */
struct chain_edit {
	const char *name;
	const struct chain *from, *to;
	struct hunk *hunks;
	size_t n_hunks;
};

struct table_edit {
	enum family family;
	const char *name;
	struct chain_edit *chains; /* sorted by name; only what differs */
	size_t n_chains;
};

/* from, to: NULL for a table that is not there. *ret is NULL when nothing differs. */
bool table_edit_make(struct arena *arena, const struct plan_scope *scope, const struct table *from,
	const struct table *to, struct table_edit **ret, struct err *err);
struct table_edit *table_edit_reverse(struct arena *arena, const struct table_edit *edit);
/* The whole block from *table to COMMIT. */
bool table_edit_print(
	struct arena *arena, const struct table_edit *edit, const char **ret, struct err *err);
/* Is there more than deletions? */
bool table_edit_adds(const struct table_edit *edit);

/* A rule of a chain that is shared: is it one of ours? */
bool rule_jumps_to_ours(const struct plan_scope *scope, const struct rule *rule);
/* An i, o or s chain: where RETURN lets a packet go on and nothing lets it go past the others. */
bool is_port_chain(const struct plan_scope *scope, const char *name);

/*
 * A copy of the table in which chains that use a set of twins (a map from name to other name)
 * carry the counters of their equal rules in from; with rename, they use the other set as well.
 */
struct table *table_with_twins(struct arena *arena, const struct table *table,
	const struct table *from, const struct map *twins, bool rename);

/* ---- plan_classify.c: what a change of rules means for packets */

enum {
	RULES_GROW = 1 << 0,   /* ports that stay let more pass */
	RULES_SHRINK = 1 << 1, /* ports that stay let less pass */
	RULES_PORTS_NEW = 1 << 2,
	RULES_PORTS_GONE = 1 << 3,
	RULES_OTHER = 1 << 4, /* cannot tell */
};

/*
 * Over all edits of one family. closed: names of the ports that the bridge table holds closed
 * all the while; *ret_is_closed: every new port is one of them.
 */
unsigned classify_edits(struct arena *arena, const struct plan_scope *scope,
	struct table_edit *const *edits, size_t n_edits, const struct ruleset *wanted,
	const struct ruleset *found, const struct map *closed, bool *ret_is_closed);

/* The interfaces that our rules of the filter table of one family name by --physdev-in/-out. */
struct map *devices_of(struct arena *arena, const struct plan_scope *scope,
	const struct ruleset *rs, enum family family);

/* ---- plan_sets.c: ipsets */

enum set_way {
	SET_SAME,
	SET_CREATE,  /* before the rules */
	SET_DESTROY, /* after all rules */
	SET_EDIT,    /* add and del, before or after the rules */
	SET_SWAP,    /* by a twin, before or after the rules */
	SET_TWIN,    /* the rules use the twin while the set changes */
};

struct set_change {
	const struct set *found, *wanted; /* normalised; NULL: not there */
	const char *name;
	enum family family;
	enum set_way way;
	bool is_after;	/* EDIT, SWAP: after the rules */
	bool is_in_use; /* rules that were found look at it */
	bool is_wanted_by_rules;
	bool is_monotone; /* more members never let less pass */
	bool is_too_small;
	struct set_element *added, *removed;
	size_t n_added, n_removed;
	const char *twin;  /* SWAP, TWIN */
	const char *spare; /* TWIN that is too small: swapped with the set while nobody uses it */
};

struct set_plan {
	struct set_change *changes; /* sorted by name */
	size_t n_changes;
	const struct ruleset *wanted, *found;
};

bool sets_compare(struct arena *arena, const struct plan_scope *scope, const struct ruleset *wanted,
	const struct ruleset *found, struct set_plan *ret, struct err *err);

/*
 * Chooses the ways of the changed sets of one family; rules: what classify_edits said. Returns
 * the map from set to twin when the rules have to go by twins, else NULL.
 */
struct map *sets_choose(struct arena *arena, struct set_plan *sets, enum family family,
	unsigned rules, bool is_closed);

/* The names of those that go by twins. */
const char **sets_twinned(struct arena *arena, const struct set_plan *sets, size_t *ret_n);

/* Is there a set of this family, in use, whose members change? */
bool sets_change_in_use(const struct set_plan *sets, enum family family);

typedef VEC(struct plan_step) step_vec;

void sets_steps_before(struct arena *arena, const struct set_plan *sets, step_vec *steps);
void sets_steps_after(struct arena *arena, const struct set_plan *sets, step_vec *steps);
void sets_steps_end(struct arena *arena, const struct set_plan *sets, step_vec *steps);

/* ---- plan_l2.c: the table of the bridge family */

struct l2_plan {
	/* middle: between the first step and the last; NULL (like all three): no table */
	const struct table *found, *middle, *wanted;
	/* Names of ports that are closed in middle: those that are new, and those that will be closed or go. */
	struct map *closed, *closing;
};

void l2_compare(struct arena *arena, const struct plan_scope *scope, const struct ruleset *wanted,
	const struct ruleset *found, struct l2_plan *ret);
/* From one state of the table to another; no step when they are equal. */
bool l2_step(struct arena *arena, const struct table *from, const struct table *to, step_vec *steps,
	struct err *err);
/* The rules of a chain that differ, for changes_of_l2. */
bool l2_is_same_rules(const struct chain *a, const struct chain *b);

/* ---- plan_changes.c: counts, and words for people */

void changes_of_table(struct arena *arena, struct plan *plan, const struct table_edit *edit);
void changes_of_sets(struct arena *arena, struct plan *plan, const struct set_plan *sets);
void changes_of_l2(struct arena *arena, struct plan *plan, const struct l2_plan *l2);

#endif
