// SPDX-License-Identifier: GPL-2.0-or-later
/* Sets beside single packets: which have a field, which can be, whether one is in a set, how many there are. */
#include "packet/set_bdd.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Nobody rejects what a test's small world cannot say: there the field is always 0. */
static struct packet_set of_ethertype(struct sets *sets, uint16_t ethertype)
{
	return set_of_number(sets, FIELD_ETHERTYPE, ethertype);
}

/* As packet_field, and as is_ip there: no ethertype is said of packets at IP hooks. */
static struct packet_set of_ip(struct sets *sets)
{
	struct packet_set all = of_ethertype(sets, 0);

	all = set_or(sets, all, of_ethertype(sets, ETHERTYPE_IPV4));
	return set_or(sets, all, of_ethertype(sets, ETHERTYPE_IPV6));
}

static struct packet_set of_protocols(struct sets *sets, enum field field)
{
	struct packet_set all = SET_EMPTY;

	for (unsigned proto = 0; proto <= UINT8_MAX; proto++) {
		bool has = field == FIELD_TCP_FLAGS ? proto == PROTO_TCP
			   : field == FIELD_SPORT || field == FIELD_DPORT
				   ? proto_has_ports((uint8_t)proto)
				   : proto == PROTO_ICMP || proto == PROTO_ICMPV6;

		if (has)
			all = set_or(sets, all, set_of_number(sets, FIELD_PROTO, proto));
	}
	return all;
}

static struct packet_set find_present(struct sets *sets, enum field field)
{
	struct packet_set transport;

	if (field == FIELD_VLAN_ID)
		return of_ethertype(sets, ETHERTYPE_VLAN);
	if (field <= FIELD_PKTTYPE)
		return SET_FULL;
	if (field <= FIELD_FRAGMENT)
		return of_ip(sets);
	if (field >= FIELD_ARP_OP)
		return of_ethertype(sets, ETHERTYPE_ARP);
	if (field > FIELD_ICMP_CODE)
		return SET_FULL;
	transport = set_minus(sets, of_ip(sets), set_of_number(sets, FIELD_FRAGMENT, 2));
	return set_and(sets, transport, of_protocols(sets, field));
}

/* Asked with every question of a field: made once. */
struct packet_set set_of_present(struct sets *sets, enum field field)
{
	if (!(sets->has_present & FIELD_BIT(field))) {
		sets->present[field] = find_present(sets, field);
		if (sets->has_failed)
			return SET_EMPTY;
		sets->has_present |= FIELD_BIT(field);
		*vec_push(&sets->remembered, sets->arena) = &sets->present[field];
	}
	return sets->has_failed ? SET_EMPTY : sets->present[field];
}

struct packet_set sets_real(struct sets *sets)
{
	const struct field_value zero = { 0 };
	struct packet_set v4 = set_of_family(sets, FAMILY_IPV4),
			  v6 = set_of_family(sets, FAMILY_IPV6);
	struct packet_set wrong = set_and(sets, v4, of_ethertype(sets, ETHERTYPE_IPV6)), real,
			  is_zero;

	wrong = set_or(sets, wrong, set_minus(sets, v6, of_ip(sets)));
	wrong = set_or(sets, wrong, set_and(sets, v6, of_ethertype(sets, ETHERTYPE_IPV4)));
	real = set_not(sets, wrong);
	for (unsigned field = 0; field < N_FIELDS; field++) {
		struct packet_set present = set_of_present(sets, field);
		const struct set_field *f = &sets->fields[field];

		if (set_is_full(present) || !f->n_bits)
			continue;
		/* 0 may be one of the others */
		is_zero = f->is_enumerated ? sets_of_code(sets, field,
						     sets_code_of_value(sets, field, &zero), false)
					   : set_of_value(sets, field, FAMILY_IPV4, &zero);
		real = set_and(sets, real, set_or(sets, present, is_zero));
		if (field == FIELD_LENGTH && !f->is_enumerated)
			real = set_minus(sets, real, set_and(sets, present, is_zero));
	}
	return real;
}

static void know_number(
	struct sets *sets, unsigned first, unsigned n, const struct field_value *value)
{
	for (unsigned i = 0; i < n; i++) {
		unsigned place = n - 1 - i;

		sets->known[first + i] = value->bytes[15 - place / 8] >> place % 8 & 1;
	}
}

static const char *name_of(const struct packet *packet, enum field field)
{
	const char *name = field == FIELD_IN_IFACE     ? packet->in_iface
			   : field == FIELD_OUT_IFACE  ? packet->out_iface
			   : field == FIELD_PHYSDEV_IN ? packet->physdev_in
						       : packet->physdev_out;

	return name ? name : "";
}

/* False: it is not known. */
static bool value_of_packet(const struct sets *sets, const struct packet *packet, enum field field,
	struct field_value *ret)
{
	const uint64_t kinds =
		FIELD_BIT(FIELD_ETHERTYPE) | FIELD_BIT(FIELD_PROTO) | FIELD_BIT(FIELD_FRAGMENT);
	enum field_answer answer = FIELD_KNOWN;

	*ret = (struct field_value){ 0 };
	if (sets_is_names(field)) {
		if (packet->unknown & FIELD_BIT(field))
			return false;
		*ret = field_value_of_number(
			sets_code_of_name(sets, field, name_of(packet, field)));
		return true;
	}
	answer = packet_field(packet, field, ret);
	/* whether it has the field is not known either */
	if (answer == FIELD_ABSENT && packet->unknown & kinds)
		return false;
	if (sets->fields[field].is_enumerated)
		*ret = field_value_of_number(sets_code_of_value(sets, field, ret));
	return answer != FIELD_UNKNOWN;
}

enum set_answer set_has_packet(struct sets *sets, struct packet_set a, const struct packet *packet)
{
	enum family family = packet->src.family;
	struct packet_set left;

	if (sets->has_failed)
		return SET_OUT;
	memset(sets->known, 2, sets->block_of.n);
	sets->known[sets->family_level] = family == FAMILY_IPV6;
	for (unsigned field = 0; field < N_FIELDS; field++) {
		const struct set_field *f = &sets->fields[field];
		unsigned n = sets_bits(sets, field, family);
		struct field_value value;

		if (!value_of_packet(sets, packet, field, &value))
			continue;
		know_number(sets, f->first, n, &value);
		/* bits that an address of the other family would have */
		memset(sets->known + f->first + n, 0, f->n_bits - n);
	}
	left = sets_know(sets, a);
	return set_is_empty(left) ? SET_OUT : set_is_full(left) ? SET_IN : SET_DEPENDS;
}

struct packet_set set_of_packet(struct sets *sets, const struct packet *packet, uint64_t fields)
{
	enum family family = packet->src.family;
	struct packet_set all = SET_FULL;

	for (unsigned field = N_FIELDS; field-- > 0;) {
		struct packet_set one;
		struct field_value value;

		if (!(fields >> field & 1) || !value_of_packet(sets, packet, field, &value))
			continue;
		one = sets->fields[field].is_enumerated
			      ? sets_of_code(sets, field, field_value_number(&value), false)
			      : set_of_value(sets, field, family, &value);
		all = set_and(sets, all, one);
	}
	return all;
}

static void find_extras(
	const struct sets *sets, uint32_t a, struct arena *arena, bool *is_seen, bool *is_asked)
{
	VEC(uint32_t) todo = { 0 };

	*vec_push(&todo, arena) = a;
	while (todo.n) {
		uint32_t at = todo.items[--todo.n];
		unsigned block;

		if (at < 2 || is_seen[at])
			continue;
		is_seen[at] = true;
		block = sets_block_of(sets, sets_level(sets, at));
		if (block >= BLOCK_FIRST_EXTRA)
			is_asked[block - BLOCK_FIRST_EXTRA] = true;
		*vec_push(&todo, arena) = sets->nodes[at].low;
		*vec_push(&todo, arena) = sets->nodes[at].high;
	}
}

void set_extras(struct sets *sets, struct packet_set a, struct arena *arena,
	const char *const **ret, size_t *ret_n)
{
	struct arena *scratch CLEANUP(arena_freep) = arena_new();
	bool *is_seen = arena_new_array(scratch, bool, sets->n + 2);
	bool *is_asked = arena_new_array(scratch, bool, sets->extras.n + 1);
	VEC(const char *) words = { 0 };

	find_extras(sets, a.node, scratch, is_seen, is_asked);
	for (size_t i = 0; i < sets->extras.n; i++)
		if (is_asked[i])
			*vec_push(&words, arena) = sets->extras.items[i];
	*ret = words.items;
	*ret_n = words.n;
}

/* from[level]: how many counted levels there are from it on; from[number of levels]: 0. */
static double count_below(const struct sets *sets, uint32_t a, const unsigned *from, double *counts)
{
	double sum = 0;

	if (a < 2)
		return a;
	if (counts[a] >= 0)
		return counts[a];
	for (unsigned i = 0; i < 2; i++) {
		uint32_t child = i ? sets->nodes[a].high : sets->nodes[a].low;
		unsigned level = child < 2 ? (unsigned)sets->block_of.n : sets_level(sets, child);

		sum += ldexp(count_below(sets, child, from, counts),
			(int)(from[sets_level(sets, a) + 1] - from[level]));
	}
	return counts[a] = sum;
}

double set_count(struct sets *sets, struct packet_set a, uint64_t fields)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	size_t n_levels = sets->block_of.n;
	unsigned *from = arena_new_array(arena, unsigned, n_levels + 1);
	double *counts, count;

	for (unsigned i = 0; i < N_FIELDS; i++)
		if (fields >> i & 1 && sets_is_address(i))
			fields |= SET_FAMILY_BIT;
	fields &= SET_EXTRA_BITS - 1;
	a = set_forget(sets, a, ~fields);
	a = set_and(sets, a, sets_of_one_code_each(sets, fields));
	if (sets->has_failed || a.node == 0)
		return 0;
	for (size_t level = n_levels; level-- > 0;)
		from[level] = from[level + 1] + (sets_is_block_in(sets, (unsigned)level, fields));
	counts = malloc(sets->n * sizeof(*counts));
	if (!counts) {
		sets_fail(sets, ERR_LIMIT, "no memory to count a set of packets");
		return 0;
	}
	for (size_t i = 0; i < sets->n; i++)
		counts[i] = -1;
	count = count_below(sets, a.node, from, counts);
	free(counts);
	return ldexp(
		count, (int)(from[0] - from[a.node == 1 ? n_levels : sets_level(sets, a.node)]));
}
