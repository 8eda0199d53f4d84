/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef KERNEL_REFUSAL_H
#define KERNEL_REFUSAL_H

#include "base/arena.h"
#include "base/err.h"

/* Private to kernel: what iptables-restore, ipset and nft say when they refuse a batch. */
struct refusal {
	unsigned line; /* of the batch, from 1; 0: it does not say */
	const char *
		message; /* without the program's name, version and line; "" when it says nothing */
	bool is_known;	 /* refused as a whole, for a reason that refusal_advise knows */
	bool is_transient; /* somebody was in the way; the same batch may pass in a moment */
};

struct refusal refusal_parse(struct arena *arena, const char *text);

/* The next step for a person, where one is known: fills err->next_step. */
void refusal_advise(const struct refusal *refusal, struct err *err);

#endif
