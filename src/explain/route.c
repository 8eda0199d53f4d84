// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The routing policy database: rules by priority, in each table the longest prefix
 * (net/core/fib_rules.c, net/ipv4/fib_trie.c, net/ipv6/route.c).
 */
#include <string.h>

#include "explain/internal.h"

#define TABLE_DEFAULT 253
#define TABLE_MAIN    254
#define TABLE_LOCAL   255

static const struct routing_rule usual_rules[] = {
	{ .family = FAMILY_IPV4,
		.priority = 0,
		.action = RULE_LOOKUP,
		.table = TABLE_LOCAL,
		.suppress_len = -1 },
	{ .family = FAMILY_IPV4,
		.priority = 32766,
		.action = RULE_LOOKUP,
		.table = TABLE_MAIN,
		.suppress_len = -1 },
	{ .family = FAMILY_IPV4,
		.priority = 32767,
		.action = RULE_LOOKUP,
		.table = TABLE_DEFAULT,
		.suppress_len = -1 },
	{ .family = FAMILY_IPV6,
		.priority = 0,
		.action = RULE_LOOKUP,
		.table = TABLE_LOCAL,
		.suppress_len = -1 },
	{ .family = FAMILY_IPV6,
		.priority = 32766,
		.action = RULE_LOOKUP,
		.table = TABLE_MAIN,
		.suppress_len = -1 },
};

enum fits { FITS_NOT, FITS, FITS_MAYBE };

static bool port_in(uint16_t port, const struct port_range *range)
{
	return port >= range->min && port <= range->max;
}

/* Conditions on transport fields hold only for packets whose ports are known. */
static enum fits rule_fits_packet(const struct routing_rule *rule, const struct packet *packet)
{
	uint64_t asked = (rule->proto ? FIELD_BIT(FIELD_PROTO) : 0) |
			 (rule->has_sport ? FIELD_BIT(FIELD_SPORT) : 0) |
			 (rule->has_dport ? FIELD_BIT(FIELD_DPORT) : 0) |
			 (rule->tos ? FIELD_BIT(FIELD_TOS) : 0);

	if (rule->is_opaque || rule->has_uid)
		return FITS_MAYBE;
	if (rule->has_src && packet && packet->unknown & FIELD_BIT(FIELD_SRC))
		return FITS_MAYBE;
	if (!asked)
		return FITS;
	if (!packet || packet->unknown & asked)
		return FITS_MAYBE;
	if (rule->proto && rule->proto != packet->proto)
		return FITS_NOT;
	if (rule->tos && rule->tos != packet->tos)
		return FITS_NOT;
	if (rule->has_sport && !port_in(packet->sport, &rule->sport))
		return FITS_NOT;
	if (rule->has_dport && !port_in(packet->dport, &rule->dport))
		return FITS_NOT;
	return FITS;
}

static bool knows_src(const struct fib_query *query)
{
	return !query->packet || !(query->packet->unknown & FIELD_BIT(FIELD_SRC));
}

static enum fits rule_fits(
	const struct netns *ns, const struct routing_rule *rule, const struct fib_query *query)
{
	const struct link *vrf;
	enum fits fits;

	if (rule->iif && (!query->iif || strcmp(rule->iif, query->iif) != 0))
		fits = FITS_NOT;
	else if (rule->oif && (!query->oif || strcmp(rule->oif, query->oif->name) != 0))
		fits = FITS_NOT;
	else if (rule->mark_mask && query->is_mark_unknown)
		fits = FITS_MAYBE;
	else if ((query->mark ^ rule->mark) & rule->mark_mask)
		fits = FITS_NOT;
	else if (rule->has_src && knows_src(query) && !prefix_contains(&rule->src, &query->src))
		fits = FITS_NOT;
	else if (rule->has_dst && !prefix_contains(&rule->dst, &query->dst))
		fits = FITS_NOT;
	else
		fits = rule_fits_packet(rule, query->packet);
	if (fits == FITS && rule->is_l3mdev) {
		vrf = query->iif ? netns_link(ns, query->iif) : query->oif;
		vrf = vrf && vrf->master_index ? netns_link_by_index(ns, vrf->master_index) : vrf;
		fits = vrf && !strcmp(vrf->kind, "vrf") ? FITS : FITS_NOT;
	}
	if (rule->is_inverted && fits != FITS_MAYBE)
		fits = fits == FITS ? FITS_NOT : FITS;
	return fits;
}

static bool needs_interface(const struct addr *dst)
{
	return dst->family == FAMILY_IPV6 && (addr_is_link_local(dst) || dst->bytes[0] == 0xff);
}

static const struct next_hop *usable_hop(
	const struct netns *ns, const struct route *route, const struct fib_query *query)
{
	for (size_t i = 0; i < route->n_hops; i++) {
		const struct next_hop *hop = &route->hops[i];
		const struct link *link = netns_link_by_index(ns, hop->index);

		if (query->oif && hop->index != query->oif->index)
			continue;
		if (hop->is_dead || (link && !link->is_up))
			continue;
		if (hop->is_linkdown && !query->ignores_linkdown && link &&
			link_conf(query->facts, ns, query->family == FAMILY_IPV6 ? "ipv6" : "ipv4",
				link, "ignore_routes_with_linkdown", 0))
			continue;
		return hop;
	}
	return NULL;
}

static bool route_is_for(const struct netns *ns, const struct route *route, uint32_t table,
	const struct fib_query *query, const struct next_hop **ret_hop)
{
	bool has_device = route->n_hops > 0;

	if (route->table != table || route->dst.addr.family != query->family)
		return false;
	if (!prefix_contains(&route->dst, &query->dst))
		return false;
	if (route->src.len && !prefix_contains(&route->src, &query->src))
		return false;
	if (route->tos && (!query->packet || (query->packet->tos & 0x1c) != route->tos))
		return false;
	*ret_hop = usable_hop(ns, route, query);
	if (has_device && !*ret_hop && route->type != ROUTE_BLACKHOLE &&
		route->type != ROUTE_UNREACHABLE && route->type != ROUTE_PROHIBIT)
		return false;
	if (needs_interface(&query->dst) && query->iif && !query->oif && *ret_hop) {
		const struct link *in = netns_link(ns, query->iif);

		return !in || in->is_loopback || (*ret_hop)->index == in->index;
	}
	return true;
}

/* Of two to prefixes of one length. */
static bool is_better(const struct route *a, const struct route *b)
{
	if (!b)
		return true;
	if (a->src.len != b->src.len)
		return a->src.len > b->src.len;
	if (a->tos != b->tos)
		return a->tos > b->tos;
	return a->priority < b->priority;
}

/* Among those to prefixes of one length. */
static const struct route *len_lookup(const struct netns *ns, uint32_t table, unsigned len,
	const struct fib_query *query, const struct next_hop **ret_hop)
{
	const struct route *best = NULL;

	for (size_t i = netns_first(ns, ROUTES_BY_DST, key_of_route(table, &query->dst, len));
		i < ns->n_routes; i = netns_next(ns, ROUTES_BY_DST, i)) {
		const struct next_hop *hop = NULL;

		if (ns->routes[i].dst.len != len || !is_better(&ns->routes[i], best))
			continue;
		if (!route_is_for(ns, &ns->routes[i], table, query, &hop))
			continue;
		best = &ns->routes[i];
		*ret_hop = hop;
	}
	return best;
}

static const struct route *table_lookup(const struct netns *ns, uint32_t table,
	const struct fib_query *query, const struct next_hop **ret_hop)
{
	const struct route *best = NULL;

	for (unsigned len = prefix_max_len(query->family) + 1u; len-- && !best;)
		if (netns_has_route_len(ns, query->family, len))
			best = len_lookup(ns, table, len, query, ret_hop);
	return best;
}

static size_t n_usable(
	const struct netns *ns, const struct route *route, const struct fib_query *query)
{
	size_t n = 0;

	for (size_t i = 0; i < route->n_hops; i++) {
		const struct link *link = netns_link_by_index(ns, route->hops[i].index);

		n += !route->hops[i].is_dead && (!link || link->is_up) &&
		     (!query->oif || route->hops[i].index == query->oif->index);
	}
	return n;
}

static struct fib_result result_of(const struct netns *ns, const struct routing_rule *rule,
	const struct route *route, const struct next_hop *hop, const struct fib_query *query)
{
	struct fib_result result = { .rule = rule, .route = route, .hop = hop };

	switch (route->type) {
	case ROUTE_BLACKHOLE:
		result.status = FIB_BLACKHOLE;
		break;
	case ROUTE_UNREACHABLE:
		result.status = FIB_UNREACHABLE;
		break;
	case ROUTE_PROHIBIT:
		result.status = FIB_PROHIBIT;
		break;
	default:
		result.status = FIB_FOUND;
		break;
	}
	if (result.status == FIB_FOUND && route->is_opaque) {
		result.status = FIB_CANNOT_TELL;
		result.why = "the route encapsulates, or has hops that were not read (a next hop "
			     "object, with net.ipv4.nexthop_compat_mode = 0): it is not walked";
	} else if (result.status == FIB_FOUND && n_usable(ns, route, query) > 1) {
		result.status = FIB_CANNOT_TELL;
		result.why = "the route has several next hops: which one takes this packet is "
			     "not known";
	}
	return result;
}

/* IPv6 has several routes of one prefix and metric; the kernel weighs preference and reachability. */
static bool has_rival(const struct netns *ns, uint32_t table, const struct fib_query *query,
	const struct route *best)
{
	for (size_t i = 0; i < ns->n_routes; i++) {
		const struct route *other = &ns->routes[i];
		const struct next_hop *hop = NULL;

		if (other != best && other->type == ROUTE_UNICAST && !is_better(best, other) &&
			!is_better(other, best) && route_is_for(ns, other, table, query, &hop))
			return true;
	}
	return false;
}

/* What a rule's table says; false: go on with the next rule. */
static bool rule_apply(const struct netns *ns, const struct routing_rule *rule,
	const struct fib_query *query, struct fib_result *ret)
{
	const struct next_hop *hop = NULL;
	const struct route *route;
	uint32_t table = rule->table;

	switch (rule->action) {
	case RULE_BLACKHOLE:
		*ret = (struct fib_result){ .status = FIB_BLACKHOLE, .rule = rule };
		return true;
	case RULE_UNREACHABLE:
		*ret = (struct fib_result){ .status = FIB_UNREACHABLE, .rule = rule };
		return true;
	case RULE_PROHIBIT:
		*ret = (struct fib_result){ .status = FIB_PROHIBIT, .rule = rule };
		return true;
	case RULE_LOOKUP:
		break;
	default:
		return false;
	}
	if (rule->is_l3mdev) {
		const struct link *link = query->iif ? netns_link(ns, query->iif) : query->oif;

		if (link && link->master_index)
			link = netns_link_by_index(ns, link->master_index);
		if (link)
			table = link->table;
	}
	route = table_lookup(ns, table, query, &hop);
	if (!route || route->type == ROUTE_THROW)
		return false;
	if (rule->suppress_len >= 0 && route->dst.len <= rule->suppress_len)
		return false;
	*ret = result_of(ns, rule, route, hop, query);
	if (query->family == FAMILY_IPV6 && route->type == ROUTE_UNICAST &&
		!needs_interface(&query->dst) && has_rival(ns, table, query, route)) {
		ret->status = FIB_CANNOT_TELL;
		ret->why =
			"there are several IPv6 routes of one prefix and metric: which one takes "
			"this packet is not known";
	}
	return true;
}

struct fib_result fib_lookup(const struct netns *ns, const struct fib_query *query)
{
	bool is_usual = ns->n_rules == 0;
	const struct routing_rule *rules = is_usual ? usual_rules : ns->rules;
	size_t n = is_usual ? N_OF(usual_rules) : ns->n_rules;
	struct fib_result result = { .status = FIB_NO_ROUTE };
	uint32_t from = 0;
	const char *why;

	if (netns_is_unread(ns, "routes", &why) || netns_is_unread(ns, "rules", &why))
		return (struct fib_result){ .status = FIB_CANNOT_TELL,
			.why = "the routes of this namespace were not read" };
	for (size_t i = 0; i < n; i++) {
		if (rules[i].family != query->family || rules[i].priority < from)
			continue;
		switch (rule_fits(ns, &rules[i], query)) {
		case FITS_NOT:
			continue;
		case FITS_MAYBE:
			return (struct fib_result){ .status = FIB_CANNOT_TELL,
				.rule = &rules[i],
				.why = "a routing rule asks for something that is not known" };
		case FITS:
			break;
		}
		if (rules[i].action == RULE_GOTO)
			from = rules[i].goto_priority;
		else if (rule_apply(ns, &rules[i], query, &result))
			return result;
	}
	return result;
}
