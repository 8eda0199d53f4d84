// SPDX-License-Identifier: GPL-2.0-or-later
/* How the service is, and each port of it. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cmd/daemon.h"

static const char *const columns[] = { "port", "name", "interface", "bridge", "state", "why" };

static void add_ports(struct invocation *inv, struct text *out, const json_t *ports)
{
	struct output_table table = {
		.arena = inv->arena, .titles = columns, .n_columns = N_OF(columns)
	};
	const json_t *port;
	size_t i;

	json_array_foreach(ports, i, port)
	{
		const char **row = arena_new_array(inv->arena, const char *, N_OF(columns));

		if (!inv->all && !strcmp(daemon_word(port, "state"), "remote"))
			continue;
		row[0] = daemon_word(port, "id");
		row[1] = daemon_word(port, "name");
		row[2] = daemon_word(port, "device");
		row[3] = daemon_word(port, "bridge");
		row[4] = daemon_word(port, "state");
		row[5] = daemon_word(port, "why");
		*vec_push(&table.rows, inv->arena) = row;
	}
	if (table.rows.n)
		output_table_print(&table, out);
}

static void add_since(struct text *out, long long started)
{
	time_t at = (time_t)started;
	char when[64];
	struct tm tm;

	if (localtime_r(&at, &tm) && strftime(when, sizeof(when), "%F %T", &tm))
		text_addf(out, ", since %s", when);
}

static void add_verdict(struct invocation *inv, struct text *out, const json_t *status)
{
	long long revision = daemon_number(status, "revision"),
		  in_kernel = daemon_number(status, "kernel_revision");

	if (!revision) {
		output_add(inv, out, COLOUR_YELLOW, "no policy yet, so nothing is changed");
		text_add(out, " (portwall apply FILE)");
	} else if (revision == in_kernel) {
		output_add(inv, out, COLOUR_GREEN, "the kernel has the policy");
		text_addf(out, ": revision %lld", revision);
	} else {
		output_add(
			inv, out, COLOUR_YELLOW, "the kernel does not have all of the policy yet");
		text_addf(out, ": revision %lld, the kernel has %lld", revision, in_kernel);
	}
	add_since(out, daemon_number(status, "started"));
}

/* "2 rules of ports, 1 connection cut" */
static void add_counts(struct text *out, const json_t *status)
{
	static const struct {
		const char *key, *one, *many;
	} counts[] = {
		{ "rules", "rule of ports", "rules of ports" },
		{ "commits", "change written", "changes written" },
		{ "repaired", "change by others undone", "changes by others undone" },
		{ "refused", "change refused by the kernel", "changes refused by the kernel" },
		{ "flows_cut", "connection cut", "connections cut" },
	};

	for (size_t i = 0; i < N_OF(counts); i++) {
		long long n = daemon_number(status, counts[i].key);

		text_addf(out, "%s%lld %s", i ? ", " : "  ", n,
			n == 1 ? counts[i].one : counts[i].many);
	}
	text_add(out, "\n");
}

static void print_text(struct invocation *inv, const json_t *status)
{
	struct text out CLEANUP(text_done) = TEXT_INIT;

	add_verdict(inv, &out, status);
	text_addf(&out, "\n  host %s, iptables-%s, guard %s\n", daemon_word(status, "host"),
		daemon_word(status, "backend"),
		json_is_true(json_object_get(status, "guard")) ? "held" : "off");
	add_counts(&out, status);
	add_ports(inv, &out, json_object_get(status, "ports"));
	output_print_text(&out);
}

static void print_warnings(const json_t *status)
{
	const json_t *list = json_object_get(status, "warnings"), *warning;
	size_t i;

	json_array_foreach(list, i, warning)
	{
		const char *text = json_string_value(warning);

		output_print_warnings(&text, 1);
	}
}

static bool is_well(const json_t *status)
{
	const json_t *port;
	size_t i;

	json_array_foreach(json_object_get(status, "ports"), i, port)
	{
		if (!strcmp(daemon_word(port, "state"), "failed"))
			return false;
	}
	return daemon_number(status, "revision") == daemon_number(status, "kernel_revision");
}

bool cmd_status(struct invocation *inv, struct err *err)
{
	struct api_client *client CLEANUP(api_client_close) = NULL;
	json_t *status;

	if (!daemon_open(&client, err))
		return false;
	if (!client)
		return daemon_refuse_absent(err);
	if (!daemon_ask(client, "GET", "/v2.0/portwall/status", NULL, 0, &status, err))
		return false;
	inv->exit = is_well(status) ? EXIT_DONE : EXIT_NOT_WHOLE;
	print_warnings(status);
	if (inv->json) {
		output_print_json(status);
		return true;
	}
	print_text(inv, status);
	json_decref(status);
	return true;
}
