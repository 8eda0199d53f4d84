// SPDX-License-Identifier: GPL-2.0-or-later
/* What differs, for people: counts, and a line a change. */
#include <assert.h>
#include <string.h>

#include "ruleset/plan_internal.h"

/* plan->changes grows here by doubling: n_changes is a power of two when it is full. */
static struct plan_change *change_add(struct arena *arena, struct plan *plan, enum family family,
	const char *table, const char *chain, char sign)
{
	struct plan_change *change;

	if ((plan->n_changes & (plan->n_changes - 1)) == 0) {
		struct plan_change *more = arena_new_array(
			arena, struct plan_change, plan->n_changes ? plan->n_changes * 2 : 1);

		if (plan->n_changes)
			memcpy(more, plan->changes, plan->n_changes * sizeof(*more));
		plan->changes = more;
	}
	change = &plan->changes[plan->n_changes++];
	*change = (struct plan_change){
		.family = family, .table = table, .chain = chain, .sign = sign
	};
	return change;
}

static void add_chain(struct arena *arena, struct plan *plan, enum family family, const char *table,
	const char *chain, char sign)
{
	change_add(arena, plan, family, table, chain, sign)->words = "chain";
	if (sign == '+')
		plan->counts[family].chains_added++;
	else
		plan->counts[family].chains_removed++;
}

static void add_rules(struct arena *arena, struct plan *plan, enum family family, const char *table,
	const char *chain, char sign, const struct rule *rules, size_t n)
{
	struct text words CLEANUP(text_done) = TEXT_INIT;

	for (size_t i = 0; i < n; i++) {
		struct plan_change *change = change_add(arena, plan, family, table, chain, sign);

		text_clear(&words);
		rule_print_words(&words, &rules[i]);
		change->words = arena_strndup(arena, words.data, words.len);
		change->rule = &rules[i];
	}
	if (sign == '+')
		plan->counts[family].rules_added += n;
	else
		plan->counts[family].rules_removed += n;
}

static void add_chain_edit(struct arena *arena, struct plan *plan, enum family family,
	const char *table, const struct chain_edit *edit)
{
	if (!edit->from) {
		add_chain(arena, plan, family, table, edit->name, '+');
		add_rules(arena, plan, family, table, edit->name, '+', edit->to->rules,
			edit->to->n_rules);
	} else if (!edit->to) {
		add_rules(arena, plan, family, table, edit->name, '-', edit->from->rules,
			edit->from->n_rules);
		add_chain(arena, plan, family, table, edit->name, '-');
	}
	for (size_t h = 0; h < edit->n_hunks; h++) {
		const struct hunk *hunk = &edit->hunks[h];

		assert(edit->from && edit->to); /* only what is on both sides has hunks */
		if (hunk->n_del)
			add_rules(arena, plan, family, table, edit->name, '-',
				edit->from->rules + hunk->at_from, hunk->n_del);
		if (hunk->n_ins)
			add_rules(arena, plan, family, table, edit->name, '+',
				edit->to->rules + hunk->at_to, hunk->n_ins);
	}
}

void changes_of_table(struct arena *arena, struct plan *plan, const struct table_edit *edit)
{
	for (size_t i = 0; i < edit->n_chains; i++)
		add_chain_edit(arena, plan, edit->family, edit->name, &edit->chains[i]);
}

static void add_members(struct arena *arena, struct plan *plan, enum family family,
	const char *table, const struct set *set, char sign, const struct set_element *elements,
	size_t n)
{
	struct text words CLEANUP(text_done) = TEXT_INIT;

	assert(set);
	for (size_t i = 0; i < n; i++) {
		text_clear(&words);
		set_element_print(&words, set, &elements[i]);
		change_add(arena, plan, family, table, set->name, sign)->words =
			arena_strndup(arena, words.data, words.len);
	}
	if (sign == '+')
		plan->counts[family].members_added += n;
	else
		plan->counts[family].members_removed += n;
}

static void add_set(struct arena *arena, struct plan *plan, enum family family, const char *table,
	const struct set *set, char sign)
{
	assert(set);
	change_add(arena, plan, family, table, set->name, sign)->words = "set";
	if (sign == '+')
		plan->counts[family].sets_added++;
	else
		plan->counts[family].sets_removed++;
}

void changes_of_sets(struct arena *arena, struct plan *plan, const struct set_plan *sets)
{
	for (size_t i = 0; i < sets->n_changes; i++) {
		const struct set_change *change = &sets->changes[i];

		if (!change->found)
			add_set(arena, plan, change->family, "", change->wanted, '+');
		if (change->n_removed)
			add_members(arena, plan, change->family, "", change->found, '-',
				change->removed, change->n_removed);
		if (change->n_added)
			add_members(arena, plan, change->family, "", change->wanted, '+',
				change->added, change->n_added);
		if (!change->wanted)
			add_set(arena, plan, change->family, "", change->found, '-');
	}
}

/* ---- the bridge family */

static void add_l2_chain(struct arena *arena, struct plan *plan, const char *table,
	const struct chain *from, const struct chain *to)
{
	const struct chain *either = from ? from : to;
	struct chain_edit edit = { .from = from, .to = to };

	assert(either);
	edit.name = either->name;
	if (from && to)
		diff_rules(arena, from->rules, from->n_rules, to->rules, to->n_rules, &edit.hunks,
			&edit.n_hunks);
	add_chain_edit(arena, plan, FAMILY_BRIDGE, table, &edit);
}

static void add_l2_element(struct arena *arena, struct plan *plan, const char *table,
	const struct set *set, const struct set_element *element, char sign)
{
	add_members(arena, plan, FAMILY_BRIDGE, table, set, sign, element, 1);
}

static void add_l2_set(struct arena *arena, struct plan *plan, const char *table,
	const struct set *from, const struct set *to)
{
	size_t f = 0, t = 0, n_from = from ? from->n_elements : 0, n_to = to ? to->n_elements : 0;

	if (!from)
		add_set(arena, plan, FAMILY_BRIDGE, table, to, '+');
	while (f < n_from || t < n_to) {
		int order = f == n_from ? 1
			    : t == n_to ? -1
					: strcmp(from->elements[f].name, to->elements[t].name);
		bool same = order == 0 &&
			    target_equal(&from->elements[f].target, &to->elements[t].target);

		if (order <= 0 && !same)
			add_l2_element(arena, plan, table, from, &from->elements[f], '-');
		if (order >= 0 && !same)
			add_l2_element(arena, plan, table, to, &to->elements[t], '+');
		f += order <= 0;
		t += order >= 0;
	}
	if (!to)
		add_set(arena, plan, FAMILY_BRIDGE, table, from, '-');
}

void changes_of_l2(struct arena *arena, struct plan *plan, const struct l2_plan *l2)
{
	const struct table *from = l2->found, *to = l2->wanted;

	if (from == to)
		return;
	for (size_t i = 0; from && i < from->n_sets; i++)
		if (!to || !table_set(to, from->sets[i].name))
			add_l2_set(arena, plan, from->name, &from->sets[i], NULL);
	for (size_t i = 0; to && i < to->n_sets; i++)
		add_l2_set(arena, plan, to->name, from ? table_set(from, to->sets[i].name) : NULL,
			&to->sets[i]);
	for (size_t i = 0; from && i < from->n_chains; i++)
		if (!to || !table_chain(to, from->chains[i].name))
			add_l2_chain(arena, plan, from->name, &from->chains[i], NULL);
	for (size_t i = 0; to && i < to->n_chains; i++)
		add_l2_chain(arena, plan, to->name,
			from ? table_chain(from, to->chains[i].name) : NULL, &to->chains[i]);
}
