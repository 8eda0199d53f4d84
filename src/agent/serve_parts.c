// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The policy in parts. A changed part is a new one beside the old one in the same arena, so that all others stay where they are and the
 * keeper sees at a glance what is the same. What is no longer used stays in the arena, too; when that is more than
 * what is used, all parts are written anew into another arena (through their bytes, which hold all of a part), and the
 * old one goes with the last policy that points into it.
 *
 * A change of groups that no port has makes no new policy: the parts are others then, and the one that stands stays. It
 * lacks such groups, or has them as they were, and points to them in the arena, where they stay, too. The next policy
 * is made of the parts as they are. While parts are in a new arena and the policy points into the old one, there is
 * always a new policy: so neither arena can grow for ever.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/serve_internal.h"
#include "policy/fit.h"

/* Below this there is nothing to gain. */
#define GARBAGE_FROM ((size_t)1024 * 1024)

struct items {
	const struct policy_part **items; /* sorted by kind and id; malloc */
	size_t n;
};

struct serve_parts {
	struct arena *arena;   /* of the parts */
	struct arena *retired; /* of parts of the policy before, or NULL */
	size_t used_by_all;    /* bytes of arena when it had nothing else */
	struct items now, tried;
	struct arena *now_arena, *tried_arena; /* of the policies */
	const struct policy *policy, *tried_policy;
};

struct serve_parts *serve_parts_new(void)
{
	struct serve_parts *parts = calloc(1, sizeof(*parts));

	if (!parts)
		abort();
	parts->arena = arena_new();
	return parts;
}

void serve_parts_free(struct serve_parts *parts)
{
	if (!parts)
		return;
	arena_free(parts->arena);
	arena_free(parts->retired);
	arena_free(parts->now_arena);
	arena_free(parts->tried_arena);
	free(parts->now.items);
	free(parts->tried.items);
	free(parts);
}

static int compare(enum part_kind kind, const char *id, const struct policy_part *part)
{
	if (kind != part->kind)
		return kind < part->kind ? -1 : 1;
	return strcmp(id, policy_part_id(part));
}

static int by_key(const void *a, const void *b)
{
	const struct policy_part *const *x = a, *const *y = b;

	return compare((*x)->kind, policy_part_id(*x), *y);
}

/* The place of the key: of it, or where it would be. */
static size_t find(
	const struct items *items, enum part_kind kind, const char *id, bool *ret_is_there)
{
	size_t low = 0, high = items->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = compare(kind, id, items->items[middle]);

		if (!order) {
			*ret_is_there = true;
			return middle;
		}
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	*ret_is_there = false;
	return low;
}

static struct items items_new(size_t n)
{
	struct items items = { .items = calloc(n + 1, sizeof(struct policy_part *)) };

	if (!items.items)
		abort();
	return items;
}

static void put(struct items *items, const struct policy_part *part)
{
	bool is_there;
	size_t at = find(items, part->kind, policy_part_id(part), &is_there);

	if (!is_there) {
		memmove(&items->items[at + 1], &items->items[at],
			(items->n - at) * sizeof(*items->items));
		items->n++;
	}
	items->items[at] = part;
}

static bool take_away(struct items *items, enum part_kind kind, const char *id, struct err *err)
{
	bool is_there;
	size_t at = find(items, kind, id, &is_there);

	if (!is_there)
		return err_input(err, "%s is to go and is not there", id);
	items->n--;
	memmove(&items->items[at], &items->items[at + 1], (items->n - at) * sizeof(*items->items));
	return true;
}

/* All of a sync: sorted at once; what is there twice is refused by policy_join. */
static struct items items_of_all(const struct serve_change *change)
{
	struct items items = items_new(change->n_parts);

	for (size_t i = 0; i < change->n_parts; i++)
		items.items[items.n++] = &change->parts[i];
	qsort(items.items, items.n, sizeof(*items.items), by_key);
	return items;
}

static bool items_of_change(const struct serve_parts *parts, const struct serve_change *change,
	struct items *ret, struct err *err)
{
	struct items items = items_new(parts->now.n + change->n_parts);

	if (parts->now.n)
		memcpy(items.items, parts->now.items, parts->now.n * sizeof(*items.items));
	items.n = parts->now.n;
	for (size_t i = 0; i < change->n_gone; i++)
		if (!take_away(&items, change->gone_kinds[i], change->gone[i], err)) {
			free(items.items);
			return false;
		}
	for (size_t i = 0; i < change->n_parts; i++)
		put(&items, &change->parts[i]);
	*ret = items;
	return true;
}

/* The present policy goes on pointing into the old arena. */
static void compact(struct serve_parts *parts)
{
	struct text bytes CLEANUP(text_done) = TEXT_INIT;
	struct arena *arena = arena_new();
	struct policy_part *copies = arena_new_array(arena, struct policy_part, parts->now.n + 1);
	const char *at, *end;
	struct err err;

	for (size_t i = 0; i < parts->now.n; i++)
		policy_part_encode(&bytes, parts->now.items[i]);
	at = bytes.data;
	end = bytes.data + bytes.len;
	for (size_t i = 0; i < parts->now.n; i++)
		if (!policy_part_decode(arena, &at, end, &copies[i], &err)) {
			arena_free(arena);
			return; /* it goes on with what it has */
		}
	for (size_t i = 0; i < parts->now.n; i++)
		parts->now.items[i] = &copies[i];
	parts->retired = parts->arena;
	parts->arena = arena;
	parts->used_by_all = arena_used(arena);
}

/* The items from first on are those of a kind. */
struct items_view {
	const struct items *items;
	size_t first[N_PART_KINDS + 1];
};

static const struct policy_part *item_at(const void *data, enum part_kind kind, size_t i)
{
	const struct items_view *view = data;

	return view->items->items[view->first[kind] + i];
}

/* Is what stands also the policy with this change, as far as any port can tell? */
static bool has_no_effect(const struct serve_parts *parts, const struct serve_change *change)
{
	struct arena *scratch CLEANUP(arena_freep) = arena_new();
	const struct policy_part **puts =
		arena_new_array(scratch, const struct policy_part *, change->n_parts + 1);
	const struct parts_change wanted = { puts, change->n_parts, change->gone,
		change->gone_kinds, change->n_gone };
	struct items_view items = { .items = &parts->now };
	struct parts_view view = { .data = &items, .at = item_at };
	bool is_there;

	for (size_t i = 0; i < change->n_parts; i++)
		puts[i] = &change->parts[i];
	/* no id is "": the place of it is where the kind begins */
	for (int kind = 0; kind <= N_PART_KINDS; kind++)
		items.first[kind] = find(&parts->now, (enum part_kind)kind, "", &is_there);
	for (int kind = 0; kind < N_PART_KINDS; kind++)
		view.n[kind] = items.first[kind + 1] - items.first[kind];
	return policy_fit(&view, &wanted) == FIT_NO_EFFECT;
}

static bool join(
	struct serve_parts *parts, const struct items *items, const char *host, struct err *err)
{
	struct arena *arena = arena_new();
	const struct policy *policy;
	size_t wrong;

	if (!policy_join(arena, items->items, items->n, host, &policy, &wrong, err)) {
		arena_free(arena);
		return false;
	}
	parts->tried_arena = arena;
	parts->tried_policy = policy;
	return true;
}

bool serve_parts_try(struct serve_parts *parts, const char *body, size_t size, bool is_all,
	const char *host, bool may_stay, struct serve_tried *ret, struct err *err)
{
	struct serve_change change;
	struct items items;
	bool stays;

	serve_parts_drop(parts);
	if (!parts->retired && arena_used(parts->arena) > 2 * parts->used_by_all + GARBAGE_FROM)
		compact(parts);
	if (!serve_get_change(parts->arena, body, size, &change, err) ||
		(!is_all && !items_of_change(parts, &change, &items, err)))
		return false;
	if (is_all)
		items = items_of_all(&change);
	stays = may_stay && !is_all && parts->policy && !parts->retired &&
		has_no_effect(parts, &change);
	if (!stays && !join(parts, &items, host, err)) {
		free(items.items);
		return false;
	}
	parts->tried = items;
	*ret = (struct serve_tried){ change.revision, change.is_dry, parts->tried_policy };
	return true;
}

void serve_parts_keep(struct serve_parts *parts)
{
	free(parts->now.items);
	parts->now = parts->tried;
	parts->tried = (struct items){ 0 };
	if (!parts->tried_policy)
		return;
	arena_free(parts->now_arena);
	arena_free(parts->retired);
	parts->retired = NULL;
	parts->now_arena = parts->tried_arena;
	parts->policy = parts->tried_policy;
	parts->tried_arena = NULL;
	parts->tried_policy = NULL;
}

void serve_parts_drop(struct serve_parts *parts)
{
	free(parts->tried.items);
	arena_free(parts->tried_arena);
	parts->tried = (struct items){ 0 };
	parts->tried_arena = NULL;
	parts->tried_policy = NULL;
}

size_t serve_parts_used(const struct serve_parts *parts)
{
	return arena_used(parts->arena) + (parts->retired ? arena_used(parts->retired) : 0) +
	       (parts->now_arena ? arena_used(parts->now_arena) : 0);
}

const struct policy *serve_parts_policy(const struct serve_parts *parts)
{
	return parts->policy;
}
