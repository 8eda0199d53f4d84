// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Objects that are no parts of a policy: networks, subnets and what else clients of Neutron expect to find. Their fields are
 * kept as they were given (attrs.extra); the table of fields has what a new one says where its maker says nothing.
 */
#include "api/request.h"

#include <string.h>

json_t *record_view(const struct request *request, const struct object *object, size_t rule)
{
	json_t *view = json_pack("{s:s}", "id", object->id);

	(void)request;
	(void)rule;
	attrs_show(&object->attrs, view);
	return view;
}

/* Its fields as they were given; to be given back. */
static json_t *fields_of(const struct object *object)
{
	return json_loads(object->attrs.extra, 0, NULL);
}

static bool is_whole(const struct resource *resource, const json_t *record)
{
	const char *cidr = json_string_value(json_object_get(record, "cidr"));
	struct prefix prefix;

	for (size_t i = 0; i < resource->n_fields; i++)
		if ((resource->fields[i].flags & REQUIRED) &&
			resource->fields[i].types == IS_STRING &&
			!json_is_string(json_object_get(record, resource->fields[i].name)))
			return false;
	return resource->kind != OBJECT_SUBNET || (cidr && prefix_parse(cidr, &prefix));
}

bool record_check_kept(const struct object *object, struct err *err)
{
	static const struct resource *const resources[] = { &network_resource, &subnet_resource,
		&rbac_resource, &default_rule_resource };
	json_t *record = object->attrs.extra ? json_loads(object->attrs.extra, 0, NULL) : NULL;
	/* what was built in and is no more */
	bool is_fine = record && object->kind == OBJECT_DEFAULT_RULE &&
		       json_is_true(json_object_get(record, "removed"));

	for (size_t i = 0; record && !is_fine && i < N_OF(resources); i++)
		is_fine = resources[i]->kind == object->kind && is_whole(resources[i], record);
	is_fine = is_fine || (record && object->kind == OBJECT_QUOTA);
	json_decref(record);
	return is_fine || err_input(err, "it is damaged: fields are missing");
}

static void set_initial(const struct resource *resource, json_t *record)
{
	for (size_t i = 0; i < resource->n_fields; i++) {
		const struct api_field *field = &resource->fields[i];

		if (field->initial && !json_object_get(record, field->name))
			json_object_set_new(record, field->name,
				json_loads(field->initial, JSON_DECODE_ANY, NULL));
	}
}

static bool make_record(struct change *change, json_t *record)
{
	struct request *request = change->request;
	const struct resource *resource = request->route->resource;
	const char *id = new_id(request->arena), *project;

	if (!request_project(request, record, &project))
		return false;
	set_initial(resource, record);
	if (resource->check && !resource->check(request, NULL, record))
		return false;
	if (!quota_check(change, project, resource->one, 1))
		return false;
	object_of_project(
		change_put_record(change, resource->kind, id, json_incref(record)), project);
	*vec_push(&change->ids, request->arena) = id;
	return resource->kind != OBJECT_NETWORK || default_group_ensure(change, project);
}

void record_create(struct request *request)
{
	change_create(request, make_record);
}

void record_update(struct request *request)
{
	struct change *change = change_new(request, 200);
	const struct resource *resource = request->route->resource;
	const struct object *object = collection_find_own(request, NULL);
	json_t *list, *record;
	bool is_many;

	if (!object || !request_matches(request, object->changed))
		return;
	list = fields_of_body(request, false, &is_many);
	if (!list)
		return;
	record = fields_of(object);
	json_object_update(record, json_array_get(list, 0));
	json_decref(list);
	if (resource->check && !resource->check(request, object, record)) {
		json_decref(record);
		return;
	}
	change_put_record(change, resource->kind, request->id, record);
	*vec_push(&change->ids, request->arena) = request->id;
	change_submit(change);
}

void record_delete(struct request *request)
{
	struct change *change = change_new(request, 204);
	const struct resource *resource = request->route->resource;
	const struct object *object = collection_find_own(request, NULL);

	if (!object || !request_matches(request, object->changed) ||
		(resource->check && !resource->check(request, object, NULL)))
		return;
	if (resource->kind == OBJECT_NETWORK)
		subnets_remove_of(change, request->id);
	change_remove(change, resource->kind, request->id);
	rbac_remove_of(change);
	change_submit(change);
}
