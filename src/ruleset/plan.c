// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The order of the steps, and why it is safe.
 *
 * The promise. Two versions, old (found) and new (wanted), and the moments between the steps that
 * lead from one to the other: at none of them does a packet pass that both versions drop, and
 * none is lost that both allow. A port that comes or goes is judged by one of the versions only,
 * the other one lets all pass; for packets over such a port the first half holds, and they may
 * be lost while it comes or goes.
 *
 * What one step can do. One COMMIT of iptables-restore is one moment for all rules of one table
 * and family. One command of ipset is one moment for one set (swap included); several are
 * several. One nft transaction is one moment. Packets are of one family, so that IPv4 and IPv6
 * never mix. A packet may cross the chains of two ports in one pass, o of one and i of the other,
 * and look into several sets there, so that the sets are not independent of each other.
 *
 * Write (R, S) for the packets that pass with rules R and sets S. Old is (R0, S0), new (R1, S1).
 * A set is monotone when rules only ever say RETURN in a port's chain because something is in it:
 * then S <= T gives (R, S) <= (R, T).
 *
 *  - A set that no rule that was found looks at: made or changed before the rules. One that no
 *    wanted rule looks at: changed or destroyed after them. No packet can tell.
 *  - Sets only grow, after the rules. Between: (R1, S) with S0 <= S <= S1. Within (R1, S1), so
 *    nothing passes that new drops, whatever the rules did. When the rules let nothing less pass
 *    (R0 <= R1 for ports of both versions), (R0, S0) <= (R1, S0) is within it: nothing is lost.
 *  - Sets only shrink, before the rules. Between: (R0, S), within (R0, S0); and when the rules
 *    let nothing more pass, (R1, S1) <= (R0, S1) is within it.
 *    The other order is wrong in both cases: with a port that goes, (R1, S0) lets everything
 *    pass over it that the other port's old set allows; with one that comes, (R0, S1) does.
 *  - One set changes in both directions, and of the rules only those of ports that come or go:
 *    a twin with the new members is swapped with it, in one moment. Before the rules when ports
 *    go: (R0, S1) over such a port is within (S1 without its chains), which is new. After them when
 *    ports come: (R1, S0) over such a port is within old, in the same way; or before them too
 *    when the bridge table holds these ports closed. (A packet that looks twice into the set
 *    may still be on its way in that very moment; this is not a moment between steps.)
 *  - Everything else: no order of single sets will do. Sets X and Y, X grows, Y shrinks: with X
 *    first a packet passes that needs X new in one chain and Y old in the other; with Y first one
 *    is lost that Y old or X new allows. So every changed set gets a twin with its new members,
 *    and the rules go over to the twins in the same COMMIT in which they become new: that moment
 *    is the change. Then the sets, which nobody looks at, are made equal to their twins, the
 *    rules go back to them, which changes nothing for packets, and the twins are destroyed.
 *
 * classify_edits says what the rules do; it need not know, since RULES_OTHER leads to twins.
 *
 * Tables besides filter hold no verdicts of ours, only zones: they come before filter, so
 * that a connection is never seen in two zones by its port's new rules, and go after it.
 *
 * The bridge table comes first and last (plan_l2.c): a new port is closed before anything else
 * happens and opened when all is in place. Where the wanted table closes interfaces that are no port's, a port
 * that goes is closed first too: without its rules it would pass everything.
 *
 * Each table is a step of its own although iptables-restore takes several: it commits them one
 * by one, and a refusal of the second would leave the first.
 */
#include <string.h>

#include "ruleset/plan_internal.h"

const char *tool_name(enum tool tool)
{
	static const char *const names[N_TOOLS] = { [TOOL_IPTABLES] = "iptables-restore",
		[TOOL_IP6TABLES] = "ip6tables-restore",
		[TOOL_IPSET] = "ipset",
		[TOOL_NFT] = "nft",
		[TOOL_IPTABLES_LEGACY] = "iptables-legacy-restore",
		[TOOL_IP6TABLES_LEGACY] = "ip6tables-legacy-restore",
		[TOOL_SYSCTL] = "sysctl",
		[TOOL_LINK] = "link" };

	return names[tool];
}

bool tool_is_iptables(enum tool tool)
{
	return tool == TOOL_IPTABLES || tool == TOOL_IP6TABLES || tool == TOOL_IPTABLES_LEGACY ||
	       tool == TOOL_IP6TABLES_LEGACY;
}

/* The edits of one family: of all tables that either version has, in the order to run. */
struct family_plan {
	VEC(struct table_edit *) edits;
	struct map *twins; /* NULL: the rules need none */
};

struct planner {
	struct arena *arena;
	const struct ruleset *wanted, *found;
	const struct plan_scope *scope;
	struct family_plan families[N_IP_FAMILIES];
	struct set_plan sets;
	struct l2_plan l2;
	step_vec steps;
};

static bool is_filter(const struct table_edit *edit)
{
	return strcmp(edit->name, "filter") == 0;
}

/* Before filter: 0, filter: 1, behind it: 2. */
static int edit_rank(const struct table_edit *edit)
{
	return is_filter(edit) ? 1 : table_edit_adds(edit) ? 0 : 2;
}

static bool add_edit(struct planner *planner, enum family family, const char *name, struct err *err)
{
	struct family_plan *plan = &planner->families[family];
	struct table_edit *edit;

	if (!table_edit_make(planner->arena, planner->scope,
		    ruleset_table(planner->found, family, name),
		    ruleset_table(planner->wanted, family, name), &edit, err))
		return false;
	if (edit)
		*vec_push(&plan->edits, planner->arena) = edit;
	return true;
}

static bool make_edits(struct planner *planner, enum family family, struct err *err)
{
	struct family_plan *plan = &planner->families[family];
	const struct ruleset *found = planner->found, *wanted = planner->wanted;

	for (size_t i = 0; i < found->n_tables; i++)
		if (found->tables[i].family == family &&
			!add_edit(planner, family, found->tables[i].name, err))
			return false;
	for (size_t i = 0; i < wanted->n_tables; i++)
		if (wanted->tables[i].family == family &&
			!ruleset_table(found, family, wanted->tables[i].name) &&
			!add_edit(planner, family, wanted->tables[i].name, err))
			return false;
	/* A handful: insertion keeps the order of names. */
	for (size_t i = 1; i < plan->edits.n; i++)
		for (size_t k = i; k > 0 && edit_rank(plan->edits.items[k - 1]) >
						    edit_rank(plan->edits.items[k]);
			k--) {
			struct table_edit *edit = plan->edits.items[k];

			plan->edits.items[k] = plan->edits.items[k - 1];
			plan->edits.items[k - 1] = edit;
		}
	return true;
}

static void choose_ways(struct planner *planner, enum family family)
{
	struct family_plan *plan = &planner->families[family];
	unsigned rules = 0;
	bool is_closed = true;

	if (sets_change_in_use(&planner->sets, family))
		rules = classify_edits(planner->arena, planner->scope, plan->edits.items,
			plan->edits.n, planner->wanted, planner->found, planner->l2.closed,
			&is_closed);
	plan->twins = sets_choose(planner->arena, &planner->sets, family, rules, is_closed);
}

static bool step_of_edit(struct planner *planner, const struct table_edit *edit, struct err *err)
{
	struct plan_step step = {
		.tool = edit->family == FAMILY_IPV4 ? TOOL_IPTABLES : TOOL_IP6TABLES,
		.is_atomic = true,
	};

	if (!table_edit_print(planner->arena, edit, &step.text, err) ||
		!table_edit_print(
			planner->arena, table_edit_reverse(planner->arena, edit), &step.undo, err))
		return false;
	*vec_push(&planner->steps, planner->arena) = step;
	return true;
}

static bool step_between(
	struct planner *planner, const struct table *from, const struct table *to, struct err *err)
{
	struct table_edit *edit;

	if (!table_edit_make(planner->arena, planner->scope, from, to, &edit, err))
		return false;
	return !edit || step_of_edit(planner, edit, err);
}

/* Without twins the edits as they are. With them, from what was found to the wanted rules over
 * the twins (is_back false), or from there to the wanted rules. */
static bool steps_of_rules(
	struct planner *planner, enum family family, bool is_back, struct err *err)
{
	struct family_plan *plan = &planner->families[family];
	struct arena *arena = planner->arena;
	bool has_filter = false;

	for (size_t i = 0; i < plan->edits.n; i++)
		has_filter = has_filter || is_filter(plan->edits.items[i]);
	for (size_t i = 0; i <= plan->edits.n; i++) {
		const struct table_edit *edit = i < plan->edits.n ? plan->edits.items[i] : NULL;
		bool by_twins = plan->twins && (edit ? is_filter(edit) : !has_filter);
		const struct table *found, *wanted, *twins;

		found = ruleset_table(planner->found, family, "filter");
		wanted = ruleset_table(planner->wanted, family, "filter");
		if (!by_twins || !wanted) {
			if (edit && !is_back && !step_of_edit(planner, edit, err))
				return false;
			continue;
		}
		twins = table_with_twins(arena, wanted, found, plan->twins, true);
		if (is_back)
			wanted = table_with_twins(arena, wanted, found, plan->twins, false);
		if (!step_between(planner, is_back ? twins : found, is_back ? wanted : twins, err))
			return false;
	}
	return true;
}

static bool make_steps(struct planner *planner, struct err *err)
{
	struct arena *arena = planner->arena;

	if (!l2_step(arena, planner->l2.found, planner->l2.middle, &planner->steps, err))
		return false;
	sets_steps_before(arena, &planner->sets, &planner->steps);
	if (!steps_of_rules(planner, FAMILY_IPV4, false, err) ||
		!steps_of_rules(planner, FAMILY_IPV6, false, err))
		return false;
	sets_steps_after(arena, &planner->sets, &planner->steps);
	if ((planner->families[FAMILY_IPV4].twins &&
		    !steps_of_rules(planner, FAMILY_IPV4, true, err)) ||
		(planner->families[FAMILY_IPV6].twins &&
			!steps_of_rules(planner, FAMILY_IPV6, true, err)))
		return false;
	sets_steps_end(arena, &planner->sets, &planner->steps);
	return l2_step(arena, planner->l2.middle, planner->l2.wanted, &planner->steps, err);
}

bool plan_make(struct arena *arena, const struct ruleset *wanted, const struct ruleset *found,
	const struct plan_scope *scope, const struct plan **ret, struct err *err)
{
	struct planner planner = {
		.arena = arena, .wanted = wanted, .found = found, .scope = scope
	};
	struct plan *plan;

	l2_compare(arena, scope, wanted, found, &planner.l2);
	if (!sets_compare(arena, scope, wanted, found, &planner.sets, err) ||
		!make_edits(&planner, FAMILY_IPV4, err) || !make_edits(&planner, FAMILY_IPV6, err))
		return false;
	choose_ways(&planner, FAMILY_IPV4);
	choose_ways(&planner, FAMILY_IPV6);
	if (!make_steps(&planner, err))
		return false;
	plan = arena_new_one(arena, struct plan);
	plan->steps = planner.steps.items;
	plan->n_steps = planner.steps.n;
	for (size_t f = 0; f < N_IP_FAMILIES; f++)
		for (size_t i = 0; i < planner.families[f].edits.n; i++)
			changes_of_table(arena, plan, planner.families[f].edits.items[i]);
	changes_of_sets(arena, plan, &planner.sets);
	changes_of_l2(arena, plan, &planner.l2);
	plan->twinned = sets_twinned(arena, &planner.sets, &plan->n_twinned);
	*ret = plan;
	return true;
}
