// SPDX-License-Identifier: GPL-2.0-or-later
/* portwall network, portwall subnet: which addresses ports may get. No packet depends on them. */
#include "cmd/objects.h"

#include <string.h>

#include "policy/check.h"

/* --- networks --- */

static void print_subnets(struct talk *talk, const json_t *network, struct text *out)
{
	const json_t *item;
	size_t i;

	json_array_foreach(json_object_get(network, "subnets"), i, item)
	{
		const char *id = json_string_value(item);

		text_addf(out, "%s%s", i ? "\n" : "", id ? name_of_id(talk, &subnet_kind, id) : "");
	}
}

static const struct object_field network_fields[] = {
	{ "id", "id", NULL, IN_LIST | IN_SHOW },
	{ "name", "name", NULL, IN_LIST | IN_SHOW },
	{ "subnets", NULL, print_subnets, IN_LIST | IN_SHOW },
	{ "description", "description", NULL, IN_LONG | IN_SHOW },
	{ "status", "status", NULL, IN_LONG | IN_SHOW },
	{ "port security", "port_security_enabled", NULL, IN_LONG | IN_SHOW },
	{ "mtu", "mtu", NULL, IN_SHOW | OPTIONAL },
	{ "shared", "shared", NULL, IN_LONG | IN_SHOW },
	{ "project", "project_id", NULL, IN_LONG | IN_SHOW | OPTIONAL },
	{ "tags", "tags", NULL, IN_LONG | IN_SHOW | OPTIONAL },
	{ "created", "created_at", NULL, IN_SHOW | OPTIONAL },
	{ "updated", "updated_at", NULL, IN_SHOW | OPTIONAL },
	{ "revision", "revision_number", NULL, IN_SHOW | OPTIONAL },
};

const struct object_kind network_kind = {
	.words = "network",
	.noun = "network",
	.path = "/v2.0/networks",
	.one = "network",
	.many = "networks",
	.fields = network_fields,
	.n_fields = N_OF(network_fields),
};

static bool add_filters(struct talk *talk, struct text *path, struct err *err)
{
	const struct object_words *words = &talk->inv->object;
	const char *network;

	if (words->network) {
		if (!object_find_id(talk, &network_kind, words->network, &network, err))
			return false;
		add_filter(path, "network_id", network);
	}
	add_common_filters(talk, path);
	return true;
}

static bool fill_network(struct talk *talk, const json_t *before, json_t *body, struct err *err)
{
	const struct object_words *words = &talk->inv->object;

	put_port_security(words, body);
	return put_word(body, "name", before ? words->name : talk->inv->args[0], err) &&
	       put_word(body, "description", words->description, err) &&
	       put_word(body, "project_id", before ? NULL : words->project, err);
}

bool cmd_network_list(struct invocation *inv, struct err *err)
{
	return objects_list(inv, &network_kind, add_filters, err);
}

bool cmd_network_show(struct invocation *inv, struct err *err)
{
	return objects_show(inv, &network_kind, err);
}

bool cmd_network_create(struct invocation *inv, struct err *err)
{
	return check_port_security(&inv->object, err) &&
	       objects_create(inv, &network_kind, fill_network, err);
}

bool cmd_network_set(struct invocation *inv, struct err *err)
{
	const struct object_words *words = &inv->object;

	if (!words->name && !words->description && !words->port_security &&
		!words->no_port_security && !words->n_tags && !words->no_tag)
		return refuse_nothing(inv, err);
	return check_port_security(words, err) &&
	       objects_change(inv, &network_kind, fill_network, err);
}

bool cmd_network_delete(struct invocation *inv, struct err *err)
{
	return objects_delete(inv, &network_kind, err);
}

/* --- subnets --- */

static void print_network(struct talk *talk, const json_t *subnet, struct text *out)
{
	text_add(out, name_of_id(talk, &network_kind, daemon_word(subnet, "network_id")));
}

static void print_pools(struct talk *talk, const json_t *subnet, struct text *out)
{
	const json_t *pool;
	size_t i;

	(void)talk;
	json_array_foreach(json_object_get(subnet, "allocation_pools"), i, pool)
	{
		text_addf(out, "%s%s-%s", i ? "\n" : "", daemon_word(pool, "start"),
			daemon_word(pool, "end"));
	}
}

static const struct object_field subnet_fields[] = {
	{ "id", "id", NULL, IN_LIST | IN_SHOW },
	{ "name", "name", NULL, IN_LIST | IN_SHOW },
	{ "network", NULL, print_network, IN_LIST | IN_SHOW },
	{ "subnet range", "cidr", NULL, IN_LIST | IN_SHOW },
	{ "gateway", "gateway_ip", NULL, IN_LONG | IN_SHOW },
	{ "allocation pools", NULL, print_pools, IN_LONG | IN_SHOW },
	{ "description", "description", NULL, IN_LONG | IN_SHOW },
	{ "project", "project_id", NULL, IN_LONG | IN_SHOW | OPTIONAL },
	{ "tags", "tags", NULL, IN_LONG | IN_SHOW | OPTIONAL },
	{ "created", "created_at", NULL, IN_SHOW | OPTIONAL },
	{ "updated", "updated_at", NULL, IN_SHOW | OPTIONAL },
	{ "revision", "revision_number", NULL, IN_SHOW | OPTIONAL },
};

const struct object_kind subnet_kind = {
	.words = "subnet",
	.noun = "subnet",
	.path = "/v2.0/subnets",
	.one = "subnet",
	.many = "subnets",
	.fields = subnet_fields,
	.n_fields = N_OF(subnet_fields),
};

static const char *const pool_keys[] = { "start", "end" };
enum { POOL_START, POOL_END };

static bool read_pool(
	struct arena *arena, const char *text, const char **ret_values, struct err *err)
{
	struct addr start, end;

	if (!parse_pairs(
		    arena, "--allocation-pool", text, pool_keys, N_OF(pool_keys), ret_values, err))
		return false;
	if (ret_values[POOL_START] && ret_values[POOL_END] &&
		addr_parse(ret_values[POOL_START], &start) &&
		addr_parse(ret_values[POOL_END], &end))
		return true;
	err_input(err, "--allocation-pool %s: it must have two addresses", text);
	return err_next(err, "such as --allocation-pool start=192.0.2.10,end=192.0.2.99");
}

/* "auto" and "none" beside an address, as the openstack client has them. */
static bool is_gateway(const char *word)
{
	struct addr addr;

	return !strcmp(word, "auto") || !strcmp(word, "none") || addr_parse(word, &addr);
}

static bool check_subnet(struct invocation *inv, struct err *err)
{
	const struct object_words *words = &inv->object;

	if (words->gateway && !is_gateway(words->gateway)) {
		err_input(err, "--gateway %s is no address", words->gateway);
		return err_next(err, "or auto (the first address of the range), or none");
	}
	for (size_t i = 0; i < words->n_pools; i++) {
		const char *values[N_OF(pool_keys)] = { NULL };

		if (!read_pool(inv->arena, words->pools[i], values, err))
			return false;
	}
	return true;
}

static bool put_pools(struct talk *talk, json_t *body, struct err *err)
{
	const struct object_words *words = &talk->inv->object;
	json_t *pools;

	if (!words->n_pools)
		return true;
	pools = json_array();
	json_object_set_new(body, "allocation_pools", pools);
	for (size_t i = 0; i < words->n_pools; i++) {
		const char *values[N_OF(pool_keys)] = { NULL };

		if (!read_pool(talk->arena, words->pools[i], values, err))
			return false;
		json_array_append_new(pools, json_pack("{s:s, s:s}", "start", values[POOL_START],
						     "end", values[POOL_END]));
	}
	return true;
}

static bool put_gateway(const struct object_words *words, json_t *body, struct err *err)
{
	if (!words->gateway || !strcmp(words->gateway, "auto"))
		return true;
	if (strcmp(words->gateway, "none") != 0)
		return put_word(body, "gateway_ip", words->gateway, err);
	json_object_set_new(body, "gateway_ip", json_null());
	return true;
}

static bool fill_subnet(struct talk *talk, const json_t *before, json_t *body, struct err *err)
{
	const struct object_words *words = &talk->inv->object;
	const char *network;
	struct prefix range;

	if (!before) {
		if (!object_find_id(talk, &network_kind, words->network, &network, err) ||
			!put_word(body, "network_id", network, err) ||
			!put_word(body, "cidr", words->subnet_range, err) ||
			!put_word(body, "project_id", words->project, err))
			return false;
		prefix_parse(words->subnet_range, &range); /* it was checked */
		json_object_set_new(
			body, "ip_version", json_integer(range.addr.family == FAMILY_IPV4 ? 4 : 6));
	}
	return put_word(body, "name", before ? words->name : talk->inv->args[0], err) &&
	       put_word(body, "description", words->description, err) &&
	       put_gateway(words, body, err) && put_pools(talk, body, err);
}

bool cmd_subnet_list(struct invocation *inv, struct err *err)
{
	return objects_list(inv, &subnet_kind, add_filters, err);
}

bool cmd_subnet_show(struct invocation *inv, struct err *err)
{
	return objects_show(inv, &subnet_kind, err);
}

bool cmd_subnet_create(struct invocation *inv, struct err *err)
{
	const struct object_words *words = &inv->object;
	struct prefix range;
	struct fault fault;

	if (!words->network || !words->subnet_range) {
		err_input(err, "subnet create: --network and --subnet-range have to be said");
		return err_next(err, "portwall subnet create --help has an example");
	}
	if (!check_prefix(inv->arena, words->subnet_range, &range, &fault)) {
		*err = fault.err;
		return err_prefix(err, "--subnet-range");
	}
	return check_subnet(inv, err) && objects_create(inv, &subnet_kind, fill_subnet, err);
}

bool cmd_subnet_set(struct invocation *inv, struct err *err)
{
	const struct object_words *words = &inv->object;

	if (!words->name && !words->description && !words->gateway && !words->n_pools &&
		!words->n_tags && !words->no_tag)
		return refuse_nothing(inv, err);
	return check_subnet(inv, err) && objects_change(inv, &subnet_kind, fill_subnet, err);
}

bool cmd_subnet_delete(struct invocation *inv, struct err *err)
{
	return objects_delete(inv, &subnet_kind, err);
}
