// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Shapes of NAT rules as programs and how-tos write them, and what real packets met of each: a machine 172.17.0.11 that sends
 * to 172.17.0.12 and beyond its gateway was seen with another address (hit) or with its own (spared), on kernel 6.18. The doctor must say
 * of each what was seen: broken if and only if it was hit, and the guard for all that it mends. A rule about one address only hits who
 * talks to that address: a risk, until somebody does.
 */
#include "unit.h"

#include <string.h>

#include "sickhost.h"

#define NAT(rules)                                                                                 \
	"*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"              \
	":POSTROUTING ACCEPT [0:0]\n:OWN - [0:0]\n:OTHER - [0:0]\n" rules "COMMIT\n"
#define CHAIN(rules) NAT("-A POSTROUTING -j OWN\n" rules)
#define TABLE(priority, rule)                                                                      \
	"table ip other {\n\tchain post {\n\t\ttype nat hook postrouting priority " priority       \
	"; policy accept;\n\t\t" rule "\n\t}\n}\n"

static const struct shape {
	const char *name, *rules, *check, *expected;
} shapes[] = {
	{ "Docker", NAT("-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE\n"),
		"nat-source", "broken nat-source.POSTROUTING-1: guard return mark" },
	{ "Docker with host_ipv4",
		NAT("-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j SNAT --to-source 198.18.0.1\n"),
		"nat-source", "broken nat-source.POSTROUTING-1: guard return" },
	{ "Docker's hairpin",
		NAT("-A POSTROUTING -s 172.17.0.2/32 -d 172.17.0.2/32 -p tcp -m tcp --dport 80 -j MASQUERADE\n"),
		"nat-source", "-" },
	{ "Docker's of the host itself",
		NAT("-A POSTROUTING -o docker0 -m addrtype --src-type LOCAL -j MASQUERADE\n"),
		"nat-source", "-" },
	{ "libvirt",
		CHAIN("-A OWN -s 172.17.0.0/24 -d 224.0.0.0/24 -j RETURN\n"
		      "-A OWN -s 172.17.0.0/24 ! -d 172.17.0.0/24 -p tcp -j MASQUERADE --to-ports 1024-65535\n"
		      "-A OWN -s 172.17.0.0/24 ! -d 172.17.0.0/24 -j MASQUERADE\n"),
		"nat-source", "broken nat-source.OWN-2: guard return" },
	{ "libvirt with dev",
		CHAIN("-A OWN -s 172.17.0.0/24 ! -d 172.17.0.0/24 -o eth0 -p tcp -j MASQUERADE --to-ports 1024-65535\n"),
		"nat-source", "-" },
	{ "netavark, CNI",
		NAT("-A POSTROUTING -s 172.17.0.0/16 -j OWN\n-A OWN -d 172.17.0.0/16 -j ACCEPT\n"
		    "-A OWN ! -d 224.0.0.0/4 -j MASQUERADE\n"),
		"nat-source", "broken nat-source.OWN-2: guard return" },
	{ "CNI, of one address",
		NAT("-A POSTROUTING -s 172.17.0.11/32 -j OWN\n-A OWN -d 172.17.0.0/16 -j ACCEPT\n"
		    "-A OWN ! -d 224.0.0.0/4 -j MASQUERADE\n"),
		"nat-source", "broken nat-source.OWN-2: guard return" },
	/* and what others send to the machine is hit by the third */
	{ "flannel",
		CHAIN("-A OWN -s 172.17.0.0/16 -d 172.17.0.0/16 -j RETURN\n"
		      "-A OWN -s 172.17.0.0/16 ! -d 224.0.0.0/4 -j MASQUERADE\n"
		      "-A OWN ! -s 172.17.0.0/16 -d 172.17.0.0/16 -j MASQUERADE\n"),
		"nat-source",
		"broken nat-source.OWN-2: guard return; broken nat-source.OWN-3: guard return" },
	{ "flannel, by destination",
		NAT("-A POSTROUTING ! -s 10.244.0.0/16 -d 172.17.0.0/16 -j MASQUERADE\n"),
		"nat-source", "broken nat-source.POSTROUTING-1: guard return" },
	{ "LXD",
		NAT("-A POSTROUTING -s 172.17.0.0/24 ! -d 172.17.0.0/24 -m comment "
		    "--comment \"generated for LXD network lxdbr0\" -j MASQUERADE\n"),
		"nat-source", "broken nat-source.POSTROUTING-1: guard return" },
	{ "kube-proxy's mark",
		CHAIN("-A OWN -m mark ! --mark 0x4000/0x4000 -j RETURN\n"
		      "-A OWN -j MARK --set-xmark 0x4000/0x0\n-A OWN -j MASQUERADE\n"),
		"nat-source", "-" },
	{ "of a how-to for WireGuard", NAT("-A POSTROUTING -s 172.17.0.0/24 -j MASQUERADE\n"),
		"nat-source", "broken nat-source.POSTROUTING-1: guard return" },
	{ "of a how-to for routers", NAT("-A POSTROUTING -o eth0 -j MASQUERADE\n"), "nat-source",
		"-" },
	{ "all", NAT("-A POSTROUTING -j MASQUERADE\n"), "nat-source",
		"broken nat-source.POSTROUTING-1: guard return" },
	{ "all but lo", NAT("-A POSTROUTING ! -o lo -j MASQUERADE\n"), "nat-source",
		"broken nat-source.POSTROUTING-1: guard return" },
	/* the host has 172.17.0.1, which was not what the machine sent to */
	{ "Docker's published port",
		NAT("-A PREROUTING -m addrtype --dst-type LOCAL -j OWN\n"
		    "-A OWN ! -i docker0 -p tcp -m tcp --dport 7000 -j DNAT --to-destination 198.18.0.2:7000\n"),
		"nat-destination", "risk nat-destination.OWN-1: guard return" },
	{ "node port",
		NAT("-A PREROUTING -p tcp -m tcp --dport 7000 -j DNAT --to-destination 198.18.0.2:7000\n"),
		"nat-destination", "broken nat-destination.PREROUTING-1: guard return" },
	/* whoever talks to that address */
	{ "external address",
		NAT("-A PREROUTING -d 198.51.100.1/32 -p tcp -m tcp --dport 7000 -j DNAT --to-destination 198.18.0.2:7000\n"),
		"nat-destination", "risk nat-destination.PREROUTING-1: guard return" },
	/* the bridge has no address to send them to: they are lost */
	{ "transparent proxy",
		NAT("-A PREROUTING -p tcp -m tcp --dport 7000 -j REDIRECT --to-ports 3129\n"),
		"dnat-unroutable", "broken dnat-unroutable.PREROUTING-1: guard" },
	{ "Docker 29 (nft)",
		TABLE("srcnat",
			"iifname \"docker0\" oifname != \"docker0\" ip saddr 172.17.0.0/16 masquerade"),
		"nat-source", "-" },
	{ "nft, not in by lo",
		TABLE("srcnat", "iifname != \"lo\" ip saddr 172.17.0.0/16 masquerade"),
		"nat-source", "broken nat-source.ip-other-post-1: guard" },
	{ "libvirt, Incus (nft)",
		TABLE("srcnat", "ip saddr 172.17.0.0/24 ip daddr != 172.17.0.0/24 masquerade"),
		"nat-source", "broken nat-source.ip-other-post-1: guard" },
	{ "firewalld's zone", TABLE("srcnat + 10", "oifname != \"lo\" masquerade"), "nat-source",
		"broken nat-source.ip-other-post-1: guard" },
	/* in front of the guard as it was then, at 99; today it is at -199, and nothing can be before it */
	{ "nft at 90", TABLE("90", "ip saddr 172.17.0.0/16 masquerade"), "nat-source",
		"broken nat-source.ip-other-post-1: guard" },
};

static void the_shape_is_told_as_it_was_measured(void **state)
{
	const struct shape *shape = *state;
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = sick_host(arena, NULL);

	if (strncmp(shape->rules, "table", 5) == 0)
		build_nft(b, 0, shape->rules);
	else
		build_iptables(b, 0, shape->rules);
	assert_diagnosis(b, shape->check, shape->expected);
}

/* All NAT rules are asked in the order of their priorities: what is at the guard's own may be in front of it. */
static void the_guard_is_not_offered_where_it_would_not_be_first(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = sick_host(arena, NULL);

	(void)state;
	build_nft(b, 0, TABLE("-199", "ip saddr 172.17.0.0/16 masquerade"));
	assert_diagnosis(b, "nat-source", "broken nat-source.ip-other-post-1:");
}

int main(void)
{
	struct CMUnitTest tests[N_OF(shapes) + 1] = {
		cmocka_unit_test(the_guard_is_not_offered_where_it_would_not_be_first),
	};

	for (size_t i = 0; i < N_OF(shapes); i++)
		tests[i + 1] = (struct CMUnitTest){ .name = shapes[i].name,
			.test_func = the_shape_is_told_as_it_was_measured,
			.initial_state = (void *)&shapes[i] };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
