/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BASE_PLACES_H
#define BASE_PLACES_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

/*
 * Which elements of an array may have a key, so that not all have to be asked: their places, by
 * the key's hash, those of one in the order of the array. Others may be among them: whoever
 * walks them compares the key itself.
 *
 *	for (size_t i = places_first(by_mac, key); i < n; i = places_next(by_mac, i))
 *
 * NULL stands for an array without an index: then it is a walk over every place.
 */
struct places;

#define PLACES_END SIZE_MAX /* behind every array */

struct places *places_new(struct arena *arena, size_t n); /* of places 0..n-1, none is added yet */
/* From the last place to the first. */
void places_add(struct places *places, size_t place, uint64_t key);
size_t places_first(const struct places *places, uint64_t key);
size_t places_next(const struct places *places, size_t place);

#endif
