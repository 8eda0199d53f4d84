// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/daemon.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "api/documents.h"
#include "cmd/serve_config.h"

#define POLICY_PATH "/v2.0/portwall/policy"

const char *daemon_socket(void)
{
	const char *named = getenv("PORTWALL_SOCKET");

	return named && *named ? named : SERVE_SOCKET;
}

bool daemon_open(struct api_client **ret, struct err *err)
{
	*ret = NULL;
	if (!kernel_socket_is_here(daemon_socket()))
		return true;
	return api_client_open(daemon_socket(), ret, err) || api_is_absent(err);
}

bool daemon_refuse_absent(struct err *err)
{
	err_system(err, 0, "portwall serve does not run in this network namespace (%s)",
		daemon_socket());
	return err_next(err,
		"systemctl start portwall; without it, portwall show tells of what was applied");
}

bool daemon_take(unsigned status, const struct text *answer, json_t **ret, struct err *err)
{
	json_error_t wrong;
	json_t *value;

	if (!api_check(status, answer, err))
		return false;
	value = answer->len ? json_loadb(answer->data, answer->len, 0, &wrong) : json_object();
	if (!value)
		return err_system(err, 0, "the service's answer is no JSON: %s", wrong.text);
	*ret = value;
	return true;
}

bool daemon_ask(struct api_client *client, const char *method, const char *path, const char *body,
	size_t size, json_t **ret, struct err *err)
{
	struct text answer CLEANUP(text_done) = TEXT_INIT;
	unsigned status;

	return api_request(client, method, path, body, size, &status, &answer, err) &&
	       daemon_take(status, &answer, ret, err);
}

bool daemon_policy(struct arena *arena, const struct policy **ret, struct err *err)
{
	struct api_client *client CLEANUP(api_client_close) = NULL;
	struct text answer CLEANUP(text_done) = TEXT_INIT;
	struct utsname names;
	unsigned status;

	if (!daemon_open(&client, err))
		return false;
	if (!client)
		return agent_policy_load(arena, ret, err);
	if (uname(&names) < 0)
		return err_system(err, 0, "uname");
	return api_request(client, "GET", POLICY_PATH, NULL, 0, &status, &answer, err) &&
	       api_check(status, &answer, err) &&
	       policy_parse(arena, "the service's policy", answer.data, answer.len, names.nodename,
		       ret, err);
}

const char *daemon_word(const json_t *answer, const char *key)
{
	const char *text = json_string_value(json_object_get(answer, key));

	return text ? text : "";
}

long long daemon_number(const json_t *answer, const char *key)
{
	return (long long)json_integer_value(json_object_get(answer, key));
}

/* --- apply --- */

static bool check_options(const struct invocation *inv, struct err *err)
{
	const struct agent_options *agent = &inv->agent;
	const char *option = agent->chain_prefix ? "--prefix"
			     : agent->backend	 ? "--backend"
			     : agent->takeover	 ? "--takeover"
			     : agent->fix_sysctl ? "--fix-sysctl"
						 : NULL;

	if (!option)
		return true;
	err_input(err, "%s is not asked here: portwall serve keeps the rules of this host", option);
	return err_next(
		err, "its configuration says how (portwall serve --check), or stop it first");
}

static void add_objects(struct text *out, const json_t *answer)
{
	static const char *const kinds[N_PART_KINDS] = {
		[PART_GROUP] = "group", [PART_ADDRESS_GROUP] = "address group", [PART_PORT] = "port"
	};
	static const char *const verbs[] = { "added", "changed", "removed" };
	const json_t *policy = json_object_get(answer, "policy");

	for (int k = 0; k < N_PART_KINDS; k++)
		for (size_t v = 0; v < N_OF(verbs); v++) {
			long long n = daemon_number(
				json_object_get(policy, document_list_key(k)), verbs[v]);

			if (n)
				text_addf(out, "  %lld %s%s %s\n", n, kinds[k], n == 1 ? "" : "s",
					verbs[v]);
		}
}

void daemon_add_failures(const struct invocation *inv, struct text *out, const json_t *answer)
{
	const json_t *failure;
	size_t i;

	json_array_foreach(json_object_get(answer, "failures"), i, failure)
	{
		output_add(inv, out, COLOUR_RED, "  port %s is closed: %s\n",
			json_string_value(json_object_get(failure, "port_id")),
			json_string_value(json_object_get(failure, "why")));
	}
}

static void add_counts(struct text *out, const json_t *answer, const char *what)
{
	static const struct {
		const char *key, *sign;
	} ways[] = { { "added", "+" }, { "removed", "-" } };
	char key[32];

	for (size_t i = 0; i < N_OF(ways); i++) {
		long long n;

		snprintf(key, sizeof(key), "%ss_%s", what, ways[i].key);
		n = daemon_number(answer, key);
		if (n)
			text_addf(out, "  %s%lld %s%s\n", ways[i].sign, n, what, n == 1 ? "" : "s");
	}
}

void daemon_add_changes(const struct invocation *inv, struct text *out, const json_t *answer)
{
	const json_t *changes = json_object_get(answer, "changes"), *line;
	size_t i;

	if (!output_lists_changes(inv, json_array_size(changes))) {
		add_counts(out, answer, "rule");
		add_counts(out, answer, "member");
		output_add_unlisted(out, json_array_size(changes));
		return;
	}
	json_array_foreach(changes, i, line)
	{
		const char *words = json_string_value(line);

		output_add(inv, out, *words == '+' ? COLOUR_GREEN : COLOUR_YELLOW, "  %s\n", words);
	}
}

static void print_applied(const struct invocation *inv, const json_t *answer)
{
	struct text out CLEANUP(text_done) = TEXT_INIT;

	if (inv->agent.dry_run)
		output_add(inv, &out, COLOUR_BOLD, "would apply %s", inv->args[0]);
	else
		output_add(inv, &out, COLOUR_BOLD, "applied %s as revision %lld of portwall serve",
			inv->args[0], daemon_number(answer, "revision"));
	if (!daemon_number(answer, "steps"))
		text_add(&out, ": nothing to change in the kernel");
	text_add(&out, "\n");
	daemon_add_failures(inv, &out, answer); /* a list of changes may be long */
	add_objects(&out, answer);
	daemon_add_changes(inv, &out, answer);
	if (daemon_number(answer, "flows_cut"))
		text_addf(&out, "  %lld connection%s %scut that no rule allows any more\n",
			daemon_number(answer, "flows_cut"),
			daemon_number(answer, "flows_cut") == 1 ? "" : "s",
			inv->agent.dry_run ? "would be " : "");
	output_print_text(&out);
}

bool daemon_apply(struct invocation *inv, struct api_client *client, const struct text *policy,
	struct err *err)
{
	json_t *answer;

	if (!check_options(inv, err) ||
		!daemon_ask(client, "PUT",
			inv->agent.dry_run ? POLICY_PATH "?dry_run=true" : POLICY_PATH,
			policy->data, policy->len, &answer, err))
		return false;
	inv->has_changed = !inv->agent.dry_run;
	if (json_array_size(json_object_get(answer, "failures")))
		inv->exit = EXIT_FAILED;
	if (inv->json) {
		json_object_set_new(answer, "command", json_string("apply"));
		output_print_json(answer);
		return true;
	}
	print_applied(inv, answer);
	json_decref(answer);
	return true;
}
