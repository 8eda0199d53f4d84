// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The way back. Others have written since: Docker puts its rules to the top of a chain when it starts, a firewall is loaded anew, a
 * person has mended the same by hand. So a rule is looked for by what it says, and where one went is found by its neighbours. How
 * many rules like it the chain had when the fix was done tells whether somebody has removed ours or put back theirs.
 *
 * The same makes the way back right for a fix that was done in part: what was not done does not stand.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/mending.h"

struct way_back {
	struct scene *scene;
	warning_list *notes;
	made_vec made;
};

static void note(struct way_back *back, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void note(struct way_back *back, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	*vec_push(back->notes, back->scene->arena) = arena_vprintf(back->scene->arena, fmt, ap);
	va_end(ap);
}

static bool do_edit(struct way_back *back, const struct host_edit *edit, struct err *err)
{
	struct made_edit made;

	if (!scene_do(back->scene, edit, &made, err))
		return false;
	*vec_push(&back->made, back->scene->arena) = made;
	return true;
}

/* ---- rules */

static size_t distance(size_t a, size_t b)
{
	return a > b ? a - b : b - a;
}

/* Of rules that say the same the one that is nearest to its place then. */
static size_t find_rule(const struct chain *chain, const struct rule *rule, size_t near)
{
	size_t best = chain->n_rules;

	for (size_t i = 0; i < chain->n_rules; i++)
		if (rule_equal(&chain->rules[i], rule) &&
			(best == chain->n_rules || distance(i, near) < distance(best, near)))
			best = i;
	return best;
}

/* Is the neighbour at this place the one of then? NULL: there was none, the chain began or ended there. */
static bool is_neighbour(const struct chain *chain, size_t at, const struct rule *rule)
{
	bool is_inside = at < chain->n_rules;

	return rule ? is_inside && rule_equal(&chain->rules[at], rule) : !is_inside;
}

/*
 * The place between the same two neighbours, or above the same next one, or below the same last one; of several the nearest
 * to the place then. *ret_is_sure: both were there.
 */
static size_t find_place(struct scene *scene, const struct chain *chain,
	const struct made_edit *made, bool *ret_is_sure)
{
	const struct host_edit *edit = &made->edit;
	const struct rule *above = *made->above ? scene_rule(scene, edit, made->above) : NULL;
	const struct rule *below = *made->below ? scene_rule(scene, edit, made->below) : NULL;
	size_t best = edit->at < chain->n_rules ? edit->at : chain->n_rules;
	unsigned best_fit = 0;

	for (size_t at = 0; at <= chain->n_rules; at++) {
		/* above the first is SIZE_MAX, which is no place either */
		bool is_below = is_neighbour(chain, at, below);
		bool is_above = is_neighbour(chain, at - 1, above);
		unsigned fit = (is_below ? 2U : 0) + (is_above ? 1U : 0);

		if (fit > best_fit ||
			(fit == best_fit && distance(at, edit->at) < distance(best, edit->at))) {
			best = at;
			best_fit = fit;
		}
	}
	*ret_is_sure = best_fit == 3;
	return best;
}

static bool remove_rule(struct way_back *back, const struct made_edit *made, struct err *err)
{
	const struct host_edit *edit = &made->edit;
	const char *place = edit_place(back->scene->arena, edit);
	const struct chain *chain = scene_chain(back->scene, edit);
	const struct rule *rule = scene_rule(back->scene, edit, edit->rule);
	struct host_edit gone = *edit;
	size_t n = chain && rule ? chain_count(chain, rule) : 0;

	if (!n || n < made->n_equal) {
		note(back, "%s: the rule is not there any more: %s", place, edit->rule);
		return true;
	}
	if (n > made->n_equal)
		note(back, "%s: somebody has added %zu more of this rule, one is removed: %s",
			place, n - made->n_equal, edit->rule);
	gone.kind = HOST_EDIT_RULE_REMOVE;
	gone.at = find_rule(chain, rule, edit->at);
	gone.before = edit->rule;
	gone.rule = NULL;
	return do_edit(back, &gone, err);
}

static bool restore_rule(struct way_back *back, const struct made_edit *made, struct err *err)
{
	const struct host_edit *edit = &made->edit;
	const char *place = edit_place(back->scene->arena, edit);
	const struct chain *chain = scene_chain(back->scene, edit);
	const struct rule *rule = scene_rule(back->scene, edit, edit->before);
	struct host_edit again = *edit;
	bool is_sure;

	if (!chain || !rule) {
		note(back, "%s is not there any more, and this rule is not put back into it: %s",
			place, edit->before);
		return true;
	}
	if (chain_count(chain, rule) > made->n_equal) {
		note(back, "%s: the rule is there already: %s", place, edit->before);
		return true;
	}
	again.kind = HOST_EDIT_RULE_ADD;
	again.at = find_place(back->scene, chain, made, &is_sure);
	again.rule = edit->before;
	again.before = NULL;
	if (!is_sure)
		note(back, "%s: the rules around it are others now; put back as rule %zu: %s",
			place, again.at + 1, edit->before);
	return do_edit(back, &again, err);
}

static bool replace_rule(struct way_back *back, const struct made_edit *made, struct err *err)
{
	const struct host_edit *edit = &made->edit;
	const char *place = edit_place(back->scene->arena, edit);
	const struct chain *chain = scene_chain(back->scene, edit);
	const struct rule *rule = scene_rule(back->scene, edit, edit->rule);
	const struct rule *before = scene_rule(back->scene, edit, edit->before);
	struct host_edit again = *edit;
	size_t n = chain && rule && before ? chain_count(chain, rule) : 0;

	if (!n || n < made->n_equal) {
		note(back,
			"%s: the rule is not there any more, and the one before it is not put "
			"back: %s",
			place, edit->rule);
		return true;
	}
	again.at = find_rule(chain, rule, edit->at);
	again.before = edit->rule;
	again.rule = edit->before;
	if (chain_count(chain, before) > made->n_before) {
		note(back, "%s: the rule is there already: %s", place, edit->before);
		again.kind = HOST_EDIT_RULE_REMOVE;
		again.rule = NULL;
	}
	return do_edit(back, &again, err);
}

/* ---- tables of nft */

static bool remove_table(struct way_back *back, const struct made_edit *made, struct err *err)
{
	struct arena *arena = back->scene->arena;
	const struct host_edit *edit = &made->edit;
	const struct table *found = scene_table(back->scene, edit);
	const char *then = table_text_of(arena, made->made ? made->made : edit->rule);
	const char *name = arena_printf(arena, "%s %s", nft_family_name(edit->family), edit->table);
	struct host_edit gone = *edit;

	if (!found) {
		note(back, "the nft table %s is not there any more", name);
		return true;
	}
	gone.kind = HOST_EDIT_TABLE_REMOVE;
	gone.before = table_text(arena, found);
	gone.rule = NULL;
	if (!then || strcmp(then, gone.before) != 0) {
		note(back,
			"the nft table %s is not as the fix made it, and is left: "
			"nft delete table %s removes it",
			name, name);
		return true;
	}
	return do_edit(back, &gone, err);
}

static bool restore_table(struct way_back *back, const struct made_edit *made, struct err *err)
{
	struct host_edit again = made->edit;

	if (scene_table(back->scene, &made->edit)) {
		note(back, "the nft table %s %s is there already",
			nft_family_name(made->edit.family), made->edit.table);
		return true;
	}
	again.kind = HOST_EDIT_TABLE_ADD;
	again.rule = made->edit.before;
	again.before = NULL;
	return do_edit(back, &again, err);
}

/* ---- settings */

static bool restore_sysctl(struct way_back *back, const char *name, const char *value,
	const char *before, bool *ret_is_done, struct err *err)
{
	const struct host_edit again = {
		.kind = HOST_EDIT_SYSCTL, .name = name, .value = before, .before = value
	};
	const char *found = NULL;

	*ret_is_done = false;
	if (!kernel_sysctl_read(back->scene->arena, name, &found, err))
		return false;
	if (found && !strcmp(found, before)) {
		if (strcmp(value, before) != 0)
			note(back, "%s is %s already", name, before);
		return true;
	}
	if (!found || strcmp(found, value) != 0) {
		note(back, "%s is not %s any more, and is left: %s", name, value,
			found ? found : "it is gone");
		return true;
	}
	*ret_is_done = true;
	return do_edit(back, &again, err);
}

/* The links' own after the one that is written to all of them: it would win otherwise. */
static bool restore_sysctls(struct way_back *back, const struct made_edit *made, struct err *err)
{
	const struct host_edit *edit = &made->edit;
	bool is_done;

	if (!restore_sysctl(back, edit->name, edit->value, edit->before, &is_done, err))
		return false;
	for (size_t i = 0; is_done && i < made->n_also; i++) {
		const struct host_edit also = { .kind = HOST_EDIT_SYSCTL,
			.name = made->also[i].name,
			.value = made->also[i].value };
		const char *found = NULL;

		if (!kernel_sysctl_read(back->scene->arena, also.name, &found, err))
			return false;
		if (found && !strcmp(found, also.value) && !do_edit(back, &also, err))
			return false;
	}
	return true;
}

static bool restore_link(struct way_back *back, const struct made_edit *made, struct err *err)
{
	const struct host_edit *edit = &made->edit;
	const struct link *link = scene_link(back->scene, edit);
	const char *flag = link_flag_name(edit->flag);
	struct host_edit again = *edit;
	uint32_t value = 0, before = 0;

	if (!link) {
		note(back, "the link %s is not there any more", edit->name);
		return true;
	}
	link_value_parse(edit->value, &value);
	link_value_parse(edit->before, &before);
	if (link_flag_value(link, edit->flag) == before) {
		if (value != before)
			note(back, "%s of %s is %u already", flag, edit->name, before);
		return true;
	}
	if (link_flag_value(link, edit->flag) != value) {
		note(back, "%s of %s is not %u any more, and is left: %u", flag, edit->name, value,
			link_flag_value(link, edit->flag));
		return true;
	}
	again.value = edit->before;
	again.before = edit->value;
	return do_edit(back, &again, err);
}

static bool invert(struct way_back *back, const struct made_edit *made, struct err *err)
{
	switch (made->edit.kind) {
	case HOST_EDIT_RULE_ADD:
		return remove_rule(back, made, err);
	case HOST_EDIT_RULE_REMOVE:
		return restore_rule(back, made, err);
	case HOST_EDIT_RULE_REPLACE:
		return replace_rule(back, made, err);
	case HOST_EDIT_TABLE_ADD:
		return remove_table(back, made, err);
	case HOST_EDIT_TABLE_REMOVE:
		return restore_table(back, made, err);
	case HOST_EDIT_SYSCTL:
		return restore_sysctls(back, made, err);
	case HOST_EDIT_LINK:
		return restore_link(back, made, err);
	case HOST_EDIT_FLOWS:
		break;
	}
	return true;
}

bool fix_invert(struct scene *scene, const struct fix *fix, made_vec *ret, warning_list *notes,
	struct err *err)
{
	struct way_back back = { .scene = scene, .notes = notes };

	for (size_t i = fix->edits.n; i-- > 0;)
		if (!scene_check_read(scene, &fix->edits.items[i].edit, err) ||
			!invert(&back, &fix->edits.items[i], err))
			return false;
	*ret = back.made;
	return true;
}
