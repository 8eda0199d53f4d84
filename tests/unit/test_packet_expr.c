// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <string.h>

#include "packet/expr.h"
#include "packet/field.h"

static struct packet parsed(const char *text)
{
	struct packet packet;
	struct err err = { 0 };

	if (!packet_expr_parse(text, &packet, &err))
		fail_msg("%s: %s", text, err.text);
	return packet;
}

static void what_is_not_said_is_usual_or_open(void **state)
{
	struct packet tcp = parsed("tcp 10.0.0.5 10.0.0.9:443");
	struct packet icmp = parsed("icmp 172.17.0.8 172.17.0.9");
	struct packet icmpv6 = parsed("icmp 2001:db8::1 2001:db8::2");
	struct packet arp = parsed("arp 10.0.0.1 10.0.0.2");

	(void)state;
	assert_int_equal(tcp.tcp_flags, TCP_SYN);
	assert_int_equal(tcp.ttl, 64);
	assert_int_equal(tcp.dport, 443);
	assert_true(tcp.unknown & FIELD_BIT(FIELD_SPORT));
	assert_false(tcp.unknown & FIELD_BIT(FIELD_DPORT));
	assert_true(tcp.unknown & FIELD_BIT(FIELD_ETH_DST));
	assert_int_equal(icmp.icmp_type, 8);
	assert_false(icmp.unknown & FIELD_BIT(FIELD_SPORT));
	assert_int_equal(icmpv6.proto, PROTO_ICMPV6);
	assert_int_equal(icmpv6.icmp_type, 128);
	assert_int_equal(icmpv6.ethertype, ETHERTYPE_IPV6);
	assert_int_equal(arp.ethertype, ETHERTYPE_ARP);
	assert_int_equal(arp.arp_op, 1);
	assert_int_equal(arp.eth_dst.bytes[0], 0xff);
}

static void every_expression_prints_as_one_that_means_the_same(void **state)
{
	static const struct {
		const char *text, *printed;
	} cases[] = {
		{ "icmp 172.17.0.8 172.17.0.9", "icmp 172.17.0.8 172.17.0.9 type 8 code 0" },
		{ "ipip 10.0.0.2 192.168.1.5", "ipip 10.0.0.2 192.168.1.5" },
		{ "4 10.0.0.2 192.168.1.5", "ipip 10.0.0.2 192.168.1.5" },
		{ "200 10.0.0.2 192.168.1.5 len 1400 df", "200 10.0.0.2 192.168.1.5 len 1400 df" },
		{ "tcp 10.0.0.5:any 10.0.0.9:443 syn", "tcp 10.0.0.5:any 10.0.0.9:443 syn" },
		{ "tcp 10.0.0.5:1 any flags SA", "tcp 10.0.0.5:1 any:any syn,ack" },
		{ "tcp any any:22 flags none", "tcp any:any any:22 flags none" },
		{ "tcp 1.2.3.4:5 1.2.3.4:6 syn ack", "tcp 1.2.3.4:5 1.2.3.4:6 syn,ack" },
		{ "udp [2001:db8::1]:53 [2001:db8::2]:1024",
			"udp [2001:db8::1]:53 [2001:db8::2]:1024" },
		{ "icmp 10.0.0.1 10.0.0.2 type 3 code 1", "icmp 10.0.0.1 10.0.0.2 type 3 code 1" },
		{ "icmp 10.0.0.1 10.0.0.2 echo-reply", "icmp 10.0.0.1 10.0.0.2 type 0 code 0" },
		{ "icmp 10.0.0.1 10.0.0.2 type any", "icmp 10.0.0.1 10.0.0.2 type any code 0" },
		{ "udp 10.0.0.1 10.0.0.2 frag ttl 3 dscp 46 mark 0x10",
			"udp 10.0.0.1 10.0.0.2 ttl 3 tos 184 frag mark 16" },
		{ "gre 10.0.0.1 10.0.0.2 vlan 5 mac 02:00:00:00:00:01 > any",
			"gre 10.0.0.1 10.0.0.2 mac 02:00:00:00:00:01 > any vlan 5" },
		{ "arp 10.0.0.1 10.0.0.2 src-mac 02:00:00:00:00:01",
			"arp 10.0.0.1 10.0.0.2 mac 02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff" },
		{ "arp 10.0.0.1 10.0.0.2 reply vlan 7", "arp 10.0.0.1 10.0.0.2 reply vlan 7" },
		{ "any 10.0.0.1 any", "any 10.0.0.1 any" },
		/* all of a family, and lists of one value, are no sets */
		{ "tcp ::/0 any", "tcp [::/0]:any any:any syn" },
		{ "any any ::/0", "any ::/0 any" },
		{ "icmp any ::/0", "icmpv6 any any type 128 code 0" },
		{ "tcp 0.0.0.0/0 any:0-65535", "tcp any:any any:any syn" },
		{ "tcp 10.0.0.5/32:80-80 [10.0.0.9-10.0.0.9]:443,443",
			"tcp 10.0.0.5:80 10.0.0.9:443 syn" },
		/* what is said last counts */
		{ "tcp 10.0.0.1 any flags any syn", "tcp 10.0.0.1:any any:any syn" },
		{ "tcp 10.0.0.1 any syn flags any", "tcp 10.0.0.1:any any:any flags any" },
		{ "icmp 10.0.0.1 any type any code any echo-reply",
			"icmp 10.0.0.1 any type 0 code 0" },
		{ "gre 10.0.0.1 any src-mac 02:00:00:00:00:01 src-mac any", "gre 10.0.0.1 any" },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(cases); i++) {
		struct packet first = parsed(cases[i].text), second;
		struct text text CLEANUP(text_done) = TEXT_INIT,
				 again CLEANUP(text_done) = TEXT_INIT;

		packet_expr_print(&text, &first);
		assert_string_equal(text.data, cases[i].printed);
		second = parsed(text.data);
		packet_expr_print(&again, &second);
		assert_string_equal(again.data, text.data);
		assert_true(first.unknown == second.unknown);
		assert_int_equal(first.ethertype, second.ethertype);
		assert_int_equal(first.src.family, second.src.family);
		assert_int_equal(first.tcp_flags, second.tcp_flags);
		assert_true(mac_equal(first.eth_src, second.eth_src));
	}
}

static void an_error_points_at_its_word_and_says_what_would_be_right(void **state)
{
	static const struct {
		const char *text, *error, *next;
	} cases[] = {
		{ "tpc 10.0.0.1 10.0.0.2",
			"\"tpc\" is no protocol\n    tpc 10.0.0.1 10.0.0.2\n    ^",
			"did you mean tcp?" },
		{ "tcp 10.0.0.1 10.0.0.2:99999",
			"\"99999\" is no port\n    tcp 10.0.0.1 10.0.0.2:99999\n"
			"                          ^",
			"ports are 0 to 65535, or any" },
		{ "icmp 10.0.0.1",
			"here the destination address is missing\n    icmp 10.0.0.1\n"
			"                 ^",
			"see \"tcp" },
		{ "icmp 10.0.0.1 2001:db8::1", "source and destination are of different families",
			"both must be" },
		{ "icmp 10.0.0.1:5 10.0.0.2", "this protocol has no ports", "leave" },
		{ "any 10.0.0.1:5 10.0.0.2", "ports are of a protocol", "say tcp or udp" },
		{ "icmpv6 10.0.0.1 10.0.0.2", "ICMPv6 is of IPv6 only",
			"with IPv4 addresses say icmp" },
		{ "10.0.0.1:5 10.0.0.2:6", "\"10.0.0.1:5\" is no protocol",
			"the protocol comes first" },
		{ "tcp 10.0.0.0/24 any",
			"\"10.0.0.0/24\" is more than one address\n    tcp 10.0.0.0/24 any\n        ^",
			"a packet has one address: leave the /LENGTH away" },
		{ "tcp [::1]x ::2", "\"[::1]x\" is no address", "10.0.0.5" },
		{ "tcp [::1 ::2", "\"[::1\" is no address", "10.0.0.5" },
		{ "tcp 10.0.0.1: any", "\"\" is no port", "" },
		{ "tcp 10.0.0.1:5 any frag", "a later fragment (frag) has no ports", "leave" },
		{ "arp 10.0.0.1 10.0.0.2 ttl 3", "ARP has none of this", "options are mac" },
		{ "tcp 10.0.0.1 any dport 80", "\"dport\" is no option", "a port stands behind" },
		{ "icmp 10.0.0.1 any neighbour-solicitation", "this type is of the other ICMP",
			"IPv4 and IPv6 have" },
		{ "udp 10.0.0.1 10.0.0.2 syn", "only TCP has flags", "" },
		{ "udp 10.0.0.1 10.0.0.2 vlna 5", "\"vlna\" is no option", "did you mean vlan?" },
		{ "udp 10.0.0.1 10.0.0.2 vlan 5000", "\"5000\" is no VLAN id", "0 to 4094" },
		{ "tcp 10.0.0.1 10.0.0.2 flags XQ", "\"XQ\" is no set of TCP flags", "letters" },
		{ "udp 10.0.0.1 10.0.0.2 mac 02:00:00:00:00:01 02:00:00:00:00:02",
			"\"02:00:00:00:00:02\" is no \">\"", "mac SOURCE '>' DESTINATION" },
		{ "", "here the protocol is missing", "see" },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(cases); i++) {
		struct packet packet;
		struct err err = { 0 };

		assert_false(packet_expr_parse(cases[i].text, &packet, &err));
		if (strncmp(err.text, cases[i].error, strlen(cases[i].error)) != 0)
			assert_string_equal(err.text, cases[i].error);
		if (strncmp(err.next_step, cases[i].next, strlen(cases[i].next)) != 0)
			assert_string_equal(err.next_step, cases[i].next);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_said_is_usual_or_open),
		cmocka_unit_test(every_expression_prints_as_one_that_means_the_same),
		cmocka_unit_test(an_error_points_at_its_word_and_says_what_would_be_right),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
