// SPDX-License-Identifier: GPL-2.0-or-later
/* Ports, with what the kernel makes of them. */
#include "api/request.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "api/documents.h"

static const struct api_field fields[] = {
	{ "id", IS_STRING, FILTERED, "It is made when the port is." },
	{ "name", IS_STRING, IN_POST | IN_PUT | FILTERED, "A text of at most 255 characters." },
	{ "device", IS_STRING, IN_POST | IN_PUT | FILTERED,
		"The interface on its host; if not given, tap and 11 characters of the id." },
	{ "mac_address", IS_STRING, IN_POST | IN_PUT | FILTERED,
		"Such as fa:16:3e:00:00:01; if not given, one is made." },
	{ "fixed_ips", IS_LIST, IN_POST | IN_PUT | FILTERED,
		"A list of addresses: [{\"ip_address\": \"192.0.2.7\"}]." },
	{ "allowed_address_pairs", IS_LIST | IS_NULL, IN_POST | IN_PUT,
		"A list: [{\"ip_address\": \"192.0.2.0/24\", \"mac_address\": ...}]." },
	{ "security_groups", IS_LIST | IS_NULL, IN_POST | IN_PUT | FILTERED,
		"A list of ids of security groups; [] for none." },
	{ "port_security_enabled", IS_BOOL, IN_POST | IN_PUT | FILTERED,
		"False: nothing is filtered at this port." },
	{ "network_id", IS_STRING, IN_POST | FILTERED, "Its network; only a name, so far." },
	{ "device_owner", IS_STRING, IN_POST | IN_PUT | FILTERED,
		"Such as compute:nova; what begins with network: is trusted." },
	{ "binding:host_id", IS_STRING | IS_NULL, IN_POST | IN_PUT | FILTERED,
		"The host that it is on; null: this one; \"\": none." },
	{ "admin_state_up", IS_BOOL, IN_POST | IN_PUT | FILTERED,
		"Only true: to cut a port off, give it no security groups." },
	{ "status", IS_STRING, FILTERED, "ACTIVE: its rules are in the kernel; else DOWN." },
	{ "portwall:state", IS_STRING, FILTERED, "It is what the kernel has." },
	{ "portwall:why", IS_STRING, 0, "It is what the kernel has." },
	{ "revision_number", IS_INT, FILTERED, "It counts by itself." },
	{ "tags", IS_LIST, 0, "Not yet." },
};

static const struct serve_port *state_of_port(const struct door *door, const char *id)
{
	for (size_t i = 0; door->state_arena && i < door->state.n_ports; i++)
		if (!strcmp(door->state.ports[i].id, id))
			return &door->state.ports[i];
	return NULL;
}

static void set_state(json_t *view, const struct serve_port *state, bool is_known)
{
	const char *name = state ? serve_port_state_name(state->state) : "unknown";
	const char *why = state	     ? state->why
			  : is_known ? "The kernel has not been told of it yet."
				     : "The engine has not answered yet.";

	json_object_set_new(view, "status",
		json_string(state && state->state == PORT_ACTIVE ? "ACTIVE" : "DOWN"));
	json_object_set_new(view, "portwall:state", json_string(name));
	json_object_set_new(view, "portwall:why", json_text(why));
}

void port_add_state(struct door *door, json_t *port)
{
	const char *id = json_string_value(json_object_get(port, "id"));

	set_state(port, id ? state_of_port(door, id) : NULL, door->state_arena != NULL);
}

static json_t *port_view(
	struct door *door, const struct object *object, const struct serve_port *state)
{
	const struct policy_port *port = &object->part.port;
	json_t *view = document_of_part(&object->part);

	/* what a document has only where it was said */
	json_object_set_new(view, "device", json_text(port->device));
	if (!port->network)
		json_object_set_new(view, "network_id", json_string(""));
	json_object_set_new(view, "admin_state_up", json_true());
	json_object_set_new(view, "tags", json_array());
	json_object_set_new(view, "revision_number", json_integer((json_int_t)object->changed));
	set_state(view, state, door->state_arena != NULL);
	return view;
}

static json_t *port_view_alone(struct door *door, const struct object *object)
{
	return port_view(door, object, state_of_port(door, object->part.port.id));
}

/* States by id, for all ports at once. */
static void each_port(struct door *door, void (*fn)(void *data, json_t *object), void *data)
{
	struct arena *scratch CLEANUP(arena_freep) = arena_new();
	struct map *states = map_new(scratch);

	for (size_t i = 0; door->state_arena && i < door->state.n_ports; i++)
		map_add(states, door->state.ports[i].id, &door->state.ports[i]);
	for (size_t i = 0; i < door->model.n[PART_PORT]; i++) {
		const struct object *object = &door->model.objects[PART_PORT][i];

		fn(data, port_view(door, object, map_find(states, object->part.port.id)));
	}
}

const struct resource port_resource = {
	.one = "port",
	.many = "ports",
	.title = "Port",
	.not_found = "PortNotFound",
	.not_found_words = "could not be found.",
	.fields = fields,
	.n_fields = N_OF(fields),
	.each = each_port,
	.kind = PART_PORT,
	.view = port_view_alone,
};

/* When something happened since the engine told of the ports, it is asked first. If it is busy, what was known is told. */
static void take_state(struct door *door, struct pending *pending, enum serve_type type,
	const char *body, size_t size)
{
	struct request *request = pending->request;

	engine_take_state(door, type, body, size);
	if (!request)
		return;
	request->give_up(request);
	request_finish(request);
}

static void with_state(struct request *request, void (*answer)(struct request *request))
{
	struct door *door = request->door;
	struct pending *pending;

	if (!door->is_state_stale && !door->is_state_asked) {
		answer(request);
		return;
	}
	if (!request_may_wait(request))
		return;
	door->is_state_stale = false;
	request->give_up = answer;
	pending = engine_ask(door, request);
	pending->answered = take_state;
	serve_put_text(&door->engine.out, SERVE_STATUS, pending->id, "");
	request_wait(request, door->times.state_s);
}

void port_list(struct request *request)
{
	with_state(request, collection_list);
}

void port_show(struct request *request)
{
	with_state(request, collection_show);
}

/* Neutron's prefix of MACs, and three random bytes. */
static json_t *new_mac(struct arena *arena)
{
	unsigned char bytes[3];

	while (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		if (errno != EINTR)
			break;
	return json_string(
		arena_printf(arena, "fa:16:3e:%02x:%02x:%02x", bytes[0], bytes[1], bytes[2]));
}

static bool answer_list_item(struct request *request, const char *field, const char *what)
{
	answer_error(request, 400, "HTTPBadRequest",
		"GET /v2.0/security-groups lists groups with their ids.",
		"Invalid input for %s. Reason: %s.", field, what);
	return false;
}

static bool check_groups(struct request *request, json_t *port)
{
	json_t *groups = json_object_get(port, "security_groups"), *item;
	struct arena *arena = request->arena;
	struct map *seen = map_new(arena);
	size_t i;

	if (json_is_null(groups))
		json_object_set_new(port, "security_groups", json_array());
	json_array_foreach(groups, i, item)
	{
		const char *id = json_string_value(item);

		if (!is_id(id))
			return answer_list_item(request, "security_groups",
				arena_printf(arena, "'%s' is not a valid UUID", id ? id : "?"));
		if (map_add(seen, id, seen))
			return answer_list_item(request, "security_groups",
				arena_printf(arena, "Duplicate items in the list: '%s'", id));
		if (!model_find(&request->door->model, PART_GROUP, id)) {
			answer_not_found(request, &group_resource, id);
			return false;
		}
	}
	return true;
}

static bool check_pairs(struct request *request, json_t *port)
{
	json_t *pairs = json_object_get(port, "allowed_address_pairs"), *item;
	size_t i;

	if (json_is_null(pairs))
		json_object_set_new(port, "allowed_address_pairs", json_array());
	json_array_foreach(pairs, i, item)
	{
		if (json_is_object(item) && json_object_get(item, "ip_address"))
			continue;
		answer_error(request, 400, "AllowedAddressPairsMissingIP",
			"Such as {\"ip_address\": \"192.0.2.0/24\"}.",
			"AllowedAddressPair must contain ip_address");
		return false;
	}
	return true;
}

static bool check_up(struct request *request, json_t *port)
{
	if (json_is_false(json_object_get(port, "admin_state_up"))) {
		answer_error(request, 400, "HTTPBadRequest",
			"Give it no security groups: then nothing passes.",
			"A port that is down is not known here.");
		return false;
	}
	json_object_del(port, "admin_state_up");
	return true;
}

static bool check_port_body(struct request *request, json_t *port)
{
	return check_groups(request, port) && check_pairs(request, port) && check_up(request, port);
}

/* Groups of a port that names none: the group "default", if there is one. */
static json_t *default_groups(const struct model *model)
{
	json_t *groups = json_array();

	for (size_t i = 0; i < model->n[PART_GROUP]; i++) {
		const struct policy_group *group = &model->objects[PART_GROUP][i].part.group;

		if (strcmp(group->name, "default") != 0)
			continue;
		json_array_append_new(groups, json_string(group->id));
		break;
	}
	return groups;
}

static bool is_trusted(const json_t *port)
{
	const char *owner = json_string_value(json_object_get(port, "device_owner"));

	return json_is_false(json_object_get(port, "port_security_enabled")) ||
	       (owner && text_has_prefix(owner, "network:"));
}

/* Groups and pairs are for ports that are filtered. changed: of an update, what it says; NULL: the port is new. */
static bool check_security(struct request *request, const json_t *port, const json_t *changed)
{
	bool has_groups = json_array_size(json_object_get(port, "security_groups"));
	bool has_pairs = json_array_size(json_object_get(port, "allowed_address_pairs"));

	if (!is_trusted(port))
		return true;
	if (has_groups && changed && !json_object_get(changed, "security_groups"))
		answer_error(request, 409, "PortSecurityPortHasSecurityGroup",
			"Send \"security_groups\": [] with it.",
			"Port has security group associated. Cannot disable port security or IP "
			"address until security group is removed.");
	else if (has_groups)
		answer_error(request, 400, "PortSecurityAndIPRequiredForSecurityGroups",
			"A port whose port_security_enabled is false, or whose device_owner begins "
			"with network:, has none.",
			"Port security must be enabled and port must have an IP address in order "
			"to use security groups.");
	else if (has_pairs && json_is_false(json_object_get(port, "port_security_enabled")))
		answer_error(request, 409, "AddressPairAndPortSecurityRequired",
			"Without it every address may be used anyhow.",
			"Port Security must be enabled in order to have allowed address pairs on a "
			"port.");
	else
		return true;
	return false;
}

static const struct policy_part *new_port(struct request *request, json_t *port, const char *id)
{
	if (!check_port_body(request, port))
		return NULL;
	json_object_set_new(port, "id", json_string(id));
	if (!json_object_get(port, "mac_address"))
		json_object_set_new(port, "mac_address", new_mac(request->arena));
	if (!json_object_get(port, "security_groups"))
		json_object_set_new(port, "security_groups",
			is_trusted(port) ? json_array() : default_groups(&request->door->model));
	if (!check_security(request, port, NULL))
		return NULL;
	return part_of_document(request, json_incref(port), PART_PORT);
}

/* What only its groups and it together can have wrong. */
static bool check_whole(struct request *request, const struct policy_part *part)
{
	const struct model *model = &request->door->model;
	struct policy_port port = part->port;
	struct fault fault;

	port.n_groups = part->n_group_ids;
	port.groups =
		arena_new_array(request->arena, const struct policy_group *, part->n_group_ids);
	for (size_t i = 0; i < part->n_group_ids; i++) {
		const struct object *group = model_find(model, PART_GROUP, part->group_ids[i]);

		if (!group) {
			answer_not_found(request, &group_resource, part->group_ids[i]);
			return false;
		}
		port.groups[i] = &group->part.group;
	}
	if (check_port(request->arena, &port, &fault))
		return true;
	answer_fault(request, &fault);
	return false;
}

void port_create(struct request *request)
{
	struct change *change = change_new(request, 201);
	json_t *list = fields_of_body(request, true, &change->is_many), *item;
	bool is_fine = list != NULL;
	size_t i;

	json_array_foreach(list, i, item)
	{
		const char *id = new_id(request->arena);
		const struct policy_part *part = new_port(request, item, id);

		is_fine = part && check_whole(request, part);
		if (!is_fine)
			break;
		change_put_shown(change, part, id);
	}
	json_decref(list);
	if (is_fine)
		change_submit(change);
}

void port_update(struct request *request)
{
	struct change *change = change_new(request, 200);
	const struct object *object = collection_find(request);
	const struct policy_part *part;
	json_t *list, *document;
	bool is_many, is_fine;

	if (!object || !request_matches(request, object->changed))
		return;
	list = fields_of_body(request, false, &is_many);
	if (!list)
		return;
	if (!check_port_body(request, json_array_get(list, 0))) {
		json_decref(list);
		return;
	}
	document = document_of_part(&object->part);
	json_object_update(document, json_array_get(list, 0));
	is_fine = check_security(request, document, json_array_get(list, 0));
	json_decref(list);
	if (!is_fine) {
		json_decref(document);
		return;
	}
	part = part_of_document(request, document, PART_PORT);
	if (!part || !check_whole(request, part))
		return;
	change_put_shown(change, part, request->id);
	change_submit(change);
}

void port_delete(struct request *request)
{
	struct change *change = change_new(request, 204);
	const struct object *object = collection_find(request);

	if (!object || !request_matches(request, object->changed))
		return;
	change_remove(change, PART_PORT, request->id);
	change_submit(change);
}
