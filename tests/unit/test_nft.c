// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "ruleset/nft_eval.h"
#include "ruleset/ruleset.h"

static struct ruleset *parse(struct arena *arena, const char *text)
{
	struct ruleset *rs = ruleset_new(arena);
	struct err err = { 0 };

	if (!ruleset_parse_nft(arena, rs, "t", text, &err))
		fail_msg("%s", err.text);
	return rs;
}

static struct text load(const char *name)
{
	struct text text = TEXT_INIT, path CLEANUP(text_done) = TEXT_INIT;
	struct err err;

	text_addf(&path, "%s/ruleset/%s", getenv("GOLDEN"), name);
	assert_true(text_load(&text, path.data, 1 << 20, &err));
	return text;
}

/* The sample holds nft's own output: each rule of the chain is a line with two tabs. */
static void every_rule_is_printed_as_nft_lists_it(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct text text CLEANUP(text_done) = load("bridge.nft");
	const struct table *table =
		ruleset_table(parse(arena, text.data), FAMILY_BRIDGE, "portwall");
	const struct chain *chain = table_chain(table, "o-123456789a");
	const char *line = strstr(text.data, "chain o-123456789a {\n");

	(void)state;
	assert_true(chain->n_rules > 30);
	line = strstr(line, "\t\tether type ip accept");
	for (size_t i = 0; i < chain->n_rules; i++) {
		struct text printed CLEANUP(text_done) = TEXT_INIT;
		size_t len = strcspn(line, "\n");

		text_add(&printed, "\t\t");
		rule_print(&printed, FAMILY_BRIDGE, &chain->rules[i]);
		assert_int_equal(printed.len, len);
		assert_memory_equal(printed.data, line, len);
		line += len + 1;
	}
	assert_true(text_has_prefix(line, "\t}\n"));
}

static void tables_chains_and_maps_are_read(void **state)
{
	static const char text[] =
		"table ip filter {\n"
		"\tchain c {\n\t\tip saddr { 1.2.3.4, 5.6.7.8 } drop\n\t}\n}\n"
		"table bridge portwall { # handle 7\n"
		"\tcomment \"portwall 0.1\"\n"
		"\tmap from-port { # handle 1\n"
		"\t\ttype ifname : verdict\n"
		"\t\telements = { \"tap2\" : goto o-2,\n"
		"\t\t\t     \"tap1\" : drop }\n\t}\n\n"
		"\tmap none {\n\t\ttype ifname : verdict\n\t}\n"
		"\tset s {\n\t\ttype ifname\n\t\telements = { \"b\", \"a\" }\n\t}\n"
		"\tset wild {\n\t\ttype ifname\n\t\tflags interval\n"
		"\t\telements = { \"b*\" }\n\t}\n"
		"\tchain prerouting {\n"
		"\t\ttype filter hook prerouting priority dstnat - 10; policy drop;\n"
		"\t\tiifname vmap @from-port # handle 12\n\t}\n"
		"\tchain o-2 {\n\t\tcomment \"mine\"\n"
		"\t\tcounter packets 5 bytes 300 drop comment \"the rest\"\n\t}\n}\n";
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	const struct ruleset *rs = parse(arena, text);
	const struct table *table = ruleset_table(rs, FAMILY_BRIDGE, "portwall");
	const struct chain *chain = table_chain(table, "prerouting");
	const struct set *map = table_set(table, "from-port");

	(void)state;
	assert_int_equal(rs->n_tables, 2);
	assert_string_equal(table->comment, "portwall 0.1");
	assert_true(chain->is_base);
	assert_string_equal(chain->policy, "DROP");
	assert_string_equal(
		chain->hook_text, "type filter hook prerouting priority dstnat - 10; policy drop;");
	assert_int_equal(chain->n_rules, 1);
	assert_int_equal(chain->rules[0].target.kind, TARGET_VMAP);
	assert_string_equal(chain->rules[0].target.vmap.map, "from-port");
	chain = table_chain(table, "o-2");
	assert_false(chain->is_base);
	assert_int_equal(chain->n_rules, 1);
	assert_int_equal(chain->rules[0].counters.bytes, 300);
	assert_true(chain->rules[0].has_counter);
	assert_string_equal(chain->rules[0].comment, "the rest");
	assert_int_equal(map->kind, MAP_IFNAME_VERDICT);
	assert_int_equal(map->n_elements, 2);
	assert_string_equal(map->elements[0].name, "tap1");
	assert_int_equal(map->elements[1].target.kind, TARGET_GOTO);
	assert_string_equal(map->elements[1].target.chain, "o-2");
	assert_int_equal(table_set(table, "none")->n_elements, 0);
	assert_null(table_set(table, "none")->opaque);
	assert_int_equal(table_set(table, "s")->n_elements, 2);
	assert_int_equal(table_set(table, "wild")->kind, SET_NFT);
	assert_true(table_set(table, "wild")->nft_elements[0].keys[0].is_open);
}

static void elements_are_printed_as_nft_takes_them(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct text text CLEANUP(text_done) = load("bridge.nft"),
			 out CLEANUP(text_done) = TEXT_INIT;
	const struct table *table;
	const struct set *map;

	(void)state;
	/* "continue" is no verdict that we ever write. */
	memcpy(strstr(text.data, ": continue"), ": accept  ", 10);
	table = ruleset_table(parse(arena, text.data), FAMILY_BRIDGE, "portwall");
	map = table_set(table, "from-port");
	assert_int_equal(map->n_elements, 7);
	for (size_t i = 0; i < 3; i++) {
		set_element_print(&out, map, &map->elements[i]);
		text_add(&out, ",\n\t\t\t     ");
	}
	assert_string_equal(out.data, "\"tap1\" : goto o-123456789a,\n\t\t\t     \"tap2\" : drop,\n"
				      "\t\t\t     \"tap3\" : jump o-123456789a,\n\t\t\t     ");
	assert_non_null(strstr(text.data, out.data));
}

static void what_is_not_modelled_is_kept(void **state)
{
	static const struct {
		const char *rule;
		size_t n_matches;
		enum target_kind target;
	} cases[] = {
		{ "ether type ip ip saddr 10.0.0.1 drop", 2, TARGET_DROP },
		{ "ether type ip reject", 1, TARGET_NFT_REJECT },
		{ "ip saddr 10.0.0.1 counter packets 1 bytes 2", 1, TARGET_NONE },
		{ "ip saddr 10.0.0.1 counter packets 1 bytes 2 drop", 1, TARGET_DROP },
		{ "counter packets 1 bytes 2", 0, TARGET_NONE },
		{ "ether type vmap { ip : accept, arp : drop }", 0, TARGET_NFT_VMAP },
		{ "log prefix \"a drop\"", 1, TARGET_NONE },
		{ "meta hour \"21:00\" drop", 1, TARGET_DROP },
		{ "meta hour \"21:00\" counter packets 1 bytes 2", 0, TARGET_OPAQUE },
		{ "log prefix \"a { drop\" drop comment \"b } c\"", 1, TARGET_DROP },
		{ "iifname \"eth*\" accept", 1, TARGET_ACCEPT },
		{ "counter packets 1 bytes 2 oifname vmap @to-port", 0, TARGET_VMAP },
		{ "ether type 0x8035", 1, TARGET_NONE },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(cases); i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct text out CLEANUP(text_done) = TEXT_INIT;
		const struct ruleset *rs = parse(arena,
			arena_printf(arena, "table bridge t {\n\tchain c {\n\t\t%s\n\t}\n}\n",
				cases[i].rule));
		const struct rule *rule = &rs->tables[0].chains[0].rules[0];

		rule_print(&out, FAMILY_BRIDGE, rule);
		assert_string_equal(out.data, cases[i].rule);
		assert_int_equal(rule->n_matches, cases[i].n_matches);
		assert_int_equal(rule->target.kind, cases[i].target);
	}
}

static void a_wrong_text_is_refused_with_its_line_and_column(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ "chain c {\n}\n", "t:1:1: expected a table" },
		{ "table bridge t {\n", "t:1:1: the text ends inside of a table" },
		{ "table bridge t {\n\tchain c {\n\t\tdrop\n",
			"t:3:3: the text ends inside of a chain" },
		{ "table bridge t {\n\tmap m {\n", "t:2:2: the text ends inside of a set" },
		{ "table bridge t {\n\tmap m {\n\t\telements = { \"a\",\n",
			"t:3:3: the text ends inside of braces" },
		{ "table ip t {\n\tchain c {\n", "t:2:2: the text ends inside of a chain" },
		{ "}\n", "t:1:1: expected a table" },
		{ "\n  table ip\n", "t:2:3: expected a table" },
		{ "table bridge t {\n\tcomment \"a\n}\n", "t:2:10: a quote is not closed" },
		{ "table bridge t {\n\tchain c { drop; }}\n",
			"t:2:2: braces that do not belong here" },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(cases); i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct err err = { 0 };

		assert_false(
			ruleset_parse_nft(arena, ruleset_new(arena), "t", cases[i].text, &err));
		assert_string_equal(err.text, cases[i].message);
	}
}

static void real_listings_print_back(void **state)
{
	static const char *const names[] = { "firewalld.nft", "docker29.nft" };

	(void)state;
	for (size_t i = 0; i < N_OF(names); i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct text text CLEANUP(text_done) = load(names[i]),
				 out CLEANUP(text_done) = TEXT_INIT;
		const struct ruleset *rs = parse(arena, text.data);

		ruleset_print_nft(&out, rs, true);
		assert_string_equal(out.data, text.data);
	}
}

static void a_table_that_a_process_holds_prints_back(void **state)
{
	static const char text[] = "table inet t { # progname firewalld\n\tflags owner\n\n"
				   "\tchain c {\n\t\taccept\n\t}\n}\n"
				   "table inet u {\n\tchain c {\n\t}\n}\n";
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct text out CLEANUP(text_done) = TEXT_INIT;
	const struct ruleset *rs = parse(arena, text);

	(void)state;
	ruleset_print_nft(&out, rs, true);
	assert_string_equal(out.data, text);
	assert_string_equal(rs->tables[0].name, "t");
	assert_string_equal(rs->tables[0].holder, "progname firewalld");
	assert_null(rs->tables[1].holder);
}

/* Every statement is there as a value: nothing of these is kept as mere text. */
static void rules_print_back_and_nothing_is_opaque(void **state)
{
	static const char *const rules[] = {
		"ip saddr 10.0.0.0/8 tcp dport { 22, 80-90 } ct state established,related accept",
		"meta l4proto { tcp, udp } th dport 53 counter packets 1 bytes 2 accept",
		"ip saddr . tcp dport { 10.0.0.1 . 22, 10.0.0.2 . 80-81 } drop",
		"tcp flags & (fin | syn | rst | ack) == syn ct state new return",
		"tcp flags syn / fin,syn,rst,ack drop",
		"meta mark & 0x000000ff == 0x00000001 meta mark set 0x00000002",
		"ct mark set meta mark & 0x0000ffff",
		"iifname { \"eth0\", \"tap*\" } oifname != \"br0\" jump c",
		("counter packets 0 bytes 0 log prefix \"x: \" level warn flags all limit rate "
		 "10/second burst 5 packets drop comment \"y\""),
		"ct state vmap { invalid : drop, established : accept, related : accept }",
		"ip daddr 10.0.0.9 tcp dport 80 dnat to 172.17.0.2:8080",
		"ip daddr 10.1.0.0/16 dnat ip prefix to 10.2.0.0/16",
		"masquerade to :1024-65535 random,persistent",
		"oifname @bridges snat ip to ip saddr",
		"iifname @bridges dnat ip6 to ip6 daddr random",
		"oifname \"br0\" iif 0 fib saddr type != local snat ip to ip saddr",
		"ip daddr . tcp dport vmap @services",
		"fib daddr type local counter packets 0 bytes 0 jump c",
		"icmpv6 type { nd-neighbor-solicit, nd-router-advert } accept",
		"ip protocol icmp icmp type echo-request reject with icmp type host-unreachable",
		"ip dscp cs1 ip ttl < 5 ip length 100-200 meta skuid 1000 notrack",
	};

	(void)state;
	for (size_t i = 0; i < N_OF(rules); i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct text out CLEANUP(text_done) = TEXT_INIT;
		const char *text = arena_printf(
			arena, "table inet t {\n\tchain c {\n\t\t%s\n\t}\n}\n", rules[i]);
		const struct ruleset *rs = parse(arena, text);
		const struct rule *rule = &rs->tables[0].chains[0].rules[0];

		ruleset_print_nft(&out, rs, true);
		assert_string_equal(out.data, text);
		assert_int_not_equal(rule->target.kind, TARGET_OPAQUE);
		for (size_t m = 0; m < rule->n_matches; m++)
			if (rule->matches[m].kind == MATCH_OPAQUE)
				fail_msg("%s: opaque %s", rules[i], rule->matches[m].text);
	}
}

static void matches_answer_for_packets(void **state)
{
	static const struct {
		const char *rule;
		enum answer answer;
	} cases[] = {
		{ "ip saddr 10.1.0.0/16", YES },
		{ "ip saddr != 10.1.0.0/16", NO },
		{ "ip6 saddr != fe80::1", NO },
		{ "tcp dport 80-90", YES },
		{ "udp dport != 80", NO },
		{ "th dport { 22, 70-79, 90-100 }", NO },
		{ "th dport { 22, 80, 90-100 }", YES },
		{ "ip saddr . tcp dport { 10.1.2.3 . 79, 10.1.2.3 . 80 }", YES },
		{ "ip saddr . tcp dport != { 10.1.2.3 . 80 }", NO },
		{ "tcp flags & (syn | ack) == syn", YES },
		{ "tcp flags syn / fin,syn", YES },
		{ "tcp flags ack,fin", NO },
		{ "ct state established,new", YES },
		{ "ct state established", NO },
		{ "iifname \"tap*\"", YES },
		{ "oifname != \"x\"", YES },
		{ "iif 0", NO },
		{ "oif 0", YES },
		{ "oif != 0", NO },
		{ "meta nfproto ipv6", NO },
		{ "ip dscp cs1", YES },
		{ "meta mark & 0x0000000f == 0x00000005", YES },
		{ "ip ttl < 64", NO },
		{ "ip ttl <= 64", YES },
		{ "meta skuid 0", CANNOT_TELL },
		{ "fib daddr type local", CANNOT_TELL },
		{ "limit rate 1/second burst 5 packets", CANNOT_TELL },
		{ "icmp type != echo-request", NO },
		{ "arp operation request", NO },
		{ "ip saddr { 10.1.2.3 limit rate 1/second burst 5 packets }", CANNOT_TELL },
	};
	struct packet packet = { .ethertype = ETHERTYPE_IPV4,
		.in_iface = "tap1",
		.proto = PROTO_TCP,
		.ttl = 64,
		.tos = 0x21,
		.sport = 1024,
		.dport = 80,
		.tcp_flags = TCP_SYN,
		.mark = 0x25,
		.ct_state = CT_NEW,
		.unknown = FIELD_BIT(FIELD_UID) };

	(void)state;
	assert_true(addr_parse("10.1.2.3", &packet.src));
	for (size_t i = 0; i < N_OF(cases); i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		const struct ruleset *rs = parse(
			arena, arena_printf(arena, "table inet t {\n\tchain c {\n\t\t%s\n\t}\n}\n",
				       cases[i].rule));
		const struct rule *rule = &rs->tables[0].chains[0].rules[0];
		const struct eval eval = { .arena = arena, .rs = rs };
		struct asking asking = {
			.eval = &eval, .table = &rs->tables[0], .packet = &packet
		};
		enum answer answer;

		assert_int_equal(rule->n_matches, 1);
		answer = nft_match_eval(&asking, &rule->matches[0]).answer;
		if (answer != cases[i].answer)
			fail_msg("%s: %d", cases[i].rule, answer);
	}
}

/* "to" an address that is another one's: of the other end, of a part, of another family. */
static void a_mapping_to_the_address_that_a_packet_has_is_understood(void **state)
{
	static const struct {
		const char *family, *rule;
		bool is_identity;
	} cases[] = {
		{ "inet", "snat ip to ip saddr", true },
		{ "inet", "dnat ip to ip daddr", true },
		{ "inet", "snat ip6 to ip6 saddr", true },
		{ "inet", "dnat ip6 to ip6 daddr persistent", true },
		{ "ip", "snat to ip saddr", true },
		{ "ip", "dnat to ip daddr", true },
		{ "ip6", "snat to ip6 saddr", true },
		{ "inet", "snat ip to ip daddr", false },
		{ "inet", "dnat ip to ip saddr", false },
		{ "inet", "snat to ip saddr", false },
		{ "ip", "snat to ip6 saddr", false },
		{ "inet", "snat ip to ip saddr & 255.255.255.0", false },
		{ "inet", "redirect to ip saddr", false },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(cases); i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		const struct ruleset *rs = parse(
			arena, arena_printf(arena, "table %s t {\n\tchain c {\n\t\t%s\n\t}\n}\n",
				       cases[i].family, cases[i].rule));
		const struct target *target = &rs->tables[0].chains[0].rules[0].target;

		if (target->kind != TARGET_NFT_NAT ||
			target->nat->is_identity != cases[i].is_identity ||
			!target_not_understood(target) != cases[i].is_identity)
			fail_msg("%s: %s", cases[i].family, cases[i].rule);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_mapping_to_the_address_that_a_packet_has_is_understood),
		cmocka_unit_test(real_listings_print_back),
		cmocka_unit_test(a_table_that_a_process_holds_prints_back),
		cmocka_unit_test(rules_print_back_and_nothing_is_opaque),
		cmocka_unit_test(matches_answer_for_packets),
		cmocka_unit_test(every_rule_is_printed_as_nft_lists_it),
		cmocka_unit_test(tables_chains_and_maps_are_read),
		cmocka_unit_test(elements_are_printed_as_nft_takes_them),
		cmocka_unit_test(what_is_not_modelled_is_kept),
		cmocka_unit_test(a_wrong_text_is_refused_with_its_line_and_column),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
