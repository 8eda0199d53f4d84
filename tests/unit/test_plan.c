// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "paper.h"
#include "random_rulesets.h"
#include "ruleset/eval.h"
#include "ruleset/plan.h"

#define scope model_scope

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

/* ---- single cases, as texts */

#define FILTER "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
#define P      "neutron-openvswi-"
#define TOP    "neutron-filter-top"
/* One port whose ingress rule looks into one set. */
#define PORT                                                                                       \
	FILTER ":" P "i11111111-1 - [0:0]\n"                                                       \
	       "-A " P "i11111111-1 -m set --match-set NIPv4a src -j RETURN\n"                     \
	       "-A " P "i11111111-1 -j DROP\nCOMMIT\n"
#define CREATE "create NIPv4a hash:net family inet maxelem 65536\n"

static struct ruleset *parse(
	struct arena *arena, const char *rules, const char *sets, const char *nft)
{
	struct ruleset *rs = ruleset_new(arena);
	struct err err;

	if (!ruleset_parse_iptables(arena, rs, FAMILY_IPV4, "rules", rules, &err) ||
		!ruleset_parse_ipset(arena, rs, "sets", sets, &err) ||
		!ruleset_parse_nft(arena, rs, "nft", nft, &err))
		fail_msg("%s", err.text);
	return rs;
}

static const struct plan *plan_of(
	struct arena *arena, const struct ruleset *wanted, const struct ruleset *found)
{
	const struct plan *plan;
	struct err err;

	if (!plan_make(arena, wanted, found, &scope, &plan, &err))
		fail_msg("%s", err.text);
	return plan;
}

/* texts: NULL at the end. */
static void assert_steps(const struct plan *plan, const char *const *texts)
{
	size_t i = 0;

	for (; texts[i] && i < plan->n_steps; i++)
		assert_string_equal(plan->steps[i].text, texts[i]);
	assert_null(texts[i]);
	assert_int_equal(plan->n_steps, i);
}

static void a_set_that_only_grows_is_added_to(void **state)
{
	static const char *const texts[] = { "add NIPv4a 10.0.0.2\n", NULL };
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	const struct plan *plan = plan_of(arena,
		parse(arena, PORT, CREATE "add NIPv4a 10.0.0.1\nadd NIPv4a 10.0.0.2\n", ""),
		parse(arena, PORT, CREATE "add NIPv4a 10.0.0.1\n", ""));

	(void)state;
	assert_steps(plan, texts);
	assert_true(plan->steps[0].is_atomic);
	assert_string_equal(plan->steps[0].undo, "del NIPv4a 10.0.0.2 -exist\n");
	assert_int_equal(plan->counts[FAMILY_IPV4].members_added, 1);
	assert_string_equal(plan->changes[0].chain, "NIPv4a");
	assert_string_equal(plan->changes[0].words, "10.0.0.2");
}

static void a_set_that_changes_both_ways_is_swapped(void **state)
{
	static const char *const texts[] = {
		"create NIPv4a-n hash:net family inet maxelem 65536\nadd NIPv4a-n 10.0.0.2\n",
		"swap NIPv4a-n NIPv4a\n", "destroy NIPv4a-n\n", NULL
	};
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	const struct plan *plan =
		plan_of(arena, parse(arena, PORT, CREATE "add NIPv4a 10.0.0.2\n", ""),
			parse(arena, PORT, CREATE "add NIPv4a 10.0.0.1\n", ""));

	(void)state;
	assert_steps(plan, texts);
	assert_false(plan->steps[0].is_atomic);
	assert_true(plan->steps[1].is_atomic);
	assert_string_equal(plan->steps[2].undo,
		"create NIPv4a-n hash:net family inet maxelem 65536 -exist\n"
		"add NIPv4a-n 10.0.0.1 -exist\n");
}

static void a_set_that_is_too_small_is_swapped_for_a_larger_one(void **state)
{
	static const char *const texts[] = {
		"create NIPv4a-n hash:net family inet maxelem 65536\nadd NIPv4a-n 10.0.0.1\n"
		"add NIPv4a-n 10.0.0.2\n",
		"swap NIPv4a-n NIPv4a\n", "destroy NIPv4a-n\n", NULL
	};
	struct arena *arena CLEANUP(arena_freep) = arena_new();

	(void)state;
	assert_steps(
		plan_of(arena,
			parse(arena, PORT, CREATE "add NIPv4a 10.0.0.1\nadd NIPv4a 10.0.0.2\n", ""),
			parse(arena, PORT,
				"create NIPv4a hash:net family inet maxelem 1\n"
				"add NIPv4a 10.0.0.1\n",
				"")),
		texts);
}

static void the_two_halves_of_everything_are_everything(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct ruleset *wanted = parse(arena, PORT, CREATE "add NIPv4a 10.0.0.1\n", "");
	struct ruleset *found =
		parse(arena, PORT, CREATE "add NIPv4a 0.0.0.0/1\nadd NIPv4a 128.0.0.0/1\n", "");

	(void)state;
	assert_true(prefix_parse("0.0.0.0/0", &wanted->sets[0].elements[0].prefix));
	assert_int_equal(plan_of(arena, wanted, found)->n_steps, 0);
}

static void assert_refused(const struct ruleset *wanted, const struct ruleset *found,
	struct arena *arena, enum err_kind kind, const char *word)
{
	const struct plan *plan = NULL;
	struct err err;

	assert_false(plan_make(arena, wanted, found, &scope, &plan, &err));
	assert_int_equal(err.kind, kind);
	if (!strstr(err.text, word))
		fail_msg("\"%s\" does not say \"%s\"", err.text, word);
	assert_null(plan);
}

static void a_set_of_another_type_is_named(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct ruleset *wanted = parse(arena, PORT, CREATE, "");

	(void)state;
	assert_refused(wanted,
		parse(arena, "", "create NIPv4a hash:ip family inet maxelem 65536\n", ""), arena,
		ERR_CONFLICT, "hash:ip");
	assert_refused(wanted,
		parse(arena, "", "create NIPv4a hash:net family inet6 maxelem 65536\n", ""), arena,
		ERR_CONFLICT, "IPv6");
}

static void a_foreign_rule_that_holds_a_chain_is_named(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct ruleset *found = parse(arena,
		FILTER ":DOCKER - [0:0]\n:" P "local - [0:0]\n-A DOCKER -p tcp -j ACCEPT\n"
		       "-A DOCKER -j " P "local\nCOMMIT\n",
		"", "");

	(void)state;
	assert_refused(ruleset_new(arena), found, arena, ERR_CONFLICT, "rule 2 of chain DOCKER");
}

static void the_top_chain_stays_for_those_who_use_it(void **state)
{
	static const char *const texts[] = {
		"*filter\n-D FORWARD 2\n-D " TOP " 1\n-F " P "local\n-X " P "local\nCOMMIT\n", NULL
	};
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct ruleset *found = parse(arena,
		FILTER ":" TOP " - [0:0]\n:" P "local - [0:0]\n:other-local - [0:0]\n"
		       "-A FORWARD -j " TOP "\n-A FORWARD -j " P "local\n"
		       "-A " TOP " -j " P "local\n-A " TOP " -j other-local\nCOMMIT\n",
		"", "");

	(void)state;
	assert_steps(plan_of(arena, ruleset_new(arena), found), texts);
}

static void ours_come_first_and_foreign_rules_stay(void **state)
{
	static const char *const texts[] = { "*filter\n-I INPUT 1 -j " P "local\n-D INPUT 3\n"
					     "COMMIT\n",
		NULL };
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	const struct plan *plan = plan_of(arena,
		parse(arena, FILTER ":" P "local - [0:0]\n-A INPUT -j " P "local\nCOMMIT\n", "",
			""),
		parse(arena,
			FILTER ":" P "local - [0:0]\n-A INPUT -i lo -j ACCEPT\n"
			       "[5:50] -A INPUT -j " P "local\n-A INPUT -p tcp -j DROP\nCOMMIT\n",
			"", ""));

	(void)state;
	assert_steps(plan, texts);
	assert_string_equal(plan->steps[0].undo,
		"*filter\n-D INPUT 1\n[5:50] -I INPUT 2 -j " P "local\nCOMMIT\n");
}

static void texts_that_would_be_commands_are_refused(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct ruleset *wanted = parse(arena, PORT, CREATE, ""), *found = ruleset_new(arena);
	struct rule *rule = &wanted->tables[0].chains[3].rules[0];
	struct ruleset *frames = parse(arena, "", "",
		"table bridge portwall {\n\tchain c {\n\t\tdrop comment \"x\"\n\t}\n}\n");

	(void)state;
	rule->comment = "x\n-F INPUT";
	assert_refused(wanted, found, arena, ERR_INPUT, "line break");
	frames->tables[0].chains[0].rules[0].comment = "x\"; flush ruleset; #";
	assert_refused(frames, found, arena, ERR_INPUT, "quote");
	frames->tables[0].chains[0].rules[0].comment = "x";
	frames->tables[0].chains[0].name = "c; flush ruleset";
	assert_refused(frames, found, arena, ERR_INPUT, "chain c;");
}

static void a_bridge_table_with_something_foreign_is_made_again(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	static const char map[] = "\tmap from-port {\n\t\ttype ifname : verdict\n\t}\n\n";
	const struct plan *plan = plan_of(arena,
		parse(arena, "", "", arena_printf(arena, "table bridge portwall {\n%s}\n", map)),
		parse(arena, "", "",
			arena_printf(arena,
				"table bridge portwall {\n%s\tchain x {\n\t\ttype filter hook "
				"input priority 0; policy accept;\n\t}\n}\n",
				map)));

	(void)state;
	assert_int_equal(plan->n_steps, 1);
	assert_string_equal(plan->steps[0].text,
		"delete table bridge portwall\nadd table bridge portwall\n"
		"add map bridge portwall from-port { type ifname : verdict; }\n");
	assert_non_null(strstr(plan->steps[0].undo, "hook input"));
}

/* ---- random pairs */

struct pair {
	uint64_t seed;
	unsigned flags;
	struct model old, new;
	struct ruleset *found, *wanted;
	const struct plan *plan;
};

static void print_pair(const struct pair *pair)
{
	printf("# seed %lu flags %u\n", (unsigned long)pair->seed, pair->flags);
	for (size_t i = 0; i < pair->plan->n_steps; i++)
		printf("# step %zu, %s\n%s# undo\n%s", i, tool_name(pair->plan->steps[i].tool),
			pair->plan->steps[i].text, pair->plan->steps[i].undo);
}

static void make_pair(struct arena *arena, struct pair *pair)
{
	struct prng prng = { pair->seed };
	struct host_texts old = HOST_TEXTS_INIT, new = HOST_TEXTS_INIT;
	struct err err;

	model_fill(&pair->old, &prng);
	pair->new = pair->old;
	model_change(&pair->new, &prng);
	if (prng_one_in(&prng, 10))
		pair->new.has_bridge = !pair->new.has_bridge;
	model_print(&pair->old, &prng, pair->flags, &old);
	model_print(&pair->new, &prng, 0, &new);
	pair->found = host_texts_parse(arena, &old);
	pair->wanted = host_texts_parse(arena, &new);
	host_texts_done(&old);
	host_texts_done(&new);
	if (!plan_make(arena, pair->wanted, pair->found, &scope, &pair->plan, &err))
		fail_msg("seed %lu: %s", (unsigned long)pair->seed, err.text);
}

static void check_same(const struct pair *pair, const struct ruleset *is,
	const struct ruleset *should, bool with_counters, const char *when)
{
	const char *where;

	if (paper_is_same(is, should, with_counters, &where))
		return;
	print_pair(pair);
	fail_msg("seed %lu, %s: %s is not as it should be", (unsigned long)pair->seed, when, where);
}

static void undo_from(struct arena *arena, const struct pair *pair, struct ruleset *rs, size_t n)
{
	while (n--)
		paper_run(
			arena, rs, pair->plan->steps[n].tool, pair->plan->steps[n].undo, SIZE_MAX);
}

/* Refused at every step, and within every step that may be refused half way. */
static void check_undo(struct arena *arena, const struct pair *pair)
{
	struct ruleset *before = paper_clone(arena, pair->found);

	for (size_t i = 0; i < pair->plan->n_steps; i++) {
		const struct plan_step *step = &pair->plan->steps[i];
		size_t n_lines = step->is_atomic ? 0 : paper_n_lines(step->text);
		struct ruleset *rs = paper_clone(arena, before);

		undo_from(arena, pair, rs, i);
		check_same(pair, rs, pair->found, !(pair->flags & HOST_TWINS), "undone");
		for (size_t n = 0; n < n_lines; n++) {
			rs = paper_clone(arena, before);
			paper_run(arena, rs, step->tool, step->text, n);
			paper_run(arena, rs, step->tool, step->undo, SIZE_MAX);
			check_same(pair, rs, before, true, "undone from the middle of a step");
		}
		paper_run(arena, before, step->tool, step->text, SIZE_MAX);
	}
	undo_from(arena, pair, before, pair->plan->n_steps);
	check_same(pair, before, pair->found, true, "undone");
}

/* PAIRS=2000 looks further; PORTWALL_SEED=N is one pair again, as a failure names it. */
#define N_PAIRS "100"

static void for_random_pairs(void (*check)(struct arena *arena, struct pair *pair), unsigned flags)
{
	const char *seed = getenv("PORTWALL_SEED"), *pairs = getenv("PAIRS");
	uint64_t n = seed ? 1 : strtoul(pairs ? pairs : N_PAIRS, NULL, 10);

	for (uint64_t i = 0; i < n; i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct pair pair = {
			.seed = seed ? strtoul(seed, NULL, 10) : 100000 * flags + i,
			.flags = flags,
		};

		make_pair(arena, &pair);
		check(arena, &pair);
	}
}

static void check_arrival(struct arena *arena, struct pair *pair)
{
	struct ruleset *rs = paper_clone(arena, pair->found);
	const struct plan *again;
	struct err err;

	for (size_t i = 0; i < pair->plan->n_steps; i++)
		paper_run(
			arena, rs, pair->plan->steps[i].tool, pair->plan->steps[i].text, SIZE_MAX);
	check_same(pair, rs, paper_expected(arena, &scope, pair->wanted, pair->found), false,
		"applied");
	assert_true(plan_make(arena, pair->wanted, rs, &scope, &again, &err));
	assert_int_equal(again->n_steps, 0);
	assert_int_equal(again->n_changes, 0);
	assert_true(pair->plan->n_steps == 0 || pair->plan->n_changes > 0);
}

static const unsigned all_flags[] = { 0, HOST_COUNTERS, HOST_COUNTERS | HOST_FOREIGN,
	HOST_COUNTERS | HOST_FOREIGN | HOST_DIRTY, HOST_COUNTERS | HOST_TWINS };

static void what_was_found_becomes_what_is_wanted(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_OF(all_flags); i++)
		for_random_pairs(check_arrival, all_flags[i]);
}

static void check_way_back(struct arena *arena, struct pair *pair)
{
	check_undo(arena, pair);
}

static void every_refusal_leads_back_to_what_was_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_OF(all_flags); i++)
		for_random_pairs(check_way_back, all_flags[i]);
}

/* ---- the promise of plan.c */

static bool passes_hook(const struct ruleset *rs, const struct table *table, const char *hook,
	const struct packet *packet)
{
	const struct chain *chain = table ? table_chain(table, hook) : NULL;
	enum verdict verdict;

	if (!chain)
		return true;
	verdict = ruleset_eval(rs, table, chain, packet, NULL, NULL).verdict;
	assert_int_not_equal(verdict, VERDICT_CANNOT_TELL);
	return verdict == VERDICT_ACCEPT;
}

/* A frame from one port of a bridge to another, through all that looks at it. */
static bool passes(const struct ruleset *rs, const struct packet *packet)
{
	enum family family = packet->ethertype == ETHERTYPE_IPV6 ? FAMILY_IPV6 : FAMILY_IPV4;
	const struct table *bridge = ruleset_table(rs, FAMILY_BRIDGE, scope.l2_table);
	struct packet frame = *packet;

	frame.in_iface = packet->physdev_in;
	frame.out_iface = packet->physdev_out;
	return passes_hook(rs, bridge, "prerouting", &frame) &&
	       passes_hook(rs, bridge, "forward", &frame) &&
	       passes_hook(rs, ruleset_table(rs, family, "filter"), "FORWARD", packet);
}

#define N_PACKETS 60

struct promise {
	struct packet packet;
	bool is_lost_forbidden, is_passing_forbidden;
};

static bool comes_or_goes(const struct pair *pair, const char *iface)
{
	int port = model_port_of(iface);

	return port >= 0 && pair->old.ports[port].is_present != pair->new.ports[port].is_present;
}

static void make_promises(const struct pair *pair, struct promise *promises)
{
	struct prng prng = { ~pair->seed };

	for (size_t i = 0; i < N_PACKETS; i++) {
		struct packet packet = model_packet(&prng);
		bool old = passes(pair->found, &packet), new = passes(pair->wanted, &packet);

		promises[i] = (struct promise){ .packet = packet,
			.is_passing_forbidden = !old && !new,
			.is_lost_forbidden = old &&new && !comes_or_goes(pair, packet.physdev_in) &&
					     !comes_or_goes(pair, packet.physdev_out) };
	}
}

static void check_moment(const struct pair *pair, const struct ruleset *rs,
	const struct promise *promises, size_t step)
{
	for (size_t i = 0; i < N_PACKETS; i++) {
		const struct promise *promise = &promises[i];
		struct text text CLEANUP(text_done) = TEXT_INIT;
		bool pass;

		if (!promise->is_lost_forbidden && !promise->is_passing_forbidden)
			continue;
		pass = passes(rs, &promise->packet);
		if (pass ? !promise->is_passing_forbidden : !promise->is_lost_forbidden)
			continue;
		print_pair(pair);
		packet_print(&text, &promise->packet);
		fail_msg("seed %lu, in step %zu: %s %s", (unsigned long)pair->seed, step, text.data,
			pass ? "passes, and both versions drop it"
			     : "is lost, and both versions allow it");
	}
}

/* After every step, and after every command of those that are not one moment. */
static void check_promise(struct arena *arena, struct pair *pair)
{
	struct promise promises[N_PACKETS];
	struct ruleset *rs = paper_clone(arena, pair->found);

	make_promises(pair, promises);
	for (size_t i = 0; i < pair->plan->n_steps; i++) {
		const struct plan_step *step = &pair->plan->steps[i];
		size_t n_lines = paper_n_lines(step->text);

		for (size_t n = 1; step->tool == TOOL_IPSET && n < n_lines; n++) {
			struct ruleset *part = paper_clone(arena, rs);

			paper_run(arena, part, step->tool, step->text, n);
			check_moment(pair, part, promises, i);
		}
		paper_run(arena, rs, step->tool, step->text, SIZE_MAX);
		check_moment(pair, rs, promises, i);
	}
}

static void no_packet_passes_or_is_lost_against_both_versions(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_OF(all_flags); i++)
		for_random_pairs(check_promise, all_flags[i]);
}

/* Without the random pairs hitting every way of plan_sets.c, they would prove little. */
static void random_pairs_go_all_ways(void **state)
{
	size_t n_twins = 0, n_swaps = 0, n_edits = 0, n_closings = 0;

	(void)state;
	for (uint64_t seed = 0; seed < 300; seed++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct pair pair = { .seed = seed };

		make_pair(arena, &pair);
		for (size_t i = 0; i < pair.plan->n_steps; i++) {
			const char *text = pair.plan->steps[i].text;

			n_twins += strstr(text, "--match-set") && strstr(text, "--n ");
			n_swaps += strstr(text, "swap ") != NULL;
			n_edits += text_has_prefix(text, "add N") || text_has_prefix(text, "del N");
			n_closings += strstr(text, ": drop") != NULL;
		}
	}
	printf("# steps with twins %zu, swaps %zu, edits of sets %zu, closings %zu\n", n_twins,
		n_swaps, n_edits, n_closings);
	assert_true(n_twins > 5 && n_swaps > 5 && n_edits > 5 && n_closings > 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_changed_rule_of_many_is_two_lines),
		cmocka_unit_test(equal_rulesets_need_no_step),
		cmocka_unit_test(a_set_that_only_grows_is_added_to),
		cmocka_unit_test(a_set_that_changes_both_ways_is_swapped),
		cmocka_unit_test(a_set_that_is_too_small_is_swapped_for_a_larger_one),
		cmocka_unit_test(the_two_halves_of_everything_are_everything),
		cmocka_unit_test(a_set_of_another_type_is_named),
		cmocka_unit_test(a_foreign_rule_that_holds_a_chain_is_named),
		cmocka_unit_test(the_top_chain_stays_for_those_who_use_it),
		cmocka_unit_test(ours_come_first_and_foreign_rules_stay),
		cmocka_unit_test(texts_that_would_be_commands_are_refused),
		cmocka_unit_test(a_bridge_table_with_something_foreign_is_made_again),
		cmocka_unit_test(what_was_found_becomes_what_is_wanted),
		cmocka_unit_test(every_refusal_leads_back_to_what_was_found),
		cmocka_unit_test(no_packet_passes_or_is_lost_against_both_versions),
		cmocka_unit_test(random_pairs_go_all_ways),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
