/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef USERS_USERS_H
#define USERS_USERS_H

#include <stdbool.h>

#include "base/text.h"
#include "base/vec.h"
#include "users/secrets.h"

/*
 * Who may ask the service over TCP, and what: a file with names, projects, roles, hashes of passwords and of tokens. There is
 * nothing in it that lets anybody in, but a password that is easy to guess can be guessed from its hash: so it is root's, and
 * nobody reads it but the group of the service.
 */

/* Those of OpenStack; each value has all bits that it includes. */
enum { ROLE_READER = 1, ROLE_MEMBER = 2, ROLE_ADMIN = 4 };

/* "admin,member": roles and all that they include. False: there is another word in it. */
bool roles_parse(const char *text, unsigned *ret);
/* The name of the highest of them. */
const char *roles_name(unsigned roles);

#define USERS_PATH    "/etc/portwall/users"
#define USERS_PROJECT "default" /* of who names none */

struct user_token {
	const char *name, *created; /* "2026-11-28" */
	unsigned char hash[SECRET_HASH_SIZE];
};

struct user {
	const char *name, *project_id;
	unsigned roles;
	const char *password; /* its hash; NULL: there is none, only tokens */
	VEC(struct user_token) tokens;
};

struct users {
	VEC(struct user) list; /* sorted by name */
};

/* May that be a user's, a token's or a project's name? */
bool users_is_name(const char *name);
/* NULL: there is none. What is found is stale after the next add or remove. */
struct user *users_find(const struct users *users, const char *name);
/* Whose token that is; the comparison takes as long whichever it is. NULL: nobody's. */
const struct user *users_find_token(const struct users *users, const char *token);
struct user *users_add(struct arena *arena, struct users *users, const char *name);
void users_remove(struct users *users, struct user *user);

/* What a text says; path is for messages (ERR_INPUT, ERR_LIMIT). */
bool users_parse(struct arena *arena, const char *path, const struct text *text, struct users *ret,
	struct err *err);
void users_print(const struct users *users, struct text *out);

/* A file that others may read or write, or that is somebody else's, is refused (ERR_INPUT), and the next step is the command that mends it. */
bool users_load(struct arena *arena, const char *path, const struct secret_owner *owner,
	struct users *ret, struct err *err);
/* As a whole, at once. */
bool users_save(const struct users *users, const char *path, const struct secret_owner *owner,
	struct err *err);
/* Nobody else changes it until *ret_fd is closed. */
bool users_lock(const char *path, int *ret_fd, struct err *err);

#endif
