// SPDX-License-Identifier: GPL-2.0-or-later
/* Work in another network namespace, and the way back. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/kernel.h"
#include "kernel/processes.h"

#define OWN "/proc/self/ns/net"

static bool is_it(const char *path, uint64_t inode)
{
	struct stat file;

	return stat(path, &file) == 0 && file.st_ino == inode;
}

static int open_named(uint64_t inode)
{
	static const char folder[] = "/run/netns";
	DIR *dir = opendir(folder);
	const struct dirent *entry;
	char path[512];
	int fd = -1;

	while (dir && fd < 0 && (entry = readdir(dir)) != NULL) {
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		if (entry->d_name[0] != '.' && is_it(path, inode))
			fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	if (dir)
		closedir(dir);
	return fd;
}

int netns_open_of_process(struct arena *arena, uint64_t inode)
{
	struct pids pids;
	char path[64];

	if (!pids_read(arena, "/proc", &pids))
		return -1;
	vec_for_each (pid, &pids) {
		snprintf(path, sizeof(path), "/proc/%ld/ns/net", *pid);
		if (is_it(path, inode))
			return open(path, O_RDONLY | O_CLOEXEC);
	}
	return -1;
}

bool kernel_in_netns(
	uint64_t inode, bool (*work)(void *data, struct err *err), void *data, struct err *err)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	int own, there;
	bool ok;

	if (is_it(OWN, inode))
		return work(data, err);
	there = open_named(inode);
	if (there < 0)
		there = netns_open_of_process(arena, inode);
	if (there < 0)
		return err_system(err, ENOENT, "the network namespace %llu is not there any more",
			(unsigned long long)inode);
	own = open(OWN, O_RDONLY | O_CLOEXEC);
	ok = own >= 0 && setns(there, CLONE_NEWNET) == 0;
	if (!ok)
		err_system(err, errno, "cannot enter the network namespace %llu",
			(unsigned long long)inode);
	close(there);
	if (ok) {
		ok = work(data, err);
		if (setns(own, CLONE_NEWNET) < 0)
			ok = err_system(err, errno, "cannot return to the own network namespace");
	}
	if (own >= 0)
		close(own);
	return ok;
}
