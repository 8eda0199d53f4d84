// SPDX-License-Identifier: GPL-2.0-or-later
/* The modules that ask conntrack, and marks: state, conntrack, connmark, mark. */
#include <string.h>

#include "ruleset/iptables.h"

static bool parse_states(const char *text, bool is_conntrack, unsigned *ret)
{
	static const char *const names[] = { "INVALID", "NEW", "RELATED", "ESTABLISHED",
		"UNTRACKED", "SNAT", "DNAT" };
	static const unsigned states[] = { CT_INVALID, CT_NEW, CT_RELATED, CT_ESTABLISHED,
		CT_UNTRACKED, CT_STATE_SNAT, CT_STATE_DNAT };
	size_t n = is_conntrack ? N_OF(names) : 5, i;
	unsigned found = 0;

	for (;; text++) {
		size_t len = strcspn(text, ",");

		if (!iptables_name_in(text, len, names, n, &i))
			return false;
		found |= states[i];
		text += len;
		if (!*text)
			break;
	}
	*ret = found;
	return true;
}

size_t iptables_parse_state(struct iptables_parser *p, const struct module *module)
{
	struct match match = { .kind = MATCH_CT_STATE };
	struct option option;

	if (!iptables_option_at(p, module->from, module->end, &option) || !option.value ||
		!option_is(&option, "--state") ||
		!parse_states(option.value, false, &match.ct_states))
		return module->from;
	match.inverted = option.inverted;
	iptables_add_match(p, &match);
	return option.after;
}

static bool parse_status(const char *text, unsigned *ret)
{
	static const char *const names[] = { "EXPECTED", "SEEN_REPLY", "ASSURED", "CONFIRMED",
		"NONE" };
	unsigned status = 0;
	size_t i;

	for (;; text++) {
		size_t len = strcspn(text, ",");

		if (!iptables_name_in(text, len, names, N_OF(names), &i))
			return false;
		status |= i < 4 ? 1u << i : 0;
		text += len;
		if (!*text)
			break;
	}
	*ret = status;
	return true;
}

static bool parse_direction(const char *text, bool *ret)
{
	static const char *const names[] = { "ORIGINAL", "REPLY" };
	size_t i;

	if (!iptables_name_in(text, strlen(text), names, N_OF(names), &i))
		return false;
	*ret = i == 1;
	return true;
}

/* xt_conntrack's options, in the order in which they are printed. */
enum ct_option {
	OPTION_STATE,
	OPTION_PROTO,
	OPTION_ORIG_SRC,
	OPTION_ORIG_DST,
	OPTION_REPL_SRC,
	OPTION_REPL_DST,
	OPTION_ORIG_SPORT,
	OPTION_ORIG_DPORT,
	OPTION_REPL_SPORT,
	OPTION_REPL_DPORT,
	OPTION_STATUS,
	OPTION_DIR,
	N_CT_OPTIONS,
};
static const char *const ct_options[N_CT_OPTIONS] = { "--ctstate", "--ctproto", "--ctorigsrc",
	"--ctorigdst", "--ctreplsrc", "--ctrepldst", "--ctorigsrcport", "--ctorigdstport",
	"--ctreplsrcport", "--ctrepldstport", "--ctstatus", "--ctdir" };

static bool parse_ct_option(struct iptables_parser *p, enum ct_option which,
	const struct option *option, struct match *match)
{
	static const enum match_kind kinds[N_CT_OPTIONS] = { MATCH_CT_STATE, MATCH_CT_PROTO,
		MATCH_CT_ADDR, MATCH_CT_ADDR, MATCH_CT_ADDR, MATCH_CT_ADDR, MATCH_CT_PORT,
		MATCH_CT_PORT, MATCH_CT_PORT, MATCH_CT_PORT, MATCH_CT_STATUS, MATCH_CT_DIR };
	const char *value = option->value;
	struct masked_addr masked, *kept;

	*match = (struct match){ .kind = kinds[which], .inverted = option->inverted };
	switch (match->kind) {
	case MATCH_CT_STATE:
		match->is_conntrack = true;
		return parse_states(value, true, &match->ct_states);
	case MATCH_CT_PROTO:
		return iptables_proto_number(p, value, &match->ct.proto);
	case MATCH_CT_ADDR:
		match->ct.of = (enum ct_tuple)(which - OPTION_ORIG_SRC);
		if (!iptables_masked_addr(p, value, &masked))
			return false;
		kept = arena_new_one(p->arena, struct masked_addr);
		*kept = masked;
		match->ct.masked = kept;
		return true;
	case MATCH_CT_PORT:
		match->ct.of = (enum ct_tuple)(which - OPTION_ORIG_SPORT);
		return iptables_range(p, value, strlen(value), ':', false, &match->ct.range);
	case MATCH_CT_STATUS:
		return parse_status(value, &match->ct.status);
	default:
		return !option->inverted && parse_direction(value, &match->ct.is_reply);
	}
}

size_t iptables_parse_conntrack(struct iptables_parser *p, const struct module *module)
{
	struct match found[N_CT_OPTIONS];
	bool is_found[N_CT_OPTIONS] = { false };
	size_t at = module->from, n_before = p->matches.n;
	struct option option;

	while (iptables_option_at(p, at, module->end, &option) && option.value) {
		size_t i = 0;

		while (i < N_CT_OPTIONS && !option_is(&option, ct_options[i]))
			i++;
		if (i == N_CT_OPTIONS || is_found[i] ||
			!parse_ct_option(p, (enum ct_option)i, &option, &found[i]))
			break;
		is_found[i] = true;
		at = option.after;
	}
	for (size_t i = 0; i < N_CT_OPTIONS; i++) {
		if (!is_found[i])
			continue;
		found[i].is_continued = p->matches.n != n_before;
		iptables_add_match(p, &found[i]);
	}
	return at;
}

/* -m mark and -m connmark */
size_t iptables_parse_mark(struct iptables_parser *p, const struct module *module)
{
	struct match match = { .kind = strcmp(module->name, "mark") == 0 ? MATCH_MARK
									 : MATCH_CT_MARK };
	struct option option;

	if (!iptables_option_at(p, module->from, module->end, &option) ||
		option.after != module->end || !option.value || !option_is(&option, "--mark") ||
		!iptables_masked_number(
			option.value, UINT32_MAX, &match.ct_mark.value, &match.ct_mark.mask))
		return module->from;
	match.inverted = option.inverted;
	iptables_add_match(p, &match);
	return module->end;
}
