// SPDX-License-Identifier: GPL-2.0-or-later
/* portwall doctor --fix, --undo, --keep: what doctor found is done by agent/mend.h, and looked at again. */
#include "cmd/doctor.h"

#include <string.h>

#include "agent/mend.h"

#define MAX_FIXES 32 /* of one call without a name: each is followed by another look */

struct mending {
	struct invocation *inv;
	const struct host *host;
	struct diagnosis diagnosis; /* of the host as it is now */
	struct text out;
	json_t *done;
	VEC(const char *) tried; /* ids of findings */
};

static bool diagnose(struct mending *m, struct err *err)
{
	return doctor_diagnose(m->inv, NULL, 0, &m->host, &m->diagnosis, err);
}

static bool is_tried(const struct mending *m, const struct finding *finding)
{
	vec_for_each (id, &m->tried)
		if (strcmp(*id, finding->id) == 0)
			return true;
	return false;
}

static bool is_still_found(const struct mending *m, const char *id)
{
	vec_for_each (finding, &m->diagnosis.findings)
		if (strcmp((*finding)->id, id) == 0)
			return true;
	return false;
}

/* Others of a host are reached from within. */
static bool check_netns(const struct mending *m, const struct finding *finding, struct err *err)
{
	const char *name = finding->ns ? finding->ns->name : "";

	if (!finding->ns || finding->ns == &m->host->netns[0])
		return true;
	err_input(err, "%s is in another network namespace (%s)", finding->id, name);
	if (text_has_prefix(name, "pid "))
		return err_next(err, "nsenter --net --target %.*s portwall doctor --fix",
			(int)strcspn(name + 4, " "), name + 4);
	return err_next(err, "ip netns exec %s portwall doctor --fix", name);
}

static bool no_fix(const struct finding *finding, struct err *err)
{
	err_input(err, "%s has no fix that portwall can apply by itself", finding->id);
	return err_next(err, "portwall doctor %s says what helps", finding->check->id);
}

static void add_notes(struct text *out, const struct mend_result *result)
{
	for (size_t i = 0; i < result->n_notes; i++)
		text_addf(out, "  note: %s\n", result->notes[i]);
}

static void tell(struct mending *m, const struct finding *finding, const struct fix *fix,
	const struct mend *mend, const struct mend_result *result, bool is_cured)
{
	const char *what = m->inv->agent.dry_run ? "would apply" : "applied";

	output_add(m->inv, &m->out, COLOUR_BOLD, "%s %s: %s\n", what, mend->id, fix->words);
	for (const char *line = fix->commands; *line;) {
		size_t len = strcspn(line, "\n");

		text_addf(&m->out, "    %.*s\n", (int)len, line);
		line += len + (line[len] == '\n');
	}
	json_array_append_new(
		m->done, json_pack("{s:s, s:s, s:b, s:b, s:I}", "id", mend->id, "title",
				 finding->title, "dry_run", m->inv->agent.dry_run, "cured",
				 is_cured, "flows_deleted", (json_int_t)result->n_flows_deleted));
	if (m->inv->agent.dry_run)
		return;
	if (result->n_flows_deleted)
		text_addf(&m->out, "  deleted %zu conntrack entr%s that the fault had left\n",
			result->n_flows_deleted, result->n_flows_deleted == 1 ? "y" : "ies");
	add_notes(&m->out, result);
	if (is_cured)
		output_add(
			m->inv, &m->out, COLOUR_GREEN, "  looked again: it is no longer found\n");
	else
		output_add(m->inv, &m->out, COLOUR_RED, "  looked again: it is still found\n");
	text_addf(&m->out, "  to take it back: portwall doctor --undo %s\n", mend->id);
	if (mend->undo_after_s)
		text_addf(&m->out,
			"  it is taken back by itself in %u seconds, unless you say: portwall doctor --keep %s\n",
			mend->undo_after_s, mend->id);
}

static bool apply(
	struct mending *m, const struct finding *finding, const struct fix *fix, struct err *err)
{
	struct invocation *inv = m->inv;
	struct mend_result result = { 0 };
	struct mend mend = { .title = finding->title,
		.edits = fix ? fix->edits : NULL,
		.n_edits = fix ? fix->n_edits : 0,
		.undo_after_s = inv->confirm_s };
	bool is_cured = false;

	if (!fix || !fix->n_edits)
		return no_fix(finding, err);
	if (!check_netns(m, finding, err))
		return false;
	mend.id = arena_printf(inv->arena, "%s:%s", finding->id, fix->name);
	*vec_push(&m->tried, inv->arena) = finding->id;
	if (!inv->agent.dry_run) {
		if (!agent_mend(inv->arena, &mend, &inv->agent, &result, err))
			return false;
		inv->has_changed = true;
		if (!diagnose(m, err))
			return false;
		is_cured = !is_still_found(m, finding->id);
		if (!is_cured)
			inv->exit = EXIT_FOUND;
	}
	tell(m, finding, fix, &mend, &result, is_cured);
	return true;
}

/* The first finding that has a recommended fix for this namespace and was not tried yet. */
static bool next_fix(
	const struct mending *m, const struct finding **ret, const struct fix **ret_fix)
{
	vec_for_each (finding, &m->diagnosis.findings) {
		if (is_tried(m, *finding) || (*finding)->ns != &m->host->netns[0])
			continue;
		vec_for_each (fix, &(*finding)->fixes) {
			if (!fix->is_recommended || !fix->n_edits)
				continue;
			*ret = *finding;
			*ret_fix = fix;
			return true;
		}
	}
	return false;
}

static bool fix_all(struct mending *m, struct err *err)
{
	const struct finding *finding;
	const struct fix *fix;

	for (unsigned i = 0; i < MAX_FIXES && next_fix(m, &finding, &fix); i++)
		if (!apply(m, finding, fix, err))
			return false;
	if (!m->tried.n)
		text_add(&m->out,
			m->diagnosis.findings.n
				? "no finding has a recommended fix that portwall can apply "
				  "by itself: portwall doctor says what helps\n"
				: "nothing to fix\n");
	return true;
}

static bool fix_named(struct mending *m, struct err *err)
{
	for (size_t i = 0; i < m->inv->n_args; i++) {
		const struct finding *finding;
		const struct fix *fix;

		if (!diagnosis_find(&m->diagnosis, m->inv->args[i], &finding, &fix, err) ||
			!apply(m, finding, fix, err))
			return false;
	}
	return true;
}

static bool fix(struct invocation *inv, struct err *err)
{
	struct mending m = { .inv = inv, .out = TEXT_INIT, .done = json_array() };
	bool ok = diagnose(&m, err) && (inv->n_args ? fix_named(&m, err) : fix_all(&m, err));

	/* what was done before a failure is told all the same */
	if (inv->json && ok)
		output_print_json(json_pack("{s:O}", "fixes", m.done));
	else if (!inv->json && m.out.len)
		output_print_text(&m.out);
	json_decref(m.done);
	text_done(&m.out);
	return ok;
}

static bool undo(struct invocation *inv, const char *id, struct err *err)
{
	struct text out CLEANUP(text_done) = TEXT_INIT;
	struct mend_result result = { 0 };
	json_t *notes = json_array();

	if (!agent_unmend(inv->arena, id, &inv->agent, &result, err)) {
		json_decref(notes);
		return false;
	}
	inv->has_changed = !inv->agent.dry_run;
	for (size_t i = 0; i < result.n_notes; i++)
		json_array_append_new(notes, output_json_words(result.notes[i]));
	text_addf(&out, "%s %s\n", inv->agent.dry_run ? "would take back" : "took back",
		id ? id : "the last fix");
	add_notes(&out, &result);
	if (inv->json)
		output_print_json(json_pack("{s:O}", "notes", notes));
	else
		output_print_text(&out);
	json_decref(notes);
	return true;
}

static bool keep(struct invocation *inv, const char *id, struct err *err)
{
	struct text out CLEANUP(text_done) = TEXT_INIT;

	if (!agent_mend_keep(inv->arena, id, &inv->agent, err))
		return false;
	inv->has_changed = true;
	text_addf(&out, "%s is kept\n", id ? id : "the last fix");
	if (inv->json)
		output_print_json(json_pack("{s:b}", "kept", 1));
	else
		output_print_text(&out);
	return true;
}

bool doctor_mend(struct invocation *inv, struct err *err)
{
	if (inv->fix)
		return fix(inv, err);
	for (size_t i = 0; i < inv->n_args || i == 0; i++) {
		const char *id = inv->n_args ? inv->args[i] : NULL;

		if (!(inv->undo ? undo(inv, id, err) : keep(inv, id, err)))
			return false;
	}
	return true;
}
