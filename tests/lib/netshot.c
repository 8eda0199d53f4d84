// SPDX-License-Identifier: GPL-2.0-or-later
/* The text of a shot: see networld.h. */
#include "networld.h"

#include <stdlib.h>
#include <string.h>

#include "unit.h"

struct reader {
	struct world *world;
	struct shot *shot;
	char *copy;
	char *words[32];
	size_t n, at;
};

static const char *next(struct reader *r)
{
	if (r->at == r->n)
		fail_msg("a word is missing at the end of: %s", r->shot->text);
	return r->words[r->at++];
}

struct net_end *world_end(const struct world *world, const char *name)
{
	struct net *net = world->net;

	if (!strcmp(name, "out"))
		return net->outside;
	if (!strcmp(name, "host") && net->host)
		return net->host;
	for (size_t i = 0; i < net->n_ends; i++)
		if (!strcmp(net->ends[i]->name, name))
			return net->ends[i];
	fail_msg("no end %s", name);
	return NULL;
}

static bool is_routed(const struct world *world)
{
	return world->net->kind == NET_ROUTED;
}

/* "A", "A6", "Al", "out", "out6", "host", "host6", or an address. */
static bool read_addr(const struct world *world, const char *text, struct addr *ret)
{
	char literal[64];

	if (text[0] >= 'A' && text[0] <= 'Z' && (!text[1] || !text[2])) {
		int i = text[0] - 'A';

		if (text[1] == 'l') {
			*ret = addr_link_local(world_end(world, (char[]){ text[0], 0 })->mac);
			return true;
		}
		if (text[1] == '6')
			snprintf(literal, sizeof(literal), "2001:db8::%x", 10 + i);
		else
			snprintf(literal, sizeof(literal), "10.0.0.%d", 10 + i);
		if (text[1] && text[1] != '6')
			return false;
		return addr_parse(literal, ret);
	}
	if (!strcmp(text, "out"))
		return addr_parse(is_routed(world) ? NET_OUTSIDE_IPV4 : "10.0.0.99", ret);
	if (!strcmp(text, "out6"))
		return addr_parse(is_routed(world) ? NET_OUTSIDE_IPV6 : "2001:db8::99", ret);
	if (!strcmp(text, "host"))
		return addr_parse(NET_BR0_IPV4, ret);
	if (!strcmp(text, "host6"))
		return addr_parse(NET_BR0_IPV6, ret);
	return addr_parse(text, ret);
}

/* ADDR, ADDR:PORT (IPv4 or a name), [ADDR]:PORT. */
static void read_place(struct reader *r, const char *text, struct addr *ret, uint16_t *port)
{
	char copy[80], *colon = NULL, *begin = copy;

	snprintf(copy, sizeof(copy), "%s", text);
	if (copy[0] == '[') {
		begin++;
		colon = strchr(copy, ']');
		if (colon) {
			*colon = '\0';
			colon = colon[1] == ':' ? colon + 1 : NULL;
		}
	} else if (strchr(copy, ':') == strrchr(copy, ':')) {
		colon = strchr(copy, ':');
	}
	if (colon) {
		*colon = '\0';
		*port = (uint16_t)strtoul(colon + 1, NULL, 10);
	}
	if (!read_addr(r->world, begin, ret))
		fail_msg("no address %s in: %s", text, r->shot->text);
}

static uint8_t read_flags(const char *text)
{
	static const char letters[] = "FSRPA";
	uint8_t flags = 0;

	for (; *text; text++) {
		const char *at = strchr(letters, *text);

		if (!at)
			fail_msg("no TCP flag %c", *text);
		else
			flags |= (uint8_t)(1 << (at - letters));
	}
	return flags;
}

static struct mac read_mac(struct reader *r)
{
	const char *text = next(r);
	struct mac mac;

	if (!text[1])
		return world_end(r->world, text)->mac;
	if (!mac_parse(text, &mac))
		fail_msg("no MAC %s in: %s", text, r->shot->text);
	return mac;
}

static uint32_t read_number(struct reader *r)
{
	const char *text = next(r);
	uint32_t number;

	if (!text_to_u32(text, 0, UINT32_MAX, &number))
		fail_msg("no number %s in: %s", text, r->shot->text);
	return number;
}

static void read_options(struct reader *r)
{
	struct net_frame *frame = &r->shot->frame;

	while (r->at < r->n) {
		const char *word = next(r);

		if (!strcmp(word, "type"))
			frame->packet.icmp_type = (uint8_t)read_number(r);
		else if (!strcmp(word, "code"))
			frame->packet.icmp_code = (uint8_t)read_number(r);
		else if (!strcmp(word, "flags"))
			frame->tcp_flags = read_flags(next(r));
		else if (!strcmp(word, "mac"))
			frame->packet.eth_src = read_mac(r);
		else if (!strcmp(word, "dmac"))
			frame->packet.eth_dst = read_mac(r);
		else if (!strcmp(word, "sha"))
			frame->packet.arp_sha = read_mac(r);
		else if (!strcmp(word, "bad"))
			frame->bad_checksum = true;
		else if (!strcmp(word, "pieces"))
			frame->fragment_size = (uint16_t)read_number(r);
		else if (!strcmp(word, "size"))
			frame->payload_size = (uint16_t)read_number(r);
		else if (!strcmp(word, "id"))
			frame->icmp_id = (uint16_t)read_number(r);
		else if (!strcmp(word, "seq"))
			frame->tcp_seq = read_number(r);
		else if (!strcmp(word, "ack"))
			frame->tcp_ack = read_number(r);
		else if (!strcmp(word, "chunk"))
			frame->sctp_chunk_plus_1 = (uint8_t)(read_number(r) + 1);
		else
			fail_msg("what is %s in: %s", word, r->shot->text);
	}
}

static void read_arp(struct reader *r, uint16_t ethertype)
{
	struct packet *p = &r->shot->frame.packet;

	p->ethertype = ethertype;
	p->eth_dst = (struct mac){ { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } };
	if (!read_addr(r->world, next(r), &p->arp_spa))
		fail_msg("no address in: %s", r->shot->text);
	read_options(r);
	if (mac_equal(p->arp_sha, (struct mac){ { 0 } }))
		p->arp_sha = p->eth_src;
}

static uint16_t new_port(struct world *world)
{
	uint16_t port = world->next_port++;

	if (world->next_port == 65000)
		world->next_port = 10000;
	return port;
}

static void read_ip(struct reader *r, const char *proto, uint16_t ethertype)
{
	struct packet *p = &r->shot->frame.packet;
	uint16_t port = new_port(r->world);

	p->sport = port;
	p->dport = 7;
	read_place(r, next(r), &p->src, &p->sport);
	r->shot->is_port_new = p->sport == port;
	if (strcmp(next(r), ">") != 0)
		fail_msg("no > in: %s", r->shot->text);
	read_place(r, next(r), &p->dst, &p->dport);
	if (!proto_parse(proto, p->src.family, &p->proto))
		fail_msg("no protocol %s in: %s", proto, r->shot->text);
	p->ethertype = ethertype		      ? ethertype
		       : p->src.family == FAMILY_IPV6 ? ETHERTYPE_IPV6
						      : ETHERTYPE_IPV4;
	if (p->proto == PROTO_ICMP)
		p->icmp_type = 8;
	if (p->proto == PROTO_ICMPV6)
		p->icmp_type = 128;
	read_options(r);
	if (!proto_has_ports(p->proto))
		p->sport = p->dport = 0;
}

/* To the MAC of whoever is next on the way. */
static struct mac mac_towards(const struct world *world, const struct shot *shot)
{
	const struct net *net = world->net;

	if (!is_routed(world))
		return shot->to->mac;
	if (shot->from == net->outside)
		return net->wan_mac;
	return shot->to == net->outside || shot->to == net->host ? net->bridge_mac : shot->to->mac;
}

void shot_parse(
	struct world *world, struct shot *shot, const char *from, const char *to, const char *text)
{
	struct reader r = { .world = world, .shot = shot, .copy = strdup(text) };
	char *save = NULL;
	const char *word;

	*shot = (struct shot){
		.from = world_end(world, from), .to = world_end(world, to), .text = text
	};
	for (char *w = strtok_r(r.copy, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
		if (r.n == N_OF(r.words))
			fail_msg("too many words: %s", text);
		r.words[r.n++] = w;
	}
	shot->frame.packet.eth_src = shot->from->mac;
	shot->frame.packet.eth_dst = mac_towards(world, shot);
	word = next(&r);
	if (!strcmp(word, "arp")) {
		read_arp(&r, ETHERTYPE_ARP);
	} else if (!strcmp(word, "rarp")) {
		read_arp(&r, ETHERTYPE_RARP);
	} else if (!strcmp(word, "type")) {
		shot->frame.packet.ethertype = (uint16_t)strtoul(next(&r), NULL, 16);
		read_options(&r);
	} else if (!strcmp(word, "vlan")) {
		read_ip(&r, next(&r), ETHERTYPE_VLAN);
	} else if (!strcmp(word, "qinq")) {
		read_ip(&r, next(&r), ETHERTYPE_QINQ);
	} else if (!strcmp(word, "pppoe")) {
		read_ip(&r, next(&r), ETHERTYPE_PPPOE);
	} else {
		read_ip(&r, word, 0);
	}
	free(r.copy);
}

void shot_renew(struct world *world, struct shot *shot)
{
	if (shot->is_port_new)
		shot->frame.packet.sport = new_port(world);
}
