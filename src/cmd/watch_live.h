/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CMD_WATCH_LIVE_H
#define CMD_WATCH_LIVE_H

#include "cmd/watch.h"

/*
 * The live view of watch: the terminal is its own from open to close, so that nothing else may print meanwhile. It shows the counters of
 * the points, and keeps the newest packets as text; what is watched, and what it means, is the session's.
 */

/* Is somebody there to look at it? */
bool watch_live_is_wanted(const struct invocation *inv);

/* NULL in *ret: the terminal cannot do it (its TERM is not known here), and lines are to be printed. */
struct watch_live;
void watch_live_open(struct watch_session *session, struct watch_live **ret);
void watch_live_close(
	struct watch_live **live); /* for CLEANUP; gives the terminal back as it was */

void watch_live_add(struct watch_live *live, struct watch_session *session,
	const struct watched *watched, const struct watch_answer *answer);

/* watch_session.turn: keys and drawing. */
watch_turn watch_live_turn;

#endif
