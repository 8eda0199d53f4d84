/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef KERNEL_SYSCTL_FILES_H
#define KERNEL_SYSCTL_FILES_H

#include "kernel/guests.h"

/*
 * Private to kernel: what files of sysctl.d set at boot (sysctl.d(5)), of the settings that a host for machines needs:
 * host.sysctl_lines, in the order in which they are applied. root: "" (a test has its own). Returns what could not be
 * read: "sysctl files".
 */
struct unread_list sysctl_lines_read(struct arena *arena, const char *root, struct host *host);

#endif
