/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATCH_INTERNAL_H
#define WATCH_INTERNAL_H

#include "packet/frame.h"
#include "watch/watch.h"

/* What the files of the answer share. */

/* order.c: what was seen of a packet, as a tree: each moment knows the one that it came of. */
enum moment_kind {
	MOMENT_SENT, /* by the host itself: it has no device yet */
	MOMENT_PLACE,
	MOMENT_CHAIN,
};
#define NO_MOMENT SIZE_MAX
struct moment {
	enum moment_kind kind;
	size_t parent;		 /* NO_MOMENT: none */
	const struct netns *ns;	 /* NULL: no namespace that the host is known to have */
	const struct link *link; /* NULL: none that is known; SENT: by which it is to leave */
	bool is_out;
	bool is_captured; /* PLACE: as a frame; else only a trace told */
	bool is_left_out; /* a copy that is no part of its way */
	uint64_t time_ns; /* of what a trace alone told: of what was before it */
	struct packet packet;
	bool has_packet;
	/* CHAIN: the events of one base chain */
	const struct sighting *const *events;
	size_t n_events;
};
struct moments {
	VEC(struct moment);
};
void moments_make(struct arena *arena, const struct watch_world *world,
	const struct watched *watched, struct moments *ret);
/* Of a veth: what leaves by a comes in at b. */
bool moment_is_other_end(
	const struct watch_world *world, const struct moment *a, const struct moment *b);

/* One of the ways that it went: its last node, and the moment and the place that it is of. */
struct way_end {
	const struct node *last;
	const struct moment *moment, *place;
	const struct sighting *drop; /* the kernel's word on it; NULL: none */
};
struct way_ends {
	VEC(struct way_end);
};
/*
 * seen.c: as explain tells of a walk. Gives the query of its beginning, and all ends. false: no place is known, or it is not one of the
 * watched.
 */
bool seen_make(struct arena *arena, const struct watch_world *world, const struct moments *moments,
	struct watch_answer *answer, struct way_ends *ret);

/* end.c: what became of it, and how sure that is. */
void seen_find_ends(struct arena *arena, const struct watch_world *world,
	const struct watched *watched, struct way_ends *ends, const struct explanation *said,
	struct watch_answer *answer, struct explanation *ret);

/* Is it one of what a packet looks like on the wire, and not something that only this host knows of it? */
#define FIELDS_OF_WIRE                                                                             \
	((FIELD_BIT(FIELD_MARK) - 1) & ~(FIELD_BIT(FIELD_ETH_SRC) - 1) & ~FIELD_BIT(FIELD_PKTTYPE))

bool world_is_watched(
	const struct watch_world *world, const struct netns *ns, const struct link *link);
/* What conntrack said to the first rules of ns that asked it of the flow; 0: nothing. */
enum ct_state moments_state(const struct moments *moments, const struct netns *ns);
bool is_own_event(const struct watch_world *world, const struct sighting *event);
/* Does the packet leave the base chain with it? */
bool trace_is_last_word(enum trace_verdict verdict);
/* points.c: NULL: the host has none, or has it no more. */
const struct netns *netns_of_inode(const struct host *host, uint64_t inode);
/* points.c: NULL: it is none of Open vSwitch's. */
const struct ovs_port *ovs_port_at(
	const struct host *host, const struct netns *ns, const struct link *link);
/* join.c: its bytes; borrowed, too. */
struct frame sighting_frame(const struct sighting *sighting);

#endif
