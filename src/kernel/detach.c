// SPDX-License-Identifier: GPL-2.0-or-later
/* Processes of our own: one that waits for something after its caller has ended, and one that does something slow beside it. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "kernel/kernel.h"

/* Nothing of the caller's may be held open: its lock, and the pipes whose end somebody waits for. */
static void let_go(bool keeps_error)
{
	int null = open("/dev/null", O_RDWR);

	for (int i = 0; null >= 0 && i <= (keeps_error ? STDOUT_FILENO : STDERR_FILENO); i++)
		dup2(null, i);
	close_range(STDERR_FILENO + 1, ~0U, 0);
	if (chdir("/") < 0)
		return;
}

static void reset_signals(void)
{
	static const int enders[] = { SIGINT, SIGTERM, SIGQUIT, SIGPIPE, SIGALRM };
	sigset_t none;

	for (size_t i = 0; i < sizeof(enders) / sizeof(*enders); i++)
		signal(enders[i], SIG_DFL);
	signal(SIGHUP, SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Between the caller and the process, so that it is nobody's child here and leaves no zombie. */
static void begin_second(void (*work)(void *data), void *data, bool keeps_error, int told)
{
	pid_t pid;

	setsid();
	pid = fork();
	if (pid == 0) {
		let_go(keeps_error);
		reset_signals();
		work(data);
		_exit(0);
	}
	_exit(write(told, &pid, sizeof(pid)) == sizeof(pid) && pid > 0 ? 0 : 1);
}

bool kernel_detached_begin(
	void (*work)(void *data), void *data, bool keeps_error, pid_t *ret_pid, struct err *err)
{
	pid_t first, second = -1;
	int ends[2], status = -1;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_system(err, errno, "cannot make a pipe");
	first = fork();
	if (first == 0)
		begin_second(work, data, keeps_error, ends[1]);
	close(ends[1]);
	while (first > 0 && waitpid(first, &status, 0) < 0 && errno == EINTR)
		;
	if (first < 0 || status != 0 || read(ends[0], &second, sizeof(second)) != sizeof(second))
		second = -1;
	close(ends[0]);
	if (second <= 0)
		return err_system(err, errno, "cannot begin a process that waits");
	*ret_pid = second;
	return true;
}

/* It ends with its caller, whatever ends that. */
static void end_with(pid_t parent, int signal)
{
	prctl(PR_SET_PDEATHSIG, signal);
	if (getppid() != parent)
		_exit(1);
}

bool kernel_process_begin(void (*work)(void *data), void *data, pid_t *ret_pid, struct err *err)
{
	pid_t self = getpid(), pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		end_with(self, SIGTERM);
		reset_signals();
		work(data);
		_exit(0);
	}
	if (pid < 0)
		return err_system(err, errno, "cannot begin a process");
	*ret_pid = pid;
	return true;
}

static void be_child(void (*work)(void *data), void *data, pid_t parent, int out)
{
	int null = open("/dev/null", O_RDONLY);

	end_with(parent, SIGKILL);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0)
		_exit(1);
	close_range(STDERR_FILENO + 1, ~0U, 0);
	reset_signals();
	work(data);
	fflush(stdout);
	_exit(0);
}

bool kernel_child_begin(
	void (*work)(void *data), void *data, pid_t *ret_pid, int *ret_fd, struct err *err)
{
	pid_t self = getpid(), pid;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_system(err, errno, "cannot make a pipe");
	fflush(stdout);
	pid = fork();
	if (pid == 0)
		be_child(work, data, self, ends[1]);
	close(ends[1]);
	if (pid < 0) {
		err_system(err, errno, "cannot begin a process");
		close(ends[0]);
		return false;
	}
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	*ret_pid = pid;
	*ret_fd = ends[0];
	return true;
}

uint64_t kernel_boottime_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void kernel_sleep_until(uint64_t at_ms)
{
	const struct timespec at = { (time_t)(at_ms / 1000), (long)(at_ms % 1000) * 1000000 };

	while (clock_nanosleep(CLOCK_BOOTTIME, TIMER_ABSTIME, &at, NULL) == EINTR)
		;
}

void kernel_log(const char *fmt, ...)
{
	va_list ap;

	openlog("portwall", LOG_PID, LOG_DAEMON);
	va_start(ap, fmt);
	vsyslog(LOG_NOTICE, fmt, ap);
	va_end(ap);
	closelog();
}
