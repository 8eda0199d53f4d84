// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How the local ports of a policy sit on this host: which interface, which bridge, hybrid or shared, which zone.
 *
 * A port's interface has the name that its policy gives, else "tap" and the beginning of its id. libvirt names taps as it likes
 * (vnet3), but gives each the MAC of its machine with fe as first byte: so a port that was not named an interface, and of whose
 * name there is none, may have the one interface in a bridge that has this MAC.
 */
#include "agent/internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/vec.h"

#define TAP_MAC_BYTE 0xfe /* of libvirt: src/util/virnetdevtap.c */

/* An interface in a bridge, by its MAC; and a port that has no interface of its name. */
struct by_mac {
	struct mac mac;
	const struct link *link;
};

struct plugger {
	struct arena *arena;
	const struct netns *host;
	struct zone_map *zones;
	VEC(struct by_mac) taps, ports; /* sorted */
};

static int compare_macs(const void *a, const void *b)
{
	return memcmp(((const struct by_mac *)a)->mac.bytes, ((const struct by_mac *)b)->mac.bytes,
		sizeof(((const struct by_mac *)a)->mac.bytes));
}

static const struct by_mac *find_mac(
	const struct by_mac *items, size_t n, struct mac mac, size_t *ret_n)
{
	const struct by_mac key = { .mac = mac };
	const struct by_mac *found =
		n ? bsearch(&key, items, n, sizeof(*items), compare_macs) : NULL;

	*ret_n = 0;
	if (!found)
		return NULL;
	while (found > items && compare_macs(found - 1, &key) == 0)
		found--;
	while (found + *ret_n < items + n && compare_macs(found + *ret_n, &key) == 0)
		++*ret_n;
	return found;
}

static struct mac tap_mac(struct mac mac)
{
	mac.bytes[0] = TAP_MAC_BYTE;
	return mac;
}

static bool goes_by_mac(const struct plugger *p, const struct policy_port *port)
{
	return port->is_local && !port->has_device && !netns_link(p->host, port->device);
}

/* Interfaces that no port has by name, and ports without one. */
static void find_by_mac(struct plugger *p, const struct policy *policy)
{
	struct map *named = map_new(p->arena);

	for (size_t i = 0; i < policy->n_ports; i++) {
		const struct policy_port *port = &policy->ports[i];

		if (goes_by_mac(p, port))
			*vec_push(&p->ports, p->arena) =
				(struct by_mac){ .mac = tap_mac(port->mac) };
		else if (port->is_local)
			map_add(named, port->device, (void *)port->device);
	}
	if (!p->ports.n)
		return;
	for (size_t i = 0; i < p->host->n_links; i++) {
		const struct link *link = &p->host->links[i];

		if (link->mac.bytes[0] == TAP_MAC_BYTE && plugger_bridge(p, link) &&
			!map_find(named, link->name))
			*vec_push(&p->taps, p->arena) = (struct by_mac){ link->mac, link };
	}
	qsort(p->ports.items, p->ports.n, sizeof(*p->ports.items), compare_macs);
	if (p->taps.n)
		qsort(p->taps.items, p->taps.n, sizeof(*p->taps.items), compare_macs);
}

struct plugger *plugger_new(struct arena *arena, const struct policy *policy,
	const struct netns *host, struct zone_map *zones, bool by_mac)
{
	struct plugger *p = arena_new_one(arena, struct plugger);

	p->arena = arena;
	p->host = host;
	p->zones = zones;
	if (by_mac)
		find_by_mac(p, policy);
	return p;
}

const struct link *plugger_link(
	const struct plugger *p, const struct policy_port *port, const char **ret_why)
{
	const struct link *link = netns_link(p->host, port->device);
	const struct by_mac *taps;
	size_t n_taps, n_ports;
	const char *why;

	if (link)
		return link;
	why = arena_printf(p->arena, "there is no interface %s", port->device);
	taps = find_mac(p->taps.items, p->taps.n, tap_mac(port->mac), &n_taps);
	if (taps && goes_by_mac(p, port)) {
		find_mac(p->ports.items, p->ports.n, tap_mac(port->mac), &n_ports);
		if (n_taps == 1 && n_ports == 1)
			return taps->link;
		why = arena_printf(p->arena,
			"there is no interface %s, and which one is the port's cannot be told by its "
			"MAC: %zu interfaces and %zu ports have it",
			port->device, n_taps, n_ports);
	}
	if (ret_why)
		*ret_why = why;
	return NULL;
}

const struct link *plugger_bridge(const struct plugger *p, const struct link *link)
{
	const struct link *bridge =
		link->master_index ? netns_link_by_index(p->host, link->master_index) : NULL;

	return bridge && strcmp(bridge->kind, "bridge") == 0 ? bridge : NULL;
}

/* Nova's hybrid plug: bridge qbrX with tapX and qvbX. By name and not by count of ports, so that a
 * second VM that joins a shared bridge does not change the zone of the first one's flows. */
static const char *hybrid_peer(const struct plugger *p, const struct link *bridge)
{
	const struct link *peer;

	if (!text_has_prefix(bridge->name, "qbr"))
		return NULL;
	peer = netns_link(p->host, arena_printf(p->arena, "qvb%s", bridge->name + 3));
	return peer && peer->master_index == bridge->index ? peer->name : NULL;
}

const char *plug_zone_key(const struct plug *plug)
{
	if (plug->is_routed || !plug->zone)
		return NULL;
	return plug->hybrid_peer ? plug->port->id : plug->bridge;
}

/* A name of Nova's says how it will be plugged; others get their zone when they are. */
static bool plug_ahead(
	const struct plugger *p, const struct policy_port *port, struct plug *plug, struct err *err)
{
	if (!text_has_prefix(port->device, "tap") || strncmp(port->device + 3, port->id, 11) != 0 ||
		strlen(port->device) != 14)
		return true;
	plug->hybrid_peer = arena_printf(p->arena, "qvb%s", port->device + 3);
	return zone_map_get(p->zones, port->id, &plug->zone, err);
}

bool plugger_plug(const struct plugger *p, const struct policy_port *port, const struct link *link,
	struct plug *plug, struct err *err)
{
	const struct link *bridge = link ? plugger_bridge(p, link) : NULL;

	if (!link)
		return plug_ahead(p, port, plug, err);
	if (!bridge)
		return true;
	plug->bridge = bridge->name;
	plug->is_routed = bridge->has_address;
	if (plug->is_routed)
		return true; /* zone 0: see struct plug */
	plug->hybrid_peer = hybrid_peer(p, bridge);
	return zone_map_get(
		p->zones, plug->hybrid_peer ? port->id : plug->bridge, &plug->zone, err);
}

/* Traffic of two networks that share a bridge shares its zone: equal addresses would meet. */
void plugs_warn_of_networks(
	struct arena *arena, const struct plug *plugs, size_t n, warning_list *warnings)
{
	for (size_t i = 1; i < n; i++) {
		const struct plug *a = &plugs[i - 1], *b = &plugs[i];

		if (!a->bridge || !b->bridge || strcmp(a->bridge, b->bridge) != 0)
			continue;
		if (a->port->network && b->port->network &&
			strcmp(a->port->network, b->port->network) != 0)
			*vec_push(warnings, arena) = arena_printf(arena,
				"ports %s and %s are of different networks on one bridge, %s: "
				"connection tracking cannot tell them apart",
				a->port->name, b->port->name, a->bridge);
	}
}

const char *plugger_warning(struct arena *arena, const struct plug *plug)
{
	if (!plug->is_routed || plug->port->n_fixed_ips || !policy_port_is_filtered(plug->port))
		return NULL;
	return arena_printf(arena,
		"port %s has no fixed_ips: what this host itself sends or routes to it over %s "
		"cannot be told from other traffic and is not filtered (bridged traffic is)",
		plug->port->name, plug->bridge);
}

/* ---- all ports of a pass */

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

static bool refuse_no_bridge(const struct plugger *p, const struct policy_port *port,
	const struct link *link, struct err *err)
{
	const struct link *master =
		link->master_index ? netns_link_by_index(p->host, link->master_index) : NULL;

	if (!master)
		err_input(err, "port %s: interface %s is not a port of a bridge", port->name,
			link->name);
	else
		err_input(err,
			"port %s: the master of interface %s is %s, which is no Linux bridge",
			port->name, link->name, master->name);
	return err_next(err,
		"groups are enforced where a Linux bridge forwards: put the interface into "
		"one (ip link set %s master BRIDGE), between VM and Open vSwitch too "
		"(Nova's hybrid plug)",
		link->name);
}

static bool may_be_so(const struct plugger *p, const struct agent_options *options,
	const struct policy_port *port, const struct link *link, warning_list *warnings,
	struct err *err)
{
	if (!link && !options->allow_missing)
		return refuse_missing(p, port, err);
	if (link && !plugger_bridge(p, link) && !options->is_looking)
		return refuse_no_bridge(p, port, link, err);
	if (!link)
		*vec_push(warnings, p->arena) = arena_printf(p->arena,
			"port %s: interface %s is not there yet; its filters are, and take hold when it "
			"appears",
			port->name, port->device);
	else if (!plugger_bridge(p, link))
		*vec_push(warnings, p->arena) = arena_printf(p->arena,
			"port %s: interface %s is in no bridge, so nothing filters it", port->name,
			link->name);
	return true;
}

static bool plug_one(const struct plugger *p, const struct agent_options *options,
	const struct policy_port *port, struct plug *plug, warning_list *warnings, struct err *err)
{
	const struct link *link = plugger_link(p, port, NULL);
	struct policy_port *bound;
	const char *warning;

	*plug = (struct plug){ .port = port };
	if (!may_be_so(p, options, port, link, warnings, err) ||
		!plugger_plug(p, port, link, plug, err))
		return false;
	if (link && strcmp(link->name, port->device) != 0) {
		bound = arena_new_one(p->arena, struct policy_port);
		*bound = *port;
		bound->device = link->name;
		plug->port = bound;
	}
	warning = plugger_warning(p->arena, plug);
	if (warning)
		*vec_push(warnings, p->arena) = warning;
	return true;
}

bool agent_plug_ports(struct arena *arena, const struct policy *policy, const struct netns *host,
	struct zone_map *zones, const struct agent_options *options, bool by_mac, struct plug **ret,
	size_t *ret_n, warning_list *warnings, struct err *err)
{
	const struct plugger *p = plugger_new(arena, policy, host, zones, by_mac);
	struct plug *plugs = arena_new_array(arena, struct plug, policy->n_ports + 1);
	size_t n = 0;

	for (size_t i = 0; i < policy->n_ports; i++) {
		if (!policy->ports[i].is_local)
			continue;
		if (!plug_one(p, options, &policy->ports[i], &plugs[n], warnings, err))
			return false;
		n++;
	}
	plugs_warn_of_networks(arena, plugs, n, warnings);
	*ret = plugs;
	*ret_n = n;
	return true;
}
