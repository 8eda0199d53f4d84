/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CAPTURE_DROPS_H
#define CAPTURE_DROPS_H

#include "base/arena.h"
#include "base/err.h"
#include "packet/packet.h"
#include "watch/sighting.h"

/*
 * What the kernel gives up: every packet that it drops on watched devices, in whatever namespace, with the reason that it has and the
 * function that did it. A BPF program at the tracepoint skb:kfree_skb; of any kind of device, and nothing on the way of a packet that
 * is not dropped.
 *
 * Of each drop two things are told. Totals are exact: each is counted in the kernel, by what it was and why. Sightings
 * are samples: so many a second that who reads them can follow, at a flood too. What a sighting, or a total, did not
 * tell is counted (drops_lost).
 *
 * The device is where the packet was: of one that a bridge forwards the port that it was to leave by, once that is decided (netfilter's
 * forward hook), and the bridge itself in br_netfilter's prerouting. Before a route out of the host is found there is none.
 *
 * Nothing of it is left when this process ends, however it ends. A child that is forked has it, too, until it ends or execs.
 */
struct drops;

struct drops_options {	       /* 0: the default */
	unsigned per_second;   /* sightings: 1,000; as many at once as in a second */
	unsigned total_places; /* different totals: 16,384; 160 bytes of the kernel's each */
};

/*
 * Errors (ERR_SYSTEM), for which a caller can go on without it and say so: the kernel has no BTF; the process has not CAP_BPF and CAP_PERFMON, or
 * CAP_SYS_ADMIN instead of both; the kernel does not take the program (what it said is in the text).
 */
bool drops_open(const struct drops_options *options, struct drops **ret, struct err *err);
void drops_close(struct drops **drops); /* for CLEANUP; NULL in it is fine */

/* Readable (POLLIN) when there is a sighting. */
int drops_fd(const struct drops *drops);

/*
 * Begins and ends with the drops of a device; netns: the inode of its namespace. ifindex 0: of all of that namespace, with packets that have no
 * device. Either may be said again. What is counted stays counted. ERR_LIMIT: too many devices; ERR_INPUT: no such number can be.
 */
bool drops_watch(struct drops *drops, uint64_t netns, int ifindex, struct err *err);
bool drops_unwatch(struct drops *drops, uint64_t netns, int ifindex, struct err *err);

/*
 * Takes the sightings that are there, oldest first, at most some thousand. They are SIGHTING_DROP; link is 0 where there is no device. function is
 * without offset and without what the compiler put behind its name; where /proc/kallsyms does not tell it, its address ("0xffff..."). The reason is of
 * skb_drop_reason without its prefix: "NETFILTER_DROP"; of a part of the kernel with reasons of its own
 * that part and the number, "OPENVSWITCH:2"; "NOT_SPECIFIED" of a kernel that knows no reasons. Those two texts live until drops_close.
 */
bool drops_read(struct drops *drops, void (*each)(void *data, const struct sighting *sighting),
	void *data, struct err *err);

struct drop_total {
	uint64_t netns;
	int link;		       /* 0: none */
	const char *reason, *function; /* as of a sighting; live until drops_close */
	uint16_t ethertype;	       /* behind a tag */
	uint8_t proto;		       /* 0 where it is not IP */
	bool has_addresses;
	struct addr src, dst; /* as they were when it was dropped; of ARP those that it is about */
	uint16_t dport;	      /* or the type of ICMP; 0: not known */
	/* There was no room for all that differs in addresses or dport: this one is all the others. */
	bool is_rest;
	uint64_t n, bytes;	    /* from the Ethernet header on where there is one */
	uint64_t first_ns, last_ns; /* CLOCK_REALTIME */
};

/* All since drops_open; those with the most packets first. */
bool drops_totals(struct arena *arena, struct drops *drops, struct drop_total **ret, size_t *ret_n,
	struct err *err);

struct drops_lost {
	uint64_t sightings; /* not sampled: beyond the limit, or not read soon enough */
	uint64_t totals;    /* not even counted: no room */
	/* The program did not run, as it was running on that processor already: packets of the host, watched or not. */
	uint64_t unseen;
};
bool drops_lost(const struct drops *drops, struct drops_lost *ret, struct err *err);

#endif
