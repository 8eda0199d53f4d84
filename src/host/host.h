/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HOST_HOST_H
#define HOST_HOST_H

#include "base/arena.h"
#include "packet/packet.h"

/*
 * One network namespace of a machine as a value: its links and what of them decides how packets
 * meet netfilter. kernel fills it; everybody else reads it.
 */

/* Switches of a bridge, each its own attribute (IFLA_BR_...). */
enum bridge_switch {
	SWITCH_NF_CALL_IPTABLES,
	SWITCH_NF_CALL_IP6TABLES,
	SWITCH_NO_LINKLOCAL_LEARN, /* frames to 01:80:c2:00:00:0X teach it nothing */
	N_BRIDGE_SWITCHES,
};
/* "nf_call_iptables": as "ip link set BRIDGE type bridge" takes it. */
const char *bridge_switch_name(enum bridge_switch which);

struct link {
	const char *name;
	int index;
	const char *kind;  /* "bridge", "veth", "tun", ...; "" for hardware */
	int master_index;  /* 0: none */
	int peer_index;	   /* veth; 0: none */
	bool is_peer_away; /* peer_index is a number of another namespace */
	struct mac mac;
	bool is_up;
	bool has_address; /* an IPv4 address or an IPv6 one beyond link-local */
	/* bridges: IFLA_BR_NF_CALL_IPTABLES, IFLA_BR_NF_CALL_IP6TABLES */
	bool nf_call[N_IP_FAMILIES];
	bool no_linklocal_learn; /* of IFLA_BR_MULTI_BOOLOPT */
};

struct host {
	const char *name;   /* uname -n */
	struct link *links; /* sorted by name */
	size_t n_links;
	bool has_br_netfilter;	     /* the module is there: /proc/sys/net/bridge exists */
	bool nf_call[N_IP_FAMILIES]; /* net.bridge.bridge-nf-call-iptables, -ip6tables */
};

const struct link *host_link(const struct host *host, const char *name); /* NULL: none */
const struct link *host_link_by_index(const struct host *host, int index);

/* Does bridged IPv4 (IPv6) of this bridge pass iptables (ip6tables)? The sysctl or the bridge's
 * own attribute is enough (net/bridge/br_netfilter_hooks.c, br_nf_pre_routing). */
bool host_bridge_is_filtered(
	const struct host *host, const struct link *bridge, enum family family);

#endif
