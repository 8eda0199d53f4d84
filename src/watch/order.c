// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * In which order did it happen, and what came of what? A frame that is flooded goes several ways, so that is a tree.
 *
 * Frames have the kernel's time; the events of netfilter have none, but an order among themselves, and the devices by which the
 * packet came in and leaves: our own tables at ingress and egress are asked there too. So each run of events stands between
 * two frames, and where a frame was not captured (a flood) the event of our table takes its place. Where there were no events,
 * what is plugged into what tells.
 */
#include <string.h>

#include "watch/internal.h"

bool is_own_event(const struct watch_world *world, const struct sighting *event)
{
	return text_has_prefix(event->trace.table, world->own_tables);
}

bool trace_is_last_word(enum trace_verdict verdict)
{
	return verdict == TRACE_DROP || verdict == TRACE_ACCEPT || verdict == TRACE_QUEUE ||
	       verdict == TRACE_STOLEN;
}

bool world_is_watched(
	const struct watch_world *world, const struct netns *ns, const struct link *link)
{
	vec_for_each (point, world->points)
		if (point->ns == ns && point->link == link)
			return true;
	return false;
}

static bool read_packet(const struct sighting *sighting, struct packet *ret)
{
	struct frame frame = sighting_frame(sighting);
	struct frame_layout layout;

	if (!sighting->size || !frame_parse(&frame, ret, &layout))
		return false;
	/* what only the host knows of it is told by the rules that it meets */
	ret->unknown =
		(ret->unknown & FIELDS_OF_WIRE) | FIELD_BIT(FIELD_UID) | FIELD_BIT(FIELD_GID);
	if (!sighting->has_ethernet)
		ret->unknown |= FIELD_BIT(FIELD_ETH_SRC) | FIELD_BIT(FIELD_ETH_DST);
	return true;
}

static struct moment place_of(const struct watch_world *world, const struct sighting *sighting)
{
	struct moment moment = { .kind = MOMENT_PLACE,
		.parent = NO_MOMENT,
		.ns = netns_of_inode(world->host, sighting->netns),
		.is_out = sighting->is_out,
		.is_captured = sighting->kind == SIGHTING_FRAME,
		.time_ns = sighting->time_ns };

	if (moment.ns)
		moment.link = netns_link_by_index(moment.ns, sighting->link);
	moment.has_packet = read_packet(sighting, &moment.packet);
	return moment;
}

static bool is_place(const struct moment *moment)
{
	return moment->kind == MOMENT_PLACE && moment->link;
}

/* --- by the order of netfilter's events --- */

static size_t add_moment(struct arena *arena, struct moments *moments, const struct moment *moment)
{
	*vec_push(moments, arena) = *moment;
	return moments->n - 1;
}

/* NO_MOMENT: it was not seen there. */
static size_t find_place(const struct moments *moments, const struct moment *place)
{
	for (size_t i = 0; i < moments->n; i++)
		if (is_place(&moments->items[i]) && moments->items[i].link == place->link &&
			moments->items[i].ns == place->ns &&
			moments->items[i].is_out == place->is_out)
			return i;
	return NO_MOMENT;
}

/*
 * A copy of a flooded frame has a number of its own, and its events begin in the middle: behind the place where the frame came into
 * the bridge. Rules of IP have the bridge for that device, those of the bridge its port.
 */
static size_t where_it_came_in(const struct moments *moments, const struct netns *ns, int in)
{
	size_t any = NO_MOMENT, bridge = NO_MOMENT;

	for (size_t i = 0; i < moments->n; i++) {
		const struct moment *place = &moments->items[i];

		if (!is_place(place) || place->ns != ns || place->is_out)
			continue;
		if (in && place->link->master_index == in)
			return i;
		if (in && place->link->index == in)
			bridge = i;
		any = i;
	}
	return bridge != NO_MOMENT ? bridge : any;
}

/* One base chain: up to its policy or to a verdict that ends it. */
static size_t run_length(const struct track *track, size_t from)
{
	size_t i = from;

	while (i < track->events.n) {
		const struct trace *trace = &track->events.items[i++]->trace;

		if (trace->step == TRACE_POLICY || trace_is_last_word(trace->verdict))
			break;
		/* only the first event of a base chain has the headers */
		if (i < track->events.n && track->events.items[i]->size)
			break;
	}
	return i - from;
}

static uint64_t time_at(const struct moments *moments, size_t at, const struct sighting *event)
{
	return at == NO_MOMENT ? event->time_ns : moments->items[at].time_ns;
}

/* As the host's own stack made it, before any NAT. Nothing of it was before that, whenever the event was read. */
static size_t add_sent(struct arena *arena, const struct watch_world *world,
	struct moments *moments, const struct watched *watched, const struct sighting *event)
{
	struct moment moment = { .kind = MOMENT_SENT,
		.parent = NO_MOMENT,
		.ns = netns_of_inode(world->host, event->netns),
		.is_out = true,
		.time_ns = watched->first_ns };

	if (moment.ns && event->trace.out)
		moment.link = netns_link_by_index(moment.ns, event->trace.out);
	moment.has_packet = read_packet(event, &moment.packet);
	return add_moment(arena, moments, &moment);
}

static void add_run(struct arena *arena, const struct watch_world *world, struct moments *moments,
	const struct watched *watched, size_t *at, const struct track *track, size_t from, size_t n)
{
	const struct sighting *first = track->events.items[from];
	struct moment moment;
	size_t found;

	if (!is_own_event(world, first)) {
		moment = (struct moment){ .kind = MOMENT_CHAIN,
			.parent = *at,
			.ns = netns_of_inode(world->host, track->netns),
			.time_ns = time_at(moments, *at, first),
			.events = track->events.items + from,
			.n_events = n };
		moment.has_packet = read_packet(first, &moment.packet);
		*at = add_moment(arena, moments, &moment);
		return;
	}
	if (first->trace.family != FAMILY_NETDEV) {
		*at = add_sent(arena, world, moments, watched, first);
		return;
	}
	moment = place_of(world, first);
	if (!moment.link)
		return;
	found = find_place(moments, &moment);
	if (found == NO_MOMENT) {
		moment.time_ns = time_at(moments, *at, first);
		found = add_moment(arena, moments, &moment);
	}
	if (found != *at && *at != NO_MOMENT)
		moments->items[found].parent = *at;
	*at = found;
}

static bool has_devices_below(const struct link *link)
{
	return !strcmp(link->kind, "bridge") || link->lower_index;
}

/*
 * Is the run at "from" of another copy than the one before it? A copy has gone when a rule took it, and when it left by a device
 * that stands on no other: then nothing but that device's own rules are asked.
 */
static bool is_next_copy(
	const struct moments *moments, size_t at, const struct track *track, size_t from)
{
	const struct sighting *first = track->events.items[from];
	const struct trace *before = &track->events.items[from - 1]->trace;
	const struct moment *moment = at == NO_MOMENT ? NULL : &moments->items[at];

	if (trace_is_last_word(before->verdict) && before->verdict != TRACE_ACCEPT)
		return true;
	return moment && is_place(moment) && moment->is_out && !has_devices_below(moment->link) &&
	       (first->trace.family != FAMILY_NETDEV || first->trace.out != moment->link->index);
}

static void add_track(struct arena *arena, const struct watch_world *world, struct moments *moments,
	const struct watched *watched, const struct track *track)
{
	const struct netns *ns = netns_of_inode(world->host, track->netns);
	size_t at = NO_MOMENT, begin = 0, n;

	for (size_t i = 0; i < track->events.n; i += n) {
		const struct sighting *first = track->events.items[i];

		if (i && is_next_copy(moments, at, track, i)) {
			begin = i;
			at = NO_MOMENT;
		}
		if (i == begin && !is_own_event(world, first))
			at = where_it_came_in(moments, ns, first->trace.in);
		n = run_length(track, i);
		add_run(arena, world, moments, watched, &at, track, i, n);
	}
}

/* --- by what is plugged into what --- */

static bool is_internal(const struct ovs_port *port)
{
	return port && port->type && !strcmp(port->type, "internal");
}

bool moment_is_other_end(
	const struct watch_world *world, const struct moment *a, const struct moment *b)
{
	const struct link *link = a->link;

	return link->peer_index && link->peer_netns >= 0 &&
	       &world->host->netns[link->peer_netns] == b->ns && link->peer_index == b->link->index;
}

/* By an internal port a packet goes between Open vSwitch and the host's own stack, so that "in" leaves the switch. */
static bool enters_ovs(const struct watch_world *world, const struct moment *place)
{
	const struct ovs_port *port = ovs_port_at(world->host, place->ns, place->link);

	return port && place->is_out == is_internal(port);
}

static bool leaves_ovs(const struct watch_world *world, const struct moment *place)
{
	const struct ovs_port *port = ovs_port_at(world->host, place->ns, place->link);

	return port && place->is_out != is_internal(port);
}

/* A port of a bridge, or what a VLAN device stands on: a frame that comes in goes from it up to the device above. */
static bool is_under(const struct moment *below, const struct moment *above)
{
	return below->ns == above->ns && (below->link->master_index == above->link->index ||
						 above->link->lower_index == below->link->index);
}

static bool is_next_device(const struct moment *before, const struct moment *place)
{
	return before->is_out == place->is_out &&
	       (place->is_out ? is_under(place, before) : is_under(before, place));
}

/* How near is before to place? 0: it does not lead there. */
static int nearness(
	const struct watch_world *world, const struct moment *before, const struct moment *place)
{
	if (before->kind == MOMENT_SENT)
		return before->ns == place->ns && place->is_out;
	if (is_next_device(before, place))
		return 3;
	if (leaves_ovs(world, place))
		return enters_ovs(world, before) ? 3 : 0;
	if (!place->is_out)
		return before->is_out && moment_is_other_end(world, before, place) ? 3 : 0;
	if (before->is_out || before->ns != place->ns)
		return 0;
	return place->link->master_index && before->link->master_index == place->link->master_index
		       ? 2
		       : 1;
}

static bool has_hook(const struct moment *moment, enum hook hook)
{
	const struct trace *trace = &moment->events[0]->trace;
	const struct ruleset *ruleset = moment->ns ? moment->ns->ruleset : NULL;

	for (size_t t = 0; ruleset && t < ruleset->n_tables; t++) {
		const struct table *table = &ruleset->tables[t];
		const struct chain *chain = table_chain(table, trace->chain);

		if (chain && !strcmp(table->name, trace->table) &&
			(table->family == trace->family || table->family == FAMILY_INET) &&
			ruleset_chain_hook(chain) == hook)
			return true;
	}
	return false;
}

/* Of a flood each copy meets rules of its own: up to the bridge they are those of input, to its other ports those of forward. */
static bool leads_to(const struct moment *chain, const struct moment *place)
{
	const struct trace *last = &chain->events[chain->n_events - 1]->trace;

	if (trace_is_last_word(last->verdict) && last->verdict != TRACE_ACCEPT)
		return false;
	return place->is_out ? !has_hook(chain, HOOK_INPUT)
			     : !has_hook(chain, HOOK_FORWARD) && !has_hook(chain, HOOK_OUTPUT) &&
				       !has_hook(chain, HOOK_POSTROUTING);
}

static size_t next_rules(const struct moments *moments, size_t at, const struct moment *place)
{
	for (size_t i = 0; i < moments->n; i++)
		if (moments->items[i].kind == MOMENT_CHAIN && moments->items[i].parent == at &&
			leads_to(&moments->items[i], place))
			return i;
	return NO_MOMENT;
}

/* The last rules that let it pass from there to the place. */
static size_t behind_rules(const struct moments *moments, size_t from, const struct moment *place)
{
	size_t at = from, next;

	while ((next = next_rules(moments, at, place)) != NO_MOMENT)
		at = next;
	return at;
}

/* A frame keeps its time on the way up from a port to its bridge. */
static bool is_earlier(const struct moments *moments, size_t a, size_t b)
{
	const struct moment *x = &moments->items[a], *y = &moments->items[b];

	if (x->time_ns != y->time_ns)
		return x->time_ns < y->time_ns;
	if (x->kind == MOMENT_SENT || y->kind == MOMENT_SENT)
		return x->kind == MOMENT_SENT;
	return is_next_device(x, y) || (!is_next_device(y, x) && a < b);
}

static bool is_begin(const struct moment *moment)
{
	return is_place(moment) || moment->kind == MOMENT_SENT;
}

static void find_parent(const struct watch_world *world, struct moments *moments, size_t of)
{
	struct moment *place = &moments->items[of];
	size_t best = NO_MOMENT, before = NO_MOMENT;
	int best_nearness = 0;

	for (size_t i = 0; i < moments->n; i++) {
		int near;

		if (i == of || !is_begin(&moments->items[i]) || !is_earlier(moments, i, of))
			continue;
		if (before == NO_MOMENT || is_earlier(moments, before, i))
			before = i;
		near = nearness(world, &moments->items[i], place);
		if (near && (near > best_nearness ||
				    (near == best_nearness && is_earlier(moments, best, i)))) {
			best = i;
			best_nearness = near;
		}
	}
	/* what lies between was not looked at */
	if (best == NO_MOMENT)
		best = before;
	/* also from one device to the other end: those of the egress hook were asked */
	if (best != NO_MOMENT)
		place->parent = behind_rules(moments, best, place);
}

/* A parent is never behind its child, whatever the sources said. */
static bool is_behind(const struct moments *moments, size_t at, size_t of)
{
	size_t n = 0;

	for (size_t i = at; i != NO_MOMENT && n++ <= moments->n; i = moments->items[i].parent)
		if (i == of)
			return true;
	return false;
}

static void find_parents(const struct watch_world *world, struct moments *moments)
{
	for (size_t i = 0; i < moments->n; i++) {
		struct moment *moment = &moments->items[i];

		if (is_place(moment) && moment->parent == NO_MOMENT)
			find_parent(world, moments, i);
		if (moment->parent != NO_MOMENT && is_behind(moments, moment->parent, i))
			moment->parent = NO_MOMENT;
	}
}

/* --- copies --- */

static bool has_children(const struct moments *moments, size_t of)
{
	for (size_t i = 0; i < moments->n; i++)
		if (moments->items[i].parent == of)
			return true;
	return false;
}

/*
 * What others get on a port of Open vSwitch that mirrors them (tcpdump on a patch port has no other way) comes in by an
 * internal port and goes no further. It is no part of the packet's way if that left Open vSwitch by another port as well.
 */
static void leave_out_mirrors(const struct watch_world *world, struct moments *moments)
{
	bool has_left = false;

	for (size_t i = 0; i < moments->n; i++) {
		const struct moment *place = &moments->items[i];

		has_left |= is_place(place) && place->is_out && leaves_ovs(world, place);
	}
	for (size_t i = 0; has_left && i < moments->n; i++) {
		struct moment *place = &moments->items[i];

		place->is_left_out =
			is_place(place) && !place->is_out && place->parent != NO_MOMENT &&
			is_internal(ovs_port_at(world->host, place->ns, place->link)) &&
			!has_children(moments, i);
	}
}

/*
 * Of a bridged packet whose destination rules have changed the kernel asks for the neighbour's MAC by sending it out of the bridge, and
 * takes it back there (br_nf_pre_routing_finish_bridge). It goes on as if it had come in at its port, and so it is told.
 */
static void leave_out_bridges(struct moments *moments)
{
	for (size_t i = 0; i < moments->n; i++) {
		struct moment *place = &moments->items[i];
		size_t from = place->parent;

		while (from != NO_MOMENT && moments->items[from].kind == MOMENT_CHAIN)
			from = moments->items[from].parent;
		if (!is_place(place) || !place->is_out || from == NO_MOMENT ||
			!is_place(&moments->items[from]) || moments->items[from].is_out ||
			moments->items[from].ns != place->ns ||
			moments->items[from].link->master_index != place->link->index)
			continue;
		place->is_left_out = true;
		vec_for_each (moment, moments)
			if (moment->parent == i)
				moment->parent = place->parent;
	}
}

void moments_make(struct arena *arena, const struct watch_world *world,
	const struct watched *watched, struct moments *ret)
{
	struct moments moments = { 0 };

	vec_for_each (frame, &watched->frames) {
		struct moment place = place_of(world, *frame);

		add_moment(arena, &moments, &place);
	}
	vec_for_each (track, &watched->tracks)
		add_track(arena, world, &moments, watched, *track);
	find_parents(world, &moments);
	leave_out_bridges(&moments);
	leave_out_mirrors(world, &moments);
	*ret = moments;
}
