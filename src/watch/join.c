// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which sightings are of one packet? Each comes from another source, in another order, and NAT may have changed addresses in
 * between. Two things tell: within one namespace the number that netfilter gives a traced packet, and everywhere the packet's
 * identity (packet/frame.h), made of what is not changed on the way.
 *
 * Packets that are alike in all of that (UDP without IPv4 ids, of one length) are told apart by their payload where both sightings have it,
 * by the addresses and the device where one of them was seen, and else by order: no packet passes one device twice in one direction, so a
 * second sighting there is of the next packet.
 */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "watch/internal.h"

struct watch {
	struct watched **open; /* sorted by their first sighting */
	size_t n, cap;
	uint64_t n_unknown;
	uint64_t turn;
};

struct watch *watch_new(void)
{
	return new_or_die(sizeof(struct watch));
}

void watched_free(struct watched *watched)
{
	if (watched)
		arena_free(watched->arena);
}

void watch_freep(struct watch **watch)
{
	if (!*watch)
		return;
	for (size_t i = 0; i < (*watch)->n; i++)
		watched_free((*watch)->open[i]);
	free((*watch)->open);
	free(*watch);
	*watch = NULL;
}

uint64_t watch_n_unknown(const struct watch *watch)
{
	return watch->n_unknown;
}

/* --- what a sighting says of its packet --- */

struct frame sighting_frame(const struct sighting *sighting)
{
	return (struct frame){ .bytes = sighting->bytes,
		.size = sighting->size,
		.has_ethernet = sighting->has_ethernet,
		.ethertype = sighting->ethertype,
		.vlan_id = sighting->vlan_id,
		.wire_size = sighting->wire_size };
}

struct looks {
	uint64_t identity, payload;
};

static struct looks look(const struct sighting *sighting)
{
	struct frame frame = sighting_frame(sighting);
	struct frame_layout layout;
	struct looks looks = { 0 };
	struct packet packet;

	if (!sighting->size || !frame_parse(&frame, &packet, &layout) || !layout.has_network)
		return looks;
	looks.identity = frame_identity(sighting->bytes + layout.network,
		sighting->size - layout.network, layout.ethertype);
	/* a trace has no payload, and what is behind its transport header is none */
	if (sighting->kind != SIGHTING_TRACE)
		looks.payload = frame_payload_identity(&frame, &layout);
	return looks;
}

/* Of a tunnel: what it carries is the packet that is followed. */
static struct looks look_inside(const struct sighting *sighting)
{
	struct frame frame = sighting_frame(sighting);
	struct frame_layout layout;
	struct packet packet;
	struct sighting inner = *sighting;

	if (!sighting->size || !frame_parse(&frame, &packet, &layout) || !layout.inner)
		return (struct looks){ 0 };
	inner.bytes += layout.inner;
	inner.size -= layout.inner;
	inner.has_ethernet = !layout.inner_ethertype;
	inner.ethertype = layout.inner_ethertype;
	inner.vlan_id = 0;
	inner.wire_size = 0;
	return look(&inner);
}

/* --- keeping --- */

static const struct sighting *keep(struct watched *watched, const struct sighting *sighting)
{
	struct sighting *kept = arena_new_one(watched->arena, struct sighting);
	uint8_t *bytes = arena_alloc(watched->arena, sighting->size + 1);

	*kept = *sighting;
	if (sighting->size)
		memcpy(bytes, sighting->bytes, sighting->size);
	kept->bytes = bytes;
	if (sighting->kind == SIGHTING_TRACE) {
		kept->trace.table = arena_strdup(watched->arena, sighting->trace.table);
		kept->trace.chain = arena_strdup(watched->arena, sighting->trace.chain);
		if (sighting->trace.target)
			kept->trace.target = arena_strdup(watched->arena, sighting->trace.target);
	}
	if (sighting->reason)
		kept->reason = arena_strdup(watched->arena, sighting->reason);
	if (sighting->function)
		kept->function = arena_strdup(watched->arena, sighting->function);
	return kept;
}

static void touch(struct watched *watched, uint64_t time_ns)
{
	if (time_ns > watched->last_ns)
		watched->last_ns = time_ns;
	if (!watched->first_ns || time_ns < watched->first_ns)
		watched->first_ns = time_ns;
}

/* Sources are read one after the other: what is read later may have been earlier. */
static void insert(
	struct arena *arena, struct watched *watched, bool is_drop, const struct sighting *kept)
{
	const struct sighting **items;
	size_t at;

	if (is_drop) {
		*vec_push(&watched->drops, arena) = kept;
		items = watched->drops.items;
		at = watched->drops.n - 1;
	} else {
		*vec_push(&watched->frames, arena) = kept;
		items = watched->frames.items;
		at = watched->frames.n - 1;
	}
	for (; at && items[at - 1]->time_ns > kept->time_ns; at--)
		items[at] = items[at - 1];
	items[at] = kept;
}

static size_t n_kept(const struct watched *watched)
{
	size_t n = watched->frames.n + watched->drops.n;

	vec_for_each (track, &watched->tracks)
		n += (*track)->events.n;
	return n;
}

static struct watched *begin(struct watch *watch, const struct looks *looks)
{
	struct arena *arena = arena_new();
	struct watched *watched = arena_new_one(arena, struct watched);

	watched->arena = arena;
	watched->identity = looks->identity;
	watched->payload = looks->payload;
	if (watch->n == watch->cap) {
		watch->cap = watch->cap ? watch->cap * 2 : 64;
		watch->open = realloc(watch->open, watch->cap * sizeof(struct watched *));
		if (!watch->open)
			abort();
	}
	watch->open[watch->n++] = watched;
	return watched;
}

/* --- finding --- */

static bool may_be(const struct watched *watched, const struct looks *looks)
{
	return watched->identity == looks->identity &&
	       (!watched->payload || !looks->payload || watched->payload == looks->payload);
}

static bool was_there(const struct watched *watched, const struct sighting *sighting)
{
	const struct sighting *const *items =
		sighting->kind == SIGHTING_DROP ? watched->drops.items : watched->frames.items;
	size_t n = sighting->kind == SIGHTING_DROP ? watched->drops.n : watched->frames.n;

	for (size_t i = 0; i < n; i++)
		if (items[i]->netns == sighting->netns && items[i]->link == sighting->link &&
			items[i]->is_out == sighting->is_out)
			return true;
	return false;
}

/* The first that is heard of what the host itself sends: before it has a device. */
static bool is_sent(const struct sighting *sighting)
{
	return sighting->kind == SIGHTING_TRACE && sighting->is_out && !sighting->link;
}

/* A trace is of a packet that has no other one which began at the same device. Those that begin behind it are of copies. */
static bool was_traced_there(const struct watched *watched, const struct sighting *sighting)
{
	if (!sighting->link && !is_sent(sighting))
		return false;
	vec_for_each (track, &watched->tracks) {
		const struct sighting *first = (*track)->events.items[0];

		if (first->netns == sighting->netns && first->link == sighting->link &&
			!strcmp(first->trace.table, sighting->trace.table) &&
			!strcmp(first->trace.chain, sighting->trace.chain))
			return true;
	}
	return false;
}

static bool parse(const struct sighting *sighting, struct packet *ret)
{
	struct frame frame = sighting_frame(sighting);
	struct frame_layout layout;

	return sighting->size && frame_parse(&frame, ret, &layout);
}

static bool is_at(const struct sighting *frame, const struct sighting *sighting)
{
	if (frame->netns != sighting->netns)
		return false;
	if (sighting->kind != SIGHTING_TRACE || sighting->link)
		return frame->link == sighting->link;
	return frame->link == (frame->is_out ? sighting->trace.out : sighting->trace.in);
}

/* Of packets that are alike: was it seen with these addresses and ports, and at this device? NAT changes the first, so it is no must. */
static int likeness(const struct watched *watched, const struct sighting *sighting)
{
	struct packet mine, other;
	int best = 0;

	if (!parse(sighting, &mine))
		return 0;
	vec_for_each (frame, &watched->frames) {
		bool is_same = parse(*frame, &other) && !addr_compare(&mine.src, &other.src) &&
			       !addr_compare(&mine.dst, &other.dst) && mine.sport == other.sport &&
			       mine.dport == other.dport;
		int like = is_same * 2 + is_at(*frame, sighting);

		best = like > best ? like : best;
	}
	return best;
}

/* What came to a namespace from elsewhere was not sent there. */
static bool may_begin_in(const struct watched *watched, uint64_t netns)
{
	vec_for_each (frame, &watched->frames)
		if ((*frame)->netns == netns)
			return (*frame)->is_out;
	return !watched->frames.n;
}

static bool has_room(const struct watched *watched, const struct sighting *sighting)
{
	return sighting->kind == SIGHTING_TRACE ? !was_traced_there(watched, sighting)
						: !was_there(watched, sighting);
}

static struct watched *find(
	struct watch *watch, const struct sighting *sighting, const struct looks *looks)
{
	struct watched *best = NULL;
	int best_likeness = -1;

	for (size_t i = 0; i < watch->n; i++) {
		struct watched *watched = watch->open[i];
		int like;

		if (!may_be(watched, looks) || !has_room(watched, sighting))
			continue;
		like = likeness(watched, sighting);
		if (is_sent(sighting) && like < 2 && !may_begin_in(watched, sighting->netns))
			continue;
		if (like > best_likeness) {
			best = watched;
			best_likeness = like;
		}
	}
	return best;
}

/*
 * The number is made of where the packet lies in memory: another one is soon in the same place. So the last packet that had it is meant,
 * and the headers, where the event has them, must be of that packet. identity 0: it has none.
 */
static struct track *find_track(struct watch *watch, const struct sighting *sighting,
	uint64_t identity, struct watched **ret)
{
	struct track *last = NULL;

	for (size_t i = watch->n; i-- > 0;)
		vec_for_each (track, &watch->open[i]->tracks)
			if ((*track)->id == sighting->trace.id &&
				(*track)->netns == sighting->netns &&
				(!last || (*track)->turn > last->turn)) {
				*ret = watch->open[i];
				last = *track;
			}
	return last && (!identity || (*ret)->identity == identity) ? last : NULL;
}

static void add(struct watched *watched, const struct sighting *sighting, const struct looks *looks)
{
	touch(watched, sighting->time_ns);
	if (!watched->payload)
		watched->payload = looks->payload;
	if (n_kept(watched) >= LIMIT_WATCH_SIGHTINGS)
		watched->is_cut_short = true;
	else
		insert(watched->arena, watched, sighting->kind == SIGHTING_DROP,
			keep(watched, sighting));
}

static void add_event(struct watch *watch, const struct sighting *sighting)
{
	struct looks looks = look(sighting);
	struct watched *watched;
	struct track *track = find_track(watch, sighting, looks.identity, &watched);

	if (!track) {
		if (!looks.identity) {
			watch->n_unknown++;
			return;
		}
		watched = find(watch, sighting, &looks);
		if (!watched)
			watched = begin(watch, &looks);
		track = arena_new_one(watched->arena, struct track);
		track->id = sighting->trace.id;
		track->netns = sighting->netns;
		*vec_push(&watched->tracks, watched->arena) = track;
	}
	track->turn = ++watch->turn;
	touch(watched, sighting->time_ns);
	if (n_kept(watched) >= LIMIT_WATCH_SIGHTINGS)
		watched->is_cut_short = true;
	else
		*vec_push(&track->events, watched->arena) = keep(watched, sighting);
}

void watch_see(struct watch *watch, const struct sighting *sighting)
{
	struct looks looks, inside;
	struct watched *watched;

	if (sighting->kind == SIGHTING_TRACE) {
		add_event(watch, sighting);
		return;
	}
	looks = look(sighting);
	if (!looks.identity) {
		watch->n_unknown++;
		return;
	}
	watched = find(watch, sighting, &looks);
	if (!watched) {
		inside = look_inside(sighting);
		if (inside.identity && (watched = find(watch, sighting, &inside)))
			looks = inside;
	}
	if (!watched)
		watched = begin(watch, &looks);
	add(watched, sighting, &looks);
}

/* A drop may be told of before anything else is, so it waits. Alone it says nothing of a packet that the filter is for. */
static bool is_of_filter(const struct watched *watched)
{
	return watched->frames.n || watched->tracks.n;
}

struct watched *watch_take(struct watch *watch, uint64_t now_ns, uint64_t quiet_ns)
{
	for (size_t i = 0; i < watch->n;) {
		struct watched *watched = watch->open[i];

		if (watch->n <= LIMIT_WATCH_OPEN && watched->last_ns + quiet_ns > now_ns) {
			i++;
			continue;
		}
		memmove(&watch->open[i], &watch->open[i + 1],
			(watch->n - i - 1) * sizeof(struct watched *));
		watch->n--;
		if (is_of_filter(watched))
			return watched;
		watched_free(watched);
	}
	return NULL;
}
