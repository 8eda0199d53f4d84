// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Packets change on their way: marks, conntrack's fields, DNAT's destination, a hop less. What a rule matched is kept as
 * the packets were when they were sent. For fields that begin with one value in all packets (marks, states) that is
 * to forget them; of a destination that was rewritten it is to forget it and to take those that went that way. The hop is put
 * back. The interface by which a packet will leave is a choice of the test, so it is open until the packet is routed.
 */
#include "setclaims.h"

#include <string.h>

#include "base/vec.h"
#include "unit.h"

#define PRIORITY_CONNTRACK (-200)
#define MAX_ENTRIES	   16 /* of one chain by one packet */

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

struct record {
	const struct table *table;
	const struct chain *chain;
	const struct rule *rule;
	struct packet_set matched, passed; /* as they were sent */
	struct packet_set wanted[2]; /* of these, where has_wanted: what witnesses are taken of */
	bool has_wanted[2];
	uint16_t zone;
	bool is_tracked;
};

struct set_claims {
	struct arena *arena;
	const struct setting *setting;
	struct sets *sets;
	bool is_of_answers, is_order_unknown;
	uint64_t written; /* by any rule */
	struct packet_set start, local, names_out, new_flows, usual;
	struct packet_set answerable; /* what is refused and has a way back is a packet more */
	struct packet_set arrives, lost, unknown, beyond; /* as they were sent */
	VEC(struct record) records;
	const struct branch *now;
	/* by number of chain; first: of its rules, the policy behind them */
	size_t *first_of_table, *first_of_chain, n_places;
	unsigned *least, *most;
	bool *is_entered; /* by chain: what never comes there is not asked of its rules */
	size_t n_chains;
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

static struct packet_set of_addr(struct set_claims *c, enum field field, const struct addr *addr)
{
	const struct prefix one = prefix_of_addr(addr);

	return set_of_prefix(c->sets, field, &one);
}

static struct packet_set own_addresses(struct set_claims *c, enum field field)
{
	const struct router *router = c->setting->router;
	struct packet_set all = SET_EMPTY;

	for (size_t i = 0; i < router->n_ports; i++)
		all = set_or(c->sets, all,
			of_addr(c, field, &router->ports[i].addrs[c->setting->family]));
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
	narrow(c, &all, number(c, FIELD_UID, ROUTER_UID));
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
	struct packet_set all = number(c, FIELD_GID, 0);

	narrow(c, &all, number(c, FIELD_PKTTYPE, PKT_HOST));
	narrow(c, &all, of_addr(c, FIELD_CT_ORIG_SRC, &none));
	narrow(c, &all, of_addr(c, FIELD_CT_ORIG_DST, &none));
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
		to = of_addr(c, FIELD_DST, addr);
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
	if (c->written & ~(STATE_BITS | FIXED_BITS)) {
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

/* What was needed on the way only. */
static void collect(struct set_claims *c)
{
	struct arena *arena CLEANUP(arena_freep) = NULL;
	struct {
		VEC(struct packet_set);
	} keep = { 0 };
	const struct packet_set own[] = { c->start, c->local, c->names_out, c->usual, c->arrives,
		c->lost, c->unknown, c->beyond };

	if (!sets_should_collect(c->sets))
		return;
	arena = arena_new();
	for (size_t i = 0; i < N_OF(own); i++)
		*vec_push(&keep, arena) = own[i];
	vec_for_each (one, &c->records) {
		*vec_push(&keep, arena) = one->matched;
		*vec_push(&keep, arena) = one->passed;
		*vec_push(&keep, arena) = one->wanted[0];
		*vec_push(&keep, arena) = one->wanted[1];
	}
	sets_collect(c->sets, keep.items, keep.n);
}

/* ---- one packet ---- */

static size_t chain_number(
	const struct set_claims *c, const struct table *table, const struct chain *chain)
{
	return c->first_of_table[table - c->setting->rs->tables] + (size_t)(chain - table->chains);
}

static size_t place_of(const struct set_claims *c, const struct table *table,
	const struct chain *chain, const struct rule *rule)
{
	return c->first_of_chain[chain_number(c, table, chain)] +
	       (rule ? (size_t)(rule - chain->rules) : chain->n_rules);
}

static struct packet as_asked(
	const struct set_claims *c, const struct rule_packet *sent, size_t length, size_t out)
{
	const struct router *router = c->setting->router;
	struct packet p = sent->frame.packet;

	p.length = (uint16_t)length;
	p.uid = ROUTER_UID;
	p.ct_state = CT_INVALID;
	p.ct_orig_src = p.src;
	p.ct_orig_dst = p.dst;
	p.ct_orig_sport = p.sport;
	p.ct_orig_dport = p.dport;
	p.in_iface = sent->from < router->n_ports ? router->ports[sent->from].name : NULL;
	p.out_iface = router->ports[out].name;
	return p;
}

/* As conntrack has it of an answer: turned around. */
static struct packet as_tracked(const struct set_claims *c, const struct packet *p)
{
	struct packet tracked = *p;

	if (!c->is_of_answers)
		return tracked;
	tracked.ct_orig_src = p->dst;
	tracked.ct_orig_dst = p->src;
	tracked.ct_orig_sport = p->dport;
	tracked.ct_orig_dport = p->sport;
	return tracked;
}

static bool has_jump(const struct table *table, const struct target *target, const char *chain)
{
	const struct set *set;

	switch (target->kind) {
	case TARGET_JUMP:
	case TARGET_GOTO:
		return strcmp(target->chain, chain) == 0;
	case TARGET_VMAP:
		set = table_set(table, target->vmap.map);
		for (size_t e = 0; set && e < set->n_elements; e++)
			if (has_jump(table, &set->elements[e].target, chain))
				return true;
		return false;
	case TARGET_NFT_VMAP:
		set = target->lookup->set || !target->lookup->set_name
			      ? target->lookup->set
			      : table_set(table, target->lookup->set_name);
		for (size_t e = 0; set && e < set->n_nft_elements; e++)
			if (has_jump(table, &set->nft_elements[e].target, chain))
				return true;
		return false;
	default:
		return false;
	}
}

/* How often it may enter a chain at most: a set that enters twice is sent through it as one (eval.c). */
static unsigned entries(const struct set_claims *c, const struct table *table,
	const struct chain *chain, unsigned depth)
{
	unsigned n = 0;

	if (chain->is_base)
		return 1;
	if (depth > MAX_ENTRIES)
		return MAX_ENTRIES;
	for (size_t i = 0; i < table->n_chains; i++)
		for (size_t r = 0; r < table->chains[i].n_rules; r++) {
			const struct rule *rule = &table->chains[i].rules[r];
			size_t at = place_of(c, table, &table->chains[i], rule);

			if (c->most[at] && has_jump(table, &rule->target, chain->name))
				n += entries(c, table, &table->chains[i], depth + 1);
		}
	return n < MAX_ENTRIES ? n : MAX_ENTRIES;
}

static void tell_counts(
	struct set_claims *c, struct set_claim *ret, set_count_fn *count, void *data)
{
	const struct ruleset *rs = c->setting->rs;
	size_t at = 0;

	for (size_t t = 0; t < rs->n_tables; t++)
		for (size_t i = 0; i < rs->tables[t].n_chains; i++) {
			const struct chain *chain = &rs->tables[t].chains[i];
			unsigned n_entries = 0;

			for (size_t r = 0; r <= chain->n_rules; r++, at++) {
				unsigned least = c->least[at], most = c->most[at];

				if (!most)
					continue;
				if (!n_entries)
					n_entries = entries(c, &rs->tables[t], chain, 0);
				if (most < n_entries)
					most = n_entries;
				if (c->is_order_unknown)
					least = 0;
				ret->is_sure &= least == most;
				if (count)
					count(data, &rs->tables[t], chain,
						r < chain->n_rules ? &chain->rules[r] : NULL, least,
						most);
			}
		}
}

/* Where a rule that matched may send it; a map may send it to any chain of its table. */
static void enter(struct set_claims *c, const struct record *one)
{
	const struct target *target = one->rule ? &one->rule->target : NULL;
	const struct chain *to;

	if (!target || target->kind == TARGET_ACCEPT || target->kind == TARGET_DROP)
		return;
	if (target->kind == TARGET_JUMP || target->kind == TARGET_GOTO) {
		to = table_chain(one->table, target->chain);
		if (to)
			c->is_entered[chain_number(c, one->table, to)] = true;
	}
	if (target->kind == TARGET_VMAP || target->kind == TARGET_NFT_VMAP)
		for (size_t i = 0; i < one->table->n_chains; i++)
			c->is_entered[chain_number(c, one->table, &one->table->chains[i])] = true;
}

static void ask_records(struct set_claims *c, const struct rule_packet *sent,
	const struct packet *packet, struct set_claim *ret)
{
	const struct packet tracked = as_tracked(c, packet);

	memset(c->least, 0, c->n_places * sizeof(*c->least));
	memset(c->most, 0, c->n_places * sizeof(*c->most));
	memset(c->is_entered, 0, c->n_chains * sizeof(*c->is_entered));
	vec_for_each (one, &c->records) {
		const struct packet *as = one->is_tracked ? &tracked : packet;
		size_t at = place_of(c, one->table, one->chain, one->rule);
		enum set_answer is_in;

		if (set_is_empty(one->matched) ||
			(!one->chain->is_base &&
				!c->is_entered[chain_number(c, one->table, one->chain)]))
			continue;
		is_in = set_has_packet(c->sets, one->matched, as);
		if (is_in == SET_OUT)
			continue;
		enter(c, one);
		/* in another zone it would be a flow of its own */
		if (c->is_of_answers && one->is_tracked && one->zone != sent->flow.zone)
			ret->is_beyond = true;
		c->most[at]++;
		c->least[at] +=
			is_in == SET_IN && set_has_packet(c->sets, one->passed, as) == SET_OUT;
	}
}

void set_claims_ask(struct set_claims *claims, const struct rule_packet *sent, size_t length,
	struct set_claim *ret, set_count_fn *count, void *data)
{
	const struct router *router = claims->setting->router;
	const struct packet packet = as_asked(claims, sent, length,
		sent->from < router->n_ports ? router->ports[sent->from].out : router->out);
	const struct packet tracked = as_tracked(claims, &packet);
	enum set_answer arrives = set_has_packet(claims->sets, claims->arrives, &tracked);
	enum set_answer lost = set_has_packet(claims->sets, claims->lost, &tracked);

	*ret = (struct set_claim){ .may_arrive = arrives != SET_OUT,
		.may_be_lost = lost != SET_OUT };
	ret->is_sure =
		(arrives == SET_IN && lost == SET_OUT) || (lost == SET_IN && arrives == SET_OUT);
	ret->is_beyond = set_has_packet(claims->sets, claims->start, &packet) == SET_OUT ||
			 set_has_packet(claims->sets, claims->unknown, &tracked) != SET_OUT ||
			 set_has_packet(claims->sets, claims->beyond, &tracked) != SET_OUT ||
			 sent->flow.mark || rule_packet_is_fragment(sent) ||
			 sent->frame.fragment_size;
	ask_records(claims, sent, &packet, ret);
	if (!ret->is_beyond)
		tell_counts(claims, ret, count, data);
}

/* ---- packets out of sets ---- */

size_t set_claims_parts(const struct set_claims *claims)
{
	return 2 * claims->records.n;
}

static struct packet_set sure_of(const struct set_claims *c, struct packet_set set)
{
	return set_asks_extra(c->sets, set)
		       ? set_minus(c->sets, set,
				 set_forget(c->sets, set_minus(c->sets, c->start, set),
					 SET_EXTRA_BITS))
		       : set;
}

/* Those of it that can be sent and are in it whatever cannot be told; where there are none, all that can be sent. */
static struct packet_set wanted_of(const struct set_claims *c, size_t i)
{
	struct record *one = &c->records.items[i / 2];
	struct packet_set part, sure;

	if (one->has_wanted[i % 2])
		return one->wanted[i % 2];
	part = set_and(c->sets, i % 2 ? one->passed : one->matched, c->start);
	sure = sure_of(c, part);
	one->wanted[i % 2] = set_is_empty(sure) ? part : sure;
	one->has_wanted[i % 2] = true;
	return one->wanted[i % 2];
}

bool set_claims_part(const struct set_claims *claims, size_t i, struct set_part *ret)
{
	const struct record *one = &claims->records.items[i / 2];

	*ret = (struct set_part){ one->table, one->chain, one->rule, i % 2 == 0 };
	return !set_is_empty(wanted_of(claims, i));
}

static struct packet_set some_addresses(
	struct set_claims *c, struct random *random, enum field field)
{
	struct prefix prefix = { .addr.family = c->setting->family };
	size_t n = prefix.addr.family == FAMILY_IPV6 ? 16 : 4;

	for (size_t i = 0; i < n; i++)
		prefix.addr.bytes[i] = (uint8_t)random_below(random, 256);
	prefix.len = (uint8_t)random_below(random, (unsigned)n * 8 + 1);
	return set_of_prefix(c->sets, field, &prefix);
}

static struct packet_set some_name(struct set_claims *c, struct random *random, enum field field)
{
	const struct router *router = c->setting->router;

	return set_of_name(c->sets, field,
		router->ports[random_below(random, (unsigned)router->n_ports)].name);
}

/* A wish: followed where some of the set has it. */
static struct packet_set some_wish(struct set_claims *c, struct random *random)
{
	static const enum field numbers[] = { FIELD_SPORT, FIELD_DPORT };
	static const uint8_t protos[] = { PROTO_TCP, PROTO_UDP, PROTO_ICMP, PROTO_ICMPV6 };
	static const enum field addresses[] = { FIELD_SRC, FIELD_DST };
	unsigned from = random_below(random, 65536);

	switch (random_below(random, 6)) {
	case 0:
		return some_name(c, random, FIELD_IN_IFACE);
	case 1:
		return set_of_numbers(c->sets, pick(random, numbers), from,
			from + random_below(random, 65536 - from));
	case 2:
		return number(c, FIELD_PROTO, pick(random, protos));
	case 3:
		return set_of_bits(c->sets, FIELD_TCP_FLAGS, random_u64(random) & 0xff,
			random_u64(random) & 0xff);
	case 4:
		return c->local;
	default:
		return some_addresses(c, random, pick(random, addresses));
	}
}

static void wish(struct set_claims *c, struct packet_set *set, struct packet_set what)
{
	struct packet_set both = set_and(c->sets, *set, what);

	if (!set_is_empty(both))
		*set = both;
}

static size_t port_of(const struct router *router, const char *name)
{
	size_t i = 0;

	while (name && i < router->n_ports && strcmp(router->ports[i].name, name) != 0)
		i++;
	return name ? i : router->n_ports;
}

bool set_claims_witness(struct set_claims *claims, size_t i, struct random *random,
	struct rule_packet *ret, size_t *ret_shift)
{
	const struct router *router = claims->setting->router;
	struct packet_set part = wanted_of(claims, i), set = part;
	uint8_t wire[NET_FRAME_SIZE];
	struct packet packet;
	size_t out, length;

	collect(claims);
	wish(claims, &set, claims->usual);
	wish(claims, &set, some_name(claims, random, FIELD_OUT_IFACE));
	wish(claims, &set, number(claims, FIELD_SPORT, 1024 + random_below(random, 64000)));
	for (unsigned n = random_below(random, 4); n--;)
		wish(claims, &set, some_wish(claims, random));
	if (!set_witness(claims->sets, set, &packet))
		return false;
	*ret = (struct rule_packet){ .from = port_of(router, packet.in_iface) };
	out = port_of(router, packet.out_iface);
	*ret_shift = (out + router->n_ports - ret->from) % router->n_ports;
	ret->frame.packet = packet;
	rule_packet_settle(ret, random, router, claims->setting->family);
	length = net_packet_build(&ret->frame, 1, wire, sizeof(wire));
	packet = as_asked(claims, ret, length, out);
	return set_has_packet(claims->sets, part, &packet) != SET_OUT;
}
