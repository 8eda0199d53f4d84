// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The kernel judges the evaluator. A ruleset is loaded into a router (netrouter.h), packets at the
 * boundaries of its rules are sent through it, and two things are held against the evaluator's
 * prediction: which packets came out, and by how much the counter of every rule and of every
 * policy rose. Packets go in batches; a batch that disagrees is sent again one by one.
 *
 * PORTWALL_SEED=N repeats a run; PORTWALL_PACKETS=N: so many packets a ruleset; PORTWALL_RULESETS=DIR:
 * every file there, instead of those of tests/netns/rulesets; PORTWALL_RANDOM=N: so many rulesets by chance
 * (of sets and of fragments a fifth); PORTWALL_CASE=PATTERN: the cases of such names.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "rulejudge.h"

#define N_RANDOM 50 /* rulesets by chance */

static size_t n_random = N_RANDOM;

static void random_rulesets_are_counted_alike(void **state)
{
	(void)state;
	judge_random("random", n_random, (struct random_iptables){ 0 });
}

static void members_of_random_sets_are_counted_alike(void **state)
{
	(void)state;
	judge_random("sets", (n_random + 4) / 5, (struct random_iptables){ .has_sets = true });
}

/* Without conntrack nobody puts them together. */
static void fragments_are_counted_alike(void **state)
{
	(void)state;
	judge_random(
		"stateless", (n_random + 4) / 5, (struct random_iptables){ .is_stateless = true });
}

/* ---- single cases ---- */

/* NAT's helper drops what it cannot read, and no rule says so. */
static void a_helper_finds_nothing_wrong_in_what_is_sent(void **state)
{
	static const char text[] =
		"*raw\n"
		":PREROUTING ACCEPT [0:0]\n"
		"-A PREROUTING -p udp -m udp --dport 161 -j CT --helper snmp\n"
		"COMMIT\n"
		"*nat\n"
		":POSTROUTING ACCEPT [0:0]\n"
		"-A POSTROUTING -o eth1 -p udp -m udp --dport 161 -j MASQUERADE\n"
		"COMMIT\n";

	(void)state;
	memset(&judge_total, 0, sizeof(judge_total));
	judge_ruleset(&(struct subject){ "snmp", text, NULL, BY_IPTABLES_NFT, FAMILY_IPV4, false });
	print_totals();
	assert_int_equal(judge_total.unloadable, 0);
}

static void the_way_back_is_as_the_routes_say(void **state)
{
	static const char text[] =
		"table inet t {\n"
		"	chain pre {\n"
		"		type filter hook prerouting priority raw;\n"
		"		fib saddr . iif oif exists counter\n"
		"		fib saddr . iif oif missing counter\n"
		"		fib saddr . mark . iif oif missing counter\n"
		"		fib daddr type local counter\n"
		"		fib daddr . iif type local counter\n"
		"		fib daddr . iif type != local counter\n"
		"		fib saddr type local counter\n"
		"		fib saddr . iif oif missing meta l4proto udp drop\n"
		"	}\n"
		"	chain in {\n"
		"		type filter hook input priority filter;\n"
		"		fib saddr . iif oif missing counter\n"
		"		fib daddr . iif type local counter\n"
		"	}\n"
		"}\n"
		/* of IPv6 a type is that of a route, which is looked up with the other address */
		"table ip t {\n"
		"	chain pre {\n"
		"		type filter hook prerouting priority mangle;\n"
		"		fib saddr type { local, unicast } counter\n"
		"		fib saddr type { blackhole, unreachable } counter\n"
		"		fib daddr . iif type unicast counter\n"
		"	}\n"
		"}\n";

	(void)state;
	memset(&judge_total, 0, sizeof(judge_total));
	judge_nft("fib", text);
	print_totals();
	assert_int_equal(judge_total.rulesets, 2);
	assert_int_equal(judge_total.unsure, judge_total.beyond);
}

static void the_kernel_counts_what_the_evaluator_says(void **state)
{
	const char *given = getenv("PORTWALL_RULESETS");

	(void)state;
	judge_folder(given ? given : getenv("RULESETS_DIR"));
	print_totals();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_kernel_counts_what_the_evaluator_says),
		cmocka_unit_test(random_rulesets_are_counted_alike),
		cmocka_unit_test(members_of_random_sets_are_counted_alike),
		cmocka_unit_test(fragments_are_counted_alike),
		cmocka_unit_test(a_helper_finds_nothing_wrong_in_what_is_sent),
		cmocka_unit_test(the_way_back_is_as_the_routes_say),
	};
	const char *only = getenv("PORTWALL_CASE"), *more = getenv("PORTWALL_PACKETS"),
		   *random = getenv("PORTWALL_RANDOM");

	if (!net_main())
		return 0;
	/* the same for everybody until it is said otherwise: PORTWALL_SEED=$(date +%s) tries others */
	judging.seed = random_seeded_or(1).state;
	if (more)
		judging.n_packets = strtoull(more, NULL, 10);
	if (random)
		n_random = strtoull(random, NULL, 10);
	if (only)
		cmocka_set_test_filter(only);
	return net_exit(cmocka_run_group_tests(tests, NULL, NULL));
}
