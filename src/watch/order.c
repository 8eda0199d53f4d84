// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Frames have the kernel's time; the events of netfilter have none, but an order among themselves and the devices by which the
 * packet came in and leaves: our own tables at ingress and egress are asked there too. So each run of events stands between
 * two frames, and where a frame was not captured (a flood) the event of our table takes its place.
 */
#include <string.h>

#include "watch/internal.h"

bool is_own_event(const struct watch_world *world, const struct sighting *event)
{
	return text_has_prefix(event->trace.table, world->own_tables);
}

const struct netns *world_netns(const struct watch_world *world, uint64_t inode)
{
	for (size_t i = 0; i < world->host->n_netns; i++)
		if (world->host->netns[i].inode == inode)
			return &world->host->netns[i];
	return NULL;
}

/* The packet of what was seen; of what is carried if it is a tunnel whose inside is the packet. */
static bool read_packet(
	const struct watched *watched, const struct sighting *sighting, struct packet *ret)
{
	struct frame frame = { .bytes = sighting->bytes,
		.size = sighting->size,
		.has_ethernet = sighting->has_ethernet,
		.ethertype = sighting->ethertype,
		.vlan_id = sighting->vlan_id,
		.wire_size = sighting->wire_size };
	struct frame_layout layout;

	(void)watched;
	if (!sighting->size || !frame_parse(&frame, ret, &layout))
		return false;
	/* what only the host knows of it is told by the rules that it meets */
	ret->unknown &= FIELDS_OF_WIRE;
	if (!sighting->has_ethernet)
		ret->unknown |= FIELD_BIT(FIELD_ETH_SRC) | FIELD_BIT(FIELD_ETH_DST);
	return true;
}

static struct moment place_of(const struct watch_world *world, const struct watched *watched,
	const struct sighting *sighting)
{
	struct moment moment = { .kind = MOMENT_PLACE,
		.ns = world_netns(world, sighting->netns),
		.is_out = sighting->is_out,
		.time_ns = sighting->kind == SIGHTING_FRAME ? sighting->time_ns : 0 };

	if (moment.ns)
		moment.link = netns_link_by_index(moment.ns, sighting->link);
	moment.has_packet = read_packet(watched, sighting, &moment.packet);
	return moment;
}

static void insert(
	struct arena *arena, struct moments *moments, size_t at, const struct moment *moment)
{
	vec_push(moments, arena);
	memmove(&moments->items[at + 1], &moments->items[at],
		(moments->n - 1 - at) * sizeof(*moment));
	moments->items[at] = *moment;
}

/* From from on; moments->n: there is none. */
static size_t find_place(const struct moments *moments, size_t from, const struct moment *place)
{
	size_t i = from;

	for (; i < moments->n; i++)
		if (moments->items[i].kind == MOMENT_PLACE &&
			moments->items[i].link == place->link &&
			moments->items[i].ns == place->ns &&
			moments->items[i].is_out == place->is_out)
			break;
	return i;
}

/* A copy of a flooded frame begins in the middle: behind the last place of its namespace where it came in. */
static size_t behind_last_in(const struct moments *moments, const struct netns *ns)
{
	for (size_t i = moments->n; i-- > 0;)
		if (moments->items[i].ns == ns && moments->items[i].kind == MOMENT_PLACE &&
			!moments->items[i].is_out)
			return i + 1;
	return moments->n;
}

/* One base chain: up to its policy or to a verdict that ends it. */
static size_t run_length(const struct track *track, size_t from)
{
	size_t i = from;

	while (i < track->events.n) {
		const struct trace *trace = &track->events.items[i++]->trace;
		const struct sighting *next = i < track->events.n ? track->events.items[i] : NULL;

		if (trace->step == TRACE_POLICY || trace->verdict == TRACE_DROP ||
			trace->verdict == TRACE_ACCEPT || trace->verdict == TRACE_QUEUE ||
			trace->verdict == TRACE_STOLEN)
			break;
		/* only the first event of a base chain has the headers */
		if (next && next->size)
			break;
	}
	return i - from;
}

static void add_run(struct arena *arena, const struct watch_world *world,
	const struct watched *watched, struct moments *moments, size_t *at,
	const struct track *track, size_t from, size_t n)
{
	const struct sighting *first = track->events.items[from];
	struct moment moment;
	size_t found;

	if (is_own_event(world, first)) {
		moment = place_of(world, watched, first);
		if (!moment.link)
			return; /* what the host itself sends: it has no device yet */
		found = find_place(moments, *at, &moment);
		if (found == moments->n) {
			found = find_place(moments, 0, &moment);
			if (found < moments->n && found < *at)
				return;
		}
		if (found == moments->n) {
			found = *at;
			insert(arena, moments, found, &moment);
		}
		*at = found + 1;
		return;
	}
	moment = (struct moment){ .kind = MOMENT_CHAIN,
		.ns = world_netns(world, track->netns),
		.events = track->events.items + from,
		.n_events = n };
	moment.has_packet = read_packet(watched, first, &moment.packet);
	insert(arena, moments, (*at)++, &moment);
}

static void add_track(struct arena *arena, const struct watch_world *world,
	const struct watched *watched, struct moments *moments, const struct track *track)
{
	const struct sighting *first = track->events.items[0];
	size_t at = behind_last_in(moments, world_netns(world, track->netns)), n;

	if (is_own_event(world, first) && first->link) {
		struct moment place = place_of(world, watched, first);

		at = find_place(moments, 0, &place);
		/* not captured: before what was seen of it later in this namespace */
		if (at == moments->n)
			for (at = 0; at < moments->n; at++)
				if (moments->items[at].ns == place.ns && moments->items[at].is_out)
					break;
	}
	for (size_t i = 0; i < track->events.n; i += n) {
		n = run_length(track, i);
		add_run(arena, world, watched, moments, &at, track, i, n);
	}
}

/* --- copies --- */

static const struct ovs_port *ovs_port_of(
	const struct watch_world *world, const struct moment *place)
{
	const struct host *host = world->host;

	for (size_t i = 0; place->kind == MOMENT_PLACE && place->link && i < host->n_ovs_ports; i++)
		if (!strcmp(host->ovs_ports[i].name, place->link->name) &&
			(host->ovs_ports[i].netns < 0 ||
				&host->netns[host->ovs_ports[i].netns] == place->ns))
			return &host->ovs_ports[i];
	return NULL;
}

/* Does it go on from there: by a rule that sees it, or out by a device? */
static bool goes_on(const struct moments *moments, size_t from)
{
	const struct moment *place = &moments->items[from];

	for (size_t i = from + 1; i < moments->n; i++) {
		const struct moment *later = &moments->items[i];

		if (later->ns == place->ns && later->kind == MOMENT_CHAIN &&
			later->events[0]->trace.in == place->link->index)
			return true;
	}
	return false;
}

/*
 * Open vSwitch sends a packet to several ports: flooded, or to one that mirrors what others get (tcpdump on a patch port has
 * no other way). What comes in by an internal port and goes no further is a copy, if the packet left Open vSwitch by another
 * port as well: it is no part of its way.
 */
static void leave_out_copies(const struct watch_world *world, struct moments *moments)
{
	size_t n = 0;
	bool has_left = false;

	for (size_t i = 0; i < moments->n; i++)
		has_left |= moments->items[i].is_out && ovs_port_of(world, &moments->items[i]);
	for (size_t i = 0; i < moments->n; i++) {
		const struct ovs_port *port = ovs_port_of(world, &moments->items[i]);
		bool is_copy = i && has_left && port && !strcmp(port->type, "internal") &&
			       !moments->items[i].is_out && !goes_on(moments, i);

		if (!is_copy)
			moments->items[n++] = moments->items[i];
	}
	moments->n = n;
}

void moments_make(struct arena *arena, const struct watch_world *world,
	const struct watched *watched, struct moments *ret)
{
	struct moments moments = { 0 };

	vec_for_each (frame, &watched->frames)
		*vec_push(&moments, arena) = place_of(world, watched, *frame);
	vec_for_each (track, &watched->tracks)
		add_track(arena, world, watched, &moments, *track);
	leave_out_copies(world, &moments);
	*ret = moments;
}
