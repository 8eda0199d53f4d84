// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A fix that is not kept in time is taken back by a process that has nothing to do with the terminal it was done from: that may be
 * the very thing that the fix has cut off. Should this process be killed, the time in the record is past, which agent_mended tells.
 */
#include <string.h>

#include "agent/mending.h"

/* How often it looks whether it is still needed. */
#define LOOK_MS 1000
/* The lock may be held, a tool may be busy: who waits for his way in would have it tried again. */
#define TRIES	    60
#define TRY_MS	    5000
#define LOCK_WAIT_S 60

struct waiter {
	const char *id;
	uint64_t token, at_ms;
};

enum need { NEEDED, NOT_NEEDED, NOT_KNOWN };

/* Without the lock: the file is replaced as a whole. */
static enum need look(const struct waiter *waiter)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	fix_vec fixes = { 0 };
	struct err ignored;

	if (!fixes_load(arena, &fixes, &ignored))
		return NOT_KNOWN;
	vec_for_each (fix, &fixes)
		if (!strcmp(fix->id, waiter->id) && fix->token == waiter->token)
			return NEEDED;
	return NOT_NEEDED;
}

/* false: it was kept or undone meanwhile. It was written down before we began. */
static bool wait_for_time(const struct waiter *waiter)
{
	for (uint64_t now = kernel_boottime_ms(); now < waiter->at_ms; now = kernel_boottime_ms()) {
		uint64_t next = now + LOOK_MS;

		if (look(waiter) == NOT_NEEDED)
			return false;
		kernel_sleep_until(next < waiter->at_ms ? next : waiter->at_ms);
	}
	return true;
}

static void wait_and_undo(void *data)
{
	const struct waiter *waiter = data;
	const struct agent_options options = { .lock_wait_s = LOCK_WAIT_S };

	if (!wait_for_time(waiter))
		return;
	for (unsigned try = 1;; try++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct mend_result result = { 0 };
		struct err err = { 0 };

		if (fix_undo(arena, waiter->id, waiter->token, &options, &result, &err)) {
			kernel_log("the fix %s was not confirmed and is undone", waiter->id);
			for (size_t i = 0; i < result.n_notes; i++)
				kernel_log("%s: %s", waiter->id, result.notes[i]);
			return;
		}
		if (look(waiter) == NOT_NEEDED)
			return; /* kept or undone, just now */
		if (try == 1 || try == TRIES)
			kernel_log("the fix %s was not confirmed and could not be undone: %s",
				waiter->id, err.text);
		if (try == TRIES)
			return;
		kernel_sleep_until(kernel_boottime_ms() + TRY_MS);
	}
}

bool waiter_begin(const struct fix *fix, unsigned after_s, pid_t *ret, struct err *err)
{
	struct waiter waiter = { .id = fix->id,
		.token = fix->token,
		.at_ms = kernel_boottime_ms() + (uint64_t)after_s * 1000 };

	return kernel_detached_begin(wait_and_undo, &waiter, false, ret, err);
}
