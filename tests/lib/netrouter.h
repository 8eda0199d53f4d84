/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_NETROUTER_H
#define TESTS_NETROUTER_H

#include "net.h"

/*
 * A host that routes between interfaces of given names; their other ends are in one namespace
 * outside. What comes in by one interface leaves by another, whatever its addresses are, so that
 * a test is free to choose them; only packets to an interface's own address stay.
 *
 * The host says nothing by itself: what its kernel would send (resets, ICMP) finds a black hole
 * for a route. The test's own sender has a user id by which it is let through. What asks for the way
 * back (rpfilter, fib) finds one to some addresses: each interface has a network of them behind it, its
 * home, from which the host itself answers nothing that came to one of its own addresses.
 */
#define ROUTER_MAX_PORTS 8
#define ROUTER_UID	 12345

struct router_port {
	char name[16];
	struct addr addrs[N_IP_FAMILIES]; /* of the host, there */
	struct mac mac, far_mac;
	size_t out; /* where what comes in here leaves */
	int fd;	    /* AF_PACKET on the far end */
};

struct router {
	struct net *net;
	struct router_port ports[ROUTER_MAX_PORTS];
	size_t n_ports;
	size_t out; /* where what the host sends leaves */
	int raw[N_IP_FAMILIES];
	uint8_t *seen; /* by number of tag */
	size_t size_seen;
	int hear[2 * N_IP_FAMILIES + 2];
	size_t n_hear;
};

struct router *router_new(const char *const *names, size_t n);
void router_free(struct router *router);
/* By what interface each leaves: (in + shift) modulo the number of ports. */
void router_turn(struct router *router, size_t shift);
/* from: of ports; or n_ports for the host itself. Gives the size of the IP packet. */
size_t router_send(struct router *router, size_t from, struct net_frame *frame, uint64_t tag);
/* Whose own address, or in whose home it is: of ports; n_ports for none. */
size_t router_owner(const struct router *router, const struct addr *addr);
size_t router_home(const struct router *router, const struct addr *addr);
bool router_is_local(const struct router *router, const struct addr *addr);
/* A host of that home; number: from 1 to 254. */
struct addr router_home_addr(size_t port, enum family family, unsigned number);
/* Call after net_settle. */
bool router_saw(struct router *router, uint64_t tag);

#endif
