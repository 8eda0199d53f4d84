/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PACKET_PACKET_H
#define PACKET_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"

/*
 * Header fields and one packet. Addresses are in network byte order, ports and types in host
 * byte order. Nothing here knows rules or the kernel.
 */

/* Of addresses, of packets, of tables. A table of inet is asked for IPv4 and IPv6. */
enum family {
	FAMILY_IPV4,
	FAMILY_IPV6,
	FAMILY_BRIDGE,
	FAMILY_INET,
	FAMILY_ARP,
	FAMILY_NETDEV,
};
#define N_IP_FAMILIES 2 /* FAMILY_IPV4 and FAMILY_IPV6, usable as indices */

struct mac {
	uint8_t bytes[6];
};

struct addr {
	enum family family; /* IPv4 or IPv6 */
	uint8_t bytes[16];  /* the first 4 for IPv4, the rest zero */
};

/* Invariant: no bit is set behind len. */
struct prefix {
	struct addr addr;
	uint8_t len; /* bits: 0..32 or 0..128 */
};

/* Ethertypes that somebody here looks at (IEEE 802 numbers). */
#define ETHERTYPE_IPV4	0x0800
#define ETHERTYPE_ARP	0x0806
#define ETHERTYPE_RARP	0x8035
#define ETHERTYPE_VLAN	0x8100
#define ETHERTYPE_IPV6	0x86dd
#define ETHERTYPE_PPPOE 0x8864
#define ETHERTYPE_QINQ	0x88a8

/* Protocol numbers (IANA) that rules treat in a way of their own. */
#define PROTO_ICMP    1
#define PROTO_IGMP    2
#define PROTO_IPIP    4 /* IP in IP, RFC 2003; Debian's /etc/protocols calls it "ipencap" */
#define PROTO_TCP     6
#define PROTO_UDP     17
#define PROTO_DCCP    33
#define PROTO_ICMPV6  58
#define PROTO_SCTP    132
#define PROTO_UDPLITE 136

/* What conntrack says of a packet; a set of them is the bitwise or. */
enum ct_state {
	CT_NEW = 1 << 0,
	CT_ESTABLISHED = 1 << 1,
	CT_RELATED = 1 << 2,
	CT_INVALID = 1 << 3,
	CT_UNTRACKED = 1 << 4,
};

/* IPS_..., include/uapi/linux/netfilter/nf_conntrack_common.h */
enum ct_status {
	CT_STATUS_EXPECTED = 1 << 0,
	CT_STATUS_SEEN_REPLY = 1 << 1,
	CT_STATUS_ASSURED = 1 << 2,
	CT_STATUS_CONFIRMED = 1 << 3,
	CT_STATUS_SRC_NAT = 1 << 4,
	CT_STATUS_DST_NAT = 1 << 5,
	CT_STATUS_SRC_NAT_DONE = 1 << 7, /* NAT was asked, whatever it said */
	CT_STATUS_DST_NAT_DONE = 1 << 8,
	CT_STATUS_OFFLOAD = 1 << 14,
};

enum tcp_flag {
	TCP_FIN = 1 << 0,
	TCP_SYN = 1 << 1,
	TCP_RST = 1 << 2,
	TCP_PSH = 1 << 3,
	TCP_ACK = 1 << 4,
	TCP_URG = 1 << 5,
	TCP_ECE = 1 << 6,
	TCP_CWR = 1 << 7,
};

/* PACKET_..., include/uapi/linux/if_packet.h */
enum pkt_type { PKT_HOST, PKT_BROADCAST, PKT_MULTICAST, PKT_OTHERHOST };

/*
 * One packet at one place. Interfaces are names, NULL where there is none. For a packet that a
 * bridge forwards, netfilter's IP hooks see in_iface = out_iface = the bridge and the bridge's
 * ports as physdev_in and physdev_out (net/bridge/br_netfilter_hooks.c).
 */
struct packet {
	const char *in_iface, *out_iface;
	const char *physdev_in, *physdev_out; /* bridge ports */
	struct mac eth_src, eth_dst;
	uint16_t ethertype; /* of the frame as on the wire: ETHERTYPE_VLAN for a tagged one */

	uint16_t vlan_id; /* of a tagged frame; 0: none */
	enum pkt_type pkt_type;

	/* IPv4 and IPv6 */
	struct addr src, dst;
	uint8_t proto;
	uint8_t ttl, tos;	/* hop limit, traffic class */
	uint16_t length;	/* of the IP packet with its header; 0: not said */
	bool is_later_fragment; /* no transport header to look at */
	bool is_first_fragment;
	bool is_dont_fragment;	      /* IPv4: routers may not cut it */
	uint16_t sport, dport;	      /* tcp udp sctp dccp udplite */
	uint8_t tcp_flags;	      /* enum tcp_flag, or-ed */
	uint8_t icmp_type, icmp_code; /* icmp, icmpv6 */

	/* what the kernel knows of it */
	uint32_t mark; /* of the packet (skb->mark) */
	enum ct_state ct_state;
	uint32_t ct_mark; /* of its flow; 0: never marked */
	uint16_t ct_zone;
	unsigned ct_status; /* enum ct_status, or-ed */
	bool is_reply;	    /* direction of its flow */
	/* of its flow as the first packet had it, before NAT; src and dst where nothing is known */
	struct addr ct_orig_src, ct_orig_dst;
	uint16_t ct_orig_sport, ct_orig_dport;
	uint32_t uid, gid; /* of the process that sends it */

	/* ARP (RFC 826) */
	uint16_t arp_op; /* 1 request, 2 reply */
	struct mac arp_sha, arp_tha;
	struct addr arp_spa, arp_tpa;

	/* Fields that are not known, as bits 1 << enum field (packet/field.h): rules that ask for one split
	 * the packet. 0: all are known. */
	uint64_t unknown;
};

bool mac_parse(const char *text, struct mac *ret); /* aa:bb:.., aa-bb-.., any case */
void mac_print(struct text *out, struct mac mac);  /* lower case with colons */
bool mac_equal(struct mac a, struct mac b);
uint64_t mac_number(struct mac mac); /* the first byte is the most significant one */

bool addr_parse(const char *text, struct addr *ret);
void addr_print(struct text *out, const struct addr *addr); /* RFC 5952 for IPv6 */
/* Sorts by family, then by bytes: a total order for sorted vectors. */
int addr_compare(const struct addr *a, const struct addr *b);
struct addr addr_next(
	struct addr addr, int step); /* step 1 or -1: the one behind it, or before it */

/* "10.0.0.0/8", or a bare address as /32 or /128. Host bits are cleared. */
bool prefix_parse(const char *text, struct prefix *ret);
bool prefix_is_bare(const struct prefix *prefix);		  /* no bit is set behind len */
void prefix_print(struct text *out, const struct prefix *prefix); /* always with /len */
void prefix_print_bare(struct text *out, const struct prefix *prefix); /* host: without /len */
struct prefix prefix_of_addr(const struct addr *addr);		       /* /32 or /128 */
uint8_t prefix_max_len(enum family family);
struct addr prefix_last(const struct prefix *prefix); /* all its host bits are set */
bool prefix_contains(const struct prefix *prefix, const struct addr *addr);
bool prefix_covers(const struct prefix *outer, const struct prefix *inner);
int prefix_compare(const struct prefix *a, const struct prefix *b); /* by address, then length */

/* The EUI-64 link-local address of a MAC (RFC 4291 appendix A). */
struct addr addr_link_local(struct mac mac);

/*
 * A protocol by number ("4") or by a name of the Neutron API (neutron-lib's list: ipip is 4,
 * hopopt and ip are 0, icmp, icmpv6 ...), in any case. For IPv6 the names and the number of
 * ICMP mean ICMPv6. names: for messages, sorted.
 */
bool proto_parse(const char *text, enum family family, uint8_t *ret);
const char *const *proto_names(size_t *ret_n);
/* The name for people ("ipip", "tcp"), or NULL when there is only the number. */
const char *proto_name(uint8_t proto);
/* Do rules of this protocol have ports? tcp udp sctp dccp udplite. */
bool proto_has_ports(uint8_t proto);

const char *family_name(enum family family);	/* "IPv4", "IPv6", "bridge" */
const char *ethertype_name(uint16_t ethertype); /* NULL when there is only the number */

/* One line for messages: "tcp 10.0.0.5:40000 > 10.0.0.9:443 new, tapA > tapB". */
void packet_print(struct text *out, const struct packet *packet);

#endif
