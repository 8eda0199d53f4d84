// SPDX-License-Identifier: GPL-2.0-or-later
#include "compile_bench.h"

#include <stdlib.h>
#include <string.h>

#include "ruleset_text.h"

static void names_are_cut_as_neutron_cuts_them(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	const struct plan_scope *scope = &compile_default_scope;

	(void)state;
	assert_string_equal(
		compile_chain_name(arena, scope, 'i', "f58f85ec-95b2-583f-b6a5-449afb1e7592"),
		"neutron-openvswi-if58f85ec-9");
	assert_string_equal(
		compile_set_name(arena, scope, FAMILY_IPV4, "599886bb-89ec-54e8-af3b-df8aba27b2ca"),
		"NIPv4599886bb-89ec-54e8-af3b-");
	assert_string_equal(compile_set_name(arena, scope, FAMILY_IPV6, "short"), "NIPv6short");
}

static void a_prefix_makes_a_scope(void **state)
{
	static const struct {
		const char *prefix, *top, *set;
	} good[] = {
		{ "neutron-openvswi-", "neutron-filter-top", "N" },
		{ "neutron-linuxbri-", "neutron-filter-top", "N" },
		{ "pw-", "pw-filter-top", "P" },
		{ "abcdefghijklmnop-", "abcdefghijklmnop-filter-top", "P" },
		{ "a_1-", "a_1-filter-top", "P" },
	};
	static const char *const bad[] = { "", "-", "pw", "pw_", "pw -", "pw\n-", "-pw-", "p\"-",
		"abcdefghijklmnopq-", "pw+-", "p\xc3\xa4-" };
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct plan_scope scope;

	(void)state;
	for (size_t i = 0; i < N_OF(good); i++) {
		struct err err = { 0 };

		assert_true(compile_scope(arena, good[i].prefix, &scope, &err));
		assert_string_equal(scope.chain_prefix, good[i].prefix);
		assert_string_equal(scope.top_chain, good[i].top);
		assert_string_equal(scope.set_prefix, good[i].set);
		assert_string_equal(scope.l2_table, "portwall");
		assert_true(strlen(scope.top_chain) <= 28);
		assert_true(strlen(compile_chain_name(arena, &scope, 's', ID_A)) <= 28);
	}
	for (size_t i = 0; i < N_OF(bad); i++) {
		struct err err = { 0 };

		assert_false(compile_scope(arena, bad[i], &scope, &err));
		assert_int_equal(err.kind, ERR_INPUT);
	}
}

#define CUT "-m connmark --mark 0x40000000/0x40000000 -j " P "sg-fallback\n"

static void a_host_without_ports_gets_the_skeleton(void **state)
{
	struct bench b;

	(void)state;
	bench_compile(&b, HYBRID, "security_groups: []\nports: []\n");
	for (enum family f = FAMILY_IPV4; f < N_IP_FAMILIES; f++) {
		assert_chain(&b, f, "filter", "INPUT", "-j " P "INPUT\n");
		assert_chain(
			&b, f, "filter", "FORWARD", "-j neutron-filter-top\n-j " P "FORWARD\n");
		assert_chain(&b, f, "filter", "OUTPUT", "-j neutron-filter-top\n-j " P "OUTPUT\n");
		assert_chain(&b, f, "filter", "neutron-filter-top", "-j " P "local\n");
		assert_chain(&b, f, "filter", P "local", "");
		assert_chain(&b, f, "filter", P "INPUT", CUT);
		assert_chain(&b, f, "filter", P "OUTPUT", CUT);
		assert_chain(&b, f, "filter", P "routed", CUT);
		assert_chain(&b, f, "filter", P "sg-chain", CUT "-j ACCEPT\n");
		assert_chain(&b, f, "filter", P "sg-fallback", "-j DROP\n");
		assert_chain(&b, f, "raw", "PREROUTING", "-j " P "PREROUTING\n");
		assert_chain(&b, f, "raw", "OUTPUT", "-j " P "OUTPUT\n");
		assert_chain(&b, f, "raw", P "PREROUTING", "");
	}
	assert_int_equal(b.rs->n_sets, 0);
	arena_free(b.arena);
}

static void tables_and_chains_are_sorted_as_the_save_tools_print_them(void **state)
{
	struct bench b;

	(void)state;
	bench_compile(&b, HYBRID, NO_GROUPS PORT_B PORT_A);
	for (size_t t = 1; t < b.rs->n_tables; t++)
		assert_true(b.rs->tables[t - 1].family < b.rs->tables[t].family ||
			    strcmp(b.rs->tables[t - 1].name, b.rs->tables[t].name) < 0);
	for (size_t t = 0; t < b.rs->n_tables; t++) {
		const struct table *table = &b.rs->tables[t];

		for (size_t i = 1; table->family != FAMILY_BRIDGE && i < table->n_chains; i++) {
			const struct chain *x = &table->chains[i - 1], *y = &table->chains[i];

			assert_true(x->is_base || (!y->is_base && strcmp(x->name, y->name) < 0));
		}
		for (size_t i = 0; i < table->n_chains; i++)
			assert_ptr_equal(
				table_chain(table, table->chains[i].name), &table->chains[i]);
	}
	arena_free(b.arena);
}

static void the_order_of_the_plugs_does_not_matter(void **state)
{
	struct text one CLEANUP(text_done) = TEXT_INIT, two CLEANUP(text_done) = TEXT_INIT;
	struct plug first;
	struct bench b;

	(void)state;
	bench_compile(&b, HYBRID, NO_GROUPS PORT_A PORT_B);
	ruleset_text_iptables(&one, b.rs, FAMILY_IPV4);
	ruleset_text_nft(&one, b.rs);
	first = b.plugs[0];
	b.plugs[0] = b.plugs[1];
	b.plugs[1] = first;
	assert_true(bench_try(&b));
	ruleset_text_iptables(&two, b.rs, FAMILY_IPV4);
	ruleset_text_nft(&two, b.rs);
	assert_string_equal(one.data, two.data);
	arena_free(b.arena);
}

static void every_rule_says_why_it_is_there(void **state)
{
	struct bench b;

	(void)state;
	bench_compile(&b, HYBRID,
		ONE_PORT("  - {direction: ingress, protocol: tcp}\n"
			 "  - {direction: egress, ethertype: IPv6}\n"));
	for (size_t t = 0; t < b.rs->n_tables; t++) {
		const struct table *table = &b.rs->tables[t];

		for (size_t i = 0; i < table->n_chains; i++) {
			const struct chain *chain = &table->chains[i];
			char kind = chain->name[strlen(P) < strlen(chain->name) ? strlen(P) : 0];
			bool of_port = strstr(chain->name, A) != NULL;

			for (size_t r = 0; r < chain->n_rules; r++) {
				const struct origin *origin = chain->rules[r].origin;

				assert_non_null(origin);
				assert_non_null(duty_name(origin->duty));
				assert_true(!of_port || origin->port == &b.policy->ports[0]);
				assert_true((origin->duty == DUTY_RULE) == (origin->n_rules > 0));
				if (of_port && table->family != FAMILY_BRIDGE)
					assert_int_equal(origin->direction,
						kind == 'i' ? DIR_INGRESS : DIR_EGRESS);
				if (chain->is_base && table->family != FAMILY_BRIDGE)
					assert_int_equal(origin->duty, DUTY_SKELETON);
			}
		}
	}
	arena_free(b.arena);
}

static void the_chains_of_a_port_ask_in_neutrons_order(void **state)
{
	static const enum duty o[] = { DUTY_ND, DUTY_ND, DUTY_ND, DUTY_ANTI_SPOOF, DUTY_NO_RA,
		DUTY_ND, DUTY_DHCP_CLIENT, DUTY_NO_DHCP_SERVER, DUTY_ESTABLISHED, DUTY_RULE,
		DUTY_INVALID, DUTY_FALLBACK };
	static const enum duty i[] = { DUTY_ND, DUTY_ND, DUTY_ND, DUTY_ESTABLISHED, DUTY_RA_IN,
		DUTY_DHCP_IN, DUTY_DHCP_IN, DUTY_RULE, DUTY_INVALID, DUTY_FALLBACK };
	static const enum duty s[] = { DUTY_ANTI_SPOOF, DUTY_ANTI_SPOOF, DUTY_SPOOF_DROP };
	const struct {
		const char *name;
		const enum duty *duties;
		size_t n;
	} chains[] = { { P "o" A, o, N_OF(o) }, { P "i" A, i, N_OF(i) }, { P "s" A, s, N_OF(s) } };
	struct bench b;

	(void)state;
	bench_compile(&b, HYBRID,
		"security_groups:\n- name: g\n  security_group_rules:\n"
		"  - {direction: egress, ethertype: IPv6}\n  - {direction: ingress, ethertype: IPv6}\n"
		"ports:\n- {id: " ID_A ", device: tapA, mac_address: '02:00:00:00:00:01',\n"
		"   fixed_ips: ['2001:db8::1'], security_groups: [g]}\n");
	for (size_t k = 0; k < N_OF(chains); k++) {
		const struct chain *chain = bench_chain(&b, FAMILY_IPV6, "filter", chains[k].name);

		assert_non_null(chain);
		assert_int_equal(chain->n_rules, chains[k].n);
		for (size_t r = 0; r < chain->n_rules; r++)
			assert_int_equal(chain->rules[r].origin->duty, chains[k].duties[r]);
	}
	arena_free(b.arena);
}

static void unfiltered_and_trusted_ports_are_waved_through_behind_the_filtered(void **state)
{
	struct bench b;

	(void)state;
	bench_compile(&b, HYBRID,
		NO_GROUPS
		"- {id: " ID_A ", device: tapA, mac_address: '02:00:00:00:00:01', "
		"fixed_ips: [10.0.0.1], security_groups: [], port_security_enabled: false}\n"
		"- {id: " ID_C ", device: tapC, mac_address: '02:00:00:00:00:03', "
		"fixed_ips: [10.0.0.3], security_groups: [], device_owner: 'network:dhcp'}\n" PORT_B);
	for (enum family f = FAMILY_IPV4; f < N_IP_FAMILIES; f++) {
		assert_chain(&b, f, "filter", P "FORWARD",
			"-m physdev ! --physdev-is-bridged -g " P "routed\n"
			"-m physdev --physdev-out tapB --physdev-is-bridged -j " P "sg-chain\n"
			"-m physdev --physdev-in tapB --physdev-is-bridged -j " P "sg-chain\n"
			"-m physdev --physdev-out tapC --physdev-is-bridged -j ACCEPT\n"
			"-m physdev --physdev-in tapC --physdev-is-bridged -j ACCEPT\n"
			"-m physdev --physdev-out tapA --physdev-is-bridged -j ACCEPT\n"
			"-m physdev --physdev-in tapA --physdev-is-bridged -j ACCEPT\n");
		assert_chain(&b, f, "filter", P "INPUT",
			CUT "-m physdev --physdev-in tapB -j " P "o" B "\n");
		assert_chain(&b, f, "filter", P "routed",
			CUT "-m physdev --physdev-in tapB -j " P "o" B "\n");
		assert_null(bench_chain(&b, f, "filter", P "i" A));
		assert_null(bench_chain(&b, f, "filter", P "i" C));
	}
	assert_chain(&b, FAMILY_IPV4, "raw", P "PREROUTING",
		"-m physdev --physdev-in qvb" B "2 -j CT --zone 4098\n"
		"-i qvb" B "2 -j CT --zone 4098\n"
		"-m physdev --physdev-in tapB -j CT --zone 4098\n");
	assert_int_equal(
		table_set(ruleset_table(b.rs, FAMILY_BRIDGE, "portwall"), "to-port")->n_elements,
		1);
	arena_free(b.arena);
}

static void what_would_mix_two_ports_is_refused(void **state)
{
	struct policy_port *twin;
	struct bench b;

	(void)state;
	bench_setup(&b, SHARED, NO_GROUPS PORT_A PORT_B);
	twin = arena_new_one(b.arena, struct policy_port);
	*twin = *b.plugs[1].port;
	b.plugs[1].port = twin;
	twin->id = A "999-4000-8000-000000000001";
	assert_false(bench_try(&b));
	assert_non_null(strstr(b.err.text, "the same beginning of the id " A));
	twin->id = ID_B;
	twin->device = "tapA";
	assert_false(bench_try(&b));
	assert_non_null(strstr(b.err.text, "the same device tapA"));
	/* of an unfiltered port there are no chains */
	twin->id = A "999-4000-8000-000000000001";
	twin->device = "tapB";
	twin->port_security = false;
	assert_true(bench_try(&b));
	arena_free(b.arena);
}

static void what_is_no_interface_name_never_gets_into_a_batch(void **state)
{
	static const char *const bad[] = { "", "tap+", "tap*", "a b", "a\nb", "a\"b", "a'b", "a\\b",
		"-tap", "!", "a/b", "sixteen-letters-", "a;b", "a{b", "a:b", "t\xc3\xa4p" };
	struct policy_port *port;
	struct bench b;

	(void)state;
	bench_setup(&b, SHARED, NO_GROUPS PORT_A);
	port = arena_new_one(b.arena, struct policy_port);
	*port = *b.plugs[0].port;
	b.plugs[0].port = port;
	for (size_t i = 0; i < N_OF(bad); i++) {
		port->device = bad[i];
		assert_false(bench_try(&b));
		assert_int_equal(b.err.kind, ERR_INPUT);
		port->device = "tapA";
		b.plugs[0].bridge = bad[i];
		assert_false(bench_try(&b));
		b.plugs[0].bridge = "br0";
		b.plugs[0].hybrid_peer = bad[i];
		assert_false(bench_try(&b));
		b.plugs[0].hybrid_peer = NULL;
	}
	port->device = "fifteen-letters";
	b.plugs[0].bridge = "br-0.1@y_z#";
	assert_true(bench_try(&b));
	arena_free(b.arena);
}

static void another_prefix_names_every_chain_and_set(void **state)
{
	struct bench b;

	(void)state;
	bench_setup(&b, ROUTED,
		ONE_PORT("  - {direction: ingress, remote_group_id: g}\n"
			 "  - {direction: ingress, ethertype: IPv6, remote_group_id: g}\n"));
	assert_true(compile_scope(b.arena, "pw-", &b.options.scope, &b.err));
	assert_true(bench_try(&b));
	for (size_t t = 0; t < b.rs->n_tables; t++)
		for (size_t i = 0; i < b.rs->tables[t].n_chains; i++) {
			const struct chain *chain = &b.rs->tables[t].chains[i];

			if (b.rs->tables[t].family != FAMILY_BRIDGE && !chain->is_base)
				assert_true(text_has_prefix(chain->name, "pw-"));
			for (size_t r = 0; r < chain->n_rules; r++)
				if (chain->rules[r].target.kind == TARGET_JUMP)
					assert_non_null(table_chain(
						&b.rs->tables[t], chain->rules[r].target.chain));
		}
	assert_string_equal(b.rs->sets[0].name, "PIPv499999999-0000-4000-8000-");
	arena_free(b.arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_cut_as_neutron_cuts_them),
		cmocka_unit_test(a_prefix_makes_a_scope),
		cmocka_unit_test(a_host_without_ports_gets_the_skeleton),
		cmocka_unit_test(tables_and_chains_are_sorted_as_the_save_tools_print_them),
		cmocka_unit_test(the_order_of_the_plugs_does_not_matter),
		cmocka_unit_test(every_rule_says_why_it_is_there),
		cmocka_unit_test(the_chains_of_a_port_ask_in_neutrons_order),
		cmocka_unit_test(
			unfiltered_and_trusted_ports_are_waved_through_behind_the_filtered),
		cmocka_unit_test(what_would_mix_two_ports_is_refused),
		cmocka_unit_test(what_is_no_interface_name_never_gets_into_a_batch),
		cmocka_unit_test(another_prefix_names_every_chain_and_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
