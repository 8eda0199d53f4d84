/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef KERNEL_CONNTRACK_H
#define KERNEL_CONNTRACK_H

#include "host/host.h"
#include "kernel/netlink.h"
#include "packet/packet.h"

/* Private to kernel: one entry of a conntrack dump. */

/* What conntrack tells flows apart by, in one direction. */
struct dumped_tuple {
	struct addr src, dst;
	uint16_t sport, dport; /* ICMP: its identifier in sport */
	uint16_t zone;
	uint8_t proto, icmp_type, icmp_code;
};

/* The attributes of one entry that matter here. */
struct ct_entry {
	const struct nlattr *original, *zone, *id;
	struct dumped_tuple tuple, reply, master;
	uint32_t mark, status; /* enum ip_conntrack_status */
	bool has_master;
	uint32_t timeout_s;
	const char *tcp_state; /* NULL: not TCP */
};

void ct_entry_read(const struct nlmsghdr *nlh, struct ct_entry *entry);
struct conntrack_entry ct_entry_value(const struct ct_entry *entry); /* as a host has it */
/* All entries of this namespace; as netlink_list. */
bool ct_list(void (*begin)(void *data), mnl_cb_t each, void *data, struct err *err);

#endif
