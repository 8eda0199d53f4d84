// SPDX-License-Identifier: GPL-2.0-or-later
/* Which bridges the guard is for, how its table is written, and what of a table that is there is it. */
#include "unit.h"

#include <string.h>

#include "compile/guard.h"
#include "hostbuild.h"

#define MAC "02:00:00:00:00:01"

static struct link *build_bridge(
	struct host_build *b, const char *name, const char *kind, const char *port)
{
	struct link *bridge = build_link(b, 0, "bridge", name);

	if (port) {
		build_link(b, 0, kind, port);
		build_port(b, name, port);
	}
	return bridge;
}

static void print_bridges(struct text *out, const struct guard *guard)
{
	for (size_t i = 0; i < guard->n_bridges; i++) {
		text_addf(out, "%s%s", i ? " " : "", guard->bridges[i].name);
		if (guard->bridges[i].has_address) {
			text_add(out, "=");
			mac_print(out, guard->bridges[i].mac);
		}
	}
}

static void bridges_of_vms_are_guarded_and_those_of_containers_are_not(void **state)
{
	static const char *const bare[] = { "docker0", "docker_gwbridge", "br-0123456789ab",
		"podman1", "cni0", "cni-podman0", "lxdbr0", "incusbr3", "lxcbr0", "virbr0",
		"kube-bridge" };
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct text told CLEANUP(text_done) = TEXT_INIT;
	struct host_build *b = host_build_new(arena);
	struct guard guard;
	struct mac mac;

	(void)state;
	assert_true(mac_parse(MAC, &mac));
	build_bridge(b, "qbr0", NULL, NULL);
	build_bridge(b, "brq1", "veth", "eth0v");
	build_bridge(b, "br-0123456789a", "tun", "tun-vm0");
	build_bridge(b, "own", "veth", "tap1-x");
	build_bridge(b, "vms", "tun", "vnet5");
	build_bridge(b, "cts", "veth", "veth12ab");
	build_bridge(b, "virbr7", "tun", "vnet6"); /* no NAT without an address */
	build_bridge(b, "has\"quote", "tun", "tap9");
	build_bridge(b, "br0", "tun", "tap2")->mac = mac;
	build_address(b, "br0", "10.0.0.1/24");
	build_bridge(b, "trunk", "tun", "tap3")->mac = mac;
	build_link(b, 0, "vlan", "trunk.5")->lower_index = built_link(b, "trunk", NULL)->index;
	build_address(b, "trunk.5", "10.0.5.1/24");
	for (size_t i = 0; i < N_OF(bare); i++) {
		build_bridge(b, bare[i], "tun", arena_printf(arena, "tap-%zu", i));
		build_address(b, bare[i], arena_printf(arena, "10.1.%zu.1/24", i));
	}
	guard_of_netns(arena, &host_built(b)->netns[0], &guard);
	print_bridges(&told, &guard);
	assert_string_equal(
		told.data, "br-0123456789a br0=" MAC " brq1 own qbr0 trunk=" MAC " virbr7 vms");
}

static void the_table_is_written_as_nft_lists_it(void **state)
{
	struct guard_bridge bridges[3] = { { .name = "br0", .has_address = true },
		{ .name = "qbr1" }, { .name = "qbr2" } };
	struct text out CLEANUP(text_done) = TEXT_INIT;

	(void)state;
	assert_true(mac_parse(MAC, &bridges[0].mac));
	guard_print(&out, &(struct guard){ bridges, 3 }, true);
	assert_string_equal(out.data,
		"table inet portwall-guard {\n"
		"\tflags owner\n"
		"\n"
		"\tset bridges {\n"
		"\t\ttype ifname\n"
		"\t\telements = { \"qbr1\",\n"
		"\t\t\t     \"qbr2\" }\n"
		"\t}\n"
		"\n"
		"\tset addressed {\n"
		"\t\ttype ifname\n"
		"\t\telements = { \"br0\" }\n"
		"\t}\n"
		"\n"
		"\tset macs {\n"
		"\t\ttype ifname . ether_addr\n"
		"\t\telements = { \"br0\" . " MAC " }\n"
		"\t}\n"
		"\n"
		"\tchain prerouting {\n"
		"\t\ttype nat hook prerouting priority -199; policy accept;\n"
		"\t\tiifname @bridges dnat ip to ip daddr\n"
		"\t\tiifname @bridges dnat ip6 to ip6 daddr\n"
		"\t\tiifname @addressed iifname . ether daddr != @macs dnat ip to ip daddr\n"
		"\t\tiifname @addressed iifname . ether daddr != @macs dnat ip6 to ip6 daddr\n"
		"\t}\n"
		"\n"
		"\tchain postrouting {\n"
		"\t\ttype nat hook postrouting priority -199; policy accept;\n"
		"\t\toifname @bridges snat ip to ip saddr\n"
		"\t\toifname @bridges snat ip6 to ip6 saddr\n"
		"\t\toifname @addressed iif 0 fib saddr type != local snat ip to ip saddr\n"
		"\t\toifname @addressed iif 0 fib saddr type != local snat ip6 to ip6 saddr\n"
		"\t}\n"
		"}\n");
}

/* text with one part of it replaced */
static const char *with(
	struct arena *arena, const char *text, const char *part, const char *instead)
{
	const char *at = strstr(text, part);

	assert_non_null(at);
	return arena_printf(arena, "%.*s%s%s", (int)(at - text), text, instead, at + strlen(part));
}

static bool find(struct arena *arena, const char *text, struct guard *ret, bool *ret_is_whole,
	bool *ret_is_owned)
{
	struct host_build *b = host_build_new(arena);
	const struct netns *ns;

	build_nft(b, 0, text);
	ns = &host_built(b)->netns[0];
	*ret_is_owned = guard_is_owned(ns);
	return guard_find(arena, ns, ret, ret_is_whole);
}

static void what_is_there_is_whole_only_if_every_rule_is(void **state)
{
	static const struct {
		const char *part, *instead;
		bool is_whole, is_owned;
		size_t n_bridges;
	} cases[] = {
		{ "", "", true, false, 3 },
		{ "{\n\tset bridges", "{ # progname portwall\n\tflags owner\n\n\tset bridges", true,
			true, 3 },
		{ "{\n\tset bridges", "{\n\tflags dormant\n\n\tset bridges", false, false, 3 },
		{ "\"qbr1\",\n\t\t\t     \"qbr2\"", "\"qbr2\",\n\t\t\t     \"qbr1\"", true, false,
			3 },
		{ "\"qbr1\",\n", "\"qbr0\",\n\t\t\t     \"qbr1\",\n", true, false, 4 },
		{ "\t\toifname @bridges snat ip to ip saddr\n", "", false, false, 3 },
		{ "snat ip6 to ip6 saddr", "accept", false, false, 3 },
		{ "priority -199; policy accept;\n\t\toif",
			"priority -198; policy accept;\n\t\toif", false, false, 3 },
		{ "\t\telements = { \"br0\" . " MAC " }\n", "", false, false, 3 },
		{ "\t\telements = { \"br0\" }\n", "", false, false, 2 },
		{ "\"qbr2\" }", "\"qbr*\" }", false, false, 2 },
		{ "\tset macs {", "\tset other {", false, false, 3 },
		{ "\n\tchain postrouting", "\n\tchain more {\n\t}\n\n\tchain postrouting", false,
			false, 3 },
	};
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct guard_bridge bridges[3] = { { .name = "br0", .has_address = true },
		{ .name = "qbr1" }, { .name = "qbr2" } };
	struct text out CLEANUP(text_done) = TEXT_INIT;
	struct guard guard = { bridges, 3 }, found;
	bool is_whole, is_owned;

	(void)state;
	assert_true(mac_parse(MAC, &bridges[0].mac));
	guard_print(&out, &guard, false);
	assert_false(find(arena, "table inet other {\n}\n", &found, &is_whole, &is_owned));
	assert_false(find(arena, "table ip portwall-guard {\n}\n", &found, &is_whole, &is_owned));
	for (size_t i = 0; i < N_OF(cases); i++) {
		const char *text = with(arena, out.data, cases[i].part, cases[i].instead);

		assert_true(find(arena, text, &found, &is_whole, &is_owned));
		if (is_whole != cases[i].is_whole || is_owned != cases[i].is_owned ||
			found.n_bridges != cases[i].n_bridges)
			fail_msg("%s: %zu bridges, %d %d", cases[i].instead, found.n_bridges,
				is_whole, is_owned);
		if (is_whole && found.n_bridges == 3)
			assert_true(guard_equal(&found, &guard));
	}
	bridges[0].mac.bytes[5] = 9;
	assert_true(find(arena, out.data, &found, &is_whole, &is_owned));
	assert_false(guard_equal(&found, &guard));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bridges_of_vms_are_guarded_and_those_of_containers_are_not),
		cmocka_unit_test(the_table_is_written_as_nft_lists_it),
		cmocka_unit_test(what_is_there_is_whole_only_if_every_rule_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
