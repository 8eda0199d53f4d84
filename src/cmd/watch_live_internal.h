/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CMD_WATCH_LIVE_INTERNAL_H
#define CMD_WATCH_LIVE_INTERNAL_H

#include <ncurses.h>

#include "base/limits.h"
#include "cmd/watch_live.h"

/* The state of the live view: watch_live.c changes it, watch_live_draw.c shows it. */

#define KEPT 1000 /* packets */

enum mode { MODE_LIST, MODE_PACKET, MODE_HELP, MODE_TYPING };

struct kept {
	struct text line[3]; /* when; which packet; what became of it */
	struct text block;
	enum colour colour;
	bool is_different; /* from what explain says */
};

struct counter {
	uint64_t netns;
	int link;
	uint64_t now[2], before[2], base[2]; /* in, out; base: when they were cleared */
};

/* How many packets were lost at a device, of those that were followed. */
struct ended {
	uint64_t netns;
	int link;
	uint64_t n;
};

struct watch_live {
	SCREEN *screen;
	const struct invocation *inv;
	struct kept kept[KEPT]; /* the one numbered n is at n % KEPT */
	uint64_t n_seen, first; /* packets are numbered from 1 on; first: that is kept */
	uint64_t selected;	/* 0: the newest, whichever that is */
	uint64_t last_shown;	/* while paused; 0: not paused */
	uint64_t shown[KEPT];	/* numbers of those that the list has */
	size_t n_shown, top;

	enum mode mode;
	struct text block; /* of the packet that is open */
	int row, column;   /* that it is scrolled to */
	char filter[64], typed[64];

	struct counter counters[LIMIT_WATCH_POINTS];
	size_t n_counters, first_point;
	struct ended ended[LIMIT_WATCH_POINTS];
	size_t n_ended;
	uint64_t counts_ns; /* when they were read */
	bool has_counts, is_dirty, has_ended;
};

/* watch_live.c */
struct counter *live_find_counter(struct watch_live *live, uint64_t netns, int link);
struct ended *live_find_ended(struct watch_live *live, uint64_t netns, int link);
void live_list_shown(struct watch_live *live); /* what the list has now, into shown */
/* The place in the list of the selected packet; of one that is in it no more that of the next one. */
size_t live_selected_place(const struct watch_live *live);

/* watch_live_draw.c */
void live_start_colours(void);
void live_draw(struct watch_live *live, struct watch_session *session);
extern const char live_help[];

#endif
