// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * br_netfilter (net/bridge/br_netfilter_hooks.c): bridged IP passes the IP hooks too. There
 *
 *   PREROUTING   -i bridge                physdev-in
 *   FORWARD      -i bridge  -o bridge     physdev-in, physdev-out
 *   POSTROUTING  (no -i)    -o bridge     physdev-in, physdev-out
 *
 * PREROUTING asks the sysctl and the bridge's own attribute; the other two only whether
 * PREROUTING was passed. A destination that PREROUTING changed is routed at once: for the host, or
 * by the host, the frame gets the bridge's MAC; back out of this bridge it gets the neighbour's.
 * IP PREROUTING is then not passed a second time (ip_sabotage_in).
 */
#include <limits.h>
#include <string.h>

#include "explain/internal.h"

static int behind_brnf(const struct skb *skb)
{
	return skb->is_brnf_first ? PRIORITY_BRNF : PRIORITY_BRNF + 1;
}

static const struct link *bridge_of(const struct skb *skb)
{
	return netns_link_by_index(skb->ns, skb->dev->master_index);
}

static bool is_ip(uint16_t ethertype)
{
	return ethertype == ETHERTYPE_IPV4 || ethertype == ETHERTYPE_IPV6;
}

static bool sees_tagged(const struct skb *skb)
{
	return skb->packet.ethertype != ETHERTYPE_VLAN ||
	       netns_sysctl_number(
		       skb->facts, skb->ns, "net.bridge.bridge-nf-filter-vlan-tagged", 0);
}

static enum family family_of(uint16_t ethertype)
{
	return ethertype == ETHERTYPE_IPV6 ? FAMILY_IPV6 : FAMILY_IPV4;
}

/* brnf_get_logical_dev: a VLAN device on the bridge, where that is asked for. */
static const struct link *logical_dev(const struct skb *skb, const struct link *bridge)
{
	if (skb->packet.ethertype != ETHERTYPE_VLAN ||
		!netns_sysctl_number(
			skb->facts, skb->ns, "net.bridge.bridge-nf-pass-vlan-input-dev", 0))
		return bridge;
	for (size_t i = netns_first(skb->ns, LINKS_BY_LOWER, (uint64_t)bridge->index);
		i < skb->ns->n_links; i = netns_next(skb->ns, LINKS_BY_LOWER, i))
		if (skb->ns->links[i].lower_index == bridge->index &&
			skb->ns->links[i].vlan_id == skb->packet.vlan_id)
			return &skb->ns->links[i];
	return bridge;
}

static void note_call(struct walk *walk, struct skb *skb, const char *note)
{
	skb_node(walk, skb, NODE_IPTABLES_CALLED)->note = note;
}

/* Is br_netfilter there? Without it nothing that a bridge or a sysctl says about it counts. */
bool bridge_nf_is_loaded(const struct skb *skb)
{
	const struct netns *ns = skb->ns;
	const char *why;

	if (ns->has_br_netfilter)
		return true;
	if (!netns_is_unread(ns, "br_netfilter", &why) && !netns_is_unread(ns, "sysctls", &why))
		return false;
	return facts_ask(skb->facts, ns, "br_netfilter: whether it is loaded", 0, 1, why, NULL);
}

/* Does it call the hooks of IP? The sysctl or the bridge's own attribute is enough (br_nf_pre_routing). */
static bool is_called(const struct skb *skb, const struct link *bridge, enum family family)
{
	bool is_six = family == FAMILY_IPV6;
	const char *sysctl = is_six ? "net.bridge.bridge-nf-call-ip6tables"
				    : "net.bridge.bridge-nf-call-iptables";

	if (link_flag(skb, bridge, is_six ? "nf_call_ip6tables" : "nf_call_iptables",
		    bridge->nf_call[family]))
		return true;
	return netns_sysctl_number(skb->facts, skb->ns, sysctl, skb->ns->nf_call[family]);
}

/* IP's hooks are to see somebody else's frame as the host's, but the bridge's are not. */
static void enter_ip(struct skb *skb)
{
	skb->is_otherhost = skb->packet.pkt_type == PKT_OTHERHOST;
	if (skb->is_otherhost)
		skb->packet.pkt_type = PKT_HOST;
}

static void leave_ip(struct skb *skb)
{
	if (skb->is_otherhost)
		skb->packet.pkt_type = PKT_OTHERHOST;
	skb->is_otherhost = false;
}

/* --- PREROUTING --- */

static struct answer finish(struct walk *walk, struct skb *skb)
{
	at_bridge_hook(skb, skb->dev, NULL);
	return hook_run_range(walk, skb, FAMILY_BRIDGE, HOOK_PREROUTING, behind_brnf(skb), INT_MAX,
		bridge_frame_finish);
}

/* The MAC of the next hop behind the bridge; is_maybe: it would be asked for. */
static void decide_bridged_neighbour(struct skb *skb, struct decision *ret)
{
	const struct link *bridge = netns_link_by_index(skb->ns, skb->phys_in->master_index);
	const struct addr next = addr_is_zero(&skb->gateway) ? skb->packet.dst : skb->gateway;
	bool failed;

	if (neighbour_find(skb, bridge, &next, &ret->mac, &failed))
		return;
	ret->drop = failed ? DROP_NEIGHBOUR : DROP_NONE;
	ret->why = failed ? NULL : neighbour_unread(skb);
	ret->is_maybe = !failed;
}

static struct answer behind_bridged_neighbour(
	struct walk *walk, struct skb *skb, const struct decision *decision, const void *data)
{
	struct node *node;

	(void)data;
	if (decision->drop != DROP_NONE)
		return end_dropped(walk, skb, decision->drop);
	if (decision->why)
		return end_cannot_tell(walk, skb, "%s", decision->why);
	skb->packet.eth_dst = decision->mac;
	skb->packet.unknown &= ~FIELD_BIT(FIELD_ETH_DST);
	if (decision->is_maybe)
		skb_free(walk, skb, FIELD_ETH_DST, SET_FULL);
	node = skb_node(walk, skb, NODE_NEIGHBOUR);
	node->note = "a bridged packet whose destination was changed: it gets that one's MAC";
	return finish(walk, skb);
}

/* The destination was changed, and the new one is behind this bridge. */
static struct answer finish_bridged_dnat(struct walk *walk, struct skb *skb)
{
	return skb_decide(walk, skb, FIELD_BIT(FIELD_DST), decide_bridged_neighbour,
		behind_bridged_neighbour, NULL);
}

/* Where IPv4 has no route, or does not forward, ip_route_input gives one to ip_error, and the frame ends
 * behind the bridge's input hook. IPv6 asks for forwarding later still, and drops here what has no route. */
static bool is_routed(enum drop drop, bool is_ipv6)
{
	switch (drop) {
	case DROP_NONE:
	case DROP_FORWARDING_OFF:
		return true;
	case DROP_NO_ROUTE:
	case DROP_BLACKHOLE:
	case DROP_UNREACHABLE:
	case DROP_PROHIBIT:
		return !is_ipv6;
	default:
		return false;
	}
}

static void decide_changed(struct skb *skb, struct decision *ret)
{
	const struct link *bridge = netns_link_by_index(skb->ns, skb->phys_in->master_index);

	ret->drop = ip_route_input(skb, bridge, &ret->is_local, &ret->why);
	skb_note_route(skb, ret);
}

static struct answer finish_changed(
	struct walk *walk, struct skb *skb, const struct decision *decision, const void *data)
{
	const struct link *bridge = netns_link_by_index(skb->ns, skb->phys_in->master_index);
	bool is_ipv6 = skb->packet.dst.family == FAMILY_IPV6;
	enum drop drop = decision->drop;

	(void)data;
	skb_take_route(skb, decision);
	if (decision->why)
		return end_cannot_tell(walk, skb, "%s", decision->why);
	if (!is_routed(drop, is_ipv6))
		return end_dropped(walk, skb, drop == DROP_NO_ROUTE ? DROP_DNAT_UNROUTABLE : drop);
	/* what stays on the bridge is not forwarded, as IPv6 sees it */
	if (!decision->is_local && skb->out == bridge && (drop == DROP_NONE || is_ipv6))
		return finish_bridged_dnat(walk, skb);
	skb->is_routed_already = true;
	skb->packet.eth_dst = bridge->mac;
	skb->packet.unknown &= ~FIELD_BIT(FIELD_ETH_DST);
	skb->packet.pkt_type = PKT_HOST;
	return finish(walk, skb);
}

static struct answer route_changed(struct walk *walk, struct skb *skb, const void *data)
{
	return skb_decide(walk, skb, FIELD_BIT(FIELD_SRC) | FIELD_BIT(FIELD_DST), decide_changed,
		finish_changed, data);
}

/* Did NAT change the destination? Of a set: a part of it that stays as it is, was not mapped. */
static bool is_dst_changed(const struct walk *walk, const struct skb *skb)
{
	if (walk->sets)
		return skb->n_dst_mapped != skb->n_dst_mapped_before;
	return addr_compare(&skb->dst_before, &skb->packet.dst) != 0;
}

static struct answer behind_ip_prerouting(struct walk *walk, struct skb *skb)
{
	skb->dev = skb->phys_in;
	skb->is_prerouted = true;
	leave_ip(skb);
	if (!walk->sets && skb_is_unknown(skb, FIELD_DST) && !skb->dst_was_unknown)
		return end_cannot_tell(
			walk, skb, "the destination was changed on the bridge to one of several");
	if (is_dst_changed(walk, skb))
		return ip_split_by_mark(walk, skb, route_changed, NULL);
	return finish(walk, skb);
}

struct answer bridge_nf_pre_routing(struct walk *walk, struct skb *skb)
{
	const struct link *bridge = bridge_of(skb);
	uint16_t ethertype = packet_inner_ethertype(&skb->packet);
	enum family family = family_of(ethertype);

	if (!is_ip(ethertype))
		return finish(walk, skb);
	if (!bridge_nf_is_loaded(skb)) {
		note_call(walk, skb, "not called: br_netfilter is not loaded");
		return finish(walk, skb);
	}
	if (!is_called(skb, bridge, family)) {
		note_call(walk, skb,
			family == FAMILY_IPV6 ? "not called: bridge-nf-call-ip6tables is 0"
					      : "not called: bridge-nf-call-iptables is 0");
		return finish(walk, skb);
	}
	if (!sees_tagged(skb)) {
		note_call(walk, skb, "not called: bridge-nf-filter-vlan-tagged is 0");
		return finish(walk, skb);
	}
	note_call(walk, skb, NULL);
	skb->phys_in = skb->dev;
	skb->dst_before = skb->packet.dst;
	skb->n_dst_mapped_before = skb->n_dst_mapped;
	skb->dst_was_unknown = skb_is_unknown(skb, FIELD_DST);
	skb->packet.in_iface = logical_dev(skb, bridge)->name;
	skb->packet.out_iface = skb->packet.physdev_out = NULL;
	skb->packet.physdev_in = skb->dev->name;
	enter_ip(skb);
	skb->dev = bridge;
	return hook_run(walk, skb, family, HOOK_PREROUTING, behind_ip_prerouting);
}

/* --- FORWARD --- */

static struct answer finish_forward(struct walk *walk, struct skb *skb)
{
	leave_ip(skb);
	at_bridge_hook(skb, skb->in_port, skb->dev);
	return hook_run_range(walk, skb, FAMILY_BRIDGE, HOOK_FORWARD, behind_brnf(skb), INT_MAX,
		bridge_forward_finish);
}

static struct answer forward_arp(struct walk *walk, struct skb *skb)
{
	const struct link *bridge = bridge_of(skb);
	bool is_asked = bridge_nf_is_loaded(skb) &&
			(link_flag(skb, bridge, "nf_call_arp", bridge->nf_call_arp) ||
				netns_sysctl_number(skb->facts, skb->ns,
					"net.bridge.bridge-nf-call-arptables", 0));

	if (!is_asked || !sees_tagged(skb))
		return finish_forward(walk, skb);
	return hook_run(walk, skb, FAMILY_ARP, HOOK_FORWARD, finish_forward);
}

struct answer bridge_nf_forward(struct walk *walk, struct skb *skb)
{
	const struct link *bridge = bridge_of(skb);
	uint16_t ethertype = packet_inner_ethertype(&skb->packet);

	if (ethertype == ETHERTYPE_ARP)
		return forward_arp(walk, skb);
	if (!skb->phys_in || !is_ip(ethertype) || !sees_tagged(skb))
		return finish_forward(walk, skb);
	skb->phys_out = skb->dev;
	skb->packet.in_iface = logical_dev(skb, bridge)->name;
	skb->packet.out_iface = bridge->name;
	skb->packet.physdev_in = skb->phys_in->name;
	skb->packet.physdev_out = skb->dev->name;
	enter_ip(skb);
	return hook_run(walk, skb, family_of(ethertype), HOOK_FORWARD, finish_forward);
}

/* --- POSTROUTING --- */

static struct answer push_xmit(struct walk *walk, struct skb *skb)
{
	const struct packet *packet = &skb->packet;

	skb->packet.in_iface = NULL;
	skb->packet.physdev_in = skb->packet.physdev_out = NULL;
	skb->phys_in = skb->phys_out = skb->in_port = NULL;
	skb->out = NULL;
	if (!skb_is_unknown(skb, FIELD_LENGTH) && is_ip(packet_inner_ethertype(packet)) &&
		packet->length > skb->dev->mtu)
		return end_dropped(walk, skb, DROP_MTU);
	return device_transmit(walk, skb);
}

struct answer bridge_nf_post_routing(struct walk *walk, struct skb *skb)
{
	uint16_t ethertype = packet_inner_ethertype(&skb->packet);

	if (!skb->phys_in || !skb->phys_out || !is_ip(ethertype) || !sees_tagged(skb))
		return push_xmit(walk, skb);
	skb->out = bridge_of(skb);
	skb->gateway = (struct addr){ 0 };
	skb->packet.in_iface = NULL;
	skb->packet.out_iface = skb->out->name;
	skb->packet.physdev_in = skb->phys_in->name;
	skb->packet.physdev_out = skb->dev->name;
	enter_ip(skb);
	return hook_run(walk, skb, family_of(ethertype), HOOK_POSTROUTING, push_xmit);
}
