// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What every bridge would have learned from a frame that a station behind one device sent: the port by which it came. The frame
 * is spread from the device over bridges, pairs of veths and what stands on one another, until it comes nowhere new.
 */
#include <string.h>

#include "base/map.h"
#include "base/vec.h"
#include "host/host.h"
#include "host/index.h"

struct spread {
	struct arena *scratch;
	struct toward *toward;
	bool **is_reached; /* by namespace, by link */
	struct {
		VEC(struct place {
			const struct netns *ns;
			const struct link *link;
		});
	} left;
};

static bool come_to(struct spread *s, const struct netns *ns, const struct link *link)
{
	bool *is_reached;

	if (!ns || !link)
		return false;
	is_reached = &s->is_reached[ns - s->toward->host->netns][link - ns->links];
	if (*is_reached)
		return false;
	*is_reached = true;
	*vec_push(&s->left, s->scratch) = (struct place){ ns, link };
	return true;
}

static void come_to_ovs(struct spread *s, const struct ovs_port *by)
{
	const struct host *host = s->toward->host;

	if (map_add(s->toward->ovs_ports, by->bridge, (void *)by))
		return;
	for (size_t i = 0; i < host->n_ovs_ports; i++) {
		const struct ovs_port *port = &host->ovs_ports[i];
		const struct ovs_port *peer = port->peer ? host_ovs_port(host, port->peer) : NULL;
		const struct netns *ns = NULL;

		if (strcmp(port->bridge, by->bridge) != 0)
			continue;
		if (peer)
			come_to_ovs(s, peer);
		else
			come_to(s, ns, host_ovs_link(host, port, &ns));
	}
}

static void go_up(struct spread *s, const struct netns *ns, const struct link *link)
{
	const struct link *master =
		link->master_index ? netns_link_by_index(ns, link->master_index) : NULL;

	/* Open vSwitch in the kernel is the master of its ports, and of all bridges at once */
	if (master && strcmp(master->kind, "openvswitch") != 0 && come_to(s, ns, master))
		s->toward->ports[ns - s->toward->host->netns][master - ns->links] = link;
	for (size_t i = netns_first(ns, LINKS_BY_LOWER, (uint64_t)link->index); i < ns->n_links;
		i = netns_next(ns, LINKS_BY_LOWER, i))
		if (ns->links[i].lower_index == link->index && !ns->links[i].is_peer_away)
			come_to(s, ns, &ns->links[i]);
}

static void go_on(struct spread *s, const struct netns *ns, const struct link *link)
{
	const struct host *host = s->toward->host;
	const struct ovs_port *port = host_ovs_port(host, link->name);
	const struct netns *peer_ns = NULL, *port_ns = NULL;
	const struct link *peer = host_veth_peer(host, ns, link, &peer_ns);

	come_to(s, peer_ns, peer);
	if (port && host_ovs_link(host, port, &port_ns) == link)
		come_to_ovs(s, port);
	go_up(s, ns, link);
	if (strcmp(link->kind, "bridge") != 0)
		return;
	for (size_t i = netns_first(ns, LINKS_BY_MASTER, (uint64_t)link->index); i < ns->n_links;
		i = netns_next(ns, LINKS_BY_MASTER, i))
		if (ns->links[i].master_index == link->index)
			come_to(s, ns, &ns->links[i]);
}

const struct toward *host_toward(struct arena *arena, const struct host *host,
	const struct netns *ns, const struct link *behind)
{
	struct arena *scratch CLEANUP(arena_freep) = arena_new();
	struct toward *toward = arena_new_one(arena, struct toward);
	struct spread s = { .scratch = scratch, .toward = toward };

	toward->host = host;
	toward->ns = ns;
	toward->link = behind;
	toward->ports = arena_new_array(arena, const struct link **, host->n_netns);
	toward->ovs_ports = map_new(arena);
	s.is_reached = arena_new_array(scratch, bool *, host->n_netns);
	for (size_t n = 0; n < host->n_netns; n++) {
		size_t n_links = host->netns[n].n_links + 1;

		s.is_reached[n] = arena_new_array(scratch, bool, n_links);
		toward->ports[n] = arena_new_array(arena, const struct link *, n_links);
	}
	come_to(&s, ns, behind);
	for (size_t i = 0; i < s.left.n; i++) {
		struct place place = s.left.items[i];

		go_on(&s, place.ns, place.link);
	}
	return toward;
}

const struct toward *toward_moved(struct arena *arena, const struct toward *toward,
	const struct host *from, const struct host *to)
{
	const struct netns *ns = &to->netns[toward->ns - from->netns];

	return host_toward(arena, to, ns, &ns->links[toward->link - toward->ns->links]);
}

const struct link *toward_port(
	const struct toward *toward, const struct netns *ns, const struct link *bridge)
{
	return toward->ports[ns - toward->host->netns][bridge - ns->links];
}

const struct ovs_port *toward_ovs_port(const struct toward *toward, const char *bridge)
{
	return map_find(toward->ovs_ports, bridge);
}
