/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HOST_INTERNAL_H
#define HOST_INTERNAL_H

#include "host/host.h"

/* Private to host. */

/* What host_print wrote; name is for messages. data is changed, ends in NUL, and must live as long
 * as the host, which points into it. */
bool host_parse_text(struct arena *arena, const char *name, char *data, size_t size,
	const struct host **ret, struct err *err);

/* The folder of an unpacked sosreport. */
bool host_load_sosreport(
	struct arena *arena, const char *folder, const struct host **ret, struct err *err);

#endif
