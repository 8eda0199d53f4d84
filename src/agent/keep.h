/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef AGENT_KEEP_H
#define AGENT_KEEP_H

#include "agent/serve.h"
#include "base/vec.h"

/*
 * The heart of the service, without its loop: a keeper knows what it last brought into the kernel, and brings it to what is
 * wanted now. Of the folder agent only.
 *
 * It holds no copy of the rules. A compile always gives the same, so what the kernel has is the compile of the policy and the plugs
 * of before, and a change is the plan between two compiles, of the ports alone that differ. Only the first change and a repair
 * read all that is there.
 *
 * Each call that changes something takes the namespace's lock, and gives it back. On false nothing is known for certain of the kernel:
 * the next call reads everything anew and goes on to what is wanted, so that trying again is all there is to do.
 * While a call works, the kernel's messages of nftables have what its tools did (kernel_is_own_program).
 */
struct keeper;

/* What a call did. Lives in the arena that was given. */
struct keeper_result {
	struct serve_done done; /* revision, usec: the caller's */
	/* "port" (its state is another one, or it sits elsewhere), "refused", "unknown-interface" (closed, no port has it),
	 * "repaired" (what was missing or too much) and, of a paranoid keeper, "bug" */
	VEC(struct serve_event) events;
};

/*
 * Looks at what is there and refuses what a pass refuses: rules of another prefix, of the other variant, of another agent. Changes
 * nothing: without a policy nothing is wanted yet. The options must live as long.
 */
bool keeper_open(const struct serve_options *options, struct keeper **ret, struct err *err);
/*
 * Has somebody else touched the rules lately? A paranoid keeper asks it when the kernel differs from a full recompute: what others did in
 * between is "repaired", and no "bug" of its own.
 */
typedef bool keeper_others_fn(void *data);
void keeper_set_others(struct keeper *keeper, keeper_others_fn *others, void *data);
void keeper_close(
	struct keeper **keeper); /* for CLEANUP; NULL in it is fine. The kernel keeps what it has */

/*
 * This is the policy now. What differs from the last one is found by looking: parts of both that point to the same are the same.
 * A port that cannot be brought to it is in done.failures and closed; it is no failure of the call. The policy must live until the next
 * call of this function has returned, whatever it returned, or the keeper is closed.
 */
bool keeper_change(struct keeper *keeper, struct arena *arena, const struct policy *wanted,
	struct keeper_result *ret, struct err *err);
/* What keeper_change would do. Nothing is kept of the policy. */
bool keeper_preview(struct keeper *keeper, struct arena *arena, const struct policy *wanted,
	struct keeper_result *ret, struct err *err);

/* The rest wants what the last policy said, and does nothing before there was one. */

/* Interfaces came, went, joined a bridge or left one, got a name, an address or another MAC. */
bool keeper_links_changed(
	struct keeper *keeper, struct arena *arena, struct keeper_result *ret, struct err *err);
/* Somebody else touched the rules, or may have: all is read, compiled and compared. */
bool keeper_repair(
	struct keeper *keeper, struct arena *arena, struct keeper_result *ret, struct err *err);
/* Ports that failed are tried again, as is a call that failed. */
bool keeper_retry(
	struct keeper *keeper, struct arena *arena, struct keeper_result *ret, struct err *err);
/* When keeper_retry has something to do, as kernel_boottime_ms; UINT64_MAX: never. */
uint64_t keeper_retry_ms(const struct keeper *keeper);

/* All but revision, started_s, n_queued, commit_usec, commit_usec_sum and guard_held. In the arena. */
void keeper_state(const struct keeper *keeper, struct arena *arena, struct serve_state *ret);
/* What stands in the kernel now, with counters, beside what the keeper wants of it, with origins: as agent_view_read. */
bool keeper_view(
	struct keeper *keeper, struct arena *arena, struct agent_view *ret, struct err *err);

#endif
