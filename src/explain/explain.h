/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef EXPLAIN_EXPLAIN_H
#define EXPLAIN_EXPLAIN_H

#include "base/vec.h"
#include "host/host.h"
#include "ruleset/eval.h"

/*
 * How a packet travels a Linux host: through devices, bridges, netfilter, routing, namespaces and
 * Open vSwitch, until it is delivered or lost. The host is a value (host/host.h), the packet may
 * have fields that are not known; whatever the answer then depends on splits the way into cases.
 * Pure: the same query of the same host gives the same tree.
 */

/* Where the packet starts. */
enum query_from {
	FROM_DEVICE,  /* received at "in", as from the wire or from the guest behind it */
	FROM_PROCESS, /* sent by a process in "ns" */
};
struct walked_flow;
struct query {
	enum query_from from;
	const struct netns *ns;
	const struct link *in; /* FROM_DEVICE */
	struct packet packet;  /* the interfaces in it are not read */
	bool has_ct_state; /* packet.ct_state holds in every namespace; else conntrack's entries say */
	const struct walked_flow
		*flows; /* entries that an earlier walk made (leaf.flows), newest first */
	/* What leaves this bridge of ns by one of its ports is delivered: where it goes from there is not asked. NULL: no bound. */
	const struct link *within;
	/* A bridge that has not learned the MAC it is for sends it there, where a way leads there. NULL: nobody says where that is. */
	const struct toward *toward;
	bool ends_there; /* what comes to that device is delivered: how it goes on behind it is not asked */
	unsigned max_steps; /* 0: LIMIT_WALK_STEPS */
};

/* One thing that happened. A path is read from its end; beginnings are shared. */
enum node_kind {
	NODE_RECEIVED,	      /* at link */
	NODE_SENT,	      /* by a process of ns */
	NODE_CHAIN,	      /* a base chain was asked: table, chain, steps */
	NODE_CONNTRACK,	      /* looked up: packet->ct_state, ct_zone, entry */
	NODE_NAT,	      /* rewritten: before->packet, packet */
	NODE_BRIDGE_IN,	      /* the bridge took it from its port link */
	NODE_BRIDGE_DECISION, /* how: decision; to: link */
	NODE_IPTABLES_CALLED, /* br_netfilter hands the frame to the IP hooks (or not: note) */
	NODE_ROUTE,	      /* rule, route, hop */
	NODE_SOURCE_CHECK,    /* rp_filter and martians let it pass */
	NODE_NEIGHBOUR,	      /* the next hop's MAC */
	NODE_FORWARD,	      /* the host routes it on */
	NODE_LOCAL,	      /* for the host itself */
	NODE_TRANSMIT,	      /* leaves by link */
	NODE_VETH,	      /* crossed to link in ns */
	NODE_VLAN,	      /* tag taken off or put on */
	NODE_OVS,	      /* a bridge of Open vSwitch: ovs, note */
	NODE_END,
	N_NODE_KINDS,
};
const char *node_kind_name(enum node_kind kind); /* "received": stable, for JSON */

/* Why there are siblings: a flooded frame goes all ways, of cases one holds. */
enum branch { BRANCH_NONE, BRANCH_COPY, BRANCH_CASE };

enum bridge_decision {
	BRIDGE_FDB,   /* the port where that MAC lives */
	BRIDGE_FLOOD, /* every port: unknown, broadcast, multicast */
	BRIDGE_LOCAL, /* up, to the host */
};

struct node {
	const struct node *before; /* NULL: the first */
	enum node_kind kind;
	enum branch branch;
	unsigned depth; /* how many are before it */
	const struct netns *ns;
	const struct link *link, *bridge; /* NULL: none */
	const struct packet *packet; /* as it looks behind this; interfaces as rules see them */
	const char *note;	     /* a phrase for people; NULL: nothing to add */
	struct packet_set set;	     /* of a set: as they look before this */

	/* NODE_CHAIN */
	enum family family;
	enum hook hook;
	const struct table *table;
	const struct chain *chain;
	const struct step *steps;	/* from the last to the first; NULL: no rule matched */
	const struct rule *rule;	/* that ended the chain; NULL: its end did */
	const struct chain *rule_chain; /* where that rule is: chain, or one that it called */
	enum chain_type chain_type;
	/* NODE_CONNTRACK; NULL: a new flow, or none of the snapshot's */
	const struct conntrack_entry *entry;
	enum bridge_decision decision;
	const struct routing_rule *routing_rule;
	const struct route *route;
	const struct next_hop *hop;
	const struct ovs_bridge *ovs;
};

enum final {
	FINAL_NONE,
	FINAL_DELIVERED,
	FINAL_REWRITTEN, /* delivered with other addresses or ports */
	FINAL_DROPPED,
	FINAL_REJECTED,
	FINAL_CONSUMED, /* a program or another machinery took it */
	FINAL_CANNOT_TELL,
};
const char *final_name(enum final final); /* "delivered" */

enum place { PLACE_NONE, PLACE_WIRE, PLACE_GUEST, PLACE_SOCKET, PLACE_HOST };

/* Why a packet is lost; drop_name is stable. */
enum drop {
	DROP_NONE,
	DROP_RULE,   /* the last node's rule */
	DROP_POLICY, /* the last node's chain */
	DROP_NAT_NO_ADDRESS,
	DROP_FLOW_CLASH, /* a protocol without ports: another flow is answered like this one */
	DROP_RP_FILTER,
	DROP_MARTIAN_SOURCE,
	DROP_MARTIAN_DESTINATION,
	DROP_OWN_SOURCE, /* from an address of this host */
	DROP_NO_ROUTE,
	DROP_BLACKHOLE,
	DROP_UNREACHABLE,
	DROP_PROHIBIT,
	DROP_FORWARDING_OFF,
	DROP_DNAT_UNROUTABLE, /* a bridged IPv6 packet that DNAT sent to where no route leads */
	DROP_TTL,
	DROP_MTU,
	DROP_OTHER_HOST, /* the frame is for another MAC */
	DROP_NEIGHBOUR,	 /* resolution failed */
	DROP_NO_SOCKET,
	DROP_NOT_JOINED, /* multicast that nobody here takes */
	DROP_SCOPE,	 /* IPv6: an address that must not be forwarded */
	DROP_LINK_DOWN,
	DROP_NO_VLAN_DEVICE,
	DROP_NO_PROTOCOL,   /* no IP stack or unknown ethertype */
	DROP_BRIDGE_SOURCE, /* no valid source MAC */
	DROP_BRIDGE_STATE,  /* the port does not forward */
	DROP_BRIDGE_LOCKED,
	DROP_BRIDGE_ISOLATED,
	DROP_BRIDGE_HAIRPIN, /* it would leave where it came in */
	DROP_BRIDGE_VLAN,
	DROP_BRIDGE_NO_TARGET, /* unknown destination, no port floods */
	DROP_BRIDGE_RESERVED,  /* 01:80:c2:00:00:0x */
	DROP_OVS_FLOW,
	DROP_OVS_VLAN,
	DROP_OVS_NO_TARGET,
	DROP_NOT_FORWARDED, /* broadcast and the like, at a router */
	DROP_LOOP,	    /* it comes again to where it was, unchanged */
	N_DROPS,
};
const char *drop_name(enum drop drop); /* "rp_filter" */
const char *drop_words(
	enum drop drop); /* "the route back to the source leaves by another interface" */

/* An entry that conntrack makes of a packet on the way. */
struct walked_flow {
	const struct walked_flow *before;
	const struct netns *ns;
	struct conntrack_entry entry;
	unsigned n_mapped; /* of a set: how often NAT had changed its addresses before */
};

struct leaf {
	enum final final;
	enum drop drop;
	enum place place;
	const struct socket *socket;	 /* PLACE_SOCKET */
	const struct node *last;	 /* NODE_END: ns, link and packet say where and how */
	const struct walked_flow *flows; /* that the walk made on this path, newest first */
	const char *why;		 /* FINAL_CANNOT_TELL: what is missing */
	uint64_t rewritten; /* of a set: fields that NAT gave other values, as FIELD_BITs */
};

struct explanation {
	VEC(struct leaf *) leaves; /* in the order of the walk */
	/* Of copies the best end counts; cases that end differently are FINAL_CANNOT_TELL. */
	enum final final;
	const struct leaf *leaf;  /* that speaks for all */
	const struct leaf *other; /* a case that ends in another way; NULL: none */
	uint64_t decided;	  /* fields that were looked at, as bits 1 << enum field */
};

/* What does not depend on the packet, once for many: which chains each hook has. */
struct explainer;
struct explainer *explainer_new(struct arena *arena, const struct host *host);

/* The walk. Everything in it lives in arena; explainer and host must live as long. */
const struct explanation *explain(
	struct arena *arena, const struct explainer *explainer, const struct query *query);

/* Of two copies of one packet, does a tell more of what becomes of it than b? */
bool leaf_is_better(const struct host *host, const struct leaf *a, const struct leaf *b);

/* The query of the answer to a packet that was delivered: same way back, flows kept. */
bool explain_reply(const struct leaf *leaf, struct query *ret, struct err *err);

/* The same question to another version of its host (host/edit.h). */
struct query query_moved(struct arena *arena, const struct query *query, const struct host *from,
	const struct host *to);

/* A device ("tapX"), or a guest by name ("instance-0001"), as the place where packets enter. */
bool explain_find_entry(
	const struct host *host, const char *name, struct query *ret, struct err *err);

/* MACs that the query leaves open and that the host knows of the addresses are filled in. Returns which,
 * as bits 1 << FIELD_ETH_SRC, FIELD_ETH_DST. */
uint64_t explain_find_macs(const struct host *host, struct query *query);

/* For people: "received at tapX", one line. */
void node_print(struct text *out, const struct node *node);

#endif
