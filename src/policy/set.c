// SPDX-License-Identifier: GPL-2.0-or-later
#include "policy/set.h"

#include "base/vec.h"
#include "policy/question.h"

static void add_mac(struct sets *sets, struct mac mac)
{
	struct field_value value = field_value_of_number(mac_number(mac));

	sets_add_value(sets, FIELD_ETH_SRC, &value);
	sets_add_value(sets, FIELD_ARP_SHA, &value);
}

void policy_add_to_world(struct sets *sets, const struct policy_port *port)
{
	add_mac(sets, port->mac);
	for (size_t i = 0; i < port->n_pairs; i++)
		add_mac(sets, port->pairs[i].mac);
}

struct allowed {
	struct sets *sets;
	struct packet_set packets;
};

static void add_allowed(void *arg, struct decision decision, struct packet_set packets)
{
	struct allowed *allowed = arg;

	if (!reason_is_drop(decision.reason))
		allowed->packets = set_or(allowed->sets, allowed->packets, packets);
}

struct packet_set policy_set(
	struct sets *sets, const struct policy_port *port, enum direction direction)
{
	const struct question q = { .sets = sets, .has_frame = true };
	struct allowed allowed = { sets, SET_EMPTY };

	policy_judge(&q, port, direction, add_allowed, &allowed);
	return allowed.packets;
}

struct packet_set policy_rule_set(struct sets *sets, const struct policy_rule *rule)
{
	const struct question q = { .sets = sets, .has_frame = true };

	return policy_packets_of_rule(&q, rule);
}

struct cases {
	struct arena *arena;
	VEC(struct policy_case) items;
};

static void add_case(void *arg, struct decision decision, struct packet_set packets)
{
	struct cases *cases = arg;

	*vec_push(&cases->items, cases->arena) = (struct policy_case){ decision, packets };
}

size_t policy_cases(struct arena *arena, struct sets *sets, const struct policy_port *port,
	enum direction direction, const struct policy_case **ret)
{
	const struct question q = { .sets = sets, .has_frame = true };
	struct cases cases = { .arena = arena };

	policy_judge(&q, port, direction, add_case, &cases);
	*ret = cases.items.items;
	return cases.items.n;
}
