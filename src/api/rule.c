// SPDX-License-Identifier: GPL-2.0-or-later
/* Rules of security groups. In the store they are in their group: a new rule is a change of it. */
#include "api/request.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "api/documents.h"

static const struct api_field fields[] = {
	{ "id", IS_STRING, FILTERED, "It is made when the rule is.", NULL },
	{ "security_group_id", IS_STRING, IN_POST | REQUIRED | FILTERED, "The id of its group.",
		NULL },
	{ "direction", IS_ANY, IN_POST | REQUIRED | FILTERED,
		"ingress (to the port) or egress (from it).", NULL },
	{ "ethertype", IS_ANY, IN_POST | FILTERED, "IPv4 or IPv6; IPv4 if not given.", NULL },
	{ "protocol", IS_STRING | IS_INT | IS_NULL, IN_POST | FILTERED,
		"A name such as tcp or ipip, or a number; null: any.", NULL },
	{ "port_range_min", IS_STRING | IS_INT | IS_NULL, IN_POST | FILTERED,
		"The first port, or the ICMP type.", NULL },
	{ "port_range_max", IS_STRING | IS_INT | IS_NULL, IN_POST | FILTERED,
		"The last port, or the ICMP code.", NULL },
	{ "remote_ip_prefix", IS_STRING | IS_INT | IS_NULL, IN_POST | FILTERED,
		"Such as 192.0.2.0/24; null: any address.", NULL },
	{ "remote_group_id", IS_STRING | IS_NULL, IN_POST | FILTERED,
		"The id of a security group: the addresses of its ports.", NULL },
	{ "remote_address_group_id", IS_STRING | IS_NULL, IN_POST | FILTERED,
		"The id of an address group.", NULL },
	{ "description", IS_STRING, IN_POST | IN_PUT | FILTERED,
		"A text of at most 255 characters.", NULL },
	{ "normalized_cidr", IS_STRING | IS_NULL, 0, "It follows from remote_ip_prefix.", NULL },
	{ "portwall:packets", IS_INT | IS_NULL, 0, "It is what the kernel counted.", NULL },
	{ "portwall:bytes", IS_INT | IS_NULL, 0, "It is what the kernel counted.", NULL },
	PROJECT_FIELDS,
	{ "created_at", IS_STRING, FILTERED, "It is set by itself.", NULL },
	{ "updated_at", IS_STRING, FILTERED, "It is set by itself.", NULL },
	{ "revision_number", IS_INT, FILTERED, "It counts by itself.", NULL },
};

void rule_view_of_document(const struct object *object, size_t rule, json_t *view)
{
	const struct attrs *attrs = &object->rule_attrs[rule];
	const char *prefix = json_string_value(json_object_get(view, "remote_ip_prefix"));
	struct prefix normal;

	if (prefix && prefix_parse(prefix, &normal)) {
		struct text text CLEANUP(text_done) = TEXT_INIT;

		prefix_print(&text, &normal);
		json_object_set_new_nocheck(view, "normalized_cidr", json_string(text.data));
	} else {
		json_object_set_new_nocheck(view, "normalized_cidr", json_null());
	}
	attrs_show(attrs, view);
	json_object_set_new_nocheck(
		view, "revision_number", json_integer((json_int_t)attrs->revision));
}

static json_t *rule_view(const struct request *request, const struct object *object, size_t rule)
{
	json_t *view = document_of_rule(&object->part, rule);

	rule_view_of_document(object, rule, view);
	rule_counters_add(request, object, view);
	return view;
}

const struct resource rule_resource = {
	.one = "security_group_rule",
	.many = "security_group_rules",
	.title = "Security group rule",
	.not_found = "SecurityGroupRuleNotFound",
	.not_found_words = "does not exist",
	.fields = fields,
	.n_fields = N_OF(fields),
	.kind = OBJECT_GROUP,
	.is_rule = true,
	.view = rule_view,
};

/* "192.0.2.1" is kept as 192.0.2.1/32, and IPv6 in its short form; bits of hosts stay. */
static const char *canonical_prefix(struct arena *arena, const char *text)
{
	struct text out CLEANUP(text_done) = TEXT_INIT;
	size_t len = strcspn(text, "/");
	struct prefix prefix;
	struct addr addr;

	if (!prefix_parse(text, &prefix) || !addr_parse(arena_strndup(arena, text, len), &addr))
		return text;
	addr_print(&out, &addr);
	text_addf(&out, "/%u", prefix.len);
	return arena_strdup(arena, out.data);
}

/* Of IPv6 ICMP has names and a number of its own, whatever it is called. */
static const char *canonical_protocol(const char *text, const char *ethertype)
{
	bool is_v6 = ethertype && !strcasecmp(ethertype, "IPv6");

	if (is_v6 && (!strcasecmp(text, "icmp") || !strcasecmp(text, "icmpv6")))
		return "ipv6-icmp";
	return is_v6 && !strcmp(text, "1") ? "58" : text;
}

const char *rule_value(struct arena *arena, const json_t *rule, enum rule_field field)
{
	const json_t *value = json_object_get(rule, rule_field_names[field]);

	if (!value || json_is_null(value))
		return NULL;
	return json_is_string(value) ? arena_strdup(arena, json_string_value(value))
				     : json_line(arena, value);
}

static bool is_wrong_direction(const char *direction)
{
	return !direction ||
	       (strcmp(direction, "ingress") != 0 && strcmp(direction, "egress") != 0);
}

/* Strict where a policy file is not: clients rely on what Neutron refuses. */
static bool is_strange(
	const json_t *rule, const char *const values[N_RULE_FIELDS], struct fault *ret_fault)
{
	if (is_wrong_direction(values[RULE_DIRECTION]))
		*ret_fault =
			(struct fault){ .code = FAULT_INVALID_DIRECTION, .field = RULE_DIRECTION };
	else if (json_is_null(json_object_get(rule, "ethertype")))
		*ret_fault =
			(struct fault){ .code = FAULT_INVALID_ETHERTYPE, .field = RULE_ETHERTYPE };
	else
		return false;
	err_input(&ret_fault->err, "%s is %s", rule_field_names[ret_fault->field],
		ret_fault->code == FAULT_INVALID_DIRECTION ? "ingress or egress" : "IPv4 or IPv6");
	return true;
}

/* The rule as it is kept; the same rule twice is one whose key and remotes are the same. NULL: it is answered as wrong. */
static const char *rule_key(struct request *request, json_t *rule)
{
	static const unsigned taken[] = { RULE_DIRECTION, RULE_ETHERTYPE, RULE_PROTOCOL,
		RULE_PORT_MIN, RULE_PORT_MAX, RULE_PREFIX, RULE_REMOTE_GROUP_ID,
		RULE_REMOTE_ADDRESS_GROUP_ID };
	struct arena *arena = request->arena;
	const char *values[N_RULE_FIELDS] = { NULL };
	struct policy_rule checked = { .ethertype = FAMILY_IPV4 };
	struct fault fault;

	for (size_t i = 0; i < N_OF(taken); i++)
		values[taken[i]] = rule_value(arena, rule, taken[i]);
	if (values[RULE_PREFIX])
		values[RULE_PREFIX] = canonical_prefix(arena, values[RULE_PREFIX]);
	if (values[RULE_PROTOCOL])
		values[RULE_PROTOCOL] =
			canonical_protocol(values[RULE_PROTOCOL], values[RULE_ETHERTYPE]);
	if (is_strange(rule, values, &fault) ||
		!check_rule(arena, arena, values, &checked, &fault)) {
		answer_rule_fault(request, &fault, values, &checked);
		return NULL;
	}
	for (size_t i = 0; i < N_OF(taken); i++)
		if (values[taken[i]])
			json_object_set_new(
				rule, rule_field_names[taken[i]], json_string(values[taken[i]]));
	return check_rule_key(arena, &checked, values[RULE_REMOTE_GROUP_ID],
		values[RULE_REMOTE_ADDRESS_GROUP_ID]);
}

bool rule_check_remotes(struct request *request, const char *group_id, const char *address_group_id)
{
	if (group_id && !visible_find(request, OBJECT_GROUP, group_id))
		answer_not_found(request, &group_resource, group_id);
	else if (address_group_id && !visible_find(request, OBJECT_ADDRESS_GROUP, address_group_id))
		answer_not_found(request, &address_group_resource, address_group_id);
	else
		return true;
	return false;
}

/* Keys of the group's rules; those of the request come behind them. */
static struct map *keys_of_group(struct arena *arena, const struct policy_part *part)
{
	struct map *keys = map_new(arena);

	for (size_t i = 0; i < part->group.n_rules; i++) {
		const struct policy_rule *rule = &part->group.rules[i];

		map_add(keys,
			check_rule_key(arena, rule, part->remote_group_ids[i],
				part->remote_address_group_ids[i]),
			(void *)rule->id);
	}
	return keys;
}

static bool add_rule(struct change *change, struct map *keys, json_t *rules, json_t *rule)
{
	struct request *request = change->request;
	const char *id = new_id(request->arena), *key, *before;

	key = rule_key(request, rule);
	if (!key || !rule_check_remotes(request, text_of(rule, "remote_group_id"),
			    text_of(rule, "remote_address_group_id")))
		return false;
	before = map_add(keys, key, (void *)id);
	vec_for_each (earlier, &change->ids)
		if (before && !strcmp(before, *earlier)) {
			answer_error(request, 409, "DuplicateSecurityGroupRuleInPost",
				"Leave one of them out.", "Duplicate Security Group Rule in POST.");
			return false;
		}
	if (before) {
		answer_error(request, 409, "SecurityGroupRuleExists",
			"Descriptions are not compared.",
			"Security group rule already exists. Rule id is %s.", before);
		return false;
	}
	json_object_set_new(rule, "id", json_string(id));
	json_array_append(rules, rule);
	*vec_push(&change->ids, request->arena) = id;
	return true;
}

/* All rules of a request are for one group. */
static const struct object *group_of_rules(struct request *request, const json_t *list)
{
	const char *id =
		json_string_value(json_object_get(json_array_get(list, 0), "security_group_id"));
	const struct object *object;
	json_t *rule;
	size_t i;

	json_array_foreach(list, i, rule)
	{
		if (!strcmp(json_string_value(json_object_get(rule, "security_group_id")), id))
			continue;
		answer_error(request, 400, "SecurityGroupNotSingleGroupRules",
			"Send the rules of each group on their own.",
			"Only allowed to update rules for one security profile at a time");
		return NULL;
	}
	object = visible_find(request, OBJECT_GROUP, id);
	if (object && is_own(request, object))
		return object;
	answer_not_found(request, &group_resource, id);
	return NULL;
}

void rule_create(struct request *request)
{
	struct change *change = change_new(request, 201);
	json_t *list = fields_of_body(request, true, &change->is_many), *rule, *document, *rules;
	const struct object *object = list ? group_of_rules(request, list) : NULL;
	const struct policy_part *part = NULL;
	const char *project = "";
	struct object *put;
	struct map *keys;
	bool is_fine = object != NULL;
	size_t i;

	json_array_foreach(list, i, rule) is_fine =
		is_fine && request_project(request, rule, &project);
	is_fine = is_fine &&
		  quota_check(change, project, "security_group_rule", json_array_size(list));
	if (!is_fine) {
		/* What is wrong with the rule itself is told before what it names. */
		if (list && request->answer.status == 404)
			rule_key(request, json_array_get(list, 0));
		json_decref(list);
		return;
	}
	document = document_of_part(&object->part);
	rules = json_object_get(document, "security_group_rules");
	keys = keys_of_group(request->arena, &object->part);
	json_array_foreach(list, i, rule)
	{
		is_fine = add_rule(change, keys, rules, rule);
		if (!is_fine)
			break;
	}
	json_decref(list);
	if (is_fine)
		part = part_of_document(request, document, PART_GROUP);
	else
		json_decref(document);
	if (!part)
		return;
	put = change_put(change, part);
	/* a rule is of who made it, as in Neutron, whosever its group is */
	for (size_t r = object->part.group.n_rules; r < part->group.n_rules; r++)
		put->rule_attrs[r].project_id = project;
	change_submit(change);
}

/* Only the description: a rule that means something else is another rule. */
void rule_update(struct request *request)
{
	struct change *change = change_new(request, 200);
	json_t *list, *document;
	const struct policy_part *part;
	const struct object *object;
	struct object *put;
	bool is_many;
	size_t rule;

	object = collection_find_own(request, &rule);
	if (!object || !request_matches(request, object->changed))
		return;
	list = fields_of_body(request, false, &is_many);
	if (!list)
		return;
	document = document_of_part(&object->part);
	json_object_update(json_array_get(json_object_get(document, "security_group_rules"), rule),
		json_array_get(list, 0));
	json_decref(list);
	part = part_of_document(request, document, PART_GROUP);
	if (!part)
		return;
	put = change_put_shown(change, part, request->id);
	put->rule_attrs[rule].updated_at = request->door->now_s;
	put->rule_attrs[rule].revision++;
	change_submit(change);
}

void rule_delete(struct request *request)
{
	struct change *change = change_new(request, 204);
	const struct policy_part *part;
	const struct object *object;
	json_t *document;
	size_t rule;

	object = collection_find_own(request, &rule);
	if (!object || !request_matches(request, object->changed))
		return;
	document = document_of_part(&object->part);
	json_array_remove(json_object_get(document, "security_group_rules"), rule);
	part = part_of_document(request, document, PART_GROUP);
	if (!part)
		return;
	change_put(change, part);
	change_submit(change);
}
