// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * portwall probe --matrix: a packet for each rule of each group of a port, and one that no rule allows, sent one after the other:
 * what the policy says of it beside what became of it. What is judged is the port alone: a packet that is past its rules and is lost
 * elsewhere has passed.
 */
#include <string.h>

#include "cmd/daemon.h"
#include "cmd/probe.h"
#include "kernel/kernel.h"
#include "packet/field.h"
#include "policy/sample.h"

#define N_AT_ONCE 40 /* probes of one filter: it has a test for each */

enum outcome_of_probe { OUTCOME_NONE, OUTCOME_PASSED, OUTCOME_LOST, OUTCOME_UNKNOWN };

struct row {
	const struct policy_sample *sample;
	const char *in; /* the device that it is sent in by; NULL: not sent */
	const char *why_not;
	struct probe probe;
	enum outcome_of_probe outcome;
	const char *words, *by; /* what became of it, and whose rule took it */
	size_t n_differences;	/* to what explain says */
};

struct matrix {
	struct invocation *inv;
	const struct host *host;
	const struct policy_port *port;
	const struct netns *ns;
	const struct link *tap;
	const char *uplink;
	struct row *rows;
	size_t n;
	struct row *row;	 /* that is being sent */
	struct watch_file *file; /* --pcap */
};

/* --- the port --- */

static bool is_port(const struct policy *policy, const char *device)
{
	for (size_t i = 0; i < policy->n_ports; i++)
		if (policy->ports[i].is_local && !strcmp(policy->ports[i].device, device))
			return true;
	return false;
}

static bool find_port(struct matrix *matrix, const struct policy *policy, struct err *err)
{
	const char *name = matrix->inv->in;

	matrix->port = policy_port_find(policy, name);
	for (size_t i = 0; !matrix->port && i < policy->n_ports; i++)
		if (!strcmp(policy->ports[i].device, name))
			matrix->port = &policy->ports[i];
	if (!matrix->port) {
		err_input(err, "probe: the policy has no port %s", name);
		return err_next(
			err, "--port takes a port's name, id or device; portwall show lists them");
	}
	matrix->ns = &matrix->host->netns[0];
	matrix->tap = netns_link(matrix->ns, matrix->port->device);
	if (!matrix->tap || !matrix->tap->master_index) {
		err_conflict(err, "probe: port %s has no interface in a bridge: %s", name,
			matrix->port->device);
		return err_next(err, "it comes with the virtual machine");
	}
	return true;
}

/* What comes to the port comes by another port of its bridge that is none of the policy's. */
static bool find_uplink(struct matrix *matrix, const struct policy *policy, struct err *err)
{
	struct text names CLEANUP(text_done) = TEXT_INIT;
	size_t n = 0;

	matrix->uplink = matrix->inv->to;
	if (matrix->uplink)
		return netns_link(matrix->ns, matrix->uplink) ||
		       err_input(err, "probe: this host has no device %s", matrix->uplink);
	for (size_t i = 0; i < matrix->ns->n_links; i++) {
		const struct link *link = &matrix->ns->links[i];

		if (link->master_index != matrix->tap->master_index || link == matrix->tap ||
			is_port(policy, link->name))
			continue;
		matrix->uplink = link->name;
		text_addf(&names, "%s%s", n++ ? ", " : "", link->name);
	}
	if (n == 1)
		return true;
	if (n)
		err_conflict(err, "probe: packets can come to the port by %s", names.data);
	else
		err_conflict(
			err, "probe: the bridge has no port by which packets come from outside");
	return err_next(err, "say it with --to DEVICE, where the other stations are");
}

/* --- the packets --- */

/* What the host knows of the other station's MAC is better than one that nobody has. */
static void know_macs(struct matrix *matrix, const char *in, struct packet *packet)
{
	struct query query = { .from = FROM_DEVICE,
		.ns = matrix->ns,
		.in = netns_link(matrix->ns, in),
		.packet = *packet };

	if (query.in)
		explain_find_macs(matrix->host, &query);
	*packet = query.packet;
	packet->unknown = 0;
}

static bool make_rows(struct matrix *matrix, struct err *err)
{
	struct arena *arena = matrix->inv->arena;
	struct policy_sample *samples;

	policy_samples(arena, matrix->port, &samples, &matrix->n);
	matrix->rows = arena_new_array(arena, struct row, matrix->n + 1);
	for (size_t i = 0; i < matrix->n; i++) {
		struct row *row = &matrix->rows[i];
		struct packet packet = samples[i].packet;

		row->sample = &samples[i];
		row->why_not = samples[i].why_not;
		if (row->why_not)
			continue;
		row->in = samples[i].direction == DIR_EGRESS ? matrix->tap->name : matrix->uplink;
		know_macs(matrix, row->in, &packet);
		if (!probe_make(&packet, row->in, &row->probe, err))
			return false;
	}
	return true;
}

/* --- what became of them --- */

static bool is_of_port(const struct matrix *matrix, const struct decider *decider)
{
	return decider && decider->port && !strcmp(decider->port->device, matrix->port->device) &&
	       decider->port->is_ingress == (matrix->row->sample->direction == DIR_INGRESS);
}

/* Behind the port's own rules it may still be lost: by another port's, for want of a listener. */
static enum outcome_of_probe outcome_of(const struct matrix *matrix, const struct report *seen)
{
	const struct leaf *leaf = seen->explanation->leaf;

	switch (seen->explanation->final) {
	case FINAL_DELIVERED:
	case FINAL_REWRITTEN:
		return OUTCOME_PASSED;
	case FINAL_CANNOT_TELL:
	case FINAL_NONE:
		return OUTCOME_UNKNOWN;
	default:
		break;
	}
	if (seen->decider)
		return seen->decider->port && !is_of_port(matrix, seen->decider) ? OUTCOME_PASSED
										 : OUTCOME_LOST;
	return leaf->drop == DROP_RULE || leaf->drop == DROP_POLICY ? OUTCOME_LOST : OUTCOME_PASSED;
}

static void told(void *data, struct watch_session *session, const struct watched *watched,
	const struct watch_answer *answer)
{
	struct matrix *matrix = data;
	struct text words CLEANUP(text_done) = TEXT_INIT;
	struct row *row = matrix->row;

	(void)session;
	(void)watched;
	report_print_verdict(&words, &answer->seen);
	row->words = arena_strdup(matrix->inv->arena, words.data);
	row->by = answer->seen.decider
			  ? arena_strdup(matrix->inv->arena, answer->seen.decider->owner.name)
			  : NULL;
	row->outcome = outcome_of(matrix, &answer->seen);
	row->n_differences = answer->differences.n;
}

static bool send_some(struct matrix *matrix, size_t from, size_t to, struct err *err)
{
	struct watch_session session CLEANUP(
		watch_session_close) = { .inv = matrix->inv, .entry = matrix->tap->name };
	struct text expression CLEANUP(text_done) = TEXT_INIT;
	struct filter *filter;

	for (size_t i = from; i < to; i++) {
		text_add(&expression, expression.len ? " or (" : "(");
		probe_print_filter(&matrix->rows[i].probe, &expression);
		text_add(&expression, ")");
	}
	if (!filter_parse(matrix->inv->arena, expression.data, &filter, err))
		return err_prefix(err, "probe");
	session.filter = filter;
	session.file = matrix->file;
	if (!watch_session_open(&session, err))
		return false;
	for (size_t i = from; i < to; i++) {
		matrix->inv->agent.progress(matrix->inv->agent.progress_data,
			arena_printf(matrix->inv->arena, "probe %zu of %zu", i + 1, matrix->n));
		matrix->row = &matrix->rows[i];
		if (!probe_send(&session, &matrix->row->probe, told, matrix, err))
			return false;
	}
	return true;
}

/* Rows that are not sent stand at the end. */
static size_t put_sent_first(struct matrix *matrix)
{
	struct row *sorted = arena_new_array(matrix->inv->arena, struct row, matrix->n + 1);
	size_t n = 0, n_sent;

	for (size_t i = 0; i < matrix->n; i++)
		if (!matrix->rows[i].why_not)
			sorted[n++] = matrix->rows[i];
	n_sent = n;
	for (size_t i = 0; i < matrix->n; i++)
		if (matrix->rows[i].why_not)
			sorted[n++] = matrix->rows[i];
	matrix->rows = sorted;
	return n_sent;
}

static bool send_all(struct matrix *matrix, struct err *err)
{
	size_t n_sent = put_sent_first(matrix);
	bool ok = true;

	for (size_t i = 0; ok && i < n_sent; i += N_AT_ONCE)
		ok = send_some(matrix, i, i + N_AT_ONCE < n_sent ? i + N_AT_ONCE : n_sent, err);
	matrix->inv->agent.progress(matrix->inv->agent.progress_data, NULL);
	return ok;
}

/* --- telling --- */

static bool is_wanted_to_pass(const struct row *row)
{
	return !reason_is_drop(row->sample->wanted.reason);
}

static bool is_as_wanted(const struct row *row)
{
	return row->outcome == (is_wanted_to_pass(row) ? OUTCOME_PASSED : OUTCOME_LOST);
}

static const char *outcome_name(const struct row *row)
{
	switch (row->outcome) {
	case OUTCOME_PASSED:
		return "passed";
	case OUTCOME_LOST:
		return "dropped";
	case OUTCOME_UNKNOWN:
		return "unknown";
	default:
		return "not sent";
	}
}

static const char *wanted_name(const struct row *row)
{
	return row->why_not ? "-" : is_wanted_to_pass(row) ? "passed" : "dropped";
}

static const char *rule_words(struct arena *arena, const struct row *row)
{
	struct text words CLEANUP(text_done) = TEXT_INIT;

	if (!row->sample->rule)
		return arena_printf(arena, "%s: of no rule",
			row->sample->direction == DIR_EGRESS ? "egress" : "ingress");
	text_addf(&words, "%s: ", row->sample->rule->group->name);
	policy_rule_print(&words, row->sample->rule);
	return arena_strdup(arena, words.data);
}

static const char *packet_words(struct arena *arena, const struct row *row)
{
	struct packet packet = row->probe.packet;
	struct text words CLEANUP(text_done) = TEXT_INIT;

	if (row->why_not)
		return row->why_not;
	packet.unknown |= FIELD_BIT(FIELD_ETH_SRC) | FIELD_BIT(FIELD_ETH_DST) |
			  FIELD_BIT(FIELD_UID) | FIELD_BIT(FIELD_GID) | FIELD_BIT(FIELD_LENGTH);
	packet_expr_print(&words, &packet);
	return arena_strdup(arena, words.data);
}

static void print_text(
	const struct matrix *matrix, size_t n_wrong, size_t n_unknown, size_t n_unsent)
{
	static const char *const titles[] = { "Rule", "Packet", "Expected", "Seen", "" };
	struct output_table table = {
		.arena = matrix->inv->arena, .titles = titles, .n_columns = N_OF(titles)
	};
	struct text out CLEANUP(text_done) = TEXT_INIT;

	for (size_t i = 0; i < matrix->n; i++) {
		const struct row *row = &matrix->rows[i];
		const char **cells =
			arena_new_array(matrix->inv->arena, const char *, N_OF(titles));

		cells[0] = rule_words(matrix->inv->arena, row);
		cells[1] = packet_words(matrix->inv->arena, row);
		cells[2] = wanted_name(row);
		cells[3] = outcome_name(row);
		cells[4] = row->why_not || is_as_wanted(row) ? "" : "<-";
		*vec_push(&table.rows, matrix->inv->arena) = cells;
	}
	output_table_print(&table, &out);
	for (size_t i = 0; i < matrix->n; i++)
		if (!matrix->rows[i].why_not && !is_as_wanted(&matrix->rows[i]))
			text_addf(&out, "%s: %s%s%s\n",
				packet_words(matrix->inv->arena, &matrix->rows[i]),
				matrix->rows[i].words ? matrix->rows[i].words : "not told of",
				matrix->rows[i].by ? "; the rule is of " : "",
				matrix->rows[i].by ? matrix->rows[i].by : "");
	output_add(matrix->inv, &out, n_wrong || n_unknown ? COLOUR_RED : COLOUR_GREEN,
		"%zu as expected, %zu not, %zu unknown, %zu not sent\n",
		matrix->n - n_wrong - n_unknown - n_unsent, n_wrong, n_unknown, n_unsent);
	output_print_text(&out);
}

static json_t *json_row(const struct matrix *matrix, const struct row *row)
{
	json_t *value = json_pack("{s:s, s:o, s:s, s:s, s:s, s:b}", "direction",
		row->sample->direction == DIR_EGRESS ? "egress" : "ingress", "rule",
		row->sample->rule ? json_string(row->sample->rule->id) : json_null(), "rule_words",
		rule_words(matrix->inv->arena, row), "expected", wanted_name(row), "seen",
		outcome_name(row), "as_expected", !row->why_not && is_as_wanted(row));

	if (row->why_not) {
		json_object_set_new(value, "not_sent", json_string(row->why_not));
		return value;
	}
	json_object_set_new(value, "packet", json_string(packet_words(matrix->inv->arena, row)));
	json_object_set_new(value, "in", json_string(row->in));
	json_object_set_new(
		value, "expected_reason", json_string(reason_name(row->sample->wanted.reason)));
	json_object_set_new(value, "words", row->words ? json_string(row->words) : json_null());
	json_object_set_new(value, "owner", row->by ? json_string(row->by) : json_null());
	json_object_set_new(value, "explain_agrees", json_boolean(!row->n_differences));
	return value;
}

static void print_json(
	const struct matrix *matrix, size_t n_wrong, size_t n_unknown, size_t n_unsent)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < matrix->n; i++)
		json_array_append_new(rows, json_row(matrix, &matrix->rows[i]));
	output_print_json(json_pack("{s:s, s:s, s:o, s:I, s:I, s:I}", "port", matrix->port->id,
		"device", matrix->port->device, "probes", rows, "not_as_expected",
		(json_int_t)n_wrong, "unknown", (json_int_t)n_unknown, "not_sent",
		(json_int_t)n_unsent));
}

bool probe_matrix(struct invocation *inv, struct err *err)
{
	const struct host_read_options options = { 0 };
	struct matrix matrix = { .inv = inv };
	struct watch_file *file CLEANUP(watch_file_close) = NULL;
	const struct policy *policy = NULL;
	size_t n_wrong = 0, n_unknown = 0, n_unsent = 0;

	inv->agent.progress(inv->agent.progress_data, "reading this host");
	if (inv->policy_path ? !agent_policy_read(inv->arena, inv->policy_path, NULL, &policy, err)
			     : !daemon_policy(inv->arena, &policy, err))
		return false;
	if (!kernel_host_read(inv->arena, &options, &matrix.host, err) ||
		!find_port(&matrix, policy, err) || !find_uplink(&matrix, policy, err) ||
		!make_rows(&matrix, err) ||
		(inv->pcap_dir && !watch_file_open(inv->pcap_dir, &file, err)))
		return false;
	matrix.file = file;
	if (!send_all(&matrix, err))
		return false;
	for (size_t i = 0; i < matrix.n; i++) {
		const struct row *row = &matrix.rows[i];

		n_unsent += row->why_not != NULL;
		n_unknown += row->outcome == OUTCOME_UNKNOWN;
		n_wrong += !row->why_not && row->outcome != OUTCOME_UNKNOWN && !is_as_wanted(row);
	}
	if (inv->json)
		print_json(&matrix, n_wrong, n_unknown, n_unsent);
	else
		print_text(&matrix, n_wrong, n_unknown, n_unsent);
	inv->exit = n_wrong ? EXIT_FOUND : n_unknown ? EXIT_CANNOT_TELL : EXIT_DONE;
	return true;
}
