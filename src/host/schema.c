// SPDX-License-Identifier: GPL-2.0-or-later
/* docs/snapshot.md explains what is listed here; its test compares the keys. */
#include "host/schema.h"

#include "base/limits.h"
#include "base/vec.h"

#define FIELD(type, member, kind_, ...)                                                            \
	{                                                                                          \
		.key = #member, .kind = (kind_), .at = offsetof(struct type, member), __VA_ARGS__  \
	}
#define LIST(type, member, schema_, limit_)                                                        \
	FIELD(type, member, F_LIST, .n_at = offsetof(struct type, n_##member),                     \
		.schema = &(schema_), .limit = (limit_))
#define SCHEMA(name, type, ...)                                                                    \
	static const struct schema name##_schema = { .what = #name,                                \
		.size = sizeof(struct type),                                                       \
		.fields = name##_fields,                                                           \
		.n_fields = N_OF(name##_fields),                                                   \
		__VA_ARGS__ }

static const char *const port_states[] = { "disabled", "listening", "learning", "forwarding",
	"blocking" };
static const char *const route_types[] = { NULL, "unicast", "local", "broadcast", "anycast",
	"multicast", "blackhole", "unreachable", "prohibit", "throw", "nat" };
static const char *const rule_actions[] = { NULL, "lookup", "goto", "nop", NULL, NULL, "blackhole",
	"unreachable", "prohibit" };

static const struct schema_field vlan_fields[] = {
	FIELD(port_vlan, id, F_U16),
	FIELD(port_vlan, is_pvid, F_BOOL),
	FIELD(port_vlan, is_untagged, F_BOOL),
};
SCHEMA(vlan, port_vlan);

static void link_init(void *value)
{
	((struct link *)value)->kind = "";
}

static const struct schema_field link_fields[] = {
	FIELD(link, name, F_NAME),
	FIELD(link, index, F_INT),
	FIELD(link, kind, F_TEXT),
	FIELD(link, master_index, F_INT),
	FIELD(link, lower_index, F_INT),
	FIELD(link, peer_index, F_INT),
	FIELD(link, is_peer_away, F_BOOL),
	FIELD(link, peer_netns, F_INT, .is_netns = true),
	FIELD(link, mac, F_MAC),
	FIELD(link, mtu, F_U32),
	FIELD(link, is_up, F_BOOL),
	FIELD(link, has_carrier, F_BOOL),
	FIELD(link, is_loopback, F_BOOL),
	FIELD(link, is_noarp, F_BOOL),
	FIELD(link, is_promisc, F_BOOL),
	FIELD(link, has_tx_checksum, F_BOOL),
	FIELD(link, has_lro, F_BOOL),
	FIELD(link, vlan_id, F_U16),
	FIELD(link, table, F_U32),
	FIELD(link, group, F_U32),
	FIELD(link, has_xdp, F_BOOL),
	FIELD(link, has_tc_ingress, F_BOOL),
	FIELD(link, has_tc_egress, F_BOOL),
	{ .key = "nf_call_iptables", .kind = F_BOOL, .at = offsetof(struct link, nf_call) },
	{ .key = "nf_call_ip6tables",
		.kind = F_BOOL,
		.at = offsetof(struct link, nf_call) + sizeof(bool) },
	FIELD(link, nf_call_arp, F_BOOL),
	FIELD(link, has_stp, F_BOOL),
	FIELD(link, has_vlan_filtering, F_BOOL),
	FIELD(link, has_mcast_snooping, F_BOOL),
	FIELD(link, has_mcast_querier, F_BOOL),
	FIELD(link, no_linklocal_learn, F_BOOL),
	FIELD(link, forward_delay_cs, F_U32),
	FIELD(link, ageing_time_cs, F_U32),
	FIELD(link, group_fwd_mask, F_U16),
	FIELD(link, default_pvid, F_U16),
	FIELD(link, port_state, F_ENUM, .names = port_states, .n_names = N_OF(port_states)),
	FIELD(link, has_hairpin, F_BOOL),
	FIELD(link, has_learning, F_BOOL),
	FIELD(link, has_unicast_flood, F_BOOL),
	FIELD(link, has_mcast_flood, F_BOOL),
	FIELD(link, has_bcast_flood, F_BOOL),
	FIELD(link, is_isolated, F_BOOL),
	FIELD(link, is_locked, F_BOOL),
	FIELD(link, has_neigh_suppress, F_BOOL),
	FIELD(link, has_proxyarp, F_BOOL),
	LIST(link, vlans, vlan_schema, 4096),
};
SCHEMA(link, link, .init = link_init);

static const struct schema_field address_fields[] = {
	FIELD(address, index, F_INT),
	FIELD(address, local, F_ADDR),
	FIELD(address, len, F_U8),
	FIELD(address, peer, F_ADDR),
	FIELD(address, broadcast, F_ADDR),
	FIELD(address, is_secondary, F_BOOL),
	FIELD(address, is_tentative, F_BOOL),
	FIELD(address, is_deprecated, F_BOOL),
	FIELD(address, is_link_scope, F_BOOL),
	FIELD(address, is_host_scope, F_BOOL),
};

/* Longer than an address, a length would have bytes compared that are behind it. */
static const char *address_check(const void *value, const char **ret_key)
{
	const struct address *address = value;

	*ret_key = "len";
	return address->len > prefix_max_len(address->local.family)
		       ? "is longer than the address in local"
		       : NULL;
}
SCHEMA(address, address, .check = address_check);

static const struct schema_field hop_fields[] = {
	FIELD(next_hop, index, F_INT),
	FIELD(next_hop, has_gateway, F_BOOL),
	FIELD(next_hop, gateway, F_ADDR),
	FIELD(next_hop, weight, F_U32),
	FIELD(next_hop, is_dead, F_BOOL),
	FIELD(next_hop, is_linkdown, F_BOOL),
	FIELD(next_hop, is_onlink, F_BOOL),
};
SCHEMA(hop, next_hop);

static const struct schema_field route_fields[] = {
	FIELD(route, table, F_U32),
	FIELD(route, type, F_ENUM, .names = route_types, .n_names = N_OF(route_types)),
	FIELD(route, dst, F_PREFIX),
	FIELD(route, src, F_PREFIX),
	FIELD(route, tos, F_U8),
	FIELD(route, priority, F_U32),
	FIELD(route, has_prefsrc, F_BOOL),
	FIELD(route, prefsrc, F_ADDR),
	FIELD(route, scope, F_U8),
	FIELD(route, protocol, F_U8),
	FIELD(route, mtu, F_U32),
	FIELD(route, is_opaque, F_BOOL),
	LIST(route, hops, hop_schema, 65536),
};
SCHEMA(route, route);

static void rule_init(void *value)
{
	((struct routing_rule *)value)->suppress_len = -1;
}

static const struct schema_field rule_fields[] = {
	FIELD(routing_rule, family, F_FAMILY),
	FIELD(routing_rule, priority, F_U32),
	FIELD(routing_rule, action, F_ENUM, .names = rule_actions, .n_names = N_OF(rule_actions)),
	FIELD(routing_rule, table, F_U32),
	FIELD(routing_rule, goto_priority, F_U32),
	FIELD(routing_rule, is_inverted, F_BOOL),
	FIELD(routing_rule, is_l3mdev, F_BOOL),
	FIELD(routing_rule, has_src, F_BOOL),
	FIELD(routing_rule, has_dst, F_BOOL),
	FIELD(routing_rule, src, F_PREFIX),
	FIELD(routing_rule, dst, F_PREFIX),
	FIELD(routing_rule, iif, F_TEXT),
	FIELD(routing_rule, oif, F_TEXT),
	FIELD(routing_rule, mark, F_U32),
	FIELD(routing_rule, mark_mask, F_U32),
	FIELD(routing_rule, tos, F_U8),
	FIELD(routing_rule, proto, F_U8),
	FIELD(routing_rule, has_sport, F_BOOL),
	FIELD(routing_rule, has_dport, F_BOOL),
	FIELD(routing_rule, has_uid, F_BOOL),
	FIELD(routing_rule, sport, F_RANGE),
	FIELD(routing_rule, dport, F_RANGE),
	FIELD(routing_rule, uid_min, F_U32),
	FIELD(routing_rule, uid_max, F_U32),
	FIELD(routing_rule, suppress_len, F_INT, .unset = -1),
	FIELD(routing_rule, is_opaque, F_BOOL),
};
SCHEMA(rule, routing_rule, .init = rule_init);

static const struct schema_field neighbour_fields[] = {
	FIELD(neighbour, index, F_INT),
	FIELD(neighbour, addr, F_ADDR),
	FIELD(neighbour, mac, F_MAC),
	FIELD(neighbour, has_mac, F_BOOL),
	FIELD(neighbour, is_failed, F_BOOL),
	FIELD(neighbour, is_permanent, F_BOOL),
	FIELD(neighbour, is_proxy, F_BOOL),
};
SCHEMA(neighbour, neighbour);

static const struct schema_field fdb_fields[] = {
	FIELD(fdb_entry, bridge_index, F_INT),
	FIELD(fdb_entry, port_index, F_INT),
	FIELD(fdb_entry, mac, F_MAC),
	FIELD(fdb_entry, vlan, F_U16),
	FIELD(fdb_entry, dst, F_ADDR),
	FIELD(fdb_entry, is_permanent, F_BOOL),
	FIELD(fdb_entry, is_static, F_BOOL),
};
SCHEMA(fdb, fdb_entry);

static const struct schema_field tuple_fields[] = {
	FIELD(flow_tuple, src, F_ADDR),
	FIELD(flow_tuple, dst, F_ADDR),
	FIELD(flow_tuple, sport, F_U16),
	FIELD(flow_tuple, dport, F_U16),
};
SCHEMA(tuple, flow_tuple);

static const struct schema_field conntrack_fields[] = {
	FIELD(conntrack_entry, proto, F_U8),
	FIELD(conntrack_entry, orig, F_STRUCT, .schema = &tuple_schema),
	FIELD(conntrack_entry, reply, F_STRUCT, .schema = &tuple_schema),
	FIELD(conntrack_entry, zone, F_U16),
	FIELD(conntrack_entry, status, F_U32),
	FIELD(conntrack_entry, mark, F_U32),
	FIELD(conntrack_entry, timeout_s, F_U32),
	FIELD(conntrack_entry, tcp_state, F_TEXT),
};
SCHEMA(conntrack, conntrack_entry);

static const struct schema_field socket_fields[] = {
	FIELD(socket, family, F_FAMILY),
	FIELD(socket, proto, F_U8),
	FIELD(socket, is_v6_only, F_BOOL),
	FIELD(socket, is_raw, F_BOOL),
	FIELD(socket, local, F_ADDR),
	FIELD(socket, port, F_U16),
	FIELD(socket, index, F_INT),
	FIELD(socket, process, F_TEXT),
};
SCHEMA(socket, socket);

static const struct schema_field queue_fields[] = {
	FIELD(packet_queue, number, F_U16),
	FIELD(packet_queue, n_waiting, F_U32),
	FIELD(packet_queue, n_dropped, F_U32),
};
SCHEMA(queue, packet_queue);

static const struct schema_field text_fields[] = {
	FIELD(ruleset_text, tool, F_NAME),
	FIELD(ruleset_text, text, F_BLOCK),
};
SCHEMA(text, ruleset_text);

static const struct schema_field unread_fields[] = {
	FIELD(unread, what, F_NAME),
	FIELD(unread, why, F_NAME),
};
SCHEMA(unread, unread);

static void netns_init(void *value)
{
	((struct netns *)value)->name = "";
}

static const struct schema_field netns_fields[] = {
	FIELD(netns, name, F_TEXT),
	FIELD(netns, inode, F_U64),
	FIELD(netns, vms, F_TEXTS, .n_at = offsetof(struct netns, n_vms)),
	FIELD(netns, n_xfrm_policies, F_U32),
	FIELD(netns, unread, F_UNREAD, .n_at = offsetof(struct netns, n_unread),
		.schema = &unread_schema),
	LIST(netns, links, link_schema, LIMIT_LINKS),
	LIST(netns, addresses, address_schema, LIMIT_LINKS),
	LIST(netns, routes, route_schema, LIMIT_ROUTES),
	LIST(netns, rules, rule_schema, LIMIT_ROUTES),
	LIST(netns, neighbours, neighbour_schema, LIMIT_NEIGHBOURS),
	LIST(netns, fdb, fdb_schema, LIMIT_NEIGHBOURS),
	LIST(netns, conntrack, conntrack_schema, LIMIT_CONNTRACK),
	LIST(netns, sockets, socket_schema, LIMIT_SOCKETS),
	LIST(netns, queues, queue_schema, LIMIT_QUEUES),
	FIELD(netns, sysctls, F_SYSCTLS, .n_at = offsetof(struct netns, n_sysctls)),
	LIST(netns, texts, text_schema, 0),
};
SCHEMA(netns, netns, .init = netns_init);

static const struct schema_field ovs_fdb_fields[] = {
	FIELD(ovs_fdb, port, F_NAME),
	FIELD(ovs_fdb, vlan, F_U16),
	FIELD(ovs_fdb, mac, F_MAC),
};
SCHEMA(ovs_fdb, ovs_fdb);

static const struct schema_field ovs_bridge_fields[] = {
	FIELD(ovs_bridge, name, F_NAME),
	FIELD(ovs_bridge, fail_mode, F_TEXT),
	FIELD(ovs_bridge, has_flows, F_BOOL),
	FIELD(ovs_bridge, flows, F_TEXTS, .n_at = offsetof(struct ovs_bridge, n_flows)),
	FIELD(ovs_bridge, has_fdb, F_BOOL),
	LIST(ovs_bridge, fdb, ovs_fdb_schema, LIMIT_NEIGHBOURS),
};
SCHEMA(ovs_bridge, ovs_bridge);

static void ovs_port_init(void *value)
{
	struct ovs_port *port = value;

	port->type = "";
	port->netns = -1;
}

static const struct schema_field ovs_port_fields[] = {
	FIELD(ovs_port, name, F_NAME),
	FIELD(ovs_port, bridge, F_NAME),
	FIELD(ovs_port, type, F_TEXT),
	FIELD(ovs_port, peer, F_TEXT),
	FIELD(ovs_port, tag, F_U16),
	FIELD(ovs_port, trunks, F_NUMBERS, .n_at = offsetof(struct ovs_port, n_trunks)),
	FIELD(ovs_port, vlan_mode, F_TEXT),
	FIELD(ovs_port, ofport, F_INT),
	FIELD(ovs_port, netns, F_INT, .unset = -1, .is_netns = true),
};
SCHEMA(ovs_port, ovs_port, .init = ovs_port_init);

static const struct schema_field sysctl_line_fields[] = {
	FIELD(sysctl_line, path, F_NAME),
	FIELD(sysctl_line, line, F_U32),
	FIELD(sysctl_line, name, F_NAME),
	FIELD(sysctl_line, value, F_TEXT),
};
SCHEMA(sysctl_line, sysctl_line);

static void host_init(void *value)
{
	struct host *host = value;

	host->name = host->release = "";
}

static const struct schema_field host_fields[] = {
	FIELD(host, name, F_TEXT),
	FIELD(host, release, F_TEXT),
	FIELD(host, taken_s, F_U64),
	LIST(host, unread, unread_schema, 0),
	LIST(host, netns, netns_schema, LIMIT_NETNS),
	LIST(host, ovs_bridges, ovs_bridge_schema, LIMIT_LINKS),
	LIST(host, ovs_ports, ovs_port_schema, LIMIT_LINKS),
	LIST(host, sysctl_lines, sysctl_line_schema, LIMIT_SYSCTL_LINES),
};

static const char *host_check(const void *value, const char **ret_key)
{
	*ret_key = "netns";
	return ((const struct host *)value)->n_netns
		       ? NULL
		       : "there must be a namespace, at least the host's own";
}
const struct schema host_schema = { .what = "host",
	.size = sizeof(struct host),
	.fields = host_fields,
	.n_fields = N_OF(host_fields),
	.init = host_init,
	.check = host_check };

void place_print(struct text *out, const struct at *at)
{
	if (!at)
		return;
	place_print(out, at->outer);
	if (at->index != NO_INDEX)
		text_addf(out, "[%zu]", at->index);
	else
		text_addf(out, "%s%s", at->outer ? "." : "", at->key);
}

void block_heading_print(struct text *out, const struct at *at, size_t size)
{
	text_add(out, "== ");
	place_print(out, at);
	text_addf(out, ": %zu bytes ==", size);
}
