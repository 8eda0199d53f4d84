// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which devices are of one segment: a frame gets from one to the other without being routed. Devices are joined
 * by bridges and pairs of veths, and stand on one another; so far that is an equivalence. A tag makes it none: what is behind
 * a VLAN device, or an access port of Open vSwitch, is joined to the trunk, but not to what is there with another tag. So
 * parts that no tag divides are found first, with the tag by which each hangs on a trunk, then the whole that all
 * trunks make of them.
 */
#include <string.h>

#include "base/map.h"
#include "host/host.h"
#include "host/index.h"

struct segments {
	size_t *first;	      /* by namespace: the place of its first link */
	size_t *part, *whole; /* by place, behind those of links: bridges of Open vSwitch */
	struct hanging {
		size_t trunk; /* a place */
		uint16_t tag; /* 0: on none, or on several */
		bool is_many;
	} * hangs; /* by part */
};

static size_t root(size_t *up, size_t at)
{
	while (up[at] != at)
		at = up[at] = up[up[at]];
	return at;
}

static void join(size_t *up, size_t a, size_t b)
{
	up[root(up, a)] = root(up, b);
}

static size_t place_of(const struct host *host, const struct netns *ns, const struct link *link)
{
	return host->segments->first[ns - host->netns] + (size_t)(link - ns->links);
}

static const struct link *lower_of(const struct host *host, const struct netns *ns,
	const struct link *link, const struct netns **ret)
{
	*ret = ns;
	if (!link->lower_index || (link->is_peer_away && link->peer_netns < 0))
		return NULL;
	if (link->is_peer_away)
		*ret = &host->netns[link->peer_netns];
	return netns_link_by_index(*ret, link->lower_index);
}

/* Without what has a tag. */
static void join_link(const struct host *host, const struct netns *ns, const struct link *link)
{
	size_t *part = host->segments->part, at = place_of(host, ns, link);
	const struct netns *other;
	const struct link *to = netns_link_by_index(ns, link->master_index);

	if (link->master_index && to)
		join(part, at, place_of(host, ns, to));
	to = host_veth_peer(host, ns, link, &other);
	if (to)
		join(part, at, place_of(host, other, to));
	to = strcmp(link->kind, "vlan") != 0 ? lower_of(host, ns, link, &other) : NULL;
	if (to)
		join(part, at, place_of(host, other, to));
}

/* The place is joined to a trunk, with that tag; 0: with any. */
static void hang(struct segments *segments, size_t at, size_t trunk, uint16_t tag)
{
	struct hanging *hanging = &segments->hangs[root(segments->part, at)];

	join(segments->whole, at, trunk);
	if (!tag || (hanging->tag && (hanging->tag != tag || hanging->trunk != trunk)))
		hanging->is_many = true;
	hanging->trunk = trunk;
	hanging->tag = tag;
}

static void hang_link(const struct host *host, const struct netns *ns, const struct link *link)
{
	const struct netns *other;
	const struct link *lower =
		!strcmp(link->kind, "vlan") ? lower_of(host, ns, link, &other) : NULL;

	if (lower)
		hang(host->segments, place_of(host, ns, link), place_of(host, other, lower),
			link->vlan_id);
}

static void hang_port(const struct host *host, const struct ovs_port *port, size_t bridge)
{
	const struct netns *ns = NULL;
	const struct link *link = host_ovs_link(host, port, &ns);

	if (link)
		hang(host->segments, place_of(host, ns, link), bridge, port->tag);
}

static void hang_ports(struct arena *arena, const struct host *host, size_t first)
{
	size_t *places = arena_new_array(arena, size_t, host->n_ovs_ports + 1);
	struct map *bridges = map_new(arena);

	for (size_t i = 0; i < host->n_ovs_ports; i++) {
		size_t *known = map_add(bridges, host->ovs_ports[i].bridge, &places[i]);

		places[i] = known ? *known : first + i;
	}
	for (size_t i = 0; i < host->n_ovs_ports; i++) {
		const struct ovs_port *port = &host->ovs_ports[i];
		const struct ovs_port *peer = port->peer ? host_ovs_port(host, port->peer) : NULL;

		hang_port(host, port, places[i]);
		if (peer)
			join(host->segments->whole, places[i], places[peer - host->ovs_ports]);
	}
}

static size_t make_places(struct arena *arena, struct host *host)
{
	struct segments *segments = arena_new_one(arena, struct segments);
	size_t n_links = 0, n;

	segments->first = arena_new_array(arena, size_t, host->n_netns + 1);
	for (size_t i = 0; i < host->n_netns; i++) {
		segments->first[i] = n_links;
		n_links += host->netns[i].n_links;
	}
	n = n_links + host->n_ovs_ports;
	segments->part = arena_new_array(arena, size_t, n + 1);
	segments->whole = arena_new_array(arena, size_t, n + 1);
	segments->hangs = arena_new_array(arena, struct hanging, n + 1);
	for (size_t i = 0; i < n; i++)
		segments->part[i] = segments->whole[i] = i;
	host->segments = segments;
	return n_links;
}

void host_find_segments(struct arena *arena, struct host *host)
{
	size_t n_links = make_places(arena, host);

	for (size_t n = 0; n < host->n_netns; n++)
		for (size_t i = 0; i < host->netns[n].n_links; i++)
			join_link(host, &host->netns[n], &host->netns[n].links[i]);
	for (size_t i = 0; i < n_links; i++)
		join(host->segments->whole, i, root(host->segments->part, i));
	for (size_t n = 0; n < host->n_netns; n++)
		for (size_t i = 0; i < host->netns[n].n_links; i++)
			hang_link(host, &host->netns[n], &host->netns[n].links[i]);
	hang_ports(arena, host, n_links);
}

bool host_is_joined(const struct host *host, const struct netns *ns_a, const struct link *a,
	const struct netns *ns_b, const struct link *b)
{
	const struct segments *segments = host->segments;
	size_t at = place_of(host, ns_a, a), to = place_of(host, ns_b, b);
	const struct hanging *x = &segments->hangs[root(segments->part, at)],
			     *y = &segments->hangs[root(segments->part, to)];

	if (root(segments->part, at) == root(segments->part, to))
		return true;
	if (root(segments->whole, at) != root(segments->whole, to))
		return false;
	return !x->tag || !y->tag || x->is_many || y->is_many || x->trunk != y->trunk ||
	       x->tag == y->tag;
}
