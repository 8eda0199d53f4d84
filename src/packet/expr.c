// SPDX-License-Identifier: GPL-2.0-or-later
/* Packet expressions: words, in the order protocol, source, destination, options. */
#include "packet/expr.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/vec.h"
#include "packet/field.h"

#define MAX_WORD    64
#define ARP_REQUEST 1
#define ARP_REPLY   2

/* What is not said of any packet. */
#define OPEN_BY_DEFAULT                                                                            \
	(FIELD_BIT(FIELD_ETH_SRC) | FIELD_BIT(FIELD_ETH_DST) | FIELD_BIT(FIELD_LENGTH) |           \
		FIELD_BIT(FIELD_UID) | FIELD_BIT(FIELD_GID))

struct parse {
	const char *text, *at; /* at: behind word */
	const char *start;     /* of word */
	char word[MAX_WORD];
	struct packet packet;
	bool has_flags, has_type;
	struct err *err;
};

/* --- words --- */

static bool fail(struct parse *parse, const char *what, const char *next)
{
	int column = (int)(parse->start - parse->text);

	err_input(parse->err, "%s\n    %s\n    %*s^", what, parse->text, column, "");
	if (next)
		err_next(parse->err, "%s", next);
	return false;
}

static bool next_word(struct parse *parse)
{
	size_t len;

	parse->at += strspn(parse->at, " \t");
	parse->start = parse->at;
	len = strcspn(parse->at, " \t");
	parse->at += len;
	if (len >= MAX_WORD)
		len = MAX_WORD - 1;
	memcpy(parse->word, parse->start, len);
	parse->word[len] = '\0';
	return len > 0;
}

static bool want_word(struct parse *parse, const char *what)
{
	char message[128];

	if (next_word(parse))
		return true;
	snprintf(message, sizeof(message), "here %s is missing", what);
	return fail(parse, message, "see \"tcp 10.0.0.5:any 10.0.0.9:443 syn\"");
}

static bool fail_word(struct parse *parse, const char *is_no, const char *next)
{
	char message[160];

	snprintf(message, sizeof(message), "\"%s\" is no %s", parse->word, is_no);
	return fail(parse, message, next);
}

static bool word_number(struct parse *parse, uint32_t max, const char *what, uint32_t *ret)
{
	char message[64];
	char *end;
	unsigned long number;

	if (!want_word(parse, what))
		return false;
	number = strtoul(parse->word, &end, 0);
	if (parse->word[0] >= '0' && parse->word[0] <= '9' && !*end && number <= max) {
		*ret = (uint32_t)number;
		return true;
	}
	snprintf(message, sizeof(message), "0 to %u is right", max);
	return fail_word(parse, what, message);
}

/* "any" opens the field. */
static bool word_number_or_any(
	struct parse *parse, enum field field, uint32_t max, const char *what, uint32_t *ret)
{
	const char *before = parse->at;

	if (next_word(parse) && !strcmp(parse->word, "any")) {
		parse->packet.unknown |= FIELD_BIT(field);
		*ret = 0;
		return true;
	}
	parse->at = before;
	parse->packet.unknown &= ~FIELD_BIT(field);
	return word_number(parse, max, what, ret);
}

/* --- the three that must be there --- */

static char *split_port(char *word);

static bool is_address(const char *text)
{
	char word[MAX_WORD];
	struct addr addr;

	snprintf(word, sizeof(word), "%s", text);
	split_port(word);
	return addr_parse(word, &addr);
}

static bool parse_proto(struct parse *parse)
{
	size_t n;
	const char *const *names;
	const char *nearest;
	char hint[64];

	if (!want_word(parse, "the protocol"))
		return false;
	if (!strcmp(parse->word, "arp")) {
		parse->packet.ethertype = ETHERTYPE_ARP;
		parse->packet.arp_op = ARP_REQUEST;
		return true;
	}
	if (!strcmp(parse->word, "any")) {
		parse->packet.unknown |= FIELD_BIT(FIELD_PROTO);
		return true;
	}
	if (proto_parse(parse->word, FAMILY_IPV4, &parse->packet.proto))
		return true;
	/* as nft and tcpdump call it */
	if (!strcmp(parse->word, "icmp6"))
		return proto_parse("icmpv6", FAMILY_IPV6, &parse->packet.proto);
	if (is_address(parse->word))
		return fail_word(parse, "protocol",
			"the protocol comes first: \"tcp 10.0.0.5 10.0.0.9:443\"; or any");
	names = proto_names(&n);
	nearest = text_nearest(parse->word, names, n);
	if (nearest)
		snprintf(hint, sizeof(hint), "did you mean %s?", nearest);
	return fail_word(
		parse, "protocol", nearest ? hint : "a name (tcp) or a number (0 to 255) is right");
}

static bool parse_port(struct parse *parse, const char *text, enum field field, uint16_t *ret)
{
	uint32_t port;

	if (!strcmp(text, "any")) {
		parse->packet.unknown |= FIELD_BIT(field);
		return true;
	}
	if (!text_to_u32(text, 0, 65535, &port))
		return fail_word(parse, "end with a port", "ports are 0 to 65535, or any");
	parse->packet.unknown &= ~FIELD_BIT(field);
	*ret = (uint16_t)port;
	return true;
}

/* Splits "[A]:P", "A:P" (IPv4, any) and "A"; NULL: no port. */
static char *split_port(char *word)
{
	char *end = strrchr(word, ':');

	if (word[0] == '[') {
		char *close = strchr(word, ']');

		if (!close)
			return NULL;
		*close = '\0';
		memmove(word, word + 1, strlen(word));
		return close[1] == ':' ? close + 2 : NULL;
	}
	if (!end || strchr(word, ':') != end)
		return NULL;
	*end = '\0';
	return end + 1;
}

static bool fail_end(struct parse *parse)
{
	if (strchr(parse->word, '/'))
		return fail_word(parse, "address",
			"a packet has one address: leave the /LENGTH away, or say any");
	return fail_word(parse, "address",
		"10.0.0.5, 2001:db8::1, or any is right; with a port 10.0.0.5:443 or "
		"[2001:db8::1]:443");
}

static bool parse_end(struct parse *parse, const char *what, enum field field,
	enum field port_field, struct addr *ret, uint16_t *ret_port)
{
	char word[MAX_WORD];
	char *port;

	if (!want_word(parse, what))
		return false;
	memcpy(word, parse->word, sizeof(word));
	port = split_port(word);
	if (!strcmp(word, "any"))
		parse->packet.unknown |= FIELD_BIT(field);
	else if (!addr_parse(word, ret))
		return fail_end(parse);
	parse->packet.unknown |= FIELD_BIT(port_field);
	if (!port)
		return true;
	if (parse->packet.unknown & FIELD_BIT(FIELD_PROTO))
		return fail(parse, "ports are of a protocol that has some",
			"say tcp or udp in place of any, or leave the :PORT away");
	if (parse->packet.ethertype == ETHERTYPE_ARP || !proto_has_ports(parse->packet.proto))
		return fail(parse, "this protocol has no ports", "leave the :PORT away");
	return parse_port(parse, port, port_field, ret_port);
}

/* Of an end that was left open the other one's family is taken. */
static bool settle_families(struct parse *parse)
{
	struct packet *packet = &parse->packet;
	bool knows_src = !(packet->unknown & FIELD_BIT(FIELD_SRC));
	bool knows_dst = !(packet->unknown & FIELD_BIT(FIELD_DST));

	if (knows_src && knows_dst && packet->src.family != packet->dst.family)
		return fail(parse, "source and destination are of different families",
			"both must be IPv4, or both IPv6");
	if (!knows_src)
		packet->src.family = knows_dst			     ? packet->dst.family
				     : packet->proto == PROTO_ICMPV6 ? FAMILY_IPV6
								     : FAMILY_IPV4;
	if (!knows_dst)
		packet->dst.family = packet->src.family;
	return true;
}

static bool settle_arp(struct parse *parse)
{
	struct packet *packet = &parse->packet;

	if (packet->src.family != FAMILY_IPV4)
		return fail(parse, "ARP is of IPv4 only", NULL);
	packet->arp_spa = packet->src;
	packet->arp_tpa = packet->dst;
	if (packet->unknown & FIELD_BIT(FIELD_SRC))
		packet->unknown |= FIELD_BIT(FIELD_ARP_SPA);
	if (packet->unknown & FIELD_BIT(FIELD_DST))
		packet->unknown |= FIELD_BIT(FIELD_ARP_TPA);
	packet->src = packet->dst = (struct addr){ 0 };
	packet->unknown &= ~(FIELD_BIT(FIELD_SRC) | FIELD_BIT(FIELD_DST) | FIELD_BIT(FIELD_UID) |
			     FIELD_BIT(FIELD_GID) | FIELD_BIT(FIELD_LENGTH));
	return true;
}

static bool parse_head(struct parse *parse)
{
	struct packet *packet = &parse->packet;

	if (!parse_proto(parse) ||
		!parse_end(parse, "the source address", FIELD_SRC, FIELD_SPORT, &packet->src,
			&packet->sport) ||
		!parse_end(parse, "the destination address", FIELD_DST, FIELD_DPORT, &packet->dst,
			&packet->dport) ||
		!settle_families(parse))
		return false;
	if (packet->ethertype != ETHERTYPE_ARP) {
		packet->ethertype =
			packet->src.family == FAMILY_IPV6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4;
		if (packet->proto == PROTO_ICMP && packet->src.family == FAMILY_IPV6)
			packet->proto = PROTO_ICMPV6;
		else if (packet->proto == PROTO_ICMPV6 && packet->src.family == FAMILY_IPV4)
			return fail(
				parse, "ICMPv6 is of IPv6 only", "with IPv4 addresses say icmp");
	} else if (!settle_arp(parse)) {
		return false;
	}
	if (packet->ethertype == ETHERTYPE_ARP || !proto_has_ports(packet->proto))
		packet->unknown &= ~(FIELD_BIT(FIELD_SPORT) | FIELD_BIT(FIELD_DPORT));
	return true;
}

/* --- options --- */

static const char *const flag_names[] = { "fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr" };
static const char flag_letters[] = "FSRPAUEC";

static bool flag_of(const char *word, size_t len, uint8_t *ret)
{
	for (size_t i = 0; i < N_OF(flag_names); i++) {
		if (len == 3 && !strncasecmp(word, flag_names[i], 3)) {
			*ret |= (uint8_t)(1 << i);
			return true;
		}
	}
	return false;
}

/* "syn", "syn,ack" */
static bool flags_by_name(const char *word, uint8_t *ret)
{
	uint8_t flags = 0;

	for (const char *at = word;; at++) {
		size_t len = strcspn(at, ",");

		if (!flag_of(at, len, &flags))
			return false;
		at += len;
		if (!*at)
			break;
	}
	*ret |= flags;
	return true;
}

/* "flags SA", "flags syn,ack", "flags none", "flags any" */
static bool parse_flags(struct parse *parse)
{
	uint8_t flags = 0;

	if (!want_word(parse, "the TCP flags"))
		return false;
	parse->has_flags = true;
	if (!strcmp(parse->word, "any")) {
		parse->packet.unknown |= FIELD_BIT(FIELD_TCP_FLAGS);
		return true;
	}
	if (strcmp(parse->word, "none") != 0 && !flags_by_name(parse->word, &flags)) {
		for (const char *at = parse->word; *at; at++) {
			const char *letter = strchr(flag_letters, *at);

			if (!letter)
				return fail_word(parse, "set of TCP flags",
					"letters of FSRPAUEC, names (syn,ack), none, or any");
			flags |= (uint8_t)(1 << (letter - flag_letters));
		}
	}
	parse->packet.tcp_flags = flags;
	return true;
}

static const struct {
	const char *name;
	uint8_t ipv4_type, ipv6_type, code; /* 255: not in that family */
} icmp_names[] = {
	{ "echo-request", 8, 128, 0 },
	{ "echo-reply", 0, 129, 0 },
	{ "destination-unreachable", 3, 1, 0 },
	{ "host-unreachable", 3, 255, 1 },
	{ "port-unreachable", 3, 255, 3 },
	{ "fragmentation-needed", 3, 255, 4 },
	{ "packet-too-big", 255, 2, 0 },
	{ "redirect", 5, 137, 0 },
	{ "time-exceeded", 11, 3, 0 },
	{ "router-solicitation", 10, 133, 0 },
	{ "router-advertisement", 9, 134, 0 },
	{ "neighbour-solicitation", 255, 135, 0 },
	{ "neighbour-advertisement", 255, 136, 0 },
};

static bool icmp_by_name(struct parse *parse)
{
	bool is_ipv6 = parse->packet.proto == PROTO_ICMPV6;

	for (size_t i = 0; i < N_OF(icmp_names); i++) {
		uint8_t type = is_ipv6 ? icmp_names[i].ipv6_type : icmp_names[i].ipv4_type;

		if (strcmp(parse->word, icmp_names[i].name) != 0 || type == 255)
			continue;
		parse->packet.icmp_type = type;
		parse->packet.icmp_code = icmp_names[i].code;
		parse->has_type = true;
		return true;
	}
	return false;
}

static bool parse_mac(struct parse *parse, enum field field, struct mac *ret)
{
	if (!want_word(parse, "a MAC address"))
		return false;
	if (!strcmp(parse->word, "any")) {
		parse->packet.unknown |= FIELD_BIT(field);
		return true;
	}
	if (!mac_parse(parse->word, ret))
		return fail_word(parse, "MAC address", "fa:16:3e:00:00:01 or any is right");
	parse->packet.unknown &= ~FIELD_BIT(field);
	if (parse->packet.ethertype == ETHERTYPE_ARP && field == FIELD_ETH_SRC)
		parse->packet.arp_sha = *ret;
	return true;
}

static bool parse_macs(struct parse *parse)
{
	static const char right[] =
		"mac SOURCE '>' DESTINATION, with quotes because of the shell; or src-mac SOURCE";

	if (!parse_mac(parse, FIELD_ETH_SRC, &parse->packet.eth_src))
		return false;
	if (!next_word(parse))
		return fail(parse, "here \">\" is missing", right);
	if (strcmp(parse->word, ">") != 0)
		return fail_word(parse, "\">\"", right);
	return parse_mac(parse, FIELD_ETH_DST, &parse->packet.eth_dst);
}

static bool is_icmp(const struct packet *packet)
{
	return packet->ethertype != ETHERTYPE_ARP &&
	       (packet->proto == PROTO_ICMP || packet->proto == PROTO_ICMPV6);
}

/* Options that are a number; false with ret_known: an error was given. */
static bool parse_number_option(struct parse *parse, bool *ret_known)
{
	static const struct {
		const char *name, *what;
		enum field field;
		uint32_t max;
	} options[] = {
		{ "type", "ICMP type", FIELD_ICMP_TYPE, 255 },
		{ "code", "ICMP code", FIELD_ICMP_CODE, 255 },
		{ "vlan", "VLAN id", FIELD_VLAN_ID, 4094 },
		{ "ttl", "TTL", FIELD_TTL, 255 },
		{ "len", "length", FIELD_LENGTH, 65535 },
		{ "mark", "mark", FIELD_MARK, UINT32_MAX },
		{ "tos", "type of service", FIELD_TOS, 255 },
		{ "dscp", "DSCP", FIELD_TOS, 63 },
		{ "uid", "user id", FIELD_UID, UINT32_MAX },
		{ "gid", "group id", FIELD_GID, UINT32_MAX },
	};
	struct packet *packet = &parse->packet;
	uint32_t number = 0; /* as the analyzer cannot see that it is set */
	size_t i = 0;

	while (i < N_OF(options) && strcmp(parse->word, options[i].name) != 0)
		i++;
	*ret_known = i < N_OF(options);
	if (!*ret_known)
		return false;
	if (i < 2 && !is_icmp(packet))
		return fail(parse, "only ICMP has a type and a code", NULL);
	if (!word_number_or_any(parse, options[i].field, options[i].max, options[i].what, &number))
		return false;
	switch (options[i].field) {
	case FIELD_ICMP_TYPE:
		packet->icmp_type = (uint8_t)number;
		parse->has_type = true;
		break;
	case FIELD_ICMP_CODE:
		packet->icmp_code = (uint8_t)number;
		break;
	case FIELD_VLAN_ID:
		packet->vlan_id = (uint16_t)number;
		packet->ethertype = ETHERTYPE_VLAN;
		break;
	case FIELD_TTL:
		packet->ttl = (uint8_t)number;
		break;
	case FIELD_LENGTH:
		packet->length = (uint16_t)number;
		break;
	case FIELD_MARK:
		packet->mark = number;
		break;
	case FIELD_TOS:
		packet->tos = (uint8_t)(!strcmp(options[i].name, "dscp") ? number << 2 : number);
		break;
	case FIELD_UID:
		packet->uid = number;
		break;
	default:
		packet->gid = number;
		break;
	}
	return true;
}

static bool fail_option(struct parse *parse)
{
	static const char *const names[] = { "syn", "ack", "fin", "rst", "psh", "urg", "flags",
		"type", "code", "echo-request", "echo-reply", "mac", "src-mac", "dst-mac", "vlan",
		"ttl", "len", "mark", "tos", "dscp", "uid", "gid", "frag", "first-frag", "df",
		"reply" };
	static const char *const ports[] = { "port", "sport", "dport", "--sport", "--dport" };
	const char *nearest = text_nearest(parse->word, names, N_OF(names));
	uint8_t flags = 0;
	const char *types[N_OF(icmp_names)];
	char hint[64];

	if (flags_by_name(parse->word, &flags) || !strcmp(parse->word, "flags"))
		return fail(parse, "only TCP has flags", "leave them away, or say tcp");
	for (size_t i = 0; i < N_OF(ports); i++)
		if (!strcmp(parse->word, ports[i]))
			return fail_word(parse, "option",
				"a port stands behind its address: tcp 10.0.0.5 10.0.0.9:443");
	if (is_icmp(&parse->packet)) {
		for (size_t i = 0; i < N_OF(icmp_names); i++) {
			types[i] = icmp_names[i].name;
			if (!strcmp(parse->word, types[i]))
				return fail(parse, "this type is of the other ICMP",
					"IPv4 and IPv6 have different ones; or type NUMBER");
		}
		if (!nearest)
			nearest = text_nearest(parse->word, types, N_OF(types));
	}
	if (!nearest)
		return fail_word(parse, "option",
			"options are flags, type, code, mac, vlan, ttl, "
			"len, mark, dscp, frag, df");
	snprintf(hint, sizeof(hint), "did you mean %s?", nearest);
	return fail_word(parse, "option", hint);
}

static bool parse_option(struct parse *parse)
{
	struct packet *packet = &parse->packet;
	bool is_arp = packet->arp_op != 0;
	bool is_tcp = !is_arp && packet->proto == PROTO_TCP;
	bool is_known, is_ok;

	is_ok = parse_number_option(parse, &is_known);
	if (is_known)
		return is_ok;
	if (is_tcp && flags_by_name(parse->word, &packet->tcp_flags))
		return parse->has_flags = true;
	if (is_tcp && !strcmp(parse->word, "flags"))
		return parse_flags(parse);
	if (!is_arp && is_icmp(packet) && icmp_by_name(parse))
		return true;
	if (!strcmp(parse->word, "mac"))
		return parse_macs(parse);
	if (!strcmp(parse->word, "src-mac"))
		return parse_mac(parse, FIELD_ETH_SRC, &packet->eth_src);
	if (!strcmp(parse->word, "dst-mac"))
		return parse_mac(parse, FIELD_ETH_DST, &packet->eth_dst);
	if (!strcmp(parse->word, "frag") && !is_arp)
		return packet->is_later_fragment = true;
	if (!strcmp(parse->word, "first-frag") && !is_arp)
		return packet->is_first_fragment = true;
	if (!strcmp(parse->word, "df") && !is_arp)
		return packet->is_dont_fragment = true;
	if (!strcmp(parse->word, "reply") && is_arp) {
		packet->arp_op = ARP_REPLY;
		return true;
	}
	return fail_option(parse);
}

static void settle(struct parse *parse)
{
	struct packet *packet = &parse->packet;

	if (packet->arp_op) {
		if (packet->unknown & FIELD_BIT(FIELD_ETH_SRC))
			packet->unknown |= FIELD_BIT(FIELD_ARP_SHA);
		/* who-has is asked of everybody */
		if (packet->arp_op == ARP_REQUEST && packet->unknown & FIELD_BIT(FIELD_ETH_DST)) {
			memset(packet->eth_dst.bytes, 0xff, sizeof(packet->eth_dst.bytes));
			packet->unknown &= ~FIELD_BIT(FIELD_ETH_DST);
		}
		return;
	}
	if (packet->proto == PROTO_TCP && !parse->has_flags)
		packet->tcp_flags = TCP_SYN;
	if (is_icmp(packet) && !parse->has_type)
		packet->icmp_type = packet->proto == PROTO_ICMPV6 ? 128 : 8;
	if (packet->is_later_fragment)
		packet->unknown &= ~(FIELD_BIT(FIELD_SPORT) | FIELD_BIT(FIELD_DPORT));
}

bool packet_expr_parse(const char *text, struct packet *ret, struct err *err)
{
	struct parse parse = { .text = text, .at = text, .start = text, .err = err };

	parse.packet.unknown = OPEN_BY_DEFAULT;
	parse.packet.ttl = 64;
	if (!parse_head(&parse))
		return false;
	while (next_word(&parse))
		if (!parse_option(&parse))
			return false;
	if (parse.packet.is_later_fragment && parse.packet.is_first_fragment)
		return fail(&parse, "it is the first fragment (first-frag) or a later one (frag)",
			"leave one of them away");
	settle(&parse);
	*ret = parse.packet;
	return true;
}

/* --- printing --- */

static bool is_open(const struct packet *packet, enum field field)
{
	return packet->unknown & FIELD_BIT(field);
}

static void print_end(struct text *out, const struct packet *packet, enum field field,
	const struct addr *addr, enum field port_field, uint16_t port)
{
	bool has_port =
		packet->arp_op == 0 && proto_has_ports(packet->proto) && !packet->is_later_fragment;
	bool has_brackets = has_port && addr->family == FAMILY_IPV6 && !is_open(packet, field);

	text_add(out, has_brackets ? " [" : " ");
	if (is_open(packet, field))
		text_add(out, "any");
	else
		addr_print(out, addr);
	if (has_brackets)
		text_add(out, "]");
	if (has_port && is_open(packet, port_field))
		text_add(out, ":any");
	else if (has_port)
		text_addf(out, ":%u", port);
}

static void print_flags(struct text *out, const struct packet *packet)
{
	const char *separator = " ";

	if (is_open(packet, FIELD_TCP_FLAGS)) {
		text_add(out, " flags any");
	} else if (!packet->tcp_flags) {
		text_add(out, " flags none");
	} else {
		for (size_t i = 0; i < N_OF(flag_names); i++) {
			if (!(packet->tcp_flags & 1 << i))
				continue;
			text_addf(out, "%s%s", separator, flag_names[i]);
			separator = ",";
		}
	}
}

static void print_number(struct text *out, const struct packet *packet, const char *name,
	enum field field, uint32_t number)
{
	if (is_open(packet, field))
		text_addf(out, " %s any", name);
	else
		text_addf(out, " %s %u", name, number);
}

static void print_mac(
	struct text *out, const struct packet *packet, enum field field, struct mac mac)
{
	if (is_open(packet, field))
		text_add(out, "any");
	else
		mac_print(out, mac);
}

static void print_frame(struct text *out, const struct packet *packet)
{
	if (!is_open(packet, FIELD_ETH_SRC) || !is_open(packet, FIELD_ETH_DST)) {
		text_add(out, " mac ");
		print_mac(out, packet, FIELD_ETH_SRC, packet->eth_src);
		text_add(out, " > ");
		print_mac(out, packet, FIELD_ETH_DST, packet->eth_dst);
	}
	if (packet->ethertype == ETHERTYPE_VLAN)
		print_number(out, packet, "vlan", FIELD_VLAN_ID, packet->vlan_id);
}

static void print_ip_options(struct text *out, const struct packet *packet)
{
	if (packet->proto == PROTO_TCP && !is_open(packet, FIELD_PROTO))
		print_flags(out, packet);
	if (is_icmp(packet) && !is_open(packet, FIELD_PROTO)) {
		print_number(out, packet, "type", FIELD_ICMP_TYPE, packet->icmp_type);
		print_number(out, packet, "code", FIELD_ICMP_CODE, packet->icmp_code);
	}
	if (packet->ttl != 64 || is_open(packet, FIELD_TTL))
		print_number(out, packet, "ttl", FIELD_TTL, packet->ttl);
	if (packet->tos || is_open(packet, FIELD_TOS))
		print_number(out, packet, "tos", FIELD_TOS, packet->tos);
	if (!is_open(packet, FIELD_LENGTH))
		print_number(out, packet, "len", FIELD_LENGTH, packet->length);
	if (packet->is_later_fragment)
		text_add(out, " frag");
	if (packet->is_first_fragment)
		text_add(out, " first-frag");
	if (packet->is_dont_fragment)
		text_add(out, " df");
	if (!is_open(packet, FIELD_UID))
		print_number(out, packet, "uid", FIELD_UID, packet->uid);
	if (!is_open(packet, FIELD_GID))
		print_number(out, packet, "gid", FIELD_GID, packet->gid);
}

void packet_expr_print(struct text *out, const struct packet *packet)
{
	const char *name = is_open(packet, FIELD_PROTO) ? "any" : proto_name(packet->proto);

	if (packet->arp_op) {
		text_add(out, "arp");
		print_end(out, packet, FIELD_ARP_SPA, &packet->arp_spa, FIELD_SPORT, 0);
		print_end(out, packet, FIELD_ARP_TPA, &packet->arp_tpa, FIELD_DPORT, 0);
		if (packet->arp_op == ARP_REPLY)
			text_add(out, " reply");
	} else {
		if (name)
			text_add(out, name);
		else
			text_addf(out, "%u", packet->proto);
		print_end(out, packet, FIELD_SRC, &packet->src, FIELD_SPORT, packet->sport);
		print_end(out, packet, FIELD_DST, &packet->dst, FIELD_DPORT, packet->dport);
		print_ip_options(out, packet);
	}
	print_frame(out, packet);
	if (packet->mark || is_open(packet, FIELD_MARK))
		print_number(out, packet, "mark", FIELD_MARK, packet->mark);
}
