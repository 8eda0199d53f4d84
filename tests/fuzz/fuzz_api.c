// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A request to the door, without its sockets: a first line "METHOD PATH?ARGUMENTS", lines "Header: value", an empty line, the body.
 * Whatever it is, it is answered, never with a fault of the door's own; what it changed is in memory as in the store and in the engine; and
 * afterwards everything is as it was before it, for the next one.
 */
#include "fuzz.h"

#include <dirent.h>
#include <string.h>
#include <unistd.h>

#include "api/documents.h"
#include "fakeengine.h"

static const char first_policy[] =
	"security_groups:\n"
	"- id: 11111111-1111-4111-8111-111111111111\n"
	"  name: web\n"
	"  security_group_rules:\n"
	"  - {id: 22222222-2222-4222-8222-222222222222, direction: ingress, protocol: tcp,\n"
	"     port_range_min: 80, port_range_max: 80, remote_group: db}\n"
	"- {id: 33333333-3333-4333-8333-333333333333, name: db, stateful: false}\n"
	"- {id: 44444444-4444-4444-8444-444444444444, name: default}\n"
	"address_groups:\n"
	"- {id: 55555555-5555-4555-8555-555555555555, name: net, addresses: [192.0.2.0/24]}\n"
	"ports:\n"
	"- {id: 66666666-6666-4666-8666-666666666666, name: a, device: tap0,\n"
	"   mac_address: fa:16:3e:00:00:01, fixed_ips: [{ip_address: 192.0.2.7}],\n"
	"   security_groups: [web]}\n";

static char folder[] = "/tmp/portwall-fuzz-api-XXXXXX";
static struct door *door;
static struct fake_engine engine;

static void pump(void)
{
	struct err err;

	while (door->engine.out.len) {
		fake_engine_take(&engine, door->engine.out.data, door->engine.out.len);
		text_clear(&door->engine.out);
		fuzz_check(engine_take(door, engine.out.data, engine.out.len, &err));
		text_clear(&engine.out);
	}
}

static struct request *ask(enum method method, const char *path, const char *body, size_t size)
{
	struct request *request = request_new(door, method, path);

	request->who = identity_local;
	text_add_n(&request->body, body, size);
	if (route_find(request) && access_check(request))
		route_handle(request);
	pump();
	return request;
}

static void put_first_policy(void)
{
	struct request *request =
		ask(METHOD_PUT, "/v2.0/portwall/policy", first_policy, strlen(first_policy));

	fuzz_check(request->answer.status == 200);
	request_free(request);
}

static void close_door(void)
{
	static const char *const names[] = { "store.db", "store.db-wal", "store.db-shm" };
	char path[128];

	door_close(&door);
	fake_engine_done(&engine);
	for (size_t i = 0; i < N_OF(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		unlink(path);
	}
	rmdir(folder);
}

static void open_door(void)
{
	char path[128];
	struct err err;

	fuzz_check(mkdtemp(folder));
	atexit(close_door);
	snprintf(path, sizeof(path), "%s/store.db", folder);
	fuzz_check(door_open(path, "compute1", &door, &err));
	fake_engine_init(&engine);
	engine.is_kind = true;
	pump();
	put_first_policy();
}

/* As libmicrohttpd gives it: texts without NUL. */
static char *take_until(char **at, const char *ends)
{
	char *begin = *at;

	*at += strcspn(*at, ends);
	if (**at)
		*(*at)++ = '\0';
	return begin;
}

static void add_arguments(struct request *request, char *query)
{
	while (*query) {
		char *value = take_until(&query, "&"), *key = take_until(&value, "=");

		*vec_push(&request->arguments, request->arena) =
			(struct argument){ arena_strdup(request->arena, key),
				arena_strdup(request->arena, value) };
	}
}

static struct request *read_request(char *text, size_t size)
{
	const char *end = text + size;
	char *line = take_until(&text, "\n"), *name = take_until(&line, " ");
	char *path = take_until(&line, "?");
	enum method method = METHOD_GET;
	struct request *request;

	while (method < N_METHODS && strcmp(name, method_names[method]) != 0)
		method++;
	request = request_new(door, method, path);
	request->who = identity_local;
	add_arguments(request, line);
	while (text < end && *text != '\n') {
		char *value = take_until(&text, "\n"), *header = take_until(&value, ":");

		value += strspn(value, " ");
		if (!strcmp(header, "If-Match"))
			request->if_match = arena_strdup(request->arena, value);
		if (!strcmp(header, "Last-Event-ID"))
			request->last_event_id = arena_strdup(request->arena, value);
		if (!strcmp(header, "Host"))
			request->host = arena_strdup(request->arena, value);
	}
	if (text < end)
		text++;
	if (text < end)
		text_add_n(&request->body, text, (size_t)(end - text));
	return request;
}

/* The store, read anew, is what is in memory; the engine has as many parts. */
static void check_state(void)
{
	struct arena *scratch = arena_new();
	struct model stored = { 0 };
	struct err err;
	size_t n = 0;

	fuzz_check(model_load(&stored, door->store, &err));
	fuzz_check(stored.revision == door->model.revision);
	for (int kind = 0; kind < N_PART_KINDS; kind++) {
		n += stored.n[kind];
		fuzz_check(stored.n[kind] == door->model.n[kind]);
		for (size_t i = 0; i < stored.n[kind]; i++)
			fuzz_check(!strcmp(part_text(scratch, &stored.objects[kind][i].part),
				part_text(scratch, &door->model.objects[kind][i].part)));
	}
	fuzz_check(engine.parts.n == n && engine.revision == door->model.revision);
	model_done(&stored);
	arena_free(scratch);
}

static void check_answer(const struct request *request)
{
	const struct answer *answer = &request->answer;
	json_t *json;

	fuzz_check(answer->status >= 200 && answer->status < 500);
	fuzz_check((answer->status == 405) == (answer->allow != NULL));
	if (!answer->content_type || strcmp(answer->content_type, "application/json") != 0)
		return;
	json = json_loadb(answer->body.data, answer->body.len, JSON_ALLOW_NUL, NULL);
	fuzz_check(answer->status == 204 ? !json : json != NULL);
	if (answer->status >= 400)
		fuzz_check(json_string_length(
			json_object_get(json_object_get(json, "NeutronError"), "message")));
	json_decref(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct request *request;
	uint64_t revision;
	char *text;

	if (!door)
		open_door();
	text = malloc(size + 1);
	if (!text)
		abort();
	memcpy(text, data, size);
	text[size] = '\0';
	revision = door->model.revision;
	request = read_request(text, size);
	free(text);
	if (route_find(request) && access_check(request))
		route_handle(request);
	pump();
	check_answer(request);
	fuzz_check(request->method != METHOD_GET || door->model.revision == revision);
	fuzz_check(request->answer.status < 400 || door->model.revision == revision);
	request_free(request);
	fuzz_check(!door->n_waiting && !door->engine.n_pending);
	if (door->model.revision != revision) {
		check_state();
		put_first_policy();
	}
	return 0;
}
