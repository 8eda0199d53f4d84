/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CMD_SERVE_ACCESS_H
#define CMD_SERVE_ACCESS_H

#include "api/tls.h"
#include "cmd/serve_config.h"
#include "packet/packet.h"
#include "users/secrets.h"

/* What serve.conf says of TCP: addresses, credentials, TLS, and what of these goes together. */

struct serve_address {
	struct addr addr;
	uint16_t port;
};
/* "127.0.0.1:9696", "[::1]:9696"; false: it is none. */
bool serve_address_parse(const char *text, struct serve_address *ret);
bool serve_address_is_loopback(const struct serve_address *address);

bool serve_takes_credentials(const struct serve_config *config);
/* Of the users' file: root's, and the group of the service's user may read it. */
bool serve_users_owner(
	const struct serve_config *config, struct secret_owner *ret, struct err *err);
/*
 * Does it go together, and are the files there, and right? What is not loopback takes TLS and credentials. *ret_tls: what is
 * to be served with, empty if nothing is; NULL: not wanted.
 */
bool serve_access_check(
	const struct serve_config *config, struct tls_pair *ret_tls, struct err *err);

#endif
