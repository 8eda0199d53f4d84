// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A packet at a port that portwall serve keeps: where it starts, and whose its MACs are, follows from the policy, and is not for whoever
 * asks to know.
 */
#include "cmd/explain.h"

#include <string.h>

#include "agent/serve.h"

/* The question as it is being made. */
struct asked {
	const struct policy *policy;
	const struct serve_state *state;
	const struct netns *ns;
	const struct policy_port *port;
	const struct serve_port *at; /* where the port is */
	struct packet packet;
	struct packet_choices choices;
	const char *in, *to; /* to NULL: nobody says */
};

static const struct serve_port *place_of(const struct serve_state *state, const char *port_id)
{
	for (size_t i = 0; i < state->n_ports; i++)
		if (!strcmp(state->ports[i].id, port_id))
			return &state->ports[i];
	return NULL;
}

static const struct policy_port *find_port(const struct policy *policy, const char *id)
{
	for (size_t i = 0; i < policy->n_ports; i++)
		if (!strcmp(policy->ports[i].id, id))
			return &policy->ports[i];
	return NULL;
}

/* A pair of many addresses says whom the port may speak for, not whose they are. */
static bool has_address(const struct policy_port *port, const struct addr *addr)
{
	for (size_t i = 0; i < port->n_fixed_ips; i++)
		if (!addr_compare(&port->fixed_ips[i], addr))
			return true;
	for (size_t i = 0; i < port->n_pairs; i++)
		if (port->pairs[i].prefix.len == prefix_max_len(addr->family) &&
			prefix_contains(&port->pairs[i].prefix, addr))
			return true;
	return false;
}

static bool is_known(const struct asked *asked, enum field field)
{
	return !(asked->packet.unknown & FIELD_BIT(field)) &&
	       asked->packet.ethertype != ETHERTYPE_ARP;
}

/* Another port in the bridge of this one that has the address; NULL: none. */
static const struct policy_port *neighbour(
	const struct asked *asked, enum field field, const struct addr *addr)
{
	for (size_t i = 0; is_known(asked, field) && i < asked->policy->n_ports; i++) {
		const struct policy_port *port = &asked->policy->ports[i];
		const struct serve_port *at;

		if (port == asked->port || !has_address(port, addr))
			continue;
		at = place_of(asked->state, port->id);
		if (at && *at->bridge && !strcmp(at->bridge, asked->at->bridge))
			return port;
	}
	return NULL;
}

static bool find_place(struct asked *asked, const char *port_id, struct err *err)
{
	asked->port = find_port(asked->policy, port_id);
	asked->at = place_of(asked->state, port_id);
	if (!asked->port || !asked->at)
		return err_conflict(err, "the engine has not been told of port %s yet", port_id);
	if (asked->at->state == PORT_REMOTE) {
		err_conflict(err, "port %s is not on this host%s%s", port_id,
			*asked->port->host ? ": it is on " : "", asked->port->host);
		return err_next(err, "ask the service of the host that it is on");
	}
	if (asked->at->state == PORT_WAITING || !netns_link(asked->ns, asked->at->device)) {
		err_conflict(err, "port %s has no interface: %s is not there", port_id,
			asked->at->device);
		return err_next(err, "it comes with the virtual machine");
	}
	return true;
}

static bool is_ingress(const struct asked *asked, const char *direction)
{
	if (*direction)
		return !strcmp(direction, "ingress");
	if (is_known(asked, FIELD_SRC) && has_address(asked->port, &asked->packet.src))
		return false;
	return is_known(asked, FIELD_DST) && has_address(asked->port, &asked->packet.dst);
}

static bool is_of_a_port(const struct serve_state *state, const char *device)
{
	for (size_t i = 0; i < state->n_ports; i++)
		if (state->ports[i].state != PORT_REMOTE && !strcmp(state->ports[i].device, device))
			return true;
	return false;
}

/* What comes to a bridge and is no port's comes by the one interface that is none's. */
static bool find_uplink(struct asked *asked, struct err *err)
{
	const struct link *bridge = netns_link(asked->ns, asked->at->bridge);
	struct text names CLEANUP(text_done) = TEXT_INIT;
	size_t n = 0;

	for (size_t i = 0; bridge && i < asked->ns->n_links; i++) {
		const struct link *link = &asked->ns->links[i];

		if (link->master_index != bridge->index || is_of_a_port(asked->state, link->name))
			continue;
		asked->in = link->name;
		text_addf(&names, "%s%s", n++ ? ", " : "", link->name);
	}
	if (n == 1)
		return true;
	if (n)
		err_conflict(err, "a packet can come to bridge %s by %s", bridge->name, names.data);
	else
		err_conflict(err, "no interface is known by which such a packet comes to port %s",
			asked->port->id);
	return err_next(err, "say it with from=INTERFACE");
}

static void know_mac(
	struct asked *asked, enum field field, struct mac *mac, const struct policy_port *port)
{
	if (!port || !(asked->packet.unknown & FIELD_BIT(field)))
		return;
	for (size_t i = 0; i < asked->choices.n; i++)
		if (asked->choices.items[i].field == field)
			return;
	*mac = port->mac;
	asked->packet.unknown &= ~FIELD_BIT(field);
}

static const struct policy_port *own_or_neighbour(
	const struct asked *asked, enum field field, const struct addr *addr)
{
	if (is_known(asked, field) && has_address(asked->port, addr))
		return asked->port;
	return neighbour(asked, field, addr);
}

static bool find_way(struct asked *asked, const struct serve_question *question, struct err *err)
{
	const struct policy_port *from = neighbour(asked, FIELD_SRC, &asked->packet.src);
	const struct policy_port *to = neighbour(asked, FIELD_DST, &asked->packet.dst);

	know_mac(asked, FIELD_ETH_SRC, &asked->packet.eth_src,
		own_or_neighbour(asked, FIELD_SRC, &asked->packet.src));
	know_mac(asked, FIELD_ETH_DST, &asked->packet.eth_dst,
		own_or_neighbour(asked, FIELD_DST, &asked->packet.dst));
	if (!is_ingress(asked, question->direction)) {
		asked->in = asked->at->device;
		asked->to = to ? place_of(asked->state, to->id)->device : NULL;
	} else {
		asked->to = asked->at->device;
		if (from)
			asked->in = place_of(asked->state, from->id)->device;
		else if (!*question->from && !find_uplink(asked, err))
			return false;
	}
	if (*question->from)
		asked->in = question->from;
	return true;
}

bool explain_port(struct invocation *inv, const struct policy *policy,
	const struct serve_state *state, const struct serve_question *question, struct err *err)
{
	struct asked asked = { .policy = policy, .state = state };
	struct text words CLEANUP(text_done) = TEXT_INIT;
	const struct host *host;

	if (!packet_expr_parse_set(
		    inv->arena, question->packet, &asked.packet, &asked.choices, err) ||
		!read_host(inv, false, &host, err))
		return false;
	asked.ns = &host->netns[0];
	if (!find_place(&asked, question->port_id, err) || !find_way(&asked, question, err))
		return false;
	packet_expr_print_set(&words, &asked.packet, &asked.choices);
	inv->args[0] = words.data;
	inv->n_args = 1;
	inv->netns = asked.ns->name;
	inv->in = asked.in;
	inv->to = asked.to;
	inv->state = *question->state ? question->state : NULL;
	return explain_on(inv, host, err);
}
