// SPDX-License-Identifier: GPL-2.0-or-later
/* Ports, with what the kernel makes of them. */
#include "api/request.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "api/documents.h"

static const struct api_field fields[] = {
	{ "id", IS_STRING, FILTERED, "It is made when the port is.", NULL },
	{ "name", IS_STRING, IN_POST | IN_PUT | FILTERED, "A text of at most 255 characters.",
		NULL },
	{ "device", IS_STRING, IN_POST | IN_PUT | FILTERED,
		"The interface on its host; if not given, tap and 11 characters of the id.", NULL },
	{ "mac_address", IS_STRING, IN_POST | IN_PUT | FILTERED,
		"Such as fa:16:3e:00:00:01; if not given, one is made.", NULL },
	{ "fixed_ips", IS_LIST, IN_POST | IN_PUT | FILTERED,
		"A list of addresses: [{\"ip_address\": \"192.0.2.7\"}]; if not given, one of each "
		"IP version from the subnets of its network.",
		NULL },
	{ "allowed_address_pairs", IS_ANY, IN_POST | IN_PUT,
		"A list: [{\"ip_address\": \"192.0.2.0/24\", \"mac_address\": ...}].", NULL },
	{ "security_groups", IS_LIST | IS_NULL, IN_POST | IN_PUT | FILTERED,
		"A list of ids of security groups; [] for none; if not given, the project's "
		"default.",
		NULL },
	{ "port_security_enabled", IS_BOOL, IN_POST | IN_PUT | FILTERED,
		"False: nothing is filtered at this port.", NULL },
	{ "network_id", IS_STRING, IN_POST | FILTERED,
		"The id of its network, or any name that is no id.", NULL },
	{ "device_owner", IS_STRING, IN_POST | IN_PUT | FILTERED,
		"Such as compute:nova; what begins with network: is trusted.", NULL },
	{ "binding:host_id", IS_STRING | IS_NULL, IN_POST | IN_PUT | FILTERED,
		"The host that it is on; null: this one; \"\": none.", NULL },
	{ "admin_state_up", IS_BOOL, IN_POST | IN_PUT | FILTERED,
		"Only true: to cut a port off, give it no security groups.", NULL },
	/* what is only kept for clients */
	{ "description", IS_STRING, IN_POST | IN_PUT | FILTERED,
		"A text of at most 255 characters.", "\"\"" },
	{ "device_id", IS_STRING, IN_POST | IN_PUT | FILTERED, "The machine that it is of.",
		"\"\"" },
	{ "binding:vnic_type", IS_STRING, IN_POST | IN_PUT | FILTERED, "It is only kept.",
		"\"normal\"" },
	{ "binding:profile", IS_OBJECT, IN_POST | IN_PUT, "It is only kept.", "{}" },
	{ "extra_dhcp_opts", IS_LIST, IN_POST | IN_PUT, "It is only kept.", "[]" },
	{ "binding:vif_type", IS_STRING, 0, "bridge where its interface is in one, else unbound.",
		NULL },
	{ "binding:vif_details", IS_OBJECT, 0, "The bridge that its interface is in.", NULL },
	{ "status", IS_STRING, FILTERED, "ACTIVE: its rules are in the kernel; else DOWN.", NULL },
	{ "portwall:state", IS_STRING, FILTERED, "It is what the kernel has.", NULL },
	{ "portwall:why", IS_STRING, 0, "It is what the kernel has.", NULL },
	STANDARD_FIELDS,
};

/* Lists that a client may have written in another way than a policy has them. */
static const char *const kept_lists[] = { "fixed_ips", "allowed_address_pairs" };

static void set_state(json_t *view, const struct serve_port *state, bool is_known)
{
	const char *name = state ? serve_port_state_name(state->state) : "unknown";
	const char *why = state	     ? state->why
			  : is_known ? "The kernel has not been told of it yet."
				     : "The engine has not answered yet.";
	bool is_plugged = state && state->bridge[0];
	json_t *details = json_object();

	json_object_set_new(view, "status",
		json_string(state && state->state == PORT_ACTIVE ? "ACTIVE" : "DOWN"));
	json_object_set_new(view, "portwall:state", json_string(name));
	json_object_set_new(view, "portwall:why", json_text(why));
	json_object_set_new(
		view, "binding:vif_type", json_string(is_plugged ? "bridge" : "unbound"));
	if (is_plugged) {
		json_object_set_new(details, "bridge_name", json_text(state->bridge));
		json_object_set_new(details, "port_filter", json_true());
	}
	json_object_set_new(view, "binding:vif_details", details);
}

static const struct serve_port *state_of_port(const struct door *door, const char *id)
{
	return door->state_ports ? map_find(door->state_ports, id) : NULL;
}

void port_add_state(struct door *door, json_t *port)
{
	const char *id = json_string_value(json_object_get(port, "id"));

	set_state(port, id ? state_of_port(door, id) : NULL, door->state_arena != NULL);
}

static json_t *port_view(const struct request *request, const struct object *object, size_t rule)
{
	const struct policy_port *port = &object->part.port;
	json_t *view = document_of_part(&object->part);

	(void)rule;
	/* what a document has only where it was said */
	json_object_set_new(view, "device", json_text(port->device));
	if (!port->network)
		json_object_set_new(view, "network_id", json_string(""));
	json_object_set_new(view, "admin_state_up", json_true());
	for (size_t i = 0; i < N_OF(fields); i++)
		if (fields[i].initial)
			json_object_set_new(view, fields[i].name,
				json_loads(fields[i].initial, JSON_DECODE_ANY, NULL));
	object_show(object, view);
	port_add_state(request->door, view);
	return view;
}

const struct resource port_resource = {
	.one = "port",
	.many = "ports",
	.title = "Port",
	.not_found = "PortNotFound",
	.not_found_words = "could not be found.",
	.fields = fields,
	.n_fields = N_OF(fields),
	.kind = OBJECT_PORT,
	.view = port_view,
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
		if (!visible_find(request, OBJECT_GROUP, id)) {
			answer_not_found(request, &group_resource, id);
			return false;
		}
	}
	return true;
}

static bool is_trusted(const json_t *port)
{
	const char *owner = json_string_value(json_object_get(port, "device_owner"));

	return json_is_false(json_object_get(port, "port_security_enabled")) ||
	       (owner && text_has_prefix(owner, "network:"));
}

static bool answer_pair(struct request *request, const char *type, const char *message)
{
	answer_error(request, 400, type,
		"Such as [{\"ip_address\": \"192.0.2.0/24\", \"mac_address\": \"fa:16:3e:00:00:01\"}].",
		"%s", message);
	return false;
}

static bool check_pair(struct request *request, const json_t *pair)
{
	const char *address = json_string_value(json_object_get(pair, "ip_address"));
	const char *mac = json_string_value(json_object_get(pair, "mac_address"));
	struct arena *arena = request->arena;
	struct prefix prefix;
	struct mac parsed;
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)pair, key,
		value) if (strcmp(key, "ip_address") != 0 &&
			   strcmp(key, "mac_address") != 0) return answer_pair(request,
		"HTTPBadRequest", arena_printf(arena, "Unrecognized attribute(s) '%s'", key));
	if (!json_object_get(pair, "ip_address"))
		return answer_pair(request, "AllowedAddressPairsMissingIP",
			"AllowedAddressPair must contain ip_address");
	if (!address || !prefix_parse(address, &prefix))
		return answer_pair(request, "HTTPBadRequest",
			arena_printf(
				arena, "'%s' is not a valid IP address", address ? address : "?"));
	if (json_object_get(pair, "mac_address") && (!mac || !mac_parse(mac, &parsed)))
		return answer_pair(request, "HTTPBadRequest",
			arena_printf(arena, "'%s' is not a valid MAC address", mac ? mac : "?"));
	return true;
}

static bool check_pairs(struct request *request, json_t *port)
{
	json_t *pairs = json_object_get(port, "allowed_address_pairs"), *item, *other;
	struct arena *arena = request->arena;
	size_t i, k;

	if (json_is_null(pairs))
		json_object_set_new(port, "allowed_address_pairs", json_array());
	if (pairs && !json_is_null(pairs) && !json_is_array(pairs))
		return answer_pair(
			request, "HTTPBadRequest", "Allowed address pairs must be a list.");
	if (json_array_size(pairs) > LIMIT_ADDRESS_PAIRS)
		return answer_pair(request, "AllowedAddressPairExhausted",
			arena_printf(arena,
				"The number of allowed address pair exceeds the maximum %d.",
				LIMIT_ADDRESS_PAIRS));
	json_array_foreach(pairs, i, item)
	{
		const char *mac;

		if (!check_pair(request, item))
			return false;
		mac = json_string_value(json_object_get(item, "mac_address"));
		json_array_foreach(pairs, k,
			other) if (k < i && json_equal(item, other)) return answer_pair(request,
			"DuplicateAddressPairInRequest",
			arena_printf(arena,
				"Request contains duplicate address pair: mac_address "
				"%s ip_address %s.",
				mac ? mac : "None",
				json_string_value(json_object_get(item, "ip_address"))));
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

static bool answer_no_right(struct request *request, const char *field, const char *next)
{
	answer_error(request, 403, "PolicyNotAuthorized", next,
		"(rule:%s_port and rule:%s_port:%s) is disallowed by policy",
		request->method == METHOD_POST ? "create" : "update",
		request->method == METHOD_POST ? "create" : "update", field);
	return false;
}

static bool asks_for_address(const json_t *port)
{
	const json_t *item;
	size_t i;

	json_array_foreach(json_object_get(port, "fixed_ips"), i,
		item) if (json_object_get(item, "ip_address")) return true;
	return false;
}

/*
 * What of a port not everybody says, as in Neutron: which interface of which host it is, since that may be anybody's; and in a
 * network that another project shares, what would let it use addresses of others.
 */
static bool check_rights(struct request *request, const json_t *said, const char *network_id)
{
	static const char *const of_admins[] = { "device", "binding:host_id", "binding:profile" };
	static const char *const of_owners[] = { "mac_address", "port_security_enabled",
		"allowed_address_pairs" };
	static const char next[] = "An admin says it, or a member of the network's project.";
	const char *owner = json_string_value(json_object_get(said, "device_owner"));
	const struct object *network =
		network_id ? model_find(&request->door->model, OBJECT_NETWORK, network_id) : NULL;

	if (is_admin(request))
		return true;
	for (size_t i = 0; i < N_OF(of_admins); i++)
		if (json_object_get(said, of_admins[i]))
			return answer_no_right(request, of_admins[i], "An admin says it.");
	if (!network || is_own(request, network))
		return true;
	for (size_t i = 0; i < N_OF(of_owners); i++)
		if (json_object_get(said, of_owners[i]))
			return answer_no_right(request, of_owners[i], next);
	if (owner && text_has_prefix(owner, "network:"))
		return answer_no_right(request, "device_owner", next);
	return !asks_for_address(said) || answer_no_right(request, "fixed_ips:ip_address", next);
}

static bool check_fixed_ips(struct request *request, const json_t *port)
{
	if (json_array_size(json_object_get(port, "fixed_ips")) <= LIMIT_API_FIXED_IPS)
		return true;
	answer_error(request, 400, "InvalidInput", "allowed_address_pairs takes whole prefixes.",
		"Invalid input for operation: Exceeded maximum amount of fixed ips per port: %d.",
		LIMIT_API_FIXED_IPS);
	return false;
}

static bool check_port_body(struct request *request, json_t *port)
{
	return check_fixed_ips(request, port) && check_groups(request, port) &&
	       check_pairs(request, port) && check_up(request, port);
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

/* What only clients care for goes from the port's document into extra, and the lists as they were written. */
static void take_extra(json_t *port, json_t *extra)
{
	for (size_t i = 0; i < N_OF(fields); i++) {
		json_t *value = json_object_get(port, fields[i].name);

		if (!fields[i].initial || !value)
			continue;
		json_object_set(extra, fields[i].name, value);
		json_object_del(port, fields[i].name);
	}
	for (size_t i = 0; i < N_OF(kept_lists); i++)
		json_object_set(extra, kept_lists[i], json_object_get(port, kept_lists[i]));
}

/* Pairs without a MAC have the port's. */
static void complete_pairs(json_t *port)
{
	json_t *pair;
	size_t i;

	json_array_foreach(json_object_get(port, "allowed_address_pairs"), i,
		pair) if (!json_object_get(pair, "mac_address"))
		json_object_set(pair, "mac_address", json_object_get(port, "mac_address"));
}

void port_forget_lists(struct arena *arena, struct object *port)
{
	json_t *extra = port->attrs.extra ? json_loads(port->attrs.extra, 0, NULL) : NULL;

	if (!extra)
		return;
	for (size_t i = 0; i < N_OF(kept_lists); i++)
		json_object_del(extra, kept_lists[i]);
	port->attrs.extra = json_line(arena, extra);
	json_decref(extra);
}

/* Its network has to be one that who asks may see; it says what is not said of the port. */
static bool check_network(struct request *request, json_t *port)
{
	const char *id = json_string_value(json_object_get(port, "network_id"));
	const struct object *network;
	json_t *record;

	/* what is no id is a name that means something to its maker, as in a policy file */
	if (!id || !is_id(id))
		return true;
	network = visible_find(request, OBJECT_NETWORK, id);
	if (!network) {
		answer_not_found(request, &network_resource, id);
		return false;
	}
	record = json_loads(network->attrs.extra, 0, NULL);
	if (!json_object_get(port, "port_security_enabled") && !is_trusted(port))
		json_object_set(port, "port_security_enabled",
			json_object_get(record, "port_security_enabled"));
	json_decref(record);
	return true;
}

static bool set_groups(struct change *change, json_t *port, const char *project)
{
	json_t *groups;
	const char *id;

	if (json_object_get(port, "security_groups"))
		return true;
	groups = json_array();
	json_object_set_new(port, "security_groups", groups);
	if (is_trusted(port))
		return true;
	id = default_group_ensure(change, project);
	if (id)
		json_array_append_new(groups, json_string(id));
	return id != NULL;
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
		const struct object *group = model_find(model, OBJECT_GROUP, part->group_ids[i]);

		/* the default group, that the change makes; it is the only one of the port */
		static const struct policy_group fresh = { .id = "", .name = "", .stateful = true };

		port.groups[i] = group ? &group->part.group : &fresh;
	}
	if (check_port(request->arena, &port, &fault))
		return true;
	answer_fault(request, &fault);
	return false;
}

static bool make_port(struct change *change, json_t *port)
{
	struct request *request = change->request;
	const char *id = new_id(request->arena), *project;
	const struct policy_part *part;
	json_t *extra;
	struct object *put;

	if (!request_project(request, port, &project) ||
		!check_rights(
			request, port, json_string_value(json_object_get(port, "network_id"))) ||
		!check_network(request, port) || !check_port_body(request, port) ||
		!quota_check(change, project, "port", 1) || !set_groups(change, port, project) ||
		!check_security(request, port, NULL) || !addresses_choose(change, port, id))
		return false;
	json_object_set_new(port, "id", json_string(id));
	if (!json_object_get(port, "mac_address"))
		json_object_set_new(port, "mac_address", new_mac(request->arena));
	if (!json_object_get(port, "port_security_enabled"))
		json_object_set_new(port, "port_security_enabled", json_boolean(!is_trusted(port)));
	complete_pairs(port);
	extra = json_object();
	take_extra(port, extra);
	part = part_of_document(request, json_incref(port), PART_PORT);
	if (part && check_whole(request, part)) {
		put = change_put_shown(change, part, id);
		object_of_project(put, project);
		put->attrs.extra = json_line(request->arena, extra);
	}
	json_decref(extra);
	return !request->answer.status;
}

void port_create(struct request *request)
{
	change_create(request, make_port);
}

/* The port as it would be, from what is said of it. False: it is answered as wrong. */
static bool change_port(struct change *change, const struct object *object, json_t *said)
{
	struct request *request = change->request;
	json_t *document = document_of_part(&object->part);
	json_t *extra =
		object->attrs.extra ? json_loads(object->attrs.extra, 0, NULL) : json_object();
	const struct policy_part *part = NULL;

	/* as they were written, where the client says nothing of them */
	for (size_t i = 0; i < N_OF(kept_lists); i++)
		if (json_object_get(extra, kept_lists[i]))
			json_object_set(
				document, kept_lists[i], json_object_get(extra, kept_lists[i]));
	json_object_update(document, said);
	if (check_security(request, document, said) &&
		(!json_object_get(said, "fixed_ips") ||
			addresses_choose(change, document, object->id))) {
		complete_pairs(document);
		take_extra(document, extra);
		part = part_of_document(request, json_incref(document), PART_PORT);
	}
	json_decref(document);
	if (part && check_whole(request, part))
		change_put_shown(change, part, request->id)->attrs.extra =
			json_line(request->arena, extra);
	json_decref(extra);
	return !request->answer.status;
}

void port_update(struct request *request)
{
	struct change *change = change_new(request, 200);
	const struct object *object = collection_find_own(request, NULL);
	json_t *list;
	bool is_many, is_fine;

	if (!object || !request_matches(request, object->changed))
		return;
	list = fields_of_body(request, false, &is_many);
	if (!list)
		return;
	is_fine = check_rights(request, json_array_get(list, 0), object->part.port.network) &&
		  check_port_body(request, json_array_get(list, 0)) &&
		  change_port(change, object, json_array_get(list, 0));
	json_decref(list);
	if (is_fine)
		change_submit(change);
}

void port_delete(struct request *request)
{
	struct change *change = change_new(request, 204);
	const struct object *object = collection_find_own(request, NULL);

	if (!object || !request_matches(request, object->changed))
		return;
	change_remove(change, OBJECT_PORT, request->id);
	change_submit(change);
}
