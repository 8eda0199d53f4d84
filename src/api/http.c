// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A connection has at most one exchange: a request, and what is answered. An exchange that waits for the engine is suspended
 * until it is answered, and so is a stream that has told everything.
 *
 * A client may be slow, or mean to be: whatever it does, it costs a connection, and what limits.h allows of memory, for a time
 * that is bounded (due_ms). Errors are found as early as they can be; where the body is small it is read to its end first,
 * since many clients do not look at an answer before they have sent everything.
 */
#include <errno.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/credentials.h"
#include "api/http_internal.h"

/* Above LIMIT_API_CONNECTIONS: connections that are taken only to be told so. */
#define SPARE_CONNECTIONS ((size_t)64)
/* What libmicrohttpd keeps for headers: those up to this are answered by us, larger ones by it. */
#define CONNECTION_MEMORY ((size_t)4 * LIMIT_API_HEADER)
/* Bytes of a body that are read and forgotten, so that the client sees why. */
#define DRAIN_SIZE LIMIT_API_BODY

/* --- connections --- */

static void set_due(struct connection *connection, unsigned seconds)
{
	connection->due_ms = seconds ? connection->http->door->now_ms + seconds * 1000ULL : 0;
}

/* libmicrohttpd has no call for it: it finds the end of the socket, and ends the connection. */
void connection_cut_off(struct connection *connection)
{
	connection->is_cut = true;
	connection->due_ms = 0;
	shutdown(connection->fd, SHUT_RDWR);
}

static size_t n_of_peer(const struct http *http, const char *peer)
{
	size_t n = 0;

	for (const struct connection *c = http->connections; c; c = c->next)
		n += !c->is_spare && !strcmp(c->peer, peer);
	return n;
}

/* One more from there would be one too many. */
static bool is_too_many(const struct listener *listener, const char *peer)
{
	const struct http *http = listener->http;

	return http->door->n_connections >= LIMIT_API_CONNECTIONS ||
	       (listener->is_tcp &&
		       (http->n_tcp >= LIMIT_API_TCP || n_of_peer(http, peer) >= LIMIT_API_PEER));
}

/* Those that are too many are taken to be told so, but not all of them. */
static enum MHD_Result on_accept(void *data, const struct sockaddr *address, socklen_t size)
{
	const struct listener *listener = data;
	char peer[PEER_SIZE];

	(void)size;
	peer_print(address, peer);
	return !is_too_many(listener, peer) || listener->http->n_spare < SPARE_CONNECTIONS ? MHD_YES
											   : MHD_NO;
}

static void on_connection(void *data, struct MHD_Connection *mhd, void **context,
	enum MHD_ConnectionNotificationCode code)
{
	struct listener *listener = data;
	struct http *http = listener->http;
	struct connection *connection = *context;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		connection = new_or_die(sizeof(*connection));
		*connection = (struct connection){ .http = http,
			.listener = listener,
			.mhd = mhd,
			.fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)
				      ->connect_fd,
			.next = http->connections,
			.at = &http->connections };
		peer_print(MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS)
				   ->client_addr,
			connection->peer);
		connection->is_spare = is_too_many(listener, connection->peer);
		http->n_spare += connection->is_spare;
		http->n_tcp += listener->is_tcp && !connection->is_spare;
		if (connection->next)
			connection->next->at = &connection->next;
		http->connections = connection;
		http->door->n_connections++;
		set_due(connection, http->door->times.request_s);
		*context = connection;
		return;
	}
	*connection->at = connection->next;
	if (connection->next)
		connection->next->at = connection->at;
	http->door->n_connections--;
	http->n_spare -= connection->is_spare;
	http->n_tcp -= listener->is_tcp && !connection->is_spare;
	free(connection);
	*context = NULL;
}

void exchange_resume(struct exchange *exchange)
{
	exchange->connection->http->has_resumed = true;
	MHD_resume_connection(exchange->connection->mhd);
}

/* --- memory --- */

static bool take_memory(struct exchange *exchange, size_t size)
{
	struct door *door = exchange->connection->http->door;

	if (size > LIMIT_API_MEMORY - door->n_memory)
		return false;
	door->n_memory += size;
	exchange->n_memory += size;
	return true;
}

static void give_memory(struct exchange *exchange)
{
	exchange->connection->http->door->n_memory -= exchange->n_memory;
	exchange->n_memory = 0;
}

/* --- answers --- */

static struct MHD_Response *make_body(struct exchange *exchange)
{
	struct request *request = exchange->request;
	struct answer *answer = &request->answer;
	struct MHD_Response *response;

	if (!take_memory(exchange, answer->body.size)) {
		answer_error(request, 503, "ServiceUnavailable",
			"Try again, or ask for less: fields= and filters make answers small.",
			"There are too many answers under way.");
		answer->retry_after_s = 1;
	}
	if (!answer->body.size)
		return MHD_create_response_from_buffer(0, "", MHD_RESPMEM_PERSISTENT);
	response = MHD_create_response_from_buffer_with_free_callback(
		answer->body.len, answer->body.data, free);
	if (response)
		answer->body = (struct text)TEXT_INIT;
	return response;
}

static void add_headers(struct MHD_Response *response, const struct answer *answer)
{
	char number[32];

	if (answer->content_type && answer->status != 204)
		MHD_add_response_header(
			response, MHD_HTTP_HEADER_CONTENT_TYPE, answer->content_type);
	if (answer->allow)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, answer->allow);
	if (answer->etag) {
		snprintf(number, sizeof(number), "\"%llu\"", (unsigned long long)answer->etag);
		MHD_add_response_header(response, MHD_HTTP_HEADER_ETAG, number);
	}
	if (answer->status == 401)
		MHD_add_response_header(
			response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Basic realm=\"portwall\"");
	if (answer->retry_after_s) {
		snprintf(number, sizeof(number), "%u", answer->retry_after_s);
		MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, number);
	}
}

static void count_answer(struct exchange *exchange)
{
	struct request *request = exchange->request;
	unsigned class = request->answer.status / 100;

	if (exchange->is_counted)
		return;
	exchange->is_counted = true;
	exchange->connection->http->door->counts
		.requests[request->method][class >= 1 && class <= 5 ? class - 1 : 5]++;
}

static enum MHD_Result send_answer(struct exchange *exchange)
{
	struct connection *connection = exchange->connection;
	struct answer *answer = &exchange->request->answer;
	bool is_stream = answer->is_stream;
	struct MHD_Response *response = is_stream ? stream_begin(exchange) : make_body(exchange);
	enum MHD_Result queued;

	if (!response)
		return MHD_NO;
	add_headers(response, answer);
	if (is_stream || connection->is_spare || connection->http->is_ending)
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
	count_answer(exchange);
	exchange->stage = EXCHANGE_GOES;
	set_due(connection, is_stream ? 0 : connection->http->door->times.answer_s);
	queued = MHD_queue_response(connection->mhd, answer->status, response);
	MHD_destroy_response(response);
	return queued;
}

/* --- requests --- */

static enum method method_of(const char *name)
{
	if (!strcmp(name, "HEAD")) /* libmicrohttpd leaves the body out */
		return METHOD_GET;
	for (int m = 0; m < N_METHODS; m++)
		if (!strcmp(name, method_names[m]))
			return m;
	return N_METHODS;
}

static enum MHD_Result add_argument(
	void *data, enum MHD_ValueKind kind, const char *key, const char *value)
{
	struct request *request = data;

	(void)kind;
	/* One more than is allowed is enough to say so. */
	if (request->arguments.n > LIMIT_API_QUERY)
		return MHD_NO;
	*vec_push(&request->arguments, request->arena) =
		(struct argument){ arena_strdup(request->arena, key),
			arena_strdup(request->arena, value ? value : "") };
	return MHD_YES;
}

static const char *header_of(struct request *request, struct MHD_Connection *mhd, const char *name)
{
	const char *value = MHD_lookup_connection_value(mhd, MHD_HEADER_KIND, name);

	return value ? arena_strdup(request->arena, value) : NULL;
}

static bool answer_too_large(struct request *request)
{
	answer_error(request, 413, "RequestTooLarge",
		request->route->max_body ? "Send it in parts, or as a policy file to "
					   "/v2.0/portwall/policy."
					 : "Send it without a body.",
		"The body is larger than %zu bytes.", request->route->max_body);
	return false;
}

static const char *find_header(struct exchange *exchange, const char *name)
{
	return MHD_lookup_connection_value(exchange->connection->mhd, MHD_HEADER_KIND, name);
}

/* What can be said whoever asks. False: it is answered. */
static bool check_head(struct exchange *exchange, struct MHD_Connection *mhd)
{
	struct request *request = exchange->request;
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);

	if (exchange->connection->is_spare) {
		answer_error(request, 503, "TooManyConnections", "Close those that are not used.",
			"There are too many connections already%s%s.",
			*request->peer ? ", of all or from " : "", request->peer);
		request->answer.retry_after_s = 1;
		return false;
	}
	if (info && info->header_size > LIMIT_API_HEADER) {
		answer_error(request, 431, "HeadersTooLarge",
			"Send fewer headers, or a shorter path.",
			"The headers have %zu bytes, more than %zu.", info->header_size,
			LIMIT_API_HEADER);
		return false;
	}
	return route_find(request);
}

static enum who ask_who(struct exchange *exchange, struct MHD_Connection *mhd)
{
	struct request *request = exchange->request;
	const struct listener *listener = exchange->connection->listener;

	if (listener->is_tcp &&
		!access_check_origin(request, find_header(exchange, MHD_HTTP_HEADER_ORIGIN),
			request->host, !listener->takes_credentials))
		return WHO_IS_REFUSED;
	if (listener->takes_credentials)
		/* not copied: they are not to stay longer than the request's head */
		return credentials_ask(request,
			find_header(exchange, MHD_HTTP_HEADER_AUTHORIZATION),
			find_header(exchange, "X-Auth-Token"));
	return access_assume(request, header_of(request, mhd, "X-User-Id"),
		       header_of(request, mhd, "X-Project-Id"), header_of(request, mhd, "X-Roles"))
		       ? WHO_IS_KNOWN
		       : WHO_IS_REFUSED;
}

/* What can be said before the body has come, of somebody who is known. */
static void check_right(struct exchange *exchange)
{
	struct request *request = exchange->request;
	const char *length = find_header(exchange, MHD_HTTP_HEADER_CONTENT_LENGTH);

	if (access_check(request) && length &&
		strtoull(length, NULL, 10) > request->route->max_body)
		answer_too_large(request);
}

/* A small body is taken before an error is answered. */
static enum MHD_Result end_head(struct exchange *exchange)
{
	const char *length = find_header(exchange, MHD_HTTP_HEADER_CONTENT_LENGTH);

	if (!exchange->request->answer.status ||
		(length && strtoull(length, NULL, 10) <= DRAIN_SIZE))
		return MHD_YES;
	return send_answer(exchange);
}

static enum MHD_Result begin_exchange(struct http *http, struct connection *connection,
	const char *url, const char *method, void **context)
{
	struct MHD_Connection *mhd = connection->mhd;
	struct exchange *exchange = new_or_die(sizeof(*exchange));
	struct request *request = request_new(http->door, method_of(method), url);

	exchange->connection = connection;
	exchange->stage = EXCHANGE_COMES;
	request->peer = connection->peer;
	request->is_secret = connection->listener->has_tls;
	exchange->request = request;
	connection->exchange = exchange;
	request->data = exchange;
	http->n_exchanges++;
	*context = exchange;
	set_due(connection, http->door->times.request_s);
	request->if_match = header_of(request, mhd, MHD_HTTP_HEADER_IF_MATCH);
	request->last_event_id = header_of(request, mhd, "Last-Event-ID");
	request->host = header_of(request, mhd, MHD_HTTP_HEADER_HOST);
	MHD_get_connection_values(mhd, MHD_GET_ARGUMENT_KIND, add_argument, request);
	if (!check_head(exchange, mhd))
		return end_head(exchange);
	switch (ask_who(exchange, mhd)) {
	case WHO_IS_ASKED:
		exchange->stage = EXCHANGE_ASKS;
		set_due(connection, 0);
		MHD_suspend_connection(mhd);
		return MHD_YES;
	case WHO_IS_KNOWN:
		check_right(exchange);
		break;
	default:
		break;
	}
	return end_head(exchange);
}

/* It is known, or not, who asks; libmicrohttpd is still at the head. */
static enum MHD_Result go_on(struct exchange *exchange)
{
	exchange->stage = EXCHANGE_COMES;
	set_due(exchange->connection, exchange->connection->http->door->times.request_s);
	if (!exchange->request->answer.status)
		check_right(exchange);
	return end_head(exchange);
}

static enum MHD_Result take_body(struct exchange *exchange, const char *bytes, size_t size)
{
	struct request *request = exchange->request;
	size_t most;

	exchange->n_read += size;
	if (!request->answer.status && exchange->n_read > request->route->max_body)
		answer_too_large(request);
	if (!request->answer.status && !take_memory(exchange, size)) {
		answer_error(request, 503, "ServiceUnavailable", "Try again.",
			"There are too many requests under way.");
		request->answer.retry_after_s = 1;
	}
	if (!request->answer.status) {
		text_add_n(&request->body, bytes, size);
		return MHD_YES;
	}
	text_done(&request->body);
	give_memory(exchange);
	/* A body that has no end is not waited for. */
	most = (request->route ? request->route->max_body : 0) + DRAIN_SIZE;
	return exchange->n_read <= most ? MHD_YES : MHD_NO;
}

static enum MHD_Result end_request(struct exchange *exchange)
{
	struct request *request = exchange->request;

	if (!request->answer.status)
		route_handle(request);
	text_done(&request->body);
	if (request->answer.status)
		return send_answer(exchange);
	exchange->stage = EXCHANGE_WAITS;
	set_due(exchange->connection, 0);
	MHD_suspend_connection(exchange->connection->mhd);
	return MHD_YES;
}

static enum MHD_Result on_access(void *data, struct MHD_Connection *mhd, const char *url,
	const char *method, const char *version, const char *upload, size_t *upload_size,
	void **context)
{
	struct listener *listener = data;
	struct exchange *exchange = *context;
	enum MHD_Result result;

	(void)version;
	if (!exchange)
		return begin_exchange(listener->http,
			MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)
				->socket_context,
			url, method, context);
	if (exchange->stage == EXCHANGE_GOES)
		return MHD_YES;
	if (exchange->stage == EXCHANGE_ASKS)
		return go_on(exchange);
	if (*upload_size) {
		result = take_body(exchange, upload, *upload_size);
		*upload_size = 0;
		return result;
	}
	return exchange->stage == EXCHANGE_WAITS ? send_answer(exchange) : end_request(exchange);
}

static void on_completed(void *data, struct MHD_Connection *mhd, void **context,
	enum MHD_RequestTerminationCode code)
{
	struct http *http = ((struct listener *)data)->http;
	struct exchange *exchange = *context;

	(void)mhd;
	(void)code;
	if (!exchange)
		return;
	*context = NULL;
	stream_end(exchange);
	give_memory(exchange);
	exchange->connection->exchange = NULL;
	exchange->connection->is_used = true;
	set_due(exchange->connection, http->door->times.idle_s);
	request_free(exchange->request);
	http->n_exchanges--;
	free(exchange);
}

/* A request that waited is answered. */
static void on_answered(void *data, struct request *request)
{
	(void)data;
	exchange_resume(request->data);
}

/* --- time --- */

/* What does not fit is not waited for: such a client does not read either. And who has not even agreed on a key reads nothing. */
static bool send_now(struct connection *connection, const char *text, size_t size)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection->mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);

	if (info && info->tls_session)
		return gnutls_record_send(info->tls_session, text, size) == (ssize_t)size &&
		       gnutls_bye(info->tls_session, GNUTLS_SHUT_WR) == 0;
	return send(connection->fd, text, size, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)size;
}

/* Whoever is too slow with a request is told so in the middle of it: libmicrohttpd cannot. */
static void tell_too_slow(struct connection *connection)
{
	static const char body[] =
		"{\"NeutronError\":{\"type\":\"RequestTimeout\",\"message\":\"The request took too "
		"long.\",\"detail\":\"Send it at once, on a new connection.\"}}\n";
	char answer[512];
	int len = snprintf(answer, sizeof(answer),
		"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n"
		"Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
		sizeof(body) - 1, body);

	if (send_now(connection, answer, (size_t)len))
		connection->http->door->counts.timeouts +=
			connection->exchange || !connection->is_used;
	connection_cut_off(connection);
}

void http_tick(struct http *http)
{
	struct door *door = http->door;

	for (struct connection *c = http->connections; c; c = c->next) {
		if (!c->due_ms || c->due_ms > door->now_ms)
			continue;
		if (c->exchange && c->exchange->stage == EXCHANGE_GOES) {
			door->counts.timeouts++;
			connection_cut_off(c);
		} else {
			tell_too_slow(c);
		}
	}
	streams_tick(http);
}

/* --- the daemons --- */

static bool begin_listener(struct listener *listener, const struct api_listener *options,
	const struct tls_pair *tls, struct err *err)
{
	/* no log: a line of it for whatever a client does wrong would be the client's tool */
	unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME;
	const struct MHD_OptionItem of_tls[] = {
		{ MHD_OPTION_HTTPS_MEM_CERT, 0, options->has_tls ? tls->certificate.data : NULL },
		{ MHD_OPTION_HTTPS_MEM_KEY, 0, options->has_tls ? tls->key.data : NULL },
		{ MHD_OPTION_HTTPS_PRIORITIES, 0, TLS_PRIORITIES },
		{ MHD_OPTION_END, 0, NULL },
	};

	listener->is_tcp = options->is_tcp;
	listener->takes_credentials = options->takes_credentials;
	listener->has_tls = options->has_tls;
	listener->daemon = MHD_start_daemon(flags | (options->has_tls ? MHD_USE_TLS : 0), 0,
		on_accept, listener, on_access, listener, MHD_OPTION_LISTEN_SOCKET, options->fd,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)(LIMIT_API_CONNECTIONS + SPARE_CONNECTIONS),
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY, MHD_OPTION_NOTIFY_CONNECTION,
		on_connection, listener, MHD_OPTION_NOTIFY_COMPLETED, on_completed, listener,
		MHD_OPTION_ARRAY, &of_tls[options->has_tls ? 0 : N_OF(of_tls) - 1], MHD_OPTION_END);
	return listener->daemon || err_system(err, errno, "the HTTP server did not start");
}

bool http_open(
	struct door *door, const struct api_options *options, struct http **ret, struct err *err)
{
	struct http *http = new_or_die(sizeof(*http));

	http->door = door;
	http->listeners = new_or_die(options->n_listeners * sizeof(*http->listeners));
	for (size_t i = 0; i < options->n_listeners; i++) {
		struct listener *listener = &http->listeners[http->n_listeners];

		listener->http = http;
		if (!begin_listener(listener, &options->listeners[i], options->tls, err)) {
			http_close(&http);
			return false;
		}
		http->n_listeners++;
	}
	door->answered = on_answered;
	door->happened = streams_on_event;
	door->data = http;
	*ret = http;
	return true;
}

void http_close(struct http **http_p)
{
	struct http *http = *http_p;

	*http_p = NULL;
	if (!http)
		return;
	if (!http->is_ending)
		http_begin_end(http);
	http->door->answered = NULL;
	http->door->happened = NULL;
	/* It will not be stopped while one is suspended. */
	for (struct connection *c = http->connections; c; c = c->next) {
		if (c->exchange && (c->exchange->stage == EXCHANGE_WAITS ||
					   c->exchange->stage == EXCHANGE_ASKS))
			MHD_resume_connection(c->mhd);
		shutdown(c->fd, SHUT_RDWR);
	}
	for (size_t i = 0; i < http->n_listeners; i++)
		MHD_stop_daemon(http->listeners[i].daemon);
	free(http->listeners);
	free(http);
}

int http_fd(const struct http *http, size_t listener)
{
	return MHD_get_daemon_info(http->listeners[listener].daemon, MHD_DAEMON_INFO_EPOLL_FD)
		->epoll_fd;
}

int http_wait_ms(const struct http *http)
{
	MHD_UNSIGNED_LONG_LONG wait_ms, least_ms = 60000;
	bool is_waiting = false;

	if (http->has_resumed)
		return 0;
	for (size_t i = 0; i < http->n_listeners; i++) {
		if (MHD_get_timeout(http->listeners[i].daemon, &wait_ms) != MHD_YES)
			continue;
		is_waiting = true;
		least_ms = wait_ms < least_ms ? wait_ms : least_ms;
	}
	return is_waiting ? (int)least_ms : -1;
}

void http_turn(struct http *http)
{
	http->has_resumed = false;
	for (size_t i = 0; i < http->n_listeners; i++)
		MHD_run(http->listeners[i].daemon);
}

void http_begin_end(struct http *http)
{
	http->is_ending = true;
	for (size_t i = 0; i < http->n_listeners; i++)
		MHD_quiesce_daemon(http->listeners[i].daemon);
	streams_wake(http);
}

bool http_is_idle(const struct http *http)
{
	return !http->n_exchanges;
}
