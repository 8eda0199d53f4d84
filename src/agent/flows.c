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

#include <string.h>

struct flow_judge {
	const struct plug *plugs;
	const struct zone_map *zones;
	/* by zone: the first plug, and for each plug the next one of its zone (n_plugs: none) */
	size_t *first_of_zone, *next_of_zone;
	size_t n_plugs;
	/* source addresses that some port was allowed before this pass */
	const prefix_vec *gone;
};

static bool port_owns(const struct policy_port *port, const struct addr *addr)
{
	for (size_t i = 0; i < port->n_fixed_ips; i++)
		if (addr_compare(&port->fixed_ips[i], addr) == 0)
			return true;
	for (size_t i = 0; i < port->n_pairs; i++)
		if (prefix_contains(&port->pairs[i].prefix, addr))
			return true;
	if (addr->family == FAMILY_IPV6) {
		struct addr own = addr_link_local(port->mac);

		return addr_compare(&own, addr) == 0;
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

/*
 * Several ports in the zone: whoever owns an end must allow it. An end that nobody owns belongs to
 * a machine that the policy does not name: not ours to judge, unless the address was a port's
 * until now. A mark in a zone of ours says that it was; in zone 0 it may be another program's.
 */
static enum flow_verdict judge_for_several(const struct flow_judge *judge, const struct flow *flow)
{
	static const enum direction directions[] = { DIR_EGRESS, DIR_INGRESS };
	const struct addr *ends[] = { &flow->first.src, &flow->first.dst };
	bool is_owned[] = { false, false }, is_refused = false;

	for (size_t i = judge->first_of_zone[flow->zone]; i < judge->n_plugs;
		i = judge->next_of_zone[i]) {
		const struct policy_port *port = judge->plugs[i].port;

		for (size_t end = 0; end < N_OF(ends); end++) {
			if (!port_owns(port, ends[end]))
				continue;
			is_owned[end] = true;
			if (policy_allows_flow(port, directions[end], &flow->first))
				continue;
			if (refused_by(port) == FLOW_CUT)
				return FLOW_CUT;
			is_refused = true;
		}
	}
	for (size_t end = 0; end < N_OF(ends); end++)
		is_refused |= !is_owned[end] && is_gone(judge, ends[end]);
	if (is_refused)
		return FLOW_FORGET;
	if (is_owned[0] || is_owned[1])
		return FLOW_ALLOW;
	return flow->is_marked && flow->zone != 0 ? FLOW_FORGET : FLOW_LEAVE;
}

static enum flow_verdict judge_flow(void *data, const struct flow *flow)
{
	const struct flow_judge *judge = data;
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

bool agent_cut_flows(struct arena *arena, const struct plug *plugs, size_t n_plugs,
	const struct zone_map *zones, const prefix_vec *gone, size_t *ret_n_cut, struct err *err)
{
	struct flow_judge judge = {
		.plugs = plugs, .zones = zones, .n_plugs = n_plugs, .gone = gone
	};
	const size_t n_zones = (size_t)UINT16_MAX + 1;

	judge.first_of_zone = arena_new_array(arena, size_t, n_zones);
	judge.next_of_zone = arena_new_array(arena, size_t, n_plugs + 1);
	for (size_t z = 0; z < n_zones; z++)
		judge.first_of_zone[z] = n_plugs;
	for (size_t i = n_plugs; i-- > 0;) {
		if (!plugs[i].zone && !plugs[i].is_routed)
			continue; /* closed ahead of its interface: it has no flows yet */
		judge.next_of_zone[i] = judge.first_of_zone[plugs[i].zone];
		judge.first_of_zone[plugs[i].zone] = i;
	}
	return kernel_flows_cut(judge_flow, &judge, COMPILE_CUT_MARK, ret_n_cut, err);
}
