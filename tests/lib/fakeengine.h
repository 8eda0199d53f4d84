/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_FAKEENGINE_H
#define TESTS_FAKEENGINE_H

#include "api/request.h"

/*
 * An engine that does nothing but answer: what the door sends it comes in as bytes, what it says goes out as bytes. By
 * words in names it can be made to do what the real one does only on a bad day.
 */
struct fake_engine {
	struct text in, out;
	struct arena *arena;
	VEC(struct policy_part) parts; /* as they came; a part that came again is behind */
	uint64_t revision, n_syncs, n_changes, n_dry, n_requests, n_parts_told;
	uint64_t n_flood;     /* events that it sends when it is asked for findings */
	uint64_t n_dropped;   /* that each port's default drop counts, beyond eleven */
	const char *findings; /* JSON; NULL: none */
	bool is_silent;	      /* takes, and does not answer */
	bool is_kind;	      /* names mean nothing */
};
void fake_engine_init(struct fake_engine *fake);
void fake_engine_done(struct fake_engine *fake);
/* A port whose name begins with "waiting" has no interface, with "failed" is refused by the kernel; a change with a group
 * whose name begins with "refused" is refused as a whole. Bytes that are no frames end the program. */
void fake_engine_take(struct fake_engine *fake, const char *bytes, size_t size);
/* Over a socket, until its other end is closed. */
void fake_engine_run(struct fake_engine *fake, int fd);

#endif
