// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/map.h"

#include <stdint.h>
#include <string.h>

#include "base/text.h"

/* Open addressing, linear probing, at most three quarters full. */
struct map {
	struct arena *arena;
	struct map_slot {
		const char *key; /* NULL: free */
		void *value;
		uint64_t hash;
	} * slots;
	size_t n, n_slots; /* n_slots is a power of two */
};

struct map *map_new(struct arena *arena)
{
	struct map *map = arena_new_one(arena, struct map);

	map->arena = arena;
	map->n_slots = 16;
	map->slots = arena_new_array(arena, struct map_slot, map->n_slots);
	return map;
}

static struct map_slot *map_slot(const struct map *map, const char *key, uint64_t hash)
{
	size_t i = hash & (map->n_slots - 1);

	while (map->slots[i].key &&
		(map->slots[i].hash != hash || strcmp(map->slots[i].key, key) != 0))
		i = (i + 1) & (map->n_slots - 1);
	return &map->slots[i];
}

void *map_find(const struct map *map, const char *key)
{
	return map_slot(map, key, text_hash(key))->value;
}

static void map_grow(struct map *map)
{
	struct map_slot *old = map->slots;
	size_t n_old = map->n_slots;

	map->n_slots *= 2;
	map->slots = arena_new_array(map->arena, struct map_slot, map->n_slots);
	for (size_t i = 0; i < n_old; i++)
		if (old[i].key)
			*map_slot(map, old[i].key, old[i].hash) = old[i];
}

void *map_add(struct map *map, const char *key, void *value)
{
	uint64_t hash = text_hash(key);
	struct map_slot *slot = map_slot(map, key, hash);

	if (slot->key)
		return slot->value;
	if ((map->n + 1) * 4 > map->n_slots * 3) {
		map_grow(map);
		slot = map_slot(map, key, hash);
	}
	*slot = (struct map_slot){ .key = key, .value = value, .hash = hash };
	map->n++;
	return NULL;
}

size_t map_n(const struct map *map)
{
	return map->n;
}
