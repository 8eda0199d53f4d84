// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The calls. Each is: lock; where do the ports stand (keep_stand.c); what differs from before, or from what is there
 * (keep_change.c); to the kernel (keep_commit.c); cut the flows that nothing allows any more. What fails leaves the keeper
 * with what it was to bring about and the knowledge that it does not know, and the next call does the whole pass.
 */
#include "agent/keeping.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#define NEVER	       UINT64_MAX
#define TRIM_FROM      ((size_t)4 * 1024 * 1024) /* bytes that one call took */
#define FIRST_RETRY_MS 1000
#define LAST_RETRY_MS  60000

enum call { CALL_CHANGE, CALL_PREVIEW, CALL_LINKS, CALL_REPAIR, CALL_RETRY };

/* ---- one call */

static void work_done(struct work *work)
{
	kernel_lock_close(&work->lock);
	stand_free(work->target);
	arena_free(work->scratch);
}

/* Are there ports that were refused with others, and not tried alone? */
static bool has_untried(const struct stand *stand)
{
	for (size_t i = 0; i < stand->n_seats; i++)
		if (stand->seats[i].is_refused && !stand->seats[i].is_culprit)
			return true;
	return false;
}

static enum seat_again seats_again(const struct keeper *keeper, enum call call)
{
	if (call != CALL_RETRY)
		return SEAT_AS_BEFORE;
	return has_untried(keeper->kept) ? SEAT_CULPRITS_AS_BEFORE : SEAT_ANEW;
}

static bool begin_part(struct work *work, enum call call, struct err *err)
{
	struct keeper *keeper = work->keeper;
	bool needs_host = call == CALL_LINKS ||
			  (call != CALL_RETRY && stand_needs_host(keeper->kept, work->policy));
	const struct netns *host = NULL;

	if (needs_host && !kernel_netns_read(work->scratch, &host, err))
		return false;
	work->zones = stand_zones(work->scratch, keeper->kept);
	work->base = keeper->kept;
	work->target = stand_new(keeper, work->scratch, work->policy, host, work->zones,
		keeper->kept, seats_again(keeper, call), &work->switches);
	return true;
}

/* Ports that name a set which is there, and another's. */
static void refuse_foreign_sets(struct work *work)
{
	struct stand *target = work->target;
	struct err err;

	vec_for_each (use, &target->uses) {
		if (plan_may_write_set(work->found, (*use)->name, (*use)->family, &err))
			continue;
		vec_for_each (user, &(*use)->users) {
			seat_make_bare(target->seat_of[*user],
				arena_strdup(target->arena, err.text),
				arena_strdup(target->arena, err.next_step));
			target->seat_of[*user]->is_refused = true;
			target->seat_of[*user]->is_culprit = true;
		}
	}
	stand_find_uses(work->keeper, target);
}

static bool begin_whole(struct work *work, struct err *err)
{
	struct keeper *keeper = work->keeper;
	struct pass pass;

	/* what was ours once is ours whatever somebody has made of it */
	if (!pass_begin(work->scratch, &keeper->agent, &pass, err) ||
		(!keeper->is_ours && !pass_refuse(&pass, err)))
		return false;
	pass_keep_notes(&pass);
	work->is_whole = true;
	work->found = pass.found;
	work->journal = pass.journal;
	work->switches = pass.switches;
	work->zones = stand_zones(work->scratch, keeper->kept);
	zone_map_keep_found(work->zones, pass.found, &keeper->scope);
	work->target = stand_new(keeper, work->scratch, work->policy, pass.host, work->zones,
		keeper->kept, keeper->is_known ? SEAT_AS_BEFORE : SEAT_ANEW, &work->switches);
	refuse_foreign_sets(work);
	return true;
}

static bool begin(struct work *work, enum call call, struct err *err)
{
	const struct keeper *keeper = work->keeper;

	if (call != CALL_PREVIEW && !kernel_lock_open(&work->lock, keeper->agent.lock_wait_s, err))
		return false;
	return call == CALL_REPAIR || !keeper->is_known ? begin_whole(work, err)
							: begin_part(work, call, err);
}

bool work_judges_flows(const struct work *work)
{
	return work->is_whole || work->takes || (work->keeper->n_marked && work->n_steps);
}

/* Marks say what the policy says now, so that a rule more may let a flow go on that was cut. */
static bool cut_flows(struct work *work, struct err *err)
{
	struct keeper *keeper = work->keeper;
	struct flows_cut cut;

	if (!work_judges_flows(work))
		return true;
	if (!agent_cut_flows(work->scratch, work->target->plugs, work->target->n_plugs, work->zones,
		    &work->journal.gone, &cut, err))
		return false;
	keeper->n_marked = cut.n_marked;
	keeper->n_flows_cut += cut.n_cut;
	work->n_flows_cut = cut.n_cut;
	return true;
}

static bool finish(struct work *work, struct err *err)
{
	return cut_flows(work, err) &&
	       (!(work->is_journalled || work->journal.was_there) || journal_remove(err));
}

/* ---- what is known afterwards */

static void keep(struct keeper *keeper, struct stand *stand)
{
	stand_free(keeper->kept);
	keeper->kept = stand;
}

static void set_retry(struct keeper *keeper)
{
	uint64_t wait_ms = FIRST_RETRY_MS;

	for (unsigned i = 0; i < keeper->n_retries && wait_ms < LAST_RETRY_MS; i++)
		wait_ms *= 2;
	keeper->n_retries++;
	keeper->retry_ms =
		kernel_boottime_ms() + (wait_ms < LAST_RETRY_MS ? wait_ms : LAST_RETRY_MS);
}

/* What is kept points into the policy before this one, which the caller may free now. */
static void lose(struct work *work, const struct err *err)
{
	struct keeper *keeper = work->keeper;
	struct stand *target = work->target;

	if (!target)
		target = stand_new(keeper, work->scratch, work->policy, NULL,
			stand_zones(work->scratch, keeper->kept), keeper->kept, SEAT_AS_BEFORE,
			&work->switches);
	work->target = NULL;
	keep(keeper, target);
	keeper->is_known = false;
	free(keeper->failure);
	keeper->failure = strdup(err->text);
	set_retry(keeper);
}

static bool has_refused(const struct stand *stand)
{
	for (size_t i = 0; i < stand->n_seats; i++)
		if (stand->seats[i].is_refused)
			return true;
	return false;
}

static void know(struct work *work, enum call call)
{
	struct keeper *keeper = work->keeper;

	keep(keeper, work->target);
	work->target = NULL;
	keeper->is_known = keeper->is_ours = true;
	free(keeper->failure);
	keeper->failure = NULL;
	if (!has_refused(keeper->kept)) {
		keeper->n_retries = 0;
		keeper->retry_ms = NEVER;
	} else if (has_untried(keeper->kept)) {
		keeper->n_retries = 0;
		set_retry(keeper);
	} else if (call == CALL_RETRY || work->is_whole || keeper->retry_ms == NEVER) {
		set_retry(keeper);
	}
}

/* ---- the calls */

static bool plan_only(struct work *work, struct err *err)
{
	return stand_plan(work->keeper, work->scratch, work->target, work->base, work->found,
		&work->plan, err);
}

static void tell_repaired(struct work *work, struct keeper_result *ret, const char *what)
{
	work->keeper->n_repaired++;
	result_tell(work->arena, ret, "repaired", "", what);
}

/* A full recompute must find nothing to do. */
static bool check(struct work *work, struct keeper_result *ret, struct err *err)
{
	struct work again = { .keeper = work->keeper,
		.arena = work->arena,
		.scratch = work->scratch,
		.lock = work->lock,
		.target = work->target,
		.zones = work->zones,
		.is_whole = true };
	const char *what;

	if (!kernel_ruleset_read(work->scratch, work->keeper->backend, &again.found, err) ||
		!plan_only(&again, err))
		return false;
	if (!again.plan->n_steps)
		return true;
	what = plan_words(work->arena, again.plan);
	if (work->keeper->others && work->keeper->others(work->keeper->others_data))
		tell_repaired(work, ret, what);
	else
		result_tell(work->arena, ret, "bug", "", what);
	return work_bring(&again, err) && finish(&again, err);
}

static bool bring(struct work *work, enum call call, struct keeper_result *ret, struct err *err)
{
	struct keeper *keeper = work->keeper;
	bool was_known = keeper->is_known;
	struct keeper_result result = { 0 };

	if (!begin(work, call, err) || !work_bring(work, err) || !finish(work, err))
		return false;
	if (call == CALL_REPAIR && was_known && work->plan->n_steps)
		tell_repaired(work, &result, plan_words(work->arena, work->plan));
	if (work->mended)
		tell_repaired(work, &result, work->mended);
	work_tell(work, keeper->kept, &result);
	if (keeper->options->is_paranoid && !work->is_whole && !check(work, &result, err))
		return false;
	*ret = result;
	return true;
}

static bool run(struct keeper *keeper, struct arena *arena, enum call call,
	const struct policy *policy, struct keeper_result *ret, struct err *err)
{
	struct work work CLEANUP(work_done) = {
		.keeper = keeper, .arena = arena, .scratch = arena_new(), .policy = policy
	};
	bool ok = bring(&work, call, ret, err);

	if (ok)
		know(&work, call);
	else
		lose(&work, err);
	/* what a thousand ports took for a moment is not held for days */
	if (arena_used(work.scratch) > TRIM_FROM) {
		arena_freep(&work.scratch);
		malloc_trim(0);
	}
	return ok;
}

bool keeper_change(struct keeper *keeper, struct arena *arena, const struct policy *wanted,
	struct keeper_result *ret, struct err *err)
{
	keeper->wanted = wanted;
	return run(keeper, arena, CALL_CHANGE, wanted, ret, err);
}

bool keeper_preview(struct keeper *keeper, struct arena *arena, const struct policy *wanted,
	struct keeper_result *ret, struct err *err)
{
	struct work work CLEANUP(work_done) = {
		.keeper = keeper, .arena = arena, .scratch = arena_new(), .policy = wanted
	};
	struct keeper_result result = { 0 };

	if (!begin(&work, CALL_PREVIEW, err) || !plan_only(&work, err))
		return false;
	for (size_t f = 0; f < N_OF(work.counts); f++)
		work.counts[f] = work.plan->counts[f];
	work.n_steps = work.plan->n_steps;
	work_tell(&work, NULL, &result);
	if (!work_foresee(&work, &result.done, err))
		return false;
	*ret = result;
	return true;
}

static bool run_again(struct keeper *keeper, struct arena *arena, enum call call,
	struct keeper_result *ret, struct err *err)
{
	if (!keeper->wanted) {
		*ret = (struct keeper_result){ 0 };
		return true;
	}
	return run(keeper, arena, call, keeper->wanted, ret, err);
}

bool keeper_links_changed(
	struct keeper *keeper, struct arena *arena, struct keeper_result *ret, struct err *err)
{
	return run_again(keeper, arena, CALL_LINKS, ret, err);
}

bool keeper_repair(
	struct keeper *keeper, struct arena *arena, struct keeper_result *ret, struct err *err)
{
	return run_again(keeper, arena, CALL_REPAIR, ret, err);
}

bool keeper_retry(
	struct keeper *keeper, struct arena *arena, struct keeper_result *ret, struct err *err)
{
	return run_again(keeper, arena, CALL_RETRY, ret, err);
}

uint64_t keeper_retry_ms(const struct keeper *keeper)
{
	return keeper->retry_ms;
}

/* ---- the beginning and the end */

static bool check_closed_names(const struct serve_options *options, struct err *err)
{
	for (size_t i = 0; i < options->n_closed_names; i++)
		if (!compile_is_closed_name(options->closed_names[i]))
			return err_input(err,
				"\"%s\" is no beginning of the names of interfaces, such as tap*",
				options->closed_names[i]);
	return true;
}

bool keeper_open(const struct serve_options *options, struct keeper **ret, struct err *err)
{
	struct arena *scratch CLEANUP(arena_freep) = arena_new();
	struct keeper *keeper = calloc(1, sizeof(*keeper));
	struct pass pass;

	if (!keeper)
		abort();
	*keeper = (struct keeper){
		.options = options, .agent = options->agent, .arena = arena_new(), .retry_ms = NEVER
	};
	keeper->agent.allow_missing = true;
	keeper->agent.dry_run = keeper->agent.is_looking = false;
	if (!check_closed_names(options, err) ||
		!compile_scope(keeper->arena, keeper->agent.chain_prefix, &keeper->scope, err) ||
		!pass_begin(scratch, &keeper->agent, &pass, err) || !pass_refuse(&pass, err)) {
		keeper_close(&keeper);
		return false;
	}
	keeper->backend = pass.backend;
	keeper->agent.backend = backend_name(pass.backend);
	*ret = keeper;
	arena_freep(&scratch);
	malloc_trim(0);
	return true;
}

void keeper_set_others(struct keeper *keeper, keeper_others_fn *others, void *data)
{
	keeper->others = others;
	keeper->others_data = data;
}

void keeper_close(struct keeper **keeper)
{
	if (!*keeper)
		return;
	stand_free((*keeper)->kept);
	free((*keeper)->failure);
	arena_free((*keeper)->arena);
	free(*keeper);
	*keeper = NULL;
}

bool keeper_view(
	struct keeper *keeper, struct arena *arena, struct agent_view *ret, struct err *err)
{
	struct agent_view view = { .backend = keeper->backend, .scope = keeper->scope };
	const struct stand *kept = keeper->kept;

	if (!kept)
		return err_system(err, 0, "the service has not been given a policy yet");
	view.policy = kept->policy;
	view.plugs = kept->plugs;
	view.n_plugs = kept->n_plugs;
	view.warnings = kept->warnings.items;
	view.n_warnings = kept->warnings.n;
	if (!kernel_netns_read(arena, &view.host, err) ||
		!kernel_ruleset_read(arena, keeper->backend, &view.found, err) ||
		!stand_compile(keeper, arena, kept, NULL, &view.wanted, err))
		return false;
	*ret = view;
	return true;
}
