// SPDX-License-Identifier: GPL-2.0-or-later
/* Whole texts of iptables-save. */
#include <stdlib.h>

#include "base/vec.h"
#include "ruleset/ebtables.h"
#include "ruleset/print.h"

static void print_table(struct text *out, const struct table *table, enum counters_printed counters)
{
	bool has_counters = counters == COUNTERS_ALL ||
			    (counters == COUNTERS_AS_READ && table->has_rule_counters);

	bool is_bridge = table_is_ebtables(table);

	text_addf(out, "*%s\n", table->name);
	for (size_t c = 0; c < table->n_chains; c++) {
		const struct chain *chain = &table->chains[c];

		text_addf(out, ":%s %s%s", chain->name, chain->policy ? chain->policy : "-",
			is_bridge ? "\n" : " ");
		if (is_bridge)
			continue;
		if (counters == COUNTERS_NONE)
			text_add(out, "[0:0]\n");
		else
			text_addf(out, "[%llu:%llu]\n", (unsigned long long)chain->counters.packets,
				(unsigned long long)chain->counters.bytes);
	}
	for (size_t c = 0; c < table->n_chains; c++) {
		const struct chain *chain = &table->chains[c];

		for (size_t r = 0; r < chain->n_rules; r++) {
			const struct rule *rule = &chain->rules[r];

			if (rule->is_policy)
				continue;
			if (has_counters)
				text_addf(out, "[%llu:%llu] ",
					(unsigned long long)rule->counters.packets,
					(unsigned long long)rule->counters.bytes);
			text_addf(out, "-A %s", chain->name);
			if (is_bridge)
				rule_print_ebtables(out, rule);
			else
				rule_print_iptables(out, table->family, rule, true);
			if (is_bridge && rule->has_counter)
				text_addf(out, " -c %llu %llu",
					(unsigned long long)rule->counters.packets,
					(unsigned long long)rule->counters.bytes);
			text_add(out, rule->has_space_behind ? " \n" : "\n");
		}
	}
	if (!is_bridge)
		text_add(out, "COMMIT\n");
}

static int table_by_line(const void *a, const void *b)
{
	const struct table *const *left = a, *const *right = b;

	if ((*left)->line != (*right)->line)
		return (*left)->line < (*right)->line ? -1 : 1;
	return (*left > *right) - (*left < *right); /* of one array */
}

/* Tables of the family and source, in the order of their lines; made ones have none and come first,
 * sorted by name as they are. */
static const struct table **tables_in_order(struct arena *arena, const struct ruleset *rs,
	enum table_source source, enum family family, size_t *ret_n)
{
	struct {
		VEC(const struct table *);
	} tables = { 0 };

	for (size_t i = 0; i < rs->n_tables; i++)
		if (rs->tables[i].source == source && rs->tables[i].family == family)
			*vec_push(&tables, arena) = &rs->tables[i];
	if (tables.n)
		qsort(tables.items, tables.n, sizeof(tables.items[0]), table_by_line);
	*ret_n = tables.n;
	return tables.items;
}

/* The remarks in front of a line. */
static void print_remarks(struct text *out, const struct ruleset *rs, enum table_source source,
	enum family family, unsigned line, size_t *at)
{
	for (; *at < rs->n_remarks; (*at)++) {
		const struct remark *remark = &rs->remarks[*at];

		if (remark->source != source || remark->family != family)
			continue;
		if (remark->line >= line)
			return;
		text_addf(out, "%s\n", remark->text);
	}
}

void ruleset_print_iptables(struct text *out, const struct ruleset *rs, enum table_source source,
	enum family family, enum counters_printed counters)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	size_t n, at = 0;
	const struct table **tables = tables_in_order(arena, rs, source, family, &n);

	for (size_t i = 0; i < n; i++) {
		print_remarks(out, rs, source, family, tables[i]->line, &at);
		print_table(out, tables[i], counters);
	}
	print_remarks(out, rs, source, family, UINT32_MAX, &at);
}
