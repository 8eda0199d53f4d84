// SPDX-License-Identifier: GPL-2.0-or-later
#include "netframe.h"

#include <string.h>

#include "packet/frame.h"
#include "unit.h"

#define TAG_MAGIC    0x50577461u /* "PWta" */
#define LATER_OFFSET 1480	 /* of a later fragment that is sent alone */

struct out {
	uint8_t *data;
	size_t size, max;
};

static uint8_t *put(struct out *out, const void *data, size_t size)
{
	uint8_t *at = out->data + out->size;

	if (out->size + size > out->max)
		fail_msg("a frame of more than %zu bytes", out->max);
	if (data)
		memcpy(at, data, size);
	else
		memset(at, 0, size);
	out->size += size;
	return at;
}

static void put8(struct out *out, uint8_t value)
{
	put(out, &value, 1);
}

static void set16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void put16(struct out *out, uint32_t value)
{
	set16(put(out, NULL, 2), value);
}

static void put32(struct out *out, uint32_t value)
{
	put16(out, value >> 16);
	put16(out, value & 0xffff);
}

uint64_t net_tag(uint32_t number)
{
	return (uint64_t)TAG_MAGIC << 32 | number;
}

uint32_t net_tag_number(uint64_t tag)
{
	return (uint32_t)tag;
}

static void put_tag(struct out *out, uint64_t tag)
{
	put32(out, (uint32_t)(tag >> 32));
	put32(out, (uint32_t)tag);
}

bool net_tag_find(const uint8_t *data, size_t size, uint64_t *ret)
{
	uint64_t tag = 0;

	if (size < NET_TAG_SIZE)
		return false;
	for (size_t i = size - NET_TAG_SIZE; i < size; i++)
		tag = tag << 8 | data[i];
	if (tag >> 32 != TAG_MAGIC)
		return false;
	*ret = tag;
	return true;
}

static void set_checksum(const struct net_frame *frame, uint8_t *header, size_t size)
{
	struct packet packet = frame->packet;
	int offset;

	/*
	 * conntrack (6.18, udplite_error) verifies UDP-Lite with the protocol number of UDP and so
	 * calls every honest packet invalid that no card has verified before. The tests are about
	 * filters: they send what conntrack takes for right.
	 */
	if (packet.proto == PROTO_UDPLITE)
		packet.proto = PROTO_UDP;
	offset = frame_set_checksum(&packet, header, size);
	if (offset >= 0 && frame->bad_checksum)
		header[offset] ^= 0x55;
}

static void put_ip(struct out *out, const struct net_frame *frame, uint64_t tag);

static void put_inner(struct out *out, const struct net_frame *frame)
{
	struct net_frame inner = { 0 };

	if (frame->inner) {
		inner.packet = *frame->inner;
	} else {
		inner.packet = frame->packet;
		inner.packet.proto = PROTO_UDP;
		inner.packet.sport = 1111;
		inner.packet.dport = 2222;
	}
	put_ip(out, &inner, 0);
}

static bool is_icmp_error(const struct packet *p)
{
	if (p->proto == PROTO_ICMPV6)
		return p->icmp_type < 128;
	return p->icmp_type == 3 || p->icmp_type == 4 || p->icmp_type == 5 || p->icmp_type == 11 ||
	       p->icmp_type == 12;
}

static bool is_nd(const struct packet *p)
{
	return p->proto == PROTO_ICMPV6 && p->icmp_type >= 130 && p->icmp_type != 139;
}

static void put_icmp(struct out *out, const struct net_frame *frame, uint64_t tag)
{
	const struct packet *p = &frame->packet;

	put8(out, p->icmp_type);
	put8(out, p->icmp_code);
	put16(out, 0);
	if (is_icmp_error(p)) {
		put32(out, p->proto == PROTO_ICMP && p->icmp_type == 3 ? 1400 : 0);
		put_inner(out, frame);
	} else if (is_nd(p)) {
		put32(out, p->icmp_type == 136 ? 0x60000000 : 0);
		if (p->icmp_type == 134)
			put(out, NULL, 8);
		else if (p->icmp_type != 133 && p->icmp_type != 143)
			put(out, frame->target.bytes, 16);
		/* an option of the experimental type 253 (RFC 4727) that holds the tag */
		put16(out, 253 << 8 | 2);
		put(out, NULL, 6);
	} else {
		put16(out, frame->icmp_id ? frame->icmp_id : (uint16_t)(net_tag_number(tag) | 1));
		put16(out, 1);
	}
}

static void put_sctp(struct out *out, const struct net_frame *frame)
{
	bool is_init =
		frame->sctp_chunk_plus_1 == 0 || frame->sctp_chunk_plus_1 == NET_SCTP_INIT + 1;

	put16(out, frame->packet.sport);
	put16(out, frame->packet.dport);
	put32(out, is_init ? 0 : 7); /* verification tag */
	put32(out, 0);
	if (is_init) {
		put16(out, NET_SCTP_INIT << 8);
		put16(out, 20 + frame->payload_size + NET_TAG_SIZE);
		put32(out, 7);
		put32(out, 65536);
		put32(out, 0x00010001);
		put32(out, 1);
	} else {
		put16(out, (uint32_t)(frame->sctp_chunk_plus_1 - 1) << 8 | 3);
		put16(out, 16 + frame->payload_size + NET_TAG_SIZE);
		put(out, NULL, 12);
	}
}

static void put_transport(struct out *out, const struct net_frame *frame, uint64_t tag)
{
	const struct packet *p = &frame->packet;
	size_t start = out->size, size = frame->payload_size + (tag ? NET_TAG_SIZE : 0u);

	switch (p->proto) {
	case PROTO_TCP:
		put16(out, p->sport);
		put16(out, p->dport);
		put32(out, frame->tcp_seq);
		put32(out, frame->tcp_ack);
		put8(out, 5 << 4);
		put8(out, frame->tcp_flags ? frame->tcp_flags : NET_SYN);
		put16(out, 65535);
		put32(out, 0);
		break;
	case PROTO_UDP:
	case PROTO_UDPLITE:
		put16(out, p->sport);
		put16(out, p->dport);
		/* UDP-Lite: checksum coverage 0 is all (RFC 3828) */
		put16(out, p->proto == PROTO_UDP ? (uint32_t)size + 8 : 0);
		put16(out, 0);
		break;
	case PROTO_DCCP:
		put16(out, p->sport);
		put16(out, p->dport);
		put16(out, 5 << 8); /* a request of five words, checksum over all */
		put16(out, 0);
		put32(out, 0);
		put32(out, 1);
		put32(out, 0);
		break;
	case PROTO_SCTP:
		put_sctp(out, frame);
		break;
	case PROTO_ICMP:
	case PROTO_ICMPV6:
		put_icmp(out, frame, tag);
		break;
	case PROTO_IPIP:
		put_inner(out, frame);
		break;
	case 47: /* GRE without a key, around nothing (RFC 2784) */
		put32(out, 0x0800);
		break;
	default:
		put(out, NULL, 8);
		break;
	}
	put(out, frame->payload, frame->payload_size);
	if (tag)
		put_tag(out, tag);
	set_checksum(frame, out->data + start, out->size - start);
}

static void put_ip_header(struct out *out, const struct packet *p, size_t payload_size,
	bool is_piece, uint32_t offset, bool is_last, uint32_t id)
{
	if (p->src.family == FAMILY_IPV6) {
		put32(out, 6u << 28 | (uint32_t)p->tos << 20);
		put16(out, (uint32_t)payload_size + (is_piece ? 8 : 0));
		put8(out, is_piece ? 44 : p->proto);
		put8(out, p->ttl ? p->ttl : 64);
		put(out, p->src.bytes, 16);
		put(out, p->dst.bytes, 16);
		if (is_piece) {
			put16(out, (uint32_t)p->proto << 8);
			put16(out, offset | !is_last);
			put32(out, id);
		}
	} else {
		size_t start = out->size;

		put16(out, 0x4500u | p->tos);
		put16(out, (uint32_t)payload_size + 20);
		put16(out, id);
		put16(out, is_piece ? offset / 8 | (is_last ? 0 : 0x2000) : 0);
		put8(out, p->ttl ? p->ttl : 64);
		put8(out, p->proto);
		put16(out, 0);
		put(out, p->src.bytes, 4);
		put(out, p->dst.bytes, 4);
		set16(out->data + start + 10, ~frame_sum(0, out->data + start, 20));
	}
}

static void put_ip(struct out *out, const struct net_frame *frame, uint64_t tag)
{
	const struct packet *p = &frame->packet;
	uint8_t payload[NET_PACKET_SIZE];
	struct out transport = { .data = payload, .max = sizeof(payload) };

	put_transport(&transport, frame, tag);
	put_ip_header(out, p, transport.size, p->is_first_fragment || p->is_later_fragment,
		p->is_later_fragment ? LATER_OFFSET : 0, !p->is_first_fragment,
		net_tag_number(tag));
	put(out, payload, transport.size);
}

static void put_arp(struct out *out, const struct net_frame *frame)
{
	const struct packet *p = &frame->packet;

	put16(out, 1);
	put16(out, ETHERTYPE_IPV4);
	put16(out, 0x0604);
	put16(out, frame->arp_op ? frame->arp_op : p->ethertype == ETHERTYPE_RARP ? 3 : 1);
	put(out, p->arp_sha.bytes, 6);
	put(out, p->arp_spa.bytes, 4);
	put(out, NULL, 6);
	put(out, frame->target.bytes, 4);
	/* Ethernet pads to 60 bytes; the tag is the end of that */
	put(out, NULL, 60 - 14 - 28 - NET_TAG_SIZE);
}

/* The frame's own header, and the headers between it and the IP packet. */
static void put_ethernet(struct out *out, const struct packet *p)
{
	bool v6 = p->src.family == FAMILY_IPV6;

	put(out, p->eth_dst.bytes, 6);
	put(out, p->eth_src.bytes, 6);
	put16(out, p->ethertype);
	if (p->ethertype == ETHERTYPE_QINQ) {
		put16(out, 7);
		put16(out, ETHERTYPE_VLAN);
	}
	if (p->ethertype == ETHERTYPE_QINQ || p->ethertype == ETHERTYPE_VLAN) {
		put16(out, 100);
		put16(out, v6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4);
	}
}

static bool has_ip_inside(uint16_t ethertype)
{
	return ethertype == ETHERTYPE_IPV4 || ethertype == ETHERTYPE_IPV6 ||
	       ethertype == ETHERTYPE_VLAN || ethertype == ETHERTYPE_QINQ;
}

static size_t build_pieces(
	const struct net_frame *frame, uint64_t tag, struct net_wire *ret, size_t max)
{
	uint8_t payload[NET_PACKET_SIZE];
	struct out transport = { .data = payload, .max = sizeof(payload) };
	size_t n = 0, piece = (size_t)frame->fragment_size / 8 * 8;

	put_transport(&transport, frame, tag);
	for (size_t at = 0; at < transport.size; at += piece) {
		bool is_last = at + piece >= transport.size;
		struct out out = { .data = ret[n].data, .max = NET_FRAME_SIZE };
		size_t size = is_last ? transport.size - at : piece;

		if (n == max)
			fail_msg("more than %zu fragments", max);
		put_ethernet(&out, &frame->packet);
		put_ip_header(&out, &frame->packet, size, true, (uint32_t)at, is_last,
			net_tag_number(tag));
		put(&out, payload + at, size);
		ret[n++].size = out.size;
	}
	return n;
}

size_t net_frame_build(
	const struct net_frame *frame, uint64_t tag, struct net_wire *ret, size_t max)
{
	const struct packet *p = &frame->packet;
	struct out out = { .data = ret[0].data, .max = NET_FRAME_SIZE };

	if (frame->fragment_size)
		return build_pieces(frame, tag, ret, max);
	put_ethernet(&out, p);
	if (has_ip_inside(p->ethertype)) {
		put_ip(&out, frame, tag);
	} else if (p->ethertype == ETHERTYPE_ARP || p->ethertype == ETHERTYPE_RARP) {
		put_arp(&out, frame);
		put_tag(&out, tag);
	} else if (p->ethertype == ETHERTYPE_PPPOE) {
		size_t start = out.size;

		put32(&out, 0x11000001); /* version 1, session data, session 1 */
		put16(&out, 0);
		put16(&out, p->src.family == FAMILY_IPV6 ? 0x57 : 0x21);
		put_ip(&out, frame, tag);
		set16(out.data + start + 4, (uint32_t)(out.size - start - 6));
	} else {
		put(&out, NULL, 60 - 14 - NET_TAG_SIZE);
		put_tag(&out, tag);
		if (p->ethertype < 0x600) /* 802.3: a length, not a type */
			set16(ret[0].data + 12, (uint32_t)(out.size - 14));
	}
	ret[0].size = out.size;
	return 1;
}

size_t net_packet_build(const struct net_frame *frame, uint64_t tag, uint8_t *ret, size_t max)
{
	struct out out = { .data = ret, .max = max };

	put_ip(&out, frame, tag);
	return out.size;
}

static bool has_checksum(uint8_t proto)
{
	return proto == PROTO_TCP || proto == PROTO_UDP || proto == PROTO_UDPLITE ||
	       proto == PROTO_SCTP || proto == PROTO_ICMP || proto == PROTO_ICMPV6;
}

enum ct_state net_frame_first_state(const struct net_frame *frame)
{
	const struct packet *p = &frame->packet;
	uint8_t flags = frame->tcp_flags ? frame->tcp_flags : NET_SYN;

	/* conntrack verifies no other checksum; what has none cannot be wrong */
	if (frame->bad_checksum && has_checksum(p->proto))
		return CT_INVALID;
	switch (p->proto) {
	case PROTO_TCP: /* net/netfilter/nf_conntrack_proto_tcp.c, tcp_conntracks */
		if (flags & NET_RST)
			return CT_INVALID;
		if (flags & NET_SYN)
			return flags & NET_ACK ? CT_INVALID : CT_NEW;
		/* nf_conntrack_tcp_loose: an ACK may be a flow that began before */
		return !(flags & NET_FIN) && flags & NET_ACK ? CT_NEW : CT_INVALID;
	case PROTO_SCTP:
		return frame->sctp_chunk_plus_1 == 0 ||
				       frame->sctp_chunk_plus_1 == NET_SCTP_INIT + 1
			       ? CT_NEW
			       : CT_INVALID;
	case PROTO_ICMP:
		return p->icmp_type == 8 || p->icmp_type == 13 || p->icmp_type == 15 ||
				       p->icmp_type == 17
			       ? CT_NEW
			       : CT_INVALID;
	case PROTO_ICMPV6:
		if ((p->icmp_type >= 130 && p->icmp_type <= 136) || p->icmp_type == 143)
			return CT_UNTRACKED;
		return p->icmp_type == 128 || p->icmp_type == 139 ? CT_NEW : CT_INVALID;
	default:
		return CT_NEW;
	}
}
