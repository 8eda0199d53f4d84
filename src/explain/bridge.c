// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A Linux bridge (net/bridge/br_input.c, br_forward.c, br_vlan.c): what a port lets in, which
 * ports a frame goes to, and the hooks of the bridge family on the way. br_netfilter's part is
 * in bridge_nf.c; its functions stand at priority 0 among the chains of prerouting and forward,
 * and behind all of postrouting.
 */
#include <limits.h>
#include <string.h>

#include "explain/internal.h"

static const struct link *bridge_of(const struct skb *skb)
{
	if (!strcmp(skb->dev->kind, "bridge"))
		return skb->dev;
	return netns_link_by_index(skb->ns, skb->dev->master_index);
}

/* --- VLANs --- */

static const struct port_vlan *vlan_find(const struct link *link, uint16_t id)
{
	for (size_t i = 0; i < link->n_vlans; i++)
		if (link->vlans[i].id == id)
			return &link->vlans[i];
	return NULL;
}

/* The frame has its VLAN's tag inside a bridge that filters VLANs. */
static bool vlan_let_in(const struct link *bridge, const struct link *port, struct packet *packet)
{
	if (!bridge->has_vlan_filtering)
		return true;
	if (packet->ethertype == ETHERTYPE_VLAN && packet->vlan_id)
		return vlan_find(port, packet->vlan_id);
	for (size_t i = 0; i < port->n_vlans; i++) {
		if (port->vlans[i].is_pvid) {
			packet_tag(packet, port->vlans[i].id);
			return true;
		}
	}
	return false;
}

static bool vlan_let_out(
	const struct link *bridge, const struct link *port, const struct packet *packet)
{
	return !bridge->has_vlan_filtering || vlan_find(port, packet->vlan_id);
}

static void vlan_strip(const struct link *bridge, const struct link *port, struct packet *packet)
{
	const struct port_vlan *vlan = vlan_find(port, packet->vlan_id);

	if (bridge->has_vlan_filtering && vlan && vlan->is_untagged)
		packet_untag(packet);
}

static size_t port_first(const struct netns *ns, const struct link *bridge)
{
	return netns_first(ns, LINKS_BY_MASTER, (uint64_t)bridge->index);
}

/* --- who lives where --- */

static const struct fdb_entry *fdb_find(
	const struct skb *skb, const struct link *bridge, struct mac mac)
{
	uint16_t vlan = bridge->has_vlan_filtering ? skb->packet.vlan_id : 0;
	const struct fdb_entry *own = NULL;

	for (size_t i = netns_first(skb->ns, FDB_BY_MAC, key_of_mac(mac)); i < skb->ns->n_fdb;
		i = netns_next(skb->ns, FDB_BY_MAC, i)) {
		const struct fdb_entry *entry = &skb->ns->fdb[i];

		if (entry->bridge_index != bridge->index || !mac_equal(entry->mac, mac))
			continue;
		if (entry->vlan == vlan)
			return entry;
		/* a port's own address is listed without VLAN too */
		if (entry->is_permanent && entry->vlan == 0)
			own = entry;
	}
	return own;
}

/* Rules of bridge tables are asked about ports: the evaluator finds those in physdev. */
void at_bridge_hook(struct skb *skb, const struct link *in, const struct link *out)
{
	skb->packet.in_iface = skb->packet.physdev_in = in ? in->name : NULL;
	skb->packet.out_iface = skb->packet.physdev_out = out ? out->name : NULL;
}

/* --- one port out --- */

static struct answer xmit_behind_forward(struct walk *walk, struct skb *skb)
{
	return bridge_nf_post_routing(walk, skb);
}

struct answer bridge_forward_finish(struct walk *walk, struct skb *skb)
{
	at_bridge_hook(skb, NULL, skb->dev);
	return hook_run(walk, skb, FAMILY_BRIDGE, HOOK_POSTROUTING, xmit_behind_forward);
}

static struct answer behind_forward_hooks(struct walk *walk, struct skb *skb)
{
	return bridge_nf_forward(walk, skb);
}

static enum drop refusal(const struct skb *skb, const struct link *bridge, const struct link *port)
{
	const struct link *in = skb->in_port;

	if (in == port && !link_flag(skb, port, "has_hairpin", port->has_hairpin))
		return DROP_BRIDGE_HAIRPIN;
	if (!port->is_up)
		return DROP_LINK_DOWN;
	if (port->port_state != PORT_FORWARDING)
		return DROP_BRIDGE_STATE;
	if (!vlan_let_out(bridge, port, &skb->packet))
		return DROP_BRIDGE_VLAN;
	if (in && link_flag(skb, in, "is_isolated", in->is_isolated) &&
		link_flag(skb, port, "is_isolated", port->is_isolated))
		return DROP_BRIDGE_ISOLATED;
	return DROP_NONE;
}

static struct answer forward_to(struct walk *walk, struct skb *skb, const struct link *bridge,
	const struct link *port, enum bridge_decision decision, const char *note)
{
	enum drop drop = refusal(skb, bridge, port);
	struct node *node;

	if (drop == DROP_NONE)
		vlan_strip(bridge, port, &skb->packet);
	skb->dev = port;
	node = skb_node(walk, skb, NODE_BRIDGE_DECISION);
	node->decision = decision;
	node->bridge = bridge;
	node->note = note;
	if (drop != DROP_NONE)
		return end_dropped(walk, skb, drop);
	at_bridge_hook(skb, skb->in_port, port);
	if (!skb->in_port)
		return hook_run(walk, skb, FAMILY_BRIDGE, HOOK_OUTPUT, bridge_forward_finish);
	skb->is_brnf_first =
		bridge_nf_is_loaded(skb) && hook_waits_for_brnf(walk, skb, HOOK_FORWARD);
	return hook_run_range(walk, skb, FAMILY_BRIDGE, HOOK_FORWARD, INT_MIN,
		skb->is_brnf_first ? PRIORITY_BRNF - 1 : PRIORITY_BRNF, behind_forward_hooks);
}

/* --- up to the host --- */

static struct answer behind_input_hooks(struct walk *walk, struct skb *skb)
{
	const struct link *bridge = bridge_of(skb);

	/* br_nf_local_in: the host's copy of a broadcast does not wait for INPUT */
	if (skb->packet.pkt_type == PKT_BROADCAST || skb->packet.pkt_type == PKT_MULTICAST)
		conntrack_confirm(walk, skb);
	skb->in_port = NULL;
	skb->dev = bridge;
	vlan_strip(bridge, bridge, &skb->packet);
	return device_receive(walk, skb);
}

static struct answer pass_up(struct walk *walk, struct skb *skb, const char *note)
{
	const struct link *bridge = bridge_of(skb);
	struct node *node = skb_node(walk, skb, NODE_BRIDGE_DECISION);

	node->decision = BRIDGE_LOCAL;
	node->bridge = bridge;
	node->note = note;
	if (!bridge->is_promisc && !vlan_let_out(bridge, bridge, &skb->packet))
		return end_dropped(walk, skb, DROP_BRIDGE_VLAN);
	at_bridge_hook(skb, skb->dev, NULL);
	return hook_run(walk, skb, FAMILY_BRIDGE, HOOK_INPUT, behind_input_hooks);
}

/* --- where query.toward leads --- */

/* NULL: nobody said, or no way leads there but by where it came in. */
static const struct link *port_toward(
	const struct walk *walk, const struct skb *skb, const struct link *bridge)
{
	const struct toward *toward = walk->query->toward;
	const struct link *port = toward ? toward_port(toward, skb->ns, bridge) : NULL;

	return port && port != skb->in_port ? port : NULL;
}

static struct answer forward_toward(
	struct walk *walk, struct skb *skb, const struct link *bridge, const struct link *port)
{
	return forward_to(walk, skb, bridge, port, BRIDGE_FDB,
		arena_printf(walk->arena, "whom it is for is taken to be behind %s",
			walk->query->toward->link->name));
}

/* --- all ports --- */

enum cast { CAST_UNICAST, CAST_MULTICAST, CAST_BROADCAST };

static enum cast cast_of(const struct packet *packet)
{
	if (packet->unknown & FIELD_BIT(FIELD_ETH_DST))
		return CAST_UNICAST;
	if (mac_is_broadcast(packet->eth_dst))
		return CAST_BROADCAST;
	return mac_is_multicast(packet->eth_dst) ? CAST_MULTICAST : CAST_UNICAST;
}

static bool is_flooded(const struct skb *skb, const struct link *port, enum cast cast)
{
	if (link_flag(skb, port, "has_proxyarp", port->has_proxyarp))
		return false;
	if (cast == CAST_UNICAST)
		return link_flag(skb, port, "has_unicast_flood", port->has_unicast_flood);
	if (!skb->in_port)
		return true;
	return cast == CAST_MULTICAST
		       ? link_flag(skb, port, "has_mcast_flood", port->has_mcast_flood)
		       : link_flag(skb, port, "has_bcast_flood", port->has_bcast_flood);
}

/* Frames of a group that snooping may keep from ports that did not join. */
static bool is_snooped(const struct skb *skb, const struct link *bridge)
{
	const struct packet *packet = &skb->packet;
	uint16_t ethertype = packet_inner_ethertype(packet);
	static const uint8_t all_nodes[16] = { 0xff, 0x02, [15] = 1 };

	if (!link_flag(skb, bridge, "has_mcast_snooping", bridge->has_mcast_snooping) ||
		packet->unknown & FIELD_BIT(FIELD_DST))
		return false;
	if (ethertype == ETHERTYPE_IPV4)
		return addr_is_multicast(&packet->dst) &&
		       !(packet->dst.bytes[0] == 224 && !packet->dst.bytes[1] &&
			       !packet->dst.bytes[2]);
	return ethertype == ETHERTYPE_IPV6 && addr_is_multicast(&packet->dst) &&
	       memcmp(packet->dst.bytes, all_nodes, sizeof(all_nodes)) != 0;
}

static const struct link **flooded_ports(struct walk *walk, const struct skb *skb,
	const struct link *bridge, enum cast cast, size_t *ret_n)
{
	VEC(const struct link *) ports = { 0 }; /* few, beside all links of a namespace */

	for (size_t i = port_first(skb->ns, bridge); i < skb->ns->n_links;
		i = netns_next(skb->ns, LINKS_BY_MASTER, i)) {
		const struct link *port = &skb->ns->links[i];

		if (port->master_index == bridge->index && is_flooded(skb, port, cast) &&
			refusal(skb, bridge, port) == DROP_NONE)
			*vec_push(&ports, walk->arena) = port;
	}
	*ret_n = ports.n;
	return ports.items;
}

static struct answer send_copy(struct walk *walk, struct skb *skb, const struct link *port)
{
	return forward_to(walk, skb, bridge_of(skb), port, BRIDGE_FLOOD, NULL);
}

/* It is one of these ports, but which is not known. */
static struct answer flood_cases(struct walk *walk, struct skb *skb, const struct link *bridge,
	enum cast cast, bool *ret_found)
{
	struct answer answer = { 0 }, nobody = { 0 };
	const struct link *toward = port_toward(walk, skb, bridge);
	const struct link **ports;
	size_t n;

	if (toward) {
		*ret_found = true;
		return forward_toward(walk, skb, bridge, toward);
	}
	ports = flooded_ports(walk, skb, bridge, cast, &n);

	for (size_t i = 0; i < n; i++) {
		struct skb one = *skb;
		struct answer part;

		one.branch = n == 1 ? skb->branch : BRANCH_CASE;
		conntrack_unshare(walk, &one);
		part = forward_to(walk, &one, bridge, ports[i], BRIDGE_FLOOD,
			"the MAC is not known, so neither is the port");
		/* who throws it away as somebody else's is not whom that MAC belongs to */
		if (walk->sets)
			answer = answer_of_cases(walk, answer, part);
		else if (part.final == FINAL_DROPPED && part.leaf->drop == DROP_OTHER_HOST)
			nobody = part;
		else
			answer = answer_of_cases(walk, answer, part);
	}
	*ret_found = n > 0;
	if (walk->sets)
		return answer_of_receivers(walk, &answer);
	return answer.final == FINAL_NONE ? nobody : answer;
}

/* Why no port takes it: the one reason, when they have one. */
static struct answer end_no_target(
	struct walk *walk, struct skb *skb, const struct link *bridge, enum cast cast)
{
	enum drop drop = DROP_NONE;
	struct node *node;

	for (size_t i = port_first(skb->ns, bridge); i < skb->ns->n_links;
		i = netns_next(skb->ns, LINKS_BY_MASTER, i)) {
		const struct link *port = &skb->ns->links[i];
		enum drop here;

		if (port->master_index != bridge->index || port == skb->in_port ||
			!is_flooded(skb, port, cast))
			continue;
		here = refusal(skb, bridge, port);
		drop = drop == DROP_NONE || drop == here ? here : DROP_BRIDGE_NO_TARGET;
	}
	node = skb_node(walk, skb, NODE_BRIDGE_DECISION);
	node->decision = BRIDGE_FLOOD;
	node->bridge = bridge;
	return end_dropped(walk, skb, drop == DROP_NONE ? DROP_BRIDGE_NO_TARGET : drop);
}

/* br_do_proxy_suppress_arp: the bridge may answer by itself. */
static bool is_arp_answered(const struct skb *skb, const struct link *bridge)
{
	const struct packet *packet = &skb->packet;

	if (packet_inner_ethertype(packet) != ETHERTYPE_ARP || packet->arp_op == 2)
		return false;
	for (size_t i = port_first(skb->ns, bridge); i < skb->ns->n_links;
		i = netns_next(skb->ns, LINKS_BY_MASTER, i)) {
		const struct link *port = &skb->ns->links[i];

		if (port->master_index == bridge->index &&
			(link_flag(skb, port, "has_neigh_suppress", port->has_neigh_suppress) ||
				link_flag(skb, port, "has_proxyarp", port->has_proxyarp)))
			return true;
	}
	return false;
}

/* The ports in the order of the list. *ret_is_sure: in any other it would be the same. */
static struct answer flood(struct walk *walk, struct skb *skb, const struct link *bridge,
	enum cast cast, size_t *ret_n, bool *ret_is_sure)
{
	uint64_t decided = walk->result->decided, asked;
	size_t n;
	const struct link **ports = flooded_ports(walk, skb, bridge, cast, &n);
	struct copies before = { 0 };
	struct answer answer = { 0 };

	if (skb->ct.copies)
		before = *skb->ct.copies;
	if (walk->sets)
		copies_begin_set(skb);
	walk->result->decided = 0;
	for (size_t i = 0; i < n; i++) {
		struct skb one = *skb;

		one.branch = n == 1 ? skb->branch : BRANCH_COPY;
		if (!walk->sets)
			copies_share(&one);
		answer = answer_of_copies(walk, answer, send_copy(walk, &one, ports[i]));
	}
	asked = walk->result->decided;
	walk->result->decided |= decided;
	*ret_n = n;
	if (walk->sets && skb->ct.copies && asked & FIELD_BIT(FIELD_CT_STATUS))
		*skb->ct.copies->touched = skb_origin(walk, skb);
	*ret_is_sure = n < 2 || walk->sets || !copies_may_differ(skb, asked);
	if (!*ret_is_sure)
		*ret_is_sure = copies_have_no_order(walk, skb, &before, ports, n, send_copy);
	return answer;
}

static struct answer end_no_order(struct walk *walk, struct skb *skb, const struct link *bridge)
{
	return end_cannot_tell(walk, skb,
		"its copies at the ports of %s have one entry of conntrack, and what rules do to "
		"it for one, others ask for: which port comes first is not known",
		bridge->name);
}

/* Of a set, without the packets for which the order of the copies may matter. */
static struct answer of_sure_copies(struct walk *walk, struct skb *skb, struct answer answer)
{
	struct packet_set touched = skb->ct.copies ? *skb->ct.copies->touched : SET_EMPTY;
	struct answer unsure;
	struct part *part;

	if (set_is_empty(touched))
		return answer;
	answer = answer_without(walk, &answer, touched);
	unsure = end_no_order(walk, skb, bridge_of(skb));
	part = arena_new_one(walk->arena, struct part);
	*part = (struct part){ touched, unsure.leaf };
	unsure.parts = part;
	return answer_of_cases(walk, answer, unsure);
}

struct flooding {
	enum cast cast;
	bool is_local_too;
};

/* To the ports, and to the host last. */
static struct answer flood_decided(
	struct walk *walk, struct skb *skb, const struct decision *decision, const void *data)
{
	const struct flooding *flooding = data;
	const struct link *bridge = bridge_of(skb);
	size_t first = walk->result->leaves.n;
	struct skb up = *skb;
	struct answer answer;
	bool is_sure;
	size_t n;

	if (decision->is_maybe) {
		up.branch = BRANCH_CASE;
		return end_cannot_tell(walk, &up,
			"multicast snooping of %s may keep it from ports that did not join",
			bridge->name);
	}
	answer = flood(walk, skb, bridge, flooding->cast, &n, &is_sure);
	if (!is_sure) {
		walk->result->leaves.n = first;
		return end_no_order(walk, skb, bridge);
	}
	if (!flooding->is_local_too && !n)
		return end_no_target(walk, skb, bridge, flooding->cast);
	if (flooding->is_local_too) {
		up.branch = n ? BRANCH_COPY : skb->branch;
		copies_share(&up);
		if (n && up.ct.copies)
			up.ct.copies->is_promisc = bridge->is_promisc;
		answer = answer_of_copies(walk, answer, pass_up(walk, &up, NULL));
	}
	return walk->sets && n + flooding->is_local_too > 1 ? of_sure_copies(walk, skb, answer)
							    : answer;
}

static void decide_snooped(struct skb *skb, struct decision *ret)
{
	ret->is_maybe = is_snooped(skb, bridge_of(skb));
}

static struct answer flood_all(struct walk *walk, struct skb *skb, const struct link *bridge,
	enum cast cast, bool is_local_too)
{
	const struct flooding flooding = { cast, is_local_too };

	if (is_arp_answered(skb, bridge))
		return end_cannot_tell(walk, skb,
			"a port of %s suppresses ARP or answers for others (neigh_suppress, proxyarp): "
			"that is not walked",
			bridge->name);
	if (cast != CAST_MULTICAST)
		return flood_decided(walk, skb, &(struct decision){ 0 }, &flooding);
	return skb_decide(
		walk, skb, FIELD_BIT(FIELD_DST), decide_snooped, flood_decided, &flooding);
}

/* --- the decision --- */

static bool is_on_link(const struct skb *skb, const struct link *link, const struct addr *addr)
{
	for (size_t i = netns_first(skb->ns, ADDRESSES_BY_LINK, (uint64_t)link->index);
		i < skb->ns->n_addresses; i = netns_next(skb->ns, ADDRESSES_BY_LINK, i)) {
		const struct address *address = &skb->ns->addresses[i];
		struct prefix prefix = { .addr = address->local, .len = address->len };

		if (address->index == link->index && prefix_contains(&prefix, addr) &&
			addr_compare(&address->local, addr) != 0)
			return true;
	}
	return false;
}

/*
 * The MAC was left open. A sender asks by ARP for the destination or for its gateway, so the bridge's
 * own MAC can only be meant where the host has an address that it could have answered for: is_maybe; is_yes: it must be.
 */
static void decide_unknown_mac(struct skb *skb, struct decision *ret)
{
	const struct packet *packet = &skb->packet;
	const struct link *bridge = bridge_of(skb);
	bool is_known;

	if (!skb->in_port || packet_inner_ethertype(packet) == ETHERTYPE_ARP)
		return;
	ret->is_yes = ret->is_maybe = skb_owns_next_hop(skb, &is_known);
	if (!is_known)
		ret->why = "whose MAC it was sent to is not known: its destination was another one";
	if (!ret->is_yes && !skb->has_next_hop)
		ret->is_maybe = link_has_address(skb, bridge, packet->dst.family) &&
				!is_on_link(skb, bridge, &packet->dst);
}

static struct answer behind_unknown_mac(
	struct walk *walk, struct skb *skb, const struct decision *decision, const void *data)
{
	const struct link *bridge = bridge_of(skb);
	struct skb up = *skb;
	struct answer answer = { 0 };
	bool found = false;

	(void)data;
	if (decision->why)
		return end_cannot_tell(walk, skb, "%s", decision->why);
	if (!decision->is_yes)
		answer = flood_cases(walk, skb, bridge, CAST_UNICAST, &found);
	if (decision->is_maybe) {
		up.branch = found ? BRANCH_CASE : skb->branch;
		up.packet.eth_dst = bridge->mac;
		up.packet.unknown &= ~FIELD_BIT(FIELD_ETH_DST);
		up.packet.pkt_type = PKT_HOST;
		answer = answer_of_cases(walk, answer,
			pass_up(walk, &up,
				decision->is_yes
					? "the address that its MAC was asked for is the host's"
					: "if the sender takes the host for its gateway"));
		found = true;
	}
	return found ? answer : end_no_target(walk, skb, bridge, CAST_UNICAST);
}

/* The kernel keeps an entry of its own for each. */
static bool is_mac_of_port(const struct skb *skb, const struct link *bridge)
{
	for (size_t i = port_first(skb->ns, bridge); i < skb->ns->n_links;
		i = netns_next(skb->ns, LINKS_BY_MASTER, i))
		if (skb->ns->links[i].master_index == bridge->index &&
			mac_equal(skb->ns->links[i].mac, skb->packet.eth_dst))
			return true;
	return false;
}

static struct answer decide(struct walk *walk, struct skb *skb, const struct link *bridge)
{
	struct skb before = *skb;
	const struct fdb_entry *entry;
	const struct link *port;
	enum cast cast = cast_of(&skb->packet);
	bool is_promisc = bridge->is_promisc && skb->in_port;
	const char *why;

	if (cast != CAST_UNICAST)
		return flood_all(walk, skb, bridge, cast, skb->in_port != NULL);
	if (skb_is_unknown(skb, FIELD_ETH_DST))
		return skb_decide(walk, skb, FIELD_BIT(FIELD_DST), decide_unknown_mac,
			behind_unknown_mac, NULL);
	if (skb->in_port && mac_equal(skb->packet.eth_dst, bridge->mac))
		return pass_up(walk, skb, "its MAC is the bridge's");
	entry = fdb_find(skb, bridge, skb->packet.eth_dst);
	if (!entry && netns_is_unread(skb->ns, "fdb", &why)) {
		bool found;
		struct answer answer;

		if (skb->in_port && is_mac_of_port(skb, bridge))
			return pass_up(walk, skb, "its MAC is one of the bridge's");
		answer = flood_cases(walk, skb, bridge, cast, &found);
		if (found && answer.final == FINAL_CANNOT_TELL && answer.other)
			return end_cannot_tell(walk, &before,
				"the forwarding database of %s was not read (%s): which of its ports "
				"takes the frame is not known, and they end differently; \"portwall "
				"snapshot\" as root reads it",
				bridge->name, why);
		return found ? answer : end_no_target(walk, skb, bridge, cast);
	}
	port = port_toward(walk, skb, bridge);
	if (!entry && port)
		return forward_toward(walk, skb, bridge, port);
	if (!entry)
		return flood_all(walk, skb, bridge, cast, is_promisc);
	port = netns_link_by_index(skb->ns, entry->port_index);
	/* the lists were read one after the other: a port that left the bridge took its entries along */
	if (port && port != bridge && port->master_index != bridge->index)
		port = NULL;
	if (entry->is_permanent || !port || port == bridge) {
		if (skb->in_port)
			return pass_up(walk, skb, "its MAC is one of the bridge's");
		if (!port || port == bridge)
			return end_no_target(walk, skb, bridge, cast);
	}
	return forward_to(
		walk, skb, bridge, port, BRIDGE_FDB, entry->is_static ? "static entry" : NULL);
}

static bool vlans_are_unread(const struct skb *skb, const struct link *bridge, const char **ret_why)
{
	if (!link_flag(skb, bridge, "has_vlan_filtering", bridge->has_vlan_filtering))
		return false;
	return netns_is_unread(skb->ns, "links has_vlan_filtering", ret_why) ||
	       netns_is_unread(skb->ns, "links vlans", ret_why);
}

static struct answer end_vlans_unread(
	struct walk *walk, struct skb *skb, const struct link *bridge, const char *why)
{
	return end_cannot_tell(walk, skb,
		"%s filters by VLAN, and the VLANs of its ports were not read: %s; \"portwall "
		"snapshot\" as root reads them",
		bridge->name, why);
}

/* br_handle_frame_finish */
struct answer bridge_frame_finish(struct walk *walk, struct skb *skb)
{
	const struct link *port = skb->dev, *bridge = bridge_of(skb);
	const struct fdb_entry *source;
	const char *why;

	if (vlans_are_unread(skb, bridge, &why))
		return end_vlans_unread(walk, skb, bridge, why);
	if (!vlan_let_in(bridge, port, &skb->packet))
		return end_dropped(walk, skb, DROP_BRIDGE_VLAN);
	if (link_flag(skb, port, "is_locked", port->is_locked)) {
		if (skb_is_unknown(skb, FIELD_ETH_SRC) || netns_is_unread(skb->ns, "fdb", &why))
			return end_cannot_tell(walk, skb,
				"%s is locked: whether its sender is known there is not known",
				port->name);
		source = fdb_find(skb, bridge, skb->packet.eth_src);
		if (!source || source->is_permanent || source->port_index != port->index)
			return end_dropped(walk, skb, DROP_BRIDGE_LOCKED);
	}
	if (port->port_state == PORT_LEARNING)
		return end_dropped(walk, skb, DROP_BRIDGE_STATE);
	return decide(walk, skb, bridge);
}

/* --- in and out --- */

static bool is_reserved(const struct packet *packet)
{
	static const uint8_t reserved[] = { 0x01, 0x80, 0xc2, 0x00, 0x00 };

	return !(packet->unknown & FIELD_BIT(FIELD_ETH_DST)) &&
	       !memcmp(packet->eth_dst.bytes, reserved, sizeof(reserved)) &&
	       packet->eth_dst.bytes[5] < 0x10;
}

/* 802.1D's own addresses go no further, but for STP's where the bridge speaks none, and what
 * group_fwd_mask lets pass. */
static bool reserved_is_forwarded(const struct skb *skb, const struct link *bridge, uint8_t last)
{
	if (last == 0 && !link_flag(skb, bridge, "has_stp", bridge->has_stp))
		return true;
	return last != 1 && bridge->group_fwd_mask & (1u << last);
}

static struct answer behind_prerouting_hooks(struct walk *walk, struct skb *skb)
{
	return bridge_nf_pre_routing(walk, skb);
}

struct answer bridge_input(struct walk *walk, struct skb *skb)
{
	const struct link *port = skb->dev, *bridge = bridge_of(skb);
	struct packet *packet = &skb->packet;
	static const struct mac zero;

	skb->in_port = port;
	skb->phys_in = skb->phys_out = NULL;
	skb->is_routed_already = false;
	skb_node(walk, skb, NODE_BRIDGE_IN);
	if (!(packet->unknown & FIELD_BIT(FIELD_ETH_SRC)) &&
		(mac_is_multicast(packet->eth_src) || mac_equal(packet->eth_src, zero)))
		return end_dropped(walk, skb, DROP_BRIDGE_SOURCE);
	if (is_reserved(packet) && !reserved_is_forwarded(skb, bridge, packet->eth_dst.bytes[5]))
		return end_dropped(walk, skb, DROP_BRIDGE_RESERVED);
	if (!bridge->is_up ||
		(port->port_state != PORT_FORWARDING && port->port_state != PORT_LEARNING))
		return end_dropped(walk, skb, DROP_BRIDGE_STATE);
	if (mac_equal(packet->eth_dst, bridge->mac) && !skb_is_unknown(skb, FIELD_ETH_DST))
		packet->pkt_type = PKT_HOST;
	at_bridge_hook(skb, port, NULL);
	skb->is_brnf_first =
		bridge_nf_is_loaded(skb) && hook_waits_for_brnf(walk, skb, HOOK_PREROUTING);
	return hook_run_range(walk, skb, FAMILY_BRIDGE, HOOK_PREROUTING, INT_MIN,
		skb->is_brnf_first ? PRIORITY_BRNF - 1 : PRIORITY_BRNF, behind_prerouting_hooks);
}

/* br_dev_xmit */
struct answer bridge_local_out(struct walk *walk, struct skb *skb)
{
	const struct link *bridge = skb->dev;
	const char *why;

	skb->in_port = NULL;
	if (vlans_are_unread(skb, bridge, &why))
		return end_vlans_unread(walk, skb, bridge, why);
	if (!vlan_let_in(bridge, bridge, &skb->packet))
		return end_dropped(walk, skb, DROP_BRIDGE_VLAN);
	return decide(walk, skb, bridge);
}
