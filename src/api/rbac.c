// SPDX-License-Identifier: GPL-2.0-or-later
/* Sharing: an object of one project is seen, and may be named, by another or by all. */
#include "api/request.h"

#include <stdio.h>
#include <string.h>

static const struct api_field fields[] = {
	{ "id", IS_STRING, FILTERED, "It is made when the sharing is.", NULL },
	{ "object_type", IS_STRING, IN_POST | REQUIRED | FILTERED,
		"security_group, address_group or network.", NULL },
	{ "object_id", IS_STRING, IN_POST | REQUIRED | FILTERED, "The id of what is shared.",
		NULL },
	{ "target_tenant", IS_STRING, IN_POST | IN_PUT | REQUIRED | FILTERED,
		"The project that it is shared with; \"*\": all.", NULL },
	{ "action", IS_STRING, IN_POST | REQUIRED | FILTERED, "Only access_as_shared.", NULL },
	PROJECT_FIELDS,
};

static const struct {
	const char *type;
	enum object_kind kind;
	const struct resource *resource;
} shareable[] = {
	{ "security_group", OBJECT_GROUP, &group_resource },
	{ "address_group", OBJECT_ADDRESS_GROUP, &address_group_resource },
	{ "network", OBJECT_NETWORK, &network_resource },
};

static bool answer_bad(struct request *request, const char *field, const char *value)
{
	answer_error(request, 400, "HTTPBadRequest",
		"An object of type security_group, address_group or network is shared, by the action "
		"access_as_shared.",
		"Invalid input for %s. Reason: '%s' is not supported.", field, value);
	return false;
}

/* Is it of a project that sees the object by this sharing, and not because the object is its own? */
static bool is_of_others(const char *project, const char *owner, const char *target)
{
	return strcmp(project, owner) != 0 && (!strcmp(target, "*") || !strcmp(project, target));
}

/* Does something of the project that it was shared with still name it? */
static bool is_used_by_others(
	const struct request *request, const char *id, const char *owner, const char *target)
{
	const struct model *model = &request->door->model;

	for (size_t i = 0; i < model->n[OBJECT_PORT]; i++) {
		const struct object *port = &model->objects[OBJECT_PORT][i];

		for (size_t g = 0; g < port->part.n_group_ids; g++)
			if (!strcmp(port->part.group_ids[g], id) &&
				is_of_others(port->attrs.project_id, owner, target))
				return true;
		if (port->part.port.network && !strcmp(port->part.port.network, id) &&
			is_of_others(port->attrs.project_id, owner, target))
			return true;
	}
	for (size_t i = 0; i < model->n[OBJECT_GROUP]; i++) {
		const struct object *group = &model->objects[OBJECT_GROUP][i];

		for (size_t r = 0; r < group->part.group.n_rules; r++) {
			const char *remote = group->part.remote_group_ids[r]
						     ? group->part.remote_group_ids[r]
						     : group->part.remote_address_group_ids[r];

			if (remote && !strcmp(remote, id) &&
				is_of_others(group->attrs.project_id, owner, target))
				return true;
		}
	}
	return false;
}

/* What somebody made with it stays, so it stays too. now: as it would be; NULL: it would end. */
static bool check_end(struct request *request, const struct object *before, const json_t *now)
{
	json_t *record = json_loads(before->attrs.extra, 0, NULL);
	const char *id = arena_strdup(request->arena, text_of(record, "object_id"));
	const char *target = text_of(record, "target_tenant");
	const struct object *object = NULL;
	bool is_used;

	for (size_t i = 0; i < N_OF(shareable) && !object; i++)
		if (!strcmp(shareable[i].type, text_of(record, "object_type")))
			object = model_find(&request->door->model, shareable[i].kind, id);
	/* the object's owner: an admin may have shared what is of another project */
	is_used = object && (!now || strcmp(text_of(now, "target_tenant"), target) != 0) &&
		  is_used_by_others(request, id, object->attrs.project_id, target);
	json_decref(record);
	if (is_used)
		answer_error(request, 409, "RbacPolicyInUse",
			"Ports or rules of other projects name it: remove these first.",
			"RBAC policy on object %s cannot be removed because other objects depend on it.",
			id);
	return !is_used;
}

static bool check_rbac(struct request *request, const struct object *before, json_t *record)
{
	const char *type, *id;
	size_t i = 0;

	/* with another target it ends for the one that it had */
	if (before && !check_end(request, before, record))
		return false;
	if (!record)
		return true;
	type = text_of(record, "object_type");
	id = text_of(record, "object_id");
	while (i < N_OF(shareable) && strcmp(shareable[i].type, type) != 0)
		i++;
	if (i == N_OF(shareable))
		return answer_bad(request, "object_type", type);
	if (strcmp(text_of(record, "action"), "access_as_shared") != 0)
		return answer_bad(request, "action", text_of(record, "action"));
	if (!strcmp(text_of(record, "target_tenant"), "*") && !is_admin(request)) {
		answer_error(request, 403, "PolicyNotAuthorized", "Name a project.",
			"Only an admin shares with all projects.");
		return false;
	}
	if (visible_find(request, shareable[i].kind, id) &&
		is_own(request, visible_find(request, shareable[i].kind, id)))
		return true;
	answer_not_found(request, shareable[i].resource, id);
	return false;
}

const struct resource rbac_resource = {
	.one = "rbac_policy",
	.many = "rbac_policies",
	.title = "RBAC policy",
	.not_found = "RbacPolicyNotFound",
	.not_found_words = "not found",
	.fields = fields,
	.n_fields = N_OF(fields),
	.kind = OBJECT_RBAC,
	.view = record_view,
	.check = check_rbac,
};

/* What rbac policies say, read once for each revision: "PROJECT OBJECT". */
static struct map *shares_of(struct door *door)
{
	const struct model *model = &door->model;

	if (door->shares && door->shares_revision == model->revision)
		return door->shares;
	arena_free(door->shares_arena);
	door->shares_arena = arena_new();
	door->shares = map_new(door->shares_arena);
	door->shares_revision = model->revision;
	for (size_t i = 0; i < model->n[OBJECT_RBAC]; i++) {
		json_t *record = json_loads(model->objects[OBJECT_RBAC][i].attrs.extra, 0, NULL);

		map_add(door->shares,
			arena_printf(door->shares_arena, "%s %s", text_of(record, "object_id"),
				text_of(record, "target_tenant")),
			door->shares);
		json_decref(record);
	}
	return door->shares;
}

bool is_shared_with(struct door *door, const char *object_id, const char *project_id)
{
	char key[64 + 4 * LIMIT_NAME_LEN];

	if (!door->model.n[OBJECT_RBAC])
		return false;
	snprintf(key, sizeof(key), "%s %s", object_id, project_id);
	if (map_find(shares_of(door), key))
		return true;
	snprintf(key, sizeof(key), "%s *", object_id);
	return map_find(shares_of(door), key) != NULL;
}

void shared_show(const struct request *request, const struct object *object, json_t *view)
{
	json_object_set_new(view, "shared",
		json_boolean(is_shared_with(request->door, object->id, request->who.project_id)));
}

void rbac_remove_of(struct change *change)
{
	const struct model *model = &change->request->door->model;
	struct map *gone = map_new(change->request->arena);

	if (!model->n[OBJECT_RBAC])
		return;
	vec_for_each (object, &change->gone)
		map_add(gone, object->id, change);
	for (size_t i = 0; i < model->n[OBJECT_RBAC]; i++) {
		json_t *record = json_loads(model->objects[OBJECT_RBAC][i].attrs.extra, 0, NULL);

		if (map_find(gone, text_of(record, "object_id")))
			change_remove(change, OBJECT_RBAC,
				arena_strdup(
					change->request->arena, model->objects[OBJECT_RBAC][i].id));
		json_decref(record);
	}
}
