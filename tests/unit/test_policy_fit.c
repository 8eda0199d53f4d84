// SPDX-License-Identifier: GPL-2.0-or-later
/* The shortcut for changes of groups says nothing that a join does not: random changes, right ones and broken ones. */
#include "unit.h"

#include <string.h>

#include "policy/fit.h"
#include "policy/whole.h"
#include "policymodel.h"

#define TRIES 3000

struct world {
	struct arena *arena;
	struct random random;
	struct policy_part *parts; /* sorted by kind and id, as policy_join leaves them */
	size_t n, first[N_PART_KINDS + 1];
};

static const struct policy_part *at(const void *data, enum part_kind kind, size_t i)
{
	const struct world *world = data;

	return &world->parts[world->first[kind] + i];
}

static const struct policy *join(
	struct arena *arena, const struct policy_part *const *parts, size_t n)
{
	const struct policy *policy;
	struct err err;
	size_t wrong;

	return policy_join(arena, parts, n, "compute1", &policy, &wrong, &err) ? policy : NULL;
}

static void take_policy(struct world *world, struct policy_model *model)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;
	const struct policy_part **list;
	const struct policy *policy;
	struct err err;

	policy_model_print(&text, model);
	if (!policy_parse(world->arena, "model", text.data, text.len, "compute1", &policy, &err))
		fail_msg("%s", err.text);
	policy_split(world->arena, policy, &world->parts, &world->n);
	list = arena_new_array(world->arena, const struct policy_part *, world->n);
	for (size_t i = 0; i < world->n; i++)
		list[i] = &world->parts[i];
	/* once through a join: then they are in its order */
	policy = join(world->arena, list, world->n);
	assert_non_null(policy);
	policy_split(world->arena, policy, &world->parts, &world->n);
	memset(world->first, 0, sizeof(world->first));
	for (size_t i = 0; i < world->n; i++)
		for (size_t k = world->parts[i].kind + 1; k <= N_PART_KINDS; k++)
			world->first[k]++;
}

static const char *random_group_id(struct world *world)
{
	return world->parts[random_below(&world->random, (unsigned)world->first[PART_GROUP + 1])]
		.group.id;
}

static const char *new_id(struct world *world, const char *like)
{
	char *id = arena_printf(world->arena, "%08x-0000-4000-8000-%012x",
		random_below(&world->random, UINT32_MAX), random_below(&world->random, UINT32_MAX));

	if (like)
		memcpy(id, like, SET_ID_LEN);
	return id;
}

/* A group that was there or not, with a rule more or less, or with something that a policy may not have. */
static struct policy_part *change_group(struct world *world)
{
	struct policy_part *part = arena_new_one(world->arena, struct policy_part);
	struct random *random = &world->random;
	struct policy_group *group = &part->group;
	size_t n;

	*part = world->parts[random_below(random, (unsigned)world->first[PART_GROUP + 1])];
	n = group->n_rules;
	group->rules = arena_new_array(world->arena, struct policy_rule, n + 1);
	for (size_t i = 0; i < world->n; i++)
		if (world->parts[i].kind == PART_GROUP && world->parts[i].group.id == group->id)
			memcpy(group->rules, world->parts[i].group.rules,
				n * sizeof(struct policy_rule));
	part->remote_group_ids = memcpy(arena_new_array(world->arena, const char *, n + 1),
		part->remote_group_ids, n * sizeof(char *));
	part->remote_address_group_ids = memcpy(arena_new_array(world->arena, const char *, n + 1),
		part->remote_address_group_ids, n * sizeof(char *));
	switch (random_below(random, 8)) {
	case 0:
		group->id = new_id(world, random_below(random, 3) ? NULL : group->id);
		for (size_t i = 0; random_below(random, 4) && i < n; i++)
			group->rules[i].id = new_id(world, NULL);
		break;
	case 1:
		group->stateful = !group->stateful;
		break;
	case 2:
		if (n)
			part->remote_group_ids[random_below(random, (unsigned)n)] =
				random_below(random, 2) ? new_id(world, NULL)
							: random_group_id(world);
		break;
	case 3:
		if (n) { /* one twice */
			group->rules[n] = group->rules[random_below(random, (unsigned)n)];
			group->rules[n].id = new_id(world, NULL);
			group->n_rules++;
		}
		break;
	case 4:
		if (n) /* the id of a rule that may be in another group */
			group->rules[0].id = world->parts[0].group.n_rules
						     ? world->parts[0].group.rules[0].id
						     : new_id(world, NULL);
		break;
	case 5:
		group->n_rules = n ? n - 1 : 0;
		break;
	default:
		if (n) {
			group->rules[0].has_proto = true;
			group->rules[0].proto = (uint8_t)random_below(random, 256);
			group->rules[0].proto_text = "x";
		}
		break;
	}
	return part;
}

/* What ports pass, as far as it comes from groups. */
static const char *words_of(struct arena *arena, const struct policy *policy)
{
	struct text out CLEANUP(text_done) = TEXT_INIT;

	for (size_t p = 0; p < policy->n_ports; p++)
		for (size_t g = 0; g < policy->ports[p].n_groups; g++) {
			const struct policy_group *group = policy->ports[p].groups[g];

			text_addf(&out, "%s %s %d\n", policy->ports[p].id, group->id,
				group->stateful);
			for (size_t r = 0; r < group->n_rules; r++) {
				const struct policy_rule *rule = &group->rules[r];

				text_addf(&out, "  %s %s %zu\n", rule->id,
					whole_rule_key(arena, rule),
					rule->remote_group
						? rule->remote_group->members[rule->ethertype].n
						: 0);
			}
		}
	return arena_strdup(arena, out.data);
}

static const struct policy *behind(struct world *world, const struct parts_change *change)
{
	const struct policy_part **list = arena_new_array(
		world->arena, const struct policy_part *, world->n + change->n_puts);
	size_t n = 0;

	for (size_t i = 0; i < world->n; i++) {
		const char *id = policy_part_id(&world->parts[i]);
		bool stays = true;

		for (size_t k = 0; k < change->n_puts; k++)
			stays = stays && strcmp(policy_part_id(change->puts[k]), id) != 0;
		for (size_t k = 0; k < change->n_gone; k++)
			stays = stays && strcmp(change->gone[k], id) != 0;
		if (stays)
			list[n++] = &world->parts[i];
	}
	for (size_t k = 0; k < change->n_puts; k++)
		list[n++] = change->puts[k];
	return join(world->arena, list, n);
}

static void what_fits_is_a_policy_and_what_has_no_effect_has_none(void **state)
{
	struct world world = { .arena = arena_new() };
	struct policy_model model;
	size_t n_valid = 0, n_no_effect = 0, n_refused = 0;

	(void)state;
	world.random = random_seeded_or(20261128);
	policy_model_init(&model, &world.random);
	for (int i = 0; i < TRIES; i++) {
		const struct policy_part *puts[3];
		const char *gone[1];
		enum part_kind kinds[1] = { PART_GROUP };
		struct parts_change change = { puts, random_below(&world.random, 4), gone, kinds,
			0 };
		struct parts_view view = { .data = &world, .at = at };
		const struct policy *policy;
		enum fit fit;

		arena_reset(world.arena);
		policy_model_change(&model, &world.random);
		take_policy(&world, &model);
		for (size_t k = 0; k < N_PART_KINDS; k++)
			view.n[k] = world.first[k + 1] - world.first[k];
		for (size_t k = 0; k < change.n_puts; k++)
			puts[k] = change_group(&world);
		if (!random_below(&world.random, 3)) {
			gone[0] = random_group_id(&world);
			change.n_gone = 1;
		}
		fit = policy_fit(&view, &change);
		policy = behind(&world, &change);
		n_refused += !policy;
		if (fit == FIT_UNSURE)
			continue;
		if (!policy)
			fail_msg("try %d: it fits, and it is no policy", i);
		n_valid++;
		if (fit != FIT_NO_EFFECT)
			continue;
		n_no_effect++;
		assert_string_equal(words_of(world.arena, policy),
			words_of(world.arena, behind(&world, &(struct parts_change){ 0 })));
	}
	assert_true(n_refused > TRIES / 10);
	assert_true(n_valid > TRIES / 10);
	assert_true(n_no_effect > TRIES / 40);
	arena_free(world.arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_fits_is_a_policy_and_what_has_no_effect_has_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
