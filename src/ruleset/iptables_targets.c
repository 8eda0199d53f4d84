// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What stands behind -j: a verdict, a chain or an extension. Of an extension all options must be
 * understood, or the whole stays text.
 */
#include <string.h>

#include "ruleset/iptables.h"
#include "ruleset/print.h"

/* Words [from, end) behind the target's name. */
struct words {
	struct iptables_parser *p;
	size_t from, end;
};

typedef bool target_fn(const struct words *words, struct target *ret);

static bool option_of(const struct words *words, size_t at, struct option *ret)
{
	return iptables_option_at(words->p, at, words->end, ret) && !ret->inverted;
}

/* The only option, with its value. */
static bool only_option(const struct words *words, struct option *ret)
{
	return option_of(words, words->from, ret) && ret->value && ret->after == words->end;
}

static bool parse_nothing(const struct words *words, struct target *ret)
{
	*ret = (struct target){ .kind = TARGET_NOTRACK };
	return words->from == words->end;
}

static bool parse_reject(const struct words *words, struct target *ret)
{
	static const struct {
		const char *name, *other;
	} v4[] = { { "icmp-net-unreachable", "net-unreach" },
		{ "icmp-host-unreachable", "host-unreach" },
		{ "icmp-proto-unreachable", "proto-unreach" },
		{ "icmp-port-unreachable", "port-unreach" },
		{ "icmp-net-prohibited", "net-prohib" }, { "icmp-host-prohibited", "host-prohib" },
		{ "tcp-reset", "tcp-rst" }, { "icmp-admin-prohibited", "admin-prohib" } },
	  v6[] = { { "icmp6-no-route", "no-route" }, { "icmp6-adm-prohibited", "adm-prohibited" },
		  { "icmp6-addr-unreachable", "addr-unreach" },
		  { "icmp6-port-unreachable", "port-unreach" }, { "tcp-reset", "tcp-reset" },
		  { "icmp6-policy-fail", "policy-fail" },
		  { "icmp6-reject-route", "reject-route" } };
	bool is_v6 = words->p->family == FAMILY_IPV6;
	struct option option;

	*ret = (struct target){ .kind = TARGET_REJECT,
		.reject_with = is_v6 ? "icmp6-port-unreachable" : "icmp-port-unreachable" };
	if (words->from == words->end)
		return true;
	if (!only_option(words, &option) || !option_is(&option, "--reject-with"))
		return false;
	for (size_t i = 0; i < (is_v6 ? N_OF(v6) : N_OF(v4)); i++) {
		const char *name = is_v6 ? v6[i].name : v4[i].name;

		if (strcmp(option.value, name) == 0 ||
			strcmp(option.value, is_v6 ? v6[i].other : v4[i].other) == 0) {
			ret->reject_with = name;
			return true;
		}
	}
	return false;
}

/* A change of a mark in any of its spellings, as (old & ~mask) ^ value. */
static bool parse_mark_change(const struct option *option, uint32_t *ret_value, uint32_t *ret_mask)
{
	uint32_t value, mask;

	if (!iptables_masked_number(option->value, UINT32_MAX, &value, &mask))
		return false;
	if (option_is(option, "--set-xmark")) {
		*ret_value = value;
		*ret_mask = mask;
		return true;
	}
	if (option_is(option, "--set-mark")) {
		*ret_value = value;
		*ret_mask = mask | value;
		return true;
	}
	if (strchr(option->value, '/'))
		return false;
	if (option_is(option, "--and-mark")) {
		*ret_value = 0;
		*ret_mask = ~value;
	} else if (option_is(option, "--or-mark")) {
		*ret_value = *ret_mask = value;
	} else if (option_is(option, "--xor-mark")) {
		*ret_value = value;
		*ret_mask = 0;
	} else {
		return false;
	}
	return true;
}

static bool parse_mark(const struct words *words, struct target *ret)
{
	struct option option;

	*ret = (struct target){ .kind = TARGET_MARK };
	return only_option(words, &option) &&
	       parse_mark_change(&option, &ret->mark.value, &ret->mark.mask);
}

static bool parse_masks(const struct words *words, size_t at, struct connmark *connmark)
{
	struct option option;
	uint32_t mask;

	connmark->nf_mask = connmark->ct_mask = UINT32_MAX;
	while (at < words->end) {
		const char *value;

		if (!option_of(words, at, &option) || !option.value)
			return false;
		value = option.value;
		if (!iptables_number(&value, &mask) || *value)
			return false;
		if (option_is(&option, "--nfmask"))
			connmark->nf_mask = mask;
		else if (option_is(&option, "--ctmask"))
			connmark->ct_mask = mask;
		else if (option_is(&option, "--mask"))
			connmark->nf_mask = connmark->ct_mask = mask;
		else
			return false;
		at = option.after;
	}
	return true;
}

static bool parse_connmark(const struct words *words, struct target *ret)
{
	struct connmark connmark = { .op = CONNMARK_SET }, *kept;
	struct option option;

	if (!option_of(words, words->from, &option))
		return false;
	if (option_is(&option, "--save-mark") || option_is(&option, "--restore-mark")) {
		connmark.op = option_is(&option, "--save-mark") ? CONNMARK_SAVE : CONNMARK_RESTORE;
		if (!parse_masks(words, option.flag_after, &connmark))
			return false;
	} else if (!option.value || option.after != words->end ||
		   !parse_mark_change(&option, &connmark.value, &connmark.ct_mask)) {
		return false;
	}
	kept = arena_new_one(words->p->arena, struct connmark);
	*kept = connmark;
	*ret = (struct target){ .kind = TARGET_CONNMARK, .connmark = kept };
	return true;
}

static bool parse_zone(const struct option *option, struct ct_target *ct)
{
	static const char *const names[] = { "--zone", "--zone-orig", "--zone-reply" };
	uint32_t zone;
	size_t i = 0;

	while (i < N_OF(names) && !option_is(option, names[i]))
		i++;
	if (i == N_OF(names) || ct->has_zone || ct->is_zone_mark)
		return false;
	ct->zone_of = (enum ct_zone_of)i;
	if (strcmp(option->value, "mark") == 0) {
		ct->is_zone_mark = true;
		return true;
	}
	if (!text_to_u32(option->value, 0, UINT16_MAX, &zone))
		return false;
	ct->has_zone = true;
	ct->zone = (uint16_t)zone;
	return true;
}

static bool parse_ct_options(const struct words *words, struct ct_target *ct)
{
	struct iptables_parser *p = words->p;
	struct option option;

	for (size_t at = words->from; at < words->end;) {
		if (!option_of(words, at, &option))
			return false;
		if (option_is(&option, "--notrack") && !ct->is_notrack) {
			ct->is_notrack = true;
			at = option.flag_after;
			continue;
		}
		if (!option.value)
			return false;
		if (option_is(&option, "--helper") && !ct->helper &&
			iptables_is_name(option.value)) {
			ct->helper = iptables_intern(p, option.value);
		} else if (option_is(&option, "--timeout") || option_is(&option, "--ctevents") ||
			   option_is(&option, "--expevents")) {
			ct->others = iptables_raw(p, ct->others, at, option.after);
		} else if (!parse_zone(&option, ct)) {
			return false;
		}
		at = option.after;
	}
	return true;
}

static bool parse_ct(const struct words *words, struct target *ret)
{
	struct ct_target ct = { 0 }, *kept;

	if (!parse_ct_options(words, &ct))
		return false;
	if (!ct.helper && !ct.others && ct.is_notrack && !ct.has_zone && !ct.is_zone_mark) {
		*ret = (struct target){ .kind = TARGET_CT_NOTRACK };
		return true;
	}
	if (!ct.helper && !ct.others && !ct.is_notrack && ct.has_zone &&
		ct.zone_of == CT_ZONE_BOTH) {
		*ret = (struct target){ .kind = TARGET_CT_ZONE, .zone = ct.zone };
		return true;
	}
	kept = arena_new_one(words->p->arena, struct ct_target);
	*kept = ct;
	*ret = (struct target){ .kind = TARGET_CT, .ct = kept };
	return true;
}

/* "1.2.3.4", "1.2.3.4-1.2.3.9:5-6", ":5", "[::1]:80"; DNAT's "/base" behind is not modelled. */
static bool parse_nat_to(struct iptables_parser *p, const char *text, struct nat *nat)
{
	const char *ports = NULL;
	size_t len = strlen(text);
	struct port_range range;

	if (p->family == FAMILY_IPV4) {
		ports = strchr(text, ':');
	} else if (*text == '[') {
		const char *close = strchr(text, ']');

		if (!close || (close[1] && close[1] != ':'))
			return false;
		text++;
		len = (size_t)(close - text);
		ports = close[1] ? close + 1 : NULL;
	} else if (*text == ':' && text[1] != ':') {
		ports = text;
	}
	if (ports) {
		if (!iptables_range(p, ports + 1, strlen(ports + 1), '-', false, &range))
			return false;
		nat->has_ports = true;
		nat->port_min = range.min;
		nat->port_max = range.max;
		if (ports < text + len)
			len = (size_t)(ports - text);
	}
	if (!len)
		return nat->has_ports;
	nat->has_addr = true;
	return iptables_addr_range(p, text, len, &nat->addr_min, &nat->addr_max);
}

static bool parse_network(struct iptables_parser *p, const char *text, struct nat *nat)
{
	struct masked_addr masked;

	if (!iptables_masked_addr(p, text, &masked))
		return false;
	nat->has_addr = true;
	nat->addr_min = nat->addr_max = masked.addr;
	for (size_t i = 0; i < prefix_max_len(p->family) / 8U; i++)
		nat->addr_max.bytes[i] |= (uint8_t)~masked.mask.bytes[i];
	return true;
}

/* Which of the options "--to-..." a kind of NAT has. */
static bool parse_nat_value(struct iptables_parser *p, const struct option *option, struct nat *nat)
{
	struct port_range range;

	if (nat->has_addr || nat->has_ports)
		return false; /* several ranges: kernels of long ago */
	switch (nat->kind) {
	case NAT_SNAT:
		return option_is(option, "--to-source") && parse_nat_to(p, option->value, nat);
	case NAT_DNAT:
		return (option_is(option, "--to-destination") || option_is(option, "--to")) &&
		       parse_nat_to(p, option->value, nat);
	case NAT_MASQUERADE:
	case NAT_REDIRECT:
		if ((!option_is(option, "--to-ports") && !option_is(option, "--to-port")) ||
			!iptables_range(
				p, option->value, strlen(option->value), '-', false, &range))
			return false;
		nat->has_ports = true;
		nat->port_min = range.min;
		nat->port_max = range.max;
		return true;
	case NAT_NETMAP:
		return option_is(option, "--to") && parse_network(p, option->value, nat);
	case NAT_NONE:
		break;
	}
	return false;
}

static bool parse_nat(const struct words *words, enum nat_kind kind, struct target *ret)
{
	struct nat nat = { .kind = kind }, *kept;
	struct option option;

	for (size_t at = words->from; at < words->end;) {
		bool is_flag = true;

		if (!option_of(words, at, &option))
			return false;
		if (option_is(&option, "--random"))
			nat.is_random = true;
		else if (option_is(&option, "--random-fully"))
			nat.is_fully_random = true;
		else if (option_is(&option, "--persistent"))
			nat.is_persistent = true;
		else
			is_flag = false;
		if (!is_flag && (!option.value || !parse_nat_value(words->p, &option, &nat)))
			return false;
		at = is_flag ? option.flag_after : option.after;
	}
	if ((kind == NAT_SNAT || kind == NAT_DNAT || kind == NAT_NETMAP) && !nat.has_addr &&
		!nat.has_ports)
		return false;
	kept = arena_new_one(words->p->arena, struct nat);
	*kept = nat;
	*ret = (struct target){ .kind = TARGET_NAT, .mapping = kept };
	return true;
}

static bool parse_snat(const struct words *words, struct target *ret)
{
	return parse_nat(words, NAT_SNAT, ret);
}

static bool parse_dnat(const struct words *words, struct target *ret)
{
	return parse_nat(words, NAT_DNAT, ret);
}

static bool parse_masquerade(const struct words *words, struct target *ret)
{
	return parse_nat(words, NAT_MASQUERADE, ret);
}

static bool parse_redirect(const struct words *words, struct target *ret)
{
	return parse_nat(words, NAT_REDIRECT, ret);
}

static bool parse_netmap(const struct words *words, struct target *ret)
{
	return parse_nat(words, NAT_NETMAP, ret);
}

static bool parse_tos(const struct words *words, struct target *ret)
{
	struct option option;
	uint32_t bits, mask;

	*ret = (struct target){ .kind = TARGET_TOS };
	if (!only_option(words, &option))
		return false;
	if (option_is(&option, "--set-tos"))
		return iptables_tos(option.value, &ret->tos.value, &ret->tos.mask);
	if (strchr(option.value, '/') || !iptables_masked_number(option.value, 0xff, &bits, &mask))
		return false;
	if (option_is(&option, "--and-tos")) {
		ret->tos.mask = (uint8_t)~bits;
	} else if (option_is(&option, "--or-tos")) {
		ret->tos.value = ret->tos.mask = (uint8_t)bits;
	} else if (option_is(&option, "--xor-tos")) {
		ret->tos.value = (uint8_t)bits;
	} else {
		return false;
	}
	return true;
}

static bool parse_dscp(const struct words *words, struct target *ret)
{
	struct option option;
	bool is_class;

	*ret = (struct target){ .kind = TARGET_DSCP };
	if (!only_option(words, &option))
		return false;
	is_class = option_is(&option, "--set-dscp-class");
	return (is_class || option_is(&option, "--set-dscp")) &&
	       iptables_dscp(option.value, is_class, &ret->tos.value);
}

static bool parse_ttl(const struct words *words, struct target *ret)
{
	static const char *const names[2][3] = { { "--ttl-set", "--ttl-inc", "--ttl-dec" },
		{ "--hl-set", "--hl-inc", "--hl-dec" } };
	const char *const *own = names[words->p->family == FAMILY_IPV6];
	struct option option;
	uint32_t value;
	size_t i = 0;

	*ret = (struct target){ .kind = TARGET_TTL };
	if (!only_option(words, &option) || !text_to_u32(option.value, 0, UINT8_MAX, &value))
		return false;
	while (i < 3 && !option_is(&option, own[i]))
		i++;
	if (i == 3)
		return false;
	ret->ttl.op = i == 0 ? TTL_SET : i == 1 ? TTL_INC : TTL_DEC;
	ret->ttl.value = (uint8_t)value;
	return true;
}

/* "warning" is the default and is not printed. */
static bool parse_log_level(const char *text, uint32_t *ret)
{
	static const char *const names[] = { "emerg", "alert", "crit", "error", "warning", "notice",
		"info", "debug", "panic" };
	size_t i;

	if (iptables_name_in(text, strlen(text), names, N_OF(names), &i)) {
		*ret = i == 8 ? 0 : (uint32_t)i;
		return true;
	}
	return text_to_u32(text, 0, 7, ret);
}

/* The options of LOG in the order in which they are printed. */
static bool parse_log(const struct words *words, struct target *ret)
{
	static const char *const flags[] = { "--log-tcp-sequence", "--log-tcp-options",
		"--log-ip-options", "--log-uid", "--log-macdecode" };
	struct iptables_parser *p = words->p;
	const char *prefix = NULL, *text = "LOG";
	bool has_flag[N_OF(flags)] = { false };
	uint32_t level = 4;
	struct option option;

	for (size_t at = words->from; at < words->end;) {
		size_t i = 0;

		if (!option_of(words, at, &option))
			return false;
		while (i < N_OF(flags) && !option_is(&option, flags[i]))
			i++;
		if (i < N_OF(flags)) {
			has_flag[i] = true;
			at = option.flag_after;
			continue;
		}
		if (!option.value)
			return false;
		if (option_is(&option, "--log-prefix") && !prefix)
			prefix = option.value;
		else if (!option_is(&option, "--log-level") ||
			 !parse_log_level(option.value, &level))
			return false;
		at = option.after;
	}
	if (prefix) {
		struct text quoted CLEANUP(text_done) = TEXT_INIT;

		print_quoted(&quoted, prefix);
		text = arena_printf(p->scratch, "LOG --log-prefix %s", quoted.data);
	}
	if (level != 4)
		text = arena_printf(p->scratch, "%s --log-level %u", text, level);
	for (size_t i = 0; i < N_OF(flags); i++)
		if (has_flag[i])
			text = arena_printf(p->scratch, "%s %s", text, flags[i]);
	*ret = (struct target){
		.kind = TARGET_CONTINUE, .text = iptables_intern(p, text), .name = "LOG"
	};
	return true;
}

static const struct extension {
	const char *name;
	target_fn *parse; /* NULL: the kind is all there is to know */
	enum target_kind kind;
} extensions[] = {
	{ "DNAT", parse_dnat, TARGET_NAT },
	{ "REJECT", parse_reject, TARGET_REJECT },
	{ "CT", parse_ct, TARGET_CT },
	{ "MASQUERADE", parse_masquerade, TARGET_NAT },
	{ "LOG", parse_log, TARGET_CONTINUE },
	{ "NOTRACK", parse_nothing, TARGET_NOTRACK },
	{ "MARK", parse_mark, TARGET_MARK },
	{ "SNAT", parse_snat, TARGET_NAT },
	{ "REDIRECT", parse_redirect, TARGET_NAT },
	{ "CONNMARK", parse_connmark, TARGET_CONNMARK },
	{ "NETMAP", parse_netmap, TARGET_NAT },
	{ "TOS", parse_tos, TARGET_TOS },
	{ "DSCP", parse_dscp, TARGET_DSCP },
	{ "TTL", parse_ttl, TARGET_TTL },
	{ "HL", parse_ttl, TARGET_TTL },
	{ "AUDIT", NULL, TARGET_CONTINUE },
	{ "CHECKSUM", NULL, TARGET_CONTINUE },
	{ "CLASSIFY", NULL, TARGET_CONTINUE },
	{ "CONNSECMARK", NULL, TARGET_CONTINUE },
	{ "IDLETIMER", NULL, TARGET_CONTINUE },
	{ "LED", NULL, TARGET_CONTINUE },
	{ "NFLOG", NULL, TARGET_CONTINUE },
	{ "RATEEST", NULL, TARGET_CONTINUE },
	{ "SECMARK", NULL, TARGET_CONTINUE },
	{ "SET", NULL, TARGET_CONTINUE },
	{ "TCPMSS", NULL, TARGET_CONTINUE },
	{ "TEE", NULL, TARGET_CONTINUE },
	{ "TRACE", NULL, TARGET_CONTINUE },
	{ "ULOG", NULL, TARGET_CONTINUE },
	{ "NFQUEUE", NULL, TARGET_TAKEN },
	{ "QUEUE", NULL, TARGET_TAKEN },
	{ "SYNPROXY", NULL, TARGET_TAKEN },
	{ "TARPIT", NULL, TARGET_TAKEN },
	{ "TPROXY", NULL, TARGET_TAKEN },
};

static const struct extension *extension_of(const char *name)
{
	for (size_t i = 0; i < N_OF(extensions); i++)
		if (extensions[i].name[0] == name[0] && strcmp(extensions[i].name, name) == 0)
			return &extensions[i];
	return NULL;
}

struct target iptables_parse_jump(struct iptables_parser *p, size_t from, size_t end)
{
	static const struct {
		const char *name;
		enum target_kind kind;
	} verdicts[] = { { "ACCEPT", TARGET_ACCEPT }, { "DROP", TARGET_DROP },
		{ "RETURN", TARGET_RETURN } };
	const struct word *first = &p->words.items[from];
	const struct words words = { p, from + 1, end };
	const struct extension *extension = NULL;
	const struct chain *chain;
	struct target target;

	if (!first->is_quoted && end - from == 1) {
		for (size_t i = 0; i < N_OF(verdicts); i++)
			if (verdicts[i].name[0] == first->value[0] &&
				strcmp(verdicts[i].name, first->value) == 0)
				return (struct target){ .kind = verdicts[i].kind };
		chain = table_chain(p->table, first->value);
		if (chain)
			return (struct target){ .kind = TARGET_JUMP, .chain = chain->name };
	}
	if (!first->is_quoted)
		extension = extension_of(first->value);
	if (extension && extension->parse && extension->parse(&words, &target))
		return target;
	/* Also a chain that is declared later: resolve_jumps decides when all are known. */
	return (struct target){ .kind = extension && !extension->parse ? extension->kind
								       : TARGET_OPAQUE,
		.text = iptables_raw(p, NULL, from, end),
		.name = iptables_intern(p, first->value) };
}
