/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BASE_WIRE_H
#define BASE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/text.h"

/*
 * Values as bytes, from one process of this program to another. Numbers are little-endian, a text is a u32 length and its
 * bytes, without NUL; a list begins with a u32 count. Each value has one way to be written, so what was read and is written
 * again gives the same bytes.
 */
void wire_put_u32(struct text *out, uint32_t number);
void wire_put_u64(struct text *out, uint64_t number);
void wire_put_bool(struct text *out, bool value);
void wire_put_text(struct text *out, const char *text);
void wire_put_bytes(
	struct text *out, const void *bytes, size_t size); /* the reader knows the size */
/* For a count or a size that is known only later: its place, for wire_set_u32. */
size_t wire_put_later(struct text *out);
void wire_set_u32(struct text *out, size_t place, uint32_t number);

/*
 * Reading. All fail with ERR_INPUT when the bytes end before the value does, or are none; at is where it goes on.
 * Nothing is read behind end, whatever the bytes say.
 */
struct wire {
	const char *at, *end;
	struct err *err;
};
bool wire_get_u32(struct wire *wire, uint32_t *ret);
bool wire_get_u64(struct wire *wire, uint64_t *ret);
bool wire_get_below(struct wire *wire, uint32_t end, uint32_t *ret); /* within [0, end) */
bool wire_get_bool(struct wire *wire, bool *ret);
bool wire_get_text(struct wire *wire, struct arena *arena, const char **ret);
bool wire_get_bytes(struct wire *wire, void *ret, size_t size);
/* How many items follow, which have at least so many bytes each: a count that does not fit into what is left is refused
 * before anybody makes room for it. */
bool wire_get_count(struct wire *wire, size_t least_size, size_t *ret);
/* Nothing is left. */
bool wire_get_end(struct wire *wire);

#endif
