// SPDX-License-Identifier: GPL-2.0-or-later
/* From a document to its part. */
#include "api/documents.h"

#include <ctype.h>
#include <string.h>

#include "base/limits.h"
#include "base/map.h"
#include "base/vec.h"

struct reading {
	struct arena *arena;   /* what is kept */
	struct arena *scratch; /* gone when the document is read */
	const json_t *document;
	struct err *err;
};

/* --- values --- */

static bool fail_fault(struct reading *r, const char *field, const struct fault *fault)
{
	*r->err = fault->err;
	return err_prefix(r->err, "%s", field);
}

static const char *type_name(const json_t *value)
{
	return json_is_array(value) ? "a list" : json_is_object(value) ? "an object" : "a value";
}

static bool check_object(struct reading *r, const json_t *value, const char *what)
{
	if (json_is_object(value))
		return true;
	return err_input(r->err, "%s is an object, not %s", what, type_name(value));
}

/* NULL: it is absent, or null, which is the same. */
static const json_t *find(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	return json_is_null(value) ? NULL : value;
}

/* As it would stand in a policy file, where all values are texts. */
static bool read_value(struct reading *r, const json_t *value, const char *what, const char **ret)
{
	switch (json_typeof(value)) {
	case JSON_STRING:
		if (strlen(json_string_value(value)) != json_string_length(value))
			return err_input(r->err, "%s: there is a zero byte in it", what);
		*ret = json_string_value(value);
		return true;
	case JSON_INTEGER:
		*ret = arena_printf(r->scratch, "%lld", (long long)json_integer_value(value));
		return true;
	case JSON_REAL:
		*ret = arena_printf(r->scratch, "%.17g", json_real_value(value));
		return true;
	case JSON_TRUE:
	case JSON_FALSE:
		*ret = json_is_true(value) ? "true" : "false";
		return true;
	case JSON_NULL:
		return err_input(r->err, "%s is null", what);
	case JSON_OBJECT:
	case JSON_ARRAY:
		break;
	}
	return err_input(r->err, "%s is a single value, not %s", what, type_name(value));
}

/* These leave *ret alone when the key is absent. */
static bool read_text(struct reading *r, const json_t *object, const char *key, const char **ret)
{
	const json_t *value = find(object, key);

	return !value || read_value(r, value, key, ret);
}

static bool read_name(struct reading *r, const json_t *object, const char *key, const char **ret)
{
	struct fault fault;
	const char *text = NULL;

	if (!read_text(r, object, key, &text))
		return false;
	if (!text)
		return true;
	if (!check_name(text, key, &fault))
		return fail_fault(r, key, &fault);
	*ret = arena_strdup(r->arena, text);
	return true;
}

static bool read_description(struct reading *r, const json_t *object, const char **ret)
{
	struct fault fault;
	const char *text = "";

	if (!read_text(r, object, "description", &text))
		return false;
	if (!check_description(text, &fault))
		return fail_fault(r, "description", &fault);
	*ret = text[0] ? arena_strdup(r->arena, text) : "";
	return true;
}

static bool read_bool(struct reading *r, const json_t *object, const char *key, bool *ret)
{
	const json_t *value = find(object, key);

	if (!value)
		return true;
	if (!json_is_boolean(value)) {
		err_input(r->err, "%s is neither true nor false", key);
		return err_next(r->err, "%s: true or false.", key);
	}
	*ret = json_is_true(value);
	return true;
}

static bool read_list(
	struct reading *r, const json_t *object, const char *key, const json_t **ret, size_t *ret_n)
{
	const json_t *value = find(object, key);

	if (value && !json_is_array(value))
		return err_input(r->err, "%s is a list, not %s", key, type_name(value));
	*ret = value;
	*ret_n = json_array_size(value); /* 0 of NULL */
	return true;
}

/* In lower case, in which all ids are kept. */
static bool read_id_value(
	struct reading *r, const json_t *value, const char *what, const char **ret)
{
	const char *text = "";
	char *lower;

	if (!read_value(r, value, what, &text))
		return false;
	lower = arena_strdup(r->arena, text);
	for (char *c = lower; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	if (!policy_part_is_id(lower)) {
		err_input(r->err, "%s is no UUID", what);
		return err_next(r->err, "Such as 5b2c0a4e-9d1f-4a57-8a3c-0f6f2f3d7b11.");
	}
	*ret = lower;
	return true;
}

static bool read_id(struct reading *r, const json_t *object, const char *key, const char **ret)
{
	const json_t *value = find(object, key);

	return !value || read_id_value(r, value, key, ret);
}

static bool read_own_id(struct reading *r, const json_t *object, const char *what, const char **ret)
{
	if (!read_id(r, object, "id", ret))
		return false;
	return *ret || err_input(r->err, "%s needs an id", what);
}

/* --- groups --- */

/* The names that a policy file has for groups: an id is meant here. Not to look at them would open the rule to everybody. */
static bool check_references(struct reading *r, const char *const fields[N_RULE_FIELDS])
{
	static const unsigned by_name[] = { RULE_REMOTE_GROUP, RULE_REMOTE_ADDRESS_GROUP };

	for (size_t i = 0; i < N_OF(by_name); i++) {
		const char *name = rule_field_names[by_name[i]];

		if (!fields[by_name[i]])
			continue;
		err_input(r->err, "%s: a group is meant by its id here", name);
		return err_next(r->err, "Write %s_id.", name);
	}
	return true;
}

static bool read_rule(struct reading *r, const json_t *object, struct policy_part *part, size_t i)
{
	struct policy_rule *rule = &part->group.rules[i];
	const char *fields[N_RULE_FIELDS] = { NULL };
	const char *group_id = part->group.id;
	struct fault fault;

	if (!check_object(r, object, "a rule"))
		return false;
	for (unsigned f = 0; f < N_RULE_FIELDS; f++)
		if (!read_text(r, object, rule_field_names[f], &fields[f]))
			return false;
	if (!read_own_id(r, object, "a rule", &rule->id) || !check_references(r, fields) ||
		!read_description(r, object, &rule->description) ||
		!read_id(r, object, "security_group_id", &group_id) ||
		!read_id(r, object, "remote_group_id", &part->remote_group_ids[i]) ||
		!read_id(r, object, "remote_address_group_id", &part->remote_address_group_ids[i]))
		return false;
	if (strcmp(group_id, part->group.id) != 0)
		return err_input(r->err, "security_group_id: %s is another group", group_id);
	return check_rule(r->arena, r->scratch, fields, rule, &fault) ||
	       fail_fault(r, rule_field_names[fault.field], &fault);
}

static bool read_group(struct reading *r, const json_t *object, struct policy_part *part)
{
	struct policy_group *group = &part->group;
	const json_t *rules = NULL;

	group->name = "";
	group->stateful = true;
	if (!read_own_id(r, object, "a security group", &group->id) ||
		!read_name(r, object, "name", &group->name) ||
		!read_description(r, object, &group->description) ||
		!read_bool(r, object, "stateful", &group->stateful) ||
		!read_list(r, object, "security_group_rules", &rules, &group->n_rules))
		return false;
	if (group->n_rules > LIMIT_RULES)
		return err_limit(r->err, "more than %d rules", LIMIT_RULES);
	group->rules = arena_new_array(r->arena, struct policy_rule, group->n_rules);
	part->remote_group_ids = arena_new_array(r->arena, const char *, group->n_rules);
	part->remote_address_group_ids = arena_new_array(r->arena, const char *, group->n_rules);
	for (size_t i = 0; i < group->n_rules; i++)
		if (!read_rule(r, json_array_get(rules, i), part, i))
			return err_prefix(r->err, "security_group_rules[%zu]", i);
	return true;
}

static bool read_prefix(
	struct reading *r, const json_t *value, const char *what, struct prefix *ret)
{
	const char *text = "";
	struct fault fault;

	if (!read_value(r, value, what, &text))
		return false;
	return check_prefix(r->scratch, text, ret, &fault) || fail_fault(r, what, &fault);
}

static bool read_address_group(
	struct reading *r, const json_t *object, struct policy_address_group *group)
{
	const json_t *addresses = NULL;
	struct prefix *prefixes;
	size_t n = 0;

	group->name = "";
	if (!read_own_id(r, object, "an address group", &group->id) ||
		!read_name(r, object, "name", &group->name) ||
		!read_description(r, object, &group->description) ||
		!read_list(r, object, "addresses", &addresses, &n))
		return false;
	if (n > LIMIT_MEMBERS)
		return err_limit(r->err, "more than %d addresses", LIMIT_MEMBERS);
	prefixes = arena_new_array(r->scratch, struct prefix, n);
	for (size_t i = 0; i < n; i++)
		if (!read_prefix(r, json_array_get(addresses, i),
			    arena_printf(r->scratch, "addresses[%zu]", i), &prefixes[i]))
			return false;
	prefix_lists_make(r->arena, prefixes, n, group->addresses);
	return true;
}

/* --- ports --- */

static bool read_mac(struct reading *r, const json_t *object, struct mac *ret)
{
	const char *text = NULL;
	struct fault fault;

	if (!read_text(r, object, "mac_address", &text))
		return false;
	return !text || check_mac(r->scratch, text, ret, &fault) ||
	       fail_fault(r, "mac_address", &fault);
}

static bool read_device(struct reading *r, const json_t *object, struct policy_port *port)
{
	struct fault fault;

	if (!read_name(r, object, "device", &port->device))
		return false;
	port->has_device = port->device != NULL;
	if (!port->has_device)
		port->device = whole_tap_name(r->arena, port->id);
	return !port->has_device || check_device(r->scratch, port->device, &fault) ||
	       fail_fault(r, "device", &fault);
}

/* An object as in the API, or the address alone as a policy file may have it. */
static bool read_fixed_ip(struct reading *r, const json_t *item, struct addr *ret)
{
	const json_t *value = json_is_object(item) ? find(item, "ip_address") : item;
	const char *text = "";
	struct fault fault;

	if (!value)
		return err_input(r->err, "a fixed address needs ip_address");
	if (!read_value(r, value, "ip_address", &text))
		return false;
	return check_fixed_ip(r->scratch, text, ret, &fault) || fail_fault(r, "ip_address", &fault);
}

static bool read_fixed_ips(struct reading *r, const json_t *object, struct policy_port *port)
{
	const json_t *list = NULL;

	if (!read_list(r, object, "fixed_ips", &list, &port->n_fixed_ips))
		return false;
	port->fixed_ips = arena_new_array(r->arena, struct addr, port->n_fixed_ips);
	for (size_t i = 0; i < port->n_fixed_ips; i++)
		if (!read_fixed_ip(r, json_array_get(list, i), &port->fixed_ips[i]))
			return err_prefix(r->err, "fixed_ips[%zu]", i);
	return true;
}

static bool read_pair(struct reading *r, const json_t *item, struct address_pair *pair)
{
	const json_t *address;

	if (!check_object(r, item, "an allowed address pair"))
		return false;
	address = find(item, "ip_address");
	if (!address)
		return err_input(r->err, "an allowed address pair needs ip_address");
	return read_prefix(r, address, "ip_address", &pair->prefix) &&
	       read_mac(r, item, &pair->mac);
}

static bool read_pairs(struct reading *r, const json_t *object, struct policy_port *port)
{
	const json_t *list = NULL;

	if (!read_list(r, object, "allowed_address_pairs", &list, &port->n_pairs))
		return false;
	port->pairs = arena_new_array(r->arena, struct address_pair, port->n_pairs);
	for (size_t i = 0; i < port->n_pairs; i++) {
		port->pairs[i].mac = port->mac;
		if (!read_pair(r, json_array_get(list, i), &port->pairs[i]))
			return err_prefix(r->err, "allowed_address_pairs[%zu]", i);
	}
	return true;
}

static bool read_port_groups(struct reading *r, const json_t *object, struct policy_part *part)
{
	const json_t *list = NULL;

	if (!read_list(r, object, "security_groups", &list, &part->n_group_ids))
		return false;
	part->group_ids = arena_new_array(r->arena, const char *, part->n_group_ids);
	for (size_t i = 0; i < part->n_group_ids; i++)
		if (!read_id_value(r, json_array_get(list, i),
			    arena_printf(r->scratch, "security_groups[%zu]", i),
			    &part->group_ids[i]))
			return false;
	return true;
}

/*
 * check_port asks for the groups themselves, of which only the ids are known: it gets others, the same for the same id. Whether
 * those of the port are of one kind shows when parts are joined.
 */
static bool check_whole_port(struct reading *r, const struct policy_part *part)
{
	struct map *by_id = map_new(r->scratch);
	struct policy_port port = part->port;
	struct fault fault;

	port.n_groups = part->n_group_ids;
	port.groups = arena_new_array(r->scratch, const struct policy_group *, port.n_groups);
	for (size_t i = 0; i < port.n_groups; i++) {
		struct policy_group *group = arena_new_one(r->scratch, struct policy_group);
		const struct policy_group *before;

		group->id = group->name = part->group_ids[i];
		before = map_add(by_id, group->id, group);
		port.groups[i] = before ? before : group;
	}
	if (check_port(r->scratch, &port, &fault))
		return true;
	*r->err = fault.err;
	if (fault.code != FAULT_PORT_SECURITY_CONFLICT &&
		json_is_array(find(r->document, port_field_names[fault.field])))
		return err_prefix(r->err, "%s[%zu]", port_field_names[fault.field], fault.item);
	return err_prefix(r->err, "%s", port_field_names[fault.field]);
}

static bool read_port(struct reading *r, const json_t *object, struct policy_part *part)
{
	struct policy_port *port = &part->port;
	const char *host = NULL;

	*port = (struct policy_port){
		.name = "", .device_owner = "", .host = "", .port_security = true, .stateful = true
	};
	if (!read_own_id(r, object, "a port", &port->id) ||
		!read_name(r, object, "name", &port->name) || !read_device(r, object, port) ||
		!read_name(r, object, "network_id", &port->network) ||
		!read_name(r, object, "device_owner", &port->device_owner) ||
		!read_name(r, object, "binding:host_id", &host) ||
		!read_bool(r, object, "port_security_enabled", &port->port_security) ||
		!read_mac(r, object, &port->mac) || !read_fixed_ips(r, object, port) ||
		!read_pairs(r, object, port) || !read_port_groups(r, object, part))
		return false;
	port->is_unbound = host && !host[0];
	port->host = host ? host : "";
	return check_whole_port(r, part);
}

bool document_to_part(struct arena *arena, const json_t *document, enum part_kind kind,
	struct policy_part *ret, struct err *err)
{
	static const char *const whats[N_PART_KINDS] = { [PART_GROUP] = "a security group",
		[PART_ADDRESS_GROUP] = "an address group",
		[PART_PORT] = "a port" };
	struct arena *scratch CLEANUP(arena_freep) = arena_new();
	struct reading r = { arena, scratch, document, err };
	struct policy_part part = { .kind = kind };

	if (!check_object(&r, document, whats[kind]) ||
		!(kind == PART_GROUP ? read_group(&r, document, &part)
			: kind == PART_PORT
				? read_port(&r, document, &part)
				: read_address_group(&r, document, &part.address_group)))
		return false;
	*ret = part;
	return true;
}
