/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef KERNEL_SETTINGS_H
#define KERNEL_SETTINGS_H

#include "kernel/kernel.h"

/*
 * Private to kernel: the steps of a plan that no program does, TOOL_SYSCTL and TOOL_LINK. ret_done_len: how many
 * bytes of the text, whole lines, were done, also when one is refused.
 */
bool settings_run(enum tool tool, const char *text, size_t *ret_done_len, struct err *err);

#endif
