// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A snapshot back into a host. What is wrong is told by line and column, and what is JSON and no
 * host by its path too: netns[0].links[3].mtu. Texts of rules and settings are not in the JSON but
 * behind it, byte by byte as they were read; the JSON has their lengths.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/vec.h"
#include "host/file.h"
#include "host/internal.h"
#include "host/json.h"
#include "host/schema.h"
#include "host/utf8.h"

/* Up to this a list is copied out of its buffer; a larger one stays in it. */
#define COPIED_LIST_SIZE ((size_t)4096)

/* What is still to come behind the JSON. */
struct block {
	const struct schema_field *field;
	void *slot;
	size_t *ret_n; /* F_SYSCTLS: how many */
	size_t size;
	const char *heading;
	const char *text; /* when it was read */
};

/* How many namespaces there are is known at their end: until then the highest that is named. */
struct netns_named {
	int64_t highest;
	struct json_place place;
	struct text path;
};

struct pass {
	struct arena *arena;
	const char *name;
	struct err *err;
	struct json json;
	VEC(struct block) blocks;
	struct netns_named netns;
};

static bool next_docs(struct pass *pass)
{
	return err_next(pass->err, "docs/snapshot.md says what a snapshot holds");
}

static bool refuse_at(
	struct pass *pass, struct json_place place, const struct at *at, const char *why)
{
	struct text path CLEANUP(text_done) = TEXT_INIT;

	place_print(&path, at);
	err_input(pass->err, "%s:%zu:%zu: %s: %s", pass->name, place.line, place.column,
		at ? path.data : "host", why);
	return next_docs(pass);
}

/* The value that was asked for last. */
static bool refuse(struct pass *pass, const struct at *at, const char *why)
{
	return refuse_at(pass, pass->json.value, at, why);
}

static bool refuse_cut(struct pass *pass, struct json_place place, const char *what)
{
	err_input(pass->err, "%s:%zu:%zu: %s", pass->name, place.line, place.column, what);
	return err_next(pass->err, "it is cut short or was changed: copy it again");
}

static bool refuse_json(struct pass *pass)
{
	refuse_cut(pass, json_here(&pass->json), pass->json.wrong);
	if (!pass->json.is_limit)
		return false;
	pass->err->kind = ERR_LIMIT;
	return next_docs(pass);
}

/* refuse, but for what is no JSON at all. */
static bool expected(struct pass *pass, const struct at *at, const char *why)
{
	return pass->json.wrong ? refuse_json(pass) : refuse(pass, at, why);
}

static bool comes(struct pass *pass, enum json_kind kind)
{
	return json_kind(&pass->json) == kind;
}

/* Foreign bytes back in their place (host/utf8.h). */
static bool take_text(struct pass *pass, const char **ret)
{
	unsigned char *to;
	char *text;

	if (!json_take_text(&pass->json, &text))
		return refuse_json(pass);
	*ret = text;
	to = (unsigned char *)strchr(text, 0xef);
	if (!to)
		return true;
	for (const unsigned char *from = to; *from;) {
		unsigned char foreign = host_utf8_foreign(from);

		*to = foreign ? foreign : *from;
		to++;
		from += foreign ? 3 : 1;
	}
	*to = '\0';
	return true;
}

static bool take_number(
	struct pass *pass, const struct at *at, int64_t min, uint64_t max, int64_t *ret)
{
	char why[96];

	if (comes(pass, JSON_NUMBER) && json_take_integer(&pass->json, min, max, ret))
		return true;
	snprintf(why, sizeof(why), "must be a whole number from %" PRId64 " to %" PRIu64, min, max);
	return expected(pass, at, why);
}

static bool refuse_word(struct pass *pass, const struct at *at, const struct schema_field *field)
{
	struct text why CLEANUP(text_done) = TEXT_INIT;

	for (size_t i = 0; i < field->n_names; i++)
		if (field->names[i])
			text_addf(
				&why, "%s%s", why.len ? ", " : "must be one of ", field->names[i]);
	return refuse(pass, at, why.data);
}

static bool take_enum(
	struct pass *pass, const struct at *at, const struct schema_field *field, uint32_t *ret)
{
	const char *text;
	int64_t number = 0;

	if (!comes(pass, JSON_TEXT)) {
		if (!take_number(pass, at, 0, UINT8_MAX, &number))
			return false;
		*ret = (uint32_t)number;
		return true;
	}
	if (!take_text(pass, &text))
		return false;
	for (uint32_t i = 0; i < field->n_names; i++)
		if (field->names[i] && !strcmp(text, field->names[i])) {
			*ret = i;
			return true;
		}
	return refuse_word(pass, at, field);
}

static bool take_range(struct pass *pass, const struct at *at, struct port_range *ret)
{
	struct json_place begin;
	int64_t ports[2] = { 0 };
	size_t n = 0;

	if (!comes(pass, JSON_LIST))
		return expected(pass, at, "must be a list of two ports");
	begin = pass->json.value;
	json_enter(&pass->json);
	while (json_next_item(&pass->json, &n)) {
		if (n > N_OF(ports))
			return refuse_at(pass, begin, at, "must be a list of two ports");
		if (!take_number(pass, at, 0, UINT16_MAX, &ports[n - 1]))
			return false;
	}
	if (pass->json.wrong)
		return refuse_json(pass);
	if (n != N_OF(ports))
		return refuse_at(pass, begin, at, "must be a list of two ports");
	*ret = (struct port_range){ (uint16_t)ports[0], (uint16_t)ports[1] };
	return true;
}

static bool take_words(
	struct pass *pass, const struct at *at, const struct schema_field *field, char *to)
{
	const char *text;

	if (!comes(pass, JSON_TEXT))
		return expected(pass, at, "must be a text");
	if (!take_text(pass, &text))
		return false;
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
		*(const char **)(void *)to = text;
		return true;
	}
}

static bool take_int(
	struct pass *pass, const struct at *at, const struct schema_field *field, int *ret)
{
	int64_t number = 0;

	if (!take_number(pass, at, field->is_netns ? -1 : INT32_MIN, INT32_MAX, &number))
		return false;
	*ret = (int)number;
	if (field->is_netns && number > pass->netns.highest) {
		pass->netns.highest = number;
		pass->netns.place = pass->json.value;
		text_clear(&pass->netns.path);
		place_print(&pass->netns.path, at);
	}
	return true;
}

static bool take_scalar(
	struct pass *pass, const struct at *at, const struct schema_field *field, char *to)
{
	int64_t number = 0;

	switch (field->kind) {
	case F_BOOL:
		if (!comes(pass, JSON_TRUE) && !comes(pass, JSON_FALSE))
			return expected(pass, at, "must be true or false");
		*(bool *)to = json_take_bool(&pass->json);
		return true;
	case F_INT:
		return take_int(pass, at, field, (int *)(void *)to);
	case F_ENUM:
		return take_enum(pass, at, field, (uint32_t *)(void *)to);
	case F_RANGE:
		return take_range(pass, at, (struct port_range *)(void *)to);
	case F_U8:
		if (!take_number(pass, at, 0, UINT8_MAX, &number))
			return false;
		*(uint8_t *)to = (uint8_t)number;
		return true;
	case F_U16:
		if (!take_number(pass, at, 0, UINT16_MAX, &number))
			return false;
		*(uint16_t *)(void *)to = (uint16_t)number;
		return true;
	case F_U32:
		if (!take_number(pass, at, 0, UINT32_MAX, &number))
			return false;
		*(uint32_t *)(void *)to = (uint32_t)number;
		return true;
	case F_U64:
		if (!take_number(pass, at, 0, INT64_MAX, &number))
			return false;
		*(uint64_t *)(void *)to = (uint64_t)number;
		return true;
	default:
		return take_words(pass, at, field, to);
	}
}

/* text is cut at its lines' ends. *ret_n: how many there are, or were read before a wrong one. */
static bool read_sysctls(struct pass *pass, char *text, const struct sysctl **ret, size_t *ret_n)
{
	VEC(struct sysctl) sysctls = { 0 };

	for (char *line = text; *line;) {
		char *end = strchrnul(line, '\n'), *equal = strstr(line, " = ");

		if (!equal || equal > end) {
			*ret_n = sysctls.n;
			return false;
		}
		*equal = '\0';
		*vec_push(&sysctls, pass->arena) = (struct sysctl){ line, equal + 3 };
		line = end + (*end == '\n');
		*end = '\0';
	}
	*ret = sysctls.items;
	*ret_n = sysctls.n;
	return true;
}

/* Its text, or how many bytes it has behind the JSON. */
static bool take_block(struct pass *pass, const struct at *at, const struct schema_field *field,
	void *slot, size_t *ret_n)
{
	struct text heading CLEANUP(text_done) = TEXT_INIT;
	const char *text;
	int64_t size = 0;

	if (comes(pass, JSON_NUMBER)) {
		if (!take_number(pass, at, 0, LIMIT_SNAPSHOT_SIZE, &size))
			return false;
		block_heading_print(&heading, at, (size_t)size);
		*vec_push(&pass->blocks, pass->arena) = (struct block){ .field = field,
			.slot = slot,
			.ret_n = field->kind == F_SYSCTLS ? ret_n : NULL,
			.size = (size_t)size,
			.heading = arena_strdup(pass->arena, heading.data) };
		if (field->kind == F_BLOCK)
			*(const char **)slot = "";
		return true;
	}
	if (!comes(pass, JSON_TEXT))
		return expected(pass, at, "must be a text, or its length");
	if (!take_text(pass, &text))
		return false;
	if (field->kind == F_BLOCK) {
		*(const char **)slot = text;
		return true;
	}
	return read_sysctls(pass, (char *)(uintptr_t)text, slot, ret_n) ||
	       refuse(pass, at, "must be lines \"name = value\"");
}

static bool take_struct(
	struct pass *pass, const struct at *at, const struct schema *schema, char *to);

static bool take_element(
	struct pass *pass, const struct at *at, const struct schema_field *field, char *to)
{
	static const struct schema_field text = { .kind = F_TEXT }, number = { .kind = F_U16 };

	if (field->kind == F_TEXTS)
		return take_scalar(pass, at, &text, to);
	if (field->kind == F_NUMBERS)
		return take_scalar(pass, at, &number, to);
	return take_struct(pass, at, field->schema, to);
}

/* Elements went from one place to another, and with them what blocks since first will fill. */
static void move_blocks(
	struct pass *pass, size_t first, uintptr_t from, size_t size, const char *to)
{
	for (size_t i = first; i < pass->blocks.n; i++) {
		struct block *block = &pass->blocks.items[i];
		size_t at = (uintptr_t)block->slot - from;

		if (at >= size)
			continue; /* of a list inside */
		block->slot = (void *)(uintptr_t)(to + at);
		if (block->ret_n)
			block->ret_n = (void *)(uintptr_t)(to + ((uintptr_t)block->ret_n - from));
	}
}

static bool refuse_full(struct pass *pass, const struct at *at, size_t limit)
{
	struct json_place place = json_here(&pass->json);
	struct text path CLEANUP(text_done) = TEXT_INIT;

	place_print(&path, at);
	err_limit(pass->err, "%s:%zu:%zu: %s: has more than %zu elements", pass->name, place.line,
		place.column, path.data, limit);
	return next_docs(pass);
}

/* Elements into *items, which grows by malloc: how many there are is known only at the end. */
static bool take_elements(struct pass *pass, const struct at *at, const struct schema_field *field,
	size_t size, char **items, size_t *ret_n)
{
	size_t limit = field->limit ? field->limit : LIMIT_SNAPSHOT_ITEMS, cap = 0, n = 0;
	size_t first_block = pass->blocks.n;

	while (json_next_item(&pass->json, &n)) {
		const struct at here = { at, NULL, n - 1 };

		if (n > limit)
			return refuse_full(pass, at, limit);
		if (n > cap || !*items) {
			uintptr_t from = (uintptr_t)*items;

			cap = cap ? cap * 2 : 8;
			*items = reallocarray(*items, cap, size);
			if (!*items)
				abort();
			move_blocks(pass, first_block, from, (n - 1) * size, *items);
		}
		memset(*items + (n - 1) * size, 0, size);
		if (!take_element(pass, &here, field, *items + (n - 1) * size))
			return false;
	}
	*ret_n = n;
	return !pass->json.wrong || refuse_json(pass);
}

static bool take_list(struct pass *pass, const struct at *at, const struct schema_field *field,
	void *to, size_t *ret_n)
{
	size_t size = field->kind == F_TEXTS	 ? sizeof(const char *)
		      : field->kind == F_NUMBERS ? sizeof(uint16_t)
						 : field->schema->size;
	char *items = NULL, *copy = NULL;
	size_t first_block = pass->blocks.n;

	if (!comes(pass, JSON_LIST))
		return expected(pass, at, "must be a list");
	json_enter(&pass->json);
	if (!take_elements(pass, at, field, size, &items, ret_n)) {
		free(items);
		return false;
	}
	if (*ret_n * size > COPIED_LIST_SIZE) {
		arena_adopt(pass->arena, items);
		copy = items;
	} else if (items) {
		copy = memcpy(arena_alloc(pass->arena, *ret_n * size), items, *ret_n * size);
		move_blocks(pass, first_block, (uintptr_t)items, *ret_n * size, copy);
		free(items);
	}
	*(void **)to = copy;
	return true;
}

static bool take_field(
	struct pass *pass, const struct at *at, const struct schema_field *field, char *to)
{
	char *slot = to + field->at;
	size_t *n = (size_t *)(void *)(to + field->n_at);

	if (field->kind == F_STRUCT)
		return take_struct(pass, at, field->schema, slot);
	if (field->kind == F_BLOCK || field->kind == F_SYSCTLS)
		return take_block(pass, at, field, slot, n);
	if (field->n_at)
		return take_list(pass, at, field, slot, n);
	return take_scalar(pass, at, field, slot);
}

/* Keys come in the order of the schema, unless somebody changed it: next is where to look first. */
static const struct schema_field *find_field(
	const struct schema *schema, const char *key, size_t next)
{
	for (size_t i = 0; i < schema->n_fields; i++) {
		const struct schema_field *field = &schema->fields[(next + i) % schema->n_fields];

		if (!strcmp(field->key, key))
			return field;
	}
	return NULL;
}

/* begin: of the object. */
static bool check_struct(struct pass *pass, struct json_place begin, const struct at *at,
	const struct schema *schema, const char *value)
{
	const char *key = NULL, *why = schema->check ? schema->check(value, &key) : NULL;

	if (why)
		return refuse_at(pass, begin, &(struct at){ at, key, NO_INDEX }, why);
	for (size_t i = 0; i < schema->n_fields; i++) {
		const struct schema_field *field = &schema->fields[i];
		const struct at here = { at, field->key, NO_INDEX };

		if ((field->kind == F_NAME || field->kind == F_BLOCK) &&
			!*(const char *const *)(const void *)(value + field->at))
			return refuse_at(pass, begin, &here, "is missing");
	}
	return true;
}

/* A key that is not known may be what decides: it is refused, not passed over. */
static bool take_struct(
	struct pass *pass, const struct at *at, const struct schema *schema, char *to)
{
	struct json_place begin;
	uint64_t seen = 0;
	const char *key;
	size_t n = 0, next = 0;

	if (!comes(pass, JSON_OBJECT))
		return expected(pass, at, "must be an object");
	begin = pass->json.value;
	json_enter(&pass->json);
	if (schema->init)
		schema->init(to);
	while (json_next_key(&pass->json, &n, &key)) {
		const struct schema_field *field = find_field(schema, key, next);
		const struct at here = { at, key, NO_INDEX };

		if (!field)
			return refuse_at(pass, pass->json.key, &here,
				"is no key of this version of portwall");
		next = (size_t)(field - schema->fields);
		if (seen & 1ull << next)
			return refuse_at(pass, pass->json.key, &here, "is there twice");
		seen |= 1ull << next++;
		if (!take_field(pass, &here, field, to))
			return false;
	}
	if (pass->json.wrong)
		return refuse_json(pass);
	return check_struct(pass, begin, at, schema, to);
}

static bool check_netns(struct pass *pass, const struct host *host)
{
	const struct netns_named *named = &pass->netns;

	if ((size_t)(named->highest + 1) <= host->n_netns)
		return true;
	err_input(pass->err, "%s:%zu:%zu: %s: there is no namespace %" PRId64 ", the last is %zu",
		pass->name, named->place.line, named->place.column, named->path.data,
		named->highest, host->n_netns - 1);
	return next_docs(pass);
}

/*
 * Where "at" is, behind the JSON and the first n blocks. Their lines are counted only for an error.
 * Settings were cut at their lines' ends, but their number is known; the last may have had no end.
 */
static struct json_place place_behind(const struct pass *pass, size_t n, const char *at)
{
	struct json_place place = json_here(&pass->json);
	const char *from = pass->json.at;

	place.line += n && *from == '\n';
	for (size_t i = 0; i < n; i++) {
		const struct block *block = &pass->blocks.items[i];

		place.line += 2; /* ends of its heading and of itself */
		if (block->ret_n)
			place.line += *block->ret_n - (block->size && block->text[block->size - 1]);
		else
			for (const char *c = block->text; *c; c++)
				place.line += *c == '\n';
		place.column = 1;
		from = block->text + block->size + 1;
	}
	for (; from < at; from++) {
		place.line += *from == '\n';
		place.column = *from == '\n' ? 1 : place.column + 1;
	}
	return place;
}

/* Of block n. */
static bool refuse_sysctls(struct pass *pass, size_t n, const char *text)
{
	struct json_place place = place_behind(pass, n, text);

	place.line += *pass->blocks.items[n].ret_n;
	return refuse_cut(pass, place, "it must be a line \"name = value\"");
}

/* Block n: its heading's line, its bytes, a line's end. *at is moved behind it. */
static bool read_block(struct pass *pass, size_t n, char **at)
{
	struct block *block = &pass->blocks.items[n];
	size_t len = strlen(block->heading);
	char *text = *at + len + 1;
	bool has_heading = (size_t)(pass->json.end - *at) > len &&
			   !memcmp(*at, block->heading, len) && (*at)[len] == '\n';

	if (!has_heading || (size_t)(pass->json.end - text) <= block->size ||
		text[block->size] != '\n')
		return refuse_cut(pass, place_behind(pass, n, *at),
			arena_printf(pass->arena,
				"here there should be \"%s\" and behind it so many bytes",
				block->heading));
	text[block->size] = '\0';
	if (strlen(text) != block->size)
		return refuse_cut(pass, place_behind(pass, n, text + strlen(text)),
			"there is a zero byte in it");
	*at = text + block->size + 1;
	block->text = text;
	if (block->field->kind == F_BLOCK) {
		*(const char **)block->slot = text;
		return true;
	}
	return read_sysctls(pass, text, block->slot, block->ret_n) || refuse_sysctls(pass, n, text);
}

static bool read_blocks(struct pass *pass)
{
	char *at = pass->json.at;

	at += pass->blocks.n && *at == '\n';
	for (size_t n = 0; n < pass->blocks.n; n++)
		if (!read_block(pass, n, &at))
			return false;
	while (*at == ' ' || *at == '\n' || *at == '\t' || *at == '\r')
		at++;
	return at == pass->json.end || refuse_cut(pass, place_behind(pass, pass->blocks.n, at),
					       "there is more behind its end");
}

struct head {
	const char *format;
	int64_t version;
	struct json_place version_at;
	bool has_host;
};

static bool take_head(struct pass *pass, const char *key, struct head *head, struct host *host)
{
	if (!strcmp(key, "host")) {
		if (head->has_host)
			return refuse_at(pass, pass->json.key, &(struct at){ NULL, key, NO_INDEX },
				"is there twice");
		head->has_host = true;
		return take_struct(pass, NULL, &host_schema, (char *)host);
	}
	if (!strcmp(key, "format") && comes(pass, JSON_TEXT))
		return take_text(pass, &head->format);
	if (!strcmp(key, "version") && comes(pass, JSON_NUMBER)) {
		head->version_at = pass->json.value;
		return json_take_integer(&pass->json, INT32_MIN, INT32_MAX, &head->version) ||
		       !pass->json.wrong || refuse_json(pass);
	}
	return json_skip(&pass->json) || refuse_json(pass);
}

static bool check_head(struct pass *pass, const struct head *head)
{
	if (!head->format || strcmp(head->format, HOST_FILE_FORMAT) != 0) {
		err_input(pass->err, "%s: it is JSON, but no snapshot of portwall", pass->name);
		return err_next(pass->err, "take one: portwall snapshot -o FILE");
	}
	if (head->version < 1 || head->version > HOST_FILE_VERSION) {
		err_input(pass->err,
			"%s:%zu:%zu: its version is %" PRId64 ", this portwall reads up to %d",
			pass->name, head->version_at.line, head->version_at.column, head->version,
			HOST_FILE_VERSION);
		return err_next(pass->err, "use the portwall that wrote it, or take a new one");
	}
	return true;
}

/* Format and version come first, unless somebody sorted the keys: then the host's are read before. */
static bool take_host(struct pass *pass, struct host *host)
{
	struct head head = { 0 };
	const char *key;
	size_t n = 0;

	if (!comes(pass, JSON_OBJECT)) {
		if (!json_skip(&pass->json))
			return refuse_json(pass);
		return check_head(pass, &head);
	}
	head.version_at = pass->json.value;
	json_enter(&pass->json);
	while (json_next_key(&pass->json, &n, &key)) {
		if (!strcmp(key, "host") && head.format && head.version && !check_head(pass, &head))
			return false;
		if (!take_head(pass, key, &head, host))
			return false;
	}
	if (pass->json.wrong)
		return refuse_json(pass);
	if (!check_head(pass, &head))
		return false;
	return head.has_host || refuse(pass, &(struct at){ NULL, "host", NO_INDEX }, "is missing");
}

bool host_parse_text(struct arena *arena, const char *name, char *data, size_t size,
	const struct host **ret, struct err *err)
{
	struct pass pass = { .arena = arena,
		.name = name,
		.err = err,
		.netns = { .highest = -1, .path = TEXT_INIT } };
	struct host *host = arena_new_one(arena, struct host);
	bool is_read;

	json_init(&pass.json, data, size);
	is_read = take_host(&pass, host) && check_netns(&pass, host) && read_blocks(&pass);
	text_done(&pass.netns.path);
	if (!is_read)
		return false;
	for (size_t i = 0; i < host->n_netns; i++) {
		netns_parse_texts(arena, &host->netns[i]);
		netns_finish(arena, &host->netns[i]);
	}
	host_finish(arena, host);
	*ret = host;
	return true;
}
