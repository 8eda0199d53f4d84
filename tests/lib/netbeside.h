/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_NETBESIDE_H
#define TESTS_NETBESIDE_H

#include "unit.h"

/*
 * As cmocka_run_group_tests behind net_main, for cases that mostly wait: each runs in a process of
 * its own with a /run of its own, n_at_once at a time, and is reported in order. A case that dies,
 * or that leaks, has failed. Returns how many have.
 */
int net_run_beside(
	const char *name, const struct CMUnitTest *tests, size_t n_tests, unsigned n_at_once);

#endif
