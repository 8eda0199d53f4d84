// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/vec.h"

#include <string.h>

void *vec_grow_(struct arena *arena, void *items, size_t *cap, size_t n, size_t item_size)
{
	void *bigger;

	if (n < *cap)
		return items;
	*cap = *cap ? *cap * 2 : 8;
	bigger = arena_alloc(arena, *cap * item_size);
	if (n)
		memcpy(bigger, items, n * item_size);
	return bigger;
}
