// SPDX-License-Identifier: GPL-2.0-or-later
/* The doctor on settings of the host: source checks, forwarding, routes, neighbours, files of sysctl.d. */
#include "unit.h"

#include <string.h>

#include "sickhost.h"

#define NAT(rules)                                                                                 \
	"*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"              \
	":POSTROUTING ACCEPT [0:0]\n" rules "COMMIT\n"
#define MASQUERADED "-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE\n"

static void set_sysctl(struct host_build *b, const char *name, const char *value)
{
	for (size_t i = 0; i < b->netns[0].n_sysctls; i++)
		if (strcmp(b->built[0].sysctls[i].name, name) == 0) {
			b->built[0].sysctls[i].value = value;
			return;
		}
	build_sysctl(b, 0, name, value);
}

/* ---- rp-filter ---- */

/* Two ways to 10.9.0.0/16; the first one is taken. */
static struct host_build *multihomed(struct arena *arena, bool has_two, const char *rp_filter)
{
	struct host_build *b = sick_host(arena, NULL);

	build_link(b, 0, "", "eth1");
	build_address(b, "eth1", "10.2.0.1/24");
	if (has_two)
		build_route(b, "10.9.0.0/16", "eth0", "198.18.0.254");
	build_route(b, "10.9.0.0/16", "eth1", "10.2.0.254");
	build_sysctl(b, 0, "net.ipv4.conf.all.rp_filter", "0");
	build_sysctl(b, 0, "net.ipv4.conf.eth1.rp_filter", rp_filter);
	return b;
}

static void a_source_that_is_expected_behind_a_strict_interface_is_refused(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = multihomed(arena, true, "1");
	const struct finding *finding;

	(void)state;
	assert_diagnosis(b, "rp-filter", "risk rp-filter.eth1: loose");
	finding = finding_of(b, "rp-filter", "rp-filter.eth1");
	assert_string_equal(finding->title,
		"eth1 refuses packets from 10.9.0.1, because the way back to it leaves by eth0");
	assert_non_null(strstr(finding->symptom, "IPReversePathFilter"));
	assert_int_equal(finding->witness->explanation->leaf->drop, DROP_RP_FILTER);
	assert_string_equal(
		finding->fixes.items[0].commands, "sysctl -w net.ipv4.conf.eth1.rp_filter=2\n");
	assert_string_equal(
		finding->fixes.items[0].undo, "sysctl -w net.ipv4.conf.eth1.rp_filter=1\n");
}

static void no_source_is_refused_where_the_check_is_loose_or_the_way_is_the_same(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b;

	(void)state;
	assert_diagnosis(multihomed(arena, true, "2"), "rp-filter", "-");
	assert_diagnosis(multihomed(arena, false, "1"), "rp-filter", "-");
	/* what a smaller route has is expected there, and not here */
	b = multihomed(arena, false, "1");
	build_route(b, "10.9.0.0/17", "eth0", "198.18.0.254");
	build_route(b, "10.9.128.0/17", "eth0", "198.18.0.254");
	assert_diagnosis(b, "rp-filter", "-");
	/* a table that nobody asks */
	b = multihomed(arena, true, "1");
	b->built[0].routes[b->netns[0].n_routes - 1].table = 100;
	assert_diagnosis(b, "rp-filter", "-");
	/* the larger one of the two counts */
	b = multihomed(arena, true, "1");
	set_sysctl(b, "net.ipv4.conf.all.rp_filter", "2");
	assert_diagnosis(b, "rp-filter", "-");
}

static void a_machine_whose_network_another_device_has_is_refused(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = sick_host(arena, NULL);

	(void)state;
	build_address(b, "qbr11111111-11", "172.17.0.10/16");
	build_sysctl(b, 0, "net.ipv4.conf.all.rp_filter", "1");
	assert_diagnosis(b, "rp-filter", "broken rp-filter.qbr11111111-11: loose");
}

static void what_was_not_read_of_source_checks_is_told(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = sick_host(arena, NULL);

	(void)state;
	build_unread(b, 0, "routes");
	assert_diagnosis(b, "rp-filter", "- ? routes was not read: EPERM");
}

#define RAW(rules)                                                                                 \
	"*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:cali-PREROUTING - [0:0]\n"         \
	"-A PREROUTING -j cali-PREROUTING\n" rules "COMMIT\n"

static void a_rule_that_asks_for_the_way_back_loses_bridged_packets(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = sick_host(arena, NULL);
	const struct finding *finding;

	(void)state;
	build_iptables(b, 0, RAW("-A cali-PREROUTING -m rpfilter --invert -j DROP\n"));
	finding = finding_of(b, "rp-filter", "rp-filter.cali-PREROUTING-1");
	assert_int_equal(finding->severity, SEVERITY_BROKEN);
	assert_int_equal(finding->witness->explanation->leaf->drop, DROP_RULE);
	assert_string_equal(finding->owner.name, "Calico");
	assert_int_equal(finding->ports.n, 2);
	assert_int_equal(finding->fixes.n, 1);
	assert_string_equal(finding->fixes.items[0].commands,
		"iptables -t raw -R cali-PREROUTING 1 ! -i qbr+ -m rpfilter --invert -j DROP\n");
	b = sick_host(arena, NULL);
	build_iptables(b, 0, RAW("-A cali-PREROUTING ! -i qbr+ -m rpfilter --invert -j DROP\n"));
	assert_diagnosis(b, "rp-filter", "-");
}

/* ---- forwarding-off ---- */

static void a_router_that_does_not_forward_is_broken(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = sick_host(arena, NULL);
	const struct finding *finding;

	(void)state;
	build_iptables(b, 0, NAT(MASQUERADED));
	set_sysctl(b, "net.ipv4.ip_forward", "0");
	build_sysctl(b, 0, "net.ipv4.conf.docker0.forwarding", "0");
	assert_diagnosis(b, "forwarding-off", "broken forwarding-off.docker0: on");
	finding = finding_of(b, "forwarding-off", "forwarding-off.docker0");
	assert_int_equal(finding->witness->explanation->leaf->drop, DROP_FORWARDING_OFF);
	assert_string_equal(finding->fixes.items[0].commands, "sysctl -w net.ipv4.ip_forward=1\n");
}

static void only_the_interface_does_not_forward(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = sick_host(arena, NULL);

	(void)state;
	build_iptables(b, 0, NAT(MASQUERADED));
	build_sysctl(b, 0, "net.ipv4.conf.docker0.forwarding", "0");
	assert_diagnosis(b, "forwarding-off", "broken forwarding-off.docker0: on");
	assert_string_equal(
		finding_of(b, "forwarding-off", "forwarding-off.docker0")->fixes.items[0].commands,
		"sysctl -w net.ipv4.conf.docker0.forwarding=1\n");
}

static void a_host_that_forwards_or_is_no_router_is_healthy(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = sick_host(arena, NULL);

	(void)state;
	build_iptables(b, 0, NAT(MASQUERADED));
	assert_diagnosis(b, "forwarding-off", "-");
	/* no rule is for it: nobody meant it to be a router */
	b = sick_host(arena, NULL);
	set_sysctl(b, "net.ipv4.ip_forward", "0");
	assert_diagnosis(b, "forwarding-off", "-");
	/* rules that only forbid are of a network that is meant to be closed */
	b = sick_host(arena, NULL);
	set_sysctl(b, "net.ipv4.ip_forward", "0");
	build_iptables(b, 0,
		"*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -i docker0 -j REJECT\n"
		"-A FORWARD -i docker0 -o docker0 -j ACCEPT\nCOMMIT\n");
	assert_diagnosis(b, "forwarding-off", "-");
}

/* ---- neighbour-failed ---- */

static void the_default_routes_next_hop_does_not_answer(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = sick_host(arena, NULL);

	(void)state;
	assert_diagnosis(b, "neighbour-failed", "-");
	b = sick_host(arena, NULL);
	b->built[0].neighbours[0].is_failed = true;
	b->built[0].neighbours[0].has_mac = false;
	assert_diagnosis(b, "neighbour-failed", "risk neighbour-failed.eth0-198.18.0.254: ask");
	/* nobody needs that one */
	b = sick_host(arena, NULL);
	b->built[0].neighbours[1].is_failed = true;
	b->built[0].neighbours[1].has_mac = false;
	assert_diagnosis(b, "neighbour-failed", "-");
}

/* ---- overlapping-routes ---- */

static struct host_build *with_network(
	struct arena *arena, const char *network, const char *gateway)
{
	struct host_build *b = sick_host(arena, NULL);

	build_link(b, 0, "", "eth1");
	build_address(b, "eth1", "10.2.0.1/24");
	build_route(b, network, "eth1", gateway);
	return b;
}

static void containers_hide_a_part_of_the_lan(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = with_network(arena, "172.16.0.0/12", NULL);
	const struct finding *finding;

	(void)state;
	assert_diagnosis(b, "overlapping-routes", "risk overlapping-routes.docker0-eth1: pool");
	finding = finding_of(b, "overlapping-routes", "overlapping-routes.docker0-eth1");
	assert_string_equal(finding->owner.name, "Docker");
	assert_string_equal(finding->title,
		"172.17.0.250 is reached by docker0, though a route to eth1 has it, too");
	/* maybe only a summary */
	b = with_network(arena, "172.16.0.0/12", "10.2.0.254");
	assert_diagnosis(b, "overlapping-routes", "hint overlapping-routes.docker0-eth1: pool");
	/* but this one is there */
	b = with_network(arena, "172.16.0.0/12", "172.17.0.254");
	assert_diagnosis(b, "overlapping-routes", "risk overlapping-routes.docker0-eth1: pool");
}

static void a_network_beside_or_nobodys_part_of_containers_is_no_overlap(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();

	(void)state;
	assert_diagnosis(with_network(arena, "172.18.0.0/16", NULL), "overlapping-routes", "-");
	/* more specific, and no container has one of its addresses */
	assert_diagnosis(with_network(arena, "172.17.9.0/24", NULL), "overlapping-routes", "-");
	assert_diagnosis(with_network(arena, "0.0.0.0/0", NULL), "overlapping-routes", "-");
}

static void a_vpn_takes_the_address_of_a_container(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();

	(void)state;
	assert_diagnosis(with_network(arena, "172.17.0.0/24", NULL), "overlapping-routes",
		"risk overlapping-routes.docker0-eth1: pool");
}

/* ---- sysctl-files ---- */

static void set_lines(struct host_build *b, const struct sysctl_line *lines, size_t n)
{
	b->host.sysctl_lines = lines;
	b->host.n_sysctl_lines = n;
}

static void the_next_boot_takes_the_groups_back(void **state)
{
	static const struct sysctl_line lines[] = {
		{ "/usr/lib/sysctl.d/10-net.conf", 3, "net.bridge.bridge-nf-call-iptables", "1" },
		{ "/etc/sysctl.d/99-bridge.conf", 7, "net.bridge.bridge-nf-call-iptables", "0" },
	};
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = sick_host(arena, NULL);
	const struct finding *finding;

	(void)state;
	set_lines(b, lines, 2);
	assert_diagnosis(b, "sysctl-files", "risk sysctl-files.bridge-nf-call-iptables: file");
	finding = finding_of(b, "sysctl-files", "sysctl-files.bridge-nf-call-iptables");
	assert_string_equal(finding->proofs.items[0].where, "/etc/sysctl.d/99-bridge.conf, line 7");
	assert_int_equal(finding->ports.n, 2);
	/* the last one counts */
	b = sick_host(arena, NULL);
	set_lines(b, (const struct sysctl_line[]){ lines[1], lines[0] }, 2);
	assert_diagnosis(b, "sysctl-files", "-");
	/* without groups nobody needs it */
	b = sick_host_without_groups(arena);
	set_lines(b, lines, 2);
	assert_diagnosis(b, "sysctl-files", "-");
}

static void a_pattern_is_weaker_than_a_name(void **state)
{
	static const struct sysctl_line lines[] = {
		{ "/etc/sysctl.d/10.conf", 1, "net.bridge.bridge-nf-call-iptables", "1" },
		{ "/etc/sysctl.d/20.conf", 1, "net.bridge.bridge-nf-call-*", "0" },
	};
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = sick_host(arena, NULL);

	(void)state;
	set_lines(b, lines, 2);
	assert_diagnosis(b, "sysctl-files", "-");
	b = sick_host(arena, NULL);
	set_lines(b, lines + 1, 1);
	assert_diagnosis(b, "sysctl-files", "risk sysctl-files.bridge-nf-call-iptables: file");
}

static void the_next_boot_takes_forwarding_back(void **state)
{
	static const struct sysctl_line line = { "/etc/sysctl.d/90-router.conf", 2,
		"net.ipv4.ip_forward", "0" };
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = sick_host(arena, NULL);

	(void)state;
	set_lines(b, &line, 1);
	assert_diagnosis(b, "sysctl-files", "risk sysctl-files.ip_forward: file");
	/* it is off already, and so nothing is lost */
	b = sick_host(arena, NULL);
	set_lines(b, &line, 1);
	set_sysctl(b, "net.ipv4.ip_forward", "0");
	assert_diagnosis(b, "sysctl-files", "-");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_source_that_is_expected_behind_a_strict_interface_is_refused),
		cmocka_unit_test(
			no_source_is_refused_where_the_check_is_loose_or_the_way_is_the_same),
		cmocka_unit_test(a_machine_whose_network_another_device_has_is_refused),
		cmocka_unit_test(what_was_not_read_of_source_checks_is_told),
		cmocka_unit_test(a_rule_that_asks_for_the_way_back_loses_bridged_packets),
		cmocka_unit_test(a_router_that_does_not_forward_is_broken),
		cmocka_unit_test(only_the_interface_does_not_forward),
		cmocka_unit_test(a_host_that_forwards_or_is_no_router_is_healthy),
		cmocka_unit_test(the_default_routes_next_hop_does_not_answer),
		cmocka_unit_test(containers_hide_a_part_of_the_lan),
		cmocka_unit_test(a_network_beside_or_nobodys_part_of_containers_is_no_overlap),
		cmocka_unit_test(a_vpn_takes_the_address_of_a_container),
		cmocka_unit_test(the_next_boot_takes_the_groups_back),
		cmocka_unit_test(a_pattern_is_weaker_than_a_name),
		cmocka_unit_test(the_next_boot_takes_forwarding_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
