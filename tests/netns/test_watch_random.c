// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What watch makes of what the kernel lets it see, held against what explain says of the same packet: two namespaces with bridges,
 * NAT, zones and rules by chance (mesh.h), every device of them listened to. Packets go in batches. Before each the host is read; after
 * it every packet must be told of once, whole and not mixed with another, and to have ended as explain says of what was sent: the
 * same end, the same cause, the same rule.
 *
 * What explain cannot tell is sent all the same, and not judged. Where watch cannot tell, or says no more than explain, that is
 * counted by its reason, and must be rare.
 *
 * PORTWALL_SEED=N: the first of the seeds in a row, one a topology. WATCH_HOSTS=N: so many of them.
 * PORTWALL_VERBOSE=1 prints every reason, and the rules of a topology that disagrees.
 */
#include "unit.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "capture/capture.h"
#include "explain/explain.h"
#include "kernel/kernel.h"
#include "mesh.h"
#include "mesh_told.h"
#include "packet/expr.h"
#include "packet/frame.h"
#include "watch/watch.h"

#define N_HOSTS	  8
#define N_BATCHES 5
#define N_PACKETS 38 /* a batch: mesh_send does not settle within it */
#define MAX_FAILS 3  /* a topology: printed */
#define MAX_WHYS  64

struct item {
	size_t from;
	struct net_frame frame;
	uint32_t flow, tag;
	uint64_t identity;
	const struct explanation *told;
	const char *unsure; /* why it is not judged */
	size_t n_answers;
};

struct counted {
	struct {
		char text[120];
		size_t n;
	} whys[MAX_WHYS];
	size_t n;
};

static struct {
	size_t hosts, sent, unsure, judged, same, cannot_tell, unseen, wrong;
	size_t evidence[EVIDENCE_SAID + 1], finals[FINAL_CANNOT_TELL + 1];
	struct counted unsure_whys, cannot_tell_whys;
} total;

struct judge {
	struct arena *arena; /* of the host and of what is told of it */
	struct mesh *mesh;
	struct random random;
	const struct host *host;
	const struct explainer *explainer;
	struct watch_points points;
	struct rule_handles *handles[16];
	struct capture *capture;
	struct filter *filter;
	struct arena *for_filter;
	struct watch *watch;
	uint64_t seed;
	uint16_t next_port;
	uint32_t n_flows;
	struct item items[N_PACKETS], before[N_PACKETS];
	size_t n_before, n_fails;
	struct text rules;
};

/* ---- packets ---- */

static const char *const addrs4[] = { "10.0.0.10", "10.0.0.11", "10.0.1.10", "10.0.1.11",
	"192.0.2.2", "203.0.113.5", "10.0.0.1", "10.0.1.1", "10.0.0.254", "10.0.1.254", "192.0.2.1",
	"203.0.113.1", "198.51.100.7", "10.0.0.255", "255.255.255.255", "224.0.0.77", "10.0.0.77" };
static const char *const addrs6[] = { "2001:db8::a", "2001:db8::b", "2001:db8:1::a",
	"2001:db8:1::b", "2001:db8:ffff::2", "2001:db8:eeee::5", "2001:db8::1", "2001:db8:1::1",
	"2001:db8::254", "2001:db8:1::254", "2001:db8:ffff::1", "2001:db8:eeee::1", "2001:db8:7::5",
	"fe80::77", "ff02::77", "ff0e::77", "2001:db8::77" };

static struct addr addr_at(bool is_v6, size_t i)
{
	struct addr addr;

	assert_true(addr_parse(is_v6 ? addrs6[i] : addrs4[i], &addr));
	return addr;
}

static struct mac mac_for(struct judge *judge, size_t from, size_t to)
{
	const struct mesh *mesh = judge->mesh;
	size_t bridge = from / 2;
	unsigned kind = random_below(&judge->random, 16);

	if (kind == 0)
		return (struct mac){ { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } };
	if (kind == 1)
		return (struct mac){ { 2, 0, 0, 0, 0x77, 1 } }; /* nobody's: flooded */
	if (kind == 2)
		return mesh->places[random_below(&judge->random, 4)].mac;
	if (kind == 3)
		return (struct mac){ { 1, 0, 0x5e, 0, 0, 0x4d } };
	if (from >= 4)
		return mesh->wan_macs[from - 4];
	if (to < 4 && to / 2 == bridge)
		return mesh->places[to].mac;
	return one_in(&judge->random, 2) ? mesh->macs[bridge] : mesh->macs[2 + bridge];
}

static void choose_protocol(struct judge *judge, struct packet *p, bool is_v6)
{
	static const uint8_t protos[] = { PROTO_TCP, PROTO_TCP, PROTO_TCP, PROTO_UDP, PROTO_UDP,
		PROTO_SCTP, PROTO_ICMP };
	static const uint16_t dports[] = { 80, 80, 443, 443, 53, 5500, 90 };
	static const uint8_t tcp[] = { TCP_SYN, TCP_SYN, TCP_SYN, TCP_ACK, TCP_SYN | TCP_ACK,
		TCP_RST };

	p->proto = pick(&judge->random, protos);
	if (p->proto == PROTO_ICMP) {
		p->proto = is_v6 ? PROTO_ICMPV6 : PROTO_ICMP;
		p->icmp_type = is_v6 ? 128 : 8;
		return;
	}
	p->sport = judge->next_port++;
	p->dport = pick(&judge->random, dports);
	if (p->proto == PROTO_TCP)
		p->tcp_flags = pick(&judge->random, tcp);
}

static void make_arp(struct judge *judge, struct item *item)
{
	struct packet *p = &item->frame.packet;

	*p = (struct packet){
		.ethertype = ETHERTYPE_ARP, .eth_src = p->eth_src, .eth_dst = p->eth_dst
	};
	p->arp_op = item->frame.arp_op = one_in(&judge->random, 4) ? 2 : 1;
	p->arp_sha = p->eth_src;
	p->arp_spa = addr_at(false, item->from);
	p->arp_tpa = item->frame.target = addr_at(false, random_below(&judge->random, 12));
	if (one_in(&judge->random, 2))
		p->eth_dst = (struct mac){ { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } };
}

static void new_item(struct judge *judge, struct item *item)
{
	static const uint8_t ttls[] = { 64, 64, 64, 64, 64, 64, 2, 1, 200 };
	struct packet *p = &item->frame.packet;
	bool is_v6 = one_in(&judge->random, 3);
	size_t to = random_below(&judge->random, one_in(&judge->random, 5) ? 17 : 12);

	*item = (struct item){ .from = random_below(&judge->random, 7), .flow = ++judge->n_flows };
	if (item->from == MESH_ENDS)
		item->from += random_below(&judge->random, MESH_NS);
	p->ethertype = is_v6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4;
	p->dst = addr_at(is_v6, to);
	p->ttl = pick(&judge->random, ttls);
	p->tos = one_in(&judge->random, 8) ? 0x28 : 0;
	choose_protocol(judge, p, is_v6);
	item->frame.icmp_id = judge->next_port++;
	item->frame.tcp_flags = p->tcp_flags;
	item->frame.tcp_seq = item->flow * 100000;
	if (item->from >= MESH_SOCKETS) {
		p->src = addr_at(is_v6, item->from == MESH_SOCKETS ? 10 : 11);
		p->uid = MESH_UID;
		if (to >= 12)
			p->dst = addr_at(is_v6, to % 6);
		return;
	}
	p->src = addr_at(
		is_v6, one_in(&judge->random, 10) ? random_below(&judge->random, 12) : item->from);
	p->eth_src = judge->mesh->places[item->from].mac;
	p->eth_dst = mac_for(judge, item->from, to);
	if (one_in(&judge->random, 25))
		p->eth_src.bytes[4] ^= 0x77;
	if (one_in(&judge->random, 25)) {
		make_arp(judge, item);
	} else if (one_in(&judge->random, 40)) {
		p->ethertype = ETHERTYPE_VLAN;
		p->vlan_id = 100; /* as net_frame_build has it */
	}
}

/* Again, in the same direction: a flow that conntrack knows. */
static bool repeat(struct judge *judge, struct item *item)
{
	const struct item *old;

	if (!judge->n_before)
		return false;
	old = &judge->before[random_below(&judge->random, (unsigned)judge->n_before)];
	if (old->frame.packet.ethertype == ETHERTYPE_ARP)
		return false;
	*item = (struct item){ .from = old->from, .frame = old->frame, .flow = old->flow };
	return true;
}

static const struct item *find_tag(const struct item *items, size_t n, uint32_t tag)
{
	for (size_t i = 0; i < n; i++)
		if (items[i].tag == tag)
			return &items[i];
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
	old = find_tag(judge->before, judge->n_before, arrival->tag);
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
	item->frame.tcp_seq = item->flow * 100000 + 50000;
	item->frame.tcp_ack = item->flow * 100000 + 1;
	/* an INIT ACK is not made here, and which echo it answers says the id, which explain is not told */
	return p->proto == PROTO_TCP || p->proto == PROTO_UDP;
}

static bool is_alike(const struct item *a, const struct item *b)
{
	const struct packet *p = &a->frame.packet, *q = &b->frame.packet;

	if (p->ethertype == ETHERTYPE_ARP || q->ethertype == ETHERTYPE_ARP)
		return p->ethertype == q->ethertype && p->arp_op == q->arp_op &&
		       mac_equal(p->arp_sha, q->arp_sha) && !addr_compare(&p->arp_tpa, &q->arp_tpa);
	return a->flow == b->flow ||
	       (p->proto == q->proto && proto_has_ports(p->proto) &&
		       (p->sport == q->sport || p->sport == q->dport || p->dport == q->sport));
}

/* Within a batch flows do not meet. */
static bool is_fit(const struct judge *judge, size_t n)
{
	const struct item *item = &judge->items[n];
	const struct packet *p = &item->frame.packet;

	for (size_t i = 0; i < n; i++)
		if (is_alike(item, &judge->items[i]))
			return false;
	return p->ethertype == ETHERTYPE_ARP || addr_compare(&p->src, &p->dst) != 0;
}

static void fill(struct judge *judge)
{
	for (size_t i = 0; i < N_PACKETS;) {
		struct item *item = &judge->items[i];
		unsigned kind = random_below(&judge->random, 10);

		if (kind < 2 ? !repeat(judge, item) : kind < 5 ? !answer(judge, item) : true)
			new_item(judge, item);
		item->tag = 0;
		/*
		 * IPv6 has no id: some are alike in all that is the same on the way, but their payload, which a trace has not.
		 * What a process sends and NAT changes before any device has it is then known by nothing.
		 */
		if (item->from >= MESH_SOCKETS)
			item->frame.payload_size = (uint16_t)(40 + i);
		else if (item->frame.packet.proto != PROTO_TCP)
			item->frame.payload_size = (uint16_t)(8 * random_below(&judge->random, 4));
		i += is_fit(judge, i);
		if (judge->next_port < 20000)
			judge->next_port = 20000;
	}
}

/* ---- what explain says ---- */

static const struct netns *netns_of(const struct judge *judge, size_t ns)
{
	for (size_t i = 0; i < judge->host->n_netns; i++)
		if (ns == 0 ? i == 0 : !strcmp(judge->host->netns[i].name, "router"))
			return &judge->host->netns[i];
	fail_msg("the router's namespace was not found");
	return NULL;
}

/* nf_nat_redirect_ipv6 drops what has no address of the scope of the destination, also of a multicast one's. */
static bool is_redirected_multicast(const struct node *node)
{
	const struct packet *was = node->before ? node->before->packet : NULL;

	return node->kind == NODE_NAT && was && was->dst.family == FAMILY_IPV6 &&
	       was->dst.bytes[0] == 0xff && addr_compare(&was->dst, &node->packet->dst) != 0;
}

static const char *unsure_of(const struct explanation *told)
{
	const struct node *nodes[MAX_NODES];
	size_t n;

	for (size_t i = 0; i < told->leaves.n; i++) {
		const struct leaf *leaf = told->leaves.items[i];

		if (leaf->final == FINAL_CANNOT_TELL)
			return leaf->why;
	}
	n = nodes_of(told, nodes);
	for (size_t i = 0; i < n; i++) {
		if (is_redirected_multicast(nodes[i]))
			return "REDIRECT of IPv6 multicast: explain does not ask for an address of its scope";
		/* nobody answers: what the kernel asks for is thrown away */
		if (nodes[i]->packet->unknown & FIELD_BIT(FIELD_ETH_DST))
			return "the neighbour is not known";
		if (nodes[i]->branch == BRANCH_CASE)
			return "the way splits into cases";
		if (nodes[i]->kind == NODE_CHAIN && nodes[i]->note)
			return nodes[i]->note;
		for (const struct step *s = nodes[i]->kind == NODE_CHAIN ? nodes[i]->steps : NULL;
			s; s = s->before)
			if (s->kind == STEP_MAYBE || s->kind == STEP_MAYBE_NOT)
				return "a rule is assumed to match, or not to";
	}
	return NULL;
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

/* ---- the host, and who listens ---- */

/* The far ends of these are the test's own: for the host they are guests and the wire. */
static void hide_far_ends(struct judge *judge)
{
	for (size_t i = 0; i < MESH_ENDS; i++) {
		const struct mesh_place *place = &judge->mesh->places[i];
		const struct link *link = netns_link(netns_of(judge, place->ns), place->device);

		((struct link *)link)->kind = i < 4 ? "tun" : "";
	}
}

static void find_points(struct judge *judge)
{
	judge->points = (struct watch_points){ 0 };
	for (size_t ns = 0; ns < MESH_NS; ns++) {
		const struct netns *netns = netns_of(judge, ns);

		for (size_t i = 0; i < netns->n_links; i++)
			*vec_push(&judge->points, judge->arena) =
				(struct watch_point){ .ns = netns, .link = &netns->links[i] };
	}
}

static void read_host(struct judge *judge)
{
	struct err err = { 0 };

	arena_free(judge->arena);
	judge->arena = arena_new();
	memset(judge->handles, 0, sizeof(judge->handles));
	net_enter(judge->mesh->ns[0]);
	if (!kernel_host_read(judge->arena, &(struct host_read_options){ 0 }, &judge->host, &err))
		fail_msg("%s", err.text);
	assert_true(judge->host->n_netns <= N_OF(judge->handles));
	hide_far_ends(judge);
	find_points(judge);
	judge->explainer = explainer_new(judge->arena, judge->host);
}

static void listen(struct judge *judge)
{
	struct capture_point *points =
		arena_new_array(judge->arena, struct capture_point, judge->points.n);
	struct err err = { 0 };
	size_t n_missing;
	const char *const *missing;

	judge->for_filter = arena_new();
	assert_true(filter_parse(judge->for_filter, "", &judge->filter, &err));
	if (!capture_open(&(struct capture_options){ .filter = judge->filter,
				  .traces_per_s = 1000000,
				  .frames_per_s = 1000000 },
		    &judge->capture, &err))
		fail_msg("%s", err.text);
	for (size_t i = 0; i < judge->points.n; i++)
		points[i] = (struct capture_point){ judge->points.items[i].ns->inode,
			judge->points.items[i].link->index, judge->points.items[i].link->name };
	assert_true(capture_set_points(judge->capture, points, judge->points.n, &err));
	missing = capture_missing(judge->capture, &n_missing);
	if (n_missing)
		fail_msg("cannot be seen: %s", missing[0]);
	judge->watch = watch_new();
}

static bool find_rule(void *data, const struct netns *ns, enum family family, const char *table,
	const char *chain, uint64_t handle, size_t *ret)
{
	struct judge *judge = data;
	size_t i = (size_t)(ns - judge->host->netns);
	struct err err = { 0 };

	if (!judge->handles[i] &&
		!rule_handles_read(judge->arena, ns->inode, &judge->handles[i], &err))
		fail_msg("%s", err.text);
	return rule_handles_find(judge->handles[i], family, table, chain, handle, ret);
}

static void see(void *data, const struct sighting *sighting)
{
	struct judge *judge = data;

	watch_see(judge->watch, sighting);
}

/* ---- both together ---- */

static void count_why(struct counted *counted, const char *why)
{
	size_t i = 0;

	while (i < counted->n && strncmp(counted->whys[i].text, why, 119) != 0)
		i++;
	if (i == MAX_WHYS)
		return;
	if (i == counted->n)
		snprintf(counted->whys[counted->n++].text, 120, "%s", why);
	counted->whys[i].n++;
}

static void print_sightings(const struct watched *watched)
{
	vec_for_each (frame, &watched->frames)
		printf("#   frame %lu: %s link %d of %lu\n", (unsigned long)(*frame)->time_ns,
			(*frame)->is_out ? "out" : "in", (*frame)->link,
			(unsigned long)(*frame)->netns);
	for (size_t i = 0; watched->frames.n && i < watched->frames.items[0]->size; i++)
		printf("%s%02x", i ? " " : "#   ", watched->frames.items[0]->bytes[i]);
	printf("\n");
	vec_for_each (drop, &watched->drops)
		printf("#   drop %lu: %s at %s, link %d of %lu\n", (unsigned long)(*drop)->time_ns,
			(*drop)->reason, (*drop)->function, (*drop)->link,
			(unsigned long)(*drop)->netns);
	vec_for_each (track, &watched->tracks)
		vec_for_each (event, &(*track)->events) {
			const struct trace *trace = &(*event)->trace;

			printf("#   trace %u of %lu: %s %s handle %lu step %d verdict %d in %d out %d ct %x\n",
				(*track)->id, (unsigned long)(*track)->netns, trace->table,
				trace->chain, (unsigned long)trace->handle, trace->step,
				trace->verdict, trace->in, trace->out, trace->ct_state);
		}
}

static void print_host(const struct judge *judge)
{
	vec_for_each (point, &judge->points)
		printf("#   link %d of %lu is %s\n", point->link->index,
			(unsigned long)point->ns->inode, point->link->name);
}

static void print_item(struct judge *judge, const struct item *item, const struct watched *watched,
	const struct watch_answer *got, const char *what)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;

	packet_expr_print(&text, &item->frame.packet);
	printf("# seed %lu: from %s%zu \"%s\": %s\n", (unsigned long)judge->seed,
		item->from < MESH_SOCKETS ? judge->mesh->places[item->from].device : "process ",
		item->from, text.data, what);
	print_paths(item->told);
	if (got && got->has_query) {
		printf("# seen:\n");
		print_paths(got->seen.explanation);
		vec_for_each (difference, &got->differences)
			printf("# difference: %s\n", *difference);
	}
	if (watched) {
		print_host(judge);
		print_sightings(watched);
	}
}

static void fail_item(struct judge *judge, const struct item *item, const struct watched *watched,
	const struct watch_answer *got, const char *what)
{
	total.wrong++;
	if (judge->n_fails++ < MAX_FAILS)
		print_item(judge, item, watched, got, what);
}

/* 0: it is no packet of the test's; UINT32_MAX: it is of more than one. */
static uint32_t tag_of(const struct watched *watched)
{
	uint32_t ret = 0;

	vec_for_each (frame, &watched->frames) {
		uint64_t tag;

		if (!net_tag_find((*frame)->bytes, (*frame)->size, &tag))
			continue;
		if (ret && ret != net_tag_number(tag))
			return UINT32_MAX;
		ret = net_tag_number(tag);
	}
	return ret;
}

/* What was dropped before it came to a device was seen by rules alone. */
static struct item *item_of(struct judge *judge, const struct watched *watched, uint32_t tag)
{
	for (size_t i = 0; i < N_PACKETS; i++)
		if (tag ? judge->items[i].tag == tag
			: judge->items[i].identity == watched->identity)
			return &judge->items[i];
	return NULL;
}

static bool is_same_decider(const struct node *a, const struct node *b)
{
	return a && b ? a->rule == b->rule && a->rule_chain == b->rule_chain : a == b;
}

/* Where no trace tells (iptables-legacy has none), of several copies that rules drop any may be the one that was seen. */
static bool is_of_a_copy(const struct explanation *told, const struct node *seen)
{
	for (size_t i = 0; i < told->leaves.n; i++)
		if (is_same_decider(leaf_decider(told->leaves.items[i]), seen))
			return true;
	return false;
}

static bool is_same_end(const struct explanation *told, const struct watch_answer *got)
{
	const struct node *mine = leaf_decider(told->leaf);
	const struct node *seen = got->seen.decider ? got->seen.decider->node : NULL;

	/* who takes what begins no flow, explain does not ask: that it came there is the same */
	for (size_t i = 0; told->leaf->place == PLACE_HOST && i < got->seen.explanation->leaves.n;
		i++)
		if (got->seen.explanation->leaves.items[i]->drop == DROP_NO_SOCKET &&
			got->seen.explanation->leaves.items[i]->last->ns == told->leaf->last->ns)
			return true;
	/* it may get another port */
	if (told->final == FINAL_DELIVERED && got->seen.explanation->final == FINAL_REWRITTEN)
		return told->leaf->last->packet->unknown &
		       (FIELD_BIT(FIELD_SPORT) | FIELD_BIT(FIELD_DPORT));
	if (told->final != got->seen.explanation->final ||
		told->leaf->drop != got->seen.explanation->leaf->drop)
		return false;
	return got->evidence == EVIDENCE_TRACE ? is_same_decider(mine, seen)
					       : is_of_a_copy(told, seen);
}

static void judge_answer(struct judge *judge, struct item *item, const struct watched *watched,
	const struct watch_answer *got)
{
	if (item->n_answers++) {
		fail_item(judge, item, watched, got, "it is told of twice");
		return;
	}
	if (item->unsure)
		return;
	total.judged++;
	if (!got->has_query) {
		fail_item(judge, item, watched, got, "where it began was not seen");
	} else if (got->differences.n) {
		fail_item(judge, item, watched, got, "explain differs from what was seen");
	} else if (got->seen.explanation->final == FINAL_CANNOT_TELL) {
		total.cannot_tell++;
		count_why(&total.cannot_tell_whys, got->seen.explanation->leaf->why);
		if (getenv("PORTWALL_VERBOSE"))
			print_item(judge, item, watched, got, got->seen.explanation->leaf->why);
	} else if (!is_same_end(item->told, got)) {
		fail_item(judge, item, watched, got, "it ended in another way");
	} else {
		total.same++;
		total.evidence[got->evidence]++;
		total.finals[got->seen.explanation->final]++;
	}
}

static void judge_watched(struct judge *judge, const struct watched *watched)
{
	struct watch_world world = { .host = judge->host,
		.explainer = judge->explainer,
		.points = &judge->points,
		.has_drops = capture_has_drops(judge->capture),
		.own_tables = KERNEL_WATCH_TABLE,
		.find_rule = find_rule,
		.data = judge };
	uint32_t tag = tag_of(watched);
	struct item *item;
	struct watch_answer got;

	if (tag == UINT32_MAX) {
		printf("# seed %lu: sightings of several packets are put together\n",
			(unsigned long)judge->seed);
		print_sightings(watched);
		total.wrong++;
		judge->n_fails++;
		return;
	}
	item = item_of(judge, watched, tag);
	if (!item)
		return; /* what the kernels say by themselves */
	watch_answer_make(judge->arena, &world, watched, 0, &got);
	judge_answer(judge, item, watched, &got);
}

static void send_item(struct judge *judge, struct item *item)
{
	const struct packet *p = &item->frame.packet;
	uint8_t wire[NET_FRAME_SIZE];
	size_t size;

	item->tag = mesh_send(judge->mesh, item->from, &item->frame);
	if (p->ethertype != ETHERTYPE_IPV4 && p->ethertype != ETHERTYPE_IPV6)
		return;
	size = net_packet_build(&item->frame, net_tag(item->tag), wire, sizeof(wire));
	item->identity = frame_identity(wire, size, p->ethertype);
}

static void judge_batch(struct judge *judge)
{
	struct watched *watched;
	struct err err = { 0 };

	fill(judge);
	for (size_t i = 0; i < N_PACKETS; i++) {
		struct item *item = &judge->items[i];
		const struct query query = query_of(judge, item);

		item->told = explain(judge->arena, judge->explainer, &query);
		item->unsure = unsure_of(item->told);
	}
	mesh_forget_arrivals(judge->mesh);
	for (size_t i = 0; i < N_PACKETS; i++)
		send_item(judge, &judge->items[i]);
	mesh_settle(judge->mesh);
	total.sent += N_PACKETS;
	if (!capture_read(judge->capture, see, judge, &err))
		fail_msg("%s", err.text);
	while ((watched = watch_take(judge->watch, UINT64_MAX, 0)) != NULL) {
		judge_watched(judge, watched);
		watched_free(watched);
	}
	for (size_t i = 0; i < N_PACKETS; i++) {
		if (judge->items[i].unsure) {
			total.unsure++;
			count_why(&total.unsure_whys, judge->items[i].unsure);
		} else if (!judge->items[i].n_answers) {
			fail_item(judge, &judge->items[i], NULL, NULL, "it is not told of");
		}
	}
	memcpy(judge->before, judge->items, sizeof(judge->before));
	judge->n_before = N_PACKETS;
	read_host(judge);
}

static void judge_mesh(uint64_t seed)
{
	struct judge *judge = calloc(1, sizeof(*judge));

	*judge = (struct judge){ .random = { seed * 1000003 }, .seed = seed, .next_port = 20000 };
	judge->rules = (struct text)TEXT_INIT;
	judge->arena = arena_new();
	judge->mesh = mesh_new(&judge->random);
	mesh_random_rules(judge->mesh, &judge->random, &judge->rules);
	read_host(judge);
	listen(judge);
	total.hosts++;
	for (size_t i = 0; i < N_BATCHES && judge->n_fails < MAX_FAILS; i++)
		judge_batch(judge);
	if (judge->n_fails) {
		printf("# PORTWALL_SEED=%lu WATCH_HOSTS=1 repeats this\n", (unsigned long)seed);
		if (getenv("PORTWALL_VERBOSE"))
			printf("%s\n", judge->rules.data);
	}
	capture_close(&judge->capture);
	watch_freep(&judge->watch);
	arena_free(judge->for_filter);
	arena_free(judge->arena);
	mesh_free(judge->mesh);
	text_done(&judge->rules);
	free(judge);
}

static void print_whys(const char *what, const struct counted *counted)
{
	for (size_t i = 0; i < counted->n; i++)
		printf("# %s %zu: %s\n", what, counted->whys[i].n, counted->whys[i].text);
}

static void print_totals(void)
{
	printf("# %zu topologies, %zu packets sent, %zu explain cannot tell, %zu judged: %zu the same, %zu watch "
	       "cannot tell, %zu wrong\n",
		total.hosts, total.sent, total.unsure, total.judged, total.same, total.cannot_tell,
		total.wrong);
	for (size_t i = 0; i < N_OF(total.evidence); i++)
		printf("# by %s: %zu\n", watch_evidence_name((enum watch_evidence)i),
			total.evidence[i]);
	for (size_t i = 0; i < N_OF(total.finals); i++)
		printf("# %s: %zu\n", final_name((enum final)i), total.finals[i]);
	print_whys("watch cannot tell", &total.cannot_tell_whys);
	if (getenv("PORTWALL_VERBOSE"))
		print_whys("explain cannot tell", &total.unsure_whys);
}

static void what_is_seen_is_what_explain_says(void **state)
{
	uint64_t first = random_seeded_or(1).state;
	const char *wanted = getenv("WATCH_HOSTS");
	unsigned n = wanted ? (unsigned)strtoul(wanted, NULL, 10) : N_HOSTS;

	(void)state;
	for (unsigned i = 0; i < n; i++)
		judge_mesh(first + i);
	print_totals();
	assert_int_equal(total.wrong, 0);
	assert_true(total.cannot_tell * 100 < total.judged * 3);
	if (wanted)
		return;
	assert_true(total.same >= 1000);
	assert_true(total.unsure * 4 < total.sent);
	/* where it was seen no further, the end is what explain says: that alone proves nothing */
	assert_true(total.evidence[EVIDENCE_SAID] * 20 < total.same);
}

/* Processes of others have namespaces that would be read too: here there are none. */
static int run_alone(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_seen_is_what_explain_says),
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
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

int main(void)
{
	if (!net_main())
		return 0;
	return run_alone();
}
