// SPDX-License-Identifier: GPL-2.0-or-later
/* What serve.conf says of TCP: what goes together, what does not, and what is wrong with the files that it names. */
#include "unit.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/serve_access.h"
#include "tlspair.h"
#include "users/users.h"

struct fixture {
	struct arena *arena;
	char folder[64];
	struct serve_config config;
	struct err err;
};

static const char *path_of(struct fixture *f, const char *name)
{
	return arena_printf(f->arena, "%s/%s", f->folder, name);
}

static void put(struct fixture *f, const char *name, const struct text *text, mode_t mode)
{
	const char *path = path_of(f, name);

	assert_true(text_save(text, path, &f->err));
	assert_int_equal(chmod(path, mode), 0);
}

static int set_up(void **state)
{
	struct text certificate CLEANUP(text_done) = TEXT_INIT, key CLEANUP(text_done) = TEXT_INIT;
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	f->arena = arena_new();
	snprintf(f->folder, sizeof(f->folder), "/tmp/portwall-access-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	test_pair_make("localhost", &certificate, &key);
	put(f, "crt", &certificate, 0644);
	put(f, "key", &key, 0600);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	static const char *const names[] = { "crt", "key", "other", "users" };
	struct fixture *f = *state;

	for (size_t i = 0; i < N_OF(names); i++)
		unlink(path_of(f, names[i]));
	rmdir(f->folder);
	arena_free(f->arena);
	free(f);
	return 0;
}

static bool check_of(struct fixture *f, const char *words)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;

	memset(&f->err, 0, sizeof(f->err));
	text_addf(&text, "user = nobody\ntls_certificate = %s\ntls_key = %s\nusers_file = %s\n%s",
		path_of(f, "crt"), path_of(f, "key"), path_of(f, "users"), words);
	if (!serve_config_parse(f->arena, "serve.conf", &text, &f->config, &f->err))
		fail_msg("%s", f->err.text);
	return serve_access_check(&f->config, NULL, &f->err);
}

static void expect_refused(struct fixture *f, const char *words, const char *text, const char *next)
{
	if (check_of(f, words))
		fail_msg("accepted: %s", words);
	if (!strstr(f->err.text, text) || !strstr(f->err.next_step, next))
		fail_msg("%s -> %s, next %s", words, f->err.text, f->err.next_step);
}

static void addresses_are_parsed(void **state)
{
	static const struct {
		const char *text;
		bool is_loopback;
	} rows[] = {
		{ "127.0.0.1:9696", true },
		{ "127.255.0.9:1", true },
		{ "[::1]:9696", true },
		{ "128.0.0.1:1", false },
		{ "0.0.0.0:1", false },
		{ "[::]:1", false },
		{ "[::2]:1", false },
		{ "[::ffff:127.0.0.1]:1", false },
	};
	struct serve_address address;

	(void)state;
	for (size_t i = 0; i < N_OF(rows); i++) {
		assert_true(serve_address_parse(rows[i].text, &address));
		assert_int_equal(serve_address_is_loopback(&address), rows[i].is_loopback);
	}
	assert_true(serve_address_parse("[::1]:65535", &address));
	assert_int_equal(address.port, 65535);
	assert_int_equal(address.addr.family, FAMILY_IPV6);
}

static void without_an_address_nothing_is_needed(void **state)
{
	struct fixture *f = *state;

	unlink(path_of(f, "key"));
	assert_true(check_of(f, ""));
	assert_false(serve_takes_credentials(&f->config));
	assert_true(check_of(f, "listen = 127.0.0.1:9696\nauth = none\n"));
	assert_false(serve_takes_credentials(&f->config));
}

static void what_is_not_loopback_takes_credentials(void **state)
{
	struct fixture *f = *state;

	assert_true(check_of(f, "listen_tls = [::1]:9696\nauth = none\n"));
	expect_refused(f, "listen_tls = 127.0.0.1:1 0.0.0.0:9696\nauth = none\n",
		"serve.conf:6: auth = none: ", "auth = credentials");
	expect_refused(f, "auth = none\nlisten_tls = [2001:db8::1]:9696\n",
		"serve.conf:5: auth = none: ", "[2001:db8::1]:9696");
}

static void an_address_is_listened_at_once(void **state)
{
	struct fixture *f = *state;

	expect_refused(f, "auth = none\nlisten = 127.0.0.1:1 127.0.0.1:1\n",
		"serve.conf:6: listen = 127.0.0.1:1: it is listened at already", "");
	expect_refused(f, "auth = none\nlisten = [::1]:1\nlisten_tls = [0::1]:1\n",
		"serve.conf:7: listen_tls = [0::1]:1: it is listened at already", "");
}

static void credentials_take_users(void **state)
{
	static const char words[] = "listen = 127.0.0.1:9696\n";
	struct text text CLEANUP(text_done) = TEXT_INIT;
	struct fixture *f = *state;
	const char *users = path_of(f, "users");
	struct secret_owner owner;

	expect_refused(f, words, "serve.conf:4: users_file = ", "portwall user add");
	text_add(&text, "{\"users\": []}\n");
	put(f, "users", &text, 0644);
	if (geteuid()) {
		expect_refused(f, words, "belongs to user", "chown 0 ");
		return;
	}
	expect_refused(f, words, "can be read by others", "chmod 640");
	assert_int_equal(chmod(users, 0660), 0);
	expect_refused(f, words, "can be written by others", "chmod 640");
	assert_int_equal(chmod(users, 0640), 0);
	expect_refused(f, words, "cannot be read by the service", "chgrp ");
	assert_true(serve_users_owner(&f->config, &owner, &f->err));
	assert_int_equal(chown(users, 0, owner.gid), 0);
	assert_true(check_of(f, words));
	assert_true(serve_takes_credentials(&f->config));
	assert_int_equal(chmod(users, 0600), 0);
	expect_refused(f, words, "cannot be read by the service", "chmod 640");
	assert_int_equal(chmod(users, 0640), 0);
	assert_int_equal(chown(users, owner.gid, owner.gid), 0);
	expect_refused(f, words, "belongs to user", "chown 0 ");
	text_add(&text, "x");
	put(f, "users", &text, 0640);
	assert_int_equal(chown(users, 0, owner.gid), 0);
	expect_refused(f, words, "users:2: ", "portwall user");
}

static void tls_takes_a_certificate_and_its_key(void **state)
{
	static const char words[] = "listen_tls = 127.0.0.1:9696\nauth = none\n";
	struct text certificate CLEANUP(text_done) = TEXT_INIT, key CLEANUP(text_done) = TEXT_INIT,
				junk CLEANUP(text_done) = TEXT_INIT;
	struct tls_pair pair CLEANUP(tls_pair_done) = { TEXT_INIT, TEXT_INIT };
	struct fixture *f = *state;

	assert_true(check_of(f, words));
	assert_true(serve_access_check(&f->config, &pair, &f->err));
	assert_non_null(strstr(pair.key.data, "PRIVATE KEY"));
	assert_int_equal(chmod(path_of(f, "key"), 0644), 0);
	expect_refused(f, words, "serve.conf:3: tls_key = ", "chmod 640");
	assert_int_equal(chmod(path_of(f, "key"), 0640), 0);
	assert_true(check_of(f, words));
	test_pair_make("localhost", &certificate, &key);
	put(f, "key", &key, 0600);
	expect_refused(f, words, "is not the key of the certificate", "pairs");
	test_pair_make_old("localhost", &certificate, &key);
	put(f, "key", &key, 0600);
	put(f, "crt", &certificate, 0644);
	expect_refused(f, words, "serve.conf:2: tls_certificate = ", "renew");
	assert_non_null(strstr(f->err.text, "has expired"));
	text_add(&junk, "junk\n");
	put(f, "crt", &junk, 0644);
	expect_refused(f, words, "no certificate in PEM", "");
	test_pair_make("localhost", &certificate, &key);
	put(f, "crt", &certificate, 0644);
	put(f, "key", &junk, 0600);
	expect_refused(f, words, "no key in PEM", "passphrase");
	unlink(path_of(f, "key"));
	expect_refused(f, words, "serve.conf:3: tls_key = ", "");
	assert_non_null(strstr(f->err.text, "No such file"));
	put(f, "key", &key, 0600);
	unlink(path_of(f, "crt"));
	expect_refused(f, words, "serve.conf:2: tls_certificate = ", "");
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		CASE(addresses_are_parsed),
		CASE(without_an_address_nothing_is_needed),
		CASE(what_is_not_loopback_takes_credentials),
		CASE(an_address_is_listened_at_once),
		CASE(credentials_take_users),
		CASE(tls_takes_a_certificate_and_its_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
