// SPDX-License-Identifier: GPL-2.0-or-later
/* Security groups, as Neutron's clients know them. */
#include "api/request.h"

#include <string.h>
#include <strings.h>

#include "api/documents.h"

static const struct api_field fields[] = {
	{ "id", IS_STRING, FILTERED, "It is made when the group is." },
	{ "name", IS_STRING, IN_POST | IN_PUT | FILTERED, "A text of at most 255 characters." },
	{ "description", IS_STRING, IN_POST | IN_PUT | FILTERED,
		"A text of at most 255 characters." },
	{ "stateful", IS_BOOL, IN_POST | IN_PUT,
		"True: answers to what a rule allows are allowed too; the default." },
	{ "shared", IS_BOOL, FILTERED, "Not yet." },
	{ "security_group_rules", IS_LIST, 0,
		"Rules are made by POST /v2.0/security-group-rules." },
	{ "revision_number", IS_INT, FILTERED, "It counts by itself." },
	{ "tags", IS_LIST, 0, "Not yet." },
};

/* What Neutron's answers have beside what a policy file knows. */
static json_t *group_view(struct door *door, const struct object *object)
{
	const struct policy_group *group = &object->part.group;
	json_t *view = document_of_part(&object->part);
	json_t *rules = json_array();

	(void)door;
	for (size_t i = 0; i < group->n_rules; i++)
		json_array_append_new(rules, rule_view(view, i));
	json_object_set_new(view, "security_group_rules", rules);
	json_object_set_new(view, "shared", json_false());
	json_object_set_new(view, "tags", json_array());
	json_object_set_new(view, "revision_number", json_integer((json_int_t)object->changed));
	return view;
}

const struct resource group_resource = {
	.one = "security_group",
	.many = "security_groups",
	.title = "Security group",
	.not_found = "SecurityGroupNotFound",
	.not_found_words = "does not exist",
	.fields = fields,
	.n_fields = N_OF(fields),
	.kind = PART_GROUP,
	.view = group_view,
};

/* There is one default group, for ports that name none. */
static bool check_default(struct request *request, const json_t *name, const char *own_id)
{
	const struct model *model = &request->door->model;

	if (!name || strcasecmp(json_string_value(name), "default") != 0)
		return true;
	for (size_t i = 0; i < model->n[PART_GROUP]; i++) {
		const struct policy_group *group = &model->objects[PART_GROUP][i].part.group;

		if (strcasecmp(group->name, "default") != 0 ||
			(own_id && !strcmp(group->id, own_id)))
			continue;
		answer_error(request, 409, "SecurityGroupDefaultAlreadyExists",
			arena_printf(request->arena, "Its id is %s; give this one another name.",
				group->id),
			"Default security group already exists.");
		return false;
	}
	return true;
}

static json_t *first_rules(struct arena *arena)
{
	json_t *rules = json_array();

	for (int family = FAMILY_IPV4; family <= FAMILY_IPV6; family++)
		json_array_append_new(
			rules, json_pack("{s:s, s:s, s:s}", "id", new_id(arena), "direction",
				       "egress", "ethertype", family_name(family)));
	return rules;
}

void group_create(struct request *request)
{
	struct change *change = change_new(request, 201);
	json_t *list = fields_of_body(request, true, &change->is_many), *item;
	bool is_fine = list != NULL;
	size_t i;

	json_array_foreach(list, i, item)
	{
		const char *id = new_id(request->arena);
		const struct policy_part *part = NULL;

		if (check_default(request, json_object_get(item, "name"), NULL)) {
			json_object_set_new(item, "id", json_string(id));
			json_object_set_new(
				item, "security_group_rules", first_rules(request->arena));
			part = part_of_document(request, json_incref(item), PART_GROUP);
		}
		is_fine = part != NULL;
		if (!is_fine)
			break;
		change_put_shown(change, part, id);
	}
	json_decref(list);
	if (is_fine)
		change_submit(change);
}

/* The first port that has the group; NULL: none. */
static const struct policy_port *port_with(const struct model *model, const char *group_id)
{
	for (size_t i = 0; i < model->n[PART_PORT]; i++) {
		const struct policy_part *part = &model->objects[PART_PORT][i].part;

		for (size_t g = 0; g < part->n_group_ids; g++)
			if (!strcmp(part->group_ids[g], group_id))
				return &part->port;
	}
	return NULL;
}

static bool check_unused(struct request *request, const char *id)
{
	const struct policy_port *port = port_with(&request->door->model, id);

	if (!port)
		return true;
	answer_error(request, 409, "SecurityGroupInUse",
		arena_printf(request->arena, "Take it off port %s first.", port->id),
		"Security Group %s in use.", id);
	return false;
}

void group_update(struct request *request)
{
	struct change *change = change_new(request, 200);
	const struct object *object = collection_find(request);
	const struct policy_part *part;
	const json_t *stateful;
	json_t *list, *document;
	bool is_many, is_fine;

	if (!object || !request_matches(request, object->changed))
		return;
	list = fields_of_body(request, false, &is_many);
	if (!list)
		return;
	stateful = json_object_get(json_array_get(list, 0), "stateful");
	is_fine = check_default(
		request, json_object_get(json_array_get(list, 0), "name"), request->id);
	if (is_fine && stateful && json_is_true(stateful) != object->part.group.stateful)
		is_fine = check_unused(request, request->id);
	document = document_of_part(&object->part);
	json_object_update(document, json_array_get(list, 0));
	json_decref(list);
	if (!is_fine) {
		json_decref(document);
		return;
	}
	part = part_of_document(request, document, PART_GROUP);
	if (!part)
		return;
	change_put_shown(change, part, request->id);
	change_submit(change);
}

/* Rules that name the group as their remote go with it, as in Neutron. */
static bool drop_rules_with(struct change *change, const struct object *object, const char *id)
{
	json_t *document = document_of_part(&object->part);
	json_t *rules = json_object_get(document, "security_group_rules");
	const struct policy_part *part;

	for (size_t i = object->part.group.n_rules; i > 0; i--)
		if (object->part.remote_group_ids[i - 1] &&
			!strcmp(object->part.remote_group_ids[i - 1], id))
			json_array_remove(rules, i - 1);
	part = part_of_document(change->request, document, PART_GROUP);
	if (part)
		change_put(change, part);
	return part != NULL;
}

static bool names_group(const struct policy_part *part, const char *id)
{
	for (size_t i = 0; i < part->group.n_rules; i++)
		if (part->remote_group_ids[i] && !strcmp(part->remote_group_ids[i], id))
			return true;
	return false;
}

void group_delete(struct request *request)
{
	struct change *change = change_new(request, 204);
	const struct model *model = &request->door->model;
	const struct object *object = collection_find(request);

	if (!object || !request_matches(request, object->changed) ||
		!check_unused(request, request->id))
		return;
	for (size_t i = 0; i < model->n[PART_GROUP]; i++) {
		const struct object *other = &model->objects[PART_GROUP][i];

		if (other != object && names_group(&other->part, request->id) &&
			!drop_rules_with(change, other, request->id))
			return;
	}
	change_remove(change, PART_GROUP, request->id);
	change_submit(change);
}
