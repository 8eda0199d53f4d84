// SPDX-License-Identifier: GPL-2.0-or-later
/* Values of single nodes: texts, names, booleans, lists, maps; and the messages when they are wrong. */
#include "policy/parse.h"
#include <string.h>
#include <strings.h>
#include "base/limits.h"
#include "base/vec.h"

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

bool fail_limit(struct reader *r, const struct node *at, const struct err *err)
{
	source_fail(r->source, node_place(at), r->err, "%s", err->text);
	r->err->kind = ERR_LIMIT;
	return false;
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

const char *list_names(struct reader *r, const char *const *names, size_t n)
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
	struct fault fault;
	const char *text = "";

	if (!node)
		return true;
	if (!read_text(r, node, what, &text))
		return false;
	if (!check_name(text, what, &fault))
		return fail_fault(r, node, &fault);
	*ret = arena_strdup(r->arena, text);
	return true;
}

bool read_description(struct reader *r, const struct node *node, const char **ret)
{
	struct fault fault;
	const char *text = "";

	if (!read_text(r, node, "description", &text))
		return false;
	if (!check_description(text, &fault))
		return fail_fault(r, node, &fault);
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
