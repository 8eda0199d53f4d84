// SPDX-License-Identifier: GPL-2.0-or-later
/* The narrowest rule that matches a packet, in the words of iptables and of nft. */
#include <stdio.h>

#include "explain/report_internal.h"
#include "packet/field.h"

bool packet_knows(const struct packet *packet, enum field field)
{
	struct field_value value;

	return packet_field(packet, field, &value) == FIELD_KNOWN;
}

static const char *iptables_proto(const struct packet *packet, char *number, size_t size)
{
	switch (packet->proto) {
	case PROTO_TCP:
		return "tcp";
	case PROTO_UDP:
		return "udp";
	case PROTO_ICMP:
		return "icmp";
	case PROTO_ICMPV6:
		return "ipv6-icmp";
	case PROTO_SCTP:
		return "sctp";
	case PROTO_DCCP:
		return "dccp";
	default:
		/* a name would depend on the host's /etc/protocols */
		snprintf(number, size, "%u", packet->proto);
		return number;
	}
}

static void add_iptables(struct text *out, const struct packet *packet, unsigned parts)
{
	char number[4];
	const char *proto;

	if (parts & MATCHED_SRC && packet_knows(packet, FIELD_SRC)) {
		text_add(out, " -s ");
		addr_print(out, &packet->src);
	}
	if (parts & MATCHED_DST && packet_knows(packet, FIELD_DST)) {
		text_add(out, " -d ");
		addr_print(out, &packet->dst);
	}
	if (parts & MATCHED_DEVICES && !packet->physdev_in && !packet->physdev_out) {
		if (packet->in_iface)
			text_addf(out, " -i %s", packet->in_iface);
		if (packet->out_iface)
			text_addf(out, " -o %s", packet->out_iface);
	}
	if (parts & MATCHED_SERVICE) {
		proto = iptables_proto(packet, number, sizeof(number));
		text_addf(out, " -p %s", proto);
		if (packet_knows(packet, FIELD_DPORT) && packet->proto == PROTO_UDPLITE)
			text_addf(out, " -m multiport --dports %u", packet->dport);
		else if (packet_knows(packet, FIELD_DPORT))
			text_addf(out, " -m %s --dport %u", proto, packet->dport);
		if (packet->proto == PROTO_ICMP && packet_knows(packet, FIELD_ICMP_TYPE))
			text_addf(out, " -m icmp --icmp-type %u", packet->icmp_type);
		if (packet->proto == PROTO_ICMPV6 && packet_knows(packet, FIELD_ICMP_TYPE))
			text_addf(out, " -m icmp6 --icmpv6-type %u", packet->icmp_type);
	}
	if (parts & MATCHED_DEVICES && (packet->physdev_in || packet->physdev_out)) {
		text_add(out, " -m physdev");
		if (packet->physdev_in)
			text_addf(out, " --physdev-in %s", packet->physdev_in);
		if (packet->physdev_out)
			text_addf(
				out, " --physdev-out %s --physdev-is-bridged", packet->physdev_out);
	}
}

static void add_nft(struct text *out, const struct packet *packet, unsigned parts)
{
	const char *family = packet->src.family == FAMILY_IPV6 ? "ip6" : "ip";
	const char *proto = proto_name(packet->proto);

	if (parts & MATCHED_DEVICES && packet->in_iface)
		text_addf(out, " iifname \"%s\"", packet->in_iface);
	if (parts & MATCHED_DEVICES && packet->out_iface)
		text_addf(out, " oifname \"%s\"", packet->out_iface);
	if (parts & MATCHED_SRC && packet_knows(packet, FIELD_SRC)) {
		text_addf(out, " %s saddr ", family);
		addr_print(out, &packet->src);
	}
	if (parts & MATCHED_DST && packet_knows(packet, FIELD_DST)) {
		text_addf(out, " %s daddr ", family);
		addr_print(out, &packet->dst);
	}
	if (!(parts & MATCHED_SERVICE))
		return;
	if (packet_knows(packet, FIELD_DPORT) && proto)
		text_addf(out, " %s dport %u", proto, packet->dport);
	else if (packet->proto == PROTO_ICMP && packet_knows(packet, FIELD_ICMP_TYPE))
		text_addf(out, " icmp type %u", packet->icmp_type);
	else if (packet->proto == PROTO_ICMPV6 && packet_knows(packet, FIELD_ICMP_TYPE))
		text_addf(out, " icmpv6 type %u", packet->icmp_type);
	else
		text_addf(out, " meta l4proto %u", packet->proto);
}

void packet_print_matches(
	struct text *out, const struct table *table, const struct packet *packet, unsigned parts)
{
	if (table->source == SOURCE_NFT)
		add_nft(out, packet, parts);
	else
		add_iptables(out, packet, parts);
}
