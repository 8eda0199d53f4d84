/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_NETCT_H
#define TESTS_NETCT_H

#include "netframe.h"

/*
 * What conntrack will say of the next packet: a small model of nf_conntrack, enough for flows
 * that the tests make (no windows, no timeouts, TCP by its flags only). A zone here is any number.
 */
struct net_ct;

struct net_ct *net_ct_new(void);
void net_ct_free(struct net_ct *ct);
void net_ct_flush(struct net_ct *ct);

/* The state of a packet that conntrack is about to see. icmp_id must be set for echoes. */
enum ct_state net_ct_look(struct net_ct *ct, uint16_t zone, const struct net_frame *frame);
/* It passed all filters of its way: a new flow is remembered. */
void net_ct_confirm(struct net_ct *ct, uint16_t zone, const struct net_frame *frame);

#endif
