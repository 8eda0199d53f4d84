/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_RANDOM_IPTABLES_H
#define TESTS_RANDOM_IPTABLES_H

#include "base/text.h"
#include "random.h"

/* raw, mangle and filter with chains that call each other, of matches that the evaluator knows. */
void random_iptables(struct random *random, struct text *out, bool is_v6);

#endif
