// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include "apiwire.h"

#include <fcntl.h>
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
static _Noreturn void be_door(const struct wire *wire, int listen_fd, int engine_fd, int ready_fd,
	const struct door_times *times)
{
	struct api_options options = { wire->store_path, "compute1", listen_fd, engine_fd };
	struct door *door;
	struct err err;
	bool is_fine;

	if (times) {
		is_fine = door_open(wire->store_path, "compute1", &door, &err);
		if (is_fine) {
			door->times = *times;
			is_fine = door_run(door, listen_fd, engine_fd, tell_ready, &ready_fd, &err);
			door_close(&door);
		}
	} else {
		is_fine = api_run(&options, tell_ready, &ready_fd, &err);
	}
	if (!is_fine)
		fprintf(stderr, "# the door: %s\n", err.text);
	exit(is_fine ? 0 : WIRE_FAILED); /* not _exit: leaks are looked for at exit */
}

void wire_start(struct wire *wire, const struct door_times *times)
{
	struct sockaddr_un address;
	int listen_fd, engines[2], ready[2];
	char byte;

	*wire = (struct wire){ .folder = "/tmp/portwall-wire-XXXXXX" };
	assert_non_null(mkdtemp(wire->folder));
	snprintf(wire->socket_path, sizeof(wire->socket_path), "%s/api.sock", wire->folder);
	snprintf(wire->store_path, sizeof(wire->store_path), "%s/store.db", wire->folder);
	address = address_of(wire->socket_path);
	listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listen_fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(listen_fd, 1024), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, engines), 0);
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	fflush(NULL);
	wire->engine = fork();
	if (wire->engine == 0) {
		struct fake_engine fake;

		close(engines[0]);
		close(listen_fd);
		fake_engine_init(&fake);
		fake.n_flood = WIRE_FLOOD;
		fake_engine_run(&fake, engines[1]);
		_exit(0);
	}
	wire->door = fork();
	if (wire->door == 0) {
		close(engines[1]);
		be_door(wire, listen_fd, engines[0], ready[1], times);
	}
	close(listen_fd);
	close(engines[0]);
	close(engines[1]);
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
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
	static const char *const names[] = { "api.sock", "store.db", "store.db-wal",
		"store.db-shm" };
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
