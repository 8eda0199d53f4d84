// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include "packet/packet.h"

static void a_prefix_is_printed_as_it_is_meant(void **state)
{
	static const struct {
		const char *in, *out, *bare;
	} cases[] = {
		{ "10.0.0.5", "10.0.0.5/32", "10.0.0.5" },
		{ "10.1.2.3/24", "10.1.2.0/24", "10.1.2.0/24" },
		{ "0.0.0.0/0", "0.0.0.0/0", "0.0.0.0/0" },
		{ "10.255.255.255/9", "10.128.0.0/9", "10.128.0.0/9" },
		{ "2001:DB8::1/64", "2001:db8::/64", "2001:db8::/64" },
		{ "2001:db8:0:0:0:0:0:1", "2001:db8::1/128", "2001:db8::1" },
		{ "::/0", "::/0", "::/0" },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(cases); i++) {
		struct text out CLEANUP(text_done) = TEXT_INIT, bare CLEANUP(text_done) = TEXT_INIT;
		struct prefix prefix;

		assert_true(prefix_parse(cases[i].in, &prefix));
		prefix_print(&out, &prefix);
		prefix_print_bare(&bare, &prefix);
		assert_string_equal(out.data, cases[i].out);
		assert_string_equal(bare.data, cases[i].bare);
	}
}

static void what_is_no_address_is_refused(void **state)
{
	static const char *const bad[] = { "", "10", "10.0.0", "10.0.0.256", "10.0.0.0/33",
		"10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/08", " 10.0.0.1", "10.0.0.1 ", "01.2.3.4",
		"::/129", ":::", "1:2:3:4:5:6:7:8:9", "10.0.0.0/255.0.0.0", "host" };
	struct prefix prefix;

	(void)state;
	for (size_t i = 0; i < N_OF(bad); i++)
		assert_false(prefix_parse(bad[i], &prefix));
}

static void a_prefix_contains_its_addresses_only(void **state)
{
	static const struct {
		const char *prefix, *addr;
		bool inside;
	} cases[] = {
		{ "10.0.0.0/8", "10.255.0.1", true },
		{ "10.0.0.0/8", "11.0.0.0", false },
		{ "10.0.0.0/9", "10.127.255.255", true },
		{ "10.0.0.0/9", "10.128.0.0", false },
		{ "0.0.0.0/0", "1.2.3.4", true },
		{ "0.0.0.0/0", "::1", false },
		{ "2001:db8::/33", "2001:db8:7fff::", true },
		{ "2001:db8::/33", "2001:db8:8000::", false },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(cases); i++) {
		struct prefix prefix;
		struct addr addr;

		assert_true(prefix_parse(cases[i].prefix, &prefix));
		assert_true(addr_parse(cases[i].addr, &addr));
		assert_int_equal(prefix_contains(&prefix, &addr), cases[i].inside);
	}
}

static void a_mac_has_six_bytes_and_one_spelling(void **state)
{
	static const char *const good[] = { "FA:16:3e:00:00:0a", "fa-16-3E-00-00-0A" };
	static const char *const bad[] = { "", "fa:16:3e:00:00", "fa:16:3e:00:00:0a:01",
		"fa:16:3e:00:00:0g", "fa:16:3e:00:00:0", "fa16.3e00.000a", "fa", "f", "fa:" };
	struct mac mac;

	(void)state;
	for (size_t i = 0; i < N_OF(good); i++) {
		struct text out CLEANUP(text_done) = TEXT_INIT;

		assert_true(mac_parse(good[i], &mac));
		mac_print(&out, mac);
		assert_string_equal(out.data, "fa:16:3e:00:00:0a");
	}
	for (size_t i = 0; i < N_OF(bad); i++)
		assert_false(mac_parse(bad[i], &mac));
}

static void ipip_is_protocol_4_whatever_the_host_calls_it(void **state)
{
	static const struct {
		const char *text;
		enum family family;
		int number; /* -1: refused */
	} cases[] = {
		{ "ipip", FAMILY_IPV4, 4 },
		{ "IPIP", FAMILY_IPV4, 4 },
		{ "94", FAMILY_IPV4, 94 },
		{ "icmp", FAMILY_IPV4, 1 },
		{ "icmp", FAMILY_IPV6, 58 },
		{ "1", FAMILY_IPV6, 58 },
		{ "hopopt", FAMILY_IPV4, 0 },
		{ "255", FAMILY_IPV4, 255 },
		{ "256", FAMILY_IPV4, -1 },
		{ "06", FAMILY_IPV4, -1 },
		{ "ipencap", FAMILY_IPV4, -1 },
		{ "", FAMILY_IPV4, -1 },
		{ "any", FAMILY_IPV4, -1 },
		{ "-1", FAMILY_IPV4, -1 },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(cases); i++) {
		uint8_t number;
		bool known = proto_parse(cases[i].text, cases[i].family, &number);

		assert_int_equal(known ? number : -1, cases[i].number);
	}
}

static void a_link_local_address_comes_from_the_mac(void **state)
{
	struct text out CLEANUP(text_done) = TEXT_INIT;
	struct mac mac;
	struct addr addr;

	(void)state;
	assert_true(mac_parse("fa:16:3e:00:00:01", &mac));
	addr = addr_link_local(mac);
	addr_print(&out, &addr);
	assert_string_equal(out.data, "fe80::f816:3eff:fe00:1");
}

static void a_packet_is_one_line(void **state)
{
	struct text out CLEANUP(text_done) = TEXT_INIT;
	struct packet packet = { .ethertype = ETHERTYPE_IPV4,
		.proto = PROTO_TCP,
		.sport = 40000,
		.dport = 443,
		.ct_state = CT_NEW,
		.physdev_in = "tapA",
		.physdev_out = "tapB" };

	(void)state;
	assert_true(addr_parse("10.0.0.5", &packet.src));
	assert_true(addr_parse("10.0.0.9", &packet.dst));
	packet_print(&out, &packet);
	assert_string_equal(out.data, "tcp 10.0.0.5:40000 > 10.0.0.9:443 new, "
				      "00:00:00:00:00:00 > 00:00:00:00:00:00, tapA > tapB");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_prefix_is_printed_as_it_is_meant),
		cmocka_unit_test(what_is_no_address_is_refused),
		cmocka_unit_test(a_prefix_contains_its_addresses_only),
		cmocka_unit_test(a_mac_has_six_bytes_and_one_spelling),
		cmocka_unit_test(ipip_is_protocol_4_whatever_the_host_calls_it),
		cmocka_unit_test(a_link_local_address_comes_from_the_mac),
		cmocka_unit_test(a_packet_is_one_line),
	};

	return cmocka_run_group_tests_name("packet", tests, NULL, NULL);
}
