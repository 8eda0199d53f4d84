// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What every bridge would have learned from a frame that a station behind one device sent: the port by which it came. The frame
 * is spread from the device over bridges, pairs of veths and what stands on one another, until it comes nowhere new.
 */
#include <string.h>

#include "base/map.h"
#include "host/host.h"

struct toward {
	const struct host *host;
	bool **is_reached; /* by namespace, by link */
	const struct link **
		*ports; /* the same, of bridges: by which they were reached; NULL: they were not */
	struct map *ovs_ports; /* the same by name */
};

static bool *reached(const struct toward *toward, const struct netns *ns, const struct link *link)
{
	return &toward->is_reached[ns - toward->host->netns][link - ns->links];
}

static bool reach(const struct toward *toward, const struct netns *ns, const struct link *link)
{
	bool *is = link ? reached(toward, ns, link) : NULL;

	if (!is || *is)
		return false;
	*is = true;
	return true;
}

/* From a device that it came to, to the one above or at the other end; from the bridge to its port. */
static bool spread_link(
	const struct toward *toward, const struct netns *ns, const struct link *link)
{
	const struct host *host = toward->host;
	const struct link *master =
		link->master_index ? netns_link_by_index(ns, link->master_index) : NULL;
	const struct link *lower = link->lower_index && !link->is_peer_away
					   ? netns_link_by_index(ns, link->lower_index)
					   : NULL;
	const struct link *peer;
	const struct netns *peer_ns;
	bool is_new = false;

	if (!*reached(toward, ns, link) &&
		((lower && strcmp(link->kind, "veth") != 0 && *reached(toward, ns, lower)) ||
			(master && strcmp(master->kind, "bridge") == 0 &&
				*reached(toward, ns, master))))
		is_new = reach(toward, ns, link);
	if (!*reached(toward, ns, link))
		return false;
	if (master && reach(toward, ns, master)) {
		toward->ports[ns - host->netns][master - ns->links] = link;
		is_new = true;
	}
	peer = host_veth_peer(host, ns, link, &peer_ns);
	return reach(toward, peer_ns, peer) || is_new;
}

static bool spread_ovs_port(const struct toward *toward, const struct ovs_port *port)
{
	const struct host *host = toward->host;
	const struct ovs_port *peer = port->peer ? host_ovs_port(host, port->peer) : NULL;
	const struct netns *ns = NULL;
	const struct link *link = host_ovs_link(host, port, &ns);
	bool has_come = map_find(toward->ovs_ports, port->bridge);

	if (!has_come && ((link && *reached(toward, ns, link)) ||
				 (peer && map_find(toward->ovs_ports, peer->bridge)))) {
		map_add(toward->ovs_ports, port->bridge, (void *)port);
		return true;
	}
	return has_come && reach(toward, ns, link);
}

static bool spread(const struct toward *toward)
{
	const struct host *host = toward->host;
	bool is_new = false;

	for (size_t n = 0; n < host->n_netns; n++)
		for (size_t i = 0; i < host->netns[n].n_links; i++)
			is_new |= spread_link(toward, &host->netns[n], &host->netns[n].links[i]);
	for (size_t i = 0; i < host->n_ovs_ports; i++)
		is_new |= spread_ovs_port(toward, &host->ovs_ports[i]);
	return is_new;
}

const struct toward *host_toward(struct arena *arena, const struct host *host,
	const struct netns *ns, const struct link *behind)
{
	struct toward *toward = arena_new_one(arena, struct toward);

	toward->host = host;
	toward->is_reached = arena_new_array(arena, bool *, host->n_netns);
	toward->ports = arena_new_array(arena, const struct link **, host->n_netns);
	toward->ovs_ports = map_new(arena);
	for (size_t n = 0; n < host->n_netns; n++) {
		toward->is_reached[n] = arena_new_array(arena, bool, host->netns[n].n_links + 1);
		toward->ports[n] =
			arena_new_array(arena, const struct link *, host->netns[n].n_links + 1);
	}
	reach(toward, ns, behind);
	while (spread(toward))
		;
	return toward;
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
