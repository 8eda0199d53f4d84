// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * That a port is equal follows from what is in its words, and from nothing else: what policy_judge looks at of the port, and what
 * passage_run looks at of its way and of the chains on it. The world of the sets is only how that is computed.
 *
 * Whoever gives policy_judge something more to look at must put it into the words: where sizes are as on most machines, the
 * compiler asks.
 */
#include <inttypes.h>

#include "base/map.h"
#include "prove/verify_internal.h"
#include "ruleset/inputs.h"

_Static_assert(
	sizeof(void *) != 8 ||
		(sizeof(struct policy_rule) == 120 && sizeof(struct policy_group) == 88 &&
			sizeof(struct policy_port) == 120 && sizeof(struct verify_way) == 40),
	"does a new field decide what passes? Then it belongs into the words");

struct verify_memory {
	struct arena *arena; /* of this alone */
	struct interned *texts, *equal;
};

struct remembering {
	struct arena *arena;
	const struct verify_input *input;
	const struct bridged_chains *found;
	struct inputs *inputs;
	struct map *of_policy; /* numbers of groups and lists, by address */
};

struct verify_memory *verify_memory_new(void)
{
	struct arena *arena = arena_new();
	struct verify_memory *memory = arena_new_one(arena, struct verify_memory);

	*memory = (struct verify_memory){ arena, interned_new(), interned_new() };
	return memory;
}

void verify_memory_free(struct verify_memory *memory)
{
	if (!memory)
		return;
	interned_free(memory->texts);
	interned_free(memory->equal);
	arena_free(memory->arena);
}

struct remembering *remembering_new(
	struct arena *arena, const struct verify_input *input, const struct bridged_chains *found)
{
	struct remembering *r = arena_new_one(arena, struct remembering);

	interned_next_round(input->memory->texts);
	interned_next_round(input->memory->equal);
	*r = (struct remembering){ .arena = arena,
		.input = input,
		.found = found,
		.inputs = inputs_new(arena, found->rs, input->memory->texts),
		.of_policy = map_new(arena) };
	return r;
}

/* ---- the policy in words ---- */

/* Once for each group and list, however many ports have it. */
static uint64_t number_of(struct remembering *r, const void *what,
	void (*print)(struct remembering *r, const void *what, struct text *out))
{
	struct text key CLEANUP(text_done) = TEXT_INIT, out CLEANUP(text_done) = TEXT_INIT;
	uint64_t *number;

	text_addf(&key, "%p", what);
	number = map_find(r->of_policy, key.data);
	if (number)
		return *number;
	text_add(&out, " ");
	print(r, what, &out);
	number = arena_new_one(r->arena, uint64_t);
	*number = interned_number(r->input->memory->texts, out.data);
	map_add(r->of_policy, arena_strdup(r->arena, key.data), number);
	return *number;
}

static void print_bytes(struct text *out, const void *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		text_addf(out, "%02x", ((const uint8_t *)bytes)[i]);
	text_add(out, " ");
}

static void print_addr(struct text *out, const struct addr *addr)
{
	print_bytes(out, addr->bytes, addr->family == FAMILY_IPV6 ? 16 : 4);
}

static void print_prefix(struct text *out, const struct prefix *prefix)
{
	print_addr(out, &prefix->addr);
	text_addf(out, "/%u ", prefix->len);
}

static void print_list(struct remembering *r, const void *what, struct text *out)
{
	const struct prefix_list *list = what;

	(void)r;
	for (size_t i = 0; i < list->n; i++)
		print_prefix(out, &list->items[i]);
}

static void print_rule(struct remembering *r, const struct policy_rule *rule, struct text *out)
{
	enum family family = rule->ethertype;
	const struct prefix_list *list = rule->remote_group ? &rule->remote_group->members[family]
					 : rule->remote_address_group
						 ? &rule->remote_address_group->addresses[family]
						 : NULL;

	text_addf(out, "; %d %d", (int)rule->direction, (int)family);
	if (rule->has_proto)
		text_addf(out, " proto %u", rule->proto);
	if (rule->has_ports)
		text_addf(out, " ports %u %u", rule->port_min, rule->port_max);
	if (rule->has_icmp_type)
		text_addf(out, " type %u", rule->icmp_type);
	if (rule->has_icmp_code)
		text_addf(out, " code %u", rule->icmp_code);
	if (rule->has_prefix) {
		text_add(out, " prefix ");
		print_prefix(out, &rule->prefix);
	}
	if (list)
		text_addf(out, " list %" PRIx64, number_of(r, list, print_list));
}

static void print_group(struct remembering *r, const void *what, struct text *out)
{
	const struct policy_group *group = what;

	for (size_t i = 0; i < group->n_rules; i++)
		print_rule(r, &group->rules[i], out);
}

static void print_policy(struct remembering *r, const struct policy_port *port, struct text *out)
{
	text_addf(out, "%d %d ", policy_port_is_filtered(port), port->stateful);
	print_bytes(out, port->mac.bytes, sizeof(port->mac.bytes));
	for (size_t i = 0; i < port->n_fixed_ips; i++)
		print_addr(out, &port->fixed_ips[i]);
	for (size_t i = 0; i < port->n_pairs; i++) {
		text_add(out, "pair ");
		print_prefix(out, &port->pairs[i].prefix);
		print_bytes(out, port->pairs[i].mac.bytes, sizeof(port->pairs[i].mac.bytes));
	}
	for (size_t i = 0; i < port->n_groups; i++)
		text_addf(out, "group %" PRIx64 " ", number_of(r, port->groups[i], print_group));
}

/* ---- its way ---- */

static void print_chains(struct remembering *r, const struct verify_way *way,
	enum direction direction, enum bridged_hook hook, bool is_ip, const struct chains_at *at,
	struct text *out)
{
	struct packet packet = { 0 };

	bridged_interfaces(way, direction, hook, is_ip, &packet);
	for (size_t i = 0; i < at->n; i++)
		inputs_of_chain(r->inputs, &at->items[i], bridged_hooks[hook], &packet, out);
	text_add(out, "\n");
}

static void print_way(struct remembering *r, const struct verify_way *way, struct text *out)
{
	text_addf(out, "%x %s %s %s %d %d\n", r->input->cut_mark, way->device, way->bridge,
		way->other, way->is_called[FAMILY_IPV4], way->is_called[FAMILY_IPV6]);
	for (int d = DIR_INGRESS; d <= DIR_EGRESS; d++)
		for (enum bridged_hook hook = 0; hook < N_BRIDGED_HOOKS; hook++) {
			print_chains(r, way, (enum direction)d, hook, false,
				&r->found->of_bridge[hook], out);
			for (enum family f = FAMILY_IPV4; f < N_IP_FAMILIES; f++)
				print_chains(r, way, (enum direction)d, hook, true,
					&r->found->of_ip[f][hook], out);
		}
}

bool memory_has(struct remembering *r, const struct verify_port *port, struct text *ret_words)
{
	print_policy(r, port->port, ret_words);
	print_way(r, &port->way, ret_words);
	return interned_find(r->input->memory->equal, ret_words->data) != 0;
}

void memory_keep(struct remembering *r, const struct text *words)
{
	interned_number(r->input->memory->equal, words->data);
}
