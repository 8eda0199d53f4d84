// SPDX-License-Identifier: GPL-2.0-or-later
/* Targets of iptables as iptables-save prints them, with a space in front. */
#include "base/vec.h"
#include "ruleset/print.h"

static void print_connmark(struct text *out, const struct connmark *connmark)
{
	text_add(out, " -j CONNMARK");
	if (connmark->op == CONNMARK_SET)
		text_addf(out, " --set-xmark 0x%x/0x%x", connmark->value, connmark->ct_mask);
	else
		text_addf(out, " --%s-mark --nfmask 0x%x --ctmask 0x%x",
			connmark->op == CONNMARK_SAVE ? "save" : "restore", connmark->nf_mask,
			connmark->ct_mask);
}

static void print_ct(struct text *out, const struct ct_target *ct)
{
	static const char *const zones[] = { [CT_ZONE_BOTH] = "--zone",
		[CT_ZONE_ORIG] = "--zone-orig",
		[CT_ZONE_REPLY] = "--zone-reply" };

	text_add(out, " -j CT");
	if (ct->is_notrack)
		text_add(out, " --notrack");
	if (ct->helper)
		text_addf(out, " --helper %s", ct->helper);
	if (ct->others)
		text_addf(out, " %s", ct->others);
	if (ct->is_zone_mark)
		text_addf(out, " %s mark", zones[ct->zone_of]);
	else if (ct->has_zone)
		text_addf(out, " %s %u", zones[ct->zone_of], ct->zone);
}

static void print_nat_addrs(struct text *out, const struct nat *nat)
{
	bool has_brackets = nat->has_ports && nat->addr_min.family == FAMILY_IPV6;

	if (nat->has_addr) {
		text_add(out, has_brackets ? "[" : "");
		addr_print(out, &nat->addr_min);
		if (addr_compare(&nat->addr_min, &nat->addr_max) != 0) {
			text_add(out, "-");
			addr_print(out, &nat->addr_max);
		}
		text_add(out, has_brackets ? "]" : "");
	}
	if (!nat->has_ports)
		return;
	text_addf(out, ":%u", nat->port_min);
	if (nat->port_max != nat->port_min)
		text_addf(out, "-%u", nat->port_max);
}

static void print_nat_ports(struct text *out, const struct nat *nat)
{
	if (!nat->has_ports)
		return;
	text_addf(out, " --to-ports %u", nat->port_min);
	if (nat->port_max != nat->port_min)
		text_addf(out, "-%u", nat->port_max);
}

/* The network of a NETMAP: its length, or its mask where that has holes. */
static void print_network(struct text *out, const struct nat *nat)
{
	struct addr mask = nat->addr_min;
	uint8_t len;

	addr_print(out, &nat->addr_min);
	for (size_t i = 0; i < sizeof(mask.bytes); i++)
		mask.bytes[i] = (uint8_t) ~(nat->addr_min.bytes[i] ^ nat->addr_max.bytes[i]);
	if (mask.family == FAMILY_IPV4)
		for (size_t i = 4; i < sizeof(mask.bytes); i++)
			mask.bytes[i] = 0;
	if (mask_len(&mask, &len)) {
		text_addf(out, "/%u", len);
		return;
	}
	text_add(out, "/");
	addr_print(out, &mask);
}

static void print_nat(struct text *out, const struct nat *nat)
{
	switch (nat->kind) {
	case NAT_NONE:
		return;
	case NAT_SNAT:
		text_add(out, " -j SNAT --to-source ");
		print_nat_addrs(out, nat);
		break;
	case NAT_DNAT:
		text_add(out, " -j DNAT --to-destination ");
		print_nat_addrs(out, nat);
		break;
	case NAT_MASQUERADE:
		text_add(out, " -j MASQUERADE");
		print_nat_ports(out, nat);
		break;
	case NAT_REDIRECT:
		text_add(out, " -j REDIRECT");
		print_nat_ports(out, nat);
		break;
	case NAT_NETMAP:
		text_add(out, " -j NETMAP --to ");
		print_network(out, nat);
		break;
	}
	if (nat->is_random)
		text_add(out, " --random");
	if (nat->is_fully_random)
		text_add(out, " --random-fully");
	if (nat->is_persistent)
		text_add(out, " --persistent");
}

void target_print_xt(struct text *out, enum family family, const struct target *target)
{
	static const char *const ttl_ops[] = { "set", "inc", "dec" };

	switch (target->kind) {
	case TARGET_CONTINUE:
	case TARGET_TAKEN:
		text_addf(out, " -j %s", target->text);
		break;
	case TARGET_REJECT:
		text_addf(out, " -j REJECT --reject-with %s", target->reject_with);
		break;
	case TARGET_MARK:
		text_addf(out, " -j MARK --set-xmark 0x%x/0x%x", target->mark.value,
			target->mark.mask);
		break;
	case TARGET_CONNMARK:
		print_connmark(out, target->connmark);
		break;
	case TARGET_CT:
		print_ct(out, target->ct);
		break;
	case TARGET_NOTRACK:
		text_add(out, " -j NOTRACK");
		break;
	case TARGET_NAT:
		print_nat(out, target->mapping);
		break;
	case TARGET_TOS:
		text_addf(out, " -j TOS --set-tos 0x%02x/0x%02x", target->tos.value,
			target->tos.mask);
		break;
	case TARGET_DSCP:
		text_addf(out, " -j DSCP --set-dscp 0x%02x", target->tos.value);
		break;
	case TARGET_TTL:
		text_addf(out, family == FAMILY_IPV6 ? " -j HL --hl-%s %u" : " -j TTL --ttl-%s %u",
			ttl_ops[target->ttl.op], target->ttl.value);
		break;
	default:
		break; /* of the common kinds, or of nft */
	}
}
