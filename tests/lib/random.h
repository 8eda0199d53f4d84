/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_RANDOM_H
#define TESTS_RANDOM_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* Random numbers that can be had again: the seed is printed, and taken from SEED when set. */
struct random {
	uint64_t state;
};

static inline struct random random_seeded(void)
{
	const char *seed = getenv("SEED");
	struct random random = { seed ? strtoull(seed, NULL, 10) : (uint64_t)time(NULL) };

	printf("# SEED=%" PRIu64 "\n", random.state);
	return random;
}

static inline uint64_t random_u64(struct random *random)
{
	uint64_t z = random->state += 0x9e3779b97f4a7c15u; /* splitmix64 */

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

/* Within [0, n). */
static inline unsigned random_below(struct random *random, unsigned n)
{
	return (unsigned)(random_u64(random) % n);
}

#endif
