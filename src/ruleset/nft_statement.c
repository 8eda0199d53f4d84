// SPDX-License-Identifier: GPL-2.0-or-later
/* Matches, statements and targets of nft's rules. */
#include <string.h>

#include "ruleset/nft.h"
#include "ruleset/print.h"

#define MAX_KEYS 8

static const char *token_text(struct nft_parser *p, size_t i)
{
	return arena_strndup(p->scratch, p->tokens.items[i].start, p->tokens.items[i].len);
}

bool nft_parse_keys(struct nft_parser *p, size_t *at, size_t end, struct nft_keys *ret)
{
	const struct nft_key *keys[MAX_KEYS], **copy;
	size_t n = 0;

	do {
		size_t next = *at + (n > 0);

		if (n == MAX_KEYS || !(keys[n] = nft_key_at(p, &next, end)))
			return false;
		*at = next;
		n++;
	} while (*at < end && nft_token_is(p, *at, "."));
	copy = arena_new_array(p->arena, const struct nft_key *, n);
	memcpy(copy, keys, n * sizeof(*copy));
	*ret = (struct nft_keys){ .items = copy, .n = n };
	return true;
}

/* "@name", or "{ .. }" with the keys' types, and data of data_types where it is a map. */
static bool parse_set_ref(struct nft_parser *p, size_t *at, size_t end, const struct nft_keys *keys,
	const enum nft_type *data_types, size_t n_data, const char **ret_name,
	const struct set **ret_set)
{
	enum nft_type *types;
	struct set *set;

	if (*at >= end)
		return false;
	if (p->tokens.items[*at].len > 1 && p->tokens.items[*at].start[0] == '@') {
		*ret_name = arena_strdup(p->arena, token_text(p, *at) + 1);
		(*at)++;
		return true;
	}
	if (!nft_token_is(p, *at, "{"))
		return false;
	types = arena_new_array(p->arena, enum nft_type, keys->n);
	for (size_t i = 0; i < keys->n; i++)
		types[i] = keys->items[i]->type;
	set = arena_new_one(p->arena, struct set);
	*set = (struct set){ .kind = SET_NFT,
		.types = types,
		.n_types = keys->n,
		.is_map = n_data > 0,
		.data_types = data_types,
		.n_data_types = n_data,
		.is_verdict_map = n_data == 1 && data_types[0] == NFT_TYPE_VERDICT };
	if (!nft_parse_elements(p, at, end, set))
		return false;
	*ret_set = set;
	return true;
}

static bool is_bits(enum nft_type type)
{
	return type == NFT_TYPE_CT_STATE || type == NFT_TYPE_CT_STATUS ||
	       type == NFT_TYPE_TCP_FLAGS;
}

/* "syn", "(fin | syn | ack)", "fin,syn", "0xff": or-ed. */
static bool parse_bits(
	struct nft_parser *p, size_t *at, size_t end, enum nft_type type, struct field_value *ret)
{
	struct field_value bits = { 0 };
	bool is_open = false, is_done = false;

	while (*at < end && !is_done) {
		const char *text = token_text(p, *at);
		size_t len = strlen(text);
		struct nft_value value;

		if (*text == '(' && !is_open) {
			is_open = true;
			text++;
			len--;
		}
		is_done = !is_open;
		if (is_open && len && text[len - 1] == ')') {
			text = arena_strndup(p->scratch, text, len - 1);
			is_done = true;
		}
		if (!nft_value_parse(p->scratch, p->scratch, type, text, &value) || value.is_any ||
			value.is_range || value.has_prefix_len || value.name)
			return false;
		for (int i = 0; i < 16; i++)
			bits.bytes[i] |= value.min.bytes[i];
		(*at)++;
		if (*at >= end || (is_open && is_done))
			break;
		if (nft_token_is(p, *at, is_open ? "|" : ",")) {
			(*at)++;
			is_done = false;
		} else if (is_open) {
			return false;
		}
	}
	*ret = bits;
	return is_done;
}

const char *const nft_op_words[N_NFT_OP_WORDS] = { [NFT_EQ] = "==",
	[NFT_NE] = "!=",
	[NFT_LT] = "<",
	[NFT_GT] = ">",
	[NFT_LE] = "<=",
	[NFT_GE] = ">=" };

static bool parse_op(struct nft_parser *p, size_t *at, size_t end, struct nft_match *match)
{
	for (size_t i = 0; *at < end && i < N_NFT_OP_WORDS; i++) {
		if (!nft_token_is(p, *at, nft_op_words[i]))
			continue;
		match->op = (enum nft_op)i;
		match->is_op_written = true;
		(*at)++;
		return true;
	}
	return false;
}

/* Values behind the operator: one for each key, or bits. */
static bool parse_values(struct nft_parser *p, size_t *at, size_t end, struct nft_match *match)
{
	enum nft_type type = match->keys.items[0]->type;
	bool is_list = match->keys.n == 1 && is_bits(type) && !match->has_mask;
	VEC(struct nft_value) values = { 0 };

	for (;;) {
		struct nft_value *value = vec_push(&values, p->arena);

		if (values.n > MAX_KEYS || *at >= end)
			return false;
		if (!is_list)
			type = match->keys.items[values.n - 1]->type;
		if (!nft_value_parse(p->arena, p->scratch, type, token_text(p, *at), value) ||
			value->is_any)
			return false;
		(*at)++;
		if (is_list ? (*at >= end || !nft_token_is(p, *at, ","))
			    : values.n == match->keys.n)
			break;
		if (!is_list && (*at >= end || !nft_token_is(p, *at, ".")))
			return false;
		(*at)++;
	}
	if (is_list && !match->is_op_written)
		match->op = NFT_BITS;
	else if (is_list && values.n > 1)
		return false;
	match->values = values.items;
	match->n_values = values.n;
	return true;
}

static bool parse_mask(struct nft_parser *p, size_t *at, size_t end, struct nft_match *match)
{
	size_t from = ++*at;

	if (match->keys.n != 1 || !parse_bits(p, at, end, match->keys.items[0]->type, &match->mask))
		return false;
	match->has_mask = true;
	match->mask_text = nft_raw_text(p, from, *at);
	return true;
}

/* "tcp flags syn / fin,syn,rst": of the second bits exactly the first are set. */
static bool parse_flags_of_mask(
	struct nft_parser *p, size_t *at, size_t end, struct nft_match *match)
{
	size_t from = *at, mask_from;
	struct nft_value *value = arena_new_one(p->arena, struct nft_value);

	if (!parse_bits(p, at, end, match->keys.items[0]->type, &value->min) || *at >= end ||
		!nft_token_is(p, *at, "/"))
		return false;
	value->max = value->min;
	value->text = nft_raw_text(p, from, *at);
	mask_from = ++*at;
	if (!parse_bits(p, at, end, match->keys.items[0]->type, &match->mask))
		return false;
	match->has_mask = true;
	match->is_slash = true;
	match->mask_text = nft_raw_text(p, mask_from, *at);
	match->values = value;
	match->n_values = 1;
	return true;
}

static bool parse_masked_value(
	struct nft_parser *p, size_t *at, size_t end, struct nft_match *match)
{
	size_t from = *at;
	struct nft_value *value = arena_new_one(p->arena, struct nft_value);

	if (!parse_bits(p, at, end, match->keys.items[0]->type, &value->min))
		return false;
	value->max = value->min;
	value->text = nft_raw_text(p, from, *at);
	match->values = value;
	match->n_values = 1;
	return true;
}

bool nft_parse_match(struct nft_parser *p, size_t *at, size_t end, struct match *ret)
{
	struct nft_match *match = arena_new_one(p->arena, struct nft_match);
	size_t start;
	bool ok;

	if (!nft_parse_keys(p, at, end, &match->keys))
		return false;
	if (*at < end && nft_token_is(p, *at, "&") &&
		(!parse_mask(p, at, end, match) || !parse_op(p, at, end, match)))
		return false;
	if (!match->has_mask)
		parse_op(p, at, end, match);
	start = *at;
	if (!match->has_mask && match->op <= NFT_NE && is_bits(match->keys.items[0]->type) &&
		parse_flags_of_mask(p, at, end, match)) {
		*ret = (struct match){ .kind = MATCH_NFT_FIELD, .nft = match };
		return true;
	}
	*at = start;
	if (match->has_mask)
		ok = parse_masked_value(p, at, end, match);
	else
		ok = (match->op <= NFT_NE && parse_set_ref(p, at, end, &match->keys, NULL, 0,
						     &match->set_name, &match->set)) ||
		     (*at = start, parse_values(p, at, end, match));
	/* something that goes on: "map", "vmap", "and" */
	if (ok && *at < end &&
		(nft_token_is(p, *at, "map") || nft_token_is(p, *at, "|") ||
			nft_token_is(p, *at, ",") || nft_token_is(p, *at, ".")))
		return false;
	*ret = (struct match){ .kind = MATCH_NFT_FIELD, .nft = match };
	return ok;
}

/* ---- statements */

static void skip_words(
	struct nft_parser *p, size_t *at, size_t end, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n && *at + 1 < end;) {
		if (nft_token_is(p, *at, words[i])) {
			*at += 2;
			while (*at + 1 < end && nft_token_is(p, *at, ","))
				*at += 2;
			i = 0;
		} else {
			i++;
		}
	}
}

static bool skip_log(struct nft_parser *p, size_t *at, size_t end)
{
	static const char *const options[] = { "prefix", "group", "snaplen", "queue-threshold",
		"level", "flags" };

	(*at)++;
	for (;;) {
		size_t before = *at;

		skip_words(p, at, end, options, N_OF(options));
		if (*at + 1 < end && nft_token_is(p, *at - 1, "tcp") &&
			nft_token_is(p, *at - 2, "flags"))
			(*at)++;
		while (*at + 1 < end && nft_token_is(p, *at, ","))
			*at += 2;
		if (*at == before)
			return true;
	}
}

/* "limit rate [over] 10/second [burst 5 packets]", "10 mbytes/second burst 5 mbytes" */
static bool skip_limit(struct nft_parser *p, size_t *at, size_t end)
{
	size_t i = *at + 1;

	if (i + 1 < end && nft_token_is(p, i, "name")) {
		*at = i + 2;
		return true;
	}
	if (i + 1 >= end || !nft_token_is(p, i, "rate"))
		return false;
	i++;
	if (nft_token_is(p, i, "over"))
		i++;
	if (i >= end)
		return false;
	if (!memchr(p->tokens.items[i].start, '/', p->tokens.items[i].len))
		i++;
	i++;
	if (i + 2 < end && nft_token_is(p, i, "burst"))
		i += 3;
	else if (i + 2 == end && nft_token_is(p, i, "burst"))
		return false;
	*at = i;
	return i <= end;
}

static bool skip_braces(struct nft_parser *p, size_t *at, size_t end)
{
	size_t i = *at;

	if (i >= end || !nft_token_is(p, i, "{"))
		return false;
	while (i < end && !nft_token_is(p, i, "}"))
		i++;
	*at = i + 1;
	return i < end;
}

static bool holds(const char *text, const char *word)
{
	return strstr(text, word) != NULL;
}

/* "meta mark set 0x1", "ct mark set meta mark & 0xff | 0x1" */
static bool parse_set_statement(
	struct nft_parser *p, size_t *at, size_t end, struct statement *statement)
{
	size_t i = *at;
	const struct nft_key *key = nft_key_at(p, &i, end);
	struct nft_value value;
	uint64_t number;

	if (!key || i + 1 >= end || !nft_token_is(p, i, "set"))
		return false;
	i++;
	*statement = (struct statement){ .kind = STATEMENT_SET, .key = key };
	if ((statement->source = nft_key_at(p, &i, end))) {
		memset(statement->and_bits.bytes, 0xff, 16);
		statement->is_known =
			statement->source->kind == NFT_KEY_FIELD && !statement->source->width;
		if (i + 1 < end && nft_token_is(p, i, "&")) {
			if (!nft_number_parse(token_text(p, i + 1), &number))
				return false;
			statement->and_bits = field_value_of_number(number);
			i += 2;
		}
		if (i + 1 < end && (nft_token_is(p, i, "|") || nft_token_is(p, i, "^"))) {
			bool is_or = nft_token_is(p, i, "|");

			if (!nft_number_parse(token_text(p, i + 1), &number))
				return false;
			statement->xor_bits = field_value_of_number(number);
			for (int b = 0; is_or && b < 16; b++)
				statement->and_bits.bytes[b] &=
					(uint8_t)~statement->xor_bits.bytes[b];
			i += 2;
		}
	} else if (nft_value_parse(p->scratch, p->scratch, key->type, token_text(p, i), &value) &&
		   !value.is_any && !value.is_range && !value.has_prefix_len && !value.name) {
		statement->is_known = true;
		statement->xor_bits = value.min;
		i++;
	} else {
		return false;
	}
	if (i < end &&
		(nft_token_is(p, i, "map") || nft_token_is(p, i, "&") || nft_token_is(p, i, "|") ||
			nft_token_is(p, i, "^") || nft_token_is(p, i, ".")))
		return false;
	*at = i;
	return true;
}

/* Statements that are only text for us; returns where they end, or at. */
static size_t skip_fixed(struct nft_parser *p, size_t at, size_t end, enum statement_kind *ret)
{
	static const struct {
		const char *words[5];
		size_t n_words, n_values;
		enum statement_kind kind;
	} forms[] = {
		{ { "notrack" }, 1, 0, STATEMENT_NOTRACK },
		{ { "counter", "name" }, 2, 1, STATEMENT_COUNTER },
		{ { "quota", "name" }, 2, 1, STATEMENT_LIMIT },
		{ { "ct", "count", "over" }, 3, 1, STATEMENT_LIMIT },
		{ { "ct", "count" }, 2, 1, STATEMENT_LIMIT },
		{ { "ct", "helper", "set" }, 3, 1, STATEMENT_OTHER },
		{ { "ct", "timeout", "set" }, 3, 1, STATEMENT_OTHER },
		{ { "meta", "nftrace", "set" }, 3, 1, STATEMENT_OTHER },
		{ { "meta", "priority", "set" }, 3, 1, STATEMENT_OTHER },
		{ { "flow", "add" }, 2, 1, STATEMENT_OTHER },
		{ { "tcp", "option", "maxseg", "size", "set" }, 5, 1, STATEMENT_OTHER },
	};

	for (size_t f = 0; f < N_OF(forms); f++) {
		size_t i = 0;

		while (i < forms[f].n_words && at + i < end &&
			nft_token_is(p, at + i, forms[f].words[i]))
			i++;
		i += forms[f].n_values;
		if (i < forms[f].n_words + forms[f].n_values || at + i > end)
			continue;
		*ret = forms[f].kind;
		if (forms[f].n_words == 5 && nft_token_is(p, at + 5, "rt"))
			i++;
		return at + i <= end ? at + i : at;
	}
	return at;
}

bool nft_parse_statement(struct nft_parser *p, size_t *at, size_t end, struct match *ret)
{
	struct statement statement = { 0 }, *copy;
	size_t i = *at;
	bool ok = false;

	if (nft_token_is(p, i, "log")) {
		statement.kind = STATEMENT_LOG;
		ok = skip_log(p, &i, end);
	} else if (nft_token_is(p, i, "limit")) {
		statement.kind = STATEMENT_LIMIT;
		ok = skip_limit(p, &i, end);
	} else if ((nft_token_is(p, i, "add") || nft_token_is(p, i, "update")) && i + 2 < end &&
		   p->tokens.items[i + 1].start[0] == '@') {
		i += 2;
		ok = skip_braces(p, &i, end);
		if (ok) {
			const char *text = nft_raw_text(p, *at, i);

			statement.kind = holds(text, "limit ") || holds(text, "ct count")
						 ? STATEMENT_LIMIT
						 : STATEMENT_SET_UPDATE;
		}
	} else {
		i = skip_fixed(p, *at, end, &statement.kind);
		ok = i > *at || parse_set_statement(p, &i, end, &statement);
	}
	if (!ok)
		return false;
	copy = arena_new_one(p->arena, struct statement);
	*copy = statement;
	copy->text = nft_raw_text(p, *at, i);
	*at = i;
	*ret = (struct match){ .kind = MATCH_NFT_DO, .statement = copy };
	return true;
}

/* ---- targets */

static void parse_nat_flags(struct nft_parser *p, size_t at, size_t *end, struct nft_nat *nat)
{
	while (*end > at) {
		bool *flag = nft_token_is(p, *end - 1, "random")	 ? &nat->is_random
			     : nft_token_is(p, *end - 1, "fully-random") ? &nat->is_fully_random
			     : nft_token_is(p, *end - 1, "persistent")	 ? &nat->is_persistent
									 : NULL;

		if (!flag)
			return;
		*flag = true;
		(*end)--;
		if (*end > at && nft_token_is(p, *end - 1, ","))
			(*end)--;
	}
}

static bool parse_port_part(const char *text, struct nft_nat *nat)
{
	char *dash = strchr(text, '-');
	uint32_t min, max;

	if (dash)
		*dash = '\0';
	if (!text_to_u32(text, 0, UINT16_MAX, &min))
		return false;
	max = min;
	if (dash && !text_to_u32(dash + 1, min, UINT16_MAX, &max))
		return false;
	nat->has_ports = true;
	nat->port_min = (uint16_t)min;
	nat->port_max = (uint16_t)max;
	return true;
}

static bool parse_addr_part(struct nft_parser *p, char *text, struct nft_nat *nat)
{
	struct nft_value value;
	enum nft_type type;

	if (*text == '[' && text[strlen(text) - 1] == ']') {
		text++;
		text[strlen(text) - 1] = '\0';
	}
	type = strchr(text, ':') ? NFT_TYPE_IPV6 : NFT_TYPE_IPV4;
	if (!nft_value_parse(p->scratch, p->scratch, type, text, &value) || value.is_any)
		return false;
	nat->addr_min.family = nat->addr_max.family =
		type == NFT_TYPE_IPV6 ? FAMILY_IPV6 : FAMILY_IPV4;
	for (size_t i = 0; i < (type == NFT_TYPE_IPV6 ? 16 : 4); i++) {
		nat->addr_min.bytes[i] = value.min.bytes[i + (type == NFT_TYPE_IPV6 ? 0 : 12)];
		nat->addr_max.bytes[i] = value.max.bytes[i + (type == NFT_TYPE_IPV6 ? 0 : 12)];
	}
	nat->has_addr = true;
	return true;
}

/* "10.0.0.1", "10.0.0.1-10.0.0.9:80-90", "[fe80::1]:80", ":80" */
static bool parse_nat_constant(struct nft_parser *p, size_t at, struct nft_nat *nat)
{
	char *text = arena_strdup(p->scratch, token_text(p, at));
	char *bracket = strrchr(text, ']'), *colon = strrchr(text, ':');

	if (colon && (colon == text || strchr(text, ':') == colon ||
			     (bracket && bracket + 1 == colon))) {
		*colon = '\0';
		if (!parse_port_part(colon + 1, nat))
			return false;
	}
	return !*text || parse_addr_part(p, text, nat);
}

static bool parse_nat_lookup(
	struct nft_parser *p, size_t at, size_t end, bool is_v6, bool has_port, struct nft_nat *nat)
{
	struct nft_lookup *lookup = arena_new_one(p->arena, struct nft_lookup);
	enum nft_type *types = arena_new_array(p->arena, enum nft_type, 2);

	types[0] = is_v6 ? NFT_TYPE_IPV6 : NFT_TYPE_IPV4;
	types[1] = NFT_TYPE_PORT;
	if (!nft_parse_keys(p, &at, end, &lookup->keys) || at >= end || !nft_token_is(p, at, "map"))
		return false;
	at++;
	if (!parse_set_ref(p, &at, end, &lookup->keys, types, has_port ? 2 : 1, &lookup->set_name,
		    &lookup->set) ||
		at != end)
		return false;
	nat->lookup = lookup;
	return true;
}

/*
 * "snat ip to ip saddr", "dnat ip6 to ip6 daddr", in tables of one family "snat to ip saddr": a packet gets
 * the address that it has.
 */
static bool parse_nat_identity(
	const struct nft_parser *p, size_t at, size_t end, struct nft_nat *nat)
{
	enum family family = nat->family == FAMILY_INET ? p->table->family : nat->family;

	if (at + 2 != end || (nat->kind != NFT_SNAT && nat->kind != NFT_DNAT) ||
		(family != FAMILY_IPV4 && family != FAMILY_IPV6) ||
		!nft_token_is(p, at, family == FAMILY_IPV6 ? "ip6" : "ip") ||
		!nft_token_is(p, at + 1, nat->kind == NFT_SNAT ? "saddr" : "daddr"))
		return false;
	nat->is_identity = true;
	return true;
}

static bool parse_nat_to(
	struct nft_parser *p, size_t at, size_t end, bool has_port, struct nft_nat *nat)
{
	bool is_v6 = nat->family == FAMILY_IPV6 || p->table->family == FAMILY_IPV6;
	bool is_constant = at + 1 == end && parse_nat_constant(p, at, nat);

	if (nat->is_prefix)
		return is_constant && nat->has_addr && !nat->has_ports;
	return is_constant || parse_nat_identity(p, at, end, nat) ||
	       parse_nat_lookup(p, at, end, is_v6, has_port, nat);
}

static bool parse_nat(struct nft_parser *p, size_t at, size_t end, struct target *ret)
{
	static const char *const words[] = { [NFT_SNAT] = "snat",
		[NFT_DNAT] = "dnat",
		[NFT_MASQUERADE] = "masquerade",
		[NFT_REDIRECT] = "redirect" };
	struct nft_nat *nat = arena_new_one(p->arena, struct nft_nat);
	size_t kind = 0, from = at;
	bool has_port = false;

	while (kind < N_OF(words) && !nft_token_is(p, at, words[kind]))
		kind++;
	if (kind == N_OF(words))
		return false;
	*nat = (struct nft_nat){ .kind = (enum nft_nat_kind)kind, .family = FAMILY_INET };
	nat->text = nft_raw_text(p, from, end);
	*ret = (struct target){ .kind = TARGET_NFT_NAT, .nat = nat };
	at++;
	parse_nat_flags(p, at, &end, nat);
	if (at < end && (nft_token_is(p, at, "ip") || nft_token_is(p, at, "ip6"))) {
		nat->family = nft_token_is(p, at, "ip6") ? FAMILY_IPV6 : FAMILY_IPV4;
		at++;
	}
	if (at < end && nft_token_is(p, at, "prefix")) {
		nat->is_prefix = true;
		at++;
	}
	if (at + 2 < end && nft_token_is(p, at, "addr") && nft_token_is(p, at + 1, ".") &&
		nft_token_is(p, at + 2, "port")) {
		has_port = true;
		at += 3;
	}
	if (at == end)
		nat->is_known = kind >= NFT_MASQUERADE;
	else if (at + 1 < end && nft_token_is(p, at, "to"))
		nat->is_known = parse_nat_to(p, at + 1, end, has_port, nat);
	return true;
}

static bool parse_vmap_target(struct nft_parser *p, size_t at, size_t end, struct target *ret)
{
	static const enum nft_type verdict[] = { NFT_TYPE_VERDICT };
	struct nft_lookup *lookup = arena_new_one(p->arena, struct nft_lookup);
	struct text printed CLEANUP(text_done) = TEXT_INIT;
	size_t from = at;

	if (!nft_parse_keys(p, &at, end, &lookup->keys) || at >= end ||
		!nft_token_is(p, at, "vmap"))
		return false;
	at++;
	if (!parse_set_ref(
		    p, &at, end, &lookup->keys, verdict, 1, &lookup->set_name, &lookup->set) ||
		at != end)
		return false;
	*ret = (struct target){ .kind = TARGET_NFT_VMAP, .lookup = lookup };
	target_print_nft(&printed, ret);
	return strcmp(printed.data, nft_raw_text(p, from, end)) == 0;
}

bool nft_parse_target(struct nft_parser *p, size_t at, size_t end, struct target *ret)
{
	static const struct {
		const char *word;
		enum target_kind kind;
	} words[] = { { "reject", TARGET_NFT_REJECT }, { "queue", TARGET_NFT_QUEUE },
		{ "tproxy", TARGET_NFT_TAKEN }, { "synproxy", TARGET_NFT_TAKEN },
		{ "fwd", TARGET_NFT_TAKEN } };
	struct target target;

	if (at + 1 == end && nft_token_is(p, at, "continue")) {
		*ret = (struct target){ .kind = TARGET_NFT_CONTINUE };
		return true;
	}
	for (size_t i = 0; i < N_OF(words); i++) {
		if (!nft_token_is(p, at, words[i].word))
			continue;
		*ret = (struct target){ .kind = words[i].kind, .text = nft_raw_text(p, at, end) };
		return true;
	}
	if (!parse_nat(p, at, end, &target) && !parse_vmap_target(p, at, end, &target))
		return false;
	*ret = target;
	return true;
}
