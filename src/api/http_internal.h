/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef API_HTTP_INTERNAL_H
#define API_HTTP_INTERNAL_H

#include <microhttpd.h>

#include "api/http.h"

/* What http.c and http_stream.c share. */

/* One socket that listens, and what whoever comes by it is asked for. */
struct listener {
	struct http *http;
	struct MHD_Daemon *daemon;
	bool is_tcp, takes_credentials, has_tls;
};

struct connection {
	struct http *http;
	struct listener *listener;
	struct MHD_Connection *mhd;
	int fd;
	struct connection *next, **at;
	uint64_t due_ms; /* when it will have been too slow; 0: it is not its turn */
	struct exchange *exchange;
	bool is_spare; /* one too many */
	bool is_cut;
	bool is_used; /* it had a request before */
	char peer[PEER_SIZE];
};

struct exchange {
	struct connection *connection;
	struct request *request;
	/* ASKS: before its body, until it is known who asks */
	enum { EXCHANGE_ASKS, EXCHANGE_COMES, EXCHANGE_WAITS, EXCHANGE_GOES } stage;
	size_t n_read, n_memory;
	bool is_counted;
	/* a stream */
	struct exchange *next_stream, **stream_at;
	uint64_t number; /* the event that it is at */
	size_t offset;	 /* and what of it is sent */
	uint64_t sign_ms, moved_ms;
	bool is_suspended;
};

struct http {
	struct door *door;
	struct listener *listeners;
	size_t n_listeners;
	struct connection *connections;
	struct exchange *streams;
	size_t n_exchanges, n_tcp,
		n_spare; /* connections over TCP, and those that are one too many */
	bool is_ending;
	bool has_resumed; /* libmicrohttpd finds out in its next turn, and does not ask for one */
};

/* --- http.c --- */
void connection_cut_off(struct connection *connection);
void exchange_resume(struct exchange *exchange);

/* --- http_stream.c --- */
struct MHD_Response *stream_begin(struct exchange *exchange); /* NULL: there is no memory */
void stream_end(struct exchange *exchange);		      /* of any exchange */
void streams_on_event(void *data);			      /* data: the http */
void streams_wake(struct http *http);
/* What is due: signs of life, and who has been stuck for too long. */
void streams_tick(struct http *http);

#endif
