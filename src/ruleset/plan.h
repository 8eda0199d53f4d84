/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RULESET_PLAN_H
#define RULESET_PLAN_H

#include "ruleset/ruleset.h"

/*
 * From what is wanted and what was found to the smallest batches that lead there, and back.
 * Pure: plan.c says how the order of the steps keeps the promise that at no moment between
 * them a packet passes that both versions drop, or is lost that both allow.
 */

/* Which part of a found ruleset is ours to change. Everything else is never touched. */
struct plan_scope {
	const char *chain_prefix; /* "neutron-openvswi-" */
	const char *top_chain;	  /* "neutron-filter-top" */
	const char *set_prefix;	  /* "N": ipsets NIPv4..., NIPv6... */
	const char *l2_table;	  /* "portwall": the nft table of the bridge family */
};

enum tool {
	TOOL_IPTABLES, /* of the variant that the plan is committed with */
	TOOL_IP6TABLES,
	TOOL_IPSET,
	TOOL_NFT,
	/* Not of plan_make, but of fixes (agent/mend.h), which may concern both variants of iptables at once. */
	TOOL_IPTABLES_LEGACY,
	TOOL_IP6TABLES_LEGACY,
	TOOL_SYSCTL, /* no program: lines "net.ipv4.ip_forward=1" */
	TOOL_LINK, /* no program: lines "br0 nf_call_iptables 1", the device, enum link_flag's word, its value */
	N_TOOLS
};
bool tool_is_iptables(enum tool tool);

struct plan_step {
	enum tool tool;
	/*
	 * Standard input of "iptables-restore --noflush --counters" (a rule that moves brings its
	 * counters as [packets:bytes]), "ipset restore", "nft -f -".
	 */
	const char *text;
	const char *undo; /* leads back, counters included; run in reverse order after a refusal */
	/*
	 * A refused step has changed nothing, and its undo must not be run. Else (several commands of ipset, several
	 * settings) a part may have been done, and the undo leads back from any part of it.
	 */
	bool is_atomic;
};

struct plan_counts {
	size_t rules_added, rules_removed, chains_added, chains_removed;
	size_t sets_added, sets_removed, members_added, members_removed;
};

struct plan {
	struct plan_step *steps; /* to be run in this order */
	size_t n_steps;
	struct plan_counts counts[FAMILY_BRIDGE + 1]; /* by family; sets under their own family */
	/* What differs, for people: one line a change, sorted by chain. */
	struct plan_change {
		enum family family;
		const char *table, *chain; /* set name in chain for a set, table "" */
		char sign;		   /* '+' or '-' */
		const char *words;	   /* the rule or member in words */
		const struct rule *rule;   /* NULL for members and chains */
	} * changes;
	size_t n_changes;
	/*
	 * Sets whose rules go over to other sets and back. Who gave only a part of the rules has to give all that name one of these,
	 * and plan again: else the plan does not keep its promise.
	 */
	const char **twinned;
	size_t n_twinned;
};

bool plan_make(struct arena *arena, const struct ruleset *wanted, const struct ruleset *found,
	const struct plan_scope *scope, const struct plan **ret, struct err *err);

/* Can a set of ours with this name and family be written? Not where there is one of another type or family. */
bool plan_may_write_set(
	const struct ruleset *found, const char *name, enum family family, struct err *err);

/* Is this chain, or this ipset, ours? */
bool plan_scope_has_chain(const struct plan_scope *scope, const char *chain);
bool plan_scope_has_set(const struct plan_scope *scope, const char *set);

const char *tool_name(enum tool tool); /* "iptables-restore": for messages and --dry-run */

#endif
