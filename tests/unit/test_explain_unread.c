// SPDX-License-Identifier: GPL-2.0-or-later
/* What was not read: it matters only where the answer depends on it, and then it is named. */
#include "unit.h"

#include <string.h>

#include "hostbuild.h"

#define MAC_1 "02:00:00:00:00:01"
#define MAC_2 "02:00:00:00:00:02"

/* tap1 and tap2 on br0 (10.0.0.1), eth0 (192.0.2.1) with a gateway. */
static struct host_build *machine(struct arena *arena)
{
	struct host_build *b = host_build_new(arena);

	build_link(b, 0, "", "lo");
	build_link(b, 0, "", "eth0");
	build_link(b, 0, "bridge", "br0");
	build_link(b, 0, "tun", "tap1");
	build_link(b, 0, "tun", "tap2");
	build_port(b, "br0", "tap1");
	build_port(b, "br0", "tap2");
	build_address(b, "br0", "10.0.0.1/24");
	build_address(b, "eth0", "192.0.2.1/24");
	build_route(b, "198.51.100.0/24", "eth0", "192.0.2.9");
	build_neighbour(b, "eth0", "192.0.2.9", "02:00:00:00:00:09");
	build_neighbour(b, "br0", "10.0.0.5", MAC_1);
	build_fdb(b, "tap1", MAC_1);
	build_fdb(b, "tap2", MAC_2);
	build_sysctl(b, 0, "net.ipv4.ip_forward", "1");
	return b;
}

static struct packet packet_to(const char *src, const char *dst, struct mac mac)
{
	struct packet packet = { .ethertype = ETHERTYPE_IPV4,
		.proto = PROTO_UDP,
		.ttl = 64,
		.sport = 40000,
		.dport = 443,
		.eth_dst = mac };

	assert_true(addr_parse(src, &packet.src));
	assert_true(addr_parse(dst, &packet.dst));
	assert_true(mac_parse(MAC_1, &packet.eth_src));
	return packet;
}

/* From the wire at eth0, to whom; to a neighbour of br0 it is routed. */
static struct packet to_eth0(struct host_build *b, const char *dst)
{
	return packet_to("198.51.100.7", dst, built_link(b, "eth0", NULL)->mac);
}

static struct packet from_tap1(const char *mac)
{
	struct packet packet = packet_to("10.0.0.5", "10.0.0.6", (struct mac){ 0 });

	assert_true(mac_parse(mac, &packet.eth_dst));
	return packet;
}

static const struct explanation *walk_in(
	struct host_build *b, const char *in, const struct packet *packet)
{
	const struct host *host = host_built(b);
	struct query query = { .from = FROM_DEVICE,
		.ns = &host->netns[0],
		.in = netns_link(&host->netns[0], in),
		.packet = *packet };

	return explain(b->arena, explainer_new(b->arena, host), &query);
}

/* expected: the end, or, when it cannot be told, a part of what is missing. */
static void assert_end(
	struct host_build *b, const char *in, const struct packet *packet, const char *expected)
{
	const struct explanation *e = walk_in(b, in, packet);
	struct text text CLEANUP(text_done) = TEXT_INIT;

	text_add(&text, final_name(e->final));
	if (e->leaf->drop)
		text_addf(&text, " %s", drop_name(e->leaf->drop));
	if (e->final == FINAL_CANNOT_TELL) {
		assert_null(e->other);
		text_addf(&text, ": %s", e->leaf->why);
		if (!strstr(text.data, expected))
			fail_msg("\"%s\" is not in \"%s\"", expected, text.data);
		return;
	}
	assert_string_equal(text.data, expected);
}

static void a_setting_that_decides_is_missing_and_one_that_does_not_is_not(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = machine(arena);
	struct packet known = to_eth0(b, "10.0.0.5");
	/* the way back to this source is by br0 */
	struct packet spoofed = packet_to("10.0.0.77", "10.0.0.5", known.eth_dst);

	(void)state;
	assert_end(b, "eth0", &known, "delivered");
	assert_end(b, "eth0", &spoofed, "delivered");
	build_unread(b, 0, "sysctl net.ipv4.conf.eth0.rp_filter");
	assert_end(b, "eth0", &known, "delivered");
	assert_end(b, "eth0", &spoofed,
		"cannot-tell: not known: sysctl net.ipv4.conf.eth0.rp_filter: EPERM; if 0, it is "
		"delivered at tap1, if 1, dropped (rp-filter); \"portwall snapshot\" as root");
	/* the larger one counts */
	build_sysctl(b, 0, "net.ipv4.conf.all.rp_filter", "1");
	assert_end(
		b, "eth0", &spoofed, "cannot-tell: not known: sysctl net.ipv4.conf.eth0.rp_filter");
	b->built[0].sysctls[1].value = "2";
	assert_end(b, "eth0", &spoofed, "delivered");
}

static void a_setting_that_is_absent_is_a_fact(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = machine(arena);
	struct packet packet = to_eth0(b, "10.0.0.5");

	(void)state;
	b->netns[0].n_sysctls = 0;
	assert_end(b, "eth0", &packet, "dropped forwarding-off");
	build_unread(b, 0, "sysctl net.ipv4.ip_forward");
	assert_end(b, "eth0", &packet, "cannot-tell: not known: sysctl net.ipv4.ip_forward: EPERM");
	b->netns[0].n_unread = 0;
	build_unread(b, 0, "sysctls");
	assert_end(b, "eth0", &packet, "sysctl net.ipv4.conf.eth0.forwarding");
	packet = to_eth0(b, "192.0.2.1");
	assert_end(b, "eth0", &packet, "delivered");
}

static void links_that_were_not_read_leave_everything_open(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = machine(arena);
	struct packet packet = from_tap1(MAC_2);

	(void)state;
	assert_end(b, "tap1", &packet, "delivered");
	build_unread(b, 0, "links");
	assert_end(b, "tap1", &packet, "the links of this namespace were not all read: EPERM");
	b->built[0].unread[0].what = "links kind";
	assert_end(b, "tap1", &packet, "of what kind tap1 is was not read: EPERM");
	b->built[0].unread[0].what = "links vlans";
	assert_end(b, "tap1", &packet, "delivered");
	built_link(b, "br0", NULL)->has_vlan_filtering = true;
	assert_end(b, "tap1", &packet,
		"br0 filters by VLAN, and the VLANs of its ports were not read");
}

static void an_address_that_was_not_read_may_be_the_hosts(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = machine(arena);
	struct packet own = to_eth0(b, "10.0.0.5"), arp;

	(void)state;
	assert_true(addr_parse("203.0.113.9", &own.src));
	assert_end(b, "eth0", &own, "delivered");
	build_unread(b, 0, "addresses");
	assert_end(b, "eth0", &own, "addresses: whether 203.0.113.9 is one of them: EPERM");
	arp = (struct packet){ .ethertype = ETHERTYPE_ARP, .arp_op = 1 };
	arp.eth_dst = (struct mac){ { 255, 255, 255, 255, 255, 255 } };
	assert_true(addr_parse("192.0.2.1", &arp.arp_tpa));
	assert_end(b, "eth0", &arp, "delivered");
	assert_true(addr_parse("192.0.2.2", &arp.arp_tpa));
	assert_end(b, "eth0", &arp, "addresses: whether 192.0.2.2 is one of them: EPERM");
	b->netns[0].n_unread = 0;
	assert_end(b, "eth0", &arp, "dropped other-host");
	/* an address that it takes for its own */
	own = from_tap1(MAC_2);
	own.eth_dst = built_link(b, "br0", NULL)->mac;
	assert_true(addr_parse("198.51.100.7", &own.dst));
	build_iptables(b, 0,
		"*nat\n:POSTROUTING ACCEPT [0:0]\n-A POSTROUTING -o eth0 -j MASQUERADE\nCOMMIT\n");
	assert_end(b, "tap1", &own, "rewritten");
	build_unread(b, 0, "addresses");
	assert_end(b, "tap1", &own, "the addresses of this namespace were not all read (EPERM)");
}

static void a_neighbour_that_was_not_read_may_have_failed(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = machine(arena);
	struct packet packet = to_eth0(b, "10.0.0.5");

	(void)state;
	build_unread(b, 0, "neighbours");
	assert_end(b, "eth0", &packet, "delivered");
	assert_true(addr_parse("10.0.0.8", &packet.dst));
	assert_end(b, "eth0", &packet, "the neighbours of this namespace were not read (EPERM)");
	b->netns[0].n_unread = 0;
	assert_end(b, "eth0", &packet, "delivered");
}

static void sockets_that_were_not_read_may_take_it_or_not(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = machine(arena);
	struct packet packet = to_eth0(b, "192.0.2.1");

	(void)state;
	packet.dport = 53;
	assert_end(b, "eth0", &packet, "dropped no-socket");
	build_unread(b, 0, "sockets");
	assert_end(b, "eth0", &packet, "the sockets were not read (EPERM)");
	packet.dport = 443;
	assert_end(b, "eth0", &packet, "delivered");
	/* one that is bound to another device is none */
	b->netns[0].n_unread = 0;
	b->built[0].sockets[1].index = built_link(b, "br0", NULL)->index;
	assert_end(b, "eth0", &packet, "dropped no-socket");
}

static void a_forwarding_database_that_was_not_read_is_named(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = machine(arena);
	struct packet packet = from_tap1(MAC_2);

	(void)state;
	b->netns[0].n_fdb = 0;
	build_unread(b, 0, "fdb");
	assert_end(b, "tap1", &packet, "delivered");
	build_link(b, 0, "dummy", "none");
	build_port(b, "br0", "none");
	assert_end(b, "tap1", &packet, "the forwarding database of br0 was not read (EPERM)");
}

static void flags_of_ports_that_were_not_read_are_tried_both_ways(void **state)
{
	static const char *const keys[] = { "links is_isolated", "links is_locked" };

	(void)state;
	for (size_t i = 0; i < N_OF(keys); i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct host_build *b = machine(arena);
		struct packet packet = from_tap1(MAC_2);

		build_unread(b, 0, keys[i]);
		if (!i)
			assert_end(b, "tap1", &packet, "links is_isolated of tap2: EPERM");
		else /* its sender is known there */
			assert_end(b, "tap1", &packet, "delivered");
		b->netns[0].n_fdb = 0;
		if (i)
			assert_end(b, "tap1", &packet, "links is_locked of tap1: EPERM");
	}
}

static const char drop_rules[] = "*filter\n:FORWARD DROP [0:0]\nCOMMIT\n";

static void whether_bridged_ip_passes_iptables_is_asked_in_parts(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = machine(arena);
	struct packet packet = from_tap1(MAC_2);

	(void)state;
	build_iptables(b, 0, drop_rules);
	assert_end(b, "tap1", &packet, "delivered");
	build_unread(b, 0, "links nf_call_iptables");
	assert_end(b, "tap1", &packet, "links nf_call_iptables of br0: EPERM");
	built_link(b, "br0", NULL)->nf_call[FAMILY_IPV4] = true;
	b->netns[0].n_unread = 0;
	assert_end(b, "tap1", &packet, "dropped policy");
	b->netns[0].has_br_netfilter = false;
	assert_end(b, "tap1", &packet, "delivered");
	build_unread(b, 0, "br_netfilter");
	assert_end(b, "tap1", &packet, "br_netfilter: whether it is loaded: EPERM");
	b->netns[0].n_unread = 0;
	b->netns[0].has_br_netfilter = true;
	built_link(b, "br0", NULL)->nf_call[FAMILY_IPV4] = false;
	build_unread(b, 0, "sysctl net.bridge.bridge-nf-call-iptables");
	assert_end(b, "tap1", &packet, "sysctl net.bridge.bridge-nf-call-iptables: EPERM");
}

static void chains_of_one_priority_are_asked_in_both_orders(void **state)
{
	static const struct {
		const char *a, *b, *expected;
	} cases[] = {
		/* what one writes the other reads */
		{ "meta mark set 7", "meta mark 7 drop",
			"the order at forward of y b, x a: they have the same priority 0" },
		/* both end it, each in its way */
		{ "meta mark 0 drop", "meta mark 0 reject", "the order at forward of y b, x a" },
		/* one alone ends it */
		{ "meta mark 0 drop", "meta mark 7 drop", "dropped rule" },
		{ "meta mark 0 drop", "meta mark 0 drop", "dropped rule" },
		{ "counter", "counter", "delivered" },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(cases); i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct host_build *b = machine(arena);
		struct packet packet = to_eth0(b, "10.0.0.5");

		build_nft(b, 0,
			arena_printf(arena,
				"table ip x {\n\tchain a {\n"
				"\t\ttype filter hook forward priority 0; policy accept;\n"
				"\t\t%s\n\t}\n}\n"
				"table ip y {\n\tchain b {\n"
				"\t\ttype filter hook forward priority 0; policy accept;\n"
				"\t\t%s\n\t}\n}\n",
				cases[i].a, cases[i].b));
		assert_end(b, "eth0", &packet, cases[i].expected);
	}
}

static void nat_chains_of_one_priority_are_asked_in_both_orders(void **state)
{
	static const char text[] = "table ip %s {\n\tchain c {\n"
				   "\t\ttype nat hook postrouting priority 100; policy accept;\n"
				   "\t\tip saddr %s snat to %s\n\t}\n}\n";
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = machine(arena);
	struct packet packet = to_eth0(b, "10.0.0.5");

	(void)state;
	build_nft(b, 0, arena_printf(arena, text, "x", "198.51.100.0/24", "10.0.0.1"));
	build_nft(b, 0, arena_printf(arena, text, "y", "192.0.2.0/24", "10.0.0.2"));
	assert_end(b, "eth0", &packet, "rewritten");
	build_nft(b, 0, arena_printf(arena, text, "z", "198.51.100.7", "10.0.0.3"));
	assert_end(b, "eth0", &packet, "the order at postrouting of z c, y c, x c");
}

static void a_chain_at_br_netfilters_priority_may_be_before_or_behind_it(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = machine(arena);
	struct packet packet = from_tap1(MAC_2);

	(void)state;
	built_link(b, "br0", NULL)->nf_call[FAMILY_IPV4] = true;
	build_nft(b, 0,
		"table bridge x {\n\tchain a {\n"
		"\t\ttype filter hook prerouting priority 0; policy accept;\n"
		"\t\tmeta mark set 7\n\t}\n}\n");
	assert_end(b, "tap1", &packet, "delivered");
	build_nft(b, 0,
		"table ip y {\n\tchain b {\n"
		"\t\ttype filter hook prerouting priority 0; policy accept;\n"
		"\t\tmeta mark 7 drop\n\t}\n}\n");
	assert_end(b, "tap1", &packet, "the order at prerouting of br_netfilter, x a");
	b->netns[0].has_br_netfilter = false;
	assert_end(b, "tap1", &packet, "delivered");
}

static void a_route_that_encapsulates_is_not_walked(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = machine(arena);
	struct packet packet =
		packet_to("10.0.0.5", "198.51.100.7", built_link(b, "br0", NULL)->mac);

	(void)state;
	assert_end(b, "tap1", &packet, "delivered");
	b->built[0].routes[b->netns[0].n_routes - 1].is_opaque = true;
	assert_end(b, "tap1", &packet, "the route encapsulates");
}

static void a_vlan_device_of_another_namespace_takes_its_frames(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = machine(arena);
	struct packet packet = packet_to("198.51.100.7", "10.9.0.1", (struct mac){ 0 });
	struct link *vlan = build_link(b, 1, "vlan", "eth0.5");

	(void)state;
	build_address(b, "eth0.5", "10.9.0.1/24");
	packet.eth_dst = vlan->mac = built_link(b, "eth0", NULL)->mac;
	packet.ethertype = ETHERTYPE_VLAN;
	packet.vlan_id = vlan->vlan_id = 5;
	vlan->lower_index = built_link(b, "eth0", NULL)->index;
	vlan->is_peer_away = true;
	vlan->peer_netns = 0;
	assert_end(b, "eth0", &packet, "delivered");
	assert_string_equal(walk_in(b, "eth0", &packet)->leaf->last->ns->name, "ns1");
	vlan->peer_netns = -1;
	assert_end(b, "eth0", &packet, "whether eth0.5 of another namespace stands on eth0");
	built_link(b, "eth0", NULL)->master_index = 99;
	assert_end(b, "eth0", &packet, "whose port eth0 is (link 99) was not read");
}

static void a_device_in_the_hands_of_what_is_not_walked_is_said(void **state)
{
	static const struct {
		const char *kind, *expected;
		bool is_above;
	} cases[] = {
		{ "hsr", "eth0 is part of other of kind hsr, which is not walked", false },
		{ "vrf", "delivered", false },
		{ "vrf", "eth0 is in the VRF other, where rules are asked twice", false },
		{ "ipvlan", "other of kind ipvlan stands on eth0", true },
		{ "dummy", "delivered", true },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(cases); i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct host_build *b = machine(arena);
		struct packet packet = to_eth0(b, "10.0.0.5");
		struct link *other = build_link(b, 0, cases[i].kind, "other");

		if (cases[i].is_above)
			other->lower_index = built_link(b, "eth0", NULL)->index;
		else
			build_port(b, "other", "eth0");
		if (i == 2)
			build_iptables(b, 0, "*filter\n:FORWARD ACCEPT [0:0]\nCOMMIT\n");
		assert_end(b, "eth0", &packet, cases[i].expected);
	}
}

static void a_bridge_that_answers_arp_itself_is_not_walked(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = machine(arena);
	struct packet arp = { .ethertype = ETHERTYPE_ARP, .arp_op = 1 };

	(void)state;
	arp.eth_dst = (struct mac){ { 255, 255, 255, 255, 255, 255 } };
	assert_true(mac_parse(MAC_1, &arp.eth_src));
	assert_true(addr_parse("10.0.0.6", &arp.arp_tpa));
	assert_end(b, "tap1", &arp, "delivered");
	built_link(b, "tap2", NULL)->has_neigh_suppress = true;
	assert_end(b, "tap1", &arp, "a port of br0 suppresses ARP");
}

static void arp_ignore_has_its_numbers(void **state)
{
	static const struct {
		const char *value, *here, *elsewhere;
	} cases[] = {
		{ "0", "delivered", "delivered" },
		{ "1", "delivered", "dropped other-host" },
		{ "2", "arp_ignore = 2 is not walked", "dropped other-host" },
		{ "3", "delivered", "delivered" },
		{ "8", "dropped other-host", "dropped other-host" },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(cases); i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct host_build *b = machine(arena);
		struct packet arp = { .ethertype = ETHERTYPE_ARP, .arp_op = 1 };

		arp.eth_dst = (struct mac){ { 255, 255, 255, 255, 255, 255 } };
		build_sysctl(b, 0, "net.ipv4.conf.all.arp_ignore", cases[i].value);
		assert_true(addr_parse("192.0.2.1", &arp.arp_tpa));
		assert_end(b, "eth0", &arp, cases[i].here);
		assert_true(addr_parse("10.0.0.1", &arp.arp_tpa));
		assert_end(b, "eth0", &arp, cases[i].elsewhere);
	}
}

/* 4 chains have 24 orders, at two hooks 576 together. */
static void too_many_cases_are_not_all_tried(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = machine(arena);
	struct packet packet = to_eth0(b, "10.0.0.5");

	(void)state;
	for (int i = 0; i < 4; i++)
		build_nft(b, 0,
			arena_printf(arena,
				"table ip t%d {\n\tchain a {\n"
				"\t\ttype filter hook forward priority 0; policy accept;\n"
				"\t\tmeta mark set %d\n\t}\n"
				"\tchain b {\n"
				"\t\ttype filter hook %s priority 0; policy accept;\n"
				"\t\tmeta mark set %d\n\t}\n}\n",
				i, i + 1, "postrouting", i + 1));
	assert_end(b, "eth0", &packet,
		"too much is not known to try all of it; one of it: the order at forward of t3 a");
	build_nft(b, 0,
		"table ip t9 {\n\tchain a {\n"
		"\t\ttype filter hook forward priority 0; policy accept;\n"
		"\t\tmeta mark set 9\n\t}\n}\n");
	assert_end(b, "eth0", &packet, "more than 4 chains have priority 0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_setting_that_decides_is_missing_and_one_that_does_not_is_not),
		cmocka_unit_test(a_setting_that_is_absent_is_a_fact),
		cmocka_unit_test(links_that_were_not_read_leave_everything_open),
		cmocka_unit_test(an_address_that_was_not_read_may_be_the_hosts),
		cmocka_unit_test(a_neighbour_that_was_not_read_may_have_failed),
		cmocka_unit_test(sockets_that_were_not_read_may_take_it_or_not),
		cmocka_unit_test(a_forwarding_database_that_was_not_read_is_named),
		cmocka_unit_test(flags_of_ports_that_were_not_read_are_tried_both_ways),
		cmocka_unit_test(whether_bridged_ip_passes_iptables_is_asked_in_parts),
		cmocka_unit_test(chains_of_one_priority_are_asked_in_both_orders),
		cmocka_unit_test(nat_chains_of_one_priority_are_asked_in_both_orders),
		cmocka_unit_test(a_chain_at_br_netfilters_priority_may_be_before_or_behind_it),
		cmocka_unit_test(a_route_that_encapsulates_is_not_walked),
		cmocka_unit_test(a_vlan_device_of_another_namespace_takes_its_frames),
		cmocka_unit_test(a_device_in_the_hands_of_what_is_not_walked_is_said),
		cmocka_unit_test(a_bridge_that_answers_arp_itself_is_not_walked),
		cmocka_unit_test(arp_ignore_has_its_numbers),
		cmocka_unit_test(too_many_cases_are_not_all_tried),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
