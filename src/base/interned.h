/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BASE_INTERNED_H
#define BASE_INTERNED_H

#include <stdint.h>

/*
 * Texts by number, for work that is done again and again: the same text has the same number, so that long texts are compared as
 * short ones. Compared are the texts themselves, never a hash alone. What was asked for neither in this round nor in the one
 * before is forgotten, and its number is never given again.
 */
struct interned;

struct interned *interned_new(void);
void interned_free(struct interned *interned); /* NULL is fine */
void interned_next_round(struct interned *interned);
uint64_t interned_number(
	struct interned *interned, const char *text);		     /* added if it is not there */
uint64_t interned_find(struct interned *interned, const char *text); /* 0: it is not there */

#endif
