// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Rules that no packet can match, and who takes what would match them.
 *
 * A rule is dead when what it matched is empty, at every hook that it was asked at. Who shadows it: of the packets that would come to it if
 * nobody before it took any (what its matches ask for, and what those that call its chain ask for), each was lost at some rule. In a
 * chain fewer and fewer of them come from rule to rule, so that the rules where some get lost are found by halving. Where such a
 * rule calls a chain, they are lost in there. Those that do not even come to the chain were lost in those that call it, or in a
 * base chain before them.
 *
 * Packets that rules change on the way are other ones behind it: then it may be that nobody is found, never that a live rule is called dead.
 */
#include <stdlib.h>
#include <string.h>

#include "prove/audit_internal.h"

#define MAX_BLAMED    20 /* rules that are named */
#define MAX_LOOKED_AT 300
#define MAX_DEPTH     32

struct blaming {
	struct audit *audit;
	struct arena *arena;
	struct audit_dead *dead;
	struct packet_set wanted; /* what would match it */
	/* Whatever comes to the rule came through all of these, up to where it was called. */
	const struct seen_chain *path[MAX_DEPTH];
	size_t n_path;
	bool is_path_over;
	bool is_changed; /* rules change fields that it asks for: what others would take of it cannot be said */
	size_t n_blamed;
	bool is_done;
};

static const char *const reason_names[] = {
	[DEAD_SHADOWED] = "shadowed",
	[DEAD_CONTRADICTION] = "contradiction",
	[DEAD_EMPTY_SET] = "empty-set",
	[DEAD_NOT_CALLED_SO] = "not-called-so",
	[DEAD_NOT_AT_HOOK] = "not-at-hook",
};

const char *dead_reason_name(enum dead_reason reason)
{
	return reason_names[reason];
}

/* ---- who calls whom ---- */

static void add_caller(struct audit *audit, struct seen_chain *from, size_t at, const char *name)
{
	const struct chain *chain = table_chain(from->table, name);
	struct seen_chain *to = chain ? seen_chain(audit, from->table, chain) : NULL;

	if (!to || (to->callers.n && to->callers.items[to->callers.n - 1].chain == from &&
			   to->callers.items[to->callers.n - 1].at == at))
		return;
	*vec_push(&to->callers, audit->arena) = (struct caller){ from, at };
}

static bool is_call(const struct target *target)
{
	return target->kind == TARGET_JUMP || target->kind == TARGET_GOTO;
}

/* A map is taken as a whole: what each element asks for is more than has to be known here. */
static void add_callers_of(struct audit *audit, struct seen_chain *from, size_t at)
{
	const struct target *target = &from->chain->rules[at].target;
	const struct set *map = NULL;

	if (is_call(target))
		add_caller(audit, from, at, target->chain);
	if (target->kind == TARGET_NFT_VMAP)
		map = target->lookup->set ? target->lookup->set
					  : table_set(from->table, target->lookup->set_name);
	else if (target->kind == TARGET_VMAP)
		map = table_set(from->table, target->vmap.map);
	for (size_t i = 0; map && i < map->n_nft_elements; i++)
		if (is_call(&map->nft_elements[i].target))
			add_caller(audit, from, at, map->nft_elements[i].target.chain);
	for (size_t i = 0; map && i < map->n_elements; i++)
		if (is_call(&map->elements[i].target))
			add_caller(audit, from, at, map->elements[i].target.chain);
}

static void find_callers(struct audit *audit)
{
	for (size_t c = 0; c < audit->n_chains; c++)
		audit->chains[c].callers.n = 0;
	for (size_t c = 0; c < audit->n_chains; c++)
		for (size_t r = 0; r < audit->chains[c].chain->n_rules; r++)
			add_callers_of(audit, &audit->chains[c], r);
}

/* ---- what would come to a rule ---- */

static struct packet_set self_of(struct audit *audit, struct seen_chain *seen, size_t at)
{
	struct seen_rule *rule = &seen->rules[at];
	const struct eval eval = { .arena = audit->arena,
		.rs = audit->rs,
		.hook = ruleset_chain_hook(seen->chain),
		.sets = audit->sets,
		.set = audit->all };

	if (!rule->has_self) {
		rule->self = ruleset_rule_matches(
			&eval, seen->table, seen->chain, &seen->chain->rules[at], &audit->packet);
		rule->has_self = true;
	}
	return rule->self;
}

/* What comes to a base chain at one of the places. */
static struct packet_set asked_at(
	const struct audit *audit, const struct audit_place *place, const struct chain *chain)
{
	for (size_t i = 0; i < place->n_chains; i++)
		if (place->chains[i].chain == chain && place->chains[i].type == CHAIN_NAT)
			return set_minus(
				audit->sets, place->asked, ruleset_passes_by_nat(audit->sets));
	return place->asked;
}

static struct packet_set potential_of(struct audit *audit, struct seen_chain *seen, unsigned depth)
{
	struct packet_set all = SET_EMPTY;

	if (seen->has_potential || seen->is_in_work || depth == MAX_DEPTH)
		return seen->potential;
	seen->is_in_work = true;
	for (size_t p = 0; seen->is_base && p < audit->n_places; p++)
		if (seen->places & 1u << p)
			all = set_or(
				audit->sets, all, asked_at(audit, &audit->places[p], seen->chain));
	vec_for_each (caller, &seen->callers) {
		struct packet_set there = potential_of(audit, caller->chain, depth + 1);

		if (!set_is_empty(there))
			there = set_and(
				audit->sets, there, self_of(audit, caller->chain, caller->at));
		all = set_or(audit->sets, all, there);
	}
	seen->potential = all;
	seen->has_potential = true;
	seen->is_in_work = false;
	return all;
}

/* ---- who took it ---- */

/* Does it take all packets that come to it and match? */
static bool takes_all(const struct audit_rule *rule)
{
	switch (rule->rule ? rule->rule->target.kind : TARGET_NONE) {
	case TARGET_ACCEPT:
	case TARGET_DROP:
	case TARGET_REJECT:
	case TARGET_RETURN:
	case TARGET_NAT:
	case TARGET_TAKEN:
	case TARGET_NFT_REJECT:
	case TARGET_NFT_QUEUE:
	case TARGET_NFT_NAT:
	case TARGET_NFT_TAKEN:
		return true;
	default:
		return false;
	}
}

static bool is_on_path(const struct blaming *b, const struct seen_chain *seen)
{
	for (size_t i = 0; i < b->n_path; i++)
		if (b->path[i] == seen)
			return true;
	return false;
}

/*
 * Of those that are wanted, what it would take if nobody before it did. Nothing is known of a rule that calls others, and of one
 * in a chain that was called: packets may have come back from there before it.
 */
static struct packet_set would_take(struct blaming *b, const struct audit_rule *rule)
{
	struct seen_chain *seen = seen_chain(b->audit, rule->table, rule->chain);
	struct packet_set here = b->wanted;

	if (!takes_all(rule) || b->is_changed || !is_on_path(b, seen))
		return SET_EMPTY;
	return set_and(b->audit->sets, here, self_of(b->audit, seen, rule->number - 1));
}

static void blame(struct blaming *b, const struct seen_chain *seen, size_t at, bool is_policy)
{
	const struct audit_rule one = { seen->table, seen->chain,
		is_policy ? NULL : &seen->chain->rules[at], is_policy ? 0 : at + 1 };

	if (b->is_done || ++b->n_blamed > MAX_LOOKED_AT)
		return;
	vec_for_each (other, &b->dead->by)
		if (other->chain == one.chain && other->rule == one.rule)
			return;
	/* it alone is enough: that the others were met before is chance */
	if (!set_is_empty(b->wanted) && set_equal(would_take(b, &one), b->wanted)) {
		b->dead->by.n = 0;
		b->dead->has_more = false;
		b->is_done = true;
	}
	if (b->dead->by.n == MAX_BLAMED)
		b->dead->has_more = true;
	else
		*vec_push(&b->dead->by, b->arena) = one;
}

/* The first rule of the chain that would take all of them alone: most rules are dead by one, and that is cheap to find. */
static bool blame_one(struct blaming *b, struct seen_chain *seen, size_t end)
{
	for (size_t at = 0; at < end && !b->is_done; at++) {
		const struct audit_rule one = { seen->table, seen->chain, &seen->chain->rules[at],
			at + 1 };

		if (takes_all(&one) &&
			set_is_subset(b->audit->sets, b->wanted, self_of(b->audit, seen, at)))
			blame(b, seen, at, false);
	}
	return b->is_done;
}

/* Leaves out those whose packets the others would take, too, the first ones first: what stays is enough together. */
static void leave_out(struct blaming *b)
{
	struct audit_dead *dead = b->dead;
	struct sets *sets = b->audit->sets;
	size_t kept = 0;

	if (dead->has_more || dead->by.n < 2)
		return;
	for (size_t i = 0; i < dead->by.n; i++) {
		struct packet_set mine = would_take(b, &dead->by.items[i]), rest = mine;

		for (size_t k = 0; k < dead->by.n && !set_is_empty(rest); k++)
			if (k < kept || k > i)
				rest = set_minus(sets, rest, would_take(b, &dead->by.items[k]));
		if (set_is_empty(mine) || !set_is_empty(rest))
			dead->by.items[kept++] = dead->by.items[i];
	}
	dead->by.n = kept;
}

static struct packet_set blame_losses(struct blaming *b, struct seen_chain *seen, size_t end,
	struct packet_set left, unsigned depth);

/* They were lost at this rule: itself, or in the chain that it calls. */
static void blame_rule(struct blaming *b, struct seen_chain *seen, size_t at,
	struct packet_set lost, unsigned depth)
{
	const struct target *target = &seen->chain->rules[at].target;
	const struct chain *called =
		is_call(target) ? table_chain(seen->table, target->chain) : NULL;
	size_t n_before = b->n_blamed;

	if (called && depth < MAX_DEPTH)
		blame_losses(b, seen_chain(b->audit, seen->table, called), called->n_rules, lost,
			depth + 1);
	if (b->n_blamed == n_before)
		blame(b, seen, at, false);
}

/* Where do these get lost in front of place end? Returns those that do not. */
static struct packet_set blame_losses(struct blaming *b, struct seen_chain *seen, size_t end,
	struct packet_set left, unsigned depth)
{
	struct sets *sets = b->audit->sets;
	size_t at = 0;

	while (!set_is_empty(left) && !b->is_done && b->n_blamed <= MAX_LOOKED_AT && at < end) {
		struct packet_set lost = left;
		size_t low = at, high = end; /* all come to low; high: not known, or not all */

		while (high - low > 1) {
			size_t middle = low + (high - low) / 2;

			if (set_is_subset(sets, left, seen->rules[middle].reach))
				low = middle;
			else
				high = middle;
		}
		at = low + 1;
		/* behind the last rule everything that it did not match comes back */
		lost = at < seen->chain->n_rules ? set_minus(sets, left, seen->rules[at].reach)
						 : set_and(sets, left, seen->matched_last);
		if (!set_is_empty(lost))
			blame_rule(b, seen, low, lost, depth);
		left = set_minus(sets, left, lost);
	}
	return left;
}

static void blame_base(struct blaming *b, struct seen_chain *seen, struct packet_set left)
{
	struct audit *audit = b->audit;

	for (size_t p = 0; p < audit->n_places; p++) {
		const struct audit_place *place = &audit->places[p];

		if (!(seen->places & 1u << p))
			continue;
		for (size_t i = 0; i < place->n_chains && place->chains[i].chain != seen->chain;
			i++) {
			struct seen_chain *here =
				seen_chain(audit, place->chains[i].table, place->chains[i].chain);
			const struct seen_chain *next = seen_chain(
				audit, place->chains[i + 1].table, place->chains[i + 1].chain);
			struct packet_set lost = left;

			if (next->chain->n_rules)
				lost = set_minus(audit->sets, left, next->rules[0].reach);
			left = set_minus(audit->sets, left, lost);
			if (here->chain->n_rules)
				lost = blame_losses(b, here, here->chain->n_rules, lost, 1);
			if (!set_is_empty(lost) && here->chain->policy &&
				strcmp(here->chain->policy, "DROP") == 0)
				blame(b, here, 0, true);
		}
	}
}

/* Who keeps these from coming to a place in a chain? */
static void blame_before(struct blaming *b, struct seen_chain *seen, size_t at,
	struct packet_set wanted, unsigned depth)
{
	struct sets *sets = b->audit->sets;
	struct packet_set here = set_and(sets, wanted, seen->rules[0].reach);
	struct packet_set not_here = set_minus(sets, wanted, here);

	if (depth == MAX_DEPTH || b->is_done)
		return;
	if (!b->is_path_over)
		b->path[b->n_path++] = seen;
	b->is_path_over |= seen->is_base || seen->callers.n != 1;
	if (!set_is_empty(not_here)) {
		if (seen->is_base)
			blame_base(b, seen, not_here);
		vec_for_each (caller, &seen->callers) {
			struct packet_set there = set_and(
				sets, not_here, self_of(b->audit, caller->chain, caller->at));

			there = set_and(
				sets, there, potential_of(b->audit, caller->chain, depth + 1));
			if (!set_is_empty(there))
				blame_before(b, caller->chain, caller->at, there, depth + 1);
		}
	}
	blame_losses(b, seen, at, here, depth);
}

/* ---- each rule ---- */

static const char *empty_set_of(
	const struct audit *audit, const struct table *table, const struct rule *rule)
{
	for (size_t i = 0; i < rule->n_matches; i++) {
		const struct match *match = &rule->matches[i];
		const struct set *set;

		if (match->kind == MATCH_SET && !match->inverted) {
			set = ruleset_set(audit->rs, match->set.name);
			if (set && !set->opaque && !set->n_members && !set->n_elements)
				return set->name;
		} else if (match->kind == MATCH_NFT_FIELD && match->nft->set_name) {
			set = table_set(table, match->nft->set_name);
			if (set && !set->n_nft_elements && match->nft->op != NFT_NE)
				return set->name;
		}
	}
	return NULL;
}

static bool ends_open(struct audit *audit, const struct seen_chain *seen, struct packet_set wanted)
{
	wanted = set_forget(audit->sets, wanted, audit->changed);
	for (size_t p = 0; p < audit->n_places; p++) {
		struct packet_set open =
			set_forget(audit->sets, audit->seen_places[p].open, audit->changed);

		if (seen->places & 1u << p && !set_is_empty(set_and(audit->sets, wanted, open)))
			return true;
	}
	return false;
}

static void name_callers(struct blaming *b, const struct seen_chain *seen)
{
	vec_for_each (caller, &seen->callers)
		if (caller->chain->rules[caller->at].has_matched)
			blame(b, caller->chain, caller->at, false);
}

/* False: only when they are followed it can be said who took them. */
static bool explain_at_once(struct blaming *b, struct seen_chain *seen, size_t at)
{
	struct audit *audit = b->audit;
	struct packet_set self = self_of(audit, seen, at);

	if (set_is_empty(self)) {
		b->dead->set_name = empty_set_of(audit, seen->table, b->dead->rule.rule);
		b->dead->reason = b->dead->set_name ? DEAD_EMPTY_SET : DEAD_CONTRADICTION;
		return true;
	}
	b->wanted = set_and(audit->sets, self, potential_of(audit, seen, 0));
	if (set_is_empty(b->wanted)) {
		b->dead->reason = seen->is_base ? DEAD_NOT_AT_HOOK : DEAD_NOT_CALLED_SO;
		if (!seen->is_base)
			name_callers(b, seen);
		return true;
	}
	b->dead->reason = DEAD_SHADOWED;
	b->dead->is_unsure = ends_open(audit, seen, b->wanted);
	b->is_changed = !set_equal(set_forget(audit->sets, b->wanted, audit->changed), b->wanted);
	b->path[0] = seen;
	b->n_path = 1;
	return !b->is_changed && blame_one(b, seen, at);
}

/* Dead rules whose packets have to be followed. */
struct lost {
	struct seen_chain *seen;
	size_t at, dead;
	struct packet_set wanted;
	bool is_changed;
};
struct losts {
	VEC(struct lost);
};

static struct packet_set wanted_of(void *data, size_t i)
{
	return ((const struct losts *)data)->items[i].wanted;
}

static void keep_losts(void *data, struct sets *sets)
{
	vec_for_each (lost, (const struct losts *)data)
		sets_keep(sets, lost->wanted);
}

/* dead: those that lost are places in. */
static void follow_losts(
	struct audit *audit, struct arena *arena, struct losts *losts, struct audit_dead *dead)
{
	if (!losts->n)
		return;
	audit_follow(audit, set_or_all(audit->sets, losts->n, wanted_of, losts));
	vec_for_each (lost, losts) {
		struct blaming b = { .audit = audit,
			.arena = arena,
			.dead = &dead[lost->dead],
			.wanted = lost->wanted,
			.is_changed = lost->is_changed };

		blame_before(&b, lost->seen, lost->at, lost->wanted, 0);
		leave_out(&b);
		audit_collect(audit);
	}
}

static bool is_reached(const struct seen_chain *seen)
{
	return seen->places && seen->chain->n_rules && (seen->is_base || seen->is_entered);
}

/* Is it one of those that were asked at all: not of bridges, not a second print of the same one? */
static bool is_audited(const struct audit *audit, const struct table *table)
{
	for (size_t c = 0; c < table->n_chains; c++)
		if (seen_chain(audit, table, &table->chains[c])->is_base)
			return true;
	return false;
}

/* A rule of a table of inet is for both families. */
static const struct seen_chain *twin_of(const struct audit *audit, const struct seen_chain *seen)
{
	return audit->twin && seen->table->family == FAMILY_INET
		       ? seen_chain(audit->twin, seen->table, seen->chain)
		       : NULL;
}

static bool lives_in_twin(const struct audit *audit, const struct seen_chain *seen, size_t at)
{
	const struct seen_chain *twin = twin_of(audit, seen);

	return twin && twin->rules[at].has_matched;
}

static bool is_reached_by_twin(const struct audit *audit, const struct seen_chain *seen)
{
	const struct seen_chain *twin = twin_of(audit, seen);

	return twin && is_reached(twin);
}

struct finding {
	struct audit *audit;
	struct arena *arena;
	struct losts losts;
	VEC(struct audit_dead) found;
	VEC(struct audit_unreached) unreached;
	size_t n_rules;
};

static void look_at_rules(struct finding *f, struct seen_chain *seen)
{
	for (size_t r = 0; r < seen->chain->n_rules; r++) {
		struct audit_dead *dead;
		struct blaming b = { .audit = f->audit, .arena = f->arena };

		f->n_rules++;
		if (seen->rules[r].has_matched || lives_in_twin(f->audit, seen, r))
			continue;
		b.dead = dead = vec_push(&f->found, f->arena);
		dead->rule = (struct audit_rule){ seen->table, seen->chain, &seen->chain->rules[r],
			r + 1 };
		if (!explain_at_once(&b, seen, r))
			*vec_push(&f->losts, f->arena) =
				(struct lost){ seen, r, f->found.n - 1, b.wanted, b.is_changed };
		audit_collect(f->audit);
	}
}

static void look_at_chain(struct finding *f, struct seen_chain *seen)
{
	if (is_reached(seen))
		look_at_rules(f, seen);
	else if (f->audit->is_everywhere && seen->chain->n_rules &&
		 !is_reached_by_twin(f->audit, seen) && !seen->chain->is_base &&
		 is_audited(f->audit, seen->table))
		*vec_push(&f->unreached, f->arena) =
			(struct audit_unreached){ seen->table, seen->chain, seen->callers.n > 0 };
}

bool audit_find_dead(
	struct audit *audit, struct arena *arena, struct audit_deads *ret, struct err *err)
{
	struct finding f = { .audit = audit, .arena = arena };
	struct set_keeper keeper = { .keep = keep_losts, .data = &f.losts };

	find_callers(audit);
	sets_push_keeper(audit->sets, &keeper);
	for (size_t c = 0; c < audit->n_chains; c++)
		look_at_chain(&f, &audit->chains[c]);
	follow_losts(audit, arena, &f.losts, f.found.items);
	sets_pop_keeper(audit->sets);
	if (!sets_ok(audit->sets, err))
		return false;
	*ret = (struct audit_deads){ .dead = f.found.items,
		.n_dead = f.found.n,
		.unreached = f.unreached.items,
		.n_unreached = f.unreached.n,
		.n_rules = f.n_rules };
	return true;
}
