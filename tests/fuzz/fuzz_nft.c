// SPDX-License-Identifier: GPL-2.0-or-later
#include "fuzz.h"

#include <string.h>

#include "ruleset/ruleset.h"

static const struct table *parse_again(struct arena *arena, const char *inside)
{
	struct ruleset *rs = ruleset_new(arena);
	const char *text = arena_printf(arena, "table bridge t {\n%s}\n", inside);
	struct err err;

	if (!ruleset_parse_nft(arena, rs, "printed", text, &err)) {
		fprintf(stderr, "%s\n%s", err.text, text);
		abort();
	}
	return &rs->tables[0];
}

static void rule_comes_back(struct arena *arena, const struct rule *rule)
{
	struct text printed CLEANUP(text_done) = TEXT_INIT, again CLEANUP(text_done) = TEXT_INIT;
	const struct chain *chain;

	rule_print(&printed, FAMILY_BRIDGE, rule);
	/* the first line of a chain may be its comment or its hook */
	chain = parse_again(
		arena, arena_printf(arena, "\tchain c {\n\t\taccept\n\t\t%s\n\t}\n", printed.data))
			->chains;
	fuzz_check(chain->n_rules == 2);
	fuzz_check(rule_equal(rule, &chain->rules[1]));
	rule_print(&again, FAMILY_BRIDGE, &chain->rules[1]);
	fuzz_check(strcmp(printed.data, again.data) == 0);
}

static void set_comes_back(struct arena *arena, const struct set *set)
{
	struct text printed CLEANUP(text_done) = TEXT_INIT;
	const struct set *again;

	text_addf(&printed, "\t%s s {\n\t\ttype ifname%s\n",
		set->kind == SET_IFNAME ? "set" : "map",
		set->kind == SET_IFNAME ? "" : " : verdict");
	for (size_t i = 0; i < set->n_elements; i++) {
		text_add(&printed, i ? ",\n\t\t\t     " : "\t\telements = { ");
		set_element_print(&printed, set, &set->elements[i]);
	}
	text_add(&printed, set->n_elements ? " }\n\t}\n" : "\t}\n");
	again = parse_again(arena, printed.data)->sets;
	fuzz_check(again->kind == set->kind && !again->opaque);
	fuzz_check(again->n_elements == set->n_elements);
	for (size_t i = 0; i < set->n_elements; i++) {
		fuzz_check(strcmp(set->elements[i].name, again->elements[i].name) == 0);
		fuzz_check(target_equal(&set->elements[i].target, &again->elements[i].target));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct ruleset *rs = ruleset_new(arena);
	struct text input CLEANUP(text_done) = TEXT_INIT;
	struct err err;

	text_add_n(&input, (const char *)data, size);
	if (!ruleset_parse_nft(arena, rs, "input", input.data, &err))
		return 0;
	for (size_t t = 0; t < rs->n_tables; t++) {
		const struct table *table = &rs->tables[t];

		for (size_t c = 0; c < table->n_chains; c++)
			for (size_t r = 0; r < table->chains[c].n_rules; r++)
				rule_comes_back(arena, &table->chains[c].rules[r]);
		for (size_t s = 0; s < table->n_sets; s++)
			if (!table->sets[s].opaque)
				set_comes_back(arena, &table->sets[s]);
	}
	return 0;
}
