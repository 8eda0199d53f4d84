/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef API_CREDENTIALS_H
#define API_CREDENTIALS_H

#include "api/request.h"
#include "users/users.h"

/*
 * Who asks over TCP: a name and a password, a token of the users' file, or a short-lived one that was given for a password. Nobody
 * outside this folder includes it.
 *
 * A password takes too long for the loop. It is looked at in another process (verifier.c), one after the other, and the request
 * waits; who was right is remembered, so that his next request costs a hash. Like the door this is a value without sockets: run.c
 * carries the tasks, tests and the fuzzer answer them themselves.
 */
struct credentials;

/* The file is read as whoever calls, and later, when it has changed, as whoever the process is then. */
bool credentials_open(const char *users_path, const struct secret_owner *owner,
	struct credentials **ret, struct err *err);
void credentials_close(struct credentials **credentials); /* for CLEANUP */

enum who {
	WHO_IS_KNOWN,	/* request->who is set, to nobody when nothing was said */
	WHO_IS_ASKED,	/* the request waits, and is known or refused when it is finished */
	WHO_IS_REFUSED, /* answered: 401, 429 */
};
/* By the headers Authorization and X-Auth-Token; NULL: there is none. Wrong ones are refused where a role is needed, and ignored where not. */
enum who credentials_ask(struct request *request, const char *authorization, const char *token);
/* The request goes: what it waits for is not worth a processor any more. */
void credentials_forget(struct request *request);

/* What the other process is to look at. One at a time, so that a socket's buffer always takes it. */
struct verifier_task {
	char hash
		[PASSWORD_HASH_SIZE]; /* "": there is no such user, or he has no password; that costs the same */
	char password[LIMIT_PASSWORD_LEN + 1];
};
/* NULL: none, or one is under way. It is to be wiped by credentials_sent. */
const struct verifier_task *credentials_task(struct credentials *credentials);
void credentials_sent(struct credentials *credentials);
void credentials_answered(struct door *door, bool matches);

/* tokens.c's: a short-lived token for who has said his password. */
void credentials_begin_session(struct request *request, char ret[TOKEN_LEN + 1]);
/* Ends the one that the request came with. */
void credentials_end_session(struct request *request);
size_t credentials_n_sessions(const struct credentials *credentials);
size_t credentials_n_logins(const struct credentials *credentials);

#endif
