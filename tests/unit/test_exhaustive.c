// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A world so small that all of it can be asked: what policy_decide says of a packet is what the
 * compiled tables do with it, and the rule that does it is there for the reason that was given.
 *
 * The world has four addresses, two of them of local ports, chosen so that a prefix and a group tell
 * all four apart; a handful of headers; three states. Policies are all multisets of up to three
 * rules (the rules of a port all allow: another order allows the same, and the order in which they
 * are tried alternates), and all kinds of ports with every duty.
 */
#include "unit.h"

#include <string.h>

#include "compile/compile.h"
#include "ruleset/eval.h"

enum { ADDR_A, ADDR_B, ADDR_GROUP, ADDR_OTHER, N_ADDRS };

/* The prefix holds A and B, the group B and GROUP. */
static const char *const addr_texts[N_IP_FAMILIES][N_ADDRS] = {
	{ "10.0.0.1", "10.0.0.2", "10.0.1.2", "10.0.1.3" },
	{ "2001:db8::1", "2001:db8::2", "2001:db8:1::2", "2001:db8:1::3" },
};
static const char *const prefix_texts[N_IP_FAMILIES] = { "10.0.0.0/24", "2001:db8::/64" };

static struct addr addrs[N_IP_FAMILIES][N_ADDRS];
static struct prefix prefixes[N_IP_FAMILIES];
static struct prefix members[N_IP_FAMILIES][2];

#define MAC(n)                                                                                     \
	(struct mac)                                                                               \
	{                                                                                          \
		{                                                                                  \
			2, 0, 0, 0, 0, n                                                           \
		}                                                                                  \
	}

static struct addr addr_of(const char *text)
{
	struct addr addr;

	assert_true(addr_parse(text, &addr));
	return addr;
}

/* Of one packet's answer: there are millions. */
static struct arena *answers;

static int setup_world(void **state)
{
	(void)state;
	answers = arena_new();
	for (enum family f = FAMILY_IPV4; f < N_IP_FAMILIES; f++) {
		for (size_t i = 0; i < N_ADDRS; i++)
			addrs[f][i] = addr_of(addr_texts[f][i]);
		assert_true(prefix_parse(prefix_texts[f], &prefixes[f]));
		members[f][0] = prefix_of_addr(&addrs[f][ADDR_B]);
		members[f][1] = prefix_of_addr(&addrs[f][ADDR_GROUP]);
	}
	return 0;
}

static int end_world(void **state)
{
	(void)state;
	arena_freep(&answers);
	return 0;
}

/* The rules of the world, of one direction and family. */
static const struct shape {
	int proto; /* -1: any; ICMP is ICMPv6 in IPv6 */
	uint16_t port_min, port_max;
	int icmp_type;
} shapes[] = {
	{ -1, 0, 0, -1 },
	{ PROTO_TCP, 0, 0, -1 },
	{ PROTO_TCP, 80, 80, -1 },
	{ PROTO_TCP, 80, 81, -1 },
	{ PROTO_UDP, 81, 81, -1 },
	{ PROTO_ICMP, 0, 0, -1 },
	{ PROTO_ICMP, 0, 0, 8 },
	{ 47, 0, 0, -1 },
};

enum { REMOTE_ANY, REMOTE_PREFIX, REMOTE_GROUP, N_REMOTES };
#define N_RULES (N_OF(shapes) * N_REMOTES)

struct world {
	struct policy policy;
	struct policy_group groups[2]; /* the ports', and the remote one */
	struct policy_rule rules[3];
	struct policy_port ports[2];
	struct plug plugs[2];
	const struct policy_group *port_groups[1];
	struct addr fixed[2][N_IP_FAMILIES];
};

static void world_rule(
	struct world *w, size_t at, size_t number, enum direction direction, enum family family)
{
	const struct shape *shape = &shapes[number / N_REMOTES];
	size_t remote = number % N_REMOTES;
	struct policy_rule *rule = &w->rules[at];

	*rule = (struct policy_rule){
		.id = at == 0	? "r0"
		      : at == 1 ? "r1"
				: "r2",
		.group = &w->groups[0],
		.direction = direction,
		.ethertype = family,
		.has_proto = shape->proto >= 0,
		.proto = (uint8_t)shape->proto,
		.has_ports = shape->port_min != 0,
		.port_min = shape->port_min,
		.port_max = shape->port_max,
		.has_icmp_type = shape->icmp_type >= 0,
		.icmp_type = (uint8_t)shape->icmp_type,
		.has_prefix = remote == REMOTE_PREFIX,
		.prefix = prefixes[family],
		.remote_group = remote == REMOTE_GROUP ? &w->groups[1] : NULL,
	};
	if (family == FAMILY_IPV6 && shape->proto == PROTO_ICMP)
		rule->proto = PROTO_ICMPV6;
	w->groups[0].n_rules = at + 1;
}

/* Two ports of both families on one bridge, in one group, whose rules the caller fills in. */
static void world_init(struct world *w)
{
	static const char *const ids[] = { "aaaaaaaa-aaaa", "bbbbbbbb-bbbb" };
	static const char *const devices[] = { "tapA", "tapB" };

	*w = (struct world){ 0 };
	w->groups[0] = (struct policy_group){ .id = "g", .name = "g", .stateful = true };
	w->groups[0].rules = w->rules;
	w->groups[1] = (struct policy_group){ .id = "remote", .name = "remote", .stateful = true };
	for (enum family f = FAMILY_IPV4; f < N_IP_FAMILIES; f++)
		w->groups[1].members[f] = (struct prefix_list){ members[f], 2 };
	w->port_groups[0] = &w->groups[0];
	for (size_t i = 0; i < 2; i++) {
		w->fixed[i][0] = addrs[FAMILY_IPV4][i];
		w->fixed[i][1] = addrs[FAMILY_IPV6][i];
		w->ports[i] = (struct policy_port){
			.id = ids[i],
			.name = ids[i],
			.device = devices[i],
			.device_owner = "",
			.mac = MAC((uint8_t)(i + 1)),
			.fixed_ips = w->fixed[i],
			.n_fixed_ips = 2,
			.groups = w->port_groups,
			.n_groups = 1,
			.port_security = true,
			.is_local = true,
			.stateful = true,
		};
		w->plugs[i] = (struct plug){ .port = &w->ports[i], .bridge = "br0", .zone = 4097 };
	}
	w->policy = (struct policy){
		.groups = w->groups, .n_groups = 2, .ports = w->ports, .n_ports = 2
	};
}

static const struct ruleset *world_compile(struct arena *arena, const struct world *w)
{
	const struct compile_options options = { .scope = compile_default_scope };
	const struct ruleset *rs = NULL;
	struct err err = { 0 };

	if (!compile_policy(arena, &w->policy, w->plugs, 2, &options, &rs, &err))
		fail_msg("%s", err.text);
	return rs;
}

/* The last rule that counted the packet, of each port and direction. */
struct trace {
	const struct world *world;
	const struct origin *last[2][DIR_EGRESS + 1];
};

static void record(struct trace *trace, const struct rule *rule)
{
	const struct origin *origin = rule->origin;

	assert_non_null(origin);
	/* What the bridge table lets go on is judged later. */
	if (origin->duty == DUTY_FRAMES && rule->target.kind != TARGET_DROP)
		return;
	if (origin->port && origin->duty != DUTY_DISPATCH)
		trace->last[origin->port - trace->world->ports][origin->direction] = origin;
}

/* The rules that matched, in order. */
static void record_all(struct trace *trace, const struct step *step)
{
	if (!step)
		return;
	record_all(trace, step->before);
	if (step->kind == STEP_MATCH)
		record(trace, step->rule);
}

static enum reason reason_of(const struct origin *origin, enum family family)
{
	switch (origin->duty) {
	case DUTY_DHCP_CLIENT:
		return REASON_DHCP_CLIENT;
	case DUTY_DHCP_IN:
		return REASON_DHCP_SERVER_IN;
	case DUTY_NO_DHCP_SERVER:
		return DROP_DHCP_SERVER;
	case DUTY_NO_RA:
		return DROP_RA;
	case DUTY_RA_IN:
		return REASON_RA_IN;
	case DUTY_ND:
		return REASON_ND;
	case DUTY_FRAMES: /* of IP it drops foreign MACs only */
		return DROP_SPOOF;
	case DUTY_SPOOF_DROP:
		return policy_port_has_family(origin->port, family) ? DROP_SPOOF : DROP_NO_FAMILY;
	case DUTY_ESTABLISHED:
		return REASON_ESTABLISHED;
	case DUTY_RULE:
		return REASON_RULE;
	case DUTY_INVALID:
		return DROP_INVALID;
	case DUTY_FALLBACK:
		return DROP_NO_RULE;
	case DUTY_PORT_SECURITY_OFF:
		return REASON_PORT_SECURITY_OFF;
	case DUTY_TRUSTED:
		return REASON_TRUSTED;
	default:
		return N_REASONS;
	}
}

static void fail_packet(const struct packet *packet, const char *what, struct decision decision,
	const struct origin *origin)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;

	packet_print(&text, packet);
	fail_msg("%s: %s: policy_decide says %s, the rule that counted last is there for %s",
		text.data, what, reason_name(decision.reason),
		origin ? duty_name(origin->duty) : "nothing");
}

/* One side of a packet's way: does the last rule stand for the reason? */
static void check_side(const struct trace *trace, const struct packet *packet, size_t port,
	enum direction direction, struct decision decision)
{
	const struct origin *origin = trace->last[port][direction];

	if (!origin || reason_of(origin, packet->src.family) != decision.reason) {
		fail_packet(packet, "reason", decision, origin);
		return;
	}
	if (decision.reason == REASON_RULE) {
		bool is_there = false;

		for (size_t i = 0; i < origin->n_rules; i++)
			is_there |= origin->rules[i] == decision.rule;
		if (!is_there)
			fail_packet(packet, "rule", decision, origin);
	}
}

static enum verdict walk(const struct ruleset *rs, enum family family, const char *table,
	const char *chain, const struct packet *packet, struct trace *trace)
{
	const struct table *t = ruleset_table(rs, family, table);
	const struct chain *base = table_chain(t, chain);
	const struct eval eval = { .arena = answers, .rs = rs, .hook = ruleset_chain_hook(base) };
	struct outcome few[2];
	struct outcomes outcomes = { { few, 0, N_OF(few) } };

	arena_reset(answers);
	ruleset_eval_chain(&eval, t, base, packet, NULL, NULL, &outcomes);
	/* of a packet of which everything is known there is one answer */
	if (outcomes.n != 1 || few[0].verdict == VERDICT_CANNOT_TELL)
		fail_packet(packet, "cannot tell", (struct decision){ 0 }, NULL);
	record_all(trace, few[0].last);
	return few[0].verdict;
}

/* Does a packet of this world pass the tables at a place (a built-in chain of filter)? What comes
 * from a port of the bridge meets the bridge table before. */
static bool passes(const struct ruleset *rs, const char *chain, const struct packet *packet,
	struct trace *trace)
{
	enum family family = packet->ethertype == ETHERTYPE_IPV6 ? FAMILY_IPV6 : FAMILY_IPV4;

	if (packet->physdev_in &&
		walk(rs, FAMILY_BRIDGE, "portwall", "prerouting", packet, trace) == VERDICT_DROP)
		return false;
	return walk(rs, family, "filter", chain, packet, trace) == VERDICT_ACCEPT;
}

/* One port against the world: what it sends to, or gets from, a neighbour of the bridge. */
static void check_one(const struct world *w, const struct ruleset *rs, size_t port,
	enum direction direction, struct packet *packet)
{
	struct decision decision = policy_decide(&w->ports[port], direction, packet);
	struct trace trace = { .world = w };

	packet->in_iface = packet->out_iface = "br0";
	packet->physdev_in = direction == DIR_EGRESS ? w->ports[port].device : "eth0";
	packet->physdev_out = direction == DIR_EGRESS ? "eth0" : w->ports[port].device;
	if (passes(rs, "FORWARD", packet, &trace) == reason_is_drop(decision.reason))
		fail_packet(packet, "verdict", decision, trace.last[port][direction]);
	check_side(&trace, packet, port, direction, decision);
}

/* The same packet to the host itself, and through it. */
static void check_host(
	const struct world *w, const struct ruleset *rs, size_t port, struct packet *packet)
{
	static const char *const chains[] = { "INPUT", "FORWARD" };
	struct decision decision = policy_decide(&w->ports[port], DIR_EGRESS, packet);

	packet->in_iface = "br0";
	packet->physdev_in = w->ports[port].device;
	packet->physdev_out = NULL;
	for (size_t i = 0; i < N_OF(chains); i++) {
		struct trace trace = { .world = w };

		packet->out_iface = i == 0 ? NULL : "eth9";
		if (passes(rs, chains[i], packet, &trace) == reason_is_drop(decision.reason))
			fail_packet(packet, chains[i], decision, trace.last[port][DIR_EGRESS]);
		if (policy_port_is_filtered(&w->ports[port]))
			check_side(&trace, packet, port, DIR_EGRESS, decision);
	}
}

/* From one local port to the other, in one pass. */
static void check_crossing(
	const struct world *w, const struct ruleset *rs, size_t from, struct packet *packet)
{
	size_t to = 1 - from;
	struct decision out = policy_decide(&w->ports[from], DIR_EGRESS, packet);
	struct decision in = policy_decide(&w->ports[to], DIR_INGRESS, packet);
	bool drops = reason_is_drop(out.reason) || reason_is_drop(in.reason);
	struct trace trace = { .world = w };

	packet->in_iface = packet->out_iface = "br0";
	packet->physdev_in = w->ports[from].device;
	packet->physdev_out = w->ports[to].device;
	if (passes(rs, "FORWARD", packet, &trace) == drops)
		fail_packet(packet, "crossing", out, trace.last[from][DIR_EGRESS]);
	/* The first side that drops ends the pass: of a dropped packet one side may be unasked. */
	if (!drops || trace.last[from][DIR_EGRESS])
		check_side(&trace, packet, from, DIR_EGRESS, out);
	if (!drops || trace.last[to][DIR_INGRESS])
		check_side(&trace, packet, to, DIR_INGRESS, in);
}

/* May the port be reached at this address, as far as its addresses are known? */
static bool is_claimed(const struct policy_port *port, const struct addr *dst)
{
	struct addr local;

	for (size_t i = 0; i < port->n_fixed_ips; i++) {
		local = addr_link_local(port->mac);
		if (addr_compare(&port->fixed_ips[i], dst) == 0 ||
			(port->fixed_ips[i].family == FAMILY_IPV6 &&
				addr_compare(&local, dst) == 0))
			return true;
	}
	for (size_t i = 0; i < port->n_pairs; i++) {
		local = addr_link_local(port->pairs[i].mac);
		if (prefix_contains(&port->pairs[i].prefix, dst) ||
			(port->pairs[i].prefix.addr.family == FAMILY_IPV6 &&
				addr_compare(&local, dst) == 0))
			return true;
	}
	return false;
}

/* From the host itself, and routed by it, to the first port; the bridge has addresses. */
static void check_routed(const struct world *w, const struct ruleset *rs, struct packet *packet)
{
	static const char *const chains[] = { "OUTPUT", "FORWARD" };
	const struct policy_port *port = &w->ports[0];
	struct decision decision = policy_decide(port, DIR_INGRESS, packet);
	bool is_judged = policy_port_is_filtered(port) && is_claimed(port, &packet->dst);

	packet->out_iface = "br0";
	packet->physdev_in = packet->physdev_out = NULL;
	for (size_t i = 0; i < N_OF(chains); i++) {
		struct trace trace = { .world = w };

		packet->in_iface = i == 0 ? NULL : "eth9";
		if (passes(rs, chains[i], packet, &trace) ==
			(is_judged && reason_is_drop(decision.reason)))
			fail_packet(packet, chains[i], decision, trace.last[0][DIR_INGRESS]);
		if (is_judged)
			check_side(&trace, packet, 0, DIR_INGRESS, decision);
	}
}

/* The headers of the world. */
static const struct l4 {
	int proto;
	uint16_t sport, dport;
	uint8_t icmp_type;
	bool is_later_fragment;
} headers[] = {
	{ PROTO_TCP, 1000, 79, 0, false },
	{ PROTO_TCP, 1000, 80, 0, false },
	{ PROTO_TCP, 1000, 81, 0, false },
	{ PROTO_TCP, 0, 0, 0, true },
	{ PROTO_UDP, 1000, 80, 0, false },
	{ PROTO_UDP, 1000, 81, 0, false },
	{ PROTO_ICMP, 0, 0, 8, false },
	{ PROTO_ICMP, 0, 0, 0, false },
	{ 47, 0, 0, 0, false },
};
static const enum ct_state states[] = { CT_NEW, CT_ESTABLISHED, CT_INVALID };

/* Conntrack puts fragments together: what it has seen is whole, and what it has not is in no state. */
static bool is_possible(const struct l4 *l4, enum ct_state state)
{
	return !l4->is_later_fragment || state != CT_INVALID;
}

static void packet_init(struct packet *packet, enum family family, const struct l4 *l4,
	enum ct_state ct_state, struct addr src, struct addr dst, struct mac eth_src)
{
	*packet = (struct packet){
		.ethertype = family == FAMILY_IPV6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4,
		.eth_src = eth_src,
		.src = src,
		.dst = dst,
		.proto = (uint8_t)l4->proto,
		.sport = l4->sport,
		.dport = l4->dport,
		.icmp_type = l4->icmp_type,
		.is_later_fragment = l4->is_later_fragment,
		.ct_state = ct_state,
	};
	if (family == FAMILY_IPV6 && l4->proto == PROTO_ICMP)
		packet->proto = PROTO_ICMPV6;
}

static void check_rules(const struct world *w, enum direction direction, enum family family)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	const struct ruleset *rs = world_compile(arena, w);

	for (size_t h = 0; h < N_OF(headers); h++)
		for (size_t s = 0; s < N_OF(states); s++)
			for (size_t r = 0; r < N_ADDRS && is_possible(&headers[h], states[s]);
				r++) {
				const struct addr *own = &addrs[family][ADDR_A];
				const struct addr *remote = &addrs[family][r];
				struct packet packet;

				if (direction == DIR_EGRESS)
					packet_init(&packet, family, &headers[h], states[s], *own,
						*remote, MAC(1));
				else
					packet_init(&packet, family, &headers[h], states[s],
						*remote, *own, MAC(9));
				check_one(w, rs, 0, direction, &packet);
			}
}

/* All multisets of up to three rules; calls check for each, as filled into the world. */
static void every_policy(struct world *w, enum direction direction, enum family family)
{
	for (size_t i = 0; i <= N_RULES; i++)
		for (size_t j = i; j <= N_RULES; j++)
			for (size_t k = j; k <= N_RULES; k++) {
				size_t rules[] = { i, j, k }, n = 0;

				for (size_t at = 0; at < 3; at++) {
					size_t number = rules[(i + j + k) & 1 ? at : 2 - at];

					if (number < N_RULES)
						world_rule(w, n++, number, direction, family);
				}
				w->groups[0].n_rules = n;
				check_rules(w, direction, family);
			}
}

static void every_policy_of_three_rules_means_what_it_says(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	for (enum family f = FAMILY_IPV4; f < N_IP_FAMILIES; f++)
		for (enum direction d = DIR_INGRESS; d <= DIR_EGRESS; d++)
			every_policy(&w, d, f);
}

/* Rules of both directions, and packets that need both. */
static void two_ports_of_a_bridge_are_both_asked(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	for (enum family f = FAMILY_IPV4; f < N_IP_FAMILIES; f++)
		for (size_t i = 0; i < N_RULES * N_RULES; i++) {
			struct arena *arena CLEANUP(arena_freep) = arena_new();
			const struct ruleset *rs;
			struct packet packet;

			world_rule(&w, 0, i / N_RULES, DIR_EGRESS, f);
			world_rule(&w, 1, i % N_RULES, DIR_INGRESS, f);
			rs = world_compile(arena, &w);
			for (size_t h = 0; h < N_OF(headers) * N_OF(states) * 2; h++) {
				size_t from = h & 1;

				if (!is_possible(&headers[h / 2 / N_OF(states)],
					    states[h / 2 % N_OF(states)]))
					continue;
				packet_init(&packet, f, &headers[h / 2 / N_OF(states)],
					states[h / 2 % N_OF(states)], addrs[f][from],
					addrs[f][1 - from], MAC((uint8_t)(from + 1)));
				check_crossing(&w, rs, from, &packet);
			}
		}
}

/* What every duty looks at. */
static const struct l4 duty_headers[] = {
	{ PROTO_TCP, 1000, 80, 0, false },
	{ PROTO_UDP, 68, 67, 0, false },
	{ PROTO_UDP, 67, 68, 0, false },
	{ PROTO_UDP, 546, 547, 0, false },
	{ PROTO_UDP, 547, 546, 0, false },
	{ PROTO_UDP, 68, 68, 0, false },
	{ PROTO_UDP, 0, 0, 0, true },
	{ PROTO_ICMP, 0, 0, 8, false },
	{ PROTO_ICMP, 0, 0, 128, false },
	{ PROTO_ICMP, 0, 0, 130, false },
	{ PROTO_ICMP, 0, 0, 131, false },
	{ PROTO_ICMP, 0, 0, 133, false },
	{ PROTO_ICMP, 0, 0, 134, false },
	{ PROTO_ICMP, 0, 0, 135, false },
	{ PROTO_ICMP, 0, 0, 136, false },
	{ PROTO_ICMP, 0, 0, 143, false },
	{ PROTO_ICMP, 0, 0, 0, true },
};
static const enum ct_state duty_states[] = { CT_NEW, CT_ESTABLISHED, CT_RELATED, CT_INVALID,
	CT_UNTRACKED };
static const char *const sources[N_IP_FAMILIES][7] = {
	{ "10.0.0.1", "10.0.0.2", "0.0.0.0", "10.9.0.77", "10.0.9.9", "169.254.0.1",
		"255.255.255.255" },
	{ "2001:db8::1", "2001:db8::2", "::", "2001:db8:9::77", "fe80::ff:fe00:1",
		"fe80::ff:fe00:7", "fe80::1" },
};
static const char *const targets[N_IP_FAMILIES][6] = {
	{ "10.0.0.1", "255.255.255.255", "10.0.1.3", "224.0.0.1", "10.9.0.78", "10.0.0.3" },
	{ "2001:db8::1", "ff02::1:2", "fe80::5", "2001:db8:9::78", "fe80::ff:fe00:1",
		"fe80::ff:fe00:7" },
};

/* Kinds of ports: addresses and pairs by family, and how they are treated. */
static const struct kind {
	bool has_fixed[N_IP_FAMILIES], has_pair[N_IP_FAMILIES];
	bool is_stateless, is_off, is_trusted;
} kinds[] = {
	{ { true, true }, { false, false }, false, false, false },
	{ { true, false }, { false, false }, false, false, false },
	{ { false, true }, { false, false }, false, false, false },
	{ { false, false }, { false, false }, false, false, false },
	{ { true, true }, { true, true }, false, false, false },
	{ { true, false }, { false, true }, false, false, false },
	{ { false, true }, { true, false }, false, false, false },
	{ { false, false }, { true, false }, false, false, false },
	{ { false, false }, { false, true }, false, false, false },
	{ { true, true }, { false, false }, true, false, false },
	{ { true, false }, { false, false }, true, false, false },
	{ { true, true }, { false, false }, false, true, false },
	{ { true, true }, { false, false }, false, false, true },
};

/* The first port becomes of a kind: with a wide pair of MAC 7 in a family that has pairs. */
static void world_kind(struct world *w, const struct kind *kind, struct address_pair pairs[2])
{
	static const char *const wide[N_IP_FAMILIES] = { "10.9.0.0/16", "2001:db8:9::/48" };
	struct policy_port *port = &w->ports[0];

	port->n_fixed_ips = port->n_pairs = 0;
	port->pairs = pairs;
	for (enum family f = FAMILY_IPV4; f < N_IP_FAMILIES; f++) {
		if (kind->has_fixed[f])
			port->fixed_ips[port->n_fixed_ips++] = addrs[f][ADDR_A];
		if (!kind->has_pair[f])
			continue;
		assert_true(prefix_parse(wide[f], &pairs[port->n_pairs].prefix));
		pairs[port->n_pairs++].mac = MAC(7);
	}
	port->stateful = !kind->is_stateless;
	port->port_security = !kind->is_off;
	port->device_owner = kind->is_trusted ? "network:dhcp" : "compute:nova";
}

/* No rules; egress to the prefix; ingress from the group; both wide open. */
static void world_duty_rules(struct world *w, size_t choice, enum family family)
{
	w->groups[0].n_rules = 0;
	switch (choice) {
	case 1:
		world_rule(w, 0, REMOTE_PREFIX, DIR_EGRESS, family);
		world_rule(w, 1, REMOTE_GROUP, DIR_INGRESS, family);
		break;
	case 2:
		world_rule(w, 0, REMOTE_ANY, DIR_EGRESS, family);
		world_rule(w, 1, REMOTE_ANY, DIR_INGRESS, family);
		break;
	default:
		break;
	}
}

static void check_duties(const struct world *w, const struct ruleset *rs, enum family f)
{
	static const uint8_t macs[] = { 1, 7, 9 };
	struct packet packet;

	for (size_t i = 0; i < N_OF(duty_headers) * N_OF(duty_states) * N_OF(macs); i++)
		for (size_t s = 0; s < N_OF(sources[0]); s++)
			for (size_t d = 0; d < N_OF(targets[0]); d++) {
				if (!is_possible(&duty_headers[i % N_OF(duty_headers)],
					    duty_states[i / N_OF(duty_headers) %
							N_OF(duty_states)]))
					continue;
				packet_init(&packet, f, &duty_headers[i % N_OF(duty_headers)],
					duty_states[i / N_OF(duty_headers) % N_OF(duty_states)],
					addr_of(sources[f][s]), addr_of(targets[f][d]),
					MAC(macs[i / N_OF(duty_headers) / N_OF(duty_states)]));
				check_one(w, rs, 0, DIR_EGRESS, &packet);
				check_host(w, rs, 0, &packet);
				check_one(w, rs, 0, DIR_INGRESS, &packet);
				check_routed(w, rs, &packet);
			}
}

static void every_duty_is_done_at_every_kind_of_port(void **state)
{
	(void)state;
	for (size_t k = 0; k < N_OF(kinds); k++)
		for (size_t choice = 0; choice < 3; choice++)
			for (enum family f = FAMILY_IPV4; f < N_IP_FAMILIES; f++) {
				struct arena *arena CLEANUP(arena_freep) = arena_new();
				struct address_pair pairs[2];
				struct world w;

				world_init(&w);
				world_kind(&w, &kinds[k], pairs);
				for (size_t i = 0; i < 2; i++) {
					w.plugs[i].is_routed = true;
					w.plugs[i].zone = 0;
				}
				world_duty_rules(&w, choice, f);
				check_duties(&w, world_compile(arena, &w), f);
			}
}

/* Does a frame pass the bridge family? from: through the hooks of a frame that the port sends. */
static bool frame_passes(const struct world *w, const struct ruleset *rs, enum direction direction,
	struct packet *frame)
{
	struct trace trace = { .world = w };

	frame->physdev_in = direction == DIR_EGRESS ? "tapA" : "eth0";
	frame->physdev_out = NULL;
	if (walk(rs, FAMILY_BRIDGE, "portwall", "prerouting", frame, &trace) == VERDICT_DROP)
		return false;
	frame->physdev_out = direction == DIR_EGRESS ? "eth0" : "tapA";
	return walk(rs, FAMILY_BRIDGE, "portwall", "forward", frame, &trace) == VERDICT_ACCEPT;
}

static void every_frame_is_judged_by_the_bridge_table(void **state)
{
	static const uint16_t types[] = { ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_ARP,
		ETHERTYPE_RARP, ETHERTYPE_VLAN, ETHERTYPE_QINQ, ETHERTYPE_PPPOE, 0x88cc, 0x0026 };
	static const uint8_t macs[] = { 1, 7, 9 };

	(void)state;
	for (size_t k = 0; k < N_OF(kinds); k++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct address_pair pairs[2];
		const struct ruleset *rs;
		struct world w;

		world_init(&w);
		world_kind(&w, &kinds[k], pairs);
		rs = world_compile(arena, &w);
		for (size_t i = 0; i < N_OF(types) * 9 * N_OF(sources[0]) * 2; i++) {
			enum direction direction = i & 1 ? DIR_EGRESS : DIR_INGRESS;
			struct packet frame = {
				.ethertype = types[i / 2 % N_OF(types)],
				.eth_src = MAC(macs[i / 2 / N_OF(types) % 3]),
				.arp_sha = MAC(macs[i / 2 / N_OF(types) / 3 % 3]),
				.arp_spa = addr_of(sources[0][i / 2 / N_OF(types) / 9]),
			};
			struct decision decision = policy_decide(&w.ports[0], direction, &frame);
			bool passes = !reason_is_drop(decision.reason);

			/* IP with a MAC of the port is judged in iptables. */
			if (frame.ethertype == ETHERTYPE_IPV4 || frame.ethertype == ETHERTYPE_IPV6)
				passes |= direction == DIR_INGRESS || frame.eth_src.bytes[5] == 1 ||
					  (frame.eth_src.bytes[5] == 7 && w.ports[0].n_pairs);
			if (frame_passes(&w, rs, direction, &frame) != passes)
				fail_packet(&frame, "frame", decision, NULL);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_policy_of_three_rules_means_what_it_says),
		cmocka_unit_test(two_ports_of_a_bridge_are_both_asked),
		cmocka_unit_test(every_duty_is_done_at_every_kind_of_port),
		cmocka_unit_test(every_frame_is_judged_by_the_bridge_table),
	};

	return cmocka_run_group_tests(tests, setup_world, end_world);
}
