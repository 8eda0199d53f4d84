// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Addresses as a namespace tells them apart. Whatever the walk asks of an address there, it asks whether it is in one of the
 * prefixes that are written down: an address of the host, a neighbour, a route, a routing rule, or a range that RFCs set
 * aside. So all addresses that are in the same prefixes end alike, and of a set one of each such class is asked.
 *
 * A class is the most specific prefix without all that are more specific still.
 */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "explain/internal.h"

struct space_class {
	struct prefix prefix;
	size_t n_inside; /* of the classes behind this one, those that are within the prefix */
	bool has_set;
	struct packet_set set;
};

struct space {
	struct arena *arena;
	enum field field;
	VEC(struct space_class) classes; /* by prefix: those within another come behind it */
};

static void add(struct space *space, const struct prefix *prefix, enum family family)
{
	struct prefix clean = *prefix;

	if (prefix->addr.family != family)
		return;
	/* addresses of the host come with their own bits */
	for (unsigned i = prefix->len; i < 128; i++)
		clean.addr.bytes[i / 8] &= (uint8_t) ~(128 >> i % 8);
	vec_push(&space->classes, space->arena)->prefix = clean;
}

static void add_text(struct space *space, const char *text, enum family family)
{
	struct prefix prefix;

	if (prefix_parse(text, &prefix))
		add(space, &prefix, family);
}

static void add_addr(struct space *space, const struct addr *addr, enum family family)
{
	const struct prefix prefix = prefix_of_addr(addr);

	add(space, &prefix, family);
}

/* What the walk asks of an address by itself (walk.c, ip.c, bridge.c, local.c, oracle.c). */
static void add_reserved(struct space *space, enum family family)
{
	static const char *const ranges[] = { "0.0.0.0/0", "0.0.0.0/8", "0.0.0.0/32", "127.0.0.0/8",
		"224.0.0.0/4", "224.0.0.0/24", "224.0.0.1/32", "255.255.255.255/32", "::/0",
		"::/128", "::1/128", "fe80::/10", "ff00::/8", "ff02::1/128", "ff02::1:ff00:0/104" };

	for (size_t i = 0; i < N_OF(ranges); i++)
		add_text(space, ranges[i], family);
}

static void add_address(struct space *space, const struct address *address, enum family family)
{
	struct addr group = { .family = FAMILY_IPV6, .bytes = { 0xff, 2, [11] = 1, [12] = 0xff } };
	struct prefix net = { .addr = address->local, .len = address->len };

	add_addr(space, &address->local, family);
	add(space, &net, family);
	net.addr = address->peer;
	if (!addr_is_zero(&address->peer))
		add(space, &net, family);
	if (family != FAMILY_IPV6)
		return;
	/* RFC 4291, 2.7.1: the group that solicits it */
	memcpy(group.bytes + 13, address->local.bytes + 13, 3);
	add_addr(space, &group, family);
}

static void add_all(struct space *space, const struct netns *ns, enum family family)
{
	add_reserved(space, family);
	for (size_t i = 0; i < ns->n_addresses; i++)
		if (ns->addresses[i].local.family == family)
			add_address(space, &ns->addresses[i], family);
	/* nobody asks for the MAC of a source */
	for (size_t i = 0; space->field == FIELD_DST && i < ns->n_neighbours; i++)
		add_addr(space, &ns->neighbours[i].addr, family);
	for (size_t i = 0; i < ns->n_routes; i++) {
		if (ns->routes[i].dst.addr.family != family)
			continue;
		add(space, &ns->routes[i].dst, family);
		if (ns->routes[i].src.len)
			add(space, &ns->routes[i].src, family);
	}
	for (size_t i = 0; i < ns->n_rules; i++) {
		if (ns->rules[i].has_src)
			add(space, &ns->rules[i].src, family);
		if (ns->rules[i].has_dst)
			add(space, &ns->rules[i].dst, family);
	}
}

static int by_prefix(const void *a, const void *b)
{
	return prefix_compare(
		&((const struct space_class *)a)->prefix, &((const struct space_class *)b)->prefix);
}

static void sort(struct space *space)
{
	size_t n = 0;

	qsort(space->classes.items, space->classes.n, sizeof(*space->classes.items), by_prefix);
	for (size_t i = 0; i < space->classes.n; i++)
		if (!n || prefix_compare(&space->classes.items[n - 1].prefix,
				  &space->classes.items[i].prefix) != 0)
			space->classes.items[n++] = space->classes.items[i];
	space->classes.n = n;
	for (size_t i = 0; i < n; i++) {
		struct space_class *class = &space->classes.items[i];

		while (i + class->n_inside + 1 < n &&
			prefix_covers(&class->prefix,
				&space->classes.items[i + class->n_inside + 1].prefix))
			class->n_inside++;
	}
}

struct space *space_of(
	struct walk *walk, const struct netns *ns, enum family family, enum field field)
{
	size_t at = (size_t)(ns - walk->host->netns) * N_IP_FAMILIES + family;
	struct space *space = walk->spaces[at * 2 + (field == FIELD_DST)];

	if (space)
		return space;
	space = walk->spaces[at * 2 + (field == FIELD_DST)] =
		arena_new_one(walk->arena, struct space);
	space->arena = walk->arena;
	space->field = field;
	add_all(space, ns, family);
	sort(space);
	return space;
}

size_t space_n(const struct space *space)
{
	return space->classes.n;
}

/* Those that are within a class, without those within these. */
struct inside {
	struct walk *walk;
	const struct space_class *classes;
	const size_t *places;
	enum field field;
};

static struct packet_set one_inside(void *data, size_t i)
{
	const struct inside *inside = data;

	return set_of_prefix(
		inside->walk->sets, inside->field, &inside->classes[inside->places[i]].prefix);
}

struct packet_set space_set(struct walk *walk, struct space *space, size_t i)
{
	struct space_class *class = &space->classes.items[i];
	struct inside inside = {
		.walk = walk, .classes = space->classes.items, .field = space->field
	};
	VEC(size_t) places = { 0 };
	struct packet_set all;

	if (class->has_set)
		return class->set;
	for (size_t k = i + 1; k <= i + class->n_inside; k += space->classes.items[k].n_inside + 1)
		*vec_push(&places, walk->arena) = k;
	inside.places = places.items;
	all = set_of_prefix(walk->sets, space->field, &class->prefix);
	all = set_minus(walk->sets, all, set_or_all(walk->sets, places.n, one_inside, &inside));
	class->has_set = true;
	class->set = all;
	return all;
}

/* The one behind the last of a prefix; false: there is none. */
static bool addr_behind(const struct prefix *prefix, struct addr *ret)
{
	unsigned bit = prefix->len;

	*ret = prefix->addr;
	while (bit && ret->bytes[(bit - 1) / 8] & 128 >> (bit - 1) % 8) {
		bit--;
		ret->bytes[bit / 8] &= (uint8_t) ~(128 >> bit % 8);
	}
	if (!bit)
		return false;
	ret->bytes[(bit - 1) / 8] |= (uint8_t)(128 >> (bit - 1) % 8);
	return true;
}

/* The first one that is in no more specific prefix: those are in order, and apart. */
bool space_addr(const struct space *space, size_t i, struct addr *ret)
{
	const struct space_class *class = &space->classes.items[i];
	struct addr addr = class->prefix.addr;

	for (size_t k = i + 1; k <= i + class->n_inside;
		k += space->classes.items[k].n_inside + 1) {
		const struct prefix *inside = &space->classes.items[k].prefix;

		if (addr_compare(&inside->addr, &addr) != 0)
			break;
		if (!addr_behind(inside, &addr))
			return false;
	}
	*ret = addr;
	return prefix_contains(&class->prefix, &addr);
}
