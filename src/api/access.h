/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef API_ACCESS_H
#define API_ACCESS_H

#include <stdbool.h>

#include "users/users.h"

struct request;

/*
 * Who asks, and what he may. Roles are those of OpenStack: an admin may all that a member may, and sees all projects; a member
 * all that a reader may, in his project. Each route says which role it takes (routes.c), and what is another project's is not found.
 */
struct identity {
	const char *user, *project_id; /* "" and "": nobody */
	unsigned roles;		       /* 0: he may ask what takes no role */
};

/* Of who asks locally and names no project, and of what a policy file has. */
#define LOCAL_PROJECT USERS_PROJECT

/* How it is known who asks. */
enum proof { PROOF_NONE, PROOF_LOCAL, PROOF_PASSWORD, PROOF_TOKEN, PROOF_SESSION };

extern const struct identity identity_local; /* root, or a member of the socket's group: an admin */

/*
 * The request of somebody who may do everything, who may ask as somebody else: X-User-Id, X-Project-Id, X-Roles, as behind
 * Neutron's auth_strategy=noauth; NULL: not said. False: it is answered as wrong.
 */
bool access_assume(
	struct request *request, const char *user, const char *project_id, const char *roles);
/*
 * Over TCP: is it a browser that a page of somebody else has sent? It reaches what listens on loopback, and where nobody is asked who he
 * is nothing else would stop it. origin, host: the headers, NULL: not there; is_open: nobody is asked. False: it is answered (403).
 */
bool access_check_origin(
	struct request *request, const char *origin, const char *host, bool is_open);
/* May he ask that of the request's route? False: it is answered so (401, 403). */
bool access_check(struct request *request);
bool is_admin(const struct request *request);

#endif
