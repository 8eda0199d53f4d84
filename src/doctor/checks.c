// SPDX-License-Identifier: GPL-2.0-or-later
/* The table of checks, in the order in which they are made. */
#include "doctor/checks.h"

#include "base/vec.h"

const struct check *const doctor_checks[] = {
	&check_nat_source,
	&check_nat_destination,
	&check_nfqueue,
	&check_rp_filter,
	&check_forwarding_off,
	&check_port_state,
	&check_port_locked,
	&check_port_isolated,
	&check_mtu,
	&check_hairpin,
	&check_overlapping_routes,
	&check_neighbour_failed,
	&check_multicast_snooping,
	&check_lro_under_bridge,
	&check_vxlan_checksum,
	&check_dhcp_checksum,
	&check_sysctl_files,
	&check_ipip_as_94,
	&check_spoof_after_accept,
	&check_tap_without_chains,
	&check_chains_without_tap,
	&check_vrrp_missing,
	&check_igmp_missing,
	&check_icmpv6_missing,
	&check_source_dropped,
	&check_tunnel_one_way,
	&check_helper_missing,
	&check_published_port_open,
};
const size_t doctor_n_checks = N_OF(doctor_checks);
