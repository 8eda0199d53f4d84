// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The nft table of the bridge family. Two maps from the name of a port to its chain make every
 * port's rules one element; an element that says drop closes its port. So a new port is closed in
 * the first step of a plan, and opened in the last, when all else is in place. A port whose element is to say drop, or that
 * goes from a table that closes what has none, is closed in the first step as well: its rules go behind it.
 *
 * Every step is one nft transaction. What is in the table and not wanted there, apart from
 * ports' chains and elements, cannot be edited away: then the table is deleted and made again
 * within the transaction, which no packet can see either.
 *
 * nft has no escape in quoted texts: names and comments that would end one are refused.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "ruleset/plan_internal.h"

/* ---- comparing */

static bool text_same(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* Priorities that nft prints by name in the bridge family, give or take 10. */
static const char *priority_parse(const char *text, long *ret)
{
	static const struct {
		const char *name;
		long value;
	} names[] = { { "dstnat", -300 }, { "filter", -200 }, { "out", 100 }, { "srcnat", 300 } };
	char *end;

	for (size_t i = 0; i < N_OF(names); i++) {
		long sign;

		if (!text_has_prefix(text, names[i].name))
			continue;
		*ret = names[i].value;
		text += strlen(names[i].name);
		if (strncmp(text, " + ", 3) != 0 && strncmp(text, " - ", 3) != 0)
			return text;
		sign = text[1] == '-' ? -1 : 1;
		*ret += sign * strtol(text + 3, &end, 10);
		return end;
	}
	*ret = strtol(text, &end, 10);
	return end;
}

static bool hook_same(const char *a, const char *b)
{
	static const char word[] = "priority ";
	const char *in_a = a ? strstr(a, word) : NULL, *in_b = b ? strstr(b, word) : NULL;
	long priority_a, priority_b;

	if (!in_a || !in_b)
		return text_same(a, b);
	if (in_a - a != in_b - b || strncmp(a, b, (size_t)(in_a - a)) != 0)
		return false;
	in_a = priority_parse(in_a + strlen(word), &priority_a);
	in_b = priority_parse(in_b + strlen(word), &priority_b);
	return priority_a == priority_b && strcmp(in_a, in_b) == 0;
}

bool l2_is_same_rules(const struct chain *a, const struct chain *b)
{
	if (a->n_rules != b->n_rules)
		return false;
	for (size_t i = 0; i < a->n_rules; i++)
		if (!rule_equal(&a->rules[i], &b->rules[i]))
			return false;
	return true;
}

static bool element_same(const struct set_element *a, const struct set_element *b)
{
	return strcmp(a->name, b->name) == 0 && target_equal(&a->target, &b->target);
}

/* Can from become to without making it again? */
static bool is_editable(const struct table *from, const struct table *to)
{
	if (!text_same(from->comment, to->comment))
		return false;
	for (size_t i = 0; i < from->n_sets; i++) {
		const struct set *other = table_set(to, from->sets[i].name);

		if (!other || other->kind != from->sets[i].kind || from->sets[i].opaque)
			return false;
	}
	for (size_t i = 0; i < from->n_chains; i++) {
		const struct chain *chain = &from->chains[i], *other = table_chain(to, chain->name);

		if (other ? other->is_base != chain->is_base ||
					(chain->is_base &&
						!hook_same(chain->hook_text, other->hook_text))
			  : chain->is_base)
			return false;
	}
	return true;
}

/* ---- what nft can be told */

static bool is_identifier(const char *name)
{
	if (!isalpha((unsigned char)name[0]))
		return false;
	for (; *name; name++)
		if (!isalnum((unsigned char)*name) && !strchr("/\\_.-", *name))
			return false;
	return true;
}

static bool is_quotable(const char *text)
{
	for (; *text; text++)
		if (*text == '"' || (unsigned char)*text < ' ' || *text == 0x7f)
			return false;
	return true;
}

/* A trailing * would be a wildcard, a \ an escape of it. */
static bool is_iface_name(const char *name)
{
	return *name && is_quotable(name) && !strpbrk(name, "*\\");
}

static bool check_rule(const struct chain *chain, const struct rule *rule, struct err *err)
{
	if (rule->comment && !is_quotable(rule->comment))
		return err_input(err,
			"the comment of a rule of nft chain %s holds a quote or a control "
			"character: %s",
			chain->name, rule->comment);
	for (size_t i = 0; i < rule->n_matches; i++)
		if ((rule->matches[i].kind == MATCH_IN_IFACE ||
			    rule->matches[i].kind == MATCH_OUT_IFACE) &&
			!is_quotable(rule->matches[i].name))
			return err_input(
				err, "nft cannot name the interface %s", rule->matches[i].name);
	return true;
}

static bool check_wanted(const struct table *table, struct err *err)
{
	for (size_t s = 0; s < table->n_sets; s++) {
		if (!is_identifier(table->sets[s].name))
			return err_input(err, "nft cannot name a map %s", table->sets[s].name);
		for (size_t i = 0; i < table->sets[s].n_elements; i++)
			if (!is_iface_name(table->sets[s].elements[i].name))
				return err_input(err, "nft cannot name the interface %s",
					table->sets[s].elements[i].name);
	}
	for (size_t c = 0; c < table->n_chains; c++) {
		const struct chain *chain = &table->chains[c];

		if (!is_identifier(chain->name))
			return err_input(err, "nft cannot name a chain %s", chain->name);
		for (size_t r = 0; r < chain->n_rules; r++)
			if (!check_rule(chain, &chain->rules[r], err))
				return false;
	}
	if (table->comment && !is_quotable(table->comment))
		return err_input(err, "the comment of nft table %s holds a quote", table->name);
	return true;
}

/* ---- text */

struct writer {
	struct text *out;
	struct arena *arena;
	const char *table;
};

static void write_line(struct writer *writer, const char *command, const char *name)
{
	text_addf(writer->out, "%s bridge %s %s", command, writer->table, name);
}

static void write_set(struct writer *writer, const struct set *set)
{
	bool is_map = set->kind == MAP_IFNAME_VERDICT;

	write_line(writer, is_map ? "add map" : "add set", set->name);
	text_addf(writer->out, " { type ifname%s; }\n", is_map ? " : verdict" : "");
}

static void write_chain(struct writer *writer, const struct chain *chain)
{
	write_line(writer, "add chain", chain->name);
	if (chain->hook_text)
		text_addf(writer->out, " { %s }", chain->hook_text);
	text_add(writer->out, "\n");
}

/* Rules that were there before (in before, or NULL) go on counting from where they were. */
static void write_rules(
	struct writer *writer, const struct chain *chain, const struct chain *before)
{
	struct hunk *hunks = NULL;
	size_t n_hunks = 0, h = 0, at = 0;

	if (before)
		diff_rules(writer->arena, before->rules, before->n_rules, chain->rules,
			chain->n_rules, &hunks, &n_hunks);
	for (size_t i = 0; i < chain->n_rules; i++) {
		struct rule rule = chain->rules[i];

		while (h < n_hunks && i >= hunks[h].at_to + hunks[h].n_ins) {
			at = hunks[h].at_from + hunks[h].n_del;
			h++;
		}
		if (before && !(h < n_hunks && i >= hunks[h].at_to)) {
			if (!rule.counters.packets)
				rule.counters = before->rules[at].counters;
			at++;
		}
		write_line(writer, "add rule", chain->name);
		text_add(writer->out, " ");
		rule_print(writer->out, FAMILY_BRIDGE, &rule);
		text_add(writer->out, "\n");
	}
}

static void write_element(struct writer *writer, const struct set *set,
	const struct set_element *element, bool is_added, bool *is_first)
{
	if (*is_first) {
		write_line(writer, is_added ? "add element" : "delete element", set->name);
		text_add(writer->out, " { ");
	} else {
		text_add(writer->out, ", ");
	}
	*is_first = false;
	if (is_added)
		set_element_print(writer->out, set, element);
	else
		text_addf(writer->out, "\"%s\"", element->name);
}

/* Elements of a that are not in b, by name and verdict. */
static void write_elements(
	struct writer *writer, const struct set *a, const struct set *b, bool is_added)
{
	bool is_first = true;
	size_t at = 0;

	for (size_t i = 0; i < a->n_elements; i++) {
		const struct set_element *element = &a->elements[i];

		while (b && at < b->n_elements && strcmp(b->elements[at].name, element->name) < 0)
			at++;
		if (!(b && at < b->n_elements && element_same(&b->elements[at], element)))
			write_element(writer, a, element, is_added, &is_first);
	}
	if (!is_first)
		text_add(writer->out, " }\n");
}

/* The whole table; rules that before has too keep their counters. */
static void write_table(
	struct writer *writer, const struct table *table, const struct table *before)
{
	text_addf(writer->out, "add table bridge %s", table->name);
	if (table->comment)
		text_addf(writer->out, " { comment \"%s\"; }", table->comment);
	text_add(writer->out, "\n");
	for (size_t i = 0; i < table->n_sets; i++)
		if (!table->sets[i].opaque && table->sets[i].kind != SET_NFT)
			write_set(writer, &table->sets[i]);
	for (size_t i = 0; i < table->n_chains; i++)
		write_chain(writer, &table->chains[i]);
	for (size_t i = 0; i < table->n_chains; i++)
		write_rules(writer, &table->chains[i],
			before ? table_chain(before, table->chains[i].name) : NULL);
	for (size_t i = 0; i < table->n_sets; i++)
		write_elements(writer, &table->sets[i], NULL, true);
}

static void write_edit(struct writer *writer, const struct table *from, const struct table *to)
{
	for (size_t i = 0; i < to->n_sets; i++)
		if (!table_set(from, to->sets[i].name))
			write_set(writer, &to->sets[i]);
	for (size_t i = 0; i < to->n_chains; i++)
		if (!table_chain(from, to->chains[i].name))
			write_chain(writer, &to->chains[i]);
	for (size_t i = 0; i < to->n_chains; i++) {
		const struct chain *chain = &to->chains[i], *old = table_chain(from, chain->name);

		if (old && l2_is_same_rules(old, chain))
			continue;
		if (old) {
			write_line(writer, "flush chain", chain->name);
			text_add(writer->out, "\n");
		}
		write_rules(writer, chain, old);
	}
	for (size_t i = 0; i < from->n_sets; i++)
		write_elements(writer, &from->sets[i], table_set(to, from->sets[i].name), false);
	for (size_t i = 0; i < to->n_sets; i++)
		write_elements(writer, &to->sets[i], table_set(from, to->sets[i].name), true);
	for (int delete = 0; delete <= 1; delete ++)
		for (size_t i = 0; i < from->n_chains; i++)
			if (!table_chain(to, from->chains[i].name)) {
				write_line(writer, delete ? "delete chain" : "flush chain",
					from->chains[i].name);
				text_add(writer->out, "\n");
			}
}

static const char *write_change(
	struct arena *arena, const struct table *from, const struct table *to)
{
	struct text out CLEANUP(text_done) = TEXT_INIT;
	struct writer writer = {
		.out = &out, .arena = arena, .table = from ? from->name : to->name
	};

	if (from && to && is_editable(from, to)) {
		write_edit(&writer, from, to);
	} else {
		if (from)
			text_addf(&out, "delete table bridge %s\n", from->name);
		if (to)
			write_table(&writer, to, from);
	}
	return arena_strndup(arena, out.data, out.len);
}

bool l2_step(struct arena *arena, const struct table *from, const struct table *to, step_vec *steps,
	struct err *err)
{
	const char *text;

	if (from == to)
		return true;
	if (to && !check_wanted(to, err))
		return false;
	text = write_change(arena, from, to);
	if (*text)
		*vec_push(steps, arena) = (struct plan_step){ .tool = TOOL_NFT,
			.text = text,
			.undo = write_change(arena, to, from),
			.is_atomic = true };
	return true;
}

/* ---- the three states */

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct set_element *)a)->name, ((const struct set_element *)b)->name);
}

static const struct set_element *element_find(const struct set *set, const char *name)
{
	const struct set_element key = { .name = name };

	return set && set->n_elements ? bsearch(&key, set->elements, set->n_elements,
						sizeof(set->elements[0]), compare_names)
				      : NULL;
}

/* Does the table drop what comes from interfaces that its maps do not have? */
static bool closes_others(const struct table *table)
{
	for (size_t c = 0; c < table->n_chains; c++)
		for (size_t r = 0; table->chains[c].is_base && r < table->chains[c].n_rules; r++)
			if (table->chains[c].rules[r].target.kind == TARGET_DROP)
				return true;
	return false;
}

/* Ports that neither the table nor the rules of both families know yet, but for those that are let through unasked. */
static void find_new_ports(struct arena *arena, const struct plan_scope *scope,
	const struct l2_plan *l2, const struct ruleset *found, struct map *ports)
{
	struct map *known[N_IP_FAMILIES] = { devices_of(arena, scope, found, FAMILY_IPV4),
		devices_of(arena, scope, found, FAMILY_IPV6) };

	for (size_t s = 0; s < l2->wanted->n_sets; s++) {
		const struct set *set = &l2->wanted->sets[s];
		const struct set *old = l2->found ? table_set(l2->found, set->name) : NULL;

		for (size_t i = 0; i < set->n_elements; i++) {
			const char *name = set->elements[i].name;

			if (set->elements[i].target.kind != TARGET_ACCEPT &&
				!element_find(old, name) &&
				!(map_find(known[FAMILY_IPV4], name) &&
					map_find(known[FAMILY_IPV6], name)))
				map_add(ports, name, (void *)name);
		}
	}
}

/* Ports that are open, and will be closed. */
static void find_ports_to_close(const struct l2_plan *l2, struct map *ports)
{
	bool closes = closes_others(l2->wanted);

	for (size_t s = 0; l2->found && s < l2->found->n_sets; s++) {
		const struct set *set = &l2->found->sets[s];
		const struct set *next = table_set(l2->wanted, set->name);

		for (size_t i = 0; next && i < set->n_elements; i++) {
			const char *name = set->elements[i].name;
			const struct set_element *to = element_find(next, name);

			if (set->elements[i].target.kind != TARGET_DROP &&
				(to ? to->target.kind == TARGET_DROP : closes))
				map_add(ports, name, (void *)name);
		}
	}
}

/* The elements of both, where the ports that l2 closes say drop. */
static void close_ports(
	struct arena *arena, struct set *set, const struct set *wanted, const struct l2_plan *l2)
{
	VEC(struct set_element) elements = { 0 };

	for (size_t i = 0; i < set->n_elements; i++) {
		struct set_element element = set->elements[i];

		if (map_find(l2->closed, element.name))
			continue;
		if (map_find(l2->closing, element.name))
			element.target = (struct target){ .kind = TARGET_DROP };
		*vec_push(&elements, arena) = element;
	}
	for (size_t i = 0; i < wanted->n_elements; i++)
		if (map_find(l2->closed, wanted->elements[i].name))
			*vec_push(&elements, arena) =
				(struct set_element){ .name = wanted->elements[i].name,
					.target = { .kind = TARGET_DROP } };
	if (elements.n)
		qsort(elements.items, elements.n, sizeof(elements.items[0]), compare_names);
	set->elements = elements.items;
	set->n_elements = elements.n;
}

/*
 * A base chain between the first step and the last. Where it is not yet as wanted it does not close what the maps do not have: they
 * are not yet complete either.
 */
static struct chain middle_base(
	struct arena *arena, const struct table *found, const struct chain *wanted)
{
	const struct chain *old = table_chain(found, wanted->name);
	struct chain middle = *wanted;

	if (old && l2_is_same_rules(old, wanted))
		return middle;
	middle.rules = arena_new_array(arena, struct rule, wanted->n_rules);
	middle.n_rules = 0;
	for (size_t i = 0; i < wanted->n_rules; i++)
		if (wanted->rules[i].target.kind != TARGET_DROP)
			middle.rules[middle.n_rules++] = wanted->rules[i];
	return middle;
}

/* What was found with all that is missing of the skeleton, and ports closed. */
static const struct table *make_middle(struct arena *arena, const struct l2_plan *l2)
{
	const struct table *found = l2->found, *wanted = l2->wanted;
	bool keep = found && is_editable(found, wanted);
	struct table *middle = arena_new_one(arena, struct table);

	middle->family = FAMILY_BRIDGE;
	middle->name = wanted->name;
	middle->comment = wanted->comment;
	middle->chain_index = map_new(arena);
	for (size_t i = 0; i < wanted->n_chains; i++) {
		const struct chain *chain = &wanted->chains[i];

		if (!keep || chain->is_base)
			*table_add_chain(arena, middle, chain->name) =
				keep ? middle_base(arena, found, chain) : *chain;
	}
	for (size_t i = 0; keep && i < found->n_chains; i++)
		if (!found->chains[i].is_base)
			*table_add_chain(arena, middle, found->chains[i].name) = found->chains[i];
	for (size_t i = 0; i < wanted->n_sets; i++) {
		struct set *set = table_add_set(arena, middle, wanted->sets[i].name);
		const struct set *old = keep ? table_set(found, wanted->sets[i].name) : NULL;

		*set = keep ? (old ? *old
				   : (struct set){ .name = set->name,
					     .kind = wanted->sets[i].kind })
			    : wanted->sets[i];
		close_ports(arena, set, &wanted->sets[i], l2);
	}
	return middle;
}

void l2_compare(struct arena *arena, const struct plan_scope *scope, const struct ruleset *wanted,
	const struct ruleset *found, struct l2_plan *ret)
{
	*ret = (struct l2_plan){ .closed = map_new(arena), .closing = map_new(arena) };
	if (!scope->l2_table)
		return;
	ret->found = ruleset_table(found, FAMILY_BRIDGE, scope->l2_table);
	ret->wanted = ruleset_table(wanted, FAMILY_BRIDGE, scope->l2_table);
	ret->middle = ret->found;
	if (!ret->wanted)
		return;
	find_new_ports(arena, scope, ret, found, ret->closed);
	find_ports_to_close(ret, ret->closing);
	if (map_n(ret->closed) || map_n(ret->closing))
		ret->middle = make_middle(arena, ret);
}
