// SPDX-License-Identifier: GPL-2.0-or-later
/* The kinds of iptables' modules and targets: text, words, equality, meaning. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "ruleset/eval.h"
#include "ruleset/ruleset.h"

static const struct {
	enum family family;
	const char *rule, *words;
} forms[] = {
	{ FAMILY_IPV4, "-s 10.0.0.0/255.0.255.0", "from 10.0.0.0 under mask 255.0.255.0: count" },
	{ FAMILY_IPV4, "! -d 10.0.0.1/255.0.0.255",
		"not to 10.0.0.1 under mask 255.0.0.255: count" },
	{ FAMILY_IPV4, "-f", "later fragments: count" },
	{ FAMILY_IPV4, "! -f", "not later fragments: count" },
	{ FAMILY_IPV4, "-p tcp -m multiport --ports 22,80:90",
		"tcp from or to port 22,80-90: count" },
	{ FAMILY_IPV4, "-p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN",
		"tcp of the TCP flags FIN,SYN,RST,ACK set only SYN: count" },
	{ FAMILY_IPV4,
		"-p tcp -m tcp --sport 5 --dport 80 ! --tcp-flags FIN,SYN,RST,PSH,ACK,URG NONE",
		"tcp from port 5 to port 80 not of the TCP flags FIN,SYN,RST,PSH,ACK,URG set only NONE: count" },
	{ FAMILY_IPV4, "-m physdev --physdev-is-in --physdev-in tap1 ! --physdev-is-out",
		"in by a bridge port in by tap1 not out by a bridge port: count" },
	{ FAMILY_IPV4, "-m conntrack --ctstate NEW,SNAT,DNAT",
		"new or source rewritten or destination rewritten: count" },
	{ FAMILY_IPV4, "-m conntrack --ctproto 6", "connection of tcp: count" },
	{ FAMILY_IPV4, "-m conntrack --ctorigsrc 10.0.0.0/8 ! --ctorigdst 1.2.3.4",
		"original source 10.0.0.0/8 not original destination 1.2.3.4: count" },
	{ FAMILY_IPV4, "-m conntrack --ctreplsrc 10.0.0.1 --ctrepldst 10.0.0.2",
		"reply source 10.0.0.1 reply destination 10.0.0.2: count" },
	{ FAMILY_IPV4, "-m conntrack --ctorigsrcport 5 --ctorigdstport 80:90",
		"original source port 5 original destination port 80-90: count" },
	{ FAMILY_IPV4, "-m conntrack --ctreplsrcport 5 ! --ctrepldstport 80",
		"reply source port 5 not reply destination port 80: count" },
	{ FAMILY_IPV4, "-m conntrack --ctstate NEW --ctstatus SEEN_REPLY,ASSURED --ctdir REPLY",
		"new connection status SEEN_REPLY,ASSURED reply direction: count" },
	{ FAMILY_IPV4, "-m conntrack --ctstatus NONE", "connection status NONE: count" },
	{ FAMILY_IPV4, "-m conntrack --ctdir ORIGINAL", "original direction: count" },
	{ FAMILY_IPV4, "-m mark --mark 0x5", "mark 0x5: count" },
	{ FAMILY_IPV4, "-m mark ! --mark 0x5/0xff", "not mark 0x5/0xff: count" },
	{ FAMILY_IPV4, "-m addrtype --dst-type LOCAL", "to addresses of type LOCAL: count" },
	{ FAMILY_IPV4,
		"-m addrtype ! --src-type UNICAST,LOCAL --dst-type BROADCAST,MULTICAST --limit-iface-in",
		"not from addresses of type UNICAST,LOCAL on the input interface to addresses of type BROADCAST,MULTICAST on the input interface: count" },
	{ FAMILY_IPV4, "-m addrtype --src-type LOCAL --limit-iface-out",
		"from addresses of type LOCAL on the output interface: count" },
	{ FAMILY_IPV4, "-m iprange --src-range 10.0.0.1-10.0.0.5 ! --dst-range 1.1.1.1-1.1.1.1",
		"from 10.0.0.1-10.0.0.5 not to 1.1.1.1-1.1.1.1: count" },
	{ FAMILY_IPV4, "-m pkttype --pkt-type broadcast", "broadcast frames: count" },
	{ FAMILY_IPV4, "-m pkttype ! --pkt-type otherhost", "not otherhost frames: count" },
	{ FAMILY_IPV4, "-m ttl --ttl-lt 5", "TTL below 5: count" },
	{ FAMILY_IPV4, "-m ttl ! --ttl-eq 5", "not TTL 5: count" },
	{ FAMILY_IPV4, "-m length --length 5:65535", "length 5-65535: count" },
	{ FAMILY_IPV4, "-m length ! --length 100", "not length 100: count" },
	{ FAMILY_IPV4, "-m tos --tos 0x10/0x3f", "TOS 0x10/0x3f: count" },
	{ FAMILY_IPV4, "-m dscp ! --dscp 0x2e", "not DSCP 0x2e: count" },
	{ FAMILY_IPV4, "-m rpfilter --loose --validmark --accept-local --invert",
		"not loose reverse path with the mark, local sources too: count" },
	{ FAMILY_IPV4, "-m rpfilter", "reverse path: count" },
	{ FAMILY_IPV4, "-m owner ! --socket-exists --uid-owner 0 --gid-owner 5-9",
		"not of a local socket of user 0 of group 5-9: count" },
	{ FAMILY_IPV4, "-m policy --dir in --pol none", "without IPsec policy in: count" },
	{ FAMILY_IPV4, "-m policy --dir out --pol ipsec --strict", "with IPsec policy out: count" },
	{ FAMILY_IPV4, "-m socket --transparent --nowildcard --restore-skmark",
		"for a transparent open socket: count" },
	{ FAMILY_IPV4, "-m set --match-set a src,dst,dst",
		"from set a, and by destination, and by destination: count" },
	{ FAMILY_IPV4,
		"-m comment --comment one -m state --state NEW -m comment --comment \"two words\"",
		"new (two words): count" },
	{ FAMILY_IPV4, "-j LOG --log-prefix \"a b\" --log-level 7 --log-uid",
		"everything: LOG and go on" },
	{ FAMILY_IPV4, "-j NFLOG --nflog-group 5", "everything: NFLOG and go on" },
	{ FAMILY_IPV4, "-j NFQUEUE --queue-num 3 --queue-bypass", "everything: hand to NFQUEUE" },
	{ FAMILY_IPV4, "-j REJECT --reject-with icmp-host-prohibited",
		"everything: reject with icmp-host-prohibited" },
	{ FAMILY_IPV4, "-j MARK --set-xmark 0x5/0xff", "everything: set mark 0x5/0xff" },
	{ FAMILY_IPV4, "-j CONNMARK --set-xmark 0x1/0xffffffff",
		"everything: set the connection's mark 0x1" },
	{ FAMILY_IPV4, "-j CONNMARK --save-mark --nfmask 0xff --ctmask 0xff00",
		"everything: copy the mark to the connection" },
	{ FAMILY_IPV4, "-j CONNMARK --restore-mark --nfmask 0xffffffff --ctmask 0xffffffff",
		"everything: copy the connection's mark to the packet" },
	{ FAMILY_IPV4, "-j CT --helper ftp", "everything: conntrack helper ftp" },
	{ FAMILY_IPV4, "-j CT --zone-orig 5",
		"everything: conntrack zone 5 of the original direction" },
	{ FAMILY_IPV4, "-j CT --zone mark", "everything: conntrack zone by mark" },
	{ FAMILY_IPV4, "-j CT --notrack --zone 3", "everything: do not track" },
	{ FAMILY_IPV4, "-j NOTRACK", "everything: do not track" },
	{ FAMILY_IPV4, "-j SNAT --to-source 1.2.3.4", "everything: rewrite the source to 1.2.3.4" },
	{ FAMILY_IPV4,
		"-p tcp -j SNAT --to-source 1.2.3.4-1.2.3.9:5-6 --random --random-fully --persistent",
		"tcp: rewrite the source to 1.2.3.4-1.2.3.9, ports 5-6" },
	{ FAMILY_IPV4, "-j DNAT --to-destination 10.0.0.9",
		"everything: rewrite the destination to 10.0.0.9" },
	{ FAMILY_IPV4, "-p tcp -j DNAT --to-destination :80",
		"tcp: rewrite the destination, port 80" },
	{ FAMILY_IPV4, "-p tcp -j MASQUERADE --to-ports 1024-2048 --random-fully",
		"tcp: rewrite the source to the interface's address, ports 1024-2048" },
	{ FAMILY_IPV4, "-p tcp -j REDIRECT --to-ports 8080",
		"tcp: redirect to this host, port 8080" },
	{ FAMILY_IPV4, "-j NETMAP --to 10.1.0.0/16",
		"everything: rewrite the network to 10.1.0.0-10.1.255.255" },
	{ FAMILY_IPV4, "-j TOS --set-tos 0x10/0x3f", "everything: set TOS 0x10/0x3f" },
	{ FAMILY_IPV4, "-j DSCP --set-dscp 0x0a", "everything: set DSCP 0x0a" },
	{ FAMILY_IPV4, "-j TTL --ttl-dec 1", "everything: lower the TTL by 1" },
	{ FAMILY_IPV6, "-m rt --rt-type 0 ! --rt-segsleft 1:5",
		"routing header of type 0 with not segments left 1-5: count" },
	{ FAMILY_IPV6, "-m hl --hl-eq 255", "TTL 255: count" },
	{ FAMILY_IPV6, "-s fe80::/ffc0::ffff", "from fe80:: under mask ffc0::ffff: count" },
	{ FAMILY_IPV6, "-j REJECT --reject-with icmp6-no-route",
		"everything: reject with icmp6-no-route" },
	{ FAMILY_IPV6, "-j HL --hl-set 64", "everything: set the TTL to 64" },
	{ FAMILY_IPV6, "-p tcp -j DNAT --to-destination [fd00::1-fd00::9]:80-90",
		"tcp: rewrite the destination to fd00::1-fd00::9, ports 80-90" },
	{ FAMILY_IPV6, "-j DNAT --to-destination fd00::1",
		"everything: rewrite the destination to fd00::1" },
	{ FAMILY_IPV6, "-j NETMAP --to fd00::/64",
		"everything: rewrite the network to fd00::-fd00::ffff:ffff:ffff:ffff" },
};

static const struct rule *parse_rule(struct arena *arena, enum family family, const char *text)
{
	struct ruleset *rs = ruleset_new(arena);
	struct err err = { 0 };

	if (!ruleset_parse_iptables(arena, rs, family, "t",
		    arena_printf(arena, "*t\n:c - [0:0]\n-A c %s\nCOMMIT\n", text), &err))
		fail_msg("%s: %s", text, err.text);
	return &table_chain(ruleset_table(rs, family, "t"), "c")->rules[0];
}

static void every_kind_is_understood_printed_and_put_into_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_OF(forms); i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct text printed CLEANUP(text_done) = TEXT_INIT,
				    words CLEANUP(text_done) = TEXT_INIT;
		const struct rule *rule = parse_rule(arena, forms[i].family, forms[i].rule);

		for (size_t m = 0; m < rule->n_matches; m++)
			if (match_not_understood(&rule->matches[m]))
				fail_msg("%s is not understood", forms[i].rule);
		assert_null(target_not_understood(&rule->target));
		rule_print(&printed, forms[i].family, rule);
		assert_string_equal(printed.data, forms[i].rule);
		rule_print_words(&words, rule);
		assert_string_equal(words.data, forms[i].words);
	}
}

static void rules_are_equal_when_they_print_alike_and_only_then(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	const struct rule *rules[N_OF(forms)], *again[N_OF(forms)];

	(void)state;
	for (size_t i = 0; i < N_OF(forms); i++) {
		rules[i] = parse_rule(arena, forms[i].family, forms[i].rule);
		again[i] = parse_rule(arena, forms[i].family, forms[i].rule);
	}
	for (size_t i = 0; i < N_OF(forms); i++)
		for (size_t k = 0; k < N_OF(forms); k++)
			if (rule_equal(rules[i], again[k]) != (i == k))
				fail_msg("%s and %s", forms[i].rule, forms[k].rule);
}

/* One value is another: what rule_equal must see. */
static void a_changed_value_makes_another_rule(void **state)
{
	static const struct {
		const char *a, *b;
	} pairs[] = {
		{ "-m mark --mark 0x5", "-m mark --mark 0x5/0xf" },
		{ "-m mark --mark 0x5", "-m mark ! --mark 0x5" },
		{ "-p tcp -m tcp --tcp-flags SYN SYN", "-p tcp -m tcp --tcp-flags SYN NONE" },
		{ "-m conntrack --ctorigsrc 10.0.0.0/8", "-m conntrack --ctorigsrc 10.0.0.0/9" },
		{ "-m conntrack --ctorigsrc 10.0.0.1", "-m conntrack --ctorigdst 10.0.0.1" },
		{ "-m conntrack --ctorigsrcport 5", "-m conntrack --ctreplsrcport 5" },
		{ "-m conntrack --ctstatus ASSURED", "-m conntrack --ctstatus CONFIRMED" },
		{ "-m conntrack --ctdir REPLY", "-m conntrack --ctdir ORIGINAL" },
		{ "-m conntrack --ctstate NEW --ctdir REPLY",
			"-m conntrack --ctstate NEW -m conntrack --ctdir REPLY" },
		{ "-m addrtype --dst-type LOCAL", "-m addrtype --dst-type LOCAL --limit-iface-in" },
		{ "-m iprange --src-range 1.1.1.1-1.1.1.2",
			"-m iprange --src-range 1.1.1.1-1.1.1.3" },
		{ "-m ttl --ttl-lt 5", "-m ttl --ttl-gt 5" },
		{ "-m rpfilter", "-m rpfilter --loose" },
		{ "-m owner --uid-owner 5", "-m owner --uid-owner 5-6" },
		{ "-m policy --dir in --pol none", "-m policy --dir in --pol ipsec" },
		{ "-m set --match-set a src", "-m set --match-set a src,src" },
		{ "-m set --match-set a src,src", "-m set --match-set a src,dst" },
		{ "-j MARK --set-xmark 0x5/0xff", "-j MARK --set-xmark 0x5/0xf" },
		{ "-j CONNMARK --save-mark", "-j CONNMARK --restore-mark" },
		{ "-j CT --zone-orig 5", "-j CT --zone-reply 5" },
		{ "-j SNAT --to-source 1.1.1.1", "-j DNAT --to-destination 1.1.1.1" },
		{ "-j SNAT --to-source 1.1.1.1", "-j SNAT --to-source 1.1.1.1 --persistent" },
		{ "-j MASQUERADE", "-j MASQUERADE --random" },
		{ "-j TTL --ttl-dec 1", "-j TTL --ttl-inc 1" },
		{ "-j NOTRACK", "-j CT --notrack" },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(pairs); i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();

		if (rule_equal(parse_rule(arena, FAMILY_IPV4, pairs[i].a),
			    parse_rule(arena, FAMILY_IPV4, pairs[i].b)))
			fail_msg("%s is %s", pairs[i].a, pairs[i].b);
	}
}

static void what_people_write_takes_the_form_of_a_save(void **state)
{
	static const struct {
		enum family family;
		const char *in, *out;
	} cases[] = {
		{ FAMILY_IPV4, "-p tcp --syn", "-p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN" },
		{ FAMILY_IPV4, "-p tcp -m tcp --tcp-flags ALL NONE --tcp-option 5 --sport 5",
			"-p tcp -m tcp --sport 5 --tcp-option 5 --tcp-flags FIN,SYN,RST,PSH,ACK,URG NONE" },
		{ FAMILY_IPV4, "-p tcp -m state --state new --dport 22",
			"-p tcp -m state --state NEW -m tcp --dport 22" },
		{ FAMILY_IPV4, "-m conntrack --ctstate NEW -m tcp -p tcp ! --dport 22",
			"-p tcp -m conntrack --ctstate NEW -m tcp ! --dport 22" },
		{ FAMILY_IPV4, "-m state -p tcp --state NEW", "-p tcp -m state --state NEW" },
		{ FAMILY_IPV4, "-p tcp --dport 25 -m state --state NEW --sport 5",
			"-p tcp -m tcp --sport 5 --dport 25 -m state --state NEW" },
		{ FAMILY_IPV4, "-p icmp --icmp-type echo-request",
			"-p icmp -m icmp --icmp-type 8" },
		{ FAMILY_IPV4, "-p icmp --icmp-type host-unreachable",
			"-p icmp -m icmp --icmp-type 3/1" },
		{ FAMILY_IPV6, "-p icmpv6 --icmpv6-type neighbor-solicitation",
			"-p ipv6-icmp -m icmp6 --icmpv6-type 135" },
		{ FAMILY_IPV4, "-m iprange --src-range 1.1.1.1",
			"-m iprange --src-range 1.1.1.1-1.1.1.1" },
		{ FAMILY_IPV4, "-m pkttype --pkt-type mcast", "-m pkttype --pkt-type multicast" },
		{ FAMILY_IPV4, "-m dscp --dscp-class AF12", "-m dscp --dscp 0x0c" },
		{ FAMILY_IPV4, "-m tos --tos Minimize-Delay", "-m tos --tos 0x10/0x3f" },
		{ FAMILY_IPV4, "-m length --length :5", "-m length --length 0:5" },
		{ FAMILY_IPV4, "-m owner --uid-owner root", "-m owner --uid-owner 0" },
		{ FAMILY_IPV4, "-m policy --dir in --pol ipsec --proto esp",
			"-m policy --dir in --pol ipsec --proto esp" },
		{ FAMILY_IPV4, "-j REJECT", "-j REJECT --reject-with icmp-port-unreachable" },
		{ FAMILY_IPV6, "-j REJECT", "-j REJECT --reject-with icmp6-port-unreachable" },
		{ FAMILY_IPV4, "-j LOG --log-uid --log-level warning --log-prefix abc",
			"-j LOG --log-prefix abc --log-uid" },
		{ FAMILY_IPV4, "-j MARK --set-mark 5/0xf0", "-j MARK --set-xmark 0x5/0xf5" },
		{ FAMILY_IPV4, "-j MARK --and-mark 4", "-j MARK --set-xmark 0x0/0xfffffffb" },
		{ FAMILY_IPV4, "-j MARK --or-mark 4", "-j MARK --set-xmark 0x4/0x4" },
		{ FAMILY_IPV4, "-j MARK --xor-mark 4", "-j MARK --set-xmark 0x4/0x0" },
		{ FAMILY_IPV4, "-j CONNMARK --save-mark --mask 0xff",
			"-j CONNMARK --save-mark --nfmask 0xff --ctmask 0xff" },
		{ FAMILY_IPV4, "-j DNAT --to 1.2.3.4", "-j DNAT --to-destination 1.2.3.4" },
		{ FAMILY_IPV4, "-j NETMAP --to 10.0.0.1", "-j NETMAP --to 10.0.0.1/32" },
		{ FAMILY_IPV4, "-j TOS --and-tos 4", "-j TOS --set-tos 0x00/0xfb" },
		{ FAMILY_IPV4, "-j DSCP --set-dscp-class EF", "-j DSCP --set-dscp 0x2e" },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(cases); i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct text printed CLEANUP(text_done) = TEXT_INIT;

		rule_print(
			&printed, cases[i].family, parse_rule(arena, cases[i].family, cases[i].in));
		assert_string_equal(printed.data, cases[i].out);
	}
}

/* Opaque parts know whose they are. */
static void what_is_not_understood_is_named(void **state)
{
	static const struct {
		const char *rule, *match, *target;
	} cases[] = {
		{ "-m recent --set --name x", "recent", NULL },
		{ "-p tcp -m tcp --dport 5 --tcp-option 3", "tcp", NULL },
		{ "-m conntrack --ctstate NEW --ctexpire 5:10", "conntrack", NULL },
		{ "-m policy --dir in --pol ipsec --proto esp", "policy", NULL },
		{ "-m owner --gid-owner 5 --suppl-groups", "owner", NULL },
		{ "-s no.such.host", "-s", NULL },
		{ "-j HMARK --hmark-mod 5", NULL, "HMARK" },
		{ "-p tcp -j DNAT --to-destination 1.2.3.4:80-90/85", NULL, "DNAT" },
		{ "-j nobody", NULL, "nobody" },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(cases); i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		const struct rule *rule = parse_rule(arena, FAMILY_IPV4, cases[i].rule);
		const char *target = target_not_understood(&rule->target), *match = NULL;

		for (size_t m = 0; m < rule->n_matches && !match; m++)
			match = match_not_understood(&rule->matches[m]);
		assert_string_equal(match ? match : "", cases[i].match ? cases[i].match : "");
		assert_string_equal(target ? target : "", cases[i].target ? cases[i].target : "");
	}
}

static struct packet packet_of(void)
{
	struct packet packet = { .in_iface = "eth0",
		.out_iface = "eth1",
		.physdev_in = "tap1",
		.ethertype = ETHERTYPE_IPV4,
		.eth_src = { { 1, 2, 3, 4, 5, 6 } },
		.pkt_type = PKT_HOST,
		.proto = PROTO_TCP,
		.ttl = 64,
		.tos = 0xb8, /* EF */
		.length = 100,
		.sport = 40000,
		.dport = 443,
		.tcp_flags = TCP_SYN,
		.mark = 0x15,
		.ct_state = CT_ESTABLISHED,
		.ct_mark = 0x20,
		.ct_status = CT_STATUS_SEEN_REPLY | CT_STATUS_DST_NAT,
		.ct_orig_sport = 40000,
		.ct_orig_dport = 8443 };

	assert_true(addr_parse("10.0.0.11", &packet.src));
	assert_true(addr_parse("10.0.1.12", &packet.dst));
	packet.ct_orig_src = packet.src;
	assert_true(addr_parse("192.0.2.1", &packet.ct_orig_dst));
	return packet;
}

static bool all_are_local(
	void *data, const struct addr *addr, const char *iface, enum addr_type *ret)
{
	(void)data;
	(void)iface;
	*ret = addr->bytes[2] == 1 ? ADDR_LOCAL : ADDR_UNICAST;
	return true;
}

static bool route_to_eth0(
	void *data, const struct packet *packet, const struct addr *addr, const char **ret_iface)
{
	(void)data;
	(void)packet;
	(void)addr;
	*ret_iface = "eth0";
	return true;
}

static bool no_ipsec(void *data, const struct packet *packet, bool is_out, bool *ret)
{
	(void)data, (void)packet, (void)is_out;
	*ret = false;
	return true;
}

/* What the only rule of a chain does to a packet: the first outcome. */
static struct outcome outcome_of(
	struct arena *arena, const char *rule, const char *sets, const struct packet *packet)
{
	static const struct eval_oracle oracle = {
		.addr_type = all_are_local, .route = route_to_eth0, .ipsec = no_ipsec
	};
	struct ruleset *rs = ruleset_new(arena);
	const struct eval eval = {
		.arena = arena, .rs = rs, .oracle = &oracle, .hook = HOOK_FORWARD
	};
	struct outcomes outcomes = { 0 };
	const struct table *table;
	struct err err = { 0 };

	if (!ruleset_parse_iptables(arena, rs, FAMILY_IPV4, "t",
		    arena_printf(
			    arena, "*mangle\n:FORWARD DROP [0:0]\n-A FORWARD %s\nCOMMIT\n", rule),
		    &err) ||
		!ruleset_parse_ipset(arena, rs, "s", sets, &err))
		fail_msg("%s: %s", rule, err.text);
	table = ruleset_table(rs, FAMILY_IPV4, "mangle");
	ruleset_eval_chain(
		&eval, table, table_chain(table, "FORWARD"), packet, NULL, NULL, &outcomes);
	assert_int_not_equal(outcomes.n, 0);
	if (outcomes.n > 1)
		outcomes.items[0].verdict = VERDICT_CANNOT_TELL;
	return outcomes.items[0];
}

static char letter_of(enum verdict verdict)
{
	switch (verdict) {
	case VERDICT_ACCEPT:
		return 'Y';
	case VERDICT_DROP:
		return 'N';
	default:
		return '?';
	}
}

static void every_kind_says_yes_and_no(void **state)
{
	static const struct {
		const char *match;
		char answer; /* Y, N, ? */
	} cases[] = {
		{ "-s 10.0.0.11/255.0.0.255", 'Y' },
		{ "! -s 10.0.0.11/255.0.0.255", 'N' },
		{ "-d 10.0.0.11/255.0.0.255", 'N' },
		{ "-f", 'N' },
		{ "-p tcp -m multiport --ports 1,443", 'Y' },
		{ "-p tcp -m multiport --ports 40000", 'Y' },
		{ "-p tcp -m multiport ! --ports 40000", 'N' },
		{ "-p tcp -m multiport --ports 1,2", 'N' },
		{ "-p tcp --syn", 'Y' },
		{ "-p tcp ! --syn", 'N' },
		{ "-p tcp -m tcp --tcp-flags SYN,ACK SYN,ACK", 'N' },
		{ "-m physdev --physdev-is-in", 'Y' },
		{ "-m physdev ! --physdev-is-in", 'N' },
		{ "-m physdev --physdev-is-out", 'N' },
		{ "-m conntrack --ctstate NEW,DNAT", 'Y' },
		{ "-m conntrack --ctstate NEW,SNAT", 'N' },
		{ "-m conntrack ! --ctstate DNAT", 'N' },
		{ "-m conntrack --ctproto 6", 'Y' },
		{ "-m conntrack ! --ctproto 6", 'N' },
		{ "-m conntrack --ctorigsrc 10.0.0.0/24", 'Y' },
		{ "-m conntrack --ctorigdst 10.0.1.12", 'N' },
		{ "-m conntrack --ctreplsrc 10.0.1.12", '?' },
		{ "-m conntrack --ctorigdstport 8443", 'Y' },
		{ "-m conntrack --ctorigdstport 443", 'N' },
		{ "-m conntrack --ctstatus ASSURED,SEEN_REPLY", 'Y' },
		{ "-m conntrack --ctstatus ASSURED", 'N' },
		{ "-m conntrack --ctdir ORIGINAL", 'Y' },
		{ "-m conntrack --ctdir REPLY", 'N' },
		{ "-m mark --mark 0x15", 'Y' },
		{ "-m mark --mark 0x5/0xf", 'Y' },
		{ "-m mark ! --mark 0x5/0xf", 'N' },
		{ "-m addrtype --dst-type LOCAL", 'Y' },
		{ "-m addrtype --src-type LOCAL", 'N' },
		{ "-m addrtype ! --src-type LOCAL --dst-type LOCAL", 'Y' },
		{ "-m iprange --src-range 10.0.0.11-10.0.0.20", 'Y' },
		{ "-m iprange --src-range 10.0.0.1-10.0.0.10", 'N' },
		{ "-m iprange ! --dst-range 10.0.0.1-10.0.0.10", 'Y' },
		{ "-m pkttype --pkt-type unicast", 'Y' },
		{ "-m pkttype --pkt-type broadcast", 'N' },
		{ "-m ttl --ttl-eq 64", 'Y' },
		{ "-m ttl --ttl-lt 64", 'N' },
		{ "-m ttl --ttl-gt 63", 'Y' },
		{ "-m length --length 100", 'Y' },
		{ "-m length --length 101:", 'N' },
		{ "-m tos --tos 0x38/0x3f", 'Y' },
		{ "-m tos --tos 0x10", 'N' },
		{ "-m dscp --dscp-class EF", 'Y' },
		{ "-m dscp ! --dscp 46", 'N' },
		{ "-m rpfilter", 'Y' },
		{ "-m rpfilter --invert", 'N' },
		{ "-m owner --uid-owner 0", 'N' },
		{ "-m owner ! --uid-owner 0", 'Y' },
		{ "-m policy --dir in --pol none", 'Y' },
		{ "-m policy --dir out --pol ipsec --strict", 'N' },
		{ "-m socket", '?' },
		{ "-m comment --comment a -m comment --comment b", 'Y' },
		{ "-m limit --limit 3/min", '?' },
	};
	const struct packet packet = packet_of();

	(void)state;
	for (size_t i = 0; i < N_OF(cases); i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		enum verdict verdict = outcome_of(
			arena, arena_printf(arena, "%s -j ACCEPT", cases[i].match), "", &packet)
					       .verdict;
		char answer = letter_of(verdict);

		if (answer != cases[i].answer)
			fail_msg("%s: %c", cases[i].match, answer);
	}
}

/* Where there is no entry, a --ctstate of the same "-m" decides alone (xt_conntrack). */
static void without_an_entry_the_state_decides_alone(void **state)
{
	static const struct {
		const char *match;
		bool yes;
	} cases[] = {
		{ "-m conntrack --ctstate INVALID --ctdir REPLY", true },
		{ "-m conntrack --ctstate INVALID -m conntrack --ctdir REPLY", false },
		{ "-m conntrack --ctstate NEW --ctdir REPLY", false },
		{ "-m conntrack --ctdir ORIGINAL", false },
	};
	struct packet packet = packet_of();

	(void)state;
	packet.ct_state = CT_INVALID;
	for (size_t i = 0; i < N_OF(cases); i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();

		assert_int_equal(
			outcome_of(arena, arena_printf(arena, "%s -j ACCEPT", cases[i].match), "",
				&packet)
				.verdict,
			cases[i].yes ? VERDICT_ACCEPT : VERDICT_DROP);
	}
}

static struct packet changed_by(const char *target)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	const struct packet packet = packet_of();
	struct outcome outcome =
		outcome_of(arena, arena_printf(arena, "-j %s", target), "", &packet);

	assert_int_equal(outcome.verdict, VERDICT_DROP); /* the policy */
	return outcome.packet;
}

static void targets_change_the_packet(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct packet packet = packet_of();
	struct outcome outcome;

	(void)state;
	assert_int_equal(changed_by("MARK --set-xmark 0x3/0xf").mark, 0x13);
	assert_int_equal(changed_by("MARK --xor-mark 0x1").mark, 0x14);
	assert_int_equal(changed_by("CONNMARK --set-xmark 0x1/0xff").ct_mark, 0x1);
	assert_int_equal(
		changed_by("CONNMARK --save-mark --nfmask 0xf --ctmask 0xff").ct_mark, 0x5);
	assert_int_equal(changed_by("CONNMARK --restore-mark").mark, 0x20);
	assert_int_equal(changed_by("TTL --ttl-dec 1").ttl, 63);
	assert_int_equal(changed_by("TTL --ttl-set 5").ttl, 5);
	assert_int_equal(changed_by("TTL --ttl-inc 255").ttl, 255);
	assert_int_equal(changed_by("TOS --set-tos 0x10/0x3f").tos, 0x90);
	assert_int_equal(changed_by("DSCP --set-dscp 1").tos, 0x04);
	assert_int_equal(changed_by("LOG").mark, 0x15);
	packet.ct_state = CT_UNTRACKED;
	outcome = outcome_of(arena, "-j CONNMARK --set-xmark 0x1/0xff", "", &packet);
	assert_int_equal(outcome.packet.ct_mark, 0x20);
	outcome = outcome_of(arena, "-j NFQUEUE --queue-num 0", "", &packet);
	assert_int_equal(outcome.verdict, VERDICT_STOLEN);
	outcome = outcome_of(arena, "-j REJECT", "", &packet);
	assert_int_equal(outcome.verdict, VERDICT_REJECT);
	outcome = outcome_of(arena, "-j DNAT --to-destination 10.9.9.9", "", &packet);
	assert_int_equal(outcome.verdict, VERDICT_ACCEPT);
	assert_int_equal(outcome.nat.kind, NAT_DNAT);
	assert_int_equal(outcome.nat.addr_min.bytes[1], 9);
}

static void sets_of_every_type_are_asked(void **state)
{
	static const char sets[] =
		"create net hash:net family inet\nadd net 10.0.0.0/8\nadd net 10.0.0.0/24 nomatch\n"
		"add net 10.0.0.11\n"
		"create ip hash:ip family inet netmask 24\nadd ip 10.0.0.0\n"
		"create port hash:ip,port family inet\nadd port 10.0.1.12,tcp:443\n"
		"create netport hash:net,port family inet\nadd netport 10.0.0.0/16,tcp:443\n"
		"add netport 10.0.1.0/24,tcp:443 nomatch\n"
		"create three hash:ip,port,ip family inet\nadd three 10.0.0.11,tcp:443,10.0.1.12\n"
		"create iface hash:net,iface family inet\nadd iface 10.0.0.0/24,eth wildcard\n"
		"create phys hash:net,iface family inet\nadd phys 10.0.0.0/24,physdev:tap1\n"
		"create mac hash:mac\nadd mac 01:02:03:04:05:06\n"
		"create bits bitmap:port range 0-1000\nadd bits 443\n"
		"create marks hash:ip,mark family inet markmask 0xf\nadd marks 10.0.0.11,0x5\n"
		"create six hash:ip family inet6\nadd six 2001:db8::1\n"
		"create list list:set\nadd list six\nadd list port\n"
		"create odd hash:strange\n";
	static const struct {
		const char *match;
		char answer;
	} cases[] = {
		{ "net src", 'Y' },
		{ "net dst", 'Y' },
		{ "ip src", 'Y' },
		{ "ip dst", 'N' },
		{ "port dst,dst", 'Y' },
		{ "port src,dst", 'N' },
		{ "port dst,src", 'N' },
		{ "port dst", 'N' }, /* the set has more dimensions */
		{ "netport src,dst", 'Y' },
		{ "netport dst,dst", 'N' },
		{ "three src,dst,dst", 'Y' },
		{ "three dst,dst,dst", 'N' },
		{ "iface src,src", 'Y' },
		{ "iface dst,src", 'N' },
		{ "phys src,src", 'Y' },
		{ "phys src,dst", 'N' },
		{ "mac src", 'Y' },
		{ "bits dst", 'Y' },
		{ "bits src", 'N' },
		{ "marks src,src", 'Y' },
		{ "marks dst,src", 'N' },
		{ "six src", 'N' },
		{ "list dst,dst", 'Y' },
		{ "list src,dst", 'N' },
		{ "odd src", '?' },
		{ "missing src", '?' },
	};
	struct packet packet = packet_of();

	(void)state;
	for (size_t i = 0; i < N_OF(cases); i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		enum verdict verdict = outcome_of(arena,
			arena_printf(arena, "-m set --match-set %s -j ACCEPT", cases[i].match),
			sets, &packet)
					       .verdict;
		char answer = letter_of(verdict);

		if (answer != cases[i].answer)
			fail_msg("%s: %c", cases[i].match, answer);
	}
	packet.src.bytes[3] = 12; /* the exception holds it, and nothing inside of that */
	{
		struct arena *arena CLEANUP(arena_freep) = arena_new();

		assert_int_equal(
			outcome_of(arena, "-m set --match-set net src -j ACCEPT", sets, &packet)
				.verdict,
			VERDICT_DROP);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_is_understood_printed_and_put_into_words),
		cmocka_unit_test(rules_are_equal_when_they_print_alike_and_only_then),
		cmocka_unit_test(a_changed_value_makes_another_rule),
		cmocka_unit_test(what_people_write_takes_the_form_of_a_save),
		cmocka_unit_test(what_is_not_understood_is_named),
		cmocka_unit_test(every_kind_says_yes_and_no),
		cmocka_unit_test(without_an_entry_the_state_decides_alone),
		cmocka_unit_test(targets_change_the_packet),
		cmocka_unit_test(sets_of_every_type_are_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
