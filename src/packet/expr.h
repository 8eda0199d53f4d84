/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PACKET_EXPR_H
#define PACKET_EXPR_H

#include "packet/packet.h"

/*
 * A packet as people write it:
 *
 *	icmp 172.17.0.8 172.17.0.9
 *	tcp 10.0.0.5:any 10.0.0.9:443 syn
 *	udp [2001:db8::1]:53 [2001:db8::2]:1024 ttl 3
 *	icmp 10.0.0.1 10.0.0.2 type 3 code 1
 *	ipip 10.0.0.2 192.168.1.5 mac 02:00:00:00:00:01 > 02:00:00:00:00:02 vlan 5
 *	arp 10.0.0.1 10.0.0.2
 *
 * PROTOCOL SOURCE DESTINATION [OPTION...]. "any" leaves a field open (packet.unknown), and so is what is
 * not said: MACs, length, ports, the sender's user. Otherwise: a SYN, an echo request, TTL 64.
 */
bool packet_expr_parse(const char *text, struct packet *ret, struct err *err);

/* In the same syntax: parsed again it is the same packet. Interfaces and conntrack are not in it. */
void packet_expr_print(struct text *out, const struct packet *packet);

#endif
