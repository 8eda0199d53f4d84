// SPDX-License-Identifier: GPL-2.0-or-later
/* What a report claims beside the walk: the change that flips the verdict, the fields that do not matter. */
#include "unit.h"

#include <string.h>

#include "explain/report.h"
#include "hostbuild.h"
#include "packet/expr.h"
#include "packet/field.h"

#define MACS " mac fa:16:3e:00:00:01 > fa:16:3e:00:00:02"

/* Two of Neutron's ports on one bridge, as its driver writes their chains. */
static const char neutron_rules[] =
	"*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
	":neutron-openvswi-FORWARD - [0:0]\n:neutron-openvswi-sg-chain - [0:0]\n"
	":neutron-openvswi-sg-fallback - [0:0]\n:neutron-openvswi-i11111111-1 - [0:0]\n"
	":neutron-openvswi-o11111111-1 - [0:0]\n:neutron-openvswi-s11111111-1 - [0:0]\n"
	":neutron-openvswi-i22222222-2 - [0:0]\n"
	"-A FORWARD -j neutron-openvswi-FORWARD\n"
	"-A neutron-openvswi-FORWARD -m physdev --physdev-out tap22222222-22 --physdev-is-bridged -j neutron-openvswi-sg-chain\n"
	"-A neutron-openvswi-FORWARD -m physdev --physdev-in tap11111111-11 --physdev-is-bridged -j neutron-openvswi-sg-chain\n"
	"-A neutron-openvswi-sg-chain -m physdev --physdev-in tap11111111-11 --physdev-is-bridged -j neutron-openvswi-o11111111-1\n"
	"-A neutron-openvswi-sg-chain -m physdev --physdev-out tap22222222-22 --physdev-is-bridged -j neutron-openvswi-i22222222-2\n"
	"-A neutron-openvswi-sg-chain -j ACCEPT\n"
	"-A neutron-openvswi-o11111111-1 -j neutron-openvswi-s11111111-1\n"
	"-A neutron-openvswi-o11111111-1 -p udp -m udp --sport 67 --dport 68 -j DROP\n"
	"-A neutron-openvswi-o11111111-1 -m state --state RELATED,ESTABLISHED -j RETURN\n"
	"-A neutron-openvswi-o11111111-1 -p icmp -j RETURN\n"
	"-A neutron-openvswi-o11111111-1 -p 4 -j RETURN\n"
	"-A neutron-openvswi-o11111111-1 -m state --state INVALID -j DROP\n"
	"-A neutron-openvswi-o11111111-1 -j neutron-openvswi-sg-fallback\n"
	"-A neutron-openvswi-s11111111-1 -s 10.0.0.1/32 -m mac --mac-source FA:16:3E:00:00:01 -j RETURN\n"
	"-A neutron-openvswi-s11111111-1 -j DROP\n"
	"-A neutron-openvswi-i22222222-2 -m state --state RELATED,ESTABLISHED -j RETURN\n"
	"-A neutron-openvswi-i22222222-2 -p tcp -m tcp --dport 22 -j RETURN\n"
	"-A neutron-openvswi-i22222222-2 -m state --state INVALID -j DROP\n"
	"-A neutron-openvswi-i22222222-2 -j neutron-openvswi-sg-fallback\n"
	"-A neutron-openvswi-sg-fallback -j DROP\n"
	"COMMIT\n";

static struct host_build *two_ports(struct arena *arena)
{
	struct host_build *b = host_build_new(arena);

	build_link(b, 0, "bridge", "qbr1")->nf_call[FAMILY_IPV4] = true;
	build_link(b, 0, "tun", "tap11111111-11");
	build_link(b, 0, "tun", "tap22222222-22");
	build_port(b, "qbr1", "tap11111111-11");
	build_port(b, "qbr1", "tap22222222-22");
	build_fdb(b, "tap11111111-11", "fa:16:3e:00:00:01");
	build_fdb(b, "tap22222222-22", "fa:16:3e:00:00:02");
	return b;
}

static struct report report_of(struct host_build *b, const char *in, const char *packet)
{
	const struct host *host = host_built(b);
	struct query *query = arena_new_one(b->arena, struct query);
	struct explainer *explainer;
	struct report report;
	struct err err = { 0 };

	if (!explain_find_entry(host, in, query, &err) ||
		!packet_expr_parse(packet, &query->packet, &err))
		fail_msg("%s", err.text);
	explainer = explainer_new(b->arena, host);
	report_make(b->arena, explainer, query, explain(b->arena, explainer, query),
		REPORT_ANY | REPORT_CHANGES, &report);
	return report;
}

/* "-> delivered: COMMAND; COMMAND", "-> nothing" */
static void assert_changes(
	struct host_build *b, const char *in, const char *packet, const char *expected)
{
	struct report report = report_of(b, in, packet);
	struct text text CLEANUP(text_done) = TEXT_INIT;

	text_addf(&text, "%s -> ", final_name(report.explanation->final));
	if (!report.changes.n)
		text_add(&text, "nothing");
	else
		text_addf(&text, "%s: ", final_name(report.changes.after));
	for (size_t i = 0; i < report.changes.n; i++)
		text_addf(&text, "%s%s", i ? "; " : "", report.changes.items[i].command);
	assert_string_equal(text.data, expected);
}

static void assert_words(
	struct host_build *b, const char *in, const char *packet, const char *expected)
{
	struct report report = report_of(b, in, packet);
	struct text text CLEANUP(text_done) = TEXT_INIT;

	report_print_verdict(&text, &report);
	assert_string_equal(text.data, expected);
}

#define TAP1 "tap11111111-11"

static void what_no_group_lets_in_needs_a_rule_of_the_group(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = two_ports(arena);

	(void)state;
	build_iptables(b, 0, neutron_rules);
	assert_words(b, TAP1, "ipip 10.0.0.1 10.0.0.2" MACS,
		"dropped at tap22222222-22: no rule of the security groups of port "
		"tap22222222-22 lets in ipip (protocol 4) from 10.0.0.1");
	assert_changes(b, TAP1, "ipip 10.0.0.1 10.0.0.2" MACS,
		"dropped -> delivered: openstack security group rule create --ingress "
		"--ethertype IPv4 --protocol 4 --remote-ip 10.0.0.1/32 GROUP");
	assert_changes(b, TAP1, "icmp 10.0.0.1 10.0.0.2" MACS,
		"dropped -> delivered: openstack security group rule create --ingress "
		"--ethertype IPv4 --protocol icmp --icmp-type 8 --remote-ip 10.0.0.1/32 GROUP");
}

static void what_two_groups_do_not_allow_needs_a_rule_in_each(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = two_ports(arena);

	(void)state;
	build_iptables(b, 0, neutron_rules);
	assert_changes(b, TAP1, "tcp 10.0.0.1:4000 10.0.0.2:80" MACS,
		"dropped -> delivered: openstack security group rule create --egress "
		"--ethertype IPv4 --protocol tcp --dst-port 80 --remote-ip 10.0.0.2/32 GROUP; "
		"openstack security group rule create --ingress --ethertype IPv4 --protocol tcp "
		"--dst-port 80 --remote-ip 10.0.0.1/32 GROUP");
}

static void a_foreign_source_needs_an_allowed_address_pair(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = two_ports(arena);

	(void)state;
	build_iptables(b, 0, neutron_rules);
	assert_words(b, TAP1, "ipip 10.0.0.7 10.0.0.2" MACS,
		"dropped at tap22222222-22: the source 10.0.0.7 with MAC fa:16:3e:00:00:01 is none "
		"of port tap11111111-11 (anti-spoofing)");
	assert_changes(b, TAP1, "ipip 10.0.0.7 10.0.0.2" MACS,
		"dropped -> delivered: openstack port set --allowed-address "
		"ip-address=10.0.0.7,mac-address=fa:16:3e:00:00:01 PORT; openstack security group "
		"rule create --ingress --ethertype IPv4 --protocol 4 --remote-ip 10.0.0.7/32 GROUP");
}

/* A group's rule would stand behind it and never be asked. */
static void what_every_port_forbids_no_group_allows(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = two_ports(arena);

	(void)state;
	build_iptables(b, 0, neutron_rules);
	assert_changes(b, TAP1, "udp 10.0.0.1:67 10.0.0.2:68" MACS,
		"dropped -> delivered: iptables -I FORWARD 1 -s 10.0.0.1 -d 10.0.0.2 -p udp -m udp "
		"--dport 68 -m physdev --physdev-in tap11111111-11 --physdev-out tap22222222-22 "
		"--physdev-is-bridged -j ACCEPT");
}

static const char docker_nat[] =
	"*nat\n:PREROUTING ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n"
	"-A POSTROUTING -s 10.0.0.0/8 ! -o docker0 -j MASQUERADE\nCOMMIT\n";

static void a_bridged_packet_is_spared_the_rewriting(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = two_ports(arena);

	(void)state;
	build_link(b, 0, "", "eth0");
	build_address(b, "eth0", "192.0.2.10/24");
	build_iptables(b, 0, docker_nat);
	assert_changes(b, TAP1, "icmp 10.0.0.1 10.0.0.2" MACS,
		"rewritten -> delivered: iptables -t nat -I POSTROUTING 1 -o qbr+ -j RETURN");
}

/* The group knows the VM's address, but not the host's. */
static void what_is_lost_because_it_was_rewritten_is_spared_the_rewriting(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = two_ports(arena);

	(void)state;
	build_link(b, 0, "", "eth0");
	build_address(b, "eth0", "192.0.2.10/24");
	build_nft(b, 0,
		"table ip mangling {\n\tchain post {\n"
		"\t\ttype nat hook postrouting priority srcnat; policy accept;\n"
		"\t\tip saddr 10.0.0.0/8 masquerade\n\t}\n"
		"\tchain last {\n\t\ttype filter hook postrouting priority 200; policy drop;\n"
		"\t\tip saddr 10.0.0.0/8 accept\n\t}\n}\n");
	assert_changes(b, TAP1, "icmp 10.0.0.1 10.0.0.2" MACS,
		"dropped -> delivered: nft insert rule ip mangling post 'oifname \"qbr*\" return'");
}

static struct host_build *router(struct arena *arena)
{
	struct host_build *b = host_build_new(arena);

	build_link(b, 0, "", "eth0");
	build_link(b, 0, "", "eth1");
	build_address(b, "eth0", "10.0.0.254/24");
	build_address(b, "eth1", "192.0.2.254/24");
	build_neighbour(b, "eth1", "192.0.2.1", "02:00:00:00:00:01");
	build_sysctl(b, 0, "net.ipv4.ip_forward", "1");
	built_link(b, "eth0", NULL)->mac = (struct mac){ { 2, 0, 0, 0, 0, 0xee } };
	return b;
}

#define ROUTED "tcp 10.0.0.1:4000 192.0.2.1:80 mac 02:00:00:00:00:05 > 02:00:00:00:00:ee"

static void a_routers_policy_needs_a_narrow_rule(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = router(arena);

	(void)state;
	build_iptables(b, 0,
		"*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n"
		"-A FORWARD -i eth7 -j ACCEPT\nCOMMIT\n");
	assert_changes(b, "eth0", ROUTED,
		"dropped -> delivered: iptables -A FORWARD -s 10.0.0.1 -d 192.0.2.1 -i eth0 -o eth1 "
		"-p tcp -m tcp --dport 80 -j ACCEPT");
}

static void docker_keeps_a_chain_for_others(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = router(arena);

	(void)state;
	build_iptables(b, 0,
		"*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n"
		":DOCKER-USER - [0:0]\n-A FORWARD -j DOCKER-USER\n"
		"-A DOCKER-USER -j RETURN\nCOMMIT\n");
	assert_changes(b, "eth0", ROUTED,
		"dropped -> delivered: iptables -I DOCKER-USER 1 -s 10.0.0.1 -d 192.0.2.1 -i eth0 "
		"-o eth1 -p tcp -m tcp --dport 80 -j ACCEPT");
}

static void a_rule_of_nft_is_written_as_nft_reads_it(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = router(arena);

	(void)state;
	build_nft(b, 0,
		"table inet fw {\n\tchain forward {\n"
		"\t\ttype filter hook forward priority filter; policy accept;\n"
		"\t\ttcp dport 22 accept\n\t\tip saddr 10.0.0.0/8 drop\n\t}\n}\n");
	assert_changes(b, "eth0", ROUTED,
		"dropped -> delivered: nft insert rule inet fw forward index 1 'iifname \"eth0\" "
		"oifname \"eth1\" ip saddr 10.0.0.1 ip daddr 192.0.2.1 tcp dport 80 accept'");
}

static void switches_of_the_kernel_are_named(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = router(arena);

	(void)state;
	build_sysctl(b, 0, "net.ipv4.conf.eth0.rp_filter", "1");
	assert_changes(b, "eth0",
		"icmp 198.51.100.1 192.0.2.1 mac 02:00:00:00:00:05 > 02:00:00:00:00:ee",
		"dropped -> nothing");
	build_route(b, "198.51.100.0/24", "eth1", NULL);
	assert_changes(b, "eth0",
		"icmp 198.51.100.1 192.0.2.1 mac 02:00:00:00:00:05 > 02:00:00:00:00:ee",
		"dropped -> delivered: sysctl -w net.ipv4.conf.eth0.rp_filter=2");
	b = router(arena);
	build_sysctl(b, 0, "net.ipv4.conf.eth0.forwarding", "0");
	assert_changes(b, "eth0", ROUTED,
		"dropped -> delivered: sysctl -w net.ipv4.conf.eth0.forwarding=1");
	b = two_ports(arena);
	built_link(b, "tap22222222-22", NULL)->is_up = false;
	assert_changes(b, TAP1, "icmp 10.0.0.1 10.0.0.2" MACS,
		"dropped -> delivered: ip link set tap22222222-22 up");
}

static void flags_of_a_bridge_port_are_named(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = two_ports(arena);

	(void)state;
	built_link(b, "tap11111111-11", NULL)->is_isolated = true;
	built_link(b, "tap22222222-22", NULL)->is_isolated = true;
	assert_changes(b, TAP1, "icmp 10.0.0.1 10.0.0.2" MACS,
		"dropped -> delivered: bridge link set dev tap22222222-22 isolated off");
}

static void a_field_that_no_rule_asked_for_does_not_matter(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = two_ports(arena);
	struct report report;

	(void)state;
	build_iptables(b, 0, neutron_rules);
	assert_words(b, TAP1, "tcp 10.0.0.1:4000 any:80" MACS,
		"dropped at tap22222222-22: no rule of the security groups of port tap11111111-11 "
		"lets out tcp to port 80 to anywhere");
	report = report_of(b, TAP1, "tcp 10.0.0.1:4000 10.0.0.2:80" MACS);
	assert_true(report.any & FIELD_BIT(FIELD_SPORT));
	assert_true(report.any & FIELD_BIT(FIELD_DST));
	assert_true(report.any & FIELD_BIT(FIELD_DPORT));
	/* another source is another drop: that of the anti-spoofing chain */
	assert_false(report.any & FIELD_BIT(FIELD_SRC));
	assert_false(report.fields & report.any);
	report = report_of(b, TAP1, "tcp 10.0.0.7:4000 10.0.0.2:80" MACS);
	assert_false(report.any & FIELD_BIT(FIELD_SRC));
	assert_true(report.any & FIELD_BIT(FIELD_DPORT));
}

/* Whom a stateful rule lets in is told by the entries, whichever end of them is open. */
static void what_another_entry_lets_in_is_not_the_same_for_any_end(void **state)
{
	static const char *const others[] = { "10.0.0.7", "192.0.2.7" };
	static const uint64_t fields[] = { FIELD_BIT(FIELD_SRC), FIELD_BIT(FIELD_DST) };
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = router(arena);
	struct conntrack_entry *entry = &b->built[0].conntrack[0];

	(void)state;
	build_neighbour(b, "eth1", "192.0.2.7", "02:00:00:00:00:07");
	build_iptables(b, 0,
		"*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n"
		"-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT\nCOMMIT\n");
	assert_true(report_of(b, "eth0", ROUTED).any & FIELD_BIT(FIELD_SRC));
	b->netns[0].n_conntrack = 1;
	for (size_t i = 0; i < N_OF(others); i++) {
		struct flow_tuple orig = { .sport = 4000, .dport = 80 };

		assert_true(addr_parse(i ? "10.0.0.1" : others[i], &orig.src));
		assert_true(addr_parse(i ? others[i] : "192.0.2.1", &orig.dst));
		*entry = (struct conntrack_entry){ .proto = PROTO_TCP,
			.status = CT_STATUS_SEEN_REPLY,
			.orig = orig,
			.reply = { orig.dst, orig.src, orig.dport, orig.sport } };
		assert_false(report_of(b, "eth0", ROUTED).any & fields[i]);
	}
	/* a flow of another protocol lets none of them in */
	entry->proto = PROTO_UDP;
	assert_true(report_of(b, "eth0", ROUTED).any & FIELD_BIT(FIELD_SRC));
}

static void an_open_field_that_decides_is_named(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = two_ports(arena);
	struct text text CLEANUP(text_done) = TEXT_INIT;
	struct report report;

	(void)state;
	build_iptables(b, 0,
		"*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n"
		"-A FORWARD -p tcp -m tcp --dport 80 -j DROP\nCOMMIT\n");
	report = report_of(b, TAP1, "tcp 10.0.0.1:4000 10.0.0.2:any" MACS);
	assert_int_equal(report.explanation->final, FINAL_CANNOT_TELL);
	report_print_missing(&text, &report);
	assert_string_equal(text.data,
		"whether rule 1 of chain FORWARD, table filter, matches; left open: destination "
		"port (give DESTINATION:PORT)");
	assert_int_equal(report.changes.n, 0);
}

static void what_is_not_modelled_is_named(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = two_ports(arena);
	struct text text CLEANUP(text_done) = TEXT_INIT;
	struct report report;

	(void)state;
	build_iptables(b, 0,
		"*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n"
		"-A FORWARD -m recent --name x --rcheck -j DROP\nCOMMIT\n");
	report = report_of(b, TAP1, "tcp 10.0.0.1:4000 10.0.0.2:80" MACS);
	assert_int_equal(report.explanation->final, FINAL_CANNOT_TELL);
	report_print_missing(&text, &report);
	assert_string_equal(text.data,
		"whether rule 1 of chain FORWARD, table filter, matches (not modelled: recent)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_no_group_lets_in_needs_a_rule_of_the_group),
		cmocka_unit_test(what_two_groups_do_not_allow_needs_a_rule_in_each),
		cmocka_unit_test(a_foreign_source_needs_an_allowed_address_pair),
		cmocka_unit_test(what_every_port_forbids_no_group_allows),
		cmocka_unit_test(a_bridged_packet_is_spared_the_rewriting),
		cmocka_unit_test(what_is_lost_because_it_was_rewritten_is_spared_the_rewriting),
		cmocka_unit_test(a_routers_policy_needs_a_narrow_rule),
		cmocka_unit_test(docker_keeps_a_chain_for_others),
		cmocka_unit_test(a_rule_of_nft_is_written_as_nft_reads_it),
		cmocka_unit_test(switches_of_the_kernel_are_named),
		cmocka_unit_test(flags_of_a_bridge_port_are_named),
		cmocka_unit_test(a_field_that_no_rule_asked_for_does_not_matter),
		cmocka_unit_test(what_another_entry_lets_in_is_not_the_same_for_any_end),
		cmocka_unit_test(an_open_field_that_decides_is_named),
		cmocka_unit_test(what_is_not_modelled_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
