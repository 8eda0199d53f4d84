/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

#include "base/cleanup.h"

/*
 * An arena owns everything that one unit of work makes (a parsed policy, a compile, a pass) and
 * gives it back at once. Nothing in it is freed singly. Exhaustion aborts: sizes that a user
 * controls are bounded by base/limits.h before they get here.
 */
struct arena;

struct arena *arena_new(void);
void arena_free(struct arena *arena); /* NULL is fine */
/* Gives everything back but one block, for the next unit of work: many small ones need no malloc each. */
void arena_reset(struct arena *arena);

void *arena_alloc(struct arena *arena, size_t size); /* zeroed, aligned for any type */
char *arena_strdup(struct arena *arena, const char *text);
char *arena_strndup(struct arena *arena, const char *text, size_t len);
char *arena_printf(struct arena *arena, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
char *arena_vprintf(struct arena *arena, const char *fmt, va_list ap);

/* Without an arena: zeroed, to be freed with free. */
void *new_or_die(size_t size);

/* Memory for something large, to be freed with free; not zeroed. */
void *arena_large_pages(size_t size);
void *arena_try_large_pages(size_t size); /* NULL: there is no memory */
/* What malloc gave is freed with the arena. */
void arena_adopt(struct arena *arena, void *memory);

/* Bytes handed out so far, for limits and for tests. */
size_t arena_used(const struct arena *arena);

#define arena_new_array(arena, type, n) ((type *)arena_alloc((arena), sizeof(type) * (n)))
#define arena_new_one(arena, type)	((type *)arena_alloc((arena), sizeof(type)))

void arena_freep(struct arena **arena); /* for CLEANUP(arena_freep) struct arena *a */

#endif
