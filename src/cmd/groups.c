// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/daemon.h"

static const char *const titles[] = { "id", "name", "description", "security_group_rules" };
#define N_COLUMNS N_OF(titles)

static const char *direction_name(enum direction direction)
{
	return direction == DIR_INGRESS ? "ingress" : "egress";
}

static const char *group_rules_text(struct arena *arena, const struct policy_group *group)
{
	struct text out CLEANUP(text_done) = TEXT_INIT;

	for (size_t i = 0; i < group->n_rules; i++) {
		text_addf(&out, "%s%s, %s: ", i ? "\n" : "",
			direction_name(group->rules[i].direction),
			family_name(group->rules[i].ethertype));
		policy_rule_print(&out, &group->rules[i]);
	}
	return arena_strdup(arena, out.data);
}

static json_t *json_rule(const struct policy_rule *rule)
{
	struct text words CLEANUP(text_done) = TEXT_INIT;
	json_t *value = json_object();

	policy_rule_print(&words, rule);
	json_object_set_new(value, "id", json_string(rule->id));
	json_object_set_new(value, "direction", json_string(direction_name(rule->direction)));
	json_object_set_new(value, "ethertype", json_string(family_name(rule->ethertype)));
	json_object_set_new(
		value, "protocol", rule->has_proto ? json_string(rule->proto_text) : json_null());
	if (rule->has_ports) {
		json_object_set_new(value, "port_range_min", json_integer(rule->port_min));
		json_object_set_new(value, "port_range_max", json_integer(rule->port_max));
	} else if (rule->has_icmp_type) {
		json_object_set_new(value, "port_range_min", json_integer(rule->icmp_type));
		json_object_set_new(value, "port_range_max",
			rule->has_icmp_code ? json_integer(rule->icmp_code) : json_null());
	}
	if (rule->has_prefix) {
		struct text prefix CLEANUP(text_done) = TEXT_INIT;

		prefix_print(&prefix, &rule->prefix);
		json_object_set_new(value, "remote_ip_prefix", json_string(prefix.data));
	}
	if (rule->remote_group)
		json_object_set_new(value, "remote_group_id", json_string(rule->remote_group->id));
	if (rule->remote_address_group)
		json_object_set_new(value, "remote_address_group_id",
			json_string(rule->remote_address_group->id));
	json_object_set_new(value, "description", json_string(rule->description));
	json_object_set_new(value, "words", json_string(words.data));
	return value;
}

static void print_json(const struct policy *policy)
{
	json_t *groups = json_array();

	for (size_t i = 0; i < policy->n_groups; i++) {
		const struct policy_group *group = &policy->groups[i];
		json_t *rules = json_array();

		for (size_t r = 0; r < group->n_rules; r++)
			json_array_append_new(rules, json_rule(&group->rules[r]));
		json_array_append_new(
			groups, json_pack("{s:s, s:s, s:s, s:b, s:o}", "id", group->id, "name",
					group->name, "description", group->description, "stateful",
					group->stateful, "security_group_rules", rules));
	}
	output_print_json(json_pack("{s:o}", "security_groups", groups));
}

static void print_table(struct arena *arena, const struct policy *policy)
{
	struct output_table table = { .arena = arena, .titles = titles, .n_columns = N_COLUMNS };
	struct text out CLEANUP(text_done) = TEXT_INIT;

	for (size_t i = 0; i < policy->n_groups; i++) {
		const struct policy_group *group = &policy->groups[i];
		const char **cells = arena_new_array(arena, const char *, N_COLUMNS);

		cells[0] = group->id;
		cells[1] = group->stateful ? group->name
					   : arena_printf(arena, "%s (stateless)", group->name);
		cells[2] = group->description;
		cells[3] = group_rules_text(arena, group);
		*vec_push(&table.rows, arena) = cells;
	}
	output_table_print(&table, &out);
	output_print_text(&out);
}

bool cmd_groups(struct invocation *invocation, struct err *err)
{
	const struct policy *policy;

	if (invocation->n_args ? !agent_policy_read(
					 invocation->arena, invocation->args[0], NULL, &policy, err)
			       : !daemon_policy(invocation->arena, &policy, err))
		return false;
	if (invocation->json)
		print_json(policy);
	else
		print_table(invocation->arena, policy);
	return true;
}
