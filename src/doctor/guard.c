// SPDX-License-Identifier: GPL-2.0-or-later
/* What every fix of NAT has, and the fix that is recommended: the guard. */
#include "base/text.h"
#include "compile/guard.h"
#include "doctor/internal.h"

/* Entries that the rule has damaged survive the fix: those that the rules would no longer make are deleted with it. */
void offer_nat_fix(struct doctor *doctor, struct finding *finding, const struct fix *fix)
{
	const struct netns *ns = finding->ns;
	struct edits edits = { 0 };
	struct fix offered = *fix;
	const struct host *other;
	struct flows flows = { 0 };
	struct err err;

	for (size_t i = 0; i < fix->n_edits; i++)
		edits_add(doctor->arena, &edits, fix->edits[i]);
	if (host_edited(doctor->arena, doctor->host, ns, fix->edits, fix->n_edits, &other, &err))
		find_damaged_flows(doctor, other, &other->netns[ns - doctor->host->netns], &flows);
	if (flows.n) {
		struct text text CLEANUP(text_done) = TEXT_INIT;
		struct host_edit edit = {
			.kind = HOST_EDIT_FLOWS, .flows = flows.items, .n_flows = flows.n
		};

		edits_add(doctor->arena, &edits, edit);
		if (fix->commands) {
			host_edit_print_command(&text, &edit);
			offered.commands =
				arena_printf(doctor->arena, "%s%s\n", fix->commands, text.data);
		}
	}
	offered.edits = edits.items;
	offered.n_edits = edits.n;
	(void)finding_fix(doctor, finding, &offered, is_untouched, NULL);
}

/* The table of the guard, for the bridges that there are. */
void offer_guard(struct doctor *doctor, struct finding *finding)
{
	struct arena *arena = doctor->arena;
	struct text table CLEANUP(text_done) = TEXT_INIT;
	struct guard guard;
	struct fix fix = { .name = "guard",
		.words =
			"the guard: an nft table of its own, asked before all other NAT, that maps bridged "
			"packets of machines to their own addresses",
		.consequence =
			"It stays when Docker restarts, makes networks or is reloaded, and when nat tables are "
			"flushed or restored. `nft flush ruleset` removes it, unless portwall guard run holds it "
			"(the service portwall-guard), which also takes in bridges that come later.",
		.is_recommended = true,
		.commands = "portwall guard install\n",
		.undo = "portwall guard remove\n",
		.n_edits = 1 };

	guard_of_netns(arena, finding->ns, &guard);
	guard_print(&table, &guard, false);
	fix.edits = arena_new_one(arena, struct host_edit);
	*(struct host_edit *)fix.edits = (struct host_edit){ .kind = HOST_EDIT_TABLE_ADD,
		.source = SOURCE_NFT,
		.family = FAMILY_INET,
		.table = GUARD_TABLE,
		.rule = arena_strdup(arena, table.data ? table.data : "") };
	offer_nat_fix(doctor, finding, &fix);
}
