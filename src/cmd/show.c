// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What each port's rules did. The rows are the wanted rules, in the order in which the kernel asks
 * them; each is looked up in the found chain for its line and counters. What is wanted and not
 * found is missing; what is found in a port's chain and not wanted is somebody else's.
 */
#include "cmd/daemon.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct port_view {
	const struct plug *plug;
	bool is_there; /* the interface */
	struct view_section *sections;
	size_t n_sections;
};

static const char *duty_words(enum duty duty)
{
	switch (duty) {
	case DUTY_DHCP_CLIENT:
		return "allow DHCP requests";
	case DUTY_DHCP_IN:
		return "allow DHCP answers";
	case DUTY_NO_DHCP_SERVER:
		return "DROP: a VM must not serve DHCP";
	case DUTY_NO_RA:
		return "DROP: a VM must not advertise routes";
	case DUTY_RA_IN:
		return "allow router advertisements";
	case DUTY_ND:
		return "allow ICMPv6 that every host needs";
	case DUTY_ANTI_SPOOF:
		return "check the source address and MAC";
	case DUTY_SPOOF_DROP:
		return "DROP: source address is not the port's, or not its MAC's (anti-spoofing)";
	case DUTY_ESTABLISHED:
		return "allow replies and related packets";
	case DUTY_INVALID:
		return "DROP: conntrack calls it invalid";
	case DUTY_FALLBACK:
		return "DROP: no rule of the groups allows it (default drop)";
	case DUTY_PORT_SECURITY_OFF:
		return "allow everything: port security is off";
	case DUTY_TRUSTED:
		return "allow everything: a network: port";
	case DUTY_FRAMES:
		return "DROP: foreign source MAC, forged ARP, or a frame that is neither IP nor ARP";
	default:
		return "built-in rule";
	}
}

/* Rows that nobody asked for: what every port has, unless it dropped something. */
static bool is_boring(const struct view_row *row)
{
	enum duty duty;

	if (!row->wanted)
		return false;
	duty = row->wanted->origin->duty;
	if (duty == DUTY_RULE || duty == DUTY_FALLBACK || duty == DUTY_SPOOF_DROP ||
		duty == DUTY_PORT_SECURITY_OFF || duty == DUTY_TRUSTED)
		return false;
	return !(view_row_is_drop(row) && row->found && row->found->counters.packets) && row->found;
}

static const char *row_words(struct arena *arena, const struct view_row *row)
{
	struct text out CLEANUP(text_done) = TEXT_INIT;
	const struct policy_rule *policy_rule = row->policy_rule;

	if (!row->wanted) {
		text_add(&out, "NOT PORTWALL'S: ");
		rule_print_words(&out, row->found);
	} else if (!policy_rule) {
		const struct origin *origin = row->wanted->origin;

		if (origin->duty == DUTY_FRAMES && row->wanted->target.kind != TARGET_DROP)
			rule_print_words(&out, row->wanted);
		else
			text_add(&out, duty_words(origin->duty));
	} else {
		policy_rule_print(&out, policy_rule);
		text_addf(&out, "  [%s]", policy_rule->group->name);
		if (*policy_rule->description)
			text_addf(&out, " %s", policy_rule->description);
	}
	return arena_strdup(arena, out.data);
}

static void port_view_fill(struct arena *arena, const struct agent_view *view,
	const struct plug *plug, struct port_view *ret)
{
	*ret = (struct port_view){ .plug = plug,
		.is_there = netns_link(view->host, plug->port->device) != NULL };
	agent_view_sections(arena, view, plug->port, &ret->sections, &ret->n_sections);
}

static void add_section(
	const struct invocation *inv, struct text *out, const struct view_section *section)
{
	bool has_title = false;

	vec_for_each (row, &section->rows) {
		enum colour colour = COLOUR_NONE;

		if (!inv->all && is_boring(row))
			continue;
		if (!has_title)
			output_add(inv, out, COLOUR_DIM, "    %s %s %s\n",
				family_name(section->family), section->table, section->chain);
		has_title = true;
		if (!row->found || !row->wanted)
			colour = COLOUR_RED;
		else if (view_row_is_drop(row) && row->found->counters.packets)
			colour = COLOUR_YELLOW;
		else if (!row->found->counters.packets)
			colour = COLOUR_DIM;
		if (!row->found)
			output_add(inv, out, colour,
				"    %10s %12s %5s  MISSING IN THE KERNEL: %s\n", "-", "-", "-",
				row_words(inv->arena, row));
		else if (section->family == FAMILY_BRIDGE && !row->found->has_counter)
			output_add(inv, out, COLOUR_DIM, "    %10s %12s %5zu  %s\n", "", "",
				row->line, row_words(inv->arena, row));
		else
			output_add(inv, out, colour, "    %10" PRIu64 " %12" PRIu64 " %5zu  %s\n",
				row->found->counters.packets, row->found->counters.bytes, row->line,
				row_words(inv->arena, row));
	}
}

static void add_port_title(
	const struct invocation *inv, struct text *out, const struct port_view *view)
{
	const struct plug *plug = view->plug;
	const struct policy_port *port = plug->port;

	output_add(inv, out, COLOUR_BOLD, "port %s", port->name);
	text_addf(out, "  %s", port->device);
	if (plug->bridge)
		text_addf(out, " on %s", plug->bridge);
	else
		text_add(out, view->is_there ? " (in no bridge)" : " (not there yet)");
	if (plug->zone)
		text_addf(out, ", conntrack zone %u", plug->zone);
	text_addf(out, "  %s\n  ", port->id);
	mac_print(out, port->mac);
	for (size_t i = 0; i < port->n_fixed_ips; i++) {
		text_add(out, " ");
		addr_print(out, &port->fixed_ips[i]);
	}
	text_add(out, "  groups:");
	for (size_t i = 0; i < port->n_groups; i++)
		text_addf(out, "%s %s", i ? "," : "", port->groups[i]->name);
	if (!port->n_groups)
		text_add(out,
			policy_port_is_filtered(port) ? " none (everything is dropped)" : " none");
	text_add(out, "\n");
}

static void add_port(const struct invocation *inv, struct text *out, const struct port_view *view)
{
	add_port_title(inv, out, view);
	if (!policy_port_is_filtered(view->plug->port)) {
		text_addf(out, "  not filtered: %s\n",
			policy_port_is_trusted(view->plug->port) ? "a network: port"
								 : "port security is off");
		return;
	}
	for (int d = DIR_INGRESS; d <= DIR_EGRESS; d++) {
		text_addf(out, "  %s\n", d == DIR_INGRESS ? "to the VM" : "from the VM");
		output_add(inv, out, COLOUR_DIM, "    %10s %12s %5s\n", "packets", "bytes", "line");
		for (size_t s = 0; s < view->n_sections; s++)
			if (view->sections[s].direction == (enum direction)d)
				add_section(inv, out, &view->sections[s]);
	}
}

static json_t *json_row(struct arena *arena, const struct view_row *row)
{
	json_t *value = json_object();

	if (row->policy_rule) {
		json_object_set_new(value, "rule_id", json_string(row->policy_rule->id));
		json_object_set_new(value, "group", json_string(row->policy_rule->group->name));
	}
	json_object_set_new(value, "words", json_string(row_words(arena, row)));
	json_object_set_new(value, "drops", json_boolean(view_row_is_drop(row)));
	json_object_set_new(value, "wanted", json_boolean(row->wanted != NULL));
	json_object_set_new(value, "installed", json_boolean(row->found != NULL));
	json_object_set_new(value, "duty",
		row->wanted ? json_string(duty_name(row->wanted->origin->duty)) : json_null());
	if (row->found) {
		json_object_set_new(value, "line", json_integer((json_int_t)row->line));
		json_object_set_new(
			value, "packets", json_integer((json_int_t)row->found->counters.packets));
		json_object_set_new(
			value, "bytes", json_integer((json_int_t)row->found->counters.bytes));
	}
	return value;
}

static json_t *json_port(struct arena *arena, const struct port_view *view)
{
	const struct policy_port *port = view->plug->port;
	struct text mac CLEANUP(text_done) = TEXT_INIT;
	json_t *port_json = json_object(), *chains = json_array();

	mac_print(&mac, port->mac);
	json_object_set_new(port_json, "id", json_string(port->id));
	json_object_set_new(port_json, "name", json_string(port->name));
	json_object_set_new(port_json, "device", json_string(port->device));
	json_object_set_new(port_json, "bridge",
		view->plug->bridge ? json_string(view->plug->bridge) : json_null());
	json_object_set_new(port_json, "zone", json_integer(view->plug->zone));
	json_object_set_new(port_json, "mac_address", json_string(mac.data));
	json_object_set_new(port_json, "filtered", json_boolean(policy_port_is_filtered(port)));
	for (size_t s = 0; s < view->n_sections; s++) {
		const struct view_section *section = &view->sections[s];
		json_t *rules = json_array();

		vec_for_each (row, &section->rows)
			json_array_append_new(rules, json_row(arena, row));
		json_array_append_new(chains,
			json_pack("{s:s, s:s, s:s, s:s, s:o}", "family",
				family_name(section->family), "direction",
				section->direction == DIR_INGRESS ? "ingress" : "egress", "table",
				section->table, "chain", section->chain, "rules", rules));
	}
	json_object_set_new(port_json, "chains", chains);
	return port_json;
}

static bool is_asked_for(const struct plug *plug, const char *key)
{
	return !key || !strcmp(key, plug->port->name) || !strcmp(key, plug->port->id) ||
	       !strcmp(key, plug->port->device);
}

static bool refuse_port(
	const struct agent_view *view, struct arena *arena, const char *key, struct err *err)
{
	const char **names = arena_new_array(arena, const char *, view->n_plugs * 2 + 1), *nearest;
	size_t n = 0;

	for (size_t i = 0; i < view->n_plugs; i++) {
		names[n++] = view->plugs[i].port->name;
		names[n++] = view->plugs[i].port->device;
	}
	err_input(err, "no port of this host is called %s", key);
	nearest = text_nearest(key, names, n);
	if (nearest)
		return err_next(err, "did you mean %s? portwall show lists all", nearest);
	return err_next(err, "portwall show lists all ports");
}

bool cmd_show(struct invocation *inv, struct err *err)
{
	const char *key = inv->n_args ? inv->args[0] : NULL;
	struct text out CLEANUP(text_done) = TEXT_INIT;
	json_t *ports = json_array();
	const struct policy *policy;
	struct agent_view view;
	size_t n_shown = 0;
	bool ok;

	ok = (inv->policy_path ? agent_policy_read(inv->arena, inv->policy_path, NULL, &policy, err)
			       : daemon_policy(inv->arena, &policy, err)) &&
	     agent_view_read(inv->arena, policy, &inv->agent, &view, err);
	for (size_t i = 0; ok && i < view.n_plugs; i++) {
		struct port_view port;

		if (!is_asked_for(&view.plugs[i], key))
			continue;
		port_view_fill(inv->arena, &view, &view.plugs[i], &port);
		text_add(&out, n_shown++ ? "\n" : "");
		if (inv->json)
			json_array_append_new(ports, json_port(inv->arena, &port));
		else
			add_port(inv, &out, &port);
	}
	if (ok && key && !n_shown)
		ok = refuse_port(&view, inv->arena, key, err);
	if (!ok) {
		json_decref(ports);
		return false;
	}
	output_print_warnings(view.warnings, view.n_warnings);
	if (inv->json) {
		output_print_json(json_pack("{s:o, s:o}", "ports", ports, "warnings",
			output_json_warnings(view.warnings, view.n_warnings)));
	} else {
		json_decref(ports);
		output_print_text(&out);
	}
	return true;
}
