/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

/*
 * Keeping documents by key, with a history that can be followed: get, put if it is still the revision that was read, list,
 * watch from a revision. Over SQLite (WAL, synchronous=FULL: what was acknowledged is on the disk). The calls are those
 * that etcd v3 serves as well, so that a distributed store can take this one's place; the keys are
 *
 *	/fw/v1/g/GROUP/r          a security group with its rules
 *	/fw/v1/ag/GROUP           an address group
 *	/fw/v1/h/HOST/p/PORT      a port
 *	/fw/v1/n/NETWORK, sn/SUBNET, rbac/ID, quota/PROJECT, dr/RULE
 *	                          what is no part of a policy: networks, subnets, sharings, quotas, default rules
 *
 * The store knows nothing of what documents say. One revision counts all changes: each transaction that changes something
 * has the next one. One process writes at a time; others may read.
 */
struct store;

/*
 * Makes the file if there is none, and brings an older schema up to date. Errors: ERR_INPUT, and the file is not touched,
 * when it is something else than a store or one of a newer version; ERR_SYSTEM when it is damaged, may not be read and written,
 * its file system is full, or another process keeps it busy. Damage is found in its structure, not in a byte within a document.
 * A store that is open must not be taken through fork.
 */
bool store_open(const char *path, struct store **ret, struct err *err);
void store_close(struct store **store); /* for CLEANUP; NULL in it is fine */

struct store_entry {
	const char *key, *value;
	size_t size;	  /* of the value, which ends with a NUL that is not counted */
	uint64_t created; /* the revision that made the key */
	uint64_t changed; /* the revision of its value */
};

/* NULL in *ret: there is no such key. */
bool store_get(struct arena *arena, struct store *store, const char *key,
	const struct store_entry **ret, struct err *err);
/* Keys that begin with prefix, sorted, and the revision that all of them are of. */
bool store_list(struct arena *arena, struct store *store, const char *prefix,
	struct store_entry **ret, size_t *ret_n, uint64_t *ret_revision, struct err *err);
bool store_revision(struct store *store, uint64_t *ret, struct err *err);

/* One change of a transaction. */
#define STORE_ANY UINT64_MAX
struct store_put {
	const char *key,
		*value; /* value NULL: the key goes (which is no error when it is not there) */
	size_t size;
	uint64_t if_changed; /* as the entry has it now; 0: there must be none; STORE_ANY */
};
/*
 * All or nothing. ERR_CONFLICT: an entry is of another revision; *ret_put, which may be NULL, is its index. ERR_INPUT: a key is
 * there twice; ERR_LIMIT: LIMIT_STORE_ of base/limits.h. A value that is equal changes nothing, and the entry keeps its
 * revision; a transaction that changes nothing at all has none of its own: *ret_revision is the present one.
 */
bool store_commit(struct store *store, const struct store_put *puts, size_t n,
	uint64_t *ret_revision, size_t *ret_put, struct err *err);

/*
 * What happened behind a revision, in its order, at most max changes but never a part of a transaction: the first one comes whole,
 * however large. *ret_revision: the last one that is in it; go on from there. History is kept for STORE_HISTORY
 * revisions, or fewer when they are more than LIMIT_STORE_HISTORY bytes: ERR_LIMIT when the revision is older, or one that the
 * store has not reached, because an older copy of its file was put back (list anew).
 */
#define STORE_HISTORY 10000
struct store_change {
	uint64_t revision;
	struct store_entry entry; /* value NULL: the key has gone */
};
bool store_changes(struct arena *arena, struct store *store, uint64_t behind, size_t max,
	struct store_change **ret, size_t *ret_n, uint64_t *ret_revision, struct err *err);

#endif
