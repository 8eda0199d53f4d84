// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "policy/parts.h"
#include "policytext.h"
#include "random_policy.h"

static const struct policy *parse(struct arena *arena, const char *text)
{
	const struct policy *policy = NULL;
	struct err err;

	if (!policy_parse(arena, "test", text, strlen(text), "compute1", &policy, &err))
		fail_msg("%s\n%s", err.text, err.next_step);
	return policy;
}

struct parts {
	struct policy_part *items;
	const struct policy_part **list; /* to each */
	size_t n;
};

static void list_parts(struct arena *arena, struct parts *parts)
{
	parts->list = arena_new_array(arena, const struct policy_part *, parts->n);
	for (size_t i = 0; i < parts->n; i++)
		parts->list[i] = &parts->items[i];
}

static struct parts split(struct arena *arena, const struct policy *policy)
{
	struct parts parts;

	policy_split(arena, policy, &parts.items, &parts.n);
	list_parts(arena, &parts);
	return parts;
}

/* Through bytes and back. */
static struct parts coded(struct arena *arena, const struct parts *parts)
{
	struct text bytes CLEANUP(text_done) = TEXT_INIT;
	struct parts ret = { .n = parts->n };
	const char *at;
	struct err err;

	ret.items = arena_new_array(arena, struct policy_part, parts->n);
	for (size_t i = 0; i < parts->n; i++)
		policy_part_encode(&bytes, &parts->items[i]);
	at = bytes.data;
	for (size_t i = 0; i < parts->n; i++)
		if (!policy_part_decode(arena, &at, bytes.data + bytes.len, &ret.items[i], &err))
			fail_msg("%s: %s", policy_part_id(&parts->items[i]), err.text);
	assert_ptr_equal(at, bytes.data + bytes.len);
	list_parts(arena, &ret);
	return ret;
}

static const struct policy *join(struct arena *arena, const struct parts *parts)
{
	const struct policy *policy = NULL;
	struct err err = { 0 };
	size_t wrong;

	if (!policy_join(arena, parts->list, parts->n, "compute1", &policy, &wrong, &err))
		fail_msg("part %zu: %s", wrong, err.text);
	return policy;
}

static int compare_groups(const void *a, const void *b)
{
	return strcmp(((const struct policy_group *)a)->id, ((const struct policy_group *)b)->id);
}

static int compare_address_groups(const void *a, const void *b)
{
	return strcmp(((const struct policy_address_group *)a)->id,
		((const struct policy_address_group *)b)->id);
}

/* As parts that are joined make it: by id. Only to be printed. */
static struct policy sorted(struct arena *arena, const struct policy *policy)
{
	struct policy ret = *policy;

	ret.groups = arena_new_array(arena, struct policy_group, ret.n_groups);
	for (size_t i = 0; i < ret.n_groups; i++)
		ret.groups[i] = policy->groups[i];
	qsort(ret.groups, ret.n_groups, sizeof(ret.groups[0]), compare_groups);
	ret.address_groups =
		arena_new_array(arena, struct policy_address_group, ret.n_address_groups);
	for (size_t i = 0; i < ret.n_address_groups; i++)
		ret.address_groups[i] = policy->address_groups[i];
	qsort(ret.address_groups, ret.n_address_groups, sizeof(ret.address_groups[0]),
		compare_address_groups);
	return ret;
}

static void shuffle(struct random *random, struct parts *parts)
{
	for (size_t i = parts->n; i > 1; i--) {
		size_t k = random_below(random, (unsigned)i);
		const struct policy_part *part = parts->list[i - 1];

		parts->list[i - 1] = parts->list[k];
		parts->list[k] = part;
	}
}

static void check_pointers(const struct policy *policy)
{
	for (size_t g = 0; g < policy->n_groups; g++)
		for (size_t i = 0; i < policy->groups[g].n_rules; i++)
			assert_ptr_equal(policy->groups[g].rules[i].group, &policy->groups[g]);
	for (size_t p = 0; p < policy->n_ports; p++)
		for (size_t g = 0; g < policy->ports[p].n_groups; g++)
			assert_in_range((uintptr_t)policy->ports[p].groups[g],
				(uintptr_t)policy->groups,
				(uintptr_t)(policy->groups + policy->n_groups - 1));
}

/* Split, through bytes and back, in any order, joined: the same. */
static void assert_joins_to_itself(struct random *random, const struct policy *policy)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct text wanted CLEANUP(text_done) = TEXT_INIT, got CLEANUP(text_done) = TEXT_INIT;
	const struct policy in_order = sorted(arena, policy), *joined;
	struct parts parts = split(arena, policy), again = coded(arena, &parts);

	policy_text(&wanted, &in_order, true);
	joined = join(arena, &parts);
	policy_text(&got, joined, true);
	assert_string_equal(got.data, wanted.data);
	check_pointers(joined);
	shuffle(random, &again);
	joined = join(arena, &again);
	text_clear(&got);
	policy_text(&got, joined, true);
	assert_string_equal(got.data, wanted.data);
	check_pointers(joined);
}

/* How many policies of a folder parse. Those of policy-errors mostly do not. */
static size_t try_folder(struct random *random, const char *folder)
{
	struct dirent **files;
	int n = scandir(folder, &files, NULL, alphasort);
	size_t n_tried = 0;

	assert_true(n > 0);
	for (int i = 0; i < n; i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		const struct policy *policy;
		struct err err;

		if (strstr(files[i]->d_name, ".yaml") &&
			policy_load(arena, arena_printf(arena, "%s/%s", folder, files[i]->d_name),
				"compute1", NULL, &policy, &err)) {
			assert_joins_to_itself(random, policy);
			n_tried++;
		}
		free(files[i]);
	}
	free(files);
	return n_tried;
}

static void the_policies_of_files_join_to_themselves(void **state)
{
	const char *golden = getenv("GOLDEN");
	struct random random = random_seeded();
	struct arena *arena CLEANUP(arena_freep) = arena_new();

	(void)state;
	assert_non_null(golden);
	assert_true(try_folder(&random, arena_printf(arena, "%s/neutron", golden)) >= 5);
	assert_true(try_folder(&random,
			    arena_printf(arena, "%s/../../examples/policies", golden)) >= 4);
	assert_true(
		try_folder(&random, arena_printf(arena, "%s/../fuzz/corpus/policy", golden)) >= 5);
}

static void policies_by_chance_join_to_themselves(void **state)
{
	struct random random = random_seeded();
	size_t n_tried = 0;

	(void)state;
	while (n_tried < 300) {
		struct text yaml CLEANUP(text_done) = TEXT_INIT;
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		const struct policy *policy;
		struct err err;

		random_policy(&random, &yaml);
		if (!policy_parse(arena, "random", yaml.data, yaml.len, "compute1", &policy, &err))
			continue;
		assert_joins_to_itself(&random, policy);
		n_tried++;
	}
}

static void equal_but_for_host_bits_is_not_the_same(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct random random = random_seeded();
	const struct policy *policy =
		parse(arena, "security_groups: [{name: a, security_group_rules: ["
			     "{direction: ingress, remote_ip_prefix: 192.0.2.1/24}, "
			     "{direction: ingress, remote_ip_prefix: 192.0.2.0/24}]}]");

	(void)state;
	assert_joins_to_itself(&random, policy);
}

#define GROUP_WEB "99999999-0000-4000-8000-000000000001"
#define GROUP_DB  "dddddddd-0000-4000-8000-00000000000b"
#define LIST	  "11111111-0000-4000-8000-000000000001"
#define PORT_ONE  "aaaaaaaa-1111-4000-8000-000000000001"
#define PORT_TWO  "bbbbbbbb-2222-4000-8000-000000000002"
#define PORT_FAR  "cccccccc-3333-4000-8000-000000000003"

/* Parts that join: web, db, list, one, two, and a port of another host. */
enum { WEB, DB, LISTED, ONE, TWO, FAR, N_PARTS };

static struct parts fine_parts(struct arena *arena)
{
	return split(arena,
		parse(arena,
			"security_groups:\n"
			"- {name: web, id: " GROUP_WEB ", security_group_rules: ["
			"{direction: ingress, protocol: tcp, remote_group: db, description: one}, "
			"{direction: ingress, protocol: tcp, remote_address_group: list}, "
			"{direction: ingress, remote_ip_prefix: 10.0.0.1/8, description: two}]}\n"
			"- {name: db, id: " GROUP_DB ", security_group_rules: ["
			"{direction: egress}]}\n"
			"address_groups: [{name: list, id: " LIST ", addresses: [10.0.0.0/8]}]\n"
			"ports:\n"
			"- {name: one, id: " PORT_ONE ", mac_address: 'fa:16:3e:00:00:01', "
			"fixed_ips: [10.0.0.1], security_groups: [web, db]}\n"
			"- {name: two, id: " PORT_TWO ", mac_address: 'fa:16:3e:00:00:02', "
			"fixed_ips: [10.0.0.2], security_groups: [web]}\n"
			"- {name: far, id: " PORT_FAR ", 'binding:host_id': compute2, "
			"security_groups: [db]}\n"));
}

/* X(what the message says, which part is wrong, statement) */
#define CLASHES(X)                                                                                 \
	X("there is no security group", WEB, part[WEB].remote_group_ids[0] = PORT_ONE)             \
	X("there is no security group", WEB, part[WEB].remote_group_ids[0] = LIST)                 \
	X("there is no address group", WEB, part[WEB].remote_address_group_ids[1] = GROUP_DB)      \
	X("there is no security group", TWO, part[TWO].group_ids[0] = LIST)                        \
	X("two groups have the id", DB, part[DB].group.id = GROUP_WEB)                             \
	X("two groups have the id", LISTED, part[LISTED].address_group.id = GROUP_WEB)             \
	X("begin with the same 24 characters", DB,                                                 \
		part[DB].group.id = "99999999-0000-4000-8000-0fffffffffff")                        \
	X("begin with the same 24 characters", LISTED,                                             \
		part[LISTED].address_group.id = "99999999-0000-4000-8000-0fffffffffff")            \
	X("two rules have the id", DB, part[DB].group.rules[0].id = part[WEB].group.rules[2].id)   \
	X("two rules have the id", WEB, part[WEB].group.rules[1].id = part[WEB].group.rules[0].id) \
	X("are the same", WEB,                                                                     \
		(part[WEB].remote_address_group_ids[1] = NULL,                                     \
			part[WEB].remote_group_ids[1] = GROUP_DB))                                 \
	X("are the same", WEB,                                                                     \
		(rule[0].has_proto = false, part[WEB].remote_group_ids[0] = NULL,                  \
			rule[0].has_prefix = true, rule[0].prefix = rule[2].prefix,                \
			rule[0].prefix_text = "10.0.0.1/8"))                                       \
	X("two ports have the id", FAR, part[FAR].port.id = PORT_ONE)                              \
	X("have one device, tapaaaaaaaa-11", TWO, part[TWO].port.device = part[ONE].port.device)   \
	X("would share the chain oaaaaaaaa-1", TWO,                                                \
		part[TWO].port.id = "aaaaaaaa-1fff-4000-8000-000000000001")                        \
	X("the groups before it are stateful", ONE, part[DB].group.stateful = false)               \
	X("is there twice", ONE, part[ONE].group_ids[0] = GROUP_DB)                                \
	X("port_security_enabled: false", ONE, part[ONE].port.port_security = false)               \
	X("device_owner 'network:dhcp'", ONE, part[ONE].port.device_owner = "network:dhcp")        \
	X("port 'one' needs mac_address", ONE,                                                     \
		memset(&part[ONE].port.mac, 0, sizeof(part[ONE].port.mac)))                        \
	X("port 'far' needs mac_address", FAR, part[FAR].port.host = "COMPUTE1.example.org")       \
	X("port 'far' needs mac_address", FAR, part[FAR].port.host = "")                           \
	X("more than 2000000 rules", DB, part[DB].group.n_rules = LIMIT_RULES)                     \
	X("more than 4000000 addresses", LISTED,                                                   \
		part[LISTED].address_group.addresses[FAMILY_IPV6].n = LIMIT_MEMBERS)

#define COUNTED(...) +1 // NOLINT(bugprone-macro-parentheses): one of a sum
enum { N_CLASHES = CLASHES(COUNTED) };

static void clash(struct policy_part *part, size_t which, const char **ret_message,
	size_t *ret_wrong, const char **ret_what)
{
	struct policy_rule *rule = part[WEB].group.rules;
	size_t n = 0;

#define X(message, wrong, statement)                                                               \
	if (n++ == which) {                                                                        \
		*ret_message = message;                                                            \
		*ret_wrong = wrong;                                                                \
		*ret_what = #statement;                                                            \
		(void)(statement);                                                                 \
	}
	CLASHES(X)
#undef X
}

static void parts_that_do_not_agree_do_not_join(void **state)
{
	struct random random = random_seeded();

	(void)state;
	for (size_t i = 0; i < N_CLASHES; i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct parts parts = fine_parts(arena);
		const struct policy *policy = NULL;
		const char *message, *what;
		struct err err = { 0 };
		size_t wanted, wrong = SIZE_MAX;

		join(arena, &parts); /* it does before */
		clash(parts.items, i, &message, &wanted, &what);
		shuffle(&random, &parts);
		if (policy_join(arena, parts.list, parts.n, "compute1", &policy, &wrong, &err))
			fail_msg("joined: %s", what);
		assert_null(policy);
		if (!strstr(err.text, message) || !err.kind)
			fail_msg("%s: %s", what, err.text);
		/* of two that clash either is wrong */
		if (parts.list[wrong] != &parts.items[wanted] && !strstr(message, "two ") &&
			!strstr(message, "same 24") && !strstr(message, "have one") &&
			!strstr(message, "would share"))
			fail_msg("%s: part %zu is wrong", what,
				(size_t)(parts.list[wrong] - parts.items));
	}
}

/* X(statement): parts that join after it as well. */
#define AGREEMENTS(X)                                                                              \
	X(part[FAR].port.device = part[ONE].port.device)                                           \
	X(part[FAR].port.id = "aaaaaaaa-1fff-4000-8000-000000000001")                              \
	X((part[FAR].port.host = "", part[FAR].port.is_unbound = true))                            \
	X((part[DB].group.stateful = false, part[ONE].n_group_ids = 1))                            \
	X(part[WEB].group.rules[2].prefix_text = "10.0.0.0/8")                                     \
	X(part[LISTED].address_group.name = "web")                                                 \
	X(part[DB].group.name = "web")                                                             \
	X(part[ONE].n_group_ids = 0)                                                               \
	X((part[ONE].port.port_security = false, part[ONE].n_group_ids = 0,                        \
		memset(&part[ONE].port.mac, 0, sizeof(part[ONE].port.mac))))

enum { N_AGREEMENTS = AGREEMENTS(COUNTED) };

static void agree(struct policy_part *part, size_t which)
{
	size_t n = 0;

#define X(statement)                                                                               \
	if (n++ == which)                                                                          \
		(void)(statement);
	AGREEMENTS(X)
#undef X
}

static void parts_that_only_look_alike_join(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_AGREEMENTS; i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct parts parts = fine_parts(arena);

		agree(parts.items, i);
		join(arena, &parts);
	}
}

static void too_many_parts_are_nobodys_fault(void **state)
{
	static const struct {
		size_t part, limit;
		const char *message;
	} cases[] = { { WEB, LIMIT_GROUPS, "more than 100000 security groups" },
		{ LISTED, LIMIT_GROUPS, "more than 100000 address groups" },
		{ ONE, LIMIT_PORTS, "more than 20000 ports" } };

	(void)state;
	for (size_t i = 0; i < N_OF(cases); i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct parts parts = fine_parts(arena);
		size_t n = cases[i].limit + 1, wrong = SIZE_MAX;
		const struct policy_part **many =
			arena_new_array(arena, const struct policy_part *, n);
		const struct policy *policy = NULL;
		struct err err;

		parts.items[ONE].n_group_ids = 0;
		for (size_t k = 0; k < n; k++)
			many[k] = &parts.items[cases[i].part];
		assert_false(policy_join(arena, many, n, "compute1", &policy, &wrong, &err));
		assert_int_equal(err.kind, ERR_LIMIT);
		assert_string_equal(err.text, cases[i].message);
		assert_int_equal(wrong, n);
		/* one less is not too many, but then they have one id */
		assert_false(policy_join(arena, many, n - 1, "compute1", &policy, &wrong, &err));
		assert_int_equal(err.kind, ERR_INPUT);
		assert_non_null(strstr(err.text, " have the id "));
	}
}

static void nothing_joins_to_an_empty_policy(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	const struct policy *policy = join(arena, &(struct parts){ 0 });

	(void)state;
	assert_int_equal(policy->n_groups + policy->n_address_groups + policy->n_ports, 0);
}

/* What the parser does for a file that leaves something out is not done for parts. */
static void a_part_says_all_but_its_name(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct parts parts = fine_parts(arena);
	const struct policy *policy;

	(void)state;
	parts.items[WEB].group.name = "default";
	parts.items[TWO].n_group_ids = 0;
	parts.items[TWO].port.name = "";
	policy = join(arena, &parts);
	assert_int_equal(policy_port_find(policy, PORT_TWO)->n_groups, 0);
	assert_true(policy_port_find(policy, PORT_TWO)->stateful);
	assert_string_equal(policy_port_find(policy, PORT_TWO)->name, "tapbbbbbbbb-22");
}

static void without_a_host_every_port_is_here(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct parts parts = fine_parts(arena);
	const struct policy *policy;
	struct err err;
	size_t wrong;

	(void)state;
	parts.items[FAR].port.mac = parts.items[ONE].port.mac;
	parts.items[TWO].port.is_unbound = true;
	assert_true(policy_join(arena, parts.list, parts.n, NULL, &policy, &wrong, &err));
	assert_true(policy_port_find(policy, PORT_FAR)->is_local);
	assert_true(policy_port_find(policy, PORT_TWO)->is_local);
	assert_true(policy_join(arena, parts.list, parts.n, "compute1", &policy, &wrong, &err));
	assert_false(policy_port_find(policy, PORT_FAR)->is_local);
	assert_false(policy_port_find(policy, PORT_TWO)->is_local);
	assert_true(policy_port_find(policy, PORT_ONE)->is_local);
}

/* What a policy was made of may be used again, for one that differs. */
static void joining_leaves_the_parts_alone(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct text before CLEANUP(text_done) = TEXT_INIT, after CLEANUP(text_done) = TEXT_INIT;
	struct parts parts = fine_parts(arena);

	(void)state;
	for (size_t i = 0; i < parts.n; i++)
		policy_part_encode(&before, &parts.items[i]);
	join(arena, &parts);
	for (size_t i = 0; i < parts.n; i++) {
		const struct policy_part *part = &parts.items[i];

		policy_part_encode(&after, part);
		if (part->kind == PART_GROUP)
			assert_null(part->group.rules[0].group);
		if (part->kind == PART_PORT)
			assert_null(part->port.groups);
	}
	assert_int_equal(before.len, after.len);
	assert_memory_equal(before.data, after.data, before.len);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_policies_of_files_join_to_themselves),
		cmocka_unit_test(policies_by_chance_join_to_themselves),
		cmocka_unit_test(equal_but_for_host_bits_is_not_the_same),
		cmocka_unit_test(parts_that_do_not_agree_do_not_join),
		cmocka_unit_test(parts_that_only_look_alike_join),
		cmocka_unit_test(too_many_parts_are_nobodys_fault),
		cmocka_unit_test(nothing_joins_to_an_empty_policy),
		cmocka_unit_test(a_part_says_all_but_its_name),
		cmocka_unit_test(without_a_host_every_port_is_here),
		cmocka_unit_test(joining_leaves_the_parts_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
