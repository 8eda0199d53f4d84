// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/places.h"

/* Places are kept plus one; 0: the end. */
struct places {
	uint32_t *first, *next;
	unsigned n_bits; /* of the number of a bucket */
};

struct places *places_new(struct arena *arena, size_t n)
{
	struct places *places = arena_new_one(arena, struct places);

	places->n_bits = 4;
	while (n >> places->n_bits)
		places->n_bits++;
	places->first = arena_new_array(arena, uint32_t, (size_t)1 << places->n_bits);
	places->next = arena_new_array(arena, uint32_t, n + 1);
	return places;
}

static size_t bucket_of(const struct places *places, uint64_t key)
{
	key ^= key >> 32;
	return (size_t)(key * 0x9e3779b97f4a7c15u >> (64 - places->n_bits));
}

void places_add(struct places *places, size_t place, uint64_t key)
{
	uint32_t *first = &places->first[bucket_of(places, key)];

	places->next[place] = *first;
	*first = (uint32_t)place + 1;
}

size_t places_first(const struct places *places, uint64_t key)
{
	return places ? (size_t)places->first[bucket_of(places, key)] - 1 : 0;
}

size_t places_next(const struct places *places, size_t place)
{
	return places ? (size_t)places->next[place] - 1 : place + 1;
}
