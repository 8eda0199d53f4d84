// SPDX-License-Identifier: GPL-2.0-or-later
/* Who asks, and what he may. */
#include "api/access.h"

#include <string.h>
#include <strings.h>

#include "api/request.h"
#include "base/limits.h"

const struct identity identity_local = { "local", LOCAL_PROJECT,
	ROLE_READER | ROLE_MEMBER | ROLE_ADMIN };

bool is_project_id(const char *text)
{
	size_t size = strlen(text);
	json_t *string = json_string(text);

	json_decref(string);
	return string && size && size <= LIMIT_NAME_LEN;
}

bool access_assume(
	struct request *request, const char *user, const char *project_id, const char *roles)
{
	request->who = identity_local;
	request->proof = PROOF_LOCAL;
	if (user)
		request->who.user = user;
	if (project_id)
		request->who.project_id = project_id;
	if (project_id && !is_project_id(project_id)) {
		answer_error(request, 400, "HTTPBadRequest", "Leave it out for your own.",
			"X-Project-Id has 1 to %d bytes of UTF-8.", LIMIT_NAME_LEN);
		return false;
	}
	if (!roles || roles_parse(roles, &request->who.roles))
		return true;
	answer_error(request, 400, "HTTPBadRequest", "It takes admin, member and reader.",
		"X-Roles: '%s' are no roles.", roles);
	return false;
}

/* "localhost:9696", "127.0.0.1", "[::1]:9696": a name that only this host has, so that nobody else's page can be behind it. */
static bool is_loopback_host(const char *host)
{
	size_t len = *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");
	static const char *const names[] = { "localhost", "[::1]" };

	if (text_has_prefix(host, "127.") && strspn(host, "0123456789.") == len)
		return true;
	for (size_t i = 0; i < N_OF(names); i++)
		if (len == strlen(names[i]) && !strncasecmp(host, names[i], len))
			return true;
	return false;
}

bool access_check_origin(
	struct request *request, const char *origin, const char *host, bool is_open)
{
	if (origin) {
		answer_error(request, 403, "OriginRefused",
			"Ask without the header Origin: this API is for programs.",
			"A page of a browser may not ask.");
		return false;
	}
	if (!is_open || !host || is_loopback_host(host))
		return true;
	answer_error(request, 403, "OriginRefused",
		"Ask for http://127.0.0.1, http://[::1] or http://localhost; another name takes a "
		"listener with credentials.",
		"'%s' is no name of loopback.", host);
	return false;
}

bool is_admin(const struct request *request)
{
	return request->who.roles & ROLE_ADMIN;
}

bool access_check(struct request *request)
{
	const struct api_route *route = request->route;

	if ((request->who.roles & route->role) == route->role)
		return true;
	if (!request->who.roles)
		answer_error(request, 401, "HTTPUnauthorized", "",
			"The request you have made requires authentication.");
	else
		answer_error(request, 403, "PolicyNotAuthorized",
			arena_printf(
				request->arena, "It takes the role %s.", roles_name(route->role)),
			"%s %s is disallowed by policy", method_names[request->method],
			request->path);
	return false;
}
