// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "random.h"
#include "ruleset/eval.h"
#include "ruleset/ruleset.h"

static struct addr addr_of(const char *text)
{
	struct addr addr;

	assert_true(addr_parse(text, &addr));
	return addr;
}

static struct packet tcp_packet(void)
{
	return (struct packet){ .in_iface = "br0",
		.out_iface = "br0",
		.physdev_in = "tap1",
		.physdev_out = "tap2",
		.eth_src = { { 0xfa, 0x16, 0x3e, 0, 0, 1 } },
		.ethertype = ETHERTYPE_IPV4,
		.src = addr_of("10.0.0.11"),
		.dst = addr_of("10.0.0.12"),
		.proto = PROTO_TCP,
		.sport = 40000,
		.dport = 443,
		.ct_state = CT_NEW,
		.ct_mark = 0x40000005 };
}

/* The answer for a packet in FORWARD, as "A 5", "D policy", "? 7": verdict and line. */
static void assert_answer(
	const char *rules, enum family family, const struct packet *packet, const char *expected)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct ruleset *rs = ruleset_new(arena);
	struct err err = { 0 };
	const struct table *table;
	struct evaluation evaluation;
	const char *answer;

	/* rules start at line 7 */
	if (!ruleset_parse_iptables(arena, rs, family, "t",
		    arena_printf(arena,
			    "*filter\n:FORWARD DROP [0:0]\n:c - [0:0]\n:d - [0:0]\n:e - [0:0]\n"
			    "# rules\n%s\nCOMMIT\n",
			    rules),
		    &err) ||
		!ruleset_parse_ipset(arena, rs, "s",
			"create s hash:net family inet\nadd s 10.0.0.0/28\n"
			"create o hash:strange family inet\n",
			&err))
		fail_msg("%s", err.text);
	table = ruleset_table(rs, family, "filter");
	evaluation = ruleset_eval(rs, table, table_chain(table, "FORWARD"), packet, NULL, NULL);
	answer = arena_printf(arena, "%c %s",
		evaluation.verdict == VERDICT_ACCEPT   ? 'A'
		: evaluation.verdict == VERDICT_DROP   ? 'D'
		: evaluation.verdict == VERDICT_REJECT ? 'R'
		: evaluation.verdict == VERDICT_STOLEN ? 'S'
						       : '?',
		evaluation.rule ? arena_printf(arena, "%u", evaluation.rule->line) : "policy");
	if (strcmp(answer, expected) != 0)
		fail_msg("%s\n%s, expected %s", rules, answer, expected);
}

static void every_match_says_yes_and_no(void **state)
{
	static const struct {
		const char *match;
		bool yes;
	} cases[] = {
		{ "", true },
		{ "-s 10.0.0.0/24", true },
		{ "! -s 10.0.0.0/24", false },
		{ "-d 10.0.0.11/32", false },
		{ "! -d 10.0.0.11/32", true },
		{ "-i br0", true },
		{ "-i br", false },
		{ "-i br+", true },
		{ "! -i br+", false },
		{ "-i tap1", false },
		{ "! -o eth0", true },
		{ "-p tcp", true },
		{ "-p udp", false },
		{ "! -p udp", true },
		{ "-p tcp -m tcp", true },
		{ "-p udp -m udp", false },
		{ "-p tcp -m tcp --dport 443", true },
		{ "-p tcp -m tcp --dport 442", false },
		{ "-p tcp -m tcp --dport 400:443", true },
		{ "-p tcp -m tcp ! --dport 400:443", false },
		{ "-p tcp -m tcp --sport 40000 --dport 443", true },
		{ "-p tcp -m tcp --sport 40001 --dport 443", false },
		{ "-p tcp -m multiport --dports 22,80,400:500", true },
		{ "-p tcp -m multiport --dports 22,80", false },
		{ "-p tcp -m multiport ! --dports 22,80", true },
		{ "-p icmp -m icmp --icmp-type 8", false },
		{ "-m mac --mac-source fa:16:3e:00:00:01", true },
		{ "-m mac ! --mac-source fa:16:3e:00:00:01", false },
		{ "-m physdev --physdev-in tap1", true },
		{ "-m physdev --physdev-in tap2", false },
		{ "-m physdev --physdev-in tap+ --physdev-is-bridged", true },
		{ "-m physdev ! --physdev-in tap1", false },
		{ "-m physdev --physdev-out tap2", true },
		{ "-m physdev ! --physdev-out tap2", false },
		{ "-m physdev --physdev-is-bridged", true },
		{ "-m physdev ! --physdev-is-bridged", false },
		{ "-m state --state NEW", true },
		{ "-m state --state RELATED,ESTABLISHED", false },
		{ "-m conntrack ! --ctstate INVALID", true },
		{ "-m connmark --mark 0x40000000/0x40000000", true },
		{ "-m connmark ! --mark 0x40000000/0x40000000", false },
		{ "-m connmark --mark 0x40000005", true },
		{ "-m connmark --mark 0x40000000", false },
		{ "-m connmark --mark 0x2/0x2", false },
		{ "-m connmark ! --mark 0x2/0x2", true },
		{ "-m connmark --mark 0x7/0x5", false }, /* a bit outside of the mask */
		{ "-m set --match-set s src", true },
		{ "-m set ! --match-set s dst", false },
		{ "-m comment --comment x", true },
		{ "-m comment --comment x -m comment --comment y", true },
		{ "-f", false },
		{ "! -f", true },
	};
	const struct packet packet = tcp_packet();

	(void)state;
	for (size_t i = 0; i < N_OF(cases); i++) {
		char rule[200];

		snprintf(rule, sizeof(rule), "-A FORWARD %s -j ACCEPT", cases[i].match);
		assert_answer(rule, FAMILY_IPV4, &packet, cases[i].yes ? "A 7" : "D policy");
	}
}

static void what_is_not_tracked_has_no_mark(void **state)
{
	static const enum ct_state states[] = { CT_UNTRACKED, CT_INVALID };
	struct packet packet = tcp_packet();

	(void)state;
	for (size_t i = 0; i < N_OF(states); i++) {
		packet.ct_state = states[i];
		packet.ct_mark = 0;
		assert_answer("-A FORWARD -m connmark --mark 0x0/0x1 -j ACCEPT", FAMILY_IPV4,
			&packet, "D policy");
		assert_answer("-A FORWARD -m connmark ! --mark 0x1/0x1 -j ACCEPT", FAMILY_IPV4,
			&packet, "D policy");
	}
	packet.ct_state = CT_NEW;
	assert_answer(
		"-A FORWARD -m connmark ! --mark 0x1/0x1 -j ACCEPT", FAMILY_IPV4, &packet, "A 7");
}

static void a_later_fragment_has_no_ports_and_no_type(void **state)
{
	struct packet packet = tcp_packet();

	(void)state;
	packet.is_later_fragment = true;
	packet.dport = 0;
	assert_answer("-A FORWARD -p tcp -m tcp --dport 0:500 -j ACCEPT", FAMILY_IPV4, &packet,
		"D policy");
	assert_answer("-A FORWARD -p tcp -m tcp ! --dport 443 -j ACCEPT", FAMILY_IPV4, &packet,
		"D policy");
	assert_answer("-A FORWARD -p tcp -m multiport ! --dports 443 -j ACCEPT", FAMILY_IPV4,
		&packet, "D policy");
	assert_answer("-A FORWARD -p tcp -m tcp -j ACCEPT", FAMILY_IPV4, &packet, "D policy");
	assert_answer("-A FORWARD -p tcp -j ACCEPT", FAMILY_IPV4, &packet, "A 7");
	assert_answer("-A FORWARD -f -j ACCEPT", FAMILY_IPV4, &packet, "A 7");
	packet.proto = PROTO_ICMP;
	assert_answer("-A FORWARD -p icmp -m icmp ! --icmp-type 8 -j ACCEPT", FAMILY_IPV4, &packet,
		"D policy");
}

/* Where nobody asks conntrack, nft takes what is in the place of ports for them, and so does
 * iptables-nft, but for its modules that are not its own. */
static void what_nft_reads_of_a_later_fragment_cannot_be_told(void **state)
{
	struct packet packet = tcp_packet();

	(void)state;
	packet.is_later_fragment = true;
	packet.ct_state = CT_INVALID;
	packet.dport = 0;
	assert_answer(
		"-A FORWARD -p tcp -m tcp --dport 443 -j ACCEPT", FAMILY_IPV4, &packet, "? 7");
	assert_answer(
		"-A FORWARD -p tcp -m tcp ! --dport 443 -j ACCEPT", FAMILY_IPV4, &packet, "? 7");
	assert_answer("-A FORWARD -p tcp --syn -j ACCEPT", FAMILY_IPV4, &packet, "? 7");
	assert_answer("-A FORWARD -p tcp -m multiport ! --dports 443 -j ACCEPT", FAMILY_IPV4,
		&packet, "D policy");
	assert_answer("-A FORWARD -p tcp -m tcp -j ACCEPT", FAMILY_IPV4, &packet, "D policy");
}

static void icmp_types_are_of_their_family(void **state)
{
	struct packet packet = tcp_packet();

	(void)state;
	packet.proto = PROTO_ICMP;
	packet.icmp_type = 3;
	packet.icmp_code = 4;
	assert_answer("-A FORWARD -p icmp -m icmp --icmp-type 3/4 -j ACCEPT", FAMILY_IPV4, &packet,
		"A 7");
	assert_answer("-A FORWARD -p icmp -m icmp --icmp-type 3/1 -j ACCEPT", FAMILY_IPV4, &packet,
		"D policy");
	assert_answer(
		"-A FORWARD -p icmp -m icmp --icmp-type 3 -j ACCEPT", FAMILY_IPV4, &packet, "A 7");
	assert_answer("-A FORWARD -p icmp -m icmp ! --icmp-type 8 -j ACCEPT", FAMILY_IPV4, &packet,
		"A 7");
	assert_answer("-A FORWARD -p icmp -m icmp --icmp-type any -j ACCEPT", FAMILY_IPV4, &packet,
		"A 7");
	packet.proto = PROTO_ICMPV6;
	packet.ethertype = ETHERTYPE_IPV6;
	packet.src = packet.dst = addr_of("fe80::1");
	packet.icmp_type = 135;
	assert_answer("-A FORWARD -p ipv6-icmp -m icmp6 --icmpv6-type 135 -j ACCEPT", FAMILY_IPV6,
		&packet, "A 7");
	assert_answer("-A FORWARD -p ipv6-icmp -m icmp6 --icmpv6-type 255 -j ACCEPT", FAMILY_IPV6,
		&packet, "D policy");
}

static void without_an_output_port_a_packet_is_not_bridged(void **state)
{
	struct packet packet = tcp_packet();

	(void)state;
	packet.physdev_out = NULL;
	assert_answer("-A FORWARD -m physdev --physdev-in tap1 --physdev-is-bridged -j ACCEPT",
		FAMILY_IPV4, &packet, "D policy");
	assert_answer("-A FORWARD -m physdev --physdev-in tap1 ! --physdev-is-bridged -j ACCEPT",
		FAMILY_IPV4, &packet, "A 7");
	assert_answer(
		"-A FORWARD -m physdev --physdev-in tap1 -j ACCEPT", FAMILY_IPV4, &packet, "A 7");
	assert_answer("-A FORWARD -m physdev ! --physdev-out tap9 -j ACCEPT", FAMILY_IPV4, &packet,
		"D policy");
	packet.physdev_in = NULL;
	assert_answer("-A FORWARD -m physdev ! --physdev-is-bridged -j ACCEPT", FAMILY_IPV4,
		&packet, "A 7");
	assert_answer(
		"-A FORWARD -m physdev ! --physdev-in tap1 -j ACCEPT", FAMILY_IPV4, &packet, "A 7");
	assert_answer("-A FORWARD -m physdev --physdev-in tap1 -j ACCEPT", FAMILY_IPV4, &packet,
		"D policy");
	packet.in_iface = NULL;
	assert_answer("-A FORWARD ! -i br0 -j ACCEPT", FAMILY_IPV4, &packet, "A 7");
}

static void a_walk_jumps_returns_and_goes(void **state)
{
	const struct packet packet = tcp_packet();

	(void)state;
	assert_answer("-A FORWARD -j c\n-A FORWARD -j ACCEPT\n-A c -j RETURN\n-A c -j DROP",
		FAMILY_IPV4, &packet, "A 8");
	assert_answer("-A FORWARD -j c\n-A FORWARD -j ACCEPT\n-A c -p udp -j DROP", FAMILY_IPV4,
		&packet, "A 8");
	assert_answer("-A FORWARD -j c\n-A FORWARD -j ACCEPT\n-A c -j d\n-A c -j DROP\n-A d -j e\n"
		      "-A e -j RETURN",
		FAMILY_IPV4, &packet, "D 10");
	assert_answer(
		"-A FORWARD -j RETURN\n-A FORWARD -j ACCEPT", FAMILY_IPV4, &packet, "D policy");
	/* A chain that was gone to returns to where its caller was called from. */
	assert_answer("-A FORWARD -j c\n-A FORWARD -j ACCEPT\n-A c -g d\n-A c -j DROP\n"
		      "-A d -j RETURN",
		FAMILY_IPV4, &packet, "A 8");
	assert_answer("-A FORWARD -g c\n-A FORWARD -j ACCEPT\n-A c -p udp", FAMILY_IPV4, &packet,
		"D policy");
	assert_answer("-A FORWARD -p tcp\n-A FORWARD -j CT --zone 5\n-A FORWARD -j CT --notrack\n"
		      "-A FORWARD -j LOG --log-prefix x\n-A FORWARD -j REJECT\n",
		FAMILY_IPV4, &packet, "R 11");
}

static void circles_end(void **state)
{
	const struct packet packet = tcp_packet();

	(void)state;
	assert_answer("-A FORWARD -j c\n-A c -j d\n-A d -j c", FAMILY_IPV4, &packet, "? 8");
	assert_answer("-A FORWARD -g c\n-A c -g d\n-A d -g c", FAMILY_IPV4, &packet, "? 8");
}

static void what_is_not_known_is_not_guessed(void **state)
{
	struct packet packet = tcp_packet();

	(void)state;
	assert_answer(
		"-A FORWARD -m u32 --u32 \"6&0xFF=0\" -j ACCEPT", FAMILY_IPV4, &packet, "? 7");
	assert_answer("-A FORWARD -p udp -m u32 --u32 \"6&0xFF=0\" -j ACCEPT", FAMILY_IPV4, &packet,
		"D policy");
	assert_answer("-A FORWARD -m limit --limit 3/min -j LOG\n-A FORWARD -j ACCEPT", FAMILY_IPV4,
		&packet, "A 8");
	assert_answer("-A FORWARD -m limit --limit 3/min\n-A FORWARD -j ACCEPT", FAMILY_IPV4,
		&packet, "A 8");
	/* both ways end alike */
	assert_answer("-A FORWARD -m limit --limit 3/min -j c\n-A FORWARD -j ACCEPT", FAMILY_IPV4,
		&packet, "A 8");
	assert_answer("-A FORWARD -m limit --limit 3/min -j c\n-A FORWARD -j ACCEPT\n-A c -j DROP",
		FAMILY_IPV4, &packet, "? 7");
	assert_answer("-A FORWARD -j SOMETHING --new", FAMILY_IPV4, &packet, "? 7");
	assert_answer("-A FORWARD -j NFQUEUE --queue-num 0", FAMILY_IPV4, &packet, "S 7");
	assert_answer("-A FORWARD -m set --match-set o src -j ACCEPT", FAMILY_IPV4, &packet, "? 7");
	assert_answer(
		"-A FORWARD -m set --match-set missing src -j ACCEPT", FAMILY_IPV4, &packet, "? 7");
	packet.ct_state = 0;
	assert_answer("-A FORWARD -m state --state NEW -j ACCEPT", FAMILY_IPV4, &packet, "? 7");
}

static void record_line(void *data, const struct chain *chain, const struct rule *rule)
{
	text_addf(data, "%s:%u ", chain->name, rule->line);
}

static void every_rule_whose_counter_rises_is_recorded(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct text lines CLEANUP(text_done) = TEXT_INIT;
	struct ruleset *rs = ruleset_new(arena);
	const struct packet packet = tcp_packet();
	const struct table *table;
	struct err err;

	(void)state;
	assert_true(ruleset_parse_iptables(arena, rs, FAMILY_IPV4, "t",
		"*filter\n:FORWARD ACCEPT [0:0]\n:c - [0:0]\n"
		"-A FORWARD -p tcp\n-A FORWARD -p udp\n-A FORWARD -j c\n-A FORWARD -i br0 -j DROP\n"
		"-A c -o br0 -j RETURN\nCOMMIT\n",
		&err));
	table = &rs->tables[0];
	assert_int_equal(
		ruleset_eval(rs, table, table_chain(table, "FORWARD"), &packet, record_line, &lines)
			.verdict,
		VERDICT_DROP);
	assert_string_equal(lines.data, "FORWARD:4 FORWARD:6 c:8 FORWARD:7 ");
}

static enum verdict eval_frame(
	const struct ruleset *rs, const struct packet *packet, const char *chain)
{
	const struct table *table = ruleset_table(rs, FAMILY_BRIDGE, "portwall");

	return ruleset_eval(rs, table, table_chain(table, chain), packet, NULL, NULL).verdict;
}

static void frames_go_through_the_maps_of_their_ports(void **state)
{
	static const char text[] =
		"table bridge portwall {\n"
		"\tmap from-port {\n\t\ttype ifname : verdict\n"
		"\t\telements = { \"tap1\" : goto o-1, \"tap2\" : drop }\n\t}\n"
		"\tchain prerouting {\n"
		"\t\ttype filter hook prerouting priority dstnat - 10; policy accept;\n"
		"\t\tiifname vmap @from-port\n\t}\n"
		"\tchain forward {\n"
		"\t\ttype filter hook forward priority -310; policy accept;\n"
		"\t\toifname \"tap2\" reject\n\t\tether type ip ip saddr 10.0.0.1 drop\n\t}\n"
		"\tchain o-1 {\n\t\tether type ip accept\n"
		"\t\tether saddr fa:16:3e:00:00:01 arp saddr ether fa:16:3e:00:00:01 "
		"arp saddr ip 10.0.0.11 accept\n"
		"\t\tcounter packets 0 bytes 0 drop\n\t}\n}\n";
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct ruleset *rs = ruleset_new(arena);
	struct packet packet = tcp_packet(), arp = packet;
	struct err err;

	(void)state;
	assert_true(ruleset_parse_nft(arena, rs, "t", text, &err));
	packet.physdev_out = NULL;
	assert_int_equal(eval_frame(rs, &packet, "prerouting"), VERDICT_ACCEPT);
	packet.ethertype = ETHERTYPE_VLAN;
	assert_int_equal(eval_frame(rs, &packet, "prerouting"), VERDICT_DROP);
	packet.ethertype = ETHERTYPE_IPV4;
	packet.physdev_in = "tap2";
	assert_int_equal(eval_frame(rs, &packet, "prerouting"), VERDICT_DROP);
	packet.physdev_in = "eth0"; /* in no map: the policy */
	assert_int_equal(eval_frame(rs, &packet, "prerouting"), VERDICT_ACCEPT);
	packet.physdev_out = "tap2";
	assert_int_equal(eval_frame(rs, &packet, "forward"), VERDICT_REJECT);
	packet.physdev_out = "tap3";
	assert_int_equal(eval_frame(rs, &packet, "forward"), VERDICT_ACCEPT);
	arp.ethertype = ETHERTYPE_ARP;
	arp.arp_sha = arp.eth_src;
	arp.arp_spa = addr_of("10.0.0.11");
	assert_int_equal(eval_frame(rs, &arp, "prerouting"), VERDICT_ACCEPT);
	arp.arp_spa = addr_of("10.0.0.12");
	assert_int_equal(eval_frame(rs, &arp, "prerouting"), VERDICT_DROP);
}

/* Short prefixes over few bits, so that they nest; every answer against a linear search. */
static void a_set_of_nested_prefixes_contains_what_one_of_them_contains(void **state)
{
	struct random random = random_seeded();

	(void)state;
	for (int round = 0; round < 300; round++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct text text CLEANUP(text_done) = TEXT_INIT;
		struct ruleset *rs = ruleset_new(arena);
		bool is_v6 = random_below(&random, 2);
		unsigned n = random_below(&random, 12);
		struct err err;
		struct table *table;
		const struct set *set;

		text_addf(&text, "create s hash:net family %s\n", is_v6 ? "inet6" : "inet");
		for (unsigned i = 0; i < n; i++)
			text_addf(&text,
				is_v6 ? "add s 20%02x::%02x/%u\n" : "add s 10.%u.0.%u/%u\n",
				random_below(&random, 64), random_below(&random, 8),
				random_below(&random, 4) ? 8 + random_below(&random, 9)
							 : 29 + random_below(&random, 4));
		assert_true(ruleset_parse_ipset(arena, rs, "s", text.data, &err));
		set = ruleset_set(rs, "s");
		table = ruleset_add_table(arena, rs, is_v6 ? FAMILY_IPV6 : FAMILY_IPV4, "filter");
		struct chain *chain = table_add_chain(arena, table, "FORWARD");
		struct rule *rule = chain_add_rule(arena, chain);
		struct match match = { .kind = MATCH_SET, .set = { .name = "s", .is_src = true } };

		chain->is_base = true;
		chain->policy = "DROP";
		*rule = (struct rule){
			.matches = &match, .n_matches = 1, .target.kind = TARGET_ACCEPT
		};
		for (int i = 0; i < 200; i++) {
			struct packet packet = { 0 };
			char addr[64];
			bool inside = false;

			snprintf(addr, sizeof(addr), is_v6 ? "20%02x::%02x" : "10.%u.0.%u",
				random_below(&random, 64), random_below(&random, 8));
			packet.src = addr_of(addr);
			for (size_t e = 0; e < set->n_elements; e++)
				inside |= prefix_contains(&set->elements[e].prefix, &packet.src);
			if ((ruleset_eval(rs, table, chain, &packet, NULL, NULL).verdict ==
				    VERDICT_ACCEPT) != inside)
				fail_msg("%s in\n%s", addr, text.data);
		}
	}
}

static void without_a_routing_header_no_rule_about_it_matches(void **state)
{
	struct packet packet = tcp_packet();

	(void)state;
	packet.ethertype = ETHERTYPE_IPV6;
	packet.src = addr_of("2001:db8::1");
	packet.dst = addr_of("2001:db8::2");
	assert_answer("-A FORWARD -m rt --rt-type 0 -j DROP\n-A FORWARD -j ACCEPT", FAMILY_IPV6,
		&packet, "A 8");
	assert_answer("-A FORWARD -m rt ! --rt-type 0 -j DROP\n-A FORWARD -j ACCEPT", FAMILY_IPV6,
		&packet, "A 8");
}

/* br_netfilter takes the tag away before it asks iptables (bridge-nf-filter-vlan-tagged). */
static void iptables_sees_what_is_behind_a_tag(void **state)
{
	struct packet packet = tcp_packet();

	(void)state;
	packet.ethertype = ETHERTYPE_VLAN;
	packet.vlan_id = 7;
	packet.ttl = 64;
	packet.tcp_flags = TCP_SYN;
	assert_answer("-A FORWARD -p tcp -j ACCEPT", FAMILY_IPV4, &packet, "A 7");
	assert_answer(
		"-A FORWARD -p tcp -m tcp --dport 443 -j ACCEPT", FAMILY_IPV4, &packet, "A 7");
	assert_answer("-A FORWARD -p tcp -m tcp --tcp-flags SYN,ACK SYN -j ACCEPT", FAMILY_IPV4,
		&packet, "A 7");
	assert_answer("-A FORWARD -m ttl --ttl-eq 64 -j ACCEPT", FAMILY_IPV4, &packet, "A 7");
	assert_answer("-A FORWARD -p udp -j ACCEPT", FAMILY_IPV4, &packet, "D policy");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_match_says_yes_and_no),
		cmocka_unit_test(iptables_sees_what_is_behind_a_tag),
		cmocka_unit_test(what_is_not_tracked_has_no_mark),
		cmocka_unit_test(a_later_fragment_has_no_ports_and_no_type),
		cmocka_unit_test(what_nft_reads_of_a_later_fragment_cannot_be_told),
		cmocka_unit_test(icmp_types_are_of_their_family),
		cmocka_unit_test(without_a_routing_header_no_rule_about_it_matches),
		cmocka_unit_test(without_an_output_port_a_packet_is_not_bridged),
		cmocka_unit_test(a_walk_jumps_returns_and_goes),
		cmocka_unit_test(circles_end),
		cmocka_unit_test(what_is_not_known_is_not_guessed),
		cmocka_unit_test(every_rule_whose_counter_rises_is_recorded),
		cmocka_unit_test(frames_go_through_the_maps_of_their_ports),
		cmocka_unit_test(a_set_of_nested_prefixes_contains_what_one_of_them_contains),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
