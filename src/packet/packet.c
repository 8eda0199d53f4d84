// SPDX-License-Identifier: GPL-2.0-or-later
#include "packet/packet.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool mac_parse(const char *text, struct mac *ret)
{
	struct mac mac;

	for (int i = 0; i < 6; i++) {
		int high, low;

		if (i > 0 && *text != ':' && *text != '-')
			return false;
		text += i > 0;
		high = hex_digit(text[0]);
		low = high < 0 ? -1 : hex_digit(text[1]);
		if (low < 0)
			return false;
		mac.bytes[i] = (uint8_t)(high << 4 | low);
		text += 2;
	}
	if (*text)
		return false;
	*ret = mac;
	return true;
}

void mac_print(struct text *out, struct mac mac)
{
	const uint8_t *b = mac.bytes;

	text_addf(out, "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4], b[5]);
}

bool mac_equal(struct mac a, struct mac b)
{
	return memcmp(a.bytes, b.bytes, sizeof(a.bytes)) == 0;
}

uint64_t mac_number(struct mac mac)
{
	uint64_t number = 0;

	for (size_t i = 0; i < sizeof(mac.bytes); i++)
		number = number << 8 | mac.bytes[i];
	return number;
}

bool addr_parse(const char *text, struct addr *ret)
{
	struct addr addr = { .family = strchr(text, ':') ? FAMILY_IPV6 : FAMILY_IPV4 };

	if (inet_pton(addr.family == FAMILY_IPV6 ? AF_INET6 : AF_INET, text, addr.bytes) != 1)
		return false;
	*ret = addr;
	return true;
}

void addr_print(struct text *out, const struct addr *addr)
{
	char buf[INET6_ADDRSTRLEN];

	inet_ntop(addr->family == FAMILY_IPV6 ? AF_INET6 : AF_INET, addr->bytes, buf, sizeof(buf));
	text_add(out, buf);
}

int addr_compare(const struct addr *a, const struct addr *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

uint8_t prefix_max_len(enum family family)
{
	return family == FAMILY_IPV6 ? 128 : 32;
}

static void clear_host_bits(struct prefix *prefix)
{
	for (unsigned i = 0; i < sizeof(prefix->addr.bytes); i++) {
		unsigned first_bit = i * 8;

		if (prefix->len <= first_bit)
			prefix->addr.bytes[i] = 0;
		else if (prefix->len < first_bit + 8)
			prefix->addr.bytes[i] &= (uint8_t)(0xff << (first_bit + 8 - prefix->len));
	}
}

bool prefix_is_bare(const struct prefix *prefix)
{
	struct prefix cleared = *prefix;

	clear_host_bits(&cleared);
	return addr_compare(&cleared.addr, &prefix->addr) == 0;
}

bool prefix_parse(const char *text, struct prefix *ret)
{
	const char *slash = strchr(text, '/');
	char addr_text[INET6_ADDRSTRLEN];
	size_t addr_len = slash ? (size_t)(slash - text) : strlen(text);
	struct prefix prefix;
	uint32_t len;

	if (addr_len >= sizeof(addr_text))
		return false;
	memcpy(addr_text, text, addr_len);
	addr_text[addr_len] = '\0';
	if (!addr_parse(addr_text, &prefix.addr))
		return false;
	len = prefix_max_len(prefix.addr.family);
	if (slash && !text_to_u32(slash + 1, 0, len, &len))
		return false;
	prefix.len = (uint8_t)len;
	clear_host_bits(&prefix);
	*ret = prefix;
	return true;
}

void prefix_print(struct text *out, const struct prefix *prefix)
{
	addr_print(out, &prefix->addr);
	text_addf(out, "/%u", prefix->len);
}

void prefix_print_bare(struct text *out, const struct prefix *prefix)
{
	if (prefix->len == prefix_max_len(prefix->addr.family))
		addr_print(out, &prefix->addr);
	else
		prefix_print(out, prefix);
}

struct prefix prefix_of_addr(const struct addr *addr)
{
	return (struct prefix){ .addr = *addr, .len = prefix_max_len(addr->family) };
}

struct addr prefix_last(const struct prefix *prefix)
{
	struct addr last = prefix->addr;

	for (unsigned bit = prefix->len; bit < prefix_max_len(last.family); bit++)
		last.bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	return last;
}

struct addr addr_next(struct addr addr, int step)
{
	size_t i = prefix_max_len(addr.family) / 8;

	/* the carry goes on as long as a byte wraps */
	while (i-- > 0) {
		uint8_t before = addr.bytes[i];

		addr.bytes[i] = (uint8_t)(before + step);
		if (before != (step > 0 ? 0xff : 0))
			break;
	}
	return addr;
}

bool prefix_contains(const struct prefix *prefix, const struct addr *addr)
{
	unsigned whole = prefix->len / 8, rest = prefix->len % 8;

	if (prefix->addr.family != addr->family)
		return false;
	if (memcmp(prefix->addr.bytes, addr->bytes, whole) != 0)
		return false;
	return !rest || ((prefix->addr.bytes[whole] ^ addr->bytes[whole]) >> (8 - rest)) == 0;
}

bool prefix_covers(const struct prefix *outer, const struct prefix *inner)
{
	return outer->len <= inner->len && prefix_contains(outer, &inner->addr);
}

int prefix_compare(const struct prefix *a, const struct prefix *b)
{
	int order = addr_compare(&a->addr, &b->addr);

	return order ? order : (int)a->len - (int)b->len;
}

struct addr addr_link_local(struct mac mac)
{
	struct addr addr = { .family = FAMILY_IPV6, .bytes = { 0xfe, 0x80 } };
	const uint8_t *m = mac.bytes;
	/* ff:fe between the halves, the universal/local bit flipped */
	const uint8_t eui64[8] = { m[0] ^ 2, m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5] };

	memcpy(addr.bytes + 8, eui64, sizeof(eui64));
	return addr;
}

const char *family_name(enum family family)
{
	static const char *const names[] = { "IPv4", "IPv6", "bridge" };

	return names[family];
}

const char *ethertype_name(uint16_t ethertype)
{
	switch (ethertype) {
	case ETHERTYPE_IPV4:
		return "ip";
	case ETHERTYPE_IPV6:
		return "ip6";
	case ETHERTYPE_ARP:
		return "arp";
	case ETHERTYPE_RARP:
		return "rarp";
	case ETHERTYPE_VLAN:
		return "vlan";
	case ETHERTYPE_QINQ:
		return "8021ad";
	case ETHERTYPE_PPPOE:
		return "pppoe";
	default:
		return NULL;
	}
}

static void print_end(
	struct text *out, const struct packet *packet, const struct addr *addr, uint16_t port)
{
	bool with_port = proto_has_ports(packet->proto) && !packet->is_later_fragment;
	bool brackets = with_port && addr->family == FAMILY_IPV6;

	text_add(out, brackets ? " [" : " ");
	addr_print(out, addr);
	if (with_port)
		text_addf(out, "%s:%u", brackets ? "]" : "", port);
}

static void print_ip(struct text *out, const struct packet *packet)
{
	const char *name = proto_name(packet->proto);

	if (name)
		text_add(out, name);
	else
		text_addf(out, "proto %u", packet->proto);
	print_end(out, packet, &packet->src, packet->sport);
	text_add(out, " >");
	print_end(out, packet, &packet->dst, packet->dport);
	if (packet->is_later_fragment)
		text_add(out, " later fragment");
	else if (packet->proto == PROTO_ICMP || packet->proto == PROTO_ICMPV6)
		text_addf(out, " type %u code %u", packet->icmp_type, packet->icmp_code);
	switch (packet->ct_state) {
	case CT_NEW:
		text_add(out, " new");
		break;
	case CT_ESTABLISHED:
		text_add(out, " established");
		break;
	case CT_RELATED:
		text_add(out, " related");
		break;
	case CT_INVALID:
		text_add(out, " invalid");
		break;
	case CT_UNTRACKED:
		text_add(out, " untracked");
		break;
	}
}

void packet_print(struct text *out, const struct packet *packet)
{
	const char *in = packet->physdev_in ? packet->physdev_in : packet->in_iface;
	const char *to = packet->physdev_out ? packet->physdev_out : packet->out_iface;
	const char *type = ethertype_name(packet->ethertype);

	if (packet->ethertype == ETHERTYPE_IPV4 || packet->ethertype == ETHERTYPE_IPV6) {
		print_ip(out, packet);
	} else if (packet->ethertype == ETHERTYPE_ARP) {
		text_add(out, "arp from ");
		addr_print(out, &packet->arp_spa);
		text_add(out, " is-at ");
		mac_print(out, packet->arp_sha);
	} else if (type) {
		text_add(out, type);
	} else {
		text_addf(out, "ethertype 0x%04x", packet->ethertype);
	}
	text_add(out, ", ");
	mac_print(out, packet->eth_src);
	text_add(out, " > ");
	mac_print(out, packet->eth_dst);
	if (in || to)
		text_addf(out, ", %s > %s", in ? in : "?", to ? to : "?");
}
