// SPDX-License-Identifier: GPL-2.0-or-later
/* From the name or id in a file to the group that it means. */
#include "policy/parse.h"
#include <string.h>
#include "base/limits.h"

#define LISTED_IDS 4 /* in the message about an ambiguous name */

/* The i-th of the groups of one kind. */
static const struct head *nth_head(
	const struct reader *r, bool is_address, size_t i, struct head *space)
{
	const struct policy *policy = r->policy;

	if (is_address)
		*space = (struct head){ .id = policy->address_groups[i].id,
			.name = policy->address_groups[i].name };
	else
		*space =
			(struct head){ .id = policy->groups[i].id, .name = policy->groups[i].name };
	return space;
}

static bool fail_ambiguous(
	struct reader *r, const struct node *node, const char *key, bool is_address, size_t n_same)
{
	struct text ids CLEANUP(text_done) = TEXT_INIT;
	size_t n = is_address ? r->policy->n_address_groups : r->policy->n_groups, listed = 0;
	struct head space;

	for (size_t i = 0; i < n && listed < LISTED_IDS; i++) {
		const struct head *head = nth_head(r, is_address, i, &space);

		if (!strcmp(head->name, key))
			text_addf(&ids, "%s%s", listed++ ? ", " : "", head->id);
	}
	fail_at(r, node, "%zu %s have the name %s", n_same,
		is_address ? "address groups" : "security groups", shown(r, key));
	return err_next(r->err, "Use the id: %s%s.", ids.data, n_same > listed ? ", ..." : "");
}

static bool fail_no_group(
	struct reader *r, const struct node *node, const char *key, bool is_address)
{
	size_t n = is_address ? r->policy->n_address_groups : r->policy->n_groups;
	const char **names = arena_new_array(r->scratch, const char *, n), *near;
	const char *kind = is_address ? "address group" : "security group";
	struct head space;

	for (size_t i = 0; i < n; i++)
		names[i] = nth_head(r, is_address, i, &space)->name;
	fail_at(r, node, "there is no %s %s", kind, shown(r, key));
	near = text_nearest(key, names, n);
	if (near && near[0])
		return err_next(r->err, "Did you mean %s?", shown(r, near));
	if (!n)
		return err_next(r->err, "The file has no %ss.", kind);
	return err_next(r->err, "There are: %s.", list_names(r, names, n < 20 ? n : 20));
}

/* A reference is an id in any case, or a name. */
static bool find_by_key(
	struct reader *r, const struct node *node, const char *key, bool is_address, void **ret)
{
	struct map *ids = is_address ? r->address_group_ids : r->group_ids;
	struct map *names = is_address ? r->address_group_names : r->group_names;
	const struct named *named;
	const char *id;
	void *found;

	if (uuid_normalise(r->scratch, key, &id) && (found = map_find(ids, id))) {
		*ret = found;
		return true;
	}
	named = key[0] ? map_find(names, key) : NULL;
	if (!named)
		return fail_no_group(r, node, key, is_address);
	if (named->n > 1)
		return fail_ambiguous(r, node, key, is_address, named->n);
	*ret = named->first;
	return true;
}

bool find_group(
	struct reader *r, const struct node *node, const char *key, const struct policy_group **ret)
{
	void *found = NULL;

	if (!find_by_key(r, node, key, false, &found))
		return false;
	*ret = found;
	return true;
}

bool find_address_group(struct reader *r, const struct node *node, const char *key,
	const struct policy_address_group **ret)
{
	void *found = NULL;

	if (!find_by_key(r, node, key, true, &found))
		return false;
	*ret = found;
	return true;
}
