// SPDX-License-Identifier: GPL-2.0-or-later
/* portwall explain: what happens to a packet on this host or on one in a file. */
#include "cmd/explain.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "packet/expr.h"

static const struct {
	const char *name;
	enum ct_state state;
} states[] = { { "new", CT_NEW }, { "established", CT_ESTABLISHED }, { "related", CT_RELATED },
	{ "invalid", CT_INVALID }, { "untracked", CT_UNTRACKED } };

static bool read_state(const char *name, enum ct_state *ret, struct err *err)
{
	for (size_t i = 0; i < N_OF(states); i++) {
		if (strcasecmp(states[i].name, name) != 0)
			continue;
		*ret = states[i].state;
		return true;
	}
	return err_input(
		err, "--state %s: must be new, established, related, invalid or untracked", name);
}

void question_print(struct text *out, const struct query *query)
{
	struct text packet CLEANUP(text_done) = TEXT_INIT;

	packet_expr_print(&packet, &query->packet);
	text_addf(out, "portwall explain --in %s", query->in->name);
	if (query->toward)
		text_addf(out, " --to %s", query->toward->link->name);
	for (size_t i = 0; query->has_ct_state && i < N_OF(states); i++)
		if (states[i].state == query->packet.ct_state)
			text_addf(out, " --state %s", states[i].name);
	text_addf(out, " '%s'", packet.data);
}

bool question_find_link(const struct host *host, const char *netns, const char *name,
	struct query *ret, struct err *err)
{
	if (!netns || !*netns)
		return explain_find_entry(host, name, ret, err);
	if (!find_netns(host, netns, &ret->ns, err))
		return false;
	ret->from = FROM_DEVICE;
	ret->in = netns_link(ret->ns, name);
	return ret->in || err_input(err, "the network namespace %s has no device %s", netns, name);
}

static bool find_far_end(struct arena *arena, const struct host *host, const char *name,
	struct query *query, struct err *err)
{
	struct query far;

	if (!explain_find_entry(host, name, &far, err))
		return false;
	query->toward = host_toward(arena, host, far.ns, far.in);
	return true;
}

bool question_query(struct arena *arena, const struct host *host, const struct question *question,
	struct query *ret, struct packet_choices *choices, struct err *err)
{
	struct query query = { 0 };
	struct packet packet;

	if (choices ? !packet_expr_parse_set(arena, question->packet, &packet, choices, err)
		    : !packet_expr_parse(question->packet, &packet, err))
		return false;
	if (question->in && !*question->in)
		return err_input(err, "explain: --in has no name");
	if (!question->in == !question->from_process) {
		err_input(err, "explain: where does the packet start?");
		return err_next(err,
			"--in DEVICE, where it is received; or --out-of-process, sent by this host");
	}
	if (question->in) {
		if (!question_find_link(host, question->netns, question->in, &query, err))
			return false;
	} else {
		query.from = FROM_PROCESS;
		if (!find_netns(host, question->netns, &query.ns, err))
			return false;
	}
	if (question->to && !find_far_end(arena, host, question->to, &query, err))
		return false;
	query.packet = packet;
	if (question->state) {
		if (!read_state(question->state, &query.packet.ct_state, err))
			return false;
		query.has_ct_state = true;
	}
	*ret = query;
	return true;
}

/* The words of the packet may come as one argument or as several. */
static bool make_query(struct invocation *inv, const struct host *host, struct query *ret,
	struct packet_choices *choices, struct err *err)
{
	struct text words CLEANUP(text_done) = TEXT_INIT;
	struct question question = { .in = inv->in,
		.to = inv->to,
		.netns = inv->netns,
		.state = inv->state,
		.from_process = inv->from_process };

	for (size_t i = 0; i < inv->n_args; i++)
		text_addf(&words, "%s%s", i ? " " : "", inv->args[i]);
	question.packet = words.data;
	return question_query(inv->arena, host, &question, ret, choices, err);
}

enum exit_code explain_exit(enum final final)
{
	switch (final) {
	case FINAL_DELIVERED:
		return EXIT_DONE;
	case FINAL_REWRITTEN:
		return EXIT_REWRITTEN;
	case FINAL_DROPPED:
	case FINAL_REJECTED:
	case FINAL_CONSUMED:
		return EXIT_DROPPED;
	default:
		return EXIT_CANNOT_TELL;
	}
}

static int severity(enum exit_code code)
{
	switch (code) {
	case EXIT_DONE:
		return 0;
	case EXIT_REWRITTEN:
		return 1;
	case EXIT_DROPPED:
		return 2;
	default:
		return 3;
	}
}

enum exit_code explain_worse(enum exit_code a, enum exit_code b)
{
	return severity(b) > severity(a) ? b : a;
}

static void print_brief(struct text *out, const struct report *report)
{
	struct text missing CLEANUP(text_done) = TEXT_INIT;

	report_print_verdict(out, report);
	report_print_missing(&missing, report);
	if (missing.len)
		text_addf(out, "; it depends on %s", missing.data);
	text_add(out, "\n");
}

/* no_reply: why the second one is missing although it was asked for; NULL: it is not. */
static void print_reports(
	struct invocation *inv, const struct report *reports, size_t n, const struct err *no_reply)
{
	struct text out CLEANUP(text_done) = TEXT_INIT;

	if (inv->json) {
		json_t *root = report_json(&reports[0], inv->brief);

		if (n > 1)
			json_object_set_new(root, "reply", report_json(&reports[1], inv->brief));
		if (no_reply)
			json_object_set_new(root, "no_reply", json_string(no_reply->text));
		output_print_json(root);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		if (inv->brief) {
			print_brief(&out, &reports[i]);
		} else {
			text_add(&out, i ? "\n" : "");
			report_print_text(inv, &out, &reports[i]);
		}
	}
	if (no_reply)
		text_addf(&out, "no reply: %s\n", no_reply->text);
	output_print_text(&out);
}

static bool print_picture(struct invocation *inv, const struct report *report, struct err *err)
{
	struct text dot CLEANUP(text_done) = TEXT_INIT;

	report_print_dot(&dot, report);
	return output_print_picture(inv, &dot, err);
}

static bool check_usage(const struct invocation *inv, struct err *err)
{
	if (inv->packets_path && inv->n_args) {
		err_input(err, "explain: --packets and a packet on the command line");
		return err_next(err, "the file has the packets; portwall explain --help");
	}
	if (inv->dot + inv->svg + (inv->json || inv->brief) > 1) {
		err_input(err, "explain: --dot, --svg, --brief and --json exclude each other");
		return err_next(err, "--json --brief is JSON without the path");
	}
	if ((inv->dot || inv->svg) && (inv->reply || inv->packets_path)) {
		err_input(err, "explain: --dot and --svg draw the way of one packet");
		return err_next(
			err, "the reply is asked for as a packet of its own, --in where it starts");
	}
	if (inv->packets_path && (inv->reply || inv->every))
		return err_input(err, "explain: --packets and --%s exclude each other",
			inv->reply ? "reply" : "every");
	if (!inv->packets_path && !inv->n_args) {
		err_input(err, "explain: which packet?");
		return err_next(err,
			"PROTOCOL SOURCE DESTINATION, as icmp 10.0.0.5 10.0.0.9; or --packets FILE");
	}
	return true;
}

bool explain_on(struct invocation *inv, const struct host *host, struct err *err)
{
	const struct explainer *explainer;
	struct report reports[2] = { 0 };
	struct packet_choices choices = { 0 };
	struct query query, back;
	struct err no_reply;
	unsigned flags = inv->brief ? 0 : REPORT_ANY | REPORT_CHANGES;
	uint64_t macs;
	size_t n = 1;

	if (!make_query(inv, host, &query, &choices, err))
		return false;
	macs = explain_find_macs(host, &query);
	inv->agent.progress(inv->agent.progress_data, "following the packet");
	explainer = explainer_new(inv->arena, host);
	if (choices.n || inv->every)
		return explain_a_set(inv, explainer, &query, &choices, err);
	report_make(inv->arena, explainer, &query, explain(inv->arena, explainer, &query), flags,
		&reports[0]);
	reports[0].macs = macs;
	inv->exit = explain_exit(reports[0].explanation->final);
	if (inv->reply && explain_reply(reports[0].explanation->leaf, &back, &no_reply)) {
		if (query.toward && query.in)
			back.toward = host_toward(inv->arena, host, query.ns, query.in);
		report_make(inv->arena, explainer, &back, explain(inv->arena, explainer, &back),
			flags, &reports[1]);
		reports[1].is_reply = true;
		if (inv->exit == EXIT_DONE)
			inv->exit = explain_exit(reports[1].explanation->final);
		n = 2;
	}
	if (inv->dot || inv->svg)
		return print_picture(inv, &reports[0], err);
	print_reports(inv, reports, n, inv->reply && n == 1 ? &no_reply : NULL);
	return true;
}

bool cmd_explain(struct invocation *inv, struct err *err)
{
	const struct host *host = NULL;

	if (!check_usage(inv, err) || !read_host(inv, false, &host, err))
		return false;
	return inv->packets_path ? explain_packets(inv, host, err) : explain_on(inv, host, err);
}
