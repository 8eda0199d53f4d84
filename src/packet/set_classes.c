// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The service matrix: a partition of the addresses, and who reaches whom.
 *
 * With everything forgotten but the two addresses, a service is a relation, and a diagram of it asks the source first. What a
 * source reaches is then one node, the one that is left when all bits of the source are known: sources of the same node are
 * those that reach the same, and there are as many nodes as there are such sets. With the two addresses swapped the same says who is
 * reached from the same. Classes are what both cut the addresses into. So nobody goes through addresses, and never through pairs of them.
 *
 * Members of a class being alike, one of each says who reaches whom.
 */
#include "packet/classes.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "packet/set_bdd.h"

#define SRC	   FIELD_BIT(FIELD_SRC)
#define DST	   FIELD_BIT(FIELD_DST)
#define EVERYTHING ((FIELD_BIT(N_FIELDS) - 1) | SET_FAMILY_BIT | SET_EXTRA_BITS)

/* Pairs of addresses, between which a packet asked about is accepted, and is not. */
struct relation {
	struct packet_set yes, no;
};

struct maker {
	struct sets *sets;
	const struct matrix_query *query;
	struct arena *arena;
	struct relation *relations;   /* one a service */
	VEC(struct packet_set) parts; /* as sources */
};

static struct packet_set of_family(const struct maker *m, struct packet_set a)
{
	return set_and(m->sets, a, set_of_family(m->sets, m->query->family));
}

static struct packet_set transposed(const struct maker *m, struct packet_set a)
{
	return set_swap(m->sets, a, FIELD_SRC, FIELD_DST);
}

static struct relation relation_of(
	const struct maker *m, const struct service *service, struct packet_set pairs)
{
	struct packet_set accepted = m->query->accepted, asked = of_family(m, service->asked);
	struct packet_set yes = set_and(m->sets, asked, accepted);
	struct packet_set no = set_minus(m->sets, asked, accepted);
	uint64_t fields = EVERYTHING & ~(SRC | DST);

	return (struct relation){ set_and(m->sets, set_forget(m->sets, yes, fields), pairs),
		set_and(m->sets, set_forget(m->sets, no, fields), pairs) };
}

static bool too_many(struct err *err)
{
	err_limit(err, "the addresses fall into more than %d classes that do not reach the same",
		LIMIT_CLASSES);
	return err_next(err, "ask for fewer services, or for fewer addresses");
}

/* Cuts the parts so that all sources of one reach the same. */
static bool cut(struct maker *m, struct packet_set reach, struct err *err)
{
	__typeof__(m->parts) before = m->parts;
	struct set_rows rows = { 0 };

	memset(&m->parts, 0, sizeof(m->parts));
	vec_for_each (part, &before) {
		struct packet_set of_part = set_and(m->sets, reach, *part), rest = *part;

		if (!sets_find_rows(m->sets, of_part, LIMIT_CLASSES, m->arena, &rows))
			return too_many(err);
		vec_for_each (row, &rows.list) {
			struct packet_set sources = sets_of_row(m->sets, of_part, *row);

			if (set_is_empty(*row))
				continue; /* those of other parts too */
			*vec_push(&m->parts, m->arena) = sources;
			rest = set_minus(m->sets, rest, sources);
		}
		if (!set_is_empty(rest))
			*vec_push(&m->parts, m->arena) = rest;
		if (m->parts.n > LIMIT_CLASSES)
			return too_many(err);
	}
	return true;
}

static bool cut_all(struct maker *m, struct err *err)
{
	for (size_t i = 0; i < m->query->n_services; i++)
		if (!cut(m, m->relations[i].yes, err) ||
			!cut(m, transposed(m, m->relations[i].yes), err))
			return false;
	return true;
}

static struct addr address_of(enum family family, const struct field_value *value)
{
	struct addr addr = { .family = family };
	size_t size = family == FAMILY_IPV6 ? 16 : 4;

	memcpy(addr.bytes, value->bytes + 16 - size, size);
	return addr;
}

static const char *letters(struct arena *arena, size_t i)
{
	char name[8], *at = name + sizeof(name) - 1;

	*at = '\0';
	for (i++; i; i = (i - 1) / 26)
		*--at = (char)('A' + (i - 1) % 26);
	return arena_strdup(arena, at);
}

static void describe(const struct maker *m, struct packet_set part, struct address_class *ret)
{
	enum family family = m->query->family;
	struct set_items items = sets_list(m->sets, m->arena, part,
		sets_first_level(m->sets, FIELD_SRC), sets_bits(m->sets, FIELD_SRC, family), false);
	struct class_range *ranges = arena_new_array(m->arena, struct class_range, items.list.n);

	for (size_t i = 0; i < items.list.n; i++) {
		ranges[i].from = address_of(family, &items.list.items[i].from);
		ranges[i].to = address_of(family, &items.list.items[i].to);
	}
	ret->addresses = of_family(m, part);
	ret->ranges = ranges;
	ret->n_ranges = items.list.n;
	ret->is_cut = items.is_cut;
	if (items.list.n)
		ret->first = ranges[0].from;
}

struct address_class class_of_sources(
	struct sets *sets, enum family family, struct packet_set packets, struct arena *arena)
{
	const struct matrix_query query = { .family = family };
	const struct maker m = { .sets = sets, .query = &query, .arena = arena };
	struct address_class class = { 0 };

	describe(&m, set_forget(sets, of_family(&m, packets), EVERYTHING & ~SRC), &class);
	return class;
}

static int compare(const void *a, const void *b)
{
	const struct address_class *x = a, *y = b;

	return addr_compare(&x->first, &y->first);
}

/* What is left of a set when the address is known. */
static struct packet_set at(
	const struct sets *sets, struct packet_set a, enum field field, const struct addr *addr)
{
	unsigned n = sets_bits(sets, field, addr->family), first = sets_first_level(sets, field);
	unsigned width = addr->family == FAMILY_IPV6 ? 128 : 32, level = sets_level(sets, a.node);

	for (; level >= first && level < first + n; level = sets_level(sets, a.node)) {
		unsigned i = width - n + level - first;
		bool bit = addr->bytes[i / 8] >> (7 - i % 8) & 1;

		a.node = bit ? sets->nodes[a.node].high : sets->nodes[a.node].low;
	}
	return a;
}

static void fill_row(const struct maker *m, const struct relation *relation,
	const struct address_class *classes, size_t from, uint8_t *row)
{
	struct packet_set yes = at(m->sets, relation->yes, FIELD_SRC, &classes[from].first);
	struct packet_set no = set_and(m->sets, relation->no, classes[from].addresses);

	no = transposed(m, set_forget(m->sets, no, EVERYTHING & ~DST));
	for (size_t to = 0; to < m->parts.n; to++) {
		if (set_is_empty(at(m->sets, yes, FIELD_DST, &classes[to].first)))
			row[to] = REACH_NO;
		else if (set_is_empty(set_and(m->sets, no, classes[to].addresses)))
			row[to] = REACH_YES;
		else
			row[to] = REACH_SOME;
	}
}

static void fill(const struct maker *m, struct service_matrix *ret)
{
	size_t n = m->parts.n, n_services = m->query->n_services;
	struct address_class *classes = arena_new_array(m->arena, struct address_class, n);
	uint8_t *cells = arena_alloc(m->arena, n_services * n * n);
	const char **names = arena_new_array(m->arena, const char *, n_services);

	for (size_t i = 0; i < n; i++)
		describe(m, m->parts.items[i], &classes[i]);
	if (n)
		qsort(classes, n, sizeof(*classes), compare);
	for (size_t i = 0; i < n; i++)
		classes[i].name = letters(m->arena, i);
	for (size_t i = 0; i < n_services; i++) {
		names[i] = arena_strdup(m->arena, m->query->services[i].name);
		for (size_t from = 0; from < n; from++)
			fill_row(m, &m->relations[i], classes, from, cells + (i * n + from) * n);
	}
	*ret = (struct service_matrix){ m->query->family, classes, n, names, n_services, cells };
}

bool service_matrix_make(struct sets *sets, const struct matrix_query *query, struct arena *arena,
	struct service_matrix *ret, struct err *err)
{
	struct maker m = { .sets = sets, .query = query, .arena = arena };
	struct service_matrix matrix;
	struct packet_set all, pairs;

	all = set_forget(sets, of_family(&m, query->addresses), EVERYTHING & ~SRC);
	pairs = set_and(sets, all, transposed(&m, all));
	if (!set_is_empty(all))
		*vec_push(&m.parts, arena) = all;
	m.relations = arena_new_array(arena, struct relation, query->n_services);
	for (size_t i = 0; i < query->n_services; i++)
		m.relations[i] = relation_of(&m, &query->services[i], pairs);
	if (!sets_ok(sets, err) || !cut_all(&m, err))
		return false;
	fill(&m, &matrix);
	if (!sets_ok(sets, err))
		return false;
	*ret = matrix;
	return true;
}

enum reach service_matrix_cell(
	const struct service_matrix *matrix, size_t service, size_t from, size_t to)
{
	return matrix->cells[(service * matrix->n_classes + from) * matrix->n_classes + to];
}
