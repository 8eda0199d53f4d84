/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef POLICY_SET_H
#define POLICY_SET_H

#include "packet/set.h"
#include "policy/policy.h"

/*
 * A policy as sets of packets: what policy_decide says of each packet there is. It is the same code (question.h), so a packet
 * is in a set exactly when policy_decide says so of it. For all packets of the world, also for those that cannot be
 * (set.h, sets_real): and the two where that matters.
 *
 * sets_ok afterwards says whether it is true.
 */

/* All fields that policy_decide looks at: the others can be forgotten (set_forget) without a change. */
#define POLICY_FIELDS                                                                              \
	(FIELD_BIT(FIELD_ETH_SRC) | FIELD_BIT(FIELD_ETHERTYPE) | FIELD_BIT(FIELD_SRC) |            \
		FIELD_BIT(FIELD_DST) | FIELD_BIT(FIELD_PROTO) | FIELD_BIT(FIELD_FRAGMENT) |        \
		FIELD_BIT(FIELD_SPORT) | FIELD_BIT(FIELD_DPORT) | FIELD_BIT(FIELD_ICMP_TYPE) |     \
		FIELD_BIT(FIELD_ICMP_CODE) | FIELD_BIT(FIELD_CT_STATE) |                           \
		FIELD_BIT(FIELD_ARP_SHA) | FIELD_BIT(FIELD_ARP_SPA) | SET_FAMILY_BIT)

/* Before sets_seal: the MACs of the port and of its pairs. The interfaces are not the policy's to name. */
void policy_add_to_world(struct sets *sets, const struct policy_port *port);

/* What passes at the port in this direction. */
struct packet_set policy_set(
	struct sets *sets, const struct policy_port *port, enum direction direction);

/* What the rule allows by itself, whatever is asked before it. */
struct packet_set policy_rule_set(struct sets *sets, const struct policy_rule *rule);

/*
 * All packets, each in one case: of the packets of a case policy_decide says the same. In the order in which the chains ask; a
 * reason that is asked twice has two cases. A rule without a case allows nothing that is not allowed before it.
 */
struct policy_case {
	struct decision decision;
	struct packet_set packets; /* never empty */
};
size_t policy_cases(struct arena *arena, struct sets *sets, const struct policy_port *port,
	enum direction direction, const struct policy_case **ret);

#endif
