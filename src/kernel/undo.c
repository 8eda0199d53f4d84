// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/undo.h"

#include <stdio.h>
#include <string.h>

#include "base/vec.h"

const char *undo_line(const char *text, unsigned line, size_t *ret_len)
{
	for (unsigned i = 1; i < line; i++) {
		text += strcspn(text, "\n");
		text += *text == '\n';
	}
	*ret_len = line ? strcspn(text, "\n") : 0;
	return text;
}

static bool line_is(const char *line, size_t len, const char *what)
{
	return len == strlen(what) && strncmp(line, what, len) == 0;
}

size_t undo_applied_len(enum tool tool, const char *text, unsigned line)
{
	const char *at = text, *applied = text;

	if (tool == TOOL_NFT)
		return 0;
	for (unsigned i = 1; i < line && *at; i++) {
		size_t len = strcspn(at, "\n");
		const char *next = at + len + (at[len] == '\n');

		if (tool == TOOL_IPSET || line_is(at, len, "COMMIT"))
			applied = next;
		at = next;
	}
	return (size_t)(applied - text);
}

/* Has the first len bytes of text a line "*table"? */
static bool has_table(const char *text, size_t text_len, const char *name, size_t len)
{
	for (const char *at = text; at < text + text_len;) {
		size_t line_len = strcspn(at, "\n");

		if (at[0] == '*' && line_len == len && strncmp(at, name, len) == 0)
			return true;
		at += line_len + (at[line_len] == '\n');
	}
	return false;
}

static void print_tables(struct text *out, const struct plan_step *step, size_t applied_len)
{
	bool is_wanted = false;

	for (const char *at = step->undo; *at;) {
		size_t len = strcspn(at, "\n"), next = len + (at[len] == '\n');

		if (at[0] == '*')
			is_wanted = has_table(step->text, applied_len, at, len);
		if (is_wanted)
			text_add_n(out, at, next);
		at += next;
	}
}

/* The lines of the plan's undo that fill or make a set which was flushed or destroyed. */
static void print_refill(
	struct text *out, const char *undo, const char *set, size_t set_len, bool with_create)
{
	for (const char *at = undo; *at;) {
		size_t len = strcspn(at, "\n"), word = strcspn(at, " \n");
		const char *name = at + word + (at[word] == ' ');
		bool is_create = word == 6 && strncmp(at, "create", word) == 0;
		bool is_add = word == 3 && strncmp(at, "add", word) == 0;

		if ((is_add || (is_create && with_create)) && strcspn(name, " \n") == set_len &&
			strncmp(name, set, set_len) == 0)
			text_addf(out, "%.*s\n", (int)len, at);
		at += len + (at[len] == '\n');
	}
}

/* An element as "del" takes it: without the options behind it. */
static void print_inverse(struct text *out, const char *line, size_t len, const char *undo)
{
	char copy[1024], word[16] = "", a[256] = "", b[256] = "";

	if (len >= sizeof(copy))
		return;
	memcpy(copy, line, len);
	copy[len] = '\0';
	if (sscanf(copy, "%15s %255s %255s", word, a, b) < 2)
		return;
	if (!strcmp(word, "create"))
		text_addf(out, "destroy %s\n", a);
	else if (!strcmp(word, "add"))
		text_addf(out, "del %s %s\n", a, b);
	else if (!strcmp(word, "del"))
		text_addf(out, "add %s %s\n", a, b);
	else if (!strcmp(word, "swap"))
		text_addf(out, "swap %s %s\n", a, b);
	else if (!strcmp(word, "rename"))
		text_addf(out, "rename %s %s\n", b, a);
	else if (!strcmp(word, "destroy") || !strcmp(word, "flush"))
		print_refill(out, undo, a, strlen(a), word[0] == 'd');
}

static void print_sets(struct text *out, const struct plan_step *step, size_t applied_len)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	VEC(const char *) lines = { 0 };

	for (const char *at = step->text; at < step->text + applied_len;) {
		*vec_push(&lines, arena) = at;
		at += strcspn(at, "\n");
		at += *at == '\n';
	}
	while (lines.n--)
		print_inverse(out, lines.items[lines.n], strcspn(lines.items[lines.n], "\n"),
			step->undo ? step->undo : "");
}

void undo_print(struct text *out, const struct plan_step *step, size_t applied_len)
{
	if (!applied_len)
		return;
	if (step->undo && applied_len >= strlen(step->text))
		text_add(out, step->undo);
	else if (step->tool == TOOL_IPSET)
		print_sets(out, step, applied_len);
	else if (step->undo)
		print_tables(out, step, applied_len);
}
