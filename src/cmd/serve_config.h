/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CMD_SERVE_CONFIG_H
#define CMD_SERVE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/text.h"

/*
 * The configuration file of "portwall serve": lines "key = value". A # at the beginning of a line, or behind a space, begins a
 * remark; the words of a list are parted by spaces. One table (serve_config.c) has each key with its default and what it
 * means: the file that is installed, the man page and the check are made from it.
 */
#define SERVE_CONFIG_PATH   "/etc/portwall/serve.conf"
#define SERVE_SOCKET	    "/run/portwall/api.sock" /* the key socket, where it is not said */
#define SERVE_CONFIG_N_KEYS 20

struct serve_config {
	const char *path;  /* the file; NULL: defaults only */
	const char *group; /* socket_group: of the socket */
	const char *socket, *user, *store, *host, *backend, *prefix;
	const char *const *closed_interfaces, *const *guard_bridges;
	size_t n_closed_interfaces, n_guard_bridges; /* no bridges: those that the guard finds */
	/* who may ask over TCP: plain, on loopback alone, and with TLS */
	const char *const *listen, *const *listen_tls;
	size_t n_listen, n_listen_tls;
	const char *auth, *users, *tls_certificate, *tls_key;
	bool fix_sysctl, takeover, guard, paranoid;
	unsigned wait_s;
	unsigned lines[SERVE_CONFIG_N_KEYS]; /* by key: where it is set; 0: it is not */
};

/*
 * path NULL: SERVE_CONFIG_PATH, where no file means the defaults. Errors name file, line, key, what it must be, and the
 * nearest key (ERR_INPUT); the file cannot be read (ERR_SYSTEM). Nothing of the host is asked but its name.
 */
bool serve_config_load(
	struct arena *arena, const char *path, struct serve_config *ret, struct err *err);
/* What a text says; path is for messages. */
bool serve_config_parse(struct arena *arena, const char *path, const struct text *text,
	struct serve_config *ret, struct err *err);

/* Can it be started so on this host? Its user and group are there, the folders of socket and store too. What TCP needs is serve_access.h's. */
bool serve_config_check(const struct serve_config *config, struct err *err);

/* The error of a value that does not go with the rest, or with this host: its line, or that it is the default. */
bool serve_config_refuse(const struct serve_config *config, const char *key, const char *value,
	const char *why, struct err *err);

/* What is effective, in the file's own form; behind what the file sets stands its line. */
void serve_config_print(const struct serve_config *config, struct text *out);
/* The value of a key by number (serve_config_key), as the file would have it. */
void serve_config_value(const struct serve_config *config, size_t i, struct text *out);
/* The file as it is installed: each key with its help, as a remark that has the default. */
void serve_config_print_default(struct text *out);

/* For --help and the man page: key (NULL: no more), default and help, by number. */
void serve_config_key(
	size_t i, const char **ret_key, const char **ret_default, const char **ret_help);

#endif
