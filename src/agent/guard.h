/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef AGENT_GUARD_H
#define AGENT_GUARD_H

#include "compile/guard.h"
#include "kernel/kernel.h"

/*
 * The guard (compile/guard.h) in the kernel: put there once, as a table that stays until somebody takes it away
 * (install); or held by a process (run), whose own table it is: nobody else can change or flush it, and
 * its bridges are always those of the host.
 *
 * All of it acts in the calling process's namespace. A change is one transaction of nftables, so that
 * at no moment there is no guard where there was one. Nothing is done to a table of this name that is not the guard, unless
 * takeover is set.
 */
struct guard_options {
	const char *const *bridges; /* these; NULL: those that guard_of_netns finds */
	size_t n_bridges;
	bool dry_run, takeover;
	unsigned lock_wait_s;
};

struct guard_state {
	bool is_there,
		is_whole; /* a table of that name; with all its rules, whatever its bridges */
	bool is_owned;	  /* a process holds it */
	struct guard found, wanted;
};

/* Errors: of bridges that were named one is not there, or is no bridge (ERR_INPUT); nothing can be read. */
bool agent_guard_look(struct arena *arena, const struct guard_options *options,
	struct guard_state *ret, struct err *err);
/* Is each wanted bridge in it, as it is now? */
bool guard_state_is_complete(const struct guard_state *state);

/*
 * ret_state: how it was before. *ret_commands: what was done (dry: what would be), as nft takes it; empty: it is so already.
 * Errors: the table is somebody else's or held by a process (ERR_CONFLICT), the kernel refuses.
 */
bool agent_guard_install(struct arena *arena, const struct guard_options *options,
	struct guard_state *ret_state, const char **ret_commands, struct err *err);
bool agent_guard_remove(struct arena *arena, const struct guard_options *options,
	struct guard_state *ret_state, const char **ret_commands, struct err *err);

/*
 * Others changed rules; told some 200 ms after the first of several changes. program "iptables-legacy" without a pid:
 * found by looking, who wrote is not known.
 */
typedef void agent_guard_change_fn(
	void *data, const struct kernel_change *changes, size_t n_changes);

/*
 * Holds the guard until SIGTERM, SIGINT or SIGHUP, and then leaves it as install does. A manager that started it with
 * NOTIFY_SOCKET (systemd) is told when it holds. What happens is logged. Named bridges need not be there yet.
 * Errors: as for install, before it holds; later ones are logged, and what failed is tried again.
 */
bool agent_guard_run(const struct guard_options *options, agent_guard_change_fn *on_change,
	void *data, struct err *err);

#endif
