/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RULESET_EBTABLES_H
#define RULESET_EBTABLES_H

#include "packet/field.h"
#include "ruleset/ruleset.h"

/* What the files of this folder share of ebtables; not for others. */

/* A condition of ebtables: (field & mask) lies within [min, max]. It prints as it was written. */
struct ebt_match {
	const char *text;
	enum field field;   /* N_FIELDS: no condition, something that is done: "--log" */
	uint16_t ethertype; /* the frame must be of this one, inverted or not; 0: any */
	struct field_value mask, min, max;
};

/* A target that changes the frame, and what follows. */
struct ebt_target {
	const char *text;
	enum ebt_change {
		EBT_MARK_SET,
		EBT_MARK_OR,
		EBT_MARK_AND,
		EBT_MARK_XOR,
		EBT_SNAT,
		EBT_DNAT
	} change;
	uint32_t mark;
	struct mac mac;
	bool has_arp;		/* EBT_SNAT: the sender in ARP, too */
	enum target_kind after; /* ACCEPT, DROP, RETURN; NONE: goes on */
};

bool table_is_ebtables(const struct table *table);
/* With a space in front of every part. */
void rule_print_ebtables(struct text *out, const struct rule *rule);

#endif
