// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * All packets through all hooks of a ruleset, and what was seen on the way: of each rule what came to it and what it matched. The
 * other files of audit ask that.
 *
 * Each hook is asked by itself, with everything that can come to it at all. What an earlier hook drops, or another
 * program does in between, is not known of a ruleset alone: so a rule may be alive here that is dead on its host, never
 * the other way.
 */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "prove/audit_internal.h"

#define IFACE_BITS                                                                                 \
	(FIELD_BIT(FIELD_IN_IFACE) | FIELD_BIT(FIELD_OUT_IFACE) | FIELD_BIT(FIELD_PHYSDEV_IN) |    \
		FIELD_BIT(FIELD_PHYSDEV_OUT))

struct sets *audit_world(const struct ruleset *rs, const struct ruleset *other,
	const struct assignment *assignments, size_t n_assignments)
{
	const struct ruleset *const both[] = { rs, other };
	struct sets *sets = sets_new(0);

	ruleset_add_to_world(sets, both, other ? 2 : 1);
	for (size_t i = 0; i < n_assignments; i++)
		for (enum field field = FIELD_IN_IFACE; field <= FIELD_PHYSDEV_OUT; field++)
			sets_add_pattern(sets, field, assignments[i].iface);
	sets_seal(sets);
	return sets;
}

/* ---- what was seen ---- */

struct seen_chain *seen_chain(
	const struct audit *audit, const struct table *table, const struct chain *chain)
{
	size_t t = (size_t)(table - audit->rs->tables);

	return &audit->chains[audit->first_of_table[t] + (size_t)(chain - table->chains)];
}

static void record(void *data, const struct table *table, const struct chain *chain,
	const struct rule *rule, struct packet_set reach, struct packet_set matched)
{
	struct audit *audit = data;
	struct seen_chain *seen = seen_chain(audit, table, chain);
	struct seen_rule *one = &seen->rules[rule - chain->rules];

	if (audit->is_following) {
		one->reach = set_or(audit->sets, one->reach, reach);
		if (rule == &chain->rules[chain->n_rules - 1])
			seen->matched_last = set_or(audit->sets, seen->matched_last, matched);
		return;
	}
	seen->places |= 1u << audit->now;
	seen->is_entered |= rule == chain->rules && !set_is_empty(reach);
	if (set_is_empty(matched))
		return;
	one->has_matched = true;
	audit->changed |= ruleset_rule_writes(table, rule);
}

static void make_chains(struct audit *audit)
{
	const struct ruleset *rs = audit->rs;

	audit->first_of_table = arena_new_array(audit->arena, size_t, rs->n_tables + 1);
	for (size_t t = 0; t < rs->n_tables; t++) {
		audit->first_of_table[t] = audit->n_chains;
		audit->n_chains += rs->tables[t].n_chains;
	}
	audit->chains = arena_new_array(audit->arena, struct seen_chain, audit->n_chains + 1);
	for (size_t t = 0; t < rs->n_tables; t++) {
		const struct table *table = &rs->tables[t];

		for (size_t c = 0; c < table->n_chains; c++) {
			struct seen_chain *seen = seen_chain(audit, table, &table->chains[c]);

			seen->table = table;
			seen->chain = &table->chains[c];
			seen->rules = arena_new_array(
				audit->arena, struct seen_rule, table->chains[c].n_rules + 1);
		}
	}
}

static void keep_audit(void *data, struct sets *sets)
{
	const struct audit *audit = data;

	sets_keep(sets, audit->all);
	sets_keep(sets, audit->followed);
	for (size_t p = 0; p < audit->n_places; p++) {
		sets_keep(sets, audit->places[p].asked);
		sets_keep(sets, audit->places[p].passed);
		sets_keep(sets, audit->seen_places[p].open);
		vec_for_each (outcome, &audit->seen_places[p].outcomes)
			sets_keep(sets, outcome->set);
	}
	for (size_t c = 0; c < audit->n_chains; c++) {
		sets_keep(sets, audit->chains[c].potential);
		sets_keep(sets, audit->chains[c].matched_last);
		for (size_t r = 0; r < audit->chains[c].chain->n_rules; r++) {
			sets_keep(sets, audit->chains[c].rules[r].reach);
			sets_keep(sets, audit->chains[c].rules[r].self);
		}
	}
	if (audit->twin)
		keep_audit(audit->twin, sets);
	if (audit->other)
		keep_audit(audit->other, sets);
}

void audit_collect(struct audit *audit)
{
	struct set_keeper keeper = { .keep = keep_audit, .data = audit };

	if (!sets_should_collect(audit->sets))
		return;
	sets_push_keeper(audit->sets, &keeper);
	sets_collect(audit->sets, NULL, 0);
	sets_pop_keeper(audit->sets);
}

/* ---- through the hooks ---- */

/* Everything that can come to a hook. */
static struct packet_set all_at(const struct audit *audit, enum hook hook)
{
	struct sets *sets = audit->sets;
	bool has_in = hook != HOOK_OUTPUT && hook != HOOK_POSTROUTING;
	bool has_out = hook == HOOK_OUTPUT || hook == HOOK_POSTROUTING || hook == HOOK_FORWARD;
	struct packet_set no_in = set_of_name(sets, FIELD_IN_IFACE, NULL);
	struct packet_set no_out = set_of_name(sets, FIELD_OUT_IFACE, NULL);
	struct packet_set all = audit->all;

	/* the loopback device is in no bridge */
	all = set_minus(sets, all,
		set_minus(sets, set_of_name(sets, FIELD_IN_IFACE, "lo"),
			set_of_name(sets, FIELD_PHYSDEV_IN, NULL)));
	all = has_in ? set_minus(sets, all, no_in) : set_and(sets, all, no_in);
	return has_out ? set_minus(sets, all, no_out) : set_and(sets, all, no_out);
}

/* A boolean for what a target does that nobody models, or a program. */
static struct packet_set let_pass(const struct audit *audit, const struct outcome *outcome)
{
	struct text words CLEANUP(text_done) = TEXT_INIT;

	if (outcome->rule) {
		const struct rule bare = { .target = outcome->rule->target };

		table_print_rule(&words, outcome->table, &bare);
		text_add(&words, " lets it pass");
	} else {
		text_addf(&words, "passes: %s", outcome->why ? outcome->why : "not known");
	}
	return set_and(audit->sets, outcome->set,
		set_of_extra(audit->sets, sets_add_extra(audit->sets, words.data)));
}

/*
 * What a rule that chose a zone left of INVALID packets (nf_conntrack_tmpl: a new flow of nobody's, whose addresses are zero) is
 * theirs until conntrack is asked: then they are INVALID again.
 */
static struct packet_set looked_up(
	const struct audit *audit, struct packet_set set, struct packet_set asked)
{
	struct sets *sets = audit->sets;
	const struct addr zero = { .family = audit->family };
	struct packet_set templates = set_and(sets, set, set_of_ct_states(sets, CT_NEW)), again;

	templates = set_and(sets, templates, set_of_addr(sets, FIELD_CT_ORIG_SRC, &zero));
	templates = set_and(sets, templates, set_of_addr(sets, FIELD_CT_ORIG_DST, &zero));
	templates =
		set_and(sets, templates, set_of_number(sets, FIELD_CT_STATUS, CT_STATUS_CONFIRMED));
	again = set_and(sets, asked, set_forget(sets, templates, FIELDS_OF_FLOW));
	again = set_and(sets, again, set_of_ct_states(sets, CT_INVALID));
	return set_or(sets, set_minus(sets, set, templates), again);
}

/* What is held while the chains in front of conntrack work. */
struct held {
	struct packet_set packets;
	const struct outcomes *outcomes;
};

static void keep_held(void *data, struct sets *sets)
{
	const struct held *held = data;

	sets_keep(sets, held->packets);
	vec_for_each (outcome, held->outcomes)
		sets_keep(sets, outcome->set);
}

/* Conntrack is asked between the chains of a hook. */
static void run_place(const struct audit *audit, struct eval *eval, const struct audit_place *place,
	uint64_t *decided, struct outcomes *ret)
{
	struct held held = { eval->set, ret };
	struct set_keeper keeper = { .keep = keep_held, .data = &held };
	size_t n = place->n_chains, n_early = 0;
	struct packet_set passed = SET_EMPTY;
	struct outcomes early = { 0 };

	while ((place->hook == HOOK_PREROUTING || place->hook == HOOK_OUTPUT) && n_early < n &&
		place->chains[n_early].type != CHAIN_NAT &&
		place->chains[n_early].priority < PRIORITY_CONNTRACK)
		n_early++;
	if (n_early == 0 || n_early == n) {
		ruleset_eval_chains(
			eval, place->chains, n, true, &audit->packet, NULL, decided, ret);
		return;
	}
	sets_push_keeper(audit->sets, &keeper);
	ruleset_eval_chains(
		eval, place->chains, n_early, true, &audit->packet, NULL, decided, &early);
	sets_pop_keeper(audit->sets);
	vec_for_each (outcome, &early)
		if (outcome->verdict == VERDICT_ACCEPT)
			passed = set_or(audit->sets, passed, outcome->set);
		else
			*vec_push(ret, audit->arena) = *outcome;
	eval->set = looked_up(audit, passed, held.packets);
	ruleset_eval_chains(eval, place->chains + n_early, n - n_early, true, &audit->packet, NULL,
		decided, ret);
}

#define OPEN_VERDICTS (VERDICT_BIT(VERDICT_CANNOT_TELL) | VERDICT_BIT(VERDICT_STOLEN))

static void let_open_pass(const struct audit *audit, struct outcomes *outcomes)
{
	vec_for_each (outcome, outcomes)
		if (VERDICT_BIT(outcome->verdict) & OPEN_VERDICTS)
			outcome->set = let_pass(audit, outcome);
}

static struct eval eval_at(
	const struct audit *audit, const struct audit_place *place, struct packet_set packets)
{
	return (struct eval){ .arena = audit->arena,
		.rs = audit->rs,
		.hook = place->hook,
		.sets = audit->sets,
		.is_blind_to_zones = true,
		.set = packets };
}

void audit_outcomes(const struct audit *audit, const struct audit_place *place,
	struct packet_set packets, struct outcomes *ret)
{
	struct eval eval = eval_at(audit, place, set_and(audit->sets, place->asked, packets));

	run_place(audit, &eval, place, NULL, ret);
	let_open_pass(audit, ret);
}

static void send_through(
	struct audit *audit, size_t p, struct packet_set packets, struct outcomes *ret)
{
	const struct audit_place *place = &audit->places[p];
	struct eval eval = eval_at(audit, place, packets);
	struct set_keeper keeper = { .keep = keep_audit, .data = audit };

	eval.may_collect = eval.is_blind_to_rules = true;
	eval.record = record;
	eval.data = audit;
	audit->now = p;
	sets_push_keeper(audit->sets, &keeper);
	run_place(audit, &eval, place, &audit->decided, ret);
	sets_pop_keeper(audit->sets);
}

void audit_follow(struct audit *audit, struct packet_set packets)
{
	struct sets *sets = audit->sets;

	audit->followed = set_forget(sets, packets, audit->changed);
	audit->is_following = true;
	for (size_t p = 0; p < audit->n_places; p++) {
		struct outcomes outcomes = { 0 };

		send_through(audit, p, set_and(sets, audit->places[p].asked, audit->followed),
			&outcomes);
	}
	audit->is_following = false;
}

static void ask_place(struct audit *audit, size_t p)
{
	struct audit_place *place = &audit->places[p];
	struct seen_place *seen = &audit->seen_places[p];
	struct sets *sets = audit->sets;

	place->asked = all_at(audit, place->hook);
	for (size_t i = 0; i < place->n_chains; i++) {
		seen_chain(audit, place->chains[i].table, place->chains[i].chain)->is_base = true;
		seen_chain(audit, place->chains[i].table, place->chains[i].chain)->places |= 1u
											     << p;
		place->is_order_unknown |= place->chains[i].is_order_unknown;
	}
	send_through(audit, p, place->asked, &seen->outcomes);
	seen->open = outcomes_set(sets, &seen->outcomes, VERDICT_BIT(VERDICT_CANNOT_TELL));
	let_open_pass(audit, &seen->outcomes);
	place->passed =
		outcomes_set(sets, &seen->outcomes, VERDICT_BIT(VERDICT_ACCEPT) | OPEN_VERDICTS);
}

/* ---- which place ---- */

static bool is_of_family(const struct audit *audit, const struct table *table)
{
	return table->family == audit->family || table->family == FAMILY_INET;
}

static void add_place(struct audit *audit, enum hook hook, const struct chain *only)
{
	struct audit_place *place = &audit->places[audit->n_places];
	struct hook_chain *chains;
	size_t n;

	ruleset_hook_chains(audit->arena, audit->rs, audit->family, hook, NULL, &chains, &n);
	for (size_t i = 0; only && i < n; i++)
		if (chains[i].chain == only) {
			chains[i].is_order_unknown = false;
			*place = (struct audit_place){
				.hook = hook, .chains = &chains[i], .n_chains = 1
			};
			audit->n_places++;
			return;
		}
	if (only || !n)
		return;
	*place = (struct audit_place){ .hook = hook, .chains = chains, .n_chains = n };
	audit->n_places++;
}

static void list_chains(const struct audit *audit, struct text *out)
{
	for (enum hook hook = HOOK_PREROUTING; hook <= HOOK_POSTROUTING; hook++) {
		struct hook_chain *chains;
		size_t n;

		ruleset_hook_chains(
			audit->arena, audit->rs, audit->family, hook, NULL, &chains, &n);
		for (size_t i = 0; i < n && out->len < 300; i++)
			text_addf(out, "%s%s/%s", out->len ? ", " : "", chains[i].table->name,
				chains[i].chain->name);
	}
}

/* Of TABLE/CHAIN. Several tables may have the name: of inet, of two programs. */
static bool add_chain_place(struct audit *audit, const char *words, struct err *err)
{
	const char *slash = strchr(words, '/');
	struct text list CLEANUP(text_done) = TEXT_INIT;

	for (size_t t = 0; slash && t < audit->rs->n_tables; t++) {
		const struct table *table = &audit->rs->tables[t];
		const struct chain *chain = table_chain(table, slash + 1);

		if (!chain || !is_of_family(audit, table) ||
			strlen(table->name) != (size_t)(slash - words) ||
			strncmp(table->name, words, (size_t)(slash - words)) != 0)
			continue;
		add_place(audit, ruleset_chain_hook(chain), chain);
		if (audit->n_places)
			return true;
	}
	list_chains(audit, &list);
	err_input(err, "%s is no hook and no base chain of %s here", words,
		family_name(audit->family));
	return err_next(err, "hooks are prerouting, input, forward, output, postrouting; %s%s",
		list.len ? "base chains are " : "there are no base chains", list.data);
}

static bool add_places(struct audit *audit, const char *words, struct err *err)
{
	for (enum hook hook = HOOK_PREROUTING; hook <= HOOK_POSTROUTING; hook++) {
		if (words && strcmp(words, hook_name(hook)) != 0)
			continue;
		add_place(audit, hook, NULL);
		if (words)
			return true;
	}
	audit->is_everywhere = !words;
	return !words || add_chain_place(audit, words, err);
}

static bool make(struct arena *arena, struct sets *sets, const struct ruleset *rs,
	enum family family, const char *place, struct audit *other, struct audit **ret,
	struct err *err)
{
	struct audit *audit = arena_new_one(arena, struct audit);
	unsigned ethertype = family == FAMILY_IPV6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4;

	audit->arena = arena;
	audit->sets = sets;
	audit->rs = rs;
	audit->family = family;
	audit->other = other;
	audit->packet.unknown = IFACE_BITS;
	audit->packet.src.family = audit->packet.dst.family = family;
	audit->all = set_and(sets, sets_real(sets), set_of_family(sets, family));
	audit->all = set_and(sets, audit->all, set_of_number(sets, FIELD_ETHERTYPE, ethertype));
	make_chains(audit);
	if (!add_places(audit, place, err))
		return false;
	for (size_t p = 0; p < audit->n_places; p++) {
		ask_place(audit, p);
		if (!sets_ok(sets, err)) {
			err_prefix(err, "%s %s", family_name(family),
				hook_name(audit->places[p].hook));
			return place ? false
				     : err_next(err, "ask less at once: --chain forward, or one "
						     "chain as --chain filter/FORWARD");
		}
		audit_collect(audit);
	}
	*ret = audit;
	return true;
}

static bool asks_inet(const struct audit *audit)
{
	for (size_t p = 0; p < audit->n_places; p++)
		for (size_t i = 0; i < audit->places[p].n_chains; i++)
			if (audit->places[p].chains[i].table->family == FAMILY_INET)
				return true;
	return false;
}

bool audit_new(struct arena *arena, struct sets *sets, const struct ruleset *rs, enum family family,
	const char *place, struct audit *other, struct audit **ret, struct err *err)
{
	enum family twins = family == FAMILY_IPV4 ? FAMILY_IPV6 : FAMILY_IPV4;
	struct audit *audit = NULL;

	if (!make(arena, sets, rs, family, place, other, &audit, err))
		return false;
	if (asks_inet(audit)) {
		if (!make(arena, sets, rs, twins, place, audit, &audit->twin, err))
			return false;
		audit->twin->other = NULL;
	}
	*ret = audit;
	return true;
}

const struct audit_place *audit_places(const struct audit *audit, size_t *ret_n)
{
	*ret_n = audit->n_places;
	return audit->places;
}

/* ---- rules in words ---- */

struct audit_rule audit_rule_of(const struct outcome *outcome)
{
	return (struct audit_rule){ outcome->table, outcome->chain, outcome->rule,
		outcome->rule ? (size_t)(outcome->rule - outcome->chain->rules) + 1 : 0 };
}

void audit_rule_print(struct text *out, const struct audit_rule *rule)
{
	if (rule->rule)
		text_addf(out, "rule %zu of %s %s", rule->number, rule->table->name,
			rule->chain->name);
	else
		text_addf(out, "the policy of %s %s", rule->table->name, rule->chain->name);
}

void audit_rule_print_text(struct text *out, const struct audit_rule *rule)
{
	if (!rule->rule) {
		text_addf(out, "policy %s", rule->chain->policy ? rule->chain->policy : "accept");
		return;
	}
	if (rule->table->source != SOURCE_NFT)
		text_addf(out, "-A %s ", rule->chain->name);
	table_print_rule(out, rule->table, rule->rule);
}

struct owner audit_rule_owner(struct arena *arena, const struct audit_rule *rule)
{
	return owner_of_rule(arena, rule->table, rule->chain, rule->rule);
}

/* ---- what it allows ---- */

static struct packet_set first_packets(struct sets *sets, enum family family, uint8_t proto)
{
	struct packet_set all = set_of_number(sets, FIELD_PROTO, proto);

	all = set_and(sets, all, set_of_family(sets, family));
	all = set_and(sets, all, set_of_ct_states(sets, CT_NEW));
	all = set_and(sets, all, set_of_number(sets, FIELD_FRAGMENT, 0));
	return set_and(sets, all, sets_real(sets));
}

#define SERVICE_SPORT 10000

static bool refuse_service(const char *words, struct err *err)
{
	err_input(err, "service %s: must be PROTOCOL, PROTOCOL/PORT or PROTOCOL/FIRST-LAST", words);
	return err_next(err, "as tcp/443, udp/53, tcp/8000-8080, icmp, esp");
}

/* "443", "8000-8080" */
static bool read_ports(const char *words, uint32_t *ret_first, uint32_t *ret_last)
{
	struct text first CLEANUP(text_done) = TEXT_INIT;
	const char *dash = strchr(words, '-');

	text_add_n(&first, words, dash ? (size_t)(dash - words) : strlen(words));
	return text_to_u32(first.data, 0, 65535, ret_first) &&
	       text_to_u32(dash ? dash + 1 : words, *ret_first, 65535, ret_last);
}

bool audit_service_parse(struct sets *sets, enum family family, const char *words,
	struct service *ret, struct err *err)
{
	struct text name CLEANUP(text_done) = TEXT_INIT;
	const char *slash = strchr(words, '/');
	struct packet_set asked;
	uint32_t first, last;
	uint8_t proto;

	text_add_n(&name, words, slash ? (size_t)(slash - words) : strlen(words));
	if (!proto_parse(name.data, family, &proto))
		return refuse_service(words, err);
	asked = first_packets(sets, family, proto);
	if (proto == PROTO_TCP)
		asked = set_and(sets, asked, set_of_number(sets, FIELD_TCP_FLAGS, TCP_SYN));
	if (slash && (!proto_has_ports(proto) || !read_ports(slash + 1, &first, &last)))
		return refuse_service(words, err);
	if (proto_has_ports(proto))
		asked = set_and(sets, asked, set_of_number(sets, FIELD_SPORT, SERVICE_SPORT));
	if (slash)
		asked = set_and(sets, asked, set_of_numbers(sets, FIELD_DPORT, first, last));
	*ret = (struct service){ words, asked };
	return true;
}

bool audit_matrix(const struct audit *audit, const struct audit_place *place,
	const struct service *services, size_t n_services, struct packet_set among,
	struct arena *arena, struct service_matrix *ret, struct err *err)
{
	struct service *asked = arena_new_array(arena, struct service, n_services);
	const struct matrix_query query = { .family = audit->family,
		.accepted = place->passed,
		.addresses = SET_FULL,
		.services = asked,
		.n_services = n_services };

	among = set_and(audit->sets, among, place->asked);
	for (size_t i = 0; i < n_services; i++) {
		asked[i] = services[i];
		asked[i].asked = set_and(audit->sets, asked[i].asked, among);
	}
	return service_matrix_make(audit->sets, &query, arena, ret, err);
}

void audit_find_open(
	const struct audit *audit, struct arena *arena, struct audit_open **ret, size_t *ret_n)
{
	VEC(struct audit_open) found = { 0 };

	for (size_t p = 0; p < audit->n_places; p++)
		vec_for_each (outcome, &audit->seen_places[p].outcomes) {
			const struct audit_open one = { audit_rule_of(outcome), outcome->why };
			bool is_there = outcome->verdict != VERDICT_CANNOT_TELL;

			vec_for_each (other, &found)
				is_there |= other->rule.rule == one.rule.rule &&
					    other->rule.chain == one.rule.chain;
			if (!is_there)
				*vec_push(&found, arena) = one;
		}
	*ret = found.items;
	*ret_n = found.n;
}
