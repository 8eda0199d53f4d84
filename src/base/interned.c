// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/interned.h"

#include "base/arena.h"
#include "base/map.h"

struct round {
	struct arena *arena;
	struct map *numbers;
};

struct interned {
	struct arena *arena; /* of this alone */
	struct round now, before;
	uint64_t last;
};

static struct round round_new(void)
{
	struct round round = { .arena = arena_new() };

	round.numbers = map_new(round.arena);
	return round;
}

struct interned *interned_new(void)
{
	struct arena *arena = arena_new();
	struct interned *interned = arena_new_one(arena, struct interned);

	interned->arena = arena;
	interned->now = round_new();
	interned->before = round_new();
	return interned;
}

void interned_free(struct interned *interned)
{
	if (!interned)
		return;
	arena_free(interned->now.arena);
	arena_free(interned->before.arena);
	arena_free(interned->arena);
}

void interned_next_round(struct interned *interned)
{
	arena_free(interned->before.arena);
	interned->before = interned->now;
	interned->now = round_new();
}

static void add(struct interned *interned, const char *text, uint64_t number)
{
	struct round *now = &interned->now;
	uint64_t *kept = arena_new_one(now->arena, uint64_t);

	*kept = number;
	map_add(now->numbers, arena_strdup(now->arena, text), kept);
}

uint64_t interned_find(struct interned *interned, const char *text)
{
	const uint64_t *number = map_find(interned->now.numbers, text);

	if (!number && (number = map_find(interned->before.numbers, text)))
		add(interned, text, *number);
	return number ? *number : 0;
}

uint64_t interned_number(struct interned *interned, const char *text)
{
	uint64_t number = interned_find(interned, text);

	if (!number)
		add(interned, text, number = ++interned->last);
	return number;
}
