/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HOST_INDEX_H
#define HOST_INDEX_H

#include "base/places.h"
#include "host/host.h"

/*
 * The lists of a namespace by keys. Every walk is over a superset of what has the key, in the order
 * of the list (base/places.h); netns_finish makes the index, and without it a walk is over all.
 *
 *	for (size_t i = netns_first(ns, FDB_BY_MAC, key_of_mac(mac)); i < ns->n_fdb;
 *		i = netns_next(ns, FDB_BY_MAC, i))
 */
enum netns_by {
	LINKS_BY_MASTER, /* master_index */
	LINKS_BY_LOWER,	 /* lower_index */
	ADDRESSES_BY_LOCAL,
	ADDRESSES_BY_LINK, /* index */
	NEIGHBOURS_BY_ADDR,
	FDB_BY_MAC,
	FDB_BY_PORT,   /* port_index */
	FLOWS_BY_ENDS, /* conntrack, a place is twice the entry's, plus one for its reply */
	ROUTES_BY_DST, /* key_of_route */
	N_NETNS_BY,
};

struct netns_index {
	struct places *by[N_NETNS_BY];
	bool has_len[N_IP_FAMILIES][129]; /* routes to prefixes of that length */
};

void netns_index(struct arena *arena, struct netns *ns);

size_t netns_first(const struct netns *ns, enum netns_by by, uint64_t key);
size_t netns_next(const struct netns *ns, enum netns_by by, size_t place);
/* May there be routes to prefixes of that length? */
bool netns_has_route_len(const struct netns *ns, enum family family, unsigned len);

/* Keys that are no number. */
uint64_t key_of_addr(const struct addr *addr);
uint64_t key_of_mac(struct mac mac);
uint64_t key_of_ends(const struct addr *a, const struct addr *b); /* in any order */
uint64_t key_of_route(uint32_t table, const struct addr *dst, unsigned len);

#endif
