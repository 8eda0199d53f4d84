/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_WATCHSHOT_H
#define TESTS_WATCHSHOT_H

#include <string.h>

#include "packet/frame.h"
#include "unit.h"
#include "watch/watch.h"

/* Sightings that nobody saw, for the tests of src/watch. */

#define MAC_1 "02:00:00:00:00:01"
#define MAC_2 "02:00:00:00:00:02"
#define NS    7
#define OWN   "own-1"
#define QUIET 1000

struct shot {
	uint8_t bytes[256];
	size_t size;
};

static inline struct packet udp(void)
{
	struct packet packet = { .ethertype = ETHERTYPE_IPV4,
		.proto = PROTO_UDP,
		.ttl = 64,
		.sport = 1000,
		.dport = 2000 };

	assert_true(addr_parse("10.0.0.1", &packet.src));
	assert_true(addr_parse("10.0.0.2", &packet.dst));
	assert_true(mac_parse(MAC_1, &packet.eth_src));
	assert_true(mac_parse(MAC_2, &packet.eth_dst));
	return packet;
}

static inline struct shot shot_of(const struct packet *packet, const char *payload)
{
	struct shot shot;
	struct err err = { 0 };

	if (!frame_build(packet, payload, strlen(payload), shot.bytes, sizeof(shot.bytes),
		    &shot.size, &err))
		fail_msg("%s", err.text);
	return shot;
}

/* IPv6 without a flow label has nothing that tells packets of one length apart but what is in them. */
static inline struct shot alike(const char *payload)
{
	struct packet packet = udp();
	struct shot shot;

	packet.ethertype = ETHERTYPE_IPV6;
	assert_true(addr_parse("2001:db8::1", &packet.src));
	assert_true(addr_parse("2001:db8::2", &packet.dst));
	shot = shot_of(&packet, payload);
	memset(shot.bytes + 15, 0, 3);
	return shot;
}

static inline struct sighting seen(const struct shot *shot, int link, bool is_out, uint64_t time)
{
	return (struct sighting){ .kind = SIGHTING_FRAME,
		.netns = NS,
		.time_ns = time,
		.link = link,
		.is_out = is_out,
		.bytes = shot->bytes,
		.size = shot->size,
		.wire_size = shot->size,
		.has_ethernet = true };
}

static inline void see(
	struct watch *watch, const struct shot *shot, int link, bool is_out, uint64_t time)
{
	const struct sighting sighting = seen(shot, link, is_out, time);

	watch_see(watch, &sighting);
}

static inline void see_drop(struct watch *watch, const struct shot *shot, int link,
	const char *reason, const char *function, uint64_t time)
{
	struct sighting sighting = seen(shot, link, false, time);

	sighting.kind = SIGHTING_DROP;
	sighting.reason = reason;
	sighting.function = function;
	watch_see(watch, &sighting);
}

/* The first event of a base chain: the headers are in it, but no payload. */
static inline struct sighting traced(const struct shot *shot, uint32_t id, const char *table,
	const char *chain, uint64_t handle, enum trace_verdict verdict)
{
	struct sighting sighting = seen(shot, 0, false, 500);
	size_t size = shot->bytes[14] >> 4 == 6 ? 74 : 54;

	sighting.kind = SIGHTING_TRACE;
	sighting.size = shot->size < size ? shot->size : size;
	sighting.wire_size = 0;
	sighting.trace = (struct trace){ .id = id,
		.step = handle ? TRACE_RULE : TRACE_POLICY,
		.family = FAMILY_BRIDGE,
		.table = table,
		.chain = chain,
		.handle = handle,
		.verdict = verdict };
	return sighting;
}

/* Of our own table at a device. */
static inline void see_own(
	struct watch *watch, const struct shot *shot, uint32_t id, int link, bool is_out)
{
	struct sighting sighting = traced(shot, id, OWN, is_out ? "out" : "in", 1, TRACE_ACCEPT);

	sighting.trace.family = FAMILY_NETDEV;
	sighting.link = link;
	sighting.is_out = is_out;
	*(is_out ? &sighting.trace.out : &sighting.trace.in) = link;
	watch_see(watch, &sighting);
}

static inline struct watched *take(struct watch *watch)
{
	struct watched *watched = watch_take(watch, UINT64_MAX, 0);

	assert_non_null(watched);
	return watched;
}

static inline void assert_no_more(struct watch *watch)
{
	assert_null(watch_take(watch, UINT64_MAX, 0));
}

#endif
