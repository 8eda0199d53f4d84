// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * To the kernel, without the ports that it refuses. A plan is refused as a whole and taken back; for one port's sake the others must
 * not wait. The line that was refused mostly says which ports it is for: those of its rule, of its chain, of its set. They become
 * bare (keep_stand.c), and the rest is tried again. Where it says nothing, all ports that would change become bare, which
 * asks nothing new of the kernel, and then get their rules again in ever smaller parts, until those are left that are
 * refused alone. That takes as long as it may, and tells at least one from the others; they are tried by the next keeper_retry.
 */
#include "agent/keeping.h"

#include <string.h>

#define ASIDE_TRIES 16	 /* refusals that name ports, one behind the other */
#define SEARCH_MS   2000 /* for the parts; nothing else is done meanwhile */

/* ---- one plan */

/* Before the first change that takes something: with it a pass that is killed does not lose what only it knew. */
static bool keep_journal(struct work *work, const struct plan *plan, struct err *err)
{
	if (!work->takes && !work->switches.planned.n && !work->journal.was_there)
		return true;
	agent_gone_prefixes(work->scratch, plan, &work->journal.gone);
	work->journal.notes.n = 0;
	for (size_t i = 0; i < work->target->n_notes; i++)
		*vec_push(&work->journal.notes, work->scratch) = work->target->notes[i];
	work->is_journalled = true;
	return journal_save(&work->journal, err);
}

static void count(struct work *work, const struct plan *plan)
{
	for (size_t f = 0; f < N_OF(work->counts); f++) {
		struct plan_counts *sum = &work->counts[f];
		const struct plan_counts *more = &plan->counts[f];

		sum->rules_added += more->rules_added;
		sum->rules_removed += more->rules_removed;
		sum->members_added += more->members_added;
		sum->members_removed += more->members_removed;
	}
	work->n_steps += plan->n_steps;
}

/* What is there after a plan that was taken back in part only. */
static bool read_anew(struct work *work, struct err *err)
{
	work->base = NULL;
	return kernel_ruleset_read(work->scratch, work->keeper->backend, &work->found, err);
}

static bool commit(
	struct work *work, const struct plan *plan, struct kernel_refusal *refusal, struct err *err)
{
	struct keeper *keeper = work->keeper;
	struct err unread;

	*refusal = (struct kernel_refusal){ .step = plan->n_steps };
	work->takes = work->takes || plan_takes(plan);
	if (!keep_journal(work, plan, err) || !switches_set(&work->switches, true, err))
		return false;
	work->switches.planned.n = 0;
	if (!plan->n_steps)
		return true;
	if (!kernel_plan_try(plan, keeper->backend, &work->lock, refusal, err)) {
		keeper->n_refused++;
		if (refusal->is_in_between && !read_anew(work, &unread)) {
			*err = unread;
			refusal->step = plan->n_steps;
		}
		return false;
	}
	keeper->n_commits++;
	count(work, plan);
	return true;
}

static bool make_plan(struct work *work, const struct plan **ret, struct err *err)
{
	return stand_plan(
		work->keeper, work->scratch, work->target, work->base, work->found, ret, err);
}

/* ---- whom a refusal is for */

/* Ports that could do without what they get. */
static bool may_be_bare(const struct work *work, const struct seat *seat)
{
	const struct seat *before = work->base ? stand_seat(work->base, seat->of->id) : NULL;

	return seat_has_chains(seat) && !seat->is_bare && seat->port->n_groups &&
	       !(before && seat_has_same_chains(before, seat));
}

static void set_aside(struct work *work, struct seat *seat, bool is_culprit, const struct err *err)
{
	struct arena *arena = work->target->arena;

	seat_make_bare(seat, arena_strdup(arena, err->text), arena_strdup(arena, err->next_step));
	seat->is_refused = true;
	seat->is_culprit = is_culprit;
}

/* The refused line; "" when it is not known. */
static const char *line_of(
	struct work *work, const struct plan *plan, const struct kernel_refusal *refusal)
{
	const char *text;

	if (refusal->step >= plan->n_steps || !refusal->line)
		return "";
	text = plan->steps[refusal->step].text;
	for (unsigned i = 1; i < refusal->line && *text; i++) {
		text += strcspn(text, "\n");
		text += *text == '\n';
	}
	return arena_strndup(work->scratch, text, strcspn(text, "\n"));
}

static bool has_rule(const struct policy_port *port, const char *rule_id)
{
	for (size_t g = 0; g < port->n_groups; g++)
		for (size_t r = 0; r < port->groups[g]->n_rules; r++)
			if (strcmp(port->groups[g]->rules[r].id, rule_id) == 0)
				return true;
	return false;
}

/* The id of the rule that a line's comment names (rules.c of compile); NULL: none. */
static const char *rule_in(struct work *work, const char *line)
{
	static const char begin[] = "--comment \"rule ";
	const char *at = strstr(line, begin);

	if (!at)
		return NULL;
	at += strlen(begin);
	return arena_strndup(work->scratch, at, strcspn(at, " \""));
}

static bool is_chain_in(struct work *work, const char *line, const char *id)
{
	static const char kinds[] = "ios";
	struct arena *arena = work->scratch;

	for (size_t i = 0; i < strlen(kinds); i++)
		if (strstr(line, compile_chain_name(arena, &work->keeper->scope, kinds[i], id)))
			return true;
	return strstr(line, compile_frames_chain_name(arena, DIR_EGRESS, id)) ||
	       strstr(line, compile_frames_chain_name(arena, DIR_INGRESS, id));
}

static bool names_set_in(const struct stand *stand, const struct seat *seat, const char *line)
{
	vec_for_each (use, &stand->uses)
		if (strstr(line, (*use)->name))
			vec_for_each (user, &(*use)->users)
				if (stand->seat_of[*user] == seat)
					return true;
	return false;
}

/* Makes the ports bare that the line is for; false: there are none. */
static bool set_aside_by_line(struct work *work, const char *line, const struct err *err)
{
	struct stand *target = work->target;
	const char *rule = rule_in(work, line);
	bool is_of_set = rule == NULL && !strstr(line, work->keeper->scope.chain_prefix);
	VEC(struct seat *) found = { 0 };

	for (size_t i = 0; *line && i < target->n_seats; i++) {
		struct seat *seat = &target->seats[i];

		if (!may_be_bare(work, seat))
			continue;
		if (rule ? has_rule(seat->port, rule)
			 : is_chain_in(work, line, seat->of->id) ||
					(is_of_set && names_set_in(target, seat, line)))
			*vec_push(&found, work->scratch) = seat;
	}
	vec_for_each (seat, &found)
		set_aside(work, *seat, true, err);
	stand_find_uses(work->keeper, target);
	return found.n;
}

/* ---- the search */

struct range {
	size_t from, to; /* of suspects */
};

struct search {
	struct work *work;
	VEC(struct seat *) suspects;
	VEC(struct range) left;
};

/* The kernel has the target now; it may change again. */
static void base_is_target(struct work *work)
{
	work->base = stand_clone(work->keeper, work->scratch, work->target);
	work->found = NULL;
}

static bool bring_once(struct work *work, struct err *err)
{
	struct kernel_refusal refusal;
	const struct plan *plan;

	stand_find_uses(work->keeper, work->target);
	if (!make_plan(work, &plan, err) || !commit(work, plan, &refusal, err))
		return false;
	base_is_target(work);
	return true;
}

/* true: nothing more is to be tried of it. */
static bool search_range(struct search *search, struct range range)
{
	struct work *work = search->work;
	bool is_one = range.to - range.from == 1;
	struct err err;

	for (size_t i = range.from; i < range.to; i++)
		seat_make_whole(search->suspects.items[i]);
	if (bring_once(work, &err))
		return true;
	for (size_t i = range.from; i < range.to; i++)
		set_aside(work, search->suspects.items[i], is_one, &err);
	if (!is_one) {
		size_t middle = range.from + (range.to - range.from) / 2;

		*vec_push(&search->left, work->scratch) = (struct range){ middle, range.to };
		*vec_push(&search->left, work->scratch) = (struct range){ range.from, middle };
	}
	return is_one;
}

static bool search_for_refused(struct work *work, struct err *err)
{
	struct search search = { .work = work };
	uint64_t until = kernel_boottime_ms() + SEARCH_MS;
	struct err refused = *err;
	bool is_any_told = false;

	for (size_t i = 0; i < work->target->n_seats; i++)
		if (may_be_bare(work, &work->target->seats[i]))
			*vec_push(&search.suspects, work->scratch) = &work->target->seats[i];
	if (!search.suspects.n)
		return false;
	vec_for_each (seat, &search.suspects)
		set_aside(work, *seat, search.suspects.n == 1, &refused);
	if (!bring_once(work, err))
		return false;
	if (search.suspects.n > 1)
		*vec_push(&search.left, work->scratch) = (struct range){ 0, search.suspects.n };
	while (search.left.n && (!is_any_told || kernel_boottime_ms() < until))
		is_any_told |= search_range(&search, search.left.items[--search.left.n]);
	stand_find_uses(work->keeper, work->target);
	return true;
}

/*
 * A change that was reckoned from what the keeper last brought about may be refused because somebody else has changed that: before ports are
 * blamed, what is there is read. False: it was read already, or cannot be.
 */
static bool doubt_base(struct work *work, const struct err *why)
{
	struct err unread;

	if (!work->base || work->found || !read_anew(work, &unread))
		return false;
	work->is_whole = true;
	work->mended =
		arena_printf(work->scratch, "others had changed rules, so that %s", why->text);
	return true;
}

bool work_bring(struct work *work, struct err *err)
{
	struct kernel_refusal refusal;
	const struct plan *plan;

	for (unsigned tries = 0; tries < ASIDE_TRIES; tries++) {
		if (!make_plan(work, &plan, err))
			break;
		if (!work->plan)
			work->plan = plan;
		if (commit(work, plan, &refusal, err))
			return true;
		if (refusal.step == plan->n_steps)
			return false; /* it is not the plan that was refused */
		if (doubt_base(work, err))
			continue;
		work->mended = NULL; /* it was the ports */
		if (!set_aside_by_line(work, line_of(work, plan, &refusal), err))
			break;
	}
	return search_for_refused(work, err);
}
