// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The way of a machine's packets to the wire, to another machine and back, where a device takes less than the one they came in by. A
 * bridge, a pair of veths and Open vSwitch drop what is too long without a word; only a router answers with ICMP.
 */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "doctor/checks.h"

#define MAX_RAISED 6   /* devices of one way */
#define SHORT	   100 /* bytes that any device takes */
#define TAG_SIZE   4   /* a device lets pass that much more, for a VLAN's tag */

struct way {
	const struct vm_port *port;
	const struct link *in; /* where they enter the bridge; in port->ns */
	const struct toward
		*toward; /* the device that is narrow: the other station is at it, or behind it */
	struct mac from, to;
	bool is_egress;
};

static bool knows_addr(const struct vm_port *port, struct addr *ret)
{
	vec_for_each (known, &port->addrs)
		if (known->addr.family == FAMILY_IPV4) {
			*ret = known->addr;
			return true;
		}
	return false;
}

static struct asked ask(struct doctor *doctor, struct arena *arena, const struct way *way,
	unsigned len, bool is_known_flow)
{
	struct addr own, other = doctor_anybody(FAMILY_IPV4);
	struct asked asked = { .explanation = NULL };

	if (!knows_addr(way->port, &own))
		(void)addr_parse("198.51.100.77", &own);
	if (!ask_query(way->port->ns, way->in,
		    &(struct ask){ .proto = "tcp",
			    .src = way->is_egress ? &own : &other,
			    .dst = way->is_egress ? &other : &own,
			    .sport = 40000,
			    .dport = 80,
			    .has_macs = true,
			    .from = way->from,
			    .to = way->to,
			    .options = arena_printf(arena, "len %u df", len) },
		    &asked.query))
		return asked;
	asked.query.toward = way->toward;
	asked.query.ends_there = true;
	if (is_known_flow) {
		/* of a connection that its groups have let in */
		asked.query.has_ct_state = true;
		asked.query.packet.ct_state = CT_ESTABLISHED;
	}
	asked.explanation = explain(arena, doctor->explainer, &asked.query);
	return asked;
}

/* The device that is too narrow; NULL: none is, or a router says so by ICMP. */
static const struct node *narrow_at(const struct explanation *explanation)
{
	const struct node *last = explanation->leaf->last;

	if (explanation->final != FINAL_DROPPED || explanation->leaf->drop != DROP_MTU)
		return NULL;
	for (const struct node *node = last; node; node = node->before)
		if (node->kind == NODE_ROUTE)
			return NULL;
	return last && last->link ? last : NULL;
}

static bool is_there(const struct explanation *after, const void *data)
{
	(void)data;
	return after->final == FINAL_DELIVERED || after->final == FINAL_REWRITTEN;
}

/* Devices that are only software may be made wider; their MTU is whatever somebody set. */
static bool may_be_raised(const struct link *link)
{
	return strcmp(link->kind, "veth") == 0 || strcmp(link->kind, "tun") == 0 ||
	       strcmp(link->kind, "bridge") == 0 || strcmp(link->kind, "dummy") == 0;
}

static void add_raise(
	struct doctor *doctor, struct edits *edits, const struct link *link, unsigned mtu)
{
	*vec_push(edits, doctor->arena) = (struct host_edit){ .kind = HOST_EDIT_LINK,
		.name = link->name,
		.flag = LINK_FLAG_MTU,
		.value = arena_printf(doctor->arena, "%u", mtu),
		.before = arena_printf(doctor->arena, "%u", link->mtu) };
}

/* Each device of the way in this namespace that is too narrow, one behind the other. */
static void offer_raise(struct doctor *doctor, struct finding *finding, const struct query *query,
	const struct link *link, unsigned mtu)
{
	struct edits edits = { 0 };
	struct fix fix = { .name = "raise" };

	while (link && may_be_raised(link) && edits.n < MAX_RAISED) {
		struct arena *scratch CLEANUP(arena_freep) = arena_new();
		const struct host *other;
		const struct explanation *after;
		const struct node *next;
		struct query moved;
		struct err err;

		add_raise(doctor, &edits, link, mtu);
		if (!host_edited(
			    scratch, doctor->host, finding->ns, edits.items, edits.n, &other, &err))
			return;
		moved = query_moved(scratch, query, doctor->host, other);
		after = explain(scratch, explainer_new(scratch, other), &moved);
		next = narrow_at(after);
		link = next && next->ns == &other->netns[finding->ns - doctor->host->netns]
			       ? netns_link(finding->ns, next->link->name)
			       : NULL;
	}
	if (!edits.n)
		return;
	fix.edits = edits.items;
	fix.n_edits = edits.n;
	fix.words = arena_printf(doctor->arena, "an MTU of %u for %s%s", mtu, edits.items[0].name,
		edits.n > 1 ? " and what is behind it" : "");
	fix.consequence =
		"It lasts as long as the device. Where the network behind the host carries less, "
		"the machine needs the smaller MTU instead.";
	(void)finding_fix(doctor, finding, &fix, is_there, NULL);
}

static void tell(struct doctor *doctor, const struct check *check, const struct way *way,
	const struct asked *asked, const struct node *at)
{
	struct arena *arena = doctor->arena;
	struct finding *finding = finding_add(doctor, check, SEVERITY_RISK, at->ns,
		arena_printf(arena, "%s-%s", way->in->name, at->link->name));

	finding->title = arena_printf(arena,
		"packets of more than %u bytes %s %s are lost at %s, without ICMP", at->link->mtu,
		way->is_egress ? "from" : "to", way->port->link->name, at->link->name);
	finding->symptom =
		"ping and the handshakes of ssh and TLS work; bulk data, large answers and the first full "
		"segment of a connection hang. No ICMP tells the sender, and no rule counts it.";
	finding_prove(doctor, finding, "link", way->in->name,
		arena_printf(arena, "%s: mtu %u", way->in->name, way->in->mtu));
	finding_prove(doctor, finding, "link", at->link->name,
		arena_printf(arena, "%s: mtu %u", at->link->name, at->link->mtu));
	finding_port(doctor, finding, way->port->link->name);
	finding_witness(doctor, finding, &asked->query);
	offer_raise(doctor, finding, &asked->query, at->link, way->in->mtu);
	finding_advise(doctor, finding, "lower",
		arena_printf(arena, "an MTU of %u in the machine", at->link->mtu),
		arena_printf(arena,
			"# in the machine: ip link set eth0 mtu %u\n"
			"# Neutron: openstack network set --mtu %u NETWORK; libvirt: <mtu size='%u'/>\n",
			at->link->mtu, at->link->mtu, at->link->mtu),
		"The machine may have it already: a host does not see which MTU its guest uses.");
}

static struct finding *find_told(
	const struct doctor *doctor, const struct check *check, const struct link *at)
{
	vec_for_each (finding, &doctor->diagnosis->findings)
		if ((*finding)->check == check && (*finding)->witness &&
			(*finding)->witness->explanation->leaf->last->link == at)
			return *finding;
	return NULL;
}

/* A device that is too narrow, and that a short packet of the way gets to. */
struct reached {
	const struct toward *narrow;
	bool is_known_flow; /* a packet that begins one does not */
	unsigned depth;	    /* how far it is */
};

static bool is_reached(struct doctor *doctor, struct way way, struct reached *ret)
{
	struct arena *scratch CLEANUP(arena_freep) = arena_new();
	const struct link *link = ret->narrow->link;
	struct asked asked;

	way.toward = ret->narrow;
	if (link == way.in || link->mtu + TAG_SIZE >= way.in->mtu ||
		!host_is_joined(doctor->host, ret->narrow->ns, link, way.port->ns, way.in))
		return false;
	asked = ask(doctor, scratch, &way, SHORT, false);
	ret->is_known_flow = asked.explanation && !is_there(asked.explanation, NULL);
	if (ret->is_known_flow)
		asked = ask(doctor, scratch, &way, SHORT, true);
	if (!asked.explanation || !is_there(asked.explanation, NULL))
		return false;
	ret->depth = asked.explanation->leaf->last->depth;
	return true;
}

static void look_at(struct doctor *doctor, const struct check *check, struct way way,
	const struct reached *reached)
{
	struct arena *scratch CLEANUP(arena_freep) = arena_new();
	struct asked asked;
	struct finding *told;
	const struct node *at;

	way.toward = reached->narrow;
	asked = ask(doctor, scratch, &way, way.in->mtu, reached->is_known_flow);
	at = narrow_at(asked.explanation);
	if (!at || at->link->mtu + TAG_SIZE >= way.in->mtu)
		return;
	told = find_told(doctor, check, at->link);
	if (told)
		finding_port(doctor, told, way.port->link->name);
	else
		tell(doctor, check, &way, &asked, at);
}

struct narrow {
	const struct toward *toward;
	const struct link *machines; /* the bridge of machines that it is part of; NULL: of none */
};
struct narrows {
	VEC(struct narrow);
};

/* Of the host itself, or of a machine: no way leads through it to the wire. */
static bool is_end(const struct link *link)
{
	return strcmp(link->kind, "bridge") == 0 || strcmp(link->kind, "openvswitch") == 0 ||
	       strcmp(link->kind, "tun") == 0;
}

/* The device's bridge, or that of its other end: qvo is part of its qbr. */
static const struct link *bridge_of_machines(const struct doctor *doctor,
	const struct vm_ports *ports, const struct netns *ns, const struct link *link)
{
	const struct netns *peer_ns = NULL;
	const struct link *peer = host_veth_peer(doctor->host, ns, link, &peer_ns);

	vec_for_each (port, ports)
		if ((port->ns == ns && link->master_index == port->bridge->index) ||
			(peer && port->ns == peer_ns && peer->master_index == port->bridge->index))
			return port->bridge;
	return NULL;
}

/* Those that take less than some machine's device, and lead to the wire. */
static void find_narrows(
	const struct doctor *doctor, const struct vm_ports *ports, struct narrows *ret)
{
	const struct host *host = doctor->host;
	unsigned widest = 0;

	vec_for_each (port, ports)
		if (port->link->mtu > widest)
			widest = port->link->mtu;
	for (size_t n = 0; n < host->n_netns; n++)
		for (size_t i = 0; i < host->netns[n].n_links; i++) {
			const struct netns *ns = &host->netns[n];
			const struct link *link = &ns->links[i];

			if (link->is_up && link->mtu + TAG_SIZE < widest && !is_end(link))
				*vec_push(ret, doctor->arena) =
					(struct narrow){ host_toward(doctor->arena, host, ns, link),
						bridge_of_machines(doctor, ports, ns, link) };
		}
}

static int furthest_first(const void *a, const void *b)
{
	const struct reached *x = a, *y = b;

	return (x->depth < y->depth) - (x->depth > y->depth);
}

/* To the wire: what is part of another machine's bridge is on the way to that one, and found on its own way out. A fix of the nearest
 * device is proved by a packet that comes to the furthest. */
static void look_out(struct doctor *doctor, const struct check *check,
	const struct narrows *narrows, const struct way *way)
{
	struct arena *scratch CLEANUP(arena_freep) = arena_new();
	VEC(struct reached) all = { 0 };

	vec_for_each (narrow, narrows) {
		struct reached reached = { .narrow = narrow->toward };

		if ((!narrow->machines || narrow->machines == way->port->bridge) &&
			is_reached(doctor, *way, &reached))
			*vec_push(&all, scratch) = reached;
	}
	if (all.n)
		qsort(all.items, all.n, sizeof(*all.items), furthest_first);
	vec_for_each (reached, &all)
		look_at(doctor, check, *way, reached);
}

/* To a machine's own device; the way there is reckoned once for all who ask. */
static void look_in(struct doctor *doctor, const struct check *check, const struct way *way,
	const struct vm_port *to, const struct toward **ret_toward)
{
	struct reached reached;

	if (to->link->mtu + TAG_SIZE >= way->in->mtu)
		return;
	if (!*ret_toward)
		*ret_toward = host_toward(doctor->arena, doctor->host, to->ns, to->link);
	reached.narrow = *ret_toward;
	if (is_reached(doctor, *way, &reached))
		look_at(doctor, check, *way, &reached);
}

static void run(struct doctor *doctor, const struct check *check)
{
	const struct vm_ports *ports = doctor_ports(doctor);
	const struct toward **taps =
		arena_new_array(doctor->arena, const struct toward *, ports->n + 1);
	struct narrows narrows = { 0 };

	find_narrows(doctor, ports, &narrows);
	vec_for_each (port, ports) {
		struct mac own = port->mac, other = vm_port_remote(port);
		struct way out = {
			.port = port, .in = port->link, .from = own, .to = other, .is_egress = true
		};
		struct way in = { .port = port, .in = port->uplink, .from = other, .to = own };

		if (!port->link->is_up)
			continue;
		if (port->uplink) {
			look_out(doctor, check, &narrows, &out);
			look_in(doctor, check, &in, port, &taps[port - ports->items]);
		}
		/* from machine to machine */
		vec_for_each (peer, ports)
			if (peer != port && peer->bridge == port->bridge &&
				peer->link->mtu < port->link->mtu) {
				out.to = peer->mac;
				look_in(doctor, check, &out, peer, &taps[peer - ports->items]);
			}
	}
}

static const char *const references[] = {
	"https://github.com/moby/moby/issues/22028",
	"https://github.com/openvswitch/ovs-issues/issues/9",
	"https://github.com/projectcalico/felix/issues/1532",
	"https://github.com/docker/for-linux/issues/594",
	"net/bridge/br_forward.c, br_dev_queue_push_xmit; net/core/dev.c, __dev_forward_skb",
	NULL,
};

const struct check check_mtu = {
	.id = "mtu",
	.title = "an MTU that falls on a bridged way",
	.description =
		"A bridge, a pair of veths or Open vSwitch drops a packet that is longer than the MTU of the device "
		"it would leave by, and nobody is told: only a router answers with ICMP. A packet as long as the "
		"device takes by which it comes in is walked from each machine to the wire and to other machines "
		"of its bridge, and back; a short one must arrive. A bridge that has not learned where the other station is "
		"is asked as if that were behind the narrow device (explain --to). What MTU the machine itself uses is not known.",
	.references = references,
	.run = run,
};
