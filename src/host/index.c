// SPDX-License-Identifier: GPL-2.0-or-later
/* Lists of a namespace by what is asked of them: a walk asks each a dozen times for one packet. */
#include "host/index.h"

#include <string.h>

static uint64_t mixed(uint64_t a, uint64_t b)
{
	a = (a ^ a >> 29) * 0xbf58476d1ce4e5b9u;
	return (a ^ a >> 32) + b;
}

/* The first len bits. */
static uint64_t key_of_bits(const struct addr *addr, unsigned len)
{
	uint8_t bytes[16] = { 0 };
	uint64_t words[2];

	memcpy(bytes, addr->bytes, (len + 7) / 8);
	if (len % 8)
		bytes[len / 8] &= (uint8_t)(0xff00u >> len % 8);
	memcpy(words, bytes, sizeof(words));
	return mixed(mixed(words[0], words[1]), (uint64_t)addr->family << 8 | len);
}

uint64_t key_of_addr(const struct addr *addr)
{
	return key_of_bits(addr, 128);
}

uint64_t key_of_mac(struct mac mac)
{
	uint64_t word = 0;

	memcpy(&word, mac.bytes, sizeof(mac.bytes));
	return word;
}

uint64_t key_of_ends(const struct addr *a, const struct addr *b)
{
	return mixed(key_of_addr(a), 0) + mixed(key_of_addr(b), 0);
}

uint64_t key_of_route(uint32_t table, const struct addr *dst, unsigned len)
{
	return mixed(key_of_bits(dst, len), table);
}

/* In each the last place is added first. */

static struct places *index_links(struct arena *arena, const struct netns *ns, bool by_master)
{
	struct places *places = places_new(arena, ns->n_links);

	for (size_t i = ns->n_links; i--;)
		places_add(places, i,
			(uint64_t)(by_master ? ns->links[i].master_index
					     : ns->links[i].lower_index));
	return places;
}

static struct places *index_fdb(struct arena *arena, const struct netns *ns, bool by_mac)
{
	struct places *places = places_new(arena, ns->n_fdb);

	for (size_t i = ns->n_fdb; i--;)
		places_add(places, i,
			by_mac ? key_of_mac(ns->fdb[i].mac) : (uint64_t)ns->fdb[i].port_index);
	return places;
}

static struct places *index_addresses(struct arena *arena, const struct netns *ns, bool by_link)
{
	struct places *places = places_new(arena, ns->n_addresses);

	for (size_t i = ns->n_addresses; i--;)
		places_add(places, i,
			by_link ? (uint64_t)ns->addresses[i].index
				: key_of_addr(&ns->addresses[i].local));
	return places;
}

static struct places *index_neighbours(struct arena *arena, const struct netns *ns)
{
	struct places *places = places_new(arena, ns->n_neighbours);

	for (size_t i = ns->n_neighbours; i--;)
		places_add(places, i, key_of_addr(&ns->neighbours[i].addr));
	return places;
}

/* Without NAT both directions have one key, and then the entry stands there once. */
static struct places *index_flows(struct arena *arena, const struct netns *ns)
{
	struct places *places = places_new(arena, 2 * ns->n_conntrack);

	for (size_t i = ns->n_conntrack; i--;) {
		const struct conntrack_entry *entry = &ns->conntrack[i];
		uint64_t orig = key_of_ends(&entry->orig.src, &entry->orig.dst);
		uint64_t reply = key_of_ends(&entry->reply.src, &entry->reply.dst);

		if (reply != orig)
			places_add(places, 2 * i + 1, reply);
		places_add(places, 2 * i, orig);
	}
	return places;
}

static struct places *index_routes(
	struct arena *arena, const struct netns *ns, struct netns_index *index)
{
	struct places *places = places_new(arena, ns->n_routes);

	for (size_t i = ns->n_routes; i--;) {
		const struct route *route = &ns->routes[i];

		places_add(places, i, key_of_route(route->table, &route->dst.addr, route->dst.len));
		if (route->dst.addr.family < N_IP_FAMILIES)
			index->has_len[route->dst.addr.family][route->dst.len] = true;
	}
	return places;
}

void netns_index(struct arena *arena, struct netns *ns)
{
	struct netns_index *index = arena_new_one(arena, struct netns_index);

	index->by[LINKS_BY_MASTER] = index_links(arena, ns, true);
	index->by[LINKS_BY_LOWER] = index_links(arena, ns, false);
	index->by[ADDRESSES_BY_LOCAL] = index_addresses(arena, ns, false);
	index->by[ADDRESSES_BY_LINK] = index_addresses(arena, ns, true);
	index->by[NEIGHBOURS_BY_ADDR] = index_neighbours(arena, ns);
	index->by[FDB_BY_MAC] = index_fdb(arena, ns, true);
	index->by[FDB_BY_PORT] = index_fdb(arena, ns, false);
	index->by[FLOWS_BY_ENDS] = index_flows(arena, ns);
	index->by[ROUTES_BY_DST] = index_routes(arena, ns, index);
	ns->index = index;
}

size_t netns_first(const struct netns *ns, enum netns_by by, uint64_t key)
{
	return places_first(ns->index ? ns->index->by[by] : NULL, key);
}

size_t netns_next(const struct netns *ns, enum netns_by by, size_t place)
{
	return places_next(ns->index ? ns->index->by[by] : NULL, place);
}

bool netns_has_route_len(const struct netns *ns, enum family family, unsigned len)
{
	return !ns->index || ns->index->has_len[family][len];
}
