// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a policy says of one packet. The order of the questions is the order of the rules in the
 * chains that Neutron's driver writes (docs/neutron-differences.md lists where we differ), so
 * that the reason given here names the rule whose counter rises. Two things follow from that
 * order and look odd otherwise: a rule may allow what conntrack calls invalid (LP 1460741), and
 * a VM may send any ICMPv6 but router advertisements whatever its groups say.
 */
#include "policy/policy.h"

#include <string.h>

#define DHCP_CLIENT_PORT   68
#define DHCP_SERVER_PORT   67
#define DHCPV6_CLIENT_PORT 546
#define DHCPV6_SERVER_PORT 547

#define ICMPV6_MLD_QUERY    130
#define ICMPV6_MLD_REPORT   131
#define ICMPV6_RA	    134
#define ICMPV6_NS	    135
#define ICMPV6_NA	    136
#define ICMPV6_MLDV2_REPORT 143

static const struct addr ipv4_zero = { .family = FAMILY_IPV4 };
static const struct addr ipv4_broadcast = { .family = FAMILY_IPV4,
	.bytes = { 0xff, 0xff, 0xff, 0xff } };
static const struct addr ipv6_zero = { .family = FAMILY_IPV6 };
static const struct prefix ipv6_link_multicast = {
	.addr = { .family = FAMILY_IPV6, .bytes = { 0xff, 0x02 } }, .len = 16
};
static const struct prefix ipv6_link_local = {
	.addr = { .family = FAMILY_IPV6, .bytes = { 0xfe, 0x80 } }, .len = 64
};

/* One question: a packet, and whether its frame is to be looked at. */
struct question {
	const struct policy_port *port;
	const struct packet *packet;
	enum family family;
	enum ct_state ct_state;
	bool has_frame;
};

static bool has_fixed_ip(const struct policy_port *port, enum family family)
{
	for (size_t i = 0; i < port->n_fixed_ips; i++)
		if (port->fixed_ips[i].family == family)
			return true;
	return false;
}

bool policy_port_has_family(const struct policy_port *port, enum family family)
{
	if (!port->n_fixed_ips || has_fixed_ip(port, family))
		return true;
	for (size_t i = 0; i < port->n_pairs; i++)
		if (port->pairs[i].prefix.addr.family == family)
			return true;
	return false;
}

bool policy_port_is_trusted(const struct policy_port *port)
{
	return text_has_prefix(port->device_owner, "network:");
}

bool policy_port_is_filtered(const struct policy_port *port)
{
	return port->port_security && !policy_port_is_trusted(port);
}

static bool is_udp(const struct packet *packet, uint16_t sport, uint16_t dport)
{
	return packet->proto == PROTO_UDP && !packet->is_later_fragment && packet->sport == sport &&
	       packet->dport == dport;
}

static bool is_icmpv6_type(const struct packet *packet, uint8_t type)
{
	return packet->proto == PROTO_ICMPV6 && !packet->is_later_fragment &&
	       packet->icmp_type == type;
}

static bool mac_is(const struct question *q, struct mac mac)
{
	return !q->has_frame || mac_equal(q->packet->eth_src, mac);
}

/* Is the source one of the port's: address and MAC of one pair? */
static bool source_is_own(const struct question *q)
{
	const struct policy_port *port = q->port;
	const struct addr *src = &q->packet->src;
	struct addr link_local;

	for (size_t i = 0; i < port->n_pairs; i++) {
		const struct address_pair *pair = &port->pairs[i];

		if (!mac_is(q, pair->mac))
			continue;
		if (prefix_contains(&pair->prefix, src))
			return true;
		link_local = addr_link_local(pair->mac);
		if (pair->prefix.addr.family == FAMILY_IPV6 && !addr_compare(&link_local, src))
			return true;
	}
	if (!mac_is(q, port->mac))
		return false;
	if (!port->n_fixed_ips)
		return true;
	for (size_t i = 0; i < port->n_fixed_ips; i++)
		if (addr_compare(&port->fixed_ips[i], src) == 0)
			return true;
	link_local = addr_link_local(port->mac);
	return has_fixed_ip(port, FAMILY_IPV6) && addr_compare(&link_local, src) == 0;
}

static bool arp_is_own(const struct policy_port *port, const struct packet *packet)
{
	bool is_probe = addr_compare(&packet->arp_spa, &ipv4_zero) == 0; /* RFC 5227 */

	if (!policy_port_has_family(port, FAMILY_IPV4) ||
		!mac_equal(packet->eth_src, packet->arp_sha))
		return false;
	for (size_t i = 0; i < port->n_pairs; i++) {
		const struct address_pair *pair = &port->pairs[i];

		if (pair->prefix.addr.family == FAMILY_IPV4 &&
			mac_equal(packet->arp_sha, pair->mac) &&
			(is_probe || prefix_contains(&pair->prefix, &packet->arp_spa)))
			return true;
	}
	if (!mac_equal(packet->arp_sha, port->mac))
		return false;
	if (!port->n_fixed_ips || (is_probe && has_fixed_ip(port, FAMILY_IPV4)))
		return true;
	for (size_t i = 0; i < port->n_fixed_ips; i++)
		if (addr_compare(&port->fixed_ips[i], &packet->arp_spa) == 0)
			return true;
	return false;
}

static bool mac_is_own(const struct policy_port *port, struct mac mac)
{
	for (size_t i = 0; i < port->n_pairs; i++)
		if (mac_equal(port->pairs[i].mac, mac))
			return true;
	return mac_equal(port->mac, mac);
}

/* list is sorted and nothing in it covers anything else: only the last one before can. */
static bool list_contains(const struct prefix_list *list, const struct addr *addr)
{
	size_t low = 0, high = list->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (addr_compare(&list->items[middle].addr, addr) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low && prefix_contains(&list->items[low - 1], addr);
}

static bool rule_matches(
	const struct policy_rule *rule, enum direction direction, const struct question *q)
{
	const struct packet *packet = q->packet;
	const struct addr *remote = direction == DIR_INGRESS ? &packet->src : &packet->dst;

	if (rule->direction != direction || rule->ethertype != q->family)
		return false;
	if (rule->has_proto && rule->proto != packet->proto)
		return false;
	/* In IPv6 next header 0 is hop-by-hop options, never the protocol that xtables sees. */
	if (rule->has_proto && rule->proto == 0 && rule->ethertype == FAMILY_IPV6)
		return false;
	if ((rule->has_ports || rule->has_icmp_type) && packet->is_later_fragment)
		return false;
	if (rule->has_ports && (packet->dport < rule->port_min || packet->dport > rule->port_max))
		return false;
	if (rule->has_icmp_type && packet->icmp_type != rule->icmp_type)
		return false;
	if (rule->has_icmp_code && packet->icmp_code != rule->icmp_code)
		return false;
	if (rule->has_prefix)
		return prefix_contains(&rule->prefix, remote);
	if (rule->remote_group)
		return list_contains(&rule->remote_group->members[q->family], remote);
	if (rule->remote_address_group)
		return list_contains(&rule->remote_address_group->addresses[q->family], remote);
	return true;
}

static struct decision because(enum reason reason)
{
	return (struct decision){ .reason = reason };
}

/* The end of both chains. */
static struct decision decide_by_rules(const struct question *q, enum direction direction)
{
	const struct policy_port *port = q->port;

	for (size_t g = 0; g < port->n_groups; g++) {
		const struct policy_group *group = port->groups[g];

		for (size_t i = 0; i < group->n_rules; i++)
			if (rule_matches(&group->rules[i], direction, q))
				return (struct decision){ REASON_RULE, &group->rules[i] };
	}
	/* The chains of a stateless port do not ask conntrack. */
	return because(port->stateful && (q->ct_state & CT_INVALID) ? DROP_INVALID : DROP_NO_RULE);
}

static bool is_established(const struct question *q)
{
	return q->port->stateful && (q->ct_state & (CT_ESTABLISHED | CT_RELATED));
}

static struct decision decide_egress_ipv4(const struct question *q)
{
	const struct packet *packet = q->packet;
	bool asks_dhcp = is_udp(packet, DHCP_CLIENT_PORT, DHCP_SERVER_PORT);

	if (!policy_port_has_family(q->port, FAMILY_IPV4))
		return because(DROP_NO_FAMILY);
	/* Before the source is checked: without a lease the VM has none. */
	if (asks_dhcp && addr_compare(&packet->src, &ipv4_zero) == 0 &&
		addr_compare(&packet->dst, &ipv4_broadcast) == 0)
		return because(REASON_DHCP_CLIENT);
	if (!source_is_own(q))
		return because(DROP_SPOOF);
	if (asks_dhcp)
		return because(REASON_DHCP_CLIENT);
	if (is_udp(packet, DHCP_SERVER_PORT, DHCP_CLIENT_PORT))
		return because(DROP_DHCP_SERVER);
	if (is_established(q))
		return because(REASON_ESTABLISHED);
	return decide_by_rules(q, DIR_EGRESS);
}

static struct decision decide_egress_ipv6(const struct question *q)
{
	const struct packet *packet = q->packet;

	if (!policy_port_has_family(q->port, FAMILY_IPV6))
		return because(DROP_NO_FAMILY);
	/* Before the source is checked: duplicate address detection has none. */
	if (addr_compare(&packet->src, &ipv6_zero) == 0 &&
		prefix_contains(&ipv6_link_multicast, &packet->dst) &&
		(is_icmpv6_type(packet, ICMPV6_MLD_REPORT) || is_icmpv6_type(packet, ICMPV6_NS) ||
			is_icmpv6_type(packet, ICMPV6_MLDV2_REPORT)))
		return because(REASON_ND);
	if (!source_is_own(q))
		return because(DROP_SPOOF);
	if (is_icmpv6_type(packet, ICMPV6_RA))
		return because(DROP_RA);
	if (packet->proto == PROTO_ICMPV6)
		return because(REASON_ND);
	if (is_udp(packet, DHCPV6_CLIENT_PORT, DHCPV6_SERVER_PORT))
		return because(REASON_DHCP_CLIENT);
	if (is_udp(packet, DHCPV6_SERVER_PORT, DHCPV6_CLIENT_PORT))
		return because(DROP_DHCP_SERVER);
	if (is_established(q))
		return because(REASON_ESTABLISHED);
	return decide_by_rules(q, DIR_EGRESS);
}

/* A lease for the port: to one of its addresses, or to all before it has one. */
static bool is_lease(const struct question *q)
{
	const struct packet *packet = q->packet;

	if (q->family == FAMILY_IPV4) {
		if (!is_udp(packet, DHCP_SERVER_PORT, DHCP_CLIENT_PORT))
			return false;
		if (addr_compare(&packet->dst, &ipv4_broadcast) == 0)
			return true;
	} else {
		if (!is_udp(packet, DHCPV6_SERVER_PORT, DHCPV6_CLIENT_PORT))
			return false;
		if (prefix_contains(&ipv6_link_local, &packet->dst))
			return true;
	}
	for (size_t i = 0; i < q->port->n_fixed_ips; i++)
		if (addr_compare(&q->port->fixed_ips[i], &packet->dst) == 0)
			return true;
	return false;
}

static struct decision decide_ingress_ip(const struct question *q)
{
	const struct packet *packet = q->packet;

	if (q->family == FAMILY_IPV6 &&
		(is_icmpv6_type(packet, ICMPV6_MLD_QUERY) || is_icmpv6_type(packet, ICMPV6_NS) ||
			is_icmpv6_type(packet, ICMPV6_NA)))
		return because(REASON_ND);
	if (is_established(q))
		return because(REASON_ESTABLISHED);
	if (q->family == FAMILY_IPV6 && is_icmpv6_type(packet, ICMPV6_RA) &&
		has_fixed_ip(q->port, FAMILY_IPV6))
		return because(REASON_RA_IN);
	if (is_lease(q))
		return because(REASON_DHCP_SERVER_IN);
	return decide_by_rules(q, DIR_INGRESS);
}

static struct decision decide_ip(const struct question *q, enum direction direction)
{
	if (direction == DIR_INGRESS)
		return decide_ingress_ip(q);
	/* Before all exceptions: a bridge learns the MAC of whatever goes on from here. */
	if (q->has_frame && !mac_is_own(q->port, q->packet->eth_src))
		return because(DROP_SPOOF);
	return q->family == FAMILY_IPV6 ? decide_egress_ipv6(q) : decide_egress_ipv4(q);
}

static bool is_waved_through(const struct policy_port *port, struct decision *ret)
{
	if (policy_port_is_filtered(port))
		return false;
	*ret = because(policy_port_is_trusted(port) ? REASON_TRUSTED : REASON_PORT_SECURITY_OFF);
	return true;
}

struct decision policy_decide(
	const struct policy_port *port, enum direction direction, const struct packet *packet)
{
	struct question q = {
		.port = port, .packet = packet, .ct_state = packet->ct_state, .has_frame = true
	};
	struct decision decision;

	if (is_waved_through(port, &decision))
		return decision;
	switch (packet->ethertype) {
	case ETHERTYPE_IPV4:
		q.family = FAMILY_IPV4;
		return decide_ip(&q, direction);
	case ETHERTYPE_IPV6:
		q.family = FAMILY_IPV6;
		return decide_ip(&q, direction);
	case ETHERTYPE_ARP:
		if (direction == DIR_INGRESS || arp_is_own(port, packet))
			return because(REASON_ARP);
		return because(DROP_ARP_SPOOF);
	case ETHERTYPE_RARP:
		if (direction == DIR_INGRESS || mac_is_own(port, packet->eth_src))
			return because(REASON_ARP);
		return because(DROP_ARP_SPOOF);
	default:
		return because(DROP_FRAME_TYPE);
	}
}

bool policy_allows_flow(
	const struct policy_port *port, enum direction direction, const struct packet *first)
{
	struct question q = { .port = port,
		.packet = first,
		.family = first->src.family,
		.ct_state = CT_NEW,
		.has_frame = false };
	struct decision decision;

	if (is_waved_through(port, &decision))
		return true;
	return !reason_is_drop(decide_ip(&q, direction).reason);
}
