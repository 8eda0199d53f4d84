/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef KERNEL_GUESTS_H
#define KERNEL_GUESTS_H

#include "host/host.h"

/*
 * Private to kernel: which tap belongs to which guest, from the command lines of running qemu
 * processes; libvirt may run in a container, with its definitions out of sight. Fills netns.vms of
 * a host whose links were read. proc: "/proc". A guest of which a tap is not found is unread of
 * the host ("guest NAME"); returns what that adds.
 */
struct unread_list {
	struct unread *items;
	size_t n;
};
struct unread_list guests_read(struct arena *arena, const char *proc, struct host *host);

#endif
