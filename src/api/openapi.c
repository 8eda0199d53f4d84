// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The API as a description that programs read (OpenAPI 3.0), made of the tables that route and check requests: what is in it is what
 * is done. Only what no table says stands here: of which type an argument is, and what is answered that is no JSON.
 */
#include "api/request.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* As the schemas of OpenAPI 3.0 are checked by machines: no 3.1, which Debian's tools do not know. */
#define OPENAPI_VERSION "3.0.3"
#define JSON_TYPE	"application/json"
#define EVENTS_TYPE	"text/event-stream"
#define SCHEMA(name)	"#/components/schemas/" name
#define ERROR_SCHEMA	SCHEMA("NeutronError")
#define DONE_SCHEMA	SCHEMA("Done")

/* Arguments by their names, wherever a route takes them; others are texts. */
static const struct {
	const char *name, *type, *words;
} known_arguments[] = {
	{ "dry_run", "boolean", "Nothing is stored; the answer tells what would be done." },
	{ "port", "string", "The id of a port; all if it is not given." },
	{ "packet", "string",
		"As portwall explain takes it: icmp 10.0.0.5 10.0.0.9, tcp any 10.0.0.0/8:22." },
	{ "direction", "string",
		"ingress, to the port, or egress; if it is not given, what the addresses say." },
	{ "state", "string",
		"Of its connection: new, established, related, invalid or untracked; if it is not "
		"given, as conntrack has it." },
	{ "from", "string", "The interface of the host at which it comes in." },
	{ "fields", NULL, "Only these fields of each object; again for each field." },
};

/* What is answered, and taken, that is no JSON. */
static const struct {
	const char *path, *type;
} other_types[] = {
	{ "/v2.0/portwall/policy", "application/yaml" },
	{ "/v2.0/portwall/events", EVENTS_TYPE },
	{ "/metrics", "text/plain" },
};

static const struct {
	unsigned status;
	const char *words;
} errors[] = {
	{ 400, "The request is wrong; detail says where." },
	{ 401, "It takes credentials." },
	{ 403, "It takes another role." },
	{ 404, "There is no such object." },
	{ 409, "It conflicts with what is there." },
	{ 412, "Somebody else was faster: it is no longer as If-Match says." },
	{ 413, "The body is too large." },
	{ 429, "Too many do so already." },
	{ 503, "Not now; Retry-After says when, where waiting helps." },
	{ 504, "The engine has not answered in time; what is stored reaches the kernel later." },
};

static bool is_changing(const struct api_route *route)
{
	return route->method != METHOD_GET;
}

static bool has_place(const struct api_route *route)
{
	return strchr(route->path, '{') != NULL;
}

/* Of its body and answers; what is asked of an object, behind its id, is answered with something else. */
static const struct resource *resource_of(const struct api_route *route)
{
	const char *place = strchr(route->path, '}');

	return place && place[1] ? NULL : route->resource;
}

static bool is_list(const struct api_route *route)
{
	return resource_of(route) && route->method == METHOD_GET && !has_place(route);
}

static const char *type_of_route(const struct api_route *route)
{
	for (size_t i = 0; i < N_OF(other_types); i++)
		if (!strcmp(other_types[i].path, route->path))
			return other_types[i].type;
	return JSON_TYPE;
}

static bool answers(const struct api_route *route, unsigned status)
{
	switch (status) {
	case 401:
	case 403:
	case 504:
		return route->role != 0;
	case 404:
		return has_place(route) || is_changing(route) ||
		       (route->arguments && route->arguments[0]);
	case 409:
		return is_changing(route) || (has_place(route) && !resource_of(route));
	case 412:
		return route->method == METHOD_PUT || route->method == METHOD_DELETE;
	case 413:
		return route->max_body != 0;
	case 429:
		return !strcmp(type_of_route(route), EVENTS_TYPE);
	default:
		return true;
	}
}

/* --- names --- */

/* "security_group" is SecurityGroup. */
static const char *schema_name(
	struct arena *arena, const struct resource *resource, const char *suffix)
{
	struct text name CLEANUP(text_done) = TEXT_INIT;
	bool is_first = true;

	for (const char *at = resource->one; *at; at++) {
		if (*at != '_')
			text_addf(&name, "%c", is_first ? toupper((unsigned char)*at) : *at);
		is_first = *at == '_';
	}
	text_add(&name, suffix);
	return arena_strdup(arena, name.data);
}

static const char *schema_path(
	struct arena *arena, const struct resource *resource, const char *suffix)
{
	return arena_printf(arena, SCHEMA("%s"), schema_name(arena, resource, suffix));
}

/* The method and the path: get_ports_id. No two routes have the same. */
static const char *operation_id(struct arena *arena, const struct api_route *route)
{
	const char *path = route->path;
	struct text name CLEANUP(text_done) = TEXT_INIT;
	bool has_gap = true;

	for (const char *at = method_names[route->method]; *at; at++)
		text_addf(&name, "%c", tolower((unsigned char)*at));
	for (path += text_has_prefix(path, "/v2.0/") ? 6 : 0; *path; path++) {
		if (isalnum((unsigned char)*path))
			text_addf(&name, "%s%c", has_gap ? "_" : "", *path);
		has_gap = !isalnum((unsigned char)*path);
	}
	return arena_strdup(arena, name.data);
}

static const char *role_name(unsigned role)
{
	return role == ROLE_ADMIN ? "admin" : role == ROLE_MEMBER ? "member" : "reader";
}

/* --- schemas --- */

static json_t *reference(const char *path)
{
	return json_pack("{s:s}", "$ref", path);
}

static json_t *schema_of_types(unsigned types)
{
	static const struct {
		unsigned type;
		const char *name;
	} names[] = { { IS_STRING, "string" }, { IS_INT, "integer" }, { IS_BOOL, "boolean" },
		{ IS_LIST, "array" }, { IS_OBJECT, "object" } };
	json_t *list = json_array(), *only;

	for (size_t i = 0; i < N_OF(names); i++) {
		json_t *schema;

		if (!(types & names[i].type))
			continue;
		schema = json_pack("{s:s}", "type", names[i].name);
		if (types & IS_NULL)
			json_object_set_new(schema, "nullable", json_true());
		if (names[i].type == IS_LIST)
			json_object_set_new(schema, "items", json_object());
		json_array_append_new(list, schema);
	}
	if (json_array_size(list) != 1)
		return json_pack("{s:o}", "anyOf", list);
	only = json_incref(json_array_get(list, 0));
	json_decref(list);
	return only;
}

/* in: IN_POST or IN_PUT, of what is sent; 0: of what is answered. */
static json_t *schema_of_resource(const struct resource *resource, unsigned in)
{
	json_t *properties = json_object(), *required = json_array(), *schema;

	for (size_t i = 0; i < resource->n_fields; i++) {
		const struct api_field *field = &resource->fields[i];
		json_t *value;

		if (in && !(field->flags & in))
			continue;
		value = schema_of_types(field->types);
		json_object_set_new(value, "description", json_string(field->words));
		if (in && (field->types & IS_STRING) && json_object_get(value, "type"))
			json_object_set_new(value, "maxLength", json_integer(LIMIT_NAME_LEN));
		if (!(field->flags & (IN_POST | IN_PUT)))
			json_object_set_new(value, "readOnly", json_true());
		json_object_set_new(properties, field->name, value);
		if (in == IN_POST && (field->flags & REQUIRED))
			json_array_append_new(required, json_string(field->name));
	}
	schema = json_pack("{s:s, s:s, s:o}", "type", "object", "description", resource->title,
		"properties", properties);
	if (in)
		json_object_set_new(schema, "additionalProperties", json_false());
	if (json_array_size(required))
		json_object_set_new(schema, "required", required);
	else
		json_decref(required);
	return schema;
}

static json_t *text_schema(const char *words)
{
	return json_pack("{s:s, s:s}", "type", "string", "description", words);
}

static json_t *error_schema(void)
{
	return json_pack("{s:s, s:[s], s:{s:{s:s, s:[s,s,s], s:{s:o, s:o, s:o}}}}", "type",
		"object", "required", "NeutronError", "properties", "NeutronError", "type",
		"object", "required", "type", "message", "detail", "properties", "type",
		text_schema("Neutron's name of the error, where it has one."), "message",
		text_schema("What is wrong."), "detail",
		text_schema("What can be done about it; empty where it is obvious."));
}

/* By what a dry run that finds nothing answers: so it has all that json_of_done has. */
static json_t *done_schema(void)
{
	const struct serve_done nothing = { 0 };
	struct change change = { .is_dry = true };
	json_t *sample = json_of_done(&change, &nothing), *value;
	json_t *properties = json_object();
	const char *key;

	json_object_foreach(sample, key, value) json_object_set_new(properties, key,
		schema_of_types(json_is_boolean(value)	 ? IS_BOOL
				: json_is_integer(value) ? IS_INT
				: json_is_array(value)	 ? IS_LIST
							 : IS_OBJECT));
	json_decref(sample);
	return json_pack("{s:s, s:s, s:o}", "type", "object", "description",
		"What a change did in the kernel, or would do.", "properties", properties);
}

static json_t *all_schemas(struct arena *arena)
{
	json_t *schemas =
		json_pack("{s:o, s:o}", "NeutronError", error_schema(), "Done", done_schema());

	for (size_t i = 0; i < n_routes; i++) {
		const struct resource *resource = routes[i].resource;

		if (!resource || json_object_get(schemas, schema_name(arena, resource, "")))
			continue;
		json_object_set_new(
			schemas, schema_name(arena, resource, ""), schema_of_resource(resource, 0));
		json_object_set_new(schemas, schema_name(arena, resource, "New"),
			schema_of_resource(resource, IN_POST));
		json_object_set_new(schemas, schema_name(arena, resource, "Update"),
			schema_of_resource(resource, IN_PUT));
	}
	return schemas;
}

/* --- operations --- */

static json_t *parameter(const char *in, const char *name, const char *words, json_t *schema)
{
	json_t *value = json_pack("{s:s, s:s, s:o}", "name", name, "in", in, "schema", schema);

	if (words)
		json_object_set_new(value, "description", json_string(words));
	if (!strcmp(in, "path"))
		json_object_set_new(value, "required", json_true());
	return value;
}

/* What can be said several times: filters are or-ed. */
static json_t *list_parameter(const char *name, const char *words, json_t *items)
{
	json_t *value = parameter(
		"query", name, words, json_pack("{s:s, s:o}", "type", "array", "items", items));

	json_object_set_new(value, "style", json_string("form"));
	json_object_set_new(value, "explode", json_true());
	return value;
}

static void add_argument(json_t *list, const char *name)
{
	const char *type = "string", *words = NULL;

	for (size_t i = 0; i < N_OF(known_arguments); i++)
		if (!strcmp(known_arguments[i].name, name)) {
			type = known_arguments[i].type;
			words = known_arguments[i].words;
		}
	json_array_append_new(
		list, type ? parameter("query", name, words, json_pack("{s:s}", "type", type))
			   : list_parameter(name, words, json_pack("{s:s}", "type", "string")));
}

static void add_places(json_t *list, const struct api_route *route)
{
	for (const char *at = strchr(route->path, '{'); at; at = strchr(at + 1, '{'))
		json_array_append_new(list,
			json_pack("{s:s%, s:s, s:b, s:{s:s}}", "name", at + 1, strcspn(at + 1, "}"),
				"in", "path", "required", true, "schema", "type", "string"));
}

static void add_filters(json_t *list, const struct api_route *route)
{
	const struct resource *resource = resource_of(route);
	json_t *names = json_array();

	for (size_t i = 0; i < resource->n_fields; i++) {
		const struct api_field *field = &resource->fields[i];

		json_array_append_new(names, json_string(field->name));
		if (is_list(route) && (field->flags & FILTERED))
			json_array_append_new(list, list_parameter(field->name, field->words,
							    json_pack("{s:s}", "type", "string")));
	}
	json_array_append_new(
		list, list_parameter("fields", "Only these fields.",
			      json_pack("{s:s, s:o}", "type", "string", "enum", names)));
}

static json_t *parameters_of(const struct api_route *route)
{
	json_t *list = json_array();

	add_places(list, route);
	for (size_t i = 0; route->arguments && route->arguments[i]; i++)
		add_argument(list, route->arguments[i]);
	if (!route->arguments && resource_of(route))
		add_filters(list, route);
	if (route->method == METHOD_PUT || route->method == METHOD_DELETE)
		json_array_append_new(list,
			parameter("header", "If-Match",
				"The revision that was seen: it fails with 412 if there is another.",
				json_pack("{s:s}", "type", "string")));
	if (!strcmp(type_of_route(route), EVENTS_TYPE))
		json_array_append_new(
			list, parameter("header", "Last-Event-ID", "Goes on behind that event.",
				      json_pack("{s:s}", "type", "string")));
	return list;
}

static json_t *wrapped(const char *key, json_t *schema, bool with_done)
{
	json_t *properties = json_pack("{s:o}", key, schema);

	if (with_done)
		json_object_set_new(properties, "portwall", reference(DONE_SCHEMA));
	return json_pack("{s:s, s:o}", "type", "object", "properties", properties);
}

static json_t *list_of(json_t *items)
{
	return json_pack("{s:s, s:o}", "type", "array", "items", items);
}

static json_t *body_of(struct arena *arena, const struct api_route *route)
{
	const struct resource *resource = resource_of(route);
	const char *type = type_of_route(route), *path;
	json_t *schema;

	if (!resource) {
		json_t *content = json_pack("{s:{s:{s:s}}}", JSON_TYPE, "schema", "type", "object");

		if (strcmp(type, JSON_TYPE) != 0)
			json_object_set_new(
				content, type, json_pack("{s:{s:s}}", "schema", "type", "string"));
		return json_pack("{s:b, s:o}", "required", true, "content", content);
	}
	path = schema_path(arena, resource, route->method == METHOD_POST ? "New" : "Update");
	schema = wrapped(resource->one, reference(path), false);
	json_object_set_new(schema, "required", json_pack("[s]", resource->one));
	if (route->method == METHOD_POST && !has_place(route)) {
		json_t *many = wrapped(resource->many, list_of(reference(path)), false);

		json_object_set_new(many, "required", json_pack("[s]", resource->many));
		schema = json_pack("{s:[o, o]}", "oneOf", schema, many);
	}
	return json_pack(
		"{s:b, s:{s:{s:o}}}", "required", true, "content", JSON_TYPE, "schema", schema);
}

static json_t *answer_schema(struct arena *arena, const struct api_route *route)
{
	const struct resource *resource = resource_of(route);
	const char *path;
	json_t *one;

	if (is_changing(route) && !resource)
		return reference(DONE_SCHEMA);
	if (!resource)
		return json_pack("{s:s}", "type",
			strcmp(type_of_route(route), JSON_TYPE) != 0 ? "string" : "object");
	path = schema_path(arena, resource, "");
	if (is_list(route))
		return wrapped(resource->many, list_of(reference(path)), false);
	one = wrapped(resource->one, reference(path), is_changing(route));
	if (route->method != METHOD_POST)
		return one;
	return json_pack("{s:[o, o]}", "anyOf", one,
		wrapped(resource->many, list_of(reference(path)), true));
}

static json_t *response(const char *words, const char *type, json_t *schema)
{
	return json_pack(
		"{s:s, s:{s:{s:o}}}", "description", words, "content", type, "schema", schema);
}

static json_t *responses_of(struct arena *arena, const struct api_route *route)
{
	json_t *list = json_object();
	bool makes = route->method == METHOD_POST && resource_of(route);
	bool removes = route->method == METHOD_DELETE;
	const char *type = is_changing(route) ? JSON_TYPE : type_of_route(route);
	char status[4];

	if (makes)
		json_object_set_new(list, "201",
			response("It is made.", JSON_TYPE, answer_schema(arena, route)));
	if (removes)
		json_object_set_new(
			list, "204", json_pack("{s:s}", "description", "It is no longer there."));
	json_object_set_new(list, "200",
		response(makes || removes ? "What would be done, or what failed." : "It is so.",
			type,
			removes ? wrapped("portwall", reference(DONE_SCHEMA), false)
				: answer_schema(arena, route)));
	for (size_t i = 0; i < N_OF(errors); i++) {
		if (!answers(route, errors[i].status))
			continue;
		snprintf(status, sizeof(status), "%u", errors[i].status);
		json_object_set_new(list, status,
			reference(arena_printf(arena, "#/components/responses/%s", status)));
	}
	/* what a watchdog asks is no error, whatever the answer */
	if (!strcmp(route->path, "/healthz"))
		json_object_set_new(list, "503",
			response("It is not so; why says why.", JSON_TYPE,
				json_pack("{s:s}", "type", "object")));
	return list;
}

static json_t *operation_of(struct arena *arena, const struct api_route *route)
{
	json_t *operation = json_pack("{s:s, s:s, s:o, s:o}", "operationId",
		operation_id(arena, route), "summary", route->words, "parameters",
		parameters_of(route), "responses", responses_of(arena, route));

	if (route->max_body)
		json_object_set_new(operation, "requestBody", body_of(arena, route));
	if (route->resource)
		json_object_set_new(operation, "tags", json_pack("[s]", route->resource->many));
	if (route->role)
		json_object_set_new(
			operation, "x-portwall-role", json_string(role_name(route->role)));
	else
		json_object_set_new(operation, "security", json_array());
	return operation;
}

/* --- the whole --- */

static json_t *all_paths(struct arena *arena)
{
	json_t *paths = json_object();

	for (size_t i = 0; i < n_routes; i++) {
		char method[8];
		json_t *item = json_object_get(paths, routes[i].path);
		const char *name = method_names[routes[i].method];
		size_t len = strlen(name);

		for (size_t c = 0; c <= len; c++)
			method[c] = (char)tolower((unsigned char)name[c]);
		if (!item) {
			item = json_object();
			json_object_set_new(paths, routes[i].path, item);
		}
		json_object_set_new(item, method, operation_of(arena, &routes[i]));
	}
	return paths;
}

static json_t *all_responses(void)
{
	json_t *responses = json_object();
	char status[4];

	for (size_t i = 0; i < N_OF(errors); i++) {
		snprintf(status, sizeof(status), "%u", errors[i].status);
		json_object_set_new(responses, status,
			response(errors[i].words, JSON_TYPE, reference(ERROR_SCHEMA)));
	}
	return responses;
}

void openapi_show(struct request *request)
{
	json_t *root = json_pack("{s:s, s:{s:s, s:s, s:s, s:{s:s}}, s:[{s:s}]}", "openapi",
		OPENAPI_VERSION, "info", "title", "portwall", "version", PORTWALL_VERSION,
		"description",
		"Security groups for the ports of virtual machines, in the shapes of OpenStack "
		"Networking (Neutron) v2.0. Who asks over the unix socket needs no credentials.",
		"license", "name", "GPL-2.0-or-later", "servers", "url", "/");

	json_object_set_new(root, "security", json_pack("[{s:[]}, {s:[]}]", "basic", "token"));
	json_object_set_new(root, "paths", all_paths(request->arena));
	json_object_set_new(root, "components",
		json_pack("{s:o, s:o, s:{s:{s:s, s:s}, s:{s:s, s:s, s:s}}}", "schemas",
			all_schemas(request->arena), "responses", all_responses(),
			"securitySchemes", "basic", "type", "http", "scheme", "basic", "token",
			"type", "apiKey", "in", "header", "name", "X-Auth-Token"));
	answer_json(request, 200, root);
}
