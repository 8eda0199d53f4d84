// SPDX-License-Identifier: GPL-2.0-or-later
/* From the texts of tools to the one ruleset of a namespace. */
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "host/host.h"
#include "ruleset/eval.h"

static const struct tool {
	const char *name;
	enum family family;
	enum table_source source;
	enum { IPTABLES, NFT, IPSET, EBTABLES } kind;
} tools[] = {
	{ "iptables-nft", FAMILY_IPV4, SOURCE_IPTABLES, IPTABLES },
	{ "ip6tables-nft", FAMILY_IPV6, SOURCE_IPTABLES, IPTABLES },
	{ "iptables-legacy", FAMILY_IPV4, SOURCE_IPTABLES_LEGACY, IPTABLES },
	{ "ip6tables-legacy", FAMILY_IPV6, SOURCE_IPTABLES_LEGACY, IPTABLES },
	{ "nft", FAMILY_INET, SOURCE_NFT, NFT },
	{ "ipset", FAMILY_IPV4, SOURCE_IPTABLES, IPSET },
	{ "ebtables-nft", FAMILY_BRIDGE, SOURCE_EBTABLES, EBTABLES },
	{ "ebtables-legacy", FAMILY_BRIDGE, SOURCE_EBTABLES_LEGACY, EBTABLES },
};

static const struct tool *tool_of(const char *name)
{
	for (size_t i = 0; i < N_OF(tools); i++)
		if (!strcmp(tools[i].name, name))
			return &tools[i];
	return NULL;
}

static void add_unread(struct arena *arena, struct netns *ns, const char *what, const char *why)
{
	struct unread *all = arena_new_array(arena, struct unread, ns->n_unread + 1);

	if (ns->n_unread)
		memcpy(all, ns->unread, ns->n_unread * sizeof(*all));
	all[ns->n_unread++] = (struct unread){ what, arena_strdup(arena, why) };
	ns->n_derived++;
	ns->unread = all;
}

static int by_family_and_name(const void *a, const void *b)
{
	const struct table *x = a, *y = b;
	int order = (int)x->family - (int)y->family;

	if (!order)
		order = strcmp(x->name, y->name);
	return order ? order : (int)x->source - (int)y->source;
}

static int set_by_name(const void *a, const void *b)
{
	return strcmp(((const struct set *)a)->name, ((const struct set *)b)->name);
}

/* Tables of two sources may have one name: each text is parsed alone. */
static bool parse_text(struct arena *arena, const struct tool *tool,
	const struct ruleset_text *text, struct ruleset *rs, struct err *err)
{
	bool ok = false;

	if (tool->kind == IPTABLES)
		ok = ruleset_parse_iptables(arena, rs, tool->family, text->tool, text->text, err);
	else if (tool->kind == EBTABLES)
		ok = ruleset_parse_ebtables(arena, rs, tool->source, text->tool, text->text, err);
	else if (tool->kind == NFT)
		ok = ruleset_parse_nft(arena, rs, text->tool, text->text, err);
	else
		ok = ruleset_parse_ipset(arena, rs, text->tool, text->text, err);
	for (size_t i = 0; i < rs->n_tables; i++)
		rs->tables[i].source = tool->source;
	return ok;
}

void netns_parse_texts(struct arena *arena, struct netns *ns)
{
	struct ruleset *all = ruleset_new(arena);
	VEC(struct table) tables = { 0 };
	VEC(struct set) sets = { 0 };

	ns->n_unread -= ns->n_derived;
	ns->n_derived = 0;
	for (size_t i = 0; i < ns->n_texts; i++) {
		const struct ruleset_text *text = &ns->texts[i];
		const struct tool *tool = tool_of(text->tool);
		struct ruleset *rs = ruleset_new(arena);
		struct err err = { 0 };

		if (!tool) {
			add_unread(arena, ns, text->tool, "portwall does not model it yet");
			continue;
		}
		if (!parse_text(arena, tool, text, rs, &err))
			add_unread(arena, ns, text->tool, err.text);
		for (size_t t = 0; t < rs->n_tables; t++)
			*vec_push(&tables, arena) = rs->tables[t];
		for (size_t t = 0; t < rs->n_sets; t++)
			*vec_push(&sets, arena) = rs->sets[t];
	}
	if (tables.n)
		qsort(tables.items, tables.n, sizeof(*tables.items), by_family_and_name);
	if (sets.n)
		qsort(sets.items, sets.n, sizeof(*sets.items), set_by_name);
	all->tables = tables.items;
	all->n_tables = tables.n;
	all->cap_tables = tables.cap;
	all->sets = sets.items;
	all->n_sets = sets.n;
	all->cap_sets = sets.cap;
	ruleset_index(arena, all);
	ns->ruleset = all;
}
