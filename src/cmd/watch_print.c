// SPDX-License-Identifier: GPL-2.0-or-later
/* What was seen, for people and for programs. */
#include "cmd/watch.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "packet/expr.h"

#define SECOND_NS 1000000000ull

static const char *place_name(const struct watch_session *session, const struct watch_point *point)
{
	return *point->ns->name && point->ns != session->ns
		       ? arena_printf(session->arena, "%s (%s)", point->link->name, point->ns->name)
		       : point->link->name;
}

void watch_print_begin(const struct watch_session *session)
{
	size_t n;
	const char *const *missing = capture_missing(session->capture, &n);

	fprintf(stderr, "watching");
	vec_for_each (point, &session->points)
		fprintf(stderr, "%s %s", point == session->points.items ? "" : ",",
			place_name(session, point));
	fprintf(stderr, "%s\n",
		session->points.is_cut_short ? " (and not the other ports of large bridges)" : "");
	for (size_t i = 0; i < n; i++)
		fprintf(stderr, "not observed: %s\n", missing[i]);
	if (isatty(STDOUT_FILENO) && !session->inv->json)
		fprintf(stderr, "Ctrl-C ends it\n");
}

/* --- text --- */

void watch_print_time(struct text *out, uint64_t time_ns)
{
	time_t seconds = (time_t)(time_ns / SECOND_NS);
	struct tm parts;

	localtime_r(&seconds, &parts);
	text_addf(out, "%02d:%02d:%02d.%06u", parts.tm_hour, parts.tm_min, parts.tm_sec,
		(unsigned)(time_ns % SECOND_NS / 1000));
}

const char *watch_evidence_words(enum watch_evidence evidence)
{
	switch (evidence) {
	case EVIDENCE_FRAME:
		return "seen there";
	case EVIDENCE_TRACE:
		return "seen in netfilter's trace";
	case EVIDENCE_DROP:
		return "told by the kernel";
	case EVIDENCE_SAID:
		return "it was seen no further; the cause is what explain says";
	default:
		return "not known";
	}
}

void watch_print_answer(struct watch_session *session, struct text *out,
	const struct watched *watched, const struct watch_answer *answer)
{
	struct invocation *inv = session->inv;
	struct text verdict CLEANUP(text_done) = TEXT_INIT;

	watch_print_time(out, watched->first_ns);
	text_add(out, " ");
	packet_expr_print(out, &answer->query.packet);
	text_add(out, "\n");
	report_print_verdict(&verdict, &answer->seen);
	output_add(inv, out, explain_colour(answer->seen.explanation->final), "%s", verdict.data);
	text_addf(out, "  [%s%s%s]\n", watch_evidence_words(answer->evidence),
		answer->kernel_reason ? ": " : "",
		answer->kernel_reason ? answer->kernel_reason : "");
	if (!inv->brief) {
		report_print_path(inv, out, &answer->seen);
		report_print_deciders(out, &answer->seen);
		report_print_changes(inv, out, &answer->seen);
	}
	if (!answer->is_traced && !inv->brief)
		text_add(out, "  its rules were not traced\n");
	vec_for_each (words, &answer->differences)
		output_add(inv, out, COLOUR_YELLOW, "  differs: %s\n", *words);
	if (answer->differences.n)
		return;
	if (answer->seen.explanation->final != FINAL_CANNOT_TELL &&
		answer->said.explanation->final != FINAL_CANNOT_TELL) {
		output_add(inv, out, COLOUR_DIM, "  explain says the same\n");
		return;
	}
	text_add(out, "  explain says: ");
	report_print_verdict(out, &answer->said);
	text_add(out, "\n");
}

/* --- counts --- */

static const struct capture_count *count_of(
	const struct capture_count *counts, size_t n, const struct watch_point *point)
{
	for (size_t i = 0; i < n; i++)
		if (counts[i].netns == point->ns->inode && counts[i].link == point->link->index)
			return &counts[i];
	return NULL;
}

static bool read_counts(struct watch_session *session, struct capture_count **ret, size_t *ret_n)
{
	struct err ignored;

	*ret_n = 0;
	return capture_counts(session->arena, session->capture, ret, ret_n, &ignored) && *ret_n;
}

void watch_print_losses(struct text *out, const struct capture_losses *losses)
{
	if (losses->frames)
		text_addf(out, "  %llu frames had no room\n", (unsigned long long)losses->frames);
	if (losses->pauses)
		text_addf(out,
			"  %llu times there were more frames than are looked at in a second (--rate)\n",
			(unsigned long long)losses->pauses);
	if (losses->traces)
		text_addf(out, "  events of rules were lost %llu times\n",
			(unsigned long long)losses->traces);
	if (losses->drops)
		text_addf(out, "  %llu drops were not told of one by one\n",
			(unsigned long long)losses->drops);
}

void watch_print_counts(struct watch_session *session, struct text *out)
{
	struct capture_losses losses = capture_losses(session->capture);
	struct capture_count *counts;
	size_t n;

	if (read_counts(session, &counts, &n)) {
		output_add(session->inv, out, COLOUR_BOLD,
			"\n  point            packets in      packets out\n");
		vec_for_each (point, &session->points) {
			const struct capture_count *count = count_of(counts, n, point);

			if (count)
				text_addf(out, "  %c %-15s %9llu        %9llu%s%s\n",
					point->letter ? point->letter : ' ', point->link->name,
					(unsigned long long)count->n_in,
					(unsigned long long)count->n_out,
					*point->ns->name && point->ns != session->ns ? "  in " : "",
					point->ns != session->ns ? point->ns->name : "");
		}
	}
	watch_print_losses(out, &losses);
}

/* --- JSON --- */

json_t *watch_json_time(uint64_t time_ns)
{
	char text[64];
	time_t seconds = (time_t)(time_ns / SECOND_NS);
	struct tm parts;
	size_t len;

	gmtime_r(&seconds, &parts);
	len = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts);
	snprintf(text + len, sizeof(text) - len, ".%09uZ", (unsigned)(time_ns % SECOND_NS));
	return json_string(text);
}

static json_t *json_points(struct watch_session *session, const struct watched *watched)
{
	json_t *list = json_array();

	vec_for_each (frame, &watched->frames) {
		const struct sighting *seen = *frame;

		vec_for_each (point, &session->points)
			if (point->ns->inode == seen->netns && point->link->index == seen->link)
				json_array_append_new(
					list, json_pack("{s:s, s:s, s:s, s:o, s:I}", "device",
						      point->link->name, "netns", point->ns->name,
						      "direction", seen->is_out ? "out" : "in",
						      "time", watch_json_time(seen->time_ns),
						      "length", (json_int_t)seen->wire_size));
	}
	return list;
}

json_t *watch_json_answer(struct watch_session *session, const struct watched *watched,
	const struct watch_answer *answer)
{
	json_t *root = report_json(&answer->seen, session->inv->brief), *differences = json_array();

	vec_for_each (words, &answer->differences)
		json_array_append_new(differences, output_json_words(*words));
	json_object_set_new(root, "time", watch_json_time(watched->first_ns));
	json_object_set_new(root, "evidence", json_string(watch_evidence_name(answer->evidence)));
	json_object_set_new(root, "kernel_reason",
		answer->kernel_reason ? json_string(answer->kernel_reason) : json_null());
	json_object_set_new(root, "traced", json_boolean(answer->is_traced));
	json_object_set_new(root, "points", json_points(session, watched));
	json_object_set_new(root, "differences", differences);
	json_object_set_new(root, "explain", report_json(&answer->said, true));
	return root;
}

json_t *watch_json_counts(struct watch_session *session)
{
	struct capture_losses losses = capture_losses(session->capture);
	struct capture_count *counts = NULL;
	json_t *list = json_array(), *missing = json_array();
	size_t n = 0, n_missing;
	const char *const *words = capture_missing(session->capture, &n_missing);

	read_counts(session, &counts, &n);
	vec_for_each (point, &session->points) {
		const struct capture_count *count = count_of(counts, n, point);

		if (count)
			json_array_append_new(list,
				json_pack("{s:s, s:s, s:I, s:I}", "device", point->link->name,
					"netns", point->ns->name, "in", (json_int_t)count->n_in,
					"out", (json_int_t)count->n_out));
	}
	for (size_t i = 0; i < n_missing; i++)
		json_array_append_new(missing, output_json_words(words[i]));
	return json_pack("{s:{s:o, s:{s:I, s:I, s:I, s:I}, s:o}}", "summary", "points", list,
		"lost", "frames", (json_int_t)losses.frames, "pauses", (json_int_t)losses.pauses,
		"traces", (json_int_t)losses.traces, "drops", (json_int_t)losses.drops,
		"not_observed", missing);
}
