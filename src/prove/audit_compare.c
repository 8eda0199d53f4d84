// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What one ruleset passes and another one does not.
 *
 * The difference of two sets, sent through both again and cut by who decided: the outcomes of the one that passes it, and those of
 * the other one in which it gets lost. Only outcomes that have something of it are paired, and pairs are made until it is used up.
 *
 * Where rules change a field (a mark), packets look different at the end: that field is left out of what is compared. As long as
 * no rule asks for it nothing is lost by that; else two that differ there alone may look equal, and "changed" says so.
 */
#include <string.h>

#include "prove/audit_internal.h"

#define MAX_DIFFERENCES 200

struct comparing {
	struct sets *sets;
	struct arena *arena;
	uint64_t forgotten;
	struct packet_set asked; /* all that can come there */
	struct {
		VEC(struct audit_difference);
	} found;
};

struct side {
	const struct audit *audit;
	const struct audit_place *place; /* NULL: no chain there */
	struct packet_set passed;
	struct {
		VEC(struct outcome);
	} outcomes; /* that have something of the difference */
};

static bool is_passing(const struct outcome *outcome)
{
	return outcome->verdict == VERDICT_ACCEPT || outcome->verdict == VERDICT_CANNOT_TELL ||
	       outcome->verdict == VERDICT_STOLEN;
}

/*
 * Those outcomes that have something of it. A packet that passes by a boolean is also lost by the same outcome:
 * of the losing side its whole set counts, but for what passes there.
 */
static void pick(struct comparing *c, struct side *side, struct packet_set difference, bool passes)
{
	struct outcomes outcomes = { 0 };

	side->outcomes.n = 0;
	if (!side->place || set_is_empty(difference))
		return;
	/* as they may have come in, and whatever the booleans are */
	audit_outcomes(side->audit, side->place,
		set_forget(c->sets, difference, c->forgotten | SET_EXTRA_BITS), &outcomes);
	vec_for_each (outcome, &outcomes) {
		struct outcome one = *outcome;

		if (passes ? !is_passing(outcome) : outcome->verdict == VERDICT_ACCEPT)
			continue;
		one.set = set_forget(c->sets, one.set,
			c->forgotten | (passes || !is_passing(outcome) ? 0 : SET_EXTRA_BITS));
		one.set = set_and(c->sets, one.set, difference);
		if (!set_is_empty(one.set))
			*vec_push(&side->outcomes, c->arena) = one;
	}
}

static void add_pair(struct comparing *c, bool is_first, struct packet_set set,
	const struct outcome *passing, const struct outcome *losing)
{
	struct audit_difference *one;
	struct packet witness;

	if (!set_witness(c->sets, set, &witness))
		return;
	one = vec_push(&c->found, c->arena);
	one->is_first = is_first;
	one->set = set;
	one->shown = set_shorten(c->sets, set, c->asked);
	one->witness = witness;
	if (passing)
		one->passing = audit_rule_of(passing);
	if (losing) {
		one->losing = audit_rule_of(losing);
		one->verdict = losing->verdict;
	}
	one->is_always = !set_asks_extra(c->sets, set);
}

/* Returns what is left over. */
static struct packet_set pair_up(
	struct comparing *c, struct side *passing, struct side *losing, bool is_first)
{
	struct packet_set left = set_minus(c->sets, passing->passed, losing->passed);
	const struct outcome none = { 0 };
	size_t most = c->found.n + MAX_DIFFERENCES;

	pick(c, passing, left, true);
	pick(c, losing, left, false);
	if (!passing->place && !set_is_empty(left)) {
		*vec_push(&passing->outcomes, c->arena) = none;
		passing->outcomes.items[0].set = left;
	}
	vec_for_each (a, &passing->outcomes) {
		struct packet_set of_a = set_and(c->sets, a->set, left);

		vec_for_each (b, &losing->outcomes) {
			struct packet_set both = set_and(c->sets, of_a, b->set);

			if (c->found.n == most || set_is_empty(of_a))
				break;
			if (set_is_empty(both))
				continue;
			add_pair(c, is_first, both, passing->place ? a : NULL, b);
			of_a = set_minus(c->sets, of_a, both);
			left = set_minus(c->sets, left, both);
		}
	}
	return left;
}

static struct packet_set passed_by(
	struct comparing *c, const struct side *side, const struct audit_place *other)
{
	return set_forget(c->sets, side->place ? side->place->passed : other->asked, c->forgotten);
}

bool audit_compare(const struct audit *a, const struct audit_place *place_a, const struct audit *b,
	const struct audit_place *place_b, struct arena *arena, struct audit_comparison *ret,
	struct err *err)
{
	struct comparing c = {
		.sets = a->sets, .arena = arena, .forgotten = a->changed | b->changed
	};
	struct side first = { .audit = a, .place = place_a };
	struct side other = { .audit = b, .place = place_b };
	struct audit_comparison comparison = { .changed = (a->changed & a->decided) |
							  (b->changed & b->decided) };

	if (!place_a && !place_b) {
		*ret = (struct audit_comparison){ 0 };
		return true;
	}
	c.asked = set_forget(c.sets, place_a ? place_a->asked : place_b->asked, c.forgotten);
	first.passed = passed_by(&c, &first, place_b);
	other.passed = passed_by(&c, &other, place_a);
	comparison.rest[0] = pair_up(&c, &first, &other, true);
	comparison.rest[1] = pair_up(&c, &other, &first, false);
	if (!sets_ok(c.sets, err))
		return false;
	comparison.differences = c.found.items;
	comparison.n = c.found.n;
	*ret = comparison;
	return true;
}
