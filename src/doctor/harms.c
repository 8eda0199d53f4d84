// SPDX-License-Identifier: GPL-2.0-or-later
/* What the sweep found, by who did it: one rule (or policy) is one finding, at however many ports it was seen. */
#include <string.h>

#include "doctor/internal.h"

#define MAX_OTHERS 64 /* packets that a fix is tried with beside the one that is shown */

static bool is_same(const struct harm *a, const struct harm *b)
{
	return a->kind == b->kind && a->is_routed == b->is_routed && a->port->ns == b->port->ns &&
	       a->decider.node->rule == b->decider.node->rule &&
	       a->decider.node->rule_chain == b->decider.node->rule_chain;
}

static void add_bridge(struct arena *arena, struct harm_group *group, const char *bridge)
{
	const char *pattern = bridge_pattern(bridge, false);

	vec_for_each (known, &group->bridges)
		if (strcmp(*known, pattern) == 0)
			return;
	*vec_push(&group->bridges, arena) = pattern;
}

static void add_to_group(struct arena *arena, struct harm_groups *groups, const struct harm *harm)
{
	struct harm_group *found = NULL;

	vec_for_each (group, groups)
		if (is_same(group->shown, harm))
			found = group;
	if (!found) {
		found = vec_push(groups, arena);
		found->shown = harm;
	}
	if (harm->is_felt && !found->shown->is_felt)
		found->shown = harm;
	*vec_push(&found->harms, arena) = harm;
	add_bridge(arena, found, harm->port->bridge->name);
}

const struct harm_groups *doctor_harms(
	struct doctor *doctor, const struct check *check, enum harm_kind kind)
{
	struct harm_groups *groups = arena_new_one(doctor->arena, struct harm_groups);

	vec_for_each (harm, doctor_sweep(doctor, check))
		if (harm->kind == kind)
			add_to_group(doctor->arena, groups, harm);
	return groups;
}

const char *decider_id(struct arena *arena, const struct decider *decider)
{
	const struct table *table = decider->node->table;
	const char *chain = decider->node->rule_chain->name;
	const char *prefix = "";

	if (table->source == SOURCE_NFT)
		prefix = arena_printf(arena, "%s-%s-", nft_family_name(table->family), table->name);
	else if (table->source == SOURCE_IPTABLES_LEGACY)
		prefix = table->family == FAMILY_IPV6 ? "legacy6-" : "legacy-";
	else if (table->family == FAMILY_IPV6)
		prefix = "ip6-";
	if (!decider->number)
		return arena_printf(arena, "%s%s-policy", prefix, chain);
	return arena_printf(arena, "%s%s-%zu", prefix, chain, decider->number);
}

void finding_add_harms(
	struct doctor *doctor, struct finding *finding, const struct harm_group *group)
{
	const struct harm *shown = group->shown;

	finding->owner = shown->decider.owner;
	finding_prove_rule(doctor, finding, shown->decider.node->table,
		shown->decider.node->rule_chain, shown->decider.number);
	if (!shown->is_routed)
		finding_prove_filtered(doctor, finding, shown->port->bridge, shown->family);
	finding_witness(doctor, finding, &shown->witness);
	vec_for_each (harm, &group->harms) {
		finding_port(doctor, finding, (*harm)->port->link->name);
		if (finding->others.n < MAX_OTHERS && *harm != shown)
			*vec_push(&finding->others, doctor->arena) = (*harm)->witness;
	}
}
