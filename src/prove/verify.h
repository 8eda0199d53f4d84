/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROVE_VERIFY_H
#define PROVE_VERIFY_H

#include "host/host.h"
#include "packet/set.h"
#include "policy/policy.h"
#include "policy/set.h"
#include "ruleset/owner.h"
#include "ruleset/ruleset.h"

/*
 * Does a host pass what it should, for every packet there is? At each port, in each direction, the packets that the
 * rules of the host let pass are computed as a set, and so are those that should pass: what the policy says, or what
 * another host passes. Nothing is compared rule by rule: two rulesets that look different and mean the same are equal.
 * Where the sets differ, a packet of the difference is sent through both, and the first step that is not the same tells
 * which rule is missing, too much or in the way.
 *
 * Judged are frames that a bridge forwards between the port and a port that is none of the policy's, through all filter
 * chains that they meet: whoever made them, of iptables and nft, of IP and of the bridge. Packets come without a mark. What NAT
 * would do is not judged, nor what the host itself sends to the port or gets from it.
 */

/* How the frames of a port travel on a host. */
struct verify_way {
	const char *device;
	const char *bridge;	       /* NULL: it is in none, and nothing can be told */
	const char *other;	       /* the bridge's port at the other end of the way */
	bool is_called[N_IP_FAMILIES]; /* bridged packets pass iptables, ip6tables */
	const char
		*why_unknown; /* why nothing can be told ("a program ..."): a phrase; else NULL */
};

struct verify_port {
	const char *name;		/* for people */
	const struct policy_port *port; /* NULL when two hosts are compared */
	struct verify_way way;
	struct verify_way expected_way; /* on the host that is compared with */
};

/*
 * What was proved before, for who verifies a host again and again: ports that were equal to their policy, each with all that this
 * follows from (the words of its rules, of the sets that they name, of its policy, its way). A port of which all of that is the same is
 * not proved again. Differences are always looked for anew. What was not asked for in the last run is forgotten.
 */
struct verify_memory;
struct verify_memory *verify_memory_new(void);
void verify_memory_free(struct verify_memory *memory); /* NULL is fine */

struct verify_input {
	const struct ruleset *found;
	/* With a policy: what it compiles to; it tells only which rule is missing. Else the rules of the other host. */
	const struct ruleset *wanted;
	const struct verify_port *ports;
	size_t n_ports;
	uint32_t
		cut_mark; /* flows with a bit of it in their mark were cut, and are not looked at */
	struct verify_memory *memory;			 /* NULL: none. Only with a policy. */
	void (*progress)(void *data, const char *stage); /* NULL: nobody */
	void *progress_data;
};

enum verify_class { VERIFY_IPV4, VERIFY_IPV6, VERIFY_FRAMES, N_VERIFY_CLASSES };
const char *verify_class_name(enum verify_class class); /* "IPv4", "IPv6", "other frames" */

enum verify_kind {
	VERIFY_LOST,  /* should pass, and does not */
	VERIFY_EXTRA, /* should not pass, and does */
	VERIFY_CANNOT_TELL,
};
const char *verify_kind_name(enum verify_kind kind); /* "lost": for JSON, stable */

enum verify_cause {
	CAUSE_UNKNOWN,
	CAUSE_MISSING,	  /* a wanted rule is not there: missing */
	CAUSE_TOO_MUCH,	  /* a rule that nobody wants lets it pass: culprit */
	CAUSE_IN_THE_WAY, /* a rule that nobody wants takes it: culprit */
	CAUSE_ORDER,	  /* culprit is wanted, but not before "missing" */
	CAUSE_SET,	  /* the rule is there, and its set has other members: culprit, name */
	CAUSE_MAP,	  /* the same of a verdict map */
	CAUSE_NOT_CALLED, /* the bridge does not ask iptables */
};
const char *verify_cause_name(enum verify_cause cause); /* "missing": for JSON, stable */

/* A rule at its place. chain NULL: none. rule NULL: the chain's policy. */
struct verify_rule {
	const struct table *table;
	const struct chain *chain;
	const struct rule *rule;
	size_t number; /* from 1; 0: the policy */
	struct owner owner;
};

struct verify_difference {
	const struct verify_port *port;
	enum direction direction;
	enum verify_class class;
	enum verify_kind kind;
	const char *words; /* the packets: lines of set_print */
	bool has_witness;
	struct packet witness;	  /* one of them, at the hook where bridged packets are filtered */
	struct decision decision; /* what the policy says of it; only with a policy */
	enum verify_cause cause;
	struct verify_rule culprit, missing; /* of found; of wanted */
	struct verify_rule decided;	     /* the last rule that the witness met on the host */
	const char *name; /* CAUSE_SET, CAUSE_MAP: which; CAUSE_NOT_CALLED: the bridge */
	const char *why;  /* VERIFY_CANNOT_TELL: a phrase */
};

struct verification {
	struct verify_difference *items; /* in the order of the ports */
	size_t n;
	size_t n_ports, n_different, n_cannot_tell; /* ports; each port counts once */
	size_t n_remembered; /* of the equal ones: those that were not proved again */
	bool has_nat;	     /* there are chains of NAT, which were not judged */
	size_t n_nodes_peak;
};

/* False: the sets became too large (ERR_LIMIT), or the rules ask what no set can hold. */
bool verify_run(struct arena *arena, const struct verify_input *input, struct verification *ret,
	struct err *err);

/* The way of a device on a host. ports: those that are to be verified; a port of the bridge that is none of
 * them is at the other end. */
struct verify_way verify_way_of(struct arena *arena, const struct netns *ns, const char *device,
	const struct verify_port *ports, size_t n_ports);
/* The ports of all bridges of a namespace, as a device each: for comparing two hosts without a policy. */
void verify_bridge_ports(
	struct arena *arena, const struct netns *ns, struct verify_port **ret, size_t *ret_n);

#endif
