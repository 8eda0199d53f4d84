// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A ruleset as fffuu takes it, so that its answers and ours can be held against each other.
 *
 * fffuu unfolds the chains to one list, each rule with the conditions of all calls on the way to it. Then it leaves out what its simple
 * firewall does not know: the match alone of a rule that accepts, the whole rule if it drops. That is a match which may hold and
 * need not, at each rule anew. So it does not know that a packet which met "-i eth0" twice met it twice alike, nor that all rules of a called chain
 * were reached by one call, and more passes than does. The evaluator knows both; that is why there is another walk here.
 *
 * Interfaces are taken away by the addresses behind them (fffuu's iface_try_rewrite, SimpleFw_Compliance.thy): where all that rules ask for
 * have some, and no two have the same, the source stands for the interface; else the source is asked for beside it.
 */
#include <string.h>

#include "base/map.h"
#include "prove/audit.h"

#define MAX_DEPTH 32

struct loose {
	struct arena *arena;
	struct sets *sets;
	const struct ruleset *rs;
	const struct table *table;
	struct map *behind; /* name of an interface -> struct packet_set: the sources behind it */
	bool is_rewritten;
	struct packet packet;
	struct packet_set accepted;
	struct err *err;
};

/* Between none and all: those that must match, and those that may. */
struct bounds {
	struct packet_set must, may;
};

/* ---- matches ---- */

static struct bounds bounds_of_iface(const struct loose *loose, const struct match *match)
{
	const struct packet_set *behind = map_find(loose->behind, match->name);
	struct packet_set others;

	if (!behind)
		return (struct bounds){ SET_EMPTY, SET_FULL };
	others = set_not(loose->sets, *behind);
	if (match->inverted)
		return (struct bounds){ others, loose->is_rewritten ? others : SET_FULL };
	return (struct bounds){ loose->is_rewritten ? *behind : SET_EMPTY, *behind };
}

static bool is_known(const struct match *match)
{
	switch (match->kind) {
	case MATCH_SRC:
	case MATCH_DST:
	case MATCH_SPORT:
	case MATCH_DPORT:
	case MATCH_CT_STATE:
	case MATCH_TCP_FLAGS:
	case MATCH_IPRANGE_SRC:
	case MATCH_IPRANGE_DST:
	case MATCH_COMMENT:
		return true;
	case MATCH_PROTO:
		return !match->inverted;
	default:
		return false;
	}
}

static struct bounds bounds_of_rule(
	const struct loose *loose, const struct chain *chain, const struct rule *rule)
{
	const struct eval eval = { .arena = loose->arena,
		.rs = loose->rs,
		.hook = ruleset_chain_hook(chain),
		.sets = loose->sets,
		.set = SET_FULL };
	struct rule known = *rule;
	struct bounds all = { SET_FULL, SET_FULL };
	struct packet_set exact;

	known.matches = arena_new_array(loose->arena, struct match, rule->n_matches + 1);
	known.n_matches = 0;
	for (size_t i = 0; i < rule->n_matches; i++) {
		const struct match *match = &rule->matches[i];
		struct bounds one = { SET_EMPTY, SET_FULL };

		if (is_known(match)) {
			known.matches[known.n_matches++] = *match;
			continue;
		}
		if (match->kind == MATCH_IN_IFACE)
			one = bounds_of_iface(loose, match);
		all.must = set_and(loose->sets, all.must, one.must);
		all.may = set_and(loose->sets, all.may, one.may);
	}
	exact = ruleset_rule_matches(&eval, loose->table, chain, &known, &loose->packet);
	all.must = set_and(loose->sets, all.must, exact);
	all.may = set_and(loose->sets, all.may, exact);
	return all;
}

/* ---- chains ---- */

/* In a chain: what may have come to the next rule, and what all calls on the way here must have sent, if it did. */
struct at {
	struct packet_set reach, sure;
};

static bool walk_chain(struct loose *loose, const struct chain *chain, struct at at, unsigned depth,
	struct packet_set *ret_back);

static bool walk_call(struct loose *loose, const struct rule *rule, struct bounds match,
	struct at *at, unsigned depth, struct packet_set *back)
{
	struct sets *sets = loose->sets;
	const struct chain *called = table_chain(loose->table, rule->target.chain);
	const struct at inside = { set_and(sets, at->reach, match.may),
		set_and(sets, at->sure, match.must) };
	struct packet_set returned;

	if (!called || depth == MAX_DEPTH)
		return err_input(loose->err, "%s cannot be followed", rule->target.chain);
	if (!walk_chain(loose, called, inside, depth + 1, &returned))
		return false;
	at->reach = set_minus(sets, at->reach, match.must);
	if (rule->target.kind == TARGET_JUMP) {
		at->reach = set_or(sets, at->reach, returned);
		return true;
	}
	*back = set_or(sets, *back, returned);
	at->sure = set_minus(sets, at->sure, match.may);
	return true;
}

static bool walk_rule(struct loose *loose, const struct chain *chain, const struct rule *rule,
	struct at *at, unsigned depth, struct packet_set *back)
{
	struct sets *sets = loose->sets;
	struct bounds match = bounds_of_rule(loose, chain, rule);
	struct packet_set come = set_and(sets, at->reach, match.may);
	struct text words CLEANUP(text_done) = TEXT_INIT;

	switch (rule->target.kind) {
	case TARGET_NONE:
	case TARGET_CONTINUE:
		return true;
	case TARGET_ACCEPT:
		loose->accepted = set_or(sets, loose->accepted, come);
		break;
	case TARGET_DROP:
	case TARGET_REJECT:
		break;
	case TARGET_RETURN:
		*back = set_or(sets, *back, come);
		at->reach = set_minus(sets, at->reach, match.must);
		at->sure = set_minus(sets, at->sure, match.may);
		return true;
	case TARGET_JUMP:
	case TARGET_GOTO:
		return walk_call(loose, rule, match, at, depth, back);
	default:
		table_print_rule(&words, loose->table, rule);
		return err_input(loose->err, "not a target that fffuu knows: %s", words.data);
	}
	at->reach = set_minus(sets, at->reach, set_and(sets, match.must, at->sure));
	return true;
}

static bool walk_chain(struct loose *loose, const struct chain *chain, struct at at, unsigned depth,
	struct packet_set *ret_back)
{
	*ret_back = SET_EMPTY;
	for (size_t r = 0; r < chain->n_rules && !set_is_empty(at.reach); r++)
		if (!walk_rule(loose, chain, &chain->rules[r], &at, depth, ret_back))
			return false;
	*ret_back = set_or(loose->sets, *ret_back, at.reach);
	return sets_ok(loose->sets, loose->err);
}

/* ---- the question ---- */

/* Are those of all interfaces different ones? */
static bool add_assignments(
	struct loose *loose, const struct assignment *assignments, size_t n_assignments)
{
	struct sets *sets = loose->sets;
	struct packet_set all = SET_EMPTY;
	bool are_disjoint = true;

	for (size_t i = 0; i < n_assignments; i++) {
		const struct assignment *assignment = &assignments[i];
		struct packet_set *one = arena_new_one(loose->arena, struct packet_set);

		*one = SET_EMPTY;
		for (size_t k = 0; k < assignment->n_prefixes; k++)
			*one = set_or(sets, *one,
				set_of_prefix(sets, FIELD_SRC, &assignment->prefixes[k]));
		are_disjoint &= set_is_empty(set_and(sets, all, *one));
		all = set_or(sets, all, *one);
		map_add(loose->behind, assignment->iface, one);
	}
	return are_disjoint;
}

static bool are_all_assigned(const struct loose *loose)
{
	const char *const *names;
	size_t n;

	ruleset_iface_names(loose->arena, loose->rs, &names, &n);
	for (size_t i = 0; i < n; i++)
		if (!map_find(loose->behind, names[i]))
			return false;
	return true;
}

/* TABLE/CHAIN */
static const struct chain *find_chain(struct loose *loose, const char *place)
{
	const char *slash = strchr(place, '/');

	if (!slash)
		return NULL;
	loose->table = ruleset_table(loose->rs, FAMILY_IPV4,
		arena_strndup(loose->arena, place, (size_t)(slash - place)));
	return loose->table && loose->table->source != SOURCE_NFT
		       ? table_chain(loose->table, slash + 1)
		       : NULL;
}

bool audit_pass_loosely(struct sets *sets, const struct ruleset *rs, const char *place,
	const struct assignment *assignments, size_t n_assignments, struct packet_set *ret,
	struct err *err)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct loose loose = { .arena = arena,
		.sets = sets,
		.rs = rs,
		.behind = map_new(arena),
		.accepted = SET_EMPTY,
		.packet = { .src.family = FAMILY_IPV4, .dst.family = FAMILY_IPV4 },
		.err = err };
	const struct chain *chain = find_chain(&loose, place);
	struct at at = { set_of_family(sets, FAMILY_IPV4), SET_FULL };
	struct packet_set back;

	if (!chain || !chain->is_base)
		return err_input(err, "there is no base chain %s of iptables", place);
	for (enum field field = FIELD_IN_IFACE; field <= FIELD_PHYSDEV_OUT; field++)
		loose.packet.unknown |= FIELD_BIT(field);
	loose.is_rewritten =
		add_assignments(&loose, assignments, n_assignments) && are_all_assigned(&loose);
	if (!walk_chain(&loose, chain, at, 0, &back))
		return false;
	if (!chain->policy || strcmp(chain->policy, "DROP") != 0)
		loose.accepted = set_or(sets, loose.accepted, back);
	*ret = loose.accepted;
	return sets_ok(sets, err);
}
