/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATCH_INTERNAL_H
#define WATCH_INTERNAL_H

#include "packet/frame.h"
#include "watch/watch.h"

/* What the files of the answer share. */

/* order.c: what was seen of a packet, in the order in which it happened. */
enum moment_kind { MOMENT_PLACE, MOMENT_CHAIN };
struct moment {
	enum moment_kind kind;
	const struct netns *ns;	 /* NULL: no namespace that the host is known to have */
	const struct link *link; /* PLACE: NULL: none that is known */
	bool is_out;
	uint64_t time_ns; /* PLACE; 0: only told by a trace */
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

/* seen.c: as explain tells of a walk. ret_query: of its beginning. false: no place is known. */
bool seen_make(struct arena *arena, const struct watch_world *world, const struct moments *moments,
	struct watch_answer *answer, struct explanation *ret);
/* Adds the node of the end; it becomes the leaf of the explanation. */
void seen_end(
	struct arena *arena, struct explanation *seen, const struct node *last, struct leaf end);

/* end.c: what became of it, and how sure that is. last: the last node. */
void seen_find_end(struct arena *arena, const struct watch_world *world,
	const struct watched *watched, const struct moments *moments,
	const struct explanation *said, struct watch_answer *answer, struct explanation *seen);

/* compare.c */
void answer_compare(struct arena *arena, const struct watch_world *world,
	const struct watched *watched, struct watch_answer *answer);

/* Is it one of what a packet looks like on the wire, and not something that only this host knows of it? */
#define FIELDS_OF_WIRE                                                                             \
	((FIELD_BIT(FIELD_MARK) - 1) & ~(FIELD_BIT(FIELD_ETH_SRC) - 1) & ~FIELD_BIT(FIELD_PKTTYPE))

bool is_own_event(const struct watch_world *world, const struct sighting *event);
const struct netns *world_netns(const struct watch_world *world, uint64_t inode);

#endif
