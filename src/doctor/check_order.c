// SPDX-License-Identifier: GPL-2.0-or-later
/* Several that filter or map at one place: both variants of iptables, and base chains of one priority. */
#include <string.h>

#include "base/text.h"
#include "doctor/checks.h"
#include "packet/expr.h"
#include "ruleset/edit.h"
#include "ruleset/eval.h"

static const char *const family_words[N_IP_FAMILIES] = { "IPv4", "IPv6" };

/* ---- two-variants ---- */

static bool says_something(const struct chain *chain)
{
	return chain->is_base &&
	       (chain->n_rules || (chain->policy && strcmp(chain->policy, "ACCEPT") != 0));
}

/* A chain of the variant that does something there; NULL: none. */
static const struct chain *find_chain(const struct ruleset *rs, enum table_source source,
	enum family family, const char *table_name, const char *chain_name,
	const struct table **ret_table)
{
	for (size_t t = 0; t < rs->n_tables; t++) {
		const struct table *table = &rs->tables[t];
		const struct chain *chain;

		if (table->source != source || table->family != family ||
			strcmp(table->name, table_name) != 0)
			continue;
		chain = table_chain(table, chain_name);
		*ret_table = table;
		return chain && says_something(chain) ? chain : NULL;
	}
	return NULL;
}

/* At the same hook, in tables of one name. */
struct pair {
	const struct table *table[2];
	const struct chain *chain[2]; /* of iptables-legacy; of iptables-nft */
};

static bool find_pair(const struct ruleset *rs, enum family family, struct pair *ret)
{
	for (size_t t = 0; t < rs->n_tables; t++) {
		const struct table *table = &rs->tables[t];

		if (table->source != SOURCE_IPTABLES_LEGACY || table->family != family)
			continue;
		for (size_t c = 0; c < table->n_chains; c++) {
			if (!says_something(&table->chains[c]))
				continue;
			ret->table[0] = table;
			ret->chain[0] = &table->chains[c];
			ret->chain[1] = find_chain(rs, SOURCE_IPTABLES, family, table->name,
				table->chains[c].name, &ret->table[1]);
			if (ret->chain[1])
				return true;
		}
	}
	return false;
}

/* Lost by one variant, and let in by a rule of the other one. */
static bool is_torn(struct doctor *doctor, const struct harm *harm)
{
	const struct table *table = harm->decider.node->table;
	const struct netns *ns = harm->port->ns;
	enum table_source other =
		table->source == SOURCE_IPTABLES ? SOURCE_IPTABLES_LEGACY : SOURCE_IPTABLES;
	struct arena *scratch CLEANUP(arena_freep) = arena_new();
	struct host copy = *doctor->host;
	const struct explanation *answer;
	struct query moved;

	if (harm->kind != HARM_LOST ||
		(table->source != SOURCE_IPTABLES && table->source != SOURCE_IPTABLES_LEGACY))
		return false;
	copy.netns = arena_new_array(scratch, struct netns, copy.n_netns);
	memcpy(copy.netns, doctor->host->netns, copy.n_netns * sizeof(*copy.netns));
	copy.netns[ns - doctor->host->netns].ruleset = ruleset_without(scratch, ns->ruleset, table);
	moved = query_moved(scratch, &harm->witness, doctor->host, &copy);
	answer = explain(scratch, explainer_new(scratch, &copy), &moved);
	if (answer->final != FINAL_DELIVERED)
		return false;
	for (const struct node *node = answer->leaf->last; node; node = node->before)
		if (node->kind == NODE_CHAIN && node->rule && node->table->source == other &&
			node->rule->target.kind == TARGET_ACCEPT)
			return true;
	return false;
}

static void find_variants(struct doctor *doctor, const struct check *check, const struct netns *ns,
	enum family family, const struct pair *pair)
{
	struct arena *arena = doctor->arena;
	const char *legacy = table_program(pair->table[0]), *nft = table_program(pair->table[1]);
	struct finding *finding = finding_add(doctor, check, SEVERITY_HINT, ns, nft);

	finding->title = arena_printf(arena,
		"both variants of iptables hold rules for %s: %s of table %s is asked twice",
		family_words[family], pair->chain[0]->name, pair->table[0]->name);
	finding->symptom =
		"Rules \"are there\" and do nothing, or drops happen that nobody finds: each program lists its own "
		"rules only, and a packet must pass both.";
	finding->owner = owner_of_rule(arena, pair->table[0], pair->chain[0],
		pair->chain[0]->n_rules ? &pair->chain[0]->rules[0] : NULL);
	for (int i = 0; i < 2; i++)
		finding_prove_rule(doctor, finding, pair->table[i], pair->chain[i],
			pair->chain[i]->n_rules ? 1 : 0);
	vec_for_each (harm, doctor_sweep(doctor, check)) {
		if (finding->witness || harm->port->ns != ns || harm->family != family ||
			!is_torn(doctor, harm))
			continue;
		finding->severity = harm->is_felt ? SEVERITY_BROKEN : SEVERITY_RISK;
		finding_prove_rule(doctor, finding, harm->decider.node->table,
			harm->decider.node->rule_chain, harm->decider.number);
		finding_witness(doctor, finding, &harm->witness);
		finding_port(doctor, finding, harm->port->link->name);
	}
	finding_advise(doctor, finding, "one-variant",
		"one of them for all programs, and the other one emptied",
		arena_printf(arena,
			"%s-save   # who wrote these? Tell that program to use the other variant:\n"
			"update-alternatives --display iptables\n"
			"# when nobody writes there any more: %s -F and -X for each table, policies to ACCEPT; %s "
			"stays\n",
			legacy, legacy, nft),
		"Rules that are flushed are lost: what they protected is open until the other variant has them.");
}

static void run_variants(struct doctor *doctor, const struct check *check)
{
	for (size_t n = 0; n < doctor->host->n_netns; n++) {
		const struct netns *ns = &doctor->host->netns[n];

		for (unsigned family = 0; ns->ruleset && family < N_IP_FAMILIES; family++) {
			struct pair pair = { 0 };

			if (find_pair(ns->ruleset, (enum family)family, &pair))
				find_variants(doctor, check, ns, (enum family)family, &pair);
		}
	}
}

static const char *const variant_references[] = {
	"https://github.com/cilium/cilium/issues/20123",
	"https://github.com/kubernetes/kubernetes/issues/71305",
	NULL,
};

const struct check check_two_variants = {
	.id = "two-variants",
	.title = "rules in iptables-legacy and in iptables-nft at once",
	.description =
		"The two variants of iptables keep their rules apart, and the kernel asks both. An accept in one does not "
		"help against a drop in the other, and each program shows only its own. A hint where both hold "
		"something at one hook; broken where a machine's packet is lost by one and accepted by a rule of the "
		"other.",
	.references = variant_references,
	.run = run_variants,
};

/* ---- equal-priorities ---- */

/* Two base chains of one place, and the host in which one or the other is asked first. */
struct tie {
	const struct netns *ns;
	enum hook hook;
	enum family family;
	const struct hook_chain *a, *b;
	const struct host *first[2]; /* a, b */
	const struct explainer *explainer[2];
};

/* A copy in which that chain comes a little later, or earlier: nobody else is between those of one priority. */
static const struct host *with_shifted(struct arena *arena, const struct host *host,
	const struct tie *tie, const struct hook_chain *one, int by)
{
	const struct ruleset *rs = tie->ns->ruleset;
	struct host *copy = arena_new_one(arena, struct host);
	struct ruleset *rules = arena_new_one(arena, struct ruleset);
	struct table *table;
	struct chain *chain;

	*copy = *host;
	copy->netns = arena_new_array(arena, struct netns, host->n_netns);
	memcpy(copy->netns, host->netns, host->n_netns * sizeof(*copy->netns));
	*rules = *rs;
	rules->tables = arena_new_array(arena, struct table, rs->n_tables);
	memcpy(rules->tables, rs->tables, rs->n_tables * sizeof(*rules->tables));
	table = &rules->tables[one->table - rs->tables];
	table->chains = arena_new_array(arena, struct chain, table->n_chains);
	memcpy(table->chains, one->table->chains, table->n_chains * sizeof(*table->chains));
	chain = &table->chains[one->chain - one->table->chains];
	chain->hook_text = arena_printf(arena, "type %s hook %s priority %d;", chain->type,
		chain->hook, one->priority + by);
	chain->priority = one->priority + by;
	copy->netns[tie->ns - host->netns].ruleset = rules;
	return copy;
}

/* Only nft's chains say their priority; iptables' own stands where it is. */
static bool can_move(const struct hook_chain *one)
{
	return one->table->source == SOURCE_NFT && one->chain->hook_text && one->chain->type &&
	       one->chain->hook;
}

static bool make_orders(struct doctor *doctor, struct tie *tie)
{
	const struct hook_chain *first[2] = { tie->a, tie->b };

	for (int i = 0; i < 2; i++) {
		const struct hook_chain *later = first[1 - i];

		if (!can_move(later) && !can_move(first[i]))
			return false;
		tie->first[i] =
			can_move(later)
				? with_shifted(doctor->arena, doctor->host, tie, later, 1)
				: with_shifted(doctor->arena, doctor->host, tie, first[i], -1);
		tie->explainer[i] = explainer_new(doctor->arena, tie->first[i]);
	}
	return true;
}

static bool is_alike(const struct explanation *a, const struct explanation *b)
{
	const struct packet *x = a->leaf->last->packet, *y = b->leaf->last->packet;

	return a->final == b->final && addr_compare(&x->src, &y->src) == 0 &&
	       addr_compare(&x->dst, &y->dst) == 0 && x->sport == y->sport && x->dport == y->dport;
}

static bool is_told(const struct explanation *answer)
{
	return answer->final != FINAL_CANNOT_TELL;
}

/* Does the packet end in one way when the one is asked first, and in another when the other is? */
static bool differs(struct doctor *doctor, const struct tie *tie, const struct query *query)
{
	struct arena *scratch CLEANUP(arena_freep) = arena_new();
	const struct explanation *answers[2];

	for (int i = 0; i < 2; i++) {
		struct query moved = query_moved(scratch, query, doctor->host, tie->first[i]);

		answers[i] = explain(scratch, tie->explainer[i], &moved);
	}
	return is_told(answers[0]) && is_told(answers[1]) && !is_alike(answers[0], answers[1]);
}

static void report(struct doctor *doctor, const struct check *check, const struct tie *tie,
	const struct query *query)
{
	struct arena *arena = doctor->arena;
	const struct hook_chain *chains[2] = { tie->a, tie->b };
	struct finding *finding = finding_add(doctor, check, SEVERITY_RISK, tie->ns,
		arena_printf(arena, "%s-%s-%s", hook_name(tie->hook), tie->a->table->name,
			tie->b->table->name));

	finding->title = arena_printf(arena,
		"%s of table %s and %s of table %s have one priority (%d) at %s: who was started last is asked "
		"first, and what becomes of packets depends on it",
		tie->a->chain->name, tie->a->table->name, tie->b->chain->name, tie->b->table->name,
		tie->a->priority, hook_name(tie->hook));
	finding->symptom =
		"After a service is restarted, or the host is, packets take another way, though no rule and no "
		"setting has changed.";
	finding->owner = owner_of_rule(arena, tie->a->table, tie->a->chain, NULL);
	for (int i = 0; i < 2; i++)
		finding_prove(doctor, finding, "chain",
			arena_printf(arena, "chain %s, nft table %s %s", chains[i]->chain->name,
				nft_family_name(chains[i]->table->family), chains[i]->table->name),
			chains[i]->chain->hook_text);
	finding_witness(doctor, finding, query);
	finding_advise(doctor, finding, "priorities", "another priority for one of them",
		"# in the settings of its program, or in its file of nftables.d: priority N;\n",
		"Which one should be first is for whoever runs both to say.");
}

/* Packets of machines and of others, to those that they reach most often. */
static bool find_witness(struct doctor *doctor, const struct check *check, const struct tie *tie)
{
	const struct addr far = doctor_anybody(tie->family);
	struct sides sides[2] = { 0 };
	struct err err;

	doctor_sides(doctor, tie->ns, tie->family, &sides[0], &sides[1]);
	for (int i = 0; i < 2; i++) {
		vec_for_each (side, &sides[i]) {
			struct query query = {
				.from = FROM_DEVICE, .ns = tie->ns, .in = side->port
			};

			if (packet_expr_parse(
				    packet_text(doctor, &side->station, i ? &side->host : &far,
					    PROTO_TCP, 80, side->link->mac),
				    &query.packet, &err) &&
				differs(doctor, tie, &query)) {
				report(doctor, check, tie, &query);
				return true;
			}
		}
	}
	vec_for_each (harm, doctor_sweep(doctor, check))
		if (harm->port->ns == tie->ns && harm->family == tie->family &&
			differs(doctor, tie, &harm->witness)) {
			report(doctor, check, tie, &harm->witness);
			return true;
		}
	return false;
}

/* What one file or one program wrote has the order that it has. */
static bool are_of_two(struct arena *arena, const struct hook_chain *a, const struct hook_chain *b)
{
	struct owner x = owner_of_rule(arena, a->table, a->chain, NULL);
	struct owner y = owner_of_rule(arena, b->table, b->chain, NULL);

	return a->table != b->table && (!x.is_known || !y.is_known || strcmp(x.name, y.name) != 0);
}

static void find_ties(struct doctor *doctor, const struct check *check, const struct netns *ns,
	enum family family, enum hook hook)
{
	struct hook_chain *chains;
	size_t n;

	ruleset_hook_chains(doctor->arena, ns->ruleset, family, hook, NULL, &chains, &n);
	for (size_t i = 1; i < n; i++) {
		struct tie tie = { .ns = ns,
			.hook = hook,
			.family = family,
			.a = &chains[i - 1],
			.b = &chains[i] };

		if (tie.a->is_order_unknown && tie.b->is_order_unknown &&
			tie.a->priority == tie.b->priority && tie.a->type == tie.b->type &&
			are_of_two(doctor->arena, tie.a, tie.b) && make_orders(doctor, &tie) &&
			find_witness(doctor, check, &tie))
			return;
	}
}

static void run_priorities(struct doctor *doctor, const struct check *check)
{
	for (size_t n = 0; n < doctor->host->n_netns; n++) {
		const struct netns *ns = &doctor->host->netns[n];

		for (unsigned family = 0; ns->ruleset && family < N_IP_FAMILIES; family++)
			for (enum hook hook = HOOK_PREROUTING; hook <= HOOK_POSTROUTING; hook++)
				find_ties(doctor, check, ns, (enum family)family, hook);
	}
}

static const char *const priority_references[] = {
	"net/netfilter/core.c, nf_hook_entries_grow",
	NULL,
};

const struct check check_equal_priorities = {
	.id = "equal-priorities",
	.title = "base chains of one priority whose order decides",
	.description =
		"Of base chains with one priority at one hook the kernel asks the one first that was registered last: the "
		"order changes when a service restarts. It is a finding only where two programs have such chains, and "
		"a packet is shown that ends in different ways in the two orders.",
	.references = priority_references,
	.run = run_priorities,
};
