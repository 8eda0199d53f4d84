// SPDX-License-Identifier: GPL-2.0-or-later
/* Who asks, and what he may. */
#include "api/access.h"

#include <string.h>

#include "api/request.h"
#include "base/limits.h"

const struct identity identity_local = { "local", LOCAL_PROJECT,
	ROLE_READER | ROLE_MEMBER | ROLE_ADMIN };

bool access_assume(
	struct request *request, const char *user, const char *project_id, const char *roles)
{
	request->who = identity_local;
	request->proof = PROOF_LOCAL;
	if (user)
		request->who.user = user;
	if (project_id)
		request->who.project_id = project_id;
	if (project_id && (!*project_id || strlen(project_id) > LIMIT_NAME_LEN)) {
		answer_error(request, 400, "HTTPBadRequest", "Leave it out for your own.",
			"X-Project-Id has 1 to %d characters.", LIMIT_NAME_LEN);
		return false;
	}
	if (!roles || roles_parse(roles, &request->who.roles))
		return true;
	answer_error(request, 400, "HTTPBadRequest", "It takes admin, member and reader.",
		"X-Roles: '%s' are no roles.", roles);
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
