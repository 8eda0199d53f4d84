// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Flows: what returns, what belongs to one, what conntrack calls invalid; and what the host itself
 * says and hears where it routes.
 */
#include "unit.h"

#include "netpolicy.h"
#include "networld.h"

#define check(world, rows) assert_int_equal(world_judge_rows(world, rows, N_OF(rows)), 0)

static void answers_return_and_strangers_do_not(struct world *world)
{
	static const struct shot_row rows[] = {
		{ "A", "out", "udp A:1000 > out:53", PASS(RULE) },
		{ "out", "A", "udp out:53 > A:1000", PASS(ESTABLISHED) },
		{ "A", "out", "udp A:1000 > out:53", PASS(ESTABLISHED) },
		{ "out", "A", "udp out:54 > A:1000", DROP(NO_RULE) },
		{ "out", "A", "udp out:53 > A:1001", DROP(NO_RULE) },
		{ "out", "A", "udp 10.0.0.98:53 > A:1000", DROP(NO_RULE) },
		{ "A", "out", "udp A6:1000 > out6:53", PASS(RULE) },
		{ "out", "A", "udp out6:53 > A6:1000", PASS(ESTABLISHED) },
		{ "out", "A", "udp out6:54 > A6:1000", DROP(NO_RULE) },
		{ "A", "out", "icmp A > out id 77", PASS(RULE) },
		{ "out", "A", "icmp out > A type 0 id 77", PASS(ESTABLISHED) },
		{ "out", "A", "icmp out > A type 0 id 78", DROP(INVALID) },
		{ "out", "A", "icmp out > A type 8 id 77", DROP(NO_RULE) },
		{ "A", "out", "icmpv6 A6 > out6 id 77", PASS(ND) },
		{ "out", "A", "icmpv6 out6 > A6 type 129 id 77", PASS(ESTABLISHED) },
		{ "out", "A", "icmpv6 out6 > A6 type 129 id 78", DROP(INVALID) },
		{ "A", "out", "gre A > out", PASS(RULE) },
		{ "out", "A", "gre out > A", PASS(ESTABLISHED) },
		{ "out", "A", "gre 10.0.0.98 > A", DROP(NO_RULE) },
		{ "A", "out", "250 A > out", PASS(RULE) },
		{ "out", "A", "250 out > A", PASS(ESTABLISHED) },
		/* a whole TCP connection */
		{ "A", "out", "tcp A:2000 > out:80 flags S seq 100", PASS(RULE) },
		{ "out", "A", "tcp out:80 > A:2000 flags SA seq 500 ack 101", PASS(ESTABLISHED) },
		{ "A", "out", "tcp A:2000 > out:80 flags A seq 109 ack 509", PASS(ESTABLISHED) },
		{ "out", "A", "tcp out:80 > A:2000 flags PA seq 509 ack 117", PASS(ESTABLISHED) },
		{ "out", "A", "tcp out:80 > A:2000 flags FA seq 517 ack 117", PASS(ESTABLISHED) },
	};

	world_apply(world, GROUPS OUT_GROUP("g") PORTS PORT_A("g"));
	check(world, rows);
}

static void a_ping_that_is_let_in_is_answered(struct world *world)
{
	static const struct shot_row rows[] = {
		{ "out", "A", "icmp out > A id 5", PASS(RULE) },
		{ "A", "out", "icmp A > out type 0 id 5", PASS(ESTABLISHED) },
		{ "A", "out", "icmp A > out type 0 id 6", DROP(INVALID) },
		{ "A", "out", "icmp A > out type 8 id 6", DROP(NO_RULE) },
		{ "out", "A", "tcp out:999 > A:22 flags S seq 1", PASS(RULE) },
		{ "A", "out", "tcp A:22 > out:999 flags SA seq 1 ack 2", PASS(ESTABLISHED) },
		{ "A", "out", "tcp A:22 > out:998 flags SA seq 1 ack 2", DROP(INVALID) },
		{ "A", "out", "tcp A:22 > out:998 flags S", DROP(NO_RULE) },
		{ "out", "A", "icmpv6 out6 > A6 id 5", PASS(RULE) },
		{ "A", "out", "icmpv6 A6 > out6 type 129 id 5", PASS(ND) },
		{ "out", "A", "tcp out6:999 > A6:22 flags S seq 1", PASS(RULE) },
		{ "A", "out", "tcp A6:22 > out6:999 flags SA seq 1 ack 2", PASS(ESTABLISHED) },
	};

	world_apply(world, GROUPS GROUP("g", IN4(ICMP("icmp", "8")) IN4(L4("tcp", "22")) IN6(
						     ICMP("icmpv6", "128")) IN6(L4("tcp", "22")))
				   PORTS PORT_A("g"));
	check(world, rows);
}

static void what_conntrack_calls_invalid_is_dropped(struct world *world)
{
	static const struct shot_row rows[] = {
		{ "out", "A", "tcp out > A:23 flags R", DROP(INVALID) },
		{ "out", "A", "tcp out > A:23 flags FA", DROP(INVALID) },
		{ "out", "A", "tcp out > A:23 flags SA", DROP(INVALID) },
		{ "out", "A", "tcp out > A:23 bad", DROP(INVALID) },
		{ "out", "A", "udp out > A:53 bad", DROP(INVALID) },
		{ "out", "A", "sctp out > A:9 chunk 0", DROP(INVALID) },
		{ "out", "A", "icmp out > A type 0", DROP(INVALID) },
		{ "out", "A", "icmp out > A type 3 code 1", DROP(INVALID) },
		{ "out", "A", "tcp out6 > A6:23 flags R", DROP(INVALID) },
		{ "out", "A", "icmpv6 out6 > A6 type 1", DROP(INVALID) },
		{ "A", "out", "tcp A > out:23 flags R", DROP(INVALID) },
		{ "A", "out", "udp A > out:53 bad", DROP(INVALID) },
		{ "A", "out", "icmp A > out type 0", DROP(INVALID) },
		/* rules are asked before (LP 1460741) */
		{ "out", "A", "tcp out > A:22 flags R", PASS(RULE) },
		{ "out", "A", "tcp out > A:22 bad", PASS(RULE) },
		{ "out", "A", "tcp out6 > A6:22 flags FA", PASS(RULE) },
	};

	world_apply(world,
		GROUPS GROUP("g", IN4(L4("tcp", "22")) IN6(L4("tcp", "22"))) PORTS PORT_A("g"));
	check(world, rows);
}

static void a_segment_outside_of_its_window_is_no_part_of_the_flow(struct world *world)
{
	static const struct shot_row begin[] = {
		{ "A", "out", "tcp A:2000 > out:80 flags S seq 100", PASS(RULE) },
		{ "out", "A", "tcp out:80 > A:2000 flags SA seq 500 ack 101", PASS(ESTABLISHED) },
		{ "A", "out", "tcp A:2000 > out:80 flags A seq 109 ack 509", PASS(ESTABLISHED) },
	};
	struct shot stray;

	world_apply(world, GROUPS OUT_GROUP("g") PORTS PORT_A("g"));
	check(world, begin);
	shot_parse(world, &stray, "out", "A", "tcp out:80 > A:2000 flags A seq 900000000 ack 117");
	stray.expect = EXPECT_DROP;
	stray.said = CT_INVALID;
	assert_int_equal(world_judge(world, &stray, 1), 0);
	assert_int_equal(stray.decision.reason, DROP_INVALID);
}

static struct shot error_about(
	struct world *world, const char *text, const struct packet *inner, enum expect expect)
{
	struct shot shot;

	shot_parse(world, &shot, "out", "A", text);
	shot.frame.inner = inner;
	shot.expect = expect;
	return shot;
}

static void errors_of_a_flow_come_back_and_of_no_flow_do_not(struct world *world)
{
	struct shot flow, flow6, shots[10];
	struct packet unknown, unknown6;
	size_t n = 0;

	world_apply(world, GROUPS OUT_GROUP("g") PORTS PORT_A("g"));
	shot_parse(world, &flow, "A", "out", "udp A:1000 > out:53");
	shot_parse(world, &flow6, "A", "out", "tcp A6:1000 > out6:80");
	flow.expect = flow6.expect = EXPECT_PASS;
	assert_int_equal(world_judge(world, &flow, 1), 0);
	assert_int_equal(world_judge(world, &flow6, 1), 0);
	unknown = flow.frame.packet;
	unknown.sport++;
	unknown6 = flow6.frame.packet;
	unknown6.sport++;
	shots[n++] =
		error_about(world, "icmp out > A type 3 code 3", &flow.frame.packet, EXPECT_PASS);
	/* of a router on the way: fragmentation needed, time exceeded */
	shots[n++] = error_about(
		world, "icmp 10.0.0.1 > A type 3 code 4", &flow.frame.packet, EXPECT_PASS);
	shots[n++] =
		error_about(world, "icmp 10.0.0.1 > A type 11", &flow.frame.packet, EXPECT_PASS);
	shots[n++] = error_about(world, "icmp out > A type 3 code 3", &unknown, EXPECT_DROP);
	shots[n++] = error_about(world, "icmp 10.0.0.1 > A type 3 code 4", &unknown, EXPECT_DROP);
	shots[n++] = error_about(
		world, "icmpv6 out6 > A6 type 1 code 4", &flow6.frame.packet, EXPECT_PASS);
	shots[n++] = error_about(
		world, "icmpv6 2001:db8::1 > A6 type 2", &flow6.frame.packet, EXPECT_PASS);
	shots[n++] = error_about(world, "icmpv6 2001:db8::1 > A6 type 2", &unknown6, EXPECT_DROP);
	assert_int_equal(world_judge(world, shots, n), 0);
	assert_int_equal(shots[0].decision.reason, REASON_ESTABLISHED);
	assert_int_equal(shots[3].decision.reason, DROP_INVALID);
}

/* The rules of A: web in, DNS out. */
#define WEB_AND_DNS                                                                                \
	GROUPS GROUP("g", IN4(L4("tcp", "80")) IN6(L4("tcp", "80")) IN4(ICMP("icmp", "8"))         \
				  OUT4(L4("udp", "53")) OUT6(L4("udp", "53"))                      \
					  OUT4(ICMP("icmp", "8"))) PORTS PORT_A("g")

static void a_guest_meets_its_rules_on_the_way_to_the_host(struct world *world)
{
	static const struct shot_row rows[] = {
		{ "A", "host", "udp A > host:53", PASS(RULE) },
		{ "A", "host", "udp A > host:54", DROP(NO_RULE) },
		{ "A", "host", "tcp A > host:22", DROP(NO_RULE) },
		{ "A", "host", "icmp A > host", PASS(RULE) },
		{ "A", "host", "udp 10.0.0.77 > host:53", DROP(SPOOF) },
		{ "A", "host", "udp A > host:53 mac 02:00:00:00:00:99", DROP(SPOOF) },
		{ "A", "host", "udp A6 > host6:53", PASS(RULE) },
		{ "A", "host", "tcp A6 > host6:22", DROP(NO_RULE) },
		{ "A", "host", "udp [2001:db8::77] > host6:53", DROP(SPOOF) },
		{ "A", "host", "udp A:67 > host:68", DROP(DHCP_SERVER) },
		/* a port that is not filtered */
		{ "C", "host", "tcp C > host:22", PASS(PORT_SECURITY_OFF) },
		/* the host is no member of groups: what it sends meets the rules */
		{ "host", "A", "tcp host > A:80", PASS(RULE) },
		{ "host", "A", "tcp host > A:81", DROP(NO_RULE) },
		{ "host", "A", "udp host > A:53", DROP(NO_RULE) },
		{ "host", "A", "tcp host6 > A6:80", PASS(RULE) },
		{ "host", "A", "tcp host6 > A6:81", DROP(NO_RULE) },
		{ "host", "C", "tcp host > C:81", PASS(PORT_SECURITY_OFF) },
		/* its answers do not */
		{ "A", "host", "udp A:1000 > host:53", PASS(RULE) },
		{ "host", "A", "udp host:53 > A:1000", PASS(ESTABLISHED) },
	};

	world_apply(world, WEB_AND_DNS);
	check(world, rows);
}

static void a_guest_meets_its_rules_where_the_host_routes(struct world *world)
{
	static const struct shot_row rows[] = {
		{ "A", "out", "udp A > out:53", PASS(RULE) },
		{ "A", "out", "udp A > out:54", DROP(NO_RULE) },
		{ "A", "out", "tcp A > out:80", DROP(NO_RULE) },
		{ "A", "out", "icmp A > out", PASS(RULE) },
		{ "A", "out", "udp 10.0.0.77 > out:53", DROP(SPOOF) },
		{ "A", "out", "udp B > out:53", DROP(SPOOF) },
		{ "A", "out", "udp A > out:53 mac 02:00:00:00:00:99", DROP(SPOOF) },
		{ "A", "out", "udp A6 > out6:53", PASS(RULE) },
		{ "A", "out", "tcp A6 > out6:80", DROP(NO_RULE) },
		{ "A", "out", "udp [2001:db8::77] > out6:53", DROP(SPOOF) },
		{ "C", "out", "tcp C > out:80", PASS(PORT_SECURITY_OFF) },
		{ "out", "A", "tcp out > A:80", PASS(RULE) },
		{ "out", "A", "tcp out > A:81", DROP(NO_RULE) },
		{ "out", "A", "udp out > A:53", DROP(NO_RULE) },
		{ "out", "A", "tcp out6 > A6:80", PASS(RULE) },
		{ "out", "A", "tcp out6 > A6:81", DROP(NO_RULE) },
		{ "out", "C", "tcp out > C:81", PASS(PORT_SECURITY_OFF) },
		/* neither vlan nor other frames, also to the host's MAC */
		{ "A", "host", "vlan udp A > host:53", DROP(FRAME_TYPE) },
	};

	world_apply(world, WEB_AND_DNS);
	check(world, rows);
}

static void answers_return_through_nat(struct world *world)
{
	struct shot ask, stray, reply;
	struct packet seen;

	world_apply(world, WEB_AND_DNS);
	shot_parse(world, &ask, "A", "out", "udp A:1234 > out:53");
	ask.expect = EXPECT_PASS;
	assert_int_equal(world_judge(world, &ask, 1), 0);
	/* the port is kept where it is free; the address becomes the host's */
	shot_parse(world, &reply, "out", "A", "udp out:53 > " NET_WAN_IPV4 ":1234");
	seen = reply.frame.packet;
	seen.dst = ask.frame.packet.src;
	reply.seen = &seen;
	reply.expect = EXPECT_PASS;
	assert_int_equal(world_judge(world, &reply, 1), 0);
	assert_int_equal(reply.decision.reason, REASON_ESTABLISHED);
	/* a stranger's packet is the host's own and never reaches the guest */
	shot_parse(world, &stray, "out", "A", "udp out:54 > " NET_WAN_IPV4 ":1234");
	assert_false(net_saw(stray.to, net_send(stray.from, &stray.frame)));
}

int main(void)
{
	static const struct world_case cases[] = {
		WORLD_CASE(answers_return_and_strangers_do_not, ON_SHARED | ON_HYBRID | BY_BOTH),
		WORLD_CASE(a_ping_that_is_let_in_is_answered, ON_SHARED | ON_HYBRID | BY_BOTH),
		WORLD_CASE(
			what_conntrack_calls_invalid_is_dropped, ON_SHARED | ON_HYBRID | BY_BOTH),
		WORLD_CASE(a_segment_outside_of_its_window_is_no_part_of_the_flow,
			ON_SHARED | ON_HYBRID | BY_BOTH),
		WORLD_CASE(errors_of_a_flow_come_back_and_of_no_flow_do_not,
			ON_SHARED | ON_HYBRID | BY_BOTH),
		WORLD_CASE(a_guest_meets_its_rules_on_the_way_to_the_host, ON_ROUTED | BY_BOTH),
		WORLD_CASE(a_guest_meets_its_rules_where_the_host_routes, ON_ROUTED | BY_BOTH),
		WORLD_CASE(answers_return_through_nat, ON_ROUTED | BY_BOTH),
	};

	return world_main(cases, N_OF(cases));
}
