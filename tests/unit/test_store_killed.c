// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "random.h"
#include "store_numbers.h"
#include "storetest.h"

/*
 * A process that writes is killed, a thousand times, wherever it happens to be: while it opens, in a transaction, while
 * what is in the journal is brought into the file.
 */

#define N_KILLS 1000

static pid_t begin_writer(const char *path, int out)
{
	const char *writer = getenv("STORE_WRITER");
	char *argv[] = { (char *)(writer ? writer : "STORE_WRITER"), (char *)path, NULL };
	posix_spawn_file_actions_t actions;
	pid_t pid;

	assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
	assert_int_equal(posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO), 0);
	assert_int_equal(posix_spawn(&pid, argv[0], &actions, NULL, argv, environ), 0);
	posix_spawn_file_actions_destroy(&actions);
	return pid;
}

/* Until the pipe ends, or as many as that have come; the last number, or 0. */
static uint64_t read_numbers(int in, unsigned n)
{
	uint64_t number, last = 0;

	while (n-- && read(in, &number, sizeof(number)) == sizeof(number)) {
		assert_true(!last || number == last + 1);
		last = number;
	}
	return last;
}

/*
 * Kills it at a place that chance chooses: soon after its begin, or some microseconds after some transaction. The last
 * number that it acknowledged.
 */
static uint64_t write_and_be_killed(struct storetest *t, struct random *random)
{
	uint64_t last, later;
	int ends[2], status;
	pid_t pid;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid = begin_writer(t->path, ends[1]);
	close(ends[1]);
	last = read_numbers(ends[0], one_in(random, 4) ? 0 : random_below(random, 15));
	usleep(random_below(random, last ? 1500 : 8000));
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	/* it did not end by itself, which would be an error of its own */
	assert_true(WIFSIGNALED(status));
	later = read_numbers(ends[0], UINT32_MAX);
	assert_true(!last || !later || later > last);
	close(ends[0]);
	return later ? later : last;
}

/* Every key has what the transaction of that number left, and nothing else is there. */
static void must_be_whole(struct storetest *t, uint64_t number)
{
	struct store_entry *entries;
	uint64_t revision;
	size_t n, n_there = 0;

	if (!store_list(t->arena, t->store, "", &entries, &n, &revision, &t->err))
		fail_msg("%s", t->err.text);
	assert_int_equal(revision, number);
	for (unsigned i = 0; number && i < N_KEYS; i++) {
		if (!is_there(number, i))
			continue;
		assert_true(n_there < n);
		assert_string_equal(entries[n_there].key, key_of(t->arena, i));
		assert_string_equal(entries[n_there].value, value_for(t->arena, number, i));
		assert_int_equal(entries[n_there].changed, number);
		n_there++;
	}
	assert_int_equal(n, n_there);
}

static void must_have_happened(struct storetest *t, uint64_t behind, uint64_t number)
{
	struct store_change *changes;
	uint64_t revision;
	size_t n, at = 0;

	if (!store_changes(t->arena, t->store, behind, SIZE_MAX, &changes, &n, &revision, &t->err))
		fail_msg("%s", t->err.text);
	assert_int_equal(revision, number);
	for (uint64_t each = behind + 1; each <= number; each++)
		for (unsigned i = 0; i < N_KEYS; i++) {
			/* what is not there cannot go */
			if (!is_there(each, i) && each == 1)
				continue;
			assert_true(at < n);
			assert_int_equal(changes[at].revision, each);
			assert_string_equal(changes[at].entry.key, key_of(t->arena, i));
			if (is_there(each, i))
				assert_string_equal(
					changes[at].entry.value, value_for(t->arena, each, i));
			else
				assert_null(changes[at].entry.value);
			at++;
		}
	assert_int_equal(at, n);
}

static void what_was_acknowledged_is_there_after_a_kill_and_nothing_is_half_there(void **state)
{
	struct random random = random_seeded();
	unsigned n_unheard = 0, n_early = 0;
	struct storetest *t = *state;
	uint64_t number = 0;

	store_close(&t->store);
	storetest_remove(t);
	for (unsigned i = 0; i < N_KILLS; i++) {
		/* what one has left behind, another one opens, and is killed at */
		unsigned n_writers = one_in(&random, 4) ? 2 : 1, n_unknown = 0;
		uint64_t told = number, now;

		for (unsigned each = 0; each < n_writers; each++) {
			uint64_t last = write_and_be_killed(t, &random);

			told = last ? last : told;
			n_unknown = last ? 1 : n_unknown + 1;
			n_early += !last;
		}
		storetest_reopen(t);
		now = storetest_revision(t);
		/* each may have been killed before it could answer for one */
		assert_in_range(now, told, told + n_unknown);
		n_unheard += now > told;
		must_be_whole(t, now);
		must_have_happened(t, number, now);
		number = now;
		store_close(&t->store);
		arena_reset(t->arena);
		/* from the beginning, so that making a store is killed as well, and because a long history takes long to check */
		if (one_in(&random, 10)) {
			storetest_remove(t);
			number = 0;
		}
	}
	printf("# %u killed before their first transaction, %u between one and its answer\n",
		n_early, n_unheard);
	assert_true(n_early > 0 && n_early < N_KILLS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			what_was_acknowledged_is_there_after_a_kill_and_nothing_is_half_there,
			storetest_setup, storetest_teardown),
	};

	return cmocka_run_group_tests_name("store_killed", tests, NULL, NULL);
}
