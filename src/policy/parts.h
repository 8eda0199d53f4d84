/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef POLICY_PARTS_H
#define POLICY_PARTS_H

#include "base/text.h"
#include "policy/check.h"
#include "policy/policy.h"

/*
 * A policy in pieces, for those who keep it in a store, change one object at a time or send it to another process. A
 * part is one object whose references are ids; a policy is parts that are joined, checked as a policy file is.
 */
enum part_kind { PART_GROUP, PART_ADDRESS_GROUP, PART_PORT, N_PART_KINDS };

struct policy_part {
	enum part_kind kind;
	/* As in a policy, but that references (rule.group, rule.remote_group, rule.remote_address_group, port.groups)
	 * are NULL, n_groups 0, members empty, port.is_local false and port.stateful true: policy_join sets them. */
	union {
		struct policy_group group;
		struct policy_address_group address_group;
		struct policy_port port;
	};
	/* PART_GROUP: for each rule; at most one of the two, else NULL. */
	const char **remote_group_ids, **remote_address_group_ids;
	/* PART_PORT */
	const char **group_ids;
	size_t n_group_ids;
};

const char *policy_part_id(const struct policy_part *part);
/* Is it written as the ids of all objects are: a UUID in lower case? */
bool policy_part_is_id(const char *text);

/* For who makes one: the device of a port that names none, and the addresses of an address group. */
const char *whole_tap_name(struct arena *arena, const char *port_id);
/* Sorts, drops what another one covers, and splits by family. */
void prefix_lists_make(struct arena *arena, const struct prefix *prefixes, size_t n,
	struct prefix_list lists[N_IP_FAMILIES]);

/* The parts of a policy, groups first, then address groups, then ports; they point into it. */
void policy_split(
	struct arena *arena, const struct policy *policy, struct policy_part **ret, size_t *ret_n);

/*
 * The policy that parts make, whatever their order: groups and address groups sorted by id, so that equal parts give equal
 * policies. It points into the parts, which must live as long. host: a port whose host is another one is remote; a port
 * without a host is everybody's. Errors (ERR_INPUT, ERR_LIMIT): a reference to nothing, an id or device twice, a port whose
 * groups do not agree, a limit; ret_part: the part that is wrong, its index, or n when it is none alone.
 */
bool policy_join(struct arena *arena, const struct policy_part *const *parts, size_t n,
	const char *host, const struct policy **ret, size_t *ret_part, struct err *err);

/*
 * A part as bytes, and back. What comes back is checked as values of a file are (check.h): no input makes a part that a
 * file could not have made. *at moves behind it.
 */
#define POLICY_PART_LEAST 60 /* bytes: no part has fewer */
void policy_part_encode(struct text *out, const struct policy_part *part);
bool policy_part_decode(struct arena *arena, const char **at, const char *end,
	struct policy_part *ret, struct err *err);

#endif
