/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RULESET_OWNER_H
#define RULESET_OWNER_H

#include "ruleset/ruleset.h"

/*
 * Whose rule is it? Programs leave names: of tables, of chains, in comments, of interfaces that
 * only they make. Which of them told it is part of the answer, because none is a proof.
 */
struct owner {
	const char *name;     /* "Docker", stable; "nobody known" when nothing tells */
	const char *evidence; /* "the chain DOCKER-USER is Docker's": a phrase */
	bool is_known;
};

/* rule NULL: the chain's policy, or the chain itself. */
struct owner owner_of_rule(struct arena *arena, const struct table *table,
	const struct chain *chain, const struct rule *rule);

/* Which program makes devices of this name: "Docker" of docker0; NULL: nobody known. */
const char *owner_of_device(const char *name);

#endif
