// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One rule. The kernel's view of it is what counts: the order of -s -d -i -o -p in a text means
 * nothing and is made canonical, the order of the modules is kept, and conditions that are none
 * (-s 0.0.0.0/0, -p all) vanish, as they do in iptables-save. "-s a,b" is a rule for each address.
 */
#include <string.h>

#include "base/limits.h"
#include "ruleset/iptables.h"
#include "ruleset/print.h"

/* The generic part of a rule, in the order in which iptables-save prints it. */
enum header { HEADER_SRC, HEADER_DST, HEADER_IN, HEADER_OUT, HEADER_PROTO, HEADER_FRAGMENT };
#define N_HEADERS (HEADER_FRAGMENT + 1)

struct raw_rule {
	struct match headers[N_HEADERS];
	bool has_header[N_HEADERS];
	bool has_target;
};

static const struct {
	const char *name, *long_name, *other_name;
	enum header header;
} header_options[] = {
	{ "-s", "--source", "--src", HEADER_SRC },
	{ "-d", "--destination", "--dst", HEADER_DST },
	{ "-i", "--in-interface", "--in-interface", HEADER_IN },
	{ "-o", "--out-interface", "--out-interface", HEADER_OUT },
	{ "-p", "--protocol", "--proto", HEADER_PROTO },
	{ "-f", "--fragment", "--fragment", HEADER_FRAGMENT },
};

/* "-s" or "--source": asked of every word of a save, so one letter is compared before all. */
static bool is_option(const struct word *word, const char *name, const char *long_name)
{
	const char *value = word->value;

	if (word->is_quoted || value[0] != '-')
		return false;
	if (value[1] != '-')
		return value[1] == name[1] && value[2] == '\0';
	return value[2] == long_name[2] && strcmp(value, long_name) == 0;
}

static bool header_of_word(const struct word *word, enum header *ret)
{
	if (word->value[0] != '-')
		return false;
	for (size_t i = 0; i < N_HEADERS; i++) {
		const char *other = header_options[i].other_name;

		if (is_option(word, header_options[i].name, header_options[i].long_name) ||
			is_option(word, header_options[i].name, other)) {
			*ret = header_options[i].header;
			return true;
		}
	}
	return false;
}

/* Does a new part of the rule start here, so that a module or a target ends? */
static bool ends_module(const struct iptables_parser *p, size_t at)
{
	const struct word *word = &p->words.items[at];
	enum header header;

	if (iptables_is_word(word, "!") && at + 1 < p->words.n)
		word++;
	else if (is_option(word, "-m", "--match") || is_option(word, "-j", "--jump") ||
		 is_option(word, "-g", "--goto"))
		return true;
	return header_of_word(word, &header);
}

static bool is_policy_proto(const struct iptables_parser *p, size_t at)
{
	if (iptables_is_word(&p->words.items[at], "!") && at + 1 < p->words.n)
		at++;
	return iptables_is_word(&p->words.items[at], "--proto");
}

/* name: of the module; NULL: nameless */
static size_t module_end(const struct iptables_parser *p, const char *name, size_t from)
{
	/* "--proto" is an option of this module, and else short for "--protocol" */
	bool is_policy = name && strcmp(name, "policy") == 0;
	size_t at = from;

	/* What people write as a comment may look like an option and still need no quotes. */
	if (at + 1 < p->words.n && iptables_is_word(&p->words.items[at], "--comment"))
		at += 2;
	while (at < p->words.n && (!ends_module(p, at) || (is_policy && is_policy_proto(p, at))))
		at++;
	return at;
}

static bool parse_addr(struct iptables_parser *p, const char *value, struct match *match)
{
	struct masked_addr masked, *kept;
	struct prefix prefix;
	uint8_t len;

	if (prefix_parse(value, &prefix)) {
		match->prefix = prefix;
		return prefix.addr.family == p->family;
	}
	if (!iptables_masked_addr(p, value, &masked))
		return false;
	if (mask_len(&masked.mask, &len)) {
		match->prefix = (struct prefix){ .addr = masked.addr, .len = len };
		return true;
	}
	kept = arena_new_one(p->arena, struct masked_addr);
	*kept = masked;
	match->kind = match->kind == MATCH_SRC ? MATCH_SRC_MASK : MATCH_DST_MASK;
	match->masked = kept;
	return true;
}

/* Fills what the match says; false: keep it as text. */
static bool parse_header_value(
	struct iptables_parser *p, enum header header, const char *value, struct match *match)
{
	static const enum match_kind kinds[] = { MATCH_SRC, MATCH_DST, MATCH_IN_IFACE,
		MATCH_OUT_IFACE, MATCH_PROTO, MATCH_FRAGMENT };

	match->kind = kinds[header];
	switch (header) {
	case HEADER_FRAGMENT:
		return p->family == FAMILY_IPV4;
	case HEADER_SRC:
	case HEADER_DST:
		return parse_addr(p, value, match);
	case HEADER_IN:
	case HEADER_OUT:
		if (!iptables_is_name(value))
			return false;
		match->name = iptables_intern(p, value);
		return true;
	default:
		/* "! -p all" can be written, and iptables refuses it. */
		if (!iptables_proto_number(p, value, &match->proto) ||
			(!match->proto && match->inverted))
			return false;
		/* a name that only some hosts know is printed as it was read */
		if ((*value < '0' || *value > '9') && !proto_is_of_iptables(match->proto))
			match->proto_as = iptables_intern(p, value);
		return true;
	}
}

static bool is_no_condition(const struct match *match)
{
	if (match->inverted)
		return false;
	switch (match->kind) {
	case MATCH_SRC:
	case MATCH_DST:
		return match->prefix.len == 0;
	case MATCH_PROTO:
		return match->proto == 0;
	case MATCH_IN_IFACE:
	case MATCH_OUT_IFACE:
		return strcmp(match->name, "+") == 0;
	default:
		return false;
	}
}

/* "10.0.0.1,10.0.0.2": *ret is the first; all are kept. false: at least one is no address. */
static bool parse_addrs(
	struct iptables_parser *p, enum header header, const char *value, struct match *ret)
{
	struct match match;

	for (;;) {
		size_t len = strcspn(value, ",");

		match = (struct match){ 0 };
		if (!parse_header_value(p, header, arena_strndup(p->scratch, value, len), &match))
			return false;
		if (header == HEADER_SRC)
			*vec_push(&p->sources, p->scratch) = match;
		else
			*vec_push(&p->destinations, p->scratch) = match;
		value += len;
		if (!*value)
			break;
		value++;
	}
	*ret = header == HEADER_SRC ? p->sources.items[0] : p->destinations.items[0];
	return true;
}

static bool parse_value(
	struct iptables_parser *p, enum header header, const char *value, struct match *match)
{
	bool is_list = (header == HEADER_SRC || header == HEADER_DST) && !match->inverted &&
		       strchr(value, ',');

	return is_list ? parse_addrs(p, header, value, match)
		       : parse_header_value(p, header, value, match);
}

/* At the option's name; *at is moved behind its value. */
static bool parse_header(struct iptables_parser *p, struct raw_rule *raw, enum header header,
	bool inverted, size_t *at, struct err *err)
{
	const struct word *words = p->words.items;
	struct match match = { .inverted = inverted };
	const char *before;

	if (raw->has_header[header])
		return iptables_fail(p, err, *at, "%s twice", words[*at].value);
	(*at)++;
	if (header != HEADER_FRAGMENT) {
		if (*at + 1 < p->words.n && !inverted && iptables_is_word(&words[*at], "!")) {
			match.inverted = true;
			(*at)++;
		}
		if (*at == p->words.n)
			return iptables_fail(p, err, *at, "the last option has no value");
		(*at)++;
	}
	if (!parse_value(p, header, words[*at - 1].value, &match)) {
		const char *name = header_options[header].name;

		before = arena_printf(p->scratch, "%s%s", match.inverted ? "! " : "", name);
		match = (struct match){ .kind = MATCH_OPAQUE,
			.text = iptables_raw(p, before, *at - (header != HEADER_FRAGMENT), *at),
			.module = name };
		if (header == HEADER_SRC)
			p->sources.n = 0;
		else if (header == HEADER_DST)
			p->destinations.n = 0;
	}
	raw->headers[header] = match;
	raw->has_header[header] = true;
	return true;
}

static bool parse_target(struct iptables_parser *p, struct raw_rule *raw, struct target *target,
	size_t *at, struct err *err)
{
	const struct word *words = p->words.items;
	bool is_goto = is_option(&words[*at], "-g", "--goto");
	size_t from = *at + 1, end;

	if (raw->has_target)
		return iptables_fail(p, err, *at, "two targets");
	if (from == p->words.n)
		return iptables_fail(p, err, *at, "no target behind -j or -g");
	end = from + 1;
	while (end < p->words.n && !ends_module(p, end))
		end++;
	if (is_goto) {
		if (end - from != 1 || !table_chain(p->table, words[from].value))
			return iptables_fail(p, err, from, "no such chain behind -g");
		*target = (struct target){ .kind = TARGET_GOTO,
			.chain = iptables_intern(p, words[from].value) };
	} else {
		*target = iptables_parse_jump(p, from, end);
	}
	raw->has_target = true;
	*at = end;
	return true;
}

/* One part of a rule: a generic option, a module, or the target. */
static bool parse_part(struct iptables_parser *p, struct raw_rule *raw, struct target *target,
	size_t *at, struct err *err)
{
	const struct word *words = p->words.items;
	bool inverted = iptables_is_word(&words[*at], "!") && *at + 1 < p->words.n;
	const struct word *option = &words[*at + inverted];
	enum header header;
	struct module module;

	if (header_of_word(option, &header)) {
		*at += inverted;
		return parse_header(p, raw, header, inverted, at, err);
	}
	if (!inverted && (is_option(option, "-j", "--jump") || is_option(option, "-g", "--goto")))
		return parse_target(p, raw, target, at, err);
	if (!inverted && is_option(option, "-m", "--match")) {
		if (*at + 1 == p->words.n)
			return iptables_fail(p, err, *at, "no module behind -m");
		if (!iptables_is_name(words[*at + 1].value))
			return iptables_fail(p, err, *at + 1, "a strange module behind -m");
		module = (struct module){ .name = words[*at + 1].value, .from = *at + 2 };
	} else if (!option->is_quoted && text_has_prefix(option->value, "--")) {
		module = (struct module){ .name = NULL, .from = *at };
	} else {
		return iptables_fail(p, err, *at + inverted, "unexpected \"%s\"", option->value);
	}
	module.end = module_end(p, module.name, module.from);
	*at = module.end;
	*vec_push(&p->modules, p->scratch) = module;
	return true;
}

/* Makes place for a rule in front of the one at place (from 1), or at the end. NULL: err says why not. */
static struct rule *new_rule(
	struct iptables_parser *p, struct chain *chain, const uint32_t *place, struct err *err)
{
	struct rule *rule;
	size_t at;

	if (++p->n_rules > LIMIT_RULESET_RULES) {
		err_limit(
			err, "%s:%u:1: more than %d rules", p->name, p->line, LIMIT_RULESET_RULES);
		return NULL;
	}
	if (place && *place > chain->n_rules + 1) {
		iptables_fail(p, err, 0, "chain %s has no place %u", chain->name, *place);
		return NULL;
	}
	rule = chain_add_rule(p->arena, chain);
	if (!place)
		return rule;
	at = *place - 1;
	p->n_moved += chain->n_rules - 1 - at;
	if (p->n_moved > LIMIT_RULESET_MOVES) {
		err_limit(err, "%s:%u:1: too many rules are inserted in front of others", p->name,
			p->line);
		return NULL;
	}
	memmove(&chain->rules[at + 1], &chain->rules[at],
		(chain->n_rules - 1 - at) * sizeof(chain->rules[0]));
	return &chain->rules[at];
}

/* p->matches as a rule; src and dst stand in for the addresses in it, where they are not NULL. */
static bool add_rule(struct iptables_parser *p, struct chain *chain, const struct rule *parsed,
	const struct match *src, const struct match *dst, const uint32_t *place, struct err *err)
{
	struct rule *rule = new_rule(p, chain, place, err);
	size_t n = 0;

	if (!rule)
		return false;
	*rule = *parsed;
	rule->line = p->line;
	if (p->matches.n)
		rule->matches = arena_new_array(p->arena, struct match, p->matches.n);
	vec_for_each (match, &p->matches) {
		const struct match *one = match;

		if (src && (match->kind == MATCH_SRC || match->kind == MATCH_SRC_MASK))
			one = src;
		else if (dst && (match->kind == MATCH_DST || match->kind == MATCH_DST_MASK))
			one = dst;
		if (one == match || !is_no_condition(one))
			rule->matches[n++] = *one;
	}
	rule->n_matches = n;
	if (p->has_comment) {
		rule->comment = p->comment;
		rule->n_behind_comment = (uint8_t)(p->matches.n - p->comment_at);
	}
	return true;
}

/* A rule for every pair of addresses. Inserted ones come to stand in the order in which iptables
 * inserts them: the last in front. */
static bool add_rules(struct iptables_parser *p, struct chain *chain, const struct rule *parsed,
	const uint32_t *place, struct err *err)
{
	size_t n_src = p->sources.n ? p->sources.n : 1;
	size_t n_dst = p->destinations.n ? p->destinations.n : 1;

	if (n_src * n_dst > LIMIT_RULESET_PAIRS)
		return err_limit(err, "%s:%u:1: more than %d pairs of addresses", p->name, p->line,
			LIMIT_RULESET_PAIRS);
	for (size_t s = 0; s < n_src; s++) {
		for (size_t d = 0; d < n_dst; d++) {
			const struct match *src = p->sources.n ? &p->sources.items[s] : NULL;
			const struct match *dst =
				p->destinations.n ? &p->destinations.items[d] : NULL;

			if (!add_rule(p, chain, parsed, src, dst, place, err))
				return false;
		}
	}
	return true;
}

bool iptables_parse_rule(struct iptables_parser *p, struct chain *chain,
	const struct counters *counters, size_t at, const uint32_t *place, struct err *err)
{
	struct raw_rule raw = { 0 };
	struct rule rule = { .counters = *counters };

	p->modules.n = 0;
	p->matches.n = 0;
	p->sources.n = p->destinations.n = 0;
	p->has_comment = false;
	while (at < p->words.n)
		if (!parse_part(p, &raw, &rule.target, &at, err))
			return false;
	p->proto = -1;
	for (size_t i = 0; i < N_HEADERS; i++) {
		const struct match *match = &raw.headers[i];
		bool is_list =
			(i == HEADER_SRC && p->sources.n) || (i == HEADER_DST && p->destinations.n);

		if (!raw.has_header[i] || (!is_list && is_no_condition(match)))
			continue;
		*vec_push(&p->matches, p->scratch) = *match;
		if (match->kind == MATCH_PROTO && !match->inverted)
			p->proto = match->proto;
	}
	if (!iptables_parse_modules(p, err))
		return false;
	return add_rules(p, chain, &rule, place, err);
}
