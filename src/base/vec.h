/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BASE_VEC_H
#define BASE_VEC_H

#include <stddef.h>

#include "base/arena.h"

/*
 * A growing array in an arena: VEC(struct rule) rules; then vec_push(&rules, arena) gives a
 * pointer to a new, zeroed element. Pointers into it are stale after the next push.
 * Invariant: items is NULL if and only if cap is 0; n <= cap.
 */
#define VEC(type)                                                                                  \
	struct {                                                                                   \
		type *items;                                                                       \
		size_t n, cap;                                                                     \
	}

void *vec_grow_(struct arena *arena, void *items, size_t *cap, size_t n, size_t item_size);

#define vec_push(vec, arena)                                                                       \
	((vec)->items = vec_grow_(                                                                 \
		 (arena), (vec)->items, &(vec)->cap, (vec)->n, sizeof(*(vec)->items)),             \
		&(vec)->items[(vec)->n++])

// NOLINTBEGIN(bugprone-macro-parentheses): var is the name of a new variable
#define vec_for_each(var, vec)                                                                     \
	for (__typeof__(*(vec)->items) *var = (vec)->items; var && var < (vec)->items + (vec)->n;  \
		var++)
// NOLINTEND(bugprone-macro-parentheses)

/* How many elements an array has; not for pointers. */
#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

#endif
