/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_APITEST_H
#define TESTS_APITEST_H

#include <jansson.h>

#include "api/request.h"
#include "fakeengine.h"

/* A door without sockets, over a store in a folder of its own, and its engine. */
struct apitest {
	char folder[64];
	struct text store_path;
	struct door *door;
	struct fake_engine engine;
	struct identity who; /* who asks; identity_local at first */
};
void apitest_open(struct apitest *test);
void apitest_close(struct apitest *test);
/* The service starts anew: the store stays, and the engine is another one. */
void apitest_reopen(struct apitest *test);
/* Frames to and fro, until nobody has anything to say. */
void apitest_pump(struct apitest *test);
/* "GET", "/v2.0/ports?name=a&fields=id" (not escaped), body NULL: none. Not pumped. */
struct request *apitest_ask(
	struct apitest *test, const char *method, const char *path, const char *body);
/* The same with If-Match, NULL: none; pumped; what was answered. *ret_status may be NULL. */
json_t *apitest_call_if(struct apitest *test, const char *method, const char *path,
	const char *if_match, const char *body, unsigned *ret_status);
json_t *apitest_call(struct apitest *test, const char *method, const char *path, const char *body,
	unsigned *ret_status);
/* Fails the test unless the status is this one. */
json_t *apitest_expect(struct apitest *test, unsigned status, const char *method, const char *path,
	const char *body);

/* What was answered, as it came, to be freed; *ret_status may be NULL. */
char *apitest_text(struct apitest *test, const char *method, const char *path, const char *body,
	unsigned *ret_status);
/* An error: its status and type, and that it is a sentence. */
void expect_error(struct apitest *test, unsigned status, const char *type, const char *method,
	const char *path, const char *body);
/* Makes one object of a collection ("ports"); its id. It and the next live until the next eight calls. */
const char *make(struct apitest *test, const char *collection, const char *body);
const char *with(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* cmocka's, of a struct apitest that is open. */
int apitest_setup(void **state);
int apitest_teardown(void **state);
#define API_CASE(name) cmocka_unit_test_setup_teardown(name, apitest_setup, apitest_teardown)

/* "security_groups.0.name": the text there, or the number or boolean as text; "" when it is not there. Lives until the next
 * sixteen calls. */
const char *at(const json_t *value, const char *path);

#endif
