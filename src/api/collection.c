// SPDX-License-Identifier: GPL-2.0-or-later
/* Lists and single objects, of whatever kind: filters, fields, entity tags. */
#include "api/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void answer_not_found(struct request *request, const struct resource *resource, const char *id)
{
	answer_error(request, 404, resource->not_found, "", "%s %s %s", resource->title, id,
		resource->not_found_words);
}

json_t *resource_show(struct door *door, const struct resource *resource, const char *id)
{
	const struct object *object;

	if (resource->find)
		return resource->find(door, id);
	object = model_find(&door->model, resource->kind, id);
	return object ? resource->view(door, object) : NULL;
}

uint64_t resource_changed(struct door *door, const struct resource *resource, const char *id)
{
	const struct object *object;

	if (resource->changed)
		return resource->changed(door, id);
	object = model_find(&door->model, resource->kind, id);
	return object ? object->changed : 0;
}

static void resource_each(struct door *door, const struct resource *resource,
	void (*fn)(void *data, json_t *object), void *data)
{
	const struct model *model = &door->model;

	if (resource->each) {
		resource->each(door, fn, data);
		return;
	}
	for (size_t i = 0; i < model->n[resource->kind]; i++)
		fn(data, resource->view(door, &model->objects[resource->kind][i]));
}

const struct object *collection_find(struct request *request)
{
	const struct resource *resource = request->route->resource;
	const struct object *object =
		model_find(&request->door->model, resource->kind, request->id);

	if (!object)
		answer_not_found(request, resource, request->id);
	return object;
}

/* "5", a quoted one, a weak one, Neutron's revision_number=5. */
static bool tag_is(const char *tag, size_t len, uint64_t revision)
{
	static const char *const before[] = { "W/", "revision_number=", "\"" };
	char text[24];
	int text_len = snprintf(text, sizeof(text), "%llu", (unsigned long long)revision);

	for (size_t i = 0; i < N_OF(before); i++)
		if (len >= strlen(before[i]) && !strncmp(tag, before[i], strlen(before[i]))) {
			tag += strlen(before[i]);
			len -= strlen(before[i]);
		}
	if (len && tag[len - 1] == '"')
		len--;
	return len == (size_t)text_len && !strncmp(tag, text, len);
}

bool request_matches(struct request *request, uint64_t revision)
{
	const char *at = request->if_match;

	if (!at)
		return true;
	while (*at) {
		size_t len = strcspn(at, ", \t");

		if ((len == 1 && *at == '*') || (len && tag_is(at, len, revision)))
			return true;
		at += len + strspn(at + len, ", \t");
	}
	answer_error(request, 412, "RevisionNumberConstraintFailed",
		"Somebody changed it: look at it again, and send If-Match with the revision that you "
		"have seen.",
		"Constrained to %s, but current revision is %llu", request->if_match,
		(unsigned long long)revision);
	return false;
}

/* --- filters --- */

static bool scalar_is(const json_t *value, const char *wanted)
{
	char number[24];

	switch (json_typeof(value)) {
	case JSON_STRING:
		return !strcmp(json_string_value(value), wanted);
	case JSON_INTEGER:
		snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(value));
		return !strcmp(number, wanted);
	case JSON_TRUE:
		return !strcasecmp(wanted, "true") || !strcmp(wanted, "1");
	case JSON_FALSE:
		return !strcasecmp(wanted, "false") || !strcmp(wanted, "0");
	default:
		return false;
	}
}

/* "ip_address=10.0.0.9": of an object in a list. */
static bool member_is(const json_t *object, const char *wanted)
{
	const char *equals = strchr(wanted, '=');
	const json_t *value = NULL;

	if (equals)
		value = json_object_getn(object, wanted, equals - wanted);
	return value && scalar_is(value, equals + 1);
}

static bool value_is(const json_t *value, const char *wanted)
{
	const json_t *item;
	size_t i;

	if (!json_is_array(value))
		return value && scalar_is(value, wanted);
	json_array_foreach(value, i, item) if (json_is_object(item)
						       ? member_is(item, wanted)
						       : scalar_is(item, wanted)) return true;
	return false;
}

/* Of the arguments with one key one has to be so, and that for each key. */
static bool passes_filters(const struct request *request, const json_t *object)
{
	vec_for_each (argument, &request->arguments) {
		const json_t *value = json_object_get(object, argument->key);
		bool is_so = !strcmp(argument->key, "fields");

		for (size_t i = 0; !is_so && i < request->arguments.n; i++)
			is_so = !strcmp(request->arguments.items[i].key, argument->key) &&
				value_is(value, request->arguments.items[i].value);
		if (!is_so)
			return false;
	}
	return true;
}

static bool check_filters(struct request *request, bool has_filters)
{
	const struct resource *resource = request->route->resource;
	struct text unknown CLEANUP(text_done) = TEXT_INIT;

	vec_for_each (argument, &request->arguments) {
		bool is_known = !strcmp(argument->key, "fields");

		for (size_t i = 0; has_filters && i < resource->n_fields; i++)
			is_known |= (resource->fields[i].flags & FILTERED) &&
				    !strcmp(resource->fields[i].name, argument->key);
		if (!is_known)
			text_addf(&unknown, "%s'%s'", unknown.len ? ", " : "", argument->key);
	}
	if (!unknown.len)
		return true;
	answer_error(request, 400, "HTTPBadRequest", "GET /v2.0/ lists what can be asked for.",
		"[%s] is invalid attribute for filtering", unknown.data);
	return false;
}

/* Only the fields that were asked for; all if none was. */
static json_t *choose_fields(const struct request *request, json_t *object)
{
	json_t *chosen = NULL;

	vec_for_each (argument, &request->arguments) {
		json_t *value = json_object_get(object, argument->value);

		if (strcmp(argument->key, "fields") != 0)
			continue;
		if (!chosen)
			chosen = json_object();
		if (value)
			json_object_set(chosen, argument->value, value);
	}
	if (!chosen)
		return object;
	json_decref(object);
	return chosen;
}

struct listing {
	struct request *request;
	struct text *out;
	bool is_first;
};

static void add_listed(void *data, json_t *object)
{
	struct listing *listing = data;

	if (passes_filters(listing->request, object)) {
		object = choose_fields(listing->request, object);
		if (!listing->is_first)
			text_add(listing->out, ",");
		listing->is_first = false;
		json_add(listing->out, object);
	}
	json_decref(object);
}

void collection_list(struct request *request)
{
	const struct resource *resource = request->route->resource;
	struct answer *answer = &request->answer;
	struct listing listing = { request, &answer->body, true };

	if (!check_filters(request, true))
		return;
	/* One object after the other: of 10,000 groups there is never more than the text. */
	text_addf(&answer->body, "{\"%s\":[", resource->many);
	resource_each(request->door, resource, add_listed, &listing);
	text_add(&answer->body, "]}");
	answer->status = 200;
	answer->content_type = "application/json";
}

void collection_show(struct request *request)
{
	const struct resource *resource = request->route->resource;
	json_t *object;

	if (!check_filters(request, false))
		return;
	object = resource_show(request->door, resource, request->id);
	if (!object) {
		answer_not_found(request, resource, request->id);
		return;
	}
	request->answer.etag = resource_changed(request->door, resource, request->id);
	answer_json(
		request, 200, json_pack("{s:o}", resource->one, choose_fields(request, object)));
}
