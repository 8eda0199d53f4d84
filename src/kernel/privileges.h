/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef KERNEL_PRIVILEGES_H
#define KERNEL_PRIVILEGES_H

#include "base/err.h"

/*
 * What the processes of the service may do, given up for good by the calling process, for itself and whatever it starts. It
 * has one thread, and is root when it calls. What it has open stays open. On failure an unknown part has been given up already: the
 * process has to end.
 *
 *                        engine                            its reader            door
 *   user                 root                              root                  user, group; no other group
 *   effective            NET_ADMIN NET_RAW                 + SYS_ADMIN           none
 *                                                          SYS_PTRACE
 *   permitted            NET_ADMIN NET_RAW SYS_ADMIN       the same              none
 *                        SYS_PTRACE
 *   programs it starts   NET_ADMIN NET_RAW                 the same              cannot start any
 *   system calls         those of the tools                the same              those of SQLite, HTTP, JSON
 *
 * Root without capabilities still owns root's files: it needs that for /run/xtables.lock, which it shares with every other
 * iptables of the host. What else of the file system it sees is for systemd/portwall.service to cut. Each capability and each system call
 * has its reason in privileges.c and system_calls.c.
 */

/*
 * The process that touches the kernel. SYS_ADMIN and SYS_PTRACE are kept only where they are there, and lie idle: who reads the whole
 * host (verify, findings) takes them up in a child of its own with kernel_privileges_reader, which without
 * them reads less, and says of what it cannot read that it is unread.
 * Errors: NET_ADMIN, NET_RAW or SETPCAP is missing; the kernel has no seccomp filters.
 */
bool kernel_privileges_engine(struct err *err);
bool kernel_privileges_reader(struct err *err);

/*
 * The process that parses requests (and the one beside it that looks at passwords), as that user and in its group: works with the descriptors that it has, and with files that its user may open. It makes no
 * socket (so it logs to a descriptor and tells no service manager), no process and no thread, and maps no new code: what dlopen would bring has to
 * be loaded before. A call that no library of it makes by itself (execve, ptrace, mount) ends it at once with SIGSYS, which the kernel
 * logs; any other call that is not on its list does not exist for it (ENOSYS).
 * Errors: there is no such user, it is root, or its group is root's (ERR_INPUT); SETUID, SETGID or SETPCAP is missing; no seccomp filters.
 */
bool kernel_privileges_door(const char *user, struct err *err);

#endif
