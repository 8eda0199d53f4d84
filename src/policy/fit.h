/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef POLICY_FIT_H
#define POLICY_FIT_H

#include "policy/parts.h"

/*
 * A shortcut past policy_join for most changes of groups: among 10,000 groups a join takes milliseconds, and a group that no port
 * has changes nothing for any packet. When this says so the parts behind the change are a policy, which is what a join would say;
 * when it is not sure the join is to be asked.
 */

/* The parts of a policy as somebody keeps them, each kind sorted by id. */
struct parts_view {
	const void *data;
	size_t n[N_PART_KINDS];
	const struct policy_part *(*at)(const void *data, enum part_kind kind, size_t i);
};

struct parts_change {
	const struct policy_part *const *puts; /* there or not, they are so then */
	size_t n_puts;
	const char *const *gone;
	const enum part_kind *gone_kinds;
	size_t n_gone;
};

enum fit {
	FIT_UNSURE,
	FIT_VALID,     /* it is a policy then */
	FIT_NO_EFFECT, /* and no port passes another packet, nor another set is needed */
};
enum fit policy_fit(const struct parts_view *view, const struct parts_change *change);

#endif
