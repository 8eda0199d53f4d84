/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PACKET_FRAME_H
#define PACKET_FRAME_H

#include "packet/field.h"

/*
 * Frames as bytes: to a struct packet, from one, and the number by which a packet is known again at another
 * point of a host. Whatever the bytes say, nothing behind their end is read.
 */
struct frame {
	const uint8_t *bytes;
	size_t size;	   /* of what there is, which may be less than was on the wire */
	bool has_ethernet; /* else they begin at the network header, and ethertype says of what */
	uint16_t ethertype;
	uint16_t vlan_id; /* of a tag that the device took off; 0: none */
	size_t wire_size; /* of the whole that the bytes are the beginning of; 0: not known */
};

/* Offsets into the bytes; 0: there is none, or it is behind their end. */
struct frame_layout {
	uint16_t ethertype; /* of what is behind all tags and PPPoE: IPv4, IPv6, ARP ... */
	bool has_network; /* IPv4, IPv6 or ARP begins at network, which may be 0 without an Ethernet header */
	size_t network;
	size_t transport; /* behind the options and extension headers */
	size_t payload; /* behind the transport header; of a protocol that is not known, it is transport */
	size_t payload_size; /* as the IP header says: may be more than there are bytes */
	/* Of IPIP, 6in4, GRE and VXLAN (UDP 4789): what is carried. */
	size_t inner;
	uint16_t inner_ethertype; /* IPv4, IPv6; 0: inner is an Ethernet header */
	bool is_cut;		  /* the bytes end before the packet does */
	/* What no stack would take, in words for people; NULL: nothing of that is seen. */
	const char *malformed;
};

/*
 * As explain and the rule evaluator take it. What is behind the end of the bytes, or cannot be told from them, is in
 * unknown: so are always interfaces, mark, flow and sender, and mostly the packet type. Of a tagged frame the ethertype is
 * the outer one and the rest that of the packet in it. False: not even an Ethernet header, nothing is given.
 */
bool frame_parse(const struct frame *frame, struct packet *ret, struct frame_layout *ret_layout);

/*
 * One packet has one number, at whatever point of a host and whatever NAT, routing and bridging do to it: addresses, ports,
 * ids of ICMP and GRE, TTL, TOS, MACs and checksums are not in it. In it are protocol, IP length, IPv4 id or IPv6 flow
 * label, fragment offset, and of the first 20 bytes of the transport header what stays: TCP's sequence, flags and window,
 * type, code and sequence of ICMP and so on; all of ARP.
 *
 * 0: too little of it is there. Two packets of equal numbers may be two all the same (UDP of one length without
 * IPv4 ids; behind IPv6 extension headers the transport header is not looked at, because netfilter's trace does not say of
 * what protocol it is): compare the payloads' numbers too, where both have one. What is cut into fragments, or put together of
 * them or of segments (GRO), is another packet.
 */
uint64_t frame_identity(const uint8_t *network, size_t size, uint16_t ethertype);
/* The same number of the pieces in which netfilter's trace has them: at least 20 bytes of an IPv4 header, 40 of IPv6, 28 of
 * ARP, and up to 20 of the transport header (NULL: none). */
uint64_t frame_identity_of_pieces(const uint8_t *network, size_t network_size,
	const uint8_t *transport, size_t transport_size, uint16_t ethertype);
/* Of the first 64 bytes of its payload, or all if there are fewer. 0: there are none, they are cut off, or NAT
 * may change them (ICMP errors). */
uint64_t frame_payload_identity(const struct frame *frame, const struct frame_layout *layout);

/*
 * The opposite: an Ethernet frame with right lengths and checksums. A field that it needs and that is in packet->unknown is an
 * ERR_INPUT that names it. Not needed are the length (else zeros are added to the payload until it is that long), and what
 * is not of the wire. Numbers that struct packet has not (IPv4 id, flow label, TCP's sequence, id and sequence
 * of an echo) are made of the payload: another payload, another identity.
 *
 * tcp, udp, udplite, sctp (INIT), dccp (a request), icmp and icmpv6 (an error quotes a UDP packet), ipip and gre (around
 * an IPv4 UDP packet with the payload), any other protocol with the payload behind the IP header; ARP has none. A first
 * fragment has the transport header of a whole packet that is longer; a later one is only payload. UDP-Lite is as RFC 3828 wants it,
 * which conntrack of Linux 6.18 calls invalid.
 */
#define FRAME_HEADERS_MAX 128 /* bytes that it puts before the payload, at the most */
bool frame_build(const struct packet *packet, const void *payload, size_t payload_size,
	uint8_t *buf, size_t buf_size, size_t *ret_size, struct err *err);

/* The sum of RFC 1071, carried on from sum (0 to begin) and not yet complemented. */
uint32_t frame_sum(uint32_t sum, const uint8_t *data, size_t size);
/* Puts the checksum of packet->proto into a transport header with all that is behind it, where it has one and there is room for
 * it; addresses are packet's. Where it stands; -1: nowhere. */
int frame_set_checksum(const struct packet *packet, uint8_t *transport, size_t size);

#endif
