// SPDX-License-Identifier: GPL-2.0-or-later
/* Sockets of the file system: where the service is asked. */
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "kernel/kernel.h"

#define BACKLOG 128

bool kernel_pair_open(int ret[2], struct err *err)
{
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ret) == 0 ||
	       err_system(err, errno, "cannot make a pair of sockets");
}

static bool address_of(const char *path, struct sockaddr_un *ret, struct err *err)
{
	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(ret->sun_path))
		return err_input(err, "the path %s is longer than a socket's may be (%zu bytes)",
			path, sizeof(ret->sun_path) - 1);
	memcpy(ret->sun_path, path, strlen(path));
	return true;
}

/* The connected socket; -1 and errno. */
static int connect_to(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), sys;

	if (fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0) {
		sys = errno;
		close(fd);
		errno = sys;
		return -1;
	}
	return fd;
}

/* A socket that nobody listens behind any more is what a killed service left. */
static bool clear_the_way(const char *path, const struct sockaddr_un *address, struct err *err)
{
	struct stat file;
	int fd;

	if (lstat(path, &file) < 0)
		return errno == ENOENT || err_system(err, errno, "cannot look at %s", path);
	if (!S_ISSOCK(file.st_mode))
		return err_conflict(err, "%s is there and is no socket", path);
	fd = connect_to(address);
	if (fd >= 0 || errno != ECONNREFUSED) {
		if (fd >= 0)
			close(fd);
		err_conflict(err, "another process listens at %s", path);
		return err_next(err,
			"is portwall serve running already? Stop it, or choose another socket");
	}
	return unlink(path) == 0 || err_system(err, errno, "cannot remove the old socket %s", path);
}

static bool give_to(const char *path, const char *group, struct err *err)
{
	const struct group *entry = NULL;

	errno = 0;
	if (group && !(entry = getgrnam(group))) {
		err_input(err, "there is no group %s", group);
		return err_next(err, "addgroup --system %s, or name another group", group);
	}
	if (entry && chown(path, (uid_t)-1, entry->gr_gid) < 0)
		return err_system(err, errno, "cannot give %s to the group %s", path, group);
	return chmod(path, 0660) == 0 || err_system(err, errno, "chmod %s", path);
}

bool kernel_socket_listen(const char *path, const char *group, int *ret_fd, struct err *err)
{
	struct sockaddr_un address;
	mode_t mask;
	int fd, sys;

	if (!address_of(path, &address, err) || !clear_the_way(path, &address, err))
		return false;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_system(err, errno, "cannot make a socket");
	mask = umask(0177); /* nobody is quicker than chmod */
	sys = bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? errno : 0;
	umask(mask);
	if (sys) {
		err_system(err, sys, "cannot make the socket %s", path);
	} else if (give_to(path, group, err)) {
		if (listen(fd, BACKLOG) == 0) {
			*ret_fd = fd;
			return true;
		}
		err_system(err, errno, "cannot listen at %s", path);
	}
	if (!sys)
		unlink(path);
	close(fd);
	return false;
}

bool kernel_socket_is_here(const char *path)
{
	struct sockaddr_un address;
	struct stat own, theirs;
	struct ucred peer;
	socklen_t size = sizeof(peer);
	char link[64];
	struct err ignored;
	bool is_here = false;
	int fd;

	if (!address_of(path, &address, &ignored) || (fd = connect_to(&address)) < 0)
		return false;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.pid > 0) {
		snprintf(link, sizeof(link), "/proc/%ld/ns/net", (long)peer.pid);
		/* who may not look (no root) is in the namespace that everybody is in */
		is_here = stat("/proc/self/ns/net", &own) < 0 || stat(link, &theirs) < 0 ||
			  (own.st_dev == theirs.st_dev && own.st_ino == theirs.st_ino);
	}
	close(fd);
	return is_here;
}
