/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_NETFRAME_H
#define TESTS_NETFRAME_H

#include "packet/packet.h"

/*
 * Frames as a guest would send them, made from the same struct packet that policy_decide and
 * ruleset_eval are asked about, so that the three answers are about one thing.
 *
 * Every frame ends in a tag of 8 bytes by which it is known again where it arrives, whatever
 * happened to its headers on the way (NAT, a tag stripped, fragments put together).
 */

#define NET_TAG_SIZE	8
#define NET_FRAME_SIZE	2048 /* the largest frame on a wire */
#define NET_MAX_PIECES	64   /* the most fragments of one packet */
#define NET_PACKET_SIZE 9000 /* the largest IP packet before it is cut */

enum {
	NET_FIN = 1,
	NET_SYN = 2,
	NET_RST = 4,
	NET_PSH = 8,
	NET_ACK = 16,
};

#define NET_SCTP_DATA 0
#define NET_SCTP_INIT 1

struct net_frame {
	/*
	 * The headers; interfaces and ct_state are of no use here. Of a tagged or PPPoE frame the
	 * ethertype is the outer one, and the IP fields are those of the packet in it. A fragment
	 * is sent as that, alone, with what would be the whole packet's transport header in it.
	 */
	struct packet packet;
	uint8_t tcp_flags; /* 0: SYN */
	uint32_t tcp_seq, tcp_ack;
	uint16_t icmp_id;	    /* of an echo; 0: its own, so that each is a flow of its own */
	uint8_t sctp_chunk_plus_1;  /* 0: INIT, which opens an association */
	uint8_t arp_op;		    /* 0: a request */
	struct addr target;	    /* of ARP, and of neighbour discovery */
	const struct packet *inner; /* of IPIP and of ICMP errors; a UDP packet without */
	bool bad_checksum;	    /* of the transport header */
	const uint8_t *payload;	    /* before the tag; NULL: zeros */
	uint16_t payload_size;
	uint16_t fragment_size; /* cut the IP payload into pieces of this size; 0: do not */
};

struct net_wire {
	uint8_t data[NET_FRAME_SIZE];
	size_t size;
};

/* Gives the frames, in order: one, or one for each fragment. Only the last ends in the tag. */
size_t net_frame_build(
	const struct net_frame *frame, uint64_t tag, struct net_wire *ret, size_t max);

/* The IP packet without the Ethernet header, for raw sockets of the host itself. */
size_t net_packet_build(const struct net_frame *frame, uint64_t tag, uint8_t *ret, size_t max);

/* The tag at the end of a frame; false when it is not one of ours. */
bool net_tag_find(const uint8_t *data, size_t size, uint64_t *ret);
uint64_t net_tag(uint32_t number);
uint32_t net_tag_number(uint64_t tag);

/* What conntrack says of the first packet of a flow it does not know: new, invalid (a reset
 * out of nowhere, an answer without a question), or untracked (neighbour discovery). */
enum ct_state net_frame_first_state(const struct net_frame *frame);

#endif
