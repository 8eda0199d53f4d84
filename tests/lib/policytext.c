// SPDX-License-Identifier: GPL-2.0-or-later
#include "policytext.h"

static void add_list(struct text *out, const struct prefix_list lists[N_IP_FAMILIES])
{
	for (int f = 0; f < N_IP_FAMILIES; f++)
		for (size_t i = 0; i < lists[f].n; i++) {
			text_addf(out, "  %d ", f);
			prefix_print(out, &lists[f].items[i]);
			text_add(out, "\n");
		}
}

static void add_rule(struct text *out, const struct policy_rule *rule, bool as_written)
{
	text_addf(out, "  %s of %s '%s' %d %d", rule->id, rule->group->id, rule->description,
		rule->direction, rule->ethertype);
	if (rule->has_proto)
		text_addf(out, " proto %u %s", rule->proto, as_written ? rule->proto_text : "");
	if (rule->has_ports)
		text_addf(out, " ports %u-%u", rule->port_min, rule->port_max);
	if (rule->has_icmp_type)
		text_addf(out, " type %u", rule->icmp_type);
	if (rule->has_icmp_code)
		text_addf(out, " code %u", rule->icmp_code);
	if (rule->has_prefix) {
		text_addf(out, " prefix %s ", as_written ? rule->prefix_text : "");
		prefix_print(out, &rule->prefix);
	}
	if (rule->remote_group)
		text_addf(out, " group %s", rule->remote_group->id);
	if (rule->remote_address_group)
		text_addf(out, " addresses %s", rule->remote_address_group->id);
	text_add(out, "\n");
}

static void add_port(struct text *out, const struct policy_port *port)
{
	text_addf(out, "port %s '%s' %s%s on '%s'%s of '%s', network '%s'", port->id, port->name,
		port->device, port->has_device ? " named" : "", port->host,
		port->is_unbound ? " unbound" : "", port->device_owner,
		port->network ? port->network : "(none)");
	text_addf(out, "%s%s%s ", port->port_security ? " secure" : "",
		port->is_local ? " local" : "", port->stateful ? " stateful" : "");
	mac_print(out, port->mac);
	for (size_t i = 0; i < port->n_fixed_ips; i++) {
		text_add(out, " ");
		addr_print(out, &port->fixed_ips[i]);
	}
	for (size_t i = 0; i < port->n_pairs; i++) {
		text_add(out, " pair ");
		prefix_print(out, &port->pairs[i].prefix);
		text_add(out, " ");
		mac_print(out, port->pairs[i].mac);
	}
	for (size_t i = 0; i < port->n_groups; i++)
		text_addf(out, " in %s", port->groups[i]->id);
	text_add(out, "\n");
}

void policy_text(struct text *out, const struct policy *policy, bool as_written)
{
	for (size_t g = 0; g < policy->n_groups; g++) {
		const struct policy_group *group = &policy->groups[g];

		text_addf(out, "group %s '%s' '%s'%s\n", group->id, group->name, group->description,
			group->stateful ? " stateful" : "");
		for (size_t i = 0; i < group->n_rules; i++)
			add_rule(out, &group->rules[i], as_written);
		add_list(out, group->members);
	}
	for (size_t g = 0; g < policy->n_address_groups; g++) {
		const struct policy_address_group *group = &policy->address_groups[g];

		text_addf(out, "addresses %s '%s' '%s'\n", group->id, group->name,
			group->description ? group->description : "(none)");
		add_list(out, group->addresses);
	}
	for (size_t p = 0; p < policy->n_ports; p++)
		add_port(out, &policy->ports[p]);
}
