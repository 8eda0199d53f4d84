// SPDX-License-Identifier: GPL-2.0-or-later
#include "fuzz.h"

#include <string.h>

#include "ruleset/nft_eval.h"
#include "ruleset/ruleset.h"

static void every_match_answers(
	struct arena *arena, const struct ruleset *rs, const struct table *table)
{
	const struct eval eval = { .arena = arena, .rs = rs };
	const struct packet packet = { .ethertype = ETHERTYPE_IPV4,
		.proto = PROTO_TCP,
		.ct_state = CT_NEW,
		.in_iface = "eth0" };
	struct asking asking = { .eval = &eval, .table = table, .packet = &packet };

	for (size_t c = 0; c < table->n_chains; c++) {
		for (size_t r = 0; r < table->chains[c].n_rules; r++) {
			const struct rule *rule = &table->chains[c].rules[r];
			const struct nft_element *element;

			for (size_t m = 0; m < rule->n_matches; m++)
				nft_match_eval(&asking, &rule->matches[m]);
			if (rule->target.kind == TARGET_NFT_VMAP &&
				nft_lookup_eval(&asking, rule->target.lookup, &element) == YES)
				fuzz_check(element != NULL);
		}
	}
}

/* What was printed parses, and prints the same again. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct ruleset *rs = ruleset_new(arena), *again = ruleset_new(arena);
	struct text input CLEANUP(text_done) = TEXT_INIT, first CLEANUP(text_done) = TEXT_INIT,
			  second CLEANUP(text_done) = TEXT_INIT;
	struct err err;

	text_add_n(&input, (const char *)data, size);
	if (!ruleset_parse_nft(arena, rs, "input", input.data, &err))
		return 0;
	ruleset_print_nft(&first, rs, true);
	if (!ruleset_parse_nft(arena, again, "printed", first.data, &err)) {
		fprintf(stderr, "%s\n%s", err.text, first.data);
		abort();
	}
	ruleset_print_nft(&second, again, true);
	fuzz_check(strcmp(first.data, second.data) == 0);
	for (size_t t = 0; t < rs->n_tables; t++)
		every_match_answers(arena, rs, &rs->tables[t]);
	return 0;
}
