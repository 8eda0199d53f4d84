// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Bytes to a packet. They come from the wire, or from whoever sends there: every read goes through number_at or
 * bytes_at, which look at the end first and say "unknown" behind it.
 */
#include "packet/frame.h"

#include <string.h>

#include "base/vec.h"
#include "packet/frame_internal.h"

#define MAX_TAGS	 4  /* one behind the other */
#define MAX_EXTENSIONS	 16 /* of IPv6; the kernel walks on, but nobody sends so many */
#define VXLAN_PORT	 4789
#define ETHERTYPE_BRIDGE 0x6558 /* an Ethernet frame in GRE (RFC 1701) */

#define UNKNOWN_TRANSPORT                                                                          \
	(FIELD_BIT(FIELD_SPORT) | FIELD_BIT(FIELD_DPORT) | FIELD_BIT(FIELD_TCP_FLAGS) |            \
		FIELD_BIT(FIELD_ICMP_TYPE) | FIELD_BIT(FIELD_ICMP_CODE))
#define UNKNOWN_IP                                                                                 \
	(FIELD_BIT(FIELD_SRC) | FIELD_BIT(FIELD_DST) | FIELD_BIT(FIELD_PROTO) |                    \
		FIELD_BIT(FIELD_TTL) | FIELD_BIT(FIELD_TOS) | FIELD_BIT(FIELD_LENGTH) |            \
		FIELD_BIT(FIELD_FRAGMENT) | UNKNOWN_TRANSPORT)
#define UNKNOWN_ARP_ADDRESSES                                                                      \
	(FIELD_BIT(FIELD_ARP_SHA) | FIELD_BIT(FIELD_ARP_SPA) | FIELD_BIT(FIELD_ARP_THA) |          \
		FIELD_BIT(FIELD_ARP_TPA))
#define UNKNOWN_ARP (FIELD_BIT(FIELD_ARP_OP) | UNKNOWN_ARP_ADDRESSES)
/* What no wire has. */
#define UNKNOWN_OF_HOST                                                                            \
	(FIELD_BIT(FIELD_IN_IFACE) | FIELD_BIT(FIELD_OUT_IFACE) | FIELD_BIT(FIELD_PHYSDEV_IN) |    \
		FIELD_BIT(FIELD_PHYSDEV_OUT) | FIELD_BIT(FIELD_PKTTYPE) | FIELD_BIT(FIELD_MARK) |  \
		FIELDS_OF_FLOW | FIELD_BIT(FIELD_UID) | FIELD_BIT(FIELD_GID))

/* Invariant: end <= the size of the bytes. */
struct parse {
	const uint8_t *bytes;
	size_t end; /* of what may be read: of the bytes, then of the IP packet if that is shorter */
	size_t whole; /* where the bytes would end if nothing had been cut off; 0: not known */
	bool is_all;  /* nothing was */
	struct packet *packet;
	struct frame_layout *layout;
};

static bool is_there(const struct parse *parse, size_t at, size_t size)
{
	return at <= parse->end && size <= parse->end - at;
}

/* A number of that many bytes, big-endian; or 0, and the field is unknown. */
static uint32_t number_at(struct parse *parse, size_t at, size_t size, enum field field)
{
	uint32_t number = 0;

	if (!is_there(parse, at, size)) {
		parse->packet->unknown |= FIELD_BIT(field);
		return 0;
	}
	for (size_t i = 0; i < size; i++)
		number = number << 8 | parse->bytes[at + i];
	return number;
}

static void bytes_at(struct parse *parse, size_t at, size_t size, uint8_t *ret, enum field field)
{
	if (is_there(parse, at, size))
		memcpy(ret, parse->bytes + at, size);
	else
		parse->packet->unknown |= FIELD_BIT(field);
}

static uint32_t peek(const struct parse *parse, size_t at, size_t size)
{
	uint32_t number = 0;

	for (size_t i = 0; i < size; i++)
		number = number << 8 | parse->bytes[at + i];
	return number;
}

/* Of several things that are wrong the first one is told. */
static void malformed(struct parse *parse, const char *what)
{
	if (!parse->layout->malformed)
		parse->layout->malformed = what;
}

/* The packet goes on behind the end of the bytes. */
static void ends_early(struct parse *parse, const char *what)
{
	if (parse->is_all)
		malformed(parse, what);
	else
		parse->layout->is_cut = true;
}

static uint16_t ethertype_of_version(const struct parse *parse, size_t at)
{
	return parse->bytes[at] >> 4 == 6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4;
}

/* --- behind the IP header --- */

/* GRE: RFC 2784 and 2890; version 1 is PPTP's, RFC 2637. 0: not there. */
static size_t gre_size(const struct parse *parse, size_t at)
{
	uint32_t flags;
	size_t size;

	if (!is_there(parse, at, 4))
		return 0;
	flags = peek(parse, at, 2);
	if ((flags & 7) == 1)
		return 8 + (flags & 0x1000 ? 4u : 0u) + (flags & 0x0080 ? 4u : 0u);
	size = 4;
	for (uint32_t bit = 0x8000; bit >= 0x1000; bit >>= 1)
		if (bit != 0x4000 && flags & bit)
			size += 4;
	return size;
}

/* How long its transport header is; 0: too little of it is there to say so. */
static size_t header_size(struct parse *parse, size_t at)
{
	size_t words;

	switch (parse->packet->proto) {
	case PROTO_TCP:
		if (!is_there(parse, at, 13))
			return 0;
		words = parse->bytes[at + 12] >> 4;
		if (words < 5)
			malformed(parse, "the TCP header says that it is too short for one");
		return words < 5 ? 0 : words * 4;
	case PROTO_DCCP:
		if (!is_there(parse, at, 5))
			return 0;
		words = parse->bytes[at + 4];
		if (words < 3)
			malformed(parse, "the DCCP header says that it is too short for one");
		return words < 3 ? 0 : words * 4;
	case PROTO_UDP:
	case PROTO_UDPLITE:
	case PROTO_ICMP:
	case PROTO_ICMPV6:
	case PROTO_ESP:
		return 8;
	case PROTO_SCTP:
		return 12;
	case PROTO_GRE:
		return gre_size(parse, at);
	default:
		return 0;
	}
}

static void find_inner(struct parse *parse, size_t at, size_t header)
{
	struct frame_layout *layout = parse->layout;
	const struct packet *packet = parse->packet;
	size_t inner = at + header;
	uint32_t type;

	switch (packet->proto) {
	case PROTO_IPIP:
	case PROTO_6IN4:
		if (is_there(parse, inner, 1))
			layout->inner_ethertype = ethertype_of_version(parse, inner);
		break;
	case PROTO_GRE:
		if (!header || !is_there(parse, inner, 1))
			return;
		type = peek(parse, at + 2, 2);
		if (type != ETHERTYPE_BRIDGE && type != ETHERTYPE_IPV4 && type != ETHERTYPE_IPV6)
			return;
		layout->inner_ethertype = type == ETHERTYPE_BRIDGE ? 0 : (uint16_t)type;
		break;
	case PROTO_UDP:
		if (packet->dport != VXLAN_PORT || !is_there(parse, inner, 8))
			return;
		inner += 8;
		break;
	default:
		return;
	}
	if (is_there(parse, inner, 1))
		layout->inner = inner;
}

/* total: where the packet ends, as its IP header says. */
static void parse_transport(struct parse *parse, size_t at, size_t total)
{
	struct packet *packet = parse->packet;
	struct frame_layout *layout = parse->layout;
	size_t header = 0;

	if (is_there(parse, at, 1))
		layout->transport = at;
	if (!packet->is_later_fragment) {
		if (proto_has_ports(packet->proto)) {
			packet->sport = (uint16_t)number_at(parse, at, 2, FIELD_SPORT);
			packet->dport = (uint16_t)number_at(parse, at + 2, 2, FIELD_DPORT);
		}
		if (packet->proto == PROTO_TCP)
			packet->tcp_flags = (uint8_t)number_at(parse, at + 13, 1, FIELD_TCP_FLAGS);
		if (packet->proto == PROTO_ICMP || packet->proto == PROTO_ICMPV6) {
			packet->icmp_type = (uint8_t)number_at(parse, at, 1, FIELD_ICMP_TYPE);
			packet->icmp_code = (uint8_t)number_at(parse, at + 1, 1, FIELD_ICMP_CODE);
		}
		header = header_size(parse, at);
		if (header > total - at)
			malformed(parse, "the packet ends within its transport header");
		find_inner(parse, at, header);
		if (!header && frame_has_header(packet->proto))
			return;
	}
	if (header <= total - at) {
		layout->payload_size = total - at - header;
		if (is_there(parse, at + header, 1))
			layout->payload = at + header;
	}
}

/* --- IP --- */

/* Sets the end of the packet; false: its header says what cannot be. */
static bool settle_end(struct parse *parse, size_t start, size_t total, size_t header)
{
	size_t end = start + total;

	if (total < header)
		return false;
	if (parse->whole && end > parse->whole)
		malformed(parse, "the IP header says more bytes than there are");
	if (end > parse->end)
		ends_early(parse, "the IP header says more bytes than there are");
	else
		parse->end = end;
	return true;
}

static void no_transport(struct parse *parse)
{
	parse->packet->unknown |= UNKNOWN_TRANSPORT;
}

/* The IP header's fragment offset, and the bit that more follow. */
static void set_fragment(struct packet *packet, bool is_later, bool is_more)
{
	packet->is_later_fragment = is_later;
	packet->is_first_fragment = !is_later && is_more;
}

/* BIG TCP: the kernel's own packets of more than 64 KiB say no length. */
static bool is_longer_than_it_says(const struct parse *parse)
{
	return parse->whole > UINT16_MAX;
}

static void parse_ipv4(struct parse *parse, size_t at)
{
	struct packet *packet = parse->packet;
	size_t header, total;
	uint32_t fragment;

	packet->src.family = packet->dst.family = FAMILY_IPV4;
	packet->tos = (uint8_t)number_at(parse, at + 1, 1, FIELD_TOS);
	packet->length = (uint16_t)number_at(parse, at + 2, 2, FIELD_LENGTH);
	fragment = number_at(parse, at + 6, 2, FIELD_FRAGMENT);
	packet->ttl = (uint8_t)number_at(parse, at + 8, 1, FIELD_TTL);
	packet->proto = (uint8_t)number_at(parse, at + 9, 1, FIELD_PROTO);
	bytes_at(parse, at + 12, 4, packet->src.bytes, FIELD_SRC);
	bytes_at(parse, at + 16, 4, packet->dst.bytes, FIELD_DST);
	packet->is_dont_fragment = fragment & 0x4000;
	set_fragment(packet, fragment & 0x1fff, fragment & 0x2000);
	if (!is_there(parse, at, 20)) {
		ends_early(parse, "the frame ends within its IP header");
		no_transport(parse);
		return;
	}
	header = (size_t)(parse->bytes[at] & 15) * 4;
	total = packet->length;
	if (!total && is_longer_than_it_says(parse))
		total = parse->whole - at;
	if (header < 20 || !settle_end(parse, at, total, header)) {
		malformed(parse, "the lengths of the IPv4 header cannot be");
		no_transport(parse);
		return;
	}
	parse_transport(parse, at + header, at + total);
}

/*
 * Goes on at *at while there are extension headers, those that the kernel takes for some (ipv6_ext_hdr in
 * net/ipv6/exthdrs_core.c). False: they go on behind the end, and the protocol is not known.
 */
static bool walk_extensions(struct parse *parse, size_t *at, uint8_t *next)
{
	struct packet *packet = parse->packet;

	for (int i = 0; frame_is_extension(*next); i++) {
		uint32_t offset;
		size_t size;

		if (i == MAX_EXTENSIONS || !is_there(parse, *at, 8))
			return false;
		size = (size_t)(parse->bytes[*at + 1] + 1) * 8;
		if (*next == PROTO_AH)
			size = (size_t)(parse->bytes[*at + 1] + 2) * 4;
		if (*next == PROTO_FRAGMENT) {
			size = 8;
			offset = peek(parse, *at + 2, 2);
			set_fragment(packet, offset >> 3, offset & 1);
		}
		*next = parse->bytes[*at];
		*at += size;
		/* what is behind the header of a later fragment is none */
		if (packet->is_later_fragment)
			break;
	}
	return true;
}

static void parse_ipv6(struct parse *parse, size_t at)
{
	struct packet *packet = parse->packet;
	size_t behind = at + 40, total;
	uint8_t next;

	packet->src.family = packet->dst.family = FAMILY_IPV6;
	packet->tos = (uint8_t)(number_at(parse, at, 2, FIELD_TOS) >> 4);
	packet->ttl = (uint8_t)number_at(parse, at + 7, 1, FIELD_TTL);
	bytes_at(parse, at + 8, 16, packet->src.bytes, FIELD_SRC);
	bytes_at(parse, at + 24, 16, packet->dst.bytes, FIELD_DST);
	total = number_at(parse, at + 4, 2, FIELD_LENGTH);
	next = (uint8_t)number_at(parse, at + 6, 1, FIELD_PROTO);
	/* a jumbogram, or nothing at all behind the header */
	if (!total && is_longer_than_it_says(parse))
		total = parse->whole - at - 40;
	else if (total + 40 <= UINT16_MAX && is_there(parse, at, 6))
		packet->length = (uint16_t)(total + 40);
	else
		packet->unknown |= FIELD_BIT(FIELD_LENGTH);
	total += 40;
	if (!is_there(parse, at, 40)) {
		ends_early(parse, "the frame ends within its IP header");
		packet->unknown |= FIELD_BIT(FIELD_PROTO) | FIELD_BIT(FIELD_FRAGMENT);
		no_transport(parse);
		if (is_there(parse, at, 7) && !frame_is_extension(next)) {
			packet->proto = next;
			packet->unknown &= ~(FIELD_BIT(FIELD_PROTO) | FIELD_BIT(FIELD_FRAGMENT));
		}
		return;
	}
	settle_end(parse, at, total, 40);
	if (!walk_extensions(parse, &behind, &next)) {
		if (!parse->layout->is_cut)
			malformed(parse, "the packet ends within its extension headers");
		packet->unknown |= FIELD_BIT(FIELD_PROTO) | FIELD_BIT(FIELD_FRAGMENT);
		no_transport(parse);
		return;
	}
	packet->proto = next;
	if (behind > at + total) {
		malformed(parse, "the packet ends within its extension headers");
		no_transport(parse);
		return;
	}
	parse_transport(parse, behind, at + total);
}

static void parse_ip(struct parse *parse, size_t at)
{
	uint8_t version = parse->layout->ethertype == ETHERTYPE_IPV6 ? 6 : 4;

	if (is_there(parse, at, 1) && parse->bytes[at] >> 4 != version) {
		malformed(parse, "the version of the IP header is not that of its ethertype");
		parse->packet->unknown |= UNKNOWN_IP;
		parse->packet->src.family = parse->packet->dst.family =
			version == 6 ? FAMILY_IPV6 : FAMILY_IPV4;
		return;
	}
	parse->layout->has_network = is_there(parse, at, 1);
	parse->layout->network = parse->layout->has_network ? at : 0;
	if (version == 6)
		parse_ipv6(parse, at);
	else
		parse_ipv4(parse, at);
}

static void parse_arp(struct parse *parse, size_t at)
{
	struct packet *packet = parse->packet;

	parse->layout->has_network = is_there(parse, at, 1);
	parse->layout->network = parse->layout->has_network ? at : 0;
	if (!is_there(parse, at, 28))
		ends_early(parse, "the frame ends within its ARP message");
	packet->arp_op = (uint16_t)number_at(parse, at + 6, 2, FIELD_ARP_OP);
	/* addresses of other sizes stand elsewhere */
	if (is_there(parse, at, 6) &&
		(peek(parse, at + 2, 2) != ETHERTYPE_IPV4 || peek(parse, at + 4, 2) != 0x0604)) {
		packet->unknown |= UNKNOWN_ARP_ADDRESSES;
		return;
	}
	bytes_at(parse, at + 8, 6, packet->arp_sha.bytes, FIELD_ARP_SHA);
	bytes_at(parse, at + 14, 4, packet->arp_spa.bytes, FIELD_ARP_SPA);
	bytes_at(parse, at + 18, 6, packet->arp_tha.bytes, FIELD_ARP_THA);
	bytes_at(parse, at + 24, 4, packet->arp_tpa.bytes, FIELD_ARP_TPA);
}

/* --- the frame --- */

/* Tags and PPPoE, from *at on. False: they go on behind the end. */
static bool walk_tags(struct parse *parse, size_t *at, uint16_t *type)
{
	bool is_outer = parse->packet->vlan_id == 0;

	for (int i = 0; i < MAX_TAGS && (*type == ETHERTYPE_VLAN || *type == ETHERTYPE_QINQ); i++) {
		if (is_outer)
			parse->packet->vlan_id =
				(uint16_t)(number_at(parse, *at, 2, FIELD_VLAN_ID) & 0xfff);
		is_outer = false;
		if (!is_there(parse, *at, 4))
			return false;
		*type = (uint16_t)peek(parse, *at + 2, 2);
		*at += 4;
	}
	if (*type != ETHERTYPE_PPPOE)
		return true;
	if (!is_there(parse, *at, 8))
		return false;
	if (peek(parse, *at + 6, 2) == 0x0021)
		*type = ETHERTYPE_IPV4;
	else if (peek(parse, *at + 6, 2) == 0x0057)
		*type = ETHERTYPE_IPV6;
	*at += 8;
	return true;
}

static void parse_macs(struct parse *parse)
{
	struct packet *packet = parse->packet;

	memcpy(packet->eth_dst.bytes, parse->bytes, 6);
	memcpy(packet->eth_src.bytes, parse->bytes + 6, 6);
	if (!(packet->eth_dst.bytes[0] & 1))
		return; /* the host's own, or another's: who knows */
	packet->pkt_type =
		mac_number(packet->eth_dst) == 0xffffffffffff ? PKT_BROADCAST : PKT_MULTICAST;
	packet->unknown &= ~FIELD_BIT(FIELD_PKTTYPE);
}

bool frame_parse(const struct frame *frame, struct packet *ret, struct frame_layout *ret_layout)
{
	struct packet packet = { .unknown = UNKNOWN_OF_HOST };
	struct frame_layout layout = { 0 };
	struct parse parse = { .bytes = frame->bytes,
		.end = frame->size,
		.whole = frame->wire_size,
		.is_all = frame->wire_size && frame->size >= frame->wire_size,
		.packet = &packet,
		.layout = &layout };
	uint16_t type = frame->ethertype;
	size_t at = 0;
	bool is_whole;

	if (frame->has_ethernet) {
		if (frame->size < ETHERNET_SIZE)
			return false;
		parse_macs(&parse);
		type = (uint16_t)peek(&parse, 12, 2);
		at = ETHERNET_SIZE;
	} else {
		packet.unknown |= FIELD_BIT(FIELD_ETH_SRC) | FIELD_BIT(FIELD_ETH_DST);
	}
	packet.ethertype = frame->vlan_id ? ETHERTYPE_VLAN : type;
	packet.vlan_id = frame->vlan_id;
	is_whole = walk_tags(&parse, &at, &type);
	layout.ethertype = type;
	if (is_whole && (type == ETHERTYPE_IPV4 || type == ETHERTYPE_IPV6)) {
		parse_ip(&parse, at);
	} else if (is_whole && (type == ETHERTYPE_ARP || type == ETHERTYPE_RARP)) {
		parse_arp(&parse, at);
	} else {
		/* struct packet cannot say that of a tagged frame, nor of a length of 0 in the ethertype's place: nothing of IP is known */
		if (!is_whole)
			ends_early(&parse, "the frame ends within its tag");
		if (packet.ethertype != type || !is_whole || !type)
			packet.unknown |= UNKNOWN_IP | UNKNOWN_ARP;
	}
	if (frame->wire_size > frame->size && !layout.has_network)
		layout.is_cut = true;
	*ret = packet;
	*ret_layout = layout;
	return true;
}
