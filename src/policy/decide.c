// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a policy says of a packet, or of all packets (question.h). The order of the questions is the order of the rules in the
 * chains that Neutron's driver writes (docs/neutron-differences.md lists where we differ), so
 * that the reason given here names the rule whose counter rises. Two things follow from that
 * order and look odd otherwise: a rule may allow what conntrack calls invalid (LP 1460741), and
 * a VM may send any ICMPv6 but router advertisements whatever its groups say.
 */
#include "base/vec.h"
#include "policy/question.h"

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

/* A judgement under way. */
struct judge {
	const struct question *q;
	const struct policy_port *port;
	enum direction direction;
	struct packet_set left; /* of which nothing was said yet */
	policy_said_fn *said;
	void *arg;
};

/* Says it of those that are left. True: now none is, so that further questions need not be asked. */
static bool say(struct judge *j, struct decision decision, struct packet_set packets)
{
	struct set_parts parts = packets_split(j->q, j->left, packets);

	if (!set_is_empty(parts.in))
		j->said(j->arg, decision, parts.in);
	j->left = parts.out;
	return set_is_empty(j->left);
}

static bool because(struct judge *j, enum reason reason, struct packet_set packets)
{
	return say(j, (struct decision){ .reason = reason }, packets);
}

static struct packet_set is_udp(const struct question *q, uint16_t sport, uint16_t dport)
{
	struct packet_set ports = packets_and(q, packets_of_number(q, FIELD_SPORT, sport),
		packets_of_number(q, FIELD_DPORT, dport));

	return packets_and(q, packets_of_number(q, FIELD_PROTO, PROTO_UDP), ports);
}

static struct packet_set is_icmpv6_type(const struct question *q, uint8_t type)
{
	return packets_and(q, packets_of_number(q, FIELD_PROTO, PROTO_ICMPV6),
		packets_of_number(q, FIELD_ICMP_TYPE, type));
}

static struct packet_set is_fixed_ip(
	const struct question *q, const struct policy_port *port, enum field field)
{
	struct packet_set all = SET_EMPTY;

	for (size_t i = 0; i < port->n_fixed_ips; i++)
		all = packets_or(q, all, packets_of_addr(q, field, &port->fixed_ips[i]));
	return all;
}

/* Is the source one of the port's: address and MAC of one pair? */
static struct packet_set source_is_own(const struct question *q, const struct policy_port *port)
{
	struct addr link_local = addr_link_local(port->mac);
	struct packet_set all = port->n_fixed_ips ? is_fixed_ip(q, port, FIELD_SRC) : SET_FULL;

	if (has_fixed_ip(port, FAMILY_IPV6))
		all = packets_or(q, all, packets_of_addr(q, FIELD_SRC, &link_local));
	all = packets_and(q, all, packets_of_mac(q, FIELD_ETH_SRC, port->mac));
	for (size_t i = 0; i < port->n_pairs; i++) {
		const struct address_pair *pair = &port->pairs[i];
		struct packet_set own = packets_in_prefix(q, FIELD_SRC, &pair->prefix);

		link_local = addr_link_local(pair->mac);
		if (pair->prefix.addr.family == FAMILY_IPV6)
			own = packets_or(q, own, packets_of_addr(q, FIELD_SRC, &link_local));
		own = packets_and(q, own, packets_of_mac(q, FIELD_ETH_SRC, pair->mac));
		all = packets_or(q, all, own);
	}
	return all;
}

/* The MAC of the frame is the one that ARP speaks of. */
static struct packet_set arp_is_of_mac(const struct question *q, struct mac mac)
{
	return packets_and(
		q, packets_of_mac(q, FIELD_ETH_SRC, mac), packets_of_mac(q, FIELD_ARP_SHA, mac));
}

static struct packet_set arp_is_own(const struct question *q, const struct policy_port *port)
{
	struct packet_set is_probe = packets_of_addr(q, FIELD_ARP_SPA, &ipv4_zero); /* RFC 5227 */
	struct packet_set all = port->n_fixed_ips ? SET_EMPTY : SET_FULL;

	if (!policy_port_has_family(port, FAMILY_IPV4))
		return SET_EMPTY;
	if (has_fixed_ip(port, FAMILY_IPV4))
		all = is_probe;
	for (size_t i = 0; i < port->n_fixed_ips; i++)
		if (port->fixed_ips[i].family == FAMILY_IPV4)
			all = packets_or(
				q, all, packets_of_addr(q, FIELD_ARP_SPA, &port->fixed_ips[i]));
	all = packets_and(q, all, arp_is_of_mac(q, port->mac));
	for (size_t i = 0; i < port->n_pairs; i++) {
		const struct address_pair *pair = &port->pairs[i];
		struct packet_set own;

		if (pair->prefix.addr.family != FAMILY_IPV4)
			continue;
		own = packets_in_prefix(q, FIELD_ARP_SPA, &pair->prefix);
		own = packets_and(q, packets_or(q, is_probe, own), arp_is_of_mac(q, pair->mac));
		all = packets_or(q, all, own);
	}
	return all;
}

static struct packet_set mac_is_own(const struct question *q, const struct policy_port *port)
{
	struct packet_set all = packets_of_mac(q, FIELD_ETH_SRC, port->mac);

	for (size_t i = 0; i < port->n_pairs; i++)
		all = packets_or(q, all, packets_of_mac(q, FIELD_ETH_SRC, port->pairs[i].mac));
	return all;
}

/* Of packets of its family. */
static struct packet_set is_remote(const struct question *q, const struct policy_rule *rule)
{
	enum field field = rule->direction == DIR_INGRESS ? FIELD_SRC : FIELD_DST;
	enum family family = rule->ethertype;

	if (rule->has_prefix)
		return packets_in_prefix(q, field, &rule->prefix);
	if (rule->remote_group)
		return packets_in_list(q, field, &rule->remote_group->members[family]);
	if (rule->remote_address_group)
		return packets_in_list(q, field, &rule->remote_address_group->addresses[family]);
	return SET_FULL;
}

static struct packet_set rule_matches(const struct question *q, const struct policy_rule *rule)
{
	struct packet_set all = SET_FULL;

	/* In IPv6 next header 0 is hop-by-hop options, never the protocol that xtables sees. */
	if (rule->has_proto && rule->proto == 0 && rule->ethertype == FAMILY_IPV6)
		return SET_EMPTY;
	if (rule->has_proto)
		all = packets_of_number(q, FIELD_PROTO, rule->proto);
	if (set_is_empty(all))
		return all; /* there are many rules, and one packet */
	if (rule->has_ports)
		all = packets_and(
			q, all, packets_in_range(q, FIELD_DPORT, rule->port_min, rule->port_max));
	if (rule->has_icmp_type)
		all = packets_and(q, all, packets_of_number(q, FIELD_ICMP_TYPE, rule->icmp_type));
	if (rule->has_icmp_code)
		all = packets_and(q, all, packets_of_number(q, FIELD_ICMP_CODE, rule->icmp_code));
	if (set_is_empty(all))
		return all;
	/* A later fragment has no ports and no type, nor are they 0. */
	if (rule->has_ports)
		all = packets_and(q, all, packets_with(q, FIELD_DPORT));
	if (rule->has_icmp_type)
		all = packets_and(q, all, packets_with(q, FIELD_ICMP_TYPE));
	return packets_and(q, all, is_remote(q, rule));
}

/* The end of both chains. */
static void judge_by_rules(struct judge *j, enum family family)
{
	const struct policy_port *port = j->port;

	for (size_t g = 0; g < port->n_groups; g++)
		for (size_t i = 0; i < port->groups[g]->n_rules; i++) {
			const struct policy_rule *rule = &port->groups[g]->rules[i];

			if (rule->direction != j->direction || rule->ethertype != family)
				continue;
			if (say(j, (struct decision){ REASON_RULE, rule },
				    rule_matches(j->q, rule)))
				return;
		}
	/* The chains of a stateless port do not ask conntrack. */
	if (port->stateful)
		because(j, DROP_INVALID, packets_of_states(j->q, CT_INVALID));
	because(j, DROP_NO_RULE, SET_FULL);
}

static struct packet_set is_established(const struct judge *j)
{
	return j->port->stateful ? packets_of_states(j->q, CT_ESTABLISHED | CT_RELATED) : SET_EMPTY;
}

static void judge_egress_ipv4(struct judge *j)
{
	const struct question *q = j->q;
	struct packet_set asks_dhcp = is_udp(q, DHCP_CLIENT_PORT, DHCP_SERVER_PORT);
	struct packet_set discovers = packets_and(q, packets_of_addr(q, FIELD_SRC, &ipv4_zero),
		packets_of_addr(q, FIELD_DST, &ipv4_broadcast));

	if (!policy_port_has_family(j->port, FAMILY_IPV4) && because(j, DROP_NO_FAMILY, SET_FULL))
		return;
	/* Before the source is checked: without a lease the VM has none. */
	if (because(j, REASON_DHCP_CLIENT, packets_and(q, asks_dhcp, discovers)) ||
		because(j, DROP_SPOOF, packets_not(q, source_is_own(q, j->port))) ||
		because(j, REASON_DHCP_CLIENT, asks_dhcp) ||
		because(j, DROP_DHCP_SERVER, is_udp(q, DHCP_SERVER_PORT, DHCP_CLIENT_PORT)) ||
		because(j, REASON_ESTABLISHED, is_established(j)))
		return;
	judge_by_rules(j, FAMILY_IPV4);
}

/* Duplicate address detection and what goes with it: the VM has no address yet. */
static struct packet_set is_nd_without_source(const struct question *q)
{
	struct packet_set types = packets_or(q, is_icmpv6_type(q, ICMPV6_MLD_REPORT),
		packets_or(
			q, is_icmpv6_type(q, ICMPV6_NS), is_icmpv6_type(q, ICMPV6_MLDV2_REPORT)));
	struct packet_set addresses = packets_and(q, packets_of_addr(q, FIELD_SRC, &ipv6_zero),
		packets_in_prefix(q, FIELD_DST, &ipv6_link_multicast));

	return packets_and(q, types, addresses);
}

static void judge_egress_ipv6(struct judge *j)
{
	const struct question *q = j->q;

	if (!policy_port_has_family(j->port, FAMILY_IPV6) && because(j, DROP_NO_FAMILY, SET_FULL))
		return;
	if (because(j, REASON_ND, is_nd_without_source(q)) ||
		because(j, DROP_SPOOF, packets_not(q, source_is_own(q, j->port))) ||
		because(j, DROP_RA, is_icmpv6_type(q, ICMPV6_RA)) ||
		because(j, REASON_ND, packets_of_number(q, FIELD_PROTO, PROTO_ICMPV6)) ||
		because(j, REASON_DHCP_CLIENT, is_udp(q, DHCPV6_CLIENT_PORT, DHCPV6_SERVER_PORT)) ||
		because(j, DROP_DHCP_SERVER, is_udp(q, DHCPV6_SERVER_PORT, DHCPV6_CLIENT_PORT)) ||
		because(j, REASON_ESTABLISHED, is_established(j)))
		return;
	judge_by_rules(j, FAMILY_IPV6);
}

/* A lease for the port: to one of its addresses, or to all before it has one. */
static struct packet_set is_lease(const struct judge *j, enum family family)
{
	const struct question *q = j->q;
	struct packet_set to = is_fixed_ip(q, j->port, FIELD_DST);

	if (family == FAMILY_IPV4) {
		to = packets_or(q, to, packets_of_addr(q, FIELD_DST, &ipv4_broadcast));
		return packets_and(q, to, is_udp(q, DHCP_SERVER_PORT, DHCP_CLIENT_PORT));
	}
	to = packets_or(q, to, packets_in_prefix(q, FIELD_DST, &ipv6_link_local));
	return packets_and(q, to, is_udp(q, DHCPV6_SERVER_PORT, DHCPV6_CLIENT_PORT));
}

static void judge_ingress_ipv4(struct judge *j)
{
	if (because(j, REASON_ESTABLISHED, is_established(j)) ||
		because(j, REASON_DHCP_SERVER_IN, is_lease(j, FAMILY_IPV4)))
		return;
	judge_by_rules(j, FAMILY_IPV4);
}

static void judge_ingress_ipv6(struct judge *j)
{
	const struct question *q = j->q;
	struct packet_set nd = packets_or(q, is_icmpv6_type(q, ICMPV6_MLD_QUERY),
		packets_or(q, is_icmpv6_type(q, ICMPV6_NS), is_icmpv6_type(q, ICMPV6_NA)));
	struct packet_set ra =
		has_fixed_ip(j->port, FAMILY_IPV6) ? is_icmpv6_type(q, ICMPV6_RA) : SET_EMPTY;

	if (because(j, REASON_ND, nd) || because(j, REASON_ESTABLISHED, is_established(j)) ||
		because(j, REASON_RA_IN, ra) ||
		because(j, REASON_DHCP_SERVER_IN, is_lease(j, FAMILY_IPV6)))
		return;
	judge_by_rules(j, FAMILY_IPV6);
}

static void judge_ip(struct judge *j, enum family family)
{
	bool is_v6 = family == FAMILY_IPV6;

	if (j->direction == DIR_INGRESS) {
		is_v6 ? judge_ingress_ipv6(j) : judge_ingress_ipv4(j);
		return;
	}
	/* Before all exceptions: a bridge learns the MAC of whatever goes on from here. */
	if (!because(j, DROP_SPOOF, packets_not(j->q, mac_is_own(j->q, j->port))))
		is_v6 ? judge_egress_ipv6(j) : judge_egress_ipv4(j);
}

static void judge_frame(struct judge *j, uint16_t ethertype)
{
	bool is_in = j->direction == DIR_INGRESS;

	switch (ethertype) {
	case ETHERTYPE_IPV4:
		judge_ip(j, FAMILY_IPV4);
		break;
	case ETHERTYPE_IPV6:
		judge_ip(j, FAMILY_IPV6);
		break;
	case ETHERTYPE_ARP:
		because(j, REASON_ARP, is_in ? SET_FULL : arp_is_own(j->q, j->port));
		because(j, DROP_ARP_SPOOF, SET_FULL);
		break;
	default: /* RARP */
		because(j, REASON_ARP, is_in ? SET_FULL : mac_is_own(j->q, j->port));
		because(j, DROP_ARP_SPOOF, SET_FULL);
	}
}

void policy_judge(const struct question *q, const struct policy_port *port,
	enum direction direction, policy_said_fn *said, void *arg)
{
	static const uint16_t types[] = { ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_ARP,
		ETHERTYPE_RARP };
	struct judge j = { q, port, direction, SET_FULL, said, arg };
	struct packet_set others = SET_FULL;

	if (!policy_port_is_filtered(port)) {
		because(&j,
			policy_port_is_trusted(port) ? REASON_TRUSTED : REASON_PORT_SECURITY_OFF,
			SET_FULL);
		return;
	}
	for (size_t i = 0; i < N_OF(types) && !set_is_empty(others); i++) {
		struct packet_set of_type = packets_of_number(q, FIELD_ETHERTYPE, types[i]);

		j.left = of_type;
		if (!set_is_empty(of_type))
			judge_frame(&j, types[i]);
		others = packets_split(q, others, of_type).out;
	}
	j.left = others;
	because(&j, DROP_FRAME_TYPE, SET_FULL);
}

static void keep_decision(void *arg, struct decision decision, struct packet_set packets)
{
	(void)packets;
	*(struct decision *)arg = decision;
}

struct decision policy_decide(
	const struct policy_port *port, enum direction direction, const struct packet *packet)
{
	const struct question q = { .packet = packet, .has_frame = true };
	struct decision decision = { .reason = DROP_FRAME_TYPE };

	policy_judge(&q, port, direction, keep_decision, &decision);
	return decision;
}

bool policy_allows_flow(
	const struct policy_port *port, enum direction direction, const struct packet *first)
{
	struct packet packet = *first;
	const struct question q = { .packet = &packet, .has_frame = false };
	struct decision decision = { .reason = DROP_FRAME_TYPE };

	packet.ethertype = first->src.family == FAMILY_IPV6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4;
	packet.ct_state = CT_NEW;
	policy_judge(&q, port, direction, keep_decision, &decision);
	return !reason_is_drop(decision.reason);
}

struct packet_set policy_packets_of_rule(const struct question *q, const struct policy_rule *rule)
{
	bool is_v6 = rule->ethertype == FAMILY_IPV6;

	return packets_and(q,
		packets_of_number(q, FIELD_ETHERTYPE, is_v6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4),
		rule_matches(q, rule));
}
