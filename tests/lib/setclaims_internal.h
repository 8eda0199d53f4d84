/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_SETCLAIMS_INTERNAL_H
#define TESTS_SETCLAIMS_INTERNAL_H

#include "base/vec.h"
#include "setclaims.h"

/* Between the files of setclaims.h: what was seen on the way, and what packets are asked about and taken from. */
struct branch;

struct record {
	const struct table *table;
	const struct chain *chain;
	const struct rule *rule;
	struct packet_set matched, passed; /* as they were sent */
	struct packet_set wanted[2]; /* of these, where has_wanted: what witnesses are taken of */
	bool has_wanted[2];
	uint16_t zone;
	bool is_tracked;
};

struct set_claims {
	struct arena *arena;
	const struct setting *setting;
	struct sets *sets;
	bool is_of_answers, is_order_unknown;
	uint64_t written; /* by any rule */
	struct packet_set start, local, names_out, new_flows, usual;
	struct packet_set answerable; /* what is refused and has a way back is a packet more */
	struct packet_set arrives, lost, unknown, beyond; /* as they were sent */
	VEC(struct record) records;
	const struct branch *now;
	/* by number of chain; first: of its rules, the policy behind them */
	size_t *first_of_table, *first_of_chain, n_places;
	unsigned *least, *most;
	bool *is_entered; /* by chain: what never comes there is not asked of its rules */
	size_t n_chains;
};

#endif
