// SPDX-License-Identifier: GPL-2.0-or-later
#include "random_iptables.h"

#include <string.h>

#include "base/vec.h"
#include "ruleset/eval.h"

/* Of each set: its type without what is behind it, its name and the sides that a match may name. */
static const struct random_set {
	const char *name, *type, *options;
	const char *sides[3];
	bool is_v4_only;
} random_sets[] = {
	{ "ip", "hash:ip", "family %s", { "src", "dst", "dst" }, false },
	{ "net", "hash:net", "family %s", { "src", "dst", "src" }, false },
	{ "ip-port", "hash:ip,port", "family %s", { "src,dst", "dst,dst", "src,src" }, false },
	{ "net-port", "hash:net,port", "family %s", { "src,dst", "dst,dst", "dst,src" }, false },
	{ "ip-port-ip", "hash:ip,port,ip", "family %s",
		{ "src,dst,dst", "dst,dst,src", "src,src,dst" }, false },
	{ "ip-port-net", "hash:ip,port,net", "family %s",
		{ "src,dst,dst", "dst,dst,src", "src,src,dst" }, false },
	{ "net-iface", "hash:net,iface", "family %s", { "src,src", "dst,src", "dst,dst" }, false },
	{ "port", "bitmap:port", "range 0-6000", { "src", "dst", "dst" }, false },
	{ "bits", "bitmap:ip", "range 10.77.0.0/16", { "src", "dst", "src" }, true },
	{ "bits-mac", "bitmap:ip,mac", "range 10.77.0.0/16", { "src,src", "src,src", "src,src" },
		true },
	/* the last, its members are above */
	{ "list", "list:set", "size 8", { "src", "dst", "src,dst" }, false },
};

static void random_member(struct random *random, struct text *out, const char *type, bool is_v6)
{
	static const char *const addrs4[] = { "10.77.200.7", "10.77.3.1", "10.77.3.255",
		"10.77.128.0" };
	static const char *const addrs6[] = { "2001:db8:77::c807", "2001:db8:77::300",
		"2001:db8:77::3ff", "2001:db8:77::1" };
	static const char *const nets4[] = { "10.77.0.0/16", "10.77.128.0/17", "10.77.3.0/24",
		"10.64.0.0/10", "10.77.3.128/25" };
	static const char *const nets6[] = { "2001:db8:77::/48", "2001:db8:77::8000/113",
		"2001:db8:77::300/120", "2001:db8::/32", "2001:db8:77::380/121" };
	static const char *const ports[] = { "tcp:80", "udp:53", "tcp:443", "udp:5000",
		"tcp:1000-1003", "udp:161" };
	static const char *const echo[] = { "icmp:echo-request", "icmpv6:echo-request" };
	static const char *const ifaces[] = { "eth0", "eth1", "tun0" };
	const char *separator = "";

	for (const char *part = type; part; part = strchr(part, ',')) {
		part += *part == ',';
		text_add(out, separator);
		separator = ",";
		if (text_has_prefix(part, "ip") || text_has_prefix(part, "net")) {
			bool is_net = *part == 'n';

			text_add(out, is_v6    ? is_net ? pick(random, nets6) : pick(random, addrs6)
					 : is_net ? pick(random, nets4)
					       : pick(random, addrs4));
		} else if (text_has_prefix(part, "port")) {
			text_add(out, one_in(random, 5) ? echo[is_v6] : pick(random, ports));
		} else if (text_has_prefix(part, "mac")) {
			text_addf(out, "02:00:00:00:20:0%u", random_below(random, 4));
		} else {
			text_add(out, pick(random, ifaces));
		}
	}
}

void random_ipsets(
	struct random *random, struct text *out, bool is_v6, bool (*has_type)(const char *type))
{
	for (size_t i = 0; i < N_OF(random_sets); i++) {
		const struct random_set *set = &random_sets[i];
		const char *parts = strchr(set->type, ':') + 1;

		if ((set->is_v4_only && is_v6) || (has_type && !has_type(set->type)))
			continue;
		text_addf(out, "create %s %s ", set->name, set->type);
		text_addf(out, set->options, is_v6 ? "inet6" : "inet");
		text_add(out, "\n");
		if (strcmp(parts, "set") == 0) {
			text_addf(out, "add %s ip\nadd %s net\n", set->name, set->name);
			continue;
		}
		for (unsigned n = 1 + random_below(random, 6); n > 0; n--) {
			text_addf(out, "add -exist %s ", set->name);
			if (strcmp(set->type, "bitmap:port") == 0)
				text_addf(out, "%u", random_below(random, 6001));
			else
				random_member(random, out, parts, is_v6);
			if (strstr(parts, "net") && one_in(random, 4))
				text_add(out, " nomatch");
			text_add(out, "\n");
		}
	}
}

static void random_host_match(
	struct random *random, struct text *out, const struct random_iptables *what, enum hook hook)
{
	static const char *const pols[] = { "none", "ipsec" };
	bool is_in = hook == HOOK_PREROUTING || hook == HOOK_INPUT ||
		     (hook == HOOK_FORWARD && one_in(random, 2));

	if (hook == HOOK_PREROUTING && one_in(random, 8))
		text_addf(out, " -m rpfilter%s%s%s%s", one_in(random, 3) ? " --loose" : "",
			one_in(random, 3) ? " --validmark" : "",
			one_in(random, 3) ? " --accept-local" : "",
			one_in(random, 2) ? " --invert" : "");
	if (one_in(random, 12))
		text_addf(out, " -m policy --dir %s --pol %s", is_in ? "in" : "out",
			pick(random, pols));
	if (what->has_sets && one_in(random, 2)) {
		const struct random_set *set = &pick(random, random_sets);

		if (!set->is_v4_only || !what->is_v6)
			text_addf(out, " -m set %s--match-set %s %s", one_in(random, 4) ? "! " : "",
				set->name, pick(random, set->sides));
	}
	if (what->is_stateless && !what->is_v6 && one_in(random, 5))
		text_add(out, one_in(random, 3) ? " ! -f" : " -f");
}

static void random_match(
	struct random *random, struct text *out, const struct random_iptables *what, enum hook hook)
{
	static const char *const prefixes4[] = { "10.77.0.0/16", "10.77.128.0/17", "10.77.3.0/24",
		"10.64.0.0/10", "10.77.200.7", "0.0.0.0/1" };
	static const char *const prefixes6[] = { "2001:db8:77::/48", "2001:db8:77::8000/113",
		"2001:db8:77::300/120", "2001:db8::/32", "2001:db8:77::c807", "2000::/3" };
	static const char *const ifaces[] = { "eth0", "eth1", "eth+", "tun0" };
	static const char *const protos[] = { "-p tcp", "-p udp", "! -p tcp",
		"-p tcp -m tcp --dport 1:1023", "-p udp -m udp --sport 53",
		"-p tcp -m tcp ! --dport 443", "-p udp -m multiport --dports 53,67:69,5000:6000",
		"-p tcp -m multiport ! --sports 1:100,200", "-p tcp -m tcp" };
	static const char *const states[] = { "-m state --state NEW",
		"-m state --state RELATED,ESTABLISHED", "-m conntrack --ctstate INVALID",
		"-m conntrack ! --ctstate NEW", "-m conntrack --ctstate ESTABLISHED --ctdir REPLY",
		"-m conntrack --ctdir ORIGINAL", "-m conntrack --ctstatus SEEN_REPLY" };
	bool is_v6 = what->is_v6;

	if (one_in(random, 3))
		text_addf(out, " %s-s %s", one_in(random, 4) ? "! " : "",
			is_v6 ? pick(random, prefixes6) : pick(random, prefixes4));
	if (one_in(random, 3))
		text_addf(out, " %s-d %s", one_in(random, 4) ? "! " : "",
			is_v6 ? pick(random, prefixes6) : pick(random, prefixes4));
	if (one_in(random, 4) &&
		(hook == HOOK_PREROUTING || hook == HOOK_INPUT || hook == HOOK_FORWARD))
		text_addf(out, " %s-i %s", one_in(random, 4) ? "! " : "", pick(random, ifaces));
	if (one_in(random, 4) &&
		(hook == HOOK_OUTPUT || hook == HOOK_POSTROUTING || hook == HOOK_FORWARD))
		text_addf(out, " %s-o %s", one_in(random, 4) ? "! " : "", pick(random, ifaces));
	if (one_in(random, 2))
		text_addf(out, " %s", pick(random, protos));
	else if (one_in(random, 5))
		text_add(out, is_v6 ? " -p ipv6-icmp -m icmp6 --icmpv6-type 128"
				    : " -p icmp -m icmp --icmp-type 8/0");
	random_host_match(random, out, what, hook);
	if (!what->is_stateless && one_in(random, 4))
		text_addf(out, " %s", pick(random, states));
	if (one_in(random, 9) && hook == HOOK_FORWARD)
		text_addf(out, " -m mac %s--mac-source 02:00:00:00:20:01",
			one_in(random, 2) ? "! " : "");
}

/* Chains of one hook call only chains of that hook: their matches are allowed there. */
static void random_chain(struct random *random, struct text *out,
	const struct random_iptables *what, enum hook hook, bool may_reject, const char *name,
	unsigned level)
{
	static const char *const ends[] = { "", "-j ACCEPT", "-j DROP", "-j RETURN", "-j RETURN",
		"-j REJECT" };

	for (unsigned n = 2 + random_below(random, 7); n > 0; n--) {
		text_addf(out, "-A %s", name);
		random_match(random, out, what, hook);
		if (level < 3 && one_in(random, 2))
			text_addf(out, " -%c h%d-%u\n", one_in(random, 4) ? 'g' : 'j', (int)hook,
				level + 1 + random_below(random, 3 - level));
		else
			text_addf(out, " %s\n", ends[random_below(random, may_reject ? 6 : 5)]);
	}
}

static void random_table(struct random *random, struct text *out,
	const struct random_iptables *what, const char *table, unsigned hooks)
{
	static const char *const names[N_HOOKS] = { NULL, "PREROUTING", "INPUT", "FORWARD",
		"OUTPUT", "POSTROUTING", NULL };
	bool is_filter = strcmp(table, "filter") == 0;
	char name[16];

	text_addf(out, "*%s\n", table);
	for (int hook = 0; hook < N_HOOKS; hook++) {
		if (!(hooks & 1u << hook))
			continue;
		text_addf(out, ":%s %s [0:0]\n", names[hook],
			is_filter && one_in(random, 3) ? "DROP" : "ACCEPT");
		for (unsigned level = 1; level <= 3; level++)
			text_addf(out, ":h%d-%u - [0:0]\n", hook, level);
	}
	for (int hook = 0; hook < N_HOOKS; hook++) {
		if (!(hooks & 1u << hook))
			continue;
		random_chain(random, out, what, (enum hook)hook, is_filter, names[hook], 0);
		for (unsigned level = 1; level <= 3; level++) {
			snprintf(name, sizeof(name), "h%d-%u", hook, level);
			random_chain(random, out, what, (enum hook)hook, is_filter, name, level);
		}
	}
	text_add(out, "COMMIT\n");
}

void random_iptables(struct random *random, struct text *out, const struct random_iptables *what)
{
	random_table(random, out, what, "raw", 1u << HOOK_PREROUTING | 1u << HOOK_OUTPUT);
	random_table(random, out, what, "mangle",
		1u << HOOK_PREROUTING | 1u << HOOK_INPUT | 1u << HOOK_FORWARD | 1u << HOOK_OUTPUT |
			1u << HOOK_POSTROUTING);
	random_table(random, out, what, "filter",
		1u << HOOK_INPUT | 1u << HOOK_FORWARD | 1u << HOOK_OUTPUT);
}
