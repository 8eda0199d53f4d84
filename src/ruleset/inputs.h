/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RULESET_INPUTS_H
#define RULESET_INPUTS_H

#include "base/interned.h"
#include "ruleset/eval.h"

/*
 * What the answer of chains can depend on, in words: of packets with the same interfaces, chains with equal words do the same,
 * in whatever rulesets they are and at whatever places in them. Who keeps the words with an answer need not ask again
 * until they change. More is in them than has to be: words may differ where the answer does not.
 *
 * In order: all rules but those that match no packet of these interfaces, each as its program prints it; the chains
 * that they call; what is in the sets and maps that they name. Long texts are numbers of interned.
 */
struct inputs;

/* Of a ruleset that does not change meanwhile. */
struct inputs *inputs_new(struct arena *arena, const struct ruleset *rs, struct interned *interned);
/* All interfaces of the packet are known. Adds to out. */
void inputs_of_chain(struct inputs *inputs, const struct hook_chain *chain, enum hook hook,
	const struct packet *packet, struct text *out);

#endif
