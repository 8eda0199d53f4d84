// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "both.h"
#include "kernel/kernel.h"
#include "net.h"
#include "paper.h"
#include "random_rulesets.h"

/*
 * Plans for random pairs of hosts, by the real tools: what they leave is read back and compared
 * with what was wanted, and after the undo with what was found, counters included. Which
 * texts the tools take is known only here; that the order of steps is right, tests/unit/test_plan.c
 * shows with packets.
 */

#define N_PAIRS "12"

static enum backend backend;

static int new_host(void **state)
{
	backend = strcmp(*state, "nft") ? BACKEND_LEGACY : BACKEND_NFT;
	return unshare(CLONE_NEWNET);
}

static void commit(uint64_t seed, const struct plan_step *steps, size_t n)
{
	const struct plan plan = { .steps = (struct plan_step *)steps, .n_steps = n };
	struct err err = { 0 };

	if (!kernel_plan_commit(&plan, backend, NULL, &err))
		fail_msg("seed %lu: %s", (unsigned long)seed, err.text);
}

static const struct ruleset *read_host(struct arena *arena)
{
	const struct ruleset *rs;
	struct err err;

	if (!kernel_ruleset_read(arena, backend, &rs, &err))
		fail_msg("%s", err.text);
	return rs;
}

static void load(uint64_t seed, const struct host_texts *texts)
{
	const struct plan_step steps[] = {
		{ TOOL_IPSET, texts->ipset.data, "", false },
		{ TOOL_IPTABLES, texts->rules[FAMILY_IPV4].data, "", true },
		{ TOOL_IP6TABLES, texts->rules[FAMILY_IPV6].data, "", true },
		{ TOOL_NFT, texts->nft.data, "", true },
	};

	commit(seed, steps, texts->nft.len ? 4 : 3);
}

static void check_same(uint64_t seed, const struct plan *plan, const struct ruleset *is,
	const struct ruleset *should, bool with_counters, const char *when)
{
	const char *where;

	if (paper_is_same(is, should, with_counters, &where))
		return;
	for (size_t i = 0; i < plan->n_steps; i++)
		printf("# step %zu, %s\n%s# undo\n%s", i, tool_name(plan->steps[i].tool),
			plan->steps[i].text, plan->steps[i].undo);
	fail_msg("seed %lu, %s: %s is not as it should be", (unsigned long)seed, when, where);
}

static void undo(uint64_t seed, const struct plan *plan, size_t n)
{
	while (n--) {
		struct plan_step back = plan->steps[n];

		back.text = back.undo;
		back.undo = "";
		commit(seed, &back, 1);
	}
}

static void check_pair(uint64_t seed, unsigned flags)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct prng prng = { seed };
	struct host_texts texts CLEANUP(host_texts_done) = HOST_TEXTS_INIT;
	struct host_texts new_texts CLEANUP(host_texts_done) = HOST_TEXTS_INIT;
	const struct ruleset *wanted, *found, *left;
	const struct plan *plan, *again;
	struct model model;
	struct err err;
	size_t part;

	assert_int_equal(unshare(CLONE_NEWNET), 0);
	model_fill(&model, &prng);
	model_print(&model, &prng, flags, &texts);
	load(seed, &texts);
	found = read_host(arena);
	model_change(&model, &prng);
	if (prng_one_in(&prng, 10))
		model.has_bridge = !model.has_bridge;
	model_print(&model, &prng, 0, &new_texts);
	wanted = host_texts_parse(arena, &new_texts);
	if (!plan_make(arena, wanted, found, &model_scope, &plan, &err))
		fail_msg("seed %lu: %s", (unsigned long)seed, err.text);
	part = prng_below(&prng, (uint32_t)plan->n_steps + 1);
	commit(seed, plan->steps, part);
	undo(seed, plan, part);
	check_same(seed, plan, read_host(arena), found, true, "undone half way");
	commit(seed, plan->steps, plan->n_steps);
	left = read_host(arena);
	check_same(seed, plan, left, paper_expected(arena, &model_scope, wanted, found), false,
		"applied");
	assert_true(plan_make(arena, wanted, left, &model_scope, &again, &err));
	assert_int_equal(again->n_steps, 0);
	undo(seed, plan, plan->n_steps);
	check_same(seed, plan, read_host(arena), found, true, "undone");
}

/* From nothing to everything and back: first apply and clear. */
static void check_round_trip(uint64_t seed, unsigned flags)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct prng prng = { seed };
	struct host_texts texts CLEANUP(host_texts_done) = HOST_TEXTS_INIT;
	const struct ruleset *empty, *full;
	const struct plan *plan;
	struct model model;
	struct err err;

	(void)flags;
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	model_fill(&model, &prng);
	model.has_bridge = true;
	model_print(&model, &prng, 0, &texts);
	full = host_texts_parse(arena, &texts);
	empty = read_host(arena);
	assert_true(plan_make(arena, full, empty, &model_scope, &plan, &err));
	commit(seed, plan->steps, plan->n_steps);
	check_same(seed, plan, read_host(arena), full, false, "applied first");
	assert_true(
		plan_make(arena, ruleset_new(arena), read_host(arena), &model_scope, &plan, &err));
	commit(seed, plan->steps, plan->n_steps);
	check_same(seed, plan, read_host(arena), empty, false, "cleared");
	undo(seed, plan, plan->n_steps);
	check_same(seed, plan, read_host(arena), full, false, "clearing undone");
}

static void for_random_pairs(void (*check)(uint64_t seed, unsigned flags), unsigned flags)
{
	const char *seed = getenv("PORTWALL_SEED"), *pairs = getenv("PAIRS");
	uint64_t n = seed ? 1 : strtoul(pairs ? pairs : N_PAIRS, NULL, 10);

	for (uint64_t i = 0; i < n; i++)
		check(seed ? strtoul(seed, NULL, 10) : 100000 * flags + i, flags);
}

static void what_was_found_becomes_what_is_wanted_and_back(void **state)
{
	(void)state;
	for_random_pairs(check_pair, HOST_COUNTERS | HOST_FOREIGN);
	for_random_pairs(check_pair, HOST_COUNTERS | HOST_FOREIGN | HOST_DIRTY);
}

static void what_a_killed_run_leaves_is_mended(void **state)
{
	(void)state;
	for_random_pairs(check_pair, HOST_COUNTERS | HOST_TWINS);
}

static void an_empty_host_is_filled_and_cleared(void **state)
{
	(void)state;
	for_random_pairs(check_round_trip, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BY_BOTH_VARIANTS(what_was_found_becomes_what_is_wanted_and_back, new_host),
		BY_BOTH_VARIANTS(what_a_killed_run_leaves_is_mended, new_host),
		BY_BOTH_VARIANTS(an_empty_host_is_filled_and_cleared, new_host),
	};

	if (!net_main())
		return 0;
	return net_exit(cmocka_run_group_tests_name("plan", tests, NULL, NULL));
}
