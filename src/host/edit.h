/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HOST_EDIT_H
#define HOST_EDIT_H

#include "host/host.h"

/*
 * One thing done to a namespace of a host, as a value: the host as it would be (host_edited), the
 * command that does it, the command that takes it back. Who asks what would happen and who makes
 * it happen (agent/mend.h) share this one description, so that what was proved is what is done.
 *
 * Rules are meant by their table's source, family and name, and by their place in the chain: of
 * several edits each one's places are those of the host behind the edits before it.
 */
enum host_edit_kind {
	HOST_EDIT_RULE_ADD,	/* rule, as the table's program takes it, becomes the one at "at" */
	HOST_EDIT_RULE_REMOVE,	/* the rule at "at", which is "before" */
	HOST_EDIT_RULE_REPLACE, /* the rule at "at", which is "before", becomes "rule" */
	HOST_EDIT_TABLE_ADD,	/* nft: a whole new table; text as nft list prints it */
	HOST_EDIT_TABLE_REMOVE, /* nft: before: its text */
	HOST_EDIT_SYSCTL,	/* name, value, before (NULL: not known) */
	HOST_EDIT_LINK,		/* of the link name: flag becomes value; before */
	HOST_EDIT_FLOWS,	/* these conntrack entries are deleted; cannot be taken back */
};

/* What HOST_EDIT_LINK can set, by the words of ip(8) and bridge(8). */
enum link_flag {
	LINK_FLAG_UP,		    /* ip link set DEV up */
	LINK_FLAG_MTU,		    /* ip link set DEV mtu N */
	LINK_FLAG_ISOLATED,	    /* bridge link set dev DEV isolated off */
	LINK_FLAG_LOCKED,	    /* ... locked */
	LINK_FLAG_HAIRPIN,	    /* ... hairpin */
	LINK_FLAG_NF_CALL_IPTABLES, /* ip link set DEV type bridge nf_call_iptables 1 */
	LINK_FLAG_NF_CALL_IP6TABLES,
	LINK_FLAG_MCAST_SNOOPING, /* ip link set DEV type bridge mcast_snooping 0 */
	LINK_FLAG_MCAST_QUERIER,
	LINK_FLAG_PORT_STATE, /* bridge link set dev DEV state 3: a number of enum port_state */
	N_LINK_FLAGS,
};

struct host_edit {
	enum host_edit_kind kind;

	/* rules and tables */
	enum table_source source;
	enum family family;
	const char *table, *chain;
	size_t at;    /* place in the chain, 0: the first */
	bool is_last; /* HOST_EDIT_RULE_ADD: at is behind all rules */
	const char *rule, *before;

	/* sysctls (names as of struct sysctl), links */
	const char *name, *value;
	enum link_flag flag;

	const struct conntrack_entry *const *flows;
	size_t n_flows;
};

/* The rule at its place in a chain that is there; rule NULL: the one that stands there is removed; replaces: it is
 * replaced. */
struct host_edit host_edit_of_rule(struct arena *arena, const struct table *table,
	const struct chain *chain, size_t at, const char *rule, bool replaces);

/* ns with the edits done in this order; all that did not change is shared, and indexes of links stay. Errors: a
 * rule or table that cannot be read, a table, chain, rule or link that is not there. */
bool host_edited(struct arena *arena, const struct host *host, const struct netns *ns,
	const struct host_edit *edits, size_t n, const struct host **ret, struct err *err);

/* For a shell in the namespace, a line (a table: several) each, without the last line's end. */
void host_edit_print_command(struct text *out, const struct host_edit *edit);
/* The way back; of flows nothing. */
void host_edit_print_undo(struct text *out, const struct host_edit *edit);

const char *link_flag_name(enum link_flag flag); /* "isolated": as bridge(8) and ip(8) have it */

#endif
