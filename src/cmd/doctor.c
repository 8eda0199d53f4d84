// SPDX-License-Identifier: GPL-2.0-or-later
/* portwall doctor: what other programs do to the ports of a host, and what helps. */
#include "cmd/doctor.h"

#include <string.h>
#include <time.h>

#include "agent/mend.h"
#include "cmd/explain.h"

static enum colour severity_colour(enum severity severity)
{
	switch (severity) {
	case SEVERITY_BROKEN:
	case SEVERITY_OPEN:
		return COLOUR_RED;
	case SEVERITY_RISK:
		return COLOUR_YELLOW;
	default:
		return COLOUR_DIM;
	}
}

/* ---- text ---- */

/* Each line behind an indentation. */
static void add_lines(struct text *out, const char *indent, const char *lines)
{
	while (lines && *lines) {
		size_t len = strcspn(lines, "\n");

		text_addf(out, "%s%.*s\n", indent, (int)len, lines);
		lines += len + (lines[len] == '\n');
	}
}

static void add_witness(const struct invocation *inv, struct text *out, const struct report *report)
{
	text_addf(out, "  a packet that shows it: ");
	report_print_verdict(out, report);
	text_add(out, "\n");
	if (report->query->in) {
		text_add(out, "    ");
		question_print(out, report->query);
		text_add(out, "\n");
	}
	if (!inv->brief)
		report_print_path(inv, out, report);
}

static void add_fix(const struct invocation *inv, struct text *out, const struct finding *finding,
	const struct fix *fix)
{
	output_add(inv, out, COLOUR_BOLD, "  fix %s%s: %s\n", fix->name,
		fix->is_recommended ? " (recommended)" : "", fix->words);
	if (fix->consequence)
		text_addf(out, "    %s\n", fix->consequence);
	text_addf(out, "    %s\n", fix->proved);
	add_lines(out, "      ", fix->commands);
	if (fix->n_edits)
		text_addf(out, "    or: portwall doctor --fix %s:%s\n", finding->id, fix->name);
}

static void add_ports(struct text *out, const struct finding *finding)
{
	const size_t n_shown = 6;

	for (size_t i = 0; i < finding->ports.n && i < n_shown; i++)
		text_addf(out, "%s%s", i ? ", " : "  at ", finding->ports.items[i]);
	if (finding->ports.n > n_shown)
		text_addf(out, " and %zu more", finding->ports.n - n_shown);
	text_add(out, finding->ports.n ? "\n" : "");
}

static void add_finding(
	const struct invocation *inv, struct text *out, const struct finding *finding)
{
	output_add(inv, out, severity_colour(finding->severity), "%s",
		severity_name(finding->severity));
	output_add(inv, out, COLOUR_BOLD, "  %s", finding->title);
	output_add(inv, out, COLOUR_DIM, "  [%s]\n", finding->id);
	if (finding->ns && *finding->ns->name)
		text_addf(out, "  in network namespace %s\n", finding->ns->name);
	add_ports(out, finding);
	vec_for_each (proof, &finding->proofs) {
		text_addf(out, "  %s%s%s:\n    ", proof->kind, *proof->where ? ", " : "",
			proof->where);
		text_addf(out, "%s\n", proof->text);
	}
	if (finding->owner.name)
		text_addf(out, "  whose it is: %s (%s)\n", finding->owner.name,
			finding->owner.evidence);
	if (finding->witness)
		add_witness(inv, out, finding->witness);
	if (*finding->symptom)
		text_addf(out, "  what users see: %s\n", finding->symptom);
	vec_for_each (fix, &finding->fixes)
		add_fix(inv, out, finding, fix);
	for (size_t i = 0; !inv->brief && finding->check->references[i]; i++)
		output_add(inv, out, COLOUR_DIM, "  see %s\n", finding->check->references[i]);
	text_add(out, "\n");
}

static void add_untold(const struct invocation *inv, struct text *out, const struct untold *untold)
{
	output_add(inv, out, COLOUR_YELLOW, "cannot tell");
	text_addf(out, "  %s%s%s\n", untold->check ? untold->check->id : "",
		untold->check ? ": " : "", untold->why);
	if (untold->next)
		text_addf(out, "  %s\n", untold->next);
}

static void add_summary(
	const struct invocation *inv, struct text *out, const struct diagnosis *diagnosis)
{
	size_t counts[N_SEVERITIES] = { 0 };
	bool is_first = true;

	vec_for_each (finding, &diagnosis->findings)
		counts[(*finding)->severity]++;
	text_addf(out, "%zu check%s, %zu port%s of machines: ", diagnosis->n_checks,
		diagnosis->n_checks == 1 ? "" : "s", diagnosis->n_ports,
		diagnosis->n_ports == 1 ? "" : "s");
	for (int i = 0; i < N_SEVERITIES; i++) {
		if (!counts[i])
			continue;
		output_add(inv, out, severity_colour((enum severity)i), "%s%zu %s",
			is_first ? "" : ", ", counts[i], severity_name((enum severity)i));
		is_first = false;
	}
	if (!diagnosis->findings.n)
		output_add(inv, out, diagnosis->untold.n ? COLOUR_YELLOW : COLOUR_GREEN, "%s",
			diagnosis->untold.n ? "nothing found, but not all could be told"
					    : "healthy");
	text_add(out, "\n");
}

/* Fixes of this host that stand; one that nobody took back in time says so. */
static void add_mended(const struct invocation *inv, struct text *out)
{
	uint64_t now = (uint64_t)time(NULL);
	struct mended *mended = NULL;
	struct err err;
	size_t n = 0;

	if (inv->n_snapshots || !agent_mended(inv->arena, &mended, &n, &err))
		return;
	for (size_t i = 0; i < n; i++) {
		text_addf(out, "fix in place: %s", mended[i].id);
		if (mended[i].is_unfinished)
			output_add(inv, out, COLOUR_YELLOW, ", not done to its end");
		else if (mended[i].undo_at_s > now)
			output_add(inv, out, COLOUR_YELLOW,
				", taken back in %llu seconds unless kept (portwall doctor --keep)",
				(unsigned long long)(mended[i].undo_at_s - now));
		else if (mended[i].undo_at_s)
			output_add(inv, out, COLOUR_RED,
				", and it was to be taken back: who waited for that is gone");
		text_addf(out, "; portwall doctor --undo %s\n", mended[i].id);
	}
}

static void print_text(const struct invocation *inv, const struct diagnosis *diagnosis)
{
	struct text out CLEANUP(text_done) = TEXT_INIT;

	vec_for_each (finding, &diagnosis->findings)
		add_finding(inv, &out, *finding);
	vec_for_each (untold, &diagnosis->untold)
		add_untold(inv, &out, untold);
	add_mended(inv, &out);
	add_summary(inv, &out, diagnosis);
	output_print_text(&out);
}

static void print_list(const struct invocation *inv)
{
	struct text out CLEANUP(text_done) = TEXT_INIT;
	json_t *list = json_array();

	for (size_t i = 0; i < doctor_n_checks; i++) {
		const struct check *check = doctor_checks[i];

		json_array_append_new(list, check_json(check));
		output_add(inv, &out, COLOUR_BOLD, "%s", check->id);
		text_addf(&out, ": %s\n  %s\n", check->title, check->description);
		for (size_t r = 0; check->references[r]; r++)
			output_add(inv, &out, COLOUR_DIM, "  see %s\n", check->references[r]);
	}
	if (inv->json)
		output_print_json(json_pack("{s:O}", "checks", list));
	else
		output_print_text(&out);
	json_decref(list);
}

/* ---- the command ---- */

static bool check_usage(const struct invocation *inv, struct err *err)
{
	if (inv->list + inv->fix + inv->undo + inv->keep > 1)
		return err_input(
			err, "doctor: --list, --fix, --undo and --keep exclude each other");
	if (inv->n_snapshots && (inv->fix || inv->undo || inv->keep)) {
		err_input(err, "doctor: a snapshot cannot be fixed");
		return err_next(err, "run it on the host itself, without --snapshot");
	}
	if (inv->confirm_s && !inv->fix)
		return err_input(err, "doctor: --confirm is for --fix");
	if (inv->agent.dry_run && !inv->fix && !inv->undo)
		return err_input(err, "doctor: --dry-run is for --fix and --undo");
	return true;
}

bool doctor_diagnose(struct invocation *inv, const char *const *only, size_t n_only,
	const struct host **ret_host, struct diagnosis *ret, struct err *err)
{
	struct doctor_options options = { .only = only,
		.n_only = n_only,
		.progress = inv->agent.progress,
		.progress_data = inv->agent.progress_data };
	bool is_done;

	/* a check that there is not is told before a host is read, which takes long */
	if (!doctor_check_names(only, n_only, err) || !read_host(inv, false, ret_host, err))
		return false;
	is_done = doctor_run(inv->arena, *ret_host, &options, ret, err);
	inv->agent.progress(inv->agent.progress_data, NULL);
	return is_done;
}

bool cmd_doctor(struct invocation *inv, struct err *err)
{
	struct diagnosis diagnosis;
	const struct host *host;

	if (!check_usage(inv, err))
		return false;
	if (inv->list) {
		print_list(inv);
		return true;
	}
	if (inv->fix || inv->undo || inv->keep)
		return doctor_mend(inv, err);
	if (!doctor_diagnose(inv, inv->args, inv->n_args, &host, &diagnosis, err))
		return false;
	if (inv->json)
		output_print_json(diagnosis_json(&diagnosis));
	else
		print_text(inv, &diagnosis);
	inv->exit = diagnosis.findings.n ? EXIT_FOUND
		    : diagnosis.untold.n ? EXIT_CANNOT_TELL
					 : EXIT_DONE;
	return true;
}
