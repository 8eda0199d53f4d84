// SPDX-License-Identifier: GPL-2.0-or-later
#include "users/users.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"

/* Each with all that it includes, from the lowest. */
static const struct {
	const char *name;
	unsigned roles;
} known_roles[] = {
	{ "reader", ROLE_READER },
	{ "member", ROLE_READER | ROLE_MEMBER },
	{ "admin", ROLE_READER | ROLE_MEMBER | ROLE_ADMIN },
};

bool roles_parse(const char *text, unsigned *ret)
{
	unsigned roles = 0;

	while (*text) {
		size_t len = strcspn(text, ","), i = 0;

		while (i < N_OF(known_roles) && (strncasecmp(text, known_roles[i].name, len) != 0 ||
							known_roles[i].name[len]))
			i++;
		if (i == N_OF(known_roles))
			return false;
		roles |= known_roles[i].roles;
		text += len + (text[len] == ',');
	}
	*ret = roles;
	return true;
}

const char *roles_name(unsigned roles)
{
	const char *name = "none";

	for (size_t i = 0; i < N_OF(known_roles); i++)
		if ((roles & known_roles[i].roles) == known_roles[i].roles)
			name = known_roles[i].name;
	return name;
}

/* What Basic can say: its name ends at the first colon. */
bool users_is_name(const char *name)
{
	if (!*name || strlen(name) > LIMIT_NAME_LEN)
		return false;
	for (; *name; name++)
		if ((unsigned char)*name <= ' ' || *name == ':' || *name == 0x7f)
			return false;
	return true;
}

struct user *users_find(const struct users *users, const char *name)
{
	vec_for_each (user, &users->list)
		if (!strcmp(user->name, name))
			return user;
	return NULL;
}

const struct user *users_find_token(const struct users *users, const char *token)
{
	unsigned char hash[SECRET_HASH_SIZE];
	const struct user *found = NULL;

	token_hash(token, hash);
	vec_for_each (user, &users->list)
		vec_for_each (each, &user->tokens)
			if (secret_is_equal(each->hash, hash, sizeof(hash)))
				found = user;
	return found;
}

struct user *users_add(struct arena *arena, struct users *users, const char *name)
{
	struct user *user;
	size_t place = 0;

	while (place < users->list.n && strcmp(users->list.items[place].name, name) < 0)
		place++;
	vec_push(&users->list, arena);
	user = &users->list.items[place];
	memmove(user + 1, user, (users->list.n - 1 - place) * sizeof(*user));
	*user = (struct user){
		.name = arena_strdup(arena, name), .project_id = USERS_PROJECT, .roles = ROLE_READER
	};
	return user;
}

void users_remove(struct users *users, struct user *user)
{
	size_t behind = users->list.n - 1 - (size_t)(user - users->list.items);

	memmove(user, user + 1, behind * sizeof(*user));
	users->list.n--;
}

/* --- text --- */

/* Of "what" in messages: "the user ci". */
static bool get_text(const json_t *object, const char *key, const char *path, const char *what,
	const char **ret, struct err *err)
{
	const char *text = json_string_value(json_object_get(object, key));

	*ret = text;
	return text || err_input(err, "%s: %s has no %s", path, what, key);
}

/* A key that nobody knows may be a right that somebody believes to have taken away. */
static bool check_keys(const json_t *object, const char *const *known, size_t n, const char *path,
	const char *what, struct err *err)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)object, key, value)
	{
		size_t i = 0;

		while (i < n && strcmp(known[i], key) != 0)
			i++;
		if (i == n)
			return err_input(err, "%s: %s has an unknown key %s", path, what, key);
	}
	return true;
}

static bool read_tokens(struct arena *arena, const json_t *list, const char *path, const char *what,
	struct user *user, struct err *err)
{
	static const char *const keys[] = { "name", "created", "hash" };
	const json_t *item;
	size_t i;

	if (list && !json_is_array(list))
		return err_input(err, "%s: tokens of %s are no list", path, what);
	json_array_foreach(list, i, item)
	{
		const char *name, *created, *hash;
		struct user_token *token;

		if (!json_is_object(item))
			return err_input(err, "%s: a token of %s is no object", path, what);
		if (!check_keys(item, keys, N_OF(keys), path, what, err) ||
			!get_text(item, "name", path, what, &name, err) ||
			!get_text(item, "created", path, what, &created, err) ||
			!get_text(item, "hash", path, what, &hash, err))
			return false;
		if (user->tokens.n == LIMIT_USER_TOKENS)
			return err_limit(err, "%s: %s has more than %d tokens", path, what,
				LIMIT_USER_TOKENS);
		token = vec_push(&user->tokens, arena);
		token->name = arena_strdup(arena, name);
		token->created = arena_strdup(arena, created);
		if (!users_is_name(name) || !secret_hash_parse(hash, token->hash))
			return err_input(err,
				"%s: a token of %s has a wrong name, or a hash that is none", path,
				what);
	}
	return true;
}

static bool read_roles(
	const json_t *list, const char *path, const char *what, struct user *user, struct err *err)
{
	const json_t *item;
	size_t i;

	user->roles = 0;
	json_array_foreach(list, i, item)
	{
		const char *name = json_string_value(item);
		unsigned roles;

		if (!name || !*name || strchr(name, ',') || !roles_parse(name, &roles))
			return err_input(err,
				"%s: a role of %s is none of admin, member and reader", path, what);
		user->roles |= roles;
	}
	return user->roles || err_input(err, "%s: %s has no roles", path, what);
}

static bool read_user(struct arena *arena, const json_t *item, const char *path,
	struct users *users, struct err *err)
{
	static const char *const keys[] = { "name", "password", "project_id", "roles", "tokens" };
	const char *name, *project_id, *what, *hash;
	const json_t *password = json_object_get(item, "password");
	struct user *user;

	if (!get_text(item, "name", path, "a user", &name, err))
		return false;
	if (!users_is_name(name))
		return err_input(err, "%s: a user has a name that is none", path);
	what = arena_printf(arena, "the user %s", name);
	if (!check_keys(item, keys, N_OF(keys), path, what, err) ||
		!get_text(item, "project_id", path, what, &project_id, err))
		return false;
	if (!users_is_name(project_id))
		return err_input(err, "%s: the project of %s is no name", path, what);
	if (users_find(users, name))
		return err_input(err, "%s: %s is there twice", path, what);
	if (users->list.n == LIMIT_USERS)
		return err_limit(err, "%s: there are more than %d users", path, LIMIT_USERS);
	user = users_add(arena, users, name);
	user->project_id = arena_strdup(arena, project_id);
	hash = json_string_value(password);
	if (password && (!hash || !password_is_hash(hash)))
		return err_input(err, "%s: the password of %s is no hash of argon2id", path, what);
	user->password = hash ? arena_strdup(arena, hash) : NULL;
	return read_roles(json_object_get(item, "roles"), path, what, user, err) &&
	       read_tokens(arena, json_object_get(item, "tokens"), path, what, user, err);
}

static bool read_users(struct arena *arena, const json_t *root, const char *path,
	struct users *users, struct err *err)
{
	static const char *const keys[] = { "users" };
	const json_t *list = json_object_get(root, "users"), *item;
	size_t i;

	if (!json_is_array(list))
		return err_input(err, "%s: there is no list of users", path);
	if (!check_keys(root, keys, N_OF(keys), path, "the file", err))
		return false;
	json_array_foreach(list, i, item)
	{
		if (!read_user(arena, item, path, users, err))
			return false;
	}
	return true;
}

bool users_parse(struct arena *arena, const char *path, const struct text *text, struct users *ret,
	struct err *err)
{
	struct users users = { 0 };
	json_error_t error;
	json_t *root = json_loadb(text->data, text->len, JSON_REJECT_DUPLICATES, &error);
	bool is_fine = root ? read_users(arena, root, path, &users, err)
			    : err_input(err, "%s:%d: %s", path, error.line, error.text);

	json_decref(root);
	if (!is_fine)
		return err_next(err, "portwall user keeps this file; see portwall user --help");
	*ret = users;
	return true;
}

static json_t *json_of_user(const struct user *user)
{
	json_t *tokens = json_array(), *json;

	vec_for_each (token, &user->tokens) {
		char hash[2 * SECRET_HASH_SIZE + 1];

		secret_hash_print(token->hash, hash);
		json_array_append_new(tokens, json_pack("{s:s, s:s, s:s}", "name", token->name,
						      "created", token->created, "hash", hash));
	}
	json = json_pack("{s:s, s:s, s:[s], s:o}", "name", user->name, "project_id",
		user->project_id, "roles", roles_name(user->roles), "tokens", tokens);
	if (user->password)
		json_object_set_new(json, "password", json_string(user->password));
	return json;
}

void users_print(const struct users *users, struct text *out)
{
	json_t *list = json_array(), *root = json_pack("{s:o}", "users", list);
	char *words;

	vec_for_each (user, &users->list)
		json_array_append_new(list, json_of_user(user));
	words = json_dumps(root, JSON_INDENT(2) | JSON_SORT_KEYS);
	json_decref(root);
	text_add(out, words ? words : "");
	text_add(out, "\n");
	free(words);
}

/* --- file --- */

bool users_load(struct arena *arena, const char *path, const struct secret_owner *owner,
	struct users *ret, struct err *err)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;
	struct stat file;

	if (!secret_file_check(path, owner, err))
		return err->sys == ENOENT ? err_next(err, "portwall user add NAME makes it")
					  : false;
	if (stat(path, &file) < 0)
		return err_system(err, errno, "cannot look at %s", path);
	if (file.st_gid != owner->gid || !(file.st_mode & S_IRGRP)) {
		err_input(err, "%s cannot be read by the service, whose group is %u", path,
			(unsigned)owner->gid);
		return err_next(err, "chgrp %u %s; chmod 640 %s", (unsigned)owner->gid, path, path);
	}
	return text_load(&text, path, LIMIT_USERS_FILE, err) &&
	       users_parse(arena, path, &text, ret, err);
}

bool users_save(const struct users *users, const char *path, const struct secret_owner *owner,
	struct err *err)
{
	struct text text CLEANUP(text_done) = TEXT_INIT, staged CLEANUP(text_done) = TEXT_INIT;

	users_print(users, &text);
	if (!text_stage(&text, path, &staged, err))
		return false;
	if (chown(staged.data, owner->uid, owner->gid) < 0 || chmod(staged.data, 0640) < 0) {
		err_system(err, errno, "cannot give %s to the service", path);
		text_staged_drop(&staged);
		return false;
	}
	return text_staged_place(&staged, path, err);
}

/* The folder's: the file itself is another one after each change. */
bool users_lock(const char *path, int *ret_fd, struct err *err)
{
	struct text folder CLEANUP(text_done) = TEXT_INIT;
	const char *slash = strrchr(path, '/');
	int fd;

	text_add_n(&folder, path, slash && slash > path ? (size_t)(slash - path) : 1);
	fd = open(slash ? folder.data : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_system(err, errno, "cannot open the folder of %s", path);
	while (flock(fd, LOCK_EX) < 0) {
		if (errno == EINTR)
			continue;
		err_system(err, errno, "cannot lock the folder of %s", path);
		close(fd);
		return false;
	}
	*ret_fd = fd;
	return true;
}
