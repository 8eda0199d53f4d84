/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef EXPLAIN_REPORT_INTERNAL_H
#define EXPLAIN_REPORT_INTERNAL_H

#include "explain/report.h"
#include "packet/field.h"

/* What the files of the report share. */

/* group.c: false: the chain node is not of a security group. */
bool group_port_find(const struct node *node, struct group_port *ret);
/* What the port lacks, and the rule that its agent would write then; false: it would not help. */
bool group_rule_change(struct arena *arena, const struct node *node, const struct group_port *port,
	const struct owner *owner, struct change *ret);
bool address_pair_change(struct arena *arena, const struct node *node,
	const struct group_port *port, const struct owner *owner, struct change *ret);
void packet_print_service(struct text *out, const struct packet *packet); /* "tcp to port 443" */

/* change.c */
void changes_find(struct arena *arena, const struct explainer *explainer, const struct query *query,
	const struct explanation *explanation, struct changes *ret);

/* match_words.c: does the packet have the field, and was it not left open? */
bool packet_knows(const struct packet *packet, enum field field);
/* A packet as the matches of a rule, " -s 10.0.0.2 -p 4". */
enum matched_parts {
	MATCHED_DEVICES = 1 << 0,
	MATCHED_SRC = 1 << 1,
	MATCHED_DST = 1 << 2,
	MATCHED_SERVICE = 1 << 3 /* protocol, destination port, ICMP type */
};
void packet_print_matches(
	struct text *out, const struct table *table, const struct packet *packet, unsigned parts);

#endif
