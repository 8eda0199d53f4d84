// SPDX-License-Identifier: GPL-2.0-or-later
/* The answers of portwall audit for people: one page. */
#include "cmd/audit.h"

#include <string.h>

#define MAX_PARTS  4  /* of a set in words */
#define MAX_RANGES 12 /* of a class */
#define MAX_LISTED 20 /* rules, differences */

static size_t most(const struct invocation *inv, size_t n)
{
	return inv->all ? (size_t)-1 : n;
}

static void print_more(struct text *out, size_t n, size_t n_shown, const char *what)
{
	if (n > n_shown)
		text_addf(out, "  and %zu more %s (--all lists them)\n", n - n_shown, what);
}

static void print_indented(struct text *out, const struct text *lines)
{
	for (const char *line = lines->data; *line;) {
		size_t len = strcspn(line, "\n");

		text_addf(out, "    %.*s\n", (int)len, line);
		line += len + (line[len] == '\n');
	}
}

/* "rule 3 of filter FORWARD (line 12): -A FORWARD -j DROP" */
static void print_rule(struct text *out, const struct audit_rule *rule)
{
	audit_rule_print(out, rule);
	if (rule->rule && rule->rule->line)
		text_addf(out, " (line %u)", rule->rule->line);
	text_add(out, ": ");
	audit_rule_print_text(out, rule);
	text_add(out, "\n");
}

static const char *hook_words(enum hook hook)
{
	static const char *const words[N_HOOKS] = {
		[HOOK_PREROUTING] = "what comes in, before routing (prerouting)",
		[HOOK_INPUT] = "to this host (input)",
		[HOOK_FORWARD] = "through this host (forward)",
		[HOOK_OUTPUT] = "from this host (output)",
		[HOOK_POSTROUTING] = "what goes out, behind routing (postrouting)",
	};

	return words[hook];
}

static void print_title(const struct invocation *inv, struct text *out, enum family family,
	const struct audit_place *place)
{
	output_add(inv, out, COLOUR_BOLD, "%s %s", family_name(family), hook_words(place->hook));
	text_add(out, ": ");
	for (size_t i = 0; i < place->n_chains; i++)
		text_addf(out, "%s%s %s", i ? ", " : "", place->chains[i].table->name,
			place->chains[i].chain->name);
	if (place->is_order_unknown)
		text_add(out, " (which of two comes first is not known: what some order passes)");
	text_add(out, "\n\n");
}

/* ---- who reaches whom ---- */

static bool is_one_class(const struct service_matrix *matrix, enum reach *ret)
{
	if (matrix->n_classes != 1)
		return false;
	*ret = service_matrix_cell(matrix, 0, 0, 0);
	for (size_t i = 1; i < matrix->n_services; i++)
		if (service_matrix_cell(matrix, i, 0, 0) != *ret)
			return false;
	return true;
}

static void print_matrix(
	const struct invocation *inv, struct text *out, const struct service_matrix *matrix)
{
	static const char *const words[] = {
		[REACH_NO] = "nobody reaches anybody",
		[REACH_SOME] =
			"everybody may reach everybody, depending on what is left open (interface, matches)",
		[REACH_YES] = "everybody reaches everybody",
	};
	enum reach reach;

	if (!is_one_class(matrix, &reach)) {
		service_matrix_print(out, matrix, inv->all ? 0 : MAX_RANGES);
		text_add(out, "\n");
		return;
	}
	for (size_t i = 0; i < matrix->n_services; i++)
		text_addf(out, "%s%s", i ? ", " : "", matrix->services[i]);
	text_addf(out, ": %s\n\n", words[reach]);
}

/* ---- sources ---- */

static void print_ranges(const struct invocation *inv, struct text *out,
	const struct address_class *class, bool is_everything)
{
	size_t n = class->n_ranges, n_shown = n;

	if (n_shown > most(inv, MAX_RANGES))
		n_shown = MAX_RANGES;
	if (is_everything || !n) {
		text_add(out, is_everything ? "everything" : "nothing");
		return;
	}
	for (size_t i = 0; i < n_shown; i++) {
		text_add(out, i ? ", " : "");
		class_range_print(out, &class->ranges[i]);
	}
	if (n > n_shown || class->is_cut)
		text_addf(out, " and %s%zu more", class->is_cut ? "more than " : "", n - n_shown);
}

static void print_sources(
	const struct invocation *inv, struct text *out, const struct judged_place *judged)
{
	if (judged->place->hook == HOOK_OUTPUT || judged->place->hook == HOOK_POSTROUTING)
		return;
	text_add(out, "Sources of new connections, by interface\n");
	for (size_t i = 0; i < judged->n_sources; i++) {
		const struct audit_sources *sources = &judged->sources[i];
		size_t n = judged->n_sources > 1 ? sources->ifaces.n : 0, n_shown = n;

		if (n_shown > most(inv, 8))
			n_shown = 8;
		text_add(out, "  ");
		for (size_t k = 0; k < n_shown; k++)
			text_addf(out, "%s%s", k ? ", " : "", sources->ifaces.items[k]);
		if (n > n_shown)
			text_addf(out, " and %zu more", n - n_shown);
		if (sources->is_rest)
			text_add(out, judged->n_sources == 1 ? "any"
				      : n		     ? ", any other"
							     : "any other");
		text_add(out, ": ");
		print_ranges(inv, out, &sources->sources, sources->is_everything);
		text_add(out, "\n");
	}
	text_add(out, "\n");
}

static void print_certificates(const struct invocation *inv, struct text *out,
	const struct audited *audited, const struct judged_place *judged)
{
	for (size_t i = 0; i < judged->n_certificates; i++) {
		const struct audit_certificate *certificate = &judged->certificates[i];
		struct text others CLEANUP(text_done) = TEXT_INIT;

		text_addf(out, "%s: ", certificate->assignment->iface);
		if (certificate->is_certain) {
			output_add(inv, out, COLOUR_GREEN, "certain");
			text_add(out, ": new connections come in from its addresses only\n");
			continue;
		}
		output_add(inv, out, COLOUR_RED, "no");
		text_add(out, ": others come in, too\n");
		set_print(audited->sets, certificate->others, most(inv, MAX_PARTS), &others);
		print_indented(out, &others);
		text_add(out, "    such as ");
		packet_print(out, &certificate->witness);
		text_add(out, "\n");
	}
	if (judged->n_certificates)
		text_add(out, "\n");
}

/* ---- rules ---- */

static void print_why(const struct invocation *inv, struct text *out, const struct audit_dead *dead)
{
	size_t n = dead->by.n, n_shown = n > most(inv, 5) ? 5 : n;
	const char *before = "";

	switch (dead->reason) {
	case DEAD_SHADOWED:
		before = !n	 ? "earlier rules take all of its packets"
			 : n > 1 ? "earlier rules together take all of its packets:"
				 : "an earlier rule takes all of its packets:";
		break;
	case DEAD_CONTRADICTION:
		before = "no packet has all that it asks for";
		break;
	case DEAD_EMPTY_SET:
		text_addf(out, "    its set %s is empty\n", dead->set_name);
		return;
	case DEAD_NOT_CALLED_SO:
		before = n ? "its chain is called for other packets only:"
			   : "its chain is called for other packets only";
		break;
	case DEAD_NOT_AT_HOOK:
		before = "no such packet comes to this hook";
		break;
	}
	text_addf(out, "    %s\n", before);
	for (size_t i = 0; i < n_shown; i++) {
		text_add(out, "      ");
		print_rule(out, &dead->by.items[i]);
	}
	if (n > n_shown || dead->has_more)
		text_addf(out, "      and %s%zu more\n", dead->has_more ? "at least " : "",
			n - n_shown + dead->has_more);
}

static void print_owner(
	const struct invocation *inv, struct text *out, const struct audit_rule *rule)
{
	struct owner owner = audit_rule_owner(inv->arena, rule);

	if (owner.is_known)
		text_addf(out, "    whose it is: %s (%s)\n", owner.name, owner.evidence);
}

static void print_dead_list(const struct invocation *inv, struct text *out,
	const struct audit_deads *deads, bool is_unsure)
{
	size_t n = 0;

	for (size_t i = 0; i < deads->n_dead; i++) {
		const struct audit_dead *dead = &deads->dead[i];

		if (dead->is_unsure != is_unsure || n++ >= most(inv, MAX_LISTED))
			continue;
		text_add(out, "  ");
		print_rule(out, &dead->rule);
		print_owner(inv, out, &dead->rule);
		print_why(inv, out, dead);
	}
	if (n > most(inv, MAX_LISTED))
		print_more(out, n, MAX_LISTED, "rules");
}

static void print_dead(const struct invocation *inv, struct text *out, enum family family,
	const struct audit_deads *deads)
{
	size_t n_unsure = 0;

	for (size_t i = 0; i < deads->n_dead; i++)
		n_unsure += deads->dead[i].is_unsure;
	output_add(inv, out, COLOUR_BOLD, "%s rules that can never match", family_name(family));
	if (deads->n_dead == n_unsure)
		text_addf(out, ": none of %zu\n", deads->n_rules);
	else
		text_addf(out, ": %zu of %zu\n", deads->n_dead - n_unsure, deads->n_rules);
	print_dead_list(inv, out, deads, false);
	if (n_unsure) {
		text_addf(out,
			"\nRules that may never match: %zu, it depends on rules that are not modelled\n",
			n_unsure);
		print_dead_list(inv, out, deads, true);
	}
	text_add(out, "\n");
}

static void print_unreached(
	const struct invocation *inv, struct text *out, const struct audit_deads *deads)
{
	size_t n = deads->n_unreached, n_shown = n > most(inv, MAX_LISTED) ? MAX_LISTED : n;

	if (!n)
		return;
	text_add(out, "Chains that no packet comes to\n");
	for (size_t i = 0; i < n_shown; i++) {
		const struct audit_unreached *one = &deads->unreached[i];

		text_addf(out, "  %s %s (%zu rule%s): %s\n", one->table->name, one->chain->name,
			one->chain->n_rules, one->chain->n_rules == 1 ? "" : "s",
			one->is_called ? "rules call it that no packet matches"
				       : "no rule calls it");
	}
	print_more(out, n, n_shown, "chains");
	text_add(out, "\n");
}

static void print_open(
	const struct invocation *inv, struct text *out, const struct audited *audited)
{
	size_t n = audited->n_open, n_shown = n > most(inv, MAX_LISTED) ? MAX_LISTED : n;

	if (!n)
		return;
	text_add(out, "Not known: what becomes of packets here. They count as perhaps passed\n");
	for (size_t i = 0; i < n_shown; i++) {
		text_add(out, "  ");
		print_rule(out, &audited->open[i].rule);
		text_addf(out, "    %s\n",
			audited->open[i].why ? audited->open[i].why : "its target is not modelled");
	}
	print_more(out, n, n_shown, "rules");
	text_add(out, "\n");
}

void audit_print_text(const struct invocation *inv, struct text *out, const struct audited *audited)
{
	for (size_t i = 0; i < audited->n_places; i++) {
		const struct judged_place *judged = &audited->places[i];

		print_title(inv, out, audited->family, judged->place);
		print_matrix(inv, out, &judged->matrix);
		if (audited->is_of_fffuu)
			return;
		print_sources(inv, out, judged);
		print_certificates(inv, out, audited, judged);
	}
	print_open(inv, out, audited);
	print_dead(inv, out, audited->family, &audited->deads);
	print_unreached(inv, out, &audited->deads);
}

/* ---- two rulesets ---- */

static void print_decider(
	struct text *out, const char *name, const char *what, const struct audit_rule *rule)
{
	text_addf(out, "      %s: %s ", name, what);
	if (rule->chain)
		print_rule(out, rule);
	else
		text_add(out, "as it has no chain there\n");
}

static void print_difference(const struct invocation *inv, struct text *out,
	const struct compared *compared, const struct audit_difference *difference)
{
	struct text words CLEANUP(text_done) = TEXT_INIT;
	const char *passing = compared->names[!difference->is_first];
	const char *losing = compared->names[difference->is_first];

	set_print(compared->sets, difference->shown, most(inv, MAX_PARTS), &words);
	print_indented(out, &words);
	text_add(out, "      such as ");
	packet_print(out, &difference->witness);
	text_add(out, "\n");
	print_decider(out, passing, "passed by", &difference->passing);
	print_decider(out, losing,
		difference->verdict == VERDICT_REJECT ? "rejected by"
		: difference->verdict == VERDICT_DROP ? "dropped by"
						      : "perhaps lost at",
		&difference->losing);
}

static void print_direction(const struct invocation *inv, struct text *out,
	const struct compared *compared, const struct audit_comparison *comparison, bool is_first)
{
	size_t n = 0;

	for (size_t i = 0; i < comparison->n; i++) {
		const struct audit_difference *difference = &comparison->differences[i];

		if (difference->is_first != is_first)
			continue;
		if (!n)
			output_add(inv, out, is_first ? COLOUR_GREEN : COLOUR_RED,
				"  %s passes, %s does not\n", compared->names[!is_first],
				compared->names[is_first]);
		if (n++ < most(inv, MAX_LISTED))
			print_difference(inv, out, compared, difference);
	}
	if (n > most(inv, MAX_LISTED))
		print_more(out, n, MAX_LISTED, "parts");
	if (!set_is_empty(comparison->rest[!is_first]))
		text_add(out, "  and there is more than can be listed\n");
}

static void print_changed(struct text *out, const struct audit_comparison *comparison)
{
	const char *comma = "";

	if (!comparison->changed)
		return;
	text_add(out, "  not known: whether they differ in what they do with the ");
	for (enum field field = 0; field < N_FIELDS; field++)
		if (comparison->changed & FIELD_BIT(field)) {
			text_addf(out, "%s%s", comma, field_name(field));
			comma = ", ";
		}
	text_add(out, " of packets, which rules change and ask for\n");
}

void audit_print_comparison(
	const struct invocation *inv, struct text *out, const struct compared *compared)
{
	for (size_t i = 0; i < compared->n_places; i++) {
		const struct compared_place *place = &compared->places[i];

		output_add(inv, out, COLOUR_BOLD, "%s %s", family_name(compared->family),
			hook_words(place->hook));
		text_add(out, place->comparison.n ? "\n" : ": the same packets pass\n");
		print_direction(inv, out, compared, &place->comparison, true);
		print_direction(inv, out, compared, &place->comparison, false);
		print_changed(out, &place->comparison);
	}
}
