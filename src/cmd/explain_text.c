// SPDX-License-Identifier: GPL-2.0-or-later
/* An answer for people: verdict, path, who decided and whose that is, on what it depended. */
#include "cmd/explain.h"

#include <string.h>

#include "packet/expr.h"
#include "packet/field.h"
#include "ruleset/edit.h"

enum colour explain_colour(enum final final)
{
	switch (final) {
	case FINAL_DELIVERED:
		return COLOUR_GREEN;
	case FINAL_REWRITTEN:
	case FINAL_CANNOT_TELL:
		return COLOUR_YELLOW;
	default:
		return COLOUR_RED;
	}
}

/* "FORWARD 1 > sg-chain 4 > i-vm1 7": the rules that matched, in order. */
static void add_steps(struct arena *arena, struct text *out, const struct step *last)
{
	const struct step **steps;
	size_t n = 0;

	for (const struct step *step = last; step; step = step->before)
		n++;
	steps = arena_new_array(arena, const struct step *, n + 1);
	n = 0;
	for (const struct step *step = last; step; step = step->before)
		steps[n++] = step;
	while (n--) {
		const struct step *step = steps[n];

		if (step->kind == STEP_POLICY)
			continue;
		text_addf(out, " > %s %zu%s", step->chain->name,
			(size_t)(step->rule - step->chain->rules) + 1,
			step->kind == STEP_MAYBE       ? " (if it matches)"
			: step->kind == STEP_MAYBE_NOT ? " (if it does not match)"
						       : "");
	}
}

static bool is_same_looks(const struct packet *a, const struct packet *b)
{
	struct text x CLEANUP(text_done) = TEXT_INIT, y CLEANUP(text_done) = TEXT_INIT;

	packet_expr_print(&x, a);
	packet_expr_print(&y, b);
	return strcmp(x.data, y.data) == 0;
}

/* " 10.0.0.0/8 via 192.0.2.254, table 254" */
static void add_route(struct text *out, const struct node *node)
{
	text_add(out, " ");
	if (node->route->dst.len)
		prefix_print(out, &node->route->dst);
	else
		text_add(out, "default");
	if (node->hop && node->hop->has_gateway) {
		text_add(out, " via ");
		addr_print(out, &node->hop->gateway);
	}
	text_addf(out, ", table %u", node->route->table);
}

static void print_netns(const struct invocation *inv, struct text *out, const struct netns *ns)
{
	output_add(inv, out, COLOUR_DIM, "  in network namespace %s\n",
		*ns->name ? ns->name : "(the one asked from)");
}

static void print_node(const struct invocation *inv, struct text *out, const struct node *node)
{
	char point = node_point(node);

	text_addf(out, "  %c %-15s %-16s", point ? point : ' ', node_kind_name(node->kind),
		node->ovs    ? node->ovs->name
		: node->link ? node->link->name
			     : "");
	if (node->kind == NODE_BRIDGE_IN && node->bridge)
		text_addf(out, " of %s", node->bridge->name);
	if (node->kind == NODE_CHAIN) {
		text_addf(out, " %s %s %s", table_program(node->table), node->table->name,
			hook_name(node->hook));
		add_steps(inv->arena, out, node->steps);
	}
	if (node->kind == NODE_ROUTE && node->route)
		add_route(out, node);
	if (node->note)
		text_addf(out, " %s", node->note);
	text_add(out, "\n");
}

static void print_guest(struct text *out)
{
	text_addf(out, "  A %-15s the guest's own interface\n", "guest");
}

static void print_path(const struct invocation *inv, struct text *out,
	const struct node *const *path, size_t n, const struct leaf *leaf)
{
	const struct netns *ns = NULL;

	for (size_t i = 0; i < n; i++) {
		const struct node *node = path[i];

		/* a chain of which no rule matched and that lets all pass says nothing */
		if (node->kind == NODE_CHAIN && !node->steps && !node->rule && i + 2 < n)
			continue;
		if (node->kind == NODE_END)
			continue;
		if (node->ns != ns && node->ns)
			print_netns(inv, out, node->ns);
		ns = node->ns;
		if (!i && node->kind == NODE_RECEIVED && node_point(node) == 'B')
			print_guest(out);
		print_node(inv, out, node);
		if (node->packet && (!i || !path[i - 1]->packet ||
					    !is_same_looks(node->packet, path[i - 1]->packet))) {
			text_addf(out, "    %-15s   ", "");
			packet_expr_print(out, node->packet);
			text_add(out, "\n");
		}
	}
	if (leaf->place == PLACE_GUEST)
		print_guest(out);
}

void report_print_path(const struct invocation *inv, struct text *out, const struct report *report)
{
	print_path(inv, out, report->path, report->n_path, report->explanation->leaf);
}

static void print_decider(struct text *out, const char *what, const struct decider *decider)
{
	const struct node *node = decider->node;
	const struct rule *rule = node->rule;
	const char *name = node->rule_chain->name;

	if (rule) {
		text_addf(out, "  %s by rule %zu of chain %s, table %s (%s", what, decider->number,
			name, node->table->name, table_program(node->table));
		if (rule->line)
			text_addf(out, ", line %u of what it lists", rule->line);
		text_add(out, ")\n    ");
		table_print_rule(out, node->table, rule);
		text_addf(out, "\n    counted before: %llu packets, %llu bytes\n",
			(unsigned long long)rule->counters.packets,
			(unsigned long long)rule->counters.bytes);
	} else {
		text_addf(out, "  %s by the policy of chain %s, table %s (%s): %s\n", what, name,
			node->table->name, table_program(node->table),
			node->chain->policy ? node->chain->policy : "-");
	}
	text_addf(out, "  whose it is: %s (%s)\n", decider->owner.name, decider->owner.evidence);
}

static const char *change_effect(const struct changes *changes)
{
	switch (changes->after) {
	case FINAL_DELIVERED:
		return "it would be delivered with";
	case FINAL_REWRITTEN:
		return "it would be delivered, but rewritten, with";
	default:
		return "it would come as far as the host, where nothing listens, with";
	}
}

static void print_changes(
	const struct invocation *inv, struct text *out, const struct changes *changes)
{
	for (size_t i = 0; i < changes->n; i++) {
		const struct change *change = &changes->items[i];

		output_add(inv, out, COLOUR_BOLD, "  %s: %s\n", i ? "and" : change_effect(changes),
			change->words);
		text_addf(out, "      %s\n", change->command);
		if (*change->ns->name)
			text_addf(out, "      (in network namespace %s)\n", change->ns->name);
		if (change->note)
			text_addf(out, "      (%s)\n", change->note);
	}
}

void report_print_changes(
	const struct invocation *inv, struct text *out, const struct report *report)
{
	print_changes(inv, out, &report->changes);
}

static void print_missing(struct text *out, const struct report *report)
{
	struct text missing CLEANUP(text_done) = TEXT_INIT;

	report_print_missing(&missing, report);
	if (missing.len)
		text_addf(out, "  it depends on %s\n", missing.data);
}

/* "source address, source port" */
static void add_fields(struct text *out, const char *first, const char *next, uint64_t fields)
{
	const char *comma = first;

	for (unsigned f = 0; f < N_FIELDS; f++) {
		if (!(fields & FIELD_BIT(f)))
			continue;
		text_addf(out, "%s%s", comma, field_name((enum field)f));
		comma = next;
	}
}

static void print_fields(struct text *out, const struct report *report)
{
	text_add(out, "  rules looked at: ");
	if (report->fields)
		add_fields(out, "", ", ", report->fields);
	else
		text_add(out, "nothing of the packet that matters");
	text_add(out, "\n");
	if (report->any) {
		add_fields(out, "  any ", ", any ", report->any);
		text_add(out, ": the same answer\n");
	}
}

void report_print_deciders(struct text *out, const struct report *report)
{
	bool is_case = report->explanation->final == FINAL_CANNOT_TELL;

	/* Whoever rewrites the packet on the way is told of, whatever becomes of it. */
	for (size_t i = 0; i < report->n_rewriters; i++)
		print_decider(out, "rewritten", &report->rewriters[i]);
	if (report->decider)
		print_decider(out, is_case ? "decided in this case" : "decided", report->decider);
}

void report_print_text(const struct invocation *inv, struct text *out, const struct report *report)
{
	const struct explanation *explanation = report->explanation;
	struct text verdict CLEANUP(text_done) = TEXT_INIT;

	report_print_verdict(&verdict, report);
	output_add(inv, out, explain_colour(explanation->final), "%s", verdict.data);
	text_add(out, "\n");
	print_path(inv, out, report->path, report->n_path, explanation->leaf);
	report_print_deciders(out, report);
	print_missing(out, report);
	print_changes(inv, out, &report->changes);
	if (explanation->other) {
		size_t n;
		const struct node *const *path = leaf_path(inv->arena, explanation->other, &n);

		text_addf(out, "  the other case: %s%s%s\n", final_name(explanation->other->final),
			explanation->other->why ? ": " : "",
			explanation->other->why ? explanation->other->why : "");
		print_path(inv, out, path, n, explanation->other);
	}
	print_fields(out, report);
	if (report->macs)
		text_addf(out, "  %s: taken from what this host knows of the addresses\n",
			report->macs == FIELD_BIT(FIELD_ETH_SRC)   ? "source MAC"
			: report->macs == FIELD_BIT(FIELD_ETH_DST) ? "destination MAC"
								   : "MACs");
}
