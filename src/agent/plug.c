// SPDX-License-Identifier: GPL-2.0-or-later
/* How the local ports of a policy sit on this host: which bridge, hybrid or shared, which zone. */
#include "agent/internal.h"

#include <string.h>

#include "base/vec.h"

struct plugger {
	struct arena *arena;
	const struct netns *host;
	const struct agent_options *options;
	struct zone_map *zones;
	warning_list *warnings;
};

static const char *nearest_link(const struct plugger *p, const char *device)
{
	const char **names = arena_new_array(p->arena, const char *, p->host->n_links + 1);

	for (size_t i = 0; i < p->host->n_links; i++)
		names[i] = p->host->links[i].name;
	return text_nearest(device, names, p->host->n_links);
}

static bool refuse_missing(const struct plugger *p, const struct policy_port *port, struct err *err)
{
	const char *nearest = nearest_link(p, port->device);

	err_input(err, "port %s: there is no interface %s in this network namespace", port->name,
		port->device);
	err_next(err,
		"%s%s%sset \"device\" (line %u of the policy), start the VM first, or close the port "
		"ahead of its interface with --allow-missing",
		nearest ? "did you mean " : "", nearest ? nearest : "", nearest ? "? Else " : "",
		port->line);
	return false;
}

static bool refuse_no_bridge(
	const struct policy_port *port, const struct link *master, struct err *err)
{
	if (!master)
		err_input(err, "port %s: interface %s is not a port of a bridge", port->name,
			port->device);
	else
		err_input(err,
			"port %s: the master of interface %s is %s, which is no Linux bridge",
			port->name, port->device, master->name);
	return err_next(err,
		"groups are enforced where a Linux bridge forwards: put the interface into "
		"one (ip link set %s master BRIDGE), between VM and Open vSwitch too "
		"(Nova's hybrid plug)",
		port->device);
}

/* Nova's hybrid plug: bridge qbrX with tapX and qvbX. By name and not by count of ports, so that a
 * second VM that joins a shared bridge does not change the zone of the first one's flows. */
static const char *hybrid_peer(struct plugger *p, const struct link *bridge)
{
	const struct link *peer;

	if (!text_has_prefix(bridge->name, "qbr"))
		return NULL;
	peer = netns_link(p->host, arena_printf(p->arena, "qvb%s", bridge->name + 3));
	return peer && peer->master_index == bridge->index ? peer->name : NULL;
}

static bool plug_missing(
	struct plugger *p, const struct policy_port *port, struct plug *plug, struct err *err)
{
	if (!p->options->allow_missing)
		return refuse_missing(p, port, err);
	*vec_push(p->warnings, p->arena) = arena_printf(p->arena,
		"port %s: interface %s is not there yet; its filters are, and take hold when it "
		"appears",
		port->name, port->device);
	/* A name of Nova's says how it will be plugged; others get their zone when they are. */
	if (text_has_prefix(port->device, "tap") && strncmp(port->device + 3, port->id, 11) == 0 &&
		strlen(port->device) == 14) {
		plug->hybrid_peer = arena_printf(p->arena, "qvb%s", port->device + 3);
		return zone_map_get(p->zones, port->id, &plug->zone, err);
	}
	return true;
}

static bool plug_port(
	struct plugger *p, const struct policy_port *port, struct plug *plug, struct err *err)
{
	const struct link *link = netns_link(p->host, port->device), *bridge;

	plug->port = port;
	if (!link)
		return plug_missing(p, port, plug, err);
	bridge = link->master_index ? netns_link_by_index(p->host, link->master_index) : NULL;
	if (!bridge || strcmp(bridge->kind, "bridge") != 0) {
		if (!p->options->is_looking)
			return refuse_no_bridge(port, bridge, err);
		*vec_push(p->warnings, p->arena) = arena_printf(p->arena,
			"port %s: interface %s is in no bridge, so nothing filters it", port->name,
			port->device);
		return true;
	}
	plug->bridge = bridge->name;
	plug->is_routed = bridge->has_address;
	if (plug->is_routed)
		return true; /* zone 0: see struct plug */
	plug->hybrid_peer = hybrid_peer(p, bridge);
	return zone_map_get(
		p->zones, plug->hybrid_peer ? port->id : plug->bridge, &plug->zone, err);
}

/* Traffic of two networks that share a bridge shares its zone: equal addresses would meet. */
static void warn_of_mixed_networks(struct plugger *p, const struct plug *plugs, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		const struct plug *a = &plugs[i - 1], *b = &plugs[i];

		if (!a->bridge || !b->bridge || strcmp(a->bridge, b->bridge) != 0)
			continue;
		if (a->port->network && b->port->network &&
			strcmp(a->port->network, b->port->network) != 0)
			*vec_push(p->warnings, p->arena) = arena_printf(p->arena,
				"ports %s and %s are of different networks on one bridge, %s: "
				"connection tracking cannot tell them apart",
				a->port->name, b->port->name, a->bridge);
	}
}

static void warn_of_unknown_addresses(struct plugger *p, const struct plug *plug)
{
	if (plug->is_routed && plug->port->n_fixed_ips == 0 && policy_port_is_filtered(plug->port))
		*vec_push(p->warnings, p->arena) = arena_printf(p->arena,
			"port %s has no fixed_ips: what this host itself sends or routes to it over %s "
			"cannot be told from other traffic and is not filtered (bridged traffic is)",
			plug->port->name, plug->bridge);
}

bool agent_plug_ports(struct arena *arena, const struct policy *policy, const struct netns *host,
	struct zone_map *zones, const struct agent_options *options, struct plug **ret,
	size_t *ret_n, warning_list *warnings, struct err *err)
{
	struct plugger p = { arena, host, options, zones, warnings };
	struct plug *plugs = arena_new_array(arena, struct plug, policy->n_ports + 1);
	size_t n = 0;

	for (size_t i = 0; i < policy->n_ports; i++) {
		if (!policy->ports[i].is_local)
			continue;
		if (!plug_port(&p, &policy->ports[i], &plugs[n], err))
			return false;
		warn_of_unknown_addresses(&p, &plugs[n]);
		n++;
	}
	warn_of_mixed_networks(&p, plugs, n);
	*ret = plugs;
	*ret_n = n;
	return true;
}
