/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef COMPILE_GUARD_H
#define COMPILE_GUARD_H

#include "host/host.h"

/*
 * The guard: an nft table that keeps NAT rules of others away from bridged packets of VMs.
 *
 * Chains of type nat at priority -199 are asked before everybody else's: all NAT chains of a hook, iptables' ones
 * too, are run at one place (net/netfilter/nf_nat_core.c, nf_nat_inet_fn), in the order of their priorities among themselves,
 * until one has set up a mapping; -199 is the least that the kernel takes. To accept or to return there
 * sets nothing up, and the next chain is asked; so the guard maps the address to itself. One table of family inet
 * does it for IPv4 and IPv6, sources and destinations.
 *
 * Meant are bridges of VMs that no container program made, by name. Of a bridge whose address the host itself has
 * (VMs reach the host by it) only what the bridge forwards is meant: neither what the host routes nor what is for the host's MAC.
 */
#define GUARD_TABLE "portwall-guard"

struct guard_bridge {
	const char *name;
	bool has_address; /* the host has an address there */
	struct mac mac;	  /* has_address: of the bridge */
};
struct guard {
	struct guard_bridge *bridges; /* sorted by name */
	size_t n_bridges;
};

/* Bridges of the namespace that are to be guarded: that have a VM's port (a tap or a name of Nova's), or are named
 * as Neutron names them (qbr..., brq...), unless they are Docker's, podman's, a CNI's, LXD's, or a libvirt network that the host does NAT for. */
void guard_of_netns(struct arena *arena, const struct netns *ns, struct guard *ret);
/* Is it a name that nft takes between quotes as just that? Others are not guarded. */
bool guard_can_name(const char *name);
/* One bridge, whatever it is; bridge is of ns. */
struct guard_bridge guard_bridge_of_link(const struct netns *ns, const struct link *bridge);
/* The table as "nft list table" prints it. is_owned: with "flags owner" (nft lists the
 * holder's name behind the brace). Not the commands around it. */
void guard_print(struct text *out, const struct guard *guard, bool is_owned);
/* The guard that stands in a namespace; false: there is none. *ret_is_whole: its rules are those that guard_print
 * writes, for whatever bridges. */
bool guard_find(struct arena *arena, const struct netns *ns, struct guard *ret, bool *ret_is_whole);
/* Is it a process's own ("flags owner"), which nobody else can change? */
bool guard_is_owned(const struct netns *ns);
bool guard_equal(const struct guard *a, const struct guard *b); /* the same bridges */
/* Is it among them, with its address and MAC? */
bool guard_has(const struct guard *guard, const struct guard_bridge *bridge);
/* Sorts them in their place. */
struct guard guard_of_bridges(struct guard_bridge *bridges, size_t n);

#endif
