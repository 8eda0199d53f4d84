// SPDX-License-Identifier: GPL-2.0-or-later
/* Who may ask the service over TCP: what keeps its users' file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/limits.h"
#include "cmd/cmd.h"
#include "cmd/serve_access.h"
#include "users/users.h"

#define LEAST_PASSWORD_LEN 8

/* One change of the file, or one look at it. */
struct keeping {
	struct invocation *inv;
	struct secret_owner owner;
	const char *path;
	struct users users;
	char password[LIMIT_PASSWORD_LEN + 1]; /* "": none was asked for */
};

/* --- the file --- */

static bool find_file(struct keeping *keeping, struct err *err)
{
	struct invocation *inv = keeping->inv;
	struct serve_config config;

	if (!serve_config_load(inv->arena, inv->config_path, &config, err) ||
		!serve_users_owner(&config, &keeping->owner, err))
		return false;
	keeping->path = config.users;
	if (geteuid() == 0)
		return true;
	err_system(err, 0, "%s is root's", keeping->path);
	return err_next(err, "call it with sudo");
}

/* may_be_absent: then there are no users yet. */
static bool load(struct keeping *keeping, bool may_be_absent, struct err *err)
{
	if (may_be_absent && access(keeping->path, F_OK) < 0)
		return true;
	return users_load(
		keeping->inv->arena, keeping->path, &keeping->owner, &keeping->users, err);
}

static bool find_user(struct keeping *keeping, struct user **ret, struct err *err)
{
	const char *name = keeping->inv->args[1];
	const char **names;
	const char *nearest;

	*ret = users_find(&keeping->users, name);
	if (*ret)
		return true;
	names = arena_new_array(keeping->inv->arena, const char *, keeping->users.list.n + 1);
	for (size_t i = 0; i < keeping->users.list.n; i++)
		names[i] = keeping->users.list.items[i].name;
	nearest = text_nearest(name, names, keeping->users.list.n);
	err_input(err, "there is no user %s", name);
	return nearest ? err_next(err, "did you mean %s?", nearest)
		       : err_next(err, "portwall user list");
}

/* --- passwords --- */

/* A line of standard input, for scripts. */
static bool read_line(char *ret, size_t size, struct err *err)
{
	size_t len;

	if (!fgets(ret, (int)size, stdin)) {
		err_input(err, "there is no password on standard input");
		return err_next(err,
			"the first line is taken; --no-password is for users that have tokens alone");
	}
	len = strcspn(ret, "\n");
	if (!ret[len] && len == size - 1)
		return err_input(err, "the password is longer than %d bytes", LIMIT_PASSWORD_LEN);
	ret[len] = '\0';
	return true;
}

/* Without an echo. The memory is libc's. */
static bool type_in(const char *prompt, char *ret, size_t size, struct err *err)
{
	char *typed = getpass(prompt);
	size_t len = typed ? strlen(typed) : 0;

	if (!typed)
		return err_input(err, "no password was typed");
	if (len < size)
		memcpy(ret, typed, len + 1);
	secret_wipe(typed, len);
	return len < size ||
	       err_input(err, "the password is longer than %d bytes", LIMIT_PASSWORD_LEN);
}

static bool type_twice(struct keeping *keeping, struct err *err)
{
	char again[sizeof(keeping->password)];
	bool is_same;

	if (!type_in("Password: ", keeping->password, sizeof(keeping->password), err) ||
		!type_in("Again: ", again, sizeof(again), err))
		return false;
	is_same = !strcmp(keeping->password, again);
	secret_wipe(again, sizeof(again));
	return is_same || err_input(err, "the two are not the same");
}

/* Before the file is locked: who types takes long. */
static bool ask_password(struct keeping *keeping, struct err *err)
{
	if (!(isatty(STDIN_FILENO) ? type_twice(keeping, err)
				   : read_line(keeping->password, sizeof(keeping->password), err)))
		return false;
	return strlen(keeping->password) >= LEAST_PASSWORD_LEN ||
	       err_input(err, "the password has fewer than %d characters", LEAST_PASSWORD_LEN);
}

static bool set_password(struct keeping *keeping, struct user *user, struct err *err)
{
	char hash[PASSWORD_HASH_SIZE];

	if (keeping->inv->no_password)
		user->password = NULL;
	if (!*keeping->password)
		return true;
	if (!password_hash(keeping->password, hash, err))
		return false;
	secret_wipe(keeping->password, sizeof(keeping->password));
	user->password = arena_strdup(keeping->inv->arena, hash);
	return true;
}

/* --- the verbs --- */

static bool set_all(struct keeping *keeping, struct user *user, struct err *err)
{
	const struct invocation *inv = keeping->inv;

	if (inv->object.project && !users_is_name(inv->object.project))
		return err_input(err,
			"--project %s: a project has 1 to 255 characters without spaces and colons",
			inv->object.project);
	if (inv->role && (!roles_parse(inv->role, &user->roles) || !user->roles))
		return err_input(err, "--role %s: it is admin, member or reader", inv->role);
	if (inv->object.project)
		user->project_id = inv->object.project;
	return set_password(keeping, user, err);
}

static bool add(struct keeping *keeping, struct err *err)
{
	struct arena *arena = keeping->inv->arena;
	const char *name = keeping->inv->args[1];
	struct user *user;

	if (!users_is_name(name))
		return err_input(err,
			"'%s' is no name: 1 to 255 characters without spaces and colons", name);
	if (users_find(&keeping->users, name)) {
		err_conflict(err, "there is a user %s already", name);
		return err_next(err, "portwall user set %s changes it", name);
	}
	if (keeping->users.list.n == LIMIT_USERS)
		return err_limit(err, "there are %d users already", LIMIT_USERS);
	user = users_add(arena, &keeping->users, name);
	roles_parse("member", &user->roles);
	return set_all(keeping, user, err);
}

static bool set(struct keeping *keeping, struct err *err)
{
	struct user *user;

	return find_user(keeping, &user, err) && set_all(keeping, user, err);
}

static bool delete (struct keeping *keeping, struct err *err)
{
	struct user *user;

	if (!find_user(keeping, &user, err))
		return false;
	users_remove(&keeping->users, user);
	return true;
}

static struct user_token *find_token(struct user *user, const char *name)
{
	vec_for_each (token, &user->tokens)
		if (!strcmp(token->name, name))
			return token;
	return NULL;
}

static bool revoke_token(struct user *user, const char *label, struct err *err)
{
	struct user_token *token = find_token(user, label);
	size_t behind;

	if (!token) {
		err_input(err, "%s has no token %s", user->name, label);
		return err_next(err, "portwall user list");
	}
	behind = user->tokens.n - 1 - (size_t)(token - user->tokens.items);
	memmove(token, token + 1, behind * sizeof(*token));
	user->tokens.n--;
	return true;
}

static const char *today(struct arena *arena)
{
	time_t now = time(NULL);
	char date[32] = "";
	struct tm tm;

	if (gmtime_r(&now, &tm))
		strftime(date, sizeof(date), "%F", &tm);
	return arena_strdup(arena, date);
}

/* The token itself is nowhere but here. */
static bool token(struct keeping *keeping, struct err *err)
{
	struct invocation *inv = keeping->inv;
	const char *label = inv->args[2];
	struct user_token *made;
	struct user *user;
	char words[TOKEN_LEN + 1];

	if (!find_user(keeping, &user, err))
		return false;
	if (inv->revoke)
		return revoke_token(user, label, err);
	if (!users_is_name(label))
		return err_input(err,
			"'%s' is no label: 1 to 255 characters without spaces and colons", label);
	if (find_token(user, label)) {
		err_conflict(err, "%s has a token %s already", user->name, label);
		return err_next(
			err, "portwall user token %s %s --revoke ends it", user->name, label);
	}
	if (user->tokens.n == LIMIT_USER_TOKENS)
		return err_limit(err, "%s has %d tokens already", user->name, LIMIT_USER_TOKENS);
	made = vec_push(&user->tokens, inv->arena);
	made->name = label;
	made->created = today(inv->arena);
	token_make(words);
	token_hash(words, made->hash);
	/* printed when the file has it */
	memcpy(keeping->password, words, sizeof(words));
	return true;
}

/* --- list --- */

static void print_json(const struct users *users)
{
	json_t *list = json_array();

	vec_for_each (user, &users->list) {
		json_t *tokens = json_array();

		vec_for_each (each, &user->tokens)
			json_array_append_new(tokens, json_pack("{s:s, s:s}", "label", each->name,
							      "created", each->created));
		json_array_append_new(list,
			json_pack("{s:s, s:s, s:s, s:b, s:o}", "name", user->name, "project_id",
				user->project_id, "role", roles_name(user->roles), "password",
				user->password != NULL, "tokens", tokens));
	}
	output_print_json(json_pack("{s:o}", "users", list));
}

static void print_table(struct keeping *keeping)
{
	static const char *const columns[] = { "name", "project", "role", "password", "tokens" };
	struct output_table table = {
		.arena = keeping->inv->arena, .titles = columns, .n_columns = N_OF(columns)
	};
	struct text out CLEANUP(text_done) = TEXT_INIT;

	vec_for_each (user, &keeping->users.list) {
		const char **row = arena_new_array(table.arena, const char *, N_OF(columns));
		struct text tokens CLEANUP(text_done) = TEXT_INIT;

		vec_for_each (each, &user->tokens)
			text_addf(&tokens, "%s%s", tokens.len ? "\n" : "", each->name);
		row[0] = user->name;
		row[1] = user->project_id;
		row[2] = roles_name(user->roles);
		row[3] = user->password ? "yes" : "no";
		row[4] = arena_strdup(table.arena, tokens.data);
		*vec_push(&table.rows, table.arena) = row;
	}
	if (table.rows.n)
		output_table_print(&table, &out);
	output_print_text(&out);
}

/* --- the command --- */

static const struct verb {
	const char *name;
	size_t n_args; /* behind it */
	bool (*change)(struct keeping *keeping, struct err *err);
	bool may_be_first;
	const char *done;
} verbs[] = {
	{ "list", 0, NULL, true, NULL },
	{ "add", 1, add, true, "added" },
	{ "set", 1, set, false, "changed" },
	{ "delete", 1, delete, false, "deleted" },
	{ "token", 2, token, false, "revoked" },
};

static bool find_verb(struct invocation *inv, const struct verb **ret, struct err *err)
{
	const char *names[N_OF(verbs)], *nearest;

	for (size_t i = 0; i < N_OF(verbs); i++) {
		names[i] = verbs[i].name;
		if (strcmp(verbs[i].name, inv->args[0]) != 0)
			continue;
		*ret = &verbs[i];
		if (inv->n_args == 1 + verbs[i].n_args)
			return true;
		err_input(err, "user %s takes %s", verbs[i].name,
			verbs[i].n_args == 0   ? "no name"
			: verbs[i].n_args == 1 ? "the user's NAME"
					       : "the user's NAME and the token's LABEL");
		return err_next(err, "portwall user --help");
	}
	nearest = text_nearest(inv->args[0], names, N_OF(names));
	err_input(err, "user: there is no verb %s", inv->args[0]);
	return nearest ? err_next(err, "did you mean %s?", nearest)
		       : err_next(err, "list, add, set, delete and token are");
}

/* What is not the verb's would be silent otherwise. */
static bool check_options(const struct invocation *inv, const struct verb *verb, struct err *err)
{
	const struct {
		bool is_there;
		const char *name, *verbs;
	} options[] = {
		{ inv->object.project != NULL, "project", "add set" },
		{ inv->role != NULL, "role", "add set" },
		{ inv->password, "password", "set" },
		{ inv->no_password, "no-password", "add set" },
		{ inv->revoke, "revoke", "token" },
	};

	for (size_t i = 0; i < N_OF(options); i++)
		if (options[i].is_there && !strstr(options[i].verbs, verb->name))
			return err_input(err, "user %s takes no --%s", verb->name, options[i].name);
	if (inv->password && inv->no_password)
		return err_input(
			err, "--password and --no-password are the contrary of each other");
	if (verb->change == set && !inv->object.project && !inv->role && !inv->password &&
		!inv->no_password) {
		err_input(err, "user set: nothing is to be set");
		return err_next(err, "--role, --project, --password or --no-password say what");
	}
	return true;
}

static bool change(struct keeping *keeping, const struct verb *verb, struct err *err)
{
	struct invocation *inv = keeping->inv;
	bool asks = verb->change == add ? !inv->no_password : inv->password, is_fine;
	int lock;

	if ((asks && !ask_password(keeping, err)) || !users_lock(keeping->path, &lock, err))
		return false;
	is_fine = load(keeping, verb->may_be_first, err) && verb->change(keeping, err) &&
		  users_save(&keeping->users, keeping->path, &keeping->owner, err);
	close(lock);
	if (!is_fine)
		return false;
	inv->has_changed = true;
	return true;
}

static void print_done(const struct keeping *keeping, const struct verb *verb)
{
	struct text out CLEANUP(text_done) = TEXT_INIT;
	const struct invocation *inv = keeping->inv;
	bool is_token = *keeping->password;

	if (inv->json) {
		json_t *root = json_pack("{s:s}", "user", inv->args[1]);

		if (verb->n_args == 2)
			json_object_set_new(root, "label", json_string(inv->args[2]));
		if (is_token)
			json_object_set_new(root, "token", json_string(keeping->password));
		output_print_json(root);
		return;
	}
	if (is_token)
		text_addf(&out, "%s\n", keeping->password);
	else
		text_addf(&out, "%s %s\n", inv->args[verb->n_args], verb->done);
	output_print_text(&out);
	if (out.size)
		secret_wipe(out.data, out.size);
}

bool cmd_user(struct invocation *inv, struct err *err)
{
	struct keeping keeping = { .inv = inv };
	const struct verb *verb = NULL;
	bool is_fine;

	if (!find_verb(inv, &verb, err) || !check_options(inv, verb, err) ||
		!find_file(&keeping, err))
		return false;
	if (!verb->change) {
		if (!load(&keeping, true, err))
			return false;
		if (inv->json)
			print_json(&keeping.users);
		else
			print_table(&keeping);
		return true;
	}
	is_fine = change(&keeping, verb, err);
	if (is_fine)
		print_done(&keeping, verb);
	secret_wipe(keeping.password, sizeof(keeping.password));
	return is_fine;
}
