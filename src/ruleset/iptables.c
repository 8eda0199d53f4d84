// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * iptables-save text. The kernel's view of a rule is what counts: the order of -s -d -i -o -p
 * in a text means nothing and is made canonical, the order of the modules is kept, and
 * conditions that are none (-s 0.0.0.0/0, -p all) vanish, as they do in iptables-save.
 */
#include <netdb.h>
#include <string.h>

#include "base/limits.h"
#include "ruleset/iptables.h"
#include "ruleset/print.h"

/* iptables-restore's own bound on the words of one rule. */
#define MAX_WORDS 255

/* The generic part of a rule, in the order in which iptables-save prints it. */
enum header { HEADER_SRC, HEADER_DST, HEADER_IN, HEADER_OUT, HEADER_PROTO, HEADER_FRAGMENT };
#define N_HEADERS (HEADER_FRAGMENT + 1)

struct raw_rule {
	struct match headers[N_HEADERS];
	bool has_header[N_HEADERS];
	bool has_target;
};

static bool fail(const struct iptables_parser *p, struct err *err, const char *what)
{
	return err_input(err, "%s:%u: %s", p->name, p->line, what);
}

const char *iptables_intern(struct iptables_parser *p, const char *value)
{
	const char *copy = map_find(p->interned, value);

	if (!copy) {
		copy = arena_strdup(p->arena, value);
		map_add(p->interned, copy, (void *)copy);
	}
	return copy;
}

const char *iptables_raw(struct iptables_parser *p, const char *before, size_t from, size_t end)
{
	struct text raw CLEANUP(text_done) = TEXT_INIT;

	if (before)
		text_add(&raw, before);
	for (size_t i = from; i < end; i++) {
		if (raw.len)
			text_add(&raw, " ");
		text_add_n(&raw, p->words.items[i].raw, p->words.items[i].raw_len);
	}
	return iptables_intern(p, raw.data);
}

bool iptables_is_name(const char *value)
{
	return *value && strcmp(value, "!") != 0 && !value[strcspn(value, " \t\"")];
}

/*
 * As iptables-restore cuts a line: a word ends at a space or at a closing quote; only inside
 * quotes is a backslash an escape. The values are written over the copy of the line; none is
 * longer than what it was cut from, and an end always has a character to put the NUL over.
 */
static bool split(struct iptables_parser *p, const char *line, size_t len, struct err *err)
{
	char *to;

	p->words.n = 0;
	text_clear(&p->line_text);
	text_add_n(&p->line_text, line, len);
	to = p->line_text.data;
	for (size_t i = 0; i < len;) {
		struct word *word;
		bool in_quotes = false;

		if (line[i] == ' ' || line[i] == '\t') {
			i++;
			continue;
		}
		if (p->words.n == MAX_WORDS)
			return fail(p, err, "more than 255 words");
		word = vec_push(&p->words, p->scratch);
		*word = (struct word){ .value = to, .raw = line + i };
		for (; i < len; i++) {
			char c = line[i];

			if (!in_quotes && c == '"') {
				in_quotes = word->is_quoted = true;
			} else if (in_quotes && c == '"') {
				in_quotes = false;
				i++;
				break;
			} else if (!in_quotes && (c == ' ' || c == '\t')) {
				break;
			} else {
				if (in_quotes && c == '\\' && i + 1 < len)
					c = line[++i];
				*to++ = c;
			}
		}
		if (in_quotes)
			return fail(p, err, "a quote is not closed");
		word->raw_len = (size_t)(line + i - word->raw);
		*to++ = '\0';
	}
	return true;
}

static bool is_word(const struct word *word, const char *value)
{
	return !word->is_quoted && strcmp(word->value, value) == 0;
}

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

	if (is_word(word, "!") && at + 1 < p->words.n)
		word++;
	else if (is_option(word, "-m", "--match") || is_option(word, "-j", "--jump") ||
		 is_option(word, "-g", "--goto"))
		return true;
	return header_of_word(word, &header);
}

static size_t module_end(const struct iptables_parser *p, size_t from)
{
	size_t at = from;

	/* What people write as a comment may look like an option and still need no quotes. */
	if (at + 1 < p->words.n && is_word(&p->words.items[at], "--comment"))
		at += 2;
	while (at < p->words.n && !ends_module(p, at))
		at++;
	return at;
}

static bool parse_prefix(struct iptables_parser *p, const char *value, struct prefix *ret)
{
	const char *slash = strchr(value, '/');
	struct prefix prefix;
	struct addr mask;
	uint8_t len;

	if (prefix_parse(value, &prefix)) {
		*ret = prefix;
		return prefix.addr.family == p->family;
	}
	if (!slash || !addr_parse(slash + 1, &mask) || mask.family != p->family ||
		!mask_len(&mask, &len))
		return false;
	value = arena_printf(p->scratch, "%.*s/%u", (int)(slash - value), value, len);
	return prefix_parse(value, ret) && ret->addr.family == p->family;
}

/*
 * The host's /etc/protocols is what iptables-save printed the name from, and so is asked before
 * the list of what Debian's has where the two could differ. The few that no system calls
 * otherwise come first: a ruleset has thousands of them.
 */
static bool proto_number(struct iptables_parser *p, const char *value, uint8_t *ret)
{
	static const struct {
		const char *name;
		uint8_t number;
	} fixed[] = { { "tcp", 6 }, { "udp", 17 }, { "icmp", 1 }, { "ipv6-icmp", 58 },
		{ "icmpv6", 58 }, { "all", 0 } },
	  debian[] = { { "igmp", 2 }, { "ggp", 3 }, { "ipencap", 4 }, { "egp", 8 }, { "dccp", 33 },
		  { "ipv6", 41 }, { "ipv6-route", 43 }, { "ipv6-frag", 44 }, { "rsvp", 46 },
		  { "gre", 47 }, { "esp", 50 }, { "ah", 51 }, { "ipv6-nonxt", 59 },
		  { "ipv6-opts", 60 }, { "ospf", 89 }, { "ipip", 94 }, { "pim", 103 },
		  { "vrrp", 112 }, { "l2tp", 115 }, { "sctp", 132 }, { "mobility-header", 135 },
		  { "ipv6-mh", 135 }, { "mh", 135 }, { "udplite", 136 } };
	struct protoent entry, *found = NULL;
	char buf[1024];
	uint32_t number;
	uintptr_t known;

	for (size_t i = 0; i < N_OF(fixed); i++) {
		if (strcmp(value, fixed[i].name) == 0) {
			*ret = fixed[i].number;
			return true;
		}
	}
	if (text_to_u32(value, 0, 255, &number)) {
		*ret = (uint8_t)number;
		return true;
	}
	known = (uintptr_t)map_find(p->protos, value);
	if (!known && getprotobyname_r(value, &entry, buf, sizeof(buf), &found) == 0 && found &&
		found->p_proto >= 0 && found->p_proto <= 255)
		known = (uintptr_t)found->p_proto + 1;
	for (size_t i = 0; !known && i < N_OF(debian); i++)
		if (strcmp(value, debian[i].name) == 0)
			known = (uintptr_t)debian[i].number + 1;
	if (!known)
		return false;
	map_add(p->protos, iptables_intern(p, value), (void *)known);
	*ret = (uint8_t)(known - 1);
	return true;
}

/* Fills what the match says; false: keep it as text. */
static bool parse_header_value(
	struct iptables_parser *p, enum header header, const char *value, struct match *match)
{
	static const enum match_kind kinds[] = { MATCH_SRC, MATCH_DST, MATCH_IN_IFACE,
		MATCH_OUT_IFACE, MATCH_PROTO };

	if (header == HEADER_FRAGMENT)
		return false;
	match->kind = kinds[header];
	switch (header) {
	case HEADER_SRC:
	case HEADER_DST:
		return parse_prefix(p, value, &match->prefix);
	case HEADER_IN:
	case HEADER_OUT:
		if (!iptables_is_name(value))
			return false;
		match->name = iptables_intern(p, value);
		return true;
	default:
		/* "! -p all" can be written, and iptables refuses it. */
		return proto_number(p, value, &match->proto) && (match->proto || !match->inverted);
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

/* At the option's name; *at is moved behind its value. */
static bool parse_header(struct iptables_parser *p, struct raw_rule *raw, enum header header,
	bool inverted, size_t *at, struct err *err)
{
	const struct word *words = p->words.items;
	struct match match = { .inverted = inverted };
	const char *before;

	if (raw->has_header[header])
		return err_input(err, "%s:%u: %s twice", p->name, p->line, words[*at].value);
	(*at)++;
	if (header != HEADER_FRAGMENT) {
		if (*at + 1 < p->words.n && !inverted && is_word(&words[*at], "!")) {
			match.inverted = true;
			(*at)++;
		}
		if (*at == p->words.n)
			return fail(p, err, "the last option has no value");
		(*at)++;
	}
	if (!parse_header_value(p, header, words[*at - 1].value, &match)) {
		before = arena_printf(p->scratch, "%s%s", match.inverted ? "! " : "",
			header_options[header].name);
		match = (struct match){ .kind = MATCH_OPAQUE,
			.text = iptables_raw(p, before, *at - (header != HEADER_FRAGMENT), *at) };
	}
	raw->headers[header] = match;
	raw->has_header[header] = true;
	return true;
}

static bool parse_ct_target(struct iptables_parser *p, size_t from, size_t end, struct target *ret)
{
	const struct word *words = p->words.items;
	uint32_t zone;

	if (end - from == 1 && is_word(&words[from], "--notrack")) {
		*ret = (struct target){ .kind = TARGET_CT_NOTRACK };
		return true;
	}
	if (end - from == 2 && is_word(&words[from], "--zone") &&
		text_to_u32(words[from + 1].value, 0, UINT16_MAX, &zone)) {
		*ret = (struct target){ .kind = TARGET_CT_ZONE, .zone = (uint16_t)zone };
		return true;
	}
	return false;
}

/* Words [from, end) are what stands behind -j. */
static struct target parse_jump(struct iptables_parser *p, size_t from, size_t end)
{
	static const struct {
		const char *name;
		enum target_kind kind;
	} verdicts[] = { { "ACCEPT", TARGET_ACCEPT }, { "DROP", TARGET_DROP },
		{ "RETURN", TARGET_RETURN } };
	const struct word *first = &p->words.items[from];
	struct target target = { 0 };

	if (is_word(first, "CT") && parse_ct_target(p, from + 1, end, &target))
		return target;
	for (size_t i = 0; end - from == 1 && i < N_OF(verdicts); i++)
		if (is_word(first, verdicts[i].name))
			return (struct target){ .kind = verdicts[i].kind };
	/* A chain or an extension: resolve_jumps decides when all chains are known. */
	return (struct target){ .kind = TARGET_OPAQUE, .text = iptables_raw(p, NULL, from, end) };
}

static bool parse_target(struct iptables_parser *p, struct raw_rule *raw, struct target *target,
	size_t *at, struct err *err)
{
	const struct word *words = p->words.items;
	bool is_goto = is_option(&words[*at], "-g", "--goto");
	size_t from = *at + 1, end;

	if (raw->has_target)
		return fail(p, err, "two targets");
	if (from == p->words.n)
		return fail(p, err, "no target behind -j or -g");
	end = from + 1;
	while (end < p->words.n && !ends_module(p, end))
		end++;
	if (is_goto) {
		if (end - from != 1 || !table_chain(p->table, words[from].value))
			return fail(p, err, "no such chain behind -g");
		*target = (struct target){ .kind = TARGET_GOTO,
			.chain = iptables_intern(p, words[from].value) };
	} else {
		*target = parse_jump(p, from, end);
	}
	raw->has_target = true;
	*at = end;
	return true;
}

static bool parse_u64(const char **at, char end, uint64_t *ret)
{
	const char *c = *at;
	uint64_t value = 0;

	if (*c < '0' || *c > '9')
		return false;
	for (; *c >= '0' && *c <= '9'; c++)
		if (__builtin_mul_overflow(value, 10, &value) ||
			__builtin_add_overflow(value, (uint64_t)(*c - '0'), &value))
			return false;
	if (*c != end)
		return false;
	*at = c + 1;
	*ret = value;
	return true;
}

/* "[12:3456]" */
static bool parse_counters(const char *value, struct counters *ret)
{
	struct counters counters;

	if (*value++ != '[' || !parse_u64(&value, ':', &counters.packets) ||
		!parse_u64(&value, ']', &counters.bytes) || *value)
		return false;
	*ret = counters;
	return true;
}

/* One part of a rule: a generic option, a module, or the target. */
static bool parse_part(struct iptables_parser *p, struct raw_rule *raw, struct target *target,
	size_t *at, struct err *err)
{
	const struct word *words = p->words.items;
	bool inverted = is_word(&words[*at], "!") && *at + 1 < p->words.n;
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
			return fail(p, err, "no module behind -m");
		if (!iptables_is_name(words[*at + 1].value))
			return fail(p, err, "a strange module behind -m");
		module = (struct module){ .name = words[*at + 1].value, .from = *at + 2 };
	} else if (!option->is_quoted && text_has_prefix(option->value, "--")) {
		module = (struct module){ .name = NULL, .from = *at };
	} else {
		return err_input(err, "%s:%u: unexpected \"%s\"", p->name, p->line, option->value);
	}
	module.end = module_end(p, module.from);
	*at = module.end;
	*vec_push(&p->modules, p->scratch) = module;
	return true;
}

static bool add_rule(
	struct iptables_parser *p, struct chain *chain, const struct rule *parsed, struct err *err)
{
	struct rule *rule;

	if (++p->n_rules > LIMIT_RULESET_RULES)
		return err_limit(
			err, "%s:%u: more than %d rules", p->name, p->line, LIMIT_RULESET_RULES);
	rule = chain_add_rule(p->arena, chain);
	*rule = *parsed;
	rule->line = p->line;
	rule->n_matches = p->matches.n;
	if (p->matches.n) {
		rule->matches = arena_new_array(p->arena, struct match, p->matches.n);
		memcpy(rule->matches, p->matches.items, p->matches.n * sizeof(struct match));
	}
	if (p->has_comment) {
		rule->comment = p->comment;
		rule->n_behind_comment = (uint8_t)(p->matches.n - p->comment_at);
	}
	return true;
}

/* The words from at on are behind "-A CHAIN". */
static bool parse_rule(struct iptables_parser *p, struct chain *chain,
	const struct counters *counters, size_t at, struct err *err)
{
	struct raw_rule raw = { 0 };
	struct rule rule = { .counters = *counters };

	p->modules.n = 0;
	p->matches.n = 0;
	p->has_comment = false;
	while (at < p->words.n)
		if (!parse_part(p, &raw, &rule.target, &at, err))
			return false;
	p->proto = -1;
	for (size_t i = 0; i < N_HEADERS; i++) {
		const struct match *match = &raw.headers[i];

		if (!raw.has_header[i] || is_no_condition(match))
			continue;
		*vec_push(&p->matches, p->scratch) = *match;
		if (match->kind == MATCH_PROTO && !match->inverted)
			p->proto = match->proto;
	}
	vec_for_each (module, &p->modules)
		if (!iptables_parse_module(p, module, err))
			return false;
	return add_rule(p, chain, &rule, err);
}

/* The kernel's own chains are there without a declaration; iptables-save always has one. */
static struct chain *chain_of_rule(struct iptables_parser *p, const char *name)
{
	static const char *const built_in[] = { "PREROUTING", "INPUT", "FORWARD", "OUTPUT",
		"POSTROUTING" };
	const struct chain *found = table_chain(p->table, name);
	struct chain *chain;

	if (found)
		return &p->table->chains[found - p->table->chains];
	for (size_t i = 0; i < N_OF(built_in); i++) {
		if (strcmp(name, built_in[i]) != 0)
			continue;
		chain = table_add_chain(p->arena, p->table, name);
		chain->is_base = true;
		chain->policy = "ACCEPT";
		return chain;
	}
	return NULL;
}

static bool parse_append(struct iptables_parser *p, struct err *err)
{
	const struct word *words = p->words.items;
	struct counters counters = { 0 };
	size_t at = 0;
	struct chain *chain;

	if (words[0].value[0] == '[') {
		if (!parse_counters(words[0].value, &counters))
			return fail(p, err, "these are no counters");
		at = 1;
	}
	if (!p->table)
		return fail(p, err, "a rule outside of a table");
	if (at + 2 > p->words.n || !is_option(&words[at], "-A", "--append"))
		return err_input(err, "%s:%u: expected -A and a chain, not \"%s\"", p->name,
			p->line, at < p->words.n ? words[at].value : "");
	chain = chain_of_rule(p, words[at + 1].value);
	if (!chain)
		return err_input(err, "%s:%u: chain %s is not declared", p->name, p->line,
			words[at + 1].value);
	return parse_rule(p, chain, &counters, at + 2, err);
}

/* ":CHAIN POLICY [packets:bytes]" */
static bool parse_chain(struct iptables_parser *p, struct err *err)
{
	const struct word *words = p->words.items;
	const char *name = words[0].value + 1;
	struct counters counters = { 0 };
	struct chain *chain;

	if (!p->table)
		return fail(p, err, "a chain outside of a table");
	if (p->words.n < 2 || p->words.n > 3 || !iptables_is_name(name) || words[0].is_quoted ||
		words[1].is_quoted)
		return fail(p, err, "expected a chain, its policy and its counters");
	if (p->words.n == 3 && !parse_counters(words[2].value, &counters))
		return fail(p, err, "these are no counters");
	chain = table_add_chain(p->arena, p->table, name);
	chain->counters = counters;
	chain->is_base = strcmp(words[1].value, "-") != 0;
	chain->policy = chain->is_base ? iptables_intern(p, words[1].value) : NULL;
	return true;
}

static bool parse_line(struct iptables_parser *p, struct err *err)
{
	const struct word *first = p->words.items;

	if (is_word(first, "COMMIT")) {
		if (!p->table || p->words.n != 1)
			return fail(p, err, "COMMIT does not belong here");
		p->table = NULL;
		return true;
	}
	switch (first->is_quoted ? '"' : first->value[0]) {
	case '*':
		if (p->table)
			return fail(p, err, "the table before it has no COMMIT");
		if (p->words.n != 1 || !first->value[1])
			return fail(p, err, "expected the name of a table");
		p->table = ruleset_add_table(p->arena, p->rs, p->family, first->value + 1);
		return true;
	case ':':
		return parse_chain(p, err);
	default:
		return parse_append(p, err);
	}
}

/* What is no chain's name stays the name of an extension: "-j MASQUERADE". */
static void resolve_jumps(struct table *table)
{
	for (size_t c = 0; c < table->n_chains; c++) {
		for (size_t r = 0; r < table->chains[c].n_rules; r++) {
			struct target *target = &table->chains[c].rules[r].target;
			const struct chain *to;

			if (target->kind != TARGET_OPAQUE)
				continue;
			to = table_chain(table, target->text);
			if (to)
				*target = (struct target){ .kind = TARGET_JUMP, .chain = to->name };
		}
	}
}

static bool parse_lines(struct iptables_parser *p, const char *text, struct err *err)
{
	while (*text) {
		size_t len = strcspn(text, "\n");

		p->line++;
		if (*text != '#') {
			if (!split(p, text, len, err))
				return false;
			if (p->words.n && !parse_line(p, err))
				return false;
		}
		text += len;
		text += *text == '\n';
	}
	if (p->table)
		return fail(p, err, "the text ends before the table's COMMIT");
	for (size_t i = 0; i < p->rs->n_tables; i++)
		if (p->rs->tables[i].family == p->family)
			resolve_jumps(&p->rs->tables[i]);
	return true;
}

bool ruleset_parse_iptables(struct arena *arena, struct ruleset *rs, enum family family,
	const char *name, const char *text, struct err *err)
{
	struct arena *scratch CLEANUP(arena_freep) = arena_new();
	struct iptables_parser p = { .arena = arena,
		.rs = rs,
		.family = family,
		.name = name,
		.line_text = TEXT_INIT,
		.scratch = scratch,
		.interned = map_new(arena),
		.protos = map_new(arena) };
	bool ok = parse_lines(&p, text, err);

	text_done(&p.line_text);
	return ok;
}
