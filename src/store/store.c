// SPDX-License-Identifier: GPL-2.0-or-later
#include "store/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/map.h"
#include "base/text.h"
#include "base/vec.h"

/* As long as another process may write before we give up. */
#define WAIT_MS 5000

enum statement {
	BEGIN_READ,
	BEGIN_WRITE,
	COMMIT,
	ROLLBACK,
	STATE_GET,
	STATE_SET,
	ENTRY_GET,
	ENTRY_LIST,
	ENTRY_PUT,
	ENTRY_DELETE,
	CHANGE_ADD,
	CHANGE_LIST,
	CHANGE_COST,
	CHANGE_DELETE,
	N_STATEMENTS,
};

static const char *const sql[N_STATEMENTS] = {
	[BEGIN_READ] = "BEGIN",
	[BEGIN_WRITE] = "BEGIN IMMEDIATE",
	[COMMIT] = "COMMIT",
	[ROLLBACK] = "ROLLBACK",
	[STATE_GET] = "SELECT revision, oldest, history FROM state",
	[STATE_SET] = "UPDATE state SET revision = ?1, oldest = ?2, history = ?3",
	[ENTRY_GET] = "SELECT key, value, created, changed FROM entries WHERE key = ?1",
	[ENTRY_LIST] =
		"SELECT key, value, created, changed FROM entries WHERE key >= ?1 ORDER BY key",
	[ENTRY_PUT] = "INSERT INTO entries (key, value, created, changed) VALUES (?1, ?2, ?3, ?4)"
		      " ON CONFLICT (key) DO UPDATE SET value = ?2, created = ?3, changed = ?4",
	[ENTRY_DELETE] = "DELETE FROM entries WHERE key = ?1",
	[CHANGE_ADD] = "INSERT INTO changes (key, value, created, revision, place)"
		       " VALUES (?1, ?2, ?3, ?4, ?5)",
	[CHANGE_LIST] = "SELECT key, value, created, revision FROM changes WHERE revision > ?1"
			" ORDER BY revision, place",
	[CHANGE_COST] = "SELECT sum(" STORE_CHANGE_COST " + coalesce(length(value), 0))"
			" FROM changes WHERE revision = ?1",
	[CHANGE_DELETE] = "DELETE FROM changes WHERE revision = ?1",
};

struct store {
	sqlite3 *db;
	char *path;
	sqlite3_stmt *statements[N_STATEMENTS];
};

struct state {
	uint64_t revision, oldest, history;
};

/* --- SQLite --- */

bool store_damaged(const char *path, const char *what, struct err *err)
{
	err_system(err, 0, "%s is damaged: %s", path, what);
	return err_next(err,
		"move it and %s-wal away, then apply the policy file or the last export again",
		path);
}

bool store_failed(sqlite3 *db, const char *path, struct err *err)
{
	int code = db ? sqlite3_extended_errcode(db) : SQLITE_NOMEM;
	int sys = db ? sqlite3_system_errno(db) : 0;

	switch (code & 0xff) {
	case SQLITE_FULL:
		err_system(err, ENOSPC, "cannot write %s", path);
		return err_next(err, "make room on its file system");
	case SQLITE_BUSY:
		err_system(err, 0, "%s is held by another process", path);
		return err_next(err, "fuser %s tells by which", path);
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_ERROR: /* a table or column is not there, or the format is unknown */
		return store_damaged(path, sqlite3_errmsg(db), err);
	case SQLITE_READONLY:
	case SQLITE_PERM:
		err_system(err, sys ? sys : EACCES, "cannot write %s", path);
		return err_next(err, "it and its folder must be writable for this user");
	case SQLITE_CANTOPEN:
		err_system(err, sys ? sys : EACCES, "cannot open %s or make the files beside it",
			path);
		return err_next(err, "its folder must be there and writable for this user");
	default:
		return err_system(
			err, sys, "%s: %s", path, db ? sqlite3_errmsg(db) : sqlite3_errstr(code));
	}
}

bool store_exec(sqlite3 *db, const char *path, const char *text, struct err *err)
{
	return sqlite3_exec(db, text, NULL, NULL, NULL) == SQLITE_OK || store_failed(db, path, err);
}

bool store_number(sqlite3 *db, const char *path, const char *text, int64_t *ret, struct err *err)
{
	sqlite3_stmt *statement = NULL;
	bool is_got = sqlite3_prepare_v2(db, text, -1, &statement, NULL) == SQLITE_OK &&
		      sqlite3_step(statement) == SQLITE_ROW;

	if (is_got)
		*ret = sqlite3_column_int64(statement, 0);
	else
		store_failed(db, path, err);
	sqlite3_finalize(statement);
	return is_got;
}

static bool failed(struct store *store, struct err *err)
{
	return store_failed(store->db, store->path, err);
}

/* Ready to be bound anew; a statement that was left in the middle would hold its lock. */
static sqlite3_stmt *statement(struct store *store, enum statement which)
{
	sqlite3_stmt *found = store->statements[which];

	sqlite3_reset(found);
	return found;
}

/* Runs one without rows. */
static bool run(struct store *store, sqlite3_stmt *ready, struct err *err)
{
	bool is_done = sqlite3_step(ready) == SQLITE_DONE;

	if (!is_done)
		failed(store, err);
	sqlite3_reset(ready);
	return is_done;
}

static bool run_plain(struct store *store, enum statement which, struct err *err)
{
	return run(store, statement(store, which), err);
}

/* Ends what was begun; an error is told by what came before. */
static bool roll_back(struct store *store)
{
	struct err ignored;

	if (!sqlite3_get_autocommit(store->db))
		run_plain(store, ROLLBACK, &ignored);
	return false;
}

static void bind_text(sqlite3_stmt *to, int at, const char *text)
{
	sqlite3_bind_text(to, at, text, -1, SQLITE_STATIC);
}

static void bind_number(sqlite3_stmt *to, int at, uint64_t number)
{
	sqlite3_bind_int64(to, at, (sqlite3_int64)number);
}

/* NULL for the value of a key that goes. */
static void bind_value(sqlite3_stmt *to, int at, const char *value, size_t size)
{
	if (value)
		sqlite3_bind_blob64(to, at, value, size, SQLITE_STATIC);
	else
		sqlite3_bind_null(to, at);
}

static uint64_t number_of(sqlite3_stmt *from, int at)
{
	return (uint64_t)sqlite3_column_int64(from, at);
}

/* Key, value and created are the first columns of whatever gives an entry, and then its revision. */
static void entry_of(struct arena *arena, sqlite3_stmt *row, struct store_entry *ret)
{
	size_t size = (size_t)sqlite3_column_bytes(row, 1);
	const void *value = sqlite3_column_blob(row, 1);

	*ret = (struct store_entry){
		.key = arena_strdup(arena, (const char *)sqlite3_column_text(row, 0)),
		.size = size,
		.created = number_of(row, 2),
		.changed = number_of(row, 3),
	};
	if (sqlite3_column_type(row, 1) != SQLITE_NULL) {
		char *copy = arena_alloc(arena, size + 1);

		if (size)
			memcpy(copy, value, size);
		ret->value = copy;
	}
}

static bool state_get(struct store *store, struct state *ret, struct err *err)
{
	sqlite3_stmt *get = statement(store, STATE_GET);
	bool is_got = sqlite3_step(get) == SQLITE_ROW;

	if (is_got)
		*ret = (struct state){ number_of(get, 0), number_of(get, 1), number_of(get, 2) };
	else
		failed(store, err);
	sqlite3_reset(get);
	return is_got;
}

/* --- open and close --- */

/* Made here, so that nobody but us may read it; SQLite gives the files beside it the same mode. */
static bool make_file(const char *path, struct err *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	struct stat info;

	if (fd >= 0) {
		close(fd);
		return true;
	}
	if (errno != EEXIST) {
		err_system(err, errno, "cannot make %s", path);
		return err_next(err, "its folder must be there and writable for this user");
	}
	if (stat(path, &info) < 0)
		return err_system(err, errno, "cannot open %s", path);
	if (!S_ISREG(info.st_mode))
		return store_foreign(path, "not a file", err);
	/* SQLite takes a file of one byte for an empty one */
	return info.st_size != 1 || store_foreign(path, "no store of portwall", err);
}

static bool prepare(struct store *store, struct err *err)
{
	for (size_t i = 0; i < N_STATEMENTS; i++)
		if (sqlite3_prepare_v3(store->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT,
			    &store->statements[i], NULL) != SQLITE_OK)
			return failed(store, err);
	return true;
}

static bool open_store(struct store *store, struct err *err)
{
	/* Only when the schema is there: in an empty file it is made with a journal that is gone afterwards, so that what
	 * the file is can always be told from its header. */
	static const char *const settings = "PRAGMA journal_mode = WAL;"
					    "PRAGMA journal_size_limit = 16777216;"
					    "PRAGMA temp_store = MEMORY;";

	if (sqlite3_open_v2(store->path, &store->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
		    NULL) != SQLITE_OK)
		return failed(store, err);
	if (sqlite3_db_readonly(store->db, "main")) {
		err_system(err, EACCES, "cannot write %s", store->path);
		return err_next(err, "it must be writable for this user");
	}
	sqlite3_extended_result_codes(store->db, 1);
	sqlite3_busy_timeout(store->db, WAIT_MS);
	sqlite3_db_config(store->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(store->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	/* what is refused is left as it is, and its journal too */
	sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	if (!store_header_check(store->db, store->path, err) ||
		!store_exec(store->db, store->path, "PRAGMA synchronous = FULL", err) ||
		!store_schema_open(store->db, store->path, err) ||
		!store_exec(store->db, store->path, settings, err) || !prepare(store, err))
		return false;
	sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
	return true;
}

bool store_open(const char *path, struct store **ret, struct err *err)
{
	struct store *store CLEANUP(store_close) = NULL;

	if (!make_file(path, err))
		return false;
	store = calloc(1, sizeof(*store));
	if (!store || !(store->path = strdup(path)))
		abort();
	if (!open_store(store, err))
		return false;
	*ret = store;
	store = NULL;
	return true;
}

void store_close(struct store **store)
{
	if (!*store)
		return;
	for (size_t i = 0; i < N_STATEMENTS; i++)
		sqlite3_finalize((*store)->statements[i]);
	sqlite3_close((*store)->db);
	free((*store)->path);
	free(*store);
	*store = NULL;
}

/* --- reading --- */

bool store_get(struct arena *arena, struct store *store, const char *key,
	const struct store_entry **ret, struct err *err)
{
	sqlite3_stmt *get = statement(store, ENTRY_GET);
	struct store_entry *found = NULL;
	int step;

	bind_text(get, 1, key);
	step = sqlite3_step(get);
	if (step == SQLITE_ROW) {
		found = arena_new_one(arena, struct store_entry);
		entry_of(arena, get, found);
	} else if (step != SQLITE_DONE) {
		failed(store, err);
	}
	sqlite3_reset(get);
	if (step != SQLITE_ROW && step != SQLITE_DONE)
		return false;
	*ret = found;
	return true;
}

bool store_revision(struct store *store, uint64_t *ret, struct err *err)
{
	struct state state;

	if (!state_get(store, &state, err))
		return false;
	*ret = state.revision;
	return true;
}

typedef VEC(struct store_entry) entry_vec;

static bool list_entries(struct arena *arena, struct store *store, const char *prefix,
	entry_vec *entries, struct err *err)
{
	sqlite3_stmt *list = statement(store, ENTRY_LIST);
	int step;

	bind_text(list, 1, prefix);
	while ((step = sqlite3_step(list)) == SQLITE_ROW &&
		text_has_prefix((const char *)sqlite3_column_text(list, 0), prefix))
		entry_of(arena, list, vec_push(entries, arena));
	if (step != SQLITE_ROW && step != SQLITE_DONE)
		failed(store, err);
	sqlite3_reset(list);
	return step == SQLITE_ROW || step == SQLITE_DONE;
}

bool store_list(struct arena *arena, struct store *store, const char *prefix,
	struct store_entry **ret, size_t *ret_n, uint64_t *ret_revision, struct err *err)
{
	entry_vec entries = { 0 };
	struct state state;

	if (!run_plain(store, BEGIN_READ, err))
		return false;
	if (!state_get(store, &state, err) || !list_entries(arena, store, prefix, &entries, err) ||
		!run_plain(store, COMMIT, err))
		return roll_back(store);
	*ret = entries.items;
	*ret_n = entries.n;
	*ret_revision = state.revision;
	return true;
}

typedef VEC(struct store_change) change_vec;

/* Only whole transactions: the last one is left out if it would be more than max, unless it is the only one. */
static bool list_changes(struct arena *arena, struct store *store, uint64_t behind, size_t max,
	change_vec *changes, struct err *err)
{
	sqlite3_stmt *list = statement(store, CHANGE_LIST);
	size_t n_whole = 0; /* of those, how many are of transactions before the last one */
	int step;

	bind_number(list, 1, behind);
	while ((step = sqlite3_step(list)) == SQLITE_ROW) {
		uint64_t revision = number_of(list, 3);
		struct store_change *change;

		if (changes->n && changes->items[changes->n - 1].revision != revision)
			n_whole = changes->n;
		if (changes->n >= max && n_whole) {
			changes->n = n_whole;
			break;
		}
		change = vec_push(changes, arena);
		change->revision = revision;
		entry_of(arena, list, &change->entry);
	}
	if (step != SQLITE_ROW && step != SQLITE_DONE)
		failed(store, err);
	sqlite3_reset(list);
	return step == SQLITE_ROW || step == SQLITE_DONE;
}

static bool check_behind(const struct state *state, uint64_t behind, struct err *err)
{
	if (behind >= state->oldest && behind <= state->revision)
		return true;
	err_limit(err,
		"changes behind revision %" PRIu64 " are not known: the history begins at %" PRIu64
		" and ends at %" PRIu64,
		behind, state->oldest, state->revision);
	return err_next(err, "list everything again, and go on from that revision");
}

bool store_changes(struct arena *arena, struct store *store, uint64_t behind, size_t max,
	struct store_change **ret, size_t *ret_n, uint64_t *ret_revision, struct err *err)
{
	change_vec changes = { 0 };
	struct state state;

	if (!run_plain(store, BEGIN_READ, err))
		return false;
	if (!state_get(store, &state, err) || !check_behind(&state, behind, err) ||
		!list_changes(arena, store, behind, max, &changes, err) ||
		!run_plain(store, COMMIT, err))
		return roll_back(store);
	*ret = changes.items;
	*ret_n = changes.n;
	*ret_revision = changes.n ? changes.items[changes.n - 1].revision : behind;
	return true;
}

/* --- writing --- */

static bool check_puts(const struct store_put *puts, size_t n, struct err *err)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct map *seen = n > 1 ? map_new(arena) : NULL;

	if (n > LIMIT_STORE_PUTS)
		return err_limit(err, "%zu changes at once, more than %d", n, LIMIT_STORE_PUTS);
	for (size_t i = 0; i < n; i++) {
		if (!*puts[i].key || strlen(puts[i].key) > LIMIT_STORE_KEY)
			return err_limit(err, "a key must have 1 to %d bytes, \"%.40s\" has %zu",
				LIMIT_STORE_KEY, puts[i].key, strlen(puts[i].key));
		if (puts[i].value && puts[i].size > LIMIT_STORE_VALUE)
			return err_limit(err, "the document of %s has %zu bytes, more than %zu",
				puts[i].key, puts[i].size, LIMIT_STORE_VALUE);
		if (seen && map_add(seen, puts[i].key, (void *)&puts[i]))
			return err_input(
				err, "the key %s is there twice in one transaction", puts[i].key);
	}
	return true;
}

struct present {
	uint64_t created, changed; /* 0: it is not there */
	bool is_equal;
};

static bool present_get(
	struct store *store, const struct store_put *put, struct present *ret, struct err *err)
{
	sqlite3_stmt *get = statement(store, ENTRY_GET);
	int step;

	*ret = (struct present){ 0 };
	bind_text(get, 1, put->key);
	step = sqlite3_step(get);
	if (step == SQLITE_ROW) {
		ret->created = number_of(get, 2);
		ret->changed = number_of(get, 3);
		ret->is_equal =
			put->value && (size_t)sqlite3_column_bytes(get, 1) == put->size &&
			(!put->size || !memcmp(sqlite3_column_blob(get, 1), put->value, put->size));
	} else if (step == SQLITE_DONE) {
		ret->is_equal = !put->value;
	} else {
		failed(store, err);
	}
	sqlite3_reset(get);
	return step == SQLITE_ROW || step == SQLITE_DONE;
}

static bool write_entry(struct store *store, const struct store_put *put, uint64_t created,
	uint64_t revision, struct err *err)
{
	sqlite3_stmt *write = statement(store, put->value ? ENTRY_PUT : ENTRY_DELETE);

	bind_text(write, 1, put->key);
	if (put->value) {
		bind_value(write, 2, put->value, put->size);
		bind_number(write, 3, created);
		bind_number(write, 4, revision);
	}
	return run(store, write, err);
}

static bool write_change(struct store *store, const struct store_put *put, uint64_t created,
	uint64_t revision, size_t place, struct err *err)
{
	sqlite3_stmt *add = statement(store, CHANGE_ADD);

	bind_text(add, 1, put->key);
	bind_value(add, 2, put->value, put->size);
	bind_number(add, 3, put->value ? created : 0);
	bind_number(add, 4, revision);
	bind_number(add, 5, place);
	return run(store, add, err);
}

/* The oldest revision goes from the history. */
static bool forget_one(struct store *store, struct state *state, struct err *err)
{
	sqlite3_stmt *cost = statement(store, CHANGE_COST);
	sqlite3_stmt *delete = statement(store, CHANGE_DELETE);
	bool is_got;

	bind_number(cost, 1, state->oldest + 1);
	is_got = sqlite3_step(cost) == SQLITE_ROW;
	if (is_got)
		state->history -= number_of(cost, 0);
	else
		failed(store, err);
	sqlite3_reset(cost);
	if (!is_got)
		return false;
	state->oldest++;
	bind_number(delete, 1, state->oldest);
	return run(store, delete, err);
}

static bool forget_old(struct store *store, struct state *state, struct err *err)
{
	while (state->revision - state->oldest > STORE_HISTORY ||
		(state->history > LIMIT_STORE_HISTORY && state->revision - state->oldest > 1))
		if (!forget_one(store, state, err))
			return false;
	return true;
}

static bool state_set(struct store *store, const struct state *state, struct err *err)
{
	sqlite3_stmt *set = statement(store, STATE_SET);

	bind_number(set, 1, state->revision);
	bind_number(set, 2, state->oldest);
	bind_number(set, 3, state->history);
	return run(store, set, err);
}

static bool refuse_changed(const struct store_put *put, uint64_t changed, struct err *err)
{
	if (!changed)
		return err_conflict(err, "%s has gone meanwhile", put->key);
	if (!put->if_changed)
		return err_conflict(err, "%s is there already", put->key);
	return err_conflict(err,
		"%s was changed meanwhile: its revision is %" PRIu64 ", not %" PRIu64, put->key,
		changed, put->if_changed);
}

/* *ret_n: how many keys changed. */
static bool write_puts(struct store *store, const struct store_put *puts, size_t n,
	struct state *state, size_t *ret_n, size_t *ret_put, struct err *err)
{
	uint64_t revision = state->revision + 1;

	*ret_n = 0;
	for (size_t i = 0; i < n; i++) {
		struct present present;
		uint64_t created;

		if (!present_get(store, &puts[i], &present, err))
			return false;
		if (puts[i].if_changed != STORE_ANY && puts[i].if_changed != present.changed) {
			*ret_put = i;
			return refuse_changed(&puts[i], present.changed, err);
		}
		if (present.is_equal)
			continue;
		created = present.created ? present.created : revision;
		if (!write_entry(store, &puts[i], created, revision, err) ||
			!write_change(store, &puts[i], created, revision, (*ret_n)++, err))
			return false;
		state->history +=
			strtoul(STORE_CHANGE_COST, NULL, 10) + (puts[i].value ? puts[i].size : 0);
	}
	return true;
}

bool store_commit(struct store *store, const struct store_put *puts, size_t n,
	uint64_t *ret_revision, size_t *ret_put, struct err *err)
{
	size_t n_changed, wrong = 0;
	struct state state;

	if (!check_puts(puts, n, err) || !run_plain(store, BEGIN_WRITE, err))
		return false;
	if (!state_get(store, &state, err))
		return roll_back(store);
	if (!write_puts(store, puts, n, &state, &n_changed, &wrong, err)) {
		if (err->kind == ERR_CONFLICT && ret_put)
			*ret_put = wrong;
		return roll_back(store);
	}
	if (n_changed) {
		state.revision++;
		if (!forget_old(store, &state, err) || !state_set(store, &state, err))
			return roll_back(store);
	}
	if (!run_plain(store, COMMIT, err))
		return roll_back(store);
	*ret_revision = state.revision;
	return true;
}
