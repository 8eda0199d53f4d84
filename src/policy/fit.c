// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What policy_join (parts.c) refuses of groups: a reference to nothing, an id that is there twice or begins like another one, a
 * rule twice, groups of a port that do not agree, limits. Each is asked here of what changes against all else; whatever looks
 * as if it could be so is left to the join, which also has the words for it.
 */
#include "policy/fit.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/map.h"
#include "base/vec.h"
#include "policy/whole.h"

/* A change of more is a new policy. */
#define CHANGES_MOST   32
#define NEW_RULES_MOST 64

struct fitting {
	struct arena *scratch;
	const struct parts_view *view;
	const struct parts_change *change;
};

static size_t place_of(const struct parts_view *view, enum part_kind kind, const char *id)
{
	size_t low = 0, high = view->n[kind];

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(policy_part_id(view->at(view->data, kind, middle)), id) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static const struct policy_part *find(
	const struct parts_view *view, enum part_kind kind, const char *id)
{
	size_t place = place_of(view, kind, id);
	const struct policy_part *part =
		place < view->n[kind] ? view->at(view->data, kind, place) : NULL;

	return part && !strcmp(policy_part_id(part), id) ? part : NULL;
}

static bool is_gone(const struct parts_change *change, enum part_kind kind, const char *id)
{
	for (size_t i = 0; i < change->n_gone; i++)
		if (change->gone_kinds[i] == kind && !strcmp(change->gone[i], id))
			return true;
	return false;
}

static const struct policy_part *find_put(const struct parts_change *change, const char *id)
{
	for (size_t i = 0; i < change->n_puts; i++)
		if (!strcmp(policy_part_id(change->puts[i]), id))
			return change->puts[i];
	return NULL;
}

/* Is it there behind the change? Puts are all groups. */
static bool is_there(const struct fitting *f, enum part_kind kind, const char *id)
{
	if (kind == PART_GROUP && find_put(f->change, id))
		return true;
	return find(f->view, kind, id) && !is_gone(f->change, kind, id);
}

static bool is_used(const struct fitting *f, const char *id)
{
	for (size_t i = 0; i < f->view->n[PART_PORT]; i++) {
		const struct policy_part *port = f->view->at(f->view->data, PART_PORT, i);

		for (size_t g = 0; g < port->n_group_ids; g++)
			if (!strcmp(port->group_ids[g], id))
				return true;
	}
	return false;
}

/* By a rule of a group that is not in the change itself. */
static bool is_named(const struct fitting *f, const char *id)
{
	for (size_t i = 0; i < f->view->n[PART_GROUP]; i++) {
		const struct policy_part *group = f->view->at(f->view->data, PART_GROUP, i);

		for (size_t r = 0; r < group->group.n_rules; r++)
			if (group->remote_group_ids[r] && !strcmp(group->remote_group_ids[r], id) &&
				!find_put(f->change, group->group.id) &&
				!is_gone(f->change, PART_GROUP, group->group.id))
				return true;
	}
	return false;
}

static bool begins_alike(const char *a, const char *b)
{
	return strcmp(a, b) != 0 && !strncmp(a, b, SET_ID_LEN);
}

/* Sets are named by the beginning of an id: its neighbours in the order of ids are the only ones that can begin like it. */
static bool may_clash(const struct fitting *f, const char *id)
{
	static const enum part_kind kinds[] = { PART_GROUP, PART_ADDRESS_GROUP };

	for (size_t k = 0; k < N_OF(kinds); k++) {
		size_t place = place_of(f->view, kinds[k], id);

		for (size_t i = place ? place - 1 : 0; i < f->view->n[kinds[k]] && i <= place + 1;
			i++) {
			const char *other = policy_part_id(f->view->at(f->view->data, kinds[k], i));

			if (begins_alike(id, other) ||
				(kinds[k] == PART_ADDRESS_GROUP && !strcmp(id, other)))
				return true;
		}
	}
	for (size_t i = 0; i < f->change->n_puts; i++)
		if (begins_alike(id, policy_part_id(f->change->puts[i])))
			return true;
	return false;
}

static const struct policy_rule *find_rule(const struct policy_part *part, const char *id)
{
	for (size_t i = 0; part && i < part->group.n_rules; i++)
		if (!strcmp(part->group.rules[i].id, id))
			return &part->group.rules[i];
	return NULL;
}

/* Its rules name what is there, and none is there twice. Those that it did not have before are added to ids. */
static bool check_rules(struct fitting *f, const struct policy_part *part,
	const struct policy_part *before, struct map *ids, size_t *n_new)
{
	struct map *keys = map_new(f->scratch);

	for (size_t r = 0; r < part->group.n_rules; r++) {
		const struct policy_rule *rule = &part->group.rules[r];
		const char *group = part->remote_group_ids[r],
			   *addresses = part->remote_address_group_ids[r];

		if ((group && !is_there(f, PART_GROUP, group)) ||
			(addresses && !is_there(f, PART_ADDRESS_GROUP, addresses)) ||
			map_add(keys, check_rule_key(f->scratch, rule, group, addresses), f) ||
			map_add(ids, rule->id, f))
			return false;
		*n_new += !find_rule(before, rule->id);
	}
	return true;
}

/* Where in a table of the beginnings of ids. */
static uint8_t beginning(const char *id)
{
	return (uint8_t)(id[0] ? (unsigned char)id[0] * 31u + (unsigned char)id[1] : 0);
}

/*
 * Has a group that stays as it is a rule with one of these ids? Most of tens of thousands begin otherwise: they are
 * not hashed for it.
 */
static bool are_ids_taken(const struct fitting *f, const struct map *ids)
{
	bool begins[UINT8_MAX + 1] = { false };

	for (size_t i = 0; i < f->change->n_puts; i++)
		for (size_t r = 0; r < f->change->puts[i]->group.n_rules; r++)
			begins[beginning(f->change->puts[i]->group.rules[r].id)] = true;
	for (size_t i = 0; i < f->view->n[PART_GROUP]; i++) {
		const struct policy_group *group =
			&f->view->at(f->view->data, PART_GROUP, i)->group;

		for (size_t r = 0; r < group->n_rules; r++)
			if (begins[beginning(group->rules[r].id)] &&
				map_find(ids, group->rules[r].id) &&
				!find_put(f->change, group->id))
				return true;
	}
	return false;
}

static bool is_within_limits(const struct fitting *f)
{
	size_t n_rules = 0;

	for (size_t i = 0; i < f->view->n[PART_GROUP]; i++)
		n_rules += f->view->at(f->view->data, PART_GROUP, i)->group.n_rules;
	for (size_t i = 0; i < f->change->n_puts; i++)
		n_rules += f->change->puts[i]->group.n_rules;
	return n_rules <= LIMIT_RULES && f->view->n[PART_GROUP] + f->change->n_puts <= LIMIT_GROUPS;
}

static bool is_of_few_groups(const struct parts_change *change)
{
	if (change->n_puts + change->n_gone > CHANGES_MOST)
		return false;
	for (size_t i = 0; i < change->n_puts; i++) {
		if (change->puts[i]->kind != PART_GROUP)
			return false;
		for (size_t k = 0; k < i; k++)
			if (!strcmp(policy_part_id(change->puts[i]),
				    policy_part_id(change->puts[k])))
				return false;
	}
	for (size_t i = 0; i < change->n_gone; i++)
		if (change->gone_kinds[i] != PART_GROUP || find_put(change, change->gone[i]))
			return false;
	return true;
}

enum fit policy_fit(const struct parts_view *view, const struct parts_change *change)
{
	struct arena *scratch CLEANUP(arena_freep) = arena_new();
	struct fitting f = { scratch, view, change };
	struct map *ids = map_new(scratch);
	enum fit fit = FIT_NO_EFFECT;
	size_t n_new = 0;

	if (!is_of_few_groups(change) || !is_within_limits(&f))
		return FIT_UNSURE;
	for (size_t i = 0; i < change->n_gone; i++)
		if (!find(view, PART_GROUP, change->gone[i]) || is_used(&f, change->gone[i]) ||
			is_named(&f, change->gone[i]))
			return FIT_UNSURE;
	for (size_t i = 0; i < change->n_puts; i++) {
		const struct policy_part *put = change->puts[i];
		const char *id = policy_part_id(put);
		const struct policy_part *before = find(view, PART_GROUP, id);
		bool has_port = before && is_used(&f, id);

		if ((!before && may_clash(&f, id)) ||
			(has_port && before->group.stateful != put->group.stateful) ||
			!check_rules(&f, put, before, ids, &n_new) || n_new > NEW_RULES_MOST)
			return FIT_UNSURE;
		if (has_port || (before && is_named(&f, id)))
			fit = FIT_VALID;
	}
	return n_new && are_ids_taken(&f, ids) ? FIT_UNSURE : fit;
}
