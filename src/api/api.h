/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef API_API_H
#define API_API_H

#include "base/err.h"

/*
 * The door of "portwall serve": HTTP and JSON in Neutron's v2.0 shapes over a unix socket. It keeps the policy in the store,
 * has the engine (agent/serve.h) bring it to the kernel, and answers when it is there. It holds no right but to
 * its store: what it may do is what the files and the socket that it is given let it.
 *
 * A change is in the store before the engine is told, and answered when the engine has said what became of it.
 */
struct api_options {
	const char *store_path;
	const char *host; /* this host's name */
	int listen_fd;	  /* a listening unix socket */
	int engine_fd;	  /* the connected socket to the engine */
};

/* Until the engine closes its end or SIGTERM comes. ready(data) when it serves, and the engine has answered what it made of the policy. */
bool api_run(
	const struct api_options *options, void (*ready)(void *data), void *data, struct err *err);

#endif
