// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <string.h>

#include "base/arena.h"
#include "ruleset/plan.h"

static const struct plan_scope scope = {
	.chain_prefix = "neutron-openvswi-",
	.top_chain = "neutron-filter-top",
	.set_prefix = "N",
	.l2_table = "portwall",
};

static struct rule *add_rule(struct arena *arena, struct chain *chain, uint8_t proto)
{
	struct rule *rule = chain_add_rule(arena, chain);

	rule->matches = arena_new_one(arena, struct match);
	rule->n_matches = 1;
	rule->matches[0].kind = MATCH_PROTO;
	rule->matches[0].proto = proto;
	rule->target.kind = TARGET_RETURN;
	return rule;
}

/* 500 ports of 20 rules; port 250 has another rule when changed. */
static struct ruleset *many_ports(struct arena *arena, bool changed)
{
	struct ruleset *rs = ruleset_new(arena);
	struct table *table = ruleset_add_table(arena, rs, FAMILY_IPV4, "filter");

	for (size_t p = 0; p < 500; p++) {
		struct chain *chain = table_add_chain(
			arena, table, arena_printf(arena, "%si%010zu", scope.chain_prefix, p));

		for (uint8_t r = 0; r < 20; r++)
			add_rule(arena, chain, changed && p == 250 && r == 7 ? 99 : r)->counters =
				changed ? (struct counters){ 0 } : (struct counters){ r, r };
	}
	return rs;
}

static void one_changed_rule_of_many_is_two_lines(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	const struct plan *plan;
	struct err err;

	(void)state;
	assert_true(plan_make(
		arena, many_ports(arena, true), many_ports(arena, false), &scope, &plan, &err));
	assert_int_equal(plan->n_steps, 1);
	assert_string_equal(plan->steps[0].text,
		"*filter\n"
		"-D neutron-openvswi-i0000000250 8\n"
		"-I neutron-openvswi-i0000000250 8 -p 99 -j RETURN\n"
		"COMMIT\n");
	assert_string_equal(plan->steps[0].undo,
		"*filter\n"
		"-D neutron-openvswi-i0000000250 8\n"
		"[7:7] -I neutron-openvswi-i0000000250 8 -p 7 -j RETURN\n"
		"COMMIT\n");
	assert_int_equal(plan->n_changes, 2);
	assert_int_equal(plan->counts[FAMILY_IPV4].rules_added, 1);
	assert_int_equal(plan->counts[FAMILY_IPV4].rules_removed, 1);
}

static void equal_rulesets_need_no_step(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	const struct plan *plan;
	struct err err;

	(void)state;
	assert_true(plan_make(
		arena, many_ports(arena, false), many_ports(arena, false), &scope, &plan, &err));
	assert_int_equal(plan->n_steps, 0);
	assert_int_equal(plan->n_changes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_changed_rule_of_many_is_two_lines),
		cmocka_unit_test(equal_rulesets_need_no_step),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
