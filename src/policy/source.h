/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef POLICY_SOURCE_H
#define POLICY_SOURCE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

/* The text of a policy file, and messages that point into it. */
struct source {
	const char *name; /* for messages */
	const char *text; /* behind the byte order mark, if there was one */
	size_t size;
};

/* Lines and columns count from 0 and in characters here, from 1 in messages. */
struct place {
	uint32_t line, column;
	uint16_t width; /* characters on that line; at least one caret is drawn */
};

/*
 * Takes the text if it is UTF-8 without control characters, so that whatever is quoted from it
 * is safe on a terminal and libyaml's reader has nothing left to refuse.
 */
bool source_init(
	struct source *ret, const char *name, const char *text, size_t size, struct err *err);

/* ERR_INPUT: "NAME:LINE:COLUMN: what", the line, a caret under the place. Returns false. */
bool source_fail(const struct source *source, struct place at, struct err *err, const char *fmt,
	...) __attribute__((format(printf, 4, 5)));

/* A text of the user for a message: in quotes, cut when long, nothing invisible in it. */
const char *source_shown(struct arena *arena, const char *text);

/*
 * The character at *at, which moves behind it; a byte that is no UTF-8 gives UINT32_MAX.
 * end > *at.
 */
uint32_t utf8_next(const char **at, const char *end);
size_t utf8_len(const char *text); /* characters */

#endif
