// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ruleset/ruleset.h"

/* A table around one rule; chains "c" and "sg" are declared. */
static const char *table_around(struct arena *arena, const char *rule)
{
	return arena_printf(arena,
		"*filter\n:INPUT ACCEPT [0:0]\n:c - [0:0]\n:sg - [0:0]\n-A c%s%s\nCOMMIT\n",
		*rule ? " " : "", rule);
}

static const struct rule *parse_one(struct arena *arena, enum family family, const char *text)
{
	struct ruleset *rs = ruleset_new(arena);
	struct err err = { 0 };
	const struct chain *chain;

	if (!ruleset_parse_iptables(arena, rs, family, "t", table_around(arena, text), &err))
		fail_msg("%s: %s", text, err.text);
	chain = table_chain(ruleset_table(rs, family, "filter"), "c");
	assert_int_equal(chain->n_rules, 1);
	return &chain->rules[0];
}

static void assert_becomes(enum family family, const char *in, const char *out)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct text printed CLEANUP(text_done) = TEXT_INIT;
	const struct rule *rule = parse_one(arena, family, in), *again;

	rule_print(&printed, family, rule);
	assert_string_equal(printed.data, out);
	again = parse_one(arena, family, printed.data);
	assert_true(rule_equal(rule, again));
}

static void every_form_that_iptables_prints_comes_back_as_it_was(void **state)
{
	static const char *const v4[] = {
		"",
		"-j ACCEPT",
		"-j sg",
		"-g sg",
		"-j MASQUERADE",
		"-j LOG --log-prefix \"[UFW BLOCK] \"",
		"-j REJECT --reject-with icmp-port-unreachable",
		"-j CT --zone 4097",
		"-j CT --notrack",
		"-j CT --notrack --zone 5",
		"-j CT --helper ftp",
		"-j NOTRACK",
		"-s 10.0.0.0/8 ! -d 10.1.0.0/16 -i br+ ! -o eth0.1 -p tcp -j DROP",
		"-s 10.0.0.0/255.0.255.0 -j DROP",
		"! -p tcp",
		"-p 4 -j RETURN",
		"-p 250",
		"-p icmp -f -m icmp ! --icmp-type 8",
		"-p icmp -m icmp --icmp-type 3/4",
		"-p icmp -m icmp --icmp-type any",
		"-p tcp -m tcp",
		"-p tcp -m tcp --dport 22 -j RETURN",
		"-p tcp -m tcp --sport 0:5 ! --dport 80:443",
		"-p tcp -m tcp --dport 80 ! --tcp-flags FIN,SYN,RST,ACK SYN -j DROP",
		"-p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN",
		"-p udp -m udp --sport 67 --dport 68",
		"-p udp -m udp --sport 67 -m comment --comment a -m udp --dport 68",
		"-p sctp -m sctp --dport 80",
		"-p 33 -m dccp --dport 9",
		"-p tcp -m tcp -m multiport --dports 8000:8099",
		"-p udplite -m multiport ! --sports 1,2,3:5",
		"-p tcp -m multiport --ports 1,2",
		"-m state --state RELATED,ESTABLISHED",
		"-m state ! --state INVALID,NEW,UNTRACKED",
		"-m conntrack --ctstate NEW --ctdir ORIGINAL",
		"-m conntrack --ctstate NEW,SNAT",
		"-m conntrack --ctproto 6",
		"-m connmark --mark 0x40000000/0x40000000 -m comment --comment cut -j sg",
		"-m connmark ! --mark 0x1",
		"-m connmark --mark 0x0/0xff",
		"-m connmark --mark 0x100000000",
		"-m connmark --mark 0x1/0x100000000",
		"-m connmark --mark 0x1/",
		"-m connmark --mark 0x",
		"-m connmark --mark -1",
		"-m connmark --mark 1x",
		"-m connmark",
		"-m physdev --physdev-in tap1 --physdev-out tap2 --physdev-is-bridged -j sg",
		"-m physdev ! --physdev-is-bridged -j sg",
		"-m physdev ! --physdev-in tap1 ! --physdev-is-bridged",
		"-m physdev ! --physdev-is-in --physdev-in eth+",
		"-m physdev --physdev-in a -m physdev --physdev-in b --physdev-out c",
		"-m mac --mac-source fa:16:3e:00:00:01",
		"-m mac ! --mac-source fa:16:3e:00:00:01",
		"-m set --match-set NIPv4x src -j RETURN",
		"-m set ! --match-set NIPv4x dst",
		"-m set --match-set a src,dst",
		"-m set --match-set a src --return-nomatch",
		"-m socket",
		"-m addrtype --dst-type LOCAL -j DOCKER",
		"-m comment --comment plain -j sg",
		"-m comment --comment -j",
		"-m comment --comment \"\"",
		"-m comment --comment \"it\\'s \\\"quoted\\\" \\\\ -j DROP\" -j sg",
		"-m comment --comment first -m state --state NEW -m comment --comment second",
		"-p tcp -m comment --comment \"default/kubernetes:https cluster IP\" -m tcp --dport 443",
		"-m u32 --u32 \"6&0xFF=0\" -j RETURN",
		"-p esp -j ACCEPT",
	};
	static const char *const v6[] = {
		"-s fe80::/10 -d ff02::/16 -p ipv6-icmp -m icmp6 --icmpv6-type 135",
		"-p ipv6-icmp -m icmp6 --icmpv6-type 1/4 -j DROP",
		"-p ipv6-icmp -m icmp6 --icmpv6-type 255",
		"-m rt --rt-type 0 -j DROP",
		"-p icmp -m icmp --icmp-type 8",
	};

	(void)state;
	for (size_t i = 0; i < N_OF(v4); i++)
		assert_becomes(FAMILY_IPV4, v4[i], v4[i]);
	for (size_t i = 0; i < N_OF(v6); i++)
		assert_becomes(FAMILY_IPV6, v6[i], v6[i]);
}

static void what_people_write_becomes_what_iptables_prints(void **state)
{
	static const struct {
		enum family family;
		const char *in, *out;
	} cases[] = {
		{ FAMILY_IPV4, "-d ! 10.0.0.1 -s 10.1.2.3/255.255.0.0",
			"-s 10.1.0.0/16 ! -d 10.0.0.1/32" },
		{ FAMILY_IPV4, "-j DROP -p tcp --dport ssh -m mac --mac-source ! FA-16-3e-00-00-01",
			"-p tcp -m tcp --dport 22 -m mac ! --mac-source fa:16:3e:00:00:01 -j DROP" },
		{ FAMILY_IPV4, "-p tcp --destination-port 80 --sport :1023",
			"-p tcp -m tcp --sport 0:1023 --dport 80" },
		{ FAMILY_IPV4, "-p tcp --dport 0:65535", "-p tcp -m tcp" },
		{ FAMILY_IPV4, "-s 10.0.0.1/255.0.255.0", "-s 10.0.0.0/255.0.255.0" },
		{ FAMILY_IPV4, "-p all -s 0.0.0.0/0 -i + -j ACCEPT", "-j ACCEPT" },
		{ FAMILY_IPV4, "--protocol icmp -m icmp", "-p icmp -m icmp --icmp-type any" },
		{ FAMILY_IPV4, "-p icmp --icmp-type 255/3", "-p icmp -m icmp --icmp-type any" },
		{ FAMILY_IPV4, "-m physdev --physdev-is-bridged --physdev-in tap1",
			"-m physdev --physdev-in tap1 --physdev-is-bridged" },
		{ FAMILY_IPV4, "-m conntrack ! --ctstate ESTABLISHED,NEW",
			"-m conntrack ! --ctstate NEW,ESTABLISHED" },
		{ FAMILY_IPV4, "-m connmark ! --mark 5/010", "-m connmark ! --mark 0x5/0x8" },
		{ FAMILY_IPV4, "-m connmark --mark 7/0xffffffff", "-m connmark --mark 0x7" },
		{ FAMILY_IPV4, "-p ipencap", "-p 4" },
		{ FAMILY_IPV4, "-p ipip", "-p 94" },
		{ FAMILY_IPV4, "-p vrrp", "-p 112" },
		{ FAMILY_IPV4, "-p no-such-protocol", "-p no-such-protocol" },
		{ FAMILY_IPV4, "-s www.example.org", "-s www.example.org" },
		{ FAMILY_IPV4, "-m   comment  --comment   \"two  words\"",
			"-m comment --comment \"two  words\"" },
		{ FAMILY_IPV6, "-p icmpv6 --icmpv6-type 128 -s ::/0",
			"-p ipv6-icmp -m icmp6 --icmpv6-type 128" },
		{ FAMILY_IPV6, "-s 2001:db8::1/ffff:ffff::", "-s 2001:db8::/32" },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(cases); i++)
		assert_becomes(cases[i].family, cases[i].in, cases[i].out);
}

static void a_rule_is_read_into_its_fields(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct ruleset *rs = ruleset_new(arena);
	struct err err;
	const struct table *table;
	const struct chain *chain;
	const struct rule *rule;

	(void)state;
	assert_true(ruleset_parse_iptables(arena, rs, FAMILY_IPV4, "t",
		"# comment\n*filter\n:FORWARD DROP [7:700]\n:c - [0:0]\n"
		"[12:3456] -A FORWARD -p tcp -m tcp --dport 22 -m set ! --match-set s dst "
		"-m comment --comment \"a b\" -j c\n"
		"-A c -j RETURN\nCOMMIT\n*raw\n:PREROUTING ACCEPT [0:0]\nCOMMIT\n",
		&err));
	assert_int_equal(rs->n_tables, 2);
	table = ruleset_table(rs, FAMILY_IPV4, "filter");
	chain = table_chain(table, "FORWARD");
	assert_true(chain->is_base);
	assert_string_equal(chain->policy, "DROP");
	assert_int_equal(chain->counters.bytes, 700);
	assert_false(table_chain(table, "c")->is_base);
	assert_null(table_chain(table, "c")->policy);
	rule = &chain->rules[0];
	assert_int_equal(rule->line, 5);
	assert_int_equal(rule->counters.packets, 12);
	assert_int_equal(rule->counters.bytes, 3456);
	assert_string_equal(rule->comment, "a b");
	assert_int_equal(rule->n_behind_comment, 0);
	assert_int_equal(rule->n_matches, 3);
	assert_int_equal(rule->matches[0].proto, PROTO_TCP);
	assert_int_equal(rule->matches[1].kind, MATCH_DPORT);
	assert_int_equal(rule->matches[1].ports.ranges[0].min, 22);
	assert_int_equal(rule->matches[2].kind, MATCH_SET);
	assert_true(rule->matches[2].inverted);
	assert_false(rule->matches[2].set.is_src);
	assert_int_equal(rule->target.kind, TARGET_JUMP);
	assert_string_equal(rule->target.chain, "c");
	assert_true(ruleset_parse_iptables(arena, rs, FAMILY_IPV4, "t",
		"*nat\n-A POSTROUTING -j later\n-A POSTROUTING -j MASQUERADE\n:later - [0:0]\n"
		"COMMIT\n",
		&err));
	chain = table_chain(ruleset_table(rs, FAMILY_IPV4, "nat"), "POSTROUTING");
	assert_int_equal(chain->rules[0].target.kind, TARGET_JUMP);
	assert_int_equal(chain->rules[1].target.kind, TARGET_NAT);
	assert_int_equal(chain->rules[1].target.mapping->kind, NAT_MASQUERADE);
}

static void a_wrong_line_is_named(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ "-A INPUT -j DROP\n", "t:1:1: a rule outside of a table" },
		{ "*filter\n\n:INPUT ACCEPT\n",
			"t:3:1: the text ends before the COMMIT of table filter" },
		{ "*filter\n*raw\n", "t:2:1: the table before it has no COMMIT" },
		{ "COMMIT\n", "t:1:1: COMMIT does not belong here" },
		{ "*filter\n:c -\n-A d -j DROP\n", "t:3:4: chain d is not declared" },
		{ "*filter\n:c - [0:x]\n", "t:2:6: these are no counters" },
		{ "*filter\n:c\n", "t:2:1: expected a chain, its policy and its counters" },
		{ "*filter\n:c -\n[1:2:3] -A c\n", "t:3:1: these are no counters" },
		{ "*filter\n:c -\n[99999999999999999999:0] -A c\n",
			"t:3:1: these are no counters" },
		{ "*filter\n:c -\n-D c\n", "t:3:1: expected -A and a chain, not \"-D\"" },
		{ "*filter\n:c -\n-P c DROP\n",
			"t:3:1: -P needs a chain of the kernel's and a policy" },
		{ "*filter\n:c -\n-I c 2 -j DROP\n", "t:3:1: chain c has no place 2" },
		{ "*filter\n:c -\n-A c -s\n", "t:3:6: the last option has no value" },
		{ "*filter\n:c -\n-A c -s 1.2.3.4 -s 1.2.3.4\n", "t:3:17: -s twice" },
		{ "*filter\n:c -\n-A c -j DROP -j DROP\n", "t:3:14: two targets" },
		{ "*filter\n:c -\n-A c -g d\n", "t:3:9: no such chain behind -g" },
		{ "*filter\n:c -\n-A c -m\n", "t:3:6: no module behind -m" },
		{ "*filter\n:c -\n-A c --dport 5\n", "t:3:6: --dport belongs to no match" },
		{ "*filter\n:c -\n-A c nonsense\n", "t:3:6: unexpected \"nonsense\"" },
		{ "*filter\n:c -\n-A c -m comment --comment \"a b\n",
			"t:3:27: a quote is not closed" },
		{ "table ip filter {\n}\n", "t:1:1: a rule outside of a table" },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(cases); i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct err err = { 0 };

		assert_false(ruleset_parse_iptables(
			arena, ruleset_new(arena), FAMILY_IPV4, "t", cases[i].text, &err));
		assert_string_equal(err.text, cases[i].message);
		assert_int_equal(err.kind, ERR_INPUT);
	}
}

static void load(struct arena *arena, struct text *text, const char *file)
{
	struct err err;

	if (!text_load(text, arena_printf(arena, "%s/%s", getenv("GOLDEN"), file), 1 << 20, &err))
		fail_msg("%s", err.text);
}

static void print_as_read(struct arena *arena, struct text *out, const char *file, const char *text)
{
	struct ruleset *rs = ruleset_new(arena);
	enum text_kind kind;
	struct err err;

	if (!ruleset_parse_text(arena, rs, file, text, &kind, &err))
		fail_msg("%s", err.text);
	ruleset_print_iptables(out, rs, SOURCE_IPTABLES,
		kind == TEXT_IP6TABLES ? FAMILY_IPV6 : FAMILY_IPV4, COUNTERS_AS_READ);
}

static void rulesets_of_real_software_come_back_byte_by_byte(void **state)
{
	static const char *const files[] = { "ruleset/neutron.iptables-save",
		"ruleset/neutron.ip6tables-save", "ruleset/docker.iptables-save",
		"ruleset/calico.iptables-save", "ruleset/ufw.ip6tables-save",
		"../netns/rulesets/docker-v20.v4.save", "../netns/rulesets/docker-v20.v6.save",
		"../netns/rulesets/docker-v28.v4.save",
		"../netns/rulesets/firewalld-1.3.3-iptables-backend.v4.save",
		"../netns/rulesets/firewalld-1.3.3-iptables-backend.v6.save",
		"../netns/rulesets/libvirt-9.0.0-default-routed-isolated-nat6.v4.save",
		"../netns/rulesets/libvirt-9.0.0-default-routed-isolated-nat6.v6.save",
		"../netns/rulesets/neutron-21-ovs-hybrid-3-noipset.v4.save",
		"../netns/rulesets/shorewall-5.2.8-three-interfaces.v4.save",
		"../netns/rulesets/ufw-0.36.2.v4.save", "../netns/rulesets/ufw-0.36.2.v6.save" };

	(void)state;
	for (size_t i = 0; i < N_OF(files); i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct text text CLEANUP(text_done) = TEXT_INIT,
				 printed CLEANUP(text_done) = TEXT_INIT;

		load(arena, &text, files[i]);
		print_as_read(arena, &printed, files[i], text.data);
		assert_string_equal(printed.data, text.data);
	}
}

/* hand.iptables-save is what the kernel's tools printed after they had loaded hand.rules. */
static void what_was_written_by_hand_comes_back_as_the_kernel_has_it(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct text text CLEANUP(text_done) = TEXT_INIT, expected CLEANUP(text_done) = TEXT_INIT,
			 printed CLEANUP(text_done) = TEXT_INIT;

	(void)state;
	load(arena, &text, "ruleset/hand.rules");
	load(arena, &expected, "ruleset/hand.iptables-save");
	print_as_read(arena, &printed, "hand.rules", text.data);
	assert_string_equal(printed.data, expected.data);
}

static void a_text_is_told_by_its_content(void **state)
{
	static const struct {
		const char *text;
		enum text_kind kind;
	} cases[] = {
		{ "", TEXT_EMPTY },
		{ "# nothing\n\n", TEXT_EMPTY },
		{ "hello\n", TEXT_UNKNOWN },
		{ "*filter\n-A INPUT -j DROP\nCOMMIT\n", TEXT_IPTABLES },
		{ "# Generated by ip6tables-save v1.8.9\n*raw\nCOMMIT\n", TEXT_IP6TABLES },
		{ "*filter\n-A INPUT ! -s fe80::/10\n", TEXT_IP6TABLES },
		{ "*filter\n-A INPUT -p ipv6-icmp\n", TEXT_IP6TABLES },
		{ "*filter\n-A INPUT -m comment --comment a:b -s 1.2.3.4\n", TEXT_IPTABLES },
		{ "*filter\n-A INPUT -j REJECT --reject-with icmp6-no-route\n", TEXT_IP6TABLES },
		{ "\ncreate a hash:ip\n", TEXT_IPSET },
		{ "table ip filter {\n}\n", TEXT_NFT },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(cases); i++)
		assert_int_equal(ruleset_text_kind(cases[i].text), cases[i].kind);
}

static void both_sources_keep_their_tables(void **state)
{
	static const char text[] = "*filter\n:INPUT ACCEPT [0:0]\n[1:2] -A INPUT -j DROP\nCOMMIT\n";
	static const char other[] =
		"*raw\n:c - [0:0]\nCOMMIT\n*filter\n:INPUT DROP [3:4]\nCOMMIT\n";
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct text printed CLEANUP(text_done) = TEXT_INIT, legacy CLEANUP(text_done) = TEXT_INIT,
			    none CLEANUP(text_done) = TEXT_INIT;
	struct ruleset *rs = ruleset_new(arena);
	struct err err;

	(void)state;
	assert_true(ruleset_parse_iptables(arena, rs, FAMILY_IPV4, "a", text, &err));
	assert_true(ruleset_parse_iptables_from(
		arena, rs, SOURCE_IPTABLES_LEGACY, FAMILY_IPV4, "b", other, &err));
	assert_int_equal(rs->n_tables, 3);
	ruleset_print_iptables(&printed, rs, SOURCE_IPTABLES, FAMILY_IPV4, COUNTERS_AS_READ);
	assert_string_equal(printed.data, text);
	ruleset_print_iptables(&legacy, rs, SOURCE_IPTABLES_LEGACY, FAMILY_IPV4, COUNTERS_AS_READ);
	assert_string_equal(legacy.data, other);
	ruleset_print_iptables(&none, rs, SOURCE_IPTABLES, FAMILY_IPV4, COUNTERS_NONE);
	assert_string_equal(none.data, "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -j DROP\nCOMMIT\n");
}

static void hostile_texts_end_soon(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct text text CLEANUP(text_done) = TEXT_INIT;
	struct err err;

	(void)state;
	text_add(&text, "*filter\n:c - [0:0]\n-A c");
	for (int i = 0; i < 300; i++)
		text_add(&text, " x");
	assert_false(ruleset_parse_iptables(
		arena, ruleset_new(arena), FAMILY_IPV4, "t", text.data, &err));
	assert_string_equal(err.text, "t:3:510: more than 255 words");
	text_clear(&text);
	text_add(&text, "*filter\n:c - [0:0]\n-A c -m comment --comment ");
	for (int i = 0; i < 70000; i++)
		text_add(&text, "x");
	assert_false(ruleset_parse_iptables(
		arena, ruleset_new(arena), FAMILY_IPV4, "t", text.data, &err));
	assert_string_equal(err.text, "t:3:1: a line of more than 65536 bytes");
	text_clear(&text);
	text_add(&text, "*filter\n:c - [0:0]\n-A c -s 1.1.1.1");
	for (int i = 0; i < 1000; i++)
		text_add(&text, ",1.1.1.1");
	text_add(&text, " -d 1.1.1.1");
	for (int i = 0; i < 1000; i++)
		text_add(&text, ",1.1.1.1");
	text_add(&text, "\nCOMMIT\n");
	assert_false(ruleset_parse_iptables(
		arena, ruleset_new(arena), FAMILY_IPV4, "t", text.data, &err));
	assert_int_equal(err.kind, ERR_LIMIT);
}

static void a_large_ruleset_is_read_in_no_time_and_little_memory(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct text text CLEANUP(text_done) = TEXT_INIT;
	struct ruleset *rs = ruleset_new(arena);
	struct err err;

	(void)state;
	text_add(&text, "*filter\n");
	for (int c = 0; c < 3000; c++)
		text_addf(&text, ":chain-%d - [0:0]\n", c);
	for (int c = 0; c < 3000; c++)
		for (int r = 0; r < 10; r++)
			text_addf(&text,
				"-A chain-%d -s 10.0.%d.0/24 -p tcp -m tcp --dport %d -j RETURN\n",
				c, r, r);
	text_add(&text, "COMMIT\n");
	assert_true(ruleset_parse_iptables(arena, rs, FAMILY_IPV4, "t", text.data, &err));
	assert_int_equal(table_chain(&rs->tables[0], "chain-2999")->n_rules, 10);
	/* Time is for the benchmark; memory is what would grow unseen. */
	assert_true(arena_used(arena) < (size_t)20 << 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_form_that_iptables_prints_comes_back_as_it_was),
		cmocka_unit_test(what_people_write_becomes_what_iptables_prints),
		cmocka_unit_test(a_rule_is_read_into_its_fields),
		cmocka_unit_test(a_wrong_line_is_named),
		cmocka_unit_test(rulesets_of_real_software_come_back_byte_by_byte),
		cmocka_unit_test(what_was_written_by_hand_comes_back_as_the_kernel_has_it),
		cmocka_unit_test(a_text_is_told_by_its_content),
		cmocka_unit_test(both_sources_keep_their_tables),
		cmocka_unit_test(hostile_texts_end_soon),
		cmocka_unit_test(a_large_ruleset_is_read_in_no_time_and_little_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
