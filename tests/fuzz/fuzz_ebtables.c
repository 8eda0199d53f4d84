// SPDX-License-Identifier: GPL-2.0-or-later
#include "fuzz.h"

#include <string.h>

#include "ruleset/ruleset.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct ruleset *first = ruleset_new(arena), *second = ruleset_new(arena);
	struct text input CLEANUP(text_done) = TEXT_INIT, printed CLEANUP(text_done) = TEXT_INIT,
			  again CLEANUP(text_done) = TEXT_INIT;
	struct err err;

	text_add_n(&input, (const char *)data, size);
	if (!ruleset_parse_ebtables(arena, first, SOURCE_EBTABLES, "input", input.data, &err))
		return 0;
	ruleset_print_iptables(&printed, first, SOURCE_EBTABLES, FAMILY_BRIDGE, COUNTERS_AS_READ);
	if (!ruleset_parse_ebtables(
		    arena, second, SOURCE_EBTABLES, "printed", printed.data, &err)) {
		fprintf(stderr, "%s\n%s", err.text, printed.data);
		abort();
	}
	fuzz_check(first->n_tables == second->n_tables);
	for (size_t t = 0; t < first->n_tables; t++) {
		fuzz_check(first->tables[t].n_chains == second->tables[t].n_chains);
		for (size_t c = 0; c < first->tables[t].n_chains; c++) {
			const struct chain *a = &first->tables[t].chains[c];
			const struct chain *b = &second->tables[t].chains[c];

			fuzz_check(strcmp(a->name, b->name) == 0 && a->n_rules == b->n_rules);
			for (size_t r = 0; r < a->n_rules; r++) {
				struct text words CLEANUP(text_done) = TEXT_INIT;

				fuzz_check(rule_equal(&a->rules[r], &b->rules[r]));
				rule_print_words(&words, &a->rules[r]);
				fuzz_check(words.len > 0);
			}
		}
	}
	ruleset_print_iptables(&again, second, SOURCE_EBTABLES, FAMILY_BRIDGE, COUNTERS_AS_READ);
	fuzz_check(strcmp(printed.data, again.data) == 0);
	return 0;
}
