// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One table of iptables: what differs, and the lines of iptables-restore --noflush that change
 * it. All lines of a block take effect at one moment (COMMIT), so that their order only has to
 * please the tools:
 *  - a chain is declared before a rule jumps to it, and only when it is new: ":CHAIN -" empties
 *    one that exists;
 *  - positions are those of the moment the line runs, from the top of a chain to its bottom.
 *    So a rule is never inserted in front of one that the same block inserted, which iptables-nft
 *    1.8.9 cannot do when that rule is deleted again, nor behind the end of the chain;
 *  - chains that go are all emptied before the first is removed, since they refer to each other.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ruleset/plan_internal.h"

typedef VEC(struct rule) rule_vec;
typedef VEC(struct chain_edit) chain_edit_vec;

bool plan_scope_has_chain(const struct plan_scope *scope, const char *chain)
{
	return text_has_prefix(chain, scope->chain_prefix) ||
	       (scope->top_chain && strcmp(chain, scope->top_chain) == 0);
}

static bool is_jump(const struct rule *rule)
{
	return rule->target.kind == TARGET_JUMP || rule->target.kind == TARGET_GOTO;
}

bool rule_jumps_to_ours(const struct plan_scope *scope, const struct rule *rule)
{
	return is_jump(rule) && plan_scope_has_chain(scope, rule->target.chain);
}

static bool is_top_chain(const struct plan_scope *scope, const char *name)
{
	return scope->top_chain && strcmp(name, scope->top_chain) == 0;
}

/* ---- chains that are shared */

static bool has_foreign_rules(const struct plan_scope *scope, const struct chain *chain)
{
	for (size_t i = 0; i < chain->n_rules; i++)
		if (!rule_jumps_to_ours(scope, &chain->rules[i]))
			return true;
	return false;
}

/*
 * Ours go to the top in their order; those that are there already stay. top_stays: the top
 * chain is not wanted but has to stay for others, and with it the jumps to it.
 */
static void edit_shared(struct arena *arena, const struct plan_scope *scope, bool top_stays,
	const struct chain *from, const struct chain *to, struct chain_edit *edit)
{
	size_t n_from = from ? from->n_rules : 0, n_to = to ? to->n_rules : 0, same = 0;
	hunk_vec hunks = { 0 };
	rule_vec rules = { 0 };
	struct chain *full = arena_new_one(arena, struct chain);

	while (same < n_from && same < n_to && rule_equal(&from->rules[same], &to->rules[same]))
		same++;
	for (size_t i = 0; i < n_to; i++)
		*vec_push(&rules, arena) = to->rules[i];
	if (n_to > same)
		*vec_push(&hunks, arena) =
			(struct hunk){ .at_from = same, .at_to = same, .n_ins = n_to - same };
	for (size_t i = same; i < n_from; i++) {
		const struct rule *rule = &from->rules[i];

		if (rule_jumps_to_ours(scope, rule) &&
			!(top_stays && is_top_chain(scope, rule->target.chain)))
			*vec_push(&hunks, arena) =
				(struct hunk){ .at_from = i, .n_del = 1, .at_to = rules.n };
		else
			*vec_push(&rules, arena) = *rule;
	}
	*full = from ? *from : *to;
	full->rules = rules.items;
	full->n_rules = full->cap_rules = rules.n;
	edit->to = full;
	edit->hunks = hunks.items;
	edit->n_hunks = hunks.n;
}

/* ---- chains */

struct maker {
	struct arena *arena;
	const struct plan_scope *scope;
	const struct table *from, *to;
	bool top_stays;
	chain_edit_vec edits;
};

/* What an edit of a built-in chain starts from when the table is not there yet. */
static const struct chain *empty_like(struct arena *arena, const struct chain *chain)
{
	struct chain *empty = arena_new_one(arena, struct chain);

	empty->name = chain->name;
	empty->is_base = chain->is_base;
	empty->policy = chain->policy;
	return empty;
}

static bool edit_chain(
	struct maker *maker, const struct chain *from, const struct chain *to, struct err *err)
{
	const struct chain *either = from ? from : to;
	struct chain_edit edit = { .from = from, .to = to };
	bool is_base, is_top;

	assert(either);
	edit.name = either->name;
	is_base = either->is_base;
	is_top = is_top_chain(maker->scope, either->name);

	if (from && to && from->rules == to->rules && from->n_rules == to->n_rules)
		return true;
	if (!is_base && !plan_scope_has_chain(maker->scope, either->name))
		return to ? err_conflict(err, "chain %s of table %s is not ours to write",
				    either->name, maker->to->name)
			  : true;
	if (is_base || (is_top && from && (to || maker->top_stays))) {
		if (!from)
			edit.from = empty_like(maker->arena, to);
		edit_shared(maker->arena, maker->scope, maker->top_stays, from, to, &edit);
	} else if (from && to) {
		diff_rules(maker->arena, from->rules, from->n_rules, to->rules, to->n_rules,
			&edit.hunks, &edit.n_hunks);
	} else {
		*vec_push(&maker->edits, maker->arena) = edit;
		return true;
	}
	if (edit.n_hunks)
		*vec_push(&maker->edits, maker->arena) = edit;
	return true;
}

/* The kernel would refuse to remove a chain that somebody else's rule jumps to; say who. */
static bool check_foreign_jumps(const struct maker *maker, struct err *err)
{
	for (size_t i = 0; maker->from && i < maker->from->n_chains; i++) {
		const struct chain *chain = &maker->from->chains[i];

		if (chain->is_base || plan_scope_has_chain(maker->scope, chain->name))
			continue;
		for (size_t r = 0; r < chain->n_rules; r++) {
			const struct rule *rule = &chain->rules[r];

			if (!rule_jumps_to_ours(maker->scope, rule) ||
				(maker->to && table_chain(maker->to, rule->target.chain)) ||
				(maker->top_stays &&
					is_top_chain(maker->scope, rule->target.chain)))
				continue;
			err_conflict(err,
				"rule %zu of chain %s of table %s, which is not ours, jumps to "
				"chain %s, which has to go",
				r + 1, chain->name, maker->from->name, rule->target.chain);
			return err_next(err, "remove that rule, then try again");
		}
	}
	return true;
}

static int compare_edits(const void *a, const void *b)
{
	return strcmp(((const struct chain_edit *)a)->name, ((const struct chain_edit *)b)->name);
}

bool table_edit_make(struct arena *arena, const struct plan_scope *scope, const struct table *from,
	const struct table *to, struct table_edit **ret, struct err *err)
{
	struct maker maker = { .arena = arena, .scope = scope, .from = from, .to = to };
	struct table_edit *edit;

	if (from && scope->top_chain && !(to && table_chain(to, scope->top_chain))) {
		const struct chain *top = table_chain(from, scope->top_chain);

		maker.top_stays = top && has_foreign_rules(scope, top);
	}
	for (size_t i = 0; to && i < to->n_chains; i++) {
		const struct chain *chain = &to->chains[i];

		if (!edit_chain(&maker, from ? table_chain(from, chain->name) : NULL, chain, err))
			return false;
	}
	for (size_t i = 0; from && i < from->n_chains; i++) {
		const struct chain *chain = &from->chains[i];

		if (!(to && table_chain(to, chain->name)) && !edit_chain(&maker, chain, NULL, err))
			return false;
	}
	*ret = NULL;
	if (!maker.edits.n)
		return true;
	if (!check_foreign_jumps(&maker, err))
		return false;
	qsort(maker.edits.items, maker.edits.n, sizeof(maker.edits.items[0]), compare_edits);
	edit = arena_new_one(arena, struct table_edit);
	edit->family = from ? from->family : to->family;
	edit->name = from ? from->name : to->name;
	edit->chains = maker.edits.items;
	edit->n_chains = maker.edits.n;
	*ret = edit;
	return true;
}

struct table_edit *table_edit_reverse(struct arena *arena, const struct table_edit *edit)
{
	struct table_edit *back = arena_new_one(arena, struct table_edit);

	*back = *edit;
	back->chains = arena_new_array(arena, struct chain_edit, edit->n_chains);
	for (size_t i = 0; i < edit->n_chains; i++) {
		const struct chain_edit *there = &edit->chains[i];
		struct chain_edit *here = &back->chains[i];

		*here = (struct chain_edit){ .name = there->name,
			.from = there->to,
			.to = there->from,
			.hunks = arena_new_array(arena, struct hunk, there->n_hunks + 1),
			.n_hunks = there->n_hunks };
		for (size_t h = 0; h < there->n_hunks; h++)
			here->hunks[h] = (struct hunk){ .at_from = there->hunks[h].at_to,
				.n_del = there->hunks[h].n_ins,
				.at_to = there->hunks[h].at_from,
				.n_ins = there->hunks[h].n_del };
	}
	return back;
}

bool table_edit_adds(const struct table_edit *edit)
{
	for (size_t i = 0; i < edit->n_chains; i++) {
		if (!edit->chains[i].from)
			return true;
		for (size_t h = 0; h < edit->chains[i].n_hunks; h++)
			if (edit->chains[i].hunks[h].n_ins)
				return true;
	}
	return false;
}

/* ---- text */

struct printer {
	struct text out;
	enum family family;
	struct err *err;
};

/* at 0: append. A line feed in a comment would be a line of its own: anybody's command. */
static bool print_rule(
	struct printer *printer, const char *chain, size_t at, const struct rule *rule)
{
	struct text *out = &printer->out;
	size_t start = out->len;

	if (rule->counters.packets || rule->counters.bytes)
		text_addf(out, "[%" PRIu64 ":%" PRIu64 "] ", rule->counters.packets,
			rule->counters.bytes);
	if (at)
		text_addf(out, "-I %s %zu ", chain, at);
	else
		text_addf(out, "-A %s ", chain);
	rule_print(out, printer->family, rule);
	if (memchr(out->data + start, '\n', out->len - start) ||
		memchr(out->data + start, '\r', out->len - start))
		return err_input(
			printer->err, "a rule of chain %s holds a line break in its text", chain);
	while (out->len > start && out->data[out->len - 1] == ' ')
		out->len--;
	text_add(out, "\n");
	return true;
}

static bool print_edit(struct printer *printer, const struct chain_edit *edit)
{
	size_t at = 1, kept = 0;

	if (!edit->to)
		return true;
	for (size_t i = 0; !edit->from && i < edit->to->n_rules; i++)
		if (!print_rule(printer, edit->name, 0, &edit->to->rules[i]))
			return false;
	for (size_t h = 0; h < edit->n_hunks; h++) {
		const struct hunk *hunk = &edit->hunks[h];

		at += hunk->at_from - kept;
		for (size_t i = 0; i < hunk->n_del; i++)
			text_addf(&printer->out, "-D %s %zu\n", edit->name, at);
		for (size_t i = 0; i < hunk->n_ins; i++)
			if (!print_rule(
				    printer, edit->name, at++, &edit->to->rules[hunk->at_to + i]))
				return false;
		kept = hunk->at_from + hunk->n_del;
	}
	return true;
}

static bool print_table(struct printer *printer, const struct table_edit *edit)
{
	struct text *out = &printer->out;

	text_addf(out, "*%s\n", edit->name);
	for (size_t i = 0; i < edit->n_chains; i++)
		if (!edit->chains[i].from)
			text_addf(out, ":%s - [0:0]\n", edit->chains[i].name);
	/* The new ones first: what exists is cut over to them when they are complete. */
	for (size_t i = 0; i < edit->n_chains; i++)
		if (!edit->chains[i].from && !print_edit(printer, &edit->chains[i]))
			return false;
	for (size_t i = 0; i < edit->n_chains; i++)
		if (edit->chains[i].from && !print_edit(printer, &edit->chains[i]))
			return false;
	for (size_t i = 0; i < edit->n_chains; i++)
		if (!edit->chains[i].to)
			text_addf(out, "-F %s\n", edit->chains[i].name);
	for (size_t i = 0; i < edit->n_chains; i++)
		if (!edit->chains[i].to)
			text_addf(out, "-X %s\n", edit->chains[i].name);
	text_add(out, "COMMIT\n");
	return true;
}

bool table_edit_print(
	struct arena *arena, const struct table_edit *edit, const char **ret, struct err *err)
{
	struct printer printer = { .out = TEXT_INIT, .family = edit->family, .err = err };
	bool ok = print_table(&printer, edit);

	if (ok)
		*ret = arena_strndup(arena, printer.out.data, printer.out.len);
	text_done(&printer.out);
	return ok;
}

/* ---- the same table with other sets */

static const char *twin_of(const struct map *twins, const struct match *match)
{
	return match->kind == MATCH_SET ? map_find(twins, match->set.name) : NULL;
}

static bool uses_twins(const struct map *twins, const struct chain *chain)
{
	for (size_t r = 0; r < chain->n_rules; r++)
		for (size_t m = 0; m < chain->rules[r].n_matches; m++)
			if (twin_of(twins, &chain->rules[r].matches[m]))
				return true;
	return false;
}

static void rename_sets(struct arena *arena, struct rule *rule, const struct map *twins)
{
	struct match *matches = arena_new_array(arena, struct match, rule->n_matches + 1);

	for (size_t m = 0; m < rule->n_matches; m++) {
		const char *twin = twin_of(twins, &rule->matches[m]);

		matches[m] = rule->matches[m];
		if (twin)
			matches[m].set.name = twin;
	}
	rule->matches = matches;
}

static void carry_counters(struct arena *arena, struct chain *chain, const struct chain *from)
{
	struct hunk *hunks;
	size_t n_hunks, x = 0, y = 0;

	diff_rules(
		arena, from->rules, from->n_rules, chain->rules, chain->n_rules, &hunks, &n_hunks);
	for (size_t h = 0; h <= n_hunks; h++) {
		size_t end = h < n_hunks ? hunks[h].at_from : from->n_rules;

		while (x < end)
			chain->rules[y++].counters = from->rules[x++].counters;
		if (h < n_hunks) {
			x += hunks[h].n_del;
			y += hunks[h].n_ins;
		}
	}
}

struct table *table_with_twins(struct arena *arena, const struct table *table,
	const struct table *from, const struct map *twins, bool rename)
{
	struct table *copy = arena_new_one(arena, struct table);

	*copy = *table;
	copy->chains = arena_new_array(arena, struct chain, table->n_chains + 1);
	copy->cap_chains = table->n_chains;
	for (size_t i = 0; i < table->n_chains; i++) {
		struct chain *chain = &copy->chains[i];
		const struct chain *before;

		*chain = table->chains[i];
		if (!uses_twins(twins, chain))
			continue;
		chain->rules = arena_new_array(arena, struct rule, chain->n_rules);
		memcpy(chain->rules, table->chains[i].rules,
			chain->n_rules * sizeof(chain->rules[0]));
		before = from ? table_chain(from, chain->name) : NULL;
		if (before)
			carry_counters(arena, chain, before);
		for (size_t r = 0; rename && r < chain->n_rules; r++)
			rename_sets(arena, &chain->rules[r], twins);
	}
	return copy;
}
