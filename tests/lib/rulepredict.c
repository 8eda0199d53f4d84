// SPDX-License-Identifier: GPL-2.0-or-later
#include "rulepredict.h"

#include <stdlib.h>
#include <string.h>

#include "base/vec.h"

#define PRIORITY_DEFRAG	   (-400)
#define PRIORITY_CONNTRACK (-200)

struct way {
	const struct setting *setting;
	struct arena *arena;
	const struct rule_packet *sent;
	struct prediction *ret;
};

/* Only an answer that the kernel would send has a route: see netrouter.h. */
static bool addr_type_of(
	void *data, const struct addr *addr, const char *iface, enum addr_type *ret)
{
	const struct router *router = ((const struct setting *)data)->router;
	size_t owner = router_owner(router, addr);

	if (owner < router->n_ports && (!iface || !strcmp(iface, router->ports[owner].name)))
		*ret = ADDR_LOCAL;
	else if (addr->family == FAMILY_IPV4 || owner < router->n_ports ||
		 router_home(router, addr) < router->n_ports)
		*ret = ADDR_UNICAST; /* of IPv4 nothing but the local table is asked */
	else
		*ret = ADDR_BLACKHOLE;
	return true;
}

static bool route_of(
	void *data, const struct packet *packet, const struct addr *addr, const char **ret_iface)
{
	const struct router *router = ((const struct setting *)data)->router;
	size_t home = router_home(router, addr);

	/* an answer from an address of the router itself has none */
	*ret_iface = home < router->n_ports && !router_is_local(router, &packet->dst)
			     ? router->ports[home].name
			     : "";
	return true;
}

/* Nobody has set any up. */
static bool no_ipsec(void *data, const struct packet *packet, bool is_out, bool *ret)
{
	(void)data, (void)packet, (void)is_out;
	*ret = false;
	return true;
}

/* Was it assumed that a rule sent it elsewhere, or did not? Not so where the rule only counts or logs. */
bool step_is_assumption(const struct step *step)
{
	const struct target *target;

	if (step->kind != STEP_MAYBE)
		return step->kind == STEP_MAYBE_NOT;
	target = &step->rule->target;
	return target->kind != TARGET_NONE && target->kind != TARGET_CONTINUE &&
	       target->kind != TARGET_NFT_CONTINUE;
}

static void add_end(
	struct way *way, bool arrives, const struct step *last, const struct packet *packet)
{
	struct prediction *ret = way->ret;

	for (const struct step *step = last; step; step = step->before)
		ret->is_assumed |= step_is_assumption(step);
	if (ret->n == PREDICTION_MAX_ENDS)
		ret->is_overfull = true;
	else
		ret->ends[ret->n++] = (struct prediction_end){ arrives, last, *packet };
}

/* The hooks of a routed packet, and conntrack, which stands at -200. */
enum stage { PREROUTING_EARLY, PREROUTING, INPUT, FORWARD, OUTPUT_EARLY, OUTPUT, POSTROUTING, END };

static const enum hook hook_of[] = { HOOK_PREROUTING, HOOK_PREROUTING, HOOK_INPUT, HOOK_FORWARD,
	HOOK_OUTPUT, HOOK_OUTPUT, HOOK_POSTROUTING };

static void rewrite(struct way *way, struct packet *packet, const struct nat *nat)
{
	const struct router *router = way->setting->router;
	const struct addr dst = packet->dst;
	const uint16_t dport = packet->dport;

	way->ret->is_natted |= nat->kind != NAT_NONE;
	if (nat->kind == NAT_REDIRECT && way->sent->from < router->n_ports)
		packet->dst = router->ports[way->sent->from].addrs[packet->dst.family];
	if (nat->kind == NAT_DNAT && nat->has_addr)
		packet->dst = nat->addr_min;
	if ((nat->kind == NAT_DNAT || nat->kind == NAT_REDIRECT) && nat->has_ports &&
		proto_has_ports(packet->proto))
		packet->dport = nat->port_min;
	/* what is mapped to itself is not mapped */
	if (addr_compare(&packet->dst, &dst) != 0 || packet->dport != dport)
		packet->ct_status |= CT_STATUS_DST_NAT;
}

static void travel(
	struct way *way, enum stage stage, const struct packet *packet, const struct step *last);

/* What conntrack finds: a flow that the test has begun, or none. */
static void look_up(struct way *way, struct packet *packet)
{
	const struct known_flow *flow = &way->sent->flow;

	if (packet->ct_state == CT_UNTRACKED || way->setting->is_stateless)
		return;
	packet->ct_state = way->sent->ct_state;
	packet->ct_status = 0;
	packet->ct_mark = 0;
	packet->is_reply = false;
	packet->ct_orig_src = packet->src;
	packet->ct_orig_dst = packet->dst;
	packet->ct_orig_sport = packet->sport;
	packet->ct_orig_dport = packet->dport;
	if (!flow->is_known)
		return;
	/* in another zone it would be a flow of its own */
	if (packet->ct_zone != flow->zone)
		way->ret->is_beyond = true;
	packet->ct_status = CT_STATUS_CONFIRMED | CT_STATUS_SEEN_REPLY;
	packet->ct_mark = flow->mark;
	packet->is_reply = true;
	packet->ct_orig_src = packet->dst;
	packet->ct_orig_dst = packet->src;
	packet->ct_orig_sport = packet->dport;
	packet->ct_orig_dport = packet->sport;
}

static void behind_prerouting(
	struct way *way, struct packet *packet, const struct nat *nat, const struct step *last)
{
	const struct router *router = way->setting->router;

	rewrite(way, packet, nat);
	if (router_is_local(router, &packet->dst)) {
		/* what the host says to itself has a route */
		way->ret->is_beyond |= router_is_local(router, &packet->src);
		/* ip_local_deliver waits for the other fragments before it asks INPUT; IPv6
		 * does behind it */
		if (rule_packet_is_fragment(way->sent) && packet->dst.family == FAMILY_IPV4)
			add_end(way, false, last, packet);
		else
			travel(way, INPUT, packet, last);
		return;
	}
	packet->ttl--;
	packet->out_iface = router->ports[router->ports[way->sent->from].out].name;
	travel(way, FORWARD, packet, last);
}

static void next_stage(
	struct way *way, enum stage stage, const struct outcome *outcome, const struct step *last)
{
	const struct packet *sent = &way->sent->frame.packet;
	struct packet packet = outcome->packet;

	switch (stage) {
	case PREROUTING_EARLY:
	case OUTPUT_EARLY:
		look_up(way, &packet);
		travel(way, stage + 1, &packet, last);
		return;
	case PREROUTING:
		behind_prerouting(way, &packet, &outcome->nat, last);
		return;
	case OUTPUT:
		rewrite(way, &packet, &outcome->nat);
		/* it is routed again, as the kernel's own packets are: see netrouter.h */
		if (addr_compare(&packet.dst, &sent->dst) != 0 || packet.mark ||
			outcome->nat.kind == NAT_REDIRECT || packet.unknown ||
			packet.tos != sent->tos)
			way->ret->is_beyond = true;
		travel(way, POSTROUTING, &packet, last);
		return;
	case FORWARD:
		travel(way, POSTROUTING, &packet, last);
		return;
	case INPUT:
	case POSTROUTING:
		way->ret->is_natted |= outcome->nat.kind != NAT_NONE;
		add_end(way, stage == POSTROUTING || !rule_packet_is_fragment(way->sent), last,
			&packet);
		return;
	case END:
		break;
	}
	abort();
}

/* Refusing what has a route back is a packet more, which is counted, too. */
static bool is_answered(const struct way *way, enum stage stage, const struct outcome *outcome)
{
	const struct router *router = way->setting->router;
	const struct addr *src = &outcome->packet.src;

	return outcome->verdict == VERDICT_REJECT &&
	       (router_is_local(router, src) ||
		       (stage != INPUT && router_home(router, src) < router->n_ports));
}

static void travel(
	struct way *way, enum stage stage, const struct packet *packet, const struct step *last)
{
	const struct eval_oracle oracle = { .data = (void *)(uintptr_t)way->setting,
		.addr_type = addr_type_of,
		.route = route_of,
		.ipsec = no_ipsec };
	const struct eval eval = { .arena = way->arena,
		.rs = way->setting->rs,
		.oracle = &oracle,
		.hook = hook_of[stage] };
	struct outcomes outcomes = { 0 };
	struct hook_chain *chains;
	size_t n, n_early = 0;

	ruleset_hook_chains(
		way->arena, eval.rs, way->setting->family, eval.hook, NULL, &chains, &n);
	while (n_early < n && chains[n_early].priority < PRIORITY_CONNTRACK &&
		chains[n_early].type != CHAIN_NAT) {
		/* it sees the pieces */
		if (way->sent->frame.fragment_size && chains[n_early].priority < PRIORITY_DEFRAG)
			way->ret->is_beyond = true;
		n_early++;
	}
	if (stage == PREROUTING_EARLY || stage == OUTPUT_EARLY) {
		n = n_early;
	} else if (stage == PREROUTING || stage == OUTPUT) {
		chains += n_early;
		n -= n_early;
	}
	ruleset_eval_chains(
		&eval, chains, n, packet->ct_state == CT_NEW, packet, last, NULL, &outcomes);
	vec_for_each (outcome, &outcomes) {
		if (outcome->verdict == VERDICT_ACCEPT) {
			next_stage(way, stage, outcome, outcome->last);
		} else if (outcome->verdict == VERDICT_CANNOT_TELL) {
			way->ret->is_overfull = true;
		} else {
			way->ret->is_beyond |= is_answered(way, stage, outcome);
			add_end(way, false, outcome->last, &outcome->packet);
		}
	}
}

void predict(const struct setting *setting, struct arena *arena, const struct rule_packet *sent,
	size_t length, struct prediction *ret)
{
	const struct router *router = setting->router;
	struct packet packet = sent->frame.packet;
	struct way way = { setting, arena, sent, ret };

	ret->n = 0;
	ret->is_overfull = ret->is_beyond = ret->is_natted = ret->is_assumed = false;
	packet.length = (uint16_t)length;
	packet.ct_state = CT_INVALID; /* no entry yet */
	packet.ct_orig_src = packet.src;
	packet.ct_orig_dst = packet.dst;
	packet.ct_orig_sport = packet.sport;
	packet.ct_orig_dport = packet.dport;
	packet.uid = ROUTER_UID;
	if (sent->from == router->n_ports) {
		packet.out_iface = router->ports[router->out].name;
		travel(&way, OUTPUT_EARLY, &packet, NULL);
	} else {
		packet.in_iface = router->ports[sent->from].name;
		travel(&way, PREROUTING_EARLY, &packet, NULL);
	}
}

bool prediction_is_sure(const struct prediction *prediction)
{
	return prediction->n == 1 && !prediction->is_overfull && !prediction->is_beyond &&
	       !prediction->is_assumed;
}

bool prediction_may_be(const struct prediction *prediction, bool arrived)
{
	for (size_t i = 0; i < prediction->n; i++)
		if (prediction->ends[i].arrives == arrived)
			return true;
	return prediction->is_overfull || prediction->is_beyond;
}
