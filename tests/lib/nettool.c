// SPDX-License-Identifier: GPL-2.0-or-later
#include "net.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "nettool.h"
#include "unit.h"

static cpu_set_t usable_cpus; /* before net_main bound the process */

static int open_with(const char *input)
{
	int fd = memfd_create("input", MFD_CLOEXEC);
	size_t len = input ? strlen(input) : 0;

	if (fd < 0 || (len && write(fd, input, len) != (ssize_t)len) || lseek(fd, 0, SEEK_SET) != 0)
		fail_msg("memfd: %s", strerror(errno));
	return fd;
}

static void read_all(int fd, struct text *out)
{
	char buf[4096];
	ssize_t n;

	lseek(fd, 0, SEEK_SET);
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		text_add_n(out, buf, (size_t)n);
}

bool net_try(const char *input, struct text *out, const char *const *argv)
{
	posix_spawn_file_actions_t actions;
	int in = open_with(input), result = open_with(NULL), status, error;
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, in, 0);
	posix_spawn_file_actions_adddup2(&actions, result, 1);
	posix_spawn_file_actions_adddup2(&actions, result, 2);
	error = posix_spawnp(&pid, argv[0], &actions, NULL, (char *const *)argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (error)
		fail_msg("%s: %s", argv[0], strerror(error));
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (out)
		read_all(result, out);
	close(in);
	close(result);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool net_try_sh(struct text *out, const char *command)
{
	const char *const argv[] = { "sh", "-c", command, NULL };

	return net_try(NULL, out, argv);
}

void net_sh(const char *fmt, ...)
{
	struct text command CLEANUP(text_done) = TEXT_INIT, out CLEANUP(text_done) = TEXT_INIT;
	va_list ap;

	va_start(ap, fmt);
	text_vaddf(&command, fmt, ap);
	va_end(ap);
	if (!net_try_sh(&out, command.data))
		fail_msg("%s\n%s", command.data, out.data);
}

void net_ip(int ns, const char *fmt, ...)
{
	static const char *const argv[] = { "ip", "-batch", "-", NULL };
	struct text lines CLEANUP(text_done) = TEXT_INIT, out CLEANUP(text_done) = TEXT_INIT;
	int back = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	bool is_done;
	va_list ap;

	va_start(ap, fmt);
	text_vaddf(&lines, fmt, ap);
	va_end(ap);
	net_enter(ns);
	is_done = net_try(lines.data, &out, argv);
	net_enter(back);
	close(back);
	if (!is_done)
		fail_msg("ip -batch:\n%s%s", lines.data, out.data);
}

void net_flush_conntrack(struct net *net)
{
	static const char *const argv[] = { "conntrack", "-F", NULL };

	(void)net;
	if (!net_try(NULL, NULL, argv))
		fail_msg("conntrack -F");
}

void net_bind_to_any_cpu(void)
{
	if (sched_setaffinity(0, sizeof(usable_cpus), &usable_cpus) != 0)
		fail_msg("sched_setaffinity: %s", strerror(errno));
}

void net_bind_to_one_cpu(void)
{
	cpu_set_t set;
	int cpu = -1, skip;

	/* tests that run side by side take different ones */
	sched_getaffinity(0, sizeof(set), &set);
	skip = getpid() % CPU_COUNT(&set);
	do
		cpu++;
	while (!CPU_ISSET(cpu, &set) || skip-- > 0);
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) != 0)
		fail_msg("sched_setaffinity: %s", strerror(errno));
}

void net_bind_to_another_cpu(void)
{
	long n = sysconf(_SC_NPROCESSORS_CONF);
	cpu_set_t taken, set;

	sched_getaffinity(0, sizeof(taken), &taken);
	for (int cpu = 0; cpu < n; cpu++) {
		CPU_ZERO(&set);
		CPU_SET(cpu, &set);
		if (!CPU_ISSET(cpu, &taken) && sched_setaffinity(0, sizeof(set), &set) == 0)
			return;
	}
}

static bool has_tool(const char *name)
{
	char command[64];

	snprintf(command, sizeof(command), "command -v %s", name);
	return net_try_sh(NULL, command);
}

static bool skip_all(const char *reason)
{
	printf("1..0 # SKIP %s\n", reason);
	return false;
}

bool net_main(void)
{
	static const char *const tools[] = { "ip", "bridge", "iptables-restore",
		"ip6tables-restore", "ipset", "nft", "conntrack" };

	if (geteuid() != 0)
		return skip_all("needs root, for namespaces with bridges and filters");
	setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	for (size_t i = 0; i < N_OF(tools); i++) {
		if (!has_tool(tools[i])) {
			printf("# %s is not installed\n", tools[i]);
			return skip_all("a tool is missing");
		}
	}
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) != 0)
		return skip_all("this machine refuses new namespaces");
	if (access("/proc/sys/net/bridge", F_OK) != 0)
		return skip_all("no br_netfilter in this kernel");
	/* locks and notes of portwall and of iptables-legacy stay in this test */
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
		mount("tmpfs", "/run", "tmpfs", 0, "mode=755") != 0)
		return skip_all("this machine refuses an own /run");
	sched_getaffinity(0, sizeof(usable_cpus), &usable_cpus);
	net_bind_to_one_cpu();
	return true;
}

int net_exit(int n_failed)
{
	if (n_failed) {
		fflush(stdout);
		fflush(stderr);
		_exit(1);
	}
	return 0;
}
