// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/tool.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/vec.h"

#define READ_SIZE ((size_t)4 * 1024)
/* Where a program has what it shares with us. */
#define SHARED_FD (STDERR_FILENO + 1)

/* The lower half of an argument of a system call, for a filter. */
#define ARG_LOW(n)                                                                                 \
	(offsetof(struct seccomp_data, args[n]) +                                                  \
		(__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? sizeof(uint32_t) : 0))

static const char safe_path[] = "/usr/sbin:/sbin:/usr/bin:/bin";

static const char *find_in(struct arena *arena, const char *path, const char *name)
{
	while (path && *path) {
		size_t len = strcspn(path, ":");
		const char *file = arena_printf(arena, "%.*s/%s", (int)len, path, name);

		/* an empty or relative folder would mean the one we happen to be called in */
		if (path[0] == '/' && access(file, X_OK) == 0)
			return file;
		path += len + (path[len] == ':');
	}
	return NULL;
}

const char *tool_find(struct arena *arena, const char *name)
{
	const char *file = find_in(arena, getenv("PATH"), name);

	return file ? file : find_in(arena, safe_path, name);
}

static char **environment(struct arena *arena)
{
	static char english[] = "LC_ALL=C";
	VEC(char *) env = { 0 };

	*vec_push(&env, arena) = english;
	for (char **e = environ; *e; e++)
		if (!text_has_prefix(*e, "LC_ALL=") && !text_has_prefix(*e, "LANGUAGE="))
			*vec_push(&env, arena) = *e;
	*vec_push(&env, arena) = NULL;
	return env.items;
}

/* The last ones that ran. */
#define N_OWN 256
static pid_t own_pids[N_OWN];
static size_t n_own;

bool kernel_is_own_program(long pid)
{
	if (pid == getpid())
		return true;
	for (size_t i = 0; i < N_OWN; i++)
		if (own_pids[i] == pid)
			return pid > 0;
	return false;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/*
 * A file in memory and not a pipe: the program may end before it has read everything, which on
 * a pipe would be a SIGPIPE, and nft opens /dev/stdin anew.
 */
static int open_input(const char *input)
{
	size_t len = input ? strlen(input) : 0, done = 0;
	int fd = len ? memfd_create("batch", MFD_CLOEXEC) : open("/dev/null", O_RDONLY | O_CLOEXEC);

	while (fd >= 0 && done < len) {
		ssize_t put = write(fd, input + done, len - done);

		if (put >= 0) {
			done += (size_t)put;
		} else if (errno != EINTR) {
			int sys = errno;

			close_fd(&fd);
			errno = sys;
		}
	}
	if (fd >= 0 && len)
		lseek(fd, 0, SEEK_SET);
	return fd;
}

/*
 * libxtables (1.8.9, xtopt_parse_port) looks each UDP port up by getaddrinfo, number or not, and glibc then lists all addresses of the
 * host, twice a rule with two ports: with 1,000 taps that was nine tenths of a first apply. Without the socket glibc goes on. What
 * fails here is done without.
 */
static void refuse_routes(void)
{
	static struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 5),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ARG_LOW(0)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_NETLINK, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ARG_LOW(2)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NETLINK_ROUTE, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	static struct sock_fprog program = { .len = N_OF(code), .filter = code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)
		prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
}

/* posix_spawn has no place for it. */
static int spawn_without_routes(struct tool_run *run, const char *const *argv, const int fds[3])
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	char **env = environment(arena);

	run->pid = fork();
	if (run->pid < 0) {
		run->pid = 0;
		return errno;
	}
	if (run->pid > 0) {
		own_pids[n_own++ % N_OWN] = run->pid;
		return 0;
	}
	signal(SIGPIPE, SIG_DFL);
	for (int i = 0; i < 3; i++)
		dup2(fds[i], i);
	if (run->shared_fd > STDERR_FILENO)
		dup2(run->shared_fd, SHARED_FD);
	closefrom(run->shared_fd > STDERR_FILENO ? SHARED_FD + 1 : SHARED_FD);
	refuse_routes();
	execve(argv[0], (char *const *)argv, env);
	dprintf(STDERR_FILENO, "cannot be run: %s\n", strerror(errno));
	_exit(127);
}

/* Descriptors of ours are all close-on-exec; dup2 gives the program the three it may have. */
static int spawn(struct tool_run *run, const char *const *argv, const int fds[3])
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t pipe_signal;
	int sys;

	sigemptyset(&pipe_signal);
	sigaddset(&pipe_signal, SIGPIPE);
	posix_spawn_file_actions_init(&actions);
	for (int i = 0; i < 3; i++)
		posix_spawn_file_actions_adddup2(&actions, fds[i], i);
	if (run->shared_fd > STDERR_FILENO)
		posix_spawn_file_actions_adddup2(&actions, run->shared_fd, SHARED_FD);
	/* those that our caller left open for us are not for programs either */
	posix_spawn_file_actions_addclosefrom_np(
		&actions, run->shared_fd > STDERR_FILENO ? SHARED_FD + 1 : SHARED_FD);
	posix_spawnattr_init(&attr);
	/* The signals that a commit holds back are held back from its tools too: see commit.c. */
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setsigdefault(&attr, &pipe_signal);
	sys = posix_spawn(
		&run->pid, argv[0], &actions, &attr, (char *const *)argv, environment(arena));
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	if (sys)
		run->pid = 0;
	else
		own_pids[n_own++ % N_OWN] = run->pid;
	return sys;
}

/* Above 2, so that dup2 onto 0, 1, 2 never meets one of them when we were started without. */
static int raise_fd(int fd)
{
	int high;

	if (fd < 0 || fd > STDERR_FILENO)
		return fd;
	high = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	close(fd);
	return high;
}

static bool open_pipe(int ends[2])
{
	if (pipe2(ends, O_CLOEXEC) < 0) {
		ends[0] = ends[1] = -1;
		return false;
	}
	ends[0] = raise_fd(ends[0]);
	ends[1] = raise_fd(ends[1]);
	return ends[0] >= 0 && ends[1] >= 0;
}

/*
 * A file in memory here too: a save of 500 ports is 3 MB, which a program writes into a pipe in
 * pieces of 4 KiB, and each piece would wake us. Standard error stays a pipe; its end is the
 * program's end.
 */
static int open_output(void)
{
	return raise_fd(memfd_create("output", MFD_CLOEXEC));
}

bool tool_start(struct tool_run *run, const char *const *argv, const char *input, struct err *err)
{
	int in = raise_fd(open_input(input)), sys = in < 0 ? errno : 0;
	int out = sys ? -1 : open_output(), error[2] = { -1, -1 };

	text_clear(&run->out);
	text_clear(&run->error);
	run->program = argv[0];
	if (!sys && (out < 0 || !open_pipe(error)))
		sys = errno;
	if (!sys)
		sys = (run->has_no_routes ? spawn_without_routes : spawn)(
			run, argv, (int[]){ in, out, error[1] });
	close_fd(&in);
	close_fd(&error[1]);
	if (sys) {
		close_fd(&out);
		close_fd(&error[0]);
		return err_system(err, sys, "cannot run %s", argv[0]);
	}
	prlimit(run->pid, RLIMIT_FSIZE, &(struct rlimit){ LIMIT_TOOL_OUTPUT, LIMIT_TOOL_OUTPUT },
		NULL);
	run->out_fd = out;
	run->error_fd = error[0];
	return true;
}

static long long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static bool drain_error(struct tool_run *run, struct err *err)
{
	char buf[READ_SIZE];
	ssize_t got = read(run->error_fd, buf, sizeof(buf));

	if (got < 0 && errno == EINTR)
		return true;
	if (got < 0)
		return err_system(err, errno, "cannot read what %s prints", run->program);
	if (got == 0)
		close_fd(&run->error_fd);
	else if (run->error.len + (size_t)got > LIMIT_TOOL_OUTPUT)
		return err_limit(err, "%s prints more than %zu bytes", run->program,
			(size_t)LIMIT_TOOL_OUTPUT);
	else
		text_add_n(&run->error, buf, (size_t)got);
	return true;
}

/* What the program left in the file of its standard output. */
static bool take_output(struct tool_run *run, struct err *err)
{
	struct stat file;
	size_t size;
	void *data;

	if (run->out_fd < 0)
		return true;
	if (run->exit_code == 128 + SIGXFSZ)
		return err_limit(err, "%s prints more than %zu bytes", run->program,
			(size_t)LIMIT_TOOL_OUTPUT);
	if (fstat(run->out_fd, &file) < 0)
		return err_system(err, errno, "cannot read what %s prints", run->program);
	size = (size_t)file.st_size;
	if (size) {
		data = mmap(NULL, size, PROT_READ, MAP_SHARED, run->out_fd, 0);
		if (data == MAP_FAILED)
			return err_system(err, errno, "cannot read what %s prints", run->program);
		text_add_n(&run->out, data, size);
		munmap(data, size);
	}
	close_fd(&run->out_fd);
	return true;
}

static bool reap(struct tool_run *run, struct err *err)
{
	int status;

	while (waitpid(run->pid, &status, 0) < 0)
		if (errno != EINTR) {
			run->pid = 0;
			return err_system(err, errno, "cannot wait for %s", run->program);
		}
	run->pid = 0;
	run->exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	return true;
}

static bool drain_all(
	struct tool_run *runs, size_t n, struct pollfd *fds, long long until_ms, struct err *err)
{
	for (;;) {
		size_t n_fds = 0, i = 0;
		long long left = until_ms - now_ms();

		for (size_t r = 0; r < n; r++) {
			if (runs[r].error_fd >= 0)
				fds[n_fds++] = (struct pollfd){ runs[r].error_fd, POLLIN, 0 };
		}
		if (!n_fds)
			return true;
		if (left <= 0)
			return err_system(err, ETIMEDOUT, "%s does not end", runs[0].program);
		if (poll(fds, n_fds, (int)left) < 0 && errno != EINTR)
			return err_system(err, errno, "cannot wait for %s", runs[0].program);
		for (size_t r = 0; r < n; r++) {
			struct tool_run *run = &runs[r];

			if (run->error_fd >= 0 && fds[i++].revents && !drain_error(run, err))
				return false;
		}
	}
}

bool tools_finish(struct tool_run *runs, size_t n, struct err *err)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct pollfd *fds = arena_new_array(arena, struct pollfd, n + 1);
	bool ok = drain_all(runs, n, fds, now_ms() + TOOL_TIMEOUT_MS, err);

	for (size_t i = 0; ok && i < n; i++)
		ok = (!runs[i].pid || reap(&runs[i], err)) && take_output(&runs[i], err);
	return ok;
}

void tool_run_done(struct tool_run *run)
{
	struct err ignored;

	close_fd(&run->out_fd);
	close_fd(&run->error_fd);
	if (run->pid) {
		kill(run->pid, SIGKILL);
		reap(run, &ignored);
	}
	text_done(&run->out);
	text_done(&run->error);
}

const char *tool_complaint(struct arena *arena, const struct tool_run *run)
{
	const char *said = run->error.data + strspn(run->error.data, " \t\n");

	if (*said)
		return arena_strndup(arena, said, strcspn(said, "\n"));
	return arena_printf(arena, run->exit_code >= 128 ? "ended by signal %d" : "exit code %d",
		run->exit_code >= 128 ? run->exit_code - 128 : run->exit_code);
}

bool tool_is_nft_name(const char *name)
{
	if (!isalpha((unsigned char)*name) && *name != '_')
		return false;
	for (; *name; name++)
		if (!isalnum((unsigned char)*name) && !strchr("/\\_.-", *name))
			return false;
	return true;
}
