// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Protocol names. The host's /etc/protocols is not asked: Debian's calls protocol 4 "ipencap"
 * and 94 "ipip", while in the Neutron API (neutron-lib, constants.IP_PROTOCOL_MAP) "ipip" is 4.
 * A rule must mean the same on every host.
 */
#include "packet/packet.h"

#include <strings.h>

#include "base/vec.h"

static const struct {
	const char *name;
	uint8_t number;
} api_protos[] = {
	{ "ah", 51 },
	{ "dccp", 33 },
	{ "egp", 8 },
	{ "esp", 50 },
	{ "gre", 47 },
	{ "hopopt", 0 },
	{ "icmp", 1 },
	{ "icmpv6", 58 },
	{ "igmp", 2 },
	{ "ip", 0 },
	{ "ipip", 4 },
	{ "ipv6-encap", 41 },
	{ "ipv6-frag", 44 },
	{ "ipv6-icmp", 58 },
	{ "ipv6-nonxt", 59 },
	{ "ipv6-opts", 60 },
	{ "ipv6-route", 43 },
	{ "ospf", 89 },
	{ "pgm", 113 },
	{ "rsvp", 46 },
	{ "sctp", 132 },
	{ "tcp", 6 },
	{ "udp", 17 },
	{ "udplite", 136 },
	{ "vrrp", 112 },
};

#define N_API_PROTOS N_OF(api_protos)

const char *const *proto_names(size_t *ret_n)
{
	static const char *names[N_API_PROTOS];

	for (size_t i = 0; i < N_API_PROTOS; i++)
		names[i] = api_protos[i].name;
	*ret_n = N_API_PROTOS;
	return names;
}

static bool proto_number(const char *text, uint8_t *ret)
{
	uint32_t number;

	for (size_t i = 0; i < N_API_PROTOS; i++) {
		if (!strcasecmp(text, api_protos[i].name)) {
			*ret = api_protos[i].number;
			return true;
		}
	}
	if (!text_to_u32(text, 0, 255, &number))
		return false;
	*ret = (uint8_t)number;
	return true;
}

bool proto_parse(const char *text, enum family family, uint8_t *ret)
{
	if (!proto_number(text, ret))
		return false;
	if (family == FAMILY_IPV6 && *ret == PROTO_ICMP)
		*ret = PROTO_ICMPV6;
	return true;
}

const char *proto_name(uint8_t proto)
{
	/* Of two names for one number the one that people use. */
	if (proto == PROTO_ICMPV6)
		return "icmpv6";
	if (proto == 0)
		return "hopopt";
	for (size_t i = 0; i < N_API_PROTOS; i++)
		if (api_protos[i].number == proto)
			return api_protos[i].name;
	return NULL;
}

bool proto_has_ports(uint8_t proto)
{
	return proto == PROTO_TCP || proto == PROTO_UDP || proto == PROTO_SCTP ||
	       proto == PROTO_DCCP || proto == PROTO_UDPLITE;
}
