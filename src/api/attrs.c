// SPDX-License-Identifier: GPL-2.0-or-later
/* Attributes that all objects of the API have, whatever they are, and what only their clients care for. */
#include "api/request.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

void attrs_copy(struct arena *arena, const struct attrs *attrs, struct attrs *ret)
{
	struct attrs copy = *attrs;
	const char **tags = arena_new_array(arena, const char *, attrs->n_tags);

	for (size_t i = 0; i < attrs->n_tags; i++)
		tags[i] = arena_strdup(arena, attrs->tags[i]);
	copy.tags = tags;
	/* most are local: these need no copy each */
	copy.project_id = !strcmp(attrs->project_id, LOCAL_PROJECT)
				  ? LOCAL_PROJECT
				  : arena_strdup(arena, attrs->project_id);
	copy.extra = attrs->extra ? arena_strdup(arena, attrs->extra) : NULL;
	*ret = copy;
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

bool attrs_equal(const struct attrs *a, const struct attrs *b)
{
	if (strcmp(a->project_id, b->project_id) != 0 || a->created_at != b->created_at ||
		a->updated_at != b->updated_at || a->revision != b->revision ||
		a->n_tags != b->n_tags || !same_text(a->extra, b->extra))
		return false;
	for (size_t i = 0; i < a->n_tags; i++)
		if (strcmp(a->tags[i], b->tags[i]) != 0)
			return false;
	return true;
}

json_t *attrs_tags(const struct attrs *attrs)
{
	json_t *tags = json_array();

	for (size_t i = 0; i < attrs->n_tags; i++)
		json_array_append_new(tags, json_text(attrs->tags[i]));
	return tags;
}

void attrs_to_document(const struct attrs *attrs, json_t *document)
{
	json_object_set_new(document, "project_id", json_text(attrs->project_id));
	json_object_set_new(document, "created_at", json_integer((json_int_t)attrs->created_at));
	json_object_set_new(document, "updated_at", json_integer((json_int_t)attrs->updated_at));
	if (attrs->revision)
		json_object_set_new(
			document, "revision_number", json_integer((json_int_t)attrs->revision));
	if (attrs->n_tags)
		json_object_set_new(document, "tags", attrs_tags(attrs));
	if (attrs->extra)
		json_object_set_new(document, "extra", json_loads(attrs->extra, 0, NULL));
}

void attrs_of_document(struct arena *arena, const json_t *document, struct attrs *ret)
{
	const char *project = json_string_value(json_object_get(document, "project_id"));
	const json_t *tags = json_object_get(document, "tags");
	const json_t *extra = json_object_get(document, "extra"), *tag;
	const char **list = arena_new_array(arena, const char *, json_array_size(tags));
	size_t i;

	*ret = (struct attrs){ .project_id = project ? arena_strdup(arena, project) : LOCAL_PROJECT,
		.created_at = json_integer_value(json_object_get(document, "created_at")),
		.updated_at = json_integer_value(json_object_get(document, "updated_at")),
		.revision =
			(unsigned)json_integer_value(json_object_get(document, "revision_number")),
		.tags = list };
	json_array_foreach(tags, i, tag) if (json_is_string(tag)) list[ret->n_tags++] =
		arena_strdup(arena, json_string_value(tag));
	if (json_is_object(extra))
		ret->extra = json_line(arena, extra);
}

static json_t *json_time(int64_t seconds)
{
	time_t at = (time_t)seconds;
	char text[32];
	struct tm tm;

	if (!gmtime_r(&at, &tm) || !strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm))
		return json_null();
	return json_string(text);
}

void object_show(const struct object *object, json_t *view)
{
	attrs_show(&object->attrs, view);
	json_object_set_new(view, "tags", attrs_tags(&object->attrs));
	json_object_set_new(view, "revision_number", json_integer((json_int_t)object->changed));
}

void attrs_show(const struct attrs *attrs, json_t *view)
{
	json_t *project = json_text(attrs->project_id);
	json_t *created_at = json_time(attrs->created_at);
	json_t *updated_at = attrs->updated_at == attrs->created_at ? json_incref(created_at)
								    : json_time(attrs->updated_at);

	json_object_set_nocheck(view, "project_id", project);
	json_object_set_new_nocheck(view, "tenant_id", project);
	json_object_set_new_nocheck(view, "created_at", created_at);
	json_object_set_new_nocheck(view, "updated_at", updated_at);
	if (attrs->extra) {
		json_t *extra = json_loads(attrs->extra, 0, NULL);

		json_object_update(view, extra);
		json_decref(extra);
	}
}
