/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef API_API_H
#define API_API_H

#include "api/tls.h"
#include "base/err.h"
#include "users/secrets.h"

/*
 * The door of "portwall serve": HTTP and JSON in Neutron's v2.0 shapes, over a unix socket and TCP. It keeps the policy in the store,
 * has the engine (agent/serve.h) bring it to the kernel, and answers when it is there. It holds no right but to
 * its store: what it may do is what the files and the socket that it is given let it.
 *
 * A change is in the store before the engine is told, and answered when the engine has said what became of it.
 */
struct api_listener {
	int fd;			/* listens */
	bool is_tcp;		/* then what one address may have of connections is bounded */
	bool takes_credentials; /* else whoever can connect may do everything, and may ask as somebody else */
	bool has_tls;
};
struct api_options {
	const char *store_path;
	const char *host; /* this host's name */
	const struct api_listener *listeners;
	size_t n_listeners;
	const struct tls_pair *tls; /* of those that have it */
	int engine_fd;		    /* the connected socket to the engine */
	/* Where a listener takes credentials: */
	const char *users_path;
	struct secret_owner users_owner;
	int verifier_fd; /* the connected socket to api_verify, else -1 */
};

/*
 * The process that looks at passwords, until its peer, the door, has gone. It needs what the door needs, and neither store nor
 * engine.
 */
void api_verify(int peer);

/* Until the engine closes its end or SIGTERM comes. ready(data) when it serves, and the engine has answered what it made of the policy. */
bool api_run(
	const struct api_options *options, void (*ready)(void *data), void *data, struct err *err);

#endif
