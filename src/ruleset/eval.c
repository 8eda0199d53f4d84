// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a chain does to packets.
 *
 * A chain is walked once with all that is alive in it. Live packets are few: one, as long as
 * everything that is asked is known. A rule of which one match cannot be told makes two of one,
 * unless its target only counts or acts beside the packet; what comes back from the chains that one half
 * was sent to, and what stayed, is one again where the packets are equal. So the cost stays that
 * of the rules that are reached, however many of them cannot be told. A rule whose matches say "no"
 * anywhere is passed, however little is known of its other matches.
 *
 * The steps of the half that stayed are kept when two become one: those of the other would claim
 * that rules were passed that perhaps were not.
 *
 * A set of packets is one that is alive, and what comes back to it is joined with it: each rule is asked
 * once for each time its chain is called, with all packets that reach it. What is known of a single packet
 * is in the set, so that packets never differ but in conntrack's zone, which is no field.
 *
 * A chain of a set that is called again is not walked again: what comes back from it is known once for all packets, as long as
 * nothing in it changes them, and what enters is collected until all calls are made, and then sent through it at once. With
 * one security group chain for every port of a host that is the difference between n and n * n.
 *
 * Chains can call each other in circles only in a text, never in a kernel; depth, live packets and
 * the number of rules asked are bounded all the same, and end in "cannot tell".
 */
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/vec.h"
#include "ruleset/eval_internal.h"

#define MAX_DEPTH 64 /* nf_tables allows 16 */
#define MAX_LIVE  32
#define MAX_ASKED ((size_t)16 * 1000 * 1000) /* rules */

struct live {
	struct live_packet {
		const struct packet *packet;
		struct packet_set set;
		const struct step *last;
	} items[MAX_LIVE];
	size_t n;
};

/* Of a set: a chain that is called again. */
struct called {
	const struct chain *chain;
	bool is_called;					       /* it was */
	enum { PURITY_UNKNOWN, PURE, CHANGES_PACKETS } purity; /* with all that it calls */
	bool has_returns;				       /* returns is known */
	struct packet_set returns;  /* of all packets, those that come back */
	struct packet_set entering; /* that have yet to be sent through it */
};

/* What is alive in the chains that called the one that is walked, for sets_collect. */
struct alive {
	const struct live *live;
	const struct alive *outer;
};

struct walk {
	struct asking asking; /* packet: the one that is asked about just now */
	const struct alive *alive;
	const struct chain *base;
	struct outcomes *ret;
	size_t n_asked;
	bool is_quiet; /* only what comes back is wanted */
	VEC(struct called *) called;
	struct map *by_name; /* of called */
};

/* Those fields that rules can change; all packets here stem from one. */
static bool is_same_packet(const struct packet *a, const struct packet *b)
{
	return a == b ||
	       (a->mark == b->mark && a->ct_mark == b->ct_mark && a->ct_zone == b->ct_zone &&
		       a->ct_state == b->ct_state && a->ct_status == b->ct_status &&
		       a->ttl == b->ttl && a->tos == b->tos && a->pkt_type == b->pkt_type &&
		       a->vlan_id == b->vlan_id && a->unknown == b->unknown &&
		       a->sport == b->sport && a->dport == b->dport &&
		       a->icmp_type == b->icmp_type && a->tcp_flags == b->tcp_flags &&
		       addr_compare(&a->src, &b->src) == 0 && addr_compare(&a->dst, &b->dst) == 0 &&
		       mac_equal(a->eth_src, b->eth_src) && mac_equal(a->eth_dst, b->eth_dst));
}

static bool is_same_nat(const struct nat *a, const struct nat *b)
{
	return a->kind == b->kind && a->has_addr == b->has_addr && a->has_ports == b->has_ports &&
	       a->is_random == b->is_random && a->port_min == b->port_min &&
	       a->port_max == b->port_max &&
	       (!a->has_addr || (addr_compare(&a->addr_min, &b->addr_min) == 0 &&
					addr_compare(&a->addr_max, &b->addr_max) == 0));
}

static bool outcome_equal(const struct eval *eval, const struct outcome *a, const struct outcome *b)
{
	if (a->verdict != b->verdict || !is_same_packet(&a->packet, &b->packet))
		return false;
	if (eval->is_blind_to_rules && a->verdict <= VERDICT_REJECT)
		return a->nat.kind == b->nat.kind;
	return a->rule == b->rule && a->chain == b->chain && is_same_nat(&a->nat, &b->nat);
}

/* The last ones first: a chain that is called again and again ends at the same few rules. */
void outcomes_add(const struct eval *eval, struct outcomes *outcomes, const struct outcome *outcome)
{
	for (size_t i = outcomes->n; i--;) {
		struct outcome *other = &outcomes->items[i];

		if (!outcome_equal(eval, other, outcome))
			continue;
		if (eval->sets)
			other->set = set_or(eval->sets, other->set, outcome->set);
		return;
	}
	/* nearly always there is one, and it is large */
	if (!outcomes->cap) {
		outcomes->items = arena_new_one(eval->arena, struct outcome);
		outcomes->cap = 1;
	}
	*vec_push(outcomes, eval->arena) = *outcome;
}

struct among_outcomes {
	const struct outcomes *outcomes;
	unsigned verdicts;
};

static struct packet_set set_of_outcome(void *data, size_t i)
{
	const struct among_outcomes *among = data;
	const struct outcome *outcome = &among->outcomes->items[i];

	return among->verdicts & VERDICT_BIT(outcome->verdict) ? outcome->set : SET_EMPTY;
}

struct packet_set outcomes_set(
	struct sets *sets, const struct outcomes *outcomes, unsigned verdicts)
{
	struct among_outcomes among = { outcomes, verdicts };

	return set_or_all(sets, outcomes->n, set_of_outcome, &among);
}

static const struct step *step_new(struct arena *arena, const struct step *step)
{
	struct step *copy = arena_new_one(arena, struct step);

	*copy = *step;
	return copy;
}

static void end_here(struct walk *walk, const struct live_packet *live, const struct chain *chain,
	const struct rule *rule, const struct effect *effect)
{
	struct outcome outcome = { .verdict = effect->verdict,
		.packet = *live->packet,
		.set = live->set,
		.nat = effect->nat,
		.last = live->last,
		.rule = rule,
		.table = walk->asking.table,
		.chain = chain,
		.why = effect->why };

	if (!walk->is_quiet)
		outcomes_add(walk->asking.eval, walk->ret, &outcome);
}

static void cannot_tell(struct walk *walk, const struct live_packet *live,
	const struct chain *chain, const struct rule *rule, const char *why)
{
	end_here(walk, live, chain, rule,
		&(struct effect){ .verdict = VERDICT_CANNOT_TELL, .why = why });
}

/* Adds what is not there yet. */
static void live_add(struct walk *walk, struct live *live, const struct live_packet *one,
	const struct chain *chain, const struct rule *rule)
{
	struct sets *sets = walk->asking.eval->sets;

	if (sets && set_is_empty(one->set))
		return;
	for (size_t i = 0; i < live->n; i++) {
		if (!is_same_packet(live->items[i].packet, one->packet))
			continue;
		if (sets)
			live->items[i].set = set_or(sets, live->items[i].set, one->set);
		return;
	}
	if (live->n == MAX_LIVE) {
		cannot_tell(walk, one, chain, rule,
			"too many different packets come out of rules that cannot be told");
		return;
	}
	live->items[live->n++] = *one;
}

static void run_chain(
	struct walk *walk, const struct chain *chain, unsigned depth, struct live *live);

static void call_chain(
	struct walk *walk, const struct chain *chain, unsigned depth, struct live *live);

/* The packet behind a rule that changes it. */
static const struct packet *keep_changed(struct walk *walk, const struct changing *changed)
{
	struct packet *after = arena_new_one(walk->asking.eval->arena, struct packet);

	*after = changed->packet;
	return after;
}

static void ask_about(struct walk *walk, const struct live_packet *one)
{
	walk->asking.packet = one->packet;
	walk->asking.set = one->set;
}

/* One packet that a rule matched, and how. */
struct matched {
	const struct chain *chain;
	const struct rule *rule;
	unsigned depth;
	struct live *stays, *returned;
};

/* ---- nodes that are not needed any more ---- */

static void keep_alive(struct walk *walk, struct alive *alive, const struct live *live)
{
	*alive = (struct alive){ live, walk->alive };
	walk->alive = alive;
}

static void keep_walk(void *data, struct sets *sets)
{
	const struct walk *walk = data;

	sets_keep(sets, walk->asking.eval->set);
	for (const struct alive *alive = walk->alive; alive; alive = alive->outer)
		for (size_t i = 0; i < alive->live->n; i++)
			sets_keep(sets, alive->live->items[i].set);
	vec_for_each (called, &walk->called) {
		sets_keep(sets, (*called)->returns);
		sets_keep(sets, (*called)->entering);
	}
	vec_for_each (outcome, walk->ret)
		sets_keep(sets, outcome->set);
}

/* Between two rules. */
static void collect_nodes(const struct walk *walk)
{
	const struct eval *eval = walk->asking.eval;

	if (eval->sets && eval->may_collect && sets_should_collect(eval->sets))
		sets_collect(eval->sets, NULL, 0);
}

/* ---- rules ---- */

/* To where a target sends it. */
static void go(struct walk *walk, const struct matched *at, const struct target *target,
	struct live_packet one, struct step *step)
{
	const struct chain *chain = at->chain;
	const struct rule *rule = at->rule;
	struct effect effect;

	ask_about(walk, &one);
	target_effect(&walk->asking, target, &effect);
	if (effect.kind == EFFECT_CHANGE) {
		struct live_packet unchanged = { one.packet, effect.unchanged, NULL };

		if (walk->asking.eval->sets)
			live_add(walk, at->stays, &unchanged, chain, rule);
		one.packet = step->after = keep_changed(walk, &effect.changed);
		one.set = effect.changed.set;
	}
	if (!walk->asking.eval->sets)
		one.last = step_new(walk->asking.eval->arena, step);
	switch (effect.kind) {
	case EFFECT_NONE:
	case EFFECT_CHANGE:
		live_add(walk, at->stays, &one, chain, rule);
		return;
	case EFFECT_RETURN:
		live_add(walk, at->returned, &one, chain, rule);
		return;
	case EFFECT_JUMP:
	case EFFECT_GOTO: {
		struct live called;

		if (!effect.chain) {
			cannot_tell(walk, &one, chain, rule, "there is no chain of that name");
			return;
		}
		if (at->depth + 1 >= MAX_DEPTH) {
			cannot_tell(walk, &one, chain, rule, "chains call each other too deep");
			return;
		}
		called.items[0] = one;
		called.n = 1;
		call_chain(walk, effect.chain, at->depth + 1, &called);
		for (size_t i = 0; i < called.n; i++)
			live_add(walk, effect.kind == EFFECT_JUMP ? at->stays : at->returned,
				&called.items[i], chain, rule);
		return;
	}
	case EFFECT_VERDICT:
		end_here(walk, &one, chain, rule, &effect);
		return;
	}
	abort();
}

/* Of a set: each part to where the map has it, the rest goes on. */
static void go_parts(
	struct walk *walk, const struct matched *at, struct live_packet one, struct step *step)
{
	struct live rest = { .items[0] = one, .n = 1 };
	struct packet_set *left = &rest.items[0].set;
	struct live_packet part = one;
	const struct target *target;
	struct alive alive;

	keep_alive(walk, &alive, &rest);
	for (size_t i = 0;; i++) {
		struct set_parts parts;

		ask_about(walk, &rest.items[0]);
		if (set_is_empty(*left) ||
			!target_part(&walk->asking, &at->rule->target, i, &part.set, &target))
			break;
		parts = set_split(walk->asking.eval->sets, *left, part.set);
		part.set = parts.in;
		*left = parts.out;
		if (!set_is_empty(part.set))
			go(walk, at, target, part, step);
	}
	walk->alive = alive.outer;
	live_add(walk, at->stays, &rest.items[0], at->chain, at->rule);
}

static void follow(struct walk *walk, const struct matched *at, struct live_packet one,
	enum step_kind kind, const struct match *assumed)
{
	const struct rule *rule = at->rule;
	struct step step = { one.last, kind, walk->asking.table, at->chain, rule, assumed, NULL };
	struct changing changed;

	ask_about(walk, &one);
	if ((rule->n_matches || rule->target.kind == TARGET_EBT) &&
		rule_changes(&walk->asking, rule, &changed)) {
		one.packet = step.after = keep_changed(walk, &changed);
		one.set = changed.set;
	}
	if (target_splits(&walk->asking, &rule->target))
		go_parts(walk, at, one, &step);
	else
		go(walk, at, &rule->target, one, &step);
}

/* Of a set: those that match are parted from the others. */
static void run_rule_of_set(struct walk *walk, const struct matched *at, struct live *before)
{
	const struct eval *eval = walk->asking.eval;

	for (size_t i = 0; i < before->n; i++) {
		struct live_packet one = before->items[i];
		struct packet_set reach = one.set;
		const struct match *unknown;

		ask_about(walk, &one);
		one.set = rule_matches(&walk->asking, at->rule, &unknown).set;
		before->items[i].set = walk->asking.rest;
		if (eval->record && !walk->is_quiet)
			eval->record(eval->data, walk->asking.table, at->chain, at->rule, reach,
				one.set);
		if (!set_is_empty(one.set))
			follow(walk, at, one, STEP_MATCH, NULL);
		live_add(walk, at->stays, &before->items[i], at->chain, at->rule);
	}
}

/* A rule that says something else than "no" to the packet at place first, or to a later one. */
static void run_rule(struct walk *walk, const struct chain *chain, const struct rule *rule,
	unsigned depth, struct live *live, struct live *returned)
{
	const struct matched at = { chain, rule, depth, live, returned };
	struct live before = *live;
	struct alive alive;

	live->n = 0;
	if (walk->asking.eval->sets) {
		keep_alive(walk, &alive, &before);
		run_rule_of_set(walk, &at, &before);
		walk->alive = alive.outer;
		return;
	}
	for (size_t i = 0; i < before.n; i++) {
		struct live_packet one = before.items[i];
		const struct match *assumed = NULL;
		struct step step = { one.last, STEP_MAYBE, walk->asking.table, chain, rule, NULL,
			NULL };

		ask_about(walk, &one);
		switch (rule_matches(&walk->asking, rule, &assumed).answer) {
		case NO:
			live_add(walk, live, &one, chain, rule);
			continue;
		case YES:
			follow(walk, &at, one, STEP_MATCH, NULL);
			continue;
		case CANNOT_TELL:
			break;
		}
		step.assumed = assumed;
		if (!rule_is_beside(walk->asking.table, rule)) {
			struct live_packet not = one;

			step.kind = STEP_MAYBE_NOT;
			not .last = step_new(walk->asking.eval->arena, &step);
			live_add(walk, live, &not, chain, rule);
			follow(walk, &at, one, STEP_MAYBE, assumed);
			continue;
		}
		one.last = step_new(walk->asking.eval->arena, &step);
		live_add(walk, live, &one, chain, rule);
	}
}

/* The same of the one packet, where that can be told: nearly always, and so the quick way. */
static bool run_known(struct walk *walk, const struct chain *chain, const struct rule *rule,
	unsigned depth, struct live *live, struct live *returned)
{
	const struct matched at = { chain, rule, depth, live, returned };
	const struct match *unknown;

	switch (rule_matches(&walk->asking, rule, &unknown).answer) {
	case NO:
		return true;
	case YES:
		live->n = 0;
		follow(walk, &at, live->items[0], STEP_MATCH, NULL);
		return true;
	case CANNOT_TELL:
		break;
	}
	return false;
}

/* In: what comes to its first rule. Out: what reached its end or returned. */
static void run_chain(
	struct walk *walk, const struct chain *chain, unsigned depth, struct live *live)
{
	const struct alive *outer = walk->alive;
	struct live returned;
	struct asked asked;
	struct alive alive[2];

	returned.n = 0;
	keep_alive(walk, &alive[0], live);
	keep_alive(walk, &alive[1], &returned);
	walk->asking.chain = chain;
	/* no rule changes interfaces: what holds for one holds for all that are alive in it */
	asked_begin(&asked, chain, live->items[0].packet);
	for (size_t i = 0; live->n; i++) {
		i = asked_next(&asked, i, &walk->asking.decided);
		if (i >= chain->n_rules)
			break;

		if (++walk->n_asked > MAX_ASKED) {
			for (size_t l = 0; l < live->n; l++)
				cannot_tell(walk, &live->items[l], chain, &chain->rules[i],
					"the way through the chains is too long");
			live->n = 0;
			break;
		}
		walk->asking.chain = chain;
		ask_about(walk, &live->items[0]);
		if (live->n == 1 && !walk->asking.eval->sets &&
			run_known(walk, chain, &chain->rules[i], depth, live, &returned))
			continue;
		run_rule(walk, chain, &chain->rules[i], depth, live, &returned);
		collect_nodes(walk);
	}
	for (size_t i = 0; i < returned.n; i++)
		live_add(walk, live, &returned.items[i], chain, NULL);
	walk->alive = outer;
}

/* ---- calls of a set ---- */

static bool is_pure(struct walk *walk, const struct chain *chain, unsigned depth);

static bool is_target_pure(struct walk *walk, const struct target *target, unsigned depth)
{
	const struct chain *chain;

	switch (target->kind) {
	case TARGET_NONE:
	case TARGET_ACCEPT:
	case TARGET_DROP:
	case TARGET_RETURN:
	case TARGET_NFT_CONTINUE:
	case TARGET_NFT_REJECT:
	case TARGET_NFT_QUEUE:
	case TARGET_NFT_NAT:
	case TARGET_NFT_TAKEN:
	case TARGET_CONTINUE:
	case TARGET_TAKEN:
	case TARGET_REJECT:
	case TARGET_NAT:
		return true;
	case TARGET_JUMP:
	case TARGET_GOTO:
		chain = table_chain(walk->asking.table, target->chain);
		return chain && is_pure(walk, chain, depth + 1);
	default:
		return false;
	}
}

static struct called *called_of(struct walk *walk, const struct chain *chain)
{
	struct arena *arena = walk->asking.eval->arena;
	struct called *called;

	if (!walk->by_name)
		walk->by_name = map_new(arena);
	called = map_find(walk->by_name, chain->name);
	if (called)
		return called;
	called = arena_new_one(arena, struct called);
	called->chain = chain;
	map_add(walk->by_name, chain->name, called);
	*vec_push(&walk->called, arena) = called;
	return called;
}

static bool rules_are_pure(struct walk *walk, const struct chain *chain, unsigned depth)
{
	for (size_t r = 0; r < chain->n_rules; r++) {
		const struct rule *rule = &chain->rules[r];

		for (size_t m = 0; m < rule->n_matches; m++)
			if (rule->matches[m].kind == MATCH_NFT_DO)
				return false;
		if (!is_target_pure(walk, &rule->target, depth))
			return false;
	}
	return true;
}

/* Each chain is looked through once, however many ways lead to it; one that calls itself is not pure. */
static bool is_pure(struct walk *walk, const struct chain *chain, unsigned depth)
{
	struct called *called = called_of(walk, chain);

	if (depth >= MAX_DEPTH)
		return false;
	if (called->purity == PURITY_UNKNOWN) {
		called->purity = CHANGES_PACKETS;
		if (rules_are_pure(walk, chain, depth))
			called->purity = PURE;
	}
	return called->purity == PURE;
}

/* Of all packets there are. */
static struct packet_set returns_of(struct walk *walk, struct called *called, unsigned depth)
{
	struct live live = { .n = 1 };
	bool was_quiet = walk->is_quiet;

	if (called->has_returns)
		return called->returns;
	live.items[0] = (struct live_packet){ walk->asking.packet, SET_FULL, NULL };
	walk->is_quiet = true;
	run_chain(walk, called->chain, depth, &live);
	walk->is_quiet = was_quiet;
	called->has_returns = true;
	called->returns = live.n ? live.items[0].set : SET_EMPTY;
	return called->returns;
}

static void call_chain(
	struct walk *walk, const struct chain *chain, unsigned depth, struct live *live)
{
	struct sets *sets = walk->asking.eval->sets;
	struct packet_set returns;
	struct called *called;
	struct alive alive;
	bool is_first;

	if (!sets) {
		run_chain(walk, chain, depth, live);
		return;
	}
	called = called_of(walk, chain);
	is_first = !called->is_called;
	called->is_called = true;
	/* of a host's large chains each is called once: whether they change packets need not be known */
	if (is_first && !walk->is_quiet) {
		run_chain(walk, chain, depth, live);
		return;
	}
	if (!is_pure(walk, chain, depth)) {
		run_chain(walk, chain, depth, live);
		return;
	}
	if (!walk->is_quiet)
		called->entering = set_or(sets, called->entering, live->items[0].set);
	ask_about(walk, &live->items[0]);
	keep_alive(walk, &alive, live);
	returns = returns_of(walk, called, depth);
	walk->alive = alive.outer;
	live->items[0].set = set_and(sets, live->items[0].set, returns);
	live->n = !set_is_empty(live->items[0].set);
}

/* What was collected, until nothing more comes: a chain may send it on to another one. */
static void run_collected(struct walk *walk, const struct packet *packet)
{
	bool has_more = true;

	while (has_more) {
		has_more = false;
		for (size_t i = 0; i < walk->called.n; i++) {
			struct called *called = walk->called.items[i];
			struct live live = { .n = 1 };

			if (set_is_empty(called->entering))
				continue;
			live.items[0] = (struct live_packet){ packet, called->entering, NULL };
			called->entering = SET_EMPTY;
			run_chain(walk, called->chain, 1, &live);
			has_more = true;
		}
	}
}

static void policy_of(struct walk *walk, const struct live_packet *one)
{
	const struct chain *chain = walk->base;
	struct step step = { one->last, STEP_POLICY, walk->asking.table, chain, NULL, NULL, NULL };
	struct live_packet ended = { one->packet, one->set, NULL };
	struct effect effect = { .verdict = VERDICT_ACCEPT };

	if (!chain->is_base) {
		cannot_tell(walk, one, chain, NULL, "the chain's end");
		return;
	}
	if (!walk->asking.eval->sets)
		ended.last = step_new(walk->asking.eval->arena, &step);
	if (chain->policy && strcmp(chain->policy, "DROP") == 0)
		effect.verdict = VERDICT_DROP;
	end_here(walk, &ended, chain, NULL, &effect);
}

void ruleset_eval_chain(const struct eval *eval, const struct table *table,
	const struct chain *chain, const struct packet *packet, const struct step *before,
	uint64_t *decided, struct outcomes *ret)
{
	struct walk walk = {
		.asking = { .eval = eval, .table = table }, .base = chain, .ret = ret
	};
	struct set_keeper keeper = { .keep = keep_walk, .data = &walk };
	struct live live;

	if (eval->may_collect)
		sets_push_keeper(eval->sets, &keeper);
	live.items[0] = (struct live_packet){ packet, eval->set, before };
	live.n = !eval->sets || !set_is_empty(eval->set);
	if (live.n)
		run_chain(&walk, chain, 0, &live);
	for (size_t i = 0; i < live.n; i++)
		policy_of(&walk, &live.items[i]);
	run_collected(&walk, packet);
	if (eval->may_collect)
		sets_pop_keeper(eval->sets);
	if (decided)
		*decided |= walk.asking.decided;
}

struct packet_set ruleset_rule_matches(const struct eval *eval, const struct table *table,
	const struct chain *chain, const struct rule *rule, const struct packet *packet)
{
	struct asking asking = {
		.eval = eval, .table = table, .chain = chain, .packet = packet, .set = eval->set
	};
	const struct match *unknown;

	return rule_matches(&asking, rule, &unknown).set;
}

/* ---- one packet, one answer ---- */

/* Calls record in order, from the first step on. With several outcomes it is sure only of what was
 * before the first assumption. */
static void replay(struct arena *arena, const struct step *last, bool is_only,
	ruleset_record_fn *record, void *data)
{
	struct {
		VEC(const struct step *);
	} steps = { 0 };

	for (const struct step *step = last; step; step = step->before)
		*vec_push(&steps, arena) = step;
	while (steps.n-- > 0) {
		const struct step *step = steps.items[steps.n];

		if (step->kind == STEP_MATCH)
			record(data, step->chain, step->rule);
		else if (step->kind != STEP_POLICY && !is_only)
			return;
	}
}

/* The first rule on the way of which it could not be told whether it sends the packet elsewhere. */
static const struct step *first_split(const struct step *step)
{
	const struct step *first = NULL;

	for (; step; step = step->before)
		if ((step->kind == STEP_MAYBE || step->kind == STEP_MAYBE_NOT) &&
			!rule_is_beside(step->table, step->rule))
			first = step;
	return first;
}

static struct evaluation evaluation_of(const struct outcomes *outcomes)
{
	const struct outcome *first = &outcomes->items[0];
	struct evaluation evaluation = { first->verdict, first->rule, first->chain };

	vec_for_each (other, outcomes) {
		const struct step *split;

		if (other->verdict == first->verdict)
			continue;
		split = first_split(first->last);
		evaluation.verdict = VERDICT_CANNOT_TELL;
		evaluation.rule = split ? split->rule : first->rule;
		evaluation.chain = split ? split->chain : first->chain;
		break;
	}
	return evaluation;
}

struct evaluation ruleset_eval(const struct ruleset *rs, const struct table *table,
	const struct chain *chain, const struct packet *packet, ruleset_record_fn *record,
	void *data)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	const struct eval eval = { .arena = arena, .rs = rs, .hook = ruleset_chain_hook(chain) };
	struct outcome few[2]; /* nearly always one */
	struct outcomes outcomes = { { few, 0, N_OF(few) } };

	ruleset_eval_chain(&eval, table, chain, packet, NULL, NULL, &outcomes);
	if (record)
		replay(arena, outcomes.items[0].last, outcomes.n == 1, record, data);
	return evaluation_of(&outcomes);
}
