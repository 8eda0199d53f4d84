// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The IP stack as a router: from a device through PREROUTING and the routing tables to the host
 * itself or to another device (net/ipv4/ip_input.c, route.c, fib_frontend.c, ip_forward.c,
 * ip_output.c, and their counterparts of IPv6).
 */
#include <string.h>

#include "explain/internal.h"

static enum family ip_family(const struct skb *skb)
{
	return skb->packet.ethertype == ETHERTYPE_IPV6 ? FAMILY_IPV6 : FAMILY_IPV4;
}

static void at_hook(struct skb *skb, const struct link *in, const struct link *out)
{
	skb->packet.in_iface = in ? in->name : NULL;
	skb->packet.out_iface = out ? out->name : NULL;
	/* routed packets keep where a bridge got them from, but have no port to leave by */
	skb->packet.physdev_in = skb->phys_in ? skb->phys_in->name : NULL;
	skb->packet.physdev_out = NULL;
}

static bool is_forwarding(const struct skb *skb, const struct link *dev, enum family family)
{
	const struct netns *ns = skb->ns;
	long value;

	if (family == FAMILY_IPV6)
		return netns_sysctl_number(skb->facts, ns, "net.ipv6.conf.all.forwarding", 0) ||
		       link_conf(skb->facts, ns, "ipv6", dev, "force_forwarding", 0);
	value = link_conf(skb->facts, ns, "ipv4", dev, "forwarding", -1);
	return value < 0 ? netns_sysctl_number(skb->facts, ns, "net.ipv4.ip_forward", 0) : value;
}

static bool conf_max(const struct skb *skb, const struct link *dev, const char *name)
{
	return link_conf_max(skb->facts, skb->ns, "ipv4", dev, name, 1);
}

/* --- where from --- */

static bool has_custom_rules(const struct netns *ns)
{
	for (size_t i = 0; i < ns->n_rules; i++)
		if (ns->rules[i].family == FAMILY_IPV4 && ns->rules[i].priority != 0 &&
			ns->rules[i].priority != 32766 && ns->rules[i].priority != 32767)
			return true;
	return false;
}

static bool route_uses(const struct route *route, const struct link *dev)
{
	for (size_t i = 0; route && i < route->n_hops; i++)
		if (route->hops[i].index == dev->index)
			return true;
	return false;
}

/* __fib_validate_source: the way back to the source, as if it were sent there. */
static enum drop source_check_routes(struct skb *skb, const struct link *dev,
	const struct link *out, long rp_filter, const char **ret_why)
{
	const struct packet *packet = &skb->packet;
	struct fib_query query = {
		.family = FAMILY_IPV4,
		.dst = packet->src,
		.src = packet->dst,
		.iif = out ? out->name : "lo",
		.facts = skb->facts,
	};
	struct fib_result result;
	bool is_local;

	if ((packet->mark || skb_is_unknown(skb, FIELD_MARK)) &&
		conf_max(skb, dev, "src_valid_mark")) {
		query.mark = packet->mark;
		query.is_mark_unknown = skb_is_unknown(skb, FIELD_MARK);
	}
	result = fib_lookup(skb->ns, &query);
	if (result.status == FIB_CANNOT_TELL && !result.route) {
		*ret_why = result.why;
		return DROP_NONE;
	}
	if (result.status != FIB_FOUND && result.status != FIB_CANNOT_TELL)
		return rp_filter ? DROP_RP_FILTER : DROP_NONE;
	is_local = result.route->type == ROUTE_LOCAL;
	if (is_local && !conf_max(skb, dev, "accept_local"))
		return DROP_OWN_SOURCE;
	if (!is_local && result.route->type != ROUTE_UNICAST)
		return DROP_MARTIAN_SOURCE;
	if (route_uses(result.route, dev) || (is_local && dev->is_loopback))
		return DROP_NONE;
	if (!link_has_address(skb, dev, FAMILY_IPV4))
		return rp_filter ? DROP_RP_FILTER : DROP_NONE;
	return rp_filter == 1 ? DROP_RP_FILTER : DROP_NONE;
}

static bool sends_redirects(const struct skb *skb, const struct link *dev)
{
	return netns_sysctl_number(skb->facts, skb->ns, "net.ipv4.conf.all.send_redirects", 1) ||
	       link_conf(skb->facts, skb->ns, "ipv4", dev, "send_redirects", 1);
}

/* fib_validate_source */
static enum drop source_check(
	struct skb *skb, const struct link *dev, const struct link *out, const char **ret_why)
{
	long rp_filter = link_conf_max(skb->facts, skb->ns, "ipv4", dev, "rp_filter", 2);

	if (skb_is_unknown(skb, FIELD_SRC)) {
		if (rp_filter)
			*ret_why = "rp_filter asks for the source, which is not known";
		return DROP_NONE;
	}
	/* back out by the same interface: the kernel looks closer, to see whom it may redirect */
	if (rp_filter || has_custom_rules(skb->ns) ||
		(out && out == dev && sends_redirects(skb, dev)))
		return source_check_routes(skb, dev, out, rp_filter, ret_why);
	if (dev->is_loopback || !skb_owns(skb, &skb->packet.src))
		return DROP_NONE;
	return conf_max(skb, dev, "accept_local") ? DROP_NONE : DROP_OWN_SOURCE;
}

/* --- where to --- */

static bool is_broadcast_all(const struct addr *addr)
{
	static const uint8_t ones[] = { 0xff, 0xff, 0xff, 0xff };

	return !memcmp(addr->bytes, ones, sizeof(ones));
}

static enum drop martian_ipv4(const struct skb *skb, const struct link *dev)
{
	const struct addr *src = &skb->packet.src, *dst = &skb->packet.dst;
	bool knows_src = !skb_is_unknown(skb, FIELD_SRC);

	if (dev->is_loopback)
		return DROP_NONE;
	if (knows_src && (addr_is_multicast(src) || is_broadcast_all(src)))
		return DROP_MARTIAN_SOURCE;
	if (is_broadcast_all(dst) || (addr_is_zero(src) && addr_is_zero(dst)))
		return DROP_NONE;
	if (knows_src && src->bytes[0] == 0)
		return DROP_MARTIAN_SOURCE;
	if (dst->bytes[0] == 0)
		return DROP_MARTIAN_DESTINATION;
	if (addr_is_loopback(dst) && !conf_max(skb, dev, "route_localnet"))
		return DROP_MARTIAN_DESTINATION;
	if (knows_src && addr_is_loopback(src) && !conf_max(skb, dev, "route_localnet"))
		return DROP_MARTIAN_SOURCE;
	return DROP_NONE;
}

/* ip6_route_input asks for no source: ip6_rcv_core has refused what cannot be one, but a bridge that routes
 * what DNAT changed does not come by there. To the unspecified address it routes as to any other. */
static enum drop martian_ipv6(const struct skb *skb, const struct link *dev)
{
	if (addr_is_loopback(&skb->packet.dst) && !dev->is_loopback)
		return DROP_MARTIAN_DESTINATION;
	return DROP_NONE;
}

/* Groups that every host joins; of the others nothing was read. */
static enum drop multicast_check(
	const struct skb *skb, const struct link *dev, const char **ret_why)
{
	static const uint8_t all_ipv4[4] = { 224, 0, 0, 1 };
	static const uint8_t all_ipv6[16] = { 0xff, 0x02, [15] = 1 };
	static const uint8_t solicited[13] = { 0xff, 0x02, [11] = 1, [12] = 0xff };
	const struct addr *dst = &skb->packet.dst;
	bool is_ipv6 = dst->family == FAMILY_IPV6;

	if (!memcmp(dst->bytes, is_ipv6 ? all_ipv6 : all_ipv4, is_ipv6 ? 16 : 4))
		return DROP_NONE;
	if (!link_has_address(skb, dev, dst->family))
		return DROP_NOT_JOINED;
	if (is_ipv6 && !memcmp(dst->bytes, solicited, sizeof(solicited))) {
		for (size_t i = 0; i < skb->ns->n_addresses; i++)
			if (skb->ns->addresses[i].index == dev->index &&
				!memcmp(skb->ns->addresses[i].local.bytes + 13, dst->bytes + 13, 3))
				return DROP_NONE;
		if (!netns_is_unread(skb->ns, "addresses", NULL))
			return DROP_NOT_JOINED;
	}
	*ret_why = "which multicast groups this host has joined was not read";
	return DROP_NONE;
}

static void take_result(struct skb *skb, const struct fib_result *result)
{
	const struct next_hop *hop = result->hop;

	skb->route = *result;
	skb->out = hop ? netns_link_by_index(skb->ns, hop->index) : NULL;
	skb->gateway = hop && hop->has_gateway ? hop->gateway : (struct addr){ 0 };
}

static enum drop drop_of_status(enum fib_status status)
{
	switch (status) {
	case FIB_BLACKHOLE:
		return DROP_BLACKHOLE;
	case FIB_UNREACHABLE:
		return DROP_UNREACHABLE;
	case FIB_PROHIBIT:
		return DROP_PROHIBIT;
	default:
		return DROP_NO_ROUTE;
	}
}

static enum drop route_by_tables(
	struct skb *skb, const struct link *dev, bool *ret_is_local, const char **ret_why)
{
	enum family family = skb->packet.dst.family;
	struct fib_query query = { .family = family,
		.dst = skb->packet.dst,
		.src = skb->packet.src,
		.iif = dev->name,
		.mark = skb->packet.mark,
		.is_mark_unknown = skb_is_unknown(skb, FIELD_MARK),
		.packet = &skb->packet,
		.facts = skb->facts };
	struct fib_result result = fib_lookup(skb->ns, &query);

	take_result(skb, &result);
	if (result.status == FIB_CANNOT_TELL) {
		*ret_why = result.why;
		return DROP_NONE;
	}
	if (result.status != FIB_FOUND)
		return family == FAMILY_IPV6 || is_forwarding(skb, dev, family)
			       ? drop_of_status(result.status)
			       : DROP_FORWARDING_OFF;
	switch (result.route->type) {
	case ROUTE_LOCAL:
	case ROUTE_BROADCAST:
	case ROUTE_ANYCAST:
		*ret_is_local = true;
		return DROP_NONE;
	case ROUTE_UNICAST:
		*ret_is_local = false;
		return is_forwarding(skb, dev, family) ? DROP_NONE : DROP_FORWARDING_OFF;
	default:
		return DROP_MARTIAN_DESTINATION;
	}
}

/* ip_mc_validate_source: without the martians of other destinations. */
static enum drop multicast_source_check(
	struct skb *skb, const struct link *dev, const char **ret_why)
{
	const struct packet *packet = &skb->packet;

	if (skb_is_unknown(skb, FIELD_SRC))
		return source_check(skb, dev, NULL, ret_why);
	if (addr_is_multicast(&packet->src) || is_broadcast_all(&packet->src) ||
		(addr_is_loopback(&packet->src) && !conf_max(skb, dev, "route_localnet")))
		return DROP_MARTIAN_SOURCE;
	if (packet->src.bytes[0] != 0)
		return source_check(skb, dev, NULL, ret_why);
	/* a host without an address yet may speak to its own network */
	return packet->proto == PROTO_IGMP || !memcmp(packet->dst.bytes, "\xe0\0\0", 3)
		       ? DROP_NONE
		       : DROP_MARTIAN_SOURCE;
}

static enum drop multicast_input(struct skb *skb, const struct link *dev, const char **ret_why)
{
	enum drop drop = multicast_check(skb, dev, ret_why);

	if (drop != DROP_NONE || *ret_why || skb->packet.dst.family == FAMILY_IPV6)
		return drop;
	return multicast_source_check(skb, dev, ret_why);
}

enum drop ip_route_input(
	struct skb *skb, const struct link *dev, bool *ret_is_local, const char **ret_why)
{
	bool is_ipv6 = skb->packet.dst.family == FAMILY_IPV6;
	enum drop drop;

	skb->route = (struct fib_result){ 0 };
	skb->out = NULL;
	skb->gateway = (struct addr){ 0 };
	if (skb_is_unknown(skb, FIELD_DST)) {
		*ret_why = "the destination is not known, so neither is the route";
		return DROP_NONE;
	}
	if (addr_is_multicast(&skb->packet.dst)) {
		*ret_is_local = true;
		return multicast_input(skb, dev, ret_why);
	}
	drop = is_ipv6 ? martian_ipv6(skb, dev) : martian_ipv4(skb, dev);
	if (drop != DROP_NONE)
		return drop;
	if (!is_ipv6 && is_broadcast_all(&skb->packet.dst)) {
		*ret_is_local = true;
		return addr_is_zero(&skb->packet.src) ? DROP_NONE
						      : source_check(skb, dev, NULL, ret_why);
	}
	drop = route_by_tables(skb, dev, ret_is_local, ret_why);
	if (drop != DROP_NONE || *ret_why || is_ipv6)
		return drop;
	return source_check(skb, dev, *ret_is_local ? NULL : skb->out, ret_why);
}

static void route_node(struct walk *walk, struct skb *skb)
{
	struct node *node;

	if (!skb->route.route && !skb->route.rule)
		return;
	node = skb_node(walk, skb, NODE_ROUTE);
	node->routing_rule = skb->route.rule;
	node->route = skb->route.route;
	node->hop = skb->route.hop;
}

static void decide_output(struct skb *skb, struct decision *ret)
{
	struct fib_query query = { .family = skb->packet.dst.family,
		.dst = skb->packet.dst,
		.src = skb->packet.src,
		.iif = "lo",
		.mark = skb->packet.mark,
		.is_mark_unknown = skb_is_unknown(skb, FIELD_MARK),
		.packet = &skb->packet,
		.facts = skb->facts };
	struct fib_result result = { .status = FIB_CANNOT_TELL,
		.why = "the destination is not known, so neither is the route" };

	if (!skb_is_unknown(skb, FIELD_DST))
		result = fib_lookup(skb->ns, &query);
	take_result(skb, &result);
	if (result.status == FIB_FOUND && result.route->type == ROUTE_LOCAL) {
		/* what goes to the host itself goes through lo */
		for (size_t i = 0; i < skb->ns->n_links; i++)
			if (skb->ns->links[i].is_loopback)
				skb->out = &skb->ns->links[i];
	}
	skb_note_route(skb, ret);
}

/* Where the way goes on behind a route. */
struct routed {
	part_fn *go;
	const void *data;
};

static struct answer behind_output(
	struct walk *walk, struct skb *skb, const struct decision *decision, const void *data)
{
	const struct routed *routed = data;

	skb_take_route(skb, decision);
	route_node(walk, skb);
	if (skb->route.status == FIB_CANNOT_TELL)
		return end_cannot_tell(walk, skb, "%s", skb->route.why);
	if (skb->route.status != FIB_FOUND)
		return end_dropped(walk, skb, drop_of_status(skb->route.status));
	if (!skb->out)
		return end_cannot_tell(walk, skb, "the route's device is not known");
	return routed->go(walk, skb, routed->data);
}

static struct answer route_output(struct walk *walk, struct skb *skb, const void *data)
{
	return skb_decide(walk, skb, FIELD_BIT(FIELD_SRC) | FIELD_BIT(FIELD_DST), decide_output,
		behind_output, data);
}

static bool has_rules_of_mark(const struct netns *ns)
{
	for (size_t i = 0; i < ns->n_rules; i++)
		if (ns->rules[i].mark_mask)
			return true;
	return false;
}

struct answer ip_split_by_mark(struct walk *walk, struct skb *skb, part_fn *go, const void *data)
{
	if (walk->sets && skb_is_unknown(skb, FIELD_MARK) && has_rules_of_mark(skb->ns))
		return skb_split_values(walk, skb, FIELD_MARK, go, data);
	return go(walk, skb, data);
}

struct answer ip_route_output(struct walk *walk, struct skb *skb, part_fn *go, const void *data)
{
	return ip_split_by_mark(walk, skb, route_output, &(struct routed){ go, data });
}

/* --- the way through --- */

struct answer ip_output(struct walk *walk, struct skb *skb)
{
	const struct link *in = skb->is_made_here ? NULL : skb->dev;

	skb->dev = skb->out;
	at_hook(skb, in, skb->out);
	return hook_run(walk, skb, ip_family(skb), HOOK_POSTROUTING, ip_neighbour_output);
}

/* ip6_forward: back out by the same interface the source's scope is not asked for; and ip6_rcv_core
 * takes a route that is there already for where the packet came in */
static bool is_out_of_scope(const struct skb *skb)
{
	const struct packet *packet = &skb->packet;

	return ip_family(skb) == FAMILY_IPV6 && !skb->is_routed_already &&
	       !skb_is_unknown(skb, FIELD_SRC) && skb->out != skb->dev &&
	       (addr_is_zero(&packet->src) || addr_is_link_local(&packet->src));
}

static enum drop forward_check(const struct skb *skb, const struct decision *decision)
{
	const struct packet *packet = &skb->packet;
	const struct route *route = skb->route.route;
	unsigned mtu = route && route->mtu ? route->mtu : skb->out->mtu;

	if (packet->pkt_type != PKT_HOST && !skb_is_unknown(skb, FIELD_PKTTYPE))
		return DROP_NOT_FORWARDED;
	if (decision->is_out_of_scope)
		return DROP_SCOPE;
	if (!skb_is_unknown(skb, FIELD_TTL) && packet->ttl <= 1)
		return DROP_TTL;
	if (skb_is_unknown(skb, FIELD_LENGTH) || !mtu || packet->length <= mtu)
		return DROP_NONE;
	/* an IPv4 router cuts what may be cut */
	return ip_family(skb) == FAMILY_IPV6 || packet->is_dont_fragment ? DROP_MTU : DROP_NONE;
}

static struct answer forward_on(struct walk *walk, struct skb *skb)
{
	if (!skb_is_unknown(skb, FIELD_TTL))
		skb->packet.ttl--;
	at_hook(skb, skb->dev, skb->out);
	skb_node(walk, skb, NODE_FORWARD);
	return hook_run(walk, skb, ip_family(skb), HOOK_FORWARD, ip_output);
}

/* Whether one of them takes the packet is not walked: any may encrypt it, or drop it in the clear. */
struct answer end_ipsec(struct walk *walk, struct skb *skb)
{
	return end_cannot_tell(walk, skb,
		"this namespace has %u IPsec policies (ip xfrm policy), which are not walked",
		skb->ns->n_xfrm_policies);
}

static struct answer end_ttl(struct walk *walk, struct skb *skb, const void *data)
{
	(void)data;
	return end_dropped(walk, skb, DROP_TTL);
}

static struct answer forward_lower(struct walk *walk, struct skb *skb, const void *data)
{
	(void)data;
	if (skb_is_unknown(skb, FIELD_TTL))
		skb_free(walk, skb, FIELD_TTL, SET_FULL);
	return forward_on(walk, skb);
}

static struct answer ip_forward(struct walk *walk, struct skb *skb, const struct decision *decision)
{
	enum drop drop;

	if (!skb->out)
		return end_cannot_tell(walk, skb, "the route's device is not known");
	if (skb->ns->n_xfrm_policies)
		return end_ipsec(walk, skb);
	drop = forward_check(skb, decision);
	if (drop != DROP_NONE)
		return end_dropped(walk, skb, drop);
	if (skb_is_unknown(skb, FIELD_TTL) && walk->sets)
		return skb_split(walk, skb, set_of_numbers(walk->sets, FIELD_TTL, 0, 1), end_ttl,
			forward_lower, NULL);
	if (skb_is_unknown(skb, FIELD_TTL)) {
		struct skb old = *skb;

		old.branch = skb->branch = BRANCH_CASE;
		return answer_of_cases(
			walk, forward_on(walk, skb), end_dropped(walk, &old, DROP_TTL));
	}
	return forward_on(walk, skb);
}

static void decide_input(struct skb *skb, struct decision *ret)
{
	ret->drop = ip_route_input(skb, skb->dev, &ret->is_local, &ret->why);
	skb_note_route(skb, ret);
	ret->is_out_of_scope = skb->out && is_out_of_scope(skb);
}

static struct answer behind_input(
	struct walk *walk, struct skb *skb, const struct decision *decision, const void *data)
{
	(void)data;
	skb_take_route(skb, decision);
	route_node(walk, skb);
	if (decision->why)
		return end_cannot_tell(walk, skb, "%s", decision->why);
	if (decision->drop != DROP_NONE)
		return end_dropped(walk, skb, decision->drop);
	skb_node(walk, skb, NODE_SOURCE_CHECK);
	return decision->is_local ? ip_local_deliver(walk, skb) : ip_forward(walk, skb, decision);
}

static struct answer route_input(struct walk *walk, struct skb *skb, const void *data)
{
	return skb_decide(walk, skb, FIELD_BIT(FIELD_SRC) | FIELD_BIT(FIELD_DST), decide_input,
		behind_input, data);
}

static struct answer behind_prerouting(struct walk *walk, struct skb *skb)
{
	if (skb->dev->is_loopback && skb->is_made_here) {
		skb->is_made_here = false;
		return ip_local_deliver(walk, skb);
	}
	return ip_split_by_mark(walk, skb, route_input, NULL);
}

/* Whose MAC it is was left open: nobody answered ARP here for an address that is not here. */
static bool may_be_addressed(const struct skb *skb, const char **ret_why)
{
	bool is_known, is_ours = skb_owns_next_hop(skb, &is_known);

	if (!is_known)
		*ret_why = "whose MAC it was sent to is not known: its destination was another one";
	if (is_ours || skb->has_next_hop)
		return is_ours;
	return link_has_address(skb, skb->dev, skb->packet.dst.family);
}

/* ip6_rcv_core: such addresses are refused before any hook is asked. */
static enum drop refusal_ipv6(const struct skb *skb)
{
	const struct packet *packet = &skb->packet;
	bool is_loopback = skb->dev->is_loopback;

	if (!skb_is_unknown(skb, FIELD_DST) && addr_is_loopback(&packet->dst) && !is_loopback)
		return DROP_MARTIAN_DESTINATION;
	if (!skb_is_unknown(skb, FIELD_SRC) &&
		(addr_is_multicast(&packet->src) ||
			(addr_is_loopback(&packet->src) && !is_loopback)))
		return DROP_MARTIAN_SOURCE;
	return DROP_NONE;
}

/* By its addresses, before any hook is asked. */
static void decide_receive(struct skb *skb, struct decision *ret)
{
	if (skb_is_unknown(skb, FIELD_ETH_DST) && !skb->dev->is_loopback && !skb->dev->is_noarp &&
		!may_be_addressed(skb, &ret->why))
		ret->drop = DROP_OTHER_HOST;
	else if (ip_family(skb) == FAMILY_IPV6 &&
		 link_conf(skb->facts, skb->ns, "ipv6", skb->dev, "disable_ipv6", 0))
		ret->drop = DROP_NO_PROTOCOL;
	else if (ip_family(skb) == FAMILY_IPV6)
		ret->drop = refusal_ipv6(skb);
}

static struct answer behind_receive(
	struct walk *walk, struct skb *skb, const struct decision *decision, const void *data)
{
	(void)data;
	if (decision->why)
		return end_cannot_tell(walk, skb, "%s", decision->why);
	if (decision->drop != DROP_NONE)
		return end_dropped(walk, skb, decision->drop);
	at_hook(skb, skb->dev, NULL);
	if (skb->is_prerouted) {
		skb->is_prerouted = false;
		return behind_prerouting(walk, skb);
	}
	return hook_run(walk, skb, ip_family(skb), HOOK_PREROUTING, behind_prerouting);
}

struct answer ip_receive(struct walk *walk, struct skb *skb)
{
	uint64_t asked = 0;

	if (skb->packet.pkt_type == PKT_OTHERHOST)
		return end_dropped(walk, skb, DROP_OTHER_HOST);
	if (skb_is_unknown(skb, FIELD_ETH_DST))
		asked |= FIELD_BIT(FIELD_DST);
	if (ip_family(skb) == FAMILY_IPV6)
		asked |= FIELD_BIT(FIELD_SRC) | FIELD_BIT(FIELD_DST);
	return skb_decide(walk, skb, asked, decide_receive, behind_receive, NULL);
}

/* --- from a process --- */

static struct answer behind_send(struct walk *walk, struct skb *skb, const void *data)
{
	(void)data;
	if (skb->ns->n_xfrm_policies)
		return end_ipsec(walk, skb);
	at_hook(skb, NULL, skb->out);
	skb->dev = skb->out;
	return hook_run(walk, skb, ip_family(skb), HOOK_OUTPUT, ip_output);
}

struct answer ip_send(struct walk *walk, struct skb *skb)
{
	const char *why;

	skb->is_made_here = true;
	skb->packet.pkt_type = PKT_HOST;
	skb_node(walk, skb, NODE_SENT);
	if (netns_is_unread(skb->ns, "links", &why))
		return end_links_unread(walk, skb, why);
	return ip_route_output(walk, skb, behind_send, NULL);
}
