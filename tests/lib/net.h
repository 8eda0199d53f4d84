/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_NET_H
#define TESTS_NET_H

#include "base/text.h"
#include "netframe.h"

/*
 * A compute host for tests: namespaces of the real kernel without a name, so that nothing is
 * left behind when a test dies. The test process itself stands in the host's namespace; guests
 * and the world outside are further ones, held by descriptors.
 *
 *    NET_SHARED                  NET_HYBRID                     NET_ROUTED
 *
 *   eth0 A     eth0 B         eth0 A          eth0 B          eth0 A     eth0 B
 *     |          |              |               |               |          |
 *   tapA       tapB           tapA            tapB            tapA       tapB      host
 *  ---+----------+---- br0     -+- qbrA        -+- qbrB      ---+----------+--- br0 (addresses)
 *         |                     |               |                  routing, NAT
 *        up0                   qvbA            qvbB                    |
 *         |                     |               |                     wan0
 *  . . . . . . . . . . . . . . . . . . . . . . . . . . . . . . . . . . . . . . . . . . . . . .
 *         |                    qvoA            qvoB    middle          |
 *         |                    -+---------------+--- br-int            |
 *         |                             up0                            |
 *         |                              |                             |
 *        eth0                           eth0                          eth0       outside
 *
 * Nothing moves on these wires but what a test sends: no IPv6 of the kernel's own, no snooping,
 * no forward delay, no learning (the bridges know every MAC). Bridged IP passes iptables
 * through each bridge's own attribute; the sysctls are off.
 *
 *	struct net *net CLEANUP(net_freep) = net_new(NET_SHARED);
 *	struct net_end *a = net_add_guest(net, "11111111-...", "02:00:00:00:00:0a");
 *	uint64_t tag = net_send(a, &frame);
 *
 *	net_settle(net);
 *	assert_true(net_saw(net->outside, tag));
 */

enum net_kind { NET_SHARED, NET_HYBRID, NET_ROUTED };

#define NET_MAX_ENDS 16

/* Where frames begin and end: a guest, the world outside, or the host's own stack. */
struct net_end {
	struct net *net;
	char name[16];	 /* "A", "B", ..., "outside", "host" */
	char tap[16];	 /* the bridge port on the host's side; "up0" or "wan0" for outside */
	char bridge[16]; /* "" for wan0 */
	char peer[16];	 /* NET_HYBRID: "qvb..." */
	char key[12];	 /* NET_HYBRID: what qbr, qvb, qvo and tap end in */
	struct mac mac;
	int ns;			/* -1: the host itself */
	int fd;			/* AF_PACKET on eth0 */
	int raw[N_IP_FAMILIES]; /* the host: to send; it hears on hear[] */
	int hear[32];
	size_t n_hear;
	uint8_t *seen; /* by number of tag: how often it arrived */
	size_t size_seen;
	size_t n_strays; /* frames without a tag */
};

struct net {
	enum net_kind kind;
	int ns;	    /* the host */
	int middle; /* NET_HYBRID: br-int */
	struct net_end *outside, *host;
	struct net_end *ends[NET_MAX_ENDS]; /* guests, in the order they came */
	size_t n_ends;
	uint32_t n_tags;
	unsigned n_unsettled;
	int clock[2]; /* a wire of its own: net_settle */
	struct mac bridge_mac, wan_mac, outside_mac;
};

/* NET_ROUTED: what the host's br0 and wan0 have, and what is behind wan0. */
#define NET_BR0_IPV4	 "10.0.0.1"
#define NET_BR0_IPV6	 "2001:db8::1"
#define NET_WAN_IPV4	 "192.0.2.1"
#define NET_WAN_IPV6	 "2001:db8:ffff::1"
#define NET_OUTSIDE_IPV4 "192.0.2.2"
#define NET_OUTSIDE_IPV6 "2001:db8:ffff::2"

/*
 * In main, before anything else: false with the plan "1..0 # SKIP reason" printed when this
 * machine cannot run such tests (no root, no br_netfilter, a tool is missing). Gives the
 * process a mount namespace with an empty /run, and one processor (see net_settle).
 */
bool net_main(void);
/* What main returns: 0 or 1. A case that failed left its host behind, which is no leak. */
int net_exit(int n_failed);

struct net *net_new(enum net_kind kind);
void net_free(struct net *net);
void net_freep(struct net **net);

/* A guest whose tap is named after its port: "tap" + 11 characters of the id. */
struct net_end *net_add_guest(struct net *net, const char *port_id, const char *mac);
void net_remove_guest(struct net_end *end);
/* NET_ROUTED: the host and the wan know where an address lives. */
void net_add_neighbour(struct net *net, const char *ip, const struct net_end *end);
/* Gives a guest (or outside) a stack of its own: the address, and answers by its kernel. */
void net_add_address(struct net_end *end, const char *prefix, const char *gateway);

/* Sends; returns the tag. The host's end sends through its own stack (OUTPUT). */
uint64_t net_send(struct net_end *from, const struct net_frame *frame);
uint64_t net_new_tag(struct net *net);
void net_send_wire(struct net_end *from, const struct net_wire *wire);

/*
 * Waits until everything that was sent has arrived or never will; then what net_saw says is
 * final, also a no. Sound because the process is bound to one processor: every veth hands its
 * frames to that processor's one queue, which is first in, first out, so a frame that goes
 * around a wire of its own more often than the longest way has hops is behind all others.
 */
void net_settle(struct net *net);
bool net_saw(struct net_end *at, uint64_t tag);
unsigned net_saw_times(struct net_end *at, uint64_t tag);
/* Of what was read by the two above, without reading more. */
unsigned net_noted_times(const struct net_end *at, uint64_t tag);

/* ip -batch in a namespace of this net; fails the test when refused. */
void net_ip(int ns, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Runs a tool with this standard input; false when it exits with another code than 0. out: its
 * standard output and error, may be NULL. */
bool net_try(const char *input, struct text *out, const char *const *argv);
/* The same through "sh -c"; fails the test when it is refused. */
void net_sh(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
bool net_try_sh(struct text *out, const char *command);

/* A new namespace, without IPv6 of its own, as a descriptor; leaves the process in it. */
int net_new_ns(void);
/* Acts in a namespace until net_leave. */
void net_enter(int ns);
void net_leave(const struct net *net);

/*
 * Until frames pass a device of the present namespace. The kernel makes a link ready some time after it
 * has come up, and drops without a word what is sent before; a bridge's port is disabled until then.
 */
void net_await_link(const char *device);

/* Waits until done(data) is true; false after that many milliseconds. */
bool net_wait_for(bool (*done)(void *data), void *data, unsigned timeout_ms);

/* Empties the conntrack table of the host. */
void net_flush_conntrack(struct net *net);

#endif
