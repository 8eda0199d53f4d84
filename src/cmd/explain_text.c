// SPDX-License-Identifier: GPL-2.0-or-later
/* An answer for people: verdict, path, who decided and whose that is, on what it depended. */
#include "cmd/explain.h"

#include <string.h>

#include "packet/expr.h"
#include "packet/field.h"

static enum colour colour_of(enum final final)
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

static const char *table_words(const struct table *table)
{
	switch (table->source) {
	case SOURCE_IPTABLES_LEGACY:
		return table->family == FAMILY_IPV6 ? "ip6tables-legacy" : "iptables-legacy";
	case SOURCE_NFT:
		return "nft";
	case SOURCE_EBTABLES:
		return "ebtables";
	case SOURCE_EBTABLES_LEGACY:
		return "ebtables-legacy";
	default:
		return table->family == FAMILY_IPV6 ? "ip6tables" : "iptables";
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

static void print_path(const struct invocation *inv, struct text *out, const struct leaf *leaf)
{
	const struct netns *ns = NULL;
	size_t n;
	const struct node *const *path = answer_path(inv->arena, leaf, &n);

	for (size_t i = 0; i < n; i++) {
		const struct node *node = path[i];

		/* a chain of which no rule matched and that lets all pass says nothing */
		if (node->kind == NODE_CHAIN && !node->steps && !node->rule && i + 2 < n)
			continue;
		if (node->kind == NODE_END)
			continue;
		if (node->ns != ns && node->ns)
			output_add(inv, out, COLOUR_DIM, "  in network namespace %s\n",
				*node->ns->name ? node->ns->name : "(the one asked from)");
		ns = node->ns;
		text_addf(out, "    %-15s %-16s", node_kind_name(node->kind),
			node->link ? node->link->name : "");
		if (node->kind == NODE_CHAIN) {
			text_addf(out, " %s %s %s", table_words(node->table), node->table->name,
				hook_name(node->hook));
			add_steps(inv->arena, out, node->steps);
		}
		if (node->kind == NODE_ROUTE && node->route)
			add_route(out, node);
		if (node->note)
			text_addf(out, " %s", node->note);
		text_add(out, "\n");
		if (node->packet && (!i || !path[i - 1]->packet ||
					    !is_same_looks(node->packet, path[i - 1]->packet))) {
			text_addf(out, "    %-15s   ", "");
			packet_expr_print(out, node->packet);
			text_add(out, "\n");
		}
	}
}

static void print_decider(const struct invocation *inv, struct text *out, const char *what,
	const struct node *decider)
{
	struct owner owner = answer_owner(inv->arena, decider);
	const char *name = decider->rule_chain->name;

	if (decider->rule) {
		text_addf(out, "  %s by rule %zu of chain %s, table %s (%s)\n", what,
			answer_rule_number(decider), name, decider->table->name,
			table_words(decider->table));
		text_add(out, "    ");
		table_print_rule(out, decider->table, decider->rule);
		text_addf(out, "\n    counted before: %llu packets, %llu bytes\n",
			(unsigned long long)decider->rule->counters.packets,
			(unsigned long long)decider->rule->counters.bytes);
	} else {
		text_addf(out, "  %s by the policy of chain %s, table %s (%s): %s\n", what, name,
			decider->table->name, table_words(decider->table),
			decider->chain->policy ? decider->chain->policy : "-");
	}
	text_addf(out, "  whose it is: %s (%s)\n", owner.name, owner.evidence);
}

/* Whoever rewrites the packet on the way is told of, whatever becomes of it. */
static void print_rewriters(const struct invocation *inv, struct text *out, const struct leaf *leaf)
{
	size_t n;
	const struct node *const *path = answer_path(inv->arena, leaf, &n);

	for (size_t i = 0; i < n; i++) {
		const struct node *by = path[i]->kind == NODE_NAT ? answer_rewriter(path[i]) : NULL;

		if (by)
			print_decider(inv, out, "rewritten", by);
	}
}

static void print_fields(struct text *out, uint64_t fields)
{
	const char *comma = "";

	text_add(out, "  rules looked at: ");
	for (unsigned f = 0; f < N_FIELDS; f++) {
		if (!(fields & FIELD_BIT(f)))
			continue;
		text_addf(out, "%s%s", comma, field_name((enum field)f));
		comma = ", ";
	}
	text_add(out, *comma ? "\n" : "nothing of the packet\n");
}

void answer_print_text(const struct invocation *inv, struct text *out, const struct answer *answer)
{
	const struct explanation *explanation = answer->explanation;
	const struct node *decider = answer_decider(answer);
	struct text verdict CLEANUP(text_done) = TEXT_INIT;

	answer_print_verdict(&verdict, answer);
	output_add(inv, out, colour_of(explanation->final), "%s", verdict.data);
	text_add(out, "\n");
	print_path(inv, out, explanation->leaf);
	print_rewriters(inv, out, explanation->leaf);
	if (decider)
		print_decider(inv, out, "decided", decider);
	if (explanation->other) {
		text_addf(out, "  the other case: %s\n", final_name(explanation->other->final));
		print_path(inv, out, explanation->other);
	}
	print_fields(out, explanation->decided);
	if (answer->macs)
		text_addf(out, "  %s: taken from what this host knows of the addresses\n",
			answer->macs == FIELD_BIT(FIELD_ETH_SRC)   ? "source MAC"
			: answer->macs == FIELD_BIT(FIELD_ETH_DST) ? "destination MAC"
								   : "MACs");
}
