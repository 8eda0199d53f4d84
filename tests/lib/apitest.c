// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include "apitest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void die(const char *what)
{
	fprintf(stderr, "the door of the test: %s\n", what);
	abort();
}

static void open_door(struct apitest *test)
{
	struct err err;

	if (!door_open(test->store_path.data, "compute1", &test->door, &err)) {
		fprintf(stderr, "%s\n", err.text);
		abort();
	}
	test->door->now_s = 1800000000; /* 2027-01-15 */
	fake_engine_init(&test->engine);
}

void apitest_open(struct apitest *test)
{
	*test = (struct apitest){ .store_path = TEXT_INIT, .who = identity_local };
	snprintf(test->folder, sizeof(test->folder), "/tmp/portwall-api-XXXXXX");
	if (!mkdtemp(test->folder))
		die("no folder");
	text_addf(&test->store_path, "%s/store.db", test->folder);
	open_door(test);
	apitest_pump(test);
}

void apitest_close(struct apitest *test)
{
	static const char *const names[] = { "store.db", "store.db-wal", "store.db-shm" };
	char path[128];

	door_close(&test->door);
	fake_engine_done(&test->engine);
	for (size_t i = 0; i < N_OF(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", test->folder, names[i]);
		unlink(path);
	}
	rmdir(test->folder);
	text_done(&test->store_path);
}

void apitest_reopen(struct apitest *test)
{
	door_close(&test->door);
	fake_engine_done(&test->engine);
	open_door(test);
	apitest_pump(test);
}

void apitest_pump(struct apitest *test)
{
	struct engine *engine = &test->door->engine;
	struct err err;

	while (engine->out.len) {
		/* In pieces that end anywhere. */
		for (size_t i = 0; i < engine->out.len; i += 1000)
			fake_engine_take(&test->engine, engine->out.data + i,
				engine->out.len - i < 1000 ? engine->out.len - i : 1000);
		text_clear(&engine->out);
		for (size_t i = 0; i < test->engine.out.len; i += 777)
			if (!engine_take(test->door, test->engine.out.data + i,
				    test->engine.out.len - i < 777 ? test->engine.out.len - i : 777,
				    &err))
				die(err.text);
		text_clear(&test->engine.out);
	}
}

static void add_arguments(struct request *request, char *query)
{
	for (char *word = query ? strsep(&query, "&") : NULL; word; word = strsep(&query, "&")) {
		char *key = strsep(&word, "=");

		*vec_push(&request->arguments, request->arena) =
			(struct argument){ arena_strdup(request->arena, key),
				arena_strdup(request->arena, word ? word : "") };
	}
}

static struct request *ask_if(struct apitest *test, const char *method, const char *path,
	const char *if_match, const char *body)
{
	char *copy = strdup(path), *query = copy;
	struct request *request;
	enum method m = 0;

	if (!copy)
		abort();
	while (m < N_METHODS && strcmp(method, method_names[m]) != 0)
		m++;
	strsep(&query, "?");
	request = request_new(test->door, m, copy);
	request->who = test->who;
	add_arguments(request, query);
	free(copy);
	request->if_match = if_match;
	if (body)
		text_add(&request->body, body);
	if (route_find(request) && access_check(request))
		route_handle(request);
	return request;
}

struct request *apitest_ask(
	struct apitest *test, const char *method, const char *path, const char *body)
{
	return ask_if(test, method, path, NULL, body);
}

static char *call_if(struct apitest *test, const char *method, const char *path,
	const char *if_match, const char *body, unsigned *ret_status)
{
	struct request *request = ask_if(test, method, path, if_match, body);
	char *text;

	apitest_pump(test);
	if (ret_status)
		*ret_status = request->answer.status;
	text = strdup(request->answer.body.data);
	if (!text)
		abort();
	request_free(request);
	return text;
}

json_t *apitest_call_if(struct apitest *test, const char *method, const char *path,
	const char *if_match, const char *body, unsigned *ret_status)
{
	char *text = call_if(test, method, path, if_match, body, ret_status);
	json_t *answer = *text ? json_loads(text, 0, NULL) : json_null();

	free(text);
	return answer;
}

char *apitest_text(struct apitest *test, const char *method, const char *path, const char *body,
	unsigned *ret_status)
{
	return call_if(test, method, path, NULL, body, ret_status);
}

json_t *apitest_call(struct apitest *test, const char *method, const char *path, const char *body,
	unsigned *ret_status)
{
	return apitest_call_if(test, method, path, NULL, body, ret_status);
}

json_t *apitest_expect(struct apitest *test, unsigned status, const char *method, const char *path,
	const char *body)
{
	unsigned got;
	json_t *answer = apitest_call(test, method, path, body, &got);

	if (got != status) {
		char *text = json_dumps(answer, JSON_ENCODE_ANY);

		fprintf(stderr, "%s %s: status %u, not %u: %s\n", method, path, got, status,
			text ? text : "no JSON");
		abort();
	}
	return answer;
}

const char *at(const json_t *value, const char *path)
{
	static char texts[16][512];
	static size_t next;
	char *text = texts[next++ % 16];

	while (value && *path) {
		size_t len = strcspn(path, ".");

		value = json_is_array(value) ? json_array_get(value, strtoul(path, NULL, 10))
					     : json_object_getn(value, path, len);
		path += len + (path[len] == '.');
	}
	if (json_is_string(value))
		snprintf(text, 512, "%s", json_string_value(value));
	else if (json_is_integer(value))
		snprintf(text, 512, "%lld", (long long)json_integer_value(value));
	else
		snprintf(text, 512, "%s",
			json_is_true(value)    ? "true"
			: json_is_false(value) ? "false"
			: json_is_null(value)  ? "null"
					       : "");
	return text;
}

void expect_error(struct apitest *test, unsigned status, const char *type, const char *method,
	const char *path, const char *body)
{
	json_t *answer = apitest_expect(test, status, method, path, body);

	assert_string_equal(at(answer, "NeutronError.type"), type);
	assert_true(strlen(at(answer, "NeutronError.message")) > 5);
	json_decref(answer);
}

const char *make(struct apitest *test, const char *collection, const char *body)
{
	static char ids[8][64];
	static size_t next;
	char path[64], *id = ids[next++ % 8];
	json_t *answer;

	snprintf(path, sizeof(path), "/v2.0/%s", collection);
	answer = apitest_expect(test, 201, "POST", path, body);
	snprintf(id, 64, "%s", at(json_object_iter_value(json_object_iter(answer)), "id"));
	json_decref(answer);
	return id;
}

const char *with(const char *fmt, ...)
{
	static char texts[8][2048];
	static size_t next;
	char *text = texts[next++ % 8];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, 2048, fmt, ap);
	va_end(ap);
	return text;
}

int apitest_setup(void **state)
{
	struct apitest *test = calloc(1, sizeof(*test));

	if (!test)
		abort();
	apitest_open(test);
	*state = test;
	return 0;
}

int apitest_teardown(void **state)
{
	apitest_close(*state);
	free(*state);
	return 0;
}
