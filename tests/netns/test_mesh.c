// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The kernel is the judge of the walk: two namespaces with bridges, NAT, zones and rules by chance
 * (mesh.h). Packets go in batches. Before each the host is read, and the walk says of every packet
 * where it comes out, how it looks there, and which rules and policies count it; after it the host
 * is read again, and all that is held against the frames that came and every counter of every chain.
 * The next batch has new flows, second packets of known ones, and answers to what has arrived.
 *
 * What the walk cannot tell is not sent, only counted, with its reason.
 *
 * Of some packets a few fields are opened, and the set that this makes is asked (setjudge.h): whoever of it is told to end somewhere
 * must do so alone too, and a witness of each part is a packet of the next batch.
 *
 * PORTWALL_SEED=N: the first of the seeds in a row, one a topology. MESH_HOSTS=N: so many of them.
 * PORTWALL_KEEP=FOLDER: hosts of sets that are wrong are written there.
 * PORTWALL_VERBOSE=1 prints what could not be told, and the rules of a topology that disagrees.
 */
#include "unit.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "explain/explain.h"
#include "host/file.h"
#include "kernel/kernel.h"
#include "counters.h"
#include "mesh.h"
#include "mesh_told.h"
#include "packet/expr.h"
#include "packet/field.h"
#include "setjudge.h"

#define N_HOSTS	  40 /* seeds 1 to 40 */
#define N_BATCHES 4
#define N_PACKETS 300 /* a batch */
#define MAX_NODES 4096
#define MAX_FAILS 3 /* a topology: printed */
#define MAX_WHYS  64
#define N_SETS	  12 /* a batch */

struct item {
	size_t from;
	struct net_frame frame;
	uint16_t length;
	uint32_t tag;
	uint32_t flow; /* whose packet it is, whatever NAT made of it */
	const struct explanation *told;
	const char *unsure; /* why not sent; NULL: sent */
};

static struct {
	struct set_judged sets;
	size_t hosts, witnesses, rules, packets, unsure, arrived, lost, known_flows, counters,
		wrong;
	struct {
		char text[100];
		size_t n;
	} whys[MAX_WHYS];
	size_t n_whys;
} total;

struct judge {
	struct arena *arena; /* of the snapshot and what was told of it */
	struct mesh *mesh;
	struct random random;
	const struct host *host;
	const struct explainer *explainer;
	uint64_t seed;
	uint16_t next_port;
	uint8_t next_proto;
	uint32_t n_flows;
	struct item items[N_PACKETS], before[N_PACKETS];
	size_t n_before;
	struct {
		size_t from;
		struct packet packet;
	} witnesses[SETJUDGE_WITNESSES * N_SETS];
	size_t n_witnesses;
	size_t n_fails;
	struct text rules;
};

/* ---- packets ---- */

static const char *const addrs4[] = { "10.0.0.10", "10.0.0.11", "10.0.1.10", "10.0.1.11",
	"192.0.2.2", "203.0.113.5", "10.0.0.1", "10.0.1.1", "10.0.0.254", "10.0.1.254", "192.0.2.1",
	"203.0.113.1", "198.51.100.7", "10.0.0.255", "255.255.255.255", "127.0.0.1", "10.0.0.77" };
static const char *const addrs6[] = { "2001:db8::a", "2001:db8::b", "2001:db8:1::a",
	"2001:db8:1::b", "2001:db8:ffff::2", "2001:db8:eeee::5", "2001:db8::1", "2001:db8:1::1",
	"2001:db8::254", "2001:db8:1::254", "2001:db8:ffff::1", "2001:db8:eeee::1", "2001:db8:7::5",
	"fe80::77", "::1", "2001:db8::77", "2001:db8::a" };

static struct addr addr_at(bool is_v6, size_t i)
{
	struct addr addr;

	assert_true(addr_parse(is_v6 ? addrs6[i] : addrs4[i], &addr));
	return addr;
}

/* The MAC that a sensible sender at this end would choose; sometimes any other. */
static struct mac mac_for(struct judge *judge, size_t from, size_t to)
{
	const struct mesh *mesh = judge->mesh;
	size_t bridge = from / 2;
	unsigned kind = random_below(&judge->random, 20);

	if (kind == 0)
		return (struct mac){ { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } };
	if (kind == 1)
		return (struct mac){ { 2, 0, 0, 0, 0x77, 1 } };
	if (kind == 2)
		return mesh->places[random_below(&judge->random, 4)].mac;
	if (from >= 4)
		return mesh->wan_macs[from - 4];
	if (to < 4 && to / 2 == bridge)
		return mesh->places[to].mac;
	return one_in(&judge->random, 2) ? mesh->macs[bridge] : mesh->macs[2 + bridge];
}

/* Flows of one batch must not meet: each has a source port, or a protocol, of its own. */
static void choose_protocol(struct judge *judge, struct packet *p, bool is_v6)
{
	static const uint8_t usual[] = { PROTO_TCP, PROTO_TCP, PROTO_UDP, PROTO_UDP, PROTO_SCTP,
		0 };
	static const uint16_t dports[] = { 80, 80, 443, 443, 53, 5500, 90 };
	static const uint8_t tcp[] = { TCP_SYN, TCP_SYN, TCP_SYN, TCP_ACK, TCP_SYN | TCP_ACK,
		TCP_RST };

	p->proto = pick(&judge->random, usual);
	if (!p->proto && one_in(&judge->random, 2)) {
		p->proto = is_v6 ? PROTO_ICMPV6 : PROTO_ICMP;
		p->icmp_type = is_v6 ? 128 : 8;
		return;
	}
	if (!p->proto) {
		p->proto = judge->next_proto >= 200 ? judge->next_proto-- : PROTO_UDP;
		if (p->proto >= 200)
			return;
	}
	p->sport = judge->next_port++;
	p->dport = pick(&judge->random, dports);
	if (p->proto == PROTO_TCP)
		p->tcp_flags = pick(&judge->random, tcp);
}

static void new_arp(struct judge *judge, struct item *item)
{
	struct packet *p = &item->frame.packet;

	p->ethertype = ETHERTYPE_ARP;
	p->arp_op = item->frame.arp_op = one_in(&judge->random, 4) ? 2 : 1;
	p->arp_sha = p->eth_src;
	p->arp_spa = addr_at(false, item->from);
	p->arp_tpa = item->frame.target = addr_at(false, random_below(&judge->random, 12));
	if (one_in(&judge->random, 2))
		p->eth_dst = (struct mac){ { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } };
}

static void tag_frame(struct packet *p)
{
	p->ethertype = ETHERTYPE_VLAN;
	p->vlan_id = 100; /* as net_frame_build has it */
}

static void new_item(struct judge *judge, struct item *item)
{
	static const uint8_t ttls[] = { 64, 64, 64, 64, 64, 64, 2, 1, 200 };
	struct packet *p = &item->frame.packet;
	bool is_v6 = one_in(&judge->random, 3);
	size_t to = random_below(&judge->random, one_in(&judge->random, 6) ? 17 : 12);

	*item = (struct item){ .from = random_below(&judge->random, 7), .flow = ++judge->n_flows };
	if (item->from == MESH_ENDS)
		item->from += random_below(&judge->random, MESH_NS);
	p->ethertype = is_v6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4;
	p->dst = addr_at(is_v6, to);
	p->ttl = pick(&judge->random, ttls);
	p->tos = one_in(&judge->random, 8) ? 0x28 : 0;
	choose_protocol(judge, p, is_v6);
	/* each echo is a flow of its own: that is what the walk takes it for */
	item->frame.icmp_id = judge->next_port++;
	item->frame.tcp_flags = p->tcp_flags;
	if (item->from >= MESH_SOCKETS) {
		/* an address of its own, and out of the machine */
		p->src = addr_at(is_v6, item->from == MESH_SOCKETS ? 10 : 11);
		p->uid = MESH_UID;
		if (to >= 12)
			p->dst = addr_at(is_v6, to % 6);
		return;
	}
	p->src = addr_at(
		is_v6, one_in(&judge->random, 10) ? random_below(&judge->random, 17) : item->from);
	p->eth_src = judge->mesh->places[item->from].mac;
	p->eth_dst = mac_for(judge, item->from, to);
	if (one_in(&judge->random, 25))
		p->eth_src.bytes[4] ^= 0x77;
	if (one_in(&judge->random, 25))
		new_arp(judge, item);
	else if (one_in(&judge->random, 40))
		tag_frame(p);
}

/* Again, in the same direction. */
static bool repeat(struct judge *judge, struct item *item)
{
	const struct item *old;

	if (!judge->n_before)
		return false;
	old = &judge->before[random_below(&judge->random, (unsigned)judge->n_before)];
	if (old->unsure || old->frame.packet.ethertype == ETHERTYPE_ARP)
		return false;
	*item = (struct item){ .from = old->from, .frame = old->frame, .flow = old->flow };
	item->frame.icmp_id = judge->next_port++;
	return true;
}

static const struct item *find_tag(const struct judge *judge, uint32_t tag)
{
	for (size_t i = 0; i < judge->n_before; i++)
		if (judge->before[i].tag == tag && !judge->before[i].unsure)
			return &judge->before[i];
	return NULL;
}

/* The answer of whoever got a frame. */
static bool answer(struct judge *judge, struct item *item)
{
	size_t at = random_below(&judge->random, MESH_ENDS);
	const struct mesh_place *place = &judge->mesh->places[at];
	const struct mesh_arrival *arrival;
	const struct item *old;
	struct packet *p = &item->frame.packet;

	if (!place->n_arrivals)
		return false;
	arrival = &place->arrivals[random_below(&judge->random, (unsigned)place->n_arrivals)];
	old = find_tag(judge, arrival->tag);
	if (!old || !arrival->has_ip || arrival->look.vlan_id)
		return false;
	*item = (struct item){ .from = at, .flow = old->flow };
	*p = arrival->look;
	p->src = arrival->look.dst;
	p->dst = arrival->look.src;
	p->sport = arrival->look.dport;
	p->dport = arrival->look.sport;
	p->eth_src = place->mac;
	p->eth_dst = arrival->look.eth_src;
	p->ttl = 64;
	if (p->proto == PROTO_TCP)
		p->tcp_flags = TCP_SYN | TCP_ACK;
	item->frame.tcp_flags = p->tcp_flags;
	item->frame.tcp_ack = 1;
	if (p->proto == PROTO_SCTP)
		return false; /* INIT ACK is not made here */
	/* which echo it answers says the id, which the walk is not told */
	return p->proto != PROTO_ICMP && p->proto != PROTO_ICMPV6;
}

static bool is_same_flow(const struct packet *a, const struct packet *b)
{
	if (a->proto != b->proto || a->ethertype != b->ethertype)
		return false;
	if (!proto_has_ports(a->proto))
		return true; /* whatever NAT makes of it: one a batch */
	return a->sport == b->sport || a->sport == b->dport || a->dport == b->sport;
}

/* One of these for each flow and batch: the second one of a batch would meet the first one's entry. */
static bool meets_another(const struct judge *judge, size_t n, const struct item *item)
{
	const struct packet *p = &item->frame.packet;

	if (p->ethertype == ETHERTYPE_ARP)
		return false;
	for (size_t i = 0; i < n; i++) {
		const struct packet *q = &judge->items[i].frame.packet;

		if (judge->items[i].flow == item->flow)
			return true;
		if (p->proto != PROTO_ICMP && p->proto != PROTO_ICMPV6 && is_same_flow(p, q))
			return true;
	}
	return false;
}

static bool is_own(const struct item *item)
{
	const struct addr *src = &item->frame.packet.src;
	const struct addr own =
		addr_at(src->family == FAMILY_IPV6, item->from == MESH_SOCKETS ? 10 : 11);

	return addr_compare(src, &own) == 0;
}

/* One of a part of a set that the last batch asked about. */
static bool take_witness(struct judge *judge, struct item *item)
{
	size_t at;

	if (!judge->n_witnesses)
		return false;
	at = random_below(&judge->random, (unsigned)judge->n_witnesses);
	*item = (struct item){ .from = judge->witnesses[at].from, .flow = ++judge->n_flows };
	item->frame.packet = judge->witnesses[at].packet;
	item->frame.packet.length = 0;
	/* a process has an address of its host: of another one the kernel sends only some */
	if (item->from >= MESH_SOCKETS && !is_own(item))
		return false;
	/* net_frame_build takes 0 for the usual one */
	if (!item->frame.packet.ttl ||
		(item->frame.packet.proto == PROTO_TCP && !item->frame.packet.tcp_flags))
		return false;
	item->frame.tcp_flags = item->frame.packet.tcp_flags;
	item->frame.icmp_id = judge->next_port++;
	judge->witnesses[at] = judge->witnesses[--judge->n_witnesses];
	total.witnesses++;
	return true;
}

static void fill(struct judge *judge)
{
	judge->next_proto = 249;
	for (size_t i = 0; i < N_PACKETS;) {
		struct item *item = &judge->items[i];
		unsigned kind = random_below(&judge->random, 10);

		if (kind < 2	   ? !repeat(judge, item)
			: kind < 5 ? !answer(judge, item)
			: kind < 6 ? !take_witness(judge, item)
				   : true)
			new_item(judge, item);
		/* to itself: both directions of such a flow are one */
		i += !meets_another(judge, i, item) &&
		     (item->frame.packet.ethertype == ETHERTYPE_ARP ||
			     addr_compare(&item->frame.packet.src, &item->frame.packet.dst) != 0);
		if (judge->next_port < 20000)
			judge->next_port = 20000;
	}
}

/* ---- what the walk says ---- */

static const struct netns *netns_of(const struct judge *judge, size_t ns)
{
	for (size_t i = 0; i < judge->host->n_netns; i++)
		if (ns == 0 ? i == 0 : !strcmp(judge->host->netns[i].name, "router"))
			return &judge->host->netns[i];
	fail_msg("the router's namespace was not found");
	return NULL;
}

/* The rule that was assumed to match, or not to. */
static const char *assumed(struct arena *arena, const struct node *node)
{
	for (const struct step *step = node->steps; step; step = step->before) {
		struct text line CLEANUP(text_done) = TEXT_INIT;

		if (step->kind != STEP_MAYBE && step->kind != STEP_MAYBE_NOT)
			continue;
		table_print_rule(&line, step->table, step->rule);
		return arena_printf(arena, "assumed: %s", line.data);
	}
	return NULL;
}

static const char *unsure_of(struct arena *arena, const struct explanation *told)
{
	const struct node *nodes[MAX_NODES];
	const char *why = NULL;
	size_t n;

	for (size_t i = 0; i < told->leaves.n; i++) {
		const struct leaf *leaf = told->leaves.items[i];

		if (leaf->final == FINAL_CANNOT_TELL && !leaves_by_wire(leaf))
			return leaf->why;
	}
	n = nodes_of(told, nodes);
	/* nobody answers: what the kernel asks for is thrown away */
	for (size_t i = 0; i < n; i++)
		if (nodes[i]->packet->unknown & FIELD_BIT(FIELD_ETH_DST))
			return "the neighbour is not known";
	for (size_t i = 0; i < n && !why; i++)
		if (nodes[i]->kind == NODE_CHAIN)
			why = assumed(arena, nodes[i]);
	for (size_t i = 0; i < n && !why; i++)
		if (nodes[i]->kind == NODE_CHAIN && nodes[i]->note)
			why = nodes[i]->note;
	for (size_t i = 0; i < n && !why; i++)
		if (nodes[i]->branch == BRANCH_CASE)
			why = "the way splits into cases";
	return why;
}

static struct query query_of(const struct judge *judge, const struct item *item)
{
	const struct mesh_place *place = &judge->mesh->places[item->from];
	struct query query = { .packet = item->frame.packet };
	uint8_t wire[NET_FRAME_SIZE];

	query.ns = netns_of(judge, place->ns);
	query.from = item->from >= MESH_SOCKETS ? FROM_PROCESS : FROM_DEVICE;
	if (query.from == FROM_DEVICE)
		query.in = netns_link(query.ns, place->device);
	if (query.packet.ethertype != ETHERTYPE_ARP)
		query.packet.length =
			(uint16_t)net_packet_build(&item->frame, 1, wire, sizeof(wire));
	return query;
}

static void ask(struct judge *judge, struct item *item)
{
	const struct query query = query_of(judge, item);

	item->told = explain(judge->arena, judge->explainer, &query);
	item->unsure = unsure_of(judge->arena, item->told);
}

/* To be asked again by hand: portwall explain --snapshot. */
static void keep_host(const struct judge *judge)
{
	const char *folder = getenv("PORTWALL_KEEP");
	struct text path CLEANUP(text_done) = TEXT_INIT;
	struct err err;

	printf("#   seed %lu\n", (unsigned long)judge->seed);
	if (!folder)
		return;
	text_addf(
		&path, "%s/mesh-%lu-%zu.pws", folder, (unsigned long)judge->seed, total.sets.wrong);
	if (host_save(judge->host, path.data, true, &err))
		printf("#   kept as %s\n", path.data);
}

static void ask_set(struct judge *judge, const struct item *item)
{
	const struct query query = query_of(judge, item);
	struct addr addrs[N_OF(addrs4) + N_OF(addrs6)];
	struct packet witnesses[SETJUDGE_WITNESSES];
	size_t n = 0;

	if (query.packet.ethertype == ETHERTYPE_ARP)
		return;
	for (size_t i = 0; i < N_OF(addrs); i++)
		addrs[i] = i < N_OF(addrs4) ? addr_at(false, i) : addr_at(true, i - N_OF(addrs4));
	if (!setjudge_ask(judge->host, judge->explainer, &query, addrs, N_OF(addrs), &judge->random,
		    &total.sets, witnesses, &n))
		keep_host(judge);
	for (size_t i = 0; i < n; i++) {
		judge->witnesses[judge->n_witnesses].from = item->from;
		judge->witnesses[judge->n_witnesses++].packet = witnesses[i];
	}
}

/* The snapshot is ours, and its counters become what is predicted. */
static void count(const struct explanation *told)
{
	const struct node *nodes[MAX_NODES];
	size_t n = nodes_of(told, nodes);

	for (size_t i = 0; i < n; i++) {
		if (nodes[i]->kind != NODE_CHAIN)
			continue;
		for (const struct step *step = nodes[i]->steps; step; step = step->before) {
			if (step->rule)
				((struct rule *)step->rule)->counters.packets++;
			else
				((struct chain *)step->chain)->counters.packets++;
		}
	}
}

/* ---- both together ---- */

static void read_host(struct judge *judge, struct arena *arena)
{
	struct err err = { 0 };

	net_enter(judge->mesh->ns[0]);
	if (!kernel_host_read(arena, &(struct host_read_options){ 0 }, &judge->host, &err))
		fail_msg("%s", err.text);
	for (size_t n = 0; n < judge->host->n_netns; n++)
		for (size_t u = 0; u < judge->host->netns[n].n_unread; u++)
			fail_msg("seed %lu: %s was not read: %s\n%s", (unsigned long)judge->seed,
				judge->host->netns[n].unread[u].what,
				judge->host->netns[n].unread[u].why, judge->rules.data);
	judge->explainer = explainer_new(arena, judge->host);
}

static void print_item(const struct judge *judge, const struct item *item)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;

	packet_expr_print(&text, &item->frame.packet);
	printf("# seed %lu: from %s%zu \"%s\"\n", (unsigned long)judge->seed,
		item->from < MESH_SOCKETS ? judge->mesh->places[item->from].device : "process ",
		item->from, text.data);
}

static const struct mesh_place *place_of(const struct judge *judge, const struct leaf *leaf)
{
	size_t ns = leaf->last->ns == netns_of(judge, 0) ? 0 : 1;

	if (leaves_by_wire(leaf)) {
		for (size_t i = 0; i < MESH_ENDS; i++)
			if (judge->mesh->places[i].ns == ns &&
				!strcmp(judge->mesh->places[i].device, leaf->last->link->name))
				return &judge->mesh->places[i];
		return NULL;
	}
	/* a raw socket gets it before anybody asks who listens */
	if ((leaf->final == FINAL_DELIVERED || leaf->final == FINAL_REWRITTEN ||
		    leaf->drop == DROP_NO_SOCKET) &&
		leaf->last->packet->ethertype != ETHERTYPE_ARP)
		return &judge->mesh->places[MESH_SOCKETS + ns];
	return NULL;
}

static bool looks_like(const struct packet *told, const struct mesh_arrival *seen, bool is_frame)
{
	const struct packet *look = &seen->look;
	uint64_t unknown = told->unknown;
	uint16_t inner = told->ethertype == ETHERTYPE_VLAN ? look->ethertype : told->ethertype;

	if (is_frame && (!mac_equal(told->eth_dst, look->eth_dst) ||
				!mac_equal(told->eth_src, look->eth_src) ||
				inner != look->ethertype || told->vlan_id != look->vlan_id))
		return false;
	if (!seen->has_ip)
		return true;
	return (addr_compare(&told->src, &look->src) == 0 || unknown & FIELD_BIT(FIELD_SRC)) &&
	       (addr_compare(&told->dst, &look->dst) == 0 || unknown & FIELD_BIT(FIELD_DST)) &&
	       told->proto == look->proto && told->ttl == look->ttl && told->tos == look->tos &&
	       (!proto_has_ports(told->proto) ||
		       ((told->sport == look->sport || unknown & FIELD_BIT(FIELD_SPORT)) &&
			       (told->dport == look->dport || unknown & FIELD_BIT(FIELD_DPORT))));
}

static void print_arrivals(const struct judge *judge, uint32_t tag)
{
	for (size_t p = 0; p < MESH_PLACES; p++)
		for (size_t a = 0; a < judge->mesh->places[p].n_arrivals; a++) {
			const struct mesh_arrival *seen = &judge->mesh->places[p].arrivals[a];
			struct text text CLEANUP(text_done) = TEXT_INIT;

			if (seen->tag != tag)
				continue;
			packet_print(&text, &seen->look);
			text_add(&text, " ");
			mac_print(&text, seen->look.eth_src);
			text_add(&text, " > ");
			mac_print(&text, seen->look.eth_dst);
			printf("#   seen at %s of ns %zu: %s type %x vlan %u ttl %u tos %u\n",
				judge->mesh->places[p].device[0] ? judge->mesh->places[p].device
								 : "a socket",
				judge->mesh->places[p].ns, text.data, seen->look.ethertype,
				seen->look.vlan_id, seen->look.ttl, seen->look.tos);
		}
}

/* How many of the packet's copies are at the place; those that look as told are taken out of it. */
static bool arrivals_agree(const struct judge *judge, const struct item *item)
{
	size_t n_seen = 0, n_told = 0;

	for (size_t p = 0; p < MESH_PLACES; p++)
		for (size_t a = 0; a < judge->mesh->places[p].n_arrivals; a++)
			n_seen += judge->mesh->places[p].arrivals[a].tag == item->tag;
	for (size_t i = 0; i < item->told->leaves.n; i++) {
		const struct leaf *leaf = item->told->leaves.items[i];
		const struct mesh_place *place = place_of(judge, leaf);
		bool is_found = false;

		if (!place || (!place->device[0] && !is_heard(leaf->last->packet->proto)))
			continue;
		n_told++;
		for (size_t a = 0; a < place->n_arrivals && !is_found; a++)
			is_found = place->arrivals[a].tag == item->tag &&
				   looks_like(leaf->last->packet, &place->arrivals[a],
					   place->device[0] != '\0');
		if (!is_found)
			return false;
	}
	return n_seen == n_told;
}

static void send_and_settle(struct judge *judge, struct item *items, size_t n)
{
	mesh_forget_arrivals(judge->mesh);
	for (size_t i = 0; i < n; i++) {
		if (items[i].unsure)
			continue;
		count(items[i].told);
		items[i].tag = mesh_send(judge->mesh, items[i].from, &items[i].frame);
	}
	mesh_settle(judge->mesh);
}

/* Which packet it was: each alone. What needs an entry of conntrack has the one of its own. */
static void find_culprits(struct judge *judge)
{
	for (size_t i = 0; i < N_PACKETS && judge->n_fails < MAX_FAILS; i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct item item = judge->items[i];
		struct judge alone = *judge;
		const struct host *told;

		if (item.unsure)
			continue;
		if (item.frame.packet.icmp_type == 8 || item.frame.packet.icmp_type == 128)
			item.frame.icmp_id = judge->next_port++;
		alone.arena = arena;
		read_host(&alone, arena);
		ask(&alone, &item);
		if (item.unsure)
			continue;
		told = alone.host;
		send_and_settle(&alone, &item, 1);
		bool is_right = arrivals_agree(&alone, &item);
		read_host(&alone, arena);
		if (is_right && !counters_compare(told, alone.host, false, &total.counters))
			continue;
		judge->n_fails++;
		print_item(judge, &item);
		print_paths(item.told);
		print_arrivals(judge, item.tag);
		counters_compare(told, alone.host, true, &total.counters);
	}
}

static void note_why(const char *why)
{
	size_t i = 0;

	while (i < total.n_whys && strncmp(total.whys[i].text, why, 99) != 0)
		i++;
	if (i == MAX_WHYS)
		return;
	if (i == total.n_whys)
		snprintf(total.whys[total.n_whys++].text, 100, "%s", why);
	total.whys[i].n++;
}

static void judge_batch(struct judge *judge)
{
	struct arena *arena = arena_new();
	const struct host *told = judge->host;
	uint32_t old_flows = judge->n_flows;
	bool is_right = true;

	fill(judge);
	for (size_t i = 0; i < N_PACKETS; i++) {
		ask(judge, &judge->items[i]);
		total.packets++;
		total.known_flows += judge->items[i].flow <= old_flows;
		if (!judge->items[i].unsure)
			continue;
		total.unsure++;
		note_why(judge->items[i].unsure);
	}
	judge->n_witnesses = 0;
	for (size_t i = 0; i < N_SETS; i++)
		ask_set(judge, &judge->items[i * (N_PACKETS / N_SETS)]);
	send_and_settle(judge, judge->items, N_PACKETS);
	for (size_t i = 0; i < N_PACKETS; i++) {
		const struct item *item = &judge->items[i];

		if (item->unsure)
			continue;
		if (arrivals_agree(judge, item))
			continue;
		is_right = false;
		if (judge->n_fails++ >= MAX_FAILS)
			continue;
		print_item(judge, item);
		print_paths(item->told);
		print_arrivals(judge, item->tag);
	}
	for (size_t p = 0; p < MESH_PLACES; p++)
		total.arrived += judge->mesh->places[p].n_arrivals;
	read_host(judge, arena);
	is_right &= counters_compare(told, judge->host, false, &total.counters) == 0;
	if (!is_right) {
		total.wrong++;
		counters_compare(told, judge->host, true, &total.counters);
		find_culprits(judge);
	}
	arena_free(judge->arena);
	judge->arena = arena;
	memcpy(judge->before, judge->items, sizeof(judge->before));
	judge->n_before = N_PACKETS;
	if (!is_right)
		read_host(judge, arena);
}

static bool judge_mesh(uint64_t seed)
{
	struct judge *judge = calloc(1, sizeof(*judge));
	size_t wrong = total.wrong;
	bool is_right;

	*judge = (struct judge){ .random = { seed * 1000003 }, .seed = seed, .next_port = 20000 };
	judge->rules = (struct text)TEXT_INIT;
	judge->arena = arena_new();
	judge->mesh = mesh_new(&judge->random);
	mesh_random_rules(judge->mesh, &judge->random, &judge->rules);
	read_host(judge, judge->arena);
	total.hosts++;
	total.rules += counters_rules(judge->host);
	for (size_t i = 0; i < N_BATCHES && !judge->n_fails; i++)
		judge_batch(judge);
	is_right = total.wrong == wrong;
	if (!is_right) {
		printf("# PORTWALL_SEED=%lu MESH_HOSTS=1 repeats this\n", (unsigned long)seed);
		if (getenv("PORTWALL_VERBOSE"))
			printf("%s\n", judge->rules.data);
	}
	arena_free(judge->arena);
	mesh_free(judge->mesh);
	text_done(&judge->rules);
	free(judge);
	return is_right;
}

static void print_totals(void)
{
	printf("# %zu topologies, %zu rules, %zu packets (%zu cannot tell, %zu of known flows), %zu "
	       "arrivals, %zu counters, %zu batches wrong\n",
		total.hosts, total.rules, total.packets, total.unsure, total.known_flows,
		total.arrived, total.counters, total.wrong);
	printf("# %zu sets, %zu parts (%zu cannot tell), %zu members asked alone (%zu of parts that are told), %zu "
	       "witnesses sent, %zu sets wrong\n",
		total.sets.sets, total.sets.parts, total.sets.cannot_tell, total.sets.members,
		total.sets.members_told, total.witnesses, total.sets.wrong);
	for (size_t i = 0; i < total.n_whys && getenv("PORTWALL_VERBOSE"); i++)
		printf("# cannot tell %zu: %s\n", total.whys[i].n, total.whys[i].text);
}

static void packets_go_and_count_as_the_walk_says(void **state)
{
	uint64_t first = random_seeded_or(1).state;
	const char *wanted = getenv("MESH_HOSTS");
	unsigned n = wanted ? (unsigned)strtoul(wanted, NULL, 10) : N_HOSTS;
	bool is_right = true;

	(void)state;
	for (unsigned i = 0; i < n; i++)
		is_right &= judge_mesh(first + i);
	print_totals();
	assert_true(is_right);
	assert_int_equal(total.sets.wrong, 0);
	assert_true(total.sets.members_told > total.sets.members / 2);
	/* a walk that tells nothing proves nothing */
	assert_true(total.arrived > total.packets / 20);
	assert_true(total.unsure < total.packets / 4);
}

/* Processes of others have namespaces that would be read too: here there are none. */
static int run_alone(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_go_and_count_as_the_walk_says),
	};
	int status;
	pid_t pid;

	if (unshare(CLONE_NEWPID) != 0)
		return 1;
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		if (mount("proc", "/proc", "proc", 0, NULL) != 0)
			_exit(1);
		status = net_exit(cmocka_run_group_tests(tests, NULL, NULL));
		fflush(NULL);
		/* a search for leaks does not work for the first process of a namespace */
		_exit(status);
	}
	while (waitpid(pid, &status, 0) < 0)
		;
	/* nor for one whose children are in another namespace */
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

int main(void)
{
	if (!net_main())
		return 0;
	return run_alone();
}
