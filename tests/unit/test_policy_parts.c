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
	const struct policy *policy = parse(arena,
		"security_groups: [{name: a, security_group_rules: ["
		"{direction: ingress, remote_ip_prefix: 192.0.2.1/24}, "
		"{direction: ingress, remote_ip_prefix: 192.0.2.0/24}]}]");

	(void)state;
	assert_joins_to_itself(&random, policy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_policies_of_files_join_to_themselves),
		cmocka_unit_test(policies_by_chance_join_to_themselves),
		cmocka_unit_test(equal_but_for_host_bits_is_not_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
