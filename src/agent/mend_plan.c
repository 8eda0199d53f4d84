// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From edits to the steps of a plan. All rules of one table of iptables are one batch, where the first of them is; it is done as a whole
 * or not at all, as batches of several tables are not (plan.c). Tables of nft, sysctls and links are a step each. Flows are
 * none: they go when all this stands.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/mending.h"

struct step {
	enum tool tool;
	const char *table;	       /* of iptables; NULL: it is another tool's */
	VEC(const char *) lines, back; /* back: to be run from the last to the first */
	const char *text, *undo;       /* of all others */
};

struct planner {
	struct arena *arena;
	VEC(struct step) steps;
};

static enum tool tool_of(const struct host_edit *edit)
{
	bool is_ipv6 = edit->family == FAMILY_IPV6;

	if (edit->source == SOURCE_IPTABLES_LEGACY)
		return is_ipv6 ? TOOL_IP6TABLES_LEGACY : TOOL_IPTABLES_LEGACY;
	return is_ipv6 ? TOOL_IP6TABLES : TOOL_IPTABLES;
}

static struct step *step_of(struct planner *planner, const struct host_edit *edit)
{
	enum tool tool = tool_of(edit);
	struct step *step;

	vec_for_each (other, &planner->steps)
		if (other->tool == tool && other->table && !strcmp(other->table, edit->table))
			return other;
	step = vec_push(&planner->steps, planner->arena);
	*step = (struct step){ .tool = tool, .table = edit->table };
	return step;
}

/* At the end it is "-A": a place behind the last one is refused by some versions. */
static const char *insert_line(struct arena *arena, const struct host_edit *edit, const char *rule,
	size_t n_rules, const struct counters *counters)
{
	const char *numbers = "";

	if (counters->packets || counters->bytes)
		numbers = arena_printf(
			arena, "[%" PRIu64 ":%" PRIu64 "] ", counters->packets, counters->bytes);
	if (edit->at == n_rules)
		return arena_printf(arena, "%s-A %s %s", numbers, edit->chain, rule);
	return arena_printf(arena, "%s-I %s %zu %s", numbers, edit->chain, edit->at + 1, rule);
}

/* By the rule itself where that means this one: should somebody have written since the rules were read, then no other
 * rule is hit. */
static const char *delete_line(
	struct arena *arena, const char *chain, const char *rule, size_t at, bool is_first)
{
	return is_first ? arena_printf(arena, "-D %s %s", chain, rule)
			: arena_printf(arena, "-D %s %zu", chain, at + 1);
}

static void add_rule(struct planner *planner, const struct made_edit *made)
{
	static const struct counters none = { 0 };
	const struct host_edit *edit = &made->edit;
	struct step *step = step_of(planner, edit);
	struct arena *arena = planner->arena;
	const char *chain = edit->chain;

	switch (edit->kind) {
	case HOST_EDIT_RULE_ADD:
		*vec_push(&step->lines, arena) =
			insert_line(arena, edit, edit->rule, made->n_rules, &none);
		*vec_push(&step->back, arena) =
			delete_line(arena, chain, edit->rule, edit->at, made->n_equal == 1);
		break;
	case HOST_EDIT_RULE_REMOVE:
		*vec_push(&step->lines, arena) =
			delete_line(arena, chain, edit->before, edit->at, made->is_first);
		*vec_push(&step->back, arena) =
			insert_line(arena, edit, edit->before, made->n_rules - 1, &made->counters);
		break;
	default: /* replaced: the new one in front of the old one, which then goes */
		*vec_push(&step->lines, arena) =
			insert_line(arena, edit, edit->rule, made->n_rules, &none);
		*vec_push(&step->lines, arena) =
			delete_line(arena, chain, edit->before, edit->at + 1, made->is_first);
		*vec_push(&step->back, arena) =
			delete_line(arena, chain, edit->rule, edit->at + 1, made->n_equal == 1);
		*vec_push(&step->back, arena) =
			insert_line(arena, edit, edit->before, made->n_rules, &made->counters);
	}
}

/* A table that has come in between is not joined: "create" refuses it. */
static const char *create_text(struct arena *arena, const struct host_edit *edit, const char *text)
{
	struct ruleset *rs = ruleset_new(arena);
	struct text out CLEANUP(text_done) = TEXT_INIT;
	struct err ignored;

	text_addf(&out, "create table %s %s {", nft_family_name(edit->family), edit->table);
	if (ruleset_parse_nft(arena, rs, "the table", text, &ignored) && rs->n_tables == 1) {
		/* what is of the table itself is not set again for one that is there */
		if (rs->tables[0].comment)
			text_addf(&out, " comment \"%s\";", rs->tables[0].comment);
		if (rs->tables[0].flags)
			text_addf(&out, " flags %s;", rs->tables[0].flags);
	}
	text_addf(&out, " }\n%s", text);
	if (out.data[out.len - 1] != '\n')
		text_add(&out, "\n");
	return arena_strdup(arena, out.data);
}

static void add_table(struct planner *planner, const struct host_edit *edit)
{
	bool is_new = edit->kind == HOST_EDIT_TABLE_ADD;
	const char *create = create_text(planner->arena, edit, is_new ? edit->rule : edit->before);
	const char *gone = arena_printf(
		planner->arena, "delete table %s %s\n", nft_family_name(edit->family), edit->table);

	*vec_push(&planner->steps, planner->arena) = (struct step){
		.tool = TOOL_NFT, .text = is_new ? create : gone, .undo = is_new ? gone : create
	};
}

static void add_sysctl(struct planner *planner, const struct made_edit *made)
{
	struct text undo CLEANUP(text_done) = TEXT_INIT;

	text_addf(&undo, "%s=%s\n", made->edit.name, made->edit.before);
	for (size_t i = 0; i < made->n_also; i++)
		text_addf(&undo, "%s=%s\n", made->also[i].name, made->also[i].value);
	*vec_push(&planner->steps, planner->arena) = (struct step){ .tool = TOOL_SYSCTL,
		.text = arena_printf(planner->arena, "%s=%s\n", made->edit.name, made->edit.value),
		.undo = arena_strdup(planner->arena, undo.data) };
}

static void add_link(struct planner *planner, const struct host_edit *edit)
{
	const char *flag = link_flag_name(edit->flag);

	*vec_push(&planner->steps, planner->arena) = (struct step){ .tool = TOOL_LINK,
		.text = arena_printf(planner->arena, "%s %s %s\n", edit->name, flag, edit->value),
		.undo = arena_printf(
			planner->arena, "%s %s %s\n", edit->name, flag, edit->before) };
}

static struct plan_step batch(struct arena *arena, const struct step *step)
{
	struct text text CLEANUP(text_done) = TEXT_INIT, undo CLEANUP(text_done) = TEXT_INIT;

	text_addf(&text, "*%s\n", step->table);
	text_addf(&undo, "*%s\n", step->table);
	vec_for_each (line, &step->lines)
		text_addf(&text, "%s\n", *line);
	for (size_t i = step->back.n; i-- > 0;)
		text_addf(&undo, "%s\n", step->back.items[i]);
	text_add(&text, "COMMIT\n");
	text_add(&undo, "COMMIT\n");
	return (struct plan_step){ .tool = step->tool,
		.text = arena_strdup(arena, text.data),
		.undo = arena_strdup(arena, undo.data),
		.is_atomic = true };
}

const struct plan *mend_plan(struct arena *arena, const made_vec *edits)
{
	struct planner planner = { .arena = arena };
	struct plan *plan = arena_new_one(arena, struct plan);

	vec_for_each (made, edits) {
		switch (made->edit.kind) {
		case HOST_EDIT_RULE_ADD:
		case HOST_EDIT_RULE_REMOVE:
		case HOST_EDIT_RULE_REPLACE:
			add_rule(&planner, made);
			break;
		case HOST_EDIT_TABLE_ADD:
		case HOST_EDIT_TABLE_REMOVE:
			add_table(&planner, &made->edit);
			break;
		case HOST_EDIT_SYSCTL:
			add_sysctl(&planner, made);
			break;
		case HOST_EDIT_LINK:
			add_link(&planner, &made->edit);
			break;
		case HOST_EDIT_FLOWS:
			break;
		}
	}
	plan->steps = arena_new_array(arena, struct plan_step, planner.steps.n + 1);
	plan->n_steps = planner.steps.n;
	for (size_t i = 0; i < planner.steps.n; i++) {
		const struct step *step = &planner.steps.items[i];

		plan->steps[i] = step->table ? batch(arena, step)
					     : (struct plan_step){ .tool = step->tool,
						       .text = step->text,
						       .undo = step->undo,
						       .is_atomic = true };
	}
	return plan;
}
