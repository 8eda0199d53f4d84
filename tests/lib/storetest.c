// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include "storetest.h"

#include <dirent.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"

int storetest_setup(void **state)
{
	struct storetest *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	t->arena = arena_new();
	/* in memory where that is: what is asked of the disk in each transaction would take most of the time */
	strcpy(t->folder, "/dev/shm/portwall-store-XXXXXX");
	if (!mkdtemp(t->folder)) {
		strcpy(t->folder, "/tmp/portwall-store-XXXXXX");
		assert_non_null(mkdtemp(t->folder));
	}
	t->path = strdup(arena_printf(t->arena, "%s/store.db", t->folder));
	assert_true(store_open(t->path, &t->store, &t->err));
	*state = t;
	return 0;
}

void storetest_remove(struct storetest *t)
{
	DIR *folder = opendir(t->folder);

	assert_non_null(folder);
	for (struct dirent *entry; (entry = readdir(folder));)
		if (entry->d_name[0] != '.') {
			assert_int_equal(fchmodat(dirfd(folder), entry->d_name, 0700, 0), 0);
			assert_int_equal(unlinkat(dirfd(folder), entry->d_name, 0), 0);
		}
	closedir(folder);
}

int storetest_teardown(void **state)
{
	struct storetest *t = *state;

	store_close(&t->store);
	storetest_remove(t);
	assert_int_equal(rmdir(t->folder), 0);
	free((char *)t->path);
	arena_free(t->arena);
	free(t);
	return 0;
}

void storetest_reopen(struct storetest *t)
{
	store_close(&t->store);
	if (!store_open(t->path, &t->store, &t->err))
		fail_msg("%s", t->err.text);
}

uint64_t storetest_put(struct storetest *t, const char *key, const char *value)
{
	struct store_put put = { key, value, value ? strlen(value) : 0, STORE_ANY };
	uint64_t revision = 0;

	if (!store_commit(t->store, &put, 1, &revision, NULL, &t->err))
		fail_msg("%s", t->err.text);
	return revision;
}

const struct store_entry *storetest_get(struct storetest *t, const char *key)
{
	const struct store_entry *entry = NULL;

	if (!store_get(t->arena, t->store, key, &entry, &t->err))
		fail_msg("%s", t->err.text);
	return entry;
}

uint64_t storetest_revision(struct storetest *t)
{
	uint64_t revision = 0;

	if (!store_revision(t->store, &revision, &t->err))
		fail_msg("%s", t->err.text);
	return revision;
}

void storetest_changes_are(
	struct storetest *t, uint64_t behind, size_t max, uint64_t revision, const char *wanted)
{
	struct text found CLEANUP(text_done) = TEXT_INIT;
	struct store_change *changes = NULL;
	uint64_t last = 0;
	size_t n = 0;

	if (!store_changes(t->arena, t->store, behind, max, &changes, &n, &last, &t->err))
		fail_msg("%s", t->err.text);
	for (size_t i = 0; i < n; i++) {
		const struct store_entry *entry = &changes[i].entry;

		assert_int_equal(entry->changed, changes[i].revision);
		if (entry->value)
			text_addf(&found, "%" PRIu64 " %s=%s\n", changes[i].revision, entry->key,
				entry->value);
		else
			text_addf(&found, "%" PRIu64 " %s gone\n", changes[i].revision, entry->key);
	}
	assert_string_equal(found.data, wanted);
	assert_int_equal(last, revision);
}

int64_t storetest_sql(struct storetest *t, const char *sql)
{
	sqlite3_stmt *statement = NULL;
	int64_t number = 0;
	sqlite3 *db = NULL;
	int step;

	assert_int_equal(sqlite3_open(t->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
	step = sqlite3_step(statement);
	if (step == SQLITE_ROW)
		number = sqlite3_column_int64(statement, 0);
	else
		assert_int_equal(step, SQLITE_DONE);
	sqlite3_finalize(statement);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	return number;
}
