// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Devices: what happens when a frame comes in (net/core/dev.c, __netif_receive_skb_core: ingress
 * hook, VLAN devices, then whoever owns the device, then the protocols), and where it goes when
 * it is sent.
 */
#include <string.h>

#include "explain/internal.h"

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

static bool packet_is_same(const struct packet *a, const struct packet *b)
{
	return mac_equal(a->eth_src, b->eth_src) && mac_equal(a->eth_dst, b->eth_dst) &&
	       a->vlan_id == b->vlan_id && a->ttl == b->ttl && !addr_compare(&a->src, &b->src) &&
	       !addr_compare(&a->dst, &b->dst) && a->dport == b->dport && a->mark == b->mark;
}

/* Twice at one place and unchanged: it would go on for ever. */
static bool is_loop(const struct skb *skb)
{
	for (const struct node *node = skb->last; node; node = node->before)
		if (node->kind == NODE_RECEIVED && node->link == skb->dev && node->ns == skb->ns &&
			packet_is_same(node->packet, &skb->packet))
			return true;
	return false;
}

struct answer device_receive(struct walk *walk, struct skb *skb)
{
	if (walk->n_steps > walk->max_steps)
		return end_cannot_tell(
			walk, skb, "the walk was stopped after %u steps", walk->max_steps);
	if (is_loop(skb))
		return end_dropped(walk, skb, DROP_LOOP);
	skb->packet.in_iface = skb->dev->name;
	skb->packet.out_iface = skb->packet.physdev_in = skb->packet.physdev_out = NULL;
	skb->packet.pkt_type = pkt_type_at(&skb->packet, skb->dev);
	skb_node(walk, skb, NODE_RECEIVED);
	if (!skb->dev->is_up)
		return end_dropped(walk, skb, DROP_LINK_DOWN);
	return hook_run(walk, skb, FAMILY_NETDEV, HOOK_INGRESS, behind_ingress);
}

static const struct link *vlan_device(const struct skb *skb)
{
	for (size_t i = 0; i < skb->ns->n_links; i++) {
		const struct link *link = &skb->ns->links[i];

		if (link->lower_index == skb->dev->index && link->vlan_id == skb->packet.vlan_id &&
			!strcmp(link->kind, "vlan"))
			return link;
	}
	return NULL;
}

static const struct link *macvlan_device(const struct skb *skb)
{
	for (size_t i = 0; i < skb->ns->n_links; i++) {
		const struct link *link = &skb->ns->links[i];

		if (link->lower_index == skb->dev->index && !strcmp(link->kind, "macvlan") &&
			mac_equal(link->mac, skb->packet.eth_dst))
			return link;
	}
	return NULL;
}

static struct answer receive_protocol(struct walk *walk, struct skb *skb)
{
	if (packet_is_tagged(&skb->packet))
		return end_dropped(walk, skb, DROP_NO_VLAN_DEVICE);
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

static struct answer behind_ingress(struct walk *walk, struct skb *skb)
{
	const struct link *dev = skb->dev;
	const struct link *master =
		dev->master_index ? netns_link_by_index(skb->ns, dev->master_index) : NULL;
	const struct ovs_port *ovs = host_ovs_port(walk->host, dev->name);
	const struct link *vlan = packet_is_tagged(&skb->packet) ? vlan_device(skb) : NULL;
	const struct link *macvlan = macvlan_device(skb);

	if (vlan && vlan->is_up) {
		packet_untag(&skb->packet);
		skb->dev = vlan;
		skb_node(walk, skb, NODE_VLAN)->note = "the tag is taken off";
		return device_receive(walk, skb);
	}
	if (master && !strcmp(master->kind, "bridge"))
		return bridge_input(walk, skb);
	if (master && (!strcmp(master->kind, "bond") || !strcmp(master->kind, "team")))
		return receive_at(walk, skb, master);
	if (ovs && strcmp(ovs->type, "internal") != 0 &&
		((master && !strcmp(master->kind, "openvswitch")) || !master))
		return ovs_input(walk, skb, ovs);
	if (master && !strcmp(master->kind, "openvswitch"))
		return end_cannot_tell(
			walk, skb, "%s is in Open vSwitch, whose database was not read", dev->name);
	if (macvlan)
		return receive_at(walk, skb, macvlan);
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
	/* skb_scrub_packet: routing, conntrack and bridge notes end here, the mark at a
	 * namespace */
	conntrack_reset(walk, skb);
	skb->phys_in = skb->phys_out = NULL;
	skb->in_port = NULL;
	skb->is_prerouted = skb->is_made_here = false;
	if (ns != skb->ns)
		skb->packet.mark = 0;
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
	const struct link *lower = netns_link_by_index(skb->ns, skb->dev->lower_index);

	if (!lower)
		return end_cannot_tell(walk, skb, "what %s stands on is not known", skb->dev->name);
	if (packet_is_tagged(&skb->packet))
		return end_cannot_tell(walk, skb, "two VLAN tags are not walked");
	packet_tag(&skb->packet, skb->dev->vlan_id);
	skb_node(walk, skb, NODE_VLAN)->note = "the tag is put on";
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

static struct answer behind_egress(struct walk *walk, struct skb *skb)
{
	const struct link *dev = skb->dev;
	const struct ovs_port *ovs = host_ovs_port(walk->host, dev->name);

	if (dev->is_loopback) {
		/* its entry goes with it, and POSTROUTING has made that a known one */
		if (skb->ct.is_tracked)
			skb->packet.ct_status |= CT_STATUS_CONFIRMED;
		return to_loopback(walk, skb);
	}
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
	if (walk->n_steps > walk->max_steps)
		return end_cannot_tell(
			walk, skb, "the walk was stopped after %u steps", walk->max_steps);
	skb->packet.out_iface = skb->dev->name;
	skb_node(walk, skb, NODE_TRANSMIT);
	if (!skb->dev->is_up)
		return end_dropped(walk, skb, DROP_LINK_DOWN);
	return hook_run(walk, skb, FAMILY_NETDEV, HOOK_EGRESS, behind_egress);
}
