// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From one stand to another with as little work as the difference is worth. What the kernel has is the compile of the
 * old stand; of both only a part is compiled, and planned over:
 *
 *  - the chains of the ports whose own chains differ, or what leads to them;
 *  - what all ports share (the chains that lead to theirs, zones, the maps of the bridge family), when a port came, went, or sits
 *    elsewhere;
 *  - the sets whose members differ, or that came or went.
 *
 * A plan over a part is the plan over everything, if the part shows how the sets in it are used: a set that rules outside of it look
 * at has at least one such port in it, so that it is not changed as one that nobody looks at, and a set whose rules have to go
 * over to another one has all of them in it.
 */
#include "agent/keeping.h"

#include <string.h>

bool stand_compile(const struct keeper *keeper, struct arena *arena, const struct stand *stand,
	const struct compile_part *part, const struct ruleset **ret, struct err *err)
{
	const struct compile_options options = {
		.scope = keeper->scope,
		.restore_notes = stand->notes,
		.n_restore_notes = stand->n_notes,
		.is_closing = true,
		.closed_names = keeper->options->closed_names,
		.n_closed_names = keeper->options->n_closed_names,
		.part = part,
	};

	return compile_policy(
		arena, stand->policy, stand->plugs, stand->n_plugs, &options, ret, err);
}

/* ---- what is the same */

static bool is_same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static const char *remote_id(const struct policy_rule *rule)
{
	if (rule->remote_group)
		return rule->remote_group->id;
	return rule->remote_address_group ? rule->remote_address_group->id : NULL;
}

static bool is_same_match(const struct policy_rule *a, const struct policy_rule *b)
{
	if (a->direction != b->direction || a->ethertype != b->ethertype ||
		a->has_proto != b->has_proto || (a->has_proto && a->proto != b->proto))
		return false;
	if (a->has_ports != b->has_ports ||
		(a->has_ports && (a->port_min != b->port_min || a->port_max != b->port_max)))
		return false;
	if (a->has_icmp_type != b->has_icmp_type ||
		(a->has_icmp_type && a->icmp_type != b->icmp_type) ||
		a->has_icmp_code != b->has_icmp_code ||
		(a->has_icmp_code && a->icmp_code != b->icmp_code))
		return false;
	return a->has_prefix == b->has_prefix &&
	       (!a->has_prefix || prefix_compare(&a->prefix, &b->prefix) == 0);
}

/* Would the rules become the same lines? Comments have a rule's id and its group's name. */
static bool is_same_rule(const struct policy_rule *a, const struct policy_rule *b)
{
	return is_same_text(a->id, b->id) && is_same_match(a, b) &&
	       !a->remote_group == !b->remote_group && is_same_text(remote_id(a), remote_id(b));
}

static bool is_same_group(const struct policy_group *a, const struct policy_group *b)
{
	if (a == b)
		return true;
	if (strcmp(a->id, b->id) != 0 || !is_same_text(a->name, b->name) ||
		a->n_rules != b->n_rules)
		return false;
	for (size_t i = 0; i < a->n_rules; i++)
		if (!is_same_rule(&a->rules[i], &b->rules[i]))
			return false;
	return true;
}

/* What anti-spoofing and the bridge family's rules are made of. */
static bool has_same_addresses(const struct policy_port *a, const struct policy_port *b)
{
	if (!mac_equal(a->mac, b->mac) || a->n_fixed_ips != b->n_fixed_ips ||
		a->n_pairs != b->n_pairs)
		return false;
	for (size_t i = 0; i < a->n_fixed_ips; i++)
		if (addr_compare(&a->fixed_ips[i], &b->fixed_ips[i]) != 0)
			return false;
	for (size_t i = 0; i < a->n_pairs; i++)
		if (!mac_equal(a->pairs[i].mac, b->pairs[i].mac) ||
			prefix_compare(&a->pairs[i].prefix, &b->pairs[i].prefix) != 0)
			return false;
	return true;
}

static bool has_same_kind(const struct policy_port *a, const struct policy_port *b)
{
	return policy_port_is_filtered(a) == policy_port_is_filtered(b) &&
	       policy_port_is_trusted(a) == policy_port_is_trusted(b) && a->stateful == b->stateful;
}

bool port_is_same(const struct policy_port *a, const struct policy_port *b)
{
	if (!has_same_addresses(a, b) || !has_same_kind(a, b) || a->n_groups != b->n_groups)
		return false;
	for (size_t i = 0; i < a->n_groups; i++)
		if (!is_same_group(a->groups[i], b->groups[i]))
			return false;
	return true;
}

static bool is_same_plug(const struct plug *a, const struct plug *b)
{
	return is_same_text(a->port->device, b->port->device) &&
	       is_same_text(a->bridge, b->bridge) && is_same_text(a->hybrid_peer, b->hybrid_peer) &&
	       a->is_routed == b->is_routed && a->zone == b->zone && a->is_shut == b->is_shut &&
	       has_same_kind(a->port, b->port) && has_same_addresses(a->port, b->port);
}

/* ---- what differs */

struct difference {
	struct arena *arena;
	const struct keeper *keeper;
	const struct stand *old, *new;
	bool *in_old, *in_new; /* by plug: its chains are in the part */
	size_t *old_of;	       /* by plug of new: the one of old; NONE */
	struct map *groups;    /* by id, of both: the group when it is the same, else this */
	struct map *sets;      /* those of the part */
	bool has_shared;
	size_t n; /* plugs in the part */
};

#define NONE SIZE_MAX

/* Of a group that both have. */
static bool group_is_same(
	struct difference *d, const struct policy_group *a, const struct policy_group *b)
{
	const void *known;

	if (strcmp(a->id, b->id) != 0)
		return false;
	known = map_find(d->groups, a->id);
	if (!known) {
		known = is_same_group(a, b) ? (const void *)a : d;
		map_add(d->groups, a->id, (void *)known);
	}
	return known != d;
}

static bool has_same_chains(struct difference *d, const struct plug *a, const struct plug *b)
{
	if (a->is_shut != b->is_shut || !a->hybrid_peer != !b->hybrid_peer ||
		!has_same_kind(a->port, b->port) || !has_same_addresses(a->port, b->port) ||
		a->port->n_groups != b->port->n_groups)
		return false;
	for (size_t i = 0; i < a->port->n_groups; i++)
		if (!group_is_same(d, a->port->groups[i], b->port->groups[i]))
			return false;
	return true;
}

/*
 * Do the same lines lead to its chains? Where they do not, a plan has to see that the chains are there before and after: it would take
 * the port for one that comes or goes (plan_classify.c).
 */
static bool has_same_way(const struct plug *a, const struct plug *b)
{
	return a->is_routed == b->is_routed && is_same_text(a->port->device, b->port->device);
}

/* Every port of new that is in old as well has to be taken in of both. */
static void take_in(struct difference *d, size_t new_plug)
{
	if (d->in_new[new_plug])
		return;
	d->in_new[new_plug] = true;
	d->n++;
	if (d->old_of[new_plug] != NONE)
		d->in_old[d->old_of[new_plug]] = true;
}

static void compare_plugs(struct difference *d)
{
	size_t o = 0, n = 0;

	while (o < d->old->n_plugs || n < d->new->n_plugs) {
		const struct plug *a = o < d->old->n_plugs ? &d->old->plugs[o] : NULL;
		const struct plug *b = n < d->new->n_plugs ? &d->new->plugs[n] : NULL;
		int order = !a ? 1 : !b ? -1 : strcmp(a->port->id, b->port->id);

		if (order < 0) {
			d->has_shared = d->in_old[o++] = true;
			d->n++;
			continue;
		}
		d->old_of[n] = order > 0 ? NONE : o++;
		if (order > 0 || !is_same_plug(a, b))
			d->has_shared = true;
		if (order > 0 || !has_same_chains(d, a, b) || !has_same_way(a, b))
			take_in(d, n);
		n++;
	}
}

static void compare_notes(struct difference *d)
{
	const struct stand *a = d->old, *b = d->new;

	d->has_shared |= a->n_notes != b->n_notes;
	for (size_t i = 0; i < a->n_notes && i < b->n_notes; i++)
		d->has_shared |= strcmp(a->notes[i], b->notes[i]) != 0;
}

static bool has_same_members(const struct prefix_list *a, const struct prefix_list *b)
{
	if (a->n != b->n)
		return false;
	if (a->items == b->items)
		return true;
	for (size_t i = 0; i < a->n; i++)
		if (prefix_compare(&a->items[i], &b->items[i]) != 0)
			return false;
	return true;
}

bool set_use_is_same(const struct set_use *a, const struct set_use *b)
{
	return has_same_members(a->members, b->members);
}

/* One that is not in the part shows that there are rules that look at the set. */
static void take_in_a_user(struct difference *d, const struct set_use *use)
{
	vec_for_each (user, &use->users) {
		if (d->in_new[*user])
			continue;
		take_in(d, *user);
		return;
	}
}

static void compare_sets(struct difference *d)
{
	vec_for_each (use, &d->new->uses) {
		const struct set_use *before = map_find(d->old->uses_by_name, (*use)->name);

		if (before && set_use_is_same(before, *use))
			continue;
		map_add(d->sets, (*use)->name, *use);
		take_in_a_user(d, *use);
	}
	vec_for_each (use, &d->old->uses)
		if (!map_find(d->new->uses_by_name, (*use)->name))
			map_add(d->sets, (*use)->name, *use);
}

static void difference_init(struct difference *d, struct arena *arena, const struct keeper *keeper,
	const struct stand *new, const struct stand *old)
{
	*d = (struct difference){ .arena = arena, .keeper = keeper, .old = old, .new = new };
	d->in_old = arena_new_array(arena, bool, old->n_plugs + 1);
	d->in_new = arena_new_array(arena, bool, new->n_plugs + 1);
	d->old_of = arena_new_array(arena, size_t, new->n_plugs + 1);
	d->groups = map_new(arena);
	d->sets = map_new(arena);
	compare_plugs(d);
	compare_notes(d);
	compare_sets(d);
}

/* All whose rules name it; false: they were there already. */
static bool take_in_all_users(struct difference *d, const char *set)
{
	const struct set_use *use = map_find(d->new->uses_by_name, set);
	size_t n = d->n;

	/* who named it in old alone differs, and is there */
	if (use)
		vec_for_each (user, &use->users)
			take_in(d, *user);
	return d->n > n;
}

static bool plan_part(struct difference *d, const struct plan **ret, struct err *err)
{
	const struct compile_part old_part = { d->in_old, d->has_shared, d->sets };
	const struct compile_part new_part = { d->in_new, d->has_shared, d->sets };
	const struct ruleset *has, *wanted;

	return stand_compile(d->keeper, d->arena, d->old, &old_part, &has, err) &&
	       stand_compile(d->keeper, d->arena, d->new, &new_part, &wanted, err) &&
	       plan_make(d->arena, wanted, has, &d->keeper->scope, ret, err);
}

bool stand_plan(const struct keeper *keeper, struct arena *arena, const struct stand *stand,
	const struct stand *old, const struct ruleset *found, const struct plan **ret,
	struct err *err)
{
	const struct ruleset *wanted;
	struct difference d;
	bool has_more = true;

	if (found)
		return stand_compile(keeper, arena, stand, NULL, &wanted, err) &&
		       plan_make(arena, wanted, found, &keeper->scope, ret, err);
	difference_init(&d, arena, keeper, stand, old);
	if (!d.n && !d.has_shared && !map_n(d.sets)) {
		*ret = arena_new_one(arena, struct plan);
		return true;
	}
	while (has_more) {
		if (!plan_part(&d, ret, err))
			return false;
		has_more = false;
		for (size_t i = 0; i < (*ret)->n_twinned; i++)
			has_more |= take_in_all_users(&d, (*ret)->twinned[i]);
	}
	return true;
}

bool seat_has_same_chains(const struct seat *a, const struct seat *b)
{
	return a->plug && b->plug && is_same_plug(a->plug, b->plug) &&
	       port_is_same(a->port, b->port);
}

/* ---- what it means for flows */

bool plan_takes(const struct plan *plan)
{
	for (size_t i = 0; i < plan->n_changes; i++) {
		const struct plan_change *change = &plan->changes[i];

		if (change->family == FAMILY_BRIDGE)
			continue;
		if (change->sign == '-' || strcmp(change->table, "raw") == 0)
			return true;
		/* a chain; a rule that does not only let more pass. Members and sets have no table */
		if (*change->table && (!change->rule || change->rule->target.kind != TARGET_RETURN))
			return true;
	}
	return false;
}
