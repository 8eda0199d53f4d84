// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Many packets, one host: a JSON object a line in, one a line out, in the same order. A line that
 * is wrong is answered with its error, and the others are answered all the same.
 */
#include "cmd/explain.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"

/* The arena of one answer is given back with it: thousands of lines need no more than one. */
struct batch {
	struct invocation *inv;
	const struct host *host;
	const struct explainer *explainer;
	size_t line;
	size_t n_wrong;
	enum exit_code worst;
};

static bool string_of(const json_t *root, const char *key, const char **ret, struct err *err)
{
	const json_t *value = json_object_get(root, key);

	if (!value)
		return true;
	if (!json_is_string(value))
		return err_input(err, "\"%s\" must be a string", key);
	*ret = json_string_value(value);
	return true;
}

static bool check_keys(const json_t *root, struct err *err)
{
	static const char *const keys[] = { "packet", "in", "to", "out_of_process", "netns",
		"state", "id" };
	const char *key, *nearest;
	json_t *value;

	json_object_foreach((json_t *)root, key, value)
	{
		bool is_known = false;

		for (size_t i = 0; i < N_OF(keys); i++)
			is_known |= strcmp(keys[i], key) == 0;
		if (is_known)
			continue;
		nearest = text_nearest(key, keys, N_OF(keys));
		return err_input(err, "unknown key \"%s\"%s%s%s", key,
			nearest ? "; did you mean \"" : "", nearest ? nearest : "",
			nearest ? "\"?" : "");
	}
	return true;
}

/* Places of the command line are those of every line that says nothing else. */
static bool read_question(
	const struct invocation *inv, const json_t *root, struct question *ret, struct err *err)
{
	const json_t *from_process;
	struct question question = { .state = inv->state, .to = inv->to };

	if (!json_is_object(root))
		return err_input(err, "must be a JSON object");
	from_process = json_object_get(root, "out_of_process");
	if (from_process && !json_is_boolean(from_process))
		return err_input(err, "\"out_of_process\" must be true or false");
	if (!check_keys(root, err) || !string_of(root, "packet", &question.packet, err) ||
		!string_of(root, "in", &question.in, err) ||
		!string_of(root, "to", &question.to, err) ||
		!string_of(root, "netns", &question.netns, err) ||
		!string_of(root, "state", &question.state, err))
		return false;
	question.from_process = json_is_true(from_process);
	if (!question.in && !question.from_process) {
		question.in = inv->in;
		question.from_process = inv->from_process;
	}
	if (!question.netns)
		question.netns = inv->netns;
	if (!question.packet)
		return err_input(err, "\"packet\" is missing");
	*ret = question;
	return true;
}

static void print_line(json_t *value)
{
	json_dumpf(value, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
	putchar('\n');
	json_decref(value);
}

static bool answer_line(struct batch *batch, const json_t *root, struct err *err)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct question question;
	struct report report;
	struct query query;
	json_t *value, *id;

	if (!read_question(batch->inv, root, &question, err) ||
		!question_query(arena, batch->host, &question, &query, NULL, err))
		return false;
	explain_find_macs(batch->host, &query);
	report_make(arena, batch->explainer, &query, explain(arena, batch->explainer, &query), 0,
		&report);
	batch->worst = explain_worse(batch->worst, explain_exit(report.explanation->final));
	value = report_json(&report, true);
	id = json_object_get(root, "id");
	json_object_set_new(value, "line", json_integer((json_int_t)batch->line));
	if (id)
		json_object_set(value, "id", id);
	print_line(value);
	return true;
}

static void answer_or_error(struct batch *batch, const char *text, size_t len)
{
	json_error_t where;
	json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &where);
	struct err err;
	bool is_answered = false;

	if (root)
		is_answered = answer_line(batch, root, &err);
	else
		err_input(&err, "column %d: %s", where.column, where.text);
	if (!is_answered) {
		batch->n_wrong++;
		print_line(json_pack(
			"{s:I, s:s}", "line", (json_int_t)batch->line, "error", err.text));
	}
	json_decref(root);
}

/* A line that does not fit is read to its end and is wrong as a whole. */
static void take_line(struct batch *batch, char *line, FILE *file)
{
	size_t len = strlen(line);
	bool is_whole = (len && line[len - 1] == '\n') || feof(file);

	batch->line++;
	if (is_whole) {
		if (strspn(line, " \t\r\n") < len)
			answer_or_error(batch, line, len);
		return;
	}
	for (int c = 0; c != '\n' && c != EOF;)
		c = getc(file);
	batch->n_wrong++;
	print_line(json_pack("{s:I, s:s}", "line", (json_int_t)batch->line, "error",
		"longer than a line may be, or it has a zero byte"));
}

static bool answer_file(struct batch *batch, const char *path, FILE *file, struct err *err)
{
	char *line = arena_alloc(batch->inv->arena, LIMIT_PACKETS_LINE);

	/* who feeds us by a pipe waits for each answer */
	if (!isatty(fileno(file)) && file == stdin)
		setvbuf(stdout, NULL, _IOLBF, 0);
	while (fgets(line, (int)LIMIT_PACKETS_LINE, file))
		take_line(batch, line, file);
	if (ferror(file))
		return err_input(err, "--packets: cannot read %s: %s", path, strerror(errno));
	return true;
}

static bool check_lines(const struct batch *batch, const char *path, struct err *err)
{
	if (!batch->n_wrong)
		return true;
	err_input(err, "--packets %s: %zu of %zu lines are wrong; their answers say what", path,
		batch->n_wrong, batch->line);
	return err_next(
		err, "a line is {\"in\": \"tap1\", \"packet\": \"icmp 10.0.0.5 10.0.0.9\"}");
}

bool explain_packets(struct invocation *inv, const struct host *host, struct err *err)
{
	const char *path = inv->packets_path;
	bool is_stdin = strcmp(path, "-") == 0;
	struct batch batch = { .inv = inv, .host = host };
	FILE *file = is_stdin ? stdin : fopen(path, "re");
	bool is_read;

	if (!file)
		return err_input(err, "--packets: cannot open %s: %s", path, strerror(errno));
	batch.explainer = explainer_new(inv->arena, host);
	is_read = answer_file(&batch, path, file, err);
	if (!is_stdin)
		fclose(file);
	if (!is_read || !check_lines(&batch, path, err))
		return false;
	inv->exit = batch.worst;
	return true;
}
