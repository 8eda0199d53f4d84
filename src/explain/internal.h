/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef EXPLAIN_INTERNAL_H
#define EXPLAIN_INTERNAL_H

#include "explain/explain.h"
#include "host/index.h"
#include "packet/field.h"

/*
 * The parts of the walk. Every stage takes the travelling packet by value semantics (what it
 * changes is its own copy), does its step and calls the next one; what comes back is the answer
 * of everything behind it. A stage that splits asks the next one once for each part and joins
 * the answers.
 */

struct answer {
	enum final final;
	const struct leaf *leaf, *other;
};
/* One of them holds. */
struct answer answer_of_cases(struct answer a, struct answer b);
/* All of them happen: the best is told. */
struct answer answer_of_copies(struct answer a, struct answer b);

/* Chains of one hook together with what the kernel itself does between them. */
enum item_kind { ITEM_CHAIN, ITEM_CONNTRACK, ITEM_NAT };
struct item {
	enum item_kind kind;
	int priority;
	struct hook_chain chain;
};
struct hook_plan {
	struct item *items;
	size_t n;
	struct item *nat; /* what ITEM_NAT asks */
	size_t n_nat;
};

/* A device that stands on another one, maybe of another namespace. */
struct upper {
	const struct link *link;
	const struct netns *ns;
	bool is_unsure; /* it may be another device that it stands on */
};

#define N_PLANNED_FAMILIES 6

struct explainer {
	const struct host *host;
	/* by namespace, family, hook; ingress and egress are by device */
	struct hook_plan (*plans)[N_PLANNED_FAMILIES][N_HOOKS];
	/* by namespace and family: some chain is of type nat, on whichever hook */
	bool (*has_nat)[N_PLANNED_FAMILIES];
	VEC(struct upper) uppers; /* of all namespaces */
	bool *has_devices;	  /* by namespace: some chain hangs on a device */
};

/* Something that was not read, and the value that it has in this walk. */
struct fact {
	const struct netns *ns;
	const char *key; /* "sysctl net.ipv4.ip_forward" */
	const char *why; /* it was not read */
	const char *how; /* to make it known */
	long value, max;
};
struct facts {
	struct arena *arena;
	VEC(struct fact) asked; /* in the order of the questions */
	size_t n_kept;		/* how many of them have the values that facts_next set */
};

struct walk {
	struct arena *arena;
	struct facts facts;
	const struct explainer *explainer;
	const struct host *host;
	const struct query *query;
	struct explanation *result;
	unsigned n_steps, max_steps;
};

/* What the copies of a flooded packet share (copies.c). */
struct copies {
	struct conntrack_entry entry;
	uint32_t mark;
	bool is_mark_changed;
	bool is_promisc; /* the host's copy is one that a promiscuous bridge takes for itself */
};

/* What conntrack knows of the packet in its namespace. */
struct tracking {
	bool is_looked_up; /* the hook was passed */
	bool is_tracked;   /* has a flow: not invalid, not untracked */
	bool is_new;	   /* nat chains are asked */
	bool is_uncertain; /* whether the flow is new is not known */
	bool is_reply;
	struct conntrack_entry entry; /* the flow; the reply side holds what NAT made of it */
	struct copies *copies;	      /* NULL: not tracked */
};

/* A result of the routing tables. */
enum fib_status {
	FIB_FOUND,
	FIB_NO_ROUTE,
	FIB_BLACKHOLE,
	FIB_UNREACHABLE,
	FIB_PROHIBIT,
	FIB_CANNOT_TELL,
};
struct fib_query {
	enum family family;
	struct addr dst, src;
	const char *iif; /* "lo": made here */
	const struct link *oif;
	uint32_t mark;
	const struct packet *packet; /* ports and protocol, for rules that ask; NULL: none known */
	struct facts *facts;
	bool ignores_linkdown;
};
struct fib_result {
	enum fib_status status;
	const struct routing_rule *rule;
	const struct route *route;
	const struct next_hop *hop;
	const char *why; /* FIB_CANNOT_TELL */
};
struct fib_result fib_lookup(const struct netns *ns, const struct fib_query *query);

/* The packet on its way. */
struct skb {
	struct packet packet;
	struct facts *facts; /* the walk's */
	const struct netns *ns;
	const struct link *dev;
	const struct node *last;
	enum branch branch; /* of the next node */

	/* br_netfilter's notes: from which port; NULL: none */
	const struct link *phys_in, *phys_out;
	const struct link
		*in_port;   /* while a bridge has it: where it came in; NULL: from the host */
	bool is_prerouted;  /* IP PREROUTING was passed on the bridge */
	bool is_brnf_first; /* it comes before chains at its priority, at the hook that it is at */
	bool is_routed_already; /* and it was given a route to another device there, by DNAT */
	bool is_otherhost; /* nf_bridge_info.pkt_otherhost: while IP's hooks have it, it seems the host's */
	struct addr dst_before; /* PREROUTING on a bridge */
	bool dst_was_unknown;
	/* The destination MAC is not known, but whose address it was asked for. */
	bool has_next_hop;
	struct addr next_hop;

	struct tracking ct;
	const struct walked_flow *flows;
	struct fib_result route;
	const struct link *out; /* routed: where it leaves */
	struct addr gateway;	/* next hop; family as the packet's */
	bool is_made_here;
};

typedef struct answer next_fn(struct walk *walk, struct skb *skb);

/* walk.c */
struct node *skb_node(struct walk *walk, struct skb *skb, enum node_kind kind);
struct answer end_dropped(struct walk *walk, struct skb *skb, enum drop drop);
struct answer end_delivered(struct walk *walk, struct skb *skb, enum place place);
struct answer end_consumed(struct walk *walk, struct skb *skb, const char *note);
struct answer end_cannot_tell(struct walk *walk, struct skb *skb, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
struct answer end_socket(struct walk *walk, struct skb *skb, const struct socket *socket);
bool skb_is_unknown(const struct skb *skb, enum field field);
uint16_t packet_inner_ethertype(const struct packet *packet);
bool packet_is_tagged(const struct packet *packet);
void packet_tag(struct packet *packet, uint16_t vlan);
void packet_untag(struct packet *packet);
bool addr_is_zero(const struct addr *addr);
bool addr_is_multicast(const struct addr *addr);
bool addr_is_loopback(const struct addr *addr);
bool addr_is_link_local(const struct addr *addr);
bool mac_is_multicast(struct mac mac);
bool mac_is_broadcast(struct mac mac);

/* facts.c */
/* One of min..max, each in a walk of its own; key is what it is called in messages, how (NULL: as root)
 * how it becomes known. */
long facts_ask(struct facts *facts, const struct netns *ns, const char *key, long min, long max,
	const char *why, const char *how);
bool facts_next(struct facts *facts); /* false: all were tried */
/* The walk with all values of what was not read. */
struct answer facts_run(struct walk *walk, struct answer (*once)(struct walk *walk));
/* absent: what the kernel does that has no such setting. */
long netns_sysctl_number(
	struct facts *facts, const struct netns *ns, const char *name, long absent);
/* "net.ipv4.conf.eth0/5.rp_filter", as struct sysctl and sysctl(8) have it. */
const char *link_conf_name(
	struct arena *arena, const char *family, const struct link *dev, const char *name);
/* A setting of one interface, net.FAMILY.conf.DEV.NAME. */
long link_conf(struct facts *facts, const struct netns *ns, const char *family,
	const struct link *dev, const char *name, long absent);
/* The larger one of all interfaces' and of this one's, as the kernel takes most of them; max: what it
 * may be at most. */
long link_conf_max(struct facts *facts, const struct netns *ns, const char *family,
	const struct link *dev, const char *name, long max);
/* What may have links that were not read: "netns blue"; NULL: all were. */
const char *host_hidden_links(const struct host *host);
bool skb_owns(const struct skb *skb, const struct addr *addr);
bool link_has_address(const struct skb *skb, const struct link *link, enum family family);
/* value, unless the key of that name (host/schema.c) was not read of the links. */
bool link_flag(const struct skb *skb, const struct link *link, const char *key, bool value);

/* hook.c: all chains of a hook, with conntrack and NAT at their places, then next. */
struct answer hook_run(
	struct walk *walk, struct skb *skb, enum family family, enum hook hook, next_fn *next);
/* br_netfilter's place among the chains of the bridge family. */
#define PRIORITY_BRNF 0
/* Do the chains at its priority come behind it? With none of them: false. */
bool hook_waits_for_brnf(struct walk *walk, const struct skb *skb, enum hook hook);
/* Only chains with a priority up to (or above) that one: br_netfilter sits between them. */
struct answer hook_run_range(struct walk *walk, struct skb *skb, enum family family, enum hook hook,
	int min_priority, int max_priority, next_fn *next);

/* conntrack.c */
void conntrack_look_up(struct walk *walk, struct skb *skb);
void conntrack_reset(struct walk *walk, struct skb *skb);
bool conntrack_is_taken(const struct skb *skb);
void conntrack_unshare(struct walk *walk, struct skb *skb);
void conntrack_confirm(struct skb *skb);

/* copies.c */
void copies_begin(struct walk *walk, struct skb *skb);
void copies_note(struct skb *skb);  /* this copy has changed its entry */
void copies_share(struct skb *skb); /* this copy finds what others did */
/* Behind copies of skb whose rules looked at these fields: may the order of the copies matter? */
bool copies_may_differ(const struct skb *skb, uint64_t asked);
/* Sends one of them, which is its own. */
typedef struct answer copy_fn(struct walk *walk, struct skb *skb, const struct link *port);
/* In which order ever the ports get their copies of skb, does each go the same way? before: what they share,
 * as the first of them finds it. */
bool copies_have_no_order(struct walk *walk, const struct skb *skb, const struct copies *before,
	const struct link *const *ports, size_t n, copy_fn *send);

/* nat.c */
enum nat_manip { MANIP_SRC, MANIP_DST };
enum nat_manip nat_manip_of(enum hook hook);
/* What a rule asked for, chosen as the kernel does; false: the packet is dropped. */
bool nat_set_up(struct walk *walk, struct skb *skb, enum hook hook, const struct nat *nat,
	const char **ret_note);
/* Rewrites the packet as its flow says. */
void nat_apply(struct walk *walk, struct skb *skb, enum hook hook, const char *note);

/* device.c */
struct answer end_links_unread(struct walk *walk, struct skb *skb, const char *why);
struct answer device_receive(struct walk *walk, struct skb *skb);
struct answer device_transmit(struct walk *walk, struct skb *skb);

/* bridge.c */
struct answer bridge_input(struct walk *walk, struct skb *skb);
struct answer bridge_local_out(struct walk *walk, struct skb *skb);
struct answer bridge_frame_finish(struct walk *walk, struct skb *skb);
struct answer bridge_forward_finish(struct walk *walk, struct skb *skb);
void at_bridge_hook(struct skb *skb, const struct link *in, const struct link *out);

/* bridge_nf.c */
bool bridge_nf_is_loaded(const struct skb *skb);
struct answer bridge_nf_pre_routing(struct walk *walk, struct skb *skb);
struct answer bridge_nf_forward(struct walk *walk, struct skb *skb);
struct answer bridge_nf_post_routing(struct walk *walk, struct skb *skb);

/* ip.c */
struct answer ip_receive(struct walk *walk, struct skb *skb);
/* Where the tables send what came in by dev: sets route, out, gateway. Anything but DROP_NONE is the
 * end; *ret_why: it cannot be told. */
enum drop ip_route_input(
	struct skb *skb, const struct link *dev, bool *ret_is_local, const char **ret_why);
struct answer ip_send(struct walk *walk, struct skb *skb);
struct answer end_ipsec(struct walk *walk, struct skb *skb);
struct answer ip_output(struct walk *walk, struct skb *skb);
bool ip_route_output(struct walk *walk, struct skb *skb, const struct link *oif);

/* local.c */
struct answer ip_local_deliver(struct walk *walk, struct skb *skb);
struct answer ip_neighbour_output(struct walk *walk, struct skb *skb);
/* false: not known; *ret_failed: it was asked for in vain. */
bool neighbour_find(const struct skb *skb, const struct link *dev, const struct addr *addr,
	struct mac *ret, bool *ret_failed);
const char *neighbour_unread(
	const struct skb *skb); /* in words; NULL: all that are there are known */
struct answer arp_receive(struct walk *walk, struct skb *skb);

/* ovs.c */
struct answer ovs_input(struct walk *walk, struct skb *skb, const struct ovs_port *port);

/* oracle.c */
struct eval_oracle oracle_of(struct skb *skb);

#endif
