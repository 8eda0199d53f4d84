// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/wire.h"

#include <endian.h>
#include <string.h>

void wire_put_bytes(struct text *out, const void *bytes, size_t size)
{
	text_add_n(out, bytes, size);
}

void wire_put_u32(struct text *out, uint32_t number)
{
	number = htole32(number);
	wire_put_bytes(out, &number, sizeof(number));
}

void wire_put_u64(struct text *out, uint64_t number)
{
	number = htole64(number);
	wire_put_bytes(out, &number, sizeof(number));
}

void wire_put_bool(struct text *out, bool value)
{
	wire_put_u32(out, value);
}

void wire_put_text(struct text *out, const char *text)
{
	size_t len = strlen(text);

	wire_put_u32(out, (uint32_t)len);
	wire_put_bytes(out, text, len);
}

size_t wire_put_later(struct text *out)
{
	size_t place = out->len;

	wire_put_u32(out, 0);
	return place;
}

void wire_set_u32(struct text *out, size_t place, uint32_t number)
{
	number = htole32(number);
	memcpy(out->data + place, &number, sizeof(number));
}

static size_t left(const struct wire *wire)
{
	return (size_t)(wire->end - wire->at);
}

bool wire_get_bytes(struct wire *wire, void *ret, size_t size)
{
	if (size > left(wire))
		return err_input(
			wire->err, "%zu bytes are left where %zu must be", left(wire), size);
	memcpy(ret, wire->at, size);
	wire->at += size;
	return true;
}

bool wire_get_u32(struct wire *wire, uint32_t *ret)
{
	uint32_t number;

	if (!wire_get_bytes(wire, &number, sizeof(number)))
		return false;
	*ret = le32toh(number);
	return true;
}

bool wire_get_u64(struct wire *wire, uint64_t *ret)
{
	uint64_t number;

	if (!wire_get_bytes(wire, &number, sizeof(number)))
		return false;
	*ret = le64toh(number);
	return true;
}

bool wire_get_below(struct wire *wire, uint32_t end, uint32_t *ret)
{
	uint32_t number;

	if (!wire_get_u32(wire, &number))
		return false;
	if (number >= end)
		return err_input(wire->err, "%u where a number below %u must be", number, end);
	*ret = number;
	return true;
}

bool wire_get_bool(struct wire *wire, bool *ret)
{
	uint32_t number;

	if (!wire_get_below(wire, 2, &number))
		return false;
	*ret = number;
	return true;
}

bool wire_get_text(struct wire *wire, struct arena *arena, const char **ret)
{
	uint32_t len;

	if (!wire_get_u32(wire, &len))
		return false;
	if (len > left(wire))
		return err_input(
			wire->err, "a text of %u bytes where %zu are left", len, left(wire));
	if (memchr(wire->at, '\0', len))
		return err_input(wire->err, "a text with a NUL in it");
	*ret = len ? arena_strndup(arena, wire->at, len) : "";
	wire->at += len;
	return true;
}

bool wire_get_count(struct wire *wire, size_t least_size, size_t *ret)
{
	uint32_t n;

	if (!wire_get_u32(wire, &n))
		return false;
	if (n > left(wire) / least_size)
		return err_input(wire->err, "%u items where %zu bytes are left", n, left(wire));
	*ret = n;
	return true;
}

bool wire_get_end(struct wire *wire)
{
	if (left(wire))
		return err_input(wire->err, "%zu bytes too many", left(wire));
	return true;
}
