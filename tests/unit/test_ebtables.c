// SPDX-License-Identifier: GPL-2.0-or-later
/* ebtables-save text: it comes back to the letter, and means what the kernel's ebtables does. */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "ruleset/eval.h"

static const struct ruleset *parsed(struct arena *arena, const char *text)
{
	struct ruleset *rs = ruleset_new(arena);
	struct err err = { 0 };

	if (!ruleset_parse_ebtables(arena, rs, SOURCE_EBTABLES, "t", text, &err))
		fail_msg("%s", err.text);
	return rs;
}

static void a_save_comes_back_to_the_letter(void **state)
{
	static const struct {
		const char *file;
		size_t n_opaque;
	} files[] = { { "every-option.ebtables-save", 14 }, { "neutron-arp.ebtables-save", 1 } };

	(void)state;
	for (size_t i = 0; i < N_OF(files); i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct text file CLEANUP(text_done) = TEXT_INIT,
				 printed CLEANUP(text_done) = TEXT_INIT;
		const char *path =
			arena_printf(arena, "%s/ruleset/%s", getenv("GOLDEN"), files[i].file);
		const struct ruleset *rs;
		size_t n_opaque = 0, blank = 0;
		struct err err;

		assert_true(text_load(&file, path, 1 << 20, &err));
		assert_int_equal(ruleset_text_kind(file.data), TEXT_EBTABLES);
		rs = parsed(arena, file.data);
		ruleset_print_iptables(
			&printed, rs, SOURCE_EBTABLES, FAMILY_BRIDGE, COUNTERS_AS_READ);
		/* blank lines between tables are nobody's */
		for (size_t at = 0; at < file.len; at++)
			if (at && file.data[at] == '\n' && file.data[at - 1] == '\n')
				blank++;
			else
				file.data[at - blank] = file.data[at];
		file.data[file.len - blank] = '\0';
		assert_string_equal(printed.data, file.data);
		for (size_t t = 0; t < rs->n_tables; t++)
			for (size_t c = 0; c < rs->tables[t].n_chains; c++)
				for (size_t r = 0; r < rs->tables[t].chains[c].n_rules; r++) {
					const struct rule *rule = &rs->tables[t].chains[c].rules[r];
					bool is_opaque = target_not_understood(&rule->target);

					for (size_t m = 0; m < rule->n_matches; m++)
						is_opaque |= match_not_understood(
								     &rule->matches[m]) != NULL;
					n_opaque += is_opaque;
				}
		assert_int_equal(n_opaque, files[i].n_opaque);
	}
}

static struct packet frame(void)
{
	struct packet packet = { .ethertype = ETHERTYPE_IPV4,
		.physdev_in = "tap1",
		.physdev_out = "tap2",
		.in_iface = "tap1",
		.out_iface = "tap2",
		.proto = PROTO_TCP,
		.ttl = 64,
		.tos = 0x10,
		.mark = 5,
		.sport = 1000,
		.dport = 80,
		.length = 60 };

	assert_true(addr_parse("10.0.0.1", &packet.src));
	assert_true(addr_parse("10.0.0.2", &packet.dst));
	assert_true(mac_parse("02:00:00:00:00:01", &packet.eth_src));
	assert_true(mac_parse("02:00:00:00:00:02", &packet.eth_dst));
	return packet;
}

static struct packet arp(void)
{
	struct packet packet = frame();

	packet.ethertype = ETHERTYPE_ARP;
	packet.arp_op = 1;
	packet.arp_sha = packet.eth_src;
	packet.arp_spa = packet.src;
	packet.arp_tpa = packet.dst;
	return packet;
}

static enum verdict verdict_of(const char *rules, const struct packet *packet)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	const struct ruleset *rs = parsed(arena,
		arena_printf(arena, "*filter\n:FORWARD ACCEPT\n:drops DROP\n:returns RETURN\n%s",
			rules));
	struct outcomes outcomes = { 0 };
	const struct eval eval = { .arena = arena, .rs = rs, .hook = HOOK_FORWARD };

	ruleset_eval_hook(&eval, FAMILY_BRIDGE, NULL, true, packet, NULL, NULL, &outcomes);
	if (outcomes.n != 1)
		return VERDICT_CANNOT_TELL;
	return outcomes.items[0].verdict;
}

static void matches_are_those_of_the_kernel(void **state)
{
	static const struct {
		const char *match;
		bool of_tcp, of_arp;
	} cases[] = {
		{ "-p IPv4", true, false },
		{ "-p ! IPv4", false, true },
		{ "-p ARP", false, true },
		{ "-p 0x0800", true, false },
		{ "-p Length", false, false },
		{ "-i tap1", true, true },
		{ "-i tap+", true, true },
		{ "-i ! tap1", false, false },
		{ "-o tap1", false, false },
		{ "-s 2:0:0:0:0:1", true, true },
		{ "-s ! 02:00:00:00:00:01", false, false },
		{ "-s 02:00:00:00:00:00/ff:ff:ff:ff:ff:00", true, true },
		{ "-d Broadcast", false, false },
		{ "-d Unicast", true, true },
		{ "-d ! Multicast", true, true },
		{ "-p IPv4 --ip-src 10.0.0.0/8 --ip-dst 10.0.0.2", true, false },
		{ "-p IPv4 --ip-src ! 10.0.0.0/8", false, false },
		{ "-p IPv4 --ip-proto tcp --ip-dport 80:90", true, false },
		{ "-p IPv4 --ip-proto tcp --ip-dport ! 80:90", false, false },
		{ "-p IPv4 --ip-proto tcp --ip-sport 1000", true, false },
		{ "-p IPv4 --ip-proto udp", false, false },
		{ "-p IPv4 --ip-tos 0x10", true, false },
		{ "-p IPv6 --ip6-src ::/0", false, false },
		{ "-p ARP --arp-op Request", false, true },
		{ "-p ARP --arp-op Reply", false, false },
		{ "-p ARP --arp-ip-src 10.0.0.1", false, true },
		{ "-p ARP --arp-ip-src ! 10.0.0.1", false, false },
		{ "-p ARP --arp-ip-dst 10.0.0.0/255.255.255.0", false, true },
		{ "-p ARP --arp-mac-src 02:00:00:00:00:01 --arp-htype 1 --arp-ptype 0x800", false,
			true },
		{ "-p 802_1Q --vlan-id 5", false, false },
		{ "--mark 0x5", true, true },
		{ "--mark ! 0x5", false, false },
		{ "--mark 0x1/0x1", true, true },
		{ "--mark /0x2", false, false },
		{ "--pkttype-type host", true, true },
		{ "--pkttype-type ! host", false, false },
		{ "--log-level notice --log-prefix \"a b\"", true, true },
	};
	const struct packet tcp = frame(), request = arp();

	(void)state;
	for (size_t i = 0; i < N_OF(cases); i++) {
		char rule[256];

		snprintf(rule, sizeof(rule), "-A FORWARD %s -j DROP\n", cases[i].match);
		if ((verdict_of(rule, &tcp) == VERDICT_DROP) != cases[i].of_tcp ||
			(verdict_of(rule, &request) == VERDICT_DROP) != cases[i].of_arp)
			fail_msg("%s", cases[i].match);
	}
}

static void targets_and_policies_are_those_of_the_kernel(void **state)
{
	static const struct {
		const char *rules;
		enum verdict verdict;
	} cases[] = {
		{ "-A FORWARD -j CONTINUE\n-A FORWARD -j DROP\n", VERDICT_DROP },
		{ "-A FORWARD\n-A FORWARD -j ACCEPT\n-A FORWARD -j DROP\n", VERDICT_ACCEPT },
		/* the policy of a chain of one's own is asked at its end, not behind a RETURN */
		{ "-A FORWARD -j drops\n", VERDICT_DROP },
		{ "-A FORWARD -j drops\n-A drops -j ACCEPT\n", VERDICT_ACCEPT },
		{ "-A FORWARD -j drops\n-A drops -j RETURN\n", VERDICT_ACCEPT },
		{ "-A FORWARD -j returns\n-A FORWARD -j DROP\n", VERDICT_DROP },
		{ "-A FORWARD -j mark --mark-or 0x2 --mark-target CONTINUE\n-A FORWARD --mark 0x7 -j DROP\n",
			VERDICT_DROP },
		{ "-A FORWARD -j mark --mark-set 0x1 --mark-target ACCEPT\n-A FORWARD -j DROP\n",
			VERDICT_ACCEPT },
		{ "-A FORWARD -j mark --mark-and 0x4 --mark-target DROP\n", VERDICT_DROP },
		{ "-A FORWARD -j redirect \n", VERDICT_CANNOT_TELL },
		{ "-A FORWARD --limit 5/sec --limit-burst 7 -j DROP\n", VERDICT_CANNOT_TELL },
		{ "-A FORWARD --among-src 2:0:0:0:0:1, -j DROP\n", VERDICT_CANNOT_TELL },
	};
	const struct packet tcp = frame();

	(void)state;
	for (size_t i = 0; i < N_OF(cases); i++)
		if (verdict_of(cases[i].rules, &tcp) != cases[i].verdict)
			fail_msg("%s", cases[i].rules);
}

static void a_wrong_line_is_named_with_its_column(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ "-A FORWARD -j DROP\n", "t:1:1: a rule outside of a table" },
		{ ":x DROP\n", "t:1:1: a chain outside of a table" },
		{ "*filter\n:x MAYBE\n", "t:2:4: MAYBE is no policy" },
		{ "*filter\n-A x -j DROP\n", "t:2:4: chain x is not declared" },
		{ "*filter\n:x DROP\n-A x -j\n", "t:3:6: no target behind -j" },
		{ "*filter\n:x DROP\n-A x a -j DROP\n", "t:3:6: unexpected \"a\"" },
		{ "*filter\n:x DROP\n[1:x] -A x -j DROP\n", "t:3:1: these are no counters" },
		{ "*filter\n*filter\n", "t:2:1: table filter is there twice" },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(cases); i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct err err = { 0 };

		assert_false(ruleset_parse_ebtables(
			arena, ruleset_new(arena), SOURCE_EBTABLES, "t", cases[i].text, &err));
		assert_string_equal(err.text, cases[i].message);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_save_comes_back_to_the_letter),
		cmocka_unit_test(matches_are_those_of_the_kernel),
		cmocka_unit_test(targets_and_policies_are_those_of_the_kernel),
		cmocka_unit_test(a_wrong_line_is_named_with_its_column),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
