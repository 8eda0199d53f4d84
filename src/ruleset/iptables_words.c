// SPDX-License-Identifier: GPL-2.0-or-later
/* A line of iptables-save as words, and words as options. */
#include <string.h>

#include "ruleset/iptables.h"

/* iptables-restore's own bound on the words of one rule. */
#define MAX_WORDS 255

const char *iptables_intern(struct iptables_parser *p, const char *value)
{
	const char *copy = map_find(p->interned, value);

	if (!copy) {
		copy = arena_strdup(p->arena, value);
		map_add(p->interned, copy, (void *)copy);
	}
	return copy;
}

const char *iptables_raw(struct iptables_parser *p, const char *before, size_t from, size_t end)
{
	struct text raw CLEANUP(text_done) = TEXT_INIT;

	if (before)
		text_add(&raw, before);
	for (size_t i = from; i < end; i++) {
		if (raw.len)
			text_add(&raw, " ");
		text_add_n(&raw, p->words.items[i].raw, p->words.items[i].raw_len);
	}
	return iptables_intern(p, raw.data);
}

bool iptables_is_name(const char *value)
{
	return *value && strcmp(value, "!") != 0 && !value[strcspn(value, " \t\"")];
}

static bool ends_word(char c)
{
	return c == ' ' || c == '\t' || c == '\0';
}

/* What is between the quote at *from and the next, without escapes, at to, whose end is returned; NULL: it
 * is not closed. */
static char *unquote(char *to, const char **from)
{
	const char *at = *from + 1;

	while (*at != '"') {
		if (!*at)
			return NULL;
		at += *at == '\\' && at[1];
		*to++ = *at++;
	}
	*from = at + 1;
	return to;
}

/*
 * As iptables-restore cuts a line: a word ends at a space or at a closing quote; only inside
 * quotes is a backslash an escape. The values are written over the copy of the line; none is
 * longer than what it was cut from, and an end always has a character to put the NUL over.
 */
bool iptables_split(struct iptables_parser *p, const char *line, size_t len, struct err *err)
{
	const char *at;
	char *to;

	p->words.n = 0;
	text_clear(&p->line_text);
	text_add_n(&p->line_text, line, len);
	at = p->line_text.data;
	for (;;) {
		struct word *word;

		while (*at == ' ' || *at == '\t')
			at++;
		if (!*at)
			return true;
		if (p->words.n == MAX_WORDS)
			return iptables_fail(
				p, err, p->words.n - 1, "more than %d words", MAX_WORDS);
		word = vec_push(&p->words, p->scratch);
		*word = (struct word){ .value = at, .raw = line + (at - p->line_text.data) };
		while (!ends_word(*at) && *at != '"')
			at++;
		to = p->line_text.data + (at - p->line_text.data);
		if (*at == '"') {
			word->is_quoted = true;
			to = unquote(to, &at);
			if (!to)
				return iptables_fail(
					p, err, p->words.n - 1, "a quote is not closed");
		}
		word->raw_len = (size_t)(line + (at - p->line_text.data) - word->raw);
		at += *at == ' ' || *at == '\t';
		*to = '\0';
	}
}

bool iptables_option_at(struct iptables_parser *p, size_t at, size_t end, struct option *ret)
{
	const struct word *words = p->words.items;
	struct option option = { 0 };

	if (at < end && iptables_is_word(&words[at], "!")) {
		option.inverted = option.flag_inverted = true;
		at++;
	}
	if (at >= end || words[at].is_quoted)
		return false;
	option.name = words[at++].value;
	option.after = option.flag_after = at;
	if (at + 1 < end && !option.inverted && iptables_is_word(&words[at], "!")) {
		option.inverted = true;
		at++;
	}
	if (at < end) {
		option.value = words[at].value;
		option.after = at + 1;
	}
	*ret = option;
	return true;
}

bool option_is(const struct option *option, const char *name)
{
	return strcmp(option->name, name) == 0;
}
