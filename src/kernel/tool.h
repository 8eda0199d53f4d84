/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef KERNEL_TOOL_H
#define KERNEL_TOOL_H

#include <sys/types.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/text.h"
#include "kernel/kernel.h"

/*
 * Private to kernel: other programs. No shell; messages in English (LC_ALL=C); nothing of ours
 * but standard input, output and error, and shared_fd, reaches them.
 */
struct tool_run {
	const char *program;  /* as found in PATH */
	pid_t pid;	      /* 0: not running */
	int out_fd, error_fd; /* -1: closed */
	bool has_no_routes;   /* it gets no socket of NETLINK_ROUTE: see refuse_routes */
	int shared_fd;	      /* the program holds it open too, as long as it runs; 0: none */
	struct text out, error;
	int exit_code; /* of the program, or 128 + the signal that ended it */
};

#define TOOL_RUN_INIT                                                                              \
	{                                                                                          \
		.out_fd = -1, .error_fd = -1, .out = TEXT_INIT, .error = TEXT_INIT                 \
	}

/* A program that has not ended after so long never will. */
#define TOOL_TIMEOUT_MS 120000

/* Searches PATH, then /usr/sbin:/sbin:/usr/bin:/bin. NULL: not there. */
const char *tool_find(struct arena *arena, const char *name);

/* argv[0] is a path. input NULL: empty. The run stays where it is until tool_run_done. */
bool tool_start(struct tool_run *run, const char *const *argv, const char *input, struct err *err);
/* Waits for the end of all n runs. Fails when one did not end by itself or said too much. A
 * program that refuses (exit_code) is not a failure of this function. */
bool tools_finish(struct tool_run *runs, size_t n, struct err *err);
void tool_run_done(struct tool_run *run); /* for CLEANUP; ends a program that still runs */

/* The first line of what a program said on standard error, for messages. */
const char *tool_complaint(struct arena *arena, const struct tool_run *run);

/* Which program does it: family IPv4 or IPv6, action "save" or "restore". Fails when it is not
 * installed. */
bool backend_program(struct arena *arena, enum backend backend, enum family family,
	const char *action, const char **ret, struct err *err);
/* Can nft be asked for something of this name? Others can only be listed with everything. */
bool tool_is_nft_name(const char *name);
/* ipset, nft: fails with the package's name when there is none. */
bool tool_must_find(struct arena *arena, const char *name, const char **ret, struct err *err);

#endif
