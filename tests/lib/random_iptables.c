// SPDX-License-Identifier: GPL-2.0-or-later
#include "random_iptables.h"

#include <string.h>

#include "base/vec.h"
#include "ruleset/eval.h"

static void random_match(struct random *random, struct text *out, bool is_v6, enum hook hook)
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
		"-m conntrack ! --ctstate NEW" };

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
	if (one_in(random, 4))
		text_addf(out, " %s", pick(random, states));
	if (one_in(random, 9) && hook == HOOK_FORWARD)
		text_addf(out, " -m mac %s--mac-source 02:00:00:00:20:01",
			one_in(random, 2) ? "! " : "");
}

/* Chains of one hook call only chains of that hook: their matches are allowed there. */
static void random_chain(struct random *random, struct text *out, bool is_v6, enum hook hook,
	bool may_reject, const char *name, unsigned level)
{
	static const char *const ends[] = { "", "-j ACCEPT", "-j DROP", "-j RETURN", "-j RETURN",
		"-j REJECT" };

	for (unsigned n = 2 + random_below(random, 7); n > 0; n--) {
		text_addf(out, "-A %s", name);
		random_match(random, out, is_v6, hook);
		if (level < 3 && one_in(random, 2))
			text_addf(out, " -%c h%d-%u\n", one_in(random, 4) ? 'g' : 'j', (int)hook,
				level + 1 + random_below(random, 3 - level));
		else
			text_addf(out, " %s\n", ends[random_below(random, may_reject ? 6 : 5)]);
	}
}

static void random_table(
	struct random *random, struct text *out, bool is_v6, const char *table, unsigned hooks)
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
		random_chain(random, out, is_v6, (enum hook)hook, is_filter, names[hook], 0);
		for (unsigned level = 1; level <= 3; level++) {
			snprintf(name, sizeof(name), "h%d-%u", hook, level);
			random_chain(random, out, is_v6, (enum hook)hook, is_filter, name, level);
		}
	}
	text_add(out, "COMMIT\n");
}

void random_iptables(struct random *random, struct text *out, bool is_v6)
{
	random_table(random, out, is_v6, "raw", 1u << HOOK_PREROUTING | 1u << HOOK_OUTPUT);
	random_table(random, out, is_v6, "mangle",
		1u << HOOK_PREROUTING | 1u << HOOK_INPUT | 1u << HOOK_FORWARD | 1u << HOOK_OUTPUT |
			1u << HOOK_POSTROUTING);
	random_table(random, out, is_v6, "filter",
		1u << HOOK_INPUT | 1u << HOOK_FORWARD | 1u << HOOK_OUTPUT);
}
