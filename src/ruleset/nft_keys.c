// SPDX-License-Identifier: GPL-2.0-or-later
/* The keys that nft compares, and how values of each type are written. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "ruleset/nft.h"

#define IP4 NFT_NEED_IPV4
#define IP6 NFT_NEED_IPV6

static const struct nft_key keys[] = {
	{ .words = "iifname", .kind = NFT_KEY_IN_IFACE, .type = NFT_TYPE_IFNAME },
	{ .words = "oifname", .kind = NFT_KEY_OUT_IFACE, .type = NFT_TYPE_IFNAME },
	{ .words = "iif", .kind = NFT_KEY_IN_IFACE, .type = NFT_TYPE_IFNAME },
	{ .words = "oif", .kind = NFT_KEY_OUT_IFACE, .type = NFT_TYPE_IFNAME },
	{ .words = "meta nfproto", .kind = NFT_KEY_NFPROTO, .type = NFT_TYPE_NFPROTO },
	{ .words = "meta l4proto", .field = FIELD_PROTO, .type = NFT_TYPE_PROTO },
	{ .words = "meta protocol", .field = FIELD_ETHERTYPE, .type = NFT_TYPE_ETHERTYPE },
	{ .words = "meta pkttype", .field = FIELD_PKTTYPE, .type = NFT_TYPE_PKTTYPE },
	{ .words = "meta mark", .field = FIELD_MARK, .type = NFT_TYPE_HEX },
	{ .words = "meta skuid", .field = FIELD_UID, .type = NFT_TYPE_ID },
	{ .words = "meta skgid", .field = FIELD_GID, .type = NFT_TYPE_ID },
	{ .words = "ct state", .field = FIELD_CT_STATE, .type = NFT_TYPE_CT_STATE },
	{ .words = "ct status",
		.field = FIELD_CT_STATUS,
		.type = NFT_TYPE_CT_STATUS,
		.needs = NFT_NEED_CT },
	{ .words = "ct direction",
		.field = FIELD_CT_DIRECTION,
		.type = NFT_TYPE_CT_DIRECTION,
		.needs = NFT_NEED_CT },
	{ .words = "ct mark", .field = FIELD_CT_MARK, .type = NFT_TYPE_HEX, .needs = NFT_NEED_CT },
	{ .words = "ct original ip saddr",
		.field = FIELD_CT_ORIG_SRC,
		.type = NFT_TYPE_IPV4,
		.needs = NFT_NEED_CT | IP4 },
	{ .words = "ct original ip daddr",
		.field = FIELD_CT_ORIG_DST,
		.type = NFT_TYPE_IPV4,
		.needs = NFT_NEED_CT | IP4 },
	{ .words = "ct original ip6 saddr",
		.field = FIELD_CT_ORIG_SRC,
		.type = NFT_TYPE_IPV6,
		.needs = NFT_NEED_CT | IP6 },
	{ .words = "ct original ip6 daddr",
		.field = FIELD_CT_ORIG_DST,
		.type = NFT_TYPE_IPV6,
		.needs = NFT_NEED_CT | IP6 },
	{ .words = "ct original proto-src",
		.field = FIELD_CT_ORIG_SPORT,
		.type = NFT_TYPE_PORT,
		.needs = NFT_NEED_CT },
	{ .words = "ct original proto-dst",
		.field = FIELD_CT_ORIG_DPORT,
		.type = NFT_TYPE_PORT,
		.needs = NFT_NEED_CT },
	{ .words = "ct zone", .kind = NFT_KEY_UNKNOWN, .type = NFT_TYPE_NUMBER },
	{ .words = "fib daddr type", .kind = NFT_KEY_UNKNOWN, .type = NFT_TYPE_FIB_TYPE },
	{ .words = "fib saddr type", .kind = NFT_KEY_UNKNOWN, .type = NFT_TYPE_FIB_TYPE },
	{ .words = "fib daddr . iif type", .kind = NFT_KEY_UNKNOWN, .type = NFT_TYPE_FIB_TYPE },
	{ .words = "fib saddr . iif oif", .kind = NFT_KEY_UNKNOWN, .type = NFT_TYPE_EXISTS },
	{ .words = "fib saddr . mark . iif oif", .kind = NFT_KEY_UNKNOWN, .type = NFT_TYPE_EXISTS },
	{ .words = "ether saddr", .field = FIELD_ETH_SRC, .type = NFT_TYPE_MAC },
	{ .words = "ether daddr", .field = FIELD_ETH_DST, .type = NFT_TYPE_MAC },
	{ .words = "ether type", .field = FIELD_ETHERTYPE, .type = NFT_TYPE_ETHERTYPE },
	{ .words = "vlan id", .field = FIELD_VLAN_ID, .type = NFT_TYPE_NUMBER },
	{ .words = "ip saddr", .field = FIELD_SRC, .type = NFT_TYPE_IPV4, .needs = IP4 },
	{ .words = "ip daddr", .field = FIELD_DST, .type = NFT_TYPE_IPV4, .needs = IP4 },
	{ .words = "ip protocol", .field = FIELD_PROTO, .type = NFT_TYPE_PROTO, .needs = IP4 },
	{ .words = "ip ttl", .field = FIELD_TTL, .type = NFT_TYPE_NUMBER, .needs = IP4 },
	{ .words = "ip length", .field = FIELD_LENGTH, .type = NFT_TYPE_NUMBER, .needs = IP4 },
	{ .words = "ip dscp",
		.field = FIELD_TOS,
		.shift = 2,
		.width = 6,
		.type = NFT_TYPE_DSCP,
		.needs = IP4 },
	{ .words = "ip frag-off", .kind = NFT_KEY_UNKNOWN, .type = NFT_TYPE_NUMBER },
	{ .words = "ip6 saddr", .field = FIELD_SRC, .type = NFT_TYPE_IPV6, .needs = IP6 },
	{ .words = "ip6 daddr", .field = FIELD_DST, .type = NFT_TYPE_IPV6, .needs = IP6 },
	/* the first extension header, of which nothing is known */
	{ .words = "ip6 nexthdr", .kind = NFT_KEY_UNKNOWN, .type = NFT_TYPE_PROTO },
	{ .words = "ip6 hoplimit", .field = FIELD_TTL, .type = NFT_TYPE_NUMBER, .needs = IP6 },
	{ .words = "ip6 dscp",
		.field = FIELD_TOS,
		.shift = 2,
		.width = 6,
		.type = NFT_TYPE_DSCP,
		.needs = IP6 },
	{ .words = "icmp type",
		.field = FIELD_ICMP_TYPE,
		.type = NFT_TYPE_ICMP,
		.needs = IP4,
		.proto = PROTO_ICMP },
	{ .words = "icmp code",
		.field = FIELD_ICMP_CODE,
		.type = NFT_TYPE_NUMBER,
		.needs = IP4,
		.proto = PROTO_ICMP },
	{ .words = "icmpv6 type",
		.field = FIELD_ICMP_TYPE,
		.type = NFT_TYPE_ICMPV6,
		.needs = IP6,
		.proto = PROTO_ICMPV6 },
	{ .words = "icmpv6 code",
		.field = FIELD_ICMP_CODE,
		.type = NFT_TYPE_NUMBER,
		.needs = IP6,
		.proto = PROTO_ICMPV6 },
	{ .words = "th sport", .field = FIELD_SPORT, .type = NFT_TYPE_PORT },
	{ .words = "th dport", .field = FIELD_DPORT, .type = NFT_TYPE_PORT },
	{ .words = "tcp sport", .field = FIELD_SPORT, .type = NFT_TYPE_PORT, .proto = PROTO_TCP },
	{ .words = "tcp dport", .field = FIELD_DPORT, .type = NFT_TYPE_PORT, .proto = PROTO_TCP },
	{ .words = "tcp flags",
		.field = FIELD_TCP_FLAGS,
		.type = NFT_TYPE_TCP_FLAGS,
		.proto = PROTO_TCP },
	{ .words = "udp sport", .field = FIELD_SPORT, .type = NFT_TYPE_PORT, .proto = PROTO_UDP },
	{ .words = "udp dport", .field = FIELD_DPORT, .type = NFT_TYPE_PORT, .proto = PROTO_UDP },
	{ .words = "sctp sport", .field = FIELD_SPORT, .type = NFT_TYPE_PORT, .proto = PROTO_SCTP },
	{ .words = "sctp dport", .field = FIELD_DPORT, .type = NFT_TYPE_PORT, .proto = PROTO_SCTP },
	{ .words = "dccp sport", .field = FIELD_SPORT, .type = NFT_TYPE_PORT, .proto = PROTO_DCCP },
	{ .words = "dccp dport", .field = FIELD_DPORT, .type = NFT_TYPE_PORT, .proto = PROTO_DCCP },
	{ .words = "arp operation",
		.field = FIELD_ARP_OP,
		.type = NFT_TYPE_ARP_OP,
		.needs = NFT_NEED_ARP },
	{ .words = "arp saddr ether",
		.field = FIELD_ARP_SHA,
		.type = NFT_TYPE_MAC,
		.needs = NFT_NEED_ARP },
	{ .words = "arp daddr ether",
		.field = FIELD_ARP_THA,
		.type = NFT_TYPE_MAC,
		.needs = NFT_NEED_ARP },
	{ .words = "arp saddr ip",
		.field = FIELD_ARP_SPA,
		.type = NFT_TYPE_IPV4,
		.needs = NFT_NEED_ARP },
	{ .words = "arp daddr ip",
		.field = FIELD_ARP_TPA,
		.type = NFT_TYPE_IPV4,
		.needs = NFT_NEED_ARP },
};

static size_t words_at(const struct nft_parser *p, size_t at, size_t end, const char *words)
{
	size_t n = 0;

	while (*words) {
		size_t len = strcspn(words, " ");
		const struct nft_token *token = &p->tokens.items[at + n];

		if (at + n >= end || token->len != len || memcmp(token->start, words, len) != 0)
			return 0;
		words += len + (words[len] == ' ');
		n++;
	}
	return n;
}

const struct nft_key *nft_key_at(const struct nft_parser *p, size_t *at, size_t end)
{
	const struct nft_key *best = NULL;
	size_t best_n = 0;

	for (size_t i = 0; i < N_OF(keys); i++) {
		size_t n = words_at(p, *at, end, keys[i].words);

		if (n > best_n) {
			best = &keys[i];
			best_n = n;
		}
	}
	*at += best_n;
	return best;
}

struct match match_of_pattern(struct arena *arena, bool is_out, const char *pattern)
{
	enum nft_key_kind kind = is_out ? NFT_KEY_OUT_IFACE : NFT_KEY_IN_IFACE;
	const struct nft_key **key = arena_new_one(arena, const struct nft_key *), *at = keys;
	struct nft_match *match = arena_new_one(arena, struct nft_match);
	size_t len = strlen(pattern);

	while (at->kind != kind)
		at++;
	*key = at;
	match->keys.items = key;
	match->keys.n = 1;
	match->values = arena_new_one(arena, struct nft_value);
	match->n_values = 1;
	match->values->is_open = len && pattern[len - 1] == '*';
	match->values->name = arena_strndup(arena, pattern, len - match->values->is_open);
	return (struct match){ .kind = MATCH_NFT_FIELD, .nft = match };
}

const char *match_pattern(struct arena *arena, const struct match *match)
{
	const struct nft_match *nft = match->kind == MATCH_NFT_FIELD ? match->nft : NULL;
	enum nft_key_kind kind;

	if (!nft || match->inverted || nft->op != NFT_EQ || nft->keys.n != 1 || nft->n_values != 1)
		return NULL;
	kind = nft->keys.items[0]->kind;
	if ((kind != NFT_KEY_IN_IFACE && kind != NFT_KEY_OUT_IFACE) || !nft->values[0].is_open)
		return NULL;
	return arena_printf(arena, "%s*", nft->values[0].name);
}

/* ---- names of values */

struct name {
	enum nft_type type;
	const char *name;
	uint16_t value;
};

static const struct name names[] = {
	{ NFT_TYPE_ETHERTYPE, "ip", ETHERTYPE_IPV4 },
	{ NFT_TYPE_ETHERTYPE, "arp", ETHERTYPE_ARP },
	{ NFT_TYPE_ETHERTYPE, "ip6", ETHERTYPE_IPV6 },
	{ NFT_TYPE_ETHERTYPE, "8021q", ETHERTYPE_VLAN },
	{ NFT_TYPE_ETHERTYPE, "8021ad", ETHERTYPE_QINQ },
	{ NFT_TYPE_ETHERTYPE, "vlan", ETHERTYPE_VLAN },
	{ NFT_TYPE_PROTO, "tcp", PROTO_TCP },
	{ NFT_TYPE_PROTO, "udp", PROTO_UDP },
	{ NFT_TYPE_PROTO, "icmp", PROTO_ICMP },
	{ NFT_TYPE_PROTO, "ipv6-icmp", PROTO_ICMPV6 },
	{ NFT_TYPE_PROTO, "icmpv6", PROTO_ICMPV6 },
	{ NFT_TYPE_PROTO, "sctp", PROTO_SCTP },
	{ NFT_TYPE_PROTO, "dccp", PROTO_DCCP },
	{ NFT_TYPE_PROTO, "udplite", PROTO_UDPLITE },
	{ NFT_TYPE_PROTO, "esp", 50 },
	{ NFT_TYPE_PROTO, "ah", 51 },
	{ NFT_TYPE_PROTO, "comp", 108 },
	{ NFT_TYPE_PROTO, "gre", 47 },
	{ NFT_TYPE_PROTO, "igmp", 2 },
	{ NFT_TYPE_PROTO, "ospf", 89 },
	{ NFT_TYPE_PROTO, "vrrp", 112 },
	{ NFT_TYPE_PROTO, "pim", 103 },
	{ NFT_TYPE_PROTO, "ipv6", 41 },
	{ NFT_TYPE_PROTO, "ipencap", 4 },
	{ NFT_TYPE_CT_STATE, "invalid", CT_INVALID },
	{ NFT_TYPE_CT_STATE, "new", CT_NEW },
	{ NFT_TYPE_CT_STATE, "established", CT_ESTABLISHED },
	{ NFT_TYPE_CT_STATE, "related", CT_RELATED },
	{ NFT_TYPE_CT_STATE, "untracked", CT_UNTRACKED },
	{ NFT_TYPE_CT_STATUS, "expected", CT_STATUS_EXPECTED },
	{ NFT_TYPE_CT_STATUS, "seen-reply", CT_STATUS_SEEN_REPLY },
	{ NFT_TYPE_CT_STATUS, "assured", CT_STATUS_ASSURED },
	{ NFT_TYPE_CT_STATUS, "confirmed", CT_STATUS_CONFIRMED },
	{ NFT_TYPE_CT_STATUS, "snat", CT_STATUS_SRC_NAT },
	{ NFT_TYPE_CT_STATUS, "dnat", CT_STATUS_DST_NAT },
	{ NFT_TYPE_CT_DIRECTION, "original", 0 },
	{ NFT_TYPE_CT_DIRECTION, "reply", 1 },
	{ NFT_TYPE_TCP_FLAGS, "fin", TCP_FIN },
	{ NFT_TYPE_TCP_FLAGS, "syn", TCP_SYN },
	{ NFT_TYPE_TCP_FLAGS, "rst", TCP_RST },
	{ NFT_TYPE_TCP_FLAGS, "psh", TCP_PSH },
	{ NFT_TYPE_TCP_FLAGS, "ack", TCP_ACK },
	{ NFT_TYPE_TCP_FLAGS, "urg", TCP_URG },
	{ NFT_TYPE_TCP_FLAGS, "ecn", TCP_ECE },
	{ NFT_TYPE_TCP_FLAGS, "cwr", TCP_CWR },
	{ NFT_TYPE_ICMP, "echo-reply", 0 },
	{ NFT_TYPE_ICMP, "destination-unreachable", 3 },
	{ NFT_TYPE_ICMP, "source-quench", 4 },
	{ NFT_TYPE_ICMP, "redirect", 5 },
	{ NFT_TYPE_ICMP, "echo-request", 8 },
	{ NFT_TYPE_ICMP, "router-advertisement", 9 },
	{ NFT_TYPE_ICMP, "router-solicitation", 10 },
	{ NFT_TYPE_ICMP, "time-exceeded", 11 },
	{ NFT_TYPE_ICMP, "parameter-problem", 12 },
	{ NFT_TYPE_ICMP, "timestamp-request", 13 },
	{ NFT_TYPE_ICMP, "timestamp-reply", 14 },
	{ NFT_TYPE_ICMP, "info-request", 15 },
	{ NFT_TYPE_ICMP, "info-reply", 16 },
	{ NFT_TYPE_ICMP, "address-mask-request", 17 },
	{ NFT_TYPE_ICMP, "address-mask-reply", 18 },
	{ NFT_TYPE_ICMPV6, "destination-unreachable", 1 },
	{ NFT_TYPE_ICMPV6, "packet-too-big", 2 },
	{ NFT_TYPE_ICMPV6, "time-exceeded", 3 },
	{ NFT_TYPE_ICMPV6, "parameter-problem", 4 },
	{ NFT_TYPE_ICMPV6, "echo-request", 128 },
	{ NFT_TYPE_ICMPV6, "echo-reply", 129 },
	{ NFT_TYPE_ICMPV6, "mld-listener-query", 130 },
	{ NFT_TYPE_ICMPV6, "mld-listener-report", 131 },
	{ NFT_TYPE_ICMPV6, "mld-listener-done", 132 },
	{ NFT_TYPE_ICMPV6, "mld-listener-reduction", 132 },
	{ NFT_TYPE_ICMPV6, "nd-router-solicit", 133 },
	{ NFT_TYPE_ICMPV6, "nd-router-advert", 134 },
	{ NFT_TYPE_ICMPV6, "nd-neighbor-solicit", 135 },
	{ NFT_TYPE_ICMPV6, "nd-neighbor-advert", 136 },
	{ NFT_TYPE_ICMPV6, "nd-redirect", 137 },
	{ NFT_TYPE_ICMPV6, "router-renumbering", 138 },
	{ NFT_TYPE_ICMPV6, "ind-neighbor-solicit", 141 },
	{ NFT_TYPE_ICMPV6, "ind-neighbor-advert", 142 },
	{ NFT_TYPE_ICMPV6, "mld2-listener-report", 143 },
	{ NFT_TYPE_DSCP, "cs0", 0 },
	{ NFT_TYPE_DSCP, "cs1", 8 },
	{ NFT_TYPE_DSCP, "cs2", 16 },
	{ NFT_TYPE_DSCP, "cs3", 24 },
	{ NFT_TYPE_DSCP, "cs4", 32 },
	{ NFT_TYPE_DSCP, "cs5", 40 },
	{ NFT_TYPE_DSCP, "cs6", 48 },
	{ NFT_TYPE_DSCP, "cs7", 56 },
	{ NFT_TYPE_DSCP, "af11", 10 },
	{ NFT_TYPE_DSCP, "af21", 18 },
	{ NFT_TYPE_DSCP, "af31", 26 },
	{ NFT_TYPE_DSCP, "af41", 34 },
	{ NFT_TYPE_DSCP, "ef", 46 },
	{ NFT_TYPE_NFPROTO, "ipv4", 2 },
	{ NFT_TYPE_NFPROTO, "ipv6", 10 },
	{ NFT_TYPE_PKTTYPE, "host", PKT_HOST },
	{ NFT_TYPE_PKTTYPE, "unicast", PKT_HOST },
	{ NFT_TYPE_PKTTYPE, "broadcast", PKT_BROADCAST },
	{ NFT_TYPE_PKTTYPE, "multicast", PKT_MULTICAST },
	{ NFT_TYPE_PKTTYPE, "other", PKT_OTHERHOST },
	{ NFT_TYPE_ARP_OP, "request", 1 },
	{ NFT_TYPE_ARP_OP, "reply", 2 },
	{ NFT_TYPE_FIB_TYPE, "unspec", 0 },
	{ NFT_TYPE_FIB_TYPE, "unicast", 1 },
	{ NFT_TYPE_FIB_TYPE, "local", 2 },
	{ NFT_TYPE_FIB_TYPE, "broadcast", 3 },
	{ NFT_TYPE_FIB_TYPE, "anycast", 4 },
	{ NFT_TYPE_FIB_TYPE, "multicast", 5 },
	{ NFT_TYPE_FIB_TYPE, "blackhole", 6 },
	{ NFT_TYPE_FIB_TYPE, "unreachable", 7 },
	{ NFT_TYPE_FIB_TYPE, "prohibit", 8 },
	{ NFT_TYPE_EXISTS, "missing", 0 },
	{ NFT_TYPE_EXISTS, "exists", 1 },
};

bool nft_number_parse(const char *text, uint64_t *ret)
{
	bool is_hex = text[0] == '0' && text[1] == 'x';
	const char *digits = is_hex ? text + 2 : text;
	size_t len = strspn(digits, is_hex ? "0123456789abcdef" : "0123456789");

	if (!len || digits[len] || len > (is_hex ? 8 : 10))
		return false;
	*ret = strtoull(digits, NULL, is_hex ? 16 : 10);
	return *ret <= UINT32_MAX;
}

static bool named_parse(enum nft_type type, const char *text, struct field_value *ret)
{
	uint64_t number, max;

	for (size_t i = 0; i < N_OF(names); i++) {
		if (names[i].type == type && strcmp(names[i].name, text) == 0) {
			*ret = field_value_of_number(names[i].value);
			return true;
		}
	}
	if (type == NFT_TYPE_ID && strcmp(text, "root") == 0)
		text = "0";
	if (!nft_number_parse(text, &number))
		return false;
	max = type == NFT_TYPE_NUMBER || type == NFT_TYPE_HEX || type == NFT_TYPE_ID ? UINT32_MAX
	      : type == NFT_TYPE_PORT || type == NFT_TYPE_ETHERTYPE || type == NFT_TYPE_ARP_OP
		      ? UINT16_MAX
	      : type == NFT_TYPE_DSCP ? 63
				      : UINT8_MAX;
	if (number > max)
		return false;
	*ret = field_value_of_number(number);
	return true;
}

static bool one_parse(enum nft_type type, const char *text, struct field_value *ret)
{
	struct field_value value = { 0 };
	struct addr addr;
	struct mac mac;

	switch (type) {
	case NFT_TYPE_IPV4:
	case NFT_TYPE_IPV6:
		if (!addr_parse(text, &addr) ||
			addr.family != (type == NFT_TYPE_IPV6 ? FAMILY_IPV6 : FAMILY_IPV4))
			return false;
		if (type == NFT_TYPE_IPV6)
			memcpy(value.bytes, addr.bytes, 16);
		else
			memcpy(value.bytes + 12, addr.bytes, 4);
		break;
	case NFT_TYPE_MAC:
		if (!mac_parse(text, &mac))
			return false;
		memcpy(value.bytes + 10, mac.bytes, 6);
		break;
	case NFT_TYPE_IFNAME:
	case NFT_TYPE_VERDICT:
	case NFT_TYPE_UNKNOWN:
		return false;
	default:
		return named_parse(type, text, ret);
	}
	*ret = value;
	return true;
}

/* Sets the bits behind the prefix in the upper end and requires them clear in the lower. */
static bool spread_prefix(struct nft_value *value, unsigned len, unsigned width)
{
	value->max = value->min;
	for (unsigned bit = len; bit < width; bit++) {
		unsigned at = 128 - width + bit;
		uint8_t mask = (uint8_t)(0x80 >> at % 8);

		if (value->min.bytes[at / 8] & mask)
			return false;
		value->max.bytes[at / 8] |= mask;
	}
	value->prefix_len = (uint8_t)len;
	value->has_prefix_len = true;
	return true;
}

static bool number_value_parse(
	struct arena *scratch, enum nft_type type, const char *text, struct nft_value *value)
{
	unsigned width = type == NFT_TYPE_IPV6 ? 128 : 32;
	const char *cut = strchr(text, '/');
	uint32_t len;

	if (cut && (type == NFT_TYPE_IPV4 || type == NFT_TYPE_IPV6)) {
		const char *addr = arena_strndup(scratch, text, (size_t)(cut - text));

		return one_parse(type, addr, &value->min) && text_to_u32(cut + 1, 0, width, &len) &&
		       spread_prefix(value, len, width);
	}
	if (one_parse(type, text, &value->min)) {
		value->max = value->min;
		return true;
	}
	cut = type == NFT_TYPE_MAC ? NULL : strchr(text, '-');
	if (!cut)
		return false;
	value->is_range = true;
	return one_parse(type, arena_strndup(scratch, text, (size_t)(cut - text)), &value->min) &&
	       one_parse(type, cut + 1, &value->max) &&
	       memcmp(value->min.bytes, value->max.bytes, 16) <= 0;
}

static bool name_value_parse(struct arena *arena, const char *text, struct nft_value *value)
{
	size_t len = strlen(text);

	/* "iif 0": no device, which iifname has as an empty name */
	if (!strcmp(text, "0")) {
		value->name = "";
		return true;
	}
	if (len < 3 || text[0] != '"' || text[len - 1] != '"' || strchr(text, '\\'))
		return false;
	text++;
	len -= 2;
	value->is_open = text[len - 1] == '*';
	if (memchr(text, '*', len - value->is_open))
		return false;
	value->name = arena_strndup(arena, text, len - value->is_open);
	return true;
}

bool nft_value_parse(struct arena *arena, struct arena *scratch, enum nft_type type,
	const char *text, struct nft_value *ret)
{
	struct text printed CLEANUP(text_done) = TEXT_INIT;
	struct nft_value value = { 0 };

	if (strcmp(text, "*") == 0)
		value.is_any = true;
	else if (type == NFT_TYPE_IFNAME ? !name_value_parse(arena, text, &value)
					 : !number_value_parse(scratch, type, text, &value))
		return false;
	nft_value_print(&printed, type, &value);
	if (strcmp(printed.data, text) != 0)
		value.text = arena_strdup(arena, text);
	*ret = value;
	return true;
}

static void one_print(struct text *out, enum nft_type type, const struct field_value *value)
{
	struct addr addr = { .family = type == NFT_TYPE_IPV6 ? FAMILY_IPV6 : FAMILY_IPV4 };
	uint32_t number = (uint32_t)field_value_number(value);
	struct mac mac;

	switch (type) {
	case NFT_TYPE_IPV4:
	case NFT_TYPE_IPV6:
		memcpy(addr.bytes, value->bytes + (type == NFT_TYPE_IPV6 ? 0 : 12),
			type == NFT_TYPE_IPV6 ? 16 : 4);
		addr_print(out, &addr);
		return;
	case NFT_TYPE_MAC:
		memcpy(mac.bytes, value->bytes + 10, 6);
		mac_print(out, mac);
		return;
	case NFT_TYPE_HEX:
		text_addf(out, "0x%08x", number);
		return;
	default:
		break;
	}
	for (size_t i = 0; i < N_OF(names); i++) {
		if (names[i].type == type && names[i].value == number) {
			text_add(out, names[i].name);
			return;
		}
	}
	if (type == NFT_TYPE_ETHERTYPE)
		text_addf(out, "0x%04x", number);
	else
		text_addf(out, "%u", number);
}

void nft_value_print(struct text *out, enum nft_type type, const struct nft_value *value)
{
	if (value->text) {
		text_add(out, value->text);
	} else if (value->is_any) {
		text_add(out, "*");
	} else if (value->name) {
		text_addf(out, "\"%s%s\"", value->name, value->is_open ? "*" : "");
	} else {
		one_print(out, type, &value->min);
		if (value->has_prefix_len)
			text_addf(out, "/%u", value->prefix_len);
		if (value->is_range) {
			text_add(out, "-");
			one_print(out, type, &value->max);
		}
	}
}

bool nft_type_parse(const char *text, size_t len, enum nft_type *ret)
{
	static const struct {
		const char *name;
		enum nft_type type;
	} types[] = {
		{ "ipv4_addr", NFT_TYPE_IPV4 },
		{ "ipv6_addr", NFT_TYPE_IPV6 },
		{ "ether_addr", NFT_TYPE_MAC },
		{ "inet_proto", NFT_TYPE_PROTO },
		{ "inet_service", NFT_TYPE_PORT },
		{ "mark", NFT_TYPE_HEX },
		{ "ifname", NFT_TYPE_IFNAME },
		{ "iface_index", NFT_TYPE_IFNAME },
		{ "ether_type", NFT_TYPE_ETHERTYPE },
		{ "ct_state", NFT_TYPE_CT_STATE },
		{ "icmp_type", NFT_TYPE_ICMP },
		{ "icmpv6_type", NFT_TYPE_ICMPV6 },
		{ "verdict", NFT_TYPE_VERDICT },
	};

	for (size_t i = 0; i < N_OF(types); i++) {
		if (strlen(types[i].name) == len && memcmp(types[i].name, text, len) == 0) {
			*ret = types[i].type;
			return true;
		}
	}
	return false;
}
