// SPDX-License-Identifier: GPL-2.0-or-later
/* The policy in parts, in memory. Only the store says what is in it: a change is there first. */
#include "api/door.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/documents.h"

/* Garbage that is not worth a new arena. */
#define MODEL_GARBAGE ((size_t)1024 * 1024)

bool part_copy(struct arena *arena, const struct policy_part *part, struct policy_part *ret,
	struct err *err)
{
	struct text bytes CLEANUP(text_done) = TEXT_INIT;
	const char *at;

	policy_part_encode(&bytes, part);
	at = bytes.data;
	return policy_part_decode(arena, &at, bytes.data + bytes.len, ret, err);
}

const char *part_text(struct arena *arena, const struct policy_part *part)
{
	json_t *document = document_of_part(part);
	char *text = json_dumps(document, JSON_COMPACT | JSON_SORT_KEYS), *copy;

	if (!text)
		abort(); /* a document of a part is always JSON; else there is no memory */
	copy = arena_strdup(arena, text);
	free(text);
	json_decref(document);
	return copy;
}

/* Where the id is, or would be. */
static size_t place_of(const struct model *model, enum part_kind kind, const char *id)
{
	size_t low = 0, high = model->n[kind];

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(policy_part_id(&model->objects[kind][middle].part), id) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct object *model_find(const struct model *model, enum part_kind kind, const char *id)
{
	size_t place = place_of(model, kind, id);

	return place < model->n[kind] &&
			       !strcmp(policy_part_id(&model->objects[kind][place].part), id)
		       ? &model->objects[kind][place]
		       : NULL;
}

const struct object *model_find_rule(const struct model *model, const char *id, size_t *ret_rule)
{
	for (size_t i = 0; i < model->n[PART_GROUP]; i++) {
		const struct policy_group *group = &model->objects[PART_GROUP][i].part.group;

		for (size_t r = 0; r < group->n_rules; r++)
			if (!strcmp(group->rules[r].id, id)) {
				*ret_rule = r;
				return &model->objects[PART_GROUP][i];
			}
	}
	return NULL;
}

size_t model_n_rules(const struct model *model)
{
	size_t n = 0;

	for (size_t i = 0; i < model->n[PART_GROUP]; i++)
		n += model->objects[PART_GROUP][i].part.group.n_rules;
	return n;
}

/* It was checked when it came in, so that it can be read back. */
static void copy_or_die(
	struct arena *arena, const struct policy_part *part, struct policy_part *ret)
{
	struct err err;

	if (!part_copy(arena, part, ret, &err)) {
		fprintf(stderr, "<2>event=bug what=\"a part of the policy has no copy\"\n");
		abort();
	}
}

static struct object *new_place(struct model *model, enum part_kind kind, size_t place)
{
	struct object *objects = model->objects[kind];
	size_t n = model->n[kind];

	if (n == model->cap[kind]) {
		size_t cap = n ? n * 2 : 64;

		objects = realloc(objects, cap * sizeof(*objects));
		if (!objects) {
			fputs("portwall: out of memory\n", stderr);
			abort();
		}
		model->objects[kind] = objects;
		model->cap[kind] = cap;
	}
	memmove(&objects[place + 1], &objects[place], (n - place) * sizeof(*objects));
	objects[place] = (struct object){ 0 };
	model->n[kind]++;
	return &objects[place];
}

/* Leaves behind what was replaced. */
static void drop_garbage(struct model *model)
{
	struct arena *fresh;

	if (arena_used(model->arena) < 2 * model->fresh_size + MODEL_GARBAGE)
		return;
	fresh = arena_new();
	for (int kind = 0; kind < N_PART_KINDS; kind++)
		for (size_t i = 0; i < model->n[kind]; i++) {
			struct policy_part *part = &model->objects[kind][i].part;

			copy_or_die(fresh, part, part);
		}
	arena_free(model->arena);
	model->arena = fresh;
	model->fresh_size = arena_used(fresh);
}

void model_put(struct model *model, const struct policy_part *part, uint64_t revision)
{
	const char *id = policy_part_id(part);
	size_t place = place_of(model, part->kind, id);
	struct object *object;

	if (model_find(model, part->kind, id)) {
		object = &model->objects[part->kind][place];
	} else {
		object = new_place(model, part->kind, place);
		object->created = revision;
	}
	copy_or_die(model->arena, part, &object->part);
	object->changed = revision;
	model->revision = revision;
	drop_garbage(model);
}

void model_remove(struct model *model, enum part_kind kind, const char *id, uint64_t revision)
{
	struct object *objects = model->objects[kind];
	size_t place = place_of(model, kind, id);

	model->revision = revision;
	if (!model_find(model, kind, id))
		return;
	memmove(&objects[place], &objects[place + 1],
		(model->n[kind] - place - 1) * sizeof(*objects));
	model->n[kind]--;
}

void model_done(struct model *model)
{
	arena_free(model->arena);
	for (int kind = 0; kind < N_PART_KINDS; kind++)
		free(model->objects[kind]);
	*model = (struct model){ 0 };
}

/* "/fw/v1/h/HOST/p/PORT": a port; store.h has the others. */
static bool kind_of_key(const char *key, enum part_kind *ret)
{
	if (text_has_prefix(key, "/fw/v1/g/"))
		*ret = PART_GROUP;
	else if (text_has_prefix(key, "/fw/v1/ag/"))
		*ret = PART_ADDRESS_GROUP;
	else if (text_has_prefix(key, "/fw/v1/h/"))
		*ret = PART_PORT;
	else
		return false;
	return true;
}

static bool load_entry(struct model *model, const struct store_entry *entry, struct err *err)
{
	struct policy_part part;
	enum part_kind kind;
	json_error_t wrong;
	json_t *document;
	struct object *object;
	bool is_part;

	if (!kind_of_key(entry->key, &kind)) /* a later version's: not ours to judge */
		return true;
	document = json_loadb(entry->value, entry->size, JSON_REJECT_DUPLICATES, &wrong);
	if (!document)
		return err_input(err, "%s: no JSON: %s", entry->key, wrong.text);
	is_part = document_to_part(model->arena, document, kind, &part, err);
	json_decref(document);
	if (!is_part)
		return err_prefix(err, "%s", entry->key);
	if (model_find(model, kind, policy_part_id(&part)))
		return err_input(err, "%s: another key has this id too", entry->key);
	object = new_place(model, kind, place_of(model, kind, policy_part_id(&part)));
	*object = (struct object){ entry->created, entry->changed, part };
	return true;
}

bool model_load(struct model *model, struct store *store, struct err *err)
{
	struct arena *scratch CLEANUP(arena_freep) = arena_new();
	struct model fresh = { .arena = arena_new() };
	struct store_entry *entries;
	size_t n;

	if (!store_list(scratch, store, "/fw/v1/", &entries, &n, &fresh.revision, err)) {
		model_done(&fresh);
		return false;
	}
	for (size_t i = 0; i < n; i++)
		if (!load_entry(&fresh, &entries[i], err)) {
			model_done(&fresh);
			return err_prefix(err, "the store");
		}
	fresh.fresh_size = arena_used(fresh.arena);
	model_done(model);
	*model = fresh;
	return true;
}
