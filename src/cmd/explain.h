/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CMD_EXPLAIN_H
#define CMD_EXPLAIN_H

#include "cmd/cmd.h"
#include "explain/report.h"

/* What the files of the command share. */

void report_print_text(const struct invocation *inv, struct text *out, const struct report *report);
/* is_short: without the path. */
json_t *report_json(const struct report *report, bool is_short);

/* One packet as it is asked for: in words, and where it starts. */
struct question {
	const char *packet, *in, *netns, *state;
	bool from_process;
};
bool question_query(const struct host *host, const struct question *question, struct query *ret,
	struct err *err);
enum exit_code explain_exit(enum final final);

/* explain_packets.c: --packets, a JSON object for each line of the file. */
bool explain_packets(struct invocation *inv, const struct host *host, struct err *err);

#endif
