// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Rules as iptables-save prints them. Read back by iptables-restore the text must give the same
 * rule; compared with what iptables-save prints it must be the same bytes. Names of protocols in
 * /etc/protocols differ between hosts: beside those that iptables itself knows, only a name that
 * was read is printed, and numbers for the rest.
 */
#include <string.h>

#include "ruleset/print.h"
#include "base/vec.h"

static const char *const iptables_protos[256] = {
	[PROTO_ICMP] = "icmp",
	[PROTO_TCP] = "tcp",
	[PROTO_UDP] = "udp",
	[50] = "esp",
	[51] = "ah",
	[PROTO_ICMPV6] = "ipv6-icmp",
	[PROTO_SCTP] = "sctp",
	[PROTO_UDPLITE] = "udplite",
};

void print_quoted(struct text *out, const char *value)
{
	static const char plain[] = "_-0123456789abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	size_t len = strspn(value, plain);

	if (len && !value[len]) {
		text_add_n(out, value, len);
		return;
	}
	text_add(out, "\"");
	while (*value) {
		len = strcspn(value, "\"\\'");
		text_add_n(out, value, len);
		value += len;
		if (*value) {
			text_add(out, "\\");
			text_add_n(out, value++, 1);
		}
	}
	text_add(out, "\"");
}

bool proto_is_of_iptables(uint8_t proto)
{
	return iptables_protos[proto] != NULL;
}

static void print_option(struct text *out, const struct match *match, const char *option)
{
	text_add(out, match->inverted ? " ! " : " ");
	text_add(out, option);
}

static void print_prefix_option(struct text *out, const struct match *match, const char *option)
{
	print_option(out, match, option);
	text_add(out, " ");
	prefix_print(out, &match->prefix);
}

/* Interface names are never quoted, whatever they hold. */
static void print_iface_option(struct text *out, const struct match *match, const char *option)
{
	print_option(out, match, option);
	text_addf(out, " %s", match->name);
}

static void print_proto(struct text *out, const struct match *match, bool is_as_read)
{
	print_option(out, match, "-p");
	if (iptables_protos[match->proto])
		text_addf(out, " %s", iptables_protos[match->proto]);
	else if (match->proto_as && is_as_read)
		text_addf(out, " %s", match->proto_as);
	else
		text_addf(out, " %u", match->proto);
}

bool match_is_any_port(const struct match *match)
{
	return match->kind == MATCH_DPORT && !match->inverted && !match->ports.is_multiport &&
	       match->ports.n_ranges == 1 && match->ports.ranges[0].min == 0 &&
	       match->ports.ranges[0].max == UINT16_MAX;
}

/*
 * iptables-save names a module once for all its options. Options that stand beside each other
 * in the order in which the module prints them belong to one "-m".
 */
static bool continues_module(const struct rule *rule, size_t i)
{
	const struct match *match = &rule->matches[i], *before;

	if (match->is_continued)
		return true;
	if (i == 0 || (rule->comment && rule->n_matches - rule->n_behind_comment == i))
		return false;
	before = match - 1;
	switch (match->kind) {
	case MATCH_DPORT:
		return before->kind == MATCH_SPORT && !before->ports.is_multiport &&
		       !match->ports.is_multiport && !match_is_any_port(match);
	case MATCH_PHYSDEV_OUT:
		return before->kind == MATCH_PHYSDEV_IN;
	case MATCH_PHYSDEV_BRIDGED:
		return before->kind == MATCH_PHYSDEV_IN || before->kind == MATCH_PHYSDEV_OUT;
	default:
		return false;
	}
}

const char *rule_port_module(const struct rule *rule)
{
	for (size_t i = 0; i < rule->n_matches; i++) {
		if (rule->matches[i].kind != MATCH_PROTO || rule->matches[i].inverted)
			continue;
		switch (rule->matches[i].proto) {
		case PROTO_TCP:
			return "tcp";
		case PROTO_UDP:
			return "udp";
		case PROTO_SCTP:
			return "sctp";
		case PROTO_DCCP:
			return "dccp";
		default:
			return NULL;
		}
	}
	return NULL;
}

static void print_range(struct text *out, struct port_range range)
{
	text_addf(out, range.min == range.max ? "%u" : "%u:%u", range.min, range.max);
}

static void print_ports(struct text *out, const struct rule *rule, size_t i)
{
	const struct match *match = &rule->matches[i];
	const char *module = rule_port_module(rule);
	/* udplite has no module of its own. */
	bool multiport = match->ports.is_multiport || match->ports.n_ranges != 1 || !module;

	if (multiport)
		text_add(out, " -m multiport");
	else if (!continues_module(rule, i))
		text_addf(out, " -m %s", module);
	if (!multiport && match_is_any_port(match))
		return;
	print_option(out, match,
		match->kind == MATCH_SPORT   ? "--sport"
		: match->kind == MATCH_DPORT ? "--dport"
					     : "--port");
	text_add(out, multiport ? "s " : " ");
	for (size_t r = 0; r < match->ports.n_ranges; r++) {
		if (r)
			text_add(out, ",");
		print_range(out, match->ports.ranges[r]);
	}
}

static void print_icmp(struct text *out, const struct match *match, enum family family)
{
	text_add(out, family == FAMILY_IPV6 ? " -m icmp6" : " -m icmp");
	print_option(out, match, family == FAMILY_IPV6 ? "--icmpv6-type" : "--icmp-type");
	if (family == FAMILY_IPV4 && match->icmp.type == 255 && match->icmp.any_code)
		text_add(out, " any");
	else if (match->icmp.any_code)
		text_addf(out, " %u", match->icmp.type);
	else
		text_addf(out, " %u/%u", match->icmp.type, match->icmp.code);
}

static void print_ct_states(struct text *out, const struct match *match)
{
	static const struct {
		unsigned state;
		const char *name;
	} names[] = {
		{ CT_INVALID, "INVALID" },
		{ CT_NEW, "NEW" },
		{ CT_RELATED, "RELATED" },
		{ CT_ESTABLISHED, "ESTABLISHED" },
		{ CT_UNTRACKED, "UNTRACKED" },
		{ CT_STATE_SNAT, "SNAT" },
		{ CT_STATE_DNAT, "DNAT" },
	};
	const char *before = " ";

	text_add(out, match->is_conntrack ? " -m conntrack" : " -m state");
	print_option(out, match, match->is_conntrack ? "--ctstate" : "--state");
	for (size_t i = 0; i < N_OF(names); i++) {
		if (!(match->ct_states & names[i].state))
			continue;
		text_addf(out, "%s%s", before, names[i].name);
		before = ",";
	}
}

static void print_ct_mark(struct text *out, const struct match *match)
{
	text_add(out, " -m connmark");
	print_option(out, match, "--mark");
	text_addf(out, " 0x%x", match->ct_mark.value);
	if (match->ct_mark.mask != UINT32_MAX)
		text_addf(out, "/0x%x", match->ct_mark.mask);
}

static void print_physdev(struct text *out, const struct rule *rule, size_t i)
{
	const struct match *match = &rule->matches[i];

	if (!continues_module(rule, i))
		text_add(out, " -m physdev");
	if (match->kind == MATCH_PHYSDEV_BRIDGED)
		print_option(out, match, "--physdev-is-bridged");
	else
		print_iface_option(out, match,
			match->kind == MATCH_PHYSDEV_IN ? "--physdev-in" : "--physdev-out");
}

static void print_match(
	struct text *out, enum family family, const struct rule *rule, size_t i, bool is_as_read)
{
	const struct match *match = &rule->matches[i];

	switch (match->kind) {
	case MATCH_IN_IFACE:
		print_iface_option(out, match, "-i");
		break;
	case MATCH_OUT_IFACE:
		print_iface_option(out, match, "-o");
		break;
	case MATCH_SRC:
		print_prefix_option(out, match, "-s");
		break;
	case MATCH_DST:
		print_prefix_option(out, match, "-d");
		break;
	case MATCH_PROTO:
		print_proto(out, match, is_as_read);
		break;
	case MATCH_SPORT:
	case MATCH_DPORT:
	case MATCH_PORT:
		print_ports(out, rule, i);
		break;
	case MATCH_ICMP_TYPE:
		print_icmp(out, match, family);
		break;
	case MATCH_MAC_SRC:
		text_add(out, " -m mac");
		print_option(out, match, "--mac-source");
		text_add(out, " ");
		mac_print(out, match->mac);
		break;
	case MATCH_PHYSDEV_IN:
	case MATCH_PHYSDEV_OUT:
	case MATCH_PHYSDEV_BRIDGED:
		print_physdev(out, rule, i);
		break;
	case MATCH_CT_STATE:
		print_ct_states(out, match);
		break;
	case MATCH_CT_MARK:
		print_ct_mark(out, match);
		break;
	case MATCH_SET:
		text_add(out, " -m set");
		print_option(out, match, "--match-set");
		text_addf(out, " %s %s", match->set.name, match->set.is_src ? "src" : "dst");
		for (unsigned n = 0; n < match->set.n_more; n++)
			text_add(out, match->set.more_srcs & 1u << n ? ",src" : ",dst");
		break;
	case MATCH_OPAQUE:
		text_addf(out, " %s", match->text);
		break;
	case MATCH_ETHERTYPE:
	case MATCH_ETH_SRC:
	case MATCH_ARP_SHA:
	case MATCH_ARP_SPA:
	case MATCH_NFT_FIELD:
	case MATCH_NFT_DO:
		break; /* not in this family */
	default:
		match_print_xt(out, family, match, i + 1 < rule->n_matches ? match + 1 : NULL);
		break;
	}
}

static void print_target(struct text *out, enum family family, const struct target *target)
{
	switch (target->kind) {
	case TARGET_NONE:
	case TARGET_VMAP:
	case TARGET_NFT_CONTINUE:
	case TARGET_NFT_REJECT:
	case TARGET_NFT_QUEUE:
	case TARGET_NFT_NAT:
	case TARGET_NFT_VMAP:
	case TARGET_NFT_TAKEN:
		break;
	case TARGET_ACCEPT:
		text_add(out, " -j ACCEPT");
		break;
	case TARGET_DROP:
		text_add(out, " -j DROP");
		break;
	case TARGET_RETURN:
		text_add(out, " -j RETURN");
		break;
	case TARGET_JUMP:
		text_addf(out, " -j %s", target->chain);
		break;
	case TARGET_GOTO:
		text_addf(out, " -g %s", target->chain);
		break;
	case TARGET_CT_ZONE:
		text_addf(out, " -j CT --zone %u", target->zone);
		break;
	case TARGET_CT_NOTRACK:
		text_add(out, " -j CT --notrack");
		break;
	case TARGET_OPAQUE:
		text_addf(out, " -j %s", target->text);
		break;
	default:
		target_print_xt(out, family, target);
		break;
	}
}

static void print_comment(struct text *out, const struct rule *rule)
{
	text_add(out, " -m comment --comment ");
	print_quoted(out, rule->comment);
}

void rule_print_iptables(
	struct text *out, enum family family, const struct rule *rule, bool is_as_read)
{
	size_t comment_at = rule->n_matches - rule->n_behind_comment;

	for (size_t i = 0; i < rule->n_matches; i++) {
		if (rule->comment && i == comment_at)
			print_comment(out, rule);
		print_match(out, family, rule, i, is_as_read);
	}
	if (rule->comment && comment_at == rule->n_matches)
		print_comment(out, rule);
	print_target(out, family, &rule->target);
}

void rule_print(struct text *out, enum family family, const struct rule *rule)
{
	struct text printed CLEANUP(text_done) = TEXT_INIT;

	if (family == FAMILY_BRIDGE)
		rule_print_nft(&printed, rule);
	else
		rule_print_iptables(&printed, family, rule, false);
	/* Every part brings the space in front of it. */
	if (printed.len)
		text_add_n(out, printed.data + 1, printed.len - 1);
}
