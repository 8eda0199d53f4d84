/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_STORE_NUMBERS_H
#define TESTS_STORE_NUMBERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"

/*
 * What store_writer writes and test_store_killed looks for. Transactions are numbered from 1 as the revisions are; each
 * writes its number to the same keys, some of which it takes away in turn.
 */
#define N_KEYS 7

static inline const char *key_of(struct arena *arena, unsigned key)
{
	return arena_printf(arena, "/fw/v1/h/host/p/%u", key);
}

/* Every third key is there only after every other transaction. */
static inline bool is_there(uint64_t number, unsigned key)
{
	return key % 3 != 2 || (number + key) % 2;
}

/* As long as the number says: from a byte to some pages. */
static inline const char *value_for(struct arena *arena, uint64_t number, unsigned key)
{
	return arena_printf(arena, "%*llu",
		(int)(1 + number * (key + 1) * 397 % (key ? 300 : 9000)),
		(unsigned long long)number);
}

#endif
