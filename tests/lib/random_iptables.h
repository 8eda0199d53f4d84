/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_RANDOM_IPTABLES_H
#define TESTS_RANDOM_IPTABLES_H

#include "base/text.h"
#include "random.h"

/*
 * raw, mangle and filter with chains that call each other, of matches that the evaluator knows.
 * Stateless: without what asks conntrack, but with -f. Sets: with matches of those of random_ipsets.
 */
struct random_iptables {
	bool is_v6, is_stateless, has_sets;
};
void random_iptables(struct random *random, struct text *out, const struct random_iptables *what);

/* As ipset save prints them; has_type: does this kernel have it? NULL: all. */
void random_ipsets(
	struct random *random, struct text *out, bool is_v6, bool (*has_type)(const char *type));

#endif
