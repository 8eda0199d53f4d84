/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CMD_EXPLAIN_H
#define CMD_EXPLAIN_H

#include "cmd/cmd.h"
#include "explain/report.h"
#include "packet/expr.h"

/* What the files of the command share. */

enum colour explain_colour(enum final final);
void report_print_text(const struct invocation *inv, struct text *out, const struct report *report);
/* The way alone, a line a node. */
void report_print_path(const struct invocation *inv, struct text *out, const struct report *report);
/* The rules that took or rewrote the packet, and whose they are. */
void report_print_deciders(struct text *out, const struct report *report);
void report_print_changes(
	const struct invocation *inv, struct text *out, const struct report *report);
/* is_short: without the path. */
json_t *report_json(const struct report *report, bool is_short);

/* One packet as it is asked for: in words, and where it starts. */
struct question {
	const char *packet, *in, *to, *netns, *state;
	bool from_process;
};
/* choices: NULL: of one packet only. */
bool question_query(struct arena *arena, const struct host *host, const struct question *question,
	struct query *ret, struct packet_choices *choices, struct err *err);
/* --in with --netns: many namespaces have an eth0. netns NULL or "": whichever has it. */
bool question_find_link(const struct host *host, const char *netns, const char *name,
	struct query *ret, struct err *err);
/* The command that asks it again, of one packet that is received at a device. */
void question_print(struct text *out, const struct query *query);
/* The packet of the invocation's words, on a host that was read. */
bool explain_on(struct invocation *inv, const struct host *host, struct err *err);
enum exit_code explain_exit(enum final final);
/* The one that is further from delivered. */
enum exit_code explain_worse(enum exit_code a, enum exit_code b);

/* explain_every.c: a set of packets. */
bool explain_a_set(struct invocation *inv, const struct explainer *explainer,
	const struct query *query, const struct packet_choices *choices, struct err *err);

/* explain_packets.c: --packets, a JSON object for each line of the file. */
bool explain_packets(struct invocation *inv, const struct host *host, struct err *err);

/* explain_port.c: at a port of portwall serve; prints JSON. */
struct policy;
struct serve_state;
struct serve_question;
bool explain_port(struct invocation *inv, const struct policy *policy,
	const struct serve_state *state, const struct serve_question *question, struct err *err);

#endif
