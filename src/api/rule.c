// SPDX-License-Identifier: GPL-2.0-or-later
/* Rules of security groups. In the store they are in their group: a new rule is a change of it. */
#include "api/request.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "api/documents.h"

static const struct api_field fields[] = {
	{ "id", IS_STRING, FILTERED, "It is made when the rule is." },
	{ "security_group_id", IS_STRING, IN_POST | REQUIRED | FILTERED, "The id of its group." },
	{ "direction", IS_STRING | IS_NULL, IN_POST | REQUIRED | FILTERED,
		"ingress (to the port) or egress (from it)." },
	{ "ethertype", IS_STRING | IS_NULL, IN_POST | FILTERED,
		"IPv4 or IPv6; IPv4 if not given." },
	{ "protocol", IS_STRING | IS_INT | IS_NULL, IN_POST | FILTERED,
		"A name such as tcp or ipip, or a number; null: any." },
	{ "port_range_min", IS_STRING | IS_INT | IS_NULL, IN_POST | FILTERED,
		"The first port, or the ICMP type." },
	{ "port_range_max", IS_STRING | IS_INT | IS_NULL, IN_POST | FILTERED,
		"The last port, or the ICMP code." },
	{ "remote_ip_prefix", IS_STRING | IS_NULL, IN_POST | FILTERED,
		"Such as 192.0.2.0/24; null: any address." },
	{ "remote_group_id", IS_STRING | IS_NULL, IN_POST | FILTERED,
		"The id of a security group: the addresses of its ports." },
	{ "remote_address_group_id", IS_STRING | IS_NULL, IN_POST | FILTERED,
		"The id of an address group." },
	{ "description", IS_STRING, IN_POST | IN_PUT | FILTERED,
		"A text of at most 255 characters." },
	{ "normalized_cidr", IS_STRING | IS_NULL, 0, "It follows from remote_ip_prefix." },
	{ "portwall:packets", IS_INT | IS_NULL, 0, "It is what the kernel counted." },
	{ "portwall:bytes", IS_INT | IS_NULL, 0, "It is what the kernel counted." },
	{ "revision_number", IS_INT, FILTERED, "It counts by itself." },
	{ "tags", IS_LIST, 0, "Not yet." },
};

json_t *rule_view(const json_t *document, size_t rule)
{
	json_t *view =
		json_copy(json_array_get(json_object_get(document, "security_group_rules"), rule));
	const char *prefix = json_string_value(json_object_get(view, "remote_ip_prefix"));
	struct prefix normal;

	if (prefix && prefix_parse(prefix, &normal)) {
		struct text text CLEANUP(text_done) = TEXT_INIT;

		prefix_print(&text, &normal);
		json_object_set_new(view, "normalized_cidr", json_string(text.data));
	} else {
		json_object_set_new(view, "normalized_cidr", json_null());
	}
	json_object_set_new(view, "tags", json_array());
	json_object_set_new(view, "revision_number", json_integer(0));
	return view;
}

static void each_rule(struct door *door, void (*fn)(void *data, json_t *object), void *data)
{
	for (size_t i = 0; i < door->model.n[PART_GROUP]; i++) {
		const struct object *object = &door->model.objects[PART_GROUP][i];
		json_t *document = document_of_part(&object->part);

		for (size_t r = 0; r < object->part.group.n_rules; r++) {
			json_t *view = rule_view(document, r);

			rule_counters_add(door, view);
			fn(data, view);
		}
		json_decref(document);
	}
}

static json_t *find_rule(struct door *door, const char *id)
{
	const struct object *object;
	json_t *document, *view;
	size_t rule;

	object = model_find_rule(&door->model, id, &rule);
	if (!object)
		return NULL;
	document = document_of_part(&object->part);
	view = rule_view(document, rule);
	rule_counters_add(door, view);
	json_decref(document);
	return view;
}

static uint64_t rule_changed(struct door *door, const char *id)
{
	size_t rule;
	const struct object *object = model_find_rule(&door->model, id, &rule);

	return object ? object->changed : 0;
}

const struct resource rule_resource = {
	.one = "security_group_rule",
	.many = "security_group_rules",
	.title = "Security group rule",
	.not_found = "SecurityGroupRuleNotFound",
	.not_found_words = "does not exist",
	.fields = fields,
	.n_fields = N_OF(fields),
	.each = each_rule,
	.find = find_rule,
	.changed = rule_changed,
};

static const char *whole_key(struct arena *arena, const char *key, const char *remote_group,
	const char *remote_address_group)
{
	return arena_printf(arena, "%s|%s|%s", key, remote_group ? remote_group : "",
		remote_address_group ? remote_address_group : "");
}

/* The same rule twice is one whose key and remotes are the same. */
static const char *rule_key(struct request *request, const json_t *rule, struct fault *ret_fault)
{
	static const unsigned taken[] = { RULE_DIRECTION, RULE_ETHERTYPE, RULE_PROTOCOL,
		RULE_PORT_MIN, RULE_PORT_MAX, RULE_PREFIX, RULE_REMOTE_GROUP_ID,
		RULE_REMOTE_ADDRESS_GROUP_ID };
	struct arena *arena = request->arena;
	const char *texts[N_RULE_FIELDS] = { NULL }, *key;
	struct policy_rule checked = { 0 };

	for (size_t i = 0; i < N_OF(taken); i++) {
		const json_t *value = json_object_get(rule, rule_field_names[taken[i]]);

		if (json_is_integer(value))
			texts[taken[i]] =
				arena_printf(arena, "%lld", (long long)json_integer_value(value));
		else
			texts[taken[i]] = json_string_value(value);
	}
	if (!check_rule(arena, arena, texts, &checked, &key, ret_fault))
		return NULL;
	return whole_key(
		arena, key, texts[RULE_REMOTE_GROUP_ID], texts[RULE_REMOTE_ADDRESS_GROUP_ID]);
}

/* Whom it names has to be there. */
static bool check_references(struct request *request, const json_t *rule)
{
	const struct model *model = &request->door->model;
	const char *group = json_string_value(json_object_get(rule, "security_group_id"));
	const char *remote = json_string_value(json_object_get(rule, "remote_group_id"));
	const char *addresses = json_string_value(json_object_get(rule, "remote_address_group_id"));

	if (remote && !model_find(model, PART_GROUP, remote))
		answer_not_found(request, &group_resource, remote);
	else if (addresses && !model_find(model, PART_ADDRESS_GROUP, addresses))
		answer_not_found(request, &address_group_resource, addresses);
	else if (!model_find(model, PART_GROUP, group))
		answer_not_found(request, &group_resource, group);
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
			whole_key(arena, check_rule_key(arena, rule), part->remote_group_ids[i],
				part->remote_address_group_ids[i]),
			(void *)rule->id);
	}
	return keys;
}

static bool add_rule(struct change *change, struct map *keys, json_t *rules, json_t *rule)
{
	struct request *request = change->request;
	const char *id = new_id(request->arena), *key, *before;
	struct fault fault;

	key = rule_key(request, rule, &fault);
	if (!key) {
		answer_fault(request, &fault);
		return false;
	}
	if (!check_references(request, rule))
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
	object = model_find(&request->door->model, PART_GROUP, id);
	if (!object)
		answer_not_found(request, &group_resource, id);
	return object;
}

void rule_create(struct request *request)
{
	struct change *change = change_new(request, 201);
	json_t *list = fields_of_body(request, true, &change->is_many), *rule, *document, *rules;
	const struct object *object = list ? group_of_rules(request, list) : NULL;
	const struct policy_part *part = NULL;
	struct map *keys;
	bool is_fine = object != NULL;
	size_t i;

	if (!object) {
		struct fault fault;

		/* What is wrong with the rule itself is told before what it names. */
		if (list && request->answer.status == 404 &&
			!rule_key(request, json_array_get(list, 0), &fault))
			answer_fault(request, &fault);
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
	change_put(change, part);
	change_submit(change);
}

static const struct object *find_or_answer(struct request *request, size_t *ret_rule)
{
	const struct object *object = model_find_rule(&request->door->model, request->id, ret_rule);

	if (!object)
		answer_not_found(request, &rule_resource, request->id);
	return object;
}

/* Only the description: a rule that means something else is another rule. */
void rule_update(struct request *request)
{
	struct change *change = change_new(request, 200);
	json_t *list, *document;
	const struct policy_part *part;
	const struct object *object;
	bool is_many;
	size_t rule;

	object = find_or_answer(request, &rule);
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
	change_put_shown(change, part, request->id);
	change_submit(change);
}

void rule_delete(struct request *request)
{
	struct change *change = change_new(request, 204);
	const struct policy_part *part;
	const struct object *object;
	json_t *document;
	size_t rule;

	object = find_or_answer(request, &rule);
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
