// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"
#include "paper.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/vec.h"

struct paper {
	struct arena *arena;
	struct ruleset *rs;
	enum family family;
	const char *line;
	struct table *table;	/* between *table and COMMIT */
	struct table *original; /* what it becomes at COMMIT */
	struct map *declared;	/* chains that are new in this block */
};

static void refuse(const struct paper *paper, const char *why) __attribute__((noreturn));

static void refuse(const struct paper *paper, const char *why)
{
	fail_msg("%s: %s", why, paper->line);
	abort();
}

#define expect(paper, condition)                                                                   \
	do {                                                                                       \
		if (!(condition))                                                                  \
			refuse((paper), #condition);                                               \
	} while (0)

/* ---- copies */

static void *copy_of(struct arena *arena, const void *items, size_t size)
{
	void *copy = arena_alloc(arena, size + 1);

	if (size)
		memcpy(copy, items, size);
	return copy;
}

static void clone_table(struct arena *arena, struct table *table)
{
	table->chains = copy_of(arena, table->chains, table->n_chains * sizeof(table->chains[0]));
	table->cap_chains = table->n_chains;
	table->chain_index = NULL;
	for (size_t i = 0; i < table->n_chains; i++) {
		struct chain *chain = &table->chains[i];

		chain->rules =
			copy_of(arena, chain->rules, chain->n_rules * sizeof(chain->rules[0]));
		chain->cap_rules = chain->n_rules;
	}
	table->sets = copy_of(arena, table->sets, table->n_sets * sizeof(table->sets[0]));
	table->cap_sets = table->n_sets;
}

struct ruleset *paper_clone(struct arena *arena, const struct ruleset *rs)
{
	struct ruleset *copy = ruleset_new(arena);

	*copy = *rs;
	copy->tables = copy_of(arena, rs->tables, rs->n_tables * sizeof(rs->tables[0]));
	copy->cap_tables = copy->n_tables;
	for (size_t i = 0; i < copy->n_tables; i++)
		clone_table(arena, &copy->tables[i]);
	copy->sets = copy_of(arena, rs->sets, rs->n_sets * sizeof(rs->sets[0]));
	copy->cap_sets = copy->n_sets;
	return copy;
}

/* ---- iptables */

static struct chain *chain_get(struct paper *paper, const char *name)
{
	for (size_t i = 0; i < paper->table->n_chains; i++)
		if (strcmp(paper->table->chains[i].name, name) == 0)
			return &paper->table->chains[i];
	if (strcmp(name, "PREROUTING") == 0 || strcmp(name, "INPUT") == 0 ||
		strcmp(name, "FORWARD") == 0 || strcmp(name, "OUTPUT") == 0) {
		struct chain *chain = table_add_chain(paper->arena, paper->table, name);

		chain->is_base = true;
		chain->policy = "ACCEPT";
		return chain;
	}
	refuse(paper, "no such chain");
}

static bool is_jumped_to(const struct table *table, const char *name)
{
	for (size_t c = 0; c < table->n_chains; c++)
		for (size_t r = 0; r < table->chains[c].n_rules; r++) {
			const struct target *target = &table->chains[c].rules[r].target;

			if ((target->kind == TARGET_JUMP || target->kind == TARGET_GOTO) &&
				strcmp(target->chain, name) == 0)
				return true;
		}
	for (size_t s = 0; s < table->n_sets; s++)
		for (size_t i = 0; i < table->sets[s].n_elements; i++) {
			const struct target *target = &table->sets[s].elements[i].target;

			if ((target->kind == TARGET_JUMP || target->kind == TARGET_GOTO) &&
				strcmp(target->chain, name) == 0)
				return true;
		}
	return false;
}

/* The line that declares the chain a rule jumps to, without which it would be a target's name. */
static const char *declaration(struct paper *paper, const char *text)
{
	const char *word = NULL;

	for (const char *at = text; (at = strstr(at, " -")); at += 2)
		if (text_has_prefix(at, " -j ") || text_has_prefix(at, " -g "))
			word = at + strlen(" -j ");
	if (text_has_prefix(text, "-j "))
		word = word ? word : text + strlen("-j ");
	if (!word)
		return "";
	word = arena_strndup(paper->arena, word, strcspn(word, " "));
	return table_chain(paper->table, word) ? arena_printf(paper->arena, ":%s - [0:0]\n", word)
					       : "";
}

static struct rule parse_rule(struct paper *paper, const char *text)
{
	struct ruleset *rs = ruleset_new(paper->arena);
	const char *whole =
		paper->family == FAMILY_BRIDGE
			? arena_printf(paper->arena,
				  "table bridge t {\n\tchain c {\n\t\t%s\n\t}\n}\n", text)
			: arena_printf(paper->arena, "*filter\n:c - [0:0]\n%s-A c %s\nCOMMIT\n",
				  declaration(paper, text), text);
	struct err err;
	struct rule rule;
	bool ok = paper->family == FAMILY_BRIDGE
			  ? ruleset_parse_nft(paper->arena, rs, "rule", whole, &err)
			  : ruleset_parse_iptables(
				    paper->arena, rs, paper->family, "rule", whole, &err);

	if (!ok)
		refuse(paper, err.text);
	expect(paper, rs->n_tables == 1 && rs->tables[0].n_chains >= 1);
	expect(paper, rs->tables[0].chains[0].n_rules == 1);
	rule = rs->tables[0].chains[0].rules[0];
	rule.line = 0;
	expect(paper, rule.target.kind != TARGET_OPAQUE); /* a chain that is not there */
	for (size_t m = 0; m < rule.n_matches; m++)
		if (rule.matches[m].kind == MATCH_SET)
			expect(paper, ruleset_set(paper->rs, rule.matches[m].set.name));
	return rule;
}

static void insert_rule(
	struct paper *paper, struct chain *chain, size_t at, const struct rule *rule)
{
	chain_add_rule(paper->arena, chain);
	memmove(&chain->rules[at + 1], &chain->rules[at],
		(chain->n_rules - 1 - at) * sizeof(chain->rules[0]));
	chain->rules[at] = *rule;
}

static void delete_rule(struct chain *chain, size_t at)
{
	memmove(&chain->rules[at], &chain->rules[at + 1],
		(chain->n_rules - 1 - at) * sizeof(chain->rules[0]));
	chain->n_rules--;
}

static void remove_chain(struct paper *paper, struct chain *chain)
{
	size_t at = (size_t)(chain - paper->table->chains);

	expect(paper, !chain->is_base || paper->family == FAMILY_BRIDGE);
	expect(paper, chain->n_rules == 0);
	expect(paper, !is_jumped_to(paper->table, chain->name));
	memmove(chain, chain + 1, (paper->table->n_chains - 1 - at) * sizeof(*chain));
	paper->table->n_chains--;
}

static void begin_table(struct paper *paper, const char *name)
{
	expect(paper, !paper->table);
	paper->original = ruleset_add_table(paper->arena, paper->rs, paper->family, name);
	paper->original->chain_index = NULL;
	paper->table = arena_new_one(paper->arena, struct table);
	*paper->table = *paper->original;
	clone_table(paper->arena, paper->table);
	paper->declared = map_new(paper->arena);
}

static void declare_chain(struct paper *paper, const char *name)
{
	expect(paper, !table_chain(paper->table, name)); /* would empty it */
	table_add_chain(paper->arena, paper->table, name);
	map_add(paper->declared, arena_strdup(paper->arena, name), paper);
}

static void rule_command(struct paper *paper, char command, char *rest, struct counters counters)
{
	char *name = strsep(&rest, " "), *end;
	struct chain *chain = chain_get(paper, name);
	struct rule rule;
	size_t at = 0;

	if (command == 'I' || command == 'D') {
		expect(paper, rest);
		at = strtoul(rest, &end, 10);
		expect(paper, at >= 1);
		rest = *end ? end + 1 : end;
	}
	switch (command) {
	case 'A':
		expect(paper, map_find(paper->declared, name));
		/* fall through */
	case 'I':
		rule = parse_rule(paper, rest ? rest : "");
		rule.counters = counters;
		if (command == 'A')
			at = chain->n_rules + 1;
		expect(paper, at <= chain->n_rules + 1);
		insert_rule(paper, chain, at - 1, &rule);
		break;
	case 'D':
		expect(paper, !*rest && at <= chain->n_rules);
		delete_rule(chain, at - 1);
		break;
	case 'F':
		expect(paper, !rest && !chain->is_base);
		chain->n_rules = 0;
		break;
	case 'X':
		expect(paper, !rest);
		remove_chain(paper, chain);
		break;
	default:
		refuse(paper, "no such command");
	}
}

static void iptables_line(struct paper *paper, char *line)
{
	struct counters counters = { 0 };

	if (line[0] == '*') {
		begin_table(paper, line + 1);
		return;
	}
	expect(paper, paper->table);
	if (strcmp(line, "COMMIT") == 0) {
		*paper->original = *paper->table;
		paper->table = NULL;
		return;
	}
	if (line[0] == ':') {
		char *name = strsep(&line, " ") + 1;

		expect(paper, strcmp(line, "- [0:0]") == 0);
		declare_chain(paper, name);
		return;
	}
	if (line[0] == '[') {
		counters.packets = strtoull(line + 1, &line, 10);
		expect(paper, *line == ':');
		counters.bytes = strtoull(line + 1, &line, 10);
		expect(paper, text_has_prefix(line, "] "));
		line += 2;
	}
	expect(paper, line[0] == '-' && line[1] && line[2] == ' ');
	rule_command(paper, line[1], line + 3, counters);
}

/* ---- ipset */

static bool is_set_used(const struct ruleset *rs, const char *name)
{
	for (size_t t = 0; t < rs->n_tables; t++)
		for (size_t c = 0; c < rs->tables[t].n_chains; c++)
			for (size_t r = 0; r < rs->tables[t].chains[c].n_rules; r++) {
				const struct rule *rule = &rs->tables[t].chains[c].rules[r];

				for (size_t m = 0; m < rule->n_matches; m++)
					if (rule->matches[m].kind == MATCH_SET &&
						strcmp(rule->matches[m].set.name, name) == 0)
						return true;
			}
	return false;
}

static void set_create(struct paper *paper, const char *name, char *rest, bool exist)
{
	struct set *set = (struct set *)ruleset_set(paper->rs, name);
	const char *last = rest ? strrchr(rest, ' ') : NULL;
	bool is_ipv6;
	uint32_t max = 0;

	expect(paper, strlen(name) <= 31);
	is_ipv6 = text_has_prefix(rest, "hash:net family inet6 maxelem ");
	expect(paper, is_ipv6 || text_has_prefix(rest, "hash:net family inet maxelem "));
	expect(paper, last && text_to_u32(last + 1, 1, UINT32_MAX, &max));
	if (set) {
		expect(paper, exist && set->max_elem == max);
		return;
	}
	set = ruleset_add_set(paper->arena, paper->rs, name);
	set->kind = SET_HASH_NET;
	set->family = is_ipv6 ? FAMILY_IPV6 : FAMILY_IPV4;
	set->max_elem = max;
}

static void set_member(
	struct paper *paper, struct set *set, bool is_add, const char *text, bool exist)
{
	struct set_element element = { 0 };
	struct set_element *elements =
		arena_new_array(paper->arena, struct set_element, set->n_elements + 1);
	size_t at = 0, n = set->n_elements;
	bool is_there;

	expect(paper, prefix_parse(text, &element.prefix) && element.prefix.len > 0);
	expect(paper, element.prefix.addr.family == set->family);
	while (at < n && prefix_compare(&set->elements[at].prefix, &element.prefix) < 0)
		at++;
	is_there = at < n && prefix_compare(&set->elements[at].prefix, &element.prefix) == 0;
	if (is_there == is_add) {
		expect(paper, exist);
		return;
	}
	if (n)
		memcpy(elements, set->elements, n * sizeof(element));
	if (is_add) {
		expect(paper, n < set->max_elem);
		memmove(elements + at + 1, elements + at, (n - at) * sizeof(element));
		elements[at] = element;
	} else {
		memmove(elements + at, elements + at + 1, (n - at - 1) * sizeof(element));
	}
	set->elements = elements;
	set->n_elements = is_add ? n + 1 : n - 1;
}

static void set_swap(struct paper *paper, struct set *a, struct set *b)
{
	struct set old = *a;
	const char *name_b = b->name;

	expect(paper, a->family == b->family && a->kind == b->kind);
	*a = *b;
	a->name = old.name;
	*b = old;
	b->name = name_b;
}

static void set_destroy(struct paper *paper, struct set *set)
{
	size_t at = (size_t)(set - paper->rs->sets);

	expect(paper, !is_set_used(paper->rs, set->name));
	memmove(set, set + 1, (paper->rs->n_sets - 1 - at) * sizeof(*set));
	paper->rs->n_sets--;
}

static void ipset_line(struct paper *paper, char *line)
{
	char *command = strsep(&line, " "), *name = strsep(&line, " "), *exist;
	struct set *set;
	bool has_exist;

	expect(paper, name);
	exist = line ? strstr(line, " -exist") : NULL;
	has_exist = exist && !exist[strlen(" -exist")];
	if (has_exist)
		*exist = '\0';
	if (strcmp(command, "create") == 0) {
		set_create(paper, name, line, has_exist);
		return;
	}
	set = (struct set *)ruleset_set(paper->rs, name);
	expect(paper, set);
	if (strcmp(command, "add") == 0) {
		set_member(paper, set, true, line, has_exist);
	} else if (strcmp(command, "del") == 0) {
		set_member(paper, set, false, line, has_exist);
	} else if (strcmp(command, "swap") == 0) {
		struct set *other = (struct set *)ruleset_set(paper->rs, line);

		expect(paper, other && !has_exist);
		set_swap(paper, set, other);
	} else {
		expect(paper, strcmp(command, "destroy") == 0 && !line && !has_exist);
		set_destroy(paper, set);
	}
}

/* ---- nft */

static void drop_table(struct paper *paper)
{
	size_t at = (size_t)(paper->table - paper->rs->tables);

	memmove(paper->table, paper->table + 1,
		(paper->rs->n_tables - 1 - at) * sizeof(*paper->table));
	paper->rs->n_tables--;
}

static void nft_elements(struct paper *paper, bool is_add, const char *name, const char *rest)
{
	struct set *set = (struct set *)table_set(paper->table, name);
	VEC(struct set_element) elements = { 0 };

	expect(paper, set);
	if (is_add) {
		struct ruleset *rs = ruleset_new(paper->arena);
		const char *text = arena_printf(paper->arena,
			"table bridge t {\n\tmap m {\n\t\ttype ifname : verdict\n"
			"\t\telements = %s\n\t}\n}\n",
			rest);
		struct err err;
		const struct set *more;
		size_t a = 0, b = 0;

		if (!ruleset_parse_nft(paper->arena, rs, "elements", text, &err))
			refuse(paper, err.text);
		more = &rs->tables[0].sets[0];
		while (a < set->n_elements || b < more->n_elements) {
			int order = a == set->n_elements ? 1
				    : b == more->n_elements
					    ? -1
					    : strcmp(set->elements[a].name, more->elements[b].name);

			expect(paper, order != 0);
			*vec_push(&elements, paper->arena) =
				order < 0 ? set->elements[a++] : more->elements[b++];
		}
		for (size_t i = 0; i < more->n_elements; i++)
			if (more->elements[i].target.kind == TARGET_GOTO)
				expect(paper,
					table_chain(paper->table, more->elements[i].target.chain));
	} else {
		size_t n_gone = 0;

		for (const char *c = rest; *c; c++)
			n_gone += *c == '"';
		for (size_t i = 0; i < set->n_elements; i++)
			if (!strstr(rest,
				    arena_printf(paper->arena, "\"%s\"", set->elements[i].name)))
				*vec_push(&elements, paper->arena) = set->elements[i];
		expect(paper, set->n_elements - elements.n == n_gone / 2);
	}
	set->elements = elements.items;
	set->n_elements = elements.n;
}

static void nft_line(struct paper *paper, char *line)
{
	char *verb = strsep(&line, " "), *object = strsep(&line, " "), *name;
	bool is_add = strcmp(verb, "add") == 0, is_delete = strcmp(verb, "delete") == 0;
	struct chain *chain;

	expect(paper, strcmp(strsep(&line, " "), "bridge") == 0);
	name = strsep(&line, " ");
	paper->table = (struct table *)ruleset_table(paper->rs, FAMILY_BRIDGE, name);
	if (strcmp(object, "table") == 0) {
		expect(paper, is_add != is_delete);
		if (is_delete) {
			expect(paper, paper->table);
			drop_table(paper);
		} else {
			ruleset_add_table(paper->arena, paper->rs, FAMILY_BRIDGE, name)
				->chain_index = NULL;
		}
		return;
	}
	expect(paper, paper->table && line);
	name = strsep(&line, " ");
	if (strcmp(object, "map") == 0) {
		expect(paper, is_add && !table_set(paper->table, name));
		expect(paper, strcmp(line, "{ type ifname : verdict; }") == 0);
		table_add_set(paper->arena, paper->table, name)->kind = MAP_IFNAME_VERDICT;
		return;
	}
	if (strcmp(object, "element") == 0) {
		nft_elements(paper, is_add, name, line);
		return;
	}
	if (strcmp(object, "chain") == 0 && is_add) {
		expect(paper, !table_chain(paper->table, name));
		chain = table_add_chain(paper->arena, paper->table, name);
		if (line) {
			chain->is_base = true;
			chain->policy = "ACCEPT";
			expect(paper, text_has_prefix(line, "{ type filter hook "));
			chain->hook_text = arena_strndup(paper->arena, line + 2, strlen(line) - 4);
		}
		return;
	}
	chain = (struct chain *)table_chain(paper->table, name);
	expect(paper, chain);
	if (strcmp(object, "chain") == 0 && strcmp(verb, "flush") == 0) {
		chain->n_rules = 0;
	} else if (strcmp(object, "chain") == 0) {
		expect(paper, is_delete);
		remove_chain(paper, chain);
	} else {
		struct rule rule;

		expect(paper, is_add && strcmp(object, "rule") == 0 && line);
		rule = parse_rule(paper, line);
		insert_rule(paper, chain, chain->n_rules, &rule);
	}
}

/* ---- all */

size_t paper_n_lines(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

void paper_run(
	struct arena *arena, struct ruleset *rs, enum tool tool, const char *text, size_t n_lines)
{
	struct paper paper = { .arena = arena,
		.rs = rs,
		.family = tool == TOOL_IPTABLES	   ? FAMILY_IPV4
			  : tool == TOOL_IP6TABLES ? FAMILY_IPV6
						   : FAMILY_BRIDGE };

	for (size_t i = 0; i < n_lines && *text; i++) {
		const char *end = strchr(text, '\n');
		char *line;

		expect(&paper, end);
		paper.line = arena_strndup(arena, text, (size_t)(end - text));
		line = arena_strdup(arena, paper.line);
		if (tool == TOOL_IPSET)
			ipset_line(&paper, line);
		else if (tool == TOOL_NFT)
			nft_line(&paper, line);
		else
			iptables_line(&paper, line);
		text = end + 1;
	}
	expect(&paper, tool == TOOL_NFT || !paper.table);
}

/* ---- comparison */

static bool is_bare(const struct table *table)
{
	for (size_t i = 0; i < table->n_chains; i++)
		if (!table->chains[i].is_base || table->chains[i].n_rules)
			return false;
	return table->family != FAMILY_BRIDGE;
}

static bool chain_is_same(const struct chain *a, const struct chain *b, bool with_counters)
{
	if (a->n_rules != b->n_rules || a->is_base != b->is_base)
		return false;
	for (size_t i = 0; i < a->n_rules; i++) {
		const struct rule *in_a = &a->rules[i], *in_b = &b->rules[i];

		if (!rule_equal(in_a, in_b) ||
			(with_counters && (in_a->counters.packets != in_b->counters.packets ||
						  in_a->counters.bytes != in_b->counters.bytes)))
			return false;
	}
	return true;
}

static bool members_are_same(const struct set *a, const struct set *b)
{
	if (a->n_elements != b->n_elements || a->kind != b->kind || a->family != b->family)
		return false;
	for (size_t i = 0; i < a->n_elements; i++)
		if (a->kind == SET_HASH_NET
				? prefix_compare(&a->elements[i].prefix, &b->elements[i].prefix) !=
					  0
				: strcmp(a->elements[i].name, b->elements[i].name) != 0 ||
					  !target_equal(
						  &a->elements[i].target, &b->elements[i].target))
			return false;
	return true;
}

/* Is all of a in b, and equal? Then the other way round. */
static bool is_within(const struct ruleset *a, const struct ruleset *b, bool with_counters,
	const char **ret_where)
{
	for (size_t t = 0; t < a->n_tables; t++) {
		const struct table *table = &a->tables[t],
				   *other = ruleset_table(b, table->family, table->name);

		*ret_where = table->name;
		if (!other && !is_bare(table))
			return false;
		for (size_t c = 0; other && c < table->n_chains; c++) {
			const struct chain *chain = &table->chains[c],
					   *same = table_chain(other, chain->name);

			*ret_where = chain->name;
			if (same ? !chain_is_same(chain, same, with_counters)
				 : !chain->is_base || chain->n_rules)
				return false;
		}
		for (size_t s = 0; other && s < table->n_sets; s++) {
			const struct set *same = table_set(other, table->sets[s].name);

			*ret_where = table->sets[s].name;
			if (!same || !members_are_same(&table->sets[s], same))
				return false;
		}
	}
	for (size_t s = 0; s < a->n_sets; s++) {
		const struct set *same = ruleset_set(b, a->sets[s].name);

		*ret_where = a->sets[s].name;
		if (!same || !members_are_same(&a->sets[s], same))
			return false;
	}
	return true;
}

bool paper_is_same(const struct ruleset *a, const struct ruleset *b, bool with_counters,
	const char **ret_where)
{
	return is_within(a, b, with_counters, ret_where) &&
	       is_within(b, a, with_counters, ret_where);
}

/* ---- what must be there in the end */

static bool is_ours(const struct plan_scope *scope, const struct rule *rule)
{
	return rule->target.kind == TARGET_JUMP && plan_scope_has_chain(scope, rule->target.chain);
}

static void add_rules(struct arena *arena, const struct plan_scope *scope, struct chain *chain,
	const struct chain *from, bool foreign_only)
{
	for (size_t i = 0; from && i < from->n_rules; i++)
		if (!foreign_only || !is_ours(scope, &from->rules[i]))
			*chain_add_rule(arena, chain) = from->rules[i];
}

static void add_all_chains(struct arena *arena, const struct plan_scope *scope, struct ruleset *rs,
	const struct table *table, const struct ruleset *found, bool is_wanted)
{
	struct table *to = ruleset_add_table(arena, rs, table->family, table->name);
	const struct table *old = ruleset_table(found, table->family, table->name);

	for (size_t c = 0; c < table->n_chains; c++) {
		const struct chain *from = &table->chains[c];
		struct chain *chain;

		if (table_chain(to, from->name) ||
			(!is_wanted && !from->is_base && plan_scope_has_chain(scope, from->name)))
			continue;
		chain = table_add_chain(arena, to, from->name);
		chain->is_base = from->is_base;
		if (is_wanted) {
			add_rules(arena, scope, chain, from, false);
			if (from->is_base && old)
				add_rules(arena, scope, chain, table_chain(old, from->name), true);
		} else {
			add_rules(arena, scope, chain, from, from->is_base);
		}
	}
}

struct ruleset *paper_expected(struct arena *arena, const struct plan_scope *scope,
	const struct ruleset *wanted, const struct ruleset *found)
{
	struct ruleset *rs = ruleset_new(arena);

	for (size_t t = 0; t < wanted->n_tables; t++) {
		const struct table *table = &wanted->tables[t];

		if (table->family == FAMILY_BRIDGE)
			*ruleset_add_table(arena, rs, table->family, table->name) = *table;
		else
			add_all_chains(arena, scope, rs, table, found, true);
	}
	for (size_t t = 0; t < found->n_tables; t++)
		if (found->tables[t].family != FAMILY_BRIDGE)
			add_all_chains(arena, scope, rs, &found->tables[t], found, false);
	for (size_t s = 0; s < wanted->n_sets; s++)
		*ruleset_add_set(arena, rs, wanted->sets[s].name) = wanted->sets[s];
	for (size_t s = 0; s < found->n_sets; s++)
		if (!plan_scope_has_set(scope, found->sets[s].name))
			*ruleset_add_set(arena, rs, found->sets[s].name) = found->sets[s];
	return rs;
}
