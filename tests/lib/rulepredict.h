/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_RULEPREDICT_H
#define TESTS_RULEPREDICT_H

#include "rulepackets.h"

/*
 * What the evaluator says of a packet that is sent through a router: whether it arrives, and which
 * rules and policies count it. The ways of a packet that cannot be told are all gone.
 */
#define PREDICTION_MAX_ENDS 64

struct prediction_end {
	bool arrives;
	const struct step *last;
	struct packet packet; /* as it was then */
};

struct prediction {
	struct prediction_end ends[PREDICTION_MAX_ENDS];
	size_t n;
	bool is_overfull; /* more ends than fit, or one that cannot be told */
	bool is_beyond;	  /* what the router does then is beyond this test */
	bool is_assumed;  /* ways that end alike are one end, so the counters are not known */
	bool is_natted;
};

/* A router with a ruleset in it. */
struct setting {
	const struct router *router;
	const struct ruleset *rs;
	enum family family;
	bool is_stateless; /* nobody asks conntrack: there is none, and fragments stay as they are */
};

/* length: of the IP packet. Steps are of the arena. */
void predict(const struct setting *setting, struct arena *arena, const struct rule_packet *sent,
	size_t length, struct prediction *ret);
/* One end, and nothing was assumed: the counters are known. */
bool prediction_is_sure(const struct prediction *prediction);
bool prediction_may_be(const struct prediction *prediction, bool arrived);
/* A step that assumed that a rule sends the packet elsewhere, or does not. */
bool step_is_assumption(const struct step *step);

#endif
