/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROVE_AUDIT_INTERNAL_H
#define PROVE_AUDIT_INTERNAL_H

#include "prove/audit.h"

/* Between the files of audit: what was seen while all packets went through the chains. */

struct seen_rule {
	struct packet_set reach; /* of those of audit.followed, that come to it */
	struct packet_set self;	 /* what it matches wherever it stands; has_self: it is known */
	bool has_self, has_matched;
};

struct seen_chain {
	const struct table *table;
	const struct chain *chain;
	struct seen_rule *rules;
	unsigned places; /* bits: at which of audit.places packets came to it */
	bool is_base;	 /* it is asked at one of them */
	bool is_entered; /* some packet comes to its first rule */
	struct packet_set
		matched_last; /* by its last rule: what the others matched does not come to the next one */
	/* What can come to it if no rule before it took anything: by the conditions of those that call it. */
	struct packet_set potential;
	bool has_potential, is_in_work;
	struct {
		VEC(struct caller {
			struct seen_chain *chain;
			size_t at;
		});
	} callers;
};

struct seen_place {
	struct packet_set open;	  /* what ended at a rule that is not modelled */
	struct outcomes outcomes; /* one a verdict, but each rule of its own that is not modelled */
	const struct table *table; /* the one chain that is asked; NULL: all */
	const struct chain *chain;
};

#define MAX_PLACES N_HOOKS

struct audit {
	struct arena *arena;
	struct sets *sets;
	const struct ruleset *rs;
	enum family family;
	struct audit *other;
	/* The same of the other family, when tables of inet are asked: their rules are for both. NULL: none is. */
	struct audit *twin;
	struct packet packet; /* what all have in common */
	struct packet_set all;
	struct audit_place places[MAX_PLACES];
	struct seen_place seen_places[MAX_PLACES];
	size_t n_places, now; /* now: being asked */
	bool is_everywhere;   /* at all hooks */
	/* Packets of which it is asked where they get lost; nothing else is kept of each rule, for that is as much as all the
	 * rest many times over. is_following: they are sent through the chains. */
	struct packet_set followed;
	bool is_following;
	struct seen_chain *chains;
	size_t n_chains;
	size_t *first_of_table;	   /* places in chains */
	uint64_t decided, changed; /* fields that rules asked for, and that they change */
};

struct seen_chain *seen_chain(
	const struct audit *audit, const struct table *table, const struct chain *chain);
/* That decided. */
struct audit_rule audit_rule_of(const struct outcome *outcome);
/* Sends these through the chains, and keeps what comes to each rule. They are as they are at the rule that is asked about: what
 * rules change is forgotten, so that they are followed whatever it was before. */
void audit_follow(struct audit *audit, struct packet_set packets);
/* Those of the packets that come to a place, by the rule that decides; of what is not modelled, what passes by its boolean. */
void audit_outcomes(const struct audit *audit, const struct audit_place *place,
	struct packet_set packets, struct outcomes *ret);
/* In between, when it is time to: all that is not kept in it is void then. */
void audit_collect(struct audit *audit);

#endif
