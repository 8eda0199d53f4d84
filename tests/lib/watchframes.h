/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_WATCHFRAMES_H
#define TESTS_WATCHFRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "random.h"
#include "watch/filter.h"

/* Expressions, and frames that many of them match: what tests of src/watch/filter.h compare. */

struct watch_expression {
	const char *text;
	bool is_no_nft;	    /* nftables cannot say it */
	bool is_about_link; /* nor can it at a hook without Ethernet headers */
};
extern const struct watch_expression watch_expressions[];
extern const size_t watch_n_expressions;

/* Some of these with "and", "or" and "not"; libpcap may find that it rejects all packets. */
void watch_expression_random(struct random *random, struct text *out);

/* What the kernel (6.18, net/core/filter.c) wants of a program: bpf_check_classic. */
bool watch_kernel_takes(const struct filter_op *ops, size_t n);

#define WATCH_FRAME_SIZE 600

struct watch_frame {
	uint8_t bytes[WATCH_FRAME_SIZE];
	size_t size;
};

/* Of every kind: fragments, options, tunnels, broken and short ones. Its source MAC ends in number. */
void watch_frame_random(struct random *random, uint16_t number, struct watch_frame *ret);
/* An IP packet that the kernel sends as it is. */
void watch_packet_random(struct random *random, bool is_ipv6, struct watch_frame *ret);

/* Where in a frame the packet is that a tunnel carries; found in another way than by the filter. */
struct watch_inner {
	size_t at;
	bool has_ethernet;
};
bool watch_inner_find(const struct watch_frame *frame, struct watch_inner *ret);
/* The frame without the first tag in it; false: it has none. */
bool watch_untag(const struct watch_frame *frame, struct watch_frame *ret);

#endif
