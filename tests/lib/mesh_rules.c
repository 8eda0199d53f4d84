// SPDX-License-Identifier: GPL-2.0-or-later
/* Rules by chance for the namespaces of a mesh: iptables of either variant, and nftables beside them. */
#include "mesh.h"

#include <string.h>

#include "ruleset/eval.h"
#include "unit.h"

struct maker {
	struct random *random;
	struct text *out;
	size_t ns;
	bool is_v6;
};

static const char *const devices[MESH_NS][6] = { { "br0", "br1", "wan0", "br0", "br+", "wan0" },
	{ "eth0", "eth1", "rwan", "eth+", "eth0", "eth1" } };
static const char *const ports[] = { "tapa", "tapb", "tapc", "tapd", "r0", "r1", "tap+" };
static const char *const addrs[2][7] = { { "10.0.0.10", "10.0.1.0/24", "10.0.0.0/24", "10.0.1.11",
						 "192.0.2.2", "10.0.0.0/16", "203.0.113.5" },
	{ "2001:db8::a", "2001:db8:1::/64", "2001:db8::/64", "2001:db8:1::b", "2001:db8:ffff::2",
		"2001:db8::/32", "2001:db8:eeee::5" } };

static const char *maybe_not(struct maker *m, unsigned n)
{
	return one_in(m->random, n) ? "! " : "";
}

static void physdev_match(struct maker *m, enum hook hook)
{
	bool may_out = hook == HOOK_FORWARD || hook == HOOK_POSTROUTING;

	switch (random_below(m->random, may_out ? 4 : 2)) {
	case 0:
		text_addf(m->out, " -m physdev %s--physdev-in %s", maybe_not(m, 4),
			pick(m->random, ports));
		return;
	case 1:
		text_addf(m->out, " -m physdev %s--physdev-is-in", maybe_not(m, 4));
		return;
	case 2:
		text_addf(m->out, " -m physdev --physdev-out %s --physdev-is-bridged",
			pick(m->random, ports));
		return;
	default:
		text_addf(m->out, " -m physdev %s--physdev-is-bridged", maybe_not(m, 4));
		return;
	}
}

static void state_match(struct maker *m)
{
	static const char *const states[] = { "-m state --state NEW",
		"-m state --state RELATED,ESTABLISHED", "-m conntrack --ctstate INVALID",
		"-m conntrack ! --ctstate NEW", "-m conntrack --ctstate UNTRACKED",
		"-m conntrack --ctstate DNAT", "-m conntrack --ctstate SNAT",
		"-m conntrack --ctstate NEW --ctdir ORIGINAL", "-m conntrack --ctdir REPLY",
		"-m conntrack --ctstatus SEEN_REPLY", "-m conntrack --ctorigdstport 80",
		"-m conntrack --ctorigdst 10.0.1.10" };

	const char *state = pick(m->random, states);

	if (!m->is_v6 || !strstr(state, "10.0.1.10"))
		text_addf(m->out, " %s", state);
}

static void header_match(struct maker *m, bool needs_ports)
{
	static const char *const with_ports[] = { "-p tcp", "-p udp", "-p tcp -m tcp --dport 80",
		"-p udp -m udp --dport 443", "-p tcp -m tcp ! --dport 80",
		"-p udp -m multiport --dports 80,443,5000:6000", "-p udp -m udp --dport 53" };
	static const char *const others[] = { "-p sctp", "-p 250", "! -p tcp", "-p 47",
		"-p sctp -m sctp --dport 80" };

	if (needs_ports || one_in(m->random, 2))
		text_addf(m->out, " %s", pick(m->random, with_ports));
	else if (one_in(m->random, 3))
		text_addf(m->out, " %s", pick(m->random, others));
	else if (one_in(m->random, 4))
		text_add(m->out, m->is_v6 ? " -p ipv6-icmp -m icmp6 --icmpv6-type 128"
					  : " -p icmp -m icmp --icmp-type 8");
}

static void random_match(struct maker *m, enum hook hook, bool needs_ports)
{
	bool has_in = hook == HOOK_PREROUTING || hook == HOOK_INPUT || hook == HOOK_FORWARD;
	bool has_out = hook == HOOK_OUTPUT || hook == HOOK_POSTROUTING || hook == HOOK_FORWARD;

	if (one_in(m->random, 4))
		text_addf(m->out, " %s-s %s", maybe_not(m, 4), pick(m->random, addrs[m->is_v6]));
	if (one_in(m->random, 4))
		text_addf(m->out, " %s-d %s", maybe_not(m, 4), pick(m->random, addrs[m->is_v6]));
	if (has_in && one_in(m->random, 5))
		text_addf(m->out, " %s-i %s", maybe_not(m, 4), pick(m->random, devices[m->ns]));
	if (has_out && one_in(m->random, 5))
		text_addf(m->out, " %s-o %s", maybe_not(m, 4), pick(m->random, devices[m->ns]));
	header_match(m, needs_ports);
	if (m->ns == 0 && hook != HOOK_OUTPUT && one_in(m->random, 4))
		physdev_match(m, hook);
	if (one_in(m->random, 4))
		state_match(m);
	if (one_in(m->random, 8))
		text_addf(m->out, " -m mark %s--mark 0x%x/0x%x", maybe_not(m, 3),
			random_below(m->random, 4), 1 + random_below(m->random, 3));
	if (one_in(m->random, 10))
		text_addf(m->out, " -m connmark %s--mark 0x%x", maybe_not(m, 3),
			random_below(m->random, 4));
	if (one_in(m->random, 12))
		text_addf(m->out, " -m addrtype --dst-type %s",
			one_in(m->random, 2) ? "LOCAL" : "UNICAST");
	if (!m->is_v6 && one_in(m->random, 12))
		text_addf(m->out, " -m ttl --ttl-lt %u", 60 + random_below(m->random, 6));
	if (one_in(m->random, 16))
		text_add(m->out, " -m dscp --dscp 0x0a");
	if (one_in(m->random, 12) && has_in)
		text_addf(m->out, " -m mac %s--mac-source 02:00:00:00:00:0a", maybe_not(m, 3));
}

static void nat_target(struct maker *m, enum hook hook)
{
	static const char *const to_dst[2][7] = {
		{ "DNAT --to-destination 10.0.1.10", "DNAT --to-destination 10.0.0.11:90",
			"DNAT --to-destination 203.0.113.5:8080", "REDIRECT --to-ports 90",
			"NETMAP --to 10.0.1.0/24", "DNAT --to-destination 10.0.0.254",
			"DNAT --to-destination 192.0.2.2" },
		{ "DNAT --to-destination 2001:db8:1::a", "DNAT --to-destination [2001:db8::b]:90",
			"DNAT --to-destination [2001:db8:eeee::5]:8080", "REDIRECT --to-ports 90",
			"NETMAP --to 2001:db8:1::/64", "DNAT --to-destination 2001:db8::254",
			"DNAT --to-destination 2001:db8:ffff::2" },
	};
	static const char *const to_src[2][5] = {
		{ "MASQUERADE", "MASQUERADE", "SNAT --to-source 10.0.0.77",
			"SNAT --to-source 192.0.2.1:3000", "NETMAP --to 10.0.1.0/24" },
		{ "MASQUERADE", "MASQUERADE", "SNAT --to-source 2001:db8::77",
			"SNAT --to-source [2001:db8:ffff::1]:3000", "NETMAP --to 2001:db8:1::/64" },
	};
	const char *target;

	if (hook == HOOK_PREROUTING || hook == HOOK_OUTPUT)
		target = pick(m->random, to_dst[m->is_v6]);
	else
		target = pick(m->random, to_src[m->is_v6]);
	/* a source port of everybody's: two flows would want the same */
	if (strstr(target, ":3000") || (hook == HOOK_INPUT && !strcmp(target, "MASQUERADE")))
		target = to_src[m->is_v6][2];
	text_addf(m->out, " -j %s\n", target);
}

static void mangle_target(struct maker *m)
{
	static const char *const targets[] = { "MARK --set-xmark 0x1/0xffffffff",
		"MARK --set-xmark 0x2/0x2", "CONNMARK --set-xmark 0x3/0xffffffff",
		"CONNMARK --save-mark", "CONNMARK --restore-mark", "DSCP --set-dscp 0x0a",
		"TOS --set-tos 0x10/0xff", "ACCEPT", "RETURN" };

	if (one_in(m->random, 8))
		text_addf(m->out, " -j %s\n", m->is_v6 ? "HL --hl-dec 1" : "TTL --ttl-set 40");
	else
		text_addf(m->out, " -j %s\n", pick(m->random, targets));
}

static void raw_target(struct maker *m)
{
	if (one_in(m->random, 3))
		text_addf(m->out, " -j CT --zone %u\n", 1 + random_below(m->random, 3));
	else if (one_in(m->random, 4))
		text_add(m->out, " -j CT --notrack\n");
	else
		text_addf(m->out, " -j %s\n", one_in(m->random, 4) ? "DROP" : "ACCEPT");
}

static void random_chain(
	struct maker *m, const char *table, enum hook hook, const char *name, unsigned level)
{
	static const char *const ends[] = { "ACCEPT", "ACCEPT", "DROP", "RETURN", "RETURN",
		"REJECT" };

	for (unsigned n = 1 + random_below(m->random, 5); n > 0; n--) {
		bool is_nat = !strcmp(table, "nat"), is_jump = level < 2 && one_in(m->random, 4);

		text_addf(m->out, "-A %s", name);
		/* conntrack is not there yet in raw, but its matches are allowed */
		random_match(m, hook, is_nat && !is_jump);
		if (is_jump)
			text_addf(m->out, " -%c h%d-%u\n", one_in(m->random, 4) ? 'g' : 'j',
				(int)hook, level + 1);
		else if (is_nat && !one_in(m->random, 4))
			nat_target(m, hook);
		else if (!strcmp(table, "mangle") && !one_in(m->random, 6))
			mangle_target(m);
		else if (!strcmp(table, "raw"))
			raw_target(m);
		else if (one_in(m->random, 5))
			text_add(m->out, "\n");
		else if (is_nat)
			text_addf(m->out, " -j %s\n", one_in(m->random, 2) ? "ACCEPT" : "RETURN");
		else
			text_addf(m->out, " -j %s\n",
				ends[random_below(m->random, strcmp(table, "filter") ? 5 : 6)]);
	}
}

static void random_table(struct maker *m, const char *table, unsigned hooks)
{
	static const char *const names[N_HOOKS] = { NULL, "PREROUTING", "INPUT", "FORWARD",
		"OUTPUT", "POSTROUTING", NULL };
	char name[16];

	text_addf(m->out, "*%s\n", table);
	for (int hook = 0; hook < N_HOOKS; hook++) {
		if (!(hooks & 1u << hook))
			continue;
		text_addf(m->out, ":%s %s [0:0]\n:h%d-1 - [0:0]\n:h%d-2 - [0:0]\n", names[hook],
			!strcmp(table, "filter") && one_in(m->random, 4) ? "DROP" : "ACCEPT", hook,
			hook);
	}
	for (int hook = 0; hook < N_HOOKS; hook++) {
		if (!(hooks & 1u << hook))
			continue;
		random_chain(m, table, (enum hook)hook, names[hook], 0);
		for (unsigned level = 1; level <= 2; level++) {
			snprintf(name, sizeof(name), "h%d-%u", hook, level);
			random_chain(m, table, (enum hook)hook, name, level);
		}
	}
	text_add(m->out, "COMMIT\n");
}

#define AT(hook) (1u << HOOK_##hook)

static void random_iptables_of(struct maker *m)
{
	if (!one_in(m->random, 3))
		random_table(m, "raw", AT(PREROUTING) | AT(OUTPUT));
	if (!one_in(m->random, 3))
		random_table(m, "mangle",
			AT(PREROUTING) | AT(INPUT) | AT(FORWARD) | AT(OUTPUT) | AT(POSTROUTING));
	if (!one_in(m->random, 3))
		random_table(m, "nat", AT(PREROUTING) | AT(INPUT) | AT(OUTPUT) | AT(POSTROUTING));
	random_table(m, "filter", AT(INPUT) | AT(FORWARD) | AT(OUTPUT));
}

/* ---- nftables ---- */

/* A table of one IP family takes no word of the other. */
static bool is_of_family(const char *match, const char *family)
{
	bool is_4 = !strncmp(match, "ip ", 3) || !strncmp(match, "icmp ", 5);

	if (!strcmp(family, "inet"))
		return true;
	if (!strncmp(match, "meta nfproto", 12))
		return false;
	if (!strcmp(family, "bridge"))
		return true;
	return strcmp(family, "ip") ? !is_4 : strncmp(match, "ip6 ", 4) != 0;
}

static void nft_match(struct maker *m, const char *family, enum hook hook)
{
	static const char *const common[] = { "tcp dport 80", "udp dport { 443, 53 }",
		"meta l4proto { tcp, udp }", "meta l4proto sctp", "th dport 80",
		"tcp flags syn / syn,ack", "meta mark 0x1", "meta mark & 0x2 == 0x2", "ip ttl < 64",
		"ip saddr 10.0.0.0/24", "ip daddr { 10.0.1.10, 10.0.0.11, 203.0.113.0/24 }",
		"ip6 saddr 2001:db8::/64", "ip6 daddr != 2001:db8:1::/64", "ip dscp 0x0a",
		"ip saddr . tcp dport { 10.0.0.10 . 80 }", "ip protocol udp",
		"icmp type echo-request", "udp sport 1024-30000", "meta pkttype unicast",
		"ip6 hoplimit > 62", "meta nfproto ipv4" };
	static const char *const tracked[] = { "ct state new", "ct state established,related",
		"ct state invalid", "ct mark 0x3", "ct status dnat", "ct direction original",
		"ct state untracked" };
	static const char *const frames[] = { "ether saddr 02:00:00:00:00:0a", "ether type arp",
		"ether type ip", "ether daddr 02:00:00:00:fe:01", "vlan id 5",
		"arp operation request", "ether type ip6", "meta protocol ip", "ether type vlan" };
	static const char *const routed[] = { "fib daddr type local", "fib saddr . iif oif missing",
		"fib saddr . iif oif exists", "meta iifkind \"bridge\"" };
	bool is_bridge = !strcmp(family, "bridge");
	const char *const *names = is_bridge ? ports : devices[m->ns];
	const char *match = pick(m->random, common);
	bool has_in = hook != HOOK_OUTPUT && hook != HOOK_POSTROUTING;
	bool has_out = hook != HOOK_INPUT && hook != HOOK_PREROUTING;

	if (has_in && one_in(m->random, 4)) {
		const char *name = names[random_below(m->random, 4)];

		if (!strchr(name, '+'))
			text_addf(m->out, "iifname %s%s ", one_in(m->random, 4) ? "!= " : "", name);
	}
	if (has_out && one_in(m->random, 4)) {
		const char *name = names[random_below(m->random, 4)];

		if (!strchr(name, '+'))
			text_addf(m->out, "oifname %s ", name);
	}
	if (is_bridge && one_in(m->random, 3))
		text_addf(m->out, "%s ", pick(m->random, frames));
	else if (one_in(m->random, 2) && is_of_family(match, family))
		text_addf(m->out, "%s ", match);
	if (!is_bridge && one_in(m->random, 3))
		text_addf(m->out, "%s ", pick(m->random, tracked));
	if (!is_bridge && one_in(m->random, 12) &&
		(hook == HOOK_PREROUTING || hook == HOOK_INPUT || hook == HOOK_FORWARD))
		text_addf(m->out, "%s ", routed[random_below(m->random, 3)]);
}

static void nft_rules(struct maker *m, const char *family, enum hook hook, unsigned n,
	const char *callee, bool may_track)
{
	static const char *const ends[] = { "accept", "drop", "return", "", "meta mark set 0x1",
		"meta mark set meta mark | 0x2", "accept" };

	for (; n > 0; n--) {
		text_add(m->out, "  ");
		nft_match(m, family, hook);
		text_add(m->out, "counter ");
		if (callee && one_in(m->random, 4))
			text_addf(
				m->out, "%s %s\n", one_in(m->random, 4) ? "goto" : "jump", callee);
		else if (may_track && one_in(m->random, 5))
			text_add(m->out, "ct mark set 0x3\n");
		else
			text_addf(m->out, "%s\n", pick(m->random, ends));
	}
}

static void nft_table(struct maker *m, const char *family, const char *name, const int *priorities,
	size_t n_priorities)
{
	static const char *const hooks[N_HOOKS] = { NULL, "prerouting", "input", "forward",
		"output", "postrouting", NULL };
	bool is_bridge = !strcmp(family, "bridge");

	text_addf(m->out, "table %s %s {\n", family, name);
	for (int hook = HOOK_PREROUTING; hook <= HOOK_POSTROUTING; hook++) {
		int priority = priorities[random_below(m->random, (unsigned)n_priorities)];

		if (one_in(m->random, 2))
			continue;
		text_addf(m->out, " chain c%d {\n", hook);
		nft_rules(m, family, (enum hook)hook, 1 + random_below(m->random, 3), NULL, false);
		text_addf(m->out,
			" }\n chain b%d {\n  type filter hook %s priority %d; policy %s;\n", hook,
			hooks[hook], priority, one_in(m->random, 6) ? "drop" : "accept");
		nft_rules(m, family, (enum hook)hook, 1 + random_below(m->random, 4),
			(const char[]){ 'c', (char)('0' + hook), 0 },
			!is_bridge && priority > -200);
		text_add(m->out, " }\n");
	}
	text_add(m->out, "}\n");
}

static void nft_nat(struct maker *m)
{
	static const char *const pre[] = { "tcp dport 80 counter dnat to 10.0.0.11",
		"udp dport 443 counter dnat to 10.0.1.10:90",
		"tcp dport 443 counter redirect to :8080",
		"ip daddr 10.0.0.10 meta l4proto { tcp, udp } counter dnat to 203.0.113.5",
		"ip daddr 192.0.2.1 tcp dport 80 counter dnat to 10.0.0.10",
		"ip daddr 10.0.0.0/24 udp dport 53 counter dnat prefix to 10.0.1.0/24" };
	static const char *const post[] = { "oifname wan0 counter masquerade", "counter masquerade",
		"ip saddr 10.0.0.10 counter snat to 10.0.0.77",
		"oifname br0 counter snat to 192.0.2.1",
		"ip saddr 10.0.1.0/24 counter snat to 10.0.1.200",
		"oifname eth1 counter masquerade",
		"ip saddr 10.0.0.0/24 counter snat prefix to 10.0.1.0/24" };

	text_addf(m->out,
		"table ip walknat {\n chain pre { type nat hook prerouting priority %d;\n  %s\n"
		"  %s\n }\n",
		one_in(m->random, 2) ? -100 : -110, pick(m->random, pre), pick(m->random, pre));
	text_addf(m->out, " chain post { type nat hook postrouting priority 100;\n  %s\n }\n}\n",
		pick(m->random, post));
}

static void nft_netdev(struct maker *m)
{
	static const char *const of_ns[MESH_NS][4] = { { "tapa", "tapb", "wan0", "r0" },
		{ "eth0", "eth1", "rwan", "eth0" } };
	static const char *const matches[] = { "tcp dport 80", "udp dport 443",
		"ip saddr 10.0.0.10", "ether type arp", "ip daddr 10.0.1.0/24 meta l4proto udp",
		"ip6 daddr 2001:db8::b", "ether saddr 02:00:00:00:00:0b", "meta protocol ip" };
	const char *device = pick(m->random, of_ns[m->ns]);

	text_addf(m->out,
		"table netdev dev {\n chain i { type filter hook ingress device %s priority 0; policy accept;\n"
		"  %s counter %s\n  %s counter meta mark set 0x2\n }\n"
		" chain e { type filter hook egress device %s priority 0; policy accept;\n"
		"  %s counter %s\n }\n}\n",
		device, pick(m->random, matches), one_in(m->random, 2) ? "drop" : "accept",
		pick(m->random, matches), device, pick(m->random, matches),
		one_in(m->random, 3) ? "drop" : "accept");
}

static void nft_quiet(struct maker *m)
{
	text_add(m->out,
		"table inet quiet {\n chain o { type filter hook output priority -450; policy accept;\n"
		"  icmp type { destination-unreachable, time-exceeded, redirect, parameter-problem, "
		"echo-reply } drop\n"
		"  icmpv6 type { 1, 2, 3, 4, 129, 130, 131, 132, 133, 134, 135, 136, 137, 143 } drop\n"
		"  tcp flags & rst == rst drop\n  ip protocol igmp drop\n }\n}\n");
	if (m->ns == 0)
		text_add(m->out,
			"table bridge quiet {\n chain o { type filter hook output priority -450; policy "
			"accept;\n  ether type arp drop\n }\n}\n"
			"table netdev quiet {\n chain w { type filter hook egress device wan0 priority "
			"-450; policy accept;\n  ether type arp drop\n }\n}\n");
	else
		text_add(m->out,
			"table netdev quiet {\n"
			" chain e0 { type filter hook egress device eth0 priority -450; policy accept;\n"
			"  ether type arp drop\n }\n"
			" chain e1 { type filter hook egress device eth1 priority -450; policy accept;\n"
			"  ether type arp drop\n }\n"
			" chain w { type filter hook egress device rwan priority -450; policy accept;\n"
			"  ether type arp drop\n }\n}\n");
}

static void random_nft(struct maker *m)
{
	static const int priorities[] = { -310, -160, -10, 10, 160, 310 };
	static const int bridged[] = { -310, -210, -10, 10, 310 };

	nft_quiet(m);
	if (one_in(m->random, 2))
		nft_table(m, "inet", "walk", priorities, N_OF(priorities));
	if (one_in(m->random, 3))
		nft_table(m, m->is_v6 ? "ip6" : "ip", "walk", priorities, N_OF(priorities));
	if (m->ns == 0 && one_in(m->random, 2))
		nft_table(m, "bridge", "walk", bridged, N_OF(bridged));
	if (one_in(m->random, 3))
		nft_nat(m);
	if (one_in(m->random, 3))
		nft_netdev(m);
}

static void load(struct maker *m, const char *tool, struct text *all)
{
	const char *const nft[] = { "nft", "-f", "-", NULL }, *const restore[] = { tool, NULL };
	struct text out CLEANUP(text_done) = TEXT_INIT;

	if (!net_try(m->out->data, &out, strcmp(tool, "nft") ? restore : nft))
		fail_msg("%s refused: %s\n%s", tool, out.data, m->out->data);
	text_addf(all, "# ns %zu, %s\n%s", m->ns, tool, m->out->data);
	text_clear(m->out);
}

void mesh_random_rules(struct mesh *mesh, struct random *random, struct text *ret)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;

	for (size_t ns = 0; ns < MESH_NS; ns++) {
		struct maker m = { random, &text, ns, false };
		bool is_legacy = one_in(random, 4);

		net_enter(mesh->ns[ns]);
		random_iptables_of(&m);
		load(&m, is_legacy ? "iptables-legacy-restore" : "iptables-nft-restore", ret);
		m.is_v6 = true;
		random_iptables_of(&m);
		load(&m, is_legacy ? "ip6tables-legacy-restore" : "ip6tables-nft-restore", ret);
		/* the other variant beside it */
		if (one_in(random, 4)) {
			m.is_v6 = one_in(random, 2);
			random_table(&m, "filter", AT(INPUT) | AT(FORWARD) | AT(OUTPUT));
			load(&m,
				is_legacy ? (m.is_v6 ? "ip6tables-nft-restore"
						     : "iptables-nft-restore")
					  : (m.is_v6 ? "ip6tables-legacy-restore"
						     : "iptables-legacy-restore"),
				ret);
		}
		m.is_v6 = one_in(random, 2);
		random_nft(&m);
		load(&m, "nft", ret);
	}
	net_enter(mesh->ns[0]);
}
