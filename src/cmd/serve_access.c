// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/serve_access.h"

#include <pwd.h>
#include <string.h>

#include "base/limits.h"
#include "users/users.h"

bool serve_address_parse(const char *text, struct serve_address *ret)
{
	struct text words CLEANUP(text_done) = TEXT_INIT;
	const char *colon = strrchr(text, ':');
	size_t len = colon ? (size_t)(colon - text) : 0;
	bool has_brackets = *text == '[';
	struct serve_address address;
	uint32_t port;

	if (!len || !text_to_u32(colon + 1, 1, 65535, &port))
		return false;
	if (has_brackets && (len < 2 || text[len - 1] != ']'))
		return false;
	text_add_n(&words, text + has_brackets, len - 2 * (size_t)has_brackets);
	if (!addr_parse(words.data, &address.addr) ||
		has_brackets != (address.addr.family == FAMILY_IPV6))
		return false;
	address.port = (uint16_t)port;
	*ret = address;
	return true;
}

bool serve_address_is_loopback(const struct serve_address *address)
{
	static const uint8_t v6[16] = { [15] = 1 };

	return address->addr.family == FAMILY_IPV4 ? address->addr.bytes[0] == 127
						   : !memcmp(address->addr.bytes, v6, sizeof(v6));
}

bool serve_takes_credentials(const struct serve_config *config)
{
	return (config->n_listen || config->n_listen_tls) && strcmp(config->auth, "none") != 0;
}

bool serve_users_owner(const struct serve_config *config, struct secret_owner *ret, struct err *err)
{
	const struct passwd *user = getpwnam(config->user);

	if (!user)
		return serve_config_refuse(
			config, "user", config->user, "there is no such user", err);
	*ret = (struct secret_owner){ 0, user->pw_gid };
	return true;
}

/* An address that is there twice would be the second one's "in use by another process". */
static bool check_once(const struct serve_config *config, const char *key, const char *text,
	size_t place, struct err *err)
{
	struct serve_address wanted = { 0 }, other = { 0 };

	serve_address_parse(text, &wanted);
	for (size_t i = 0; i < place; i++) {
		serve_address_parse(i < config->n_listen ? config->listen[i]
							 : config->listen_tls[i - config->n_listen],
			&other);
		if (!addr_compare(&wanted.addr, &other.addr) && wanted.port == other.port)
			return serve_config_refuse(
				config, key, text, "it is listened at already", err);
	}
	return true;
}

static bool check_addresses(const struct serve_config *config, struct err *err)
{
	size_t n = config->n_listen + config->n_listen_tls;

	if (n > LIMIT_API_LISTEN) {
		const char *key = config->n_listen_tls ? "listen_tls" : "listen";

		return serve_config_refuse(
			config, key, "...", "there are more than 16 addresses", err);
	}
	for (size_t i = 0; i < n; i++) {
		bool is_plain = i < config->n_listen;
		const char *text =
			is_plain ? config->listen[i] : config->listen_tls[i - config->n_listen];
		struct serve_address address = { 0 };

		if (!check_once(config, is_plain ? "listen" : "listen_tls", text, i, err))
			return false;
		serve_address_parse(text, &address);
		if (serve_address_is_loopback(&address) || serve_takes_credentials(config))
			continue;
		serve_config_refuse(config, "auth", config->auth,
			"who can reach an address of listen_tls that is not loopback could do everything",
			err);
		return err_next(err,
			"auth = credentials, and portwall user add NAME; or listen_tls without %s",
			text);
	}
	return true;
}

/* In which line of serve.conf it is named. */
static bool refuse_file(
	const struct serve_config *config, const char *key, const char *path, struct err *err)
{
	struct err cause = *err;

	serve_config_refuse(config, key, path, cause.text, err);
	if (*cause.next_step)
		err_next(err, "%s", cause.next_step);
	return false;
}

static bool check_users(const struct serve_config *config, struct err *err)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct secret_owner owner;
	struct users users;

	return serve_users_owner(config, &owner, err) &&
	       (users_load(arena, config->users, &owner, &users, err) ||
		       refuse_file(config, "users_file", config->users, err));
}

bool serve_access_check(
	const struct serve_config *config, struct tls_pair *ret_tls, struct err *err)
{
	struct tls_pair pair CLEANUP(tls_pair_done) = { TEXT_INIT, TEXT_INIT };

	if (!check_addresses(config, err) ||
		(serve_takes_credentials(config) && !check_users(config, err)))
		return false;
	if (config->n_listen_tls &&
		!tls_pair_load(config->tls_certificate, config->tls_key, &pair, err)) {
		bool is_key = strstr(err->text, config->tls_key) != NULL;

		return refuse_file(config, is_key ? "tls_key" : "tls_certificate",
			is_key ? config->tls_key : config->tls_certificate, err);
	}
	if (ret_tls) {
		*ret_tls = pair;
		pair = (struct tls_pair){ TEXT_INIT, TEXT_INIT };
	}
	return true;
}
