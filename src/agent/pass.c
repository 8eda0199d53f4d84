// SPDX-License-Identifier: GPL-2.0-or-later
/* What every pass begins with: what is there, and whether it is somebody else's. */
#include "agent/internal.h"

#include <string.h>

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
bool pass_refuse_backend(struct pass *pass, struct err *err)
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
bool pass_refuse_prefix(struct pass *pass, struct err *err)
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

bool pass_begin(
	struct arena *arena, const struct agent_options *options, struct pass *ret, struct err *err)
{
	struct pass pass = { .arena = arena, .options = options };

	if (!compile_scope(arena, options->chain_prefix, &pass.scope, err) ||
		!choose_backend(options, &pass.backend, err) ||
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

bool pass_refuse(struct pass *pass, struct err *err)
{
	return pass_refuse_backend(pass, err) && pass_refuse_prefix(pass, err) &&
	       refuse_other_owner(pass, err);
}

void pass_keep_notes(struct pass *pass)
{
	const char *const *notes;
	size_t n;

	compile_mark_notes(pass->arena, pass->found, &pass->scope, &notes, &n);
	for (size_t i = 0; i < n; i++)
		switches_add_note(pass->arena, &pass->switches, notes[i]);
	vec_for_each (note, &pass->journal.notes)
		switches_add_note(pass->arena, &pass->switches, *note);
}
