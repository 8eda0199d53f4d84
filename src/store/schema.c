// SPDX-License-Identifier: GPL-2.0-or-later
/* The file behind a store: what it must be, its tables, and how those of older versions become ours. */
#include "store/internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/vec.h"

/* https://www.sqlite.org/fileformat.html, section 1.3: the header, of which numbers are big-endian. */
#define HEADER_SIZE	      100
#define HEADER_MAGIC	      "SQLite format 3"
#define HEADER_APPLICATION_AT 68

#define TEXT_OF_(number) #number
#define TEXT_OF(number)	 TEXT_OF_(number)

/*
 * steps[i] makes version i + 1 of version i; 0 is an empty file. A step that was released is never changed: files that it
 * made are out there.
 */
static const char *const steps[] = {
	"PRAGMA application_id = " TEXT_OF(
		STORE_APPLICATION) ";"
				   "CREATE TABLE state ("
				   " id INTEGER PRIMARY KEY CHECK (id = 1),"
				   " revision INTEGER NOT NULL,"
				   " oldest INTEGER NOT NULL);"
				   "INSERT INTO state VALUES (1, 0, 0);"
				   "CREATE TABLE entries ("
				   " key TEXT NOT NULL UNIQUE,"
				   " value BLOB NOT NULL,"
				   " created INTEGER NOT NULL,"
				   " changed INTEGER NOT NULL);"
				   "CREATE TABLE changes ("
				   " revision INTEGER NOT NULL,"
				   " place INTEGER NOT NULL,"
				   " key TEXT NOT NULL,"
				   " value BLOB," /* NULL: the key has gone */
				   " created INTEGER NOT NULL,"
				   " UNIQUE (revision, place));",
	/* The history has a limit in bytes as well: documents of a megabyte, changed often, would fill the disk. */
	"ALTER TABLE state ADD COLUMN history INTEGER NOT NULL DEFAULT 0;"
	"UPDATE state SET history ="
	" (SELECT coalesce(sum(" STORE_CHANGE_COST " + coalesce(length(value), 0)), 0)"
	"  FROM changes);",
};
_Static_assert(N_OF(steps) == STORE_VERSION, "a step to each version");

bool store_foreign(const char *path, const char *what, struct err *err)
{
	err_input(err, "%s is %s: it is left as it is", path, what);
	return err_next(err, "name a file that portwall made, or one that is not there yet");
}

static bool refuse_newer(const char *path, int64_t version, struct err *err)
{
	err_input(err,
		"%s was written by a newer portwall: its version is %" PRId64
		", and this program knows up to %d",
		path, version, STORE_VERSION);
	return err_next(err, "install that version again, or name another file");
}

static uint32_t header_number(const unsigned char *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* Through SQLite's own descriptor: to close another one of the same file would drop the locks that this process has on it. */
bool store_header_check(sqlite3 *db, const char *path, struct err *err)
{
	unsigned char header[HEADER_SIZE];
	sqlite3_file *file = NULL;
	sqlite3_int64 size = 0;

	if (sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK ||
		!file || !file->pMethods)
		return store_failed(db, path, err);
	if (file->pMethods->xFileSize(file, &size) != SQLITE_OK)
		return err_system(err, EIO, "cannot read %s", path);
	if (size == 0)
		return true;
	if (size < HEADER_SIZE)
		return store_foreign(path, "no store of portwall", err);
	if (file->pMethods->xRead(file, header, HEADER_SIZE, 0) != SQLITE_OK)
		return err_system(err, EIO, "cannot read %s", path);
	if (memcmp(header, HEADER_MAGIC, sizeof(HEADER_MAGIC)) != 0)
		return store_foreign(path, "no store of portwall", err);
	if (header_number(header + HEADER_APPLICATION_AT) != STORE_APPLICATION)
		return store_foreign(path, "another program's database", err);
	return true;
}

static bool migrate(sqlite3 *db, const char *path, int64_t version, struct err *err)
{
	char set[64];

	for (; version < STORE_VERSION; version++)
		if (!store_exec(db, path, steps[version], err))
			return err_prefix(
				err, "cannot bring %s to version %" PRId64, path, version + 1);
	snprintf(set, sizeof(set), "PRAGMA user_version = %d", STORE_VERSION);
	return store_exec(db, path, set, err);
}

/* Under the lock of writers, since another process may be at the same. */
static bool bring_up_to_date(sqlite3 *db, const char *path, struct err *err)
{
	struct err ignored;
	int64_t version;

	if (!store_exec(db, path, "BEGIN IMMEDIATE", err))
		return false;
	if (store_number(db, path, "PRAGMA user_version", &version, err) &&
		(version <= STORE_VERSION || refuse_newer(path, version, err)) &&
		migrate(db, path, version, err) && store_exec(db, path, "COMMIT", err))
		return true;
	if (!sqlite3_get_autocommit(db))
		store_exec(db, path, "ROLLBACK", &ignored);
	return false;
}

/*
 * Is the structure whole: every page, every row in its table and its index? What SQLite cannot see is a byte that was
 * changed within a value.
 */
static bool check_integrity(sqlite3 *db, const char *path, struct err *err)
{
	sqlite3_stmt *check = NULL;
	bool is_whole = false;
	int64_t wrong;

	if (sqlite3_prepare_v2(db, "PRAGMA integrity_check(1)", -1, &check, NULL) == SQLITE_OK &&
		sqlite3_step(check) == SQLITE_ROW) {
		const char *said = (const char *)sqlite3_column_text(check, 0);

		is_whole = said && !strcmp(said, "ok");
		if (!is_whole)
			store_damaged(path, said ? said : "it cannot be read", err);
	} else {
		store_failed(db, path, err);
	}
	sqlite3_finalize(check);
	if (!is_whole)
		return false;
	if (!store_number(db, path,
		    "SELECT (SELECT count(*) FROM state) != 1"
		    " OR (SELECT max(changed) FROM entries) > (SELECT revision FROM state)"
		    " OR (SELECT max(revision) FROM changes) > (SELECT revision FROM state)",
		    &wrong, err))
		return false;
	return !wrong ||
	       store_damaged(path, "it has changes that its revision does not count", err);
}

bool store_schema_open(sqlite3 *db, const char *path, struct err *err)
{
	int64_t version;

	if (!store_number(db, path, "PRAGMA user_version", &version, err))
		return false;
	if (version > STORE_VERSION)
		return refuse_newer(path, version, err);
	/* A damaged one is not written to. */
	if (version == STORE_VERSION)
		return check_integrity(db, path, err);
	return bring_up_to_date(db, path, err) && check_integrity(db, path, err);
}
