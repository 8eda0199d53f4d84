// SPDX-License-Identifier: GPL-2.0-or-later
/* One line on standard error for a thing that happened; "<N>" is the priority that journald reads. */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "agent/agent.h"
#include "base/text.h"

static bool is_plain(const char *value)
{
	for (const char *c = value; *c; c++)
		if (!isgraph((unsigned char)*c) || strchr("\"\\=", *c))
			return false;
	return *value != '\0';
}

static void add_value(struct text *line, const char *value)
{
	if (is_plain(value)) {
		text_add(line, value);
		return;
	}
	text_add(line, "\"");
	for (; *value; value++) {
		if (*value == '"' || *value == '\\')
			text_add(line, "\\");
		text_add_n(line, iscntrl((unsigned char)*value) ? " " : value, 1);
	}
	text_add(line, "\"");
}

void agent_log(enum log_level level, const char *event, ...)
{
	struct text line CLEANUP(text_done) = TEXT_INIT;
	const char *key, *value;
	va_list ap;

	text_addf(&line, "<%d>event=%s", (int)level, event);
	va_start(ap, event);
	while ((key = va_arg(ap, const char *))) {
		value = va_arg(ap, const char *);
		if (!value)
			continue;
		text_addf(&line, " %s=", key);
		add_value(&line, value);
	}
	va_end(ap);
	text_add(&line, "\n");
	/* at once: several writers share the stream, and a line is one write */
	fwrite(line.data, 1, line.len, stderr);
	fflush(stderr);
}
