/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HOST_HOST_H
#define HOST_HOST_H

#include "base/arena.h"
#include "packet/packet.h"
#include "ruleset/ruleset.h"

/*
 * One machine as a value: its network namespaces, and in each the links, addresses, routes,
 * switches, flows and rules that decide what happens to a packet. kernel fills it, a file keeps it
 * (host/file.h), everybody else reads it.
 *
 * What could not be read is in "unread", and is never taken for absent: whoever needs it must
 * ask netns_is_unread first, and then "cannot tell".
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

enum port_state { PORT_DISABLED, PORT_LISTENING, PORT_LEARNING, PORT_FORWARDING, PORT_BLOCKING };

/* VLANs of a bridge port (vlan_filtering). */
struct port_vlan {
	uint16_t id;
	bool is_pvid, is_untagged;
};

struct link {
	const char *name;
	int index;
	const char *
		kind; /* "bridge", "veth", "tun", "vlan", "vxlan", "bond", "vrf", "openvswitch" ...; "" for hardware */
	int master_index; /* of a bridge, a bond, a VRF; 0: none */
	int lower_index;  /* a VLAN's, a macvlan's ...: what it stands on; 0: none */
	int peer_index;	  /* veth; 0: none */
	bool is_peer_away; /* peer_index (of a VLAN or macvlan: lower_index) is a number of another namespace */
	int peer_netns; /* index into host.netns, -1: not known; its own when the peer is here too */
	struct mac mac;
	unsigned mtu;
	bool is_up;	  /* IFF_UP */
	bool has_carrier; /* IFF_LOWER_UP: for a veth, that the peer is up */
	bool is_loopback, is_noarp, is_promisc;
	bool has_address; /* an IPv4 address or an IPv6 one beyond link-local */
	/* Offloads (ethtool -k): checksums of what is sent are left to the device; what comes in is put together. */
	bool has_tx_checksum, has_lro;
	uint16_t vlan_id; /* kind vlan */
	uint32_t table;	  /* kind vrf: its routing table */
	unsigned group;

	/* Programs that take packets as they like: XDP; filters of tc, or BPF programs of tcx. */
	bool has_xdp, has_tc_ingress, has_tc_egress;

	/* bridges */
	bool nf_call[N_IP_FAMILIES]; /* IFLA_BR_NF_CALL_IPTABLES, _IP6TABLES */
	bool nf_call_arp;
	bool has_stp, has_vlan_filtering, has_mcast_snooping, has_mcast_querier, no_linklocal_learn;
	unsigned forward_delay_cs, ageing_time_cs; /* hundredths of a second */
	uint16_t group_fwd_mask;
	uint16_t default_pvid;

	/* ports of bridges (IFLA_BRPORT_...) */
	enum port_state port_state;
	bool has_hairpin, has_learning, has_unicast_flood, has_mcast_flood, has_bcast_flood;
	bool is_isolated, is_locked, has_neigh_suppress, has_proxyarp;
	const struct port_vlan *vlans; /* of the port, or of the bridge itself */
	size_t n_vlans;
};

struct address {
	int index; /* of the link */
	struct addr local;
	uint8_t len;
	struct addr peer;      /* point to point: the other end; else as local */
	struct addr broadcast; /* IPv4; all zero: none */
	bool is_secondary, is_tentative, is_deprecated, is_link_scope, is_host_scope;
};

enum route_type { /* RTN_..., include/uapi/linux/rtnetlink.h */
	ROUTE_UNICAST = 1,
	ROUTE_LOCAL,
	ROUTE_BROADCAST,
	ROUTE_ANYCAST,
	ROUTE_MULTICAST,
	ROUTE_BLACKHOLE,
	ROUTE_UNREACHABLE,
	ROUTE_PROHIBIT,
	ROUTE_THROW,
	ROUTE_NAT,
};

struct next_hop {
	int index; /* of the link; 0: none */
	bool has_gateway;
	struct addr gateway;
	unsigned weight;
	bool is_dead, is_linkdown, is_onlink;
};

struct route {
	uint32_t table; /* 255 local, 254 main, 253 default */
	enum route_type type;
	struct prefix dst; /* length 0: default */
	struct prefix src; /* IPv6: from where; length 0: from everywhere */
	uint8_t tos;
	uint32_t priority; /* metric: less is better */
	bool has_prefsrc;
	struct addr prefsrc;
	uint8_t scope, protocol; /* RT_SCOPE_..., RTPROT_... */
	unsigned mtu;		 /* 0: the link's */
	bool is_opaque;		 /* it has something that is not one of these: an encapsulation */
	const struct next_hop *hops; /* several: multipath */
	size_t n_hops;
};

/* An entry of the policy database (ip rule). */
struct routing_rule {
	enum family family;
	uint32_t priority;
	enum rule_action { /* FR_ACT_... */
		RULE_LOOKUP = 1,
		RULE_GOTO,
		RULE_NOP,
		RULE_BLACKHOLE = 6,
		RULE_UNREACHABLE,
		RULE_PROHIBIT,
	} action;
	uint32_t table, goto_priority;
	bool is_inverted, is_l3mdev;
	bool has_src, has_dst;
	struct prefix src, dst;
	const char *iif, *oif;	  /* NULL: any */
	uint32_t mark, mark_mask; /* mask 0: any */
	uint8_t tos, proto;	  /* 0: any */
	bool has_sport, has_dport, has_uid;
	struct port_range sport, dport;
	uint32_t uid_min, uid_max;
	int suppress_len; /* suppress_prefixlength; -1: none */
	bool is_opaque;	  /* it has a condition that is not one of these */
};

struct neighbour {
	int index;
	struct addr addr;
	struct mac mac;
	bool has_mac;
	bool is_failed; /* FAILED or INCOMPLETE */
	bool is_permanent, is_proxy;
};

struct fdb_entry {
	/* port = bridge: the bridge's own address; bridge 0: the port is a VXLAN, and dst is where the
	 * tunnel leads for that MAC (all zero: for those that are not listed) */
	int bridge_index, port_index;
	struct addr dst;
	struct mac mac;
	uint16_t vlan;	   /* 0: none */
	bool is_permanent; /* for the host itself (local) */
	bool is_static;
};

/* A flow's end as conntrack keys it; for ICMP sport is the id and dport type << 8 | code. */
struct flow_tuple {
	struct addr src, dst;
	uint16_t sport, dport;
};
struct conntrack_entry {
	uint8_t proto;
	struct flow_tuple orig, reply;
	uint16_t zone;
	unsigned status; /* enum ct_status, or-ed */
	uint32_t mark;
	uint32_t timeout_s;
	const char *tcp_state; /* "ESTABLISHED"; NULL: not TCP */
};

struct sysctl {
	const char *
		name; /* "net.ipv4.conf.eth0.rp_filter"; the interface's dots as slashes: "eth0/5" */
	const char *value;
};

/* A listening or unconnected socket: who would get a packet for this host. */
struct socket {
	enum family
		family; /* FAMILY_IPV6 with an unspecified address also takes IPv4, unless is_v6_only */
	uint8_t proto;
	bool is_v6_only;
	bool is_raw; /* gets a copy of every packet of its protocol; port 0 */
	struct addr local;
	uint16_t port;
	int index;	     /* of the link that it is bound to; 0: none */
	const char *process; /* "sshd"; NULL: not known */
};

/* A program that takes packets of NFQUEUE. */
struct packet_queue {
	uint16_t number;
	uint32_t n_waiting; /* packets that it has not answered yet */
	uint32_t n_dropped; /* because it was full, or the program did not take them */
};

/* A line of a file that sets a sysctl at boot. Of a host: in the order in which they are applied. */
struct sysctl_line {
	const char *path; /* "/etc/sysctl.d/10-net.conf" */
	uint32_t line;
	const char *name;  /* as of struct sysctl; "*" stands for any interface */
	const char *value; /* NULL: the name is excepted from patterns */
};

/* Open vSwitch, of the database and of each bridge's tables. */
struct ovs_port {
	const char *name, *bridge;
	const char *type; /* "", "internal", "patch", "vxlan", ... */
	const char *peer; /* of a patch port; NULL: none */
	uint16_t tag;	  /* 0: none */
	const uint16_t *trunks;
	size_t n_trunks;
	const char *vlan_mode; /* NULL: by tag and trunks */
	int ofport;
	int netns; /* where its link is; -1: not known */
};
struct ovs_bridge {
	const char *name;
	const char *fail_mode;	  /* "secure", "standalone" */
	const char *const *flows; /* as ovs-ofctl dump-flows prints them, a line each */
	size_t n_flows;
	const struct ovs_fdb {
		const char *port;
		uint16_t vlan;
		struct mac mac;
	} * fdb;
	size_t n_fdb;
	bool has_flows, has_fdb; /* they were read */
};

/* The text that a tool printed and that "ruleset" was read from. */
struct ruleset_text {
	const char *
		tool; /* "iptables-nft", "iptables-legacy", "ip6tables-nft", "ip6tables-legacy", "nft", "ipset", "ebtables-nft",
			"ebtables-legacy" */
	const char *text;
};

struct unread {
	/* docs/snapshot.md lists what may be here */
	const char *what;
	const char *why;
};

struct netns {
	const char *
		name; /* of ip netns, or "pid 812 (qemu)"; "" for the one that the host was read from */
	uint64_t inode;
	const char *const *
		vms; /* names and UUIDs of the guests that use taps of it: "tap...=instance-0001" */
	size_t n_vms;
	struct link *links; /* sorted by name */
	size_t n_links;
	const struct address *addresses; /* by link, then as the kernel gave them */
	size_t n_addresses;
	const struct route *routes;
	size_t n_routes;
	const struct routing_rule *rules; /* by family, then by priority */
	size_t n_rules;
	const struct neighbour *neighbours;
	size_t n_neighbours;
	const struct fdb_entry *fdb;
	size_t n_fdb;
	const struct conntrack_entry *conntrack;
	size_t n_conntrack;
	const struct socket *sockets;
	size_t n_sockets;
	const struct packet_queue *queues; /* by number */
	size_t n_queues;
	const struct sysctl *sysctls; /* sorted by name */
	size_t n_sysctls;
	const struct ruleset_text *texts;
	size_t n_texts;
	const struct ruleset *ruleset; /* of all texts */
	uint32_t n_xfrm_policies;      /* IPsec: ip xfrm policy */
	const struct unread *unread;
	size_t n_unread;
	size_t n_derived; /* the last of them: texts that were read, but not understood */

	const struct link *const *links_by_index; /* sorted; NULL: netns_finish was not called */

	const struct netns_index *index; /* host/index.h; NULL: netns_finish was not called */

	bool has_br_netfilter;	     /* the module is there: /proc/sys/net/bridge exists */
	bool nf_call[N_IP_FAMILIES]; /* net.bridge.bridge-nf-call-iptables, -ip6tables */
};

struct map;
struct segments;

struct host {
	const char *name;    /* uname -n */
	const char *release; /* uname -r */
	uint64_t taken_s;    /* seconds since 1970; 0: not said */
	struct netns *netns; /* [0] is the one that portwall was called in */
	size_t n_netns;
	const struct ovs_bridge *ovs_bridges;
	size_t n_ovs_bridges;
	const struct ovs_port *ovs_ports;
	size_t n_ovs_ports;
	const struct sysctl_line
		*sysctl_lines; /* of bridge-nf-call-*, ip_forward, rp_filter alone */
	size_t n_sysctl_lines;
	const struct map *ovs_ports_by_name; /* NULL: host_finish was not called */
	struct segments *segments;	     /* host_is_joined; host_finish makes it */
	const struct unread *unread;	     /* of the host as a whole: "ovsdb", "netns 5" */
	size_t n_unread;
};

/* ruleset, from texts. Each text that is not understood becomes unread, by its tool. */
void netns_parse_texts(struct arena *arena, struct netns *ns);
/* What all readers do at the end: sorts, derives (has_address, has_br_netfilter, nf_call), indexes. */
void netns_finish(struct arena *arena, struct netns *ns);

/* The same for what is of no namespace. */
void host_finish(struct arena *arena, struct host *host);

const struct link *netns_link(const struct netns *ns, const char *name); /* NULL: none */
const struct link *netns_link_by_index(const struct netns *ns, int index);
const char *netns_sysctl(const struct netns *ns, const char *name); /* NULL: not there, or unread */
bool netns_is_unread(const struct netns *ns, const char *what, const char **ret_why);
/* The same of the host as a whole: "ovsdb", "ovs flows br-int". */
bool host_is_unread(const struct host *host, const char *what, const char **ret_why);

/* "net.ipv4.conf.eth0/5.rp_filter": a setting of one interface, as struct sysctl and sysctl(8) have it. */
const char *link_conf_name(
	struct arena *arena, const char *family, const struct link *link, const char *name);

/* Does bridged IPv4 (IPv6) of this bridge pass iptables (ip6tables)? The sysctl or the bridge's
 * own attribute is enough (net/bridge/br_netfilter_hooks.c, br_nf_pre_routing). */
bool netns_bridge_is_filtered(
	const struct netns *ns, const struct link *bridge, enum family family);

/* The veth's other end; NULL: not known. *ret_netns: where it is. */
const struct link *host_veth_peer(const struct host *host, const struct netns *ns,
	const struct link *veth, const struct netns **ret_netns);
/* Every link of that name or index-free name, over all namespaces; first the called one's. */
const struct link *host_find_link(
	const struct host *host, const char *name, const struct netns **ret_netns);
const struct ovs_port *host_ovs_port(const struct host *host, const char *name);
/* The device of the port; NULL: it was not read. *ret_netns: where it is. */
const struct link *host_ovs_link(
	const struct host *host, const struct ovs_port *port, const struct netns **ret_netns);
/* May a frame come from one device to the other without being routed? Over bridges, pairs of veths, devices that stand on one
 * another, and Open vSwitch, of which ports with different tags are apart. */
bool host_is_joined(const struct host *host, const struct netns *ns_a, const struct link *a,
	const struct netns *ns_b, const struct link *b);
/* segments.c, for host_finish. */
void host_find_segments(struct arena *arena, struct host *host);

/*
 * Where bridges send what is for a station behind a device, had they learned its address from a frame of it
 * (net/bridge/br_fdb.c, br_fdb_update; learning of Open vSwitch's NORMAL). Lives in arena.
 */
struct toward {
	const struct host *host;
	const struct netns *ns; /* of link */
	const struct link *link;
	const struct link ***ports; /* by namespace, by link: of bridges */
	struct map *ovs_ports;	    /* by the bridge's name */
};
const struct toward *host_toward(struct arena *arena, const struct host *host,
	const struct netns *ns, const struct link *behind);
/* The same on another version of the host. */
const struct toward *toward_moved(struct arena *arena, const struct toward *toward,
	const struct host *from, const struct host *to);
/* The port of a Linux bridge, or of one of Open vSwitch; NULL: no way leads there from it. */
const struct link *toward_port(
	const struct toward *toward, const struct netns *ns, const struct link *bridge);
const struct ovs_port *toward_ovs_port(const struct toward *toward, const char *bridge);

#endif
