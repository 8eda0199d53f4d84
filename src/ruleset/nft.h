/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RULESET_NFT_H
#define RULESET_NFT_H

#include "base/vec.h"
#include "ruleset/ruleset.h"

/* What nft.c and nft_rule.c share; not for others. */

/* A word, a quoted string with its quotes, or one of { } , */
struct nft_token {
	const char *start;
	size_t len;
};

struct nft_parser {
	struct arena *arena, *scratch;
	struct ruleset *rs;
	const char *name; /* of the text, for messages */
	unsigned line;
	const char *at;
	struct text current; /* the statement that is being read */
	struct table *table;
	size_t n_rules;
	VEC(struct nft_token) tokens;
};

/* Cuts text into p->tokens, which point into it. */
void nft_split(struct nft_parser *p, const char *text);
bool nft_token_is(const struct nft_parser *p, size_t i, const char *value);
/* A quoted name of an interface, without wildcards and escapes. */
bool nft_token_name(struct nft_parser *p, size_t i, const char **ret);
/* Tokens [from, end) as accept, drop, return, jump CHAIN or goto CHAIN, and nothing else. */
bool nft_parse_verdict(struct nft_parser *p, size_t from, size_t end, struct target *ret);

/* p->current as a rule. Never fails: what is not understood is kept as text. */
void nft_parse_rule(struct nft_parser *p, struct rule *rule);

#endif
