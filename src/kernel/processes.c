// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/processes.h"

#include <dirent.h>
#include <stdlib.h>

static int by_number(const void *a, const void *b)
{
	long x = *(const long *)a, y = *(const long *)b;

	return (x > y) - (x < y);
}

bool pids_read(struct arena *arena, const char *proc, struct pids *ret)
{
	DIR *dir = opendir(proc);
	const struct dirent *entry;
	struct pids pids = { 0 };

	if (!dir)
		return false;
	while ((entry = readdir(dir)) != NULL)
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
			*vec_push(&pids, arena) = strtol(entry->d_name, NULL, 10);
	closedir(dir);
	if (pids.n)
		qsort(pids.items, pids.n, sizeof(*pids.items), by_number);
	*ret = pids;
	return true;
}
