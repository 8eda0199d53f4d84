// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A policy from its parts, which the service makes anew at every change, be it of one rule of 10,000: so what is asked of a
 * part alone is not asked again but for ports, and what is asked of all is asked by number before by text.
 */
#include "policy/parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/places.h"
#include "base/vec.h"
#include "policy/source.h"
#include "policy/whole.h"

/* --- apart --- */

static void split_group(
	struct arena *arena, const struct policy_group *group, struct policy_part *part)
{
	struct policy_rule *rules = arena_new_array(arena, struct policy_rule, group->n_rules);

	part->kind = PART_GROUP;
	part->group = *group;
	part->remote_group_ids = arena_new_array(arena, const char *, group->n_rules);
	part->remote_address_group_ids = arena_new_array(arena, const char *, group->n_rules);
	for (size_t i = 0; i < group->n_rules; i++) {
		rules[i] = group->rules[i];
		if (rules[i].remote_group)
			part->remote_group_ids[i] = rules[i].remote_group->id;
		if (rules[i].remote_address_group)
			part->remote_address_group_ids[i] = rules[i].remote_address_group->id;
		rules[i].group = NULL;
		rules[i].remote_group = NULL;
		rules[i].remote_address_group = NULL;
	}
	part->group.rules = rules;
	memset(part->group.members, 0, sizeof(part->group.members));
}

static void split_port(
	struct arena *arena, const struct policy_port *port, struct policy_part *part)
{
	part->kind = PART_PORT;
	part->port = *port;
	part->group_ids = arena_new_array(arena, const char *, port->n_groups);
	part->n_group_ids = port->n_groups;
	for (size_t i = 0; i < port->n_groups; i++)
		part->group_ids[i] = port->groups[i]->id;
	part->port.groups = NULL;
	part->port.n_groups = 0;
	part->port.is_local = false;
	part->port.stateful = true;
}

void policy_split(
	struct arena *arena, const struct policy *policy, struct policy_part **ret, size_t *ret_n)
{
	size_t n = policy->n_groups + policy->n_address_groups + policy->n_ports;
	struct policy_part *parts = arena_new_array(arena, struct policy_part, n), *part = parts;

	for (size_t i = 0; i < policy->n_groups; i++)
		split_group(arena, &policy->groups[i], part++);
	for (size_t i = 0; i < policy->n_address_groups; i++)
		*part++ = (struct policy_part){ .kind = PART_ADDRESS_GROUP,
			.address_group = policy->address_groups[i] };
	for (size_t i = 0; i < policy->n_ports; i++)
		split_port(arena, &policy->ports[i], part++);
	*ret = parts;
	*ret_n = n;
}

/* --- together --- */

/* A part, and where it came. */
struct joined {
	const struct policy_part *part;
	const char *id;
	size_t place;
};

struct join {
	struct arena *arena, *scratch;
	struct err *err;
	struct policy *policy;
	struct whole whole;
	struct joined *parts; /* by kind, then by id */
	size_t n;
	size_t wrong; /* the place of the part that is wrong */
	struct map *groups, *address_groups;
};

static int compare_joined(const void *a, const void *b)
{
	const struct joined *one = a, *other = b;

	if (one->part->kind != other->part->kind)
		return one->part->kind < other->part->kind ? -1 : 1;
	return strcmp(one->id, other->id);
}

static const char *title(struct join *j, const char *name, const char *id)
{
	return name[0] ? source_shown(j->scratch, name) : id;
}

static void sort_parts(struct join *j, const struct policy_part *const *parts)
{
	bool is_sorted = true;

	j->parts = arena_new_array(j->scratch, struct joined, j->n);
	for (size_t i = 0; i < j->n; i++) {
		j->parts[i] = (struct joined){ parts[i], policy_part_id(parts[i]), i };
		is_sorted =
			is_sorted && (!i || compare_joined(&j->parts[i - 1], &j->parts[i]) <= 0);
	}
	if (!is_sorted)
		qsort(j->parts, j->n, sizeof(j->parts[0]), compare_joined);
}

static bool make_room(struct join *j)
{
	size_t n[N_PART_KINDS] = { 0 };
	struct policy *policy = j->policy;

	j->wrong = j->n;
	for (size_t i = 0; i < j->n; i++)
		n[j->parts[i].part->kind]++;
	if (n[PART_GROUP] > LIMIT_GROUPS)
		return err_limit(j->err, "more than %d security groups", LIMIT_GROUPS);
	if (n[PART_ADDRESS_GROUP] > LIMIT_GROUPS)
		return err_limit(j->err, "more than %d address groups", LIMIT_GROUPS);
	if (n[PART_PORT] > LIMIT_PORTS)
		return err_limit(j->err, "more than %d ports", LIMIT_PORTS);
	policy->groups = arena_new_array(j->arena, struct policy_group, n[PART_GROUP]);
	policy->address_groups =
		arena_new_array(j->arena, struct policy_address_group, n[PART_ADDRESS_GROUP]);
	policy->ports = arena_new_array(j->arena, struct policy_port, n[PART_PORT]);
	return true;
}

static bool add_set(struct join *j, const struct joined *joined, struct map *of_kind, void *group)
{
	const char *id = joined->id, *before = whole_add_set(&j->whole, id, (void *)id);

	if (!before) {
		map_add(of_kind, id, group);
		return true;
	}
	if (!strcmp(before, id)) {
		err_input(j->err, "two groups have the id %s", id);
		return err_next(j->err, "Give one of them another id.");
	}
	err_input(j->err,
		"the ids of two groups begin with the same %d characters, which name their sets",
		SET_ID_LEN);
	return err_next(j->err, "They are %s and %s: give one of them another id.", before, id);
}

static bool add_groups(struct join *j)
{
	struct policy *policy = j->policy;

	for (size_t i = 0; i < j->n; i++) {
		const struct policy_part *part = j->parts[i].part;

		j->wrong = j->parts[i].place;
		if (part->kind == PART_GROUP) {
			struct policy_group *group = &policy->groups[policy->n_groups++];

			*group = part->group;
			if (!add_set(j, &j->parts[i], j->groups, group))
				return false;
		} else if (part->kind == PART_ADDRESS_GROUP) {
			struct policy_address_group *group =
				&policy->address_groups[policy->n_address_groups++];

			*group = part->address_group;
			if (!add_set(j, &j->parts[i], j->address_groups, group) ||
				!whole_count_members(&j->whole,
					group->addresses[FAMILY_IPV4].n +
						group->addresses[FAMILY_IPV6].n,
					j->err))
				return false;
		}
	}
	return true;
}

static bool fail_no_group(struct join *j, const char *kind, const char *id)
{
	err_input(j->err, "there is no %s %s", kind, source_shown(j->scratch, id));
	return err_next(j->err, "It is meant by its id; was it deleted?");
}

static bool add_references(
	struct join *j, const struct policy_part *part, size_t i, struct policy_rule *rule)
{
	const char *group_id = part->remote_group_ids[i];
	const char *address_group_id = part->remote_address_group_ids[i];

	if (group_id && !(rule->remote_group = map_find(j->groups, group_id)))
		return fail_no_group(j, "security group", group_id);
	if (address_group_id &&
		!(rule->remote_address_group = map_find(j->address_groups, address_group_id)))
		return fail_no_group(j, "address group", address_group_id);
	return true;
}

/* Equal for rules whose keys are: the key itself is a text, and long in the making. */
static uint64_t rule_number(const struct policy_rule *rule)
{
	const uint64_t factor = 0x9e3779b97f4a7c15u;
	uint64_t number = rule->direction | (uint64_t)rule->ethertype << 1;
	uint64_t half;

	if (rule->has_proto)
		number |= (uint64_t)rule->proto << 8 | 1u << 2;
	if (rule->has_ports)
		number |= (uint64_t)rule->port_min << 16 | (uint64_t)rule->port_max << 32;
	if (rule->has_icmp_type)
		number |= (uint64_t)rule->icmp_type << 48 | 1u << 3;
	if (rule->has_icmp_code)
		number |= (uint64_t)rule->icmp_code << 56 | 1u << 4;
	if (rule->has_prefix && rule->prefix.len)
		for (size_t i = 0; i < sizeof(rule->prefix.addr.bytes); i += sizeof(half)) {
			memcpy(&half, &rule->prefix.addr.bytes[i], sizeof(half));
			number = (number * factor ^ half ^ rule->prefix.len) * factor;
		}
	/* where it stands, not what it says: nothing is ordered by it */
	return number * factor ^ (uintptr_t)rule->remote_group ^
	       (uintptr_t)rule->remote_address_group;
}

/* Are there two whose numbers are equal? */
static bool may_have_same(struct join *j, const struct policy_group *group)
{
	struct places *places = places_new(j->scratch, group->n_rules);
	uint64_t *numbers = arena_new_array(j->scratch, uint64_t, group->n_rules);

	for (size_t i = group->n_rules; i-- > 0;) {
		size_t k;

		numbers[i] = rule_number(&group->rules[i]);
		k = places_first(places, numbers[i]);
		for (; k < group->n_rules; k = places_next(places, k))
			if (numbers[k] == numbers[i])
				return true;
		places_add(places, i, numbers[i]);
	}
	return false;
}

static bool check_duplicates(struct join *j, const struct policy_group *group)
{
	struct map *keys;

	if (!may_have_same(j, group))
		return true;
	keys = map_new(j->scratch);
	for (size_t i = 0; i < group->n_rules; i++) {
		struct policy_rule *rule = &group->rules[i];
		const struct policy_rule *before =
			map_add(keys, whole_rule_key(j->scratch, rule), rule);

		if (!before)
			continue;
		err_input(j->err, "rules %s and %s of group %s are the same", before->id, rule->id,
			title(j, group->name, group->id));
		return err_next(j->err, "Delete one of the two (descriptions are not compared).");
	}
	return true;
}

static bool add_rules(struct join *j, const struct policy_part *part, struct policy_group *group)
{
	struct policy_rule *rules;

	if (!whole_count_rules(&j->whole, group->n_rules, j->err))
		return false;
	rules = arena_new_array(j->arena, struct policy_rule, group->n_rules);
	if (group->n_rules)
		memcpy(rules, part->group.rules, group->n_rules * sizeof(*rules));
	group->rules = rules;
	for (size_t i = 0; i < group->n_rules; i++) {
		rules[i].group = group;
		if (!add_references(j, part, i, &rules[i]))
			return false;
		if (whole_add_rule(&j->whole, rules[i].id, &rules[i])) {
			err_input(j->err, "two rules have the id %s", rules[i].id);
			return err_next(j->err, "Give one of them another id.");
		}
	}
	return check_duplicates(j, group);
}

static bool add_all_rules(struct join *j)
{
	/* groups are the first, in the order of the policy's */
	for (size_t i = 0; i < j->policy->n_groups; i++) {
		j->wrong = j->parts[i].place;
		if (!add_rules(j, j->parts[i].part, &j->policy->groups[i]))
			return false;
	}
	return true;
}

static bool check_unique(struct join *j, struct policy_port *port)
{
	const struct policy_port *before = NULL;
	const char *names[2];
	enum clash clash = whole_add_port(&j->whole, port, &before);

	if (clash == CLASH_NONE)
		return true;
	names[0] = title(j, before->name, before->id);
	names[1] = title(j, port->name, port->id);
	switch (clash) {
	case CLASH_NONE:
	case CLASH_ID:
		err_input(j->err, "two ports have the id %s", port->id);
		return err_next(j->err, "Give one of them another id.");
	case CLASH_DEVICE:
		err_input(j->err, "ports %s and %s have one device, %s", names[0], names[1],
			port->device);
		return err_next(
			j->err, "An interface is one port, which may be in several groups.");
	case CLASH_CHAIN:
		break;
	}
	err_input(j->err, "ports %s and %s would share the chain o%.*s", names[0], names[1],
		CHAIN_ID_LEN, port->id);
	return err_next(j->err,
		"Chains are named by the first %d characters of the id; give one of them "
		"another id.",
		CHAIN_ID_LEN);
}

static bool add_port(struct join *j, const struct policy_part *part, struct policy_port *port)
{
	static const struct mac none;
	const struct policy_group **groups =
		arena_new_array(j->arena, const struct policy_group *, part->n_group_ids);
	struct fault fault;

	*port = part->port;
	port->is_local = whole_port_is_local(&j->whole, port);
	if (port->is_local && policy_port_is_filtered(port) && mac_equal(port->mac, none)) {
		err_input(j->err, "port %s needs mac_address", title(j, port->name, port->id));
		return err_next(
			j->err, "The MAC that the VM uses; packets from any other are dropped.");
	}
	for (size_t i = 0; i < part->n_group_ids; i++)
		if (!(groups[i] = map_find(j->groups, part->group_ids[i])))
			return fail_no_group(j, "security group", part->group_ids[i]);
	port->groups = groups;
	port->n_groups = part->n_group_ids;
	if (!check_port(j->scratch, port, &fault)) {
		*j->err = fault.err;
		return err_prefix(j->err, "port %s", title(j, port->name, port->id));
	}
	whole_finish_port(port);
	return check_unique(j, port) &&
	       whole_count_members(
		       &j->whole, (port->n_fixed_ips + port->n_pairs) * port->n_groups, j->err);
}

static bool add_ports(struct join *j)
{
	size_t first = j->policy->n_groups + j->policy->n_address_groups;

	for (size_t i = first; i < j->n; i++) {
		j->wrong = j->parts[i].place;
		if (!add_port(j, j->parts[i].part, &j->policy->ports[j->policy->n_ports++]))
			return false;
	}
	return true;
}

bool policy_join(struct arena *arena, const struct policy_part *const *parts, size_t n,
	const char *host, const struct policy **ret, size_t *ret_part, struct err *err)
{
	struct arena *scratch CLEANUP(arena_freep) = arena_new();
	struct join j = { .arena = arena,
		.scratch = scratch,
		.err = err,
		.policy = arena_new_one(arena, struct policy),
		.n = n,
		.groups = map_new(scratch),
		.address_groups = map_new(scratch) };

	whole_init(&j.whole, scratch, host);
	sort_parts(&j, parts);
	if (!make_room(&j) || !add_groups(&j) || !add_all_rules(&j) || !add_ports(&j)) {
		*ret_part = j.wrong;
		return false;
	}
	policy_make_members(arena, scratch, j.policy);
	*ret = j.policy;
	return true;
}
