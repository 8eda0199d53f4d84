// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Devices: what happens when a frame comes in (net/core/dev.c, __netif_receive_skb_core: ingress
 * hook, VLAN devices, then whoever owns the device, then the protocols), and where it goes when
 * it is sent.
 */
#include <string.h>

#include "explain/internal.h"

static bool is_at_end(const struct walk *walk, const struct skb *skb)
{
	const struct toward *toward = walk->query->toward;

	return toward && walk->query->ends_there && skb->dev == toward->link;
}

static struct answer behind_ingress(struct walk *walk, struct skb *skb);

/* --- receive --- */

static enum pkt_type pkt_type_at(const struct packet *packet, const struct link *dev)
{
	if (packet->unknown & FIELD_BIT(FIELD_ETH_DST))
		return PKT_HOST;
	if (mac_is_broadcast(packet->eth_dst))
		return PKT_BROADCAST;
	if (mac_is_multicast(packet->eth_dst))
		return PKT_MULTICAST;
	return mac_equal(packet->eth_dst, dev->mac) || dev->is_loopback ? PKT_HOST : PKT_OTHERHOST;
}

static bool is_same(const struct walk *walk, const struct node *node, const struct skb *skb)
{
	const struct packet *a = node->packet, *b = &skb->packet;

	if (walk->sets && !set_equal(node->set, skb->set))
		return false;
	return mac_equal(a->eth_src, b->eth_src) && mac_equal(a->eth_dst, b->eth_dst) &&
	       a->vlan_id == b->vlan_id && a->ttl == b->ttl && !addr_compare(&a->src, &b->src) &&
	       !addr_compare(&a->dst, &b->dst) && a->dport == b->dport && a->mark == b->mark;
}

/* Twice at one place and unchanged: it would go on for ever. */
static bool is_loop(const struct walk *walk, const struct skb *skb)
{
	for (const struct node *node = skb->last; node; node = node->before)
		if (node->kind == NODE_RECEIVED && node->link == skb->dev && node->ns == skb->ns &&
			is_same(walk, node, skb))
			return true;
	return false;
}

struct answer end_links_unread(struct walk *walk, struct skb *skb, const char *why)
{
	return end_cannot_tell(walk, skb,
		"the links of this namespace were not all read: %s; \"portwall snapshot\" as root "
		"reads them",
		why);
}

/* Of a program that may do with it as it likes no more is known than that it is there. */
static struct answer end_program(struct walk *walk, struct skb *skb, const char *what)
{
	return end_cannot_tell(
		walk, skb, "%s at %s takes it: what it does is not known", what, skb->dev->name);
}

struct answer device_receive(struct walk *walk, struct skb *skb)
{
	const char *why;

	if (walk_is_too_long(walk))
		return end_too_long(walk, skb);
	if (is_loop(walk, skb))
		return end_dropped(walk, skb, DROP_LOOP);
	if (netns_is_unread(skb->ns, "links", &why))
		return end_links_unread(walk, skb, why);
	skb->packet.in_iface = skb->dev->name;
	skb->packet.out_iface = skb->packet.physdev_in = skb->packet.physdev_out = NULL;
	skb->packet.pkt_type = pkt_type_at(&skb->packet, skb->dev);
	skb_node(walk, skb, NODE_RECEIVED);
	if (!skb->dev->is_up)
		return end_dropped(walk, skb, DROP_LINK_DOWN);
	if (skb->dev->has_xdp)
		return end_program(walk, skb, "an XDP program");
	if (skb->dev->has_tc_ingress)
		return end_program(walk, skb, "a filter of tc (ingress)");
	return hook_run(walk, skb, FAMILY_NETDEV, HOOK_INGRESS, behind_ingress);
}

/* upper->is_unsure: it may. */
static bool stands_on(const struct walk *walk, const struct skb *skb, struct upper *upper)
{
	const struct link *link = upper->link;

	if (link->lower_index != skb->dev->index)
		return false;
	upper->is_unsure = link->is_peer_away && link->peer_netns < 0 && upper->ns != skb->ns;
	if (!link->is_peer_away)
		return upper->ns == skb->ns;
	return upper->is_unsure ||
	       (link->peer_netns >= 0 && &walk->host->netns[link->peer_netns] == skb->ns);
}

/* kind "vlan": the one of the packet's tag; else the one of its MAC. */
static bool find_upper(
	const struct walk *walk, const struct skb *skb, const char *kind, struct upper *ret)
{
	bool is_vlan = !strcmp(kind, "vlan");

	vec_for_each (upper, &walk->explainer->uppers) {
		const struct link *link = upper->link;

		*ret = *upper;
		if (!strcmp(link->kind, kind) &&
			(is_vlan ? link->vlan_id == skb->packet.vlan_id
				 : mac_equal(link->mac, skb->packet.eth_dst)) &&
			stands_on(walk, skb, ret))
			return true;
	}
	*ret = (struct upper){ 0 };
	return false;
}

/* Devices that take frames from below in a way that is not modelled. */
static const struct link *strange_upper(const struct walk *walk, const struct skb *skb)
{
	static const char *const kinds[] = { "ipvlan", "ipvtap", "macvtap", "macsec", "hsr",
		"macvlan" };
	/* macvlans get copies of what is for all; of what has a MAC the one that has it gets it */
	size_t n_kinds = N_OF(kinds) - !(skb_is_unknown(skb, FIELD_ETH_DST) ||
					       mac_is_multicast(skb->packet.eth_dst));

	vec_for_each (upper, &walk->explainer->uppers) {
		struct upper one = *upper;

		for (size_t k = 0; k < n_kinds; k++)
			if (!strcmp(one.link->kind, kinds[k]) && stands_on(walk, skb, &one))
				return one.link;
	}
	return NULL;
}

static struct answer receive_protocol(struct walk *walk, struct skb *skb)
{
	const char *hidden;

	if (packet_is_tagged(&skb->packet)) {
		hidden = host_hidden_links(walk->host);
		if (hidden)
			return end_cannot_tell(walk, skb,
				"whether a VLAN device of another namespace takes its tag is not known: "
				"not read were %s",
				hidden);
		return end_dropped(walk, skb, DROP_NO_VLAN_DEVICE);
	}
	switch (skb->packet.ethertype) {
	case ETHERTYPE_IPV4:
	case ETHERTYPE_IPV6:
		return ip_receive(walk, skb);
	case ETHERTYPE_ARP:
		return arp_receive(walk, skb);
	default:
		return end_dropped(walk, skb, DROP_NO_PROTOCOL);
	}
}

static struct answer receive_at(struct walk *walk, struct skb *skb, const struct link *dev)
{
	skb->dev = dev;
	return device_receive(walk, skb);
}

static bool is_kind(const struct link *link, const char *kind)
{
	return link && !strcmp(link->kind, kind);
}

static struct answer receive_above(struct walk *walk, struct skb *skb, const struct upper *upper)
{
	if (upper->is_unsure)
		return end_cannot_tell(walk, skb,
			"whether %s of another namespace stands on %s is not known",
			upper->link->name, skb->dev->name);
	if (upper->ns != skb->ns) {
		conntrack_reset(walk, skb);
		skb_clear_mark(skb);
		skb->ns = upper->ns;
	}
	skb->dev = upper->link;
	if (is_kind(upper->link, "vlan")) {
		packet_untag(&skb->packet);
		skb_node(walk, skb, NODE_VLAN)->note = "the tag is taken off";
	}
	return device_receive(walk, skb);
}

/* In whose hands the device is, when that is nothing that is walked. */
static const char *strange_owner(
	const struct walk *walk, const struct skb *skb, const struct link *master)
{
	const struct link *dev = skb->dev, *upper;
	struct arena *arena = walk->arena;
	const char *why;

	if (dev->master_index && !master)
		return arena_printf(arena, "whose port %s is (link %d) was not read", dev->name,
			dev->master_index);
	if (master && !is_kind(master, "bridge") && !is_kind(master, "bond") &&
		!is_kind(master, "team") && !is_kind(master, "openvswitch") &&
		!is_kind(master, "vrf"))
		return arena_printf(arena, "%s is part of %s of kind %s, which is not walked",
			dev->name, master->name, *master->kind ? master->kind : "unknown");
	if (is_kind(master, "vrf") && skb->ns->ruleset && skb->ns->ruleset->n_tables)
		return arena_printf(arena,
			"%s is in the VRF %s, where rules are asked twice: that is not walked",
			dev->name, master->name);
	if (netns_is_unread(skb->ns, "links kind", &why) && !dev->is_loopback)
		return arena_printf(arena, "of what kind %s is was not read: %s", dev->name, why);
	upper = strange_upper(walk, skb);
	if (upper)
		return arena_printf(arena, "%s of kind %s stands on %s: that is not walked",
			upper->name, upper->kind, dev->name);
	return NULL;
}

static struct answer behind_ingress(struct walk *walk, struct skb *skb)
{
	const struct link *dev = skb->dev;
	const struct link *master =
		dev->master_index ? netns_link_by_index(skb->ns, dev->master_index) : NULL;
	const struct ovs_port *ovs = host_ovs_port(walk->host, dev->name);
	const char *strange = strange_owner(walk, skb, master), *why;
	struct upper vlan, macvlan;

	if (is_at_end(walk, skb) && skb->dev != walk->query->in)
		return end_delivered(walk, skb, PLACE_WIRE);
	if (strange)
		return end_cannot_tell(walk, skb, "%s", strange);
	if (packet_is_tagged(&skb->packet) && find_upper(walk, skb, "vlan", &vlan) &&
		vlan.link->is_up)
		return receive_above(walk, skb, &vlan);
	if (is_kind(master, "bridge"))
		return bridge_input(walk, skb);
	if (is_kind(master, "bond") || is_kind(master, "team"))
		return receive_at(walk, skb, master);
	if (ovs && ovs->netns >= 0 && &walk->host->netns[ovs->netns] != skb->ns)
		ovs = NULL; /* only the names are the same */
	if (ovs && strcmp(ovs->type, "internal") != 0 &&
		((master && !strcmp(master->kind, "openvswitch")) || !master))
		return ovs_input(walk, skb, ovs);
	if (is_kind(master, "openvswitch"))
		return end_cannot_tell(
			walk, skb, "%s is in Open vSwitch, whose database was not read", dev->name);
	/* one in user space has no master here, and hears all that its ports receive */
	if (!master && dev->is_promisc && host_is_unread(walk->host, "ovs ports", &why))
		return end_cannot_tell(
			walk, skb, "%s may be a port of Open vSwitch: %s", dev->name, why);
	if (find_upper(walk, skb, "macvlan", &macvlan))
		return receive_above(walk, skb, &macvlan);
	return receive_protocol(walk, skb);
}

/* --- transmit --- */

static struct answer to_veth(struct walk *walk, struct skb *skb)
{
	const struct netns *ns = NULL;
	const struct link *peer = host_veth_peer(walk->host, skb->ns, skb->dev, &ns);

	if (!peer)
		return end_cannot_tell(walk, skb,
			"the other end of %s is in a namespace that was not read", skb->dev->name);
	/* __dev_forward_skb: what receives it must be as wide, but for a tag */
	if (!skb_is_unknown(skb, FIELD_LENGTH) && skb->packet.length > peer->mtu + 4) {
		skb->ns = ns;
		skb->dev = peer;
		return end_dropped(walk, skb, DROP_MTU);
	}
	/* skb_scrub_packet: routing, conntrack and bridge notes end here, the mark at a
	 * namespace */
	conntrack_reset(walk, skb);
	skb->phys_in = skb->phys_out = NULL;
	skb->in_port = NULL;
	skb->is_prerouted = skb->is_made_here = false;
	if (ns != skb->ns)
		skb_clear_mark(skb);
	skb->packet.out_iface = skb->packet.physdev_in = skb->packet.physdev_out = NULL;
	skb->ns = ns;
	skb->dev = peer;
	skb->out = NULL;
	skb->packet.in_iface = peer->name;
	skb_node(walk, skb, NODE_VETH);
	return device_receive(walk, skb);
}

static struct answer to_vlan(struct walk *walk, struct skb *skb)
{
	const struct netns *ns = skb->ns;
	const struct link *lower = NULL;

	if (skb->dev->is_peer_away)
		ns = skb->dev->peer_netns < 0 ? NULL : &walk->host->netns[skb->dev->peer_netns];
	if (ns)
		lower = netns_link_by_index(ns, skb->dev->lower_index);
	if (!lower)
		return end_cannot_tell(walk, skb, "what %s stands on is not known", skb->dev->name);
	if (packet_is_tagged(&skb->packet))
		return end_cannot_tell(walk, skb, "two VLAN tags are not walked");
	packet_tag(&skb->packet, skb->dev->vlan_id);
	skb_node(walk, skb, NODE_VLAN)->note = "the tag is put on";
	if (ns != skb->ns) {
		conntrack_reset(walk, skb);
		skb_clear_mark(skb);
		skb->ns = ns;
	}
	skb->dev = lower;
	return device_transmit(walk, skb);
}

static struct answer to_loopback(struct walk *walk, struct skb *skb)
{
	skb->out = NULL;
	return device_receive(walk, skb);
}

static struct answer to_hardware(struct walk *walk, struct skb *skb, enum place place)
{
	if (!skb->dev->has_carrier)
		return end_dropped(walk, skb, DROP_LINK_DOWN);
	return end_delivered(walk, skb, place);
}

static bool leaves_bound(const struct walk *walk, const struct skb *skb)
{
	const struct link *within = walk->query->within;

	return within && skb->ns == walk->query->ns && skb->dev->master_index == within->index;
}

static struct answer behind_egress(struct walk *walk, struct skb *skb)
{
	const struct link *dev = skb->dev;
	const struct ovs_port *ovs = host_ovs_port(walk->host, dev->name);
	const char *why;

	if (dev->has_tc_egress)
		return end_program(walk, skb, "a filter of tc (egress)");
	if (leaves_bound(walk, skb) || is_at_end(walk, skb))
		return end_delivered(walk, skb, PLACE_WIRE);
	if (dev->is_loopback) {
		/* its entry goes with it, and POSTROUTING has made that a known one */
		if (skb->ct.is_tracked)
			skb->packet.ct_status |= CT_STATUS_CONFIRMED;
		return to_loopback(walk, skb);
	}
	if (netns_is_unread(skb->ns, "links kind", &why))
		return end_cannot_tell(
			walk, skb, "of what kind %s is was not read: %s", dev->name, why);
	if (!strcmp(dev->kind, "veth"))
		return to_veth(walk, skb);
	if (!strcmp(dev->kind, "bridge"))
		return bridge_local_out(walk, skb);
	if (!strcmp(dev->kind, "vlan"))
		return to_vlan(walk, skb);
	if (!strcmp(dev->kind, "tun"))
		return to_hardware(walk, skb, PLACE_GUEST);
	if (ovs && !strcmp(ovs->type, "internal"))
		return ovs_input(walk, skb, ovs);
	if (!strcmp(dev->kind, "") || !strcmp(dev->kind, "bond") || !strcmp(dev->kind, "team"))
		return to_hardware(walk, skb, PLACE_WIRE);
	if (!strcmp(dev->kind, "dummy"))
		return end_consumed(walk, skb, "a dummy device throws away what is sent");
	return end_cannot_tell(
		walk, skb, "%s is of kind %s, which is not walked", dev->name, dev->kind);
}

struct answer device_transmit(struct walk *walk, struct skb *skb)
{
	if (walk_is_too_long(walk))
		return end_too_long(walk, skb);
	skb->packet.out_iface = skb->dev->name;
	skb_node(walk, skb, NODE_TRANSMIT);
	if (!skb->dev->is_up)
		return end_dropped(walk, skb, DROP_LINK_DOWN);
	return hook_run(walk, skb, FAMILY_NETDEV, HOOK_EGRESS, behind_egress);
}
