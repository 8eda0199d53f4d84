/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HOST_UTF8_H
#define HOST_UTF8_H

#include <stddef.h>

/*
 * Private to host. Names of the kernel are bytes; JSON is UTF-8. A byte that is part of no
 * character is written as the character UTF8_FOREIGN + byte, of Unicode's private area, and read
 * back as the byte.
 */
#define UTF8_FOREIGN 0xf700

/* How many bytes the character at text has (RFC 3629); 0: it is none. text ends in NUL. */
size_t host_utf8_len(const unsigned char *text);
/* The byte that the character at text stands for, or 0. It has 3 bytes. */
unsigned char host_utf8_foreign(const unsigned char *text);

#endif
