/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CMD_OBJECTS_H
#define CMD_OBJECTS_H

#include "cmd/daemon.h"

struct map;

/*
 * Objects of the service, one by one: the commands "portwall group|rule|port|address-group VERB". Words and options are those of the
 * openstack client; objects are named by id or name. What one kind of object has of its own is a table (struct object_kind) and the
 * bodies of its requests, in objects_group.c and its like; all else is here.
 *
 *     objects.c          a command from its beginning to its end
 *     objects_find.c     objects by what they are called, and their names
 *     objects_print.c    objects as tables
 *     objects_watch.c    --watch
 */

/* One command's talk with the service. */
struct talk {
	struct invocation *inv;
	struct arena *arena;	   /* the command's, or that of one look of --watch */
	struct api_client *client; /* borrowed */
	/* what was asked once and is needed for each row; NULL: not yet */
	struct map *group_names, *address_group_names, *network_names, *subnet_names, *counters;
};

struct object_field {
	const char *title;
	const char *key; /* of answers: the value as it is; NULL: print has all */
	/* Adds nothing where there is nothing to tell. */
	void (*print)(struct talk *talk, const json_t *object, struct text *out);
	enum {
		IN_LIST = 1,  /* a column of list */
		IN_LONG = 2,  /* of list --long */
		IN_SHOW = 4,  /* a line of show */
		OPTIONAL = 8, /* not where nothing is told */
	} flags;
};

struct object_kind {
	const char *words;	/* "security group" */
	const char *noun;	/* "group": of our commands */
	const char *path;	/* "/v2.0/security-groups" */
	const char *one, *many; /* keys of requests and answers */
	const char *other_key;	/* a field by which it is found, too; NULL: none */
	bool has_no_name;
	const struct object_field *fields;
	size_t n_fields;
};
extern const struct object_kind group_kind, rule_kind, port_kind, address_group_kind, network_kind,
	subnet_kind;

/* --- objects.c --- */

/*
 * An answer of the service, {"port": {...}} or {"ports": [...]}, to be given back with json_decref. method, path and body as
 * of daemon_ask; body NULL: none.
 */
bool talk_ask(struct talk *talk, const char *method, const char *path, const json_t *body,
	json_t **ret, struct err *err);
/* "KEY=WORD" behind path's "?" */
void add_filter(struct text *path, const char *key, const char *word);

/* The arguments of a list, behind its path: filters of the command's options. */
typedef bool (*filters_fn)(struct talk *talk, struct text *path, struct err *err);
/*
 * The members of an object that a command sets: of a new one (before NULL), or of one that is so. An empty object: there is
 * nothing to change.
 */
typedef bool (*body_fn)(struct talk *talk, const json_t *before, json_t *body, struct err *err);

bool objects_list(struct invocation *inv, const struct object_kind *kind, filters_fn filters,
	struct err *err);
bool objects_show(struct invocation *inv, const struct object_kind *kind, struct err *err);
bool objects_create(
	struct invocation *inv, const struct object_kind *kind, body_fn fill, struct err *err);
/* set and unset */
bool objects_change(
	struct invocation *inv, const struct object_kind *kind, body_fn fill, struct err *err);
bool objects_delete(struct invocation *inv, const struct object_kind *kind, struct err *err);

/* body[key] = word, if it is said; refused if it is no text. */
bool put_word(json_t *body, const char *key, const char *word, struct err *err);
/* Of two options that exclude each other. */
bool refuse_both(
	bool one, bool other, const char *one_name, const char *other_name, struct err *err);
/* set and unset without an option. */
bool refuse_nothing(const struct invocation *inv, struct err *err);
/* "ip-address=A,mac-address=M": the value of each of n keys, NULL where it is not said. */
bool parse_pairs(struct arena *arena, const char *option, const char *text, const char *const *keys,
	size_t n, const char **ret_values, struct err *err);
/* --name, --project, --tags of a list */
void add_common_filters(const struct talk *talk, struct text *path);
/* --enable-port-security, --disable-port-security */
bool check_port_security(const struct object_words *words, struct err *err);
void put_port_security(const struct object_words *words, json_t *body);
/* Two ways to write one address or prefix? */
bool is_same_prefix(const char *a, const char *b);

/* --- objects_find.c --- */

/* What is called so: by id, by name, by its other key. A new reference. Errors: nothing is, or several are. */
bool object_find(struct talk *talk, const struct object_kind *kind, const char *word, json_t **ret,
	struct err *err);
bool object_find_id(struct talk *talk, const struct object_kind *kind, const char *word,
	const char **ret, struct err *err);
/* How it is called: its name, or else its id. */
const char *object_name(const json_t *object);
/* Of an object by its id; the id where it has no name, or is not there. */
const char *name_of_id(struct talk *talk, const struct object_kind *kind, const char *id);
/* What a rule counted: of its answer, or else of the service's counters. False: that is not known. */
bool rule_counted(
	struct talk *talk, const json_t *rule, long long *ret_packets, long long *ret_bytes);
/* For the completion: names (and ids of what has none) that begin with word, one a line. */
void objects_complete(const char *noun, const char *word, struct text *out);

/* --- objects_print.c --- */

void object_table(
	struct talk *talk, const struct object_kind *kind, const json_t *object, struct text *out);
void objects_table(
	struct talk *talk, const struct object_kind *kind, const json_t *list, struct text *out);

/* --- objects_watch.c --- */

/* Prints what look makes, now and whenever it has changed, until it is interrupted. */
typedef bool (*look_fn)(struct talk *talk, void *data, struct text *out, struct err *err);
bool objects_watch(struct invocation *inv, struct api_client *client, look_fn look, void *data,
	struct err *err);

#endif
