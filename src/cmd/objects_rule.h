/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CMD_OBJECTS_RULE_H
#define CMD_OBJECTS_RULE_H

#include "cmd/objects.h"

/* "ingress, IPv4: allow tcp 80 from anywhere", of an answer's rule. */
void rule_add_words(struct talk *talk, const json_t *rule, struct text *out);

#endif
