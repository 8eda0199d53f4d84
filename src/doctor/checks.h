/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DOCTOR_CHECKS_H
#define DOCTOR_CHECKS_H

#include "doctor/internal.h"

/* check_*.c: one kind of trouble each. */
extern const struct check check_nat_source;
extern const struct check check_nat_destination;

#endif
