// SPDX-License-Identifier: GPL-2.0-or-later
/* What there is to tell of a call, and of how things stand. */
#include "agent/keeping.h"

#include <string.h>

#define MAX_CHANGES 1000 /* that are listed; docs of serve.h */

void result_tell(struct arena *arena, struct keeper_result *ret, const char *what,
	const char *subject, const char *text)
{
	*vec_push(&ret->events, arena) = (struct serve_event){ what, arena_strdup(arena, subject),
		arena_strdup(arena, text) };
}

const char *plan_words(struct arena *arena, const struct plan *plan)
{
	const struct plan_change *first = plan->n_changes ? &plan->changes[0] : NULL;
	size_t n_added = 0, n_removed = 0;

	for (size_t i = 0; i < plan->n_changes; i++) {
		n_added += plan->changes[i].sign == '+';
		n_removed += plan->changes[i].sign == '-';
	}
	if (!first)
		return "the same again, in another order";
	return arena_printf(arena,
		"%zu missing put back, %zu too much taken away; first: %c %s %s: %s", n_added,
		n_removed, first->sign, family_name(first->family), first->chain, first->words);
}

static void tell_counts(const struct work *work, struct serve_done *done)
{
	for (size_t f = 0; f < N_OF(work->counts); f++) {
		done->rules_added += work->counts[f].rules_added;
		done->rules_removed += work->counts[f].rules_removed;
		done->members_added += work->counts[f].members_added;
		done->members_removed += work->counts[f].members_removed;
	}
	done->n_steps = work->n_steps;
	done->n_flows_cut = work->n_flows_cut;
}

static void tell_changes(const struct work *work, struct serve_done *done)
{
	const struct plan *plan = work->plan;
	size_t n = plan->n_changes < MAX_CHANGES ? plan->n_changes : MAX_CHANGES;

	done->changes = arena_new_array(work->arena, const char *, n + 1);
	for (size_t i = 0; i < n; i++) {
		const struct plan_change *change = &plan->changes[i];

		done->changes[done->n_changes++] = arena_printf(work->arena, "%c %s %s: %s",
			change->sign, family_name(change->family), change->chain, change->words);
	}
}

static void tell_failures(const struct work *work, struct serve_done *done)
{
	const struct stand *target = work->target;
	size_t n = 0;

	for (size_t i = 0; i < target->n_seats; i++)
		n += target->seats[i].state == PORT_FAILED;
	done->failures = arena_new_array(work->arena, struct serve_failure, n + 1);
	for (size_t i = 0; i < target->n_seats; i++) {
		const struct seat *seat = &target->seats[i];

		if (seat->state == PORT_FAILED)
			done->failures[done->n_failures++] =
				(struct serve_failure){ arena_strdup(work->arena, seat->of->id),
					arena_strdup(work->arena, seat->why),
					arena_strdup(work->arena, seat->next_step) };
	}
}

/* "active: tap1 in br0", "waiting: there is no interface tap1" */
static const char *seat_words(struct arena *arena, const struct seat *seat)
{
	const char *state = serve_port_state_name(seat->state);

	if (seat->state == PORT_ACTIVE && seat->plug)
		return arena_printf(
			arena, "%s: %s in %s", state, seat->port->device, seat->plug->bridge);
	return *seat->why ? arena_printf(arena, "%s: %s", state, seat->why) : state;
}

static void tell_port(const struct work *work, const struct seat *seat, const struct seat *before,
	struct keeper_result *ret)
{
	const char *now = seat_words(work->scratch, seat);

	if (before && strcmp(now, seat_words(work->scratch, before)) == 0)
		return;
	result_tell(work->arena, ret, seat->state == PORT_FAILED ? "refused" : "port", seat->of->id,
		now);
}

static bool is_in(const char *name, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

static void tell_unknown(
	const struct work *work, const struct stand *old, struct keeper_result *ret)
{
	const struct stand *target = work->target;

	for (size_t i = 0; i < target->n_unknown; i++)
		if (!old || !is_in(target->unknown[i], old->unknown, old->n_unknown))
			result_tell(work->arena, ret, "unknown-interface", target->unknown[i],
				"it is in a bridge and no port's: closed");
}

void work_tell(struct work *work, const struct stand *old, struct keeper_result *ret)
{
	tell_counts(work, &ret->done);
	tell_changes(work, &ret->done);
	tell_failures(work, &ret->done);
	for (size_t i = 0; i < work->target->n_seats; i++) {
		const struct seat *seat = &work->target->seats[i];

		tell_port(work, seat, old ? stand_seat(old, seat->of->id) : NULL, ret);
	}
	tell_unknown(work, old, ret);
}

/* ---- how things stand */

static size_t n_rules(const struct stand *stand)
{
	size_t n = 0;

	for (size_t i = 0; i < stand->n_seats; i++)
		for (size_t g = 0; g < stand->seats[i].of->n_groups; g++)
			n += stand->seats[i].of->groups[g]->n_rules;
	return n;
}

static struct serve_port port_state(
	const struct keeper *keeper, struct arena *arena, const struct policy_port *port)
{
	const struct seat *seat = keeper->kept ? stand_seat(keeper->kept, port->id) : NULL;
	struct serve_port state = { .id = arena_strdup(arena, port->id),
		.name = arena_strdup(arena, port->name),
		.device = arena_strdup(arena, seat ? seat->port->device : port->device),
		.bridge = "",
		.why = "",
		.state = PORT_REMOTE };

	if (!seat)
		return state;
	state.state = seat->state;
	state.why = arena_strdup(arena, seat->why);
	if (seat->plug && seat->plug->bridge)
		state.bridge = arena_strdup(arena, seat->plug->bridge);
	if (seat->plug)
		state.zone = seat->plug->zone;
	return state;
}

void keeper_state(const struct keeper *keeper, struct arena *arena, struct serve_state *ret)
{
	const struct stand *kept = keeper->kept;
	struct serve_state state = { .backend = keeper->backend,
		.n_commits = keeper->n_commits,
		.n_refused = keeper->n_refused,
		.n_repaired = keeper->n_repaired,
		.n_flows_cut = keeper->n_flows_cut };
	VEC(const char *) warnings = { 0 };

	if (keeper->failure)
		*vec_push(&warnings, arena) = arena_printf(arena,
			"what the kernel has may differ from what is wanted: %s", keeper->failure);
	if (kept) {
		state.n_rules = n_rules(kept);
		state.ports = arena_new_array(arena, struct serve_port, kept->policy->n_ports + 1);
		for (size_t i = 0; i < kept->policy->n_ports; i++)
			state.ports[state.n_ports++] =
				port_state(keeper, arena, &kept->policy->ports[i]);
		vec_for_each (warning, &kept->warnings)
			*vec_push(&warnings, arena) = arena_strdup(arena, *warning);
	}
	state.warnings = warnings.items;
	state.n_warnings = warnings.n;
	*ret = state;
}
