/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_TLSPAIR_H
#define TESTS_TLSPAIR_H

#include "base/text.h"

/* A certificate of that name that it signed itself, for a day, and its key, in PEM. */
void test_pair_make(const char *name, struct text *ret_certificate, struct text *ret_key);
/* Or one that expired a day ago. */
void test_pair_make_old(const char *name, struct text *ret_certificate, struct text *ret_key);

#endif
