// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What Neutron's security groups promise, with packets. Every row is judged by the kernel, by
 * policy_decide and by the compiled ruleset (networld.h), and by what the row says.
 *
 * Three guests A, B and C; the ports that the policy does not name are not filtered.
 */
#include "unit.h"

#include "netpolicy.h"
#include "networld.h"

#define check(world, rows) assert_int_equal(world_judge_rows(world, rows, N_OF(rows)), 0)

static void nothing_passes_without_a_rule(struct world *world)
{
	static const struct shot_row rows[] = {
		{ "out", "A", "tcp out > A:22", DROP(NO_RULE) },
		{ "out", "A", "udp out > A:53", DROP(NO_RULE) },
		{ "out", "A", "icmp out > A", DROP(NO_RULE) },
		{ "out", "A", "sctp out > A:9", DROP(NO_RULE) },
		{ "out", "A", "250 out > A", DROP(NO_RULE) },
		{ "out", "A", "tcp out6 > A6:22", DROP(NO_RULE) },
		{ "out", "A", "icmpv6 out6 > A6", DROP(NO_RULE) },
		{ "A", "out", "tcp A > out:22", DROP(NO_RULE) },
		{ "A", "out", "udp A > out:53", DROP(NO_RULE) },
		{ "A", "out", "icmp A > out", DROP(NO_RULE) },
		{ "A", "out", "igmp A > 224.0.0.22", DROP(NO_RULE) },
		{ "A", "out", "250 A > out", DROP(NO_RULE) },
		{ "A", "out", "tcp A6 > out6:22", DROP(NO_RULE) },
		{ "A", "out", "udp A6 > out6:53", DROP(NO_RULE) },
		/* which every IPv6 host may send */
		{ "A", "out", "icmpv6 A6 > out6", PASS(ND) },
	};

	world_apply(world, GROUPS EMPTY_GROUP("none") PORTS PORT_A("none"));
	check(world, rows);
	/* nor for a port without a group at all */
	world_apply(world, GROUPS EMPTY_GROUP("none") PORTS PORT_A(""));
	check(world, rows);
}

static void rules_are_made_changed_and_removed(struct world *world)
{
	static const struct shot_row at_80[] = {
		{ "out", "A", "tcp out > A:80", PASS(RULE) },
		{ "out", "A", "tcp out > A:81", DROP(NO_RULE) },
		{ "out", "A", "tcp out6 > A6:80", DROP(NO_RULE) },
	};
	static const struct shot_row at_81[] = {
		{ "out", "A", "tcp out > A:80", DROP(NO_RULE) },
		{ "out", "A", "tcp out > A:81", PASS(RULE) },
		{ "out", "A", "tcp out6 > A6:80", DROP(NO_RULE) },
	};
	static const struct shot_row at_none[] = {
		{ "out", "A", "tcp out > A:80", DROP(NO_RULE) },
		{ "out", "A", "tcp out > A:81", DROP(NO_RULE) },
		{ "out", "A", "tcp out6 > A6:80", DROP(NO_RULE) },
	};

	world_apply(world, GROUPS EMPTY_GROUP("g") PORTS PORT_A("g"));
	check(world, at_none);
	world_apply(world, GROUPS GROUP("g", IN4(L4("tcp", "80"))) PORTS PORT_A("g"));
	check(world, at_80);
	world_apply(world, GROUPS GROUP("g", IN4(L4("tcp", "81"))) PORTS PORT_A("g"));
	check(world, at_81);
	world_apply(world, GROUPS EMPTY_GROUP("g") PORTS PORT_A("g"));
	check(world, at_none);
	/* a port that the policy does not name is nobody's */
	world_apply(world, GROUPS EMPTY_GROUP("g") PORTS PORT_B("g"));
	assert_true(world_shoot(world, "out", "A", "tcp out > A:80"));
	assert_true(world_shoot(world, "A", "out", "tcp out > A:80"));
}

static void every_protocol_has_its_rules(struct world *world)
{
	static const struct shot_row rows[] = {
		{ "out", "A", "tcp out > A:80", PASS(RULE) },
		{ "out", "A", "udp out > A:80", DROP(NO_RULE) },
		{ "out", "A", "udp out > A:53", PASS(RULE) },
		{ "out", "A", "tcp out > A:53", DROP(NO_RULE) },
		{ "out", "A", "sctp out > A:3868", PASS(RULE) },
		{ "out", "A", "sctp out > A:3869", DROP(NO_RULE) },
		{ "out", "A", "udplite out > A:5000", PASS(RULE) },
		{ "out", "A", "udplite out > A:5001", DROP(NO_RULE) },
		{ "out", "A", "dccp out > A:6000", PASS(RULE) },
		{ "out", "A", "dccp out > A:6001", DROP(NO_RULE) },
		{ "out", "A", "icmp out > A type 8", PASS(RULE) },
		{ "out", "A", "icmp out > A type 13", DROP(NO_RULE) },
		{ "out", "A", "ipip out > A", PASS(RULE) },
		{ "out", "A", "94 out > A", DROP(NO_RULE) },
		{ "out", "A", "gre out > A", PASS(RULE) },
		{ "out", "A", "esp out > A", PASS(RULE) },
		{ "out", "A", "ah out > A", DROP(NO_RULE) },
		{ "out", "A", "vrrp out > A", PASS(RULE) },
		{ "out", "A", "113 out > A", DROP(NO_RULE) },
		{ "out", "A", "250 out > A", PASS(RULE) },
		{ "out", "A", "251 out > A", DROP(NO_RULE) },
		/* the other way has no rule */
		{ "A", "out", "tcp A > out:80", DROP(NO_RULE) },
		{ "A", "out", "udp A > out:53", DROP(NO_RULE) },
		{ "A", "out", "112 A > 10.0.0.98", DROP(NO_RULE) },
		/* IPv6: rules of its own */
		{ "out", "A", "tcp out6 > A6:443", PASS(RULE) },
		{ "out", "A", "tcp out6 > A6:80", DROP(NO_RULE) },
		{ "out", "A", "sctp out6 > A6:3868", PASS(RULE) },
		{ "out", "A", "udplite out6 > A6:5000", PASS(RULE) },
		{ "out", "A", "dccp out6 > A6:6000", PASS(RULE) },
		{ "out", "A", "dccp out6 > A6:6001", DROP(NO_RULE) },
		{ "out", "A", "icmpv6 out6 > A6 type 128", PASS(RULE) },
		{ "out", "A", "icmpv6 out6 > A6 type 139", DROP(NO_RULE) },
		{ "out", "A", "ipip out6 > A6", PASS(RULE) },
		{ "out", "A", "250 out6 > A6", PASS(RULE) },
		{ "out", "A", "252 out6 > A6", DROP(NO_RULE) },
	};
	static const struct shot_row out_rows[] = {
		{ "A", "out", "tcp A > out:25", PASS(RULE) },
		{ "A", "out", "tcp A > out:26", DROP(NO_RULE) },
		{ "A", "out", "ipip A > out", PASS(RULE) },
		{ "A", "out", "icmp A > out type 8", PASS(RULE) },
		{ "A", "out", "icmp A > out type 17", DROP(NO_RULE) },
		{ "A", "out", "vrrp A > out", PASS(RULE) },
		{ "A", "out", "tcp A6 > out6:25", PASS(RULE) },
		{ "A", "out", "vrrp A6 > out6", DROP(NO_RULE) },
		{ "out", "A", "tcp out > A:25", DROP(NO_RULE) },
	};

	world_apply(world,
		GROUPS GROUP("g",
			IN4(L4("tcp", "80")) IN4(L4("udp", "53")) IN4(L4("sctp", "3868")) IN4(L4(
				"udplite", "5000")) IN4(L4("dccp", "6000")) IN4(ICMP("icmp", "8"))
				IN4(PROTO("ipip")) IN4(PROTO("gre")) IN4(PROTO("50")) IN4(
					PROTO("vrrp")) IN4(PROTO("250")) IN6(L4("tcp", "443"))
					IN6(L4("sctp", "3868")) IN6(L4("udplite", "5000"))
						IN6(L4("dccp", "6000")) IN6(ICMP("icmpv6", "128"))
							IN6(PROTO("4")) IN6(PROTO("250")))
			PORTS PORT_A("g"));
	check(world, rows);
	world_forget_flows(world);
	world_apply(world, GROUPS GROUP("g", OUT4(L4("tcp", "25")) OUT4(PROTO("4")) OUT4(
						     ICMP("icmp", "8")) OUT4(PROTO("112"))
						     OUT6(L4("tcp", "25"))) PORTS PORT_A("g"));
	check(world, out_rows);
}

static void ranges_end_where_they_say(struct world *world)
{
	static const struct shot_row rows[] = {
		{ "out", "A", "tcp out > A:999", DROP(NO_RULE) },
		{ "out", "A", "tcp out > A:1000", PASS(RULE) },
		{ "out", "A", "tcp out > A:1500", PASS(RULE) },
		{ "out", "A", "tcp out > A:2000", PASS(RULE) },
		{ "out", "A", "tcp out > A:2001", DROP(NO_RULE) },
		/* the port of the source is nobody's matter */
		{ "out", "A", "tcp out:1500 > A:999", DROP(NO_RULE) },
		{ "out", "A", "udp out > A:1", PASS(RULE) },
		{ "out", "A", "udp out > A:1023", PASS(RULE) },
		{ "out", "A", "udp out > A:1024", DROP(NO_RULE) },
		{ "out", "A", "udp out > A:65535", PASS(RULE) },
		{ "out", "A", "udp out > A:65534", DROP(NO_RULE) },
		{ "out", "A", "sctp out > A:10", PASS(RULE) },
		{ "out", "A", "sctp out > A:20", PASS(RULE) },
		{ "out", "A", "sctp out > A:21", DROP(NO_RULE) },
		{ "out", "A", "udplite out > A:9", DROP(NO_RULE) },
		{ "out", "A", "udplite out > A:10", PASS(RULE) },
		{ "out", "A", "udplite out > A:20", PASS(RULE) },
		{ "out", "A", "dccp out > A:10", PASS(RULE) },
		{ "out", "A", "dccp out > A:21", DROP(NO_RULE) },
		{ "out", "A", "tcp out6 > A6:1000", PASS(RULE) },
		{ "out", "A", "tcp out6 > A6:2000", PASS(RULE) },
		{ "out", "A", "tcp out6 > A6:2001", DROP(NO_RULE) },
		/* all ports of one protocol: 1..65535, as the API says it */
		{ "A", "out", "tcp A > out:1", PASS(RULE) },
		{ "A", "out", "tcp A > out:65535", PASS(RULE) },
		{ "A", "out", "udp A > out:53", DROP(NO_RULE) },
		/* types and codes */
		{ "out", "A", "icmp out > A type 13 code 0", PASS(RULE) },
		{ "out", "A", "icmp out > A type 13 code 1", DROP(NO_RULE) },
		{ "out", "A", "icmp out > A type 17 code 3", PASS(RULE) },
		{ "out", "A", "icmp out > A type 8", DROP(NO_RULE) },
	};

	world_apply(world,
		GROUPS GROUP("g",
			IN4(L4_RANGE("tcp", "1000", "2000")) IN4(L4_RANGE("udp", "1", "1023")) IN4(
				L4("udp", "65535")) IN4(L4_RANGE("sctp", "10", "20"))
				IN4(L4_RANGE("udplite", "10", "20")) IN4(L4_RANGE(
					"dccp", "10", "20")) IN6(L4_RANGE("tcp", "1000", "2000"))
					OUT4(L4_RANGE("tcp", "1", "65535"))
						IN4(ICMP_CODE("icmp", "13", "0"))
							IN4(ICMP("icmp", "17"))) PORTS PORT_A("g"));
	check(world, rows);
}

static void prefixes_and_groups_restrict_the_remote(struct world *world)
{
	static const struct shot_row rows[] = {
		{ "out", "A", "tcp 10.1.255.255 > A:80", PASS(RULE) },
		{ "out", "A", "tcp 10.2.0.0 > A:80", DROP(NO_RULE) },
		{ "out", "A", "tcp 10.0.255.255 > A:80", DROP(NO_RULE) },
		{ "out", "A", "tcp [2001:db8:1::5] > A6:80", PASS(RULE) },
		{ "out", "A", "tcp [2001:db8:2::5] > A6:80", DROP(NO_RULE) },
		/* members of the group: B's address, its pair; C is not one */
		{ "B", "A", "tcp B > A:22", PASS(RULE) },
		{ "B", "A", "tcp 10.3.0.77 > A:22", PASS(RULE) },
		{ "B", "A", "tcp B6 > A6:22", PASS(RULE) },
		{ "C", "A", "tcp C > A:22", DROP(NO_RULE) },
		{ "C", "A", "tcp C6 > A6:22", DROP(NO_RULE) },
		/* a remote port is a member too */
		{ "out", "A", "tcp 10.0.0.200 > A:22", PASS(RULE) },
		{ "out", "A", "tcp 10.0.0.201 > A:22", DROP(NO_RULE) },
		/* the address group */
		{ "out", "A", "udp 10.4.0.1 > A:123", PASS(RULE) },
		{ "out", "A", "udp 10.4.0.2 > A:123", DROP(NO_RULE) },
		{ "out", "A", "udp 10.5.200.1 > A:123", PASS(RULE) },
		{ "out", "A", "udp [2001:db8:5::1] > A6:123", PASS(RULE) },
		{ "out", "A", "udp [2001:db8:6::1] > A6:123", DROP(NO_RULE) },
		/* to a group: the destination counts */
		{ "A", "B", "tcp A > B:5432", PASS(RULE) },
		{ "A", "C", "tcp A > C:5432", DROP(NO_RULE) },
		{ "A", "out", "tcp A > 10.4.0.1:9999", PASS(RULE) },
		{ "A", "out", "tcp A > 10.4.0.3:9999", DROP(NO_RULE) },
		/* nobody is in this group, so nobody may */
		{ "out", "A", "tcp out > A:7777", DROP(NO_RULE) },
		{ "B", "A", "tcp B > A:7777", DROP(NO_RULE) },
		{ "A", "out", "tcp A > out:7777", DROP(NO_RULE) },
		{ "out", "A", "tcp out6 > A6:7777", DROP(NO_RULE) },
	};

	world_apply(world,
		"address_groups:\n"
		"- {name: ntp, addresses: [10.4.0.1, 10.5.0.0/16, '2001:db8:5::/48']}\n" GROUPS GROUP(
			"g", IN4(L4("tcp", "80") FROM("10.1.0.0/16")) IN6(L4("tcp", "80")
					     FROM("2001:db8:1::/48")) IN4(L4("tcp", "22")
					     FROM_GROUP("friends")) IN6(L4("tcp", "22")
					     FROM_GROUP("friends")) IN4(L4("udp", "123")
					     FROM_ADDRESSES("ntp")) IN6(L4("udp", "123")
					     FROM_ADDRESSES("ntp")) OUT4(L4("tcp", "5432")
					     FROM_GROUP("friends")) OUT4(L4("tcp", "9999")
					     FROM_ADDRESSES("ntp")) IN4(L4("tcp", "7777")
					     FROM_GROUP("nobody")) IN6(L4("tcp", "7777")
					     FROM_GROUP("nobody")) OUT4(L4("tcp", "7777")
					     FROM_GROUP("nobody"))) OPEN_GROUP("friends")
			EMPTY_GROUP("nobody") OPEN_GROUP("others") PORTS PORT_A("g") PORT(ID_B,
				MAC_B, IPS_B,
				IN_GROUPS(
					"friends") ", allowed_address_pairs: [{ip_address: 10.3.0.0/24}]")
				PORT_C("others") "- {id: 99999999-0000-4000-8000-000000000009, mac_address: '02:00:00:00:00:99', "
						 "fixed_ips: [10.0.0.200], security_groups: [friends], 'binding:host_id': elsewhere}\n");
	check(world, rows);
}

static void two_guests_cross_the_rules_of_both(struct world *world)
{
	static const struct shot_row rows[] = {
		/* A may go to 1 and 2, B lets in 2 and 3 */
		{ "A", "B", "tcp A > B:1", DROP(NO_RULE) },
		{ "A", "B", "tcp A > B:2", PASS(RULE) },
		{ "A", "B", "tcp A > B:3", DROP(NO_RULE) },
		{ "A", "B", "tcp A6 > B6:1", DROP(NO_RULE) },
		{ "A", "B", "tcp A6 > B6:2", PASS(RULE) },
		{ "A", "B", "tcp A6 > B6:3", DROP(NO_RULE) },
		/* B may not begin */
		{ "B", "A", "tcp B > A:2", DROP(NO_RULE) },
		/* to and from what is not filtered only one's own count */
		{ "A", "C", "tcp A > C:1", PASS(RULE) },
		{ "A", "C", "tcp A > C:3", DROP(NO_RULE) },
		{ "C", "B", "tcp C > B:3", PASS(RULE) },
		{ "C", "B", "tcp C > B:1", DROP(NO_RULE) },
		{ "A", "B", "udp A:1111 > B:2222", PASS(RULE) },
		{ "B", "A", "udp B:2222 > A:1111", PASS(ESTABLISHED) },
		{ "B", "A", "udp B:2223 > A:1111", DROP(NO_RULE) },
	};

	world_apply(world,
		GROUPS GROUP("from", OUT4(L4_RANGE("tcp", "1", "2")) OUT6(L4_RANGE("tcp", "1", "2"))
					     OUT4(PROTO("udp")))
			GROUP("to", IN4(L4_RANGE("tcp", "2", "3")) IN6(L4_RANGE("tcp", "2", "3"))
					    IN4(PROTO("udp"))) PORTS PORT_A("from") PORT_B("to"));
	check(world, rows);
}

static void a_port_may_be_waved_through(struct world *world)
{
	static const struct shot_row rows[] = {
		{ "out", "A", "tcp out > A:22", PASS(PORT_SECURITY_OFF) },
		{ "A", "out", "tcp A > out:22", PASS(PORT_SECURITY_OFF) },
		{ "A", "out", "tcp 10.9.9.9 > out:22 mac 02:00:00:00:00:99",
			PASS(PORT_SECURITY_OFF) },
		{ "A", "out", "udp A:67 > 255.255.255.255:68", PASS(PORT_SECURITY_OFF) },
		{ "A", "out", "icmpv6 Al > ff02::1 type 134", PASS(PORT_SECURITY_OFF) },
		{ "A", "out", "arp 10.9.9.9", PASS(PORT_SECURITY_OFF) },
		{ "A", "out", "vlan udp A > out", PASS(PORT_SECURITY_OFF) },
		{ "A", "out", "type 88cc", PASS(PORT_SECURITY_OFF) },
		{ "out", "B", "tcp out > B:22", PASS(TRUSTED) },
		{ "B", "out", "udp B:67 > 255.255.255.255:68", PASS(TRUSTED) },
		{ "B", "out", "tcp 10.9.9.9 > out:22", PASS(TRUSTED) },
		{ "B", "out", "pppoe udp B > out", PASS(TRUSTED) },
		/* the other side's rules count all the same */
		{ "A", "C", "tcp A > C:80", PASS(RULE) },
		{ "A", "C", "tcp A > C:81", DROP(NO_RULE) },
		{ "B", "C", "tcp B > C:81", DROP(NO_RULE) },
		{ "A", "C", "vlan udp A > C", DROP(FRAME_TYPE) },
		{ "C", "A", "tcp C > A:81", DROP(NO_RULE) },
	};

	world_apply(world,
		GROUPS GROUP("web", IN4(L4("tcp", "80"))) PORTS UNFILTERED(ID_A, MAC_A, IPS_A)
			PORT(ID_B, MAC_B, IPS_B, ", device_owner: 'network:dhcp'") PORT_C("web"));
	check(world, rows);
}

static void a_stateless_group_judges_each_packet(struct world *world)
{
	static const struct shot_row rows[] = {
		{ "A", "out", "udp A:1000 > out:53", PASS(RULE) },
		{ "out", "A", "udp out:53 > A:1000", DROP(NO_RULE) },
		{ "out", "A", "udp out:5000 > A:2000", PASS(RULE) },
		{ "A", "out", "udp A:2000 > out:5000", PASS(RULE) },
		{ "out", "A", "tcp out:5000 > A:22", DROP(NO_RULE) },
		{ "out", "A", "tcp out:5000 > A:80", PASS(RULE) },
		{ "A", "out", "tcp A:80 > out:5000 flags SA ack 1", DROP(NO_RULE) },
		/* what conntrack would call invalid is not asked */
		{ "out", "A", "tcp out:5000 > A:80 flags R", PASS(RULE) },
		{ "out", "A", "tcp out6:5000 > A6:80 flags FA", PASS(RULE) },
		{ "out", "A", "tcp out:5001 > A:81 flags R", DROP(NO_RULE) },
		/* a stateful neighbour keeps its state */
		{ "B", "out", "udp B:1000 > out:53", PASS(RULE) },
		{ "out", "B", "udp out:53 > B:1000", PASS(ESTABLISHED) },
		{ "B", "A", "udp B:1000 > A:2000", PASS(RULE) },
		{ "A", "B", "udp A:2000 > B:1000", PASS(ESTABLISHED) },
		{ "A", "B", "udp A:2001 > B:1000", DROP(NO_RULE) },
	};

	world_apply(world,
		GROUPS STATELESS_GROUP("g", IN4(L4("tcp", "80")) IN6(L4("tcp", "80"))
						    IN4(L4("udp", "2000")) OUT4(PROTO("udp")))
			OUT_GROUP("out") PORTS PORT_A("g") PORT_B("out"));
	check(world, rows);
}

static void a_port_has_the_rules_of_all_its_groups(struct world *world)
{
	static const struct shot_row rows[] = {
		{ "out", "A", "tcp out > A:80", PASS(RULE) },
		{ "out", "A", "tcp out > A:22", PASS(RULE) },
		{ "out", "A", "tcp out > A:443", DROP(NO_RULE) },
		{ "out", "B", "tcp out > B:22", PASS(RULE) },
		{ "out", "B", "tcp out > B:80", DROP(NO_RULE) },
	};

	world_apply(world, GROUPS GROUP("web", IN4(L4("tcp", "80"))) GROUP("ssh",
				   IN4(L4("tcp", "22")) IN4(L4("tcp", "80") FROM("10.77.0.0/16")))
				   PORTS PORT_A("'web', ssh") PORT_B("ssh"));
	check(world, rows);
}

int main(void)
{
	static const struct world_case cases[] = {
		WORLD_CASE(nothing_passes_without_a_rule, ON_SHARED | ON_HYBRID | BY_BOTH),
		WORLD_CASE(rules_are_made_changed_and_removed, ON_SHARED | ON_HYBRID | BY_BOTH),
		WORLD_CASE(every_protocol_has_its_rules, ON_SHARED | ON_HYBRID | BY_BOTH),
		WORLD_CASE(ranges_end_where_they_say, ON_SHARED | ON_HYBRID | BY_BOTH),
		WORLD_CASE(
			prefixes_and_groups_restrict_the_remote, ON_SHARED | ON_HYBRID | BY_BOTH),
		WORLD_CASE(two_guests_cross_the_rules_of_both, ON_EVERY | BY_BOTH),
		WORLD_CASE(a_port_may_be_waved_through, ON_SHARED | ON_HYBRID | BY_BOTH),
		WORLD_CASE(a_stateless_group_judges_each_packet, ON_SHARED | ON_HYBRID | BY_BOTH),
		WORLD_CASE(a_port_has_the_rules_of_all_its_groups, ON_SHARED | ON_HYBRID | BY_BOTH),
	};

	return world_main(cases, N_OF(cases));
}
