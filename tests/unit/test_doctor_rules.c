// SPDX-License-Identifier: GPL-2.0-or-later
/* The doctor: entries of conntrack, rules left behind, NAT that goes nowhere, rules that do not do what their owner thinks. */
#include "unit.h"

#include <string.h>

#include "sickhost.h"

#define NAT(rules)                                                                                 \
	"*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"              \
	":POSTROUTING ACCEPT [0:0]\n:DOCKER - [0:0]\n" rules "COMMIT\n"
#define BROAD "-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE\n"

static void add_flow(
	struct host_build *b, const char *src, const char *dst, const char *seen_as, uint16_t zone)
{
	struct conntrack_entry *entry = &b->built[0].conntrack[b->netns[0].n_conntrack++];

	*entry = (struct conntrack_entry){ .proto = PROTO_UDP,
		.orig = { .sport = 40000, .dport = 53 },
		.reply = { .sport = 53, .dport = 40000 },
		.zone = zone,
		.status = CT_STATUS_CONFIRMED | CT_STATUS_SRC_NAT | CT_STATUS_SRC_NAT_DONE |
			  CT_STATUS_DST_NAT_DONE };
	assert_true(addr_parse(src, &entry->orig.src) && addr_parse(dst, &entry->orig.dst));
	assert_true(addr_parse(seen_as, &entry->reply.dst));
	entry->reply.src = entry->orig.dst;
}

static void entries_that_outlive_a_rule_are_found(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = sick_host(arena, NULL);
	const struct finding *finding;

	(void)state;
	add_flow(b, "172.17.0.11", "172.17.0.12", "198.18.0.1", 0);
	add_flow(b, "172.17.0.11", "8.8.8.8", "198.18.0.1", 0);
	/* a container's, and one that maps nothing */
	add_flow(b, "172.17.0.2", "8.8.8.8", "198.18.0.1", 0);
	add_flow(b, "172.17.0.12", "8.8.4.4", "172.17.0.12", 0);
	/* of a zone that no rule gives this machine */
	add_flow(b, "172.17.0.11", "8.8.4.4", "198.18.0.1", 7);
	build_iptables(b, 0, NAT(""));
	assert_diagnosis(b, "conntrack-damaged", "broken conntrack-damaged: delete");
	finding = finding_of(b, "conntrack-damaged", "conntrack-damaged");
	assert_string_equal(finding->title,
		"2 entries of conntrack still rewrite packets of machines, which no rule does now");
	assert_string_equal(finding->fixes.items[0].commands,
		"conntrack -D -w 0 -p 17 -s 172.17.0.11 -d 172.17.0.12 --sport 40000 --dport 53\n"
		"conntrack -D -w 0 -p 17 -s 172.17.0.11 -d 8.8.8.8 --sport 40000 --dport 53\n");
	assert_int_equal(finding->witness->explanation->final, FINAL_REWRITTEN);
}

/* The kernel maps nothing where no chain of NAT is registered. */
static void entries_are_not_applied_without_nat(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = sick_host(arena, NULL);

	(void)state;
	add_flow(b, "172.17.0.11", "172.17.0.12", "198.18.0.1", 0);
	assert_diagnosis(b, "conntrack-damaged", "-");
}

static void entries_that_a_rule_would_make_again_are_the_rules(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = sick_host(arena, NULL);
	const struct fix *guard;

	(void)state;
	add_flow(b, "172.17.0.11", "172.17.0.12", "198.18.0.1", 0);
	build_iptables(b, 0, NAT(BROAD));
	assert_diagnosis(b, "conntrack-damaged", "-");
	/* but with the guard they are damage: it takes them away */
	guard = &finding_of(b, "nat-source", "nat-source.POSTROUTING-1")->fixes.items[0];
	assert_int_equal(guard->n_edits, 2);
	assert_string_equal(guard->commands,
		"portwall guard install\n"
		"conntrack -D -w 0 -p 17 -s 172.17.0.11 -d 172.17.0.12 --sport 40000 --dport 53\n");
}

static void no_flows_were_read(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = sick_host(arena, NULL);

	(void)state;
	build_unread(b, 0, "conntrack");
	assert_diagnosis(b, "conntrack-damaged", "- ? conntrack was not read: EPERM");
}

static void rules_of_a_docker_that_is_gone(void **state)
{
	static const struct {
		const char *rules, *expected;
	} sick[] = {
		{ NAT("-A POSTROUTING -s 172.17.0.8/29 ! -o br-0123456789ab -j MASQUERADE\n"
		      "-A DOCKER -i br-0123456789ab -j RETURN\n"),
			"broken stale-rules.br-0123456789ab: delete" },
		{ NAT("-A POSTROUTING -s 172.19.0.0/16 ! -o br-0123456789ab -j MASQUERADE\n"),
			"risk stale-rules.br-0123456789ab: delete" },
		{ NAT("-A DOCKER -i br-0123456789ab -j RETURN\n"),
			"hint stale-rules.br-0123456789ab: delete" },
		/* it is there; or a name that anybody may give */
		{ NAT(BROAD), "-" },
		{ NAT("-A POSTROUTING -s 172.17.0.0/16 ! -o br-lan -j MASQUERADE\n"), "-" },
		{ NAT("-A POSTROUTING -o ppp0 -j MASQUERADE\n"), "-" },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(sick); i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct host_build *b = sick_host(arena, NULL);

		build_iptables(b, 0, sick[i].rules);
		assert_diagnosis(b, "stale-rules", sick[i].expected);
	}
}

static void exactly_the_rules_left_behind_are_deleted(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = sick_host(arena, NULL);
	const struct finding *finding;

	(void)state;
	build_iptables(b, 0,
		NAT("-A POSTROUTING -s 172.17.0.8/29 ! -o br-0123456789ab -j MASQUERADE\n"
		    "-A POSTROUTING -s 10.9.0.0/16 -o eth0 -j MASQUERADE\n"
		    "-A DOCKER -i br-0123456789ab -j RETURN\n"));
	finding = finding_of(b, "stale-rules", "stale-rules.br-0123456789ab");
	assert_string_equal(finding->fixes.items[0].commands,
		"iptables -t nat -D DOCKER -i br-0123456789ab -j RETURN\n"
		"iptables -t nat -D POSTROUTING -s 172.17.0.8/29 ! -o br-0123456789ab -j MASQUERADE\n");
	assert_string_equal(finding->title,
		"2 rules of Docker's left behind: br-0123456789ab, which they name, is gone");
}

static void a_device_without_an_address_masquerades_badly(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = sick_host(arena, NULL);

	(void)state;
	build_link(b, 0, "", "eth1");
	build_route(b, "10.20.0.0/16", "eth1", NULL);
	assert_diagnosis(b, "masquerade-source", "-"); /* nothing masquerades there */
	b = sick_host(arena, NULL);
	build_link(b, 0, "", "eth1");
	build_route(b, "10.20.0.0/16", "eth1", NULL);
	build_iptables(b, 0, NAT("-A POSTROUTING -s 172.17.0.0/16 -o eth1 -j MASQUERADE\n"));
	assert_diagnosis(b, "masquerade-source", "risk masquerade-source.eth1: address");
	/* an address that is kept on lo is lent on purpose */
	b = sick_host(arena, NULL);
	build_link(b, 0, "", "eth1");
	build_address(b, "eth1", "10.20.0.1/16");
	build_iptables(b, 0, NAT("-A POSTROUTING -s 172.17.0.0/16 -o eth1 -j MASQUERADE\n"));
	assert_diagnosis(b, "masquerade-source", "-");
}

static void a_mapping_to_nowhere_loses_bridged_packets(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = sick_host(arena, NULL);

	(void)state;
	for (size_t i = 0; i < b->netns[0].n_sysctls; i++)
		if (!strcmp(b->built[0].sysctls[i].name, "net.ipv4.ip_forward"))
			b->built[0].sysctls[i].value = "0";
	build_iptables(b, 0,
		NAT("-A PREROUTING -p tcp -m tcp --dport 8080 -j DNAT --to-destination 198.18.0.2:80\n"));
	assert_diagnosis(b, "dnat-unroutable", "broken dnat-unroutable.PREROUTING-1: guard");
	assert_diagnosis(b, "nat-destination", "-");
}

static void a_mapping_to_somebody_is_none_to_nowhere(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = sick_host(arena, NULL);

	(void)state;
	build_iptables(b, 0,
		NAT("-A PREROUTING -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80\n"));
	assert_diagnosis(b, "dnat-unroutable", "-");
}

static void loopback_is_not_routed(void **state)
{
	static const char rules[] = NAT(
		"-A PREROUTING -i eth0 -p tcp -m tcp --dport 8443 -j DNAT --to-destination 127.0.0.1:443\n");
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = sick_host(arena, NULL);

	(void)state;
	build_link(b, 0, "", "lo");
	build_address(b, "lo", "127.0.0.1/8");
	build_iptables(b, 0, rules);
	assert_diagnosis(b, "loopback-dnat", "broken loopback-dnat.PREROUTING-1: route-localnet");
	b = sick_host(arena, NULL);
	build_link(b, 0, "", "lo");
	build_address(b, "lo", "127.0.0.1/8");
	build_sysctl(b, 0, "net.ipv4.conf.eth0.route_localnet", "1");
	build_iptables(b, 0, rules);
	assert_diagnosis(b, "loopback-dnat", "-");
}

#define DOCKER_CHAINS(jump)                                                                        \
	"*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n"                \
	":DOCKER-FORWARD - [0:0]\n" jump "-A FORWARD -i qbr+ -j ACCEPT\n"                          \
	"-A DOCKER-FORWARD -i docker0 -j ACCEPT\n"                                                 \
	"-A DOCKER-FORWARD -o docker0 -j ACCEPT\nCOMMIT\n"

static void chains_that_nothing_calls_have_vanished(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = sick_host_without_groups(arena);

	(void)state;
	build_iptables(b, 0, DOCKER_CHAINS(""));
	assert_diagnosis(b, "rules-vanished", "broken rules-vanished.iptables-filter: restart");
	b = sick_host_without_groups(arena);
	build_iptables(b, 0, DOCKER_CHAINS("-A FORWARD -j DOCKER-FORWARD\n"));
	assert_diagnosis(b, "rules-vanished", "-");
	/* Docker is gone: its chains are left behind, and nobody misses the jumps */
	b = sick_host_without_groups(arena);
	built_link(b, "docker0", NULL)->is_up = false;
	build_iptables(b, 0, DOCKER_CHAINS(""));
	assert_diagnosis(b, "rules-vanished", "-");
}

static void build_legacy(struct host_build *b, const char *text)
{
	struct err err = { 0 };

	if (!ruleset_parse_iptables_from(b->arena, (struct ruleset *)b->netns[0].ruleset,
		    SOURCE_IPTABLES_LEGACY, FAMILY_IPV4, "rules", text, &err))
		fail_msg("%s", err.text);
}

#define FILTER(policy, rules)                                                                      \
	"*filter\n:INPUT ACCEPT [0:0]\n:FORWARD " policy " [0:0]\n:OUTPUT ACCEPT [0:0]\n" rules    \
	"COMMIT\n"

static void both_variants_are_asked(void **state)
{
	static const struct {
		const char *legacy, *nft, *expected;
	} sick[] = {
		{ FILTER("ACCEPT", "-A FORWARD -i eth9 -j DROP\n"),
			FILTER("ACCEPT", "-A FORWARD -i eth8 -j DROP\n"),
			"hint two-variants.iptables: one-variant" },
		{ FILTER("DROP", ""), FILTER("ACCEPT", "-A FORWARD -i qbr+ -j ACCEPT\n"),
			"broken two-variants.iptables: one-variant" },
		{ FILTER("ACCEPT", ""), FILTER("DROP", "-A FORWARD -i qbr+ -j ACCEPT\n"), "-" },
		{ FILTER("ACCEPT", "-A INPUT -i eth9 -j DROP\n"),
			FILTER("ACCEPT", "-A FORWARD -i eth8 -j DROP\n"), "-" },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(sick); i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct host_build *b = sick_host_without_groups(arena);

		build_legacy(b, sick[i].legacy);
		build_iptables(b, 0, sick[i].nft);
		assert_diagnosis(b, "two-variants", sick[i].expected);
	}
}

#define POST(table, priority, rule)                                                                \
	"table ip " table " {\n\tchain post {\n\t\ttype nat hook postrouting priority " priority   \
	"; policy accept;\n\t\t" rule "\n\t}\n}\n"

static void of_one_priority_the_order_decides(void **state)
{
	static const struct {
		const char *a, *b, *expected;
	} sick[] = {
		{ POST("a", "srcnat", "oifname \"eth0\" snat to 198.18.0.7"),
			POST("b", "srcnat", "oifname \"eth0\" snat to 198.18.0.8"),
			"risk equal-priorities.postrouting-b-a: priorities" },
		/* they say the same, or their priorities differ, or they are for others */
		{ POST("a", "srcnat", "oifname \"eth0\" snat to 198.18.0.7"),
			POST("b", "srcnat", "oifname \"eth0\" snat to 198.18.0.7"), "-" },
		{ POST("a", "srcnat", "oifname \"eth0\" snat to 198.18.0.7"),
			POST("b", "srcnat + 1", "oifname \"eth0\" snat to 198.18.0.8"), "-" },
		{ POST("a", "srcnat", "oifname \"eth0\" snat to 198.18.0.7"),
			POST("b", "srcnat", "oifname \"eth7\" snat to 198.18.0.8"), "-" },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(sick); i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct host_build *b = sick_host_without_groups(arena);

		build_nft(b, 0, sick[i].a);
		build_nft(b, 0, sick[i].b);
		assert_diagnosis(b, "equal-priorities", sick[i].expected);
	}
}

static void rules_that_are_there_twice(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = sick_host_without_groups(arena);

	(void)state;
	build_iptables(b, 0,
		"*filter\n:INPUT ACCEPT [0:0]\n:KUBE-FIREWALL - [0:0]\n"
		"-A INPUT -j KUBE-FIREWALL\n-A INPUT -j KUBE-FIREWALL\n"
		"-A KUBE-FIREWALL -m mark --mark 0x8000/0x8000 -j DROP\n"
		"-A KUBE-FIREWALL -m mark --mark 0x8000/0x8000 -j DROP\nCOMMIT\n");
	assert_diagnosis(b, "duplicate-rules", "hint duplicate-rules: delete");
	assert_string_equal(
		finding_of(b, "duplicate-rules", "duplicate-rules")->fixes.items[0].commands,
		"iptables -t filter -D KUBE-FIREWALL 2\niptables -t filter -D INPUT 2\n");
	b = sick_host_without_groups(arena);
	build_iptables(b, 0,
		"*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -j LOG\n-A INPUT -j LOG\n"
		"-A INPUT -m statistic --mode random --probability 0.5 -j DROP\n"
		"-A INPUT -m statistic --mode random --probability 0.5 -j DROP\nCOMMIT\n");
	assert_diagnosis(b, "duplicate-rules", "-");
}

static void rules_that_no_packet_meets(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = sick_host(arena, NULL);

	(void)state;
	build_iptables(b, 0,
		"*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -s 10.0.0.0/8 -j ACCEPT\n"
		"-A INPUT -s 10.1.0.0/16 -p tcp -m tcp --dport 22 -j DROP\nCOMMIT\n");
	assert_diagnosis(b, "dead-rules", "hint dead-rules: audit");
	b = sick_host(arena, NULL);
	build_iptables(b, 0,
		"*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -s 10.1.0.0/16 -p tcp -m tcp --dport 22 -j DROP\n"
		"-A INPUT -s 10.0.0.0/8 -j ACCEPT\nCOMMIT\n");
	assert_diagnosis(b, "dead-rules", "-");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entries_that_outlive_a_rule_are_found),
		cmocka_unit_test(entries_are_not_applied_without_nat),
		cmocka_unit_test(entries_that_a_rule_would_make_again_are_the_rules),
		cmocka_unit_test(no_flows_were_read),
		cmocka_unit_test(rules_of_a_docker_that_is_gone),
		cmocka_unit_test(exactly_the_rules_left_behind_are_deleted),
		cmocka_unit_test(a_device_without_an_address_masquerades_badly),
		cmocka_unit_test(a_mapping_to_nowhere_loses_bridged_packets),
		cmocka_unit_test(a_mapping_to_somebody_is_none_to_nowhere),
		cmocka_unit_test(loopback_is_not_routed),
		cmocka_unit_test(chains_that_nothing_calls_have_vanished),
		cmocka_unit_test(both_variants_are_asked),
		cmocka_unit_test(of_one_priority_the_order_decides),
		cmocka_unit_test(rules_that_are_there_twice),
		cmocka_unit_test(rules_that_no_packet_meets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
