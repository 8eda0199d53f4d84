// SPDX-License-Identifier: GPL-2.0-or-later
/* What is made of the sightings of one packet: its way, its end, how sure that is, and how it differs from what explain says. */
#include "unit.h"

#include <string.h>

#include "hostbuild.h"
#include "watchshot.h"

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

#define ON_STAGE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_STAGE(what_the_host_sends_begins_with_its_rules),
		ON_STAGE(what_the_host_sends_by_another_device_is_not_told_of),
		ON_STAGE(a_bridged_packet_that_leaves_by_its_bridge_goes_on_as_bridged),
		ON_STAGE(each_drop_is_the_end_of_the_copy_at_its_device),
		ON_STAGE(what_leaves_by_the_port_of_its_mac_is_delivered),
		ON_STAGE(a_bridge_has_it_from_its_port_though_at_the_same_time),
		ON_STAGE(another_port_than_explain_says_is_a_difference),
		ON_STAGE(what_is_not_seen_leaving_is_not_taken_for_delivered),
		ON_STAGE(a_rule_that_was_seen_decides),
		ON_STAGE(another_rule_than_explain_says_is_a_difference),
		ON_STAGE(a_copy_that_left_is_not_the_one_that_was_dropped),
		ON_STAGE(a_reason_of_the_kernel_is_the_cause_that_explain_says),
		ON_STAGE(a_cause_that_explain_does_not_say_is_a_difference),
		ON_STAGE(a_reason_that_is_not_known_is_told_as_it_is),
		ON_STAGE(a_rule_that_the_host_does_not_have_is_a_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
