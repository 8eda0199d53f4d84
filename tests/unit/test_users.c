// SPDX-License-Identifier: GPL-2.0-or-later
/* The users' file, and the secrets that it has hashes of. */
#include "unit.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/limits.h"
#include "users/users.h"

#define HASH                                                                                       \
	"$argon2id$v=19$m=65536,t=2,p=1$Quy3Gg5JIXtbH8gqQcVwxQ$"                                   \
	"JQHqujfLr/6pDWoOKFv9yWELc+aG21ZWjB+TzDTMlaE"

static bool parse(struct arena *arena, const char *words, struct users *ret, struct err *err)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;

	text_add(&text, words);
	return users_parse(arena, "users", &text, ret, err);
}

static void roles_include_the_lower_ones(void **state)
{
	unsigned roles;

	(void)state;
	assert_true(roles_parse("reader", &roles));
	assert_int_equal(roles, ROLE_READER);
	assert_string_equal(roles_name(roles), "reader");
	assert_true(roles_parse("member,reader", &roles));
	assert_int_equal(roles, ROLE_READER | ROLE_MEMBER);
	assert_true(roles_parse("ADMIN", &roles));
	assert_int_equal(roles, ROLE_READER | ROLE_MEMBER | ROLE_ADMIN);
	assert_string_equal(roles_name(roles), "admin");
	assert_true(roles_parse("", &roles));
	assert_int_equal(roles, 0);
	assert_false(roles_parse("root", &roles));
	assert_false(roles_parse("admin2", &roles));
	assert_false(roles_parse("adm", &roles));
	assert_false(roles_parse(",admin", &roles));
}

static void what_is_written_reads_back_as_it_is(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct text out CLEANUP(text_done) = TEXT_INIT, again CLEANUP(text_done) = TEXT_INIT;
	char token[TOKEN_LEN + 1];
	struct users users = { 0 }, back;
	struct user_token *made;
	struct user *user;
	struct err err;

	(void)state;
	user = users_add(arena, &users, "zoe");
	user->roles = ROLE_READER | ROLE_MEMBER;
	user->password = HASH;
	user->project_id = "web";
	user = users_add(arena, &users, "ann");
	token_make(token);
	assert_int_equal(strlen(token), TOKEN_LEN);
	made = vec_push(&user->tokens, arena);
	*made = (struct user_token){ .name = "ci", .created = "2026-11-28" };
	token_hash(token, made->hash);
	users_print(&users, &out);
	/* the token itself is not in it */
	assert_null(strstr(out.data, token));
	assert_true(parse(arena, out.data, &back, &err));
	users_print(&back, &again);
	assert_string_equal(out.data, again.data);
	assert_string_equal(back.list.items[0].name, "ann");
	assert_string_equal(users_find(&back, "zoe")->project_id, "web");
	assert_ptr_equal(users_find_token(&back, token), users_find(&back, "ann"));
	token[TOKEN_LEN - 1] ^= 1;
	assert_null(users_find_token(&back, token));
	assert_null(users_find(&back, "bob"));
	users_remove(&back, users_find(&back, "ann"));
	assert_int_equal(back.list.n, 1);
	assert_string_equal(back.list.items[0].name, "zoe");
}

static void what_is_wrong_in_a_file_is_named(void **state)
{
#define USER(more) "{\"users\": [{\"name\": \"a\", \"project_id\": \"p\", \"roles\": " more "}]}"
	static const struct {
		const char *words, *says;
	} rows[] = {
		{ "", "users:1: " },
		{ "{\n\"users\": [\n}", "users:3: " },
		{ "[]", "no list of users" },
		{ "{\"users\": {}}", "no list of users" },
		{ "{\"users\": [], \"user\": []}", "the file has an unknown key user" },
		{ "{\"users\": [], \"users\": []}", "users:1: duplicate" },
		{ "{\"users\": [1]}", "a user has no name" },
		{ "{\"users\": [{\"name\": \"a:b\"}]}", "a name that is none" },
		{ "{\"users\": [{\"name\": \"a\"}]}", "the user a has no project_id" },
		{ "{\"users\": [{\"name\": \"a\", \"project_id\": \"\", \"roles\": [\"admin\"]}]}",
			"the project of the user a" },
		{ USER("[]"), "the user a has no roles" },
		{ USER("\"admin\""), "the user a has no roles" },
		{ USER("[\"root\"]"), "a role of the user a is none" },
		{ USER("[\"\"]"), "a role of the user a is none" },
		{ USER("[\"admin\"], \"role\": \"x\""), "the user a has an unknown key role" },
		{ USER("[\"admin\"], \"password\": \"secret\""), "no hash of argon2id" },
		{ USER("[\"admin\"], \"password\": 1"), "no hash of argon2id" },
		{ USER("[\"admin\"], \"password\": \"$argon2id$v=19$m=65536,t=2\""),
			"no hash of argon2id" },
		{ USER("[\"admin\"], \"tokens\": {}"), "tokens of the user a are no list" },
		{ USER("[\"admin\"], \"tokens\": [1]"), "a token of the user a is no object" },
		{ USER("[\"admin\"], \"tokens\": [{\"name\": \"t\", \"created\": \"x\"}]"),
			"the user a has no hash" },
		{ USER("[\"admin\"], \"tokens\": [{\"name\": \"t\", \"created\": \"x\", "
		       "\"hash\": \"00\"}]"),
			"a hash that is none" },
		{ "{\"users\": [{\"name\": \"a\", \"project_id\": \"p\", \"roles\": [\"admin\"]}, "
		  "{\"name\": \"a\", \"project_id\": \"p\", \"roles\": [\"admin\"]}]}",
			"the user a is there twice" },
	};
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct users users;
	struct err err;

	(void)state;
	for (size_t i = 0; i < N_OF(rows); i++) {
		if (parse(arena, rows[i].words, &users, &err))
			fail_msg("accepted: %s", rows[i].words);
		if (!strstr(err.text, rows[i].says))
			fail_msg("%s -> %s", rows[i].words, err.text);
		assert_non_null(strstr(err.next_step, "portwall user"));
		/* whatever is wrong with a password, it is not told to the log */
		assert_null(strstr(err.text, "secret"));
	}
}

static void there_are_not_more_users_than_the_limit(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct text out CLEANUP(text_done) = TEXT_INIT;
	struct users users = { 0 }, back;
	struct err err;

	(void)state;
	for (int i = 0; i < LIMIT_USERS; i++)
		users_add(arena, &users, arena_printf(arena, "u%d", i));
	users_print(&users, &out);
	assert_true(parse(arena, out.data, &back, &err));
	users_add(arena, &users, "one-more");
	text_clear(&out);
	users_print(&users, &out);
	assert_false(parse(arena, out.data, &back, &err));
	assert_int_equal(err.kind, ERR_LIMIT);
}

static void a_password_matches_its_hash_and_no_other(void **state)
{
	char hash[PASSWORD_HASH_SIZE], other[PASSWORD_HASH_SIZE];
	struct err err;

	(void)state;
	assert_true(password_hash("correct horse", hash, &err));
	assert_true(text_has_prefix(hash, "$argon2id$"));
	assert_true(password_is_hash(hash));
	assert_true(password_matches(hash, "correct horse"));
	assert_false(password_matches(hash, "correct hors"));
	assert_false(password_matches(hash, "correct horse "));
	assert_false(password_matches(hash, ""));
	/* no two are the same: there is salt in it */
	assert_true(password_hash("correct horse", other, &err));
	assert_string_not_equal(hash, other);
	assert_false(password_matches("", "correct horse"));
	assert_false(password_matches("$argon2id$", "correct horse"));
	/* another function, which would be quicker to guess */
	assert_false(password_is_hash("$argon2i$v=19$m=65536,t=2,p=1$Quy3Gg5JIXtbH8gqQcVwxQ$"
				      "JQHqujfLr/6pDWoOKFv9yWELc+aG21ZWjB+TzDTMlaE"));
}

static void base64_has_one_form(void **state)
{
	char words[8];

	(void)state;
	assert_true(secret_base64_parse("YTpi", words, sizeof(words)));
	assert_string_equal(words, "a:b");
	assert_true(secret_base64_parse("", words, sizeof(words)));
	assert_true(secret_base64_parse("YWJjZGVmZw==", words, sizeof(words)));
	assert_false(secret_base64_parse("YWJjZGVmZ2g=", words, sizeof(words)));
	assert_false(secret_base64_parse("YTpi!", words, sizeof(words)));
	assert_false(secret_base64_parse("YTp", words, sizeof(words)));
	assert_false(secret_base64_parse("YQBi", words, sizeof(words))); /* a NUL */
}

static void a_hash_depends_on_the_key_and_on_where_texts_end(void **state)
{
	static const char *const one[] = { "ab", "c" }, *const other[] = { "a", "bc" };
	unsigned char key[SECRET_KEY_SIZE] = { 1 }, a[SECRET_HASH_SIZE], b[SECRET_HASH_SIZE];

	(void)state;
	secret_hash(NULL, one, 2, a);
	secret_hash(NULL, other, 2, b);
	assert_false(secret_is_equal(a, b, sizeof(a)));
	secret_hash(key, one, 2, b);
	assert_false(secret_is_equal(a, b, sizeof(a)));
	secret_hash(NULL, one, 2, b);
	assert_true(secret_is_equal(a, b, sizeof(a)));
}

/* Two that change the file at once: neither change is lost. */
static void changes_wait_for_each_other(void **state)
{
	const struct secret_owner owner = { geteuid(), getegid() };
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	char folder[] = "/tmp/portwall-users-XXXXXX";
	struct users users = { 0 };
	const char *path;
	pid_t pids[8];
	struct stat file;
	struct err err;
	int status;

	(void)state;
	assert_non_null(mkdtemp(folder));
	path = arena_printf(arena, "%s/users", folder);
	assert_true(users_save(&users, path, &owner, &err));
	assert_int_equal(stat(path, &file), 0);
	assert_int_equal(file.st_mode & 07777, 0640);
	for (size_t i = 0; i < N_OF(pids); i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			int lock;

			if (!users_lock(path, &lock, &err) ||
				!users_load(arena, path, &owner, &users, &err))
				_exit(1);
			users_add(arena, &users, arena_printf(arena, "u%zu", i));
			_exit(!users_save(&users, path, &owner, &err));
		}
	}
	for (size_t i = 0; i < N_OF(pids); i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	assert_true(users_load(arena, path, &owner, &users, &err));
	assert_int_equal(users.list.n, N_OF(pids));
	unlink(path);
	assert_int_equal(rmdir(folder), 0); /* nothing else was left there */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(roles_include_the_lower_ones),
		cmocka_unit_test(what_is_written_reads_back_as_it_is),
		cmocka_unit_test(what_is_wrong_in_a_file_is_named),
		cmocka_unit_test(there_are_not_more_users_than_the_limit),
		cmocka_unit_test(a_password_matches_its_hash_and_no_other),
		cmocka_unit_test(base64_has_one_form),
		cmocka_unit_test(a_hash_depends_on_the_key_and_on_where_texts_end),
		cmocka_unit_test(changes_wait_for_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
