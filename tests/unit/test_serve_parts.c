// SPDX-License-Identifier: GPL-2.0-or-later
/* The policy in parts: a change that no port can tell makes no policy, and that must not be seen by anybody, nor cost memory for ever. */
#include "unit.h"

#include <string.h>

#include "agent/serve_internal.h"
#include "random.h"

#define N_GROUPS 12
#define TRIES	 4000
#define CHANGES	 100000
#define HOST	 "compute1"

struct side {
	struct serve_parts *parts;
	size_t n_stayed;
};

struct world {
	struct arena *arena;
	struct random random;
	struct policy_part *templates; /* all that can be there */
	size_t n;
	unsigned next;
	struct side quick, slow; /* with the shortcut, and without */
};

static const char *group_id(struct arena *arena, unsigned i)
{
	return arena_printf(arena, "%08x-1111-4000-8000-00000000000a", 0x10000000u * (i + 1) + i);
}

static void make_templates(struct world *world)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;
	const struct policy *policy;
	struct err err;

	text_add(&text, "security_groups:\n");
	for (unsigned i = 0; i < N_GROUPS; i++)
		text_addf(&text,
			"- id: %s\n  name: g%u\n  security_group_rules:\n"
			"  - {direction: ingress, protocol: tcp, port_range_min: 80, port_range_max: 80}\n"
			"  - {direction: ingress, protocol: udp, port_range_min: 80, port_range_max: 80}\n",
			group_id(world->arena, i), i);
	text_add(&text, "ports:\n");
	for (unsigned i = 0; i < 3; i++)
		text_addf(&text,
			"- {name: vm%u, device: tap%u, mac_address: 'fa:16:3e:00:00:0%u', "
			"fixed_ips: [10.0.0.%u], security_groups: [g%u]}\n",
			i, i, i + 1, i + 1, i);
	if (!policy_parse(world->arena, "test", text.data, text.len, HOST, &policy, &err))
		fail_msg("%s", err.text);
	policy_split(world->arena, policy, &world->templates, &world->n);
	assert_int_equal(world->n, N_GROUPS + 3);
}

/* With other rules: they may name groups that are not there. */
static struct policy_part random_group(struct world *world, struct arena *arena)
{
	struct random *random = &world->random;
	struct policy_part part = world->templates[random_below(random, N_GROUPS)];
	size_t n = random_below(random, 3);
	struct policy_rule *rules = arena_new_array(arena, struct policy_rule, n + 1);
	const char **remotes = arena_new_array(arena, const char *, n + 1);

	for (size_t i = 0; i < n; i++) {
		rules[i] = part.group.rules[i];
		rules[i].id = arena_printf(arena, "%08x-2222-4000-8000-00000000000b",
			one_in(random, 20) ? world->next : world->next++);
		rules[i].port_min = (uint16_t)(1 + random_below(random, 4));
		rules[i].port_max = 1000;
		remotes[i] =
			one_in(random, 4) ? group_id(arena, random_below(random, N_GROUPS)) : NULL;
	}
	part.group.rules = rules;
	part.group.n_rules = n;
	part.remote_group_ids = remotes;
	part.remote_address_group_ids = arena_new_array(arena, const char *, n + 1);
	part.group.description = one_in(random, 2) ? "other" : "";
	return part;
}

static struct policy_part random_port(struct world *world, struct arena *arena)
{
	struct policy_part part = world->templates[N_GROUPS + random_below(&world->random, 3)];

	part.n_group_ids = 1;
	part.group_ids = arena_new_array(arena, const char *, 1);
	part.group_ids[0] = group_id(arena, random_below(&world->random, N_GROUPS));
	return part;
}

static bool try(struct side *side, const struct serve_change *change, enum serve_type type,
	bool may_stay, struct serve_tried *ret)
{
	struct text out CLEANUP(text_done) = TEXT_INIT;
	size_t skip = sizeof(struct serve_header);
	struct err err;

	serve_put_change(&out, type, 1, change);
	if (!serve_parts_try(side->parts, out.data + skip, out.len - skip, type == SERVE_SYNC, HOST,
		    may_stay, ret, &err))
		return false;
	side->n_stayed += !ret->policy;
	return true;
}

/* Of all, or of what its ports have. */
static const char *words_of(struct arena *arena, const struct policy *policy, bool is_all)
{
	struct text out CLEANUP(text_done) = TEXT_INIT;
	struct policy_part *parts;
	size_t n;

	policy_split(arena, policy, &parts, &n);
	for (size_t i = 0; i < n; i++)
		if (is_all || parts[i].kind == PART_PORT)
			policy_part_encode(&out, &parts[i]);
	for (size_t p = 0; p < policy->n_ports; p++)
		for (size_t g = 0; g < policy->ports[p].n_groups; g++) {
			const struct policy_group *group = policy->ports[p].groups[g];

			for (size_t i = 0; i < n; i++)
				if (!strcmp(policy_part_id(&parts[i]), group->id))
					policy_part_encode(&out, &parts[i]);
			for (size_t r = 0; r < group->n_rules; r++) {
				const struct policy_group *remote = group->rules[r].remote_group;

				text_addf(&out, "%zu", remote ? remote->members[0].n : 0);
			}
		}
	for (size_t i = 0; i < out.len; i++) /* a text then */
		if (!out.data[i])
			out.data[i] = '0';
	return arena_strdup(arena, out.data);
}

/* One change on both sides. */
static void change_both(struct world *world, struct arena *arena, bool *ret_is_refused)
{
	struct random *random = &world->random;
	struct policy_part puts[2];
	const char *gone[] = { group_id(arena, random_below(random, N_GROUPS)) };
	enum part_kind kinds[] = { PART_GROUP };
	struct serve_change change = { .revision = 5,
		.is_dry = one_in(random, 5),
		.parts = puts,
		.gone = gone,
		.gone_kinds = kinds };
	struct serve_tried quick, slow;
	bool fits;

	if (one_in(random, 3))
		change.n_gone = 1;
	else if (one_in(random, 12))
		puts[change.n_parts++] = random_port(world, arena);
	for (size_t i = random_below(random, 2) + !change.n_gone; i && change.n_parts < 2; i--)
		puts[change.n_parts++] = random_group(world, arena);
	fits = try(&world->quick, &change, SERVE_CHANGE, true, &quick);
	assert_int_equal(fits, try(&world->slow, &change, SERVE_CHANGE, false, &slow));
	*ret_is_refused = !fits;
	if (!fits)
		return;
	assert_non_null(slow.policy);
	assert_int_equal(quick.revision, 5);
	assert_int_equal(quick.is_dry, change.is_dry);
	if (quick.policy)
		assert_string_equal(
			words_of(arena, quick.policy, true), words_of(arena, slow.policy, true));
	else
		assert_string_equal(words_of(arena, serve_parts_policy(world->quick.parts), false),
			words_of(arena, slow.policy, false));
	if (change.is_dry) {
		serve_parts_drop(world->quick.parts);
		serve_parts_drop(world->slow.parts);
	} else {
		serve_parts_keep(world->quick.parts);
		serve_parts_keep(world->slow.parts);
	}
}

static void begin(struct world *world)
{
	struct serve_change all = { .revision = 1 };
	struct serve_tried tried;

	*world = (struct world){ .arena = arena_new() };
	world->random = random_seeded_or(20261128);
	make_templates(world);
	all.parts = world->templates;
	all.n_parts = world->n;
	world->quick.parts = serve_parts_new();
	world->slow.parts = serve_parts_new();
	assert_true(try(&world->quick, &all, SERVE_SYNC, true, &tried));
	assert_non_null(tried.policy);
	serve_parts_keep(world->quick.parts);
	assert_true(try(&world->slow, &all, SERVE_SYNC, false, &tried));
	serve_parts_keep(world->slow.parts);
}

static void end(struct world *world)
{
	serve_parts_free(world->quick.parts);
	serve_parts_free(world->slow.parts);
	arena_free(world->arena);
}

static void a_policy_that_stays_is_what_a_join_would_have_made(void **state)
{
	struct world world;
	size_t n_refused = 0;

	(void)state;
	begin(&world);
	for (int i = 0; i < TRIES; i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		bool is_refused;

		change_both(&world, arena, &is_refused);
		n_refused += is_refused;
	}
	assert_true(world.quick.n_stayed > TRIES / 20);
	assert_int_equal(world.slow.n_stayed, 0);
	assert_true(n_refused > TRIES / 20);
	assert_true(n_refused < TRIES / 10 * 9);
	end(&world);
}

static void what_no_port_can_tell_takes_no_memory_for_ever(void **state)
{
	enum part_kind kinds[] = { PART_GROUP };
	struct world world;
	struct serve_tried tried;
	size_t most = 0;

	(void)state;
	begin(&world);
	for (int i = 0; i < CHANGES; i++) {
		struct policy_part part = world.templates[N_GROUPS - 1];
		const char *gone[] = { part.group.id };
		struct serve_change change = {
			.revision = (uint64_t)i, .parts = &part, .gone = gone, .gone_kinds = kinds
		};

		change.n_parts = (size_t)i % 2;
		change.n_gone = 1 - change.n_parts;
		assert_true(try(&world.quick, &change, SERVE_CHANGE, true, &tried));
		serve_parts_keep(world.quick.parts);
		if (serve_parts_used(world.quick.parts) > most)
			most = serve_parts_used(world.quick.parts);
	}
	/* each compaction is a whole policy */
	assert_true(world.quick.n_stayed > CHANGES / 10 * 9);
	assert_true(world.quick.n_stayed < CHANGES);
	assert_true(most < (size_t)4 * 1024 * 1024);
	end(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_policy_that_stays_is_what_a_join_would_have_made),
		cmocka_unit_test(what_no_port_can_tell_takes_no_memory_for_ever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
