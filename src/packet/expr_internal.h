/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PACKET_EXPR_INTERNAL_H
#define PACKET_EXPR_INTERNAL_H

#include "packet/expr.h"

/* What the files of packet expressions share. */

struct parse {
	const char *text, *at; /* at: behind word */
	const char *start;     /* of what an error points at: word, or a part of it */
	char *word;	       /* a copy, in arena; a new one for each word */
	struct arena *arena;
	struct packet packet;
	struct packet_choices choices;
	bool is_one; /* one packet: choices are refused */
	bool has_flags, has_type;
	struct err *err;
};

/* All return false. next: what would be right, or NULL. */
bool expr_fail(struct parse *parse, const char *what, const char *next);
bool expr_fail_word(struct parse *parse, const char *is_no, const char *next);

#define ARP_REQUEST 1
#define ARP_REPLY   2

bool expr_is_icmp(const struct packet *packet);

#define N_EXPR_FLAGS 8
extern const char *const expr_flag_names[N_EXPR_FLAGS]; /* bit 0 first */

/* A part of the text, behind the "!" that it had. */
struct expr_part {
	const char *at;
	size_t len;
	bool is_negated;
};
struct expr_part expr_part(const char *at, size_t len);

/* What the values of a field look like. */
struct expr_kind {
	const char *what;  /* one of them, for messages: "port" */
	const char *right; /* what would be right; NULL: "0 to max" */
	uint32_t max;	   /* 0: they are addresses */
	bool is_decimal;   /* else also 0x10 */
	bool has_choices;
};

/* The field is said: not open, and no choice of what was said before. */
void expr_set_known(struct parse *parse, enum field field);

/*
 * Reads one value, "any", or a list of values, ranges and prefixes, and notes that the field is known, open, or a
 * choice. *ret is the value (0 if there is not one). ret_family (NULL: of no interest) is untouched by "any".
 */
bool expr_values(struct parse *parse, struct expr_part part, const struct expr_kind *kind,
	enum field field, struct field_value *ret, enum family *ret_family);

#endif
