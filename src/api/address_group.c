// SPDX-License-Identifier: GPL-2.0-or-later
/* Address groups: lists of addresses that rules can name. */
#include "api/request.h"

#include <string.h>

#include "api/documents.h"

static const struct api_field fields[] = {
	{ "id", IS_STRING, FILTERED, "It is made when the group is.", NULL },
	{ "name", IS_STRING, IN_POST | IN_PUT | FILTERED, "A text of at most 255 characters.",
		NULL },
	{ "description", IS_STRING, IN_POST | IN_PUT | FILTERED,
		"A text of at most 255 characters.", NULL },
	{ "addresses", IS_LIST, IN_POST | IN_PUT,
		"A list of addresses and prefixes: [\"192.0.2.0/24\", \"2001:db8::7\"].", NULL },
	{ "shared", IS_BOOL, FILTERED, "POST /v2.0/rbac-policies shares it.", NULL },
	STANDARD_FIELDS,
};

static json_t *address_group_view(
	const struct request *request, const struct object *object, size_t rule)
{
	json_t *view = document_of_part(&object->part);

	(void)rule;
	shared_show(request, object, view);
	object_show(object, view);
	return view;
}

const struct resource address_group_resource = {
	.one = "address_group",
	.many = "address_groups",
	.title = "Address group",
	.not_found = "AddressGroupNotFound",
	.not_found_words = "could not be found.",
	.fields = fields,
	.n_fields = N_OF(fields),
	.kind = OBJECT_ADDRESS_GROUP,
	.view = address_group_view,
};

/* Each is an address or a prefix; what is wrong is told as for a rule's prefix. */
static bool check_addresses(struct request *request, const json_t *addresses)
{
	const json_t *item;
	size_t i;

	json_array_foreach(addresses, i, item)
	{
		struct prefix prefix;
		struct fault fault;

		if (!json_is_string(item)) {
			answer_error(request, 400, "HTTPBadRequest",
				"Addresses are texts such as \"192.0.2.0/24\".",
				"Invalid input for addresses. Reason: item %zu is no text.", i);
			return false;
		}
		if (!check_prefix(request->arena, json_string_value(item), &prefix, &fault)) {
			answer_fault(request, &fault);
			return false;
		}
	}
	return true;
}

/* All projects share what a host can hold; the local one is the host's own, whose policy may come from a file. */
static bool check_size(
	struct request *request, const struct policy_part *part, const char *project_id)
{
	const struct policy_address_group *group = &part->address_group;
	size_t n = 0;

	for (int family = 0; family < N_IP_FAMILIES; family++)
		n += group->addresses[family].n;
	if (n <= LIMIT_API_ADDRESSES || !strcmp(project_id, LOCAL_PROJECT))
		return true;
	answer_error(request, 409, "OverQuota", "Write neighbours as one prefix.",
		"An address group has at most %d addresses, this one would have %zu.",
		LIMIT_API_ADDRESSES, n);
	return false;
}

static bool make_address_group(struct change *change, json_t *item)
{
	struct request *request = change->request;
	const char *id = new_id(request->arena), *project;
	const struct policy_part *part;

	json_object_set_new(item, "id", json_string(id));
	if (!request_project(request, item, &project) ||
		!check_addresses(request, json_object_get(item, "addresses")) ||
		!quota_check(change, project, "address_group", 1))
		return false;
	part = part_of_document(request, json_incref(item), PART_ADDRESS_GROUP);
	if (!part || !check_size(request, part, project))
		return false;
	object_of_project(change_put_shown(change, part, id), project);
	return true;
}

void address_group_create(struct request *request)
{
	change_create(request, make_address_group);
}

void address_group_update(struct request *request)
{
	struct change *change = change_new(request, 200);
	const struct object *object = collection_find_own(request, NULL);
	const struct policy_part *part;
	json_t *list, *document;
	bool is_many;

	if (!object || !request_matches(request, object->changed))
		return;
	list = fields_of_body(request, false, &is_many);
	if (!list)
		return;
	if (!check_addresses(request, json_object_get(json_array_get(list, 0), "addresses"))) {
		json_decref(list);
		return;
	}
	document = document_of_part(&object->part);
	json_object_update(document, json_array_get(list, 0));
	json_decref(list);
	part = part_of_document(request, document, PART_ADDRESS_GROUP);
	if (!part || !check_size(request, part, object->attrs.project_id))
		return;
	change_put_shown(change, part, request->id);
	change_submit(change);
}

static bool has_text(const json_t *list, const char *text)
{
	const json_t *item;
	size_t i;

	json_array_foreach(list, i, item) if (!strcmp(json_string_value(item), text)) return true;
	return false;
}

/* As prefixes are printed; they were checked. */
static json_t *as_printed(struct arena *arena, const json_t *addresses)
{
	json_t *list = json_array(), *item;
	size_t i;

	json_array_foreach(addresses, i, item)
	{
		struct text text CLEANUP(text_done) = TEXT_INIT;
		struct prefix prefix;
		struct fault fault;

		if (check_prefix(arena, json_string_value(item), &prefix, &fault))
			prefix_print(&text, &prefix);
		json_array_append_new(list, json_string(text.data));
	}
	return list;
}

/* Its addresses with those of the body, or without them. NULL: one is there already, or is not, and it is answered so. */
static json_t *addresses_behind(
	struct request *request, const json_t *before, const json_t *said, bool adds)
{
	json_t *given = as_printed(request->arena, said), *behind = json_array(), *item;
	bool is_fine = true;
	size_t i;

	json_array_foreach(given, i, item)
	{
		const char *address = json_string_value(item);

		if (!is_fine || has_text(before, address) != adds)
			continue;
		is_fine = false;
		answer_error(request, adds ? 400 : 404,
			adds ? "AddressesAlreadyExist" : "AddressesNotFound",
			"GET shows which addresses it has; one that another covers is not kept.",
			"Addresses %s %s the address group %s.", address,
			adds ? "already exist in" : "not found in", request->id);
	}
	json_array_foreach(before, i, item) if (adds || !has_text(given, json_string_value(item)))
		json_array_append(behind, item);
	if (adds)
		json_array_extend(behind, given);
	json_decref(given);
	if (is_fine)
		return behind;
	json_decref(behind);
	return NULL;
}

/* {"address_group": {"addresses": [...]}} as the API's reference has it, or the list alone as the SDK sends it. NULL: answered. */
static json_t *addresses_of_body(struct request *request)
{
	json_t *body = request_json(request), *list;

	if (!body)
		return NULL;
	list = json_object_get(body, "addresses");
	if (!list)
		list = json_object_get(json_object_get(body, "address_group"), "addresses");
	json_incref(list);
	json_decref(body);
	if (json_is_array(list) && check_addresses(request, list))
		return list;
	if (!request->answer.status)
		answer_error(request, 400, "HTTPBadRequest",
			"Send {\"address_group\": {\"addresses\": [\"192.0.2.0/24\"]}}.",
			"Failed to parse request. Required attribute 'addresses' not specified");
	json_decref(list);
	return NULL;
}

static void change_addresses(struct request *request, bool adds)
{
	struct change *change = change_new(request, 200);
	const struct object *object = collection_find_own(request, NULL);
	const struct policy_part *part;
	json_t *document, *said, *addresses;

	if (!object || !request_matches(request, object->changed))
		return;
	said = addresses_of_body(request);
	if (!said)
		return;
	document = document_of_part(&object->part);
	addresses = addresses_behind(request, json_object_get(document, "addresses"), said, adds);
	json_decref(said);
	if (!addresses) {
		json_decref(document);
		return;
	}
	json_object_set_new(document, "addresses", addresses);
	part = part_of_document(request, document, PART_ADDRESS_GROUP);
	if (!part || !check_size(request, part, object->attrs.project_id))
		return;
	change_put_shown(change, part, request->id);
	change_submit(change);
}

void address_group_add(struct request *request)
{
	change_addresses(request, true);
}

void address_group_take(struct request *request)
{
	change_addresses(request, false);
}

void address_group_delete(struct request *request)
{
	struct change *change = change_new(request, 204);
	const struct model *model = &request->door->model;
	const struct object *object = collection_find_own(request, NULL);

	if (!object || !request_matches(request, object->changed))
		return;
	for (size_t i = 0; i < model->n[PART_GROUP]; i++) {
		const struct policy_part *part = &model->objects[PART_GROUP][i].part;

		for (size_t r = 0; r < part->group.n_rules; r++) {
			const char *named = part->remote_address_group_ids[r];

			if (!named || strcmp(named, request->id) != 0)
				continue;
			answer_error(request, 409, "AddressGroupInUse",
				is_own(request, &model->objects[PART_GROUP][i])
					? arena_printf(request->arena,
						  "Rule %s of security group %s names it: delete that first.",
						  part->group.rules[r].id, part->group.id)
					: "A rule of another project names it: that has to go first.",
				"Address group %s is in use on one or more security group rules",
				request->id);
			return;
		}
	}
	change_remove(change, OBJECT_ADDRESS_GROUP, request->id);
	rbac_remove_of(change);
	change_submit(change);
}
