// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/limits.h"
#include "base/text.h"
#include "storetest.h"

/* What transactions mean, how they can be followed, and what becomes of files that are no stores. */

static struct store_put put(const char *key, const char *value, uint64_t if_changed)
{
	return (struct store_put){ key, value, value ? strlen(value) : 0, if_changed };
}

/* "0" is what the tests call that there was none. */
static const char *value_of(struct storetest *t, const char *key)
{
	const struct store_entry *entry = storetest_get(t, key);

	return entry ? entry->value : "none";
}

/* ---- transactions */

static void an_entry_knows_who_made_it_and_who_changed_it_last(void **state)
{
	struct storetest *t = *state;
	const struct store_entry *entry;

	assert_int_equal(storetest_put(t, "/a", "1"), 1);
	assert_int_equal(storetest_put(t, "/b", "1"), 2);
	assert_int_equal(storetest_put(t, "/a", "two"), 3);
	entry = storetest_get(t, "/a");
	assert_string_equal(entry->value, "two");
	assert_int_equal(entry->size, 3);
	assert_int_equal(entry->created, 1);
	assert_int_equal(entry->changed, 3);
	/* gone and made again is another one */
	assert_int_equal(storetest_put(t, "/a", NULL), 4);
	assert_null(storetest_get(t, "/a"));
	assert_int_equal(storetest_put(t, "/a", "3"), 5);
	assert_int_equal(storetest_get(t, "/a")->created, 5);
}

static void a_value_is_bytes(void **state)
{
	static const char bytes[] = "a\0b\xff\xfe\0";
	struct storetest *t = *state;
	struct store_put puts[] = { { "/bytes", bytes, sizeof(bytes) - 1, STORE_ANY },
		{ "/empty", "", 0, STORE_ANY } };
	const struct store_entry *entry;
	uint64_t revision;

	assert_true(store_commit(t->store, puts, N_OF(puts), &revision, NULL, &t->err));
	entry = storetest_get(t, "/bytes");
	assert_int_equal(entry->size, sizeof(bytes) - 1);
	assert_memory_equal(entry->value, bytes, sizeof(bytes));
	entry = storetest_get(t, "/empty");
	assert_int_equal(entry->size, 0);
	assert_string_equal(entry->value, "");
	/* an empty one is there: it is not one that has gone */
	puts[1].if_changed = revision;
	assert_true(store_commit(t->store, puts, N_OF(puts), &revision, NULL, &t->err));
	assert_int_equal(revision, 1);
}

static void a_put_for_another_revision_is_refused_and_nothing_is_done(void **state)
{
	struct storetest *t = *state;
	const struct {
		struct store_put puts[3];
		size_t wrong;
		const char *text;
	} cases[] = {
		{ { put("/a", "x", STORE_ANY), put("/b", "x", 1), put("/c", "x", 0) }, 1,
			"/b was changed meanwhile: its revision is 3, not 1" },
		{ { put("/c", "x", 0), put("/b", "x", 3), put("/a", "x", 0) }, 2,
			"/a is there already" },
		{ { put("/c", "x", 2), put("/b", "x", 3), put("/a", "x", 1) }, 0,
			"/c has gone meanwhile" },
		{ { put("/c", NULL, 0), put("/a", NULL, 1), put("/b", NULL, 2) }, 2,
			"/b was changed meanwhile: its revision is 3, not 2" },
		/* the first that is wrong is told */
		{ { put("/a", "1", 7), put("/b", "x", 7), put("/c", "x", 7) }, 0,
			"/a was changed meanwhile: its revision is 1, not 7" },
	};

	storetest_put(t, "/a", "1");
	storetest_put(t, "/b", "2");
	storetest_put(t, "/b", "3");
	for (size_t i = 0; i < N_OF(cases); i++) {
		uint64_t revision = 99;
		size_t wrong = 99;

		assert_false(store_commit(t->store, cases[i].puts, 3, &revision, &wrong, &t->err));
		assert_int_equal(t->err.kind, ERR_CONFLICT);
		assert_string_equal(t->err.text, cases[i].text);
		assert_int_equal(wrong, cases[i].wrong);
		assert_int_equal(revision, 99);
		assert_string_equal(value_of(t, "/a"), "1");
		assert_string_equal(value_of(t, "/b"), "3");
		assert_string_equal(value_of(t, "/c"), "none");
		assert_int_equal(storetest_revision(t), 3);
		/* who does not ask which one it was */
		assert_false(store_commit(t->store, cases[i].puts, 3, &revision, NULL, &t->err));
	}
	/* and the next one is not disturbed */
	assert_int_equal(storetest_put(t, "/c", "x"), 4);
}

static void a_put_for_the_right_revision_is_done(void **state)
{
	struct storetest *t = *state;
	struct store_put puts[] = { put("/a", "1", 0), put("/b", NULL, 0), put("/c", "1", 0) };
	uint64_t revision;

	assert_true(store_commit(t->store, puts, 3, &revision, NULL, &t->err));
	assert_int_equal(revision, 1);
	puts[0] = put("/a", "2", 1);
	puts[1] = put("/b", "2", 0);
	puts[2] = put("/c", NULL, 1);
	assert_true(store_commit(t->store, puts, 3, &revision, NULL, &t->err));
	assert_int_equal(revision, 2);
	assert_string_equal(value_of(t, "/a"), "2");
	assert_string_equal(value_of(t, "/b"), "2");
	assert_string_equal(value_of(t, "/c"), "none");
}

static void equal_values_make_no_revision(void **state)
{
	struct storetest *t = *state;
	struct store_put puts[] = { put("/a", "1", STORE_ANY), put("/b", "1", STORE_ANY),
		put("/none", NULL, STORE_ANY) };
	uint64_t revision;

	assert_true(store_commit(t->store, puts, 3, &revision, NULL, &t->err));
	assert_int_equal(revision, 1);
	assert_true(store_commit(t->store, puts, 3, &revision, NULL, &t->err));
	assert_int_equal(revision, 1);
	assert_true(store_commit(t->store, NULL, 0, &revision, NULL, &t->err));
	assert_int_equal(revision, 1);
	/* beside one that changes, the equal one keeps its revision and is no change */
	puts[1].value = "2";
	assert_true(store_commit(t->store, puts, 3, &revision, NULL, &t->err));
	assert_int_equal(revision, 2);
	assert_int_equal(storetest_get(t, "/a")->changed, 1);
	assert_int_equal(storetest_get(t, "/b")->changed, 2);
	storetest_changes_are(t, 1, 10, 2, "2 /b=2\n");
}

static void what_is_too_large_or_twice_is_refused(void **state)
{
	struct storetest *t = *state;
	struct store_put puts[] = { put("/a", "1", STORE_ANY), put("/b", "1", STORE_ANY),
		put("/a", NULL, STORE_ANY) };
	char *key = arena_alloc(t->arena, LIMIT_STORE_KEY + 2);
	uint64_t revision;

	assert_false(store_commit(t->store, puts, 3, &revision, NULL, &t->err));
	assert_int_equal(t->err.kind, ERR_INPUT);
	assert_non_null(strstr(t->err.text, "/a is there twice"));

	memset(key, 'k', LIMIT_STORE_KEY + 1);
	puts[1].key = key;
	assert_false(store_commit(t->store, puts, 2, &revision, NULL, &t->err));
	assert_int_equal(t->err.kind, ERR_LIMIT);
	key[LIMIT_STORE_KEY] = '\0';
	assert_true(store_commit(t->store, puts, 2, &revision, NULL, &t->err));
	assert_int_equal(revision, 1);
	assert_string_equal(value_of(t, key), "1");
	puts[1].key = "";
	assert_false(store_commit(t->store, puts, 2, &revision, NULL, &t->err));
	assert_int_equal(t->err.kind, ERR_LIMIT);

	puts[1] = (struct store_put){ "/large", key, LIMIT_STORE_VALUE + 1, STORE_ANY };
	assert_false(store_commit(t->store, puts, 2, &revision, NULL, &t->err));
	assert_int_equal(t->err.kind, ERR_LIMIT);
	assert_false(store_commit(t->store, puts, LIMIT_STORE_PUTS + 1, &revision, NULL, &t->err));
	assert_int_equal(t->err.kind, ERR_LIMIT);
	assert_int_equal(storetest_revision(t), 1);
}

static void the_largest_value_is_kept(void **state)
{
	struct storetest *t = *state;
	char *large = malloc(LIMIT_STORE_VALUE);
	struct store_put one = { "/large", large, LIMIT_STORE_VALUE, 0 };
	const struct store_entry *entry;
	uint64_t revision;

	assert_non_null(large);
	for (size_t i = 0; i < LIMIT_STORE_VALUE; i++)
		large[i] = (char)(i * 31 >> 3);
	assert_true(store_commit(t->store, &one, 1, &revision, NULL, &t->err));
	storetest_reopen(t);
	entry = storetest_get(t, "/large");
	assert_int_equal(entry->size, LIMIT_STORE_VALUE);
	assert_memory_equal(entry->value, large, LIMIT_STORE_VALUE);
	free(large);
}

static void everything_is_there_after_it_was_closed(void **state)
{
	struct storetest *t = *state;

	storetest_put(t, "/a", "1");
	storetest_put(t, "/b", "2");
	storetest_put(t, "/a", NULL);
	storetest_reopen(t);
	assert_int_equal(storetest_revision(t), 3);
	assert_string_equal(value_of(t, "/a"), "none");
	assert_string_equal(value_of(t, "/b"), "2");
	storetest_changes_are(t, 0, 10, 3, "1 /a=1\n2 /b=2\n3 /a gone\n");
	assert_int_equal(storetest_put(t, "/c", "3"), 4);
}

/* SQLite calls this one, which counts. */
static unsigned n_synced;

// NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): the header's name is reserved
int fdatasync(int fd)
{
	n_synced++;
	return (int)syscall(SYS_fdatasync, fd);
}

static void what_was_acknowledged_is_on_the_disk(void **state)
{
	struct storetest *t = *state;

	for (unsigned i = 0; i < 100; i++) {
		unsigned before = n_synced;

		storetest_put(t, "/a", i % 2 ? "odd" : "even");
		assert_true(n_synced > before);
	}
}

static void nobody_else_may_read_the_files(void **state)
{
	struct storetest *t = *state;
	static const char *const ends[] = { "", "-wal", "-shm" };

	storetest_put(t, "/a", "1");
	for (size_t i = 0; i < N_OF(ends); i++) {
		struct stat info;

		assert_int_equal(stat(arena_printf(t->arena, "%s%s", t->path, ends[i]), &info), 0);
		assert_int_equal(info.st_mode & 07777, 0600);
	}
}

/* ---- lists */

static void a_list_holds_what_begins_with_the_prefix_sorted(void **state)
{
	static const char *const keys[] = { "/fw/v1/h/b/p/2", "/fw/v1/h/b/p/1", "/fw/v1/h/bb/p/1",
		"/fw/v1/g/x/r", "/fw/v1/h/a\xff/p/1", "/fw/v1/h/a", "/fw/v1/h", "/fw/v1/i", "%",
		"/fw/v1/h/A/p/1" };
	static const struct {
		const char *prefix, *found;
	} cases[] = {
		{ "/fw/v1/h/b/p/", "/fw/v1/h/b/p/1 /fw/v1/h/b/p/2 " },
		{ "/fw/v1/h/b", "/fw/v1/h/b/p/1 /fw/v1/h/b/p/2 /fw/v1/h/bb/p/1 " },
		{ "/fw/v1/h/a", "/fw/v1/h/a /fw/v1/h/a\xff/p/1 " },
		{ "/fw/v1/h/a\xff", "/fw/v1/h/a\xff/p/1 " },
		{ "/fw/v1/g/", "/fw/v1/g/x/r " },
		{ "/fw/v1/x", "" },
		{ "%", "% " },
		{ "/fw/v1/h/A", "/fw/v1/h/A/p/1 " },
		{ "", "% /fw/v1/g/x/r /fw/v1/h /fw/v1/h/A/p/1 /fw/v1/h/a /fw/v1/h/a\xff/p/1 "
		      "/fw/v1/h/b/p/1 /fw/v1/h/b/p/2 /fw/v1/h/bb/p/1 /fw/v1/i " },
	};
	struct storetest *t = *state;

	for (size_t i = 0; i < N_OF(keys); i++)
		storetest_put(t, keys[i], "x");
	for (size_t i = 0; i < N_OF(cases); i++) {
		struct text found CLEANUP(text_done) = TEXT_INIT;
		struct store_entry *entries;
		uint64_t revision;
		size_t n;

		assert_true(store_list(
			t->arena, t->store, cases[i].prefix, &entries, &n, &revision, &t->err));
		for (size_t k = 0; k < n; k++)
			text_addf(&found, "%s ", entries[k].key);
		assert_string_equal(found.data, cases[i].found);
		assert_int_equal(revision, N_OF(keys));
	}
}

/* In a process of its own: n transactions, each of which writes its number to all of the keys. */
static pid_t write_beside(const char *path, unsigned n_keys, unsigned n)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		struct arena *arena = arena_new();
		struct store_put *puts = arena_new_array(arena, struct store_put, n_keys);
		struct store *store = NULL;
		uint64_t revision;
		struct err err;

		if (!store_open(path, &store, &err))
			_exit(1);
		for (unsigned i = 1; i <= n; i++) {
			const char *value = arena_printf(arena, "%u", i);

			for (unsigned k = 0; k < n_keys; k++)
				puts[k] = put(arena_printf(arena, "/k/%03u", k), value, STORE_ANY);
			if (!store_commit(store, puts, n_keys, &revision, NULL, &err))
				_exit(2);
		}
		store_close(&store);
		_exit(0);
	}
	assert_true(pid > 0);
	return pid;
}

static bool has_ended(pid_t pid)
{
	int status;
	pid_t ended = waitpid(pid, &status, WNOHANG);

	assert_true(ended >= 0);
	if (ended)
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	return ended > 0;
}

#define N_KEYS	 50
#define N_BESIDE 400

/* All entries say the number that the revision has, since each transaction writes them all. */
static uint64_t must_be_of_one_revision(struct storetest *t)
{
	struct store_entry *entries;
	uint64_t revision;
	size_t n;

	if (!store_list(t->arena, t->store, "/k/", &entries, &n, &revision, &t->err))
		fail_msg("%s", t->err.text);
	assert_int_equal(n, revision ? N_KEYS : 0);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(strtoull(entries[i].value, NULL, 10), revision);
		assert_int_equal(entries[i].changed, revision);
		assert_int_equal(entries[i].created, 1);
	}
	return revision;
}

static void a_list_is_of_one_revision_while_another_process_writes(void **state)
{
	struct storetest *t = *state;
	uint64_t last = 0, n_seen = 0;
	pid_t writer;

	store_close(&t->store);
	writer = write_beside(t->path, N_KEYS, N_BESIDE);
	storetest_reopen(t);
	while (!has_ended(writer)) {
		uint64_t revision = must_be_of_one_revision(t);

		assert_true(revision >= last);
		n_seen += revision > last && revision < N_BESIDE;
		last = revision;
		arena_reset(t->arena);
	}
	assert_int_equal(must_be_of_one_revision(t), N_BESIDE);
	/* else it proved nothing */
	assert_true(n_seen > 0);
}

static void who_follows_sees_every_change_once_and_no_transaction_in_parts(void **state)
{
	struct storetest *t = *state;
	uint64_t behind = 0;
	bool is_last = false;
	size_t n_calls = 0;
	pid_t writer;

	store_close(&t->store);
	writer = write_beside(t->path, N_KEYS, N_BESIDE);
	storetest_reopen(t);
	while (!is_last || behind < N_BESIDE) {
		struct store_change *changes;
		uint64_t revision;
		size_t n;

		is_last = is_last || has_ended(writer);
		if (!store_changes(t->arena, t->store, behind, 1 + n_calls++ % (3 * N_KEYS),
			    &changes, &n, &revision, &t->err))
			fail_msg("%s", t->err.text);
		assert_int_equal(n, (revision - behind) * N_KEYS);
		for (size_t i = 0; i < n; i++) {
			assert_int_equal(changes[i].revision, behind + 1 + i / N_KEYS);
			assert_int_equal(changes[i].entry.changed, changes[i].revision);
			assert_int_equal(
				strtoull(changes[i].entry.value, NULL, 10), changes[i].revision);
			assert_string_equal(changes[i].entry.key,
				arena_printf(t->arena, "/k/%03zu", i % N_KEYS));
		}
		behind = revision;
		arena_reset(t->arena);
	}
	assert_int_equal(behind, N_BESIDE);
}

/* ---- the history */

static void changes_come_whole_and_in_their_order(void **state)
{
	struct storetest *t = *state;
	struct store_put puts[] = { put("/z", "1", STORE_ANY), put("/a", "1", STORE_ANY),
		put("/m", "1", STORE_ANY) };
	uint64_t revision;

	storetest_changes_are(t, 0, 10, 0, "");
	assert_true(store_commit(t->store, puts, 3, &revision, NULL, &t->err));
	storetest_put(t, "/b", "2");
	puts[0].value = NULL;
	puts[1].value = "3";
	assert_true(store_commit(t->store, puts, 2, &revision, NULL, &t->err));

	storetest_changes_are(t, 0, 100, 3, "1 /z=1\n1 /a=1\n1 /m=1\n2 /b=2\n3 /z gone\n3 /a=3\n");
	storetest_changes_are(t, 1, 100, 3, "2 /b=2\n3 /z gone\n3 /a=3\n");
	storetest_changes_are(t, 3, 100, 3, "");
	/* never a part, and the first one however large */
	storetest_changes_are(t, 0, 1, 1, "1 /z=1\n1 /a=1\n1 /m=1\n");
	storetest_changes_are(t, 0, 0, 1, "1 /z=1\n1 /a=1\n1 /m=1\n");
	storetest_changes_are(t, 0, 3, 1, "1 /z=1\n1 /a=1\n1 /m=1\n");
	storetest_changes_are(t, 0, 4, 2, "1 /z=1\n1 /a=1\n1 /m=1\n2 /b=2\n");
	storetest_changes_are(t, 0, 5, 2, "1 /z=1\n1 /a=1\n1 /m=1\n2 /b=2\n");
	storetest_changes_are(t, 1, 2, 2, "2 /b=2\n");
	storetest_changes_are(t, 1, 3, 3, "2 /b=2\n3 /z gone\n3 /a=3\n");
}

static void must_be_unknown(struct storetest *t, uint64_t behind)
{
	struct store_change *changes;
	uint64_t revision = 99;
	size_t n = 99;

	assert_false(
		store_changes(t->arena, t->store, behind, 10, &changes, &n, &revision, &t->err));
	assert_int_equal(t->err.kind, ERR_LIMIT);
	assert_non_null(strstr(t->err.next_step, "list everything again"));
	assert_int_equal(revision, 99);
	assert_int_equal(n, 99);
}

static void a_revision_that_was_never_reached_is_not_waited_for(void **state)
{
	struct storetest *t = *state;

	storetest_put(t, "/a", "1");
	must_be_unknown(t, 2);
	must_be_unknown(t, UINT64_MAX);
	storetest_changes_are(t, 1, 10, 1, "");
}

static void the_history_keeps_as_many_revisions_as_it_says(void **state)
{
	struct storetest *t = *state;
	struct store_change *changes;
	uint64_t revision;
	size_t n;

	for (unsigned i = 1; i <= STORE_HISTORY + 5; i++) {
		assert_int_equal(storetest_put(t, "/a", i % 2 ? "odd" : "even"), i);
		if (i % 1000 == 0)
			arena_reset(t->arena);
	}
	for (unsigned at = 0; at < 2; at++) {
		must_be_unknown(t, 0);
		must_be_unknown(t, 4);
		assert_true(store_changes(t->arena, t->store, 5, 2 * STORE_HISTORY, &changes, &n,
			&revision, &t->err));
		assert_int_equal(n, STORE_HISTORY);
		assert_int_equal(changes[0].revision, 6);
		assert_int_equal(revision, STORE_HISTORY + 5);
		storetest_changes_are(t, STORE_HISTORY + 4, 10, STORE_HISTORY + 5,
			arena_printf(t->arena, "%d /a=odd\n", STORE_HISTORY + 5));
		storetest_reopen(t);
	}
	/* an entry outlives the history of how it came */
	assert_int_equal(storetest_get(t, "/a")->created, 1);
	assert_int_equal(storetest_sql(t, "SELECT count(*) FROM changes"), STORE_HISTORY);
}

static void the_history_is_not_larger_than_its_limit(void **state)
{
	struct storetest *t = *state;
	uint64_t past;

	storetest_put(t, "/a", "12345");
	storetest_put(t, "/b", NULL);
	storetest_put(t, "/a", NULL);
	storetest_put(t, "/b", "1234567890");
	past = (uint64_t)storetest_sql(t, "SELECT history FROM state");
	assert_int_equal(past, 3 * 100 + 15);
	/* as if the first revision had been so large that one byte is left */
	storetest_sql(t, arena_printf(t->arena,
				 "UPDATE changes SET value = zeroblob(%zu) WHERE revision = 1",
				 LIMIT_STORE_HISTORY - past + 5 - 101));
	storetest_sql(t, arena_printf(t->arena, "UPDATE state SET history = %zu",
				 LIMIT_STORE_HISTORY - 101));
	storetest_put(t, "/c", "1");
	storetest_changes_are(t, 1, 10, 4, "2 /a gone\n3 /b=1234567890\n4 /c=1\n");
	assert_int_equal(storetest_sql(t, "SELECT history FROM state"), LIMIT_STORE_HISTORY);
	storetest_put(t, "/c", "");
	must_be_unknown(t, 0);
	storetest_changes_are(t, 1, 10, 5, "2 /a gone\n3 /b=1234567890\n4 /c=1\n5 /c=\n");
	assert_int_equal(storetest_sql(t, "SELECT history FROM state"), 100 + 110 + 101 + 100);
	/* the last transaction is kept, however large it is */
	storetest_sql(t,
		arena_printf(t->arena, "UPDATE state SET history = %zu", LIMIT_STORE_HISTORY * 2));
	storetest_put(t, "/c", "3");
	must_be_unknown(t, 4);
	storetest_changes_are(t, 5, 10, 6, "6 /c=3\n");
}

/* ---- several processes */

static void processes_that_open_a_new_store_at_once_have_the_same(void **state)
{
	struct storetest *t = *state;
	pid_t writers[6];

	store_close(&t->store);
	for (unsigned round = 0; round < 5; round++) {
		storetest_remove(t);
		for (size_t i = 0; i < N_OF(writers); i++)
			writers[i] = write_beside(t->path, 2, 20);
		for (size_t i = 0; i < N_OF(writers); i++) {
			int status;

			assert_int_equal(waitpid(writers[i], &status, 0), writers[i]);
			assert_true(WIFEXITED(status));
			assert_int_equal(WEXITSTATUS(status), 0);
		}
		storetest_reopen(t);
		/* equal numbers of two writers in a row are one revision */
		assert_in_range(storetest_revision(t), 20, 20 * N_OF(writers));
		assert_string_equal(value_of(t, "/k/000"), value_of(t, "/k/001"));
		store_close(&t->store);
	}
}

static void who_holds_the_store_too_long_is_not_waited_for(void **state)
{
	struct storetest *t = *state;
	struct store_put one = put("/a", "2", STORE_ANY);
	sqlite3 *other = NULL;
	uint64_t revision;

	storetest_put(t, "/a", "1");
	assert_int_equal(sqlite3_open(t->path, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	assert_false(store_commit(t->store, &one, 1, &revision, NULL, &t->err));
	assert_int_equal(t->err.kind, ERR_SYSTEM);
	assert_non_null(strstr(t->err.text, "held by another process"));
	/* reading goes on */
	assert_string_equal(value_of(t, "/a"), "1");
	sqlite3_close(other);
	assert_int_equal(storetest_put(t, "/a", "2"), 2);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, storetest_setup, storetest_teardown)
	const struct CMUnitTest tests[] = {
		CASE(an_entry_knows_who_made_it_and_who_changed_it_last),
		CASE(a_value_is_bytes),
		CASE(a_put_for_another_revision_is_refused_and_nothing_is_done),
		CASE(a_put_for_the_right_revision_is_done),
		CASE(equal_values_make_no_revision),
		CASE(what_is_too_large_or_twice_is_refused),
		CASE(the_largest_value_is_kept),
		CASE(everything_is_there_after_it_was_closed),
		CASE(what_was_acknowledged_is_on_the_disk),
		CASE(nobody_else_may_read_the_files),
		CASE(a_list_holds_what_begins_with_the_prefix_sorted),
		CASE(a_list_is_of_one_revision_while_another_process_writes),
		CASE(who_follows_sees_every_change_once_and_no_transaction_in_parts),
		CASE(changes_come_whole_and_in_their_order),
		CASE(a_revision_that_was_never_reached_is_not_waited_for),
		CASE(the_history_keeps_as_many_revisions_as_it_says),
		CASE(the_history_is_not_larger_than_its_limit),
		CASE(processes_that_open_a_new_store_at_once_have_the_same),
		CASE(who_holds_the_store_too_long_is_not_waited_for),
	};

	return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
