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

static void every_type_comes_back_as_it_was(void **state)
{
	static const char text[] =
		"create a hash:ip family inet hashsize 1024 maxelem 65536\n"
		"add a 10.0.0.5\nadd a 10.0.0.4\n"
		"create b hash:net family inet hashsize 1024 maxelem 65536 timeout 300\n"
		"add b 1.2.3.4 timeout 3\nadd b 10.1.0.0/16 timeout 5 nomatch\nadd b 10.0.0.0/8\n"
		"create c hash:ip,port family inet hashsize 1024 maxelem 65536\n"
		"add c 10.0.0.1,icmp:echo-request\nadd c 2.2.2.2,sctp:5\nadd c 1.1.1.1,gre:0\n"
		"create d hash:net,port family inet hashsize 1024 maxelem 65536\n"
		"add d 10.0.0.0/24,tcp:80\n"
		"create e hash:ip,port,ip family inet hashsize 1024 maxelem 65536\n"
		"add e 1.1.1.1,tcp:5,2.2.2.2\n"
		"create f hash:ip,port,net family inet hashsize 1024 maxelem 65536\n"
		"add f 1.1.1.1,udp:5,10.0.0.0/8\n"
		"create g hash:net,iface family inet hashsize 1024 maxelem 65536\n"
		"add g 10.0.0.0/8,physdev:tap1\nadd g 11.0.0.0/8,eth wildcard\n"
		"create h hash:mac hashsize 1024 maxelem 65536\nadd h 01:02:03:0A:05:06\n"
		"create i hash:ip,mac family inet hashsize 1024 maxelem 65536\n"
		"add i 1.1.1.1,01:02:03:0A:05:06\n"
		"create j bitmap:ip range 10.0.0.0-10.255.255.255 netmask 24\nadd j 10.1.2.0\n"
		"create k bitmap:port range 0-1000\nadd k 80\n"
		"create l bitmap:ip,mac range 10.0.0.0-10.0.0.255\n"
		"add l 10.0.0.1\nadd l 10.0.0.2,01:02:03:04:05:06\n"
		"create n hash:net,net family inet hashsize 64 maxelem 65536\n"
		"add n 1.1.1.1,2.2.2.0/24 nomatch\n"
		"create o hash:ip,mark family inet markmask 0x000000ff hashsize 64 maxelem 65536\n"
		"add o 1.1.1.1,0x00000034\n"
		"create p hash:net family inet6 hashsize 1024 maxelem 65536 counters comment\n"
		"add p 2001:db8::/32 packets 5 bytes 6 comment \"a nomatch\"\n"
		"create m list:set size 8\nadd m a\nadd m b\n"
		"create z hash:strange family inet\nadd z what,ever 1\n";
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct text printed CLEANUP(text_done) = TEXT_INIT;
	struct ruleset *rs = ruleset_new(arena);
	struct err err = { 0 };

	(void)state;
	if (!ruleset_parse_ipset(arena, rs, "t", text, &err))
		fail_msg("%s", err.text);
	ruleset_print_ipset(&printed, rs);
	assert_string_equal(printed.data, text);
	assert_string_equal(ruleset_set(rs, "z")->opaque, "create z hash:strange family inet");
	assert_string_equal(set_not_understood(ruleset_set(rs, "z")), "hash:strange");
	assert_null(set_not_understood(ruleset_set(rs, "g")));
	assert_int_equal(ruleset_set(rs, "a")->n_elements, 2);
	assert_int_equal(ruleset_set(rs, "b")->kind, SET_IPSET);
	assert_int_equal(ruleset_set(rs, "b")->n_members, 3);
	assert_true(ruleset_set(rs, "b")->members[1].is_nomatch);
	assert_false(ruleset_set(rs, "p")->members[0].is_nomatch);
	assert_true(ruleset_set(rs, "g")->members[0].is_physdev);
	assert_true(ruleset_set(rs, "g")->members[1].is_wildcard);
	assert_int_equal(ruleset_set(rs, "c")->members[0].ports.min, 8 * 256);
}

/* What no save holds, but people write, becomes what a save would hold. */
static void members_take_the_form_of_a_save(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct text printed CLEANUP(text_done) = TEXT_INIT;
	struct ruleset *rs = ruleset_new(arena);
	struct err err = { 0 };

	(void)state;
	assert_true(ruleset_parse_ipset(arena, rs, "t",
		"create a hash:net,port\nadd a 10.0.0.1/8,80\ncreate b hash:ip netmask 24\n"
		"add b 10.1.2.3\n",
		&err));
	ruleset_print_ipset(&printed, rs);
	assert_string_equal(printed.data, "create a hash:net,port\nadd a 10.0.0.0/8,tcp:80\n"
					  "create b hash:ip netmask 24\nadd b 10.1.2.0\n");
}

static void a_wrong_line_is_named_with_its_column(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ "create a\n", "t:1:9: expected the name and the type of a set" },
		{ "create a hash:net family inet\ncreate a hash:net family inet\n",
			"t:2:8: set a is there twice" },
		{ "create a hash:net family inet8\n", "t:1:26: family cannot be inet8" },
		{ "create a hash:net maxelem 99999999999\n",
			"t:1:27: maxelem cannot be 99999999999" },
		{ "create a hash:net maxelem\n", "t:1:19: an option of the set has no value" },
		{ "create a hash:ip,port\nadd a 1.1.1.1\n",
			"t:2:7: 1.1.1.1 is no member of set a" },
		{ "create a hash:ip,port\nadd a 1.1.1.1,80,1.1.1.1\n",
			"t:2:7: 1.1.1.1,80,1.1.1.1 is no member of set a" },
		{ "create a hash:net maxelem x\n", "t:1:27: maxelem cannot be x" },
		{ "\nadd a 1.2.3.4\n", "t:2:5: set a was not created" },
		{ "create a hash:net family inet\nadd a\n",
			"t:2:6: expected the name of a set and a member" },
		{ "create a hash:net family inet\nadd a ::1\n",
			"t:2:7: ::1 is no member of set a" },
		{ "create a hash:net family inet\nadd a 1.2.3.4/33\n",
			"t:2:7: 1.2.3.4/33 is no member of set a" },
		{ "flush a\n", "t:1:1: expected create or add, not \"flush\"" },
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
		cmocka_unit_test(every_type_comes_back_as_it_was),
		cmocka_unit_test(members_take_the_form_of_a_save),
		cmocka_unit_test(a_wrong_line_is_named_with_its_column),
		cmocka_unit_test(a_hundred_thousand_members_are_read_in_any_order),
		cmocka_unit_test(the_sets_of_neutron_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
