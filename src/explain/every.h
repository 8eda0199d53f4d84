/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef EXPLAIN_EVERY_H
#define EXPLAIN_EVERY_H

#include "explain/explain.h"
#include "packet/set.h"

/*
 * The walk of all packets of a set at once. The answer is told by parts: these packets are delivered, those dropped by that
 * rule, of those it cannot be told. Each part has a packet of its own, whose walk alone must end in the same way; if it does
 * not, the part is not believed (is_contradicted).
 */
struct every_part {
	enum final final;
	struct packet_set
		set; /* as they come in; parts do not overlap, and all of them together are what was asked */
	struct packet_set into; /* FINAL_REWRITTEN: the new values of the fields in rewritten */
	uint64_t rewritten;
	/* where one of them ends; of FINAL_CANNOT_TELL: one of the ends that are possible, other: another one, which
	 * may be NULL */
	const struct leaf *leaf, *other;
	const char *why; /* FINAL_CANNOT_TELL: what is missing, as a phrase */
	struct query witness;
	const struct explanation *explanation; /* of the witness alone */
	bool is_contradicted;
};

struct every {
	struct sets *sets;
	const struct host *host;
	struct query query; /* with all that depends on a protocol open, where that is */
	struct packet_set asked;
	VEC(struct every_part) parts; /* in the order of the walk */
};

/* What the query leaves open, and allowed says of it, is asked for every value. Errors: the set is too large (ERR_LIMIT), or has no
 * packet. sets of ret: sets_free. */
struct packet_choices;
bool explain_every(struct arena *arena, const struct explainer *explainer,
	const struct query *query, const struct packet_choices *allowed, struct every *ret,
	struct err *err);

/* The same, for who asks often: in a world that explain_world made of the host, and without witnesses (every_witness makes one). The
 * sets of an answer are void when the next one is asked for; sets_free. */
struct sets *explain_world(const struct host *host);
bool explain_every_in(struct arena *arena, const struct explainer *explainer, struct sets *sets,
	const struct query *query, const struct packet_choices *allowed, struct every *ret,
	struct err *err);

/* Another packet of these, as a part's witness is made; false: there is none. */
bool every_witness(const struct every *every, struct packet_set among, struct query *ret);

/* In words, at most max_parts lines, each behind indent: "dst 10.0.0.0/8 dport 22". "all of them": of the whole set. */
void every_print_set(
	struct text *out, const struct every *every, struct packet_set set, size_t max_parts);

#endif
