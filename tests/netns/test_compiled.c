// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What we compile, given to the real tools: they must take all of it and print back the same, in
 * both variants of iptables. A rule that comes back in another spelling would be taken out and put
 * in again by every pass.
 */
#include "unit.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden.h"
#include "kernel/kernel.h"
#include "net.h"
#include "ruleset_text.h"

static enum backend backend;

static int new_host(void **state)
{
	backend = *(enum backend *)*state;
	return unshare(CLONE_NEWNET);
}

/* "iptables" and "restore" to "iptables-nft-restore" */
static const char *tool_of(struct arena *arena, const char *program, const char *action)
{
	return arena_printf(arena, "%s-%s-%s", program, backend_name(backend), action);
}

static void give(const char *input, const char *program, const char *arg, const char *more)
{
	const char *argv[] = { program, arg, more, NULL };
	struct text said CLEANUP(text_done) = TEXT_INIT;

	if (!net_try(input, &said, argv))
		fail_msg("%s: %s", program, said.data);
	assert_string_equal(said.data, "");
}

static const char *const programs[N_IP_FAMILIES] = { "iptables", "ip6tables" };

/* Everything to the tools in whole files, sets first, because rules name them. */
static void give_all(struct arena *arena, const struct ruleset *rs)
{
	struct text sets CLEANUP(text_done) = TEXT_INIT, nft CLEANUP(text_done) = TEXT_INIT;

	ruleset_text_ipset(&sets, rs);
	give(sets.data, "ipset", "restore", NULL);
	for (enum family f = FAMILY_IPV4; f < N_IP_FAMILIES; f++) {
		struct text rules CLEANUP(text_done) = TEXT_INIT;

		ruleset_text_iptables(&rules, rs, f);
		give(rules.data, tool_of(arena, programs[f], "restore"), NULL, NULL);
	}
	ruleset_text_nft(&nft, rs);
	give(nft.data, "nft", "-f", "-");
}

static const struct ruleset *read_all(struct arena *arena)
{
	const struct ruleset *found = NULL;
	struct err err = { 0 };

	if (!kernel_ruleset_read(arena, backend, &found, &err))
		fail_msg("%s", err.text);
	return found;
}

static void assert_same_text(
	const char *golden, const char *what, const char *wanted, const char *found)
{
	size_t at = 0, from = 0;

	while (wanted[at] && wanted[at] == found[at])
		if (wanted[at++] == '\n')
			from = at;
	if (wanted[at] != found[at])
		fail_msg("%s: %s:\n  we wrote    %.*s\n  came back   %.*s", golden, what,
			(int)strcspn(wanted + from, "\n"), wanted + from,
			(int)strcspn(found + from, "\n"), found + from);
}

static void assert_came_back(
	const char *golden, const struct ruleset *wanted, const struct ruleset *found)
{
	struct text texts[2][4] = { { TEXT_INIT, TEXT_INIT, TEXT_INIT, TEXT_INIT },
		{ TEXT_INIT, TEXT_INIT, TEXT_INIT, TEXT_INIT } };
	static const char *const what[] = { "iptables", "ip6tables", "ipset", "nft" };

	for (size_t side = 0; side < 2; side++) {
		const struct ruleset *rs = side ? found : wanted;

		ruleset_text_iptables(&texts[side][0], rs, FAMILY_IPV4);
		ruleset_text_iptables(&texts[side][1], rs, FAMILY_IPV6);
		ruleset_text_ipset(&texts[side][2], rs);
		ruleset_text_nft(&texts[side][3], rs);
	}
	for (size_t i = 0; i < N_OF(what); i++)
		assert_same_text(golden, what[i], texts[0][i].data, texts[1][i].data);
	for (size_t side = 0; side < 2; side++)
		for (size_t i = 0; i < N_OF(what); i++)
			text_done(&texts[side][i]);
}

/* A second pass finds nothing to do. */
static const struct plan *plan_of(struct arena *arena, const char *golden,
	const struct ruleset *wanted, const struct ruleset *found)
{
	const struct plan *plan = NULL;
	struct err err = { 0 };

	if (!plan_make(arena, wanted, found, &compile_default_scope, &plan, &err))
		fail_msg("%s: %s", golden, err.text);
	return plan;
}

static void assert_settled(struct arena *arena, const char *golden, const struct ruleset *wanted)
{
	const struct plan *plan = plan_of(arena, golden, wanted, read_all(arena));

	if (plan->n_steps)
		fail_msg("%s: another pass would do:\n%s", golden, plan->steps[0].text);
}

static void the_tools_print_back_what_we_wrote(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_goldens; i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		const struct golden *golden = &goldens[i];
		const struct ruleset *wanted =
			golden_compile(arena, golden, golden_policy(arena, golden));

		assert_int_equal(unshare(CLONE_NEWNET), 0);
		give_all(arena, wanted);
		assert_came_back(golden->name, wanted, read_all(arena));
		assert_settled(arena, golden->name, wanted);
	}
}

/* From an empty host, and from each golden to the next: by plans, as the product does it. */
static void a_plan_leads_to_what_we_compiled(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_goldens; i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		const struct golden *golden = &goldens[i];
		const struct ruleset *wanted =
			golden_compile(arena, golden, golden_policy(arena, golden));
		struct err err = { 0 };

		if (!kernel_plan_commit(plan_of(arena, golden->name, wanted, read_all(arena)),
			    backend, NULL, &err))
			fail_msg("%s: %s", golden->name, err.text);
		assert_settled(arena, golden->name, wanted);
	}
}

/* D16. Docker, libvirt and people insert at the top. */
static void a_rule_in_front_of_our_jumps_is_behind_them_after_a_pass(void **state)
{
	static const struct {
		const char *table, *chain;
	} places[] = { { "filter", "INPUT" }, { "filter", "FORWARD" }, { "filter", "OUTPUT" },
		{ "raw", "PREROUTING" }, { "raw", "OUTPUT" } };
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	const struct ruleset *wanted =
		golden_compile(arena, &goldens[0], golden_policy(arena, &goldens[0]));
	const struct ruleset *found;
	struct err err = { 0 };

	(void)state;
	give_all(arena, wanted);
	for (size_t i = 0; i < N_OF(places); i++)
		for (enum family f = FAMILY_IPV4; f < N_IP_FAMILIES; f++)
			net_sh("%s-%s -t %s -I %s 1 -p tcp -j ACCEPT", programs[f],
				backend_name(backend), places[i].table, places[i].chain);
	if (!kernel_plan_commit(
		    plan_of(arena, "front", wanted, read_all(arena)), backend, NULL, &err))
		fail_msg("%s", err.text);
	found = read_all(arena);
	for (size_t i = 0; i < N_OF(places); i++)
		for (enum family f = FAMILY_IPV4; f < N_IP_FAMILIES; f++) {
			const struct chain *ours = table_chain(
				ruleset_table(wanted, f, places[i].table), places[i].chain);
			const struct chain *all = table_chain(
				ruleset_table(found, f, places[i].table), places[i].chain);

			assert_int_equal(all->n_rules, ours->n_rules + 1);
			for (size_t r = 0; r < ours->n_rules; r++)
				assert_true(rule_equal(&all->rules[r], &ours->rules[r]));
			assert_int_equal(all->rules[ours->n_rules].target.kind, TARGET_ACCEPT);
		}
	assert_settled(arena, "front", wanted);
}

/* Names and notes with every character that is hard to quote. */
static void quotes_in_names_come_back(void **state)
{
	static const char *const notes[] = { "it's \"quoted\" \\ and  spaced",
		"$HOME `x` #;{}|&<>()!" };
	static const char yaml[] =
		"security_groups:\n- name: \"it's \\\"so\\\" \\\\ #;{}|&$`!\"\n"
		"  id: 99999999-0000-4000-8000-000000000009\n  security_group_rules:\n"
		"  - {direction: ingress, protocol: tcp, port_range_min: 22, port_range_max: 22}\n"
		"ports:\n- {id: 55555555-0000-4000-8000-000000000005, device: 't@p.0_1#',\n"
		"   mac_address: '02:00:00:00:00:01', fixed_ips: [10.0.0.1],\n"
		"   security_groups: [99999999-0000-4000-8000-000000000009]}\n";
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct compile_options options = { .scope = compile_default_scope,
		.restore_notes = notes,
		.n_restore_notes = N_OF(notes) };
	const struct policy *policy;
	const struct ruleset *rs;
	struct err err = { 0 };
	struct plug plug = { .bridge = "br-x.1", .zone = 4097 };

	(void)state;
	if (!policy_parse(arena, "test", yaml, strlen(yaml), "host", &policy, &err))
		fail_msg("%s", err.text);
	plug.port = &policy->ports[0];
	if (!compile_policy(arena, policy, &plug, 1, &options, &rs, &err))
		fail_msg("%s", err.text);
	give_all(arena, rs);
	assert_came_back("quotes", rs, read_all(arena));
}

#define OF_BOTH(test)                                                                              \
	{ #test " (nft)", test, new_host, NULL, &backends[BACKEND_NFT] },                          \
	{                                                                                          \
#test " (legacy)", test, new_host, NULL, &backends[BACKEND_LEGACY]                 \
	}

int main(void)
{
	static enum backend backends[] = { BACKEND_NFT, BACKEND_LEGACY };
	const struct CMUnitTest tests[] = {
		OF_BOTH(the_tools_print_back_what_we_wrote),
		OF_BOTH(a_plan_leads_to_what_we_compiled),
		OF_BOTH(a_rule_in_front_of_our_jumps_is_behind_them_after_a_pass),
		OF_BOTH(quotes_in_names_come_back),
	};

	if (!net_main())
		return 0;
	return net_exit(cmocka_run_group_tests(tests, NULL, NULL));
}
