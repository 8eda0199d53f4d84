// SPDX-License-Identifier: GPL-2.0-or-later
#include "policy/whole.h"

#include <string.h>
#include <strings.h>

#include "base/limits.h"
#include "policy/check.h"

void whole_init(struct whole *whole, struct arena *scratch, const char *host)
{
	*whole = (struct whole){ .scratch = scratch,
		.host = host,
		.set_ids = map_new(scratch),
		.rule_ids = map_new(scratch),
		.port_ids = map_new(scratch),
		.chain_ids = map_new(scratch),
		.devices = map_new(scratch) };
}

/* For both kinds of group in one namespace. */
void *whole_add_set(struct whole *whole, const char *group_id, void *whose)
{
	return map_add(whole->set_ids, arena_strndup(whole->scratch, group_id, SET_ID_LEN), whose);
}

void *whole_add_rule(struct whole *whole, const char *rule_id, void *whose)
{
	return map_add(whole->rule_ids, rule_id, whose);
}

const char *whole_rule_key(struct arena *arena, const struct policy_rule *rule)
{
	return check_rule_key(arena, rule, rule->remote_group ? rule->remote_group->id : NULL,
		rule->remote_address_group ? rule->remote_address_group->id : NULL);
}

/* A port that is elsewhere has neither an interface nor chains here. */
enum clash whole_add_port(
	struct whole *whole, struct policy_port *port, const struct policy_port **ret_before)
{
	const struct policy_port *before = map_add(whole->port_ids, port->id, port);
	enum clash clash = CLASH_ID;

	if (!before && port->is_local) {
		before = map_add(whole->devices, port->device, port);
		clash = CLASH_DEVICE;
	}
	if (!before && port->is_local) {
		before = map_add(whole->chain_ids,
			arena_strndup(whole->scratch, port->id, CHAIN_ID_LEN), port);
		clash = CLASH_CHAIN;
	}
	if (!before)
		return CLASH_NONE;
	*ret_before = before;
	return clash;
}

bool whole_count_rules(struct whole *whole, size_t n, struct err *err)
{
	whole->n_rules += n;
	return whole->n_rules <= LIMIT_RULES ||
	       err_limit(err, "more than %d rules in all groups", LIMIT_RULES);
}

/* What one object adds is far below 2^32, so the sum fits. */
bool whole_count_members(struct whole *whole, size_t n, struct err *err)
{
	whole->n_members += n;
	return whole->n_members <= LIMIT_MEMBERS ||
	       err_limit(err, "more than %d addresses in all groups", LIMIT_MEMBERS);
}

/*
 * A host is its name with or without its domain: a port that is mistaken for remote would not be
 * filtered.
 */
static bool is_this_host(const char *host, const char *name)
{
	size_t len = strcspn(host, "."), name_len = strcspn(name, ".");

	if (!strcasecmp(host, name))
		return true;
	return len == name_len && !strncasecmp(host, name, len) && (!host[len] || !name[name_len]);
}

bool whole_port_is_local(const struct whole *whole, const struct policy_port *port)
{
	if (!whole->host)
		return true;
	return port->host[0] ? is_this_host(whole->host, port->host) : !port->is_unbound;
}

void whole_finish_port(struct policy_port *port)
{
	if (port->n_groups)
		port->stateful = port->groups[0]->stateful;
	if (!port->name[0])
		port->name = port->device;
}

const char *whole_tap_name(struct arena *arena, const char *port_id)
{
	return arena_printf(arena, "tap%.*s", DEVICE_ID_LEN, port_id);
}
