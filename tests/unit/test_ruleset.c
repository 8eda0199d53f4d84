// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "ruleset/ruleset.h"

static struct prefix prefix_of(const char *text)
{
	struct prefix prefix;

	assert_true(prefix_parse(text, &prefix));
	return prefix;
}

static void assert_prints(
	enum family family, const struct rule *rule, const char *text, const char *words)
{
	struct text out CLEANUP(text_done) = TEXT_INIT, told CLEANUP(text_done) = TEXT_INIT;

	rule_print(&out, family, rule);
	assert_string_equal(out.data, text);
	rule_print_words(&told, rule);
	assert_string_equal(told.data, words);
}

static void an_iptables_rule_is_printed_as_iptables_save_does(void **state)
{
	struct port_range dhcp = { 68, 68 }, any = { 0, 65535 },
			  many[] = { { 80, 80 }, { 8000, 8099 } };
	struct match match[] = {
		{ .kind = MATCH_SRC, .prefix = prefix_of("10.0.0.0/8") },
		{ .kind = MATCH_IN_IFACE, .inverted = true, .name = "br+" },
		{ .kind = MATCH_PROTO, .proto = PROTO_UDP },
		{ .kind = MATCH_SPORT, .ports = { .ranges = &dhcp, .n_ranges = 1 } },
		{ .kind = MATCH_DPORT,
			.ports = { .ranges = &dhcp, .n_ranges = 1 },
			.inverted = true },
	};
	struct match web[] = {
		{ .kind = MATCH_PROTO, .proto = PROTO_TCP },
		{ .kind = MATCH_DPORT, .ports = { .ranges = &any, .n_ranges = 1 } },
		{ .kind = MATCH_DPORT,
			.ports = { .ranges = many, .n_ranges = 2, .is_multiport = true } },
	};
	struct match bridged[] = {
		{ .kind = MATCH_PHYSDEV_IN, .name = "tap1" },
		{ .kind = MATCH_PHYSDEV_BRIDGED },
	};
	struct match known = { .kind = MATCH_CT_STATE, .ct_states = CT_RELATED | CT_ESTABLISHED };
	struct match cut = { .kind = MATCH_CT_MARK, .ct_mark = { 0x40000000, 0x40000000 } };
	struct match ping[] = { { .kind = MATCH_PROTO, .proto = PROTO_ICMPV6 },
		{ .kind = MATCH_ICMP_TYPE, .icmp = { .type = 128, .any_code = true } } };
	struct match ipip = { .kind = MATCH_PROTO, .proto = PROTO_IPIP };

	(void)state;
	assert_prints(FAMILY_IPV4,
		&(struct rule){ .matches = match, .n_matches = 5, .target.kind = TARGET_RETURN },
		"-s 10.0.0.0/8 ! -i br+ -p udp -m udp --sport 68 ! --dport 68 -j RETURN",
		"udp from 10.0.0.0/8 not in by br+ from port 68 not to port 68: return");
	assert_prints(FAMILY_IPV4,
		&(struct rule){ .matches = web, .n_matches = 3, .target.kind = TARGET_ACCEPT },
		"-p tcp -m tcp -m multiport --dports 80,8000:8099 -j ACCEPT",
		"tcp to port 80,8000-8099: accept");
	assert_prints(FAMILY_IPV6,
		&(struct rule){ .matches = bridged,
			.n_matches = 2,
			.comment = "A rule's \"comment\"",
			.target = { .kind = TARGET_JUMP, .chain = "sg-chain" } },
		"-m physdev --physdev-in tap1 --physdev-is-bridged "
		"-m comment --comment \"A rule\\'s \\\"comment\\\"\" -j sg-chain",
		"in by tap1 bridged: jump to sg-chain");
	assert_prints(FAMILY_IPV4,
		&(struct rule){ .matches = &known,
			.n_matches = 1,
			.comment = "plain",
			.n_behind_comment = 1,
			.target = { .kind = TARGET_GOTO, .chain = "c" } },
		"-m comment --comment plain -m state --state RELATED,ESTABLISHED -g c",
		"established or related: go to c");
	assert_prints(FAMILY_IPV4,
		&(struct rule){ .matches = &cut, .n_matches = 1, .target.kind = TARGET_DROP },
		"-m connmark --mark 0x40000000/0x40000000 -j DROP",
		"connection mark 0x40000000/0x40000000: drop");
	assert_prints(FAMILY_IPV6, &(struct rule){ .matches = ping, .n_matches = 2 },
		"-p ipv6-icmp -m icmp6 --icmpv6-type 128", "icmpv6 type 128: count");
	assert_prints(FAMILY_IPV4,
		&(struct rule){ .matches = &ipip,
			.n_matches = 1,
			.target = { .kind = TARGET_CT_ZONE, .zone = 4097 } },
		"-p 4 -j CT --zone 4097", "ipip: conntrack zone 4097");
	assert_prints(FAMILY_IPV4, &(struct rule){ .target.kind = TARGET_DROP }, "-j DROP",
		"everything: drop");
	assert_prints(FAMILY_IPV4, &(struct rule){ 0 }, "", "everything: count");
}

static void a_bridge_rule_is_printed_as_nft_does(void **state)
{
	struct mac mac = { { 0xfa, 0x16, 0x3e, 0, 0, 1 } };
	struct match arp[] = {
		{ .kind = MATCH_ETH_SRC, .mac = mac },
		{ .kind = MATCH_ARP_SHA, .mac = mac },
		{ .kind = MATCH_ARP_SPA, .prefix = prefix_of("10.0.0.11") },
	};
	struct match rarp = { .kind = MATCH_ETHERTYPE, .ethertype = ETHERTYPE_RARP };
	struct match ip = {
		.kind = MATCH_ETHERTYPE, .ethertype = ETHERTYPE_IPV4, .inverted = true
	};

	(void)state;
	assert_prints(FAMILY_BRIDGE,
		&(struct rule){ .matches = arp, .n_matches = 3, .target.kind = TARGET_ACCEPT },
		"ether saddr fa:16:3e:00:00:01 arp saddr ether fa:16:3e:00:00:01 "
		"arp saddr ip 10.0.0.11 accept",
		"from fa:16:3e:00:00:01 ARP sender fa:16:3e:00:00:01 ARP sender 10.0.0.11: accept");
	assert_prints(FAMILY_BRIDGE,
		&(struct rule){ .matches = &rarp, .n_matches = 1, .target.kind = TARGET_RETURN },
		"ether type 0x8035 return", "rarp: return");
	assert_prints(FAMILY_BRIDGE,
		&(struct rule){ .matches = &ip,
			.n_matches = 1,
			.has_counter = true,
			.counters = { 3, 180 },
			.comment = "other frame types",
			.target.kind = TARGET_DROP },
		"ether type != ip counter packets 3 bytes 180 drop comment \"other frame types\"",
		"not ip: drop");
	assert_prints(FAMILY_BRIDGE,
		&(struct rule){ .target = { .kind = TARGET_VMAP, .vmap = { .map = "from-port" } } },
		"iifname vmap @from-port", "everything: by input interface through map from-port");
}

static void what_was_added_is_found_among_thousands(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct ruleset *rs = ruleset_new(arena);
	struct table *table;
	char name[32];

	(void)state;
	ruleset_add_table(arena, rs, FAMILY_IPV6, "filter");
	ruleset_add_table(arena, rs, FAMILY_IPV4, "raw");
	table = ruleset_add_table(arena, rs, FAMILY_IPV4, "filter");
	for (int i = 0; i < 3000; i++) {
		snprintf(name, sizeof(name), "c%d", i);
		table_add_chain(arena, table, name)->policy = "DROP";
		ruleset_add_set(arena, rs, name);
	}
	assert_int_equal(table->n_chains, 3000);
	assert_int_equal(rs->n_sets, 3000);
	for (int i = 0; i < 3000; i++) {
		snprintf(name, sizeof(name), "c%d", i);
		assert_ptr_equal(table_chain(table, name), &table->chains[i]);
		assert_ptr_equal(table_add_chain(arena, table, name), &table->chains[i]);
		assert_string_equal(ruleset_set(rs, name)->name, name);
	}
	for (size_t i = 1; i < rs->n_sets; i++)
		assert_true(strcmp(rs->sets[i - 1].name, rs->sets[i].name) < 0);
	assert_null(table_chain(table, "c3000"));
	assert_null(ruleset_set(rs, "c3000"));
	assert_int_equal(rs->n_tables, 3);
	assert_string_equal(rs->tables[0].name, "filter");
	assert_string_equal(rs->tables[1].name, "raw");
	assert_int_equal(rs->tables[2].family, FAMILY_IPV6);
	assert_null(ruleset_table(rs, FAMILY_IPV6, "raw"));
	assert_non_null(ruleset_table(rs, FAMILY_IPV4, "raw"));
}

static void rules_are_equal_without_their_counters(void **state)
{
	struct match one = { .kind = MATCH_PROTO, .proto = PROTO_TCP }, other = one;
	struct rule a = { .matches = &one, .n_matches = 1, .comment = "x" }, b = a;

	(void)state;
	b.counters.packets = 5;
	b.line = 7;
	assert_true(rule_equal(&a, &b));
	b.comment = NULL;
	assert_false(rule_equal(&a, &b));
	b = a;
	b.target.kind = TARGET_DROP;
	assert_false(rule_equal(&a, &b));
	b = a;
	b.n_matches = 0;
	assert_false(rule_equal(&a, &b));
	b = a;
	b.matches = &other;
	assert_true(rule_equal(&a, &b));
	other.inverted = true;
	assert_false(rule_equal(&a, &b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_iptables_rule_is_printed_as_iptables_save_does),
		cmocka_unit_test(a_bridge_rule_is_printed_as_nft_does),
		cmocka_unit_test(what_was_added_is_found_among_thousands),
		cmocka_unit_test(rules_are_equal_without_their_counters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
