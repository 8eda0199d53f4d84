// SPDX-License-Identifier: GPL-2.0-or-later
/* docs/neutron-differences.md, number by number: that we do what it says. */
#include "compile_bench.h"

#include <stdlib.h>
#include <string.h>

#include "ruleset/eval.h"
#include "ruleset_text.h"

/* D1, D2, and the forms of a rule */
static void a_rule_becomes_the_match_that_it_means(void **state)
{
	static const struct {
		const char *rule, *text; /* NULL: no line */
	} cases[] = {
		{ "protocol: ipip", "-p 4 -j RETURN\n" },
		{ "protocol: 4", "-p 4 -j RETURN\n" },
		{ "protocol: 94", "-p 94 -j RETURN\n" },
		{ "protocol: ip", "-m u32 --u32 \"0x6&0xff=0x0\" -j RETURN\n" },
		{ "protocol: 0, remote_ip_prefix: 10.0.0.0/8",
			"-s 10.0.0.0/8 -m u32 --u32 \"0x6&0xff=0x0\" -j RETURN\n" },
		{ "protocol: tcp, port_range_min: 22, port_range_max: 22",
			"-p tcp -m tcp --dport 22 -j RETURN\n" },
		{ "protocol: sctp, port_range_min: 1, port_range_max: 2",
			"-p sctp -m sctp -m multiport --dports 1:2 -j RETURN\n" },
		{ "protocol: udplite, port_range_min: 7, port_range_max: 7",
			"-p udplite -m multiport --dports 7 -j RETURN\n" },
		{ "protocol: dccp, port_range_min: 7, port_range_max: 9",
			"-p 33 -m dccp -m multiport --dports 7:9 -j RETURN\n" },
		{ "protocol: tcp, port_range_min: 1, port_range_max: 65535", "-p tcp -j RETURN\n" },
		{ "protocol: icmp, port_range_min: 0",
			"-p icmp -m icmp --icmp-type 0 -j RETURN\n" },
		{ "protocol: icmp, port_range_min: 3, port_range_max: 0",
			"-p icmp -m icmp --icmp-type 3/0 -j RETURN\n" },
		{ "remote_ip_prefix: 0.0.0.0/0", "-j RETURN\n" },
		{ "remote_ip_prefix: 10.1.2.3/16", "-s 10.1.0.0/16 -j RETURN\n" },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(cases); i++) {
		struct text yaml CLEANUP(text_done) = TEXT_INIT;
		const struct chain *chain;
		struct bench b;

		text_addf(&yaml, ONE_PORT("  - {direction: ingress, %s}\n"), cases[i].rule);
		bench_compile(&b, HYBRID, yaml.data);
		chain = bench_filter4(&b, P "i" A);
		for (size_t r = 0; r < chain->n_rules; r++) {
			struct text text CLEANUP(text_done) = TEXT_INIT;
			struct rule bare = chain->rules[r];

			if (bare.origin->duty != DUTY_RULE)
				continue;
			bare.comment = NULL;
			rule_print(&text, FAMILY_IPV4, &bare);
			text_add(&text, "\n");
			assert_string_equal(text.data, cases[i].text);
		}
		assert_int_equal(chain->n_rules, 6);
		arena_free(b.arena);
	}
}

/* D2 */
static void protocol_0_of_ipv6_gets_no_line(void **state)
{
	struct bench b;

	(void)state;
	bench_compile(&b, HYBRID,
		ONE_PORT("  - {direction: ingress, ethertype: IPv6, protocol: hopopt}\n"));
	for (size_t i = 0; i < bench_chain(&b, FAMILY_IPV6, "filter", P "i" A)->n_rules; i++)
		assert_int_not_equal(
			bench_chain(&b, FAMILY_IPV6, "filter", P "i" A)->rules[i].origin->duty,
			DUTY_RULE);
	arena_free(b.arena);
}

/* D3, and what sets hold */
static void an_address_group_is_a_set(void **state)
{
	const struct set *set;
	struct bench b;

	(void)state;
	bench_compile(&b, HYBRID,
		"address_groups:\n- {name: ag, id: 88888888-0000-4000-8000-000000000008,\n"
		"   addresses: [0.0.0.0/0, '2001:db8::/32']}\n" ONE_PORT(
			"  - {direction: ingress, protocol: tcp, remote_address_group_id: ag}\n"
			"  - {direction: egress, protocol: tcp, remote_address_group_id: ag}\n"));
	assert_non_null(strstr(bench_print(&b, FAMILY_IPV4, "filter", P "i" A),
		"-p tcp -m set --match-set NIPv488888888-0000-4000-8000- src -j RETURN\n"));
	assert_non_null(strstr(bench_print(&b, FAMILY_IPV4, "filter", P "o" A),
		"-p tcp -m set --match-set NIPv488888888-0000-4000-8000- dst -j RETURN\n"));
	/* Only for the family that a rule names it in; and ipset takes no length of 0. */
	assert_int_equal(b.rs->n_sets, 1);
	set = ruleset_set(b.rs, "NIPv488888888-0000-4000-8000-");
	assert_non_null(set);
	assert_int_equal(set->kind, SET_HASH_NET);
	assert_int_equal(set->n_elements, 2);
	assert_int_equal(set->elements[0].prefix.len, 1);
	assert_int_equal(set->elements[1].prefix.addr.bytes[0], 0x80);
	arena_free(b.arena);
}

/* D4 */
static void a_port_without_a_family_sends_nothing_of_it(void **state)
{
	struct bench b;

	(void)state;
	bench_compile(&b, HYBRID,
		ONE_PORT("  - {direction: egress, ethertype: IPv6}\n"
			 "  - {direction: ingress, ethertype: IPv6}\n"));
	assert_chain(&b, FAMILY_IPV6, "filter", P "o" A, "-j " P "s" A "\n");
	assert_chain(&b, FAMILY_IPV6, "filter", P "s" A, "-j DROP\n");
	assert_string_equal(bench_chain(&b, FAMILY_IPV6, "filter", P "s" A)->rules[0].comment,
		"Drop traffic without an IP/MAC allow rule.");
	assert_non_null(
		strstr(bench_print(&b, FAMILY_IPV6, "filter", P "i" A), "-j RETURN\n-m state"));
	assert_null(strstr(bench_print(&b, FAMILY_BRIDGE, "portwall", "o-" A), "10.0.0.2"));
	arena_free(b.arena);
}

/* D5 */
static void frames_are_judged_by_the_ports_own_addresses(void **state)
{
#define M "02:00:00:00:00:01"
#define N "02:00:00:00:00:99"
	struct bench b;
	const struct table *table;

	(void)state;
	bench_compile(&b, HYBRID,
		NO_GROUPS "- id: " ID_A "\n  device: tapA\n  mac_address: '" M "'\n"
			  "  fixed_ips: [10.0.0.1, '2001:db8::1']\n  security_groups: [g]\n"
			  "  allowed_address_pairs:\n"
			  "  - {ip_address: 10.9.0.0/16, mac_address: '" N "'}\n"
			  "  - {ip_address: 10.0.0.1}\n"
			  "  - {ip_address: 0.0.0.0/0, mac_address: '" N "'}\n"
			  "- id: " ID_B "\n  device: tapB\n  mac_address: '" M "'\n"
			  "  fixed_ips: ['2001:db8::2']\n  security_groups: [g]\n"
			  "- id: " ID_C "\n  device: tapC\n  mac_address: '" M "'\n"
			  "  fixed_ips: []\n  security_groups: [g]\n");
	table = ruleset_table(b.rs, FAMILY_BRIDGE, "portwall");
	assert_non_null(table);
	assert_chain(&b, FAMILY_BRIDGE, "portwall", "o-" A,
		"ether saddr " M " ether type ip accept\n"
		"ether saddr " M " ether type ip6 accept\n"
		"ether saddr " N " ether type ip accept\n"
		"ether saddr " N " ether type ip6 accept\n"
		"ether saddr " N " arp saddr ether " N " arp saddr ip 10.9.0.0/16 accept\n"
		"ether saddr " M " arp saddr ether " M " arp saddr ip 10.0.0.1 accept\n"
		"ether saddr " N " arp saddr ether " N " accept\n"
		"ether saddr " N " arp saddr ether " N " arp saddr ip 0.0.0.0 accept\n"
		"ether saddr " M " arp saddr ether " M " arp saddr ip 0.0.0.0 accept\n"
		"ether saddr " M " ether type 0x8035 accept\n"
		"ether saddr " N " ether type 0x8035 accept\n"
		"counter packets 0 bytes 0 drop\n");
	/* no IPv4: no ARP */
	assert_chain(&b, FAMILY_BRIDGE, "portwall", "o-" B,
		"ether saddr " M " ether type ip accept\n"
		"ether saddr " M " ether type ip6 accept\n"
		"ether saddr " M " ether type 0x8035 accept\ncounter packets 0 bytes 0 drop\n");
	/* no addresses: any */
	assert_non_null(strstr(bench_print(&b, FAMILY_BRIDGE, "portwall", "o-" C),
		"ip6 accept\nether saddr " M " arp saddr ether " M " accept\n"));
	assert_chain(&b, FAMILY_BRIDGE, "portwall", "to-" A,
		"ether type ip accept\nether type ip6 accept\nether type arp accept\n"
		"ether type 0x8035 accept\ncounter packets 0 bytes 0 drop\n");
	assert_chain(&b, FAMILY_BRIDGE, "portwall", "prerouting", "iifname vmap @from-port\n");
	assert_chain(&b, FAMILY_BRIDGE, "portwall", "forward", "oifname vmap @to-port\n");
	assert_chain(&b, FAMILY_BRIDGE, "portwall", "output", "oifname vmap @to-port\n");
	assert_int_equal(table_set(table, "from-port")->n_elements, 3);
	assert_string_equal(table_set(table, "from-port")->elements[1].name, "tapB");
	assert_string_equal(table_set(table, "from-port")->elements[1].target.chain, "o-" B);
	assert_string_equal(table_set(table, "to-port")->elements[1].target.chain, "to-" B);
	arena_free(b.arena);
#undef M
#undef N
}

/* D6 */
static void zones_are_read_back_from_their_comments(void **state)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;
	struct ruleset *found;
	const struct chain *chain;
	struct bench b;
	size_t n = 0;

	(void)state;
	bench_compile(&b, HYBRID, NO_GROUPS PORT_A PORT_B);
	ruleset_text_iptables(&text, b.rs, FAMILY_IPV4);
	found = ruleset_new(b.arena);
	assert_true(ruleset_parse_iptables(b.arena, found, FAMILY_IPV4, "x", text.data, &b.err));
	chain = table_chain(ruleset_table(found, FAMILY_IPV4, "raw"), P "PREROUTING");
	for (size_t i = 0; i < chain->n_rules; i++) {
		const char *key = NULL;
		uint16_t zone = 0;

		assert_true(compile_zone_of_rule(&chain->rules[i], &key, &zone));
		assert_string_equal(key, i < 3 ? ID_A : ID_B);
		assert_int_equal(zone, i < 3 ? 4097 : 4098);
		n++;
	}
	assert_int_equal(n, 6);
	chain = table_chain(ruleset_table(found, FAMILY_IPV4, "filter"), P "o" A);
	for (size_t i = 0; i < chain->n_rules; i++) {
		const char *key;
		uint16_t zone;

		assert_false(compile_zone_of_rule(&chain->rules[i], &key, &zone));
	}
	assert_string_equal(compile_zone_comment(b.arena, "br0"), "Set zone for br0");
	arena_free(b.arena);
}

static void a_zone_rule_of_somebody_else_is_none_of_ours(void **state)
{
	struct rule rules[] = {
		{ .target = { .kind = TARGET_CT_ZONE, .zone = 5 } },
		{ .target = { .kind = TARGET_CT_ZONE, .zone = 5 }, .comment = "zone for br0" },
		{ .target = { .kind = TARGET_CT_ZONE, .zone = 5 }, .comment = "Set zone for " },
		{ .target = { .kind = TARGET_RETURN }, .comment = "Set zone for br0" },
		{ .target = { .kind = TARGET_CT_NOTRACK }, .comment = "Make br0 stateless" },
	};
	const char *key;
	uint16_t zone;

	(void)state;
	for (size_t i = 0; i < N_OF(rules); i++)
		assert_false(compile_zone_of_rule(&rules[i], &key, &zone));
}

/* D7 */
static void a_rule_whose_remote_group_is_empty_stays(void **state)
{
	const struct set *set;
	struct bench b;

	(void)state;
	bench_compile(&b, HYBRID,
		"security_groups:\n- {name: nobody, id: 77777777-0000-4000-8000-000000000007}\n"
		"- name: g\n  security_group_rules:\n"
		"  - {direction: ingress, remote_group_id: nobody}\n"
		"  - {direction: ingress, ethertype: IPv6, remote_group_id: nobody}\n"
		"ports:\n" PORT_A);
	assert_non_null(strstr(bench_print(&b, FAMILY_IPV4, "filter", P "i" A),
		"-m set --match-set NIPv477777777-0000-4000-8000- src -j RETURN\n"));
	assert_int_equal(b.rs->n_sets, 2);
	set = ruleset_set(b.rs, "NIPv677777777-0000-4000-8000-");
	assert_non_null(set);
	assert_int_equal(set->n_elements, 0);
	assert_int_equal(set->family, FAMILY_IPV6);
	assert_int_equal(set->max_elem, 65536);
	arena_free(b.arena);
}

/* D8 */
static void a_rule_says_its_id_in_a_comment_of_printable_ascii(void **state)
{
	static const struct {
		const char *name, *comment;
	} cases[] = {
		{ "web", "rule 12345678-0000-4000-8000-000000000001 of group web" },
		{ "gr\xc3\xbc\xc3\x9f\x65 \xe2\x9c\x93",
			"rule 12345678-0000-4000-8000-000000000001 of group gr??e ?" },
		{ "it's \\\"so\\\"",
			"rule 12345678-0000-4000-8000-000000000001 of group it's \"so\"" },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(cases) + 1; i++) {
		struct text yaml CLEANUP(text_done) = TEXT_INIT,
				 name CLEANUP(text_done) = TEXT_INIT;
		const struct chain *chain;
		struct bench b;

		for (size_t k = 0; i == N_OF(cases) && k < 250; k++)
			text_add(&name, "x");
		text_addf(&yaml,
			"security_groups:\n- name: \"%s\"\n  id: 99999999-0000-4000-8000-000000000009\n"
			"  security_group_rules:\n  - {direction: ingress, protocol: tcp, "
			"id: 12345678-0000-4000-8000-000000000001}\nports:\n"
			"- {id: " ID_A ", device: tapA, mac_address: '02:00:00:00:00:01', "
			"fixed_ips: [10.0.0.1], security_groups: "
			"[99999999-0000-4000-8000-000000000009]}\n",
			i < N_OF(cases) ? cases[i].name : name.data);
		bench_compile(&b, HYBRID, yaml.data);
		chain = bench_filter4(&b, P "i" A);
		if (i < N_OF(cases))
			assert_string_equal(chain->rules[3].comment, cases[i].comment);
		else
			assert_int_equal(strlen(chain->rules[3].comment), 255);
		arena_free(b.arena);
	}
}

/* D9 */
static void a_set_is_as_large_as_its_members_need(void **state)
{
	struct text yaml CLEANUP(text_done) = TEXT_INIT;
	struct bench b;

	(void)state;
	text_add(&yaml, "address_groups:\n- name: ag\n  id: 88888888-0000-4000-8000-000000000008\n"
			"  addresses:\n");
	/* Every second address, so that none are neighbours that somebody could join. */
	for (unsigned i = 0; i <= 65536; i++)
		text_addf(&yaml, "  - 10.%u.%u.%u\n", i >> 15, i >> 7 & 255, (i & 127) * 2);
	text_add(&yaml, ONE_PORT("  - {direction: ingress, remote_address_group_id: ag}\n"));
	bench_compile(&b, HYBRID, yaml.data);
	assert_int_equal(b.rs->n_sets, 1);
	assert_int_equal(b.rs->sets[0].n_elements, 65537);
	assert_int_equal(b.rs->sets[0].max_elem, 131072);
	arena_free(b.arena);
}

#define PORT_PAIRS(id, device, mac, ip, pairs)                                                     \
	"- {id: " id ", device: " device ", mac_address: '" mac "', fixed_ips: [" ip               \
	"],\n   security_groups: [g], allowed_address_pairs: [" pairs "]}\n"

#define CUT "-m connmark --mark 0x40000000/0x40000000 -j " P "sg-fallback\n"

/* D10 and D11 */
static void what_the_host_routes_is_judged_by_address(void **state)
{
	static const char *const routed = CUT "-m physdev --physdev-in tapA -j " P "o" A "\n"
					      "-m physdev --physdev-in tapB -j " P "o" B "\n"
					      "-m physdev --physdev-in tapC -j " P "o" C "\n";
	/* A and C share 10.0.0.9: both are asked; but B, who has all of 10.0.0.0/24, is not. */
	static const char *const by_address = "-d 10.0.0.1/32 -o br0 -g " P "i" A "\n"
					      "-d 10.0.0.2/32 -o br0 -g " P "i" B "\n"
					      "-d 10.0.0.9/32 -o br0 -j " P "i" A "\n"
					      "-d 10.0.0.9/32 -o br0 -g " P "i" C "\n"
					      "-d 10.1.0.1/32 -o br0 -j " P "i" C "\n"
					      "-d 10.0.0.0/24 -o br0 -j " P "i" B "\n";
	struct text all CLEANUP(text_done) = TEXT_INIT, output CLEANUP(text_done) = TEXT_INIT;
	struct bench b;

	(void)state;
	bench_compile(&b, ROUTED,
		NO_GROUPS PORT_PAIRS(ID_A, "tapA", "02:00:00:00:00:01", "10.0.0.1",
			"{ip_address: 10.0.0.9}, {ip_address: 0.0.0.0/0, "
			"mac_address: '02:00:00:00:00:77'}") PORT_PAIRS(ID_B, "tapB",
			"02:00:00:00:00:02", "10.0.0.2", "{ip_address: 10.0.0.0/24}")
			PORT_PAIRS(ID_C, "tapC", "02:00:00:00:00:03", "10.1.0.1",
				"{ip_address: 10.0.0.9}, "
				"{ip_address: 10.0.0.9, mac_address: '02:00:00:00:00:78'}"));
	text_addf(&all, "%s%s", routed, by_address);
	text_addf(&output, "%s%s", CUT, by_address);
	assert_chain(&b, FAMILY_IPV4, "filter", P "routed", all.data);
	assert_chain(&b, FAMILY_IPV4, "filter", P "OUTPUT", output.data);
	assert_chain(&b, FAMILY_IPV6, "filter", P "routed", routed);
	assert_chain(&b, FAMILY_IPV4, "raw", P "PREROUTING", "");
	arena_free(b.arena);

	bench_compile(&b, SHARED, NO_GROUPS PORT_A);
	assert_chain(&b, FAMILY_IPV4, "filter", P "OUTPUT", CUT);
	assert_chain(&b, FAMILY_IPV4, "filter", P "routed",
		CUT "-m physdev --physdev-in tapA -j " P "o" A "\n");
	arena_free(b.arena);
}

static void a_link_local_address_is_found_by_address_too(void **state)
{
	struct bench b;

	(void)state;
	bench_compile(&b, ROUTED,
		NO_GROUPS "- {id: " ID_A ", device: tapA, mac_address: '02:00:00:00:00:01', "
			  "fixed_ips: ['2001:db8::1'], security_groups: [g]}\n");
	assert_chain(&b, FAMILY_IPV6, "filter", P "OUTPUT",
		CUT "-d 2001:db8::1/128 -o br0 -j " P "i" A "\n"
		    "-d fe80::ff:fe00:1/128 -o br0 -j " P "i" A "\n");
	arena_free(b.arena);
}

/* D12 */
static void the_mark_keeps_the_notes(void **state)
{
	static const char *const notes[] = { "br0 nf_call_iptables", "it's \"quoted\" \\" };
	struct text text CLEANUP(text_done) = TEXT_INIT;
	const char *const *read = NULL;
	struct ruleset *found;
	struct bench b;
	size_t n = 0;

	(void)state;
	bench_setup(&b, HYBRID, NO_GROUPS PORT_A);
	b.options.restore_notes = notes;
	b.options.n_restore_notes = N_OF(notes);
	assert_true(bench_try(&b));
	assert_chain(&b, FAMILY_IPV6, "filter", P "owner", "\n\n\n");
	ruleset_text_iptables(&text, b.rs, FAMILY_IPV6);
	found = ruleset_new(b.arena);
	assert_true(ruleset_parse_iptables(b.arena, found, FAMILY_IPV6, "x", text.data, &b.err));
	assert_true(compile_has_mark(found, &b.options.scope));
	compile_mark_notes(b.arena, found, &b.options.scope, &read, &n);
	assert_int_equal(n, N_OF(notes));
	for (size_t i = 0; i < N_OF(notes); i++)
		assert_string_equal(read[i], notes[i]);
	arena_free(b.arena);
}

static void neutrons_own_chains_have_no_mark(void **state)
{
	static const char *const texts[] = {
		"*filter\n:" P "FORWARD - [0:0]\nCOMMIT\n",
		"*filter\n:" P "owner - [0:0]\nCOMMIT\n",
		"*filter\n:" P "owner - [0:0]\n-A " P "owner -j RETURN\nCOMMIT\n",
		"*filter\n:" P "owner - [0:0]\n-A " P
		"owner -m comment --comment \"somebody's\"\nCOMMIT\n",
		"*filter\n:pw-owner - [0:0]\n-A pw-owner -m comment --comment \"portwall 1\"\nCOMMIT\n",
		"*raw\n:" P "owner - [0:0]\n-A " P
		"owner -m comment --comment \"portwall 1\"\nCOMMIT\n",
	};

	(void)state;
	for (size_t i = 0; i < N_OF(texts); i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct ruleset *rs = ruleset_new(arena);
		const char *const *notes;
		struct err err = { 0 };
		size_t n = 1;

		assert_true(ruleset_parse_iptables(arena, rs, FAMILY_IPV4, "x", texts[i], &err));
		assert_false(compile_has_mark(rs, &compile_default_scope));
		compile_mark_notes(arena, rs, &compile_default_scope, &notes, &n);
		assert_int_equal(n, 0);
	}
}

/* D13 */
static void a_shared_bridge_has_one_zone(void **state)
{
	struct bench b;

	(void)state;
	bench_setup(&b, SHARED, NO_GROUPS PORT_A PORT_B);
	assert_true(bench_try(&b));
	for (enum family f = FAMILY_IPV4; f < N_IP_FAMILIES; f++)
		assert_chain(&b, f, "raw", P "PREROUTING", "-i br0 -j CT --zone 4097\n");
	assert_string_equal(bench_chain(&b, FAMILY_IPV4, "raw", P "PREROUTING")->rules[0].comment,
		"Set zone for br0");
	b.plugs[1].zone = 4098;
	assert_false(bench_try(&b));
	assert_string_equal(b.err.text, "bridge br0 has two zones, 4097 and 4098");
	/* the zone of a port that is not filtered does not count */
	arena_free(b.arena);
	bench_compile(&b, UNPLUGGED, NO_GROUPS PORT_A);
	assert_chain(&b, FAMILY_IPV4, "raw", P "PREROUTING", "");
	assert_non_null(bench_filter4(&b, P "i" A));
	arena_free(b.arena);
}

#define STATELESS                                                                                  \
	"security_groups:\n- name: g\n  stateful: false\n  security_group_rules: []\nports:\n"

/* D14 */
static void a_stateless_port_does_not_ask_conntrack(void **state)
{
	struct bench b;

	(void)state;
	bench_compile(&b, SHARED, STATELESS PORT_A);
	assert_null(strstr(bench_print(&b, FAMILY_IPV4, "filter", P "i" A), "--state"));
	assert_null(strstr(bench_print(&b, FAMILY_IPV4, "filter", P "o" A), "--state"));
	assert_chain(&b, FAMILY_IPV4, "raw", P "PREROUTING", "-i br0 -j CT --zone 4097\n");
	arena_free(b.arena);

	bench_compile(&b, HYBRID, STATELESS PORT_A);
	assert_non_null(strstr(bench_print(&b, FAMILY_IPV4, "filter", P "i" A), "--state"));
	assert_chain(&b, FAMILY_IPV4, "raw", P "PREROUTING",
		"-m physdev --physdev-in qvb" A "1 -j CT --notrack\n"
		"-i qvb" A "1 -j CT --notrack\n"
		"-m physdev --physdev-in tapA -j CT --notrack\n");
	assert_string_equal(bench_chain(&b, FAMILY_IPV4, "raw", P "PREROUTING")->rules[0].comment,
		"Make " ID_A " stateless");
	arena_free(b.arena);
}

/* D15 */
static void equal_matches_of_two_groups_are_one_rule_of_both(void **state)
{
#define R "12345678-0000-4000-8000-00000000000"
	const struct chain *chain;
	const struct rule *rule;
	struct bench b;

	(void)state;
	bench_compile(&b, HYBRID,
		"security_groups:\n- name: g\n  security_group_rules:\n"
		"  - {direction: ingress, protocol: tcp, id: " R "1}\n"
		"  - {direction: ingress, protocol: udp, id: " R "2}\n"
		"- name: h\n  security_group_rules:\n"
		"  - {direction: ingress, protocol: '6', remote_ip_prefix: 0.0.0.0/0, id: " R "3}\n"
		"  - {direction: egress, protocol: tcp, id: " R "4}\n"
		"  - {direction: ingress, protocol: tcp, ethertype: IPv6, id: " R "5}\n"
		"ports:\n"
		"- {id: " ID_A ", device: tapA, mac_address: '02:00:00:00:00:01', "
		"fixed_ips: [10.0.0.1], security_groups: [g, h]}\n"
		"- {id: " ID_B ", device: tapB, mac_address: '02:00:00:00:00:02', "
		"fixed_ips: [10.0.0.2], security_groups: [h, g]}\n");
	chain = bench_filter4(&b, P "i" A);
	rule = bench_rule_of_id(chain, R "1");
	assert_ptr_equal(rule, bench_rule_of_id(chain, R "3"));
	assert_int_equal(rule->origin->n_rules, 2);
	assert_string_equal(rule->origin->rules[0]->id, R "1");
	assert_string_equal(rule->comment, "rule " R "1 of group g");
	assert_ptr_not_equal(rule, bench_rule_of_id(chain, R "2"));
	assert_null(bench_rule_of_id(chain, R "4"));
	assert_null(bench_rule_of_id(chain, R "5"));
	/* the other port has them in its own order */
	chain = bench_filter4(&b, P "i" B);
	assert_string_equal(bench_rule_of_id(chain, R "1")->origin->rules[0]->id, R "3");
	assert_true(bench_rule_of_id(chain, R "3") < bench_rule_of_id(chain, R "2"));
	arena_free(b.arena);
#undef R
}

/* Every line that asks a port stands behind the one for flows that were cut. */
static void assert_cut_first(const struct bench *b, enum family family, const char *name)
{
	const struct chain *chain = bench_chain(b, family, "filter", name);
	const struct rule *rule = &chain->rules[0];

	assert_true(chain->n_rules > 1);
	assert_int_equal(rule->origin->duty, DUTY_CUT);
	assert_null(rule->origin->port);
	assert_int_equal(rule->matches[0].kind, MATCH_CT_MARK);
	assert_int_equal(rule->matches[0].ct_mark.value, COMPILE_CUT_MARK);
	assert_int_equal(rule->matches[0].ct_mark.mask, COMPILE_CUT_MARK);
	assert_string_equal(rule->target.chain, P "sg-fallback");
	assert_string_equal(rule->comment, "Drop connections that no rule allows any more.");
}

static enum verdict forward_verdict(const struct bench *b, const struct packet *packet)
{
	const struct table *table = ruleset_table(b->rs, FAMILY_IPV4, "filter");

	return ruleset_eval(b->rs, table, table_chain(table, "FORWARD"), packet, NULL, NULL)
		.verdict;
}

/* D17 */
static void what_was_cut_is_dropped_before_any_port_is_asked(void **state)
{
	struct packet packet = { .in_iface = "br0",
		.out_iface = "br0",
		.physdev_in = "tapX",
		.physdev_out = "tapA",
		.ethertype = ETHERTYPE_IPV4,
		.proto = PROTO_TCP,
		.ct_state = CT_ESTABLISHED };
	struct bench b;

	(void)state;
	assert_true(addr_parse("10.0.0.9", &packet.src) && addr_parse("10.0.0.1", &packet.dst));
	bench_compile(&b, ROUTED, NO_GROUPS PORT_A);
	for (enum family f = FAMILY_IPV4; f < N_IP_FAMILIES; f++) {
		assert_cut_first(&b, f, P "sg-chain");
		assert_cut_first(&b, f, P "INPUT");
		assert_cut_first(&b, f, P "routed");
	}
	assert_cut_first(&b, FAMILY_IPV4, P "OUTPUT");
	assert_int_equal(forward_verdict(&b, &packet), VERDICT_ACCEPT);
	packet.ct_mark = ~COMPILE_CUT_MARK;
	assert_int_equal(forward_verdict(&b, &packet), VERDICT_ACCEPT);
	packet.ct_mark |= COMPILE_CUT_MARK;
	assert_int_equal(forward_verdict(&b, &packet), VERDICT_DROP);
	/* between others than filtered ports it means nothing */
	packet.physdev_out = "tapY";
	assert_int_equal(forward_verdict(&b, &packet), VERDICT_ACCEPT);
	arena_free(b.arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rule_becomes_the_match_that_it_means),
		cmocka_unit_test(protocol_0_of_ipv6_gets_no_line),
		cmocka_unit_test(an_address_group_is_a_set),
		cmocka_unit_test(a_port_without_a_family_sends_nothing_of_it),
		cmocka_unit_test(frames_are_judged_by_the_ports_own_addresses),
		cmocka_unit_test(zones_are_read_back_from_their_comments),
		cmocka_unit_test(a_zone_rule_of_somebody_else_is_none_of_ours),
		cmocka_unit_test(a_rule_whose_remote_group_is_empty_stays),
		cmocka_unit_test(a_rule_says_its_id_in_a_comment_of_printable_ascii),
		cmocka_unit_test(a_set_is_as_large_as_its_members_need),
		cmocka_unit_test(what_the_host_routes_is_judged_by_address),
		cmocka_unit_test(a_link_local_address_is_found_by_address_too),
		cmocka_unit_test(the_mark_keeps_the_notes),
		cmocka_unit_test(neutrons_own_chains_have_no_mark),
		cmocka_unit_test(a_shared_bridge_has_one_zone),
		cmocka_unit_test(a_stateless_port_does_not_ask_conntrack),
		cmocka_unit_test(equal_matches_of_two_groups_are_one_rule_of_both),
		cmocka_unit_test(what_was_cut_is_dropped_before_any_port_is_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
