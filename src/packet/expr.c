// SPDX-License-Identifier: GPL-2.0-or-later
/* Packet expressions: words, in the order protocol, source, destination, options. */
#include "packet/expr_internal.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* An end that is "any". */
#define FAMILY_OPEN FAMILY_INET

/* What is not said of any packet. */
#define OPEN_BY_DEFAULT                                                                            \
	(FIELD_BIT(FIELD_ETH_SRC) | FIELD_BIT(FIELD_ETH_DST) | FIELD_BIT(FIELD_LENGTH) |           \
		FIELD_BIT(FIELD_UID) | FIELD_BIT(FIELD_GID))

/* --- words --- */

bool expr_fail(struct parse *parse, const char *what, const char *next)
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
	parse->word = arena_strndup(parse->arena, parse->start, len);
	return len > 0;
}

static bool want_word(struct parse *parse, const char *what)
{
	char message[128];

	if (next_word(parse))
		return true;
	snprintf(message, sizeof(message), "here %s is missing", what);
	return expr_fail(parse, message, "see \"tcp 10.0.0.5:any 10.0.0.9:443 syn\"");
}

bool expr_fail_word(struct parse *parse, const char *is_no, const char *next)
{
	char message[160];

	snprintf(message, sizeof(message), "\"%.60s\" is no %s", parse->word, is_no);
	return expr_fail(parse, message, next);
}

/* --- the three that must be there --- */

/* One end of the packet as written, "[A]:P", "A:P" (IPv4, any) or "A". */
struct end {
	struct expr_part addr, port;
	bool has_port;
};

/* False: what is behind the bracket is no port. */
static bool split_end(const char *at, size_t len, struct end *ret)
{
	struct expr_part all = expr_part(at, len);
	const char *end = at + len, *colon = memchr(all.at, ':', all.len);

	*ret = (struct end){ .addr = all };
	if (all.len && *all.at == '[') {
		const char *close = memchr(all.at, ']', all.len);

		if (!close)
			return false;
		ret->addr.at++;
		ret->addr.len = (size_t)(close - ret->addr.at);
		ret->has_port = close + 1 < end;
		ret->port = expr_part(close + 2, ret->has_port ? (size_t)(end - close - 2) : 0);
		return !ret->has_port || close[1] == ':';
	}
	/* more than one colon: of IPv6 */
	if (!colon || memchr(colon + 1, ':', (size_t)(end - colon - 1)))
		return true;
	ret->has_port = true;
	ret->addr.len = (size_t)(colon - all.at);
	ret->port = expr_part(colon + 1, (size_t)(end - colon - 1));
	return true;
}

/* Does it begin with an address, whatever is behind it? */
static bool is_address(const struct parse *parse)
{
	struct end end;
	struct addr addr;

	split_end(parse->start, strlen(parse->word), &end);
	for (size_t i = 0; i < end.addr.len; i++)
		if (strchr(",-/", end.addr.at[i]))
			end.addr.len = i;
	return addr_parse(arena_strndup(parse->arena, end.addr.at, end.addr.len), &addr);
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
	if (is_address(parse))
		return expr_fail_word(parse, "protocol",
			"the protocol comes first: \"tcp 10.0.0.5 10.0.0.9:443\"; or any");
	if (strchr(parse->word, ',') || parse->word[0] == '!')
		return expr_fail_word(parse, "protocol", "one expression for each, or any");
	names = proto_names(&n);
	nearest = text_nearest(parse->word, names, n);
	if (nearest)
		snprintf(hint, sizeof(hint), "did you mean %s?", nearest);
	return expr_fail_word(
		parse, "protocol", nearest ? hint : "a name (tcp) or a number (0 to 255) is right");
}

static const struct expr_kind addr_kind = {
	.what = "address",
	.right = "10.0.0.5, 2001:db8::1, or any is right; with a port 10.0.0.5:443 or "
		 "[2001:db8::1]:443",
	.has_choices = true,
};

static bool parse_port(struct parse *parse, struct expr_part part, enum field field, uint16_t *ret)
{
	static const struct expr_kind kind = { "port", "ports are 0 to 65535, or any", 65535,
		.is_decimal = true, .has_choices = true };
	struct field_value port;

	if (!expr_values(parse, part, &kind, field, &port, NULL))
		return false;
	*ret = (uint16_t)field_value_number(&port);
	return true;
}

/* ret_family is untouched where any family is meant. */
static bool parse_end(struct parse *parse, const char *what, enum field field, struct addr *ret,
	enum field port_field, uint16_t *ret_port, enum family *ret_family)
{
	struct field_value addr;
	struct end end;

	if (!want_word(parse, what))
		return false;
	if (!split_end(parse->start, strlen(parse->word), &end))
		return expr_fail_word(parse, addr_kind.what, addr_kind.right);
	if (!expr_values(parse, end.addr, &addr_kind, field, &addr, ret_family))
		return false;
	*ret = field_value_addr(&addr, *ret_family == FAMILY_IPV6 ? FAMILY_IPV6 : FAMILY_IPV4);
	parse->packet.unknown |= FIELD_BIT(port_field);
	if (!end.has_port)
		return true;
	if (parse->packet.unknown & FIELD_BIT(FIELD_PROTO))
		return expr_fail(parse, "ports are of a protocol that has some",
			"say tcp or udp in place of any, or leave the :PORT away");
	if (parse->packet.ethertype == ETHERTYPE_ARP || !proto_has_ports(parse->packet.proto))
		return expr_fail(parse, "this protocol has no ports", "leave the :PORT away");
	return parse_port(parse, end.port, port_field, ret_port);
}

/* Of an end whose family is open the other one's is taken. */
static bool settle_families(struct parse *parse, enum family src, enum family dst)
{
	struct packet *packet = &parse->packet;
	bool knows_src = src != FAMILY_OPEN, knows_dst = dst != FAMILY_OPEN;

	if (knows_src && knows_dst && src != dst)
		return expr_fail(parse, "source and destination are of different families",
			"both must be IPv4, or both IPv6");
	if (!knows_src)
		src = knows_dst ? dst : packet->proto == PROTO_ICMPV6 ? FAMILY_IPV6 : FAMILY_IPV4;
	packet->src.family = packet->dst.family = src;
	return true;
}

static bool settle_arp(struct parse *parse)
{
	struct packet *packet = &parse->packet;

	if (packet->src.family != FAMILY_IPV4)
		return expr_fail(parse, "ARP is of IPv4 only", NULL);
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
	enum family src = FAMILY_OPEN, dst = FAMILY_OPEN;

	if (!parse_proto(parse) ||
		!parse_end(parse, "the source address", FIELD_SRC, &packet->src, FIELD_SPORT,
			&packet->sport, &src) ||
		!parse_end(parse, "the destination address", FIELD_DST, &packet->dst, FIELD_DPORT,
			&packet->dport, &dst) ||
		!settle_families(parse, src, dst))
		return false;
	if (packet->ethertype != ETHERTYPE_ARP) {
		packet->ethertype =
			packet->src.family == FAMILY_IPV6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4;
		if (packet->proto == PROTO_ICMP && packet->src.family == FAMILY_IPV6)
			packet->proto = PROTO_ICMPV6;
		else if (packet->proto == PROTO_ICMPV6 && packet->src.family == FAMILY_IPV4)
			return expr_fail(
				parse, "ICMPv6 is of IPv6 only", "with IPv4 addresses say icmp");
	} else if (!settle_arp(parse)) {
		return false;
	}
	if (packet->ethertype == ETHERTYPE_ARP || !proto_has_ports(packet->proto))
		packet->unknown &= ~(FIELD_BIT(FIELD_SPORT) | FIELD_BIT(FIELD_DPORT));
	return true;
}

/* --- options --- */

const char *const expr_flag_names[] = { "fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr" };
static const char flag_letters[] = "FSRPAUEC";

static bool flag_of(const char *word, size_t len, uint8_t *ret)
{
	for (size_t i = 0; i < N_EXPR_FLAGS; i++) {
		if (len == 3 && !strncasecmp(word, expr_flag_names[i], 3)) {
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
		parse->packet.tcp_flags = 0;
		return true;
	}
	if (strcmp(parse->word, "none") != 0 && !flags_by_name(parse->word, &flags)) {
		for (const char *at = parse->word; *at; at++) {
			const char *letter = strchr(flag_letters, *at);

			if (!letter)
				return expr_fail_word(parse, "set of TCP flags",
					"letters of FSRPAUEC, names (syn,ack), none, or any");
			flags |= (uint8_t)(1 << (letter - flag_letters));
		}
	}
	expr_set_known(parse, FIELD_TCP_FLAGS);
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
		expr_set_known(parse, FIELD_ICMP_TYPE);
		expr_set_known(parse, FIELD_ICMP_CODE);
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
		*ret = (struct mac){ 0 };
		return true;
	}
	if (!mac_parse(parse->word, ret))
		return expr_fail_word(parse, "MAC address", "fa:16:3e:00:00:01 or any is right");
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
		return expr_fail(parse, "here \">\" is missing", right);
	if (strcmp(parse->word, ">") != 0)
		return expr_fail_word(parse, "\">\"", right);
	return parse_mac(parse, FIELD_ETH_DST, &parse->packet.eth_dst);
}

bool expr_is_icmp(const struct packet *packet)
{
	return packet->ethertype != ETHERTYPE_ARP &&
	       (packet->proto == PROTO_ICMP || packet->proto == PROTO_ICMPV6);
}

/* Options that are a number; false with ret_known: an error was given. */
static bool parse_number_option(struct parse *parse, bool *ret_known)
{
	static const struct {
		const char *name;
		enum field field;
		struct expr_kind kind;
	} options[] = {
		{ "type", FIELD_ICMP_TYPE, { "ICMP type", NULL, 255, .has_choices = true } },
		{ "code", FIELD_ICMP_CODE, { "ICMP code", NULL, 255, .has_choices = false } },
		{ "vlan", FIELD_VLAN_ID, { "VLAN id", NULL, 4094, .has_choices = false } },
		{ "ttl", FIELD_TTL, { "TTL", NULL, 255, .has_choices = true } },
		{ "len", FIELD_LENGTH, { "length", NULL, 65535, .has_choices = true } },
		{ "mark", FIELD_MARK, { "mark", NULL, UINT32_MAX, .has_choices = true } },
		{ "tos", FIELD_TOS, { "type of service", NULL, 255, .has_choices = true } },
		{ "dscp", FIELD_TOS, { "DSCP", NULL, 63, .has_choices = false } },
		{ "uid", FIELD_UID, { "user id", NULL, UINT32_MAX, .has_choices = true } },
		{ "gid", FIELD_GID, { "group id", NULL, UINT32_MAX, .has_choices = true } },
	};
	struct packet *packet = &parse->packet;
	struct field_value value;
	uint32_t number;
	size_t i = 0;

	while (i < N_OF(options) && strcmp(parse->word, options[i].name) != 0)
		i++;
	*ret_known = i < N_OF(options);
	if (!*ret_known)
		return false;
	if (i < 2 && !expr_is_icmp(packet))
		return expr_fail(parse, "only ICMP has a type and a code", NULL);
	if (packet->arp_op && options[i].field != FIELD_VLAN_ID && options[i].field != FIELD_MARK)
		return expr_fail(
			parse, "ARP has none of this", "options are mac, vlan, mark, reply");
	if (!want_word(parse, options[i].kind.what) ||
		!expr_values(parse, expr_part(parse->start, strlen(parse->word)), &options[i].kind,
			options[i].field, &value, NULL))
		return false;
	number = (uint32_t)field_value_number(&value);
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
		return expr_fail(parse, "only TCP has flags", "leave them away, or say tcp");
	for (size_t i = 0; i < N_OF(ports); i++)
		if (!strcmp(parse->word, ports[i]))
			return expr_fail_word(parse, "option",
				"a port stands behind its address: tcp 10.0.0.5 10.0.0.9:443");
	if (expr_is_icmp(&parse->packet)) {
		for (size_t i = 0; i < N_OF(icmp_names); i++) {
			types[i] = icmp_names[i].name;
			if (!strcmp(parse->word, types[i]))
				return expr_fail(parse, "this type is of the other ICMP",
					"IPv4 and IPv6 have different ones; or type NUMBER");
		}
		if (!nearest)
			nearest = text_nearest(parse->word, types, N_OF(types));
	}
	if (!nearest)
		return expr_fail_word(parse, "option",
			"options are flags, type, code, mac, vlan, ttl, "
			"len, mark, dscp, frag, df");
	snprintf(hint, sizeof(hint), "did you mean %s?", nearest);
	return expr_fail_word(parse, "option", hint);
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
	if (is_tcp && flags_by_name(parse->word, &packet->tcp_flags)) {
		expr_set_known(parse, FIELD_TCP_FLAGS);
		return parse->has_flags = true;
	}
	if (is_tcp && !strcmp(parse->word, "flags"))
		return parse_flags(parse);
	if (!is_arp && expr_is_icmp(packet) && icmp_by_name(parse))
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

uint64_t packet_expr_usual(struct packet *packet)
{
	if (packet->proto == PROTO_TCP) {
		packet->tcp_flags = TCP_SYN;
		return FIELD_BIT(FIELD_TCP_FLAGS);
	}
	if (!expr_is_icmp(packet))
		return 0;
	packet->icmp_type = packet->proto == PROTO_ICMPV6 ? 128 : 8;
	packet->icmp_code = 0;
	return FIELD_BIT(FIELD_ICMP_TYPE) | FIELD_BIT(FIELD_ICMP_CODE);
}

static void settle(struct parse *parse)
{
	struct packet *packet = &parse->packet, usual = *packet;

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
	packet_expr_usual(&usual);
	if (!parse->has_flags)
		packet->tcp_flags = usual.tcp_flags;
	if (!parse->has_type)
		packet->icmp_type = usual.icmp_type;
	if (packet->is_later_fragment)
		packet->unknown &= ~(FIELD_BIT(FIELD_SPORT) | FIELD_BIT(FIELD_DPORT));
}

static bool says_port(const struct packet *packet, const struct packet_choices *choices)
{
	vec_for_each (choice, choices)
		if (choice->field == FIELD_SPORT || choice->field == FIELD_DPORT)
			return true;
	return proto_has_ports(packet->proto) &&
	       (~packet->unknown & (FIELD_BIT(FIELD_SPORT) | FIELD_BIT(FIELD_DPORT)));
}

static bool parse_all(struct parse *parse)
{
	struct packet *packet = &parse->packet;

	packet->unknown = OPEN_BY_DEFAULT;
	packet->ttl = 64;
	if (!parse_head(parse))
		return false;
	while (next_word(parse))
		if (!parse_option(parse))
			return false;
	if (packet->is_later_fragment && packet->is_first_fragment)
		return expr_fail(parse,
			"it is the first fragment (first-frag) or a later one (frag)",
			"leave one of them away");
	if (packet->is_later_fragment && says_port(packet, &parse->choices))
		return expr_fail(parse, "a later fragment (frag) has no ports",
			"leave the :PORT away, or say first-frag");
	settle(parse);
	return true;
}

bool packet_expr_parse_set(struct arena *arena, const char *text, struct packet *ret,
	struct packet_choices *ret_choices, struct err *err)
{
	struct parse parse = {
		.text = text, .at = text, .start = text, .arena = arena, .err = err
	};

	if (!parse_all(&parse))
		return false;
	*ret = parse.packet;
	*ret_choices = parse.choices;
	return true;
}

bool packet_expr_parse(const char *text, struct packet *ret, struct err *err)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct parse parse = {
		.text = text, .at = text, .start = text, .arena = arena, .is_one = true, .err = err
	};

	if (!parse_all(&parse))
		return false;
	*ret = parse.packet;
	return true;
}
