// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * MACs that a packet was given without. Who asks about addresses means the stations that have
 * them: what the host knows of them (its own addresses, its neighbours, what a bridge has learned
 * behind a port) is taken, when all that knows agrees. What nobody knows stays open. Devices that no frame gets to from
 * where the packet starts are not asked: there the same address is another station, or one behind a
 * router, whose own MAC the sender takes. The MAC of a group is made of its address.
 */
#include "explain/internal.h"

#include <stdlib.h>
#include <string.h>

struct finding {
	struct mac mac;
	unsigned n; /* different ones */
};

static void found(struct finding *finding, struct mac mac)
{
	static const struct mac none;

	if (mac_equal(mac, none) || (finding->n && mac_equal(finding->mac, mac)))
		return;
	finding->mac = mac;
	finding->n++;
}

/* What a device on the packet's segment has, or has for a neighbour. */
static const struct link *joined(
	const struct host *host, const struct query *query, const struct netns *ns, int index)
{
	const struct link *link = netns_link_by_index(ns, index);

	return link && host_is_joined(host, query->ns, query->in, ns, link) ? link : NULL;
}

static bool has_mac(const struct neighbour *neighbour)
{
	return neighbour->has_mac && !neighbour->is_failed && !neighbour->is_proxy;
}

static void look_in_netns(const struct host *host, const struct query *query,
	const struct netns *ns, const struct addr *addr, struct finding *finding)
{
	uint64_t key = key_of_addr(addr);

	for (size_t i = netns_first(ns, ADDRESSES_BY_LOCAL, key); i < ns->n_addresses;
		i = netns_next(ns, ADDRESSES_BY_LOCAL, i)) {
		const struct link *link = joined(host, query, ns, ns->addresses[i].index);

		if (link && addr_compare(&ns->addresses[i].local, addr) == 0)
			found(finding, link->mac);
	}
	for (size_t i = netns_first(ns, NEIGHBOURS_BY_ADDR, key); i < ns->n_neighbours;
		i = netns_next(ns, NEIGHBOURS_BY_ADDR, i))
		if (has_mac(&ns->neighbours[i]) &&
			addr_compare(&ns->neighbours[i].addr, addr) == 0 &&
			joined(host, query, ns, ns->neighbours[i].index))
			found(finding, ns->neighbours[i].mac);
}

/* The one station that the bridge has learned behind the port. */
static void look_behind(const struct netns *ns, const struct link *port, struct finding *finding)
{
	for (size_t i = netns_first(ns, FDB_BY_PORT, (uint64_t)port->index); i < ns->n_fdb;
		i = netns_next(ns, FDB_BY_PORT, i))
		if (ns->fdb[i].port_index == port->index && !ns->fdb[i].is_permanent)
			found(finding, ns->fdb[i].mac);
}

static uint64_t take(
	struct packet *packet, enum field field, struct mac *mac, const struct finding *finding)
{
	uint64_t bit = FIELD_BIT(field);

	if (!(packet->unknown & bit) || finding->n != 1)
		return 0;
	*mac = finding->mac;
	packet->unknown &= ~bit;
	return bit;
}

uint64_t explain_find_macs(const struct host *host, struct query *query)
{
	struct packet *packet = &query->packet;
	bool is_arp = packet_inner_ethertype(packet) == ETHERTYPE_ARP;
	const struct addr *src_addr = is_arp ? &packet->arp_spa : &packet->src;
	struct finding src = { 0 }, dst = { 0 };
	uint64_t taken;

	if (query->from != FROM_DEVICE)
		return 0;
	if (!(packet->unknown & (FIELD_BIT(FIELD_ETH_SRC) | FIELD_BIT(FIELD_ETH_DST))))
		return 0;
	for (size_t n = 0; n < host->n_netns; n++) {
		look_in_netns(host, query, &host->netns[n], src_addr, &src);
		/* ARP asks who has it: that is in no header */
		if (!is_arp && !(packet->unknown & FIELD_BIT(FIELD_DST)))
			look_in_netns(host, query, &host->netns[n], &packet->dst, &dst);
	}
	if (!is_arp && !(packet->unknown & FIELD_BIT(FIELD_DST)) &&
		addr_has_group_mac(&packet->dst))
		dst = (struct finding){ .mac = group_mac(&packet->dst), .n = 1 };
	if (src.n != 1) {
		src = (struct finding){ 0 };
		look_behind(query->ns, query->in, &src);
	}
	taken = take(packet, FIELD_ETH_SRC, &packet->eth_src, &src) |
		take(packet, FIELD_ETH_DST, &packet->eth_dst, &dst);
	/* an honest sender says the same inside the frame */
	if (is_arp && taken & FIELD_BIT(FIELD_ETH_SRC))
		take(packet, FIELD_ARP_SHA, &packet->arp_sha, &src);
	return taken;
}

static int by_addr(const void *a, const void *b)
{
	const struct station *x = a, *y = b;
	int order = addr_compare(&x->addr, &y->addr);

	return order ? order : memcmp(&x->mac, &y->mac, sizeof(x->mac));
}

/* Without those of which two MACs are told. */
static void keep_sure(struct stations *stations)
{
	size_t n = 0;

	for (size_t i = 0; i < stations->n;) {
		const struct station one = stations->items[i];
		bool is_sure = true;

		for (; i < stations->n && !addr_compare(&stations->items[i].addr, &one.addr); i++)
			is_sure &= mac_equal(stations->items[i].mac, one.mac);
		if (is_sure)
			stations->items[n++] = one;
	}
	stations->n = n;
}

void stations_find(struct arena *arena, const struct host *host, const struct query *query,
	enum family family, struct stations *ret)
{
	static const struct mac none;

	for (size_t n = 0; n < host->n_netns; n++) {
		const struct netns *ns = &host->netns[n];

		for (size_t i = 0; i < ns->n_addresses; i++) {
			const struct link *link = joined(host, query, ns, ns->addresses[i].index);

			if (link && ns->addresses[i].local.family == family &&
				!mac_equal(link->mac, none))
				*vec_push(ret, arena) =
					(struct station){ ns->addresses[i].local, link->mac };
		}
		for (size_t i = 0; i < ns->n_neighbours; i++) {
			const struct neighbour *neighbour = &ns->neighbours[i];

			if (neighbour->addr.family == family && has_mac(neighbour) &&
				!mac_equal(neighbour->mac, none) &&
				joined(host, query, ns, neighbour->index))
				*vec_push(ret, arena) =
					(struct station){ neighbour->addr, neighbour->mac };
		}
	}
	qsort(ret->items, ret->n, sizeof(*ret->items), by_addr);
	keep_sure(ret);
}
