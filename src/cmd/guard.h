/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CMD_GUARD_H
#define CMD_GUARD_H

#include "agent/guard.h"

/*
 * guard_harms.c: in a process of its own, so that the guard is not kept waiting: does what stands now harm the ports in spite of the
 * guard? Each harm is one line of the log when it is new, and one when it is gone; what was logged already is known by a file beside the
 * last policy. writer: who changed rules just now; NULL: nobody.
 */
void guard_look_for_harms(const char *writer);

/* guard.c: logs who changed which rules, and looks for harms. */
void guard_log_changes(void *data, const struct kernel_change *changes, size_t n);

#endif
