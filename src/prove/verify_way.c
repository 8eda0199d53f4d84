// SPDX-License-Identifier: GPL-2.0-or-later
/* Where the ports are on a host, and what stands between them. */
#include <string.h>

#include "base/vec.h"
#include "host/index.h"
#include "prove/verify.h"

static bool is_verified(const struct verify_port *ports, size_t n, const char *device)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(ports[i].way.device, device) == 0)
			return true;
	return false;
}

/* A guest's own port: it has rules of its own, perhaps of somebody else. */
static bool is_of_guest(const struct link *link)
{
	return strcmp(link->kind, "tun") == 0 || text_has_prefix(link->name, "tap") ||
	       text_has_prefix(link->name, "vnet");
}

/* The bridge's first port that is none of those, nor looks like a guest's; of a bridge that has none, a name that
 * no rule has. */
static const char *other_port(const struct netns *ns, const struct link *bridge,
	const struct verify_port *ports, size_t n_ports, const char *device)
{
	const uint64_t key = (uint64_t)bridge->index;

	for (size_t i = netns_first(ns, LINKS_BY_MASTER, key); i < ns->n_links;
		i = netns_next(ns, LINKS_BY_MASTER, i)) {
		const struct link *link = &ns->links[i];

		if (link->master_index == bridge->index && strcmp(link->name, device) != 0 &&
			!is_of_guest(link) && !is_verified(ports, n_ports, link->name))
			return link->name;
	}
	return "(another)";
}

static const char *unread_rules(struct arena *arena, const struct netns *ns)
{
	static const char *const tools[] = { "iptables-nft", "iptables-legacy", "ip6tables-nft",
		"ip6tables-legacy", "ipset", "nft", "ebtables-nft", "ebtables-legacy" };
	const char *why = NULL;

	for (size_t i = 0; i < N_OF(tools); i++)
		if (netns_is_unread(ns, tools[i], &why))
			return arena_printf(arena, "the rules of %s were not read: %s", tools[i],
				why ? why : "unknown reason");
	return NULL;
}

static const char *unknown_link(struct arena *arena, const struct netns *ns, const char *device,
	const struct link *link, const struct link *bridge)
{
	const char *why = NULL;

	if (!link && netns_is_unread(ns, "links", &why))
		return arena_printf(
			arena, "the interfaces were not read: %s", why ? why : "unknown reason");
	if (!link)
		return arena_printf(arena, "there is no interface %s", device);
	if (!bridge || strcmp(bridge->kind, "bridge") != 0)
		return arena_printf(arena, "the interface %s is in no bridge", device);
	if (!ns->has_br_netfilter &&
		(netns_is_unread(ns, "br_netfilter", &why) || netns_is_unread(ns, "sysctls", &why)))
		return arena_printf(arena, "whether bridges ask iptables was not read: %s",
			why ? why : "unknown reason");
	if (link->has_xdp || link->has_tc_ingress || link->has_tc_egress)
		return arena_printf(
			arena, "a program at %s (XDP or tc) takes packets as it likes", device);
	return unread_rules(arena, ns);
}

struct verify_way verify_way_of(struct arena *arena, const struct netns *ns, const char *device,
	const struct verify_port *ports, size_t n_ports)
{
	const struct link *link = netns_link(ns, device);
	const struct link *bridge =
		link && link->master_index ? netns_link_by_index(ns, link->master_index) : NULL;
	struct verify_way way = { .device = device };

	way.why_unknown = unknown_link(arena, ns, device, link, bridge);
	if (!bridge)
		return way;
	way.bridge = bridge->name;
	way.other = other_port(ns, bridge, ports, n_ports, device);
	for (enum family f = FAMILY_IPV4; f < N_IP_FAMILIES; f++)
		way.is_called[f] = ns->has_br_netfilter && netns_bridge_is_filtered(ns, bridge, f);
	return way;
}

void verify_bridge_ports(
	struct arena *arena, const struct netns *ns, struct verify_port **ret, size_t *ret_n)
{
	struct verify_port *ports = arena_new_array(arena, struct verify_port, ns->n_links + 1);
	size_t n = 0;

	for (size_t i = 0; i < ns->n_links; i++) {
		const struct link *link = &ns->links[i];
		const struct link *bridge =
			link->master_index ? netns_link_by_index(ns, link->master_index) : NULL;

		if (!bridge || strcmp(bridge->kind, "bridge") != 0)
			continue;
		ports[n].name = link->name;
		ports[n++].way.device = link->name;
	}
	*ret = ports;
	*ret_n = n;
}
