// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * --watch: what was asked is asked again, and printed when it is another. The service tells of changes by its stream of events;
 * of counters nobody tells, so that it is asked about every second, too. On a terminal each time replaces the one before; elsewhere
 * they follow each other, parted by an empty line.
 */
#include "cmd/objects.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Many changes at once are one; and without one, so long. */
#define PAUSE_MS  200
#define PERIOD_MS 900

struct watching {
	struct invocation *inv;
	struct api_client *client; /* not that of the stream */
	look_fn look;
	void *data;
	struct text last;
	bool has_last, has_failed;
	long long looked_ms;
	struct err *err;
};

static long long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool look_again(struct watching *w)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct talk talk = { .inv = w->inv, .arena = arena, .client = w->client };
	struct text now CLEANUP(text_done) = TEXT_INIT;
	struct text shown CLEANUP(text_done) = TEXT_INIT;

	if (!w->look(&talk, w->data, &now, w->err))
		return false;
	w->looked_ms = now_ms();
	if (w->has_last && !strcmp(now.data, w->last.data))
		return true;
	if (isatty(STDOUT_FILENO))
		text_add(&shown, "\033[H\033[J");
	else if (w->has_last)
		text_add(&shown, "\n");
	w->has_last = true;
	text_clear(&w->last);
	text_add(&w->last, now.data);
	text_add(&shown, now.data);
	output_print_text(&shown);
	return output_finish(w->err);
}

/* Something happened, or nothing did for a second. */
static bool heard(void *data, const char *bytes, size_t size)
{
	struct watching *w = data;

	(void)bytes;
	if (now_ms() - w->looked_ms < (size ? PAUSE_MS : PERIOD_MS))
		return true;
	w->has_failed = !look_again(w);
	return !w->has_failed;
}

bool objects_watch(struct invocation *inv, struct api_client *client, look_fn look, void *data,
	struct err *err)
{
	struct api_client *stream CLEANUP(api_client_close) = NULL;
	struct watching w = { .inv = inv,
		.client = client,
		.look = look,
		.data = data,
		.last = TEXT_INIT,
		.err = err };
	struct err ended;
	bool is_done = look_again(&w) && api_client_open(daemon_socket(), &stream, err);

	if (is_done && !api_stream(stream, "/v2.0/portwall/events", heard, &w, &ended)) {
		*err = ended;
	} else if (is_done && !w.has_failed) {
		err_system(err, 0, "portwall serve has ended");
		err_next(err, "portwall status tells whether it runs again");
	}
	text_done(&w.last);
	return false; /* it ends by a signal, or because it has to */
}
