// SPDX-License-Identifier: GPL-2.0-or-later
/* The same question to another version of a host (host/edit.h). */
#include "explain/explain.h"

struct query query_moved(struct arena *arena, const struct query *query, const struct host *from,
	const struct host *to)
{
	struct query moved = *query;
	const struct walked_flow **end = &moved.flows;

	moved.ns = &to->netns[query->ns - from->netns];
	if (query->in)
		moved.in = &moved.ns->links[query->in - query->ns->links];
	if (query->within)
		moved.within = &moved.ns->links[query->within - query->ns->links];
	if (query->toward)
		moved.toward = toward_moved(arena, query->toward, from, to);
	for (const struct walked_flow *flow = query->flows; flow; flow = flow->before) {
		struct walked_flow *copy = arena_new_one(arena, struct walked_flow);

		*copy = *flow;
		copy->ns = &to->netns[flow->ns - from->netns];
		*end = copy;
		end = &copy->before;
	}
	return moved;
}
