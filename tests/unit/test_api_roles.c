// SPDX-License-Identifier: GPL-2.0-or-later
/* Each route of the table, asked by each kind of who asks: what is in the table is what is answered. */
#include "unit.h"

#include <string.h>

#include "apitest.h"

static const struct {
	const char *name;
	struct identity who;
} askers[] = {
	{ "nobody", { "", "", 0 } },
	{ "a reader", { "r", "one", ROLE_READER } },
	{ "a member", { "m", "one", ROLE_READER | ROLE_MEMBER } },
	{ "an admin", { "a", "one", ROLE_READER | ROLE_MEMBER | ROLE_ADMIN } },
};

/*
 * What each route is for, said a second time on purpose: a route that is new, or whose role has changed, fails here until somebody has
 * thought about who may ask it. In the order of the paths; what looks at all projects, or at the host, is the admin's.
 */
static const struct {
	const char *path;
	unsigned get, post, put, delete; /* N: there is none */
} expected[] = {
#define N 99
#define COLLECTION(path)                                                                           \
	{ path, ROLE_READER, ROLE_MEMBER, N, N },                                                  \
	{                                                                                          \
		path "/{id}", ROLE_READER, N, ROLE_MEMBER, ROLE_MEMBER                             \
	}
	{ "/", 0, N, N, N },
	{ "/healthz", 0, N, N, N },
	{ "/metrics", ROLE_ADMIN, N, N, N },
	{ "/v2.0", ROLE_READER, N, N, N },
	COLLECTION("/v2.0/security-groups"),
	COLLECTION("/v2.0/security-group-rules"),
	COLLECTION("/v2.0/address-groups"),
	COLLECTION("/v2.0/ports"),
	{ "/v2.0/portwall/policy", ROLE_ADMIN, N, ROLE_ADMIN, N },
	{ "/v2.0/portwall/status", ROLE_ADMIN, N, N, N },
	{ "/v2.0/portwall/counters", ROLE_ADMIN, N, N, N },
	{ "/v2.0/portwall/verify", ROLE_ADMIN, N, N, N },
	{ "/v2.0/portwall/findings", ROLE_ADMIN, N, N, N },
	{ "/v2.0/portwall/events", ROLE_ADMIN, N, N, N },
	{ "/v2.0/portwall/tokens", N, ROLE_READER, N, ROLE_READER },
};

static unsigned role_expected(const struct api_route *route)
{
	for (size_t i = 0; i < N_OF(expected); i++) {
		const unsigned roles[] = { expected[i].get, expected[i].post, expected[i].put,
			expected[i].delete };

		if (!strcmp(expected[i].path, route->path))
			return roles[route->method];
	}
	return N;
}

static void each_route_has_the_role_that_somebody_thought_of(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_routes; i++)
		if (routes[i].role != role_expected(&routes[i]))
			fail_msg("%s %s takes role %u; if that is meant, say so in expected[]",
				method_names[routes[i].method], routes[i].path, routes[i].role);
}

static struct request *ask(struct apitest *test, const struct api_route *route, const char *path,
	const struct identity *who)
{
	struct request *request = request_new(test->door, route->method, path);

	request->who = *who;
	if (route_find(request) && access_check(request))
		route_handle(request);
	apitest_pump(test);
	return request;
}

static void who_has_not_the_role_is_refused_and_who_has_it_is_not(void **state)
{
	struct apitest *test = *state;

	for (size_t i = 0; i < n_routes; i++) {
		const struct api_route *route = &routes[i];
		char path[256];
		const char *id = strstr(route->path, "{id}");

		snprintf(path, sizeof(path), "%.*s%s",
			(int)(id ? (size_t)(id - route->path) : strlen(route->path)), route->path,
			id ? "00000000-0000-4000-8000-000000000001" : "");
		for (size_t a = 0; a < N_OF(askers); a++) {
			struct request *request = ask(test, route, path, &askers[a].who);
			unsigned status = request->answer.status,
				 missing = route->role & ~askers[a].who.roles,
				 wanted = !missing		? 0
					  : askers[a].who.roles ? 403
								: 401;

			/* a token is not given to who has not said a password: that is no matter of roles */
			if (!missing && strstr(route->path, "/tokens"))
				wanted = 403;
			if (wanted ? status != wanted : status == 401 || status == 403)
				fail_msg("%s %s by %s: %u, wanted %u", method_names[route->method],
					route->path, askers[a].name, status, wanted);
			if (wanted == 401 || wanted == 403)
				assert_non_null(strstr(request->answer.body.data, "NeutronError"));
			request_free(request);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_route_has_the_role_that_somebody_thought_of),
		API_CASE(who_has_not_the_role_is_refused_and_who_has_it_is_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
