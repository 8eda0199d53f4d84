// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which sightings are of one packet (watch/watch.h): what the kernel does only now and then, in an order that it rarely has.
 */
#include "unit.h"

#include <string.h>

#include "base/limits.h"
#include "watchshot.h"

static void what_nat_rewrote_is_the_same_packet(void **state)
{
	struct watch *watch CLEANUP(watch_freep) = watch_new();
	struct packet packet = udp();
	struct shot before = shot_of(&packet, "hello"), after;
	struct watched *watched;

	(void)state;
	assert_true(addr_parse("192.0.2.9", &packet.src));
	packet.sport = 4000;
	packet.ttl--;
	after = shot_of(&packet, "hello");
	see(watch, &before, 1, false, 100);
	see(watch, &after, 2, true, 200);
	watched = take(watch);
	assert_int_equal(watched->frames.n, 2);
	watched_free(watched);
	assert_no_more(watch);
}

static void packets_that_are_alike_are_known_by_their_payload(void **state)
{
	struct watch *watch CLEANUP(watch_freep) = watch_new();
	struct shot a = alike("aaaa"), b = alike("bbbb");
	struct watched *watched;

	(void)state;
	see(watch, &a, 1, false, 100);
	see(watch, &b, 1, false, 101);
	/* the second one overtakes the first */
	see(watch, &b, 2, true, 102);
	see(watch, &a, 2, true, 103);
	watched = take(watch);
	assert_int_equal(watched->frames.n, 2);
	assert_int_equal(watched->frames.items[1]->time_ns, 103);
	watched_free(watched);
	watched = take(watch);
	assert_int_equal(watched->frames.items[1]->time_ns, 102);
	watched_free(watched);
	assert_no_more(watch);
}

static void of_what_is_the_same_in_all_the_second_at_a_device_is_the_next(void **state)
{
	struct watch *watch CLEANUP(watch_freep) = watch_new();
	struct shot a = alike("aaaa");
	struct watched *watched;

	(void)state;
	see(watch, &a, 1, false, 100);
	see(watch, &a, 1, false, 101);
	see(watch, &a, 2, true, 102);
	see(watch, &a, 2, true, 103);
	for (uint64_t i = 0; i < 2; i++) {
		watched = take(watch);
		assert_int_equal(watched->frames.n, 2);
		assert_int_equal(watched->frames.items[0]->time_ns, 100 + i);
		assert_int_equal(watched->frames.items[1]->time_ns, 102 + i);
		watched_free(watched);
	}
	assert_no_more(watch);
}

static void what_is_read_late_is_sorted_in(void **state)
{
	struct watch *watch CLEANUP(watch_freep) = watch_new();
	struct packet packet = udp();
	struct shot shot = shot_of(&packet, "hello");
	struct watched *watched;

	(void)state;
	see(watch, &shot, 3, true, 300);
	see(watch, &shot, 2, true, 200);
	see(watch, &shot, 1, false, 100);
	watched = take(watch);
	assert_int_equal(watched->first_ns, 100);
	assert_int_equal(watched->last_ns, 300);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(watched->frames.items[i]->link, i + 1);
	watched_free(watched);
}

static void a_trace_that_is_read_before_its_frame_is_of_it(void **state)
{
	struct watch *watch CLEANUP(watch_freep) = watch_new();
	struct packet packet = udp();
	struct shot shot = shot_of(&packet, "hello");
	struct watched *watched;

	(void)state;
	see_own(watch, &shot, 5, 1, false);
	see(watch, &shot, 1, false, 100);
	watched = take(watch);
	assert_int_equal(watched->frames.n, 1);
	assert_int_equal(watched->tracks.n, 1);
	watched_free(watched);
	assert_no_more(watch);
}

/* Each has a number of its own, and begins behind the bridge, in the same chain. */
static void copies_of_a_flood_are_of_one_packet(void **state)
{
	struct watch *watch CLEANUP(watch_freep) = watch_new();
	struct packet packet = udp();
	struct shot shot = shot_of(&packet, "hello");
	struct watched *watched;

	(void)state;
	see(watch, &shot, 1, false, 100);
	for (uint32_t id = 6; id < 9; id++) {
		struct sighting event = traced(&shot, id, "t", "forward", 0, TRACE_ACCEPT);

		watch_see(watch, &event);
	}
	watched = take(watch);
	assert_int_equal(watched->tracks.n, 3);
	watched_free(watched);
	assert_no_more(watch);
}

static void a_number_that_is_given_again_is_of_the_next_packet(void **state)
{
	struct watch *watch CLEANUP(watch_freep) = watch_new();
	struct packet packet = udp();
	struct shot a = shot_of(&packet, "hello"), b = shot_of(&packet, "world");
	struct sighting later;
	struct watched *watched;

	(void)state;
	see(watch, &a, 1, false, 100);
	see(watch, &b, 1, false, 101);
	see_own(watch, &a, 5, 1, false);
	see_own(watch, &b, 5, 1, false);
	/* without the headers: of the last one that had the number */
	later = traced(&b, 5, "t", "forward", 3, TRACE_DROP);
	later.size = 0;
	watch_see(watch, &later);
	watched = take(watch);
	assert_int_equal(watched->tracks.items[0]->events.n, 1);
	watched_free(watched);
	watched = take(watch);
	assert_int_equal(watched->tracks.n, 1);
	assert_int_equal(watched->tracks.items[0]->events.n, 2);
	watched_free(watched);
	assert_no_more(watch);
}

static void a_packet_is_followed_into_a_tunnel(void **state)
{
	struct watch *watch CLEANUP(watch_freep) = watch_new();
	struct packet packet = udp();
	struct shot outer;
	struct sighting inner;
	struct watched *watched;

	(void)state;
	packet.proto = PROTO_IPIP;
	outer = shot_of(&packet, "hello");
	inner = seen(&outer, 1, false, 100);
	inner.bytes += 34;
	inner.size -= 34;
	inner.wire_size -= 34;
	inner.has_ethernet = false;
	inner.ethertype = ETHERTYPE_IPV4;
	watch_see(watch, &inner);
	see(watch, &outer, 2, true, 200);
	/* and what is only seen in the tunnel is a packet, too */
	watched = take(watch);
	assert_int_equal(watched->frames.n, 2);
	watched_free(watched);
	see(watch, &outer, 2, true, 300);
	watched_free(take(watch));
	assert_no_more(watch);
}

static void a_packet_is_complete_when_it_was_quiet_for_long_enough(void **state)
{
	struct watch *watch CLEANUP(watch_freep) = watch_new();
	struct packet packet = udp();
	struct shot shot = shot_of(&packet, "hello");
	struct watched *watched;

	(void)state;
	see(watch, &shot, 1, false, 100);
	assert_null(watch_take(watch, 100 + QUIET - 1, QUIET));
	see(watch, &shot, 2, true, 600);
	assert_null(watch_take(watch, 100 + QUIET, QUIET));
	watched = watch_take(watch, 600 + QUIET, QUIET);
	assert_non_null(watched);
	assert_int_equal(watched->frames.n, 2);
	watched_free(watched);
}

static void of_too_many_packets_the_oldest_is_told_of(void **state)
{
	struct watch *watch CLEANUP(watch_freep) = watch_new();
	struct packet packet = udp();
	struct watched *watched;

	(void)state;
	for (unsigned i = 0; i <= LIMIT_WATCH_OPEN; i++) {
		char payload[16];
		struct shot shot;

		snprintf(payload, sizeof(payload), "%u", i);
		shot = shot_of(&packet, payload);
		assert_null(watch_take(watch, 100, QUIET));
		see(watch, &shot, 1, false, 100 + i);
	}
	watched = watch_take(watch, 100, QUIET);
	assert_non_null(watched);
	assert_int_equal(watched->first_ns, 100);
	watched_free(watched);
	assert_null(watch_take(watch, 100, QUIET));
}

static void more_sightings_than_are_kept_cut_it_short(void **state)
{
	struct watch *watch CLEANUP(watch_freep) = watch_new();
	struct packet packet = udp();
	struct shot shot = shot_of(&packet, "hello");
	struct watched *watched;

	(void)state;
	for (int link = 1; link <= LIMIT_WATCH_SIGHTINGS; link++)
		see(watch, &shot, link, false, 100);
	see(watch, &shot, LIMIT_WATCH_SIGHTINGS + 1, false, 101);
	watched = take(watch);
	assert_true(watched->is_cut_short);
	assert_int_equal(watched->frames.n, LIMIT_WATCH_SIGHTINGS);
	watched_free(watched);
	assert_no_more(watch);
}

static void a_drop_of_what_was_not_seen_is_no_packet_of_the_filter(void **state)
{
	struct watch *watch CLEANUP(watch_freep) = watch_new();
	struct packet packet = udp();
	struct shot shot = shot_of(&packet, "hello"), nothing = { .size = 3 };

	(void)state;
	see_drop(watch, &shot, 1, "IP_INHDR", "ip_rcv_core", 100);
	assert_no_more(watch);
	assert_int_equal(watch_n_unknown(watch), 0);
	see(watch, &nothing, 1, false, 100);
	assert_no_more(watch);
	assert_int_equal(watch_n_unknown(watch), 1);
}

/* A trace has no payload: its addresses tell whose it is. */
static void a_trace_is_of_the_one_of_those_alike_that_has_its_addresses(void **state)
{
	struct watch *watch CLEANUP(watch_freep) = watch_new();
	struct shot a = alike("aaaa"), b = alike("bbbb");
	struct watched *watched;

	(void)state;
	b.bytes[14 + 8 + 15] = 9;
	see(watch, &a, 1, false, 100);
	see(watch, &b, 2, false, 101);
	see_own(watch, &b, 5, 2, false);
	watched = take(watch);
	assert_int_equal(watched->tracks.n, 0);
	watched_free(watched);
	watched = take(watch);
	assert_int_equal(watched->tracks.n, 1);
	watched_free(watched);
	assert_no_more(watch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_trace_is_of_the_one_of_those_alike_that_has_its_addresses),
		cmocka_unit_test(what_nat_rewrote_is_the_same_packet),
		cmocka_unit_test(packets_that_are_alike_are_known_by_their_payload),
		cmocka_unit_test(of_what_is_the_same_in_all_the_second_at_a_device_is_the_next),
		cmocka_unit_test(what_is_read_late_is_sorted_in),
		cmocka_unit_test(a_trace_that_is_read_before_its_frame_is_of_it),
		cmocka_unit_test(copies_of_a_flood_are_of_one_packet),
		cmocka_unit_test(a_number_that_is_given_again_is_of_the_next_packet),
		cmocka_unit_test(a_packet_is_followed_into_a_tunnel),
		cmocka_unit_test(a_packet_is_complete_when_it_was_quiet_for_long_enough),
		cmocka_unit_test(of_too_many_packets_the_oldest_is_told_of),
		cmocka_unit_test(more_sightings_than_are_kept_cut_it_short),
		cmocka_unit_test(a_drop_of_what_was_not_seen_is_no_packet_of_the_filter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
