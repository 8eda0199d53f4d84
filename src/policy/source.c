// SPDX-License-Identifier: GPL-2.0-or-later
#include "policy/source.h"

#include <string.h>

#include "base/text.h"
#include "base/vec.h"

#define BAD_CHARACTER UINT32_MAX

/* A quoted line is cut to this many columns around the caret. */
#define SHOWN_COLUMNS 100
#define SHOWN_BEFORE  50 /* kept to the left of the caret of a long line */
#define SHOWN_VALUE   60 /* characters of a value inside a sentence */

uint32_t utf8_next(const char **at, const char *end)
{
	const unsigned char *s = (const unsigned char *)*at;
	size_t left = (size_t)(end - *at), len;
	uint32_t c, least;

	if (s[0] < 0x80) {
		*at += 1;
		return s[0];
	}
	if ((s[0] & 0xe0) == 0xc0) {
		len = 2, least = 0x80, c = s[0] & 0x1f;
	} else if ((s[0] & 0xf0) == 0xe0) {
		len = 3, least = 0x800, c = s[0] & 0x0f;
	} else if ((s[0] & 0xf8) == 0xf0) {
		len = 4, least = 0x10000, c = s[0] & 0x07;
	} else {
		*at += 1;
		return BAD_CHARACTER;
	}
	for (size_t i = 1; i < len; i++) {
		if (i >= left || (s[i] & 0xc0) != 0x80) {
			*at += 1;
			return BAD_CHARACTER;
		}
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < least || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) {
		*at += 1;
		return BAD_CHARACTER;
	}
	*at += len;
	return c;
}

size_t utf8_len(const char *text)
{
	const char *end = text + strlen(text);
	size_t n = 0;

	while (text < end) {
		utf8_next(&text, end);
		n++;
	}
	return n;
}

/* Would turn a message or a terminal into something else: controls, direction marks. */
static bool is_invisible(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xad || (c >= 0x200b && c <= 0x200f) ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff ||
	       c == BAD_CHARACTER;
}

/* Columns on a terminal, near enough for a caret; wcwidth would depend on the locale. */
static unsigned char_width(uint32_t c)
{
	static const struct {
		uint32_t first, last;
	} wide[] = { { 0x1100, 0x115f }, { 0x2e80, 0xa4cf }, { 0xac00, 0xd7a3 }, { 0xf900, 0xfaff },
		{ 0xfe30, 0xfe6f }, { 0xff00, 0xff60 }, { 0xffe0, 0xffe6 }, { 0x1f300, 0x1faff },
		{ 0x20000, 0x3fffd } };

	if ((c >= 0x300 && c <= 0x36f) || (c >= 0x20d0 && c <= 0x20ff) ||
		(c >= 0xfe00 && c <= 0xfe0f))
		return 0;
	for (size_t i = 0; i < N_OF(wide); i++)
		if (c >= wide[i].first && c <= wide[i].last)
			return 2;
	return 1;
}

/* The line breaks of YAML 1.1, so that lines are counted as libyaml counts them. */
static bool is_break(uint32_t c)
{
	return c == '\n' || c == '\r' || c == 0x85 || c == 0x2028 || c == 0x2029;
}

static const char *skip_lines(const struct source *source, uint32_t n)
{
	const char *at = source->text, *end = at + source->size;

	while (n && at < end) {
		uint32_t c = utf8_next(&at, end);

		if (!is_break(c))
			continue;
		if (c == '\r' && at < end && *at == '\n')
			at++;
		n--;
	}
	return at;
}

/* One character of a quoted line; returns the columns that it took. */
static unsigned add_shown(
	struct text *out, const char *from, const char *to, uint32_t c, unsigned column)
{
	if (c == '\t') {
		unsigned n = 8 - column % 8;

		text_addf(out, "%*s", (int)n, "");
		return n;
	}
	if (is_invisible(c)) {
		text_add(out, "?");
		return 1;
	}
	text_add_n(out, from, (size_t)(to - from));
	return char_width(c);
}

static void quote_line(struct text *out, const struct source *source, struct place place)
{
	struct text carets CLEANUP(text_done) = TEXT_INIT;
	const char *at = skip_lines(source, place.line), *end = source->text + source->size;
	uint32_t first = place.column > SHOWN_COLUMNS - 30 ? place.column - SHOWN_BEFORE : 0;
	uint32_t last = place.column + (place.width ? place.width : 1), i = 0;
	unsigned column = 0;
	bool cut = false;

	for (; i < first && at < end; i++) {
		const char *from = at;

		if (is_break(utf8_next(&at, end))) {
			at = from;
			break;
		}
	}
	if (first) {
		text_add(out, "...");
		text_add(&carets, "   ");
		column = 3;
	}
	for (; at < end; i++) {
		const char *from = at;
		uint32_t c = utf8_next(&at, end);
		unsigned n;

		if (is_break(c))
			break;
		if (column >= SHOWN_COLUMNS) {
			cut = true;
			break;
		}
		n = add_shown(out, from, at, c, column);
		column += n;
		if (i < last)
			for (unsigned k = 0; k < n; k++)
				text_add(&carets, i < place.column ? " " : "^");
	}
	if (cut)
		text_add(out, "...");
	if (i <= place.column)
		text_add(&carets, "^"); /* at the end of the line or of the file */
	text_addf(out, "\n%s", carets.data);
}

bool source_fail(
	const struct source *source, struct place at, struct err *err, const char *fmt, ...)
{
	struct text what CLEANUP(text_done) = TEXT_INIT, quote CLEANUP(text_done) = TEXT_INIT;
	va_list ap;

	va_start(ap, fmt);
	text_vaddf(&what, fmt, ap);
	va_end(ap);
	quote_line(&quote, source, at);
	return err_input(err, "%s:%u:%u: %s\n%s", source->name, at.line + 1, at.column + 1,
		what.data, quote.data);
}

const char *source_shown(struct arena *arena, const char *text)
{
	struct text out CLEANUP(text_done) = TEXT_INIT;
	const char *at = text, *end = text + strlen(text);
	size_t n = 0;

	text_add(&out, "'");
	for (; at < end && n < SHOWN_VALUE; n++) {
		const char *from = at;
		uint32_t c = utf8_next(&at, end);

		if (is_invisible(c))
			text_add(&out, "?");
		else
			text_add_n(&out, from, (size_t)(at - from));
	}
	text_add(&out, at < end ? "...'" : "'");
	return arena_strdup(arena, out.data);
}

bool source_init(
	struct source *ret, const char *name, const char *text, size_t size, struct err *err)
{
	struct source source = { .name = name, .text = text, .size = size };
	struct place place = { .width = 1 };
	const char *at, *end;

	if (size >= 2 && (!memcmp(text, "\xff\xfe", 2) || !memcmp(text, "\xfe\xff", 2))) {
		err_input(err, "%s: the file is in UTF-16", name);
		err_next(err, "Save it as UTF-8.");
		return false;
	}
	if (size >= 3 && !memcmp(text, "\xef\xbb\xbf", 3)) {
		source.text += 3;
		source.size -= 3;
	}
	for (at = source.text, end = at + source.size; at < end; place.column++) {
		const char *from = at;
		uint32_t c = utf8_next(&at, end);

		if (is_break(c)) {
			if (c == '\r' && at < end && *at == '\n')
				at++;
			place.line++;
			place.column = UINT32_MAX;
			continue;
		}
		if (c == BAD_CHARACTER) {
			source_fail(&source, place, err, "byte 0x%02x is not UTF-8",
				(unsigned char)*from);
			err_next(err, "Save the file as UTF-8.");
			return false;
		}
		if ((c < 0x20 && c != '\t') || (c >= 0x7f && c < 0xa0) || c == 0xfeff ||
			c == 0xfffe || c == 0xffff) {
			source_fail(&source, place, err,
				"character U+%04X does not belong in a policy", c);
			err_next(err, "%s", c ? "Delete it." : "Is this a text file?");
			return false;
		}
	}
	*ret = source;
	return true;
}
