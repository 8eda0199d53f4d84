// SPDX-License-Identifier: GPL-2.0-or-later
/* portwall group, portwall address-group: security groups and address groups of the service. */
#include "cmd/objects.h"
#include "cmd/objects_rule.h"

#include <string.h>

#include "policy/check.h"

/* --- security groups --- */

static void print_rules(struct talk *talk, const json_t *group, struct text *out)
{
	const json_t *rule;
	size_t i;

	json_array_foreach(json_object_get(group, "security_group_rules"), i, rule)
	{
		long long packets, bytes;

		text_addf(out, "%s%s  ", i ? "\n" : "", daemon_word(rule, "id"));
		rule_add_words(talk, rule, out);
		if (rule_counted(talk, rule, &packets, &bytes))
			text_addf(out, "  (%lld packet%s, %lld bytes)", packets,
				packets == 1 ? "" : "s", bytes);
	}
}

static const struct object_field group_fields[] = {
	{ "id", "id", NULL, IN_LIST | IN_SHOW },
	{ "name", "name", NULL, IN_LIST | IN_SHOW },
	{ "description", "description", NULL, IN_LIST | IN_SHOW },
	{ "stateful", "stateful", NULL, IN_LONG | IN_SHOW },
	{ "shared", "shared", NULL, IN_LONG | IN_SHOW },
	{ "rules", NULL, print_rules, IN_SHOW },
	{ "project", "project_id", NULL, IN_LIST | IN_SHOW | OPTIONAL },
	{ "tags", "tags", NULL, IN_LIST | IN_SHOW | OPTIONAL },
	{ "created", "created_at", NULL, IN_SHOW | OPTIONAL },
	{ "updated", "updated_at", NULL, IN_SHOW | OPTIONAL },
	{ "revision", "revision_number", NULL, IN_SHOW | OPTIONAL },
};

const struct object_kind group_kind = {
	.words = "security group",
	.noun = "group",
	.path = "/v2.0/security-groups",
	.one = "security_group",
	.many = "security_groups",
	.fields = group_fields,
	.n_fields = N_OF(group_fields),
};

/* The rules of all groups are most of what an answer has, and in no column. */
static bool add_group_filters(struct talk *talk, struct text *path, struct err *err)
{
	(void)err;
	add_common_filters(talk, path);
	for (size_t i = 0; i < N_OF(group_fields) && !talk->inv->json; i++)
		if (group_fields[i].flags & (IN_LIST | IN_LONG))
			add_filter(path, "fields", group_fields[i].key);
	return true;
}

static bool fill_group(struct talk *talk, const json_t *before, json_t *body, struct err *err)
{
	const struct object_words *words = &talk->inv->object;
	const char *name = before ? words->name : talk->inv->args[0];

	if (words->stateful || words->stateless)
		json_object_set_new(body, "stateful", json_boolean(words->stateful));
	/* As the openstack client: what is not described is described by its name. */
	return put_word(body, "name", name, err) &&
	       put_word(body, "description",
		       words->description || before ? words->description : name, err) &&
	       put_word(body, "project_id", before ? NULL : words->project, err);
}

static bool check_group(const struct object_words *words, struct err *err)
{
	return refuse_both(words->stateful, words->stateless, "--stateful", "--stateless", err);
}

bool cmd_group_list(struct invocation *inv, struct err *err)
{
	return objects_list(inv, &group_kind, add_group_filters, err);
}

bool cmd_group_show(struct invocation *inv, struct err *err)
{
	return objects_show(inv, &group_kind, err);
}

bool cmd_group_create(struct invocation *inv, struct err *err)
{
	return check_group(&inv->object, err) && objects_create(inv, &group_kind, fill_group, err);
}

bool cmd_group_set(struct invocation *inv, struct err *err)
{
	const struct object_words *words = &inv->object;

	if (!words->name && !words->description && !words->stateful && !words->stateless &&
		!words->n_tags && !words->no_tag)
		return refuse_nothing(inv, err);
	return check_group(words, err) && objects_change(inv, &group_kind, fill_group, err);
}

bool cmd_group_delete(struct invocation *inv, struct err *err)
{
	return objects_delete(inv, &group_kind, err);
}

/* --- address groups --- */

static const struct object_field address_group_fields[] = {
	{ "id", "id", NULL, IN_LIST | IN_SHOW },
	{ "name", "name", NULL, IN_LIST | IN_SHOW },
	{ "description", "description", NULL, IN_LIST | IN_SHOW },
	{ "addresses", "addresses", NULL, IN_LIST | IN_SHOW },
	{ "shared", "shared", NULL, IN_LONG | IN_SHOW },
	{ "project", "project_id", NULL, IN_LIST | IN_SHOW | OPTIONAL },
	{ "created", "created_at", NULL, IN_SHOW | OPTIONAL },
	{ "updated", "updated_at", NULL, IN_SHOW | OPTIONAL },
	{ "revision", "revision_number", NULL, IN_SHOW | OPTIONAL },
};

const struct object_kind address_group_kind = {
	.words = "address group",
	.noun = "address-group",
	.path = "/v2.0/address-groups",
	.one = "address_group",
	.many = "address_groups",
	.fields = address_group_fields,
	.n_fields = N_OF(address_group_fields),
};

static bool add_filters(struct talk *talk, struct text *path, struct err *err)
{
	(void)err;
	add_common_filters(talk, path);
	return true;
}

static bool check_addresses(const struct invocation *inv, struct err *err)
{
	for (size_t i = 0; i < inv->object.n_addresses; i++) {
		struct prefix prefix;
		struct fault fault;

		if (check_prefix(inv->arena, inv->object.addresses[i], &prefix, &fault))
			continue;
		*err = fault.err;
		return err_prefix(err, "--address");
	}
	return true;
}

/* Where an address is in a list; its length: nowhere. */
static size_t place_of(const json_t *list, const char *address)
{
	size_t i = 0;

	while (i < json_array_size(list) &&
		!is_same_prefix(json_string_value(json_array_get(list, i)), address))
		i++;
	return i;
}

static bool fill_address_group(
	struct talk *talk, const json_t *before, json_t *body, struct err *err)
{
	const struct object_words *words = &talk->inv->object;
	const char *name = before ? words->name : talk->inv->args[0];
	json_t *list = before ? json_deep_copy(json_object_get(before, "addresses")) : NULL;
	size_t n_before = json_array_size(list);

	if (!list)
		list = json_array();
	for (size_t i = 0; i < words->n_addresses; i++)
		if (place_of(list, words->addresses[i]) == json_array_size(list))
			json_array_append_new(list, json_string(words->addresses[i]));
	if (!before || json_array_size(list) != n_before)
		json_object_set(body, "addresses", list);
	json_decref(list);
	return put_word(body, "name", name, err) &&
	       put_word(body, "description",
		       words->description || before ? words->description : name, err) &&
	       put_word(body, "project_id", before ? NULL : words->project, err);
}

static bool take_addresses(struct talk *talk, const json_t *before, json_t *body, struct err *err)
{
	const struct object_words *words = &talk->inv->object;
	json_t *list = json_deep_copy(json_object_get(before, "addresses"));

	for (size_t i = 0; i < words->n_addresses; i++) {
		size_t place = place_of(list, words->addresses[i]);

		if (place == json_array_size(list)) {
			json_decref(list);
			err_input(err, "address group %s has no address %s", object_name(before),
				words->addresses[i]);
			return err_next(err,
				"portwall address-group show %s lists those that it has",
				object_name(before));
		}
		json_array_remove(list, place);
	}
	json_object_set_new(body, "addresses", list);
	return true;
}

bool cmd_address_group_list(struct invocation *inv, struct err *err)
{
	return objects_list(inv, &address_group_kind, add_filters, err);
}

bool cmd_address_group_show(struct invocation *inv, struct err *err)
{
	return objects_show(inv, &address_group_kind, err);
}

bool cmd_address_group_create(struct invocation *inv, struct err *err)
{
	return check_addresses(inv, err) &&
	       objects_create(inv, &address_group_kind, fill_address_group, err);
}

bool cmd_address_group_set(struct invocation *inv, struct err *err)
{
	const struct object_words *words = &inv->object;

	if (!words->name && !words->description && !words->n_addresses)
		return refuse_nothing(inv, err);
	return check_addresses(inv, err) &&
	       objects_change(inv, &address_group_kind, fill_address_group, err);
}

bool cmd_address_group_unset(struct invocation *inv, struct err *err)
{
	if (!inv->object.n_addresses)
		return refuse_nothing(inv, err);
	return check_addresses(inv, err) &&
	       objects_change(inv, &address_group_kind, take_addresses, err);
}

bool cmd_address_group_delete(struct invocation *inv, struct err *err)
{
	return objects_delete(inv, &address_group_kind, err);
}
