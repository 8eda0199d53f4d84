/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef EXPLAIN_REPORT_H
#define EXPLAIN_REPORT_H

#include "explain/explain.h"
#include "host/edit.h"
#include "ruleset/owner.h"

/*
 * What there is to tell of a walk, as a value, for text, JSON and pictures alike: who decided and
 * whose rule it is, what of the packet mattered, and the smallest change that flips the verdict.
 * Everything that it claims was asked of the walk itself. Pure, as the walk is.
 */

/* A port whose security groups a packet meets, known by the layout of Neutron's chains
 * (neutron/agent/linux/iptables_firewall.py), which portwall writes too. */
struct group_port {
	const char *device;	   /* "tap812bd281-f5" */
	bool is_ingress;	   /* towards the guest */
	bool is_spoof;		   /* the check of its source addresses decided, not a group */
	bool is_invalid;	   /* conntrack's state "invalid" decided */
	const struct chain *chain; /* its own: "...-i812bd281-f" or "...-o812bd281-f" */
	size_t at;		   /* there the rule by which the packet got lost; 0: the first */
};

/* A rule, or the policy of a chain, that took or rewrote the packet. */
struct decider {
	const struct node *node; /* NODE_CHAIN: table, rule_chain, rule (NULL: the policy) */
	size_t number;		 /* of the rule in rule_chain, from 1; 0: the policy */
	struct owner owner;
	const struct group_port *port; /* NULL: not of a security group */
};

/* One thing to do. */
enum change_kind {
	CHANGE_GROUP_RULE,    /* of a security group */
	CHANGE_ADDRESS_PAIR,  /* of a port */
	CHANGE_RULE,	      /* netfilter's, that lets it pass */
	CHANGE_NAT_EXCEPTION, /* a rule that leaves it as it is */
	CHANGE_SYSCTL,
	CHANGE_LINK,
};
const char *change_kind_name(enum change_kind kind); /* "group-rule" */
struct change {
	enum change_kind kind;
	const struct netns *ns;
	const char *words;   /* a phrase: "a rule of the group that lets in ipip from 10.0.0.2" */
	const char *command; /* for a shell in ns; of portwall's policy: its line of the file */
	const char *note;    /* what to know before; NULL: nothing */
	/* What was tried in a copy of ns; of a security group: what its agent would write then. */
	struct host_edit edit;
};

/*
 * What flips the verdict: lost becomes delivered, rewritten becomes delivered as it was. All of the
 * changes are needed, in this order, and fewer do not help; the host with all of them in was asked,
 * and answered "after". n 0: nothing that is known here helps.
 */
struct changes {
	const struct change *items;
	size_t n;
	enum final after;
	enum drop after_drop; /* DROP_NO_SOCKET: it arrives, but no program listens */
};

struct report {
	const struct query *query;
	const struct explanation *explanation;
	bool is_reply;
	const struct node *const *path; /* of the leaf that speaks for all, from its begin */
	size_t n_path;
	const struct decider *decider;	 /* NULL: no rule and no policy took it */
	const struct decider *rewriters; /* in order; a mapping of an older flow has none */
	size_t n_rewriters;
	uint64_t macs; /* explain_find_macs; whoever called it says so */
	/* Fields of the packet that were given, but whose every value gives the same answer, all
	 * of them open at once; and the fields that rules looked at beside these. */
	uint64_t any, fields;
	uint64_t open; /* cannot tell: fields that were left open and looked at */
	struct changes changes;
};

/* How much is to be found out beyond the walk of the query, whose explanation it is; each costs a few more walks. */
enum report_flag { REPORT_ANY = 1 << 0, REPORT_CHANGES = 1 << 1 };
void report_make(struct arena *arena, const struct explainer *explainer, const struct query *query,
	const struct explanation *explanation, unsigned flags, struct report *ret);

/* "dropped at qvb1: ...", a sentence without full stop. */
void report_print_verdict(struct text *out, const struct report *report);
/* A drawing of the way, in the language of Graphviz. */
void report_print_dot(struct text *out, const struct report *report);
/* Cannot tell: what is missing, and how to give it; "" when nothing is. */
void report_print_missing(struct text *out, const struct report *report);

/* The way to a leaf, from its begin; in the arena. */
const struct node *const *leaf_path(struct arena *arena, const struct leaf *leaf, size_t *ret_n);
/* The chain whose rule or policy took the packet; NULL: something else did, or nothing. */
const struct node *leaf_decider(const struct leaf *leaf);
/* Of a NODE_CHAIN. */
struct decider decider_of(struct arena *arena, const struct node *node);
/* Was the packet on a bridge's way when IP's hooks had it? */
bool node_is_bridged(const struct node *node);
/* What a rule is to name that shall hold for a bridge and all that are hit like it: "qbr+" (nft: "qbr*") for every VM's bridge of
 * Neutron's hybrid plug, else the bridge. */
const char *bridge_pattern(const char *bridge, bool is_nft);
/* The rewriting rule of a NODE_NAT; NULL: an older flow's. */
const struct node *node_rewriter(const struct node *nat);
/* The points of the OpenStack picture: A the guest's own interface, B tap, C qbr, D qvb and qvo, E br-int,
 * F another bridge of Open vSwitch, G a NIC. 0: none of them. */
char node_point(const struct node *node);

#endif
