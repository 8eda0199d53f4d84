// SPDX-License-Identifier: GPL-2.0-or-later
/* Names and words of the walk's kinds, and one line for a node. */
#include "explain/internal.h"

const char *node_kind_name(enum node_kind kind)
{
	static const char *const names[N_NODE_KINDS] = {
		[NODE_RECEIVED] = "received",
		[NODE_SENT] = "sent",
		[NODE_CHAIN] = "chain",
		[NODE_CONNTRACK] = "conntrack",
		[NODE_NAT] = "nat",
		[NODE_BRIDGE_IN] = "bridge-in",
		[NODE_BRIDGE_DECISION] = "bridge-decision",
		[NODE_IPTABLES_CALLED] = "br-netfilter",
		[NODE_ROUTE] = "route",
		[NODE_SOURCE_CHECK] = "source-check",
		[NODE_NEIGHBOUR] = "neighbour",
		[NODE_FORWARD] = "forward",
		[NODE_LOCAL] = "local",
		[NODE_TRANSMIT] = "transmit",
		[NODE_VETH] = "veth",
		[NODE_VLAN] = "vlan",
		[NODE_OVS] = "ovs",
		[NODE_END] = "end",
	};

	return names[kind];
}

const char *final_name(enum final final)
{
	static const char *const names[] = {
		[FINAL_NONE] = "none",
		[FINAL_DELIVERED] = "delivered",
		[FINAL_REWRITTEN] = "rewritten",
		[FINAL_DROPPED] = "dropped",
		[FINAL_REJECTED] = "rejected",
		[FINAL_CONSUMED] = "consumed",
		[FINAL_CANNOT_TELL] = "cannot-tell",
	};

	return names[final];
}

static const struct {
	const char *name, *words;
} drops[N_DROPS] = {
	[DROP_NONE] = { "none", "not dropped" },
	[DROP_RULE] = { "rule", "a rule drops it" },
	[DROP_POLICY] = { "policy", "no rule takes it, and the chain's policy is drop" },
	[DROP_NAT_NO_ADDRESS] = { "nat-no-address", "NAT has no address to give it" },
	[DROP_FLOW_CLASH] = { "flow-clash",
		"conntrack has another flow with these answers, and no port to tell them apart" },
	[DROP_RP_FILTER] = { "rp-filter",
		"the way back to its source is not by the interface that it came in by "
		"(rp_filter)" },
	[DROP_MARTIAN_SOURCE] = { "martian-source", "its source address cannot be" },
	[DROP_MARTIAN_DESTINATION] = { "martian-destination",
		"its destination address cannot come from outside" },
	[DROP_OWN_SOURCE] = { "own-source", "its source is an address of this host itself" },
	[DROP_NO_ROUTE] = { "no-route", "there is no route to it" },
	[DROP_BLACKHOLE] = { "blackhole", "the route is a blackhole" },
	[DROP_UNREACHABLE] = { "unreachable", "the route says unreachable" },
	[DROP_PROHIBIT] = { "prohibit", "the route says prohibited" },
	[DROP_FORWARDING_OFF] = { "forwarding-off", "this host does not forward" },
	[DROP_DNAT_UNROUTABLE] = { "dnat-unroutable",
		"NAT changed the destination of a bridged IPv6 packet to one that no route "
		"leads to" },
	[DROP_TTL] = { "ttl", "its TTL ends here" },
	[DROP_MTU] = { "mtu", "it is larger than the MTU and must not be cut" },
	[DROP_OTHER_HOST] = { "other-host", "the frame is for another MAC" },
	[DROP_NEIGHBOUR] = { "neighbour", "the next hop's MAC was asked for in vain" },
	[DROP_NO_SOCKET] = { "no-socket", "no socket takes it" },
	[DROP_NOT_JOINED] = { "not-joined", "this host is not in that multicast group" },
	[DROP_SCOPE] = { "scope", "its addresses must not be routed" },
	[DROP_LINK_DOWN] = { "link-down", "the device is down" },
	[DROP_NO_VLAN_DEVICE] = { "no-vlan-device", "it has a tag that no device takes" },
	[DROP_NO_PROTOCOL] = { "no-protocol", "nothing here takes this kind of frame" },
	[DROP_BRIDGE_SOURCE] = { "bridge-source", "its source MAC cannot be" },
	[DROP_BRIDGE_STATE] = { "bridge-state", "the bridge's port does not forward" },
	[DROP_BRIDGE_LOCKED] = { "bridge-locked",
		"the port is locked and does not know its sender" },
	[DROP_BRIDGE_ISOLATED] = { "bridge-isolated", "both ports are isolated" },
	[DROP_BRIDGE_HAIRPIN] = { "bridge-hairpin", "it would leave by the port it came in by" },
	[DROP_BRIDGE_VLAN] = { "bridge-vlan", "the port is not in its VLAN" },
	[DROP_BRIDGE_NO_TARGET] = { "bridge-no-target", "no port of the bridge takes it" },
	[DROP_BRIDGE_RESERVED] = { "bridge-reserved", "bridges do not forward this MAC" },
	[DROP_OVS_FLOW] = { "ovs-flow", "a flow of Open vSwitch drops it" },
	[DROP_OVS_VLAN] = { "ovs-vlan", "the port is not in its VLAN" },
	[DROP_OVS_NO_TARGET] = { "ovs-no-target", "no port of the bridge takes it" },
	[DROP_NOT_FORWARDED] = { "not-forwarded", "routers do not forward broadcasts" },
	[DROP_LOOP] = { "loop", "it comes again to where it was, unchanged: a loop" },
};

const char *drop_name(enum drop drop)
{
	return drops[drop].name;
}

const char *drop_words(enum drop drop)
{
	return drops[drop].words;
}

void node_print(struct text *out, const struct node *node)
{
	text_add(out, node_kind_name(node->kind));
	if (node->kind == NODE_CHAIN)
		text_addf(out, " %s %s", node->table->name, node->chain->name);
	if (node->link)
		text_addf(out, " at %s", node->link->name);
	if (node->ns && node->ns->name[0])
		text_addf(out, " in %s", node->ns->name);
	if (node->note)
		text_addf(out, ": %s", node->note);
}
