// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/policy.h"
#include "policytext.h"

static const struct policy *parse(struct arena *arena, const char *text)
{
	const struct policy *policy = NULL;
	struct err err;

	if (!policy_parse(arena, "test", text, strlen(text), "compute1", &policy, &err))
		fail_msg("%s\n%s", err.text, err.next_step);
	return policy;
}

static struct err refuse(const char *text)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	const struct policy *policy = NULL;
	struct err err = { 0 };

	assert_false(policy_parse(arena, "test", text, strlen(text), "compute1", &policy, &err));
	assert_null(policy);
	return err;
}

static void assert_same(const char *one, const char *other)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct text a CLEANUP(text_done) = TEXT_INIT, b CLEANUP(text_done) = TEXT_INIT;

	policy_text(&a, parse(arena, one), false);
	policy_text(&b, parse(arena, other), false);
	assert_string_equal(a.data, b.data);
}

static void assert_members(const struct prefix_list *list, const char *wanted)
{
	struct text got CLEANUP(text_done) = TEXT_INIT;

	for (size_t i = 0; i < list->n; i++) {
		text_add(&got, i ? " " : "");
		prefix_print_bare(&got, &list->items[i]);
	}
	assert_string_equal(got.data, wanted);
}

static void an_empty_policy_is_a_policy(void **state)
{
	static const char *const empty[] = { "{}", "---\n{}\n...\n", "# nothing\n{}", "ports: []",
		"ports:\nsecurity_groups: ~\naddress_groups: null\n", "\xef\xbb\xbf{}" };

	(void)state;
	for (size_t i = 0; i < N_OF(empty); i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		const struct policy *policy = parse(arena, empty[i]);

		assert_int_equal(policy->n_groups + policy->n_ports + policy->n_address_groups, 0);
	}
}

static void json_is_yaml(void **state)
{
	(void)state;
	assert_same("security_groups:\n"
		    "- name: web\n"
		    "  description: |-\n"
		    "    café/1\n"
		    "  security_group_rules:\n"
		    "  - direction: ingress\n"
		    "    protocol: tcp\n"
		    "    port_range_min: 80\n"
		    "    port_range_max: 80\n"
		    "  - {direction: egress, ethertype: IPv6}\n"
		    "ports:\n"
		    "- name: vm1\n"
		    "  mac_address: fa:16:3e:00:00:01\n"
		    "  fixed_ips: [10.0.0.5]\n"
		    "  security_groups: [web]\n"
		    "  port_security_enabled: yes\n",
		"{\"security_groups\":[{\"name\":\"web\",\"description\":\"caf\\u00e9\\/1\",\t"
		"\"security_group_rules\":[\n\t{\"direction\":\"ingress\",\"protocol\":\"tcp\","
		"\"port_range_min\":80,\"port_range_max\":80,\"remote_ip_prefix\":null},\n\t"
		"{\"direction\":\"egress\",\"ethertype\":\"IPv6\"}]}],\n"
		"\"ports\":[{\"name\":\"vm1\",\"mac_address\":\"FA:16:3E:00:00:01\","
		"\"fixed_ips\":[{\"ip_address\":\"10.0.0.5\",\"subnet_id\":\"x\"}],"
		"\"security_groups\":[\"web\"],\"port_security_enabled\":true}]}\n");
}

static void the_same_is_said_in_several_ways(void **state)
{
	static const char rule[] = "security_groups: [{name: a, security_group_rules: [{%s}]}]";
	static const char *const same[][2] = {
		{ "direction: ingress", "direction: Ingress, ethertype: ipv4, protocol: any" },
		{ "direction: ingress, protocol: 6", "direction: ingress, protocol: TCP" },
		{ "direction: ingress, protocol: 4", "direction: ingress, protocol: ipip" },
		{ "direction: ingress, ethertype: IPv6, protocol: 1",
			"direction: ingress, ethertype: IPv6, protocol: ipv6-icmp" },
		{ "direction: ingress, protocol: tcp",
			"direction: ingress, protocol: tcp, port_range_min: 1, "
			"port_range_max: 65535" },
		{ "direction: ingress, protocol: icmp, icmp_type: 8, icmp_code: 0",
			"direction: ingress, protocol: icmp, port_range_min: 8, port_range_max: "
			"'0'" },
		{ "direction: ingress, remote_group: a", "direction: ingress, remote_group_id: a" },
		{ "direction: ingress, remote_ip_prefix: 192.0.2.0",
			"direction: ingress, remote_ip_prefix: 192.0.2.0/32, "
			"normalized_cidr: 192.0.2.0/32, security_group_id: x, revision_number: 0" },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(same); i++) {
		struct text a CLEANUP(text_done) = TEXT_INIT, b CLEANUP(text_done) = TEXT_INIT;

		text_addf(&a, rule, same[i][0]);
		text_addf(&b, rule, same[i][1]);
		assert_same(a.data, b.data);
	}
}

static void aliases_repeat_what_stands_elsewhere(void **state)
{
	(void)state;
	assert_same("security_groups:\n"
		    "- name: a\n"
		    "  security_group_rules: &rules\n"
		    "  - {direction: ingress, protocol: tcp}\n"
		    "- {name: b, security_group_rules: *rules}\n",
		"security_groups:\n"
		"- {name: a, security_group_rules: [{direction: ingress, protocol: tcp}]}\n"
		"- {name: b, security_group_rules: [{direction: ingress, protocol: tcp}]}\n");
}

static void aliases_cannot_make_much_of_little(void **state)
{
	struct text laughs CLEANUP(text_done) = TEXT_INIT;
	struct err err;

	(void)state;
	text_add(&laughs, "a: &a [x, x, x, x, x, x, x, x, x, x]\n");
	for (int c = 'b'; c < 'n'; c++) {
		text_addf(&laughs, "%c: &%c [", c, c);
		for (int i = 0; i < 10; i++)
			text_addf(&laughs, "%s*%c", i ? ", " : "", c - 1);
		text_add(&laughs, "]\n");
	}
	err = refuse(laughs.data);
	assert_int_equal(err.kind, ERR_LIMIT);
}

static void depth_is_bounded(void **state)
{
	struct text deep CLEANUP(text_done) = TEXT_INIT;

	(void)state;
	text_add(&deep, "ports: ");
	for (int i = 0; i < 100000; i++)
		text_add(&deep, "[");
	assert_int_equal(refuse(deep.data).kind, ERR_LIMIT);
	text_clear(&deep);
	for (int i = 0; i < 20; i++)
		text_add(&deep, "[\n");
	assert_int_equal(refuse(deep.data).kind, ERR_LIMIT);
	text_clear(&deep);
	for (int i = 0; i < 20; i++)
		text_addf(&deep, "%*sa:\n", i, "");
	assert_int_equal(refuse(deep.data).kind, ERR_LIMIT);
}

static void ids_are_the_same_on_every_host_and_every_day(void **state)
{
	static const char text[] = "security_groups:\n"
				   "- {name: web, security_group_rules: [{direction: egress}, "
				   "{direction: ingress, protocol: tcp}]}\n"
				   "- {name: web2, security_group_rules: [{direction: egress}]}\n"
				   "ports:\n"
				   "- {name: vm1, mac_address: 'fa:16:3e:00:00:01'}\n"
				   "- {device: vnet0, mac_address: 'fa:16:3e:00:00:02'}\n";
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	const struct policy *policy = parse(arena, text);
	const struct policy_port *vm1 = policy_port_find(policy, "vm1");

	(void)state;
	/* Chains, sets and comments are named by them: a change renames all of these. */
	assert_string_equal(policy->groups[0].id, "cd5b4e77-2ee2-50f2-9c76-ea71295c179f");
	assert_string_equal(policy->groups[0].rules[0].id, "8c7255ba-baf0-5824-8377-de890f45c9ca");
	assert_string_equal(policy->groups[0].rules[1].id, "af648eb9-68dd-594e-a85f-4751287643df");
	assert_string_not_equal(policy->groups[0].rules[0].id, policy->groups[1].rules[0].id);
	assert_non_null(vm1);
	assert_string_equal(vm1->id, "e246b664-0c9e-5084-9c76-e047790b0c8d");
	assert_string_equal(vm1->device, "tape246b664-0c");
	assert_ptr_equal(policy_port_find(policy, vm1->id), vm1);
	/* a port without a name is called by its interface */
	assert_string_equal(policy_port_find(policy, "vnet0")->device, "vnet0");
}

static void an_id_of_a_rule_does_not_depend_on_its_neighbours(void **state)
{
	static const char one[] = "security_groups: [{name: a, security_group_rules: ["
				  "{direction: egress}, {direction: ingress, protocol: tcp}]}]";
	static const char other[] = "security_groups: [{name: a, security_group_rules: ["
				    "{direction: ingress, protocol: '6', description: x}]}]";
	struct arena *arena CLEANUP(arena_freep) = arena_new();

	(void)state;
	assert_string_equal(parse(arena, one)->groups[0].rules[1].id,
		parse(arena, other)->groups[0].rules[0].id);
}

static void members_are_the_addresses_and_pairs_of_all_hosts(void **state)
{
	static const char text[] =
		"security_groups: [{name: a}, {name: b}]\n"
		"ports:\n"
		"- {name: p, mac_address: 'fa:16:3e:00:00:01', security_groups: [a], fixed_ips: "
		"[10.1.0.9, 10.0.0.1, '2001:db8::1'], allowed_address_pairs: [{ip_address: "
		"10.0.0.0/8}, {ip_address: 10.64.0.0/10}, {ip_address: 192.0.2.5}]}\n"
		"- {name: q, security_groups: [a, b], fixed_ips: [172.16.0.1, 9.9.9.9], "
		"'binding:host_id': compute2}\n"
		"- {name: r, mac_address: 'fa:16:3e:00:00:03', security_groups: [b], fixed_ips: "
		"[172.16.0.1], allowed_address_pairs: [{ip_address: '::/0'}, {ip_address: "
		"'2001:db8::/32'}]}\n"
		"- {name: s, fixed_ips: [8.8.8.8], port_security_enabled: no}\n";
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	const struct policy *policy = parse(arena, text);
	const struct policy_group *a = policy_group_find(policy, "a");
	const struct policy_group *b = policy_group_find(policy, "b");

	(void)state;
	assert_members(&a->members[FAMILY_IPV4], "9.9.9.9 10.0.0.0/8 172.16.0.1 192.0.2.5");
	assert_members(&a->members[FAMILY_IPV6], "2001:db8::1");
	assert_members(&b->members[FAMILY_IPV4], "9.9.9.9 172.16.0.1");
	assert_members(&b->members[FAMILY_IPV6], "::/0");
	assert_false(policy_port_find(policy, "q")->is_local);
}

static void a_port_is_on_its_host(void **state)
{
	static const struct {
		const char *host;
		bool is_local;
	} cases[] = { { "compute1", true }, { "COMPUTE1", true }, { "compute1.example.org", true },
		{ "compute2", false }, { "compute10", false }, { "compute", false },
		{ "''", false }, { "~", true } };

	(void)state;
	for (size_t i = 0; i < N_OF(cases); i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct text text CLEANUP(text_done) = TEXT_INIT;

		text_addf(&text,
			"ports: [{name: p, mac_address: 'fa:16:3e:00:00:01', 'binding:host_id': "
			"%s}]",
			cases[i].host);
		assert_int_equal(parse(arena, text.data)->ports[0].is_local, cases[i].is_local);
	}
}

static void a_port_without_groups_named_gets_default(void **state)
{
	static const char text[] =
		"security_groups: [{name: default, stateful: false}]\n"
		"ports:\n"
		"- {name: a, mac_address: 'fa:16:3e:00:00:01'}\n"
		"- {name: b, mac_address: 'fa:16:3e:00:00:02', security_groups: []}\n"
		"- {name: c, mac_address: 'fa:16:3e:00:00:03', security_groups: null}\n"
		"- {name: d, port_security_enabled: false}\n"
		"- {name: e, device_owner: network:dhcp}\n";
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	const struct policy *policy = parse(arena, text);

	(void)state;
	assert_int_equal(policy_port_find(policy, "a")->n_groups, 1);
	assert_false(policy_port_find(policy, "a")->stateful);
	for (const char *name = "bcde"; *name; name++) {
		const struct policy_port *port = policy_port_find(policy, (char[]){ *name, '\0' });

		assert_int_equal(port->n_groups, 0);
		assert_true(port->stateful);
	}
	assert_true(policy_port_is_filtered(policy_port_find(policy, "c")));
	assert_false(policy_port_is_filtered(policy_port_find(policy, "d")));
	assert_true(policy_port_is_trusted(policy_port_find(policy, "e")));
}

static void a_rule_reads_like_a_sentence(void **state)
{
	static const struct {
		const char *rule, *words;
	} cases[] = {
		{ "direction: ingress, protocol: tcp, port_range_min: 443, port_range_max: 443, "
		  "remote_ip_prefix: 10.0.0.0/8",
			"allow tcp 443 from 10.0.0.0/8" },
		{ "direction: egress, protocol: udp, port_range_min: 80, port_range_max: 90",
			"allow udp 80-90 to anywhere" },
		{ "direction: ingress, protocol: icmp, icmp_type: 8",
			"allow icmp type 8 from anywhere" },
		{ "direction: ingress, protocol: icmp, icmp_type: 3, icmp_code: 4",
			"allow icmp type 3 code 4 from anywhere" },
		{ "direction: egress, ethertype: IPv6, remote_group: a",
			"allow any IPv6 to group a" },
		{ "direction: ingress, ethertype: IPv6, protocol: tcp, remote_ip_prefix: '::/0'",
			"allow tcp over IPv6 from anywhere" },
		{ "direction: ingress, ethertype: IPv6, protocol: tcp, remote_ip_prefix: "
		  "'2001:DB8::1'",
			"allow tcp from 2001:db8::1" },
		{ "direction: ingress, ethertype: IPv6, protocol: icmp",
			"allow icmpv6 from anywhere" },
		{ "direction: ingress, protocol: 4, remote_address_group: office",
			"allow ipip from address group office" },
		{ "direction: ingress, protocol: 250", "allow protocol 250 from anywhere" },
		{ "direction: ingress", "allow any from anywhere" },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(cases); i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct text text CLEANUP(text_done) = TEXT_INIT,
				 words CLEANUP(text_done) = TEXT_INIT;

		text_addf(&text,
			"address_groups: [{name: office, addresses: [10.0.0.1]}]\n"
			"security_groups: [{name: a, security_group_rules: [{%s}]}]",
			cases[i].rule);
		policy_rule_print(&words, &parse(arena, text.data)->groups[0].rules[0]);
		assert_string_equal(words.data, cases[i].words);
	}
}

static void what_neutron_calls_different_is_not_a_duplicate(void **state)
{
	static const char text[] =
		"security_groups:\n"
		"- name: a\n"
		"  security_group_rules:\n"
		"  - {direction: ingress, remote_ip_prefix: 192.0.2.1/24}\n"
		"  - {direction: ingress, remote_ip_prefix: 192.0.2.0/24}\n"
		"  - {direction: ingress, protocol: ip}\n"
		"  - {direction: ingress, protocol: hopopt}\n"
		"  - {direction: ingress}\n"
		"  - {direction: ingress, ethertype: IPv6}\n"
		"  - {direction: ingress, protocol: icmp, icmp_type: 8}\n"
		"  - {direction: ingress, protocol: icmp, icmp_type: 8, icmp_code: 0}\n";
	struct arena *arena CLEANUP(arena_freep) = arena_new();

	(void)state;
	assert_int_equal(parse(arena, text)->groups[0].n_rules, 8);
}

static void what_neutron_calls_the_same_is_a_duplicate(void **state)
{
	static const char *const same[][2] = {
		{ "direction: ingress", "direction: ingress, remote_ip_prefix: 0.0.0.0/0" },
		{ "direction: ingress, protocol: tcp", "direction: ingress, protocol: 6" },
		{ "direction: ingress, protocol: ip", "direction: ingress, protocol: 0" },
		{ "direction: ingress, ethertype: IPv6, protocol: icmp",
			"direction: ingress, ethertype: IPv6, protocol: 58" },
		{ "direction: ingress, remote_ip_prefix: 10.0.0.1",
			"direction: ingress, remote_ip_prefix: 10.0.0.1/32, description: other" },
		{ "direction: ingress, remote_group: a", "direction: ingress, remote_group_id: "
							 "5b2c0a4e-9d1f-4a57-8a3c-0f6f2f3d7b11" },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(same); i++) {
		struct text text CLEANUP(text_done) = TEXT_INIT;

		text_addf(&text,
			"security_groups: [{name: a, id: 5b2c0a4e-9d1f-4a57-8a3c-0f6f2f3d7b11, "
			"security_group_rules: [{%s}, {%s}]}]",
			same[i][0], same[i][1]);
		assert_non_null(strstr(refuse(text.data).text, "the same as the one in line"));
	}
}

static void two_groups_of_one_name_are_told_apart_by_id(void **state)
{
	static const char text[] =
		"security_groups:\n"
		"- {name: a, id: 00000001-0000-4000-8000-000000000000}\n"
		"- {name: a, id: 00000002-0000-4000-8000-00000000000A}\n"
		"ports: [{name: p, mac_address: 'fa:16:3e:00:00:01', security_groups: "
		"[00000002-0000-4000-8000-00000000000a]}]\n";
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	const struct policy *policy = parse(arena, text);

	(void)state;
	assert_null(policy_group_find(policy, "a"));
	assert_ptr_equal(policy->ports[0].groups[0], &policy->groups[1]);
	assert_ptr_equal(policy_group_find(policy, "00000002-0000-4000-8000-00000000000A"),
		&policy->groups[1]);
}

static void a_file_that_is_not_there_is_named(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	const struct policy *policy = NULL;
	struct err err;

	(void)state;
	assert_false(policy_load(arena, "/nonexistent/policy.yaml", "h", NULL, &policy, &err));
	assert_int_equal(err.kind, ERR_INPUT);
	assert_string_equal(
		err.text, "cannot open /nonexistent/policy.yaml: No such file or directory");
}

static void the_examples_are_policies(void **state)
{
	static const char *const names[] = { "web", "ipip-lvs", "libvirt-nat", "proxmox-bridge" };
	const char *golden = getenv("GOLDEN");

	(void)state;
	if (!golden)
		skip(); /* not run by meson */
	for (size_t i = 0; i < N_OF(names); i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct text path CLEANUP(text_done) = TEXT_INIT;
		const struct policy *policy = NULL;
		struct err err;

		text_addf(&path, "%s/../../examples/policies/%s.yaml", golden, names[i]);
		if (!policy_load(arena, path.data, "compute1", NULL, &policy, &err))
			fail_msg("%s\n%s", err.text, err.next_step);
		assert_true(policy->n_ports > 0 && policy->n_groups > 0);
		for (size_t p = 0; p < policy->n_ports; p++)
			assert_true(policy->ports[p].name[0] != 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_policy_is_a_policy),
		cmocka_unit_test(json_is_yaml),
		cmocka_unit_test(the_same_is_said_in_several_ways),
		cmocka_unit_test(aliases_repeat_what_stands_elsewhere),
		cmocka_unit_test(aliases_cannot_make_much_of_little),
		cmocka_unit_test(depth_is_bounded),
		cmocka_unit_test(ids_are_the_same_on_every_host_and_every_day),
		cmocka_unit_test(an_id_of_a_rule_does_not_depend_on_its_neighbours),
		cmocka_unit_test(members_are_the_addresses_and_pairs_of_all_hosts),
		cmocka_unit_test(a_port_is_on_its_host),
		cmocka_unit_test(a_port_without_groups_named_gets_default),
		cmocka_unit_test(a_rule_reads_like_a_sentence),
		cmocka_unit_test(what_neutron_calls_different_is_not_a_duplicate),
		cmocka_unit_test(what_neutron_calls_the_same_is_a_duplicate),
		cmocka_unit_test(two_groups_of_one_name_are_told_apart_by_id),
		cmocka_unit_test(a_file_that_is_not_there_is_named),
		cmocka_unit_test(the_examples_are_policies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
