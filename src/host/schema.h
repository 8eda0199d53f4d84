/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HOST_SCHEMA_H
#define HOST_SCHEMA_H

#include <stdint.h>

#include "host/host.h"

/*
 * Private to host: struct host as a table, from which it is printed, parsed and redacted. A list
 * is a pointer at "at" and a number at "n_at".
 */
enum field_kind {
	F_TEXT, /* const char *, NULL is not written */
	F_NAME, /* a text that must be there and is never NULL */
	F_BOOL,
	F_U8,
	F_U16,
	F_U32,
	F_U64,
	F_INT,
	F_ENUM,
	F_FAMILY,
	F_ADDR, /* IPv4 0.0.0.0 is not written: it is what no address is */
	F_PREFIX,
	F_MAC,
	F_RANGE,   /* struct port_range */
	F_STRUCT,  /* of schema, in place */
	F_LIST,	   /* of schema */
	F_UNREAD,  /* a list, of a namespace, but for what is found again in its texts */
	F_TEXTS,   /* const char *const * */
	F_NUMBERS, /* const uint16_t * */
	F_BLOCK,   /* a name that stands behind the JSON, as it is */
	F_SYSCTLS, /* the same, of "name = value" lines */
};

struct schema_field {
	const char *key;
	enum field_kind kind;
	size_t at, n_at;
	const struct schema *schema;
	const char *const *names; /* F_ENUM: of the values from 0; NULL in between */
	size_t n_names;
	int unset;     /* F_INT: the value that is not written, 0 or -1 */
	bool is_netns; /* F_INT: which of the host's netns; -1: none that is known */
	size_t limit;  /* lists: how many; 0: LIMIT_SNAPSHOT_ITEMS */
};
struct schema {
	const char *what; /* for messages: "link" */
	size_t size;
	const struct schema_field *fields;
	size_t n_fields;
	void (*init)(void *value); /* values that are not 0 unless said; NULL: all are */
	/* What no field alone can have wrong: says which and why, or NULL. NULL: nothing */
	const char *(*check)(const void *value, const char **ret_key);
};

extern const struct schema host_schema;

/* Where a value is, from the inside out: netns[0].links[3].mtu. */
struct at {
	const struct at *outer;
	const char *key;
	size_t index;
};
#define NO_INDEX SIZE_MAX
void place_print(struct text *out, const struct at *at);

/* The line in front of a block, without its end. */
void block_heading_print(struct text *out, const struct at *at, size_t size);

#endif
