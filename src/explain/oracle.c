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

/* A lookup of which the source is not known: what routing rules say of it cannot be told. */
static const struct packet of_anyone = { .unknown = ~(uint64_t)0 };

/* Of IPv6, behind the local table: what the lookup's error is taken for (nft_fib_ipv6.c). */
static enum addr_type type_of_status(enum fib_status status)
{
	switch (status) {
	case FIB_NO_ROUTE:
	case FIB_UNREACHABLE:
		return ADDR_UNREACHABLE;
	case FIB_BLACKHOLE:
		return ADDR_BLACKHOLE;
	case FIB_PROHIBIT:
		return ADDR_PROHIBIT;
	default:
		return ADDR_UNICAST;
	}
}

/* inet_addr_type: the local table alone, then unicast (net/ipv4/fib_frontend.c). */
static bool oracle_addr_type(
	void *data, const struct addr *addr, const char *iface, enum addr_type *ret)
{
	const struct skb *skb = ((const struct asked_host *)data)->skb;
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
	/* nft asks with the packet's other address, iptables with none */
	if (addr->family == FAMILY_IPV6)
		query.packet = &of_anyone;
	result = fib_lookup(skb->ns, &query);
	if (result.status == FIB_CANNOT_TELL && !result.route)
		return false;
	*ret = ADDR_UNICAST;
	if (!result.route || result.route->table != 255) {
		if (addr->family == FAMILY_IPV6)
			*ret = type_of_status(result.status);
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

/* The answer to a packet comes from where that goes, which routing rules may ask for ("from"). */
static bool oracle_route(
	void *data, const struct packet *packet, const struct addr *addr, const char **ret_iface)
{
	const struct skb *skb = ((const struct asked_host *)data)->skb;
	bool is_back = addr_compare(addr, &packet->src) == 0;
	const struct addr *from = is_back ? &packet->dst : &packet->src;
	struct fib_query query = { .family = addr->family,
		.dst = *addr,
		.mark = packet->mark,
		.iif = "lo",
		.facts = skb->facts };
	struct fib_result result;
	const struct link *link;

	if (!is_ip(addr))
		return false;
	if (packet->unknown & FIELD_BIT(is_back ? FIELD_DST : FIELD_SRC))
		query.packet = &of_anyone;
	query.src.family = addr->family;
	if (!is_zeronet_or_broadcast(from) && !addr_is_multicast(from))
		query.src = *from;
	result = fib_lookup(skb->ns, &query);
	if (result.status == FIB_CANNOT_TELL)
		return false;
	link = result.hop ? netns_link_by_index(skb->ns, result.hop->index) : NULL;
	*ret_iface = result.status == FIB_FOUND && link ? link->name : "";
	return true;
}

/* A packet that is walked came out of no IPsec, and goes into none where nobody has a policy. */
static bool oracle_ipsec(void *data, const struct packet *packet, bool is_out, bool *ret)
{
	const struct skb *skb = ((const struct asked_host *)data)->skb;
	const char *why;

	(void)packet, (void)is_out;
	*ret = false;
	return skb->ns->n_xfrm_policies == 0 && !netns_is_unread(skb->ns, "xfrm", &why);
}

static bool oracle_class(
	void *data, enum field field, size_t i, struct addr *ret_addr, struct packet_set *ret_set)
{
	const struct asked_host *host = data;
	struct space *space =
		space_of(host->walk, host->skb->ns, host->skb->packet.src.family, field);

	if (i >= space_n(space))
		return false;
	*ret_set = space_set(host->walk, space, i);
	if (!space_addr(space, i, ret_addr))
		*ret_set = SET_EMPTY;
	return true;
}

struct eval_oracle oracle_of(struct asked_host *host)
{
	return (struct eval_oracle){ .data = host,
		.addr_type = oracle_addr_type,
		.route = oracle_route,
		.ipsec = oracle_ipsec,
		.class_of = oracle_class };
}
