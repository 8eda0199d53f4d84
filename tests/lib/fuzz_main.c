// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Runs a fuzz target over every file of a corpus folder, in the order of their names, each in a
 * process of its own, and says in TAP what became of it. So a file that once was a bug stays a
 * test, without libFuzzer and without a second crash hiding behind the first.
 *
 *     fuzz_NAME FOLDER
 */
#include "fuzz.h"

#include <dirent.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/text.h"

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static _Noreturn void run_in_child(const char *folder, const char *name)
{
	struct text path = TEXT_INIT, file = TEXT_INIT;
	struct err err;
	uint8_t *data;
	size_t size;

	text_addf(&path, "%s/%s", folder, name);
	if (!text_load(&file, path.data, LIMIT_POLICY_FILE_SIZE, &err)) {
		fprintf(stderr, "%s\n", err.text);
		_exit(1);
	}
	/* Of exactly its size and without a NUL behind it, so that reading too far is seen. */
	size = file.len;
	data = malloc(size ? size : 1);
	if (!data)
		abort();
	memcpy(data, file.data, size);
	text_done(&file);
	text_done(&path);
	LLVMFuzzerTestOneInput(data, size);
	free(data);
	exit(0); /* not _exit: leaks are looked for at exit */
}

static bool passes(const char *folder, const char *name)
{
	int status = -1;
	pid_t child;

	fflush(NULL);
	child = fork();
	if (child == 0)
		run_in_child(folder, name);
	if (child < 0 || waitpid(child, &status, 0) < 0) {
		perror("fuzz_main");
		return false;
	}
	if (WIFSIGNALED(status))
		printf("# %s: %s\n", name, strsignal(WTERMSIG(status)));
	return status == 0;
}

int main(int argc, char **argv)
{
	struct dirent **files;
	int n, n_failed = 0;

	if (argc != 2) {
		fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
		return 2;
	}
	n = scandir(argv[1], &files, is_visible, alphasort);
	if (n <= 0) {
		fprintf(stderr, "%s: no corpus there\n", argv[1]);
		return 1;
	}
	printf("1..%d\n", n);
	for (int i = 0; i < n; i++) {
		bool passed = passes(argv[1], files[i]->d_name);

		printf("%sok %d - %s\n", passed ? "" : "not ", i + 1, files[i]->d_name);
		n_failed += !passed;
		free(files[i]);
	}
	free(files);
	return n_failed != 0;
}
