// SPDX-License-Identifier: GPL-2.0-or-later
/* The modules that ask the packet itself, below its transport protocol. */
#include <string.h>

#include "ruleset/iptables.h"

/* The only option of a module, with its value, or one of two names for it. */
static bool only_option(struct iptables_parser *p, const struct module *module, const char *name,
	struct option *ret)
{
	return iptables_option_at(p, module->from, module->end, ret) && ret->after == module->end &&
	       ret->value && option_is(ret, name);
}

static size_t add_only(struct iptables_parser *p, const struct module *module,
	const struct option *option, struct match *match)
{
	match->inverted = option->inverted;
	iptables_add_match(p, match);
	return module->end;
}

size_t iptables_parse_mac(struct iptables_parser *p, const struct module *module)
{
	struct match match = { .kind = MATCH_MAC_SRC };
	struct option option;

	if (!only_option(p, module, "--mac-source", &option) ||
		!mac_parse(option.value, &match.mac))
		return module->from;
	return add_only(p, module, &option, &match);
}

size_t iptables_parse_iprange(struct iptables_parser *p, const struct module *module)
{
	struct match found[2];
	bool is_found[2] = { false, false };
	size_t at = module->from, n_before = p->matches.n;
	struct option option;

	while (iptables_option_at(p, at, module->end, &option) && option.value) {
		bool is_dst = option_is(&option, "--dst-range");
		struct addr_range range, *kept;

		if ((!is_dst && !option_is(&option, "--src-range")) || is_found[is_dst] ||
			!iptables_addr_range(
				p, option.value, strlen(option.value), &range.min, &range.max))
			break;
		kept = arena_new_one(p->arena, struct addr_range);
		*kept = range;
		is_found[is_dst] = true;
		found[is_dst] =
			(struct match){ .kind = is_dst ? MATCH_IPRANGE_DST : MATCH_IPRANGE_SRC,
				.inverted = option.inverted,
				.addrs = kept };
		at = option.after;
	}
	for (size_t i = 0; i < 2; i++) {
		if (!is_found[i])
			continue;
		found[i].is_continued = p->matches.n != n_before;
		iptables_add_match(p, &found[i]);
	}
	return at;
}

size_t iptables_parse_pkttype(struct iptables_parser *p, const struct module *module)
{
	static const char *const names[] = { "unicast", "broadcast", "multicast", "otherhost",
		"host", "bcast", "mcast" };
	static const enum pkt_type types[] = { PKT_HOST, PKT_BROADCAST, PKT_MULTICAST,
		PKT_OTHERHOST, PKT_HOST, PKT_BROADCAST, PKT_MULTICAST };
	struct match match = { .kind = MATCH_PKTTYPE };
	struct option option;
	size_t i;

	if (!only_option(p, module, "--pkt-type", &option) ||
		!iptables_name_in(option.value, strlen(option.value), names, N_OF(names), &i))
		return module->from;
	match.pkt_type = types[i];
	return add_only(p, module, &option, &match);
}

/* -m ttl and -m hl: "--ttl-eq", "--ttl-lt", "--ttl-gt", and "--ttl" */
size_t iptables_parse_ttl(struct iptables_parser *p, const struct module *module)
{
	static const char *const names[2][4] = { { "--ttl-eq", "--ttl-lt", "--ttl-gt", "--ttl" },
		{ "--hl-eq", "--hl-lt", "--hl-gt", "--hl" } };
	bool is_v6 = p->family == FAMILY_IPV6;
	struct match match = { .kind = MATCH_TTL };
	struct option option;
	uint32_t value;
	const char *at;
	size_t i = 0;

	if (strcmp(module->name, is_v6 ? "hl" : "ttl") != 0 ||
		!iptables_option_at(p, module->from, module->end, &option) ||
		option.after != module->end || !option.value)
		return module->from;
	while (i < 4 && !option_is(&option, names[is_v6][i]))
		i++;
	at = option.value;
	if (i == 4 || !iptables_number(&at, &value) || *at || value > UINT8_MAX ||
		(option.inverted && i != TTL_EQ && i != 3))
		return module->from;
	match.ttl.op = i == 3 ? TTL_EQ : (enum ttl_op)i;
	match.ttl.value = (uint8_t)value;
	return add_only(p, module, &option, &match);
}

size_t iptables_parse_length(struct iptables_parser *p, const struct module *module)
{
	struct match match = { .kind = MATCH_LENGTH };
	struct option option;

	if (!only_option(p, module, "--length", &option) ||
		!iptables_range(p, option.value, strlen(option.value), ':', true, &match.range))
		return module->from;
	return add_only(p, module, &option, &match);
}

size_t iptables_parse_tos(struct iptables_parser *p, const struct module *module)
{
	struct match match = { .kind = MATCH_TOS };
	struct option option;

	if (!only_option(p, module, "--tos", &option) ||
		!iptables_tos(option.value, &match.tos.value, &match.tos.mask))
		return module->from;
	return add_only(p, module, &option, &match);
}

size_t iptables_parse_dscp(struct iptables_parser *p, const struct module *module)
{
	struct match match = { .kind = MATCH_DSCP };
	struct option option;
	bool is_class;

	if (!iptables_option_at(p, module->from, module->end, &option) ||
		option.after != module->end || !option.value)
		return module->from;
	is_class = option_is(&option, "--dscp-class");
	if ((!is_class && !option_is(&option, "--dscp")) ||
		!iptables_dscp(option.value, is_class, &match.tos.value))
		return module->from;
	return add_only(p, module, &option, &match);
}

size_t iptables_parse_rt(struct iptables_parser *p, const struct module *module)
{
	struct match match = { .kind = MATCH_RT };
	size_t at = module->from;
	struct option option;
	uint32_t type;

	while (iptables_option_at(p, at, module->end, &option)) {
		if (option_is(&option, "--rt-type") && option.value && !match.rt.has_type &&
			text_to_u32(option.value, 0, UINT8_MAX, &type)) {
			match.inverted = option.inverted;
			match.rt.has_type = true;
			match.rt.type = (uint8_t)type;
		} else if (option_is(&option, "--rt-segsleft") && option.value &&
			   !match.rt.has_segsleft &&
			   iptables_number_range(option.value, ':', &match.rt.segsleft_min,
				   &match.rt.segsleft_max)) {
			match.rt.has_segsleft = true;
			match.rt.is_segsleft_inverted = option.inverted;
		} else {
			return module->from;
		}
		at = option.after;
	}
	if (at != module->end || p->family != FAMILY_IPV6 ||
		(!match.rt.has_type && !match.rt.has_segsleft))
		return module->from;
	iptables_add_match(p, &match);
	return at;
}
