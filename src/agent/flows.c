// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A rule that is taken away must also end the connections that only it allowed: conntrack calls
 * them ESTABLISHED, and the chains let those pass before they ask any rule. Every pass looks at
 * every flow of the zones it knows and asks the policy whether the flow's first packet would be
 * allowed today; what is not is cut. That every pass does it, also one that changes nothing,
 * heals a pass that was killed between its commit and its cut; what such a pass took from the
 * ports is in its journal.
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

/* One port a zone: what it did not start, it was sent. */
static bool is_wanted_of_one(const struct policy_port *port, const struct flow *flow)
{
	if (policy_allows_flow(port, DIR_EGRESS, &flow->first))
		return true;
	return !port_owns(port, &flow->first.src) &&
	       policy_allows_flow(port, DIR_INGRESS, &flow->first);
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
 * until now.
 */
static bool is_wanted_of_several(const struct flow_judge *judge, const struct flow *flow)
{
	bool is_src_owned = false, is_dst_owned = false;

	for (size_t i = judge->first_of_zone[flow->zone]; i < judge->n_plugs;
		i = judge->next_of_zone[i]) {
		const struct policy_port *port = judge->plugs[i].port;

		if (port_owns(port, &flow->first.src)) {
			is_src_owned = true;
			if (!policy_allows_flow(port, DIR_EGRESS, &flow->first))
				return false;
		}
		if (port_owns(port, &flow->first.dst)) {
			is_dst_owned = true;
			if (!policy_allows_flow(port, DIR_INGRESS, &flow->first))
				return false;
		}
	}
	return (is_src_owned || !is_gone(judge, &flow->first.src)) &&
	       (is_dst_owned || !is_gone(judge, &flow->first.dst));
}

static bool is_wanted(void *data, const struct flow *flow)
{
	const struct flow_judge *judge = data;
	size_t i = judge->first_of_zone[flow->zone];

	if (i == judge->n_plugs)
		return flow->zone == 0 || !zone_map_had(judge->zones, flow->zone);
	if (judge->plugs[i].hybrid_peer)
		return is_wanted_of_one(judge->plugs[i].port, flow);
	return is_wanted_of_several(judge, flow);
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
	return kernel_flows_cut(is_wanted, &judge, ret_n_cut, err);
}
