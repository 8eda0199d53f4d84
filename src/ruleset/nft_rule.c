// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One rule of the bridge family. From its end are taken the comment, the verdict and the counter;
 * from its start the matches that are modelled. What is left between is one opaque match, or,
 * when no verdict follows, an opaque target: "reject", "dnat to", "ether type vmap { ... }" decide
 * over packets too.
 */
#include <string.h>

#include "ruleset/nft.h"
#include "ruleset/print.h"

void nft_split(struct nft_parser *p, const char *text)
{
	p->tokens.n = 0;
	while (*text) {
		size_t len;

		if (*text == ' ' || *text == '\t') {
			text++;
			continue;
		}
		if (*text == '"') {
			len = 1 + strcspn(text + 1, "\"");
			len += text[len] == '"';
		} else if (strchr("{},", *text)) {
			len = 1;
		} else {
			len = strcspn(text, " \t\"{},");
		}
		*vec_push(&p->tokens, p->scratch) = (struct nft_token){ text, len };
		text += len;
	}
}

bool nft_token_is(const struct nft_parser *p, size_t i, const char *value)
{
	const struct nft_token *token = &p->tokens.items[i];

	return i < p->tokens.n && strlen(value) == token->len &&
	       memcmp(token->start, value, token->len) == 0;
}

/* The token as a text of its own, for the parsers of values. */
static const char *token_text(struct nft_parser *p, size_t i)
{
	return arena_strndup(p->scratch, p->tokens.items[i].start, p->tokens.items[i].len);
}

bool nft_token_name(struct nft_parser *p, size_t i, const char **ret)
{
	const struct nft_token *token = &p->tokens.items[i];

	if (i >= p->tokens.n || token->len < 3 || token->start[0] != '"' ||
		token->start[token->len - 1] != '"' || memchr(token->start, '*', token->len) ||
		memchr(token->start, '\\', token->len))
		return false;
	*ret = arena_strndup(p->arena, token->start + 1, token->len - 2);
	return true;
}

static bool is_plain(const struct nft_token *token)
{
	return token->len && !strchr("\"{},", token->start[0]);
}

bool nft_parse_verdict(struct nft_parser *p, size_t from, size_t end, struct target *ret)
{
	static const struct {
		const char *name;
		enum target_kind kind;
		size_t n_tokens;
	} verdicts[] = {
		{ "accept", TARGET_ACCEPT, 1 },
		{ "drop", TARGET_DROP, 1 },
		{ "return", TARGET_RETURN, 1 },
		{ "jump", TARGET_JUMP, 2 },
		{ "goto", TARGET_GOTO, 2 },
	};

	for (size_t i = 0; i < N_OF(verdicts); i++) {
		struct target target = { .kind = verdicts[i].kind };

		if (from >= end || end - from != verdicts[i].n_tokens ||
			!nft_token_is(p, from, verdicts[i].name))
			continue;
		if (verdicts[i].n_tokens == 2) {
			const struct nft_token *chain = &p->tokens.items[from + 1];

			if (!is_plain(chain))
				return false;
			target.chain = arena_strndup(p->arena, chain->start, chain->len);
		}
		*ret = target;
		return true;
	}
	return false;
}

static bool parse_vmap(struct nft_parser *p, size_t from, struct target *ret)
{
	const struct nft_token *map = &p->tokens.items[from + 2];
	bool is_in = nft_token_is(p, from, "iifname"), is_out = nft_token_is(p, from, "oifname");

	if ((!is_in && !is_out) || !nft_token_is(p, from + 1, "vmap") || map->len < 2 ||
		map->start[0] != '@')
		return false;
	*ret = (struct target){ .kind = TARGET_VMAP,
		.vmap = { .map = arena_strndup(p->arena, map->start + 1, map->len - 1),
			.by_out_iface = is_out } };
	return true;
}

/* Moves *end in front of the target at the end of the rule, if there is one. */
static void take_target(struct nft_parser *p, size_t *end, struct target *ret)
{
	if (*end >= 2 && nft_parse_verdict(p, *end - 2, *end, ret))
		*end -= 2;
	else if (*end >= 1 && nft_parse_verdict(p, *end - 1, *end, ret))
		*end -= 1;
	else if (*end >= 3 && p->table->family == FAMILY_BRIDGE && parse_vmap(p, *end - 3, ret))
		*end -= 3;
}

static void take_comment(struct nft_parser *p, size_t *end, const char **ret)
{
	const struct nft_token *last;

	if (*end < 2 || !nft_token_is(p, *end - 2, "comment"))
		return;
	last = &p->tokens.items[*end - 1];
	if (last->len < 2 || last->start[0] != '"' || last->start[last->len - 1] != '"')
		return;
	*ret = arena_strndup(p->arena, last->start + 1, last->len - 2);
	*end -= 2;
}

static bool parse_u64(struct nft_parser *p, size_t i, uint64_t *ret)
{
	const struct nft_token *token = &p->tokens.items[i];
	uint64_t value = 0;

	if (token->len > 1 && token->start[0] == '0')
		return false;
	for (size_t c = 0; c < token->len; c++)
		if (token->start[c] < '0' || token->start[c] > '9' ||
			__builtin_mul_overflow(value, 10, &value) ||
			__builtin_add_overflow(value, (uint64_t)(token->start[c] - '0'), &value))
			return false;
	*ret = value;
	return true;
}

/* "counter packets 3 bytes 180" */
static void take_counter(struct nft_parser *p, size_t *end, struct rule *rule)
{
	struct counters counters;
	size_t from = *end - 5;

	if (*end < 5 || !nft_token_is(p, from, "counter") ||
		!nft_token_is(p, from + 1, "packets") ||
		!parse_u64(p, from + 2, &counters.packets) || !nft_token_is(p, from + 3, "bytes") ||
		!parse_u64(p, from + 4, &counters.bytes))
		return;
	rule->counters = counters;
	rule->has_counter = true;
	*end -= 5;
}

static bool parse_ethertype(const char *text, uint16_t *ret)
{
	static const struct {
		const char *name;
		uint16_t type;
	} names[] = {
		{ "ip", ETHERTYPE_IPV4 },
		{ "arp", ETHERTYPE_ARP },
		{ "ip6", ETHERTYPE_IPV6 },
		{ "8021q", ETHERTYPE_VLAN },
		{ "vlan", ETHERTYPE_VLAN },
		{ "8021ad", ETHERTYPE_QINQ },
	};
	unsigned value = 0;

	for (size_t i = 0; i < N_OF(names); i++) {
		if (strcmp(text, names[i].name) == 0) {
			*ret = names[i].type;
			return true;
		}
	}
	if (strlen(text) != 6 || text[0] != '0' || text[1] != 'x' ||
		strspn(text + 2, "0123456789abcdef") != 4)
		return false;
	for (text += 2; *text; text++)
		value = value << 4 | (unsigned)(*text <= '9' ? *text - '0' : *text - 'a' + 10);
	*ret = (uint16_t)value;
	return true;
}

static bool parse_value(struct nft_parser *p, size_t i, struct match *match)
{
	switch (match->kind) {
	case MATCH_IN_IFACE:
	case MATCH_OUT_IFACE:
		return nft_token_name(p, i, &match->name);
	case MATCH_ETHERTYPE:
		return parse_ethertype(token_text(p, i), &match->ethertype);
	case MATCH_ETH_SRC:
	case MATCH_ARP_SHA:
		return mac_parse(token_text(p, i), &match->mac);
	case MATCH_ARP_SPA:
		return prefix_parse(token_text(p, i), &match->prefix) &&
		       match->prefix.addr.family == FAMILY_IPV4;
	default:
		return false;
	}
}

/* Returns the token behind the match, or at when there is none that is modelled. */
static size_t parse_match(struct nft_parser *p, size_t at, size_t end, struct match *ret)
{
	static const struct {
		const char *words[3];
		size_t n_words;
		enum match_kind kind;
	} keys[] = {
		{ { "iifname" }, 1, MATCH_IN_IFACE },
		{ { "oifname" }, 1, MATCH_OUT_IFACE },
		{ { "ether", "type" }, 2, MATCH_ETHERTYPE },
		{ { "ether", "saddr" }, 2, MATCH_ETH_SRC },
		{ { "arp", "saddr", "ether" }, 3, MATCH_ARP_SHA },
		{ { "arp", "saddr", "ip" }, 3, MATCH_ARP_SPA },
	};

	for (size_t k = 0; k < N_OF(keys); k++) {
		struct match match = { .kind = keys[k].kind };
		size_t i = 0;

		while (i < keys[k].n_words && at + i < end &&
			nft_token_is(p, at + i, keys[k].words[i]))
			i++;
		if (i < keys[k].n_words || at + i >= end)
			continue;
		if (nft_token_is(p, at + i, "!=")) {
			match.inverted = true;
			i++;
		}
		if (at + i < end && parse_value(p, at + i, &match)) {
			*ret = match;
			return at + i + 1;
		}
	}
	return at;
}

const char *nft_raw_text(struct nft_parser *p, size_t from, size_t end)
{
	const struct nft_token *first = &p->tokens.items[from], *last = &p->tokens.items[end - 1];

	return arena_strndup(
		p->arena, first->start, (size_t)(last->start + last->len - first->start));
}

/* Understood is only what prints as it was written; all else is kept as text. */
static bool prints_back(struct nft_parser *p, size_t from, size_t end, const struct match *match)
{
	struct text printed CLEANUP(text_done) = TEXT_INIT;

	match_print_nft(&printed, match);
	return strcmp(printed.data, nft_raw_text(p, from, end)) == 0;
}

/* One match or statement at *at. */
static bool parse_part(struct nft_parser *p, size_t *at, size_t end, struct match *ret)
{
	size_t behind = p->table->family == FAMILY_BRIDGE ? parse_match(p, *at, end, ret) : *at;
	struct match match = { 0 };

	if (behind != *at && (behind == end || !nft_token_is(p, behind, "."))) {
		*at = behind;
		return true;
	}
	behind = *at;
	if (*at + 2 < end && nft_token_is(p, *at, "xt") && nft_token_is(p, *at + 1, "match")) {
		behind += 3;
		match = (struct match){ .kind = MATCH_OPAQUE,
			.text = nft_raw_text(p, *at, behind) };
	} else if (!nft_parse_statement(p, &behind, end, &match)) {
		behind = *at;
		if (!nft_parse_match(p, &behind, end, &match))
			return false;
	}
	if (!prints_back(p, *at, behind, &match))
		return false;
	*at = behind;
	*ret = match;
	return true;
}

struct reading {
	VEC(struct match) matches;
	size_t counter_at; /* matches in front of the counter */
};

/* Reads parts from the start until one is not understood; returns where. */
static size_t read_parts(
	struct nft_parser *p, size_t end, struct rule *rule, struct reading *reading)
{
	size_t at = 0;

	while (at < end) {
		struct match match;
		size_t behind = at + 5;

		if (!rule->has_counter && behind <= end && nft_token_is(p, at, "counter")) {
			take_counter(p, &behind, rule);
			if (rule->has_counter) {
				at += 5;
				reading->counter_at = reading->matches.n;
				continue;
			}
		}
		if (!rule->has_counter && nft_token_is(p, at, "counter") &&
			(at + 1 == end || !nft_token_is(p, at + 1, "name")) &&
			!nft_token_is(p, at + 1, "packets")) {
			/* "nft -s": without values */
			rule->has_counter = true;
			rule->is_stateless = true;
			reading->counter_at = reading->matches.n;
			at++;
			continue;
		}
		if (parse_part(p, &at, end, &match))
			*vec_push(&reading->matches, p->scratch) = match;
		else if (rule->target.kind == TARGET_NONE &&
			 nft_parse_target(p, at, end, &rule->target))
			at = end;
		else
			break;
	}
	return at;
}

void nft_parse_rule(struct nft_parser *p, struct rule *rule)
{
	struct reading reading = { 0 };
	size_t at, end;

	nft_split(p, p->current.data);
	end = p->tokens.n;
	take_comment(p, &end, &rule->comment);
	take_target(p, &end, &rule->target);
	at = read_parts(p, end, rule, &reading);
	if (at < end && rule->target.kind == TARGET_NONE) {
		rule->target =
			(struct target){ .kind = TARGET_OPAQUE, .text = nft_raw_text(p, at, end) };
	} else if (at < end) {
		bool had_counter = rule->has_counter;

		if (!had_counter)
			take_counter(p, &end, rule);
		*vec_push(&reading.matches, p->scratch) =
			(struct match){ .kind = MATCH_OPAQUE, .text = nft_raw_text(p, at, end) };
		if (!had_counter)
			reading.counter_at = reading.matches.n;
	}
	if (rule->has_counter)
		rule->n_behind_counter = (uint16_t)(reading.matches.n - reading.counter_at);
	rule->n_matches = reading.matches.n;
	if (reading.matches.n) {
		rule->matches = arena_new_array(p->arena, struct match, reading.matches.n);
		memcpy(rule->matches, reading.matches.items,
			reading.matches.n * sizeof(struct match));
	}
}
