// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Networks and subnets, as much of them as clients need to make ports: portwall carries no packet, it only knows which
 * addresses belong to a port.
 */
#include "api/request.h"

#include <string.h>

static const struct api_field network_fields[] = {
	{ "id", IS_STRING, FILTERED, "It is made when the network is.", NULL },
	{ "name", IS_STRING, IN_POST | IN_PUT | FILTERED, "A text of at most 255 characters.",
		"\"\"" },
	{ "description", IS_STRING, IN_POST | IN_PUT | FILTERED,
		"A text of at most 255 characters.", "\"\"" },
	{ "admin_state_up", IS_BOOL, IN_POST | IN_PUT | FILTERED, "It is only kept.", "true" },
	{ "mtu", IS_INT, IN_POST | IN_PUT | FILTERED, "It is only kept.", "1500" },
	{ "port_security_enabled", IS_BOOL, IN_POST | IN_PUT | FILTERED,
		"What ports of it are that do not say.", "true" },
	{ "router:external", IS_BOOL, IN_POST | IN_PUT | FILTERED, "It is only kept.", "false" },
	{ "provider:network_type", IS_STRING | IS_NULL, IN_POST | FILTERED, "It is only kept.",
		"\"local\"" },
	{ "provider:physical_network", IS_STRING | IS_NULL, IN_POST | FILTERED, "It is only kept.",
		"null" },
	{ "provider:segmentation_id", IS_INT | IS_NULL, IN_POST | FILTERED, "It is only kept.",
		"null" },
	{ "availability_zone_hints", IS_LIST, IN_POST, "It is only kept.", "[]" },
	{ "shared", IS_BOOL, FILTERED, "POST /v2.0/rbac-policies shares it.", NULL },
	{ "status", IS_STRING, FILTERED, "ACTIVE, always.", NULL },
	{ "subnets", IS_LIST, 0, "The ids of its subnets.", NULL },
	STANDARD_FIELDS,
};

static const struct api_field subnet_fields[] = {
	{ "id", IS_STRING, FILTERED, "It is made when the subnet is.", NULL },
	{ "network_id", IS_STRING, IN_POST | REQUIRED | FILTERED, "The id of its network.", NULL },
	{ "ip_version", IS_INT, IN_POST | REQUIRED | FILTERED, "4 or 6.", NULL },
	{ "cidr", IS_STRING, IN_POST | FILTERED, "Such as 192.0.2.0/24.", NULL },
	{ "name", IS_STRING, IN_POST | IN_PUT | FILTERED, "A text of at most 255 characters.",
		"\"\"" },
	{ "description", IS_STRING, IN_POST | IN_PUT | FILTERED,
		"A text of at most 255 characters.", "\"\"" },
	{ "gateway_ip", IS_STRING | IS_NULL, IN_POST | IN_PUT | FILTERED,
		"No port gets it; if not given, the first address.", NULL },
	{ "allocation_pools", IS_LIST, IN_POST | IN_PUT,
		"Ranges that ports get addresses from: [{\"start\": ..., \"end\": ...}].", NULL },
	{ "enable_dhcp", IS_BOOL, IN_POST | IN_PUT | FILTERED, "It is only kept.", "true" },
	{ "dns_nameservers", IS_LIST, IN_POST | IN_PUT, "It is only kept.", "[]" },
	{ "host_routes", IS_LIST, IN_POST | IN_PUT, "It is only kept.", "[]" },
	{ "service_types", IS_LIST, IN_POST | IN_PUT, "It is only kept.", "[]" },
	{ "ipv6_ra_mode", IS_STRING | IS_NULL, IN_POST | FILTERED, "It is only kept.", "null" },
	{ "ipv6_address_mode", IS_STRING | IS_NULL, IN_POST | FILTERED, "It is only kept.",
		"null" },
	{ "subnetpool_id", IS_NULL, IN_POST | FILTERED, "There are no subnet pools.", "null" },
	STANDARD_FIELDS,
};

struct subnet_list {
	VEC(const char *) ids;
};

/* Which subnet is of which network, read once for each revision: records are JSON. */
static void know_subnets(struct door *door)
{
	const struct model *model = &door->model;

	if (door->subnets && door->subnets_revision == model->revision)
		return;
	arena_free(door->subnets_arena);
	door->subnets_arena = arena_new();
	door->subnets = map_new(door->subnets_arena);
	door->networks = map_new(door->subnets_arena);
	door->subnets_revision = model->revision;
	for (size_t i = 0; i < model->n[OBJECT_SUBNET]; i++) {
		const struct object *subnet = &model->objects[OBJECT_SUBNET][i];
		json_t *record = json_loads(subnet->attrs.extra, 0, NULL);
		const char *id = arena_strdup(door->subnets_arena, subnet->id),
			   *network =
				   arena_strdup(door->subnets_arena, text_of(record, "network_id"));
		struct subnet_list *list = map_find(door->networks, network);

		json_decref(record);
		if (!list) {
			list = arena_new_one(door->subnets_arena, struct subnet_list);
			map_add(door->networks, network, list);
		}
		*vec_push(&list->ids, door->subnets_arena) = id;
		map_add(door->subnets, id, (void *)network);
	}
}

const char *network_of_subnet(struct door *door, const char *subnet_id)
{
	know_subnets(door);
	return map_find(door->subnets, subnet_id);
}

static const struct subnet_list *subnets_of(struct door *door, const char *network_id)
{
	static const struct subnet_list none = { 0 };
	const struct subnet_list *list;

	know_subnets(door);
	list = map_find(door->networks, network_id);
	return list ? list : &none;
}

static json_t *network_view(const struct request *request, const struct object *object, size_t rule)
{
	json_t *view = json_pack("{s:s}", "id", object->id), *subnets = json_array();

	(void)rule;
	object_show(object, view);
	vec_for_each (id, &subnets_of(request->door, object->id)->ids)
		json_array_append_new(subnets, json_string(*id));
	json_object_set_new(view, "subnets", subnets);
	json_object_set_new(view, "status", json_string("ACTIVE"));
	shared_show(request, object, view);
	json_object_set_new(view, "availability_zones", json_array());
	json_object_set_new(view, "ipv4_address_scope", json_null());
	json_object_set_new(view, "ipv6_address_scope", json_null());
	return view;
}

static bool check_network(struct request *request, const struct object *before, json_t *record)
{
	const struct object *port;

	if (record)
		return true;
	port = port_in_network(request->door, before->id);
	if (!port)
		return true;
	answer_error(request, 409, "NetworkInUse",
		arena_printf(request->arena, "Delete %s first.", words_of_port(request, port)),
		"Unable to complete operation on network %s. There are one or more ports still in use "
		"on the network.",
		before->id);
	return false;
}

const struct resource network_resource = {
	.one = "network",
	.many = "networks",
	.title = "Network",
	.not_found = "NetworkNotFound",
	.not_found_words = "could not be found.",
	.fields = network_fields,
	.n_fields = N_OF(network_fields),
	.kind = OBJECT_NETWORK,
	.view = network_view,
	.check = check_network,
};

void subnets_remove_of(struct change *change, const char *network_id)
{
	struct request *request = change->request;

	vec_for_each (id, &subnets_of(request->door, network_id)->ids)
		change_remove(change, OBJECT_SUBNET, arena_strdup(request->arena, *id));
}

/* --- subnets --- */

static json_t *subnet_view(const struct request *request, const struct object *object, size_t rule)
{
	json_t *view = json_pack("{s:s}", "id", object->id);

	(void)request;
	(void)rule;
	object_show(object, view);
	return view;
}

static bool answer_input(struct request *request, const char *next, const char *message)
{
	answer_error(
		request, 400, "InvalidInput", next, "Invalid input for operation: %s.", message);
	return false;
}

static json_t *json_addr(const struct addr *addr)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;

	addr_print(&text, addr);
	return json_string(text.data);
}

/* Its cidr as it will be kept, without bits of hosts. */
static bool check_cidr(struct request *request, json_t *record, struct prefix *ret)
{
	const char *cidr = text_of(record, "cidr");
	json_int_t version = json_integer_value(json_object_get(record, "ip_version"));
	struct text text CLEANUP(text_done) = TEXT_INIT;
	struct fault fault;

	if (!cidr)
		return answer_input(request, "Such as 192.0.2.0/24.",
			"a subnetpool must be specified in the absence of a cidr");
	if (version != 4 && version != 6) {
		answer_error(request, 400, "HTTPBadRequest", "",
			"Invalid input for ip_version. Reason: '%lld' is not in [4, 6].",
			(long long)version);
		return false;
	}
	if (!check_prefix(request->arena, cidr, ret, &fault)) {
		answer_error(request, 400, "HTTPBadRequest", fault.err.next_step,
			"Invalid input for cidr. Reason: '%s' is not a valid IP subnet.", cidr);
		return false;
	}
	if ((ret->addr.family == FAMILY_IPV4) != (version == 4))
		return answer_input(request, "",
			arena_printf(request->arena,
				"the cidr '%s' is of another IP version than ip_version '%lld'",
				cidr, (long long)version));
	prefix_print(&text, ret);
	json_object_set_new(record, "cidr", json_string(text.data));
	return true;
}

/* The subnet, if it is of that network. */
static bool overlaps(const struct object *subnet, const char *network_id, const struct prefix *cidr)
{
	json_t *record = json_loads(subnet->attrs.extra, 0, NULL);
	struct prefix prefix;
	bool is_so = !strcmp(text_of(record, "network_id"), network_id) &&
		     prefix_parse(text_of(record, "cidr"), &prefix) &&
		     (prefix_covers(&prefix, cidr) || prefix_covers(cidr, &prefix));

	json_decref(record);
	return is_so;
}

/* Those that are there, and those of the same request before it. */
static bool check_overlap(struct request *request, const char *network_id, const char *own_cidr,
	const struct prefix *cidr)
{
	const struct model *model = &request->door->model;
	bool is_taken = false;

	vec_for_each (id, &subnets_of(request->door, network_id)->ids)
		is_taken = is_taken ||
			   overlaps(model_find(model, OBJECT_SUBNET, *id), network_id, cidr);
	vec_for_each (put, &request->change->puts)
		is_taken = is_taken || overlaps(put, network_id, cidr);
	return !is_taken ||
	       answer_input(request, "Give it another one, or another network.",
		       arena_printf(request->arena,
			       "Requested subnet with cidr: %s for network: %s overlaps "
			       "with another subnet",
			       own_cidr, network_id));
}

static void add_pool(json_t *pools, const struct addr *start, const struct addr *end)
{
	if (addr_compare(start, end) <= 0)
		json_array_append_new(pools,
			json_pack("{s:o, s:o}", "start", json_addr(start), "end", json_addr(end)));
}

/* What ports may get, as Neutron makes it: all but the first address, the gateway and, of IPv4, the last. */
static json_t *default_pools(const struct prefix *cidr, const struct addr *gateway)
{
	struct addr first = cidr->addr, last = prefix_last(cidr), before, behind;
	json_t *pools = json_array();

	if (cidr->len + 1 < prefix_max_len(cidr->addr.family)) {
		first = addr_next(first, 1);
		if (cidr->addr.family == FAMILY_IPV4)
			last = addr_next(last, -1);
	}
	if (!gateway || addr_compare(gateway, &first) < 0 || addr_compare(gateway, &last) > 0) {
		add_pool(pools, &first, &last);
		return pools;
	}
	before = addr_next(*gateway, -1);
	behind = addr_next(*gateway, 1);
	if (addr_compare(gateway, &first) > 0)
		add_pool(pools, &first, &before);
	if (addr_compare(gateway, &last) < 0)
		add_pool(pools, &behind, &last);
	return pools;
}

/* *ret_has false: it has none (null). */
static bool check_gateway(struct request *request, json_t *record, const struct prefix *cidr,
	struct addr *ret, bool *ret_has)
{
	const json_t *said = json_object_get(record, "gateway_ip");
	const char *text = json_string_value(said);

	*ret_has = !json_is_null(said) || !said;
	if (!said) {
		*ret = cidr->addr.family == FAMILY_IPV4 ? addr_next(cidr->addr, 1) : cidr->addr;
		json_object_set_new(record, "gateway_ip", json_addr(ret));
		return true;
	}
	if (!text || (addr_parse(text, ret) && ret->family == cidr->addr.family))
		return true;
	answer_error(request, 400, "HTTPBadRequest",
		"An address of the subnet's IP version, or null.",
		"Invalid input for gateway_ip. Reason: '%s' is not a valid IP address.", text);
	return false;
}

static bool check_pool(struct request *request, const json_t *pool, const struct prefix *cidr)
{
	const char *start = text_of(pool, "start"), *end = text_of(pool, "end");
	struct addr from, to;

	if (start && end && addr_parse(start, &from) && addr_parse(end, &to) &&
		prefix_contains(cidr, &from) && prefix_contains(cidr, &to) &&
		addr_compare(&from, &to) <= 0)
		return true;
	answer_error(request, 400, "InvalidAllocationPool",
		"Such as {\"start\": \"192.0.2.10\", \"end\": \"192.0.2.99\"}, within the cidr.",
		"The allocation pool %s-%s is not valid.", start ? start : "?", end ? end : "?");
	return false;
}

static bool check_new_subnet(struct request *request, json_t *record)
{
	const char *network = text_of(record, "network_id");
	const struct object *object = visible_find(request, OBJECT_NETWORK, network);
	struct prefix cidr;
	struct addr gateway = { 0 };
	bool has_gateway;

	if (!object || !is_own(request, object)) {
		answer_not_found(request, &network_resource, network);
		return false;
	}
	if (!check_cidr(request, record, &cidr) ||
		!check_overlap(request, network, text_of(record, "cidr"), &cidr) ||
		!check_gateway(request, record, &cidr, &gateway, &has_gateway))
		return false;
	if (!json_object_get(record, "allocation_pools"))
		json_object_set_new(record, "allocation_pools",
			default_pools(&cidr, has_gateway ? &gateway : NULL));
	return true;
}

static bool check_subnet(struct request *request, const struct object *before, json_t *record)
{
	const struct object *port;
	struct prefix cidr;
	struct addr gateway;
	json_t *pool;
	bool has_gateway;
	size_t i;

	if (!record) {
		port = port_in_subnet(request->door, before->id);
		if (!port)
			return true;
		answer_error(request, 409, "SubnetInUse",
			arena_printf(
				request->arena, "Delete %s first.", words_of_port(request, port)),
			"Unable to complete operation on subnet %s: One or more ports have an IP "
			"allocation from this subnet.",
			before->id);
		return false;
	}
	if (!before && !check_new_subnet(request, record))
		return false;
	if (!prefix_parse(text_of(record, "cidr"), &cidr) ||
		!check_gateway(request, record, &cidr, &gateway, &has_gateway))
		return false;
	json_array_foreach(json_object_get(record, "allocation_pools"), i,
		pool) if (!check_pool(request, pool, &cidr)) return false;
	return true;
}

const struct resource subnet_resource = {
	.one = "subnet",
	.many = "subnets",
	.title = "Subnet",
	.not_found = "SubnetNotFound",
	.not_found_words = "could not be found.",
	.fields = subnet_fields,
	.n_fields = N_OF(subnet_fields),
	.kind = OBJECT_SUBNET,
	.view = subnet_view,
	.check = check_subnet,
};
