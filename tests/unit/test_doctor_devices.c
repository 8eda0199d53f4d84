// SPDX-License-Identifier: GPL-2.0-or-later
/* The doctor on devices: MTU, switches of bridge ports, hairpin, queues, offloads. */
#include "unit.h"

#include <string.h>

#include "sickhost.h"

#define TAP "tap11111111-11"
#define QBR "qbr11111111-11"
#define QVB "qvb11111111-11"
#define QVO "qvo11111111-11"

/* ---- mtu ---- */

static void a_bridged_way_that_narrows_is_found_and_widened(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = sick_host(arena, NULL);
	const struct finding *finding;

	(void)state;
	built_link(b, QVB, NULL)->mtu = 1400;
	assert_diagnosis(b, "mtu", "risk mtu." TAP "-" QVB ": raise lower");
	finding = finding_of(b, "mtu", "mtu." TAP "-" QVB);
	assert_string_equal(finding->title,
		"packets of more than 1400 bytes from " TAP " are lost at " QVB ", without ICMP");
	assert_int_equal(finding->witness->explanation->leaf->drop, DROP_MTU);
	assert_string_equal(finding->fixes.items[0].commands, "ip link set " QVB " mtu 1500\n");
	assert_int_equal(finding->ports.n, 1);
}

static void two_narrow_devices_are_widened_together(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = sick_host(arena, NULL);

	(void)state;
	built_link(b, QVB, NULL)->mtu = 1400;
	built_link(b, QVO, NULL)->mtu = 1400;
	/* the other end is in another namespace: commands of this one do not widen both */
	assert_diagnosis(b, "mtu", "risk mtu." TAP "-" QVB ": lower");
	built_link(b, QVB, NULL)->mtu = 1500;
	assert_diagnosis(b, "mtu", "risk mtu." TAP "-" QVO "@ns1: raise lower");
}

static void add_ovs_port(
	struct host_build *b, const char *bridge, const char *name, uint16_t tag, const char *peer)
{
	b->ovs_ports[b->host.n_ovs_ports++] = (struct ovs_port){ .name = name,
		.bridge = bridge,
		.type = peer ? "patch" : "",
		.peer = peer,
		.tag = tag,
		.netns = peer ? -1 : 1 };
}

/* br-int of Open vSwitch, which has learned nobody, and br-ex behind it with two NICs; a second network has a NIC of its own. */
static struct host_build *host_with_nics(struct arena *arena)
{
	static const char *const normal[] = { " priority=0 actions=NORMAL" };
	static const char *const provider[] = {
		" priority=4,in_port=phy-br-ex,dl_vlan=1 actions=strip_vlan,NORMAL",
		" priority=2,in_port=phy-br-ex actions=drop", " priority=0 actions=NORMAL"
	};
	struct host_build *b = sick_host(arena, NULL);

	built_link(b, "br-int", NULL)->kind = "openvswitch";
	build_link(b, 1, "", "eth1");
	build_link(b, 1, "", "eth2");
	build_port(b, "br-int", "eth1");
	build_port(b, "br-int", "eth2");
	b->ovs_bridges[0] = (struct ovs_bridge){
		.name = "br-int", .has_flows = true, .flows = normal, .n_flows = 1, .has_fdb = true
	};
	b->ovs_bridges[1] = (struct ovs_bridge){ .name = "br-ex",
		.has_flows = true,
		.flows = provider,
		.n_flows = N_OF(provider),
		.has_fdb = true };
	b->host.n_ovs_bridges = 2;
	add_ovs_port(b, "br-int", QVO, 1, NULL);
	add_ovs_port(b, "br-int", "qvo22222222-22", 1, NULL);
	add_ovs_port(b, "br-int", "int-br-ex", 0, "phy-br-ex");
	add_ovs_port(b, "br-ex", "phy-br-ex", 0, "int-br-ex");
	add_ovs_port(b, "br-ex", "eth1", 0, NULL);
	add_ovs_port(b, "br-int", "eth2", 2, NULL);
	return b;
}

static void a_narrow_nic_behind_a_switch_that_has_learned_nobody_is_found(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = host_with_nics(arena);
	const struct finding *finding;

	(void)state;
	assert_diagnosis(b, "mtu", "-");
	built_link(b, "eth1", NULL)->mtu = 1450;
	assert_diagnosis(b, "mtu", "risk mtu." TAP "-eth1@ns1: lower");
	finding = finding_of(b, "mtu", "mtu." TAP "-eth1@ns1");
	assert_int_equal(finding->witness->explanation->leaf->drop, DROP_MTU);
	assert_string_equal(finding->witness->explanation->leaf->last->link->name, "eth1");
	assert_int_equal(finding->ports.n, 2);
	/* no frame with this tag gets to a port with another one */
	built_link(b, "eth1", NULL)->mtu = 1500;
	built_link(b, "eth2", NULL)->mtu = 1450;
	assert_diagnosis(b, "mtu", "-");
}

static void one_mtu_all_along_or_room_for_a_tag_is_healthy(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = sick_host(arena, NULL);

	(void)state;
	built_link(b, QVB, NULL)->mtu = 1496;
	assert_diagnosis(b, "mtu", "-");
	b = sick_host(arena, NULL);
	built_link(b, QVB, NULL)->mtu = 9000;
	built_link(b, QVO, NULL)->mtu = 9000;
	built_link(b, TAP, NULL)->mtu = 9000;
	built_link(b, "qvb22222222-22", NULL)->mtu = 9000;
	built_link(b, "qvo22222222-22", NULL)->mtu = 9000;
	built_link(b, "tap22222222-22", NULL)->mtu = 9000;
	assert_diagnosis(b, "mtu", "-");
}

/* ---- switches of ports ---- */

static void both_ends_of_the_way_out_are_isolated(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = sick_host(arena, NULL);
	const struct finding *finding;

	(void)state;
	built_link(b, TAP, NULL)->is_isolated = true;
	assert_diagnosis(b, "port-isolated", "-");
	b = sick_host(arena, NULL);
	built_link(b, TAP, NULL)->is_isolated = true;
	built_link(b, QVB, NULL)->is_isolated = true;
	assert_diagnosis(b, "port-isolated", "broken port-isolated." QVB ": isolated");
	finding = finding_of(b, "port-isolated", "port-isolated." QVB);
	assert_int_equal(finding->witness->explanation->leaf->drop, DROP_BRIDGE_ISOLATED);
	assert_string_equal(
		finding->fixes.items[0].commands, "bridge link set dev " QVB " isolated off\n");
}

static void a_locked_port_does_not_know_its_machine(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = sick_host(arena, NULL);

	(void)state;
	built_link(b, TAP, NULL)->is_locked = true;
	assert_diagnosis(b, "port-locked", "-");
	b = sick_host(arena, NULL);
	built_link(b, TAP, NULL)->is_locked = true;
	b->built[0].fdb[0].mac.bytes[5] = 0x99;
	assert_diagnosis(b, "port-locked", "broken port-locked." TAP ": locked");
}

static void a_port_does_not_forward_without_a_spanning_tree(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = sick_host(arena, NULL);

	(void)state;
	built_link(b, QVB, NULL)->port_state = PORT_BLOCKING;
	built_link(b, QBR, NULL)->has_stp = true;
	assert_diagnosis(b, "port-state", "-");
	b = sick_host(arena, NULL);
	built_link(b, QVB, NULL)->port_state = PORT_BLOCKING;
	assert_diagnosis(b, "port-state", "broken port-state." QVB ": state");
	assert_string_equal(finding_of(b, "port-state", "port-state." QVB)->fixes.items[0].commands,
		"bridge link set dev " QVB " state 3\n");
	b = sick_host(arena, NULL);
	build_unread(b, 0, "links port_state");
	assert_diagnosis(b, "port-state", "- ? links port_state was not read: EPERM");
}

/* ---- hairpin ---- */

#define PUBLISHED(rules, more)                                                                     \
	"*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"              \
	":POSTROUTING ACCEPT [0:0]\n" rules                                                        \
	" -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:443\n" more "COMMIT\n"
/* what Docker writes for a container that asks for itself */
#define ITSELF                                                                                     \
	"-A POSTROUTING -s 172.17.0.2/32 -d 172.17.0.2/32 -p tcp -m tcp --dport 443 -j MASQUERADE\n"

static void a_container_does_not_reach_itself(void **state)
{
	static const char rules[] = PUBLISHED("-A PREROUTING -d 198.18.0.1/32", ITSELF);
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = sick_host(arena, NULL);

	(void)state;
	build_fdb(b, "vethc1", "02:42:ac:11:00:02");
	build_iptables(b, 0, rules);
	assert_diagnosis(b, "hairpin", "risk hairpin.vethc1: hairpin");
	assert_int_equal(
		finding_of(b, "hairpin", "hairpin.vethc1")->witness->explanation->leaf->drop,
		DROP_BRIDGE_HAIRPIN);
	b = sick_host(arena, NULL);
	build_fdb(b, "vethc1", "02:42:ac:11:00:02");
	build_iptables(b, 0, rules);
	built_link(b, "vethc1", NULL)->has_hairpin = true;
	assert_diagnosis(b, "hairpin", "-");
	/* its own address would come back to it as a stranger's */
	b = sick_host(arena, NULL);
	build_fdb(b, "vethc1", "02:42:ac:11:00:02");
	build_iptables(b, 0, PUBLISHED("-A PREROUTING -d 198.18.0.1/32", ""));
	assert_diagnosis(b, "hairpin", "risk hairpin.vethc1: hairpin-and-masquerade");
	/* docker with its userland proxy: who is inside is answered by the proxy */
	b = sick_host(arena, NULL);
	build_fdb(b, "vethc1", "02:42:ac:11:00:02");
	build_iptables(b, 0, PUBLISHED("-A PREROUTING ! -i docker0", ITSELF));
	assert_diagnosis(b, "hairpin", "-");
}

/* A second container of docker0, behind vethc2; bridged packets pass no rules. */
static struct host_build *with_neighbour(struct arena *arena, const char *rules, bool is_filtered)
{
	struct host_build *b = sick_host(arena, NULL);

	build_fdb(b, "vethc1", "02:42:ac:11:00:02");
	build_veth(b, 0, "vethc2", 3, "eth0c2");
	build_port(b, "docker0", "vethc2");
	build_address(b, "eth0c2", "172.17.0.3/16");
	build_neighbour(b, "docker0", "172.17.0.3", "02:42:ac:11:00:03");
	build_neighbour(b, "eth0c1", "172.17.0.3", "02:42:ac:11:00:03");
	build_neighbour(b, "eth0c1", "172.17.0.1", "02:00:00:00:01:02");
	built_link(b, "eth0c1", NULL)->mac = (struct mac){ { 2, 0x42, 0xac, 0x11, 0, 2 } };
	built_link(b, "eth0c2", NULL)->mac = (struct mac){ { 2, 0x42, 0xac, 0x11, 0, 3 } };
	build_fdb(b, "vethc2", "02:42:ac:11:00:03");
	b->netns[0].has_br_netfilter = is_filtered;
	build_iptables(b, 0, rules);
	return b;
}

static void a_neighbour_answers_past_the_host(void **state)
{
	static const char rules[] = PUBLISHED("-A PREROUTING -d 198.18.0.1/32", "");
	static const char masquerading[] = PUBLISHED("-A PREROUTING -d 198.18.0.1/32",
		"-A POSTROUTING -s 172.17.0.0/16 -o docker0 -j MASQUERADE\n");
	struct arena *arena CLEANUP(arena_freep) = arena_new();

	(void)state;
	assert_diagnosis(with_neighbour(arena, rules, false), "hairpin",
		"risk hairpin.PREROUTING-1: masquerade");
	assert_diagnosis(with_neighbour(arena, masquerading, false), "hairpin", "-");
	/* on its way back the answer passes conntrack, and hairpin is another matter */
	assert_diagnosis(with_neighbour(arena, rules, true), "hairpin",
		"risk hairpin.vethc1: hairpin-and-masquerade");
}

/* ---- multicast-snooping ---- */

#define DROPS_REPORTS                                                                                      \
	"table bridge x {\n\tchain pre {\n\t\ttype filter hook prerouting priority -200; policy accept;\n" \
	"\t\ticmpv6 type 143 drop\n\t}\n}\n"

static struct host_build *with_snooping(struct arena *arena, bool is_querier, const char *rules)
{
	struct host_build *b = sick_host(arena, NULL);

	built_link(b, QBR, NULL)->has_mcast_snooping = true;
	built_link(b, QBR, NULL)->has_mcast_querier = is_querier;
	build_address(b, QBR, "fe80::1/64");
	if (rules)
		build_nft(b, 0, rules);
	return b;
}

static void a_bridge_that_asks_for_groups_hears_no_answer(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();

	(void)state;
	assert_diagnosis(with_snooping(arena, true, DROPS_REPORTS), "multicast-snooping",
		"risk multicast-snooping." TAP ": flood");
	assert_diagnosis(with_snooping(arena, true, NULL), "multicast-snooping", "-");
	/* without a querier it floods */
	assert_diagnosis(with_snooping(arena, false, DROPS_REPORTS), "multicast-snooping", "-");
}

/* ---- nfqueue ---- */

#define MANGLE(rule)                                                                               \
	"*mangle\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n"          \
	":OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n" rule "\nCOMMIT\n"

static struct host_build *with_queue(
	struct arena *arena, const char *rules, const struct packet_queue *queues, size_t n)
{
	struct host_build *b = sick_host(arena, NULL);

	build_iptables(b, 0, rules);
	b->netns[0].queues = queues;
	b->netns[0].n_queues = n;
	return b;
}

static void nobody_listens_on_a_queue(void **state)
{
	static const struct packet_queue queues[] = { { .number = 2 }, { .number = 3 } };
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b =
		with_queue(arena, MANGLE("-A FORWARD -j NFQUEUE --queue-num 3"), NULL, 0);
	const struct finding *finding;

	(void)state;
	assert_diagnosis(b, "nfqueue", "broken nfqueue.FORWARD-1: start bypass");
	finding = finding_of(b, "nfqueue", "nfqueue.FORWARD-1");
	assert_int_equal(finding->witness->explanation->final, FINAL_CONSUMED);
	assert_string_equal(finding->fixes.items[1].commands,
		"iptables -t mangle -R FORWARD 1 -j NFQUEUE --queue-num 3 --queue-bypass\n");
	b = with_queue(arena, MANGLE("-A FORWARD -j NFQUEUE --queue-num 3"), queues, 2);
	assert_diagnosis(b, "nfqueue", "-");
	b = with_queue(
		arena, MANGLE("-A FORWARD -j NFQUEUE --queue-num 3 --queue-bypass"), NULL, 0);
	assert_diagnosis(b, "nfqueue", "-");
	/* one of several */
	b = with_queue(arena, MANGLE("-A FORWARD -j NFQUEUE --queue-balance 2:4"), queues, 2);
	assert_diagnosis(b, "nfqueue", "broken nfqueue.FORWARD-1: start bypass");
	b = with_queue(arena, MANGLE("-A FORWARD -j NFQUEUE --queue-balance 2:3"), queues, 2);
	assert_diagnosis(b, "nfqueue", "-");
}

static void a_queue_for_the_host_is_found_by_a_usual_packet(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = with_queue(arena,
		MANGLE("-A INPUT -i eth0 -p tcp -m tcp --dport 22 -j NFQUEUE --queue-num 0"), NULL,
		0);

	(void)state;
	assert_diagnosis(b, "nfqueue", "broken nfqueue.INPUT-1: start bypass");
	/* nothing comes to it */
	b = with_queue(arena,
		MANGLE("-A INPUT -i eth0 -j ACCEPT\n-A INPUT -i eth0 -j NFQUEUE --queue-num 0"),
		NULL, 0);
	assert_diagnosis(b, "nfqueue", "-");
}

static void queues_of_nft_are_known(void **state)
{
	static const char *const rules[] = { "queue", "queue num 5", "queue flags bypass to 5",
		"queue num 5 bypass" };
	struct arena *arena CLEANUP(arena_freep) = arena_new();

	(void)state;
	for (size_t i = 0; i < N_OF(rules); i++) {
		struct host_build *b = sick_host(arena, NULL);

		build_nft(b, 0,
			arena_printf(arena,
				"table ip ips {\n\tchain forward {\n\t\ttype filter hook forward "
				"priority 10; policy accept;\n\t\t%s\n\t}\n}\n",
				rules[i]));
		assert_diagnosis(b, "nfqueue", i < 2 ? "broken nfqueue.forward-1: start" : "-");
	}
}

static void which_queues_have_a_program_was_not_read(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b =
		with_queue(arena, MANGLE("-A FORWARD -j NFQUEUE --queue-num 3"), NULL, 0);

	(void)state;
	build_unread(b, 0, "queues");
	assert_diagnosis(b, "nfqueue", "- ? queues was not read: EPERM");
}

/* ---- offloads ---- */

static void a_port_of_a_bridge_puts_segments_together(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = sick_host(arena, NULL);

	(void)state;
	built_link(b, "eth0", NULL)->has_lro = true;
	assert_diagnosis(b, "lro-under-bridge", "-");
	b = sick_host(arena, NULL);
	build_link(b, 0, "", "eth1")->has_lro = true;
	build_port(b, QBR, "eth1");
	assert_diagnosis(b, "lro-under-bridge", "risk lro-under-bridge.eth1: lro");
}

/* dnsmasq serves the machine's bridge. */
static struct host_build *with_dhcp(struct arena *arena)
{
	struct host_build *b = sick_host(arena, NULL);

	build_address(b, QBR, "10.5.0.1/24");
	built_link(b, TAP, NULL)->has_tx_checksum = true;
	b->built[0].sockets[b->netns[0].n_sockets++] = (struct socket){
		.family = FAMILY_IPV4, .proto = PROTO_UDP, .port = 67, .process = "dnsmasq"
	};
	return b;
}

static void answers_of_dhcp_have_no_checksum(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = with_dhcp(arena);

	(void)state;
	assert_diagnosis(b, "dhcp-checksum", "hint dhcp-checksum." QBR ": fill");
	b = with_dhcp(arena);
	build_iptables(b, 0,
		MANGLE("-A POSTROUTING -o " QBR
		       " -p udp -m udp --dport 68 -j CHECKSUM --checksum-fill"));
	assert_diagnosis(b, "dhcp-checksum", "-");
	b = with_dhcp(arena);
	built_link(b, TAP, NULL)->has_tx_checksum = false;
	assert_diagnosis(b, "dhcp-checksum", "-");
}

static struct host_build *with_tunnel(struct arena *arena, const char *rule)
{
	struct host_build *b = sick_host(arena, NULL);
	struct fdb_entry *entry = &b->built[0].fdb[b->netns[0].n_fdb++];
	struct link *link = build_link(b, 0, "vxlan", "flannel.1");

	link->has_tx_checksum = true;
	*entry = (struct fdb_entry){ .port_index = link->index };
	assert_true(addr_parse("198.18.0.2", &entry->dst));
	build_iptables(b, 0,
		arena_printf(arena,
			"*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
			":POSTROUTING ACCEPT [0:0]\n%s\nCOMMIT\n",
			rule));
	return b;
}

static void packets_of_a_tunnel_are_rewritten(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b;

	(void)state;
	b = with_tunnel(arena, "-A POSTROUTING -o eth0 -p udp -j SNAT --to-source 198.18.0.7");
	assert_diagnosis(
		b, "vxlan-checksum", "risk vxlan-checksum.flannel.1: tx-checksum-ip-generic");
	b = with_tunnel(arena,
		"-A POSTROUTING -o eth0 -p udp -m udp --dport 53 -j SNAT --to-source 198.18.0.7");
	assert_diagnosis(b, "vxlan-checksum", "-");
	b = with_tunnel(arena, "-A POSTROUTING -o eth0 -p udp -j SNAT --to-source 198.18.0.7");
	built_link(b, "flannel.1", NULL)->has_tx_checksum = false;
	assert_diagnosis(b, "vxlan-checksum", "-");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bridged_way_that_narrows_is_found_and_widened),
		cmocka_unit_test(two_narrow_devices_are_widened_together),
		cmocka_unit_test(a_narrow_nic_behind_a_switch_that_has_learned_nobody_is_found),
		cmocka_unit_test(one_mtu_all_along_or_room_for_a_tag_is_healthy),
		cmocka_unit_test(both_ends_of_the_way_out_are_isolated),
		cmocka_unit_test(a_locked_port_does_not_know_its_machine),
		cmocka_unit_test(a_port_does_not_forward_without_a_spanning_tree),
		cmocka_unit_test(a_container_does_not_reach_itself),
		cmocka_unit_test(a_neighbour_answers_past_the_host),
		cmocka_unit_test(a_bridge_that_asks_for_groups_hears_no_answer),
		cmocka_unit_test(nobody_listens_on_a_queue),
		cmocka_unit_test(a_queue_for_the_host_is_found_by_a_usual_packet),
		cmocka_unit_test(queues_of_nft_are_known),
		cmocka_unit_test(which_queues_have_a_program_was_not_read),
		cmocka_unit_test(a_port_of_a_bridge_puts_segments_together),
		cmocka_unit_test(answers_of_dhcp_have_no_checksum),
		cmocka_unit_test(packets_of_a_tunnel_are_rewritten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
