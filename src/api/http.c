// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A connection has at most one exchange: a request, and what is answered. An exchange that waits for the engine is suspended
 * until it is answered, and so is a stream that has told everything.
 *
 * A client may be slow, or mean to be: whatever it does, it costs a connection, and what limits.h allows of memory, for a time
 * that is bounded (due_ms). Errors are found as early as they can be; where the body is small it is read to its end first,
 * since many clients do not look at an answer before they have sent everything.
 */
#include "api/http.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/request.h"

/* Above LIMIT_API_CONNECTIONS: connections that are taken only to be told so. */
#define SPARE_CONNECTIONS 64
/* What libmicrohttpd keeps for headers: those up to this are answered by us, larger ones by it. */
#define CONNECTION_MEMORY ((size_t)4 * LIMIT_API_HEADER)
/* Bytes of a body that are read and forgotten, so that the client sees why. */
#define DRAIN_SIZE	  LIMIT_API_BODY
#define STREAM_BLOCK_SIZE ((size_t)16 * 1024)
#define STREAM_SIGN_MS	  15000

struct connection {
	struct http *http;
	struct MHD_Connection *mhd;
	int fd;
	struct connection *next, **at;
	uint64_t due_ms; /* when it will have been too slow; 0: it is not its turn */
	struct exchange *exchange;
	bool is_spare; /* one too many */
	bool is_cut;
	bool is_used; /* it had a request before */
};

struct exchange {
	struct connection *connection;
	struct request *request;
	enum { EXCHANGE_COMES, EXCHANGE_WAITS, EXCHANGE_GOES } stage;
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
	struct MHD_Daemon *daemon;
	struct connection *connections;
	struct exchange *streams;
	size_t n_exchanges;
	bool is_ending;
	bool has_resumed; /* libmicrohttpd finds out in its next turn, and does not ask for one */
};

static void *new_or_die(size_t size)
{
	void *memory = calloc(1, size);

	if (!memory) {
		fputs("portwall: out of memory\n", stderr);
		abort();
	}
	return memory;
}

/* --- connections --- */

static void set_due(struct connection *connection, unsigned seconds)
{
	connection->due_ms = seconds ? connection->http->door->now_ms + seconds * 1000ULL : 0;
}

/* libmicrohttpd has no call for it: it finds the end of the socket, and ends the connection. */
static void cut_off(struct connection *connection)
{
	connection->is_cut = true;
	connection->due_ms = 0;
	shutdown(connection->fd, SHUT_RDWR);
}

static void on_connection(void *data, struct MHD_Connection *mhd, void **context,
	enum MHD_ConnectionNotificationCode code)
{
	struct http *http = data;
	struct connection *connection = *context;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		connection = new_or_die(sizeof(*connection));
		*connection = (struct connection){ .http = http,
			.mhd = mhd,
			.fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)
				      ->connect_fd,
			.next = http->connections,
			.at = &http->connections,
			.is_spare = http->door->n_connections >= LIMIT_API_CONNECTIONS };
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
	free(connection);
	*context = NULL;
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

/* --- streams --- */

static void end_stream(struct exchange *exchange)
{
	if (!exchange->stream_at)
		return;
	*exchange->stream_at = exchange->next_stream;
	if (exchange->next_stream)
		exchange->next_stream->stream_at = exchange->stream_at;
	exchange->stream_at = NULL;
	exchange->connection->http->door->n_streams--;
}

/* As many events as fit, or what fits of the next one. */
static size_t read_events(struct exchange *exchange, char *out, size_t max)
{
	struct event_log *log = exchange->connection->http->door->events;
	const struct event_entry *entry;
	size_t n = 0;

	while (n < max && (entry = events_get(log, exchange->number))) {
		size_t left = entry->size - exchange->offset;
		size_t size = left < max - n ? left : max - n;

		memcpy(out + n, entry->text + exchange->offset, size);
		n += size;
		exchange->offset += size;
		if (exchange->offset == entry->size) {
			exchange->offset = 0;
			exchange->number++;
		}
	}
	return n;
}

static ssize_t read_stream(void *data, uint64_t at, char *out, size_t max)
{
	static const char sign[] = ": alive\n\n";
	struct exchange *exchange = data;
	struct http *http = exchange->connection->http;
	uint64_t now_ms = http->door->now_ms;
	size_t size;

	(void)at;
	exchange->moved_ms = now_ms;
	if (http->is_ending)
		return MHD_CONTENT_READER_END_OF_STREAM;
	if (exchange->number < http->door->events->first)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	size = read_events(exchange, out, max);
	if (size)
		return (ssize_t)size;
	/* Without one a reader that has gone away would stay until the next event. */
	if (now_ms >= exchange->sign_ms && max >= sizeof(sign) - 1) {
		exchange->sign_ms = now_ms + STREAM_SIGN_MS;
		memcpy(out, sign, sizeof(sign) - 1);
		return sizeof(sign) - 1;
	}
	exchange->is_suspended = true;
	MHD_suspend_connection(exchange->connection->mhd);
	return 0;
}

static void resume(struct exchange *exchange)
{
	exchange->connection->http->has_resumed = true;
	MHD_resume_connection(exchange->connection->mhd);
}

static void wake_stream(struct exchange *exchange)
{
	if (!exchange->is_suspended)
		return;
	exchange->is_suspended = false;
	resume(exchange);
}

static void drop_stream(struct exchange *stream)
{
	if (stream->connection->is_cut)
		return;
	stream->connection->http->door->counts.streams_dropped++;
	cut_off(stream->connection);
	wake_stream(stream);
}

/* There is a new event. Who is behind all that is kept is dropped: his socket has been full for too long. */
static void on_event(void *data)
{
	struct http *http = data;

	for (struct exchange *stream = http->streams; stream; stream = stream->next_stream) {
		if (stream->number >= http->door->events->first)
			wake_stream(stream);
		else
			drop_stream(stream);
	}
}

static struct MHD_Response *make_stream(struct exchange *exchange)
{
	struct http *http = exchange->connection->http;
	struct MHD_Response *response = MHD_create_response_from_callback(
		MHD_SIZE_UNKNOWN, STREAM_BLOCK_SIZE, read_stream, exchange, NULL);

	if (!response)
		return NULL;
	MHD_add_response_header(response, "Cache-Control", "no-cache");
	exchange->number = exchange->request->answer.first;
	exchange->sign_ms = http->door->now_ms; /* at once: the client sees that it is there */
	exchange->moved_ms = http->door->now_ms;
	exchange->next_stream = http->streams;
	exchange->stream_at = &http->streams;
	if (exchange->next_stream)
		exchange->next_stream->stream_at = &exchange->next_stream;
	http->streams = exchange;
	http->door->n_streams++;
	return response;
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
	struct MHD_Response *response = is_stream ? make_stream(exchange) : make_body(exchange);
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

/* What can be said before the body has come. False: it is answered. */
static bool check_head(struct exchange *exchange, struct MHD_Connection *mhd)
{
	struct request *request = exchange->request;
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
	const char *length =
		MHD_lookup_connection_value(mhd, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);

	if (exchange->connection->is_spare) {
		answer_error(request, 503, "TooManyConnections", "Close those that are not used.",
			"There are %d connections already.", LIMIT_API_CONNECTIONS);
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
	if (!access_assume(request, header_of(request, mhd, "X-User-Id"),
		    header_of(request, mhd, "X-Project-Id"), header_of(request, mhd, "X-Roles")) ||
		!route_find(request))
		return false;
	if (length && strtoull(length, NULL, 10) > request->route->max_body)
		return answer_too_large(request);
	return true;
}

static enum MHD_Result begin_exchange(struct http *http, struct connection *connection,
	const char *url, const char *method, void **context)
{
	struct MHD_Connection *mhd = connection->mhd;
	struct exchange *exchange = new_or_die(sizeof(*exchange));
	struct request *request = request_new(http->door, method_of(method), url);
	const char *length;

	exchange->connection = connection;
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
	if (check_head(exchange, mhd))
		return MHD_YES;
	length = MHD_lookup_connection_value(mhd, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
	if (length && strtoull(length, NULL, 10) <= DRAIN_SIZE)
		return MHD_YES;
	return send_answer(exchange);
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
	struct http *http = data;
	struct exchange *exchange = *context;
	enum MHD_Result result;

	(void)version;
	if (!exchange)
		return begin_exchange(http,
			MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)
				->socket_context,
			url, method, context);
	if (exchange->stage == EXCHANGE_GOES)
		return MHD_YES;
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
	struct http *http = data;
	struct exchange *exchange = *context;

	(void)mhd;
	(void)code;
	if (!exchange)
		return;
	*context = NULL;
	end_stream(exchange);
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
	resume(request->data);
}

/* --- time --- */

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

	/* What does not fit is not waited for: such a client does not read either. */
	if (send(connection->fd, answer, (size_t)len, MSG_NOSIGNAL | MSG_DONTWAIT) == len)
		connection->http->door->counts.timeouts +=
			connection->exchange || !connection->is_used;
	cut_off(connection);
}

void http_tick(struct http *http)
{
	struct door *door = http->door;

	for (struct connection *c = http->connections; c; c = c->next) {
		if (!c->due_ms || c->due_ms > door->now_ms)
			continue;
		if (c->exchange && c->exchange->stage == EXCHANGE_GOES) {
			door->counts.timeouts++;
			cut_off(c);
		} else {
			tell_too_slow(c);
		}
	}
	for (struct exchange *stream = http->streams; stream; stream = stream->next_stream) {
		bool is_stuck = !stream->is_suspended &&
				door->now_ms - stream->moved_ms > door->times.answer_s * 1000ULL;

		if (is_stuck)
			drop_stream(stream);
		else if (stream->sign_ms <= door->now_ms)
			wake_stream(stream);
	}
}

/* --- the daemon --- */

bool http_open(struct door *door, int listen_fd, struct http **ret, struct err *err)
{
	struct http *http = new_or_die(sizeof(*http));

	http->door = door;
	http->daemon = MHD_start_daemon(
		/* no log: a line of it for whatever a client does wrong would be the client's tool */
		MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_access, http,
		MHD_OPTION_LISTEN_SOCKET, listen_fd, MHD_OPTION_CONNECTION_LIMIT,
		LIMIT_API_CONNECTIONS + SPARE_CONNECTIONS, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		CONNECTION_MEMORY, MHD_OPTION_NOTIFY_CONNECTION, on_connection, http,
		MHD_OPTION_NOTIFY_COMPLETED, on_completed, http, MHD_OPTION_END);
	if (!http->daemon) {
		free(http);
		return err_system(err, errno, "the HTTP server did not start");
	}
	door->answered = on_answered;
	door->happened = on_event;
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
		if (c->exchange && c->exchange->stage == EXCHANGE_WAITS)
			MHD_resume_connection(c->mhd);
		shutdown(c->fd, SHUT_RDWR);
	}
	MHD_stop_daemon(http->daemon);
	free(http);
}

int http_fd(const struct http *http)
{
	return MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
}

int http_wait_ms(const struct http *http)
{
	MHD_UNSIGNED_LONG_LONG wait_ms;

	if (http->has_resumed)
		return 0;
	if (MHD_get_timeout(http->daemon, &wait_ms) != MHD_YES)
		return -1;
	return wait_ms > 60000 ? 60000 : (int)wait_ms;
}

void http_turn(struct http *http)
{
	http->has_resumed = false;
	MHD_run(http->daemon);
}

void http_begin_end(struct http *http)
{
	http->is_ending = true;
	MHD_quiesce_daemon(http->daemon);
	for (struct exchange *stream = http->streams; stream; stream = stream->next_stream)
		wake_stream(stream);
}

bool http_is_idle(const struct http *http)
{
	return !http->n_exchanges;
}
