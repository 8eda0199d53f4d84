/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef COMPILE_COMPILE_H
#define COMPILE_COMPILE_H

#include "base/arena.h"
#include "base/err.h"
#include "policy/policy.h"
#include "ruleset/plan.h"
#include "ruleset/ruleset.h"

/*
 * How a policy becomes a ruleset in the layout of Neutron's iptables driver (chains, names,
 * order, comments, sets), so that every runbook written for it still reads. What differs on
 * purpose stands in docs/neutron-differences.md. Pure; knows nothing of what is installed.
 */

/* How a local port is plugged into this host. */
struct plug {
	const struct policy_port *port;
	const char *bridge; /* NULL when the interface is not there yet */
	/*
	 * Nova's hybrid plug, one bridge a VM: the other port of the bridge ("qvb..."), and the
	 * zone is the port's. NULL on a bridge that several ports may share: then the zone is
	 * the bridge's, and all ports of one bridge have the same zone.
	 */
	const char *hybrid_peer;
	/*
	 * The bridge has addresses: the host routes for its ports. Such a bridge has no zone of
	 * its own (0), because the host's other side of a flow (NAT, routing) is in zone 0; and
	 * what the host itself sends or routes to a port is dispatched by the port's addresses.
	 */
	bool is_routed;
	uint16_t zone; /* 0: none */
	/* Its rules cannot be: it has no chains. With is_closing its frames are dropped; else it is not filtered. */
	bool is_shut;
};

/* Why a compiled rule is there. */
enum duty {
	DUTY_SKELETON, /* jumps and chains that every host has */
	DUTY_DISPATCH, /* from the shared chains into a port's */
	DUTY_ZONE,
	DUTY_DHCP_CLIENT,
	DUTY_DHCP_IN,
	DUTY_NO_DHCP_SERVER,
	DUTY_NO_RA,
	DUTY_RA_IN,
	DUTY_ND,
	DUTY_ANTI_SPOOF, /* allowed pairs */
	DUTY_SPOOF_DROP,
	DUTY_ESTABLISHED,
	DUTY_RULE, /* a security group rule */
	DUTY_INVALID,
	DUTY_FALLBACK, /* the jump to the default drop: its counter is the port's */
	DUTY_DEFAULT_DROP,
	DUTY_CUT, /* flows that no rule allows any more: COMPILE_CUT_MARK */
	DUTY_PORT_SECURITY_OFF,
	DUTY_TRUSTED,
	DUTY_FRAMES, /* the bridge family: source MACs, and what iptables never sees */
	DUTY_MARK,   /* portwall's sign that the chains are its own */
};

const char *duty_name(enum duty duty); /* "anti-spoof": for JSON, stable */

struct map;

struct origin {
	enum duty duty;
	const struct policy_port *port; /* NULL: of the host */
	enum direction direction;
	/* DUTY_RULE: the rule, and those that became the same match and were left out */
	const struct policy_rule **rules;
	size_t n_rules;
};

struct compile_options {
	struct plan_scope scope;
	/* What "portwall clear" has to put back, kept in the mark: "br0 nf_call_iptables" */
	const char *const *restore_notes;
	size_t n_restore_notes;
	/*
	 * For a host that is watched (serve). On bridges nothing passes to or from an interface of these names ("tap*") that no plug
	 * has, nor of a filtered port that is in no bridge or has no chains: an interface is closed from the moment it
	 * joins until its rules are there.
	 */
	bool is_closing;
	const char *const *closed_names;
	size_t n_closed_names;
	const struct compile_part *part; /* NULL: everything */
};

/*
 * A part of a ruleset, to be planned against the same part of another one: what is left out has to be the same in both, of the
 * policy and the plugs of both.
 */
struct compile_part {
	const bool *has_chains; /* by plug: the port's own chains are there */
	/* What all ports share is there, for all of them: the chains that lead to theirs, zones, the bridge family's maps. Else
	 * the chains of table filter are all there is of a port. */
	bool has_shared;
	const struct map *sets; /* those of the sets that its rules name that are there, by name */
};

extern const struct plan_scope compile_default_scope;
/* A scope for another chain prefix (at most 17 characters, ends in -); NULL: the default one. */
bool compile_scope(
	struct arena *arena, const char *chain_prefix, struct plan_scope *ret, struct err *err);

/*
 * Does this port have a line for the rule, and does that line name a set? Two rules that became one line are one here
 * too: either names the set.
 */
bool compile_names_set(const struct policy_port *port, const struct policy_rule *rule);

/* Can an interface of this name stand in a rule? Says what is wrong with the plug's. */
bool compile_check_plug(const struct plug *plug, struct err *err);

/* plugs: one for each local port of the policy that is to be filtered or waved through. */
bool compile_policy(struct arena *arena, const struct policy *policy, const struct plug *plugs,
	size_t n_plugs, const struct compile_options *options, const struct ruleset **ret,
	struct err *err);

/* Names, for those who look for the chains and sets of a port or group. */
const char *compile_chain_name(struct arena *arena, const struct plan_scope *scope,
	char kind /* i o s */, const char *port_id);
/* A port's chain in the bridge family: "o-3191c3d9-3" for what it sends, "to-..." for what it
 * gets. */
const char *compile_frames_chain_name(
	struct arena *arena, enum direction direction, const char *port_id);
const char *compile_set_name(struct arena *arena, const struct plan_scope *scope,
	enum family family, const char *group_id);

/*
 * The comment that carries an owner's zone in the raw table, read back so that zones survive a
 * restart: "Set zone for <port id or bridge>".
 */
const char *compile_zone_comment(struct arena *arena, const char *key);
/* The key and zone of such a rule; false when the rule is none. */
bool compile_zone_of_rule(const struct rule *rule, const char **ret_key, uint16_t *ret_zone);
#define COMPILE_ZONE_MIN 4097 /* 1..4096 are left to others, as Neutron does (LP 1745642) */
#define COMPILE_ZONE_MAX 65535

/*
 * The bit of a flow's conntrack mark (connmark) that says: no rule allows it any more, drop it.
 * One bit, so that the others keep what they mean; a high one, because marks that count begin
 * low (Neutron's OVS firewall and OVN 0x1, AWS VPC CNI 0x80, Istio 0x539), and none of those
 * that copy packet marks into flows has it (kube 0x4000 and 0x8000, mwan3 0x3f00, Tailscale
 * 0xff0000, Calico 0x1ff00000 at most). OVN's upper half is only set in zones of its own.
 */
#define COMPILE_CUT_MARK 0x40000000u

/* The names that a found table of ours closes; false: it was not compiled with is_closing. */
bool compile_closed_names(struct arena *arena, const struct ruleset *found,
	const struct plan_scope *scope, const char *const **ret, size_t *ret_n);
/* Can this be one of closed_names? An interface's name that goes on: "tap*". */
bool compile_is_closed_name(const char *name);
/* Is an interface one of them? */
bool compile_closes(const char *closed_name, const char *interface);

/* Is there an nft table of the name of ours that has not our shape? */
bool compile_is_frames_table_foreign(const struct ruleset *found, const struct plan_scope *scope);
/* Did portwall make these chains? Looks for the mark (DUTY_MARK) in table filter. */
bool compile_has_mark(const struct ruleset *found, const struct plan_scope *scope);
/* The chain prefix of another portwall's mark, such as "pw-"; NULL: there is none. */
const char *compile_other_mark(
	struct arena *arena, const struct ruleset *found, const struct plan_scope *scope);
/* The notes kept in the mark. */
void compile_mark_notes(struct arena *arena, const struct ruleset *found,
	const struct plan_scope *scope, const char *const **ret, size_t *ret_n);

#endif
