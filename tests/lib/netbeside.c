// SPDX-License-Identifier: GPL-2.0-or-later
#include "netbeside.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "net.h"
#include "nettool.h"

struct run {
	const struct CMUnitTest *test;
	pid_t pid;
	int out, status;
	bool is_over;
};

/* One group at a time. Reached from here, so that a child's leaks are its own. */
static struct {
	struct run *items;
	size_t n, n_started, n_running;
	unsigned n_at_once;
} runs;

static void run_alone(const struct run *run)
{
	int n_failed;

	dup2(run->out, STDOUT_FILENO);
	dup2(run->out, STDERR_FILENO);
	if (unshare(CLONE_NEWNS | CLONE_NEWNET) != 0 ||
		mount("tmpfs", "/run", "tmpfs", 0, "mode=755") != 0) {
		printf("# no own /run: %s\n", strerror(errno));
		exit(1);
	}
	net_bind_to_any_cpu();
	net_bind_to_one_cpu();
	n_failed = _cmocka_run_group_tests("case", run->test, 1, NULL, NULL);
	/* leaks of what failed say nothing */
	exit(net_exit(n_failed));
}

static void start_more(void)
{
	while (runs.n_started < runs.n && runs.n_running < runs.n_at_once) {
		struct run *run = &runs.items[runs.n_started++];

		run->out = memfd_create("output", MFD_CLOEXEC);
		assert_true(run->out >= 0);
		fflush(NULL);
		run->pid = fork();
		assert_true(run->pid >= 0);
		if (run->pid == 0)
			run_alone(run);
		runs.n_running++;
	}
}

static void end_one(void)
{
	int status;
	pid_t pid = waitpid(-1, &status, 0);

	if (pid < 0) {
		assert_int_equal(errno, EINTR);
		return;
	}
	for (size_t i = 0; i < runs.n_started; i++)
		if (runs.items[i].pid == pid) {
			runs.items[i].status = status;
			runs.items[i].is_over = true;
			runs.n_running--;
		}
}

static bool is_result(const char *line)
{
	return !strncmp(line, "1..", 3) || !strncmp(line, "ok ", 3) ||
	       !strncmp(line, "not ok ", 7) || !strncmp(line, "# ok ", 5) ||
	       !strncmp(line, "# not ok ", 9);
}

/* What the case said, but for its result, which is told again. */
static void show(int out)
{
	char line[4096];
	FILE *file = fdopen(out, "r");

	assert_non_null(file);
	rewind(file);
	while (fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		if (!is_result(line))
			print_message("%s%s\n", *line == '#' ? "" : "# ", line);
	}
	fclose(file);
}

static void await(void **state)
{
	struct run *run = *state;

	for (start_more(); !run->is_over; start_more())
		end_one();
	show(run->out);
	if (WIFSIGNALED(run->status))
		fail_msg("killed by signal %d", WTERMSIG(run->status));
	if (WEXITSTATUS(run->status))
		fail_msg("exit status %d", WEXITSTATUS(run->status));
}

int net_run_beside(
	const char *name, const struct CMUnitTest *tests, size_t n_tests, unsigned n_at_once)
{
	struct CMUnitTest *awaited = calloc(n_tests, sizeof(*awaited));
	int n_failed;

	runs.items = calloc(n_tests, sizeof(*runs.items));
	if (!awaited || !runs.items)
		abort();
	runs.n = n_tests;
	runs.n_at_once = n_at_once;
	for (size_t i = 0; i < n_tests; i++) {
		runs.items[i].test = &tests[i];
		awaited[i] = (struct CMUnitTest){
			.name = tests[i].name, .test_func = await, .initial_state = &runs.items[i]
		};
	}
	n_failed = _cmocka_run_group_tests(name, awaited, n_tests, NULL, NULL);
	free(runs.items);
	free(awaited);
	return n_failed;
}
