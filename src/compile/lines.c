// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The lines of a port's chains that do not depend on the port: DHCP, neighbour discovery,
 * conntrack's states. Comments are literally Neutron's; where Neutron writes none there is none.
 */
#include "compile/internal.h"

#define V4(a, b, c, d, bits)                                                                       \
	{                                                                                          \
		.addr = { .family = FAMILY_IPV4, .bytes = { (a), (b), (c), (d) } }, .len = (bits)  \
	}
#define V6(first, second, bits)                                                                    \
	{                                                                                          \
		.addr = { .family = FAMILY_IPV6, .bytes = { (first), (second) } }, .len = (bits)   \
	}
#define UDP                                                                                        \
	{                                                                                          \
		.kind = MATCH_PROTO, .proto = PROTO_UDP                                            \
	}
#define ICMPV6                                                                                     \
	{                                                                                          \
		.kind = MATCH_PROTO, .proto = PROTO_ICMPV6                                         \
	}
#define ICMPV6_TYPE(t)                                                                             \
	{                                                                                          \
		.kind = MATCH_ICMP_TYPE, .icmp = {.type = (t), .any_code = true }                  \
	}
#define FROM_NOWHERE                                                                               \
	{                                                                                          \
		.kind = MATCH_SRC, .prefix = V6(0, 0, 128)                                         \
	}
#define TO_MULTICAST                                                                               \
	{                                                                                          \
		.kind = MATCH_DST, .prefix = V6(0xff, 0x02, 16)                                    \
	}

/* ICMPv6 types: RFC 2710, RFC 3810, RFC 4861 */
#define MLD_QUERY     130
#define MLD_REPORT    131
#define RA	      134
#define SOLICITATION  135
#define ADVERTISEMENT 136
#define MLD2_REPORT   143

#define DHCP_CLIENT_TEXT "Allow DHCP client traffic."
#define DHCP_SERVER_TEXT "Prevent DHCP Spoofing by VM."
#define ICMPV6_TEXT	 "Allow IPv6 ICMP traffic."
#define INVALID_TEXT                                                                                \
	"Drop packets that appear related to an existing connection (e.g. TCP ACK/FIN) but do not " \
	"have an entry in conntrack."

static const struct {
	enum duty duty;
	enum target_kind target;
	uint16_t sport, dport; /* of UDP; 0: none */
	size_t n;
	struct match matches[5];
	const char *comment;
} lines[N_LINES] = {
	[LINE_DHCP4_DISCOVER] = { DUTY_DHCP_CLIENT, TARGET_RETURN, 68, 67, 3,
		{ { .kind = MATCH_SRC, .prefix = V4(0, 0, 0, 0, 32) },
			{ .kind = MATCH_DST, .prefix = V4(255, 255, 255, 255, 32) }, UDP },
		DHCP_CLIENT_TEXT },
	[LINE_DHCP4_CLIENT] = { DUTY_DHCP_CLIENT, TARGET_RETURN, 68, 67, 1, { UDP },
		DHCP_CLIENT_TEXT },
	[LINE_DHCP4_SERVER_DROP] = { DUTY_NO_DHCP_SERVER, TARGET_DROP, 67, 68, 1, { UDP },
		DHCP_SERVER_TEXT },
	[LINE_ND_MLD_REPORT] = { DUTY_ND, TARGET_RETURN, 0, 0, 4,
		{ FROM_NOWHERE, TO_MULTICAST, ICMPV6, ICMPV6_TYPE(MLD_REPORT) }, ICMPV6_TEXT },
	[LINE_ND_SOLICITATION] = { DUTY_ND, TARGET_RETURN, 0, 0, 4,
		{ FROM_NOWHERE, TO_MULTICAST, ICMPV6, ICMPV6_TYPE(SOLICITATION) }, ICMPV6_TEXT },
	[LINE_ND_MLD2_REPORT] = { DUTY_ND, TARGET_RETURN, 0, 0, 4,
		{ FROM_NOWHERE, TO_MULTICAST, ICMPV6, ICMPV6_TYPE(MLD2_REPORT) }, ICMPV6_TEXT },
	[LINE_RA_DROP] = { DUTY_NO_RA, TARGET_DROP, 0, 0, 2, { ICMPV6, ICMPV6_TYPE(RA) },
		"Drop IPv6 Router Advts from VM Instance." },
	[LINE_ICMPV6] = { DUTY_ND, TARGET_RETURN, 0, 0, 1, { ICMPV6 }, ICMPV6_TEXT },
	[LINE_DHCP6_CLIENT] = { DUTY_DHCP_CLIENT, TARGET_RETURN, 546, 547, 1, { UDP },
		DHCP_CLIENT_TEXT },
	[LINE_DHCP6_SERVER_DROP] = { DUTY_NO_DHCP_SERVER, TARGET_DROP, 547, 546, 1, { UDP },
		DHCP_SERVER_TEXT },
	[LINE_IN_MLD_QUERY] = { DUTY_ND, TARGET_RETURN, 0, 0, 2, { ICMPV6, ICMPV6_TYPE(MLD_QUERY) },
		NULL },
	[LINE_IN_SOLICITATION] = { DUTY_ND, TARGET_RETURN, 0, 0, 2,
		{ ICMPV6, ICMPV6_TYPE(SOLICITATION) }, NULL },
	[LINE_IN_ADVERTISEMENT] = { DUTY_ND, TARGET_RETURN, 0, 0, 2,
		{ ICMPV6, ICMPV6_TYPE(ADVERTISEMENT) }, NULL },
	[LINE_IN_RA] = { DUTY_RA_IN, TARGET_RETURN, 0, 0, 2, { ICMPV6, ICMPV6_TYPE(RA) }, NULL },
	[LINE_IN_DHCP4_BROADCAST] = { DUTY_DHCP_IN, TARGET_RETURN, 67, 68, 2,
		{ { .kind = MATCH_DST, .prefix = V4(255, 255, 255, 255, 32) }, UDP }, NULL },
	[LINE_IN_DHCP6_LOCAL] = { DUTY_DHCP_IN, TARGET_RETURN, 547, 546, 2,
		{ { .kind = MATCH_DST, .prefix = V6(0xfe, 0x80, 64) }, UDP }, NULL },
	[LINE_ESTABLISHED] = { DUTY_ESTABLISHED, TARGET_RETURN, 0, 0, 1,
		{ { .kind = MATCH_CT_STATE, .ct_states = CT_ESTABLISHED | CT_RELATED } },
		"Direct packets associated with a known session to the RETURN chain." },
	[LINE_INVALID] = { DUTY_INVALID, TARGET_DROP, 0, 0, 1,
		{ { .kind = MATCH_CT_STATE, .ct_states = CT_INVALID } }, INVALID_TEXT },
	[LINE_SPOOF_DROP] = { DUTY_SPOOF_DROP, TARGET_DROP, 0, 0, 0, { { 0 } },
		"Drop traffic without an IP/MAC allow rule." },
};

struct match match_port(struct compiler *c, enum match_kind kind, uint16_t port)
{
	struct match match = { .kind = kind, .ports = { .n_ranges = 1 } };

	match.ports.ranges = arena_new_one(c->arena, struct port_range);
	*match.ports.ranges = (struct port_range){ port, port };
	return match;
}

void lines_init(struct compiler *c)
{
	c->lines = arena_new_array(c->arena, struct rule, N_LINES);
	for (enum line i = 0; i < N_LINES; i++) {
		size_t n = lines[i].n;
		struct match *m = arena_new_array(c->arena, struct match, n + 2);

		for (size_t k = 0; k < n; k++)
			m[k] = lines[i].matches[k];
		if (lines[i].sport) {
			m[n++] = match_port(c, MATCH_SPORT, lines[i].sport);
			m[n++] = match_port(c, MATCH_DPORT, lines[i].dport);
		}
		c->lines[i] = (struct rule){
			.matches = m,
			.n_matches = n,
			.target = { .kind = lines[i].target },
			.comment = lines[i].comment,
		};
	}
}

void line_add(struct compiler *c, struct chain *chain, struct port_plan *port,
	enum direction direction, enum line line)
{
	struct rule *rule = chain_add_rule(c->arena, chain);

	*rule = c->lines[line];
	rule->origin = origin_of(c, port, lines[line].duty, direction);
}
