// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A packet to bytes. The headers are put one behind the other into the caller's buffer; lengths and checksums are set
 * when all that they are of is there.
 */
#include "packet/frame.h"

#include <string.h>

#include "base/vec.h"
#include "packet/frame_internal.h"

#define LATER_OFFSET 1480 /* of a later fragment, bytes */
#define INNER_SPORT  1111
#define INNER_DPORT  2222

struct build {
	const struct packet *packet;
	const uint8_t *payload;
	size_t payload_size;
	size_t zeros;  /* behind it, for the length that is wanted */
	uint32_t seed; /* another one for another payload */
	uint8_t *data;
	size_t size, max;
	bool is_full; /* something did not fit */
};

/* NULL: zeros. */
static void put(struct build *build, const void *data, size_t size)
{
	build->is_full |= size > build->max - build->size;
	if (build->is_full || !size)
		return;
	if (data)
		memcpy(build->data + build->size, data, size);
	else
		memset(build->data + build->size, 0, size);
	build->size += size;
}

static void set16(uint8_t *at, size_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void put8(struct build *build, uint8_t value)
{
	put(build, &value, 1);
}

static void put16(struct build *build, size_t value)
{
	uint8_t bytes[2];

	set16(bytes, value);
	put(build, bytes, sizeof(bytes));
}

static void put32(struct build *build, uint32_t value)
{
	put16(build, value >> 16);
	put16(build, value & 0xffff);
}

static void put_payload(struct build *build)
{
	put(build, build->payload, build->payload_size);
	put(build, NULL, build->zeros);
}

/* --- checksums --- */

uint32_t frame_sum(uint32_t sum, const uint8_t *data, size_t size)
{
	uint64_t wide = sum;

	for (size_t i = 0; i < size; i++)
		wide += i % 2 ? data[i] : (uint32_t)data[i] << 8;
	while (wide >> 16)
		wide = (wide & 0xffff) + (wide >> 16);
	return (uint32_t)wide;
}

static uint32_t sum_pseudo(const struct packet *packet, size_t size)
{
	size_t addr_size = packet->src.family == FAMILY_IPV6 ? 16 : 4;
	uint32_t sum = frame_sum(0, packet->src.bytes, addr_size);

	sum = frame_sum(sum, packet->dst.bytes, addr_size);
	return sum + (uint32_t)size + packet->proto;
}

/* CRC-32C (RFC 9260 appendix A); kept little-endian on the wire. */
static uint32_t crc32c(const uint8_t *data, size_t size)
{
	uint32_t crc = ~0u;

	for (size_t i = 0; i < size; i++) {
		crc ^= data[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return ~crc;
}

static int checksum_offset(uint8_t proto)
{
	switch (proto) {
	case PROTO_TCP:
		return 16;
	case PROTO_UDP:
	case PROTO_UDPLITE:
	case PROTO_DCCP:
		return 6;
	case PROTO_ICMP:
	case PROTO_ICMPV6:
		return 2;
	case PROTO_SCTP:
		return 8;
	default:
		return -1;
	}
}

int frame_set_checksum(const struct packet *packet, uint8_t *transport, size_t size)
{
	int offset = checksum_offset(packet->proto);
	size_t width = packet->proto == PROTO_SCTP ? 4 : 2;
	uint32_t sum;

	if (offset < 0 || (size_t)offset + width > size)
		return -1;
	memset(transport + offset, 0, width);
	if (packet->proto == PROTO_SCTP) {
		sum = crc32c(transport, size);
		for (int i = 0; i < 4; i++)
			transport[offset + i] = (uint8_t)(sum >> 8 * i);
		return offset;
	}
	sum = packet->proto == PROTO_ICMP ? 0 : sum_pseudo(packet, size);
	sum = ~frame_sum(sum, transport, size) & 0xffff;
	/* 0 says of UDP that there is none */
	set16(transport + offset, sum || packet->proto == PROTO_TCP ? sum : 0xffff);
	return offset;
}

/* --- transport --- */

/* The beginning of an IP header; its length and checksum are set by end_ip. */
static size_t begin_ip(struct build *build, const struct packet *packet)
{
	size_t start = build->size;
	uint32_t fragment = (packet->is_dont_fragment ? 0x4000u : 0) |
			    (packet->is_first_fragment ? 0x2000u : 0) |
			    (packet->is_later_fragment ? LATER_OFFSET / 8 : 0u);
	bool is_piece = packet->is_first_fragment || packet->is_later_fragment;

	if (packet->src.family == FAMILY_IPV6) {
		put32(build, 6u << 28 | (uint32_t)packet->tos << 20 | (build->seed & 0xfffff));
		put16(build, 0);
		put8(build, is_piece ? PROTO_FRAGMENT : packet->proto);
		put8(build, packet->ttl);
		put(build, packet->src.bytes, 16);
		put(build, packet->dst.bytes, 16);
		if (is_piece) {
			put16(build, (size_t)packet->proto << 8);
			put16(build, packet->is_later_fragment ? LATER_OFFSET : 1);
			put32(build, build->seed);
		}
	} else {
		put16(build, 0x4500u | packet->tos);
		put16(build, 0);
		put16(build, build->seed & 0xffff);
		put16(build, fragment);
		put8(build, packet->ttl);
		put8(build, packet->proto);
		put16(build, 0);
		put(build, packet->src.bytes, 4);
		put(build, packet->dst.bytes, 4);
	}
	return start;
}

static void end_ip(struct build *build, const struct packet *packet, size_t start)
{
	uint8_t *ip = build->data + start;
	size_t size = build->size - start;

	if (build->is_full)
		return;
	if (packet->src.family == FAMILY_IPV6) {
		set16(ip + 4, size - 40);
		return;
	}
	set16(ip + 2, size);
	set16(ip + 10, ~frame_sum(0, ip, 20) & 0xffff);
}

/* A UDP packet from src to dst, with the payload or without. */
static void put_inner(
	struct build *build, const struct addr *src, const struct addr *dst, bool has_payload)
{
	struct packet inner = { .src = *src,
		.dst = *dst,
		.proto = PROTO_UDP,
		.ttl = 64,
		.sport = INNER_SPORT,
		.dport = INNER_DPORT };
	size_t start = begin_ip(build, &inner), udp = build->size;

	put16(build, inner.sport);
	put16(build, inner.dport);
	put32(build, 0);
	if (has_payload)
		put_payload(build);
	if (!build->is_full) {
		set16(build->data + udp + 4, build->size - udp);
		frame_set_checksum(&inner, build->data + udp, build->size - udp);
	}
	end_ip(build, &inner, start);
}

/* What a tunnel carries: IPv4, whatever carries it. */
static void put_carried(struct build *build)
{
	static const struct addr src = { FAMILY_IPV4, { 192, 0, 2, 1 } },
				 dst = { FAMILY_IPV4, { 192, 0, 2, 2 } }; /* RFC 5737 */
	const struct packet *packet = build->packet;

	if (packet->src.family == FAMILY_IPV4)
		put_inner(build, &packet->src, &packet->dst, true);
	else
		put_inner(build, &src, &dst, true);
}

static void put_tcp(struct build *build)
{
	const struct packet *packet = build->packet;

	put16(build, packet->sport);
	put16(build, packet->dport);
	put32(build, build->seed);
	put32(build, packet->tcp_flags & TCP_ACK ? ~build->seed : 0);
	put8(build, 5 << 4);
	put8(build, packet->tcp_flags);
	put16(build, 65535);
	put32(build, 0);
	put_payload(build);
}

static void put_udp(struct build *build)
{
	const struct packet *packet = build->packet;

	put16(build, packet->sport);
	put16(build, packet->dport);
	/* UDP-Lite: a checksum coverage of 0 is all (RFC 3828) */
	put16(build, packet->proto == PROTO_UDP ? 8 + build->payload_size + build->zeros : 0);
	put16(build, 0);
	put_payload(build);
}

/* An INIT chunk (RFC 9260), which opens an association; the payload is a parameter of it that whoever does not know it
 * skips. */
static void put_sctp(struct build *build)
{
	size_t chunk, parameter;

	put16(build, build->packet->sport);
	put16(build, build->packet->dport);
	put32(build, 0); /* the verification tag of an INIT */
	put32(build, 0);
	chunk = build->size;
	put32(build, 1u << 24);
	put32(build, build->seed | 1); /* its own tag, which is never 0 */
	put32(build, 65536);
	put32(build, 0x00010001);
	put32(build, build->seed);
	if (build->payload_size || build->zeros) {
		parameter = build->size;
		put32(build, 0xbf00u << 16);
		put_payload(build);
		if (!build->is_full)
			set16(build->data + parameter + 2, build->size - parameter);
	}
	if (!build->is_full)
		set16(build->data + chunk + 2, build->size - chunk);
	/* the next one would begin at a word */
	put(build, NULL, -(build->size - chunk) & 3);
}

/* A request of five words, checksum over all (RFC 4340). */
static void put_dccp(struct build *build)
{
	put16(build, build->packet->sport);
	put16(build, build->packet->dport);
	put32(build, 5u << 24);
	put16(build, 0x0100); /* request, long sequence numbers */
	put16(build, 0);
	put32(build, build->seed);
	put32(build, 0);
	put_payload(build);
}

static void put_icmp(struct build *build)
{
	const struct packet *packet = build->packet;
	bool is_v6 = packet->proto == PROTO_ICMPV6;
	uint8_t type = packet->icmp_type;

	put8(build, type);
	put8(build, packet->icmp_code);
	put16(build, 0);
	if (frame_is_icmp_error(packet->proto, type)) {
		/* an MTU, where there is a place for one */
		put32(build, is_v6 ? (type == 2 ? 1400 : 0) : type == 3 ? 1400 : 0);
		put_inner(build, &packet->dst, &packet->src, true);
		return;
	}
	if (is_v6 && (type == 135 || type == 136)) {
		put32(build, type == 136 ? 0x60000000 : 0);
		put(build, type == 136 ? packet->src.bytes : packet->dst.bytes, 16);
		return;
	}
	put16(build, build->seed >> 16); /* id and sequence of an echo */
	put16(build, build->seed & 0xffff);
	put_payload(build);
}

static void put_transport(struct build *build)
{
	const struct packet *packet = build->packet;
	size_t start = build->size;

	if (packet->is_later_fragment) {
		put_payload(build);
		return;
	}
	switch (packet->proto) {
	case PROTO_TCP:
		put_tcp(build);
		break;
	case PROTO_UDP:
	case PROTO_UDPLITE:
		put_udp(build);
		break;
	case PROTO_SCTP:
		put_sctp(build);
		break;
	case PROTO_DCCP:
		put_dccp(build);
		break;
	case PROTO_ICMP:
	case PROTO_ICMPV6:
		put_icmp(build);
		break;
	case PROTO_GRE: /* without checksum, key and sequence (RFC 2784) */
		put32(build, ETHERTYPE_IPV4);
		put_carried(build);
		break;
	case PROTO_IPIP:
		put_carried(build);
		break;
	default:
		put_payload(build);
		break;
	}
	if (!build->is_full)
		frame_set_checksum(packet, build->data + start, build->size - start);
}

/* --- what is needed --- */

/* Of those in the order of enum field, the first one that is not known. */
static bool check_known(const struct packet *packet, uint64_t needed, struct err *err)
{
	for (enum field field = 0; field < N_FIELDS; field++)
		if (needed & packet->unknown & FIELD_BIT(field)) {
			err_input(err, "the %s is not said, and no packet can be sent without",
				field_name(field));
			err_next(err, "say it: nothing of a packet that is sent can be \"any\"");
			return false;
		}
	return true;
}

static bool is_arp(const struct packet *packet)
{
	return packet->ethertype == ETHERTYPE_ARP ||
	       (packet->ethertype == ETHERTYPE_VLAN && packet->arp_op);
}

static uint64_t needed_fields(const struct packet *packet)
{
	uint64_t needed =
		FIELD_BIT(FIELD_ETH_SRC) | FIELD_BIT(FIELD_ETH_DST) | FIELD_BIT(FIELD_ETHERTYPE);

	if (packet->ethertype == ETHERTYPE_VLAN)
		needed |= FIELD_BIT(FIELD_VLAN_ID);
	if (is_arp(packet))
		return needed | FIELD_BIT(FIELD_ARP_OP) | FIELD_BIT(FIELD_ARP_SHA) |
		       FIELD_BIT(FIELD_ARP_SPA) | FIELD_BIT(FIELD_ARP_THA) |
		       FIELD_BIT(FIELD_ARP_TPA);
	needed |= FIELD_BIT(FIELD_SRC) | FIELD_BIT(FIELD_DST) | FIELD_BIT(FIELD_PROTO) |
		  FIELD_BIT(FIELD_TTL) | FIELD_BIT(FIELD_TOS) | FIELD_BIT(FIELD_FRAGMENT);
	if (packet->is_later_fragment)
		return needed;
	if (proto_has_ports(packet->proto))
		needed |= FIELD_BIT(FIELD_SPORT) | FIELD_BIT(FIELD_DPORT);
	if (packet->proto == PROTO_TCP)
		needed |= FIELD_BIT(FIELD_TCP_FLAGS);
	if (packet->proto == PROTO_ICMP || packet->proto == PROTO_ICMPV6)
		needed |= FIELD_BIT(FIELD_ICMP_TYPE) | FIELD_BIT(FIELD_ICMP_CODE);
	return needed;
}

static bool check_ip(const struct packet *packet, struct err *err)
{
	bool is_v6 = packet->src.family == FAMILY_IPV6;
	uint16_t ethertype = is_v6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4;

	if (packet->ethertype != 0 && packet->ethertype != ethertype &&
		packet->ethertype != ETHERTYPE_VLAN)
		return err_input(err, "a frame of ethertype 0x%04x cannot be made, only IP and ARP",
			packet->ethertype);
	if (packet->src.family > FAMILY_IPV6 || packet->src.family != packet->dst.family)
		return err_input(err, "source and destination are of different families");
	if (packet->proto == (is_v6 ? PROTO_ICMP : PROTO_ICMPV6))
		return err_input(err, "%s is not of %s", proto_name(packet->proto),
			family_name(packet->src.family));
	if (is_v6 && frame_is_extension(packet->proto))
		return err_input(err,
			"%u is an extension header of IPv6, which cannot be sent without "
			"what it is of",
			packet->proto);
	return true;
}

static bool check(const struct packet *packet, struct err *err)
{
	if (!check_known(packet, needed_fields(packet), err))
		return false;
	if (packet->ethertype == ETHERTYPE_VLAN && packet->vlan_id > 4095)
		return err_input(err, "there is no VLAN %u", packet->vlan_id);
	return is_arp(packet) || check_ip(packet, err);
}

/* --- the frame --- */

static void put_ethernet(struct build *build)
{
	const struct packet *packet = build->packet;

	put(build, packet->eth_dst.bytes, 6);
	put(build, packet->eth_src.bytes, 6);
	if (packet->ethertype == ETHERTYPE_VLAN) {
		put16(build, ETHERTYPE_VLAN);
		put16(build, packet->vlan_id);
	}
	put16(build, is_arp(packet)			 ? ETHERTYPE_ARP
		     : packet->src.family == FAMILY_IPV6 ? ETHERTYPE_IPV6
							 : ETHERTYPE_IPV4);
}

static void put_arp(struct build *build)
{
	const struct packet *packet = build->packet;

	put16(build, 1); /* Ethernet */
	put16(build, ETHERTYPE_IPV4);
	put16(build, 0x0604);
	put16(build, packet->arp_op);
	put(build, packet->arp_sha.bytes, 6);
	put(build, packet->arp_spa.bytes, 4);
	put(build, packet->arp_tha.bytes, 6);
	put(build, packet->arp_tpa.bytes, 4);
}

/* ret_ip_size: as long as it had to be, or would have had to be. */
static void put_frame(struct build *build, size_t *ret_ip_size)
{
	size_t start;

	build->size = 0;
	build->is_full = false;
	put_ethernet(build);
	if (is_arp(build->packet)) {
		put_arp(build);
		return;
	}
	start = begin_ip(build, build->packet);
	put_transport(build);
	*ret_ip_size = build->size - start;
	end_ip(build, build->packet, start);
}

static bool settle_length(struct build *build, size_t ip_size, struct err *err)
{
	const struct packet *packet = build->packet;
	size_t wanted = packet->unknown & FIELD_BIT(FIELD_LENGTH) ? 0 : packet->length, again;

	if (build->is_full)
		return err_input(err, "the packet does not fit into %zu bytes", build->max);
	if (!is_arp(packet) && wanted && wanted != ip_size) {
		if (wanted < ip_size)
			return err_input(
				err, "it would have a length of %zu, not %zu", ip_size, wanted);
		build->zeros = wanted - ip_size;
		put_frame(build, &again);
		if (build->is_full)
			return err_input(err, "the packet does not fit into %zu bytes", build->max);
		/* neighbour discovery has no payload, an SCTP packet whole words */
		if (again != wanted)
			return err_input(
				err, "it would have a length of %zu, not %zu", again, wanted);
		ip_size = again;
	}
	if (ip_size > UINT16_MAX)
		return err_input(err, "no packet has more than %d bytes", UINT16_MAX);
	return true;
}

bool frame_build(const struct packet *packet, const void *payload, size_t payload_size,
	uint8_t *buf, size_t buf_size, size_t *ret_size, struct err *err)
{
	uint64_t hash = frame_hash(FRAME_HASH_INIT, payload, payload ? payload_size : 0);
	struct build build = { .packet = packet,
		.payload = payload,
		.payload_size = payload ? payload_size : 0,
		.seed = (uint32_t)(hash ^ hash >> 32),
		.data = buf,
		.max = buf_size };
	size_t ip_size = 0;

	if (!check(packet, err))
		return false;
	put_frame(&build, &ip_size);
	if (!settle_length(&build, ip_size, err))
		return false;
	*ret_size = build.size;
	return true;
}
