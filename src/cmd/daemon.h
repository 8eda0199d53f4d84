/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CMD_DAEMON_H
#define CMD_DAEMON_H

#include "api/client.h"
#include "cmd/cmd.h"

/*
 * The service of this namespace (portwall serve), for commands that ask it when it runs. It is looked for at the socket that
 * PORTWALL_SOCKET names, or else at the default one, and counts only if it is in the caller's network namespace.
 */
const char *daemon_socket(void);
/* *ret is NULL where there is none. */
bool daemon_open(struct api_client **ret, struct err *err);
/* Says that there is none, and what to do. */
bool daemon_refuse_absent(struct err *err);
/* An answer's body as JSON, to be given back with json_decref; an empty object for none. An answer that is an error is one. */
bool daemon_take(unsigned status, const struct text *answer, json_t **ret, struct err *err);
/* A request that has to succeed. */
bool daemon_ask(struct api_client *client, const char *method, const char *path, const char *body,
	size_t size, json_t **ret, struct err *err);

/* The policy that holds here: the service's, or the one that was applied last. */
bool daemon_policy(struct arena *arena, const struct policy **ret, struct err *err);
/* apply, through the service: prints what became of it. */
bool daemon_apply(struct invocation *inv, struct api_client *client, const struct text *policy,
	struct err *err);

/* Of what became of a change, with its "failures" and "changes": ports that are closed by it, and what is written. */
void daemon_add_failures(const struct invocation *inv, struct text *out, const json_t *answer);
void daemon_add_changes(const struct invocation *inv, struct text *out, const json_t *answer);

long long daemon_number(const json_t *answer, const char *key); /* 0: it is not there */
const char *daemon_word(const json_t *answer, const char *key); /* "": it is not there */

#endif
