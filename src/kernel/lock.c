// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "kernel/kernel.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71 /* Linux 5.14 */
#endif

#define POLL_MS 50

/* For tests, and for dry runs without root. */
static const char *run_dir(void)
{
	const char *dir = getenv("PORTWALL_RUN_DIR");

	return dir && *dir ? dir : "/run/portwall";
}

/* A number of the namespace that is never used again until the next boot. */
static bool netns_cookie(uint64_t *ret, struct err *err)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t size = sizeof(*ret);
	int sys = 0;

	if (fd < 0)
		return err_system(err, errno, "cannot open a socket");
	if (getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, ret, &size) < 0)
		sys = errno;
	close(fd);
	if (sys) {
		err_system(err, sys, "the kernel does not tell network namespaces apart");
		return err_next(err, "portwall needs Linux 5.14 or later");
	}
	return true;
}

static bool refuse_access(int sys, const char *verb, const char *path, struct err *err)
{
	err_system(err, sys, "cannot %s %s", verb, path);
	return sys == EACCES || sys == EPERM ? err_next(err, "call it with sudo") : false;
}

/* Of this namespace: "DIR/<cookie><suffix>". */
static bool file_path(struct arena *arena, const char *suffix, const char **ret, struct err *err)
{
	const char *dir = run_dir();
	uint64_t cookie = 0;

	if (!netns_cookie(&cookie, err))
		return false;
	*ret = arena_printf(arena, "%s/%llu%s", dir, (unsigned long long)cookie, suffix);
	return true;
}

static bool make_run_dir(struct err *err)
{
	if (mkdir(run_dir(), 0755) == 0 || errno == EEXIST)
		return true;
	return refuse_access(errno, "make", run_dir(), err);
}

bool kernel_state_path(struct arena *arena, const char **ret, struct err *err)
{
	struct text boot CLEANUP(text_done) = TEXT_INIT;

	if (!text_load(&boot, "/proc/sys/kernel/random/boot_id", 64, err))
		return false;
	boot.data[strcspn(boot.data, "\n")] = '\0';
	return file_path(arena, arena_printf(arena, "-%s.yaml", boot.data), ret, err);
}

static bool conflict(int fd, const char *path, struct err *err)
{
	char holder[32] = "";
	ssize_t got = pread(fd, holder, sizeof(holder) - 1, 0);

	holder[got > 0 ? strspn(holder, "0123456789") : 0] = '\0';
	if (*holder)
		err_conflict(err, "process %s is changing the filters of this host", holder);
	else
		err_conflict(err, "another process is changing the filters of this host");
	return err_next(err, "try again when it is done (it holds %s)", path);
}

/* -1 with errno */
static int open_lock_file(const char *path)
{
	/* a link that somebody put there must not lead us to another file; who may open it may
	 * hold the lock for ever, and that needs no more than reading */
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd >= 0 && fd <= STDERR_FILENO) {
		int low = fd;

		fd = fcntl(low, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
		close(low);
	}
	return fd;
}

/* Whoever held it before may have removed the file while we waited for it. */
static bool is_still_there(int fd, const char *path)
{
	struct stat opened, named;

	return fstat(fd, &opened) == 0 && stat(path, &named) == 0 &&
	       opened.st_ino == named.st_ino && opened.st_dev == named.st_dev;
}

bool kernel_lock_open(struct kernel_lock *ret, unsigned wait_s, struct err *err)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	const struct timespec pause = { 0, POLL_MS * 1000000L };
	unsigned long long tries = (unsigned long long)wait_s * 1000 / POLL_MS;
	const char *path = NULL;
	int fd;

	if (!make_run_dir(err) || !file_path(arena, ".lock", &path, err))
		return false;
	for (;;) {
		fd = open_lock_file(path);
		if (fd < 0)
			return refuse_access(errno, "open", path, err);
		if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
			if (is_still_there(fd, path))
				break;
		} else if (errno != EWOULDBLOCK && errno != EINTR) {
			err_system(err, errno, "cannot lock %s", path);
			close(fd);
			return false;
		} else if (tries-- == 0) {
			conflict(fd, path, err);
			close(fd);
			return false;
		} else {
			nanosleep(&pause, NULL);
		}
		close(fd);
	}
	/* only for people: the lock holds without it */
	if (ftruncate(fd, 0) < 0 || dprintf(fd, "%d\n", (int)getpid()) < 0) {
		err_system(err, errno, "cannot write %s", path);
		close(fd);
		return false;
	}
	ret->fd = fd;
	return true;
}

/* A lock that was never opened is {0} or {-1}; one that was is above standard error. */
void kernel_lock_close(struct kernel_lock *lock)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	const char *path = NULL;
	struct err ignored;

	if (lock->fd > STDERR_FILENO) {
		/* While it is held nobody else's file has this name. */
		if (file_path(arena, ".lock", &path, &ignored) && is_still_there(lock->fd, path))
			unlink(path);
		close(lock->fd);
	}
	lock->fd = -1;
}
