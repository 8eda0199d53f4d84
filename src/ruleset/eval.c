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
 * Chains can call each other in circles only in a text, never in a kernel; depth, live packets and
 * the number of rules asked are bounded all the same, and end in "cannot tell".
 */
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "ruleset/eval_internal.h"

#define MAX_DEPTH 64 /* nf_tables allows 16 */
#define MAX_LIVE  32
#define MAX_ASKED ((size_t)16 * 1000 * 1000) /* rules */

struct live {
	struct live_packet {
		const struct packet *packet;
		const struct step *last;
	} items[MAX_LIVE];
	size_t n;
};

struct walk {
	struct asking asking; /* packet: the one that is asked about just now */
	const struct chain *base;
	struct outcomes *ret;
	size_t n_asked;
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

static bool outcome_equal(const struct outcome *a, const struct outcome *b)
{
	return a->verdict == b->verdict && a->rule == b->rule && a->chain == b->chain &&
	       is_same_nat(&a->nat, &b->nat) && is_same_packet(&a->packet, &b->packet);
}

void outcomes_add(struct arena *arena, struct outcomes *outcomes, const struct outcome *outcome)
{
	vec_for_each (other, outcomes)
		if (outcome_equal(other, outcome))
			return;
	*vec_push(outcomes, arena) = *outcome;
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
		.nat = effect->nat,
		.last = live->last,
		.rule = rule,
		.table = walk->asking.table,
		.chain = chain,
		.why = effect->why };

	outcomes_add(walk->asking.eval->arena, walk->ret, &outcome);
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
	for (size_t i = 0; i < live->n; i++)
		if (is_same_packet(live->items[i].packet, one->packet))
			return;
	if (live->n == MAX_LIVE) {
		cannot_tell(walk, one, chain, rule,
			"too many different packets come out of rules that cannot be told");
		return;
	}
	live->items[live->n++] = *one;
}

static void run_chain(
	struct walk *walk, const struct chain *chain, unsigned depth, struct live *live);

/* One packet that a rule matched: to where its target sends it. */
static void follow(struct walk *walk, const struct chain *chain, const struct rule *rule,
	unsigned depth, struct live_packet one, enum step_kind kind, const struct match *assumed,
	struct live *stays, struct live *returned)
{
	struct step step = { one.last, kind, walk->asking.table, chain, rule, assumed, NULL };
	struct arena *arena = walk->asking.eval->arena;
	struct effect effect;
	struct packet changed;

	if ((rule->n_matches || rule->target.kind == TARGET_EBT) &&
		rule_changes(rule, one.packet, &changed)) {
		struct packet *after = arena_new_one(arena, struct packet);

		*after = changed;
		one.packet = step.after = after;
	}
	walk->asking.packet = one.packet;
	target_effect(&walk->asking, &rule->target, &effect);
	if (effect.kind == EFFECT_CHANGE) {
		struct packet *after = arena_new_one(arena, struct packet);

		*after = effect.packet;
		one.packet = step.after = after;
	}
	one.last = step_new(arena, &step);
	switch (effect.kind) {
	case EFFECT_NONE:
	case EFFECT_CHANGE:
		live_add(walk, stays, &one, chain, rule);
		return;
	case EFFECT_RETURN:
		live_add(walk, returned, &one, chain, rule);
		return;
	case EFFECT_JUMP:
	case EFFECT_GOTO: {
		struct live called;

		if (!effect.chain) {
			cannot_tell(walk, &one, chain, rule, "there is no chain of that name");
			return;
		}
		if (depth + 1 >= MAX_DEPTH) {
			cannot_tell(walk, &one, chain, rule, "chains call each other too deep");
			return;
		}
		called.items[0] = one;
		called.n = 1;
		run_chain(walk, effect.chain, depth + 1, &called);
		for (size_t i = 0; i < called.n; i++)
			live_add(walk, effect.kind == EFFECT_JUMP ? stays : returned,
				&called.items[i], chain, rule);
		return;
	}
	case EFFECT_VERDICT:
		end_here(walk, &one, chain, rule, &effect);
		return;
	}
	abort();
}

/* A rule that says something else than "no" to the packet at place first, or to a later one. */
static void run_rule(struct walk *walk, const struct chain *chain, const struct rule *rule,
	unsigned depth, struct live *live, struct live *returned)
{
	struct live before = *live;

	live->n = 0;
	for (size_t i = 0; i < before.n; i++) {
		struct live_packet one = before.items[i];
		const struct match *assumed = NULL;
		struct step step = { one.last, STEP_MAYBE, walk->asking.table, chain, rule, NULL,
			NULL };

		walk->asking.packet = one.packet;
		switch (rule_matches(&walk->asking, rule, &assumed)) {
		case NO:
			live_add(walk, live, &one, chain, rule);
			continue;
		case YES:
			follow(walk, chain, rule, depth, one, STEP_MATCH, NULL, live, returned);
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
			follow(walk, chain, rule, depth, one, STEP_MAYBE, assumed, live, returned);
			continue;
		}
		one.last = step_new(walk->asking.eval->arena, &step);
		live_add(walk, live, &one, chain, rule);
	}
}

/* In: what comes to its first rule. Out: what reached its end or returned. */
static void run_chain(
	struct walk *walk, const struct chain *chain, unsigned depth, struct live *live)
{
	struct live returned;
	struct asked asked;

	returned.n = 0;
	/* no rule changes interfaces: what holds for one holds for all that are alive in it */
	asked_begin(&asked, chain, live->items[0].packet);
	for (size_t i = 0; live->n; i++) {
		const struct match *unknown;

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
		walk->asking.packet = live->items[0].packet;
		if (live->n == 1 && rule_matches(&walk->asking, &chain->rules[i], &unknown) == NO)
			continue;
		run_rule(walk, chain, &chain->rules[i], depth, live, &returned);
	}
	for (size_t i = 0; i < returned.n; i++)
		live_add(walk, live, &returned.items[i], chain, NULL);
}

static void policy_of(struct walk *walk, const struct live_packet *one)
{
	const struct chain *chain = walk->base;
	struct step step = { one->last, STEP_POLICY, walk->asking.table, chain, NULL, NULL, NULL };
	struct live_packet ended = { one->packet, NULL };
	struct effect effect = { .verdict = VERDICT_ACCEPT };

	if (!chain->is_base) {
		cannot_tell(walk, one, chain, NULL, "the chain's end");
		return;
	}
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
	struct live live;

	live.items[0] = (struct live_packet){ packet, before };
	live.n = 1;
	run_chain(&walk, chain, 0, &live);
	for (size_t i = 0; i < live.n; i++)
		policy_of(&walk, &live.items[i]);
	if (decided)
		*decided |= walk.asking.decided;
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
