/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef POLICY_SAMPLE_H
#define POLICY_SAMPLE_H

#include "policy/policy.h"

/*
 * A policy as the packets that show it: for each rule of each group of a port one that it is about, and for each direction and
 * family one that no rule allows (none where a rule allows all). Each is the first of a flow of its own: remote addresses and
 * source ports differ, so that no answer to one lets another in. The port's MAC and addresses are its own; the MAC of the other station is
 * made up, and in packet.unknown. Pure: the same port gives the same packets.
 */
struct policy_sample {
	const struct policy_rule *rule; /* NULL: of no rule */
	enum direction direction;
	struct packet packet;
	struct decision wanted; /* policy_decide */
	const char *why_not;	/* there is no such packet: why; NULL: there is */
};
void policy_samples(struct arena *arena, const struct policy_port *port, struct policy_sample **ret,
	size_t *ret_n);

#endif
