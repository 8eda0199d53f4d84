// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/undo.h"

#include <string.h>

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

		if (!tool_is_iptables(tool) || line_is(at, len, "COMMIT"))
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

void undo_print(struct text *out, const struct plan_step *step, size_t applied_len)
{
	bool is_iptables = tool_is_iptables(step->tool);

	if (!step->undo)
		return;
	if (applied_len >= strlen(step->text) || (!is_iptables && !step->is_atomic))
		text_add(out, step->undo);
	else if (is_iptables)
		print_tables(out, step, applied_len);
}
