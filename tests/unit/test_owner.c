// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <string.h>

#include "ruleset/owner.h"

/* Tables as text, and who owns the first rule of the chain (or, without a rule, its policy). */
static const struct row {
	const char *text;
	const char *chain, *owner, *evidence;
} rows[] = {
	{ "*nat\n:POSTROUTING ACCEPT [0:0]\n"
	  "-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE\nCOMMIT\n",
		"POSTROUTING", "Docker", "the interface docker0 is Docker's" },
	{ "*nat\n:POSTROUTING ACCEPT [0:0]\n"
	  "-A POSTROUTING -s 172.18.0.0/16 ! -o br-0123456789ab -j MASQUERADE\nCOMMIT\n",
		"POSTROUTING", "Docker", "br-0123456789ab" },
	{ "*nat\n:POSTROUTING ACCEPT [0:0]\n"
	  "-A POSTROUTING -s 172.18.0.0/16 ! -o br-int -j MASQUERADE\nCOMMIT\n",
		"POSTROUTING", "nobody known", "by hand" },
	{ "*filter\n:FORWARD ACCEPT [0:0]\n:DOCKER-USER - [0:0]\n-A FORWARD -j DOCKER-USER\nCOMMIT\n",
		"FORWARD", "Docker", "that it calls, DOCKER-USER" },
	{ "*filter\n:FORWARD ACCEPT [0:0]\n:DOCKER-USER - [0:0]\n-A DOCKER-USER -j DROP\nCOMMIT\n",
		"DOCKER-USER", "Docker", "the chain DOCKER-USER is Docker's" },
	{ "*filter\n:FORWARD DROP [0:0]\nCOMMIT\n", "FORWARD", "nobody known", "by hand" },
	{ "*filter\n:FORWARD ACCEPT [0:0]\n:neutron-openvswi-sg-fallback - [0:0]\n"
	  "-A neutron-openvswi-sg-fallback -j DROP\nCOMMIT\n",
		"neutron-openvswi-sg-fallback", "Neutron", "sg-fallback" },
	{ "*filter\n:neutron-openvswi-owner - [0:0]\n:neutron-openvswi-sg-fallback - [0:0]\n"
	  "-A neutron-openvswi-owner -m comment --comment \"portwall 0.1.0\"\n"
	  "-A neutron-openvswi-sg-fallback -j DROP\nCOMMIT\n",
		"neutron-openvswi-sg-fallback", "portwall", "sg-fallback" },
	{ "*filter\n:mine-owner - [0:0]\n:mine-sg-fallback - [0:0]\n"
	  "-A mine-owner -m comment --comment \"portwall 0.1.0\"\n"
	  "-A mine-sg-fallback -j DROP\nCOMMIT\n",
		"mine-sg-fallback", "portwall", "sg-fallback" },
	{ "*filter\n:neutron-openvswi-owner - [0:0]\n:neutron-linuxbri-sg-fallback - [0:0]\n"
	  "-A neutron-openvswi-owner -m comment --comment \"portwall 0.1.0\"\n"
	  "-A neutron-linuxbri-sg-fallback -j DROP\nCOMMIT\n",
		"neutron-linuxbri-sg-fallback", "Neutron", "sg-fallback" },
	{ "*filter\n:INPUT DROP [0:0]\n:ufw-before-input - [0:0]\n-A INPUT -j ufw-before-input\nCOMMIT\n",
		"INPUT", "ufw", "ufw-before-input" },
	{ "*filter\n:FORWARD ACCEPT [0:0]\n"
	  "-A FORWARD -m comment --comment \"cali:wUHhoiAYhphO9Mso\" -j ACCEPT\nCOMMIT\n",
		"FORWARD", "Calico", "cali:wUHhoiAYhphO9Mso" },
	{ "*filter\n:INPUT ACCEPT [0:0]\n:shorewall - [0:0]\n:net-fw - [0:0]\n-A net-fw -j DROP\nCOMMIT\n",
		"net-fw", "Shorewall", "has the chain shorewall" },
	{ "*filter\n:INPUT ACCEPT [0:0]\n:INPUT_direct - [0:0]\n:IN_public - [0:0]\n"
	  "-A IN_public -j DROP\nCOMMIT\n",
		"IN_public", "firewalld", "INPUT_direct" },
	{ "*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -o virbr0 -j ACCEPT\nCOMMIT\n", "FORWARD",
		"libvirt", "virbr0" },
	{ "*filter\n:INPUT ACCEPT [0:0]\n:KUBE-FIREWALL - [0:0]\n-A INPUT -j KUBE-FIREWALL\nCOMMIT\n",
		"INPUT", "kube-proxy", "KUBE-FIREWALL" },
	{ "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\nCOMMIT\n",
		"INPUT", "nobody known", "by hand" },
};

static void names_and_shapes_tell_whose_a_rule_is(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_OF(rows); i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct ruleset *rs = ruleset_new(arena);
		const struct chain *chain;
		struct owner owner;
		struct err err;

		if (!ruleset_parse_iptables(arena, rs, FAMILY_IPV4, "test", rows[i].text, &err))
			fail_msg("row %zu: %s", i, err.text);
		chain = table_chain(&rs->tables[0], rows[i].chain);
		owner = owner_of_rule(
			arena, &rs->tables[0], chain, chain->n_rules ? &chain->rules[0] : NULL);
		if (strcmp(owner.name, rows[i].owner) != 0 ||
			!strstr(owner.evidence, rows[i].evidence))
			fail_msg("row %zu: %s (%s)", i, owner.name, owner.evidence);
		assert_int_equal(owner.is_known, strcmp(owner.name, "nobody known") != 0);
	}
}

static void a_table_of_nft_is_known_by_its_name(void **state)
{
	static const struct {
		const char *table, *owner;
	} names[] = { { "docker-bridges", "Docker" }, { "firewalld", "firewalld" },
		{ "libvirt_network", "libvirt" }, { "portwall", "portwall" },
		{ "portwall-guard", "portwall" }, { "f2b-table", "fail2ban" },
		{ "filter", "nobody known" } };
	struct arena *arena CLEANUP(arena_freep) = arena_new();

	(void)state;
	for (size_t i = 0; i < N_OF(names); i++) {
		struct table table = {
			.source = SOURCE_NFT, .family = FAMILY_INET, .name = names[i].table
		};
		const struct chain chain = { .name = "input", .is_base = true };

		assert_string_equal(
			owner_of_rule(arena, &table, &chain, NULL).name, names[i].owner);
		/* a table of iptables may be called anything */
		table.source = SOURCE_IPTABLES;
		assert_string_equal(
			owner_of_rule(arena, &table, &chain, NULL).name, "nobody known");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_and_shapes_tell_whose_a_rule_is),
		cmocka_unit_test(a_table_of_nft_is_known_by_its_name),
	};

	return cmocka_run_group_tests_name("owner", tests, NULL, NULL);
}
