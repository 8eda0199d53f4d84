// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One netfilter hook. Its base chains run by priority; between them the kernel's own functions:
 * conntrack at -200, NAT at -100 (destination) and 100 (source). Chains of type nat are not
 * called by the hook but by the NAT function, all of them, in the order of their priorities
 * (net/netfilter/nf_nat_core.c, nf_nat_register_fn): so a nat chain at priority -300 still runs
 * behind the filter chain at -150.
 */
#include <limits.h>
#include <string.h>

#include "explain/internal.h"

#define PRIORITY_NAT_DST (-100)
#define PRIORITY_NAT_SRC 100

/* --- plans --- */

static void plan_add(
	struct hook_plan *plan, enum item_kind kind, int priority, const struct hook_chain *chain)
{
	struct item *item = &plan->items[plan->n++];

	item->kind = kind;
	item->priority = priority;
	if (chain)
		item->chain = *chain;
}

static struct hook_plan plan_make(struct arena *arena, const struct ruleset *rs, enum family family,
	enum hook hook, const char *device)
{
	bool is_ip = family == FAMILY_IPV4 || family == FAMILY_IPV6;
	bool is_early = hook == HOOK_PREROUTING || hook == HOOK_OUTPUT;
	bool wants_conntrack = is_ip && is_early;
	bool wants_nat = is_ip && (is_early || hook == HOOK_INPUT || hook == HOOK_POSTROUTING);
	int nat_priority = is_early ? PRIORITY_NAT_DST : PRIORITY_NAT_SRC;
	struct hook_plan plan = { 0 };
	struct hook_chain *chains = NULL;
	size_t n = 0;

	if (rs)
		ruleset_hook_chains(arena, rs, family, hook, device, &chains, &n);
	plan.items = arena_new_array(arena, struct item, n + 2);
	plan.nat = arena_new_array(arena, struct item, n ? n : 1);
	for (size_t i = 0; i < n; i++) {
		if (chains[i].type == CHAIN_NAT) {
			plan.nat[plan.n_nat++] =
				(struct item){ ITEM_CHAIN, chains[i].priority, chains[i] };
			continue;
		}
		if (wants_conntrack && chains[i].priority > PRIORITY_CONNTRACK) {
			plan_add(&plan, ITEM_CONNTRACK, PRIORITY_CONNTRACK, NULL);
			wants_conntrack = false;
		}
		if (wants_nat && chains[i].priority > nat_priority) {
			plan_add(&plan, ITEM_NAT, nat_priority, NULL);
			wants_nat = false;
		}
		plan_add(&plan, ITEM_CHAIN, chains[i].priority, &chains[i]);
	}
	if (wants_conntrack)
		plan_add(&plan, ITEM_CONNTRACK, PRIORITY_CONNTRACK, NULL);
	if (wants_nat)
		plan_add(&plan, ITEM_NAT, nat_priority, NULL);
	return plan;
}

static bool ruleset_has_devices(const struct ruleset *rs)
{
	for (size_t t = 0; rs && t < rs->n_tables; t++)
		for (size_t c = 0; c < rs->tables[t].n_chains; c++)
			if (rs->tables[t].chains[c].device || rs->tables[t].family == FAMILY_NETDEV)
				return true;
	return false;
}

struct explainer *explainer_new(struct arena *arena, const struct host *host)
{
	struct explainer *explainer = arena_new_one(arena, struct explainer);

	explainer->host = host;
	explainer->writes = writes_of_tables_new(arena);
	explainer->plans = arena_alloc(arena, sizeof(*explainer->plans) * (host->n_netns + 1));
	explainer->has_nat = arena_alloc(arena, sizeof(*explainer->has_nat) * (host->n_netns + 1));
	explainer->has_devices = arena_new_array(arena, bool, host->n_netns + 1);
	for (size_t i = 0; i < host->n_netns; i++) {
		const struct netns *ns = &host->netns[i];

		for (size_t l = 0; l < ns->n_links; l++)
			if (ns->links[l].lower_index)
				*vec_push(&explainer->uppers, arena) =
					(struct upper){ .link = &ns->links[l], .ns = ns };
	}
	for (size_t i = 0; i < host->n_netns; i++) {
		const struct ruleset *rs = host->netns[i].ruleset;

		explainer->has_devices[i] = ruleset_has_devices(rs);
		for (int family = 0; family < N_PLANNED_FAMILIES; family++) {
			if (family == FAMILY_INET || family == FAMILY_NETDEV)
				continue;
			for (int hook = HOOK_PREROUTING; hook <= HOOK_POSTROUTING; hook++) {
				struct hook_plan plan = plan_make(arena, rs, family, hook, NULL);

				explainer->plans[i][family][hook] = plan;
				explainer->has_nat[i][family] |= plan.n_nat > 0;
			}
		}
	}
	return explainer;
}

/* --- runs --- */

struct run {
	const struct hook_plan *plan;
	enum family family;
	enum hook hook;
	int max_priority;
	size_t n_ordered, n_nat_ordered; /* so many of the plan have an order that is chosen */
	next_fn *next;
};

static struct answer run_from(
	struct walk *walk, struct skb *skb, const struct run *run, size_t index);

static void chain_node(struct walk *walk, struct skb *skb, const struct run *run,
	const struct hook_chain *chain, const struct outcome *outcome)
{
	struct node *node = skb_node(walk, skb, NODE_CHAIN);

	node->family = run->family;
	node->hook = run->hook;
	node->table = chain->table;
	node->chain = chain->chain;
	node->steps = outcome->last;
	node->rule = outcome->rule;
	node->rule_chain = outcome->chain;
	node->chain_type = chain->type;
	if (chain->is_order_unknown)
		node->note = "another chain has the same priority: in either order the "
			     "packet ends alike";
}

static struct answer end_by_rules(struct walk *walk, struct skb *skb, const struct outcome *outcome)
{
	struct answer answer;

	switch (outcome->verdict) {
	case VERDICT_DROP:
		return end_dropped(walk, skb, outcome->rule ? DROP_RULE : DROP_POLICY);
	case VERDICT_REJECT:
		answer = end_dropped(walk, skb, DROP_RULE);
		walk->result->leaves.items[walk->result->leaves.n - 1]->final = FINAL_REJECTED;
		answer.final = FINAL_REJECTED;
		return answer;
	case VERDICT_STOLEN:
		return end_consumed(walk, skb, "a rule hands it to a program or another device");
	default:
		return end_cannot_tell(
			walk, skb, "%s", outcome->why ? outcome->why : "a rule is not modelled");
	}
}

/* Of a set: which of it, is not asked. A route that is asked for in vain stays as it was. */
static bool is_rerouted(const struct walk *walk, const struct packet *a, const struct packet *b)
{
	return walk->sets || a->mark != b->mark || a->tos != b->tos ||
	       addr_compare(&a->src, &b->src) || addr_compare(&a->dst, &b->dst);
}

/* Where the way goes on behind an item of a plan. */
struct behind {
	const struct run *run;
	size_t index;
};

static struct answer go_behind(struct walk *walk, struct skb *skb, const void *data)
{
	const struct behind *behind = data;

	return run_from(walk, skb, behind->run, behind->index + 1);
}

/* The way out is asked again when OUTPUT changed what it depends on (ip_route_me_harder). */
static struct answer reroute(struct walk *walk, struct skb *skb, const struct packet *before,
	const struct behind *behind)
{
	if (!is_rerouted(walk, before, &skb->packet))
		return go_behind(walk, skb, behind);
	return ip_route_output(walk, skb, go_behind, behind);
}

static void chain_ask_set(struct walk *walk, struct skb *skb, const struct hook_chain *chain,
	struct eval *eval, struct outcomes *ret)
{
	const uint64_t bit = FIELD_BIT(FIELD_ETHERTYPE);
	struct packet packet = skb->packet;
	struct packet_set tagged = packet_values(walk->sets, &packet, bit);

	eval->sets = walk->sets;
	eval->set = skb->set;
	/* names are those of this packet; all else is in the set */
	packet.unknown = 0;
	if (table_hides_tag(chain->table, &packet)) {
		packet.ethertype = 0;
		eval->set = set_assign(
			walk->sets, eval->set, bit, packet_values(walk->sets, &packet, bit));
	}
	ruleset_eval_chain(
		eval, chain->table, chain->chain, &packet, NULL, &walk->result->decided, ret);
	if (table_hides_tag(chain->table, &skb->packet))
		vec_for_each (outcome, ret)
			outcome->set = set_assign(walk->sets, outcome->set, bit, tagged);
}

/* Rules that let a packet pass are one to the walk of a set. */
static void join_accepted(struct walk *walk, struct outcomes *outcomes)
{
	size_t n = 0;

	vec_for_each (one, outcomes) {
		struct outcome *same = NULL;

		for (size_t i = 0; i < n && one->verdict == VERDICT_ACCEPT && !same; i++)
			if (outcomes->items[i].verdict == VERDICT_ACCEPT && !one->nat.kind &&
				!outcomes->items[i].nat.kind &&
				outcomes->items[i].packet.ct_zone == one->packet.ct_zone)
				same = &outcomes->items[i];
		if (same) {
			same->set = set_or(walk->sets, same->set, one->set);
			same->rule = NULL;
			same->chain = NULL;
		} else {
			outcomes->items[n++] = *one;
		}
	}
	outcomes->n = n;
}

static struct outcomes chain_ask(
	struct walk *walk, struct skb *skb, const struct run *run, const struct hook_chain *chain)
{
	struct asked_host host = { walk, skb };
	struct eval_oracle oracle = oracle_of(&host);
	struct eval eval = {
		.arena = walk->arena, .rs = skb->ns->ruleset, .oracle = &oracle, .hook = run->hook
	};
	struct outcomes outcomes = { 0 };

	if (walk->sets) {
		chain_ask_set(walk, skb, chain, &eval, &outcomes);
		join_accepted(walk, &outcomes);
		return outcomes;
	}
	ruleset_eval_chain(&eval, chain->table, chain->chain, &skb->packet, NULL,
		&walk->result->decided, &outcomes);
	return outcomes;
}

/* --- chains of one priority: the last registered is first, and no dump says which that is --- */

#define MAX_ORDERED 4 /* of them all orders are tried */

/* How many from index on have no order; 1: that one has. */
static size_t n_unordered(const struct item *items, size_t n, size_t index)
{
	size_t end = index;
	bool is_unknown = false;

	for (; end < n && items[end].priority == items[index].priority; end++)
		is_unknown |= items[end].kind != ITEM_CHAIN || items[end].chain.is_order_unknown;
	return is_unknown ? end - index : 1;
}

/* Whether the order could matter: not if they leave the packet alone and end it in one way at most. */
static bool order_matters(struct walk *walk, struct skb *skb, const struct run *run,
	const struct item *items, size_t n)
{
	enum verdict end = VERDICT_ACCEPT;
	size_t n_mapping = 0;

	skb_push(walk, skb);
	for (size_t i = 0; i < n; i++) {
		bool maps = false;
		struct outcomes outcomes;

		if (items[i].kind != ITEM_CHAIN)
			return true;
		outcomes = chain_ask(walk, skb, run, &items[i].chain);
		vec_for_each (outcome, &outcomes) {
			maps |= outcome->nat.kind != NAT_NONE;
			if (outcome->verdict == VERDICT_ACCEPT && walk->sets) {
				if (walk_table_writes(walk, items[i].chain.table) ||
					outcome->packet.ct_zone != skb->packet.ct_zone)
					return true;
				continue;
			}
			if (outcome->verdict == VERDICT_ACCEPT) {
				/* padding that differs costs a walk, no more */
				// NOLINTNEXTLINE(bugprone-suspicious-memory-comparison,cert-exp42-c,cert-flp37-c): see above
				if (memcmp(&outcome->packet, &skb->packet, sizeof(skb->packet)) !=
					0)
					return true;
				continue;
			}
			if (end != VERDICT_ACCEPT && end != outcome->verdict)
				return true;
			end = outcome->verdict;
		}
		n_mapping += maps;
	}
	return n_mapping > 1 || (n_mapping && end != VERDICT_ACCEPT);
}

static void add_item(struct text *out, const struct item *item)
{
	if (item->kind == ITEM_CHAIN)
		text_addf(out, "%s %s", item->chain.table->name, item->chain.chain->name);
	else
		text_add(out, item->kind == ITEM_NAT ? "NAT" : "conntrack");
}

/* Order number so many: each digit says which of those that are left comes next. */
static struct item *permuted(struct arena *arena, const struct item *items, size_t n_all, size_t at,
	size_t n, long number)
{
	struct item *copy = arena_new_array(arena, struct item, n_all);

	memcpy(copy, items, n_all * sizeof(*copy));
	for (size_t left = n; left > 1; left--) {
		struct item *to = &copy[at + n - left], *from = to + number % (long)left;
		struct item first = *from;

		memmove(to + 1, to, (size_t)(from - to) * sizeof(*to));
		*to = first;
		number /= (long)left;
	}
	return copy;
}

/* Of at most MAX_ORDERED. */
static struct item *in_an_order(struct walk *walk, const struct skb *skb, const struct run *run,
	struct item *items, size_t n_all, size_t at, size_t n)
{
	static const long factorials[MAX_ORDERED + 1] = { 1, 1, 2, 6, 24 };
	struct text key CLEANUP(text_done) = TEXT_INIT;
	long number;

	text_addf(&key, "the order at %s of ", hook_name(run->hook));
	for (size_t i = at; i < at + n; i++) {
		text_add(&key, i == at ? "" : ", ");
		add_item(&key, &items[i]);
	}
	number = facts_ask(skb->facts, skb->ns, key.data, 0, factorials[n] - 1,
		arena_printf(walk->arena,
			"they have the same priority %d, and the kernel does not tell which was "
			"registered last",
			items[at].priority),
		"give one of them another priority");
	return number ? permuted(walk->arena, items, n_all, at, n, number) : items;
}

static struct answer end_too_many(struct walk *walk, struct skb *skb, const struct item *first)
{
	struct text name CLEANUP(text_done) = TEXT_INIT;

	add_item(&name, first);
	return end_cannot_tell(walk, skb,
		"more than %d chains have priority %d, one of them is %s: their order is not known; "
		"give them different priorities",
		MAX_ORDERED, first->priority, name.data);
}

/* --- one after the other --- */

static void take_outcome(struct walk *walk, struct skb *skb, const struct hook_chain *chain,
	const struct outcome *outcome)
{
	if (walk->sets)
		skb_pull(walk, skb, chain->table, outcome);
	else
		skb->packet = outcome->packet;
}

static struct answer behind_chain(struct walk *walk, struct skb *skb, const struct run *run,
	size_t index, const struct outcome *outcome)
{
	const struct hook_chain *chain = &run->plan->items[index].chain;
	struct packet before = skb->packet;

	take_outcome(walk, skb, chain, outcome);
	copies_note(walk, skb);
	chain_node(walk, skb, run, chain, outcome);
	if (outcome->verdict != VERDICT_ACCEPT)
		return end_by_rules(walk, skb, outcome);
	if (run->hook == HOOK_OUTPUT && chain->type == CHAIN_ROUTE)
		return reroute(walk, skb, &before, &(struct behind){ run, index });
	return run_from(walk, skb, run, index + 1);
}

static struct answer run_chain(
	struct walk *walk, struct skb *skb, const struct run *run, size_t index)
{
	struct answer answer = { 0 };
	struct outcomes outcomes;

	skb_push(walk, skb);
	outcomes = chain_ask(walk, skb, run, &run->plan->items[index].chain);
	if (outcomes.n == 1)
		return behind_chain(walk, skb, run, index, &outcomes.items[0]);
	vec_for_each (outcome, &outcomes) {
		struct skb one = *skb;

		one.branch = BRANCH_CASE;
		conntrack_unshare(walk, &one);
		answer = answer_of_cases(
			walk, answer, behind_chain(walk, &one, run, index, outcome));
	}
	return answer;
}

static bool is_confirmed(const struct skb *skb)
{
	return skb->ct.entry.status & CT_STATUS_CONFIRMED;
}

static unsigned done_bit(enum hook hook)
{
	return nat_manip_of(hook) == MANIP_SRC ? CT_STATUS_SRC_NAT_DONE : CT_STATUS_DST_NAT_DONE;
}

/* Another flow has this port: the kernel takes one that is free. */
static struct answer take_other_port(struct walk *walk, struct skb *skb, const void *data)
{
	skb->ct.entry.status |= CT_STATUS_SRC_NAT;
	skb->rewritten |= FIELD_BIT(FIELD_SPORT);
	skb_free(walk, skb, FIELD_SPORT, set_of_present(walk->sets, FIELD_SPORT));
	return go_behind(walk, skb, data);
}

static struct answer behind_nat(
	struct walk *walk, struct skb *skb, const struct run *run, size_t index, const char *note)
{
	const struct behind behind = { run, index };
	struct packet before = skb->packet;

	if (skb->ct.is_new && !is_confirmed(skb))
		skb->ct.entry.status |= done_bit(run->hook);
	nat_apply(walk, skb, run->hook, note);
	copies_note(walk, skb);
	if (run->hook == HOOK_OUTPUT)
		return reroute(walk, skb, &before, &behind);
	if (walk->sets && nat_manip_of(run->hook) == MANIP_SRC && skb->ct.is_new &&
		!skb->ct.is_uncertain && proto_has_ports(skb->packet.proto)) {
		skb_push(walk, skb);
		return skb_split(walk, skb, conntrack_taken_set(walk, skb), take_other_port,
			go_behind, &behind);
	}
	return go_behind(walk, skb, &behind);
}

static bool nat_needs_addresses(const struct nat *nat)
{
	return nat->kind == NAT_MASQUERADE || nat->kind == NAT_REDIRECT;
}

/* Where the chains of type nat are. */
struct mapping {
	const struct run *run;
	size_t index, nat; /* the item of the plan, and of its nat chains */
	const struct nat *target;
};

static struct answer run_nat_chains(
	struct walk *walk, struct skb *skb, const struct run *run, size_t index, size_t nat);

/* A rule maps it; of a set, all of it in one way. */
static struct answer map(struct walk *walk, struct skb *skb, const void *data)
{
	const struct mapping *at = data;
	struct skb in_vain = *skb;
	const char *note = NULL;

	if (!nat_set_up(walk, is_confirmed(skb) ? &in_vain : skb, at->run->hook, at->target, &note))
		return end_dropped(walk, skb, DROP_NAT_NO_ADDRESS);
	if (is_confirmed(skb))
		return run_nat_chains(walk, skb, at->run, at->index, at->nat + 1);
	return behind_nat(walk, skb, at->run, at->index, note);
}

static struct answer behind_nat_chain(struct walk *walk, struct skb *skb, const struct run *run,
	size_t index, size_t nat, const struct outcome *outcome)
{
	const struct mapping at = { run, index, nat, &outcome->nat };
	const char *why;

	if (outcome->verdict != VERDICT_ACCEPT)
		return end_by_rules(walk, skb, outcome);
	if (outcome->nat.kind == NAT_NONE)
		return run_nat_chains(walk, skb, run, index, nat + 1);
	if (skb->ct.is_uncertain)
		return end_cannot_tell(walk, skb,
			"conntrack's entries were not read: whether this is a new "
			"flow, which NAT is asked for, is not known");
	if (nat_needs_addresses(&outcome->nat) && netns_is_unread(skb->ns, "addresses", &why))
		return end_cannot_tell(walk, skb,
			"the addresses of this namespace were not all read (%s): which one it "
			"gets is not known; \"portwall snapshot\" as root reads them",
			why);
	return nat_part(walk, skb, run->hook, &outcome->nat, map, &at);
}

/* Nat chains from number nat on, as long as none says what is to be done. */
static struct answer run_nat_chains(
	struct walk *walk, struct skb *skb, const struct run *run, size_t index, size_t nat)
{
	struct hook_plan ordered_plan = *run->plan;
	struct run ordered = *run;
	struct answer answer = { 0 };
	struct outcomes outcomes;

	ordered.plan = &ordered_plan;
	if (nat == run->plan->n_nat)
		return behind_nat(walk, skb, run, index, NULL);
	if (nat >= run->n_nat_ordered) {
		struct item *items = run->plan->nat;
		size_t n = n_unordered(items, run->plan->n_nat, nat);

		if (n > 1 && order_matters(walk, skb, run, &items[nat], n)) {
			if (n > MAX_ORDERED)
				return end_too_many(walk, skb, &items[nat]);
			items = in_an_order(walk, skb, run, items, run->plan->n_nat, nat, n);
		}
		ordered_plan.nat = items;
		ordered.n_nat_ordered = nat + n;
		run = &ordered;
	}
	skb_push(walk, skb);
	outcomes = chain_ask(walk, skb, run, &run->plan->nat[nat].chain);
	vec_for_each (outcome, &outcomes) {
		struct skb one = *skb;

		one.branch = outcomes.n > 1 ? BRANCH_CASE : skb->branch;
		if (outcomes.n > 1)
			conntrack_unshare(walk, &one);
		take_outcome(walk, &one, &run->plan->nat[nat].chain, outcome);
		copies_note(walk, &one);
		chain_node(walk, &one, run, &run->plan->nat[nat].chain, outcome);
		answer = answer_of_cases(
			walk, answer, behind_nat_chain(walk, &one, run, index, nat, outcome));
	}
	return answer;
}

/* nf_nat_inet_fn: once for a flow, and it says no more of what is confirmed (nf_nat_setup_info): there its
 * chains are asked in vain, again and again. */
static bool asks_nat(const struct skb *skb, enum hook hook)
{
	enum ct_state state = skb->packet.ct_state;

	if (skb->ct.entry.status & done_bit(hook))
		return false;
	return is_confirmed(skb) ? state == CT_NEW || state == CT_RELATED : skb->ct.is_new;
}

static struct answer run_nat(
	struct walk *walk, struct skb *skb, const struct run *run, size_t index)
{
	const struct copies *copies = skb->ct.copies;
	bool is_asked = asks_nat(skb, run->hook);

	if (!skb->ct.is_tracked)
		return run_from(walk, skb, run, index + 1);
	/* a flow keeps its mapping in conntrack, but without a chain of type nat nobody applies it */
	if (!walk->explainer->has_nat[skb->ns - walk->host->netns][run->family])
		return run_from(walk, skb, run, index + 1);
	if (is_asked && run->hook == HOOK_INPUT && copies && copies->is_promisc && run->plan->n_nat)
		return end_cannot_tell(walk, skb,
			"a promiscuous bridge takes a copy: whether NAT at the input hook is asked for it "
			"differs from kernel to kernel");
	return run_nat_chains(walk, skb, run, index, is_asked ? 0 : run->plan->n_nat);
}

static bool may_clash(const struct skb *skb, enum hook hook, enum family family)
{
	uint8_t proto = skb->packet.proto;

	return (hook == HOOK_POSTROUTING || hook == HOOK_INPUT) &&
	       (family == FAMILY_IPV4 || family == FAMILY_IPV6) && skb->ct.is_tracked &&
	       skb->ct.is_new && !skb->ct.is_uncertain && !proto_has_ports(proto) &&
	       proto != PROTO_ICMP && proto != PROTO_ICMPV6;
}

static struct answer end_clash(struct walk *walk, struct skb *skb, const void *data)
{
	(void)data;
	return end_dropped(walk, skb, DROP_FLOW_CLASH);
}

static struct answer confirm(struct walk *walk, struct skb *skb, const void *data)
{
	const struct run *run = data;

	if ((run->hook == HOOK_POSTROUTING || run->hook == HOOK_INPUT) &&
		(run->family == FAMILY_IPV4 || run->family == FAMILY_IPV6))
		conntrack_confirm(walk, skb);
	return run->next(walk, skb);
}

/* __nf_conntrack_confirm, behind the last chain: where there are ports, NAT has found another one. */
static struct answer end_run(struct walk *walk, struct skb *skb, const struct run *run)
{
	const uint64_t asked = FIELD_BIT(FIELD_SRC) | FIELD_BIT(FIELD_DST) | FIELD_BIT(FIELD_PROTO);

	if (!may_clash(skb, run->hook, run->family))
		return confirm(walk, skb, run);
	if (walk->sets) {
		skb_push(walk, skb);
		return skb_split(
			walk, skb, conntrack_taken_set(walk, skb), end_clash, confirm, run);
	}
	if (!(skb->packet.unknown & asked) && conntrack_is_taken(skb))
		return end_clash(walk, skb, NULL);
	return confirm(walk, skb, run);
}

static struct answer behind_conntrack(struct walk *walk, struct skb *skb, const void *data)
{
	if (skb->ct.is_tracked && skb->ct.entry.status & CT_STATUS_OFFLOAD)
		return end_cannot_tell(walk, skb,
			"its flow is offloaded to a flowtable, which passes over rules: that is not "
			"walked");
	return go_behind(walk, skb, data);
}

static struct answer run_item(
	struct walk *walk, struct skb *skb, const struct run *run, size_t index)
{
	switch (run->plan->items[index].kind) {
	case ITEM_CHAIN:
		return run_chain(walk, skb, run, index);
	case ITEM_NAT:
		return run_nat(walk, skb, run, index);
	case ITEM_CONNTRACK:
		break;
	}
	return conntrack_look_up(walk, skb, behind_conntrack, &(struct behind){ run, index });
}

static struct answer run_from(
	struct walk *walk, struct skb *skb, const struct run *run, size_t index)
{
	const struct hook_plan *plan = run->plan;
	struct hook_plan ordered_plan = *plan;
	struct run ordered = *run;
	size_t n;

	if (index == plan->n || plan->items[index].priority > run->max_priority)
		return end_run(walk, skb, run);
	n = index < run->n_ordered ? 1 : n_unordered(plan->items, plan->n, index);
	if (n == 1)
		return run_item(walk, skb, run, index);
	if (order_matters(walk, skb, run, &plan->items[index], n)) {
		if (n > MAX_ORDERED)
			return end_too_many(walk, skb, &plan->items[index]);
		ordered_plan.items = in_an_order(walk, skb, run, plan->items, plan->n, index, n);
	}
	ordered.plan = &ordered_plan;
	ordered.n_ordered = index + n;
	return run_item(walk, skb, &ordered, index);
}

static bool rules_are_unread(const struct netns *ns, enum family family, const char **ret_why)
{
	static const char *const tools[][3] = {
		[FAMILY_IPV4] = { "iptables-nft", "iptables-legacy", "ipset" },
		[FAMILY_IPV6] = { "ip6tables-nft", "ip6tables-legacy", "ipset" },
		[FAMILY_BRIDGE] = { "ebtables-nft", "ebtables-legacy" },
		[FAMILY_NETDEV] = { NULL },
	};

	if (netns_is_unread(ns, "nft", ret_why))
		return true;
	for (size_t i = 0; i < N_OF(tools[family]); i++)
		if (tools[family][i] && netns_is_unread(ns, tools[family][i], ret_why))
			return true;
	return false;
}

struct answer hook_run_range(struct walk *walk, struct skb *skb, enum family family, enum hook hook,
	int min_priority, int max_priority, next_fn *next)
{
	size_t ns = (size_t)(skb->ns - walk->host->netns);
	struct hook_plan of_device;
	struct run run = {
		.family = family, .hook = hook, .next = next, .max_priority = max_priority
	};
	const char *why;
	size_t first = 0;

	if (rules_are_unread(skb->ns, family, &why))
		return end_cannot_tell(walk, skb, "the rules of this namespace were not read: %s",
			why ? why : "unknown reason");
	if (hook == HOOK_INGRESS || hook == HOOK_EGRESS) {
		if (!walk->explainer->has_devices[ns])
			return next(walk, skb);
		of_device = plan_make(walk->arena, skb->ns->ruleset, family, hook, skb->dev->name);
		run.plan = &of_device;
	} else {
		run.plan = &walk->explainer->plans[ns][family][hook];
	}
	while (first < run.plan->n && run.plan->items[first].priority < min_priority)
		first++;
	return run_from(walk, skb, &run, first);
}

bool hook_waits_for_brnf(struct walk *walk, const struct skb *skb, enum hook hook)
{
	size_t ns = (size_t)(skb->ns - walk->host->netns);
	const struct hook_plan *plan = &walk->explainer->plans[ns][FAMILY_BRIDGE][hook];
	struct text key CLEANUP(text_done) = TEXT_INIT;

	for (size_t i = 0; i < plan->n; i++) {
		if (plan->items[i].priority != PRIORITY_BRNF)
			continue;
		if (!key.len)
			text_addf(&key, "the order at %s of br_netfilter", hook_name(hook));
		text_add(&key, ", ");
		add_item(&key, &plan->items[i]);
	}
	return key.len &&
	       facts_ask(skb->facts, skb->ns, key.data, 0, 1,
		       "they have the same priority 0, and the kernel does not tell which "
		       "was registered last",
		       "give the chain another priority");
}

struct answer hook_run(
	struct walk *walk, struct skb *skb, enum family family, enum hook hook, next_fn *next)
{
	return hook_run_range(walk, skb, family, hook, INT_MIN, INT_MAX, next);
}
