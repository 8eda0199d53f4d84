// SPDX-License-Identifier: GPL-2.0-or-later
/* Folders that sos might have written: what they leave out is unread. */
#include "unit.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "host/file.h"
#include "host/host.h"

#define LINK_LINES(port_flags)                                                                      \
	"2: br0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default\n" \
	"    link/ether 02:00:00:00:00:b0 brd ff:ff:ff:ff:ff:ff promiscuity 0\n"                    \
	"    bridge forward_delay 1500 stp_state 0 vlan_filtering 1 mcast_snooping 0 "              \
	"nf_call_iptables 0 nf_call_ip6tables 0 nf_call_arptables 0\n"                              \
	"3: tap1: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 master br0 state UP group default\n"   \
	"    link/ether 02:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff promiscuity 1\n"                    \
	"    tun type tap\n"                                                                        \
	"    bridge_slave state forwarding hairpin off learning on flood on proxy_arp off "         \
	"mcast_flood on " port_flags "\n"

#define NEW_FLAGS "bcast_flood on neigh_suppress off isolated on locked off"

struct file {
	const char *path, *text;
};

static const struct host *load(struct arena *arena, const struct file *files, size_t n)
{
	char *folder = arena_strdup(arena, "/tmp/test_sosreport.XXXXXX");
	const struct host *host = NULL;
	struct err err = { 0 };

	assert_non_null(mkdtemp(folder));
	assert_int_equal(system(arena_printf(arena,
				 "cd %s && mkdir -p sos_commands/networking/namespaces/blue "
				 "sos_commands/kernel sos_commands/firewall_tables",
				 folder)),
		0);
	for (size_t i = 0; i < n; i++) {
		FILE *file = fopen(
			arena_printf(arena, "%s/sos_commands/%s", folder, files[i].path), "we");

		assert_non_null(file);
		assert_true(fputs(files[i].text, file) >= 0);
		assert_int_equal(fclose(file), 0);
	}
	if (!host_load(arena, (const char *const[]){ folder }, 1, &host, &err))
		fail_msg("%s", err.text);
	assert_int_equal(system(arena_printf(arena, "rm -r %s", folder)), 0);
	return host;
}

#define LOAD(arena, ...)                                                                           \
	load(arena, (const struct file[]){ __VA_ARGS__ },                                          \
		sizeof((const struct file[]){ __VA_ARGS__ }) / sizeof(struct file))

static bool is_unread(const struct host *host, const char *what)
{
	return netns_is_unread(&host->netns[0], what, NULL);
}

static void flags_that_ip_did_not_print_are_unread(void **state)
{
	static const char *const keys[] = { "links is_isolated", "links is_locked",
		"links has_bcast_flood", "links has_neigh_suppress" };
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	const struct host *new = LOAD(arena, { "networking/ip_-s_-d_link", LINK_LINES(NEW_FLAGS) });
	const struct host *old = LOAD(arena, { "networking/ip_-s_-d_link", LINK_LINES("") });

	(void)state;
	assert_true(netns_link(&new->netns[0], "tap1")->is_isolated);
	assert_false(is_unread(new, "links kind"));
	for (size_t i = 0; i < N_OF(keys); i++) {
		assert_false(is_unread(new, keys[i]));
		assert_true(is_unread(old, keys[i]));
	}
	assert_false(is_unread(old, "links has_mcast_flood"));
	assert_false(is_unread(old, "links"));
}

static void without_details_the_kinds_are_unread(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	const struct host *host = LOAD(
		arena, { "networking/ip_address_show",
			       "2: br0: <BROADCAST,UP,LOWER_UP> mtu 1500 state UP group default\n"
			       "    link/ether 02:00:00:00:00:b0 brd ff:ff:ff:ff:ff:ff\n"
			       "    inet 10.0.0.1/24 scope global br0\n" });

	(void)state;
	assert_true(is_unread(host, "links kind"));
	assert_false(is_unread(host, "links"));
	assert_int_equal(host->netns[0].n_addresses, 1);
}

static void assert_vlans(const struct host *host, const char *name, const char *expected)
{
	const struct link *link = netns_link(&host->netns[0], name);
	struct text text CLEANUP(text_done) = TEXT_INIT;

	for (size_t i = 0; i < link->n_vlans; i++)
		text_addf(&text, "%s%u%s%s", i ? " " : "", link->vlans[i].id,
			link->vlans[i].is_pvid ? "p" : "", link->vlans[i].is_untagged ? "u" : "");
	assert_string_equal(text.data, expected);
}

static void vlans_of_ports_are_read_in_all_forms_or_unread(void **state)
{
	static const char *const forms[] = {
		"port              vlan-id  \n"
		"br0               1 PVID Egress Untagged\n"
		"                    state forwarding mcast_router 1\n"
		"tap1              1 Egress Untagged\n"
		"                  10-12\n"
		"                  20 PVID Egress Untagged\n",
		"port\tvlan ids\nbr0\t 1 PVID Egress Untagged\n\n"
		"tap1\t 1 Egress Untagged\n\t 10\n\t 11\n\t 12\n\t 20 PVID Egress Untagged\n\n",
	};
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	const struct host *host;

	(void)state;
	for (size_t i = 0; i < N_OF(forms); i++) {
		host = LOAD(arena, { "networking/ip_-s_-d_link", LINK_LINES(NEW_FLAGS) },
			{ "networking/bridge_-d_vlan_show", forms[i] });
		assert_false(is_unread(host, "links vlans"));
		assert_vlans(host, "br0", "1pu");
		assert_vlans(host, "tap1", "1u 10 11 12 20pu");
	}
	host = LOAD(arena, { "networking/ip_-s_-d_link", LINK_LINES(NEW_FLAGS) });
	assert_true(is_unread(host, "links vlans"));
	host = LOAD(arena, { "networking/ip_-s_-d_link", LINK_LINES(NEW_FLAGS) },
		{ "networking/bridge_-d_vlan_show", "tap1  4096 PVID\n" });
	assert_true(is_unread(host, "links vlans"));
	host = LOAD(arena, { "networking/ip_-s_-d_link", LINK_LINES(NEW_FLAGS) },
		{ "networking/bridge_-d_vlan_show", "tap7  5\n" });
	assert_true(is_unread(host, "links vlans"));
}

#define SAVE(header)                                                                               \
	"# Generated by iptables-save " header                                                     \
	" on Wed\n*filter\n:FORWARD ACCEPT [0:0]\n:x - [0:0]\nCOMMIT\n"

static const char nft_same[] = "table ip filter {\n\tchain FORWARD {\n\t}\n\tchain x {\n\t}\n}\n";
static const char nft_other[] = "table ip filter {\n\tchain FORWARD {\n\t}\n}\n";

/* Of both variants: "r" read, "u" unread, "-" neither. */
static void assert_variants(const struct host *host, const char *expected, size_t i_case)
{
	static const char *const tools[] = { "iptables-nft", "iptables-legacy", "nft" };
	char found[4] = "---";

	for (size_t t = 0; t < N_OF(tools); t++) {
		for (size_t i = 0; i < host->netns[0].n_texts; i++)
			if (!strcmp(host->netns[0].texts[i].tool, tools[t]))
				found[t] = 'r';
		if (is_unread(host, tools[t]))
			found[t] = 'u';
	}
	if (strcmp(found, expected) != 0)
		fail_msg("case %zu: %s, not %s", i_case, found, expected);
}

static void which_iptables_printed_a_save_is_told_by_its_first_line(void **state)
{
	static const struct {
		const char *save, *nft, *lsmod, *expected;
	} cases[] = {
		{ SAVE("v1.8.9 (nf_tables)"), NULL, NULL, "ruu" },
		{ SAVE("v1.8.9 (nf_tables)"), nft_same, NULL, "rur" },
		/* no module of legacy: it has no table */
		{ SAVE("v1.8.9 (nf_tables)"), nft_same, "nf_tables 1 2\n", "r-r" },
		{ SAVE("v1.8.9"), nft_other, "iptable_filter 1 2\n", "-rr" },
		{ SAVE("v1.8.9"), NULL, "iptable_filter 1 2\n", "-r-" },
		{ SAVE("v1.4.21"), NULL, NULL, "-ru" },
		/* it is not told: nft has a table like it, or none */
		{ SAVE("v1.8.4"), nft_same, NULL, "rur" },
		{ SAVE("v1.8.4"), nft_other, NULL, "urr" },
		{ SAVE("v1.8.4"), nft_same, "nf_tables 1 2\n", "r-r" },
		/* nft lists what iptables-nft made */
		{ NULL, nft_same, "nf_tables 1 2\n", "--r" },
		{ NULL, nft_same, NULL, "-ur" },
		{ NULL, NULL, NULL, "uuu" },
		{ NULL, NULL, "bridge 1 2\n", "---" },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(cases); i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct file files[3];
		size_t n = 0;

		if (cases[i].save)
			files[n++] = (struct file){ "networking/iptables-save", cases[i].save };
		if (cases[i].nft)
			files[n++] =
				(struct file){ "firewall_tables/nft_list_ruleset", cases[i].nft };
		if (cases[i].lsmod)
			files[n++] = (struct file){ "kernel/lsmod", cases[i].lsmod };
		assert_variants(load(arena, files, n), cases[i].expected, i);
	}
}

static void a_namespace_has_a_folder_of_its_own(void **state)
{
#define BLUE "networking/namespaces/blue/ip_netns_exec_blue_"
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	const struct host *host = LOAD(arena,
		{ BLUE "ip_-d_address_show",
			"2: eth0@if7: <BROADCAST,UP,LOWER_UP> mtu 1500 state UP group default\n"
			"    link/ether 02:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff promiscuity 0\n"
			"    veth numtxqueues 1\n"
			"    inet 10.0.0.1/24 scope global eth0\n" },
		{ BLUE "ip_-4_rule_list", "0:\tfrom all lookup local\n" },
		{ BLUE "sysctl_-a", "net.ipv4.ip_forward = 1\n" });
	const struct netns *blue = &host->netns[1];

	(void)state;
	assert_int_equal(host->n_netns, 2);
	assert_string_equal(blue->name, "blue");
	assert_string_equal(netns_link(blue, "eth0")->kind, "veth");
	assert_int_equal(blue->n_rules, 1);
	assert_string_equal(netns_sysctl(blue, "net.ipv4.ip_forward"), "1");
	assert_false(netns_is_unread(blue, "links kind", NULL));
	assert_true(netns_is_unread(blue, "neighbours", NULL));
	/* those of the host are not its own */
	assert_true(netns_is_unread(&host->netns[0], "sysctls", NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flags_that_ip_did_not_print_are_unread),
		cmocka_unit_test(without_details_the_kinds_are_unread),
		cmocka_unit_test(vlans_of_ports_are_read_in_all_forms_or_unread),
		cmocka_unit_test(which_iptables_printed_a_save_is_told_by_its_first_line),
		cmocka_unit_test(a_namespace_has_a_folder_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
