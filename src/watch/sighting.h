/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATCH_SIGHTING_H
#define WATCH_SIGHTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "packet/packet.h"

/*
 * What was seen of one packet, at one place and one moment. capture makes them of what the kernel tells; everybody else gets
 * them as values, so that what is made of them can be tested without a kernel. The bytes are borrowed: whoever keeps a sighting
 * copies them.
 */

enum sighting_kind {
	SIGHTING_FRAME, /* it passed a device (AF_PACKET) */
	SIGHTING_TRACE, /* a step in a base chain of netfilter (NFNLGRP_NFTRACE) */
	SIGHTING_DROP,	/* the kernel gave it up (tracepoint skb:kfree_skb) */
};

/* net/netfilter/nf_tables_trace.c: NFT_TRACETYPE_... */
enum trace_step {
	TRACE_POLICY, /* the end of the base chain: its policy is the verdict */
	TRACE_RETURN, /* the end of a chain that was called */
	TRACE_RULE,   /* a rule matched */
};

/* NF_DROP ..., NFT_JUMP ...: include/uapi/linux/netfilter.h, nf_tables.h */
enum trace_verdict {
	TRACE_DROP,
	TRACE_ACCEPT,
	TRACE_STOLEN,
	TRACE_QUEUE,
	TRACE_CONTINUE,
	TRACE_JUMP,
	TRACE_GOTO,
	TRACE_GIVEN_BACK, /* return */
};

struct trace {
	uint32_t id; /* of the packet in one namespace, until it leaves it */
	enum trace_step step;
	enum family family;
	const char *table, *chain;
	uint64_t handle; /* of the rule; 0: none */
	enum trace_verdict verdict;
	const char *target; /* TRACE_JUMP, TRACE_GOTO: the chain; NULL: none */
	int in, out; /* numbers of devices; 0: none. Only on the first event of a base chain, as the bytes are */
	uint32_t mark;
	uint32_t ct_id;	    /* 0: no entry, or an older kernel than 6.16 */
	unsigned ct_state;  /* enum ct_state; 0: not told */
	unsigned ct_status; /* enum ct_status, or-ed */
};

struct sighting {
	enum sighting_kind kind;
	uint64_t netns;	  /* its inode */
	uint64_t time_ns; /* CLOCK_REALTIME, by the kernel; of a trace: when it was read */
	int link;	  /* number of the device; 0: not known */
	/* It leaves by the device; else it came in. TRACE: of our own tables alone; without a link the host itself sends it. */
	bool is_out;

	/* What there is of its beginning: from the Ethernet header on, or, without, from the IP header on. */
	const uint8_t *bytes;
	size_t size;
	bool has_ethernet;
	uint16_t ethertype; /* without an Ethernet header */
	uint16_t vlan_id;   /* of a tag that the device took off; 0: none */
	size_t wire_size;   /* of the whole, as the device has it; 0: not known */

	struct trace trace; /* TRACE */

	/* DROP: as this kernel names them, "NETFILTER_DROP", "nft_do_chain" */
	const char *reason, *function;
};

#endif
