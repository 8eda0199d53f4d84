// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Who listens on queues of NFQUEUE: /proc/net/netfilter/nfnetlink_queue has a line for each (net/netfilter/nfnetlink_queue.c,
 * seq_show). Where the module is not loaded there is no such file, and no listener.
 */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "kernel/reading.h"

#define FOLDER	  "/proc/net/netfilter"
#define FILE_NAME "nfnetlink_queue"

/* "    0   1234     2 2 65531     0     0       17  1": number, port, waiting, mode, range, dropped, dropped by the program .. */
#define N_NUMBERS 7

static bool parse_line(const char *line, struct packet_queue *ret)
{
	unsigned long numbers[N_NUMBERS];

	for (size_t i = 0; i < N_NUMBERS; i++) {
		char *end;

		numbers[i] = strtoul(line, &end, 10);
		if (end == line)
			return false;
		line = end;
	}
	if (numbers[0] > UINT16_MAX)
		return false;
	*ret = (struct packet_queue){ .number = (uint16_t)numbers[0],
		.n_waiting = (uint32_t)numbers[2],
		.n_dropped = (uint32_t)(numbers[5] + numbers[6]) };
	return true;
}

void reading_queues(struct reading *reading)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;
	VEC(struct packet_queue) queues = { 0 };
	struct err err;

	if (!reading_has(reading, FOLDER, FILE_NAME, "queues"))
		return;
	if (!text_load(&text, FOLDER "/" FILE_NAME, (size_t)LIMIT_QUEUES * 128, &err)) {
		reading_unread(reading, "queues", "%s", err.text);
		return;
	}
	for (const char *line = text.data; *line;
		line += strcspn(line, "\n"), line += *line == '\n') {
		struct packet_queue queue;

		if (parse_line(line, &queue))
			*vec_push(&queues, reading->arena) = queue;
	}
	reading->ns->queues = queues.items;
	reading->ns->n_queues = queues.n;
}
