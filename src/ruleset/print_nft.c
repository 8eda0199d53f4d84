// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Rules of the bridge family as nft 1.0.6 lists them: what it would print for our own rules is
 * what we print, so that a comparison of texts finds no difference where there is none.
 */
#include <inttypes.h>

#include "ruleset/print.h"

/* The types for which nft has a name (src/proto.c there); RARP is not among them. */
static const char *nft_ethertype(uint16_t type)
{
	switch (type) {
	case ETHERTYPE_IPV4:
		return "ip";
	case ETHERTYPE_ARP:
		return "arp";
	case ETHERTYPE_IPV6:
		return "ip6";
	case ETHERTYPE_QINQ:
		return "8021ad";
	case ETHERTYPE_VLAN:
		return "8021q";
	default:
		return NULL;
	}
}

void match_print_nft(struct text *out, const struct match *match)
{
	(void)out;
	(void)match;
}

void target_print_nft(struct text *out, const struct target *target)
{
	(void)out;
	(void)target;
}

bool match_equal_nft(const struct match *a, const struct match *b)
{
	return a == b;
}

bool target_equal_nft(const struct target *a, const struct target *b)
{
	return a == b;
}

static void print_key(struct text *out, const struct match *match, const char *key)
{
	text_addf(out, " %s%s ", key, match->inverted ? " !=" : "");
}

static void print_match(struct text *out, const struct match *match)
{
	switch (match->kind) {
	case MATCH_IN_IFACE:
	case MATCH_OUT_IFACE:
		print_key(out, match, match->kind == MATCH_IN_IFACE ? "iifname" : "oifname");
		text_addf(out, "\"%s\"", match->name);
		break;
	case MATCH_ETHERTYPE:
		print_key(out, match, "ether type");
		if (nft_ethertype(match->ethertype))
			text_add(out, nft_ethertype(match->ethertype));
		else
			text_addf(out, "0x%04x", match->ethertype);
		break;
	case MATCH_ETH_SRC:
		print_key(out, match, "ether saddr");
		mac_print(out, match->mac);
		break;
	case MATCH_ARP_SHA:
		print_key(out, match, "arp saddr ether");
		mac_print(out, match->mac);
		break;
	case MATCH_ARP_SPA:
		print_key(out, match, "arp saddr ip");
		prefix_print_bare(out, &match->prefix);
		break;
	case MATCH_OPAQUE:
		text_addf(out, " %s", match->text);
		break;
	default:
		break; /* iptables only */
	}
}

static void print_target(struct text *out, const struct target *target)
{
	switch (target->kind) {
	case TARGET_ACCEPT:
		text_add(out, " accept");
		break;
	case TARGET_DROP:
		text_add(out, " drop");
		break;
	case TARGET_RETURN:
		text_add(out, " return");
		break;
	case TARGET_JUMP:
		text_addf(out, " jump %s", target->chain);
		break;
	case TARGET_GOTO:
		text_addf(out, " goto %s", target->chain);
		break;
	case TARGET_VMAP:
		text_addf(out, " %s vmap @%s", target->vmap.by_out_iface ? "oifname" : "iifname",
			target->vmap.map);
		break;
	case TARGET_OPAQUE:
		text_addf(out, " %s", target->text);
		break;
	default:
		break;
	}
}

void rule_print_nft(struct text *out, const struct rule *rule)
{
	for (size_t i = 0; i < rule->n_matches; i++)
		print_match(out, &rule->matches[i]);
	if (rule->has_counter)
		text_addf(out, " counter packets %" PRIu64 " bytes %" PRIu64,
			rule->counters.packets, rule->counters.bytes);
	print_target(out, &rule->target);
	if (rule->comment)
		text_addf(out, " comment \"%s\"", rule->comment);
}

void set_element_print(struct text *out, const struct set *set, const struct set_element *element)
{
	if (set->kind == SET_HASH_NET) {
		prefix_print_bare(out, &element->prefix);
		return;
	}
	text_addf(out, "\"%s\"", element->name);
	if (set->kind == MAP_IFNAME_VERDICT) {
		text_add(out, " :");
		print_target(out, &element->target);
	}
}
