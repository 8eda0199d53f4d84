// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The group "default" that each project has, and the rules that new groups begin with. These are a template that an admin may
 * change (default-security-group-rules). Neutron's four are built in: they are in the model although the store says nothing of
 * them, and one that is removed is in the store as removed.
 */
#include "api/request.h"

#include <string.h>

#include "api/documents.h"

static const struct api_field fields[] = {
	{ "id", IS_STRING, FILTERED, "It is made when the rule is.", NULL },
	{ "direction", IS_STRING, IN_POST | REQUIRED | FILTERED,
		"ingress (to the port) or egress (from it).", NULL },
	{ "ethertype", IS_STRING, IN_POST | FILTERED, "IPv4 or IPv6; IPv4 if not given.",
		"\"IPv4\"" },
	{ "protocol", IS_STRING | IS_INT | IS_NULL, IN_POST | FILTERED,
		"A name such as tcp or ipip, or a number; null: any.", "null" },
	{ "port_range_min", IS_STRING | IS_INT | IS_NULL, IN_POST | FILTERED,
		"The first port, or the ICMP type.", "null" },
	{ "port_range_max", IS_STRING | IS_INT | IS_NULL, IN_POST | FILTERED,
		"The last port, or the ICMP code.", "null" },
	{ "remote_ip_prefix", IS_STRING | IS_NULL, IN_POST | FILTERED,
		"Such as 192.0.2.0/24; null: any address.", "null" },
	{ "remote_group_id", IS_STRING | IS_NULL, IN_POST | FILTERED,
		"The id of a security group, or PARENT: the group that the rule will be in.",
		"null" },
	{ "remote_address_group_id", IS_STRING | IS_NULL, IN_POST | FILTERED,
		"The id of an address group.", "null" },
	{ "description", IS_STRING, IN_POST | FILTERED, "A text of at most 255 characters.",
		"\"\"" },
	{ "used_in_default_sg", IS_BOOL, IN_POST | FILTERED,
		"Do the groups \"default\" of projects begin with it?", "false" },
	{ "used_in_non_default_sg", IS_BOOL, IN_POST | FILTERED, "Do others?", "true" },
};

#define BUILT_IN(direction, ethertype, remote, non_default)                                              \
	"{\"description\":\"\",\"direction\":\"" direction "\",\"ethertype\":\"" ethertype               \
	"\",\"port_range_max\":null,\"port_range_min\":null,\"protocol\":null,"                          \
	"\"remote_address_group_id\":null,\"remote_group_id\":" remote                                   \
	",\"remote_ip_prefix\":null,\"used_in_default_sg\":true,\"used_in_non_default_sg\":" non_default \
	"}"

static const struct {
	const char *id, *extra;
} built_in[] = {
	{ "00000000-0000-4000-8000-000000000001", BUILT_IN("egress", "IPv4", "null", "true") },
	{ "00000000-0000-4000-8000-000000000002", BUILT_IN("egress", "IPv6", "null", "true") },
	{ "00000000-0000-4000-8000-000000000003",
		BUILT_IN("ingress", "IPv4", "\"PARENT\"", "false") },
	{ "00000000-0000-4000-8000-000000000004",
		BUILT_IN("ingress", "IPv6", "\"PARENT\"", "false") },
};
static const char removed[] = "{\"removed\":true}";

void default_rules_load(struct model *model)
{
	uint64_t revision = model->revision;

	for (size_t i = 0; i < N_OF(built_in); i++) {
		struct object object = { .kind = OBJECT_DEFAULT_RULE,
			.id = built_in[i].id,
			.attrs = { .project_id = "", .extra = built_in[i].extra } };

		if (!model_find(model, OBJECT_DEFAULT_RULE, object.id))
			model_put(model, &object, 0);
	}
	model->revision = revision;
}

static bool is_removed(const struct object *object)
{
	return !strcmp(object->attrs.extra, removed);
}

static json_t *default_rule_view(
	const struct request *request, const struct object *object, size_t rule)
{
	json_t *view;

	if (is_removed(object))
		return NULL;
	view = record_view(request, object, rule);
	json_object_del(view, "project_id");
	json_object_del(view, "tenant_id");
	return view;
}

/* What two rules of a group may not have in common; NULL: it is wrong, and *ret_fault says why. */
static const char *key_of(struct arena *arena, const json_t *record, struct fault *ret_fault)
{
	const char *values[N_RULE_FIELDS];
	struct policy_rule rule = { 0 };

	for (unsigned i = 0; i < N_RULE_FIELDS; i++)
		values[i] = rule_value(arena, record, i);
	if (!check_rule(arena, arena, values, &rule, ret_fault))
		return NULL;
	return check_rule_key(
		arena, &rule, values[RULE_REMOTE_GROUP_ID], values[RULE_REMOTE_ADDRESS_GROUP_ID]);
}

static bool is_used_alike(const json_t *a, const json_t *b)
{
	static const char *const used[] = { "used_in_default_sg", "used_in_non_default_sg" };

	for (size_t i = 0; i < N_OF(used); i++)
		if (json_is_true(json_object_get(a, used[i])) &&
			json_is_true(json_object_get(b, used[i])))
			return true;
	return false;
}

/* One that begins the same groups with the same rule; NULL: there is none. */
static const struct object *find_same(
	struct request *request, const json_t *record, const char *key)
{
	const struct model *model = &request->door->model;
	struct fault fault;

	for (size_t i = 0; i < model->n[OBJECT_DEFAULT_RULE]; i++) {
		const struct object *object = &model->objects[OBJECT_DEFAULT_RULE][i];
		json_t *other = json_loads(object->attrs.extra, 0, NULL);
		const char *other_key =
			is_removed(object) ? NULL : key_of(request->arena, other, &fault);
		bool is_same = other_key && !strcmp(other_key, key) && is_used_alike(record, other);

		json_decref(other);
		if (is_same)
			return object;
	}
	return NULL;
}

/* The group that it names, NULL: none, or the one that it will be in. */
static const char *remote_of(const json_t *record)
{
	const char *group = text_of(record, "remote_group_id");

	return group && strcmp(group, "PARENT") != 0 ? group : NULL;
}

/* What would be wrong in a group is wrong here. */
static bool check_default_rule(struct request *request, const struct object *before, json_t *record)
{
	const struct object *same;
	const char *key;
	struct fault fault;

	(void)before;
	if (!record)
		return true;
	key = key_of(request->arena, record, &fault);
	if (!key) {
		answer_fault(request, &fault);
		return false;
	}
	if (!rule_check_remotes(
		    request, remote_of(record), text_of(record, "remote_address_group_id")))
		return false;
	same = find_same(request, record, key);
	if (!same)
		return true;
	answer_error(request, 409, "DefaultSecurityGroupRuleExists",
		"Descriptions are not compared.",
		"Default Security group rule already exists. Rule id is %s.", same->id);
	return false;
}

const struct resource default_rule_resource = {
	.one = "default_security_group_rule",
	.many = "default_security_group_rules",
	.title = "Default Security Group rule",
	.not_found = "DefaultSecurityGroupRuleNotFound",
	.not_found_words = "does not exist",
	.fields = fields,
	.n_fields = N_OF(fields),
	.kind = OBJECT_DEFAULT_RULE,
	.view = default_rule_view,
	.check = check_default_rule,
};

void default_rule_delete(struct request *request)
{
	struct change *change;
	const struct object *object = collection_find_own(request, NULL);

	if (!object || !request_matches(request, object->changed))
		return;
	if (is_removed(object)) {
		answer_not_found(request, &default_rule_resource, request->id);
		return;
	}
	change = change_new(request, 204);
	for (size_t i = 0; i < N_OF(built_in); i++)
		if (!strcmp(built_in[i].id, request->id)) {
			change_put_record(change, OBJECT_DEFAULT_RULE, request->id,
				json_pack("{s:b}", "removed", 1));
			change_submit(change);
			return;
		}
	change_remove(change, OBJECT_DEFAULT_RULE, request->id);
	change_submit(change);
}

/* What it names may have gone since it was made: then no group begins with it, and groups can be made. */
static bool names_what_is_gone(const struct model *model, const json_t *rule)
{
	const char *group = remote_of(rule), *addresses = text_of(rule, "remote_address_group_id");

	return (group && !model_find(model, OBJECT_GROUP, group)) ||
	       (addresses && !model_find(model, OBJECT_ADDRESS_GROUP, addresses));
}

json_t *default_rules(struct request *request, bool is_default_group, const char *group_id)
{
	static const char *const not_of_a_rule[] = { "used_in_default_sg",
		"used_in_non_default_sg" };
	const char *used = not_of_a_rule[is_default_group ? 0 : 1];
	const struct model *model = &request->door->model;
	struct map *seen = map_new(request->arena);
	json_t *rules = json_array();
	struct fault fault;

	for (size_t i = 0; i < model->n[OBJECT_DEFAULT_RULE]; i++) {
		const struct object *object = &model->objects[OBJECT_DEFAULT_RULE][i];
		json_t *rule = json_loads(object->attrs.extra, 0, NULL);
		const char *key;

		if (is_removed(object) || !json_is_true(json_object_get(rule, used)) ||
			names_what_is_gone(model, rule)) {
			json_decref(rule);
			continue;
		}
		/* the same twice, of one list, would be refused in a group */
		key = key_of(request->arena, rule, &fault);
		if (!key || map_add(seen, key, seen)) {
			json_decref(rule);
			continue;
		}
		if (text_of(rule, "remote_group_id") && !remote_of(rule))
			json_object_set_new(rule, "remote_group_id", json_string(group_id));
		json_object_set_new(rule, "id", json_string(new_id(request->arena)));
		for (size_t f = 0; f < N_OF(not_of_a_rule); f++)
			json_object_del(rule, not_of_a_rule[f]);
		json_array_append_new(rules, rule);
	}
	return rules;
}

static bool is_default_of(const struct object *object, const char *project_id)
{
	return object->kind == OBJECT_GROUP && !strcmp(object->part.group.name, "default") &&
	       !strcmp(object->attrs.project_id, project_id);
}

const struct object *default_group_find(const struct model *model, const char *project_id)
{
	for (size_t i = 0; i < model->n[OBJECT_GROUP]; i++)
		if (is_default_of(&model->objects[OBJECT_GROUP][i], project_id))
			return &model->objects[OBJECT_GROUP][i];
	return NULL;
}

const char *default_group_ensure(struct change *change, const char *project_id)
{
	struct request *request = change->request;
	const struct object *found = default_group_find(&request->door->model, project_id);
	const struct policy_part *part;
	const char *id;

	if (found)
		return found->id;
	vec_for_each (put, &change->puts)
		if (is_default_of(put, project_id))
			return put->id;
	id = new_id(request->arena);
	part = part_of_document(request,
		json_pack("{s:s, s:s, s:s, s:o}", "id", id, "name", "default", "description",
			"Default security group", "security_group_rules",
			default_rules(request, true, id)),
		PART_GROUP);
	if (!part)
		return NULL;
	object_of_project(change_put(change, part), project_id);
	return id;
}
