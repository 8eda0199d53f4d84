// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a change of the rules of one family means for packets, as far as the order of rules and
 * sets depends on it (plan.c). It may say RULES_OTHER of what is harmless, never the reverse.
 *
 * In a port chain RETURN lets a packet go on to what else it has to pass and everything else
 * stops it, so that a RETURN more lets more pass and a RETURN less lets less pass. Everywhere
 * else a rule is harmless when it speaks of ports that come or go, or decides nothing.
 */
#include <assert.h>
#include <string.h>

#include "ruleset/plan_internal.h"

bool is_port_chain(const struct plan_scope *scope, const char *name)
{
	const char *rest;

	if (!text_has_prefix(name, scope->chain_prefix))
		return false;
	rest = name + strlen(scope->chain_prefix);
	return *rest && strchr("ios", *rest) && strcmp(rest, "sg-chain") != 0 &&
	       strcmp(rest, "sg-fallback") != 0;
}

static bool is_fallback(const struct plan_scope *scope, const char *name)
{
	return text_has_prefix(name, scope->chain_prefix) &&
	       strcmp(name + strlen(scope->chain_prefix), "sg-fallback") == 0;
}

struct map *devices_of(struct arena *arena, const struct plan_scope *scope,
	const struct ruleset *rs, enum family family)
{
	struct map *devices = map_new(arena);
	const struct table *filter = ruleset_table(rs, family, "filter");

	for (size_t i = 0; filter && i < filter->n_chains; i++) {
		const struct chain *chain = &filter->chains[i];

		if (!plan_scope_has_chain(scope, chain->name))
			continue;
		for (size_t r = 0; r < chain->n_rules; r++)
			for (size_t m = 0; m < chain->rules[r].n_matches; m++) {
				const struct match *match = &chain->rules[r].matches[m];

				if (match->kind == MATCH_PHYSDEV_IN ||
					match->kind == MATCH_PHYSDEV_OUT)
					map_add(devices, match->name, (void *)match->name);
			}
	}
	return devices;
}

struct classifier {
	struct arena *arena;
	const struct plan_scope *scope;
	const struct ruleset *wanted, *found;
	struct map *wanted_devices, *found_devices;
	const struct map *closed;
	enum family family;
	unsigned classes;
	bool is_closed;
};

/* As rule_equal, comments aside: they decide nothing. */
static bool decides_the_same(const struct rule *a, const struct rule *b)
{
	if (a->n_matches != b->n_matches || !target_equal(&a->target, &b->target))
		return false;
	for (size_t i = 0; i < a->n_matches; i++)
		if (!match_equal(&a->matches[i], &b->matches[i]))
			return false;
	return true;
}

/* Leaves of a hunk what decides differently. */
static struct hunk narrow(const struct chain_edit *edit, struct hunk hunk)
{
	while (hunk.n_del && hunk.n_ins &&
		decides_the_same(&edit->from->rules[hunk.at_from], &edit->to->rules[hunk.at_to])) {
		hunk.at_from++;
		hunk.at_to++;
		hunk.n_del--;
		hunk.n_ins--;
	}
	while (hunk.n_del && hunk.n_ins &&
		decides_the_same(&edit->from->rules[hunk.at_from + hunk.n_del - 1],
			&edit->to->rules[hunk.at_to + hunk.n_ins - 1])) {
		hunk.n_del--;
		hunk.n_ins--;
	}
	return hunk;
}

static bool is_plain_port_chain(const struct classifier *classifier, const struct chain *chain)
{
	for (size_t i = 0; i < chain->n_rules; i++) {
		const struct target *target = &chain->rules[i].target;

		switch (target->kind) {
		case TARGET_NONE:
		case TARGET_RETURN:
		case TARGET_DROP:
			break;
		case TARGET_JUMP:
		case TARGET_GOTO:
			if (!is_port_chain(classifier->scope, target->chain) &&
				!is_fallback(classifier->scope, target->chain))
				return false;
			break;
		default:
			return false;
		}
	}
	return true;
}

static unsigned returns_only(const struct rule *rules, size_t n, unsigned class)
{
	for (size_t i = 0; i < n; i++)
		if (rules[i].target.kind != TARGET_RETURN)
			return RULES_OTHER;
	return n ? class : 0;
}

static unsigned classify_port_chain(
	const struct classifier *classifier, const struct chain_edit *edit)
{
	unsigned classes = 0;

	if (!edit->from)
		return RULES_PORTS_NEW;
	if (!edit->to)
		return RULES_PORTS_GONE;
	for (size_t h = 0; h < edit->n_hunks; h++) {
		struct hunk hunk = narrow(edit, edit->hunks[h]);

		classes |= returns_only(edit->from->rules + hunk.at_from, hunk.n_del, RULES_SHRINK);
		classes |= returns_only(edit->to->rules + hunk.at_to, hunk.n_ins, RULES_GROW);
	}
	if (classes && !(is_plain_port_chain(classifier, edit->from) &&
			       is_plain_port_chain(classifier, edit->to)))
		return RULES_OTHER;
	return classes;
}

/* Is it a rule about a port that others (the other version) does not know? */
static bool speaks_of_unknown_port(const struct classifier *classifier, const struct rule *rule,
	const struct map *others_devices, const struct ruleset *others, const char **ret_device)
{
	const struct table *filter = ruleset_table(others, classifier->family, "filter");

	*ret_device = NULL;
	for (size_t i = 0; i < rule->n_matches; i++) {
		const struct match *match = &rule->matches[i];

		if ((match->kind == MATCH_PHYSDEV_IN || match->kind == MATCH_PHYSDEV_OUT) &&
			!match->inverted && !map_find(others_devices, match->name)) {
			*ret_device = match->name;
			return true;
		}
	}
	return (rule->target.kind == TARGET_JUMP || rule->target.kind == TARGET_GOTO) &&
	       is_port_chain(classifier->scope, rule->target.chain) &&
	       !(filter && table_chain(filter, rule->target.chain));
}

static void classify_dispatch(struct classifier *classifier, const struct rule *rule, bool is_new)
{
	const char *device;

	if (rule->target.kind == TARGET_NONE || rule->target.kind == TARGET_CT_ZONE ||
		rule->target.kind == TARGET_CT_NOTRACK)
		return;
	if (!speaks_of_unknown_port(classifier, rule,
		    is_new ? classifier->found_devices : classifier->wanted_devices,
		    is_new ? classifier->found : classifier->wanted, &device)) {
		classifier->classes |= RULES_OTHER;
		return;
	}
	classifier->classes |= is_new ? RULES_PORTS_NEW : RULES_PORTS_GONE;
	if (is_new && device && !map_find(classifier->closed, device))
		classifier->is_closed = false;
}

static void classify_chain(struct classifier *classifier, const struct chain_edit *edit)
{
	if (is_port_chain(classifier->scope, edit->name)) {
		classifier->classes |= classify_port_chain(classifier, edit);
		return;
	}
	for (size_t i = 0; !edit->from && i < edit->to->n_rules; i++)
		classify_dispatch(classifier, &edit->to->rules[i], true);
	for (size_t i = 0; !edit->to && i < edit->from->n_rules; i++)
		classify_dispatch(classifier, &edit->from->rules[i], false);
	for (size_t h = 0; h < edit->n_hunks; h++) {
		struct hunk hunk;

		assert(edit->from && edit->to); /* only what is on both sides has hunks */
		hunk = narrow(edit, edit->hunks[h]);
		for (size_t i = 0; i < hunk.n_del; i++)
			classify_dispatch(classifier, &edit->from->rules[hunk.at_from + i], false);
		for (size_t i = 0; i < hunk.n_ins; i++)
			classify_dispatch(classifier, &edit->to->rules[hunk.at_to + i], true);
	}
}

unsigned classify_edits(struct arena *arena, const struct plan_scope *scope,
	struct table_edit *const *edits, size_t n_edits, const struct ruleset *wanted,
	const struct ruleset *found, const struct map *closed, bool *ret_is_closed)
{
	struct classifier classifier = { .arena = arena,
		.scope = scope,
		.wanted = wanted,
		.found = found,
		.closed = closed,
		.is_closed = true };

	for (size_t i = 0; i < n_edits; i++) {
		if (!classifier.wanted_devices) {
			classifier.family = edits[i]->family;
			classifier.wanted_devices =
				devices_of(arena, scope, wanted, classifier.family);
			classifier.found_devices =
				devices_of(arena, scope, found, classifier.family);
		}
		for (size_t c = 0; c < edits[i]->n_chains; c++)
			classify_chain(&classifier, &edits[i]->chains[c]);
	}
	*ret_is_closed = classifier.is_closed;
	return classifier.classes;
}
