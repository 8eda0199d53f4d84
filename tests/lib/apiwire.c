// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include "api/credentials.h"
#include "apiwire.h"
#include "tlspair.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

/* For what has to come at all: never waited for when it comes. */
#define PATIENCE_MS 120000

static struct sockaddr_un address_of(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	return address;
}

static void tell_ready(void *data)
{
	assert_int_equal(write(*(int *)data, "r", 1), 1);
}

/* With the times of limits.h, or with short ones for those who wait for the end of a time. */
static _Noreturn void be_door(
	const struct api_options *options, int ready_fd, const struct door_times *times)
{
	struct door *door;
	struct err err;
	bool is_fine;

	if (times) {
		is_fine = door_open(options->store_path, options->host, &door, &err) &&
			  (!options->users_path ||
				  credentials_open(options->users_path, &options->users_owner,
					  &door->credentials, &err));
		if (is_fine) {
			door->times = *times;
			is_fine = door_run(door, options, tell_ready, &ready_fd, &err);
			door_close(&door);
		}
	} else {
		is_fine = api_run(options, tell_ready, &ready_fd, &err);
	}
	if (!is_fine)
		fprintf(stderr, "# the door: %s\n", err.text);
	exit(is_fine ? 0 : WIRE_FAILED); /* not _exit: leaks are looked for at exit */
}

static int listen_unix(struct wire *wire)
{
	struct sockaddr_un address = address_of(wire->socket_path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 1024), 0);
	return fd;
}

static int listen_tcp(unsigned *ret_port)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 1024), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	*ret_port = ntohs(address.sin_port);
	return fd;
}

static pid_t begin_engine(int peer, int other)
{
	pid_t pid = fork();

	if (pid == 0) {
		struct fake_engine fake;

		close(other);
		fake_engine_init(&fake);
		fake.n_flood = WIRE_FLOOD;
		fake_engine_run(&fake, peer);
		_exit(0);
	}
	return pid;
}

static pid_t begin_verifier(int peer, int other)
{
	pid_t pid = fork();

	if (pid == 0) {
		close(other);
		api_verify(peer);
		_exit(0);
	}
	return pid;
}

static void start(struct wire *wire, struct api_options *options, const struct door_times *times)
{
	int engines[2], verifiers[2] = { -1, -1 }, ready[2];
	char byte;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, engines), 0);
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	fflush(NULL);
	wire->engine = begin_engine(engines[1], engines[0]);
	close(engines[1]);
	if (options->users_path) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, verifiers), 0);
		wire->verifier = begin_verifier(verifiers[1], verifiers[0]);
		close(verifiers[1]);
	}
	options->engine_fd = engines[0];
	options->verifier_fd = verifiers[0];
	wire->door = fork();
	if (wire->door == 0)
		be_door(options, ready[1], times);
	for (size_t i = 0; i < options->n_listeners; i++)
		close(options->listeners[i].fd);
	close(engines[0]);
	if (verifiers[0] >= 0)
		close(verifiers[0]);
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
}

static void make_folder(struct wire *wire)
{
	*wire = (struct wire){ .folder = "/tmp/portwall-wire-XXXXXX" };
	assert_non_null(mkdtemp(wire->folder));
	snprintf(wire->socket_path, sizeof(wire->socket_path), "%s/api.sock", wire->folder);
	snprintf(wire->store_path, sizeof(wire->store_path), "%s/store.db", wire->folder);
	snprintf(wire->users_path, sizeof(wire->users_path), "%s/users", wire->folder);
}

void wire_start(struct wire *wire, const struct door_times *times)
{
	struct api_listener listener = { 0 };
	struct api_options options = { .listeners = &listener, .n_listeners = 1 };

	make_folder(wire);
	listener.fd = listen_unix(wire);
	options.store_path = wire->store_path;
	options.host = "compute1";
	start(wire, &options, times);
}

void wire_save_users(struct wire *wire)
{
	const struct secret_owner owner = { geteuid(), getegid() };
	struct err err;

	if (!users_save(&wire->users, wire->users_path, &owner, &err))
		fail_msg("%s", err.text);
}

static void make_users(struct wire *wire)
{
	static const char *const names[] = { "reader", "member", "admin" };
	char hash[PASSWORD_HASH_SIZE];
	struct err err;

	wire->arena = arena_new();
	assert_true(password_hash(WIRE_PASSWORD, hash, &err));
	for (size_t i = 0; i < N_OF(names); i++) {
		struct user *user = users_add(wire->arena, &wire->users, names[i]);

		assert_true(roles_parse(names[i], &user->roles));
		user->project_id = !strcmp(names[i], "admin") ? USERS_PROJECT : "one";
		user->password = arena_strdup(wire->arena, hash);
	}
	wire_save_users(wire);
}

void wire_start_tcp(struct wire *wire, const struct door_times *times)
{
	static const struct api_listener kinds[N_WIRE_PORTS] = {
		[WIRE_PLAIN] = { .is_tcp = true, .takes_credentials = true },
		[WIRE_TLS] = { .is_tcp = true, .takes_credentials = true, .has_tls = true },
		[WIRE_OPEN] = { .is_tcp = true },
	};
	struct tls_pair pair CLEANUP(tls_pair_done) = { TEXT_INIT, TEXT_INIT };
	struct api_listener listeners[1 + N_WIRE_PORTS] = { 0 };
	struct api_options options = { .listeners = listeners,
		.n_listeners = N_OF(listeners),
		.tls = &pair,
		.users_owner = { geteuid(), getegid() } };

	make_folder(wire);
	make_users(wire);
	test_pair_make("localhost", &pair.certificate, &pair.key);
	listeners[0].fd = listen_unix(wire);
	for (int i = 0; i < N_WIRE_PORTS; i++) {
		listeners[1 + i] = kinds[i];
		listeners[1 + i].fd = listen_tcp(&wire->ports[i]);
	}
	options.store_path = wire->store_path;
	options.host = "compute1";
	options.users_path = wire->users_path;
	start(wire, &options, times);
}

int wire_end(struct wire *wire)
{
	if (!wire->door_is_gone)
		waitpid(wire->door, &wire->door_status, 0);
	wire->door_is_gone = true;
	return WIFEXITED(wire->door_status) ? WEXITSTATUS(wire->door_status)
					    : -WTERMSIG(wire->door_status);
}

int wire_setup(void **state)
{
	*state = calloc(1, sizeof(struct wire));
	wire_start(*state, NULL);
	return 0;
}

int wire_teardown(void **state)
{
	static const char *const names[] = { "api.sock", "store.db", "store.db-wal", "store.db-shm",
		"users" };
	struct wire *wire = *state;
	bool may_have_failed = wire->door_is_gone; /* it was looked at */
	char path[128];
	int status;

	if (!wire->door_is_gone)
		kill(wire->door, SIGTERM);
	status = wire_end(wire);
	kill(wire->engine, SIGCONT);
	kill(wire->engine, SIGKILL);
	waitpid(wire->engine, NULL, 0);
	if (wire->verifier) {
		kill(wire->verifier, SIGKILL);
		waitpid(wire->verifier, NULL, 0);
	}
	arena_free(wire->arena);
	for (size_t i = 0; i < N_OF(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", wire->folder, names[i]);
		unlink(path);
	}
	rmdir(wire->folder);
	free(wire);
	if (status == 0 || (status == WIRE_FAILED && may_have_failed))
		return 0;
	fprintf(stderr, "# the door ended with %d\n", status);
	return -1;
}

/* --- a client that writes bytes --- */

int wire_dial(const struct wire *wire)
{
	struct sockaddr_un address = address_of(wire->socket_path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

int wire_dial_tcp(const struct wire *wire, enum wire_port port)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons((uint16_t)wire->ports[port]) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

void wire_say_n(int fd, const char *text, size_t size)
{
	while (size) {
		ssize_t sent = send(fd, text, size, MSG_NOSIGNAL);

		if (sent <= 0)
			return;
		text += sent;
		size -= (size_t)sent;
	}
}

void wire_say(int fd, const char *text)
{
	wire_say_n(fd, text, strlen(text));
}

bool wire_hear_more(int fd, struct text *heard)
{
	struct pollfd poller = { .fd = fd, .events = POLLIN };
	char bytes[65536];
	ssize_t got;

	if (poll(&poller, 1, PATIENCE_MS) != 1)
		fail_msg("nothing came behind: %s", heard->data);
	got = recv(fd, bytes, sizeof(bytes), 0);
	if (got <= 0)
		return false;
	text_add_n(heard, bytes, (size_t)got);
	return true;
}

void wire_hear_until(int fd, struct text *heard, const char *wanted)
{
	while (!strstr(heard->data, wanted))
		if (!wire_hear_more(fd, heard))
			fail_msg("ended without \"%s\": %s", wanted, heard->data);
}

unsigned wire_status(const char *heard)
{
	static const char version[] = "HTTP/1.";
	size_t len = strlen(version);

	if (!text_has_prefix(heard, version) || !heard[len] || heard[len + 1] != ' ')
		return 0;
	return (unsigned)strtoul(heard + len + 2, NULL, 10);
}

unsigned wire_hear_answer(int fd, struct text *heard)
{
	const char *end, *length;
	unsigned status;
	size_t size;

	while (!(end = strstr(heard->data, "\r\n\r\n")))
		if (!wire_hear_more(fd, heard))
			return 0;
	status = wire_status(heard->data);
	if (!status)
		fail_msg("no status: %s", heard->data);
	length = strcasestr(heard->data, "Content-Length:");
	size = (size_t)(end + 4 - heard->data) +
	       (length && length < end ? strtoul(length + 15, NULL, 10) : 0);
	while (heard->len < size)
		if (!wire_hear_more(fd, heard))
			return 0;
	return status;
}

unsigned wire_ask(const struct wire *wire, const char *request, size_t size, struct text *heard)
{
	int fd = wire_dial(wire);
	unsigned status;

	text_clear(heard);
	wire_say_n(fd, request, size);
	status = wire_hear_answer(fd, heard);
	close(fd);
	return status;
}

unsigned wire_ask_tcp(const struct wire *wire, enum wire_port port, const char *line,
	const char *headers, struct text *heard)
{
	struct text request CLEANUP(text_done) = TEXT_INIT;
	int fd = wire_dial_tcp(wire, port);
	unsigned status;

	text_clear(heard);
	text_addf(&request, "%s HTTP/1.1\r\nHost: localhost:%u\r\n%s\r\n", line, wire->ports[port],
		headers);
	wire_say(fd, request.data);
	status = wire_hear_answer(fd, heard);
	close(fd);
	return status;
}

unsigned wire_get(const struct wire *wire, const char *path, struct text *heard)
{
	char request[512];

	snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path);
	return wire_ask(wire, request, strlen(request), heard);
}

double wire_metric(const struct wire *wire, const char *name)
{
	struct text heard CLEANUP(text_done) = TEXT_INIT;
	char line[128];
	const char *found;

	snprintf(line, sizeof(line), "\n%s ", name);
	assert_int_equal(wire_get(wire, "/metrics", &heard), 200);
	found = strstr(heard.data, line);
	if (!found)
		fail_msg("no %s in %s", name, heard.data);
	return found ? strtod(found + strlen(line), NULL) : 0;
}

void wire_wait_for(const struct wire *wire, const char *name, double least, double most)
{
	double value = wire_metric(wire, name);

	while (value < least || value > most) {
		poll(NULL, 0, 20);
		value = wire_metric(wire, name);
	}
}

struct api_client *wire_client(const struct wire *wire)
{
	struct api_client *client;
	struct err err;

	if (!api_client_open(wire->socket_path, &client, &err))
		fail_msg("%s", err.text);
	return client;
}

unsigned wire_call(struct api_client *client, const char *method, const char *path,
	const char *body, struct text *ret_body)
{
	unsigned status;
	struct err err;

	if (!api_request(
		    client, method, path, body, body ? strlen(body) : 0, &status, ret_body, &err))
		fail_msg("%s %s: %s", method, path, err.text);
	return status;
}
