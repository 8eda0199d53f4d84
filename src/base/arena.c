// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/arena.h"

#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Big enough that a pass over 1,000 ports makes some hundred calls of malloc, not millions; the first
 * is small, because there are arenas for one answer about one packet. */
#define ARENA_BLOCK_SIZE       ((size_t)64 * 1024)
#define ARENA_FIRST_BLOCK_SIZE ((size_t)2 * 1024)
/* What an arena needs beyond LARGE_PAGES_FROM it gets in the processor's large pages, where the kernel gives
 * them: of reading a host with 100,000 rules a fifth of the time went into faulting small ones in. */
#define LARGE_PAGE_SIZE	 ((size_t)2 * 1024 * 1024)
#define LARGE_PAGES_FROM ((size_t)8 * 1024 * 1024)

struct arena_block {
	struct arena_block *next;
	size_t size, used;
	alignas(max_align_t) char data[];
};

struct adopted {
	struct adopted *next;
	void *memory;
};

struct arena {
	struct arena_block *blocks; /* the newest first: the one that is being filled */
	struct adopted *adopted;
	size_t used;
};

static void *die_if_null(void *p)
{
	if (!p) {
		fputs("portwall: out of memory\n", stderr);
		abort();
	}
	return p;
}

void *new_or_die(size_t size)
{
	return die_if_null(calloc(1, size));
}

struct arena *arena_new(void)
{
	return new_or_die(sizeof(struct arena));
}

void arena_free(struct arena *arena)
{
	if (!arena)
		return;
	for (struct adopted *a = arena->adopted; a; a = a->next)
		free(a->memory);
	for (struct arena_block *b = arena->blocks, *next; b; b = next) {
		next = b->next;
		free(b);
	}
	free(arena);
}

/* Keeps the one that is being filled: what the last work needed, the next one will need. */
void arena_reset(struct arena *arena)
{
	struct arena_block *kept = arena->blocks;

	arena->used = 0;
	if (!kept)
		return;
	for (struct arena_block *b = kept->next, *next; b; b = next) {
		next = b->next;
		free(b);
	}
	kept->next = NULL;
	kept->used = 0;
}

void arena_freep(struct arena **arena)
{
	arena_free(*arena);
	*arena = NULL;
}

void *arena_try_large_pages(size_t size)
{
	void *memory;

	if (size > SIZE_MAX - LARGE_PAGE_SIZE)
		return NULL;
	size = (size + LARGE_PAGE_SIZE - 1) & ~(LARGE_PAGE_SIZE - 1);
	memory = aligned_alloc(LARGE_PAGE_SIZE, size);
	if (memory)
		madvise(memory, size, MADV_HUGEPAGE); /* where there are none small ones do */
	return memory;
}

void *arena_large_pages(size_t size)
{
	return die_if_null(arena_try_large_pages(size));
}

static struct arena_block *arena_grow(struct arena *arena, size_t size)
{
	bool is_large = arena->used >= LARGE_PAGES_FROM;
	size_t block_size = !arena->blocks ? ARENA_FIRST_BLOCK_SIZE
			    : is_large	   ? LARGE_PAGE_SIZE - sizeof(struct arena_block)
					   : ARENA_BLOCK_SIZE;
	size_t want = size > block_size / 4 ? size : block_size;
	struct arena_block *b;

	if (want > SIZE_MAX - sizeof(*b))
		die_if_null(NULL);
	if (is_large && want >= block_size)
		b = arena_large_pages(sizeof(*b) + want);
	else
		b = die_if_null(malloc(sizeof(*b) + want));
	b->size = want;
	b->used = 0;
	/* A block of its own for something large must not end the one that is being filled. */
	if (want == size && arena->blocks) {
		b->next = arena->blocks->next;
		arena->blocks->next = b;
	} else {
		b->next = arena->blocks;
		arena->blocks = b;
	}
	return b;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	const size_t align = alignof(max_align_t);
	struct arena_block *b = arena->blocks;
	void *p;

	if (size > SIZE_MAX - align)
		die_if_null(NULL);
	size = (size + align - 1) & ~(align - 1);
	if (!b || b->size - b->used < size)
		b = arena_grow(arena, size);
	p = b->data + b->used;
	b->used += size;
	arena->used += size;
	return memset(p, 0, size);
}

char *arena_strndup(struct arena *arena, const char *text, size_t len)
{
	char *copy = arena_alloc(arena, len + 1);

	memcpy(copy, text, len);
	return copy;
}

char *arena_strdup(struct arena *arena, const char *text)
{
	return arena_strndup(arena, text, strlen(text));
}

char *arena_vprintf(struct arena *arena, const char *fmt, va_list ap)
{
	va_list again;
	char *text;
	int len;

	va_copy(again, ap);
	len = vsnprintf(NULL, 0, fmt, ap);
	if (len < 0)
		abort(); /* only a broken format string gets here */
	text = arena_alloc(arena, (size_t)len + 1);
	vsnprintf(text, (size_t)len + 1, fmt, again);
	va_end(again);
	return text;
}

char *arena_printf(struct arena *arena, const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = arena_vprintf(arena, fmt, ap);
	va_end(ap);
	return text;
}

void arena_adopt(struct arena *arena, void *memory)
{
	struct adopted *adopted = arena_new_one(arena, struct adopted);

	*adopted = (struct adopted){ arena->adopted, memory };
	arena->adopted = adopted;
}

size_t arena_used(const struct arena *arena)
{
	return arena->used;
}
