// SPDX-License-Identifier: GPL-2.0-or-later
/* Packet expressions, written: parsed again they are the same packets. */
#include "packet/expr_internal.h"

#include "packet/set_bdd.h"

struct printing {
	const struct packet *packet;
	const struct packet_choices *choices;
};

static bool is_open(const struct packet *packet, enum field field)
{
	return packet->unknown & FIELD_BIT(field);
}

static const struct packet_choice *choice_of(const struct packet_choices *choices, enum field field)
{
	vec_for_each (choice, choices)
		if (choice->field == field)
			return choice;
	return NULL;
}

static void print_ranges(struct text *out, const struct packet_choice *choice, enum family family)
{
	for (size_t i = 0; i < choice->n; i++) {
		struct set_item item = { choice->ranges[i].min, choice->ranges[i].max };

		text_add(out, i ? "," : "");
		sets_print_item(out, choice->field, family, false, &item);
	}
}

static void print_port(struct text *out, const struct printing *p, enum field field, uint16_t port)
{
	const struct packet_choice *choice = choice_of(p->choices, field);

	text_add(out, choice && choice->is_negated ? ":!" : ":");
	if (choice)
		print_ranges(out, choice, p->packet->src.family);
	else if (is_open(p->packet, field))
		text_add(out, "any");
	else
		text_addf(out, "%u", port);
}

/* Both ends any would be IPv4 when it is parsed. */
static bool must_say_ipv6(const struct printing *p)
{
	const struct packet *packet = p->packet;

	return packet->src.family == FAMILY_IPV6 && packet->arp_op == 0 &&
	       is_open(packet, FIELD_SRC) && is_open(packet, FIELD_DST) &&
	       !choice_of(p->choices, FIELD_SRC) && !choice_of(p->choices, FIELD_DST) &&
	       (is_open(packet, FIELD_PROTO) || packet->proto != PROTO_ICMPV6);
}

static void print_end(struct text *out, const struct printing *p, enum field field,
	const struct addr *addr, enum field port_field, uint16_t port)
{
	const struct packet *packet = p->packet;
	const struct packet_choice *choice = choice_of(p->choices, field);
	bool has_port =
		packet->arp_op == 0 && proto_has_ports(packet->proto) && !packet->is_later_fragment;
	bool is_all_ipv6 = field == FIELD_SRC && must_say_ipv6(p);
	bool is_any = !choice && is_open(packet, field) && !is_all_ipv6;
	bool has_brackets = has_port && addr->family == FAMILY_IPV6 && !is_any;

	text_add(out, choice && choice->is_negated ? " !" : " ");
	text_add(out, has_brackets ? "[" : "");
	if (choice)
		print_ranges(out, choice, addr->family);
	else if (is_any || is_all_ipv6)
		text_add(out, is_any ? "any" : "::/0");
	else
		addr_print(out, addr);
	text_add(out, has_brackets ? "]" : "");
	if (has_port)
		print_port(out, p, port_field, port);
}

static void print_flags(struct text *out, const struct packet *packet)
{
	const char *separator = " ";

	if (is_open(packet, FIELD_TCP_FLAGS)) {
		text_add(out, " flags any");
	} else if (!packet->tcp_flags) {
		text_add(out, " flags none");
	} else {
		for (size_t i = 0; i < N_EXPR_FLAGS; i++) {
			if (!(packet->tcp_flags & 1 << i))
				continue;
			text_addf(out, "%s%s", separator, expr_flag_names[i]);
			separator = ",";
		}
	}
}

static void print_number(struct text *out, const struct printing *p, const char *name,
	enum field field, uint32_t number)
{
	const struct packet_choice *choice = choice_of(p->choices, field);

	if (choice) {
		text_addf(out, " %s %s", name, choice->is_negated ? "!" : "");
		print_ranges(out, choice, p->packet->src.family);
	} else if (is_open(p->packet, field)) {
		text_addf(out, " %s any", name);
	} else {
		text_addf(out, " %s %u", name, number);
	}
}

/* Of what is open where nothing is said. */
static void print_number_if_said(struct text *out, const struct printing *p, const char *name,
	enum field field, uint32_t number)
{
	if (!is_open(p->packet, field) || choice_of(p->choices, field))
		print_number(out, p, name, field, number);
}

static void print_mac(
	struct text *out, const struct packet *packet, enum field field, struct mac mac)
{
	if (is_open(packet, field))
		text_add(out, "any");
	else
		mac_print(out, mac);
}

static void print_frame(struct text *out, const struct printing *p)
{
	const struct packet *packet = p->packet;

	if (!is_open(packet, FIELD_ETH_SRC) || !is_open(packet, FIELD_ETH_DST)) {
		text_add(out, " mac ");
		print_mac(out, packet, FIELD_ETH_SRC, packet->eth_src);
		text_add(out, " > ");
		print_mac(out, packet, FIELD_ETH_DST, packet->eth_dst);
	}
	if (packet->ethertype == ETHERTYPE_VLAN)
		print_number(out, p, "vlan", FIELD_VLAN_ID, packet->vlan_id);
}

static void print_ip_options(struct text *out, const struct printing *p)
{
	const struct packet *packet = p->packet;

	if (packet->proto == PROTO_TCP && !is_open(packet, FIELD_PROTO))
		print_flags(out, packet);
	if (expr_is_icmp(packet) && !is_open(packet, FIELD_PROTO)) {
		print_number(out, p, "type", FIELD_ICMP_TYPE, packet->icmp_type);
		print_number(out, p, "code", FIELD_ICMP_CODE, packet->icmp_code);
	}
	if (packet->ttl != 64 || is_open(packet, FIELD_TTL))
		print_number(out, p, "ttl", FIELD_TTL, packet->ttl);
	if (packet->tos || is_open(packet, FIELD_TOS))
		print_number(out, p, "tos", FIELD_TOS, packet->tos);
	print_number_if_said(out, p, "len", FIELD_LENGTH, packet->length);
	if (packet->is_later_fragment)
		text_add(out, " frag");
	if (packet->is_first_fragment)
		text_add(out, " first-frag");
	if (packet->is_dont_fragment)
		text_add(out, " df");
	print_number_if_said(out, p, "uid", FIELD_UID, packet->uid);
	print_number_if_said(out, p, "gid", FIELD_GID, packet->gid);
}

void packet_expr_print_set(
	struct text *out, const struct packet *packet, const struct packet_choices *choices)
{
	const struct printing printing = { packet, choices }, *p = &printing;
	const char *name = is_open(packet, FIELD_PROTO) ? "any" : proto_name(packet->proto);

	if (packet->arp_op) {
		text_add(out, "arp");
		print_end(out, p, FIELD_ARP_SPA, &packet->arp_spa, FIELD_SPORT, 0);
		print_end(out, p, FIELD_ARP_TPA, &packet->arp_tpa, FIELD_DPORT, 0);
		if (packet->arp_op == ARP_REPLY)
			text_add(out, " reply");
	} else {
		if (name)
			text_add(out, name);
		else
			text_addf(out, "%u", packet->proto);
		print_end(out, p, FIELD_SRC, &packet->src, FIELD_SPORT, packet->sport);
		print_end(out, p, FIELD_DST, &packet->dst, FIELD_DPORT, packet->dport);
		print_ip_options(out, p);
	}
	print_frame(out, p);
	if (packet->mark || is_open(packet, FIELD_MARK))
		print_number(out, p, "mark", FIELD_MARK, packet->mark);
}

void packet_expr_print(struct text *out, const struct packet *packet)
{
	const struct packet_choices none = { 0 };

	packet_expr_print_set(out, packet, &none);
}
