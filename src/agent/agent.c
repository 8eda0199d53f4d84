// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One pass: lock, read what is there, refuse what is somebody else's, compile what is wanted, commit
 * the difference, cut the flows that nothing allows any more. A first apply, one changed rule
 * and clear are the same pass; clear wants nothing.
 */
#include "agent/internal.h"

#include <string.h>

/* What a pass has read and decided before it changes anything. */
struct pass {
	struct arena *arena;
	const struct agent_options *options;
	struct plan_scope scope;
	enum backend backend;
	const struct netns *host;
	const struct ruleset *found;
	bool has_mark;
	warning_list warnings;
	struct switches switches; /* of bridges */
	struct journal journal;	  /* of a pass before that did not end */
	struct zone_map *zones;
	struct plug *plugs;
	size_t n_plugs;
	const struct ruleset *wanted;
};

static void tell(const struct agent_options *options, const char *stage)
{
	if (options->progress)
		options->progress(options->progress_data, stage);
}

static bool choose_backend(const struct agent_options *options, enum backend *ret, struct err *err)
{
	const char *name = options->backend ? options->backend : "auto";

	if (!strcmp(name, "auto"))
		return kernel_backend_default(ret, err);
	if (strcmp(name, "nft") != 0 && strcmp(name, "legacy") != 0)
		return err_input(err, "--backend %s: must be auto, nft or legacy", name);
	*ret = strcmp(name, "nft") ? BACKEND_LEGACY : BACKEND_NFT;
	return true;
}

static bool has_own_chains(const struct ruleset *found, const struct plan_scope *scope)
{
	for (size_t t = 0; t < found->n_tables; t++)
		for (size_t c = 0; c < found->tables[t].n_chains; c++)
			if (plan_scope_has_chain(scope, found->tables[t].chains[c].name))
				return true;
	return false;
}

/*
 * The same rules in both variants would be asked twice, and those of the forgotten variant would
 * never change again.
 */
static bool refuse_other_backend(struct pass *pass, struct err *err)
{
	enum backend other = pass->backend == BACKEND_NFT ? BACKEND_LEGACY : BACKEND_NFT;
	const struct ruleset *found;

	if (pass->has_mark || !kernel_backend_in_use(other))
		return true;
	if (!kernel_ruleset_read(pass->arena, other, &found, err))
		return false;
	if (!compile_has_mark(found, &pass->scope))
		return true;
	err_conflict(err, "portwall's rules stand in iptables-%s, not in iptables-%s",
		backend_name(other), backend_name(pass->backend));
	return err_next(err,
		"go on with --backend %s, or take them away first: portwall clear --backend %s",
		backend_name(other), backend_name(other));
}

/*
 * The table of frames, the policy that show knows and the zones are one for a namespace: a second
 * prefix would take the first one's ports out of the table.
 */
static bool refuse_other_prefix(struct pass *pass, struct err *err)
{
	const char *other = compile_other_mark(pass->arena, pass->found, &pass->scope);

	if (!other || pass->has_mark)
		return true;
	err_conflict(err, "portwall's chains in this network namespace begin with %s, not with %s",
		other, pass->scope.chain_prefix);
	return err_next(err,
		"go on with --prefix %s, or take them away first: portwall clear --prefix %s",
		other, other);
}

static bool refuse_other_owner(struct pass *pass, struct err *err)
{
	const char *agent = kernel_other_agent(pass->arena, pass->scope.chain_prefix);

	if (pass->options->takeover)
		return true;
	if (compile_is_frames_table_foreign(pass->found, &pass->scope)) {
		err_conflict(err, "the nft table \"bridge %s\" was made by another program",
			pass->scope.l2_table);
		return err_next(err,
			"see nft list table bridge %s; remove it, or use --takeover to replace it",
			pass->scope.l2_table);
	}
	if (agent) {
		err_conflict(err, "%s runs here and maintains the chains %s*", agent,
			pass->scope.chain_prefix);
		return err_next(
			err, "stop that agent, then use --takeover; or choose another --prefix");
	}
	/* The mark comes and goes with one of several batches. */
	if (pass->has_mark || pass->journal.was_there || !has_own_chains(pass->found, &pass->scope))
		return true;
	err_conflict(err,
		"the chains %s* were made by another program (Neutron's agent writes chains of "
		"this name; it does not run now)",
		pass->scope.chain_prefix);
	return err_next(err,
		"use --takeover if nothing maintains them any more, or choose another --prefix");
}

static bool pass_begin(
	struct arena *arena, const struct agent_options *options, struct pass *ret, struct err *err)
{
	struct pass pass = { .arena = arena, .options = options };

	if (options->chain_prefix) {
		if (!compile_scope(arena, options->chain_prefix, &pass.scope, err))
			return false;
	} else {
		pass.scope = compile_default_scope;
	}
	tell(options, "reading what is there");
	if (!choose_backend(options, &pass.backend, err) ||
		!kernel_check_requirements(pass.backend, err) ||
		!kernel_netns_read(arena, &pass.host, err) ||
		!kernel_ruleset_read(arena, pass.backend, &pass.found, err) ||
		!journal_load(arena, &pass.journal, err))
		return false;
	pass.has_mark = compile_has_mark(pass.found, &pass.scope);
	pass.zones = zone_map_read(arena, pass.found, &pass.scope);
	*ret = pass;
	return true;
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
	return pass_begin(arena, options, ret, err) && refuse_other_backend(ret, err) &&
	       refuse_other_prefix(ret, err) && refuse_other_owner(ret, err);
}

static void pass_report(const struct pass *pass, struct agent_report *report)
{
	report->backend = pass->backend;
	report->warnings = pass->warnings.items;
	report->n_warnings = pass->warnings.n;
}

static void keep_notes(struct pass *pass)
{
	const char *const *notes;
	size_t n;

	compile_mark_notes(pass->arena, pass->found, &pass->scope, &notes, &n);
	for (size_t i = 0; i < n; i++)
		switches_add_note(pass->arena, &pass->switches, notes[i]);
	vec_for_each (note, &pass->journal.notes)
		switches_add_note(pass->arena, &pass->switches, *note);
}

/* From a policy to the ruleset that this host should have for it. */
static bool pass_compile(struct pass *pass, const struct policy *policy, struct err *err)
{
	struct compile_options options;

	if (!agent_plug_ports(pass->arena, policy, pass->host, pass->zones, pass->options,
		    &pass->plugs, &pass->n_plugs, &pass->warnings, err))
		return false;
	keep_notes(pass);
	for (size_t i = 0; i < pass->n_plugs; i++)
		switches_check(pass->arena, &pass->switches, pass->host, &pass->plugs[i],
			pass->options->fix_sysctl, &pass->warnings);
	options = (struct compile_options){ .scope = pass->scope,
		.restore_notes = (const char *const *)pass->switches.notes.items,
		.n_restore_notes = pass->switches.notes.n };
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
	struct pass pass;

	if (!pass_open(arena, options, &lock, &pass, err) || !pass_compile(&pass, policy, err) ||
		!plan_make(arena, pass.wanted, pass.found, &pass.scope, &report.plan, err))
		return false;
	if (!options->dry_run &&
		(!commit_and_keep(&pass, report.plan, &lock, err) ||
			!agent_cut_flows(arena, pass.plugs, pass.n_plugs, pass.zones,
				&pass.journal.gone, &report.n_flows_cut, err) ||
			!journal_remove(err)))
		return false;
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
	struct pass pass;

	if (!pass_open(arena, options, &lock, &pass, err))
		return false;
	keep_notes(&pass);
	if (!plan_make(arena, nothing, pass.found, &pass.scope, &report.plan, err))
		return false;
	if (!options->dry_run &&
		(!begin_change(&pass, report.plan, err) ||
			!kernel_plan_commit(report.plan, pass.backend, &lock, err) ||
			!agent_cut_flows(arena, NULL, 0, pass.zones, &pass.journal.gone,
				&report.n_flows_cut, err) ||
			!switches_restore(arena, &pass.switches, pass.host, err) ||
			!agent_policy_forget(err) || !journal_remove(err)))
		return false;
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

	if (!pass_begin(arena, &looking, &pass, err) || !refuse_other_backend(&pass, err) ||
		!refuse_other_prefix(&pass, err) || !pass_compile(&pass, policy, err) ||
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
		.scope = compile_default_scope,
		.host = host,
		.found = host->ruleset ? host->ruleset : ruleset_new(arena) };

	if (options->chain_prefix && !compile_scope(arena, options->chain_prefix, &pass.scope, err))
		return false;
	pass.zones = zone_map_read(arena, pass.found, &pass.scope);
	if (!pass_compile(&pass, policy, err))
		return false;
	*ret = view_of(&pass, policy);
	return true;
}
