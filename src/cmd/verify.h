/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CMD_VERIFY_H
#define CMD_VERIFY_H

#include "cmd/cmd.h"
#include "prove/verify.h"

/* verify.c: of this host; prints the verdict. */
bool verify_policy(struct invocation *inv, const struct policy *policy, struct err *err);

/* verify_json.c */
json_t *verification_json(const struct verification *v, bool has_policy);
/* The witness as a packet for "portwall explain", without what nobody asked for. */
void verification_print_example(struct text *out, const struct verify_difference *d);
const char *verification_verdict(const struct verification *v); /* "equal": stable */

#endif
