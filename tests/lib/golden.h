/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_GOLDEN_H
#define TESTS_GOLDEN_H

#include "compile/compile.h"

/*
 * The policies of tests/golden/neutron, compiled for made-up hosts. The host decides how the ports
 * are plugged; ids and zones are those of the driver's saved output.
 */
struct golden {
	const char *name;   /* of our output; of the driver's, if there is one */
	const char *policy; /* NAME.yaml */
	bool has_driver;    /* Neutron's driver wrote a ruleset for it */
	bool is_shared;	    /* all ports on one bridge; else a bridge (qbr, qvb) for each */
	bool is_routed;	    /* that bridge has addresses */
};

extern const struct golden goldens[];
extern const size_t n_goldens;

/* Fails the calling test when the policy is refused. */
const struct policy *golden_policy(struct arena *arena, const struct golden *golden);
const struct ruleset *golden_compile(
	struct arena *arena, const struct golden *golden, const struct policy *policy);
/* Our golden text: all tables, sets, the bridge table. Without the version in the mark. */
void golden_print(struct text *out, const struct ruleset *rs);
/* NAME.END in the folder of the goldens (environment GOLDEN_DIR). */
const char *golden_path(struct arena *arena, const char *name, const char *end);

#endif
