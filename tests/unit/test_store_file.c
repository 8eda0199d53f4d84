// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/text.h"
#include "random.h"
#include "storetest.h"

/* The file behind a store: older and newer ones, what is none, damaged ones, and file systems that refuse. */

#define PAGE 4096

static void load(struct storetest *t, const char *end, struct text *ret)
{
	struct err err;

	if (!text_load(ret, arena_printf(t->arena, "%s%s", t->path, end), 1 << 30, &err))
		fail_msg("%s", err.text);
}

static void save_beside(struct storetest *t, const char *end, const char *bytes, size_t size)
{
	const struct text text = { .data = (char *)bytes, .len = size };
	struct err err;

	if (!text_save(&text, arena_printf(t->arena, "%s%s", t->path, end), &err))
		fail_msg("%s", err.text);
}

static void save(struct storetest *t, const char *bytes, size_t size)
{
	save_beside(t, "", bytes, size);
}

static bool is_there(struct storetest *t, const char *end)
{
	return access(arena_printf(t->arena, "%s%s", t->path, end), F_OK) == 0;
}

/* It is refused, as said, and it and what is beside it are as they were. */
static void must_be_refused(struct storetest *t, enum err_kind kind, const char *said)
{
	static const char *const ends[] = { "", "-wal", "-journal" };
	struct text before[N_OF(ends)] = { TEXT_INIT, TEXT_INIT, TEXT_INIT };

	for (size_t i = 0; i < N_OF(ends); i++)
		if (is_there(t, ends[i]))
			load(t, ends[i], &before[i]);
	if (store_open(t->path, &t->store, &t->err))
		fail_msg("it was opened; wanted: %s", said);
	assert_null(t->store);
	if (!strstr(t->err.text, said))
		fail_msg("\"%s\" does not say \"%s\"", t->err.text, said);
	assert_int_equal(t->err.kind, kind);
	assert_true(*t->err.next_step);
	for (size_t i = 0; i < N_OF(ends); i++) {
		struct text after CLEANUP(text_done) = TEXT_INIT;

		/* an empty journal is as good as none */
		if (is_there(t, ends[i]))
			load(t, ends[i], &after);
		assert_int_equal(before[i].len, after.len);
		assert_memory_equal(before[i].data, after.data, after.len);
		text_done(&before[i]);
	}
}

/* Closed, all in one file: some hundred entries of which some do not fit a page. */
static void fill(struct storetest *t)
{
	for (unsigned i = 0; i < 200; i++) {
		char *value = arena_alloc(t->arena, 20000);

		memset(value, 'a' + (int)(i % 26), 1 + i * i * 17 % (i % 10 ? 500 : 19999));
		storetest_put(t, arena_printf(t->arena, "/k/%u", i), value);
	}
	store_close(&t->store);
	assert_false(is_there(t, "-wal"));
}

/* ---- older and newer ones */

/* As version 1 made it; never to be changed. */
static const char version_1[] =
	"PRAGMA application_id = 1347908468;"
	"PRAGMA user_version = 1;"
	"CREATE TABLE state (id INTEGER PRIMARY KEY CHECK (id = 1), revision INTEGER NOT NULL,"
	" oldest INTEGER NOT NULL);"
	"CREATE TABLE entries (key TEXT NOT NULL UNIQUE, value BLOB NOT NULL,"
	" created INTEGER NOT NULL, changed INTEGER NOT NULL);"
	"CREATE TABLE changes (revision INTEGER NOT NULL, place INTEGER NOT NULL,"
	" key TEXT NOT NULL, value BLOB, created INTEGER NOT NULL, UNIQUE (revision, place));";

static const char content_1[] = "INSERT INTO state VALUES (1, 7, 4);"
				"INSERT INTO entries VALUES ('/a', x'313233', 2, 6);"
				"INSERT INTO entries VALUES ('/b', x'', 5, 5);"
				"INSERT INTO changes VALUES (5, 0, '/b', x'', 5);"
				"INSERT INTO changes VALUES (5, 1, '/c', NULL, 0);"
				"INSERT INTO changes VALUES (6, 0, '/a', x'313233', 2);"
				"INSERT INTO changes VALUES (7, 0, '/d', NULL, 0);";

static void make(struct storetest *t, const char *sql, const char *more)
{
	sqlite3 *db = NULL;

	store_close(&t->store);
	storetest_remove(t);
	assert_int_equal(sqlite3_open(t->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, more, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void a_store_of_version_1_is_brought_up_to_date(void **state)
{
	struct storetest *t = *state;

	for (unsigned is_wal = 0; is_wal < 2; is_wal++) {
		make(t, is_wal ? "PRAGMA journal_mode = WAL" : "", version_1);
		storetest_sql(t, "SELECT 1");
		{
			sqlite3 *db = NULL;

			assert_int_equal(sqlite3_open(t->path, &db), SQLITE_OK);
			assert_int_equal(sqlite3_exec(db, content_1, NULL, NULL, NULL), SQLITE_OK);
			sqlite3_close(db);
		}
		storetest_reopen(t);
		assert_int_equal(storetest_sql(t, "PRAGMA user_version"), 2);
		assert_int_equal(storetest_revision(t), 7);
		assert_string_equal(storetest_get(t, "/a")->value, "123");
		assert_int_equal(storetest_get(t, "/a")->created, 2);
		storetest_changes_are(t, 4, 10, 7, "5 /b=\n5 /c gone\n6 /a=123\n7 /d gone\n");
		assert_int_equal(storetest_sql(t, "SELECT history FROM state"), 4 * 100 + 3);
		assert_int_equal(storetest_put(t, "/a", "1"), 8);
		/* once is enough */
		storetest_reopen(t);
		assert_int_equal(storetest_revision(t), 8);
	}
}

static void an_empty_store_of_version_1_is_brought_up_to_date(void **state)
{
	struct storetest *t = *state;

	make(t, version_1, "INSERT INTO state VALUES (1, 0, 0)");
	storetest_reopen(t);
	assert_int_equal(storetest_sql(t, "SELECT history FROM state"), 0);
	assert_int_equal(storetest_put(t, "/a", "1"), 1);
}

static void a_step_that_fails_leaves_the_older_version(void **state)
{
	struct storetest *t = *state;

	make(t, version_1, "DROP TABLE changes; INSERT INTO state VALUES (1, 0, 0)");
	must_be_refused(t, ERR_SYSTEM, "to version 2");
	assert_int_equal(storetest_sql(t, "PRAGMA user_version"), 1);
}

/* As if who has it open were killed: its journal stays. more: what it does before. */
static void leave_with_journal(struct storetest *t, const char *more)
{
	struct text file CLEANUP(text_done) = TEXT_INIT, wal CLEANUP(text_done) = TEXT_INIT;
	sqlite3 *other = NULL;

	assert_int_equal(sqlite3_open(t->path, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, more, NULL, NULL, NULL), SQLITE_OK);
	load(t, "", &file);
	load(t, "-wal", &wal);
	assert_true(wal.len > 0);
	sqlite3_close(other);
	save(t, file.data, file.len);
	save_beside(t, "-wal", wal.data, wal.len);
}

static void a_store_of_a_newer_version_is_refused(void **state)
{
	static const char said[] = "written by a newer portwall: its version is 3";
	struct storetest *t = *state;

	storetest_put(t, "/a", "1");
	store_close(&t->store);
	storetest_sql(t, "PRAGMA user_version = 3");
	must_be_refused(t, ERR_INPUT, said);
	leave_with_journal(t, "UPDATE state SET revision = 7");
	must_be_refused(t, ERR_INPUT, said);
	/* when only the journal says so yet, too */
	storetest_sql(t, "PRAGMA user_version = 2");
	leave_with_journal(t, "PRAGMA user_version = 3");
	must_be_refused(t, ERR_INPUT, said);
	must_be_refused(t, ERR_INPUT, said);
	/* it is all there for who knows that version */
	assert_int_equal(storetest_sql(t, "PRAGMA user_version"), 3);
	assert_int_equal(storetest_sql(t, "SELECT revision FROM state"), 7);
}

/* ---- what is no store */

static void a_file_that_is_no_database_is_refused_and_left_as_it_is(void **state)
{
	static const size_t sizes[] = { 1, 15, 16, 99, 100, 101, 512, PAGE, 3 * PAGE + 7 };
	struct random random = random_seeded();
	struct storetest *t = *state;
	char bytes[4 * PAGE];

	store_close(&t->store);
	for (size_t i = 0; i < N_OF(sizes); i++)
		for (unsigned kind = 0; kind < 3; kind++) {
			storetest_remove(t);
			for (size_t at = 0; at < sizeof(bytes); at++) {
				bytes[at] = '\0';
				if (kind == 0)
					bytes[at] = (char)random_u64(&random);
				else if (kind == 1)
					bytes[at] = "security_groups: []\n"[at % 20];
			}
			save(t, bytes, sizes[i]);
			must_be_refused(t, ERR_INPUT, "is no store of portwall: it is left");
		}
}

static void a_file_that_only_begins_as_a_database_is_refused(void **state)
{
	struct storetest *t = *state;
	char bytes[PAGE] = "SQLite format 3";

	store_close(&t->store);
	save(t, bytes, 50);
	must_be_refused(t, ERR_INPUT, "is no store of portwall");
	save(t, bytes, PAGE);
	must_be_refused(t, ERR_INPUT, "is another program's database");
	for (unsigned i = 0; i < 4; i++)
		bytes[68 + i] = "PWst"[i];
	save(t, bytes, PAGE);
	must_be_refused(t, ERR_SYSTEM, "damaged");
}

static void another_programs_database_is_refused_and_left_as_it_is(void **state)
{
	static const char table[] =
		"CREATE TABLE entries (key, value); INSERT INTO entries VALUES (1, 2)";
	struct storetest *t = *state;

	make(t, table, "");
	must_be_refused(t, ERR_INPUT, "another program's database");
	make(t, table, "PRAGMA application_id = 7; PRAGMA user_version = 2");
	must_be_refused(t, ERR_INPUT, "another program's database");
	/* one with what is not in the file yet */
	make(t, table, "PRAGMA journal_mode = WAL");
	leave_with_journal(t, "INSERT INTO entries VALUES (3, 4)");
	must_be_refused(t, ERR_INPUT, "another program's database");
	assert_int_equal(storetest_sql(t, "SELECT count(*) FROM entries"), 2);
}

static void an_empty_file_becomes_a_store(void **state)
{
	struct storetest *t = *state;

	store_close(&t->store);
	storetest_remove(t);
	save(t, "", 0);
	storetest_reopen(t);
	assert_int_equal(storetest_put(t, "/a", "1"), 1);
}

static void what_is_no_file_is_refused(void **state)
{
	struct storetest *t = *state;
	const char *folder = arena_printf(t->arena, "%s/folder", t->folder);
	const char *pipe = arena_printf(t->arena, "%s/pipe", t->folder);
	const struct {
		const char *path, *said;
	} cases[] = {
		{ folder, "is not a file" },
		{ pipe, "is not a file" },
		{ "/dev/null", "is not a file" },
		{ arena_printf(t->arena, "%s/none/store.db", t->folder),
			"No such file or directory" },
		{ arena_printf(t->arena, "%s/store.db", t->path), "Not a directory" },
		{ "", "No such file or directory" },
	};

	assert_int_equal(mkdir(folder, 0700), 0);
	assert_int_equal(mkfifo(pipe, 0600), 0);
	store_close(&t->store);
	for (size_t i = 0; i < N_OF(cases); i++) {
		assert_false(store_open(cases[i].path, &t->store, &t->err));
		assert_null(t->store);
		if (!strstr(t->err.text, cases[i].said))
			fail_msg("\"%s\" does not say \"%s\"", t->err.text, cases[i].said);
	}
	assert_int_equal(rmdir(folder), 0);
}

/* ---- damaged ones */

static void a_store_with_a_damaged_page_is_refused(void **state)
{
	struct text whole CLEANUP(text_done) = TEXT_INIT;
	struct random random = random_seeded();
	struct storetest *t = *state;

	fill(t);
	load(t, "", &whole);
	assert_true(whole.len > 50 * (size_t)PAGE && whole.len % PAGE == 0);
	for (size_t page = 1; page < whole.len / PAGE; page++) {
		char *bytes = malloc(whole.len);

		assert_non_null(bytes);
		memcpy(bytes, whole.data, whole.len);
		for (size_t at = 0; at < PAGE; at++)
			bytes[page * PAGE + at] = (char)random_u64(&random);
		save(t, bytes, whole.len);
		free(bytes);
		must_be_refused(t, ERR_SYSTEM, "damaged");
		assert_non_null(strstr(t->err.next_step, "move it and "));
	}
	save(t, whole.data, whole.len);
	storetest_reopen(t);
	assert_int_equal(storetest_revision(t), 200);
}

static void a_store_that_was_cut_is_refused(void **state)
{
	struct text whole CLEANUP(text_done) = TEXT_INIT;
	struct storetest *t = *state;

	fill(t);
	load(t, "", &whole);
	for (size_t size = 100; size < whole.len; size += size < 2 * PAGE ? 333 : 20011) {
		save(t, whole.data, size);
		must_be_refused(t, ERR_SYSTEM, "damaged");
	}
}

static void a_header_that_was_changed_is_noticed_or_means_nothing(void **state)
{
	struct text whole CLEANUP(text_done) = TEXT_INIT;
	struct storetest *t = *state;
	unsigned n_refused = 0;

	fill(t);
	load(t, "", &whole);
	for (size_t at = 0; at < 100; at++) {
		whole.data[at] ^= 0x55;
		save(t, whole.data, whole.len);
		whole.data[at] ^= 0x55;
		if (store_open(t->path, &t->store, &t->err)) {
			assert_int_equal(storetest_revision(t), 200);
			store_close(&t->store);
		} else {
			n_refused++;
			assert_true(*t->err.next_step);
		}
	}
	assert_in_range(n_refused, 30, 99);
}

static void a_store_whose_tables_contradict_one_another_is_refused(void **state)
{
	static const char *const damages[] = { "DELETE FROM state",
		"UPDATE state SET revision = 199",
		"UPDATE entries SET changed = 201 WHERE key = '/k/7'", "DROP TABLE changes",
		"ALTER TABLE entries DROP COLUMN created" };
	struct text whole CLEANUP(text_done) = TEXT_INIT;
	struct storetest *t = *state;

	fill(t);
	load(t, "", &whole);
	for (size_t i = 0; i < N_OF(damages); i++) {
		save(t, whole.data, whole.len);
		storetest_sql(t, damages[i]);
		if (store_open(t->path, &t->store, &t->err))
			fail_msg("%s: it was opened", damages[i]);
		assert_int_equal(t->err.kind, ERR_SYSTEM);
	}
}

/* ---- file systems that refuse */

static void who_may_not_write_is_told(void **state)
{
	struct storetest *t = *state;
	const char *new_one = arena_printf(t->arena, "%s/new.db", t->folder);
	bool is_root = geteuid() == 0;

	storetest_put(t, "/a", "1");
	store_close(&t->store);
	if (is_root)
		assert_int_equal(chown(t->folder, 65534, 0) || chown(t->path, 65534, 0), 0);
	assert_int_equal(chmod(t->path, 0400), 0);
	assert_int_equal(is_root ? seteuid(65534) : 0, 0);
	assert_false(store_open(t->path, &t->store, &t->err));
	assert_int_equal(t->err.kind, ERR_SYSTEM);
	assert_int_equal(t->err.sys, EACCES);
	assert_true(*t->err.next_step);

	assert_int_equal(chmod(t->path, 0), 0);
	assert_false(store_open(t->path, &t->store, &t->err));
	assert_int_equal(t->err.sys, EACCES);

	/* the folder, in which files come and go beside the store */
	assert_int_equal(chmod(t->path, 0600) || chmod(t->folder, 0500), 0);
	assert_false(store_open(t->path, &t->store, &t->err));
	assert_int_equal(t->err.sys, EACCES);
	assert_non_null(strstr(t->err.next_step, "writable"));
	assert_false(store_open(new_one, &t->store, &t->err));
	assert_int_equal(t->err.sys, EACCES);

	assert_int_equal(chmod(t->folder, 0700), 0);
	storetest_reopen(t);
	assert_string_equal(storetest_get(t, "/a")->value, "1");
	store_close(&t->store);
	assert_int_equal(is_root ? seteuid(0) : 0, 0);
}

/* A small one that nobody else sees, from here to the end of this process. */
static bool mount_small(const char *folder)
{
	if (unshare(CLONE_NEWNS) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return false;
	return mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("tmpfs", folder, "tmpfs", 0, "size=600k,mode=0777") == 0;
}

static void fill_disk(struct storetest *t)
{
	int fd = open(arena_printf(t->arena, "%s/ballast", t->folder), O_WRONLY | O_CREAT, 0600);
	static const char zeros[512];

	assert_true(fd >= 0);
	while (write(fd, zeros, sizeof(zeros)) > 0)
		;
	assert_int_equal(errno, ENOSPC);
	close(fd);
}

static void free_disk(struct storetest *t)
{
	assert_int_equal(unlink(arena_printf(t->arena, "%s/ballast", t->folder)), 0);
}

static void must_be_full(struct storetest *t)
{
	assert_int_equal(t->err.kind, ERR_SYSTEM);
	if (t->err.sys != ENOSPC)
		fail_msg("%s", t->err.text);
	assert_string_equal(t->err.next_step, "make room on its file system");
}

/* As many as there is room for, two keys each; how many were acknowledged. */
static uint64_t commit_until_full(struct storetest *t, uint64_t last)
{
	for (;; last++) {
		const char *value = arena_printf(t->arena, "%3000u", (unsigned)last + 1);
		struct store_put puts[] = { { "/a", value, 3000, STORE_ANY },
			{ "/b", value, 3000, STORE_ANY } };
		uint64_t revision = 0;

		if (!store_commit(t->store, puts, 2, &revision, NULL, &t->err))
			return last;
		assert_int_equal(revision, last + 1);
	}
}

static void must_have_just(struct storetest *t, uint64_t last)
{
	assert_int_equal(storetest_revision(t), last);
	assert_int_equal(strtoull(storetest_get(t, "/a")->value, NULL, 10), last);
	assert_int_equal(strtoull(storetest_get(t, "/b")->value, NULL, 10), last);
}

static void a_full_disk_refuses_what_is_new_and_keeps_what_is_there(void **state)
{
	struct storetest *t = *state;
	uint64_t last;

	store_close(&t->store);
	storetest_remove(t);
	if (!mount_small(t->folder))
		skip_because("no mount namespace for a small file system");

	fill_disk(t);
	assert_false(store_open(t->path, &t->store, &t->err));
	must_be_full(t);
	free_disk(t);
	storetest_reopen(t);
	last = commit_until_full(t, 0);
	must_be_full(t);
	assert_true(last > 5);
	must_have_just(t, last);
	assert_int_equal(commit_until_full(t, last), last);
	store_close(&t->store);

	/* there is room again, now in one file, and it ends again */
	storetest_reopen(t);
	must_have_just(t, last);
	last = commit_until_full(t, last);
	must_be_full(t);
	must_have_just(t, last);
	store_close(&t->store);
	fill_disk(t);
	if (!store_open(t->path, &t->store, &t->err))
		must_be_full(t);
	store_close(&t->store);
	free_disk(t);
	storetest_reopen(t);
	must_have_just(t, last);
	store_close(&t->store);
	storetest_remove(t);
	assert_int_equal(umount2(t->folder, MNT_DETACH), 0);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, storetest_setup, storetest_teardown)
	const struct CMUnitTest tests[] = {
		CASE(a_store_of_version_1_is_brought_up_to_date),
		CASE(an_empty_store_of_version_1_is_brought_up_to_date),
		CASE(a_step_that_fails_leaves_the_older_version),
		CASE(a_store_of_a_newer_version_is_refused),
		CASE(a_file_that_is_no_database_is_refused_and_left_as_it_is),
		CASE(a_file_that_only_begins_as_a_database_is_refused),
		CASE(another_programs_database_is_refused_and_left_as_it_is),
		CASE(an_empty_file_becomes_a_store),
		CASE(what_is_no_file_is_refused),
		CASE(a_store_with_a_damaged_page_is_refused),
		CASE(a_store_that_was_cut_is_refused),
		CASE(a_header_that_was_changed_is_noticed_or_means_nothing),
		CASE(a_store_whose_tables_contradict_one_another_is_refused),
		CASE(who_may_not_write_is_told),
		/* the last one: it has its own mounts then */
		CASE(a_full_disk_refuses_what_is_new_and_keeps_what_is_there),
	};

	return cmocka_run_group_tests_name("store_file", tests, NULL, NULL);
}
