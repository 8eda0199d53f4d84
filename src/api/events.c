// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What happened, as readers of the event stream get it (text/event-stream). It is kept once, for all of them: a reader has
 * only the number of the event that it is at. The log is the bounded queue of each: who is so slow that his next event is
 * gone is dropped, and can come again with Last-Event-ID.
 */
#include "api/request.h"

#include <stdlib.h>
#include <string.h>

void events_init(struct event_log *log)
{
	log->first = log->next = 1;
}

static struct event_entry *slot(struct event_log *log, uint64_t number)
{
	return &log->ring[number % LIMIT_API_EVENTS];
}

static void drop_oldest(struct event_log *log)
{
	struct event_entry *entry = slot(log, log->first);

	log->size -= entry->size;
	free(entry->text);
	*entry = (struct event_entry){ 0 };
	log->first++;
}

void events_done(struct event_log *log)
{
	while (log->first < log->next)
		drop_oldest(log);
}

const struct event_entry *events_get(const struct event_log *log, uint64_t number)
{
	return number >= log->first && number < log->next ? &log->ring[number % LIMIT_API_EVENTS]
							  : NULL;
}

/* A name of an event is one line of it: what is no letter would begin something else. */
static void add_name(struct text *out, const char *what)
{
	for (; *what; what++)
		if (*what == '-' || (*what >= 'a' && *what <= 'z'))
			text_add_n(out, what, 1);
}

void events_add(struct door *door, const char *what, json_t *data)
{
	struct event_log *log = door->events;
	struct text entry = TEXT_INIT;
	uint64_t number = log->next;

	text_addf(&entry, "id: %llu\nevent: ", (unsigned long long)number);
	add_name(&entry, what);
	text_add(&entry, "\ndata: ");
	json_add(&entry, data);
	text_add(&entry, "\n\n");
	json_decref(data);
	while (log->first < log->next && (log->next - log->first == LIMIT_API_EVENTS ||
						 log->size + entry.len > LIMIT_API_EVENT_BYTES))
		drop_oldest(log);
	*slot(log, number) = (struct event_entry){ number, entry.data, entry.len };
	log->size += entry.len;
	log->next++;
	if (door->happened)
		door->happened(door->data);
}
