// SPDX-License-Identifier: GPL-2.0-or-later
/* One member of an ipset, read and printed by the parts of the set's type. */
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "ruleset/ipset.h"
#include "ruleset/print.h"

static const struct ipset_type types[] = {
	{ "hash:net", { IPSET_NET } },
	{ "hash:ip", { IPSET_IP } },
	{ "hash:ip,port", { IPSET_IP, IPSET_PORT } },
	{ "hash:net,port", { IPSET_NET, IPSET_PORT } },
	{ "hash:ip,port,ip", { IPSET_IP, IPSET_PORT, IPSET_IP } },
	{ "hash:ip,port,net", { IPSET_IP, IPSET_PORT, IPSET_NET } },
	{ "hash:net,port,net", { IPSET_NET, IPSET_PORT, IPSET_NET } },
	{ "hash:net,iface", { IPSET_NET, IPSET_IFACE } },
	{ "hash:net,net", { IPSET_NET, IPSET_NET } },
	{ "hash:mac", { IPSET_MAC } },
	{ "hash:ip,mac", { IPSET_IP, IPSET_MAC } },
	{ "hash:ip,mark", { IPSET_IP, IPSET_MARK } },
	{ "bitmap:ip", { IPSET_IP } },
	{ "bitmap:ip,mac", { IPSET_IP, IPSET_MAC } },
	{ "bitmap:port", { IPSET_PORT } },
	{ "list:set", { IPSET_SET } },
};

const struct ipset_type *ipset_type_find(const char *name)
{
	for (size_t i = 0; i < N_OF(types); i++)
		if (strcmp(types[i].name, name) == 0)
			return &types[i];
	return NULL;
}

static bool is_bitmap_port(const char *type)
{
	return strcmp(type, "bitmap:port") == 0;
}

/* "80", "53-55" */
static bool parse_ports(const char *text, struct port_range *ret)
{
	const char *dash = strchr(text, '-');
	uint32_t min, max;
	char copy[6];
	size_t len = dash ? (size_t)(dash - text) : strlen(text);

	if (len >= sizeof(copy))
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	if (!text_to_u32(copy, 0, UINT16_MAX, &min))
		return false;
	max = min;
	if (dash && (!text_to_u32(dash + 1, 0, UINT16_MAX, &max) || max < min))
		return false;
	*ret = (struct port_range){ (uint16_t)min, (uint16_t)max };
	return true;
}

/* "8/0", "echo-request" */
static bool parse_icmp(uint8_t proto, const char *text, struct port_range *ret)
{
	enum family family = proto == PROTO_ICMPV6 ? FAMILY_IPV6 : FAMILY_IPV4;
	const char *slash = strchr(text, '/');
	uint32_t code = 0, number;
	uint8_t type;
	char copy[4];
	int named;
	size_t len;

	if (xt_icmp_name(family, text, &type, &named)) {
		code = named < 0 ? 0 : (uint32_t)named;
	} else {
		if (!slash)
			return false;
		len = (size_t)(slash - text);
		if (len >= sizeof(copy))
			return false;
		memcpy(copy, text, len);
		copy[len] = '\0';
		if (!text_to_u32(copy, 0, 255, &number) || !text_to_u32(slash + 1, 0, 255, &code))
			return false;
		type = (uint8_t)number;
	}
	ret->min = ret->max = (uint16_t)(type * 256U + code);
	return true;
}

/* "tcp:80"; without a protocol: TCP, or in a bitmap:port any. */
static bool parse_service(const char *type, const char *text, struct ipset_member *member)
{
	const char *colon = strchr(text, ':');
	char proto[32];
	size_t len = colon ? (size_t)(colon - text) : 0;

	if (len >= sizeof(proto))
		return false;
	memcpy(proto, text, len);
	proto[len] = '\0';
	member->proto = PROTO_TCP;
	if (colon && !xt_proto_number(proto, &member->proto))
		return false;
	if (is_bitmap_port(type))
		member->proto = 0;
	text = colon ? colon + 1 : text;
	if (colon && (member->proto == PROTO_ICMP || member->proto == PROTO_ICMPV6))
		return parse_icmp(member->proto, text, &member->ports);
	return parse_ports(text, &member->ports);
}

static bool parse_net(enum family family, uint8_t netmask, const char *text, struct prefix *ret)
{
	struct prefix prefix;

	if (!prefix_parse(text, &prefix) || prefix.addr.family != family)
		return false;
	if (netmask && netmask < prefix.len) {
		prefix.len = netmask;
		for (unsigned i = netmask; i < 128; i++)
			prefix.addr.bytes[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
	}
	*ret = prefix;
	return true;
}

static bool parse_iface(struct arena *arena, const char *text, struct ipset_member *member)
{
	member->is_physdev = text_has_prefix(text, "physdev:");
	if (member->is_physdev)
		text += strlen("physdev:");
	member->name = arena_strdup(arena, text);
	return *text != '\0';
}

static bool parse_mark(const char *text, uint32_t *ret)
{
	char *rest;
	unsigned long mark;

	if (*text < '0' || *text > '9')
		return false;
	mark = strtoul(text, &rest, 0);
	*ret = (uint32_t)mark;
	return !*rest && mark <= UINT32_MAX;
}

static bool parse_part(struct arena *arena, const struct ipset_type *type, enum ipset_part part,
	enum family family, uint8_t netmask, size_t *n_nets, const char *text,
	struct ipset_member *member)
{
	switch (part) {
	case IPSET_IP:
	case IPSET_NET:
		return parse_net(family, netmask, text, &member->nets[(*n_nets)++]);
	case IPSET_PORT:
		return parse_service(type->name, text, member);
	case IPSET_MAC:
		member->has_mac = true;
		return mac_parse(text, &member->mac);
	case IPSET_IFACE:
		return parse_iface(arena, text, member);
	case IPSET_MARK:
		return parse_mark(text, &member->mark);
	case IPSET_SET:
		member->name = arena_strdup(arena, text);
		return *text != '\0';
	case IPSET_NONE:
		break;
	}
	return false;
}

/* Does the type allow that the part is left out? */
static bool is_optional(const struct ipset_type *type, enum ipset_part part)
{
	return part == IPSET_MAC && strcmp(type->name, "bitmap:ip,mac") == 0;
}

static void print_net(
	struct text *out, const struct set *set, enum ipset_part part, const struct prefix *net)
{
	/* an address under the set's netmask is printed without it */
	if (part == IPSET_IP && set->options && strstr(set->options, "netmask "))
		addr_print(out, &net->addr);
	else
		prefix_print_bare(out, net);
}

static void print_service(struct text *out, const struct ipset_member *member, bool is_bitmap)
{
	static const char *const names[256] = { [PROTO_TCP] = "tcp",
		[PROTO_UDP] = "udp",
		[PROTO_SCTP] = "sctp",
		[PROTO_UDPLITE] = "udplite",
		[PROTO_ICMP] = "icmp",
		[PROTO_ICMPV6] = "ipv6-icmp" };

	if (!is_bitmap && names[member->proto])
		text_addf(out, "%s:", names[member->proto]);
	else if (!is_bitmap)
		text_addf(out, "%u:", member->proto);
	if (member->proto == PROTO_ICMP || member->proto == PROTO_ICMPV6)
		text_addf(out, "%u/%u", member->ports.min / 256, member->ports.min % 256);
	else if (member->ports.min == member->ports.max)
		text_addf(out, "%u", member->ports.min);
	else
		text_addf(out, "%u-%u", member->ports.min, member->ports.max);
}

static void print_part(struct text *out, const struct set *set, enum ipset_part part,
	size_t *n_nets, const struct ipset_member *member)
{
	switch (part) {
	case IPSET_IP:
	case IPSET_NET:
		print_net(out, set, part, &member->nets[(*n_nets)++]);
		break;
	case IPSET_PORT:
		print_service(out, member, set->type && is_bitmap_port(set->type));
		break;
	case IPSET_MAC: {
		const uint8_t *b = member->mac.bytes;

		text_addf(out, "%02X:%02X:%02X:%02X:%02X:%02X", b[0], b[1], b[2], b[3], b[4], b[5]);
		break;
	}
	case IPSET_IFACE:
		text_addf(out, "%s%s", member->is_physdev ? "physdev:" : "", member->name);
		break;
	case IPSET_MARK:
		text_addf(out, "0x%08x", member->mark);
		break;
	case IPSET_SET:
		text_add(out, member->name);
		break;
	case IPSET_NONE:
		break;
	}
}

static void print_value(struct text *out, const struct set *set, const struct ipset_member *member)
{
	size_t n_nets = 0;

	if (set->parts[0] == IPSET_NONE) /* compiled: a hash:net */
		print_net(out, set, IPSET_NET, &member->nets[0]);
	for (size_t i = 0; i < IPSET_MAX_PARTS && set->parts[i] != IPSET_NONE; i++) {
		if (set->parts[i] == IPSET_MAC && !member->has_mac)
			continue;
		text_add(out, i ? "," : "");
		print_part(out, set, set->parts[i], &n_nets, member);
	}
}

bool ipset_member_parse(struct arena *arena, const struct ipset_type *type, enum family family,
	uint8_t netmask, const char *text, struct ipset_member *ret)
{
	struct text printed CLEANUP(text_done) = TEXT_INIT;
	struct set set = { .type = type->name };
	struct ipset_member member = { 0 };
	const char *at = text;
	size_t n_nets = 0;
	char part[256];

	memcpy(set.parts, type->parts, sizeof(set.parts));
	set.options = netmask ? "netmask " : "";
	for (size_t i = 0; i < IPSET_MAX_PARTS && type->parts[i] != IPSET_NONE; i++) {
		size_t len = strcspn(at, ",");

		if (!*at && is_optional(type, type->parts[i]))
			break;
		if (len >= sizeof(part))
			return false;
		memcpy(part, at, len);
		part[len] = '\0';
		if (!parse_part(
			    arena, type, type->parts[i], family, netmask, &n_nets, part, &member))
			return false;
		at += len;
		at += *at == ',';
	}
	if (*at)
		return false;
	/* Names of protocols and types are the host's; they are printed as they were read. */
	if (strchr(text, ':') && (type->parts[0] == IPSET_PORT || type->parts[1] == IPSET_PORT)) {
		print_value(&printed, &set, &member);
		if (strcmp(printed.data, text) != 0)
			member.text = arena_strdup(arena, text);
	}
	*ret = member;
	return true;
}

void ipset_member_print(struct text *out, const struct set *set, const struct ipset_member *member)
{
	if (member->text)
		text_add(out, member->text);
	else
		print_value(out, set, member);
	if (member->rest)
		text_addf(out, " %s", member->rest);
}
