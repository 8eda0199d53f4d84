// SPDX-License-Identifier: GPL-2.0-or-later
#include "fuzz.h"

#include <string.h>

#include "host/file.h"

/* Any bytes: refused, or a host that prints, parses and prints to the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct text first CLEANUP(text_done) = TEXT_INIT, second CLEANUP(text_done) = TEXT_INIT;
	const struct host *host = NULL, *again = NULL;
	struct err err = { 0 };

	if (!host_parse(arena, "fuzz", (const char *)data, size, &host, &err)) {
		fuzz_check(err.kind != ERR_NONE && err.text[0]);
		return 0;
	}
	host_print(&first, host);
	fuzz_check(host_parse(arena, "again", first.data, first.len, &again, &err));
	host_print(&second, again);
	fuzz_check(first.len == second.len && !memcmp(first.data, second.data, first.len));
	fuzz_check(host_redact(arena, host, &again, &err));
	return 0;
}
