// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Changes are safe: what both the old policy and the new one drop never passes between them, what
 * both allow is never lost, and a change that is refused has changed nothing.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "netpolicy.h"
#include "nettraffic.h"

/*
 * Versions of one policy. Each lets udp 53 in and out at A and B and drops udp 54, and each says so
 * in another way, so that every kind of difference comes about: rules, their order, groups of a
 * port, members of sets, sets, pairs, ports, state.
 */
#define REMOTE(id, ips, pairs)                                                                     \
	"- {id: 99999999-0000-4000-8000-00000000000" id ", mac_address: '02:00:00:00:00:9" id      \
	"', fixed_ips: [" ips "], allowed_address_pairs: [" pairs                                  \
	"], security_groups: [friends], 'binding:host_id': elsewhere}\n"
#define OUT_DNS OUT4(L4("udp", "53")) OUT6(L4("udp", "53"))
#define IN_DNS	IN4(L4("udp", "53")) IN6(L4("udp", "53"))
#define FRIENDS EMPTY_GROUP("friends")

static const char *const versions[] = { GROUPS GROUP("g", IN_DNS OUT_DNS) PORTS PORT_A("g")
						PORT_B("g"),
	/* a range, in other words and another order */
	GROUPS GROUP("g", OUT6(L4_RANGE("udp", "50", "53")) OUT4(L4_RANGE("udp", "50", "53"))
				  IN6(L4_RANGE("udp", "53", "53") FROM("2001:db8::/32"))
					  IN4(L4_RANGE("udp", "52", "53") FROM("10.0.0.0/15")))
		PORTS PORT_A("g") PORT_B("g"),
	/* a remote group */
	GROUPS GROUP("g", IN4(L4("udp", "53") FROM_GROUP("friends"))
				  IN6(L4("udp", "53") FROM_GROUP("friends")) OUT_DNS)
		FRIENDS PORTS PORT_A("'g', friends") PORT_B("'g', friends") REMOTE("1", "10.1.0.1",
			"{ip_address: 10.1.0.0/16}, {ip_address: '2001:db8:1::/48'}"),
	/* its members in other pieces */
	GROUPS GROUP("g", IN4(L4("udp", "53") FROM_GROUP("friends"))
				  IN6(L4("udp", "53") FROM_GROUP("friends")) OUT_DNS)
		FRIENDS PORTS PORT_A("'g', friends") PORT_B("'g', friends") REMOTE("1", "10.77.0.1",
			"{ip_address: 10.1.0.0/17}, {ip_address: '2001:db8:1::/49'}")
			REMOTE("2", "10.77.0.2",
				"{ip_address: 10.1.128.0/17}, {ip_address: '2001:db8:1:8000::/49'}")
				REMOTE("3", "10.77.0.3", ""),
	/* an address group */
	"address_groups:\n- {name: list, addresses: [10.1.0.0/16, 10.0.0.0/24, 10.9.9.9, "
	"'2001:db8::/64', '2001:db8:1::/48']}\n" GROUPS GROUP(
		"g", IN4(L4("udp", "53") FROM_ADDRESSES("list")) IN6(L4("udp", "53")
				     FROM_ADDRESSES("list")) OUT_DNS) PORTS PORT_A("g") PORT_B("g"),
	/* many rules around it */
	GROUPS GROUP("g",
		IN4(L4("tcp", "1")) IN4(L4("tcp", "2")) IN4(L4("tcp", "3")) IN4(L4("tcp", "4"))
			IN6(L4("tcp", "5")) IN4(L4("tcp", "6")) OUT4(L4("tcp", "7"))
				IN_DNS IN4(L4("tcp", "8")) IN4(ICMP("icmp", "8")) IN4(PROTO("gre"))
					OUT_DNS OUT4(L4("tcp", "9")) OUT6(L4("tcp", "10")))
		PORTS PORT_A("g") PORT_B("g"),
	/* in two groups, and a third port */
	GROUPS GROUP("in", IN_DNS) GROUP("out", OUT_DNS IN4(L4("tcp", "80")))
		PORTS PORT_A("'out', in") PORT_B("'in', out") PORT_C("in"),
	/* stateless */
	GROUPS STATELESS_GROUP("g", IN_DNS OUT_DNS) PORTS PORT_A("g") PORT_B("g"),
	/* more addresses, and a neighbour that is not filtered */
	GROUPS GROUP("g", IN_DNS OUT_DNS) PORTS PORT(ID_A, MAC_A, IPS_A,
		IN_GROUPS("g") ", allowed_address_pairs: [{ip_address: 10.9.0.0/24}, "
			       "{ip_address: '2001:db8:9::/64', mac_address: '02:00:00:00:00:99'}]")
		PORT_B("g") UNFILTERED(ID_C, MAC_C, IPS_C),
	/* everything of a friend's, by any protocol but what no version allows */
	GROUPS GROUP("g", IN4(L4_RANGE("udp", "1", "53")) IN6(L4_RANGE("udp", "1", "53"))
				  OUT4(L4_RANGE("udp", "1", "53") FROM_GROUP("friends"))
					  OUT4(L4("udp", "53")) OUT6(L4("udp", "53")))
		FRIENDS PORTS PORT_A("g") PORT_B("g") REMOTE("2", "10.77.0.2", "") };

static const struct traffic_line lines[] = {
	/* allowed by all versions */
	{ "out", "A", "udp 10.1.2.3 > A:53" },
	{ "out", "A", "udp 10.1.200.3 > A:53" },
	{ "out", "A", "udp [2001:db8:1::5] > A6:53" },
	{ "A", "out", "udp A > out:53" },
	{ "A", "out", "udp A6 > out6:53" },
	{ "A", "B", "udp A > B:53" },
	{ "B", "A", "udp B6 > A6:53" },
	{ "A", "out", "arp A" },
/* dropped by all versions */
#define FIRST_DROPPED 8
	{ "out", "A", "udp 10.1.2.3 > A:54" },
	{ "out", "A", "udp [2001:db8:1::5] > A6:54" },
	{ "out", "A", "tcp 10.1.2.3 > A:53" },
	{ "A", "out", "udp A > out:54" },
	{ "A", "out", "udp A6 > out6:54" },
	{ "A", "out", "udp 10.0.0.20 > out:53" },
	{ "A", "out", "udp A6 > out6:53 mac 02:00:00:00:00:98" },
	{ "A", "out", "arp 10.0.0.20" },
	{ "A", "out", "vlan udp A > out:53" },
	{ "A", "B", "udp A > B:54" },
};

static uint32_t random_state;

static size_t random_below(size_t n)
{
	random_state = random_state * 1664525 + 1013904223;
	return (random_state >> 8) % n;
}

static void check_traffic(const struct traffic_result *results)
{
	size_t n_wrong = 0;

	for (size_t i = 0; i < N_OF(lines); i++) {
		size_t right = i < FIRST_DROPPED ? results[i].n_sent : 0;

		if (results[i].n_arrived == right)
			continue;
		n_wrong++;
		print_message(
			"# %s > %s %s: %zu of %zu arrived, the first lost is number %zu, the last "
			"arrived %zu\n",
			lines[i].from, lines[i].to, lines[i].text, results[i].n_arrived,
			results[i].n_sent, results[i].first_lost, results[i].last_arrived);
	}
	assert_int_equal(n_wrong, 0);
}

static void change_to(struct world *world, const char *yaml)
{
	struct err err = { 0 };

	if (!world_change(world, yaml, &err))
		fail_msg("%s\n%s\n%s", yaml, err.text, err.next_step);
}

#define TOUR_LEN (N_OF(versions) * (N_OF(versions) - 1))

/*
 * A way from the first version back to it that makes each change from one to another once (an Eulerian circuit by
 * Hierholzer: go on by chance as long as it goes, and fill in the rest from the end).
 */
static void tour(size_t ret[TOUR_LEN + 1])
{
	bool is_made[N_OF(versions)][N_OF(versions)] = { 0 };
	size_t way[TOUR_LEN + 1] = { 0 }, n_way = 1, n = 0;

	while (n_way) {
		size_t at = way[n_way - 1], first = random_below(N_OF(versions)), i = 0, to = 0;

		for (; i < N_OF(versions); i++) {
			to = (first + i) % N_OF(versions);
			if (to != at && !is_made[at][to])
				break;
		}
		if (i == N_OF(versions)) {
			ret[TOUR_LEN - n++] = at;
			n_way--;
			continue;
		}
		is_made[at][to] = true;
		way[n_way++] = to;
	}
	assert_int_equal(n, TOUR_LEN + 1);
}

static void flip(struct world *world, size_t n_tours, uint32_t seed)
{
	struct traffic_result results[N_OF(lines)];
	struct traffic *traffic;
	size_t n = 0;

	random_state = seed;
	change_to(world, versions[0]);
	/* entries of packets that nobody answers must not fill the table of this machine */
	net_sh("sysctl -qw net.netfilter.nf_conntrack_udp_timeout=3");
	traffic = traffic_start(world, lines, N_OF(lines), 4000);
	for (size_t k = 0; k < n_tours; k++) {
		size_t way[TOUR_LEN + 1];

		tour(way);
		for (size_t i = 1; i <= TOUR_LEN; i++, n++) {
			change_to(world, versions[way[i]]);
			if (n % 50 == 0)
				traffic_wait(traffic, 2);
		}
	}
	traffic_stop(traffic, results);
	print_message("# %zu packets of each of %zu kinds in %zu changes\n", results[0].n_sent,
		N_OF(lines), n);
	assert_true(results[0].n_sent > n / 4);
	check_traffic(results);
}

/* More than a thousand changes in all, in pieces beside each other: one alone took the longest of all tests. */
static void five_tours_of_all_changes_lose_nothing_and_open_nothing(struct world *world)
{
	flip(world, 5, 12345);
}

static void four_other_tours_lose_nothing_and_open_nothing(struct world *world)
{
	flip(world, 4, 54321);
}

static void a_tour_of_all_changes_loses_nothing_and_opens_nothing(struct world *world)
{
	flip(world, 1, 12345);
}

static void every_version_settles(struct world *world)
{
	for (size_t i = 0; i < N_OF(versions); i++) {
		change_to(world, versions[i]);
		if (world_apply_again(world) != 0)
			fail_msg("version %zu changes again what it has changed", i);
	}
}

static void clear_leaves_the_host_as_it_was(struct world *world)
{
	struct text before CLEANUP(text_done) = TEXT_INIT, after CLEANUP(text_done) = TEXT_INIT;
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	const char *variant = world->options.backend;
	struct agent_report report;
	struct err err;

	/* somebody else's things stay */
	net_sh("for t in iptables-%s ip6tables-%s; do $t -N mine; $t -A mine -j ACCEPT; "
	       "$t -A FORWARD -j mine; $t -A INPUT -p tcp --dport 1 -j DROP; "
	       "$t -t raw -A PREROUTING -p udp --dport 1 -j NOTRACK; "
	       "$t -A OUTPUT -m comment --comment other -j ACCEPT; done; "
	       "ipset create other hash:net; ipset add other 10.0.0.0/8; "
	       "nft add table bridge other",
		variant, variant);
	world_save(world, &before);
	for (size_t i = 0; i < N_OF(versions); i++)
		change_to(world, versions[i]);
	world_save(world, &after);
	assert_string_not_equal(before.data, after.data);
	if (!agent_clear(arena, &world->options, &report, &err))
		fail_msg("%s", err.text);
	text_clear(&after);
	world_save(world, &after);
	assert_string_equal(before.data, after.data);
}

static void clear_of_an_empty_host_leaves_no_chain(struct world *world)
{
	struct text after CLEANUP(text_done) = TEXT_INIT;
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct agent_report report;
	struct err err;

	change_to(world, versions[2]);
	if (!agent_clear(arena, &world->options, &report, &err))
		fail_msg("%s", err.text);
	world_save(world, &after);
	/* the kernel's own empty chains may remain */
	if (strstr(after.data, "-A ") || strstr(after.data, "neutron") ||
		strstr(after.data, "create") || strstr(after.data, "portwall"))
		fail_msg("%s", after.data);
}

/* ---- refusals ---- */

#define FAKE "/run/fake"

/*
 * Tools in front of the real ones that count the batches they are given and refuse the one whose
 * number stands in FAKE/fail, some of them after a part of it.
 */
static void fake_tools(void)
{
	static const char script[] =
		"#!/bin/sh\n"
		"me=${0##*/}\n"
		"real() { PATH=${PATH#" FAKE ":} exec \"$me\" \"$@\"; }\n"
		"case $me in\n"
		"*-restore) ;;\n"
		"ipset) case \" $* \" in *' restore '*) ;; *) real \"$@\";; esac;;\n"
		"nft) case \" $* \" in *' -f '*) ;; *) real \"$@\";; esac;;\n"
		"esac\n"
		"read n <" FAKE "/count; n=$((n + 1))\n"
		"echo $n >" FAKE "/count\n"
		"read fail <" FAKE "/fail; read part <" FAKE "/part; read -r reason <" FAKE
		"/reason\n"
		"[ $n = $fail ] || real \"$@\"\n"
		"cat >" FAKE "/batch\n"
		"if [ $part = yes ]; then\n"
		"	case $me in\n"
		"	*-restore) [ $(grep -c ^COMMIT " FAKE
		"/batch) -lt 2 ] || sed '/^COMMIT/q' " FAKE "/batch | (real \"$@\");;\n"
		"	ipset) head -n $(($(wc -l <" FAKE "/batch) / 2)) " FAKE
		"/batch | (real \"$@\");;\n"
		"	esac\n"
		"fi\n"
		"echo \"$me: out of the blue: $reason\" >&2\n"
		"exit 1\n";
	static const char *const names[] = { "iptables-nft-restore", "ip6tables-nft-restore",
		"iptables-legacy-restore", "ip6tables-legacy-restore", "iptables-restore",
		"ip6tables-restore", "ipset", "nft" };

	mkdir(FAKE, 0755);
	for (size_t i = 0; i < N_OF(names); i++) {
		struct text text CLEANUP(text_done) = TEXT_INIT;
		char path[80];
		struct err err;

		text_add(&text, script);
		snprintf(path, sizeof(path), FAKE "/%s", names[i]);
		assert_true(text_save(&text, path, &err));
		chmod(path, 0755);
	}
}

static void set_fake(int fail, bool part, const char *reason)
{
	net_sh("cd " FAKE "; echo 0 >count; echo %d >fail; echo %s >part; echo '%s' >reason", fail,
		part ? "yes" : "no", reason);
}

static bool try_with_fakes(struct world *world, const char *yaml, struct err *err)
{
	bool is_done;

	setenv("PATH", FAKE ":/usr/sbin:/usr/bin:/sbin:/bin", 1);
	is_done = world_change(world, yaml, err);
	setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
	return is_done;
}

/* Tries from one version to another with each batch refused in turn; returns how many there are. */
static int refuse_each(struct world *world, size_t from, size_t to, bool part)
{
	struct text before CLEANUP(text_done) = TEXT_INIT;
	int n = 0;

	change_to(world, versions[from]);
	world_save(world, &before);
	for (;;) {
		struct text after CLEANUP(text_done) = TEXT_INIT;
		struct err err = { 0 };

		set_fake(n + 1, part, "No space left on device");
		if (try_with_fakes(world, versions[to], &err))
			return n;
		n++;
		if (!strstr(err.text, "out of the blue"))
			fail_msg("refused for another reason: %s", err.text);
		world_save(world, &after);
		if (strcmp(before.data, after.data) != 0) {
			print_message("# batch %d%s, %s\n# before:\n%s\n# after:\n%s\n", n,
				part ? " in part" : "", err.text, before.data, after.data);
			fail_msg("a refused batch left something");
		}
		assert_true(n < 100);
	}
}

static void a_refused_change_changes_nothing(struct world *world)
{
	fake_tools();
	for (size_t i = 1; i < N_OF(versions); i++) {
		int n = refuse_each(world, i - 1, i, i % 2);

		print_message("# from version %zu to %zu: %d batches refused\n", i - 1, i, n);
		assert_true(n > 0);
	}
	assert_true(refuse_each(world, 3, 6, true) > 2);
	assert_true(refuse_each(world, 6, 3, true) > 2);
}

static void a_refused_first_apply_leaves_a_bare_host(struct world *world)
{
	struct text before CLEANUP(text_done) = TEXT_INIT, after CLEANUP(text_done) = TEXT_INIT;
	struct err err = { 0 };
	int n = 0;

	fake_tools();
	/* with the tables that iptables makes by itself */
	net_sh("for t in iptables ip6tables; do for k in raw filter; do $t-%s -t $k -S >/run/x; done; "
	       "done",
		world->options.backend);
	world_save(world, &before);
	for (;; n++) {
		set_fake(n + 1, true, "Invalid argument");
		if (try_with_fakes(world, versions[2], &err))
			break;
		text_clear(&after);
		world_save(world, &after);
		if (strstr(after.data, "-A ") || strstr(after.data, "neutron") ||
			strstr(after.data, "create") || strstr(after.data, "portwall"))
			fail_msg("batch %d, %s:\n%s", n + 1, err.text, after.data);
	}
	assert_true(n > 2);
}

/* iptables is told so now and then where many write, and nothing is wrong. */
static void what_is_busy_once_is_tried_again(struct world *world)
{
	fake_tools();
	for (int n = 1; n <= 6; n++) {
		struct err err = { 0 };

		change_to(world, versions[2]);
		set_fake(n, false, "Device or resource busy");
		if (!try_with_fakes(world, versions[6], &err))
			fail_msg("batch %d: %s", n, err.text);
		assert_int_equal(world_apply_again(world), 0);
	}
}

/* ---- others ---- */

static void new_ports_are_closed_before_they_are_open(struct world *world)
{
	static const struct traffic_line flood[] = {
		{ "out", "C", "udp out > C:54" },
		{ "C", "out", "udp C > out:54" },
		{ "C", "out", "udp 10.0.0.20 > out:53" },
		{ "C", "out", "udp C6 > out6:54" },
		{ "out", "C", "tcp out6 > C6:54" },
		{ "C", "out", "vlan udp C > out" },
		{ "C", "out", "arp 10.0.0.20" },
		/* allowed */
		{ "out", "C", "udp out > C:53" },
	};

	for (int i = 0; i < 20; i++) {
		struct traffic_result results[N_OF(flood)];
		struct traffic *traffic;

		change_to(world, GROUPS GROUP("g", IN_DNS OUT_DNS) PORTS PORT_A("g") PORT_B("g"));
		traffic = traffic_start(world, flood, N_OF(flood), 20000);
		change_to(world, GROUPS GROUP("g", IN_DNS OUT_DNS) PORTS PORT_A("g") PORT_B("g")
					 PORT_C("g"));
		traffic_wait(traffic, 20);
		traffic_stop(traffic, results);
		for (size_t k = 0; k < N_OF(flood); k++) {
			const struct traffic_result *result = &results[k];

			/* before the first step nobody filters it; from the first drop on it is closed */
			if (k < N_OF(flood) - 1 &&
				(result->n_arrived == 0 || result->n_turns != 1 ||
					result->last_arrived > result->first_lost))
				fail_msg(
					"%s: %zu of %zu arrived, with %zu turns, the first lost is "
					"number %zu, the last arrived %zu",
					flood[k].text, result->n_arrived, result->n_sent,
					result->n_turns, result->first_lost, result->last_arrived);
		}
		assert_int_equal(
			results[N_OF(flood) - 1].last_arrived, results[N_OF(flood) - 1].n_sent - 1);
		assert_true(results[N_OF(flood) - 1].n_turns % 2 == 0);
	}
}

static uint64_t packets_of(const struct world *world, const char *rule_comment)
{
	uint64_t n = 0;

	for (size_t t = 0; t < world->view.found->n_tables; t++) {
		const struct table *table = &world->view.found->tables[t];

		for (size_t c = 0; c < table->n_chains; c++)
			for (size_t r = 0; r < table->chains[c].n_rules; r++) {
				const struct rule *rule = &table->chains[c].rules[r];

				if (rule->comment && strstr(rule->comment, rule_comment))
					n += rule->counters.packets;
			}
	}
	return n;
}

static void counters_survive_a_change_of_something_else(struct world *world)
{
	static const char dns[] =
		"  - {id: 11111111-1111-4111-8111-111111111111, direction: ingress, "
		"ethertype: IPv4, protocol: udp, port_range_min: 53, "
		"port_range_max: 53}\n";

	world_apply(world, GROUPS "- name: g\n  security_group_rules:\n%s" PORTS PORT_A("g"), dns);
	for (int i = 0; i < 7; i++)
		assert_true(world_shoot(world, "out", "A", "udp out > A:53"));
	for (int i = 0; i < 5; i++)
		assert_false(world_shoot(world, "A", "out", "arp 10.0.0.20"));
	/* a rule before it, one behind it, another port, another group's member */
	world_apply(world,
		GROUPS "- name: g\n  security_group_rules:\n" IN4(L4("tcp", "22")) "%s" IN4(
			L4("tcp", "23") FROM_GROUP("friends")) FRIENDS PORTS PORT_A("g")
			PORT_B("friends"),
		dns);
	assert_int_equal(packets_of(world, "11111111-1111-4111-8111-111111111111"), 7);
	assert_true(world_shoot(world, "out", "A", "udp out > A:53"));
	world_apply(world,
		GROUPS "- name: g\n  security_group_rules:\n" IN4(
			L4("tcp", "24")) "%s" PORTS PORT_A("g") PORT_C(""),
		dns);
	assert_int_equal(packets_of(world, "11111111-1111-4111-8111-111111111111"), 8);
}

static void two_at_once_take_turns(struct world *world)
{
	for (int i = 0; i < 10; i++) {
		pid_t children[2];
		size_t matches = 0;

		for (size_t k = 0; k < 2; k++) {
			fflush(NULL);
			children[k] = fork();
			if (children[k] == 0) {
				struct err err = { 0 };
				bool is_done = world_change(world, versions[3 + 3 * k], &err);

				if (!is_done)
					fprintf(stderr, "%s\n", err.text);
				_exit(!is_done);
			}
		}
		for (size_t k = 0; k < 2; k++) {
			int status;

			assert_int_equal(waitpid(children[k], &status, 0), children[k]);
			assert_int_equal(status, 0);
		}
		/* one of the two stands, whole */
		for (size_t k = 0; k < 2; k++) {
			struct arena *arena CLEANUP(arena_freep) = arena_new();
			struct agent_options look = world->options;
			const struct policy *policy;
			struct agent_report report;
			const char *yaml = versions[3 + 3 * k];
			struct err err = { 0 };

			look.dry_run = true;
			assert_true(policy_parse(
				arena, "test", yaml, strlen(yaml), "here", &policy, &err));
			assert_true(agent_apply(arena, policy, &look, &report, &err));
			matches += report.plan->n_steps == 0;
		}
		assert_int_equal(matches, 1);
	}
}

int main(void)
{
	static const struct world_case cases[] = {
		WORLD_CASE(five_tours_of_all_changes_lose_nothing_and_open_nothing,
			ON_SHARED | BY_NFT),
		WORLD_CASE(four_other_tours_lose_nothing_and_open_nothing, ON_SHARED | BY_NFT),
		WORLD_CASE(a_tour_of_all_changes_loses_nothing_and_opens_nothing,
			ON_SHARED | BY_LEGACY),
		WORLD_CASE(
			a_tour_of_all_changes_loses_nothing_and_opens_nothing, ON_HYBRID | BY_BOTH),
		WORLD_CASE(every_version_settles, ON_EVERY | BY_BOTH),
		WORLD_CASE(clear_leaves_the_host_as_it_was, ON_EVERY | BY_BOTH),
		WORLD_CASE(clear_of_an_empty_host_leaves_no_chain, ON_SHARED | BY_BOTH),
		WORLD_CASE(a_refused_change_changes_nothing, ON_SHARED | ON_HYBRID | BY_BOTH),
		WORLD_CASE(a_refused_first_apply_leaves_a_bare_host, ON_SHARED | BY_BOTH),
		WORLD_CASE(what_is_busy_once_is_tried_again, ON_SHARED | BY_BOTH),
		WORLD_CASE(
			new_ports_are_closed_before_they_are_open, ON_SHARED | ON_HYBRID | BY_BOTH),
		WORLD_CASE(counters_survive_a_change_of_something_else, ON_SHARED | BY_BOTH),
		WORLD_CASE(two_at_once_take_turns, ON_SHARED | BY_BOTH),
	};

	return world_main_beside(cases, N_OF(cases), 3);
}
