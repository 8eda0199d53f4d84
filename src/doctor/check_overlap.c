// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A network of containers whose addresses are somebody else's too: the longer prefix wins, and the others are not reached from this host.
 * A default route hides nothing: it is for what is left.
 */
#include <string.h>

#include "base/text.h"
#include "doctor/checks.h"

struct overlap {
	const struct netns *ns;
	const struct route *mine, *other; /* of containers; of another network */
	const struct link *bridge, *device;
	struct addr addr; /* in both of them */
	bool is_in_use;	  /* somebody is known to have it */
};

/* Devices of container networks, beside their bridges. */
static const char *owner_of(const struct link *link)
{
	static const struct {
		const char *prefix, *owner;
	} known[] = {
		{ "flannel.", "flannel" },
		{ "cali", "Calico" },
		{ "tunl", "Calico" },
		{ "vxlan.calico", "Calico" },
		{ "cilium_", "Cilium" },
		{ "lxc", "Cilium" },
		{ "weave", "Weave Net" },
		{ "kube-bridge", "kube-router" },
	};
	const char *owner = container_bridge_owner(link->name);

	for (size_t i = 0; !owner && i < N_OF(known); i++)
		if (text_has_prefix(link->name, known[i].prefix))
			owner = known[i].owner;
	return owner;
}

static const struct link *device_of(const struct netns *ns, const struct route *route)
{
	const struct link *link =
		route->n_hops == 1 ? netns_link_by_index(ns, route->hops[0].index) : NULL;

	return link && link->is_up && !link->is_loopback ? link : NULL;
}

static bool is_network(const struct route *route)
{
	return route->table == 254 && route->type == ROUTE_UNICAST && route->dst.len > 1 &&
	       route->dst.len < prefix_max_len(route->dst.addr.family) && !route->is_opaque &&
	       !(route->dst.addr.family == FAMILY_IPV6 && route->dst.addr.bytes[0] >= 0xfe);
}

static bool is_overlapping(const struct route *a, const struct route *b)
{
	return a->dst.addr.family == b->dst.addr.family &&
	       (prefix_contains(&a->dst, &b->dst.addr) || prefix_contains(&b->dst, &a->dst.addr));
}

static bool is_in_both(const struct overlap *o, const struct addr *addr)
{
	return prefix_contains(&o->mine->dst, addr) && prefix_contains(&o->other->dst, addr);
}

/* Somebody of the network that loses; else any address of both. */
static void find_address(struct overlap *o)
{
	bool is_mine_narrower = o->mine->dst.len >= o->other->dst.len;
	const struct link *loser = is_mine_narrower ? o->device : o->bridge;

	for (size_t i = 0; i < o->ns->n_neighbours; i++) {
		const struct neighbour *neighbour = &o->ns->neighbours[i];

		if (neighbour->index == loser->index && neighbour->has_mac &&
			!neighbour->is_failed && is_in_both(o, &neighbour->addr)) {
			o->addr = neighbour->addr;
			o->is_in_use = true;
			return;
		}
	}
	for (size_t i = 0; i < o->ns->n_routes; i++) {
		const struct route *route = &o->ns->routes[i];

		if (route->n_hops && route->hops[0].has_gateway &&
			route->hops[0].index == loser->index &&
			is_in_both(o, &route->hops[0].gateway)) {
			o->addr = route->hops[0].gateway;
			o->is_in_use = true;
			return;
		}
	}
	o->addr = (is_mine_narrower ? o->mine : o->other)->dst.addr;
	o->addr.bytes[o->addr.family == FAMILY_IPV6 ? 15 : 3] |= 0xfa;
	/* nobody's, and not the host's own by chance */
	for (int tries = 0; tries < 4 && !is_in_both(o, &o->addr); tries++)
		o->addr.bytes[o->addr.family == FAMILY_IPV6 ? 15 : 3] >>= 1;
}

/* Those of containers lose only where one of them is there; a network behind a router may be no more than a summary. */
static enum severity severity_of(const struct overlap *o, bool is_mine_narrower)
{
	if (o->is_in_use)
		return SEVERITY_RISK;
	return is_mine_narrower && !o->other->hops[0].has_gateway ? SEVERITY_RISK : SEVERITY_HINT;
}

static void advise(struct doctor *doctor, struct finding *finding, const char *owner)
{
	bool is_docker = strcmp(owner, "Docker") == 0;

	finding_advise(doctor, finding, "pool",
		is_docker ? "another pool of addresses for Docker's networks"
			  : arena_printf(doctor->arena, "another network for %s", owner),
		is_docker
			? "# /etc/docker/daemon.json: \"bip\": \"10.199.0.1/24\",\n"
			  "#   \"default-address-pools\": [{\"base\": \"10.200.0.0/16\", \"size\": 24}]\n"
			  "systemctl restart docker\n"
			: "",
		is_docker
			? "The networks 10.199.0.0/24 and 10.200.0.0/16 are examples: take ones that are "
			  "free here. Networks that are there keep theirs until they are made anew "
			  "(docker network rm, create)."
			: NULL);
}

static void tell(struct doctor *doctor, const struct check *check, const struct overlap *o,
	const struct asked *asked, bool is_mine_narrower)
{
	struct arena *arena = doctor->arena;
	const struct link *winner = is_mine_narrower ? o->bridge : o->device;
	const struct link *loser = is_mine_narrower ? o->device : o->bridge;
	const char *owner = owner_of(o->bridge);
	struct finding *finding = finding_add(doctor, check, severity_of(o, is_mine_narrower),
		o->ns, arena_printf(arena, "%s-%s", o->bridge->name, o->device->name));

	finding->title =
		arena_printf(arena, "%s is reached by %s, though a route to %s has it, too",
			doctor_addr(doctor, &o->addr), winner->name, loser->name);
	finding->symptom =
		is_mine_narrower
			? "From this host, and from machines and containers that it routes for, a part "
			  "of the network, often a VPN or a DNS server, is not reached since "
			  "containers run here; from other hosts it is."
			: "Containers that have got one of these addresses are not reached, not even "
			  "by their published ports.";
	finding->owner = (struct owner){ .name = owner,
		.evidence = arena_printf(arena, "%s is a device of %s", o->bridge->name, owner),
		.is_known = true };
	finding_prove(
		doctor, finding, "route", "of containers", doctor_route(doctor, o->ns, o->mine));
	finding_prove(doctor, finding, "route", "of another network",
		doctor_route(doctor, o->ns, o->other));
	if (o->is_in_use)
		finding_prove(doctor, finding, "address", "known there",
			arena_printf(
				arena, "%s dev %s", doctor_addr(doctor, &o->addr), loser->name));
	finding_witness(doctor, finding, &asked->query);
	advise(doctor, finding, owner);
}

static bool leaves_by(const struct asked *asked, const struct link *link)
{
	const struct route *route = asked_route(asked);

	return route && route->type == ROUTE_UNICAST && route->n_hops == 1 &&
	       route->hops[0].index == link->index;
}

static void look_at(struct doctor *doctor, const struct check *check, struct overlap *o)
{
	bool is_mine_narrower;
	const struct address *own;
	struct arena *scratch CLEANUP(arena_freep) = arena_new();
	struct asked asked;

	find_address(o);
	own = doctor_address_of(o->ns, o->device, o->addr.family);
	if (!own)
		own = doctor_address_of(o->ns, o->bridge, o->addr.family);
	if (!own || !is_in_both(o, &o->addr))
		return;
	asked = doctor_ask(doctor, scratch, o->ns, NULL,
		&(struct ask){ .proto = "icmp", .src = &own->local, .dst = &o->addr });
	is_mine_narrower = leaves_by(&asked, o->bridge);
	if (is_mine_narrower || (leaves_by(&asked, o->device) && o->is_in_use))
		tell(doctor, check, o, &asked, is_mine_narrower);
}

static void run(struct doctor *doctor, const struct check *check)
{
	for (size_t n = 0; n < doctor->host->n_netns; n++) {
		const struct netns *ns = &doctor->host->netns[n];

		if (doctor_is_unread(doctor, check, ns, "links") ||
			doctor_is_unread(doctor, check, ns, "routes"))
			continue;
		for (size_t i = 0; i < ns->n_routes; i++) {
			struct overlap o = { .ns = ns, .mine = &ns->routes[i] };

			o.bridge = is_network(o.mine) ? device_of(ns, o.mine) : NULL;
			if (!o.bridge || !owner_of(o.bridge))
				continue;
			for (size_t j = 0; j < ns->n_routes; j++) {
				struct overlap one = o;

				one.other = &ns->routes[j];
				one.device =
					is_network(one.other) ? device_of(ns, one.other) : NULL;
				if (one.device && !owner_of(one.device) &&
					is_overlapping(one.mine, one.other))
					look_at(doctor, check, &one);
			}
		}
	}
}

static const char *const references[] = {
	"https://github.com/moby/moby/issues/46615",
	"https://github.com/bitwarden/server/issues/947",
	"https://github.com/kontena/pharos-cluster/issues/1330",
	NULL,
};

const struct check check_overlapping_routes = {
	.id = "overlapping-routes",
	.title = "a network of containers that hides another one",
	.description =
		"Container programs choose private networks that look free when they start; a LAN or a VPN that has "
		"the same addresses is then no longer reached, because the longer prefix wins. Found where a route "
		"of a container's device and one of another device have addresses in common, and a packet to one of "
		"them leaves by the wrong one. A default route counts for nothing, and one by a router, which "
		"may only be a summary, is a hint.",
	.references = references,
	.run = run,
};
