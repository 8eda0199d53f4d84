// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which addresses a port has. A port of a network of the API gets one of each IP version from its subnets, or what it asks
 * for; a port without one, or of a network that only a policy file names, has the addresses that it says.
 */
#include "api/request.h"

#include <string.h>

struct choosing {
	struct change *change;
	const char *network, *own_id;
	struct map *used; /* addresses of the network, as texts */
	VEC(const struct object *) subnets;
};

static const char *addr_text(struct arena *arena, const struct addr *addr)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;

	addr_print(&text, addr);
	return arena_strdup(arena, text.data);
}

static void add_used(struct choosing *choosing, const struct object *port)
{
	struct arena *arena = choosing->change->request->arena;
	const struct policy_port *part = &port->part.port;

	if (!part->network || strcmp(part->network, choosing->network) != 0 ||
		!strcmp(port->id, choosing->own_id))
		return;
	for (size_t i = 0; i < part->n_fixed_ips; i++)
		map_add(choosing->used, addr_text(arena, &part->fixed_ips[i]), choosing);
}

static void look_around(struct choosing *choosing)
{
	struct request *request = choosing->change->request;
	const struct model *model = &request->door->model;

	choosing->used = map_new(request->arena);
	for (size_t i = 0; i < model->n[OBJECT_PORT]; i++)
		add_used(choosing, &model->objects[OBJECT_PORT][i]);
	vec_for_each (put, &choosing->change->puts)
		if (put->kind == OBJECT_PORT)
			add_used(choosing, put);
	for (size_t i = 0; i < model->n[OBJECT_SUBNET]; i++) {
		const struct object *subnet = &model->objects[OBJECT_SUBNET][i];

		if (!strcmp(network_of_subnet(request->door, subnet->id), choosing->network))
			*vec_push(&choosing->subnets, request->arena) = subnet;
	}
}

static json_t *fixed_ip(const char *subnet_id, const char *address)
{
	return json_pack("{s:s, s:s}", "subnet_id", subnet_id, "ip_address", address);
}

/* NULL: there is none left. */
static const char *free_address(struct choosing *choosing, const struct object *subnet)
{
	struct arena *arena = choosing->change->request->arena;
	json_t *record = json_loads(subnet->attrs.extra, 0, NULL), *pool;
	const char *found = NULL;
	size_t i;

	json_array_foreach(json_object_get(record, "allocation_pools"), i, pool)
	{
		const char *first = text_of(pool, "start"), *last = text_of(pool, "end");
		struct addr at, end;

		if (!first || !last || !addr_parse(first, &at) || !addr_parse(last, &end))
			continue;
		for (; !found && addr_compare(&at, &end) <= 0; at = addr_next(at, 1)) {
			const char *text = addr_text(arena, &at);

			if (!map_add(choosing->used, text, choosing))
				found = text;
			if (!addr_compare(&at, &end)) /* it may be the last one that there is */
				break;
		}
	}
	json_decref(record);
	return found;
}

static bool allocate(struct choosing *choosing, const struct object *subnet, json_t *list)
{
	const char *address = free_address(choosing, subnet);

	if (address) {
		json_array_append_new(list, fixed_ip(subnet->id, address));
		return true;
	}
	answer_error(choosing->change->request, 409, "IpAddressGenerationFailure",
		"Delete a port, or give it another subnet.",
		"No more IP addresses available on network %s.", choosing->network);
	return false;
}

static bool prefix_of(const struct object *subnet, struct prefix *ret)
{
	json_t *record = json_loads(subnet->attrs.extra, 0, NULL);
	bool is_fine = prefix_parse(text_of(record, "cidr"), ret);

	json_decref(record);
	return is_fine;
}

/* One of each version, where the port asks for nothing. */
static bool allocate_each(struct choosing *choosing, json_t *list)
{
	for (int family = FAMILY_IPV4; family <= FAMILY_IPV6; family++)
		vec_for_each (subnet, &choosing->subnets) {
			struct prefix prefix;

			if (!prefix_of(*subnet, &prefix) || (int)prefix.addr.family != family)
				continue;
			if (!allocate(choosing, *subnet, list))
				return false;
			break;
		}
	return true;
}

static const struct object *subnet_for(
	const struct choosing *choosing, const char *id, const struct addr *addr)
{
	vec_for_each (subnet, &choosing->subnets) {
		struct prefix prefix;

		if (id ? !strcmp((*subnet)->id, id)
		       : prefix_of(*subnet, &prefix) && prefix_contains(&prefix, addr))
			return *subnet;
	}
	return NULL;
}

static bool take_address(struct choosing *choosing, const json_t *item, json_t *list)
{
	struct request *request = choosing->change->request;
	const char *id = text_of(item, "subnet_id"), *text = text_of(item, "ip_address");
	const struct object *subnet;
	struct prefix prefix;
	struct addr addr;

	if (text && !addr_parse(text, &addr)) {
		answer_error(request, 400, "HTTPBadRequest", "Such as 192.0.2.7.",
			"Invalid input for fixed_ips. Reason: '%s' is not a valid IP address.",
			text);
		return false;
	}
	if (!id && !text) {
		answer_error(request, 400, "HTTPBadRequest",
			"Such as {\"ip_address\": \"192.0.2.7\"}, or {\"subnet_id\": ...}.",
			"IP allocation requires subnet_id or ip_address.");
		return false;
	}
	subnet = subnet_for(choosing, id, &addr);
	if (!subnet) {
		answer_error(request, 400, id ? "InvalidInput" : "InvalidIpForNetwork",
			"GET /v2.0/subnets lists subnets with their networks.", "%s",
			id ? arena_printf(request->arena,
				     "Invalid input for operation: Failed to create port on network "
				     "%s, because fixed_ips included invalid subnet %s.",
				     choosing->network, id)
			   : arena_printf(request->arena,
				     "IP address %s is not a valid IP for any of the subnets on the "
				     "specified network.",
				     text));
		return false;
	}
	if (!text)
		return allocate(choosing, subnet, list);
	if (!prefix_of(subnet, &prefix) || !prefix_contains(&prefix, &addr)) {
		answer_error(request, 400, "InvalidIpForSubnet", "",
			"IP address %s is not a valid IP for the specified subnet.", text);
		return false;
	}
	text = addr_text(request->arena, &addr);
	if (map_add(choosing->used, text, choosing)) {
		answer_error(request, 409, "IpAddressAlreadyAllocated",
			"Leave the address out to get a free one.",
			"IP address %s already allocated in subnet %s", text, subnet->id);
		return false;
	}
	json_array_append_new(list, fixed_ip(subnet->id, text));
	return true;
}

bool addresses_choose(struct change *change, json_t *port, const char *id)
{
	struct choosing choosing = {
		.change = change, .network = text_of(port, "network_id"), .own_id = id
	};
	json_t *asked = json_object_get(port, "fixed_ips"), *list, *item;
	bool is_fine = true;
	size_t i;

	if (!choosing.network ||
		!model_find(&change->request->door->model, OBJECT_NETWORK, choosing.network))
		return true;
	look_around(&choosing);
	list = json_array();
	if (!asked)
		is_fine = allocate_each(&choosing, list);
	json_array_foreach(asked, i, item) is_fine = is_fine && take_address(&choosing, item, list);
	if (is_fine)
		json_object_set_new(port, "fixed_ips", list);
	else
		json_decref(list);
	return is_fine;
}

const struct object *port_in_network(const struct door *door, const char *network_id)
{
	for (size_t i = 0; i < door->model.n[OBJECT_PORT]; i++) {
		const struct object *port = &door->model.objects[OBJECT_PORT][i];

		if (port->part.port.network && !strcmp(port->part.port.network, network_id))
			return port;
	}
	return NULL;
}

const struct object *port_in_subnet(const struct door *door, const char *subnet_id)
{
	const struct object *subnet = model_find(&door->model, OBJECT_SUBNET, subnet_id);
	json_t *record = subnet ? json_loads(subnet->attrs.extra, 0, NULL) : NULL;
	const char *network = text_of(record, "network_id");
	const struct object *found = NULL;
	struct prefix prefix;

	if (!record || !prefix_of(subnet, &prefix)) {
		json_decref(record);
		return NULL;
	}
	for (size_t i = 0; !found && i < door->model.n[OBJECT_PORT]; i++) {
		const struct object *port = &door->model.objects[OBJECT_PORT][i];
		const struct policy_port *part = &port->part.port;

		for (size_t a = 0; a < part->n_fixed_ips; a++)
			if (part->network && !strcmp(part->network, network) &&
				prefix_contains(&prefix, &part->fixed_ips[a]))
				found = port;
	}
	json_decref(record);
	return found;
}
