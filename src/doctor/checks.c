// SPDX-License-Identifier: GPL-2.0-or-later
/* The table of checks, in the order in which they are made. */
#include "doctor/checks.h"

#include "base/vec.h"

const struct check *const doctor_checks[] = {
	&check_nat_source,
	&check_nat_destination,
	&check_raw_drop,
	&check_forward_drop,
	&check_arp_gateway,
	&check_nf_call_needless,
	&check_groups_not_enforced,
	&check_stale_rules,
	&check_conntrack_damaged,
	&check_masquerade_source,
	&check_dnat_unroutable,
	&check_loopback_dnat,
	&check_rules_vanished,
	&check_two_variants,
	&check_equal_priorities,
	&check_duplicate_rules,
	&check_dead_rules,
};
const size_t doctor_n_checks = N_OF(doctor_checks);
