// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/utf8.h"

#include <stdbool.h>

static bool is_tail(unsigned char byte)
{
	return (byte & 0xc0) == 0x80;
}

size_t host_utf8_len(const unsigned char *text)
{
	unsigned long code;

	if (text[0] < 0x80)
		return 1;
	if (text[0] >= 0xc2 && text[0] < 0xe0)
		return is_tail(text[1]) ? 2 : 0;
	if (text[0] >= 0xe0 && text[0] < 0xf0) {
		if (!is_tail(text[1]) || !is_tail(text[2]))
			return 0;
		code = (text[0] & 0xfUL) << 12 | (text[1] & 0x3fUL) << 6 | (text[2] & 0x3fUL);
		return code >= 0x800 && (code < 0xd800 || code > 0xdfff) ? 3 : 0;
	}
	if (text[0] >= 0xf0 && text[0] < 0xf5) {
		if (!is_tail(text[1]) || !is_tail(text[2]) || !is_tail(text[3]))
			return 0;
		code = (text[0] & 7UL) << 18 | (text[1] & 0x3fUL) << 12;
		return code >= 0x10000 && code <= 0x10ffff ? 4 : 0;
	}
	return 0;
}

unsigned char host_utf8_foreign(const unsigned char *text)
{
	unsigned code;

	if (text[0] != 0xef || !is_tail(text[1]) || !is_tail(text[2]))
		return 0;
	code = 0xf000u | (text[1] & 0x3fu) << 6 | (text[2] & 0x3fu);
	return code >= UTF8_FOREIGN + 0x80 && code <= UTF8_FOREIGN + 0xff
		       ? (unsigned char)(code - UTF8_FOREIGN)
		       : 0;
}
