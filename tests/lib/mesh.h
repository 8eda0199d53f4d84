/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_MESH_H
#define TESTS_MESH_H

#include "net.h"
#include "random.h"

/*
 * A topology by chance of two namespaces, both of them judged: a host with two bridges, guests on
 * them and a wire to the world; and a router that hangs on both bridges, with a wire of its own.
 *
 *	A     B                     C     D
 *	|     |                     |     |
 *	tapa  tapb                  tapc  tapd                          host, the test's own
 *	-+----+----+--- br0        -+-----+----+--- br1    wan0
 *	           r0                          r1            |
 *  . . . . . . . .|. . . . . . . . . . . . . . |. . . . . . |. . . . . . . . . . . . . .
 *	          eth0                        eth1           |    rwan    router
 *	                                                     |      |
 *	                                                     W      R     ends
 *
 * What the kernels would say by themselves (resets, ICMP errors, echo replies, discovery, ARP) is
 * thrown away by a table "quiet" that is asked before every other, so that only what the test sends
 * moves a counter.
 */

#define MESH_UID 12345

struct mesh_arrival {
	uint32_t tag;
	struct packet look; /* of sockets of IPv6: what is behind the IP header alone */
	bool has_ip;	    /* an IP header was there to look at */
};

/* Where packets come out: the far end of a device, or the raw sockets of a namespace. */
struct mesh_place {
	char device[16]; /* of the namespace's side; "": its sockets */
	size_t ns;	 /* index into mesh.ns */
	struct mac mac;	 /* of who is there */
	int fds[24];
	size_t n_fds;
	struct mesh_arrival *arrivals;
	size_t n_arrivals, cap_arrivals;
};

#define MESH_NS	     2
#define MESH_PLACES  8
#define MESH_ENDS    6 /* the first places: A B C D W R */
#define MESH_SOCKETS MESH_ENDS

struct mesh {
	struct net *net;
	int ns[MESH_NS];
	int raw[MESH_NS][N_IP_FAMILIES];
	struct mesh_place places[MESH_PLACES];
	struct mac macs[4];	/* br0 br1 eth0 eth1 */
	struct mac wan_macs[2]; /* wan0 rwan */
	bool has_address[2];	/* br0, br1 */
	unsigned n_unsettled;
};

struct mesh *mesh_new(struct random *random);
void mesh_free(struct mesh *mesh);
/* Rules of all kinds, into every namespace. What was loaded is added to ret, for messages. */
void mesh_random_rules(struct mesh *mesh, struct random *random, struct text *ret);

/* from: a place of MESH_ENDS, or MESH_SOCKETS + ns for a process there. Returns the tag. */
uint32_t mesh_send(struct mesh *mesh, size_t from, const struct net_frame *frame);
/* Waits until all has arrived, and reads it. */
void mesh_settle(struct mesh *mesh);
void mesh_forget_arrivals(struct mesh *mesh);

#endif
