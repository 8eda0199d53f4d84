// SPDX-License-Identifier: GPL-2.0-or-later
/* The walk of a packet over hosts that are put together here: exact paths and ends. */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "hostbuild.h"
#include "packet/field.h"

#define VM_A "fa:16:3e:00:00:0a"
#define VM_B "fa:16:3e:00:00:0b"

static struct packet packet_of(uint8_t proto, const char *src, const char *dst)
{
	struct packet packet = { .ethertype = ETHERTYPE_IPV4, .proto = proto, .ttl = 64 };

	assert_true(addr_parse(src, &packet.src));
	assert_true(addr_parse(dst, &packet.dst));
	if (packet.src.family == FAMILY_IPV6)
		packet.ethertype = ETHERTYPE_IPV6;
	assert_true(mac_parse(VM_A, &packet.eth_src));
	assert_true(mac_parse(VM_B, &packet.eth_dst));
	if (proto == PROTO_TCP)
		packet.tcp_flags = TCP_SYN;
	if (proto == PROTO_ICMP)
		packet.icmp_type = 8;
	if (proto == PROTO_TCP || proto == PROTO_UDP) {
		packet.sport = 40000;
		packet.dport = 443;
	}
	return packet;
}

static const struct explanation *walk(
	struct host_build *b, const char *in, const struct packet *packet)
{
	const struct host *host = host_built(b);
	struct query query = { .packet = *packet };
	struct err err = { 0 };
	struct query entry;

	if (in) {
		if (!explain_find_entry(host, in, &entry, &err))
			fail_msg("%s", err.text);
		query.from = FROM_DEVICE;
		query.ns = entry.ns;
		query.in = entry.in;
	} else {
		query.from = FROM_PROCESS;
		query.ns = &host->netns[0];
	}
	return explain(b->arena, explainer_new(b->arena, host), &query);
}

static void assert_path(const struct explanation *explanation, const char *expected)
{
	struct text path CLEANUP(text_done) = TEXT_INIT;

	path_print(&path, explanation->leaf);
	assert_string_equal(path.data, expected);
}

/* --- the hybrid plug of Neutron, with Open vSwitch in the middle --- */

static const char *const normal[] = { "cookie=0x0, table=0, priority=0 actions=NORMAL" };

static const char sg_rules[] =
	"*raw\n:PREROUTING ACCEPT [0:0]\n"
	"-A PREROUTING -m physdev --physdev-in tapA -j CT --zone 4097\n"
	"-A PREROUTING -i qvbB -j CT --zone 4098\n"
	"COMMIT\n"
	"*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
	":sg-chain - [0:0]\n:sg-fallback - [0:0]\n:o-a - [0:0]\n"
	"-A FORWARD -m physdev --physdev-out tapA --physdev-is-bridged -j sg-chain\n"
	"-A FORWARD -m physdev --physdev-in tapA --physdev-is-bridged -j sg-chain\n"
	"-A sg-chain -m physdev --physdev-in tapA --physdev-is-bridged -j o-a\n"
	"-A sg-chain -j ACCEPT\n"
	"-A o-a -m state --state RELATED,ESTABLISHED -j RETURN\n"
	"-A o-a -p icmp -j RETURN\n"
	"-A o-a -p tcp -j RETURN\n"
	"-A o-a -j sg-fallback\n"
	"-A sg-fallback -j DROP\n"
	"COMMIT\n";

static void add_ovs_port(struct host_build *b, const char *name, const char *type, uint16_t tag)
{
	b->ovs_ports[b->host.n_ovs_ports] = (struct ovs_port){ .name = name,
		.bridge = "br-int",
		.type = type,
		.tag = tag,
		.netns = 0,
		.ofport = (int)b->host.n_ovs_ports + 1 };
	b->host.n_ovs_ports++;
}

static struct host_build *hybrid(struct arena *arena)
{
	struct host_build *b = host_build_new(arena);

	build_link(b, 0, "bridge", "qbrA")->nf_call[FAMILY_IPV4] = true;
	build_link(b, 0, "bridge", "qbrB")->nf_call[FAMILY_IPV4] = true;
	build_link(b, 0, "tun", "tapA");
	build_link(b, 0, "tun", "tapB");
	build_link(b, 0, "openvswitch", "ovs-system");
	build_veth(b, 0, "qvbA", 0, "qvoA");
	build_veth(b, 0, "qvbB", 0, "qvoB");
	build_port(b, "qbrA", "tapA");
	build_port(b, "qbrA", "qvbA");
	build_port(b, "qbrB", "tapB");
	build_port(b, "qbrB", "qvbB");
	build_port(b, "ovs-system", "qvoA");
	build_port(b, "ovs-system", "qvoB");
	b->ovs_bridges[0] = (struct ovs_bridge){
		.name = "br-int", .has_flows = true, .flows = normal, .n_flows = 1, .has_fdb = true
	};
	b->host.n_ovs_bridges = 1;
	add_ovs_port(b, "qvoA", "", 1);
	add_ovs_port(b, "qvoB", "", 1);
	build_fdb(b, "tapA", VM_A);
	build_fdb(b, "qvbA", VM_B);
	build_fdb(b, "qvbB", VM_A);
	build_fdb(b, "tapB", VM_B);
	return b;
}

#define HYBRID_TO_FORWARD                                                                          \
	"received tapA, bridge-in tapA, br-netfilter, chain raw.PREROUTING, conntrack, "           \
	"bridge-decision qvbA, chain filter.FORWARD"
#define HYBRID_REST                                                                                \
	", transmit qvbA, veth qvoA, received qvoA, ovs br-int, transmit qvoB, veth qvbB, "        \
	"received qvbB, bridge-in qvbB, br-netfilter, chain raw.PREROUTING, conntrack, "           \
	"bridge-decision tapB, chain filter.FORWARD, transmit tapB; delivered"

static void icmp_passes_both_hybrid_bridges_to_the_other_guest(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = hybrid(arena);
	struct packet packet = packet_of(PROTO_ICMP, "172.17.0.8", "172.17.0.9");
	const struct explanation *e;

	(void)state;
	build_iptables(b, 0, sg_rules);
	e = walk(b, "tapA", &packet);
	assert_path(e, HYBRID_TO_FORWARD HYBRID_REST);
	assert_int_equal(e->leaf->place, PLACE_GUEST);
	assert_string_equal(e->leaf->last->link->name, "tapB");
}

static void ipip_is_dropped_on_the_senders_bridge_by_the_fallback_rule(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = hybrid(arena);
	struct packet packet = packet_of(PROTO_IPIP, "172.17.0.8", "172.17.0.9");
	const struct explanation *e;

	(void)state;
	build_iptables(b, 0, sg_rules);
	e = walk(b, "tapA", &packet);
	assert_path(e, HYBRID_TO_FORWARD "; dropped rule");
	assert_int_equal(e->leaf->last->before->rule->target.kind, TARGET_DROP);
	assert_string_equal(e->leaf->last->packet->in_iface, "qbrA");
	assert_string_equal(e->leaf->last->packet->physdev_out, "qvbA");
	assert_int_equal(e->leaf->last->packet->ct_zone, 4097);
}

static void a_mac_that_was_left_open_goes_the_only_way_there_is(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = hybrid(arena);
	struct packet packet = packet_of(PROTO_ICMP, "172.17.0.8", "172.17.0.9");

	(void)state;
	packet.unknown = FIELD_BIT(FIELD_ETH_SRC) | FIELD_BIT(FIELD_ETH_DST);
	build_iptables(b, 0, sg_rules);
	assert_path(walk(b, "tapA", &packet), HYBRID_TO_FORWARD HYBRID_REST);
}

static void without_nf_call_no_rule_is_asked(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = hybrid(arena);
	struct packet packet = packet_of(PROTO_IPIP, "172.17.0.8", "172.17.0.9");

	(void)state;
	build_iptables(b, 0, sg_rules);
	built_link(b, "qbrA", NULL)->nf_call[FAMILY_IPV4] = false;
	built_link(b, "qbrB", NULL)->nf_call[FAMILY_IPV4] = false;
	assert_path(walk(b, "tapA", &packet),
		"received tapA, bridge-in tapA, br-netfilter, bridge-decision qvbA, transmit qvbA, "
		"veth qvoA, received qvoA, ovs br-int, transmit qvoB, veth qvbB, received qvbB, "
		"bridge-in qvbB, br-netfilter, bridge-decision tapB, transmit tapB; delivered");
}

/* A program that is attached may do anything: it is never taken for one that lets all pass. */
static void what_a_program_does_at_a_device_cannot_be_told(void **state)
{
	static const size_t places[] = { offsetof(struct link, has_xdp),
		offsetof(struct link, has_tc_ingress), offsetof(struct link, has_tc_egress) };
	static const char *const devices[] = { "tapA", "qvbB", "tapB" };
	struct packet packet = packet_of(PROTO_ICMP, "172.17.0.8", "172.17.0.9");

	(void)state;
	for (size_t i = 0; i < N_OF(places); i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct host_build *b = hybrid(arena);
		const struct explanation *e;

		*(bool *)((char *)built_link(b, devices[i], NULL) + places[i]) = true;
		e = walk(b, "tapA", &packet);
		assert_int_equal(e->final, FINAL_CANNOT_TELL);
		assert_non_null(strstr(e->leaf->why, "what it does is not known"));
	}
}

static void a_flow_that_drops_and_one_that_is_not_understood_are_told_apart(void **state)
{
	static const char *const drop[] = {
		"table=0, n_packets=0, priority=0 actions=NORMAL",
		"table=0, n_packets=0, priority=2,in_port=1 actions=drop",
	};
	static const char *const rivals[] = {
		"table=0, priority=2,ip actions=NORMAL",
		"table=0, priority=2,in_port=1 actions=drop",
		"table=0, priority=3 actions=drop",
	};
	static const char *const other[] = { "table=0, priority=9,ip actions=ct(table=1)" };
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = hybrid(arena);
	struct packet packet = packet_of(PROTO_IPIP, "172.17.0.8", "172.17.0.9");
	const struct explanation *e;

	(void)state;
	b->ovs_bridges[0].flows = drop;
	b->ovs_bridges[0].n_flows = 2;
	e = walk(b, "tapA", &packet);
	assert_int_equal(e->final, FINAL_DROPPED);
	assert_int_equal(e->leaf->drop, DROP_OVS_FLOW);
	b->ovs_bridges[0].flows = other;
	b->ovs_bridges[0].n_flows = 1;
	e = walk(b, "tapA", &packet);
	assert_int_equal(e->final, FINAL_CANNOT_TELL);
	assert_non_null(strstr(e->leaf->why, "ct(table=1)"));
	/* of two that match at one priority OpenFlow takes any */
	b->ovs_bridges[0].flows = rivals;
	b->ovs_bridges[0].n_flows = 2;
	assert_int_equal(walk(b, "tapA", &packet)->final, FINAL_CANNOT_TELL);
	b->ovs_bridges[0].n_flows = 3;
	assert_int_equal(walk(b, "tapA", &packet)->final, FINAL_DROPPED);
}

static void flows_that_were_not_read_say_why(void **state)
{
	static const struct unread unread = { "ovs flows br-int", "ovs-ofctl is not installed" };
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = hybrid(arena);
	struct packet packet = packet_of(PROTO_IPIP, "172.17.0.8", "172.17.0.9");

	(void)state;
	b->ovs_bridges[0].has_flows = false;
	b->host.unread = &unread;
	b->host.n_unread = 1;
	assert_string_equal(walk(b, "tapA", &packet)->leaf->why,
		"the flows of br-int were not read: ovs-ofctl is not installed");
}

/* Open vSwitch in user space: its ports have no master, and the kernel knows nothing of it. */
static void a_port_of_an_ovs_that_was_not_read_is_not_told(void **state)
{
	static const struct unread unread = { "ovs ports", "ovs-vswitchd runs" };
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = hybrid(arena);
	struct packet packet = packet_of(PROTO_ICMP, "172.17.0.8", "172.17.0.9");
	int ns;

	(void)state;
	b->host.n_ovs_bridges = b->host.n_ovs_ports = 0;
	built_link(b, "qvoA", &ns)->master_index = 0;
	assert_int_equal(walk(b, "tapA", &packet)->leaf->drop, DROP_OTHER_HOST);
	b->host.unread = &unread;
	b->host.n_unread = 1;
	/* who does not listen to all is no port of it */
	assert_int_equal(walk(b, "tapA", &packet)->leaf->drop, DROP_OTHER_HOST);
	built_link(b, "qvoA", &ns)->is_promisc = true;
	assert_string_equal(walk(b, "tapA", &packet)->leaf->why,
		"qvoA may be a port of Open vSwitch: ovs-vswitchd runs");
}

static void of_copies_that_rules_drop_that_of_the_receiver_is_told(void **state)
{
	static const char save[] = "*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -j DROP\nCOMMIT\n";
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = host_build_new(arena);
	struct packet packet = packet_of(PROTO_ICMP, "172.17.0.1", "172.17.0.9");

	(void)state;
	build_link(b, 0, "bridge", "br0")->nf_call[FAMILY_IPV4] = true;
	build_link(b, 0, "", "eth0");
	/* as libvirt names and numbers them; a container has a veth */
	assert_true(mac_parse("fe:16:3e:00:00:0a", &build_link(b, 0, "tun", "tapA")->mac));
	assert_true(mac_parse("fe:16:3e:00:00:0b", &build_link(b, 0, "tun", "tapB")->mac));
	build_veth(b, 0, "vethC", 1, "inC");
	assert_true(mac_parse("fa:16:3e:00:00:0c", &built_link(b, "inC", NULL)->mac));
	build_port(b, "br0", "eth0");
	build_port(b, "br0", "tapA");
	build_port(b, "br0", "tapB");
	build_port(b, "br0", "vethC");
	build_iptables(b, 0, save);
	assert_true(mac_parse("02:00:00:00:00:77", &packet.eth_src));
	assert_string_equal(walk(b, "eth0", &packet)->leaf->last->link->name, "tapB");
	assert_true(mac_parse(VM_A, &packet.eth_dst));
	assert_string_equal(walk(b, "eth0", &packet)->leaf->last->link->name, "tapA");
	assert_true(mac_parse("fa:16:3e:00:00:0c", &packet.eth_dst));
	assert_string_equal(walk(b, "eth0", &packet)->leaf->last->link->name, "vethC");
}

static void a_port_in_another_vlan_of_ovs_gets_nothing(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = hybrid(arena);
	struct packet packet = packet_of(PROTO_ICMP, "172.17.0.8", "172.17.0.9");

	(void)state;
	b->ovs_ports[1].tag = 2;
	assert_int_equal(walk(b, "tapA", &packet)->leaf->drop, DROP_OVS_NO_TARGET);
}

/* --- docker beside Neutron: its masquerade meets frames of a VM --- */

static const char docker_nat[] =
	"table ip nat {\n\tchain POSTROUTING {\n"
	"\t\ttype nat hook postrouting priority srcnat; policy accept;\n"
	"\t\tip saddr 172.17.0.0/16 oifname != \"docker0\" masquerade\n\t}\n}\n";

static void dockers_masquerade_rewrites_a_bridged_frame_to_the_hosts_address(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = hybrid(arena);
	struct packet packet = packet_of(PROTO_TCP, "172.17.0.8", "172.17.0.9");
	const struct explanation *e;
	const struct node *nat;
	struct addr own;

	(void)state;
	build_link(b, 0, "", "lo");
	build_link(b, 0, "", "eth0");
	build_address(b, "eth0", "198.18.0.1/24");
	build_nft(b, 0, docker_nat);
	assert_true(addr_parse("198.18.0.1", &own));
	e = walk(b, "tapA", &packet);
	assert_int_equal(e->final, FINAL_REWRITTEN);
	assert_int_equal(addr_compare(&e->leaf->last->packet->src, &own), 0);
	for (nat = e->leaf->last; nat && nat->kind != NODE_NAT; nat = nat->before)
		;
	assert_non_null(nat);
	if (!nat)
		return; /* as the analyzer does not know that an assertion ends the case */
	/* the answers of the flow that the other bridge made have this port already */
	assert_non_null(strstr(nat->note, "another flow has this port"));
	assert_true(nat->packet->unknown & FIELD_BIT(FIELD_SPORT));
	for (nat = nat->before; nat && nat->kind != NODE_NAT; nat = nat->before)
		;
	assert_non_null(nat);
	if (!nat)
		return;
	assert_string_equal(nat->link->name, "qvbA");
	assert_string_equal(nat->packet->out_iface, "qbrA");
	assert_non_null(strstr(nat->note, "no address"));
	assert_int_equal(nat->before->kind, NODE_CHAIN);
	assert_non_null(nat->before->rule);
	/* a guest whose address is not in docker's network is not met */
	assert_true(addr_parse("10.9.0.1", &packet.src));
	assert_int_equal(walk(b, "tapA", &packet)->final, FINAL_DELIVERED);
}

/* An identity mapping is one: no later chain of type nat is asked; an accept leaves the question open. */
static void what_is_mapped_to_itself_is_mapped_by_nobody_else(void **state)
{
	static const struct {
		const char *rule;
		enum final final;
	} cases[] = {
		{ "oifname { \"qbrA\", \"qbrB\" } snat ip to ip saddr", FINAL_DELIVERED },
		{ "iif 0 fib saddr type != local snat ip to ip saddr", FINAL_DELIVERED },
		{ "oifname \"qbr*\" accept", FINAL_REWRITTEN },
		{ "oifname \"qbr*\" snat ip6 to ip6 saddr", FINAL_REWRITTEN },
	};
	struct packet packet = packet_of(PROTO_TCP, "172.17.0.8", "172.17.0.9");

	(void)state;
	for (size_t i = 0; i < N_OF(cases); i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct host_build *b = hybrid(arena);
		const struct explanation *e;

		build_link(b, 0, "", "eth0");
		build_address(b, "eth0", "198.18.0.1/24");
		build_nft(b, 0,
			arena_printf(arena,
				"%stable inet own {\n\tchain post {\n"
				"\t\ttype nat hook postrouting priority -199; policy accept;\n"
				"\t\t%s\n\t}\n}\n",
				docker_nat, cases[i].rule));
		e = walk(b, "tapA", &packet);
		if (e->final != cases[i].final)
			fail_msg("%s: %s", cases[i].rule, final_name(e->final));
	}
}

static void a_published_port_leads_a_bridged_frame_to_where_dnat_says(void **state)
{
	static const char rules[] = "table ip nat {\n\tchain PREROUTING {\n"
				    "\t\ttype nat hook prerouting priority dstnat; policy accept;\n"
				    "\t\ttcp dport 443 dnat to 172.18.0.2:80\n\t}\n}\n";
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = hybrid(arena);
	struct packet packet = packet_of(PROTO_TCP, "172.17.0.8", "172.17.0.9");
	const struct explanation *e;

	(void)state;
	build_link(b, 0, "", "lo");
	build_link(b, 0, "", "eth0");
	build_address(b, "eth0", "172.18.0.1/24");
	build_neighbour(b, "eth0", "172.18.0.2", VM_B);
	build_nft(b, 0, rules);
	e = walk(b, "tapA", &packet);
	assert_int_equal(e->leaf->drop, DROP_FORWARDING_OFF);
	/* behind the bridge's input, where the route that it was given ends it */
	assert_string_equal(e->leaf->last->link->name, "qbrA");
	build_sysctl(b, 0, "net.ipv4.ip_forward", "1");
	e = walk(b, "tapA", &packet);
	assert_int_equal(e->final, FINAL_REWRITTEN);
	assert_string_equal(e->leaf->last->link->name, "eth0");
	assert_int_equal(e->leaf->last->packet->dport, 80);
}

/* --- a router --- */

static struct host_build *router(struct arena *arena)
{
	struct host_build *b = host_build_new(arena);

	build_link(b, 0, "", "lo");
	build_link(b, 0, "", "eth0");
	build_link(b, 0, "", "eth1");
	build_address(b, "eth0", "10.0.0.1/24");
	build_address(b, "eth1", "192.0.2.1/24");
	build_route(b, "198.51.100.0/24", "eth1", "192.0.2.9");
	build_neighbour(b, "eth1", "192.0.2.9", "02:00:00:00:00:09");
	build_neighbour(b, "eth1", "192.0.2.8", NULL);
	build_sysctl(b, 0, "net.ipv4.ip_forward", "1");
	return b;
}

static struct packet to_router(struct host_build *b, const char *dst)
{
	struct packet packet = packet_of(PROTO_TCP, "10.0.0.5", dst);

	packet.eth_dst = built_link(b, "eth0", NULL)->mac;
	return packet;
}

static void a_routed_packet_gets_the_gateways_mac_and_one_hop_less(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = router(arena);
	struct packet packet = to_router(b, "198.51.100.7");
	const struct explanation *e = walk(b, "eth0", &packet);
	const struct packet *at_end = e->leaf->last->packet;

	(void)state;
	assert_path(e, "received eth0, route eth0, forward eth0, neighbour eth1, transmit eth1; "
		       "delivered");
	assert_int_equal(e->leaf->place, PLACE_WIRE);
	assert_int_equal(at_end->ttl, 63);
	assert_int_equal(at_end->eth_dst.bytes[5], 9);
	assert_true(mac_equal(at_end->eth_src, built_link(b, "eth1", NULL)->mac));
}

static void a_router_drops_for_the_reasons_that_the_kernel_has(void **state)
{
	static const struct {
		const char *src, *dst;
		uint8_t ttl;
		uint16_t length;
		bool is_foreign;
		enum drop drop;
	} cases[] = {
		{ "10.0.0.5", "198.51.100.7", 1, 0, false, DROP_TTL },
		{ "10.0.0.5", "198.51.100.7", 64, 1501, false, DROP_MTU },
		{ "10.0.0.5", "203.0.113.1", 64, 0, false, DROP_NO_ROUTE },
		{ "10.0.0.5", "192.0.2.8", 64, 0, false, DROP_NEIGHBOUR },
		{ "127.0.0.1", "198.51.100.7", 64, 0, false, DROP_MARTIAN_SOURCE },
		{ "10.0.0.5", "127.0.0.1", 64, 0, false, DROP_MARTIAN_DESTINATION },
		{ "10.0.0.1", "198.51.100.7", 64, 0, false, DROP_OWN_SOURCE },
		{ "10.0.0.5", "198.51.100.7", 64, 0, true, DROP_OTHER_HOST },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(cases); i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct host_build *b = router(arena);
		struct packet packet = to_router(b, cases[i].dst);
		const struct explanation *e;

		assert_true(addr_parse(cases[i].src, &packet.src));
		packet.ttl = cases[i].ttl;
		packet.length = cases[i].length;
		packet.is_dont_fragment = true;
		if (cases[i].is_foreign)
			packet.eth_dst.bytes[5] ^= 0x40;
		e = walk(b, "eth0", &packet);
		assert_int_equal(e->final, FINAL_DROPPED);
		assert_string_equal(drop_name(e->leaf->drop), drop_name(cases[i].drop));
	}
}

static void forwarding_off_drops_what_is_not_for_the_host_itself(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = router(arena);
	struct packet packet = to_router(b, "198.51.100.7");

	(void)state;
	b->built[0].sysctls[0].value = "0";
	assert_int_equal(walk(b, "eth0", &packet)->leaf->drop, DROP_FORWARDING_OFF);
	packet = to_router(b, "192.0.2.1");
	assert_path(walk(b, "eth0", &packet), "received eth0, route eth0, local eth0; delivered");
}

static void strict_rp_filter_drops_what_the_loose_one_lets_pass(void **state)
{
	static const struct {
		const char *all, *own, *src;
		enum drop drop;
	} cases[] = {
		{ "0", "0", "198.51.100.3", DROP_NONE },
		{ "1", "0", "198.51.100.3", DROP_RP_FILTER },
		{ "0", "1", "198.51.100.3", DROP_RP_FILTER },
		{ "2", "1", "198.51.100.3", DROP_NONE },
		{ "2", "0", "203.0.113.3", DROP_RP_FILTER },
		{ "1", "1", "10.0.0.5", DROP_NONE },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(cases); i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct host_build *b = router(arena);
		struct packet packet = to_router(b, "198.51.100.7");

		build_sysctl(b, 0, "net.ipv4.conf.all.rp_filter", cases[i].all);
		build_sysctl(b, 0, "net.ipv4.conf.eth0.rp_filter", cases[i].own);
		assert_true(addr_parse(cases[i].src, &packet.src));
		assert_string_equal(
			drop_name(walk(b, "eth0", &packet)->leaf->drop), drop_name(cases[i].drop));
	}
}

static void a_setting_of_an_interface_with_a_dot_is_found(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = router(arena);
	struct packet packet = to_router(b, "198.51.100.7");
	int ns;

	(void)state;
	assert_true(addr_parse("198.51.100.3", &packet.src));
	built_link(b, "eth0", &ns)->name = "eth0.100";
	build_sysctl(b, 0, "net.ipv4.conf.eth0/100.rp_filter", "1");
	assert_string_equal(
		drop_name(walk(b, "eth0.100", &packet)->leaf->drop), drop_name(DROP_RP_FILTER));
}

static void what_was_not_read_is_not_guessed_and_asked_only_where_needed(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = router(arena);
	struct packet packet = to_router(b, "198.51.100.7");
	struct packet foreign = packet;

	(void)state;
	foreign.eth_dst.bytes[5] ^= 0x40;
	b->built[0].unread[b->netns[0].n_unread++] = (struct unread){ "routes", "EPERM" };
	assert_int_equal(walk(b, "eth0", &packet)->final, FINAL_CANNOT_TELL);
	/* a frame for another MAC is lost before any route is looked for */
	assert_int_equal(walk(b, "eth0", &foreign)->final, FINAL_DROPPED);
}

static void a_process_of_the_host_sends_by_its_routes(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = router(arena);
	struct packet packet = packet_of(PROTO_UDP, "192.0.2.1", "198.51.100.7");

	(void)state;
	assert_path(
		walk(b, NULL, &packet), "sent, route, neighbour eth1, transmit eth1; delivered");
}

static void a_neighbour_that_is_not_known_leaves_the_mac_open(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = router(arena);
	struct packet packet = packet_of(PROTO_UDP, "192.0.2.1", "192.0.2.77");
	const struct explanation *e = walk(b, NULL, &packet);

	(void)state;
	assert_int_equal(e->final, FINAL_DELIVERED);
	assert_true(e->leaf->last->packet->unknown & FIELD_BIT(FIELD_ETH_DST));
}

static void a_listening_socket_decides_what_a_syn_meets(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = router(arena);
	struct packet packet = to_router(b, "192.0.2.1");
	const struct explanation *e;

	(void)state;
	b->netns[0].n_sockets = 0;
	b->built[0].sockets[b->netns[0].n_sockets++] = (struct socket){ .family = FAMILY_IPV6,
		.local.family = FAMILY_IPV6,
		.proto = PROTO_TCP,
		.port = 443,
		.process = "nginx" };
	e = walk(b, "eth0", &packet);
	assert_int_equal(e->leaf->place, PLACE_SOCKET);
	assert_string_equal(e->leaf->socket->process, "nginx");
	packet.dport = 444;
	assert_int_equal(walk(b, "eth0", &packet)->leaf->drop, DROP_NO_SOCKET);
}

static void a_routing_rule_by_mark_changes_the_way(void **state)
{
	static const struct routing_rule rules[] = {
		{ .family = FAMILY_IPV4, .action = RULE_LOOKUP, .table = 255, .suppress_len = -1 },
		{ .family = FAMILY_IPV4,
			.priority = 100,
			.action = RULE_PROHIBIT,
			.mark = 7,
			.mark_mask = 0xff,
			.suppress_len = -1 },
		{ .family = FAMILY_IPV4,
			.priority = 32766,
			.action = RULE_LOOKUP,
			.table = 254,
			.suppress_len = -1 },
	};
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = router(arena);
	struct packet packet = to_router(b, "198.51.100.7");

	(void)state;
	b->netns[0].rules = rules;
	b->netns[0].n_rules = N_OF(rules);
	assert_int_equal(walk(b, "eth0", &packet)->final, FINAL_DELIVERED);
	packet.mark = 7;
	assert_int_equal(walk(b, "eth0", &packet)->leaf->drop, DROP_PROHIBIT);
}

/* --- conntrack --- */

static const char stateful[] =
	"*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n"
	"-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT\nCOMMIT\n";

static void an_entry_of_the_snapshot_makes_a_packet_established(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = router(arena);
	struct packet packet = to_router(b, "198.51.100.7");
	struct conntrack_entry *entry = &b->built[0].conntrack[0];

	(void)state;
	build_iptables(b, 0, stateful);
	assert_int_equal(walk(b, "eth0", &packet)->leaf->drop, DROP_POLICY);
	*entry = (struct conntrack_entry){ .proto = PROTO_TCP,
		.status = CT_STATUS_SEEN_REPLY,
		.orig = { packet.src, packet.dst, packet.sport, packet.dport },
		.reply = { packet.dst, packet.src, packet.dport, packet.sport } };
	b->netns[0].n_conntrack = 1;
	assert_int_equal(walk(b, "eth0", &packet)->final, FINAL_DELIVERED);
	/* in another zone it is another flow */
	entry->zone = 5;
	assert_int_equal(walk(b, "eth0", &packet)->leaf->drop, DROP_POLICY);
	b->built[0].unread[b->netns[0].n_unread++] = (struct unread){ "conntrack", "EPERM" };
	assert_int_equal(walk(b, "eth0", &packet)->final, FINAL_CANNOT_TELL);
}

static void the_translation_of_a_known_flow_is_applied_in_both_directions(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = router(arena);
	struct packet packet = to_router(b, "198.51.100.7");
	struct conntrack_entry *entry = &b->built[0].conntrack[0];
	struct addr own;
	const struct explanation *e;
	struct query reply;
	struct err err = { 0 };

	(void)state;
	assert_true(addr_parse("192.0.2.1", &own));
	*entry = (struct conntrack_entry){ .proto = PROTO_TCP,
		.status = CT_STATUS_SEEN_REPLY | CT_STATUS_SRC_NAT,
		.orig = { packet.src, packet.dst, packet.sport, packet.dport },
		.reply = { packet.dst, own, packet.dport, 50000 } };
	b->netns[0].n_conntrack = 1;
	build_neighbour(b, "eth0", "10.0.0.5", VM_A);
	/* nobody does it without a chain of type nat, on whichever hook */
	assert_int_equal(walk(b, "eth0", &packet)->final, FINAL_DELIVERED);
	build_iptables(b, 0, "*nat\n:PREROUTING ACCEPT [0:0]\nCOMMIT\n");
	e = walk(b, "eth0", &packet);
	assert_int_equal(e->final, FINAL_REWRITTEN);
	assert_int_equal(addr_compare(&e->leaf->last->packet->src, &own), 0);
	assert_int_equal(e->leaf->last->packet->sport, 50000);
	assert_true(explain_reply(e->leaf, &reply, &err));
	e = explain(arena, explainer_new(arena, &b->host), &reply);
	assert_int_equal(e->final, FINAL_REWRITTEN);
	assert_string_equal(e->leaf->last->link->name, "eth0");
	assert_int_equal(addr_compare(&e->leaf->last->packet->dst, &packet.src), 0);
	assert_int_equal(e->leaf->last->packet->dport, packet.sport);
}

static void a_packet_that_begins_nothing_is_invalid(void **state)
{
	static const uint8_t flags[] = { TCP_SYN | TCP_ACK, TCP_RST, TCP_FIN | TCP_ACK,
		TCP_SYN | TCP_FIN, 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(flags); i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct host_build *b = router(arena);
		struct packet packet = to_router(b, "198.51.100.7");

		build_iptables(b, 0,
			"*filter\n:FORWARD ACCEPT [0:0]\n"
			"-A FORWARD -m conntrack --ctstate INVALID -j DROP\nCOMMIT\n");
		packet.tcp_flags = flags[i];
		assert_int_equal(walk(b, "eth0", &packet)->leaf->drop, DROP_RULE);
		packet.tcp_flags = TCP_ACK;
		assert_int_equal(walk(b, "eth0", &packet)->final, FINAL_DELIVERED);
	}
}

static void every_reason_and_kind_is_in_the_documentation(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct text docs CLEANUP(text_done) = TEXT_INIT;
	struct err err;

	(void)state;
	if (!text_load(&docs, arena_printf(arena, "%s/../../docs/explain.md", getenv("GOLDEN")),
		    1 << 20, &err))
		fail_msg("%s", err.text);
	for (enum drop drop = DROP_NONE + 1; drop < N_DROPS; drop++) {
		const char *row =
			arena_printf(arena, "\n| `%s` | %s |\n", drop_name(drop), drop_words(drop));

		if (!strstr(docs.data, row))
			fail_msg("docs/explain.md has no row%s", row);
	}
	for (enum node_kind kind = 0; kind < N_NODE_KINDS; kind++)
		assert_non_null(
			strstr(docs.data, arena_printf(arena, "`%s`", node_kind_name(kind))));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(icmp_passes_both_hybrid_bridges_to_the_other_guest),
		cmocka_unit_test(ipip_is_dropped_on_the_senders_bridge_by_the_fallback_rule),
		cmocka_unit_test(a_mac_that_was_left_open_goes_the_only_way_there_is),
		cmocka_unit_test(without_nf_call_no_rule_is_asked),
		cmocka_unit_test(what_a_program_does_at_a_device_cannot_be_told),
		cmocka_unit_test(a_flow_that_drops_and_one_that_is_not_understood_are_told_apart),
		cmocka_unit_test(flows_that_were_not_read_say_why),
		cmocka_unit_test(a_port_of_an_ovs_that_was_not_read_is_not_told),
		cmocka_unit_test(of_copies_that_rules_drop_that_of_the_receiver_is_told),
		cmocka_unit_test(a_port_in_another_vlan_of_ovs_gets_nothing),
		cmocka_unit_test(dockers_masquerade_rewrites_a_bridged_frame_to_the_hosts_address),
		cmocka_unit_test(what_is_mapped_to_itself_is_mapped_by_nobody_else),
		cmocka_unit_test(a_published_port_leads_a_bridged_frame_to_where_dnat_says),
		cmocka_unit_test(a_routed_packet_gets_the_gateways_mac_and_one_hop_less),
		cmocka_unit_test(a_router_drops_for_the_reasons_that_the_kernel_has),
		cmocka_unit_test(forwarding_off_drops_what_is_not_for_the_host_itself),
		cmocka_unit_test(strict_rp_filter_drops_what_the_loose_one_lets_pass),
		cmocka_unit_test(a_setting_of_an_interface_with_a_dot_is_found),
		cmocka_unit_test(what_was_not_read_is_not_guessed_and_asked_only_where_needed),
		cmocka_unit_test(a_process_of_the_host_sends_by_its_routes),
		cmocka_unit_test(a_neighbour_that_is_not_known_leaves_the_mac_open),
		cmocka_unit_test(a_listening_socket_decides_what_a_syn_meets),
		cmocka_unit_test(a_routing_rule_by_mark_changes_the_way),
		cmocka_unit_test(an_entry_of_the_snapshot_makes_a_packet_established),
		cmocka_unit_test(the_translation_of_a_known_flow_is_applied_in_both_directions),
		cmocka_unit_test(a_packet_that_begins_nothing_is_invalid),
		cmocka_unit_test(every_reason_and_kind_is_in_the_documentation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
