// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which chains a packet meets at a hook, and what they do together.
 *
 * The kernel keeps one list a hook and family, sorted by priority; of equal ones the last
 * registered comes first. All nat chains of a hook, of whatever program, hang on one entry of
 * that list (net/netfilter/nf_nat_core.c): its place is that of NAT, and their own priorities only order
 * them among themselves. A flow is shown to them once; the first mapping counts, and one that ends in accept
 * without a mapping leaves the question open for the next.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "ruleset/eval_internal.h"

#define MAX_ORDERS 4 /* chains of one priority of which all orders are tried */

static const char *const hook_names[N_HOOKS] = { "ingress", "prerouting", "input", "forward",
	"output", "postrouting", "egress" };
static const char *const builtin_names[N_HOOKS] = { NULL, "PREROUTING", "INPUT", "FORWARD",
	"OUTPUT", "POSTROUTING", NULL };

const char *hook_name(enum hook hook)
{
	return hook_names[hook];
}

/* The word behind another one of "type filter hook forward priority -310; policy accept;" */
static bool word_behind(const char *text, const char *word, const char **ret, size_t *ret_len)
{
	size_t len = strlen(word);

	for (const char *at = text; (at = strstr(at, word)); at += len) {
		if ((at > text && at[-1] != ' ') || at[len] != ' ')
			continue;
		*ret = at + len + 1;
		*ret_len = strcspn(*ret, " ;");
		return true;
	}
	return false;
}

static bool is_text(const char *text, size_t len, const char *word)
{
	return strlen(word) == len && strncmp(text, word, len) == 0;
}

static bool hook_of_text(const char *hook_text, enum hook *ret)
{
	const char *word;
	size_t len;

	if (!word_behind(hook_text, "hook", &word, &len))
		return false;
	for (int hook = 0; hook < N_HOOKS; hook++) {
		if (is_text(word, len, hook_names[hook])) {
			*ret = (enum hook)hook;
			return true;
		}
	}
	return false;
}

/* iptables' own chains and those of nft; of a chain that is called by others: no hook. */
static bool hook_of_chain(const struct chain *chain, enum hook *ret)
{
	if (chain->hook_text)
		return hook_of_text(chain->hook_text, ret);
	if (!chain->is_base)
		return false;
	/* ebtables: broute is asked before all else (NF_BR_PRI_FIRST) */
	if (strcmp(chain->name, "BROUTING") == 0) {
		*ret = HOOK_PREROUTING;
		return true;
	}
	for (int hook = 0; hook < N_HOOKS; hook++) {
		if (builtin_names[hook] && strcmp(chain->name, builtin_names[hook]) == 0) {
			*ret = (enum hook)hook;
			return true;
		}
	}
	return false;
}

enum hook ruleset_chain_hook(const struct chain *chain)
{
	enum hook hook = HOOK_FORWARD;

	hook_of_chain(chain, &hook);
	return hook;
}

/* Names of priorities, and what they stand for: nft's, in the bridge family and elsewhere. */
static const struct {
	const char *name;
	int ip, bridge;
} priorities[] = {
	{ "raw", -300, 0 },
	{ "mangle", -150, 0 },
	{ "dstnat", -100, -300 },
	{ "filter", 0, -200 },
	{ "security", 50, 0 },
	{ "srcnat", 100, 300 },
	{ "out", 0, 100 },
};

/* "-310", "filter", "dstnat - 10", "srcnat + 5" */
static int priority_of_text(const char *hook_text, enum family family)
{
	const char *word;
	size_t len;
	int base = 0;

	if (!word_behind(hook_text, "priority", &word, &len))
		return 0;
	for (size_t i = 0; i < N_OF(priorities); i++) {
		if (!is_text(word, len, priorities[i].name))
			continue;
		base = family == FAMILY_BRIDGE ? priorities[i].bridge : priorities[i].ip;
		word += len;
		if (*word != ' ')
			return base;
		word++;
		return word[0] == '-' ? base - (int)strtol(word + 1, NULL, 10)
				      : base + (int)strtol(word + 1, NULL, 10);
	}
	return (int)strtol(word, NULL, 10);
}

static int priority_of_builtin(const struct table *table, enum hook hook)
{
	bool is_bridge = table->family == FAMILY_BRIDGE;

	if (strcmp(table->name, "broute") == 0 && is_bridge)
		return INT_MIN;
	if (strcmp(table->name, "nat") == 0) {
		bool is_source = hook == HOOK_POSTROUTING || hook == HOOK_INPUT;

		if (!is_bridge)
			return is_source ? 100 : -100;
		/* ebtables: NF_BR_PRI_NAT_DST_BRIDGED, NF_BR_PRI_NAT_DST_OTHER, NF_BR_PRI_NAT_SRC */
		return is_source ? 300 : hook == HOOK_OUTPUT ? 100 : -300;
	}
	for (size_t i = 0; i < N_OF(priorities); i++)
		if (strcmp(priorities[i].name, table->name) == 0)
			return is_bridge ? priorities[i].bridge : priorities[i].ip;
	return 0;
}

static enum chain_type type_of(const struct table *table, const struct chain *chain, enum hook hook)
{
	const char *word;
	size_t len;

	if (chain->hook_text) {
		if (!word_behind(chain->hook_text, "type", &word, &len))
			return CHAIN_FILTER;
		return is_text(word, len, "nat")     ? CHAIN_NAT
		       : is_text(word, len, "route") ? CHAIN_ROUTE
						     : CHAIN_FILTER;
	}
	if (strcmp(table->name, "nat") == 0 && table->family != FAMILY_BRIDGE)
		return CHAIN_NAT;
	return strcmp(table->name, "mangle") == 0 && hook == HOOK_OUTPUT ? CHAIN_ROUTE
									 : CHAIN_FILTER;
}

static bool is_of_device(const struct chain *chain, const char *device)
{
	const char *word;
	size_t len;

	if (!device)
		return false;
	if (chain->device)
		return strcmp(chain->device, device) == 0;
	/* "device eth0", "device "eth0"", "devices = { eth0, eth1 }" */
	if (word_behind(chain->hook_text, "device", &word, &len)) {
		if (len > 2 && word[0] == '"')
			return is_text(word + 1, len - 2, device);
		return is_text(word, len, device);
	}
	return false;
}

static bool asks(const struct table *table, const struct chain *chain, enum family family,
	enum hook hook, const char *device)
{
	bool is_device_hook = hook == HOOK_INGRESS || hook == HOOK_EGRESS;
	enum hook own;

	if (!hook_of_chain(chain, &own) || own != hook)
		return false;
	/* its chains are on no hook */
	if (table->flags && strstr(table->flags, "dormant"))
		return false;
	if (is_device_hook) /* inet chains at ingress are those of a device, too */
		return chain->hook_text && is_of_device(chain, device);
	if (table->family == FAMILY_NETDEV)
		return false;
	return table->family == family ||
	       (table->family == FAMILY_INET && (family == FAMILY_IPV4 || family == FAMILY_IPV6));
}

/* "nft list ruleset" has the tables of iptables-nft and ebtables-nft too; their own tool's print is asked. */
static bool is_twice(const struct ruleset *rs, const struct table *table, const struct chain *chain)
{
	if (table->source != SOURCE_NFT)
		return false;
	for (size_t i = 0; i < rs->n_tables; i++) {
		const struct table *other = &rs->tables[i];

		if ((other->source == SOURCE_IPTABLES || other->source == SOURCE_EBTABLES) &&
			other->family == table->family && strcmp(other->name, table->name) == 0 &&
			table_chain(other, chain->name))
			return true;
	}
	return false;
}

/* Where the kernel's list has it: nat chains at the place of NAT. */
static int place_of(const struct hook_chain *chain, enum hook hook)
{
	if (chain->type != CHAIN_NAT)
		return chain->priority;
	return hook == HOOK_POSTROUTING || hook == HOOK_INPUT ? 100 : -100;
}

static int compare(const struct hook_chain *a, const struct hook_chain *b, enum hook hook)
{
	int place_a = place_of(a, hook), place_b = place_of(b, hook);

	if (place_a != place_b)
		return place_a < place_b ? -1 : 1;
	if ((a->type == CHAIN_NAT) != (b->type == CHAIN_NAT))
		return a->type == CHAIN_NAT ? -1 : 1;
	return a->priority < b->priority ? -1 : a->priority > b->priority;
}

void ruleset_hook_chains(struct arena *arena, const struct ruleset *rs, enum family family,
	enum hook hook, const char *device, struct hook_chain **ret, size_t *ret_n)
{
	struct {
		VEC(struct hook_chain);
	} chains = { 0 };

	for (size_t t = 0; t < rs->n_tables; t++) {
		const struct table *table = &rs->tables[t];

		for (size_t c = 0; c < table->n_chains; c++) {
			const struct chain *chain = &table->chains[c];
			struct hook_chain one = { .table = table, .chain = chain };
			size_t at;

			if (!asks(table, chain, family, hook, device) || is_twice(rs, table, chain))
				continue;
			one.type = type_of(table, chain, hook);
			one.priority = chain->hook_text
					       ? priority_of_text(chain->hook_text, table->family)
					       : priority_of_builtin(table, hook);
			vec_push(&chains, arena);
			/* the last that was read comes first among equals: within one table that is the
			 * kernel's order */
			for (at = chains.n - 1;
				at > 0 && compare(&chains.items[at - 1], &one, hook) >= 0; at--)
				chains.items[at] = chains.items[at - 1];
			chains.items[at] = one;
		}
	}
	for (size_t i = 1; i < chains.n; i++) {
		if (compare(&chains.items[i - 1], &chains.items[i], hook) != 0 ||
			chains.items[i - 1].table == chains.items[i].table)
			continue;
		chains.items[i - 1].is_order_unknown = true;
		chains.items[i].is_order_unknown = true;
	}
	*ret = chains.items;
	*ret_n = chains.n;
}

/* ---- what they do together ---- */

struct hook_walk {
	const struct eval *eval;
	uint64_t *decided;
	struct outcomes *ret;
};

/* While a chain is asked: what came in, what came out of the ones before it and waits for its turn, and what ended. */
struct waiting {
	struct set_keeper keeper;
	const struct hook_walk *walk;
	const struct outcome *sofar;
	const struct outcomes *outcomes;
};

static void keep_waiting(void *data, struct sets *sets)
{
	const struct waiting *waiting = data;

	sets_keep(sets, waiting->sofar->set);
	vec_for_each (outcome, waiting->outcomes)
		sets_keep(sets, outcome->set);
	vec_for_each (outcome, waiting->walk->ret)
		sets_keep(sets, outcome->set);
}

static void add_outcome(struct hook_walk *walk, const struct outcome *outcome)
{
	outcomes_add(walk->eval, walk->ret, outcome);
}

static void run_from(struct hook_walk *walk, const struct hook_chain *chains, size_t n, size_t i,
	bool is_first_of_flow, const struct outcome *sofar);

struct packet_set ruleset_passes_by_nat(struct sets *sets)
{
	return set_of_ct_states(sets, CT_INVALID | CT_UNTRACKED | CT_ESTABLISHED);
}

/* Of a set: those go on behind it. */
static void pass_by_nat(struct hook_walk *walk, const struct hook_chain *chains, size_t n, size_t i,
	const struct outcome *sofar)
{
	struct sets *sets = walk->eval->sets;
	struct outcome others = *sofar;

	others.set = set_and(sets, sofar->set, ruleset_passes_by_nat(sets));
	if (!set_is_empty(others.set))
		run_from(walk, chains, n, i + 1, true, &others);
}

/* One order of the chains from place i on. */
static void run_from(struct hook_walk *walk, const struct hook_chain *chains, size_t n, size_t i,
	bool is_first_of_flow, const struct outcome *sofar)
{
	struct eval eval = *walk->eval;
	struct outcomes outcomes = { 0 };
	struct waiting waiting = { .keeper = { .keep = keep_waiting, .data = &waiting },
		.walk = walk,
		.sofar = sofar,
		.outcomes = &outcomes };
	const struct hook_chain *at;
	bool is_nat;

	while (i < n && chains[i].type == CHAIN_NAT && (!is_first_of_flow || sofar->nat.kind))
		i++;
	if (i == n) {
		add_outcome(walk, sofar);
		return;
	}
	at = &chains[i];
	is_nat = eval.sets && at->type == CHAIN_NAT;
	if (eval.may_collect)
		sets_push_keeper(eval.sets, &waiting.keeper);
	if (is_nat)
		pass_by_nat(walk, chains, n, i, sofar);
	eval.set = is_nat ? set_minus(eval.sets, sofar->set, ruleset_passes_by_nat(eval.sets))
			  : sofar->set;
	ruleset_eval_chain(
		&eval, at->table, at->chain, &sofar->packet, sofar->last, walk->decided, &outcomes);
	vec_for_each (outcome, &outcomes) {
		if (outcome->nat.kind == NAT_NONE)
			outcome->nat = sofar->nat;
		if (outcome->verdict == VERDICT_ACCEPT)
			run_from(walk, chains, n, i + 1, is_first_of_flow, outcome);
		else
			add_outcome(walk, outcome);
	}
	if (eval.may_collect)
		sets_pop_keeper(eval.sets);
}

/* All orders of the chains from place i on, where several of one priority have an unknown one. */
static void run_orders(struct hook_walk *walk, struct hook_chain *chains, size_t n, size_t i,
	enum hook hook, bool is_first_of_flow, const struct outcome *start)
{
	size_t end = i + 1;

	while (i < n && !chains[i].is_order_unknown)
		i++;
	if (i == n) {
		run_from(walk, chains, n, 0, is_first_of_flow, start);
		return;
	}
	for (end = i + 1; end < n && chains[end].is_order_unknown &&
			  compare(&chains[i], &chains[end], hook) == 0;)
		end++;
	if (end - i > MAX_ORDERS) {
		struct outcome outcome = *start;

		outcome.verdict = VERDICT_CANNOT_TELL;
		outcome.table = chains[i].table;
		outcome.chain = chains[i].chain;
		outcome.why = "too many chains of one priority, of unknown order";
		add_outcome(walk, &outcome);
		return;
	}
	if (end == i + 1) {
		run_orders(walk, chains, n, end, hook, is_first_of_flow, start);
		return;
	}
	for (size_t k = i; k < end; k++) {
		struct hook_chain swapped = chains[i];

		chains[i] = chains[k];
		chains[k] = swapped;
		run_orders(walk, chains, n, i + 1, hook, is_first_of_flow, start);
		swapped = chains[i];
		chains[i] = chains[k];
		chains[k] = swapped;
	}
}

void ruleset_eval_chains(const struct eval *eval, const struct hook_chain *chains, size_t n,
	bool is_first_of_flow, const struct packet *packet, const struct step *before,
	uint64_t *decided, struct outcomes *ret)
{
	struct hook_walk walk = { eval, decided, ret };
	struct hook_chain *copy = arena_new_array(eval->arena, struct hook_chain, n + 1);
	const struct outcome start = {
		.verdict = VERDICT_ACCEPT, .packet = *packet, .set = eval->set, .last = before
	};

	if (n)
		memcpy(copy, chains, n * sizeof(*copy));
	run_orders(&walk, copy, n, 0, eval->hook, is_first_of_flow, &start);
}

void ruleset_eval_hook(const struct eval *eval, enum family family, const char *device,
	bool is_first_of_flow, const struct packet *packet, const struct step *before,
	uint64_t *decided, struct outcomes *ret)
{
	struct hook_chain *chains;
	size_t n;

	ruleset_hook_chains(eval->arena, eval->rs, family, eval->hook, device, &chains, &n);
	ruleset_eval_chains(eval, chains, n, is_first_of_flow, packet, before, decided, ret);
}
