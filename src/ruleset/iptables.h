/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RULESET_IPTABLES_H
#define RULESET_IPTABLES_H

#include "base/map.h"
#include "base/vec.h"
#include "ruleset/ruleset.h"

/* What iptables.c and iptables_modules.c share; not for others. */

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
	enum family family;
	const char *name; /* of the text, for messages */
	unsigned line;
	struct table *table; /* NULL outside of "*table" ... "COMMIT" */
	size_t n_rules;
	struct map *interned, *protos;
	struct arena *scratch; /* of the vectors below: one line's */
	struct text line_text;
	VEC(struct word) words;
	VEC(struct module) modules;
	VEC(struct match) matches;
	/* of the rule that is being read */
	bool has_comment;
	const char *comment;
	size_t comment_at;
	int proto; /* -1: none, or inverted */
};

/* One copy of each text, however often it occurs. */
const char *iptables_intern(struct iptables_parser *p, const char *value);
/* The words as they stand, a single space between them, behind before. */
const char *iptables_raw(struct iptables_parser *p, const char *before, size_t from, size_t end);
/* Can it stand unquoted as the name of an interface, a chain or a set? */
bool iptables_is_name(const char *value);

/* Appends the matches of one module to p->matches; what it does not know is kept as text. */
bool iptables_parse_module(struct iptables_parser *p, const struct module *module, struct err *err);

#endif
