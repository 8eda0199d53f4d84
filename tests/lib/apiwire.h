/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_APIWIRE_H
#define TESTS_APIWIRE_H

#include <sys/types.h>

#include "api/client.h"
#include "apitest.h"
#include "users/users.h"

enum wire_port { WIRE_PLAIN, WIRE_TLS, WIRE_OPEN, N_WIRE_PORTS };

/* The door and the engine of apitest.h, each a process, and clients: the real one, and one that writes bytes. */
struct wire {
	char folder[64], socket_path[96], store_path[96];
	pid_t door, engine;
	int door_status;
	bool door_is_gone;
	/* Of wire_start_tcp: plain and TLS, who has to say who he is, and plain for everybody. */
	pid_t verifier;
	unsigned ports[N_WIRE_PORTS];
	char users_path[96];
	struct users users; /* as wire_save_users writes them */
	struct arena *arena;
};
#define WIRE_FLOOD                                                                                 \
	3000 /* events that findings are answered with: fewer than a reader may be behind */
#define WIRE_FAILED 3 /* what the door exits with when it ended by an error */

/* With the times of limits.h (times NULL: api_run itself), or others. Every step is asserted. */
void wire_start(struct wire *wire, const struct door_times *times);
/*
 * And over TCP, with three users, whose password is WIRE_PASSWORD: "reader", "member", "admin", of the project "one" but for the admin.
 */
void wire_start_tcp(struct wire *wire, const struct door_times *times);
#define WIRE_PASSWORD "correct horse"
void wire_save_users(struct wire *wire);
int wire_end(struct wire *wire); /* waits for the door; its exit code, or a signal, negated */
/* cmocka's. The teardown fails when the door did not end well, leaks included. */
int wire_setup(void **state);
int wire_teardown(void **state);

int wire_dial(const struct wire *wire);
int wire_dial_tcp(const struct wire *wire, enum wire_port port);
void wire_say(int fd, const char *text); /* what the other end no longer takes is not sent */
void wire_say_n(int fd, const char *text, size_t size);
bool wire_hear_more(int fd, struct text *heard); /* false at the end */
void wire_hear_until(int fd, struct text *heard, const char *wanted);
/* Of an answer's first line; 0: it is none. */
unsigned wire_status(const char *heard);
/* One answer, whose body has a length; its status, 0: there was none. */
unsigned wire_hear_answer(int fd, struct text *heard);
/* "GET /x" and lines of headers, each with its end, to a port; its status. */
unsigned wire_ask_tcp(const struct wire *wire, enum wire_port port, const char *line,
	const char *headers, struct text *heard);
/* On a connection of its own. */
unsigned wire_ask(const struct wire *wire, const char *request, size_t size, struct text *heard);
unsigned wire_get(const struct wire *wire, const char *path, struct text *heard);
double wire_metric(const struct wire *wire, const char *name); /* of /metrics */
void wire_wait_for(const struct wire *wire, const char *name, double least, double most);

struct api_client *wire_client(const struct wire *wire);
unsigned wire_call(struct api_client *client, const char *method, const char *path,
	const char *body, struct text *ret_body);

#endif
