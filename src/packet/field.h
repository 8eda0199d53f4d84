/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PACKET_FIELD_H
#define PACKET_FIELD_H

#include "packet/packet.h"

/*
 * The fields of a packet, as one table: what rules match, what an answer depended on, what a set of packets
 * ranges over. Numbers are at most 128 bits wide; interfaces are names.
 */
enum field {
	/* names */
	FIELD_IN_IFACE,
	FIELD_OUT_IFACE,
	FIELD_PHYSDEV_IN,
	FIELD_PHYSDEV_OUT,
	/* the frame */
	FIELD_ETH_SRC,
	FIELD_ETH_DST,
	FIELD_ETHERTYPE,
	FIELD_VLAN_ID,
	FIELD_PKTTYPE,
	/* IP */
	FIELD_SRC,
	FIELD_DST,
	FIELD_PROTO,
	FIELD_TTL,	/* hop limit */
	FIELD_TOS,	/* traffic class: DSCP and ECN */
	FIELD_LENGTH,	/* of the IP packet with its header, bytes */
	FIELD_FRAGMENT, /* 0 whole, 1 first, 2 later */
	/* transport */
	FIELD_SPORT,
	FIELD_DPORT,
	FIELD_TCP_FLAGS,
	FIELD_ICMP_TYPE,
	FIELD_ICMP_CODE,
	/* what the kernel knows of it */
	FIELD_MARK,
	FIELD_CT_STATE,
	FIELD_CT_MARK,
	FIELD_CT_STATUS,
	FIELD_CT_DIRECTION,
	FIELD_CT_ORIG_SRC,
	FIELD_CT_ORIG_DST,
	FIELD_CT_ORIG_SPORT,
	FIELD_CT_ORIG_DPORT,
	FIELD_UID,
	FIELD_GID,
	/* ARP */
	FIELD_ARP_OP,
	FIELD_ARP_SHA,
	FIELD_ARP_SPA,
	FIELD_ARP_THA,
	FIELD_ARP_TPA,
	N_FIELDS,
};

#define FIELD_BIT(field) ((uint64_t)1 << (field))
/* What a packet has of its flow. */
#define FIELDS_OF_FLOW ((FIELD_BIT(FIELD_UID) - 1) & ~(FIELD_BIT(FIELD_CT_STATE) - 1))

/* A number of up to 128 bits, big-endian, at the end of bytes: comparable with memcmp. */
struct field_value {
	uint8_t bytes[16];
};

const char *field_name(enum field field); /* "source address", for people */
const char *field_key(enum field field);  /* "src": for JSON and packet expressions, stable */
/* In bits; 0 for names. Addresses: 32 or 128 by the packet's family (FIELD_SRC: packet->src.family). */
unsigned field_width(enum field field, enum family family);

/* Does the packet have the field at all (ports of an ICMP packet: no)? */
bool packet_has_field(const struct packet *packet, enum field field);
/* Then *ret is its value, unless packet->unknown has its bit: *ret is untouched. Not for names. */
enum field_answer { FIELD_ABSENT, FIELD_KNOWN, FIELD_UNKNOWN };
enum field_answer packet_field(
	const struct packet *packet, enum field field, struct field_value *ret);
/* Of fields of up to 64 bits that are no addresses: what it says, unknown or not; 0 where the field is absent. */
uint64_t packet_number(const struct packet *packet, enum field field);

/* The value as people write it: "10.0.0.1", "443", "fa:16:3e:..", "syn,ack". */
void field_value_print(
	struct text *out, enum field field, enum family family, const struct field_value *value);

struct field_value field_value_of_number(uint64_t number);
struct field_value field_value_of_addr(const struct addr *addr);
struct field_value field_value_of_mac(struct mac mac);
uint64_t field_value_number(const struct field_value *value); /* its last 64 bits */
struct addr field_value_addr(const struct field_value *value, enum family family);
/* Is value before + 1? */
bool field_value_is_next(const struct field_value *before, const struct field_value *value);

#endif
