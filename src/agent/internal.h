/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef AGENT_INTERNAL_H
#define AGENT_INTERNAL_H

#include "agent/agent.h"
#include "base/vec.h"

/* What the files of this folder share; nobody else includes it. */

typedef VEC(const char *) warning_list;

/* zone.c: zones in use, by key (port id or bridge); those of found live on. */
struct zone_map;
struct zone_map *zone_map_read(
	struct arena *arena, const struct ruleset *found, const struct plan_scope *scope);
/* None; a new zone is above highest, if there is one. */
struct zone_map *zone_map_new(struct arena *arena, uint16_t highest);
/* As found before this pass, unless the key has a zone or the zone a key. The key must live as long as the map. */
void zone_map_keep(struct zone_map *zones, const char *key, uint16_t zone);
void zone_map_keep_found(
	struct zone_map *zones, const struct ruleset *found, const struct plan_scope *scope);
/* The key's zone, or a new one; fails when all 61,439 are taken. */
bool zone_map_get(struct zone_map *zones, const char *key, uint16_t *ret, struct err *err);
/* Was this zone one of ours before this pass? */
bool zone_map_had(const struct zone_map *zones, uint16_t zone);
uint16_t zone_map_highest(const struct zone_map *zones);

/* plug.c: how the local ports of a policy sit on this host. */

/* Whoever looks for their interfaces. Whose ports have no interface of their name and were not named one are looked for by MAC: by_mac. */
struct plugger;
struct plugger *plugger_new(struct arena *arena, const struct policy *policy,
	const struct netns *host, struct zone_map *zones, bool by_mac);
/* The interface that a port has; NULL: none, and *ret_why, which may be NULL, says why. */
const struct link *plugger_link(
	const struct plugger *plugger, const struct policy_port *port, const char **ret_why);
/* Its Linux bridge; NULL: none. */
const struct link *plugger_bridge(const struct plugger *plugger, const struct link *link);
/* The plug but for its port. link NULL: closed ahead of it. Fails when there are no more zones. */
bool plugger_plug(const struct plugger *plugger, const struct policy_port *port,
	const struct link *link, struct plug *plug, struct err *err);
/* NULL, or what the administrator should know of an interface in a bridge. */
const char *plugger_warning(struct arena *arena, const struct plug *plug);
/* The key of the plug's zone; NULL: it has none. */
const char *plug_zone_key(const struct plug *plug);
void plugs_warn_of_networks(
	struct arena *arena, const struct plug *plugs, size_t n, warning_list *warnings);

/* All of them. by_mac: as of plugger_new. */
bool agent_plug_ports(struct arena *arena, const struct policy *policy, const struct netns *host,
	struct zone_map *zones, const struct agent_options *options, bool by_mac, struct plug **ret,
	size_t *ret_n, warning_list *warnings, struct err *err);

/* switches.c: the switches of bridges without which groups do not hold. */
struct switch_change {
	const char *bridge;
	enum bridge_switch which;
};
struct switches {
	VEC(struct switch_change) planned; /* they are off and have to be on */
	VEC(const char *) notes;	   /* "br0 nf_call_iptables": what clear turns off */
	bool may_fix;			   /* --fix-sysctl; else planned is only warned of */
};

/* What the bridge of a plugged port needs. */
void switches_check(struct arena *arena, struct switches *switches, const struct netns *host,
	const struct plug *plug, bool may_fix, warning_list *warnings);
void switches_add_note(struct arena *arena, struct switches *switches, const char *note);
/* Turns on what is planned, or off again; nothing without may_fix. */
bool switches_set(const struct switches *switches, bool on, struct err *err);
const char *const *switches_turned_on(
	struct arena *arena, const struct switches *switches, size_t *ret_n);
/* Turns off what the notes remember. */
bool switches_restore(struct arena *arena, const struct switches *switches,
	const struct netns *host, struct err *err);

typedef VEC(struct prefix) prefix_vec;

/* flows.c: adds the source addresses that the plan takes from ports. */
void agent_gone_prefixes(struct arena *arena, const struct plan *plan, prefix_vec *gone);
struct flows_cut {
	size_t n_cut;
	size_t n_marked; /* that are cut by a mark, now or before: a rule more may let them go on */
};
/* Cuts the flows that the policy allows no more. */
bool agent_cut_flows(struct arena *arena, const struct plug *plugs, size_t n_plugs,
	const struct zone_map *zones, const prefix_vec *gone, struct flows_cut *ret,
	struct err *err);

/* What would be cut, by the same judgement; nothing is. */
struct flow_told {
	const struct policy_port *port; /* that refuses it, or that had it; NULL: not known */
	enum direction direction;
	struct packet first;
};
struct flows_told {
	struct flow_told *items;
	size_t n, n_all; /* n is at most max */
};
/* old: where the ports are before; NULL: not known. */
bool agent_find_cut_flows(struct arena *arena, const struct plug *plugs, size_t n_plugs,
	const struct plug *old, size_t n_old, const struct zone_map *zones, const prefix_vec *gone,
	size_t max, struct flows_told *ret, struct err *err);

/* journal.c: what the next pass must know if this one is killed. */
struct journal {
	bool was_there;		 /* a pass before did not end */
	VEC(const char *) notes; /* what clear has to put back, as in the mark */
	prefix_vec gone;	 /* source addresses that ports had; their flows may be uncut */
};

/* An empty one when there is none. */
bool journal_load(struct arena *arena, struct journal *ret, struct err *err);
bool journal_save(const struct journal *journal, struct err *err);
bool journal_remove(struct err *err);

/* The text of a policy file for agent_policy_load: written before the rules are, kept after. */
bool agent_policy_stage(const struct text *text, struct text *ret_staged, struct err *err);
bool agent_policy_keep(struct text *staged, struct err *err);
/* What agent_policy_load finds is gone afterwards. */
bool agent_policy_forget(struct err *err);

/* pass.c */
/* What a pass has read and decided before it changes anything. */
struct pass {
	struct arena *arena;
	const struct agent_options *options;
	struct plan_scope scope;
	enum backend backend;
	const struct netns *host;
	const struct ruleset *found;
	bool has_mark;
	warning_list warnings;
	struct switches switches; /* of bridges */
	struct journal journal;	  /* of a pass before that did not end */
	struct zone_map *zones;
	struct plug *plugs;
	size_t n_plugs;
	const struct ruleset *wanted;
};
/* Chooses the variant and the scope, and reads what is there; no lock is taken. */
bool pass_begin(struct arena *arena, const struct agent_options *options, struct pass *ret,
	struct err *err);
/* Is what is there somebody else's, of another variant, or of another prefix? */
bool pass_refuse(struct pass *pass, struct err *err);
bool pass_refuse_backend(struct pass *pass, struct err *err);
bool pass_refuse_prefix(struct pass *pass, struct err *err);
/* What the mark and the journal say that clear has to put back. */
void pass_keep_notes(struct pass *pass);

/* guard.c: its parts, for who holds it. must_be_there: named bridges. guard_look fills all but wanted. */
struct guard_options;
struct guard_state;
struct guard;
bool guard_want(struct arena *arena, const struct guard_options *options, bool must_be_there,
	struct guard *ret, struct err *err);
bool guard_look(
	struct arena *arena, struct kernel_nft *nft, struct guard_state *state, struct err *err);
/* As one transaction. */
void guard_print_replace(struct text *out, const struct guard *guard, bool is_there, bool is_owned);
/* guard_run.c: the guard that a process holds, for the loop of that process. Work is to be done when one of the descriptors can be
 * read (which does not block), or after timeout ms. leave: the table stays without an owner. */
struct guard_holder;
#define GUARD_HOLDER_FDS 2
bool guard_holder_open(const struct guard_options *options, bool notifies,
	void (*on_change)(void *data, const struct kernel_change *changes, size_t n), void *data,
	struct guard_holder **ret, struct err *err);
void guard_holder_close(struct guard_holder **holder); /* for CLEANUP; NULL in it is fine */
void guard_holder_fds(const struct guard_holder *holder, int ret[GUARD_HOLDER_FDS]);
int guard_holder_timeout(const struct guard_holder *holder);
bool guard_holder_work(struct guard_holder *holder, struct err *err);
bool guard_holder_leave(struct guard_holder *holder, struct err *err);
bool guard_may_change(
	const struct guard_options *options, const struct guard_state *state, struct err *err);

#endif
