// SPDX-License-Identifier: GPL-2.0-or-later
/* The modules that ask what the host knows: bridge ports, routes, sockets, sets, IPsec. */
#include <string.h>

#include "ruleset/iptables.h"

size_t iptables_parse_physdev(struct iptables_parser *p, const struct module *module)
{
	static const struct {
		const char *name;
		enum match_kind kind;
		bool has_name;
	} options[] = { { "--physdev-is-in", MATCH_PHYSDEV_IS_IN, false },
		{ "--physdev-in", MATCH_PHYSDEV_IN, true },
		{ "--physdev-is-out", MATCH_PHYSDEV_IS_OUT, false },
		{ "--physdev-out", MATCH_PHYSDEV_OUT, true },
		{ "--physdev-is-bridged", MATCH_PHYSDEV_BRIDGED, false } };
	struct match found[N_OF(options)];
	bool is_found[N_OF(options)] = { false };
	size_t at = module->from, n_before = p->matches.n;
	struct option option;

	while (iptables_option_at(p, at, module->end, &option)) {
		size_t i = 0;

		while (i < N_OF(options) && !option_is(&option, options[i].name))
			i++;
		if (i == N_OF(options) || is_found[i])
			break;
		if (options[i].has_name && (!option.value || !iptables_is_name(option.value)))
			break;
		is_found[i] = true;
		found[i] = (struct match){ .kind = options[i].kind, .inverted = option.inverted };
		if (options[i].has_name) {
			found[i].name = iptables_intern(p, option.value);
			at = option.after;
		} else {
			found[i].inverted = option.flag_inverted;
			at = option.flag_after;
		}
	}
	for (size_t i = 0; i < N_OF(options); i++) {
		if (!is_found[i])
			continue;
		found[i].is_continued = p->matches.n != n_before;
		iptables_add_match(p, &found[i]);
	}
	return at;
}

static bool parse_addr_types(const char *text, uint16_t *ret)
{
	static const char *const names[] = { "UNSPEC", "UNICAST", "LOCAL", "BROADCAST", "ANYCAST",
		"MULTICAST", "BLACKHOLE", "UNREACHABLE", "PROHIBIT", "THROW", "NAT", "XRESOLVE" };
	unsigned types = 0;
	size_t i;

	for (;; text++) {
		size_t len = strcspn(text, ",");

		if (!iptables_name_in(text, len, names, N_OF(names), &i))
			return false;
		types |= 1u << i;
		text += len;
		if (!*text)
			break;
	}
	*ret = (uint16_t)types;
	return true;
}

/* The limit is of the module, and so of both its matches; it is printed behind the last. */
size_t iptables_parse_addrtype(struct iptables_parser *p, const struct module *module)
{
	struct match found[2];
	bool is_found[2] = { false, false };
	enum addrtype_limit limit = ADDRTYPE_EVERYWHERE;
	size_t at = module->from, n_before = p->matches.n;
	struct option option;

	while (iptables_option_at(p, at, module->end, &option)) {
		bool is_in = option_is(&option, "--limit-iface-in"),
		     is_dst = option_is(&option, "--dst-type");

		if (is_in || option_is(&option, "--limit-iface-out")) {
			if (limit || option.flag_inverted)
				return module->from;
			limit = is_in ? ADDRTYPE_IN_IFACE : ADDRTYPE_OUT_IFACE;
			at = option.flag_after;
			continue;
		}
		if ((!is_dst && !option_is(&option, "--src-type")) || is_found[is_dst] ||
			!option.value)
			return module->from;
		found[is_dst] =
			(struct match){ .kind = is_dst ? MATCH_ADDRTYPE_DST : MATCH_ADDRTYPE_SRC,
				.inverted = option.inverted };
		if (!parse_addr_types(option.value, &found[is_dst].addrtype.types))
			return module->from;
		is_found[is_dst] = true;
		at = option.after;
	}
	if (at != module->end)
		return module->from;
	for (size_t i = 0; i < 2; i++) {
		if (!is_found[i])
			continue;
		found[i].addrtype.limit = limit;
		found[i].is_continued = p->matches.n != n_before;
		iptables_add_match(p, &found[i]);
	}
	return p->matches.n == n_before ? module->from : at;
}

/* Options without values: their bits in the order of names; false: something else is there. */
static bool parse_flags(struct iptables_parser *p, const struct module *module,
	const char *const *names, size_t n, unsigned *ret)
{
	size_t at = module->from;
	struct option option;
	unsigned flags = 0;

	while (iptables_option_at(p, at, module->end, &option)) {
		size_t i = 0;

		while (i < n && !option_is(&option, names[i]))
			i++;
		if (i == n || option.flag_inverted)
			return false;
		flags |= 1u << i;
		at = option.flag_after;
	}
	*ret = flags;
	return at == module->end;
}

size_t iptables_parse_rpfilter(struct iptables_parser *p, const struct module *module)
{
	static const char *const names[] = { "--loose", "--validmark", "--accept-local",
		"--invert" };
	struct match match = { .kind = MATCH_RPFILTER };
	unsigned flags;

	if (!parse_flags(p, module, names, N_OF(names), &flags))
		return module->from;
	match.inverted = flags & 8;
	match.rpfilter = flags & 7;
	iptables_add_match(p, &match);
	return module->end;
}

size_t iptables_parse_socket(struct iptables_parser *p, const struct module *module)
{
	static const char *const names[] = { "--transparent", "--nowildcard", "--restore-skmark" };
	struct match match = { .kind = MATCH_SOCKET };

	if (!parse_flags(p, module, names, N_OF(names), &match.socket))
		return module->from;
	iptables_add_match(p, &match);
	return module->end;
}

/* Names of users are of the host that the rule was written on; only root has one number everywhere. */
static bool parse_ids(const char *text, struct match *match)
{
	if (strcmp(text, "root") == 0)
		text = "0";
	return iptables_number_range(text, '-', &match->ids.min, &match->ids.max);
}

size_t iptables_parse_owner(struct iptables_parser *p, const struct module *module)
{
	static const char *const names[] = { "--socket-exists", "--uid-owner", "--gid-owner" };
	static const enum match_kind kinds[] = { MATCH_OWNER_SOCKET, MATCH_OWNER_UID,
		MATCH_OWNER_GID };
	struct match found[N_OF(names)];
	bool is_found[N_OF(names)] = { false };
	size_t at = module->from, n_before = p->matches.n;
	struct option option;

	while (iptables_option_at(p, at, module->end, &option)) {
		size_t i = 0;

		while (i < N_OF(names) && !option_is(&option, names[i]))
			i++;
		if (i == N_OF(names) || is_found[i])
			return module->from;
		found[i] = (struct match){ .kind = kinds[i],
			.inverted = i ? option.inverted : option.flag_inverted };
		if (i && (!option.value || !parse_ids(option.value, &found[i])))
			return module->from;
		is_found[i] = true;
		at = i ? option.after : option.flag_after;
	}
	if (at != module->end)
		return module->from;
	for (size_t i = 0; i < N_OF(names); i++) {
		if (!is_found[i])
			continue;
		found[i].is_continued = p->matches.n != n_before;
		iptables_add_match(p, &found[i]);
	}
	return p->matches.n == n_before ? module->from : at;
}

size_t iptables_parse_policy(struct iptables_parser *p, const struct module *module)
{
	static const char *const dirs[] = { "in", "out" }, *const pols[] = { "ipsec", "none" };
	struct match match = { .kind = MATCH_POLICY };
	bool has_dir = false, has_pol = false;
	size_t at = module->from, i;
	struct option option;

	while (iptables_option_at(p, at, module->end, &option)) {
		if (option.flag_inverted)
			return module->from;
		if (option_is(&option, "--strict") && !match.policy.is_strict) {
			match.policy.is_strict = true;
			at = option.flag_after;
			continue;
		}
		if (!option.value)
			return module->from;
		if (option_is(&option, "--dir") && !has_dir &&
			iptables_name_in(option.value, strlen(option.value), dirs, 2, &i)) {
			has_dir = true;
			match.policy.is_out = i == 1;
		} else if (option_is(&option, "--pol") && !has_pol &&
			   iptables_name_in(option.value, strlen(option.value), pols, 2, &i)) {
			has_pol = true;
			match.policy.is_none = i == 1;
		} else {
			return module->from;
		}
		at = option.after;
	}
	if (at != module->end || !has_dir || !has_pol)
		return module->from;
	iptables_add_match(p, &match);
	return at;
}

/* "src", "src,dst,dst" */
static bool parse_sides(const char *text, struct match *match)
{
	static const char *const names[] = { "src", "dst" };
	unsigned n = 0;

	for (;; text++) {
		size_t len = strcspn(text, ","), i;

		if (n == 6 || !iptables_name_in(text, len, names, 2, &i))
			return false;
		if (n == 0) {
			match->set.is_src = i == 0;
		} else {
			match->set.n_more = (uint8_t)n;
			match->set.more_srcs |= (uint8_t)((i == 0) << (n - 1));
		}
		n++;
		text += len;
		if (!*text)
			return true;
	}
}

/* An option behind, --return-nomatch or a counter's, changes what the set means. */
size_t iptables_parse_set(struct iptables_parser *p, const struct module *module)
{
	struct match match = { .kind = MATCH_SET };
	struct option option;

	if (!iptables_option_at(p, module->from, module->end, &option) || !option.value ||
		option.after + 1 != module->end || !option_is(&option, "--match-set") ||
		!iptables_is_name(option.value) ||
		!parse_sides(p->words.items[option.after].value, &match))
		return module->from;
	match.inverted = option.inverted;
	match.set.name = iptables_intern(p, option.value);
	iptables_add_match(p, &match);
	return module->end;
}
