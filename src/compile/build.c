// SPDX-License-Identifier: GPL-2.0-or-later
/* What every part of a compile builds with: rules, their origins, a port's sources. */
#include "compile/internal.h"

#include <string.h>

const struct origin *origin_of(
	struct compiler *c, struct port_plan *port, enum duty duty, enum direction direction)
{
	struct origin **slot = &port->origins[direction][duty];

	if (!*slot) {
		*slot = arena_new_one(c->arena, struct origin);
		**slot =
			(struct origin){ .duty = duty, .port = port->port, .direction = direction };
	}
	return *slot;
}

const struct origin *origin_of_host(struct compiler *c, enum duty duty)
{
	struct origin *origin = arena_new_one(c->arena, struct origin);

	origin->duty = duty;
	return origin;
}

struct match *matches_copy(struct compiler *c, const struct match *matches, size_t n)
{
	struct match *copy;

	if (n == 0)
		return NULL;
	copy = arena_new_array(c->arena, struct match, n);
	memcpy(copy, matches, n * sizeof(*copy));
	return copy;
}

struct rule *rule_add(struct compiler *c, struct chain *chain, struct match *matches,
	size_t n_matches, struct target target, const char *comment, const struct origin *origin)
{
	struct rule *rule = chain_add_rule(c->arena, chain);

	rule->matches = matches;
	rule->n_matches = n_matches;
	rule->target = target;
	rule->comment = comment;
	rule->origin = origin;
	return rule;
}

static bool sources_have(
	const struct address_pair *pairs, size_t n, const struct prefix *prefix, struct mac mac)
{
	for (size_t i = 0; i < n; i++)
		if (mac_equal(pairs[i].mac, mac) && prefix_compare(&pairs[i].prefix, prefix) == 0)
			return true;
	return false;
}

static void sources_push(
	struct address_pair *pairs, size_t *n, const struct prefix *prefix, struct mac mac)
{
	if (!sources_have(pairs, *n, prefix, mac))
		pairs[(*n)++] = (struct address_pair){ .prefix = *prefix, .mac = mac };
}

static void sources_push_with_local(
	struct address_pair *pairs, size_t *n, const struct prefix *prefix, struct mac mac)
{
	sources_push(pairs, n, prefix, mac);
	if (prefix->addr.family == FAMILY_IPV6) {
		struct addr local = addr_link_local(mac);
		struct prefix own = prefix_of_addr(&local);

		sources_push(pairs, n, &own, mac);
	}
}

struct address_pair *port_sources(
	struct compiler *c, const struct policy_port *port, enum family family, size_t *ret_n)
{
	size_t n = 0, n_max = 2 * (port->n_pairs + port->n_fixed_ips) + 1;
	struct address_pair *pairs = arena_new_array(c->arena, struct address_pair, n_max);
	const struct prefix any = { .addr = { .family = family } };

	for (size_t i = 0; i < port->n_pairs; i++)
		if (port->pairs[i].prefix.addr.family == family)
			sources_push_with_local(
				pairs, &n, &port->pairs[i].prefix, port->pairs[i].mac);
	for (size_t i = 0; i < port->n_fixed_ips; i++) {
		struct prefix prefix = prefix_of_addr(&port->fixed_ips[i]);

		if (prefix.addr.family == family)
			sources_push_with_local(pairs, &n, &prefix, port->mac);
	}
	if (port->n_fixed_ips == 0)
		sources_push(pairs, &n, &any, port->mac);
	*ret_n = n;
	return pairs;
}
