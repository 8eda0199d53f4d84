// SPDX-License-Identifier: GPL-2.0-or-later
/* A host that is meant to be a router for its bridges, and is not one; next hops that do not answer. */
#include <string.h>

#include "base/text.h"
#include "doctor/checks.h"

/* ---- forwarding ---- */

static bool names_device(const struct match *match, const char *device)
{
	if (match->kind != MATCH_IN_IFACE && match->kind != MATCH_OUT_IFACE)
		return false;
	return strcmp(match->name, device) == 0;
}

static bool names_nft_device(const struct match *match, const char *device)
{
	if (match->kind != MATCH_NFT_FIELD)
		return false;
	for (size_t i = 0; i < match->nft->n_values; i++)
		if (match->nft->values[i].name && strcmp(match->nft->values[i].name, device) == 0)
			return true;
	return false;
}

/* Somebody lets through, or rewrites, what is routed between the device and another one. */
static bool is_for_routed(const struct rule *rule, const char *device)
{
	bool is_in = false, is_out = false, is_named = false;

	switch (rule->target.kind) {
	case TARGET_DROP:
	case TARGET_REJECT:
	case TARGET_NFT_REJECT:
	case TARGET_RETURN:
		return false;
	default:
		break;
	}
	for (size_t i = 0; i < rule->n_matches; i++) {
		const struct match *match = &rule->matches[i];
		bool is_here = names_device(match, device);

		is_named = is_named || is_here || names_nft_device(match, device);
		is_in = is_in || (is_here && match->kind == MATCH_IN_IFACE && !match->inverted);
		is_out = is_out || (is_here && match->kind == MATCH_OUT_IFACE && !match->inverted);
	}
	return is_named && !(is_in && is_out);
}

static bool is_of_routing(const struct table *table, const struct chain *chain)
{
	static const char *const others[] = { "INPUT", "OUTPUT", "input", "output" };

	for (size_t i = 0; i < N_OF(others); i++)
		if (strcmp(chain->name, others[i]) == 0)
			return false;
	return table->source == SOURCE_NFT || strcmp(table->name, "filter") == 0 ||
	       strcmp(table->name, "nat") == 0;
}

struct evidence {
	const struct table *table;
	const struct chain *chain;
	size_t number;
};

static bool find_evidence(
	const struct netns *ns, enum family family, const char *device, struct evidence *ret)
{
	for (size_t t = 0; ns->ruleset && t < ns->ruleset->n_tables; t++) {
		const struct table *table = &ns->ruleset->tables[t];

		if (table->family != family && table->family != FAMILY_INET)
			continue;
		for (size_t c = 0; c < table->n_chains; c++) {
			const struct chain *chain = &table->chains[c];

			for (size_t r = 0; is_of_routing(table, chain) && r < chain->n_rules; r++)
				if (is_for_routed(&chain->rules[r], device)) {
					*ret = (struct evidence){ table, chain, r + 1 };
					return true;
				}
		}
	}
	return false;
}

static bool is_routed(const struct explanation *after, const void *data)
{
	(void)data;
	return after->leaf && after->leaf->drop != DROP_FORWARDING_OFF;
}

static void offer_on(struct doctor *doctor, struct finding *finding, const struct link *bridge,
	enum family family)
{
	static const char *const all[N_IP_FAMILIES] = { "net.ipv4.ip_forward",
		"net.ipv6.conf.all.forwarding" };
	const char *own = link_conf_name(doctor->arena, "ipv4", bridge, "forwarding");
	const char *now = netns_sysctl(finding->ns, all[family]);
	bool is_own = family == FAMILY_IPV4 && now && strcmp(now, "0") != 0;
	const char *name = is_own ? own : all[family];
	struct host_edit *edit = arena_new_one(doctor->arena, struct host_edit);
	struct fix fix = { .name = "on", .edits = edit, .n_edits = 1, .is_recommended = true };

	*edit = (struct host_edit){ .kind = HOST_EDIT_SYSCTL,
		.name = name,
		.value = "1",
		.before = netns_sysctl(finding->ns, name) };
	fix.words = is_own ? arena_printf(doctor->arena, "forwarding on at %s", bridge->name)
			   : "forwarding on: the host is a router";
	fix.consequence =
		is_own ? "It lasts as long as the device."
		       : "The host then routes between all its networks, as far as its rules let it. A file of "
			 "/etc/sysctl.d makes it last. Docker sets FORWARD to DROP only when it turns "
			 "forwarding on itself: look at that policy, too.";
	(void)finding_fix(doctor, finding, &fix, is_routed, NULL);
}

static void look_at_bridge(struct doctor *doctor, const struct check *check, const struct netns *ns,
	const struct link *bridge, enum family family)
{
	const struct address *own = doctor_address_of(ns, bridge, family);
	const struct link *entry = doctor_entry_of(ns, bridge);
	struct arena *scratch CLEANUP(arena_freep) = arena_new();
	struct evidence evidence;
	struct finding *finding;
	struct asked asked;

	if (!own || !entry || own->len >= prefix_max_len(family) - 1 ||
		!find_evidence(ns, family, bridge->name, &evidence))
		return;
	asked = doctor_ask_way_out(doctor, scratch, ns, entry, bridge, own);
	if (!asked_is_lost(&asked, DROP_FORWARDING_OFF))
		return;
	finding = finding_add(doctor, check, SEVERITY_BROKEN, ns,
		arena_printf(doctor->arena, "%s%s", bridge->name, family ? "-ip6" : ""));
	finding->title =
		arena_printf(doctor->arena, "nothing is routed for %s: %s forwarding is off",
			bridge->name, family ? "IPv6" : "IPv4");
	finding->symptom =
		"Machines and containers of the bridge reach each other and the host, and nobody beyond it; "
		"published ports do not answer. The rules look right: packets do not come to FORWARD.";
	finding->owner = owner_of_rule(doctor->arena, evidence.table, evidence.chain,
		&evidence.chain->rules[evidence.number - 1]);
	finding_prove_sysctl(doctor, finding,
		family ? "net.ipv6.conf.all.forwarding" : "net.ipv4.ip_forward", NULL);
	if (!family)
		finding_prove_sysctl(doctor, finding,
			link_conf_name(doctor->arena, "ipv4", bridge, "forwarding"), NULL);
	finding_prove_rule(doctor, finding, evidence.table, evidence.chain, evidence.number);
	finding_port(doctor, finding, entry->name);
	finding_witness(doctor, finding, &asked.query);
	offer_on(doctor, finding, bridge, family);
}

static void run_forwarding(struct doctor *doctor, const struct check *check)
{
	static const char *const needed[] = { "links", "addresses", "routes", "sysctls",
		"sysctl net.ipv4.ip_forward" };

	for (size_t n = 0; n < doctor->host->n_netns; n++) {
		const struct netns *ns = &doctor->host->netns[n];
		bool is_unread = false;

		for (size_t i = 0; i < N_OF(needed) && !is_unread; i++)
			is_unread = doctor_is_unread(doctor, check, ns, needed[i]);
		for (size_t i = 0; !is_unread && i < ns->n_links; i++)
			for (unsigned family = 0; family < N_IP_FAMILIES; family++)
				if (strcmp(ns->links[i].kind, "bridge") == 0)
					look_at_bridge(doctor, check, ns, &ns->links[i],
						(enum family)family);
	}
}

static const char *const forwarding_references[] = {
	"https://github.com/canonical/microk8s/issues/267",
	"net/ipv4/route.c, ip_route_input_slow",
	NULL,
};

const struct check check_forwarding_off = {
	.id = "forwarding-off",
	.title = "a router whose forwarding is off",
	.description =
		"A bridge with an address of the host, with somebody in it, and with rules that let through or "
		"masquerade what is routed for it: somebody meant the host to be a router. With ip_forward (or the "
		"interface's forwarding) 0 the kernel drops such packets in front of FORWARD. A packet of a "
		"station of the bridge to the Internet is walked.",
	.references = forwarding_references,
	.run = run_forwarding,
};

/* ---- neighbours ---- */

#define MAX_FAILED 256 /* of a namespace: a scan of a network leaves thousands */

static void look_at_gateway(struct doctor *doctor, const struct check *check,
	const struct netns *ns, const struct route *route)
{
	const struct next_hop *hop = &route->hops[0];
	const struct link *link = netns_link_by_index(ns, hop->index);
	const struct address *own =
		link ? doctor_address_of(ns, link, route->dst.addr.family) : NULL;
	struct addr far = doctor_anybody(route->dst.addr.family);
	struct arena *scratch CLEANUP(arena_freep) = arena_new();
	struct finding *finding;
	struct asked asked;

	if (!own || !hop->has_gateway || !link->is_up || !link->has_carrier || route->n_hops > 1)
		return;
	if (route->dst.len) {
		far = route->dst.addr;
		far.bytes[far.family == FAMILY_IPV6 ? 15 : 3] |= 1;
	}
	asked = doctor_ask(doctor, scratch, ns, NULL,
		&(struct ask){ .proto = "icmp", .src = &own->local, .dst = &far });
	if (!asked_is_lost(&asked, DROP_NEIGHBOUR) || asked_route(&asked) != route)
		return;
	finding = finding_add(doctor, check, route->dst.len ? SEVERITY_HINT : SEVERITY_RISK, ns,
		arena_printf(
			doctor->arena, "%s-%s", link->name, doctor_addr(doctor, &hop->gateway)));
	finding->title = arena_printf(doctor->arena,
		"the next hop %s at %s did not answer when it was asked for its MAC",
		doctor_addr(doctor, &hop->gateway), link->name);
	finding->symptom =
		"What is sent by this route is lost after about three seconds, with ICMP host unreachable from "
		"this host. The entry is a moment's: it is gone with the first answer.";
	finding_prove(doctor, finding, "route", "", doctor_route(doctor, ns, route));
	finding_prove(doctor, finding, "address", "neighbour",
		arena_printf(doctor->arena, "%s dev %s FAILED or INCOMPLETE",
			doctor_addr(doctor, &hop->gateway), link->name));
	finding_witness(doctor, finding, &asked.query);
	finding_advise(doctor, finding, "ask", "asking again, and looking who answers",
		arena_printf(doctor->arena, "arping -c 3 -I %s %s\nip neigh show dev %s\n",
			link->name, doctor_addr(doctor, &hop->gateway), link->name),
		"When nobody answers, it is the network's or the router's; when somebody does, a rule "
		"for ARP here or a full table (net.ipv4.neigh.default.gc_thresh3) is.");
}

/* The route to the most addresses by this next hop; NULL: none needs it. */
static const struct route *route_by(const struct netns *ns, const struct neighbour *neighbour)
{
	const struct route *best = NULL;

	for (size_t i = 0; i < ns->n_routes; i++) {
		const struct route *route = &ns->routes[i];

		if (route->type == ROUTE_UNICAST && route->n_hops == 1 &&
			route->hops[0].has_gateway && route->hops[0].index == neighbour->index &&
			addr_compare(&route->hops[0].gateway, &neighbour->addr) == 0 &&
			(!best || route->dst.len < best->dst.len))
			best = route;
	}
	return best;
}

static void run_neighbours(struct doctor *doctor, const struct check *check)
{
	for (size_t n = 0; n < doctor->host->n_netns; n++) {
		const struct netns *ns = &doctor->host->netns[n];
		size_t n_asked = 0;

		if (doctor_is_unread(doctor, check, ns, "neighbours") ||
			doctor_is_unread(doctor, check, ns, "routes"))
			continue;
		for (size_t i = 0; i < ns->n_neighbours && n_asked < MAX_FAILED; i++) {
			const struct route *route;

			if (!ns->neighbours[i].is_failed)
				continue;
			n_asked++;
			route = route_by(ns, &ns->neighbours[i]);
			if (route)
				look_at_gateway(doctor, check, ns, route);
		}
	}
}

static const char *const neighbour_references[] = {
	"net/core/neighbour.c, neigh_timer_handler",
	NULL,
};

const struct check check_neighbour_failed = {
	.id = "neighbour-failed",
	.title = "a next hop that does not answer",
	.description =
		"The host asks for the MAC of a route's next hop three times, one second each, and then throws away "
		"what waits for it. Found where the neighbour of a route's next hop is FAILED or INCOMPLETE and "
		"a packet that takes the route is walked into it. It is a moment's state.",
	.references = neighbour_references,
	.run = run_neighbours,
};
