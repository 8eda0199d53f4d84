// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * NAT chooses once for each flow (net/netfilter/nf_nat_core.c, nf_nat_inet_fn): an entry that a rule has damaged keeps the
 * wrong mapping when the rule is gone, for as long as packets come. Such an entry is known by asking what a new flow of the same packet
 * would get, in the same zone, on the host without those entries.
 */
#include <string.h>

#include "base/text.h"
#include "doctor/internal.h"
#include "packet/expr.h"

#define MAX_ASKED 4096 /* entries; each is a walk or two */

struct asking {
	struct doctor *doctor;
	const struct host *host;  /* as it is */
	const struct host *clean; /* without the entries that are asked about */
	const struct netns *ns;	  /* of clean */
	const struct explainer *as_it_is, *explainer;
};

static bool is_icmp(uint8_t proto)
{
	return proto == PROTO_ICMP || proto == PROTO_ICMPV6;
}

static bool is_mapped(uint8_t proto, const struct flow_tuple *orig, const struct flow_tuple *reply)
{
	if (addr_compare(&orig->src, &reply->dst) != 0 ||
		addr_compare(&orig->dst, &reply->src) != 0)
		return true;
	return !is_icmp(proto) && (orig->sport != reply->dport || orig->dport != reply->sport);
}

/* Somebody else near the host has the address of a machine: whose entry it is cannot be told then. */
static bool is_shared(const struct netns *ns, const struct vm_port *port, const struct addr *addr)
{
	for (size_t i = 0; i < ns->n_neighbours; i++) {
		const struct neighbour *neighbour = &ns->neighbours[i];

		if (addr_compare(&neighbour->addr, addr) == 0 && neighbour->has_mac &&
			neighbour->index != port->bridge->index)
			return true;
	}
	return false;
}

static struct packet packet_of(const struct conntrack_entry *entry)
{
	struct packet packet = { .src = entry->orig.src,
		.dst = entry->orig.dst,
		.proto = entry->proto,
		.ttl = 64,
		.ethertype =
			entry->orig.src.family == FAMILY_IPV6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4 };

	if (is_icmp(entry->proto)) {
		packet.icmp_type = (uint8_t)(entry->orig.dport >> 8);
		packet.icmp_code = (uint8_t)entry->orig.dport;
	} else {
		packet.sport = entry->orig.sport;
		packet.dport = entry->orig.dport;
	}
	if (entry->proto == PROTO_TCP)
		packet.tcp_flags = TCP_SYN;
	return packet;
}

/* As the packet looks to people who type it: lengths, marks and the like stay open or usual. */
static bool query_of(struct doctor *doctor, const struct conntrack_entry *entry,
	const struct vm_port *port, bool is_egress, struct query *ret)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;
	struct packet packet = packet_of(entry);
	const struct vm_port *other =
		vm_port_of_addr(doctor, is_egress ? &packet.dst : &packet.src);
	struct mac here = port->addrs.items[0].mac, there = outside_mac;
	struct err err;

	vec_for_each (known, &port->addrs)
		if (addr_compare(&known->addr, is_egress ? &packet.src : &packet.dst) == 0)
			here = known->mac;
	if (other)
		there = other->addrs.items[0].mac;
	else if (port->bridge->has_address)
		there = port->bridge->mac;
	packet.eth_src = is_egress ? here : there;
	packet.eth_dst = is_egress ? there : here;
	packet_expr_print(&text, &packet);
	*ret = (struct query){ .from = FROM_DEVICE, .ns = port->ns, .in = port->link };
	if (!packet_expr_parse(text.data, &ret->packet, &err))
		return false;
	if (!port->bridge->has_address)
		ret->within = port->bridge;
	return true;
}

static bool is_tuple(const struct flow_tuple *a, const struct flow_tuple *b, uint8_t proto)
{
	return addr_compare(&a->src, &b->src) == 0 && addr_compare(&a->dst, &b->dst) == 0 &&
	       (is_icmp(proto) || (a->sport == b->sport && a->dport == b->dport));
}

/* Does a new flow of the packet get an entry in that zone that maps nothing? */
static bool is_new_one_whole(
	const struct asking *asking, const struct conntrack_entry *entry, const struct query *query)
{
	struct arena *scratch CLEANUP(arena_freep) = arena_new();
	struct query moved = query_moved(scratch, query, asking->doctor->host, asking->clean);
	const struct explanation *answer = explain(scratch, asking->explainer, &moved);

	if (answer->final != FINAL_DELIVERED)
		return false;
	for (const struct walked_flow *flow = answer->leaf->flows; flow; flow = flow->before)
		if (flow->ns == asking->ns && flow->entry.zone == entry->zone &&
			is_tuple(&flow->entry.orig, &entry->orig, entry->proto))
			return !is_mapped(entry->proto, &flow->entry.orig, &flow->entry.reply);
	return false;
}

static bool is_mapped_by_entry(const struct asking *asking, const struct query *query)
{
	struct arena *scratch CLEANUP(arena_freep) = arena_new();
	struct query moved = query_moved(scratch, query, asking->doctor->host, asking->host);
	const struct explanation *answer = explain(scratch, asking->as_it_is, &moved);

	for (const struct node *node = answer->leaf ? answer->leaf->last : NULL; node;
		node = node->before)
		if (node->kind == NODE_NAT && node->ns->inode == query->ns->inode &&
			!node_rewriter(node))
			return true;
	return false;
}

static bool has_nat(const struct ruleset *rs)
{
	for (size_t t = 0; rs && t < rs->n_tables; t++) {
		const struct table *table = &rs->tables[t];

		if (table->source != SOURCE_NFT && strcmp(table->name, "nat") == 0)
			return true;
		for (size_t c = 0; c < table->n_chains; c++)
			if (table->chains[c].type && strcmp(table->chains[c].type, "nat") == 0)
				return true;
	}
	return false;
}

/* Where no chain of NAT is left at all the kernel applies no mapping either. */
static bool is_applied(
	const struct asking *asking, const struct conntrack_entry *entry, const struct query *query)
{
	if (is_icmp(entry->proto)) /* a packet is told without the id that it would be found by */
		return has_nat(
			asking->host->netns[query->ns - asking->doctor->host->netns].ruleset);
	return is_mapped_by_entry(asking, query);
}

static bool is_damaged(
	const struct asking *asking, const struct conntrack_entry *entry, struct flows *flows)
{
	for (int is_egress = 1; is_egress >= 0; is_egress--) {
		const struct addr *own = is_egress ? &entry->orig.src : &entry->orig.dst;
		const struct vm_port *port = vm_port_of_addr(asking->doctor, own);
		struct query query;

		if (!port ||
			port->ns - asking->doctor->host->netns !=
				asking->ns - asking->clean->netns ||
			is_shared(asking->ns, port, own) ||
			!query_of(asking->doctor, entry, port, is_egress, &query))
			continue;
		if (!is_egress)
			query.in = port->uplink;
		if (!query.in || !is_new_one_whole(asking, entry, &query) ||
			!is_applied(asking, entry, &query))
			continue;
		if (!flows->n) {
			flows->witness = query;
			flows->port = port;
		}
		return true;
	}
	return false;
}

/* Those that map an address or a port of a machine. */
static void find_candidates(struct doctor *doctor, const struct netns *ns, struct flows *ret)
{
	for (size_t i = 0; i < ns->n_conntrack && ret->n < MAX_ASKED; i++) {
		const struct conntrack_entry *entry = &ns->conntrack[i];

		if (is_mapped(entry->proto, &entry->orig, &entry->reply) &&
			(vm_port_of_addr(doctor, &entry->orig.src) ||
				vm_port_of_addr(doctor, &entry->orig.dst)))
			*vec_push(ret, doctor->arena) = entry;
	}
}

void find_damaged_flows(
	struct doctor *doctor, const struct host *host, const struct netns *ns, struct flows *ret)
{
	struct asking asking = { .doctor = doctor };
	struct flows candidates = { 0 };
	struct host_edit without = { .kind = HOST_EDIT_FLOWS };
	struct arena *scratch CLEANUP(arena_freep) = arena_new();
	struct err err;

	*ret = (struct flows){ 0 };
	find_candidates(doctor, ns, &candidates);
	without.flows = candidates.items;
	without.n_flows = candidates.n;
	if (!candidates.n || !host_edited(scratch, host, ns, &without, 1, &asking.clean, &err))
		return;
	asking.ns = &asking.clean->netns[ns - host->netns];
	asking.explainer = explainer_new(scratch, asking.clean);
	asking.host = host;
	asking.as_it_is = explainer_new(scratch, host);
	vec_for_each (entry, &candidates)
		if (is_damaged(&asking, *entry, ret))
			*vec_push(ret, doctor->arena) = *entry;
}
