// SPDX-License-Identifier: GPL-2.0-or-later
#include "ruleset/ruleset.h"

#include "base/vec.h"
#include "ruleset/ebtables.h"
#include "ruleset/print.h"

static void print_port_range(struct text *out, const struct match *match)
{
	for (size_t i = 0; i < match->ports.n_ranges; i++) {
		struct port_range range = match->ports.ranges[i];

		text_addf(out, "%s%u", i ? "," : "", range.min);
		if (range.max != range.min)
			text_addf(out, "-%u", range.max);
	}
}

static bool is_every_port(const struct match *match)
{
	return !match->inverted && match->ports.n_ranges == 1 && match->ports.ranges[0].min == 0 &&
	       match->ports.ranges[0].max == UINT16_MAX;
}

static void print_states(struct text *out, const struct match *match)
{
	static const struct {
		unsigned state;
		const char *name;
	} names[] = { { CT_NEW, "new" }, { CT_ESTABLISHED, "established" },
		{ CT_RELATED, "related" }, { CT_INVALID, "invalid" }, { CT_UNTRACKED, "untracked" },
		{ CT_STATE_SNAT, "source rewritten" }, { CT_STATE_DNAT, "destination rewritten" } };
	const char *before = "";

	for (size_t i = 0; i < N_OF(names); i++) {
		if (!(match->ct_states & names[i].state))
			continue;
		text_addf(out, "%s%s", before, names[i].name);
		before = " or ";
	}
}

static void print_proto(struct text *out, uint8_t proto)
{
	if (proto_name(proto))
		text_add(out, proto_name(proto));
	else
		text_addf(out, "protocol %u", proto);
}

static void print_value(struct text *out, const struct match *match)
{
	switch (match->kind) {
	case MATCH_IN_IFACE:
	case MATCH_OUT_IFACE:
	case MATCH_PHYSDEV_IN:
	case MATCH_PHYSDEV_OUT:
		text_add(out, match->name);
		break;
	case MATCH_SRC:
	case MATCH_DST:
	case MATCH_ARP_SPA:
		prefix_print_bare(out, &match->prefix);
		break;
	case MATCH_PROTO:
		print_proto(out, match->proto);
		break;
	case MATCH_SPORT:
	case MATCH_DPORT:
	case MATCH_PORT:
		print_port_range(out, match);
		break;
	case MATCH_ICMP_TYPE:
		text_addf(out, "%u", match->icmp.type);
		if (!match->icmp.any_code)
			text_addf(out, " code %u", match->icmp.code);
		break;
	case MATCH_MAC_SRC:
	case MATCH_ETH_SRC:
	case MATCH_ARP_SHA:
		mac_print(out, match->mac);
		break;
	case MATCH_CT_STATE:
		print_states(out, match);
		break;
	case MATCH_CT_MARK:
		text_addf(out, "0x%x", match->ct_mark.value);
		if (match->ct_mark.mask != UINT32_MAX)
			text_addf(out, "/0x%x", match->ct_mark.mask);
		break;
	case MATCH_SET:
		text_addf(out, "set %s", match->set.name);
		for (unsigned n = 0; n < match->set.n_more; n++)
			text_add(out, match->set.more_srcs & 1u << n ? ", and by source"
								     : ", and by destination");
		break;
	case MATCH_ETHERTYPE:
		if (ethertype_name(match->ethertype))
			text_add(out, ethertype_name(match->ethertype));
		else
			text_addf(out, "ethertype 0x%04x", match->ethertype);
		break;
	case MATCH_OPAQUE:
		text_addf(out, "\"%s\"", match->text);
		break;
	case MATCH_NFT_FIELD:
	case MATCH_NFT_DO:
		match_print_nft(out, match);
		break;
	case MATCH_PHYSDEV_BRIDGED:
		break;
	case MATCH_EBT:
		text_add(out, match->ebt->text);
		break;
	default:
		match_print_words_xt(out, match);
		break;
	}
}

static const char *words_before(const struct match *match)
{
	switch (match->kind) {
	case MATCH_IN_IFACE:
	case MATCH_PHYSDEV_IN:
		return "in by ";
	case MATCH_OUT_IFACE:
	case MATCH_PHYSDEV_OUT:
		return "out by ";
	case MATCH_SRC:
	case MATCH_MAC_SRC:
	case MATCH_ETH_SRC:
		return "from ";
	case MATCH_DST:
		return "to ";
	case MATCH_SPORT:
		return "from port ";
	case MATCH_DPORT:
		return "to port ";
	case MATCH_PORT:
		return "from or to port ";
	case MATCH_ICMP_TYPE:
		return "type ";
	case MATCH_PHYSDEV_BRIDGED:
		return "bridged";
	case MATCH_CT_MARK:
		return "connection mark ";
	case MATCH_SET:
		return match->set.is_src ? "from " : "to ";
	case MATCH_ARP_SHA:
	case MATCH_ARP_SPA:
		return "ARP sender ";
	default:
		return "";
	}
}

static bool says_nothing(const struct match *match)
{
	switch (match->kind) {
	case MATCH_SPORT:
	case MATCH_DPORT:
		return is_every_port(match);
	case MATCH_ICMP_TYPE:
		return !match->inverted && match->icmp.type == 255 && match->icmp.any_code;
	default:
		return false;
	}
}

static void print_match(struct text *out, const struct match *match)
{
	text_addf(out, "%s%s", match->inverted ? "not " : "", words_before(match));
	print_value(out, match);
}

static void print_target(struct text *out, const struct target *target)
{
	switch (target->kind) {
	case TARGET_NONE:
		text_add(out, "count");
		break;
	case TARGET_ACCEPT:
		text_add(out, "accept");
		break;
	case TARGET_DROP:
		text_add(out, "drop");
		break;
	case TARGET_RETURN:
		text_add(out, "return");
		break;
	case TARGET_JUMP:
		text_addf(out, "jump to %s", target->chain);
		break;
	case TARGET_GOTO:
		text_addf(out, "go to %s", target->chain);
		break;
	case TARGET_CT_ZONE:
		text_addf(out, "conntrack zone %u", target->zone);
		break;
	case TARGET_CT_NOTRACK:
		text_add(out, "do not track");
		break;
	case TARGET_VMAP:
		text_addf(out, "by %s interface through map %s",
			target->vmap.by_out_iface ? "output" : "input", target->vmap.map);
		break;
	case TARGET_OPAQUE:
		text_add(out, target->text);
		break;
	case TARGET_NFT_CONTINUE:
	case TARGET_NFT_REJECT:
	case TARGET_NFT_QUEUE:
	case TARGET_NFT_NAT:
	case TARGET_NFT_VMAP:
	case TARGET_NFT_TAKEN:
		target_print_nft(out, target);
		break;
	case TARGET_EBT:
		text_add(out, target->ebt->text);
		break;
	default:
		target_print_words_xt(out, target);
		break;
	}
}

void rule_print_words(struct text *out, const struct rule *rule)
{
	bool is_first = true;

	/* The protocol comes first: "tcp from 10.0.0.0/8 to port 443". */
	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < rule->n_matches; i++) {
			const struct match *match = &rule->matches[i];
			bool is_proto =
				match->kind == MATCH_PROTO || match->kind == MATCH_ETHERTYPE;

			if (is_proto != (pass == 0) || says_nothing(match))
				continue;
			text_add(out, is_first ? "" : " ");
			print_match(out, match);
			is_first = false;
		}
	}
	text_add(out, is_first ? "everything: " : ": ");
	print_target(out, &rule->target);
}
