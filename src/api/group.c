// SPDX-License-Identifier: GPL-2.0-or-later
/* Security groups, as Neutron's clients know them. */
#include "api/request.h"

#include <string.h>
#include <strings.h>

#include "api/documents.h"

static const struct api_field fields[] = {
	{ "id", IS_STRING, FILTERED, "It is made when the group is.", NULL },
	{ "name", IS_STRING, IN_POST | IN_PUT | FILTERED, "A text of at most 255 characters.",
		NULL },
	{ "description", IS_STRING, IN_POST | IN_PUT | FILTERED,
		"A text of at most 255 characters.", NULL },
	{ "stateful", IS_BOOL, IN_POST | IN_PUT,
		"True: answers to what a rule allows are allowed too; the default.", NULL },
	{ "shared", IS_BOOL, FILTERED, "POST /v2.0/rbac-policies shares it.", NULL },
	{ "security_group_rules", IS_LIST, 0, "Rules are made by POST /v2.0/security-group-rules.",
		NULL },
	STANDARD_FIELDS,
};

/* What Neutron's answers have beside what a policy file knows. */
static json_t *group_view(const struct request *request, const struct object *object, size_t rule)
{
	const struct policy_group *group = &object->part.group;
	json_t *view = document_of_part(&object->part);
	json_t *rules = json_object_get(view, "security_group_rules"), *shown;
	size_t i;

	(void)rule;
	json_array_foreach(rules, i, shown)
	{
		rule_view_of_document(object, i, shown);
		json_object_set_new_nocheck(shown, "tags", json_array());
		json_object_set_new_nocheck(shown, "standard_attr_id",
			json_integer((json_int_t)(text_hash(group->rules[i].id) >> 33)));
	}
	shared_show(request, object, view);
	object_show(object, view);
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
	.kind = OBJECT_GROUP,
	.view = group_view,
};

/* That name is for the group that each project has. */
static bool check_default_name(struct request *request, const json_t *name)
{
	if (!name || strcasecmp(json_string_value(name), "default") != 0)
		return true;
	answer_error(request, 409, "SecurityGroupDefaultAlreadyExists",
		"Each project has one; give this one another name.",
		"Default security group already exists.");
	return false;
}

static bool make_group(struct change *change, json_t *item)
{
	struct request *request = change->request;
	const char *id = new_id(request->arena), *project;
	const struct policy_part *part;
	json_t *rules;

	if (!request_project(request, item, &project) ||
		!check_default_name(request, json_object_get(item, "name")))
		return false;
	if (!default_group_ensure(change, project))
		return false;
	rules = default_rules(request, false, id);
	if (!quota_check(change, project, "security_group", 1) ||
		!quota_check(change, project, "security_group_rule", json_array_size(rules))) {
		json_decref(rules);
		return false;
	}
	json_object_set_new(item, "id", json_string(id));
	json_object_set_new(item, "security_group_rules", rules);
	part = part_of_document(request, json_incref(item), PART_GROUP);
	if (part)
		object_of_project(change_put_shown(change, part, id), project);
	return part != NULL;
}

void group_create(struct request *request)
{
	change_create(request, make_group);
}

static void finish_list(struct change *change, const struct serve_done *done)
{
	(void)done;
	collection_list(change->request);
}

/*
 * A project has its group "default" when it looks for its groups for the first time. But where there is no policy yet, looking
 * does not make one: it would close the ports of this host.
 */
void group_list(struct request *request)
{
	const struct model *model = &request->door->model;
	struct change *change;

	if (!model->revision || default_group_find(model, request->who.project_id)) {
		collection_list(request);
		return;
	}
	change = change_new(request, 200);
	change->finish = finish_list;
	if (default_group_ensure(change, request->who.project_id))
		change_submit(change);
}

/* The first port that has the group; NULL: none. */
static const struct object *port_with(const struct model *model, const char *group_id)
{
	for (size_t i = 0; i < model->n[PART_PORT]; i++) {
		const struct policy_part *part = &model->objects[PART_PORT][i].part;

		for (size_t g = 0; g < part->n_group_ids; g++)
			if (!strcmp(part->group_ids[g], group_id))
				return &model->objects[PART_PORT][i];
	}
	return NULL;
}

static bool check_unused(struct request *request, const char *id)
{
	const struct object *port = port_with(&request->door->model, id);

	if (!port)
		return true;
	answer_error(request, 409, "SecurityGroupInUse",
		arena_printf(request->arena, "Take it off %s first.", words_of_port(request, port)),
		"Security Group %s in use.", id);
	return false;
}

void group_update(struct request *request)
{
	struct change *change = change_new(request, 200);
	const struct object *object = collection_find_own(request, NULL);
	const struct policy_part *part;
	const json_t *stateful, *name;
	json_t *list, *document;
	bool is_many, is_fine = true;

	if (!object || !request_matches(request, object->changed))
		return;
	list = fields_of_body(request, false, &is_many);
	if (!list)
		return;
	stateful = json_object_get(json_array_get(list, 0), "stateful");
	name = json_object_get(json_array_get(list, 0), "name");
	if (name && !strcmp(object->part.group.name, "default")) {
		answer_error(request, 409, "SecurityGroupCannotUpdateDefault",
			"Its description can be changed.",
			"Updating default security group not allowed.");
		is_fine = false;
	}
	is_fine = is_fine && check_default_name(request, name);
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
	const struct object *object = collection_find_own(request, NULL);

	if (!object || !request_matches(request, object->changed))
		return;
	if (!strcmp(object->part.group.name, "default") && !is_admin(request)) {
		answer_error(request, 409, "SecurityGroupCannotRemoveDefault",
			"Its rules can be removed.",
			"Insufficient rights for removing default security group.");
		return;
	}
	if (!check_unused(request, request->id))
		return;
	for (size_t i = 0; i < model->n[PART_GROUP]; i++) {
		const struct object *other = &model->objects[PART_GROUP][i];

		if (other != object && names_group(&other->part, request->id) &&
			!drop_rules_with(change, other, request->id))
			return;
	}
	change_remove(change, OBJECT_GROUP, request->id);
	rbac_remove_of(change);
	change_submit(change);
}
