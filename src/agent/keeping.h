/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef AGENT_KEEPING_H
#define AGENT_KEEPING_H

#include "agent/internal.h"
#include "agent/keep.h"
#include "base/map.h"

/* Of the keeper only: what the files keep*.c share. */

/* A local port of the policy. */
struct seat {
	const struct policy_port *of; /* as the policy has it */
	/* NULL: nothing of it can be in the kernel. Its port is a copy: of the interface that the port has here, and
	 * without groups when it is bare. */
	struct plug *plug;
	struct policy_port *port; /* of the plug */
	enum serve_port_state
		place; /* of its interface: PORT_ACTIVE, PORT_WAITING, PORT_UNPLUGGED */
	const char *place_why;
	enum serve_port_state state; /* that, or PORT_FAILED */
	const char *why, *next_step; /* "" where there is nothing to say */
	bool is_bare;		     /* its groups are left out: it lets pass what every port may */
	bool is_refused;	     /* by the kernel: it is bare until it is tried again, */
	bool is_culprit; /* and not only because it was tried with others, which is less urgent */
};

/* A set that rules of ports name. */
struct set_use {
	const char *name;
	enum family family;
	const struct prefix_list *members;
	VEC(size_t) users; /* plugs */
};

/* All that a compile is made of: what the kernel has, or what it is to have. */
struct stand {
	struct arena *arena;
	const struct policy *policy;
	struct plug *plugs; /* by the port's id */
	size_t n_plugs;
	struct seat *seats; /* likewise; every plug has one */
	size_t n_seats;
	struct seat **seat_of; /* by plug */
	VEC(struct set_use *) uses;
	struct map *uses_by_name, *uses_by_group[N_IP_FAMILIES]; /* to struct set_use */
	const char *const *notes;				 /* what clear has to put back */
	size_t n_notes;
	const char **unknown; /* closed interfaces in bridges that no port has, sorted */
	size_t n_unknown;
	warning_list warnings;
	uint16_t highest_zone;
};

struct keeper {
	const struct serve_options *options;
	struct agent_options agent; /* the variant is one by name */
	struct arena *arena;
	struct plan_scope scope;
	enum backend backend;
	const struct policy *wanted; /* NULL: nothing yet */
	struct stand *kept;	     /* NULL: nothing yet */
	bool is_known; /* the kernel has what is kept. Else kept is what it was last wanted to have */
	bool is_ours; /* what is there was found to be ours: what others make of it since does not change that */
	char *failure;	    /* why it is not known; NULL */
	size_t n_marked;    /* flows that are cut by a mark */
	unsigned n_retries; /* without success */
	uint64_t retry_ms;
	uint64_t n_commits, n_refused, n_repaired, n_flows_cut;
	keeper_others_fn *others; /* NULL: nobody else changes rules */
	void *others_data;
};

/* ---- keep_stand.c */

enum seat_again {
	SEAT_AS_BEFORE,
	SEAT_CULPRITS_AS_BEFORE,
	SEAT_ANEW
}; /* ports that the kernel refused */

/*
 * The stand of a policy on a host. host NULL: the interfaces are as old has them. old NULL: there was none. Ports that cannot be
 * in the kernel as they are stand there as they can, and say why. switches: notes that were found; gets what has to be turned on.
 */
struct stand *stand_new(const struct keeper *keeper, struct arena *scratch,
	const struct policy *policy, const struct netns *host, struct zone_map *zones,
	const struct stand *old, enum seat_again again, struct switches *switches);
void stand_free(struct stand *stand); /* NULL is fine */
/* The same, in an arena: of which ports can be made bare without a change to this one, which must live as long. */
struct stand *stand_clone(
	const struct keeper *keeper, struct arena *arena, const struct stand *stand);
/* Zones as a stand has them, which may be NULL. In the arena, and of its strings. */
struct zone_map *stand_zones(struct arena *arena, const struct stand *stand);
/* Leaves the groups of a port out, or puts them back. The texts must live as long as the stand. */
void seat_make_bare(struct seat *seat, const char *why, const char *next_step);
void seat_make_whole(struct seat *seat);
/* Has it chains of its own? */
bool seat_has_chains(const struct seat *seat);
/* After that: which sets are named now. */
void stand_find_uses(const struct keeper *keeper, struct stand *stand);
/* By the port's id; NULL: none. */
struct seat *stand_seat(const struct stand *stand, const char *port_id);
/* Must a host be read to seat these ports, or do they sit where those of old do? */
bool stand_needs_host(const struct stand *old, const struct policy *policy);

/* ---- keep_change.c: from one stand to another */

bool stand_compile(const struct keeper *keeper, struct arena *arena, const struct stand *stand,
	const struct compile_part *part, const struct ruleset **ret, struct err *err);
/* found NULL: from what old has, and only what differs is compiled. */
bool stand_plan(const struct keeper *keeper, struct arena *arena, const struct stand *stand,
	const struct stand *old, const struct ruleset *found, const struct plan **ret,
	struct err *err);
/* Would its own chains be the same? */
bool seat_has_same_chains(const struct seat *a, const struct seat *b);
/* Is all that the two policies say of the port the same? */
bool port_is_same(const struct policy_port *a, const struct policy_port *b);
/* Has the set the same members? */
bool set_use_is_same(const struct set_use *a, const struct set_use *b);
/* May flows that passed be refused by what the plan leads to? */
bool plan_takes(const struct plan *plan);

/* ---- keep_commit.c: to the kernel, without the ports that it refuses */

struct work {
	struct keeper *keeper;
	struct arena *arena;	     /* the caller's */
	struct arena *scratch;	     /* of the call */
	const struct policy *policy; /* that is wanted */
	struct kernel_lock lock;
	const struct stand *base;    /* what the kernel has, where found is NULL */
	const struct ruleset *found; /* or what was found in it */
	struct stand *target;
	struct zone_map *zones;
	struct switches switches;
	struct journal journal;
	bool is_whole; /* all was read */
	bool takes;    /* flows have to be looked at */
	bool is_journalled;
	const char *
		mended; /* what others had done to the base, when that was found by a refusal; NULL */
	const struct plan *plan; /* the first, of all that is wanted */
	size_t n_steps;
	struct plan_counts counts[FAMILY_BRIDGE + 1];
	size_t n_flows_cut;
};

/* Brings the kernel to the target, in which ports that are refused become bare. */
bool work_bring(struct work *work, struct err *err);

/* ---- keep.c */

/* May what was planned mean something for connections that there are? */
bool work_judges_flows(const struct work *work);

/* ---- keep_foresee.c: what the plan of a preview means for packets */

bool work_foresee(struct work *work, struct serve_done *done, struct err *err);

/* ---- keep_state.c */

void work_tell(struct work *work, const struct stand *old, struct keeper_result *ret);
void result_tell(struct arena *arena, struct keeper_result *ret, const char *what,
	const char *subject, const char *text);
/* "IPv4 filter neutron-openvswi-i5: tcp ...", and how many more. */
const char *plan_words(struct arena *arena, const struct plan *plan);

#endif
