// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * NAT whose result goes nowhere: the address of another device as source, a destination that no route leads to, loopback as destination.
 */
#include <string.h>

#include "base/text.h"
#include "doctor/checks.h"
#include "packet/expr.h"

/* The rule that mapped the packet on its way; is_source: its source; NULL: none. */
static const struct node *find_mapping(
	const struct explanation *explanation, bool is_source, const struct node **ret_by)
{
	for (const struct node *node = explanation->leaf ? explanation->leaf->last : NULL; node;
		node = node->before) {
		const struct node *by = node->kind == NODE_NAT ? node_rewriter(node) : NULL;

		if (by && by->rule && (by->hook == HOOK_POSTROUTING) == is_source) {
			*ret_by = by;
			return node;
		}
	}
	return NULL;
}

static size_t number_of(const struct node *by)
{
	return (size_t)(by->rule - by->rule_chain->rules) + 1;
}

static bool query_of(
	const struct netns *ns, const struct link *in, const char *packet, struct query *ret)
{
	struct err err;

	*ret = (struct query){ .from = FROM_DEVICE, .ns = ns, .in = in };
	return packet_expr_parse(packet, &ret->packet, &err);
}

static bool is_known_id(const struct doctor *doctor, const struct check *check,
	const struct netns *ns, const struct node *by)
{
	vec_for_each (finding, &doctor->diagnosis->findings)
		if ((*finding)->check == check && (*finding)->ns == ns && (*finding)->witness &&
			(*finding)->witness->n_rewriters &&
			(*finding)->witness->rewriters[(*finding)->witness->n_rewriters - 1]
					.node->rule == by->rule)
			return true;
	return false;
}

/* ---- masquerade-source ---- */

static bool is_masquerade(const struct rule *rule)
{
	if (rule->target.kind == TARGET_NFT_NAT)
		return rule->target.nat->kind == NFT_MASQUERADE;
	return rule->target.kind == TARGET_NAT && rule->target.mapping->kind == NAT_MASQUERADE;
}

static const struct link *holder_of(const struct netns *ns, const struct addr *addr)
{
	for (size_t i = 0; i < ns->n_addresses; i++)
		if (addr_compare(&ns->addresses[i].local, addr) == 0)
			return netns_link_by_index(ns, ns->addresses[i].index);
	return NULL;
}

/* Addresses that are kept on lo or a dummy are lent to other devices on purpose. */
static bool is_lent(const struct link *holder)
{
	return holder->is_loopback || strcmp(holder->kind, "dummy") == 0;
}

static bool has_ipv4(const struct netns *ns, const struct link *link)
{
	for (size_t i = 0; i < ns->n_addresses; i++)
		if (ns->addresses[i].index == link->index &&
			ns->addresses[i].local.family == FAMILY_IPV4)
			return true;
	return false;
}

static void find_foreign(
	struct doctor *doctor, const struct check *check, const struct query *query)
{
	struct arena *arena = doctor->arena;
	struct arena *scratch CLEANUP(arena_freep) = arena_new();
	const struct explanation *answer = explain(scratch, doctor->explainer, query);
	const struct node *by = NULL, *nat = find_mapping(answer, true, &by);
	const struct link *holder = nat ? holder_of(query->ns, &nat->packet->src) : NULL;
	struct text addr CLEANUP(text_done) = TEXT_INIT;
	const char *out = nat ? nat->packet->out_iface : NULL;
	struct finding *finding;

	if (answer->final != FINAL_REWRITTEN || !holder || !out || by->ns != query->ns ||
		!is_masquerade(by->rule) || strcmp(holder->name, out) == 0 || is_lent(holder) ||
		is_known_id(doctor, check, query->ns, by))
		return;
	addr_print(&addr, &nat->packet->src);
	/* who is out there sends answers to a network of containers or machines to whoever has one of that name */
	finding = finding_add(doctor, check,
		strcmp(holder->kind, "bridge") == 0 ? SEVERITY_BROKEN : SEVERITY_RISK, query->ns,
		out);
	finding->title = arena_printf(arena,
		"%s has no address: what is masqueraded there gets that of %s (%s)", out,
		holder->name, addr.data);
	finding->symptom =
		"Packets go out, and no answer comes, or it comes by another way: on the wire the source is "
		"an address of another network.";
	finding->owner = owner_of_rule(arena, by->table, by->rule_chain, by->rule);
	finding_prove_rule(doctor, finding, by->table, by->rule_chain, number_of(by));
	finding_prove(doctor, finding, "link", "", arena_printf(arena, "%s: no IPv4 address", out));
	finding_witness(doctor, finding, query);
	finding_advise(doctor, finding, "address",
		arena_printf(arena,
			"an address for %s, or SNAT to one that the other side answers to", out),
		arena_printf(arena,
			"ip address add ADDRESS/LENGTH dev %s\n"
			"# or, in front of the rule: iptables -t nat -I POSTROUTING -o %s -j SNAT --to-source "
			"ADDRESS\n",
			out, out),
		"Which address the other side has a route to is not known here.");
}

/* Packets of each bridge to what is reached by a device without an address. */
static void ask_by(struct doctor *doctor, const struct check *check, const struct netns *ns,
	const struct sides *bridges, const struct route *route)
{
	struct addr far = route->dst.addr;
	struct query query;

	if (!route->dst.len)
		far = doctor_anybody(FAMILY_IPV4);
	else if (route->dst.len < 32)
		far.bytes[3] |= 1;
	vec_for_each (side, bridges)
		if (query_of(ns, side->port,
			    packet_text(
				    doctor, &side->station, &far, PROTO_TCP, 80, side->link->mac),
			    &query))
			find_foreign(doctor, check, &query);
}

static bool leads_by_bare_device(const struct netns *ns, const struct route *route)
{
	const struct link *link =
		route->n_hops == 1 ? netns_link_by_index(ns, route->hops[0].index) : NULL;

	return link && route->type == ROUTE_UNICAST && route->dst.addr.family == FAMILY_IPV4 &&
	       link->is_up && !link->is_loopback && !has_ipv4(ns, link);
}

static void run_masquerade(struct doctor *doctor, const struct check *check)
{
	for (size_t n = 0; n < doctor->host->n_netns; n++) {
		const struct netns *ns = &doctor->host->netns[n];
		struct sides bridges = { 0 }, outsides = { 0 };

		for (size_t i = 0; i < ns->n_routes; i++) {
			if (!leads_by_bare_device(ns, &ns->routes[i]))
				continue;
			if (doctor_is_unread(doctor, check, ns, "addresses"))
				break;
			if (!bridges.n)
				doctor_sides(doctor, ns, FAMILY_IPV4, &bridges, &outsides);
			ask_by(doctor, check, ns, &bridges, &ns->routes[i]);
		}
	}
}

static const char *const masquerade_references[] = {
	"https://github.com/cilium/cilium.io/issues/232",
	"net/netfilter/nf_nat_masquerade.c, nf_nat_masquerade_ipv4",
	NULL,
};

const struct check check_masquerade_source = {
	.id = "masquerade-source",
	.title = "MASQUERADE out of a device without an address",
	.description =
		"MASQUERADE takes an address of the device that a packet leaves by; has that none, the kernel takes one "
		"of another device, docker0's for instance, which the other side has no route to. Asked are packets "
		"from each bridge that the host routes for, by each route that leads to a device without an IPv4 "
		"address. Addresses on lo or a dummy are lent on purpose, and are no finding.",
	.references = masquerade_references,
	.run = run_masquerade,
};

/* ---- dnat-unroutable ---- */

bool is_lost_by_mapping(enum drop drop)
{
	return drop == DROP_NAT_NO_ADDRESS || drop == DROP_DNAT_UNROUTABLE ||
	       drop == DROP_NO_ROUTE || drop == DROP_FORWARDING_OFF || drop == DROP_UNREACHABLE ||
	       drop == DROP_PROHIBIT || drop == DROP_BLACKHOLE || drop == DROP_MARTIAN_DESTINATION;
}

static void run_unroutable(struct doctor *doctor, const struct check *check)
{
	const struct harm_groups *groups = doctor_harms(doctor, check, HARM_DESTINATION);

	vec_for_each (group, groups) {
		const struct harm *shown = group->shown;
		struct arena *scratch CLEANUP(arena_freep) = arena_new();
		const struct explanation *answer =
			explain(scratch, doctor->explainer, &shown->witness);
		const struct owner *owner = &shown->decider.owner;
		struct finding *finding;

		if (answer->final != FINAL_DROPPED || !is_lost_by_mapping(answer->leaf->drop))
			continue;
		finding =
			finding_add(doctor, check, shown->is_felt ? SEVERITY_BROKEN : SEVERITY_RISK,
				shown->port->ns, decider_id(doctor->arena, &shown->decider));
		finding->title = arena_printf(doctor->arena,
			"%s%s sends bridged packets of %s to where they are lost: %s%s",
			owner->is_known ? owner->name : "a rule", owner->is_known ? "'s rule" : "",
			shown->port->link->name, drop_words(answer->leaf->drop),
			shown->is_felt ? "" : ", when others choose such addresses");
		finding->symptom =
			"Connections of the machine to that port or address time out, to wherever they are "
			"meant to go; nothing logs them.";
		finding_add_harms(doctor, finding, group);
		finding_prove_sysctl(doctor, finding, "net.ipv4.ip_forward", "0");
		offer_guard(doctor, finding);
	}
}

static const char *const unroutable_references[] = {
	"net/bridge/br_netfilter_hooks.c, br_nf_pre_routing_finish",
	"net/bridge/br_netfilter_ipv6.c, br_nf_pre_routing_finish_ipv6",
	NULL,
};

const struct check check_dnat_unroutable = {
	.id = "dnat-unroutable",
	.title = "DNAT of bridged packets to where no route leads",
	.description =
		"A bridged packet whose destination a rule of NAT has changed is routed by the host: where it does not "
		"forward, or has no route there, the packet is lost. A published port or a node port that names no "
		"device does that to machines' packets. (Where they arrive at somebody else, see nat-destination.)",
	.references = unroutable_references,
	.run = run_unroutable,
};

/* ---- loopback-dnat ---- */

static bool is_arrived(const struct explanation *after, const void *data)
{
	(void)data;
	return after->final == FINAL_REWRITTEN || after->leaf->drop == DROP_NO_SOCKET;
}

static bool maps_to_loopback(const struct rule *rule)
{
	if (rule->target.kind == TARGET_NAT)
		return rule->target.mapping->kind == NAT_DNAT && rule->target.mapping->has_addr &&
		       rule->target.mapping->addr_min.family == FAMILY_IPV4 &&
		       rule->target.mapping->addr_min.bytes[0] == 127;
	return rule->target.kind == TARGET_NFT_NAT && rule->target.nat->kind == NFT_DNAT &&
	       rule->target.nat->is_known && rule->target.nat->has_addr &&
	       rule->target.nat->addr_min.family == FAMILY_IPV4 &&
	       rule->target.nat->addr_min.bytes[0] == 127;
}

static bool is_lost_there(const struct doctor *doctor, const struct query *query,
	const struct rule *rule, const struct node **ret_by)
{
	const struct explanation *answer = explain(doctor->arena, doctor->explainer, query);

	return answer->final == FINAL_DROPPED && answer->leaf->drop == DROP_MARTIAN_DESTINATION &&
	       find_mapping(answer, false, ret_by) && (*ret_by)->rule == rule;
}

static void find_loopback(struct doctor *doctor, const struct check *check,
	const struct query *query, const struct node *by)
{
	struct arena *arena = doctor->arena;
	const char *name = link_conf_name(arena, "ipv4", query->in, "route_localnet");
	struct host_edit *edit = arena_new_one(arena, struct host_edit);
	struct finding *finding;
	struct fix fix = { .name = "route-localnet",
		.edits = edit,
		.n_edits = 1,
		.consequence =
			"Whoever is on that network can then reach what the host serves on 127.0.0.1 only, "
			"unless rules forbid it. To listen on an address of the host is better." };

	finding = finding_add(doctor, check, SEVERITY_BROKEN, query->ns,
		arena_printf(arena, "%s-%zu", by->rule_chain->name, number_of(by)));
	finding->title = arena_printf(arena,
		"what rule %zu of %s sends to a loopback address is lost: %s does not take it",
		number_of(by), by->rule_chain->name, query->in->name);
	finding->symptom =
		"Connections from outside to that port time out, from the host itself they work; the log "
		"has \"martian destination\".";
	finding->owner = owner_of_rule(arena, by->table, by->rule_chain, by->rule);
	finding_prove_rule(doctor, finding, by->table, by->rule_chain, number_of(by));
	finding_prove_sysctl(doctor, finding, "net.ipv4.conf.all.route_localnet", "0");
	finding_prove_sysctl(doctor, finding, name, "0");
	finding_witness(doctor, finding, query);
	*edit = edit_of_sysctl(query->ns, name, "1");
	fix.words = arena_printf(arena, "%s = 1", name);
	(void)finding_fix(doctor, finding, &fix, is_arrived, NULL);
}

/* From each network outside, to the host's address there. */
static void ask_loopback(struct doctor *doctor, const struct check *check, const struct netns *ns,
	const struct sides *sides, const struct rule *rule)
{
	uint16_t port = 80;

	(void)rule_dport(rule, &port);
	vec_for_each (side, sides) {
		const struct node *by;
		struct query query;

		if (query_of(ns, side->port,
			    packet_text(doctor, &side->station, &side->host, PROTO_TCP, port,
				    side->link->mac),
			    &query) &&
			is_lost_there(doctor, &query, rule, &by)) {
			find_loopback(doctor, check, &query, by);
			return;
		}
	}
}

static void run_loopback(struct doctor *doctor, const struct check *check)
{
	for (size_t n = 0; n < doctor->host->n_netns; n++) {
		const struct netns *ns = &doctor->host->netns[n];
		struct sides bridges = { 0 }, outsides = { 0 };

		for (size_t t = 0; ns->ruleset && t < ns->ruleset->n_tables; t++) {
			const struct table *table = &ns->ruleset->tables[t];

			for (size_t c = 0; c < table->n_chains; c++)
				for (size_t r = 0; r < table->chains[c].n_rules; r++) {
					if (!maps_to_loopback(&table->chains[c].rules[r]))
						continue;
					if (!outsides.n)
						doctor_sides(doctor, ns, FAMILY_IPV4, &bridges,
							&outsides);
					ask_loopback(doctor, check, ns, &outsides,
						&table->chains[c].rules[r]);
				}
		}
	}
}

static const char *const loopback_references[] = {
	"https://github.com/cloudnativelabs/kube-router/issues/812",
	"net/ipv4/route.c, ip_route_input_slow",
	NULL,
};

const struct check check_loopback_dnat = {
	.id = "loopback-dnat",
	.title = "DNAT to 127.0.0.0/8 that the kernel does not route",
	.description =
		"A packet from outside that a rule sends to a loopback address is a martian, and lost, unless "
		"route_localnet is on for the device that it came in by. Asked is a packet from each network of the host "
		"to the port of each such rule.",
	.references = loopback_references,
	.run = run_loopback,
};
