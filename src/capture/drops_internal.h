/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CAPTURE_DROPS_INTERNAL_H
#define CAPTURE_DROPS_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

/* What the running kernel calls its numbers: of reasons by its BTF, of places by /proc/kallsyms. */
struct drops_names;

/* What there is to know of the tracepoint before the program is loaded. */
struct drops_abi {
	bool has_reason, has_rx_sk;
	uint32_t consumed; /* UINT32_MAX: no such reason */
};

/* Errors: the kernel has no BTF, or none that can be read, or no such tracepoint. */
bool drops_names_open(
	struct arena *arena, struct drops_names **ret, struct drops_abi *ret_abi, struct err *err);

/* Both always give something, that lives as long as the arena. */
const char *drops_reason(struct drops_names *names, uint32_t reason);
const char *drops_function(struct drops_names *names, uint64_t location);

#endif
