// SPDX-License-Identifier: GPL-2.0-or-later
/* A host as JSON, key by key as the schema lists them: equal hosts, equal bytes. */
#include <inttypes.h>
#include <string.h>

#include "base/vec.h"
#include "host/file.h"
#include "host/schema.h"
#include "host/utf8.h"

static void print_string(struct text *out, const char *value)
{
	const unsigned char *at = (const unsigned char *)value;

	text_add(out, "\"");
	while (*at) {
		const unsigned char *run = at;
		size_t len;

		while (*at >= 0x20 && *at < 0x7f && *at != '"' && *at != '\\')
			at++;
		text_add_n(out, (const char *)run, (size_t)(at - run));
		if (!*at)
			break;
		len = host_utf8_len(at);
		if (*at == '\n')
			text_add(out, "\\n");
		else if (*at == '\t')
			text_add(out, "\\t");
		else if (*at == '"' || *at == '\\')
			text_addf(out, "\\%c", *at);
		else if (*at < 0x20 || *at == 0x7f)
			text_addf(out, "\\u%04x", *at);
		else if (len)
			text_add_n(out, (const char *)at, len);
		else
			text_addf(out, "\\u%04x", UTF8_FOREIGN + *at);
		at += len ? len : 1;
	}
	text_add(out, "\"");
}

static bool is_zero(const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (bytes[i])
			return false;
	return true;
}

static bool addr_is_none(const struct addr *addr)
{
	return addr->family == FAMILY_IPV4 && is_zero(addr->bytes, sizeof(addr->bytes));
}

static void print_addr(struct text *out, const struct addr *addr)
{
	text_add(out, "\"");
	addr_print(out, addr);
	text_add(out, "\"");
}

/* The number of a scalar; false: it is not one. */
static bool number_of(const struct schema_field *field, const char *at, uint64_t *ret)
{
	switch (field->kind) {
	case F_U8:
		*ret = *(const uint8_t *)at;
		return true;
	case F_U16:
		*ret = *(const uint16_t *)(const void *)at;
		return true;
	case F_U32:
	case F_ENUM:
	case F_FAMILY:
		*ret = *(const uint32_t *)(const void *)at;
		return true;
	case F_U64:
		*ret = *(const uint64_t *)(const void *)at;
		return true;
	default:
		return false;
	}
}

static bool is_unset(const struct schema_field *field, const char *at)
{
	const char *text;
	uint64_t number = 0;

	if (number_of(field, at, &number))
		return number == 0;
	switch (field->kind) {
	case F_TEXT:
		text = *(const char *const *)(const void *)at;
		return !text || !*text;
	case F_BOOL:
		return !*(const bool *)at;
	case F_INT:
		return *(const int *)(const void *)at == field->unset;
	case F_ADDR:
		return addr_is_none((const void *)at);
	case F_PREFIX:
		return addr_is_none(&((const struct prefix *)(const void *)at)->addr) &&
		       !((const struct prefix *)(const void *)at)->len;
	case F_MAC:
		return is_zero((const uint8_t *)at, sizeof(struct mac));
	case F_RANGE:
		return is_zero((const uint8_t *)at, sizeof(struct port_range));
	default:
		return false;
	}
}

static void print_struct(struct text *out, const struct schema *schema, const void *value);

/* Each element on a line of its own. */
static void print_list(
	struct text *out, const struct schema_field *field, const void *items, size_t n)
{
	text_add(out, "[");
	for (size_t i = 0; i < n; i++) {
		text_add(out, i ? ",\n" : "\n");
		if (field->kind == F_LIST || field->kind == F_UNREAD)
			print_struct(
				out, field->schema, (const char *)items + i * field->schema->size);
		else if (field->kind == F_TEXTS)
			print_string(out, ((const char *const *)items)[i]);
		else
			text_addf(out, "%u", ((const uint16_t *)items)[i]);
	}
	text_add(out, "]");
}

static size_t sysctls_size(const struct sysctl *sysctls, size_t n)
{
	size_t size = 0;

	for (size_t i = 0; i < n; i++)
		size += strlen(sysctls[i].name) + strlen(sysctls[i].value) + strlen(" = \n");
	return size;
}

static void print_scalar(struct text *out, const struct schema_field *field, const char *at)
{
	const struct port_range *range = (const void *)at;
	uint64_t number = 0;

	number_of(field, at, &number);
	switch (field->kind) {
	case F_TEXT:
	case F_NAME:
		print_string(out, *(const char *const *)(const void *)at);
		break;
	case F_BLOCK:
		text_addf(out, "%zu", strlen(*(const char *const *)(const void *)at));
		break;
	case F_BOOL:
		text_add(out, "true");
		break;
	case F_INT:
		text_addf(out, "%d", *(const int *)(const void *)at);
		break;
	case F_ENUM:
		if (number < field->n_names && field->names[number])
			print_string(out, field->names[number]);
		else
			text_addf(out, "%" PRIu64, number);
		break;
	case F_FAMILY:
		text_add(out, number == FAMILY_IPV6 ? "\"ipv6\"" : "\"ipv4\"");
		break;
	case F_ADDR:
		print_addr(out, (const void *)at);
		break;
	case F_PREFIX:
		text_add(out, "\"");
		prefix_print(out, (const void *)at);
		text_add(out, "\"");
		break;
	case F_MAC:
		text_add(out, "\"");
		mac_print(out, *(const struct mac *)(const void *)at);
		text_add(out, "\"");
		break;
	case F_RANGE:
		text_addf(out, "[%u, %u]", range->min, range->max);
		break;
	default:
		text_addf(out, "%" PRIu64, number);
		break;
	}
}

/* How many there are of a list; what is found again in the texts is not told. */
static size_t list_n(const struct schema_field *field, const void *value)
{
	size_t n = field->n_at ? *(const size_t *)(const void *)((const char *)value + field->n_at)
			       : 0;

	return field->kind == F_UNREAD ? n - ((const struct netns *)value)->n_derived : n;
}

static void print_struct(struct text *out, const struct schema *schema, const void *value)
{
	bool is_first = true;

	text_add(out, "{");
	for (size_t i = 0; i < schema->n_fields; i++) {
		const struct schema_field *field = &schema->fields[i];
		const char *at = (const char *)value + field->at;
		size_t n = list_n(field, value);

		if (field->n_at ? !n : is_unset(field, at))
			continue;
		text_addf(out, "%s\"%s\": ", is_first ? "" : ", ", field->key);
		is_first = false;
		if (field->kind == F_STRUCT)
			print_struct(out, field->schema, at);
		else if (field->kind == F_SYSCTLS)
			text_addf(out, "%zu",
				sysctls_size(*(const struct sysctl *const *)(const void *)at, n));
		else if (field->n_at)
			print_list(out, field, *(const void *const *)(const void *)at, n);
		else
			print_scalar(out, field, at);
	}
	text_add(out, "}");
}

/* --- what stands behind the JSON, in the order in which the JSON names it --- */

static void print_heading(struct text *out, const struct at *at, size_t size)
{
	block_heading_print(out, at, size);
	text_add(out, "\n");
}

static void print_blocks(
	struct text *out, const struct at *outer, const struct schema *schema, const char *value)
{
	for (size_t f = 0; f < schema->n_fields; f++) {
		const struct schema_field *field = &schema->fields[f];
		const struct at at = { outer, field->key, NO_INDEX };
		const void *slot = value + field->at;
		size_t n = list_n(field, value);
		const struct sysctl *sysctls;
		const char *text;

		if (field->kind == F_LIST) {
			for (size_t i = 0; i < n; i++)
				print_blocks(out, &(struct at){ &at, NULL, i }, field->schema,
					*(const char *const *)slot + i * field->schema->size);
		} else if (field->kind == F_BLOCK) {
			text = *(const char *const *)slot;
			print_heading(out, &at, strlen(text));
			text_add(out, text);
			text_add(out, "\n");
		} else if (field->kind == F_SYSCTLS && n) {
			sysctls = *(const struct sysctl *const *)slot;
			print_heading(out, &at, sysctls_size(sysctls, n));
			for (size_t i = 0; i < n; i++) {
				text_add(out, sysctls[i].name);
				text_add(out, " = ");
				text_add(out, sysctls[i].value);
				text_add(out, "\n");
			}
			text_add(out, "\n");
		}
	}
}

/* The JSON ends with a line of its own, so that other tools find its end. */
void host_print(struct text *out, const struct host *host)
{
	text_addf(out, "{\"format\": \"%s\", \"version\": %d,\n\"host\": ", HOST_FILE_FORMAT,
		HOST_FILE_VERSION);
	print_struct(out, &host_schema, host);
	text_add(out, "\n}\n");
	print_blocks(out, NULL, &host_schema, (const char *)host);
}
