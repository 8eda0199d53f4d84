/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HOST_JSON_H
#define HOST_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Private to host: JSON (RFC 8259), read value by value in the order of the text, by somebody who
 * knows what should come. No tree is made: one of a large host has millions of nodes. Texts are
 * decoded where they stand, so the buffer is changed, and they live as long as it does. Lines are
 * counted on the way, because afterwards an end of line may be one that a text had as "\n".
 *
 * The first thing that is no JSON is kept in wrong; from then on nothing more comes.
 */
struct json_place {
	size_t line, column; /* from 1; a column is a byte */
};
struct json {
	char *at, *end; /* *end is NUL */
	char *line_at;	/* where the line of at begins */
	size_t line;
	struct json_place key,
		value; /* which was asked for last; a text that was taken has its place still */
	size_t n_values;
	const char *wrong; /* a phrase; NULL: nothing */
	bool is_limit;	   /* it is not wrong, but too much */
};
void json_init(struct json *json, char *data, size_t size);

/* What comes next; JSON_NONE: no value, and wrong says so. */
enum json_kind {
	JSON_NONE,
	JSON_OBJECT,
	JSON_LIST,
	JSON_TEXT,
	JSON_NUMBER,
	JSON_TRUE,
	JSON_FALSE,
	JSON_NULL
};
enum json_kind json_kind(struct json *json);

/* Into an object or a list, which must be what comes. */
void json_enter(struct json *json);
/* Is there one more? *n is 0 at first and counts them. A false ends the object or list. */
bool json_next_key(struct json *json, size_t *n, const char **ret_key);
bool json_next_item(struct json *json, size_t *n);

/* Each must be what comes; false: it is wrong. A text never holds a NUL. */
bool json_take_text(struct json *json, char **ret);
/* false without anything wrong: a number, but not a whole one in the range. */
bool json_take_integer(struct json *json, int64_t min, uint64_t max, int64_t *ret);
bool json_take_bool(struct json *json); /* the value */
bool json_skip(struct json *json);	/* any value */

/* The place that was reached. */
struct json_place json_here(const struct json *json);

#endif
