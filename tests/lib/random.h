/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_RANDOM_H
#define TESTS_RANDOM_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* Random numbers that can be had again: the seed is printed, and taken from PORTWALL_SEED when set. */
struct random {
	uint64_t state;
};

/* usual: where nobody names one. */
static inline struct random random_seeded_or(uint64_t usual)
{
	const char *seed = getenv("PORTWALL_SEED");
	struct random random = { seed ? strtoull(seed, NULL, 10) : usual };

	printf("# PORTWALL_SEED=%" PRIu64 "\n", random.state);
	return random;
}

static inline struct random random_seeded(void)
{
	/* another one for each of those that begin in the same second */
	return random_seeded_or((uint64_t)getpid() << 32 | (uint32_t)time(NULL));
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

static inline bool one_in(struct random *random, unsigned n)
{
	return random_below(random, n) == 0;
}

/* One element of an array. */
#define pick(random, array)                                                                        \
	((array)[random_below((random), (unsigned)(sizeof(array) / sizeof((array)[0])))])

#endif
