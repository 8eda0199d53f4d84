/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_NETSTREAM_H
#define TESTS_NETSTREAM_H

#include "networld.h"

/* Connections of TCP, by the kernel at both ends: of guests that have addresses (net_add_address). */
struct stream {
	int client, server;
};

/* How long something that must come may take on a machine that does much else; it is there in no time. */
#define STREAM_PATIENCE_MS 60000
/* How long something is waited for that must not come. */
#define STREAM_SILENCE_MS 1000

bool stream_try(struct world *world, const char *client, const char *server, const char *ip,
	uint16_t port, int timeout_ms, struct stream *ret);
/* Fails the test when there is none. */
struct stream stream_open(
	struct world *world, const char *client, const char *server, const char *ip, uint16_t port);
void stream_end(struct stream *c);

/* A byte from one socket to the other. */
bool stream_says(int from, int to, int timeout_ms);
/* One each way. */
bool stream_lives(const struct stream *c);
/* The same, after silence: what was lost is sent again, with ever longer pauses. */
bool stream_goes_on(const struct stream *c);
/* Nothing gets through, whoever speaks, also when both try for a while. */
bool stream_is_dead(const struct stream *c);

#endif
