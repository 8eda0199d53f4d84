// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The kernel judges sets of packets. The evaluator is asked once about all packets that a router can be sent; then packets
 * are taken out of its answers, one for each rule that matched some, one for each that some passed by, and more until there are
 * 20 a chain, and are sent through the real thing (rulejudge.h). What the sets say of a packet must be what became of it: whether it
 * came out, and by how much every counter rose. The answers of those that arrived are held against sets, too. And asked about
 * one packet alone, the evaluator says the same.
 *
 * PORTWALL_SEED, PORTWALL_RULESETS, PORTWALL_RANDOM, PORTWALL_CASE: as in test_rulesets.c. Files of iptables are
 * loaded by iptables-nft; with PORTWALL_RULESETS by iptables-legacy, too.
 */
#include "unit.h"

#include <stdlib.h>

#include "rulejudge.h"

#define N_RANDOM 2

static size_t n_random = N_RANDOM;

static void every_chain_does_what_its_sets_say(void **state)
{
	const char *given = getenv("PORTWALL_RULESETS");

	(void)state;
	judging.is_short = !given;
	judge_folder(given ? given : getenv("RULESETS_DIR"));
	print_totals();
	assert_true(judge_total.chains > 0);
}

static void random_rulesets_do_what_their_sets_say(void **state)
{
	(void)state;
	judge_random("random", n_random, (struct random_iptables){ 0 });
}

static void members_of_random_ipsets_do_what_their_sets_say(void **state)
{
	(void)state;
	judge_random("sets", (n_random + 1) / 2, (struct random_iptables){ .has_sets = true });
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_chain_does_what_its_sets_say),
		cmocka_unit_test(random_rulesets_do_what_their_sets_say),
		cmocka_unit_test(members_of_random_ipsets_do_what_their_sets_say),
	};
	const char *only = getenv("PORTWALL_CASE"), *random = getenv("PORTWALL_RANDOM");

	if (!net_main())
		return 0;
	judging.seed = random_seeded_or(1).state;
	judging.n_packets = 0;
	judging.has_sets = true;
	if (random)
		n_random = strtoull(random, NULL, 10);
	if (only)
		cmocka_set_test_filter(only);
	return net_exit(cmocka_run_group_tests(tests, NULL, NULL));
}
