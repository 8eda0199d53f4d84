// SPDX-License-Identifier: GPL-2.0-or-later
/* The devices that a port's packets pass on their way through the host, by what is plugged into what. */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "watch/internal.h"

struct search {
	struct arena *arena;
	const struct host *host;
	struct watch_points *points;
};

const struct netns *netns_of_inode(const struct host *host, uint64_t inode)
{
	for (size_t i = 0; i < host->n_netns; i++)
		if (host->netns[i].inode == inode)
			return &host->netns[i];
	return NULL;
}

const struct ovs_port *ovs_port_at(
	const struct host *host, const struct netns *ns, const struct link *link)
{
	const struct ovs_port *port = link ? host_ovs_port(host, link->name) : NULL;

	return port && (port->netns < 0 || &host->netns[port->netns] == ns) ? port : NULL;
}

static bool is_bridge(const struct link *link)
{
	return !strcmp(link->kind, "bridge");
}

/* Guests and what is Open vSwitch's own lead nowhere else on this host. */
static bool leads_further(const struct link *link)
{
	return strcmp(link->kind, "tun") != 0;
}

static void add_point(
	struct search *search, const struct netns *ns, const struct link *link, unsigned distance)
{
	struct watch_point *point;
	struct node node = { .kind = NODE_RECEIVED, .ns = ns, .link = link };

	if (!link || search->points->n >= LIMIT_WATCH_POINTS)
		return;
	for (size_t i = 0; i < search->points->n; i++)
		if (search->points->items[i].link == link)
			return;
	if (is_bridge(link)) {
		node.kind = NODE_BRIDGE_IN;
		node.bridge = link;
	}
	point = vec_push(search->points, search->arena);
	*point = (struct watch_point){
		.ns = ns, .link = link, .distance = distance, .letter = node_point(&node)
	};
}

static void add_bridge_ports(
	struct search *search, const struct netns *ns, int bridge, unsigned distance)
{
	size_t n = 0;

	for (size_t i = 0; i < ns->n_links; i++)
		n += ns->links[i].master_index == bridge;
	for (size_t i = 0; i < ns->n_links; i++) {
		const struct link *link = &ns->links[i];

		if (link->master_index != bridge)
			continue;
		if (n <= LIMIT_WATCH_PORTS || leads_further(link))
			add_point(search, ns, link, distance);
		else
			search->points->is_cut_short = true;
	}
}

/* Patch ports join two bridges of Open vSwitch to one. */
static void add_ovs_bridge(
	struct search *search, const char *bridge, unsigned distance, unsigned depth)
{
	const struct host *host = search->host;
	size_t n = 0;

	for (size_t i = 0; i < host->n_ovs_ports; i++)
		n += !strcmp(host->ovs_ports[i].bridge, bridge);
	for (size_t i = 0; i < host->n_ovs_ports; i++) {
		const struct ovs_port *port = &host->ovs_ports[i];

		if (strcmp(port->bridge, bridge) != 0)
			continue;
		if (port->peer && depth) {
			const struct ovs_port *peer = host_ovs_port(host, port->peer);

			if (peer)
				add_ovs_bridge(search, peer->bridge, distance + 1, depth - 1);
			continue;
		}
		if (port->netns < 0)
			continue;
		/* the qvo of every other machine: those are many */
		if (n > LIMIT_WATCH_PORTS &&
			(text_has_prefix(port->name, "qvo") || text_has_prefix(port->name, "tap")))
			search->points->is_cut_short = true;
		else
			add_point(search, &host->netns[port->netns],
				netns_link(&host->netns[port->netns], port->name), distance);
	}
}

static void follow(struct search *search, const struct watch_point *at)
{
	const struct netns *ns = at->ns;
	const struct link *link = at->link;
	const struct ovs_port *port = ovs_port_at(search->host, ns, link);

	if (link->master_index) {
		const struct link *master = netns_link_by_index(ns, link->master_index);

		if (master && is_bridge(master)) {
			add_bridge_ports(search, ns, master->index, at->distance + 1);
			/* what is for the host itself, or comes from it; of a bridge that is promiscuous a copy of all */
			add_point(search, ns, master, at->distance + 1);
		} else if (master && !port) {
			add_point(search, ns, master, at->distance + 1);
		}
	}
	if (is_bridge(link))
		add_bridge_ports(search, ns, link->index, at->distance + 1);
	if (link->peer_index && link->peer_netns >= 0) {
		const struct netns *there = &search->host->netns[link->peer_netns];

		add_point(search, there, netns_link_by_index(there, link->peer_index),
			at->distance + 1);
	}
	for (size_t i = 0; i < ns->n_links; i++) /* VLANs and the like on top of it */
		if (ns->links[i].lower_index == link->index && !ns->links[i].is_peer_away)
			add_point(search, ns, &ns->links[i], at->distance + 1);
	if (link->lower_index && !link->is_peer_away)
		add_point(search, ns, netns_link_by_index(ns, link->lower_index), at->distance + 1);
	if (port)
		add_ovs_bridge(search, port->bridge, at->distance + 1, 8);
}

void watch_find_points(struct arena *arena, const struct host *host, const struct netns *ns,
	const struct link *from, struct watch_points *ret)
{
	struct watch_points points = { 0 };
	struct search search = { arena, host, &points };

	add_point(&search, ns, from, 0);
	/* breadth first: what is behind each is put at the end */
	for (size_t i = 0; i < points.n; i++) {
		struct watch_point at = points.items[i];

		follow(&search, &at);
	}
	*ret = points;
}
