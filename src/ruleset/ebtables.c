// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ebtables-save text, of the legacy program and of ebtables-nft. Its tables have no COMMIT, its
 * chains no counters, a "!" stands behind its option, and a chain of one's own has a policy too: that is
 * kept as a last rule which is not printed. What is read prints as it was written; what is not
 * modelled is carried as text.
 */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "ruleset/ebtables.h"
#include "ruleset/iptables.h"
#include "ruleset/print.h"

bool table_is_ebtables(const struct table *table)
{
	return table->source == SOURCE_EBTABLES || table->source == SOURCE_EBTABLES_LEGACY;
}

static struct field_value all_ones(void)
{
	struct field_value value;

	memset(value.bytes, 0xff, sizeof(value.bytes));
	return value;
}

static struct field_value of_bytes(const uint8_t *bytes, size_t n)
{
	struct field_value value = { 0 };

	memcpy(value.bytes + sizeof(value.bytes) - n, bytes, n);
	return value;
}

static void and_mask(struct ebt_match *match)
{
	for (size_t i = 0; i < sizeof(match->min.bytes); i++)
		match->min.bytes[i] &= match->mask.bytes[i];
	match->max = match->min;
}

/* ---- values; false: not understood ---- */

/* "0:1:2:3:4:5", digits may be missing. */
static bool parse_mac(const char *text, size_t len, struct mac *ret)
{
	size_t at = 0;

	for (size_t i = 0; i < sizeof(ret->bytes); i++) {
		unsigned value = 0, n = 0;

		for (; at < len && strchr("0123456789abcdefABCDEF", text[at]) && n < 2; at++, n++)
			value = value * 16 + (unsigned)(text[at] <= '9'
								? text[at] - '0'
								: (text[at] | 0x20) - 'a' + 10);
		if (!n || (i < 5 && (at >= len || text[at++] != ':')))
			return false;
		ret->bytes[i] = (uint8_t)value;
	}
	return at == len;
}

static bool value_mac(const char *text, struct ebt_match *ret)
{
	static const struct {
		const char *name;
		struct mac mac, mask;
	} names[] = {
		{ "Unicast", { { 0 } }, { { 1 } } },
		{ "Multicast", { { 1 } }, { { 1 } } },
		{ "Broadcast", { { 255, 255, 255, 255, 255, 255 } },
			{ { 255, 255, 255, 255, 255, 255 } } },
		{ "BGA", { { 1, 0x80, 0xc2 } }, { { 255, 255, 255, 255, 255, 255 } } },
	};
	const char *slash = strchr(text, '/');
	struct mac mac, mask = { { 255, 255, 255, 255, 255, 255 } };

	for (size_t i = 0; i < N_OF(names); i++) {
		if (strcmp(names[i].name, text) != 0)
			continue;
		ret->min = of_bytes(names[i].mac.bytes, 6);
		ret->mask = of_bytes(names[i].mask.bytes, 6);
		and_mask(ret);
		return true;
	}
	if (!parse_mac(text, slash ? (size_t)(slash - text) : strlen(text), &mac) ||
		(slash && !parse_mac(slash + 1, strlen(slash + 1), &mask)))
		return false;
	ret->min = of_bytes(mac.bytes, 6);
	ret->mask = of_bytes(mask.bytes, 6);
	and_mask(ret);
	return true;
}

static bool value_addr(const char *text, enum family family, struct ebt_match *ret)
{
	const struct iptables_parser of_family = { .family = family };
	size_t n = family == FAMILY_IPV4 ? 4 : 16;
	struct masked_addr masked;

	if (!iptables_masked_addr(&of_family, text, &masked))
		return false;
	ret->min = ret->max = of_bytes(masked.addr.bytes, n);
	ret->mask = of_bytes(masked.mask.bytes, n);
	return true;
}

static bool value_range(const char *text, uint32_t max_value, struct ebt_match *ret)
{
	uint32_t min, max;

	if (!iptables_number_range(text, ':', &min, &max) || max > max_value)
		return false;
	ret->min = field_value_of_number(min);
	ret->max = field_value_of_number(max);
	return true;
}

static bool value_proto(const char *text, struct ebt_match *ret)
{
	uint8_t proto;

	if (!xt_proto_number(text, &proto))
		return false;
	ret->min = ret->max = field_value_of_number(proto);
	return true;
}

static bool value_ethertype(const char *text, struct ebt_match *ret)
{
	static const struct {
		const char *name;
		uint16_t type;
	} names[] = { { "IPv4", ETHERTYPE_IPV4 }, { "ARP", ETHERTYPE_ARP },
		{ "RARP", ETHERTYPE_RARP }, { "IPv6", ETHERTYPE_IPV6 },
		{ "802_1Q", ETHERTYPE_VLAN }, { "PPP_SES", ETHERTYPE_PPPOE },
		{ "0x88a8", ETHERTYPE_QINQ } };
	size_t len = strlen(text);
	uint32_t number;

	if (strcmp(text, "Length") == 0 || strcmp(text, "LENGTH") == 0) {
		ret->max = field_value_of_number(0x5ff);
		return true;
	}
	for (size_t i = 0; i < N_OF(names); i++) {
		size_t at;

		if (!iptables_name_in(text, len, &names[i].name, 1, &at))
			continue;
		ret->min = ret->max = field_value_of_number(names[i].type);
		return true;
	}
	/* numbers are hexadecimal, with 0x or without */
	if (!iptables_number(&text, &number) || *text || number > UINT16_MAX || len < 6)
		return false;
	ret->min = ret->max = field_value_of_number(number);
	return true;
}

static bool value_pkttype(const char *text, struct ebt_match *ret)
{
	static const char *const names[] = { "host", "broadcast", "multicast", "otherhost" };
	size_t i;

	if (!iptables_name_in(text, strlen(text), names, N_OF(names), &i))
		return false;
	ret->min = ret->max = field_value_of_number(i);
	return true;
}

static bool value_arp_op(const char *text, struct ebt_match *ret)
{
	static const char *const names[] = { "Request", "Reply" };
	uint32_t number;
	size_t i;

	if (iptables_name_in(text, strlen(text), names, N_OF(names), &i))
		number = (uint32_t)i + 1;
	else if (!iptables_number(&text, &number) || *text || number > UINT16_MAX)
		return false;
	ret->min = ret->max = field_value_of_number(number);
	return true;
}

/* "0x5", "0x5/0xff"; "/0x3": any of these bits. */
static bool value_mark(const char *text, struct ebt_match *ret)
{
	uint32_t value = 0, mask = UINT32_MAX;

	if (*text == '/') {
		text++;
		if (!iptables_number(&text, &mask) || *text)
			return false;
		ret->min = field_value_of_number(1);
		ret->max = field_value_of_number(UINT32_MAX);
	} else {
		if (!iptables_masked_number(text, UINT32_MAX, &value, &mask))
			return false;
		ret->min = ret->max = field_value_of_number(value);
	}
	ret->mask = field_value_of_number(mask);
	return true;
}

/* What every frame of Ethernet has that portwall knows: nothing is asked. */
static bool value_fixed(const char *text, uint32_t expected)
{
	uint32_t number;

	return iptables_number(&text, &number) && !*text && number == expected;
}

static bool parse_value(const char *option, const char *text, struct ebt_match *ret)
{
	static const struct {
		const char *name;
		enum field field;
		uint16_t ethertype;
		enum { MAC, IPV4, IPV6, PORT, BYTE, PROTO, TYPE, PKT, OP, MARK, VLAN } as;
	} options[] = {
		{ "-p", FIELD_ETHERTYPE, 0, TYPE },
		{ "-s", FIELD_ETH_SRC, 0, MAC },
		{ "-d", FIELD_ETH_DST, 0, MAC },
		{ "--ip-src", FIELD_SRC, ETHERTYPE_IPV4, IPV4 },
		{ "--ip-dst", FIELD_DST, ETHERTYPE_IPV4, IPV4 },
		{ "--ip-proto", FIELD_PROTO, ETHERTYPE_IPV4, PROTO },
		{ "--ip-tos", FIELD_TOS, ETHERTYPE_IPV4, BYTE },
		{ "--ip-sport", FIELD_SPORT, ETHERTYPE_IPV4, PORT },
		{ "--ip-dport", FIELD_DPORT, ETHERTYPE_IPV4, PORT },
		{ "--ip6-src", FIELD_SRC, ETHERTYPE_IPV6, IPV6 },
		{ "--ip6-dst", FIELD_DST, ETHERTYPE_IPV6, IPV6 },
		{ "--ip6-proto", FIELD_PROTO, ETHERTYPE_IPV6, PROTO },
		{ "--ip6-tclass", FIELD_TOS, ETHERTYPE_IPV6, BYTE },
		{ "--ip6-sport", FIELD_SPORT, ETHERTYPE_IPV6, PORT },
		{ "--ip6-dport", FIELD_DPORT, ETHERTYPE_IPV6, PORT },
		{ "--arp-op", FIELD_ARP_OP, ETHERTYPE_ARP, OP },
		{ "--arp-opcode", FIELD_ARP_OP, ETHERTYPE_ARP, OP },
		{ "--arp-ip-src", FIELD_ARP_SPA, ETHERTYPE_ARP, IPV4 },
		{ "--arp-ip-dst", FIELD_ARP_TPA, ETHERTYPE_ARP, IPV4 },
		{ "--arp-mac-src", FIELD_ARP_SHA, ETHERTYPE_ARP, MAC },
		{ "--arp-mac-dst", FIELD_ARP_THA, ETHERTYPE_ARP, MAC },
		{ "--vlan-id", FIELD_VLAN_ID, ETHERTYPE_VLAN, VLAN },
		{ "--pkttype-type", FIELD_PKTTYPE, 0, PKT },
		{ "--mark", FIELD_MARK, 0, MARK },
	};

	ret->mask = all_ones();
	if ((strcmp(option, "--arp-htype") == 0 && value_fixed(text, 1)) ||
		(strcmp(option, "--arp-ptype") == 0 && value_fixed(text, ETHERTYPE_IPV4))) {
		ret->field = FIELD_ETHERTYPE;
		ret->min = ret->max = field_value_of_number(ETHERTYPE_ARP);
		return true;
	}
	for (size_t i = 0; i < N_OF(options); i++) {
		if (strcmp(option, options[i].name) != 0)
			continue;
		ret->field = options[i].field;
		ret->ethertype = options[i].ethertype;
		switch (options[i].as) {
		case MAC:
			return value_mac(text, ret);
		case IPV4:
		case IPV6:
			return value_addr(
				text, options[i].as == IPV4 ? FAMILY_IPV4 : FAMILY_IPV6, ret);
		case PORT:
			return value_range(text, UINT16_MAX, ret);
		case BYTE:
			return !strchr(text, ':') && value_range(text, UINT8_MAX, ret);
		case VLAN:
			return !strchr(text, ':') && value_range(text, 4095, ret);
		case PROTO:
			return value_proto(text, ret);
		case TYPE:
			return value_ethertype(text, ret);
		case PKT:
			return value_pkttype(text, ret);
		case OP:
			return value_arp_op(text, ret);
		case MARK:
			return value_mark(text, ret);
		}
	}
	return false;
}

/* ---- rules ---- */

/* Where the option that starts at word at ends: at the next one. */
static size_t option_end(const struct iptables_parser *p, size_t at)
{
	const struct word *words = p->words.items;

	for (at++; at < p->words.n; at++) {
		bool is_not = iptables_is_word(&words[at], "!") && at + 1 < p->words.n;

		if (!words[at + is_not].is_quoted && words[at + is_not].value[0] == '-' &&
			words[at + is_not].value[1])
			return at;
	}
	return at;
}

static struct match opaque(struct iptables_parser *p, size_t at, size_t end)
{
	const char *name = p->words.items[at].value;

	if (strcmp(name, "!") == 0 && at + 1 < end)
		name = p->words.items[at + 1].value;
	return (struct match){ .kind = MATCH_OPAQUE,
		.text = iptables_raw(p, NULL, at, end),
		.module = iptables_intern(p, name) };
}

/* Words [at, end): an option with its "!", in front or behind, and its value. */
static struct match parse_match(struct iptables_parser *p, size_t at, size_t end)
{
	const struct word *words = p->words.items;
	bool is_before = iptables_is_word(&words[at], "!"), is_behind;
	const char *option = words[at + is_before].value;
	struct ebt_match match = { 0 }, *kept;
	struct match ret = { .kind = MATCH_EBT };
	size_t value;

	if (text_has_prefix(option, "--log") || text_has_prefix(option, "--nflog")) {
		match.field = text_has_prefix(option, "--logical") ? FIELD_MARK : N_FIELDS;
		if (match.field != N_FIELDS)
			return opaque(p, at, end);
	} else {
		value = at + is_before + 1;
		is_behind = value < end && iptables_is_word(&words[value], "!");
		value += is_behind;
		if (value + 1 != end || (is_before && is_behind))
			return opaque(p, at, end);
		ret.inverted = is_before || is_behind;
		if (strcmp(option, "-i") == 0 || strcmp(option, "-o") == 0) {
			ret.kind = option[1] == 'i' ? MATCH_IN_IFACE : MATCH_OUT_IFACE;
			ret.name = iptables_intern(p, words[value].value);
			return ret;
		}
		if (!parse_value(option, words[value].value, &match))
			return opaque(p, at, end);
	}
	kept = arena_new_one(p->arena, struct ebt_match);
	*kept = match;
	kept->text = iptables_raw(p, NULL, at, end);
	ret.ebt = kept;
	return ret;
}

static bool standard_target(const char *name, enum target_kind *ret)
{
	static const struct {
		const char *name;
		enum target_kind kind;
	} names[] = { { "ACCEPT", TARGET_ACCEPT }, { "DROP", TARGET_DROP },
		{ "RETURN", TARGET_RETURN }, { "CONTINUE", TARGET_NONE } };

	for (size_t i = 0; i < N_OF(names); i++) {
		if (strcmp(name, names[i].name) != 0)
			continue;
		*ret = names[i].kind;
		return true;
	}
	return false;
}

/* "mark --mark-set 0x5 --mark-target ACCEPT", "snat --to-src MAC [--snat-arp] --snat-target DROP" */
static bool parse_change(struct iptables_parser *p, size_t from, struct ebt_target *ret)
{
	static const char *const marks[] = { "--mark-set", "--mark-or", "--mark-and",
		"--mark-xor" };
	const struct word *words = p->words.items;
	bool has_value = false, is_mark = iptables_is_word(&words[from], "mark");
	bool is_snat = iptables_is_word(&words[from], "snat");

	if (!is_mark && !is_snat && !iptables_is_word(&words[from], "dnat"))
		return false;
	ret->change = is_snat ? EBT_SNAT : EBT_DNAT;
	ret->after = TARGET_ACCEPT;
	for (size_t i = from + 1; i < p->words.n; i++) {
		const char *option = words[i].value,
			   *value = i + 1 < p->words.n ? words[i + 1].value : "";
		size_t mark;

		if (is_snat && strcmp(option, "--snat-arp") == 0) {
			ret->has_arp = true;
			continue;
		}
		i++;
		if (is_mark &&
			iptables_name_in(option, strlen(option), marks, N_OF(marks), &mark)) {
			ret->change = (enum ebt_change)(EBT_MARK_SET + mark);
			if (!iptables_number(&value, &ret->mark) || *value)
				return false;
			has_value = true;
		} else if (!is_mark && (strcmp(option, is_snat ? "--to-src" : "--to-dst") == 0 ||
					       strcmp(option, is_snat ? "--to-source"
								      : "--to-destination") == 0)) {
			if (!parse_mac(value, strlen(value), &ret->mac))
				return false;
			has_value = true;
		} else if (strcmp(option, is_mark   ? "--mark-target"
					  : is_snat ? "--snat-target"
						    : "--dnat-target") != 0 ||
			   !standard_target(value, &ret->after)) {
			return false;
		}
	}
	return has_value;
}

static struct target parse_target(struct iptables_parser *p, size_t from, size_t end)
{
	const struct word *word = &p->words.items[from];
	struct ebt_target change = { 0 }, *kept;
	const struct chain *chain;
	enum target_kind kind;
	/* in broute, DROP hands the frame to routing */
	bool is_broute = strcmp(p->table->name, "broute") == 0;

	if (end == from + 1 && !word->is_quoted) {
		if (standard_target(word->value, &kind) && !(kind == TARGET_DROP && is_broute))
			return (struct target){ .kind = kind == TARGET_NONE ? TARGET_CONTINUE
									    : kind,
				.text = "CONTINUE",
				.name = "CONTINUE" };
		chain = table_chain(p->table, word->value);
		if (chain)
			return (struct target){ .kind = TARGET_JUMP, .chain = chain->name };
	}
	if (!is_broute && end == p->words.n && parse_change(p, from, &change)) {
		kept = arena_new_one(p->arena, struct ebt_target);
		*kept = change;
		kept->text = iptables_raw(p, NULL, from, end);
		return (struct target){ .kind = TARGET_EBT, .ebt = kept };
	}
	return (struct target){ .kind = TARGET_OPAQUE,
		.text = iptables_raw(p, NULL, from, end),
		.name = iptables_intern(p, word->value) };
}

static struct chain *chain_find(struct iptables_parser *p, const char *name)
{
	const struct chain *found = table_chain(p->table, name);

	return found ? &p->table->chains[found - p->table->chains] : NULL;
}

static bool parse_u64(const char **at, char end, uint64_t *ret)
{
	char *rest;

	if (**at < '0' || **at > '9')
		return false;
	*ret = strtoull(*at, &rest, 10);
	if (*rest != end)
		return false;
	*at = rest + (end != 0);
	return true;
}

/* In front "[1:60]"; behind, as the legacy program has it, "-c 1 60". */
static bool take_counters(struct iptables_parser *p, size_t *at, struct rule *rule, struct err *err)
{
	const struct word *words = p->words.items;
	const char *value = words[0].value + 1, *packets, *bytes;

	if (words[0].value[0] == '[' && !words[0].is_quoted) {
		if (!parse_u64(&value, ':', &rule->counters.packets) ||
			!parse_u64(&value, ']', &rule->counters.bytes) || *value)
			return iptables_fail(p, err, 0, "these are no counters");
		p->table->has_rule_counters = true;
		*at = 1;
	}
	if (p->words.n < *at + 5 || !iptables_is_word(&words[p->words.n - 3], "-c"))
		return true;
	packets = words[p->words.n - 2].value;
	bytes = words[p->words.n - 1].value;
	if (!parse_u64(&packets, '\0', &rule->counters.packets) ||
		!parse_u64(&bytes, '\0', &rule->counters.bytes))
		return iptables_fail(p, err, p->words.n - 2, "these are no counters");
	rule->has_counter = true;
	p->words.n -= 3;
	return true;
}

static bool parse_rule(struct iptables_parser *p, bool has_space_behind, struct err *err)
{
	const struct word *words = p->words.items;
	struct rule rule = { .line = p->line, .has_space_behind = has_space_behind };
	struct chain *chain;
	size_t at = 0, end;

	if (!p->table)
		return iptables_fail(p, err, 0, "a rule outside of a table");
	if (!take_counters(p, &at, &rule, err))
		return false;
	if (at + 2 > p->words.n || !iptables_is_word(&words[at], "-A"))
		return iptables_fail(p, err, at, "expected -A and a chain, not \"%s\"",
			at < p->words.n ? words[at].value : "");
	chain = chain_find(p, words[at + 1].value);
	if (!chain)
		return iptables_fail(
			p, err, at + 1, "chain %s is not declared", words[at + 1].value);
	if (++p->n_rules > LIMIT_RULESET_RULES)
		return err_limit(
			err, "%s:%u:1: more than %d rules", p->name, p->line, LIMIT_RULESET_RULES);
	p->matches.n = 0;
	for (at += 2; at < p->words.n; at = end) {
		end = option_end(p, at);
		if (iptables_is_word(&words[at], "-j")) {
			if (end == at + 1)
				return iptables_fail(p, err, at, "no target behind -j");
			/* a target's options are all that follows */
			rule.target = parse_target(p, at + 1, p->words.n);
			break;
		}
		if (words[at].value[0] != '-' && !iptables_is_word(&words[at], "!"))
			return iptables_fail(p, err, at, "unexpected \"%s\"", words[at].value);
		*vec_push(&p->matches, p->scratch) = parse_match(p, at, end);
	}
	if (p->matches.n) {
		rule.matches = arena_new_array(p->arena, struct match, p->matches.n);
		memcpy(rule.matches, p->matches.items, p->matches.n * sizeof(struct match));
		rule.n_matches = p->matches.n;
	}
	*chain_add_rule(p->arena, chain) = rule;
	return true;
}

/* ":CHAIN POLICY" */
static bool parse_chain(struct iptables_parser *p, struct err *err)
{
	static const char *const built_in[] = { "PREROUTING", "INPUT", "FORWARD", "OUTPUT",
		"POSTROUTING", "BROUTING" };
	const struct word *words = p->words.items;
	enum target_kind policy;
	struct chain *chain;

	if (!p->table)
		return iptables_fail(p, err, 0, "a chain outside of a table");
	if (p->words.n != 2 || !iptables_is_name(words[0].value + 1))
		return iptables_fail(p, err, 0, "expected a chain and its policy");
	if (!standard_target(words[1].value, &policy))
		return iptables_fail(p, err, 1, "%s is no policy", words[1].value);
	chain = table_add_chain(p->arena, p->table, words[0].value + 1);
	for (size_t i = 0; i < N_OF(built_in); i++)
		chain->is_base |= strcmp(chain->name, built_in[i]) == 0;
	chain->policy = iptables_intern(p, words[1].value);
	chain->line = p->line;
	return true;
}

/* The policies of chains of one's own, which no hook asks for. */
static void add_policies(struct arena *arena, struct table *table)
{
	for (size_t c = 0; c < table->n_chains; c++) {
		struct chain *chain = &table->chains[c];
		enum target_kind policy = TARGET_NONE;
		bool is_broute = strcmp(table->name, "broute") == 0;

		standard_target(chain->policy, &policy);
		if ((chain->is_base && !(is_broute && policy == TARGET_DROP)) ||
			policy == TARGET_NONE || policy == TARGET_RETURN)
			continue;
		*chain_add_rule(arena, chain) = (struct rule){
			.line = chain->line, .is_policy = true, .target = { .kind = policy }
		};
		if (is_broute && policy == TARGET_DROP)
			chain->rules[chain->n_rules - 1].target = (struct target){
				.kind = TARGET_OPAQUE, .text = "DROP", .name = "DROP"
			};
	}
}

static bool parse_line(struct iptables_parser *p, bool has_space_behind, struct err *err)
{
	const struct word *first = p->words.items;

	switch (first->is_quoted ? '"' : first->value[0]) {
	case '*':
		if (p->words.n != 1 || !first->value[1])
			return iptables_fail(p, err, 0, "expected the name of a table");
		for (size_t i = 0; i < p->rs->n_tables; i++)
			if (p->rs->tables[i].source == p->source &&
				strcmp(p->rs->tables[i].name, first->value + 1) == 0)
				return iptables_fail(
					p, err, 0, "table %s is there twice", first->value + 1);
		p->table = ruleset_add_table_from(
			p->arena, p->rs, p->source, p->family, first->value + 1);
		p->table->line = p->line;
		return true;
	case ':':
		return parse_chain(p, err);
	default:
		return parse_rule(p, has_space_behind, err);
	}
}

bool ruleset_parse_ebtables(struct arena *arena, struct ruleset *rs, enum table_source source,
	const char *name, const char *text, struct err *err)
{
	struct arena *scratch CLEANUP(arena_freep) = arena_new();
	struct iptables_parser p = { .arena = arena,
		.rs = rs,
		.source = source,
		.family = FAMILY_BRIDGE,
		.name = name,
		.line_text = TEXT_INIT,
		.scratch = scratch,
		.interned = map_new(arena) };
	bool ok = true;

	for (const char *end; ok && *text; text = end + (*end == '\n')) {
		size_t len;

		end = text + strcspn(text, "\n");
		len = (size_t)(end - text);
		p.line++;
		p.line_start = text;
		if (*text == '#')
			iptables_keep_remark(&p, text, len);
		else if (len > LIMIT_RULESET_LINE)
			ok = err_limit(err, "%s:%u:1: a line of more than %zu bytes", name, p.line,
				LIMIT_RULESET_LINE);
		else
			ok = iptables_split(&p, text, len, err) &&
			     (!p.words.n || parse_line(&p, text[len - 1] == ' ', err));
	}
	for (size_t i = 0; ok && i < rs->n_tables; i++)
		if (rs->tables[i].source == source)
			add_policies(arena, &rs->tables[i]);
	text_done(&p.line_text);
	return ok;
}

/* ---- print ---- */

void rule_print_ebtables(struct text *out, const struct rule *rule)
{
	const struct target *target = &rule->target;

	for (size_t i = 0; i < rule->n_matches; i++) {
		const struct match *match = &rule->matches[i];

		if (match->kind == MATCH_EBT)
			text_addf(out, " %s", match->ebt->text);
		else if (match->kind == MATCH_OPAQUE)
			text_addf(out, " %s", match->text);
		else
			text_addf(out, " %s %s%s", match->kind == MATCH_IN_IFACE ? "-i" : "-o",
				match->inverted ? "! " : "", match->name);
	}
	switch (target->kind) {
	case TARGET_NONE:
		break;
	case TARGET_ACCEPT:
		text_add(out, " -j ACCEPT");
		break;
	case TARGET_DROP:
		text_add(out, " -j DROP");
		break;
	case TARGET_RETURN:
		text_add(out, " -j RETURN");
		break;
	case TARGET_JUMP:
		text_addf(out, " -j %s", target->chain);
		break;
	case TARGET_EBT:
		text_addf(out, " -j %s", target->ebt->text);
		break;
	default:
		text_addf(out, " -j %s", target->text);
		break;
	}
}
