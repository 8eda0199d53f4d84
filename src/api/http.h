/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef API_HTTP_H
#define API_HTTP_H

#include <sys/socket.h>

#include "api/door.h"

/*
 * HTTP/1.1 over libmicrohttpd, without a thread and without waiting: run.c calls http_turn whenever http_fd is readable, or
 * http_wait_ms have passed. Each listener has a descriptor of its own; what is bounded is bounded over all of them. Nobody outside this folder includes it.
 */
struct http;

/* The sockets stay the caller's; what the listeners need beside is no longer needed when it returns. */
bool http_open(
	struct door *door, const struct api_options *options, struct http **ret, struct err *err);
void http_close(struct http **http); /* for CLEANUP; whoever is connected is cut off */
int http_fd(const struct http *http, size_t listener);
int http_wait_ms(const struct http *http); /* -1: until there is something */
void http_turn(struct http *http);
/* What is due by door->now_ms: clients that are too slow, signs of life for streams. */
void http_tick(struct http *http);
/* Takes no new connections; streams end. Then: is everything answered that came? */
void http_begin_end(struct http *http);
bool http_is_idle(const struct http *http);

/* --- peers.c --- */
#define PEER_SIZE 64
/* "192.0.2.1", "2001:db8:1:2::/64"; "" of a unix socket. */
void peer_print(const struct sockaddr *address, char ret[PEER_SIZE]);

#endif
