/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RULESET_PRINT_H
#define RULESET_PRINT_H

#include "ruleset/ruleset.h"

/* What the files of this folder share; not for others. */

/* A rule of the bridge family, with a space in front of every part. */
void rule_print_nft(struct text *out, const struct rule *rule);

/* One part without spaces around it; nothing for what is of iptables only. */
void match_print_nft(struct text *out, const struct match *match);
void target_print_nft(struct text *out, const struct target *target);
/* Of the kinds of nft: equal when they print equally. */
bool match_equal_nft(const struct match *a, const struct match *b);
bool target_equal_nft(const struct target *a, const struct target *b);

/* The iptables module of the rule's protocol that has --sport and --dport, or NULL. */
const char *rule_port_module(const struct rule *rule);

/* Is it "-m tcp" and the like, without options: a transport header is all it asks for? */
bool match_is_any_port(const struct match *match);

#endif
