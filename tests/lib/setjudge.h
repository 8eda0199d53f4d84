/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_SETJUDGE_H
#define TESTS_SETJUDGE_H

#include "explain/every.h"
#include "random.h"

/*
 * What is said of a set of packets against what is said of single ones: a packet is opened in some of its fields by chance, the
 * set is asked, and then members of it one by one. The parts must be disjoint, all that was asked, and a member of a part of which it
 * is told must end so alone. Of a destination MAC that is opened the one of the host's knowledge is meant, as portwall explain has it. Who sends single packets to a kernel makes it the judge of the sets.
 */
struct set_judged {
	size_t sets, parts, told, cannot_tell, members, members_told, wrong;
};

#define SETJUDGE_WITNESSES 16

/* query: of one packet, everything of it known. addrs: likely addresses of either family. Prints what is wrong; false then. Witnesses
 * of parts of which it is told are put into ret, at most SETJUDGE_WITNESSES. */
bool setjudge_ask(const struct host *host, const struct explainer *explainer,
	const struct query *query, const struct addr *addrs, size_t n_addrs, struct random *random,
	struct set_judged *total, struct packet *ret_witnesses, size_t *ret_n);

#endif
