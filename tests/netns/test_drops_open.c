// SPDX-License-Identifier: GPL-2.0-or-later
/* The drops source as a thing that this process has or has not: what it takes to have it, and that nothing is left of it. */
#include "unit.h"

#include <bpf/bpf.h>
#include <cap-ng.h>
#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "capture/drops.h"
#include "net.h"

/* --- what is left --- */

/* The number of the one BPF program that this process holds; 0: none. */
static uint32_t program_of_ours(void)
{
	DIR *dir = opendir("/proc/self/fdinfo");
	const struct dirent *entry;
	unsigned id = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		char path[300], line[200];
		FILE *file;

		snprintf(path, sizeof(path), "/proc/self/fdinfo/%s", entry->d_name);
		file = fopen(path, "re");
		while (file && fgets(line, sizeof(line), file))
			if (text_has_prefix(line, "prog_id:"))
				id = (unsigned)strtoul(line + strlen("prog_id:"), NULL, 10);
		if (file)
			fclose(file);
	}
	closedir(dir);
	return id;
}

static bool is_gone(void *data)
{
	int fd = bpf_prog_get_fd_by_id(*(uint32_t *)data);

	if (fd < 0)
		return errno == ENOENT;
	close(fd);
	return false;
}

static void nothing_is_left_when_it_is_closed(void **state)
{
	struct drops_options options = { 0 };
	struct drops *drops = NULL;
	struct err err = { 0 };
	uint32_t id;

	(void)state;
	if (!drops_open(&options, &drops, &err))
		fail_msg("%s", err.text);
	id = program_of_ours();
	assert_int_not_equal(id, 0);
	assert_false(is_gone(&id));
	drops_close(&drops);
	assert_null(drops);
	drops_close(&drops);
	assert_int_equal(program_of_ours(), 0);
	assert_true(net_wait_for(is_gone, &id, 20000));
}

static void nothing_is_left_of_a_process_that_is_killed(void **state)
{
	uint32_t id = 0;
	int told[2];
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(told), 0);
	pid = fork();
	if (pid == 0) {
		struct drops_options options = { 0 };
		struct drops *drops = NULL;
		struct err err;

		if (drops_open(&options, &drops, &err))
			id = program_of_ours();
		if (write(told[1], &id, sizeof(id)) != sizeof(id))
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(told[0], &id, sizeof(id)), sizeof(id));
	assert_int_not_equal(id, 0);
	assert_false(is_gone(&id));
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_true(net_wait_for(is_gone, &id, 20000));
	close(told[0]);
	close(told[1]);
}

/* --- what is missing --- */

/* In a child, behind something that takes away what it needs; the text of its refusal, or "opened". */
static void text_of_opening(bool (*prepare)(void), char *ret, size_t size)
{
	int told[2];
	ssize_t got;
	pid_t pid;

	assert_int_equal(pipe(told), 0);
	pid = fork();
	if (pid == 0) {
		struct drops_options options = { 0 };
		struct text text = TEXT_INIT;
		struct drops *drops = NULL;
		struct err err = { 0 };

		if (!prepare())
			text_add(&text, "not prepared");
		else if (drops_open(&options, &drops, &err))
			text_add(&text, "opened");
		else
			text_addf(&text, "%s|%s", err.text, err.next_step);
		_exit(write(told[1], text.data, text.len) != (ssize_t)text.len);
	}
	close(told[1]);
	got = read(told[0], ret, size - 1);
	assert_true(got >= 0);
	ret[got] = '\0';
	close(told[0]);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static bool become_nobody(void)
{
	return setuid(65534) == 0;
}

static bool keep_capabilities(int first, int second)
{
	capng_clear(CAPNG_SELECT_BOTH);
	return capng_updatev(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, first, second, -1) ==
		       0 &&
	       capng_apply(CAPNG_SELECT_CAPS) == 0;
}

static bool keep_bpf_alone(void)
{
	return keep_capabilities(CAP_BPF, CAP_NET_ADMIN);
}

static bool keep_what_is_needed(void)
{
	return keep_capabilities(CAP_BPF, CAP_PERFMON);
}

static bool hide_btf(void)
{
	return unshare(CLONE_NEWNS) == 0 &&
	       mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("none", "/sys/kernel/btf", "tmpfs", 0, NULL) == 0;
}

static void a_refusal_says_what_is_missing(void **state)
{
	char text[ERR_TEXT_SIZE];

	(void)state;
	text_of_opening(become_nobody, text, sizeof(text));
	if (!strstr(text, "CAP_BPF and CAP_PERFMON") || !strstr(text, "root"))
		fail_msg("%s", text);
	text_of_opening(keep_bpf_alone, text, sizeof(text));
	if (!strstr(text, "CAP_BPF and CAP_PERFMON"))
		fail_msg("%s", text);
	text_of_opening(keep_what_is_needed, text, sizeof(text));
	assert_string_equal(text, "opened");
	text_of_opening(hide_btf, text, sizeof(text));
	if (!strstr(text, "this kernel has no BTF (/sys/kernel/btf/vmlinux)|a kernel with"))
		fail_msg("%s", text);
}

static void options_have_limits(void **state)
{
	struct drops_options much = { .per_second = 2000000000 },
			     many = { .total_places = 2000000000 };
	struct drops *drops = NULL;
	struct err err;

	(void)state;
	assert_false(drops_open(&much, &drops, &err));
	assert_int_equal(err.kind, ERR_LIMIT);
	assert_false(drops_open(&many, &drops, &err));
	assert_int_equal(err.kind, ERR_LIMIT);
	assert_null(drops);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_left_when_it_is_closed),
		cmocka_unit_test(nothing_is_left_of_a_process_that_is_killed),
		cmocka_unit_test(a_refusal_says_what_is_missing),
		cmocka_unit_test(options_have_limits),
	};

	if (!net_main())
		return 0;
	if (access("/sys/kernel/btf/vmlinux", R_OK) != 0) {
		printf("1..0 # SKIP this kernel has no BTF\n");
		return 0;
	}
	return net_exit(cmocka_run_group_tests_name("drops_open", tests, NULL, NULL));
}
