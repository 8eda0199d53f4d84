// SPDX-License-Identifier: GPL-2.0-or-later
/* The modules of transport protocols: tcp, udp, sctp, dccp, multiport, icmp, icmp6. */
#include <string.h>
#include <strings.h>

#include "ruleset/iptables.h"
#include "ruleset/print.h"

static struct match match_of_range(
	struct iptables_parser *p, enum match_kind kind, bool inverted, struct port_range range)
{
	struct port_range *ranges = arena_new_one(p->arena, struct port_range);

	*ranges = range;
	return (struct match){
		.kind = kind, .inverted = inverted, .ports = { .ranges = ranges, .n_ranges = 1 }
	};
}

static bool parse_tcp_flags(const char *text, uint8_t *ret)
{
	static const char *const names[] = { "FIN", "SYN", "RST", "PSH", "ACK", "URG", "ALL",
		"NONE" };
	unsigned flags = 0;
	size_t i;

	for (;; text++) {
		size_t len = strcspn(text, ",");

		if (!iptables_name_in(text, len, names, N_OF(names), &i))
			return false;
		flags |= i < 6 ? 1u << i : i == 6 ? 0x3f : 0;
		text += len;
		if (!*text)
			break;
	}
	*ret = (uint8_t)flags;
	return true;
}

/* What one "-m tcp" asks, in the order in which it is printed. */
struct ports {
	struct match sides[2]; /* source, destination */
	bool has_side[2];
	const char *tcp_option;
	struct match flags;
	bool has_flags;
	bool is_any; /* a range of all ports was there */
};

/* "--syn" and "--tcp-flags MASK SET": returns where it ends, or at. */
static size_t parse_flags_option(struct iptables_parser *p, const struct module *module,
	const struct option *option, size_t at, struct ports *ports)
{
	struct match match = { .kind = MATCH_TCP_FLAGS };
	size_t after;

	if (ports->has_flags)
		return at;
	if (option_is(option, "--syn")) {
		match.inverted = option->flag_inverted;
		match.tcp_flags.mask = TCP_FIN | TCP_SYN | TCP_RST | TCP_ACK;
		match.tcp_flags.value = TCP_SYN;
		after = option->flag_after;
	} else {
		if (!option->value || option->after >= module->end ||
			!parse_tcp_flags(option->value, &match.tcp_flags.mask) ||
			!parse_tcp_flags(
				p->words.items[option->after].value, &match.tcp_flags.value))
			return at;
		match.inverted = option->inverted;
		after = option->after + 1;
	}
	ports->has_flags = true;
	ports->flags = match;
	return after;
}

static size_t parse_port_option(struct iptables_parser *p, const struct option *option, size_t side,
	size_t at, struct ports *ports)
{
	struct port_range range;

	if (!option->value || ports->has_side[side] ||
		!iptables_range(p, option->value, strlen(option->value), ':', true, &range))
		return at;
	/* Every port is no condition beside the header that the module asks for. */
	if (range.min == 0 && range.max == UINT16_MAX && !option->inverted) {
		ports->is_any = true;
		return option->after;
	}
	ports->has_side[side] = true;
	ports->sides[side] =
		match_of_range(p, side ? MATCH_DPORT : MATCH_SPORT, option->inverted, range);
	return option->after;
}

static size_t parse_option(struct iptables_parser *p, const struct module *module,
	const struct option *option, size_t at, struct ports *ports)
{
	if (option_is(option, "--dport") || option_is(option, "--destination-port"))
		return parse_port_option(p, option, 1, at, ports);
	if (option_is(option, "--sport") || option_is(option, "--source-port"))
		return parse_port_option(p, option, 0, at, ports);
	if (p->proto != PROTO_TCP)
		return at;
	if (option_is(option, "--tcp-flags") || option_is(option, "--syn"))
		return parse_flags_option(p, module, option, at, ports);
	if (option_is(option, "--tcp-option") && option->value && !ports->tcp_option) {
		ports->tcp_option = arena_printf(p->scratch, "%s--tcp-option %s",
			option->inverted ? "! " : "", option->value);
		return option->after;
	}
	return at;
}

/* -m tcp, udp, sctp, dccp. */
size_t iptables_parse_ports(struct iptables_parser *p, const struct module *module)
{
	struct ports ports = { 0 };
	size_t at = module->from, next, n_before = p->matches.n;
	struct option option;

	while (iptables_option_at(p, at, module->end, &option)) {
		next = parse_option(p, module, &option, at, &ports);
		if (next == at)
			break;
		at = next;
	}
	for (size_t side = 0; side < 2; side++)
		if (ports.has_side[side])
			iptables_add_match(p, &ports.sides[side]);
	if (ports.tcp_option) {
		bool is_first = p->matches.n == n_before;
		struct match match = { .kind = MATCH_OPAQUE, .module = "tcp" };

		match.text = iptables_intern(
			p, is_first ? arena_printf(p->scratch, "-m tcp %s", ports.tcp_option)
				    : ports.tcp_option);
		iptables_add_match(p, &match);
	}
	if (ports.has_flags) {
		ports.flags.is_continued = p->matches.n != n_before;
		iptables_add_match(p, &ports.flags);
	}
	if (p->matches.n == n_before && at == module->end) {
		struct match any =
			match_of_range(p, MATCH_DPORT, false, (struct port_range){ 0, UINT16_MAX });

		iptables_add_match(p, &any);
	}
	return p->matches.n == n_before ? module->from : at;
}

size_t iptables_parse_multiport(struct iptables_parser *p, const struct module *module)
{
	struct port_range ranges[15];
	struct match match = { .ports.is_multiport = true };
	struct option option;
	size_t n = 0, n_slots = 0;

	if (!iptables_option_at(p, module->from, module->end, &option) ||
		option.after != module->end || !option.value)
		return module->from;
	if (option_is(&option, "--sports") || option_is(&option, "--source-ports"))
		match.kind = MATCH_SPORT;
	else if (option_is(&option, "--dports") || option_is(&option, "--destination-ports"))
		match.kind = MATCH_DPORT;
	else if (option_is(&option, "--ports"))
		match.kind = MATCH_PORT;
	else
		return module->from;
	for (const char *item = option.value;; item++) {
		size_t len = strcspn(item, ",");

		/* The kernel has 15 places; a range takes two. */
		if (n == N_OF(ranges) || !iptables_range(p, item, len, ':', false, &ranges[n]))
			return module->from;
		n_slots += ranges[n].min == ranges[n].max ? 1 : 2;
		n++;
		item += len;
		if (!*item)
			break;
	}
	if (n_slots > N_OF(ranges))
		return module->from;
	match.inverted = option.inverted;
	match.ports.n_ranges = (uint8_t)n;
	match.ports.ranges = arena_new_array(p->arena, struct port_range, n);
	memcpy(match.ports.ranges, ranges, n * sizeof(ranges[0]));
	iptables_add_match(p, &match);
	return module->end;
}

/* The names that iptables and ip6tables take; code -1: any. */
struct icmp_name {
	const char *name;
	uint8_t type;
	int16_t code;
};

static const struct icmp_name icmp_names[] = {
	{ "any", 255, -1 },
	{ "echo-reply", 0, -1 },
	{ "pong", 0, -1 },
	{ "destination-unreachable", 3, -1 },
	{ "network-unreachable", 3, 0 },
	{ "host-unreachable", 3, 1 },
	{ "protocol-unreachable", 3, 2 },
	{ "port-unreachable", 3, 3 },
	{ "fragmentation-needed", 3, 4 },
	{ "source-route-failed", 3, 5 },
	{ "network-unknown", 3, 6 },
	{ "host-unknown", 3, 7 },
	{ "network-prohibited", 3, 9 },
	{ "host-prohibited", 3, 10 },
	{ "TOS-network-unreachable", 3, 11 },
	{ "TOS-host-unreachable", 3, 12 },
	{ "communication-prohibited", 3, 13 },
	{ "host-precedence-violation", 3, 14 },
	{ "precedence-cutoff", 3, 15 },
	{ "source-quench", 4, -1 },
	{ "redirect", 5, -1 },
	{ "network-redirect", 5, 0 },
	{ "host-redirect", 5, 1 },
	{ "TOS-network-redirect", 5, 2 },
	{ "TOS-host-redirect", 5, 3 },
	{ "echo-request", 8, -1 },
	{ "ping", 8, -1 },
	{ "router-advertisement", 9, -1 },
	{ "router-solicitation", 10, -1 },
	{ "time-exceeded", 11, -1 },
	{ "ttl-exceeded", 11, -1 },
	{ "ttl-zero-during-transit", 11, 0 },
	{ "ttl-zero-during-reassembly", 11, 1 },
	{ "parameter-problem", 12, -1 },
	{ "ip-header-bad", 12, 0 },
	{ "required-option-missing", 12, 1 },
	{ "timestamp-request", 13, -1 },
	{ "timestamp-reply", 14, -1 },
	{ "address-mask-request", 17, -1 },
	{ "address-mask-reply", 18, -1 },
};

static const struct icmp_name icmp6_names[] = {
	{ "destination-unreachable", 1, -1 },
	{ "no-route", 1, 0 },
	{ "communication-prohibited", 1, 1 },
	{ "beyond-scope", 1, 2 },
	{ "address-unreachable", 1, 3 },
	{ "port-unreachable", 1, 4 },
	{ "failed-policy", 1, 5 },
	{ "reject-route", 1, 6 },
	{ "packet-too-big", 2, -1 },
	{ "time-exceeded", 3, -1 },
	{ "ttl-exceeded", 3, -1 },
	{ "ttl-zero-during-transit", 3, 0 },
	{ "ttl-zero-during-reassembly", 3, 1 },
	{ "parameter-problem", 4, -1 },
	{ "bad-header", 4, 0 },
	{ "unknown-header-type", 4, 1 },
	{ "unknown-option", 4, 2 },
	{ "echo-request", 128, -1 },
	{ "ping", 128, -1 },
	{ "echo-reply", 129, -1 },
	{ "pong", 129, -1 },
	{ "router-solicitation", 133, -1 },
	{ "router-advertisement", 134, -1 },
	{ "neighbour-solicitation", 135, -1 },
	{ "neighbor-solicitation", 135, -1 },
	{ "neighbour-advertisement", 136, -1 },
	{ "neighbor-advertisement", 136, -1 },
	{ "redirect", 137, -1 },
};

bool xt_icmp_name(enum family family, const char *name, uint8_t *ret_type, int *ret_code)
{
	bool is_v6 = family == FAMILY_IPV6;
	const struct icmp_name *names = is_v6 ? icmp6_names : icmp_names;
	size_t n = is_v6 ? N_OF(icmp6_names) : N_OF(icmp_names);

	for (size_t i = 0; i < n; i++) {
		if (strcasecmp(name, names[i].name) != 0)
			continue;
		*ret_type = names[i].type;
		*ret_code = names[i].code;
		return true;
	}
	return false;
}

static bool parse_icmp_name(const char *text, enum family family, struct match *match)
{
	int code;

	if (!xt_icmp_name(family, text, &match->icmp.type, &code))
		return false;
	match->icmp.any_code = code < 0;
	match->icmp.code = code < 0 ? 0 : (uint8_t)code;
	return true;
}

static bool parse_icmp_type(const char *text, enum family family, struct match *match)
{
	const char *slash = strchr(text, '/');
	size_t len = slash ? (size_t)(slash - text) : strlen(text);
	char type[4];
	uint32_t number, code = 0;

	if (*text < '0' || *text > '9')
		return parse_icmp_name(text, family, match);
	match->icmp.any_code = !slash;
	if (len >= sizeof(type))
		return false;
	memcpy(type, text, len);
	type[len] = '\0';
	if (!text_to_u32(type, 0, 255, &number) ||
		(slash && !text_to_u32(slash + 1, 0, 255, &code)))
		return false;
	match->icmp.type = (uint8_t)number;
	match->icmp.code = (uint8_t)code;
	/* xt_icmp takes type 255 as every type, whatever the code. */
	if (family == FAMILY_IPV4 && number == 255) {
		match->icmp.any_code = true;
		match->icmp.code = 0;
	}
	return true;
}

size_t iptables_parse_icmp(struct iptables_parser *p, const struct module *module)
{
	const char *name = p->family == FAMILY_IPV6 ? "--icmpv6-type" : "--icmp-type";
	struct match match = { .kind = MATCH_ICMP_TYPE };
	struct option option;

	if (strcmp(module->name, p->family == FAMILY_IPV6 ? "icmp6" : "icmp") != 0)
		return module->from;
	if (module->from == module->end && p->family == FAMILY_IPV4) {
		parse_icmp_type("any", p->family, &match);
		iptables_add_match(p, &match);
		return module->end;
	}
	if (!iptables_option_at(p, module->from, module->end, &option) ||
		option.after != module->end || !option.value || !option_is(&option, name) ||
		!parse_icmp_type(option.value, p->family, &match))
		return module->from;
	match.inverted = option.inverted;
	iptables_add_match(p, &match);
	return module->end;
}
