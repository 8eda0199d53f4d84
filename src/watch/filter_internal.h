/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATCH_FILTER_INTERNAL_H
#define WATCH_FILTER_INTERNAL_H

#include <pcap/pcap.h>

#include "base/vec.h"
#include "watch/filter.h"

#define FILTER_MAX_OPS 4096   /* BPF_MAXINSNS of linux/bpf_common.h */
#define FILTER_SNAP    262144 /* what libpcap's programs return for a match */

struct program {
	struct bpf_insn *ops;
	size_t n; /* 0: nothing matches */
};

struct filter {
	const char *expression;
	bool is_everything;
	struct program frame; /* of a frame from its Ethernet header on */
	struct program
		packet; /* of an IP packet; n is 0 where the expression has no meaning for one */
	struct program whole; /* frame, or what is in a tunnel */
};

/* Fills whole. */
bool filter_assemble(struct arena *arena, struct filter *filter, struct err *err);

#endif
