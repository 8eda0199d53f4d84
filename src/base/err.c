// SPDX-License-Identifier: GPL-2.0-or-later
#define ERR_C
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void err_fill(struct err *err, enum err_kind kind, int sys, const char *fmt, va_list ap)
{
	int len;

	err->kind = kind;
	err->sys = sys;
	err->next_step[0] = '\0';
	len = vsnprintf(err->text, sizeof(err->text), fmt, ap);
	if (sys && len >= 0 && (size_t)len < sizeof(err->text))
		snprintf(err->text + len, sizeof(err->text) - (size_t)len, ": %s", strerror(sys));
}

#define ERR_VA(err, kind, sys, fmt)                                                                \
	do {                                                                                       \
		va_list ap;                                                                        \
		va_start(ap, fmt);                                                                 \
		err_fill((err), (kind), (sys), fmt, ap);                                           \
		va_end(ap);                                                                        \
	} while (0)

bool err_input(struct err *err, const char *fmt, ...)
{
	ERR_VA(err, ERR_INPUT, 0, fmt);
	return false;
}

bool err_system(struct err *err, int sys, const char *fmt, ...)
{
	ERR_VA(err, ERR_SYSTEM, sys, fmt);
	return false;
}

bool err_conflict(struct err *err, const char *fmt, ...)
{
	ERR_VA(err, ERR_CONFLICT, 0, fmt);
	return false;
}

bool err_limit(struct err *err, const char *fmt, ...)
{
	ERR_VA(err, ERR_LIMIT, 0, fmt);
	return false;
}

bool err_prefix(struct err *err, const char *fmt, ...)
{
	char context[256]; /* longer context than this would push out the message itself */
	size_t len, keep;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(context, sizeof(context) - 2, fmt, ap);
	va_end(ap);
	len = strlen(context);
	memcpy(context + len, ": ", 3);
	len += 2;
	keep = strnlen(err->text, sizeof(err->text) - 1 - len);
	memmove(err->text + len, err->text, keep);
	memcpy(err->text, context, len);
	err->text[len + keep] = '\0';
	return false;
}

bool err_next(struct err *err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err->next_step, sizeof(err->next_step), fmt, ap);
	va_end(ap);
	return false;
}
