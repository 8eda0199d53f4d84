/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATCH_LOSSES_INTERNAL_H
#define WATCH_LOSSES_INTERNAL_H

#include "watch/losses.h"

/* losses_ask.c: what explain says of a drop. */
struct loss_answer {
	enum loss_entry entry;
	struct query query; /* with a known cause */
	const struct explanation *explanation;
	struct report report; /* without changes; of the end that is this drop */
	/* Asked as a whole it is lost, and by nothing else: then it is known what helps. */
	bool is_whole;
};
void loss_ask(struct arena *arena, const struct losses_world *world, const struct loss_total *total,
	const struct packet *packet, struct loss_answer *ret);

/* Of what the total says of them; false: too little. */
bool loss_make_packet(const struct loss_total *total, struct packet *ret);

#endif
