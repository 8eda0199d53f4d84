// SPDX-License-Identifier: GPL-2.0-or-later
/* What is made of a packet that was aimed: the answer to it, a fragment, pieces. */
#include "rulepackets.h"

/* What comes back for one type of ICMP message; 0: nothing that is made here. */
static uint8_t answer_type(uint8_t proto, uint8_t type)
{
	if (proto == PROTO_ICMPV6)
		return type == 128 ? 129 : 0;
	return type == 13 ? 14 : 0;
}

bool rule_packet_answer(const struct rule_packet *sent, const struct packet *arrived,
	const struct router *router, struct rule_packet *ret)
{
	const struct packet *asked = &sent->frame.packet;
	struct packet *p = &ret->frame.packet;
	bool is_icmp = asked->proto == PROTO_ICMP || asked->proto == PROTO_ICMPV6;
	bool is_echo = asked->proto == PROTO_ICMP && asked->icmp_type == 8;

	if (sent->ct_state != CT_NEW || arrived->ct_state != CT_NEW || sent->flow.is_known ||
		(!is_icmp && asked->proto != PROTO_TCP && asked->proto != PROTO_UDP &&
			asked->proto != PROTO_UDPLITE) ||
		(is_icmp && !is_echo && !answer_type(asked->proto, asked->icmp_type)) ||
		(asked->proto == PROTO_TCP &&
			(asked->tcp_flags & (TCP_SYN | TCP_ACK | TCP_FIN | TCP_RST)) != TCP_SYN) ||
		router_is_local(router, &asked->src))
		return false;
	*ret = (struct rule_packet){ .ct_state = CT_ESTABLISHED,
		.flow = { true, arrived->ct_zone, arrived->ct_mark } };
	*p = *asked;
	p->src = asked->dst;
	p->dst = asked->src;
	p->sport = asked->dport;
	p->dport = asked->sport;
	p->ttl = 64;
	if (is_icmp) {
		p->icmp_type = is_echo ? 0 : answer_type(asked->proto, asked->icmp_type);
		ret->frame.icmp_id = (uint16_t)(net_tag_number(sent->tag) | 1);
	}
	if (p->proto == PROTO_TCP) {
		p->tcp_flags = TCP_SYN | TCP_ACK;
		ret->frame.tcp_ack = 1;
	}
	ret->frame.tcp_flags = p->tcp_flags;
	p->eth_src = p->eth_dst = (struct mac){ { 0 } };
	if (router_is_local(router, &asked->dst)) {
		ret->from = router->n_ports;
	} else {
		ret->from =
			sent->from == router->n_ports ? router->out : router->ports[sent->from].out;
		p->eth_src = router->ports[ret->from].far_mac;
		p->eth_dst = router->ports[ret->from].mac;
	}
	return true;
}

bool rule_packet_is_fragment(const struct rule_packet *packet)
{
	return packet->frame.packet.is_first_fragment || packet->frame.packet.is_later_fragment;
}

void rule_packet_break(struct rule_packet *packet, struct random *random)
{
	struct packet *p = &packet->frame.packet;

	if (one_in(random, 2))
		p->is_first_fragment = true;
	else
		p->is_later_fragment = true;
}

#define PIECE_SIZE 24
#define CUT_SIZE   40 /* of the payload: three pieces, and the tag is in one of them */

void rule_packet_cut(struct rule_packet *packet)
{
	struct net_frame *frame = &packet->frame;
	uint8_t proto = frame->packet.proto;

	if (!frame->payload && (proto == PROTO_TCP || proto == PROTO_UDP)) {
		frame->payload_size = CUT_SIZE;
		frame->fragment_size = PIECE_SIZE;
	}
}
