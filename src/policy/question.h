/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef POLICY_QUESTION_H
#define POLICY_QUESTION_H

#include "packet/set.h"
#include "policy/policy.h"

/*
 * What the conditions of decide.c are asked of: one packet, or every packet there is. The answer is always the
 * packets of which a condition is true, as a set: a set of the world, or for one packet SET_FULL (it is) or SET_EMPTY.
 * So what a policy means is written once, and nothing can make the two differ but the few functions below, which are all
 * that ask which of the two it is.
 *
 * A field that a packet does not have is 0, as in packet/set.h: ask packets_with first where 0 could be meant.
 */
struct question {
	const struct packet *packet; /* NULL: every packet of sets */
	struct sets *sets;
	bool has_frame; /* else every MAC is the right one */
};

struct packet_set packets_with(const struct question *q, enum field field);
/* Fields of up to 64 bits that are no addresses; both inclusive. */
struct packet_set packets_in_range(
	const struct question *q, enum field field, uint64_t from, uint64_t to);
struct packet_set packets_of_number(const struct question *q, enum field field, uint64_t number);
struct packet_set packets_of_states(
	const struct question *q, unsigned states); /* enum ct_state, or-ed */
struct packet_set packets_of_mac(const struct question *q, enum field field, struct mac mac);
/* Of FIELD_SRC, FIELD_DST, and of FIELD_ARP_SPA for prefixes of IPv4. */
struct packet_set packets_of_addr(
	const struct question *q, enum field field, const struct addr *addr);
struct packet_set packets_in_prefix(
	const struct question *q, enum field field, const struct prefix *prefix);
struct packet_set packets_in_list(
	const struct question *q, enum field field, const struct prefix_list *list);

struct packet_set packets_and(const struct question *q, struct packet_set a, struct packet_set b);
struct packet_set packets_or(const struct question *q, struct packet_set a, struct packet_set b);
struct packet_set packets_not(const struct question *q, struct packet_set a);
struct set_parts packets_split(const struct question *q, struct packet_set a, struct packet_set b);

/*
 * What policy_decide says of all packets that are asked of: said is called with each decision and its packets (never
 * none), in the order in which the chains of a port ask. No packet is in two calls, each is in one.
 */
typedef void policy_said_fn(void *arg, struct decision decision, struct packet_set packets);
void policy_judge(const struct question *q, const struct policy_port *port,
	enum direction direction, policy_said_fn *said, void *arg);
/* What the rule allows by itself. */
struct packet_set policy_packets_of_rule(const struct question *q, const struct policy_rule *rule);

#endif
