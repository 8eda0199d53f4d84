// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a change does to connections that are open: those that no rule allows any more are cut and
 * stay dead, all others go on. With TCP of the kernel at both ends.
 */
#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "netpolicy.h"
#include "networld.h"

struct connection {
	int client, server;
};

static socklen_t sockaddr_of(const char *ip, uint16_t port, struct sockaddr_in6 *ret)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)ret;

	memset(ret, 0, sizeof(*ret));
	if (strchr(ip, ':')) {
		ret->sin6_family = AF_INET6;
		ret->sin6_port = htons(port);
		assert_int_equal(inet_pton(AF_INET6, ip, &ret->sin6_addr), 1);
		return sizeof(*ret);
	}
	v4->sin_family = AF_INET;
	v4->sin_port = htons(port);
	assert_int_equal(inet_pton(AF_INET, ip, &v4->sin_addr), 1);
	return sizeof(*v4);
}

static int socket_in(const struct world *world, const struct net_end *end, int family)
{
	int fd;

	if (end->ns >= 0)
		net_enter(end->ns);
	fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	net_leave(world->net);
	assert_true(fd >= 0);
	return fd;
}

/* How long something that must come may take on a machine that does much else; it is there in no time. */
#define PATIENCE_MS 60000
/* How long something is waited for that must not come. */
#define SILENCE_MS 1000

static bool try_connect(struct world *world, const char *client, const char *server, const char *ip,
	uint16_t port, int timeout_ms, struct connection *ret)
{
	struct sockaddr_in6 addr;
	socklen_t size = sockaddr_of(ip, port, &addr);
	int family = strchr(ip, ':') ? AF_INET6 : AF_INET, one = 1;
	int listener = socket_in(world, world_end(world, server), family);
	struct connection c = { .client = socket_in(world, world_end(world, client), family),
		.server = -1 };
	struct pollfd wait = { .fd = listener, .events = POLLIN };

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, (struct sockaddr *)&addr, size) != 0 || listen(listener, 1) != 0)
		fail_msg("%s port %u: %s", ip, port, strerror(errno));
	if (connect(c.client, (struct sockaddr *)&addr, size) != 0 && errno != EINPROGRESS)
		fail_msg("connect to %s port %u: %s", ip, port, strerror(errno));
	if (poll(&wait, 1, timeout_ms) == 1)
		c.server = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	close(listener);
	if (c.server < 0) {
		close(c.client);
		return false;
	}
	*ret = c;
	return true;
}

static struct connection must_connect(
	struct world *world, const char *client, const char *server, const char *ip, uint16_t port)
{
	struct connection c = { -1, -1 };

	if (!try_connect(world, client, server, ip, port, PATIENCE_MS, &c))
		fail_msg("no connection from %s to %s port %u", client, ip, port);
	return c;
}

static bool is_said(int from, int to, int timeout_ms)
{
	struct pollfd wait = { .fd = to, .events = POLLIN };
	char byte = 'x';

	if (send(from, &byte, 1, MSG_NOSIGNAL) != 1)
		return false;
	return poll(&wait, 1, timeout_ms) == 1 && recv(to, &byte, 1, 0) == 1;
}

static bool lives(const struct connection *c)
{
	return is_said(c->client, c->server, PATIENCE_MS) &&
	       is_said(c->server, c->client, PATIENCE_MS);
}

/* What was lost is sent again, with ever longer pauses. */
static bool goes_on(const struct connection *c)
{
	return is_said(c->client, c->server, 30000) && is_said(c->server, c->client, 30000);
}

static bool has_arrived(int fd)
{
	char byte;

	/* a reset of whoever is left without a connection is no answer */
	return recv(fd, &byte, 1, 0) == 1;
}

/* Nothing gets through, whoever speaks, also when both try for a while. */
static bool is_dead(const struct connection *c)
{
	struct pollfd wait[] = { { .fd = c->client, .events = POLLIN },
		{ .fd = c->server, .events = POLLIN } };

	send(c->client, "x", 1, MSG_NOSIGNAL);
	send(c->server, "x", 1, MSG_NOSIGNAL);
	/* retransmissions come after 0.2, 0.6 and 1.4 s */
	poll(wait, 2, SILENCE_MS);
	return !has_arrived(c->client) && !has_arrived(c->server);
}

static void end_connection(struct connection *c)
{
	struct linger now = { .l_onoff = 1 };

	setsockopt(c->client, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	setsockopt(c->server, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(c->client);
	close(c->server);
}

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
	struct connection ssh, web, ssh6, web6;

	give_addresses(world);
	world_apply(world,
		GROUPS GROUP("g", IN4(L4("tcp", "22")) IN4(L4("tcp", "80")) IN6(L4("tcp", "22"))
					  IN6(L4("tcp", "80")) "%s") PORTS PORT_A("g"),
		more);
	ssh = must_connect(world, "out", "A", "10.0.0.10", 22);
	web = must_connect(world, "out", "A", "10.0.0.10", 80);
	ssh6 = must_connect(world, "out", "A", "2001:db8::a", 22);
	web6 = must_connect(world, "out", "A", "2001:db8::a", 80);
	assert_true(lives(&ssh) && lives(&web) && lives(&ssh6) && lives(&web6));

	world_apply(world,
		GROUPS GROUP("g", IN4(L4("tcp", "22")) IN6(L4("tcp", "22"))
					  IN6(L4("tcp", "80")) "%s") PORTS PORT_A("g"),
		more);
	assert_int_equal(world->report.n_flows_cut, 1);
	assert_true(lives(&ssh) && lives(&ssh6) && lives(&web6));
	assert_true(is_dead(&web));
	assert_true(lives(&ssh));

	world_apply(world,
		GROUPS GROUP("g", IN4(L4("tcp", "22")) IN6(L4("tcp", "22")) "%s") PORTS PORT_A("g"),
		more);
	assert_int_equal(world->report.n_flows_cut, 1);
	assert_true(lives(&ssh) && lives(&ssh6));
	assert_true(is_dead(&web6));
	assert_true(is_dead(&web));
	end_connection(&ssh);
	end_connection(&web);
	end_connection(&ssh6);
	end_connection(&web6);
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
	struct connection web, web6, next;

	give_addresses(world);
	world_apply(world, GROUPS GROUP("g", IN4(L4("tcp", "80")) IN6(L4("tcp", "80")) ALL_OUT)
				   PORTS PORT_A("g"));
	web = must_connect(world, "out", "A", "10.0.0.10", 80);
	web6 = must_connect(world, "out", "A", "2001:db8::a", 80);
	world_apply(world, GROUPS GROUP("g", IN4(L4("tcp", "22")) ALL_OUT) PORTS PORT_A("g"));
	assert_int_equal(world->report.n_flows_cut, 2);
	assert_true(is_dead(&web) && is_dead(&web6));
	world_apply(world, GROUPS GROUP("g", IN4(L4("tcp", "22")) ALL_OUT) PORTS PORT_A("g"));
	assert_int_equal(world->report.n_flows_cut, 0);
	assert_true(is_dead(&web));
	/* of the same two machines, in both directions */
	next = must_connect(world, "out", "A", "10.0.0.10", 22);
	assert_true(lives(&next));
	end_connection(&next);
	next = must_connect(world, "A", "out", "10.0.0.99", 80);
	assert_true(lives(&next));
	end_connection(&next);
	assert_false(try_connect(world, "out", "A", "10.0.0.10", 80, SILENCE_MS, &next));

	world_apply(world, GROUPS GROUP("g", IN4(L4("tcp", "22")) IN4(L4("tcp", "80")) IN6(
						     L4("tcp", "80")) ALL_OUT) PORTS PORT_A("g"));
	assert_int_equal(world->report.n_flows_cut, 0);
	assert_true(goes_on(&web) && goes_on(&web6));
	end_connection(&web);
	end_connection(&web6);
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
	struct connection web;

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
		web = must_connect(world, "A", "out", ip, 80);
		world_apply(world, GROUPS GROUP("g", OUT4(L4("tcp", "81"))) GROUP("h", IN4(ANY))
					   PORTS PORT_A("g") PORT_B("h"));
		assert_true(is_dead(&web));
		assert_int_equal(n_marked(), 1);
		/* the other one holds the zone of a shared bridge */
		if (i == 0)
			world_apply(world, GROUPS GROUP("h", IN4(ANY)) PORTS PORT_B("h"));
		else
			clear(world);
		assert_int_equal(n_marked(), 0);
		assert_true(goes_on(&web));
		end_connection(&web);
	}
}

static void what_a_stateless_port_refuses_is_not_marked(struct world *world)
{
	struct connection web;

	give_addresses(world);
	world_apply(
		world, GROUPS STATELESS_GROUP("g", IN4(L4("tcp", "80")) ALL_OUT) PORTS PORT_A("g"));
	web = must_connect(world, "out", "A", "10.0.0.10", 80);
	world_apply(world, GROUPS STATELESS_GROUP("g", ALL_OUT) PORTS PORT_A("g"));
	assert_int_equal(n_marked(), 0);
	/* one direction needs no rule of the other */
	assert_true(is_said(web.server, web.client, PATIENCE_MS));
	assert_false(is_said(web.client, web.server, SILENCE_MS));
	end_connection(&web);
}

static void a_flow_that_another_rule_allows_goes_on(struct world *world)
{
	struct connection web;

	give_addresses(world);
	world_apply(world, GROUPS GROUP("g", IN4(L4("tcp", "80") FROM("10.0.0.0/24"))
						     IN4(L4("tcp", "80"))) PORTS PORT_A("g"));
	web = must_connect(world, "out", "A", "10.0.0.10", 80);
	world_apply(world, GROUPS GROUP("g", IN4(L4_RANGE("tcp", "70", "90"))) PORTS PORT_A("g"));
	assert_int_equal(world->report.n_flows_cut, 0);
	assert_true(lives(&web));
	/* the same in another group of the port */
	world_apply(world, GROUPS EMPTY_GROUP("g") GROUP("h",
				   IN4(L4("tcp", "80") FROM("10.0.0.99"))) PORTS PORT_A("'g', h"));
	assert_true(lives(&web));
	world_apply(world, GROUPS EMPTY_GROUP("g") GROUP("h",
				   IN4(L4("tcp", "80") FROM("10.0.0.98"))) PORTS PORT_A("'g', h"));
	assert_true(is_dead(&web));
	end_connection(&web);
}

#define MEMBER(ip)                                                                                 \
	"- {id: 99999999-0000-4000-8000-000000000009, mac_address: '02:00:00:00:00:99', "          \
	"fixed_ips: [" ip "], security_groups: [friends], 'binding:host_id': elsewhere}\n"
#define BY_FRIENDS                                                                                 \
	GROUPS GROUP("g", IN4(L4("tcp", "22") FROM_GROUP("friends"))) EMPTY_GROUP("friends")

static void a_member_that_leaves_a_remote_group_is_cut(struct world *world)
{
	struct connection of_b, of_out;

	give_addresses(world);
	world_apply(world,
		BY_FRIENDS PORTS PORT_A(
			"g") "- {id: 99999999-0000-4000-8000-000000000008, mac_address: '02:00:00:00:00:98', "
			     "fixed_ips: [10.0.0.11], security_groups: [friends], 'binding:host_id': elsewhere}\n" MEMBER(
				     "10.0.0.99"));
	of_b = must_connect(world, "B", "A", "10.0.0.10", 22);
	of_out = must_connect(world, "out", "A", "10.0.0.10", 22);
	world_apply(world,
		BY_FRIENDS PORTS PORT_A(
			"g") "- {id: 99999999-0000-4000-8000-000000000008, mac_address: '02:00:00:00:00:98', "
			     "fixed_ips: [10.0.0.11], security_groups: [friends], 'binding:host_id': elsewhere}\n");
	assert_true(lives(&of_b));
	assert_true(is_dead(&of_out));
	end_connection(&of_b);
	end_connection(&of_out);
}

static void a_group_taken_from_a_port_takes_its_flows(struct world *world)
{
	struct connection ssh, web;

	give_addresses(world);
	world_apply(world, GROUPS GROUP("ssh", IN4(L4("tcp", "22")))
				   GROUP("web", IN4(L4("tcp", "80"))) PORTS PORT_A("'ssh', web"));
	ssh = must_connect(world, "out", "A", "10.0.0.10", 22);
	web = must_connect(world, "out", "A", "10.0.0.10", 80);
	world_apply(world, GROUPS GROUP("ssh", IN4(L4("tcp", "22")))
				   GROUP("web", IN4(L4("tcp", "80"))) PORTS PORT_A("ssh"));
	assert_true(lives(&ssh));
	assert_true(is_dead(&web));
	end_connection(&ssh);
	end_connection(&web);
}

static void flows_between_two_guests_need_the_rules_of_both(struct world *world)
{
	struct connection c, d;

	give_addresses(world);
	world_apply(world, GROUPS GROUP("from", OUT4(L4_RANGE("tcp", "22", "23"))) GROUP(
				   "to", IN4(PROTO("tcp"))) PORTS PORT_A("from") PORT_B("to"));
	c = must_connect(world, "A", "B", "10.0.0.11", 22);
	d = must_connect(world, "A", "B", "10.0.0.11", 23);
	/* the sender's rule goes, the receiver's stays */
	world_apply(world, GROUPS GROUP("from", OUT4(L4("tcp", "23"))) GROUP(
				   "to", IN4(PROTO("tcp"))) PORTS PORT_A("from") PORT_B("to"));
	assert_true(lives(&d));
	assert_true(is_dead(&c));
	/* and the reverse */
	world_apply(world, GROUPS GROUP("from", OUT4(L4("tcp", "23"))) GROUP(
				   "to", IN4(L4("tcp", "99"))) PORTS PORT_A("from") PORT_B("to"));
	assert_true(is_dead(&d));
	end_connection(&c);
	end_connection(&d);
}

static void what_a_guest_began_is_cut_with_its_egress_rule(struct world *world)
{
	struct connection c, other;

	give_addresses(world);
	world_apply(world,
		GROUPS GROUP("g", OUT4(L4("tcp", "443")) OUT4(L4("tcp", "25"))) PORTS PORT_A("g"));
	c = must_connect(world, "A", "out", "10.0.0.99", 443);
	/* of a guest that the policy does not name */
	other = must_connect(world, "B", "out", "10.0.0.99", 444);
	world_apply(world, GROUPS GROUP("g", OUT4(L4("tcp", "25"))) PORTS PORT_A("g"));
	assert_true(is_dead(&c));
	assert_true(lives(&other));
	end_connection(&c);
	end_connection(&other);
}

static void flows_of_the_host_itself_are_not_cut(struct world *world)
{
	struct connection own, routed, in;

	give_addresses(world);
	world_apply(world,
		GROUPS GROUP("g", OUT4(L4("tcp", "443")) IN4(L4("tcp", "22"))) PORTS PORT_A("g"));
	own = must_connect(world, "host", "out", NET_OUTSIDE_IPV4, 444);
	routed = must_connect(world, "A", "out", NET_OUTSIDE_IPV4, 443);
	in = must_connect(world, "host", "A", "10.0.0.10", 22);
	assert_true(lives(&own) && lives(&routed) && lives(&in));
	world_apply(world, GROUPS GROUP("g", IN4(L4("tcp", "22"))) PORTS PORT_A("g"));
	assert_true(lives(&own) && lives(&in));
	assert_true(is_dead(&routed));
	world_apply(world, GROUPS GROUP("g", OUT4(ANY)) PORTS PORT_A("g"));
	assert_true(lives(&own) && goes_on(&routed));
	assert_true(is_dead(&in));
	end_connection(&own);
	end_connection(&routed);
	end_connection(&in);
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
	struct connection c;
	uint16_t zone, zone_b;

	give_addresses(world);
	world_apply(world, GROUPS GROUP("g", IN4(L4("tcp", "22"))) PORTS PORT_A("g") PORT_B("g"));
	zone = zone_of(world, ID_A);
	zone_b = zone_of(world, ID_B);
	assert_in_range(zone, COMPILE_ZONE_MIN, COMPILE_ZONE_MAX);
	assert_true(world->net->kind == NET_HYBRID ? zone != zone_b : zone == zone_b);
	c = must_connect(world, "out", "A", "10.0.0.10", 22);
	assert_int_equal(world_apply_again(world), 0);
	assert_true(lives(&c));

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
	assert_true(lives(&c));
	if (world->net->kind == NET_HYBRID)
		assert_true(zone_of(world, "01234567-89ab-4000-8000-000000000007") > zone_b);

	/* and the others go again */
	world_apply(world, GROUPS GROUP("g", IN4(L4("tcp", "22"))) PORTS PORT_A("g"));
	assert_int_equal(zone_of(world, ID_A), zone);
	assert_true(lives(&c));
	end_connection(&c);
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
