// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What is quick says nothing; what goes on for longer says where it is. The work is one long call,
 * so an alarm of the kernel interrupts it once: what it calls goes on by itself (SA_RESTART).
 * Children do not inherit the alarm.
 */
#include "cmd/cmd.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#define QUIET_S 1

/* The only state of this folder: a handler of a signal is given nothing. */
static const char *volatile stage_now; /* NULL: none */
static volatile sig_atomic_t is_due, is_shown;

static void put(const char *text)
{
	/* a terminal that takes no more shows no progress */
	if (write(STDERR_FILENO, text, strlen(text)) < 0)
		is_due = 0;
}

static void show(const char *stage)
{
	is_shown = 1;
	put("\r\033[K");
	put(stage);
	put("...");
}

static void alarmed(int number)
{
	int sys = errno;
	const char *stage = stage_now;

	(void)number;
	is_due = 1;
	if (stage)
		show(stage);
	errno = sys;
}

static void start(void)
{
	static bool is_started;
	struct sigaction action = { .sa_handler = alarmed, .sa_flags = SA_RESTART };
	struct itimerval once = { .it_value = { .tv_sec = QUIET_S } };

	if (is_started)
		return;
	is_started = true;
	sigemptyset(&action.sa_mask);
	if (sigaction(SIGALRM, &action, NULL) == 0)
		setitimer(ITIMER_REAL, &once, NULL);
}

void output_progress(void *data, const char *stage)
{
	(void)data;
	stage_now = stage;
	if (!stage) {
		if (is_shown)
			put("\r\033[K");
		is_shown = 0;
		return;
	}
	if (!isatty(STDERR_FILENO))
		return;
	start();
	if (is_due)
		show(stage);
}
