// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A set of packets on its way. It goes through the same stages as one packet, which look at the fields that all of it have in
 * common, and take the others for not known: so what a stage cannot do for a set it cannot tell, and never guesses. Where it
 * can, it parts the set by what it asks, and goes on with each part.
 *
 * Stages write into the packet as they always do; skb_push hands on to the set what changed there, before rules are asked or the set
 * is parted. Each change is noted with the set as it was before, so that at an end the packets can be told as they came in:
 * those of before that are here when what was changed is forgotten.
 */
#include <string.h>

#include "explain/internal.h"

/* What rules ask of packets of IP; names are in the packet. */
#define SET_FIELDS                                                                                 \
	((FIELD_BIT(FIELD_ARP_OP) - 1) & ~(FIELD_BIT(FIELD_ETH_SRC) - 1) & ~FIELD_BIT(FIELD_LENGTH))
#define MAX_VALUES 64 /* of a field, each with a way of its own */

/* Of all walks of one explainer: tables are long, and there are few. */
struct writes_of_tables {
	struct arena *arena;
	VEC(struct table_writes);
};

struct writes_of_tables *writes_of_tables_new(struct arena *arena)
{
	struct writes_of_tables *writes = arena_new_one(arena, struct writes_of_tables);

	writes->arena = arena;
	return writes;
}

uint64_t walk_table_writes(const struct walk *walk, const struct table *table)
{
	struct writes_of_tables *writes = walk->explainer->writes;
	struct table_writes *new;
	uint64_t fields = 0;

	vec_for_each (known, writes)
		if (known->table == table)
			return known->fields;
	for (size_t c = 0; c < table->n_chains; c++)
		for (size_t r = 0; r < table->chains[c].n_rules; r++)
			fields |= ruleset_rule_writes(table, &table->chains[c].rules[r]);
	new = vec_push(writes, writes->arena);
	*new = (struct table_writes){ table, fields };
	return fields;
}

/* --- the packet and its set --- */

static struct move *note_move(struct walk *walk, struct skb *skb, uint64_t fields)
{
	struct move *move = arena_new_one(walk->arena, struct move);

	*move = (struct move){ .earlier = skb->moves, .before = skb->set, .fields = fields };
	skb->moves = move;
	return move;
}

static bool is_known_alike(const struct packet *a, const struct packet *b, enum field field)
{
	struct field_value x = { 0 }, y = { 0 };
	enum field_answer of_a = packet_field(a, field, &x), of_b = packet_field(b, field, &y);

	if (of_a == FIELD_UNKNOWN || of_b == FIELD_UNKNOWN)
		return of_a == of_b;
	return memcmp(&x, &y, sizeof(x)) == 0;
}

/* A tag does not take away what is behind it. */
static struct packet untagged(const struct packet *packet)
{
	struct packet copy = *packet;

	packet_untag(&copy);
	return copy;
}

struct packet_set packet_values(struct sets *sets, const struct packet *packet, uint64_t fields)
{
	const struct packet inner = untagged(packet);

	return set_and(sets, set_of_packet(sets, packet, fields & FRAME_FIELDS),
		set_of_packet(sets, &inner, fields & ~FRAME_FIELDS));
}

static uint64_t changed_fields(const struct packet *packet, const struct packet *synced)
{
	const struct packet a = untagged(packet), b = untagged(synced);
	uint64_t changed = 0;

	for (unsigned field = 0; field < N_FIELDS; field++) {
		bool is_frame = FRAME_FIELDS >> field & 1;

		if (SET_FIELDS >> field & 1 &&
			!is_known_alike(is_frame ? packet : &a, is_frame ? synced : &b, field))
			changed |= FIELD_BIT(field);
	}
	return changed;
}

void skb_push(struct walk *walk, struct skb *skb)
{
	uint64_t changed;

	if (!walk->sets)
		return;
	changed = changed_fields(&skb->packet, &skb->synced);
	if (changed) {
		note_move(walk, skb, changed);
		skb->set = set_assign(walk->sets, skb->set, changed,
			packet_values(walk->sets, &skb->packet, changed));
	}
	skb->synced = skb->packet;
}

void skb_take(const struct walk *walk, struct skb *skb, struct packet_set part)
{
	skb->set = part;
	set_know(walk->sets, part, skb->packet.unknown & SET_FIELDS, &skb->packet);
	skb->synced = skb->packet;
}

void skb_pull(struct walk *walk, struct skb *skb, const struct table *table,
	const struct outcome *outcome)
{
	uint64_t writes = walk_table_writes(walk, table) & SET_FIELDS;

	if (writes)
		note_move(walk, skb, writes);
	skb->packet.ct_zone = outcome->packet.ct_zone;
	skb->packet.unknown |= writes;
	skb_take(walk, skb, outcome->set);
}

void skb_free(struct walk *walk, struct skb *skb, enum field field, struct packet_set values)
{
	uint64_t bit = FIELD_BIT(field);

	skb->packet.unknown |= bit;
	if (!walk->sets)
		return;
	skb_push(walk, skb);
	note_move(walk, skb, bit);
	skb_take(walk, skb, set_assign(walk->sets, skb->set, bit, values));
}

void skb_move_network(
	struct walk *walk, struct skb *skb, enum field field, const struct network *network)
{
	struct field_value *mask = arena_new_one(walk->arena, struct field_value);
	enum family family = skb->packet.src.family;
	struct packet_set set;
	struct move *move;

	*mask = network->mask;
	skb_push(walk, skb);
	move = note_move(walk, skb, 0);
	move->bits = mask;
	move->field = field;
	set = set_forget_bits(walk->sets, skb->set, field, family, mask);
	skb_take(walk, skb,
		set_and(walk->sets, set,
			set_of_mask(walk->sets, field, family, &network->bits, mask)));
}

static struct packet_set before_move(const struct walk *walk, const struct skb *skb,
	const struct move *move, struct packet_set set)
{
	set = move->bits ? set_forget_bits(
				   walk->sets, set, move->field, skb->packet.src.family, move->bits)
			 : set_forget(walk->sets, set, move->fields);
	return set_and(walk->sets, move->before, set);
}

struct packet_set skb_origin(const struct walk *walk, const struct skb *skb)
{
	struct packet_set set = skb->set;

	for (const struct move *move = skb->moves; move; move = move->earlier)
		set = before_move(walk, skb, move, set);
	return set;
}

/* --- parts --- */

struct answer skb_part(struct walk *walk, const struct skb *skb, struct packet_set part,
	part_fn *go, const void *data)
{
	struct skb one = *skb;

	if (set_is_empty(part))
		return (struct answer){ 0 };
	if (!set_equal(part, skb->set)) {
		one.branch = BRANCH_CASE;
		conntrack_unshare(walk, &one);
		skb_take(walk, &one, part);
	}
	return go(walk, &one, data);
}

struct answer skb_split(struct walk *walk, struct skb *skb, struct packet_set part, part_fn *in,
	part_fn *out, const void *data)
{
	struct packet_set both;
	struct answer answer;

	skb_push(walk, skb);
	both = set_and(walk->sets, skb->set, part);
	answer = skb_part(walk, skb, both, in, data);
	return answer_of_cases(walk, answer,
		skb_part(walk, skb, set_minus(walk->sets, skb->set, both), out, data));
}

struct answer skb_split_values(
	struct walk *walk, struct skb *skb, enum field field, part_fn *go, const void *data)
{
	struct answer answer = { 0 };
	struct packet_set rest;

	skb_push(walk, skb);
	rest = skb->set;
	for (unsigned n = 0; !set_is_empty(rest); n++) {
		struct packet one = skb->packet;
		struct packet_set part;

		if (!set_witness(walk->sets, rest, &one) || n == MAX_VALUES) {
			struct skb left = *skb;

			skb_take(walk, &left, rest);
			return answer_of_cases(walk, answer,
				end_cannot_tell(walk, &left, "too many values of the %s lead apart",
					field_name(field)));
		}
		part = set_and(walk->sets, rest, set_of_packet(walk->sets, &one, FIELD_BIT(field)));
		rest = set_minus(walk->sets, rest, part);
		answer = answer_of_cases(walk, answer, skb_part(walk, skb, part, go, data));
	}
	return answer;
}

/* --- decisions by addresses --- */

struct group {
	struct decision decision;
	struct packet_set set;
};
struct groups {
	VEC(struct group);
};

static bool decisions_are_equal(const struct decision *a, const struct decision *b)
{
	return a->drop == b->drop && a->is_local == b->is_local && a->is_yes == b->is_yes &&
	       a->is_maybe == b->is_maybe && a->is_out_of_scope == b->is_out_of_scope &&
	       a->why == b->why && a->route.status == b->route.status &&
	       a->route.rule == b->route.rule && a->route.route == b->route.route &&
	       a->route.hop == b->route.hop && a->out == b->out &&
	       addr_compare(&a->gateway, &b->gateway) == 0 && mac_equal(a->mac, b->mac);
}

static struct group *group_of(
	struct walk *walk, struct groups *groups, const struct decision *decision)
{
	struct group *group;

	vec_for_each (known, groups)
		if (decisions_are_equal(&known->decision, decision))
			return known;
	group = vec_push(groups, walk->arena);
	group->decision = *decision;
	return group;
}

/* What is to be asked of one end: its classes that the set has, or the one address that it has. */
struct end {
	enum field field;
	struct space *space; /* NULL: it is known, or does not matter */
	VEC(struct end_class) classes;
};
struct end_class {
	struct packet_set set;
	struct addr addr;
};

static bool end_begin(struct walk *walk, const struct skb *skb, uint64_t fields, enum field field,
	struct end *ret)
{
	const struct addr *known = field == FIELD_SRC ? &skb->packet.src : &skb->packet.dst;
	struct packet_set have;
	struct addr addr;

	*ret = (struct end){ .field = field };
	if (!(fields & FIELD_BIT(field)) || !skb_is_unknown(skb, field)) {
		*vec_push(&ret->classes, walk->arena) =
			(struct end_class){ .set = SET_FULL, .addr = *known };
		return true;
	}
	ret->space = space_of(walk, skb->ns, known->family, field);
	have = set_forget(walk->sets, skb->set, ~FIELD_BIT(field) & ~SET_FAMILY_BIT);
	for (size_t i = 0; i < space_n(ret->space); i++) {
		struct packet_set class = space_set(walk, ret->space, i);

		if (set_is_empty(set_and(walk->sets, have, class)) ||
			!space_addr(ret->space, i, &addr))
			continue;
		*vec_push(&ret->classes, walk->arena) =
			(struct end_class){ .set = class, .addr = addr };
	}
	return sets_ok(walk->sets, &(struct err){ 0 });
}

static void probe_end(struct skb *probe, const struct end *end, const struct end_class *class)
{
	if (!end->space)
		return;
	*(end->field == FIELD_SRC ? &probe->packet.src : &probe->packet.dst) = class->addr;
	probe->packet.unknown &= ~FIELD_BIT(end->field);
}

/* Groups the classes of the set; false: the world of sets failed. */
static bool decide_all(struct walk *walk, const struct skb *skb, uint64_t fields, decide_fn *decide,
	struct groups *groups)
{
	struct end src, dst;

	if (!end_begin(walk, skb, fields, FIELD_SRC, &src) ||
		!end_begin(walk, skb, fields, FIELD_DST, &dst))
		return false;
	vec_for_each (d, &dst.classes) {
		struct groups here = { 0 };

		vec_for_each (s, &src.classes) {
			struct decision decision = { 0 };
			struct skb probe = *skb;
			struct group *group;

			probe_end(&probe, &src, s);
			probe_end(&probe, &dst, d);
			decide(&probe, &decision);
			group = group_of(walk, &here, &decision);
			group->set = set_or(walk->sets, group->set, s->set);
		}
		vec_for_each (one, &here) {
			struct group *group = group_of(walk, groups, &one->decision);
			struct packet_set set = set_and(walk->sets, one->set, d->set);

			group->set = set_or(walk->sets, group->set, set);
		}
	}
	return true;
}

struct deciding {
	const struct decision *decision;
	decided_fn *go;
	const void *data;
};

static struct answer go_decided(struct walk *walk, struct skb *skb, const void *data)
{
	const struct deciding *deciding = data;

	return deciding->go(walk, skb, deciding->decision, deciding->data);
}

struct answer skb_decide(struct walk *walk, struct skb *skb, uint64_t fields, decide_fn *decide,
	decided_fn *go, const void *data)
{
	struct groups groups = { 0 };
	struct answer answer = { 0 };

	if (!walk->sets || !(skb->packet.unknown & fields)) {
		struct decision decision = { 0 };

		decide(skb, &decision);
		return go(walk, skb, &decision, data);
	}
	skb_push(walk, skb);
	if (!decide_all(walk, skb, fields, decide, &groups))
		return end_cannot_tell(walk, skb, "the set of packets is too large");
	vec_for_each (group, &groups) {
		const struct deciding deciding = { &group->decision, go, data };

		answer = answer_of_cases(walk, answer,
			skb_part(walk, skb, set_and(walk->sets, skb->set, group->set), go_decided,
				&deciding));
	}
	return answer;
}

void skb_note_route(const struct skb *skb, struct decision *ret)
{
	ret->route = skb->route;
	ret->out = skb->out;
	ret->gateway = skb->gateway;
}

void skb_take_route(struct skb *skb, const struct decision *decision)
{
	skb->route = decision->route;
	skb->out = decision->out;
	skb->gateway = decision->gateway;
}
