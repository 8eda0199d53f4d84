/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef POLICY_PARSE_H
#define POLICY_PARSE_H

#include "base/map.h"
#include "policy/check.h"
#include "policy/policy.h"
#include "policy/whole.h"
#include "policy/yaml.h"

/* Both kinds of group begin alike. */
struct head {
	const char *id, *name, *description;
};

/* The reading of one file, from its tree to a policy. */
struct reader {
	struct arena *arena;   /* the policy's: what is made */
	struct arena *scratch; /* gone when the file is read */
	const struct source *source;
	struct err *err;
	struct policy *policy;
	struct whole whole; /* sets and rules are of a struct node */
	struct map *group_ids, *group_names, *address_group_ids, *address_group_names; /* named */
	/* Of the group that is being read: keys of its rules, to a struct policy_rule */
	struct map *rule_keys;
};

/* Groups of one kind by name; a name that several have cannot be used to mean one. */
struct named {
	void *first;
	size_t n;
};

/* Messages. All return false; hints are added with err_next(r->err, ...). */
bool fail_at(struct reader *r, const struct node *at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
bool fail_fault(struct reader *r, const struct node *at, const struct fault *fault);
bool fail_limit(struct reader *r, const struct node *at, const struct err *err);
const char *shown(struct reader *r, const char *text);
/* "name, id, description", for a message */
const char *list_names(struct reader *r, const char *const *names, size_t n);

/*
 * The values of a mapping by the index of their key; NULL for what is absent or null. what:
 * "a rule", for messages. ignored: keys that are taken and not looked at.
 */
struct keys {
	const char *what;
	const char *const *names;
	size_t n;
	const char *const *ignored;
	size_t n_ignored;
};
bool read_map(struct reader *r, const struct node *node, const struct keys *keys,
	const struct node **ret_values);

/* Each takes NULL for an absent value and then leaves *ret alone. */
bool read_text(struct reader *r, const struct node *node, const char *what, const char **ret);
bool read_name(struct reader *r, const struct node *node, const char *what, const char **ret);
bool read_description(struct reader *r, const struct node *node, const char **ret);
bool read_bool(struct reader *r, const struct node *node, const char *what, bool *ret);
bool read_list(struct reader *r, const struct node *node, const char *what,
	const struct node **ret_first, size_t *ret_n);
bool read_uuid(struct reader *r, const struct node *node, const char **ret);

/* A group or address group by id or name. */
bool find_group(struct reader *r, const struct node *node, const char *key,
	const struct policy_group **ret);
bool find_address_group(struct reader *r, const struct node *node, const char *key,
	const struct policy_address_group **ret);

bool read_rules(struct reader *r, const struct node *list, struct policy_group *group);
bool read_ports(struct reader *r, const struct node *list);

#endif
