/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DOCTOR_CHECKS_H
#define DOCTOR_CHECKS_H

#include "doctor/internal.h"

/* check_*.c: one kind of trouble each. */
extern const struct check check_nat_source;
extern const struct check check_nat_destination;
extern const struct check check_raw_drop;
extern const struct check check_forward_drop;
extern const struct check check_arp_gateway;
extern const struct check check_nf_call_needless;
extern const struct check check_groups_not_enforced;
extern const struct check check_stale_rules;
extern const struct check check_conntrack_damaged;
extern const struct check check_masquerade_source;
extern const struct check check_dnat_unroutable;
extern const struct check check_loopback_dnat;
extern const struct check check_rules_vanished;
extern const struct check check_two_variants;
extern const struct check check_equal_priorities;
extern const struct check check_duplicate_rules;
extern const struct check check_dead_rules;

#endif
