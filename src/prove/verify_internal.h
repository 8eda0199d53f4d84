/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROVE_VERIFY_INTERNAL_H
#define PROVE_VERIFY_INTERNAL_H

#include "prove/verify.h"
#include "ruleset/eval.h"

/* What the files of verify share; nobody else includes it. */

/* verify_walk.c: the filter chains of one ruleset on the way of a bridged frame. */
enum bridged_hook { BRIDGED_PREROUTING, BRIDGED_FORWARD, BRIDGED_POSTROUTING, N_BRIDGED_HOOKS };
struct chains_at {
	struct hook_chain *items;
	size_t n;
};
struct bridged_chains {
	const struct ruleset *rs;
	struct chains_at of_bridge[N_BRIDGED_HOOKS];
	struct chains_at of_ip[N_IP_FAMILIES][N_BRIDGED_HOOKS];
	bool has_nat;
};
void bridged_chains_init(struct arena *arena, const struct ruleset *rs, struct bridged_chains *ret);

/* A rule that packets of the set met, and those of them that it matched. */
struct met {
	const struct rule *rule;
	struct packet_set matched;
};
struct mets {
	struct arena *arena;
	struct sets *sets;
	VEC(struct met) items;
};

/* One frame, or all frames of a set, on the way. */
struct passage {
	struct arena *arena;
	const struct bridged_chains *chains;
	const struct verify_way *way;
	enum direction direction;
	enum verify_class class;
	struct sets *sets;	   /* NULL: one packet */
	struct packet_set start;   /* of a set: what comes in, of which conntrack knows nothing */
	struct packet_set tracked; /* of a set: with all that it may find */
	struct packet packet;	   /* one: with what it finds */
	struct mets *mets;	   /* of a set: NULL: not asked for */
};
/* How it ended: of a set, with what conntrack finds, whether it was asked or not. VERDICT_ACCEPT: it passed
 * them all. */
void passage_run(const struct passage *passage, struct outcomes *ret);

/* What rules see as interfaces at a hook. */
void bridged_interfaces(const struct verify_way *way, enum direction direction,
	enum bridged_hook at, bool is_ip, struct packet *packet);
extern const enum hook bridged_hooks[N_BRIDGED_HOOKS];

/* verify_memory.c: one run. */
struct remembering;
struct remembering *remembering_new(
	struct arena *arena, const struct verify_input *input, const struct bridged_chains *found);
/* Was it equal with all of this the same? ret_words: for memory_keep. */
bool memory_has(struct remembering *r, const struct verify_port *port, struct text *ret_words);
void memory_keep(struct remembering *r, const struct text *words);

/* verify_cause.c: sends the witness through both, and fills in what is different. */
struct cause_question {
	struct arena *arena;
	const struct bridged_chains *found, *wanted;
	const struct verify_port *port;
};
void verify_find_cause(const struct cause_question *q, struct verify_difference *difference);

#endif
