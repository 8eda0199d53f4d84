// SPDX-License-Identifier: GPL-2.0-or-later
/* Matches and targets of iptables' modules in words, for people. */
#include "base/vec.h"
#include "ruleset/print.h"

static void print_number_range(struct text *out, uint32_t min, uint32_t max)
{
	text_addf(out, "%u", min);
	if (max != min)
		text_addf(out, "-%u", max);
}

static void print_masked(struct text *out, const struct masked_addr *masked)
{
	uint8_t len;

	addr_print(out, &masked->addr);
	if (!mask_len(&masked->mask, &len)) {
		text_add(out, " under mask ");
		addr_print(out, &masked->mask);
	} else if (len != prefix_max_len(masked->addr.family)) {
		text_addf(out, "/%u", len);
	}
}

static void print_addrs(struct text *out, const struct addr_range *addrs)
{
	addr_print(out, &addrs->min);
	text_add(out, "-");
	addr_print(out, &addrs->max);
}

static void print_masked_number(struct text *out, uint32_t value, uint32_t mask, uint32_t whole)
{
	text_addf(out, "0x%x", value);
	if (mask != whole)
		text_addf(out, "/0x%x", mask);
}

static void print_ct(struct text *out, const struct match *match)
{
	static const char *const of[] = { "original source", "original destination", "reply source",
		"reply destination" };

	switch (match->kind) {
	case MATCH_CT_PROTO:
		if (proto_name(match->ct.proto))
			text_addf(out, "connection of %s", proto_name(match->ct.proto));
		else
			text_addf(out, "connection of protocol %u", match->ct.proto);
		break;
	case MATCH_CT_ADDR:
		text_addf(out, "%s ", of[match->ct.of]);
		print_masked(out, match->ct.masked);
		break;
	case MATCH_CT_PORT:
		text_addf(out, "%s port ", of[match->ct.of]);
		print_number_range(out, match->ct.range.min, match->ct.range.max);
		break;
	case MATCH_CT_STATUS:
		text_add(out, "connection status");
		ct_status_print(out, match->ct.status);
		break;
	default:
		text_add(out, match->ct.is_reply ? "reply direction" : "original direction");
		break;
	}
}

static void print_addrtype(struct text *out, const struct match *match)
{
	static const char *const limits[] = { "", " on the input interface",
		" on the output interface" };

	text_add(out, match->kind == MATCH_ADDRTYPE_SRC ? "from addresses of type"
							: "to addresses of type");
	addr_types_print(out, match->addrtype.types);
	text_add(out, limits[match->addrtype.limit]);
}

static void print_rpfilter(struct text *out, const struct match *match)
{
	text_addf(out, "%sreverse path", match->rpfilter & RPFILTER_LOOSE ? "loose " : "");
	if (match->rpfilter & RPFILTER_VALIDMARK)
		text_add(out, " with the mark");
	if (match->rpfilter & RPFILTER_ACCEPT_LOCAL)
		text_add(out, ", local sources too");
}

static void print_rt(struct text *out, const struct match *match)
{
	text_add(out, "routing header");
	if (match->rt.has_type)
		text_addf(out, " of type %u", match->rt.type);
	if (!match->rt.has_segsleft)
		return;
	text_addf(out, " with %ssegments left ", match->rt.is_segsleft_inverted ? "not " : "");
	print_number_range(out, match->rt.segsleft_min, match->rt.segsleft_max);
}

static void print_of_packet(struct text *out, const struct match *match)
{
	static const char *const ttl_ops[] = { "", "below ", "above " };

	switch (match->kind) {
	case MATCH_MARK:
		text_add(out, "mark ");
		print_masked_number(out, match->ct_mark.value, match->ct_mark.mask, UINT32_MAX);
		break;
	case MATCH_PKTTYPE:
		text_addf(out, "%s frames", pkt_type_name(match->pkt_type));
		break;
	case MATCH_TTL:
		text_addf(out, "TTL %s%u", ttl_ops[match->ttl.op], match->ttl.value);
		break;
	case MATCH_LENGTH:
		text_add(out, "length ");
		print_number_range(out, match->range.min, match->range.max);
		break;
	case MATCH_TOS:
		text_add(out, "TOS ");
		print_masked_number(out, match->tos.value, match->tos.mask, 0xff);
		break;
	case MATCH_DSCP:
		text_addf(out, "DSCP 0x%02x", match->tos.value);
		break;
	case MATCH_TCP_FLAGS:
		text_add(out, "of the TCP flags");
		tcp_flags_print(out, match->tcp_flags.mask);
		text_add(out, " set only");
		tcp_flags_print(out, match->tcp_flags.value);
		break;
	default:
		break;
	}
}

static void print_of_host(struct text *out, const struct match *match)
{
	switch (match->kind) {
	case MATCH_OWNER_UID:
	case MATCH_OWNER_GID:
		text_add(out, match->kind == MATCH_OWNER_UID ? "of user " : "of group ");
		print_number_range(out, match->ids.min, match->ids.max);
		break;
	case MATCH_OWNER_SOCKET:
		text_add(out, "of a local socket");
		break;
	case MATCH_POLICY:
		text_addf(out, "%s IPsec policy %s", match->policy.is_none ? "without" : "with",
			match->policy.is_out ? "out" : "in");
		break;
	case MATCH_SOCKET:
		text_addf(out, "for a%s open socket",
			match->socket & SOCKET_TRANSPARENT ? " transparent" : "n");
		break;
	case MATCH_COMMENT:
		text_addf(out, "(%s)", match->name);
		break;
	default:
		break;
	}
}

void match_print_words_xt(struct text *out, const struct match *match)
{
	switch (match->kind) {
	case MATCH_SRC_MASK:
	case MATCH_DST_MASK:
		text_add(out, match->kind == MATCH_SRC_MASK ? "from " : "to ");
		print_masked(out, match->masked);
		break;
	case MATCH_IPRANGE_SRC:
	case MATCH_IPRANGE_DST:
		text_add(out, match->kind == MATCH_IPRANGE_SRC ? "from " : "to ");
		print_addrs(out, match->addrs);
		break;
	case MATCH_FRAGMENT:
		text_add(out, "later fragments");
		break;
	case MATCH_PHYSDEV_IS_IN:
		text_add(out, "in by a bridge port");
		break;
	case MATCH_PHYSDEV_IS_OUT:
		text_add(out, "out by a bridge port");
		break;
	case MATCH_CT_PROTO:
	case MATCH_CT_ADDR:
	case MATCH_CT_PORT:
	case MATCH_CT_STATUS:
	case MATCH_CT_DIR:
		print_ct(out, match);
		break;
	case MATCH_ADDRTYPE_SRC:
	case MATCH_ADDRTYPE_DST:
		print_addrtype(out, match);
		break;
	case MATCH_RPFILTER:
		print_rpfilter(out, match);
		break;
	case MATCH_RT:
		print_rt(out, match);
		break;
	default:
		print_of_packet(out, match);
		print_of_host(out, match);
		break;
	}
}

static void print_nat(struct text *out, const struct nat *nat)
{
	static const char *const kinds[] = { [NAT_NONE] = "nothing",
		[NAT_SNAT] = "rewrite the source",
		[NAT_DNAT] = "rewrite the destination",
		[NAT_MASQUERADE] = "rewrite the source to the interface's address",
		[NAT_REDIRECT] = "redirect to this host",
		[NAT_NETMAP] = "rewrite the network" };

	text_add(out, kinds[nat->kind]);
	if (nat->has_addr) {
		text_add(out, " to ");
		addr_print(out, &nat->addr_min);
		if (addr_compare(&nat->addr_min, &nat->addr_max) != 0) {
			text_add(out, "-");
			addr_print(out, &nat->addr_max);
		}
	}
	if (nat->has_ports) {
		text_add(out, nat->port_min == nat->port_max ? ", port " : ", ports ");
		print_number_range(out, nat->port_min, nat->port_max);
	}
}

static void print_connmark(struct text *out, const struct connmark *connmark)
{
	switch (connmark->op) {
	case CONNMARK_SET:
		text_add(out, "set the connection's mark ");
		print_masked_number(out, connmark->value, connmark->ct_mask, UINT32_MAX);
		break;
	case CONNMARK_SAVE:
		text_add(out, "copy the mark to the connection");
		break;
	case CONNMARK_RESTORE:
		text_add(out, "copy the connection's mark to the packet");
		break;
	}
}

static void print_ct_target(struct text *out, const struct ct_target *ct)
{
	static const char *const of[] = { "", " of the original direction",
		" of the reply direction" };

	if (ct->is_notrack)
		text_add(out, "do not track");
	else if (ct->helper)
		text_addf(out, "conntrack helper %s", ct->helper);
	else if (ct->is_zone_mark)
		text_addf(out, "conntrack zone by mark%s", of[ct->zone_of]);
	else if (ct->has_zone)
		text_addf(out, "conntrack zone %u%s", ct->zone, of[ct->zone_of]);
	else
		text_addf(out, "conntrack %s", ct->others ? ct->others : "");
}

void target_print_words_xt(struct text *out, const struct target *target)
{
	static const char *const ttl_ops[] = { "set the TTL to", "raise the TTL by",
		"lower the TTL by" };

	switch (target->kind) {
	case TARGET_CONTINUE:
		text_addf(out, "%s and go on", target->name ? target->name : target->text);
		break;
	case TARGET_TAKEN:
		text_addf(out, "hand to %s", target->name ? target->name : target->text);
		break;
	case TARGET_REJECT:
		text_addf(out, "reject with %s", target->reject_with);
		break;
	case TARGET_MARK:
		text_add(out, "set mark ");
		print_masked_number(out, target->mark.value, target->mark.mask, UINT32_MAX);
		break;
	case TARGET_CONNMARK:
		print_connmark(out, target->connmark);
		break;
	case TARGET_CT:
		print_ct_target(out, target->ct);
		break;
	case TARGET_NOTRACK:
		text_add(out, "do not track");
		break;
	case TARGET_NAT:
		print_nat(out, target->mapping);
		break;
	case TARGET_TOS:
		text_add(out, "set TOS ");
		print_masked_number(out, target->tos.value, target->tos.mask, 0xff);
		break;
	case TARGET_DSCP:
		text_addf(out, "set DSCP 0x%02x", target->tos.value);
		break;
	case TARGET_TTL:
		text_addf(out, "%s %u", ttl_ops[target->ttl.op], target->ttl.value);
		break;
	default:
		break;
	}
}
