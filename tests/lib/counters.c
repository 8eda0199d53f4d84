// SPDX-License-Identifier: GPL-2.0-or-later
#include "counters.h"

#include <stdio.h>

#include "unit.h"

static bool is_counted(const struct table *table, const struct chain *chain, size_t r)
{
	bool is_nft = table->source == SOURCE_NFT;

	if (r == chain->n_rules)
		return !is_nft && chain->is_base;
	return !is_nft || chain->rules[r].has_counter;
}

static size_t compare_chain(const struct netns *ns, const struct table *table,
	const struct chain *told, const struct chain *seen, bool is_printed, size_t *n_compared)
{
	size_t n_wrong = 0;

	for (size_t r = 0; r <= told->n_rules; r++) {
		struct text line CLEANUP(text_done) = TEXT_INIT;
		uint64_t wanted = r < told->n_rules ? told->rules[r].counters.packets
						    : told->counters.packets;
		uint64_t got = r < told->n_rules ? seen->rules[r].counters.packets
						 : seen->counters.packets;

		if (!is_counted(table, told, r))
			continue;
		++*n_compared;
		if (wanted == got)
			continue;
		n_wrong++;
		if (!is_printed)
			continue;
		if (r < told->n_rules)
			table_print_rule(&line, table, &told->rules[r]);
		printf("#   ns \"%s\" %s %s (source %d) rule %zu \"%s\": %lld more than told\n",
			ns->name, table->name, told->name, (int)table->source, r + 1, line.data,
			(long long)(got - wanted));
	}
	return n_wrong;
}

size_t counters_compare(
	const struct host *told, const struct host *seen, bool is_printed, size_t *n_compared)
{
	size_t n_wrong = 0;

	assert_int_equal(told->n_netns, seen->n_netns);
	for (size_t n = 0; n < told->n_netns; n++) {
		const struct ruleset *a = told->netns[n].ruleset, *b = seen->netns[n].ruleset;

		assert_int_equal(a->n_tables, b->n_tables);
		for (size_t t = 0; t < a->n_tables; t++)
			for (size_t c = 0; c < a->tables[t].n_chains; c++)
				n_wrong += compare_chain(&told->netns[n], &a->tables[t],
					&a->tables[t].chains[c], &b->tables[t].chains[c],
					is_printed, n_compared);
	}
	return n_wrong;
}

size_t counters_rules(const struct host *host)
{
	size_t n = 0;

	for (size_t i = 0; i < host->n_netns; i++)
		for (size_t t = 0; t < host->netns[i].ruleset->n_tables; t++)
			for (size_t c = 0; c < host->netns[i].ruleset->tables[t].n_chains; c++)
				n += host->netns[i].ruleset->tables[t].chains[c].n_rules;
	return n;
}
