// SPDX-License-Identifier: GPL-2.0-or-later
#include "packet/field.h"

#include <inttypes.h>
#include <string.h>

#include "base/vec.h"

static const struct {
	const char *key, *name;
	unsigned width;
} fields[N_FIELDS] = {
	[FIELD_IN_IFACE] = { "in", "input interface", 0 },
	[FIELD_OUT_IFACE] = { "out", "output interface", 0 },
	[FIELD_PHYSDEV_IN] = { "physdev_in", "input bridge port", 0 },
	[FIELD_PHYSDEV_OUT] = { "physdev_out", "output bridge port", 0 },
	[FIELD_ETH_SRC] = { "eth_src", "source MAC", 48 },
	[FIELD_ETH_DST] = { "eth_dst", "destination MAC", 48 },
	[FIELD_ETHERTYPE] = { "ethertype", "ethertype", 16 },
	[FIELD_VLAN_ID] = { "vlan", "VLAN", 12 },
	[FIELD_PKTTYPE] = { "pkttype", "packet type", 8 },
	[FIELD_SRC] = { "src", "source address", 32 },
	[FIELD_DST] = { "dst", "destination address", 32 },
	[FIELD_PROTO] = { "proto", "protocol", 8 },
	[FIELD_TTL] = { "ttl", "time to live", 8 },
	[FIELD_TOS] = { "tos", "type of service", 8 },
	[FIELD_LENGTH] = { "length", "length", 16 },
	[FIELD_FRAGMENT] = { "fragment", "fragment", 2 },
	[FIELD_SPORT] = { "sport", "source port", 16 },
	[FIELD_DPORT] = { "dport", "destination port", 16 },
	[FIELD_TCP_FLAGS] = { "tcp_flags", "TCP flags", 8 },
	[FIELD_ICMP_TYPE] = { "icmp_type", "ICMP type", 8 },
	[FIELD_ICMP_CODE] = { "icmp_code", "ICMP code", 8 },
	[FIELD_MARK] = { "mark", "mark", 32 },
	[FIELD_CT_STATE] = { "ct_state", "connection state", 5 },
	[FIELD_CT_MARK] = { "ct_mark", "connection mark", 32 },
	[FIELD_CT_STATUS] = { "ct_status", "connection status", 32 },
	[FIELD_CT_DIRECTION] = { "ct_direction", "connection direction", 1 },
	[FIELD_CT_ORIG_SRC] = { "ct_orig_src", "original source address", 32 },
	[FIELD_CT_ORIG_DST] = { "ct_orig_dst", "original destination address", 32 },
	[FIELD_CT_ORIG_SPORT] = { "ct_orig_sport", "original source port", 16 },
	[FIELD_CT_ORIG_DPORT] = { "ct_orig_dport", "original destination port", 16 },
	[FIELD_UID] = { "uid", "user", 32 },
	[FIELD_GID] = { "gid", "group", 32 },
	[FIELD_ARP_OP] = { "arp_op", "ARP operation", 16 },
	[FIELD_ARP_SHA] = { "arp_sha", "ARP sender MAC", 48 },
	[FIELD_ARP_SPA] = { "arp_spa", "ARP sender address", 32 },
	[FIELD_ARP_THA] = { "arp_tha", "ARP target MAC", 48 },
	[FIELD_ARP_TPA] = { "arp_tpa", "ARP target address", 32 },
};

const char *field_name(enum field field)
{
	return fields[field].name;
}

const char *field_key(enum field field)
{
	return fields[field].key;
}

static bool is_ip_address(enum field field)
{
	return field == FIELD_SRC || field == FIELD_DST || field == FIELD_CT_ORIG_SRC ||
	       field == FIELD_CT_ORIG_DST;
}

unsigned field_width(enum field field, enum family family)
{
	return is_ip_address(field) && family == FAMILY_IPV6 ? 128 : fields[field].width;
}

struct field_value field_value_of_number(uint64_t number)
{
	struct field_value value = { 0 };

	for (int i = 15; i >= 8; i--, number >>= 8)
		value.bytes[i] = (uint8_t)number;
	return value;
}

uint64_t field_value_number(const struct field_value *value)
{
	uint64_t number = 0;

	for (int i = 8; i < 16; i++)
		number = number << 8 | value->bytes[i];
	return number;
}

struct field_value field_value_of_addr(const struct addr *addr)
{
	struct field_value value = { 0 };

	if (addr->family == FAMILY_IPV6)
		memcpy(value.bytes, addr->bytes, 16);
	else
		memcpy(value.bytes + 12, addr->bytes, 4);
	return value;
}

struct addr field_value_addr(const struct field_value *value, enum family family)
{
	struct addr addr = { .family = family };
	size_t size = family == FAMILY_IPV6 ? 16 : 4;

	memcpy(addr.bytes, value->bytes + 16 - size, size);
	return addr;
}

bool field_value_is_next(const struct field_value *before, const struct field_value *value)
{
	struct field_value next = *before;

	for (int i = 15; i >= 0 && ++next.bytes[i] == 0; i--)
		;
	return memcmp(&next, value, sizeof(next)) == 0;
}

struct field_value field_value_of_mac(struct mac mac)
{
	return field_value_of_number(mac_number(mac));
}

/* Packets that were made for IP hooks alone say no ethertype. */
static bool is_ip(const struct packet *packet)
{
	return packet->ethertype == 0 || packet->ethertype == ETHERTYPE_IPV4 ||
	       packet->ethertype == ETHERTYPE_IPV6;
}

bool packet_has_field(const struct packet *packet, enum field field)
{
	bool has_transport = is_ip(packet) && !packet->is_later_fragment;

	if (field <= FIELD_PKTTYPE)
		return field != FIELD_VLAN_ID || packet->ethertype == ETHERTYPE_VLAN;
	if (field <= FIELD_FRAGMENT)
		return is_ip(packet);
	if (field == FIELD_SPORT || field == FIELD_DPORT)
		return has_transport && proto_has_ports(packet->proto);
	if (field == FIELD_TCP_FLAGS)
		return has_transport && packet->proto == PROTO_TCP;
	if (field == FIELD_ICMP_TYPE || field == FIELD_ICMP_CODE)
		return has_transport &&
		       (packet->proto == PROTO_ICMP || packet->proto == PROTO_ICMPV6);
	if (field >= FIELD_ARP_OP)
		return packet->ethertype == ETHERTYPE_ARP;
	return true;
}

static uint64_t number_of(const struct packet *packet, enum field field)
{
	switch (field) {
	case FIELD_ETH_SRC:
		return mac_number(packet->eth_src);
	case FIELD_ETH_DST:
		return mac_number(packet->eth_dst);
	case FIELD_ARP_SHA:
		return mac_number(packet->arp_sha);
	case FIELD_ARP_THA:
		return mac_number(packet->arp_tha);
	case FIELD_ETHERTYPE:
		return packet->ethertype;
	case FIELD_VLAN_ID:
		return packet->vlan_id;
	case FIELD_PKTTYPE:
		return packet->pkt_type;
	case FIELD_PROTO:
		return packet->proto;
	case FIELD_TTL:
		return packet->ttl;
	case FIELD_TOS:
		return packet->tos;
	case FIELD_LENGTH:
		return packet->length;
	case FIELD_FRAGMENT:
		return packet->is_later_fragment ? 2 : packet->is_first_fragment;
	case FIELD_SPORT:
		return packet->sport;
	case FIELD_DPORT:
		return packet->dport;
	case FIELD_TCP_FLAGS:
		return packet->tcp_flags;
	case FIELD_ICMP_TYPE:
		return packet->icmp_type;
	case FIELD_ICMP_CODE:
		return packet->icmp_code;
	case FIELD_MARK:
		return packet->mark;
	case FIELD_CT_STATE:
		return packet->ct_state;
	case FIELD_CT_MARK:
		return packet->ct_mark;
	case FIELD_CT_STATUS:
		return packet->ct_status;
	case FIELD_CT_DIRECTION:
		return packet->is_reply;
	case FIELD_CT_ORIG_SPORT:
		return packet->ct_orig_sport;
	case FIELD_CT_ORIG_DPORT:
		return packet->ct_orig_dport;
	case FIELD_UID:
		return packet->uid;
	case FIELD_GID:
		return packet->gid;
	case FIELD_ARP_OP:
		return packet->arp_op;
	default:
		return 0; /* names; addresses are below */
	}
}

uint64_t packet_number(const struct packet *packet, enum field field)
{
	return packet_has_field(packet, field) ? number_of(packet, field) : 0;
}

enum field_answer packet_field(
	const struct packet *packet, enum field field, struct field_value *ret)
{
	if (!packet_has_field(packet, field))
		return FIELD_ABSENT;
	/* 0 says "not said" of these */
	if (packet->unknown & FIELD_BIT(field) || (field == FIELD_CT_STATE && !packet->ct_state) ||
		(field == FIELD_LENGTH && !packet->length))
		return FIELD_UNKNOWN;
	switch (field) {
	case FIELD_SRC:
		*ret = field_value_of_addr(&packet->src);
		break;
	case FIELD_DST:
		*ret = field_value_of_addr(&packet->dst);
		break;
	case FIELD_CT_ORIG_SRC:
		*ret = field_value_of_addr(&packet->ct_orig_src);
		break;
	case FIELD_CT_ORIG_DST:
		*ret = field_value_of_addr(&packet->ct_orig_dst);
		break;
	case FIELD_ARP_SPA:
		*ret = field_value_of_addr(&packet->arp_spa);
		break;
	case FIELD_ARP_TPA:
		*ret = field_value_of_addr(&packet->arp_tpa);
		break;
	default:
		*ret = field_value_of_number(number_of(packet, field));
	}
	return FIELD_KNOWN;
}

static void print_bits(struct text *out, const char *const *names, size_t n, uint64_t bits)
{
	const char *before = "";

	for (size_t i = 0; i < n; i++) {
		if (!(bits >> i & 1))
			continue;
		text_addf(out, "%s%s", before, names[i]);
		before = ",";
	}
	if (!*before)
		text_add(out, "none");
}

void field_value_print(
	struct text *out, enum field field, enum family family, const struct field_value *value)
{
	static const char *const flags[] = { "fin", "syn", "rst", "psh", "ack", "urg", "ece",
		"cwr" };
	static const char *const states[] = { "new", "established", "related", "invalid",
		"untracked" };
	bool is_v6 = is_ip_address(field) && family == FAMILY_IPV6;
	struct addr addr = field_value_addr(value, is_v6 ? FAMILY_IPV6 : FAMILY_IPV4);
	uint64_t number = field_value_number(value);
	struct mac mac;

	if (is_ip_address(field) || field == FIELD_ARP_SPA || field == FIELD_ARP_TPA) {
		addr_print(out, &addr);
	} else if (fields[field].width == 48) {
		memcpy(mac.bytes, value->bytes + 10, 6);
		mac_print(out, mac);
	} else if (field == FIELD_TCP_FLAGS) {
		print_bits(out, flags, N_OF(flags), number);
	} else if (field == FIELD_CT_STATE) {
		print_bits(out, states, N_OF(states), number);
	} else if (field == FIELD_PROTO && number <= UINT8_MAX && proto_name((uint8_t)number)) {
		text_add(out, proto_name((uint8_t)number));
	} else if (field == FIELD_MARK || field == FIELD_CT_MARK) {
		text_addf(out, "0x%" PRIx64, number);
	} else if (field == FIELD_ETHERTYPE) {
		text_addf(out, "0x%04" PRIx64, number);
	} else {
		text_addf(out, "%" PRIu64, number);
	}
}
