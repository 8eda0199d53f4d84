// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A rule that is taken away must also end the connections that only it allowed: conntrack calls
 * them ESTABLISHED, and the chains let those pass before they ask any rule. Every pass looks at
 * every flow of the zones it knows and asks the policy whether the flow's first packet would be
 * allowed today; what is not is cut. That every pass does it, also one that changes nothing,
 * heals a pass that was killed between its commit and its cut; what such a pass took from the
 * ports is in its journal.
 *
 * Cut is not deleted. Conntrack takes up TCP in the middle: of a client's connection whose entry
 * is gone the guest's next segment begins a new one, from the guest to the client; a group that
 * allows all egress, as Neutron's default group does, lets it pass, and then the client's segments
 * are ESTABLISHED again. So the entry of a TCP flow stays and bears a mark (COMPILE_CUT_MARK),
 * which the chains drop before anything else. A mark says what the policy says now: each pass
 * takes it from the flows that are allowed again, and they go on. A datagram of the guest is a
 * flow of its own right; those entries are deleted.
 *
 * Deleted, marked or not, is what is no port's any more: a port is gone, its address, the zone.
 * Deleted, not marked, is what only a stateless port refuses: its chains judge each packet by
 * itself, and a mark would drop the ones that they allow.
 */
#include "agent/internal.h"

#include <stdlib.h>
#include <string.h>

/* An address of a port that is judged with others of its zone. */
struct owned {
	uint16_t zone;
	struct addr addr;
	size_t plug;
};

struct flow_judge {
	const struct plug *plugs;
	const struct zone_map *zones;
	/* by zone: the first plug, and for each plug the next one of its zone (n_plugs: none); of ports that have a pair of
	 * many addresses, alone, the same */
	size_t *first_of_zone, *next_of_zone, *first_wide, *next_wide;
	size_t n_plugs;
	VEC(struct owned)
	owned; /* sorted: there may be a thousand ports in a zone, and a hundred thousand flows */
	/* source addresses that some port was allowed before this pass */
	const prefix_vec *gone;
	size_t n_marked; /* flows that stay cut */
};

static int by_address(const void *a, const void *b)
{
	const struct owned *x = a, *y = b;
	int order = x->zone - y->zone;

	if (!order)
		order = addr_compare(&x->addr, &y->addr);
	return order ? order : x->plug < y->plug ? -1 : x->plug > y->plug;
}

static bool is_wide(const struct policy_port *port)
{
	for (size_t i = 0; i < port->n_pairs; i++)
		if (port->pairs[i].prefix.len < prefix_max_len(port->pairs[i].prefix.addr.family))
			return true;
	return false;
}

static void own(struct arena *arena, struct flow_judge *judge, size_t plug, const struct addr *addr)
{
	*vec_push(&judge->owned, arena) = (struct owned){ judge->plugs[plug].zone, *addr, plug };
}

static void own_addresses(struct arena *arena, struct flow_judge *judge, size_t plug)
{
	const struct policy_port *port = judge->plugs[plug].port;
	const struct addr own_local = addr_link_local(port->mac);

	for (size_t i = 0; i < port->n_fixed_ips; i++)
		own(arena, judge, plug, &port->fixed_ips[i]);
	for (size_t i = 0; i < port->n_pairs; i++)
		if (port->pairs[i].prefix.len == prefix_max_len(port->pairs[i].prefix.addr.family))
			own(arena, judge, plug, &port->pairs[i].prefix.addr);
	own(arena, judge, plug, &own_local);
}

static bool port_owns(const struct policy_port *port, const struct addr *addr)
{
	for (size_t i = 0; i < port->n_fixed_ips; i++)
		if (addr_compare(&port->fixed_ips[i], addr) == 0)
			return true;
	for (size_t i = 0; i < port->n_pairs; i++)
		if (prefix_contains(&port->pairs[i].prefix, addr))
			return true;
	if (addr->family == FAMILY_IPV6) {
		struct addr own_local = addr_link_local(port->mac);

		return addr_compare(&own_local, addr) == 0;
	}
	return false;
}

static enum flow_verdict refused_by(const struct policy_port *port)
{
	return port->stateful ? FLOW_CUT : FLOW_FORGET;
}

/* One port a zone: what it did not start, it was sent. */
static enum flow_verdict judge_for_one(const struct policy_port *port, const struct flow *flow)
{
	if (policy_allows_flow(port, DIR_EGRESS, &flow->first))
		return FLOW_ALLOW;
	if (!port_owns(port, &flow->first.src) &&
		policy_allows_flow(port, DIR_INGRESS, &flow->first))
		return FLOW_ALLOW;
	return refused_by(port);
}

static bool is_gone(const struct flow_judge *judge, const struct addr *addr)
{
	vec_for_each (prefix, judge->gone)
		if (prefix_contains(prefix, addr))
			return true;
	return false;
}

/* What the owners of one end say. */
struct end_verdict {
	bool is_owned, is_cut, is_refused;
	size_t refuser; /* a plug */
};

static void ask_owner(const struct flow_judge *judge, size_t plug, const struct flow *flow,
	enum direction direction, struct end_verdict *verdict)
{
	const struct policy_port *port = judge->plugs[plug].port;

	verdict->is_owned = true;
	if (policy_allows_flow(port, direction, &flow->first))
		return;
	verdict->is_refused = true;
	verdict->refuser = plug;
	verdict->is_cut |= refused_by(port) == FLOW_CUT;
}

/* The first that owns the address; owned.n: none. */
static size_t first_owner(const struct flow_judge *judge, uint16_t zone, const struct addr *addr)
{
	const struct owned key = { .zone = zone, .addr = *addr };
	size_t low = 0, high = judge->owned.n;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (by_address(&judge->owned.items[middle], &key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct end_verdict ask_end(
	const struct flow_judge *judge, const struct flow *flow, enum direction direction)
{
	const struct addr *addr = direction == DIR_EGRESS ? &flow->first.src : &flow->first.dst;
	struct end_verdict verdict = { false };

	for (size_t i = first_owner(judge, flow->zone, addr); i < judge->owned.n; i++) {
		const struct owned *owned = &judge->owned.items[i];

		if (owned->zone != flow->zone || addr_compare(&owned->addr, addr) != 0)
			break;
		ask_owner(judge, owned->plug, flow, direction, &verdict);
	}
	for (size_t i = judge->first_wide[flow->zone]; i < judge->n_plugs; i = judge->next_wide[i])
		if (port_owns(judge->plugs[i].port, addr))
			ask_owner(judge, i, flow, direction, &verdict);
	return verdict;
}

/*
 * Several ports in the zone: whoever owns an end must allow it. An end that nobody owns belongs to
 * a machine that the policy does not name: not ours to judge, unless the address was a port's
 * until now. A mark in a zone of ours says that it was; in zone 0 it may be another program's.
 */
static enum flow_verdict judge_for_several(const struct flow_judge *judge, const struct flow *flow)
{
	const struct end_verdict from = ask_end(judge, flow, DIR_EGRESS);
	const struct end_verdict to = ask_end(judge, flow, DIR_INGRESS);

	if (from.is_cut || to.is_cut)
		return FLOW_CUT;
	if (from.is_refused || to.is_refused ||
		(!from.is_owned && is_gone(judge, &flow->first.src)) ||
		(!to.is_owned && is_gone(judge, &flow->first.dst)))
		return FLOW_FORGET;
	if (from.is_owned || to.is_owned)
		return FLOW_ALLOW;
	return flow->is_marked && flow->zone != 0 ? FLOW_FORGET : FLOW_LEAVE;
}

static enum flow_verdict verdict_of(const struct flow_judge *judge, const struct flow *flow)
{
	size_t i = judge->first_of_zone[flow->zone];

	if (i < judge->n_plugs && judge->plugs[i].hybrid_peer)
		return judge_for_one(judge->plugs[i].port, flow);
	if (i < judge->n_plugs)
		return judge_for_several(judge, flow);
	if (flow->zone != 0)
		return zone_map_had(judge->zones, flow->zone) ? FLOW_FORGET : FLOW_LEAVE;
	/* The last port of a bridge for which the host routes is gone. */
	if (flow->is_marked &&
		(is_gone(judge, &flow->first.src) || is_gone(judge, &flow->first.dst)))
		return FLOW_FORGET;
	return FLOW_LEAVE;
}

static enum flow_verdict judge_flow(void *data, const struct flow *flow)
{
	struct flow_judge *judge = data;
	enum flow_verdict verdict = verdict_of(judge, flow);

	judge->n_marked += verdict == FLOW_CUT && flow->first.proto == PROTO_TCP;
	return verdict;
}

/* Pairs that were taken from a port: the rules of its anti-spoofing chain that go. */
void agent_gone_prefixes(struct arena *arena, const struct plan *plan, prefix_vec *gone)
{
	for (size_t c = 0; c < plan->n_changes; c++) {
		const struct rule *rule = plan->changes[c].rule;
		const struct prefix *prefix = NULL;
		bool has_mac = false;

		if (plan->changes[c].sign != '-' || !rule)
			continue;
		for (size_t m = 0; m < rule->n_matches; m++) {
			if (rule->matches[m].kind == MATCH_SRC && !rule->matches[m].inverted)
				prefix = &rule->matches[m].prefix;
			if (rule->matches[m].kind == MATCH_MAC_SRC)
				has_mac = true;
		}
		if (prefix && has_mac)
			*vec_push(gone, arena) = *prefix;
	}
}

static size_t *new_places(struct arena *arena, size_t n, size_t none)
{
	size_t *places = arena_new_array(arena, size_t, n);

	for (size_t i = 0; i < n; i++)
		places[i] = none;
	return places;
}

static void judge_init(struct flow_judge *judge, struct arena *arena)
{
	const size_t n_zones = (size_t)UINT16_MAX + 1, n_plugs = judge->n_plugs;

	judge->first_of_zone = new_places(arena, n_zones, n_plugs);
	judge->first_wide = new_places(arena, n_zones, n_plugs);
	judge->next_of_zone = new_places(arena, n_plugs + 1, n_plugs);
	judge->next_wide = new_places(arena, n_plugs + 1, n_plugs);
	for (size_t i = n_plugs; i-- > 0;) {
		const struct plug *plug = &judge->plugs[i];

		if (!plug->zone && !plug->is_routed)
			continue; /* closed ahead of its interface: it has no flows yet */
		judge->next_of_zone[i] = judge->first_of_zone[plug->zone];
		judge->first_of_zone[plug->zone] = i;
		own_addresses(arena, judge, i);
		if (!is_wide(plug->port))
			continue;
		judge->next_wide[i] = judge->first_wide[plug->zone];
		judge->first_wide[plug->zone] = i;
	}
	if (judge->owned.n)
		qsort(judge->owned.items, judge->owned.n, sizeof(*judge->owned.items), by_address);
}

bool agent_cut_flows(struct arena *arena, const struct plug *plugs, size_t n_plugs,
	const struct zone_map *zones, const prefix_vec *gone, struct flows_cut *ret,
	struct err *err)
{
	struct flow_judge judge = {
		.plugs = plugs, .zones = zones, .n_plugs = n_plugs, .gone = gone
	};
	size_t n = 0;

	judge_init(&judge, arena);
	if (!kernel_flows_cut(judge_flow, &judge, COMPILE_CUT_MARK, &n, err))
		return false;
	*ret = (struct flows_cut){ .n_cut = n, .n_marked = judge.n_marked };
	return true;
}

/* Whose flow was it? */
static void find_former(
	const struct plug *old, size_t n_old, const struct flow *flow, struct flow_told *told)
{
	for (size_t i = 0; i < n_old; i++) {
		bool is_from = port_owns(old[i].port, &flow->first.src);

		if (old[i].zone != flow->zone ||
			(!is_from && !port_owns(old[i].port, &flow->first.dst)))
			continue;
		told->port = old[i].port;
		told->direction = is_from ? DIR_EGRESS : DIR_INGRESS;
		return;
	}
}

static struct flow_told tell_flow(const struct flow_judge *judge, const struct flow *flow,
	const struct plug *old, size_t n_old)
{
	struct flow_told told = { .first = flow->first };
	size_t i = judge->first_of_zone[flow->zone];
	struct end_verdict from, to;

	if (i < judge->n_plugs && judge->plugs[i].hybrid_peer) {
		told.port = judge->plugs[i].port;
		told.direction = port_owns(told.port, &flow->first.src) ? DIR_EGRESS : DIR_INGRESS;
		return told;
	}
	from = ask_end(judge, flow, DIR_EGRESS);
	to = ask_end(judge, flow, DIR_INGRESS);
	if (from.is_refused || to.is_refused) {
		told.direction = from.is_refused ? DIR_EGRESS : DIR_INGRESS;
		told.port = judge->plugs[from.is_refused ? from.refuser : to.refuser].port;
	} else {
		find_former(old, n_old, flow, &told);
	}
	return told;
}

bool agent_find_cut_flows(struct arena *arena, const struct plug *plugs, size_t n_plugs,
	const struct plug *old, size_t n_old, const struct zone_map *zones, const prefix_vec *gone,
	size_t max, struct flows_told *ret, struct err *err)
{
	struct flow_judge judge = {
		.plugs = plugs, .zones = zones, .n_plugs = n_plugs, .gone = gone
	};
	struct flow *flows;
	size_t n, n_all;

	judge_init(&judge, arena);
	if (!kernel_flows_find(
		    arena, judge_flow, &judge, COMPILE_CUT_MARK, max, &flows, &n, &n_all, err))
		return false;
	*ret = (struct flows_told){
		.items = arena_new_array(arena, struct flow_told, n + 1), .n = n, .n_all = n_all
	};
	for (size_t i = 0; i < n; i++)
		ret->items[i] = tell_flow(&judge, &flows[i], old, n_old);
	return true;
}
