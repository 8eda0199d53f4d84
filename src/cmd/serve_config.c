// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/serve_config.h"

#include <ctype.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/vec.h"
#include "cmd/serve_access.h"
#include "compile/compile.h"
#include "users/users.h"

#define SPACE		  " \t\r"
#define MAX_PATH_LEN	  4095
#define MAX_SOCKET_LEN	  107 /* sun_path, with its NUL */
#define MAX_USER_LEN	  31  /* of useradd(8) */
#define MAX_INTERFACE_LEN 15  /* IFNAMSIZ, with its NUL */
#define MAX_WAIT_S	  3600
#define MAX_LIST_WORDS	  256

/* --- what values may be --- */

static bool is_path_of(const char *value, size_t max_len)
{
	size_t len = strlen(value);

	return value[0] == '/' && len > 1 && len <= max_len && value[len - 1] != '/' &&
	       !strpbrk(value, SPACE);
}

static bool is_path(const char *value)
{
	return is_path_of(value, MAX_PATH_LEN);
}

static bool is_socket_path(const char *value)
{
	return is_path_of(value, MAX_SOCKET_LEN);
}

static bool is_user_name(const char *value)
{
	if (!islower((unsigned char)*value) && *value != '_')
		return false;
	if (strlen(value) > MAX_USER_LEN)
		return false;
	for (; *value; value++)
		if (!islower((unsigned char)*value) && !isdigit((unsigned char)*value) &&
			!strchr("_-", *value))
			return false;
	return true;
}

static bool is_host_name(const char *value)
{
	return strlen(value) <= LIMIT_NAME_LEN && !strpbrk(value, SPACE);
}

static bool is_backend(const char *value)
{
	return !strcmp(value, "auto") || !strcmp(value, "nft") || !strcmp(value, "legacy");
}

static bool is_prefix(const char *value)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct plan_scope scope;
	struct err ignored;

	return compile_scope(arena, value, &scope, &ignored);
}

static bool is_interface(const char *value)
{
	return strlen(value) <= MAX_INTERFACE_LEN && strcmp(value, ".") != 0 &&
	       strcmp(value, "..") != 0 && !strpbrk(value, "/:*?[]");
}

/* Not "*" alone: that would be the uplinks of every bridge too. */
static bool is_interface_pattern(const char *value)
{
	char name[MAX_INTERFACE_LEN + 1];
	size_t len = strlen(value);

	if (len > MAX_INTERFACE_LEN || value[0] == '*')
		return false;
	memcpy(name, value, len + 1);
	if (name[len - 1] == '*')
		name[len - 1] = '\0';
	return is_interface(name);
}

static bool is_auth(const char *value)
{
	return !strcmp(value, "none") || !strcmp(value, "credentials");
}

static bool is_address(const char *value)
{
	struct serve_address ignored;

	return serve_address_parse(value, &ignored);
}

/* What a password or a token passes in the clear. */
static bool is_loopback(const char *value)
{
	struct serve_address address;

	return serve_address_parse(value, &address) && serve_address_is_loopback(&address);
}

/* --- the keys --- */

enum kind { KIND_TEXT, KIND_LIST, KIND_YES_NO, KIND_SECONDS };

struct key {
	const char *name;
	const char *preset;		     /* in the file's form; NULL: this host's name */
	bool (*is_valid)(const char *value); /* of a list: of each word */
	const char *must_be;
	const char *help;
	enum kind kind;
	size_t at, n_at; /* in struct serve_config; n_at: of a list's length */
};

#define AT(member) offsetof(struct serve_config, member)
#define AT_LIST(member)                                                                            \
	offsetof(struct serve_config, member), offsetof(struct serve_config, n_##member)
#define MUST_BE_A_PATH	  "must be an absolute path without spaces"
#define MUST_BE_A_USER	  "must be the name of a user: a-z, 0-9, _ and -, at most 31 of them"
#define MUST_BE_A_GROUP	  "must be the name of a group: a-z, 0-9, _ and -, at most 31 of them"
#define MUST_BE_YES_OR_NO "must be yes or no"

static const struct key keys[] = {
	{ "socket", SERVE_SOCKET, is_socket_path, MUST_BE_A_PATH " of at most 107 characters",
		"The unix socket on which requests come in. Root and the members of socket_group may use it.",
		KIND_TEXT, AT(socket), 0 },
	{ "socket_group", "portwall", is_user_name, MUST_BE_A_GROUP,
		"The group that may use the socket. Who is in it decides about the whole policy of this host. "
		"Another one than portwall has to be named in SupplementaryGroups= of portwall.service as "
		"well.",
		KIND_TEXT, AT(group), 0 },
	{ "listen", "", is_loopback,
		"must be loopback addresses with a port, as in 127.0.0.1:9696 or [::1]:9696; for others, "
		"which need TLS and credentials, there is listen_tls",
		"Loopback addresses with a port at which requests come in over TCP as well, without TLS "
		"(127.0.0.1:9696 [::1]:9696). Without one there is only the unix socket. Who may ask is said by auth.",
		KIND_LIST, AT_LIST(listen) },
	{ "listen_tls", "", is_address,
		"must be addresses with a port, as in 192.0.2.1:9696 or [::]:9696",
		"Addresses with a port at which requests come in over TLS. What is not loopback has to be "
		"allowed in IPAddressAllow= of portwall.service as well, which allows loopback alone.",
		KIND_LIST, AT_LIST(listen_tls) },
	{ "auth", "credentials", is_auth, "must be none or credentials",
		"Who may ask over TCP. credentials: the users of users_file, with a password (HTTP Basic) or a "
		"token (X-Auth-Token). none: everybody who can connect, for everything; only where all addresses "
		"are loopback, on a host whose every user decides about its policy.",
		KIND_TEXT, AT(auth), 0 },
	{ "users_file", USERS_PATH, is_path, MUST_BE_A_PATH,
		"The users, which portwall user keeps: names, projects, roles, hashes of passwords and tokens. "
		"It is root's, and the group of the user below may read it.",
		KIND_TEXT, AT(users), 0 },
	{ "tls_certificate", "/etc/portwall/tls.crt", is_path, MUST_BE_A_PATH,
		"The certificate of listen_tls, with those that it was signed by, in PEM. A renewed one is taken at "
		"systemctl reload portwall.",
		KIND_TEXT, AT(tls_certificate), 0 },
	{ "tls_key", "/etc/portwall/tls.key", is_path, MUST_BE_A_PATH,
		"Its key, in PEM, without a passphrase. It is root's, and nobody else may read it but a group.",
		KIND_TEXT, AT(tls_key), 0 },
	{ "user", "portwall", is_user_name, MUST_BE_A_USER,
		"The user as which the process that parses requests runs. It has no right but to its store.",
		KIND_TEXT, AT(user), 0 },
	{ "store", "/var/lib/portwall/store.db", is_path, MUST_BE_A_PATH,
		"The file that keeps the policy. Its folder belongs to the user above. A folder outside of "
		"/var/lib/portwall has to be named in ReadWritePaths= of portwall.service as well.",
		KIND_TEXT, AT(store), 0 },
	{ "host", NULL, is_host_name, "must be a name of at most 255 characters, without spaces",
		"The name of this host, as binding:host_id of its ports has it. Ports of other hosts are not "
		"enforced here, but their addresses are members of groups.",
		KIND_TEXT, AT(host), 0 },
	{ "backend", "auto", is_backend, "must be auto, nft or legacy",
		"Which iptables the rules are written with: auto is the one behind the command iptables. For "
		"legacy the modules ip_tables and ip6_tables have to be loaded (/etc/modules-load.d).",
		KIND_TEXT, AT(backend), 0 },
	{ "prefix", "neutron-openvswi-", is_prefix,
		"must be at most 17 characters (A-Z a-z 0-9 _ -) that end in -",
		"What the names of the chains begin with.", KIND_TEXT, AT(prefix), 0 },
	{ "closed_interfaces", "tap* vnet*", is_interface_pattern,
		"must be names of interfaces, or their beginnings as in tap*",
		"Interfaces of these names pass nothing on a bridge until they are a port of the policy, so "
		"that a machine is not open while it starts. Ports with port_security_enabled: false, and "
		"machines that are not in the policy, have to be in it, or to be named otherwise.",
		KIND_LIST, AT_LIST(closed_interfaces) },
	{ "fix_sysctl", "yes", NULL, MUST_BE_YES_OR_NO,
		"Turn on what bridges with ports need to ask the filters (nf_call_iptables), at these bridges "
		"alone. With no, what is off is only warned of, and nothing is enforced there.",
		KIND_YES_NO, AT(fix_sysctl), 0 },
	{ "takeover", "no", NULL, MUST_BE_YES_OR_NO,
		"Take over chains of that prefix that another agent has made (Neutron's), once that agent is "
		"stopped for good.",
		KIND_YES_NO, AT(takeover), 0 },
	{ "wait", "10", NULL, "must be whole seconds, 0 to 3600",
		"How many seconds to wait for another portwall that is changing the filters.",
		KIND_SECONDS, AT(wait_s), 0 },
	{ "guard", "no", NULL, MUST_BE_YES_OR_NO,
		"Also keep NAT of other programs (Docker) away from what is bridged between machines, as "
		"portwall guard run does. portwall-guard.service has to be off then.",
		KIND_YES_NO, AT(guard), 0 },
	{ "guard_bridges", "", is_interface, "must be names of bridges",
		"The bridges that are guarded. None: all that have machines.", KIND_LIST,
		AT_LIST(guard_bridges) },
	{ "paranoid", "no", NULL, MUST_BE_YES_OR_NO,
		"After every change, compare with what a full computation gives. Slow; for finding faults.",
		KIND_YES_NO, AT(paranoid), 0 },
};
static const char host_preset[] = "the name that hostname(1) prints";
_Static_assert(N_OF(keys) == SERVE_CONFIG_N_KEYS, "struct serve_config has a line for each key");

void serve_config_key(
	size_t i, const char **ret_key, const char **ret_default, const char **ret_help)
{
	*ret_key = i < N_OF(keys) ? keys[i].name : NULL;
	if (!*ret_key)
		return;
	*ret_default = keys[i].preset ? keys[i].preset : host_preset;
	*ret_help = keys[i].help;
}

/* --- setting --- */

/* Where the value is from: NULL: a default, which is right. */
struct place {
	const char *path;
	unsigned line;
};

static bool refuse(
	const struct place *place, const struct key *key, const char *value, struct err *err)
{
	return err_input(err, "%s:%u: %s = %s: %s", place->path, place->line, key->name, value,
		key->must_be);
}

static bool yes_no_parse(const char *value, bool *ret)
{
	static const char *const yes[] = { "yes", "true", "on" }, *const no[] = { "no", "false",
		"off" };

	for (size_t i = 0; i < N_OF(yes); i++) {
		if (!strcmp(value, yes[i]) || !strcmp(value, no[i])) {
			*ret = !strcmp(value, yes[i]);
			return true;
		}
	}
	return false;
}

static bool set_list(struct arena *arena, const struct place *place, const struct key *key,
	const char *value, struct serve_config *config, struct err *err)
{
	VEC(const char *) words = { 0 };

	for (const char *at = value + strspn(value, SPACE); *at; at += strspn(at, SPACE)) {
		size_t len = strcspn(at, SPACE);
		const char *word = arena_strndup(arena, at, len);

		if (!key->is_valid(word))
			return refuse(place, key, word, err);
		if (words.n == MAX_LIST_WORDS)
			return err_limit(err, "%s:%u: %s has more than %d words", place->path,
				place->line, key->name, MAX_LIST_WORDS);
		*vec_push(&words, arena) = word;
		at += len;
	}
	*(const char *const **)((char *)config + key->at) = words.items;
	*(size_t *)((char *)config + key->n_at) = words.n;
	return true;
}

static bool set(struct arena *arena, const struct place *place, const struct key *key,
	const char *value, struct serve_config *config, struct err *err)
{
	char *to = (char *)config + key->at;
	uint32_t seconds;
	bool yes;

	if (key->kind == KIND_LIST)
		return set_list(arena, place, key, value, config, err);
	if (!*value)
		return err_input(err, "%s:%u: %s has no value: it %s", place->path, place->line,
			key->name, key->must_be);
	switch (key->kind) {
	case KIND_YES_NO:
		if (!yes_no_parse(value, &yes))
			return refuse(place, key, value, err);
		*(bool *)to = yes;
		return true;
	case KIND_SECONDS:
		if (!text_to_u32(value, 0, MAX_WAIT_S, &seconds))
			return refuse(place, key, value, err);
		*(unsigned *)to = seconds;
		return true;
	default:
		if (!key->is_valid(value))
			return refuse(place, key, value, err);
		*(const char **)to = value;
		return true;
	}
}

static bool set_defaults(struct arena *arena, struct serve_config *ret, struct err *err)
{
	const struct place place = { "the defaults", 0 };
	struct utsname names;

	if (uname(&names) < 0)
		return err_system(err, errno, "uname");
	*ret = (struct serve_config){ 0 };
	for (size_t i = 0; i < N_OF(keys); i++) {
		const char *value =
			keys[i].preset ? keys[i].preset : arena_strdup(arena, names.nodename);

		if (!set(arena, &place, &keys[i], value, ret, err))
			return false;
	}
	return true;
}

/* --- reading --- */

static bool refuse_key(const struct place *place, const char *word, struct err *err)
{
	const char *names[N_OF(keys)], *nearest;

	for (size_t i = 0; i < N_OF(keys); i++)
		names[i] = keys[i].name;
	nearest = text_nearest(word, names, N_OF(names));
	err_input(err, "%s:%u: there is no key %s", place->path, place->line, word);
	if (nearest)
		return err_next(err, "did you mean %s?", nearest);
	return err_next(err, "portwall serve --help lists the keys");
}

/* A NUL is none, whatever strchr says. */
static bool is_space(char c)
{
	return c && strchr(SPACE, c);
}

static const char *trimmed(struct arena *arena, const char *text, size_t len)
{
	while (len && is_space(text[len - 1]))
		len--;
	while (len && is_space(*text)) {
		text++;
		len--;
	}
	return arena_strndup(arena, text, len);
}

/* Up to a remark. */
static size_t said_len(const char *line, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (line[i] == '#' && (!i || is_space(line[i - 1])))
			return i;
	return len;
}

static bool parse_line(struct arena *arena, const struct place *place, const char *line, size_t len,
	struct serve_config *config, struct err *err)
{
	const char *equals, *name;

	len = said_len(line, len);
	for (size_t i = 0; i < len; i++)
		if (iscntrl((unsigned char)line[i]) && !is_space(line[i]))
			return err_input(err, "%s:%u: a character that no text has (code %u)",
				place->path, place->line, (unsigned char)line[i]);
	if (!*trimmed(arena, line, len))
		return true;
	equals = memchr(line, '=', len);
	name = trimmed(arena, line, equals ? (size_t)(equals - line) : len);
	if (!equals || !*name) {
		err_input(err, "%s:%u: a line is KEY = VALUE, this is: %s", place->path,
			place->line, trimmed(arena, line, len > 80 ? 80 : len));
		return err_next(err, "a remark begins with #");
	}
	for (size_t i = 0; i < N_OF(keys); i++) {
		if (strcmp(keys[i].name, name) != 0)
			continue;
		if (config->lines[i])
			return err_input(err, "%s:%u: %s is set already, in line %u", place->path,
				place->line, name, config->lines[i]);
		config->lines[i] = place->line;
		return set(arena, place, &keys[i],
			trimmed(arena, equals + 1, len - (size_t)(equals + 1 - line)), config, err);
	}
	return refuse_key(place, name, err);
}

bool serve_config_parse(struct arena *arena, const char *path, const struct text *text,
	struct serve_config *ret, struct err *err)
{
	struct serve_config config;
	struct place place = { path, 0 };
	const char *end = text->data + text->len;

	if (!set_defaults(arena, &config, err))
		return false;
	config.path = path;
	for (const char *line = text->data; line < end;) {
		const char *newline = memchr(line, '\n', (size_t)(end - line));
		size_t len = (size_t)((newline ? newline : end) - line);

		place.line++;
		if (!parse_line(arena, &place, line, len, &config, err))
			return false;
		line += len + 1;
	}
	*ret = config;
	return true;
}

bool serve_config_load(
	struct arena *arena, const char *path, struct serve_config *ret, struct err *err)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;

	if (!path) {
		path = SERVE_CONFIG_PATH;
		if (access(path, F_OK) < 0 && errno == ENOENT)
			return set_defaults(arena, ret, err);
	}
	return text_load(&text, path, LIMIT_SERVE_CONFIG, err) &&
	       serve_config_parse(arena, arena_strdup(arena, path), &text, ret, err);
}

/* --- checking --- */

/* "portwall serve: " is what the caller puts before; the line says where to change it. */
static bool refuse_value(const struct serve_config *config, size_t member, const char *value,
	const char *why, struct err *err)
{
	for (size_t i = 0; i < N_OF(keys); i++) {
		if (keys[i].at != member)
			continue;
		if (config->lines[i])
			return err_input(err, "%s:%u: %s = %s: %s", config->path, config->lines[i],
				keys[i].name, value, why);
		return err_input(err, "%s = %s (the default): %s", keys[i].name, value, why);
	}
	return err_input(err, "%s: %s", value, why);
}

bool serve_config_refuse(const struct serve_config *config, const char *key, const char *value,
	const char *why, struct err *err)
{
	for (size_t i = 0; i < N_OF(keys); i++)
		if (!strcmp(keys[i].name, key))
			return refuse_value(config, keys[i].at, value, why, err);
	return err_input(err, "%s = %s: %s", key, value, why);
}

static bool check_folder(
	const struct serve_config *config, size_t member, const char *path, struct err *err)
{
	struct text folder CLEANUP(text_done) = TEXT_INIT;
	size_t len = (size_t)(strrchr(path, '/') - path);
	struct stat found;

	text_add_n(&folder, path, len ? len : 1);
	if (stat(folder.data, &found) == 0 && S_ISDIR(found.st_mode))
		return true;
	refuse_value(config, member, path, "there is no such folder", err);
	return err_next(err, "systemctl start portwall makes those of the defaults");
}

static const char make[] =
	"systemd-sysusers makes user and group portwall; for a first try: user = nobody, socket_group = root";

bool serve_config_check(const struct serve_config *config, struct err *err)
{
	const struct passwd *user = getpwnam(config->user);

	if (!user) {
		refuse_value(config, AT(user), config->user, "there is no such user", err);
		return err_next(err, "%s", make);
	}
	if (!user->pw_uid || !user->pw_gid) {
		refuse_value(config, AT(user), config->user,
			"what parses requests has to run as somebody who owns nothing", err);
		return err_next(err, "user = nobody, for a first try");
	}
	if (!getgrnam(config->group)) {
		refuse_value(config, AT(group), config->group, "there is no such group", err);
		return err_next(err, "%s", make);
	}
	return check_folder(config, AT(socket), config->socket, err) &&
	       check_folder(config, AT(store), config->store, err);
}

/* --- printing --- */

void serve_config_value(const struct serve_config *config, size_t i, struct text *out)
{
	const struct key *key = &keys[i];
	const char *at = (const char *)config + key->at;

	switch (key->kind) {
	case KIND_LIST:
		for (size_t w = 0; w < *(const size_t *)((const char *)config + key->n_at); w++)
			text_addf(out, "%s%s", w ? " " : "", (*(const char *const *const *)at)[w]);
		break;
	case KIND_YES_NO:
		text_add(out, *(const bool *)at ? "yes" : "no");
		break;
	case KIND_SECONDS:
		text_addf(out, "%u", *(const unsigned *)at);
		break;
	default:
		text_add(out, *(const char *const *)at);
	}
}

void serve_config_print(const struct serve_config *config, struct text *out)
{
	for (size_t i = 0; i < N_OF(keys); i++) {
		struct text value CLEANUP(text_done) = TEXT_INIT;

		serve_config_value(config, i, &value);
		text_addf(out, "%s =%s%s", keys[i].name, value.len ? " " : "", value.data);
		if (config->lines[i])
			text_addf(out, "  # %s:%u", config->path, config->lines[i]);
		text_add(out, "\n");
	}
}

/* In lines of a width that any terminal has. */
static void add_remark(struct text *out, const char *text)
{
	size_t column = 0;

	while (*text) {
		size_t len = strcspn(text, " ");

		if (column && column + 1 + len > 78) {
			text_add(out, "\n");
			column = 0;
		}
		text_add(out, column ? " " : "# ");
		column += column ? 1 + len : 2 + len;
		text_add_n(out, text, len);
		text += len + (text[len] == ' ');
	}
	text_add(out, "\n");
}

void serve_config_print_default(struct text *out)
{
	add_remark(out,
		"Configuration of portwall.service (portwall serve). What stands here behind # is "
		"the default. After a change: portwall serve --check, then systemctl reload "
		"portwall.");
	for (size_t i = 0; i < N_OF(keys); i++) {
		text_add(out, "\n");
		add_remark(out, keys[i].help);
		if (!keys[i].preset)
			text_addf(out, "# Default: %s.\n", host_preset);
		text_addf(out, "#%s =%s%s\n", keys[i].name,
			keys[i].preset && *keys[i].preset ? " " : "",
			keys[i].preset ? keys[i].preset : "");
	}
}
