// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a change does to connections that are open: those that no rule allows any more are cut and
 * stay dead, all others go on. With TCP of the kernel at both ends.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "netpolicy.h"
#include "netstream.h"

static void give_addresses(struct world *world)
{
	net_add_address(world_end(world, "A"), "10.0.0.10/24", NULL);
	net_add_address(world_end(world, "B"), "10.0.0.11/24", NULL);
	net_add_address(world_end(world, "A"), "2001:db8::a/64", NULL);
	if (world->net->kind == NET_ROUTED) {
		net_add_address(world->net->outside, NET_OUTSIDE_IPV4 "/24", NULL);
		net_ip(world_end(world, "A")->ns, "route add default via " NET_BR0_IPV4 "\n");
		return;
	}
	net_add_address(world->net->outside, "10.0.0.99/24", NULL);
	net_add_address(world->net->outside, "2001:db8::99/64", NULL);
}

static void check_cut(struct world *world, const char *more)
{
	struct stream ssh, web, ssh6, web6;

	give_addresses(world);
	world_apply(world,
		GROUPS GROUP("g", IN4(L4("tcp", "22")) IN4(L4("tcp", "80")) IN6(L4("tcp", "22"))
					  IN6(L4("tcp", "80")) "%s") PORTS PORT_A("g"),
		more);
	ssh = stream_open(world, "out", "A", "10.0.0.10", 22);
	web = stream_open(world, "out", "A", "10.0.0.10", 80);
	ssh6 = stream_open(world, "out", "A", "2001:db8::a", 22);
	web6 = stream_open(world, "out", "A", "2001:db8::a", 80);
	assert_true(stream_lives(&ssh) && stream_lives(&web) && stream_lives(&ssh6) &&
		    stream_lives(&web6));

	world_apply(world,
		GROUPS GROUP("g", IN4(L4("tcp", "22")) IN6(L4("tcp", "22"))
					  IN6(L4("tcp", "80")) "%s") PORTS PORT_A("g"),
		more);
	assert_int_equal(world->report.n_flows_cut, 1);
	assert_true(stream_lives(&ssh) && stream_lives(&ssh6) && stream_lives(&web6));
	assert_true(stream_is_dead(&web));
	assert_true(stream_lives(&ssh));

	world_apply(world,
		GROUPS GROUP("g", IN4(L4("tcp", "22")) IN6(L4("tcp", "22")) "%s") PORTS PORT_A("g"),
		more);
	assert_int_equal(world->report.n_flows_cut, 1);
	assert_true(stream_lives(&ssh) && stream_lives(&ssh6));
	assert_true(stream_is_dead(&web6));
	assert_true(stream_is_dead(&web));
	stream_end(&ssh);
	stream_end(&web);
	stream_end(&ssh6);
	stream_end(&web6);
}

static void a_rule_taken_away_cuts_its_flows_and_no_others(struct world *world)
{
	check_cut(world, "");
}

/*
 * The usual group: a guest may send anything. Conntrack takes up TCP in the middle, so that the
 * guest's next segment would be a new flow of its own.
 */
static void a_flow_that_is_cut_stays_dead_when_the_guest_goes_on_talking(struct world *world)
{
	check_cut(world, OUT4(ANY) OUT6(ANY));
}

#define ALL_OUT OUT4(ANY) OUT6(ANY)

static void a_cut_flow_goes_on_when_its_rule_comes_back(struct world *world)
{
	struct stream web, web6, next;

	give_addresses(world);
	world_apply(world, GROUPS GROUP("g", IN4(L4("tcp", "80")) IN6(L4("tcp", "80")) ALL_OUT)
				   PORTS PORT_A("g"));
	web = stream_open(world, "out", "A", "10.0.0.10", 80);
	web6 = stream_open(world, "out", "A", "2001:db8::a", 80);
	world_apply(world, GROUPS GROUP("g", IN4(L4("tcp", "22")) ALL_OUT) PORTS PORT_A("g"));
	assert_int_equal(world->report.n_flows_cut, 2);
	assert_true(stream_is_dead(&web) && stream_is_dead(&web6));
	world_apply(world, GROUPS GROUP("g", IN4(L4("tcp", "22")) ALL_OUT) PORTS PORT_A("g"));
	assert_int_equal(world->report.n_flows_cut, 0);
	assert_true(stream_is_dead(&web));
	/* of the same two machines, in both directions */
	next = stream_open(world, "out", "A", "10.0.0.10", 22);
	assert_true(stream_lives(&next));
	stream_end(&next);
	next = stream_open(world, "A", "out", "10.0.0.99", 80);
	assert_true(stream_lives(&next));
	stream_end(&next);
	assert_false(stream_try(world, "out", "A", "10.0.0.10", 80, STREAM_SILENCE_MS, &next));

	world_apply(world, GROUPS GROUP("g", IN4(L4("tcp", "22")) IN4(L4("tcp", "80")) IN6(
						     L4("tcp", "80")) ALL_OUT) PORTS PORT_A("g"));
	assert_int_equal(world->report.n_flows_cut, 0);
	assert_true(stream_goes_on(&web) && stream_goes_on(&web6));
	stream_end(&web);
	stream_end(&web6);
}

static long n_marked(void)
{
	struct text out CLEANUP(text_done) = TEXT_INIT;

	net_try_sh(&out,
		"{ conntrack -L -f ipv4 --mark 0x40000000/0x40000000; "
		"conntrack -L -f ipv6 --mark 0x40000000/0x40000000; } 2>/dev/null | wc -l");
	return strtol(out.data, NULL, 10);
}

static void clear(struct world *world)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct agent_report report;
	struct err err = { 0 };

	if (!agent_clear(arena, &world->options, &report, &err))
		fail_msg("%s", err.text);
}

/* Its mark must not meet it when the port comes back. */
static void a_marked_flow_is_forgotten_with_its_port(struct world *world)
{
	const char *ip = world->net->kind == NET_ROUTED ? NET_OUTSIDE_IPV4 : "10.0.0.99";
	struct stream web;

	give_addresses(world);
	/* what the server sends again, before the guest has made the flow known once more, is addressed to the
	 * host, which would reset it */
	if (world->net->kind == NET_ROUTED)
		net_sh("iptables-%s -A INPUT -i wan0 -p tcp --sport 80 -j DROP",
			world->options.backend);
	for (int i = 0; i < 2; i++) {
		world_forget_flows(world);
		world_apply(world, GROUPS GROUP("g", OUT4(L4("tcp", "80"))) GROUP("h", IN4(ANY))
					   PORTS PORT_A("g") PORT_B("h"));
		web = stream_open(world, "A", "out", ip, 80);
		world_apply(world, GROUPS GROUP("g", OUT4(L4("tcp", "81"))) GROUP("h", IN4(ANY))
					   PORTS PORT_A("g") PORT_B("h"));
		assert_true(stream_is_dead(&web));
		assert_int_equal(n_marked(), 1);
		/* the other one holds the zone of a shared bridge */
		if (i == 0)
			world_apply(world, GROUPS GROUP("h", IN4(ANY)) PORTS PORT_B("h"));
		else
			clear(world);
		assert_int_equal(n_marked(), 0);
		assert_true(stream_goes_on(&web));
		stream_end(&web);
	}
}

static void what_a_stateless_port_refuses_is_not_marked(struct world *world)
{
	struct stream web;

	give_addresses(world);
	world_apply(
		world, GROUPS STATELESS_GROUP("g", IN4(L4("tcp", "80")) ALL_OUT) PORTS PORT_A("g"));
	web = stream_open(world, "out", "A", "10.0.0.10", 80);
	world_apply(world, GROUPS STATELESS_GROUP("g", ALL_OUT) PORTS PORT_A("g"));
	assert_int_equal(n_marked(), 0);
	/* one direction needs no rule of the other */
	assert_true(stream_says(web.server, web.client, STREAM_PATIENCE_MS));
	assert_false(stream_says(web.client, web.server, STREAM_SILENCE_MS));
	stream_end(&web);
}

static void a_flow_that_another_rule_allows_goes_on(struct world *world)
{
	struct stream web;

	give_addresses(world);
	world_apply(world, GROUPS GROUP("g", IN4(L4("tcp", "80") FROM("10.0.0.0/24"))
						     IN4(L4("tcp", "80"))) PORTS PORT_A("g"));
	web = stream_open(world, "out", "A", "10.0.0.10", 80);
	world_apply(world, GROUPS GROUP("g", IN4(L4_RANGE("tcp", "70", "90"))) PORTS PORT_A("g"));
	assert_int_equal(world->report.n_flows_cut, 0);
	assert_true(stream_lives(&web));
	/* the same in another group of the port */
	world_apply(world, GROUPS EMPTY_GROUP("g") GROUP("h",
				   IN4(L4("tcp", "80") FROM("10.0.0.99"))) PORTS PORT_A("'g', h"));
	assert_true(stream_lives(&web));
	world_apply(world, GROUPS EMPTY_GROUP("g") GROUP("h",
				   IN4(L4("tcp", "80") FROM("10.0.0.98"))) PORTS PORT_A("'g', h"));
	assert_true(stream_is_dead(&web));
	stream_end(&web);
}

#define MEMBER(ip)                                                                                 \
	"- {id: 99999999-0000-4000-8000-000000000009, mac_address: '02:00:00:00:00:99', "          \
	"fixed_ips: [" ip "], security_groups: [friends], 'binding:host_id': elsewhere}\n"
#define BY_FRIENDS                                                                                 \
	GROUPS GROUP("g", IN4(L4("tcp", "22") FROM_GROUP("friends"))) EMPTY_GROUP("friends")

static void a_member_that_leaves_a_remote_group_is_cut(struct world *world)
{
	struct stream of_b, of_out;

	give_addresses(world);
	world_apply(world,
		BY_FRIENDS PORTS PORT_A(
			"g") "- {id: 99999999-0000-4000-8000-000000000008, mac_address: '02:00:00:00:00:98', "
			     "fixed_ips: [10.0.0.11], security_groups: [friends], 'binding:host_id': elsewhere}\n" MEMBER(
				     "10.0.0.99"));
	of_b = stream_open(world, "B", "A", "10.0.0.10", 22);
	of_out = stream_open(world, "out", "A", "10.0.0.10", 22);
	world_apply(world,
		BY_FRIENDS PORTS PORT_A(
			"g") "- {id: 99999999-0000-4000-8000-000000000008, mac_address: '02:00:00:00:00:98', "
			     "fixed_ips: [10.0.0.11], security_groups: [friends], 'binding:host_id': elsewhere}\n");
	assert_true(stream_lives(&of_b));
	assert_true(stream_is_dead(&of_out));
	stream_end(&of_b);
	stream_end(&of_out);
}

static void a_group_taken_from_a_port_takes_its_flows(struct world *world)
{
	struct stream ssh, web;

	give_addresses(world);
	world_apply(world, GROUPS GROUP("ssh", IN4(L4("tcp", "22")))
				   GROUP("web", IN4(L4("tcp", "80"))) PORTS PORT_A("'ssh', web"));
	ssh = stream_open(world, "out", "A", "10.0.0.10", 22);
	web = stream_open(world, "out", "A", "10.0.0.10", 80);
	world_apply(world, GROUPS GROUP("ssh", IN4(L4("tcp", "22")))
				   GROUP("web", IN4(L4("tcp", "80"))) PORTS PORT_A("ssh"));
	assert_true(stream_lives(&ssh));
	assert_true(stream_is_dead(&web));
	stream_end(&ssh);
	stream_end(&web);
}

static void flows_between_two_guests_need_the_rules_of_both(struct world *world)
{
	struct stream c, d;

	give_addresses(world);
	world_apply(world, GROUPS GROUP("from", OUT4(L4_RANGE("tcp", "22", "23"))) GROUP(
				   "to", IN4(PROTO("tcp"))) PORTS PORT_A("from") PORT_B("to"));
	c = stream_open(world, "A", "B", "10.0.0.11", 22);
	d = stream_open(world, "A", "B", "10.0.0.11", 23);
	/* the sender's rule goes, the receiver's stays */
	world_apply(world, GROUPS GROUP("from", OUT4(L4("tcp", "23"))) GROUP(
				   "to", IN4(PROTO("tcp"))) PORTS PORT_A("from") PORT_B("to"));
	assert_true(stream_lives(&d));
	assert_true(stream_is_dead(&c));
	/* and the reverse */
	world_apply(world, GROUPS GROUP("from", OUT4(L4("tcp", "23"))) GROUP(
				   "to", IN4(L4("tcp", "99"))) PORTS PORT_A("from") PORT_B("to"));
	assert_true(stream_is_dead(&d));
	stream_end(&c);
	stream_end(&d);
}

static void what_a_guest_began_is_cut_with_its_egress_rule(struct world *world)
{
	struct stream c, other;

	give_addresses(world);
	world_apply(world,
		GROUPS GROUP("g", OUT4(L4("tcp", "443")) OUT4(L4("tcp", "25"))) PORTS PORT_A("g"));
	c = stream_open(world, "A", "out", "10.0.0.99", 443);
	/* of a guest that the policy does not name */
	other = stream_open(world, "B", "out", "10.0.0.99", 444);
	world_apply(world, GROUPS GROUP("g", OUT4(L4("tcp", "25"))) PORTS PORT_A("g"));
	assert_true(stream_is_dead(&c));
	assert_true(stream_lives(&other));
	stream_end(&c);
	stream_end(&other);
}

static void flows_of_the_host_itself_are_not_cut(struct world *world)
{
	struct stream own, routed, in;

	give_addresses(world);
	world_apply(world,
		GROUPS GROUP("g", OUT4(L4("tcp", "443")) IN4(L4("tcp", "22"))) PORTS PORT_A("g"));
	own = stream_open(world, "host", "out", NET_OUTSIDE_IPV4, 444);
	routed = stream_open(world, "A", "out", NET_OUTSIDE_IPV4, 443);
	in = stream_open(world, "host", "A", "10.0.0.10", 22);
	assert_true(stream_lives(&own) && stream_lives(&routed) && stream_lives(&in));
	world_apply(world, GROUPS GROUP("g", IN4(L4("tcp", "22"))) PORTS PORT_A("g"));
	assert_true(stream_lives(&own) && stream_lives(&in));
	assert_true(stream_is_dead(&routed));
	world_apply(world, GROUPS GROUP("g", OUT4(ANY)) PORTS PORT_A("g"));
	assert_true(stream_lives(&own) && stream_goes_on(&routed));
	assert_true(stream_is_dead(&in));
	stream_end(&own);
	stream_end(&routed);
	stream_end(&in);
}

static uint16_t zone_of(const struct world *world, const char *port_id)
{
	for (size_t i = 0; i < world->view.n_plugs; i++)
		if (!strcmp(world->view.plugs[i].port->id, port_id))
			return world->view.plugs[i].zone;
	fail_msg("no port %s", port_id);
	return 0;
}

static void zones_and_their_flows_survive(struct world *world)
{
	struct stream c;
	uint16_t zone, zone_b;

	give_addresses(world);
	world_apply(world, GROUPS GROUP("g", IN4(L4("tcp", "22"))) PORTS PORT_A("g") PORT_B("g"));
	zone = zone_of(world, ID_A);
	zone_b = zone_of(world, ID_B);
	assert_in_range(zone, COMPILE_ZONE_MIN, COMPILE_ZONE_MAX);
	assert_true(world->net->kind == NET_HYBRID ? zone != zone_b : zone == zone_b);
	c = stream_open(world, "out", "A", "10.0.0.10", 22);
	assert_int_equal(world_apply_again(world), 0);
	assert_true(stream_lives(&c));

	/* four more guests, one of which sorts before A and one behind B */
	world_add_guests(world, 4);
	world_apply(world,
		GROUPS GROUP("g", IN4(L4("tcp", "22"))) PORTS PORT_A("g") PORT_B(
			"g") "- {id: 01234567-89ab-4000-8000-000000000007, mac_address: '02:00:00:00:00:10', "
			     "fixed_ips: [10.0.0.16], security_groups: [g]}\n"
			     "- {id: dddddddd-dddd-4000-8000-000000000004, mac_address: '02:00:00:00:00:0d', "
			     "fixed_ips: [10.0.0.13], security_groups: [g]}\n");
	assert_int_equal(zone_of(world, ID_A), zone);
	assert_int_equal(zone_of(world, ID_B), zone_b);
	assert_true(stream_lives(&c));
	if (world->net->kind == NET_HYBRID)
		assert_true(zone_of(world, "01234567-89ab-4000-8000-000000000007") > zone_b);

	/* and the others go again */
	world_apply(world, GROUPS GROUP("g", IN4(L4("tcp", "22"))) PORTS PORT_A("g"));
	assert_int_equal(zone_of(world, ID_A), zone);
	assert_true(stream_lives(&c));
	stream_end(&c);
}

static void udp_is_cut_too(struct world *world)
{
	world_apply(world,
		GROUPS GROUP("g", OUT4(L4("udp", "53")) OUT4(L4("udp", "123"))) PORTS PORT_A("g"));
	assert_true(world_shoot(world, "A", "out", "udp A:1000 > out:53"));
	assert_true(world_shoot(world, "A", "out", "udp A:1000 > out:123"));
	assert_true(world_shoot(world, "out", "A", "udp out:53 > A:1000"));
	assert_true(world_shoot(world, "out", "A", "udp out:123 > A:1000"));
	world_apply(world, GROUPS GROUP("g", OUT4(L4("udp", "53"))) PORTS PORT_A("g"));
	assert_int_equal(world->report.n_flows_cut, 1);
	assert_true(world_arrives(world, "out", "A", "udp out:53 > A:1000"));
	assert_true(world_arrives(world, "A", "out", "udp A:1000 > out:53"));
	assert_false(world_arrives(world, "out", "A", "udp out:123 > A:1000"));
	assert_false(world_arrives(world, "A", "out", "udp A:1000 > out:123"));
}

int main(void)
{
	static const struct world_case cases[] = {
		WORLD_CASE(a_rule_taken_away_cuts_its_flows_and_no_others,
			ON_SHARED | ON_HYBRID | BY_BOTH),
		WORLD_CASE(a_flow_that_is_cut_stays_dead_when_the_guest_goes_on_talking,
			ON_SHARED | ON_HYBRID | BY_BOTH),
		WORLD_CASE(a_cut_flow_goes_on_when_its_rule_comes_back,
			ON_SHARED | ON_HYBRID | BY_BOTH),
		WORLD_CASE(a_marked_flow_is_forgotten_with_its_port, ON_EVERY | BY_NFT),
		WORLD_CASE(what_a_stateless_port_refuses_is_not_marked, ON_SHARED | BY_NFT),
		WORLD_CASE(a_flow_that_another_rule_allows_goes_on, ON_SHARED | ON_HYBRID | BY_NFT),
		WORLD_CASE(
			a_member_that_leaves_a_remote_group_is_cut, ON_SHARED | ON_HYBRID | BY_NFT),
		WORLD_CASE(
			a_group_taken_from_a_port_takes_its_flows, ON_SHARED | ON_HYBRID | BY_NFT),
		WORLD_CASE(flows_between_two_guests_need_the_rules_of_both, ON_EVERY | BY_NFT),
		WORLD_CASE(what_a_guest_began_is_cut_with_its_egress_rule,
			ON_SHARED | ON_HYBRID | BY_BOTH),
		WORLD_CASE(flows_of_the_host_itself_are_not_cut, ON_ROUTED | BY_BOTH),
		WORLD_CASE(zones_and_their_flows_survive, ON_SHARED | ON_HYBRID | BY_BOTH),
		WORLD_CASE(udp_is_cut_too, ON_SHARED | ON_HYBRID | BY_BOTH),
	};

	return world_main_beside(cases, N_OF(cases), 8);
}
