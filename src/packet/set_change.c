// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What becomes of a set when something is done to each of its packets, bit by bit: marks, types of service, networks. Of a
 * bit that gets a value the old one is forgotten; a bit that is turned over has its two halves change places; a bit that
 * becomes another one's is split by that one. Other bits stay, and whatever else was known together with them.
 */
#include <inttypes.h>
#include <string.h>

#include "packet/set_bdd.h"

static struct packet_set half(struct sets *sets, struct packet_set a, unsigned level, bool value)
{
	memset(sets->known, 2, sets->block_of.n);
	sets->known[level] = value;
	return sets_know(sets, a);
}

/* The set within which the bit is 1. */
static struct packet_set of_level(struct sets *sets, unsigned level)
{
	return (struct packet_set){ sets_node(sets, level, 0, 1) };
}

/* zero where the bit is 0, one where it is 1; both do not ask it. */
static struct packet_set of_halves(
	struct sets *sets, unsigned level, struct packet_set zero, struct packet_set one)
{
	struct packet_set bit = of_level(sets, level);

	return set_or(sets, set_minus(sets, zero, bit), set_and(sets, one, bit));
}

static struct packet_set forget_level(struct sets *sets, struct packet_set a, unsigned level)
{
	return set_or(sets, half(sets, a, level, false), half(sets, a, level, true));
}

static struct packet_set assign(
	struct sets *sets, struct packet_set a, unsigned level, struct packet_set from)
{
	struct packet_set bit = of_level(sets, level);

	a = forget_level(sets, a, level);
	return set_or(sets, set_and(sets, set_and(sets, a, from), bit),
		set_minus(sets, set_minus(sets, a, from), bit));
}

static struct packet_set turn(
	struct sets *sets, struct packet_set a, unsigned level, struct packet_set where)
{
	struct packet_set in = set_and(sets, a, where), out = set_minus(sets, a, where);

	in = of_halves(sets, level, half(sets, in, level, true), half(sets, in, level, false));
	return set_or(sets, in, out);
}

static bool may_change(struct sets *sets, enum field field)
{
	const struct set_field *f = &sets->fields[field];

	if (f->is_enumerated || f->n_bits > 64)
		sets_fail(sets, ERR_INPUT, "the %s of a set of packets cannot be changed by bits",
			field_name(field));
	return !sets->has_failed;
}

/* The level of a bit, bit 0 the last one; false: this world does not have it. */
static bool level_of(const struct sets *sets, enum field field, unsigned bit, unsigned *ret)
{
	const struct set_field *f = &sets->fields[field];

	if (bit >= f->n_bits)
		return false;
	*ret = f->first + f->n_bits - 1 - bit;
	return true;
}

struct packet_set set_change_bits(
	struct sets *sets, struct packet_set a, enum field field, uint64_t mask, uint64_t value)
{
	unsigned level;

	if (!may_change(sets, field))
		return SET_EMPTY;
	for (unsigned i = 0; i < 64 && (mask | value) >> i; i++) {
		bool in_mask = mask >> i & 1, in_value = value >> i & 1;

		if (!(in_mask || in_value) || !level_of(sets, field, i, &level))
			continue;
		a = in_mask ? assign(sets, a, level, in_value ? SET_FULL : SET_EMPTY)
			    : turn(sets, a, level, SET_FULL);
	}
	return a;
}

struct packet_set set_copy_bits(struct sets *sets, struct packet_set a, enum field to,
	uint64_t to_mask, enum field from, uint64_t from_mask)
{
	unsigned level, other;

	if (!may_change(sets, to) || !may_change(sets, from))
		return SET_EMPTY;
	for (unsigned i = 0; i < 64 && (to_mask | from_mask) >> i; i++) {
		bool in_to = to_mask >> i & 1, in_from = from_mask >> i & 1;
		struct packet_set bit = SET_EMPTY;

		if (!(in_to || in_from) || !level_of(sets, to, i, &level))
			continue;
		if (in_from && level_of(sets, from, i, &other))
			bit = of_level(sets, other);
		a = in_to ? assign(sets, a, level, bit) : turn(sets, a, level, bit);
	}
	return a;
}

struct packet_set set_forget_bits(struct sets *sets, struct packet_set a, enum field field,
	enum family family, const struct field_value *mask)
{
	unsigned n = sets_bits(sets, field, family);

	if (sets->fields[field].is_enumerated)
		sets_fail(sets, ERR_INPUT, "the %s of a set of packets has no bits",
			field_name(field));
	for (unsigned i = 0; i < n && !sets->has_failed; i++)
		if (mask->bytes[15 - i / 8] >> i % 8 & 1)
			a = forget_level(sets, a, sets->fields[field].first + n - 1 - i);
	return sets->has_failed ? SET_EMPTY : a;
}
