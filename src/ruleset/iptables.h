/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RULESET_IPTABLES_H
#define RULESET_IPTABLES_H

#include <string.h>

#include "base/map.h"
#include "base/vec.h"
#include "ruleset/ruleset.h"

/* What the files of the parser of iptables-save share; not for others. */

/* One word of a line: what it says, and how it stands in the text, quotes included. */
struct word {
	const char *value;
	const char *raw;
	size_t raw_len;
	bool is_quoted;
};

/* Words [from, end) of a line: "-m tcp --dport 80" without the "-m tcp". */
struct module {
	const char *name; /* NULL: options without -m, as people write them; the protocol's */
	size_t from, end;
};

struct iptables_parser {
	struct arena *arena;
	struct ruleset *rs;
	enum table_source source;
	enum family family;
	const char *name; /* of the text, for messages */
	unsigned line;
	const char *line_start;
	struct table *table; /* NULL outside of "*table" ... "COMMIT" */
	size_t last_chain;   /* a place in it where the next rule's chain may be */
	size_t n_rules, n_moved, n_lookups;
	struct map *interned, *protos, *services;
	struct arena *scratch; /* of the vectors below: one line's */
	struct text line_text;
	VEC(struct word) words;
	VEC(struct module) modules;
	VEC(struct match) matches;
	/* "-s a,b" is a rule for each: all of them; empty: one is as good as none */
	VEC(struct match) sources, destinations;
	/* of the rule that is being read */
	bool has_comment;
	const char *comment;
	size_t comment_at;
	int proto; /* -1: none, or inverted */
};

/* One option: "[!] --name value", or the older "--name ! value". */
struct option {
	const char *name, *value; /* value NULL: the module ended */
	bool inverted;
	size_t after;
	/* the same if the option takes no value: then a "!" behind it is the next one's */
	bool flag_inverted;
	size_t flag_after;
};

/* iptables.c */
/* Fails at the column of word i of the line, or of the whole line when there is no such word. */
bool iptables_fail(const struct iptables_parser *p, struct err *err, size_t i, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* A line that begins with "#". */
void iptables_keep_remark(struct iptables_parser *p, const char *line, size_t len);

/* iptables_words.c */
/* A line into p->words. */
bool iptables_split(struct iptables_parser *p, const char *line, size_t len, struct err *err);
/* Asked of every word of a save: one letter is compared before all. */
static inline bool iptables_is_word(const struct word *word, const char *value)
{
	return word->value[0] == value[0] && !word->is_quoted && strcmp(word->value, value) == 0;
}
/* One copy of each text, however often it occurs. */
const char *iptables_intern(struct iptables_parser *p, const char *value);
/* The words as they stand, a single space between them, behind before. */
const char *iptables_raw(struct iptables_parser *p, const char *before, size_t from, size_t end);
/* Can it stand unquoted as the name of an interface, a chain or a set? */
bool iptables_is_name(const char *value);
/* The option at word at; false: there is none. */
bool iptables_option_at(struct iptables_parser *p, size_t at, size_t end, struct option *ret);
bool option_is(const struct option *option, const char *name);

/* iptables_values.c: true when the whole text is such a value */
bool iptables_proto_number(struct iptables_parser *p, const char *value, uint8_t *ret);
/* A name of /etc/services too. */
bool iptables_port(struct iptables_parser *p, const char *text, size_t len, uint16_t *ret);
/* "80", "80:90" (or another sign in the middle); with may_be_open, an open end is the end of the ports. */
bool iptables_range(struct iptables_parser *p, const char *text, size_t len, char between,
	bool may_be_open, struct port_range *ret);
/* Decimal, 0x and octal, as iptables takes them; *at is moved behind it. */
bool iptables_number(const char **at, uint32_t *ret);
/* "5", "0x5/0xff"; without a mask *ret_mask is whole. */
bool iptables_masked_number(
	const char *text, uint32_t whole, uint32_t *ret_value, uint32_t *ret_mask);
/* "5", "5-9" */
bool iptables_number_range(const char *text, char between, uint32_t *ret_min, uint32_t *ret_max);
/* An address with or without a length or a mask. */
bool iptables_masked_addr(
	const struct iptables_parser *p, const char *text, struct masked_addr *ret);
/* "a", "a-b" */
bool iptables_addr_range(const struct iptables_parser *p, const char *text, size_t len,
	struct addr *ret_min, struct addr *ret_max);
/* A place in a list of names, in any case. */
bool iptables_name_in(
	const char *text, size_t len, const char *const *names, size_t n, size_t *ret);
/* "0x10", "0x10/0x3f", "Minimize-Delay" */
bool iptables_tos(const char *text, uint8_t *ret_value, uint8_t *ret_mask);
/* "0x0a", or for a class "EF", "CS1", "AF11" */
bool iptables_dscp(const char *text, bool is_class, uint8_t *ret);

/* iptables_rule.c: the words from at on are behind "-A CHAIN". Appends, or inserts at a place. */
bool iptables_parse_rule(struct iptables_parser *p, struct chain *chain,
	const struct counters *counters, size_t at, const uint32_t *place, struct err *err);

/* iptables_assign.c: puts every option behind the name of its module, so that no module is nameless.
 * own: the protocol's module, or NULL. */
bool iptables_assign_options(struct iptables_parser *p, const char *own, struct err *err);

/* iptables_modules.c */
/* The modules of the rule, all of them, as matches. */
bool iptables_parse_modules(struct iptables_parser *p, struct err *err);
void iptables_add_match(struct iptables_parser *p, const struct match *match);

/*
 * The modules' own parsers: they take options as long as they know them, add their matches and
 * return where they stopped; what is left is kept as text. Only modules whose options are
 * independent conditions ("and") may leave a rest; of the others it is all or nothing.
 */
typedef size_t iptables_module_fn(struct iptables_parser *p, const struct module *module);
/* iptables_transport.c */
iptables_module_fn iptables_parse_ports, iptables_parse_multiport, iptables_parse_icmp;
/* iptables_ct.c */
iptables_module_fn iptables_parse_state, iptables_parse_conntrack, iptables_parse_mark;
/* iptables_host.c */
iptables_module_fn iptables_parse_physdev, iptables_parse_addrtype, iptables_parse_rpfilter,
	iptables_parse_owner, iptables_parse_policy, iptables_parse_socket, iptables_parse_set;
/* iptables_packet.c */
iptables_module_fn iptables_parse_mac, iptables_parse_iprange, iptables_parse_pkttype,
	iptables_parse_ttl, iptables_parse_length, iptables_parse_tos, iptables_parse_dscp,
	iptables_parse_rt;

/* iptables_targets.c: words [from, end) stand behind -j. Never fails: what it does not know is text. */
struct target iptables_parse_jump(struct iptables_parser *p, size_t from, size_t end);

#endif
