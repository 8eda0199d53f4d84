/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RULESET_NFT_H
#define RULESET_NFT_H

#include "base/vec.h"
#include "ruleset/nft_eval.h"
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
	size_t column; /* of what the line begins with */
	const char *at;
	struct text current; /* the statement that is being read */
	struct table *table;
	bool is_warned; /* the next table is of iptables-nft */
	size_t n_rules, n_elements;
	VEC(struct nft_token) tokens;
};

/* Cuts text into p->tokens, which point into it. */
void nft_split(struct nft_parser *p, const char *text);
bool nft_token_is(const struct nft_parser *p, size_t i, const char *value);
/* A quoted name of an interface, without wildcards and escapes. */
bool nft_token_name(struct nft_parser *p, size_t i, const char **ret);
/* Tokens [from, end) as accept, drop, return, jump CHAIN or goto CHAIN, and nothing else. */
bool nft_parse_verdict(struct nft_parser *p, size_t from, size_t end, struct target *ret);

/* The text of tokens [from, end) as it stands. */
const char *nft_raw_text(struct nft_parser *p, size_t from, size_t end);

/* nft_keys.c */
/* The longest key that starts at *at, or NULL; moves *at behind it. */
const struct nft_key *nft_key_at(const struct nft_parser *p, size_t *at, size_t end);
bool nft_type_parse(const char *text, size_t len, enum nft_type *ret);
bool nft_value_parse(struct arena *arena, struct arena *scratch, enum nft_type type,
	const char *text, struct nft_value *ret);
void nft_value_print(struct text *out, enum nft_type type, const struct nft_value *value);
bool nft_number_parse(const char *text, uint64_t *ret);

/* nft_block.c */
/* "{ .. }" at *at as elements of set, whose types are known; false: not understood. */
bool nft_parse_elements(struct nft_parser *p, size_t *at, size_t end, struct set *set);
/* The whole block. */
void nft_set_print(struct text *out, const struct set *set);
void nft_elements_print(struct text *out, const struct set *set, size_t n_per_line);

#define N_NFT_OP_WORDS (NFT_GE + 1) /* NFT_BITS has no word */
extern const char *const nft_op_words[N_NFT_OP_WORDS];
/* nft_statement.c: what starts at *at; moves *at behind it. False: not understood. */
bool nft_parse_keys(struct nft_parser *p, size_t *at, size_t end, struct nft_keys *ret);
bool nft_parse_match(struct nft_parser *p, size_t *at, size_t end, struct match *ret);
bool nft_parse_statement(struct nft_parser *p, size_t *at, size_t end, struct match *ret);
/* Tokens [at, end) as a target that ends the rule. */
bool nft_parse_target(struct nft_parser *p, size_t at, size_t end, struct target *ret);

/* p->current as a rule. Never fails: what is not understood is kept as text. */
void nft_parse_rule(struct nft_parser *p, struct rule *rule);

#endif
