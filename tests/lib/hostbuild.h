/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_HOSTBUILD_H
#define TESTS_HOSTBUILD_H

#include "explain/explain.h"

/*
 * A host put together in a test, line by line. Names of links are unique over all namespaces.
 * host_built sorts and counts; nothing is added behind it.
 */
#define BUILD_MAX 64

struct built_netns {
	struct link links[BUILD_MAX];
	struct address addresses[BUILD_MAX];
	struct route routes[BUILD_MAX];
	struct next_hop hops[BUILD_MAX];
	struct neighbour neighbours[BUILD_MAX];
	struct fdb_entry fdb[BUILD_MAX];
	struct sysctl sysctls[BUILD_MAX];
	struct conntrack_entry conntrack[BUILD_MAX];
	struct socket sockets[BUILD_MAX];
	struct unread unread[BUILD_MAX];
};

struct host_build {
	struct arena *arena;
	struct host host;
	struct netns netns[4];
	struct built_netns built[4];
	struct ovs_bridge ovs_bridges[4];
	struct ovs_port ovs_ports[BUILD_MAX];
	int next_index;
};

struct host_build *host_build_new(struct arena *arena);
/* Everything below acts on namespace ns (0: the host; 1..3 are added by use). */
struct link *build_link(struct host_build *b, int ns, const char *kind, const char *name);
void build_port(struct host_build *b, const char *bridge, const char *port);
void build_veth(struct host_build *b, int ns_a, const char *a, int ns_b, const char *b_name);
void build_address(struct host_build *b, const char *name, const char *text); /* and its routes */
void build_route(struct host_build *b, const char *prefix, const char *name, const char *gateway);
void build_neighbour(struct host_build *b, const char *name, const char *addr, const char *mac);
void build_fdb(struct host_build *b, const char *name, const char *mac);
void build_sysctl(struct host_build *b, int ns, const char *name, const char *value);
void build_unread(struct host_build *b, int ns, const char *what);
void build_iptables(struct host_build *b, int ns, const char *text);
void build_ip6tables(struct host_build *b, int ns, const char *text);
void build_nft(struct host_build *b, int ns, const char *text);
struct link *built_link(struct host_build *b, const char *name, int *ret_ns);
const struct host *host_built(struct host_build *b);

/* The path as words: "received tapA, bridge-in tapA, ...; dropped rule". Only kinds, devices, chains. */
void path_print(struct text *out, const struct leaf *leaf);

#endif
