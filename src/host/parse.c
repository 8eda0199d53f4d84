// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * JSON back into a host. jansson tells line and column of what is no JSON; before it sees it,
 * depth and number of values are bounded, because it takes what it is given. What is JSON and no
 * host is told by its place: netns[0].links[3].mtu.
 */
#include <jansson.h>
#include <string.h>

#include "base/limits.h"
#include "base/vec.h"
#include "host/file.h"
#include "host/internal.h"
#include "host/schema.h"
#include "host/utf8.h"

/* Where we are, from the inside out. */
struct at {
	const struct at *outer;
	const char *key;
	size_t index;
};
#define NO_INDEX SIZE_MAX

struct pass {
	struct arena *arena;
	const char *name;
	struct err *err;
};

static void print_place(struct text *out, const struct at *at)
{
	if (!at)
		return;
	print_place(out, at->outer);
	if (at->index != NO_INDEX)
		text_addf(out, "[%zu]", at->index);
	else
		text_addf(out, "%s%s", at->outer ? "." : "", at->key);
}

static bool refuse(struct pass *pass, const struct at *at, const char *why)
{
	struct text place CLEANUP(text_done) = TEXT_INIT;

	print_place(&place, at);
	err_input(pass->err, "%s: %s: %s", pass->name, place.data, why);
	return err_next(pass->err, "docs/snapshot.md says what a snapshot holds");
}

static const char *take_text(struct pass *pass, const json_t *value)
{
	char *text =
		arena_strndup(pass->arena, json_string_value(value), json_string_length(value));
	unsigned char *to = (unsigned char *)text;

	if (!strchr(text, 0xef))
		return text;
	for (const unsigned char *from = to; *from;) {
		unsigned char foreign = host_utf8_foreign(from);

		*to = foreign ? foreign : *from;
		to++;
		from += foreign ? 3 : 1;
	}
	*to = '\0';
	return text;
}

static bool take_number(
	struct pass *pass, const struct at *at, const json_t *value, uint64_t max, uint64_t *ret)
{
	if (!json_is_integer(value) || json_integer_value(value) < 0 ||
		(uint64_t)json_integer_value(value) > max)
		return refuse(pass, at, "must be a whole number in its range");
	*ret = (uint64_t)json_integer_value(value);
	return true;
}

static bool take_enum(struct pass *pass, const struct at *at, const struct schema_field *field,
	const json_t *value, uint32_t *ret)
{
	const char *text = json_string_value(value);
	uint64_t number = 0;

	for (uint32_t i = 0; text && i < field->n_names; i++)
		if (field->names[i] && !strcmp(text, field->names[i])) {
			*ret = i;
			return true;
		}
	if (text)
		return refuse(pass, at, "is none of its words");
	if (!take_number(pass, at, value, UINT8_MAX, &number))
		return false;
	*ret = (uint32_t)number;
	return true;
}

static bool take_range(
	struct pass *pass, const struct at *at, const json_t *value, struct port_range *ret)
{
	uint64_t min = 0, max = 0;

	if (json_array_size(value) != 2)
		return refuse(pass, at, "must be a list of two ports");
	if (!take_number(pass, at, json_array_get(value, 0), UINT16_MAX, &min) ||
		!take_number(pass, at, json_array_get(value, 1), UINT16_MAX, &max))
		return false;
	*ret = (struct port_range){ (uint16_t)min, (uint16_t)max };
	return true;
}

static bool take_int(struct pass *pass, const struct at *at, const json_t *value, int *ret)
{
	json_int_t number = json_integer_value(value);

	if (!json_is_integer(value) || number < INT32_MIN || number > INT32_MAX)
		return refuse(pass, at, "must be a whole number in its range");
	*ret = (int)number;
	return true;
}

static bool take_words(struct pass *pass, const struct at *at, const struct schema_field *field,
	const json_t *value, char *to)
{
	const char *text = json_string_value(value);

	if (!text)
		return refuse(pass, at, "must be a text");
	switch (field->kind) {
	case F_FAMILY:
		*(enum family *)(void *)to = !strcmp(text, "ipv6") ? FAMILY_IPV6 : FAMILY_IPV4;
		return !strcmp(text, "ipv6") || !strcmp(text, "ipv4") ||
		       refuse(pass, at, "must be ipv4 or ipv6");
	case F_ADDR:
		return addr_parse(text, (struct addr *)(void *)to) ||
		       refuse(pass, at, "must be an IP address");
	case F_PREFIX:
		return (strchr(text, '/') && prefix_parse(text, (struct prefix *)(void *)to)) ||
		       refuse(pass, at, "must be a prefix");
	case F_MAC:
		return mac_parse(text, (struct mac *)(void *)to) ||
		       refuse(pass, at, "must be a MAC address");
	default:
		*(const char **)(void *)to = take_text(pass, value);
		return true;
	}
}

static bool take_scalar(struct pass *pass, const struct at *at, const struct schema_field *field,
	const json_t *value, char *to)
{
	uint64_t number = 0;

	switch (field->kind) {
	case F_BOOL:
		if (!json_is_boolean(value))
			return refuse(pass, at, "must be true or false");
		*(bool *)to = json_is_true(value);
		return true;
	case F_INT:
		return take_int(pass, at, value, (int *)(void *)to);
	case F_ENUM:
		return take_enum(pass, at, field, value, (uint32_t *)(void *)to);
	case F_RANGE:
		return take_range(pass, at, value, (struct port_range *)(void *)to);
	case F_U8:
		if (!take_number(pass, at, value, UINT8_MAX, &number))
			return false;
		*(uint8_t *)to = (uint8_t)number;
		return true;
	case F_U16:
		if (!take_number(pass, at, value, UINT16_MAX, &number))
			return false;
		*(uint16_t *)(void *)to = (uint16_t)number;
		return true;
	case F_U32:
		if (!take_number(pass, at, value, UINT32_MAX, &number))
			return false;
		*(uint32_t *)(void *)to = (uint32_t)number;
		return true;
	case F_U64:
		return take_number(pass, at, value, INT64_MAX, (uint64_t *)(void *)to);
	default:
		return take_words(pass, at, field, value, to);
	}
}

static bool take_sysctls(
	struct pass *pass, const struct at *at, const json_t *value, void *to, size_t *ret_n)
{
	VEC(struct sysctl) sysctls = { 0 };
	char *line;

	if (!json_is_string(value))
		return refuse(pass, at, "must be a text of lines");
	line = (char *)(uintptr_t)take_text(pass, value); /* a copy of ours */
	while (*line) {
		char *end = line + strcspn(line, "\n"), *equal = strstr(line, " = ");

		if (!equal || equal > end)
			return refuse(pass, at, "must be lines \"name = value\"");
		*equal = '\0';
		*vec_push(&sysctls, pass->arena) = (struct sysctl){ line, equal + 3 };
		line = end + (*end == '\n');
		*end = '\0';
	}
	*(const struct sysctl **)to = sysctls.items;
	*ret_n = sysctls.n;
	return true;
}

static bool take_struct(struct pass *pass, const struct at *at, const struct schema *schema,
	const json_t *value, char *to);

static bool take_list(struct pass *pass, const struct at *at, const struct schema_field *field,
	const json_t *value, void *to, size_t *ret_n)
{
	size_t n = json_array_size(value),
	       limit = field->limit ? field->limit : LIMIT_SNAPSHOT_ITEMS;
	bool is_struct = field->kind == F_LIST || field->kind == F_UNREAD;
	size_t size = is_struct		       ? field->schema->size
		      : field->kind == F_TEXTS ? sizeof(const char *)
					       : sizeof(uint16_t);
	char *items;

	if (!json_is_array(value))
		return refuse(pass, at, "must be a list");
	if (n > limit)
		return refuse(pass, at, "has more elements than portwall takes");
	items = n ? arena_alloc(pass->arena, n * size) : NULL;
	for (size_t i = 0; i < n; i++) {
		const struct at here = { at, NULL, i };
		const json_t *item = json_array_get(value, i);
		char *slot = items + i * size;
		bool ok;

		if (is_struct)
			ok = take_struct(pass, &here, field->schema, item, slot);
		else
			ok = take_scalar(pass, &here,
				&(struct schema_field){
					.kind = field->kind == F_TEXTS ? F_TEXT : F_U16 },
				item, slot);
		if (!ok)
			return false;
	}
	*(void **)to = items;
	*ret_n = n;
	return true;
}

static const struct schema_field *find_field(const struct schema *schema, const char *key)
{
	for (size_t i = 0; i < schema->n_fields; i++)
		if (!strcmp(schema->fields[i].key, key))
			return &schema->fields[i];
	return NULL;
}

static bool take_field(struct pass *pass, const struct at *at, const struct schema_field *field,
	const json_t *value, char *to)
{
	char *slot = to + field->at;
	size_t *n = (size_t *)(void *)(to + field->n_at);

	if (field->kind == F_STRUCT)
		return take_struct(pass, at, field->schema, value, slot);
	if (field->kind == F_SYSCTLS)
		return take_sysctls(pass, at, value, slot, n);
	if (field->n_at)
		return take_list(pass, at, field, value, slot, n);
	return take_scalar(pass, at, field, value, slot);
}

/* A key that is not known may be what decides: it is refused, not passed over. */
static bool take_struct(struct pass *pass, const struct at *at, const struct schema *schema,
	const json_t *value, char *to)
{
	const char *key;
	json_t *item;

	if (!json_is_object(value))
		return refuse(pass, at, "must be an object");
	if (schema->init)
		schema->init(to);
	json_object_foreach((json_t *)(uintptr_t)value, key, item)
	{
		const struct schema_field *field = find_field(schema, key);
		const struct at here = { at, key, NO_INDEX };

		if (!field)
			return refuse(pass, &here, "is no key of this version of portwall");
		if (!take_field(pass, &here, field, item, to))
			return false;
	}
	for (size_t i = 0; i < schema->n_fields; i++) {
		const struct schema_field *field = &schema->fields[i];
		const struct at here = { at, field->key, NO_INDEX };

		if (field->kind == F_NAME && !*(const char **)(void *)(to + field->at))
			return refuse(pass, &here, "is missing");
	}
	return true;
}

/* Bounds before jansson: how deep, and how many values. */
static bool check_bounds(struct pass *pass, const char *data, size_t size)
{
	size_t line = 1, line_at = 0, depth = 0, n_values = 0;
	bool in_string = false;

	for (size_t i = 0; i < size; i++) {
		const char *too = NULL;

		switch (data[i]) {
		case '\\':
			i += in_string;
			break;
		case '"':
			in_string = !in_string;
			break;
		case '\n':
			line++;
			line_at = i + 1;
			break;
		case '[':
		case '{':
			depth += !in_string;
			n_values += !in_string;
			break;
		case ']':
		case '}':
			depth -= !in_string && depth;
			break;
		case ',':
			n_values += !in_string;
			break;
		}
		if (depth > LIMIT_SNAPSHOT_DEPTH)
			too = "it is nested too deeply";
		else if (n_values > LIMIT_SNAPSHOT_ITEMS)
			too = "it has too many values";
		if (too)
			return err_limit(pass->err, "%s:%zu:%zu: %s", pass->name, line,
				i - line_at + 1, too);
	}
	return true;
}

static bool check_indices(struct pass *pass, const struct host *host)
{
	if (!host->n_netns)
		return refuse(pass, NULL, "the host has no namespace, not even its own");
	for (size_t n = 0; n < host->n_netns; n++)
		for (size_t i = 0; i < host->netns[n].n_links; i++)
			if (host->netns[n].links[i].peer_netns < -1 ||
				host->netns[n].links[i].peer_netns >= (int)host->n_netns)
				return refuse(pass,
					&(struct at){
						NULL, host->netns[n].links[i].name, NO_INDEX },
					"its peer_netns is not in the list of namespaces");
	for (size_t i = 0; i < host->n_ovs_ports; i++)
		if (host->ovs_ports[i].netns < -1 || host->ovs_ports[i].netns >= (int)host->n_netns)
			return refuse(pass, &(struct at){ NULL, host->ovs_ports[i].name, NO_INDEX },
				"its netns is not in the list of namespaces");
	return true;
}

static bool take_host(struct pass *pass, const json_t *root, const struct host **ret)
{
	const char *format = json_string_value(json_object_get(root, "format"));
	const json_t *version = json_object_get(root, "version");
	struct host *host = arena_new_one(pass->arena, struct host);

	if (!format || strcmp(format, HOST_FILE_FORMAT) != 0) {
		err_input(pass->err, "%s: it is JSON, but no snapshot of portwall", pass->name);
		return err_next(pass->err, "take one: portwall snapshot -o FILE");
	}
	if (!json_is_integer(version) || json_integer_value(version) != HOST_FILE_VERSION) {
		err_input(pass->err, "%s: its version is %lld, this portwall reads %d", pass->name,
			(long long)json_integer_value(version), HOST_FILE_VERSION);
		return err_next(pass->err, "use the portwall that wrote it, or take a new one");
	}
	if (!take_struct(pass, NULL, &host_schema, json_object_get(root, "host"), (char *)host) ||
		!check_indices(pass, host))
		return false;
	for (size_t i = 0; i < host->n_netns; i++) {
		netns_parse_texts(pass->arena, &host->netns[i]);
		netns_finish(pass->arena, &host->netns[i]);
	}
	*ret = host;
	return true;
}

bool host_parse_json(struct arena *arena, const char *name, const char *data, size_t size,
	const struct host **ret, struct err *err)
{
	struct pass pass = { arena, name, err };
	json_error_t error;
	json_t *root;
	bool ok;

	if (!check_bounds(&pass, data, size))
		return false;
	root = json_loadb(data, size, JSON_REJECT_DUPLICATES, &error);
	if (!root) {
		err_input(err, "%s:%d:%d: %s", name, error.line,
			error.column > 0 ? error.column : 1, error.text);
		return err_next(err, "it is cut short or was changed: copy it again");
	}
	ok = take_host(&pass, root, ret);
	json_decref(root);
	return ok;
}
