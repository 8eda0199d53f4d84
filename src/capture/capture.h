/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CAPTURE_CAPTURE_H
#define CAPTURE_CAPTURE_H

#include "base/arena.h"
#include "base/err.h"
#include "watch/filter.h"
#include "watch/sighting.h"

/*
 * What the kernel tells of packets under way, at many devices of many network namespaces at once: frames (AF_PACKET), the steps
 * of netfilter's rules (nftrace) and drops (the tracepoint skb:kfree_skb).
 *
 * Nothing that is anybody's is changed. Traces are asked for by tables of our own, with "flags owner": nobody else changes them, and they
 * go with this process, however it ends. What cannot be had (no BTF, no egress hook, a filter that nft cannot say) is missing, by
 * name, and the rest goes on.
 */

struct capture_point {
	uint64_t netns; /* its inode */
	int link;
	const char *name; /* of the device, for messages and for nft */
};

struct capture_options {
	const struct filter *filter;
	unsigned
		traces_per_s; /* packets a second and device that netfilter's rules are told of; 0: none */
	unsigned frames_per_s; /* of all devices; more close all of them until the second ends */
	bool no_frames, no_drops;
};

/* How many packets of the filter a device has had, by counters in the kernel: exact, also where few of them are shown. */
struct capture_count {
	uint64_t netns;
	int link;
	uint64_t n_in, n_out;
};

struct capture_losses {
	uint64_t frames; /* the kernel had no room for */
	uint64_t pauses; /* how often frames_per_s was reached */
	uint64_t traces; /* how often events of rules were lost */
	uint64_t drops;	 /* not told of one by one */
};

struct capture;
typedef void capture_each(void *data, const struct sighting *sighting);

bool capture_open(const struct capture_options *options, struct capture **ret, struct err *err);
void capture_close(struct capture **capture); /* for CLEANUP; NULL in it is fine */

/* From now on at these devices, and at no other. Those that are no more there are left out. */
bool capture_set_points(
	struct capture *capture, const struct capture_point *points, size_t n, struct err *err);

/* For poll(2), POLLIN. */
int capture_fd(const struct capture *capture);
/* All that has come. To be called ten times a second even if nothing has: it opens again what a flood has closed. */
bool capture_read(struct capture *capture, capture_each *each, void *data, struct err *err);

/* Is this step of a rule of our own tables? Then it is no rule of the host: the packet came in by sighting->link, or leaves by it. */
bool capture_is_own_table(const char *table);

bool capture_counts(struct arena *arena, struct capture *capture, struct capture_count **ret,
	size_t *ret_n, struct err *err);
bool capture_has_drops(const struct capture *capture);
struct capture_losses capture_losses(const struct capture *capture);
/* What cannot be observed, and why, a phrase each: "drops: this kernel has no BTF". */
const char *const *capture_missing(const struct capture *capture, size_t *ret_n);

/*
 * The rules of nftables (iptables-nft's too) of a namespace in their order, so that a trace's handle becomes "the third rule of
 * the chain". They hold until the ruleset changes.
 */
struct rule_handles;
bool rule_handles_read(
	struct arena *arena, uint64_t netns, struct rule_handles **ret, struct err *err);
/* From 0 on; false: there is no such rule (any more). */
bool rule_handles_find(const struct rule_handles *handles, enum family family, const char *table,
	const char *chain, uint64_t handle, size_t *ret);

#endif
