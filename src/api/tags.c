// SPDX-License-Identifier: GPL-2.0-or-later
/* Tags: texts that clients put on objects, and look for. They are a part of no policy. */
#include "api/request.h"

#include <stdlib.h>
#include <string.h>

#define TAG_LEN	  60 /* characters, as Neutron's column */
#define TAGS_MOST 50

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool has_tag(const struct attrs *attrs, const char *tag)
{
	for (size_t i = 0; i < attrs->n_tags; i++)
		if (!strcmp(attrs->tags[i], tag))
			return true;
	return false;
}

static bool check_tag(struct request *request, const char *tag)
{
	if (tag && *tag && strlen(tag) <= TAG_LEN && !strpbrk(tag, ",/"))
		return true;
	answer_error(request, 400, "HTTPBadRequest",
		"A tag has 1 to 60 characters, and no comma and no slash among them.",
		"'%s' is no valid tag", tag ? tag : "");
	return false;
}

void tags_list(struct request *request)
{
	const struct object *object = collection_find(request, NULL);

	if (object)
		answer_json(request, 200, json_pack("{s:o}", "tags", attrs_tags(&object->attrs)));
}

static void answer_no_tag(struct request *request)
{
	answer_error(request, 404, "TagNotFound", "", "Tag %s could not be found.", request->tag);
}

void tag_show(struct request *request)
{
	const struct object *object = collection_find(request, NULL);

	if (object && !has_tag(&object->attrs, request->tag))
		answer_no_tag(request);
	else if (object)
		answer_json(request, 204, NULL);
}

static void finish(struct change *change, const struct serve_done *done)
{
	struct request *request = change->request;

	(void)done;
	answer_json(request, change->status,
		change->status == 200 ? json_pack("{s:o}", "tags", attrs_tags(change->data))
				      : NULL);
}

/* Its tags become these; n of them, in the request's arena. Status 200: the answer has them. */
static void set_tags(struct request *request, const struct object *object, const char **tags,
	size_t n, unsigned status)
{
	struct change *change = change_new(request, status);
	struct policy_part *part = arena_new_one(request->arena, struct policy_part);
	struct object *put;
	struct err err;

	if (!request_matches(request, object->changed))
		return;
	if (n)
		qsort(tags, n, sizeof(*tags), compare);
	if (!kind_is_part(object->kind)) {
		put = change_put_record(change, object->kind, request->id,
			json_loads(object->attrs.extra, 0, NULL));
	} else {
		/* a copy: the model's goes when the change is in it */
		if (!part_copy(request->arena, &object->part, part, &err)) {
			answer_err(request, &err);
			return;
		}
		put = change_put(change, part);
	}
	put->attrs.tags = tags;
	put->attrs.n_tags = n;
	change->data = arena_new_one(request->arena, struct attrs);
	*(struct attrs *)change->data = put->attrs;
	change->finish = finish;
	change_submit(change);
}

void tags_replace(struct request *request)
{
	const struct object *object = collection_find_own(request, NULL);
	json_t *body = object ? request_json(request) : NULL, *list, *item;
	const char **tags;
	size_t i, n = 0;

	if (!body)
		return;
	list = json_object_get(body, "tags");
	tags = arena_new_array(request->arena, const char *, json_array_size(list));
	if (!json_is_array(list) || json_array_size(list) > TAGS_MOST)
		answer_error(request, 400, "HTTPBadRequest", "Send {\"tags\": [\"a\", \"b\"]}.",
			"Invalid tags body");
	json_array_foreach(request->answer.status ? NULL : list, i, item)
	{
		const char *tag = json_string_value(item);

		if (!tag)
			answer_error(request, 400, "HTTPBadRequest", "Tags are texts.",
				"Invalid tags body");
		if (request->answer.status || !check_tag(request, tag))
			break;
		tags[n] = arena_strdup(request->arena, tag);
		for (size_t k = 0; k <= n; k++)
			if (k == n || !strcmp(tags[k], tag)) {
				n += k == n;
				break;
			}
	}
	json_decref(body);
	if (!request->answer.status)
		set_tags(request, object, tags, n, 200);
}

void tags_clear(struct request *request)
{
	const struct object *object = collection_find_own(request, NULL);

	if (object)
		set_tags(request, object, NULL, 0, 204);
}

/* Those that it has, without that one, and with room for one more. */
static const char **tags_without(
	struct request *request, const struct object *object, size_t *ret_n)
{
	const char **tags = arena_new_array(request->arena, const char *, object->attrs.n_tags + 1);

	*ret_n = 0;
	for (size_t i = 0; i < object->attrs.n_tags; i++)
		if (strcmp(object->attrs.tags[i], request->tag) != 0)
			tags[(*ret_n)++] = arena_strdup(request->arena, object->attrs.tags[i]);
	return tags;
}

void tag_add(struct request *request)
{
	const struct object *object = collection_find_own(request, NULL);
	const char **tags;
	size_t n;

	if (!object || !check_tag(request, request->tag))
		return;
	tags = tags_without(request, object, &n);
	if (n >= TAGS_MOST) {
		answer_error(request, 400, "HTTPBadRequest", "Remove one first.",
			"It has %d tags already", TAGS_MOST);
		return;
	}
	tags[n] = request->tag;
	set_tags(request, object, tags, n + 1, 201);
}

void tag_remove(struct request *request)
{
	const struct object *object = collection_find_own(request, NULL);
	const char **tags;
	size_t n;

	if (!object)
		return;
	tags = tags_without(request, object, &n);
	if (n == object->attrs.n_tags)
		answer_no_tag(request);
	else
		set_tags(request, object, tags, n, 204);
}
