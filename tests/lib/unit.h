/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

/* cmocka needs these four before it, in every test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <unistd.h>

#include "base/vec.h"

/*
 * Ends a test function early, as skipped. cmocka's own skip() has no place for the reason, and
 * meson takes its output for a failure; tools/run-tests knows this line, and lists the reason.
 */
#define skip_because(...)                                                                          \
	do {                                                                                       \
		printf("# skip: " __VA_ARGS__);                                                    \
		printf("\n");                                                                      \
		return;                                                                            \
	} while (0)

#endif
