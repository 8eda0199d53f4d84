/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PACKET_FRAME_INTERNAL_H
#define PACKET_FRAME_INTERNAL_H

#include "packet/packet.h"

#define ETHERNET_SIZE 14

/* Protocol numbers (IANA) that only frames know. */
#define PROTO_6IN4     41
#define PROTO_FRAGMENT 44
#define PROTO_GRE      47
#define PROTO_ESP      50
#define PROTO_AH       51

/* Behind an IPv6 header: does the kernel look for the protocol behind it (ipv6_ext_hdr)? */
static inline bool frame_is_extension(uint8_t proto)
{
	return proto == 0 || proto == 43 || proto == PROTO_FRAGMENT || proto == PROTO_AH ||
	       proto == 60;
}

/* Has it a transport header, as far as we know? */
static inline bool frame_has_header(uint8_t proto)
{
	return proto_has_ports(proto) || proto == PROTO_ICMP || proto == PROTO_ICMPV6 ||
	       proto == PROTO_GRE || proto == PROTO_ESP;
}

/* Of the ICMP of a family: does it quote a packet? */
static inline bool frame_is_icmp_error(uint8_t proto, uint8_t type)
{
	if (proto == PROTO_ICMPV6)
		return type < 128;
	return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
}

/* FNV-1a, 64 bits: equal bytes, equal numbers, on every host. */
#define FRAME_HASH_INIT 0xcbf29ce484222325u
static inline uint64_t frame_hash(uint64_t hash, const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		hash = (hash ^ bytes[i]) * 0x100000001b3u;
	return hash;
}

#endif
