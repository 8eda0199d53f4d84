// SPDX-License-Identifier: GPL-2.0-or-later
/* portwall guard: install, run, status, remove. */
#include "cmd/cmd.h"

#include <string.h>

#include "agent/guard.h"
#include "cmd/guard.h"

static struct guard_options options_of(const struct invocation *inv)
{
	return (struct guard_options){ .bridges = inv->n_bridges ? inv->bridges : NULL,
		.n_bridges = inv->n_bridges,
		.dry_run = inv->agent.dry_run,
		.takeover = inv->agent.takeover,
		.lock_wait_s = inv->agent.lock_wait_s };
}

static json_t *json_bridges(const struct guard *guard)
{
	json_t *array = json_array();

	for (size_t i = 0; i < guard->n_bridges; i++)
		json_array_append_new(array,
			json_pack("{s:o, s:b}", "name", output_json_words(guard->bridges[i].name),
				"has_address", guard->bridges[i].has_address));
	return array;
}

static void add_bridges(struct text *out, const struct guard *guard)
{
	text_addf(out, "%zu bridge%s", guard->n_bridges, guard->n_bridges == 1 ? "" : "s");
	for (size_t i = 0; i < guard->n_bridges; i++)
		text_addf(out, "%s%s%s", i ? ", " : ": ", guard->bridges[i].name,
			guard->bridges[i].has_address ? " (what it bridges)" : "");
}

static void print_done(struct invocation *inv, const struct guard_state *state, const char *batch)
{
	struct text out CLEANUP(text_done) = TEXT_INIT;
	bool is_install = !strcmp(inv->args[0], "install");

	if (inv->json) {
		output_print_json(json_pack("{s:s, s:b, s:b, s:o, s:s}", "command",
			is_install ? "guard install" : "guard remove", "dry_run",
			inv->agent.dry_run, "changed", *batch != '\0', "bridges",
			json_bridges(is_install ? &state->wanted : &state->found), "commands",
			batch));
		return;
	}
	if (inv->agent.dry_run) {
		text_add(&out, *batch ? batch : "# nothing would change\n");
	} else if (is_install) {
		output_add(inv, &out, COLOUR_BOLD, "the guard stands");
		text_add(&out, *batch ? " for " : " already for ");
		add_bridges(&out, &state->wanted);
		text_add(&out, "\n");
		if (state->is_owned)
			text_add(&out, "  held by a process (portwall guard run)\n");
	} else {
		output_add(
			inv, &out, COLOUR_BOLD, *batch ? "the guard is gone" : "there is no guard");
		text_add(&out, "\n");
	}
	output_print_text(&out);
}

static bool change(struct invocation *inv, struct err *err)
{
	const struct guard_options options = options_of(inv);
	struct guard_state state;
	const char *batch;
	bool ok = !strcmp(inv->args[0], "install")
			  ? agent_guard_install(inv->arena, &options, &state, &batch, err)
			  : agent_guard_remove(inv->arena, &options, &state, &batch, err);

	if (!ok)
		return false;
	inv->has_changed = *batch && !inv->agent.dry_run;
	print_done(inv, &state, batch);
	return true;
}

/* --- status --- */

static const char *verdict_of(const struct guard_state *state)
{
	if (!state->is_there)
		return "missing";
	if (!state->is_whole)
		return "damaged";
	return guard_state_is_complete(state) ? "whole" : "incomplete";
}

static const char *words_of(const char *verdict)
{
	static const struct {
		const char *verdict, *words;
	} all[] = { { "missing", "there is no guard" },
		{ "damaged",
			"the guard was changed, or the table \"inet " GUARD_TABLE "\" is somebody "
			"else's" },
		{ "whole", "the guard is whole" },
		{ "incomplete", "the guard does not have all bridges" } };

	for (size_t i = 0; i < N_OF(all); i++)
		if (!strcmp(all[i].verdict, verdict))
			return all[i].words;
	return verdict;
}

static struct guard unguarded_of(struct arena *arena, const struct guard_state *state)
{
	VEC(struct guard_bridge) bridges = { 0 };

	for (size_t i = 0; i < state->wanted.n_bridges; i++)
		if (!state->is_whole || !guard_has(&state->found, &state->wanted.bridges[i]))
			*vec_push(&bridges, arena) = state->wanted.bridges[i];
	return (struct guard){ bridges.items, bridges.n };
}

static void print_status(struct invocation *inv, const struct guard_state *state)
{
	const struct guard unguarded = unguarded_of(inv->arena, state);
	const char *verdict = verdict_of(state);
	struct text out CLEANUP(text_done) = TEXT_INIT;

	inv->exit = !strcmp(verdict, "whole") ? EXIT_DONE : EXIT_NOT_WHOLE;
	if (inv->json) {
		output_print_json(json_pack("{s:s, s:s, s:b, s:o, s:o}", "command", "guard status",
			"verdict", verdict, "held", state->is_owned, "bridges",
			json_bridges(&state->found), "unguarded", json_bridges(&unguarded)));
		return;
	}
	output_add(inv, &out, inv->exit ? COLOUR_RED : COLOUR_GREEN, "%s", words_of(verdict));
	if (state->is_there) {
		text_add(&out, "\n  it has ");
		add_bridges(&out, &state->found);
	}
	if (state->is_owned)
		text_add(&out, "\n  held by a process (portwall guard run)");
	if (unguarded.n_bridges) {
		text_add(&out, "\n  not guarded: ");
		add_bridges(&out, &unguarded);
	}
	if (inv->exit)
		text_addf(&out, "\n  -> portwall guard install%s",
			state->is_there && !state->is_whole ? " --takeover" : "");
	text_add(&out, "\n");
	output_print_text(&out);
}

static bool status(struct invocation *inv, struct err *err)
{
	const struct guard_options options = options_of(inv);
	struct guard_state state;

	if (agent_guard_look(inv->arena, &options, &state, err)) {
		print_status(inv, &state);
		return true;
	}
	if (err->kind == ERR_INPUT)
		return false;
	inv->exit = EXIT_CANNOT_TELL;
	if (inv->json)
		output_print_json(json_pack("{s:s, s:s, s:o}", "command", "guard status", "verdict",
			"cannot tell", "why", output_json_words(err->text)));
	output_print_error(err, inv->colour);
	return true;
}

/* --- run --- */

/* "dockerd(iptables)" */
static const char *writer_of(struct arena *arena, const struct kernel_change *change)
{
	if (!change->program)
		return "unknown: messages of the kernel were lost";
	return change->parent ? arena_printf(arena, "%s(%s)", change->parent, change->program)
			      : change->program;
}

/* Transactions of one writer are one line. */
void guard_log_changes(void *data, const struct kernel_change *changes, size_t n)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();

	(void)data;
	for (size_t i = 0; i < n; i++) {
		const char *writer = writer_of(arena, &changes[i]), *tables = changes[i].tables;
		size_t n_things = changes[i].n, n_transactions = 1;

		for (; i + 1 < n && !strcmp(writer, writer_of(arena, &changes[i + 1])); i++) {
			n_things += changes[i + 1].n;
			n_transactions++;
			if (!strstr(tables, changes[i + 1].tables))
				tables = arena_printf(
					arena, "%s, %s", tables, changes[i + 1].tables);
		}
		agent_log(LOG_NOTICE, "rules-changed", "writer", writer, "pid",
			changes[i].pid ? arena_printf(arena, "%ld", changes[i].pid) : NULL,
			"tables", *tables ? tables : NULL, "changes",
			n_things ? arena_printf(arena, "%zu", n_things) : NULL, "transactions",
			n_transactions > 1 ? arena_printf(arena, "%zu", n_transactions) : NULL,
			NULL);
	}
	guard_look_for_harms(n ? writer_of(arena, &changes[n - 1]) : NULL);
}

static bool run(struct invocation *inv, struct err *err)
{
	const struct guard_options options = options_of(inv);

	if (inv->json || inv->agent.dry_run) {
		err_input(err, "guard run takes neither --json nor --dry-run");
		return err_next(err, "portwall guard install --dry-run prints the table");
	}
	guard_look_for_harms(NULL);
	return agent_guard_run(&options, guard_log_changes, NULL, err);
}

bool cmd_guard(struct invocation *inv, struct err *err)
{
	static const struct {
		const char *name;
		bool (*run)(struct invocation *inv, struct err *err);
	} actions[] = { { "install", change }, { "run", run }, { "status", status },
		{ "remove", change } };
	const char *names[N_OF(actions)], *nearest;

	for (size_t i = 0; i < N_OF(actions); i++) {
		names[i] = actions[i].name;
		if (!strcmp(inv->args[0], actions[i].name))
			return actions[i].run(inv, err);
	}
	err_input(err, "guard %s: must be install, run, status or remove", inv->args[0]);
	nearest = text_nearest(inv->args[0], names, N_OF(names));
	return nearest ? err_next(err, "did you mean portwall guard %s?", nearest)
		       : err_next(err, "portwall guard --help");
}
