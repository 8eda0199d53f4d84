/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_ATTEMPT_H
#define TESTS_ATTEMPT_H

#include <stddef.h>

/*
 * System calls that a confined process is not to get through with. Their arguments are such that nothing happens where they are allowed:
 * the kernel then refuses them with another error.
 */
struct attempt {
	const char *what;
	long (*make)(void); /* -1 with errno, or what it gave */
	int may_be;	    /* errno of a kernel that lacks it; 0: none */
};

/* Changes of the host, or the undoing of a sandbox. */
extern const struct attempt attempts_refused[];
extern const size_t n_attempts_refused;
/* What a list of calls, or of arguments, leaves out. */
extern const struct attempt attempts_unknown[];
extern const size_t n_attempts_unknown;

#endif
