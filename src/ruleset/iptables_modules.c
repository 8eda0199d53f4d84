// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The options of iptables' match modules. A module's parser takes options as long as it knows
 * them; what is left of the module becomes one opaque match, whose text starts with "-m NAME"
 * when nothing was taken, and else continues the module. Only modules whose options are
 * independent conditions ("and") may leave a rest; for the others it is all or nothing.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ruleset/iptables.h"
#include "ruleset/print.h"

/* One option: "[!] --name value", or the older "--name ! value". */
struct option {
	const char *name, *value; /* value NULL: the module ended */
	bool inverted;
	size_t after;
	/* the same if the option takes no value: then a "!" behind it is the next one's */
	bool flag_inverted;
	size_t flag_after;
};

static bool is_word(const struct word *word, const char *value)
{
	return !word->is_quoted && strcmp(word->value, value) == 0;
}

static bool option_at(struct iptables_parser *p, size_t at, size_t end, struct option *ret)
{
	const struct word *words = p->words.items;
	struct option option = { 0 };

	if (at < end && is_word(&words[at], "!")) {
		option.inverted = option.flag_inverted = true;
		at++;
	}
	if (at >= end || words[at].is_quoted)
		return false;
	option.name = words[at++].value;
	option.after = option.flag_after = at;
	if (at + 1 < end && !option.inverted && is_word(&words[at], "!")) {
		option.inverted = true;
		at++;
	}
	if (at < end) {
		option.value = words[at].value;
		option.after = at + 1;
	}
	*ret = option;
	return true;
}

static void add_match(struct iptables_parser *p, const struct match *match)
{
	*vec_push(&p->matches, p->scratch) = *match;
}

static void add_opaque(struct iptables_parser *p, const char *text)
{
	add_match(p, &(struct match){ .kind = MATCH_OPAQUE, .text = text });
}

static bool parse_port(const char *text, size_t len, uint16_t *ret)
{
	char copy[6];
	uint32_t port;

	if (len >= sizeof(copy))
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	if (!text_to_u32(copy, 0, UINT16_MAX, &port))
		return false;
	*ret = (uint16_t)port;
	return true;
}

/* "80", "80:90"; an open end is the end of the ports. */
static bool parse_range(const char *text, size_t len, bool may_be_open, struct port_range *ret)
{
	const char *colon = memchr(text, ':', len);
	struct port_range range = { 0, UINT16_MAX };
	size_t min_len = colon ? (size_t)(colon - text) : len;
	size_t max_len = colon ? len - min_len - 1 : 0;

	if (!may_be_open && (!min_len || (colon && !max_len)))
		return false;
	if ((min_len && !parse_port(text, min_len, &range.min)) ||
		(max_len && !parse_port(colon + 1, max_len, &range.max)))
		return false;
	if (!len)
		return false;
	if (!colon)
		range.max = range.min;
	if (range.min > range.max)
		return false;
	*ret = range;
	return true;
}

static bool has_name(const struct option *option, const char *name, const char *other)
{
	return strcmp(option->name, name) == 0 || strcmp(option->name, other) == 0;
}

static struct match match_of_range(
	struct iptables_parser *p, enum match_kind kind, bool inverted, struct port_range range)
{
	struct port_range *ranges = arena_new_one(p->arena, struct port_range);

	*ranges = range;
	return (struct match){
		.kind = kind, .inverted = inverted, .ports = { .ranges = ranges, .n_ranges = 1 }
	};
}

/* -m tcp, udp, sctp, dccp. Every port is no condition beside the header that the module asks. */
static size_t parse_ports(struct iptables_parser *p, const struct module *module)
{
	struct match found[2];
	bool is_found[2] = { false, false };
	size_t at = module->from;
	struct option option;

	while (option_at(p, at, module->end, &option) && option.value) {
		size_t side = has_name(&option, "--sport", "--source-port") ? 0 : 1;
		struct port_range range;

		if (side == 1 && !has_name(&option, "--dport", "--destination-port"))
			break;
		if (is_found[side] ||
			!parse_range(option.value, strlen(option.value), true, &range))
			break;
		at = option.after;
		if (range.min == 0 && range.max == UINT16_MAX && !option.inverted)
			continue;
		is_found[side] = true;
		found[side] =
			match_of_range(p, side ? MATCH_DPORT : MATCH_SPORT, option.inverted, range);
	}
	for (size_t side = 0; side < 2; side++)
		if (is_found[side])
			add_match(p, &found[side]);
	if (!is_found[0] && !is_found[1] && at == module->end) {
		found[0] =
			match_of_range(p, MATCH_DPORT, false, (struct port_range){ 0, UINT16_MAX });
		add_match(p, &found[0]);
	}
	return at;
}

static size_t parse_multiport(struct iptables_parser *p, const struct module *module)
{
	struct port_range ranges[15];
	struct match match = { .ports.is_multiport = true };
	struct option option;
	size_t n = 0, n_slots = 0;

	if (!option_at(p, module->from, module->end, &option) || option.after != module->end ||
		!option.value)
		return module->from;
	if (has_name(&option, "--sports", "--source-ports"))
		match.kind = MATCH_SPORT;
	else if (has_name(&option, "--dports", "--destination-ports"))
		match.kind = MATCH_DPORT;
	else
		return module->from;
	for (const char *item = option.value;; item++) {
		size_t len = strcspn(item, ",");

		/* The kernel has 15 places; a range takes two. */
		if (n == 15 || !parse_range(item, len, false, &ranges[n]))
			return module->from;
		n_slots += ranges[n].min == ranges[n].max ? 1 : 2;
		n++;
		item += len;
		if (!*item)
			break;
	}
	if (n_slots > 15)
		return module->from;
	match.inverted = option.inverted;
	match.ports.n_ranges = (uint8_t)n;
	match.ports.ranges = arena_new_array(p->arena, struct port_range, n);
	memcpy(match.ports.ranges, ranges, n * sizeof(ranges[0]));
	add_match(p, &match);
	return module->end;
}

static bool parse_icmp_type(const char *text, enum family family, struct match *match)
{
	const char *slash = strchr(text, '/');
	size_t len = slash ? (size_t)(slash - text) : strlen(text);
	char type[4];
	uint32_t number, code = 0;

	match->icmp.any_code = !slash;
	if (family == FAMILY_IPV4 && strcmp(text, "any") == 0) {
		match->icmp.type = 255;
		return true;
	}
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

static size_t parse_icmp(struct iptables_parser *p, const struct module *module)
{
	const char *name = p->family == FAMILY_IPV6 ? "--icmpv6-type" : "--icmp-type";
	struct match match = { .kind = MATCH_ICMP_TYPE };
	struct option option;

	if (strcmp(module->name, p->family == FAMILY_IPV6 ? "icmp6" : "icmp") != 0)
		return module->from;
	if (module->from == module->end && p->family == FAMILY_IPV4) {
		parse_icmp_type("any", p->family, &match);
		add_match(p, &match);
		return module->end;
	}
	if (!option_at(p, module->from, module->end, &option) || option.after != module->end ||
		!option.value || strcmp(option.name, name) != 0 ||
		!parse_icmp_type(option.value, p->family, &match))
		return module->from;
	match.inverted = option.inverted;
	add_match(p, &match);
	return module->end;
}

static size_t parse_mac(struct iptables_parser *p, const struct module *module)
{
	struct match match = { .kind = MATCH_MAC_SRC };
	struct option option;

	if (!option_at(p, module->from, module->end, &option) || option.after != module->end ||
		!option.value || strcmp(option.name, "--mac-source") != 0 ||
		!mac_parse(option.value, &match.mac))
		return module->from;
	match.inverted = option.inverted;
	add_match(p, &match);
	return module->end;
}

static size_t parse_physdev(struct iptables_parser *p, const struct module *module)
{
	static const char *const names[] = { "--physdev-in", "--physdev-out",
		"--physdev-is-bridged" };
	static const enum match_kind kinds[] = { MATCH_PHYSDEV_IN, MATCH_PHYSDEV_OUT,
		MATCH_PHYSDEV_BRIDGED };
	enum { N_NAMES = 3, IS_BRIDGED = 2 };
	struct match found[N_NAMES];
	bool is_found[N_NAMES] = { false };
	size_t at = module->from;
	struct option option;

	while (option_at(p, at, module->end, &option)) {
		size_t i = 0;

		while (i < N_NAMES && strcmp(option.name, names[i]) != 0)
			i++;
		if (i == N_NAMES || is_found[i])
			break;
		if (i != IS_BRIDGED && (!option.value || !iptables_is_name(option.value)))
			break;
		is_found[i] = true;
		found[i] = (struct match){ .kind = kinds[i], .inverted = option.inverted };
		if (i == IS_BRIDGED) {
			found[i].inverted = option.flag_inverted;
			at = option.flag_after;
		} else {
			found[i].name = iptables_intern(p, option.value);
			at = option.after;
		}
	}
	for (size_t i = 0; i < N_NAMES; i++)
		if (is_found[i])
			add_match(p, &found[i]);
	return at;
}

static bool parse_states(const char *text, unsigned *ret)
{
	static const struct {
		const char *name;
		enum ct_state state;
	} names[] = {
		{ "INVALID", CT_INVALID },
		{ "NEW", CT_NEW },
		{ "RELATED", CT_RELATED },
		{ "ESTABLISHED", CT_ESTABLISHED },
		{ "UNTRACKED", CT_UNTRACKED },
	};
	enum { N_NAMES = N_OF(names) };
	unsigned states = 0;

	for (;; text++) {
		size_t len = strcspn(text, ","), i = 0;

		while (i < N_NAMES &&
			(strlen(names[i].name) != len || strncmp(names[i].name, text, len) != 0))
			i++;
		if (i == N_NAMES)
			return false;
		states |= names[i].state;
		text += len;
		if (!*text)
			break;
	}
	*ret = states;
	return true;
}

static size_t parse_ct_state(struct iptables_parser *p, const struct module *module)
{
	bool is_conntrack = strcmp(module->name, "conntrack") == 0;
	struct match match = { .kind = MATCH_CT_STATE, .is_conntrack = is_conntrack };
	struct option option;

	if (!option_at(p, module->from, module->end, &option) || !option.value ||
		strcmp(option.name, is_conntrack ? "--ctstate" : "--state") != 0 ||
		!parse_states(option.value, &match.ct_states))
		return module->from;
	match.inverted = option.inverted;
	add_match(p, &match);
	return option.after;
}

/* Decimal, 0x and octal, as iptables takes them. */
static bool parse_mark_number(const char **at, uint32_t *ret)
{
	unsigned long number;
	char *end;

	if (**at < '0' || **at > '9')
		return false;
	errno = 0;
	number = strtoul(*at, &end, 0);
	if (errno || number > UINT32_MAX)
		return false;
	*at = end;
	*ret = (uint32_t)number;
	return true;
}

static size_t parse_ct_mark(struct iptables_parser *p, const struct module *module)
{
	struct match match = { .kind = MATCH_CT_MARK, .ct_mark.mask = UINT32_MAX };
	struct option option;
	const char *at;

	if (!option_at(p, module->from, module->end, &option) || option.after != module->end ||
		!option.value || strcmp(option.name, "--mark") != 0)
		return module->from;
	at = option.value;
	if (!parse_mark_number(&at, &match.ct_mark.value))
		return module->from;
	if (*at == '/') {
		at++;
		if (!parse_mark_number(&at, &match.ct_mark.mask))
			return module->from;
	}
	if (*at)
		return module->from;
	match.inverted = option.inverted;
	add_match(p, &match);
	return module->end;
}

static size_t parse_set(struct iptables_parser *p, const struct module *module)
{
	struct match match = { .kind = MATCH_SET };
	struct option option;
	const char *side;

	/* An option behind, --return-nomatch, changes what the set means. */
	if (!option_at(p, module->from, module->end, &option) || !option.value ||
		option.after + 1 != module->end || strcmp(option.name, "--match-set") != 0 ||
		!iptables_is_name(option.value))
		return module->from;
	side = p->words.items[option.after].value;
	if (strcmp(side, "src") != 0 && strcmp(side, "dst") != 0)
		return module->from;
	match.inverted = option.inverted;
	match.set.is_src = side[0] == 's';
	match.set.name = iptables_intern(p, option.value);
	add_match(p, &match);
	return module->end;
}

/* The first comment is the rule's; further ones stay where they are. */
static size_t parse_comment(struct iptables_parser *p, const struct module *module)
{
	const struct word *words = p->words.items;

	if (p->has_comment || module->from + 2 != module->end ||
		!is_word(&words[module->from], "--comment"))
		return module->from;
	p->has_comment = true;
	p->comment = iptables_intern(p, words[module->from + 1].value);
	p->comment_at = p->matches.n;
	return module->end;
}

static const char *proto_module(int proto)
{
	struct match match = { .kind = MATCH_PROTO, .proto = (uint8_t)proto };

	return proto < 0 ? NULL
			 : rule_port_module(&(struct rule){ .matches = &match, .n_matches = 1 });
}

static const char *implied_module(const struct iptables_parser *p)
{
	if (p->proto == PROTO_ICMP && p->family == FAMILY_IPV4)
		return "icmp";
	if (p->proto == PROTO_ICMPV6 && p->family == FAMILY_IPV6)
		return "icmp6";
	return proto_module(p->proto);
}

static size_t parse_known(struct iptables_parser *p, const struct module *module)
{
	static const struct {
		const char *name;
		size_t (*parse)(struct iptables_parser *p, const struct module *module);
	} parsers[] = {
		{ "comment", parse_comment },
		{ "physdev", parse_physdev },
		{ "state", parse_ct_state },
		{ "conntrack", parse_ct_state },
		{ "connmark", parse_ct_mark },
		{ "set", parse_set },
		{ "mac", parse_mac },
		{ "multiport", parse_multiport },
		{ "icmp", parse_icmp },
		{ "icmp6", parse_icmp },
	};
	const char *of_proto = proto_module(p->proto);

	/* "-m tcp" without "-p tcp" is refused by iptables and could not be printed again. */
	if (of_proto && strcmp(of_proto, module->name) == 0)
		return parse_ports(p, module);
	for (size_t i = 0; i < N_OF(parsers); i++)
		if (strcmp(parsers[i].name, module->name) == 0)
			return parsers[i].parse(p, module);
	return module->from;
}

bool iptables_parse_module(struct iptables_parser *p, const struct module *module, struct err *err)
{
	struct module named = { .name = module->name ? module->name : implied_module(p),
		.from = module->from,
		.end = module->end };
	size_t n_before = p->matches.n, at;
	bool had_comment = p->has_comment;

	if (!named.name)
		return err_input(err, "%s:%u: %s belongs to no match", p->name, p->line,
			p->words.items[named.from].value);
	at = parse_known(p, &named);
	if (p->matches.n == n_before && p->has_comment == had_comment)
		add_opaque(p, iptables_raw(p, arena_printf(p->scratch, "-m %s", named.name),
				      named.from, named.end));
	else if (at < named.end)
		add_opaque(p, iptables_raw(p, NULL, at, named.end));
	return true;
}
