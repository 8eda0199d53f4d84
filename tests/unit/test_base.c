// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/interned.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/places.h"
#include "base/text.h"
#include "base/vec.h"

static void context_reads_from_the_outside_in(void **state)
{
	struct err err;

	(void)state;
	assert_false(err_system(&err, ENOENT, "cannot open %s", "x"));
	err_prefix(&err, "policy %d", 1);
	assert_string_equal(err.text, "policy 1: cannot open x: No such file or directory");
	assert_int_equal(err.kind, ERR_SYSTEM);
	assert_int_equal(err.sys, ENOENT);
}

static void a_text_that_does_not_fit_is_cut_not_overrun(void **state)
{
	struct err err;
	char longer[ERR_TEXT_SIZE * 2];

	(void)state;
	memset(longer, 'a', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	err_input(&err, "%s", longer);
	for (int i = 0; i < 3; i++)
		err_prefix(&err, "%s", longer);
	assert_true(strlen(err.text) < ERR_TEXT_SIZE);
}

static void a_number_is_whole_or_refused(void **state)
{
	static const char *const bad[] = { "", "-1", "+1", " 1", "1 ", "01", "1.5", "0x1", "65536",
		"4294967296", "99999999999", "one" };
	uint32_t value = 7;

	(void)state;
	assert_true(text_to_u32("0", 0, 65535, &value));
	assert_int_equal(value, 0);
	assert_true(text_to_u32("65535", 0, 65535, &value));
	assert_int_equal(value, 65535);
	for (size_t i = 0; i < N_OF(bad); i++)
		assert_false(text_to_u32(bad[i], 0, 65535, &value));
	assert_int_equal(value, 65535); /* untouched on failure */
}

static void the_nearest_name_is_found_and_far_ones_are_not(void **state)
{
	static const char *const names[] = { "protocol", "direction", "ethertype" };

	(void)state;
	assert_string_equal(text_nearest("protcol", names, 3), "protocol");
	assert_string_equal(text_nearest("directoin", names, 3), "direction");
	assert_null(text_nearest("zzzzzzz", names, 3));
}

static void a_map_keeps_the_first_value_of_a_key(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct map *map = map_new(arena);
	static int values[1000];

	(void)state;
	for (int i = 0; i < 1000; i++)
		assert_null(map_add(map, arena_printf(arena, "key %d", i), &values[i]));
	assert_ptr_equal(map_add(map, "key 5", &values[6]), &values[5]);
	assert_int_equal(map_n(map), 1000);
	for (int i = 0; i < 1000; i++)
		assert_ptr_equal(map_find(map, arena_printf(arena, "key %d", i)), &values[i]);
	assert_null(map_find(map, "key 1000"));
}

static void places_of_a_key_come_in_order_and_none_is_missing(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	enum { N = 1000, N_KEYS = 70 };
	struct places *places = places_new(arena, N);
	size_t n_more = 0;

	(void)state;
	for (size_t i = N; i--;)
		places_add(places, i, i % N_KEYS);
	for (size_t key = 0; key < N_KEYS; key++) {
		size_t wanted = key;

		for (size_t i = places_first(places, key); i < N; i = places_next(places, i)) {
			n_more += i % N_KEYS != key;
			if (i % N_KEYS != key)
				continue;
			assert_int_equal(i, wanted);
			wanted += N_KEYS;
		}
		assert_true(wanted >= N);
	}
	assert_true(n_more < 10 * N);
	/* without an index every place comes */
	assert_int_equal(places_first(NULL, 7), 0);
	assert_int_equal(places_next(NULL, 7), 8);
	assert_true(places_first(places_new(arena, 0), 1) == PLACES_END);
}

static void what_an_arena_adopts_goes_with_it(void **state)
{
	struct arena *arena = arena_new();
	char *large;

	(void)state;
	arena_adopt(arena, malloc(10)); /* the leak sanitizer tells when it stays */
	arena_adopt(arena, arena_large_pages(5 << 20));
	/* one that has grown takes its blocks in large pages, and zeroed all the same */
	for (int i = 0; i < 600; i++) {
		large = arena_alloc(arena, 30000);
		for (size_t b = 0; b < 30000; b++)
			assert_int_equal(large[b], 0);
		memset(large, 0xff, 30000);
	}
	arena_free(arena);
}

static void a_vector_keeps_its_items_when_it_grows(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	VEC(int) numbers = { 0 };
	int sum = 0;

	(void)state;
	for (int i = 0; i < 100; i++)
		*vec_push(&numbers, arena) = i;
	vec_for_each (number, &numbers)
		sum += *number;
	assert_int_equal(sum, 4950);
}

static void a_large_piece_does_not_waste_the_block_that_is_being_filled(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	char *a = arena_alloc(arena, 16), *b;

	(void)state;
	memset(arena_alloc(arena, 1 << 20), 1, 1 << 20);
	b = arena_alloc(arena, 16);
	assert_ptr_equal(b, a + 16);
	for (int i = 0; i < 16; i++)
		assert_int_equal(b[i], 0);
}

static void an_arena_that_is_reset_begins_anew_in_the_memory_that_it_has(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	char *first, *again;

	(void)state;
	arena_reset(arena);
	for (int i = 0; i < 100; i++)
		first = memset(arena_alloc(arena, 4096), 1, 4096);
	arena_reset(arena);
	assert_int_equal(arena_used(arena), 0);
	first = arena_alloc(arena, 32);
	for (int i = 0; i < 32; i++)
		assert_int_equal(first[i], 0);
	memset(first, 1, 32);
	arena_reset(arena);
	again = arena_alloc(arena, 32);
	assert_ptr_equal(again, first);
	assert_int_equal(again[31], 0);
	assert_int_equal(arena_used(arena), 32);
}

static void a_file_is_saved_whole_and_read_back(void **state)
{
	struct text out CLEANUP(text_done) = TEXT_INIT, in CLEANUP(text_done) = TEXT_INIT;
	char path[] = "/tmp/portwall-test-XXXXXX";
	struct err err;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	for (int i = 0; i < 10000; i++)
		text_addf(&out, "line %d\n", i);
	assert_true(text_save(&out, path, &err));
	assert_true(text_load(&in, path, 1 << 20, &err));
	assert_string_equal(in.data, out.data);
	assert_false(text_load(&in, path, 100, &err));
	assert_int_equal(err.kind, ERR_LIMIT);
	assert_string_equal(in.data, out.data); /* untouched on failure */
	unlink(path);
	assert_false(text_load(&in, path, 100, &err));
	assert_int_equal(err.kind, ERR_INPUT);
}

static void texts_keep_their_numbers_for_two_rounds(void **state)
{
	struct interned *interned = interned_new();
	uint64_t one = interned_number(interned, "one"), two = interned_number(interned, "two");

	(void)state;
	assert_int_not_equal(one, two);
	assert_int_equal(interned_number(interned, "one"), one);
	assert_int_equal(interned_find(interned, "three"), 0);
	interned_next_round(interned);
	assert_int_equal(interned_find(interned, "one"), one);
	interned_next_round(interned);
	/* asked for in the round before; not asked for since two rounds */
	assert_int_equal(interned_find(interned, "one"), one);
	assert_int_equal(interned_find(interned, "two"), 0);
	assert_true(interned_number(interned, "two") > two);
	interned_free(interned);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_keep_their_numbers_for_two_rounds),
		cmocka_unit_test(context_reads_from_the_outside_in),
		cmocka_unit_test(a_text_that_does_not_fit_is_cut_not_overrun),
		cmocka_unit_test(a_number_is_whole_or_refused),
		cmocka_unit_test(the_nearest_name_is_found_and_far_ones_are_not),
		cmocka_unit_test(a_map_keeps_the_first_value_of_a_key),
		cmocka_unit_test(places_of_a_key_come_in_order_and_none_is_missing),
		cmocka_unit_test(what_an_arena_adopts_goes_with_it),
		cmocka_unit_test(a_vector_keeps_its_items_when_it_grows),
		cmocka_unit_test(a_large_piece_does_not_waste_the_block_that_is_being_filled),
		cmocka_unit_test(an_arena_that_is_reset_begins_anew_in_the_memory_that_it_has),
		cmocka_unit_test(a_file_is_saved_whole_and_read_back),
	};

	return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
