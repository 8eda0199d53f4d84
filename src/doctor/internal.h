/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DOCTOR_INTERNAL_H
#define DOCTOR_INTERNAL_H

#include "doctor/doctor.h"
#include "explain/every.h"
#include "packet/expr.h"

/* What the checks share. */

struct doctor {
	struct arena *arena;
	const struct host *host;
	const struct explainer *explainer;
	const struct doctor_options *options;
	struct diagnosis *diagnosis;
	struct vm_ports *ports;	   /* made when first asked for */
	struct sweep *sweep;	   /* the same */
	struct services *services; /* the same */
	const struct host *heard;  /* the same */
	struct map **groups;	   /* the same; by namespace and family */
	/* What a fix closes on purpose: it need not be served with it. NULL: nothing. */
	const struct query *closed;
};

/* ---- ports.c: where virtual machines are ---- */

struct vm_addr {
	struct addr addr;
	struct mac mac;
};
struct vm_port {
	const struct netns *ns;
	const struct link *link;   /* the tap */
	const struct link *bridge; /* never NULL */
	/* The way out of its bridge: the first port of it that is up and no machine's. NULL: there is none. */
	const struct link *uplink;
	struct mac mac;			 /* its machine's, or a made-up one */
	bool is_filtered[N_IP_FAMILIES]; /* bridged packets of the family pass iptables' hooks */
	bool has_groups[N_IP_FAMILIES];	 /* rules call chains of a security group for it */
	/* Addresses that it is known to have: of its anti-spoofing rules, or of neighbours with its MAC. */
	struct {
		VEC(struct vm_addr);
	} addrs;
};
struct vm_ports {
	VEC(struct vm_port);
};
/* Taps and the like in bridges: of namespaces as the host has them, then by name. */
const struct vm_ports *doctor_ports(struct doctor *doctor);
/* Is this an address of a port of the host? NULL: of none. */
const struct vm_port *vm_port_of_addr(struct doctor *doctor, const struct addr *addr);
/* The same, where no other port has it too: networks of different tenants may have the same addresses. */
const struct vm_port *vm_port_of_addr_only(struct doctor *doctor, const struct addr *addr);
bool vm_port_has_addr(const struct vm_port *port, const struct addr *addr);
/* A station out there: locally administered, and nobody's. */
extern const struct mac outside_mac;
/* A bridge that a container program made, by its name: whose; NULL: of none. */
const char *container_bridge_owner(const char *name);

/* The first address of the family that is known of it; NULL: none is. */
const struct vm_addr *vm_port_addr(const struct vm_port *port, enum family family);
/* A MAC behind the uplink: one that the bridge has learned there, or a made-up one. */
struct mac vm_port_remote(const struct vm_port *port);

/* ---- ask.c: single packets, and how they are written ---- */

struct ask {
	const char *proto;	      /* "tcp", "udp", "icmp" */
	const struct addr *src, *dst; /* of one family */
	unsigned sport, dport;	      /* not of icmp */
	bool has_macs;
	struct mac from, to;
	const char *options; /* "len 1500 df"; NULL: none */
};
struct asked {
	struct query query;
	const struct explanation *explanation;
};
/* The question alone, for who has more to say of it. in NULL: sent by a process of ns. False: there is no such packet. */
bool ask_query(
	const struct netns *ns, const struct link *in, const struct ask *ask, struct query *ret);
/* in NULL: sent by a process of ns. The answer lives in arena: who goes on with others of its kind, one for each port, has one of its
 * own for each, for an answer may be as large as a flood to all ports. */
struct asked doctor_ask(struct doctor *doctor, struct arena *arena, const struct netns *ns,
	const struct link *in, const struct ask *ask);
/* Dropped, because of that, and in the namespace that was asked about. */
bool asked_is_lost(const struct asked *asked, enum drop drop);
/* "anybody": an address of no network of this host. */
struct addr doctor_anybody(enum family family);
const char *doctor_anybody_text(enum family family); /* the same, for a packet expression */
/* Another address of the network: the one behind the host's. */
struct addr doctor_station(const struct address *address);
/* What a station of a bridge whose address "own" is the host's sends to anybody by the host; entry: of doctor_entry_of. */
struct asked doctor_ask_way_out(struct doctor *doctor, struct arena *arena, const struct netns *ns,
	const struct link *entry, const struct link *bridge, const struct address *own);
/* The first one of the link that is no link-local one; NULL: there is none. */
const struct address *doctor_address_of(
	const struct netns *ns, const struct link *link, enum family family);
/* Where packets to a router's device come in: the device, or a port of the bridge that is up; NULL: nowhere. */
const struct link *doctor_entry_of(const struct netns *ns, const struct link *link);
const char *doctor_addr(struct doctor *doctor, const struct addr *addr);
/* "10.0.0.0/8 via 10.0.0.1 dev eth1 table 100", as ip route prints it */
const char *doctor_route(struct doctor *doctor, const struct netns *ns, const struct route *route);
/* The route by which the packet left, or was to leave, first; NULL: none. */
const struct route *asked_route(const struct asked *asked);

/* ---- groups.c: the chains of a port's security groups, and questions about what they do ---- */

/* Of a table "filter" of iptables; chains that are not there are NULL. */
struct port_groups {
	const struct table *table;
	bool is_called; /* some rule calls a chain for the port */
	/* Those for which a chain that its packets are sent through returns: "-s 10.0.0.5/32 -m mac ..". */
	struct {
		VEC(struct vm_addr);
	} addrs;
	const struct chain *in, *out; /* what is sent to the machine, and by it */
	const struct chain *spoof; /* called by out: RETURN for the port's addresses, else DROP */
	size_t spoof_at;	   /* where out calls it */
	/* The device is named by a rule that accepts: no security is wanted there, by who wrote it. */
	bool is_trusted;
};
/* NULL: no rule of the family names the port. */
const struct port_groups *doctor_groups(
	struct doctor *doctor, const struct vm_port *port, enum family family);
const struct port_groups *doctor_groups_of_device(
	struct doctor *doctor, const struct netns *ns, const char *device, enum family family);
bool chain_names_other(const char *name, const char *other, char as); /* "..o1" of "..s1" */

/* What the port's machine sends, or what is sent to it (where its bridge has a way out), up to the other side of its bridge, on
 * that version of the host; without the packet. */
struct query vm_port_query(
	struct doctor *doctor, const struct vm_port *port, bool is_egress, const struct host *host);
/* Its packet is the first of its flow, whatever conntrack has. */
void query_begin_flow(struct query *query);
/*
 * A packet as expressions have it, without its MACs ("mac any" at the end: any source has it): sent by the port's machine, or to it by a station behind the bridge's way out,
 * as the first of its flow, whatever conntrack has today. False: the bridge has no way out.
 */
bool vm_port_ask(struct doctor *doctor, const struct vm_port *port, bool is_egress,
	const char *packet, struct query *ret);
/* By which place of the port's security groups is it lost? False: it is not, or somebody else loses it. */
bool lost_by_groups(struct doctor *doctor, const struct vm_port *port, const struct query *query,
	struct group_port *ret);
/* Is one of vm_port_ask lost so, and not for its source? */
bool vm_port_loses(struct doctor *doctor, const struct vm_port *port, bool is_egress,
	const char *packet, struct query *ret);
/* Is some packet of an expression of a set delivered? Not known is yes. */
struct sets_of_ports;
bool vm_port_gets_any(struct doctor *doctor, const struct check *check,
	const struct sets_of_ports *world, const struct vm_port *port, bool is_egress,
	const char *packets);
/* All packets of an expression of a set, on the host whose bridges have heard everybody, in a world that who asks made of it:
 * explain_world(doctor_heard(doctor)). False: it cannot be asked; noted in the name of check. */
struct sets_of_ports {
	const struct explainer *explainer;
	struct sets *sets;
};
struct sets_of_ports sets_of_ports_new(struct doctor *doctor);
bool vm_port_ask_every(struct doctor *doctor, struct arena *arena, const struct check *check,
	const struct sets_of_ports *world, const struct vm_port *port, bool is_egress,
	const char *packets, struct every *ret);
/* A query of the host that has heard everybody, as one of the host itself. */
struct query query_of_host(struct doctor *doctor, const struct query *heard);

/* ---- sweep.c: what becomes of all packets of all ports ---- */

/* The host as if every bridge knew where each machine is, and the station behind the way out. */
const struct host *doctor_heard(struct doctor *doctor);

enum harm_kind {
	HARM_SOURCE,	  /* its source is rewritten while it is bridged */
	HARM_DESTINATION, /* its destination is */
	HARM_LOST,	  /* dropped or rejected, and not by the port's security groups */
	HARM_TAKEN,	  /* given to a program (NFQUEUE) */
};
struct harm {
	enum harm_kind kind;
	const struct vm_port *port;
	bool is_egress; /* sent by the port's machine; else to it */
	/* It goes through the host, which has an address on the bridge; else the bridge forwards it. */
	bool is_routed;
	enum family family;
	/* Of packets between known addresses of ports, or to anywhere: it is felt now. Else others have to choose addresses first. */
	bool is_felt;
	struct query witness;	/* up to the other side of the bridge (query.within) */
	struct decider decider; /* whose rule or policy did it */
};
struct sweep {
	VEC(struct harm);
};
/* One harm for each port, direction, family and deciding rule. What could not be told is noted in the name of check. */
const struct sweep *doctor_sweep(struct doctor *doctor, const struct check *check);

/* ---- harms.c: the same, by rule ---- */

/* All that one rule (or policy) does: one finding, which one fix cures. */
struct harm_group {
	const struct harm *shown; /* one that is felt, if any is */
	struct {
		VEC(const struct harm *);
	} harms; /* all of them */
	struct {
		VEC(const char *);
	} bridges; /* as iptables takes them, each once: "qbr+", "br0" */
};
struct harm_groups {
	VEC(struct harm_group);
};
const struct harm_groups *doctor_harms(
	struct doctor *doctor, const struct check *check, enum harm_kind kind);
/* "POSTROUTING-1", "FORWARD-policy": part of an id; with the table, where that is not the usual one. */
const char *decider_id(struct arena *arena, const struct decider *decider);
/* Owner, proofs, witness, others, ports. */
void finding_add_harms(
	struct doctor *doctor, struct finding *finding, const struct harm_group *group);

/* ---- flows.c: entries of conntrack that NAT of others has damaged ---- */

struct flows {
	VEC(const struct conntrack_entry *);
	struct query witness; /* n > 0: a packet of the first one, at the port */
	const struct vm_port *port;
};
/* In ns of that host (another version of doctor's, or itself): entries that rewrite what a port sends or gets, while a
 * new flow of the same packet, in the same zone, would not be rewritten by the rules that are there. Of host. */
void find_damaged_flows(
	struct doctor *doctor, const struct host *host, const struct netns *ns, struct flows *ret);

/* ---- services.c: what the host's other programs serve, and must go on to serve ---- */

/* Who is where around a namespace: bridges that the host is a router for, and the outside. */
struct side {
	const struct link *link; /* the device itself; a bridge */
	const struct link *port; /* where packets come in: the bridge's first port */
	struct addr host, station;
};
struct sides {
	VEC(struct side);
};
void doctor_sides(struct doctor *doctor, const struct netns *ns, enum family family,
	struct sides *bridges, struct sides *outsides);
/* "tcp SRC:40000 DST:DPORT mac .. > ..", or of UDP: of a station that the host does not know, to that MAC. */
const char *packet_text(struct doctor *doctor, const struct addr *src, const struct addr *dst,
	uint8_t proto, unsigned dport, struct mac mac);

/* Does everything of others that works today (containers' ways out, published ports, ports of their own through the
 * host's address) work in the same way on the other version of the host? *ret_words: what was looked at, or what breaks. */
bool services_are_kept(struct doctor *doctor, const struct host *other, const char **ret_words);

struct service_port {
	uint16_t port;
	uint8_t proto;
};
struct service_ports {
	VEC(struct service_port);
};
/* Ports that rules of DNAT name, each once, and the devices that are no bridges: from there others may come. */
void services_find_published(struct doctor *doctor, const struct netns *ns, enum family family,
	struct sides *ret_outsides, struct service_ports *ret);
/* From a station there to the host's address. */
bool service_query(struct doctor *doctor, const struct netns *ns, const struct side *side,
	uint8_t proto, uint16_t port, struct query *ret);

/* ---- finding.c: how a check tells what it found ---- */

/* which: part of the id, NULL for none: a device, say. */
struct finding *finding_add(struct doctor *doctor, const struct check *check,
	enum severity severity, const struct netns *ns, const char *which);
/* title, symptom: set by the check, with arena_printf(doctor->arena, ..). */
void finding_prove(struct doctor *doctor, struct finding *finding, const char *kind,
	const char *where, const char *text);
/* number 0: the chain's policy. */
void finding_prove_rule(struct doctor *doctor, struct finding *finding, const struct table *table,
	const struct chain *chain, size_t number);
/* Of the finding's namespace; what it is when it is not set: absent, NULL: nothing is quoted then. */
void finding_prove_sysctl(
	struct doctor *doctor, struct finding *finding, const char *name, const char *absent);
/* Which switch makes bridged packets pass iptables' hooks. */
void finding_prove_filtered(struct doctor *doctor, struct finding *finding,
	const struct link *bridge, enum family family);
void finding_port(struct doctor *doctor, struct finding *finding, const char *device);
/* Walks it and keeps the report. */
const struct report *finding_witness(
	struct doctor *doctor, struct finding *finding, const struct query *query);

/* A fix that the walk is asked about: with the edits in place the witness and the others come out as is_cured wants, and services
 * are kept. Not offered, and false, otherwise. A finding without witness is about no packet: then only services are asked (is_cured NULL). */
typedef bool cured_fn(const struct explanation *after, const void *data);
bool finding_fix(struct doctor *doctor, struct finding *finding, const struct fix *fix,
	cured_fn *is_cured, const void *data);
/* Delivered, with the addresses and ports that it was sent with. */
bool is_untouched(const struct explanation *after, const void *data);
/* A fix in words and commands only (a daemon's settings): nothing is tried; says so. */
void finding_advise(struct doctor *doctor, struct finding *finding, const char *name,
	const char *words, const char *commands, const char *consequence);
/* What the owner of the ports' security groups would change (explain/report.h), for the witness and the others: tried with the
 * rules that its agent would write then, and told as the owner's command; of rules of somebody else (finding->owner),
 * as those rules. name: of the fix. */
bool finding_fix_groups(struct doctor *doctor, struct finding *finding, const char *name);
/* The same with edits and commands of the check's own: tried, but left to the rules' owner, who would undo them. */
bool finding_fix_elsewhere(struct doctor *doctor, struct finding *finding, const struct fix *fix,
	cured_fn *is_cured, const void *data);
/* The edits as a vector that grows: for fixes of several. */
struct edits {
	VEC(struct host_edit);
};
void edits_add(struct arena *arena, struct edits *edits, struct host_edit edit);
struct host_edit edit_of_sysctl(const struct netns *ns, const char *name, const char *value);

/* ---- guard.c: fixes of NAT that rewrites bridged packets ---- */

/* finding_fix, with the entries of conntrack deleted that would survive it. */
void offer_nat_fix(struct doctor *doctor, struct finding *finding, const struct fix *fix);
/* The guard, for the bridges that the finding's namespace has. */
void offer_guard(struct doctor *doctor, struct finding *finding);
/* check_nat_ways.c: is it lost so because its destination was changed? */
bool is_lost_by_mapping(enum drop drop);

void doctor_untold(
	struct doctor *doctor, const struct check *check, const char *why, const char *next);
/* Something that the check needs was not read in this namespace: noted, and true. */
bool doctor_is_unread(
	struct doctor *doctor, const struct check *check, const struct netns *ns, const char *what);

#endif
