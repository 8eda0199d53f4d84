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

/* A rule of iptables, with a space in front of every part. is_as_read: protocols by the names that
 * were read. */
void rule_print_iptables(
	struct text *out, enum family family, const struct rule *rule, bool is_as_read);
/* Of the kinds of iptables' modules, with a space in front; nothing for the others. next: the match
 * behind it, or NULL. */
void match_print_xt(
	struct text *out, enum family family, const struct match *match, const struct match *next);
void target_print_xt(struct text *out, enum family family, const struct target *target);
bool match_equal_xt(const struct match *a, const struct match *b);
bool target_equal_xt(const struct target *a, const struct target *b);
void match_print_words_xt(struct text *out, const struct match *match);
void target_print_words_xt(struct text *out, const struct target *target);
/* As xtables_save_string: bare when every character is harmless. */
void print_quoted(struct text *out, const char *value);
/* Values, as iptables-save names them; flags and types with a space in front. */
void range_print(struct text *out, struct port_range range);
void tcp_flags_print(struct text *out, uint8_t flags);
void ct_status_print(struct text *out, unsigned status);
void addr_types_print(struct text *out, unsigned types);
const char *pkt_type_name(enum pkt_type type);

/* Does iptables itself have a name for it, so that every host prints the same? */
bool proto_is_of_iptables(uint8_t proto);
/* A protocol by number or name, without asking the host. */
bool xt_proto_number(const char *name, uint8_t *ret);
/* A name of ICMP or ICMPv6 ("echo-request"); *ret_code -1: any. */
bool xt_icmp_name(enum family family, const char *name, uint8_t *ret_type, int *ret_code);

/* A mask of addresses as a length; false: it has holes. */
bool mask_len(const struct addr *mask, uint8_t *ret);

/* The iptables module of the rule's protocol that has --sport and --dport, or NULL. */
const char *rule_port_module(const struct rule *rule);

/* Is it "-m tcp" and the like, without options: a transport header is all it asks for? */
bool match_is_any_port(const struct match *match);

#endif
