/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DOCTOR_INTERNAL_H
#define DOCTOR_INTERNAL_H

#include "doctor/doctor.h"
#include "explain/every.h"

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
};

/* ---- ports.c: where virtual machines are ---- */

struct vm_addr {
	struct addr addr;
	struct mac mac;
};
struct vm_port {
	const struct netns *ns;
	const struct link *link;	 /* the tap */
	const struct link *bridge;	 /* never NULL */
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
/* The way out of a machine's bridge; NULL: there is none. */
const struct link *vm_port_uplink(struct doctor *doctor, const struct vm_port *port);
/* A station out there: locally administered, and nobody's. */
extern const struct mac outside_mac;
/* A bridge that a container program made, by its name: whose; NULL: of none. */
const char *container_bridge_owner(const char *name);

/* ---- sweep.c: what becomes of all packets of all ports ---- */

enum harm_kind {
	HARM_SOURCE,	  /* its source is rewritten while it is bridged */
	HARM_DESTINATION, /* its destination is */
	HARM_LOST,	  /* dropped or rejected, and not by the port's security groups */
};
struct harm {
	enum harm_kind kind;
	const struct vm_port *port;
	bool is_egress; /* sent by the port's machine; else to it */
	/* It goes through the host, which has an address on the bridge; else the bridge forwards it. */
	bool is_routed;
	enum family family;
	bool is_known_source; /* egress: asked was about addresses that the port has */
	/* Of packets between known addresses of ports, or to anywhere: it is felt now. Else others have to choose addresses first. */
	bool is_felt;
	struct query witness;	/* up to the other side of the bridge (query.within) */
	struct decider decider; /* whose rule or policy did it */
	const char *packets;	/* all of them, in words: lines of set_print, at most 4 */
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
/* "qbr+": every machine's bridge of Neutron's hybrid plug is hit alike. */
const char *bridge_pattern(const char *bridge);
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
/* "tcp SRC:40000 DST:DPORT mac .. > ..": of a station that the host does not know, to that MAC. */
const char *packet_text(struct doctor *doctor, const struct addr *src, const struct addr *dst,
	unsigned dport, struct mac mac);

/* Does everything of others that works today (containers' ways out, published ports, ports of their own through the
 * host's address) work in the same way on the other version of the host? *ret_words: what was looked at, or what breaks. */
bool services_are_kept(struct doctor *doctor, const struct host *other, const char **ret_words);

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
/* The edits as a vector that grows: for fixes of several. */
struct edits {
	VEC(struct host_edit);
};
void edits_add(struct arena *arena, struct edits *edits, struct host_edit edit);
struct host_edit edit_of_sysctl(const struct netns *ns, const char *name, const char *value);
/* "net.ipv4.conf.eth0/5.arp_ignore" of that device, as struct sysctl has it. */
const char *conf_name(
	struct arena *arena, const char *family, const struct link *link, const char *setting);

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
