// SPDX-License-Identifier: GPL-2.0-or-later
#include "policy/parse.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/limits.h"
#include "base/vec.h"

static const char *const ignored[] = { "project_id", "tenant_id", "created_at", "updated_at",
	"revision_number", "tags", "standard_attr_id", "status", "admin_state_up", "device_id",
	"description", "extra_dhcp_opts", "dns_name", "dns_domain", "dns_assignment",
	"binding:vnic_type", "binding:vif_type", "binding:vif_details", "binding:profile",
	"propagate_uplink_status", "qos_policy_id", "qos_network_policy_id", "resource_request",
	"ip_allocation", "numa_affinity_policy", "hints", "data_plane_status", "trunk_details",
	"mac_learning_enabled", "hardware_offload_type", "trusted" };
static const struct keys port_keys = { "a port", port_field_names, N_PORT_FIELDS, ignored,
	N_OF(ignored) };

/* The item of a list, for a caret. */
static const struct node *nth(const struct node *list, size_t n)
{
	const struct node *item = list->first;

	while (n-- && item && item->next)
		item = item->next;
	return item ? item : list;
}

static bool read_mac(struct reader *r, const struct node *node, struct mac *ret)
{
	struct fault fault;
	const char *text = "";

	if (!node)
		return true;
	if (!read_text(r, node, "mac_address", &text))
		return false;
	return check_mac(r->scratch, text, ret, &fault) || fail_fault(r, node, &fault);
}

static bool read_fixed_ips(struct reader *r, const struct node *list, struct policy_port *port)
{
	static const char *const names[] = { "ip_address" };
	static const char *const ignored_here[] = { "subnet_id" };
	static const struct keys keys = { "a fixed address", names, 1, ignored_here, 1 };
	const struct node *item;
	size_t i = 0;

	if (!read_list(r, list, "fixed_ips", &item, &port->n_fixed_ips))
		return false;
	port->fixed_ips = arena_new_array(r->arena, struct addr, port->n_fixed_ips);
	for (; item; item = item->next, i++) {
		const struct node *value = item;
		const char *text = "";
		struct fault fault;

		if (item->kind == NODE_MAP) {
			value = NULL;
			if (!read_map(r, item, &keys, &value))
				return false;
			if (!value) {
				fail_at(r, item, "a fixed address needs ip_address");
				return err_next(r->err, "The address itself will do: "
							"fixed_ips: [192.0.2.7].");
			}
		}
		if (!read_text(r, value, "a fixed address", &text))
			return false;
		if (!check_fixed_ip(r->scratch, text, &port->fixed_ips[i], &fault))
			return fail_fault(r, value, &fault);
	}
	return true;
}

static bool read_pairs(struct reader *r, const struct node *list, struct policy_port *port)
{
	static const char *const names[] = { "ip_address", "mac_address" };
	static const struct keys keys = { "an allowed address pair", names, 2, NULL, 0 };
	const struct node *item;
	size_t i = 0;

	if (!read_list(r, list, "allowed_address_pairs", &item, &port->n_pairs))
		return false;
	port->pairs = arena_new_array(r->arena, struct address_pair, port->n_pairs);
	for (; item; item = item->next, i++) {
		struct address_pair *pair = &port->pairs[i];
		const struct node *values[2] = { NULL, NULL };
		const char *text = "";
		struct fault fault;

		if (!read_map(r, item, &keys, values))
			return false;
		if (!values[0]) {
			fail_at(r, item, "an allowed address pair needs ip_address");
			return err_next(r->err, "ip_address: an address or a prefix; without "
						"mac_address it is for the port's own.");
		}
		if (!read_text(r, values[0], "ip_address", &text))
			return false;
		if (!check_prefix(r->scratch, text, &pair->prefix, &fault))
			return fail_fault(r, values[0], &fault);
		pair->mac = port->mac;
		if (!read_mac(r, values[1], &pair->mac))
			return false;
	}
	return true;
}

static bool add_default_group(struct reader *r, const struct node *node, struct policy_port *port)
{
	const struct policy_group **groups;

	if (!port->port_security || policy_port_is_trusted(port) ||
		!map_find(r->group_names, "default"))
		return true;
	groups = arena_new_array(r->arena, const struct policy_group *, 1);
	if (!find_group(r, node, "default", &groups[0]))
		return false;
	port->groups = groups;
	port->n_groups = 1;
	return true;
}

static bool read_port_groups(struct reader *r, const struct node *list, struct policy_port *port)
{
	const struct node *item;
	size_t i = 0;

	if (!read_list(r, list, "security_groups", &item, &port->n_groups))
		return false;
	port->groups = arena_new_array(r->arena, const struct policy_group *, port->n_groups);
	for (; item; item = item->next, i++) {
		const char *key = "";

		if (!read_text(r, item, "the name or id of a security group", &key) ||
			!find_group(r, item, key, &port->groups[i]))
			return false;
	}
	return true;
}

static bool read_port_identity(struct reader *r, const struct node *node,
	const struct node *const values[N_PORT_FIELDS], struct policy_port *port)
{
	const char *of;
	struct fault fault;

	port->name = "";
	if (!read_uuid(r, values[PORT_ID], &port->id) ||
		!read_name(r, values[PORT_NAME], "name", &port->name) ||
		!read_name(r, values[PORT_DEVICE], "device", &port->device))
		return false;
	if (port->device && !check_device(r->scratch, port->device, &fault))
		return fail_fault(r, values[PORT_DEVICE], &fault);
	of = port->name[0] ? port->name : port->device;
	if (!port->id && !of) {
		fail_at(r, node, "a port needs a name, an id or a device");
		return err_next(r->err, "Add name, and device: the interface on this host.");
	}
	if (!port->id)
		port->id = uuid_derive(r->arena, "port", of);
	port->has_device = port->device != NULL;
	if (!port->device)
		port->device = whole_tap_name(r->arena, port->id);
	return true;
}

static const char *port_title(const struct policy_port *port)
{
	return port->name[0] ? port->name : port->id;
}

static bool check_unique(struct reader *r, const struct node *node,
	const struct node *const values[N_PORT_FIELDS], struct policy_port *port)
{
	const struct node *id_node = values[PORT_ID]	   ? values[PORT_ID]
				     : values[PORT_NAME]   ? values[PORT_NAME]
				     : values[PORT_DEVICE] ? values[PORT_DEVICE]
							   : node;
	const struct policy_port *before = NULL;

	switch (whole_add_port(&r->whole, port, &before)) {
	case CLASH_NONE:
		return true;
	case CLASH_ID:
		if (values[PORT_ID])
			fail_at(r, id_node, "two ports have the id %s", port->id);
		else
			fail_at(r, id_node, "two ports have the name %s and no id",
				shown(r, port_title(port)));
		return err_next(r->err, "The other is in line %u; give %s.", before->line,
			values[PORT_ID] ? "one of them another id" : "each an id, or another name");
	case CLASH_DEVICE:
		fail_at(r, values[PORT_DEVICE] ? values[PORT_DEVICE] : id_node,
			"ports %s and %s have one device, %s", shown(r, port_title(before)),
			shown(r, port_title(port)), port->device);
		return err_next(r->err,
			"The other is in line %u; an interface is one port, which "
			"may be in several groups.",
			before->line);
	case CLASH_CHAIN:
		break;
	}
	fail_at(r, id_node, "ports %s and %s would share the chain o%.*s",
		shown(r, port_title(before)), shown(r, port_title(port)), CHAIN_ID_LEN, port->id);
	return err_next(r->err,
		"Chains are named by the first %d characters of the id; "
		"give one of them another id (the other is in line %u).",
		CHAIN_ID_LEN, before->line);
}

static bool read_network(
	struct reader *r, const struct node *const values[N_PORT_FIELDS], struct policy_port *port)
{
	if (values[PORT_NETWORK] && values[PORT_NETWORK_ID]) {
		fail_at(r, values[PORT_NETWORK_ID], "both network and network_id");
		return err_next(r->err, "They are one key: keep one of them.");
	}
	return read_name(r, values[PORT_NETWORK], "network", &port->network) &&
	       read_name(r, values[PORT_NETWORK_ID], "network_id", &port->network);
}

static bool fail_port_fault(struct reader *r, const struct node *node,
	const struct node *const values[N_PORT_FIELDS], const struct fault *fault)
{
	const struct node *at = values[fault->field] ? values[fault->field] : node;

	return fail_fault(r, at->kind == NODE_LIST ? nth(at, fault->item) : at, fault);
}

static bool read_port(struct reader *r, const struct node *node, struct policy_port *port)
{
	const struct node *values[N_PORT_FIELDS] = { NULL };
	struct fault fault;
	struct err limit;
	bool has_groups_key = false;

	if (!read_map(r, node, &port_keys, values))
		return false;
	for (const struct node *key = node->first; key; key = key->next->next)
		has_groups_key |= !strcmp(key->text, port_field_names[PORT_GROUPS]);
	*port = (struct policy_port){ .port_security = true,
		.stateful = true,
		.device_owner = "",
		.host = "",
		.line = node->line + 1 };
	if (!read_port_identity(r, node, values, port) || !read_network(r, values, port) ||
		!read_name(r, values[PORT_DEVICE_OWNER], "device_owner", &port->device_owner) ||
		!read_bool(
			r, values[PORT_SECURITY], "port_security_enabled", &port->port_security) ||
		!read_name(r, values[PORT_HOST], "binding:host_id", &port->host) ||
		!read_mac(r, values[PORT_MAC], &port->mac) ||
		!read_fixed_ips(r, values[PORT_FIXED_IPS], port) ||
		!read_pairs(r, values[PORT_PAIRS], port))
		return false;
	port->is_unbound = values[PORT_HOST] && !port->host[0];
	port->is_local = whole_port_is_local(&r->whole, port);
	if (port->is_local && policy_port_is_filtered(port) && !values[PORT_MAC]) {
		fail_at(r, node, "a port needs mac_address");
		return err_next(r->err, "The MAC that the VM uses; packets from any other are "
					"dropped.");
	}
	if (!check_unique(r, node, values, port))
		return false;
	if (!(has_groups_key ? read_port_groups(r, values[PORT_GROUPS], port)
			     : add_default_group(r, node, port)))
		return false;
	if (!check_port(r->scratch, port, &fault))
		return fail_port_fault(r, node, values, &fault);
	whole_finish_port(port);
	/* Lists of a file are far below 2^32, so the product fits. */
	return whole_count_members(
		       &r->whole, (port->n_fixed_ips + port->n_pairs) * port->n_groups, &limit) ||
	       fail_limit(r, node, &limit);
}

static int compare_ports(const void *a, const void *b)
{
	return strcmp(((const struct policy_port *)a)->id, ((const struct policy_port *)b)->id);
}

bool read_ports(struct reader *r, const struct node *list)
{
	struct policy *policy = r->policy;
	const struct node *node;
	size_t i = 0;

	if (!read_list(r, list, "ports", &node, &policy->n_ports))
		return false;
	if (policy->n_ports > LIMIT_PORTS) {
		fail_at(r, list, "more than %d ports", LIMIT_PORTS);
		r->err->kind = ERR_LIMIT;
		return false;
	}
	policy->ports = arena_new_array(r->arena, struct policy_port, policy->n_ports);
	for (; node; node = node->next, i++)
		if (!read_port(r, node, &policy->ports[i]))
			return false;
	qsort(policy->ports, policy->n_ports, sizeof(policy->ports[0]), compare_ports);
	return true;
}
