// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Random policies, and packets around the boundaries of their rules: what the kernel does with
 * each is what policy_decide says and what the ruleset means. PORTWALL_SEED=N repeats a run,
 * PORTWALL_POLICIES=N makes it longer.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "netpolicy.h"
#include "networld.h"
#include "random_policy.h"
#include "rulepackets.h"

#define N_POLICIES 8   /* of each kind of host and variant of iptables */
#define N_SHOTS	   250 /* at each policy */

static uint32_t below(struct random *r, size_t n)
{
	return n ? random_below(r, (unsigned)n) : 0;
}

static struct addr parsed(const char *text)
{
	struct addr addr;

	assert_true(addr_parse(text, &addr));
	return addr;
}

/* Mostly an address that the end has. */
static struct addr addr_at(
	struct random *r, const struct world *world, const struct net_end *end, enum family family)
{
	const char *name = end->name;

	if (end == world->net->outside || one_in(r, 6))
		return random_policy_addr(r, family);
	if (family == FAMILY_IPV6 && one_in(r, 6))
		return addr_link_local(end->mac);
	return parsed(family == FAMILY_IPV6 ? (name[0] == 'A'	       ? "2001:db8::a"
						      : name[0] == 'B' ? "2001:db8::b"
								       : "2001:db8::c")
					    : (name[0] == 'A'	       ? "10.0.0.10"
						      : name[0] == 'B' ? "10.0.0.11"
								       : "10.0.0.12"));
}

static void random_l4(struct random *r, const struct policy_rule *rule, struct net_frame *frame)
{
	static const uint8_t flags[] = { NET_SYN, NET_SYN, NET_ACK, NET_RST, NET_SYN | NET_ACK };

	random_policy_l4(r, rule, &frame->packet);
	frame->tcp_flags = frame->packet.proto == PROTO_TCP ? pick(r, flags) : 0;
	frame->bad_checksum = one_in(r, 30);
}

static void random_shot(struct random *r, struct world *world, struct shot *shot)
{
	static const uint16_t types[] = { ETHERTYPE_VLAN, ETHERTYPE_QINQ, ETHERTYPE_PPPOE, 0x88cc,
		ETHERTYPE_RARP };
	const struct policy_rule *rule = random_policy_rule(r, world->view.policy);
	struct net *net = world->net;
	struct packet *p = &shot->frame.packet;
	enum family family = rule && !one_in(r, 8) ? rule->ethertype : (enum family)below(r, 2);
	size_t from = below(r, 4), to = (from + 1 + below(r, 3)) % 4;

	*shot = (struct shot){ .from = from < 3 ? net->ends[from] : net->outside,
		.to = to < 3 ? net->ends[to] : net->outside };
	p->eth_src = one_in(r, 20) ? (struct mac){ { 0, 0, 0x5e, 0, 1, 5 } } : shot->from->mac;
	p->eth_dst = shot->to->mac;
	p->ethertype = family == FAMILY_IPV6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4;
	p->src = addr_at(r, world, shot->from, family);
	p->dst = addr_at(r, world, shot->to, family);
	if (rule && one_in(r, 2)) {
		struct addr *remote = rule->direction == DIR_INGRESS ? &p->src : &p->dst;

		if (rule->has_prefix && rule->prefix.addr.family == family)
			*remote = random_in_prefix(r, &rule->prefix);
		else if (rule->remote_group && rule->remote_group->members[family].n)
			*remote = random_in_prefix(r,
				&rule->remote_group->members[family]
					 .items[below(r, rule->remote_group->members[family].n)]);
	}
	/* to oneself: conntrack cannot tell an answer from a question */
	if (addr_compare(&p->src, &p->dst) == 0)
		addr_step(&p->dst, 1);
	random_l4(r, rule, &shot->frame);
	if (one_in(r, 25)) {
		p->ethertype = pick(r, types);
	} else if (one_in(r, 25)) {
		p->ethertype = ETHERTYPE_ARP;
		p->arp_spa = addr_at(r, world, shot->from, FAMILY_IPV4);
		p->arp_sha = one_in(r, 4) ? shot->to->mac : p->eth_src;
	}
}

/* What the other side would answer. */
static void answer_to(struct shot *shot, const struct shot *asked)
{
	const struct packet *q = &asked->frame.packet;
	struct packet *p = &shot->frame.packet;

	*shot = *asked;
	shot->from = asked->to;
	shot->to = asked->from;
	p->eth_src = asked->to->mac;
	p->eth_dst = asked->from->mac;
	p->src = q->dst;
	p->dst = q->src;
	p->sport = q->dport;
	p->dport = q->sport;
	if (p->proto == PROTO_ICMP && p->icmp_type == 8)
		p->icmp_type = 0;
	if (p->proto == PROTO_ICMPV6 && p->icmp_type == 128)
		p->icmp_type = 129;
	shot->frame.tcp_flags = NET_SYN | NET_ACK;
	shot->frame.tcp_seq = 1;
	shot->frame.tcp_ack = asked->frame.tcp_seq + 1;
}

/* The model of conntrack knows no handshakes but the first two packets of TCP. */
static bool is_answerable(const struct shot *shot)
{
	const struct packet *p = &shot->frame.packet;

	if (p->ethertype != ETHERTYPE_IPV4 && p->ethertype != ETHERTYPE_IPV6)
		return false;
	if (shot->frame.bad_checksum || p->proto == PROTO_SCTP)
		return false;
	return p->proto != PROTO_TCP || shot->frame.tcp_flags == NET_SYN;
}

static uint64_t seed;
static size_t n_policies = N_POLICIES;

static size_t round_of_shots(struct random *r, struct world *world, struct shot *shots)
{
	size_t n = 0;

	while (n < N_SHOTS) {
		random_shot(r, world, &shots[n++]);
		/* set here and not by the judge, so that the answer has it too */
		shots[n - 1].frame.icmp_id = (uint16_t)(1 + below(r, 65535));
		if (n < N_SHOTS && one_in(r, 4) && is_answerable(&shots[n - 1])) {
			answer_to(&shots[n], &shots[n - 1]);
			n++;
		}
	}
	return world_judge(world, shots, n);
}

static void apply_random(struct world *world, struct random *r, struct text *yaml)
{
	struct err err;

	do {
		text_clear(yaml);
		random_policy(r, yaml);
		if (world_try(world, yaml->data, &err))
			return;
		/* what chance makes twice is no policy */
	} while (strstr(err.text, "is the same as the one"));
	fail_msg("seed %llu: %s\n%s\n%s", (unsigned long long)seed, yaml->data, err.text,
		err.next_step);
}

static void random_packets_have_one_answer(struct world *world)
{
	struct shot *shots = calloc(N_SHOTS, sizeof(*shots));
	size_t n_wrong = 0, n_passed = 0, n_unknown = 0;

	for (size_t i = 0; i < n_policies && !n_wrong; i++) {
		struct text yaml CLEANUP(text_done) = TEXT_INIT;
		struct random r = { seed + i * 1000003 };

		apply_random(world, &r, &yaml);
		world_forget_flows(world);
		n_wrong = round_of_shots(&r, world, shots);
		for (size_t s = 0; s < N_SHOTS; s++) {
			n_passed += shots[s].arrived;
			n_unknown += shots[s].wanted == VERDICT_CANNOT_TELL;
		}
		if (n_wrong)
			print_message("# policy %zu of seed %llu:\n%s", i, (unsigned long long)seed,
				yaml.data);
	}
	free(shots);
	if (n_wrong)
		fail_msg("PORTWALL_SEED=%llu repeats this", (unsigned long long)seed);
	/* the packets must be worth asking about */
	print_message("# %zu of %zu passed\n", n_passed, n_policies * N_SHOTS);
	assert_int_equal(n_unknown, 0);
	assert_in_range(n_passed, n_policies * N_SHOTS / 10, n_policies * N_SHOTS * 9 / 10);
}

int main(void)
{
	static const struct world_case cases[] = {
		WORLD_CASE(random_packets_have_one_answer, ON_SHARED | ON_HYBRID | BY_BOTH),
	};
	const char *more = getenv("PORTWALL_POLICIES");

	seed = random_seeded().state;
	if (more)
		n_policies = strtoull(more, NULL, 10);
	return world_main(cases, N_OF(cases));
}
