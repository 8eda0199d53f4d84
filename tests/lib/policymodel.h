/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_POLICYMODEL_H
#define TESTS_POLICYMODEL_H

#include "base/text.h"
#include "random.h"

/*
 * A policy that changes a little at a time, by chance, for the guests of networld.h: groups that name one another, rules that
 * are there twice, groups that are renamed, members on other hosts, ports that are trusted, open or have no address of a family.
 * Each state of it is a policy that is accepted.
 */
#define POLICY_GUESTS 4
#define POLICY_FAR    4 /* on another host */
#define POLICY_GROUPS 5
#define POLICY_RULES  6 /* of a group, at most */
/* Ports (numbers) that rules name: 1000 .. 1003 */
#define POLICY_PLACE  1000
#define POLICY_PLACES 4

enum policy_proto { PROTO_IS_TCP, PROTO_IS_UDP, PROTO_IS_ICMP, PROTO_IS_ANY, N_POLICY_PROTOS };

struct policy_model {
	struct policy_group_model {
		unsigned n_rules, renamed;
		struct policy_rule_model {
			unsigned number; /* its id */
			bool is_egress, is_v6;
			enum policy_proto proto;
			unsigned port; /* 0: none */
			enum { FROM_ANY, FROM_GROUP, FROM_PREFIX, FROM_LIST } remote;
			unsigned of;
		} rules[POLICY_RULES];
	} groups[POLICY_GROUPS];
	struct policy_port_model {
		bool is_there, is_open, is_trusted, has_v4, has_v6, has_pair, is_named;
		unsigned address; /* the last byte */
		unsigned groups;  /* bits */
	} ports[POLICY_GUESTS + POLICY_FAR];
	bool in_list[8]; /* of addresses */
	bool is_stateless;
	unsigned next_rule;
};

void policy_model_init(struct policy_model *m, struct random *random);
/* One to a few changes. */
void policy_model_change(struct policy_model *m, struct random *random);
void policy_model_print(struct text *out, const struct policy_model *m);
/* One that a port on this host has, or NULL. */
const struct policy_rule_model *policy_model_rule(
	const struct policy_model *m, struct random *random, unsigned port);

#endif
