/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_PAPER_H
#define TESTS_PAPER_H

#include "ruleset/plan.h"
#include "ruleset/ruleset.h"

/*
 * Netfilter on paper: runs what plans say on a ruleset in memory, as strictly as the tools and the
 * kernel would, and only the commands that plans are known to need. What is refused fails the
 * test, with the line.
 */

/* A copy that shares only what nothing here changes. */
struct ruleset *paper_clone(struct arena *arena, const struct ruleset *rs);

/* Runs the first n_lines lines (SIZE_MAX: all) of one tool's standard input. */
void paper_run(
	struct arena *arena, struct ruleset *rs, enum tool tool, const char *text, size_t n_lines);

/* How many lines, comments and the like not counted: for ipset one command each. */
size_t paper_n_lines(const char *text);

/*
 * The same rules, sets and bridge tables? In any order of chains; a table with nothing but empty
 * built-in chains is as good as none. Says what differs.
 */
bool paper_is_same(const struct ruleset *a, const struct ruleset *b, bool with_counters,
	const char **ret_where);

/* What a plan must lead to: all that is wanted, and all that was found and is not ours. */
struct ruleset *paper_expected(struct arena *arena, const struct plan_scope *scope,
	const struct ruleset *wanted, const struct ruleset *found);

#endif
