// SPDX-License-Identifier: GPL-2.0-or-later
/* Drops that were counted, put to the causes that explain has for them. */
#include "unit.h"

#include <string.h>

#include "hostbuild.h"
#include "packet/expr.h"
#include "packet/frame.h"
#include "watch/losses.h"
#include "watch/watch.h"

#define MAC_1 "fa:16:3e:00:00:01"
#define MAC_2 "fa:16:3e:00:00:02"
#define UDP_1 "udp 10.0.0.1:4000 10.0.0.2:53 mac " MAC_1 " > " MAC_2

static const char rules[] =
	"*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
	"-A FORWARD -p udp -m udp --dport 53 -j DROP\n"
	"-A FORWARD -m physdev --physdev-in tap3 --physdev-is-bridged -j DROP\n"
	"-A FORWARD -m physdev --physdev-in tap1 --physdev-is-bridged -p sctp -j DROP\n"
	"COMMIT\n";
static const char other_rules[] =
	"*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n";

struct scene {
	struct arena *arena;
	struct losses *losses;
	const struct host *host;
};

static void *tell(void *data, struct arena *arena, const struct report *report)
{
	struct text out CLEANUP(text_done) = TEXT_INIT;

	(void)data;
	report_print_verdict(&out, report);
	if (report->changes.n)
		text_addf(&out, "; %s", report->changes.items[0].command);
	return arena_strdup(arena, out.data);
}

static void read_host(struct scene *scene, const char *iptables)
{
	struct host_build *b = host_build_new(scene->arena);
	struct losses_world world = { .tell = tell };

	build_link(b, 0, "bridge", "br0")->nf_call[FAMILY_IPV4] = true;
	for (int i = 1; i <= 3; i++) {
		build_link(b, 0, "tun", arena_printf(scene->arena, "tap%d", i));
		build_port(b, "br0", arena_printf(scene->arena, "tap%d", i));
	}
	build_fdb(b, "tap1", MAC_1);
	build_fdb(b, "tap2", MAC_2);
	build_iptables(b, 0, iptables);
	b->netns[0].inode = 7;
	world.host = scene->host = host_built(b);
	world.explainer = explainer_new(scene->arena, world.host);
	losses_set_world(scene->losses, &world);
}

static struct scene scene_new(void)
{
	struct scene scene = { .arena = arena_new(), .losses = losses_new() };

	read_host(&scene, rules);
	return scene;
}

static void scene_end(struct scene *scene)
{
	losses_freep(&scene->losses);
	arena_free(scene->arena);
}

static struct loss_total total_of(
	const struct scene *scene, const char *device, const char *words, uint64_t n)
{
	struct packet packet;
	struct err err = { 0 };

	if (!packet_expr_parse(words, &packet, &err))
		fail_msg("%s", err.text);
	return (struct loss_total){ .netns = 7,
		.link = netns_link(&scene->host->netns[0], device)->index,
		.reason = "NETFILTER_DROP",
		.function = "nft_do_chain",
		.ethertype = packet.ethertype,
		.proto = packet.proto,
		.has_addresses = true,
		.src = packet.src,
		.dst = packet.dst,
		.dport = packet.dport,
		.n = n,
		.bytes = 60 * n,
		.first_ns = 1000,
		.last_ns = 2000 };
}

static void see(struct scene *scene, const struct loss_total *total, const char *words)
{
	uint8_t bytes[256];
	struct sighting sighting = { .kind = SIGHTING_DROP,
		.netns = total->netns,
		.link = total->link,
		.reason = total->reason,
		.function = total->function,
		.has_ethernet = true,
		.bytes = bytes };
	struct packet packet;
	struct err err = { 0 };

	if (!packet_expr_parse(words, &packet, &err) ||
		!frame_build(&packet, "", 0, bytes, sizeof(bytes), &sighting.size, &err))
		fail_msg("%s", err.text);
	sighting.wire_size = sighting.size;
	losses_see(scene->losses, &sighting);
}

static const struct loss *only_loss(struct scene *scene)
{
	size_t n;
	const struct loss *const *list = losses_list(scene->losses, &n);

	assert_int_equal(n, 1);
	return list[0];
}

static void a_drop_is_told_with_its_rule_where_it_came_in(void **state)
{
	struct scene scene CLEANUP(scene_end) = scene_new();
	struct loss_total total = total_of(&scene, "tap2", UDP_1, 5);
	const struct loss *loss;

	(void)state;
	see(&scene, &total, UDP_1);
	losses_count(scene.losses, &total, 1);
	loss = only_loss(&scene);
	assert_int_equal(loss->n, 5);
	assert_int_equal(loss->bytes, 300);
	assert_true(loss->is_sample);
	assert_int_equal(loss->entry, LOSS_ENTRY_KNOWN);
	assert_string_equal(loss->came_in, "tap1");
	assert_true(!addr_compare(&loss->peer, &total.src));
	assert_non_null(strstr(loss->told, "dropped at tap2"));
	assert_null(strstr(loss->told, ";"));
	losses_find_changes(scene.losses, 1);
	assert_non_null(strstr(loss->told, "; iptables"));
}

static void without_its_bytes_a_packet_is_made_of_the_addresses(void **state)
{
	struct scene scene CLEANUP(scene_end) = scene_new();
	struct loss_total total = total_of(&scene, "tap2", UDP_1, 1);
	const struct loss *loss;

	(void)state;
	losses_count(scene.losses, &total, 1);
	loss = only_loss(&scene);
	assert_true(loss->has_packet && !loss->is_sample && loss->is_cause_known);
	/* from whichever port, it is the same rule; but its MAC is not known */
	assert_int_equal(loss->entry, LOSS_ENTRY_ASSUMED);
}

static void another_packet_of_its_sender_tells_where_it_came_in(void **state)
{
	struct scene scene CLEANUP(scene_end) = scene_new();
	struct loss_total totals[2] = { total_of(&scene, "tap2", UDP_1, 1),
		total_of(&scene, "tap2", "sctp 10.0.0.1:1 10.0.0.2:1", 1) };
	const struct loss *const *list;
	size_t n;

	(void)state;
	see(&scene, &totals[0], UDP_1);
	losses_count(scene.losses, totals, 2);
	list = losses_list(scene.losses, &n);
	assert_int_equal(n, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(list[i]->entry, LOSS_ENTRY_KNOWN);
		assert_string_equal(list[i]->came_in, "tap1");
	}
}

static void where_ports_would_lose_it_by_other_rules_none_is_named(void **state)
{
	struct scene scene CLEANUP(scene_end) = scene_new();
	/* tap1's rule is about it, and tap3's */
	struct loss_total total = total_of(&scene, "tap2", "sctp 10.0.0.9:1 10.0.0.2:1", 1);
	const struct loss *loss;

	(void)state;
	losses_count(scene.losses, &total, 1);
	loss = only_loss(&scene);
	assert_true(loss->is_asked && !loss->is_cause_known);
	assert_null(loss->told);
	assert_int_equal(loss->entry, LOSS_ENTRY_UNKNOWN);
}

static void what_the_kernels_reason_does_not_allow_is_not_told(void **state)
{
	struct scene scene CLEANUP(scene_end) = scene_new();
	struct loss_total total = total_of(&scene, "tap2", UDP_1, 1);

	(void)state;
	total.reason = "QDISC_DROP";
	see(&scene, &total, UDP_1);
	losses_count(scene.losses, &total, 1);
	assert_false(only_loss(&scene)->is_cause_known);
	assert_true(watch_drop_fits("NETFILTER_DROP", "nft_do_chain", DROP_RULE));
	assert_false(watch_drop_fits("NETFILTER_DROP", "nft_do_chain", DROP_TTL));
	assert_true(watch_drop_fits("NOT_SPECIFIED", "ip_error", DROP_BLACKHOLE));
	assert_false(watch_drop_fits(NULL, NULL, DROP_RULE));
}

static void what_was_counted_stays_with_its_cause(void **state)
{
	struct scene scene CLEANUP(scene_end) = scene_new();
	struct loss_total total = total_of(&scene, "tap2", UDP_1, 3);
	const struct loss *const *list;
	size_t n;

	(void)state;
	see(&scene, &total, UDP_1);
	losses_count(scene.losses, &total, 1);
	read_host(&scene, other_rules);
	losses_count(scene.losses, &total, 1); /* nothing new */
	total.n = 7;
	total.bytes = 420;
	losses_count(scene.losses, &total, 1);
	list = losses_list(scene.losses, &n);
	assert_int_equal(n, 2);
	assert_int_equal(list[0]->n, 4);
	assert_non_null(strstr(list[0]->told, "policy"));
	assert_int_equal(list[1]->n, 3);
	assert_null(strstr(list[1]->told, "policy"));
	assert_int_equal(losses_n(scene.losses), 7);
}

static void a_newer_host_is_wanted_for_what_is_not_understood_only(void **state)
{
	struct scene scene CLEANUP(scene_end) = scene_new();
	struct loss_total total = total_of(&scene, "tap2", UDP_1, 1);
	struct loss_total unknown = total_of(&scene, "tap2", "tcp 10.0.0.1:1 10.0.0.2:80", 1);

	(void)state;
	see(&scene, &unknown, "tcp 10.0.0.1:1 10.0.0.2:80 mac " MAC_1 " > " MAC_2);
	see(&scene, &total, UDP_1);
	assert_false(losses_want_newer(scene.losses, &total, 1, 0));
	assert_true(losses_want_newer(scene.losses, &unknown, 1, 0));
	/* it had been read after that */
	assert_false(losses_want_newer(scene.losses, &unknown, 1, 3000));
	losses_count(scene.losses, &unknown, 1);
	unknown.n++;
	/* and was asked in vain */
	assert_false(losses_want_newer(scene.losses, &unknown, 1, 0));
	assert_int_equal(losses_n(scene.losses), 1);
}

static void a_port_from_which_it_would_pass_is_not_the_one(void **state)
{
	struct scene scene CLEANUP(scene_end) = scene_new();
	struct loss_total total = total_of(&scene, "tap2", "tcp 10.0.0.9:1 10.0.0.2:80", 1);
	const struct loss *loss;

	(void)state;
	see(&scene, &total, "tcp 10.0.0.9:1 10.0.0.2:80 mac 02:00:00:00:00:09 > " MAC_2);
	losses_count(scene.losses, &total, 1);
	loss = only_loss(&scene);
	assert_int_equal(loss->entry, LOSS_ENTRY_ASSUMED);
	assert_string_equal(loss->came_in, "tap3");
}

static void packets_of_one_cause_and_station_are_one_loss(void **state)
{
	struct scene scene CLEANUP(scene_end) = scene_new();
	struct loss_total totals[2] = { total_of(&scene, "tap2", UDP_1, 1),
		total_of(&scene, "tap2", "udp 10.0.0.1:4000 10.0.0.7:53", 2) };
	const struct loss *loss;

	(void)state;
	losses_count(scene.losses, totals, 2);
	loss = only_loss(&scene);
	assert_int_equal(loss->n, 3);
	assert_int_equal(loss->n_kinds, 2);
}

static void what_nobody_misses_is_counted_apart(void **state)
{
	struct scene scene CLEANUP(scene_end) = scene_new();
	struct loss_total total = total_of(&scene, "br0", UDP_1, 9);
	size_t n;

	(void)state;
	total.reason = "OTHERHOST";
	losses_count(scene.losses, &total, 1);
	losses_list(scene.losses, &n);
	assert_int_equal(n, 0);
	assert_int_equal(losses_n(scene.losses), 0);
	assert_int_equal(losses_n_none(scene.losses), 9);
	total.link = netns_link(&scene.host->netns[0], "tap1")->index;
	assert_false(loss_is_none(scene.host, &total));
	total.reason = "PACKET_SOCK_ERROR";
	assert_true(loss_is_none(scene.host, &total));
}

static void the_rest_of_many_different_ones_is_not_asked_about(void **state)
{
	struct scene scene CLEANUP(scene_end) = scene_new();
	struct loss_total total = total_of(&scene, "tap2", UDP_1, 9);
	const struct loss *loss;

	(void)state;
	total.is_rest = true;
	losses_count(scene.losses, &total, 1);
	loss = only_loss(&scene);
	assert_false(loss->is_asked || loss->has_packet || loss->has_peer);
	assert_int_equal(loss->n, 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_drop_is_told_with_its_rule_where_it_came_in),
		cmocka_unit_test(without_its_bytes_a_packet_is_made_of_the_addresses),
		cmocka_unit_test(another_packet_of_its_sender_tells_where_it_came_in),
		cmocka_unit_test(where_ports_would_lose_it_by_other_rules_none_is_named),
		cmocka_unit_test(what_the_kernels_reason_does_not_allow_is_not_told),
		cmocka_unit_test(what_was_counted_stays_with_its_cause),
		cmocka_unit_test(a_newer_host_is_wanted_for_what_is_not_understood_only),
		cmocka_unit_test(a_port_from_which_it_would_pass_is_not_the_one),
		cmocka_unit_test(packets_of_one_cause_and_station_are_one_loss),
		cmocka_unit_test(what_nobody_misses_is_counted_apart),
		cmocka_unit_test(the_rest_of_many_different_ones_is_not_asked_about),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
