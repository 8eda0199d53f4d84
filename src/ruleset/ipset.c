// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ipset save text. Every common type is read into typed members. Sets of one address (hash:net,
 * hash:ip, bitmap:ip) are also kept as sorted prefixes, and as nothing else where no member has
 * more to say: they may have millions. Of a type that is not known the lines are kept.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/map.h"
#include "base/vec.h"
#include "ruleset/ipset.h"
#include "ruleset/print.h"

struct members {
	const char *set;
	const struct ipset_type *type; /* NULL: not known */
	uint8_t netmask;	       /* of the addresses; 0: whole */
	bool has_rest, has_nomatch;
	bool is_opaque;
	struct text lines; /* of an opaque set */
	VEC(struct ipset_member) list;
};

struct parser {
	struct arena *arena, *scratch;
	struct ruleset *rs;
	const char *name;
	unsigned line;
	const char *line_start;
	size_t n_members;
	struct map *by_name; /* from a set's name to its place in sets, plus 1 */
	VEC(struct members) sets;
};

static size_t column_of(const struct parser *p, const char *at)
{
	return (size_t)(at - p->line_start) + 1;
}

/* at: a place in the line. */
__attribute__((format(printf, 4, 5))) static bool fail(
	const struct parser *p, struct err *err, const char *at, const char *fmt, ...)
{
	char what[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	return err_input(err, "%s:%u:%zu: %s", p->name, p->line, column_of(p, at), what);
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

/* The options that change what the set means; others are only kept. at: of the value. */
static bool parse_option(struct parser *p, struct set *set, struct members *members,
	const char *name, const char *value, const char *at, struct err *err)
{
	uint32_t number;
	char *rest;

	if (strcmp(name, "family") == 0) {
		if (strcmp(value, "inet") != 0 && strcmp(value, "inet6") != 0)
			return fail(p, err, at, "family cannot be %s", value);
		set->family = value[4] ? FAMILY_IPV6 : FAMILY_IPV4;
	} else if (strcmp(name, "maxelem") == 0) {
		if (!text_to_u32(value, 0, UINT32_MAX, &set->max_elem))
			return fail(p, err, at, "maxelem cannot be %s", value);
	} else if (strcmp(name, "netmask") == 0) {
		if (!text_to_u32(value, 1, 128, &number))
			return fail(p, err, at, "netmask cannot be %s", value);
		members->netmask = (uint8_t)number;
	} else if (strcmp(name, "markmask") == 0) {
		set->mark_mask = (uint32_t)strtoul(value, &rest, 0);
		if (*rest)
			return fail(p, err, at, "markmask cannot be %s", value);
	} else if (strcmp(name, "bitmask") == 0) {
		members->is_opaque = true;
	}
	return true;
}

/* What follows "create NAME TYPE". */
static bool parse_options(struct parser *p, struct set *set, struct members *members,
	const char *at, const char *end, struct err *err)
{
	static const char *const names[] = { "family", "maxelem", "netmask", "markmask",
		"bitmask" };
	size_t len, value_len;
	const char *word, *value;
	char number[64];

	while ((word = next_word(&at, end, &len))) {
		size_t i = 0;

		while (i < N_OF(names) && !is_word(word, len, names[i]))
			i++;
		if (i == N_OF(names))
			continue;
		value = next_word(&at, end, &value_len);
		if (!value || value_len >= sizeof(number))
			return fail(p, err, word,
				value ? "the value of this option is too long"
				      : "an option of the set has no value");
		memcpy(number, value, value_len);
		number[value_len] = '\0';
		if (!parse_option(p, set, members, names[i], number, value, err))
			return false;
	}
	return true;
}

static bool parse_create(
	struct parser *p, const char *line, const char *at, const char *end, struct err *err)
{
	size_t name_len, type_len;
	const char *name = next_word(&at, end, &name_len), *type = next_word(&at, end, &type_len);
	const char *name_at = name;
	struct members *members;
	struct set *set;
	bool ok;

	if (!name || !type)
		return fail(p, err, at, "expected the name and the type of a set");
	name = arena_strndup(p->scratch, name, name_len);
	if (ruleset_set(p->rs, name))
		return fail(p, err, name_at, "set %s is there twice", name);
	set = ruleset_add_set(p->arena, p->rs, name);
	set->line = p->line;
	set->type = arena_strndup(p->arena, type, type_len);
	set->kind = strcmp(set->type, "hash:net") == 0 ? SET_HASH_NET : SET_IPSET;
	set->mark_mask = UINT32_MAX;
	while (at < end && *at == ' ')
		at++;
	set->options = arena_strndup(p->arena, at, (size_t)(end - at));
	members = vec_push(&p->sets, p->scratch);
	*members = (struct members){
		.set = name, .type = ipset_type_find(set->type), .lines = TEXT_INIT
	};
	map_add(p->by_name, name, (void *)(uintptr_t)p->sets.n);
	ok = parse_options(p, set, members, at, end, err);
	if (members->type)
		memcpy(set->parts, members->type->parts, sizeof(set->parts));
	if (!members->type || members->is_opaque) {
		set->opaque = arena_strndup(p->arena, line, (size_t)(end - line));
		members->is_opaque = true;
	}
	return ok;
}

static bool has_flag(const char *at, const char *end, const char *flag)
{
	size_t len;
	const char *word;

	while ((word = next_word(&at, end, &len)) && !is_word(word, len, "comment"))
		if (is_word(word, len, flag))
			return true;
	return false;
}

static struct members *members_of(struct parser *p, const char *name, size_t len, struct err *err)
{
	char buf[64];
	uintptr_t place;

	if (len >= sizeof(buf)) {
		fail(p, err, name, "the name of the set is too long");
		return NULL;
	}
	memcpy(buf, name, len);
	buf[len] = '\0';
	place = (uintptr_t)map_find(p->by_name, buf);
	if (!place) {
		fail(p, err, name, "set %s was not created", buf);
		return NULL;
	}
	return &p->sets.items[place - 1];
}

static bool parse_add(
	struct parser *p, const char *line, const char *at, const char *end, struct err *err)
{
	size_t name_len, text_len;
	const char *name = next_word(&at, end, &name_len), *text = next_word(&at, end, &text_len);
	struct ipset_member member = { 0 };
	struct members *members;
	const struct set *set;
	char buf[256];

	if (!name || !text)
		return fail(p, err, at, "expected the name of a set and a member");
	members = members_of(p, name, name_len, err);
	if (!members)
		return false;
	if (++p->n_members > LIMIT_MEMBERS)
		return err_limit(err, "%s:%u:%zu: more than %d members", p->name, p->line,
			column_of(p, name), LIMIT_MEMBERS);
	if (members->is_opaque) {
		text_add_n(&members->lines, line, (size_t)(end - line));
		text_add(&members->lines, "\n");
		return true;
	}
	if (text_len >= sizeof(buf))
		return fail(p, err, text, "the member is too long");
	memcpy(buf, text, text_len);
	buf[text_len] = '\0';
	set = ruleset_set(p->rs, members->set);
	if (!ipset_member_parse(
		    p->arena, members->type, set->family, members->netmask, buf, &member))
		return fail(p, err, text, "%s is no member of set %s", buf, members->set);
	while (at < end && *at == ' ')
		at++;
	if (at < end) {
		member.rest = arena_strndup(p->arena, at, (size_t)(end - at));
		member.is_nomatch = has_flag(at, end, "nomatch");
		member.is_wildcard = has_flag(at, end, "wildcard");
	}
	members->has_rest |= member.rest || member.text;
	members->has_nomatch |= member.is_nomatch;
	*vec_push(&members->list, p->scratch) = member;
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
		return parse_add(p, line, at, end, err);
	return fail(p, err, word, "expected create or add, not \"%.*s\"",
		(int)(len > 64 ? 64 : len), word);
}

/* A member of a set of one address, and where it stood. */
struct placed {
	struct prefix prefix;
	uint32_t place;
};

static int placed_compare(const void *a, const void *b)
{
	const struct placed *left = a, *right = b;
	int order = prefix_compare(&left->prefix, &right->prefix);

	return order ? order : (left->place > right->place) - (left->place < right->place);
}

/* Sorted and each once; the order of the text is kept as places. */
static void keep_elements(struct parser *p, struct set *set, const struct members *members)
{
	size_t n_all = members->list.n, n = 0, at = 0;
	struct placed *placed = arena_new_array(p->scratch, struct placed, n_all);
	uint32_t *order = arena_new_array(p->arena, uint32_t, n_all);
	uint32_t *element_of = arena_new_array(p->scratch, uint32_t, n_all);

	for (size_t i = 0; i < n_all; i++)
		placed[i] = (struct placed){ members->list.items[i].nets[0], (uint32_t)i };
	qsort(placed, n_all, sizeof(placed[0]), placed_compare);
	set->elements = arena_new_array(p->arena, struct set_element, n_all);
	for (size_t i = 0; i < n_all; i++) {
		element_of[placed[i].place] = UINT32_MAX;
		if (i && prefix_compare(&placed[i - 1].prefix, &placed[i].prefix) == 0)
			continue;
		element_of[placed[i].place] = (uint32_t)n;
		set->elements[n++].prefix = placed[i].prefix;
	}
	for (size_t i = 0; i < n_all; i++)
		if (element_of[i] != UINT32_MAX)
			order[at++] = element_of[i];
	set->n_elements = n;
	set->text_order = order;
}

static void keep_members(struct parser *p, struct members *members)
{
	struct set *set = ruleset_add_set(p->arena, p->rs, members->set);
	bool is_one_address;
	struct ipset_member *list;

	if (members->is_opaque) {
		set->written = arena_strdup(p->arena, members->lines.data);
		return;
	}
	is_one_address = set->parts[1] == IPSET_NONE &&
			 (set->parts[0] == IPSET_IP || set->parts[0] == IPSET_NET);
	if (members->has_nomatch)
		set->kind = SET_IPSET;
	set->has_elements = is_one_address && !members->has_nomatch;
	if (!members->list.n)
		return;
	if (set->has_elements)
		keep_elements(p, set, members);
	if (set->has_elements && !members->has_rest)
		return;
	list = arena_new_array(p->arena, struct ipset_member, members->list.n);
	memcpy(list, members->list.items, members->list.n * sizeof(list[0]));
	set->members = list;
	set->n_members = members->list.n;
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
	bool ok = true;

	while (ok && *text) {
		const char *end = text + strcspn(text, "\n");

		p.line++;
		p.line_start = text;
		ok = parse_line(&p, text, end, err);
		text = end + (*end == '\n');
	}
	vec_for_each (members, &p.sets) {
		if (ok)
			keep_members(&p, members);
		text_done(&members->lines);
	}
	return ok;
}

void ipset_print(struct text *out, const struct set *set)
{
	if (set->opaque) {
		text_addf(out, "%s\n%s", set->opaque, set->written ? set->written : "");
		return;
	}
	if (set->type)
		text_addf(out, "create %s %s%s%s\n", set->name, set->type, *set->options ? " " : "",
			set->options);
	else
		text_addf(out, "create %s hash:net family %s maxelem %u\n", set->name,
			set->family == FAMILY_IPV6 ? "inet6" : "inet", set->max_elem);
	for (size_t i = 0; i < set->n_members; i++) {
		text_addf(out, "add %s ", set->name);
		ipset_member_print(out, set, &set->members[i]);
		text_add(out, "\n");
	}
	for (size_t i = 0; !set->members && i < set->n_elements; i++) {
		const struct ipset_member member = {
			.nets[0] = set->elements[set->text_order ? set->text_order[i] : i].prefix
		};

		text_addf(out, "add %s ", set->name);
		ipset_member_print(out, set, &member);
		text_add(out, "\n");
	}
}

static int set_by_line(const void *a, const void *b)
{
	const struct set *const *left = a, *const *right = b;

	if ((*left)->line != (*right)->line)
		return (*left)->line < (*right)->line ? -1 : 1;
	return (*left > *right) - (*left < *right); /* of one array */
}

void ruleset_print_ipset(struct text *out, const struct ruleset *rs)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	const struct set **sets = arena_new_array(arena, const struct set *, rs->n_sets + 1);

	for (size_t i = 0; i < rs->n_sets; i++)
		sets[i] = &rs->sets[i];
	qsort(sets, rs->n_sets, sizeof(sets[0]), set_by_line);
	for (size_t i = 0; i < rs->n_sets; i++)
		ipset_print(out, sets[i]);
}
