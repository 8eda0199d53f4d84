// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What each port's rules did. The rows are the wanted rules, in the order in which the kernel asks
 * them; each is looked up in the found chain for its line and counters. What is wanted and not
 * found is missing; what is found in a port's chain and not wanted is somebody else's.
 */
#include "agent/serve.h"
#include <string.h>

bool view_row_is_drop(const struct view_row *row)
{
	if (!row->wanted)
		return row->found->target.kind == TARGET_DROP;
	return row->wanted->target.kind == TARGET_DROP ||
	       (row->wanted->origin && row->wanted->origin->duty == DUTY_FALLBACK);
}

static void add_row(struct arena *arena, struct view_section *section, const struct rule *wanted,
	const struct rule *found, size_t line, const struct policy_rule *policy_rule)
{
	*vec_push(&section->rows, arena) = (struct view_row){
		.wanted = wanted, .found = found, .line = line, .policy_rule = policy_rule
	};
}

static const struct chain *chain_in(
	const struct ruleset *ruleset, const struct view_section *section)
{
	const struct table *table = ruleset_table(ruleset, section->family, section->table);

	return table ? table_chain(table, section->chain) : NULL;
}

/*
 * Both chains in one pass: a found rule that is not the next wanted one is looked for further down;
 * skipped ones are somebody else's.
 */
static void section_fill(
	struct arena *arena, const struct agent_view *view, struct view_section *section)
{
	const struct chain *wanted = chain_in(view->wanted, section),
			   *found = chain_in(view->found, section);
	size_t next = 0, n_found = found ? found->n_rules : 0;

	for (size_t w = 0; wanted && w < wanted->n_rules; w++) {
		const struct rule *rule = &wanted->rules[w];
		const struct origin *origin = rule->origin;
		size_t at = next;

		while (at < n_found && !rule_equal(rule, &found->rules[at]))
			at++;
		for (; at < n_found && next < at; next++)
			add_row(arena, section, NULL, &found->rules[next], next + 1, NULL);
		for (size_t r = 0; r < (origin->n_rules ? origin->n_rules : 1); r++)
			add_row(arena, section, rule, at < n_found ? &found->rules[at] : NULL,
				at + 1, origin->n_rules ? origin->rules[r] : NULL);
		if (at < n_found)
			next = at + 1;
	}
	for (; next < n_found; next++)
		add_row(arena, section, NULL, &found->rules[next], next + 1, NULL);
}

void agent_view_sections(struct arena *arena, const struct agent_view *view,
	const struct policy_port *port, struct view_section **ret, size_t *ret_n)
{
	static const struct {
		enum direction direction;
		char kind;
	} ip_chains[] = { { DIR_INGRESS, 'i' }, { DIR_EGRESS, 'o' }, { DIR_EGRESS, 's' } };
	VEC(struct view_section) sections = { 0 };

	for (size_t c = 0; c < N_OF(ip_chains); c++)
		for (enum family f = FAMILY_IPV4; f <= FAMILY_IPV6; f++)
			*vec_push(&sections, arena) = (struct view_section){ .family = f,
				.direction = ip_chains[c].direction,
				.table = "filter",
				.chain = compile_chain_name(
					arena, &view->scope, ip_chains[c].kind, port->id) };
	for (int d = DIR_INGRESS; d <= DIR_EGRESS; d++)
		*vec_push(&sections, arena) = (struct view_section){ .family = FAMILY_BRIDGE,
			.direction = (enum direction)d,
			.table = view->scope.l2_table,
			.chain = compile_frames_chain_name(arena, (enum direction)d, port->id) };
	vec_for_each (section, &sections)
		section_fill(arena, view, section);
	*ret = sections.items;
	*ret_n = sections.n;
}

/* Of frames there are rules that let pass and rules that drop; whoever counts drops has to tell them apart. */
static const char *row_duty(const struct view_row *row)
{
	enum duty duty = row->wanted->origin->duty;

	return duty == DUTY_FRAMES && view_row_is_drop(row) ? "frames-drop" : duty_name(duty);
}

void agent_view_count(struct arena *arena, const struct agent_view *view, const char *port_id,
	struct serve_counted *ret)
{
	VEC(struct serve_counter) counters = { 0 };

	for (size_t p = 0; p < view->n_plugs; p++) {
		const struct policy_port *port = view->plugs[p].port;
		struct view_section *sections;
		size_t n;

		if (port_id && strcmp(port->id, port_id) != 0)
			continue;
		agent_view_sections(arena, view, port, &sections, &n);
		for (size_t s = 0; s < n; s++)
			vec_for_each (row, &sections[s].rows)
				if (row->wanted && row->found)
					*vec_push(&counters, arena) =
						(struct serve_counter){ .port_id = port->id,
							.rule_id = row->policy_rule
									   ? row->policy_rule->id
									   : "",
							.duty = row_duty(row),
							.direction = sections[s].direction,
							.family = sections[s].family,
							.packets = row->found->counters.packets,
							.bytes = row->found->counters.bytes };
	}
	*ret = (struct serve_counted){ .counters = counters.items, .n = counters.n };
}
