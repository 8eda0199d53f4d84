/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DOCTOR_CHECKS_H
#define DOCTOR_CHECKS_H

#include "doctor/internal.h"

/* check_*.c: one kind of trouble each. */
extern const struct check check_nat_source;
extern const struct check check_nat_destination;
extern const struct check check_nfqueue;
extern const struct check check_rp_filter;
extern const struct check check_forwarding_off;
extern const struct check check_port_state;
extern const struct check check_port_locked;
extern const struct check check_port_isolated;
extern const struct check check_mtu;
extern const struct check check_hairpin;
extern const struct check check_overlapping_routes;
extern const struct check check_neighbour_failed;
extern const struct check check_multicast_snooping;
extern const struct check check_lro_under_bridge;
extern const struct check check_vxlan_checksum;
extern const struct check check_dhcp_checksum;
extern const struct check check_sysctl_files;

#endif
