// SPDX-License-Identifier: GPL-2.0-or-later
#include "ruleset/edit.h"

#include <string.h>

#include "ruleset/print.h"

static bool parse_rule(
	struct arena *arena, const struct edit *edit, struct rule *ret, struct err *err)
{
	const struct table *table = edit->table;
	struct ruleset *rs = ruleset_new(arena);
	const char *chain = edit->chain->name;
	bool is_parsed;

	if (table->source == SOURCE_NFT)
		is_parsed = ruleset_parse_nft(arena, rs, "the new rule",
			arena_printf(arena, "table %s t {\n\tchain c {\n\t\t%s\n\t}\n}\n",
				nft_family_name(table->family), edit->rule),
			err);
	else
		is_parsed = ruleset_parse_iptables(arena, rs, table->family, "the new rule",
			arena_printf(arena, "*%s\n:%s %s\n-A %s %s\nCOMMIT\n", table->name, chain,
				edit->chain->is_base ? "ACCEPT [0:0]" : "- [0:0]", chain,
				edit->rule),
			err);
	if (!is_parsed)
		return false;
	*ret = rs->tables[0].chains[0].rules[0];
	ret->line = 0;
	return true;
}

static void *copy_of(struct arena *arena, const void *items, size_t n, size_t n_room, size_t size)
{
	void *copy = arena_alloc(arena, (n + n_room) * size);

	if (n)
		memcpy(copy, items, n * size);
	return copy;
}

bool ruleset_edit(struct arena *arena, const struct ruleset *rs, const struct edit *edit,
	const struct ruleset **ret, struct err *err)
{
	struct ruleset *copy = arena_new_one(arena, struct ruleset);
	size_t t = (size_t)(edit->table - rs->tables);
	size_t c = (size_t)(edit->chain - edit->table->chains);
	struct table *table;
	struct chain *chain;
	struct rule rule;

	if (!parse_rule(arena, edit, &rule, err))
		return false;
	*copy = *rs;
	copy->tables = copy_of(arena, rs->tables, rs->n_tables, 0, sizeof(rs->tables[0]));
	copy->cap_tables = rs->n_tables;
	table = &copy->tables[t];
	table->chains = copy_of(arena, table->chains, table->n_chains, 0, sizeof(table->chains[0]));
	table->cap_chains = table->n_chains;
	chain = &table->chains[c];
	chain->rules = copy_of(arena, chain->rules, chain->n_rules, 1, sizeof(chain->rules[0]));
	memmove(&chain->rules[edit->at + 1], &chain->rules[edit->at],
		(chain->n_rules - edit->at) * sizeof(chain->rules[0]));
	chain->rules[edit->at] = rule;
	chain->cap_rules = ++chain->n_rules;
	*ret = copy;
	return true;
}

const char *table_program(const struct table *table)
{
	bool is_ipv6 = table->family == FAMILY_IPV6;

	switch (table->source) {
	case SOURCE_NFT:
		return "nft";
	case SOURCE_IPTABLES_LEGACY:
		return is_ipv6 ? "ip6tables-legacy" : "iptables-legacy";
	case SOURCE_EBTABLES:
		return "ebtables";
	case SOURCE_EBTABLES_LEGACY:
		return "ebtables-legacy";
	case SOURCE_IPTABLES:
		break;
	}
	return is_ipv6 ? "ip6tables" : "iptables";
}

void edit_print_command(struct text *out, const struct edit *edit)
{
	const struct table *table = edit->table;
	const struct chain *chain = edit->chain;

	if (table->source == SOURCE_NFT) {
		bool is_last = edit->at == chain->n_rules;

		text_addf(out, "nft %s rule %s %s %s", is_last ? "add" : "insert",
			nft_family_name(table->family), table->name, chain->name);
		if (!is_last && edit->at)
			text_addf(out, " index %zu", edit->at);
		/* quotes are nft's own: the shell must not take them */
		text_addf(out, " '%s'", edit->rule);
		return;
	}
	text_addf(out, "%s", table_program(table));
	if (strcmp(table->name, "filter") != 0)
		text_addf(out, " -t %s", table->name);
	if (edit->at == chain->n_rules)
		text_addf(out, " -A %s %s", chain->name, edit->rule);
	else
		text_addf(out, " -I %s %zu %s", chain->name, edit->at + 1, edit->rule);
}
