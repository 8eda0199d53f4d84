/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_SETCLAIMS_H
#define TESTS_SETCLAIMS_H

#include "rulepredict.h"

/*
 * What the evaluator claims of all packets at once that a router can be sent: it is asked once, hook by hook, with sets, and what
 * each rule matched and where packets ended is kept as sets of packets as they are when they are sent. So it can
 * be said of one packet by looking whether it is in a set, and packets can be taken out of sets.
 *
 * What the router itself does between the hooks (conntrack, routing, one hop less) is written here for sets, as rulepredict.c has it
 * for one packet.
 */
struct set_claims;

/* is_of_answers: of packets that are answers in flows that conntrack knows; else of first packets. NULL: why is not. */
struct set_claims *set_claims_new(
	const struct setting *setting, bool is_of_answers, struct text *why);
void set_claims_free(struct set_claims *claims);

/* Of one packet. At least and at most so many times: each rule and policy (rule NULL) that may match. */
typedef void set_count_fn(void *data, const struct table *table, const struct chain *chain,
	const struct rule *rule, unsigned least, unsigned most);
struct set_claim {
	bool is_beyond; /* what the router does then is beyond this test */
	bool may_arrive, may_be_lost;
	bool is_sure; /* every count is one number, and so is its end */
};
/* length: of the IP packet. */
void set_claims_ask(struct set_claims *claims, const struct rule_packet *sent, size_t length,
	struct set_claim *ret, set_count_fn *count, void *data);

/* A part of a claim: a rule, or a policy (rule NULL), and those that it matched, or that came to it and it did not match. */
struct set_part {
	const struct table *table;
	const struct chain *chain;
	const struct rule *rule;
	bool is_match;
};
size_t set_claims_parts(const struct set_claims *claims);
/* False: it is empty. */
bool set_claims_part(const struct set_claims *claims, size_t i, struct set_part *ret);
/* A packet of it that can be sent, one by chance; ret_shift: how the router is turned for it. False: none was found. */
bool set_claims_witness(struct set_claims *claims, size_t i, struct random *random,
	struct rule_packet *ret, size_t *ret_shift);

#endif
