// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Names are Neutron's, because people, scripts and dashboards look for them: they are cut as
 * Neutron cuts them. Cut names can collide; compile_policy refuses that instead of mixing two
 * ports.
 */
#include "compile/internal.h"

#include <stdio.h>
#include <string.h>

const struct plan_scope compile_default_scope = {
	.chain_prefix = "neutron-openvswi-",
	.top_chain = "neutron-filter-top",
	.set_prefix = "N",
	.l2_table = "portwall",
};

#define PREFIX_MAX (CHAIN_NAME_MAX - 1 - CHAIN_KEY_LEN)

#define ZONE_COMMENT   "Set zone for "
#define MARK_COMMENT   "portwall "
#define NOTE_COMMENT   "restore: "
#define MARK_CHAIN_END "owner"

static bool is_prefix_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '_';
}

bool compile_scope(
	struct arena *arena, const char *chain_prefix, struct plan_scope *ret, struct err *err)
{
	size_t len = chain_prefix ? strlen(chain_prefix) : 0;
	bool is_neutron = chain_prefix && text_has_prefix(chain_prefix, "neutron-");

	if (!chain_prefix) {
		*ret = compile_default_scope;
		return true;
	}
	if (len > PREFIX_MAX) {
		err_input(err, "chain prefix \"%.60s\" has %zu characters, at most %d are possible",
			chain_prefix, len, PREFIX_MAX);
		return err_next(err, "A chain name has %d characters in iptables, and %d follow.",
			CHAIN_NAME_MAX, 1 + CHAIN_KEY_LEN);
	}
	for (size_t i = 0; i < len; i++)
		if (!is_prefix_char(chain_prefix[i]))
			return err_input(err,
				"chain prefix \"%s\" has a character that is not a letter, "
				"a digit, - or _",
				chain_prefix);
	/* A leading - would be an option to iptables-restore. */
	if (len < 2 || chain_prefix[0] == '-' || chain_prefix[len - 1] != '-')
		return err_input(err,
			"chain prefix \"%s\" must begin with a letter or digit and end in -",
			chain_prefix);
	*ret = (struct plan_scope){
		.chain_prefix = arena_strdup(arena, chain_prefix),
		.top_chain = is_neutron ? compile_default_scope.top_chain
					: arena_printf(arena, "%sfilter-top", chain_prefix),
		.set_prefix = is_neutron ? "N" : "P",
		.l2_table = compile_default_scope.l2_table,
	};
	return true;
}

const char *compile_chain_name(
	struct arena *arena, const struct plan_scope *scope, char kind, const char *port_id)
{
	size_t prefix_len = strlen(scope->chain_prefix);
	size_t key_len = strnlen(port_id, CHAIN_KEY_LEN);
	char *name = arena_alloc(arena, prefix_len + 1 + key_len + 1);

	memcpy(name, scope->chain_prefix, prefix_len);
	name[prefix_len] = kind;
	memcpy(name + prefix_len + 1, port_id, key_len);
	return name;
}

const char *compile_set_name(struct arena *arena, const struct plan_scope *scope,
	enum family family, const char *group_id)
{
	char *name = arena_printf(arena, "%s%s%s", scope->set_prefix,
		family == FAMILY_IPV6 ? "IPv6" : "IPv4", group_id);

	if (strlen(name) > SET_NAME_MAX)
		name[SET_NAME_MAX] = '\0';
	return name;
}

static const char *wrapped(struct compiler *c, const char *end)
{
	return arena_printf(c->arena, "%s%s", c->scope->chain_prefix, end);
}

void names_init(struct compiler *c)
{
	c->names.input = wrapped(c, "INPUT");
	c->names.forward = wrapped(c, "FORWARD");
	c->names.output = wrapped(c, "OUTPUT");
	c->names.prerouting = wrapped(c, "PREROUTING");
	c->names.local = wrapped(c, "local");
	c->names.sg_chain = wrapped(c, "sg-chain");
	c->names.sg_fallback = wrapped(c, "sg-fallback");
	c->names.routed = wrapped(c, "routed");
	c->names.owner = wrapped(c, MARK_CHAIN_END);
}

/* xt_comment and nft keep bytes; what is not printable ASCII would be unreadable in a listing,
 * and a line break in it would end the line of a batch. One ? for each character. */
const char *comment_join(struct arena *arena, const char *const *parts)
{
	size_t size = 1;
	char *text, *out;

	for (size_t i = 0; parts[i]; i++)
		size += strlen(parts[i]);
	text = out = arena_alloc(arena, size);
	for (size_t i = 0; parts[i]; i++) {
		for (const char *p = parts[i]; *p; p++) {
			if (((unsigned char)*p & 0xc0) == 0x80) /* goes on with a UTF-8 character */
				continue;
			*out++ = (char)(*p >= ' ' && *p <= '~' ? *p : '?');
		}
	}
	if (out - text > COMMENT_MAX)
		text[COMMENT_MAX] = '\0';
	return text;
}

/*
 * Can this be written as an interface into iptables and nft, and mean only itself? A trailing
 * + (iptables) or * (nft) would be a wildcard, quotes and spaces would end the word.
 */
bool name_is_interface(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len > IFACE_MAX || name[0] == '-' || name[0] == '!')
		return false;
	for (const char *p = name; *p; p++)
		if (*p <= ' ' || *p > '~' || strchr(":+*\"'\\/{},;", *p))
			return false;
	return true;
}

const char *compile_zone_comment(struct arena *arena, const char *key)
{
	return comment_join(arena, (const char *[]){ ZONE_COMMENT, key, NULL });
}

bool compile_zone_of_rule(const struct rule *rule, const char **ret_key, uint16_t *ret_zone)
{
	if (rule->target.kind != TARGET_CT_ZONE || !rule->comment ||
		!text_has_prefix(rule->comment, ZONE_COMMENT) ||
		!rule->comment[strlen(ZONE_COMMENT)])
		return false;
	*ret_key = rule->comment + strlen(ZONE_COMMENT);
	*ret_zone = rule->target.zone;
	return true;
}

static bool is_marked(const struct chain *chain)
{
	return chain->n_rules && chain->rules[0].comment &&
	       text_has_prefix(chain->rules[0].comment, MARK_COMMENT);
}

/* The chain that holds the mark, of whichever family has it. */
static const struct chain *mark_chain(const struct ruleset *found, const struct plan_scope *scope)
{
	char name[CHAIN_NAME_MAX + sizeof(MARK_CHAIN_END)];

	if (strlen(scope->chain_prefix) > PREFIX_MAX)
		return NULL;
	snprintf(name, sizeof(name), "%s%s", scope->chain_prefix, MARK_CHAIN_END);
	for (enum family f = FAMILY_IPV4; f < N_IP_FAMILIES; f++) {
		const struct table *table = ruleset_table(found, f, "filter");
		const struct chain *chain = table ? table_chain(table, name) : NULL;

		if (chain && is_marked(chain))
			return chain;
	}
	return NULL;
}

bool compile_has_mark(const struct ruleset *found, const struct plan_scope *scope)
{
	return mark_chain(found, scope) != NULL;
}

const char *compile_other_mark(
	struct arena *arena, const struct ruleset *found, const struct plan_scope *scope)
{
	for (enum family f = FAMILY_IPV4; f < N_IP_FAMILIES; f++) {
		const struct table *table = ruleset_table(found, f, "filter");

		for (size_t i = 0; table && i < table->n_chains; i++) {
			const struct chain *chain = &table->chains[i];
			size_t len = strlen(chain->name), end = strlen(MARK_CHAIN_END);
			const char *prefix;

			if (len <= end || strcmp(chain->name + len - end, MARK_CHAIN_END) != 0 ||
				!is_marked(chain))
				continue;
			prefix = arena_strndup(arena, chain->name, len - end);
			if (strcmp(prefix, scope->chain_prefix) != 0)
				return prefix;
		}
	}
	return NULL;
}

void compile_mark_notes(struct arena *arena, const struct ruleset *found,
	const struct plan_scope *scope, const char *const **ret, size_t *ret_n)
{
	const struct chain *chain = mark_chain(found, scope);
	const char **notes = arena_new_array(arena, const char *, chain ? chain->n_rules : 0);
	size_t n = 0;

	for (size_t i = 1; chain && i < chain->n_rules; i++) {
		const char *comment = chain->rules[i].comment;

		if (comment && text_has_prefix(comment, NOTE_COMMENT))
			notes[n++] = arena_strdup(arena, comment + strlen(NOTE_COMMENT));
	}
	*ret = notes;
	*ret_n = n;
}
