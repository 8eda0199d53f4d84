// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the sets of a world range over: which variables each field has, in which order, and which set a value of a field is.
 *
 * The order decides whether a firewall's set has thousands of nodes or millions, so nobody else chooses it. Rules against
 * spoofing pair a source address with a MAC, port by port: the interface, and the ports of a bridge, come first, then the source, then the
 * MAC, and nothing that rules pair with something else comes between them. Above all a destination must not.
 *
 * An enumerated field has a code for each value that rules tell apart. Codes that are left over mean what the last one
 * means ("other"), so that every assignment of the variables is a packet, and not() needs no care. Only counting and
 * witnesses want one code for each (sets_of_one_code_each).
 */
#include "packet/set_bdd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"

/* Top to bottom, after the family. */
static const enum field order[N_FIELDS] = { FIELD_IN_IFACE, FIELD_PHYSDEV_IN, FIELD_PHYSDEV_OUT,
	FIELD_SRC, FIELD_ETH_SRC, FIELD_OUT_IFACE, FIELD_DST, FIELD_ETH_DST, FIELD_CT_STATE,
	FIELD_ETHERTYPE, FIELD_VLAN_ID, FIELD_PKTTYPE, FIELD_FRAGMENT, FIELD_PROTO, FIELD_DPORT,
	FIELD_SPORT, FIELD_TCP_FLAGS, FIELD_ICMP_TYPE, FIELD_ICMP_CODE, FIELD_MARK, FIELD_CT_MARK,
	FIELD_CT_STATUS, FIELD_CT_DIRECTION, FIELD_CT_ORIG_SRC, FIELD_CT_ORIG_DST,
	FIELD_CT_ORIG_DPORT, FIELD_CT_ORIG_SPORT, FIELD_TTL, FIELD_TOS, FIELD_LENGTH, FIELD_UID,
	FIELD_GID, FIELD_ARP_OP, FIELD_ARP_SPA, FIELD_ARP_SHA, FIELD_ARP_TPA, FIELD_ARP_THA };

/*
 * The booleans stand above this one. Those of a rule ("limit 3/s", of each its own) are different below each address and port that rules
 * tell apart, and so is all that stands between. What IP packets do not have, and what is the same in nearly all of
 * them, is below: hundreds of levels, which all sets share.
 */
#define BELOW_EXTRAS FIELD_LENGTH

void sets_fail(struct sets *sets, enum err_kind kind, const char *fmt, ...)
{
	va_list ap;

	if (sets->has_failed)
		return; /* the first reason is the reason */
	sets->has_failed = true;
	va_start(ap, fmt);
	sets->err.kind = kind;
	vsnprintf(sets->err.text, sizeof(sets->err.text), fmt, ap);
	va_end(ap);
}

bool sets_ok(const struct sets *sets, struct err *err)
{
	if (!sets->has_failed)
		return true;
	*err = sets->err;
	return false;
}

bool sets_is_address(enum field field)
{
	return field_width(field, FAMILY_IPV6) == 128;
}

bool sets_is_names(enum field field)
{
	return field_width(field, FAMILY_IPV4) == 0;
}

unsigned sets_bits(const struct sets *sets, enum field field, enum family family)
{
	return family == FAMILY_IPV6 ? sets->fields[field].n_bits : sets->fields[field].n_bits_v4;
}

bool sets_value(const struct sets *sets, enum field field, size_t i, struct field_value *ret)
{
	const struct set_field *f = &sets->fields[field];

	if (i >= f->values.n)
		return false;
	*ret = f->values.items[i].value;
	return true;
}

size_t sets_n_codes(const struct sets *sets, enum field field)
{
	return sets->fields[field].values.n + !sets->fields[field].is_closed;
}

unsigned sets_block_of(const struct sets *sets, unsigned level)
{
	return sets->block_of.items[level];
}

bool sets_is_block_in(const struct sets *sets, unsigned level, uint64_t fields)
{
	unsigned block = sets_block_of(sets, level);

	return fields >> (block < BLOCK_FIRST_EXTRA ? block : BLOCK_FIRST_EXTRA) & 1;
}

unsigned sets_first_level(const struct sets *sets, unsigned block)
{
	if (block < N_FIELDS)
		return sets->fields[block].first;
	return block == BLOCK_FAMILY ? sets->family_level
				     : sets->first_extra + block - BLOCK_FIRST_EXTRA;
}

unsigned sets_block_bits(const struct sets *sets, unsigned block)
{
	return block < N_FIELDS ? sets->fields[block].n_bits : 1;
}

/* ---- the values of an enumerated field ---- */

static size_t find_name(const struct sets *sets, enum field field, const char *name, bool is_prefix)
{
	const struct set_field *f = &sets->fields[field];
	const struct map *map = f->by_key[is_prefix];
	size_t place = map ? (size_t)(uintptr_t)map_find(map, name) : 0;

	/* a toy world may have cut values off */
	return place && place <= f->values.n ? place - 1 : SIZE_MAX;
}

#define VALUE_KEY_SIZE 33

static void value_key(char key[VALUE_KEY_SIZE], const struct field_value *value)
{
	for (size_t i = 0; i < sizeof(value->bytes); i++) {
		*key++ = "0123456789abcdef"[value->bytes[i] >> 4];
		*key++ = "0123456789abcdef"[value->bytes[i] & 15];
	}
	*key = '\0';
}

static size_t find_value(const struct sets *sets, enum field field, const struct field_value *value)
{
	char key[VALUE_KEY_SIZE];

	value_key(key, value);
	return find_name(sets, field, key, false);
}

static void push_value(
	struct sets *sets, enum field field, const char *key, const struct set_value *value)
{
	struct set_field *f = &sets->fields[field];
	struct map **map = &f->by_key[value->is_prefix];

	*vec_push(&f->values, sets->arena) = *value;
	if (!*map)
		*map = map_new(sets->arena);
	map_add(*map, value->name ? value->name : arena_strdup(sets->arena, key),
		(void *)(uintptr_t)f->values.n);
}

static void push_number(struct sets *sets, enum field field, const struct field_value *value)
{
	char key[VALUE_KEY_SIZE];

	value_key(key, value);
	push_value(sets, field, key, &(struct set_value){ .value = *value });
}

static void close_field(struct sets *sets, enum field field, const uint8_t *values, size_t n)
{
	struct set_field *f = &sets->fields[field];

	f->is_enumerated = f->is_closed = true;
	for (size_t i = 0; i < n; i++) {
		const struct field_value value = field_value_of_number(values[i]);

		push_number(sets, field, &value);
	}
}

struct sets *sets_new(size_t max_nodes)
{
	static const uint8_t states[] = { CT_NEW, CT_ESTABLISHED, CT_RELATED, CT_INVALID,
		CT_UNTRACKED };
	static const uint8_t types[] = { PKT_HOST, PKT_BROADCAST, PKT_MULTICAST, PKT_OTHERHOST };
	static const uint8_t fragments[] = { 0, 1, 2 };
	struct arena *arena = arena_new();
	struct sets *sets = arena_new_one(arena, struct sets);

	sets->arena = arena;
	sets->by_words = map_new(arena);
	sets->max = max_nodes ? max_nodes : LIMIT_SET_NODES;
	if (sets->max > (size_t)1 << SET_OP_SHIFT)
		sets->max = (size_t)1 << SET_OP_SHIFT;
	sets->collect_min = SETS_COLLECT_MIN;
	if (!sets_init_nodes(sets))
		sets_fail(sets, ERR_LIMIT, "no memory for sets of packets");
	for (unsigned i = 0; i < N_FIELDS; i++) {
		sets->fields[i].max_bits = UINT16_MAX;
		if (!sets_is_names((enum field)i))
			continue;
		sets->fields[i].is_enumerated = true;
		sets_add_name(sets, (enum field)i, "");
	}
	close_field(sets, FIELD_CT_STATE, states, N_OF(states));
	close_field(sets, FIELD_PKTTYPE, types, N_OF(types));
	close_field(sets, FIELD_FRAGMENT, fragments, N_OF(fragments));
	return sets;
}

void sets_free(struct sets *sets)
{
	if (!sets)
		return;
	free(sets->nodes);
	free(sets->buckets);
	free(sets->cache);
	arena_free(sets->arena);
}

void sets_freep(struct sets **sets)
{
	sets_free(*sets);
	*sets = NULL;
}

static bool may_add(struct sets *sets, enum field field, bool is_right_kind)
{
	if (sets->is_sealed || !is_right_kind)
		sets_fail(sets, ERR_INPUT, "the values of the %s cannot be enumerated%s",
			field_name(field), is_right_kind ? " of sets that are in use" : "");
	return !sets->has_failed;
}

static void add_name(struct sets *sets, enum field field, const char *name, bool is_prefix)
{
	struct set_value value = { .is_prefix = is_prefix };

	if (!may_add(sets, field, sets_is_names(field)) ||
		find_name(sets, field, name, is_prefix) != SIZE_MAX)
		return;
	value.name = arena_strdup(sets->arena, name);
	push_value(sets, field, value.name, &value);
}

void sets_add_name(struct sets *sets, enum field field, const char *name)
{
	add_name(sets, field, name, false);
}

void sets_add_name_prefix(struct sets *sets, enum field field, const char *prefix)
{
	add_name(sets, field, prefix, true);
}

/* "eth" of "eth+", "" of "+"; NULL: the pattern is a name. */
static const char *prefix_of(struct text *out, const char *pattern)
{
	size_t len = strlen(pattern);

	if (!len || pattern[len - 1] != '+')
		return NULL;
	text_add_n(out, pattern, len - 1);
	return out->data;
}

void sets_add_pattern(struct sets *sets, enum field field, const char *pattern)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;
	const char *prefix = prefix_of(&text, pattern);

	if (!prefix)
		sets_add_name(sets, field, pattern);
	else if (*prefix)
		sets_add_name_prefix(sets, field, prefix);
}

void sets_add_value(struct sets *sets, enum field field, const struct field_value *value)
{
	struct set_field *f = &sets->fields[field];
	bool is_right_kind = !sets_is_names(field) && !sets_is_address(field) && !f->is_closed &&
			     field != FIELD_ETHERTYPE && field != FIELD_PROTO; /* set_of_present */

	if (!may_add(sets, field, is_right_kind) || find_value(sets, field, value) != SIZE_MAX)
		return;
	f->is_enumerated = true;
	push_number(sets, field, value);
}

void sets_set_width(struct sets *sets, enum field field, unsigned bits)
{
	if (may_add(sets, field, !sets_is_names(field)))
		sets->fields[field].max_bits = (uint16_t)bits;
}

static uint16_t least(unsigned a, unsigned b)
{
	return (uint16_t)(a < b ? a : b);
}

static void seal_field(struct sets *sets, enum field field)
{
	struct set_field *f = &sets->fields[field];
	unsigned n_bits = 0;

	if (f->is_enumerated) {
		unsigned width = field_width(field, FAMILY_IPV4);

		if (width && width < 16 && f->values.n == (size_t)1 << width)
			f->is_closed = true; /* there is no other */
		if (f->is_closed && f->max_bits < 8 && f->values.n > (size_t)1 << f->max_bits)
			f->values.n = (size_t)1 << f->max_bits;
		while ((size_t)1 << n_bits < sets_n_codes(sets, field))
			n_bits++;
		f->n_bits = f->n_bits_v4 = (uint16_t)n_bits;
	} else {
		f->n_bits = least(f->max_bits, field_width(field, FAMILY_IPV6));
		f->n_bits_v4 = least(f->max_bits, field_width(field, FAMILY_IPV4));
	}
	f->first = (uint16_t)sets->block_of.n;
	for (unsigned i = 0; i < f->n_bits; i++)
		*vec_push(&sets->block_of, sets->arena) = (uint16_t)field;
}

/* More of them come while the world is in use, and levels cannot be put in between then. */
static void place_extras(struct sets *sets)
{
	sets->first_extra = (uint16_t)sets->block_of.n;
	for (size_t i = 0; i < LIMIT_SET_EXTRAS; i++)
		*vec_push(&sets->block_of, sets->arena) = (uint16_t)(BLOCK_FIRST_EXTRA + i);
}

void sets_seal(struct sets *sets)
{
	if (sets->is_sealed)
		return;
	sets->is_sealed = true;
	sets->block_of.n = 0;
	*vec_push(&sets->block_of, sets->arena) = BLOCK_FAMILY;
	for (unsigned i = 0; i < N_FIELDS; i++) {
		if (order[i] == BELOW_EXTRAS)
			place_extras(sets);
		seal_field(sets, order[i]);
	}
	sets->known = arena_alloc(sets->arena, LEVEL_END);
}

unsigned sets_add_extra(struct sets *sets, const char *words)
{
	unsigned extra = (unsigned)sets->extras.n;
	const char *copy = arena_strdup(sets->arena, words);
	/* places from 1 on: NULL is for what is not there */
	void *there = map_add(sets->by_words, copy, (void *)((uintptr_t)extra + 1));

	if (there)
		return (unsigned)((uintptr_t)there - 1);
	if (extra >= LIMIT_SET_EXTRAS) {
		sets_fail(sets, ERR_LIMIT,
			"a set of packets depends on more than %d matches that are not modelled",
			LIMIT_SET_EXTRAS);
		return 0;
	}
	*vec_push(&sets->extras, sets->arena) = copy;
	return extra;
}

/* Bit i, the most significant first, of a number of n bits. */
static bool bit(const struct field_value *value, unsigned i, unsigned n)
{
	unsigned place = n - 1 - i;

	return value->bytes[15 - place / 8] >> place % 8 & 1;
}

static bool fits(const struct field_value *value, unsigned n)
{
	for (unsigned place = n; place < 128; place++)
		if (bit(value, 0, place + 1))
			return false;
	return true;
}

static uint32_t cube(struct sets *sets, unsigned first, unsigned n, const struct field_value *value,
	const struct field_value *mask)
{
	uint32_t node = 1;

	for (unsigned i = n; i-- > 0;) {
		if (!bit(mask, i, n))
			continue;
		node = bit(value, i, n) ? sets_node(sets, first + i, 0, node)
					: sets_node(sets, first + i, node, 0);
	}
	return node;
}

/* The value itself, with all that is below it (below 1, above 0) or above it (0, 1). */
static uint32_t bounded(struct sets *sets, unsigned first, unsigned n,
	const struct field_value *value, uint32_t below, uint32_t above)
{
	uint32_t node = 1;

	if (!fits(value, n))
		return below;
	for (unsigned i = n; i-- > 0;)
		node = bit(value, i, n) ? sets_node(sets, first + i, below, node)
					: sets_node(sets, first + i, node, above);
	return node;
}

static uint32_t at_most(
	struct sets *sets, unsigned first, unsigned n, const struct field_value *value)
{
	return bounded(sets, first, n, value, 1, 0);
}

static uint32_t at_least(
	struct sets *sets, unsigned first, unsigned n, const struct field_value *value)
{
	return bounded(sets, first, n, value, 0, 1);
}

static const struct field_value all_ones = { { 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
	255, 255, 255, 255, 255, 255 } };

struct packet_set sets_of_code(struct sets *sets, enum field field, size_t code, bool is_one)
{
	const struct set_field *f = &sets->fields[field];
	struct field_value number = field_value_of_number(code);

	if (!is_one && code + 1 == sets_n_codes(sets, field))
		return (struct packet_set){ at_least(sets, f->first, f->n_bits, &number) };
	return (struct packet_set){ cube(sets, f->first, f->n_bits, &number, &all_ones) };
}

struct packet_set sets_of_one_code_each(struct sets *sets, uint64_t fields)
{
	struct packet_set all = SET_FULL, v6 = set_of_family(sets, FAMILY_IPV6);

	for (unsigned i = N_FIELDS; i-- > 0;) {
		const struct set_field *f = &sets->fields[order[i]];
		struct field_value last, zero = { 0 };
		struct packet_set one = SET_FULL;
		unsigned unused = f->n_bits - f->n_bits_v4;

		if (!(fields >> order[i] & 1))
			continue;
		if (f->is_enumerated) {
			last = field_value_of_number(sets_n_codes(sets, order[i]) - 1);
			one.node = at_most(sets, f->first, f->n_bits, &last);
		} else if (unused) {
			one.node = cube(sets, f->first + f->n_bits_v4, unused, &zero, &all_ones);
			one = set_or(sets, v6, one);
		}
		all = set_and(sets, all, one);
	}
	return all;
}

static bool is_usable(struct sets *sets)
{
	if (!sets->is_sealed)
		sets_fail(sets, ERR_INPUT, "sets of packets are used before their world is sealed");
	return !sets->has_failed;
}

struct packet_set set_of_family(struct sets *sets, enum family family)
{
	bool is_v6 = family == FAMILY_IPV6;

	return is_usable(sets)
		       ? (struct packet_set){ sets_node(sets, sets->family_level, !is_v6, is_v6) }
		       : SET_EMPTY;
}

/* A range and a mask together: what an enumerated value is asked. */
static bool is_value_in(const struct field_value *value, const struct field_value *from,
	const struct field_value *to, const struct field_value *mask)
{
	struct field_value masked = *value;

	for (size_t i = 0; i < sizeof(masked.bytes); i++)
		masked.bytes[i] &= mask->bytes[i];
	return memcmp(&masked, from, sizeof(masked)) >= 0 &&
	       memcmp(&masked, to, sizeof(masked)) <= 0;
}

static struct packet_set of_enumerated(struct sets *sets, enum field field,
	const struct field_value *from, const struct field_value *to,
	const struct field_value *mask)
{
	const struct set_field *f = &sets->fields[field];
	unsigned width = field_width(field, FAMILY_IPV4);
	bool is_exact = memcmp(from, to, sizeof(*from)) == 0;
	struct packet_set all = SET_EMPTY;
	bool is_found = false;

	for (unsigned i = 0; i < width; i++)
		is_exact = is_exact && bit(mask, i, width);
	if (is_exact) {
		size_t code = find_value(sets, field, from);

		is_found = code != SIZE_MAX;
		all = is_found ? sets_of_code(sets, field, code, false) : all;
	}
	for (size_t i = 0; i < f->values.n && !is_exact; i++) {
		if (!is_value_in(&f->values.items[i].value, from, to, mask))
			continue;
		all = set_or(sets, all, sets_of_code(sets, field, i, false));
	}
	if (!f->is_closed && !(is_exact && is_found) && fits(from, width)) {
		sets_fail(sets, ERR_INPUT,
			"sets of packets do not know a value of the %s that is asked for",
			field_name(field));
		return SET_EMPTY;
	}
	return all;
}

/* The set within the family, for an address. */
static struct packet_set in_family(
	struct sets *sets, enum field field, enum family family, uint32_t node)
{
	if (!sets_is_address(field))
		return (struct packet_set){ node };
	return set_and(sets, set_of_family(sets, family), (struct packet_set){ node });
}

static bool is_of_numbers(struct sets *sets, enum field field)
{
	if (is_usable(sets) && sets_is_names(field))
		sets_fail(sets, ERR_INPUT, "the %s is a name", field_name(field));
	return !sets->has_failed;
}

struct packet_set set_of_value(
	struct sets *sets, enum field field, enum family family, const struct field_value *value)
{
	return set_of_mask(sets, field, family, value, &all_ones);
}

struct packet_set set_of_range(struct sets *sets, enum field field, enum family family,
	const struct field_value *from, const struct field_value *to)
{
	const struct set_field *f = &sets->fields[field];
	unsigned n = sets_bits(sets, field, family);
	uint32_t low, high;

	if (!is_of_numbers(sets, field))
		return SET_EMPTY;
	if (f->is_enumerated)
		return of_enumerated(sets, field, from, to, &all_ones);
	low = at_least(sets, f->first, n, from);
	high = at_most(sets, f->first, n, to);
	low = set_and(sets, (struct packet_set){ low }, (struct packet_set){ high }).node;
	return in_family(sets, field, family, low);
}

struct packet_set set_of_mask(struct sets *sets, enum field field, enum family family,
	const struct field_value *value, const struct field_value *mask)
{
	const struct set_field *f = &sets->fields[field];
	unsigned n = sets_bits(sets, field, family);

	if (!is_of_numbers(sets, field))
		return SET_EMPTY;
	for (size_t i = 0; i < sizeof(value->bytes); i++)
		if (value->bytes[i] & ~mask->bytes[i])
			return SET_EMPTY;
	if (f->is_enumerated)
		return of_enumerated(sets, field, value, value, mask);
	if (!fits(value, n))
		return SET_EMPTY;
	return in_family(sets, field, family, cube(sets, f->first, n, value, mask));
}

struct packet_set set_of_prefix(struct sets *sets, enum field field, const struct prefix *prefix)
{
	bool is_v6 = prefix->addr.family == FAMILY_IPV6;
	unsigned n = is_v6 ? 128 : 32;
	struct field_value value = { 0 }, mask = { 0 };

	memcpy(value.bytes + (128 - n) / 8, prefix->addr.bytes, n / 8);
	for (unsigned i = 128 - n; i < 128 - n + prefix->len; i++)
		mask.bytes[i / 8] |= (uint8_t)(128 >> i % 8);
	return set_of_mask(sets, field, prefix->addr.family, &value, &mask);
}

struct packet_set set_of_addr(struct sets *sets, enum field field, const struct addr *addr)
{
	const struct prefix prefix = prefix_of_addr(addr);

	return set_of_prefix(sets, field, &prefix);
}

struct packet_set set_of_number(struct sets *sets, enum field field, uint64_t number)
{
	return set_of_numbers(sets, field, number, number);
}

struct packet_set set_of_numbers(struct sets *sets, enum field field, uint64_t from, uint64_t to)
{
	struct field_value low = field_value_of_number(from), high = field_value_of_number(to);

	return set_of_range(sets, field, FAMILY_IPV4, &low, &high);
}

struct packet_set set_of_bits(struct sets *sets, enum field field, uint64_t value, uint64_t mask)
{
	struct field_value number = field_value_of_number(value);
	struct field_value bits = field_value_of_number(mask);

	return set_of_mask(sets, field, FAMILY_IPV4, &number, &bits);
}

struct packet_set set_of_ct_states(struct sets *sets, unsigned states)
{
	struct packet_set all = SET_EMPTY;

	for (unsigned state = CT_NEW; state <= CT_UNTRACKED; state <<= 1)
		if (states & state)
			all = set_or(sets, all, set_of_number(sets, FIELD_CT_STATE, state));
	return all;
}

static bool is_of_names(struct sets *sets, enum field field, bool is_known, const char *name)
{
	if (is_usable(sets) && (!sets_is_names(field) || !is_known))
		sets_fail(sets, ERR_INPUT, "sets of packets do not know the %s \"%s\"",
			field_name(field), name);
	return !sets->has_failed;
}

struct packet_set set_of_name(struct sets *sets, enum field field, const char *name)
{
	size_t code = find_name(sets, field, name ? name : "", false);

	if (!is_of_names(sets, field, code != SIZE_MAX, name))
		return SET_EMPTY;
	return sets_of_code(sets, field, code, false);
}

struct packet_set set_of_name_prefix(struct sets *sets, enum field field, const char *prefix)
{
	const struct set_field *f = &sets->fields[field];
	bool is_known = !*prefix || find_name(sets, field, prefix, true) != SIZE_MAX;
	struct packet_set all = SET_EMPTY;

	if (!is_of_names(sets, field, is_known, prefix))
		return SET_EMPTY;
	if (!*prefix)
		return SET_FULL;
	for (size_t i = 0; i < f->values.n; i++)
		if (text_has_prefix(f->values.items[i].name, prefix))
			all = set_or(sets, all, sets_of_code(sets, field, i, false));
	return all;
}

struct packet_set set_of_pattern(struct sets *sets, enum field field, const char *pattern)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;
	const char *prefix = prefix_of(&text, pattern);

	return prefix ? set_of_name_prefix(sets, field, prefix) : set_of_name(sets, field, pattern);
}

struct packet_set set_of_extra(struct sets *sets, unsigned extra)
{
	if (!is_usable(sets))
		return SET_EMPTY;
	return (struct packet_set){ sets_node(
		sets, sets_first_level(sets, BLOCK_FIRST_EXTRA + extra), 0, 1) };
}

size_t sets_code_of_name(const struct sets *sets, enum field field, const char *name)
{
	const struct set_field *f = &sets->fields[field];
	size_t best = find_name(sets, field, name, false), best_len = 0;

	if (best != SIZE_MAX)
		return best;
	for (size_t i = 0; i < f->values.n; i++) {
		const struct set_value *value = &f->values.items[i];

		if (!value->is_prefix || !text_has_prefix(name, value->name) ||
			(best != SIZE_MAX && strlen(value->name) <= best_len))
			continue;
		best = i;
		best_len = strlen(value->name);
	}
	return best != SIZE_MAX ? best : f->values.n;
}

size_t sets_code_of_value(
	const struct sets *sets, enum field field, const struct field_value *value)
{
	size_t code = find_value(sets, field, value);

	return code != SIZE_MAX ? code : sets_n_codes(sets, field) - 1;
}

/* ---- sets that are made of long lists ---- */

static void key_of_list(char key[32], const void *list, enum field field)
{
	snprintf(key, 32, "%p %u", list, (unsigned)field);
}

bool set_recall(const struct sets *sets, const void *list, enum field field, struct packet_set *ret)
{
	const struct packet_set *known;
	char key[32];

	if (!sets->by_list || sets->has_failed)
		return false;
	key_of_list(key, list, field);
	known = map_find(sets->by_list, key);
	if (known)
		*ret = *known;
	return known != NULL;
}

void set_remember(struct sets *sets, const void *list, enum field field, struct packet_set set)
{
	struct packet_set *kept;
	char key[32];

	if (sets->has_failed)
		return;
	if (!sets->by_list)
		sets->by_list = map_new(sets->arena);
	key_of_list(key, list, field);
	kept = arena_new_one(sets->arena, struct packet_set);
	*kept = set;
	if (!map_add(sets->by_list, arena_strdup(sets->arena, key), kept))
		*vec_push(&sets->remembered, sets->arena) = kept;
}
