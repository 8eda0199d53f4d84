/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_NETTRAFFIC_H
#define TESTS_NETTRAFFIC_H

#include "networld.h"

/*
 * Traffic that goes on while the test changes policies: a child process on another processor
 * sends each line in turn, every packet a flow of its own, and counts what arrived. Until
 * traffic_stop the test itself must not send or look.
 */
struct traffic_line {
	const char *from, *to, *text; /* as of a shot */
};

struct traffic_result {
	size_t n_sent, n_arrived;
	size_t first_lost;   /* by number of the line's packet; n_sent when none was lost */
	size_t last_arrived; /* 0 when none arrived: see n_arrived */
	/* how often it went from arriving to not, or back */
	size_t n_turns;
};

struct traffic;

/* Returns when the first packets of every line have been sent. */
struct traffic *traffic_start(
	struct world *world, const struct traffic_line *lines, size_t n, unsigned per_second);
/* Waits until so many more packets of each line have been sent. */
void traffic_wait(struct traffic *traffic, size_t n_more);
void traffic_stop(struct traffic *traffic, struct traffic_result *ret);

#endif
