// SPDX-License-Identifier: GPL-2.0-or-later
/* The configuration of portwall serve: what it says, what is refused and how, and that its printed forms say the same. */
#include "unit.h"

#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/text.h"
#include "cmd/serve_config.h"

struct fixture {
	struct arena *arena;
	struct serve_config config;
	struct err err;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	f->arena = arena_new();
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	arena_free(f->arena);
	free(f);
	return 0;
}

static bool parse_n(struct fixture *f, const char *words, size_t len)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;

	text_add_n(&text, words, len);
	memset(&f->err, 0, sizeof(f->err));
	return serve_config_parse(f->arena, "serve.conf", &text, &f->config, &f->err);
}

static void parse(struct fixture *f, const char *words)
{
	if (!parse_n(f, words, strlen(words)))
		fail_msg("%s", f->err.text);
}

static void without_a_line_everything_is_the_default(void **state)
{
	struct fixture *f = *state;
	struct utsname names;

	parse(f, "");
	uname(&names);
	assert_string_equal(f->config.socket, "/run/portwall/api.sock");
	assert_string_equal(f->config.group, "portwall");
	assert_int_equal(f->config.n_listen, 0);
	assert_int_equal(f->config.n_listen_tls, 0);
	assert_string_equal(f->config.auth, "credentials");
	assert_string_equal(f->config.users, "/etc/portwall/users");
	assert_string_equal(f->config.user, "portwall");
	assert_string_equal(f->config.store, "/var/lib/portwall/store.db");
	assert_string_equal(f->config.host, names.nodename);
	assert_string_equal(f->config.backend, "auto");
	assert_string_equal(f->config.prefix, "neutron-openvswi-");
	assert_int_equal(f->config.n_closed_interfaces, 2);
	assert_string_equal(f->config.closed_interfaces[0], "tap*");
	assert_string_equal(f->config.closed_interfaces[1], "vnet*");
	assert_int_equal(f->config.n_guard_bridges, 0);
	assert_true(f->config.fix_sysctl);
	assert_false(f->config.takeover);
	assert_false(f->config.guard);
	assert_false(f->config.paranoid);
	assert_int_equal(f->config.wait_s, 10);
	for (size_t i = 0; i < SERVE_CONFIG_N_KEYS; i++)
		assert_int_equal(f->config.lines[i], 0);
}

static void every_key_can_be_set(void **state)
{
	struct fixture *f = *state;

	parse(f, "# a remark\n"
		 "\n"
		 "socket=/srv/pw/api\n"
		 "  socket_group = net-admins   # who may\r\n"
		 "listen = 127.0.0.1:9696 [::1]:9696 127.8.8.8:1\n"
		 "listen_tls = 0.0.0.0:9697 [2001:db8::1]:65535\n"
		 "auth = none\n"
		 "users_file = /srv/pw/users\n"
		 "tls_certificate = /srv/pw/crt\n"
		 "tls_key = /srv/pw/key\n"
		 "user = _pw1\n"
		 "store = /srv/pw/with#mark.db\n"
		 "host = node-7.example\n"
		 "backend = legacy\n"
		 "prefix = pw-\n"
		 "closed_interfaces = tap*\tveth7  eth0.100\n"
		 "fix_sysctl = off\n"
		 "takeover = true\n"
		 "wait = 0\n"
		 "guard = on\n"
		 "guard_bridges = br0 qbr1\n"
		 "paranoid = yes");
	assert_string_equal(f->config.socket, "/srv/pw/api");
	assert_string_equal(f->config.group, "net-admins");
	assert_int_equal(f->config.n_listen, 3);
	assert_string_equal(f->config.listen[1], "[::1]:9696");
	assert_int_equal(f->config.n_listen_tls, 2);
	assert_string_equal(f->config.listen_tls[0], "0.0.0.0:9697");
	assert_string_equal(f->config.auth, "none");
	assert_string_equal(f->config.users, "/srv/pw/users");
	assert_string_equal(f->config.tls_certificate, "/srv/pw/crt");
	assert_string_equal(f->config.tls_key, "/srv/pw/key");
	assert_string_equal(f->config.user, "_pw1");
	assert_string_equal(f->config.store, "/srv/pw/with#mark.db");
	assert_string_equal(f->config.host, "node-7.example");
	assert_string_equal(f->config.backend, "legacy");
	assert_string_equal(f->config.prefix, "pw-");
	assert_int_equal(f->config.n_closed_interfaces, 3);
	assert_string_equal(f->config.closed_interfaces[1], "veth7");
	assert_string_equal(f->config.closed_interfaces[2], "eth0.100");
	assert_int_equal(f->config.n_guard_bridges, 2);
	assert_string_equal(f->config.guard_bridges[1], "qbr1");
	assert_false(f->config.fix_sysctl);
	assert_true(f->config.takeover);
	assert_true(f->config.guard);
	assert_true(f->config.paranoid);
	assert_int_equal(f->config.wait_s, 0);
	for (size_t i = 0; i < SERVE_CONFIG_N_KEYS; i++)
		assert_int_equal(f->config.lines[i], 3 + i);
}

static void an_empty_list_is_one(void **state)
{
	struct fixture *f = *state;

	parse(f, "closed_interfaces =\n");
	assert_int_equal(f->config.n_closed_interfaces, 0);
}

/* words: the whole text; err: how the message begins; next: in the next step. */
static void what_is_wrong_is_named_with_its_line(void **state)
{
	static const struct {
		const char *words, *err, *next;
	} rows[] = {
		{ "sockt = /run/x\n", "serve.conf:1: there is no key sockt",
			"did you mean socket?" },
		{ "\n#\nclosed_interface = a\n", "serve.conf:3: there is no key closed_interface",
			"did you mean closed_interfaces?" },
		{ "zzzzzzzzzzzz = 1\n", "serve.conf:1: there is no key zzzzzzzzzzzz", "--help" },
		{ "Socket = /run/x\n", "serve.conf:1: there is no key Socket", "socket" },
		{ "[serve]\n", "serve.conf:1: a line is KEY = VALUE, this is: [serve]", "#" },
		{ "guard yes\n", "serve.conf:1: a line is KEY = VALUE", "" },
		{ "= yes\n", "serve.conf:1: a line is KEY = VALUE", "" },
		{ "guard =\n", "serve.conf:1: guard has no value", "" },
		{ "guard = # yes\n", "serve.conf:1: guard has no value", "" },
		{ "guard = maybe\n", "serve.conf:1: guard = maybe: must be yes or no", "" },
		{ "guard = YES\n", "serve.conf:1: guard = YES: must be yes or no", "" },
		{ "guard = yes\nguard = yes\n", "serve.conf:2: guard is set already, in line 1",
			"" },
		{ "socket = api.sock\n",
			"serve.conf:1: socket = api.sock: must be an absolute path", "" },
		{ "socket = /run/my sockets/a\n", "serve.conf:1: socket = ", "" },
		{ "socket = /\n", "serve.conf:1: socket = /: ", "" },
		{ "socket = /run/portwall/\n", "serve.conf:1: socket = ", "" },
		{ "socket = \"/run/x\"\n", "serve.conf:1: socket = \"/run/x\": must be", "" },
		{ "store = ./store.db\n", "serve.conf:1: store = ./store.db: must be", "" },
		{ "user = 0\n", "serve.conf:1: user = 0: must be the name of a user", "" },
		{ "user = a:b\n", "serve.conf:1: user = a:b: ", "" },
		{ "user = -x\n", "serve.conf:1: user = -x: ", "" },
		{ "user = abcdefghijklmnopqrstuvwxyz_abcdef\n", "serve.conf:1: user = ", "" },
		{ "socket_group = Wheel\n",
			"serve.conf:1: socket_group = Wheel: must be the name of a group", "" },
		{ "host = a b\n", "serve.conf:1: host = a b: must be", "" },
		{ "backend = iptables\n",
			"serve.conf:1: backend = iptables: must be auto, nft or legacy", "" },
		{ "prefix = none\n", "serve.conf:1: prefix = none: must be", "" },
		{ "prefix = much-too-long-a-name-\n", "serve.conf:1: prefix = ", "" },
		{ "closed_interfaces = tap* *\n", "serve.conf:1: closed_interfaces = *: must be",
			"" },
		{ "closed_interfaces = t*p\n", "serve.conf:1: closed_interfaces = t*p: ", "" },
		{ "closed_interfaces = tap**\n", "serve.conf:1: closed_interfaces = tap**: ", "" },
		{ "closed_interfaces = tap*,vnet*\n",
			"serve.conf:1: closed_interfaces = tap*,vnet*: ", "" },
		{ "closed_interfaces = abcdefghijklmnop\n",
			"serve.conf:1: closed_interfaces = ", "" },
		{ "closed_interfaces = a/b\n", "serve.conf:1: closed_interfaces = a/b: ", "" },
		{ "guard_bridges = br*\n", "serve.conf:1: guard_bridges = br*: must be", "" },
		{ "guard_bridges = ..\n", "serve.conf:1: guard_bridges = ..: must be", "" },
		{ "listen = 0.0.0.0:9696\n",
			"serve.conf:1: listen = 0.0.0.0:9696: must be loopback", "" },
		{ "listen = 127.0.0.1:9696 [::]:9696\n", "serve.conf:1: listen = [::]:9696: ", "" },
		{ "listen = 192.0.2.1:9696\n", "serve.conf:1: listen = 192.0.2.1:9696: ", "" },
		{ "listen = [::ffff:127.0.0.1]:9696\n", "serve.conf:1: listen = [", "" },
		{ "listen = localhost:9696\n", "serve.conf:1: listen = localhost:9696: ", "" },
		{ "listen = 127.0.0.1\n", "serve.conf:1: listen = 127.0.0.1: ", "" },
		{ "listen = 127.0.0.1:0\n", "serve.conf:1: listen = 127.0.0.1:0: ", "" },
		{ "listen = 127.0.0.1:65536\n", "serve.conf:1: listen = 127.0.0.1:65536: ", "" },
		{ "listen = ::1:9696\n", "serve.conf:1: listen = ::1:9696: ", "" },
		{ "listen = [127.0.0.1]:9696\n", "serve.conf:1: listen = [127.0.0.1]:9696: ", "" },
		{ "listen = :9696\n", "serve.conf:1: listen = :9696: ", "" },
		{ "listen = [:9696\n", "serve.conf:1: listen = [:9696: ", "" },
		{ "listen_tls = *:9696\n", "serve.conf:1: listen_tls = *:9696: must be addresses",
			"" },
		{ "auth = basic\n", "serve.conf:1: auth = basic: must be none or credentials", "" },
		{ "auth =\n", "serve.conf:1: auth has no value", "" },
		{ "users_file = users\n", "serve.conf:1: users_file = users: must be an absolute",
			"" },
		{ "tls_key = tls/key\n", "serve.conf:1: tls_key = tls/key: must be an absolute",
			"" },
		{ "wait = 3601\n", "serve.conf:1: wait = 3601: must be whole seconds", "" },
		{ "wait = -1\n", "serve.conf:1: wait = -1: ", "" },
		{ "wait = 1s\n", "serve.conf:1: wait = 1s: ", "" },
		{ "wait = 99999999999999999999\n", "serve.conf:1: wait = 9", "" },
		{ "gu\x01"
		  "ard = yes\n",
			"serve.conf:1: a character that no text has (code 1)", "" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < N_OF(rows); i++) {
		f->config.socket = "untouched";
		if (parse_n(f, rows[i].words, strlen(rows[i].words)))
			fail_msg("accepted: %s", rows[i].words);
		if (!text_has_prefix(f->err.text, rows[i].err) ||
			!strstr(f->err.next_step, rows[i].next))
			fail_msg("%s -> %s, next %s", rows[i].words, f->err.text, f->err.next_step);
		assert_int_equal(f->err.kind, ERR_INPUT);
		assert_string_equal(f->config.socket, "untouched");
	}
}

static void a_nul_is_no_character_of_a_text(void **state)
{
	struct fixture *f = *state;

	assert_false(parse_n(f, "guard = y\0es\n", 12));
	assert_non_null(strstr(f->err.text, "code 0"));
}

static void a_list_without_an_end_is_refused(void **state)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;
	struct fixture *f = *state;

	text_add(&text, "closed_interfaces =");
	for (int i = 0; i < 256; i++)
		text_add(&text, " a");
	assert_true(parse_n(f, text.data, text.len));
	assert_int_equal(f->config.n_closed_interfaces, 256);
	text_add(&text, " a");
	assert_false(parse_n(f, text.data, text.len));
	assert_int_equal(f->err.kind, ERR_LIMIT);
}

static bool equal_lists(const char *const *a, size_t n_a, const char *const *b, size_t n_b)
{
	for (size_t i = 0; n_a == n_b && i < n_a; i++)
		if (strcmp(a[i], b[i]) != 0)
			return false;
	return n_a == n_b;
}

static void assert_equal(const struct serve_config *a, const struct serve_config *b)
{
	assert_string_equal(a->socket, b->socket);
	assert_string_equal(a->group, b->group);
	assert_true(equal_lists(a->listen, a->n_listen, b->listen, b->n_listen));
	assert_true(equal_lists(a->listen_tls, a->n_listen_tls, b->listen_tls, b->n_listen_tls));
	assert_string_equal(a->auth, b->auth);
	assert_string_equal(a->users, b->users);
	assert_string_equal(a->tls_certificate, b->tls_certificate);
	assert_string_equal(a->tls_key, b->tls_key);
	assert_string_equal(a->user, b->user);
	assert_string_equal(a->store, b->store);
	assert_string_equal(a->host, b->host);
	assert_string_equal(a->backend, b->backend);
	assert_string_equal(a->prefix, b->prefix);
	assert_true(equal_lists(a->closed_interfaces, a->n_closed_interfaces, b->closed_interfaces,
		b->n_closed_interfaces));
	assert_true(equal_lists(
		a->guard_bridges, a->n_guard_bridges, b->guard_bridges, b->n_guard_bridges));
	assert_int_equal(a->fix_sysctl, b->fix_sysctl);
	assert_int_equal(a->takeover, b->takeover);
	assert_int_equal(a->guard, b->guard);
	assert_int_equal(a->paranoid, b->paranoid);
	assert_int_equal(a->wait_s, b->wait_s);
}

static void what_is_printed_reads_back_as_it_is(void **state)
{
	static const char *const files[] = { "", "guard = on\nwait=3\nclosed_interfaces=\n",
		("listen = 127.0.0.1:1 [::1]:2\nlisten_tls = [::]:3\nauth = none\nusers_file = /u\n"
		 "tls_key = /k\ntls_certificate = /c\n"),
		"guard_bridges = br0 br1\nhost = x\nprefix = a-\nbackend = nft\nstore = /x/y\n" };
	struct fixture *f = *state;

	for (size_t i = 0; i < N_OF(files); i++) {
		struct text out CLEANUP(text_done) = TEXT_INIT;
		struct serve_config before;

		parse(f, files[i]);
		before = f->config;
		serve_config_print(&before, &out);
		parse(f, out.data);
		assert_equal(&before, &f->config);
	}
}

static void what_a_file_sets_is_printed_with_its_line(void **state)
{
	struct text out CLEANUP(text_done) = TEXT_INIT;
	struct fixture *f = *state;

	parse(f, "\nguard = on\n");
	serve_config_print(&f->config, &out);
	assert_non_null(strstr(out.data, "\nguard = yes  # serve.conf:2\n"));
	assert_non_null(strstr(out.data, "\nparanoid = no\n"));
}

/* The installed file: as it is it changes nothing, and with its defaults taken as settings neither. */
static void the_installed_file_says_the_defaults(void **state)
{
	struct text out CLEANUP(text_done) = TEXT_INIT, set CLEANUP(text_done) = TEXT_INIT;
	struct fixture *f = *state;
	struct serve_config defaults;
	size_t n = 0;

	parse(f, "");
	defaults = f->config;
	serve_config_print_default(&out);
	parse(f, out.data);
	assert_equal(&defaults, &f->config);
	for (const char *line = out.data; *line; line += strcspn(line, "\n") + 1) {
		size_t len = strcspn(line, "\n");

		assert_true(len <= 80 || strchr(line, '='));
		if (line[0] != '#' || line[1] == ' ')
			continue;
		n++;
		if (!text_has_prefix(line, "#host"))
			text_addf(&set, "%.*s\n", (int)len - 1, line + 1);
	}
	assert_int_equal(n, SERVE_CONFIG_N_KEYS);
	parse(f, set.data);
	assert_equal(&defaults, &f->config);
}

static void every_key_has_a_help_that_is_a_sentence(void **state)
{
	const char *key, *preset, *help;
	size_t n = 0;

	(void)state;
	for (serve_config_key(n, &key, &preset, &help); key;
		serve_config_key(++n, &key, &preset, &help)) {
		assert_non_null(preset);
		assert_true(strlen(help) > 20 && help[strlen(help) - 1] == '.');
	}
	assert_int_equal(n, SERVE_CONFIG_N_KEYS);
}

static void a_file_is_read_and_one_that_is_not_there_is_an_error(void **state)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;
	char path[] = "/tmp/serve-conf-XXXXXX";
	struct fixture *f = *state;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	close(fd);
	text_add(&text, "wait = 7\n");
	assert_true(text_save(&text, path, &f->err));
	assert_true(serve_config_load(f->arena, path, &f->config, &f->err));
	assert_int_equal(f->config.wait_s, 7);
	assert_string_equal(f->config.path, path);
	text_add(&text, "wat = 7\n");
	assert_true(text_save(&text, path, &f->err));
	assert_false(serve_config_load(f->arena, path, &f->config, &f->err));
	assert_non_null(strstr(f->err.text, ":2: there is no key wat"));
	unlink(path);
	assert_false(serve_config_load(f->arena, path, &f->config, &f->err));
	assert_non_null(strstr(f->err.text, path));
}

static void the_check_names_who_and_what_is_not_there(void **state)
{
	struct fixture *f = *state;

	parse(f, "socket = /tmp/s\nuser = nobody\nsocket_group = nogroup\nstore = /tmp/db\n");
	assert_true(serve_config_check(&f->config, &f->err));
	parse(f,
		"socket = /tmp/s\nuser = no_such_user_1\nsocket_group = nogroup\nstore = /tmp/db\n");
	assert_false(serve_config_check(&f->config, &f->err));
	assert_string_equal(
		f->err.text, "serve.conf:2: user = no_such_user_1: there is no such user");
	parse(f, "socket = /tmp/s\nuser = nobody\nsocket_group = no_such_group\nstore = /tmp/db\n");
	assert_false(serve_config_check(&f->config, &f->err));
	assert_non_null(strstr(f->err.text, "serve.conf:3: socket_group = no_such_group"));
	parse(f, "socket = /tmp/none/s\nuser = nobody\nsocket_group = nogroup\nstore = /tmp/db\n");
	assert_false(serve_config_check(&f->config, &f->err));
	assert_non_null(
		strstr(f->err.text, "serve.conf:1: socket = /tmp/none/s: there is no such folder"));
	parse(f, "socket = /s\nuser = nobody\nsocket_group = nogroup\nstore = /tmp/none/db\n");
	assert_false(serve_config_check(&f->config, &f->err));
	assert_non_null(strstr(f->err.text, "store = /tmp/none/db"));
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		CASE(without_a_line_everything_is_the_default),
		CASE(every_key_can_be_set),
		CASE(an_empty_list_is_one),
		CASE(what_is_wrong_is_named_with_its_line),
		CASE(a_nul_is_no_character_of_a_text),
		CASE(a_list_without_an_end_is_refused),
		CASE(what_is_printed_reads_back_as_it_is),
		CASE(what_a_file_sets_is_printed_with_its_line),
		CASE(the_installed_file_says_the_defaults),
		CASE(every_key_has_a_help_that_is_a_sentence),
		CASE(a_file_is_read_and_one_that_is_not_there_is_an_error),
		CASE(the_check_names_who_and_what_is_not_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
