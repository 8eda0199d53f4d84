// SPDX-License-Identifier: GPL-2.0-or-later
/* The users' file, and what stands behind "Basic". */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "users/users.h"

static void a_file_comes_back(const uint8_t *data, size_t size)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct text text CLEANUP(text_done) = TEXT_INIT, out CLEANUP(text_done) = TEXT_INIT,
			 again CLEANUP(text_done) = TEXT_INIT;
	struct users users, back;
	struct err err;

	text_add_n(&text, (const char *)data, size);
	if (!users_parse(arena, "users", &text, &users, &err)) {
		fuzz_check(*err.text && *err.next_step);
		return;
	}
	users_print(&users, &out);
	fuzz_check(users_parse(arena, "users", &out, &back, &err));
	users_print(&back, &again);
	fuzz_check(!strcmp(out.data, again.data));
	vec_for_each (user, &users.list) {
		fuzz_check(users_is_name(user->name) && users_is_name(user->project_id));
		fuzz_check(user->roles & ROLE_READER);
		fuzz_check(users_find(&back, user->name) != NULL);
	}
}

static void base64_is_a_text_or_none(const uint8_t *data, size_t size)
{
	char *words = strndup((const char *)data, size), out[64];

	if (!words)
		abort();
	if (secret_base64_parse(words, out, sizeof(out)))
		fuzz_check(strlen(out) < sizeof(out));
	free(words);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	a_file_comes_back(data, size);
	base64_is_a_text_or_none(data, size);
	return 0;
}
