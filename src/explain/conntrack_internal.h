/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef EXPLAIN_CONNTRACK_INTERNAL_H
#define EXPLAIN_CONNTRACK_INTERNAL_H

#include "explain/internal.h"

/* What conntrack of one packet (conntrack.c) and of a set of them (conntrack_set.c) have in common. */

/* Multicast listeners and neighbour discovery, which are never tracked: from the first to the second, and the third. */
#define ICMPV6_MLD_QUERY    130
#define ICMPV6_REDIRECT	    137
#define ICMPV6_MLDV2_REPORT 143

/* What conntrack has of the packet. */
struct found {
	const struct conntrack_entry *entry; /* NULL: nothing */
	bool is_reply, is_ours;
	bool is_uncertain; /* which entry, if any, is not known */
};

bool ct_proto_is_icmp(uint8_t proto);
struct flow_tuple ct_tuple_of(const struct packet *packet);
struct flow_tuple ct_tuple_inverted(const struct flow_tuple *tuple, uint8_t proto);
bool ct_tuple_agrees(
	const struct flow_tuple *key, const struct flow_tuple *tuple, uint64_t unknown);
bool ct_entry_agrees(const struct conntrack_entry *entry, const struct packet *packet,
	const struct flow_tuple *tuple, uint64_t open);
const char *ct_fit_entry(struct skb *skb, const struct conntrack_entry *entry, bool is_reply);
void ct_look_up(struct walk *walk, struct skb *skb, const struct found *found);
bool ct_is_untracked(const struct walk *walk, const struct packet *packet);
bool ct_is_neighbour_or_mld(const struct packet *packet);
bool ct_is_icmp_error(const struct packet *packet);
bool ct_may_begin(const struct skb *skb);
bool ct_tcp_flags_are_valid(uint8_t flags);
/* conntrack_set.c: it has not been looked up yet. */
struct answer ct_look_up_set(struct walk *walk, struct skb *skb, part_fn *go, const void *data);

#endif
