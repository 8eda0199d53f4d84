/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stddef.h>

#include "base/arena.h"

/*
 * From a text to a pointer, in an arena; keys are not copied and must live as long as the map.
 * There is no iteration on purpose: nothing may ever come out in hash order.
 */
struct map;

struct map *map_new(struct arena *arena);
void *map_find(const struct map *map, const char *key); /* NULL: not there */
/* Returns the value that was there before (then nothing is changed), or NULL. */
void *map_add(struct map *map, const char *key, void *value);
size_t map_n(const struct map *map);

#endif
