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

int main(void)
{
	const struct CMUnitTest tests[] = {
		API_CASE(the_description_has_every_route_and_nothing_else),
		API_CASE(the_description_has_every_argument_that_is_taken_and_no_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
