// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ipset save text. Sets of type hash:net are read; of the others only the "create" line is
 * kept, and so it is for a hash:net with "nomatch" members, which a list of prefixes cannot say.
 */
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/vec.h"
#include "ruleset/ruleset.h"

struct members {
	const char *set;
	bool is_opaque;
	VEC(struct set_element) elements;
};

struct parser {
	struct arena *arena, *scratch;
	struct ruleset *rs;
	const char *name;
	unsigned line;
	struct map *by_name; /* from a set's name to its place in sets, plus 1 */
	VEC(struct members) sets;
};

static bool fail(const struct parser *p, struct err *err, const char *what)
{
	return err_input(err, "%s:%u: %s", p->name, p->line, what);
}

/* The next word up to end, or NULL. Nothing in this format has a space inside of a word, but
 * for comments, which come last. */
static const char *next_word(const char **at, const char *end, size_t *ret_len)
{
	const char *word;

	while (*at < end && **at == ' ')
		(*at)++;
	word = *at;
	while (*at < end && **at != ' ')
		(*at)++;
	*ret_len = (size_t)(*at - word);
	return *ret_len ? word : NULL;
}

static bool is_word(const char *word, size_t len, const char *value)
{
	return strlen(value) == len && memcmp(word, value, len) == 0;
}

/* What follows "create NAME hash:net". */
static bool parse_options(
	struct parser *p, struct set *set, const char *at, const char *end, struct err *err)
{
	size_t len, value_len;
	const char *word, *value;
	char number[11];

	while ((word = next_word(&at, end, &len))) {
		bool is_family = is_word(word, len, "family"),
		     is_max = is_word(word, len, "maxelem");

		if (!is_family && !is_max)
			continue;
		value = next_word(&at, end, &value_len);
		if (!value || value_len >= sizeof(number))
			return fail(p, err, "an option of the set has no value");
		memcpy(number, value, value_len);
		number[value_len] = '\0';
		if (is_family && strcmp(number, "inet6") == 0)
			set->family = FAMILY_IPV6;
		else if (is_family ? strcmp(number, "inet") != 0
				   : !text_to_u32(number, 0, UINT32_MAX, &set->max_elem))
			return err_input(err, "%s:%u: %.*s cannot be %s", p->name, p->line,
				(int)len, word, number);
	}
	return true;
}

static bool parse_create(
	struct parser *p, const char *line, const char *at, const char *end, struct err *err)
{
	size_t name_len, type_len;
	const char *name = next_word(&at, end, &name_len), *type = next_word(&at, end, &type_len);
	struct members *members;
	struct set *set;

	if (!name || !type)
		return fail(p, err, "expected the name and the type of a set");
	name = arena_strndup(p->scratch, name, name_len);
	if (ruleset_set(p->rs, name))
		return err_input(err, "%s:%u: set %s is there twice", p->name, p->line, name);
	set = ruleset_add_set(p->arena, p->rs, name);
	set->kind = SET_HASH_NET;
	members = vec_push(&p->sets, p->scratch);
	*members = (struct members){ .set = name };
	map_add(p->by_name, name, (void *)(uintptr_t)p->sets.n);
	if (!is_word(type, type_len, "hash:net")) {
		set->opaque = arena_strndup(p->arena, line, (size_t)(end - line));
		members->is_opaque = true;
		return true;
	}
	return parse_options(p, set, at, end, err);
}

static bool has_nomatch(const char *at, const char *end)
{
	size_t len;
	const char *word;

	while ((word = next_word(&at, end, &len)) && !is_word(word, len, "comment"))
		if (is_word(word, len, "nomatch"))
			return true;
	return false;
}

/* The set's create line is not at hand any more; its name and type say as much. */
static void make_opaque(struct parser *p, struct members *members)
{
	struct set *set = ruleset_add_set(p->arena, p->rs, members->set);

	set->opaque = arena_printf(p->arena, "create %s hash:net", set->name);
	members->is_opaque = true;
	members->elements.n = 0;
}

static bool parse_add(struct parser *p, const char *at, const char *end, struct err *err)
{
	size_t name_len, text_len;
	const char *name = next_word(&at, end, &name_len), *text = next_word(&at, end, &text_len);
	struct members *members;
	struct prefix prefix;
	char buf[64];
	uintptr_t place;

	if (!name || !text)
		return fail(p, err, "expected the name of a set and a member");
	if (name_len >= sizeof(buf))
		return fail(p, err, "the name of the set is too long");
	memcpy(buf, name, name_len);
	buf[name_len] = '\0';
	place = (uintptr_t)map_find(p->by_name, buf);
	if (!place)
		return err_input(err, "%s:%u: set %s was not created", p->name, p->line, buf);
	members = &p->sets.items[place - 1];
	if (members->is_opaque)
		return true;
	if (has_nomatch(at, end)) {
		make_opaque(p, members);
		return true;
	}
	if (text_len >= sizeof(buf))
		return fail(p, err, "the member is too long");
	memcpy(buf, text, text_len);
	buf[text_len] = '\0';
	if (!prefix_parse(buf, &prefix) ||
		prefix.addr.family != ruleset_set(p->rs, members->set)->family)
		return err_input(err, "%s:%u: %s is no member of set %s", p->name, p->line, buf,
			members->set);
	vec_push(&members->elements, p->scratch)->prefix = prefix;
	return true;
}

static bool parse_line(struct parser *p, const char *line, const char *end, struct err *err)
{
	const char *at = line;
	size_t len;
	const char *word = next_word(&at, end, &len);

	if (!word || *word == '#' || is_word(word, len, "COMMIT"))
		return true;
	if (is_word(word, len, "create"))
		return parse_create(p, line, at, end, err);
	if (is_word(word, len, "add"))
		return parse_add(p, at, end, err);
	return err_input(err, "%s:%u: expected create or add, not \"%.*s\"", p->name, p->line,
		(int)(len > 64 ? 64 : len), word);
}

static int element_compare(const void *a, const void *b)
{
	const struct set_element *left = a, *right = b;

	return prefix_compare(&left->prefix, &right->prefix);
}

static void keep_members(struct parser *p, struct members *members)
{
	struct set *set = ruleset_add_set(p->arena, p->rs, members->set);
	size_t n = 0;

	if (!members->elements.n)
		return;
	qsort(members->elements.items, members->elements.n, sizeof(struct set_element),
		element_compare);
	set->elements = arena_new_array(p->arena, struct set_element, members->elements.n);
	vec_for_each (element, &members->elements)
		if (!n || element_compare(&set->elements[n - 1], element) != 0)
			set->elements[n++] = *element;
	set->n_elements = n;
}

bool ruleset_parse_ipset(struct arena *arena, struct ruleset *rs, const char *name,
	const char *text, struct err *err)
{
	struct arena *scratch CLEANUP(arena_freep) = arena_new();
	struct parser p = { .arena = arena,
		.scratch = scratch,
		.rs = rs,
		.name = name,
		.by_name = map_new(scratch) };

	while (*text) {
		const char *end = text + strcspn(text, "\n");

		p.line++;
		if (!parse_line(&p, text, end, err))
			return false;
		text = end + (*end == '\n');
	}
	vec_for_each (members, &p.sets)
		keep_members(&p, members);
	return true;
}
