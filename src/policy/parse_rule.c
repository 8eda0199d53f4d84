// SPDX-License-Identifier: GPL-2.0-or-later
#include "policy/parse.h"

#include <string.h>

#include "base/limits.h"
#include "base/vec.h"

static const char *const ignored[] = { "security_group_id", "normalized_cidr", "project_id",
	"tenant_id", "created_at", "updated_at", "revision_number", "standard_attr_id", "tags",
	"belongs_to_default_sg" };
static const struct keys rule_keys = { "a rule", rule_field_names, N_RULE_FIELDS, ignored,
	N_OF(ignored) };

static bool read_reference(struct reader *r, const struct node *const values[N_RULE_FIELDS],
	const char *const fields[N_RULE_FIELDS], struct policy_rule *rule)
{
	unsigned group = fields[RULE_REMOTE_GROUP] ? RULE_REMOTE_GROUP : RULE_REMOTE_GROUP_ID;
	unsigned addresses = fields[RULE_REMOTE_ADDRESS_GROUP] ? RULE_REMOTE_ADDRESS_GROUP
							       : RULE_REMOTE_ADDRESS_GROUP_ID;

	if (fields[group] && !find_group(r, values[group], fields[group], &rule->remote_group))
		return false;
	return !fields[addresses] || find_address_group(r, values[addresses], fields[addresses],
					     &rule->remote_address_group);
}

static bool check_duplicate(struct reader *r, const struct node *node, struct policy_rule *rule)
{
	const char *key = whole_rule_key(r->scratch, rule);
	const struct policy_rule *before = map_add(r->rule_keys, key, rule);

	if (before) {
		fail_at(r, node, "this rule is the same as the one in line %u", before->line);
		return err_next(r->err, "Delete one of the two (descriptions are not compared).");
	}
	if (!rule->id)
		rule->id = uuid_derive(r->arena, rule->group->id, key);
	return true;
}

static bool read_rule(struct reader *r, const struct node *node, struct policy_group *group,
	struct policy_rule *rule)
{
	const struct node *values[N_RULE_FIELDS] = { NULL }, *before;
	const char *fields[N_RULE_FIELDS] = { NULL };
	struct fault fault;

	if (!read_map(r, node, &rule_keys, values))
		return false;
	for (size_t i = 0; i < N_RULE_FIELDS; i++)
		if (!read_text(r, values[i], rule_field_names[i], &fields[i]))
			return false;
	rule->group = group;
	rule->line = node->line + 1;
	rule->description = "";
	if (!read_uuid(r, values[RULE_ID], &rule->id) ||
		!read_description(r, values[RULE_DESCRIPTION], &rule->description))
		return false;
	if (!check_rule(r->arena, r->scratch, fields, rule, &fault))
		return fail_fault(r, values[fault.field] ? values[fault.field] : node, &fault);
	if (!read_reference(r, values, fields, rule) || !check_duplicate(r, node, rule))
		return false;
	before = whole_add_rule(&r->whole, rule->id, (void *)node);
	if (before) {
		fail_at(r, values[RULE_ID] ? values[RULE_ID] : node, "two rules have the id %s",
			rule->id);
		return err_next(r->err,
			"The other is in line %u; leave id out and it is derived "
			"from the rule.",
			before->line + 1);
	}
	return true;
}

bool read_rules(struct reader *r, const struct node *list, struct policy_group *group)
{
	const struct node *node;
	struct err limit;
	size_t i = 0;

	if (!read_list(r, list, "security_group_rules", &node, &group->n_rules))
		return false;
	if (!whole_count_rules(&r->whole, group->n_rules, &limit))
		return fail_limit(r, list, &limit);
	group->rules = arena_new_array(r->arena, struct policy_rule, group->n_rules);
	r->rule_keys = map_new(r->scratch);
	for (; node; node = node->next, i++)
		if (!read_rule(r, node, group, &group->rules[i]))
			return false;
	return true;
}
