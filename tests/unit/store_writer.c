// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * For test_store_killed: writes numbered transactions to the store that is named, and the number of each that was
 * acknowledged to standard output, until it is killed.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "store/store.h"
#include "store_numbers.h"

/* Who closes a store last brings its journal into the file: so often is it done. */
#define REOPEN_EVERY 5

static bool commit(struct arena *arena, struct store *store, uint64_t number, struct err *err)
{
	struct store_put puts[N_KEYS];
	uint64_t revision = 0;

	for (unsigned i = 0; i < N_KEYS; i++) {
		const char *value = is_there(number, i) ? value_for(arena, number, i) : NULL;

		puts[i] = (struct store_put){ key_of(arena, i), value, value ? strlen(value) : 0,
			STORE_ANY };
	}
	return store_commit(store, puts, N_KEYS, &revision, NULL, err) &&
	       (revision == number || err_system(err, 0, "the revision does not go on"));
}

static bool write_numbers(const char *path, struct err *err)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct store *store CLEANUP(store_close) = NULL;
	uint64_t number;

	if (!store_open(path, &store, err) || !store_revision(store, &number, err))
		return false;
	for (number++;; number++) {
		if (!commit(arena, store, number, err))
			return false;
		if (write(STDOUT_FILENO, &number, sizeof(number)) != sizeof(number))
			return err_system(err, 0, "nobody listens");
		arena_reset(arena);
		if (number % REOPEN_EVERY == 0) {
			store_close(&store);
			if (!store_open(path, &store, err))
				return false;
		}
	}
}

int main(int argc, char **argv)
{
	struct err err;

	if (argc == 2 && !write_numbers(argv[1], &err))
		fprintf(stderr, "store_writer: %s\n", err.text);
	return 1;
}
