// SPDX-License-Identifier: GPL-2.0-or-later
#include "api/credentials.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct request *request_new(struct door *door, enum method method, const char *path)
{
	struct arena *arena = arena_new();
	struct request *request = arena_new_one(arena, struct request);

	request->arena = arena;
	request->door = door;
	request->method = method;
	request->path = arena_strdup(arena, path);
	request->peer = "";
	request->body = (struct text)TEXT_INIT;
	request->answer.body = (struct text)TEXT_INIT;
	return request;
}

static void stop_waiting(struct request *request)
{
	struct door *door = request->door;

	if (request->pending)
		request->pending->request = NULL;
	request->pending = NULL;
	if (!request->waiting_at)
		return;
	*request->waiting_at = request->next_waiting;
	if (request->next_waiting)
		request->next_waiting->waiting_at = request->waiting_at;
	request->waiting_at = NULL;
	door->n_waiting--;
}

void request_free(struct request *request)
{
	if (!request)
		return;
	credentials_forget(request);
	stop_waiting(request);
	json_decref(request->kept);
	text_done(&request->body);
	text_done(&request->answer.body);
	arena_free(request->arena);
}

const char *request_argument(const struct request *request, const char *key)
{
	vec_for_each (argument, &request->arguments)
		if (!strcmp(argument->key, key))
			return argument->value;
	return NULL;
}

const char *request_origin(const struct request *request)
{
	return arena_printf(request->arena, "%s://%s", request->is_secret ? "https" : "http",
		request->host ? request->host : "localhost");
}

bool request_flag(struct request *request, const char *key, bool *ret)
{
	const char *value = request_argument(request, key);

	if (!value)
		return true;
	if (!strcmp(value, "true") || !strcmp(value, "1") || !*value) {
		*ret = true;
		return true;
	}
	if (!strcmp(value, "false") || !strcmp(value, "0")) {
		*ret = false;
		return true;
	}
	answer_error(request, 400, "HTTPBadRequest", "Write true or false.",
		"Invalid input for %s. Reason: '%s' is neither true nor false.", key, value);
	return false;
}

bool request_may_wait(struct request *request)
{
	struct door *door = request->door;

	/* Requests that were given up count: the engine still has them before it. */
	if (door->engine.n_pending < LIMIT_API_WAITING)
		return true;
	answer_error(request, 503, "ServiceUnavailable",
		"Try again when it has caught up; GET /healthz tells.",
		"The engine has %zu requests before it.", door->engine.n_pending);
	request->answer.retry_after_s = 5;
	return false;
}

void request_wait(struct request *request, unsigned wait_s)
{
	struct door *door = request->door;

	request->give_up_ms = door->now_ms + wait_s * 1000ULL;
	if (request->waiting_at)
		return;
	request->next_waiting = door->waiting;
	request->waiting_at = &door->waiting;
	if (door->waiting)
		door->waiting->waiting_at = &request->next_waiting;
	door->waiting = request;
	door->n_waiting++;
}

void request_finish(struct request *request)
{
	struct door *door = request->door;
	bool has_waited = request->waiting_at != NULL;

	stop_waiting(request);
	if (has_waited && door->answered)
		door->answered(door->data, request);
}
