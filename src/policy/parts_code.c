// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Parts as bytes. Whoever reads them may trust them as far as a file that was parsed, whoever wrote them: each value goes through
 * the same checks (check.h), a rule as the texts that the API has for its fields. At the end the part is written again, and must
 * give the bytes that it came from: what has two spellings has only the one that policy_part_encode writes.
 */
#include "policy/parts.h"

#include <stdio.h>
#include <string.h>

#include "base/vec.h"
#include "base/wire.h"
#include "policy/source.h"
#include "policy/whole.h"

/* The fewest bytes of a list's items, so that no count makes more room than what came is worth. */
#define UUID_SIZE   (4 + 36)
#define RULE_SIZE   (4 + UUID_SIZE + 4 + 4) /* which fields, id, direction, ethertype */
#define ADDR_SIZE   (4 + 4)
#define PREFIX_SIZE (ADDR_SIZE + 4)
#define PAIR_SIZE   (PREFIX_SIZE + 6)

const char *policy_part_id(const struct policy_part *part)
{
	switch (part->kind) {
	case PART_GROUP:
		return part->group.id;
	case PART_ADDRESS_GROUP:
		return part->address_group.id;
	case PART_PORT:
	case N_PART_KINDS:
		break;
	}
	return part->port.id;
}

bool policy_part_is_id(const char *text)
{
	return uuid_is_normal(text);
}

/* --- writing --- */

static size_t addr_size(enum family family)
{
	return family == FAMILY_IPV6 ? 16 : 4;
}

static void put_addr(struct text *out, const struct addr *addr)
{
	wire_put_u32(out, addr->family);
	wire_put_bytes(out, addr->bytes, addr_size(addr->family));
}

static void put_prefix(struct text *out, const struct prefix *prefix)
{
	put_addr(out, &prefix->addr);
	wire_put_u32(out, prefix->len);
}

#define NUMBER_SIZE 12

static const char *number_text(char text[NUMBER_SIZE], unsigned number)
{
	snprintf(text, NUMBER_SIZE, "%u", number);
	return text;
}

/* As many as there are in the rule; the others are left out. */
static void put_rule(struct text *out, const struct policy_rule *rule, const char *remote_group_id,
	const char *remote_address_group_id)
{
	char first[NUMBER_SIZE], second[NUMBER_SIZE];
	const char *fields[N_RULE_FIELDS] = {
		[RULE_ID] = rule->id,
		[RULE_DIRECTION] = rule->direction == DIR_INGRESS ? "ingress" : "egress",
		[RULE_ETHERTYPE] = family_name(rule->ethertype),
		[RULE_PROTOCOL] = rule->has_proto ? rule->proto_text : NULL,
		[RULE_PREFIX] = rule->has_prefix ? rule->prefix_text : NULL,
		[RULE_DESCRIPTION] = rule->description[0] ? rule->description : NULL,
		[RULE_REMOTE_GROUP_ID] = remote_group_id,
		[RULE_REMOTE_ADDRESS_GROUP_ID] = remote_address_group_id,
	};
	uint32_t given = 0;

	if (rule->has_ports) {
		fields[RULE_PORT_MIN] = number_text(first, rule->port_min);
		fields[RULE_PORT_MAX] = number_text(second, rule->port_max);
	}
	if (rule->has_icmp_type)
		fields[RULE_ICMP_TYPE] = number_text(first, rule->icmp_type);
	if (rule->has_icmp_code)
		fields[RULE_ICMP_CODE] = number_text(second, rule->icmp_code);
	for (unsigned f = 0; f < N_RULE_FIELDS; f++)
		given |= (uint32_t)(fields[f] != NULL) << f;
	wire_put_u32(out, given);
	for (unsigned f = 0; f < N_RULE_FIELDS; f++)
		if (fields[f])
			wire_put_text(out, fields[f]);
}

static void put_group(struct text *out, const struct policy_part *part)
{
	const struct policy_group *group = &part->group;

	wire_put_text(out, group->id);
	wire_put_text(out, group->name);
	wire_put_text(out, group->description);
	wire_put_bool(out, group->stateful);
	wire_put_u32(out, (uint32_t)group->n_rules);
	for (size_t i = 0; i < group->n_rules; i++)
		put_rule(out, &group->rules[i], part->remote_group_ids[i],
			part->remote_address_group_ids[i]);
}

static void put_address_group(struct text *out, const struct policy_address_group *group)
{
	wire_put_text(out, group->id);
	wire_put_text(out, group->name);
	wire_put_text(out, group->description);
	for (unsigned f = 0; f < N_IP_FAMILIES; f++) {
		wire_put_u32(out, (uint32_t)group->addresses[f].n);
		for (size_t i = 0; i < group->addresses[f].n; i++)
			put_prefix(out, &group->addresses[f].items[i]);
	}
}

static void put_port(struct text *out, const struct policy_part *part)
{
	const struct policy_port *port = &part->port;

	wire_put_text(out, port->id);
	wire_put_text(out, port->name);
	wire_put_bool(out, port->has_device);
	if (port->has_device)
		wire_put_text(out, port->device);
	wire_put_bool(out, port->network != NULL);
	if (port->network)
		wire_put_text(out, port->network);
	wire_put_text(out, port->device_owner);
	wire_put_text(out, port->host);
	wire_put_bool(out, port->is_unbound);
	wire_put_bool(out, port->port_security);
	wire_put_bytes(out, port->mac.bytes, sizeof(port->mac.bytes));
	wire_put_u32(out, (uint32_t)port->n_fixed_ips);
	for (size_t i = 0; i < port->n_fixed_ips; i++)
		put_addr(out, &port->fixed_ips[i]);
	wire_put_u32(out, (uint32_t)port->n_pairs);
	for (size_t i = 0; i < port->n_pairs; i++) {
		put_prefix(out, &port->pairs[i].prefix);
		wire_put_bytes(out, port->pairs[i].mac.bytes, sizeof(port->pairs[i].mac.bytes));
	}
	wire_put_u32(out, (uint32_t)part->n_group_ids);
	for (size_t i = 0; i < part->n_group_ids; i++)
		wire_put_text(out, part->group_ids[i]);
}

void policy_part_encode(struct text *out, const struct policy_part *part)
{
	wire_put_u32(out, part->kind);
	switch (part->kind) {
	case PART_GROUP:
		put_group(out, part);
		break;
	case PART_ADDRESS_GROUP:
		put_address_group(out, &part->address_group);
		break;
	case PART_PORT:
	case N_PART_KINDS:
		put_port(out, part);
		break;
	}
}

/* --- reading --- */

struct decoding {
	struct wire wire;
	struct arena *arena;   /* what is kept */
	struct arena *scratch; /* gone when the part is read */
	struct fault fault;
};

static bool refuse(struct decoding *d)
{
	*d->wire.err = d->fault.err;
	return false;
}

static bool check_utf8(struct decoding *d, const char *text, const char *what)
{
	const char *end = text + strlen(text);

	while (text < end)
		if (utf8_next(&text, end) == UINT32_MAX)
			return err_input(d->wire.err, "this %s is not UTF-8", what);
	return true;
}

static bool get_name(struct decoding *d, const char *what, const char **ret)
{
	return wire_get_text(&d->wire, d->arena, ret) && check_utf8(d, *ret, what) &&
	       (check_name(*ret, what, &d->fault) || refuse(d));
}

static bool check_described(struct decoding *d, const char *text)
{
	return check_utf8(d, text, "description") &&
	       (check_description(text, &d->fault) || refuse(d));
}

static bool get_description(struct decoding *d, const char **ret)
{
	return wire_get_text(&d->wire, d->arena, ret) && check_described(d, *ret);
}

static bool check_id(struct decoding *d, const char *text)
{
	if (uuid_is_normal(text))
		return true;
	return err_input(
		d->wire.err, "%s is no UUID in lower case", source_shown(d->scratch, text));
}

static bool get_id(struct decoding *d, const char **ret)
{
	return wire_get_text(&d->wire, d->arena, ret) && check_id(d, *ret);
}

static bool get_addr(struct decoding *d, struct addr *ret)
{
	uint32_t family;

	*ret = (struct addr){ 0 };
	if (!wire_get_below(&d->wire, N_IP_FAMILIES, &family))
		return false;
	ret->family = (enum family)family;
	return wire_get_bytes(&d->wire, ret->bytes, addr_size(ret->family));
}

static bool get_prefix(struct decoding *d, struct prefix *ret)
{
	uint32_t len;
	struct prefix prefix = { 0 };

	if (!get_addr(d, &prefix.addr) ||
		!wire_get_below(&d->wire, prefix_max_len(prefix.addr.family) + 1u, &len))
		return false;
	prefix.len = (uint8_t)len;
	if (!prefix_is_bare(&prefix))
		return err_input(d->wire.err, "a prefix with bits behind its length");
	*ret = prefix;
	return true;
}

static bool get_mac(struct decoding *d, struct mac *ret)
{
	static const struct mac none;

	return wire_get_bytes(&d->wire, ret->bytes, sizeof(ret->bytes)) &&
	       (mac_equal(*ret, none) || check_mac_value(*ret, &d->fault) || refuse(d));
}

static bool get_rule(struct decoding *d, struct policy_rule *rule, const char **ret_group_id,
	const char **ret_address_group_id)
{
	const char *fields[N_RULE_FIELDS] = { NULL };
	static const unsigned kept[] = { RULE_ID, RULE_DESCRIPTION, RULE_REMOTE_GROUP_ID,
		RULE_REMOTE_ADDRESS_GROUP_ID };
	uint32_t given, is_kept = 0;

	for (size_t i = 0; i < N_OF(kept); i++)
		is_kept |= 1u << kept[i];
	if (!wire_get_below(&d->wire, 1u << N_RULE_FIELDS, &given))
		return false;
	for (unsigned f = 0; f < N_RULE_FIELDS; f++)
		if (given >> f & 1 && !wire_get_text(&d->wire,
					      is_kept >> f & 1 ? d->arena : d->scratch, &fields[f]))
			return false;
	if (!fields[RULE_ID])
		return err_input(d->wire.err, "a rule without an id");
	*ret_group_id = fields[RULE_REMOTE_GROUP_ID];
	*ret_address_group_id = fields[RULE_REMOTE_ADDRESS_GROUP_ID];
	rule->id = fields[RULE_ID];
	rule->description = fields[RULE_DESCRIPTION] ? fields[RULE_DESCRIPTION] : "";
	if (!check_id(d, rule->id) || !check_described(d, rule->description) ||
		(*ret_group_id && !check_id(d, *ret_group_id)) ||
		(*ret_address_group_id && !check_id(d, *ret_address_group_id)))
		return false;
	return check_rule(d->arena, d->scratch, fields, rule, &d->fault) || refuse(d);
}

static bool get_group(struct decoding *d, struct policy_part *part)
{
	struct policy_group *group = &part->group;

	if (!get_id(d, &group->id) || !get_name(d, "name", &group->name) ||
		!get_description(d, &group->description) ||
		!wire_get_bool(&d->wire, &group->stateful) ||
		!wire_get_count(&d->wire, RULE_SIZE, &group->n_rules))
		return false;
	group->rules = arena_new_array(d->arena, struct policy_rule, group->n_rules);
	part->remote_group_ids = arena_new_array(d->arena, const char *, group->n_rules);
	part->remote_address_group_ids = arena_new_array(d->arena, const char *, group->n_rules);
	for (size_t i = 0; i < group->n_rules; i++)
		if (!get_rule(d, &group->rules[i], &part->remote_group_ids[i],
			    &part->remote_address_group_ids[i]))
			return false;
	return true;
}

/* Sorted, and no one covers another. */
static bool get_addresses(struct decoding *d, enum family family, struct prefix_list *list)
{
	if (!wire_get_count(&d->wire, PREFIX_SIZE, &list->n))
		return false;
	list->items = arena_new_array(d->arena, struct prefix, list->n);
	for (size_t i = 0; i < list->n; i++) {
		if (!get_prefix(d, &list->items[i]))
			return false;
		if (list->items[i].addr.family != family)
			return err_input(d->wire.err, "an address among those of another family");
		if (i && (prefix_compare(&list->items[i - 1], &list->items[i]) >= 0 ||
				 prefix_covers(&list->items[i - 1], &list->items[i])))
			return err_input(d->wire.err, "addresses that are not in order");
	}
	return true;
}

static bool get_address_group(struct decoding *d, struct policy_address_group *group)
{
	if (!get_id(d, &group->id) || !get_name(d, "name", &group->name) ||
		!get_description(d, &group->description))
		return false;
	for (unsigned f = 0; f < N_IP_FAMILIES; f++)
		if (!get_addresses(d, (enum family)f, &group->addresses[f]))
			return false;
	return true;
}

static bool get_device(struct decoding *d, struct policy_port *port)
{
	if (!wire_get_bool(&d->wire, &port->has_device))
		return false;
	if (!port->has_device) {
		port->device = whole_tap_name(d->arena, port->id);
		return true;
	}
	return get_name(d, "device", &port->device) &&
	       (check_device(d->scratch, port->device, &d->fault) || refuse(d));
}

static bool get_port_texts(struct decoding *d, struct policy_port *port)
{
	bool has_network;

	if (!get_id(d, &port->id) || !get_name(d, "name", &port->name) || !get_device(d, port) ||
		!wire_get_bool(&d->wire, &has_network) ||
		(has_network && !get_name(d, "network", &port->network)) ||
		!get_name(d, "device_owner", &port->device_owner) ||
		!get_name(d, "binding:host_id", &port->host) ||
		!wire_get_bool(&d->wire, &port->is_unbound))
		return false;
	if (port->is_unbound && port->host[0])
		return err_input(d->wire.err, "a port on a host and on none");
	return true;
}

static bool get_fixed_ips(struct decoding *d, struct policy_port *port)
{
	if (!wire_get_count(&d->wire, ADDR_SIZE, &port->n_fixed_ips))
		return false;
	port->fixed_ips = arena_new_array(d->arena, struct addr, port->n_fixed_ips);
	for (size_t i = 0; i < port->n_fixed_ips; i++) {
		if (!get_addr(d, &port->fixed_ips[i]))
			return false;
		if (!check_fixed_ip_value(&port->fixed_ips[i], &d->fault))
			return refuse(d);
	}
	return true;
}

static bool get_pairs(struct decoding *d, struct policy_port *port)
{
	static const struct mac none;

	if (!wire_get_count(&d->wire, PAIR_SIZE, &port->n_pairs))
		return false;
	port->pairs = arena_new_array(d->arena, struct address_pair, port->n_pairs);
	for (size_t i = 0; i < port->n_pairs; i++) {
		struct address_pair *pair = &port->pairs[i];

		if (!get_prefix(d, &pair->prefix) || !get_mac(d, &pair->mac))
			return false;
		/* without one of its own it has the port's */
		if (mac_equal(pair->mac, none) && !mac_equal(port->mac, none))
			return err_input(d->wire.err, "a pair without the port's MAC");
	}
	return true;
}

static bool get_port(struct decoding *d, struct policy_part *part)
{
	struct policy_port *port = &part->port;

	port->stateful = true;
	if (!get_port_texts(d, port) || !wire_get_bool(&d->wire, &port->port_security) ||
		!get_mac(d, &port->mac) || !get_fixed_ips(d, port) || !get_pairs(d, port) ||
		!wire_get_count(&d->wire, UUID_SIZE, &part->n_group_ids))
		return false;
	part->group_ids = arena_new_array(d->arena, const char *, part->n_group_ids);
	for (size_t i = 0; i < part->n_group_ids; i++)
		if (!get_id(d, &part->group_ids[i]))
			return false;
	return check_port(d->scratch, port, &d->fault) || refuse(d);
}

static bool get_part(struct decoding *d, struct policy_part *part)
{
	uint32_t kind;

	if (!wire_get_below(&d->wire, N_PART_KINDS, &kind))
		return false;
	part->kind = (enum part_kind)kind;
	switch (part->kind) {
	case PART_GROUP:
		return get_group(d, part);
	case PART_ADDRESS_GROUP:
		return get_address_group(d, &part->address_group);
	case PART_PORT:
	case N_PART_KINDS:
		break;
	}
	return get_port(d, part);
}

bool policy_part_decode(struct arena *arena, const char **at, const char *end,
	struct policy_part *ret, struct err *err)
{
	struct arena *scratch CLEANUP(arena_freep) = arena_new();
	struct text again CLEANUP(text_done) = TEXT_INIT;
	struct decoding d = { .wire = { *at, end, err }, .arena = arena, .scratch = scratch };
	struct policy_part part = { 0 };

	if (!get_part(&d, &part))
		return err_prefix(err, "a part of a policy");
	policy_part_encode(&again, &part);
	if (again.len != (size_t)(d.wire.at - *at) || memcmp(again.data, *at, again.len) != 0)
		return err_input(err, "a part of a policy: a value in another spelling");
	*at = d.wire.at;
	*ret = part;
	return true;
}
