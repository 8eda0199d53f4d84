// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What other programs serve through the host today: a fix must leave all of it as it is. Asked are, as single packets, the ways out of
 * each bridge whose address the host has (containers, libvirt's networks), each published port from outside, and the same port from a
 * container by the host's address (hairpin). What does not work today need not work with the fix.
 */
#include <string.h>

#include "base/text.h"
#include "doctor/internal.h"
#include "packet/expr.h"

#define MAX_SERVICES 200 /* of a kind: hosts with thousands of published ports are sampled evenly */

struct service {
	struct query query;
	const struct explanation *today;
};
struct services {
	VEC(struct service);
	size_t n_ways_out, n_published, n_hairpins;
};

static bool is_alike(const struct explanation *a, const struct explanation *b)
{
	const struct node *x = a->leaf->last, *y = b->leaf->last;

	return a->final == b->final && a->leaf->place == b->leaf->place &&
	       strcmp(x->link ? x->link->name : "", y->link ? y->link->name : "") == 0 &&
	       addr_compare(&x->packet->src, &y->packet->src) == 0 &&
	       addr_compare(&x->packet->dst, &y->packet->dst) == 0 &&
	       x->packet->dport == y->packet->dport;
}

static bool works(const struct explanation *today)
{
	return today->final == FINAL_DELIVERED || today->final == FINAL_REWRITTEN;
}

/* Adds it when it works today. */
static bool add_service(
	struct doctor *doctor, const struct netns *ns, const struct link *in, const char *packet)
{
	struct services *services = doctor->services;
	struct service service = { .query = { .from = FROM_DEVICE, .ns = ns, .in = in } };
	struct err err;

	if (!packet_expr_parse(packet, &service.query.packet, &err))
		return false;
	service.today = explain(doctor->arena, doctor->explainer, &service.query);
	if (!works(service.today))
		return false;
	*vec_push(services, doctor->arena) = service;
	return true;
}

/* ---- who is where ---- */

static const struct link *first_port(const struct netns *ns, const struct link *bridge)
{
	for (size_t i = 0; i < ns->n_links; i++)
		if (ns->links[i].master_index == bridge->index && ns->links[i].is_up)
			return &ns->links[i];
	return NULL;
}

void doctor_sides(struct doctor *doctor, const struct netns *ns, enum family family,
	struct sides *bridges, struct sides *outsides)
{
	for (size_t i = 0; i < ns->n_addresses; i++) {
		const struct address *address = &ns->addresses[i];
		const struct link *link = netns_link_by_index(ns, address->index);
		bool is_bridge = link && strcmp(link->kind, "bridge") == 0;
		struct side side = { .link = link, .port = link };

		if (!link || link->is_loopback || !link->is_up || address->is_link_scope ||
			address->local.family != family || address->len >= (family ? 127 : 31))
			continue;
		side.host = address->local;
		side.station = doctor_station(address);
		if (is_bridge)
			side.port = first_port(ns, link);
		if (side.port)
			*vec_push(is_bridge ? bridges : outsides, doctor->arena) = side;
	}
}

const char *packet_text(struct doctor *doctor, const struct addr *src, const struct addr *dst,
	uint8_t proto, unsigned dport, struct mac mac)
{
	struct text out CLEANUP(text_done) = TEXT_INIT;
	bool is_ipv6 = src->family == FAMILY_IPV6;

	text_addf(&out, "%s %s", proto == PROTO_UDP ? "udp" : "tcp", is_ipv6 ? "[" : "");
	addr_print(&out, src);
	text_add(&out, is_ipv6 ? "]:40000 [" : ":40000 ");
	addr_print(&out, dst);
	text_addf(&out, "%s:%u mac 02:70:77:00:00:02 > ", is_ipv6 ? "]" : "", dport);
	mac_print(&out, mac);
	return arena_strdup(doctor->arena, out.data);
}

/* ---- published ports ---- */

static bool is_dnat(const struct rule *rule)
{
	if (rule->target.kind == TARGET_NAT)
		return rule->target.mapping->kind == NAT_DNAT;
	return rule->target.kind == TARGET_NFT_NAT && rule->target.nat->kind == NFT_DNAT;
}

/* TCP, unless the rule says UDP, in whichever program's words. */
static uint8_t rule_proto(const struct table *table, const struct rule *rule)
{
	const struct match *proto = rule_match(rule, MATCH_PROTO);
	struct text text CLEANUP(text_done) = TEXT_INIT;

	if (proto)
		return proto->proto == PROTO_UDP ? PROTO_UDP : PROTO_TCP;
	table_print_rule(&text, table, rule);
	return strstr(text.data, "udp dport") ? PROTO_UDP : PROTO_TCP;
}

static void add_port(struct arena *arena, struct service_ports *ret, uint16_t port, uint8_t proto)
{
	vec_for_each (known, ret)
		if (known->port == port && known->proto == proto)
			return;
	*vec_push(ret, arena) = (struct service_port){ port, proto };
}

static void find_published(struct arena *arena, const struct ruleset *rs, enum family family,
	struct service_ports *ret)
{
	for (size_t t = 0; rs && t < rs->n_tables; t++) {
		const struct table *table = &rs->tables[t];

		if (table->family != family && table->family != FAMILY_INET)
			continue;
		for (size_t c = 0; c < table->n_chains; c++) {
			const struct chain *chain = &table->chains[c];

			for (size_t r = 0; r < chain->n_rules; r++) {
				uint16_t port;

				if (is_dnat(&chain->rules[r]) &&
					rule_dport(&chain->rules[r], &port))
					add_port(arena, ret, port,
						rule_proto(table, &chain->rules[r]));
			}
		}
	}
}

/* ---- all of them ---- */

static void find_ways_out(struct doctor *doctor, const struct netns *ns,
	const struct sides *bridges, const struct sides *outsides)
{
	vec_for_each (side, bridges) {
		const struct addr far = doctor_anybody(side->host.family);

		doctor->services->n_ways_out += add_service(doctor, ns, side->port,
			packet_text(doctor, &side->station, &far, PROTO_TCP, 80, side->link->mac));
		vec_for_each (outside, outsides)
			doctor->services->n_ways_out += add_service(doctor, ns, side->port,
				packet_text(doctor, &side->station, &outside->station, PROTO_TCP,
					80, side->link->mac));
	}
}

static void find_ports(struct doctor *doctor, const struct netns *ns,
	const struct service_ports *ports, const struct sides *bridges,
	const struct sides *outsides)
{
	size_t step = ports->n / MAX_SERVICES + 1;

	for (size_t i = 0; i < ports->n; i += step) {
		vec_for_each (outside, outsides) {
			doctor->services->n_published += add_service(doctor, ns, outside->port,
				packet_text(doctor, &outside->station, &outside->host,
					ports->items[i].proto, ports->items[i].port,
					outside->link->mac));
			vec_for_each (side, bridges)
				doctor->services->n_hairpins += add_service(doctor, ns, side->port,
					packet_text(doctor, &side->station, &outside->host,
						ports->items[i].proto, ports->items[i].port,
						side->link->mac));
		}
	}
}

void services_find_published(struct doctor *doctor, const struct netns *ns, enum family family,
	struct sides *ret_outsides, struct service_ports *ret)
{
	struct sides bridges = { 0 };

	find_published(doctor->arena, ns->ruleset, family, ret);
	if (ret->n)
		doctor_sides(doctor, ns, family, &bridges, ret_outsides);
}

bool service_query(struct doctor *doctor, const struct netns *ns, const struct side *side,
	uint8_t proto, uint16_t port, struct query *ret)
{
	struct err err;

	*ret = (struct query){ .from = FROM_DEVICE, .ns = ns, .in = side->port };
	return packet_expr_parse(
		packet_text(doctor, &side->station, &side->host, proto, port, side->link->mac),
		&ret->packet, &err);
}

static void find_services(struct doctor *doctor)
{
	doctor->services = arena_new_one(doctor->arena, struct services);
	for (size_t n = 0; n < doctor->host->n_netns; n++) {
		const struct netns *ns = &doctor->host->netns[n];

		for (unsigned family = 0; ns->ruleset && family < N_IP_FAMILIES; family++) {
			struct sides bridges = { 0 }, outsides = { 0 };
			struct service_ports ports = { 0 };

			doctor_sides(doctor, ns, (enum family)family, &bridges, &outsides);
			find_published(doctor->arena, ns->ruleset, (enum family)family, &ports);
			find_ways_out(doctor, ns, &bridges, &outsides);
			find_ports(doctor, ns, &ports, &bridges, &outsides);
		}
	}
}

static const char *broken_words(struct doctor *doctor, const struct query *query)
{
	struct text out CLEANUP(text_done) = TEXT_INIT;

	text_addf(
		&out, "but a packet of others would no longer be served: at %s, ", query->in->name);
	packet_expr_print(&out, &query->packet);
	return arena_strdup(doctor->arena, out.data);
}

/* To the port that a fix closes on purpose, by the device at which it does. */
static bool is_to_closed(const struct query *closed, const struct query *query)
{
	return closed && closed->packet.proto == query->packet.proto &&
	       closed->packet.dport == query->packet.dport &&
	       addr_compare(&closed->packet.dst, &query->packet.dst) == 0 &&
	       closed->in == query->in;
}

bool services_are_kept(struct doctor *doctor, const struct host *other, const char **ret_words)
{
	struct arena *scratch CLEANUP(arena_freep) = arena_new();
	const struct explainer *explainer = explainer_new(scratch, other);
	struct services *services;

	if (!doctor->services)
		find_services(doctor);
	services = doctor->services;
	vec_for_each (service, services) {
		struct query query = query_moved(scratch, &service->query, doctor->host, other);

		if (is_to_closed(doctor->closed, &service->query))
			continue;
		if (is_alike(service->today, explain(scratch, explainer, &query)))
			continue;
		*ret_words = broken_words(doctor, &service->query);
		return false;
	}
	*ret_words =
		services->n
			? arena_printf(doctor->arena,
				  "%zu ways out, %zu published ports and %zu of them from within "
				  "(hairpin) work as before",
				  services->n_ways_out, services->n_published, services->n_hairpins)
			: "nothing else is served through this host";
	return true;
}
