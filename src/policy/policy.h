/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef POLICY_POLICY_H
#define POLICY_POLICY_H

#include "base/arena.h"
#include "base/err.h"
#include "packet/packet.h"

/*
 * What the operator wants: security groups, their rules, ports, address groups, with the words
 * and the meaning of OpenStack Networking (API v2.0, extensions security-group,
 * address-group, allowed-address-pairs, port-security). Knows nothing of netfilter.
 *
 * A policy is a value: parsed whole, never changed, in one arena. Everything in it is sorted
 * or in the order of the file, so that equal files give equal values.
 */

enum direction { DIR_INGRESS, DIR_EGRESS }; /* to the port, from the port */

struct policy_rule {
	const char *id;		 /* UUID; derived from group and content when the file has none */
	const char *description; /* "" when there is none */
	const struct policy_group *group; /* whose rule it is */
	enum direction direction;
	enum family ethertype; /* IPv4 or IPv6 */
	bool has_proto;
	uint8_t proto;		/* ICMP is 58 in IPv6 rules */
	const char *proto_text; /* as written, lower case: "ipip", "4"; NULL without */
	/* Ports (tcp udp sctp dccp udplite); has_ports is false for all and for 1..65535. */
	bool has_ports;
	uint16_t port_min, port_max;
	/* ICMP (port_range_min is the type, port_range_max the code in the API) */
	bool has_icmp_type, has_icmp_code;
	uint8_t icmp_type, icmp_code;
	/* At most one of the three; none means any address. */
	bool has_prefix;
	struct prefix prefix;	 /* of length 0: any */
	const char *prefix_text; /* as written, with its host bits; NULL without */
	const struct policy_group *remote_group;
	const struct policy_address_group *remote_address_group;
	unsigned line; /* where the rule stands in the file, from 1 */
};

/* Sorted, unique, no member covers another one; index is FAMILY_IPV4 or FAMILY_IPV6. */
struct prefix_list {
	struct prefix *items;
	size_t n;
};

struct policy_group {
	const char *id, *name, *description;
	bool stateful;
	struct policy_rule *rules; /* in the order of the file */
	size_t n_rules;
	/* Fixed addresses and allowed pairs of every port in the group, on any host. */
	struct prefix_list members[N_IP_FAMILIES];
	unsigned line;
};

struct policy_address_group {
	const char *id, *name, *description;
	struct prefix_list addresses[N_IP_FAMILIES];
	unsigned line;
};

struct address_pair {
	struct prefix prefix;
	struct mac mac; /* the port's when the file gives none */
};

struct policy_port {
	const char *id, *name;
	const char *device;	  /* the interface on this host; "tap" + 11 characters of the id */
	const char *network;	  /* name or id, NULL when the file has none */
	const char *device_owner; /* "" when the file has none; "network:..." is trusted */
	const char *host;	  /* binding:host_id; "" when there is none: every host's */
	struct mac mac;
	struct addr *fixed_ips;
	size_t n_fixed_ips;
	struct address_pair *pairs; /* allowed_address_pairs, in the order of the file */
	size_t n_pairs;
	const struct policy_group **groups; /* in the order of the file */
	size_t n_groups;
	bool port_security;
	bool has_device; /* the device was named, not made of the id */
	bool is_unbound; /* binding:host_id is there and empty: on no host */
	bool is_local;	 /* on this host; else only a member of its groups */
	bool stateful;	 /* of its groups, which agree; true without groups */
	unsigned line;
};

struct policy {
	struct policy_group *groups; /* in the order of the file */
	size_t n_groups;
	struct policy_address_group *address_groups;
	size_t n_address_groups;
	struct policy_port *ports; /* sorted by id */
	size_t n_ports;
};

/*
 * Parses the YAML (or JSON) text of a policy file. name is for messages. host is this machine's
 * name: a port whose binding:host_id is another one is remote. On an error nothing is made and
 * err holds "NAME:LINE:COLUMN: what is wrong", the line of the file, a caret under the text,
 * and in next_step what would be right.
 */
bool policy_parse(struct arena *arena, const char *name, const char *text, size_t size,
	const char *host, const struct policy **ret, struct err *err);
/* A file, or standard input for "-". ret_text: its text, on failure too; NULL: not asked for. */
bool policy_load(struct arena *arena, const char *path, const char *host, struct text *ret_text,
	const struct policy **ret, struct err *err);

/* By id or by name; NULL when there is none, or when a name means several. */
const struct policy_group *policy_group_find(const struct policy *policy, const char *key);
const struct policy_port *policy_port_find(const struct policy *policy, const char *key);

/* Does the port have an address, fixed or as a pair, of this family, or none at all (then it
 * may use any)? A port without one may not send packets of that family. */
bool policy_port_has_family(const struct policy_port *port, enum family family);
bool policy_port_is_trusted(const struct policy_port *port);  /* device_owner network:... */
bool policy_port_is_filtered(const struct policy_port *port); /* port security on, not trusted */

/* "allow tcp 443 from 10.0.0.0/8", "allow any from group web": a rule in words. */
void policy_rule_print(struct text *out, const struct policy_rule *rule);

/*
 * Why a packet passes or is dropped at a port. One list for show, explain, watch and the docs.
 * In the order in which the chains of a port ask.
 */
enum reason {
	/* passes */
	REASON_PORT_SECURITY_OFF,
	REASON_TRUSTED,	       /* a network: port */
	REASON_DHCP_CLIENT,    /* the VM asks for a lease */
	REASON_DHCP_SERVER_IN, /* a lease comes in */
	REASON_ND,	       /* ICMPv6 that every IPv6 host needs */
	REASON_RA_IN,	       /* router advertisement to a port with IPv6 */
	REASON_ARP,	       /* ARP or RARP from the port's own addresses, or to the port */
	REASON_ESTABLISHED,    /* conntrack knows the flow, or it is related to one */
	REASON_RULE,	       /* a security group rule */
	/* dropped */
	DROP_FRAME_TYPE, /* tagged, PPPoE, anything that is not IP or ARP */
	DROP_ARP_SPOOF,
	DROP_SPOOF,	  /* source MAC is not the port's, or the address not that MAC's */
	DROP_NO_FAMILY,	  /* IPv6 from a port without IPv6, or IPv4 without IPv4 */
	DROP_DHCP_SERVER, /* a VM must not answer DHCP */
	DROP_RA,	  /* a VM must not advertise routes */
	DROP_INVALID,	  /* conntrack calls it invalid */
	DROP_NO_RULE,	  /* the default drop */
	N_REASONS,
};

const char *reason_name(enum reason reason);	 /* "default-drop": for JSON, stable */
const char *reason_sentence(enum reason reason); /* "No rule of the port's groups allows it." */
static inline bool reason_is_drop(enum reason reason)
{
	return reason >= DROP_FRAME_TYPE;
}

struct decision {
	enum reason reason;
	const struct policy_rule *rule; /* REASON_RULE: the first rule that allows it */
};

/*
 * What the policy says of one packet at one port in one direction. The packet's MACs, ethertype,
 * headers and ct_state count, its interfaces do not. This is the specification that the
 * compiled ruleset and the kernel are tested against.
 */
struct decision policy_decide(
	const struct policy_port *port, enum direction direction, const struct packet *packet);

/*
 * May a flow that conntrack knows by its first packet go on? As policy_decide for that packet
 * as new, without the MAC (conntrack keeps none). Used to cut what no rule allows any more.
 */
bool policy_allows_flow(
	const struct policy_port *port, enum direction direction, const struct packet *first);

#endif
