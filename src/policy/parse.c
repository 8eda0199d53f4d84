// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From the tree of a file to a policy: the top, groups and address groups. Groups are read twice, because
 * a rule may name a group that comes later: first who there is, then the rules.
 */
#include "policy/parse.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/limits.h"

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))
#define LISTED_IDS  4 /* in the message about an ambiguous name */

bool fail_at(struct reader *r, const struct node *at, const char *fmt, ...)
{
	struct text what CLEANUP(text_done) = TEXT_INIT;
	va_list ap;

	va_start(ap, fmt);
	text_vaddf(&what, fmt, ap);
	va_end(ap);
	return source_fail(r->source, node_place(at), r->err, "%s", what.data);
}

bool fail_fault(struct reader *r, const struct node *at, const struct fault *fault)
{
	source_fail(r->source, node_place(at), r->err, "%s", fault->err.text);
	return err_next(r->err, "%s", fault->err.next_step);
}

const char *shown(struct reader *r, const char *text)
{
	return source_shown(r->scratch, text);
}

static const char *const kind_names[] = {
	[NODE_SCALAR] = "a single value",
	[NODE_LIST] = "a list",
	[NODE_MAP] = "a mapping",
};

static const char *node_kind_name(const struct node *node)
{
	return node_is_null(node) ? "nothing" : kind_names[node->kind];
}

/* "name, id, description" */
static const char *list_names(struct reader *r, const char *const *names, size_t n)
{
	struct text out CLEANUP(text_done) = TEXT_INIT;

	for (size_t i = 0; i < n; i++)
		text_addf(&out, "%s%s", i ? ", " : "", names[i]);
	return arena_strdup(r->scratch, out.data);
}

static bool fail_unknown_key(struct reader *r, const struct node *key, const struct keys *keys)
{
	const char *near = text_nearest(key->text, keys->names, keys->n);

	fail_at(r, key, "%s has no key %s", keys->what, shown(r, key->text));
	if (!strcmp(key->text, "<<"))
		return err_next(r->err, "Merge keys are not read; anchors and aliases of whole "
					"values are.");
	if (near)
		return err_next(r->err, "Did you mean %s?", near);
	return err_next(r->err, "Its keys: %s.", list_names(r, keys->names, keys->n));
}

bool read_map(struct reader *r, const struct node *node, const struct keys *keys,
	const struct node **ret_values)
{
	const struct node **seen = arena_new_array(r->scratch, const struct node *, keys->n);

	if (node->kind != NODE_MAP) {
		fail_at(r, node, "%s is a mapping, not %s", keys->what, node_kind_name(node));
		return err_next(r->err, "One key a line, as 'key: value'. Its keys: %s.",
			list_names(r, keys->names, keys->n));
	}
	for (const struct node *key = node->first; key; key = key->next->next) {
		size_t i = 0;

		while (i < keys->n && strcmp(key->text, keys->names[i]) != 0)
			i++;
		if (i == keys->n) {
			size_t k = 0;

			while (k < keys->n_ignored && strcmp(key->text, keys->ignored[k]) != 0)
				k++;
			if (k == keys->n_ignored)
				return fail_unknown_key(r, key, keys);
			continue;
		}
		if (seen[i]) {
			fail_at(r, key, "%s is here twice", key->text);
			return err_next(r->err, "The first is in line %u; keep one of them.",
				seen[i]->line + 1);
		}
		seen[i] = key;
		ret_values[i] = node_is_null(key->next) ? NULL : key->next;
	}
	return true;
}

bool read_text(struct reader *r, const struct node *node, const char *what, const char **ret)
{
	if (!node)
		return true;
	if (node->kind != NODE_SCALAR) {
		fail_at(r, node, "%s is a single value, not %s", what, node_kind_name(node));
		return err_next(r->err,
			"It takes one value. (A text that begins with [ or { needs quotes.)");
	}
	*ret = node->text;
	return true;
}

bool read_name(struct reader *r, const struct node *node, const char *what, const char **ret)
{
	const char *text = "";

	if (!node)
		return true;
	if (!read_text(r, node, what, &text))
		return false;
	for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
		if (*c >= 0x20 && *c != 0x7f)
			continue;
		fail_at(r, node, "there is a control character in this %s", what);
		return err_next(r->err, "One line of printable characters.");
	}
	if (utf8_len(text) > LIMIT_NAME_LEN) {
		fail_at(r, node, "this %s has %zu characters", what, utf8_len(text));
		return err_next(r->err, "At most %d.", LIMIT_NAME_LEN);
	}
	*ret = arena_strdup(r->arena, text);
	return true;
}

bool read_description(struct reader *r, const struct node *node, const char **ret)
{
	const char *text = "";

	if (!read_text(r, node, "description", &text))
		return false;
	if (utf8_len(text) > LIMIT_NAME_LEN) {
		fail_at(r, node, "this description has %zu characters", utf8_len(text));
		return err_next(r->err, "At most %d.", LIMIT_NAME_LEN);
	}
	*ret = text[0] ? arena_strdup(r->arena, text) : "";
	return true;
}

bool read_bool(struct reader *r, const struct node *node, const char *what, bool *ret)
{
	static const char *const words[] = { "true", "yes", "on", "false", "no", "off" };
	const char *text = "";

	if (!node)
		return true;
	if (!read_text(r, node, what, &text))
		return false;
	for (size_t i = 0; i < N_OF(words); i++) {
		if (strcasecmp(text, words[i]) != 0)
			continue;
		*ret = i < 3;
		return true;
	}
	fail_at(r, node, "%s is neither true nor false", shown(r, text));
	return err_next(r->err, "%s: true or false.", what);
}

bool read_list(struct reader *r, const struct node *node, const char *what,
	const struct node **ret_first, size_t *ret_n)
{
	*ret_first = NULL;
	*ret_n = 0;
	if (!node)
		return true;
	if (node->kind != NODE_LIST) {
		fail_at(r, node, "%s is a list, not %s", what, node_kind_name(node));
		return node->kind == NODE_MAP ? err_next(r->err, "Begin each item with '- '.")
					      : err_next(r->err, "Put brackets around it: [%s].",
							shown(r, node->text));
	}
	*ret_first = node->first;
	*ret_n = node->n;
	return true;
}

bool read_uuid(struct reader *r, const struct node *node, const char **ret)
{
	const char *text = "";

	if (!node)
		return true;
	if (!read_text(r, node, "id", &text))
		return false;
	if (uuid_normalise(r->arena, text, ret))
		return true;
	fail_at(r, node, "%s is no UUID", shown(r, text));
	return err_next(r->err,
		"Such as 5b2c0a4e-9d1f-4a57-8a3c-0f6f2f3d7b11; or leave id out, then it "
		"is derived from the name.");
}

/* Names of one kind. */
static void add_name(struct reader *r, struct map *names, const char *name, void *what)
{
	struct named *named = map_find(names, name);

	if (!named) {
		named = arena_new_one(r->scratch, struct named);
		named->first = what;
		map_add(names, name, named);
	}
	named->n++;
}

/* Both kinds of group begin alike. */
struct head {
	const char *id, *name, *description;
};

static bool read_head(struct reader *r, const struct node *node, const char *kind,
	const struct node *const values[3], struct head *ret)
{
	struct head head = { .name = "" };
	const struct node *id_node = values[1] ? values[1] : values[0] ? values[0] : node;
	const struct node *before;

	if (!read_name(r, values[0], "name", &head.name) || !read_uuid(r, values[1], &head.id) ||
		!read_description(r, values[2], &head.description))
		return false;
	if (!head.id && !head.name[0]) {
		fail_at(r, node, "%s %s needs a name", kind[0] == 'a' ? "an" : "a", kind);
		return err_next(r->err, "Add name, by which rules and ports mean it.");
	}
	if (!head.id)
		head.id = uuid_derive(r->arena, kind, head.name);
	/* An ipset's name holds 24 characters of the id, for both kinds in one namespace. */
	before = map_add(r->set_ids, arena_strndup(r->scratch, head.id, 24), (void *)id_node);
	if (before) {
		if (values[1] && !strcasecmp(before->text, head.id))
			fail_at(r, id_node, "two groups have the id %s", head.id);
		else if (values[1])
			fail_at(r, id_node,
				"the ids of two groups begin with the same 24 characters, which "
				"name their sets");
		else
			fail_at(r, id_node, "two groups have the name %s and no id",
				shown(r, head.name));
		return err_next(r->err, "The other is in line %u; give %s.", before->line + 1,
			values[1] ? "one of them another id" : "each an id, or another name");
	}
	*ret = head;
	return true;
}

enum { GROUP_NAME, GROUP_ID, GROUP_DESCRIPTION, GROUP_STATEFUL, GROUP_RULES, N_GROUP_KEYS };

static bool read_group(struct reader *r, const struct node *node, struct policy_group *group,
	const struct node **ret_rules)
{
	static const char *const names[] = { "name", "id", "description", "stateful",
		"security_group_rules" };
	static const char *const ignored[] = { "project_id", "tenant_id", "created_at",
		"updated_at", "revision_number", "tags", "shared", "standard_attr_id" };
	static const struct keys keys = { "a security group", names, N_GROUP_KEYS, ignored,
		N_OF(ignored) };
	const struct node *values[N_GROUP_KEYS] = { NULL };
	struct head head = { 0 };

	if (!read_map(r, node, &keys, values) ||
		!read_head(r, node, "security group", values, &head))
		return false;
	*group = (struct policy_group){ .id = head.id,
		.name = head.name,
		.description = head.description,
		.stateful = true,
		.line = node->line + 1 };
	if (!read_bool(r, values[GROUP_STATEFUL], "stateful", &group->stateful))
		return false;
	map_add(r->group_ids, group->id, group);
	add_name(r, r->group_names, group->name, group);
	*ret_rules = values[GROUP_RULES];
	return true;
}

static bool read_groups(struct reader *r, const struct node *list)
{
	const struct node *first, **rules;
	struct policy *policy = r->policy;
	size_t i = 0;

	if (!read_list(r, list, "security_groups", &first, &policy->n_groups))
		return false;
	if (policy->n_groups > LIMIT_GROUPS) {
		fail_at(r, list, "more than %d security groups", LIMIT_GROUPS);
		r->err->kind = ERR_LIMIT;
		return false;
	}
	policy->groups = arena_new_array(r->arena, struct policy_group, policy->n_groups);
	rules = arena_new_array(r->scratch, const struct node *, policy->n_groups);
	for (const struct node *node = first; node; node = node->next, i++)
		if (!read_group(r, node, &policy->groups[i], &rules[i]))
			return false;
	for (i = 0; i < policy->n_groups; i++)
		if (!read_rules(r, rules[i], &policy->groups[i]))
			return false;
	return true;
}

static bool read_addresses(
	struct reader *r, const struct node *list, struct policy_address_group *group)
{
	const struct node *item;
	struct prefix *prefixes;
	size_t n, i = 0;

	if (!read_list(r, list, "addresses", &item, &n))
		return false;
	r->n_members += n;
	if (r->n_members > LIMIT_MEMBERS) {
		fail_at(r, list, "more than %d addresses in all groups", LIMIT_MEMBERS);
		r->err->kind = ERR_LIMIT;
		return false;
	}
	prefixes = arena_new_array(r->scratch, struct prefix, n);
	for (; item; item = item->next, i++) {
		struct fault fault;
		const char *text;

		if (!read_text(r, item, "an address", &text))
			return false;
		if (!check_prefix(r->scratch, text, &prefixes[i], &fault))
			return fail_fault(r, item, &fault);
	}
	prefix_lists_make(r->arena, prefixes, n, group->addresses);
	return true;
}

static bool read_address_groups(struct reader *r, const struct node *list)
{
	static const char *const names[] = { "name", "id", "description", "addresses" };
	static const char *const ignored[] = { "project_id", "tenant_id", "shared", "created_at",
		"updated_at", "revision_number", "standard_attr_id" };
	static const struct keys keys = { "an address group", names, N_OF(names), ignored,
		N_OF(ignored) };
	struct policy *policy = r->policy;
	const struct node *node;
	size_t i = 0;

	if (!read_list(r, list, "address_groups", &node, &policy->n_address_groups))
		return false;
	if (policy->n_address_groups > LIMIT_GROUPS) {
		fail_at(r, list, "more than %d address groups", LIMIT_GROUPS);
		r->err->kind = ERR_LIMIT;
		return false;
	}
	policy->address_groups =
		arena_new_array(r->arena, struct policy_address_group, policy->n_address_groups);
	for (; node; node = node->next, i++) {
		struct policy_address_group *group = &policy->address_groups[i];
		const struct node *values[N_OF(names)] = { NULL };
		struct head head = { 0 };

		if (!read_map(r, node, &keys, values) ||
			!read_head(r, node, "address group", values, &head) ||
			!read_addresses(r, values[3], group))
			return false;
		group->id = head.id;
		group->name = head.name;
		group->description = head.description;
		group->line = node->line + 1;
		map_add(r->address_group_ids, group->id, group);
		add_name(r, r->address_group_names, group->name, group);
	}
	return true;
}

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

static bool read_policy(struct reader *r, const struct node *root)
{
	static const char *const names[] = { "security_groups", "address_groups", "ports" };
	static const struct keys keys = { "a policy", names, N_OF(names), NULL, 0 };
	const struct node *values[N_OF(names)] = { NULL };

	if (!read_map(r, root, &keys, values))
		return false;
	/* Rules name address groups, and ports name groups. */
	return read_address_groups(r, values[1]) && read_groups(r, values[0]) &&
	       read_ports(r, values[2]);
}

bool policy_parse(struct arena *arena, const char *name, const char *text, size_t size,
	const char *host, const struct policy **ret, struct err *err)
{
	struct arena *scratch CLEANUP(arena_freep) = arena_new();
	const struct node *root;
	struct source source;
	struct reader r = { .arena = arena,
		.scratch = scratch,
		.source = &source,
		.host = host,
		.err = err,
		.policy = arena_new_one(arena, struct policy),
		.group_ids = map_new(scratch),
		.group_names = map_new(scratch),
		.address_group_ids = map_new(scratch),
		.address_group_names = map_new(scratch),
		.rule_ids = map_new(scratch),
		.set_ids = map_new(scratch),
		.port_ids = map_new(scratch),
		.chain_ids = map_new(scratch),
		.devices = map_new(scratch) };

	if (!source_init(&source, name, text, size, err) ||
		!yaml_parse(scratch, &source, &root, err) || !read_policy(&r, root))
		return false;
	policy_make_members(arena, scratch, r.policy);
	*ret = r.policy;
	return true;
}

bool policy_load(struct arena *arena, const char *path, const char *host, const struct policy **ret,
	struct err *err)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;

	if (!text_load(&text, path, LIMIT_POLICY_FILE_SIZE, err))
		return false;
	return policy_parse(arena, strcmp(path, "-") ? path : "standard input", text.data, text.len,
		host, ret, err);
}

const struct policy_group *policy_group_find(const struct policy *policy, const char *key)
{
	const struct policy_group *found = NULL;
	size_t n = 0;

	for (size_t i = 0; i < policy->n_groups; i++) {
		if (!strcasecmp(policy->groups[i].id, key))
			return &policy->groups[i];
		if (strcmp(policy->groups[i].name, key) != 0)
			continue;
		found = &policy->groups[i];
		n++;
	}
	return n == 1 ? found : NULL;
}

const struct policy_port *policy_port_find(const struct policy *policy, const char *key)
{
	const struct policy_port *found = NULL;
	size_t n = 0;

	for (size_t i = 0; i < policy->n_ports; i++) {
		if (!strcasecmp(policy->ports[i].id, key))
			return &policy->ports[i];
		if (strcmp(policy->ports[i].name, key) != 0)
			continue;
		found = &policy->ports[i];
		n++;
	}
	return n == 1 ? found : NULL;
}
