// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What should pass and what passes, as sets; and the differences, cut into parts of one cause each.
 *
 * Sets are over all fields of a packet, but two packets that a policy cannot tell apart are one packet for it: what
 * differs is therefore looked for among what passes and what is dropped, both of which are known for every
 * value of the other fields. A packet is lost if it should pass and one like it is dropped; it is too much if it should
 * not pass and one like it does.
 *
 * A match that is not modelled is a boolean of the world. What differs whatever its value is different; what
 * differs for one value only cannot be told.
 */
#include "prove/verify_internal.h"

#include <string.h>

#define MAX_PARTS 8 /* differences of one port, direction and class */
#define MAX_LINES 6 /* of the words of one */

struct verifier {
	struct arena *arena; /* the caller's: what is told */
	const struct verify_input *input;
	struct verification *ret;
	struct sets *sets;
	struct bridged_chains found, wanted;
	bool has_policy;
	VEC(struct verify_difference) differences;
	struct remembering *remembering; /* NULL: nothing is */
	/* By class: what comes in; the same with all that conntrack may find; that with any mark of the packet. */
	struct packet_set start[N_VERIFY_CLASSES], all[N_VERIFY_CLASSES], tracked[N_VERIFY_CLASSES];
};

/* One port, direction and class. */
struct comparing {
	struct verifier *v;
	struct arena *arena; /* until it is done */
	const struct verify_port *port;
	enum direction direction;
	enum verify_class class;
	struct packet_set policy; /* what passes, of every class */
	struct packet_set all;
	struct mets found_mets, wanted_mets;
	bool has_mets;
};

/* What becomes of all packets. */
struct fate {
	struct packet_set passes, dropped, unknown;
	struct outcomes ends;
};

const char *verify_class_name(enum verify_class class)
{
	static const char *const names[] = { "IPv4", "IPv6", "other frames" };

	return names[class];
}

const char *verify_kind_name(enum verify_kind kind)
{
	static const char *const names[] = { "lost", "extra", "cannot-tell" };

	return names[kind];
}

const char *verify_cause_name(enum verify_cause cause)
{
	static const char *const names[] = { "unknown", "missing", "too-much", "in-the-way",
		"order", "set", "map", "not-called" };

	return names[cause];
}

/* ---- the world ---- */

/* is_by_value: values that rules compare as a whole are enumerated. A rule that asks for a part of a MAC cannot be
 * answered then; without it every MAC has its bits, which is slower. */
static void world_make(struct verifier *v, bool is_by_value)
{
	const struct ruleset *const both[] = { v->input->found, v->input->wanted };

	v->sets = sets_new(0);
	if (is_by_value) {
		ruleset_add_to_world(v->sets, both, N_OF(both));
		for (size_t i = 0; i < v->input->n_ports; i++)
			if (v->input->ports[i].port)
				policy_add_to_world(v->sets, v->input->ports[i].port);
	}
	sets_seal(v->sets);
}

static void starts_make(struct verifier *v)
{
	static const uint16_t types[] = { ETHERTYPE_IPV4, ETHERTYPE_IPV6 };
	struct sets *sets = v->sets;
	struct packet_set real = sets_real(sets), frames = real;
	struct packet_set states =
		set_of_ct_states(sets, CT_NEW | CT_ESTABLISHED | CT_RELATED | CT_INVALID);
	struct packet_set unmarked = set_of_number(sets, FIELD_MARK, 0);

	/* no bit of a cut flow */
	states = set_and(sets, states, set_of_bits(sets, FIELD_CT_MARK, 0, v->input->cut_mark));
	for (enum family f = FAMILY_IPV4; f < N_IP_FAMILIES; f++) {
		struct packet_set of_type = set_of_number(sets, FIELD_ETHERTYPE, types[f]);

		v->tracked[f] = set_and(sets, real, set_and(sets, of_type, set_of_family(sets, f)));
		frames = set_minus(sets, frames, of_type);
	}
	v->tracked[VERIFY_FRAMES] = frames;
	for (size_t c = 0; c < N_VERIFY_CLASSES; c++) {
		v->all[c] = set_and(sets, v->tracked[c], unmarked);
		v->start[c] = set_and(sets, v->all[c], set_of_ct_states(sets, CT_INVALID));
		v->tracked[c] = set_and(sets, v->tracked[c], states);
		v->all[c] = set_and(sets, v->all[c], states);
	}
}

static void keep_sets(struct verifier *v)
{
	struct packet_set keep[3 * N_VERIFY_CLASSES];
	size_t n = 0;

	for (size_t c = 0; c < N_VERIFY_CLASSES; c++) {
		keep[n++] = v->start[c];
		keep[n++] = v->all[c];
		keep[n++] = v->tracked[c];
	}
	if (sets_should_collect(v->sets))
		sets_collect(v->sets, keep, n);
}

/* ---- what passes ---- */

static struct fate fate_of(struct comparing *c, const struct bridged_chains *chains,
	const struct verify_way *way, struct mets *mets)
{
	struct sets *sets = c->v->sets;
	const struct passage passage = { .arena = c->arena,
		.chains = chains,
		.way = way,
		.direction = c->direction,
		.class = c->class,
		.sets = sets,
		.start = c->v->start[c->class],
		.tracked = c->v->tracked[c->class],
		.mets = mets };
	struct fate fate = { .passes = SET_EMPTY, .dropped = SET_EMPTY, .unknown = SET_EMPTY };

	passage_run(&passage, &fate.ends);
	vec_for_each (end, &fate.ends) {
		struct packet_set *to =
			end->verdict == VERDICT_ACCEPT ? &fate.passes
			: end->verdict == VERDICT_DROP || end->verdict == VERDICT_REJECT
				? &fate.dropped
				: &fate.unknown;

		*to = set_or(sets, *to, end->set);
	}
	return fate;
}

static struct fate expected_of(struct comparing *c)
{
	struct sets *sets = c->v->sets;
	struct fate fate = { .unknown = SET_EMPTY };
	struct set_parts parts;

	if (!c->v->has_policy)
		return fate_of(c, &c->v->wanted, &c->port->expected_way, NULL);
	parts = set_split(sets, c->all, c->policy);
	fate.passes = parts.in;
	fate.dropped = parts.out;
	return fate;
}

/* ---- what differs ---- */

/* Those that are in it whatever the booleans are. */
static struct packet_set surely(struct comparing *c, struct packet_set set)
{
	struct sets *sets = c->v->sets;

	if (!set_asks_extra(sets, set))
		return set;
	return set_minus(
		sets, c->all, set_forget(sets, set_minus(sets, c->all, set), SET_EXTRA_BITS));
}

static struct packet_set levelled(struct comparing *c, struct packet_set set)
{
	struct packet_set level = set_shorten(c->v->sets, set, c->all);

	/* of a frame that is no IP it says nothing */
	return c->class == VERIFY_FRAMES ? set_forget(c->v->sets, level, SET_FAMILY_BIT) : level;
}

static const char *words_of(struct comparing *c, struct packet_set set)
{
	struct text out CLEANUP(text_done) = TEXT_INIT;
	struct packet_set level = levelled(c, set);

	set_print(c->v->sets, level, MAX_LINES, &out);
	while (out.len && out.data[out.len - 1] == '\n')
		out.data[--out.len] = '\0';
	return arena_strdup(c->v->arena, out.data);
}

/* The interfaces that the witness has where bridged packets are filtered. */
static void name_interfaces(const struct comparing *c, struct packet *packet)
{
	const struct verify_way *way = &c->port->way;
	bool is_out = c->direction == DIR_EGRESS;
	bool is_ip = c->class != VERIFY_FRAMES;

	packet->physdev_in = is_out ? way->device : way->other;
	packet->physdev_out = is_out ? way->other : way->device;
	packet->in_iface = is_ip ? way->bridge : packet->physdev_in;
	packet->out_iface = is_ip ? way->bridge : packet->physdev_out;
}

static struct verify_difference *add_difference(
	struct comparing *c, enum verify_kind kind, struct packet_set set)
{
	struct verify_difference *d = vec_push(&c->v->differences, c->v->arena);

	d->port = c->port;
	d->direction = c->direction;
	d->class = c->class;
	d->kind = kind;
	if (set_is_empty(set))
		return d;
	d->has_witness = set_witness(c->v->sets, set, &d->witness);
	name_interfaces(c, &d->witness);
	if (d->has_witness && c->v->has_policy)
		d->decision = policy_decide(c->port->port, c->direction, &d->witness);
	return d;
}

static struct packet_set matched_by(
	struct sets *sets, const struct mets *mets, const struct rule *rule)
{
	struct packet_set all = SET_EMPTY;

	vec_for_each (met, &mets->items)
		if (met->rule == rule)
			all = set_or(sets, all, met->matched);
	return all;
}

/* Which packets each rule matched is only asked for where there is a difference. */
static void find_mets(struct comparing *c)
{
	if (c->has_mets)
		return;
	c->has_mets = true;
	c->found_mets = (struct mets){ .arena = c->arena, .sets = c->v->sets };
	c->wanted_mets = c->found_mets;
	fate_of(c, &c->v->found, &c->port->way, &c->found_mets);
	fate_of(c, &c->v->wanted, &c->port->expected_way, &c->wanted_mets);
}

/* Those of the set that have the difference's cause; all of them where that cannot be said. */
static struct packet_set part_of(
	struct comparing *c, const struct verify_difference *d, struct packet_set set)
{
	struct sets *sets = c->v->sets;
	struct packet_set matched = SET_EMPTY;

	find_mets(c);
	/* what a rule in the way keeps from its rule, or one too much lets go, is all of what it matched */
	if (d->culprit.rule && (d->cause == CAUSE_TOO_MUCH || d->cause == CAUSE_IN_THE_WAY ||
				       (d->cause != CAUSE_MISSING && !d->missing.rule)))
		matched = matched_by(sets, &c->found_mets, d->culprit.rule);
	else if (d->missing.rule)
		matched = matched_by(sets, &c->wanted_mets, d->missing.rule);
	matched = set_and(sets, matched, set);
	return set_is_empty(matched) ? set : matched;
}

static void tell(struct comparing *c, enum verify_kind kind, struct packet_set set)
{
	struct sets *sets = c->v->sets;
	const struct cause_question q = { .arena = c->v->arena,
		.found = &c->v->found,
		.wanted = &c->v->wanted,
		.port = c->port };

	for (size_t i = 0; i < MAX_PARTS && !set_is_empty(set) && sets_ok(sets, &(struct err){ 0 });
		i++) {
		struct verify_difference *d = add_difference(c, kind, set);
		struct packet_set part = set;

		if (d->has_witness)
			verify_find_cause(&q, d);
		/* the last one stands for all that are left */
		if (d->has_witness && i + 1 < MAX_PARTS)
			part = part_of(c, d, set);
		d->words = words_of(c, part);
		set = set_minus(sets, set, part);
	}
}

static void tell_unsure(struct comparing *c, struct packet_set set, const char *why)
{
	struct verify_difference *d;

	if (set_is_empty(set))
		return;
	d = add_difference(c, VERIFY_CANNOT_TELL, set);
	d->words = words_of(c, set);
	d->why = why;
}

static void tell_unknown(struct comparing *c, const struct fate *fate)
{
	vec_for_each (end, &fate->ends) {
		struct verify_difference *d;

		if (end->verdict != VERDICT_CANNOT_TELL && end->verdict != VERDICT_STOLEN)
			continue;
		d = add_difference(c, VERIFY_CANNOT_TELL, end->set);
		d->words = words_of(c, end->set);
		d->why = end->verdict == VERDICT_STOLEN
				 ? "a rule hands them to a program, a socket or another device"
				 : end->why;
		if (end->chain)
			d->decided = (struct verify_rule){ .table = end->table,
				.chain = end->chain,
				.rule = end->rule,
				.number =
					end->rule ? (size_t)(end->rule - end->chain->rules) + 1 : 0,
				.owner = owner_of_rule(
					c->v->arena, end->table, end->chain, end->rule) };
	}
}

/* Does every packet still have the fields by which it is judged? */
static bool is_rewritten(struct comparing *c, const struct fate *fate)
{
	struct sets *sets = c->v->sets;
	struct packet_set ends =
		set_or(sets, fate->passes, set_or(sets, fate->dropped, fate->unknown));
	uint64_t others = ~(uint64_t)POLICY_FIELDS;

	return !set_equal(set_forget(sets, ends, others), set_forget(sets, c->all, others));
}

/* A difference that holds whatever is not known, and what is left of it. */
static void tell_both(
	struct comparing *c, enum verify_kind kind, struct packet_set set, const char *why)
{
	struct packet_set sure = surely(c, set);

	tell(c, kind, sure);
	tell_unsure(
		c, set_minus(c->v->sets, set, set_forget(c->v->sets, sure, SET_EXTRA_BITS)), why);
}

static void compare_class(struct comparing *c)
{
	struct sets *sets = c->v->sets;
	struct fate found, expected;
	struct packet_set lost, extra, both;

	c->all = c->v->all[c->class];
	c->has_mets = false;
	found = fate_of(c, &c->v->found, &c->port->way, NULL);
	expected = expected_of(c);
	if (is_rewritten(c, &found)) {
		add_difference(c, VERIFY_CANNOT_TELL, SET_EMPTY)->why =
			"a rule changes addresses, ports or MACs on the way";
		return;
	}
	both = set_and(sets, found.passes, found.dropped);
	lost = set_minus(sets, set_and(sets, expected.passes, found.dropped), both);
	extra = set_minus(sets, set_and(sets, expected.dropped, found.passes), both);
	if (!set_is_empty(lost))
		tell_both(c, VERIFY_LOST, lost,
			"they may be lost: that depends on what is in brackets");
	if (!set_is_empty(extra))
		tell_both(c, VERIFY_EXTRA, extra,
			"they may pass and should not: that depends on what is in brackets");
	tell_unsure(c, both, "the order of chains of the same priority is not known");
	tell_unknown(c, &found);
	if (!c->v->has_policy)
		tell_unknown(c, &expected);
}

static void verify_direction(
	struct verifier *v, const struct verify_port *port, enum direction direction)
{
	struct packet_set policy =
		v->has_policy ? policy_set(v->sets, port->port, direction) : SET_EMPTY;

	for (enum verify_class class = 0; class < N_VERIFY_CLASSES; class ++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct comparing c = { .v = v,
			.arena = arena,
			.port = port,
			.direction = direction,
			.class = class,
			.policy = policy };

		compare_class(&c);
	}
	keep_sets(v);
}

static void verify_port(struct verifier *v, const struct verify_port *port)
{
	struct text words CLEANUP(text_done) = TEXT_INIT;
	size_t before = v->differences.n;
	bool is_different = false;
	const char *why =
		port->way.why_unknown ? port->way.why_unknown : port->expected_way.why_unknown;

	if (v->remembering && !why && memory_has(v->remembering, port, &words)) {
		v->ret->n_remembered++;
		return;
	}
	for (int d = DIR_INGRESS; d <= DIR_EGRESS && !why; d++)
		verify_direction(v, port, (enum direction)d);
	if (why) {
		struct comparing c = { .v = v, .port = port };

		add_difference(&c, VERIFY_CANNOT_TELL, SET_EMPTY)->why = why;
	}
	for (size_t i = before; i < v->differences.n; i++)
		is_different |= v->differences.items[i].kind != VERIFY_CANNOT_TELL;
	/* of a world that failed nothing is true */
	if (v->remembering && v->differences.n == before && sets_ok(v->sets, &(struct err){ 0 }))
		memory_keep(v->remembering, &words);
	v->ret->n_different += is_different;
	v->ret->n_cannot_tell += !is_different && v->differences.n > before;
}

static bool run(struct arena *arena, const struct verify_input *input, bool is_by_value,
	struct verification *ret, struct err *err)
{
	struct verifier v = { .arena = arena, .input = input, .ret = ret };
	struct sets *sets CLEANUP(sets_freep) = NULL;

	world_make(&v, is_by_value);
	sets = v.sets;
	*ret = (struct verification){ .n_ports = input->n_ports };
	v.has_policy = input->n_ports && input->ports[0].port;
	bridged_chains_init(arena, input->found, &v.found);
	bridged_chains_init(arena, input->wanted, &v.wanted);
	ret->has_nat = v.found.has_nat;
	if (input->memory && v.has_policy)
		v.remembering = remembering_new(arena, input, &v.found);
	starts_make(&v);
	for (size_t i = 0; i < input->n_ports && sets_ok(sets, err); i++)
		verify_port(&v, &input->ports[i]);
	ret->items = v.differences.items;
	ret->n = v.differences.n;
	ret->n_nodes_peak = sets_n_nodes_peak(sets);
	return sets_ok(sets, err);
}

bool verify_run(struct arena *arena, const struct verify_input *input, struct verification *ret,
	struct err *err)
{
	if (input->progress)
		input->progress(input->progress_data, "comparing all packets");
	if (run(arena, input, true, ret, err))
		return true;
	return err->kind == ERR_INPUT && run(arena, input, false, ret, err);
}
