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
	/* Of a set: which packets end where. They overlap where it is not known. */
	const struct part *parts;
	size_t n_parts;
};
struct part {
	struct packet_set set; /* as they came in */
	const struct leaf *leaf;
};
struct walk;
/* One of them holds. */
struct answer answer_of_cases(const struct walk *walk, struct answer a, struct answer b);
/* One of them holds, but not for whom the packet is not. Of sets. */
struct answer answer_of_receivers(const struct walk *walk, const struct answer *a);
/* Without the packets of the set. */
struct answer answer_without(
	const struct walk *walk, const struct answer *a, struct packet_set set);
/* All of them happen: the best is told. */
struct answer answer_of_copies(const struct walk *walk, struct answer a, struct answer b);

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

struct writes_of_tables;
struct explainer {
	const struct host *host;
	/* by namespace, family, hook; ingress and egress are by device */
	struct hook_plan (*plans)[N_PLANNED_FAMILIES][N_HOOKS];
	/* by namespace and family: some chain is of type nat, on whichever hook */
	bool (*has_nat)[N_PLANNED_FAMILIES];
	VEC(struct upper) uppers;	 /* of all namespaces */
	struct writes_of_tables *writes; /* parts.c: found when first asked for */
	bool *has_devices;		 /* by namespace: some chain hangs on a device */
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

	struct sets *sets; /* NULL: one packet */
	struct packet_set set;
	struct space **spaces; /* by namespace, family, end; NULL: not made yet */
};

/* Of a set: fields were given other values. */
struct move {
	const struct move *earlier;
	struct packet_set before;
	uint64_t fields;
	/* not NULL: instead, these bits of one */
	const struct field_value *bits;
	enum field field;
};

/* What the copies of a flooded packet share (copies.c). */
struct copies {
	struct conntrack_entry entry;
	uint32_t mark;
	bool is_mark_changed;
	bool is_promisc; /* the host's copy is one that a promiscuous bridge takes for itself */
	/* Of a set, one for all cases: packets, as they came in, for which a copy changed more of it than that it was seen. NULL: one packet */
	struct packet_set *touched;
	bool is_mark_open; /* and the mark is not the same in all of it */
	uint32_t mark_then;
};

/* What conntrack knows of the packet in its namespace. */
struct tracking {
	bool is_looked_up; /* the hook was passed */
	bool is_tracked;   /* has a flow: not invalid, not untracked */
	bool is_new;	   /* nat chains are asked */
	bool is_uncertain; /* whether the flow is new is not known */
	bool is_reply;
	struct conntrack_entry entry; /* the flow; the reply side holds what NAT made of it */
	unsigned n_mapped;	      /* skb's, when the flow began */
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
	bool is_mark_unknown;
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

/*
 * The packet on its way. Of a set, "packet" has the fields that are the same in all of the set; all others are in its
 * "unknown", and how they are distributed is in "set" (parts.c).
 */
struct skb {
	struct packet packet;
	struct packet_set set;
	struct packet synced;		 /* packet, as the set has it */
	const struct move *moves;	 /* newest first */
	uint64_t rewritten;		 /* fields that NAT gave other values */
	unsigned n_mapped, n_dst_mapped; /* how often NAT did; of its destination */
	struct facts *facts;		 /* the walk's */
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
	unsigned n_dst_mapped_before;
	bool dst_was_unknown;
	/* The destination MAC is not known, but whose address it was asked for. */
	bool has_next_hop;
	bool is_next_hop_dst; /* of a set: it is the destination itself, as it was then */
	unsigned n_mapped_then;
	struct addr next_hop;

	struct tracking ct;
	const struct walked_flow *flows;
	struct fib_result route;
	const struct link *out; /* routed: where it leaves */
	struct addr gateway;	/* next hop; family as the packet's */
	bool is_made_here;
};

typedef struct answer next_fn(struct walk *walk, struct skb *skb);

/* walk.c: all packets of a set; query has what they have in common. Leaves live in arena. */
struct answer explain_set(struct arena *arena, const struct explainer *explainer,
	const struct query *query, struct sets *sets, struct packet_set set);

/* parts.c: what a set of packets needs beside one packet. Of one packet these do nothing. */
struct table_writes {
	const struct table *table;
	uint64_t fields;
};
struct writes_of_tables *writes_of_tables_new(struct arena *arena);
uint64_t walk_table_writes(const struct walk *walk, const struct table *table);
/* What a tag changes of a frame. */
#define FRAME_FIELDS (FIELD_BIT(FIELD_ETHERTYPE) | FIELD_BIT(FIELD_VLAN_ID))
/* Packets with these values, and what is behind a tag. */
struct packet_set packet_values(struct sets *sets, const struct packet *packet, uint64_t fields);
/* The set learns what the walk has written into the packet. */
void skb_push(struct walk *walk, struct skb *skb);
/* Goes on with this part of the set, which is in step with the packet. */
void skb_take(const struct walk *walk, struct skb *skb, struct packet_set part);
/* Goes on with what a chain made of it. */
void skb_pull(struct walk *walk, struct skb *skb, const struct table *table,
	const struct outcome *outcome);
/* The field has some value of these, which one is not known. */
void skb_free(struct walk *walk, struct skb *skb, enum field field, struct packet_set values);
/* An address gets another network, and keeps its other bits. */
struct network {
	struct field_value bits, mask;
};
void skb_move_network(
	struct walk *walk, struct skb *skb, enum field field, const struct network *network);
/* The set as it came in. */
struct packet_set skb_origin(const struct walk *walk, const struct skb *skb);
typedef struct answer part_fn(struct walk *walk, struct skb *skb, const void *data);
/* Goes on with those of the set that are in part, if any, as a case of its own. */
struct answer skb_part(struct walk *walk, const struct skb *skb, struct packet_set part,
	part_fn *go, const void *data);
/* With those in it and with the others. */
struct answer skb_split(struct walk *walk, struct skb *skb, struct packet_set part, part_fn *in,
	part_fn *out, const void *data);
/* Each value of the field apart. */
struct answer skb_split_values(
	struct walk *walk, struct skb *skb, enum field field, part_fn *go, const void *data);

/* macs.c: what has an address on the segment where the packet starts, with the MAC that all tell of it. */
struct station {
	struct addr addr;
	struct mac mac;
};
struct stations {
	VEC(struct station);
};
void stations_find(struct arena *arena, const struct host *host, const struct query *query,
	enum family family, struct stations *ret);
/* macs_set.c: parts a set by the MACs of its destinations, of groups and with has_stations of stations, and gives it them; of others
 * the MAC stays as it is. */
struct answer skb_part_by_mac(
	struct walk *walk, struct skb *skb, bool has_stations, part_fn *go, const void *data);

/* Something that the walk decides by addresses. */
struct decision {
	enum drop drop;
	bool is_local, is_out_of_scope, is_yes, is_maybe;
	const char *why; /* it cannot be told */
	struct fib_result route;
	const struct link *out;
	struct addr gateway;
	struct mac mac;
};
typedef void decide_fn(struct skb *skb, struct decision *ret);
typedef struct answer decided_fn(
	struct walk *walk, struct skb *skb, const struct decision *decision, const void *data);
/*
 * Decides and goes on. Of a set, once for each class of addresses (space.c) in those of these fields that are not known,
 * FIELD_SRC and FIELD_DST, and goes on once for each decision. decide may change its skb, which is no longer used then.
 */
struct answer skb_decide(struct walk *walk, struct skb *skb, uint64_t fields, decide_fn *decide,
	decided_fn *go, const void *data);
/* The route that the packet has, into the decision, and out of it. */
void skb_note_route(const struct skb *skb, struct decision *ret);
void skb_take_route(struct skb *skb, const struct decision *decision);

/* space.c: the sources (FIELD_SRC) or destinations of a family, by what a namespace knows of them. All of one class are one to the walk there. */
struct space;
struct space *space_of(
	struct walk *walk, const struct netns *ns, enum family family, enum field field);
size_t space_n(const struct space *space); /* classes */
struct packet_set space_set(struct walk *walk, struct space *space, size_t i);
bool space_addr(
	const struct space *space, size_t i, struct addr *ret); /* one of it; false: it has none */

/* walk.c */
struct node *skb_node(struct walk *walk, struct skb *skb, enum node_kind kind);
struct answer end_dropped(struct walk *walk, struct skb *skb, enum drop drop);
struct answer end_delivered(struct walk *walk, struct skb *skb, enum place place);
struct answer end_consumed(struct walk *walk, struct skb *skb, const char *note);
struct answer end_cannot_tell(struct walk *walk, struct skb *skb, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Whoever may go on for ever asks before each step. */
bool walk_is_too_long(const struct walk *walk);
struct answer end_too_long(struct walk *walk, struct skb *skb);
struct answer end_socket(struct walk *walk, struct skb *skb, const struct socket *socket);
bool skb_is_unknown(const struct skb *skb, enum field field);
uint16_t packet_inner_ethertype(const struct packet *packet);
bool packet_is_tagged(const struct packet *packet);
void packet_tag(struct packet *packet, uint16_t vlan);
void packet_untag(struct packet *packet);
/* Whose MAC is asked for: the gateway, or the destination itself. */
const struct addr *skb_next_hop(const struct skb *skb);
void skb_clear_mark(struct skb *skb);
bool addr_is_zero(const struct addr *addr);
bool addr_is_multicast(const struct addr *addr);
bool addr_is_loopback(const struct addr *addr);
bool addr_is_link_local(const struct addr *addr);
/* A group, or all: its MAC follows from it (RFC 1112, 6.4; RFC 2464, 7). */
bool addr_has_group_mac(const struct addr *addr);
struct mac group_mac(const struct addr *addr);
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
/* A setting of one interface, net.FAMILY.conf.DEV.NAME. */
long link_conf(struct facts *facts, const struct netns *ns, const char *family,
	const struct link *dev, const char *name, long absent);
/* The larger one of all interfaces' and of this one's, as the kernel takes most of them; max: what it
 * may be at most. */
long link_conf_max(struct facts *facts, const struct netns *ns, const char *family,
	const struct link *dev, const char *name, long max);
/* What may have links that were not read: "netns blue"; NULL: all were. */
const char *host_hidden_links(const struct host *host);
/* Does the host own what the destination's MAC was asked for? Where that is known. */
bool skb_owns_next_hop(const struct skb *skb, bool *ret_is_known);
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
/* Looks it up and goes on; of a set, with each part of it. */
struct answer conntrack_look_up(struct walk *walk, struct skb *skb, part_fn *go, const void *data);
/* Of the set, those of which another flow has the answers. */
struct packet_set conntrack_taken_set(struct walk *walk, const struct skb *skb);
void conntrack_reset(struct walk *walk, struct skb *skb);
bool conntrack_is_taken(const struct skb *skb);
void conntrack_unshare(struct walk *walk, struct skb *skb);
void conntrack_confirm(struct walk *walk, struct skb *skb);

/* copies.c */
void copies_begin(struct walk *walk, struct skb *skb);
void copies_note(struct walk *walk, struct skb *skb); /* this copy has changed its entry */
void copies_share(struct skb *skb);		      /* this copy finds what others did */
/* Of a set, each copy is walked as if it were the first one; packets for which that is not sure are in touched behind them. */
void copies_begin_set(struct skb *skb);
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
/* Goes on with each part of a set that a rule maps in one way. */
struct answer nat_part(struct walk *walk, struct skb *skb, enum hook hook, const struct nat *nat,
	part_fn *go, const void *data);
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
/* Parts a set by the marks that routing rules ask for. */
struct answer ip_split_by_mark(struct walk *walk, struct skb *skb, part_fn *go, const void *data);
struct answer ip_send(struct walk *walk, struct skb *skb);
struct answer end_ipsec(struct walk *walk, struct skb *skb);
struct answer ip_output(struct walk *walk, struct skb *skb);
/* Of what is made here: finds the way out, and goes on. */
struct answer ip_route_output(struct walk *walk, struct skb *skb, part_fn *go, const void *data);

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
/* By what its flows and its table of MACs tell this MAC apart. */
void ovs_add_traits(struct text *out, const struct host *host, struct mac mac);
/* Does a flow ask for MACs of groups? */
bool ovs_parts_groups(const struct host *host);
struct answer ovs_input(struct walk *walk, struct skb *skb, const struct ovs_port *port);

/* oracle.c */
struct asked_host {
	struct walk *walk;
	const struct skb *skb;
};
struct eval_oracle oracle_of(struct asked_host *host);

#endif
