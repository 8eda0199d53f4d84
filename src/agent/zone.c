// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Conntrack zones. A zone is named in the comment of its raw rule, and the rules in the kernel
 * are the only place where zones are kept: a pass reads them back, so that no restart gives a
 * running flow another zone (Neutron's agent renumbers all of them, because it looks its own
 * comments up under the wrong key).
 */
#include "agent/internal.h"

#include "base/map.h"

struct zone_map {
	struct arena *arena;
	struct map *by_key; /* to struct zone */
	bool is_used[COMPILE_ZONE_MAX + 1];
	bool was_used[COMPILE_ZONE_MAX + 1];
	uint16_t highest;
};

struct zone {
	uint16_t number;
};

struct zone_map *zone_map_new(struct arena *arena, uint16_t highest)
{
	struct zone_map *zones = arena_new_one(arena, struct zone_map);

	zones->arena = arena;
	zones->by_key = map_new(arena);
	zones->highest = highest < COMPILE_ZONE_MIN ? COMPILE_ZONE_MIN - 1 : highest;
	return zones;
}

static void zone_map_put(struct zone_map *zones, const char *key, uint16_t number)
{
	struct zone *zone = arena_new_one(zones->arena, struct zone);

	zone->number = number;
	if (map_add(zones->by_key, key, zone))
		return;
	zones->is_used[number] = true;
	if (number > zones->highest)
		zones->highest = number;
}

void zone_map_keep(struct zone_map *zones, const char *key, uint16_t zone)
{
	zones->was_used[zone] = true;
	/* Two owners of one zone: the second gets a new one. */
	if (!zones->is_used[zone])
		zone_map_put(zones, key, zone);
}

void zone_map_keep_found(
	struct zone_map *zones, const struct ruleset *found, const struct plan_scope *scope)
{
	for (size_t t = 0; t < found->n_tables; t++) {
		const struct table *table = &found->tables[t];

		for (size_t c = 0; c < table->n_chains; c++) {
			const struct chain *chain = &table->chains[c];

			if (!plan_scope_has_chain(scope, chain->name))
				continue;
			for (size_t r = 0; r < chain->n_rules; r++) {
				const char *key;
				uint16_t number;

				if (compile_zone_of_rule(&chain->rules[r], &key, &number))
					zone_map_keep(zones, key, number);
			}
		}
	}
}

struct zone_map *zone_map_read(
	struct arena *arena, const struct ruleset *found, const struct plan_scope *scope)
{
	struct zone_map *zones = zone_map_new(arena, 0);

	zone_map_keep_found(zones, found, scope);
	return zones;
}

uint16_t zone_map_highest(const struct zone_map *zones)
{
	return zones->highest;
}

bool zone_map_get(struct zone_map *zones, const char *key, uint16_t *ret, struct err *err)
{
	const struct zone *zone = map_find(zones->by_key, key);
	uint32_t number = zones->highest + 1u;

	if (zone) {
		*ret = zone->number;
		return true;
	}
	/* Upwards first, so that the number of a port that is gone is not soon another's. */
	if (number > COMPILE_ZONE_MAX)
		for (number = COMPILE_ZONE_MIN; number <= COMPILE_ZONE_MAX; number++)
			if (!zones->is_used[number])
				break;
	if (number > COMPILE_ZONE_MAX)
		return err_limit(err, "all conntrack zones %d to %d are in use", COMPILE_ZONE_MIN,
			COMPILE_ZONE_MAX);
	zone_map_put(zones, key, (uint16_t)number);
	*ret = (uint16_t)number;
	return true;
}

bool zone_map_had(const struct zone_map *zones, uint16_t zone)
{
	return zones->was_used[zone];
}
