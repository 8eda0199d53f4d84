// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The keeper of a host, call by call. After each one a full recompute finds nothing to do (keephost.h).
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keephost.h"
#include "netpolicy.h"
#include "netstream.h"
#include "nettraffic.h"

#define check(h, rows)                                                                             \
	do {                                                                                       \
		keephost_look(h);                                                                  \
		assert_int_equal(world_judge_rows((h)->world, rows, N_OF(rows)), 0);               \
	} while (0)

#define SSH L4("tcp", "22")
#define WEB L4("tcp", "80")

#define TAP_A "tapaaaaaaaa-aa"
#define TAP_B "tapbbbbbbbb-bb"

static size_t n_zone_rules(const struct world *world)
{
	struct text out CLEANUP(text_done) = TEXT_INIT, command CLEANUP(text_done) = TEXT_INIT;

	text_addf(
		&command, "iptables-%s-save -t raw | grep -c 'CT --zone'", world->options.backend);
	net_try_sh(&out, command.data);
	return strtoul(out.data, NULL, 10);
}

/* ---- changes */

static void a_change_writes_what_differs_and_nothing_else(struct world *world)
{
	struct keephost h CLEANUP(keephost_done);
	static const struct shot_row before[] = {
		{ "out", "A", "tcp out > A:22", PASS(RULE) },
		{ "out", "A", "tcp out > A:80", DROP(NO_RULE) },
		{ "B", "A", "tcp B > A:443", PASS(RULE) },
		{ "out", "A", "tcp out > A:443", DROP(NO_RULE) },
	};
	static const struct shot_row after[] = {
		{ "out", "A", "tcp out > A:80", PASS(RULE) },
		{ "out", "B", "tcp out > B:80", PASS(RULE) },
		{ "out", "A", "tcp out > A:22", PASS(RULE) },
	};

	keephost_init(&h, world);
#define TWO_PORTS(rules)                                                                           \
	GROUPS GROUP("g", IN4(SSH) rules OUT4(ANY)) GROUP(                                         \
		"h", IN4(L4("tcp", "443") FROM_GROUP("h"))) PORTS PORT_A("g, h") PORT_B("g, h")
	keephost_change(&h, TWO_PORTS(""));
	assert_int_equal(h.result.done.n_failures, 0);
	check(&h, before);

	keephost_change(&h, TWO_PORTS(IN4(WEB)));
	assert_int_equal(h.result.done.n_steps, 1);
	assert_int_equal(h.result.done.rules_added, 2);
	assert_int_equal(h.result.done.rules_removed, 0);
	check(&h, after);

	keephost_change(&h, TWO_PORTS(IN4(WEB)));
	assert_int_equal(h.result.done.n_steps, 0);
	keephost_change(&h, TWO_PORTS(""));
	assert_int_equal(h.result.done.rules_removed, 2);
	keephost_look(&h);
	assert_false(world_shoot(world, "out", "A", "tcp out > A:80"));
#undef TWO_PORTS
}

static void members_come_and_go_one_by_one(struct world *world)
{
	struct keephost h CLEANUP(keephost_done);

#define FAR(n)                                                                                     \
	"- {name: far" n ", mac_address: '02:00:00:00:01:" n "', fixed_ips: [10.0.1." n "], "      \
	"security_groups: [h], 'binding:host_id': elsewhere}\n"
#define MEMBERS(more)                                                                              \
	GROUPS GROUP("g", IN4(SSH FROM_GROUP("h"))) EMPTY_GROUP("h") PORTS PORT_A("g") PORT_B("g") \
		FAR("10") FAR("11") more
	keephost_init(&h, world);
	keephost_change(&h, MEMBERS(""));
	keephost_change(&h, MEMBERS(FAR("12")));
	assert_int_equal(h.result.done.n_steps, 1);
	assert_int_equal(h.result.done.members_added, 1);
	assert_int_equal(h.result.done.rules_added, 0);
	keephost_change(&h, MEMBERS(FAR("13")));
	assert_int_equal(h.result.done.members_added, 1);
	assert_int_equal(h.result.done.members_removed, 1);
	keephost_change(&h, MEMBERS(""));
	assert_int_equal(h.result.done.members_removed, 1);
	assert_int_equal(h.result.done.n_steps, 1);
#undef MEMBERS
#undef FAR
}

static void a_set_that_another_port_looks_at_is_not_destroyed(struct world *world)
{
	struct keephost h CLEANUP(keephost_done);

	keephost_init(&h, world);
	keephost_change(&h, GROUPS GROUP("g", IN4(SSH FROM_GROUP("g"))) GROUP(
				    "h", IN4(WEB FROM_GROUP("g"))) PORTS PORT_A("g") PORT_B("h"));
	keephost_change(&h, GROUPS GROUP("g", IN4(SSH)) GROUP("h", IN4(WEB FROM_GROUP("g")))
				    PORTS PORT_A("g") PORT_B("h"));
	assert_int_equal(h.result.done.members_removed, 0);
	keephost_look(&h);
	assert_true(world_shoot(world, "A", "B", "tcp A > B:80") == false);
	keephost_change(&h, GROUPS GROUP("g", IN4(SSH) OUT4(ANY)) GROUP("h", IN4(WEB))
				    PORTS PORT_A("g") PORT_B("h"));
	assert_true(h.result.done.members_removed > 0);
	keephost_look(&h);
	assert_true(world_shoot(world, "A", "B", "tcp A > B:80"));
}

static void what_would_be_done_is_told_and_not_done(struct world *world)
{
	struct keephost h CLEANUP(keephost_done);
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct arena *policy_arena CLEANUP(arena_freep) = NULL;
	struct keeper_result result;
	const struct policy *policy;
	struct err err;

	keephost_init(&h, world);
	assert_true(keephost_parse(GROUPS GROUP("g", IN4(SSH) IN4(WEB)) PORTS PORT_A("g"),
		&policy_arena, &policy, &err));
	assert_true(keeper_preview(h.keeper, arena, policy, &result, &err));
	assert_true(result.done.rules_added > 10);
	keephost_change(&h, GROUPS GROUP("g", IN4(SSH)) PORTS PORT_A("g"));
	assert_true(keeper_preview(h.keeper, arena, policy, &result, &err));
	assert_int_equal(result.done.rules_added, 1);
	assert_int_equal(result.done.n_changes, 1);
	assert_string_equal(result.done.changes[0],
		"+ IPv4 neutron-openvswi-iaaaaaaaa-a: tcp to port 80: return");
	keephost_change(&h, GROUPS GROUP("g", IN4(SSH)) PORTS PORT_A("g"));
	assert_int_equal(h.result.done.n_steps, 0);
}

/* ---- interfaces */

static void a_port_waits_for_its_interface(struct world *world)
{
	struct keephost h CLEANUP(keephost_done);
	struct net *net = world->net;

	keephost_init(&h, world);
	net_ip(net->ns, "link set " TAP_A " nomaster\n");
	keephost_change(&h, GROUPS GROUP("g", IN4(SSH)) PORTS PORT_A("g") PORT_B("g"));
	assert_int_equal(keephost_port(&h, ID_A).state, PORT_UNPLUGGED);
	assert_int_equal(keephost_port(&h, ID_B).state, PORT_ACTIVE);
	net_ip(net->ns, "link set " TAP_A " master br0\n");
	keephost_links(&h);
	assert_int_equal(keephost_port(&h, ID_A).state, PORT_ACTIVE);
	assert_string_equal(keephost_event(&h, "port", ID_A), "active: " TAP_A " in br0");
	keephost_look(&h);
	assert_true(world_shoot(world, "out", "A", "tcp out > A:22"));
	assert_false(world_shoot(world, "out", "A", "tcp out > A:23"));
	keephost_links(&h);
	assert_int_equal(h.result.done.n_steps, 0);
	assert_int_equal(h.result.events.n, 0);

	net_ip(net->ns, "link set " TAP_A " netns %d\n", (int)getpid());
	net_ip(net->ns, "link set " TAP_A " name lost0\n");
	keephost_links(&h);
	assert_int_equal(keephost_port(&h, ID_A).state, PORT_WAITING);
	net_ip(net->ns, "link set lost0 name " TAP_A "\n");
	keephost_links(&h);
	assert_int_equal(keephost_port(&h, ID_A).state, PORT_ACTIVE);
}

static void an_interface_is_found_by_its_mac(struct world *world)
{
	struct keephost h CLEANUP(keephost_done);
	struct net *net = world->net;

	keephost_init(&h, world);
	keephost_change(&h, GROUPS GROUP("g", IN4(SSH)) PORTS PORT_A("g") PORT_B("g"));
	net_ip(net->ns, "link set " TAP_A " down\nlink set " TAP_A " name vnet3\n"
			"link set vnet3 address fe:00:00:00:00:0a up\n");
	net_await_link("vnet3");
	keephost_links(&h);
	assert_int_equal(keephost_port(&h, ID_A).state, PORT_ACTIVE);
	assert_string_equal(keephost_port(&h, ID_A).device, "vnet3");
	assert_true(world_arrives(world, "out", "A", "tcp out > A:22"));
	assert_false(world_arrives(world, "out", "A", "tcp out > A:23"));
	/* a change of something else leaves it where it is */
	keephost_change(&h, GROUPS GROUP("g", IN4(SSH) IN4(WEB)) PORTS PORT_A("g") PORT_B("g"));
	assert_string_equal(keephost_port(&h, ID_A).device, "vnet3");
	assert_true(world_arrives(world, "out", "A", "tcp out > A:80"));

	/* two that could be it are none */
	net_ip(net->ns, "link add vnet4 address fe:00:00:00:00:0a master br0 type veth\n");
	keephost_links(&h);
	assert_int_equal(keephost_port(&h, ID_A).state, PORT_WAITING);
	assert_non_null(strstr(keephost_port(&h, ID_A).why, "2 interfaces"));
	assert_non_null(keephost_event(&h, "unknown-interface", "vnet3"));
	assert_false(world_arrives(world, "out", "A", "tcp out > A:22"));
	net_ip(net->ns, "link del vnet4\n");
	keephost_links(&h);
	assert_string_equal(keephost_port(&h, ID_A).device, "vnet3");
	assert_true(world_arrives(world, "out", "A", "tcp out > A:22"));
}

static void an_interface_without_a_port_is_closed(struct world *world)
{
	struct keephost h CLEANUP(keephost_done);

	keephost_init(&h, world);
	keephost_change(&h, GROUPS OPEN_GROUP("g") PORTS PORT_B("g"));
	assert_non_null(keephost_event(&h, "unknown-interface", TAP_A));
	assert_false(world_arrives(world, "A", "out", "udp A > out"));
	assert_false(world_arrives(world, "A", "B", "arp A"));
	assert_false(world_arrives(world, "out", "A", "udp out > A"));
	assert_false(world_arrives(world, "B", "A", "udp B > A"));
	assert_true(world_arrives(world, "B", "out", "udp B > out"));
	keephost_change(&h, GROUPS OPEN_GROUP("g") PORTS PORT_A("g") PORT_B("g"));
	assert_true(world_arrives(world, "A", "out", "udp A > out"));
	assert_true(world_arrives(world, "B", "A", "udp B > A"));
	/* and without port security */
	keephost_change(
		&h, GROUPS OPEN_GROUP("g") PORTS UNFILTERED(ID_A, MAC_A, IPS_A) PORT_B("g"));
	assert_true(world_arrives(world, "A", "out", "udp A > out mac 02:00:00:00:00:99"));
	assert_true(world_arrives(world, "out", "A", "type 0x88cc"));
	keephost_change(&h, GROUPS OPEN_GROUP("g") PORTS PORT_B("g"));
	assert_false(world_arrives(world, "A", "out", "udp A > out"));
}

/* The id stays, and the machine behind its interface is another one: as after "openstack server migrate" of both. */
static void two_ports_change_places(struct world *world)
{
	static const struct shot_row before[] = {
		{ "out", "A", "tcp out > A:22", PASS(RULE) },
		{ "out", "B", "tcp out > B:80", PASS(RULE) },
		{ "out", "A", "tcp out > A:80", DROP(NO_RULE) },
		{ "out", "B", "tcp out > B:22", DROP(NO_RULE) },
	};
	static const struct shot_row after[] = {
		{ "out", "A", "tcp out > A:80", PASS(RULE) },
		{ "out", "B", "tcp out > B:22", PASS(RULE) },
		{ "out", "A", "tcp out > A:22", DROP(NO_RULE) },
		{ "out", "B", "tcp out > B:80", DROP(NO_RULE) },
	};
	struct keephost h CLEANUP(keephost_done);

	keephost_init(&h, world);
#define PLACED(id, tap, mac, ips, group) PORT(id, mac, ips, ", device: " tap IN_GROUPS(group))
#define TWO_GROUPS			 GROUPS GROUP("g", IN4(SSH) OUT4(ANY)) GROUP("h", IN4(WEB) OUT4(ANY)) PORTS
	keephost_change(&h, TWO_GROUPS PLACED(ID_A, TAP_A, MAC_A, IPS_A, "g")
				    PLACED(ID_B, TAP_B, MAC_B, IPS_B, "h"));
	check(&h, before);
	keephost_change(&h, TWO_GROUPS PLACED(ID_A, TAP_B, MAC_B, IPS_B, "g")
				    PLACED(ID_B, TAP_A, MAC_A, IPS_A, "h"));
	check(&h, after);
	assert_string_equal(keephost_port(&h, ID_A).device, TAP_B);
#undef TWO_GROUPS
#undef PLACED
}

/* What was counted as sent after the port had gone, or before it came, must not arrive. */
static void a_port_that_goes_is_closed_before_its_rules_go(struct world *world)
{
	static const struct traffic_line lines[] = {
		{ "A", "out", "udp A > out:9" },
		{ "A", "out", "udp 10.0.0.77 > out" },
		{ "out", "A", "udp out > A:9" },
		{ "B", "out", "udp B > out:9" },
	};
	struct traffic_result results[N_OF(lines)];
	struct traffic *traffic;
	struct keephost h CLEANUP(keephost_done);

	keephost_init(&h, world);
	keephost_change(
		&h, GROUPS GROUP("g", OUT4(SSH)) OPEN_GROUP("o") PORTS PORT_A("g") PORT_B("o"));
	traffic = traffic_start(world, lines, N_OF(lines), 4000);
	for (int i = 0; i < 20; i++) {
		keephost_change(&h, GROUPS GROUP("g", OUT4(SSH)) OPEN_GROUP("o") PORTS PORT_B("o"));
		keephost_change(&h,
			GROUPS GROUP("g", OUT4(SSH)) OPEN_GROUP("o") PORTS PORT_A("g") PORT_B("o"));
	}
	traffic_stop(traffic, results);
	for (size_t i = 0; i < 3; i++)
		if (results[i].n_arrived)
			fail_msg("%s: %zu of %zu arrived", lines[i].text, results[i].n_arrived,
				results[i].n_sent);
	assert_int_equal(results[3].n_arrived, results[3].n_sent);
}

/*
 * Guests that send before they are plugged, all the time. What no group allows never arrives; what one allows does, each
 * time. No bridge asks iptables before the keeper has told it to. The last one is no port's.
 */
#define N_GUESTS 8
#define N_PORTS	 (N_GUESTS - 1)
#define N_JOINS	 1000 /* at least */

static void a_flood_that_races_the_plug_is_lost(struct world *world)
{
	struct keephost h CLEANUP(keephost_done);
	struct traffic_line lines[3 * N_GUESTS];
	struct traffic_result results[3 * N_GUESTS];
	char texts[3 * N_GUESTS][40];
	struct traffic *traffic;
	struct text ports CLEANUP(text_done) = TEXT_INIT, out CLEANUP(text_done) = TEXT_INIT;
	size_t n_joins = 0;

	world_add_guests(world, N_GUESTS - world->net->n_ends);
	text_add(&ports, GROUPS GROUP("g", OUT4(L4("udp", "53"))) PORTS);
	for (size_t i = 0; i < N_GUESTS; i++) {
		if (i < N_PORTS)
			text_addf(&ports,
				"- {id: %s, mac_address: '02:00:00:00:00:%02zx', fixed_ips: "
				"[10.0.0.%zu], security_groups: [g]}\n",
				world_port_id(i), 10 + i, 10 + i);
		text_addf(&out, "link set %s nomaster\n", world->net->ends[i]->tap);
		snprintf(texts[3 * i], sizeof(texts[0]), "udp 10.0.0.%zu > out:54", 10 + i);
		snprintf(texts[3 * i + 1], sizeof(texts[0]), "udp 10.0.0.%zu > out:53", 10 + i);
		snprintf(texts[3 * i + 2], sizeof(texts[0]), "udp out > 10.0.0.%zu:53", 10 + i);
		for (size_t k = 0; k < 3; k++)
			lines[3 * i + k] = (struct traffic_line){ world->net->ends[i]->name, "out",
				texts[3 * i + k] };
		lines[3 * i + 2] =
			(struct traffic_line){ "out", world->net->ends[i]->name, texts[3 * i + 2] };
	}
	text_add(&out, "link set br0 type bridge nf_call_iptables 0 nf_call_ip6tables 0\n");
	keephost_init(&h, world);
	net_ip(world->net->ns, "%s", out.data);
	keephost_change(&h, "%s", ports.data);
	h.options.is_paranoid = false; /* until the end: it takes most of the time */
	traffic = traffic_start(world, lines, N_OF(lines), 6000);
	while (n_joins < N_JOINS) {
		struct text in CLEANUP(text_done) = TEXT_INIT;

		for (size_t i = 0; i < N_GUESTS; i++)
			text_addf(&in, "link set %s master br0\n", world->net->ends[i]->tap);
		net_ip(world->net->ns, "%s", in.data);
		n_joins += N_GUESTS;
		/* as long as the loop may take to hear of it */
		traffic_wait(traffic, n_joins % 3);
		keephost_links(&h);
		for (size_t i = 0; i < N_PORTS; i++)
			assert_int_equal(keephost_port(&h, world_port_id(i)).state, PORT_ACTIVE);
		assert_non_null(
			keephost_event(&h, "unknown-interface", world->net->ends[N_PORTS]->tap));
		traffic_wait(traffic, 3);
		net_ip(world->net->ns, "%s", out.data);
		traffic_wait(traffic, 2);
		keephost_links(&h);
	}
	traffic_stop(traffic, results);
	keephost_repair(&h);
	assert_int_equal(h.result.done.n_steps, 0);
	print_message("# %zu joins, %zu frames of each line\n", n_joins, results[0].n_sent);
	for (size_t i = 0; i < N_OF(lines); i++) {
		bool may_pass = i % 3 == 1 && i / 3 < N_PORTS;

		if (!may_pass && results[i].n_arrived)
			fail_msg("%s: %zu of %zu arrived", texts[i], results[i].n_arrived,
				results[i].n_sent);
		/* open and closed in each round */
		if (may_pass)
			assert_true(results[i].n_turns >= n_joins / N_GUESTS * 2 - 2);
	}
}

/* ---- ports that are refused */

/* Refuses what has a word in it, with or without the line, as a kernel without a module would. */
static void refuse_word(const struct world *world, const char *word, bool tells_line)
{
	struct text script CLEANUP(text_done) = TEXT_INIT;

	text_addf(&script,
		"cat >/run/in.$$\n"
		"line=$(grep -n -e '%s' /run/in.$$ | grep -v -e ' -D ' | head -1 | cut -d: -f1)\n"
		"if [ -n \"$line\" ]; then\n"
		"  [ %d = 1 ] && echo \"iptables-restore: line $line failed\" >&2\n"
		"  [ %d = 1 ] || echo 'Cannot allocate what it takes' >&2\n"
		"  rm /run/in.$$; exit 2\n"
		"fi\n"
		"\"$TOOL\" \"$@\" </run/in.$$; status=$?\n"
		"rm /run/in.$$; exit $status\n",
		word, tells_line, tells_line);
	keephost_wrap_restore(world, script.data);
}

static const struct serve_failure *failure_of(const struct keephost *h, const char *id)
{
	for (size_t i = 0; i < h->result.done.n_failures; i++)
		if (strcmp(h->result.done.failures[i].port_id, id) == 0)
			return &h->result.done.failures[i];
	return NULL;
}

/* A has what is refused; B gets what it is due, and A gets nothing but what every port may. */
static void check_refused(struct world *world, bool tells_line, bool is_first)
{
	struct keephost h CLEANUP(keephost_done);
	static const struct shot_row rows[] = {
		{ "out", "B", "tcp out > B:22", PASS(RULE) },
		{ "out", "B", "tcp out > B:80", PASS(RULE) },
	};

	keephost_init(&h, world);
	if (!is_first)
		keephost_change(&h, GROUPS GROUP("g", IN4(SSH)) GROUP("bad", IN4(L4("tcp", "99")))
					    PORTS PORT_A("g, bad") PORT_B("g") PORT_C("g"));
	refuse_word(world, "dport 6666", tells_line);
#define BAD                                                                                        \
	GROUPS GROUP("g", IN4(SSH) IN4(WEB)) GROUP("bad", IN4(L4("tcp", "6666")))                  \
		PORTS PORT_A("g, bad") PORT_B("g") PORT_C("g")
	keephost_change(&h, BAD);
	/* the search may not have told all from one another yet */
	while (h.result.done.n_failures > 1)
		keephost_retry(&h);
	assert_non_null(failure_of(&h, ID_A));
	assert_int_equal(h.result.done.n_failures, 1);
	assert_int_equal(keephost_port(&h, ID_A).state, PORT_FAILED);
	assert_int_equal(keephost_port(&h, ID_B).state, PORT_ACTIVE);
	check(&h, rows);
	assert_false(world_arrives(world, "out", "A", "tcp out > A:22"));
	assert_true(world_arrives(world, "A", "out", "arp A"));
	assert_true(keeper_retry_ms(h.keeper) != UINT64_MAX);

	/* other changes do not wait for it, nor do they try it again */
	keephost_change(&h, GROUPS GROUP("g", IN4(SSH) IN4(WEB)) GROUP("bad",
				    IN4(L4("tcp", "6666"))) GROUP("more", IN4(L4("tcp", "23")))
				    PORTS PORT_A("g, bad") PORT_B("g, more") PORT_C("g"));
	assert_int_equal(h.result.done.n_failures, 1);
	assert_true(world_arrives(world, "out", "B", "tcp out > B:23"));
	keephost_change(&h, BAD);
	keephost_retry(&h);
	assert_int_equal(keephost_port(&h, ID_A).state, PORT_FAILED);

	keephost_unwrap_restore();
	keephost_retry(&h);
	assert_int_equal(keephost_port(&h, ID_A).state, PORT_ACTIVE);
	assert_int_equal(keeper_retry_ms(h.keeper), UINT64_MAX);
	assert_true(world_arrives(world, "out", "A", "tcp out > A:22"));
	assert_true(world_arrives(world, "out", "A", "tcp out > A:6666"));
#undef BAD
}

static void a_refused_port_does_not_hold_up_the_others(struct world *world)
{
	check_refused(world, true, false);
}

static void nor_does_one_that_is_found_by_trying(struct world *world)
{
	check_refused(world, false, false);
}

static void nor_does_one_of_the_first_policy(struct world *world)
{
	check_refused(world, false, true);
}

static void a_changed_port_is_tried_at_once(struct world *world)
{
	struct keephost h CLEANUP(keephost_done);

	keephost_init(&h, world);
	refuse_word(world, "dport 6666", true);
	keephost_change(&h, GROUPS GROUP("g", IN4(SSH)) GROUP("bad", IN4(L4("tcp", "6666")))
				    PORTS PORT_A("g, bad") PORT_B("g"));
	assert_int_equal(keephost_port(&h, ID_A).state, PORT_FAILED);
	keephost_change(&h, GROUPS GROUP("g", IN4(SSH)) PORTS PORT_A("g") PORT_B("g"));
	assert_int_equal(keephost_port(&h, ID_A).state, PORT_ACTIVE);
	assert_int_equal(h.result.done.n_failures, 0);
	keephost_unwrap_restore();
}

static void a_set_that_cannot_be_made_costs_its_ports_and_no_others(struct world *world)
{
	struct keephost h CLEANUP(keephost_done);

#define SET_ID "dddddddd-1111-4000-8000-000000000001"
#define WITH_SET                                                                                   \
	GROUPS GROUP("g",                                                                          \
		IN4(SSH)) "- {name: h, id: " SET_ID ", security_group_rules: []}\n" GROUP("i",     \
		IN4(WEB FROM_GROUP("h"))) PORTS PORT_A("g, i") PORT_B("g, h")
	keephost_init(&h, world);
	net_sh("ipset create NIPv4dddddddd-1111-4000-8000- hash:ip");
	/* of what is there already, at the start */
	keephost_change(&h, WITH_SET);
	assert_non_null(failure_of(&h, ID_A));
	assert_int_equal(h.result.done.n_failures, 1);
	assert_true(world_arrives(world, "out", "B", "tcp out > B:22"));
	net_sh("ipset destroy NIPv4dddddddd-1111-4000-8000-");
	keephost_retry(&h);
	assert_int_equal(keephost_port(&h, ID_A).state, PORT_ACTIVE);

	/* and of what comes under way */
	keephost_change(&h, GROUPS GROUP("g", IN4(SSH)) PORTS PORT_A("g") PORT_B("g"));
	net_sh("ipset create NIPv4dddddddd-1111-4000-8000- hash:ip");
	keephost_change(&h, WITH_SET);
	assert_int_equal(h.result.done.n_failures, 1);
	assert_int_equal(keephost_port(&h, ID_A).state, PORT_FAILED);
	assert_true(world_arrives(world, "out", "B", "tcp out > B:22"));
	net_sh("ipset destroy NIPv4dddddddd-1111-4000-8000-");
	keephost_retry(&h);
	assert_int_equal(keephost_port(&h, ID_A).state, PORT_ACTIVE);
	assert_true(world_arrives(world, "out", "A", "tcp out > A:22"));
}

/* Not one port but everything is refused: nothing is known, and the next try does all of it. */
static void a_change_that_fails_as_a_whole_is_made_up_for(struct world *world)
{
	struct keephost h CLEANUP(keephost_done);
	struct err err;

	keephost_init(&h, world);
	keephost_change(&h, GROUPS GROUP("g", IN4(SSH)) PORTS PORT_A("g"));
	refuse_word(world, "COMMIT", false);
	assert_false(
		keephost_try(&h, GROUPS GROUP("g", IN4(WEB)) PORTS PORT_A("g") PORT_B("g"), &err));
	assert_true(keeper_retry_ms(h.keeper) != UINT64_MAX);
	assert_false(
		keephost_try(&h, GROUPS GROUP("g", IN4(WEB)) PORTS PORT_A("g") PORT_B("g"), &err));
	assert_true(world_arrives(world, "out", "A", "tcp out > A:22"));
	keephost_unwrap_restore();
	keephost_retry(&h);
	assert_false(world_arrives(world, "out", "A", "tcp out > A:22"));
	assert_true(world_arrives(world, "out", "B", "tcp out > B:80"));
	assert_int_equal(keeper_retry_ms(h.keeper), UINT64_MAX);
}

/* ---- others */

static bool says(void *data)
{
	return *(bool *)data;
}

static void open_a_port(const struct world *world)
{
	net_sh("iptables-%s -I neutron-openvswi-iaaaaaaaa-a -j RETURN", world->options.backend);
}

/* The line that would take a rule away does not fit any more. No port is blamed for it. */
static void a_change_of_rules_that_others_flushed_is_made_all_the_same(struct world *world)
{
	struct keephost h CLEANUP(keephost_done);

	keephost_init(&h, world);
	keephost_change(
		&h, GROUPS GROUP("g", OUT4(ANY) IN4(WEB) IN4(SSH)) PORTS PORT_A("g") PORT_B("g"));
	net_sh("iptables-%s -F", world->options.backend);
	keephost_change(&h, GROUPS GROUP("g", OUT4(ANY) IN4(WEB)) PORTS PORT_A("g") PORT_B("g"));
	assert_non_null(keephost_event(&h, "repaired", NULL));
	assert_null(keephost_event(&h, "refused", NULL));
	assert_int_equal(keephost_port(&h, ID_A).state, PORT_ACTIVE);
	assert_true(world_arrives(world, "out", "A", "tcp out > A:80"));
	assert_false(world_arrives(world, "out", "A", "tcp out > A:22"));
	keephost_repair(&h);
	assert_int_equal(h.result.done.n_steps, 0);
}

/* What is done while the keeper does not look is found by its look behind the next change. */
static void what_others_did_in_between_is_no_bug(struct world *world)
{
	struct keephost h CLEANUP(keephost_done);
	struct arena *policy_arena = NULL, *arena CLEANUP(arena_freep) = arena_new();
	const struct policy *policy;
	struct keeper_result result;
	bool are_there = true, is_bug = false;
	struct err err;

	keephost_init(&h, world);
	keephost_change(&h, GROUPS GROUP("g", OUT4(SSH)) PORTS PORT_A("g") PORT_B("g"));
	keeper_set_others(h.keeper, says, &are_there);
	open_a_port(world);
	keephost_change(&h, GROUPS GROUP("g", OUT4(SSH) OUT4(WEB)) PORTS PORT_A("g") PORT_B("g"));
	assert_non_null(keephost_event(&h, "repaired", NULL));
	assert_false(world_arrives(world, "out", "A", "tcp out > A:22"));
	/* the same, and nobody was it */
	are_there = false;
	open_a_port(world);
	assert_true(keephost_parse(GROUPS GROUP("g", OUT4(SSH)) PORTS PORT_A("g") PORT_B("g"),
		&policy_arena, &policy, &err));
	assert_true(keeper_change(h.keeper, arena, policy, &result, &err));
	vec_for_each (event, &result.events)
		is_bug |= strcmp(event->what, "bug") == 0;
	assert_true(is_bug);
	assert_false(world_arrives(world, "out", "A", "tcp out > A:22"));
	arena_free(h.policy_arena);
	h.policy_arena = policy_arena;
	h.policy = policy;
}

static void what_others_do_to_the_rules_is_undone(struct world *world)
{
	static const char *const deeds[] = {
		"iptables-%s -F",
		"iptables-%s -D FORWARD 1",
		"ip6tables-%s -t raw -F",
		"iptables-%s -I neutron-openvswi-iaaaaaaaa-a -j RETURN",
		"ipset flush NIPv4dddddddd-1111-4000-8000- # %s",
		"nft delete table bridge portwall # %s",
		"nft flush chain bridge portwall prerouting # %s",
		"nft delete element bridge portwall from-port \\{ tapaaaaaaaa-aa \\} # %s",
		"iptables-%1$s-save | grep -v neutron | iptables-%1$s-restore; ip6tables-%1$s -F",
	};
	struct keephost h CLEANUP(keephost_done);
	struct text clean CLEANUP(text_done) = TEXT_INIT, now CLEANUP(text_done) = TEXT_INIT;

	keephost_init(&h, world);
	keephost_change(&h, WITH_SET);
	keephost_repair(&h);
	assert_int_equal(h.result.done.n_steps, 0);
	assert_null(keephost_event(&h, "repaired", NULL));
	world_save(world, &clean);
	for (size_t i = 0; i < N_OF(deeds); i++) {
		struct text command CLEANUP(text_done) = TEXT_INIT;

		text_addf(&command, deeds[i], world->options.backend);
		net_sh("%s", command.data);
		keephost_repair(&h);
		if (!keephost_event(&h, "repaired", NULL))
			fail_msg("nothing was repaired after %s", command.data);
		text_clear(&now);
		world_save(world, &now);
		if (strcmp(now.data, clean.data) != 0)
			fail_msg("after %s:\n%s\nwas:\n%s", command.data, now.data, clean.data);
	}
	assert_true(n_zone_rules(world) > 0);
}

static void rules_of_another_are_refused(struct world *world)
{
	struct keephost h CLEANUP(keephost_done);
	struct keeper *other = NULL;
	struct err err;

	keephost_init(&h, world);
	keephost_change(&h, GROUPS OPEN_GROUP("g") PORTS PORT_A("g"));
	h.options.agent.chain_prefix = "pw-";
	assert_false(keeper_open(&h.options, &other, &err));
	assert_int_equal(err.kind, ERR_CONFLICT);
	h.options.agent.chain_prefix = NULL;
	h.options.agent.backend = strcmp(world->options.backend, "nft") ? "nft" : "legacy";
	assert_false(keeper_open(&h.options, &other, &err));
	assert_int_equal(err.kind, ERR_CONFLICT);
	h.options.agent.backend = world->options.backend;
	h.options.closed_names = (const char *const[]){ "tap" };
	h.options.n_closed_names = 1;
	assert_false(keeper_open(&h.options, &other, &err));
	assert_int_equal(err.kind, ERR_INPUT);
	assert_null(other);
}

/* ---- flows */

static void give_addresses(struct world *world)
{
	net_add_address(world_end(world, "A"), "10.0.0.10/24", NULL);
	net_add_address(world_end(world, "B"), "10.0.0.11/24", NULL);
	net_add_address(world->net->outside, "10.0.0.99/24", NULL);
}

static void a_flow_is_cut_by_a_change_and_goes_on_after_another(struct world *world)
{
	struct keephost h CLEANUP(keephost_done);
	struct stream ssh, web;

	give_addresses(world);
	keephost_init(&h, world);
	keephost_change(&h, GROUPS GROUP("g", IN4(SSH) IN4(WEB)) PORTS PORT_A("g"));
	ssh = stream_open(world, "out", "A", "10.0.0.10", 22);
	web = stream_open(world, "out", "A", "10.0.0.10", 80);
	keephost_change(&h, GROUPS GROUP("g", IN4(SSH)) PORTS PORT_A("g"));
	assert_int_equal(h.result.done.n_flows_cut, 1);
	assert_true(stream_lives(&ssh));
	assert_true(stream_is_dead(&web));
	/* it only lets more pass, and the flow is one that was cut */
	keephost_change(&h, GROUPS GROUP("g", IN4(SSH) IN4(WEB)) PORTS PORT_A("g"));
	assert_int_equal(h.result.done.n_flows_cut, 0);
	assert_true(stream_goes_on(&web));
	assert_true(stream_lives(&ssh));
	stream_end(&ssh);
	stream_end(&web);
}

static void a_connection_survives_restarts_and_changes_of_others(struct world *world)
{
	struct keephost h CLEANUP(keephost_done);
	struct stream c;
	uint16_t zone;

	give_addresses(world);
	keephost_init(&h, world);
	keephost_change(
		&h, GROUPS GROUP("g", IN4(SSH)) EMPTY_GROUP("h") PORTS PORT_A("g") PORT_B("h"));
	c = stream_open(world, "out", "A", "10.0.0.10", 22);
	zone = keephost_port(&h, ID_A).zone;
	for (int i = 0; i < 5; i++) {
		keephost_close(&h);
		assert_true(stream_lives(&c));
		keephost_open(&h);
		assert_true(stream_lives(&c));
		keephost_change(&h,
			GROUPS GROUP("g", IN4(SSH)) EMPTY_GROUP("h") PORTS PORT_A("g") PORT_B("h"));
		assert_int_equal(h.result.done.n_steps, 0);
		assert_int_equal(h.result.done.n_flows_cut, 0);
		assert_int_equal(keephost_port(&h, ID_A).zone, zone);
		assert_true(stream_lives(&c));
		keephost_change(&h, GROUPS GROUP("g", IN4(SSH)) GROUP("h", IN4(WEB FROM_GROUP("g")))
					    PORTS PORT_A("g") PORT_C("h"));
		assert_true(stream_lives(&c));
		net_ip(world->net->ns, "link set " TAP_B " nomaster\n");
		keephost_links(&h);
		assert_true(stream_lives(&c));
		net_ip(world->net->ns, "link set " TAP_B " master br0\n");
		keephost_change(&h,
			GROUPS GROUP("g", IN4(SSH)) EMPTY_GROUP("h") PORTS PORT_A("g") PORT_B("h"));
		assert_int_equal(h.result.done.n_flows_cut, 0);
		assert_true(stream_lives(&c));
	}
	stream_end(&c);
}

/* What a keeper that was killed leaves is what the next one begins with. */
static void flows_are_cut_by_the_next_one_after_a_kill(struct world *world)
{
	struct keephost h CLEANUP(keephost_done);
	struct stream web;
	int status;
	pid_t child;

	give_addresses(world);
	keephost_init(&h, world);
	keephost_change(&h, GROUPS GROUP("g", IN4(WEB)) PORTS PORT_A("g"));
	web = stream_open(world, "out", "A", "10.0.0.10", 80);
	fflush(NULL);
	child = fork();
	if (child == 0) {
		setenv("CMOCKA_TEST_ABORT", "1", 1);
		/* the tool does its work, and then ends whom it works for */
		keephost_wrap_restore(world, "\"$TOOL\" \"$@\"; kill -9 $PPID\n");
		keephost_change(&h, GROUPS GROUP("g", IN4(SSH)) PORTS PORT_A("g"));
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_true(stream_lives(&web));
	keephost_close(&h);
	keephost_open(&h);
	keephost_change(&h, GROUPS GROUP("g", IN4(SSH)) PORTS PORT_A("g"));
	assert_int_equal(h.result.done.n_steps, 0);
	assert_int_equal(h.result.done.n_flows_cut, 1);
	assert_true(stream_is_dead(&web));
	stream_end(&web);
}

int main(void)
{
	static const struct world_case cases[] = {
		WORLD_CASE(a_change_writes_what_differs_and_nothing_else, ON_SHARED | BY_BOTH),
		WORLD_CASE(members_come_and_go_one_by_one, ON_SHARED | BY_BOTH),
		WORLD_CASE(a_set_that_another_port_looks_at_is_not_destroyed, ON_SHARED | BY_BOTH),
		WORLD_CASE(what_would_be_done_is_told_and_not_done, ON_SHARED | BY_NFT),
		WORLD_CASE(a_port_waits_for_its_interface, ON_SHARED | BY_BOTH),
		WORLD_CASE(an_interface_is_found_by_its_mac, ON_SHARED | BY_BOTH),
		WORLD_CASE(an_interface_without_a_port_is_closed, ON_SHARED | BY_NFT),
		WORLD_CASE(a_port_that_goes_is_closed_before_its_rules_go, ON_SHARED | BY_BOTH),
		WORLD_CASE(a_flood_that_races_the_plug_is_lost, ON_SHARED | BY_BOTH),
		WORLD_CASE(a_refused_port_does_not_hold_up_the_others, ON_SHARED | BY_BOTH),
		WORLD_CASE(nor_does_one_that_is_found_by_trying, ON_SHARED | BY_BOTH),
		WORLD_CASE(nor_does_one_of_the_first_policy, ON_SHARED | BY_BOTH),
		WORLD_CASE(a_changed_port_is_tried_at_once, ON_SHARED | BY_NFT),
		WORLD_CASE(a_set_that_cannot_be_made_costs_its_ports_and_no_others,
			ON_SHARED | BY_BOTH),
		WORLD_CASE(a_change_that_fails_as_a_whole_is_made_up_for, ON_SHARED | BY_NFT),
		WORLD_CASE(two_ports_change_places, ON_SHARED | BY_BOTH),
		WORLD_CASE(what_others_do_to_the_rules_is_undone, ON_SHARED | BY_BOTH),
		WORLD_CASE(a_change_of_rules_that_others_flushed_is_made_all_the_same,
			ON_SHARED | BY_BOTH),
		WORLD_CASE(what_others_did_in_between_is_no_bug, ON_SHARED | BY_NFT),
		WORLD_CASE(rules_of_another_are_refused, ON_SHARED | BY_BOTH),
		WORLD_CASE(
			a_flow_is_cut_by_a_change_and_goes_on_after_another, ON_SHARED | BY_BOTH),
		WORLD_CASE(
			a_connection_survives_restarts_and_changes_of_others, ON_SHARED | BY_BOTH),
		WORLD_CASE(flows_are_cut_by_the_next_one_after_a_kill, ON_SHARED | BY_BOTH),
	};

	return world_main(cases, N_OF(cases));
}
