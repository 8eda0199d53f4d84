// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * By what one packet is known again. NAT, routers and bridges rewrite headers; what is hashed is only what they leave alone, from
 * the first 20 bytes of each of two headers, because netfilter's trace gives no more. For each protocol a mask says
 * which bytes of the transport header that is: not ports, not checksums, not the ids that NAT takes for ports.
 */
#include "packet/frame.h"

#include <string.h>

#include "packet/frame_internal.h"

#define TRANSPORT_SIZE 20
#define ARP_SIZE       28
#define PAYLOAD_SIZE   64

/* Bytes [from, to) of a transport header, as bits. */
#define BYTES(from, to) (((1u << (to)) - 1) & ~((1u << (from)) - 1))

static uint32_t icmp_mask(uint8_t type)
{
	switch (type) {
	case 0: /* echo, timestamp, information, mask: an id, which NAT changes, and a sequence */
	case 8:
	case 13:
	case 14:
	case 15:
	case 16:
	case 17:
	case 18:
		return BYTES(0, 2) | BYTES(6, 8);
	case 5: /* a router's address, and the packet that it is about */
		return BYTES(0, 2) | BYTES(10, 14);
	case 3:
	case 4:
	case 11:
	case 12: /* length and id of the packet that is quoted; NAT changes the quoted addresses too */
		return BYTES(0, 2) | BYTES(4, 8) | BYTES(10, 14);
	default:
		return BYTES(0, 2) | BYTES(4, 8);
	}
}

static uint32_t icmpv6_mask(uint8_t type)
{
	if (type == 128 || type == 129)
		return BYTES(0, 2) | BYTES(6, 8);
	if (type < 128) /* of the quoted packet: flow label, length, protocol */
		return BYTES(0, 2) | BYTES(4, 8) | BYTES(9, 15);
	if (type == 135 || type == 136) /* the target of neighbour discovery */
		return BYTES(0, 2) | BYTES(4, 20);
	return BYTES(0, 2) | BYTES(4, 8);
}

static uint32_t transport_mask(uint8_t proto, const uint8_t *transport)
{
	switch (proto) {
	case PROTO_TCP: /* sequences, flags, window */
		return BYTES(4, 16);
	case PROTO_UDP:
	case PROTO_UDPLITE:
		return BYTES(4, 6);
	case PROTO_SCTP: /* verification tag; the first chunk's head, and its TSN or tag */
		return BYTES(4, 8) | BYTES(12, 20);
	case PROTO_DCCP:
		return BYTES(4, 5) | BYTES(8, 16);
	case PROTO_ICMP:
		return icmp_mask(transport[0]);
	case PROTO_ICMPV6:
		return icmpv6_mask(transport[0]);
	case PROTO_GRE: /* of PPTP's neither the call id, which is its port */
		return (transport[1] & 7) == 1 ? BYTES(0, 6) | BYTES(8, 12) : BYTES(0, 4);
	case PROTO_ESP: /* SPI and sequence */
		return BYTES(0, 8);
	case PROTO_AH:
		return BYTES(4, 12);
	default:
		return 0;
	}
}

/* 0 is for none. */
static uint64_t settle(uint64_t hash)
{
	hash ^= hash >> 32;
	return hash ? hash : 1;
}

/* room: bytes behind the IP header, as that says. False: those that are needed are not there. */
static bool add_transport(
	uint64_t *hash, uint8_t proto, size_t room, const uint8_t *transport, size_t size)
{
	size_t n = room < TRANSPORT_SIZE ? room : TRANSPORT_SIZE;
	uint8_t kept[TRANSPORT_SIZE] = { 0 };
	uint32_t mask;

	if (n < 2)
		return true;
	if (!transport || size < 2)
		return false;
	mask = transport_mask(proto, transport);
	for (size_t i = 0; i < n; i++) {
		if (!(mask >> i & 1))
			continue;
		if (i >= size)
			return false;
		kept[i] = transport[i];
	}
	*hash = frame_hash(*hash, kept, sizeof(kept));
	return true;
}

static size_t number_of(const uint8_t *bytes)
{
	return (size_t)bytes[0] << 8 | bytes[1];
}

static uint64_t identity_of_ipv4(const uint8_t *ip, const uint8_t *transport, size_t transport_size)
{
	size_t header = (size_t)(ip[0] & 15) * 4, total = number_of(ip + 2);
	/* a router may clear DF, and set none of the others but where it cuts the packet */
	const uint8_t kept[] = { 4, ip[9], ip[2], ip[3], ip[4], ip[5], ip[6] & 0x3f, ip[7] };
	bool is_later = number_of(ip + 6) & 0x1fff;
	uint64_t hash = frame_hash(FRAME_HASH_INIT, kept, sizeof(kept));

	if (header < 20)
		return 0;
	/* one that says no length is longer than one can say */
	if (!is_later &&
		!add_transport(&hash, ip[9], total >= header ? total - header : TRANSPORT_SIZE,
			transport, transport_size))
		return 0;
	return settle(hash);
}

static uint64_t identity_of_ipv6(const uint8_t *ip, const uint8_t *transport, size_t transport_size)
{
	const uint8_t kept[] = { 6, ip[6], ip[4], ip[5], ip[1] & 15, ip[2], ip[3] };
	size_t room = number_of(ip + 4);
	uint64_t hash = frame_hash(FRAME_HASH_INIT, kept, sizeof(kept));

	if (!frame_is_extension(ip[6]) &&
		!add_transport(&hash, ip[6], room, transport, transport_size))
		return 0;
	return settle(hash);
}

uint64_t frame_identity_of_pieces(const uint8_t *network, size_t network_size,
	const uint8_t *transport, size_t transport_size, uint16_t ethertype)
{
	if (ethertype == ETHERTYPE_IPV4 && network_size >= 20 && network[0] >> 4 == 4)
		return identity_of_ipv4(network, transport, transport_size);
	if (ethertype == ETHERTYPE_IPV6 && network_size >= 40 && network[0] >> 4 == 6)
		return identity_of_ipv6(network, transport, transport_size);
	if ((ethertype == ETHERTYPE_ARP || ethertype == ETHERTYPE_RARP) && network_size >= ARP_SIZE)
		return settle(frame_hash(FRAME_HASH_INIT, network, ARP_SIZE));
	return 0;
}

uint64_t frame_identity(const uint8_t *network, size_t size, uint16_t ethertype)
{
	size_t header = 40;

	if (ethertype == ETHERTYPE_IPV4 && size)
		header = (size_t)(network[0] & 15) * 4;
	if (header >= size)
		return frame_identity_of_pieces(network, size, NULL, 0, ethertype);
	return frame_identity_of_pieces(network, size, network + header, size - header, ethertype);
}

uint64_t frame_payload_identity(const struct frame *frame, const struct frame_layout *layout)
{
	size_t size = layout->payload_size < PAYLOAD_SIZE ? layout->payload_size : PAYLOAD_SIZE;
	const uint8_t *bytes = frame->bytes;

	if (!layout->payload || !size || layout->payload > frame->size ||
		size > frame->size - layout->payload)
		return 0;
	if (layout->has_network && layout->transport && layout->transport < layout->payload) {
		uint8_t type = bytes[layout->transport];

		/* later fragments, where transport is payload, are not looked at here */
		if (layout->ethertype == ETHERTYPE_IPV4 &&
			bytes[layout->network + 9] == PROTO_ICMP &&
			frame_is_icmp_error(PROTO_ICMP, type))
			return 0;
		if (layout->ethertype == ETHERTYPE_IPV6 &&
			bytes[layout->network + 6] == PROTO_ICMPV6 &&
			frame_is_icmp_error(PROTO_ICMPV6, type))
			return 0;
	}
	return settle(frame_hash(FRAME_HASH_INIT, bytes + layout->payload, size));
}
