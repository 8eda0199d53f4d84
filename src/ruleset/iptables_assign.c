// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Whose option is it? To iptables an option belongs to whichever module that was loaded before it
 * knows it, and the protocol's module needs no "-m": "-p tcp -m state --state NEW --dport 22",
 * "-m tcp -p tcp --dport 22". Saves never have this; what people write is brought here into the
 * form in which every module's options stand behind its name.
 */
#include <string.h>

#include "ruleset/iptables.h"

/* Is it an option of the protocol's module? own: its name; NULL: there is none, then of any. */
static bool is_proto_option(const char *own, const struct word *word)
{
	static const struct {
		const char *option, *only; /* only: of that module; NULL: of all that have ports */
	} options[] = { { "--dport", NULL }, { "--sport", NULL }, { "--destination-port", NULL },
		{ "--source-port", NULL }, { "--tcp-flags", "tcp" }, { "--syn", "tcp" },
		{ "--tcp-option", "tcp" }, { "--icmp-type", "icmp" }, { "--icmpv6-type", "icmp6" },
		{ "--chunk-types", "sctp" } };
	const char *value = word->value;

	if (word->is_quoted || value[0] != '-' || value[1] != '-' || !value[2] ||
		!strchr("dstic", value[2]))
		return false;
	for (size_t i = 0; i < N_OF(options); i++)
		if (strcmp(value, options[i].option) == 0)
			return !own || (options[i].only ? strcmp(own, options[i].only) == 0
							: !text_has_prefix(own, "icmp"));
	return false;
}

/* Modules that have such options themselves, whatever the rule's protocol. */
static bool is_transport(const char *name)
{
	static const char *const names[] = { "tcp", "udp", "udplite", "sctp", "dccp", "icmp",
		"icmp6" };

	for (size_t i = 0; i < N_OF(names); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

static bool starts_option(const struct word *word)
{
	return !word->is_quoted && text_has_prefix(word->value, "--");
}

/* Where the option that starts at word at (its "!" included) ends. */
static size_t option_end(const struct iptables_parser *p, size_t at, size_t end)
{
	const struct word *words = p->words.items;

	if (iptables_is_word(&words[at], "!"))
		at++;
	if (at < end && iptables_is_word(&words[at], "--comment"))
		at++;
	for (at++; at < end; at++) {
		if (starts_option(&words[at]))
			break;
		if (iptables_is_word(&words[at], "!") && at + 1 < end &&
			starts_option(&words[at + 1]))
			break;
	}
	return at < end ? at : end;
}

static bool is_of_proto(const struct iptables_parser *p, const char *own, size_t at, size_t end)
{
	const struct word *words = p->words.items;

	return is_proto_option(own, &words[at]) ||
	       (iptables_is_word(&words[at], "!") && at + 1 < end &&
		       is_proto_option(own, &words[at + 1]));
}

static bool has_foreign(
	const struct iptables_parser *p, const char *own, const struct module *module)
{
	for (size_t at = module->from; at < module->end; at++) {
		if (iptables_is_word(&p->words.items[at], "--comment"))
			at++;
		else if (is_proto_option(own, &p->words.items[at]))
			return !is_transport(module->name);
	}
	return false;
}

/* The words [from, end) once more, behind all. */
static void copy_words(struct iptables_parser *p, size_t from, size_t end)
{
	for (size_t i = from; i < end; i++) {
		struct word word = p->words.items[i];

		*vec_push(&p->words, p->scratch) = word;
	}
}

/* The options of a module that are the protocol's, or all others, as words of their own. */
static struct module pick(
	struct iptables_parser *p, const char *own, const struct module *module, bool of_proto)
{
	struct module picked = { .name = module->name, .from = p->words.n };

	for (size_t at = module->from; at < module->end;) {
		size_t end = option_end(p, at, module->end);

		if (is_of_proto(p, own, at, module->end) == of_proto)
			copy_words(p, at, end);
		at = end;
	}
	picked.end = p->words.n;
	return picked;
}

static void append_options(struct iptables_parser *p, struct module *to, const struct module *more)
{
	struct module joined = { .name = to->name, .from = p->words.n };

	copy_words(p, to->from, to->end);
	copy_words(p, more->from, more->end);
	joined.end = p->words.n;
	*to = joined;
}

/* The nearest module in front of place i with that name; NULL: with any. */
static struct module *module_before(struct iptables_parser *p, size_t i, const char *name)
{
	while (i-- > 0)
		if (!name || strcmp(p->modules.items[i].name, name) == 0)
			return &p->modules.items[i];
	return NULL;
}

static void insert_module(struct iptables_parser *p, size_t place, const struct module *module)
{
	vec_push(&p->modules, p->scratch);
	memmove(&p->modules.items[place + 1], &p->modules.items[place],
		(p->modules.n - 1 - place) * sizeof(*module));
	p->modules.items[place] = *module;
}

static void remove_module(struct iptables_parser *p, size_t place)
{
	p->modules.n--;
	memmove(&p->modules.items[place], &p->modules.items[place + 1],
		(p->modules.n - place) * sizeof(p->modules.items[0]));
}

/* Options without a module in front. false: nobody can have them. */
static bool place_nameless(struct iptables_parser *p, size_t *i, const char *own, struct err *err)
{
	struct module nameless = p->modules.items[*i], mine, others;
	struct module *to;

	mine = pick(p, own, &nameless, true);
	others = pick(p, own, &nameless, false);
	to = module_before(p, *i, NULL);
	if ((mine.from < mine.end && !own) || (others.from < others.end && !to))
		return iptables_fail(p, err, nameless.from, "%s belongs to no match",
			p->words.items[nameless.from].value);
	if (others.from < others.end)
		append_options(p, to, &others);
	to = own ? module_before(p, *i, own) : NULL;
	if (mine.from < mine.end && !to) {
		mine.name = own;
		p->modules.items[(*i)++] = mine;
		return true;
	}
	if (mine.from < mine.end)
		append_options(p, to, &mine);
	remove_module(p, *i);
	return true;
}

bool iptables_assign_options(struct iptables_parser *p, const char *own, struct err *err)
{
	for (size_t i = 0; i < p->modules.n;) {
		struct module module = p->modules.items[i], mine;
		struct module *to;

		if (!module.name) {
			if (!place_nameless(p, &i, own, err))
				return false;
			continue;
		}
		if (!own || strcmp(module.name, own) == 0 || !has_foreign(p, own, &module)) {
			i++;
			continue;
		}
		mine = pick(p, own, &module, true);
		p->modules.items[i] = pick(p, own, &module, false);
		mine.name = own;
		to = module_before(p, i, own);
		i++;
		if (to)
			append_options(p, to, &mine);
		else
			insert_module(p, i++, &mine);
	}
	return true;
}
