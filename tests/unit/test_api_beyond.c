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
				(is_list && (route->resource->fields[f].flags & FILTERED)) ||
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		API_CASE(the_description_has_every_route_and_nothing_else),
		API_CASE(the_description_has_every_argument_that_is_taken_and_no_other),
		API_CASE(the_engine_is_asked_about_a_packet_at_a_port),
		API_CASE(a_packet_that_is_none_is_400_with_its_place_and_no_engine_is_asked),
		API_CASE(a_port_that_there_is_not_is_404_and_one_without_interface_409),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
