// SPDX-License-Identifier: GPL-2.0-or-later
/* The two ends of the IP stack: sockets, and the neighbours on a wire. */
#include <string.h>

#include "explain/internal.h"

/* --- up --- */

static bool socket_takes(
	const struct socket *socket, const struct packet *packet, const struct link *dev)
{
	bool is_any = addr_is_zero(&socket->local);

	if (socket->proto != packet->proto || socket->port != packet->dport)
		return false;
	if (socket->index && socket->index != dev->index && socket->index != dev->master_index)
		return false;
	if (socket->family == packet->dst.family)
		return is_any || !addr_compare(&socket->local, &packet->dst);
	return socket->family == FAMILY_IPV6 && is_any && !socket->is_v6_only;
}

/* Only listening and unconnected sockets are known; the rest of a connection is the host's. */
static bool is_decided_by_sockets(const struct skb *skb)
{
	const struct packet *packet = &skb->packet;

	if (packet->proto == PROTO_TCP)
		return !skb_is_unknown(skb, FIELD_TCP_FLAGS) &&
		       (packet->tcp_flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN;
	return packet->proto == PROTO_UDP && packet->ct_state != CT_ESTABLISHED;
}

static struct answer end_no_socket(struct walk *walk, struct skb *skb)
{
	const char *why;

	if (netns_is_unread(skb->ns, "sockets", &why) ||
		netns_is_unread(skb->ns,
			skb->packet.proto == PROTO_TCP ? "sockets tcp" : "sockets udp", &why))
		return end_cannot_tell(walk, skb,
			"it reaches the host, but the sockets were not read (%s): whether one takes "
			"it is not known; \"portwall snapshot\" as root reads them",
			why);
	return end_dropped(walk, skb, DROP_NO_SOCKET);
}

static struct answer take_socket(struct walk *walk, struct skb *skb, const void *data)
{
	return end_socket(walk, skb, data);
}

/* Each takes those of the set that no socket before it has taken. */
static struct answer to_sockets_of_set(struct walk *walk, struct skb *skb, const void *data)
{
	struct sets *sets = walk->sets;
	struct answer answer = { 0 };
	struct packet_set rest;
	struct skb left = *skb;

	(void)data;
	skb_push(walk, &left);
	rest = left.set;
	for (size_t i = 0; i < skb->ns->n_sockets; i++) {
		const struct socket *socket = &skb->ns->sockets[i];
		struct packet_set part = set_of_number(sets, FIELD_DPORT, socket->port);
		struct packet one = skb->packet;

		one.dport = socket->port;
		if (skb_is_unknown(skb, FIELD_DST) && !addr_is_zero(&socket->local) &&
			socket->family == one.dst.family) {
			one.dst = socket->local;
			part = set_and(sets, part, set_of_addr(sets, FIELD_DST, &socket->local));
		}
		part = set_and(sets, rest, part);
		if (set_is_empty(part) || !socket_takes(socket, &one, skb->dev))
			continue;
		rest = set_minus(sets, rest, part);
		answer = answer_of_cases(
			walk, answer, skb_part(walk, &left, part, take_socket, socket));
	}
	if (set_is_empty(rest))
		return answer;
	skb_take(walk, &left, rest);
	return answer_of_cases(walk, answer, end_no_socket(walk, &left));
}

static struct answer part_by_protocol(struct walk *walk, struct skb *skb, const void *data)
{
	return skb_split(walk, skb, set_of_number(walk->sets, FIELD_PROTO, PROTO_TCP),
		to_sockets_of_set, to_sockets_of_set, data);
}

static struct answer to_host(struct walk *walk, struct skb *skb, const void *data)
{
	(void)data;
	return end_delivered(walk, skb, PLACE_HOST);
}

/* As is_decided_by_sockets has it. */
static struct answer part_by_sockets(struct walk *walk, struct skb *skb)
{
	struct sets *sets = walk->sets;
	struct packet_set tcp = set_of_number(sets, FIELD_PROTO, PROTO_TCP);
	struct packet_set udp = set_of_number(sets, FIELD_PROTO, PROTO_UDP);
	struct packet_set others;

	tcp = set_and(sets, tcp,
		set_of_bits(sets, FIELD_TCP_FLAGS, TCP_SYN, TCP_SYN | TCP_ACK | TCP_RST));
	udp = set_minus(sets, udp, set_of_ct_states(sets, CT_ESTABLISHED));
	others = set_not(sets, set_or(sets, tcp, udp));
	return skb_split(walk, skb, others, to_host, part_by_protocol, NULL);
}

static struct answer to_sockets(struct walk *walk, struct skb *skb)
{
	const struct packet *packet = &skb->packet;

	if (skb->ns->n_xfrm_policies)
		return end_ipsec(walk, skb);
	if (walk->sets && packet->pkt_type == PKT_HOST)
		return part_by_sockets(walk, skb);
	if (!is_decided_by_sockets(skb) || packet->pkt_type != PKT_HOST)
		return end_delivered(walk, skb, PLACE_HOST);
	if (skb_is_unknown(skb, FIELD_DPORT))
		return end_cannot_tell(
			walk, skb, "the port is not known, so neither is the socket");
	for (size_t i = 0; i < skb->ns->n_sockets; i++)
		if (socket_takes(&skb->ns->sockets[i], packet, skb->dev))
			return end_socket(walk, skb, &skb->ns->sockets[i]);
	return end_no_socket(walk, skb);
}

struct answer ip_local_deliver(struct walk *walk, struct skb *skb)
{
	enum family family = skb->packet.ethertype == ETHERTYPE_IPV6 ? FAMILY_IPV6 : FAMILY_IPV4;

	skb_node(walk, skb, NODE_LOCAL);
	skb->packet.in_iface = skb->dev->name;
	skb->packet.out_iface = NULL;
	skb->packet.physdev_in = skb->phys_in ? skb->phys_in->name : NULL;
	skb->packet.physdev_out = NULL;
	return hook_run(walk, skb, family, HOOK_INPUT, to_sockets);
}

/* --- ARP --- */

static const struct address *address_find(
	const struct netns *ns, const struct addr *addr, const struct link *dev)
{
	for (size_t i = netns_first(ns, ADDRESSES_BY_LOCAL, key_of_addr(addr)); i < ns->n_addresses;
		i = netns_next(ns, ADDRESSES_BY_LOCAL, i))
		if (!addr_compare(&ns->addresses[i].local, addr) &&
			(!dev || ns->addresses[i].index == dev->index))
			return &ns->addresses[i];
	return NULL;
}

/* arp_ignore: for which addresses of this host the device answers. */
static bool answers_arp(const struct skb *skb, const struct addr *addr, const char **ret_why)
{
	const struct address *here = address_find(skb->ns, addr, skb->dev), *any = here;
	long ignore = link_conf_max(skb->facts, skb->ns, "ipv4", skb->dev, "arp_ignore", 8);

	if (!any)
		any = address_find(skb->ns, addr, NULL);
	if (!any && ignore)
		*ret_why = "the addresses were not read: whether arp_ignore lets it answer is not "
			   "known";
	switch (ignore) {
	case 1:
		return here;
	case 2: /* and to askers of the same network alone */
		if (here)
			*ret_why = "arp_ignore = 2 is not walked";
		return false;
	case 3:
		return any && !any->is_host_scope;
	case 8:
		return false;
	default:
		return true;
	}
}

static struct answer arp_answer(struct walk *walk, struct skb *skb)
{
	const struct packet *packet = &skb->packet;
	const char *why = NULL;
	bool answers;

	if (packet->arp_op == 2)
		return end_delivered(walk, skb, PLACE_HOST);
	if (packet->unknown & FIELD_BIT(FIELD_ARP_TPA))
		return end_cannot_tell(walk, skb, "whose MAC is asked for is not known");
	answers = skb_owns(skb, &packet->arp_tpa) && answers_arp(skb, &packet->arp_tpa, &why);
	if (why)
		return end_cannot_tell(walk, skb, "%s", why);
	if (answers)
		return end_delivered(walk, skb, PLACE_HOST);
	if (link_conf_max(skb->facts, skb->ns, "ipv4", skb->dev, "proxy_arp", 1))
		return end_cannot_tell(walk, skb, "proxy ARP is not walked");
	return end_dropped(walk, skb, DROP_OTHER_HOST);
}

struct answer arp_receive(struct walk *walk, struct skb *skb)
{
	if (skb->packet.pkt_type == PKT_OTHERHOST)
		return end_dropped(walk, skb, DROP_OTHER_HOST);
	skb->packet.in_iface = skb->dev->name;
	skb->packet.out_iface = skb->packet.physdev_in = skb->packet.physdev_out = NULL;
	return hook_run(walk, skb, FAMILY_ARP, HOOK_INPUT, arp_answer);
}

/* --- down --- */

const char *neighbour_unread(const struct skb *skb)
{
	const char *why;

	if (!netns_is_unread(skb->ns, "neighbours", &why))
		return NULL;
	return arena_printf(skb->facts->arena,
		"the neighbours of this namespace were not read (%s): which MAC the next hop has is "
		"not known; \"portwall snapshot\" as root reads it",
		why);
}

bool neighbour_find(const struct skb *skb, const struct link *dev, const struct addr *addr,
	struct mac *ret, bool *ret_failed)
{
	*ret_failed = false;
	for (size_t i = netns_first(skb->ns, NEIGHBOURS_BY_ADDR, key_of_addr(addr));
		i < skb->ns->n_neighbours; i = netns_next(skb->ns, NEIGHBOURS_BY_ADDR, i)) {
		const struct neighbour *neighbour = &skb->ns->neighbours[i];

		if (neighbour->index != dev->index || neighbour->is_proxy ||
			addr_compare(&neighbour->addr, addr) != 0)
			continue;
		if (neighbour->has_mac && !neighbour->is_failed) {
			*ret = neighbour->mac;
			return true;
		}
		*ret_failed = neighbour->is_failed;
	}
	return false;
}

/* The next hop's MAC: mac; is_maybe: it would be asked for. */
static void decide_neighbour(struct skb *skb, struct decision *ret)
{
	const struct packet *packet = &skb->packet;
	bool is_broadcast = skb->route.route && skb->route.route->type == ROUTE_BROADCAST;
	bool failed = false;

	if (is_broadcast) {
		ret->mac = (struct mac){ { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } };
	} else if (addr_is_multicast(&packet->dst)) {
		ret->is_yes = true;
		ret->mac = group_mac(&packet->dst);
	} else if (!neighbour_find(skb, skb->dev, skb_next_hop(skb), &ret->mac, &failed)) {
		ret->why = failed ? NULL : neighbour_unread(skb);
		ret->drop = failed ? DROP_NEIGHBOUR : DROP_NONE;
		ret->is_maybe = !failed;
	}
}

static struct answer to_group(struct walk *walk, struct skb *skb, const void *data)
{
	(void)data;
	skb->packet.eth_src = skb->dev->mac;
	skb->packet.unknown &= ~FIELD_BIT(FIELD_ETH_SRC);
	skb->has_next_hop = false;
	skb_node(walk, skb, NODE_NEIGHBOUR);
	return device_transmit(walk, skb);
}

static struct answer behind_neighbour(
	struct walk *walk, struct skb *skb, const struct decision *decision, const void *data)
{
	const struct addr *next = skb_next_hop(skb);
	struct packet *packet = &skb->packet;
	const char *note = NULL;

	(void)data;
	if (decision->drop != DROP_NONE)
		return end_dropped(walk, skb, decision->drop);
	if (decision->why)
		return end_cannot_tell(walk, skb, "%s", decision->why);
	if (decision->is_yes && skb_is_unknown(skb, FIELD_DST))
		return skb_part_by_mac(walk, skb, false, to_group, NULL);
	packet->eth_src = skb->dev->mac;
	packet->eth_dst = decision->mac;
	packet->unknown &= ~(FIELD_BIT(FIELD_ETH_SRC) | FIELD_BIT(FIELD_ETH_DST));
	skb->has_next_hop = decision->is_maybe;
	if (decision->is_maybe) {
		skb_free(walk, skb, FIELD_ETH_DST, SET_FULL);
		skb->next_hop = *next;
		skb->is_next_hop_dst = next == &packet->dst && skb_is_unknown(skb, FIELD_DST);
		skb->n_mapped_then = skb->n_mapped;
		note = packet->dst.family == FAMILY_IPV6
			       ? "the neighbour is not known: it would be solicited"
			       : "the neighbour is not known: ARP would be asked";
	}
	skb_node(walk, skb, NODE_NEIGHBOUR)->note = note;
	return device_transmit(walk, skb);
}

struct answer ip_neighbour_output(struct walk *walk, struct skb *skb)
{
	struct packet *packet = &skb->packet;

	packet->in_iface = packet->physdev_in = packet->physdev_out = NULL;
	if (skb->dev->is_loopback || skb->dev->is_noarp)
		return device_transmit(walk, skb);
	return skb_decide(
		walk, skb, FIELD_BIT(FIELD_DST), decide_neighbour, behind_neighbour, NULL);
}
