// SPDX-License-Identifier: GPL-2.0-or-later
/* Bodies against the tables of fields: what may be said, in which request, and of which type. Messages are Neutron's. */
#include "api/request.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/limits.h"

/* A value as messages show it. */
static const char *value_words(struct arena *arena, const json_t *value)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;

	switch (json_typeof(value)) {
	case JSON_STRING:
		return json_string_value(value);
	case JSON_NULL:
		return "None";
	case JSON_TRUE:
		return "True";
	case JSON_FALSE:
		return "False";
	default:
		json_add(&text, value);
		return arena_strdup(arena, text.data);
	}
}

static unsigned type_of(const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		return IS_OBJECT;
	case JSON_ARRAY:
		return IS_LIST;
	case JSON_STRING:
		return IS_STRING;
	case JSON_INTEGER:
		return IS_INT;
	case JSON_TRUE:
	case JSON_FALSE:
		return IS_BOOL;
	case JSON_NULL:
		return IS_NULL;
	case JSON_REAL:
		return IS_REAL;
	}
	return 0;
}

/* What Neutron takes for a boolean. NULL: it is none. */
static json_t *to_boolean(const json_t *value)
{
	static const char *const yes[] = { "true", "yes", "on", "1", "t", "y" };
	static const char *const no[] = { "false", "no", "off", "0", "f", "n" };
	const char *text = json_string_value(value);

	if (json_is_integer(value) && (json_integer_value(value) & ~1LL) == 0)
		return json_boolean(json_integer_value(value));
	for (size_t i = 0; text && i < N_OF(yes); i++) {
		if (!strcasecmp(text, yes[i]))
			return json_true();
		if (!strcasecmp(text, no[i]))
			return json_false();
	}
	return NULL;
}

/* Texts of digits are numbers where nothing else is meant, as Neutron takes them. */
static json_t *to_integer(const json_t *value)
{
	const char *text = json_string_value(value);
	uint32_t number;

	return text && text_to_u32(text, 0, INT32_MAX, &number) ? json_integer(number) : NULL;
}

static void answer_invalid(struct request *request, const struct api_field *field,
	const json_t *value, const char *reason)
{
	answer_error(request, 400, "HTTPBadRequest", field->words,
		"Invalid input for %s. Reason: '%s' %s", field->name,
		value_words(request->arena, value), reason);
}

static size_t characters_of(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

/* The right type and length; a boolean becomes one. */
static bool check_value(
	struct request *request, json_t *object, const struct api_field *field, json_t *value)
{
	unsigned type = type_of(value);

	if (field->types == IS_ANY)
		return true;
	if (!(type & field->types) && (field->types & IS_BOOL)) {
		json_t *boolean = to_boolean(value);

		if (boolean)
			return json_object_set(object, field->name, boolean) == 0;
		answer_invalid(request, field, value, "cannot be converted to boolean.");
		return false;
	}
	if (!(type & field->types) && field->types == IS_INT) {
		json_t *number = to_integer(value);

		if (number)
			return json_object_set_new(object, field->name, number) == 0;
		answer_invalid(request, field, value, "is not an integer.");
		return false;
	}
	if (!(type & field->types)) {
		answer_invalid(request, field, value,
			field->types & IS_LIST ? "is not a list." : "is not a valid string.");
		return false;
	}
	if (type == IS_STRING && characters_of(json_string_value(value)) > LIMIT_NAME_LEN) {
		answer_invalid(request, field, value,
			arena_printf(
				request->arena, "exceeds maximum length of %d.", LIMIT_NAME_LEN));
		return false;
	}
	return true;
}

/* What nobody looks at is kept, and shown with each list. */
static bool check_kept(struct request *request, const struct api_field *field, const json_t *value)
{
	bool is_kept = field->initial || !kind_is_part(request->route->resource->kind);
	struct text text CLEANUP(text_done) = TEXT_INIT;

	if (!is_kept || !(type_of(value) & (IS_LIST | IS_OBJECT)))
		return true;
	json_add(&text, value);
	if (text.len <= LIMIT_API_KEPT)
		return true;
	answer_error(request, 400, "HTTPBadRequest", field->words,
		"Invalid input for %s. Reason: it has %zu bytes as JSON, and may have %zu.",
		field->name, text.len, LIMIT_API_KEPT);
	return false;
}

static const struct api_field *find_field(const struct resource *resource, const char *name)
{
	for (size_t i = 0; i < resource->n_fields; i++)
		if (!strcmp(resource->fields[i].name, name))
			return &resource->fields[i];
	return NULL;
}

static const char *nearest_field(
	const struct resource *resource, struct arena *arena, const char *name, unsigned in)
{
	const char **names = arena_new_array(arena, const char *, resource->n_fields);
	const char *nearest;
	size_t n = 0;

	for (size_t i = 0; i < resource->n_fields; i++)
		if (resource->fields[i].flags & in)
			names[n++] = resource->fields[i].name;
	nearest = text_nearest(name, names, n);
	return nearest ? arena_printf(arena, "Did you mean %s?", nearest) : "";
}

static bool check_object(struct request *request, json_t *object)
{
	const struct resource *resource = request->route->resource;
	unsigned in = request->method == METHOD_POST ? IN_POST : IN_PUT;
	const char *name;
	void *safe;
	json_t *value;

	json_object_foreach_safe(object, safe, name, value)
	{
		const struct api_field *field = find_field(resource, name);

		if (!field)
			answer_error(request, 400, "HTTPBadRequest",
				nearest_field(resource, request->arena, name, in),
				"Unrecognized attribute(s) '%s'", name);
		else if (!(field->flags & in) && in == IN_POST)
			answer_error(request, 400, "HTTPBadRequest", field->words,
				"Attribute '%s' not allowed in POST", name);
		else if (!(field->flags & in))
			answer_error(request, 400, "HTTPBadRequest", field->words,
				"Cannot update read-only attribute %s", name);
		/* check_value last: the value may be another one behind it */
		else if (check_kept(request, field, value) &&
			 check_value(request, object, field, value))
			continue;
		return false;
	}
	for (size_t i = 0; in == IN_POST && i < resource->n_fields; i++)
		if ((resource->fields[i].flags & REQUIRED) &&
			!json_object_get(object, resource->fields[i].name)) {
			answer_error(request, 400, "HTTPBadRequest", resource->fields[i].words,
				"Failed to parse request. Required attribute '%s' not specified",
				resource->fields[i].name);
			return false;
		}
	return true;
}

/* The object or the objects, as a list; NULL: there are none, and it is answered so. */
static json_t *take_objects(
	struct request *request, const json_t *body, bool may_be_many, bool *ret_many)
{
	const struct resource *resource = request->route->resource;
	json_t *one = json_object_get(body, resource->one);
	json_t *many = may_be_many ? json_object_get(body, resource->many) : NULL;
	const char *next =
		arena_printf(request->arena, "Send {\"%s\": {...}} as JSON.", resource->one);
	json_t *list;

	if (!json_is_object(body) || !json_object_size(body)) {
		answer_error(request, 400, "HTTPBadRequest", next, "Resource body required");
		return NULL;
	}
	if (!one && !many) {
		answer_error(request, 400, "HTTPBadRequest", next,
			"Unable to find '%s' in request body", resource->one);
		return NULL;
	}
	if (json_is_object(one)) {
		list = json_array();
		json_array_append(list, one);
		*ret_many = false;
		return list;
	}
	if (one || !json_is_array(many)) {
		answer_error(request, 400, "HTTPBadRequest", next,
			"Object '%s' contains invalid data", one ? resource->one : resource->many);
		return NULL;
	}
	if (!json_array_size(many)) {
		answer_error(request, 400, "HTTPBadRequest", next, "Resources required");
		return NULL;
	}
	*ret_many = true;
	return json_incref(many);
}

/* In a list each may be wrapped once more, as the object alone is: some clients do. */
static void unwrap(const struct request *request, json_t *list)
{
	json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
	{
		json_t *inner = json_object_get(item, request->route->resource->one);

		if (json_is_object(inner) && json_object_size(item) == 1)
			json_array_set(list, i, inner);
	}
}

json_t *fields_of_body(struct request *request, bool may_be_many, bool *ret_many)
{
	json_t *body, *list, *object;
	size_t i;

	if (!request->body.len) {
		answer_error(request, 400, "HTTPBadRequest",
			arena_printf(request->arena, "Send {\"%s\": {...}} as JSON.",
				request->route->resource->one),
			"Resource body required");
		return NULL;
	}
	body = request_json(request);
	if (!body)
		return NULL;
	list = take_objects(request, body, may_be_many, ret_many);
	json_decref(body);
	unwrap(request, list);
	json_array_foreach(list, i, object)
	{
		bool is_fine = json_is_object(object);

		if (!is_fine)
			answer_error(request, 400, "HTTPBadRequest", "Each item is an object.",
				"Object '%s' contains invalid data",
				request->route->resource->many);
		else
			is_fine = check_object(request, object);
		if (!is_fine) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

bool request_project(struct request *request, json_t *object, const char **ret)
{
	static const char *const names[] = { "project_id", "tenant_id" };
	const char *own = request->who.project_id;

	*ret = own;
	for (size_t i = 0; i < N_OF(names); i++) {
		const char *named = json_string_value(json_object_get(object, names[i]));

		if (named && *named)
			*ret = arena_strdup(request->arena, named);
		json_object_del(object, names[i]);
	}
	if (is_admin(request) || !strcmp(*ret, own))
		return true;
	answer_error(request, 400, "HTTPBadRequest", "",
		"Specifying 'project_id' or 'tenant_id' other than the authenticated project in "
		"request requires admin or advsvc privileges");
	return false;
}
