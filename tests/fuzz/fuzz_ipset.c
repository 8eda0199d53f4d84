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
	if (!ruleset_parse_ipset(arena, first, "input", input.data, &err))
		return 0;
	for (size_t i = 0; i < first->n_sets; i++) {
		const struct set *set = &first->sets[i];

		fuzz_check(ruleset_set(first, set->name) == set);
		for (size_t e = 1; e < set->n_elements; e++)
			fuzz_check(prefix_compare(&set->elements[e - 1].prefix,
					   &set->elements[e].prefix) < 0);
	}
	ruleset_print_ipset(&printed, first);
	fuzz_check(ruleset_parse_ipset(arena, second, "printed", printed.data, &err));
	ruleset_print_ipset(&again, second);
	fuzz_check(strcmp(printed.data, again.data) == 0);
	return 0;
}
