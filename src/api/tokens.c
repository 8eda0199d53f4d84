// SPDX-License-Identifier: GPL-2.0-or-later
/* Short-lived tokens: for whoever would rather not send his password with each request. */
#include "api/credentials.h"

void token_create(struct request *request)
{
	char token[TOKEN_LEN + 1];

	/* A token that makes tokens would never end. */
	if (request->proof != PROOF_PASSWORD) {
		answer_error(request, 403, "PolicyNotAuthorized",
			request->proof == PROOF_LOCAL
				? "Here everything is allowed without one."
				: "Ask with a name and its password (Authorization: Basic).",
			"A token is given for a password.");
		return;
	}
	credentials_begin_session(request, token);
	answer_json(request, 201,
		json_pack("{s:{s:s, s:i, s:s, s:s, s:s}}", "token", "id", token, "expires_in",
			LIMIT_SESSION_S, "user", request->who.user, "project_id",
			request->who.project_id, "role", roles_name(request->who.roles)));
	secret_wipe(token, sizeof(token));
}

void token_delete(struct request *request)
{
	if (request->proof != PROOF_SESSION) {
		answer_error(request, 403, "PolicyNotAuthorized",
			"Ask with the token that is to end (X-Auth-Token); one that portwall user "
			"made ends with portwall user token NAME LABEL --revoke.",
			"The request was not made with a token of this path.");
		return;
	}
	credentials_end_session(request);
	request->answer.status = 204;
}
