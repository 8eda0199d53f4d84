/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_POLICYTEXT_H
#define TESTS_POLICYTEXT_H

#include "policy/policy.h"

/*
 * A policy as a text that is equal exactly when the policies are, lines of the file left out. as_written: also when tcp is
 * called 6, and a prefix has host bits.
 */
void policy_text(struct text *out, const struct policy *policy, bool as_written);

#endif
