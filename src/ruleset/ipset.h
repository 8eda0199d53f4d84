/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RULESET_IPSET_H
#define RULESET_IPSET_H

#include "ruleset/ruleset.h"

/* What the files of the parser of ipset save share; not for others. */

struct ipset_type {
	const char *name;
	enum ipset_part parts[IPSET_MAX_PARTS];
};
/* NULL: not known */
const struct ipset_type *ipset_type_find(const char *name);

/* "10.0.0.1,tcp:80": what stands behind "add NAME". netmask: of addresses; 0: whole. */
bool ipset_member_parse(struct arena *arena, const struct ipset_type *type, enum family family,
	uint8_t netmask, const char *text, struct ipset_member *ret);
void ipset_member_print(struct text *out, const struct set *set, const struct ipset_member *member);
/* One set as ipset save prints it. */
void ipset_print(struct text *out, const struct set *set);

#endif
