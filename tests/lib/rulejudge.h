/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_RULEJUDGE_H
#define TESTS_RULEJUDGE_H

#include "rulepackets.h"

/*
 * The kernel judges the evaluator. A ruleset is loaded into a router (netrouter.h), packets are sent
 * through it, and two things are held against a prediction: which packets came out, and by how much the counter of
 * every rule and of every policy rose. Packets go in batches; a batch that disagrees is sent again one by one.
 */
#define N_WITNESSES 20 /* a chain */

enum backend { BY_IPTABLES_NFT, BY_IPTABLES_LEGACY, BY_NFTABLES };

/* What is loaded and sent. */
struct subject {
	const char *name;
	const char *text, *sets; /* sets: as ipset save has them; NULL: none */
	enum backend backend;
	enum family family;
	bool is_stateless; /* nobody asks conntrack, so fragments stay what they are */
};

extern struct judging {
	uint64_t seed;
	bool is_short;	  /* files of iptables by iptables-nft alone */
	size_t n_packets; /* a ruleset and backend, at the boundaries of its rules */
	bool has_sets;	  /* and witnesses of what is said of all packets at once (setclaims.h) */
} judging;

extern struct judge_totals {
	size_t rulesets, unloadable, rules, packets, answers, unsure, beyond, counters, wrong,
		passed;
	/* of sets: chains by what there is of them; open: witnesses of which a count cannot be told; differ: of which
	 * the set says something else than the packet alone */
	size_t chains, full_chains, unreached, witnesses, unsendable, open, without_sets, differ;
} judge_total;

size_t judge_rules_of(const struct ruleset *rs); /* how many it has */
void judge_ruleset(const struct subject *subject);
/* As nft lists it; for each family that its tables have. */
void judge_nft(const char *name, const char *text);
/* Every file of it, and of the folders in it, that is a ruleset. */
void judge_folder(const char *path);
/* n of them, by iptables-nft and iptables-legacy in turn; prints the totals. */
void judge_random(const char *kind, size_t n, struct random_iptables what);
/* And fails the test when something was wrong. */
void print_totals(void);

#endif
