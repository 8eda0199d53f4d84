/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HOST_IPROUTE_H
#define HOST_IPROUTE_H

#include "host/host.h"

/*
 * Private to host: what ip, bridge and sysctl print for people. Adds to ns. A line whose meaning
 * is not clear is an error with its number: the part is unread then. Links come first, the others
 * name them.
 */
enum iproute_kind {
	IPROUTE_LINKS,	   /* ip [-s] [-d] link, ip [-d] address */
	IPROUTE_ADDRESSES, /* ip [-d] address */
	IPROUTE_ROUTES,	   /* ip route show table all */
	IPROUTE_ROUTES4,   /* the same, IPv4 alone */
	IPROUTE_ROUTES6,   /* ip -6 route show table all */
	IPROUTE_RULES4,
	IPROUTE_RULES6,
	IPROUTE_NEIGHBOURS,
	IPROUTE_FDB,
	IPROUTE_SYSCTLS, /* sysctl -a */
	IPROUTE_VLANS,	 /* bridge -d vlan show */
};
/* Keys of links (host/schema.c) that an older ip, or one without -d, does not print. */
struct iproute_missing {
	const char *keys[24];
	size_t n;
};
/* missing: of IPROUTE_LINKS; NULL: not asked. */
bool iproute_parse(struct arena *arena, struct netns *ns, enum iproute_kind kind, const char *text,
	struct iproute_missing *missing, struct err *err);

#endif
