// SPDX-License-Identifier: GPL-2.0-or-later
/* The door in one process: whole policies, the engine on good and bad days, events, metrics. */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "apitest.h"

static const char policy_text[] = "security_groups:\n"
				  "- name: web\n"
				  "  security_group_rules:\n"
				  "  - {direction: ingress, protocol: tcp, port_range_min: 80, "
				  "port_range_max: 80, remote_group: clients}\n"
				  "- name: clients\n"
				  "  security_group_rules: [{direction: egress}]\n"
				  "ports:\n"
				  "- name: web\n"
				  "  device: tap-web\n"
				  "  mac_address: fa:16:3e:00:00:01\n"
				  "  fixed_ips: [{ip_address: 192.0.2.1}]\n"
				  "  security_groups: [web]\n";

static void the_policy_becomes_the_file_and_the_file_comes_back(void **state)
{
	struct apitest *test = *state;
	const char *gone = make(test, "security-groups", "{\"security_group\": {\"name\": \"x\"}}");
	json_t *answer = apitest_expect(test, 200, "PUT", "/v2.0/portwall/policy", policy_text);
	char *before, *after;

	assert_string_equal(at(answer, "policy.security_groups.added"), "2");
	assert_string_equal(at(answer, "policy.security_groups.removed"), "2"); /* and default */
	assert_string_equal(at(answer, "policy.ports.added"), "1");
	assert_string_equal(at(answer, "changes.0"),
		"+ IPv4 neutron-openvswi-i0000000-0: allow any from anywhere");
	assert_string_equal(at(answer, "dry_run"), "false");
	json_decref(answer);
	expect_error(test, 404, "SecurityGroupNotFound", "GET",
		with("/v2.0/security-groups/%s", gone), NULL);
	before = apitest_text(test, "GET", "/v2.0/portwall/policy", NULL, NULL);
	assert_memory_equal(before, "security_groups:\n", 17);
	answer = apitest_expect(test, 200, "PUT", "/v2.0/portwall/policy", before);
	assert_string_equal(at(answer, "policy.security_groups.unchanged"), "2");
	assert_string_equal(at(answer, "policy.security_groups.changed"), "0");
	assert_string_equal(at(answer, "policy.ports.unchanged"), "1");
	assert_string_equal(at(answer, "changes.0"), "");
	json_decref(answer);
	after = apitest_text(test, "GET", "/v2.0/portwall/policy", NULL, NULL);
	assert_string_equal(before, after);
	free(before);
	free(after);
}

static void a_dry_run_tells_and_does_nothing(void **state)
{
	struct apitest *test = *state;
	uint64_t revision = test->door->model.revision;
	json_t *answer =
		apitest_expect(test, 200, "PUT", "/v2.0/portwall/policy?dry_run=true", policy_text);

	assert_string_equal(at(answer, "dry_run"), "true");
	assert_string_equal(at(answer, "policy.security_groups.added"), "2");
	assert_string_equal(at(answer, "rules_added"), "3");
	json_decref(answer);
	answer = apitest_expect(test, 200, "POST", "/v2.0/security-groups?dry_run=1",
		"{\"security_group\": {\"name\": \"g\"}}");
	assert_string_equal(at(answer, "portwall.dry_run"), "true");
	assert_string_equal(at(answer, "security_group.id"), "");
	json_decref(answer);
	expect_error(test, 400, "HTTPBadRequest", "POST", "/v2.0/security-groups?dry_run=perhaps",
		"{\"security_group\": {\"name\": \"g\"}}");
	assert_int_equal(test->door->model.revision, revision);
	assert_int_equal(test->engine.n_dry, 2);
	assert_int_equal(test->engine.n_changes, 0);
	assert_int_equal(test->engine.parts.n, 0);
}

static void of_two_that_write_over_the_same_policy_the_second_is_told(void **state)
{
	struct apitest *test = *state;
	unsigned status;

	json_decref(apitest_expect(test, 200, "PUT", "/v2.0/portwall/policy", policy_text));
	json_decref(apitest_call_if(test, "PUT", "/v2.0/portwall/policy", "\"1\"",
		"security_groups: [{name: a}]", &status));
	assert_int_equal(status, 200);
	json_decref(apitest_call_if(test, "PUT", "/v2.0/portwall/policy", "\"1\"",
		"security_groups: [{name: b}]", &status));
	assert_int_equal(status, 412);
}

static void an_error_in_a_policy_file_has_its_place(void **state)
{
	json_t *answer = apitest_expect(*state, 400, "PUT", "/v2.0/portwall/policy",
		"security_groups:\n- name: web\n  security_group_rules: [{direction: in}]\n");

	assert_memory_equal(at(answer, "NeutronError.message"), "policy:3:", 9);
	assert_true(strlen(at(answer, "NeutronError.detail")) > 0);
	json_decref(answer);
}

static void changes_are_sent_on_while_others_are_at_the_engine(void **state)
{
	struct apitest *test = *state;
	struct request *a = apitest_ask(
		test, "POST", "/v2.0/security-groups", "{\"security_group\": {\"name\": \"a\"}}");
	struct request *b = apitest_ask(
		test, "POST", "/v2.0/security-groups", "{\"security_group\": {\"name\": \"b\"}}");
	json_t *answer;

	/* both are stored, and neither is answered */
	assert_int_equal(test->door->model.revision, 2);
	assert_int_equal(a->answer.status, 0);
	assert_int_equal(b->answer.status, 0);
	answer = apitest_expect(test, 200, "GET", "/v2.0/security-groups?name=b", NULL);
	assert_int_equal(json_array_size(json_object_get(answer, "security_groups")), 1);
	json_decref(answer);
	apitest_pump(test);
	assert_int_equal(a->answer.status, 201);
	assert_int_equal(b->answer.status, 201);
	request_free(a);
	request_free(b);
}

static void who_hung_up_is_not_answered_but_the_change_is_made(void **state)
{
	struct apitest *test = *state;
	struct request *request = apitest_ask(
		test, "POST", "/v2.0/security-groups", "{\"security_group\": {\"name\": \"a\"}}");

	request_free(request);
	apitest_pump(test);
	assert_int_equal(test->engine.parts.n, 2); /* a and default */
	assert_int_equal(test->door->engine_revision, 1);
	assert_int_equal(test->door->n_waiting, 0);
}

static void a_silent_engine_is_504_and_the_change_is_stored(void **state)
{
	struct apitest *test = *state;
	struct request *request;
	json_t *answer;

	test->engine.is_silent = true;
	request = apitest_ask(
		test, "POST", "/v2.0/security-groups", "{\"security_group\": {\"name\": \"a\"}}");
	apitest_pump(test);
	assert_int_equal(request->answer.status, 0);
	test->door->now_ms += LIMIT_API_WAIT_S * 1000 + 1;
	door_tick(test->door);
	assert_int_equal(request->answer.status, 504);
	answer = json_loadb(request->answer.body.data, request->answer.body.len, 0, NULL);
	assert_string_equal(at(answer, "NeutronError.type"), "EngineTimeout");
	assert_non_null(strstr(at(answer, "NeutronError.detail"), "revision 1"));
	json_decref(answer);
	request_free(request);
	answer = apitest_expect(test, 503, "GET", "/healthz", NULL);
	assert_non_null(strstr(at(answer, "why"), "has not answered for"));
	json_decref(answer);
	answer = apitest_expect(test, 200, "GET", "/v2.0/security-groups?name=a", NULL);
	assert_int_equal(json_array_size(json_object_get(answer, "security_groups")), 1);
	json_decref(answer);
}

static void with_too_much_before_the_engine_a_change_is_503_and_not_stored(void **state)
{
	struct apitest *test = *state;
	uint64_t revision;

	test->engine.is_silent = true;
	for (size_t i = test->door->engine.n_pending; i < LIMIT_API_WAITING; i++)
		request_free(apitest_ask(test, "GET", "/v2.0/portwall/status", NULL));
	revision = test->door->model.revision;
	expect_error(test, 503, "ServiceUnavailable", "POST", "/v2.0/security-groups",
		"{\"security_group\": {\"name\": \"a\"}}");
	assert_int_equal(test->door->model.revision, revision);
}

static void what_the_engine_refuses_is_stored_told_and_tried_again(void **state)
{
	struct apitest *test = *state;
	const char *id;
	json_t *answer = apitest_expect(test, 503, "POST", "/v2.0/security-groups",
		"{\"security_group\": {\"name\": \"refused\"}}");

	assert_string_equal(at(answer, "NeutronError.type"), "EngineRefused");
	assert_non_null(strstr(at(answer, "NeutronError.message"), "somebody else has the chains"));
	assert_non_null(strstr(at(answer, "NeutronError.detail"), "Stop the other agent."));
	json_decref(answer);
	answer = apitest_expect(test, 503, "GET", "/healthz", NULL);
	assert_non_null(strstr(at(answer, "why"), "somebody else has the chains"));
	json_decref(answer);
	/* Seconds later it is told again, and again refused, and later again. */
	for (uint64_t n = 2; n < 5; n++) {
		test->door->now_ms += 60000;
		door_tick(test->door);
		apitest_pump(test);
		assert_int_equal(test->engine.n_syncs, n);
	}
	answer = apitest_expect(test, 200, "GET", "/v2.0/security-groups?name=refused", NULL);
	id = at(answer, "security_groups.0.id");
	json_decref(
		apitest_expect(test, 204, "DELETE", with("/v2.0/security-groups/%s", id), NULL));
	json_decref(answer);
	test->door->now_ms += 60000;
	door_tick(test->door);
	apitest_pump(test);
	json_decref(apitest_expect(test, 200, "GET", "/healthz", NULL));
	/* a dry run that would be refused is no more than that */
	expect_error(test, 409, "Conflict", "POST", "/v2.0/security-groups?dry_run=true",
		"{\"security_group\": {\"name\": \"refused\"}}");
}

static void status_counters_and_proofs_come_from_the_engine(void **state)
{
	struct apitest *test = *state;
	const char *a = make(test, "ports", "{\"port\": {\"name\": \"a\"}}");
	json_t *answer;

	make(test, "ports", "{\"port\": {\"name\": \"waiting\"}}");
	answer = apitest_expect(test, 200, "GET", "/v2.0/portwall/status", NULL);
	assert_string_equal(at(answer, "kernel_revision"), "2");
	assert_string_equal(at(answer, "revision"), "2");
	assert_string_equal(at(answer, "repaired"), "3");
	assert_int_equal(json_array_size(json_object_get(answer, "ports")), 2);
	json_decref(answer);
	answer = apitest_expect(test, 200, "GET", "/v2.0/portwall/counters", NULL);
	assert_int_equal(json_array_size(json_object_get(answer, "counters")), 8);
	json_decref(answer);
	answer = apitest_expect(test, 200, "GET", with("/v2.0/portwall/counters?port=%s", a), NULL);
	assert_int_equal(json_array_size(json_object_get(answer, "counters")), 4);
	assert_string_equal(at(answer, "counters.0.duty"), "rule");
	assert_string_equal(at(answer, "counters.0.direction"), "ingress");
	assert_string_equal(at(answer, "counters.1.rule_id"), "null");
	json_decref(answer);
	expect_error(test, 404, "PortNotFound", "GET", "/v2.0/portwall/counters?port=x", NULL);
	answer = apitest_expect(test, 200, "GET", "/v2.0/portwall/verify", NULL);
	assert_string_equal(at(answer, "verdict"), "equal");
	json_decref(answer);
	answer = apitest_expect(test, 200, "GET", "/v2.0/portwall/findings", NULL);
	assert_true(json_is_array(json_object_get(answer, "findings")));
	json_decref(answer);
}

static void a_change_and_what_the_engine_says_are_events_and_old_ones_go(void **state)
{
	struct apitest *test = *state;
	struct event_log *log = test->door->events;
	const struct event_entry *entry;
	uint64_t first = log->next;
	struct request *request;

	make(test, "security-groups", "{\"security_group\": {\"name\": \"a\"}}");
	entry = events_get(log, first);
	assert_non_null(strstr(entry->text, "event: change\ndata: {"));
	assert_non_null(strstr(entry->text, "\"revision\":1"));
	assert_non_null(strstr(entry->text, "\"is\":\"created\""));
	test->engine.n_flood = LIMIT_API_EVENTS + 100;
	json_decref(apitest_expect(test, 200, "GET", "/v2.0/portwall/findings", NULL));
	assert_null(events_get(log, first));
	assert_int_equal(log->next - log->first, LIMIT_API_EVENTS);
	assert_true(log->size <= LIMIT_API_EVENT_BYTES);
	entry = events_get(log, log->next - 1);
	assert_non_null(strstr(entry->text, "event: repaired\ndata: {\"subject\":\"filter\","));
	assert_null(events_get(log, log->next));
	/* from the next one on, behind a given one, behind one that has gone */
	request = apitest_ask(test, "GET", "/v2.0/portwall/events", NULL);
	assert_true(request->answer.is_stream);
	assert_int_equal(request->answer.first, log->next);
	request_free(request);
}

/* --- what Prometheus' text format demands --- */

static bool is_metric_name(const char *name, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!strchr("abcdefghijklmnopqrstuvwxyz_", name[i]))
			return false;
	return len > 0;
}

/* One line of a sample: name, labels, value. Returns its series, without the value. */
static char *check_sample(const char *line, const char *family)
{
	size_t name_len = strcspn(line, "{ ");
	const char *value = strrchr(line, ' ') + 1;
	char *end;

	assert_true(is_metric_name(line, name_len));
	assert_memory_equal(line, family, strlen(family));
	if (line[name_len] == '{') {
		const char *c = line + name_len + 1;

		while (*c != '}') {
			size_t label_len = strcspn(c, "=");

			assert_true(is_metric_name(c, label_len));
			c += label_len + 1;
			assert_int_equal(*c++, '"');
			while (*c != '"') {
				assert_true(*c);
				c += *c == '\\' ? 2 : 1;
			}
			c++;
			c += *c == ',';
		}
	}
	strtod(value, &end);
	assert_int_equal(*end, '\0');
	return strndup(line, value - line);
}

static void check_metrics(char *text)
{
	struct arena *arena = arena_new();
	struct map *series = map_new(arena), *families = map_new(arena);
	char family[128] = "", type[32] = "";
	double last_bucket = -1, value;

	for (char *line = strsep(&text, "\n"); text; line = strsep(&text, "\n")) {
		char name[128];

		if (sscanf(line, "# HELP %127s", name) == 1) {
			snprintf(family, sizeof(family), "%s", name);
			assert_null(map_add(families, arena_strdup(arena, name), family));
			last_bucket = -1;
		} else if (sscanf(line, "# TYPE %127s %31s", name, type) == 2) {
			assert_string_equal(name, family);
			assert_true(!strcmp(type, "gauge") || !strcmp(type, "counter") ||
				    !strcmp(type, "histogram"));
			if (!strcmp(type, "counter"))
				assert_string_equal(name + strlen(name) - 6, "_total");
		} else {
			char *key = check_sample(line, family);

			assert_null(map_add(series, key, key));
			arena_adopt(arena, key);
			value = strtod(strrchr(line, ' '), NULL);
			assert_true(value >= 0);
			if (strstr(line, "_bucket{")) {
				assert_true(value >= last_bucket);
				last_bucket = value;
			} else if (strstr(line, "_count "))
				assert_true(value == last_bucket);
		}
	}
	arena_free(arena);
}

static void metrics_are_what_prometheus_reads(void **state)
{
	struct apitest *test = *state;
	struct request *request;
	struct text *body;

	make(test, "ports", "{\"port\": {\"name\": \"a\"}}");
	make(test, "ports", "{\"port\": {\"name\": \"waiting\"}}");
	request = apitest_ask(test, "GET", "/metrics", NULL);
	apitest_pump(test);
	body = &request->answer.body;
	assert_int_equal(request->answer.status, 200);
	assert_non_null(strstr(body->data, "\nportwall_up 1\n"));
	assert_non_null(strstr(body->data, "\nportwall_ports{state=\"active\"} 1\n"));
	assert_non_null(strstr(body->data, "\nportwall_ports{state=\"waiting\"} 1\n"));
	assert_non_null(strstr(body->data, "\nportwall_commit_seconds_bucket{le=\"+Inf\"} 10\n"));
	assert_non_null(strstr(body->data, "\nportwall_commit_seconds_sum 12.345678\n"));
	assert_non_null(strstr(body->data, "\nportwall_store_revision 2\n"));
	/* two lines of one reason are one series */
	assert_non_null(strstr(body->data, ",reason=\"spoof-drop\",direction=\"ingress\","
					   "ethertype=\"IPv4\"} 25\n"));
	assert_non_null(strstr(body->data, ",reason=\"default-drop\","));
	assert_null(strstr(body->data, "reason=\"rule\""));
	assert_int_equal(body->data[body->len - 1], '\n');
	check_metrics(body->data);
	request_free(request);
}

static void the_store_of_somebody_else_is_read_again(void **state)
{
	struct apitest *test = *state;
	const char *id = make(test, "security-groups", "{\"security_group\": {\"name\": \"a\"}}");
	char key[128];
	struct store *store;
	struct err err;
	uint64_t revision;
	struct store_put put = { key, NULL, 0, STORE_ANY };

	snprintf(key, sizeof(key), "/fw/v1/g/%s/r", id);
	assert_true(store_open(test->store_path.data, &store, &err));
	assert_true(store_commit(store, &put, 1, &revision, NULL, &err));
	store_close(&store);
	expect_error(test, 409, "Conflict", "PUT", with("/v2.0/security-groups/%s", id),
		"{\"security_group\": {\"name\": \"b\"}}");
	assert_int_equal(test->engine.n_syncs, 2);
	assert_int_equal(test->engine.parts.n, 1); /* default */
	expect_error(test, 404, "SecurityGroupNotFound", "GET",
		with("/v2.0/security-groups/%s", id), NULL);
}

/* Garbage of what was replaced is left behind: 3,000 changes of a large group need no more memory than one. */
static void changes_without_end_need_no_memory(void **state)
{
	struct apitest *test = *state;
	char name[300];
	const char *id = make(test, "security-groups", "{\"security_group\": {\"name\": \"a\"}}");
	const char *path = with("/v2.0/security-groups/%s", id);

	for (int i = 0; i < 3000; i++) {
		snprintf(name, sizeof(name), "{\"security_group\": {\"description\": \"%0250d\"}}",
			i);
		json_decref(apitest_expect(test, 200, "PUT", path, name));
		assert_true(arena_used(test->door->model.arena) < (size_t)5 * 1024 * 1024);
	}
	assert_int_equal(test->door->model.n[OBJECT_GROUP], 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		API_CASE(the_policy_becomes_the_file_and_the_file_comes_back),
		API_CASE(a_dry_run_tells_and_does_nothing),
		API_CASE(of_two_that_write_over_the_same_policy_the_second_is_told),
		API_CASE(an_error_in_a_policy_file_has_its_place),
		API_CASE(changes_are_sent_on_while_others_are_at_the_engine),
		API_CASE(who_hung_up_is_not_answered_but_the_change_is_made),
		API_CASE(a_silent_engine_is_504_and_the_change_is_stored),
		API_CASE(with_too_much_before_the_engine_a_change_is_503_and_not_stored),
		API_CASE(what_the_engine_refuses_is_stored_told_and_tried_again),
		API_CASE(status_counters_and_proofs_come_from_the_engine),
		API_CASE(a_change_and_what_the_engine_says_are_events_and_old_ones_go),
		API_CASE(metrics_are_what_prometheus_reads),
		API_CASE(the_store_of_somebody_else_is_read_again),
		API_CASE(changes_without_end_need_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
