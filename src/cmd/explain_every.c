// SPDX-License-Identifier: GPL-2.0-or-later
/* The answer to a set of packets, by parts: text, and JSON as docs/explain.md lists it. */
#include "cmd/explain.h"

#include <string.h>

#include "explain/every.h"

#define MAX_LINES 12 /* of one part, for people */

static void add_example(struct text *out, const struct every_part *part)
{
	packet_expr_print(out, &part->witness.packet);
}

/* Each line of text behind words. */
static void add_lines(struct text *out, const char *words, const char *text)
{
	while (text && *text) {
		size_t len = strcspn(text, "\n");

		text_addf(out, "  %s%.*s\n", words, (int)len, text);
		text += len + (text[len] == '\n');
	}
}

static void add_set(struct text *out, const char *words, const struct every *every,
	struct packet_set set, size_t max_lines)
{
	struct text lines CLEANUP(text_done) = TEXT_INIT;

	every_print_set(&lines, every, set, max_lines);
	add_lines(out, words, lines.data);
}

static void add_verdict(
	struct text *out, const struct every_part *part, const struct report *report)
{
	if (part->final == FINAL_CANNOT_TELL)
		text_addf(out, "cannot tell: %s", part->why ? part->why : "it is not known why");
	else
		report_print_verdict(out, report);
}

static void print_part(struct invocation *inv, struct text *out, const struct every *every,
	const struct every_part *part, const struct report *report)
{
	struct text verdict CLEANUP(text_done) = TEXT_INIT;

	add_verdict(&verdict, part, report);
	output_add(inv, out, explain_colour(part->final), "%s\n", verdict.data);
	add_set(out, "", every, part->set, MAX_LINES);
	if (part->final == FINAL_REWRITTEN)
		add_set(out, "becomes ", every, part->into, MAX_LINES);
	if (!inv->brief && part->final != FINAL_CANNOT_TELL)
		report_print_deciders(out, report);
	text_add(out, "  for example ");
	add_example(out, part);
	text_add(out, "\n");
}

static json_t *lines_of(const struct every *every, struct packet_set set)
{
	struct text lines CLEANUP(text_done) = TEXT_INIT;
	json_t *list = json_array();
	const char *at;

	set_print(every->sets, set_shorten(every->sets, set, every->asked), SIZE_MAX, &lines);
	for (at = lines.data; at && *at;) {
		size_t len = strcspn(at, "\n");

		json_array_append_new(list, json_stringn(at, len));
		at += len + (at[len] == '\n');
	}
	return list;
}

static json_t *part_json(const struct invocation *inv, const struct every *every,
	const struct every_part *part, const struct report *report)
{
	struct text example CLEANUP(text_done) = TEXT_INIT, verdict CLEANUP(text_done) = TEXT_INIT;
	json_t *value;

	add_example(&example, part);
	add_verdict(&verdict, part, report);
	value = json_pack("{s:s, s:s, s:b, s:o, s:s}", "verdict", final_name(part->final), "words",
		verdict.data, "all", set_equal(part->set, every->asked), "packets",
		lines_of(every, part->set), "example", example.data);
	if (part->final == FINAL_REWRITTEN)
		json_object_set_new(value, "becomes", lines_of(every, part->into));
	if (part->why)
		json_object_set_new(value, "why", json_string(part->why));
	if (report->explanation)
		json_object_set_new(value, "answer", report_json(report, inv->brief));
	return value;
}

static void print_json(struct invocation *inv, const struct every *every, const struct query *query,
	const struct packet_choices *choices, const struct report *reports)
{
	struct text asked CLEANUP(text_done) = TEXT_INIT;
	json_t *parts = json_array();

	packet_expr_print_set(&asked, &query->packet, choices);
	for (size_t i = 0; i < every->parts.n; i++)
		json_array_append_new(
			parts, part_json(inv, every, &every->parts.items[i], &reports[i]));
	output_print_json(json_pack("{s:s, s:o}", "asked", asked.data, "parts", parts));
}

static void print_text(struct invocation *inv, const struct every *every, const struct query *query,
	const struct packet_choices *choices, const struct report *reports)
{
	struct text out CLEANUP(text_done) = TEXT_INIT;

	packet_expr_print_set(&out, &query->packet, choices);
	text_addf(&out, ": %s\n",
		every->parts.n == 1 ? "all of it ends alike" : "it depends on the packet");
	for (size_t i = 0; i < every->parts.n; i++) {
		text_add(&out, "\n");
		print_part(inv, &out, every, &every->parts.items[i], &reports[i]);
	}
	output_print_text(&out);
}

static bool check_set_usage(
	const struct invocation *inv, const struct query *query, struct err *err)
{
	if (query->packet.ethertype == ETHERTYPE_ARP) {
		err_input(err, "explain: --every is of IP packets, not of ARP");
		return err_next(err,
			"without --every an address that is any is open, and the answer says whether "
			"it matters");
	}
	if (inv->reply || inv->dot || inv->svg) {
		err_input(err, "explain: --reply, --dot and --svg are of one packet");
		return err_next(err, "ask about one of the packets that the answer names");
	}
	return true;
}

bool explain_a_set(struct invocation *inv, const struct explainer *explainer,
	const struct query *query, const struct packet_choices *choices, struct err *err)
{
	struct every every = { 0 };
	struct report *reports;
	bool is_done;

	if (!check_set_usage(inv, query, err))
		return false;
	is_done = explain_every(inv->arena, explainer, query, choices, &every, err);
	reports = arena_new_array(inv->arena, struct report, every.parts.n + 1);
	for (size_t i = 0; is_done && i < every.parts.n; i++) {
		const struct every_part *part = &every.parts.items[i];

		if (part->explanation)
			report_make(inv->arena, explainer, &part->witness, part->explanation, 0,
				&reports[i]);
		inv->exit = explain_worse(inv->exit, explain_exit(part->final));
	}
	if (is_done && inv->json)
		print_json(inv, &every, query, choices, reports);
	else if (is_done)
		print_text(inv, &every, query, choices, reports);
	sets_free(every.sets);
	return is_done;
}
