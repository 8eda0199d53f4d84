// SPDX-License-Identifier: GPL-2.0-or-later
/* The doctor: what is wrong with the security groups of ports themselves. */
#include "unit.h"

#include <string.h>

#include "base/text.h"
#include "sickhost.h"

#define USUAL_IN "-p icmp -j RETURN\n-p tcp -m tcp -j RETURN\n"
#define OWN	 "-s 172.17.0.11/32 -m mac --mac-source FA:16:3E:00:00:11 -j RETURN\n"

/* A compute node whose first port has these rules; NULL: as usual. */
static struct host_build *host_of(
	struct arena *arena, const char *in, const char *out, const char *spoof)
{
	struct host_build *b = sick_host_without_groups(arena);

	build_iptables(b, 0, sick_groups(arena, in, out, spoof));
	return b;
}

/* The text with a line in front of the first one that begins so. */
static const char *with_rule(
	struct arena *arena, const char *text, const char *begin, const char *line)
{
	const char *at = strstr(text, begin);

	assert_non_null(at);
	return arena_printf(arena, "%.*s%s\n%s", (int)(at - text), text, line, at);
}

/* The text without that line. */
static const char *without_rule(struct arena *arena, const char *text, const char *begin)
{
	const char *at = strstr(text, begin);

	assert_non_null(at);
	return arena_printf(arena, "%.*s%s", (int)(at - text), text, at + strcspn(at, "\n") + 1);
}

static void add_flow(struct host_build *b, uint8_t proto, const char *src, const char *dst)
{
	struct conntrack_entry *entry = &b->built[0].conntrack[b->netns[0].n_conntrack++];

	*entry = (struct conntrack_entry){
		.proto = proto, .status = CT_STATUS_CONFIRMED, .timeout_s = 500
	};
	assert_true(addr_parse(src, &entry->orig.src));
	assert_true(addr_parse(dst, &entry->orig.dst));
	entry->reply.src = entry->orig.dst;
	entry->reply.dst = entry->orig.src;
}

/* What the witness's walk says. */
static void assert_witness(const struct finding *finding, const char *expected)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;

	assert_non_null(finding->witness);
	report_print_verdict(&text, finding->witness);
	if (strncmp(text.data, expected, strlen(expected)) != 0)
		assert_string_equal(text.data, expected);
}

/* ---- ipip-as-94 ---- */

static void ipip_that_was_compiled_as_94_is_found(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = host_of(arena,
		USUAL_IN "-s 172.17.0.0/16 -p 94 -j RETURN\n-s 10.1.0.0/16 -p 94 -j RETURN\n", NULL,
		NULL);
	const struct finding *finding;

	(void)state;
	assert_diagnosis(b, "ipip-as-94", "risk ipip-as-94.tap11111111-11: group-rule");
	finding = finding_of(b, "ipip-as-94", "ipip-as-94.tap11111111-11");
	assert_string_equal(finding->title,
		"a group rule lets in protocol 94 in place of IP in IP, which is protocol 4, at "
		"tap11111111-11");
	assert_string_equal(finding->owner.name, "Neutron");
	assert_witness(finding, "dropped");
	assert_string_equal(finding->fixes.items[0].commands,
		"openstack security group rule create --ingress --ethertype IPv4 --protocol 4 "
		"--remote-ip 172.17.0.0/16 GROUP\n"
		"openstack security group rule create --ingress --ethertype IPv4 --protocol 4 "
		"--remote-ip 10.1.0.0/16 GROUP\n");
	assert_int_equal(finding->fixes.items[0].n_edits, 0);
}

static void ipip_by_its_debian_name_is_94_too(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = host_of(arena, USUAL_IN "-p ipip -j RETURN\n", NULL, NULL);

	(void)state;
	add_flow(b, PROTO_IPIP, "172.17.0.11", "172.17.0.12");
	assert_diagnosis(b, "ipip-as-94", "broken ipip-as-94.tap11111111-11: group-rule");
}

static void ipip_that_another_rule_lets_in_is_no_finding(void **state)
{
	static const char *const good[] = {
		USUAL_IN "-p ipip -j RETURN\n-p ipencap -j RETURN\n",
		USUAL_IN "-p 4 -j RETURN\n",
		USUAL_IN "-p ipip -j DROP\n",
		"-j RETURN\n-p 94 -j RETURN\n",
	};

	(void)state;
	for (size_t i = 0; i < N_OF(good); i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();

		assert_diagnosis(host_of(arena, good[i], NULL, NULL), "ipip-as-94", "-");
	}
}

/* ---- spoof-after-accept ---- */

static void an_accept_before_the_source_check_is_open(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = sick_host_without_groups(arena);
	const struct finding *finding;

	(void)state;
	build_iptables(b, 0,
		with_rule(arena, sick_groups(arena, NULL, NULL, NULL),
			"-A neutron-openvswi-o11111111-1 -j neutron-openvswi-s11111111-1",
			"-A neutron-openvswi-o11111111-1 -p udp -m udp --sport 68 --dport 67 -j RETURN"));
	assert_diagnosis(b, "spoof-after-accept", "open spoof-after-accept.tap11111111-11: order");
	finding = finding_of(b, "spoof-after-accept", "spoof-after-accept.tap11111111-11");
	assert_string_equal(finding->title,
		"tap11111111-11 can send as somebody else: a rule accepts before the source is checked");
	assert_witness(finding, "delivered");
	assert_int_equal(finding->witness->query->packet.dport, 67);
}

static void an_accept_for_leases_alone_is_no_spoofing(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = sick_host_without_groups(arena);

	(void)state;
	build_iptables(b, 0,
		with_rule(arena, sick_groups(arena, NULL, NULL, NULL),
			"-A neutron-openvswi-o11111111-1 -j neutron-openvswi-s11111111-1",
			"-A neutron-openvswi-o11111111-1 -s 0.0.0.0/32 -d 255.255.255.255/32 -p udp -m udp "
			"--sport 68 --dport 67 -j RETURN"));
	assert_diagnosis(b, "spoof-after-accept", "-");
}

static void a_check_that_is_missing_at_one_port_is_open(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = sick_host_without_groups(arena);

	(void)state;
	build_iptables(b, 0,
		without_rule(arena, sick_groups(arena, NULL, NULL, NULL),
			"-A neutron-openvswi-o11111111-1 -j neutron-openvswi-s11111111-1"));
	assert_diagnosis(b, "spoof-after-accept", "open spoof-after-accept.tap11111111-11: resync");
}

static void address_pairs_are_no_spoofing(void **state)
{
	static const char *const pairs[] = {
		"-m mac --mac-source FA:16:3E:00:00:11 -j RETURN\n-j DROP\n",
		"-s 10.0.0.0/8 -m mac --mac-source FA:16:3E:00:00:11 -j RETURN\n" OWN "-j DROP\n",
		"-j RETURN\n-j DROP\n",
	};

	(void)state;
	for (size_t i = 0; i < N_OF(pairs); i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();

		assert_diagnosis(host_of(arena, NULL, NULL, pairs[i]), "spoof-after-accept", "-");
	}
}

/* ---- tap-without-chains, chains-without-tap ---- */

static void a_tap_that_the_agent_forgot_is_open(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = sick_host(arena, NULL);
	const struct finding *finding;

	(void)state;
	build_link(b, 0, "bridge", "qbr33333333-33");
	build_link(b, 0, "tun", "tap33333333-33");
	build_link(b, 0, "", "qvb33333333-33");
	build_port(b, "qbr33333333-33", "tap33333333-33");
	build_port(b, "qbr33333333-33", "qvb33333333-33");
	build_fdb(b, "tap33333333-33", "fa:16:3e:00:00:13");
	assert_diagnosis(b, "tap-without-chains", "open tap-without-chains.tap33333333-33: resync");
	finding = finding_of(b, "tap-without-chains", "tap-without-chains.tap33333333-33");
	assert_string_equal(finding->title,
		"no rule filters IPv4 of tap33333333-33, as rules do for other ports of the kind");
	assert_string_equal(finding->owner.name, "Neutron");
	assert_witness(finding, "delivered");
}

static void a_tap_that_is_trusted_or_foreign_is_no_finding(void **state)
{
	static const char *const names[] = { "tap33333333-33", "tap-vpn" };

	(void)state;
	for (size_t i = 0; i < N_OF(names); i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct host_build *b = sick_host_without_groups(arena);

		build_link(b, 0, "bridge", "qbr33333333-33");
		build_link(b, 0, "tun", names[i]);
		build_link(b, 0, "", "qvb33333333-33");
		build_port(b, "qbr33333333-33", names[i]);
		build_port(b, "qbr33333333-33", "qvb33333333-33");
		build_fdb(b, names[i], "fa:16:3e:00:00:13");
		build_iptables(b, 0,
			with_rule(arena, sick_groups(arena, NULL, NULL, NULL),
				"-A neutron-openvswi-sg-chain -j ACCEPT",
				"-A neutron-openvswi-FORWARD -m physdev --physdev-out tap33333333-33 "
				"--physdev-is-bridged -m comment --comment \"Accept all packets when port "
				"security is disabled.\" -j ACCEPT"));
		assert_diagnosis(b, "tap-without-chains", "-");
	}
}

static void chains_of_a_tap_that_is_gone_are_a_hint(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = sick_host_without_groups(arena);
	const struct finding *finding;

	(void)state;
	build_iptables(b, 0,
		with_rule(arena, sick_groups(arena, NULL, NULL, NULL),
			"-A neutron-openvswi-sg-chain -j ACCEPT",
			"-A neutron-openvswi-sg-chain -m physdev --physdev-out tap99999999-99 "
			"--physdev-is-bridged -j neutron-openvswi-i11111111-1"));
	assert_diagnosis(b, "chains-without-tap", "hint chains-without-tap:");
	finding = finding_of(b, "chains-without-tap", "chains-without-tap");
	assert_string_equal(
		finding->title, "rules for 1 bridge port that is not there: tap99999999-99");
	build_unread(b, 0, "links");
	assert_diagnosis(b, "chains-without-tap", "- ? links was not read: EPERM");
}

/* ---- vrrp-missing ---- */

#define VIP(mac) "-s 172.17.0.100/32 -m mac --mac-source FA:16:3E:00:00:" mac " -j RETURN\n"

/* Both ports may have 172.17.0.100. */
static struct host_build *host_with_vip(struct arena *arena, const char *in)
{
	struct host_build *b = sick_host_without_groups(arena);

	build_iptables(b, 0,
		with_rule(arena, sick_groups(arena, in, NULL, VIP("11") OWN "-j DROP\n"),
			"-A neutron-openvswi-s22222222-2 -s 172.17.0.12",
			"-A neutron-openvswi-s22222222-2 -s 172.17.0.100/32 -m mac --mac-source "
			"FA:16:3E:00:00:12 -j RETURN"));
	return b;
}

static void a_shared_address_without_vrrp_is_found(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = host_with_vip(arena, NULL);
	const struct finding *finding;

	(void)state;
	assert_diagnosis(b, "vrrp-missing", "risk vrrp-missing.tap11111111-11: group-rule");
	finding = finding_of(b, "vrrp-missing", "vrrp-missing.tap11111111-11");
	assert_string_equal(finding->title,
		"machines share address 172.17.0.100, but no rule of tap11111111-11 lets in VRRP");
	assert_int_equal(finding->ports.n, 2);
	assert_witness(finding, "dropped");
	add_flow(b, 112, "172.17.0.11", "224.0.0.18");
	assert_diagnosis(b, "vrrp-missing", "broken vrrp-missing.tap11111111-11: group-rule");
}

static void vrrp_that_is_let_in_is_no_finding(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	/* from the one peer only */
	struct host_build *b =
		host_with_vip(arena, USUAL_IN "-s 172.17.0.12/32 -p 112 -j RETURN\n");
	const struct finding *finding;

	(void)state;
	finding = finding_of(b, "vrrp-missing", "vrrp-missing.tap22222222-22");
	assert_int_equal(finding->ports.n, 1);
	assert_diagnosis(sick_host(arena, NULL), "vrrp-missing", "-");
}

static void the_same_address_at_two_tenants_is_no_shared_one(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = sick_host_without_groups(arena);
	const char *text = sick_groups(arena, NULL, NULL,
		"-s 172.17.0.99/32 -m mac --mac-source FA:16:3E:00:00:11 -j RETURN\n"
		"-s 172.17.0.100/32 -m mac --mac-source FA:16:3E:00:00:11 -j RETURN\n-j DROP\n");

	(void)state;
	/* the second port's pair is .98, its own address .100 too */
	text = with_rule(arena, text, "-A neutron-openvswi-s22222222-2 -s 172.17.0.12",
		"-A neutron-openvswi-s22222222-2 -s 172.17.0.98/32 -m mac --mac-source "
		"FA:16:3E:00:00:12 -j RETURN\n"
		"-A neutron-openvswi-s22222222-2 -s 172.17.0.100/32 -m mac --mac-source "
		"FA:16:3E:00:00:12 -j RETURN");
	text = without_rule(arena, text, "-A neutron-openvswi-s22222222-2 -s 172.17.0.12");
	build_iptables(b, 0, text);
	assert_diagnosis(b, "vrrp-missing", "-");
	/* and whose flow or route it is cannot be told */
	add_flow(b, PROTO_IPIP, "172.17.0.100", "172.17.0.1");
	assert_diagnosis(b, "tunnel-one-way", "-");
	build_route(b, "10.244.0.0/16", "qbr11111111-11", "172.17.0.100");
	assert_diagnosis(b, "source-dropped", "-");
}

/* ---- igmp-missing, icmpv6-missing ---- */

static void multicast_without_igmp_is_a_risk(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = host_of(arena, "-p udp -j RETURN\n", NULL, NULL);

	(void)state;
	add_flow(b, PROTO_UDP, "172.17.0.12", "239.1.2.3");
	assert_diagnosis(b, "igmp-missing", "risk igmp-missing.tap11111111-11: group-rule");
	assert_string_equal(finding_of(b, "igmp-missing", "igmp-missing.tap11111111-11")->title,
		"the rules of tap11111111-11 let in multicast, but not the IGMP queries that keep it "
		"coming");
}

static void multicast_with_igmp_or_for_all_is_no_finding(void **state)
{
	static const struct {
		const char *in, *to;
	} good[] = {
		{ "-p udp -j RETURN\n-p igmp -j RETURN\n", "239.1.2.3" },
		{ "-p udp -j RETURN\n", "224.0.0.251" },
		{ "-p udp -j RETURN\n", "239.255.255.250" },
		{ USUAL_IN, "239.1.2.3" },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(good); i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct host_build *b = host_of(arena, good[i].in, NULL, NULL);

		add_flow(b, PROTO_UDP, "172.17.0.12", good[i].to);
		assert_diagnosis(b, "igmp-missing", "-");
	}
}

#define ND_IN                                                                                      \
	"-p ipv6-icmp -m icmp6 --icmpv6-type 130 -j RETURN\n"                                      \
	"-p ipv6-icmp -m icmp6 --icmpv6-type 134 -j RETURN\n"                                      \
	"-p ipv6-icmp -m icmp6 --icmpv6-type 135 -j RETURN\n"                                      \
	"-p ipv6-icmp -m icmp6 --icmpv6-type 136 -j RETURN\n"

/* The groups of both ports for IPv6; the first one's are these, the second one may send from anywhere. */
static const char *groups_of_ipv6(struct arena *arena, const char *in, const char *spoof)
{
	const char *text = sick_groups(arena, in, NULL, spoof);

	text = with_rule(arena, text, "-A neutron-openvswi-s22222222-2 -s 172.17.0.12",
		"-A neutron-openvswi-s22222222-2 -j RETURN");
	text = without_rule(arena, text, "-A neutron-openvswi-s22222222-2 -s 172.17.0.12");
	return without_rule(arena, text, "-A neutron-openvswi-i22222222-2 -p icmp");
}

static struct host_build *host_with_ipv6(struct arena *arena, const char *in)
{
	struct host_build *b = sick_host(arena, NULL);

	build_ip6tables(b, 0,
		groups_of_ipv6(arena, in,
			"-s 2001:db8::11/128 -m mac --mac-source FA:16:3E:00:00:11 -j RETURN\n-j DROP\n"));
	return b;
}

/* Neutron makes no check for a family of which the port has no address. */
static void a_family_without_a_check_is_a_hint(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = sick_host(arena, NULL);

	(void)state;
	build_ip6tables(b, 0,
		without_rule(arena, groups_of_ipv6(arena, "-p tcp -j RETURN\n", "-j DROP\n"),
			"-A neutron-openvswi-o11111111-1 -j neutron-openvswi-s11111111-1"));
	assert_diagnosis(b, "spoof-after-accept", "hint spoof-after-accept.tap11111111-11-ip6:");
}

static void neighbour_discovery_that_is_lost_is_found(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = host_with_ipv6(arena, "-p tcp -j RETURN\n");
	const struct finding *finding;

	(void)state;
	assert_diagnosis(b, "icmpv6-missing", "broken icmpv6-missing.tap11111111-11: group-rule");
	finding = finding_of(b, "icmpv6-missing", "icmpv6-missing.tap11111111-11");
	assert_string_equal(finding->title,
		"the rules of tap11111111-11 lose ICMPv6 that IPv6 needs: neighbour solicitations to it "
		"(type 135), neighbour advertisements to it (type 136), router advertisements to it "
		"(type 134), multicast listener queries to it (type 130)");
	assert_witness(finding, "dropped");
}

static void neighbour_discovery_as_neutron_has_it_is_no_finding(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();

	(void)state;
	assert_diagnosis(host_with_ipv6(arena, ND_IN), "icmpv6-missing", "-");
}

/* ---- source-dropped, tunnel-one-way ---- */

static void a_network_behind_a_machine_is_found(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = sick_host(arena, NULL);
	const struct finding *finding;

	(void)state;
	/* the router of the network is in a namespace */
	build_veth(b, 3, "qr", 1, "qro");
	build_port(b, "br-int", "qro");
	build_address(b, "qr", "172.17.0.1/16");
	build_route(b, "10.244.0.0/16", "qr", "172.17.0.11");
	assert_diagnosis(b, "source-dropped",
		"risk source-dropped.tap11111111-11-10.244.0.0/16: address-pair");
	finding = finding_of(b, "source-dropped", "source-dropped.tap11111111-11-10.244.0.0/16");
	assert_string_equal(finding->title,
		"10.244.0.0/16 is behind tap11111111-11, but the port's source check drops what comes "
		"from there");
	assert_string_equal(finding->fixes.items[0].commands,
		"openstack port set --allowed-address "
		"ip-address=10.244.0.0/16,mac-address=fa:16:3e:00:00:11 PORT\n");
	assert_witness(finding, "dropped");
}

static void a_network_that_is_an_address_pair_is_no_finding(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = host_of(arena, NULL, NULL,
		"-s 10.0.0.0/8 -m mac --mac-source FA:16:3E:00:00:11 -j RETURN\n" OWN "-j DROP\n");

	(void)state;
	build_veth(b, 3, "qr", 1, "qro");
	build_port(b, "br-int", "qro");
	build_address(b, "qr", "172.17.0.1/16");
	build_route(b, "10.244.0.0/16", "qr", "172.17.0.11");
	/* not a machine's */
	build_route(b, "10.245.0.0/16", "eth0", "198.18.0.2");
	assert_diagnosis(b, "source-dropped", "-");
}

static void an_address_or_mac_that_a_machine_took_over_is_found(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = sick_host(arena, NULL);

	(void)state;
	build_neighbour(b, "qbr11111111-11", "172.17.0.100", "fa:16:3e:00:00:11");
	build_fdb(b, "tap22222222-22", "00:00:5e:00:01:33");
	assert_diagnosis(b, "source-dropped",
		"broken source-dropped.tap22222222-22-172.17.0.12-00:00:5e:00:01:33: address-pair; "
		"risk source-dropped.tap11111111-11-172.17.0.100: address-pair");
}

static void a_tunnel_that_lives_on_its_entry_is_a_risk(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = sick_host(arena, NULL);
	const struct finding *finding;

	(void)state;
	add_flow(b, PROTO_IPIP, "172.17.0.11", "172.17.0.12");
	add_flow(b, PROTO_IPIP, "172.17.0.11", "172.17.0.12");
	assert_diagnosis(b, "tunnel-one-way",
		"risk tunnel-one-way.tap11111111-11-4-172.17.0.12: group-rule");
	finding = finding_of(b, "tunnel-one-way", "tunnel-one-way.tap11111111-11-4-172.17.0.12");
	assert_string_equal(finding->title,
		"IP in IP from 172.17.0.12 to tap11111111-11 passes only while conntrack remembers that "
		"the machine began");
	assert_witness(finding, "dropped");
}

static void a_tunnel_that_is_let_in_is_no_finding(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = host_of(arena, USUAL_IN "-p 4 -j RETURN\n", NULL, NULL);

	(void)state;
	add_flow(b, PROTO_IPIP, "172.17.0.11", "172.17.0.12");
	add_flow(b, PROTO_TCP, "172.17.0.11", "172.17.0.12");
	assert_diagnosis(b, "tunnel-one-way", "-");
}

/* ---- invalid-asymmetric ---- */

#define ONLY_ICMP "-p icmp -j RETURN\n"

static struct host_build *host_with_connection(
	struct arena *arena, const char *out, const char *liberal, unsigned status)
{
	struct host_build *b = host_of(arena, NULL, out, NULL);
	struct conntrack_entry *entry = &b->built[0].conntrack[b->netns[0].n_conntrack];

	build_sysctl(b, 0, "net.netfilter.nf_conntrack_tcp_be_liberal", liberal);
	add_flow(b, PROTO_TCP, "172.17.0.11", "8.8.8.8");
	entry->tcp_state = "ESTABLISHED";
	entry->status |= status;
	return b;
}

static void a_connection_of_which_one_side_is_seen_is_a_risk(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = host_with_connection(arena, ONLY_ICMP, "0", 0);
	const struct finding *finding;

	(void)state;
	assert_diagnosis(
		b, "invalid-asymmetric", "risk invalid-asymmetric.tap11111111-11: be-liberal");
	finding = finding_of(b, "invalid-asymmetric", "invalid-asymmetric.tap11111111-11");
	assert_string_equal(finding->proofs.items[0].text,
		"tcp ESTABLISHED src=172.17.0.11 dst=8.8.8.8 sport=0 dport=0 [UNREPLIED]");
	assert_string_equal(finding->proofs.items[2].text,
		"-A neutron-openvswi-o11111111-1 -m state --state INVALID -j DROP");
	assert_witness(finding, "dropped");
}

static void invalid_packets_that_nobody_drops_are_no_finding(void **state)
{
	static const struct {
		const char *out, *liberal;
		unsigned status;
	} healthy[] = {
		{ ONLY_ICMP, "1", 0 },
		{ ONLY_ICMP, "0", CT_STATUS_SEEN_REPLY },
		/* a rule of the group stands before the drop */
		{ "-j RETURN\n", "0", 0 },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(healthy); i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();

		assert_diagnosis(host_with_connection(arena, healthy[i].out, healthy[i].liberal,
					 healthy[i].status),
			"invalid-asymmetric", "-");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_connection_of_which_one_side_is_seen_is_a_risk),
		cmocka_unit_test(invalid_packets_that_nobody_drops_are_no_finding),
		cmocka_unit_test(ipip_that_was_compiled_as_94_is_found),
		cmocka_unit_test(ipip_by_its_debian_name_is_94_too),
		cmocka_unit_test(ipip_that_another_rule_lets_in_is_no_finding),
		cmocka_unit_test(an_accept_before_the_source_check_is_open),
		cmocka_unit_test(an_accept_for_leases_alone_is_no_spoofing),
		cmocka_unit_test(a_check_that_is_missing_at_one_port_is_open),
		cmocka_unit_test(address_pairs_are_no_spoofing),
		cmocka_unit_test(a_tap_that_the_agent_forgot_is_open),
		cmocka_unit_test(a_tap_that_is_trusted_or_foreign_is_no_finding),
		cmocka_unit_test(chains_of_a_tap_that_is_gone_are_a_hint),
		cmocka_unit_test(a_shared_address_without_vrrp_is_found),
		cmocka_unit_test(vrrp_that_is_let_in_is_no_finding),
		cmocka_unit_test(the_same_address_at_two_tenants_is_no_shared_one),
		cmocka_unit_test(multicast_without_igmp_is_a_risk),
		cmocka_unit_test(multicast_with_igmp_or_for_all_is_no_finding),
		cmocka_unit_test(a_family_without_a_check_is_a_hint),
		cmocka_unit_test(neighbour_discovery_that_is_lost_is_found),
		cmocka_unit_test(neighbour_discovery_as_neutron_has_it_is_no_finding),
		cmocka_unit_test(a_network_behind_a_machine_is_found),
		cmocka_unit_test(a_network_that_is_an_address_pair_is_no_finding),
		cmocka_unit_test(an_address_or_mac_that_a_machine_took_over_is_found),
		cmocka_unit_test(a_tunnel_that_lives_on_its_entry_is_a_risk),
		cmocka_unit_test(a_tunnel_that_is_let_in_is_no_finding),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
