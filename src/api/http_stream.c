// SPDX-License-Identifier: GPL-2.0-or-later
/* Readers of events: each has a place in the one log, and is suspended when it has told everything. */
#include <stdlib.h>
#include <string.h>

#include "api/http_internal.h"
#include "api/request.h"

#define STREAM_BLOCK_SIZE ((size_t)16 * 1024)
#define STREAM_SIGN_MS	  15000

void stream_end(struct exchange *exchange)
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

static void stream_wake(struct exchange *exchange)
{
	if (!exchange->is_suspended)
		return;
	exchange->is_suspended = false;
	exchange_resume(exchange);
}

static void stream_drop(struct exchange *stream)
{
	if (stream->connection->is_cut)
		return;
	stream->connection->http->door->counts.streams_dropped++;
	connection_cut_off(stream->connection);
	stream_wake(stream);
}

/* There is a new event. Who is behind all that is kept is dropped: his socket has been full for too long. */
void streams_on_event(void *data)
{
	struct http *http = data;

	for (struct exchange *stream = http->streams; stream; stream = stream->next_stream) {
		if (stream->number >= http->door->events->first)
			stream_wake(stream);
		else
			stream_drop(stream);
	}
}

struct MHD_Response *stream_begin(struct exchange *exchange)
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

void streams_wake(struct http *http)
{
	for (struct exchange *stream = http->streams; stream; stream = stream->next_stream)
		stream_wake(stream);
}

void streams_tick(struct http *http)
{
	struct door *door = http->door;

	for (struct exchange *stream = http->streams; stream; stream = stream->next_stream) {
		bool is_stuck = !stream->is_suspended &&
				door->now_ms - stream->moved_ms > door->times.answer_s * 1000ULL;

		if (is_stuck)
			stream_drop(stream);
		else if (stream->sign_ms <= door->now_ms)
			stream_wake(stream);
	}
}
