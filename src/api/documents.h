/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef API_DOCUMENTS_H
#define API_DOCUMENTS_H

#include <jansson.h>

#include "policy/parts.h"

/*
 * The parts of a policy as the store keeps them: JSON objects in the shapes of Neutron's API v2.0. A security group has its
 * rules in it, a rule of ICMP has type and code in port_range_min and port_range_max, references are ids. "device" is
 * portwall's own, of a port whose device was named. Each is also an item of a policy file's lists (docs/policy.md).
 */

/* Where the store has the part (store.h). A port without a host is at the host "-"; a "/" in a host's name is "%2F". */
const char *document_key(struct arena *arena, const struct policy_part *part);

/* The key of the list of such parts, in a policy file and in bodies: "security_groups". */
const char *document_list_key(enum part_kind kind);

/* To be given back with json_decref. */
json_t *document_of_part(const struct policy_part *part);
/* One of the rules in a group's. */
json_t *document_of_rule(const struct policy_part *part, size_t i);

/*
 * Back. Values are checked as those of a policy file are, numbers may be texts; what must be there is the id, and a rule's id
 * and direction. Whatever else is there (project_id, tags, status, ...) is not looked at. ERR_INPUT:
 * "security_group_rules[2]: port_range_min: '0' is no port", ERR_LIMIT. What only shows beside other parts is policy_join's to find.
 */
bool document_to_part(struct arena *arena, const json_t *document, enum part_kind kind,
	struct policy_part *ret, struct err *err);

/*
 * Parts in any order as a policy file, each kind in their order. A policy that the file is parsed to is the one that the parts
 * make. ERR_LIMIT: larger than a policy file may be.
 */
bool documents_to_policy_file(
	const struct policy_part *const *parts, size_t n, struct text *ret, struct err *err);

#endif
