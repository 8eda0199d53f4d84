// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The way of a bridged frame through the filter chains of a host, for one frame and for all of a set: one function, so
 * that a witness goes where the set went.
 *
 *   bridge prerouting  below 0, then br_netfilter: IP prerouting  up to -200, conntrack, the rest; then bridge from 0 on
 *   bridge forward     below 0, then IP forward, then bridge from 0 on
 *   bridge postrouting the same
 *
 * In front of conntrack a packet has no entry, which rules see as "invalid" (xt_conntrack, nft_ct). Behind it
 * those that no rule made untracked have any of the four states, and any mark and addresses of a flow: which, are fields of the
 * packet, because a policy speaks of the state. What was dropped in front, or is untracked, is dropped or passed whatever
 * conntrack would have found.
 */
#include <string.h>

#include "prove/verify_internal.h"

#define PRIORITY_BRNF 0

const enum hook bridged_hooks[N_BRIDGED_HOOKS] = { HOOK_PREROUTING, HOOK_FORWARD,
	HOOK_POSTROUTING };

static struct chains_at chains_at(struct arena *arena, const struct ruleset *rs, enum family family,
	enum hook hook, bool *has_nat)
{
	struct chains_at at;
	size_t n = 0;

	ruleset_hook_chains(arena, rs, family, hook, NULL, &at.items, &at.n);
	for (size_t i = 0; i < at.n; i++) {
		if (at.items[i].type == CHAIN_NAT)
			*has_nat |= at.items[i].chain->n_rules > 0;
		else
			at.items[n++] = at.items[i];
	}
	at.n = n;
	return at;
}

void bridged_chains_init(struct arena *arena, const struct ruleset *rs, struct bridged_chains *ret)
{
	*ret = (struct bridged_chains){ .rs = rs };
	for (size_t h = 0; h < N_BRIDGED_HOOKS; h++) {
		bool ignored = false;

		ret->of_bridge[h] = chains_at(arena, rs, FAMILY_BRIDGE, bridged_hooks[h], &ignored);
		for (enum family f = FAMILY_IPV4; f < N_IP_FAMILIES; f++)
			ret->of_ip[f][h] = chains_at(arena, rs, f, bridged_hooks[h], &ret->has_nat);
	}
}

/* ---- under way ---- */

struct walk {
	const struct passage *p;
	VEC(struct outcome) alive;
	struct outcomes *ret;
	bool is_tracked; /* conntrack was asked */
};

/* What a packet has of its flow. */
#define FLOW_FIELDS                                                                                \
	(FIELD_BIT(FIELD_CT_STATE) | FIELD_BIT(FIELD_CT_MARK) | FIELD_BIT(FIELD_CT_STATUS) |       \
		FIELD_BIT(FIELD_CT_DIRECTION) | FIELD_BIT(FIELD_CT_ORIG_SRC) |                     \
		FIELD_BIT(FIELD_CT_ORIG_DST) | FIELD_BIT(FIELD_CT_ORIG_SPORT) |                    \
		FIELD_BIT(FIELD_CT_ORIG_DPORT))

/* Of a set: with everything that conntrack may find, where it was not asked. */
static struct packet_set any_flow(const struct walk *walk, struct packet_set set)
{
	struct sets *sets = walk->p->sets;

	return set_and(sets, set_forget(sets, set, FLOW_FIELDS), walk->p->tracked);
}

/* Those that conntrack did not look up, with all that it may find; the others as they are. */
static struct packet_set with_flow(const struct walk *walk, struct packet_set set)
{
	struct sets *sets = walk->p->sets;
	struct packet_set untracked = set_and(sets, set, set_of_ct_states(sets, CT_UNTRACKED));

	if (!walk->is_tracked)
		return any_flow(walk, set);
	return set_or(sets, set_minus(sets, set, untracked), any_flow(walk, untracked));
}

static void keep_met(void *data, const struct table *table, const struct chain *chain,
	const struct rule *rule, struct packet_set reach, struct packet_set matched)
{
	struct walk *walk = data;
	struct mets *mets = walk->p->mets;

	(void)table, (void)chain, (void)reach;
	if (!set_is_empty(matched))
		*vec_push(&mets->items, mets->arena) =
			(struct met){ rule, with_flow(walk, matched) };
}

static void end_here(struct walk *walk, const struct outcome *outcome)
{
	struct outcome *end = vec_push(walk->ret, walk->p->arena);

	*end = *outcome;
	if (walk->p->sets)
		end->set = with_flow(walk, end->set);
}

/* net/bridge/br_netfilter_hooks.c */
void bridged_interfaces(const struct verify_way *way, enum direction direction,
	enum bridged_hook at, bool is_ip, struct packet *packet)
{
	bool is_out = direction == DIR_EGRESS;
	const char *in = is_out ? way->device : way->other;
	const char *out = is_out ? way->other : way->device;

	packet->in_iface = is_ip ? way->bridge : in;
	packet->physdev_in = in;
	packet->out_iface = is_ip ? way->bridge : out;
	packet->physdev_out = out;
	if (at == BRIDGED_PREROUTING)
		packet->out_iface = packet->physdev_out = NULL;
	if (at == BRIDGED_POSTROUTING)
		packet->in_iface = NULL;
	if (at == BRIDGED_POSTROUTING && !is_ip)
		packet->physdev_in = NULL;
}

/* The chains of one hook with priorities [min, max). */
static void run_chains(struct walk *walk, const struct chains_at *at, enum bridged_hook hook,
	bool is_ip, int min, int max)
{
	const struct passage *p = walk->p;
	__typeof__(walk->alive) before = walk->alive;
	size_t first = 0, n = 0;

	while (first < at->n && at->items[first].priority < min)
		first++;
	while (first + n < at->n && at->items[first + n].priority < max)
		n++;
	if (!n)
		return;
	memset(&walk->alive, 0, sizeof(walk->alive));
	vec_for_each (one, &before) {
		const struct eval eval = { .arena = p->arena,
			.rs = p->chains->rs,
			.hook = bridged_hooks[hook],
			.sets = p->sets,
			.set = one->set,
			.is_blind_to_rules = p->sets != NULL,
			.record = p->mets ? keep_met : NULL,
			.data = walk };
		struct outcomes outcomes = { 0 };

		bridged_interfaces(p->way, p->direction, hook, is_ip, &one->packet);
		ruleset_eval_chains(&eval, &at->items[first], n, false, &one->packet, one->last,
			NULL, &outcomes);
		vec_for_each (outcome, &outcomes) {
			if (p->sets && set_is_empty(outcome->set))
				continue;
			if (outcome->verdict == VERDICT_ACCEPT)
				*vec_push(&walk->alive, p->arena) = *outcome;
			else
				end_here(walk, outcome);
		}
	}
}

/* Of one packet: what it has of its flow. */
static void find_flow(struct packet *packet, const struct packet *flow)
{
	packet->ct_state = flow->ct_state;
	packet->ct_mark = flow->ct_mark;
	packet->ct_status = flow->ct_status;
	packet->is_reply = flow->is_reply;
	packet->ct_orig_src = flow->ct_orig_src;
	packet->ct_orig_dst = flow->ct_orig_dst;
	packet->ct_orig_sport = flow->ct_orig_sport;
	packet->ct_orig_dport = flow->ct_orig_dport;
}

static void ask_conntrack(struct walk *walk)
{
	const struct passage *p = walk->p;

	walk->is_tracked = true;
	vec_for_each (one, &walk->alive) {
		if (p->sets) {
			struct packet_set untracked =
				set_and(p->sets, one->set, set_of_ct_states(p->sets, CT_UNTRACKED));

			one->set = set_or(p->sets, untracked,
				any_flow(walk, set_minus(p->sets, one->set, untracked)));
		} else if (one->packet.ct_state != CT_UNTRACKED) {
			find_flow(&one->packet, &p->packet);
		}
	}
}

static void run_hook(struct walk *walk, enum bridged_hook hook)
{
	const struct passage *p = walk->p;
	const struct chains_at *of_bridge = &p->chains->of_bridge[hook], *of_ip;

	run_chains(walk, of_bridge, hook, false, INT32_MIN, PRIORITY_BRNF);
	if (p->class != VERIFY_FRAMES && p->way->is_called[p->class]) {
		of_ip = &p->chains->of_ip[p->class][hook];
		if (hook == BRIDGED_PREROUTING) {
			run_chains(walk, of_ip, hook, true, INT32_MIN, PRIORITY_CONNTRACK + 1);
			ask_conntrack(walk);
			run_chains(walk, of_ip, hook, true, PRIORITY_CONNTRACK + 1, INT32_MAX);
		} else {
			run_chains(walk, of_ip, hook, true, INT32_MIN, INT32_MAX);
		}
	}
	run_chains(walk, of_bridge, hook, false, PRIORITY_BRNF, INT32_MAX);
}

void passage_run(const struct passage *p, struct outcomes *ret)
{
	struct walk walk = { .p = p, .ret = ret };
	struct outcome *start = vec_push(&walk.alive, p->arena);

	*start =
		(struct outcome){ .verdict = VERDICT_ACCEPT, .packet = p->packet, .set = p->start };
	start->packet.src.family = start->packet.dst.family =
		p->class == VERIFY_IPV6 ? FAMILY_IPV6 : FAMILY_IPV4;
	find_flow(&start->packet, &(struct packet){ .ct_state = CT_INVALID,
					  .ct_orig_src = p->packet.src,
					  .ct_orig_dst = p->packet.dst });
	for (enum bridged_hook hook = 0; hook < N_BRIDGED_HOOKS; hook++)
		run_hook(&walk, hook);
	vec_for_each (one, &walk.alive)
		end_here(&walk, one);
}
