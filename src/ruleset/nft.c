// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * nft list ruleset text, as nft 1.0.6 prints it: a line is a statement, a block opens at the end
 * of a line and closes on a line of its own. Tables of the bridge family are read; a table of
 * another family is stepped over, because what it does to IP packets is not modelled here.
 */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/vec.h"
#include "ruleset/nft.h"

static bool fail(const struct nft_parser *p, struct err *err, const char *what)
{
	return err_input(err, "%s:%u: %s", p->name, p->line, what);
}

/* How many braces more are opened than closed; none counts inside quotes. */
static int brace_depth(const char *text)
{
	bool in_quotes = false;
	int depth = 0;

	for (; *text; text++) {
		if (*text == '"')
			in_quotes = !in_quotes;
		else if (!in_quotes && *text == '{')
			depth++;
		else if (!in_quotes && *text == '}')
			depth--;
	}
	return depth;
}

/* "nft -a" ends objects and rules with "# handle 5". */
static void cut_handle(struct text *line)
{
	char *handle = strrchr(line->data, '#');

	if (!handle || !text_has_prefix(handle, "# handle ") ||
		handle[9 + strspn(handle + 9, "0123456789")])
		return;
	while (handle > line->data && handle[-1] == ' ')
		handle--;
	line->len = (size_t)(handle - line->data);
	*handle = '\0';
}

/* Adds the next line without its indentation; false at the end of the text. */
static bool add_line(struct nft_parser *p)
{
	size_t len, start;

	if (!*p->at)
		return false;
	p->line++;
	len = strcspn(p->at, "\n");
	start = strspn(p->at, " \t");
	if (start < len)
		text_add_n(&p->current, p->at + start, len - start);
	while (p->current.len && strchr(" \t", p->current.data[p->current.len - 1]))
		p->current.data[--p->current.len] = '\0';
	p->at += len + (p->at[len] == '\n');
	cut_handle(&p->current);
	return true;
}

/* The next line that says something, into p->current. */
static bool next_line(struct nft_parser *p)
{
	do {
		text_clear(&p->current);
		if (!add_line(p))
			return false;
	} while (!p->current.len || p->current.data[0] == '#');
	return true;
}

/* What goes over several lines, the elements of a set, becomes one line. */
static bool complete_line(struct nft_parser *p, struct err *err)
{
	int depth = brace_depth(p->current.data);

	while (depth > 0) {
		size_t len;

		text_add(&p->current, " ");
		len = p->current.len;
		if (!add_line(p))
			return fail(p, err, "the text ends inside of braces");
		if (p->current.len > len)
			depth += brace_depth(p->current.data + len);
	}
	return true;
}

static bool opens_block(const struct nft_parser *p)
{
	return brace_depth(p->current.data) == 1 && p->current.data[p->current.len - 1] == '{';
}

/* p->current opens a block; returns behind its closing line. */
static bool skip_block(struct nft_parser *p, struct err *err)
{
	int depth = 1;

	while (depth > 0) {
		text_clear(&p->current);
		if (!add_line(p))
			return fail(p, err, "the text ends inside of a block");
		depth += brace_depth(p->current.data);
	}
	return true;
}

/* "chain NAME {": the name, or NULL when the line is something else. */
static const char *block_name(struct nft_parser *p, const char *keyword)
{
	const char *text = p->current.data;
	size_t keyword_len = strlen(keyword), len;

	if (!text_has_prefix(text, keyword) || text[keyword_len] != ' ' || !opens_block(p))
		return NULL;
	text += keyword_len + 1;
	len = strcspn(text, " ");
	return len && strcmp(text + len, " {") == 0 ? arena_strndup(p->scratch, text, len) : NULL;
}

/* The text between the quotes behind keyword, or NULL. */
static const char *quoted_value(struct nft_parser *p, const char *keyword)
{
	const char *text = p->current.data;
	size_t keyword_len = strlen(keyword);

	if (!text_has_prefix(text, keyword) || strncmp(text + keyword_len, " \"", 2) != 0)
		return NULL;
	text += keyword_len + 2;
	return arena_strndup(p->arena, text, strcspn(text, "\""));
}

static int element_compare(const void *a, const void *b)
{
	const struct set_element *left = a, *right = b;

	return strcmp(left->name, right->name);
}

/* "tap1" or "tap1" : goto o-1; false: another kind of element. */
static bool parse_element(
	struct nft_parser *p, enum set_kind kind, size_t from, size_t end, struct set_element *ret)
{
	struct set_element element = { 0 };

	if (from >= end || !nft_token_name(p, from, &element.name))
		return false;
	if (kind == SET_IFNAME) {
		*ret = element;
		return from + 1 == end;
	}
	if (from + 2 >= end || !nft_token_is(p, from + 1, ":") ||
		!nft_parse_verdict(p, from + 2, end, &element.target))
		return false;
	*ret = element;
	return true;
}

/* "elements = { ... }" */
static bool parse_elements(struct nft_parser *p, struct set *set)
{
	VEC(struct set_element) elements = { 0 };
	size_t n = 0, from;

	nft_split(p, p->current.data);
	if (p->tokens.n < 4 || !nft_token_is(p, 1, "=") || !nft_token_is(p, 2, "{") ||
		!nft_token_is(p, p->tokens.n - 1, "}"))
		return false;
	for (from = 3; from + 1 < p->tokens.n;) {
		size_t end = from;

		while (end + 1 < p->tokens.n && !nft_token_is(p, end, ","))
			end++;
		if (!parse_element(p, set->kind, from, end, vec_push(&elements, p->scratch)))
			return false;
		from = end + 1;
	}
	if (!elements.n)
		return true;
	qsort(elements.items, elements.n, sizeof(struct set_element), element_compare);
	set->elements = arena_new_array(p->arena, struct set_element, elements.n);
	vec_for_each (element, &elements)
		if (!n || element_compare(&set->elements[n - 1], element) != 0)
			set->elements[n++] = *element;
	set->n_elements = n;
	return true;
}

/* Lines of a set that change nothing in who is a member. */
static bool is_harmless(const char *line)
{
	return text_has_prefix(line, "comment ") || text_has_prefix(line, "size ") ||
	       text_has_prefix(line, "policy ");
}

static bool parse_set(struct nft_parser *p, const char *name, bool is_map, struct err *err)
{
	const char *type = is_map ? "type ifname : verdict" : "type ifname";
	struct text block CLEANUP(text_done) = TEXT_INIT;
	struct set *set = table_add_set(p->arena, p->table, name);
	bool is_known = true;

	*set = (struct set){ .name = set->name, .kind = is_map ? MAP_IFNAME_VERDICT : SET_IFNAME };
	for (;;) {
		if (!next_line(p))
			return fail(p, err, "the text ends inside of a set");
		if (strcmp(p->current.data, "}") == 0)
			break;
		if (!complete_line(p, err))
			return false;
		if (block.len)
			text_add(&block, "; ");
		text_add_n(&block, p->current.data, p->current.len);
		if (text_has_prefix(p->current.data, "elements = {"))
			is_known = parse_elements(p, set) && is_known;
		else if (strcmp(p->current.data, type) != 0 && !is_harmless(p->current.data))
			is_known = false;
	}
	if (!is_known) {
		set->elements = NULL;
		set->n_elements = 0;
		set->opaque = arena_strdup(p->arena, block.data);
	}
	return true;
}

/* "type filter hook forward priority -310; policy accept;" */
static bool parse_hook(struct nft_parser *p, struct chain *chain)
{
	const char *line = p->current.data;

	if (!text_has_prefix(line, "type ") || !strstr(line, " hook "))
		return false;
	chain->is_base = true;
	chain->hook_text = arena_strdup(p->arena, line);
	chain->policy = strstr(line, "policy drop;") ? "DROP" : "ACCEPT";
	return true;
}

static bool parse_chain(struct nft_parser *p, const char *name, struct err *err)
{
	struct chain *chain = table_add_chain(p->arena, p->table, name);
	struct rule rule;

	for (;;) {
		if (!next_line(p))
			return fail(p, err, "the text ends inside of a chain");
		if (strcmp(p->current.data, "}") == 0)
			return true;
		rule = (struct rule){ .line = p->line };
		if (!complete_line(p, err))
			return false;
		if (!chain->n_rules &&
			(parse_hook(p, chain) || text_has_prefix(p->current.data, "comment \"")))
			continue;
		if (++p->n_rules > LIMIT_RULESET_RULES)
			return err_limit(err, "%s:%u: more than %d rules", p->name, p->line,
				LIMIT_RULESET_RULES);
		nft_parse_rule(p, &rule);
		*chain_add_rule(p->arena, chain) = rule;
	}
}

static bool parse_table(struct nft_parser *p, struct err *err)
{
	const char *name;

	for (;;) {
		if (!next_line(p))
			return fail(p, err, "the text ends inside of a table");
		if (strcmp(p->current.data, "}") == 0)
			return true;
		if ((name = block_name(p, "chain"))) {
			if (!parse_chain(p, name, err))
				return false;
		} else if ((name = block_name(p, "map")) || (name = block_name(p, "set"))) {
			if (!parse_set(p, name, p->current.data[0] == 'm', err))
				return false;
		} else if (opens_block(p)) {
			if (!skip_block(p, err))
				return false;
		} else if ((name = quoted_value(p, "comment"))) {
			p->table->comment = name;
		} else if (brace_depth(p->current.data) != 0) {
			return fail(p, err, "braces that do not belong here");
		}
	}
}

static bool parse_text(struct nft_parser *p, struct err *err)
{
	const char *name;

	while (next_line(p)) {
		if (!text_has_prefix(p->current.data, "table ") || !opens_block(p))
			return fail(p, err, "expected a table");
		if ((name = block_name(p, "table bridge"))) {
			p->table = ruleset_add_table(p->arena, p->rs, FAMILY_BRIDGE, name);
			if (!parse_table(p, err))
				return false;
		} else if (!skip_block(p, err)) {
			return false;
		}
	}
	return true;
}

/* No string of nft goes over a line; after this check a quote that opens also closes. */
static bool check_quotes(struct nft_parser *p, const char *text, struct err *err)
{
	bool in_quotes = false;

	p->line = 1;
	for (; *text; text++) {
		if (*text == '"')
			in_quotes = !in_quotes;
		if (*text != '\n')
			continue;
		if (in_quotes)
			break;
		p->line++;
	}
	if (in_quotes)
		return fail(p, err, "a quote is not closed");
	p->line = 0;
	return true;
}

bool ruleset_parse_nft(struct arena *arena, struct ruleset *rs, const char *name, const char *text,
	struct err *err)
{
	struct arena *scratch CLEANUP(arena_freep) = arena_new();
	struct nft_parser p = { .arena = arena,
		.scratch = scratch,
		.rs = rs,
		.name = name,
		.at = text,
		.current = TEXT_INIT };
	bool ok = check_quotes(&p, text, err) && parse_text(&p, err);

	text_done(&p.current);
	return ok;
}
