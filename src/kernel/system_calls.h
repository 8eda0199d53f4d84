/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef KERNEL_SYSTEM_CALLS_H
#define KERNEL_SYSTEM_CALLS_H

#include "base/err.h"

/* Private to kernel: the filters of system calls (seccomp) of the service's processes. They need no_new_privs, and stay. */
bool system_calls_confine_engine(struct err *err);
bool system_calls_confine_door(struct err *err);

#endif
