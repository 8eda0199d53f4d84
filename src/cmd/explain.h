/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CMD_EXPLAIN_H
#define CMD_EXPLAIN_H

#include "cmd/cmd.h"
#include "explain/explain.h"
#include "ruleset/owner.h"

/* What the files of the command share. */

/* One answer: of the packet itself, or of its reply. */
struct answer {
	const struct query *query;
	const struct explanation *explanation;
	bool is_reply;
	uint64_t macs; /* explain_find_macs */
};

/* The chain whose rule, or whose policy, took the packet; NULL: nothing or something else did. */
const struct node *answer_decider(const struct answer *answer);
/* The chain whose rule asked for the rewriting of a NODE_NAT; NULL: an older flow's. */
const struct node *answer_rewriter(const struct node *nat);
/* The place of its rule in rule_chain, from 1; only when there is a rule. */
size_t answer_rule_number(const struct node *decider);
struct owner answer_owner(struct arena *arena, const struct node *decider);
/* The path, from its begin; in the arena. */
const struct node *const *answer_path(struct arena *arena, const struct leaf *leaf, size_t *ret_n);
/* "dropped: no rule takes it, ..."; a sentence without full stop. */
void answer_print_verdict(struct text *out, const struct answer *answer);

void answer_print_text(const struct invocation *inv, struct text *out, const struct answer *answer);
json_t *answer_json(const struct answer *answer);

#endif
