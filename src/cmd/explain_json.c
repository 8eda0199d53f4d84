// SPDX-License-Identifier: GPL-2.0-or-later
/* An answer for programs: docs/explain.md lists every name. */
#include "cmd/explain.h"

#include "packet/expr.h"
#include "packet/field.h"
#include "ruleset/edit.h"

static json_t *json_packet(const struct packet *packet)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;

	packet_expr_print(&text, packet);
	return json_string(text.data);
}

static json_t *json_rule_text(const struct table *table, const struct rule *rule)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;

	table_print_rule(&text, table, rule);
	return json_string(text.data);
}

static const char *step_name(enum step_kind kind)
{
	switch (kind) {
	case STEP_MATCH:
		return "match";
	case STEP_MAYBE:
		return "maybe";
	case STEP_MAYBE_NOT:
		return "maybe-not";
	default:
		return "policy";
	}
}

static json_t *json_steps(const struct table *table, const struct step *last)
{
	json_t *steps = json_array();

	for (const struct step *step = last; step; step = step->before) {
		json_t *value = json_pack(
			"{s:s, s:s}", "kind", step_name(step->kind), "chain", step->chain->name);

		if (step->rule) {
			json_object_set_new(value, "rule",
				json_integer((json_int_t)(step->rule - step->chain->rules) + 1));
			json_object_set_new(value, "text", json_rule_text(table, step->rule));
		}
		json_array_insert_new(steps, 0, value);
	}
	return steps;
}

static json_t *json_node(const struct node *node)
{
	json_t *value = json_pack("{s:s}", "kind", node_kind_name(node->kind));
	char point[2] = { node_point(node) };

	if (*point)
		json_object_set_new(value, "point", json_string(point));
	if (node->ns)
		json_object_set_new(value, "netns", json_string(node->ns->name));
	if (node->link)
		json_object_set_new(value, "device", json_string(node->link->name));
	if (node->packet)
		json_object_set_new(value, "packet", json_packet(node->packet));
	if (node->note)
		json_object_set_new(value, "note", json_string(node->note));
	if (node->kind == NODE_CHAIN) {
		json_object_set_new(value, "table", json_string(node->table->name));
		json_object_set_new(value, "chain", json_string(node->chain->name));
		json_object_set_new(value, "hook", json_string(hook_name(node->hook)));
		json_object_set_new(value, "steps", json_steps(node->table, node->steps));
	}
	return value;
}

static json_t *json_path(const struct node *const *path, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_node(path[i]));
	return list;
}

static json_t *json_port(const struct group_port *port)
{
	return json_pack("{s:s, s:s, s:b, s:b}", "device", port->device, "direction",
		port->is_ingress ? "ingress" : "egress", "anti_spoofing", port->is_spoof,
		"invalid_state", port->is_invalid);
}

static json_t *json_decider(const struct decider *decider)
{
	const struct node *node = decider->node;
	const struct chain *chain = node->rule_chain;
	json_t *value = json_object();

	json_object_set_new(value, "table", json_string(node->table->name));
	json_object_set_new(value, "program", json_string(table_program(node->table)));
	json_object_set_new(value, "chain", json_string(chain->name));
	if (node->rule) {
		const struct rule *rule = node->rule;

		json_object_set_new(value, "rule", json_integer((json_int_t)decider->number));
		if (rule->line)
			json_object_set_new(value, "line", json_integer(rule->line));
		json_object_set_new(value, "text", json_rule_text(node->table, rule));
		json_object_set_new(
			value, "packets", json_integer((json_int_t)rule->counters.packets));
		json_object_set_new(value, "bytes", json_integer((json_int_t)rule->counters.bytes));
	} else {
		json_object_set_new(
			value, "policy", chain->policy ? json_string(chain->policy) : json_null());
	}
	json_object_set_new(value, "owner",
		decider->owner.is_known ? json_string(decider->owner.name) : json_null());
	json_object_set_new(value, "owner_evidence", json_string(decider->owner.evidence));
	if (decider->port)
		json_object_set_new(value, "port", json_port(decider->port));
	return value;
}

static json_t *json_rewriters(const struct report *report)
{
	json_t *list = json_array();

	for (size_t i = 0; i < report->n_rewriters; i++)
		json_array_append_new(list, json_decider(&report->rewriters[i]));
	return list;
}

static json_t *json_fields(uint64_t set)
{
	json_t *fields = json_array();

	for (unsigned f = 0; f < N_FIELDS; f++)
		if (set & FIELD_BIT(f))
			json_array_append_new(fields, json_string(field_key((enum field)f)));
	return fields;
}

static json_t *json_change(const struct change *change)
{
	return json_pack("{s:s, s:s, s:s, s:[s], s:s?}", "kind", change_kind_name(change->kind),
		"netns", change->ns->name, "words", change->words, "commands", change->command,
		"note", change->note);
}

static json_t *json_changes(const struct changes *changes)
{
	json_t *list = json_array();

	for (size_t i = 0; i < changes->n; i++)
		json_array_append_new(list, json_change(&changes->items[i]));
	return json_pack("{s:o, s:s, s:s?}", "all_of", list, "verdict", final_name(changes->after),
		"drop_reason", changes->after_drop ? drop_name(changes->after_drop) : NULL);
}

static json_t *json_missing(const struct report *report)
{
	struct text missing CLEANUP(text_done) = TEXT_INIT;

	report_print_missing(&missing, report);
	if (report->explanation->final != FINAL_CANNOT_TELL)
		return json_null();
	if (report->explanation->leaf->why)
		return json_string(report->explanation->leaf->why);
	return missing.len ? json_string(missing.data) : json_null();
}

json_t *report_json(const struct report *report, bool is_short)
{
	const struct explanation *explanation = report->explanation;
	const struct leaf *leaf = explanation->leaf;
	struct text words CLEANUP(text_done) = TEXT_INIT;
	json_t *root = json_object();

	report_print_verdict(&words, report);
	json_object_set_new(root, "verdict", json_string(final_name(explanation->final)));
	json_object_set_new(root, "words", json_string(words.data));
	json_object_set_new(
		root, "drop_reason", leaf->drop ? json_string(drop_name(leaf->drop)) : json_null());
	json_object_set_new(root, "missing", json_missing(report));
	json_object_set_new(root, "packet", json_packet(&report->query->packet));
	if (leaf->last->packet)
		json_object_set_new(root, "packet_at_end", json_packet(leaf->last->packet));
	json_object_set_new(
		root, "decided_by", report->decider ? json_decider(report->decider) : json_null());
	json_object_set_new(root, "rewritten_by", json_rewriters(report));
	if (is_short)
		return root;
	json_object_set_new(root, "fields", json_fields(report->fields));
	json_object_set_new(root, "any", json_fields(report->any));
	json_object_set_new(root, "open", json_fields(report->open));
	json_object_set_new(
		root, "change", report->changes.n ? json_changes(&report->changes) : json_null());
	json_object_set_new(root, "path", json_path(report->path, report->n_path));
	if (explanation->other) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		size_t n;
		const struct node *const *path = leaf_path(arena, explanation->other, &n);

		json_object_set_new(root, "other_path", json_path(path, n));
	}
	return root;
}
