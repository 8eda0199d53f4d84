/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef AGENT_SERVICE_H
#define AGENT_SERVICE_H

#include "base/err.h"

/*
 * The process that the manager of services (or a shell) started: it begins the engine and the door, waits, and does nothing
 * else. It keeps what both cannot have any more, once they have given up their rights: the right to begin them again.
 */
struct service {
	/* Reads the configuration, the first time and at SIGHUP; on failure the one before is still there. */
	bool (*load)(void *data, struct err *err);
	/* The two processes. They have all that the caller has; peer is the socket between them. They do not return. */
	void (*engine)(void *data, int peer);
	/* ready: to be written to once (one byte) when requests are answered. */
	void (*door)(void *data, int peer, int ready);
	void *data;
};

/*
 * Until SIGTERM or SIGINT; a manager with NOTIFY_SOCKET is told when it is ready, reloads and ends. SIGHUP: both are ended and
 * begun again with the configuration as it then is; what is not right in it is logged, and all stays as it was. One of the two ends
 * by itself: so does the other, and this fails.
 */
bool agent_service_run(const struct service *service, struct err *err);

#endif
