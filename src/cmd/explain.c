// SPDX-License-Identifier: GPL-2.0-or-later
/* portwall explain: what happens to one packet on this host or on one in a file. */
#include "cmd/explain.h"

#include <string.h>

#include "host/file.h"
#include "packet/expr.h"
#include "packet/field.h"

static bool read_host(struct invocation *inv, const struct host **ret, struct err *err)
{
	const struct host_read_options options = { 0 };

	if (inv->n_snapshots)
		return host_load(inv->arena, inv->snapshots, inv->n_snapshots, ret, err);
	inv->agent.progress(inv->agent.progress_data, "reading this host");
	if (!kernel_host_read(inv->arena, &options, ret, err))
		return false;
	inv->agent.progress(inv->agent.progress_data, NULL);
	return true;
}

/* The words of the packet may come as one argument or as several. */
static bool read_packet(struct invocation *inv, struct packet *ret, struct err *err)
{
	struct text words CLEANUP(text_done) = TEXT_INIT;

	for (size_t i = 0; i < inv->n_args; i++)
		text_addf(&words, "%s%s", i ? " " : "", inv->args[i]);
	return packet_expr_parse(words.data, ret, err);
}

static bool read_state(const char *name, enum ct_state *ret, struct err *err)
{
	static const struct {
		const char *name;
		enum ct_state state;
	} states[] = { { "new", CT_NEW }, { "established", CT_ESTABLISHED },
		{ "related", CT_RELATED }, { "invalid", CT_INVALID },
		{ "untracked", CT_UNTRACKED } };

	for (size_t i = 0; i < N_OF(states); i++) {
		if (strcmp(states[i].name, name) != 0)
			continue;
		*ret = states[i].state;
		return true;
	}
	return err_input(
		err, "--state %s: must be new, established, related, invalid or untracked", name);
}

static bool find_netns(
	const struct host *host, const char *name, const struct netns **ret, struct err *err)
{
	if (!name || !*name) {
		*ret = &host->netns[0];
		return true;
	}
	for (size_t i = 0; i < host->n_netns; i++) {
		if (strcmp(host->netns[i].name, name) != 0)
			continue;
		*ret = &host->netns[i];
		return true;
	}
	return err_input(err, "this host has no network namespace %s", name);
}

static bool make_query(
	struct invocation *inv, const struct host *host, struct query *ret, struct err *err)
{
	struct query query = { 0 };
	struct packet packet;

	if (!read_packet(inv, &packet, err))
		return false;
	if (!inv->in == !inv->from_process) {
		err_input(err, "explain: where does the packet start?");
		return err_next(err,
			"--in DEVICE, where it is received; or --out-of-process, sent by this host");
	}
	if (inv->in) {
		if (!explain_find_entry(host, inv->in, &query, err))
			return false;
	} else {
		query.from = FROM_PROCESS;
		if (!find_netns(host, inv->netns, &query.ns, err))
			return false;
	}
	query.packet = packet;
	if (inv->state) {
		if (!read_state(inv->state, &query.packet.ct_state, err))
			return false;
		query.has_ct_state = true;
	}
	*ret = query;
	return true;
}

static enum exit_code exit_of(enum final final)
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

/* no_reply: why the second one is missing although it was asked for; NULL: it is not. */
static void print_answers(
	struct invocation *inv, const struct answer *answers, size_t n, const struct err *no_reply)
{
	struct text out CLEANUP(text_done) = TEXT_INIT;

	if (inv->json) {
		json_t *root = answer_json(&answers[0]);

		if (n > 1)
			json_object_set_new(root, "reply", answer_json(&answers[1]));
		if (no_reply)
			json_object_set_new(root, "no_reply", json_string(no_reply->text));
		output_print_json(root);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		if (inv->brief) {
			answer_print_verdict(&out, &answers[i]);
			text_add(&out, "\n");
		} else {
			text_add(&out, i ? "\n" : "");
			answer_print_text(inv, &out, &answers[i]);
		}
	}
	if (no_reply)
		text_addf(&out, "no reply: %s\n", no_reply->text);
	output_print_text(&out);
}

bool cmd_explain(struct invocation *inv, struct err *err)
{
	const struct explainer *explainer;
	struct answer answers[2] = { 0 };
	const struct host *host = NULL;
	struct query query, back;
	struct err no_reply;
	size_t n = 1;

	if (!read_host(inv, &host, err) || !make_query(inv, host, &query, err))
		return false;
	answers[0].macs = explain_find_macs(host, &query);
	explainer = explainer_new(inv->arena, host);
	answers[0].query = &query;
	answers[0].explanation = explain(inv->arena, explainer, &query);
	inv->exit = exit_of(answers[0].explanation->final);
	if (inv->reply && explain_reply(answers[0].explanation->leaf, &back, &no_reply)) {
		answers[1] = (struct answer){ .query = &back, .is_reply = true };
		answers[1].explanation = explain(inv->arena, explainer, &back);
		if (inv->exit == EXIT_DONE)
			inv->exit = exit_of(answers[1].explanation->final);
		n = 2;
	}
	print_answers(inv, answers, n, inv->reply && n == 1 ? &no_reply : NULL);
	return true;
}
