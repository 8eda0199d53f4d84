// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which parser a match module has. What a parser leaves becomes one opaque match, whose text
 * starts with "-m NAME" when nothing was taken, and else continues the module.
 */
#include <string.h>

#include "ruleset/iptables.h"
#include "ruleset/print.h"

void iptables_add_match(struct iptables_parser *p, const struct match *match)
{
	*vec_push(&p->matches, p->scratch) = *match;
}

/* The first comment is the rule's; further ones stay where they are. */
static size_t parse_comment(struct iptables_parser *p, const struct module *module)
{
	const struct word *words = p->words.items;
	const char *comment;

	if (module->from + 2 != module->end || !iptables_is_word(&words[module->from], "--comment"))
		return module->from;
	comment = iptables_intern(p, words[module->from + 1].value);
	if (p->has_comment) {
		iptables_add_match(p, &(struct match){ .kind = MATCH_COMMENT, .name = comment });
		return module->end;
	}
	p->has_comment = true;
	p->comment = comment;
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
	/* by how often rulesets of real hosts have them */
	static const struct {
		const char *name;
		iptables_module_fn *parse;
	} parsers[] = {
		{ "comment", parse_comment },
		{ "physdev", iptables_parse_physdev },
		{ "state", iptables_parse_state },
		{ "conntrack", iptables_parse_conntrack },
		{ "mac", iptables_parse_mac },
		{ "set", iptables_parse_set },
		{ "connmark", iptables_parse_mark },
		{ "multiport", iptables_parse_multiport },
		{ "addrtype", iptables_parse_addrtype },
		{ "icmp", iptables_parse_icmp },
		{ "icmp6", iptables_parse_icmp },
		{ "mark", iptables_parse_mark },
		{ "owner", iptables_parse_owner },
		{ "hl", iptables_parse_ttl },
		{ "ttl", iptables_parse_ttl },
		{ "iprange", iptables_parse_iprange },
		{ "pkttype", iptables_parse_pkttype },
		{ "policy", iptables_parse_policy },
		{ "rt", iptables_parse_rt },
		{ "rpfilter", iptables_parse_rpfilter },
		{ "length", iptables_parse_length },
		{ "tos", iptables_parse_tos },
		{ "dscp", iptables_parse_dscp },
		{ "socket", iptables_parse_socket },
	};
	const char *of_proto = proto_module(p->proto);

	/* "-m tcp" without "-p tcp" is refused by iptables and could not be printed again. */
	if (of_proto && strcmp(of_proto, module->name) == 0)
		return iptables_parse_ports(p, module);
	for (size_t i = 0; i < N_OF(parsers); i++)
		if (parsers[i].name[0] == module->name[0] &&
			strcmp(parsers[i].name, module->name) == 0)
			return parsers[i].parse(p, module);
	return module->from;
}

static void add_opaque(struct iptables_parser *p, const char *module, const char *text)
{
	iptables_add_match(p,
		&(struct match){
			.kind = MATCH_OPAQUE, .text = text, .module = iptables_intern(p, module) });
}

static void parse_module(struct iptables_parser *p, const struct module *module)
{
	size_t n_before = p->matches.n, at;
	bool had_comment = p->has_comment;

	at = parse_known(p, module);
	if (p->matches.n == n_before && p->has_comment == had_comment)
		add_opaque(p, module->name,
			iptables_raw(p, arena_printf(p->scratch, "-m %s", module->name),
				module->from, module->end));
	else if (at < module->end)
		add_opaque(p, module->name, iptables_raw(p, NULL, at, module->end));
}

bool iptables_parse_modules(struct iptables_parser *p, struct err *err)
{
	if (p->modules.n && !iptables_assign_options(p, implied_module(p), err))
		return false;
	vec_for_each (module, &p->modules)
		parse_module(p, module);
	return true;
}
