// SPDX-License-Identifier: GPL-2.0-or-later
#include "policy/policy.h"

#include <string.h>

static const struct {
	const char *name, *sentence;
} reasons[N_REASONS] = {
	[REASON_PORT_SECURITY_OFF] = { "port-security-off",
		"Port security is off: nothing is filtered at this port." },
	[REASON_TRUSTED] = { "trusted",
		"The port belongs to the network itself: nothing is filtered at it." },
	[REASON_DHCP_CLIENT] = { "dhcp-client", "Every port may ask for a DHCP lease." },
	[REASON_DHCP_SERVER_IN] = { "dhcp-server-in", "A DHCP answer to the port." },
	[REASON_ND] = { "neighbour-discovery", "ICMPv6 that every IPv6 host needs." },
	[REASON_RA_IN] = { "router-advertisement-in",
		"A router advertisement to a port with an IPv6 address." },
	[REASON_ARP] = { "arp", "ARP to the port, or from its own addresses." },
	[REASON_ESTABLISHED] = { "established",
		"It belongs to a flow that was allowed, or is related to one." },
	[REASON_RULE] = { "rule", "A rule of the port's groups allows it." },
	[DROP_FRAME_TYPE] = { "frame-type",
		"Only IP, ARP and RARP pass: no VLAN tags, no PPPoE, no other frames." },
	[DROP_ARP_SPOOF] = { "arp-spoof", "The ARP sender is not an address and MAC of the port." },
	[DROP_SPOOF] = { "spoof",
		"The source MAC is not the port's, or the address is not that MAC's." },
	[DROP_NO_FAMILY] = { "no-family", "The port has no address of this family." },
	[DROP_DHCP_SERVER] = { "dhcp-server", "A port must not answer DHCP." },
	[DROP_RA] = { "router-advertisement", "A port must not advertise routes." },
	[DROP_INVALID] = { "invalid",
		"Connection tracking calls it invalid, and no rule allows it." },
	[DROP_NO_RULE] = { "default-drop", "No rule of the port's groups allows it." },
};

const char *reason_name(enum reason reason)
{
	return reasons[reason].name;
}

const char *reason_sentence(enum reason reason)
{
	return reasons[reason].sentence;
}

static bool is_icmp(const struct policy_rule *rule)
{
	return rule->has_proto && (rule->proto == PROTO_ICMP || rule->proto == PROTO_ICMPV6);
}

static void print_traffic(struct text *out, const struct policy_rule *rule)
{
	const char *name = rule->has_proto ? proto_name(rule->proto) : "any";

	if (name)
		text_add(out, name);
	else
		text_addf(out, "protocol %u", rule->proto);
	if (rule->has_ports) {
		text_addf(out, " %u", rule->port_min);
		if (rule->port_max != rule->port_min)
			text_addf(out, "-%u", rule->port_max);
	}
	if (rule->has_icmp_type)
		text_addf(out, " type %u", rule->icmp_type);
	if (rule->has_icmp_code)
		text_addf(out, " code %u", rule->icmp_code);
}

void policy_rule_print(struct text *out, const struct policy_rule *rule)
{
	bool is_any = !rule->has_prefix || rule->prefix.len == 0;

	text_add(out, "allow ");
	print_traffic(out, rule);
	/* A prefix and ICMPv6 show the family; otherwise IPv4 is what people expect. */
	if (rule->ethertype == FAMILY_IPV6 && is_any && !is_icmp(rule))
		text_add(out, rule->has_proto ? " over IPv6" : " IPv6");
	text_add(out, rule->direction == DIR_INGRESS ? " from " : " to ");
	if (rule->remote_group) {
		const struct policy_group *group = rule->remote_group;

		text_addf(out, "group %s", group->name[0] ? group->name : group->id);
	} else if (rule->remote_address_group) {
		const struct policy_address_group *group = rule->remote_address_group;

		text_addf(out, "address group %s", group->name[0] ? group->name : group->id);
	} else if (is_any) {
		text_add(out, "anywhere");
	} else {
		prefix_print_bare(out, &rule->prefix);
	}
}
