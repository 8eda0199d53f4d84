// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Sets of packets against BuDDy, an independent library of decision diagrams: random expressions over all fields are built
 * by both, from single variables on. Reduced diagrams of one order are the same or mean something else, so they
 * are compared node by node.
 */
#include "unit.h"

#include <bdd.h>
#include <string.h>

#include "packet/set_bdd.h"
#include "random.h"

#define MAX_NODES 200000

struct both {
	struct packet_set ours;
	BDD theirs;
};

static struct sets *sets;
static BDD theirs_of[MAX_NODES]; /* of our node; 0: not compared yet */

static const enum field plain[] = { FIELD_ETH_SRC, FIELD_SRC, FIELD_DST, FIELD_PROTO, FIELD_SPORT,
	FIELD_DPORT, FIELD_TCP_FLAGS, FIELD_MARK, FIELD_TTL, FIELD_CT_ORIG_SRC, FIELD_ICMP_TYPE };

static BDD bit_is(unsigned level, bool value)
{
	return value ? bdd_ithvar((int)level) : bdd_nithvar((int)level);
}

static BDD kept(BDD bdd)
{
	return bdd_addref(bdd);
}

static bool bit_of(const struct field_value *value, unsigned i, unsigned n)
{
	unsigned place = n - 1 - i;

	return value->bytes[15 - place / 8] >> place % 8 & 1;
}

/* The field compared with the value, from the first bit on: <= (is_less) or >=. */
static BDD compared(unsigned first, unsigned n, const struct field_value *value, bool is_less)
{
	BDD equal = bddtrue, sure = bddfalse;

	for (unsigned i = 0; i < n; i++) {
		bool bit = bit_of(value, i, n);

		if (bit == is_less)
			sure = kept(bdd_or(sure, kept(bdd_and(equal, bit_is(first + i, !bit)))));
		equal = kept(bdd_and(equal, bit_is(first + i, bit)));
	}
	return kept(bdd_or(sure, equal));
}

static struct field_value random_value(struct random *random, unsigned n)
{
	struct field_value value = { 0 };

	for (unsigned i = 0; i < n; i++)
		if (one_in(random, 2))
			value.bytes[15 - i / 8] |= (uint8_t)(1 << i % 8);
	return value;
}

static struct both random_leaf(struct random *random)
{
	enum field field = pick(random, plain);
	enum family family = one_in(random, 2) ? FAMILY_IPV6 : FAMILY_IPV4;
	unsigned n = sets_bits(sets, field, family), first = sets_first_level(sets, field);
	struct field_value a = random_value(random, n), b = random_value(random, n), mask;
	struct both both = { SET_FULL, bddtrue };

	mask = b;
	if (one_in(random, 3)) { /* a prefix */
		mask = (struct field_value){ 0 };
		for (unsigned i = random_below(random, n + 1); i < n; i++)
			mask.bytes[15 - i / 8] |= (uint8_t)(1 << i % 8);
	}
	if (one_in(random, 3)) {
		if (memcmp(&a, &b, sizeof(a)) > 0)
			mask = a, a = b, b = mask;
		both.ours = set_of_range(sets, field, family, &a, &b);
		both.theirs =
			kept(bdd_and(compared(first, n, &a, false), compared(first, n, &b, true)));
	} else {
		for (unsigned i = 0; i < sizeof(a.bytes); i++)
			a.bytes[i] &= mask.bytes[i];
		both.ours = set_of_mask(sets, field, family, &a, &mask);
		for (unsigned i = 0; i < n; i++)
			if (bit_of(&mask, i, n))
				both.theirs = kept(
					bdd_and(both.theirs, bit_is(first + i, bit_of(&a, i, n))));
	}
	if (sets_is_address(field))
		both.theirs = kept(
			bdd_and(both.theirs, bit_is(sets->family_level, family == FAMILY_IPV6)));
	return both;
}

static struct both random_both(struct random *random, unsigned depth);

static struct both random_changed(struct random *random, unsigned depth)
{
	static const enum field pairs[][2] = { { FIELD_SRC, FIELD_DST },
		{ FIELD_SPORT, FIELD_DPORT }, { FIELD_SRC, FIELD_CT_ORIG_SRC } };
	struct both both = random_both(random, depth - 1);
	unsigned which = random_below(random, N_OF(pairs));
	enum field one = pairs[which][0], other = pairs[which][1];
	unsigned n = sets_block_bits(sets, one), x = sets_first_level(sets, one);
	unsigned y = sets_first_level(sets, other);
	bddPair *pair = bdd_newpair();
	BDD variables = bddtrue;

	if (one_in(random, 2)) {
		both.ours = set_swap(sets, both.ours, one, other);
		for (unsigned i = 0; i < n; i++) {
			bdd_setpair(pair, (int)(x + i), (int)(y + i));
			bdd_setpair(pair, (int)(y + i), (int)(x + i));
		}
		both.theirs = kept(bdd_replace(both.theirs, pair));
	} else {
		both.ours = set_forget(sets, both.ours, FIELD_BIT(one));
		for (unsigned i = 0; i < n; i++)
			variables = kept(bdd_and(variables, bdd_ithvar((int)(x + i))));
		both.theirs = kept(bdd_exist(both.theirs, variables));
	}
	bdd_freepair(pair);
	return both;
}

static struct both random_both(struct random *random, unsigned depth)
{
	struct both a, b;

	if (depth == 0)
		return random_leaf(random);
	if (one_in(random, 6))
		return random_changed(random, depth);
	a = random_both(random, depth - 1);
	b = random_both(random, depth - 1);
	switch (random_below(random, 6)) {
	case 0:
		return (struct both){ set_and(sets, a.ours, b.ours),
			kept(bdd_and(a.theirs, b.theirs)) };
	case 1:
		return (struct both){ set_minus(sets, a.ours, b.ours),
			kept(bdd_apply(a.theirs, b.theirs, bddop_diff)) };
	case 3:
		return (struct both){ set_split(sets, a.ours, b.ours).in,
			kept(bdd_and(a.theirs, b.theirs)) };
	case 4:
		return (struct both){ set_split(sets, a.ours, b.ours).out,
			kept(bdd_apply(a.theirs, b.theirs, bddop_diff)) };
	case 2:
		return (struct both){ set_or(sets, set_not(sets, a.ours), b.ours),
			kept(bdd_or(kept(bdd_not(a.theirs)), b.theirs)) };
	default:
		return (struct both){ set_or(sets, a.ours, b.ours),
			kept(bdd_or(a.theirs, b.theirs)) };
	}
}

static void assert_same(uint32_t ours, BDD theirs)
{
	if (ours < 2 || theirs == bddtrue || theirs == bddfalse) {
		assert_int_equal(theirs, ours ? bddtrue : bddfalse);
		assert_true(ours < 2);
		return;
	}
	assert_true(ours < MAX_NODES);
	if (theirs_of[ours]) {
		assert_int_equal(theirs_of[ours], theirs);
		return;
	}
	theirs_of[ours] = theirs;
	assert_int_equal(sets_level(sets, ours), bdd_var(theirs));
	assert_same(sets->nodes[ours].low, bdd_low(theirs));
	assert_same(sets->nodes[ours].high, bdd_high(theirs));
}

static void every_set_is_the_diagram_that_buddy_makes_of_it(void **state)
{
	struct random random = random_seeded();
	struct err err = { 0 };
	size_t largest = 0;

	(void)state;
	for (unsigned round = 0; round < 400; round++) {
		struct both both;

		sets = sets_new(MAX_NODES);
		sets_seal(sets);
		bdd_init(100000, 20000);
		bdd_setvarnum((int)sets->block_of.n);
		bdd_gbc_hook(NULL);
		memset(theirs_of, 0, sizeof(theirs_of));
		both = random_both(&random, 1 + round % 3);
		if (!sets_ok(sets, &err)) {
			/* masks of all bits multiply */
			assert_int_equal(err.kind, ERR_LIMIT);
		} else {
			assert_int_equal(set_n_nodes(sets, both.ours), bdd_nodecount(both.theirs));
			assert_same(both.ours.node, both.theirs);
			largest = sets_n_nodes(sets) > largest ? sets_n_nodes(sets) : largest;
		}
		bdd_done();
		sets_free(sets);
	}
	printf("# the largest world had %zu nodes\n", largest);
	assert_true(largest > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_set_is_the_diagram_that_buddy_makes_of_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
