// SPDX-License-Identifier: GPL-2.0-or-later
/* The door as clients of TCP meet it: credentials, TLS, and what one of them can do to the others. */
#include "unit.h"

#include <gnutls/gnutls.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "apiwire.h"

#define BASIC_READER "Authorization: Basic cmVhZGVyOmNvcnJlY3QgaG9yc2U=\r\n"
#define BASIC_MEMBER "Authorization: Basic bWVtYmVyOmNvcnJlY3QgaG9yc2U=\r\n"
#define BASIC_ADMIN  "Authorization: Basic YWRtaW46Y29ycmVjdCBob3JzZQ==\r\n"
#define BASIC_WRONG  "Authorization: Basic YWRtaW46d3JvbmcgaG9yc2U=\r\n"

static const struct door_times short_times = { .request_s = 2,
	.idle_s = 4,
	.answer_s = 60,
	.wait_s = 2,
	.state_s = 1,
	.proof_s = 60,
	.health_s = 2,
	.ping_s = 1 };

static int set_up(void **state)
{
	*state = calloc(1, sizeof(struct wire));
	wire_start_tcp(*state, NULL);
	return 0;
}

static int set_up_short(void **state)
{
	*state = calloc(1, sizeof(struct wire));
	wire_start_tcp(*state, &short_times);
	return 0;
}

/* --- credentials --- */

static void who_says_nothing_or_something_wrong_is_401(void **state)
{
	static const char *const headers[] = { "", BASIC_WRONG, "X-Auth-Token: notused\r\n",
		/* what is believed elsewhere is not believed here */
		"X-User-Id: admin\r\nX-Project-Id: default\r\nX-Roles: admin\r\n" };
	struct text heard CLEANUP(text_done) = TEXT_INIT;

	for (size_t i = 0; i < N_OF(headers); i++) {
		assert_int_equal(
			wire_ask_tcp(*state, WIRE_PLAIN, "GET /v2.0/ports", headers[i], &heard),
			401);
		assert_non_null(strstr(heard.data, "WWW-Authenticate: Basic realm=\"portwall\""));
		assert_non_null(strstr(heard.data, "{\"NeutronError\":"));
	}
	assert_int_equal(wire_ask_tcp(*state, WIRE_PLAIN, "GET /healthz", "", &heard), 200);
	assert_int_equal(wire_ask_tcp(*state, WIRE_PLAIN, "GET /nosuch", "", &heard), 404);
	/* and the unix socket asks nobody */
	assert_int_equal(wire_get(*state, "/v2.0/ports", &heard), 200);
}

static void roles_decide_what_may_be_done(void **state)
{
	static const struct {
		const char *line, *headers;
		unsigned status;
	} rows[] = {
		{ "GET /v2.0/ports", BASIC_READER, 200 },
		{ "POST /v2.0/security-groups", BASIC_READER "Content-Length: 0\r\n", 403 },
		{ "GET /v2.0/portwall/policy", BASIC_READER, 403 },
		{ "GET /v2.0/portwall/policy", BASIC_MEMBER, 403 },
		{ "GET /v2.0/portwall/policy", BASIC_ADMIN, 200 },
		{ "GET /metrics", BASIC_ADMIN, 200 },
		/* what a header asks for is no more than what the user has */
		{ "GET /v2.0/portwall/policy", BASIC_READER "X-Roles: admin\r\n", 403 },
	};
	struct text heard CLEANUP(text_done) = TEXT_INIT;

	for (size_t i = 0; i < N_OF(rows); i++) {
		unsigned status =
			wire_ask_tcp(*state, WIRE_PLAIN, rows[i].line, rows[i].headers, &heard);

		if (status != rows[i].status)
			fail_msg("%s: %u: %s", rows[i].line, status, heard.data);
	}
}

/* The head waits for who asks, and its body behind it is not lost. */
static void a_body_behind_a_password_comes_whole(void **state)
{
	static const char body[] = "{\"security_group\": {\"name\": \"behind\"}}";
	struct text heard CLEANUP(text_done) = TEXT_INIT, headers CLEANUP(text_done) = TEXT_INIT;
	int fd = wire_dial_tcp(*state, WIRE_PLAIN);

	text_addf(&headers,
		"POST /v2.0/security-groups HTTP/1.1\r\nHost: x\r\n%sContent-Length: %zu\r\n\r\n%s",
		BASIC_MEMBER, strlen(body), body);
	wire_say(fd, headers.data);
	assert_int_equal(wire_hear_answer(fd, &heard), 201);
	assert_non_null(strstr(heard.data, "\"name\":\"behind\""));
	/* the same again on the same connection, remembered, piece by piece */
	text_clear(&heard);
	for (size_t i = 0; i < headers.len; i++)
		wire_say_n(fd, headers.data + i, 1);
	assert_int_equal(wire_hear_answer(fd, &heard), 201);
	close(fd);
	/* and one that waits for what may be sent */
	fd = wire_dial_tcp(*state, WIRE_PLAIN);
	text_clear(&heard);
	text_clear(&headers);
	text_addf(&headers,
		"POST /v2.0/security-groups HTTP/1.1\r\nHost: x\r\n%sExpect: 100-continue\r\n"
		"Content-Length: %zu\r\n\r\n",
		BASIC_ADMIN, strlen(body));
	wire_say(fd, headers.data);
	wire_hear_until(fd, &heard, "HTTP/1.1 100 Continue\r\n\r\n");
	text_clear(&heard);
	wire_say(fd, body);
	assert_int_equal(wire_hear_answer(fd, &heard), 201);
	close(fd);
}

static void where_nobody_is_asked_everybody_may_be_somebody(void **state)
{
	struct text heard CLEANUP(text_done) = TEXT_INIT;

	assert_int_equal(wire_ask_tcp(*state, WIRE_OPEN, "GET /v2.0/portwall/policy",
				 "X-Auth-Token: notused\r\n", &heard),
		200);
	assert_int_equal(wire_ask_tcp(*state, WIRE_OPEN, "GET /v2.0/portwall/policy",
				 "X-Roles: member\r\n", &heard),
		403);
	assert_int_equal(
		wire_ask_tcp(*state, WIRE_OPEN, "GET /v2.0/ports", BASIC_WRONG, &heard), 200);
}

/* A page of somebody else, in a browser on this host: it can send nearly all that a program can. */
static void a_browser_does_not_ask_for_somebody_else(void **state)
{
	static const struct {
		enum wire_port port;
		const char *host, *more;
		unsigned status;
	} rows[] = {
		{ WIRE_OPEN, "localhost:9696", "", 200 },
		{ WIRE_OPEN, "LOCALHOST", "", 200 },
		{ WIRE_OPEN, "127.0.0.1:9696", "", 200 },
		{ WIRE_OPEN, "[::1]:9696", "", 200 },
		{ WIRE_OPEN, "localhost", "Origin: http://evil.example\r\n", 403 },
		{ WIRE_OPEN, "localhost", "Origin: null\r\n", 403 },
		{ WIRE_OPEN, "evil.example:9696", "", 403 },
		{ WIRE_OPEN, "127.0.0.1.evil.example", "", 403 },
		{ WIRE_OPEN, "localhost.evil.example", "", 403 },
		{ WIRE_OPEN, "[::1", "", 403 },
		{ WIRE_OPEN, "", "", 403 },
		{ WIRE_PLAIN, "any.example", BASIC_READER, 200 },
		{ WIRE_PLAIN, "any.example", BASIC_READER "Origin: http://evil.example\r\n", 403 },
	};

	for (size_t i = 0; i < N_OF(rows); i++) {
		struct text heard CLEANUP(text_done) = TEXT_INIT;
		char request[512];
		int fd = wire_dial_tcp(*state, rows[i].port);
		unsigned status;

		snprintf(request, sizeof(request), "GET /v2.0/ports HTTP/1.1\r\nHost: %s\r\n%s\r\n",
			rows[i].host, rows[i].more);
		wire_say(fd, request);
		status = wire_hear_answer(fd, &heard);
		if (status != rows[i].status)
			fail_msg("%s %s: %u", rows[i].host, rows[i].more, status);
		close(fd);
	}
}

static void a_short_lived_token_works_and_ends(void **state)
{
	struct text heard CLEANUP(text_done) = TEXT_INIT;
	char headers[128], token[TOKEN_LEN + 1];
	const char *id;

	assert_int_equal(wire_ask_tcp(*state, WIRE_PLAIN, "POST /v2.0/portwall/tokens",
				 BASIC_READER "Content-Length: 0\r\n", &heard),
		201);
	id = strstr(heard.data, "\"id\":\"");
	assert_non_null(id);
	snprintf(token, sizeof(token), "%s", id + 6);
	snprintf(headers, sizeof(headers), "X-Auth-Token: %s\r\n", token);
	assert_int_equal(wire_ask_tcp(*state, WIRE_PLAIN, "GET /v2.0/ports", headers, &heard), 200);
	assert_int_equal(
		wire_ask_tcp(*state, WIRE_PLAIN, "DELETE /v2.0/portwall/tokens", headers, &heard),
		204);
	assert_int_equal(wire_ask_tcp(*state, WIRE_PLAIN, "GET /v2.0/ports", headers, &heard), 401);
}

static void a_user_who_is_taken_away_is_gone_at_once(void **state)
{
	struct wire *wire = *state;
	struct text heard CLEANUP(text_done) = TEXT_INIT;

	assert_int_equal(
		wire_ask_tcp(wire, WIRE_PLAIN, "GET /v2.0/ports", BASIC_READER, &heard), 200);
	users_remove(&wire->users, users_find(&wire->users, "reader"));
	wire_save_users(wire);
	assert_int_equal(
		wire_ask_tcp(wire, WIRE_PLAIN, "GET /v2.0/ports", BASIC_READER, &heard), 401);
}

/* --- many, slow and mean --- */

/* Nobody looks at passwords any more, so whoever sends one hangs: who is known is answered none the less. */
static void while_passwords_hang_who_is_known_is_answered(void **state)
{
	enum { N = LIMIT_PEER_LOGINS };
	struct wire *wire = *state;
	struct text heard CLEANUP(text_done) = TEXT_INIT;
	int fds[N];

	assert_int_equal(
		wire_ask_tcp(wire, WIRE_PLAIN, "GET /v2.0/ports", BASIC_ADMIN, &heard), 200);
	kill(wire->verifier, SIGSTOP);
	for (int i = 0; i < N; i++) {
		fds[i] = wire_dial_tcp(wire, WIRE_PLAIN);
		wire_say(fds[i], "GET /v2.0/ports HTTP/1.1\r\nHost: x\r\n" BASIC_WRONG "\r\n");
	}
	wire_wait_for(wire, "portwall_logins_waiting", N, N);
	assert_int_equal(
		wire_ask_tcp(wire, WIRE_PLAIN, "GET /v2.0/ports", BASIC_WRONG, &heard), 429);
	assert_non_null(strstr(heard.data, "Retry-After: "));
	for (int i = 0; i < 20; i++)
		assert_int_equal(
			wire_ask_tcp(wire, WIRE_PLAIN, "GET /v2.0/ports", BASIC_ADMIN, &heard),
			200);
	assert_int_equal(wire_get(wire, "/v2.0/ports", &heard), 200);
	kill(wire->verifier, SIGCONT);
	for (int i = 0; i < N; i++) {
		text_clear(&heard);
		assert_int_equal(wire_hear_answer(fds[i], &heard), 401);
		close(fds[i]);
	}
	wire_wait_for(wire, "portwall_logins_waiting", 0, 0);
	wire_wait_for(wire, "portwall_wrong_credentials_total", N, N);
}

/* What waits at the end is let go, and the door ends well. */
static void the_end_does_not_wait_for_passwords(void **state)
{
	struct wire *wire = *state;
	int fd = wire_dial_tcp(wire, WIRE_PLAIN);

	kill(wire->verifier, SIGSTOP);
	wire_say(fd, "GET /v2.0/ports HTTP/1.1\r\nHost: x\r\n" BASIC_READER "\r\n");
	wire_wait_for(wire, "portwall_logins_waiting", 1, 1);
	kill(wire->door, SIGTERM);
	assert_int_equal(wire_end(wire), 0);
	close(fd);
}

static void when_who_looks_at_passwords_dies_the_door_ends(void **state)
{
	struct wire *wire = *state;

	kill(wire->verifier, SIGKILL);
	assert_int_equal(wire_end(wire), WIRE_FAILED);
}

static void one_address_has_not_all_connections(void **state)
{
	static int fds[LIMIT_API_PEER];
	struct text heard CLEANUP(text_done) = TEXT_INIT;

	for (int i = 0; i < LIMIT_API_PEER; i++)
		fds[i] = wire_dial_tcp(*state, i % 2 ? WIRE_PLAIN : WIRE_OPEN);
	wire_wait_for(*state, "portwall_connections", LIMIT_API_PEER + 1, LIMIT_API_PEER + 1);
	assert_int_equal(wire_ask_tcp(*state, WIRE_PLAIN, "GET /healthz", "", &heard), 503);
	assert_non_null(strstr(heard.data, "TooManyConnections"));
	assert_non_null(strstr(heard.data, "127.0.0.1"));
	assert_non_null(strstr(heard.data, "Connection: close"));
	assert_int_equal(wire_ask_tcp(*state, WIRE_OPEN, "GET /healthz", "", &heard), 503);
	/* the unix socket is none of its */
	assert_int_equal(wire_get(*state, "/healthz", &heard), 200);
	close(fds[0]);
	while (wire_ask_tcp(*state, WIRE_PLAIN, "GET /healthz", "", &heard) != 200)
		poll(NULL, 0, 10);
	for (int i = 1; i < LIMIT_API_PEER; i++)
		close(fds[i]);
}

/* From many addresses: TCP has not all connections either, and only some of those that are too many are told so. */
static void tcp_leaves_connections_for_the_unix_socket(void **state)
{
	enum { N_TOLD = 64, N_MORE = 20 };
	static const char request[] = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
	static int fds[LIMIT_API_TCP], more[N_TOLD + N_MORE];
	unsigned n_told = 0, n_cut = 0;

	for (unsigned i = 0; i < LIMIT_API_TCP; i++)
		fds[i] = wire_dial_from(*state, WIRE_PLAIN, 10 + i / LIMIT_API_PEER);
	wire_wait_for(*state, "portwall_connections", LIMIT_API_TCP + 1, LIMIT_API_TCP + 1);
	for (unsigned i = 0; i < N_OF(more); i++)
		more[i] = wire_dial_from(*state, WIRE_OPEN, 100 + i);
	wire_wait_for(*state, "portwall_connections", LIMIT_API_TCP + N_TOLD + 1,
		LIMIT_API_TCP + N_TOLD + 1);
	for (unsigned i = 0; i < N_OF(more); i++) {
		struct text heard CLEANUP(text_done) = TEXT_INIT;

		wire_say(more[i], request);
		/* cut off, or told */
		if (wire_hear_more(more[i], &heard)) {
			assert_int_equal(wire_status(heard.data), 503);
			n_told++;
		} else {
			n_cut++;
		}
	}
	assert_int_equal(n_told, N_TOLD);
	assert_int_equal(n_cut, N_MORE);
	for (unsigned i = 0; i < N_OF(more); i++)
		close(more[i]);
	for (unsigned i = 0; i < LIMIT_API_TCP; i++)
		close(fds[i]);
	wire_wait_for(*state, "portwall_connections", 1, 1);
}

static void what_is_too_large_is_told(void **state)
{
	struct text heard CLEANUP(text_done) = TEXT_INIT, headers CLEANUP(text_done) = TEXT_INIT;

	assert_int_equal(wire_ask_tcp(*state, WIRE_PLAIN, "POST /v2.0/ports",
				 BASIC_MEMBER "Content-Length: 1048577\r\n", &heard),
		413);
	text_add(&headers, BASIC_MEMBER "X-Long: ");
	for (int i = 0; i < 20000; i++)
		text_add(&headers, "a");
	text_add(&headers, "\r\n");
	assert_int_equal(
		wire_ask_tcp(*state, WIRE_PLAIN, "GET /v2.0/ports", headers.data, &heard), 431);
	/* nobody's body is taken before it is known that it is nobody's */
	assert_int_equal(wire_ask_tcp(*state, WIRE_PLAIN, "PUT /v2.0/portwall/policy",
				 "Content-Length: 60000000\r\n", &heard),
		401);
}

/* --- TLS --- */

struct tls {
	gnutls_session_t session;
	gnutls_certificate_credentials_t credentials;
	int fd;
};

/* With these priorities of GnuTLS; the code of the handshake. */
static int tls_try(struct wire *wire, const char *priorities, struct tls *ret)
{
	int code;

	ret->fd = wire_dial_tcp(wire, WIRE_TLS);
	assert_int_equal(gnutls_certificate_allocate_credentials(&ret->credentials), 0);
	assert_int_equal(gnutls_init(&ret->session, GNUTLS_CLIENT), 0);
	assert_int_equal(gnutls_priority_set_direct(ret->session, priorities, NULL), 0);
	gnutls_credentials_set(ret->session, GNUTLS_CRD_CERTIFICATE, ret->credentials);
	gnutls_transport_set_int(ret->session, ret->fd);
	do
		code = gnutls_handshake(ret->session);
	while (code < 0 && !gnutls_error_is_fatal(code));
	return code;
}

static void tls_end(struct tls *tls)
{
	gnutls_deinit(tls->session);
	gnutls_certificate_free_credentials(tls->credentials);
	close(tls->fd);
}

static void tls_say(struct tls *tls, const char *text)
{
	assert_int_equal(
		gnutls_record_send(tls->session, text, strlen(text)), (ssize_t)strlen(text));
}

static bool tls_hear_until(struct tls *tls, struct text *heard, const char *wanted)
{
	char bytes[4096];

	while (!strstr(heard->data, wanted)) {
		ssize_t got = gnutls_record_recv(tls->session, bytes, sizeof(bytes));

		if (got == GNUTLS_E_INTERRUPTED || got == GNUTLS_E_AGAIN)
			continue;
		if (got <= 0)
			return false;
		text_add_n(heard, bytes, (size_t)got);
	}
	return true;
}

static void tls_1_2_and_1_3_are_spoken_and_nothing_older(void **state)
{
	static const struct {
		const char *priorities;
		bool is_spoken;
	} rows[] = {
		{ "NORMAL", true },
		{ "NORMAL:-VERS-ALL:+VERS-TLS1.3", true },
		{ "NORMAL:-VERS-ALL:+VERS-TLS1.2", true },
		{ "NORMAL:-VERS-ALL:+VERS-TLS1.1", false },
		{ "NORMAL:-VERS-ALL:+VERS-TLS1.0", false },
	};

	for (size_t i = 0; i < N_OF(rows); i++) {
		struct text heard CLEANUP(text_done) = TEXT_INIT;
		struct tls tls;
		int code = tls_try(*state, rows[i].priorities, &tls);

		if ((code == 0) != rows[i].is_spoken)
			fail_msg("%s: %s", rows[i].priorities, gnutls_strerror(code));
		if (code == 0) {
			tls_say(&tls,
				"GET /v2.0/ports HTTP/1.1\r\nHost: x\r\n" BASIC_READER "\r\n");
			assert_true(tls_hear_until(&tls, &heard, "{\"ports\":[]}"));
			/* the same connection goes on; who follows a link stays on TLS */
			text_clear(&heard);
			tls_say(&tls, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
			assert_true(tls_hear_until(&tls, &heard, "\"https://x/v2.0/\""));
			text_clear(&heard);
			tls_say(&tls, "GET /v2.0/ports HTTP/1.1\r\nHost: x\r\n\r\n");
			assert_true(tls_hear_until(&tls, &heard, "HTTP/1.1 401"));
		}
		tls_end(&tls);
	}
}

static void large_answers_and_events_come_over_tls(void **state)
{
	struct text heard CLEANUP(text_done) = TEXT_INIT, body CLEANUP(text_done) = TEXT_INIT,
			  request CLEANUP(text_done) = TEXT_INIT;
	struct tls stream, tls;

	assert_int_equal(tls_try(*state, "NORMAL", &stream), 0);
	tls_say(&stream, "GET /v2.0/portwall/events HTTP/1.1\r\nHost: x\r\n" BASIC_ADMIN "\r\n");
	assert_true(tls_hear_until(&stream, &heard, ": alive\n\n"));
	assert_int_equal(tls_try(*state, "NORMAL", &tls), 0);
	text_add(&body, "{\"security_groups\":[");
	for (int i = 0; i < 1000; i++)
		text_addf(&body,
			"%s{\"name\":\"group-%d\",\"description\":\"%0100d\","
			"\"project_id\":\"default\"}", /* which has no quota */
			i ? "," : "", i, 0);
	text_add(&body, "]}");
	text_addf(&request,
		"POST /v2.0/security-groups HTTP/1.1\r\nHost: x\r\n%sContent-Length: %zu\r\n\r\n%s",
		BASIC_ADMIN, body.len, body.data);
	for (size_t sent = 0; sent < request.len;) {
		ssize_t put =
			gnutls_record_send(tls.session, request.data + sent, request.len - sent);

		assert_true(put > 0);
		sent += (size_t)put;
	}
	text_clear(&body);
	assert_true(tls_hear_until(&tls, &body, "\"name\":\"group-999\""));
	assert_true(tls_hear_until(&stream, &heard, "event: change"));
	tls_end(&tls);
	tls_end(&stream);
}

static void who_is_too_slow_is_told_408_in_the_clear_and_over_tls(void **state)
{
	struct text heard CLEANUP(text_done) = TEXT_INIT;
	int fd = wire_dial_tcp(*state, WIRE_PLAIN), silent = wire_dial_tcp(*state, WIRE_TLS);
	struct tls tls;

	assert_int_equal(tls_try(*state, "NORMAL", &tls), 0);
	tls_say(&tls, "GET /v2.0/ports HTTP/1.1\r\nHo");
	wire_say(fd, "GET /v2.0/ports HTTP/1.1\r\nHo");
	assert_int_equal(wire_hear_answer(fd, &heard), 408);
	text_clear(&heard);
	assert_true(tls_hear_until(&tls, &heard, "\"RequestTimeout\""));
	assert_true(text_has_prefix(heard.data, "HTTP/1.1 408 "));
	assert_false(tls_hear_until(&tls, &heard, "nothing more"));
	/* who has not even begun to speak TLS is cut off without a word */
	text_clear(&heard);
	assert_false(wire_hear_more(silent, &heard));
	assert_int_equal(heard.len, 0);
	tls_end(&tls);
	close(silent);
	close(fd);
}

static void what_is_no_tls_harms_nobody(void **state)
{
	struct text heard CLEANUP(text_done) = TEXT_INIT;
	struct tls tls;

	for (int i = 0; i < 50; i++) {
		int fd = wire_dial_tcp(*state, WIRE_TLS);

		wire_say(fd, i % 2 ? "GET / HTTP/1.1\r\n\r\n" : "\x16\x03\x01\xff\xff\x01");
		close(fd);
	}
	assert_int_equal(tls_try(*state, "NORMAL", &tls), 0);
	tls_say(&tls, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_true(tls_hear_until(&tls, &heard, "HTTP/1.1 "));
	tls_end(&tls);
	wire_wait_for(*state, "portwall_connections", 1, 1);
}

#define CASE(name)  cmocka_unit_test_setup_teardown(name, set_up, wire_teardown)
#define SHORT(name) cmocka_unit_test_setup_teardown(name, set_up_short, wire_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(who_says_nothing_or_something_wrong_is_401),
		CASE(roles_decide_what_may_be_done),
		CASE(a_body_behind_a_password_comes_whole),
		CASE(where_nobody_is_asked_everybody_may_be_somebody),
		CASE(a_browser_does_not_ask_for_somebody_else),
		CASE(a_short_lived_token_works_and_ends),
		CASE(a_user_who_is_taken_away_is_gone_at_once),
		CASE(while_passwords_hang_who_is_known_is_answered),
		CASE(the_end_does_not_wait_for_passwords),
		CASE(when_who_looks_at_passwords_dies_the_door_ends),
		CASE(one_address_has_not_all_connections),
		CASE(tcp_leaves_connections_for_the_unix_socket),
		CASE(what_is_too_large_is_told),
		CASE(tls_1_2_and_1_3_are_spoken_and_nothing_older),
		CASE(large_answers_and_events_come_over_tls),
		SHORT(who_is_too_slow_is_told_408_in_the_clear_and_over_tls),
		CASE(what_is_no_tls_harms_nobody),
	};
	struct rlimit files;

	if (getenv("F"))
		cmocka_set_test_filter(getenv("F"));
	/* more connections than a process may have by default */
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max < 4096 ? files.rlim_max : 4096;
	setrlimit(RLIMIT_NOFILE, &files);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
