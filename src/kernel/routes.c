// SPDX-License-Identifier: GPL-2.0-or-later
/* Addresses, routes of all tables, and the rules that choose a table. */
#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "base/limits.h"
#include "kernel/reading.h"

struct pass {
	struct reading *reading;
	struct arena *arena;
	VEC(struct address) addresses;
	VEC(struct route) routes;
	VEC(struct routing_rule) rules;
	size_t n_before; /* of a dump that is tried again: where it began */
	size_t n_unresolved;
	bool is_cut; /* there are more addresses, or rules, than the limit */
};

static bool family_of(uint8_t af, enum family *ret)
{
	if (af != AF_INET && af != AF_INET6)
		return false;
	*ret = af == AF_INET6 ? FAMILY_IPV6 : FAMILY_IPV4;
	return true;
}

static struct addr addr_of(const struct nlattr *attr, enum family family)
{
	struct addr addr = { .family = family };
	size_t size = family == FAMILY_IPV6 ? 16 : 4;

	if (mnl_attr_get_payload_len(attr) >= size)
		memcpy(addr.bytes, mnl_attr_get_payload(attr), size);
	return addr;
}

static uint32_t u32_of(const struct nlattr *attr)
{
	return mnl_attr_get_payload_len(attr) >= 4 ? mnl_attr_get_u32(attr) : 0;
}

static void begin_addresses(void *data)
{
	struct pass *pass = data;

	pass->addresses.n = 0;
	pass->is_cut = false;
}

static int each_address(const struct nlmsghdr *nlh, void *data)
{
	const struct ifaddrmsg *msg = mnl_nlmsg_get_payload(nlh);
	struct address address = { .index = (int)msg->ifa_index, .len = msg->ifa_prefixlen };
	const struct nlattr *attr, *local = NULL, *end = NULL;
	uint32_t flags = msg->ifa_flags;
	struct pass *pass = data;
	enum family family;

	if (!family_of(msg->ifa_family, &family))
		return MNL_CB_OK;
	if (pass->addresses.n >= LIMIT_LINKS) {
		pass->is_cut = true;
		return MNL_CB_OK;
	}
	netlink_for_each(attr, nlh, sizeof(*msg))
	{
		switch (mnl_attr_get_type(attr)) {
		case IFA_LOCAL:
			local = attr;
			break;
		case IFA_ADDRESS:
			end = attr;
			break;
		case IFA_BROADCAST:
			address.broadcast = addr_of(attr, family);
			break;
		case IFA_FLAGS:
			flags = u32_of(attr);
			break;
		}
	}
	/* IPv6 has IFA_ADDRESS alone, but for a peer */
	if (!local && !end)
		return MNL_CB_OK;
	address.local = addr_of(local ? local : end, family);
	address.peer = addr_of(end ? end : local, family);
	address.is_secondary = flags & IFA_F_SECONDARY;
	address.is_tentative = flags & IFA_F_TENTATIVE;
	address.is_deprecated = flags & IFA_F_DEPRECATED;
	address.is_link_scope = msg->ifa_scope == RT_SCOPE_LINK;
	address.is_host_scope = msg->ifa_scope == RT_SCOPE_HOST;
	*vec_push(&pass->addresses, pass->arena) = address;
	return MNL_CB_OK;
}

void reading_addresses(struct reading *reading)
{
	static const struct ifaddrmsg all = { .ifa_family = AF_UNSPEC };
	struct pass pass = { .reading = reading, .arena = reading->arena };
	struct err err;

	if (!netlink_list(
		    &(struct netlink_list){
			    .bus = NETLINK_ROUTE,
			    .type = RTM_GETADDR,
			    .header = &all,
			    .header_size = sizeof(all),
			    .what = "addresses",
			    .each = each_address,
			    .begin = begin_addresses,
			    .data = &pass,
		    },
		    &err))
		reading_unread(reading, "addresses", "%s", err.text);
	else if (pass.is_cut)
		reading_unread(
			reading, "addresses", "more than %d: the others are not here", LIMIT_LINKS);
	reading->ns->addresses = pass.addresses.items;
	reading->ns->n_addresses = pass.addresses.n;
}

static void read_via(const struct nlattr *attr, struct next_hop *hop)
{
	const struct rtvia *via = mnl_attr_get_payload(attr);
	size_t size = mnl_attr_get_payload_len(attr), addr_size;
	enum family family;

	if (size < sizeof(*via) || !family_of((uint8_t)via->rtvia_family, &family))
		return;
	addr_size = family == FAMILY_IPV6 ? 16 : 4;
	if (size < sizeof(*via) + addr_size)
		return;
	hop->has_gateway = true;
	hop->gateway = (struct addr){ .family = family };
	memcpy(hop->gateway.bytes, via->rtvia_addr, addr_size);
}

static void set_hop_flags(struct next_hop *hop, unsigned flags)
{
	hop->is_dead = flags & RTNH_F_DEAD;
	hop->is_linkdown = flags & RTNH_F_LINKDOWN;
	hop->is_onlink = flags & RTNH_F_ONLINK;
}

static void read_multipath(
	struct pass *pass, const struct nlattr *attr, enum family family, struct route *route)
{
	const struct rtnexthop *item = mnl_attr_get_payload(attr);
	size_t left = mnl_attr_get_payload_len(attr);
	VEC(struct next_hop) hops = { 0 };

	while (left >= sizeof(*item) && item->rtnh_len >= sizeof(*item) && item->rtnh_len <= left) {
		struct next_hop hop = { .index = item->rtnh_ifindex,
			.weight = item->rtnh_hops + 1u };
		const struct nlattr *of = (const void *)(item + 1);
		size_t step = RTNH_ALIGN(item->rtnh_len);

		set_hop_flags(&hop, item->rtnh_flags);
		for (; mnl_attr_ok(
			     of, (int)((const char *)item + item->rtnh_len - (const char *)of));
			of = mnl_attr_next(of)) {
			if (mnl_attr_get_type(of) == RTA_GATEWAY) {
				hop.has_gateway = true;
				hop.gateway = addr_of(of, family);
			} else if (mnl_attr_get_type(of) == RTA_VIA) {
				read_via(of, &hop);
			} else if (mnl_attr_get_type(of) == RTA_ENCAP) {
				route->is_opaque = true;
			}
		}
		*vec_push(&hops, pass->arena) = hop;
		left = step < left ? left - step : 0;
		item = (const void *)((const char *)item + step);
	}
	route->hops = hops.items;
	route->n_hops = hops.n;
}

static unsigned read_mtu(const struct nlattr *metrics)
{
	const struct nlattr *attr;

	netlink_for_each_nested(attr, metrics)
	{
		if (mnl_attr_get_type(attr) == RTAX_MTU)
			return u32_of(attr);
	}
	return 0;
}

static void begin_routes(void *data)
{
	struct pass *pass = data;

	pass->routes.n = pass->n_before;
	pass->n_unresolved = 0;
}

/* The attributes that are no list of hops. */
static void read_route_attr(const struct nlattr *attr, enum family family, struct route *route,
	struct next_hop *hop, bool *ret_has_object)
{
	switch (mnl_attr_get_type(attr)) {
	case RTA_TABLE:
		route->table = u32_of(attr);
		break;
	case RTA_DST:
		route->dst.addr = addr_of(attr, family);
		break;
	case RTA_SRC:
		route->src.addr = addr_of(attr, family);
		break;
	case RTA_PRIORITY:
		route->priority = u32_of(attr);
		break;
	case RTA_PREFSRC:
		route->has_prefsrc = true;
		route->prefsrc = addr_of(attr, family);
		break;
	case RTA_METRICS:
		route->mtu = read_mtu(attr);
		break;
	case RTA_OIF:
		hop->index = (int)u32_of(attr);
		break;
	case RTA_GATEWAY:
		hop->has_gateway = true;
		hop->gateway = addr_of(attr, family);
		break;
	case RTA_VIA:
		read_via(attr, hop);
		break;
	case RTA_NH_ID:
		*ret_has_object = true;
		break;
	case RTA_ENCAP:
		route->is_opaque = true;
		break;
	}
}

static int each_route(const struct nlmsghdr *nlh, void *data)
{
	const struct rtmsg *msg = mnl_nlmsg_get_payload(nlh);
	struct pass *pass = data;
	struct next_hop hop = { .weight = 1 }, *hops;
	const struct nlattr *attr;
	struct route route = { 0 };
	bool has_object = false;
	enum family family;

	if (!family_of(msg->rtm_family, &family) || msg->rtm_flags & RTM_F_CLONED)
		return MNL_CB_OK;
	if (msg->rtm_type < ROUTE_UNICAST || msg->rtm_type > ROUTE_NAT ||
		pass->routes.n >= LIMIT_ROUTES) {
		pass->n_unresolved++;
		return MNL_CB_OK;
	}
	route.table = msg->rtm_table;
	route.type = (enum route_type)msg->rtm_type;
	route.tos = msg->rtm_tos;
	route.scope = msg->rtm_scope;
	route.protocol = msg->rtm_protocol;
	route.dst = (struct prefix){ .addr.family = family, .len = msg->rtm_dst_len };
	route.src = (struct prefix){ .addr.family = family, .len = msg->rtm_src_len };
	set_hop_flags(&hop, msg->rtm_flags);
	netlink_for_each(attr, nlh, sizeof(*msg))
	{
		if (mnl_attr_get_type(attr) == RTA_MULTIPATH)
			read_multipath(pass, attr, family, &route);
		else
			read_route_attr(attr, family, &route, &hop, &has_object);
	}
	if (!route.n_hops && (hop.index || hop.has_gateway)) {
		hops = arena_new_one(pass->arena, struct next_hop);
		*hops = hop;
		route.hops = hops;
		route.n_hops = 1;
	}
	/* net.ipv4.nexthop_compat_mode = 0 leaves the hops of an object out */
	if (has_object && !route.n_hops && route.type == ROUTE_UNICAST)
		route.is_opaque = true;
	*vec_push(&pass->routes, pass->arena) = route;
	return MNL_CB_OK;
}

static void begin_rules(void *data)
{
	struct pass *pass = data;

	pass->rules.n = pass->n_before;
	pass->is_cut = false;
}

static void read_range(const struct nlattr *attr, bool *ret_has, struct port_range *ret)
{
	const struct fib_rule_port_range *range = mnl_attr_get_payload(attr);

	if (mnl_attr_get_payload_len(attr) < sizeof(*range))
		return;
	*ret_has = true;
	*ret = (struct port_range){ range->start, range->end };
}

static void read_uids(const struct nlattr *attr, struct routing_rule *rule)
{
	const struct fib_rule_uid_range *range = mnl_attr_get_payload(attr);

	if (mnl_attr_get_payload_len(attr) < sizeof(*range))
		return;
	rule->has_uid = true;
	rule->uid_min = range->start;
	rule->uid_max = range->end;
}

static void read_rule_attr(
	struct arena *arena, const struct nlattr *attr, struct routing_rule *rule)
{
	switch (mnl_attr_get_type(attr)) {
	case FRA_DST:
		rule->dst.addr = addr_of(attr, rule->family);
		break;
	case FRA_SRC:
		rule->src.addr = addr_of(attr, rule->family);
		break;
	case FRA_IIFNAME:
		rule->iif = netlink_strdup(arena, attr);
		break;
	case FRA_OIFNAME:
		rule->oif = netlink_strdup(arena, attr);
		break;
	case FRA_GOTO:
		rule->goto_priority = u32_of(attr);
		break;
	case FRA_PRIORITY:
		rule->priority = u32_of(attr);
		break;
	case FRA_FWMARK:
		rule->mark = u32_of(attr);
		break;
	case FRA_FWMASK:
		rule->mark_mask = u32_of(attr);
		break;
	case FRA_SUPPRESS_PREFIXLEN:
		rule->suppress_len = (int)u32_of(attr);
		break;
	case FRA_SUPPRESS_IFGROUP:
		rule->is_opaque |= u32_of(attr) != UINT32_MAX;
		break;
	case FRA_TABLE:
		rule->table = u32_of(attr);
		break;
	case FRA_L3MDEV:
		rule->is_l3mdev = mnl_attr_get_payload_len(attr) && mnl_attr_get_u8(attr);
		break;
	case FRA_UID_RANGE:
		read_uids(attr, rule);
		break;
	case FRA_IP_PROTO:
		rule->proto = mnl_attr_get_payload_len(attr) ? mnl_attr_get_u8(attr) : 0;
		break;
	case FRA_SPORT_RANGE:
		read_range(attr, &rule->has_sport, &rule->sport);
		break;
	case FRA_DPORT_RANGE:
		read_range(attr, &rule->has_dport, &rule->dport);
		break;
	case FRA_PROTOCOL: /* who made it */
	case FRA_FLOW:	   /* a realm for what it finds: no condition */
	case FRA_PAD:
	case FRA_UNSPEC:
		break;
	default: /* FRA_TUN_ID, and what newer kernels have */
		rule->is_opaque = true;
		break;
	}
}

static int each_rule(const struct nlmsghdr *nlh, void *data)
{
	const struct fib_rule_hdr *msg = mnl_nlmsg_get_payload(nlh);
	struct routing_rule rule = { .suppress_len = -1 };
	const struct nlattr *attr;
	struct pass *pass = data;

	if (!family_of(msg->family, &rule.family))
		return MNL_CB_OK;
	if (pass->rules.n >= LIMIT_ROUTES) {
		pass->is_cut = true;
		return MNL_CB_OK;
	}
	rule.action = (enum rule_action)msg->action;
	rule.table = msg->table;
	rule.tos = msg->tos;
	rule.is_inverted = msg->flags & FIB_RULE_INVERT;
	rule.has_src = msg->src_len;
	rule.has_dst = msg->dst_len;
	rule.src = (struct prefix){ .addr.family = rule.family, .len = msg->src_len };
	rule.dst = (struct prefix){ .addr.family = rule.family, .len = msg->dst_len };
	netlink_for_each(attr, nlh, sizeof(*msg))
	{
		read_rule_attr(pass->arena, attr, &rule);
	}
	*vec_push(&pass->rules, pass->arena) = rule;
	return MNL_CB_OK;
}

void reading_routes(struct reading *reading)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	struct pass pass = { .reading = reading, .arena = reading->arena };
	struct err err;

	for (size_t f = 0; f < N_OF(families); f++) {
		const struct rtmsg routes = { .rtm_family = families[f] };
		const struct fib_rule_hdr rules = { .family = families[f] };
		struct netlink_list list = {
			.bus = NETLINK_ROUTE,
			.type = RTM_GETROUTE,
			.header = &routes,
			.header_size = sizeof(routes),
			.what = f ? "IPv6 routes" : "IPv4 routes",
			.each = each_route,
			.begin = begin_routes,
			.data = &pass,
		};

		pass.n_before = pass.routes.n;
		if (!netlink_list(&list, &err))
			reading_unread(reading, "routes", "%s", err.text);
		else if (pass.n_unresolved)
			reading_unread(reading, "routes",
				"%zu routes are of a new type, or more than %d", pass.n_unresolved,
				LIMIT_ROUTES);
		list.type = RTM_GETRULE;
		list.header = &rules;
		list.header_size = sizeof(rules);
		list.what = f ? "IPv6 rules" : "IPv4 rules";
		list.each = each_rule;
		list.begin = begin_rules;
		pass.n_before = pass.rules.n;
		if (!netlink_list(&list, &err))
			reading_unread(reading, "rules", "%s", err.text);
		else if (pass.is_cut)
			reading_unread(reading, "rules", "more than %d: the others are not here",
				LIMIT_ROUTES);
	}
	reading->ns->routes = pass.routes.items;
	reading->ns->n_routes = pass.routes.n;
	reading->ns->rules = pass.rules.items;
	reading->ns->n_rules = pass.rules.n;
}
