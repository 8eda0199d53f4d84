/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_RANDOM_POLICY_H
#define TESTS_RANDOM_POLICY_H

#include "policy/policy.h"
#include "random.h"

/*
 * Policies by chance, for the guests of networld.h, and what packets at the boundaries of their rules are made of. Not each
 * is one: chance may make two rules that are the same, which policy_parse refuses.
 */
void random_policy(struct random *random, struct text *out);
/* NULL: it has none, as good as. */
const struct policy_rule *random_policy_rule(struct random *random, const struct policy *policy);
/* The first, the last or any address of a prefix, or the one just outside. */
struct addr random_in_prefix(struct random *random, const struct prefix *prefix);
/* One that the policies speak of. */
struct addr random_policy_addr(struct random *random, enum family family);
/* Protocol, ports and types, mostly what the rule (NULL: any) matches or just does not. For a packet of packet->src.family. */
void random_policy_l4(struct random *random, const struct policy_rule *rule, struct packet *packet);

#endif
