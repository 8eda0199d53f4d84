/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef STORE_INTERNAL_H
#define STORE_INTERNAL_H

#include <sqlite3.h>

#include "store/store.h"

/*
 * The tables, of version 2 (schema.c):
 *
 *	state    one row: the present revision; "oldest", behind which every change is kept; "history", the bytes that these
 *	         changes are counted as
 *	entries  what there is now
 *	changes  what happened: a row for each key that a transaction changed, "place" its order in there
 */
#define STORE_VERSION 2
/* "PWst", in the header of the file: it is a store of ours. */
#define STORE_APPLICATION 0x50577374
/* A row of changes is counted as this many bytes and its value. */
#define STORE_CHANGE_COST "100"

/* Fills err with what SQLite says of its last call; db may be NULL (there was no memory). */
bool store_failed(sqlite3 *db, const char *path, struct err *err);

bool store_damaged(const char *path, const char *what, struct err *err);
/* what: "another program's database" */
bool store_foreign(const char *path, const char *what, struct err *err);

/* Statements without a result, all of them or up to the first that fails. */
bool store_exec(sqlite3 *db, const char *path, const char *sql, struct err *err);
/* The number in the first column of the first row. */
bool store_number(sqlite3 *db, const char *path, const char *sql, int64_t *ret, struct err *err);

/*
 * Is the file empty, or a store? Looks at its bytes before SQLite does, which would play back a
 * journal of somebody else, or make one: any statement but this comes later.
 */
bool store_header_check(sqlite3 *db, const char *path, struct err *err);

/* Makes the tables in an empty file, brings an older one up to date, and finds damage. */
bool store_schema_open(sqlite3 *db, const char *path, struct err *err);

#endif
