// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The three chains of a filtered port, line for line in Neutron's order, because the order is
 * the meaning:
 *
 *  o, from the VM: what must pass before the source can be checked (DHCP discovery, duplicate
 *     address detection), the source, what no rule may allow (DHCP server, RA), known flows, the
 *     rules, INVALID, the rest.
 *  i, to the VM: ICMPv6 that IPv6 cannot do without, known flows, leases and RAs, the rules,
 *     INVALID, the rest.
 *  s, the source of o: RETURN for each address with its MAC, else DROP.
 *
 * The rules stand before INVALID on purpose (LP 1460741): what a rule allows passes even when
 * conntrack does not understand it.
 *
 * A family of which the port has no address: o is only the jump to s, and s drops. (In i nothing
 * changes: who sends there is somebody else's decision.)
 */
#include "compile/internal.h"

#define ALLOW_PAIR_TEXT "Allow traffic from defined IP/MAC pairs."
#define FALLBACK_TEXT	"Send unmatched traffic to the fallback chain."

/* Lines of a chain beside the rules; only so that the vector need not grow. */
#define O_LINES 11
#define I_LINES 10

static void fallback_add(
	struct compiler *c, struct chain *chain, struct port_plan *port, enum direction direction)
{
	rule_add(c, chain, NULL, 0, target_jump(c->names.sg_fallback), FALLBACK_TEXT,
		origin_of(c, port, DUTY_FALLBACK, direction));
}

/*
 * Do the chains ask conntrack? A stateless port on a bridge of its own is not tracked at all (raw:
 * notrack), and the state lines stay as Neutron has them: they never match. On a shared bridge
 * its packets are tracked, for the sake of the other ports, and the lines would match.
 */
static bool has_state_lines(const struct port_plan *port)
{
	return port->port->stateful || port->plug->hybrid_peer;
}

static void s_make(struct compiler *c, struct table *table, struct port_plan *port)
{
	struct chain *chain = chain_of(c, table, port->chain_s);
	const struct origin *origin = origin_of(c, port, DUTY_ANTI_SPOOF, DIR_EGRESS);
	struct address_pair *sources = NULL;
	size_t n = 0;

	if (policy_port_has_family(port->port, table->family))
		sources = port_sources(c, port->port, table->family, &n);
	chain_reserve(c->arena, chain, n + 1);
	for (size_t i = 0; i < n; i++) {
		struct match matches[] = {
			{ .kind = MATCH_SRC, .prefix = sources[i].prefix },
			{ .kind = MATCH_MAC_SRC, .mac = sources[i].mac },
		};
		size_t skip = sources[i].prefix.len == 0; /* iptables prints no -s for it */

		rule_add(c, chain, matches_copy(c, matches + skip, 2 - skip), 2 - skip,
			target_of(TARGET_RETURN), ALLOW_PAIR_TEXT, origin);
	}
	line_add(c, chain, port, DIR_EGRESS, LINE_SPOOF_DROP);
}

static void o_make(struct compiler *c, struct table *table, struct port_plan *port)
{
	static const enum line before_s[N_IP_FAMILIES][4] = {
		{ LINE_DHCP4_DISCOVER, N_LINES },
		{ LINE_ND_MLD_REPORT, LINE_ND_SOLICITATION, LINE_ND_MLD2_REPORT, N_LINES },
	};
	static const enum line behind_s[N_IP_FAMILIES][5] = {
		{ LINE_DHCP4_CLIENT, LINE_DHCP4_SERVER_DROP, N_LINES },
		{ LINE_RA_DROP, LINE_ICMPV6, LINE_DHCP6_CLIENT, LINE_DHCP6_SERVER_DROP, N_LINES },
	};
	struct chain *chain = chain_of(c, table, port->chain_o);
	enum family family = table->family;
	bool has_family = policy_port_has_family(port->port, family);

	chain_reserve(c->arena, chain, has_family ? O_LINES + rules_count(port->port) : 1);
	for (const enum line *l = before_s[family]; has_family && *l != N_LINES; l++)
		line_add(c, chain, port, DIR_EGRESS, *l);
	rule_add(c, chain, NULL, 0, target_jump(port->chain_s), NULL,
		origin_of(c, port, DUTY_ANTI_SPOOF, DIR_EGRESS));
	if (!has_family)
		return;
	for (const enum line *l = behind_s[family]; *l != N_LINES; l++)
		line_add(c, chain, port, DIR_EGRESS, *l);
	if (has_state_lines(port))
		line_add(c, chain, port, DIR_EGRESS, LINE_ESTABLISHED);
	rules_add(c, chain, port, family, DIR_EGRESS);
	if (has_state_lines(port))
		line_add(c, chain, port, DIR_EGRESS, LINE_INVALID);
	fallback_add(c, chain, port, DIR_EGRESS);
}

/* A lease for one of the port's addresses. Which server sends it is not asked, as in Neutron. */
static void lease_add(
	struct compiler *c, struct chain *chain, struct port_plan *port, const struct addr *addr)
{
	bool is_v6 = addr->family == FAMILY_IPV6;
	struct match matches[] = {
		{ .kind = MATCH_DST, .prefix = prefix_of_addr(addr) },
		{ .kind = MATCH_PROTO, .proto = PROTO_UDP },
		match_port(c, MATCH_SPORT, is_v6 ? 547 : 67),
		match_port(c, MATCH_DPORT, is_v6 ? 546 : 68),
	};

	rule_add(c, chain, matches_copy(c, matches, N_OF(matches)), N_OF(matches),
		target_of(TARGET_RETURN), NULL, origin_of(c, port, DUTY_DHCP_IN, DIR_INGRESS));
}

static void i_make(struct compiler *c, struct table *table, struct port_plan *port)
{
	const struct policy_port *p = port->port;
	struct chain *chain = chain_of(c, table, port->chain_i);
	enum family family = table->family;
	bool has_fixed = false;

	chain_reserve(c->arena, chain, I_LINES + p->n_fixed_ips + rules_count(p));
	for (size_t i = 0; i < p->n_fixed_ips; i++)
		has_fixed |= p->fixed_ips[i].family == family;
	if (family == FAMILY_IPV6) {
		line_add(c, chain, port, DIR_INGRESS, LINE_IN_MLD_QUERY);
		line_add(c, chain, port, DIR_INGRESS, LINE_IN_SOLICITATION);
		line_add(c, chain, port, DIR_INGRESS, LINE_IN_ADVERTISEMENT);
	}
	if (has_state_lines(port))
		line_add(c, chain, port, DIR_INGRESS, LINE_ESTABLISHED);
	if (family == FAMILY_IPV6 && has_fixed)
		line_add(c, chain, port, DIR_INGRESS, LINE_IN_RA);
	for (size_t i = 0; i < p->n_fixed_ips; i++)
		if (p->fixed_ips[i].family == family)
			lease_add(c, chain, port, &p->fixed_ips[i]);
	line_add(c, chain, port, DIR_INGRESS,
		family == FAMILY_IPV6 ? LINE_IN_DHCP6_LOCAL : LINE_IN_DHCP4_BROADCAST);
	rules_add(c, chain, port, family, DIR_INGRESS);
	if (has_state_lines(port))
		line_add(c, chain, port, DIR_INGRESS, LINE_INVALID);
	fallback_add(c, chain, port, DIR_INGRESS);
}

void port_make(struct compiler *c, struct table *table, struct port_plan *port)
{
	i_make(c, table, port);
	o_make(c, table, port);
	s_make(c, table, port);
}
