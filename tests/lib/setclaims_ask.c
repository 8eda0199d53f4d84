// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What is claimed of one packet, and packets that are taken out of claims.
 */
#include <string.h>

#include "setclaims_internal.h"
#include "unit.h"

#define MAX_ENTRIES 16 /* of one chain by one packet */

static struct packet_set number(struct set_claims *c, enum field field, uint64_t value)
{
	return set_of_number(c->sets, field, value);
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
