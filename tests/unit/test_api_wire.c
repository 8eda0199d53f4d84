// SPDX-License-Identifier: GPL-2.0-or-later
/* The door as its clients meet it: a process of its own behind a real socket, with an engine that can be stopped and killed. */
#include "unit.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "apiwire.h"
#include "random.h"

/* What was freed is soon taken again: else a bound on memory would measure the sanitizer. */
// NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): its name
const char *__asan_default_options(void);
const char *__asan_default_options(void)
// NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)
{
	return "quarantine_size_mb=1:thread_local_quarantine_size_kb=64";
}

static const char policy_text[] = "security_groups:\n"
				  "- name: web\n"
				  "  security_group_rules: [{direction: egress}]\n"
				  "ports:\n"
				  "- name: web\n"
				  "  device: tap-web\n"
				  "  mac_address: fa:16:3e:00:00:01\n"
				  "  security_groups: [web]\n";

static const char new_group[] = "POST /v2.0/security-groups HTTP/1.1\r\nHost: x\r\n"
				"Content-Length: 22\r\n\r\n{\"security_group\": {}}";

/* --- cases --- */

static void a_client_applies_a_policy_and_finds_it(void **state)
{
	struct text body CLEANUP(text_done) = TEXT_INIT;
	struct api_client *client CLEANUP(api_client_close) = wire_client(*state);
	struct err err;
	unsigned status;

	assert_int_equal(
		wire_call(client, "PUT", "/v2.0/portwall/policy?dry_run=true", policy_text, &body),
		200);
	assert_non_null(strstr(body.data, "\"dry_run\":true"));
	assert_int_equal(wire_call(client, "GET", "/v2.0/ports", NULL, &body), 200);
	assert_string_equal(body.data, "{\"ports\":[]}");
	assert_int_equal(
		wire_call(client, "PUT", "/v2.0/portwall/policy", policy_text, &body), 200);
	assert_int_equal(
		wire_call(client, "GET", "/v2.0/ports?name=web&fields=status", NULL, &body), 200);
	assert_string_equal(body.data, "{\"ports\":[{\"status\":\"ACTIVE\"}]}");
	assert_true(api_request_if(client, "PUT", "/v2.0/portwall/policy", 1, policy_text,
		strlen(policy_text), &status, &body, &err));
	assert_int_equal(status, 200);
	assert_true(api_request_if(client, "PUT", "/v2.0/portwall/policy", 0, policy_text,
		strlen(policy_text), &status, &body, &err));
	assert_int_equal(status, 412);
	assert_false(api_check(status, &body, &err));
	assert_int_equal(err.kind, ERR_CONFLICT);
	assert_non_null(strstr(err.text, "current revision is 1"));
	assert_true(strlen(err.next_step) > 0);
}

static void that_there_is_no_daemon_is_told_apart(void **state)
{
	const struct wire *wire = *state;
	struct api_client *client;
	struct sockaddr_un address;
	char path[128];
	struct err err;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(path, sizeof(path), "%s/nosuch", wire->folder);
	assert_false(api_client_open(path, &client, &err));
	assert_true(api_is_absent(&err));
	assert_int_equal(err.sys, ENOENT);
	/* a socket that a daemon left behind */
	address.sun_family = AF_UNIX;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_false(api_client_open(path, &client, &err));
	assert_true(api_is_absent(&err));
	assert_int_equal(err.sys, ECONNREFUSED);
	close(fd);
	unlink(path);
	/* too long for a socket: something else is wrong */
	memset(path, 'x', sizeof(path) - 1);
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	assert_false(api_client_open(path, &client, &err));
	assert_false(api_is_absent(&err));
}

static void of_two_that_write_at_once_one_wins(void **state)
{
	static const char *const bodies[] = { "security_groups: [{name: a}]",
		"security_groups: [{name: b}]" };
	struct text heard[2] = { TEXT_INIT, TEXT_INIT };
	unsigned statuses[2];
	int fds[2];

	for (int i = 0; i < 2; i++) {
		char request[256];

		fds[i] = wire_dial(*state);
		snprintf(request, sizeof(request),
			"PUT /v2.0/portwall/policy HTTP/1.1\r\nHost: x\r\nIf-Match: \"0\"\r\n"
			"Content-Length: %zu\r\n\r\n%s",
			strlen(bodies[i]), bodies[i]);
		wire_say(fds[i], request);
	}
	for (int i = 0; i < 2; i++) {
		statuses[i] = wire_hear_answer(fds[i], &heard[i]);
		close(fds[i]);
		text_done(&heard[i]);
	}
	assert_int_equal(statuses[0] + statuses[1], 200 + 412);
}

static void what_is_too_large_or_not_there_is_told(void **state)
{
	struct text heard CLEANUP(text_done) = TEXT_INIT;
	struct text request CLEANUP(text_done) = TEXT_INIT;
	static const struct {
		const char *head;
		char filler;
		size_t n;
		const char *end;
		unsigned status;
		const char *says;
	} cases[] = {
		{ "POST /v2.0/ports HTTP/1.1\r\nHost: x\r\nContent-Length: 1048577\r\n\r\n", 0, 0,
			"", 413, "1048576" },
		{ "POST /v2.0/ports HTTP/1.1\r\nHost: x\r\nContent-Length: "
		  "99999999999999999\r\n\r\n",
			0, 0, "", 413, "larger" },
		{ "POST /v2.0/ports HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
		  "chunked\r\n\r\n100001\r\n",
			' ', 0x100001, "\r\n0\r\n\r\n", 413, "larger" },
		{ "DELETE /v2.0/ports/x HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx", 0, 0,
			"", 413, "without a body" },
		{ "GET /v2.0/ports HTTP/1.1\r\nHost: x\r\nX-Long: ", 'a', 20000, "\r\n\r\n", 431,
			"headers have" },
		{ "GET /v2.0/ports?name=", 'a', 20000, " HTTP/1.1\r\nHost: x\r\n\r\n", 431,
			"headers have" },
		{ "GET /v2.0/ports HTTP/1.1\r\nHost: x\r\nX-Long: ", 'a', 200000, "\r\n\r\n", 431,
			"" },
		{ "GET /nosuch HTTP/1.1\r\nHost: x\r\n\r\n", 0, 0, "", 404, "could not be found" },
		{ "PATCH /v2.0/ports HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", 0, 0, "",
			405, "Allow: GET, HEAD, POST" },
		{ "BREW /v2.0/ports HTTP/1.1\r\nHost: x\r\n\r\n", 0, 0, "", 405, "Allow: " },
		{ "POST /v2.0/ports HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n{", 0, 0, "",
			400, "MalformedRequestBody" },
		{ "POST /v2.0/ports HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n", '[',
			100000, "", 400, "deep" },
		{ "HEAD /v2.0/ports HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 0, 0, "", 0,
			"" },
	};

	for (size_t i = 0; i < N_OF(cases); i++) {
		unsigned status;

		text_clear(&request);
		text_add(&request, cases[i].head);
		for (size_t n = 0; n < cases[i].n; n++)
			text_add_n(&request, &cases[i].filler, 1);
		text_add(&request, cases[i].end);
		status = wire_ask(*state, request.data, request.len, &heard);
		/* HEAD has a length and no body: the end comes instead */
		if (status != cases[i].status || !strstr(heard.data, cases[i].says))
			fail_msg("%.60s: %u, %s", cases[i].head, status, heard.data);
	}
	assert_memory_equal(heard.data, "HTTP/1.1 200 ", 13);
	assert_int_equal(wire_get(*state, "/healthz", &heard), 200);
}

static void a_connection_serves_one_request_after_the_other(void **state)
{
	struct text heard CLEANUP(text_done) = TEXT_INIT;
	int fd = wire_dial(*state);

	/* one that waits for what may be sent, */
	wire_say(fd,
		"POST /v2.0/security-groups HTTP/1.1\r\nHost: x\r\nContent-Length: 22\r\nExpect: "
		"100-continue\r\n\r\n");
	wire_hear_until(fd, &heard, "HTTP/1.1 100 Continue\r\n\r\n");
	text_clear(&heard);
	wire_say(fd, "{\"security_group\": {}}");
	assert_int_equal(wire_hear_answer(fd, &heard), 201);
	assert_non_null(strstr(heard.data, "ETag: \"1\""));
	text_clear(&heard);
	/* and two at once */
	wire_say(fd, "GET /v2.0/portwall/status HTTP/1.1\r\nHost: x\r\n\r\n"
		     "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
	wire_hear_until(fd, &heard, "\"kernel_revision\":1");
	wire_hear_until(fd, &heard, "\"status\":\"well\"");
	close(fd);
}

/* A body that comes piece by piece is put together. */
static void a_body_may_come_in_pieces(void **state)
{
	static const char request[] =
		"POST /v2.0/security-groups HTTP/1.1\r\nHost: x\r\nContent-Length: 40\r\n\r\n"
		"{\"security_group\": {\"name\": \"pieces\"}}  ";
	struct text heard CLEANUP(text_done) = TEXT_INIT;
	int fd = wire_dial(*state);

	for (size_t i = 0; i < sizeof(request) - 1; i++)
		wire_say_n(fd, &request[i], 1);
	assert_int_equal(wire_hear_answer(fd, &heard), 201);
	assert_non_null(strstr(heard.data, "\"name\":\"pieces\""));
	close(fd);
}

static int open_stream(const struct wire *wire, const char *headers, struct text *heard)
{
	char request[256];
	int fd = wire_dial(wire);

	snprintf(request, sizeof(request),
		"GET /v2.0/portwall/events HTTP/1.1\r\nHost: x\r\n%s\r\n", headers);
	wire_say(fd, request);
	if (heard)
		wire_hear_until(fd, heard, ": alive\n\n");
	return fd;
}

static void events_come_as_they_happen_and_are_there_for_who_comes_back(void **state)
{
	struct text heard CLEANUP(text_done) = TEXT_INIT, again CLEANUP(text_done) = TEXT_INIT,
			  body CLEANUP(text_done) = TEXT_INIT;
	struct api_client *client CLEANUP(api_client_close) = wire_client(*state);
	char header[64];
	const char *id;
	int fd = open_stream(*state, "", &heard);

	assert_non_null(strstr(heard.data, "Content-Type: text/event-stream"));
	for (int i = 1; i <= 3; i++) {
		char wanted[32];

		assert_int_equal(wire_call(client, "POST", "/v2.0/security-groups",
					 "{\"security_group\": {}}", &body),
			201);
		snprintf(wanted, sizeof(wanted), "\"revision\":%d,", i);
		wire_hear_until(fd, &heard, wanted);
	}
	close(fd);
	/* behind the first one */
	id = strstr(heard.data, "id: ") + 4;
	snprintf(header, sizeof(header), "Last-Event-ID: %lu\r\n", strtoul(id, NULL, 10));
	fd = open_stream(*state, header, NULL);
	wire_hear_until(fd, &again, "\"revision\":3,");
	assert_non_null(strstr(again.data, "\"revision\":2,"));
	assert_null(strstr(again.data, "\"revision\":1,"));
	close(fd);
}

static bool stop_at_change(void *data, const char *bytes, size_t size)
{
	text_add_n(data, bytes, size);
	return !strstr(((struct text *)data)->data, "\"revision\":1,");
}

static void the_client_follows_events(void **state)
{
	struct text heard CLEANUP(text_done) = TEXT_INIT, body CLEANUP(text_done) = TEXT_INIT;
	struct api_client *client CLEANUP(api_client_close) = wire_client(*state);
	struct err err;
	pid_t other = fork();

	if (other == 0) {
		/* until somebody listens, so that it is not too early */
		while (wire_metric(*state, "portwall_streams") < 1)
			poll(NULL, 0, 10);
		_exit(wire_ask(*state, new_group, strlen(new_group), &body) != 201);
	}
	assert_true(api_stream(client, "/v2.0/portwall/events", stop_at_change, &heard, &err));
	waitpid(other, NULL, 0);
	assert_non_null(strstr(heard.data, "event: change"));
	assert_false(api_stream(client, "/v2.0/nosuch", stop_at_change, &heard, &err));
	assert_int_equal(err.kind, ERR_INPUT);
}

static void two_hundred_readers_that_do_not_read_stop_nothing_and_are_dropped(void **state)
{
	enum { N = 200 };
	struct text heard CLEANUP(text_done) = TEXT_INIT, body CLEANUP(text_done) = TEXT_INIT;
	struct api_client *client CLEANUP(api_client_close) = wire_client(*state);
	int fds[N], reader;

	for (int i = 0; i < N; i++)
		fds[i] = open_stream(*state, "", NULL);
	reader = open_stream(*state, "", &heard);
	wire_wait_for(*state, "portwall_streams", N + 1, N + 1);
	/* What is told to all of them is more than their sockets and the log hold. */
	for (int i = 0; wire_metric(*state, "portwall_streams_dropped_total") < N; i++) {
		assert_int_equal(
			wire_call(client, "GET", "/v2.0/portwall/findings", NULL, &body), 200);
		/* who reads gets all, and so does a change its answer */
		wire_hear_until(reader, &heard, "rule 2999 was put back");
		assert_int_equal(wire_call(client, "POST", "/v2.0/security-groups",
					 "{\"security_group\": {}}", &body),
			201);
		wire_hear_until(reader, &heard, "event: change");
		assert_non_null(strstr(heard.data, "rule 0 was put back"));
		assert_non_null(strstr(heard.data, "rule 1234 was put back"));
		text_clear(&heard);
		assert_true(i < 100);
	}
	wire_wait_for(*state, "portwall_streams", 1, 1);
	for (int i = 0; i < N; i++)
		close(fds[i]);
	close(reader);
	wire_wait_for(*state, "portwall_streams", 0, 0);
}

static void one_reader_of_events_too_many_is_429(void **state)
{
	struct text heard CLEANUP(text_done) = TEXT_INIT;
	int fds[LIMIT_API_STREAMS];

	for (int i = 0; i < LIMIT_API_STREAMS; i++)
		fds[i] = open_stream(*state, "", NULL);
	wire_wait_for(*state, "portwall_streams", LIMIT_API_STREAMS, LIMIT_API_STREAMS);
	assert_int_equal(wire_get(*state, "/v2.0/portwall/events", &heard), 429);
	assert_non_null(strstr(heard.data, "Retry-After: "));
	for (int i = 0; i < LIMIT_API_STREAMS; i++)
		close(fds[i]);
}

static void one_connection_too_many_is_503(void **state)
{
	static int fds[LIMIT_API_CONNECTIONS];
	struct text heard CLEANUP(text_done) = TEXT_INIT;

	for (int i = 0; i < LIMIT_API_CONNECTIONS; i++)
		fds[i] = wire_dial(*state);
	/* The last of them has been taken when it is answered. */
	wire_say(fds[LIMIT_API_CONNECTIONS - 1], "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_int_equal(wire_hear_answer(fds[LIMIT_API_CONNECTIONS - 1], &heard), 200);
	assert_int_equal(wire_get(*state, "/healthz", &heard), 503);
	assert_non_null(strstr(heard.data, "TooManyConnections"));
	assert_non_null(strstr(heard.data, "Connection: close"));
	for (int i = 0; i < LIMIT_API_CONNECTIONS; i++)
		close(fds[i]);
	while (wire_get(*state, "/healthz", &heard) != 200)
		poll(NULL, 0, 10);
}

static const struct door_times short_times = { .request_s = 2,
	.idle_s = 4,
	.answer_s = 60,
	.wait_s = 2,
	.state_s = 1,
	.proof_s = 60,
	.health_s = 2,
	.ping_s = 1 };

static int setup_short(void **state)
{
	*state = calloc(1, sizeof(struct wire));
	wire_start(*state, &short_times);
	return 0;
}

/* --- requests that are none --- */

static void add_noise(struct text *out, struct random *random)
{
	static const char *const pieces[] = { "GET ", "POST ", "PUT ", "DELETE ", "/v2.0/",
		"security-groups", "security-group-rules", "ports", "address-groups",
		"portwall/policy", "?fields=id", "?dry_run=true", "&name=", "%00", "%ff", "%2f",
		"/", " HTTP/1.1", " HTTP/1.0", " HTTP/9.9", "\r\n", "\n", "\r", "\r\n\r\n",
		"Host: x", "Content-Length: ", "Transfer-Encoding: chunked", "If-Match: *",
		"Expect: ", "Last-Event-ID: 18446744073709551616", "{\"port\": {",
		"{\"security_group\": {}}", "\"name\": ", "[[[[", "}}", "null", "1e999", "-1",
		"99999999999999999999", "\"\\u0000\"", "\"\\ud800\"",
		"security_groups:\n- name: a\n", "&a [*a]", "\xff\xfe", "\t", ": ", "0", "5",
		"ffffffffffffffff" };
	size_t n = random_below(random, 14);

	for (size_t i = 0; i < n; i++)
		text_add(out, pieces[random_below(random, N_OF(pieces))]);
}

/* Mostly something that gets far: a request line, headers, a body of some length. */
static void make_request(struct text *out, struct random *random)
{
	static const char *const starts[] = { "POST /v2.0/security-groups", "POST /v2.0/ports",
		"PUT /v2.0/portwall/policy", "POST /v2.0/security-group-rules", "GET /v2.0/ports?",
		"PUT /v2.0/ports/", "DELETE /v2.0/", "POST /v2.0/address-groups",
		"POST /v2.0/networks", "POST /v2.0/subnets", "PUT /v2.0/quotas/",
		"POST /v2.0/rbac-policies", "PUT /v2.0/security-groups/x/tags/",
		"GET /v2.0/networks?limit=", "POST /v2.0/default-security-group-rules",
		"GET /v2.0/extensions/" };
	struct text body CLEANUP(text_done) = TEXT_INIT;

	text_clear(out);
	if (random_below(random, 4) == 0) {
		add_noise(out, random);
		text_add(out, "\r\n\r\n");
		return;
	}
	text_add(out, starts[random_below(random, N_OF(starts))]);
	if (random_below(random, 3) == 0)
		add_noise(out, random);
	text_add(out, " HTTP/1.1\r\nHost: x\r\n");
	add_noise(&body, random);
	text_addf(out, "Content-Length: %zu\r\n\r\n", body.len);
	text_add_n(out, body.data, body.len);
}

static size_t resident_of(pid_t pid)
{
	char path[64], line[128] = "", *resident;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
	file = fopen(path, "re");
	assert_non_null(file);
	assert_non_null(fgets(line, sizeof(line), file));
	fclose(file);
	resident = strchr(line, ' '); /* behind all pages */
	assert_non_null(resident);
	return strtoul(resident, NULL, 10) * (size_t)sysconf(_SC_PAGESIZE);
}

/* What came, if anything: what begins to be an answer is enough. */
static unsigned hear_status(int fd)
{
	struct text heard CLEANUP(text_done) = TEXT_INIT;

	while (!strstr(heard.data, "\r\n\r\n") && wire_hear_more(fd, &heard))
		;
	close(fd);
	return wire_status(heard.data);
}

/* Many at a time, since those that never end are ended by the door, in its time. Adds up what is answered. */
static void make_noise(
	struct wire *wire, struct random *random, unsigned *n_answered, unsigned *n_4xx)
{
	enum { N = 500 };
	struct text requests[N];
	int fds[N];

	for (int i = 0; i < N; i++) {
		requests[i] = (struct text)TEXT_INIT;
		make_request(&requests[i], random);
		fds[i] = wire_dial(wire);
		wire_say_n(fds[i], requests[i].data, requests[i].len);
	}
	for (int i = 0; i < N; i++) {
		unsigned status = hear_status(fds[i]);

		/* 505: it is a version of HTTP that there is not */
		if (status >= 500 && status != 505)
			fail_msg("%u for %s", status, requests[i].data);
		*n_answered += status != 0;
		*n_4xx += status >= 400;
		text_done(&requests[i]);
	}
}

static void ten_thousand_malformed_requests_are_never_5xx_and_cost_nothing(void **state)
{
	struct wire *wire = *state;
	struct random random = random_seeded_or(20261127);
	unsigned n_answered = 0, n_4xx = 0;
	size_t before;

	/* what is needed once is there */
	make_noise(wire, &random, &n_answered, &n_4xx);
	before = resident_of(wire->door);
	for (int i = 0; i < 20; i++)
		make_noise(wire, &random, &n_answered, &n_4xx);
	assert_true(n_answered > 7000);
	assert_true(n_4xx > 6000);
	wire_wait_for(wire, "portwall_connections", 1, 1);
	wire_wait_for(wire, "portwall_request_bytes", 0, 0);
	assert_true(resident_of(wire->door) < before + (size_t)16 * 1024 * 1024);
}

/* --- the engine on a bad day --- */

static void a_hanging_engine_is_504_and_ill_and_recovers(void **state)
{
	struct wire *wire = *state;
	struct text heard CLEANUP(text_done) = TEXT_INIT;

	while (wire_get(wire, "/healthz", &heard) != 200)
		poll(NULL, 0, 10);
	kill(wire->engine, SIGSTOP);
	assert_int_equal(wire_ask(wire, new_group, strlen(new_group), &heard), 504);
	assert_non_null(strstr(heard.data, "stored as revision 1"));
	while (wire_get(wire, "/healthz", &heard) != 503)
		poll(NULL, 0, 10);
	assert_non_null(strstr(heard.data, "has not answered for"));
	/* what needs no engine is answered */
	assert_int_equal(wire_get(wire, "/v2.0/security-groups", &heard), 200);
	kill(wire->engine, SIGCONT);
	while (wire_get(wire, "/healthz", &heard) != 200)
		poll(NULL, 0, 10);
	assert_non_null(strstr(heard.data, "\"kernel_revision\":1"));
}

static void when_the_engine_dies_who_waits_is_told_and_the_door_ends(void **state)
{
	struct wire *wire = *state;
	struct text heard CLEANUP(text_done) = TEXT_INIT;
	int fd = wire_dial(wire);

	kill(wire->engine, SIGSTOP);
	wire_say(fd, new_group);
	while (wire_get(wire, "/v2.0/security-groups?fields=name", &heard) != 200 ||
		!strstr(heard.data, "[{"))
		poll(NULL, 0, 10);
	kill(wire->engine, SIGKILL);
	text_clear(&heard);
	assert_int_equal(wire_hear_answer(fd, &heard), 503);
	assert_non_null(strstr(heard.data, "stored as revision 1"));
	close(fd);
	assert_int_equal(wire_end(wire), 3);
}

static void sigterm_answers_what_is_open_and_ends_streams(void **state)
{
	struct wire *wire = *state;
	struct text heard CLEANUP(text_done) = TEXT_INIT, stream CLEANUP(text_done) = TEXT_INIT;
	int events = open_stream(wire, "", &stream), fd = wire_dial(wire);

	kill(wire->engine, SIGSTOP);
	wire_say(fd, new_group);
	wire_hear_until(events, &stream, "event: change");
	kill(wire->door, SIGTERM);
	/* the stream ends first, so the signal was taken */
	while (wire_hear_more(events, &stream))
		;
	kill(wire->engine, SIGCONT);
	assert_int_equal(wire_hear_answer(fd, &heard), 201);
	assert_int_equal(wire_end(wire), 0);
	close(fd);
	close(events);
}

static void who_is_too_slow_with_a_request_is_told_408(void **state)
{
	static const char *const beginnings[] = { "", "GET /v2.0/po", "GET / HTTP/1.1\r\nHost: ",
		"POST /v2.0/ports HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{\"po" };
	struct text heard CLEANUP(text_done) = TEXT_INIT;
	int fds[N_OF(beginnings)], trickle = wire_dial(*state);

	for (size_t i = 0; i < N_OF(beginnings); i++) {
		fds[i] = wire_dial(*state);
		wire_say(fds[i], beginnings[i]);
	}
	for (size_t i = 0; i < N_OF(beginnings); i++) {
		text_clear(&heard);
		assert_int_equal(wire_hear_answer(fds[i], &heard), 408);
		assert_non_null(strstr(heard.data, "\"RequestTimeout\""));
		assert_false(wire_hear_more(fds[i], &heard));
		close(fds[i]);
	}
	/* who goes on and on is no better */
	text_clear(&heard);
	for (struct pollfd poller = { .fd = trickle, .events = POLLIN }; !poll(&poller, 1, 100);)
		wire_say(trickle, "x");
	assert_int_equal(wire_hear_answer(trickle, &heard), 408);
	close(trickle);
	assert_true(wire_metric(*state, "portwall_request_timeouts_total") >= 4);
}

#define CASE(name)  cmocka_unit_test_setup_teardown(name, wire_setup, wire_teardown)
#define SHORT(name) cmocka_unit_test_setup_teardown(name, setup_short, wire_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_client_applies_a_policy_and_finds_it),
		CASE(that_there_is_no_daemon_is_told_apart),
		CASE(of_two_that_write_at_once_one_wins),
		CASE(what_is_too_large_or_not_there_is_told),
		CASE(a_connection_serves_one_request_after_the_other),
		CASE(a_body_may_come_in_pieces),
		CASE(events_come_as_they_happen_and_are_there_for_who_comes_back),
		CASE(the_client_follows_events),
		CASE(two_hundred_readers_that_do_not_read_stop_nothing_and_are_dropped),
		CASE(one_reader_of_events_too_many_is_429),
		CASE(one_connection_too_many_is_503),
		SHORT(ten_thousand_malformed_requests_are_never_5xx_and_cost_nothing),
		SHORT(a_hanging_engine_is_504_and_ill_and_recovers),
		SHORT(when_the_engine_dies_who_waits_is_told_and_the_door_ends),
		CASE(sigterm_answers_what_is_open_and_ends_streams),
		SHORT(who_is_too_slow_with_a_request_is_told_408),
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
