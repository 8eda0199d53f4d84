// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Sightings that nobody saw, made into packets and answers (watch/watch.h): what the kernel does only now and then, in an order that it
 * rarely has.
 */
#include "unit.h"

#include <string.h>

#include "base/limits.h"
#include "hostbuild.h"
#include "packet/frame.h"
#include "watch/watch.h"

#define MAC_1 "02:00:00:00:00:01"
#define MAC_2 "02:00:00:00:00:02"
#define NS    7
#define OWN   "own-1"
#define QUIET 1000

struct shot {
	uint8_t bytes[256];
	size_t size;
};

static struct packet udp(void)
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

static struct shot shot_of(const struct packet *packet, const char *payload)
{
	struct shot shot;
	struct err err = { 0 };

	if (!frame_build(packet, payload, strlen(payload), shot.bytes, sizeof(shot.bytes),
		    &shot.size, &err))
		fail_msg("%s", err.text);
	return shot;
}

/* IPv6 without a flow label has nothing that tells packets of one length apart but what is in them. */
static struct shot alike(const char *payload)
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

static struct sighting seen(const struct shot *shot, int link, bool is_out, uint64_t time)
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

static void see(struct watch *watch, const struct shot *shot, int link, bool is_out, uint64_t time)
{
	const struct sighting sighting = seen(shot, link, is_out, time);

	watch_see(watch, &sighting);
}

static void see_drop(struct watch *watch, const struct shot *shot, int link, const char *reason,
	const char *function, uint64_t time)
{
	struct sighting sighting = seen(shot, link, false, time);

	sighting.kind = SIGHTING_DROP;
	sighting.reason = reason;
	sighting.function = function;
	watch_see(watch, &sighting);
}

/* The first event of a base chain: the headers are in it, but no payload. */
static struct sighting traced(const struct shot *shot, uint32_t id, const char *table,
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
static void see_own(
	struct watch *watch, const struct shot *shot, uint32_t id, int link, bool is_out)
{
	struct sighting sighting = traced(shot, id, OWN, is_out ? "out" : "in", 1, TRACE_ACCEPT);

	sighting.trace.family = FAMILY_NETDEV;
	sighting.link = link;
	sighting.is_out = is_out;
	*(is_out ? &sighting.trace.out : &sighting.trace.in) = link;
	watch_see(watch, &sighting);
}

static struct watched *take(struct watch *watch)
{
	struct watched *watched = watch_take(watch, UINT64_MAX, 0);

	assert_non_null(watched);
	return watched;
}

static void assert_no_more(struct watch *watch)
{
	assert_null(watch_take(watch, UINT64_MAX, 0));
}

/* --- joining --- */

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

/* --- what became of it --- */

struct stage {
	struct arena *arena;
	struct host_build *build;
	const struct host *host;
	struct watch *watch;
	struct watch_points points;
	struct watch_world world;
	struct watch_answer answer;
	int tap1, tap2, tap3, br0;
};

/* Handles of the first chain's rules are 10, 11, ... */
static bool find_rule(void *data, const struct netns *ns, enum family family, const char *table,
	const char *chain, uint64_t handle, size_t *ret)
{
	(void)data, (void)ns, (void)family, (void)table, (void)chain;
	*ret = handle - 10;
	return handle >= 10;
}

static int setup(void **state)
{
	struct stage *stage = test_calloc(1, sizeof(*stage));
	struct host_build *b;

	stage->arena = arena_new();
	stage->build = b = host_build_new(stage->arena);
	build_link(b, 0, "bridge", "br0");
	build_link(b, 0, "tun", "tap1");
	build_link(b, 0, "tun", "tap2");
	build_link(b, 0, "tun", "tap3");
	build_port(b, "br0", "tap1");
	build_port(b, "br0", "tap2");
	build_port(b, "br0", "tap3");
	build_fdb(b, "tap1", MAC_1);
	build_fdb(b, "tap2", MAC_2);
	b->netns[0].inode = NS;
	stage->watch = watch_new();
	*state = stage;
	return 0;
}

static int teardown(void **state)
{
	struct stage *stage = *state;

	watch_freep(&stage->watch);
	arena_free(stage->arena);
	test_free(stage);
	return 0;
}

static void open_stage(struct stage *stage)
{
	const struct netns *ns;

	stage->host = host_built(stage->build);
	ns = &stage->host->netns[0];
	stage->br0 = netns_link(ns, "br0")->index;
	stage->tap1 = netns_link(ns, "tap1")->index;
	stage->tap2 = netns_link(ns, "tap2")->index;
	stage->tap3 = netns_link(ns, "tap3")->index;
	for (size_t i = 0; i < ns->n_links; i++)
		*vec_push(&stage->points, stage->arena) =
			(struct watch_point){ .ns = ns, .link = &ns->links[i] };
	stage->world = (struct watch_world){ .host = stage->host,
		.explainer = explainer_new(stage->arena, stage->host),
		.points = &stage->points,
		.has_drops = true,
		.own_tables = "own-",
		.find_rule = find_rule };
}

static void make_answer(struct stage *stage)
{
	struct watched *watched = take(stage->watch);

	/* the sightings are borrowed */
	watch_answer_make(stage->arena, &stage->world, watched, 0, &stage->answer);
	assert_true(stage->answer.has_query);
	watched_free(watched);
	assert_no_more(stage->watch);
}

static void assert_ends(const struct stage *stage, enum final final, enum drop drop,
	enum watch_evidence evidence, const char *difference)
{
	const struct watch_answer *answer = &stage->answer;

	assert_string_equal(final_name(answer->seen.explanation->final), final_name(final));
	assert_string_equal(drop_name(answer->seen.explanation->leaf->drop), drop_name(drop));
	assert_string_equal(watch_evidence_name(answer->evidence), watch_evidence_name(evidence));
	assert_int_equal(answer->differences.n, difference ? 1 : 0);
	if (difference)
		assert_string_equal(answer->differences.items[0], difference);
}

static void what_leaves_by_the_port_of_its_mac_is_delivered(void **state)
{
	struct stage *stage = *state;
	struct packet packet = udp();
	struct shot shot = shot_of(&packet, "hello");

	open_stage(stage);
	see(stage->watch, &shot, stage->tap1, false, 100);
	see(stage->watch, &shot, stage->tap2, true, 200);
	make_answer(stage);
	assert_ends(stage, FINAL_DELIVERED, DROP_NONE, EVIDENCE_FRAME, NULL);
	assert_int_equal(stage->answer.seen.explanation->leaf->place, PLACE_GUEST);
}

/* A frame keeps its time on the way up. */
static void a_bridge_has_it_from_its_port_though_at_the_same_time(void **state)
{
	struct stage *stage = *state;
	struct packet packet = udp();
	struct shot shot;

	assert_true(mac_parse("ff:ff:ff:ff:ff:ff", &packet.eth_dst));
	shot = shot_of(&packet, "hello");
	open_stage(stage);
	see(stage->watch, &shot, stage->br0, false, 100);
	see(stage->watch, &shot, stage->tap1, false, 100);
	see(stage->watch, &shot, stage->tap2, true, 110);
	see(stage->watch, &shot, stage->tap3, true, 120);
	make_answer(stage);
	assert_string_equal(stage->answer.query.in->name, "tap1");
	assert_int_equal(stage->answer.seen.explanation->leaves.n, 3);
	assert_ends(stage, FINAL_DELIVERED, DROP_NONE, EVIDENCE_FRAME, NULL);
}

static void another_port_than_explain_says_is_a_difference(void **state)
{
	struct stage *stage = *state;
	struct packet packet = udp();
	struct shot shot = shot_of(&packet, "hello");

	open_stage(stage);
	see(stage->watch, &shot, stage->tap1, false, 100);
	see(stage->watch, &shot, stage->tap3, true, 200);
	make_answer(stage);
	assert_int_equal(stage->answer.differences.n, 2);
	assert_string_equal(stage->answer.differences.items[0],
		"it was not seen leaving by tap2, where explain says that it passes");
	assert_string_equal(stage->answer.differences.items[1],
		"it was seen leaving by tap3, where explain says that it does not go");
}

static void what_is_not_seen_leaving_is_not_taken_for_delivered(void **state)
{
	struct stage *stage = *state;
	struct packet packet = udp();
	struct shot shot = shot_of(&packet, "hello");

	open_stage(stage);
	see(stage->watch, &shot, stage->tap1, false, 100);
	make_answer(stage);
	assert_ends(stage, FINAL_CANNOT_TELL, DROP_NONE, EVIDENCE_NONE, NULL);
	assert_string_equal(stage->answer.seen.explanation->leaf->why,
		"it was seen last at tap1, and why no further is not known");
}

#define RULES                                                                                        \
	"table bridge t {\n chain forward {\n type filter hook forward priority 0; policy accept;\n" \
	" ip ttl 3 drop\n ip ttl 64 drop\n }\n}\n"

static void see_rule(struct stage *stage, const struct shot *shot, uint64_t handle)
{
	struct sighting event = traced(shot, 5, "t", "forward", handle, TRACE_DROP);

	see(stage->watch, shot, stage->tap1, false, 100);
	see_own(stage->watch, shot, 5, stage->tap1, false);
	event.trace.in = stage->tap1;
	event.trace.out = stage->tap2;
	watch_see(stage->watch, &event);
	see_drop(stage->watch, shot, stage->tap2, "NETFILTER_DROP", "nft_do_chain", 120);
}

static void a_rule_that_was_seen_decides(void **state)
{
	struct stage *stage = *state;
	struct packet packet = udp();
	struct shot shot = shot_of(&packet, "hello");

	build_nft(stage->build, 0, RULES);
	open_stage(stage);
	see_rule(stage, &shot, 11);
	make_answer(stage);
	assert_ends(stage, FINAL_DROPPED, DROP_RULE, EVIDENCE_TRACE, NULL);
	assert_int_equal(stage->answer.seen.decider->number, 2);
	assert_string_equal(stage->answer.kernel_reason, "NETFILTER_DROP at nft_do_chain");
}

static void another_rule_than_explain_says_is_a_difference(void **state)
{
	struct stage *stage = *state;
	struct packet packet = udp();
	struct shot shot = shot_of(&packet, "hello");

	build_nft(stage->build, 0, RULES);
	open_stage(stage);
	see_rule(stage, &shot, 10);
	make_answer(stage);
	assert_ends(stage, FINAL_DROPPED, DROP_RULE, EVIDENCE_TRACE,
		"explain says that it is rule 2 of chain forward, table t; seen was rule 1 of chain forward, table t");
}

/* The drop of the copy to tap3, whose rule was seen, is not that of the one that left by tap2. */
static void a_copy_that_left_is_not_the_one_that_was_dropped(void **state)
{
	struct stage *stage = *state;
	struct packet packet = udp();
	struct sighting event;
	struct shot shot;

	build_nft(stage->build, 0,
		"table bridge t {\n chain forward {\n type filter hook forward priority 0; policy accept;\n"
		" oifname \"tap3\" drop\n }\n}\n");
	assert_true(mac_parse("02:00:00:00:00:77", &packet.eth_dst));
	shot = shot_of(&packet, "hello");
	open_stage(stage);
	see(stage->watch, &shot, stage->tap1, false, 100);
	see(stage->watch, &shot, stage->tap2, true, 110);
	event = traced(&shot, 6, "t", "forward", 10, TRACE_DROP);
	event.trace.in = stage->tap1;
	event.trace.out = stage->tap3;
	watch_see(stage->watch, &event);
	see_drop(stage->watch, &shot, stage->tap3, "NETFILTER_DROP", "nft_do_chain", 120);
	make_answer(stage);
	assert_int_equal(stage->answer.seen.explanation->leaves.n, 2);
	assert_ends(stage, FINAL_DELIVERED, DROP_NONE, EVIDENCE_FRAME, NULL);
}

static void a_reason_of_the_kernel_is_the_cause_that_explain_says(void **state)
{
	struct stage *stage = *state;
	struct packet packet = udp();
	struct shot shot;

	/* it would leave where it came in */
	assert_true(mac_parse(MAC_1, &packet.eth_dst));
	shot = shot_of(&packet, "hello");
	open_stage(stage);
	see(stage->watch, &shot, stage->tap1, false, 100);
	see_drop(stage->watch, &shot, stage->tap1, "NOT_SPECIFIED", "br_handle_frame_finish", 120);
	make_answer(stage);
	assert_ends(stage, FINAL_DROPPED, DROP_BRIDGE_HAIRPIN, EVIDENCE_DROP, NULL);
}

static void a_cause_that_explain_does_not_say_is_a_difference(void **state)
{
	struct stage *stage = *state;
	struct packet packet = udp();
	struct shot shot = shot_of(&packet, "hello");

	open_stage(stage);
	see(stage->watch, &shot, stage->tap1, false, 100);
	see_drop(stage->watch, &shot, stage->tap1, "MAC_INVALID_SOURCE", "br_handle_frame", 120);
	make_answer(stage);
	assert_ends(stage, FINAL_DROPPED, DROP_BRIDGE_SOURCE, EVIDENCE_DROP,
		"explain says: delivered to the guest at tap2");
}

/* Also where the function alone would be one that is known: it has said why. */
static void a_reason_that_is_not_known_is_told_as_it_is(void **state)
{
	struct stage *stage = *state;
	struct packet packet = udp();
	struct shot shot = shot_of(&packet, "hello");

	open_stage(stage);
	see(stage->watch, &shot, stage->tap1, false, 100);
	see_drop(stage->watch, &shot, stage->tap1, "UDP_CSUM", "br_handle_frame_finish", 120);
	make_answer(stage);
	assert_ends(stage, FINAL_CANNOT_TELL, DROP_NONE, EVIDENCE_DROP, NULL);
	assert_string_equal(stage->answer.seen.explanation->leaf->why,
		"the kernel dropped it: UDP_CSUM at br_handle_frame_finish");
}

static void a_rule_that_the_host_does_not_have_is_a_change(void **state)
{
	struct stage *stage = *state;
	struct packet packet = udp();
	struct shot shot = shot_of(&packet, "hello");

	open_stage(stage);
	see_rule(stage, &shot, 11);
	make_answer(stage);
	assert_true(stage->answer.is_changed);
}

/* A rule of the host's own output, before the packet has a device. */
static void see_sent(struct stage *stage, const struct shot *shot, int out)
{
	struct sighting own = traced(shot, 5, OWN, "output", 1, TRACE_ACCEPT);
	struct sighting rule = traced(shot, 5, "s", "output", 10, TRACE_DROP);

	own.trace.family = rule.trace.family = FAMILY_IPV4;
	own.trace.out = rule.trace.out = out;
	own.is_out = true;
	/* IP's hooks have no Ethernet header */
	own.bytes = rule.bytes = shot->bytes + 14;
	own.size = rule.size = own.size - 14;
	own.has_ethernet = rule.has_ethernet = false;
	own.ethertype = rule.ethertype = ETHERTYPE_IPV4;
	watch_see(stage->watch, &own);
	watch_see(stage->watch, &rule);
}

#define OUTPUT_RULES                                                                               \
	"table ip s {\n chain output {\n type filter hook output priority 0; policy accept;\n"     \
	" ip ttl 64 drop\n }\n}\n"

static void what_the_host_sends_begins_with_its_rules(void **state)
{
	struct stage *stage = *state;
	struct packet packet = udp();
	struct shot shot = shot_of(&packet, "hello");

	build_address(stage->build, "br0", "10.0.0.1/24");
	build_nft(stage->build, 0, OUTPUT_RULES);
	open_stage(stage);
	see_sent(stage, &shot, stage->br0);
	make_answer(stage);
	assert_int_equal(stage->answer.query.from, FROM_PROCESS);
	assert_ends(stage, FINAL_DROPPED, DROP_RULE, EVIDENCE_TRACE, NULL);
}

/* The rules are asked of all that the filter takes; that is no packet of the port. */
static void what_the_host_sends_by_another_device_is_not_told_of(void **state)
{
	struct stage *stage = *state;
	struct packet packet = udp();
	struct shot shot = shot_of(&packet, "hello");
	struct watched *watched;

	build_address(stage->build, "br0", "10.0.0.1/24");
	build_nft(stage->build, 0, OUTPUT_RULES);
	open_stage(stage);
	stage->points = (struct watch_points){ 0 };
	see_sent(stage, &shot, stage->br0);
	watched = take(stage->watch);
	watch_answer_make(stage->arena, &stage->world, watched, 0, &stage->answer);
	assert_false(stage->answer.has_query);
	watched_free(watched);
}

/* To ask for the MAC of where DNAT sent it the kernel has the bridge send it to itself. */
static void a_bridged_packet_that_leaves_by_its_bridge_goes_on_as_bridged(void **state)
{
	struct stage *stage = *state;
	struct packet packet = udp();
	struct shot shot = shot_of(&packet, "hello");

	open_stage(stage);
	see(stage->watch, &shot, stage->tap1, false, 100);
	see(stage->watch, &shot, stage->br0, true, 110);
	see(stage->watch, &shot, stage->tap2, true, 120);
	make_answer(stage);
	assert_ends(stage, FINAL_DELIVERED, DROP_NONE, EVIDENCE_FRAME, NULL);
	for (const struct node *node = stage->answer.seen.explanation->leaf->last; node;
		node = node->before)
		assert_int_not_equal(node->kind, NODE_FORWARD);
}

/* Of a flood's copies only the one that went up was seen; the others were lost by rules without a trace. */
static void each_drop_is_the_end_of_the_copy_at_its_device(void **state)
{
	struct stage *stage = *state;
	struct packet packet = udp();
	struct shot shot;

	assert_true(mac_parse("ff:ff:ff:ff:ff:ff", &packet.eth_dst));
	shot = shot_of(&packet, "hello");
	open_stage(stage);
	see(stage->watch, &shot, stage->tap1, false, 100);
	see(stage->watch, &shot, stage->br0, false, 100);
	see_drop(stage->watch, &shot, stage->tap2, "NETFILTER_DROP", "nf_hook_slow", 110);
	see_drop(stage->watch, &shot, stage->tap3, "NETFILTER_DROP", "nf_hook_slow", 115);
	see_drop(stage->watch, &shot, stage->br0, "IP_INADDRERRORS", "ip_error", 120);
	make_answer(stage);
	assert_int_equal(stage->answer.seen.explanation->leaves.n, 3);
	assert_int_equal(
		stage->answer.seen.explanation->leaves.items[0]->drop, DROP_FORWARDING_OFF);
	for (size_t i = 1; i < 3; i++)
		assert_string_equal(stage->answer.seen.explanation->leaves.items[i]->why,
			"netfilter dropped it, by a rule that was not seen");
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
		cmocka_unit_test_setup_teardown(
			what_the_host_sends_begins_with_its_rules, setup, teardown),
		cmocka_unit_test_setup_teardown(
			what_the_host_sends_by_another_device_is_not_told_of, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_bridged_packet_that_leaves_by_its_bridge_goes_on_as_bridged, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			each_drop_is_the_end_of_the_copy_at_its_device, setup, teardown),
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
		cmocka_unit_test_setup_teardown(
			what_leaves_by_the_port_of_its_mac_is_delivered, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_bridge_has_it_from_its_port_though_at_the_same_time, setup, teardown),
		cmocka_unit_test_setup_teardown(
			another_port_than_explain_says_is_a_difference, setup, teardown),
		cmocka_unit_test_setup_teardown(
			what_is_not_seen_leaving_is_not_taken_for_delivered, setup, teardown),
		cmocka_unit_test_setup_teardown(a_rule_that_was_seen_decides, setup, teardown),
		cmocka_unit_test_setup_teardown(
			another_rule_than_explain_says_is_a_difference, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_copy_that_left_is_not_the_one_that_was_dropped, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_reason_of_the_kernel_is_the_cause_that_explain_says, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_cause_that_explain_does_not_say_is_a_difference, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_reason_that_is_not_known_is_told_as_it_is, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_rule_that_the_host_does_not_have_is_a_change, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
