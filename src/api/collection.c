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

/* --- who sees what --- */

bool is_own(const struct request *request, const struct object *object)
{
	return is_admin(request) || !strcmp(object->attrs.project_id, request->who.project_id);
}

bool is_visible(const struct request *request, const struct object *object)
{
	const char *id = object->id;

	if (is_own(request, object) || object->kind == OBJECT_DEFAULT_RULE)
		return true;
	/* a subnet is shared with its network */
	if (object->kind == OBJECT_SUBNET)
		id = network_of_subnet(request->door, id);
	return is_shared_with(request->door, id, request->who.project_id);
}

const char *words_of_port(const struct request *request, const struct object *port)
{
	return is_own(request, port) ? arena_printf(request->arena, "port %s", port->id)
				     : "a port of another project";
}

const struct object *visible_find(
	const struct request *request, enum object_kind kind, const char *id)
{
	const struct object *object = model_find(&request->door->model, kind, id);

	return object && is_visible(request, object) ? object : NULL;
}

static const struct object *find(
	const struct door *door, const struct resource *resource, const char *id, size_t *ret_rule)
{
	*ret_rule = 0;
	return resource->is_rule ? model_find_rule(&door->model, id, ret_rule)
				 : model_find(&door->model, resource->kind, id);
}

json_t *resource_show(
	const struct request *request, const struct resource *resource, const char *id)
{
	size_t rule;
	const struct object *object = find(request->door, resource, id, &rule);

	return object ? resource->view(request, object, rule) : NULL;
}

uint64_t resource_changed(const struct door *door, const struct resource *resource, const char *id)
{
	size_t rule;
	const struct object *object = find(door, resource, id, &rule);

	return object ? object->changed : 0;
}

const struct object *collection_find(struct request *request, size_t *ret_rule)
{
	const struct resource *resource = request->route->resource;
	size_t rule;
	const struct object *object = find(request->door, resource, request->id, &rule);

	if (object && is_visible(request, object)) {
		if (ret_rule)
			*ret_rule = rule;
		return object;
	}
	answer_not_found(request, resource, request->id);
	return NULL;
}

const struct object *collection_find_own(struct request *request, size_t *ret_rule)
{
	const struct object *object = collection_find(request, ret_rule);

	if (!object || is_own(request, object))
		return object;
	answer_error(request, 403, "PolicyNotAuthorized",
		"It is of another project, which shares it: only that one changes it.",
		"%s %s is disallowed by policy", method_names[request->method], request->path);
	return NULL;
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

static const char *const not_fields[] = { "fields", "limit", "marker", "page_reverse", "sort_key",
	"sort_dir", "tags", "tags-any", "not-tags", "not-tags-any" };

static bool is_field(const char *key)
{
	for (size_t i = 0; i < N_OF(not_fields); i++)
		if (!strcmp(key, not_fields[i]))
			return false;
	return true;
}

/* The first argument with its key looks at all of them. */
static bool is_repeated(const struct request *request, const struct argument *argument)
{
	for (const struct argument *a = request->arguments.items; a < argument; a++)
		if (!strcmp(a->key, argument->key))
			return true;
	return false;
}

/* Of the arguments with one key one has to be so, and that for each key. */
static bool passes_filters(const struct request *request, const json_t *object)
{
	vec_for_each (argument, &request->arguments) {
		const json_t *value = json_object_get(object, argument->key);
		bool is_so = !is_field(argument->key) || is_repeated(request, argument);

		for (size_t i = 0; !is_so && i < request->arguments.n; i++)
			is_so = !strcmp(request->arguments.items[i].key, argument->key) &&
				value_is(value, request->arguments.items[i].value);
		if (!is_so)
			return false;
	}
	return true;
}

/* How many of the tags "a,b" it has. */
static size_t tags_in(const struct attrs *attrs, const char *tags, size_t *ret_asked)
{
	size_t n = 0;

	*ret_asked = 0;
	while (*tags) {
		size_t len = strcspn(tags, ",");

		++*ret_asked;
		for (size_t i = 0; i < attrs->n_tags; i++)
			n += strlen(attrs->tags[i]) == len && !strncmp(attrs->tags[i], tags, len);
		tags += len + (tags[len] == ',');
	}
	return n;
}

static bool is_tag_filter(const char *key)
{
	return text_has_prefix(key, "tags") || text_has_prefix(key, "not-tags");
}

/* Each is looked for at each object. */
static bool check_tag_filters(struct request *request)
{
	vec_for_each (argument, &request->arguments) {
		const char *at = is_tag_filter(argument->key) ? argument->value : "";

		for (size_t n = 1; *at; at++)
			if (*at == ',' && ++n > LIMIT_API_TAGS) {
				answer_error(request, 400, "HTTPBadRequest",
					"No object has as many tags.", "More than %d tags in '%s'.",
					LIMIT_API_TAGS, argument->key);
				return false;
			}
	}
	return true;
}

static bool passes_tags(const struct request *request, const struct attrs *attrs)
{
	vec_for_each (argument, &request->arguments) {
		size_t asked, n;

		if (!is_tag_filter(argument->key))
			continue;
		n = tags_in(attrs, argument->value, &asked);
		if ((!strcmp(argument->key, "tags") && n != asked) ||
			(!strcmp(argument->key, "tags-any") && !n) ||
			(!strcmp(argument->key, "not-tags") && n == asked) ||
			(!strcmp(argument->key, "not-tags-any") && n))
			return false;
	}
	return true;
}

/* What is known of an object without its view, for the filters that most lists have. NULL: not that one. */
static const char *known_value(
	const struct resource *resource, const struct object *object, const char *key)
{
	if (resource->is_rule)
		return !strcmp(key, "security_group_id") ? object->id : NULL;
	if (!strcmp(key, "id"))
		return object->id;
	if (strcmp(key, "name") != 0)
		return NULL;
	switch (object->kind) {
	case OBJECT_GROUP:
		return object->part.group.name;
	case OBJECT_ADDRESS_GROUP:
		return object->part.address_group.name;
	case OBJECT_PORT:
		return object->part.port.name;
	default:
		return NULL;
	}
}

/* Is there a filter that it cannot pass? Views are dear: of 10,000 groups the one of a name is found without them. */
static bool may_pass(const struct request *request, const struct object *object)
{
	vec_for_each (argument, &request->arguments) {
		const char *value = known_value(request->route->resource, object, argument->key);
		bool is_so = !value || is_repeated(request, argument);

		for (size_t i = 0; !is_so && i < request->arguments.n; i++)
			is_so = !strcmp(request->arguments.items[i].key, argument->key) &&
				!strcmp(request->arguments.items[i].value, value);
		if (!is_so)
			return false;
	}
	return true;
}

static const struct api_field *find_filter(const struct resource *resource, const char *name)
{
	for (size_t i = 0; i < resource->n_fields; i++)
		if ((resource->fields[i].flags & FILTERED) &&
			!strcmp(resource->fields[i].name, name))
			return &resource->fields[i];
	return NULL;
}

static bool check_filters(struct request *request, bool has_filters)
{
	struct text unknown CLEANUP(text_done) = TEXT_INIT;

	vec_for_each (argument, &request->arguments) {
		bool is_known = !strcmp(argument->key, "fields") ||
				(has_filters && (!is_field(argument->key) ||
							find_filter(request->route->resource,
								argument->key)));

		if (!is_known)
			text_addf(&unknown, "%s'%s'", unknown.len ? ", " : "", argument->key);
	}
	if (!unknown.len)
		return true;
	answer_error(request, 400, "HTTPBadRequest",
		"GET /v2.0/portwall/openapi.json describes what can be asked for.",
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

/* --- order and pages --- */

#define SORT_KEYS 8

struct item {
	const struct object *object;
	size_t rule;
	const char *id;
	const char *keys[SORT_KEYS];
};

struct listing {
	struct request *request;
	struct arena *scratch;
	const char *sort_keys[SORT_KEYS];
	bool is_descending[SORT_KEYS];
	size_t n_sort_keys;
	uint32_t limit; /* 0: none */
	const char *marker;
	bool is_reversed, is_kept; /* kept: to be sorted or cut into pages first */
	VEC(struct item) items;
	bool has_output;
};

static bool answer_bad_sort(struct request *request, const char *message)
{
	answer_error(request, 400, "HTTPBadRequest", "Such as sort_key=name&sort_dir=asc.", "%s",
		message);
	return false;
}

static bool read_sort(struct listing *listing)
{
	struct request *request = listing->request;
	size_t n_keys = 0, n_dirs = 0;

	vec_for_each (argument, &request->arguments) {
		if (!strcmp(argument->key, "sort_key") && n_keys < SORT_KEYS)
			listing->sort_keys[n_keys++] = argument->value;
		if (strcmp(argument->key, "sort_dir") != 0 || n_dirs == SORT_KEYS)
			continue;
		listing->is_descending[n_dirs++] = !strcmp(argument->value, "desc");
		if (strcmp(argument->value, "desc") != 0 && strcmp(argument->value, "asc") != 0)
			return answer_bad_sort(request,
				arena_printf(request->arena,
					"['%s'] is invalid value for sort_dirs, valid value is "
					"'asc' and 'desc'",
					argument->value));
	}
	if (n_keys != n_dirs)
		return answer_bad_sort(
			request, "The number of sort_keys and sort_dirs must be same");
	for (size_t i = 0; i < n_keys; i++) {
		const struct api_field *field =
			find_filter(request->route->resource, listing->sort_keys[i]);

		if (!field || (field->types & (IS_LIST | IS_OBJECT)))
			return answer_bad_sort(
				request, arena_printf(request->arena,
						 "['%s'] is invalid attribute for sort_keys",
						 listing->sort_keys[i]));
	}
	listing->n_sort_keys = n_keys;
	return true;
}

static bool read_page(struct listing *listing)
{
	struct request *request = listing->request;
	const char *limit = request_argument(request, "limit");

	listing->marker = request_argument(request, "marker");
	if (limit && !text_to_u32(limit, 0, UINT32_MAX, &listing->limit)) {
		answer_error(request, 400, "BadRequest", "limit=0 is no limit.",
			"Bad limit request: Limit must be an integer 0 or greater and not '%s'.",
			limit);
		return false;
	}
	return request_flag(request, "page_reverse", &listing->is_reversed);
}

/* A text that sorts as the value does. */
static const char *sort_text(struct arena *arena, const json_t *value)
{
	if (json_is_string(value))
		return arena_strdup(arena, json_string_value(value));
	if (json_is_integer(value))
		return arena_printf(arena, "%020lld", (long long)json_integer_value(value));
	return json_is_true(value) ? "1" : "";
}

static int compare_items(const void *a, const void *b, void *data)
{
	const struct item *one = a, *other = b;
	const struct listing *listing = data;

	for (size_t i = 0; i < listing->n_sort_keys; i++) {
		int order = strcmp(one->keys[i], other->keys[i]);

		if (order)
			return listing->is_descending[i] ? -order : order;
	}
	return strcmp(one->id, other->id);
}

static void output(struct listing *listing, json_t *view)
{
	struct text *out = &listing->request->answer.body;

	view = choose_fields(listing->request, view);
	if (listing->has_output)
		text_add(out, ",");
	listing->has_output = true;
	json_add(out, view);
	json_decref(view);
}

static void keep_item(
	struct listing *listing, const struct object *object, size_t rule, const json_t *view)
{
	struct item *item = vec_push(&listing->items, listing->scratch);

	item->object = object;
	item->rule = rule;
	item->id = listing->request->route->resource->is_rule ? object->part.group.rules[rule].id
							      : object->id;
	for (size_t i = 0; i < listing->n_sort_keys; i++)
		item->keys[i] =
			sort_text(listing->scratch, json_object_get(view, listing->sort_keys[i]));
}

static void list_object(struct listing *listing, const struct object *object)
{
	const struct request *request = listing->request;
	const struct resource *resource = request->route->resource;
	size_t n = resource->is_rule ? object->part.group.n_rules : 1;

	for (size_t rule = 0; rule < n; rule++) {
		json_t *view = resource->view(request, object, rule);

		/* NULL: it is not to be seen, as what was built in and has been removed */
		if (!view || !passes_filters(request, view)) {
			json_decref(view);
		} else if (listing->is_kept) {
			keep_item(listing, object, rule, view);
			json_decref(view);
		} else {
			output(listing, view);
		}
	}
}

/* As the request was, but for the page. */
static void add_link(struct listing *listing, const char *rel, const char *marker, bool is_reverse)
{
	struct request *request = listing->request;
	struct text *out = &request->answer.body;
	struct text href CLEANUP(text_done) = TEXT_INIT;
	const char *between = "?";
	json_t *link;

	text_addf(&href, "%s%s", request_origin(request), request->path);
	vec_for_each (argument, &request->arguments) {
		if (!strcmp(argument->key, "marker") || !strcmp(argument->key, "page_reverse"))
			continue;
		text_add(&href, between);
		text_add_uri(&href, argument->key);
		text_add(&href, "=");
		text_add_uri(&href, argument->value);
		between = "&";
	}
	text_addf(&href, "%smarker=%s%s", between, marker, is_reverse ? "&page_reverse=True" : "");
	link = json_pack("{s:s, s:o}", "rel", rel, "href", json_text(href.data));
	json_add(out, link);
	json_decref(link);
}

static void add_links(struct listing *listing, size_t first, size_t n)
{
	struct text *out = &listing->request->answer.body;
	bool is_short = n < listing->limit;
	bool has_next = !is_short || listing->is_reversed,
	     has_previous = !is_short || !listing->is_reversed;

	if (!listing->limit || !n)
		return;
	text_addf(out, ",\"%s_links\":[", listing->request->route->resource->many);
	if (has_next)
		add_link(listing, "next", listing->items.items[first + n - 1].id, false);
	if (has_previous) {
		text_add(out, has_next ? "," : "");
		add_link(listing, "previous", listing->items.items[first].id, true);
	}
	text_add(out, "]");
}

/* Which of the items are the page. False: there is no such marker, and it is answered so. */
static bool cut_page(struct listing *listing, size_t *ret_first, size_t *ret_n)
{
	size_t n = listing->items.n, at = 0;

	*ret_first = 0;
	if (listing->marker) {
		while (at < n && strcmp(listing->items.items[at].id, listing->marker) != 0)
			at++;
		if (at == n) {
			answer_not_found(listing->request, listing->request->route->resource,
				listing->marker);
			return false;
		}
		if (listing->is_reversed) {
			n = at;
		} else {
			*ret_first = at + 1;
			n -= at + 1;
		}
	}
	*ret_n = n;
	if (listing->limit && n > listing->limit) {
		*ret_n = listing->limit;
		if (listing->is_reversed)
			*ret_first += n - listing->limit;
	}
	return true;
}

static bool output_page(struct listing *listing)
{
	const struct resource *resource = listing->request->route->resource;
	struct text *out = &listing->request->answer.body;
	size_t first, n;

	if (listing->items.n)
		qsort_r(listing->items.items, listing->items.n, sizeof(struct item), compare_items,
			listing);
	if (!cut_page(listing, &first, &n))
		return false;
	for (size_t i = first; i < first + n; i++) {
		const struct item *item = &listing->items.items[i];

		output(listing, resource->view(listing->request, item->object, item->rule));
	}
	text_add(out, "]");
	add_links(listing, first, n);
	return true;
}

/* Objects come in the order of their ids: a page in that order begins behind its marker, and ends when it is full. */
static bool is_by_id(const struct listing *listing)
{
	return listing->is_kept && !listing->n_sort_keys && !listing->is_reversed &&
	       !listing->request->route->resource->is_rule;
}

static size_t first_of_page(const struct listing *listing)
{
	const struct request *request = listing->request;
	enum object_kind kind = request->route->resource->kind;
	const struct object *at =
		listing->marker ? visible_find(request, kind, listing->marker) : NULL;

	return is_by_id(listing) && at ? (size_t)(at - request->door->model.objects[kind]) : 0;
}

/* With the marker itself, where there is one; and one more, to see that there is more. */
static bool is_page_full(const struct listing *listing)
{
	return is_by_id(listing) && listing->limit &&
	       listing->items.n > (size_t)listing->limit + (listing->marker != NULL);
}

void collection_list(struct request *request)
{
	struct arena *scratch CLEANUP(arena_freep) = arena_new();
	const struct resource *resource = request->route->resource;
	const struct model *model = &request->door->model;
	struct answer *answer = &request->answer;
	struct listing listing = { .request = request, .scratch = scratch };

	if (!check_filters(request, true) || !check_tag_filters(request) || !read_sort(&listing) ||
		!read_page(&listing))
		return;
	listing.is_kept = listing.n_sort_keys || listing.limit || listing.marker;
	/* One object after the other: of 10,000 groups there is never more than the text. */
	text_addf(&answer->body, "{\"%s\":[", resource->many);
	for (size_t i = first_of_page(&listing); i < model->n[resource->kind]; i++) {
		const struct object *object = &model->objects[resource->kind][i];

		if (is_page_full(&listing))
			break;
		if (is_visible(request, object) && may_pass(request, object) &&
			passes_tags(request, &object->attrs))
			list_object(&listing, object);
	}
	if (!listing.is_kept)
		text_add(&answer->body, "]");
	else if (!output_page(&listing))
		return;
	text_add(&answer->body, "}");
	answer->status = 200;
	answer->content_type = "application/json";
}

void collection_show(struct request *request)
{
	const struct resource *resource = request->route->resource;
	const struct object *object;
	json_t *view;
	size_t rule;

	if (!check_filters(request, false))
		return;
	object = collection_find(request, &rule);
	if (!object)
		return;
	view = resource->view(request, object, rule);
	if (!view) {
		answer_not_found(request, resource, request->id);
		return;
	}
	request->answer.etag = object->changed;
	answer_json(request, 200, json_pack("{s:o}", resource->one, choose_fields(request, view)));
}
