/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CMD_WATCH_DROPS_H
#define CMD_WATCH_DROPS_H

#include "capture/drops.h"
#include "cmd/watch.h"
#include "watch/losses.h"

/* portwall watch --drops: what its two files share. */

struct drops_device_name {
	uint64_t netns;
	int link;
	const char *name;
};

struct drops_session {
	struct invocation *inv;
	struct drops *drops;
	struct losses *losses;
	struct kernel_watch *changes; /* NULL: they cannot be listened to */
	struct drops_lost lost;
	uint64_t begin_ns;

	/* of the present reading of the host, all in one arena that the next one replaces */
	struct arena *arena;
	const struct host *host;
	VEC(struct drops_device_name) devices;
	bool is_cut_short; /* a large bridge's other ports are not watched (watch_points) */
	uint64_t read_ns, reading_ns; /* when it was read, and how long that took */
};

/* watch_drops_print.c */
/* losses_world.tell: texts. */
void *drops_tell(void *data, struct arena *arena, const struct report *report);
void drops_print_begin(const struct drops_session *session);
/* At most max rows. */
void drops_print(struct drops_session *session, struct text *out, size_t max);
json_t *drops_json(struct drops_session *session);

#endif
