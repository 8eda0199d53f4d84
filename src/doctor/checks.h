/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DOCTOR_CHECKS_H
#define DOCTOR_CHECKS_H

#include "doctor/internal.h"

/* check_*.c: one kind of trouble each. */
extern const struct check check_nat_source;
extern const struct check check_nat_destination;
extern const struct check check_raw_drop;
extern const struct check check_forward_drop;
extern const struct check check_conntrack_damaged;
extern const struct check check_arp_gateway;
extern const struct check check_groups_not_enforced;
extern const struct check check_nf_call_needless;
extern const struct check check_spoof_after_accept;
extern const struct check check_tap_without_chains;
extern const struct check check_ipip_as_94;
extern const struct check check_source_dropped;
extern const struct check check_tunnel_one_way;
extern const struct check check_vrrp_missing;
extern const struct check check_igmp_missing;
extern const struct check check_icmpv6_missing;
extern const struct check check_invalid_asymmetric;
extern const struct check check_published_port_open;
extern const struct check check_nfqueue;
extern const struct check check_rp_filter;
extern const struct check check_forwarding_off;
extern const struct check check_port_state;
extern const struct check check_port_locked;
extern const struct check check_port_isolated;
extern const struct check check_mtu;
extern const struct check check_hairpin;
extern const struct check check_masquerade_source;
extern const struct check check_dnat_unroutable;
extern const struct check check_loopback_dnat;
extern const struct check check_rules_vanished;
extern const struct check check_two_variants;
extern const struct check check_equal_priorities;
extern const struct check check_overlapping_routes;
extern const struct check check_neighbour_failed;
extern const struct check check_multicast_snooping;
extern const struct check check_lro_under_bridge;
extern const struct check check_vxlan_checksum;
extern const struct check check_dhcp_checksum;
extern const struct check check_sysctl_files;
extern const struct check check_helper_missing;
extern const struct check check_chains_without_tap;
extern const struct check check_stale_rules;
extern const struct check check_duplicate_rules;
extern const struct check check_dead_rules;

#endif
