/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef KERNEL_PROCESSES_H
#define KERNEL_PROCESSES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/vec.h"

struct pids {
	VEC(long);
};

/* The processes of proc ("/proc"; a test has its own), by number. false: it cannot be read, errno says
 * why. */
bool pids_read(struct arena *arena, const char *proc, struct pids *ret);

/* enter.c: a network namespace, by the first process that is in it. -1: none is. */
int netns_open_of_process(struct arena *arena, uint64_t inode);

#endif
