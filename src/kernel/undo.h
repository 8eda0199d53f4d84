/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef KERNEL_UNDO_H
#define KERNEL_UNDO_H

#include "ruleset/plan.h"

/*
 * Private to kernel: a batch that was refused in its middle may have been applied up to there.
 * nft takes all or nothing; iptables-restore takes each table, at its COMMIT; ipset each line.
 */

/* Of a batch that was refused at a line (from 1): how many bytes of it were applied. */
size_t undo_applied_len(enum tool tool, const char *text, unsigned line);
/* Writes the way back from a step of which so much was applied. That of ipset leads back from any
 * part of it (plan.h). */
void undo_print(struct text *out, const struct plan_step *step, size_t applied_len);
/* Line number (from 1) of a text, without its end; len 0 when there is no such line. */
const char *undo_line(const char *text, unsigned line, size_t *ret_len);

#endif
