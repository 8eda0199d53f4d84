/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_RULEPACKETS_H
#define TESTS_RULEPACKETS_H

#include "netrouter.h"
#include "random_iptables.h"
#include "ruleset/eval.h"

/*
 * Packets at the boundaries of a ruleset's rules, for a router: a rule is chosen, with the jumps that
 * lead to it, and what it matches is set to a value that just matches, or one that just does not.
 */
struct rule_packet {
	size_t from; /* as router_send's */
	struct net_frame frame;
	enum ct_state ct_state; /* of its first look by conntrack */
	/* What conntrack knows of it: the flow that it is an answer of. */
	struct known_flow {
		bool is_known;
		uint16_t zone;
		uint32_t mark;
	} flow;
	uint64_t tag;
};

/* Interface names that the ruleset speaks of, a wildcard with something behind it; at most max. */
size_t rule_packet_ifaces(const struct ruleset *rs, char names[][16], size_t max);
void rule_packet_aim(struct rule_packet *ret, struct random *random, const struct ruleset *rs,
	const struct router *router, enum family family);
/* Makes it one that can be sent: what no router takes, or this test does not know, becomes something else. */
void rule_packet_settle(struct rule_packet *to, struct random *random, const struct router *router,
	enum family family);
/* The answer to a packet that was sent and arrived as it was; false: of this protocol none is made here. */
bool rule_packet_answer(const struct rule_packet *sent, const struct packet *arrived,
	const struct router *router, struct rule_packet *ret);
/* Makes a fragment of it, without the others, or cuts it into pieces that all are sent. */
void rule_packet_break(struct rule_packet *packet, struct random *random);
void rule_packet_cut(struct rule_packet *packet);
bool rule_packet_is_fragment(const struct rule_packet *packet);
/* Adds to the last 32 bits of an address: the neighbours of a prefix are just outside. */
void addr_step(struct addr *addr, int by);
/*
 * A listing of nft, with a counter in every rule, behind all that it asks: so each rule tells that it
 * matched. Tables that iptables keeps are left out, nft cannot load what it prints of them.
 */
bool nft_with_counters(const char *name, const char *text, struct text *ret);

#endif
