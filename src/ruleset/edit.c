// SPDX-License-Identifier: GPL-2.0-or-later
#include "ruleset/edit.h"

#include <string.h>

/* iptables knows only the chains that are declared: the one that the rule calls; "" when it calls none of the table. */
static const char *declare_called(
	struct arena *arena, const struct table *table, const char *chain, const char *text)
{
	static const char *const options[] = { "-j ", "-g " };

	for (size_t i = 0; i < 2; i++) {
		const char *at = strstr(text, options[i]);
		const char *name = at ? arena_strndup(arena, at + 3, strcspn(at + 3, " ")) : "";

		if (strcmp(name, chain) != 0 && table_chain(table, name))
			return arena_printf(arena, ":%s - [0:0]\n", name);
	}
	return "";
}

bool table_parse_rule(struct arena *arena, const struct table *table, const char *chain,
	const char *text, struct rule *ret, struct err *err)
{
	const struct chain *found = table_chain(table, chain);
	struct ruleset *rs = ruleset_new(arena);
	size_t n_rules = 0;
	bool is_parsed;

	if (table->source == SOURCE_NFT)
		is_parsed = ruleset_parse_nft(arena, rs, "the new rule",
			arena_printf(arena, "table %s t {\n\tchain c {\n\t\t%s\n\t}\n}\n",
				nft_family_name(table->family), text),
			err);
	else
		is_parsed = ruleset_parse_iptables(arena, rs, table->family, "the new rule",
			arena_printf(arena, "*%s\n:%s %s\n%s-A %s %s\nCOMMIT\n", table->name, chain,
				found && found->is_base ? "ACCEPT [0:0]" : "- [0:0]",
				declare_called(arena, table, chain, text), chain, text),
			err);
	if (!is_parsed)
		return false;
	for (size_t i = 0; rs->n_tables && i < rs->tables[0].n_chains; i++)
		n_rules += rs->tables[0].chains[i].n_rules;
	if (rs->n_tables != 1 || n_rules != 1 || rs->tables[0].chains[0].n_rules != 1)
		return err_input(err, "not one rule: %s", text);
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

static void copy_tables(
	struct arena *arena, const struct ruleset *rs, size_t n_room, struct ruleset *ret)
{
	*ret = *rs;
	ret->tables = copy_of(arena, rs->tables, rs->n_tables, n_room, sizeof(rs->tables[0]));
	ret->cap_tables = rs->n_tables + n_room;
}

bool ruleset_edit(struct arena *arena, const struct ruleset *rs, const struct edit *edit,
	const struct ruleset **ret, struct err *err)
{
	struct ruleset *copy = arena_new_one(arena, struct ruleset);
	size_t t = (size_t)(edit->table - rs->tables);
	size_t c = (size_t)(edit->chain - edit->table->chains);
	size_t n_behind = edit->chain->n_rules - edit->at - edit->replaces;
	struct table *table;
	struct chain *chain;
	struct rule rule;

	if (edit->rule &&
		!table_parse_rule(arena, edit->table, edit->chain->name, edit->rule, &rule, err))
		return false;
	copy_tables(arena, rs, 0, copy);
	table = &copy->tables[t];
	table->chains = copy_of(arena, table->chains, table->n_chains, 0, sizeof(table->chains[0]));
	table->cap_chains = table->n_chains;
	chain = &table->chains[c];
	chain->rules = copy_of(arena, chain->rules, chain->n_rules, 1, sizeof(chain->rules[0]));
	chain->index = NULL; /* of the rules as they stood */
	memmove(&chain->rules[edit->at + (edit->rule != NULL)],
		&chain->rules[edit->at + edit->replaces], n_behind * sizeof(chain->rules[0]));
	if (edit->rule)
		chain->rules[edit->at] = rule;
	chain->n_rules = edit->at + (edit->rule != NULL) + n_behind;
	chain->cap_rules = chain->n_rules;
	*ret = copy;
	return true;
}

bool ruleset_add_nft_text(struct arena *arena, const struct ruleset *rs, const char *text,
	const struct ruleset **ret, struct err *err)
{
	struct ruleset *parsed = ruleset_new(arena), *copy = arena_new_one(arena, struct ruleset);

	if (!ruleset_parse_nft(arena, parsed, "the new table", text, err))
		return false;
	copy_tables(arena, rs, parsed->n_tables, copy);
	for (size_t i = 0; i < parsed->n_tables; i++) {
		const struct table *table = &parsed->tables[i];
		struct table *added;

		for (size_t t = 0; t < rs->n_tables; t++)
			if (rs->tables[t].source == SOURCE_NFT &&
				rs->tables[t].family == table->family &&
				strcmp(rs->tables[t].name, table->name) == 0)
				return err_conflict(err, "the table %s %s is there already",
					nft_family_name(table->family), table->name);
		added = ruleset_add_table_from(arena, copy, SOURCE_NFT, table->family, table->name);
		*added = *table;
	}
	*ret = copy;
	return true;
}

const struct ruleset *ruleset_without(
	struct arena *arena, const struct ruleset *rs, const struct table *table)
{
	struct ruleset *copy = arena_new_one(arena, struct ruleset);
	size_t at = (size_t)(table - rs->tables);

	copy_tables(arena, rs, 0, copy);
	memmove(&copy->tables[at], &copy->tables[at + 1],
		(rs->n_tables - at - 1) * sizeof(copy->tables[0]));
	copy->n_tables--;
	return copy;
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
