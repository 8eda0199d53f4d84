// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ipsets: what differs, which way each one goes (why: plan.c), and the commands.
 *
 * Undo of several commands must lead back from any part of them. So it says -exist everywhere,
 * and removes a set that may not be there by making it first.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "ruleset/plan_internal.h"

#define SET_NAME_LEN 31 /* IPSET_MAXNAMELEN less the NUL */

bool plan_scope_has_set(const struct plan_scope *scope, const char *set)
{
	if (!text_has_prefix(set, scope->set_prefix))
		return false;
	set += strlen(scope->set_prefix);
	return text_has_prefix(set, "IPv4") || text_has_prefix(set, "IPv6");
}

/* ---- who refers to which set */

struct usage {
	bool is_found, is_wanted, is_foreign;
	bool is_odd; /* more members may let less pass */
};

struct usages {
	struct arena *arena;
	const struct plan_scope *scope;
	struct map *by_name;
};

static struct usage *usage_add(struct usages *usages, const char *name)
{
	struct usage *usage = map_find(usages->by_name, name);

	if (!usage) {
		usage = arena_new_one(usages->arena, struct usage);
		map_add(usages->by_name, name, usage);
	}
	return usage;
}

static void usage_mark(
	struct usage *usage, const struct usages *usages, const struct chain *chain, bool is_wanted)
{
	if (is_wanted)
		usage->is_wanted = true;
	else
		usage->is_found = true;
	if (!plan_scope_has_chain(usages->scope, chain->name))
		usage->is_foreign = true;
}

/* "--match-set NAME", "--add-set NAME" ... in a text that is not understood. */
static void usage_of_text(
	struct usages *usages, const struct chain *chain, const char *text, bool is_wanted)
{
	while ((text = strstr(text, "-set "))) {
		struct usage *usage;
		size_t len;

		text += strlen("-set ");
		len = strcspn(text, " ");
		usage = usage_add(usages, arena_strndup(usages->arena, text, len));
		usage_mark(usage, usages, chain, is_wanted);
		usage->is_odd = true;
	}
}

static void usage_of_rule(
	struct usages *usages, const struct chain *chain, const struct rule *rule, bool is_wanted)
{
	for (size_t m = 0; m < rule->n_matches; m++) {
		const struct match *match = &rule->matches[m];

		if (match->kind == MATCH_SET) {
			struct usage *usage = usage_add(usages, match->set.name);

			usage_mark(usage, usages, chain, is_wanted);
			if (match->inverted || match->set.n_more ||
				rule->target.kind != TARGET_RETURN ||
				!is_port_chain(usages->scope, chain->name))
				usage->is_odd = true;
		} else if (match->kind == MATCH_OPAQUE) {
			usage_of_text(usages, chain, match->text, is_wanted);
		}
	}
	if (rule->target.kind == TARGET_OPAQUE || rule->target.kind == TARGET_CONTINUE)
		usage_of_text(usages, chain, rule->target.text, is_wanted);
}

static void usage_of_ruleset(struct usages *usages, const struct ruleset *rs, bool is_wanted)
{
	for (size_t t = 0; t < rs->n_tables; t++) {
		const struct table *table = &rs->tables[t];

		if (table->family == FAMILY_BRIDGE)
			continue;
		for (size_t c = 0; c < table->n_chains; c++)
			for (size_t r = 0; r < table->chains[c].n_rules; r++)
				usage_of_rule(usages, &table->chains[c], &table->chains[c].rules[r],
					is_wanted);
	}
}

/* ---- what differs */

static int compare_elements(const void *a, const void *b)
{
	return prefix_compare(
		&((const struct set_element *)a)->prefix, &((const struct set_element *)b)->prefix);
}

/* hash:net takes no /0: its two halves stand for it, in what is wanted and in what was found. */
static const struct set *normalise(struct arena *arena, const struct set *set)
{
	struct set *copy;
	VEC(struct set_element) elements = { 0 };
	size_t n = 0;

	if (!set || set->opaque || !set->n_elements || set->elements[0].prefix.len != 0)
		return set;
	for (size_t i = 0; i < set->n_elements; i++) {
		struct set_element element = set->elements[i];

		if (element.prefix.len == 0) {
			element.prefix.len = 1;
			*vec_push(&elements, arena) = element;
			element.prefix.addr.bytes[0] = 0x80;
		}
		*vec_push(&elements, arena) = element;
	}
	qsort(elements.items, elements.n, sizeof(elements.items[0]), compare_elements);
	for (size_t i = 0; i < elements.n; i++)
		if (!i || compare_elements(&elements.items[i], &elements.items[n - 1]) != 0)
			elements.items[n++] = elements.items[i];
	copy = arena_new_one(arena, struct set);
	*copy = *set;
	copy->elements = elements.items;
	copy->n_elements = n;
	return copy;
}

static void compare_members(struct arena *arena, struct set_change *change)
{
	const struct set *found = change->found, *wanted = change->wanted;
	size_t f = 0, w = 0;

	while (f < found->n_elements && f < wanted->n_elements &&
		compare_elements(&found->elements[f], &wanted->elements[f]) == 0)
		f++;
	if (f == found->n_elements && f == wanted->n_elements)
		return;
	w = f;
	change->added = arena_new_array(arena, struct set_element, wanted->n_elements - w + 1);
	change->removed = arena_new_array(arena, struct set_element, found->n_elements - f + 1);
	while (f < found->n_elements || w < wanted->n_elements) {
		int order = f == found->n_elements ? 1
			    : w == wanted->n_elements
				    ? -1
				    : compare_elements(&found->elements[f], &wanted->elements[w]);

		if (order < 0)
			change->removed[change->n_removed++] = found->elements[f];
		else if (order > 0)
			change->added[change->n_added++] = wanted->elements[w];
		f += order <= 0;
		w += order >= 0;
	}
	change->is_too_small = wanted->n_elements > found->max_elem;
}

bool plan_may_write_set(
	const struct ruleset *found, const char *name, enum family family, struct err *err)
{
	const struct set *set = ruleset_set(found, name);

	if (set && (set->opaque || set->kind != SET_HASH_NET)) {
		err_conflict(err, "there is an ipset %s of another type%s%s", name,
			set->type ? ": " : "", set->type ? set->type : "");
		return err_next(err, "remove it (ipset destroy %s), then try again", name);
	}
	if (set && set->family != family) {
		err_conflict(err, "there is an ipset %s for %s, and %s is wanted", name,
			family_name(set->family), family_name(family));
		return err_next(err, "remove it (ipset destroy %s), then try again", name);
	}
	return true;
}

static bool check_wanted(const struct plan_scope *scope, const struct set *wanted,
	const struct ruleset *found, struct err *err)
{
	if (!plan_scope_has_set(scope, wanted->name))
		return err_conflict(err, "ipset %s is not ours to write", wanted->name);
	if (strlen(wanted->name) > SET_NAME_LEN - 2)
		return err_input(err, "ipset name %s is longer than %d characters", wanted->name,
			SET_NAME_LEN - 2);
	return plan_may_write_set(found, wanted->name, wanted->family, err);
}

static bool add_change(struct arena *arena, const struct usages *usages,
	const struct ruleset *found_rs, const struct set *wanted, const struct set *found,
	struct set_change *change, struct err *err)
{
	const char *name = wanted ? wanted->name : found->name;
	const struct usage *usage = map_find(usages->by_name, name);

	*change = (struct set_change){ .name = name };
	if (wanted && !check_wanted(usages->scope, wanted, found_rs, err))
		return false;
	change->wanted = normalise(arena, wanted);
	change->found = normalise(arena, found);
	change->family = wanted ? wanted->family : found->family;
	change->is_in_use = usage && usage->is_found;
	change->is_wanted_by_rules = usage && usage->is_wanted;
	change->is_monotone = !usage || !usage->is_odd;
	if (wanted && found) {
		compare_members(arena, change);
	} else if (wanted) {
		change->way = SET_CREATE;
		change->added = change->wanted->elements;
		change->n_added = change->wanted->n_elements;
	} else {
		change->way = SET_DESTROY;
		change->removed = change->found->elements;
		change->n_removed = change->found->n_elements;
	}
	return true;
}

/* Sets of ours that somebody else looks at, or that we could not make again, stay. */
static bool may_go(const struct usages *usages, const struct set *set)
{
	const struct usage *usage;

	assert(set);
	usage = map_find(usages->by_name, set->name);
	return plan_scope_has_set(usages->scope, set->name) && !set->opaque &&
	       set->kind == SET_HASH_NET && !(usage && (usage->is_foreign || usage->is_wanted));
}

bool sets_compare(struct arena *arena, const struct plan_scope *scope, const struct ruleset *wanted,
	const struct ruleset *found, struct set_plan *ret, struct err *err)
{
	struct usages usages = { .arena = arena, .scope = scope, .by_name = map_new(arena) };
	size_t f = 0, w = 0;

	*ret = (struct set_plan){ .wanted = wanted, .found = found };
	if (!wanted->n_sets && !found->n_sets)
		return true;
	usage_of_ruleset(&usages, wanted, true);
	usage_of_ruleset(&usages, found, false);
	ret->changes = arena_new_array(arena, struct set_change, wanted->n_sets + found->n_sets);
	while (f < found->n_sets || w < wanted->n_sets) {
		int order = f == found->n_sets ? 1
			    : w == wanted->n_sets
				    ? -1
				    : strcmp(found->sets[f].name, wanted->sets[w].name);
		const struct set *has = order <= 0 ? &found->sets[f++] : NULL;
		const struct set *wants = order >= 0 ? &wanted->sets[w++] : NULL;

		if (!wants && !may_go(&usages, has))
			continue;
		if (!add_change(arena, &usages, found, wants, has, &ret->changes[ret->n_changes++],
			    err))
			return false;
	}
	return true;
}

/* ---- which way */

static bool is_changed(const struct set_change *change)
{
	return change->found && change->wanted &&
	       (change->n_added || change->n_removed || change->is_too_small);
}

bool sets_change_in_use(const struct set_plan *sets, enum family family)
{
	for (size_t i = 0; i < sets->n_changes; i++)
		if (sets->changes[i].family == family && sets->changes[i].is_in_use &&
			is_changed(&sets->changes[i]))
			return true;
	return false;
}

/* A name that nobody has: a twin that a killed run left behind may still be looked at. */
static const char *twin_name(struct arena *arena, const struct set_plan *sets,
	const struct set_change *change, const char *other)
{
	for (int suffix = 'n'; suffix <= 'z'; suffix++) {
		const char *name = arena_printf(arena, "%s-%c", change->name, suffix);

		if (!ruleset_set(sets->wanted, name) && !ruleset_set(sets->found, name) &&
			!(other && strcmp(name, other) == 0))
			return name;
	}
	/* Thirteen killed runs: let the kernel say it. */
	return arena_printf(arena, "%s-n", change->name);
}

static void go_edit(
	struct arena *arena, const struct set_plan *sets, struct set_change *change, bool is_after)
{
	change->way = change->is_too_small ? SET_SWAP : SET_EDIT;
	change->is_after = is_after;
	if (change->is_too_small)
		change->twin = twin_name(arena, sets, change, NULL);
}

static void go_swap(
	struct arena *arena, const struct set_plan *sets, struct set_change *change, bool is_after)
{
	change->way = SET_SWAP;
	change->is_after = is_after;
	change->twin = twin_name(arena, sets, change, NULL);
}

static void go_twin(struct arena *arena, const struct set_plan *sets, struct set_change *change,
	struct map *twins)
{
	change->way = SET_TWIN;
	change->twin = twin_name(arena, sets, change, NULL);
	if (change->is_too_small)
		change->spare = twin_name(arena, sets, change, change->twin);
	map_add(twins, change->name, (void *)change->twin);
}

struct map *sets_choose(struct arena *arena, struct set_plan *sets, enum family family,
	unsigned rules, bool is_closed)
{
	VEC(struct set_change *) active = { 0 };
	unsigned direction = rules & (RULES_GROW | RULES_SHRINK);
	bool is_one_way = !(rules & RULES_OTHER);
	bool swap_after = (rules & RULES_PORTS_NEW) && !is_closed;
	struct map *twins;

	for (size_t i = 0; i < sets->n_changes; i++) {
		struct set_change *change = &sets->changes[i];

		if (change->family != family || !is_changed(change))
			continue;
		if (!change->is_in_use) {
			go_edit(arena, sets, change, false);
		} else if (!change->is_wanted_by_rules) {
			go_edit(arena, sets, change, true);
		} else {
			*vec_push(&active, arena) = change;
			direction |= change->n_added ? RULES_GROW : 0;
			direction |= change->n_removed ? RULES_SHRINK : 0;
			is_one_way = is_one_way && change->is_monotone;
		}
	}
	if (!active.n)
		return NULL;
	if (is_one_way && direction != (RULES_GROW | RULES_SHRINK)) {
		for (size_t i = 0; i < active.n; i++)
			go_edit(arena, sets, active.items[i], direction == RULES_GROW);
		return NULL;
	}
	if (active.n == 1 && !(rules & (RULES_GROW | RULES_SHRINK | RULES_OTHER)) &&
		!(swap_after && (rules & RULES_PORTS_GONE))) {
		go_swap(arena, sets, active.items[0], swap_after);
		return NULL;
	}
	twins = map_new(arena);
	for (size_t i = 0; i < active.n; i++)
		go_twin(arena, sets, active.items[i], twins);
	return twins;
}

const char **sets_twinned(struct arena *arena, const struct set_plan *sets, size_t *ret_n)
{
	VEC(const char *) names = { 0 };

	for (size_t i = 0; i < sets->n_changes; i++)
		if (sets->changes[i].way == SET_TWIN)
			*vec_push(&names, arena) = sets->changes[i].name;
	*ret_n = names.n;
	return names.items;
}

/* ---- commands */

struct batch {
	struct text text, undo;
	size_t n_commands;
};

static void add_element(struct text *out, const char *command, const char *name,
	const struct set *set, const struct set_element *element, const char *option)
{
	text_addf(out, "%s %s ", command, name);
	set_element_print(out, set, element);
	text_addf(out, "%s\n", option);
}

static void add_create(
	struct text *out, const char *name, const struct set *set, const char *option)
{
	size_t max_elem = set->max_elem ? set->max_elem : 65536;

	if (max_elem < set->n_elements)
		max_elem = set->n_elements;
	text_addf(out, "create %s hash:net family %s maxelem %zu%s\n", name,
		set->family == FAMILY_IPV6 ? "inet6" : "inet", max_elem, option);
}

static void add_filled(
	struct text *out, const char *name, const struct set *set, const char *option)
{
	add_create(out, name, set, option);
	for (size_t i = 0; i < set->n_elements; i++)
		add_element(out, "add", name, set, &set->elements[i], option);
}

static void batch_make(struct batch *batch, const char *name, const struct set *set)
{
	add_filled(&batch->text, name, set, "");
	add_create(&batch->undo, name, set, " -exist");
	text_addf(&batch->undo, "destroy %s\n", name);
	batch->n_commands += 1 + set->n_elements;
}

static void batch_destroy(struct batch *batch, const char *name, const struct set *set)
{
	text_addf(&batch->text, "destroy %s\n", name);
	add_filled(&batch->undo, name, set, " -exist");
	batch->n_commands++;
}

/* Members go before members come: a full set has no room. */
static void batch_edit(struct batch *batch, const struct set_change *change)
{
	for (size_t i = 0; i < change->n_removed; i++)
		add_element(
			&batch->text, "del", change->name, change->found, &change->removed[i], "");
	for (size_t i = 0; i < change->n_added; i++)
		add_element(
			&batch->text, "add", change->name, change->wanted, &change->added[i], "");
	for (size_t i = 0; i < change->n_added; i++)
		add_element(&batch->undo, "del", change->name, change->wanted, &change->added[i],
			" -exist");
	for (size_t i = 0; i < change->n_removed; i++)
		add_element(&batch->undo, "add", change->name, change->found, &change->removed[i],
			" -exist");
	batch->n_commands += change->n_added + change->n_removed;
}

static void batch_finish(struct arena *arena, struct batch *batch, step_vec *steps)
{
	if (batch->n_commands)
		*vec_push(steps, arena) = (struct plan_step){ .tool = TOOL_IPSET,
			.text = arena_strndup(arena, batch->text.data, batch->text.len),
			.undo = arena_strndup(arena, batch->undo.data, batch->undo.len),
			.is_atomic = batch->n_commands == 1 };
	text_done(&batch->text);
	text_done(&batch->undo);
}

/* A step of its own: that it was done or refused is all there is to know. */
static void add_swap(struct arena *arena, const char *twin, const char *name, step_vec *steps)
{
	const char *text = arena_printf(arena, "swap %s %s\n", twin, name);

	*vec_push(steps, arena) = (struct plan_step){
		.tool = TOOL_IPSET, .text = text, .undo = text, .is_atomic = true
	};
}

void sets_steps_before(struct arena *arena, const struct set_plan *sets, step_vec *steps)
{
	struct batch batch = { TEXT_INIT, TEXT_INIT, 0 };

	for (size_t i = 0; i < sets->n_changes; i++) {
		const struct set_change *change = &sets->changes[i];

		if (change->way == SET_CREATE)
			batch_make(&batch, change->name, change->wanted);
		else if (change->way == SET_SWAP || change->way == SET_TWIN)
			batch_make(&batch, change->twin, change->wanted);
		else if (change->way == SET_EDIT && !change->is_after)
			batch_edit(&batch, change);
		if (change->spare)
			batch_make(&batch, change->spare, change->wanted);
	}
	batch_finish(arena, &batch, steps);
	for (size_t i = 0; i < sets->n_changes; i++)
		if (sets->changes[i].way == SET_SWAP && !sets->changes[i].is_after)
			add_swap(arena, sets->changes[i].twin, sets->changes[i].name, steps);
}

void sets_steps_after(struct arena *arena, const struct set_plan *sets, step_vec *steps)
{
	struct batch batch = { TEXT_INIT, TEXT_INIT, 0 };

	for (size_t i = 0; i < sets->n_changes; i++) {
		const struct set_change *change = &sets->changes[i];

		if ((change->way == SET_EDIT && change->is_after) ||
			(change->way == SET_TWIN && !change->spare))
			batch_edit(&batch, change);
	}
	batch_finish(arena, &batch, steps);
	for (size_t i = 0; i < sets->n_changes; i++) {
		const struct set_change *change = &sets->changes[i];

		if (change->way == SET_SWAP && change->is_after)
			add_swap(arena, change->twin, change->name, steps);
		else if (change->spare)
			add_swap(arena, change->spare, change->name, steps);
	}
}

void sets_steps_end(struct arena *arena, const struct set_plan *sets, step_vec *steps)
{
	struct batch batch = { TEXT_INIT, TEXT_INIT, 0 };

	for (size_t i = 0; i < sets->n_changes; i++) {
		const struct set_change *change = &sets->changes[i];

		if (change->way == SET_DESTROY)
			batch_destroy(&batch, change->name, change->found);
		else if (change->way == SET_SWAP)
			batch_destroy(&batch, change->twin, change->found);
		else if (change->way == SET_TWIN)
			batch_destroy(&batch, change->twin, change->wanted);
		if (change->spare)
			batch_destroy(&batch, change->spare, change->found);
	}
	batch_finish(arena, &batch, steps);
}
