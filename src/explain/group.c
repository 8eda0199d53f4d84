// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Security groups as Neutron's driver lays them out: FORWARD (and INPUT) jump by the bridge port
 * to a chain of the port, "...i" + id towards the guest, "...o" + id from it; that one calls
 * "...s" + id, which drops foreign sources, and ends in the drop of what no group allows.
 */
#include "explain/report_internal.h"

#include <string.h>

#include "packet/field.h"

#define TAP_PREFIX "tap"

/* The step that sends the packets of one bridge port to its chain. */
static const struct step *port_step(
	const struct step *last, const char **ret_device, bool *ret_is_ingress)
{
	for (const struct step *step = last; step; step = step->before) {
		if (!step->rule || !rule_called_chain(step->rule))
			continue;
		for (size_t i = 0; i < step->rule->n_matches; i++) {
			const struct match *match = &step->rule->matches[i];

			if (match->inverted || (match->kind != MATCH_PHYSDEV_IN &&
						       match->kind != MATCH_PHYSDEV_OUT))
				continue;
			*ret_device = match->name;
			*ret_is_ingress = match->kind == MATCH_PHYSDEV_OUT;
			return step;
		}
	}
	return NULL;
}

/* "...s812bd281-f" beside "...o812bd281-f" */
static bool is_spoof_chain(const char *name, const char *port_chain)
{
	size_t same = 0;

	while (name[same] && name[same] == port_chain[same])
		same++;
	return name[same] == 's' && port_chain[same] == 'o' &&
	       strcmp(name + same + 1, port_chain + same + 1) == 0;
}

static bool asks_for_invalid(const struct rule *rule)
{
	for (size_t i = 0; i < rule->n_matches; i++)
		if (rule->matches[i].kind == MATCH_CT_STATE && !rule->matches[i].inverted &&
			rule->matches[i].ct_states == CT_INVALID)
			return true;
	return false;
}

/* What the port's chains always have, groups or not: the state and the rest. */
static bool is_default_drop(const struct rule *rule)
{
	if (asks_for_invalid(rule))
		return true;
	return rule_called_chain(rule) && rule->n_matches == 0;
}

bool group_port_find(const struct node *node, struct group_port *ret)
{
	struct group_port port = { 0 };
	const struct step *call = port_step(node->steps, &port.device, &port.is_ingress);
	const struct step *lost = NULL;

	if (!call || node->table->source == SOURCE_NFT)
		return false;
	port.chain = table_chain(node->table, rule_called_chain(call->rule));
	for (const struct step *step = node->steps; step && !lost; step = step->before)
		if (step->chain == port.chain && step->rule)
			lost = step;
	if (!lost)
		return false;
	port.at = (size_t)(lost->rule - port.chain->rules);
	port.is_invalid = asks_for_invalid(lost->rule);
	port.is_spoof = !port.is_ingress && node->rule_chain &&
			is_spoof_chain(node->rule_chain->name, port.chain->name);
	*ret = port;
	return true;
}

/* Group rules stand in front of the default drops, and behind what every port has. */
static bool group_rule_place(const struct group_port *port, size_t *ret)
{
	const struct chain *chain = port->chain;
	size_t at = chain->n_rules;

	while (at && is_default_drop(&chain->rules[at - 1]))
		at--;
	*ret = at;
	return at <= port->at;
}

static const char *direction(const struct group_port *port)
{
	return port->is_ingress ? "ingress" : "egress";
}

/* The protocol as both the openstack client and a policy file take it. */
static void add_protocol(struct text *out, const struct packet *packet, bool is_openstack)
{
	switch (packet->proto) {
	case PROTO_TCP:
	case PROTO_UDP:
	case PROTO_ICMP:
	case PROTO_SCTP:
		text_add(out, proto_name(packet->proto));
		return;
	case PROTO_ICMPV6:
		text_add(out, is_openstack ? "ipv6-icmp" : "icmpv6");
		return;
	default:
		text_addf(out, "%u", packet->proto);
	}
}

static const struct addr *remote_of(const struct packet *packet, const struct group_port *port)
{
	if (!packet_knows(packet, port->is_ingress ? FIELD_SRC : FIELD_DST))
		return NULL;
	return port->is_ingress ? &packet->src : &packet->dst;
}

static void add_remote(struct text *out, const struct addr *remote)
{
	struct prefix prefix = prefix_of_addr(remote);

	prefix_print(out, &prefix);
}

static bool is_icmp(const struct packet *packet)
{
	return packet->proto == PROTO_ICMP || packet->proto == PROTO_ICMPV6;
}

static const char *openstack_rule(
	struct arena *arena, const struct packet *packet, const struct group_port *port)
{
	struct text out CLEANUP(text_done) = TEXT_INIT;
	const struct addr *remote = remote_of(packet, port);

	text_addf(&out, "openstack security group rule create --%s --ethertype %s --protocol ",
		direction(port), family_name(packet->src.family));
	add_protocol(&out, packet, true);
	if (packet_knows(packet, FIELD_DPORT))
		text_addf(&out, " --dst-port %u", packet->dport);
	if (is_icmp(packet) && packet_knows(packet, FIELD_ICMP_TYPE))
		text_addf(&out, " --icmp-type %u", packet->icmp_type);
	if (remote) {
		text_add(&out, " --remote-ip ");
		add_remote(&out, remote);
	}
	text_add(&out, " GROUP");
	return arena_strdup(arena, out.data);
}

static const char *policy_rule(
	struct arena *arena, const struct packet *packet, const struct group_port *port)
{
	struct text out CLEANUP(text_done) = TEXT_INIT;
	const struct addr *remote = remote_of(packet, port);

	text_addf(&out, "- {direction: %s, ethertype: %s, protocol: ", direction(port),
		family_name(packet->src.family));
	add_protocol(&out, packet, false);
	if (packet_knows(packet, FIELD_DPORT))
		text_addf(&out, ", port_range_min: %u, port_range_max: %u", packet->dport,
			packet->dport);
	if (is_icmp(packet) && packet_knows(packet, FIELD_ICMP_TYPE))
		text_addf(&out, ", port_range_min: %u", packet->icmp_type);
	if (remote) {
		/* YAML takes a bare :: for the begin of a mapping */
		text_add(&out, ", remote_ip_prefix: \"");
		add_remote(&out, remote);
		text_add(&out, "\"");
	}
	text_add(&out, "}");
	return arena_strdup(arena, out.data);
}

void packet_print_service(struct text *out, const struct packet *packet)
{
	if (proto_name(packet->proto))
		text_add(out, proto_name(packet->proto));
	else
		text_addf(out, "protocol %u", packet->proto);
	if (packet->proto == PROTO_IPIP)
		text_addf(out, " (protocol %u)", packet->proto);
	if (packet_knows(packet, FIELD_DPORT))
		text_addf(out, " to port %u", packet->dport);
	if (is_icmp(packet) && packet_knows(packet, FIELD_ICMP_TYPE))
		text_addf(out, " type %u", packet->icmp_type);
}

static const char *group_rule_words(
	struct arena *arena, const struct packet *packet, const struct group_port *port)
{
	struct text out CLEANUP(text_done) = TEXT_INIT;
	const struct addr *remote = remote_of(packet, port);

	text_addf(
		&out, "an %s rule in a security group of port %s: ", direction(port), port->device);
	packet_print_service(&out, packet);
	if (remote) {
		text_add(&out, port->is_ingress ? " from " : " to ");
		addr_print(&out, remote);
	}
	return arena_strdup(arena, out.data);
}

/* Neutron calls a tap by the first 11 characters of its port's id. */
static const char *port_id(const struct group_port *port)
{
	if (!text_has_prefix(port->device, TAP_PREFIX))
		return NULL;
	return port->device + strlen(TAP_PREFIX);
}

static bool is_portwalls(const struct owner *owner)
{
	return strcmp(owner->name, "portwall") == 0;
}

bool group_rule_change(struct arena *arena, const struct node *node, const struct group_port *port,
	const struct owner *owner, struct change *ret)
{
	struct text rule CLEANUP(text_done) = TEXT_INIT;
	const struct packet *packet = node->packet;
	const char *id = port_id(port), *command, *note;
	size_t at;

	if (port->is_spoof || !group_rule_place(port, &at))
		return false;
	packet_print_matches(&rule, node->table, packet,
		MATCHED_SERVICE | (port->is_ingress ? MATCHED_SRC : MATCHED_DST));
	if (is_portwalls(owner)) {
		command = policy_rule(arena, packet, port);
		note = "a line for security_group_rules in the policy file; then: portwall apply FILE";
	} else {
		command = openstack_rule(arena, packet, port);
		note = id ? arena_printf(arena,
				    "GROUP is one of the port's: openstack port show -c "
				    "security_group_ids PORT; the PORT's id begins with %s",
				    id)
			  : "GROUP is one of the port's";
	}
	*ret = (struct change){ .kind = CHANGE_GROUP_RULE,
		.ns = node->ns,
		.words = group_rule_words(arena, packet, port),
		.command = command,
		.note = note,
		.edit = host_edit_of_rule(arena, node->table, port->chain, at,
			arena_printf(arena, "%s -j RETURN", rule.data + 1), false) };
	return true;
}

bool address_pair_change(struct arena *arena, const struct node *node,
	const struct group_port *port, const struct owner *owner, struct change *ret)
{
	struct text src CLEANUP(text_done) = TEXT_INIT, mac CLEANUP(text_done) = TEXT_INIT;
	const struct packet *packet = node->packet;
	const char *id = port_id(port), *command, *note = NULL;
	const char *mac_match = "", *mac_words = "", *mac_openstack = "", *mac_policy = "";

	if (!port->is_spoof || !packet_knows(packet, FIELD_SRC))
		return false;
	addr_print(&src, &packet->src);
	if (packet_knows(packet, FIELD_ETH_SRC)) {
		mac_print(&mac, packet->eth_src);
		mac_match = arena_printf(arena, " -m mac --mac-source %s", mac.data);
		mac_words = arena_printf(arena, " with MAC %s", mac.data);
		mac_openstack = arena_printf(arena, ",mac-address=%s", mac.data);
		mac_policy = arena_printf(arena, ", mac_address: \"%s\"", mac.data);
	}
	if (is_portwalls(owner)) {
		command = arena_printf(arena, "allowed_address_pairs: [{ip_address: \"%s\"%s}]",
			src.data, mac_policy);
		note = "a line for the port in the policy file; then: portwall apply FILE";
	} else {
		command = arena_printf(arena,
			"openstack port set --allowed-address ip-address=%s%s PORT", src.data,
			mac_openstack);
		if (id)
			note = arena_printf(arena, "the PORT's id begins with %s", id);
	}
	*ret = (struct change){ .kind = CHANGE_ADDRESS_PAIR,
		.ns = node->ns,
		.words = arena_printf(arena, "an allowed address pair of port %s: %s%s",
			port->device, src.data, mac_words),
		.command = command,
		.note = note,
		.edit = host_edit_of_rule(arena, node->table, node->rule_chain, 0,
			arena_printf(arena, "-s %s%s -j RETURN", src.data, mac_match), false) };
	return true;
}
