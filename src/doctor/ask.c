// SPDX-License-Identifier: GPL-2.0-or-later
/* Single packets that checks ask about, and the words for addresses and routes. */
#include <string.h>

#include "base/text.h"
#include "doctor/internal.h"
#include "packet/expr.h"

static void add_end(struct text *out, const struct addr *addr, bool has_ports, unsigned port)
{
	bool is_bracketed = has_ports && addr->family == FAMILY_IPV6;

	text_add(out, is_bracketed ? " [" : " ");
	addr_print(out, addr);
	if (has_ports)
		text_addf(out, "%s:%u", is_bracketed ? "]" : "", port);
}

bool ask_query(
	const struct netns *ns, const struct link *in, const struct ask *ask, struct query *ret)
{
	struct text out CLEANUP(text_done) = TEXT_INIT;
	bool has_ports = strcmp(ask->proto, "icmp") != 0;
	struct err err;

	text_add(&out, ask->proto);
	add_end(&out, ask->src, has_ports, ask->sport);
	add_end(&out, ask->dst, has_ports, ask->dport);
	if (ask->has_macs) {
		text_add(&out, " mac ");
		mac_print(&out, ask->from);
		text_add(&out, " > ");
		mac_print(&out, ask->to);
	}
	if (ask->options)
		text_addf(&out, " %s", ask->options);
	*ret = (struct query){ .from = in ? FROM_DEVICE : FROM_PROCESS, .ns = ns, .in = in };
	return packet_expr_parse(out.data, &ret->packet, &err);
}

struct asked doctor_ask(struct doctor *doctor, struct arena *arena, const struct netns *ns,
	const struct link *in, const struct ask *ask)
{
	struct asked asked = { .explanation = NULL };

	if (ask_query(ns, in, ask, &asked.query))
		asked.explanation = explain(arena, doctor->explainer, &asked.query);
	return asked;
}

bool asked_is_lost(const struct asked *asked, enum drop drop)
{
	const struct explanation *explanation = asked->explanation;

	return explanation && explanation->final == FINAL_DROPPED &&
	       explanation->leaf->drop == drop && explanation->leaf->last->ns == asked->query.ns;
}

const char *doctor_anybody_text(enum family family)
{
	return family == FAMILY_IPV6 ? "2001:db8:ffff::77" : "203.0.113.77";
}

struct addr doctor_anybody(enum family family)
{
	struct addr addr;

	(void)addr_parse(doctor_anybody_text(family), &addr);
	return addr;
}

struct addr doctor_station(const struct address *address)
{
	struct addr addr = address->local;
	size_t last = addr.family == FAMILY_IPV4 ? 3 : 15;

	addr.bytes[last] = (uint8_t)(addr.bytes[last] == 0xfe ? 0xfd : addr.bytes[last] + 1);
	return addr;
}

struct asked doctor_ask_way_out(struct doctor *doctor, struct arena *arena, const struct netns *ns,
	const struct link *entry, const struct link *bridge, const struct address *own)
{
	const struct addr station = doctor_station(own),
			  anybody = doctor_anybody(own->local.family);

	return doctor_ask(doctor, arena, ns, entry,
		&(struct ask){ .proto = "tcp",
			.src = &station,
			.dst = &anybody,
			.sport = 40000,
			.dport = 80,
			.has_macs = true,
			.from = { { 0x02, 0x70, 0x77, 0, 0, 2 } },
			.to = bridge->mac });
}

const struct address *doctor_address_of(
	const struct netns *ns, const struct link *link, enum family family)
{
	for (size_t i = 0; i < ns->n_addresses; i++)
		if (ns->addresses[i].index == link->index &&
			ns->addresses[i].local.family == family && !ns->addresses[i].is_link_scope)
			return &ns->addresses[i];
	return NULL;
}

const struct link *doctor_entry_of(const struct netns *ns, const struct link *link)
{
	if (!link->is_up)
		return NULL;
	if (strcmp(link->kind, "bridge") != 0)
		return link;
	for (size_t i = 0; i < ns->n_links; i++)
		if (ns->links[i].master_index == link->index && ns->links[i].is_up &&
			ns->links[i].has_carrier)
			return &ns->links[i];
	return NULL;
}

const char *doctor_addr(struct doctor *doctor, const struct addr *addr)
{
	struct text out CLEANUP(text_done) = TEXT_INIT;

	addr_print(&out, addr);
	return arena_strdup(doctor->arena, out.data);
}

const char *doctor_route(struct doctor *doctor, const struct netns *ns, const struct route *route)
{
	struct text out CLEANUP(text_done) = TEXT_INIT;

	if (route->dst.len)
		prefix_print(&out, &route->dst);
	else
		text_add(&out, "default");
	for (size_t i = 0; i < route->n_hops; i++) {
		const struct link *link = netns_link_by_index(ns, route->hops[i].index);

		if (route->hops[i].has_gateway) {
			text_add(&out, " via ");
			addr_print(&out, &route->hops[i].gateway);
		}
		if (link)
			text_addf(&out, " dev %s", link->name);
	}
	if (route->table != 254)
		text_addf(&out, " table %u", route->table);
	if (route->priority)
		text_addf(&out, " metric %u", route->priority);
	return arena_strdup(doctor->arena, out.data);
}

const struct route *asked_route(const struct asked *asked)
{
	const struct route *first = NULL;

	if (!asked->explanation)
		return NULL;
	for (const struct node *node = asked->explanation->leaf->last; node; node = node->before)
		if (node->kind == NODE_ROUTE && node->route)
			first = node->route;
	return first;
}
