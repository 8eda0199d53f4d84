/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_COUNTERS_H
#define TESTS_COUNTERS_H

#include "host/host.h"

/* Counters of every rule and policy in every namespace, as they were told and as the kernel has them. Gives how many differ;
 * n_compared: as many more were compared. */
size_t counters_compare(
	const struct host *told, const struct host *seen, bool is_printed, size_t *n_compared);
size_t counters_rules(const struct host *host); /* how many rules it has */

#endif
