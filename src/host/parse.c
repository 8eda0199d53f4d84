// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A snapshot back into a host. What is no JSON is told by line and column; what is JSON and no
 * host by its place: netns[0].links[3].mtu. Texts of rules and settings are not in the JSON but
 * behind it, byte by byte as they were read; the JSON has their lengths.
 */
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
};

struct pass {
	struct arena *arena;
	const char *name;
	struct err *err;
	struct json json;
	VEC(struct block) blocks;
};

static bool refuse(struct pass *pass, const struct at *at, const char *why)
{
	struct text place CLEANUP(text_done) = TEXT_INIT;

	place_print(&place, at);
	err_input(pass->err, "%s: %s: %s", pass->name, place.data, why);
	return err_next(pass->err, "docs/snapshot.md says what a snapshot holds");
}

static bool refuse_json(struct pass *pass)
{
	size_t line, column;

	json_place(&pass->json, &line, &column);
	err_input(pass->err, "%s:%zu:%zu: %s", pass->name, line, column, pass->json.wrong);
	return err_next(pass->err, "it is cut short or was changed: copy it again");
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
	return (comes(pass, JSON_NUMBER) && json_take_integer(&pass->json, min, max, ret)) ||
	       expected(pass, at, "must be a whole number in its range");
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
	return refuse(pass, at, "is none of its words");
}

static bool take_range(struct pass *pass, const struct at *at, struct port_range *ret)
{
	int64_t ports[2] = { 0 };
	size_t n = 0;

	if (!comes(pass, JSON_LIST))
		return expected(pass, at, "must be a list of two ports");
	json_enter(&pass->json);
	while (json_next_item(&pass->json, &n)) {
		if (n > N_OF(ports))
			return refuse(pass, at, "must be a list of two ports");
		if (!take_number(pass, at, 0, UINT16_MAX, &ports[n - 1]))
			return false;
	}
	if (pass->json.wrong || n != N_OF(ports))
		return expected(pass, at, "must be a list of two ports");
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
		if (!take_number(pass, at, INT32_MIN, INT32_MAX, &number))
			return false;
		*(int *)(void *)to = (int)number;
		return true;
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

/* text is cut at its lines' ends. */
static bool read_sysctls(struct pass *pass, char *text, const struct sysctl **ret, size_t *ret_n)
{
	VEC(struct sysctl) sysctls = { 0 };

	for (char *line = text; *line;) {
		char *end = strchrnul(line, '\n'), *equal = strstr(line, " = ");

		if (!equal || equal > end)
			return false;
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
		*vec_push(&pass->blocks, pass->arena) =
			(struct block){ field, slot, field->kind == F_SYSCTLS ? ret_n : NULL,
				(size_t)size, arena_strdup(pass->arena, heading.data) };
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

/* Elements into *items, which grows by malloc: how many there are is known only at the end. */
static bool take_elements(struct pass *pass, const struct at *at, const struct schema_field *field,
	size_t size, char **items, size_t *ret_n)
{
	size_t limit = field->limit ? field->limit : LIMIT_SNAPSHOT_ITEMS, cap = 0, n = 0;
	size_t first_block = pass->blocks.n;

	while (json_next_item(&pass->json, &n)) {
		const struct at here = { at, NULL, n - 1 };

		if (n > limit)
			return refuse(pass, at, "has more elements than portwall takes");
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

static bool has_all_names(
	struct pass *pass, const struct at *at, const struct schema *schema, const char *value)
{
	for (size_t i = 0; i < schema->n_fields; i++) {
		const struct schema_field *field = &schema->fields[i];
		const struct at here = { at, field->key, NO_INDEX };

		if ((field->kind == F_NAME || field->kind == F_BLOCK) &&
			!*(const char *const *)(const void *)(value + field->at))
			return refuse(pass, &here, "is missing");
	}
	return true;
}

/* A key that is not known may be what decides: it is refused, not passed over. */
static bool take_struct(
	struct pass *pass, const struct at *at, const struct schema *schema, char *to)
{
	uint64_t seen = 0;
	const char *key;
	size_t n = 0, next = 0;

	if (!comes(pass, JSON_OBJECT))
		return expected(pass, at, "must be an object");
	json_enter(&pass->json);
	if (schema->init)
		schema->init(to);
	while (json_next_key(&pass->json, &n, &key)) {
		const struct schema_field *field = find_field(schema, key, next);
		const struct at here = { at, key, NO_INDEX };

		if (!field)
			return refuse(pass, &here, "is no key of this version of portwall");
		next = (size_t)(field - schema->fields);
		if (seen & 1ull << next)
			return refuse(pass, &here, "is there twice");
		seen |= 1ull << next++;
		if (!take_field(pass, &here, field, to))
			return false;
	}
	if (pass->json.wrong)
		return refuse_json(pass);
	return has_all_names(pass, at, schema, to);
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

/* One block: its heading's line, its bytes, a line's end. *at is moved behind it. */
static bool read_block(struct pass *pass, const struct block *block, char **at)
{
	size_t len = strlen(block->heading);
	char *text = *at + len + 1;
	bool has_heading = (size_t)(pass->json.end - *at) > len &&
			   !memcmp(*at, block->heading, len) && (*at)[len] == '\n';

	if (!has_heading || (size_t)(pass->json.end - text) <= block->size ||
		text[block->size] != '\n') {
		err_input(pass->err, "%s: behind the JSON there should be \"%s\" and so many bytes",
			pass->name, block->heading);
		return err_next(pass->err, "it is cut short or was changed: copy it again");
	}
	text[block->size] = '\0';
	if (strlen(text) != block->size)
		return err_input(pass->err, "%s: %s: there is a zero byte in it", pass->name,
			block->heading);
	*at = text + block->size + 1;
	if (block->field->kind == F_BLOCK) {
		*(const char **)block->slot = text;
		return true;
	}
	return read_sysctls(pass, text, block->slot, block->ret_n) ||
	       err_input(pass->err, "%s: %s: it must be lines \"name = value\"", pass->name,
		       block->heading);
}

static bool read_blocks(struct pass *pass)
{
	char *at = pass->json.at;

	at += pass->blocks.n && *at == '\n';
	vec_for_each (block, &pass->blocks)
		if (!read_block(pass, block, &at))
			return false;
	while (*at == ' ' || *at == '\n' || *at == '\t' || *at == '\r')
		at++;
	return at == pass->json.end ||
	       err_input(pass->err, "%s: there is more behind its end", pass->name);
}

struct head {
	const char *format;
	int64_t version;
	bool has_host;
};

static bool take_head(struct pass *pass, const char *key, struct head *head, struct host *host)
{
	if (!strcmp(key, "host")) {
		if (head->has_host)
			return refuse(pass, &(struct at){ NULL, key, NO_INDEX }, "is there twice");
		head->has_host = true;
		return take_struct(pass, NULL, &host_schema, (char *)host);
	}
	if (!strcmp(key, "format") && comes(pass, JSON_TEXT))
		return take_text(pass, &head->format);
	if (!strcmp(key, "version") && comes(pass, JSON_NUMBER))
		return json_take_integer(&pass->json, INT32_MIN, INT32_MAX, &head->version) ||
		       !pass->json.wrong || refuse_json(pass);
	return json_skip(&pass->json) || refuse_json(pass);
}

static bool check_head(struct pass *pass, const struct head *head)
{
	if (!head->format || strcmp(head->format, HOST_FILE_FORMAT) != 0) {
		err_input(pass->err, "%s: it is JSON, but no snapshot of portwall", pass->name);
		return err_next(pass->err, "take one: portwall snapshot -o FILE");
	}
	if (head->version < 1 || head->version > HOST_FILE_VERSION) {
		err_input(pass->err, "%s: its version is %lld, this portwall reads up to %d",
			pass->name, (long long)head->version, HOST_FILE_VERSION);
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
	struct pass pass = { .arena = arena, .name = name, .err = err };
	struct host *host = arena_new_one(arena, struct host);

	json_init(&pass.json, data, size);
	if (!take_host(&pass, host) || !read_blocks(&pass) || !check_indices(&pass, host))
		return false;
	for (size_t i = 0; i < host->n_netns; i++) {
		netns_parse_texts(arena, &host->netns[i]);
		netns_finish(arena, &host->netns[i]);
	}
	host_finish(arena, host);
	*ret = host;
	return true;
}
