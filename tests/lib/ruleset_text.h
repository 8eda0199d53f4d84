/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_RULESET_TEXT_H
#define TESTS_RULESET_TEXT_H

#include "ruleset/ruleset.h"

/*
 * A whole ruleset as text, in the form that the tools print and take. For tests only: the product
 * never writes a whole table (ruleset/plan.h).
 */

/* *TABLE, chains, rules, COMMIT for each table of the family. */
void ruleset_text_iptables(struct text *out, const struct ruleset *rs, enum family family);
/* "table bridge NAME { ... }" as nft list prints it. */
void ruleset_text_nft(struct text *out, const struct ruleset *rs);
/* create and add lines. */
void ruleset_text_ipset(struct text *out, const struct ruleset *rs);

#endif
