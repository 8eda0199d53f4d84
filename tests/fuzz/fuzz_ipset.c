// SPDX-License-Identifier: GPL-2.0-or-later
#include "fuzz.h"

#include <string.h>

#include "ruleset/ruleset.h"

static void print_sets(struct text *out, const struct ruleset *rs)
{
	for (size_t s = 0; s < rs->n_sets; s++) {
		const struct set *set = &rs->sets[s];

		if (set->opaque)
			continue;
		text_addf(out, "create %s hash:net family %s maxelem %u\n", set->name,
			set->family == FAMILY_IPV6 ? "inet6" : "inet", set->max_elem);
		for (size_t i = 0; i < set->n_elements; i++) {
			text_addf(out, "add %s ", set->name);
			set_element_print(out, set, &set->elements[i]);
			text_add(out, "\n");
		}
	}
}

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
	print_sets(&printed, first);
	fuzz_check(ruleset_parse_ipset(arena, second, "printed", printed.data, &err));
	print_sets(&again, second);
	fuzz_check(strcmp(printed.data, again.data) == 0);
	return 0;
}
