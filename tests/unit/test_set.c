// SPDX-License-Identifier: GPL-2.0-or-later
/* Sets of packets in a whole world: words, witnesses, counts, limits. Exhaustive: test_set_toy.c. */
#include "unit.h"

#include <string.h>

#include "packet/set.h"

static struct packet_set tcp_to(struct sets *sets, const char *source, unsigned port)
{
	struct prefix prefix;
	struct packet_set all = set_of_number(sets, FIELD_PROTO, PROTO_TCP);

	assert_true(prefix_parse(source, &prefix));
	all = set_and(sets, all, set_of_prefix(sets, FIELD_SRC, &prefix));
	return set_and(sets, all, set_of_number(sets, FIELD_DPORT, port));
}

static void assert_printed(struct sets *sets, struct packet_set a, size_t max, const char *words)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;

	set_print(sets, a, max, &text);
	assert_string_equal(text.data, words);
}

static void a_set_is_printed_in_few_words(void **state)
{
	struct sets *sets CLEANUP(sets_freep) = sets_new(0);
	struct packet_set a, b;
	unsigned limit = sets_add_extra(sets, "limit 3/second");

	(void)state;
	sets_add_name(sets, FIELD_IN_IFACE, "eth0");
	sets_seal(sets);
	assert_printed(sets, SET_EMPTY, 9, "nothing\n");
	assert_printed(sets, SET_FULL, 9, "everything\n");
	a = tcp_to(sets, "10.0.0.0/8", 22);
	assert_printed(sets, a, 9, "IPv4 src 10.0.0.0/8 proto tcp dport 22\n");
	b = set_or(sets, tcp_to(sets, "10.0.0.0/8", 80), tcp_to(sets, "10.0.0.0/8", 81));
	assert_printed(
		sets, set_or(sets, a, b), 9, "IPv4 src 10.0.0.0/8 proto tcp dport 22,80-81\n");
	/* what holds for all sources is said without them */
	b = set_or(sets, set_of_number(sets, FIELD_DPORT, 80), a);
	assert_printed(sets, b, 9, "IPv4 src 10.0.0.0/8 proto tcp dport 22\ndport 80\n");
	assert_printed(sets, b, 1, "IPv4 src 10.0.0.0/8 proto tcp dport 22\nand 1 more\n");
	b = set_not(sets, set_of_number(sets, FIELD_DPORT, 80));
	assert_printed(sets, b, 9, "dport not 80\n");
	b = set_of_bits(sets, FIELD_TCP_FLAGS, TCP_SYN, TCP_FIN | TCP_SYN | TCP_RST | TCP_ACK);
	assert_printed(sets, b, 9, "tcp_flags syn/fin+syn+rst+ack\n");
	b = set_of_ct_states(sets, CT_ESTABLISHED | CT_RELATED);
	b = set_and(sets, b, set_of_name(sets, FIELD_IN_IFACE, "eth0"));
	assert_printed(sets, b, 9, "in eth0 ct_state established,related\n");
	b = set_and(sets, b, set_of_extra(sets, limit));
	assert_printed(sets, b, 9, "in eth0 ct_state established,related [limit 3/second]\n");
	b = set_not(sets, set_of_extra(sets, limit));
	assert_printed(sets, b, 9, "not [limit 3/second]\n");
	/* the same bits are other addresses in the other family */
	b = set_forget(sets, set_forget(sets, a, SET_FAMILY_BIT), FIELD_BIT(FIELD_PROTO));
	assert_printed(sets, b, 9, "IPv4 src 10.0.0.0/8 dport 22\nIPv6 src a00::/8 dport 22\n");
}

static void a_witness_looks_as_packets_usually_do(void **state)
{
	struct sets *sets CLEANUP(sets_freep) = sets_new(0);
	struct packet packet;
	struct packet_set a, v6;

	(void)state;
	sets_add_name(sets, FIELD_IN_IFACE, "eth0");
	sets_seal(sets);
	a = tcp_to(sets, "10.0.0.0/8", 22);
	assert_true(set_witness(sets, a, &packet));
	assert_int_equal(set_has_packet(sets, a, &packet), SET_IN);
	assert_int_equal(packet.ttl, 64);
	assert_int_equal(packet.proto, PROTO_TCP);
	assert_int_equal(packet.tcp_flags, TCP_SYN);
	assert_int_equal(packet.ct_state, CT_NEW);
	assert_int_equal(packet.dport, 22);
	assert_int_equal(packet.ethertype, ETHERTYPE_IPV4);
	assert_string_equal(packet.in_iface, "eth0");
	assert_null(packet.out_iface);
	assert_memory_equal(packet.src.bytes, "\x0a\0\0\1", 4);
	assert_memory_equal(packet.dst.bytes, "\x0a\0\0\2", 4);
	/* ports without a protocol that has them */
	a = set_and(sets, set_of_number(sets, FIELD_PROTO, PROTO_ICMP),
		set_of_number(sets, FIELD_DPORT, 22));
	assert_false(set_is_empty(a));
	assert_false(set_witness(sets, a, &packet));
	v6 = set_of_family(sets, FAMILY_IPV6);
	assert_true(set_witness(sets, v6, &packet));
	assert_int_equal(packet.src.family, FAMILY_IPV6);
	assert_int_equal(packet.ethertype, ETHERTYPE_IPV6);
	assert_int_equal(set_has_packet(sets, v6, &packet), SET_IN);
	a = set_of_number(sets, FIELD_ARP_OP, 1);
	assert_true(set_witness(sets, a, &packet));
	assert_int_equal(packet.ethertype, ETHERTYPE_ARP);
}

static void an_unknown_field_makes_the_answer_depend_on_it(void **state)
{
	struct sets *sets CLEANUP(sets_freep) = sets_new(0);
	struct packet packet;
	struct packet_set ssh, tcp;

	(void)state;
	sets_seal(sets);
	ssh = tcp_to(sets, "10.0.0.0/8", 22);
	tcp = set_of_number(sets, FIELD_PROTO, PROTO_TCP);
	assert_true(set_witness(sets, ssh, &packet));
	packet.unknown = FIELD_BIT(FIELD_DPORT);
	assert_int_equal(set_has_packet(sets, ssh, &packet), SET_DEPENDS);
	assert_int_equal(set_has_packet(sets, tcp, &packet), SET_IN);
	/* it may have ports, or none */
	packet = (struct packet){ .unknown = FIELD_BIT(FIELD_PROTO) };
	assert_int_equal(
		set_has_packet(sets, set_of_number(sets, FIELD_DPORT, 22), &packet), SET_DEPENDS);
}

static void combinations_are_counted_and_addresses_assigned(void **state)
{
	struct sets *sets CLEANUP(sets_freep) = sets_new(0);
	uint64_t pair = FIELD_BIT(FIELD_SRC) | FIELD_BIT(FIELD_DPORT);
	struct prefix prefix;
	struct packet_set a, to;

	(void)state;
	sets_seal(sets);
	a = set_or(sets, tcp_to(sets, "10.0.0.0/24", 22), tcp_to(sets, "10.0.0.0/24", 23));
	assert_true(set_count(sets, a, pair) == 512);
	assert_true(set_count(sets, a, FIELD_BIT(FIELD_SRC)) == 256);
	assert_true(set_count(sets, a, FIELD_BIT(FIELD_IN_IFACE)) == 2);
	assert_true(set_count(sets, SET_FULL, FIELD_BIT(FIELD_SRC)) == 0x1p128 + 0x1p32);
	assert_true(prefix_parse("192.0.2.1/32", &prefix));
	to = set_of_prefix(sets, FIELD_SRC, &prefix);
	a = set_assign(sets, a, FIELD_BIT(FIELD_SRC), to);
	assert_printed(sets, a, 9, "IPv4 src 192.0.2.1 proto tcp dport 22-23\n");
}

static void a_network_changes_and_its_hosts_keep_their_places(void **state)
{
	struct sets *sets CLEANUP(sets_freep) = sets_new(0);
	struct field_value mask = { 0 }, none = { 0 };
	struct prefix v6;
	struct packet_set a;

	(void)state;
	sets_seal(sets);
	mask.bytes[12] = 0xff;
	a = set_forget_bits(sets, tcp_to(sets, "10.1.2.0/23", 22), FIELD_SRC, FAMILY_IPV4, &mask);
	a = set_and(sets, a, tcp_to(sets, "172.0.0.0/8", 22));
	assert_printed(sets, a, 9, "IPv4 src 172.1.2.0/23 proto tcp dport 22\n");
	assert_true(set_equal(set_forget_bits(sets, a, FIELD_SRC, FAMILY_IPV4, &none), a));
	memset(mask.bytes, 0xff, sizeof(mask.bytes));
	assert_true(set_equal(set_forget_bits(sets, a, FIELD_SRC, FAMILY_IPV4, &mask),
		tcp_to(sets, "0.0.0.0/0", 22)));
	assert_true(prefix_parse("2001:db8::40/123", &v6));
	memset(mask.bytes + 2, 0, sizeof(mask.bytes) - 2);
	a = set_forget_bits(
		sets, set_of_prefix(sets, FIELD_DST, &v6), FIELD_DST, FAMILY_IPV6, &mask);
	assert_true(prefix_parse("fd00:db8::40/123", &v6));
	assert_true(set_is_subset(sets, set_of_prefix(sets, FIELD_DST, &v6), a));
	assert_true(prefix_parse("fd00:db8::20/123", &v6));
	assert_true(set_is_empty(set_and(sets, set_of_prefix(sets, FIELD_DST, &v6), a)));
}

static void a_world_at_its_limit_fails_once_and_says_so(void **state)
{
	struct sets *sets CLEANUP(sets_freep) = sets_new(300);
	struct packet_set all = SET_EMPTY, one;
	struct packet packet;
	struct err err = { 0 };

	(void)state;
	sets_seal(sets);
	for (unsigned i = 0; i < 1000; i++) {
		char source[32];

		snprintf(source, sizeof(source), "10.%u.%u.1", i % 7 * 31, i * 37 % 256);
		one = tcp_to(sets, source, i * 7919 % 65536);
		all = set_or(sets, all, one);
		if (i == 1)
			assert_true(sets_ok(sets, &err));
	}
	assert_false(sets_ok(sets, &err));
	assert_int_equal(err.kind, ERR_LIMIT);
	assert_string_equal(err.text, "a set of packets needs more than 300 nodes");
	assert_true(sets_n_nodes_peak(sets) <= 300);
	assert_true(set_is_empty(all));
	assert_false(set_witness(sets, SET_FULL, &packet));
	assert_int_equal(set_has_packet(sets, SET_FULL, &packet), SET_OUT);
	assert_true(set_count(sets, SET_FULL, FIELD_BIT(FIELD_SRC)) == 0);
	sets_collect(sets, &all, 1);
	assert_printed(sets, SET_FULL, 9, "");
}

static void what_was_not_registered_cannot_be_asked(void **state)
{
	struct field_value mark = field_value_of_number(5);

	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		struct sets *sets CLEANUP(sets_freep) = sets_new(0);
		struct err err = { 0 };

		sets_add_value(sets, FIELD_MARK, &mark);
		if (i > 0)
			sets_seal(sets);
		if (i == 0)
			set_of_number(sets, FIELD_DPORT, 1);
		if (i == 1)
			set_of_name(sets, FIELD_IN_IFACE, "eth0");
		if (i == 2)
			set_of_name_prefix(sets, FIELD_IN_IFACE, "eth");
		if (i == 3)
			set_of_number(sets, FIELD_MARK, 6);
		if (i == 4)
			set_of_bits(sets, FIELD_MARK, 1, 1);
		if (i == 5)
			sets_add_name(sets, FIELD_IN_IFACE, "eth0");
		assert_false(sets_ok(sets, &err));
		assert_int_equal(err.kind, ERR_INPUT);
	}
}

static void what_is_collected_is_room_for_other_sets(void **state)
{
	struct sets *sets CLEANUP(sets_freep) = sets_new(2000);
	struct packet_set kept, again;
	struct err err = { 0 };

	(void)state;
	sets_seal(sets);
	kept = tcp_to(sets, "10.0.0.0/8", 22);
	for (unsigned i = 0; i < 200; i++) {
		char source[32];

		snprintf(source, sizeof(source), "10.0.%u.1", i);
		again = set_or(sets, kept, tcp_to(sets, source, i));
		sets_collect(sets, &kept, 1);
		assert_int_equal(sets_n_nodes(sets), 2 + set_n_nodes(sets, kept));
	}
	assert_true(sets_ok(sets, &err));
	again = tcp_to(sets, "10.0.0.0/8", 22);
	assert_true(set_equal(again, kept));
	assert_false(sets_should_collect(sets));
}

static void what_is_remembered_is_there_after_a_collection(void **state)
{
	struct sets *sets CLEANUP(sets_freep) = sets_new(0);
	const char list = 0, other = 0;
	struct packet_set known = SET_EMPTY, made;

	(void)state;
	sets_seal(sets);
	assert_false(set_recall(sets, &list, FIELD_SRC, &known));
	set_remember(sets, &list, FIELD_SRC, tcp_to(sets, "10.0.0.0/8", 22));
	sets_collect(sets, NULL, 0);
	for (unsigned i = 0; i < 100; i++)
		tcp_to(sets, "192.0.2.1", i);
	made = tcp_to(sets, "10.0.0.0/8", 22);
	assert_true(set_recall(sets, &list, FIELD_SRC, &known));
	assert_true(set_equal(known, made));
	/* of another field, or of another list, it is another set */
	assert_false(set_recall(sets, &list, FIELD_DST, &known));
	assert_false(set_recall(sets, &other, FIELD_SRC, &known));
}

static void much_that_is_not_needed_makes_it_time_to_collect(void **state)
{
	struct sets *sets CLEANUP(sets_freep) = sets_new(0);
	struct packet_set kept;
	unsigned n = 0;

	(void)state;
	sets_seal(sets);
	kept = tcp_to(sets, "10.0.0.0/8", 22);
	for (; n < 100000 && !sets_should_collect(sets); n++) {
		char source[32];

		snprintf(source, sizeof(source), "10.%u.%u.1", n >> 8, n & 255);
		tcp_to(sets, source, n);
	}
	assert_true(sets_should_collect(sets));
	sets_collect(sets, &kept, 1);
	assert_false(sets_should_collect(sets));
	assert_true(n > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_set_is_printed_in_few_words),
		cmocka_unit_test(a_witness_looks_as_packets_usually_do),
		cmocka_unit_test(an_unknown_field_makes_the_answer_depend_on_it),
		cmocka_unit_test(combinations_are_counted_and_addresses_assigned),
		cmocka_unit_test(a_network_changes_and_its_hosts_keep_their_places),
		cmocka_unit_test(a_world_at_its_limit_fails_once_and_says_so),
		cmocka_unit_test(what_was_not_registered_cannot_be_asked),
		cmocka_unit_test(what_is_collected_is_room_for_other_sets),
		cmocka_unit_test(what_is_remembered_is_there_after_a_collection),
		cmocka_unit_test(much_that_is_not_needed_makes_it_time_to_collect),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
