/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef KERNEL_READING_H
#define KERNEL_READING_H

#include "base/vec.h"
#include "host/host.h"
#include "kernel/netlink.h"

/*
 * Private to kernel: one namespace on its way into a struct netns, while this process stands in
 * it. None of these fails: what cannot be read becomes an entry of "unread".
 */
struct reading {
	struct arena *arena;
	struct netns *ns;
	VEC(struct unread) unread;
	VEC(struct sysctl) sysctls;
};

void reading_unread(struct reading *reading, const char *what, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * Is this file of a folder of the kernel's there? What the kernel has no file for it does not have. When
 * that cannot be told (no such folder: not mounted; no permission) it is false and "what" is unread.
 */
bool reading_has(struct reading *reading, const char *folder, const char *file, const char *what);

void reading_addresses(struct reading *reading);
void reading_routes(struct reading *reading);	  /* and rules */
void reading_neighbours(struct reading *reading); /* and FDBs */
void reading_conntrack(struct reading *reading);
void reading_sockets(struct reading *reading);
/* The settings of one link, as links_conf_fn; data: the reading. */
void reading_link_conf(void *data, const char *link, const struct nlattr *af_spec);
void reading_sysctls(struct reading *reading);
void reading_rulesets(struct reading *reading);
void reading_queues(struct reading *reading);
void reading_offloads(struct reading *reading); /* of the links, which are there */
void reading_programs(struct reading *reading); /* tc, BPF, IPsec: that they are there */

#endif
