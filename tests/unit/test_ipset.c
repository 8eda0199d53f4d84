// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "ruleset/ruleset.h"

static void members_are_sorted_and_unique(void **state)
{
	static const char *const expected[] = { "10.0.0.0/8", "10.0.0.11", "10.9.0.0/16",
		"192.0.2.0/24" };
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct ruleset *rs = ruleset_new(arena);
	const struct set *set;
	struct err err;

	(void)state;
	assert_true(ruleset_parse_ipset(arena, rs, "t",
		"create b hash:net family inet hashsize 1024 maxelem 131072 bucketsize 12 initval 0x1\n"
		"create a hash:net family inet6 hashsize 1024 maxelem 65536\n"
		"add b 192.0.2.0/24\nadd b 10.0.0.11\nadd a 2001:db8::1\nadd b 10.9.0.0/16\n"
		"add b 10.0.0.0/8 packets 0 bytes 0 comment \"nomatch of mine\"\nadd b 10.0.0.11\n",
		&err));
	assert_int_equal(rs->n_sets, 2);
	assert_string_equal(rs->sets[0].name, "a");
	assert_int_equal(rs->sets[0].family, FAMILY_IPV6);
	assert_int_equal(rs->sets[0].max_elem, 65536);
	assert_int_equal(rs->sets[0].n_elements, 1);
	set = ruleset_set(rs, "b");
	assert_null(set->opaque);
	assert_int_equal(set->kind, SET_HASH_NET);
	assert_int_equal(set->max_elem, 131072);
	assert_int_equal(set->n_elements, N_OF(expected));
	for (size_t i = 0; i < N_OF(expected); i++) {
		struct text out CLEANUP(text_done) = TEXT_INIT;

		set_element_print(&out, set, &set->elements[i]);
		assert_string_equal(out.data, expected[i]);
	}
}

static void what_is_no_list_of_prefixes_is_opaque(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct ruleset *rs = ruleset_new(arena);
	struct err err;

	(void)state;
	assert_true(ruleset_parse_ipset(arena, rs, "t",
		"create j hash:net,port family inet hashsize 1024 maxelem 65536\n"
		"add j 1.1.1.1,tcp:80\ncreate c list:set size 8\nadd c a\n"
		"create a hash:net family inet hashsize 1024 maxelem 65536 timeout 300\n"
		"add a 10.0.0.0/8 timeout 29\nadd a 10.1.0.0/16 timeout 299 nomatch\n"
		"add a 10.2.0.0/16 timeout 299\n",
		&err));
	assert_string_equal(ruleset_set(rs, "j")->opaque,
		"create j hash:net,port family inet hashsize 1024 maxelem 65536");
	assert_string_equal(ruleset_set(rs, "c")->opaque, "create c list:set size 8");
	assert_non_null(ruleset_set(rs, "a")->opaque);
	assert_int_equal(ruleset_set(rs, "a")->n_elements, 0);
}

static void a_wrong_line_is_named(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ "create a\n", "t:1: expected the name and the type of a set" },
		{ "create a hash:net family inet\ncreate a hash:net family inet\n",
			"t:2: set a is there twice" },
		{ "create a hash:net family inet8\n", "t:1: family cannot be inet8" },
		{ "create a hash:net maxelem 99999999999\n",
			"t:1: an option of the set has no value" },
		{ "create a hash:net maxelem x\n", "t:1: maxelem cannot be x" },
		{ "\nadd a 1.2.3.4\n", "t:2: set a was not created" },
		{ "create a hash:net family inet\nadd a\n",
			"t:2: expected the name of a set and a member" },
		{ "create a hash:net family inet\nadd a ::1\n", "t:2: ::1 is no member of set a" },
		{ "create a hash:net family inet\nadd a 1.2.3.4/33\n",
			"t:2: 1.2.3.4/33 is no member of set a" },
		{ "flush a\n", "t:1: expected create or add, not \"flush\"" },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(cases); i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct err err = { 0 };

		assert_false(
			ruleset_parse_ipset(arena, ruleset_new(arena), "t", cases[i].text, &err));
		assert_string_equal(err.text, cases[i].message);
	}
}

static void a_hundred_thousand_members_are_read_in_any_order(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct text text CLEANUP(text_done) = TEXT_INIT;
	struct ruleset *rs = ruleset_new(arena);
	struct err err;
	const struct set *set;

	(void)state;
	text_add(&text, "create big hash:net family inet hashsize 1024 maxelem 131072\n");
	for (unsigned i = 0; i < 100000; i++) {
		unsigned mixed = i * 40503u % 100000;

		text_addf(
			&text, "add big 10.%u.%u.%u\n", mixed >> 16, mixed >> 8 & 255, mixed & 255);
	}
	assert_true(ruleset_parse_ipset(arena, rs, "t", text.data, &err));
	set = ruleset_set(rs, "big");
	assert_int_equal(set->n_elements, 100000);
	for (size_t i = 1; i < set->n_elements; i++)
		assert_true(
			prefix_compare(&set->elements[i - 1].prefix, &set->elements[i].prefix) < 0);
}

static void the_sets_of_neutron_are_read(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct text text CLEANUP(text_done) = TEXT_INIT;
	struct ruleset *rs = ruleset_new(arena);
	struct err err;
	const char *path = arena_printf(arena, "%s/ruleset/neutron.ipset-save", getenv("GOLDEN"));

	(void)state;
	assert_true(text_load(&text, path, 1 << 20, &err));
	assert_true(ruleset_parse_ipset(arena, rs, "neutron", text.data, &err));
	assert_int_equal(rs->n_sets, 4);
	assert_int_equal(ruleset_set(rs, "NIPv4641f3461-de06-5485-877b-")->n_elements, 5);
	assert_int_equal(ruleset_set(rs, "NIPv6641f3461-de06-5485-877b-")->n_elements, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_are_sorted_and_unique),
		cmocka_unit_test(what_is_no_list_of_prefixes_is_opaque),
		cmocka_unit_test(a_wrong_line_is_named),
		cmocka_unit_test(a_hundred_thousand_members_are_read_in_any_order),
		cmocka_unit_test(the_sets_of_neutron_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
