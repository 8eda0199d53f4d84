// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One pass: lock, read what is there, refuse what is somebody else's, compile what is wanted, commit
 * the difference, cut the flows that nothing allows any more. A first apply, one changed rule
 * and clear are the same pass; clear wants nothing.
 */
#include "agent/internal.h"

#include <string.h>

static void tell(const struct agent_options *options, const char *stage)
{
	if (options->progress)
		options->progress(options->progress_data, stage);
}

/* Begins a pass that will change something (or, dry, would). */
static bool pass_open(struct arena *arena, const struct agent_options *options,
	struct kernel_lock *lock, struct pass *ret, struct err *err)
{
	if (!options->dry_run) {
		tell(options, "waiting for the lock");
		if (!kernel_lock_open(lock, options->lock_wait_s, err))
			return false;
	}
	tell(options, "reading what is there");
	return pass_begin(arena, options, ret, err) && pass_refuse(ret, err);
}

static void pass_report(const struct pass *pass, struct agent_report *report)
{
	report->backend = pass->backend;
	report->warnings = pass->warnings.items;
	report->n_warnings = pass->warnings.n;
}

/* From a policy to the ruleset that this host should have for it. */
static bool pass_compile(struct pass *pass, const struct policy *policy, struct err *err)
{
	struct compile_options options = { .scope = pass->scope };

	/* who looks wants what the service would, where it was last */
	if (pass->options->is_looking)
		options.is_closing = compile_closed_names(pass->arena, pass->found, &pass->scope,
			&options.closed_names, &options.n_closed_names);
	if (!agent_plug_ports(pass->arena, policy, pass->host, pass->zones, pass->options,
		    options.is_closing, &pass->plugs, &pass->n_plugs, &pass->warnings, err))
		return false;
	pass_keep_notes(pass);
	for (size_t i = 0; i < pass->n_plugs; i++)
		switches_check(pass->arena, &pass->switches, pass->host, &pass->plugs[i],
			pass->options->fix_sysctl, &pass->warnings);
	options.restore_notes = (const char *const *)pass->switches.notes.items;
	options.n_restore_notes = pass->switches.notes.n;
	return compile_policy(
		pass->arena, policy, pass->plugs, pass->n_plugs, &options, &pass->wanted, err);
}

static void count_ports(const struct policy *policy, struct agent_report *report)
{
	for (size_t i = 0; i < policy->n_ports; i++) {
		if (policy->ports[i].is_local)
			report->n_local_ports++;
		else
			report->n_remote_ports++;
	}
}

/* Before the first change: with it a pass that is killed does not lose what only it knew. */
static bool begin_change(struct pass *pass, const struct plan *plan, struct err *err)
{
	if (!plan->n_steps && !pass->switches.planned.n && !pass->journal.was_there)
		return true;
	agent_gone_prefixes(pass->arena, plan, &pass->journal.gone);
	pass->journal.notes.n = 0;
	vec_for_each (note, &pass->switches.notes)
		*vec_push(&pass->journal.notes, pass->arena) = *note;
	return journal_save(&pass->journal, err);
}

static bool commit(
	struct pass *pass, const struct plan *plan, const struct kernel_lock *lock, struct err *err)
{
	struct err ignored;

	tell(pass->options, "writing the rules");
	if (!begin_change(pass, plan, err) || !switches_set(&pass->switches, true, err))
		return false;
	if (kernel_plan_commit(plan, pass->backend, lock, err))
		return true;
	switches_set(&pass->switches, false, &ignored);
	return false;
}

/* The policy's text is on the disk before its rules are in the kernel: a full disk changes nothing. */
static bool commit_and_keep(
	struct pass *pass, const struct plan *plan, const struct kernel_lock *lock, struct err *err)
{
	struct text staged CLEANUP(text_staged_drop) = TEXT_INIT;
	const struct text *source = pass->options->source;

	if (source && !agent_policy_stage(source, &staged, err))
		return err_prefix(err, "cannot keep the policy for \"portwall show\"");
	if (!commit(pass, plan, lock, err))
		return false;
	if (source && !agent_policy_keep(&staged, err))
		return err_prefix(err, "applied, but \"portwall show\" will not know it");
	return true;
}

bool agent_apply(struct arena *arena, const struct policy *policy,
	const struct agent_options *options, struct agent_report *ret, struct err *err)
{
	struct kernel_lock lock CLEANUP(kernel_lock_close) = { 0 };
	struct agent_report report = { 0 };
	struct flows_cut flows = { 0 };
	struct pass pass;

	if (!pass_open(arena, options, &lock, &pass, err) || !pass_compile(&pass, policy, err) ||
		!plan_make(arena, pass.wanted, pass.found, &pass.scope, &report.plan, err))
		return false;
	if (!options->dry_run && (!commit_and_keep(&pass, report.plan, &lock, err) ||
					 !agent_cut_flows(arena, pass.plugs, pass.n_plugs,
						 pass.zones, &pass.journal.gone, &flows, err) ||
					 !journal_remove(err)))
		return false;
	report.n_flows_cut = flows.n_cut;
	count_ports(policy, &report);
	report.switched = switches_turned_on(arena, &pass.switches, &report.n_switched);
	pass_report(&pass, &report);
	*ret = report;
	return true;
}

bool agent_clear(struct arena *arena, const struct agent_options *options, struct agent_report *ret,
	struct err *err)
{
	struct kernel_lock lock CLEANUP(kernel_lock_close) = { 0 };
	struct agent_report report = { 0 };
	const struct ruleset *nothing = ruleset_new(arena);
	struct flows_cut flows = { 0 };
	struct pass pass;

	if (!pass_open(arena, options, &lock, &pass, err))
		return false;
	pass_keep_notes(&pass);
	if (!plan_make(arena, nothing, pass.found, &pass.scope, &report.plan, err))
		return false;
	if (!options->dry_run &&
		(!begin_change(&pass, report.plan, err) ||
			!kernel_plan_commit(report.plan, pass.backend, &lock, err) ||
			!agent_cut_flows(
				arena, NULL, 0, pass.zones, &pass.journal.gone, &flows, err) ||
			!switches_restore(arena, &pass.switches, pass.host, err) ||
			!agent_policy_forget(err) || !journal_remove(err)))
		return false;
	report.n_flows_cut = flows.n_cut;
	report.switched = (const char *const *)pass.switches.notes.items;
	report.n_switched = pass.switches.notes.n;
	pass_report(&pass, &report);
	*ret = report;
	return true;
}

static bool is_plugged_whole(const struct pass *pass)
{
	for (size_t i = 0; i < pass->n_plugs; i++)
		if (!pass->plugs[i].bridge)
			return false;
	return true;
}

/*
 * Rules that count nothing because the jump to them is gone look like rules without traffic: who
 * looks must be told of what stands beside the ports' own chains, too. What a port without its
 * interface will need is not known, so then only the jumps are compared.
 */
static bool warn_of_differences(struct pass *pass, struct err *err)
{
	bool is_whole = is_plugged_whole(pass);
	const struct plan *plan;
	size_t n = 0;

	if (!plan_make(pass->arena, pass->wanted, pass->found, &pass->scope, &plan, err))
		return false;
	for (size_t i = 0; i < plan->n_changes; i++) {
		const struct plan_change *change = &plan->changes[i];

		n += is_whole || (change->rule && change->family != FAMILY_BRIDGE &&
					 !plan_scope_has_chain(&pass->scope, change->chain));
	}
	if (n)
		*vec_push(&pass->warnings, pass->arena) = arena_printf(pass->arena,
			"the kernel differs from this policy in %zu place%s: portwall apply mends "
			"that, apply --dry-run shows it",
			n, n == 1 ? "" : "s");
	return true;
}

/* Looking must not fail because a VM is stopped. */
static struct agent_options looking_only(const struct agent_options *options)
{
	struct agent_options looking = *options;

	looking.allow_missing = true;
	looking.is_looking = true;
	looking.fix_sysctl = false;
	return looking;
}

static struct agent_view view_of(const struct pass *pass, const struct policy *policy)
{
	return (struct agent_view){ .policy = policy,
		.backend = pass->backend,
		.scope = pass->scope,
		.host = pass->host,
		.plugs = pass->plugs,
		.n_plugs = pass->n_plugs,
		.wanted = pass->wanted,
		.found = pass->found,
		.warnings = pass->warnings.items,
		.n_warnings = pass->warnings.n };
}

bool agent_view_read(struct arena *arena, const struct policy *policy,
	const struct agent_options *options, struct agent_view *ret, struct err *err)
{
	struct agent_options looking = looking_only(options);
	struct pass pass;

	tell(options, "reading what is there");
	if (!pass_begin(arena, &looking, &pass, err) || !pass_refuse_backend(&pass, err) ||
		!pass_refuse_prefix(&pass, err) || !pass_compile(&pass, policy, err) ||
		!warn_of_differences(&pass, err))
		return false;
	if (pass.journal.was_there)
		*vec_push(&pass.warnings, arena) =
			"the last apply or clear has not ended: it still runs, or was killed or "
			"refused; the kernel's rules may differ from this policy. portwall apply FILE "
			"makes them right";
	*ret = view_of(&pass, policy);
	return true;
}

bool agent_view_make(struct arena *arena, const struct policy *policy,
	const struct agent_options *options, const struct netns *host, struct agent_view *ret,
	struct err *err)
{
	struct agent_options looking = looking_only(options);
	struct pass pass = { .arena = arena,
		.options = &looking,
		.host = host,
		.found = host->ruleset ? host->ruleset : ruleset_new(arena) };

	if (!compile_scope(arena, options->chain_prefix, &pass.scope, err))
		return false;
	pass.zones = zone_map_read(arena, pass.found, &pass.scope);
	if (!pass_compile(&pass, policy, err))
		return false;
	*ret = view_of(&pass, policy);
	return true;
}
