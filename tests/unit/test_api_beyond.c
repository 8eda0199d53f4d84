// SPDX-License-Identifier: GPL-2.0-or-later
/* The door in one process: what Neutron's API does not have. */
#include "unit.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "apitest.h"

static json_t *operation_of(const json_t *description, const struct api_route *route)
{
	char method[8] = "";

	for (size_t i = 0; method_names[route->method][i]; i++)
		method[i] = (char)tolower((unsigned char)method_names[route->method][i]);
	return json_object_get(
		json_object_get(json_object_get(description, "paths"), route->path), method);
}

static void the_description_has_every_route_and_nothing_else(void **state)
{
	static const struct {
		unsigned role;
		const char *name;
	} roles[] = { { 0, "" }, { ROLE_READER, "reader" }, { ROLE_MEMBER, "member" },
		{ ROLE_ADMIN, "admin" } };
	json_t *answer, *item;
	const char *path;
	size_t n = 0;

	((struct apitest *)*state)->who = (struct identity){ "", "", 0 };
	answer = apitest_expect(*state, 200, "GET", "/v2.0/portwall/openapi.json", NULL);
	json_object_foreach(json_object_get(answer, "paths"), path, item) n +=
		json_object_size(item);
	assert_int_equal(n, n_routes);
	for (size_t i = 0; i < n_routes; i++) {
		const json_t *operation = operation_of(answer, &routes[i]);
		size_t r = 0;

		assert_non_null(operation);
		assert_string_equal(at(operation, "summary"), routes[i].words);
		while (roles[r].role != routes[i].role)
			r++;
		assert_string_equal(at(operation, "x-portwall-role"), roles[r].name);
		assert_int_equal(
			json_object_get(operation, "requestBody") != NULL, routes[i].max_body != 0);
	}
	json_decref(answer);
}

static bool has_parameter(const json_t *operation, const char *name)
{
	const json_t *list = json_object_get(operation, "parameters"), *parameter;
	size_t i;

	json_array_foreach(
		list, i, parameter) if (!strcmp(at(parameter, "name"), name)) return true;
	return false;
}

static void the_description_has_every_argument_that_is_taken_and_no_other(void **state)
{
	json_t *answer = apitest_expect(*state, 200, "GET", "/v2.0/portwall/openapi.json", NULL);

	for (size_t i = 0; i < n_routes; i++) {
		const struct api_route *route = &routes[i];
		const json_t *operation = operation_of(answer, route);
		bool is_list = !route->arguments && !strchr(route->path, '{');

		for (size_t a = 0; route->arguments && route->arguments[a]; a++)
			assert_true(has_parameter(operation, route->arguments[a]));
		for (size_t f = 0; route->resource && f < route->resource->n_fields; f++)
			assert_int_equal(has_parameter(operation, route->resource->fields[f].name),
				(is_list && ((route->resource->fields[f].flags & FILTERED) ||
						    !strcmp(route->resource->fields[f].name,
							    "tags"))) ||
					(strchr(route->path, '{') &&
						!strcmp(route->resource->fields[f].name, "id")));
		assert_int_equal(has_parameter(operation, "fields"), !route->arguments);
	}
	json_decref(answer);
}

static const char *make_port(struct apitest *test, const char *name)
{
	return make(test, "ports", with("{\"port\": {\"name\": \"%s\"}}", name));
}

static void the_engine_is_asked_about_a_packet_at_a_port(void **state)
{
	struct apitest *test = *state;
	const char *port = make_port(test, "p");
	json_t *answer = apitest_expect(test, 200, "GET",
		with("/v2.0/ports/%s/explain?packet=icmp 10.0.0.1 "
		     "10.0.0.2&direction=ingress&state=new&from=eth0",
			port),
		NULL);

	assert_string_equal(at(answer, "port"), port);
	assert_string_equal(at(answer, "packet"), "icmp 10.0.0.1 10.0.0.2");
	assert_string_equal(at(answer, "direction"), "ingress");
	assert_string_equal(at(answer, "state"), "new");
	assert_string_equal(at(answer, "from"), "eth0");
	json_decref(answer);
	answer = apitest_expect(test, 200, "GET",
		with("/v2.0/ports/%s/explain?packet=tcp any !10.0.0.0/8:22", port), NULL);
	assert_string_equal(at(answer, "packet"), "tcp any !10.0.0.0/8:22");
	assert_string_equal(at(answer, "direction"), "");
	json_decref(answer);
}

static void a_packet_that_is_none_is_400_with_its_place_and_no_engine_is_asked(void **state)
{
	static const char *const queries[] = { "", "?packet=tcp foo 10.0.0.1", "?packet=\xff",
		"?packet=icmp 10.0.0.1 10.0.0.2&direction=up",
		"?packet=icmp 10.0.0.1 10.0.0.2&nosuch=1" };
	struct apitest *test = *state;
	const char *port = make_port(test, "p");
	uint64_t n = test->engine.n_requests;
	json_t *answer;

	for (size_t i = 0; i < N_OF(queries); i++)
		json_decref(apitest_expect(test, 400, "GET",
			with("/v2.0/ports/%s/explain%s", port, queries[i]), NULL));
	answer = apitest_expect(
		test, 400, "GET", with("/v2.0/ports/%s/explain%s", port, queries[1]), NULL);
	assert_string_equal(at(answer, "NeutronError.message"),
		"\"foo\" is no address\n    tcp foo 10.0.0.1\n        ^");
	assert_true(strlen(at(answer, "NeutronError.detail")) > 0);
	json_decref(answer);
	assert_int_equal(test->engine.n_requests, n);
}

static void a_port_that_there_is_not_is_404_and_one_without_interface_409(void **state)
{
	const char *port = make_port(*state, "waiting");

	expect_error(*state, 404, "PortNotFound", "GET",
		"/v2.0/ports/25252525-2525-4252-8252-252525252525/explain?packet=icmp any any",
		NULL);
	expect_error(*state, 409, "Conflict", "GET",
		with("/v2.0/ports/%s/explain?packet=icmp any any", port), NULL);
}

static void a_dry_run_tells_what_it_would_mean_for_packets(void **state)
{
	static const char *const paths[] = { "portwall.flows.0.source_port",
		"portwall.flows.0.direction", "portwall.flows.1.port_id",
		"portwall.flows.1.destination_port", "portwall.flows_cut",
		"portwall.opens.0.packets.1", "portwall.opens.0.example",
		"portwall.opens.1.example", "portwall.closes.0.direction",
		"portwall.closes.0.example", "portwall.ports_not_told" };
	static const char *const values[] = { "40000", "ingress", "null", "null", "101",
		"IPv6 proto tcp", "tcp 192.0.2.1:1 192.0.2.2:22", "", "egress", "null", "3" };
	json_t *answer = apitest_expect(*state, 200, "POST", "/v2.0/security-groups?dry_run=true",
		"{\"security_group\": {\"name\": \"g\"}}");

	for (size_t i = 0; i < N_OF(paths); i++)
		assert_string_equal(at(answer, paths[i]), values[i]);
	json_decref(answer);
	answer = apitest_expect(*state, 200, "PUT", "/v2.0/portwall/policy", "{}");
	assert_null(json_object_get(answer, "flows"));
	json_decref(answer);
}

#define COUNTED "11111111-2222-4333-8444-555555555555" /* fakeengine.c */

/* A group with the rule that the engine tells of, and n ports that have it. */
static void put_counted(struct apitest *test, int n)
{
	struct text policy CLEANUP(text_done) = TEXT_INIT;

	text_add(&policy,
		"security_groups:\n- name: g\n  security_group_rules:\n"
		"  - {id: " COUNTED ", direction: ingress}\n  - {direction: egress}\nports:\n");
	for (int i = 0; i < n; i++)
		text_addf(&policy,
			"- {name: p%d, mac_address: 'fa:16:3e:00:00:%02x', security_groups: [g]}\n",
			i, i);
	json_decref(apitest_expect(test, 200, "PUT", "/v2.0/portwall/policy", policy.data));
}

static void rules_are_shown_with_what_all_ports_counted(void **state)
{
	struct apitest *test = *state;
	json_t *answer;

	put_counted(test, 3);
	answer = apitest_expect(
		test, 200, "GET", "/v2.0/security-group-rules?direction=ingress", NULL);
	assert_string_equal(at(answer, "security_group_rules.0.portwall:packets"), "30");
	assert_string_equal(at(answer, "security_group_rules.0.portwall:bytes"), "3000");
	json_decref(answer);
	answer = apitest_expect(
		test, 200, "GET", "/v2.0/security-group-rules?direction=egress", NULL);
	assert_string_equal(at(answer, "security_group_rules.0.portwall:packets"), "0");
	json_decref(answer);
	answer = apitest_expect(test, 200, "GET", "/v2.0/security-group-rules/" COUNTED, NULL);
	assert_string_equal(at(answer, "security_group_rule.portwall:packets"), "30");
	json_decref(answer);
}

static void who_wants_no_counters_costs_the_engine_nothing(void **state)
{
	static const char *const paths[] = { "/v2.0/security-group-rules?fields=id&fields=protocol",
		"/v2.0/security-group-rules/" COUNTED "?fields=id", "/v2.0/security-groups",
		"/v2.0/security-groups?fields=security_group_rules" };
	struct apitest *test = *state;
	uint64_t n;

	put_counted(test, 1);
	/* the first who looks for groups gets a default */
	json_decref(apitest_expect(test, 200, "GET", "/v2.0/security-groups", NULL));
	test->door->now_ms += 60000;
	n = test->engine.n_requests;
	for (size_t i = 0; i < N_OF(paths); i++)
		json_decref(apitest_expect(test, 200, "GET", paths[i], NULL));
	assert_int_equal(test->engine.n_requests, n);
	json_decref(apitest_expect(test, 200, "GET",
		"/v2.0/security-group-rules?fields=id&fields=portwall:bytes", NULL));
	assert_int_equal(test->engine.n_requests, n + 1);
	put_counted(test, 0);
	test->door->now_ms += 60000;
	n = test->engine.n_requests;
	json_decref(apitest_expect(test, 200, "GET", "/v2.0/security-group-rules", NULL));
	assert_int_equal(test->engine.n_requests, n);
}

static void the_engine_is_asked_once_for_all_who_list_rules_at_a_time(void **state)
{
	struct apitest *test = *state;
	struct request *requests[5];
	uint64_t n;

	put_counted(test, 1);
	n = test->engine.n_requests;
	for (size_t i = 0; i < N_OF(requests); i++)
		requests[i] = apitest_ask(test, "GET", "/v2.0/security-group-rules", NULL);
	/* one who no longer waits */
	request_free(requests[2]);
	apitest_pump(test);
	assert_int_equal(test->engine.n_requests, n + 1);
	for (size_t i = 0; i < N_OF(requests); i++) {
		if (i == 2)
			continue;
		assert_int_equal(requests[i]->answer.status, 200);
		assert_non_null(strstr(requests[i]->answer.body.data, "\"portwall:packets\":10,"));
		request_free(requests[i]);
	}
	test->door->now_ms += 150;
	json_decref(apitest_expect(test, 200, "GET", "/v2.0/security-group-rules", NULL));
	assert_int_equal(test->engine.n_requests, n + 1);
	test->door->now_ms += 100;
	json_decref(apitest_expect(test, 200, "GET", "/v2.0/security-group-rules", NULL));
	assert_int_equal(test->engine.n_requests, n + 2);
}

/* However long it took: else a host of many ports would do nothing but count. */
static void the_engine_is_not_asked_again_before_as_long_as_it_took(void **state)
{
	struct apitest *test = *state;
	struct request *request;
	uint64_t n;

	put_counted(test, 1);
	request = apitest_ask(test, "GET", "/v2.0/security-group-rules", NULL);
	test->door->now_ms += 1500;
	apitest_pump(test);
	assert_int_equal(request->answer.status, 200);
	request_free(request);
	n = test->engine.n_requests;
	test->door->now_ms += 1400;
	json_decref(apitest_expect(test, 200, "GET", "/v2.0/security-group-rules", NULL));
	assert_int_equal(test->engine.n_requests, n);
	test->door->now_ms += 200;
	json_decref(apitest_expect(test, 200, "GET", "/v2.0/security-group-rules", NULL));
	assert_int_equal(test->engine.n_requests, n + 1);
}

static void rules_of_a_busy_engine_have_no_counters_and_a_new_rule_has_none_yet(void **state)
{
	struct apitest *test = *state;
	struct request *request;
	json_t *answer;
	const char *group;

	put_counted(test, 1);
	answer = apitest_expect(test, 200, "GET", "/v2.0/security-group-rules", NULL);
	json_decref(answer);
	group = make(test, "security-groups", "{\"security_group\": {\"name\": \"n\"}}");
	answer = apitest_expect(test, 200, "GET",
		with("/v2.0/security-group-rules?security_group_id=%s", group), NULL);
	assert_string_equal(at(answer, "security_group_rules.0.portwall:packets"), "null");
	json_decref(answer);
	test->engine.is_silent = true;
	test->door->now_ms += 60000;
	request = apitest_ask(test, "GET", "/v2.0/security-group-rules", NULL);
	apitest_pump(test);
	assert_int_equal(request->answer.status, 0);
	test->door->now_ms += test->door->times.state_s * 1000;
	door_tick(test->door);
	assert_int_equal(request->answer.status, 200);
	assert_non_null(strstr(request->answer.body.data, "\"portwall:packets\":null"));
	assert_null(strstr(request->answer.body.data, "\"portwall:packets\":1"));
	request_free(request);
}

/* Seconds go by, with all that falls due. */
static void pass_time(struct apitest *test, unsigned seconds)
{
	for (unsigned i = 0; i < 10 * seconds; i++) {
		test->door->now_ms += 100;
		door_tick(test->door);
		apitest_pump(test);
	}
}

/* The last event, if it is one of those, as JSON; NULL: it is another one. */
static json_t *last_event(const struct apitest *test, const char *what)
{
	const struct event_entry *entry =
		events_get(test->door->events, test->door->events->next - 1);
	const char *data = entry ? strstr(entry->text, "data: ") : NULL;

	return data && strstr(entry->text, with("event: %s\n", what))
		       ? json_loads(data + strlen("data: "), JSON_DISABLE_EOF_CHECK, NULL)
		       : NULL;
}

static void drops_are_told_while_somebody_reads_events(void **state)
{
	struct apitest *test = *state;
	uint64_t next;
	json_t *event;

	put_counted(test, 2);
	test->door->n_streams = 1;
	pass_time(test, 3);
	next = test->door->events->next;
	pass_time(test, 3);
	assert_int_equal(test->door->events->next, next);
	test->engine.n_dropped = 5;
	pass_time(test, 3);
	/* one for each port, once */
	assert_int_equal(test->door->events->next, next + 2);
	event = last_event(test, "drop");
	assert_non_null(event);
	assert_string_equal(at(event, "drops.0.kind"), "default-drop");
	assert_string_equal(at(event, "drops.0.direction"), "ingress");
	assert_string_equal(at(event, "drops.0.packets"), "5");
	assert_string_equal(at(event, "drops.0.bytes"), "500");
	assert_string_equal(at(event, "drops.1.kind"), "");
	assert_int_equal(strlen(at(event, "port_id")), 36);
	json_decref(event);
	/* lines that were written anew count from nothing */
	test->engine.n_dropped = 0;
	pass_time(test, 3);
	event = last_event(test, "drop");
	assert_string_equal(at(event, "drops.0.packets"), "11");
	json_decref(event);
}

static void what_nobody_reads_is_not_looked_for(void **state)
{
	struct apitest *test = *state;
	uint64_t next, n;

	put_counted(test, 2);
	n = test->engine.n_requests;
	pass_time(test, 4);
	assert_int_equal(test->engine.n_requests, n + 1); /* its state */
	test->door->n_streams = 1;
	pass_time(test, 2);
	assert_true(test->engine.n_requests > n + 2);
	test->door->n_streams = 0;
	pass_time(test, 2);
	test->engine.n_dropped = 5;
	next = test->door->events->next;
	/* whoever comes then is told of what comes then */
	test->door->n_streams = 1;
	pass_time(test, 2);
	assert_int_equal(test->door->events->next, next);
	test->engine.n_dropped = 6;
	pass_time(test, 2);
	assert_int_equal(test->door->events->next, next + 2);
}

static void an_engine_that_takes_long_is_not_looked_at_all_the_time(void **state)
{
	struct apitest *test = *state;
	uint64_t n;

	put_counted(test, 1);
	test->door->n_streams = 1;
	door_tick(test->door);
	test->door->now_ms += 2000;
	apitest_pump(test);
	n = test->engine.n_requests;
	/* 18 s: only its state is asked for meanwhile */
	pass_time(test, 17);
	assert_in_range(test->engine.n_requests, n, n + 4);
	pass_time(test, 2);
	assert_true(test->engine.n_requests >= n + 5);
}

static void findings_that_come_and_go_are_told(void **state)
{
	static const char both[] =
		"{\"findings\":[{\"id\":\"nat-source.br0\",\"severity\":\"broken\",\"title\":"
		"\"somebody masquerades\"},{\"id\":\"mtu\",\"severity\":\"risk\",\"title\":"
		"\"too small\"}]}";
	static const char one[] = "{\"findings\":[{\"id\":\"mtu\",\"severity\":\"risk\",\"title\":"
				  "\"too small\"}]}";
	struct apitest *test = *state;
	uint64_t next;
	json_t *event;

	put_counted(test, 1);
	test->door->n_streams = 1;
	test->engine.findings = one;
	next = test->door->events->next;
	pass_time(test, 12);
	assert_int_equal(test->door->events->next, next);
	test->engine.findings = both;
	pass_time(test, 12);
	assert_int_equal(test->door->events->next, next + 1);
	event = last_event(test, "finding");
	assert_string_equal(at(event, "subject"), "nat-source.br0");
	assert_string_equal(at(event, "is"), "new");
	assert_string_equal(at(event, "severity"), "broken");
	assert_string_equal(at(event, "text"), "somebody masquerades");
	json_decref(event);
	test->engine.findings = "no JSON";
	pass_time(test, 12);
	test->engine.findings = one;
	pass_time(test, 12);
	assert_int_equal(test->door->events->next, next + 2);
	event = last_event(test, "finding");
	assert_string_equal(at(event, "is"), "gone");
	json_decref(event);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		API_CASE(the_description_has_every_route_and_nothing_else),
		API_CASE(the_description_has_every_argument_that_is_taken_and_no_other),
		API_CASE(the_engine_is_asked_about_a_packet_at_a_port),
		API_CASE(a_packet_that_is_none_is_400_with_its_place_and_no_engine_is_asked),
		API_CASE(a_port_that_there_is_not_is_404_and_one_without_interface_409),
		API_CASE(a_dry_run_tells_what_it_would_mean_for_packets),
		API_CASE(rules_are_shown_with_what_all_ports_counted),
		API_CASE(who_wants_no_counters_costs_the_engine_nothing),
		API_CASE(the_engine_is_asked_once_for_all_who_list_rules_at_a_time),
		API_CASE(the_engine_is_not_asked_again_before_as_long_as_it_took),
		API_CASE(rules_of_a_busy_engine_have_no_counters_and_a_new_rule_has_none_yet),
		API_CASE(drops_are_told_while_somebody_reads_events),
		API_CASE(what_nobody_reads_is_not_looked_for),
		API_CASE(an_engine_that_takes_long_is_not_looked_at_all_the_time),
		API_CASE(findings_that_come_and_go_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
