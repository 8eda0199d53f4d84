// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * All packets of a set: the walk of the set gives ends, and for each the packets that come there. Where two ends have a packet in
 * common, something that is not known decides between them: a match that is not modelled, a choice of the
 * kernel's, a fact that was not read. Unless they are of one kind, of that packet it cannot be told.
 */
#include "explain/every.h"

#include <string.h>

#include "base/limits.h"
#include "explain/internal.h"
#include "explain/report_internal.h"
#include "packet/expr.h"

/* Of packets as they come in. The walk itself gives the others their first values. */
#define ENTRY_FIELDS                                                                               \
	(((FIELD_BIT(FIELD_CT_STATE) - 1) & ~(FIELD_BIT(FIELD_ETH_SRC) - 1) &                      \
		 ~FIELD_BIT(FIELD_PKTTYPE)) |                                                      \
		FIELD_BIT(FIELD_UID) | FIELD_BIT(FIELD_GID))
#define MAX_REGIONS 512

/* --- what is asked --- */

static struct packet_set choice_set(
	struct sets *sets, const struct packet_choice *choice, enum family family)
{
	struct packet_set all = SET_EMPTY;

	for (size_t i = 0; i < choice->n; i++)
		all = set_or(sets, all,
			set_of_range(sets, choice->field, family, &choice->ranges[i].min,
				&choice->ranges[i].max));
	return choice->is_negated ? set_not(sets, all) : all;
}

/* What depends on a protocol that is open, is open too. */
static struct query opened(const struct query *query)
{
	struct query open = *query;

	if (open.packet.unknown & FIELD_BIT(FIELD_PROTO)) {
		open.packet.unknown |= FIELD_BIT(FIELD_SPORT) | FIELD_BIT(FIELD_DPORT) |
				       FIELD_BIT(FIELD_TCP_FLAGS) | FIELD_BIT(FIELD_ICMP_TYPE) |
				       FIELD_BIT(FIELD_ICMP_CODE);
		/* of the packets that are no protocol's of those with a way of their own */
		open.packet.proto = 0;
		open.packet.sport = open.packet.dport = 0;
		open.packet.tcp_flags = open.packet.icmp_type = open.packet.icmp_code = 0;
	}
	return open;
}

/* As in an expression that names the protocol. */
static struct packet_set usual_set(struct sets *sets)
{
	static const uint8_t protos[] = { PROTO_TCP, PROTO_ICMP, PROTO_ICMPV6 };
	struct packet_set all = SET_FULL;

	for (size_t i = 0; i < N_OF(protos); i++) {
		struct packet packet = { .proto = protos[i] };
		uint64_t fields = packet_expr_usual(&packet);
		struct packet_set others =
			set_not(sets, set_of_number(sets, FIELD_PROTO, packet.proto));

		all = set_and(
			sets, all, set_or(sets, others, set_of_packet(sets, &packet, fields)));
	}
	return all;
}

static struct packet_set asked_set(
	struct sets *sets, const struct packet *packet, const struct packet_choices *allowed)
{
	struct packet inner = *packet;
	struct packet_set set;

	packet_untag(&inner);
	set = set_of_packet(sets, &inner, ENTRY_FIELDS);
	set = set_and(sets, set, set_of_family(sets, packet->src.family));
	vec_for_each (choice, allowed)
		set = set_and(sets, set, choice_set(sets, choice, packet->src.family));
	/* the ICMP of the other family is nobody's */
	if (packet->unknown & FIELD_BIT(FIELD_PROTO)) {
		set = set_and(sets, set, usual_set(sets));
		set = set_minus(sets, set,
			set_of_number(sets, FIELD_PROTO,
				packet->src.family == FAMILY_IPV6 ? PROTO_ICMP : PROTO_ICMPV6));
	}
	return set_and(sets, set, sets_real(sets));
}

struct sets *explain_world(const struct host *host)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	const struct ruleset **rulesets =
		arena_new_array(arena, const struct ruleset *, host->n_netns + 1);
	const struct field_value broadcast = field_value_of_number(0xffffffffffff);
	struct sets *sets = sets_new(0);
	size_t n = 0;

	for (size_t i = 0; i < host->n_netns; i++)
		if (host->netns[i].ruleset)
			rulesets[n++] = host->netns[i].ruleset;
	/* all MACs that no rule names are one, whether or not it names some */
	if (!(ruleset_add_to_world(sets, rulesets, n) & FIELD_BIT(FIELD_ETH_DST)))
		sets_add_value(sets, FIELD_ETH_DST, &broadcast);
	sets_seal(sets);
	return sets;
}

/* --- ends of one kind --- */

struct ends {
	const struct leaf *leaf;
	struct packet_set set, into;
};

static bool is_same_word(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static bool is_same_decider(const struct leaf *a, const struct leaf *b)
{
	const struct node *x = leaf_decider(a), *y = leaf_decider(b);

	return x == y || (x && y && x->rule == y->rule && x->rule_chain == y->rule_chain &&
				 x->chain == y->chain);
}

static bool is_same_value(const struct packet *a, const struct packet *b, enum field field)
{
	struct field_value x = { 0 }, y = { 0 };

	return packet_field(a, field, &x) == packet_field(b, field, &y) &&
	       !memcmp(&x, &y, sizeof(x));
}

static bool ends_are_alike(const struct leaf *a, const struct leaf *b)
{
	if (a->final != b->final || a->drop != b->drop || a->place != b->place ||
		a->socket != b->socket || a->last->ns != b->last->ns ||
		a->last->link != b->last->link || !is_same_word(a->why, b->why) ||
		!is_same_decider(a, b))
		return false;
	if (a->final != FINAL_REWRITTEN)
		return true;
	if (a->rewritten != b->rewritten)
		return false;
	for (unsigned field = 0; field < N_FIELDS; field++)
		if (a->rewritten >> field & 1 &&
			!is_same_value(a->last->packet, b->last->packet, field))
			return false;
	return true;
}

struct all_ends {
	VEC(struct ends);
};

static void add_end(struct arena *arena, struct sets *sets, const struct part *part,
	const uint64_t fields, struct all_ends *all)
{
	struct packet_set into =
		set_forget(sets, part->leaf->last->set, ~part->leaf->rewritten & ~SET_FAMILY_BIT);
	struct packet_set set = set_forget(sets, part->set, fields);

	vec_for_each (known, all) {
		if (!ends_are_alike(known->leaf, part->leaf))
			continue;
		known->set = set_or(sets, known->set, set);
		known->into = set_or(sets, known->into, into);
		return;
	}
	*vec_push(all, arena) = (struct ends){ part->leaf, set, into };
}

/* --- packets that have the same ends --- */

struct region {
	struct packet_set set;
	VEC(const struct ends *) ends;
};
struct regions {
	VEC(struct region);
};

static void region_join(struct arena *arena, struct region *region, const struct ends *ends)
{
	*vec_push(&region->ends, arena) = ends;
}

/* region and all that came before, without what ends has; then with it. */
static bool add_region(
	struct arena *arena, struct sets *sets, struct regions *regions, const struct ends *ends)
{
	struct packet_set rest = set_forget(sets, ends->set, SET_EXTRA_BITS);
	size_t n = regions->n;

	for (size_t i = 0; i < n && !set_is_empty(rest); i++) {
		struct region *region = &regions->items[i], *new;
		struct packet_set both = set_and(sets, region->set, rest);
		struct packet_set left = set_minus(sets, region->set, both);
		struct region split = { .set = both };

		if (set_is_empty(both))
			continue;
		rest = set_minus(sets, rest, both);
		if (set_is_empty(left)) {
			region_join(arena, region, ends);
			continue;
		}
		vec_for_each (old, &region->ends)
			region_join(arena, &split, *old);
		region_join(arena, &split, ends);
		region->set = left;
		new = vec_push(regions, arena);
		*new = split;
	}
	if (!set_is_empty(rest)) {
		struct region *new = vec_push(regions, arena);

		new->set = rest;
		region_join(arena, new, ends);
	}
	return regions->n <= MAX_REGIONS;
}

/* --- parts --- */

static void add_words(
	struct arena *arena, struct sets *sets, const struct region *region, struct text *out)
{
	struct packet_set all = SET_EMPTY;
	const char *const *words;
	size_t n;

	vec_for_each (ends, &region->ends) {
		struct packet_set here = set_and(sets, (*ends)->set, region->set);

		set_extras(sets, here, arena, &words, &n);
		for (size_t i = 0; i < n && i < 3; i++)
			if (!strstr(out->data ? out->data : "", words[i]))
				text_addf(out, "%s[%s]", out->len ? ", " : "", words[i]);
		all = set_or(sets, all, here);
	}
}

static const char *why_of(struct arena *arena, struct sets *sets, const struct region *region,
	const struct leaf *one, const struct leaf *other)
{
	struct text words CLEANUP(text_done) = TEXT_INIT;

	if (!other)
		return one->why;
	add_words(arena, sets, region, &words);
	if (words.len)
		return arena_printf(arena, "%s or %s, by the value of %s", final_name(one->final),
			final_name(other->final), words.data);
	return arena_printf(arena,
		"%s or %s: what the kernel chooses there, or what was not read, decides",
		final_name(one->final), final_name(other->final));
}

/* Where packets may come to several ends, the one is told first that TCP comes to, too: a policy, say, not a rule for routing headers,
 * by which they may have been dropped before it. */
static const struct ends *usual_ends(struct sets *sets, const struct region *region)
{
	struct packet_set tcp = set_of_number(sets, FIELD_PROTO, PROTO_TCP);

	vec_for_each (ends, &region->ends)
		if (!set_is_empty(set_and(sets, (*ends)->set, tcp)))
			return *ends;
	return region->ends.items[0];
}

static struct every_part part_of(
	struct arena *arena, struct sets *sets, const struct region *region)
{
	const struct ends *first = usual_ends(sets, region);
	struct every_part part = {
		.final = first->leaf->final, .leaf = first->leaf, .set = region->set
	};

	vec_for_each (ends, &region->ends) {
		const struct leaf *leaf = (*ends)->leaf;

		if (leaf->final == FINAL_CANNOT_TELL && part.leaf->final != FINAL_CANNOT_TELL) {
			part.leaf = leaf;
			part.other = NULL;
		} else if (leaf->final != part.leaf->final &&
			   part.leaf->final != FINAL_CANNOT_TELL) {
			part.other = leaf;
		}
	}
	if (part.other || part.leaf->final == FINAL_CANNOT_TELL) {
		part.final = FINAL_CANNOT_TELL;
		part.why = why_of(arena, sets, region, part.leaf, part.other);
	}
	if (part.final == FINAL_REWRITTEN) {
		part.rewritten = first->leaf->rewritten;
		part.into = first->into;
	}
	return part;
}

static bool parts_are_alike(const struct every_part *a, const struct every_part *b)
{
	return a->final == b->final && a->leaf == b->leaf && is_same_word(a->why, b->why);
}

/* --- a witness for each --- */

/* A field that a packet was left open in stays so where the part does not ask for it. */
static uint64_t settled_fields(struct sets *sets, struct packet_set set, uint64_t open)
{
	const uint64_t always = FIELD_BIT(FIELD_SRC) | FIELD_BIT(FIELD_DST) |
				FIELD_BIT(FIELD_PROTO) | FIELD_BIT(FIELD_SPORT) |
				FIELD_BIT(FIELD_DPORT) | FIELD_BIT(FIELD_ICMP_TYPE) |
				FIELD_BIT(FIELD_ICMP_CODE) | FIELD_BIT(FIELD_TCP_FLAGS);
	uint64_t settled = open & always;

	for (unsigned field = 0; field < N_FIELDS; field++) {
		uint64_t bit = FIELD_BIT(field);
		struct packet_set without = set_forget(sets, set, bit);

		/* that there is some length makes no difference */
		if (field == FIELD_LENGTH)
			without = set_minus(sets, without, set_of_number(sets, field, 0));
		if (open & ~always & bit && !set_equal(set, without))
			settled |= bit;
	}
	return settled;
}

bool every_witness(const struct every *every, struct packet_set among, struct query *ret)
{
	struct sets *sets = every->sets;
	struct query witness = every->query;
	struct packet *packet = &witness.packet;
	struct packet one;
	uint64_t settled;

	if (!set_witness(sets, among, &one))
		return false;
	settled = settled_fields(sets, among, packet->unknown);
	set_know(sets, set_of_packet(sets, &one, settled), settled, packet);
	if (!proto_has_ports(packet->proto))
		packet->unknown &= ~(FIELD_BIT(FIELD_SPORT) | FIELD_BIT(FIELD_DPORT));
	if (packet->proto != PROTO_ICMP && packet->proto != PROTO_ICMPV6)
		packet->unknown &= ~(FIELD_BIT(FIELD_ICMP_TYPE) | FIELD_BIT(FIELD_ICMP_CODE));
	explain_find_macs(every->host, &witness);
	*ret = witness;
	return true;
}

static void ask_witness(
	struct arena *arena, const struct explainer *explainer, struct every_part *part)
{
	part->explanation = explain(arena, explainer, &part->witness);
	if (part->final == FINAL_CANNOT_TELL || part->explanation->final == part->final)
		return;
	part->final = FINAL_CANNOT_TELL;
	if (part->explanation->final == FINAL_CANNOT_TELL) {
		part->why = part->explanation->leaf && part->explanation->leaf->why
				    ? part->explanation->leaf->why
				    : "of one of these packets alone it cannot be told";
		return;
	}
	part->is_contradicted = true;
	part->why =
		"the walk of one of these packets alone ends in another way: this is an error of "
		"portwall, please report it";
}

/* --- all together --- */

static bool collect(struct arena *arena, const struct answer *answer, struct every *every,
	struct regions *regions, struct err *err)
{
	const uint64_t others = ~(ENTRY_FIELDS | SET_FAMILY_BIT | SET_EXTRA_BITS) | FRAME_FIELDS;
	struct all_ends *all = arena_new_one(arena, struct all_ends);

	for (size_t i = 0; i < answer->n_parts; i++)
		add_end(arena, every->sets, &answer->parts[i], others, all);
	vec_for_each (ends, all) {
		ends->set = set_and(every->sets, ends->set, every->asked);
		if (!add_region(arena, every->sets, regions, ends))
			return err_limit(err, "the set of packets has more than %d different ends",
				MAX_REGIONS);
	}
	return sets_ok(every->sets, err);
}

/* None may be lost, whatever else is wrong. */
static void add_missing(struct arena *arena, struct every *every)
{
	struct packet_set rest = every->asked;

	vec_for_each (part, &every->parts)
		rest = set_minus(every->sets, rest, part->set);
	if (!set_is_empty(rest))
		*vec_push(&every->parts, arena) = (struct every_part){ .final = FINAL_CANNOT_TELL,
			.set = rest,
			.is_contradicted = true,
			.why = "the walk of the set has no end for these packets: this is an error of "
			       "portwall, please report it" };
}

static void add_part(struct arena *arena, struct every *every, const struct every_part *part)
{
	vec_for_each (known, &every->parts) {
		if (!parts_are_alike(known, part))
			continue;
		known->set = set_or(every->sets, known->set, part->set);
		return;
	}
	*vec_push(&every->parts, arena) = *part;
}

bool explain_every_in(struct arena *arena, const struct explainer *explainer, struct sets *sets,
	const struct query *query, const struct packet_choices *allowed, struct every *ret,
	struct err *err)
{
	const struct query open = opened(query);
	struct packet_set set;
	struct regions regions = { 0 };
	struct answer answer;

	if (sets_should_collect(sets))
		sets_collect(sets, NULL, 0);
	set = asked_set(sets, &open.packet, allowed);
	*ret = (struct every){ .sets = sets, .host = explainer->host, .query = open, .asked = set };
	if (!sets_ok(sets, err))
		return false;
	if (set_is_empty(set))
		return err_input(err, "there is no such packet");
	if (packet_is_tagged(&query->packet))
		set = set_assign(
			sets, set, FRAME_FIELDS, set_of_packet(sets, &query->packet, FRAME_FIELDS));
	answer = explain_set(arena, explainer, &open, sets, set);
	if (!collect(arena, &answer, ret, &regions, err))
		return false;
	vec_for_each (region, &regions) {
		const struct every_part part = part_of(arena, sets, region);

		add_part(arena, ret, &part);
	}
	add_missing(arena, ret);
	return sets_ok(sets, err);
}

bool explain_every(struct arena *arena, const struct explainer *explainer,
	const struct query *query, const struct packet_choices *allowed, struct every *ret,
	struct err *err)
{
	struct sets *sets = explain_world(explainer->host);

	if (!explain_every_in(arena, explainer, sets, query, allowed, ret, err))
		return false;
	vec_for_each (part, &ret->parts)
		if (every_witness(ret, part->set, &part->witness))
			ask_witness(arena, explainer, part);
	return sets_ok(sets, err);
}

void every_print_set(
	struct text *out, const struct every *every, struct packet_set set, size_t max_parts)
{
	struct sets *sets = every->sets;

	if (set_equal(set, every->asked))
		text_add(out, "all of them\n");
	else
		set_print(sets, set_shorten(sets, set, every->asked), max_parts, out);
}
