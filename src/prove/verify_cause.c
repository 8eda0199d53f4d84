// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which rule makes the difference. The witness goes through the rules that are there and through those that are
 * wanted, and the two lists of rules that it met are laid side by side. What both have is no difference. What only one has
 * and after which both go on alike (a jump to Docker's chain that comes back) is none either. The first place where they part for
 * good has the rule: one that is wanted and not there, one that nobody wants, or one that both have, of which
 * then only the order or the members of a set can differ.
 */
#include <string.h>

#include "base/vec.h"
#include "prove/verify_internal.h"

struct way {
	const struct step *
		changer; /* the first of its own, passed over, that changed the packet; NULL: none */
	const struct bridged_chains *chains;
	const struct step **steps; /* those that matched, in order */
	size_t n;
	const struct outcome *end;
};

static struct way way_of(const struct cause_question *q, const struct bridged_chains *chains,
	const struct verify_way *through, const struct verify_difference *d, bool passes)
{
	struct outcomes *ends = arena_new_one(q->arena, struct outcomes);
	struct way way = { .chains = chains };
	const struct passage passage = { .arena = q->arena,
		.chains = chains,
		.way = through,
		.direction = d->direction,
		.class = d->class,
		.packet = d->witness };
	size_t n = 0;

	passage_run(&passage, ends);
	way.end = &ends->items[0];
	/* what cannot be told made several; one of them ends as the set did */
	vec_for_each (end, ends)
		if ((end->verdict == VERDICT_ACCEPT) == passes) {
			way.end = end;
			break;
		}
	for (const struct step *step = way.end->last; step; step = step->before)
		n++;
	way.steps = arena_new_array(q->arena, const struct step *, n + 1);
	for (const struct step *step = way.end->last; step; step = step->before)
		if (step->kind != STEP_MAYBE_NOT)
			way.steps[way.n++] = step;
	for (size_t i = 0; i < way.n / 2; i++) {
		const struct step *first = way.steps[i];

		way.steps[i] = way.steps[way.n - 1 - i];
		way.steps[way.n - 1 - i] = first;
	}
	return way;
}

static bool is_same_chain(
	const struct table *a, const struct chain *x, const struct table *b, const struct chain *y)
{
	return a->family == b->family && strcmp(a->name, b->name) == 0 &&
	       strcmp(x->name, y->name) == 0;
}

static bool is_same_policy(const struct chain *a, const struct chain *b)
{
	return a->policy && b->policy && strcmp(a->policy, b->policy) == 0;
}

static bool is_same_step(const struct step *a, const struct step *b)
{
	if (!is_same_chain(a->table, a->chain, b->table, b->chain) || !a->rule != !b->rule)
		return false;
	return a->rule ? rule_equal(a->rule, b->rule) : is_same_policy(a->chain, b->chain);
}

/* The first rule of the same chain in another ruleset that is equal; ret_chain: that chain, when it is there. */
static const struct rule *find_rule(
	const struct ruleset *rs, const struct step *step, const struct chain **ret_chain)
{
	*ret_chain = NULL;
	for (size_t t = 0; t < rs->n_tables; t++) {
		const struct table *table = &rs->tables[t];
		const struct chain *chain =
			table->family == step->table->family &&
					strcmp(table->name, step->table->name) == 0
				? table_chain(table, step->chain->name)
				: NULL;

		for (size_t r = 0; chain && r < chain->n_rules; r++)
			if (rule_equal(&chain->rules[r], step->rule)) {
				*ret_chain = chain;
				return &chain->rules[r];
			}
		if (chain)
			*ret_chain = chain;
	}
	return NULL;
}

/* Does the other ruleset have what this step met? */
static bool is_known(const struct ruleset *rs, const struct step *step)
{
	const struct chain *chain;

	if (step->rule)
		return find_rule(rs, step, &chain) != NULL;
	for (size_t t = 0; t < rs->n_tables; t++) {
		const struct table *table = &rs->tables[t];

		if (table->family != step->table->family ||
			strcmp(table->name, step->table->name) != 0)
			continue;
		chain = table_chain(table, step->chain->name);
		if (chain)
			return is_same_policy(chain, step->chain);
	}
	return false;
}

/* The place of a's next step that b has at its place, when all before it are a's alone; else SIZE_MAX. */
static size_t alone_until(const struct way *a, size_t at, const struct way *b, size_t other)
{
	if (other >= b->n)
		return SIZE_MAX;
	for (; at < a->n; at++) {
		if (is_same_step(a->steps[at], b->steps[other]))
			return at;
		if (is_known(b->chains->rs, a->steps[at]))
			break;
	}
	return SIZE_MAX;
}

/* Where they part for good. */
static void part(struct way *found, const struct way *wanted, size_t *ret_f, size_t *ret_w)
{
	size_t f = 0, w = 0, to;

	for (;;) {
		if (f < found->n && w < wanted->n &&
			is_same_step(found->steps[f], wanted->steps[w])) {
			f++, w++;
		} else if ((to = alone_until(found, f, wanted, w)) != SIZE_MAX) {
			for (; f < to; f++)
				if (!found->changer && found->steps[f]->after)
					found->changer = found->steps[f];
		} else if ((to = alone_until(wanted, w, found, f)) != SIZE_MAX) {
			w = to;
		} else {
			break;
		}
	}
	*ret_f = f;
	*ret_w = w;
}

static struct verify_rule rule_at(struct arena *arena, const struct table *table,
	const struct chain *chain, const struct rule *rule)
{
	return (struct verify_rule){ .table = table,
		.chain = chain,
		.rule = rule,
		.number = rule ? (size_t)(rule - chain->rules) + 1 : 0,
		.owner = owner_of_rule(arena, table, chain, rule) };
}

static struct verify_rule rule_of_step(struct arena *arena, const struct step *step)
{
	return rule_at(arena, step->table, step->chain, step->rule);
}

/* A jump into a chain that nobody wants is where it begins; what it met last there took it. */
static const struct step *last_unwanted(
	const struct way *found, size_t at, const struct way *wanted)
{
	while (at + 1 < found->n && found->steps[at]->rule &&
		(found->steps[at]->rule->target.kind == TARGET_JUMP ||
			found->steps[at]->rule->target.kind == TARGET_GOTO) &&
		!is_known(wanted->chains->rs, found->steps[at + 1]))
		at++;
	return found->steps[at];
}

static const char *set_of(const struct rule *rule)
{
	for (size_t i = 0; rule && i < rule->n_matches; i++) {
		const struct match *match = &rule->matches[i];

		if (match->kind == MATCH_SET)
			return match->set.name;
		if (match->kind == MATCH_NFT_FIELD && match->nft->set_name)
			return match->nft->set_name;
	}
	return NULL;
}

static const char *map_of(const struct rule *rule)
{
	if (rule && rule->target.kind == TARGET_VMAP)
		return rule->target.vmap.map;
	if (rule && rule->target.kind == TARGET_NFT_VMAP)
		return rule->target.lookup->set_name;
	return NULL;
}

/* Both rulesets have both rules: the same text, but not the same meaning, or not the same order. */
static void tell_known(const struct cause_question *q, const struct way *found, size_t f,
	const struct way *wanted, size_t w, struct verify_difference *d)
{
	const struct step *is = f < found->n ? found->steps[f] : NULL;
	const struct step *should = w < wanted->n ? wanted->steps[w] : NULL;
	const struct chain *chain;
	const struct rule *of_wanted =
				  is && is->rule ? find_rule(wanted->chains->rs, is, &chain) : NULL,
			  *of_found;
	bool is_one_chain =
		is && should && is_same_chain(is->table, is->chain, should->table, should->chain);

	/* it matched here, and not there, where it is asked before */
	if (is_one_chain && of_wanted && should->rule && of_wanted < should->rule &&
		set_of(is->rule)) {
		d->cause = CAUSE_SET;
		d->culprit = rule_of_step(q->arena, is);
		d->name = set_of(is->rule);
		return;
	}
	of_found = should && should->rule ? find_rule(found->chains->rs, should, &chain) : NULL;
	if (of_found && set_of(of_found) &&
		(!is || !is->rule || is->chain != chain || of_found < is->rule)) {
		d->cause = CAUSE_SET;
		d->culprit = rule_at(q->arena, should->table, chain, of_found);
		d->missing = rule_of_step(q->arena, should);
		d->name = set_of(of_found);
		return;
	}
	if (f && map_of(found->steps[f - 1]->rule)) {
		d->cause = CAUSE_MAP;
		d->culprit = rule_of_step(q->arena, found->steps[f - 1]);
		d->name = map_of(found->steps[f - 1]->rule);
		return;
	}
	if (found->changer) {
		d->cause = d->kind == VERIFY_LOST ? CAUSE_IN_THE_WAY : CAUSE_TOO_MUCH;
		d->culprit = rule_of_step(q->arena, found->changer);
		return;
	}
	if (is)
		d->culprit = rule_of_step(q->arena, is);
	if (should)
		d->missing = rule_of_step(q->arena, should);
	d->cause = is_one_chain ? CAUSE_ORDER : CAUSE_UNKNOWN;
}

static void compare(const struct cause_question *q, struct way *found, const struct way *wanted,
	struct verify_difference *d)
{
	const struct step *is, *should;
	size_t f, w;

	part(found, wanted, &f, &w);
	is = f < found->n ? found->steps[f] : NULL;
	should = w < wanted->n ? wanted->steps[w] : NULL;
	if (should && !is_known(found->chains->rs, should))
		d->missing = rule_of_step(q->arena, should);
	/* a policy is what is left where a rule is missing */
	if (is && !(d->missing.chain && !is->rule) && !is_known(wanted->chains->rs, is)) {
		d->cause = d->kind == VERIFY_LOST ? CAUSE_IN_THE_WAY : CAUSE_TOO_MUCH;
		d->culprit = rule_of_step(q->arena, last_unwanted(found, f, wanted));
	} else if (d->missing.chain) {
		d->cause = CAUSE_MISSING;
	} else {
		tell_known(q, found, f, wanted, w, d);
	}
}

void verify_find_cause(const struct cause_question *q, struct verify_difference *d)
{
	bool passes = d->kind == VERIFY_EXTRA;
	const struct verify_way *way = &q->port->way;
	struct way found = way_of(q, q->found, way, d, passes), wanted;

	if (found.end->chain)
		d->decided = rule_at(q->arena, found.end->table, found.end->chain, found.end->rule);
	if (d->class != VERIFY_FRAMES && !way->is_called[d->class] &&
		q->port->expected_way.is_called[d->class]) {
		d->cause = CAUSE_NOT_CALLED;
		d->name = way->bridge;
		return;
	}
	if (!q->wanted)
		return;
	wanted = way_of(q, q->wanted, &q->port->expected_way, d, !passes);
	compare(q, &found, &wanted, d);
}
