// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From the tree of a file to a policy: the top, groups and address groups. Groups are read twice, because
 * a rule may name a group that comes later: first who there is, then the rules.
 */
#include "policy/parse.h"

#include <string.h>
#include <strings.h>

#include "base/limits.h"
#include "base/vec.h"

/* Names of one kind. */
static void add_name(struct reader *r, struct map *names, const char *name, void *what)
{
	struct named *named = map_find(names, name);

	if (!named) {
		named = arena_new_one(r->scratch, struct named);
		named->first = what;
		map_add(names, name, named);
	}
	named->n++;
}

static bool read_head(struct reader *r, const struct node *node, const char *kind,
	const struct node *const values[3], struct head *ret)
{
	struct head head = { .name = "" };
	const struct node *id_node = values[1] ? values[1] : values[0] ? values[0] : node;
	const struct node *before;

	if (!read_name(r, values[0], "name", &head.name) || !read_uuid(r, values[1], &head.id) ||
		!read_description(r, values[2], &head.description))
		return false;
	if (!head.id && !head.name[0]) {
		fail_at(r, node, "%s %s needs a name", kind[0] == 'a' ? "an" : "a", kind);
		return err_next(r->err, "Add name, by which rules and ports mean it.");
	}
	if (!head.id)
		head.id = uuid_derive(r->arena, kind, head.name);
	before = whole_add_set(&r->whole, head.id, (void *)id_node);
	if (before) {
		if (values[1] && !strcasecmp(before->text, head.id))
			fail_at(r, id_node, "two groups have the id %s", head.id);
		else if (values[1])
			fail_at(r, id_node,
				"the ids of two groups begin with the same %d characters, which "
				"name their sets",
				SET_ID_LEN);
		else
			fail_at(r, id_node, "two groups have the name %s and no id",
				shown(r, head.name));
		return err_next(r->err, "The other is in line %u; give %s.", before->line + 1,
			values[1] ? "one of them another id" : "each an id, or another name");
	}
	*ret = head;
	return true;
}

enum { GROUP_NAME, GROUP_ID, GROUP_DESCRIPTION, GROUP_STATEFUL, GROUP_RULES, N_GROUP_KEYS };

static bool read_group(struct reader *r, const struct node *node, struct policy_group *group,
	const struct node **ret_rules)
{
	static const char *const names[] = { "name", "id", "description", "stateful",
		"security_group_rules" };
	static const char *const ignored[] = { "project_id", "tenant_id", "created_at",
		"updated_at", "revision_number", "tags", "shared", "standard_attr_id" };
	static const struct keys keys = { "a security group", names, N_GROUP_KEYS, ignored,
		N_OF(ignored) };
	const struct node *values[N_GROUP_KEYS] = { NULL };
	struct head head = { 0 };

	if (!read_map(r, node, &keys, values) ||
		!read_head(r, node, "security group", values, &head))
		return false;
	*group = (struct policy_group){ .id = head.id,
		.name = head.name,
		.description = head.description,
		.stateful = true,
		.line = node->line + 1 };
	if (!read_bool(r, values[GROUP_STATEFUL], "stateful", &group->stateful))
		return false;
	map_add(r->group_ids, group->id, group);
	add_name(r, r->group_names, group->name, group);
	*ret_rules = values[GROUP_RULES];
	return true;
}

static bool read_groups(struct reader *r, const struct node *list)
{
	const struct node *first, **rules;
	struct policy *policy = r->policy;
	size_t i = 0;

	if (!read_list(r, list, "security_groups", &first, &policy->n_groups))
		return false;
	if (policy->n_groups > LIMIT_GROUPS) {
		fail_at(r, list, "more than %d security groups", LIMIT_GROUPS);
		r->err->kind = ERR_LIMIT;
		return false;
	}
	policy->groups = arena_new_array(r->arena, struct policy_group, policy->n_groups);
	rules = arena_new_array(r->scratch, const struct node *, policy->n_groups);
	for (const struct node *node = first; node; node = node->next, i++)
		if (!read_group(r, node, &policy->groups[i], &rules[i]))
			return false;
	for (i = 0; i < policy->n_groups; i++)
		if (!read_rules(r, rules[i], &policy->groups[i]))
			return false;
	return true;
}

static bool read_addresses(
	struct reader *r, const struct node *list, struct policy_address_group *group)
{
	const struct node *item;
	struct prefix *prefixes;
	struct err limit;
	size_t n, i = 0;

	if (!read_list(r, list, "addresses", &item, &n))
		return false;
	if (!whole_count_members(&r->whole, n, &limit))
		return fail_limit(r, list, &limit);
	prefixes = arena_new_array(r->scratch, struct prefix, n);
	for (; item; item = item->next, i++) {
		struct fault fault;
		const char *text;

		if (!read_text(r, item, "an address", &text))
			return false;
		if (!check_prefix(r->scratch, text, &prefixes[i], &fault))
			return fail_fault(r, item, &fault);
	}
	prefix_lists_make(r->arena, prefixes, n, group->addresses);
	return true;
}

static bool read_address_groups(struct reader *r, const struct node *list)
{
	static const char *const names[] = { "name", "id", "description", "addresses" };
	static const char *const ignored[] = { "project_id", "tenant_id", "shared", "created_at",
		"updated_at", "revision_number", "standard_attr_id" };
	static const struct keys keys = { "an address group", names, N_OF(names), ignored,
		N_OF(ignored) };
	struct policy *policy = r->policy;
	const struct node *node;
	size_t i = 0;

	if (!read_list(r, list, "address_groups", &node, &policy->n_address_groups))
		return false;
	if (policy->n_address_groups > LIMIT_GROUPS) {
		fail_at(r, list, "more than %d address groups", LIMIT_GROUPS);
		r->err->kind = ERR_LIMIT;
		return false;
	}
	policy->address_groups =
		arena_new_array(r->arena, struct policy_address_group, policy->n_address_groups);
	for (; node; node = node->next, i++) {
		struct policy_address_group *group = &policy->address_groups[i];
		const struct node *values[N_OF(names)] = { NULL };
		struct head head = { 0 };

		if (!read_map(r, node, &keys, values) ||
			!read_head(r, node, "address group", values, &head) ||
			!read_addresses(r, values[3], group))
			return false;
		group->id = head.id;
		group->name = head.name;
		group->description = head.description;
		group->line = node->line + 1;
		map_add(r->address_group_ids, group->id, group);
		add_name(r, r->address_group_names, group->name, group);
	}
	return true;
}

static bool read_policy(struct reader *r, const struct node *root)
{
	static const char *const names[] = { "security_groups", "address_groups", "ports" };
	static const struct keys keys = { "a policy", names, N_OF(names), NULL, 0 };
	const struct node *values[N_OF(names)] = { NULL };

	if (!read_map(r, root, &keys, values))
		return false;
	/* Rules name address groups, and ports name groups. */
	return read_address_groups(r, values[1]) && read_groups(r, values[0]) &&
	       read_ports(r, values[2]);
}

bool policy_parse(struct arena *arena, const char *name, const char *text, size_t size,
	const char *host, const struct policy **ret, struct err *err)
{
	struct arena *scratch CLEANUP(arena_freep) = arena_new();
	const struct node *root;
	struct source source;
	struct reader r = { .arena = arena,
		.scratch = scratch,
		.source = &source,
		.err = err,
		.policy = arena_new_one(arena, struct policy),
		.group_ids = map_new(scratch),
		.group_names = map_new(scratch),
		.address_group_ids = map_new(scratch),
		.address_group_names = map_new(scratch) };

	whole_init(&r.whole, scratch, host);
	if (!source_init(&source, name, text, size, err) ||
		!yaml_parse(scratch, &source, &root, err) || !read_policy(&r, root))
		return false;
	policy_make_members(arena, scratch, r.policy);
	*ret = r.policy;
	return true;
}

bool policy_load(struct arena *arena, const char *path, const char *host, struct text *ret_text,
	const struct policy **ret, struct err *err)
{
	struct text own CLEANUP(text_done) = TEXT_INIT, *text = ret_text ? ret_text : &own;

	if (!text_load(text, path, LIMIT_POLICY_FILE_SIZE, err))
		return false;
	return policy_parse(arena, strcmp(path, "-") ? path : "standard input", text->data,
		text->len, host, ret, err);
}

const struct policy_group *policy_group_find(const struct policy *policy, const char *key)
{
	const struct policy_group *found = NULL;
	size_t n = 0;

	for (size_t i = 0; i < policy->n_groups; i++) {
		if (!strcasecmp(policy->groups[i].id, key))
			return &policy->groups[i];
		if (strcmp(policy->groups[i].name, key) != 0)
			continue;
		found = &policy->groups[i];
		n++;
	}
	return n == 1 ? found : NULL;
}

const struct policy_port *policy_port_find(const struct policy *policy, const char *key)
{
	const struct policy_port *found = NULL;
	size_t n = 0;

	for (size_t i = 0; i < policy->n_ports; i++) {
		if (!strcasecmp(policy->ports[i].id, key))
			return &policy->ports[i];
		if (strcmp(policy->ports[i].name, key) != 0)
			continue;
		found = &policy->ports[i];
		n++;
	}
	return n == 1 ? found : NULL;
}
