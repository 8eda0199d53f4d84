/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef POLICY_WHOLE_H
#define POLICY_WHOLE_H

#include "base/map.h"
#include "policy/parts.h"
#include "policy/policy.h"

/*
 * Private to policy: what is asked of objects only once they are together, and what they are given then; the same whether they
 * came as a file (parse.h) or as parts (parts.h). The messages are of whoever knows where the objects stand.
 */
#define SET_ID_LEN    24 /* characters of a group's id that the names of its ipsets hold */
#define CHAIN_ID_LEN  10 /* of a port's id that Neutron's chains are named by */
#define DEVICE_ID_LEN 11 /* and its taps */

struct whole {
	struct arena *scratch;
	const char *host; /* NULL: every port is on it */
	struct map *set_ids, *rule_ids, *port_ids, *chain_ids, *devices;
	size_t n_rules, n_members;
};
void whole_init(struct whole *whole, struct arena *scratch, const char *host);

/* Each returns whose it was before, and then changes nothing, or NULL. */
void *whole_add_set(struct whole *whole, const char *group_id, void *whose);
void *whole_add_rule(struct whole *whole, const char *rule_id, void *whose);

/* Equal when Neutron calls the two the same, so of one group only one has it. */
const char *whole_rule_key(struct arena *arena, const struct policy_rule *rule);

enum clash { CLASH_NONE, CLASH_ID, CLASH_DEVICE, CLASH_CHAIN };
enum clash whole_add_port(
	struct whole *whole, struct policy_port *port, const struct policy_port **ret_before);

/* ERR_LIMIT */
bool whole_count_rules(struct whole *whole, size_t n, struct err *err);
bool whole_count_members(struct whole *whole, size_t n, struct err *err);

bool whole_port_is_local(const struct whole *whole, const struct policy_port *port);
/* What follows of its groups, and of a name that is empty: Nova's are, and messages speak of ports by name. */
void whole_finish_port(struct policy_port *port);

/* members.c */
void policy_make_members(struct arena *arena, struct arena *scratch, struct policy *policy);

/* ids.c: what an object without an id gets, the same for the same file on every host. */
bool uuid_normalise(struct arena *arena, const char *text, const char **ret); /* lower case */
bool uuid_is_normal(const char *text); /* as uuid_normalise writes it */
const char *uuid_derive(struct arena *arena, const char *kind, const char *of);

#endif
