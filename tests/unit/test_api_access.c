// SPDX-License-Identifier: GPL-2.0-or-later
/* Who asks over TCP, without sockets: what is let in, what is remembered and forgotten, and what too many wrong passwords cost. */
#include "unit.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/credentials.h"
#include "apitest.h"

#define PASSWORD    "correct horse"
#define BASIC_ALICE "Basic YWxpY2U6Y29ycmVjdCBob3JzZQ==" /* alice:correct horse */
#define BASIC_WRONG "Basic YWxpY2U6d3JvbmcgaG9yc2U="	 /* alice:wrong horse */
#define BASIC_CARL  "Basic Y2FybDpjb3JyZWN0IGhvcnNl"	 /* carl, whom nobody knows */
#define BASIC_CI    "Basic Y2k6Y29ycmVjdCBob3JzZQ=="	 /* ci, who has no password */

struct fixture {
	struct apitest test;
	struct arena *arena;
	struct users users;
	const char *path;
	char token[TOKEN_LEN + 1];
	size_t n_looked_at, n_of_nobody;
};

static void save(struct fixture *f)
{
	const struct secret_owner owner = { geteuid(), getegid() };
	struct err err;

	if (!users_save(&f->users, f->path, &owner, &err))
		fail_msg("%s", err.text);
}

static int set_up(void **state)
{
	const struct secret_owner owner = { geteuid(), getegid() };
	struct fixture *f = calloc(1, sizeof(*f));
	char hash[PASSWORD_HASH_SIZE];
	struct user_token *token;
	struct user *user;
	struct err err;

	if (!f)
		return -1;
	f->arena = arena_new();
	apitest_open(&f->test);
	f->path = arena_printf(f->arena, "%s/users", f->test.folder);
	user = users_add(f->arena, &f->users, "alice");
	assert_true(password_hash(PASSWORD, hash, &err));
	user->password = arena_strdup(f->arena, hash);
	user->project_id = "web";
	user = users_add(f->arena, &f->users, "ci");
	assert_true(roles_parse("admin", &user->roles));
	token = vec_push(&user->tokens, f->arena);
	*token = (struct user_token){ .name = "t", .created = "2026-11-28" };
	token_make(f->token);
	token_hash(f->token, token->hash);
	save(f);
	assert_true(credentials_open(f->path, &owner, &f->test.door->credentials, &err));
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	unlink(f->path);
	apitest_close(&f->test);
	arena_free(f->arena);
	free(f);
	return 0;
}

static struct request *ask_at(struct fixture *f, enum method method, const char *path,
	const char *peer, const char *basic, const char *token, enum who *ret)
{
	struct request *request = request_new(f->test.door, method, path);

	request->peer = peer;
	assert_true(route_find(request));
	*ret = credentials_ask(request, basic, token);
	return request;
}

static struct request *ask(
	struct fixture *f, const char *peer, const char *basic, const char *token, enum who *ret)
{
	return ask_at(f, METHOD_GET, "/v2.0/ports", peer, basic, token, ret);
}

/* What the other process does. */
static bool look_at_one(struct fixture *f)
{
	struct credentials *credentials = f->test.door->credentials;
	const struct verifier_task *task = credentials_task(credentials);
	bool matches;

	if (!task)
		return false;
	f->n_looked_at++;
	f->n_of_nobody += !*task->hash;
	matches = *task->hash && password_matches(task->hash, task->password);
	credentials_sent(credentials);
	assert_string_equal(task->password, ""); /* it was needed once */
	credentials_answered(f->test.door, matches);
	return true;
}

/* One request, answered: its status, 0: who asks is known. */
static unsigned outcome(struct fixture *f, const char *peer, const char *basic, const char *token,
	struct identity *ret)
{
	static char user[64], project[64];
	enum who who;
	struct request *request = ask(f, peer, basic, token, &who);
	unsigned status;

	if (who == WHO_IS_ASKED)
		while (look_at_one(f))
			;
	status = request->answer.status;
	snprintf(user, sizeof(user), "%s", request->who.user);
	snprintf(project, sizeof(project), "%s", request->who.project_id);
	if (ret)
		*ret = (struct identity){ user, project, request->who.roles };
	if (status)
		assert_null(strstr(request->answer.body.data, PASSWORD));
	request_free(request);
	return status;
}

static void a_password_lets_in_with_project_and_roles(void **state)
{
	struct fixture *f = *state;
	struct identity who;

	assert_int_equal(outcome(f, "192.0.2.1", BASIC_ALICE, NULL, &who), 0);
	assert_string_equal(who.user, "alice");
	assert_string_equal(who.project_id, "web");
	assert_int_equal(who.roles, ROLE_READER);
	assert_int_equal(
		outcome(f, "192.0.2.1", "basic YWxpY2U6Y29ycmVjdCBob3JzZQ==", NULL, &who), 0);
	assert_int_equal(f->test.door->counts.wrong_credentials, 0);
}

static void without_anything_it_is_nobody(void **state)
{
	struct fixture *f = *state;
	struct identity who;

	assert_int_equal(outcome(f, "192.0.2.1", NULL, NULL, &who), 0);
	assert_string_equal(who.user, "");
	assert_int_equal(who.roles, 0);
}

static void what_takes_no_role_is_answered_whatever_is_sent(void **state)
{
	struct fixture *f = *state;
	enum who who;
	struct request *request =
		ask_at(f, METHOD_GET, "/healthz", "192.0.2.1", BASIC_WRONG, "pw_x", &who);

	assert_int_equal(who, WHO_IS_KNOWN);
	assert_int_equal(f->n_looked_at, 0);
	request_free(request);
}

static void what_is_no_credentials_is_401(void **state)
{
	static const char *const rows[] = { "Basic", "Basic ", "Basic !!!",
		"Basic YWxpY2U=", "Bearer x", "Digest username=alice",
		"Basic OmNvcnJlY3QgaG9yc2U=", "Negotiate abc", "" };
	struct fixture *f = *state;

	for (size_t i = 0; i < N_OF(rows); i++)
		assert_int_equal(outcome(f, "192.0.2.1", rows[i], NULL, NULL), 401);
	assert_int_equal(outcome(f, "192.0.2.1", NULL, "", NULL), 401);
	assert_int_equal(outcome(f, "192.0.2.1", NULL, "notused", NULL), 401);
}

/* The words are the same, and something is looked at that costs the same. */
static void a_wrong_name_is_told_as_a_wrong_password_is(void **state)
{
	static const char *const rows[] = { BASIC_WRONG, BASIC_CARL, BASIC_CI };
	char first[512] = "";
	struct fixture *f = *state;

	for (size_t i = 0; i < N_OF(rows); i++) {
		enum who who;
		struct request *request = ask(f, "192.0.2.1", rows[i], NULL, &who);

		assert_int_equal(who, WHO_IS_ASKED);
		assert_true(look_at_one(f));
		assert_int_equal(request->answer.status, 401);
		if (!*first)
			snprintf(first, sizeof(first), "%s", request->answer.body.data);
		assert_string_equal(first, request->answer.body.data);
		request_free(request);
	}
	assert_int_equal(f->n_looked_at, 3);
	assert_int_equal(f->n_of_nobody, 2);
	assert_int_equal(f->test.door->counts.wrong_credentials, 3);
}

static void who_was_right_is_remembered_for_a_time(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 10; i++)
		assert_int_equal(outcome(f, "192.0.2.1", BASIC_ALICE, NULL, NULL), 0);
	assert_int_equal(f->n_looked_at, 1);
	/* a wrong one is none the less wrong */
	assert_int_equal(outcome(f, "192.0.2.1", BASIC_WRONG, NULL, NULL), 401);
	assert_int_equal(f->n_looked_at, 2);
	f->test.door->now_ms += LIMIT_REMEMBERED_S * 1000 + 1;
	assert_int_equal(outcome(f, "192.0.2.1", BASIC_ALICE, NULL, NULL), 0);
	assert_int_equal(f->n_looked_at, 3);
}

static void several_at_once_are_looked_at_once(void **state)
{
	struct fixture *f = *state;
	struct request *requests[4];
	enum who who;

	for (size_t i = 0; i < N_OF(requests); i++) {
		requests[i] = ask(f, "192.0.2.1", BASIC_ALICE, NULL, &who);
		assert_int_equal(who, WHO_IS_ASKED);
	}
	assert_true(look_at_one(f));
	assert_false(look_at_one(f));
	for (size_t i = 0; i < N_OF(requests); i++) {
		assert_int_equal(requests[i]->answer.status, 0);
		assert_string_equal(requests[i]->who.user, "alice");
		request_free(requests[i]);
	}
	assert_int_equal(f->test.door->n_waiting, 0);
}

static void a_changed_file_holds_at_once(void **state)
{
	struct fixture *f = *state;
	struct identity who;
	char hash[PASSWORD_HASH_SIZE];
	struct err err;

	assert_int_equal(outcome(f, "192.0.2.1", BASIC_ALICE, NULL, NULL), 0);
	assert_true(roles_parse("member", &users_find(&f->users, "alice")->roles));
	save(f);
	assert_int_equal(outcome(f, "192.0.2.1", BASIC_ALICE, NULL, &who), 0);
	assert_int_equal(who.roles, ROLE_READER | ROLE_MEMBER);
	assert_true(password_hash("another horse", hash, &err));
	users_find(&f->users, "alice")->password = hash;
	save(f);
	assert_int_equal(outcome(f, "192.0.2.1", BASIC_ALICE, NULL, NULL), 401);
	users_remove(&f->users, users_find(&f->users, "ci"));
	assert_int_equal(outcome(f, "192.0.2.1", NULL, f->token, NULL), 0);
	save(f);
	assert_int_equal(outcome(f, "192.0.2.1", NULL, f->token, NULL), 401);
}

/* While his password was looked at, the file has changed: what was right then is not right now. */
static void who_is_removed_meanwhile_is_not_let_in(void **state)
{
	struct fixture *f = *state;
	enum who who, other;
	struct request *request = ask(f, "192.0.2.1", BASIC_ALICE, NULL, &who), *second;

	assert_int_equal(who, WHO_IS_ASKED);
	users_remove(&f->users, users_find(&f->users, "alice"));
	save(f);
	second = ask(f, "192.0.2.1", NULL, f->token, &other); /* the file is looked at */
	assert_int_equal(other, WHO_IS_KNOWN);
	assert_true(look_at_one(f));
	assert_int_equal(request->answer.status, 401);
	request_free(request);
	request_free(second);
}

static void a_file_with_a_mistake_changes_nothing(void **state)
{
	struct text junk CLEANUP(text_done) = TEXT_INIT;
	struct fixture *f = *state;
	struct err err;

	text_add(&junk, "{");
	assert_true(text_save(&junk, f->path, &err));
	assert_int_equal(chmod(f->path, 0640), 0);
	assert_int_equal(outcome(f, "192.0.2.1", BASIC_ALICE, NULL, NULL), 0);
	users_find(&f->users, "alice")->project_id = "other";
	save(f);
	assert_int_equal(chmod(f->path, 0644), 0);
	assert_int_equal(outcome(f, "192.0.2.1", BASIC_ALICE, NULL, NULL), 0);
	unlink(f->path);
	assert_int_equal(outcome(f, "192.0.2.1", BASIC_ALICE, NULL, NULL), 0);
	assert_int_equal(outcome(f, "192.0.2.1", NULL, f->token, NULL), 0);
}

static void too_many_wrong_passwords_are_429_and_harm_nobody_else(void **state)
{
	struct fixture *f = *state;
	size_t n_looked_at;

	assert_int_equal(outcome(f, "192.0.2.9", BASIC_ALICE, NULL, NULL), 0);
	for (int i = 0; i < LIMIT_FAILURES; i++)
		assert_int_equal(outcome(f, "192.0.2.9", BASIC_WRONG, NULL, NULL), 401);
	n_looked_at = f->n_looked_at;
	assert_int_equal(outcome(f, "192.0.2.9", BASIC_WRONG, NULL, NULL), 429);
	assert_int_equal(f->n_looked_at, n_looked_at);
	/* who was right there goes on, so does a token, and another name, and alice from elsewhere */
	assert_int_equal(outcome(f, "192.0.2.9", BASIC_ALICE, NULL, NULL), 0);
	assert_int_equal(outcome(f, "192.0.2.9", NULL, f->token, NULL), 0);
	assert_int_equal(outcome(f, "192.0.2.9", BASIC_CARL, NULL, NULL), 401);
	assert_int_equal(outcome(f, "192.0.2.1", BASIC_WRONG, NULL, NULL), 401);
	/* but not on and on with other names */
	for (int i = LIMIT_FAILURES + 1; i < LIMIT_PEER_FAILURES; i++) {
		const char *basic =
			i % 3 ? i % 3 == 1 ? BASIC_CARL : BASIC_CI : "Basic eDp5enp5eg==";

		assert_int_equal(outcome(f, "192.0.2.9", basic, NULL, NULL), 401);
	}
	assert_int_equal(outcome(f, "192.0.2.9", "Basic dTp2d3h5eg==", NULL, NULL), 429);
	/* a minute later it is as before */
	f->test.door->now_ms += 60001;
	assert_int_equal(outcome(f, "192.0.2.9", BASIC_WRONG, NULL, NULL), 401);
}

static void one_address_cannot_fill_the_queue_and_a_full_one_is_429(void **state)
{
	struct fixture *f = *state;
	struct request *requests[LIMIT_LOGINS + 8];
	size_t n = 0;
	enum who who;

	for (int i = 0; i < LIMIT_PEER_LOGINS; i++) {
		requests[n++] = ask(f, "192.0.2.9", BASIC_WRONG, NULL, &who);
		assert_int_equal(who, WHO_IS_ASKED);
	}
	requests[n++] = ask(f, "192.0.2.9", BASIC_WRONG, NULL, &who);
	assert_int_equal(who, WHO_IS_REFUSED);
	assert_int_equal(requests[n - 1]->answer.status, 429);
	assert_true(requests[n - 1]->answer.retry_after_s > 0);
	for (int i = LIMIT_PEER_LOGINS; i < LIMIT_LOGINS; i++) {
		requests[n++] =
			ask(f, arena_printf(f->arena, "198.51.100.%d", i), BASIC_WRONG, NULL, &who);
		assert_int_equal(who, WHO_IS_ASKED);
	}
	requests[n++] = ask(f, "203.0.113.1", BASIC_ALICE, NULL, &who);
	assert_int_equal(requests[n - 1]->answer.status, 429);
	/* who goes is not waited for: nothing is looked at for him */
	for (size_t i = 0; i < n; i++)
		request_free(requests[i]);
	assert_false(look_at_one(f));
	assert_int_equal(outcome(f, "203.0.113.1", BASIC_ALICE, NULL, NULL), 0);
}

static void who_waits_too_long_is_told_so(void **state)
{
	struct fixture *f = *state;
	enum who who;
	struct request *request = ask(f, "192.0.2.1", BASIC_ALICE, NULL, &who);

	assert_non_null(credentials_task(f->test.door->credentials));
	credentials_sent(f->test.door->credentials);
	f->test.door->now_ms += LIMIT_LOGIN_S * 1000 + 1;
	door_tick(f->test.door);
	assert_int_equal(request->answer.status, 429);
	request_free(request);
	/* its answer comes late, and is nobody's */
	credentials_answered(f->test.door, true);
	assert_false(look_at_one(f));
	assert_int_equal(outcome(f, "192.0.2.1", BASIC_ALICE, NULL, NULL), 0);
}

static unsigned new_session(struct fixture *f, const char *basic, const char *token, char *ret)
{
	enum who who;
	struct request *request =
		ask_at(f, METHOD_POST, "/v2.0/portwall/tokens", "192.0.2.1", basic, token, &who);
	unsigned status;
	json_t *answer;

	while (look_at_one(f))
		;
	if (!request->answer.status)
		route_handle(request);
	status = request->answer.status;
	answer = json_loads(request->answer.body.data, 0, NULL);
	snprintf(ret, TOKEN_LEN + 1, "%s", at(answer, "token.id"));
	json_decref(answer);
	request_free(request);
	return status;
}

static unsigned end_session(struct fixture *f, const char *token)
{
	enum who who;
	struct request *request =
		ask_at(f, METHOD_DELETE, "/v2.0/portwall/tokens", "192.0.2.1", NULL, token, &who);
	unsigned status;

	if (!request->answer.status)
		route_handle(request);
	status = request->answer.status;
	request_free(request);
	return status;
}

static void a_short_lived_token_is_for_a_password_and_ends(void **state)
{
	struct fixture *f = *state;
	char token[TOKEN_LEN + 1], other[TOKEN_LEN + 1];
	struct identity who;

	assert_int_equal(new_session(f, BASIC_ALICE, NULL, token), 201);
	assert_int_equal(outcome(f, "192.0.2.1", NULL, token, &who), 0);
	assert_string_equal(who.user, "alice");
	assert_int_equal(who.roles, ROLE_READER);
	/* a token makes no tokens, neither kind */
	assert_int_equal(new_session(f, NULL, token, other), 403);
	assert_int_equal(new_session(f, NULL, f->token, other), 403);
	assert_int_equal(new_session(f, BASIC_WRONG, NULL, other), 401);
	/* and ends itself alone */
	assert_int_equal(new_session(f, BASIC_ALICE, NULL, other), 201);
	assert_int_equal(credentials_n_sessions(f->test.door->credentials), 2);
	assert_int_equal(end_session(f, token), 204);
	assert_int_equal(end_session(f, token), 401);
	assert_int_equal(end_session(f, f->token), 403);
	assert_int_equal(outcome(f, "192.0.2.1", NULL, token, NULL), 401);
	assert_int_equal(outcome(f, "192.0.2.1", NULL, other, NULL), 0);
	f->test.door->now_ms += LIMIT_SESSION_S * 1000 + 1;
	assert_int_equal(outcome(f, "192.0.2.1", NULL, other, NULL), 401);
	assert_int_equal(credentials_n_sessions(f->test.door->credentials), 0);
}

static void short_lived_tokens_are_bounded_and_the_oldest_goes(void **state)
{
	struct fixture *f = *state;
	char first[TOKEN_LEN + 1], token[TOKEN_LEN + 1];

	assert_int_equal(new_session(f, BASIC_ALICE, NULL, first), 201);
	for (int i = 0; i < LIMIT_USER_SESSIONS; i++)
		assert_int_equal(new_session(f, BASIC_ALICE, NULL, token), 201);
	assert_int_equal(credentials_n_sessions(f->test.door->credentials), LIMIT_USER_SESSIONS);
	assert_int_equal(outcome(f, "192.0.2.1", NULL, first, NULL), 401);
	assert_int_equal(outcome(f, "192.0.2.1", NULL, token, NULL), 0);
}

static void a_short_lived_token_ends_with_its_password_and_has_the_roles_of_now(void **state)
{
	struct fixture *f = *state;
	char token[TOKEN_LEN + 1], hash[PASSWORD_HASH_SIZE];
	struct identity who;
	struct err err;

	assert_int_equal(new_session(f, BASIC_ALICE, NULL, token), 201);
	assert_true(roles_parse("admin", &users_find(&f->users, "alice")->roles));
	save(f);
	assert_int_equal(outcome(f, "192.0.2.1", NULL, token, &who), 0);
	assert_int_equal(who.roles, ROLE_READER | ROLE_MEMBER | ROLE_ADMIN);
	assert_true(password_hash("another horse", hash, &err));
	users_find(&f->users, "alice")->password = hash;
	save(f);
	assert_int_equal(outcome(f, "192.0.2.1", NULL, token, NULL), 401);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		CASE(a_password_lets_in_with_project_and_roles),
		CASE(without_anything_it_is_nobody),
		CASE(what_takes_no_role_is_answered_whatever_is_sent),
		CASE(what_is_no_credentials_is_401),
		CASE(a_wrong_name_is_told_as_a_wrong_password_is),
		CASE(who_was_right_is_remembered_for_a_time),
		CASE(several_at_once_are_looked_at_once),
		CASE(a_changed_file_holds_at_once),
		CASE(who_is_removed_meanwhile_is_not_let_in),
		CASE(a_file_with_a_mistake_changes_nothing),
		CASE(too_many_wrong_passwords_are_429_and_harm_nobody_else),
		CASE(one_address_cannot_fill_the_queue_and_a_full_one_is_429),
		CASE(who_waits_too_long_is_told_so),
		CASE(a_short_lived_token_is_for_a_password_and_ends),
		CASE(short_lived_tokens_are_bounded_and_the_oldest_goes),
		CASE(a_short_lived_token_ends_with_its_password_and_has_the_roles_of_now),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
