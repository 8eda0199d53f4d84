// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "host/index.h"
#include "hostbuild.h"

struct host_build *host_build_new(struct arena *arena)
{
	struct host_build *b = arena_new_one(arena, struct host_build);

	b->arena = arena;
	b->next_index = 1;
	b->host.netns = b->netns;
	b->host.ovs_bridges = b->ovs_bridges;
	b->host.ovs_ports = b->ovs_ports;
	for (size_t i = 0; i < N_OF(b->netns); i++) {
		struct netns *ns = &b->netns[i];
		struct built_netns *built = &b->built[i];

		ns->name = i ? arena_printf(arena, "ns%zu", i) : "";
		ns->links = built->links;
		ns->addresses = built->addresses;
		ns->routes = built->routes;
		ns->neighbours = built->neighbours;
		ns->fdb = built->fdb;
		ns->sysctls = built->sysctls;
		ns->conntrack = built->conntrack;
		ns->sockets = built->sockets;
		ns->unread = built->unread;
		ns->has_br_netfilter = true;
		ns->ruleset = ruleset_new(arena);
		built->sockets[ns->n_sockets++] =
			(struct socket){ .family = FAMILY_IPV6, .proto = PROTO_TCP, .port = 443 };
		built->sockets[ns->n_sockets++] =
			(struct socket){ .family = FAMILY_IPV6, .proto = PROTO_UDP, .port = 443 };
	}
	return b;
}

struct link *build_link(struct host_build *b, int ns, const char *kind, const char *name)
{
	struct netns *netns = &b->netns[ns];
	struct link *link = &b->built[ns].links[netns->n_links++];

	if (b->host.n_netns <= (size_t)ns)
		b->host.n_netns = (size_t)ns + 1;
	*link = (struct link){ .name = name,
		.kind = kind,
		.index = b->next_index,
		.mtu = 1500,
		.is_up = true,
		.has_carrier = true,
		.peer_netns = -1,
		.port_state = PORT_FORWARDING,
		.has_learning = true,
		.has_unicast_flood = true,
		.has_mcast_flood = true,
		.has_bcast_flood = true,
		.mac = { { 2, 0, 0, 0, 1, (uint8_t)b->next_index } } };
	link->is_loopback = !strcmp(name, "lo");
	b->next_index++;
	return link;
}

struct link *built_link(struct host_build *b, const char *name, int *ret_ns)
{
	for (int ns = 0; ns < (int)N_OF(b->netns); ns++)
		for (size_t i = 0; i < b->netns[ns].n_links; i++)
			if (!strcmp(b->netns[ns].links[i].name, name)) {
				if (ret_ns)
					*ret_ns = ns;
				return &b->netns[ns].links[i];
			}
	fail_msg("no link %s was built", name);
	return NULL;
}

void build_port(struct host_build *b, const char *bridge, const char *port)
{
	built_link(b, port, NULL)->master_index = built_link(b, bridge, NULL)->index;
}

void build_veth(struct host_build *b, int ns_a, const char *a, int ns_b, const char *b_name)
{
	struct link *first = build_link(b, ns_a, "veth", a);
	struct link *second = build_link(b, ns_b, "veth", b_name);

	first->peer_index = second->index;
	first->peer_netns = ns_b;
	second->peer_index = first->index;
	second->peer_netns = ns_a;
	first->is_peer_away = second->is_peer_away = ns_a != ns_b;
}

static struct route *add_route(struct host_build *b, int ns, enum route_type type, uint32_t table,
	const char *prefix, int index, const char *gateway)
{
	struct netns *netns = &b->netns[ns];
	struct built_netns *built = &b->built[ns];
	struct next_hop *hop = &built->hops[netns->n_routes];
	struct route *route = &built->routes[netns->n_routes++];

	*hop = (struct next_hop){ .index = index, .weight = 1 };
	*route = (struct route){ .type = type, .table = table, .hops = hop, .n_hops = 1 };
	assert_true(prefix_parse(prefix, &route->dst));
	if (gateway) {
		hop->has_gateway = true;
		assert_true(addr_parse(gateway, &hop->gateway));
	}
	return route;
}

void build_address(struct host_build *b, const char *name, const char *text)
{
	int ns;
	struct link *link = built_link(b, name, &ns);
	struct address *address = &b->built[ns].addresses[b->netns[ns].n_addresses++];
	const char *slash = strchr(text, '/');
	char *bare = arena_strndup(b->arena, text, (size_t)(slash - text));

	*address = (struct address){ .index = link->index,
		.len = (uint8_t)strtoul(slash + 1, NULL, 10) };
	assert_true(addr_parse(bare, &address->local));
	address->peer = address->local;
	link->has_address = true;
	add_route(b, ns, ROUTE_LOCAL, 255, bare, link->index, NULL);
	add_route(b, ns, ROUTE_UNICAST, 254, text, link->index, NULL);
}

void build_route(struct host_build *b, const char *prefix, const char *name, const char *gateway)
{
	int ns;
	struct link *link = built_link(b, name, &ns);

	add_route(b, ns, ROUTE_UNICAST, 254, prefix, link->index, gateway);
}

void build_neighbour(struct host_build *b, const char *name, const char *addr, const char *mac)
{
	int ns;
	struct link *link = built_link(b, name, &ns);
	struct neighbour *neighbour = &b->built[ns].neighbours[b->netns[ns].n_neighbours++];

	*neighbour = (struct neighbour){ .index = link->index };
	assert_true(addr_parse(addr, &neighbour->addr));
	if (mac)
		assert_true(neighbour->has_mac = mac_parse(mac, &neighbour->mac));
	else
		neighbour->is_failed = true;
}

void build_fdb(struct host_build *b, const char *name, const char *mac)
{
	int ns;
	struct link *port = built_link(b, name, &ns);
	struct fdb_entry *entry = &b->built[ns].fdb[b->netns[ns].n_fdb++];

	*entry =
		(struct fdb_entry){ .bridge_index = port->master_index, .port_index = port->index };
	assert_true(mac_parse(mac, &entry->mac));
}

void build_sysctl(struct host_build *b, int ns, const char *name, const char *value)
{
	b->built[ns].sysctls[b->netns[ns].n_sysctls++] = (struct sysctl){ name, value };
	/* as netns_finish derives it */
	if (strcmp(name, "net.bridge.bridge-nf-call-iptables") == 0)
		b->netns[ns].nf_call[FAMILY_IPV4] = strcmp(value, "0") != 0;
	if (strcmp(name, "net.bridge.bridge-nf-call-ip6tables") == 0)
		b->netns[ns].nf_call[FAMILY_IPV6] = strcmp(value, "0") != 0;
}

void build_unread(struct host_build *b, int ns, const char *what)
{
	b->built[ns].unread[b->netns[ns].n_unread++] = (struct unread){ what, "EPERM" };
}

static void add_iptables(struct host_build *b, int ns, enum family family, const char *text)
{
	struct err err = { 0 };

	if (!ruleset_parse_iptables(
		    b->arena, (struct ruleset *)b->netns[ns].ruleset, family, "rules", text, &err))
		fail_msg("%s", err.text);
}

void build_iptables(struct host_build *b, int ns, const char *text)
{
	add_iptables(b, ns, FAMILY_IPV4, text);
}

void build_ip6tables(struct host_build *b, int ns, const char *text)
{
	add_iptables(b, ns, FAMILY_IPV6, text);
}

void build_nft(struct host_build *b, int ns, const char *text)
{
	struct err err = { 0 };

	if (!ruleset_parse_nft(
		    b->arena, (struct ruleset *)b->netns[ns].ruleset, "rules", text, &err))
		fail_msg("%s", err.text);
}

static int by_link_name(const void *a, const void *b)
{
	return strcmp(((const struct link *)a)->name, ((const struct link *)b)->name);
}

static int by_sysctl_name(const void *a, const void *b)
{
	return strcmp(((const struct sysctl *)a)->name, ((const struct sysctl *)b)->name);
}

/* As netns_finish does; that br_netfilter is there was said at the beginning. */
static void derive_nf_call(struct netns *ns)
{
	static const char *const names[N_IP_FAMILIES] = { "net.bridge.bridge-nf-call-iptables",
		"net.bridge.bridge-nf-call-ip6tables" };

	for (unsigned family = 0; family < N_IP_FAMILIES; family++) {
		const char *value = netns_sysctl(ns, names[family]);

		ns->nf_call[family] = value && strcmp(value, "0") != 0;
	}
}

const struct host *host_built(struct host_build *b)
{
	for (size_t i = 0; i < N_OF(b->netns); i++) {
		qsort(b->netns[i].links, b->netns[i].n_links, sizeof(struct link), by_link_name);
		qsort(b->built[i].sysctls, b->netns[i].n_sysctls, sizeof(struct sysctl),
			by_sysctl_name);
		derive_nf_call(&b->netns[i]);
		netns_index(b->arena, &b->netns[i]);
	}
	host_finish(b->arena, &b->host);
	return &b->host;
}

static void node_word(struct text *out, const struct node *node)
{
	if (node->kind == NODE_END || node->kind == NODE_SOURCE_CHECK)
		return;
	if (out->len)
		text_add(out, ", ");
	text_add(out, node_kind_name(node->kind));
	if (node->kind == NODE_CHAIN)
		text_addf(out, " %s.%s", node->table->name, node->chain->name);
	else if (node->kind == NODE_OVS)
		text_addf(out, " %s", node->ovs->name);
	else if (node->link && node->kind != NODE_CONNTRACK && node->kind != NODE_IPTABLES_CALLED)
		text_addf(out, " %s", node->link->name);
}

static void path_words(struct text *out, const struct node *node)
{
	if (!node)
		return;
	path_words(out, node->before);
	node_word(out, node);
}

void path_print(struct text *out, const struct leaf *leaf)
{
	path_words(out, leaf->last);
	text_addf(out, "; %s", final_name(leaf->final));
	if (leaf->drop)
		text_addf(out, " %s", drop_name(leaf->drop));
	if (leaf->why)
		text_addf(out, ": %s", leaf->why);
}
