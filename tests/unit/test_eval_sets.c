// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The evaluator asked about all packets at once says of each what it says when asked about that one
 * alone: at every rule of real and of random rulesets, of one packet that matches and of one that
 * does not, and of what comes out of whole chains.
 */
#include "unit.h"

#include <dirent.h>
#include <string.h>

#include "packet/set_bdd.h"
#include "random_iptables.h"
#include "ruleset/eval_internal.h"

#define N_RANDOM  16
#define N_DOUBLED 50 /* chains: the kernel allows fewer, a file has what it has */

struct asked_chain {
	struct arena *arena;
	const struct ruleset *rs;
	const struct table *table;
	const struct chain *chain;
	enum family family;
	struct sets *sets;
	struct packet packet; /* what the set's packets have in common */
	const char *name;
	size_t n_rules, n_witnesses;
};

static void fail_rule(const struct asked_chain *asked, const struct table *table,
	const struct chain *chain, const struct rule *rule, const struct packet *packet,
	const char *what)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;

	packet_print(&text, packet);
	text_addf(&text, "\n%s: %s %s: ", asked->name, table->name, chain->name);
	table_print_rule(&text, table, rule);
	fail_msg("%s: %s", what, text.data);
}

/* Of a packet of the set that matched (or did not), asked alone. */
static void check_witness(struct asked_chain *asked, const struct table *table,
	const struct chain *chain, const struct rule *rule, struct packet_set set, bool is_match)
{
	const struct eval eval = {
		.arena = asked->arena, .rs = asked->rs, .hook = ruleset_chain_hook(asked->chain)
	};
	const struct match *unknown = NULL;
	struct packet packet;
	struct asking asking = { .eval = &eval, .table = table, .chain = chain, .packet = &packet };
	struct says said;

	if (!set_witness(asked->sets, set, &packet))
		return;
	asked->n_witnesses++;
	said = rule_matches(&asking, rule, &unknown);
	if (said.answer != CANNOT_TELL && (said.answer == YES) != is_match)
		fail_rule(asked, table, chain, rule, &packet,
			is_match ? "of a set it matches, alone it does not"
				 : "of a set it does not match, alone it does");
}

static void check_rule(void *data, const struct table *table, const struct chain *chain,
	const struct rule *rule, struct packet_set reach, struct packet_set matched)
{
	struct asked_chain *asked = data;

	asked->n_rules++;
	check_witness(asked, table, chain, rule, matched, true);
	check_witness(asked, table, chain, rule, set_minus(asked->sets, reach, matched), false);
}

/* Everything that can come to a chain of this hook. */
static struct packet_set start_set(struct asked_chain *asked)
{
	enum hook hook = ruleset_chain_hook(asked->chain);
	struct sets *sets = asked->sets;
	struct packet_set all = set_and(sets, sets_real(sets), set_of_family(sets, asked->family));
	bool has_in = hook != HOOK_OUTPUT && hook != HOOK_POSTROUTING;
	bool has_out = hook == HOOK_OUTPUT || hook == HOOK_POSTROUTING || hook == HOOK_FORWARD;
	struct packet_set no_in = set_of_name(sets, FIELD_IN_IFACE, "");
	struct packet_set no_out = set_of_name(sets, FIELD_OUT_IFACE, "");

	all = has_in ? set_minus(sets, all, no_in) : set_and(sets, all, no_in);
	all = has_out ? set_minus(sets, all, no_out) : set_and(sets, all, no_out);
	all = set_and(sets, all,
		set_of_number(sets, FIELD_ETHERTYPE,
			asked->family == FAMILY_IPV6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4));
	asked->packet.unknown = FIELD_BIT(FIELD_IN_IFACE) | FIELD_BIT(FIELD_OUT_IFACE) |
				FIELD_BIT(FIELD_PHYSDEV_IN) | FIELD_BIT(FIELD_PHYSDEV_OUT);
	asked->packet.src.family = asked->packet.dst.family = asked->family;
	return all;
}

/* A packet asked alone ends in the set of its outcome. */
static void check_outcomes(struct asked_chain *asked, const struct outcomes *outcomes,
	struct packet_set start, bool is_changed)
{
	struct packet_set all = SET_EMPTY;
	const struct eval eval = {
		.arena = asked->arena, .rs = asked->rs, .hook = ruleset_chain_hook(asked->chain)
	};

	vec_for_each (outcome, outcomes) {
		struct outcomes alone = { 0 };
		struct packet packet;

		if (!is_changed && !set_is_empty(set_and(asked->sets, all, outcome->set)))
			fail_msg("%s: two outcomes of one packet", asked->name);
		all = set_or(asked->sets, all, outcome->set);
		if (is_changed || !set_witness(asked->sets, outcome->set, &packet))
			continue;
		ruleset_eval_chain(&eval, asked->table, asked->chain, &packet, NULL, NULL, &alone);
		if (alone.n == 1 && (alone.items[0].verdict != outcome->verdict ||
					    alone.items[0].rule != outcome->rule)) {
			struct text text CLEANUP(text_done) = TEXT_INIT;

			packet_print(&text, &packet);
			fail_msg("%s: alone it ends at another place: %s", asked->name, text.data);
		}
	}
	if (!is_changed && !set_equal(all, start))
		fail_msg("%s: packets got lost", asked->name);
}

static bool changes_packets(const struct ruleset *rs)
{
	for (size_t t = 0; t < rs->n_tables; t++)
		for (size_t c = 0; c < rs->tables[t].n_chains; c++)
			for (size_t r = 0; r < rs->tables[t].chains[c].n_rules; r++) {
				const struct rule *rule = &rs->tables[t].chains[c].rules[r];

				if (rule->target.kind >= TARGET_MARK ||
					rule->target.kind == TARGET_CT_ZONE ||
					rule->target.kind == TARGET_CT_NOTRACK ||
					rule->target.kind == TARGET_OPAQUE)
					return true;
				for (size_t m = 0; m < rule->n_matches; m++)
					if (rule->matches[m].kind == MATCH_NFT_DO)
						return true;
			}
	return false;
}

struct held {
	struct packet_set start;
	const struct outcomes *outcomes;
};

static void keep_held(void *data, struct sets *sets)
{
	const struct held *held = data;

	sets_keep(sets, held->start);
	vec_for_each (outcome, held->outcomes)
		sets_keep(sets, outcome->set);
}

/* The same again, with all nodes given back behind each rule that nobody says he needs. */
static void check_collected(
	struct asked_chain *asked, struct eval eval, const struct outcomes *outcomes)
{
	struct held held = { eval.set, outcomes };
	struct set_keeper keeper = { .keep = keep_held, .data = &held };
	struct outcomes again = { 0 };

	asked->sets->collect_min = 0;
	eval.may_collect = true;
	eval.record = NULL;
	sets_push_keeper(asked->sets, &keeper);
	ruleset_eval_chain(&eval, asked->table, asked->chain, &asked->packet, NULL, NULL, &again);
	sets_pop_keeper(asked->sets);
	assert_int_equal(again.n, outcomes->n);
	for (size_t i = 0; i < again.n; i++)
		if (again.items[i].rule != outcomes->items[i].rule ||
			again.items[i].verdict != outcomes->items[i].verdict ||
			!set_equal(again.items[i].set, outcomes->items[i].set))
			fail_msg("%s: with nodes given back under way it is another set",
				asked->name);
}

static void check_chain(struct asked_chain *asked)
{
	struct eval eval = { .arena = asked->arena,
		.rs = asked->rs,
		.hook = ruleset_chain_hook(asked->chain),
		.record = check_rule,
		.data = asked };
	struct outcomes outcomes = { 0 };
	struct err err;

	asked->sets = eval.sets = sets_new(0);
	ruleset_add_to_world(asked->sets, &asked->rs, 1);
	sets_seal(asked->sets);
	eval.set = start_set(asked);
	ruleset_eval_chain(
		&eval, asked->table, asked->chain, &asked->packet, NULL, NULL, &outcomes);
	if (!sets_ok(asked->sets, &err))
		fail_msg("%s: %s", asked->name, err.text);
	check_outcomes(asked, &outcomes, eval.set, changes_packets(asked->rs));
	check_collected(asked, eval, &outcomes);
	if (!sets_ok(asked->sets, &err))
		fail_msg("%s: %s", asked->name, err.text);
	sets_freep(&asked->sets);
}

static void check_ruleset(const char *name, const struct ruleset *rs, size_t *ret_rules)
{
	for (size_t t = 0; t < rs->n_tables; t++) {
		const struct table *table = &rs->tables[t];

		for (size_t c = 0; c < table->n_chains; c++) {
			for (enum family f = FAMILY_IPV4; f < N_IP_FAMILIES; f++) {
				struct arena *arena CLEANUP(arena_freep) = arena_new();
				struct asked_chain asked = { .arena = arena,
					.rs = rs,
					.table = table,
					.chain = &table->chains[c],
					.family = f,
					.name = name };

				if (!table->chains[c].is_base ||
					(table->family != f && table->family != FAMILY_INET))
					continue;
				check_chain(&asked);
				*ret_rules += asked.n_rules;
			}
		}
	}
}

static void random_rulesets_say_the_same(void **state)
{
	struct random random = random_seeded_or(20261127);
	size_t n_rules = 0;

	(void)state;
	for (unsigned i = 0; i < N_RANDOM; i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct text text CLEANUP(text_done) = TEXT_INIT;
		struct text ipsets CLEANUP(text_done) = TEXT_INIT;
		struct ruleset *rs = ruleset_new(arena);
		const struct random_iptables what = {
			.is_v6 = i % 2, .is_stateless = i % 8 == 7, .has_sets = i % 4 > 1
		};
		struct err err;

		random_ipsets(&random, &ipsets, what.is_v6, NULL);
		/* which ipset save does not print */
		for (char *at = ipsets.data; (at = strstr(at, " -exist"));)
			memmove(at, at + 7, strlen(at + 7) + 1);
		random_iptables(&random, &text, &what);
		if ((what.has_sets &&
			    !ruleset_parse_ipset(arena, rs, "random", ipsets.data, &err)) ||
			!ruleset_parse_iptables(arena, rs, what.is_v6 ? FAMILY_IPV6 : FAMILY_IPV4,
				"random", text.data, &err))
			fail_msg("%s", err.text);
		check_ruleset("random", rs, &n_rules);
	}
	printf("# %zu rules\n", n_rules);
	assert_true(n_rules > 1000);
}

static void check_folder(const char *folder, size_t *ret_rules)
{
	char path[512], file[1024];
	struct dirent **entries;
	int n;

	snprintf(path, sizeof(path), "%s/%s", getenv("GOLDEN"), folder);
	n = scandir(path, &entries, NULL, alphasort);
	assert_true(n > 0);
	for (int i = 0; i < n; i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct text text CLEANUP(text_done) = TEXT_INIT;
		struct ruleset *rs = ruleset_new(arena);
		enum text_kind kind;
		struct err err;

		snprintf(file, sizeof(file), "%s/%s", path, entries[i]->d_name);
		if (text_load(&text, file, 1 << 24, &err) &&
			ruleset_parse_text(arena, rs, file, text.data, &kind, &err))
			check_ruleset(entries[i]->d_name, rs, ret_rules);
		free(entries[i]);
	}
	free(entries);
}

static void real_rulesets_say_the_same(void **state)
{
	size_t n_rules = 0;

	(void)state;
	check_folder("ruleset", &n_rules);
	check_folder("../netns/rulesets", &n_rules);
	printf("# %zu rules\n", n_rules);
	assert_true(n_rules > 1000);
}

/* Each of these chains is entered by two rules of the one before: by as many ways as there are chains, doubled each time. */
static void chains_that_are_called_twice_each_are_asked_once(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct text text CLEANUP(text_done) = TEXT_INIT;
	struct ruleset *rs = ruleset_new(arena);
	size_t n_rules = 0;
	struct err err;

	(void)state;
	text_add(&text, "*filter\n:FORWARD ACCEPT [0:0]\n");
	for (int i = 0; i < N_DOUBLED; i++)
		text_addf(&text, ":c%d - [0:0]\n", i);
	text_add(&text, "-A FORWARD -j c0\n");
	for (int i = 0; i + 1 < N_DOUBLED; i++)
		text_addf(&text, "-A c%d -s 10.0.0.%d/32 -j c%d\n-A c%d -j c%d\n", i, i, i + 1, i,
			i + 1);
	text_addf(&text, "-A c%d -p udp -j DROP\nCOMMIT\n", N_DOUBLED - 1);
	if (!ruleset_parse_iptables(arena, rs, FAMILY_IPV4, "doubled", text.data, &err))
		fail_msg("%s", err.text);
	check_ruleset("doubled", rs, &n_rules);
	assert_true(n_rules >= 2 * N_DOUBLED - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_rulesets_say_the_same),
		cmocka_unit_test(real_rulesets_say_the_same),
		cmocka_unit_test(chains_that_are_called_twice_each_are_asked_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
