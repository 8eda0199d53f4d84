// SPDX-License-Identifier: GPL-2.0-or-later
/* All objects in memory. Only the store says what is in it: a change is there first. */
#include "api/request.h"

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
	const char *text = json_line(arena, document);

	json_decref(document);
	return text;
}

const char *object_text(struct arena *arena, const struct object *object)
{
	json_t *document = kind_is_part(object->kind) ? document_of_part(&object->part)
						      : json_pack("{s:s}", "id", object->id);
	const char *text;
	json_t *rule;
	size_t i;

	attrs_to_document(&object->attrs, document);
	json_array_foreach(json_object_get(document, "security_group_rules"), i,
		rule) if (object->rule_attrs) attrs_to_document(&object->rule_attrs[i], rule);
	text = json_line(arena, document);
	json_decref(document);
	return text;
}

/* Of those that are no parts: where the store has them. */
static const char *const prefixes[N_OBJECT_KINDS] = { [OBJECT_NETWORK] = "/fw/v1/n/",
	[OBJECT_SUBNET] = "/fw/v1/sn/",
	[OBJECT_RBAC] = "/fw/v1/rbac/",
	[OBJECT_QUOTA] = "/fw/v1/quota/",
	[OBJECT_DEFAULT_RULE] = "/fw/v1/dr/" };

const char *object_key(struct arena *arena, const struct object *object)
{
	return kind_is_part(object->kind)
		       ? document_key(arena, &object->part)
		       : arena_printf(arena, "%s%s", prefixes[object->kind], object->id);
}

/* Where the id is, or would be. */
static size_t place_of(const struct model *model, enum object_kind kind, const char *id)
{
	size_t low = 0, high = model->n[kind];

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(model->objects[kind][middle].id, id) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct object *model_find(const struct model *model, enum object_kind kind, const char *id)
{
	size_t place = place_of(model, kind, id);

	return place < model->n[kind] && !strcmp(model->objects[kind][place].id, id)
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
static void copy_or_die(struct arena *arena, const struct object *object, struct object *ret)
{
	struct object copy = *object;
	struct err err;

	if (!kind_is_part(object->kind)) {
		copy.id = arena_strdup(arena, object->id);
	} else if (part_copy(arena, &object->part, &copy.part, &err)) {
		copy.id = policy_part_id(&copy.part);
	} else {
		fprintf(stderr, "<2>event=bug what=\"a part of the policy has no copy\"\n");
		abort();
	}
	attrs_copy(arena, &object->attrs, &copy.attrs);
	if (object->kind == OBJECT_GROUP) {
		size_t n = object->part.group.n_rules;

		copy.rule_attrs = arena_new_array(arena, struct attrs, n);
		for (size_t i = 0; i < n; i++)
			attrs_copy(arena, &object->rule_attrs[i], &copy.rule_attrs[i]);
	}
	*ret = copy;
}

static struct object *new_place(struct model *model, enum object_kind kind, size_t place)
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
	for (int kind = 0; kind < N_OBJECT_KINDS; kind++)
		for (size_t i = 0; i < model->n[kind]; i++)
			copy_or_die(fresh, &model->objects[kind][i], &model->objects[kind][i]);
	arena_free(model->arena);
	model->arena = fresh;
	model->fresh_size = arena_used(fresh);
}

void model_put(struct model *model, const struct object *object, uint64_t revision)
{
	size_t place = place_of(model, object->kind, object->id);
	const struct object *before = model_find(model, object->kind, object->id);
	uint64_t created = before ? before->created : revision;
	struct object *at = before ? &model->objects[object->kind][place]
				   : new_place(model, object->kind, place);

	copy_or_die(model->arena, object, at);
	at->created = created;
	at->changed = revision;
	model->revision = revision;
	drop_garbage(model);
}

void model_remove(struct model *model, enum object_kind kind, const char *id, uint64_t revision)
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
	for (int kind = 0; kind < N_OBJECT_KINDS; kind++)
		free(model->objects[kind]);
	*model = (struct model){ 0 };
}

/* "/fw/v1/h/HOST/p/PORT": a port; store.h has the others. *ret_id: what stands behind the prefix of those that are no parts. */
static bool kind_of_key(const char *key, enum object_kind *ret, const char **ret_id)
{
	if (text_has_prefix(key, "/fw/v1/g/")) {
		*ret = OBJECT_GROUP;
		return true;
	}
	if (text_has_prefix(key, "/fw/v1/ag/")) {
		*ret = OBJECT_ADDRESS_GROUP;
		return true;
	}
	if (text_has_prefix(key, "/fw/v1/h/")) {
		*ret = OBJECT_PORT;
		return true;
	}
	for (int kind = N_PART_KINDS; kind < N_OBJECT_KINDS; kind++)
		if (text_has_prefix(key, prefixes[kind])) {
			*ret = kind;
			*ret_id = key + strlen(prefixes[kind]);
			return true;
		}
	return false;
}

static bool object_of_document(
	struct arena *arena, const json_t *document, struct object *ret, struct err *err)
{
	const json_t *rules = json_object_get(document, "security_group_rules");

	attrs_of_document(arena, document, &ret->attrs);
	if (!kind_is_part(ret->kind)) {
		ret->id = arena_strdup(arena, ret->id);
		return record_check_kept(ret, err);
	}
	if (!document_to_part(arena, document, (enum part_kind)ret->kind, &ret->part, err))
		return false;
	ret->id = policy_part_id(&ret->part);
	if (ret->kind != OBJECT_GROUP)
		return true;
	ret->rule_attrs = arena_new_array(arena, struct attrs, ret->part.group.n_rules);
	for (size_t i = 0; i < ret->part.group.n_rules; i++)
		attrs_of_document(arena, json_array_get(rules, i), &ret->rule_attrs[i]);
	return true;
}

static bool load_entry(struct model *model, const struct store_entry *entry, struct err *err)
{
	struct object object = { .created = entry->created, .changed = entry->changed };
	json_error_t wrong;
	json_t *document;
	bool is_object;

	if (!kind_of_key(entry->key, &object.kind,
		    &object.id)) /* a later version's: not ours to judge */
		return true;
	document = json_loadb(entry->value, entry->size, JSON_REJECT_DUPLICATES, &wrong);
	if (!document)
		return err_input(err, "%s: no JSON: %s", entry->key, wrong.text);
	is_object = object_of_document(model->arena, document, &object, err);
	json_decref(document);
	if (!is_object)
		return err_prefix(err, "%s", entry->key);
	if (model_find(model, object.kind, object.id))
		return err_input(err, "%s: another key has this id too", entry->key);
	*new_place(model, object.kind, place_of(model, object.kind, object.id)) = object;
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
	default_rules_load(&fresh);
	fresh.fresh_size = arena_used(fresh.arena);
	model_done(model);
	*model = fresh;
	return true;
}
