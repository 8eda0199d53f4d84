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

/* What no policy file has. */
static const struct {
	const char *key, *value;
} first_records[] = {
	{ "/fw/v1/n/77777777-7777-4777-8777-777777777777",
		"{\"project_id\":\"default\",\"extra\":{\"name\":\"net\",\"port_security_enabled\":true}}" },
	{ "/fw/v1/sn/88888888-8888-4888-8888-888888888888",
		"{\"project_id\":\"default\",\"tags\":[\"a\"],\"extra\":{\"network_id\":"
		"\"77777777-7777-4777-8777-777777777777\",\"cidr\":\"198.51.100.0/24\","
		"\"ip_version\":4,\"gateway_ip\":\"198.51.100.1\",\"allocation_pools\":[{\"start\":"
		"\"198.51.100.2\",\"end\":\"198.51.100.4\"}]}}" },
	{ "/fw/v1/rbac/99999999-9999-4999-8999-999999999999",
		"{\"project_id\":\"default\",\"extra\":{\"object_type\":\"network\",\"object_id\":"
		"\"77777777-7777-4777-8777-777777777777\",\"target_tenant\":\"*\",\"action\":"
		"\"access_as_shared\"}}" },
	{ "/fw/v1/quota/x", "{\"project_id\":\"x\",\"extra\":{\"port\":3}}" },
};

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

static void commit(const struct store_put *puts, size_t n)
{
	struct err err;
	uint64_t revision;

	fuzz_check(store_commit(door->store, puts, n, &revision, NULL, &err));
	fuzz_check(model_load(&door->model, door->store, &err));
	engine_sync(door);
	pump();
}

/* Whatever was there, this is there now. */
static void put_first(void)
{
	struct arena *scratch = arena_new();
	VEC(struct store_put) gone = { 0 };
	struct store_put puts[N_OF(first_records)];
	struct request *request;

	for (int kind = 0; kind < N_OBJECT_KINDS; kind++)
		for (size_t i = 0; i < door->model.n[kind]; i++)
			if (door->model.objects[kind][i].changed)
				*vec_push(&gone, scratch) = (struct store_put){
					object_key(scratch, &door->model.objects[kind][i]), NULL, 0,
					STORE_ANY
				};
	commit(gone.items, gone.n);
	arena_free(scratch);
	for (size_t i = 0; i < N_OF(first_records); i++)
		puts[i] = (struct store_put){ first_records[i].key, first_records[i].value,
			strlen(first_records[i].value), 0 };
	commit(puts, N_OF(puts));
	request = ask(METHOD_PUT, "/v2.0/portwall/policy", first_policy, strlen(first_policy));
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
	put_first();
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
	while (text < end && *text && *text != '\n') {
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
	for (int kind = 0; kind < N_OBJECT_KINDS; kind++) {
		n += kind_is_part(kind) ? stored.n[kind] : 0;
		fuzz_check(stored.n[kind] == door->model.n[kind]);
		for (size_t i = 0; i < stored.n[kind]; i++)
			fuzz_check(!strcmp(object_text(scratch, &stored.objects[kind][i]),
				object_text(scratch, &door->model.objects[kind][i])));
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
	if (answer->status >= 400) {
		const json_t *error = json_object_get(json, "NeutronError");

		/* that an extension is not there is told in another shape, as by Neutron */
		fuzz_check(json_string_length(json_object_get(error ? error : json, "message")));
	}
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
		put_first();
	}
	return 0;
}
