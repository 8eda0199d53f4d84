/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CAPTURE_DROPS_BPF_H
#define CAPTURE_DROPS_BPF_H

#include <linux/types.h>

/*
 * What bpf/drops.bpf.c, in the kernel, and drops.c, outside of it, say to each other. Both are compiled from one tree and are in
 * one file, so there is no version; all fields are where both compilers put them, without padding. Numbers are in the order of the
 * host, addresses as on the wire.
 */

#define DROPS_BYTES	128	     /* of a packet, at most */
#define DROPS_RING_SIZE (256 * 1024) /* bytes: a power of two, and of whole pages */
#define DROPS_WATCHED	65536	     /* devices, as LIMIT_LINKS */
#define DROPS_REST	4096	     /* kinds of packets whose addresses found no room */

/* Which devices are watched. */
struct drops_device {
	__u32 netns;   /* inode */
	__u32 ifindex; /* 0: all of the namespace, and what has no device yet or any more */
};

/* Known before the program is loaded: what is false here is not even looked at by the kernel's verifier. */
struct drops_settings {
	__u64 interval_ns; /* between two samples, in the long run */
	__u64 burst_ns;	   /* how far samples may be ahead of that; at least one interval */
	__u32 consumed;	   /* the reason that is none; ~0: this kernel has no such reason */
	__u8 has_reason;   /* the tracepoint tells it (since 5.17) */
	__u8 has_rx_sk;	   /* and the socket that the packet was for (since 6.11) */
	__u8 pad[2];
};

/* What packets are counted by. */
struct drops_key {
	__u64 location;
	__u32 netns;
	__u32 ifindex;
	__u32 reason;
	__u16 ethertype;
	__u16 dport; /* ICMP and ICMPv6: the type */
	__u8 proto;
	__u8 pad[7];
	__u8 saddr[16], daddr[16]; /* IPv4 and ARP: the first 4 bytes */
};

struct drops_count {
	__u64 n, bytes;
	__u64 first_ns, last_ns; /* CLOCK_MONOTONIC */
};

struct drops_state {
	__u64 next_sample_ns; /* the bucket: when it will be as full as it may be */
	__u64 not_sampled;
	__u64 not_counted;
};

struct drops_sample {
	__u64 time_ns; /* CLOCK_MONOTONIC */
	__u64 location;
	__u32 netns;
	__u32 ifindex;
	__u32 reason;
	__u32 wire_size; /* from where bytes begin */
	__u16 ethertype;
	__u16 vlan_id;
	__u8 has_ethernet;
	__u8 size; /* of bytes */
	__u8 pad[2];
	__u8 bytes[DROPS_BYTES];
};

#endif
