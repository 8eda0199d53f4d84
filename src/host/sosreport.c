// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/vec.h"
#include "host/internal.h"

bool host_load_sosreport(
	struct arena *arena, const char *folder, const struct host **ret, struct err *err)
{
	(void)arena;
	(void)ret;
	return err_input(err, "%s: it is a folder", folder);
}
