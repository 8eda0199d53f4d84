// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/cmd.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static const char *const colour_codes[] = {
	[COLOUR_NONE] = "",
	[COLOUR_BOLD] = "\033[1m",
	[COLOUR_RED] = "\033[31m",
	[COLOUR_GREEN] = "\033[32m",
	[COLOUR_YELLOW] = "\033[33m",
	[COLOUR_DIM] = "\033[2m",
};

void output_add(const struct invocation *invocation, struct text *out, enum colour colour,
	const char *fmt, ...)
{
	bool coloured = invocation->colour && colour != COLOUR_NONE;
	va_list ap;

	if (coloured)
		text_add(out, colour_codes[colour]);
	va_start(ap, fmt);
	text_vaddf(out, fmt, ap);
	va_end(ap);
	if (coloured)
		text_add(out, "\033[0m");
}

void output_print_text(const struct text *text)
{
	output_progress(NULL, NULL);
	fwrite(text->data, 1, text->len, stdout);
}

void output_print_json(json_t *value)
{
	output_progress(NULL, NULL);
	json_dumpf(value, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
	putchar('\n');
	json_decref(value);
}

json_t *output_json_words(const char *words)
{
	struct text ascii CLEANUP(text_done) = TEXT_INIT;
	json_t *value = json_string(words);

	if (value)
		return value;
	text_add(&ascii, words);
	for (char *c = ascii.data; *c; c++)
		if ((unsigned char)*c >= 0x80)
			*c = '?';
	return json_string(ascii.data);
}

bool output_print_picture(struct invocation *invocation, const struct text *dot, struct err *err)
{
	static const char *const graphviz[] = { "dot", "-Tsvg", NULL };
	struct text svg CLEANUP(text_done) = TEXT_INIT;

	if (invocation->dot) {
		output_print_text(dot);
		return true;
	}
	if (!kernel_filter(invocation->arena, graphviz, "graphviz", dot->data, &svg, err)) {
		err_prefix(err, "--svg");
		return false;
	}
	output_print_text(&svg);
	return true;
}

bool output_finish(struct err *err)
{
	errno = 0;
	if (fflush(stdout) == 0 && !ferror(stdout))
		return true;
	return err_system(err, errno, "cannot write standard output");
}

void output_print_error(const struct err *err, bool colour)
{
	struct text words CLEANUP(text_done) = TEXT_INIT;

	/* a word of argv may be anything: nothing of it may command the terminal */
	text_add(&words, err->text);
	for (char *c = words.data; *c; c++)
		if (iscntrl((unsigned char)*c) && *c != '\n')
			*c = '?';
	output_progress(NULL, NULL);
	fprintf(stderr, "%sportwall: %s%s\n", colour ? colour_codes[COLOUR_RED] : "", words.data,
		colour ? "\033[0m" : "");
	if (err->next_step[0])
		fprintf(stderr, "  -> %s\n", err->next_step);
}

void output_print_warnings(const char *const *warnings, size_t n)
{
	output_progress(NULL, NULL);
	for (size_t i = 0; i < n; i++)
		fprintf(stderr, "portwall: warning: %s\n", warnings[i]);
}

json_t *output_json_warnings(const char *const *warnings, size_t n)
{
	json_t *array = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(array, output_json_words(warnings[i]));
	return array;
}

json_t *output_json_error(const struct err *err)
{
	static const char *const kinds[] = { "none", "input", "system", "conflict", "limit" };

	return json_pack("{s:{s:s, s:o, s:o}}", "error", "kind", kinds[err->kind], "text",
		output_json_words(err->text), "next_step", output_json_words(err->next_step));
}

static void add_count(
	struct text *out, size_t added, size_t removed, const char *what, bool *is_first)
{
	if (!added && !removed)
		return;
	text_add(out, *is_first ? " " : ", ");
	*is_first = false;
	if (added)
		text_addf(out, "+%zu", added);
	if (removed)
		text_addf(out, "%s-%zu", added ? " " : "", removed);
	text_addf(out, " %s%s", what, added + removed == 1 ? "" : "s");
}

static void add_family_counts(struct text *out, enum family family, const struct plan_counts *c)
{
	bool is_first = true;

	if (!c->rules_added && !c->rules_removed && !c->chains_added && !c->chains_removed &&
		!c->sets_added && !c->sets_removed && !c->members_added && !c->members_removed)
		return;
	text_addf(out, "  %-6s", family_name(family));
	add_count(out, c->rules_added, c->rules_removed, "rule", &is_first);
	add_count(out, c->chains_added, c->chains_removed, "chain", &is_first);
	add_count(out, c->sets_added, c->sets_removed, "set", &is_first);
	add_count(out, c->members_added, c->members_removed, "member", &is_first);
	text_add(out, "\n");
}

/* More lines than this are only listed when asked for. */
#define MAX_LISTED_CHANGES 20

bool output_lists_changes(const struct invocation *inv, size_t n)
{
	return inv->verbose || n <= MAX_LISTED_CHANGES;
}

void output_add_unlisted(struct text *out, size_t n)
{
	text_addf(out, "  (%zu changes; --verbose lists them)\n", n);
}

static void add_changes(const struct invocation *inv, struct text *out, const struct plan *plan)
{
	if (!output_lists_changes(inv, plan->n_changes)) {
		output_add_unlisted(out, plan->n_changes);
		return;
	}
	for (size_t i = 0; i < plan->n_changes; i++) {
		const struct plan_change *change = &plan->changes[i];

		output_add(inv, out, change->sign == '+' ? COLOUR_GREEN : COLOUR_YELLOW,
			"  %c %-6s %s: %s\n", change->sign, family_name(change->family),
			change->chain, change->words);
	}
}

static void add_steps(struct text *out, const struct plan *plan)
{
	for (size_t i = 0; i < plan->n_steps; i++)
		text_addf(out, "# %zu of %zu: %s\n%s", i + 1, plan->n_steps,
			tool_name(plan->steps[i].tool), plan->steps[i].text);
}

static json_t *json_counts(const struct plan_counts *c)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "rules_added",
		(json_int_t)c->rules_added, "rules_removed", (json_int_t)c->rules_removed,
		"chains_added", (json_int_t)c->chains_added, "chains_removed",
		(json_int_t)c->chains_removed, "sets_added", (json_int_t)c->sets_added,
		"sets_removed", (json_int_t)c->sets_removed, "members_added",
		(json_int_t)c->members_added, "members_removed", (json_int_t)c->members_removed);
}

static double cpu_seconds(const struct rusage *usage)
{
	return (double)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) +
	       (double)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) / 1e6;
}

/* What this process and the tools that it ran have cost so far. */
static json_t *json_cost(void)
{
	struct rusage own, tools;

	if (getrusage(RUSAGE_SELF, &own) < 0 || getrusage(RUSAGE_CHILDREN, &tools) < 0)
		return json_null();
	return json_pack("{s:f, s:f, s:I, s:I}", "own_cpu_s", cpu_seconds(&own), "tools_cpu_s",
		cpu_seconds(&tools), "own_peak_kib", (json_int_t)own.ru_maxrss, "tools_peak_kib",
		(json_int_t)tools.ru_maxrss);
}

/* Or would it be, dry. */
static bool has_changed(const struct agent_report *report)
{
	return report->plan->n_steps || report->n_flows_cut || report->n_switched;
}

/* "  bridge br0 nf_call_iptables: turned on" */
static void add_switched(struct text *out, const char *begin, const struct agent_report *report,
	const char *direction)
{
	for (size_t i = 0; i < report->n_switched; i++)
		text_addf(out, "%s%s: turned %s\n", begin, report->switched[i], direction);
}

static json_t *json_report(
	const struct invocation *inv, const char *what, const struct agent_report *report)
{
	json_t *root = json_object(), *families = json_object(), *changes = json_array(),
	       *steps = json_array(), *switched = json_array();
	const struct plan *plan = report->plan;

	for (enum family f = FAMILY_IPV4; f <= FAMILY_BRIDGE; f++)
		json_object_set_new(families, family_name(f), json_counts(&plan->counts[f]));
	/* As in the text: tens of thousands of lines only for who asks. */
	for (size_t i = 0; i < plan->n_changes && output_lists_changes(inv, plan->n_changes); i++)
		json_array_append_new(changes,
			json_pack("{s:s#, s:s, s:s, s:s, s:s}", "sign", &plan->changes[i].sign, 1,
				"family", family_name(plan->changes[i].family), "table",
				plan->changes[i].table, "chain", plan->changes[i].chain, "words",
				plan->changes[i].words));
	for (size_t i = 0; inv->agent.dry_run && i < plan->n_steps; i++)
		json_array_append_new(
			steps, json_pack("{s:s, s:s}", "tool", tool_name(plan->steps[i].tool),
				       "text", plan->steps[i].text));
	json_object_set_new(root, "command", json_string(what));
	json_object_set_new(root, "dry_run", json_boolean(inv->agent.dry_run));
	json_object_set_new(root, "backend", json_string(backend_name(report->backend)));
	json_object_set_new(root, "changed", json_boolean(has_changed(report)));
	json_object_set_new(root, "local_ports", json_integer((json_int_t)report->n_local_ports));
	json_object_set_new(root, "remote_ports", json_integer((json_int_t)report->n_remote_ports));
	for (size_t i = 0; i < report->n_switched; i++)
		json_array_append_new(switched, output_json_words(report->switched[i]));
	json_object_set_new(
		root, inv->command->run == cmd_clear ? "turned_off" : "turned_on", switched);
	json_object_set_new(root, "flows_cut", json_integer((json_int_t)report->n_flows_cut));
	json_object_set_new(root, "counts", families);
	json_object_set_new(root, "n_changes", json_integer((json_int_t)plan->n_changes));
	json_object_set_new(root, "changes", changes);
	json_object_set_new(
		root, "warnings", output_json_warnings(report->warnings, report->n_warnings));
	json_object_set_new(root, "cost", json_cost());
	if (inv->agent.dry_run)
		json_object_set_new(root, "steps", steps);
	else
		json_decref(steps);
	return root;
}

void output_print_report(
	const struct invocation *inv, const char *what, const struct agent_report *report)
{
	struct text out CLEANUP(text_done) = TEXT_INIT;
	bool is_clear = inv->command->run == cmd_clear;
	const char *direction = is_clear ? "off" : "on";

	output_print_warnings(report->warnings, report->n_warnings);
	if (inv->json) {
		output_print_json(json_report(inv, inv->command->name, report));
		return;
	}
	if (inv->agent.dry_run) {
		if (!has_changed(report))
			text_add(&out, "# nothing would change\n");
		add_switched(&out, "# bridge ", report, direction);
		add_steps(&out, report->plan);
		output_print_text(&out);
		return;
	}
	output_add(inv, &out, COLOUR_BOLD, "%s", what);
	if (!has_changed(report))
		text_add(&out, ": nothing to change");
	text_add(&out, "\n");
	for (enum family f = FAMILY_IPV4; f <= FAMILY_BRIDGE; f++)
		add_family_counts(&out, f, &report->plan->counts[f]);
	if (report->plan->n_changes)
		add_changes(inv, &out, report->plan);
	add_switched(&out, "  bridge ", report, direction);
	if (report->n_flows_cut)
		text_addf(&out,
			is_clear ? "  %zu tracked connection%s forgotten\n"
				 : "  %zu connection%s cut that no rule allows any more\n",
			report->n_flows_cut, report->n_flows_cut == 1 ? "" : "s");
	output_print_text(&out);
}

/* Columns that text takes: continuation bytes of UTF-8 take none. */
static size_t columns_of(const char *text, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += ((unsigned char)text[i] & 0xc0) != 0x80;
	return n;
}

static size_t cell_width(const char *cell)
{
	size_t width = 0;

	for (;;) {
		size_t len = strcspn(cell, "\n"), columns = columns_of(cell, len);

		if (columns > width)
			width = columns;
		if (!cell[len])
			return width;
		cell += len + 1;
	}
}

static void add_line(struct text *out, const size_t *widths, size_t n)
{
	for (size_t c = 0; c < n; c++) {
		text_add(out, "+");
		for (size_t i = 0; i < widths[c] + 2; i++)
			text_add(out, "-");
	}
	text_add(out, "+\n");
}

static void add_row(struct text *out, const struct output_table *table, const char *const *cells,
	const size_t *widths)
{
	const char **rest = arena_new_array(table->arena, const char *, table->n_columns);
	bool has_more = true;

	memcpy(rest, cells, table->n_columns * sizeof(*rest));
	while (has_more) {
		has_more = false;
		for (size_t c = 0; c < table->n_columns; c++) {
			size_t len = strcspn(rest[c], "\n"), columns = columns_of(rest[c], len);

			text_addf(out, "| %.*s%*s ", (int)len, rest[c], (int)(widths[c] - columns),
				"");
			rest[c] += len + (rest[c][len] == '\n');
			has_more |= *rest[c] != '\0';
		}
		text_add(out, "|\n");
	}
}

void output_table_print(const struct output_table *table, struct text *out)
{
	size_t *widths = arena_new_array(table->arena, size_t, table->n_columns);

	for (size_t c = 0; c < table->n_columns; c++) {
		widths[c] = cell_width(table->titles[c]);
		vec_for_each (row, &table->rows) {
			size_t width = cell_width((*row)[c]);

			if (width > widths[c])
				widths[c] = width;
		}
	}
	add_line(out, widths, table->n_columns);
	add_row(out, table, table->titles, widths);
	add_line(out, widths, table->n_columns);
	vec_for_each (row, &table->rows)
		add_row(out, table, *row, widths);
	add_line(out, widths, table->n_columns);
}
