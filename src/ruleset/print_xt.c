// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Matches of iptables' modules as iptables-save prints them: every option of a module in the
 * module's own order, values in the form that it always gives them. A match that continues a
 * module leaves the "-m" to the one in front of it.
 */
#include "base/vec.h"
#include "ruleset/print.h"

static void print_names(struct text *out, unsigned bits, const char *const *names, size_t n)
{
	const char *before = " ";

	for (size_t i = 0; i < n; i++) {
		if (!(bits & 1u << i))
			continue;
		text_addf(out, "%s%s", before, names[i]);
		before = ",";
	}
}

bool mask_len(const struct addr *mask, uint8_t *ret)
{
	uint8_t len = 0, max = prefix_max_len(mask->family);

	while (len < max && mask->bytes[len / 8] & (0x80 >> len % 8))
		len++;
	for (unsigned i = len; i < max; i++)
		if (mask->bytes[i / 8] & (0x80 >> i % 8))
			return false;
	*ret = len;
	return true;
}

static void print_start(struct text *out, const struct match *match, const char *module)
{
	if (!match->is_continued)
		text_addf(out, " -m %s", module);
}

static void print_option(struct text *out, const struct match *match, const char *option)
{
	text_add(out, match->inverted ? " ! " : " ");
	text_add(out, option);
}

static void print_masked(struct text *out, const struct masked_addr *masked)
{
	addr_print(out, &masked->addr);
	text_add(out, "/");
	addr_print(out, &masked->mask);
}

/* conntrack's addresses: a mask that is a prefix as its length, and none for a host. */
static void print_ct_masked(struct text *out, const struct masked_addr *masked)
{
	uint8_t len;

	if (!mask_len(&masked->mask, &len)) {
		print_masked(out, masked);
		return;
	}
	addr_print(out, &masked->addr);
	if (len != prefix_max_len(masked->addr.family))
		text_addf(out, "/%u", len);
}

void range_print(struct text *out, struct port_range range)
{
	text_addf(out, range.min == range.max ? "%u" : "%u:%u", range.min, range.max);
}

void tcp_flags_print(struct text *out, uint8_t flags)
{
	/* the order of iptables-save, which is that of the header */
	static const char *const names[] = { "FIN", "SYN", "RST", "PSH", "ACK", "URG" };

	if (flags)
		print_names(out, flags, names, N_OF(names));
	else
		text_add(out, " NONE");
}

void ct_status_print(struct text *out, unsigned status)
{
	static const char *const names[] = { "EXPECTED", "SEEN_REPLY", "ASSURED", "CONFIRMED" };

	if (status)
		print_names(out, status, names, N_OF(names));
	else
		text_add(out, " NONE");
}

void addr_types_print(struct text *out, unsigned types)
{
	static const char *const names[] = { "UNSPEC", "UNICAST", "LOCAL", "BROADCAST", "ANYCAST",
		"MULTICAST", "BLACKHOLE", "UNREACHABLE", "PROHIBIT", "THROW", "NAT", "XRESOLVE" };

	print_names(out, types, names, N_OF(names));
}

const char *pkt_type_name(enum pkt_type type)
{
	static const char *const names[] = { [PKT_HOST] = "unicast",
		[PKT_BROADCAST] = "broadcast",
		[PKT_MULTICAST] = "multicast",
		[PKT_OTHERHOST] = "otherhost" };

	return names[type];
}

static void print_ct(struct text *out, const struct match *match)
{
	static const char *const of[] = { [CT_ORIG_SRC] = "--ctorigsrc",
		[CT_ORIG_DST] = "--ctorigdst",
		[CT_REPL_SRC] = "--ctreplsrc",
		[CT_REPL_DST] = "--ctrepldst" };

	print_start(out, match, "conntrack");
	switch (match->kind) {
	case MATCH_CT_PROTO:
		print_option(out, match, "--ctproto");
		text_addf(out, " %u", match->ct.proto);
		break;
	case MATCH_CT_ADDR:
		print_option(out, match, of[match->ct.of]);
		text_add(out, " ");
		print_ct_masked(out, match->ct.masked);
		break;
	case MATCH_CT_PORT:
		print_option(out, match, of[match->ct.of]);
		text_add(out, "port ");
		range_print(out, match->ct.range);
		break;
	case MATCH_CT_STATUS:
		print_option(out, match, "--ctstatus");
		ct_status_print(out, match->ct.status);
		break;
	default:
		text_addf(out, " --ctdir %s", match->ct.is_reply ? "REPLY" : "ORIGINAL");
		break;
	}
}

/* The limit belongs to the module, and is printed once behind both of its options. */
static void print_addrtype(struct text *out, const struct match *match, const struct match *next)
{
	print_start(out, match, "addrtype");
	print_option(out, match, match->kind == MATCH_ADDRTYPE_SRC ? "--src-type" : "--dst-type");
	addr_types_print(out, match->addrtype.types);
	if (next && next->kind == MATCH_ADDRTYPE_DST && next->is_continued)
		return;
	if (match->addrtype.limit == ADDRTYPE_IN_IFACE)
		text_add(out, " --limit-iface-in");
	else if (match->addrtype.limit == ADDRTYPE_OUT_IFACE)
		text_add(out, " --limit-iface-out");
}

static void print_iprange(struct text *out, const struct match *match)
{
	print_start(out, match, "iprange");
	print_option(out, match, match->kind == MATCH_IPRANGE_SRC ? "--src-range" : "--dst-range");
	text_add(out, " ");
	addr_print(out, &match->addrs->min);
	text_add(out, "-");
	addr_print(out, &match->addrs->max);
}

static void print_ttl(struct text *out, enum family family, const struct match *match)
{
	static const char *const ops[] = { [TTL_EQ] = "eq", [TTL_LT] = "lt", [TTL_GT] = "gt" };
	const char *module = family == FAMILY_IPV6 ? "hl" : "ttl";

	text_addf(out, " -m %s%s --%s-%s %u", module, match->inverted ? " !" : "", module,
		ops[match->ttl.op], match->ttl.value);
}

static void print_rpfilter(struct text *out, const struct match *match)
{
	text_add(out, " -m rpfilter");
	if (match->rpfilter & RPFILTER_LOOSE)
		text_add(out, " --loose");
	if (match->rpfilter & RPFILTER_VALIDMARK)
		text_add(out, " --validmark");
	if (match->rpfilter & RPFILTER_ACCEPT_LOCAL)
		text_add(out, " --accept-local");
	if (match->inverted)
		text_add(out, " --invert");
}

static void print_owner(struct text *out, const struct match *match)
{
	print_start(out, match, "owner");
	if (match->kind == MATCH_OWNER_SOCKET) {
		print_option(out, match, "--socket-exists");
		return;
	}
	print_option(out, match, match->kind == MATCH_OWNER_UID ? "--uid-owner" : "--gid-owner");
	text_addf(out, " %u", match->ids.min);
	if (match->ids.max != match->ids.min)
		text_addf(out, "-%u", match->ids.max);
}

static void print_policy(struct text *out, const struct match *match)
{
	text_addf(out, " -m policy --dir %s --pol %s%s", match->policy.is_out ? "out" : "in",
		match->policy.is_none ? "none" : "ipsec",
		match->policy.is_strict ? " --strict" : "");
}

static void print_rt(struct text *out, const struct match *match)
{
	text_add(out, " -m rt");
	if (match->rt.has_type) {
		print_option(out, match, "--rt-type");
		text_addf(out, " %u", match->rt.type);
	}
	if (!match->rt.has_segsleft)
		return;
	text_addf(out, "%s --rt-segsleft %u", match->rt.is_segsleft_inverted ? " !" : "",
		match->rt.segsleft_min);
	if (match->rt.segsleft_max != match->rt.segsleft_min)
		text_addf(out, ":%u", match->rt.segsleft_max);
}

static void print_socket(struct text *out, const struct match *match)
{
	text_add(out, " -m socket");
	if (match->socket & SOCKET_TRANSPARENT)
		text_add(out, " --transparent");
	if (match->socket & SOCKET_NOWILDCARD)
		text_add(out, " --nowildcard");
	if (match->socket & SOCKET_RESTORE_SKMARK)
		text_add(out, " --restore-skmark");
}

static void print_physdev_flag(struct text *out, const struct match *match)
{
	print_start(out, match, "physdev");
	print_option(out, match,
		match->kind == MATCH_PHYSDEV_IS_IN ? "--physdev-is-in" : "--physdev-is-out");
}

/* Small ones: "-m MODULE [!] --OPTION value". */
static bool print_simple(struct text *out, const struct match *match)
{
	switch (match->kind) {
	case MATCH_MARK:
		text_add(out, " -m mark");
		print_option(out, match, "--mark");
		text_addf(out, " 0x%x", match->ct_mark.value);
		if (match->ct_mark.mask != UINT32_MAX)
			text_addf(out, "/0x%x", match->ct_mark.mask);
		return true;
	case MATCH_PKTTYPE:
		text_add(out, " -m pkttype");
		print_option(out, match, "--pkt-type");
		text_addf(out, " %s", pkt_type_name(match->pkt_type));
		return true;
	case MATCH_LENGTH:
		text_add(out, " -m length");
		print_option(out, match, "--length");
		text_add(out, " ");
		range_print(out, match->range);
		return true;
	case MATCH_TOS:
		text_add(out, " -m tos");
		print_option(out, match, "--tos");
		text_addf(out, " 0x%02x/0x%02x", match->tos.value, match->tos.mask);
		return true;
	case MATCH_DSCP:
		text_add(out, " -m dscp");
		print_option(out, match, "--dscp");
		text_addf(out, " 0x%02x", match->tos.value);
		return true;
	case MATCH_TCP_FLAGS:
		print_start(out, match, "tcp");
		print_option(out, match, "--tcp-flags");
		tcp_flags_print(out, match->tcp_flags.mask);
		tcp_flags_print(out, match->tcp_flags.value);
		return true;
	case MATCH_COMMENT:
		text_add(out, " -m comment --comment ");
		print_quoted(out, match->name);
		return true;
	case MATCH_FRAGMENT:
		print_option(out, match, "-f");
		return true;
	default:
		return false;
	}
}

void match_print_xt(
	struct text *out, enum family family, const struct match *match, const struct match *next)
{
	if (print_simple(out, match))
		return;
	switch (match->kind) {
	case MATCH_SRC_MASK:
	case MATCH_DST_MASK:
		print_option(out, match, match->kind == MATCH_SRC_MASK ? "-s " : "-d ");
		print_masked(out, match->masked);
		break;
	case MATCH_PHYSDEV_IS_IN:
	case MATCH_PHYSDEV_IS_OUT:
		print_physdev_flag(out, match);
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
		print_addrtype(out, match, next);
		break;
	case MATCH_IPRANGE_SRC:
	case MATCH_IPRANGE_DST:
		print_iprange(out, match);
		break;
	case MATCH_TTL:
		print_ttl(out, family, match);
		break;
	case MATCH_RPFILTER:
		print_rpfilter(out, match);
		break;
	case MATCH_OWNER_UID:
	case MATCH_OWNER_GID:
	case MATCH_OWNER_SOCKET:
		print_owner(out, match);
		break;
	case MATCH_POLICY:
		print_policy(out, match);
		break;
	case MATCH_RT:
		print_rt(out, match);
		break;
	case MATCH_SOCKET:
		print_socket(out, match);
		break;
	default:
		break; /* of the common kinds, or of nft */
	}
}
