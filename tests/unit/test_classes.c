// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Classes of addresses and the service matrix: against going through all pairs in a toy world, and in words in a whole one.
 */
#include "unit.h"

#include <string.h>

#include "base/limits.h"
#include "packet/classes.h"
#include "random.h"

/* A toy world has 8 addresses, two services (ports) and a bit that neither of them asks for. */
#define BITS  3
#define N     (1U << BITS)
#define PORTS 2
#define ROUND 2000

/* One of all the packets that there are. */
struct toy_packet {
	unsigned src, dst, port, flag;
};

#define N_PACKETS (N * N * PORTS * 2)

static struct toy_packet nth_packet(unsigned i)
{
	return (struct toy_packet){ i >> (BITS + 2), i >> 2 & (N - 1), i >> 1 & 1, i & 1 };
}

struct toy {
	struct sets *sets;
	enum family family;
	bool is_accepted[N_PACKETS], is_asked[N_PACKETS], is_there[N];
	struct service services[PORTS];
	struct matrix_query query;
};

static struct packet_set of_packet(struct toy *toy, struct toy_packet p)
{
	struct field_value src = field_value_of_number(p.src), dst = field_value_of_number(p.dst);
	struct sets *sets = toy->sets;
	struct packet_set a = set_of_number(sets, FIELD_TCP_FLAGS, p.flag);

	/* from the last field asked up to the first: each step is at the top */
	a = set_and(sets, a, set_of_number(sets, FIELD_DPORT, p.port));
	a = set_and(sets, a, set_of_value(sets, FIELD_DST, toy->family, &dst));
	return set_and(sets, a, set_of_value(sets, FIELD_SRC, toy->family, &src));
}

/* Addresses of few kinds, so that classes have several members; sometimes a pair more or less. */
static void invent(struct toy *toy, struct random *random)
{
	unsigned kinds[N], n_kinds = 1 + random_below(random, N),
			   exception = random_below(random, N);
	uint64_t accepted[N], asked[N];
	bool is_each_of_its_own = one_in(random, 4);
	bool asks_all = one_in(random, 2), has_all = one_in(random, 2);

	for (unsigned i = 0; i < N; i++) {
		kinds[i] = is_each_of_its_own ? i : random_below(random, n_kinds);
		/* one bit of four, three of four */
		accepted[i] = random_u64(random);
		accepted[i] &= random_u64(random);
		asked[i] = asks_all ? UINT64_MAX : random_u64(random);
		asked[i] |= random_u64(random);
		toy->is_there[i] = has_all || !one_in(random, 3);
	}
	for (unsigned i = 0; i < N_PACKETS; i++) {
		struct toy_packet p = nth_packet(i);
		unsigned bit = kinds[p.dst] * 4 + p.port * 2 + p.flag;

		toy->is_accepted[i] = accepted[kinds[p.src]] >> bit & 1;
		toy->is_asked[i] = asked[kinds[p.src]] >> bit & 1;
		if (p.src == exception && p.dst == exception && p.port == 0)
			toy->is_accepted[i] ^= 1;
	}
}

static void toy_begin(struct toy *toy, struct random *random)
{
	struct sets *sets = toy->sets = sets_new(0);
	struct packet_set asked = SET_EMPTY, accepted = SET_EMPTY, there = SET_EMPTY;

	toy->family = one_in(random, 2) ? FAMILY_IPV4 : FAMILY_IPV6;
	for (unsigned field = FIELD_ETH_SRC; field < N_FIELDS; field++) {
		bool is_address = field == FIELD_SRC || field == FIELD_DST;
		bool is_bit = field == FIELD_DPORT || field == FIELD_TCP_FLAGS;

		sets_set_width(sets, field, is_address ? BITS : is_bit ? 1 : 0);
	}
	sets_seal(sets);
	invent(toy, random);
	for (unsigned i = 0; i < N_PACKETS; i++) {
		struct packet_set one = of_packet(toy, nth_packet(i));

		if (toy->is_asked[i])
			asked = set_or(sets, asked, one);
		if (toy->is_accepted[i])
			accepted = set_or(sets, accepted, one);
		if (toy->is_there[nth_packet(i).src])
			there = set_or(sets, there, one);
	}
	for (unsigned port = 0; port < PORTS; port++) {
		toy->services[port].name = port ? "one" : "zero";
		toy->services[port].asked =
			set_and(sets, asked, set_of_number(sets, FIELD_DPORT, port));
	}
	/* the other family is accepted, and it has nothing to do with this one */
	accepted = set_or(sets, accepted,
		set_of_family(sets, toy->family == FAMILY_IPV4 ? FAMILY_IPV6 : FAMILY_IPV4));
	toy->query = (struct matrix_query){ toy->family, accepted, there, toy->services,
		1 + random_below(random, PORTS) };
}

/* Is one that is asked about accepted, or refused? */
static bool is_one(
	const struct toy *toy, unsigned port, unsigned src, unsigned dst, bool is_accepted)
{
	unsigned first = ((src * N + dst) * PORTS + port) * 2;

	for (unsigned i = first; i < first + 2; i++)
		if (toy->is_asked[i] && toy->is_accepted[i] == is_accepted)
			return true;
	return false;
}

static bool reaches(const struct toy *toy, unsigned port, unsigned src, unsigned dst)
{
	return is_one(toy, port, src, dst, true);
}

static bool is_same_class(const struct toy *toy, unsigned a, unsigned b)
{
	for (unsigned port = 0; port < toy->query.n_services; port++)
		for (unsigned peer = 0; peer < N; peer++) {
			if (!toy->is_there[peer])
				continue;
			if (reaches(toy, port, a, peer) != reaches(toy, port, b, peer) ||
				reaches(toy, port, peer, a) != reaches(toy, port, peer, b))
				return false;
		}
	return true;
}

static unsigned number_of(const struct addr *addr)
{
	return addr->bytes[addr->family == FAMILY_IPV6 ? 15 : 3];
}

/* The class that an address is in; N: none. */
static unsigned class_of(const struct service_matrix *matrix, unsigned address)
{
	unsigned found = N;

	for (unsigned i = 0; i < matrix->n_classes; i++) {
		const struct address_class *class = &matrix->classes[i];

		for (size_t k = 0; k < class->n_ranges; k++)
			if (address >= number_of(&class->ranges[k].from) &&
				address <= number_of(&class->ranges[k].to)) {
				assert_int_equal(found, N);
				found = i;
			}
	}
	return found;
}

static enum reach reach_of(const struct toy *toy, const struct service_matrix *matrix,
	unsigned port, unsigned from, unsigned to)
{
	bool is_any = false, is_refused = false;

	for (unsigned src = 0; src < N; src++)
		for (unsigned dst = 0; dst < N; dst++) {
			if (class_of(matrix, src) != from || class_of(matrix, dst) != to)
				continue;
			is_any |= is_one(toy, port, src, dst, true);
			is_refused |= is_one(toy, port, src, dst, false);
		}
	return !is_any ? REACH_NO : is_refused ? REACH_SOME : REACH_YES;
}

static void assert_right_classes(const struct toy *toy, const struct service_matrix *matrix)
{
	unsigned n_members[N] = { 0 };

	assert_int_equal(matrix->family, toy->family);
	for (unsigned a = 0; a < N; a++) {
		unsigned class = class_of(matrix, a);

		assert_int_equal(class != N, toy->is_there[a]);
		if (class == N)
			continue;
		/* sorted by the first, which is the name's */
		if (!n_members[class]++)
			assert_int_equal(number_of(&matrix->classes[class].first), a);
		assert_true(class == 0 || n_members[class - 1] > 0);
		for (unsigned b = 0; b < a; b++)
			if (toy->is_there[b])
				assert_int_equal(
					is_same_class(toy, a, b), class == class_of(matrix, b));
	}
	for (unsigned i = 0; i < matrix->n_classes; i++)
		assert_true(n_members[i] > 0 && set_count(toy->sets, matrix->classes[i].addresses,
							FIELD_BIT(FIELD_SRC)) == n_members[i]);
}

static void classes_and_cells_are_what_all_pairs_say(void **state)
{
	struct random random = random_seeded();
	size_t seen[3] = { 0 }, n_classes[N + 1] = { 0 };

	(void)state;
	for (unsigned i = 0; i < ROUND; i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct toy toy = { 0 };
		struct service_matrix matrix;
		struct err err = { 0 };

		toy_begin(&toy, &random);
		if (!service_matrix_make(toy.sets, &toy.query, arena, &matrix, &err))
			fail_msg("%s", err.text);
		assert_right_classes(&toy, &matrix);
		n_classes[matrix.n_classes]++;
		for (unsigned port = 0; port < matrix.n_services; port++)
			for (unsigned from = 0; from < matrix.n_classes; from++)
				for (unsigned to = 0; to < matrix.n_classes; to++) {
					enum reach reach =
						service_matrix_cell(&matrix, port, from, to);

					assert_int_equal(
						reach, reach_of(&toy, &matrix, port, from, to));
					seen[reach]++;
				}
		sets_free(toy.sets);
	}
	for (unsigned i = 0; i < N_OF(seen); i++)
		assert_true(seen[i] > ROUND / 4);
	for (unsigned i = 1; i <= N; i++)
		assert_true(n_classes[i] > 0);
}

static struct packet_set of_prefix(struct sets *sets, enum field field, const char *words)
{
	struct prefix prefix;

	assert_true(prefix_parse(words, &prefix));
	return set_of_prefix(sets, field, &prefix);
}

static struct packet_set between(struct sets *sets, const char *from, const char *to)
{
	return set_and(sets, of_prefix(sets, FIELD_SRC, from), of_prefix(sets, FIELD_DST, to));
}

static struct packet_set tcp_to(struct sets *sets, unsigned port)
{
	return set_and(sets, set_of_number(sets, FIELD_PROTO, PROTO_TCP),
		set_of_number(sets, FIELD_DPORT, port));
}

struct office {
	struct sets *sets;
	struct arena *arena;
	struct service services[2];
	struct matrix_query query;
	struct service_matrix matrix;
};

/* An office, its servers, one printer among them, and the rest of the world. */
static void office_begin(struct office *office)
{
	struct sets *sets = office->sets = sets_new(0);
	unsigned limit = sets_add_extra(sets, "limit 3/second");
	struct packet_set all;

	office->arena = arena_new();
	sets_add_name(sets, FIELD_IN_IFACE, "eth0");
	sets_seal(sets);
	all = between(sets, "10.0.0.0/24", "10.0.1.0/24");
	all = set_or(sets, all, between(sets, "10.0.1.0/24", "10.0.0.0/24"));
	all = set_minus(sets, all, of_prefix(sets, FIELD_SRC, "10.0.1.7/32"));
	all = set_or(sets, all,
		set_and(sets, set_of_extra(sets, limit),
			of_prefix(sets, FIELD_DST, "10.0.1.0/24")));
	office->services[0] = (struct service){ "tcp 22", tcp_to(sets, 22) };
	office->services[1] = (struct service){ "tcp 80", tcp_to(sets, 80) };
	all = set_or(sets, all,
		set_and(sets, tcp_to(sets, 80), of_prefix(sets, FIELD_SRC, "10.0.0.0/24")));
	office->query = (struct matrix_query){ FAMILY_IPV4, all, SET_FULL, office->services, 2 };
}

static void office_make(struct office *office)
{
	struct err err = { 0 };

	if (!service_matrix_make(
		    office->sets, &office->query, office->arena, &office->matrix, &err))
		fail_msg("%s", err.text);
}

static void office_end(struct office *office)
{
	sets_free(office->sets);
	arena_free(office->arena);
}

static void a_matrix_is_a_table_of_letters_and_what_they_are(void **state)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;
	struct office office = { 0 };

	(void)state;
	office_begin(&office);
	office_make(&office);
	service_matrix_print(&text, &office.matrix, 0);
	assert_string_equal(text.data,
		"tcp 22\n"
		"    A B C D\n"
		"  A . . ~ ~\n"
		"  B . . + +\n"
		"  C . + ~ ~\n"
		"  D . . ~ ~\n"
		"\n"
		"tcp 80\n"
		"    A B C D\n"
		"  A . . ~ ~\n"
		"  B + + + +\n"
		"  C . + ~ ~\n"
		"  D . . ~ ~\n"
		"\n"
		"From the row to the column: + everything asked, ~ something, depending on what is not asked, . nothing\n"
		"\n"
		"  A  0.0.0.0-9.255.255.255, 10.0.2.0-255.255.255.255\n"
		"  B  10.0.0.0/24\n"
		"  C  10.0.1.0-10.0.1.6, 10.0.1.8-10.0.1.255\n"
		"  D  10.0.1.7\n");
	office_end(&office);
}

static void what_is_asked_decides_the_classes(void **state)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;
	struct office office = { 0 };

	(void)state;
	office_begin(&office);
	/* nobody but the office and the servers, one service, and the limit has room */
	office.query.addresses = of_prefix(office.sets, FIELD_SRC, "10.0.0.0/23");
	office.query.n_services = 1;
	office.services[0].asked =
		set_and(office.sets, office.services[0].asked, set_of_extra(office.sets, 0));
	office_make(&office);
	service_matrix_print(&text, &office.matrix, 1);
	assert_string_equal(text.data, "tcp 22\n"
				       "    A B C\n"
				       "  A . + +\n"
				       "  B + + +\n"
				       "  C . + +\n"
				       "\n"
				       "From the row to the column: + everything asked, . nothing\n"
				       "\n"
				       "  A  10.0.0.0/24\n"
				       "  B  10.0.1.0-10.0.1.6, and 1 more\n"
				       "  C  10.0.1.7\n");
	office_end(&office);
}

static void a_drawing_has_an_arrow_for_each_pair(void **state)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;
	struct office office = { 0 };

	(void)state;
	office_begin(&office);
	office.query.addresses = of_prefix(office.sets, FIELD_SRC, "10.0.0.0/23");
	office_make(&office);
	service_matrix_print_dot(&text, &office.matrix, 1);
	assert_string_equal(text.data,
		"digraph matrix {\n"
		"\trankdir=LR;\n"
		"\tfontname=\"sans-serif\";\n"
		"\tnode [fontname=\"sans-serif\", shape=box];\n"
		"\tedge [fontname=\"sans-serif\", fontsize=10, color=darkgreen];\n"
		"\tlabelloc=t;\n"
		"\tlabel=\"tcp 22, tcp 80\";\n"
		"\tA [label=\"A\\n10.0.0.0/24\"];\n"
		"\tB [label=\"B\\n10.0.1.0-10.0.1.6,\\nand 1 more\"];\n"
		"\tC [label=\"C\\n10.0.1.7\"];\n"
		"\tA -> A [style=solid, label=\"tcp 80\"];\n"
		"\tA -> B [style=solid, dir=both, label=\"tcp 22\\ntcp 80\"];\n"
		"\tA -> C [style=solid, label=\"tcp 22\\ntcp 80\"];\n"
		"\tB -> B [style=dashed, label=\"tcp 22 (some)\\ntcp 80 (some)\"];\n"
		"\tB -> C [style=dashed, dir=both, label=\"tcp 22 (some)\\ntcp 80 (some)\"];\n"
		"\tC -> C [style=dashed, label=\"tcp 22 (some)\\ntcp 80 (some)\"];\n"
		"}\n");
	office_end(&office);
}

static void addresses_of_ipv6_are_classes_too(void **state)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;
	struct office office = { 0 };

	(void)state;
	office_begin(&office);
	office.query.accepted = set_or(office.sets, office.query.accepted,
		between(office.sets, "2001:db8::/64", "2001:db8:0:1::1/128"));
	office.query.family = FAMILY_IPV6;
	office.query.n_services = 1;
	office_make(&office);
	service_matrix_print(&text, &office.matrix, 0);
	assert_string_equal(text.data,
		"tcp 22\n"
		"    A B C\n"
		"  A . . .\n"
		"  B . . +\n"
		"  C . . .\n"
		"\n"
		"From the row to the column: + everything asked, . nothing\n"
		"\n"
		"  A  ::-2001:db7:ffff:ffff:ffff:ffff:ffff:ffff, 2001:db8:0:1::,\n"
		"     2001:db8:0:1::2-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff\n"
		"  B  2001:db8::/64\n"
		"  C  2001:db8:0:1::1\n");
	office_end(&office);
}

static void where_nobody_is_there_is_no_class(void **state)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;
	struct office office = { 0 };

	(void)state;
	office_begin(&office);
	office.query.addresses = of_prefix(office.sets, FIELD_SRC, "fe80::/64");
	office_make(&office);
	assert_int_equal(office.matrix.n_classes, 0);
	service_matrix_print(&text, &office.matrix, 0);
	service_matrix_print_dot(&text, &office.matrix, 0);
	/* and where nothing is asked all are alike */
	office.query.addresses = SET_FULL;
	office.query.n_services = 0;
	office_make(&office);
	assert_int_equal(office.matrix.n_classes, 1);
	office_end(&office);
}

static void more_classes_than_anybody_reads_are_refused(void **state)
{
	struct office office = { 0 };
	struct err err = { 0 };
	struct packet_set all = SET_EMPTY;

	(void)state;
	office_begin(&office);
	/* machine i reaches machine i + 1: each is a class, and the rest is one */
	for (unsigned i = 0; i < LIMIT_CLASSES; i++) {
		struct field_value source = field_value_of_number(0x0a000000 + i);
		struct field_value dest = field_value_of_number(0x0a000001 + i);

		all = set_or(office.sets, all,
			set_and(office.sets,
				set_of_value(office.sets, FIELD_SRC, FAMILY_IPV4, &source),
				set_of_value(office.sets, FIELD_DST, FAMILY_IPV4, &dest)));
		if (i == LIMIT_CLASSES - 3)
			office.query.accepted = all;
	}
	office_make(&office);
	assert_int_equal(office.matrix.n_classes, LIMIT_CLASSES);
	assert_string_equal(office.matrix.classes[26].name, "AA");
	office.query.accepted = all;
	assert_false(service_matrix_make(
		office.sets, &office.query, office.arena, &office.matrix, &err));
	assert_int_equal(err.kind, ERR_LIMIT);
	assert_true(sets_ok(office.sets, &err)); /* the world has not failed with it */
	/* 41 kinds of sources by one byte, and 41 of destinations by another: few rows, but many pairs */
	office.query.accepted = SET_EMPTY;
	for (unsigned i = 0; i < 40; i++)
		office.query.accepted = set_or(office.sets, office.query.accepted,
			set_and(office.sets, set_of_bits(office.sets, FIELD_SRC, i << 8, 0xff00),
				set_of_bits(office.sets, FIELD_DST, i, 0xff)));
	assert_false(service_matrix_make(
		office.sets, &office.query, office.arena, &office.matrix, &err));
	assert_int_equal(err.kind, ERR_LIMIT);
	office_end(&office);
}

static void a_world_that_has_failed_has_no_matrix(void **state)
{
	struct office office = { 0 };
	struct err err = { 0 };
	struct service_matrix matrix = { 0 };

	(void)state;
	office_begin(&office);
	office.query.accepted = set_of_name(office.sets, FIELD_IN_IFACE, "eth9");
	assert_false(service_matrix_make(office.sets, &office.query, office.arena, &matrix, &err));
	assert_non_null(strstr(err.text, "eth9"));
	assert_null(matrix.classes);
	office_end(&office);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(classes_and_cells_are_what_all_pairs_say),
		cmocka_unit_test(a_matrix_is_a_table_of_letters_and_what_they_are),
		cmocka_unit_test(what_is_asked_decides_the_classes),
		cmocka_unit_test(a_drawing_has_an_arrow_for_each_pair),
		cmocka_unit_test(addresses_of_ipv6_are_classes_too),
		cmocka_unit_test(where_nobody_is_there_is_no_class),
		cmocka_unit_test(more_classes_than_anybody_reads_are_refused),
		cmocka_unit_test(a_world_that_has_failed_has_no_matrix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
