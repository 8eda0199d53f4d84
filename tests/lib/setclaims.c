// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Packets change on their way: marks, conntrack's fields, DNAT's destination, a hop less. What a rule matched is kept as
 * the packets were when they were sent. For fields that begin with one value in all packets (marks, states) that is
 * to forget them; of a destination that was rewritten it is to forget it and to take those that went that way. The hop is put
 * back. The interface by which a packet will leave is a choice of the test, so it is open until the packet is routed.
 */
#include "setclaims.h"

#include <string.h>

#include "setclaims_internal.h"
#include "unit.h"

/* What all packets begin with, whatever is sent. */
#define STATE_BITS                                                                                 \
	(FIELD_BIT(FIELD_MARK) | FIELD_BIT(FIELD_CT_STATE) | FIELD_BIT(FIELD_CT_MARK) |            \
		FIELD_BIT(FIELD_CT_STATUS) | FIELD_BIT(FIELD_CT_DIRECTION))
/* What rules see of a flow before conntrack was asked: a template's. */
#define ORIG_BITS                                                                                  \
	(FIELD_BIT(FIELD_CT_ORIG_SRC) | FIELD_BIT(FIELD_CT_ORIG_DST) |                             \
		FIELD_BIT(FIELD_CT_ORIG_SPORT) | FIELD_BIT(FIELD_CT_ORIG_DPORT))
/* They begin with one value where a rule writes them. */
#define FIXED_BITS (FIELD_BIT(FIELD_TOS) | FIELD_BIT(FIELD_TTL))

enum stage { PREROUTING_EARLY, PREROUTING, INPUT, FORWARD, OUTPUT_EARLY, OUTPUT, POSTROUTING };
static const enum hook hook_of[] = { HOOK_PREROUTING, HOOK_PREROUTING, HOOK_INPUT, HOOK_FORWARD,
	HOOK_OUTPUT, HOOK_OUTPUT, HOOK_POSTROUTING };

/* Packets that went one way so far. */
struct branch {
	struct packet packet; /* their zone */
	struct packet_set live;
	struct packet_set origin; /* of those as they were sent, which may have gone here */
	uint64_t written;
	struct nat nat;
	bool is_first; /* of a flow */
	bool is_tracked, is_routed, is_of_host;
};

struct branches {
	VEC(struct branch);
};

/* ---- where packets begin ---- */

static struct packet_set number(struct set_claims *c, enum field field, uint64_t value)
{
	return set_of_number(c->sets, field, value);
}

static void narrow(struct set_claims *c, struct packet_set *set, struct packet_set to)
{
	*set = set_and(c->sets, *set, to);
}

static void without(struct set_claims *c, struct packet_set *set, struct packet_set what)
{
	*set = set_minus(c->sets, *set, what);
}

static struct packet_set prefix(struct set_claims *c, enum field field, const char *text)
{
	struct prefix prefix;

	assert_true(prefix_parse(text, &prefix));
	return set_of_prefix(c->sets, field, &prefix);
}

static struct packet_set own_addresses(struct set_claims *c, enum field field)
{
	const struct router *router = c->setting->router;
	struct packet_set all = SET_EMPTY;

	for (size_t i = 0; i < router->n_ports; i++)
		all = set_or(c->sets, all,
			set_of_addr(c->sets, field, &router->ports[i].addrs[c->setting->family]));
	return all;
}

/* As rulepackets.c has them. */
static struct packet_set usable(struct set_claims *c, enum field field)
{
	static const char *const none[] = { "0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/3",
		"198.51.100.0/24" };
	struct packet_set all = SET_FULL;

	for (size_t i = 0; i < N_OF(none) && c->setting->family == FAMILY_IPV4; i++)
		without(c, &all, prefix(c, field, none[i]));
	if (c->setting->family == FAMILY_IPV6) {
		all = set_or(c->sets, prefix(c, field, "2000::/3"),
			set_or(c->sets, prefix(c, field, "4000::/2"),
				prefix(c, field, "8000::/1")));
		without(c, &all, prefix(c, field, "fd00::/8"));
		without(c, &all, prefix(c, field, "fe00::/7"));
	}
	return all;
}

static struct packet_set names(struct set_claims *c, enum field field)
{
	const struct router *router = c->setting->router;
	struct packet_set all = SET_EMPTY;

	for (size_t i = 0; i < router->n_ports; i++)
		all = set_or(c->sets, all, set_of_name(c->sets, field, router->ports[i].name));
	return all;
}

static struct packet_set sendable_protos(struct set_claims *c)
{
	static const uint8_t none[] = { 0, 2, 41, 43, 44, 50, 51, 60 };
	bool is_v6 = c->setting->family == FAMILY_IPV6;
	struct packet_set all = SET_FULL, icmp;

	for (size_t i = 0; i < N_OF(none); i++)
		without(c, &all, number(c, FIELD_PROTO, none[i]));
	without(c, &all, number(c, FIELD_PROTO, is_v6 ? PROTO_ICMP : PROTO_ICMPV6));
	icmp = set_and(c->sets, number(c, FIELD_PROTO, PROTO_ICMPV6),
		set_of_numbers(c->sets, FIELD_ICMP_TYPE, 130, 255));
	without(c, &all, icmp);
	without(c, &all,
		set_and(c->sets, number(c, FIELD_PROTO, PROTO_TCP), number(c, FIELD_TCP_FLAGS, 0)));
	return all;
}

/* Of the host's own, and of what comes in. */
static struct packet_set sendable(struct set_claims *c)
{
	struct sets *sets = c->sets;
	bool is_v6 = c->setting->family == FAMILY_IPV6;
	struct packet_set all = set_and(sets, sets_real(sets), sendable_protos(c)), in, host;

	narrow(c, &all, set_of_family(sets, c->setting->family));
	narrow(c, &all, number(c, FIELD_ETHERTYPE, is_v6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4));
	narrow(c, &all, number(c, FIELD_FRAGMENT, 0));
	/* each frame has the router's MAC */
	narrow(c, &all, number(c, FIELD_PKTTYPE, PKT_HOST));
	narrow(c, &all, number(c, FIELD_UID, ROUTER_UID));
	narrow(c, &all, number(c, FIELD_GID, 0));
	narrow(c, &all, set_of_name(sets, FIELD_PHYSDEV_IN, NULL));
	narrow(c, &all, set_of_name(sets, FIELD_PHYSDEV_OUT, NULL));
	narrow(c, &all, set_of_numbers(sets, FIELD_TTL, 2, UINT8_MAX));
	if (c->written & FIELD_BIT(FIELD_TTL))
		narrow(c, &all, number(c, FIELD_TTL, 64));
	if (c->written & FIELD_BIT(FIELD_TOS))
		narrow(c, &all, number(c, FIELD_TOS, 0));
	narrow(c, &all, number(c, FIELD_MARK, 0));
	narrow(c, &all, number(c, FIELD_CT_MARK, 0));
	narrow(c, &all, number(c, FIELD_CT_STATUS, 0));
	narrow(c, &all, number(c, FIELD_CT_DIRECTION, 0));
	narrow(c, &all, set_of_ct_states(sets, CT_INVALID));
	narrow(c, &all, c->names_out);
	if (!c->is_of_answers)
		narrow(c, &all, set_minus(sets, usable(c, FIELD_SRC), c->answerable));
	in = set_and(sets, all, names(c, FIELD_IN_IFACE));
	narrow(c, &in, set_or(sets, c->local, usable(c, FIELD_DST)));
	host = set_and(sets, all, set_of_name(sets, FIELD_IN_IFACE, NULL));
	narrow(c, &host, set_minus(sets, usable(c, FIELD_DST), c->local));
	return set_or(sets, in, host);
}

/* What nearly no rule asks for, so that there is less to choose from. */
static struct packet_set usual(struct set_claims *c)
{
	const struct addr none = { .family = c->setting->family };
	struct packet_set all = set_of_addr(c->sets, FIELD_CT_ORIG_SRC, &none);

	narrow(c, &all, set_of_addr(c->sets, FIELD_CT_ORIG_DST, &none));
	narrow(c, &all, number(c, FIELD_CT_ORIG_SPORT, 0));
	narrow(c, &all, number(c, FIELD_CT_ORIG_DPORT, 0));
	return all;
}

/* net_frame_first_state */
static struct packet_set first_packets(struct set_claims *c)
{
	static const uint8_t types[] = { 8, 13, 15, 17 };
	struct sets *sets = c->sets;
	struct packet_set tcp = number(c, FIELD_PROTO, PROTO_TCP), icmp = SET_EMPTY, rest;
	struct packet_set syn =
		set_of_bits(sets, FIELD_TCP_FLAGS, TCP_SYN, TCP_SYN | TCP_ACK | TCP_FIN | TCP_RST);
	struct packet_set ack =
		set_of_bits(sets, FIELD_TCP_FLAGS, TCP_ACK, TCP_SYN | TCP_ACK | TCP_FIN | TCP_RST);

	for (size_t i = 0; i < N_OF(types); i++)
		icmp = set_or(sets, icmp, number(c, FIELD_ICMP_TYPE, types[i]));
	narrow(c, &icmp, number(c, FIELD_PROTO, PROTO_ICMP));
	icmp = set_or(sets, icmp,
		set_and(sets, number(c, FIELD_PROTO, PROTO_ICMPV6),
			number(c, FIELD_ICMP_TYPE, 128)));
	rest = set_not(sets, set_or(sets, tcp,
				     set_or(sets, number(c, FIELD_PROTO, PROTO_ICMP),
					     number(c, FIELD_PROTO, PROTO_ICMPV6))));
	narrow(c, &tcp, set_or(sets, syn, ack));
	return set_or(sets, rest, set_or(sets, tcp, icmp));
}

/* ---- back to how they were sent ---- */

/* Every packet has so many hops more. */
static struct packet_set more_hops(struct set_claims *c, struct packet_set set, int by)
{
	struct sets *sets = c->sets;
	struct packet_set all = SET_EMPTY, any = set_forget(sets, set, FIELD_BIT(FIELD_TTL));
	/* as they are sent, and routed */
	uint64_t from = by < 0 ? 2 : 1, to = by < 0 ? UINT8_MAX : UINT8_MAX - 1;

	/* no rule asked for it */
	if (set_equal(set, set_and(sets, any, set_of_numbers(sets, FIELD_TTL, from, to))))
		return set_and(sets, any,
			set_of_numbers(sets, FIELD_TTL, from + (uint64_t)by, to + (uint64_t)by));
	for (int ttl = 0; ttl <= UINT8_MAX; ttl++) {
		struct packet_set some = set_and(sets, set, number(c, FIELD_TTL, (uint64_t)ttl));

		if (set_is_empty(some) || ttl + by < 0 || ttl + by > UINT8_MAX)
			continue;
		some = set_assign(sets, some, FIELD_BIT(FIELD_TTL),
			number(c, FIELD_TTL, (uint64_t)ttl + (uint64_t)by));
		all = set_or(sets, all, some);
	}
	return all;
}

static struct packet_set as_sent(
	struct set_claims *c, const struct branch *branch, struct packet_set set)
{
	if (!branch->is_routed)
		set = set_forget(c->sets, set, FIELD_BIT(FIELD_OUT_IFACE));
	else if (!branch->is_of_host)
		set = more_hops(c, set, 1);
	set = set_forget(
		c->sets, set, branch->written | STATE_BITS | (branch->is_tracked ? 0 : ORIG_BITS));
	return set_and(c->sets, set, branch->origin);
}

static void keep(struct set_claims *c, const struct branch *branch, struct packet_set set,
	struct packet_set *to)
{
	*to = set_or(c->sets, *to, as_sent(c, branch, set));
}

static void add_record(struct set_claims *c, const struct table *table, const struct chain *chain,
	const struct rule *rule, struct packet_set matched, struct packet_set passed)
{
	struct record *one = vec_push(&c->records, c->arena);

	one->table = table;
	one->chain = chain;
	one->rule = rule;
	one->matched = as_sent(c, c->now, matched);
	one->passed = as_sent(c, c->now, passed);
	one->zone = c->now->packet.ct_zone;
	one->is_tracked = c->now->is_tracked;
}

static void record(void *data, const struct table *table, const struct chain *chain,
	const struct rule *rule, struct packet_set reach, struct packet_set matched)
{
	struct set_claims *c = data;

	add_record(c, table, chain, rule, matched, set_minus(c->sets, reach, matched));
}

/* ---- through one hook ---- */

static bool is_same_nat(const struct nat *a, const struct nat *b)
{
	return a->kind == b->kind && a->has_addr == b->has_addr && a->has_ports == b->has_ports &&
	       a->port_min == b->port_min && a->port_max == b->port_max &&
	       a->is_random == b->is_random &&
	       (!a->has_addr || (addr_compare(&a->addr_min, &b->addr_min) == 0 &&
					addr_compare(&a->addr_max, &b->addr_max) == 0));
}

static void add_branch(struct set_claims *c, struct branches *to, const struct branch *one)
{
	vec_for_each (other, to)
		if (is_same_nat(&other->nat, &one->nat) &&
			other->packet.ct_zone == one->packet.ct_zone) {
			other->live = set_or(c->sets, other->live, one->live);
			return;
		}
	if (!set_is_empty(one->live))
		*vec_push(to, c->arena) = *one;
}

static void add_ends(struct set_claims *c, const struct branch *before,
	const struct outcomes *outcomes, struct branches *ret)
{
	vec_for_each (outcome, outcomes) {
		struct branch after = *before;

		after.packet.ct_zone = outcome->packet.ct_zone;
		after.live = outcome->set;
		if (outcome->nat.kind)
			after.nat = outcome->nat;
		if (outcome->verdict == VERDICT_REJECT)
			keep(c, before, set_and(c->sets, outcome->set, c->answerable), &c->beyond);
		if (outcome->verdict == VERDICT_ACCEPT)
			add_branch(c, ret, &after);
		else
			keep(c, before, outcome->set,
				outcome->verdict == VERDICT_CANNOT_TELL ? &c->unknown : &c->lost);
	}
}

static void add_policy(struct set_claims *c, const struct table *table, const struct chain *chain,
	const struct outcomes *outcomes)
{
	struct packet_set policy = SET_EMPTY, others = SET_EMPTY;

	vec_for_each (outcome, outcomes) {
		struct packet_set *to =
			!outcome->rule && outcome->chain == chain ? &policy : &others;

		*to = set_or(c->sets, *to, outcome->set);
	}
	add_record(c, table, chain, NULL, policy, others);
}

static struct branches ask_chain(struct set_claims *c, enum stage stage,
	const struct hook_chain *at, const struct branches *before)
{
	struct branches after = { 0 };

	vec_for_each (branch, before) {
		const struct eval eval = { .arena = c->arena,
			.rs = c->setting->rs,
			.hook = hook_of[stage],
			.sets = c->sets,
			.set = branch->live,
			.record = record,
			.data = c };
		struct outcomes outcomes = { 0 };

		if (at->type == CHAIN_NAT && (!branch->is_first || branch->nat.kind)) {
			add_branch(c, &after, branch);
			continue;
		}
		c->now = branch;
		ruleset_eval_chain(
			&eval, at->table, at->chain, &branch->packet, NULL, NULL, &outcomes);
		add_policy(c, at->table, at->chain, &outcomes);
		add_ends(c, branch, &outcomes, &after);
	}
	return after;
}

/* ---- between the hooks ---- */

static void travel(struct set_claims *c, enum stage stage, const struct branch *branch);

static void go_on(struct set_claims *c, enum stage stage, const struct branch *branch,
	struct packet_set live, bool is_first)
{
	struct branch next = *branch;

	next.live = live;
	next.is_first = is_first;
	next.nat = (struct nat){ 0 };
	if (!set_is_empty(live))
		travel(c, stage, &next);
}

static void look_up(struct set_claims *c, enum stage stage, const struct branch *branch)
{
	struct sets *sets = c->sets;
	struct branch tracked = *branch;
	struct packet_set all = set_forget(sets, branch->live, ORIG_BITS), first, known;
	struct packet_set untracked = set_and(sets, all, set_of_ct_states(sets, CT_UNTRACKED));
	struct packet_set rest = set_minus(sets, all, untracked);
	const uint64_t state = FIELD_BIT(FIELD_CT_STATE);

	tracked.is_tracked = true;
	if (c->is_of_answers) {
		known = set_of_ct_states(sets, CT_ESTABLISHED);
		narrow(c, &known,
			number(c, FIELD_CT_STATUS, CT_STATUS_CONFIRMED | CT_STATUS_SEEN_REPLY));
		narrow(c, &known, number(c, FIELD_CT_DIRECTION, 1));
		narrow(c, &known, number(c, FIELD_CT_MARK, 0));
		rest = set_assign(sets, rest,
			state | FIELD_BIT(FIELD_CT_STATUS) | FIELD_BIT(FIELD_CT_DIRECTION) |
				FIELD_BIT(FIELD_CT_MARK),
			known);
		go_on(c, stage, &tracked, set_or(sets, untracked, rest), false);
		return;
	}
	first = set_and(sets, rest, c->new_flows);
	rest = set_minus(sets, rest, first);
	first = set_assign(sets, first, state, set_of_ct_states(sets, CT_NEW));
	rest = set_assign(sets, rest, state, set_of_ct_states(sets, CT_INVALID));
	go_on(c, stage, &tracked, first, true);
	go_on(c, stage, &tracked, set_or(sets, untracked, rest), false);
}

static void route(struct set_claims *c, const struct branch *branch)
{
	struct sets *sets = c->sets;
	struct branch routed = *branch;
	struct packet_set away = set_minus(sets, branch->live, c->local);

	go_on(c, INPUT, branch, set_and(sets, branch->live, c->local), branch->is_first);
	away = more_hops(c, away, -1);
	away = set_assign(sets, away, FIELD_BIT(FIELD_OUT_IFACE), c->names_out);
	routed.is_routed = true;
	go_on(c, FORWARD, &routed, away, branch->is_first);
}

/* To this address, and this port where the mapping has one: those that had them already are not mapped. */
static void map_to(struct set_claims *c, const struct branch *branch, struct packet_set set,
	const struct addr *addr, struct packet_set *unmapped)
{
	struct sets *sets = c->sets;
	const struct nat *nat = &branch->nat;
	struct branch mapped = *branch; /* its nat is done */
	struct packet_set to = SET_FULL, ports = SET_EMPTY, at_port, same;
	uint64_t fields = 0;

	if (nat->has_ports) {
		ports = set_of_present(sets, FIELD_DPORT);
		at_port = number(c, FIELD_DPORT, nat->port_min);
	} else {
		at_port = SET_FULL;
	}
	if (addr) {
		to = set_of_addr(c->sets, FIELD_DST, addr);
		fields = FIELD_BIT(FIELD_DST);
	}
	same = set_and(sets, set, set_and(sets, to, set_or(sets, at_port, set_not(sets, ports))));
	*unmapped = set_or(sets, *unmapped, same);
	without(c, &set, same);
	mapped.origin = as_sent(c, branch, set);
	mapped.written |= fields | FIELD_BIT(FIELD_DPORT);
	to = set_and(sets, to, number(c, FIELD_CT_STATUS, CT_STATUS_DST_NAT));
	fields |= FIELD_BIT(FIELD_CT_STATUS);
	set = set_or(sets, set_assign(sets, set_minus(sets, set, ports), fields, to),
		set_assign(sets, set_and(sets, set, ports), fields | FIELD_BIT(FIELD_DPORT),
			set_and(sets, to, at_port)));
	mapped.live = set;
	route(c, &mapped);
}

/* To the first address of the mapping; what is chosen among several is beyond this. */
static void rewrite(struct set_claims *c, const struct branch *branch, struct packet_set *unmapped)
{
	const struct router *router = c->setting->router;
	const struct nat *nat = &branch->nat;
	bool is_open = nat->is_random ||
		       (nat->has_addr && addr_compare(&nat->addr_min, &nat->addr_max) != 0) ||
		       (nat->has_ports && nat->port_min != nat->port_max);

	if (nat->kind != NAT_DNAT && nat->kind != NAT_REDIRECT && nat->kind != NAT_NETMAP) {
		*unmapped = set_or(c->sets, *unmapped, branch->live);
		return;
	}
	if (is_open || nat->kind == NAT_NETMAP) {
		keep(c, branch, branch->live, &c->beyond);
		return;
	}
	if (nat->kind == NAT_DNAT) {
		map_to(c, branch, branch->live, nat->has_addr ? &nat->addr_min : NULL, unmapped);
		return;
	}
	for (size_t i = 0; i < router->n_ports; i++)
		map_to(c, branch,
			set_and(c->sets, branch->live,
				set_of_name(c->sets, FIELD_IN_IFACE, router->ports[i].name)),
			&router->ports[i].addrs[c->setting->family], unmapped);
}

/* What is not mapped goes on as one, of each zone. */
static void rewrite_all(struct set_claims *c, const struct branches *alive)
{
	struct branches plain = { 0 };

	vec_for_each (branch, alive) {
		struct branch unmapped = *branch;

		unmapped.nat = (struct nat){ 0 };
		unmapped.live = SET_EMPTY;
		rewrite(c, branch, &unmapped.live);
		add_branch(c, &plain, &unmapped);
	}
	vec_for_each (branch, &plain)
		route(c, branch);
}

/* It is routed again where its address, mark or TOS changed: see netrouter.h. */
static void sent_by_host(struct set_claims *c, const struct branch *branch)
{
	struct packet_set as_it_was = number(c, FIELD_MARK, 0), changed;

	if (c->written & FIELD_BIT(FIELD_TOS))
		narrow(c, &as_it_was, number(c, FIELD_TOS, 0));
	changed = branch->nat.kind ? branch->live : set_minus(c->sets, branch->live, as_it_was);
	keep(c, branch, changed, &c->beyond);
	go_on(c, POSTROUTING, branch, set_minus(c->sets, branch->live, changed), branch->is_first);
}

static void next_stage(struct set_claims *c, enum stage stage, const struct branch *branch)
{
	switch (stage) {
	case PREROUTING_EARLY:
	case OUTPUT_EARLY:
		look_up(c, stage + 1, branch);
		return;
	case PREROUTING: /* rewrite_all */
		break;
	case OUTPUT:
		sent_by_host(c, branch);
		return;
	case FORWARD:
		go_on(c, POSTROUTING, branch, branch->live, branch->is_first);
		return;
	case INPUT:
	case POSTROUTING:
		keep(c, branch, branch->live, &c->arrives);
		return;
	}
}

static bool is_early(const struct hook_chain *chain)
{
	return chain->priority < PRIORITY_CONNTRACK && chain->type != CHAIN_NAT;
}

static void travel(struct set_claims *c, enum stage stage, const struct branch *branch)
{
	bool is_begin = stage == PREROUTING_EARLY || stage == OUTPUT_EARLY;
	bool is_split = is_begin || stage == PREROUTING || stage == OUTPUT;
	struct branches alive = { 0 };
	struct hook_chain *chains;
	size_t n;

	ruleset_hook_chains(
		c->arena, c->setting->rs, c->setting->family, hook_of[stage], NULL, &chains, &n);
	add_branch(c, &alive, branch);
	for (size_t i = 0; i < n; i++) {
		if (is_split && is_early(&chains[i]) != is_begin)
			continue;
		c->is_order_unknown |= chains[i].is_order_unknown;
		alive = ask_chain(c, stage, &chains[i], &alive);
	}
	if (stage == PREROUTING) {
		rewrite_all(c, &alive);
		return;
	}
	vec_for_each (one, &alive)
		next_stage(c, stage, one);
}

/* ---- the whole way ---- */

static void make_places(struct set_claims *c)
{
	const struct ruleset *rs = c->setting->rs;
	size_t n_chains = 0;

	c->first_of_table = arena_new_array(c->arena, size_t, rs->n_tables + 1);
	for (size_t t = 0; t < rs->n_tables; t++) {
		c->first_of_table[t] = n_chains;
		n_chains += rs->tables[t].n_chains;
	}
	c->first_of_chain = arena_new_array(c->arena, size_t, n_chains + 1);
	for (size_t t = 0; t < rs->n_tables; t++)
		for (size_t i = 0; i < rs->tables[t].n_chains; i++) {
			c->first_of_chain[c->first_of_table[t] + i] = c->n_places;
			c->n_places += rs->tables[t].chains[i].n_rules + 1;
		}
	c->n_chains = n_chains;
	c->is_entered = arena_new_array(c->arena, bool, n_chains + 1);
	c->least = arena_new_array(c->arena, unsigned, c->n_places + 1);
	c->most = arena_new_array(c->arena, unsigned, c->n_places + 1);
}

static uint64_t written_by(const struct ruleset *rs)
{
	uint64_t fields = 0;

	for (size_t t = 0; t < rs->n_tables; t++)
		for (size_t i = 0; i < rs->tables[t].n_chains; i++)
			for (size_t r = 0; r < rs->tables[t].chains[i].n_rules; r++)
				fields |= ruleset_rule_writes(
					&rs->tables[t], &rs->tables[t].chains[i].rules[r]);
	return fields;
}

static void make_world(struct set_claims *c)
{
	const struct router *router = c->setting->router;

	c->sets = sets_new(0);
	ruleset_add_to_world(c->sets, &c->setting->rs, 1);
	for (size_t i = 0; i < router->n_ports; i++) {
		sets_add_name(c->sets, FIELD_IN_IFACE, router->ports[i].name);
		sets_add_name(c->sets, FIELD_OUT_IFACE, router->ports[i].name);
	}
	sets_seal(c->sets);
	c->local = own_addresses(c, FIELD_DST);
	c->answerable = set_or(c->sets, own_addresses(c, FIELD_SRC),
		prefix(c, FIELD_SRC,
			c->setting->family == FAMILY_IPV6 ? "2001:db8:78::/48" : "10.78.0.0/16"));
	c->names_out = names(c, FIELD_OUT_IFACE);
	c->new_flows = first_packets(c);
	c->start = sendable(c);
	c->usual = usual(c);
	c->arrives = c->lost = c->unknown = c->beyond = SET_EMPTY;
}

static void send_all(struct set_claims *c)
{
	struct sets *sets = c->sets;
	struct packet_set of_host =
		set_and(sets, c->start, set_of_name(sets, FIELD_IN_IFACE, NULL));
	struct branch branch = { .origin = SET_FULL, .written = c->written };

	branch.packet.unknown = FIELD_BIT(FIELD_IN_IFACE) | FIELD_BIT(FIELD_OUT_IFACE) |
				FIELD_BIT(FIELD_PHYSDEV_IN) | FIELD_BIT(FIELD_PHYSDEV_OUT);
	branch.packet.src.family = branch.packet.dst.family = c->setting->family;
	go_on(c, PREROUTING_EARLY, &branch,
		set_assign(sets, set_minus(sets, c->start, of_host), FIELD_BIT(FIELD_OUT_IFACE),
			set_of_name(sets, FIELD_OUT_IFACE, NULL)),
		false);
	branch.is_of_host = branch.is_routed = true;
	go_on(c, OUTPUT_EARLY, &branch, of_host, false);
}

struct set_claims *set_claims_new(
	const struct setting *setting, bool is_of_answers, struct text *why)
{
	struct arena *arena = arena_new();
	struct set_claims *c = arena_new_one(arena, struct set_claims);
	struct err err;

	c->arena = arena;
	c->setting = setting;
	c->is_of_answers = is_of_answers;
	c->written = written_by(setting->rs);
	if (c->written & ~(STATE_BITS | ORIG_BITS | FIXED_BITS)) {
		text_add(why, "rules change fields of packets");
		set_claims_free(c);
		return NULL;
	}
	make_places(c);
	make_world(c);
	send_all(c);
	if (sets_ok(c->sets, &err))
		return c;
	text_add(why, err.text);
	set_claims_free(c);
	return NULL;
}

void set_claims_free(struct set_claims *claims)
{
	struct arena *arena = claims ? claims->arena : NULL;

	if (!claims)
		return;
	sets_free(claims->sets);
	arena_free(arena);
}
