// SPDX-License-Identifier: GPL-2.0-or-later
/* What rules may ask about the host, answered from the namespace that the packet is in. */
#include <string.h>

#include "explain/internal.h"

static bool is_zeronet_or_broadcast(const struct addr *addr)
{
	static const uint8_t ones[] = { 0xff, 0xff, 0xff, 0xff };

	return addr->family == FAMILY_IPV4 &&
	       (addr->bytes[0] == 0 || !memcmp(addr->bytes, ones, sizeof(ones)));
}

static bool is_ip(const struct addr *addr)
{
	return addr->family == FAMILY_IPV4 || addr->family == FAMILY_IPV6;
}

/* inet_addr_type: the local table alone, then unicast (net/ipv4/fib_frontend.c). */
static bool oracle_addr_type(
	void *data, const struct addr *addr, const char *iface, enum addr_type *ret)
{
	const struct skb *skb = data;
	struct fib_query query = {
		.family = addr->family, .dst = *addr, .iif = "lo", .facts = skb->facts
	};
	struct fib_result result;

	if (!is_ip(addr))
		return false;
	if (is_zeronet_or_broadcast(addr)) {
		*ret = ADDR_BROADCAST;
		return true;
	}
	if (addr_is_multicast(addr)) {
		*ret = ADDR_MULTICAST;
		return true;
	}
	result = fib_lookup(skb->ns, &query);
	if (result.status == FIB_CANNOT_TELL && !result.route)
		return false;
	*ret = ADDR_UNICAST;
	if (!result.route || result.route->table != 255) {
		if (addr->family == FAMILY_IPV6 && result.status == FIB_UNREACHABLE)
			*ret = ADDR_UNREACHABLE;
		return true;
	}
	if (iface && result.hop) {
		const struct link *link = netns_link_by_index(skb->ns, result.hop->index);

		if (!link || strcmp(link->name, iface) != 0)
			return true;
	}
	*ret = (enum addr_type)(1u << result.route->type);
	return true;
}

static bool oracle_route(
	void *data, const struct packet *packet, const struct addr *addr, const char **ret_iface)
{
	const struct skb *skb = data;
	struct fib_query query = { .family = addr->family,
		.dst = *addr,
		.mark = packet->mark,
		.iif = "lo",
		.facts = skb->facts };
	struct fib_result result;
	const struct link *link;

	if (!is_ip(addr))
		return false;
	result = fib_lookup(skb->ns, &query);
	if (result.status == FIB_CANNOT_TELL)
		return false;
	link = result.hop ? netns_link_by_index(skb->ns, result.hop->index) : NULL;
	*ret_iface = result.status == FIB_FOUND && link ? link->name : "";
	return true;
}

struct eval_oracle oracle_of(struct skb *skb)
{
	return (struct eval_oracle){
		.data = skb, .addr_type = oracle_addr_type, .route = oracle_route
	};
}
