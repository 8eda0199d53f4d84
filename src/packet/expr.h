/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PACKET_EXPR_H
#define PACKET_EXPR_H

#include "base/arena.h"
#include "base/vec.h"
#include "packet/field.h"

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
/* What packets of its protocol have that is not said, put into it; returned are these fields, as FIELD_BITs. */
uint64_t packet_expr_usual(struct packet *packet);

/* The values of one field that an expression of a set allows: those in one of the ranges (both bounds included),
 * or, negated, those in none. */
struct packet_range {
	struct field_value min, max;
};
struct packet_choice {
	enum field field;
	bool is_negated;
	struct packet_range *ranges; /* sorted, not overlapping, not adjacent */
	size_t n;
};
struct packet_choices {
	VEC(struct packet_choice);
};

/*
 * The same for a set of packets: in place of an address a prefix, a range or a list ("10.0.0.0/8", "10.0.0.1-10.0.0.9",
 * "10.0.0.0/8,192.168.0.1"), in place of a port or of the number of an option a range or a list ("22,80-90"), each
 * with "!" in front for all but those ("!10.0.0.0/8:!22", "![2001:db8::/32]:80"). The packet has what all of the set
 * have; the fields of the choices are in its "unknown". An expression of one packet has no choices. Host bits of a
 * prefix are cleared. What allows every value is "any"; "::/0" says the family as well. No choices: vlan, dscp, code,
 * and ARP. At most LIMIT_EXPR_LIST items a list.
 */
bool packet_expr_parse_set(struct arena *arena, const char *text, struct packet *ret,
	struct packet_choices *ret_choices, struct err *err);

/* In the same syntax: parsed again it is the same packet. Interfaces and conntrack are not in it. */
void packet_expr_print(struct text *out, const struct packet *packet);
/* The same for a set: parsed again it is the same set. */
void packet_expr_print_set(
	struct text *out, const struct packet *packet, const struct packet_choices *choices);

#endif
