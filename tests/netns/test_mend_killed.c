// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "both.h"
#include "fault.h"
#include "kernel/kernel.h"
#include "mendhost.h"
#include "net.h"

/* Fixes whose process is killed, and fixes that take themselves back. */

static const struct agent_options options = { .lock_wait_s = 20 };

#define HOST(state) struct mendhost *h CLEANUP(mendhost_freep) = mendhost_new(*(state))

/* ---- killed */

/* Does it in a child that is killed there; false: it came to its end. */
static bool is_killed(struct mendhost *h, enum fault_mode mode, unsigned step, const char *undo)
{
	const struct fault_plan plan = { .mode = mode, .at = step };
	const char *path = getenv("PATH");
	struct mend_result result;
	struct err err;
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		setpgid(0, 0);
		fault_arm(path, &plan);
		_exit(undo ? !agent_unmend(h->arena, undo, &options, &result, &err)
			   : !mendhost_mend(h, "all", 0, &result, &err));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL : WEXITSTATUS(status) == 0);
	return WIFSIGNALED(status);
}

static void must_be_unfinished(struct mendhost *h, bool is_unfinished)
{
	struct mended *mended;
	struct err err;
	size_t n;

	assert_true(agent_mended(h->arena, &mended, &n, &err));
	assert_int_equal(n, 1);
	assert_int_equal(mended[0].is_unfinished, is_unfinished);
}

static void a_fix_that_was_killed_is_undone_from_wherever_it_was(void **state)
{
	static const enum fault_mode modes[] = { BEFORE, AFTER };
	HOST(state);

	fault_put_fronts(h->variant);
	mendhost_everything(h);
	for (size_t m = 0; m < N_OF(modes); m++) {
		unsigned step = 1;

		for (; is_killed(h, modes[m], step, NULL); step++) {
			struct err err;

			must_be_unfinished(h, true);
			assert_false(agent_mend_keep(h->arena, "all", &options, &err));
			assert_int_equal(err.kind, ERR_CONFLICT);
			mendhost_must_unmend(h, NULL);
			mendhost_must_be_as_before(h);
		}
		assert_int_equal(step, 6); /* nat, filter; the same of IPv6; nft */
		must_be_unfinished(h, false);
		assert_string_equal(mendhost_must_unmend(h, NULL), "");
		mendhost_must_be_as_before(h);
	}
}

static void an_undo_that_was_killed_is_done_again(void **state)
{
	unsigned step = 1;
	HOST(state);

	fault_put_fronts(h->variant);
	mendhost_everything(h);
	mendhost_must_mend(h, "all", 0);
	for (; is_killed(h, BEFORE, step, "all"); step++) {
		must_be_unfinished(h, true);
		mendhost_must_unmend(h, NULL);
		mendhost_must_be_as_before(h);
		mendhost_must_mend(h, "all", 0);
	}
	assert_int_equal(step, 6);
	mendhost_must_be_as_before(h);
}

static void an_undo_that_is_refused_leaves_the_fix_as_it_was(void **state)
{
	struct text with CLEANUP(text_done) = TEXT_INIT, after CLEANUP(text_done) = TEXT_INIT;
	struct mend_result result;
	struct err err;
	HOST(state);

	mendhost_everything(h);
	mendhost_link(h, "v0", LINK_FLAG_HAIRPIN, "off", "on");
	mendhost_must_mend(h, "all", 0);
	mendhost_shot(&with);
	net_sh("mkdir -p /run/front; printf '#!/bin/sh\\necho iptables-restore: line 2 failed >&2\\n"
	       "exit 1\\n' "
	       ">/run/front/iptables-%s-restore; chmod +x /run/front/*",
		h->variant);
	setenv("PATH", "/run/front:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	assert_false(agent_unmend(h->arena, NULL, &options, &result, &err));
	setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
	assert_non_null(strstr(err.text, "refused line 2: "));
	mendhost_shot(&after);
	assert_string_equal(with.data, after.data);
	must_be_unfinished(h, false);
	assert_string_equal(mendhost_must_unmend(h, NULL), "");
	mendhost_must_be_as_before(h);
}

/* ---- undone by itself */

/*
 * In a child, as a command would do it, which has ended when this returns; also the pipe that it was called with
 * is closed then, by whoever had it.
 */
static pid_t mend_and_end(struct mendhost *h, unsigned undo_after_s)
{
	struct text waiter CLEANUP(text_done) = TEXT_INIT;
	int ends[2], status;
	char byte;
	pid_t pid;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		struct mend_result result;
		struct err err;

		setsid();
		dup2(ends[1], 1);
		dup2(ends[1], 2);
		_exit(!mendhost_mend(h, "wait", undo_after_s, &result, &err));
	}
	close(ends[1]);
	assert_int_equal(read(ends[0], &byte, 1), 0);
	close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	kill(-pid, SIGHUP);
	net_try_sh(&waiter, "sed -n 's/^waiter //p' /run/portwall/*.fixes");
	return (pid_t)strtol(waiter.data, NULL, 10);
}

static bool has_ended(void *data)
{
	return kill(*(pid_t *)data, 0) < 0;
}

static bool is_undone(void *data)
{
	return mendhost_n_mended(data) == 0;
}

static void a_fix_that_is_not_confirmed_takes_itself_back(void **state)
{
	struct kernel_lock lock = { 0 };
	struct err err;
	pid_t waiter;
	HOST(state);

	mendhost_everything(h);
	waiter = mend_and_end(h, 2);
	/* while it waits it holds no lock; when its time has come it waits for others' */
	assert_true(kernel_lock_open(&lock, 20, &err));
	if (mendhost_n_mended(h)) {
		sleep(3);
		assert_int_equal(mendhost_n_mended(h), 1);
		mendhost_must_differ(h);
	}
	kernel_lock_close(&lock);
	assert_true(net_wait_for(is_undone, h, 60000));
	mendhost_must_be_as_before(h);
	/* 0: this machine was so slow that it was undone before anybody could look */
	assert_true(!waiter || net_wait_for(has_ended, &waiter, 60000));
}

static void a_fix_that_is_confirmed_stays(void **state)
{
	struct mended *mended;
	struct err err;
	size_t n;
	pid_t waiter;
	HOST(state);

	mendhost_everything(h);
	waiter = mend_and_end(h, 600);
	assert_true(agent_mended(h->arena, &mended, &n, &err));
	assert_int_equal(n, 1);
	assert_int_equal(mended[0].undo_at_s, mended[0].done_s + 600);
	if (!agent_mend_keep(h->arena, NULL, &options, &err))
		fail_msg("%s", err.text);
	/* nobody is left who would take it back */
	assert_true(net_wait_for(has_ended, &waiter, 60000));
	assert_true(agent_mended(h->arena, &mended, &n, &err));
	assert_int_equal(n, 1);
	assert_int_equal(mended[0].undo_at_s, 0);
	mendhost_must_differ(h);
	assert_string_equal(mendhost_must_unmend(h, NULL), "");
	mendhost_must_be_as_before(h);
}

static void who_waits_holds_nothing_and_ends_with_the_fix(void **state)
{
	struct kernel_lock lock = { 0 };
	struct err err;
	pid_t waiter;
	HOST(state);

	mendhost_everything(h);
	waiter = mend_and_end(h, 3600);
	assert_true(waiter > 0);
	/* no terminal, no file of ours, and a lost terminal is nothing to it */
	net_sh("test \"$(readlink /proc/%d/fd/* | sort -u)\" = /dev/null", waiter);
	net_sh("test \"$(ps -o tty= -p %d | tr -d ' ')\" = '?'", waiter);
	assert_int_equal(kill(waiter, SIGHUP), 0);
	assert_true(kernel_lock_open(&lock, 0, &err));
	kernel_lock_close(&lock);
	sleep(1);
	net_sh("grep -q '^State:.[RS]' /proc/%d/status", waiter);
	assert_string_equal(mendhost_must_unmend(h, NULL), "");
	mendhost_must_be_as_before(h);
	assert_true(net_wait_for(has_ended, &waiter, 60000));
}

static void who_waits_may_be_killed_and_then_it_is_told(void **state)
{
	struct mended *mended;
	struct err err;
	size_t n;
	pid_t waiter;
	HOST(state);

	mendhost_everything(h);
	/* on a slow machine the first may be undone before it can be killed */
	for (unsigned after_s = 2; !mendhost_n_mended(h); after_s *= 2) {
		waiter = mend_and_end(h, after_s);
		if (waiter)
			kill(waiter, SIGKILL);
	}
	do {
		sleep(1);
		assert_true(agent_mended(h->arena, &mended, &n, &err));
		assert_int_equal(n, 1);
		assert_true(mended[0].undo_at_s);
	} while (mended[0].undo_at_s >= (uint64_t)time(NULL));
	mendhost_must_differ(h);
	assert_string_equal(mendhost_must_unmend(h, NULL), "");
	mendhost_must_be_as_before(h);
}

/* A fix that was refused leaves nobody who waits for it. */
static void a_refused_fix_leaves_no_process(void **state)
{
	struct text waiting CLEANUP(text_done) = TEXT_INIT;
	struct mend_result result;
	struct err err;
	HOST(state);

	mendhost_rule(h, FAMILY_IPV4, "nat", "POSTROUTING", 0, "-j NOSUCHTARGET", NULL);
	assert_false(mendhost_mend(h, "bad", 3600, &result, &err));
	sleep(3); /* who waits looks every second whether it has to */
	net_try_sh(&waiting, "n=$(readlink /proc/self/ns/net); for p in /proc/[0-9]*; do"
			     " [ \"$(readlink $p/ns/net)\" = \"$n\" ] && "
			     " readlink $p/exe; done | grep -c mend_killed");
	assert_string_equal(waiting.data, "1\n");
	mendhost_must_be_as_before(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BY_BOTH_VARIANTS(a_fix_that_was_killed_is_undone_from_wherever_it_was, NULL),
		BY_BOTH_VARIANTS(an_undo_that_was_killed_is_done_again, NULL),
		BY_BOTH_VARIANTS(an_undo_that_is_refused_leaves_the_fix_as_it_was, NULL),
		cmocka_unit_test_prestate(
			a_fix_that_is_not_confirmed_takes_itself_back, (void *)"legacy"),
		cmocka_unit_test_prestate(a_fix_that_is_confirmed_stays, (void *)"nft"),
		cmocka_unit_test_prestate(
			who_waits_holds_nothing_and_ends_with_the_fix, (void *)"nft"),
		cmocka_unit_test_prestate(
			who_waits_may_be_killed_and_then_it_is_told, (void *)"nft"),
		cmocka_unit_test_prestate(a_refused_fix_leaves_no_process, (void *)"nft"),
	};

	if (!net_main())
		return 0;
	return net_exit(cmocka_run_group_tests_name("mend_killed", tests, NULL, NULL));
}
