/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PACKET_SET_BDD_H
#define PACKET_SET_BDD_H

#include "base/arena.h"
#include "base/map.h"
#include "base/vec.h"
#include "packet/set.h"

/*
 * What the files of packet sets share: nodes, and where a field has its variables.
 *
 * A set is a reduced ordered decision diagram: nodes 0 (empty) and 1 (full), and nodes that ask one variable. The
 * number of a variable is its level; the lower is asked first. A block is the run of levels of one field, most significant bit first:
 * 0 .. N_FIELDS - 1 are the fields, then the family, then each boolean.
 */
#define LEVEL_END UINT16_MAX

#define BLOCK_FAMILY	  N_FIELDS
#define BLOCK_FIRST_EXTRA (N_FIELDS + 1)

struct set_node {
	uint32_t low, high; /* where the variable is 0, and 1 */
	uint32_t next;	    /* of the same hash, or of the free ones */
	uint16_t level;
	bool is_marked;
};

struct set_cached {
	uint32_t op_a, b, result; /* op_a: the operation and its first set; 0: nothing */
	uint32_t rest;		  /* of OP_SPLIT, whose result is two sets */
};

enum set_op {
	OP_AND = 1,
	OP_OR,
	OP_MINUS,
	OP_SPLIT,
	OP_FORGET,
	OP_SWAP,
	OP_KNOW,
	OP_LEAD,
	OP_RESTRICT
};
#define SET_OP_SHIFT  28 /* of the operation, above a node's number */
#define SET_NODE_MASK ((1u << SET_OP_SHIFT) - 1)

/* One of the values that rules tell apart. */
struct set_value {
	const char *name; /* of fields of names */
	bool is_prefix; /* all names that begin so, without those that another value fits better */
	struct field_value value;
};

struct set_field {
	uint16_t first, n_bits; /* levels */
	uint16_t n_bits_v4;	/* of an address; else n_bits */
	uint16_t max_bits;	/* sets_set_width */
	bool is_enumerated;
	bool is_closed; /* the last value is the only one with the codes that are left, else "other" */
	VEC(struct set_value) values;
	struct map *by_key[2]; /* places of values, from 1 on: by name or bytes, and of prefixes */
};

struct sets {
	struct arena *arena;
	struct err err;
	bool has_failed, is_sealed;

	struct set_field fields[N_FIELDS];
	uint16_t family_level, first_extra;
	VEC(const char *) extras;
	struct map *by_words;	/* of extras */
	VEC(uint16_t) block_of; /* a level's */

	struct set_node *nodes;
	uint32_t *buckets; /* as many as nodes have room; 0: none */
	size_t n, size, max, peak, n_free, n_kept;
	size_t collect_min; /* fewer nodes are not worth a collection; 0: whenever somebody asks, for tests */
	uint32_t free; /* 0: none */
	struct set_cached *cache;
	size_t cache_size;
	VEC(uint64_t) forgotten; /* masks of fields that OP_FORGET was asked for: its b */
	struct map *by_list;	 /* of remembered; NULL: none */
	VEC(struct packet_set *) remembered;
	const struct set_keeper *keepers;
	struct packet_set present[N_FIELDS]; /* set_of_present, of those in has_present */
	uint64_t has_present;
	uint32_t n_knows;
	uint8_t *known; /* for OP_KNOW, of a level: its value, or 2 */
};

void sets_fail(struct sets *sets, enum err_kind kind, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* set_bdd.c */
bool sets_init_nodes(struct sets *sets);
uint32_t sets_node(struct sets *sets, unsigned level, uint32_t low, uint32_t high);
void sets_put_into_bucket(struct sets *sets, uint32_t node);
uint16_t sets_level(const struct sets *sets, uint32_t node);
/* Every level with known[level] < 2 has that value. */
struct packet_set sets_know(struct sets *sets, struct packet_set a);
/* Of a set that asks sources and destinations alone, the source first (order, set_world.c): what is left to ask once
 * the source is known, each once, in the order of the least source that leads there. False: more than max. */
struct set_rows {
	VEC(struct packet_set) list;
};
bool sets_find_rows(struct sets *sets, struct packet_set a, size_t max, struct arena *arena,
	struct set_rows *ret);
/* The sources that lead to that. */
struct packet_set sets_of_row(struct sets *sets, struct packet_set a, struct packet_set row);

/* Fewer nodes are not worth a collection. */
#define SETS_COLLECT_MIN ((size_t)1 << 18)

/* set_world.c */
unsigned sets_block_of(const struct sets *sets, unsigned level);
bool sets_is_block_in(const struct sets *sets, unsigned level, uint64_t fields); /* the level's */
unsigned sets_first_level(const struct sets *sets, unsigned block);
unsigned sets_block_bits(const struct sets *sets, unsigned block);
bool sets_is_address(enum field field); /* of the packet's family */
bool sets_is_names(enum field field);
unsigned sets_bits(const struct sets *sets, enum field field, enum family family);
size_t sets_n_codes(
	const struct sets *sets, enum field field); /* of an enumerated one, with "other" */
size_t sets_code_of_name(const struct sets *sets, enum field field, const char *name);
size_t sets_code_of_value(
	const struct sets *sets, enum field field, const struct field_value *value);
/* All packets with this code; is_one: only as the number of the code itself, one of those that mean it. */
struct packet_set sets_of_code(struct sets *sets, enum field field, size_t code, bool is_one);
/* Each packet once: no bits that mean nothing, one code for each value. */
struct packet_set sets_of_one_code_each(struct sets *sets, uint64_t fields);

/* set_print.c: the values of one field, in order. One is a range, or with a mask; both ends are values of the field. */
struct set_item {
	struct field_value from, to; /* or value, mask */
};

struct set_items {
	VEC(struct set_item) list;
	bool is_masks, is_cut; /* cut: there are more */
};

struct set_items sets_list(struct sets *sets, struct arena *arena, struct packet_set values,
	unsigned first, unsigned n_bits, bool is_masks);
void sets_print_item(struct text *out, enum field field, enum family family, bool is_masks,
	const struct set_item *item);

#endif
