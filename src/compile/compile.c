// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From a policy to the ruleset of a host. The order of work: what every rule refers to first
 * (names, the lines that all ports share, the rules of the groups as matches), then the tables,
 * and last the sets, because only then it is known which ones a rule names.
 *
 * Everything that stands in 1,000 ports is made once: matches of fixed lines, of dispatch, of
 * group rules are shared between rules and between families. Nobody changes a compiled rule.
 */
#include "compile/internal.h"

#include <stdlib.h>
#include <string.h>

static int by_port_id(const void *a, const void *b)
{
	const struct port_plan *x = a, *y = b;

	return strcmp(x->port->id, y->port->id);
}

bool compile_check_plug(const struct plug *plug, struct err *err)
{
	const struct {
		const char *what, *name;
	} names[] = { { "device", plug->port->device }, { "bridge", plug->bridge },
		{ "hybrid peer", plug->hybrid_peer } };

	for (size_t i = 0; i < N_OF(names); i++)
		if (names[i].name && !name_is_interface(names[i].name))
			return err_input(err,
				"port %s: the name of the %s, \"%s\", cannot be written in a rule: "
				"iptables and nft give one of its characters a meaning",
				plug->port->name, names[i].what, names[i].name);
	return true;
}

/* Two ports of one chain name, or of one device, would be judged by each other's rules. */
static bool port_claim(struct map *claimed, const char *what, const char *key,
	struct port_plan *port, struct err *err)
{
	const struct port_plan *other = map_add(claimed, key, port);

	if (!other)
		return true;
	err_input(err, "ports %s and %s have the same %s %s", other->port->id, port->port->id, what,
		key);
	return false;
}

static void port_plan_init(struct compiler *c, struct port_plan *port)
{
	const char *id = port->port->id, *device = port->port->device;

	port->key = arena_strndup(c->arena, id, strnlen(id, CHAIN_KEY_LEN));
	port->chain_i = compile_chain_name(c->arena, c->scope, 'i', id);
	port->chain_o = compile_chain_name(c->arena, c->scope, 'o', id);
	port->chain_s = compile_chain_name(c->arena, c->scope, 's', id);
	port->bridged_out = matches_copy(c,
		(struct match[]){ { .kind = MATCH_PHYSDEV_OUT, .name = device },
			{ .kind = MATCH_PHYSDEV_BRIDGED } },
		2);
	port->bridged_in = matches_copy(c,
		(struct match[]){ { .kind = MATCH_PHYSDEV_IN, .name = device },
			{ .kind = MATCH_PHYSDEV_BRIDGED } },
		2);
}

/* Those of the part. */
static void ports_list(struct compiler *c, const struct plug *plugs, size_t n_plugs)
{
	const struct compile_part *part = c->options->part;

	c->ports = arena_new_array(c->arena, struct port_plan, n_plugs);
	for (size_t i = 0; i < n_plugs; i++) {
		bool has_chains = !part || part->has_chains[i];
		struct port_plan *port = &c->ports[c->n_ports];

		if (!has_chains && !part->has_shared)
			continue;
		*port = (struct port_plan){ .plug = &plugs[i], .port = plugs[i].port };
		port->is_filtered = policy_port_is_filtered(port->port) && !plugs[i].is_shut;
		port->has_chains = port->is_filtered && has_chains;
		c->n_ports++;
	}
	if (c->n_ports)
		qsort(c->ports, c->n_ports, sizeof(*c->ports), by_port_id);
}

static bool ports_init(
	struct compiler *c, const struct plug *plugs, size_t n_plugs, struct err *err)
{
	struct map *keys = map_new(c->arena), *devices = map_new(c->arena);

	ports_list(c, plugs, n_plugs);
	for (size_t i = 0; i < c->n_ports; i++) {
		struct port_plan *port = &c->ports[i];

		if (!compile_check_plug(port->plug, err))
			return false;
		port_plan_init(c, port);
		if (!port_claim(devices, "device", port->port->device, port, err))
			return false;
		if (!port->is_filtered)
			continue;
		c->n_filtered++;
		c->n_with_chains += port->has_chains;
		if (!port_claim(keys, "beginning of the id", port->key, port, err))
			return err_next(err,
				"Chains are named by the first %d characters of a port's "
				"id, as Neutron does.",
				CHAIN_KEY_LEN);
	}
	return true;
}

bool compile_policy(struct arena *arena, const struct policy *policy, const struct plug *plugs,
	size_t n_plugs, const struct compile_options *options, const struct ruleset **ret,
	struct err *err)
{
	struct compiler c = {
		.arena = arena,
		.scope = &options->scope,
		.options = options,
		.rs = ruleset_new(arena),
	};

	(void)policy; /* the plugs point into it */
	names_init(&c);
	if (!ports_init(&c, plugs, n_plugs, err) || !rules_init(&c, err))
		return false;
	lines_init(&c);
	/* In their sorted order, with room for all: no table moves. */
	c.rs->cap_tables = 2 * N_IP_FAMILIES + 1;
	c.rs->tables = arena_new_array(arena, struct table, c.rs->cap_tables);
	for (enum family f = FAMILY_IPV4; f < N_IP_FAMILIES; f++) {
		filter_make(&c, ruleset_add_table(arena, c.rs, f, "filter"));
		if (has_shared(&c) &&
			!zones_make(&c, ruleset_add_table(arena, c.rs, f, "raw"), err))
			return false;
	}
	if (has_shared(&c))
		frames_make(&c, ruleset_add_table(arena, c.rs, FAMILY_BRIDGE, c.scope->l2_table));
	sets_make(&c);
	*ret = c.rs;
	return true;
}
