// SPDX-License-Identifier: GPL-2.0-or-later
#include "nettraffic.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include "nettool.h"
#include "unit.h"

#define MAX_LINES   24
#define MAX_PACKETS 4000000 /* a quarter of an hour of 4000 a second */

/* In memory that both processes see. */
struct shared {
	atomic_bool is_over;
	atomic_size_t n_rounds;
	struct traffic_result results[MAX_LINES];
};

struct traffic {
	struct shared *shared;
	pid_t child;
	size_t n;
};

static void sleep_us(long us)
{
	const struct timespec time = { .tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000 };

	nanosleep(&time, NULL);
}

static void count(struct world *world, const struct traffic_line *lines, const uint64_t *tags,
	size_t n_lines, size_t n_rounds, struct shared *shared)
{
	for (size_t i = 0; i < n_lines; i++) {
		struct traffic_result result = { .n_sent = n_rounds, .first_lost = n_rounds };
		struct net_end *to = world_end(world, lines[i].to);
		bool was_seen = false;

		net_saw(to, tags[0]);
		for (size_t k = 0; k < n_rounds; k++) {
			bool is_seen = net_noted_times(to, tags[k * n_lines + i]) > 0;

			if (k && is_seen != was_seen)
				result.n_turns++;
			if (is_seen) {
				result.n_arrived++;
				result.last_arrived = k;
			} else if (result.first_lost == n_rounds) {
				result.first_lost = k;
			}
			was_seen = is_seen;
		}
		shared->results[i] = result;
	}
}

static void run(struct world *world, const struct traffic_line *lines, size_t n_lines,
	unsigned per_second, struct shared *shared)
{
	uint64_t *tags = calloc(MAX_PACKETS, sizeof(*tags));
	struct shot shots[MAX_LINES];
	long pause_us = 1000000L * (long)n_lines / per_second;
	size_t n_rounds = 0;

	for (size_t i = 0; i < n_lines; i++)
		shot_parse(world, &shots[i], lines[i].from, lines[i].to, lines[i].text);
	while (!atomic_load(&shared->is_over) && (n_rounds + 1) * n_lines < MAX_PACKETS) {
		for (size_t i = 0; i < n_lines; i++) {
			shot_renew(world, &shots[i]);
			tags[n_rounds * n_lines + i] = net_send(shots[i].from, &shots[i].frame);
		}
		atomic_store(&shared->n_rounds, ++n_rounds);
		/* empties the sockets */
		for (size_t i = 0; n_rounds % 16 == 0 && i < n_lines; i++)
			net_saw(shots[i].to, tags[0]);
		sleep_us(pause_us);
	}
	net_settle(world->net);
	count(world, lines, tags, n_lines, n_rounds, shared);
}

struct traffic *traffic_start(
	struct world *world, const struct traffic_line *lines, size_t n, unsigned per_second)
{
	struct traffic *traffic = calloc(1, sizeof(*traffic));

	assert_true(n <= MAX_LINES);
	traffic->n = n;
	traffic->shared = mmap(NULL, sizeof(*traffic->shared), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(traffic->shared, MAP_FAILED);
	fflush(NULL);
	traffic->child = fork();
	assert_true(traffic->child >= 0);
	if (traffic->child == 0) {
		/* a failure in here must not go on as the test runner */
		setenv("CMOCKA_TEST_ABORT", "1", 1);
		net_bind_to_another_cpu();
		run(world, lines, n, per_second, traffic->shared);
		_exit(0);
	}
	traffic_wait(traffic, 5);
	return traffic;
}

void traffic_wait(struct traffic *traffic, size_t n_more)
{
	size_t until = atomic_load(&traffic->shared->n_rounds) + n_more;

	for (int ms = 0; atomic_load(&traffic->shared->n_rounds) < until; ms++) {
		if (waitpid(traffic->child, NULL, WNOHANG) != 0)
			fail_msg("the traffic ended by itself after %zu rounds",
				atomic_load(&traffic->shared->n_rounds));
		if (ms > 60000)
			fail_msg("the traffic stands");
		sleep_us(1000);
	}
}

void traffic_stop(struct traffic *traffic, struct traffic_result *ret)
{
	int status;

	atomic_store(&traffic->shared->is_over, true);
	assert_int_equal(waitpid(traffic->child, &status, 0), traffic->child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	memcpy(ret, traffic->shared->results, traffic->n * sizeof(*ret));
	munmap(traffic->shared, sizeof(*traffic->shared));
	free(traffic);
}
