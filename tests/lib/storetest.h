/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_STORETEST_H
#define TESTS_STORETEST_H

#include "store/store.h"

/* A store in a folder of its own, for one case. Whatever should not fail and does, fails the case. */
struct storetest {
	struct arena *arena;
	char folder[64];
	const char *path; /* of the file of the store */
	struct store *store;
	struct err err; /* of the last call that failed */
};

int storetest_setup(void **state);
int storetest_teardown(void **state);

void storetest_reopen(struct storetest *t);
/* All files of the store, which must be closed. */
void storetest_remove(struct storetest *t);

/* One key, whatever was there; the revision. value NULL: it goes. */
uint64_t storetest_put(struct storetest *t, const char *key, const char *value);
const struct store_entry *storetest_get(struct storetest *t, const char *key);
uint64_t storetest_revision(struct storetest *t);
/* wanted: lines "REVISION KEY=VALUE" and "REVISION KEY gone". */
void storetest_changes_are(
	struct storetest *t, uint64_t behind, size_t max, uint64_t revision, const char *wanted);

/* Behind the store's back; the number that a SELECT gives. */
int64_t storetest_sql(struct storetest *t, const char *sql);

#endif
