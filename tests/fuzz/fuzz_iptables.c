// SPDX-License-Identifier: GPL-2.0-or-later
#include "fuzz.h"

#include <string.h>

#include "ruleset/ruleset.h"

static void tables_are_equal(const struct table *a, const struct table *b)
{
	fuzz_check(strcmp(a->name, b->name) == 0 && a->n_chains == b->n_chains);
	for (size_t c = 0; c < a->n_chains; c++) {
		const struct chain *left = &a->chains[c], *right = &b->chains[c];

		fuzz_check(strcmp(left->name, right->name) == 0);
		fuzz_check(left->is_base == right->is_base && left->n_rules == right->n_rules);
		for (size_t r = 0; r < left->n_rules; r++)
			fuzz_check(rule_equal(&left->rules[r], &right->rules[r]));
		fuzz_check(table_chain(a, left->name) == left);
	}
}

/* Words for people are made of anything. */
static void put_into_words(const struct table *table)
{
	for (size_t c = 0; c < table->n_chains; c++) {
		for (size_t r = 0; r < table->chains[c].n_rules; r++) {
			struct text words CLEANUP(text_done) = TEXT_INIT;

			rule_print_words(&words, &table->chains[c].rules[r]);
			fuzz_check(words.len > 0);
		}
	}
}

static void comes_back(const char *input, enum family family)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct ruleset *first = ruleset_new(arena), *second = ruleset_new(arena);
	struct text printed CLEANUP(text_done) = TEXT_INIT, again CLEANUP(text_done) = TEXT_INIT;
	struct err err;

	if (!ruleset_parse_iptables(arena, first, family, "input", input, &err))
		return;
	ruleset_print_iptables(&printed, first, SOURCE_IPTABLES, family, COUNTERS_AS_READ);
	if (!ruleset_parse_iptables(arena, second, family, "printed", printed.data, &err)) {
		fprintf(stderr, "%s\n%s", err.text, printed.data);
		abort();
	}
	fuzz_check(first->n_tables == second->n_tables);
	for (size_t t = 0; t < first->n_tables; t++) {
		tables_are_equal(&first->tables[t], &second->tables[t]);
		put_into_words(&first->tables[t]);
	}
	ruleset_print_iptables(&again, second, SOURCE_IPTABLES, family, COUNTERS_AS_READ);
	fuzz_check(strcmp(printed.data, again.data) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text input CLEANUP(text_done) = TEXT_INIT;

	text_add_n(&input, (const char *)data, size);
	comes_back(input.data, FAMILY_IPV4);
	comes_back(input.data, FAMILY_IPV6);
	return 0;
}
