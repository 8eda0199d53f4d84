// SPDX-License-Identifier: GPL-2.0-or-later
/* The doctor: what NAT of others does to machines' packets, and which fixes are offered. */
#include "unit.h"

#include "sickhost.h"

#define DOCKER_NAT(rules)                                                                          \
	"*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"              \
	":POSTROUTING ACCEPT [0:0]\n:DOCKER - [0:0]\n" rules "COMMIT\n"
#define BROAD "-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE\n"

static void a_healthy_host_has_no_finding(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();

	(void)state;
	assert_all_diagnoses(sick_host(arena, NULL), "-");
}

static void the_broad_masquerade_is_found_and_has_three_cures(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = sick_host(arena, NULL);

	(void)state;
	build_iptables(b, 0, DOCKER_NAT(BROAD));
	assert_diagnosis(b, "nat-source", "broken nat-source.POSTROUTING-1: guard return mark");
}

static void a_rule_that_spares_bridged_packets_is_no_finding(void **state)
{
	static const char *const sparing[] = {
		DOCKER_NAT("-A POSTROUTING -o qbr+ -j RETURN\n" BROAD),
		DOCKER_NAT("-A POSTROUTING -m physdev --physdev-is-bridged -j ACCEPT\n" BROAD),
		DOCKER_NAT(
			"-A PREROUTING -i docker0 -j MARK --set-xmark 0x1/0x1\n"
			"-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -m mark --mark 0x1/0x1 -j MASQUERADE\n"),
		DOCKER_NAT("-A POSTROUTING -s 172.18.0.0/16 -o eth0 -j MASQUERADE\n"),
	};

	(void)state;
	for (size_t i = 0; i < N_OF(sparing); i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct host_build *b = sick_host(arena, NULL);

		build_iptables(b, 0, sparing[i]);
		assert_diagnosis(b, "nat-source", "-");
	}
}

static void a_rule_for_addresses_that_nobody_has_yet_is_a_risk(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = sick_host(arena, NULL);

	(void)state;
	build_iptables(b, 0,
		DOCKER_NAT("-A POSTROUTING -s 172.18.0.0/16 ! -o br-0123456789ab -j MASQUERADE\n"));
	assert_diagnosis(b, "nat-source", "risk nat-source.POSTROUTING-1: guard return mark");
}

static void a_node_port_takes_packets_of_machines(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = sick_host(arena, NULL);

	(void)state;
	build_iptables(b, 0,
		DOCKER_NAT(
			"-A PREROUTING -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80\n"));
	assert_diagnosis(b, "nat-destination", "broken nat-destination.PREROUTING-1: guard return");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_healthy_host_has_no_finding),
		cmocka_unit_test(the_broad_masquerade_is_found_and_has_three_cures),
		cmocka_unit_test(a_rule_that_spares_bridged_packets_is_no_finding),
		cmocka_unit_test(a_rule_for_addresses_that_nobody_has_yet_is_a_risk),
		cmocka_unit_test(a_node_port_takes_packets_of_machines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
