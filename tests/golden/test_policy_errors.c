// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Every NAME.yaml of a folder is a policy with one mistake; NAME.expected is what the user is told. With
 * UPDATE_GOLDEN=1 the expected texts are written anew, to be read before they are committed.
 */
#include "unit.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "policy/policy.h"

static bool is_wanted(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot && !strcmp(dot, ".yaml");
}

static int filter(const struct dirent *entry)
{
	return is_wanted(entry->d_name);
}

/* What a user sees, or that there was no error. */
static void answer(struct text *out, const char *name, const struct text *input)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	const struct policy *policy = NULL;
	struct err err;

	if (policy_parse(arena, name, input->data, input->len, "compute1", &policy, &err)) {
		text_add(out, "(no error)\n");
		return;
	}
	text_addf(out, "%s\n", err.text);
	if (err.next_step[0])
		text_addf(out, "-> %s\n", err.next_step);
}

static bool run_case(const char *folder, const char *name)
{
	struct text path CLEANUP(text_done) = TEXT_INIT, input CLEANUP(text_done) = TEXT_INIT,
			 wanted CLEANUP(text_done) = TEXT_INIT, got CLEANUP(text_done) = TEXT_INIT;
	struct err err;

	text_addf(&path, "%s/%s", folder, name);
	if (!text_load(&input, path.data, LIMIT_POLICY_FILE_SIZE, &err)) {
		printf("# %s\n", err.text);
		return false;
	}
	answer(&got, name, &input);
	text_clear(&path);
	text_addf(&path, "%s/%.*s.expected", folder, (int)(strlen(name) - strlen(".yaml")), name);
	if (getenv("UPDATE_GOLDEN"))
		return text_save(&got, path.data, &err);
	if (!text_load(&wanted, path.data, LIMIT_POLICY_FILE_SIZE, &err)) {
		printf("# %s\n", err.text);
		return false;
	}
	if (!strcmp(wanted.data, got.data) && strcmp(got.data, "(no error)\n") != 0)
		return true;
	for (char *line = strtok(got.data, "\n"); line; line = strtok(NULL, "\n"))
		printf("# got: %s\n", line);
	return false;
}

int main(int argc, char **argv)
{
	const char *folder = argc > 1 ? argv[1] : ".";
	struct dirent **entries;
	int n = scandir(folder, &entries, filter, alphasort), failed = 0;

	if (n < 1) {
		printf("Bail out! no cases in %s\n", folder);
		return 1;
	}
	printf("1..%d\n", n);
	for (int i = 0; i < n; i++) {
		bool ok = run_case(folder, entries[i]->d_name);

		printf("%sok %d - %s\n", ok ? "" : "not ", i + 1, entries[i]->d_name);
		failed += !ok;
		free(entries[i]);
	}
	free(entries);
	return failed > 0;
}
