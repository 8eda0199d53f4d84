/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"

/*
 * A text that grows at its end, on the heap because texts are often larger than what an arena
 * should keep. data is always NUL-terminated and never NULL; len does not count the NUL.
 */
struct text {
	char *data;
	size_t len, size;
};

#define TEXT_INIT                                                                                  \
	{                                                                                          \
		.data = text_empty_                                                                \
	}
extern char text_empty_[1];

void text_done(struct text *text);  /* for CLEANUP(text_done) struct text t = TEXT_INIT */
void text_clear(struct text *text); /* empty again, keeps its memory */
void text_add(struct text *text, const char *more);
void text_add_n(struct text *text, const char *more, size_t len);
void text_addf(struct text *text, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void text_vaddf(struct text *text, const char *fmt, va_list ap);
/* Percent-encoded, so that it can stand in a URI as a path segment or an argument (RFC 3986). */
void text_add_uri(struct text *text, const char *more);

/* As a string of Graphviz's language, in its quotes; a newline is one there too. */
void text_add_dot(struct text *text, const char *more);

/* Reads a file, or standard input for "-". Fails with ERR_LIMIT above max_size bytes. */
bool text_load(struct text *text, const char *path, size_t max_size, struct err *err);

/* Writes a whole file beside its place, syncs it and renames it there: all or nothing. */
bool text_save(const struct text *text, const char *path, struct err *err);

/*
 * The same in two steps, for a file that must be sure before something else is done and be seen
 * after it: text_stage may be refused (a full disk), text_staged_place hardly. Both end the staged
 * name, as text_staged_drop does.
 */
bool text_stage(
	const struct text *text, const char *path, struct text *ret_staged, struct err *err);
bool text_staged_place(struct text *staged, const char *path, struct err *err);
void text_staged_drop(struct text *staged);

/*
 * A whole decimal number within [min, max]; no sign, no space, no leading "+". Leading zeros are
 * refused: other programs read them as octal.
 */
bool text_to_u32(const char *text, uint32_t min, uint32_t max, uint32_t *ret);

/* Is text matched by one of n names? Gives the nearest one for "did you mean", or NULL. */
const char *text_nearest(const char *text, const char *const *names, size_t n);

/* For tables: equal texts, equal numbers. Not for numbers that are kept. */
uint64_t text_hash(const char *text);

bool text_has_prefix(const char *text, const char *prefix);

#endif
