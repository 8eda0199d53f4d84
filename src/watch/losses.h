/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATCH_LOSSES_H
#define WATCH_LOSSES_H

#include "explain/report.h"
#include "watch/sighting.h"

/*
 * What a host loses, told by cause. The kernel counts drops exactly, but knows no rules: which one it was is asked of explain, with a
 * packet of each kind, on the host as it was read. Its answer is taken only where the kernel's reason allows it, and is explain's word,
 * not something that was seen. What was counted stays with the answer that it got, however the host changes.
 * Pure: the host, the numbers and the packets are given.
 */

/* As capture counts them (capture/drops.h): packets that are alike in all of this. n, bytes, first_ns and last_ns are no part of what they are. */
struct loss_total {
	uint64_t netns;
	int link;
	const char *reason, *function; /* live as long as the losses */
	uint16_t ethertype;
	uint8_t proto;
	bool has_addresses;
	struct addr src, dst;
	uint16_t dport; /* or the type of ICMP; 0: not known */
	bool is_rest;	/* of others than these fields say: no packet can be made of it */
	uint64_t n, bytes, first_ns, last_ns;
};

/* How the device is known where the packet came in. */
enum loss_entry {
	LOSS_ENTRY_UNKNOWN, /* explain does not lose the packet so, wherever it comes in */
	LOSS_ENTRY_KNOWN,   /* the bridge has learned its sender there, or there is only this one */
	LOSS_ENTRY_ASSUMED, /* wherever it comes in, where explain loses it so, the same rule does it */
};

/* Drops of one device that have the same reason, cause, protocol and other station. Texts live as long as the losses. */
struct loss {
	const char *netns,
		*device;  /* as the kernel says; "" and a number where the host has none of it */
	const char *port; /* whose security group it was; else the device */
	const char *reason, *function;
	bool has_peer;
	struct addr
		peer; /* the other station: the sender of what was for the device, else who was to get it */
	enum loss_entry entry;
	const char *
		came_in; /* where explain was told that it came in; NULL: not asked, or by a process of the host */
	bool is_asked; /* false: there was no packet to ask with, or too many different ones */
	bool is_cause_known;
	struct packet packet; /* one of them */
	bool has_packet, is_sample;
	size_t n_kinds; /* how many different totals are in it */
	void *told; /* what losses_world.tell made of explain's report; NULL where the cause is not known */
	uint64_t n, bytes, first_ns, last_ns;
};

struct losses_world {
	const struct host *host;
	const struct explainer *explainer;
	/* Makes of a report what is to be kept of it, in the arena: the report does not outlive the host. */
	void *(*tell)(void *data, struct arena *arena, const struct report *report);
	void *data;
};

struct losses;
struct losses *losses_new(void);
void losses_freep(struct losses **losses); /* for CLEANUP */

/* From now on this reading of the host is asked; must live until the next call, and its tell as long as the losses. */
void losses_set_world(struct losses *losses, const struct losses_world *world);
/* A packet with all of its bytes, to ask with. */
void losses_see(struct losses *losses, const struct sighting *drop);
/* Have there been drops since_ns or later that the present reading of the host does not explain, or of which it does not know where
 * they came in? A newer one may. */
bool losses_want_newer(
	struct losses *losses, const struct loss_total *totals, size_t n, uint64_t since_ns);
/* Takes what has been added to the totals since the last call. */
void losses_count(struct losses *losses, const struct loss_total *totals, size_t n);
/* Finds, and has told, what would let the packets of the first n pass; costs some walks each. */
void losses_find_changes(struct losses *losses, size_t n);

/* Most packets first. */
const struct loss *const *losses_list(struct losses *losses, size_t *ret_n);
uint64_t losses_n(const struct losses *losses);
/* What the kernel gives up although nobody misses it: copies for listeners, queues of a closed socket. */
uint64_t losses_n_none(const struct losses *losses);
bool loss_is_none(const struct host *host, const struct loss_total *total);

#endif
