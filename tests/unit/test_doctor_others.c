// SPDX-License-Identifier: GPL-2.0-or-later
/* The doctor: what rules of other programs lose, and switches that they turn. */
#include "unit.h"

#include <string.h>

#include "sickhost.h"

#define RAW(rules)                                                                                 \
	"*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"                                   \
	":neutron-openvswi-PREROUTING - [0:0]\n" rules "COMMIT\n"
#define ZONE                                                                                       \
	"-A neutron-openvswi-PREROUTING -m physdev --physdev-in " SICK_TAP1 " -j CT --zone 4097\n"
#define NEUTRON "-A PREROUTING -j neutron-openvswi-PREROUTING\n"
#define DOCKER_FILTER                                                                              \
	"*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n"                \
	":DOCKER-USER - [0:0]\n:DOCKER-FORWARD - [0:0]\n"                                          \
	"-A FORWARD -j DOCKER-USER\n-A FORWARD -j DOCKER-FORWARD\n"                                \
	"-A DOCKER-FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n"      \
	"-A DOCKER-FORWARD -i docker0 -j ACCEPT\n"

struct sick {
	const char *rules;
	const char *expected;
};

static void parse_ipv6(struct host_build *b, const char *text)
{
	struct err err = { 0 };

	if (!ruleset_parse_iptables(b->arena, (struct ruleset *)b->netns[0].ruleset, FAMILY_IPV6,
		    "rules", text, &err))
		fail_msg("%s", err.text);
}

static void each_with_groups(const char *check, const struct sick *sick, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct host_build *b = sick_host(arena, NULL);

		if (strncmp(sick[i].rules, "table", 5) == 0)
			build_nft(b, 0, sick[i].rules);
		else
			build_iptables(b, 0, sick[i].rules);
		assert_diagnosis(b, check, sick[i].expected);
	}
}

static void docker_drops_what_is_for_a_containers_address(void **state)
{
	static const struct sick sick[] = {
		{ RAW(NEUTRON "-A PREROUTING -d 172.17.0.11/32 ! -i docker0 -j DROP\n" ZONE),
			"broken raw-drop.PREROUTING-2: accept allow-direct-routing" },
		{ RAW("-A PREROUTING -d 172.17.0.11/32 ! -i docker0 -j DROP\n" NEUTRON ZONE),
			"broken raw-drop.PREROUTING-1: accept allow-direct-routing" },
		/* the form of a subnet */
		{ RAW("-A PREROUTING -d 172.17.0.0/16 ! -i docker0 -j DROP\n"),
			"broken raw-drop.PREROUTING-1: accept allow-direct-routing" },
		/* nobody has that address yet */
		{ RAW("-A PREROUTING -d 172.17.0.2/32 ! -i docker0 -j DROP\n"),
			"risk raw-drop.PREROUTING-1: accept allow-direct-routing" },
		{ "table ip docker-bridges {\n\tchain raw-PREROUTING {\n"
		  "\t\ttype filter hook prerouting priority raw; policy accept;\n"
		  "\t\tip daddr 172.17.0.11 iifname != \"docker0\" drop\n\t}\n}\n",
			"broken raw-drop.ip-docker-bridges-raw-PREROUTING-1: allow-direct-routing" },
		/* what comes by qbr is spared, or is not meant */
		{ RAW(NEUTRON "-A PREROUTING -i qbr+ -j ACCEPT\n"
			      "-A PREROUTING -d 172.17.0.11/32 ! -i docker0 -j DROP\n"),
			"-" },
		{ RAW("-A PREROUTING -d 172.17.0.11/32 -i eth0 -j DROP\n"), "-" },
	};

	(void)state;
	each_with_groups("raw-drop", sick, N_OF(sick));
}

static void the_raw_fix_keeps_the_zones(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = sick_host(arena, NULL);
	const struct finding *finding;

	(void)state;
	build_iptables(
		b, 0, RAW("-A PREROUTING -d 172.17.0.11/32 ! -i docker0 -j DROP\n" NEUTRON ZONE));
	finding = finding_of(b, "raw-drop", "raw-drop.PREROUTING-1");
	assert_string_equal(finding->fixes.items[0].commands,
		"iptables -t raw -I PREROUTING 1 -i qbr+ -j neutron-openvswi-PREROUTING\n"
		"iptables -t raw -I PREROUTING 2 -i qbr+ -j ACCEPT\n");
	assert_string_equal(finding->owner.name, "Docker");
	assert_string_equal(finding->title, "Docker loses bridged packets to " SICK_TAP1
					    " before any security group sees them");
	assert_int_equal(finding->witness->explanation->final, FINAL_DROPPED);
}

/* Without security groups; IPv6 has a policy of its own. */
static void each_without_groups(const char *check, const struct sick *sick, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct host_build *b = sick_host_without_groups(arena);

		if (strncmp(sick[i].rules, "6", 1) == 0)
			parse_ipv6(b, sick[i].rules + 1);
		else if (strncmp(sick[i].rules, "table", 5) == 0)
			build_nft(b, 0, sick[i].rules);
		else
			build_iptables(b, 0, sick[i].rules);
		assert_diagnosis(b, check, sick[i].expected);
	}
}

static void a_policy_loses_bridged_packets(void **state)
{
	static const struct sick sick[] = {
		{ DOCKER_FILTER "COMMIT\n",
			"broken forward-drop.FORWARD-policy: docker-user accept" },
		{ "6" DOCKER_FILTER "COMMIT\n",
			"broken forward-drop.ip6-FORWARD-policy: docker-user accept" },
		/* a firewall of the host, without Docker */
		{ "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n"
		  "-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\nCOMMIT\n",
			"broken forward-drop.FORWARD-policy: accept" },
		{ "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n"
		  ":ufw-before-forward - [0:0]\n-A FORWARD -j ufw-before-forward\n"
		  "-A ufw-before-forward -p icmp -m icmp --icmp-type 8 -j ACCEPT\nCOMMIT\n",
			"broken forward-drop.FORWARD-policy: accept" },
		{ "table inet firewalld {\n\tchain filter_FORWARD {\n"
		  "\t\ttype filter hook forward priority filter + 10; policy accept;\n"
		  "\t\tct state { established, related } accept\n"
		  "\t\treject with icmpx type admin-prohibited\n\t}\n}\n",
			"broken forward-drop.inet-firewalld-filter_FORWARD-2: accept" },
		/* the administrator has let them pass */
		{ DOCKER_FILTER
			"-A DOCKER-USER -m physdev --physdev-is-bridged -j ACCEPT\nCOMMIT\n",
			"-" },
		{ DOCKER_FILTER "-A DOCKER-USER -i qbr+ -o qbr+ -j ACCEPT\nCOMMIT\n", "-" },
		/* or some of them, on purpose */
		{ DOCKER_FILTER
			"-A DOCKER-USER -p icmp -m physdev --physdev-is-bridged -j ACCEPT\nCOMMIT\n",
			"-" },
		{ "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n"
		  "-A FORWARD -p tcp -m tcp --dport 22 -j ACCEPT\nCOMMIT\n",
			"-" },
	};

	(void)state;
	each_without_groups("forward-drop", sick, N_OF(sick));
}

static void security_groups_behind_a_policy_are_no_loss(void **state)
{
	static const struct sick sick[] = {
		{ "*filter\n:FORWARD DROP [0:0]\n:DOCKER-USER - [0:0]\n-A FORWARD -j DOCKER-USER\nCOMMIT\n",
			"-" },
	};

	(void)state;
	each_with_groups("forward-drop", sick, N_OF(sick));
}

/* libvirt's network: the host is the machine's router. */
static struct host_build *with_virbr(struct arena *arena)
{
	struct host_build *b = sick_host(arena, NULL);

	build_link(b, 0, "bridge", "virbr0");
	build_link(b, 0, "tun", "vnet0");
	build_port(b, "virbr0", "vnet0");
	build_address(b, "virbr0", "192.168.122.1/24");
	build_fdb(b, "vnet0", "52:54:00:00:00:05");
	build_neighbour(b, "virbr0", "192.168.122.5", "52:54:00:00:00:05");
	return b;
}

#define LIBVIRT(verdict)                                                                           \
	"table ip libvirt_network {\n\tchain forward {\n"                                          \
	"\t\ttype filter hook forward priority filter; policy accept;\n"                           \
	"\t\tiif \"virbr0\" counter packets 0 bytes 0 " verdict "\n\t}\n}\n"
#define NFT_POLICY_DROP                                                                            \
	"table inet hostfw {\n\tchain forward {\n"                                                 \
	"\t\ttype filter hook forward priority filter + 5; policy drop;\n"                         \
	"\t\tct state established,related accept\n"                                                \
	"\t\tiifname \"qbr*\" accept\n\t\tiifname \"docker0\" accept\n\t}\n}\n"

static void an_accept_of_libvirt_does_not_help_against_another_drop(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = with_virbr(arena);
	const struct finding *finding;

	(void)state;
	build_nft(b, 0, LIBVIRT("accept"));
	build_nft(b, 0, NFT_POLICY_DROP);
	assert_diagnosis(
		b, "forward-drop", "broken forward-drop.inet-hostfw-forward-policy-virbr0: accept");
	finding = finding_of(b, "forward-drop", "forward-drop.inet-hostfw-forward-policy-virbr0");
	assert_string_equal(finding->title,
		"the policy of forward loses all that machines on virbr0 send out (a firewall of the host)");
}

static void an_isolated_network_is_no_loss(void **state)
{
	static const char *const rules[][2] = {
		{ LIBVIRT("reject"), NULL },
		{ LIBVIRT("reject"), NFT_POLICY_DROP },
		{ LIBVIRT("accept"), NULL },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(rules); i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct host_build *b = with_virbr(arena);

		build_nft(b, 0, rules[i][0]);
		if (rules[i][1])
			build_nft(b, 0, rules[i][1]);
		assert_diagnosis(b, "forward-drop", "-");
	}
}

static void set_sysctl(struct host_build *b, const char *name, const char *value)
{
	for (size_t i = 0; i < b->netns[0].n_sysctls; i++)
		if (strcmp(b->built[0].sysctls[i].name, name) == 0) {
			b->built[0].sysctls[i].value = value;
			return;
		}
	build_sysctl(b, 0, name, value);
}

static void the_host_answers_for_a_tenants_gateway(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = sick_host(arena, NULL);
	const struct finding *finding;

	(void)state;
	set_sysctl(b, "net.ipv4.conf.all.arp_ignore", "0");
	assert_diagnosis(b, "arp-gateway",
		"risk arp-gateway.qbr11111111-11: arp-ignore; risk arp-gateway.qbr22222222-22: arp-ignore");
	finding = finding_of(b, "arp-gateway", "arp-gateway.qbr11111111-11");
	assert_string_equal(finding->owner.name, "Docker");
	assert_string_equal(finding->title,
		"the host answers ARP on qbr11111111-11 for 172.17.0.1, an address of docker0 in the network of "
		"machine " SICK_TAP1);
	assert_int_equal(finding->witness->explanation->leaf->place, PLACE_HOST);
}

static void a_gateway_that_is_there_makes_it_a_fault(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = sick_host(arena, NULL);

	(void)state;
	set_sysctl(b, "net.ipv4.conf.all.arp_ignore", "0");
	build_sysctl(b, 0, "net.ipv4.conf.qbr22222222-22.arp_ignore", "1");
	build_address(b, "br-int", "172.17.0.1/24");
	assert_diagnosis(b, "arp-gateway", "broken arp-gateway.qbr11111111-11: arp-ignore");
}

static void without_rules_of_groups_the_switch_is_needless(void **state)
{
	static const char broad[] =
		"*nat\n:POSTROUTING ACCEPT [0:0]\n"
		"-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE\nCOMMIT\n";
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = sick_host_without_groups(arena), *with, *off;

	(void)state;
	build_iptables(b, 0, broad);
	assert_diagnosis(b, "nf-call-needless", "risk nf-call-needless.iptables: off");
	/* groups need it */
	with = sick_host(arena, NULL);
	build_iptables(with, 0, broad);
	assert_diagnosis(with, "nf-call-needless", "-");
	/* nothing is harmed */
	assert_diagnosis(sick_host_without_groups(arena), "nf-call-needless", "-");
	off = sick_host_without_groups(arena);
	build_iptables(off, 0, broad);
	set_sysctl(off, "net.bridge.bridge-nf-call-iptables", "0");
	assert_diagnosis(off, "nf-call-needless", "-");
}

static void a_policy_and_the_switch_are_two_ways_to_say_it(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = sick_host_without_groups(arena);

	(void)state;
	build_iptables(b, 0, DOCKER_FILTER "COMMIT\n");
	assert_diagnosis(b, "nf-call-needless", "broken nf-call-needless.iptables: off");
}

static void groups_that_no_packet_passes_are_told(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = sick_host(arena, NULL);
	const struct finding *finding;

	(void)state;
	set_sysctl(b, "net.bridge.bridge-nf-call-iptables", "0");
	assert_diagnosis(b, "groups-not-enforced", "open groups-not-enforced.iptables: on");
	finding = finding_of(b, "groups-not-enforced", "groups-not-enforced.iptables");
	assert_int_equal(finding->ports.n, 2);
	assert_string_equal(finding->title,
		"security groups are not enforced for IPv4 at " SICK_TAP1
		": bridged packets do not pass them");
	assert_int_equal(finding->witness->explanation->final, FINAL_DELIVERED);
}

static void the_switch_of_a_bridge_is_enough(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = sick_host(arena, NULL);

	(void)state;
	set_sysctl(b, "net.bridge.bridge-nf-call-iptables", "0");
	built_link(b, "qbr11111111-11", NULL)->nf_call[FAMILY_IPV4] = true;
	assert_int_equal(
		finding_of(b, "groups-not-enforced", "groups-not-enforced.iptables")->ports.n, 1);
	b = sick_host(arena, NULL);
	set_sysctl(b, "net.bridge.bridge-nf-call-iptables", "0");
	built_link(b, "qbr11111111-11", NULL)->nf_call[FAMILY_IPV4] = true;
	built_link(b, "qbr22222222-22", NULL)->nf_call[FAMILY_IPV4] = true;
	assert_diagnosis(b, "groups-not-enforced", "-");
}

static void what_was_not_read_is_not_off(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = sick_host(arena, NULL);

	(void)state;
	set_sysctl(b, "net.bridge.bridge-nf-call-iptables", "0");
	build_unread(b, 0, "br_netfilter");
	assert_diagnosis(b, "groups-not-enforced", "- ? br_netfilter was not read: EPERM");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(docker_drops_what_is_for_a_containers_address),
		cmocka_unit_test(the_raw_fix_keeps_the_zones),
		cmocka_unit_test(a_policy_loses_bridged_packets),
		cmocka_unit_test(security_groups_behind_a_policy_are_no_loss),
		cmocka_unit_test(an_accept_of_libvirt_does_not_help_against_another_drop),
		cmocka_unit_test(an_isolated_network_is_no_loss),
		cmocka_unit_test(the_host_answers_for_a_tenants_gateway),
		cmocka_unit_test(a_gateway_that_is_there_makes_it_a_fault),
		cmocka_unit_test(without_rules_of_groups_the_switch_is_needless),
		cmocka_unit_test(a_policy_and_the_switch_are_two_ways_to_say_it),
		cmocka_unit_test(groups_that_no_packet_passes_are_told),
		cmocka_unit_test(the_switch_of_a_bridge_is_enough),
		cmocka_unit_test(what_was_not_read_is_not_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
