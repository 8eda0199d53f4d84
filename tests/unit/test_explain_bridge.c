// SPDX-License-Identifier: GPL-2.0-or-later
/* What a bridge does with a frame, and what NAT does to one that br_netfilter shows to the rules. */
#include "unit.h"

#include <string.h>

#include "explain/internal.h"
#include "hostbuild.h"

#define MAC_1 "02:00:00:00:00:01"
#define MAC_2 "02:00:00:00:00:02"

/* br0 with three guests; MAC_1 is at tap1, MAC_2 at tap2. */
static struct host_build *three_taps(struct arena *arena)
{
	struct host_build *b = host_build_new(arena);

	build_link(b, 0, "bridge", "br0");
	build_link(b, 0, "tun", "tap1");
	build_link(b, 0, "tun", "tap2");
	build_link(b, 0, "tun", "tap3");
	build_port(b, "br0", "tap1");
	build_port(b, "br0", "tap2");
	build_port(b, "br0", "tap3");
	build_fdb(b, "tap1", MAC_1);
	build_fdb(b, "tap2", MAC_2);
	return b;
}

static struct packet frame(const char *dst_mac)
{
	struct packet packet = { .ethertype = ETHERTYPE_IPV4,
		.proto = PROTO_UDP,
		.ttl = 64,
		.sport = 1000,
		.dport = 2000,
		.length = 100 };

	assert_true(addr_parse("10.0.0.1", &packet.src));
	assert_true(addr_parse("10.0.0.2", &packet.dst));
	assert_true(mac_parse(MAC_1, &packet.eth_src));
	assert_true(mac_parse(dst_mac, &packet.eth_dst));
	return packet;
}

static const struct explanation *walk_in(struct host_build *b, const struct packet *packet)
{
	const struct host *host = host_built(b);
	struct query query = { .from = FROM_DEVICE,
		.ns = &host->netns[0],
		.in = netns_link(&host->netns[0], "tap1"),
		.packet = *packet };

	return explain(b->arena, explainer_new(b->arena, host), &query);
}

static void assert_end(struct host_build *b, const struct packet *packet, const char *expected)
{
	const struct explanation *e = walk_in(b, packet);
	struct text text CLEANUP(text_done) = TEXT_INIT;

	text_add(&text, final_name(e->final));
	if (e->leaf->drop)
		text_addf(&text, " %s", drop_name(e->leaf->drop));
	if (e->leaf->place)
		text_addf(&text, " %s", e->leaf->last->link->name);
	assert_string_equal(text.data, expected);
}

static void a_known_mac_goes_to_its_port_and_no_other(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = three_taps(arena);
	struct packet packet = frame(MAC_2);

	(void)state;
	assert_end(b, &packet, "delivered tap2");
	assert_int_equal(walk_in(b, &packet)->leaves.n, 1);
}

static void an_unknown_mac_goes_to_every_other_port(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = three_taps(arena);
	struct packet packet = frame("02:00:00:00:00:77");

	(void)state;
	assert_end(b, &packet, "delivered tap2");
	assert_int_equal(walk_in(b, &packet)->leaves.n, 2);
	built_link(b, "tap2", NULL)->has_unicast_flood = false;
	assert_end(b, &packet, "delivered tap3");
	built_link(b, "tap3", NULL)->has_unicast_flood = false;
	assert_end(b, &packet, "dropped bridge-no-target");
}

static void ports_refuse_for_reasons_of_their_own(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = three_taps(arena);
	struct packet packet = frame(MAC_2), back = frame(MAC_1), bpdu = frame("01:80:c2:00:00:00");
	struct link *tap1, *tap2;

	(void)state;
	host_built(b);
	tap1 = built_link(b, "tap1", NULL);
	tap2 = built_link(b, "tap2", NULL);
	assert_end(b, &back, "dropped bridge-hairpin");
	tap1->has_hairpin = true;
	assert_end(b, &back, "delivered tap1");
	tap1->is_isolated = true;
	assert_end(b, &packet, "delivered tap2");
	tap2->is_isolated = true;
	assert_end(b, &packet, "dropped bridge-isolated");
	tap2->is_isolated = false;
	tap2->port_state = PORT_BLOCKING;
	assert_end(b, &packet, "dropped bridge-state");
	tap2->port_state = PORT_FORWARDING;
	tap1->port_state = PORT_LEARNING;
	assert_end(b, &packet, "dropped bridge-state");
	tap1->port_state = PORT_FORWARDING;
	tap1->is_locked = true;
	assert_end(b, &packet, "delivered tap2");
	packet.eth_src.bytes[5] = 9;
	assert_end(b, &packet, "dropped bridge-locked");
	packet.eth_src.bytes[0] = 3;
	assert_end(b, &packet, "dropped bridge-source");
	tap1->is_locked = false;
	/* without STP its frames are frames like others; Pause never passes */
	assert_end(b, &bpdu, "delivered tap2");
	built_link(b, "br0", NULL)->has_stp = true;
	assert_end(b, &bpdu, "dropped bridge-reserved");
	bpdu.eth_dst.bytes[5] = 1;
	assert_end(b, &bpdu, "dropped bridge-reserved");
}

static void a_bridge_that_filters_vlans_tags_and_untags(void **state)
{
	static const struct port_vlan access5 = { 5, true, true }, trunk5 = { 5, false, false },
				      access6 = { 6, true, true };
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = three_taps(arena);
	struct packet packet = frame(MAC_2);
	const struct explanation *e;

	(void)state;
	host_built(b);
	built_link(b, "br0", NULL)->has_vlan_filtering = true;
	assert_end(b, &packet, "dropped bridge-vlan");
	built_link(b, "tap1", NULL)->vlans = &access5;
	built_link(b, "tap1", NULL)->n_vlans = 1;
	built_link(b, "tap2", NULL)->vlans = &trunk5;
	built_link(b, "tap2", NULL)->n_vlans = 1;
	b->built[0].fdb[0].vlan = b->built[0].fdb[1].vlan = 5;
	e = walk_in(b, &packet);
	assert_int_equal(e->final, FINAL_DELIVERED);
	assert_int_equal(e->leaf->last->packet->vlan_id, 5);
	built_link(b, "tap2", NULL)->vlans = &access6;
	assert_end(b, &packet, "dropped bridge-vlan");
}

static void a_frame_that_is_too_large_for_its_port_is_dropped(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = three_taps(arena);
	struct packet packet = frame(MAC_2);

	(void)state;
	packet.length = 1500;
	assert_end(b, &packet, "delivered tap2");
	packet.length = 1501;
	assert_end(b, &packet, "dropped mtu");
}

static void the_bridges_own_mac_leads_up_to_the_host(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = three_taps(arena);
	struct packet packet = frame(MAC_2);
	struct text path CLEANUP(text_done) = TEXT_INIT;

	(void)state;
	build_address(b, "br0", "10.0.0.2/24");
	packet.eth_dst = built_link(b, "br0", NULL)->mac;
	packet.dport = 443;
	path_print(&path, walk_in(b, &packet)->leaf);
	assert_string_equal(path.data,
		"received tap1, bridge-in tap1, br-netfilter, bridge-decision tap1, received br0, "
		"route br0, local br0; delivered");
}

/* The IP hooks see somebody else's frame as the host's; the bridge's chains behind them do not. */
static void a_frame_for_somebody_else_is_that_again_behind_the_hooks_of_ip(void **state)
{
	static const char rules[] =
		"table bridge b {\n\tchain f {\n"
		"\t\ttype filter hook forward priority 310; policy accept;\n"
		"\t\tmeta pkttype host drop\n\t}\n"
		"\tchain p {\n\t\ttype filter hook postrouting priority 0; policy accept;\n"
		"\t\tmeta pkttype host drop\n\t}\n}\n";
	static const char *const hooks[] = { "prerouting", "forward", "postrouting" };
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = three_taps(arena);
	struct packet packet = frame(MAC_2);

	(void)state;
	built_link(b, "br0", NULL)->nf_call[FAMILY_IPV4] = true;
	build_nft(b, 0, rules);
	assert_end(b, &packet, "delivered tap2");
	for (size_t i = 0; i < N_OF(hooks); i++) {
		struct text text CLEANUP(text_done) = TEXT_INIT;

		text_addf(&text,
			"table ip t {\n\tchain f {\n"
			"\t\ttype filter hook %s priority 0; policy accept;\n"
			"\t\tmeta pkttype host drop\n\t}\n}\n",
			hooks[i]);
		b = three_taps(arena);
		built_link(b, "br0", NULL)->nf_call[FAMILY_IPV4] = true;
		build_nft(b, 0, text.data);
		assert_end(b, &packet, "dropped rule");
	}
}

/* A route to ip_error is a route, and leads up; IPv6 has no such route. */
static void dnat_on_a_bridge_needs_forwarding_for_ipv4_alone(void **state)
{
	static const char rules[] = "table inet nat {\n\tchain PREROUTING {\n"
				    "\t\ttype nat hook prerouting priority dstnat; policy accept;\n"
				    "\t\tudp dport 2000 dnat ip to 10.0.0.3\n"
				    "\t\tudp dport 2000 dnat ip6 to fd00::3\n\t}\n}\n";
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = three_taps(arena);
	struct packet packet = frame("02:00:00:00:00:77"), six = packet;

	(void)state;
	for (int family = FAMILY_IPV4; family <= FAMILY_IPV6; family++)
		built_link(b, "br0", NULL)->nf_call[family] = true;
	build_link(b, 0, "", "lo");
	build_address(b, "br0", "10.0.0.254/24");
	build_neighbour(b, "br0", "10.0.0.3", MAC_2);
	build_nft(b, 0, rules);
	assert_end(b, &packet, "dropped forwarding-off");
	assert_string_equal(walk_in(b, &packet)->leaf->last->link->name, "br0");
	build_sysctl(b, 0, "net.ipv4.ip_forward", "1");
	assert_end(b, &packet, "rewritten tap2");
	six.ethertype = ETHERTYPE_IPV6;
	assert_true(addr_parse("fd00::1", &six.src));
	assert_true(addr_parse("fd00::2", &six.dst));
	assert_end(b, &six, "dropped dnat-unroutable");
	build_address(b, "br0", "fd00::254/64");
	build_neighbour(b, "br0", "fd00::3", MAC_2);
	assert_end(b, &six, "rewritten tap2");
}

/* nf_nat_redirect_ipv6 wants an address of the destination's scope, and ::1 has one of its own. */
static void a_bridged_frame_to_the_ipv6_loopback_is_not_redirected(void **state)
{
	static const char rules[] = "table ip6 nat {\n\tchain PREROUTING {\n"
				    "\t\ttype nat hook prerouting priority dstnat; policy accept;\n"
				    "\t\tudp dport 2000 redirect to :90\n\t}\n}\n";
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = three_taps(arena);
	struct packet packet = frame(MAC_2);

	(void)state;
	built_link(b, "br0", NULL)->nf_call[FAMILY_IPV6] = true;
	build_link(b, 0, "", "lo");
	build_address(b, "br0", "fd00::254/64");
	build_nft(b, 0, rules);
	packet.ethertype = ETHERTYPE_IPV6;
	assert_true(addr_parse("fd00::1", &packet.src));
	assert_true(addr_parse("::1", &packet.dst));
	assert_end(b, &packet, "dropped nat-no-address");
	assert_true(addr_parse("fd00::2", &packet.dst));
	assert_end(b, &packet, "dropped no-socket");
}

/* ip6_rcv_core refuses such a source, and what stays on the bridge does not come by there. */
static void dnat_on_a_bridge_asks_ipv6_for_no_source(void **state)
{
	static const char rules[] = "table ip6 nat {\n\tchain PREROUTING {\n"
				    "\t\ttype nat hook prerouting priority dstnat; policy accept;\n"
				    "\t\tudp dport 2000 dnat to fd00::3\n"
				    "\t\tudp dport 3000 dnat to fd01::3\n\t}\n}\n";
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = three_taps(arena);
	struct packet packet = frame(MAC_2);

	(void)state;
	built_link(b, "br0", NULL)->nf_call[FAMILY_IPV6] = true;
	build_link(b, 0, "", "eth0");
	build_address(b, "br0", "fd00::254/64");
	build_address(b, "eth0", "fd01::254/64");
	build_neighbour(b, "br0", "fd00::3", MAC_2);
	build_sysctl(b, 0, "net.ipv6.conf.all.forwarding", "1");
	build_nft(b, 0, rules);
	packet.ethertype = ETHERTYPE_IPV6;
	assert_true(addr_parse("::1", &packet.src));
	assert_true(addr_parse("fd00::2", &packet.dst));
	assert_end(b, &packet, "rewritten tap2");
	packet.dport = 3000;
	assert_end(b, &packet, "dropped martian-source");
	assert_string_equal(walk_in(b, &packet)->leaf->last->link->name, "br0");
}

/* --- copies of one frame share its entry of conntrack --- */

/* A fourth guest, and rules that see bridged frames. */
static struct host_build *flooded_taps(struct arena *arena, const char *rules)
{
	struct host_build *b = three_taps(arena);

	build_link(b, 0, "tun", "tap4");
	build_port(b, "br0", "tap4");
	build_address(b, "br0", "10.0.0.254/24");
	built_link(b, "br0", NULL)->nf_call[FAMILY_IPV4] = true;
	build_iptables(b, 0, rules);
	return b;
}

static void assert_flooded(struct arena *arena, const char *rules, const char *expected)
{
	struct host_build *b = flooded_taps(arena, rules);
	struct packet packet = frame("02:00:00:00:00:77");
	const struct explanation *e = walk_in(b, &packet);

	assert_string_equal(final_name(e->final), expected);
	assert_int_equal(e->leaves.n, e->final == FINAL_CANNOT_TELL ? 1 : 3);
	if (e->final == FINAL_CANNOT_TELL)
		assert_non_null(strstr(e->leaf->why, "which port comes first"));
}

#define NAT_TABLE "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n"
#define MANGLE	  "*mangle\n:FORWARD ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n"

static void copies_whose_nat_is_the_same_have_no_order(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();

	(void)state;
	assert_flooded(arena, NAT_TABLE "-A POSTROUTING -j SNAT --to-source 10.0.0.9\nCOMMIT\n",
		"rewritten");
	/* whichever is first, no rule takes it */
	assert_flooded(arena,
		NAT_TABLE "-A POSTROUTING -p tcp -j SNAT --to-source 10.0.0.9\nCOMMIT\n",
		"delivered");
}

/* Also one in the middle, which is last in neither order of the list. */
static void copies_whose_nat_differs_by_port_cannot_be_told(void **state)
{
	static const char *const ports[] = { "tap2", "tap3", "tap4" };
	struct arena *arena CLEANUP(arena_freep) = arena_new();

	(void)state;
	for (size_t i = 0; i < N_OF(ports); i++) {
		struct text text CLEANUP(text_done) = TEXT_INIT;

		text_addf(&text,
			NAT_TABLE "-A POSTROUTING -m physdev --physdev-out %s -j RETURN\n"
				  "-A POSTROUTING -j SNAT --to-source 10.0.0.9\nCOMMIT\n",
			ports[i]);
		assert_flooded(arena, text.data, "cannot-tell");
	}
}

static void a_copy_that_asks_for_the_nat_of_another_cannot_be_told(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();

	(void)state;
	assert_flooded(arena,
		NAT_TABLE "-A POSTROUTING -j SNAT --to-source 10.0.0.9\nCOMMIT\n" MANGLE
			  "-A FORWARD -m conntrack --ctstate SNAT -j DROP\nCOMMIT\n",
		"cannot-tell");
	/* also without NAT: who is behind the first finds the entry confirmed */
	assert_flooded(arena,
		MANGLE "-A FORWARD -m conntrack --ctstatus CONFIRMED -j DROP\nCOMMIT\n",
		"cannot-tell");
}

static void a_mark_of_the_flow_counts_where_a_copy_asks_for_it(void **state)
{
	static const char sets[] = MANGLE "-A POSTROUTING -j CONNMARK --set-xmark 0x3/0xffffffff\n",
			  *const asks[] = { "-A FORWARD -m connmark --mark 0x3 -j DROP\n",
				  "-A FORWARD -j CONNMARK --restore-mark\n" };
	struct arena *arena CLEANUP(arena_freep) = arena_new();

	(void)state;
	for (size_t i = 0; i <= N_OF(asks); i++) {
		struct text text CLEANUP(text_done) = TEXT_INIT;

		text_addf(&text, "%s%sCOMMIT\n", sets, i < N_OF(asks) ? asks[i] : "");
		assert_flooded(arena, text.data, i < N_OF(asks) ? "cannot-tell" : "delivered");
	}
	/* who is last decides what it is in the end */
	assert_flooded(arena,
		MANGLE
		"-A FORWARD -m physdev --physdev-out tap2 -j CONNMARK --set-xmark 0x3/0xffffffff\n"
		"-A FORWARD -m physdev --physdev-out tap3 -j CONNMARK --set-xmark 0x4/0xffffffff\n"
		"COMMIT\n",
		"cannot-tell");
}

/* With the other copies lost, NAT of the source was asked for none; but br_nf_local_in has confirmed the entry:
 * the rules at INPUT count the frame, and that is all. */
static void nat_at_input_of_a_broadcast_is_asked_in_vain(void **state)
{
	static const char rules[] = NAT_TABLE "-A INPUT -j SNAT --to-source 10.0.0.9\nCOMMIT\n"
					      "*filter\n:FORWARD DROP [0:0]\nCOMMIT\n";
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = flooded_taps(arena, rules);
	struct packet packet = frame("ff:ff:ff:ff:ff:ff");
	const struct explanation *e;
	const struct node *node;

	(void)state;
	assert_true(addr_parse("10.0.0.254", &packet.dst));
	e = walk_in(b, &packet);
	assert_int_equal(e->leaves.n, 4);
	assert_int_equal(e->final, FINAL_DELIVERED);
	assert_int_equal(e->leaf->place, PLACE_HOST);
	for (node = e->leaf->last; node && node->hook != HOOK_INPUT; node = node->before)
		assert_int_not_equal(node->kind, NODE_NAT);
	assert_true(node && node->rule);
	/* one that is for the host alone waits for INPUT */
	packet.eth_dst = built_link(b, "br0", NULL)->mac;
	packet.proto = PROTO_SCTP;
	assert_end(b, &packet, "rewritten br0");
}

static void two_bridges_in_a_ring_are_a_loop(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = three_taps(arena);
	struct packet packet = frame("02:00:00:00:00:77");
	const struct explanation *e;

	(void)state;
	b->netns[0].n_links = 2; /* tap1 alone */
	build_link(b, 0, "bridge", "br1");
	build_veth(b, 0, "up0", 0, "up1");
	build_veth(b, 0, "down0", 0, "down1");
	build_port(b, "br0", "up0");
	build_port(b, "br0", "down0");
	build_port(b, "br1", "up1");
	build_port(b, "br1", "down1");
	e = walk_in(b, &packet);
	assert_true(e->leaves.n > 1);
	/* it comes back to the tap, and goes round for ever beside */
	assert_int_equal(e->final, FINAL_DELIVERED);
}

/* --- NAT, asked for as a rule would ask --- */

static void masquerade_on_a_bridge_without_address_takes_another_interfaces(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = three_taps(arena);
	struct nat nat = { .kind = NAT_MASQUERADE };
	struct walk walk = { .arena = arena };
	struct skb skb = { .packet = frame(MAC_2) };
	const char *note = NULL;
	struct addr expected;

	(void)state;
	build_link(b, 0, "", "lo");
	build_link(b, 0, "", "eth0");
	host_built(b);
	skb.ns = &b->host.netns[0];
	walk.host = &b->host;
	skb.dev = skb.out = built_link(b, "br0", NULL);
	skb.ct.is_tracked = skb.ct.is_new = true;
	skb.ct.entry.reply = (struct flow_tuple){ skb.packet.dst, skb.packet.src, skb.packet.dport,
		skb.packet.sport };
	/* nobody has one: the kernel drops */
	assert_false(nat_set_up(&walk, &skb, HOOK_POSTROUTING, &nat, &note));
	build_address(b, "eth0", "198.18.0.1/24");
	assert_true(nat_set_up(&walk, &skb, HOOK_POSTROUTING, &nat, &note));
	assert_non_null(strstr(note, "no address"));
	nat_apply(&walk, &skb, HOOK_POSTROUTING, note);
	assert_true(addr_parse("198.18.0.1", &expected));
	assert_int_equal(addr_compare(&skb.packet.src, &expected), 0);
	assert_int_equal(skb.packet.sport, 1000);
	assert_int_equal(skb.last->kind, NODE_NAT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_known_mac_goes_to_its_port_and_no_other),
		cmocka_unit_test(an_unknown_mac_goes_to_every_other_port),
		cmocka_unit_test(ports_refuse_for_reasons_of_their_own),
		cmocka_unit_test(a_bridge_that_filters_vlans_tags_and_untags),
		cmocka_unit_test(a_frame_that_is_too_large_for_its_port_is_dropped),
		cmocka_unit_test(the_bridges_own_mac_leads_up_to_the_host),
		cmocka_unit_test(a_frame_for_somebody_else_is_that_again_behind_the_hooks_of_ip),
		cmocka_unit_test(dnat_on_a_bridge_needs_forwarding_for_ipv4_alone),
		cmocka_unit_test(a_bridged_frame_to_the_ipv6_loopback_is_not_redirected),
		cmocka_unit_test(dnat_on_a_bridge_asks_ipv6_for_no_source),
		cmocka_unit_test(copies_whose_nat_is_the_same_have_no_order),
		cmocka_unit_test(copies_whose_nat_differs_by_port_cannot_be_told),
		cmocka_unit_test(a_copy_that_asks_for_the_nat_of_another_cannot_be_told),
		cmocka_unit_test(a_mark_of_the_flow_counts_where_a_copy_asks_for_it),
		cmocka_unit_test(nat_at_input_of_a_broadcast_is_asked_in_vain),
		cmocka_unit_test(two_bridges_in_a_ring_are_a_loop),
		cmocka_unit_test(masquerade_on_a_bridge_without_address_takes_another_interfaces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
