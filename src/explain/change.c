// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The smallest change that flips a verdict. Nothing is offered that was not tried: of every reason
 * why packets get lost or rewritten there are a few changes that may help, from the one that its
 * owner would make to the one that goes round it; each is made in a copy of the host, and the walk
 * is asked again. Behind one obstacle there may be a second one: then two changes are needed.
 */
#include <string.h>

#include "explain/internal.h"
#include "explain/report_internal.h"

#define CHANGES_MAX    4  /* in one answer: who needs more has another problem */
#define CANDIDATES_MAX 12 /* for one obstacle */
#define TRIALS_MAX     60 /* walks of other versions of the host */

/* A change and the host with it. */
struct candidate {
	struct change change;
	const struct host *host;
};

struct search {
	struct arena *arena;
	const struct host *host;
	const struct explanation *explanation; /* of that host */
	bool is_bridged_only;		       /* a router's rewriting is meant */
	bool is_bypass; /* rules that go round a security group are tried, too */
	struct candidate candidates[CANDIDATES_MAX];
	size_t n;
};

/* What cannot be done (a rule that cannot be written) is no way out: there are others. */
static void add_candidate(struct search *search, struct change change)
{
	struct text command CLEANUP(text_done) = TEXT_INIT;
	const struct host *host;
	struct err err;

	if (search->n == CANDIDATES_MAX ||
		!host_edited(search->arena, search->host, change.ns, &change.edit, 1, &host, &err))
		return;
	if (!change.command) {
		host_edit_print_command(&command, &change.edit);
		change.command = arena_strdup(search->arena, command.data);
	}
	search->candidates[search->n++] = (struct candidate){ change, host };
}

/* --- rules --- */

static void add_own_rule(struct search *search, const struct node *node, struct host_edit edit,
	enum change_kind kind, const char *words, const char *note)
{
	add_candidate(search,
		(struct change){
			.kind = kind, .ns = node->ns, .words = words, .note = note, .edit = edit });
}

/* The place in the base chain from which the packet went where it was lost. */
static size_t base_place(const struct node *node)
{
	for (const struct step *step = node->steps; step; step = step->before)
		if (step->chain == node->chain && step->rule)
			return (size_t)(step->rule - node->chain->rules);
	return node->rule && node->rule_chain == node->chain
		       ? (size_t)(node->rule - node->chain->rules)
		       : node->chain->n_rules;
}

static bool passes_chain(const struct node *node, const char *name)
{
	const struct chain *chain = table_chain(node->table, name);

	for (const struct step *step = node->steps; chain && step; step = step->before)
		if (step->rule && step->rule->target.kind == TARGET_JUMP &&
			strcmp(step->rule->target.chain, name) == 0)
			return true;
	return false;
}

static const char *accept_rule(struct arena *arena, const struct node *node)
{
	struct text rule CLEANUP(text_done) = TEXT_INIT;

	packet_print_matches(&rule, node->table, node->packet,
		MATCHED_DEVICES | MATCHED_SRC | MATCHED_DST | MATCHED_SERVICE);
	text_add(&rule, node->table->source == SOURCE_NFT ? " accept" : " -j ACCEPT");
	return arena_strdup(arena, rule.data + 1);
}

static const char *accept_words(struct arena *arena, const struct node *node, const char *chain)
{
	struct text service CLEANUP(text_done) = TEXT_INIT;

	packet_print_service(&service, node->packet);
	return arena_printf(arena, "a rule in chain %s of table %s that accepts just this: %s",
		chain, node->table->name, service.data);
}

/* A narrow rule in front of what takes the packet. */
static void add_accepts(
	struct search *search, const struct node *node, const struct owner *owner, bool is_of_group)
{
	const char *rule = accept_rule(search->arena, node);
	const struct chain *user = table_chain(node->table, "DOCKER-USER");
	struct host_edit edit = host_edit_of_rule(
		search->arena, node->table, node->chain, base_place(node), rule, false);
	const char *note = NULL;

	/* rules are not written in ebtables' words */
	if (node->table->source == SOURCE_EBTABLES || node->table->source == SOURCE_EBTABLES_LEGACY)
		return;
	/* the one chain that Docker leaves to others */
	if (user && node->table->source != SOURCE_NFT && passes_chain(node, user->name)) {
		add_own_rule(search, node,
			host_edit_of_rule(search->arena, node->table, user, 0, rule, false),
			CHANGE_RULE, accept_words(search->arena, node, user->name),
			"Docker keeps what others put into DOCKER-USER");
	}
	if (is_of_group)
		note = arena_printf(search->arena,
			"this goes round the port's security groups, and %s may put its own rules "
			"in front of it again",
			owner->name);
	else if (owner->is_known)
		note = arena_printf(search->arena,
			"%s may put its own rules in front of it again, or take it away",
			owner->name);
	add_own_rule(search, node, edit, CHANGE_RULE,
		accept_words(search->arena, node, node->chain->name), note);
}

static void add_rule_changes(struct search *search, const struct node *node)
{
	struct owner owner =
		owner_of_rule(search->arena, node->table, node->rule_chain, node->rule);
	struct group_port port;
	struct change change;
	bool is_of_group = group_port_find(node, &port);

	if (!node->packet->src.family && packet_inner_ethertype(node->packet) == ETHERTYPE_ARP)
		return; /* rules for ARP are of another kind */
	if (is_of_group &&
		(group_rule_change(search->arena, node, &port, &owner, &change) ||
			address_pair_change(search->arena, node, &port, &owner, &change)))
		add_candidate(search, change);
	if (!is_of_group || search->is_bypass)
		add_accepts(search, node, &owner, is_of_group);
}

/* --- rewriting --- */

const char *bridge_pattern(const char *bridge, bool is_nft)
{
	if (text_has_prefix(bridge, "qbr"))
		return is_nft ? "qbr*" : "qbr+";
	return bridge;
}

static const char *exception_rule(struct arena *arena, const struct node *node, bool is_bridged)
{
	const struct packet *packet = node->packet;
	bool is_nft = node->table->source == SOURCE_NFT;
	const char *end = is_nft ? "return" : "-j RETURN";
	struct text rule CLEANUP(text_done) = TEXT_INIT;

	if (is_bridged && packet->out_iface) {
		return arena_printf(arena, is_nft ? "oifname \"%s\" %s" : "-o %s %s",
			bridge_pattern(packet->out_iface, is_nft), end);
	}
	if (is_bridged && packet->in_iface) {
		return arena_printf(arena, is_nft ? "iifname \"%s\" %s" : "-i %s %s",
			bridge_pattern(packet->in_iface, is_nft), end);
	}
	packet_print_matches(&rule, node->table, packet,
		MATCHED_DEVICES | MATCHED_SRC | MATCHED_DST | MATCHED_SERVICE);
	return arena_printf(arena, "%s %s", rule.data + 1, end);
}

/* The rewriting rule is spared this packet; what else it is for stays. */
static void add_nat_exception(
	struct search *search, const struct node *nat, const struct node *node)
{
	bool is_of_bridge = node_is_bridged(nat);
	struct host_edit edit = host_edit_of_rule(search->arena, node->table, node->chain, 0,
		exception_rule(search->arena, node, is_of_bridge), false);

	add_own_rule(search, node, edit, CHANGE_NAT_EXCEPTION,
		arena_printf(search->arena, "a first rule in chain %s of table %s that spares %s",
			node->chain->name, node->table->name,
			is_of_bridge ? "bridged packets" : "just this packet"),
		is_of_bridge
			? NULL
			: "what is not rewritten must find its way back: the other side needs a "
			  "route to its source");
}

static void add_nat_exceptions(struct search *search, bool is_bridged_only)
{
	for (const struct node *node = search->explanation->leaf->last; node; node = node->before) {
		const struct node *by = node->kind == NODE_NAT ? node_rewriter(node) : NULL;

		if (by && (!is_bridged_only || node_is_bridged(node)))
			add_nat_exception(search, node, by);
	}
}

static bool has_bridged_rewriting(const struct leaf *leaf)
{
	for (const struct node *node = leaf->last; node; node = node->before)
		if (node->kind == NODE_NAT && node_is_bridged(node) && node_rewriter(node))
			return true;
	return false;
}

/* --- settings --- */

static void add_sysctl(struct search *search, const struct node *node, const char *name,
	const char *value, const char *words)
{
	add_candidate(search, (struct change){ .kind = CHANGE_SYSCTL,
				      .ns = node->ns,
				      .words = words,
				      .edit = { .kind = HOST_EDIT_SYSCTL,
					      .name = name,
					      .value = value,
					      .before = netns_sysctl(node->ns, name) } });
}

static void add_link(struct search *search, const struct node *node, enum link_flag flag, bool on,
	const char *words)
{
	add_candidate(search, (struct change){ .kind = CHANGE_LINK,
				      .ns = node->ns,
				      .words = words,
				      .edit = { .kind = HOST_EDIT_LINK,
					      .name = node->link->name,
					      .flag = flag,
					      .value = on ? "on" : "off",
					      .before = on ? "off" : "on" } });
}

/* A flag of a bridge port, as bridge(8) names it. */
static void add_port_flag(
	struct search *search, const struct node *node, enum link_flag flag, bool on)
{
	add_link(search, node, flag, on,
		arena_printf(search->arena, "%s %s at the bridge port %s", link_flag_name(flag),
			on ? "on" : "off", node->link->name));
}

static void add_link_up(struct search *search, const struct node *node)
{
	if (!node->link->is_up) /* else its cable, or the other end: nothing to set here */
		add_link(search, node, LINK_FLAG_UP, true,
			arena_printf(search->arena, "%s up", node->link->name));
}

static void add_setting_changes(struct search *search, enum drop drop, const struct node *node)
{
	bool is_ipv6 = node->packet->ethertype == ETHERTYPE_IPV6;

	if (!node->link)
		return;
	switch (drop) {
	case DROP_RP_FILTER:
		add_sysctl(search, node,
			link_conf_name(search->arena, "ipv4", node->link, "rp_filter"), "2",
			"a loose source check: any way back to the source will do");
		return;
	case DROP_FORWARDING_OFF:
		add_sysctl(search, node,
			is_ipv6 ? "net.ipv6.conf.all.forwarding"
				: link_conf_name(search->arena, "ipv4", node->link, "forwarding"),
			"1", "forwarding on: the host is a router then");
		return;
	case DROP_LINK_DOWN:
		add_link_up(search, node);
		return;
	case DROP_BRIDGE_ISOLATED:
		add_port_flag(search, node, LINK_FLAG_ISOLATED, false);
		return;
	case DROP_BRIDGE_LOCKED:
		add_port_flag(search, node, LINK_FLAG_LOCKED, false);
		return;
	case DROP_BRIDGE_HAIRPIN:
		add_port_flag(search, node, LINK_FLAG_HAIRPIN, true);
		return;
	default:
		return;
	}
}

/* --- the search --- */

static bool is_lost(enum final final)
{
	return final == FINAL_DROPPED || final == FINAL_REJECTED || final == FINAL_CONSUMED;
}

static void find_candidates(
	struct search *search, const struct host *host, const struct explanation *explanation)
{
	const struct leaf *leaf = explanation->leaf;
	const struct node *decider = leaf_decider(leaf);

	search->host = host;
	search->explanation = explanation;
	search->n = 0;
	if (explanation->final == FINAL_REWRITTEN) {
		add_nat_exceptions(search, search->is_bridged_only);
		return;
	}
	/* what was rewritten on a bridge is lost because of that, if a rule then does not know it */
	add_nat_exceptions(search, true);
	if (decider)
		add_rule_changes(search, decider);
	else if (leaf->last)
		add_setting_changes(search, leaf->drop, leaf->last);
}

/*
 * A host with some changes in it, and what becomes of the packet there. States are tried in the
 * order of their number of changes, those of one number in the order of the candidates: the first
 * one that delivers the packet is the smallest change.
 */
struct state {
	const struct state *before; /* NULL: the host as it is */
	struct change change;	    /* that leads from there to here */
	unsigned n_changes;
	const struct host *host;
	struct query query;
	const struct explanation *explanation;
};

/* One chain may have two obstacles, one behind the other. */
static size_t n_steps(const struct node *last)
{
	size_t n = 0;

	for (; last; last = last->before)
		for (const struct step *step = last->kind == NODE_CHAIN ? last->steps : NULL; step;
			step = step->before)
			n++;
	return n;
}

static bool is_same_end(const struct explanation *a, const struct explanation *b)
{
	const struct node *x = a->leaf->last, *y = b->leaf->last;

	return a->final == b->final && a->leaf->drop == b->leaf->drop && x->depth == y->depth &&
	       n_steps(x) == n_steps(y) && addr_compare(&x->packet->src, &y->packet->src) == 0 &&
	       addr_compare(&x->packet->dst, &y->packet->dst) == 0;
}

/* false: it leads to nothing that is not there already. */
static bool try_candidate(struct search *search, const struct state *states, size_t n,
	const struct state *before, const struct candidate *candidate, struct state *ret)
{
	struct state state = { .before = before,
		.change = candidate->change,
		.n_changes = before->n_changes + 1,
		.host = candidate->host };

	state.query = query_moved(search->arena, &before->query, before->host, candidate->host);
	state.explanation =
		explain(search->arena, explainer_new(search->arena, candidate->host), &state.query);
	for (size_t i = 0; i < n; i++)
		if (is_same_end(states[i].explanation, state.explanation))
			return false;
	*ret = state;
	return true;
}

/* As it was, or as far as the host itself, where only a program is missing. */
static bool is_arrived(const struct explanation *before, const struct explanation *after)
{
	return after->final == FINAL_DELIVERED ||
	       (after->leaf->drop == DROP_NO_SOCKET && before->leaf->drop != DROP_NO_SOCKET &&
		       is_lost(before->final) && !has_bridged_rewriting(after->leaf));
}

static void tell(struct search *search, const struct state *state, struct changes *ret)
{
	struct change *items = arena_new_array(search->arena, struct change, CHANGES_MAX);

	ret->items = items;
	ret->n = state->n_changes;
	ret->after = state->explanation->final;
	ret->after_drop = state->explanation->leaf->drop;
	for (; state->before; state = state->before)
		items[state->n_changes - 1] = state->change;
}

static void search_changes(struct search *search, const struct host *host,
	const struct query *query, const struct explanation *explanation, struct changes *ret)
{
	struct state *states = arena_new_array(search->arena, struct state, TRIALS_MAX + 1);
	unsigned max_changes = CHANGES_MAX;
	size_t n = 1;

	states[0] = (struct state){ .host = host, .query = *query, .explanation = explanation };
	for (size_t at = 0; at < n && states[at].n_changes < max_changes; at++) {
		find_candidates(search, states[at].host, states[at].explanation);
		for (size_t i = 0; i < search->n && n <= TRIALS_MAX; i++) {
			struct state *state = &states[n];

			if (!try_candidate(
				    search, states, n, &states[at], &search->candidates[i], state))
				continue;
			if (is_arrived(explanation, state->explanation)) {
				tell(search, state, ret);
				return;
			}
			if (is_lost(state->explanation->final))
				n++;
			if (!is_lost(explanation->final) || ret->n ||
				state->explanation->final != FINAL_REWRITTEN)
				continue;
			/* through; one change more may spare it the rewriting, if that is a bridge's */
			tell(search, state, ret);
			if (!has_bridged_rewriting(state->explanation->leaf))
				return;
			max_changes = state->n_changes + 1;
			n++;
		}
	}
}

void changes_find(struct arena *arena, const struct explainer *explainer, const struct query *query,
	const struct explanation *explanation, struct changes *ret)
{
	struct search search = { .arena = arena, .is_bridged_only = is_lost(explanation->final) };

	if (!is_lost(explanation->final) && explanation->final != FINAL_REWRITTEN)
		return;
	search_changes(&search, explainer->host, query, explanation, ret);
	/* two rules where they belong are better than one that goes round them */
	search.is_bypass = true;
	if (!ret->n)
		search_changes(&search, explainer->host, query, explanation, ret);
}
